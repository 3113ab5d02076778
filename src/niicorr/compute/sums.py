"""Sums over the features two maps have in common, for all pairs of two sets: what every similarity is made of.

With zeros in place of missing values and M the matrix of supports, all of them are products:
``n = Mx My'``, ``Sx = X My'``, ``Sxx = X² My'`` and likewise for Y, ``Sxy = X Y'``. Voxel weights w enter by
their square roots, with which rows and supports are multiplied first; n is then the sum of the weights.

Rows are standard scores. Maps that share a support share the sums over it, so the cost follows the number of
distinct supports; where nothing is missing a single product is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

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


@dataclass(frozen=True, eq=False)
class Block:
    """Maps as products take them; a part of a block is a view of it.

    Parameters
    ----------
    rows : ndarray, shape (maps, features)
        Standard scores, 0 where missing.
    center, scale : ndarray, shape (maps,), float64
        Mean and standard deviation.
    supports : ndarray of bool, shape (supports, features)
        Where maps have data; not all need be in use.
    support_of : ndarray of int, shape (maps,)
        Which support each map has.
    gapless : ndarray of bool, shape (supports,)
        Which supports miss nothing.
    constant : ndarray of bool, shape (maps,)
        Which maps have no similarity to any.
    """

    rows: FloatArray
    center: Float64Array
    scale: Float64Array
    supports: BoolArray
    support_of: IntArray
    gapless: BoolArray
    constant: BoolArray

    @classmethod
    def of(cls, matrix: MapMatrix) -> Block:
        """Take all maps of a matrix."""
        return cls(matrix.rows, matrix.center, matrix.scale, matrix.supports, matrix.support_of,
                   np.asarray(matrix.supports.all(axis=1)), np.asarray(matrix.scale == 0))

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, places: slice) -> Block:
        """Return some of the maps."""
        return replace(self, rows=self.rows[places], center=self.center[places], scale=self.scale[places],
                       support_of=self.support_of[places], constant=self.constant[places])

    @property
    def complete(self) -> bool:
        """Whether no value is missing."""
        return bool(self.gapless[self.used].all())

    @property
    def used(self) -> IntArray:
        """The supports that maps have, ascending."""
        return self._used[0]

    @property
    def used_of(self) -> IntArray:
        """Which of those each map has."""
        return self._used[1]

    @cached_property
    def _used(self) -> tuple[IntArray, IntArray]:
        if len(self.supports) == 1:
            return self.support_of[:1], self.support_of
        used, used_of = np.unique(self.support_of, return_inverse=True)
        return used, used_of


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

    See Also
    --------
    niicorr.compute.tiles.execute : the same of sets of any size, in tiles.
    """
    return block_sums(Block.of(x), Block.of(y), weights, jobs=jobs)


def block_sums(x: Block, y: Block, weights: Float64Array | None = None, *, jobs: int = 1) -> Sums:
    """Sum as `pair_sums` does, for blocks."""
    n = x.rows.shape[1]
    if weights is None and x.complete and y.complete:
        return assembled(_added(lambda c: products(x.rows[:, c], y.rows[:, c]), n, jobs), x, y)
    tall = np.result_type(x.rows, y.rows)
    root = root_of(weights, tall)

    def part(c: slice) -> list[FloatArray]:
        mx, my = (side.supports[side.used, c].astype(tall) for side in (x, y))
        return products(x.rows[:, c], y.rows[:, c], mx, my, None if root is None else root[c])

    return assembled(_added(part, n, jobs), x, y)


def products(xs: Any, ys: Any, mx: Any = None, my: Any = None, root: Any = None) -> list[Any]:
    """Multiply some features of two blocks: all sums that a similarity may need, over these features.

    Parameters
    ----------
    xs, ys : array, shapes (maps of x, k) and (maps of y, k)
        Standard scores, 0 where missing.
    mx, my : array, shapes (supports of x, k) and (supports of y, k), optional
        1 where maps have data, else 0; of the type of the rows. Without them nothing is missing.
    root : array, shape (k,), optional
        Square roots of weights.

    Returns
    -------
    list of array
        Sums of xy; with supports also of weights, x, x², y, y²; with weights also counts.

    Notes
    -----
    Operators only, so that arrays of any library that keeps to the array API standard will do.
    """
    if mx is None or my is None:
        return [ys @ xs.T]
    if root is None:
        return [ys @ xs.T, my @ mx.T, my @ xs.T, my @ (xs * xs).T, ys @ mx.T, (ys * ys) @ mx.T]
    xs, ys = xs * root, ys * root
    # Squares go with weights once: the supports they meet are 1 or 0, not roots.
    counted, s_xx, s_yy = my @ mx.T, my @ (xs * xs).T, (ys * ys) @ mx.T
    mx, my = mx * root, my * root
    return [ys @ xs.T, my @ mx.T, my @ xs.T, s_xx, ys @ mx.T, s_yy, counted]


def assembled(totals: list[Float64Array], x: Block, y: Block) -> Sums:
    """Give the totals of `products` their names, and a place for each pair."""
    shape = len(y), len(x)
    if len(totals) == 1:
        # Nothing is missing: standard scores have mean 0 and mean square 1 by construction.
        n = x.rows.shape[1]
        none, count = np.zeros((1, 1)), np.full(shape, n)
        return Sums(count, count.astype(np.float64), none, none, np.where(x.scale > 0, float(n), 0.0)[None],
                    np.where(y.scale > 0, float(n), 0.0)[:, None], totals[0])
    xy, weight, s_x, s_xx, s_y, s_yy, *counted = totals
    of_y, of_x = y.used_of, x.used_of
    both = np.ix_(of_y, of_x)
    n_common = np.rint((counted[0] if counted else weight)[both]).astype(np.int64)
    return Sums(n_common, weight[both], s_x[of_y], s_y[:, of_x], s_xx[of_y], s_yy[:, of_x], xy)


def root_of(weights: Float64Array | None, dtype: Any) -> FloatArray | None:
    """Return square roots of weights as products take them."""
    return None if weights is None else np.sqrt(weights).astype(dtype)


def chunks_of(n: int) -> list[slice]:
    """Cut n features; where the cuts lie depends on nothing else, so neither does any sum."""
    return [slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)] or [slice(0, 0)]


def _added(part: Callable[[slice], list[FloatArray]], n: int, jobs: int) -> list[Float64Array]:
    """Add the products of all chunks of features up in float64, always in the same order."""
    totals: list[Float64Array] = []
    for parts in in_order(part, chunks_of(n), jobs):
        if not totals:
            totals.extend(np.zeros(part.shape) for part in parts)
        for k, more in enumerate(parts):
            totals[k] += more
    return totals
