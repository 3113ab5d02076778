"""Single bits of gzip streams: a flipped one must be noticed, or make no difference at all."""

from __future__ import annotations

import gzip
import io
import logging
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

import nibabel as nib
import numpy as np

from niicorr.errors import MapError
from niicorr.images.header import read_header
from niicorr.images.load import FileFacts, volumes

SHAPE = (16, 18, 14)


@dataclass
class Tally:
    """What one reader made of flipped bits."""

    refused: int = 0
    unchanged: int = 0
    silent: list[str] = field(default_factory=list)

    @property
    def loaded(self) -> int:
        """How many files were read without a word."""
        return self.unchanged + len(self.silent)


@dataclass
class Flips:
    """What came of all flips, in niicorr and (of a part of them) in nibabel."""

    number: int
    ours: Tally
    theirs: Tally
    compared: int

    def __str__(self) -> str:
        lines = [f"{self.number} single-bit flips of gzip streams"]
        readers = (("niicorr", self.ours, self.number), (f"nibabel {nib.__version__}", self.theirs, self.compared))
        for name, tally, of in readers:
            lines.append(f"  {name:16} of {of}: {tally.refused} refused, {tally.unchanged} read and unchanged, "
                         f"{len(tally.silent)} read and silently changed")
        return "\n".join([*lines, *self.ours.silent[:10]])


def streams() -> dict[str, bytes]:
    """Images of several kinds, compressed in several ways."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(SHAPE)
    noise[np.abs(noise) < 0.8] = 0
    images = {"floats": noise.astype(np.float32), "whole": np.rint(noise * 200).astype(np.int16),
              "labels": np.rint(noise).clip(0).astype(np.uint8)}
    plain = {name: nib.Nifti1Image(values, np.diag([3.0, 3, 3, 1])).to_bytes() for name, values in images.items()}
    found = {f"{name}, level {level}": gzip.compress(content, level, mtime=1)
             for name, content in plain.items() for level in (1, 6, 9)}
    found["stored blocks"] = gzip.compress(plain["whole"], 0, mtime=1)
    found["fixed codes"] = _deflated(plain["whole"], zlib.Z_FIXED)
    found["runs"] = _deflated(plain["labels"], zlib.Z_RLE)
    found["two members"] = gzip.compress(plain["floats"][:9000], 6) + gzip.compress(plain["floats"][9000:], 6)
    named = io.BytesIO()
    with gzip.GzipFile("map.nii", "wb", 6, named, 1) as file:
        file.write(plain["whole"])
    found["with a name"] = named.getvalue()
    return found


def flip_campaign(number: int, base: int = 0, beside: int | None = None) -> Flips:
    """Flip single bits, one per file.

    Parameters
    ----------
    number : int
        Files.
    base : int
        The seed that all follow from.
    beside : int, optional
        How many of them nibabel reads, too; all where not given.
    """
    sound = streams()
    names = list(sound)
    ours, theirs = Tally(), Tally()
    compared = number if beside is None else min(beside, number)
    with tempfile.TemporaryDirectory(prefix="niicorr-flips-") as folder, _nibabel_quiet():
        path = os.path.join(folder, "map.nii.gz")
        right = {}
        for name in names:
            _write(path, sound[name])
            right[name] = _ours(path), _theirs(path)
        for k in range(number):
            rng, name = Random(f"{base}:{k}"), names[k % len(names)]
            stream = bytearray(sound[name])
            bit = rng.randrange(8 * len(stream))
            stream[bit >> 3] ^= 1 << (bit & 7)
            _write(path, bytes(stream))
            where = f"  {name}: bit {bit} of {8 * len(stream)} (case {base}:{k})"
            _judge(ours, _ours, path, right[name][0], MapError, where)
            if k < compared:
                _judge(theirs, _theirs, path, right[name][1], Exception, where)
    return Flips(number, ours, theirs, compared)


def _judge(
    tally: Tally, read: Callable[[str], tuple[Any, ...]], path: str, right: tuple[Any, ...], refusal: type[Exception],
    where: str,
) -> None:
    try:
        found = read(path)
    except refusal:
        tally.refused += 1
        return
    if found == right:
        tally.unchanged += 1
    else:
        tally.silent.append(where)


def _ours(path: str) -> tuple[Any, ...]:
    header = read_header(path)
    voxels = [volume.tobytes(order="F") for volume in volumes(header, range(header.n_volumes), FileFacts())]
    return (header.shape, header.n_volumes, header.dtype.str, header.grid.affine.tobytes(), header.grid.known,
            header.slope, header.inter, header.time_series, *voxels)


def _theirs(path: str) -> tuple[Any, ...]:
    image = nib.load(path)
    return image.shape, image.affine.tobytes(), np.asarray(image.dataobj).tobytes(order="F")


@contextmanager
def _nibabel_quiet() -> Iterator[None]:
    """It prints a line about every header that it mends."""
    log = logging.getLogger("nibabel.global")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def _deflated(content: bytes, strategy: int) -> bytes:
    squeezed = zlib.compressobj(6, zlib.DEFLATED, 31, 8, strategy)
    return squeezed.compress(content) + squeezed.flush()


def _write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)
