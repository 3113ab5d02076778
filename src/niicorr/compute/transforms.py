"""What a similarity does to a map before any product: ranks, robust scores, indicators, residuals.

Each takes the values of one map at its valid features and gives as many. `transformed` applies one to all maps of
a matrix and puts the outcome into standard scores again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from niicorr.matrix import MapMatrix, standardise
from niicorr.typing import BoolArray, Float64Array, FloatArray

BREADTH = 9.0
"""Median absolute deviations at which the biweight gives no weight any more."""

COLLINEAR = 1e-8
"""A covariate that the others explain but for this share of its length adds nothing."""

ROUNDED = 1e-6
"""Of `COLLINEAR`: what a constant covariate of any size may vary by rounding."""

SAMPLE = 4096
"""So many values tell how fine a map's standard scores are."""

DISTINCT = 1e5
"""Steps of the scores' precision between their quartiles, at least; below, ranks would come out as ties."""

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

    varying = [int(i) for i in np.flatnonzero(matrix.scale > 0)]
    if jobs <= 1 or len(varying) <= 1:
        for i in varying:
            work(i)
    else:
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(work, varying))
    return replace(matrix, rows=rows, center=center, scale=scale, zeros={}, naive=None, exact=None)


def fine_values(matrix: MapMatrix, index: int, row: FloatArray, valid: BoolArray | None) -> FloatArray:
    """Return values of a map that tell its voxels apart: standard scores, or the map's own where these are too coarse.

    One voxel of 1e20 makes all others one score, and ranks of that would be ties.
    """
    if matrix.exact is None:
        return row
    some = row[:: max(1, row.size // SAMPLE)]
    low, high = np.percentile(some, (25, 75))
    if high - low > DISTINCT * np.finfo(row.dtype).eps * max(abs(low), abs(high)):
        return row
    own = matrix.exact(index)
    return own if valid is None else own[valid]


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
    values = np.ldexp(values.astype(np.float64), -int(np.frexp(float(np.abs(values).max(initial=0.0)))[1]))
    deviations = values - np.median(values)
    spread = np.median(np.abs(deviations))
    if spread == 0:
        return np.asarray(values - np.mean(values))
    u = deviations / (BREADTH * spread)
    return np.asarray(deviations * np.where(np.abs(u) < 1, (1 - u**2) ** 2, 0.0))


def no_spread(values: FloatArray) -> bool:
    """Whether at least half of the values are equal, so that their median absolute deviation is 0."""
    return bool(np.median(np.abs(values - np.median(values))) == 0)


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
    rows = [root / np.linalg.norm(root)] if root.size else []
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
