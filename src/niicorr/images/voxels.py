"""One map as it is kept between reading and extraction: its data voxels, packed.

A brain map is mostly outside. Keeping the values of the voxels that hold data, and one bit per voxel for
where they are, lets every file be read once and still leaves grid and mask open until all have been seen.

Bits are packed eight to a byte along the first axis, each line padded to whole bytes: shape (n3, n2,
ceil(n1/8)), so that unpacking gives the volume in Fortran order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.typing import BitArray, BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Voxels:
    """The data of one map on its own grid.

    Attributes
    ----------
    shape : tuple of int
        Of the volume.
    bits : ndarray of uint8
        Where values are data: finite, not the background, not zero.
    some_zero_bits : ndarray of uint8 or None
        Where the map is exactly zero; None where nowhere, or where ``rest_is_zero``.
    rest_is_zero : bool
        Whether every other voxel is zero, as in most maps: that needs no bits of its own.
    values : ndarray, shape (data voxels,)
        In Fortran order.
    background : float
        What the other voxels hold, from `fill_of`.
    zeros_are_data : bool
        How zeros are read.
    """

    shape: tuple[int, int, int]
    bits: BitArray
    some_zero_bits: BitArray | None
    rest_is_zero: bool
    values: FloatArray
    background: float
    zeros_are_data: bool

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        zeros = 0 if self.some_zero_bits is None else self.some_zero_bits.nbytes
        return self.bits.nbytes + self.values.nbytes + zeros

    @property
    def zero_bits(self) -> BitArray | None:
        """Where the map is exactly zero; None where nowhere."""
        return self.bits ^ full_bits(self.shape) if self.rest_is_zero else self.some_zero_bits

    @property
    def valid_bits(self) -> BitArray:
        """Where the map has data under its own reading of zeros."""
        zero_bits = self.zero_bits if self.zeros_are_data else None
        return self.bits if zero_bits is None else self.bits | zero_bits

    def volume(self, missing: float) -> FloatArray:
        """Return the map as a volume in Fortran order, ``missing`` where it has no data; zeros stay zero."""
        flat = np.full(int(np.prod(self.shape)), missing, dtype=self.values.dtype)
        if (zero_bits := self.zero_bits) is not None:
            flat[unpack(zero_bits, self.shape)] = 0
        flat[unpack(self.bits, self.shape)] = self.values
        return flat.reshape(self.shape, order="F")


@dataclass(frozen=True, eq=False)
class Places:
    """Where chosen voxels of a volume stand among its packed bits.

    Attributes
    ----------
    byte : ndarray of int
        Which byte of the flattened bits.
    bit, rest : ndarray of uint8
        The bit in it, and that bit with all that follow.
    """

    byte: IntArray
    bit: BitArray
    rest: BitArray

    def of(self, bits: BitArray) -> BoolArray:
        """Return which of them are set."""
        return (bits.reshape(-1)[self.byte] & self.bit).view(np.bool_)


def places_of(indices: IntArray, shape: tuple[int, int, int]) -> Places:
    """Find voxels, given by their positions in the volume flattened in Fortran order, among its packed bits."""
    line, column = np.divmod(indices, shape[0])
    bit = np.right_shift(128, column & 7).astype(np.uint8)
    return Places(line * -(-shape[0] // 8) + (column >> 3), bit, (2 * bit.astype(np.int16) - 1).astype(np.uint8))


def pack(flags: BoolArray, shape: tuple[int, int, int]) -> BitArray:
    """Pack one flag per voxel, flat in Fortran order."""
    return np.packbits(flags.reshape(shape[::-1]), axis=-1)


def fill_of(background: float | None, dtype: np.dtype[Any]) -> float:
    """Return what stands where there are no data: the background, or 0 where that is no number of the values' type."""
    if background is None or not abs(background) <= float(np.finfo(dtype).max):
        return 0.0
    return float(background)


def full_bits(shape: tuple[int, int, int]) -> BitArray:
    """Every voxel set, the padding not."""
    line = np.packbits(np.ones(shape[0], dtype=bool))
    return np.broadcast_to(line, (shape[2], shape[1], line.size))


def unpack(bits: BitArray, shape: tuple[int, int, int]) -> BoolArray:
    """Return one flag per voxel, flat in Fortran order."""
    return np.unpackbits(bits, axis=-1, count=shape[0]).reshape(-1).view(np.bool_)


def count(bits: BitArray) -> int:
    """Return how many voxels are set."""
    return int(np.bitwise_count(bits).sum(dtype=np.int64))


def touching(bits: BitArray, shape: tuple[int, int, int]) -> BitArray:
    """Voxels that share a face with a set one (padding bits may be set, too: mask the outcome)."""
    near: BitArray = np.bitwise_or(bits >> 1, bits << 1, dtype=np.uint8)
    # With padding between the lines, what crosses from one to the next falls into the padding.
    onto, of = (near, bits) if shape[0] % 8 == 0 else (near.reshape(-1), bits.reshape(-1))
    onto[..., 1:] |= of[..., :-1] << 7
    onto[..., :-1] |= of[..., 1:] >> 7
    # Lines lie one after the other in a slab: a step along the second axis is one of whole lines.
    line, slabs, source = bits.shape[2], near.reshape(len(near), -1), bits.reshape(len(bits), -1)
    slabs[:, line:] |= source[:, :-line]
    slabs[:, :-line] |= source[:, line:]
    slabs[1:] |= source[:-1]
    slabs[:-1] |= source[1:]
    return near


def indices_of(bits: BitArray, shape: tuple[int, int, int]) -> IntArray:
    """Return the positions of the few set voxels in the volume flattened in Fortran order."""
    flat = bits.reshape(-1)
    held = np.flatnonzero(flat != 0)
    bit = np.flatnonzero(np.unpackbits(flat[held]).view(np.bool_))
    line, byte = np.divmod(held, bits.shape[2])
    return np.asarray((line * shape[0] + byte * 8)[bit >> 3] + (bit & 7))


def box_volume(bits: BitArray, shape: tuple[int, int, int]) -> int:
    """Voxels in the smallest box around the set ones."""
    slab = np.bitwise_or.reduce(bits, axis=0)
    along_1 = np.unpackbits(np.bitwise_or.reduce(slab, axis=0), count=shape[0])
    sides = (along_1, slab.max(axis=1), bits.reshape(len(bits), -1).max(axis=1))
    edges = [np.flatnonzero(side) for side in sides]
    return 0 if any(e.size == 0 for e in edges) else int(np.prod([e[-1] - e[0] + 1 for e in edges]))
