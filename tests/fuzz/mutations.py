"""Ways to damage a file: blindly, by the fields of a header, inside of compression, word by word, value by value."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from math import inf, nan
from random import Random
from typing import Any

import numpy as np
from nibabel.freesurfer.mghformat import MGHHeader
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header

from niicorr.images.cache.fields import written

FLOATS = (0.0, -0.0, -1.0, 1.0, 0.5, 2.0, nan, inf, -inf, 1e38, -1e38, 1e-38, 3.4e38, 1e308, -1e308, 5e-324, 1e-4, 1e3,
          1e5, 2.0**31, 2.0**53, 2.0**63)
WHOLES = (0, 1, -1, 2, 3, 4, 7, 8, 16, 20, 21, 64, 127, 128, 255, 256, 512, 768, 1000, 1280, 1536, 1792, 2304, 32767,
          32768, 65535, 2**31 - 1, 2**31, 2**32, 2**53, 2**62, 2**63 - 1, -7, -2**31, -2**63)
"""Numbers at which programs break: ends of types, what is no number, what no header can mean, and all data types."""

WORDS = ("", " ", "\t", ",", ";", "\n", "\r", "\r\n", "\0", "\ufeff", "\u2028", "\u202e", "\ud800", "ß", "🧠",
         '"', "'", '""', "=1+1", "-1", "0", "1e400", "nan", "NaN", "inf", "-inf", "n/a", "None", "null", "true", "1_0",
         "٣", "²", "9" * 400, "1e-400", "0x10", "#", "%", "//", "<", ">", "&amp;", "&#x0;", "&e;", "<!DOCTYPE a>",
         "]]>", "{", "}", "[", "]", "[" * 300, "\\", "\\u0000", "../../x", "/dev/null", "/dev/stdin", ".", "..", "~",
         "~nobody", "*", "?", "[0]", "good.nii", "http://x", "L", "path", "label", "name", "index", "sep=,", "x" * 200)
"""What people, programs and attackers put into cells."""

VALUES = (None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, -1e308, 1e-320, nan, inf, -inf, "", "x",
          "nan", "\0", "\ud800", "\u202e", "9" * 400, [], {}, [[]], [None], {"": None}, ["x"] * 30, [1, 2, 3],
          {"x": {"x": 1}})
"""Values for JSON."""

Damage = Callable[[Random, bytes], bytes]


def damaged(rng: Random, files: dict[str, bytes]) -> dict[str, bytes]:
    """Damage one to three places of one or more files of a seed."""
    out = dict(files)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        name = rng.choice(sorted(out))
        out[name] = rng.choice(ways(name))(rng, out[name])
    return out


@cache
def ways(name: str) -> tuple[Damage, ...]:
    """Return what can be done to a file of this name, the likeliest to hurt more than once."""
    blind = (flip_bits, set_bytes, cut, insert, double, swap)
    if name.endswith(".bz2"):
        return (*blind, inside_bz2(set_field), inside_bz2(set_bytes))
    if name.endswith((".gz", ".mgz")):
        inner = (set_field, set_field, set_field, flip_bits, set_bytes, cut, insert, set_voxels)
        return (*blind, flip_bits, double_member, *map(inside_gzip, inner))
    if name.endswith((".nii", ".hdr")):
        return (*blind, *[set_field] * 6, set_voxels)
    if name.startswith("cache/"):
        return (*blind, *[exchange] * 4) if name.endswith(".jsonl") else blind
    if name.endswith(".jsonl"):
        return (*blind, *[reseal] * 5)
    if name.endswith(".npz"):
        return (*blind, *[set_array] * 6)
    if name.endswith(".npy"):
        return (*blind, *[set_npy] * 3)
    if name.endswith(".json"):
        return (*blind, *[set_value] * 6, replace_word)
    if name.endswith(".img"):
        return (*blind, set_voxels)
    return (*blind, *[replace_word] * 4, drop_line, double_line, drop_cell)


def flip_bits(rng: Random, data: bytes) -> bytes:
    """Flip one to eight bits."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8)) if out else 0):
        at = rng.randrange(8 * len(out))
        out[at >> 3] ^= 1 << (at & 7)
    return bytes(out)


