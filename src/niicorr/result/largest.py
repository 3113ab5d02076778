"""The largest of many cells, found a few rows at a time: a copy of all cells may not fit into the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from niicorr.typing import BoolArray, Float64Array, IntArray

BAND = 1 << 20
"""Cells looked at at once, or one row."""


def largest_cells(
    r: Float64Array, count: int, *, lower: bool, but: BoolArray | None = None
) -> tuple[IntArray, IntArray]:
    """Return rows and columns of the cells with the largest absolute numbers, the largest first.

    Parameters
    ----------
    r : ndarray, shape (rows, columns), float64
        Cells that are not finite have no number. Of equal ones the first in the order of the matrix is told first.
    count : int
        Cells at most.
    lower : bool
        Whether those below the diagonal alone count: pairs of a set with itself.
    but : ndarray of bool, shape of r, optional
        Cells that do not count, such as those of one and the same map.
    """
    width = r.shape[1]
    best, places = np.empty(0), np.empty(0, np.intp)
    for start, size in _bands(r, lower=lower, but=but):
        # Of millions only those are kept that can be among the first; a later one must exceed the least of these.
        known = np.flatnonzero(size > (best[-1] if len(best) == count else -1.0)) if count > 0 else places
        best = np.concatenate([best, size.ravel()[known]])
        places = np.concatenate([places, start * width + known])
        first = np.argsort(-best, kind="stable")[: max(count, 0)]
        best, places = best[first], places[first]
    return places // max(width, 1), places % max(width, 1)


def largest_by_line(
    r: Float64Array, *, same_set: bool, but: BoolArray | None = None
) -> tuple[Float64Array, Float64Array]:
    """Return the largest absolute number of each row and each column, -1 where there is none.

    Cells of a map with itself do not count, nor those of ``but``.
    """
    rows, columns = np.full(r.shape[0], -1.0), np.full(r.shape[1], -1.0)
    for start, size in _bands(r, lower=False, but=but):
        if same_set:
            np.fill_diagonal(size[:, start:], -1.0)
        rows[start : start + len(size)] = size.max(axis=1, initial=-1.0)
        np.maximum(columns, size.max(axis=0, initial=-1.0), out=columns)
    return rows, columns


def _bands(
    r: Float64Array, *, lower: bool, but: BoolArray | None
) -> Iterator[tuple[int, Float64Array]]:
    """Yield the first row of each band, and its sizes: -1 where a cell does not count."""
    height = max(BAND // max(r.shape[1], 1), 1)
    for start in range(0, r.shape[0], height):
        size = np.abs(r[start : start + height])
        size[~np.isfinite(size)] = -1.0
        if but is not None:
            size[but[start : start + height]] = -1.0
        if lower:
            size[~np.tri(size.shape[0], size.shape[1], start - 1, dtype=np.bool_)] = -1.0
        yield start, size
