"""What a similarity does to a map before any product: ranks, robust scores, indicators, residuals.

Each takes the values of one map at its valid features and gives as many. `transformed` applies one to all maps of
a matrix and puts the outcome into standard scores again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from niicorr.matrix import MapMatrix, standardise
from niicorr.ranks import average_ranks
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, FloatArray

BREADTH = 9.0
"""Median absolute deviations at which the biweight gives no weight any more."""

ROOM = 8
"""Binary digits that values of the largest size are made smaller by, so that sums of some of them are floats."""

COLLINEAR = 1e-8
"""A covariate that the others explain but for this share of its length adds nothing."""

ROUNDED = 1e-6
"""Of `COLLINEAR`: what a constant covariate of any size may vary by rounding."""

SAMPLE = 4096
"""So many values tell how fine a map's standard scores are."""

TIES = 10
"""So many equal neighbours among `SAMPLE` scores may be chance, or do no harm; beyond, the map itself is asked."""

NARROW = ("bool", "int8", "uint8", "int16", "uint16")
"""Stored types whose values, evenly spaced and 65 536 at most, are told apart by any score."""

DISTINCT = 1e5
"""Steps of the scores' precision between any two of few, at least; below, ranks would come out as ties."""

SPREAD = {4: 1e5, 8: 1e11}
"""The same between their quartiles, by bytes per value; below, robust scores would lose digits that float64 has."""

EXPLAINED = 1e-10
"""Of a map's variance; where covariates leave no more, they explain it entirely."""


def transformed(
    matrix: MapMatrix, of: Callable[[int, FloatArray, BoolArray | None], FloatArray], jobs: int = 1
) -> MapMatrix:
    """Apply a function to every map that varies.

    Parameters
    ----------
    matrix : MapMatrix
        The maps.
    of : callable
        Takes the number of a map, its standard scores at its valid features, and which features these are (None:
        all); returns as many values.
    jobs : int
        Threads. The outcome does not depend on it.

    Returns
    -------
    MapMatrix
        Standard scores of the outcome, its means and deviations; the same supports.
    """
    rows = np.zeros_like(matrix.rows)
    center, scale = np.full(len(matrix), np.nan), np.zeros(len(matrix))

    def work(i: int) -> None:
        valid = matrix.supports[matrix.support_of[i]]
        everywhere = bool(valid.all())
        values = of(i, matrix.rows[i] if everywhere else matrix.rows[i][valid], None if everywhere else valid)
        center[i], scale[i] = standardise(values, rows[i], None if everywhere else valid)

    for _ in in_order(work, [int(i) for i in np.flatnonzero(matrix.scale > 0)], jobs):
        pass
    return replace(matrix, rows=rows, center=center, scale=scale, zeros={}, naive=None, exact=None)


