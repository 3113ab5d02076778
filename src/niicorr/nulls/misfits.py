"""Pairs whose common features show another map than the one that was fitted.

An autocovariance is fitted over all of a map's features, and stands for those that a pair has in common. That holds
for the gaps that real maps have; it does not where what makes up a map's variance lies in the gaps of the other: 8
voxels of 50 standard deviations among 4 000 look like noise without any smoothness, and of two smooth maps that lack
them .41 are significant at .05. What tells is the variance of the map over the common features, against that over all
its own.
"""

from __future__ import annotations

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

LEAST, MOST = 0.9, 1.5
"""Ratios of the two variances between which what was fitted stands for the common features.

Noise in the gaps alone that leaves the rest the share q of the variance makes n_effective 1/q times too large: at
q = .95 unrelated maps of 120 independent values reach .052 at .05, at .84 .071, at .56 .17, at .17 .44. At the upper
end a large gap is weaker than the rest: noise around a third that is common gives .14 at 2.8, .25 at 1.8, .36 at 1,
where no variance tells of it.
"""

FEW = 8
"""Of so few supports sums are made for all maps; of more, for those only that a gap can take enough from."""

ROWS = 128
"""Maps of which sums are taken together."""

CHUNK = 8192
"""Features per product: sums of float32 products of this length are added up in float64."""


def misfits(x: MapMatrix, y: MapMatrix, n: IntArray, tested: BoolArray, jobs: int = 1) -> BoolArray:
    """Tell which pairs have a map that is another one over the common features.

    Parameters
    ----------
    x, y : MapMatrix
        Standard scores on the same features.
    n : ndarray of int, shape (maps of y, maps of x)
        Features in common.
    tested : ndarray of bool, same shape
        The pairs that count.
    jobs : int
        Threads. The outcome does not depend on it.

    Returns
    -------
    ndarray of bool, shape (maps of y, maps of x)
    """
    found = np.zeros(n.shape, dtype=np.bool_)
    if not (x.complete and y.complete):
        _mark(x, y, n, tested, found, jobs)
        _mark(y, x, n.T, tested.T, found.T, jobs)
    return found


def _mark(these: MapMatrix, those: MapMatrix, n: IntArray, tested: BoolArray, found: BoolArray, jobs: int) -> None:
    """Mark the pairs, shape (maps of those, these maps), of these maps that are others where those have data."""
    if those.complete:
        return
    least = n.min(axis=0, initial=these.features.n, where=tested)
    doubted = np.flatnonzero((these.scale > 0) & (least < these.n_valid))

    def mark(batch: IntArray) -> None:
        if len(those.supports) > FEW:
            batch = batch[[_may_differ(these.rows[k], int(these.n_valid[k]), int(least[k])) for k in batch]]
        if batch.size == 0:
            return
        common, whole = n[:, batch], these.n_valid[batch]
        doubtful = tested[:, batch] & (common < whole)
        with np.errstate(divide="ignore", invalid="ignore"):
            # Standard scores have the variance 1 over all features of a map. The mean over the common ones is at most
            # what the squares in the gap allow, which mostly settles it.
            square = _sums(these.rows[batch] ** 2, those.supports)[those.support_of] / common
            most = (whole - common) * (whole / common - square) / common
            doubtful &= ~((square - most >= LEAST) & (square <= MOST))
            left = np.flatnonzero(doubtful.any(axis=0))
            mean = _sums(these.rows[batch[left]], those.supports)[those.support_of] / common[:, left]
            ratio = square[:, left] - mean**2
        found[:, batch[left]] |= doubtful[:, left] & ~((ratio >= LEAST) & (ratio <= MOST))

    batches = [doubted[start : start + ROWS] for start in range(0, len(doubted), ROWS)]
    for _ in in_order(mark, batches, jobs):
        pass


def _may_differ(row: FloatArray, size: int, least: int) -> bool:
    """Whether any gap that leaves so many features of a map can bring the ratio outside of the bounds.

    The squares of the gap are at most the largest ones, and the common mean at most what these take away. Of more
    missing features the answer is never no where it is yes of fewer; of a third, which `MOST` takes, it is yes.
    """
    missing = size - least
    squares = np.partition(row.astype(np.float64) ** 2, len(row) - missing)[len(row) - missing :]
    return bool(squares.sum() * size > least * (size - LEAST * least))


def _sums(rows: FloatArray, supports: BoolArray) -> Float64Array:
    """Sum maps over supports, shape (supports, maps)."""
    total = np.zeros((len(supports), len(rows)))
    for start in range(0, rows.shape[1], CHUNK):
        piece = slice(start, start + CHUNK)
        total += supports[:, piece].astype(rows.dtype) @ rows[:, piece].T
    return total
