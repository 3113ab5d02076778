"""The order of rows and columns in figures; tables stay as given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import numpy as np

from niicorr.compute.cluster import average_linkage
from niicorr.errors import UsageError
from niicorr.plot.labels import natural_key
from niicorr.typing import IntArray, Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from niicorr.compute.cluster import Tree
    from niicorr.result import CorrelationResult


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Which row and column of the result stands where, with the trees where they were clustered."""

    rows: IntArray
    columns: IntArray
    row_tree: Tree | None = None
    column_tree: Tree | None = None


def arrange(result: CorrelationResult, order: Order) -> Arrangement:
    """Order rows and columns: as given, by name (``run-2`` before ``run-10``), or like beside like."""
    if order == "given":
        return Arrangement(np.arange(len(result.y_maps)), np.arange(len(result.x_maps)))
    if order == "name":
        return Arrangement(_by_name(result.y_labels), _by_name(result.x_labels))
    if order == "cluster":
        row_tree = average_linkage(result.estimate)
        column_tree = row_tree if result.same_set else average_linkage(result.estimate.T)
        return Arrangement(row_tree.order, column_tree.order, row_tree, column_tree)
    raise UsageError(f"unknown order {order!r}: use {', '.join(get_args(Order))}")


def _by_name(labels: Sequence[str]) -> IntArray:
    return np.array(sorted(range(len(labels)), key=lambda i: natural_key(labels[i])), dtype=np.intp)
