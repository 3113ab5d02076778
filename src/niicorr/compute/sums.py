"""Sums over the features two maps have in common, for all pairs of two sets: what every similarity is made of.

With zeros in place of missing values and M the matrix of supports, all of them are products:
``n = Mx My'``, ``Sx = X My'``, ``Sxx = X² My'`` and likewise for Y, ``Sxy = X Y'``. Voxel weights w enter by
their square roots, with which rows and supports are multiplied first; n is then the sum of the weights.

Rows are standard scores. Maps that share a support share the sums over it, so the cost follows the number of
distinct supports; where nothing is missing a single product is left.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.typing import Float64Array, FloatArray, IntArray

CHUNK = 8192
"""Features per product: float32 products of this length, added up in float64, err by less than 1e-7."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Weighted sums over common features; each has shape (rows of Y, rows of X) or one that broadcasts to it.

    ``weight`` is the sum of weights (without them, the number of features), ``x`` … ``xy`` those of the rows, of
    their squares and of their products; ``n`` counts features.
    """

    n: IntArray
    weight: Float64Array
    x: Float64Array
    y: Float64Array
    xx: Float64Array
    yy: Float64Array
    xy: Float64Array


def pair_sums(x: MapMatrix, y: MapMatrix, weights: Float64Array | None = None, *, jobs: int = 1) -> Sums:
    """Sum over the common features of every map of x with every map of y.

    Parameters
    ----------
    x, y : MapMatrix
        Same features.
    weights : ndarray, shape (features,), float64, optional
        Positive.
    jobs : int
        Threads for the products. The outcome does not depend on it.
    """
    tall = np.result_type(x.rows, y.rows)
    shape = len(y), len(x)
    if weights is None and x.complete and y.complete:
        # Nothing is missing: standard scores have mean 0 and mean square 1 by construction.
        n = x.features.n
        (xy,) = _added(lambda c: [y.rows[:, c] @ x.rows[:, c].T], n, jobs)
        none, count = np.zeros((1, 1)), np.full(shape, n)
        return Sums(count, count.astype(np.float64), none, none, np.where(x.scale > 0, float(n), 0.0)[None],
                    np.where(y.scale > 0, float(n), 0.0)[:, None], xy)
    root = None if weights is None else np.sqrt(weights).astype(tall)

    def products(c: slice) -> list[FloatArray]:
        xs, ys, mx, my = x.rows[:, c], y.rows[:, c], x.supports[:, c].astype(tall), y.supports[:, c].astype(tall)
        counted = [] if root is None else [my @ mx.T]
        if root is not None:
            xs, ys, mx, my = xs * root[c], ys * root[c], mx * root[c], my * root[c]
        # Squares go with weights once: the supports they meet are 1 or 0, not roots.
        flat_x, flat_y = (mx, my) if root is None else (x.supports[:, c].astype(tall), y.supports[:, c].astype(tall))
        return [ys @ xs.T, my @ mx.T, my @ xs.T, flat_y @ (xs * xs).T, ys @ mx.T, (ys * ys) @ flat_x.T, *counted]

    xy, weight, s_x, s_xx, s_y, s_yy, *counted = _added(products, x.features.n, jobs)
    of_y, of_x = y.support_of, x.support_of
    both = np.ix_(of_y, of_x)
    n = np.rint((counted[0] if counted else weight)[both]).astype(np.int64)
    return Sums(n, weight[both], s_x[of_y], s_y[:, of_x], s_xx[of_y], s_yy[:, of_x], xy)


def _added(products: Callable[[slice], list[FloatArray]], n: int, jobs: int) -> list[Float64Array]:
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
