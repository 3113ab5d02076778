"""The values of one pair of maps, as they can still be had: for figures, not for numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from niicorr.errors import InputError
from niicorr.matrix import MapMatrix
from niicorr.result.vectors import LEVELS

if TYPE_CHECKING:
    from niicorr.result.correlation import CorrelationResult
    from niicorr.result.pictures import MapPictures
    from niicorr.typing import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class PairValues:
    """Two maps over the same features.

    Attributes
    ----------
    x, y : ndarray, shape (n,), float64
        In their own units; standard scores of time series, run after run. NaN where missing.
    voxels : ndarray of int, shape (n,), or None
        Where they are in the grid of comparison, flattened in Fortran order; None where they are no voxels.
    names : tuple of str
        Of regions; empty of voxels, time points and bare features.
    exact : bool
        False where pictures of 8 bits are all that is left.
    """

    x: Float64Array
    y: Float64Array
    voxels: IntArray | None = None
    names: tuple[str, ...] = ()
    exact: bool = True


def pair_values(result: CorrelationResult, row: int, column: int) -> PairValues:
    """Return the values of a pair.

    Raises
    ------
    InputError
        Where the result was loaded from disk and has neither its maps nor pictures of them.
    """
    regions = result.parcellation
    if result.series:
        scores = np.concatenate([_scores(run.values[:, [column, row]]) for run in result.series])
        return PairValues(scores[:, 0], scores[:, 1])
    if regions is not None and regions.values is not None:
        first = 0 if result.same_set else len(result.x_maps)
        return PairValues(regions.values[column], regions.values[first + row], names=regions.names)
    if result.comparison is not None:
        of = result.comparison
        voxels = of.x.features.indices if of.x.features.unit == "voxel" else None
        return PairValues(_own(of.x, column), _own(of.y, row), voxels)
    pictures = result.pictures
    if pictures is None or not (pictures.x.packed(column) and pictures.y.packed(row)):
        raise InputError("this result was loaded from disk, without these maps: correlate them again")
    return PairValues(_decoded(pictures.x, column, pictures.n), _decoded(pictures.y, row, pictures.n),
                      pictures.voxels, exact=False)


def _own(matrix: MapMatrix, index: int) -> Float64Array:
    values = matrix.rows[index].astype(np.float64) * matrix.scale[index] + matrix.center[index]
    return np.where(matrix.supports[matrix.support_of[index]], values, np.nan)


def _decoded(pictures: MapPictures, index: int, n: int) -> Float64Array:
    steps = pictures.steps(index, n)
    assert steps is not None  # it was looked for
    low, high = float(pictures.low[index]), float(pictures.high[index])
    share = (steps.astype(np.float64) - 1) / LEVELS
    return np.where(steps > 0, low * (1 - share) + high * share, np.nan)


def _scores(values: Float64Array) -> Float64Array:
    spread = values.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((values - values.mean(axis=0)) / spread)
