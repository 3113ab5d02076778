"""One map as it is kept between reading and extraction: its data voxels, packed.

A brain map is mostly outside. Keeping the values of the voxels that hold data, and one bit per voxel for
where they are, lets every file be read once and still leaves grid and mask open until all have been seen.

Bits are packed eight to a byte along the first axis, each line padded to whole bytes: shape (n3, n2,
ceil(n1/8)), so that unpacking gives the volume in Fortran order.
"""

from __future__ import annotations

from dataclasses import dataclass

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
        What the other voxels hold (0 where that is not finite).
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

    def within(self, mask_bits: BitArray) -> FloatArray:
        """Values of the data voxels inside a mask of the same grid, in Fortran order."""
        if np.array_equal(self.bits & mask_bits, self.bits):
            return self.values
        return self.values[unpack(mask_bits, self.shape)[unpack(self.bits, self.shape)]]

    def at(self, indices: IntArray) -> FloatArray:
        """Values at positions of the volume flattened in Fortran order; the background where there are no data."""
        line, column = np.divmod(indices, self.shape[0])
        at_byte = line * self.bits.shape[2] + (column >> 3)
        shift = (7 - (column & 7)).astype(np.uint8)
        flat = self.bits.reshape(-1)
        found = flat[at_byte]
        # How many data voxels come before: all of the bytes before, and the higher bits of the own byte.
        before = np.cumsum(np.bitwise_count(flat), dtype=np.int64)[at_byte] - np.bitwise_count(
            found & ((np.uint16(2) << shift) - np.uint16(1)).astype(np.uint8))
        held = (found >> shift) & 1 == 1
        values = np.full(indices.size, self.background, dtype=self.values.dtype)
        values[held] = self.values[before[held]]
        if self.background != 0 and (zero_bits := self.zero_bits) is not None:
            values[(zero_bits.reshape(-1)[at_byte] >> shift) & 1 == 1] = 0
        return values

    def volume(self, missing: float) -> FloatArray:
        """Return the map as a volume in Fortran order, ``missing`` where it has no data; zeros stay zero."""
        flat = np.full(int(np.prod(self.shape)), missing, dtype=self.values.dtype)
        if (zero_bits := self.zero_bits) is not None:
            flat[unpack(zero_bits, self.shape)] = 0
        flat[unpack(self.bits, self.shape)] = self.values
        return flat.reshape(self.shape, order="F")


def pack(flags: BoolArray, shape: tuple[int, int, int]) -> BitArray:
    """Pack one flag per voxel, flat in Fortran order."""
    return np.packbits(flags.reshape(shape[::-1]), axis=-1)


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


def touching(bits: BitArray) -> BitArray:
    """Voxels that share a face with a set one (padding bits may be set, too: mask the outcome)."""
    near: BitArray = np.bitwise_or(bits >> 1, bits << 1, dtype=np.uint8)
    near[..., 1:] |= bits[..., :-1] << 7
    near[..., :-1] |= bits[..., 1:] >> 7
    near[:, 1:] |= bits[:, :-1]
    near[:, :-1] |= bits[:, 1:]
    near[1:] |= bits[:-1]
    near[:-1] |= bits[1:]
    return near


def box_volume(bits: BitArray, shape: tuple[int, int, int]) -> int:
    """Voxels in the smallest box around the set ones."""
    along_1 = np.unpackbits(np.bitwise_or.reduce(bits, axis=(0, 1)), count=shape[0])
    lines = np.bitwise_or.reduce(bits, axis=2)
    sides = (along_1, np.bitwise_or.reduce(lines, axis=0), np.bitwise_or.reduce(lines, axis=1))
    edges = [np.flatnonzero(side) for side in sides]
    return 0 if any(e.size == 0 for e in edges) else int(np.prod([e[-1] - e[0] + 1 for e in edges]))
