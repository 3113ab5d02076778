"""The order of rows that puts like beside like, from a matrix that may have empty cells.

Ordinary clustering dies on the first missing number. Here two rows are compared over the columns in which
both have one; rows that share no column are as far apart as the farthest pair that does; and rows without
any number join last, at the end of the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from niicorr.typing import BoolArray, Float64Array, IntArray

OPTIMAL_UP_TO = 1000
"""Leaves are ordered optimally up to this many rows; the cost grows faster than the square."""

ORDER_ONE = (-9, 10)
"""Powers of two just above the largest magnitude of values that are clustered as they are."""


@dataclass(frozen=True, eq=False)
class Tree:
    """A hierarchical clustering.

    Attributes
    ----------
    linkage : ndarray, shape (rows − 1, 4), float64
        scipy's linkage matrix: the two clusters merged, the height, and how many rows the new one has.
    order : ndarray of int, shape (rows,)
        The rows from the first leaf to the last.
    """

    linkage: Float64Array
    order: IntArray


def average_linkage(matrix: Float64Array) -> Tree:
    """Cluster the rows of a matrix by average linkage of their distances.

    Parameters
    ----------
    matrix : ndarray, shape (rows, columns), float64
        Anything not finite counts as missing.

    Returns
    -------
    Tree
        Linkage and order of the leaves, for any number of rows from none on. Heights are in the unit of the values
        where these are of order one, such as correlations, and in a power of two of it else.

    See Also
    --------
    row_distances : what two rows are compared by.
    """
    present = np.isfinite(matrix)
    exponent = int(np.frexp(np.abs(matrix).max(where=present, initial=0.0))[1])
    if not ORDER_ONE[0] <= exponent <= ORDER_ONE[1]:
        # Distances are rounded to so many decimals, and their squares leave the range of numbers.
        matrix = np.ldexp(matrix, -exponent)
    filled = np.flatnonzero(present.any(axis=1))
    empty = np.flatnonzero(~present.any(axis=1))
    if empty.size:
        matrix, present = matrix[filled], present[filled]
    linkage, order = _cluster(row_distances(matrix, present))
    return _append_leaves(linkage, filled[order], filled, empty)


def row_distances(matrix: Float64Array, present: BoolArray) -> Float64Array:
    """Root mean square difference of each two rows over the columns that both have.

    Parameters
    ----------
    matrix : ndarray, shape (rows, columns), float64
        The values.
    present : ndarray of bool, shape (rows, columns)
        Which of them count.

    Returns
    -------
    ndarray, shape (rows, rows), float64
        Distances; where two rows share no column, the largest distance there is.
    """
    values = np.where(present, matrix, 0.0)
    weight = present.astype(np.float64)
    # In place where it can be: of thousands of rows each copy is a large one.
    total: Float64Array = (values**2) @ weight.T
    total = total + total.T
    product = values @ values.T
    del values
    product *= 2
    total -= product
    np.matmul(weight, weight.T, out=product)
    del weight
    with np.errstate(invalid="ignore"):
        np.sqrt(np.divide(np.maximum(total, 0, out=total), product, out=total), out=total)
    del product
    distances: Float64Array = total + total.T
    distances /= 2
    # Rounding: equal rows come out at 1e-8 or 0 depending on the machine, and would tie differently there.
    np.round(distances, 6, out=distances)
    known = np.isfinite(distances)
    distances[~known] = distances.max(where=known, initial=0.0)
    np.fill_diagonal(distances, 0.0)
    return distances


def _cluster(distances: Float64Array) -> tuple[Float64Array, IntArray]:
    """Linkage and leaf order of rows with known distances."""
    n = len(distances)
    if n < 2:
        return np.empty((0, 4)), np.arange(n)
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    condensed = squareform(distances, checks=False)
    linkage = hierarchy.linkage(condensed, "average")
    if n <= OPTIMAL_UP_TO:
        linkage = hierarchy.optimal_leaf_ordering(linkage, condensed)
    return linkage, np.asarray(hierarchy.leaves_list(linkage), dtype=np.intp)


def _append_leaves(linkage: Float64Array, order: IntArray, filled: IntArray, empty: IntArray) -> Tree:
    """Renumber a tree of the filled rows to all rows, and join the empty ones one by one at its top."""
    n_filled, n = len(filled), len(filled) + len(empty)
    number = np.concatenate([filled, n + np.arange(len(linkage))])
    merges = linkage.copy()
    merges[:, :2] = number[linkage[:, :2].astype(np.intp)]
    top = float(linkage[-1, 2]) if len(linkage) else 0.0
    # The first to join is the root of the filled rows; where there are none, the first empty row stands in.
    size, joining = n_filled, [int(row) for row in empty]
    root = int(number[-1]) if n_filled else -1
    if not n_filled and joining:
        root, size = joining.pop(0), 1
    joined = []
    for row in joining:
        size += 1
        joined.append([root, row, top, size])
        root = n + len(merges) + len(joined) - 1
    return Tree(np.vstack([merges, np.array(joined).reshape(-1, 4)]), np.concatenate([order, empty]))