def set_bytes(rng: Random, data: bytes) -> bytes:
    """Set a few bytes to what is often special."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 2, 4, 16)) if out else 0):
        out[_place(rng, len(out))] = rng.choice((0, 1, 9, 10, 13, 34, 44, 127, 128, 254, 255, rng.randrange(256)))
    return bytes(out)


def cut(rng: Random, data: bytes) -> bytes:
    """Leave out the end, the beginning, or a span."""
    first, last = sorted((_place(rng, len(data)), rng.randrange(len(data) + 1)))
    return rng.choice((data[:first], data[:last], data[first:], data[:first] + data[last:]))


def insert(rng: Random, data: bytes) -> bytes:
    """Put bytes in between, or at the end."""
    at = rng.choice((0, len(data), _place(rng, len(data))))
    noise, zeros = rng.randbytes(rng.choice((1, 2, 7, 300))), bytes(rng.choice((1, 8, 1000)))
    return data[:at] + rng.choice((noise, zeros, data[:40], b"\xff" * 9)) + data[at:]


def double(rng: Random, data: bytes) -> bytes:
    """Copy a span of a file to another place of it, in between or over what is there."""
    first, last = sorted((_place(rng, len(data)), _place(rng, len(data))))
    span, at = data[first : last + 1], _place(rng, len(data))
    return data[:at] + span + data[at + rng.choice((0, len(span))) :]


def swap(rng: Random, data: bytes) -> bytes:
    """Exchange two halves of a span, as a byte order does."""
    at, size = _place(rng, len(data)), rng.choice((1, 2, 4, 8))
    return data[:at] + data[at + size : at + 2 * size] + data[at : at + size] + data[at + 2 * size :]


def set_field(rng: Random, data: bytes) -> bytes:
    """Set one to four fields of an image's header to numbers that hurt."""
    kind = _header_kind(data)
    if kind is None:
        return set_bytes(rng, data)
    dtype, order = kind
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        name = rng.choice(dtype.names)
        field, at = dtype.fields[name][:2]
        base = field.base.newbyteorder(order)
        at += base.itemsize * rng.randrange(int(np.prod(field.shape, dtype=int)))
        out[at : at + base.itemsize] = _bytes_of(rng, base)
    return bytes(out)


