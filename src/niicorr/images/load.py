"""Volumes of a file as numbers, one after the other, the stream read to its end.

Values come in the narrowest float that keeps them: float32 where that is exact, float64 otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from niicorr.errors import MapError
from niicorr.images.foreign import named
from niicorr.images.header import FLOAT32_EXACT, START, ImageHeader, demand_same, pair_halves
from niicorr.images.stream import TRAILING, ByteStream
from niicorr.numerals import integer
from niicorr.typing import FloatArray


class FileFacts:
    """What is known of a file once it has been read to the end: bytes, hash, bytes after the last voxel."""

    size: int | None = None
    blake2b: str | None = None
    trailing: int = 0


def volumes(header: ImageHeader, which: Sequence[int], facts: FileFacts) -> Iterator[FloatArray]:
    """Yield volumes ``which`` (ascending) of an image, each 3-D in Fortran order, in the values' own unit.

    After the last one the rest of the file is read, so that a damaged stream is noticed wherever the damage
    lies; only then is ``facts`` filled in.

    Raises
    ------
    MapError
        Where the file ends early, its compressed stream is damaged, or far more follows than the header says.
    """
    if header.array is not None:
        yield from _from_memory(header, which)
        return
    wanted = set(which)
    with ByteStream(header.data_path) as stream:
        first = b""
        if len(set(pair_halves(header.path))) == 1:
            first = stream.read(min(header.offset, START))
            demand_same(header, first)
        _demand(header, len(first) + stream.skip(header.offset - len(first)), header.offset, 0)
        for index in range(max(wanted, default=-1) + 1):
            done = header.offset + index * header.volume_bytes
            if index not in wanted:
                _demand(header, stream.skip(header.volume_bytes), header.volume_bytes, done)
                continue
            buffer = np.empty(header.volume_bytes, dtype=np.uint8)
            _demand(header, stream.readinto(buffer.data), header.volume_bytes, done)
            yield _values(buffer.view(header.dtype), header).reshape(header.shape, order="F")
        rest = (header.n_volumes - 1 - max(wanted, default=-1)) * header.volume_bytes
        left = stream.drain(rest + TRAILING)
        _demand(header, min(left, rest), rest, header.offset + header.n_volumes * header.volume_bytes - rest)
        facts.trailing = left - rest
        if facts.trailing > TRAILING:
            raise MapError(header.path, f"more than {TRAILING >> 20} MiB follow after the last voxel that the header "
                           "tells of", "the header is damaged or the file is not what it seems: copy it again")
        facts.size, facts.blake2b = stream.file_size, stream.digest


def _from_memory(header: ImageHeader, which: Sequence[int]) -> Iterator[FloatArray]:
    with named(header.path, "its voxels cannot be read", "load the image again, or copy its file again"):
        array = np.asanyarray(header.array)
    if array.shape[:3] != header.shape or array.size != prod(header.shape) * header.n_volumes:
        told = "×".join(map(str, (*header.shape, *((header.n_volumes,) if header.n_volumes > 1 else ()))))
        raise MapError(header.path, f"its array has shape {'×'.join(map(str, array.shape))}, and its header tells of "
                       f"{told}", "make the image anew from its array")
    if array.dtype.kind not in "buif":
        raise MapError(header.path, f"holds {array.dtype}", "niicorr needs one real number per voxel")
    stack = array.reshape((*header.shape, header.n_volumes), order="F")
    for index in which:
        yield np.asfortranarray(_values(stack[..., index], header))


def _values(stored: np.ndarray[Any, Any], header: ImageHeader) -> FloatArray:
    scaled = header.slope != 1 or header.inter != 0
    if stored.dtype == np.dtype("V16"):
        stored = _quadruple(stored, header.big_endian)
    # Scaling may overflow where the header asks for it: such voxels become infinite, that is missing. And a NaN may
    # be of the kind that signals when it is cast.
    with np.errstate(over="ignore", invalid="ignore"):
        if stored.dtype.kind == "f" and stored.dtype.itemsize <= 8 and not scaled:
            exact = np.float32 if stored.dtype.itemsize <= 4 else np.float64
            return stored.astype(exact, copy=False)
        if not scaled and stored.dtype.newbyteorder("=").name in FLOAT32_EXACT:
            return stored.astype(np.float32)
        values = stored.astype(np.float64)
        if scaled:
            values *= header.slope
            values += header.inter
    return values


def _quadruple(stored: np.ndarray[Any, Any], big_endian: bool) -> FloatArray:
    """IEEE binary128 as float64 (sign, 15 bits of exponent, 112 of fraction): numpy has no portable type for it."""
    words = np.ascontiguousarray(stored).view(">u8" if big_endian else "<u8").reshape(-1, 2).astype(np.uint64)
    high, low = (words[:, 0], words[:, 1]) if big_endian else (words[:, 1], words[:, 0])
    exponent = ((high >> np.uint64(48)) & np.uint64(0x7FFF)).astype(np.int64)
    fraction = np.ldexp((high & np.uint64(2**48 - 1)).astype(np.float64), -48) + np.ldexp(low.astype(np.float64), -112)
    with np.errstate(over="ignore"):
        values = np.ldexp(1 + fraction, np.clip(exponent - 16383, -1100, 1100).astype(np.int32))
    values[exponent == 0] = 0  # zeros, and subnormals that float64 cannot hold
    values[exponent == 0x7FFF] = np.where(fraction[exponent == 0x7FFF] == 0, np.inf, np.nan)
    return np.asarray(np.where(high >> np.uint64(63) == 1, -values, values))


def _demand(header: ImageHeader, got: int, needed: int, before: int) -> None:
    if got < needed:
        total = header.offset + header.n_volumes * header.volume_bytes
        raise MapError(header.path, f"the file ends early ({integer(before + got)} of {integer(total)} bytes of image "
                       "data)", "copy the file again")
