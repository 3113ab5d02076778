"""Shards: the bytes of many maps, one after the other, in a file that numpy reads as an array of uint8.

Values are read by position into memory of their own and checked there. A memory map would save one copy, but a file
that another program cuts short would then end the process by a signal instead of with an error, and what was checked
would not be what is used.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import IO, Any

import numpy as np

from niicorr.disk import sync_folder
from niicorr.images.cache.facts import Part
from niicorr.images.cache.layout import INDEX, SHARD, new_stem, opened, sync
from niicorr.typing import BitArray, FloatArray

HEAD = 128
"""Bytes before the first entry, as numpy lays them out."""

ALIGNED = 64
"""Entries begin at multiples of this, so that they can be looked at in place."""

crc32: Callable[..., int] = zlib.crc32
with suppress(ImportError):  # the same number, a tenth of the time
    crc32 = import_module("zlib_ng.zlib_ng").crc32


def head(size: int) -> bytes:
    """Return the header of an ``.npy`` file of so many bytes of uint8, always `HEAD` long."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},), }}"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", HEAD - 10) + text.ljust(HEAD - 11).encode() + b"\n"


def read_bytes(folder: str, stem: str, offset: int, size: int) -> BitArray | None:
    """Read a piece of a shard; None where the shard ends before it does, or is gone.

    Raises
    ------
    OSError
        Where the disk or the rights of this process stand in the way, which says nothing of the shard.
    """
    try:
        with opened(os.path.join(folder, stem + SHARD)) as file:
            if HEAD + offset + size > os.fstat(file.fileno()).st_size:  # before memory is taken for it
                return None
            file.seek(HEAD + offset)
            piece = np.empty(size, dtype=np.uint8)
            view, done = piece.data, 0
            while done < size:
                got = file.readinto(view[done:])  # type: ignore[attr-defined]  # a raw file has it
                if not got:
                    return None
                done += got
    except FileNotFoundError:
        return None
    return piece


class ShardWriter:
    """A shard in the making, and the lines of its index; nothing is there for others until `seal`.

    Not safe for several threads: `Additions` calls it under its lock.
    """

    def __init__(self, folder: str) -> None:
        self.stem = new_stem()
        self.size = 0
        self.users = 0
        self.lines: list[bytes] = []
        self.maps: list[tuple[str, bytes]] = []
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._sealed = False
        self._supports: dict[str, Part] = {}

    @staticmethod
    def plain(values: FloatArray | BitArray) -> BitArray:
        """Return numbers as the bytes that a shard holds: little-endian, one after the other."""
        return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).reshape(-1).view(np.uint8)

    def append(self, plain: BitArray) -> int:
        """Append bytes; return where they begin."""
        if self._file is None:
            self._file = open(self._hidden(SHARD), "xb")  # noqa: SIM115  # closed by seal or drop
            self._file.write(head(0))
        offset = self.size + -self.size % ALIGNED
        self._file.write(bytes(offset - self.size))
        self._file.write(plain.data)
        self.size = offset + plain.size
        return offset

    def support(self, name: str, bits: BitArray) -> Part:
        """Append packed bits by their hash, unless they are here already: most maps of a study share theirs."""
        if name not in self._supports:
            self._supports[name] = Part(self.append(self.plain(bits)), name)
        return self._supports[name]

    def seal(self) -> None:
        """Put shard and index in place, the index last: what it tells of is then there."""
        try:
            if self.lines:
                if self._file is not None:
                    self._file.seek(0)
                    self._file.write(head(self.size))
                    sync(self._file)
                    self._file.close()
                    os.rename(self._hidden(SHARD), self._final(SHARD))
                with open(self._hidden(INDEX), "xb") as index:
                    index.writelines(self.lines)
                    sync(index)
                os.rename(self._hidden(INDEX), self._final(INDEX))
                self._sealed = True
                sync_folder(self._folder)
        finally:
            self.drop()

    def drop(self) -> None:
        """Leave nothing behind that is not complete."""
        if self._sealed:
            return
        if self._file is not None:
            with suppress(OSError):  # what is still to be written has no room
                self._file.close()
        for place in (self._hidden(SHARD), self._hidden(INDEX), self._final(SHARD)):
            with suppress(OSError):
                os.remove(place)

    def _hidden(self, suffix: str) -> str:
        return os.path.join(self._folder, f".{self.stem}{suffix}")

    def _final(self, suffix: str) -> str:
        return os.path.join(self._folder, self.stem + suffix)


def as_values(piece: BitArray, dtype: str) -> Any:
    """Take the bytes of values for numbers of this machine."""
    values = piece.view(np.dtype(dtype))
    return values.astype(values.dtype.newbyteorder("="), copy=False)