def set_voxels(rng: Random, data: bytes) -> bytes:
    """Fill a span of the voxels with the bits of a number that hurts."""
    start = min(352, len(data) // 4)
    number = _bytes_of(rng, np.dtype(rng.choice(("<f4", ">f4", "<f8", ">f8", "<i2"))))
    first, last = sorted((rng.randrange(start, len(data) + 1), rng.randrange(start, len(data) + 1)))
    first += (start - first) % len(number)
    span = (number * ((max(last - first, 0)) // len(number) + 1))[: max(last - first, 0)]
    return data[:first] + span + data[first + len(span) :]


def inside_gzip(how: Damage) -> Damage:
    """Damage what a gzip stream holds; its checksum is right afterwards."""

    def inner(rng: Random, data: bytes) -> bytes:
        try:
            plain = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return flip_bits(rng, data)
        return gzip.compress(how(rng, plain), rng.choice((0, 1, 6)), mtime=0)

    return inner


def inside_bz2(how: Damage) -> Damage:
    """Damage what a bzip2 stream holds."""
    import bz2

    def inner(rng: Random, data: bytes) -> bytes:
        try:
            return bz2.compress(how(rng, bz2.decompress(data)))
        except (OSError, EOFError, ValueError):
            return flip_bits(rng, data)

    return inner


def double_member(rng: Random, data: bytes) -> bytes:
    """Append a member, zeros or rubbish to a gzip stream."""
    empty, zeros = gzip.compress(b"", mtime=0), gzip.compress(bytes(2000), mtime=0)
    return data + rng.choice((data, empty, zeros, bytes(600), b"\x1f\x8b", b"\x1f", b"more"))


def replace_word(rng: Random, data: bytes) -> bytes:
    """Replace a word, a number or a separator of a text."""
    text = data.decode("utf-8", "surrogateescape")
    words = list(re.finditer(r"[^\s,;<>\"{}\[\]:]+|[\s,;<>\"{}\[\]:]", text))
    if not words:
        return rng.choice(WORDS).encode("utf-8", "surrogatepass")
    at = rng.choice(words)
    text = text[: at.start()] + rng.choice(WORDS) + text[at.end() :]
    # Of half a character comes what is no UTF-8.
    return text.encode("utf-8", "surrogatepass" if rng.random() < 0.5 else "replace")


def drop_line(rng: Random, data: bytes) -> bytes:
    """Leave out a line."""
    lines = data.splitlines(keepends=True)
    return b"".join(lines[:at] + lines[at + 1 :]) if (at := rng.randrange(len(lines) + 1)) < len(lines) else b""


def double_line(rng: Random, data: bytes) -> bytes:
    """Let a line stand twice, or many times."""
    lines = data.splitlines(keepends=True) or [b"\n"]
    at = rng.randrange(len(lines))
    return b"".join(lines[:at] + [lines[at]] * rng.choice((2, 2, 50)) + lines[at + 1 :])


def drop_cell(rng: Random, data: bytes) -> bytes:
    """Leave out a cell, so that rows have different lengths."""
    cells = re.split(rb"([\t,\n])", data)
    del cells[rng.randrange(len(cells))]
    return b"".join(cells)


def set_value(rng: Random, data: bytes) -> bytes:
    """Replace, drop or add a value somewhere in JSON."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return replace_word(rng, data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        value = _changed(rng, value)
    # Halves of characters are written as escapes, which is valid JSON.
    return json.dumps(value).encode("ascii")


def reseal(rng: Random, data: bytes) -> bytes:
    """Change what a line of a cache's index tells, and make its checksum right."""
    lines = data.splitlines()
    at = rng.randrange(len(lines)) if lines else 0
    parts = lines[at].split(b" ", 3) if lines else []
    if len(parts) < 4:
        return flip_bits(rng, data)
    _, kind, key, text = parts
    what = rng.randrange(8)
    if what == 0:
        kind = rng.choice((b"map", b"file", b"dead", b"", b"x"))
    elif what == 1:
        key = rng.choice((b"", b"-", b"x", key[::-1], key.replace(b"-", b""), b"9" * 5000 + b"-a", b"-1-" + key,
                          key + b"+"))
    else:
        text = set_value(rng, text)
    if rng.random() < 0.9:  # as if niicorr had written it
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            fields = json.loads(text)
            del fields["bound"]
            text = written(fields, key.decode("ascii")).encode("ascii")
    body = b" ".join((kind, key, text))
    lines[at] = hashlib.blake2b(body, digest_size=8).hexdigest().encode() + b" " + body
    return b"\n".join(lines) + b"\n"


def exchange(rng: Random, data: bytes) -> bytes:
    """Exchange what two lines of a cache's index tell, whole or some fields, and make their checksums right."""
    parts = [each.split(b" ", 3) for each in data.splitlines()]
    kind = rng.choice((b"map", b"file"))
    alike = [part for part in parts if len(part) == 4 and part[1] == kind]
    if len(alike) < 2:
        return swap(rng, data)
    one, other = rng.sample(alike, 2)
    if rng.random() < 0.3:
        one[3], other[3] = other[3], one[3]
    else:
        try:
            tells = [json.loads(part[3]) for part in (one, other)]
            for name in rng.sample(sorted(tells[0]), rng.randint(1, 5)):
                tells[0][name], tells[1][name] = tells[1][name], tells[0][name]
        except (ValueError, KeyError, TypeError, RecursionError):  # damaged before
            return swap(rng, data)
        one[3], other[3] = (json.dumps(each, separators=(",", ":")).encode() for each in tells)
    bodies = [b" ".join(part[1:]) for part in parts]
    return b"".join(hashlib.blake2b(body, digest_size=8).hexdigest().encode() + b" " + body + b"\n" for body in bodies)


def set_npy(rng: Random, data: bytes) -> bytes:
    """Damage an array as numpy saves it: its header as text, or its numbers."""
    end = data.find(b"\n") + 1
    if not end or rng.random() < 0.3:
        return set_voxels(rng, data) if len(data) > 400 else set_bytes(rng, data)
    return replace_word(rng, data[:end]).ljust(end)[:end] + data[end:]


def set_array(rng: Random, data: bytes) -> bytes:
    """Change, drop, rename or damage arrays of a saved result; the archive stays whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except (ValueError, OSError, EOFError, KeyError, NotImplementedError, RuntimeError, OverflowError, zlib.error,
            zipfile.BadZipFile):
        return flip_bits(rng, data)
    for _ in range(rng.choice((1, 1, 2, 4)) if members else 0):
        name = rng.choice(sorted(members))
        what = rng.randrange(10)
        if what == 0:
            del members[name]
        elif what == 1:
            members[rng.choice(sorted(members))] = members[name]
        elif what == 2:
            members[name] = set_npy(rng, members[name])
        elif what == 3:
            members[name] = flip_bits(rng, members[name])
        else:
            members[name] = _saved_again(rng, members[name])
        if not members:
            break
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _saved_again(rng: Random, content: bytes) -> bytes:
    """Change an array: its numbers, its shape or its type."""
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception:  # it was damaged before
        return content
    what = rng.randrange(8)
    with np.errstate(all="ignore"):
        if what == 0:
            array = array.reshape(-1)[: rng.randrange(array.size + 1)]
        elif what == 1:
            array = array[None]
        elif what == 2 and array.dtype.kind in "fiub":
            array = array.astype(rng.choice(("f4", "i4", "u1", "c16", "U9", "?", "i8")))
        elif array.size and array.dtype.kind in "fiu":
            array = np.array(array)
            flat = array.reshape(-1)
            number = np.frombuffer(_bytes_of(rng, array.dtype), array.dtype)[0]
            flat[rng.randrange(flat.size) if rng.random() < 0.7 else slice(None)] = number
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _changed(rng: Random, value: Any) -> Any:
    """Change something at some depth."""
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value, key=str))
        if (chance := rng.random()) < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if chance < 0.2:
            return value | {rng.choice(sorted(value, key=str)): rng.choice(VALUES)}
        return value | {key: _changed(rng, value[key])}
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        if (chance := rng.random()) < 0.1:
            return value[:at] + value[at + 1 :]
        if chance < 0.2:
            return [*value, value[at]]
        return [*value[:at], _changed(rng, value[at]), *value[at + 1 :]]
    return rng.choice(VALUES)


def _place(rng: Random, size: int) -> int:
    """Choose a place, more often near the beginning: that is where headers are."""
    return rng.randrange(max(1, size if rng.random() < 0.6 else min(size, 400)))


def _header_kind(data: bytes) -> tuple[np.dtype, str] | None:
    """Return the fields of an image's header and their byte order; None where it is no header."""
    if data[:4] == b"\0\0\0\1" and len(data) >= 284:
        return MGHHeader.template_dtype, ">"
    for size, kind in ((348, Nifti1Header), (540, Nifti2Header)):
        for name, order in (("little", "<"), ("big", ">")):
            if int.from_bytes(data[:4], name) == size and len(data) >= size:
                return kind.template_dtype, order
    return None


def _bytes_of(rng: Random, dtype: np.dtype) -> bytes:
    """Return a number that hurts as a field of this type; a whole one wraps round."""
    if dtype.kind == "f":
        with np.errstate(all="ignore"):
            return np.array(rng.choice(FLOATS)).astype(dtype).tobytes()
    if dtype.kind in "iu":
        order = "big" if dtype.byteorder == ">" or (dtype.byteorder == "=" and dtype.str[0] == ">") else "little"
        return (rng.choice(WHOLES) % 2 ** (8 * dtype.itemsize)).to_bytes(dtype.itemsize, order)
    return rng.randbytes(dtype.itemsize)
