"""Grid and mask of a comparison, and how maps are brought to them.

Maps of one kind are valid in the same voxels, and `Shelf` and cache hand out one array for all of them: how that
outline lies in the mask is found once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niicorr.images.resample import reindex, resample
from niicorr.images.sampling import Sampling, own_grid
from niicorr.images.survey import MapReading
from niicorr.images.voxels import Places, Voxels, pack, places_of, unpack
from niicorr.space import Grid, reindexing, same_grid
from niicorr.typing import BitArray, BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Placed:
    """A map in the mask: its data, where they go (None: everywhere), its zeros, its naive values."""

    data: FloatArray
    valid: BoolArray | None
    zero: BoolArray | None
    naive: FloatArray | None


def naive_voxels(grid: Grid, step: int) -> IntArray:
    """Choose every ``step``-th voxel of a grid (0: none) by its position, in Fortran order."""
    return np.arange(0, grid.size, step) if step else np.arange(0)


class Frame:
    """Where maps are brought to; several threads may use it at once.

    Parameters
    ----------
    sampling : Sampling
        Grid and mask.
    naive_step : int
        Every how many-th voxel of the whole grid is wanted besides, background included (0: none).
    """

    def __init__(self, sampling: Sampling, naive_step: int = 0) -> None:
        self.sampling = sampling
        self.naive = naive_voxels(sampling.grid, naive_step)
        self._naive_places = places_of(self.naive, sampling.grid.shape)
        self._mask_bits = pack(sampling.mask.ravel(order="F"), sampling.grid.shape)
        self._last: _Outline | None = None

    def place(self, reading: MapReading, voxels: Voxels) -> Placed:
        """Bring a map to the grid of comparison, and take its data in the mask."""
        grid, target = own_grid(reading, self.sampling.by_shape), self.sampling.grid
        if grid is target or same_grid(grid, target):
            return self._by_bits(voxels)
        return self._by_values(voxels, grid)

    def _by_bits(self, voxels: Voxels) -> Placed:
        """Place a map that is on the grid of comparison already."""
        outline = self._last
        if outline is None or any(one is not other for one, other in zip(outline.like, _likeness(voxels), strict=True)):
            outline = self._last = _outline(voxels, self.sampling.indices, self._mask_bits, self._naive_places)
        return Placed(outline.data(voxels), outline.valid, outline.zero,
                      outline.naive(voxels) if self.naive.size else None)

    def _by_values(self, voxels: Voxels, grid: Grid) -> Placed:
        """Place a map of another grid: by whole voxels where that is exact, by interpolation elsewhere."""

        def dense(bits: BitArray) -> BoolArray:
            return unpack(bits, voxels.shape).reshape(voxels.shape, order="F")

        target, indices = self.sampling.grid, self.sampling.indices
        volume, valid = voxels.volume(missing=voxels.background), dense(voxels.valid_bits)
        zero_bits = voxels.zero_bits
        zero = None if zero_bits is None else dense(zero_bits)
        how = reindexing(grid, target)
        if how is not None:
            volume = reindex(volume, how, target.shape, voxels.background)
            valid = reindex(valid, how, target.shape, False)
            zero = None if zero is None else reindex(zero, how, target.shape, False)
        else:
            volume, valid = resample(volume, valid, grid, target, self.sampling.interpolation)
            if zero is not None:
                zero = resample(zero.astype(np.float32), zero, grid, target, self.sampling.interpolation)[1]
        flat = volume.ravel(order="F")
        ok = valid.ravel(order="F")[indices]
        # Interpolated values have no naive number: a script could not have flattened such maps together.
        naive = flat[self.naive] if self.naive.size and how is not None else None
        return Placed(flat[indices][ok], ok, None if zero is None else zero.ravel(order="F")[indices], naive)


@dataclass(frozen=True, eq=False)
class _Outline:
    """How the voxels that one map, and others like it, has data in lie in the mask, and among the naive voxels.

    Attributes
    ----------
    like : tuple
        What a map of this outline has, as `_likeness` tells it.
    chosen : ndarray of bool, shape (data voxels,), or None
        Which of the data are in the mask; None where all are.
    among : ndarray of bool, shape (valid voxels in the mask,), or None
        Which of the valid voxels hold those data, where others hold zeros that are data.
    valid, zero : ndarray of bool, shape (voxels of the mask,), or None
        Where the map is valid (None: everywhere) and where it is zero (None: nowhere).
    naive_held, naive_order, naive_zero : ndarray, shape (naive voxels,)
        Which of them hold data, the how many-th (of those that do), and which are zero (None: none that matters).
    """

    like: tuple[BitArray, BitArray | None, bool, bool]
    chosen: BoolArray | None
    among: BoolArray | None
    valid: BoolArray | None
    zero: BoolArray | None
    naive_held: BoolArray
    naive_order: IntArray
    naive_zero: BoolArray | None

    def data(self, voxels: Voxels) -> FloatArray:
        """Values of a map where it is valid in the mask."""
        data = voxels.values if self.chosen is None else voxels.values[self.chosen]
        if self.among is None:
            return data
        whole = np.zeros(self.among.size, dtype=data.dtype)
        whole[self.among] = data
        return whole

    def naive(self, voxels: Voxels) -> FloatArray:
        """Values of a map at the naive voxels: its background where there are no data."""
        values = np.full(self.naive_held.size, voxels.background, dtype=voxels.values.dtype)
        values[self.naive_held] = voxels.values[self.naive_order]
        if voxels.background != 0 and self.naive_zero is not None:
            values[self.naive_zero] = 0
        return values


def _likeness(voxels: Voxels) -> tuple[BitArray, BitArray | None, bool, bool]:
    return voxels.bits, voxels.some_zero_bits, voxels.rest_is_zero, voxels.zeros_are_data


def _outline(voxels: Voxels, indices: IntArray, mask_bits: BitArray, naive: Places) -> _Outline:
    """Find how a map lies in a mask of the same grid: a matter of bits."""
    zero_bits = voxels.zero_bits
    valid_bits = voxels.bits & mask_bits
    held = unpack(voxels.bits, voxels.shape)
    chosen = None if np.array_equal(valid_bits, voxels.bits) else unpack(mask_bits, voxels.shape)[held]
    zeros = None if zero_bits is None or not (zero_bits & mask_bits).any() else zero_bits & mask_bits
    among = None
    if zeros is not None and voxels.zeros_are_data:
        valid_bits = valid_bits | zeros
        among = held[unpack(valid_bits, voxels.shape)]

    def in_mask(bits: BitArray) -> BoolArray:
        return unpack(bits, voxels.shape)[indices]

    flat = voxels.bits.reshape(-1)
    # How many data voxels come before: all of the bytes before, and the higher bits of the own byte.
    upto = np.cumsum(np.bitwise_count(flat), dtype=np.int32)[naive.byte]
    before = upto - np.bitwise_count(flat[naive.byte] & naive.rest)
    naive_held = naive.of(voxels.bits)
    return _Outline(
        _likeness(voxels), chosen, among,
        None if np.array_equal(valid_bits, mask_bits) else in_mask(valid_bits),
        None if zeros is None else in_mask(zeros),
        naive_held, before[naive_held], None if zero_bits is None else naive.of(zero_bits))
