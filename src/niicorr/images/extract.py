"""Maps and a sampling become the rows of a matrix."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from niicorr.images.mapset import MapFile, MapSet
from niicorr.images.resample import reindex, resample
from niicorr.images.sampling import Sampling, choose_sampling, own_grid, settle
from niicorr.images.survey import Advance, MapReading, Survey, survey
from niicorr.images.voxels import Places, Voxels, count, pack, places_of, unpack
from niicorr.matrix import MapMatrix, row_dtype, standardise, unpack_supports
from niicorr.scratch import zeros as zeros_of
from niicorr.space import Grid, reindexing, same_grid
from niicorr.threads import in_order
from niicorr.typing import BitArray, BoolArray, Float64Array, FloatArray, IntArray, Resample, ZeroReading

NAIVE_BYTES = 16 * 2**20
"""Naive rows of both sets together stay below this: large grids are thinned for them (rule 8)."""

NAIVE_VALUES = 1 << 15
"""So many voxels of a thinned grid tell the naive number well enough."""


def extract(
    maps: MapSet | Survey,
    sampling: Sampling | None = None,
    *,
    resample_option: Resample = "auto",
    naive_step: int = 0,
    n_maps: int | None = None,
    jobs: int = 1,
    progress: Advance | None = None,
    on_disk: bool = False,
) -> MapMatrix:
    """Bring maps to the grid of comparison and keep the voxels of the mask.

    Parameters
    ----------
    maps : MapSet or Survey
        From `read_maps`, or read already.
    sampling : Sampling, optional
        Grid and mask; chosen from these maps alone where not given.
    resample_option : {'auto', 'never'}
        Whether maps of another grid are interpolated.
    naive_step : int
        Also take every ``naive_step``-th voxel of the whole grid, background included (0: do not).
    n_maps : int, optional
        Maps of all sets together; precision of the rows follows from it, so that both sets have the same.
    jobs : int
        Files worked on at once.
    progress : callable, optional
        Called with the number of maps done, once for each file.
    on_disk : bool
        Whether rows and outlines lie in temporary files rather than in memory.

    Returns
    -------
    MapMatrix
        One row per map; a map that could not be used has no valid value and its record the reason.
    """
    read = maps if isinstance(maps, Survey) else survey(maps, jobs=jobs)  # which refuses anything else
    chosen = sampling or choose_sampling(read)
    read = settle(read, chosen, resample_option)
    readings = read.readings
    size, n = len(readings), chosen.indices.size
    dtype = row_dtype(n_maps or size, n)
    waiting = None if on_disk else read.shelf.rows(n, dtype)
    rows = zeros_of((size, n), dtype, "maps", on_disk=on_disk) if waiting is None else waiting
    rows[[k for k, reading in enumerate(readings) if reading.problem is not None]] = 0
    center, scale = np.full(size, np.nan), np.zeros(size)
    packed: list[bytes] = [b""] * size
    zeros: dict[int, tuple[ZeroReading, BitArray]] = {}
    lattice = lattice_of(chosen.grid, naive_step)
    naive = np.full((size, lattice.size), np.nan, dtype=np.float32)
    mask_bits = mask_bits_of(chosen)
    nothing = np.packbits(np.zeros(n, dtype=bool)).tobytes()
    everything = np.packbits(np.ones(n, dtype=bool)).tobytes()

    def work(file: MapFile) -> None:
        for i in range(file.first, file.first + len(file.labels)):
            packed[i] = nothing
        for i, voxels in read.voxels(file):
            reading = readings[i]
            if reading.problem is None:
                placed = place(reading, voxels, chosen, mask_bits, lattice)
                center[i], scale[i] = standardise(placed.data, rows[i], placed.valid)
                packed[i] = everything if placed.valid is None else np.packbits(placed.valid).tobytes()
                if reading.by_rule and reading.zeros is not None and placed.zero is not None and placed.zero.any():
                    zeros[i] = (reading.zeros, np.packbits(placed.zero))
                if placed.naive is not None:
                    standardise(placed.naive, naive[i])
        if progress is not None:
            progress(len(file.labels))

    for _ in in_order(work, read.maps.files, jobs):
        pass
    supports, support_of = unpack_supports(packed, n, on_disk=on_disk)
    n_valid = np.count_nonzero(supports, axis=1)[support_of]
    records = tuple(
        replace(r.record, n_voxels=int(k), coverage=float(k / n)) for r, k in zip(readings, n_valid, strict=True)
    )
    return MapMatrix(rows, center, scale, supports, support_of, read.maps.labels, chosen.features, records,
                     dict(sorted(zeros.items())), naive if lattice.size else None, exact_values(read, chosen))


def exact_values(read: Survey, sampling: Sampling) -> Callable[[int], Float64Array]:
    """Return what gives the values of one map in float64, from cache or file: `MapMatrix.exact`."""
    mask_bits, nowhere = mask_bits_of(sampling), lattice_of(sampling.grid, 0)
    firsts = [file.first for file in read.maps.files]

    def exact(index: int) -> Float64Array:
        # By now the shelf is empty, so this reads the file again.
        file = read.maps.files[bisect(firsts, index) - 1]
        # To the end of the file, where it is noticed if that has changed meanwhile.
        (voxels,) = [v for i, v in read.voxels(file) if i == index]
        placed = place(read.readings[index], voxels, sampling, mask_bits, nowhere)
        row = np.zeros(sampling.indices.size)
        row[slice(None) if placed.valid is None else placed.valid] = placed.data
        return row

    return exact


def naive_step(n_voxels: int, n_maps: int) -> int:
    """Every how many-th voxel the naive numbers are taken from, so that they stay small beside the matrix."""
    if n_voxels * n_maps * 4 <= NAIVE_BYTES:
        return 1
    step = -(-n_voxels // min(NAIVE_VALUES, max(NAIVE_BYTES // (4 * n_maps), 1)))
    # A step that shares a factor with the grid would take whole planes and leave others out.
    while gcd(step, n_voxels) > 1:
        step += 1
    return step


def mask_bits_of(sampling: Sampling) -> BitArray:
    """Return the mask, packed as voxels are."""
    return pack(sampling.mask.ravel(order="F"), sampling.grid.shape)


@dataclass(frozen=True, eq=False)
class Lattice:
    """The voxels of the grid that naive numbers are taken from, by position and (unless all) among packed bits."""

    indices: IntArray
    places: Places | None

    @property
    def size(self) -> int:
        """How many they are."""
        return self.indices.size


def lattice_of(grid: Grid, step: int) -> Lattice:
    """Choose every ``step``-th voxel of a grid (0: none)."""
    indices = np.arange(0, grid.size, step) if step else np.arange(0)
    return Lattice(indices, places_of(indices, grid.shape) if step > 1 else None)


@dataclass(frozen=True, eq=False)
class Placed:
    """A map in the mask: its data, where they go (None: everywhere), its zeros, its naive values."""

    data: FloatArray
    valid: BoolArray | None
    zero: BoolArray | None
    naive: FloatArray | None


def place(
    reading: MapReading, voxels: Voxels, sampling: Sampling, mask_bits: BitArray, lattice: Lattice
) -> Placed:
    """Bring a map to the grid of comparison, and take its data in the mask.

    ``mask_bits`` is the mask, packed (`mask_bits_of`).
    """
    grid = own_grid(reading, sampling.by_shape)
    if grid is sampling.grid or same_grid(grid, sampling.grid):
        return _place_here(voxels, sampling, mask_bits, lattice)
    return _place_there(voxels, grid, sampling, lattice)


def _place_here(voxels: Voxels, sampling: Sampling, mask_bits: BitArray, lattice: Lattice) -> Placed:
    """Place a map that is on the grid of comparison already: a matter of bits."""
    naive = None
    if lattice.places is not None:
        naive = voxels.at(lattice.places)
    elif lattice.size:
        naive = voxels.volume(missing=voxels.background).ravel(order="F")
    zero_bits = voxels.zero_bits
    if zero_bits is not None and not (zero_bits := zero_bits & mask_bits).any():
        zero_bits = None
    valid_bits = voxels.bits & mask_bits
    data = voxels.within(mask_bits)
    if zero_bits is not None and voxels.zeros_are_data:
        valid_bits = valid_bits | zero_bits
        full = np.zeros(count(valid_bits), dtype=data.dtype)
        full[unpack(voxels.bits, voxels.shape)[unpack(valid_bits, voxels.shape)]] = data
        data = full

    def in_mask(bits: BitArray) -> BoolArray:
        return unpack(bits, voxels.shape)[sampling.indices]

    everywhere = np.array_equal(valid_bits, mask_bits)
    return Placed(data, None if everywhere else in_mask(valid_bits), None if zero_bits is None else in_mask(zero_bits),
                   naive)


def _place_there(voxels: Voxels, grid: Grid, sampling: Sampling, lattice: Lattice) -> Placed:
    """Bring a map to the grid of comparison, by whole voxels where that is exact, by interpolation elsewhere."""

    def dense(bits: BitArray) -> BoolArray:
        return unpack(bits, voxels.shape).reshape(voxels.shape, order="F")

    target = sampling.grid
    volume, valid = voxels.volume(missing=voxels.background), dense(voxels.valid_bits)
    zero_bits = voxels.zero_bits
    zero = None if zero_bits is None else dense(zero_bits)
    how = reindexing(grid, target)
    if how is not None:
        volume = reindex(volume, how, target.shape, voxels.background)
        valid = reindex(valid, how, target.shape, False)
        zero = None if zero is None else reindex(zero, how, target.shape, False)
    else:
        volume, valid = resample(volume, valid, grid, target, sampling.interpolation)
        if zero is not None:
            zero = resample(zero.astype(np.float32), zero, grid, target, sampling.interpolation)[1]
    flat = volume.ravel(order="F")
    ok = valid.ravel(order="F")[sampling.indices]
    # Interpolated values have no naive number: a script could not have flattened such maps together.
    naive = flat[lattice.indices] if lattice.size and how is not None else None
    return Placed(flat[sampling.indices][ok], ok, None if zero is None else zero.ravel(order="F")[sampling.indices],
                   naive)
