"""Pearson's r of every row of X with every row of Y, each pair on the values present in both.

With zeros in place of missing values and M the matrix of supports, all sums over common values are products:
``n = Mx My'``, ``Sx = X My'``, ``Sxx = X² My'`` and likewise for Y, ``Sxy = X Y'``; then

    r = (Sxy − Sx Sy / n) / sqrt((Sxx − Sx² / n) (Syy − Sy² / n)).

Rows are standard scores, so little is lost in the differences unless a pair's common values lie far from the
map's own mean; such cells are computed once more by the definition, in float64 and in two passes. Maps that
share a support share the sums over it, so the cost follows the number of distinct supports.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

CHUNK = 8192
"""Features per product: float32 products of this length, added up in float64, err by less than 1e-7."""

MIN_COMMON = 3
"""A correlation of fewer values is no number."""

CONDITION = {4: 10.0, 8: 1e5}
"""By bytes per value: where a pair's uncentred second moment exceeds its variance so many times, it is redone."""


@dataclass(frozen=True, eq=False)
class Correlation:
    """Outcome for all pairs; arrays have shape (rows of Y, rows of X).

    ``r`` is NaN where there are fewer than three common values or either map is constant over them
    (``x_constant``, ``y_constant``).
    """

    r: Float64Array
    n: IntArray
    x_constant: BoolArray
    y_constant: BoolArray


def pearson(x: MapMatrix, y: MapMatrix, *, jobs: int = 1) -> Correlation:
    """Correlate every map of x with every map of y over their common features.

    Parameters
    ----------
    x, y : MapMatrix
        Same features.
    jobs : int
        Threads for the products. The outcome does not depend on it.

    Returns
    -------
    Correlation
        Arrays of shape (maps of y, maps of x).

    References
    ----------
    Pearson K (1895), doi 10.1098/rspl.1895.0041. Two-pass evaluation: Chan, Golub & LeVeque (1983),
    doi 10.1080/00031305.1983.10483115.
    """
    sx, sy = x.supports, y.supports
    tall = np.result_type(x.rows, y.rows)
    complete = x.complete and y.complete

    def products(c: slice) -> list[FloatArray]:
        xs, ys = x.rows[:, c], y.rows[:, c]
        if complete:
            return [ys @ xs.T]
        mx, my = sx[:, c].astype(tall).T, sy[:, c].astype(tall)
        return [ys @ xs.T, my @ mx, my @ xs.T, my @ (xs * xs).T, ys @ mx, (ys * ys) @ mx]

    sums = _sum_chunks(products, x.features.n, jobs)
    if complete:
        # Nothing is missing: standard scores have mean 0 and mean square 1 by construction.
        n = np.full((len(y), len(x)), float(x.features.n))
        (s_xy,) = sums
        s_x = s_y = np.zeros((1, 1))
        s_xx = np.where(x.scale > 0, x.features.n, 0.0)[None]
        s_yy = np.where(y.scale > 0, y.features.n, 0.0)[:, None]
    else:
        s_xy, n, s_x, s_xx, s_y, s_yy = sums
        # Sums over a support stand once for all maps that share it.
        of_y, of_x = y.support_of, x.support_of
        n, s_x, s_xx, s_y, s_yy = n[np.ix_(of_y, of_x)], s_x[of_y], s_xx[of_y], s_y[:, of_x], s_yy[:, of_x]
    with np.errstate(divide="ignore", invalid="ignore"):
        x_var, y_var = s_xx - s_x**2 / n, s_yy - s_y**2 / n
        r = (s_xy - s_x * s_y / n) / np.sqrt(x_var * y_var)
        limit = CONDITION[tall.itemsize]
        doubtful = ~(x_var * limit > s_xx) | ~(y_var * limit > s_yy) | ~np.isfinite(r)
    x_constant = np.broadcast_to(x.scale == 0, n.shape).copy()
    y_constant = np.broadcast_to((y.scale == 0)[:, None], n.shape).copy()
    enough = n >= MIN_COMMON
    x_row, y_row = _Rows(x), _Rows(y)
    for i, j in np.argwhere(doubtful & enough & ~x_constant & ~y_constant):
        common = sx[x.support_of[j]] & sy[y.support_of[i]]
        r[i, j], x_constant[i, j], y_constant[i, j] = two_pass(x_row(j)[common], y_row(i)[common])
    r[~enough | x_constant | y_constant] = np.nan
    return Correlation(np.clip(r, -1, 1), np.rint(n).astype(np.int64), x_constant, y_constant)


def two_pass(a: FloatArray, b: FloatArray) -> tuple[float, bool, bool]:
    """Pearson's r by its definition in float64, and whether either side is constant.

    Examples
    --------
    >>> import numpy as np
    >>> two_pass(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 7.0]))
    (0.9933992677987828, False, False)
    """
    flat = bool(a.min() == a.max()), bool(b.min() == b.max())
    if any(flat):
        return float("nan"), *flat
    scores = []
    for values in (a, b):
        centred = values.astype(np.float64)
        centred /= np.abs(centred).max()
        centred -= centred.mean()
        centred -= centred.mean()
        scores.append(centred / np.abs(centred).max())
    u, v = scores
    return float(np.dot(u, v) / np.sqrt(np.dot(u, u) * np.dot(v, v))), False, False


class _Rows:
    """Rows of a matrix as exactly as they can be had; the last one is kept, since cells come row by row."""

    def __init__(self, matrix: MapMatrix) -> None:
        self._matrix = matrix
        self._last: tuple[int, Float64Array] = (-1, np.empty(0))

    def __call__(self, index: int) -> FloatArray:
        exact = self._matrix.exact
        if exact is None:
            row: FloatArray = self._matrix.rows[index]
            return row
        if self._last[0] != index:
            self._last = int(index), exact(int(index))
        return self._last[1]


def _sum_chunks(products: Callable[[slice], list[FloatArray]], n: int, jobs: int) -> list[Float64Array]:
    """Add the products of all chunks of features up in float64, always in the same order."""
    chunks = [slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)] or [slice(0, 0)]
    totals: list[Float64Array] = []

    def add(parts: list[FloatArray]) -> None:
        if not totals:
            totals.extend(np.zeros(part.shape) for part in parts)
        for k, part in enumerate(parts):
            totals[k] += part

    if jobs <= 1 or len(chunks) == 1:
        for chunk in chunks:
            add(products(chunk))
        return totals
    with ThreadPoolExecutor(jobs) as pool:
        # A few chunks ahead, no more: partial products of large sets are large themselves.
        for start in range(0, len(chunks), 2 * jobs):
            for parts in pool.map(products, chunks[start : start + 2 * jobs]):
                add(parts)
    return totals
