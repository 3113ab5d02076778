"""Series of probabilistic regions: means of a run's volumes, weighted by the probabilities of each region.

This is the regional value that maps get (`niicorr.images.regions`). nilearn's ``NiftiMapsMasker`` answers another
question, which regions together explain a volume best (least squares), and gives other numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from niicorr.errors import MapError
from niicorr.images.header import ImageHeader
from niicorr.images.load import FileFacts, volumes
from niicorr.images.series import RegionSeries, demand_finite, repetition_time
from niicorr.numerals import plural
from niicorr.records import Decision
from niicorr.tables import path_text
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray


def weighted_series(
    header: ImageHeader, weights: FloatArray, *, t_r: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[RegionSeries, Float64Array]:
    r"""Average the volumes of a run in every region, each voxel with its weight.

    Parameters
    ----------
    header : ImageHeader
        Of a file with several volumes.
    weights : ndarray, shape (regions, \*header.shape)
        0 or more; a voxel with weight belongs to the region.
    t_r : float, optional
        Seconds from volume to volume; the header's where not given.
    progress : callable, optional
        Called with the number of volumes done, once for each.

    Returns
    -------
    series : RegionSeries
        As `niicorr.images.series.region_series` gives it, with the same voxels left out.
    coverage : ndarray, shape (regions,), float64
        Share of each region's weight in voxels that have data.

    Raises
    ------
    MapError
        Where the file cannot be read to its end, or no region has a weight in it.
    """
    from scipy.sparse import csr_array

    path = path_text(header.path)
    flat = weights.transpose(0, 3, 2, 1).reshape(len(weights), -1)  # voxels in Fortran order
    inside = np.flatnonzero((flat > 0).any(axis=0))
    if not inside.size:
        raise MapError(path, "no region of the atlas has a voxel on its grid", "check that both are in one space")
    # Rounding in float32 would show: a signal is some percent of the mean.
    matrix = csr_array(flat[:, inside].astype(np.float64))
    n_voxels, total = np.diff(matrix.indptr), matrix.sum(axis=1)
    facts = FileFacts()
    sums, finite, active = _sums(header, inside, matrix, facts, progress or (lambda _: None))
    if not finite.all():
        inside, matrix = inside[finite], matrix[:, finite]
        sums, _, active = _sums(header, inside, matrix, facts, lambda _: None)
    valid = matrix @ active.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(valid > 0, sums / valid, np.nan)
        coverage = np.where(total > 0, valid / total, 0.0)
    demand_finite(path, sums)
    n_valid = (matrix > 0).astype(np.int64) @ active.astype(np.int64)
    decisions = []
    if dropped := int(np.count_nonzero(~finite)):
        are = "is" if dropped == 1 else "are"
        decisions.append(Decision("missing", f"{plural(dropped, 'voxel')} of the regions {are} NaN or infinite in "
                                  "some volume: left out of all"))
    if zero := int(np.count_nonzero(~active)):
        are = "is" if zero == 1 else "are"
        decisions.append(Decision("missing", f"{plural(zero, 'voxel')} of the regions {are} 0 in every volume: left "
                                  "out"))
    seconds = t_r
    if seconds is None:
        seconds, said = repetition_time(header)
        decisions += said
    return RegionSeries(path, values, None, seconds, n_voxels, n_valid, tuple(decisions), facts.size,
                        facts.blake2b), coverage


def _sums(
    header: ImageHeader, inside: IntArray, matrix: Any, facts: FileFacts, advance: Callable[[int], None]
) -> tuple[Float64Array, BoolArray, BoolArray]:
    """Sum every volume over regions; tell which voxels are finite all along, and which ever differ from 0."""
    sums = np.empty((header.n_volumes, matrix.shape[0]))
    finite, active = np.ones(inside.size, dtype=np.bool_), np.zeros(inside.size, dtype=np.bool_)
    for t, volume in enumerate(volumes(header, range(header.n_volumes), facts)):
        values = volume.ravel(order="F")[inside].astype(np.float64)
        ok = np.isfinite(values)
        finite &= ok
        values = np.where(ok, values, 0.0)
        active |= values != 0
        sums[t] = matrix @ values
        advance(1)
    return sums, finite, active
