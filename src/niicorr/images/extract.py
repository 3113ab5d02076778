"""Maps and a sampling become the rows of a matrix."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from dataclasses import replace
from math import gcd

import numpy as np

from niicorr.images.frame import Frame
from niicorr.images.mapset import MapFile, MapSet
from niicorr.images.sampling import Sampling, choose_sampling, settle
from niicorr.images.survey import Advance, Survey, survey
from niicorr.matrix import MapMatrix, row_dtype, standardise, unpack_supports
from niicorr.scratch import zeros as zeros_of
from niicorr.threads import in_order
from niicorr.typing import BitArray, Float64Array, Resample, ZeroReading

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
    frame = Frame(chosen, naive_step)
    naive = np.full((size, frame.naive.size), np.nan, dtype=np.float32)
    nothing = np.packbits(np.zeros(n, dtype=bool)).tobytes()
    everything = np.packbits(np.ones(n, dtype=bool)).tobytes()

    def work(file: MapFile) -> None:
        for i in range(file.first, file.first + len(file.labels)):
            packed[i] = nothing
        for i, voxels in read.voxels(file):
            reading = readings[i]
            if reading.problem is None:
                placed = frame.place(reading, voxels)
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
                     dict(sorted(zeros.items())), naive if frame.naive.size else None, exact_values(read, chosen))


def exact_values(read: Survey, sampling: Sampling) -> Callable[[int], Float64Array]:
    """Return what gives the values of one map in float64, from cache or file: `MapMatrix.exact`."""
    frame = Frame(sampling)
    firsts = [file.first for file in read.maps.files]

    def exact(index: int) -> Float64Array:
        # By now the shelf is empty, so this reads the file again.
        file = read.maps.files[bisect(firsts, index) - 1]
        # To the end of the file, where it is noticed if that has changed meanwhile.
        (voxels,) = [v for i, v in read.voxels(file) if i == index]
        placed = frame.place(read.readings[index], voxels)
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
