"""Maps and a sampling become the rows of a matrix."""

from __future__ import annotations

from dataclasses import replace
from math import gcd
from typing import Any

import numpy as np

from niicorr.images.mapset import MapFile, MapSet
from niicorr.images.resample import reindex, resample
from niicorr.images.sampling import Sampling, choose_sampling, own_grid, settle
from niicorr.images.survey import MapReading, Progress, Survey, in_threads, survey
from niicorr.images.voxels import Voxels, pack, unpack
from niicorr.matrix import MapMatrix, row_dtype, standardise
from niicorr.space import reindexing, same_grid
from niicorr.typing import BitArray, BoolArray, Float64Array, FloatArray, Resample, ZeroReading

NAIVE_BYTES = 64 * 2**20
"""Naive rows of both sets together stay below this: large grids are thinned for them (rule 8)."""


def extract(
    maps: MapSet | Survey,
    sampling: Sampling | None = None,
    *,
    resample_option: Resample = "auto",
    naive_step: int = 0,
    n_maps: int | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
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

    Returns
    -------
    MapMatrix
        One row per map; a map that could not be used has no valid value and its record the reason.
    """
    read = maps if isinstance(maps, Survey) else survey(maps, jobs=jobs)
    chosen = sampling or choose_sampling(read)
    read = settle(read, chosen, resample_option)
    readings = read.readings
    count, n = len(readings), chosen.indices.size
    rows = np.zeros((count, n), dtype=row_dtype(n_maps or count, n))
    center, scale = np.full(count, np.nan), np.zeros(count)
    packed: list[bytes] = [b""] * count
    zeros: dict[int, tuple[ZeroReading, BitArray]] = {}
    lattice = np.arange(0, chosen.grid.size, naive_step) if naive_step else np.arange(0)
    naive = np.full((count, lattice.size), np.nan, dtype=np.float32)
    mask_bits = pack(chosen.mask.ravel(order="F"), chosen.grid.shape)
    nothing = np.packbits(np.zeros(n, dtype=bool)).tobytes()
    everything = np.packbits(np.ones(n, dtype=bool)).tobytes()

    def work(file: MapFile) -> None:
        for i in range(file.first, file.first + len(file.labels)):
            packed[i] = nothing
        for i, voxels in read.voxels(file):
            reading = readings[i]
            if reading.problem is None:
                values, valid, zero, whole = _place(reading, voxels, chosen, mask_bits, lattice)
                center[i], scale[i] = standardise(values, valid, rows[i])
                packed[i] = everything if valid is None else np.packbits(valid).tobytes()
                if reading.by_rule and reading.zeros is not None and zero is not None and zero.any():
                    zeros[i] = (reading.zeros, np.packbits(zero))
                if whole is not None and lattice.size:
                    standardise(whole, None, naive[i])
        if progress is not None:
            progress(len(file.labels))

    in_threads(work, read.maps.files, jobs)
    def exact(index: int) -> Float64Array:
        file = next(f for f in read.maps.files if f.first <= index < f.first + len(f.labels))
        voxels = next(v for i, v in read.voxels(file) if i == index)
        values = _place(readings[index], voxels, chosen, mask_bits, lattice[:0])[0]
        return values.astype(np.float64)

    supports, support_of = _supports(packed, n)
    n_valid = np.count_nonzero(supports, axis=1)[support_of]
    records = tuple(
        replace(r.record, n_voxels=int(k), coverage=float(k / n)) for r, k in zip(readings, n_valid, strict=True)
    )
    return MapMatrix(rows, center, scale, supports, support_of, read.maps.labels, chosen.features, records,
                     dict(sorted(zeros.items())), naive if lattice.size else None, exact)


def naive_step(n_voxels: int, n_maps: int) -> int:
    """Every how many-th voxel the naive numbers are taken from, so that they stay small beside the matrix."""
    step = max(1, -(-n_voxels * n_maps * 4 // NAIVE_BYTES))
    # A step that shares a factor with the grid would take whole planes and leave others out.
    while gcd(step, n_voxels) > 1:
        step += 1
    return step


def _place(
    reading: MapReading, voxels: Voxels, sampling: Sampling, mask_bits: BitArray, lattice: Any
) -> tuple[FloatArray, BoolArray | None, BoolArray | None, FloatArray | None]:
    """Values, validity (None: everywhere) and zeros in the mask, and the naive values of the whole grid."""
    target, indices = sampling.grid, sampling.indices
    grid = own_grid(reading, sampling.by_shape)
    same = grid is target or same_grid(grid, target)
    naive = lattice.size > 0
    if same and voxels.zero_bits is None and not naive and np.array_equal(voxels.bits, mask_bits):
        return voxels.values, None, None, None
    volume = voxels.volume(missing=voxels.background)
    zero_bits = voxels.zero_bits
    if same and np.array_equal(voxels.bits, mask_bits):
        # The map has data just where the mask is: nothing is missing, no zero is inside.
        return voxels.values, None, None, volume.ravel(order="F")[lattice] if naive else None
    valid = unpack(voxels.valid_bits, voxels.shape).reshape(voxels.shape, order="F")
    zero = None if zero_bits is None else unpack(zero_bits, voxels.shape).reshape(voxels.shape, order="F")
    how = None if same else reindexing(grid, target)
    if how is not None:
        volume = reindex(volume, how, target.shape, voxels.background)
        valid = reindex(valid, how, target.shape, False)
        zero = None if zero is None else reindex(zero, how, target.shape, False)
    elif not same:
        volume, good = resample(volume, valid, grid, target, sampling.interpolation)
        if zero is not None:
            zero = resample(zero.astype(np.float32), zero, grid, target, sampling.interpolation)[1]
        valid = good
        naive = False  # there is no naive number for maps of different grids
    flat = volume.ravel(order="F")
    values, ok = flat[indices], valid.ravel(order="F")[indices]
    return (values, None if ok.all() else ok, None if zero is None else zero.ravel(order="F")[indices],
            flat[lattice] if naive else None)


def _supports(packed: list[bytes], n: int) -> tuple[BoolArray, Any]:
    index = {key: k for k, key in enumerate(dict.fromkeys(packed))}
    distinct = [np.unpackbits(np.frombuffer(key, dtype=np.uint8), count=n) for key in index]
    return np.array(distinct).astype(bool), np.array([index[key] for key in packed], dtype=np.intp)
