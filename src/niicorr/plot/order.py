"""The order of rows and columns in figures; tables stay as given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, get_args

import numpy as np

from niicorr.compute.cluster import average_linkage
from niicorr.errors import UsageError
from niicorr.plot.groups import Groups, Strip, grouped, map_strips, region_strips
from niicorr.plot.labels import natural_key
from niicorr.tables import brief
from niicorr.typing import IntArray, Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from niicorr.compute.cluster import Tree
    from niicorr.result import CorrelationResult


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Which row and column of the result stands where.

    Attributes
    ----------
    rows, columns : ndarray of int
        Positions in the result.
    row_tree, column_tree : Tree or None
        Where they were clustered.
    row_groups, column_groups : Groups or None
        Where they were grouped.
    row_strips, column_strips : tuple of Strip
        What is known of rows and columns, in the order in which they stand; empty where it is not shown.
    reason : str
        Why groups were asked for and there are none.
    """

    rows: IntArray
    columns: IntArray
    row_tree: Tree | None = None
    column_tree: Tree | None = None
    row_groups: Groups | None = None
    column_groups: Groups | None = None
    row_strips: tuple[Strip, ...] = ()
    column_strips: tuple[Strip, ...] = ()
    reason: str = ""


def arrange(result: CorrelationResult, order: Order) -> Arrangement:
    """Order rows and columns: as given, by name (``run-2`` before ``run-10``), like beside like, or in groups.

    Regions are grouped as the table of their atlas says, by network, or else by hemisphere; maps by the first column
    of their manifest that has 2 to 20 values. Where nothing tells groups, all stand as given and ``reason`` says so.
    What is known of regions is shown beside them in any order, that of maps where they are grouped by it.
    """
    if not isinstance(order, str) or order not in get_args(Order):
        given = brief(order) if isinstance(order, str) else type(order).__name__
        raise UsageError(f"unknown order {given!r}: use {', '.join(get_args(Order))}")
    row_strips, column_strips = _strips(result, order)
    if order == "cluster":
        row_tree = average_linkage(result.estimate)
        column_tree = row_tree if result.same_set else average_linkage(result.estimate.T)
        found = Arrangement(row_tree.order, column_tree.order, row_tree, column_tree)
    elif order == "name":
        found = Arrangement(_by_name(result.y_labels), _by_name(result.x_labels))
    else:
        found = Arrangement(np.arange(len(result.y_maps)), np.arange(len(result.x_maps)))
    if order == "group":
        rows, columns = grouped(row_strips), grouped(column_strips)
        found = replace(found, row_groups=rows, column_groups=columns, rows=found.rows if rows is None else rows.order,
                        columns=found.columns if columns is None else columns.order)
        if rows is None and columns is None:
            found = replace(found, reason=_why_none(result))
    return replace(found, row_strips=tuple(strip.arranged(found.rows) for strip in row_strips),
                   column_strips=tuple(strip.arranged(found.columns) for strip in column_strips))


def _strips(result: CorrelationResult, order: Order) -> tuple[tuple[Strip, ...], tuple[Strip, ...]]:
    """Return what is known of rows and of columns, as far as it is to be shown."""
    if result.series and result.parcellation is not None:
        strips = region_strips(result.parcellation.regions)
        return strips, strips
    if order != "group":
        return (), ()
    if result.same_set:
        (strips,) = map_strips(result.x_maps)
        return strips, strips
    columns, rows = map_strips(result.x_maps, result.y_maps)
    return rows, columns


def _why_none(result: CorrelationResult) -> str:
    if result.series:
        return "Regions as given: no networks or hemispheres to group them by"
    return "Maps as given: no manifest column has 2 to 20 values to group them by"


def _by_name(labels: Sequence[str]) -> IntArray:
    return np.array(sorted(range(len(labels)), key=lambda i: natural_key(labels[i])), dtype=np.intp)
