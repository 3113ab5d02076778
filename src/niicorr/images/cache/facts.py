"""What the cache writes down of a map and of a file, and under which key."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

import numpy as np

from niicorr.images.cache.content import Content
from niicorr.images.cache.fields import (
    UnbelievableError,
    believed,
    decision_fields,
    decisions,
    digest,
    flag,
    hexadecimal,
    number,
    sentence,
    several,
    whole,
    word,
    written,
)
from niicorr.images.header import MAX_VOLUMES, ImageHeader
from niicorr.images.inspect import BackgroundOption, Inspection
from niicorr.records import Decision
from niicorr.space import Grid, affine_fault
from niicorr.typing import ZeroReading, Zeros

INSPECTION = 2
"""To be raised whenever `inspect` or `volumes` would find anything else in the same bytes (a test watches that)."""

VALUES = ("<f4", "<f8")
"""Types of values in a shard: as maps hold them, so that nothing is rounded."""

_STORED = re.compile(r"[<>|][buif][0-9]{1,2}|\|V16")

Unit = tuple[int, int, int]


@dataclass(frozen=True)
class Part:
    """A support in a shard: where its packed bits begin, and their BLAKE2b hash."""

    offset: int
    blake2b: str


@dataclass(frozen=True)
class MapFacts:
    """What is known of one map; its values and bits lie in the shard.

    Attributes
    ----------
    shape : tuple of int
        Of the volume.
    dtype : str
        Of the values; one of `VALUES`.
    count : int
        Data voxels.
    offset, crc32 : int
        Where the values begin, and the checksum of their bytes.
    bits : Part
        Where values are data.
    zero_bits : Part or None
        Where the map is exactly zero; None where nowhere, or where ``rest_is_zero``.
    rest_is_zero : bool
        Whether every other voxel is zero.
    background, share, zeros, by_rule, outline, decisions
        As `Inspection` has them.
    trailing : int
        Bytes of the file after its last voxel.
    """

    shape: Unit
    dtype: str
    count: int
    offset: int
    crc32: int
    bits: Part
    zero_bits: Part | None
    rest_is_zero: bool
    background: float | None
    share: float
    zeros: ZeroReading | None
    by_rule: bool
    outline: bool
    trailing: int
    decisions: tuple[Decision, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return self.count * int(self.dtype[2])

    @property
    def bits_shape(self) -> Unit:
        """Shape of the packed bits."""
        return self.shape[2], self.shape[1], -(-self.shape[0] // 8)


@dataclass(frozen=True, eq=False)
class KnownFile:
    """What is known of a file that has not changed: its bytes, its header, and the limit the header was judged by."""

    content: Content
    header: ImageHeader
    max_map_size: int


def map_key(content: Content, header: ImageHeader, volume: int, background: BackgroundOption, zeros: Zeros) -> str:
    """Name the reading of one volume: bytes, all of the header that values depend on, options, our own version."""
    option = background if isinstance(background, str) else float(background).hex()
    what = (INSPECTION, content.blake2b, header.dtype.str, header.big_endian, header.shape, header.n_volumes,
            header.offset, float(header.slope).hex(), float(header.inter).hex(), volume, option, zeros)
    return f"{content.size}-{digest(repr(what).encode())}"


def facts_of(
    found: Inspection, offset: int, crc32: int, bits: Part, zero_bits: Part | None, trailing: int = 0
) -> MapFacts:
    """Write down what was found in a volume, and where in the shard it lies."""
    voxels = found.voxels
    return MapFacts(
        voxels.shape, voxels.values.dtype.newbyteorder("<").str, voxels.values.size, offset, crc32, bits, zero_bits,
        voxels.rest_is_zero, found.background, float(found.share), found.zeros, bool(found.by_rule),
        bool(found.outline), trailing, found.decisions)


def map_text(facts: MapFacts, key: str) -> str:
    """Write the facts of a map as JSON, bound to its key."""
    background = None if facts.background is None else repr(float(facts.background))  # JSON has no NaN
    return written({**asdict(facts), "background": background, "decisions": decision_fields(facts.decisions)}, key)


def map_facts(text: bytes, key: str) -> MapFacts:
    """Read the facts of the map of this key; raises `UnbelievableError`."""

    def take(fields: dict[str, Any]) -> MapFacts:
        shape = _shape(fields["shape"])
        background = fields["background"]
        return MapFacts(
            shape=shape,
            dtype=word(fields["dtype"], VALUES),
            count=whole(fields["count"], most=prod(shape)),
            offset=whole(fields["offset"]),
            crc32=whole(fields["crc32"], most=2**32 - 1),
            bits=_part(fields["bits"]),
            zero_bits=None if fields["zero_bits"] is None else _part(fields["zero_bits"]),
            rest_is_zero=flag(fields["rest_is_zero"]),
            background=None if background is None else float(sentence(background)),
            share=number(fields["share"]),
            zeros=word(fields["zeros"], ("data", "missing", None)),
            by_rule=flag(fields["by_rule"]),
            outline=flag(fields["outline"]),
            trailing=whole(fields["trailing"]),
            decisions=decisions(fields["decisions"]),
        )

    return believed(text, key, take)


def file_key(paths: tuple[bytes, ...], stats: tuple[tuple[int, ...], ...]) -> str:
    """Name a file as it stands: absolute path, size, times of change, inode; of a pair, of both halves."""
    return digest(repr((paths, stats)).encode())


def file_text(known: KnownFile, key: str) -> str:
    """Write what is known of a file as JSON, bound to its key."""
    header, content = known.header, known.content
    return written({
        "size": content.size, "blake2b": content.blake2b, "max_map_size": known.max_map_size,
        "dtype": header.dtype.str, "shape": header.shape, "n_volumes": header.n_volumes, "offset": header.offset,
        "slope": float(header.slope), "inter": float(header.inter), "affine": header.grid.affine.tolist(),
        "known": header.grid.known, "mni": header.grid.mni, "space_code": header.grid.space_code,
        "decisions": decision_fields(header.decisions),
        "time_series": header.time_series, "big_endian": header.big_endian, "trailer": header.trailer}, key)


def known_file(text: bytes, key: str, path: str, data_path: str) -> KnownFile:
    """Read what is known of the file of this key and name; raises `UnbelievableError`."""

    def take(fields: dict[str, Any]) -> KnownFile:
        shape, limit = _shape(fields["shape"]), whole(fields["max_map_size"], 1)
        affine = np.array([[number(entry) for entry in several(row, 4)] for row in several(fields["affine"], 4)])
        if not _STORED.fullmatch(sentence(fields["dtype"])) or affine_fault(affine) or 4 * prod(shape) > limit:
            raise UnbelievableError
        header = ImageHeader(
            path=path,
            data_path=data_path,
            dtype=np.dtype(fields["dtype"]),
            shape=shape,
            n_volumes=whole(fields["n_volumes"], 1, MAX_VOLUMES),
            offset=whole(fields["offset"]),
            slope=number(fields["slope"]),
            inter=number(fields["inter"]),
            grid=Grid(shape, affine, flag(fields["known"]), flag(fields["mni"]), whole(fields["space_code"])),
            decisions=decisions(fields["decisions"]),
            time_series=flag(fields["time_series"]),
            big_endian=flag(fields["big_endian"]),
            trailer=word(fields["trailer"], ("none", "tags")),
        )
        return KnownFile(Content(whole(fields["size"], 1), hexadecimal(fields["blake2b"])), header, limit)

    return believed(text, key, take)


def _shape(value: Any) -> Unit:
    first, second, third = (whole(n, 1, 2**31) for n in several(value, 3))
    return first, second, third


def _part(value: Any) -> Part:
    return Part(whole(value["offset"]), hexadecimal(value["blake2b"]))