def fine_values(matrix: MapMatrix, index: int, row: FloatArray, valid: BoolArray | None) -> FloatArray:
    """Return values of a map that tell its voxels apart: standard scores, or the map's own where these are too coarse.

    One voxel of 1e20 makes all others one score, and ranks of that would be ties.
    """
    if matrix.exact is None:
        return row
    eps = float(np.finfo(row.dtype).eps)
    if row.size <= SAMPLE:
        # Few values are all looked at: any two may be one score.
        steps = np.sort(row)
        middle = np.median(steps)
        # Of three values a quartile may lie on the way to a spike; the median deviation does not.
        fine = bool(np.median(np.abs(steps - middle)) > SPREAD[row.itemsize] * eps * abs(middle) and (
            np.diff(steps) > DISTINCT * eps * np.maximum(np.abs(steps[1:]), np.abs(steps[:-1]))).all())
    else:
        steps = np.sort(row[:: row.size // SAMPLE])
        low, high = np.percentile(steps, (25, 75))
        fine = bool(high - low > SPREAD[row.itemsize] * eps * max(abs(low), abs(high))
                    and np.count_nonzero(_doubtful_ties(matrix, index, steps, eps)) <= TIES)
    if fine:
        return row
    own = matrix.exact(index)
    return own if valid is None else own[valid]


def _doubtful_ties(matrix: MapMatrix, index: int, steps: FloatArray, eps: float) -> BoolArray:
    """Which of some ascending scores repeat the one before, though the map may hold two values there."""
    ties = np.diff(steps) == 0
    if matrix.records[index].dtype in NARROW:
        return np.zeros_like(ties)
    if index in matrix.zeros and matrix.scale[index] > 0:
        zero = -matrix.center[index] / matrix.scale[index]
        ties &= np.abs(steps[1:] - zero) > 4 * eps * abs(zero)
    return np.asarray(ties)


def biweight_scores(values: FloatArray) -> Float64Array:
    """Deviations from the median, those far off weighted down: what bicor multiplies.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Finite.

    Returns
    -------
    ndarray, shape (n,), float64
        ``(x − med)(1 − u²)²`` with ``u = (x − med) / (9 MAD)``, 0 where |u| ≥ 1. Where at least half of the values
        are equal, MAD is 0 and the deviations from the mean stand in, as in Pearson's r.

    References
    ----------
    Langfelder P & Horvath S (2012), doi 10.18637/jss.v046.i11.
    """
    values = _from_the_middle(values)
    deviations = values - np.median(values)
    spread = np.median(np.abs(deviations))
    if spread == 0:
        return np.asarray(values - np.mean(values))
    reach = BREADTH * spread
    # Beyond its reach nothing is divided: the quotient of a spike and a tiny spread has no float.
    u = np.where(np.abs(deviations) < reach, deviations, reach) / reach
    return np.asarray(deviations * (1 - u**2) ** 2)


def no_spread(values: FloatArray) -> bool:
    """Whether at least half of the values are equal, so that their median absolute deviation is 0."""
    values = _from_the_middle(values)
    return bool(np.median(np.abs(values - np.median(values))) == 0)


def _from_the_middle(values: FloatArray) -> Float64Array:
    """Values less one of the middle ones, in a unit of their own: what lies between two large ones may be no float."""
    if values.size == 0:
        return values.astype(np.float64)
    exponent = int(np.frexp(float(np.abs(values).max()))[1])
    # Small ones become about 1; large ones only so much smaller that 9 spreads are a float: a spike must not take the
    # digits of all others.
    values = np.ldexp(values.astype(np.float64), -exponent if exponent <= 0 else -ROOM)
    return np.asarray(values - np.partition(values, values.size // 2)[values.size // 2])


def ranked(covariates: Float64Array) -> Float64Array:
    """Ranks of each covariate, shape (covariates, n), as ranks of maps are compared given those."""
    return np.array([average_ranks(row) for row in covariates])


def basis_of(covariates: Float64Array, weights: Float64Array | None = None) -> Float64Array:
    """Orthonormal basis of a constant and covariates.

    Parameters
    ----------
    covariates : ndarray, shape (covariates, n), float64
        One a row.
    weights : ndarray, shape (n,), optional
        Positive; the basis is orthonormal in them.

    Returns
    -------
    ndarray, shape (1 + independent covariates, n), float64
        Multiplied with the square roots of the weights.
    """
    root = np.ones(covariates.shape[1]) if weights is None else np.sqrt(weights)
    if not root.size:
        return np.empty((0, 0))
    rows = [root / np.linalg.norm(root)]
    for covariate in covariates:
        # A large offset would hide all there is to regress out.
        centred = covariate - covariate.mean()
        centred = centred - centred.mean()
        size = float(np.abs(centred).max(initial=0.0))
        if size <= COLLINEAR * float(np.abs(covariate).max(initial=0.0)) * ROUNDED:
            continue
        row = centred / (size or 1.0) * root
        length = np.linalg.norm(row)
        for _ in range(2):  # the second time takes away what rounding left the first time
            for other in rows:
                row = row - other * (other @ row)
        left = np.linalg.norm(row)
        if left > COLLINEAR * length:
            rows.append(row / left)
    return np.array(rows).reshape(len(rows), covariates.shape[1])


def residuals(values: FloatArray, basis: Float64Array, weights: Float64Array | None = None) -> Float64Array:
    """Take away what a constant and covariates explain.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Standard scores.
    basis : ndarray, shape (q, n)
        From `basis_of` with the same weights.
    weights : ndarray, shape (n,), optional
        Positive.

    Returns
    -------
    ndarray, shape (n,), float64
        All zero where covariates explain the map entirely.
    """
    root = None if weights is None else np.sqrt(weights)
    row = values.astype(np.float64) if root is None else values * root
    before = row @ row
    for _ in range(2):
        row = row - (basis @ row) @ basis
    if row @ row <= EXPLAINED * before:
        return np.zeros(len(values))
    return np.asarray(row if root is None else row / root)
