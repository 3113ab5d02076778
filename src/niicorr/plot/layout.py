"""Where everything goes, in inches and points, decided before anything is drawn.

Either the figure is ours and grows with its cells and labels up to a limit, or axes were given and the text
is fitted to them. The same plan then drives the drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from niicorr.plot.groups import spread

if TYPE_CHECKING:
    from niicorr.plot.groups import Groups

VALUES_UP_TO = 30
"""Values stand in the cells up to this many rows and columns."""
TICKS_UP_TO, REGIONS_UP_TO = 60, 90
"""Every map or region is named up to this many; beyond, their groups, or every second, third, …"""

SIDE, REGIONS_SIDE = 12.0, 8.0
"""Inches that a side of many cells may take; regions are named in smaller letters."""
LARGEST_SIDE = 24.0
"""Inches that a side may take when values are asked for in many cells."""
SMALLEST_VALUE = 4.5
"""Points below which values are not drawn unasked."""

SMALLEST_NAME, REGION_CELL = 5.5, 0.105
"""Points of the smallest name of a region, and inches of a cell that leaves room for it."""

POINT = 1 / 72
LABEL_SIZE, VALUE_SIZE, SMALL_SIZE, TITLE_SIZE = 9.0, 8.5, 7.5, 11.0
LINE = 1.3
"""Height of a line of text over its font size."""
LETTERS, COVARIANCE_LETTERS, DAGGER_LETTERS = 2.8, 3.6, 0.55
"""How much wider than its letters are high the room for a number is: "−.42" is about 2.5 times as wide;
and more for a dagger, on both sides, since the number stays in the middle."""
STARS, STARS_UP, STARRED_LINE = 0.9, 0.68, 2.95
"""Font size of stars, how far their baseline is above the middle of the cell, and the height of a cell that has room
for them above its number, all over the font size of the number."""
DAGGER, DAGGER_UP, DAGGER_GAP = 0.8, 0.14, 0.04
"""Font size of daggers, how far they are raised and how far they are behind the number, over the font size of that."""
TREE, TREE_GAP = 0.7, 0.03
"""Inches of a dendrogram, and between it and the cells."""
BAR_WIDTH, BAR_SHORTEST, BAR_LONGEST = 0.14, 1.5, 4.0
BAR_GAP, BAR_TEXT = 0.2, 0.85
GAP, MARGIN = 0.08, 0.15
NAME = 0.2
"""Inches of the line that names a set."""
STRIP, STRIP_GAP = 0.1, 0.03
"""Inches across a bar of colours, and between it and the next or the cells."""
BRACKET, LEADER = 0.05, 0.14
"""Inches across the mark of a group, and from it to a name that does not stand at its middle."""
MOVED = 0.03
"""Inches by which a name may stand beside the middle of its group without a leader."""
TITLE_UP, CLEAR_OF_BAR = 7.0, 5.0
"""Points from what is below to the title, and more where the title runs on above the colour bar."""
HINTED = 1.04
"""How much wider small letters are drawn on coarse screens than they measure."""
UNBROKEN = 4.5
"""Inches up to which a line of small print widens a narrow figure rather than being broken."""


@dataclass(frozen=True)
class Names:
    """Which names stand along an axis, and where.

    Attributes
    ----------
    at : tuple of float
        Their middles, in cells from the first.
    texts : tuple of str
        The names.
    step : int
        Every so many-th row or column is named; 0 where groups are.
    size : float
        Points.
    of : tuple of float
        The middles of the groups; empty where rows or columns are named.
    apart : float
        Inches from one name to the next.
    """

    at: tuple[float, ...]
    texts: tuple[str, ...]
    step: int
    size: float
    of: tuple[float, ...] = ()
    apart: float = 0.0

    def moved(self, side: float) -> bool:
        """Whether some name does not stand at the middle of its group, of cells of some inches."""
        return any(abs(at - of) * side > MOVED for at, of in zip(self.at, self.of, strict=True)) if self.of else False


@dataclass(frozen=True)
class Layout:
    """Sizes of a heatmap.

    Attributes
    ----------
    cell : tuple of float
        Width and height of a cell in inches.
    values : bool
        Whether numbers stand in the cells.
    value_size : float
        Font size of numbers in points.
    rows, columns : Names
        What is written along the axes.
    heads : Names or None
        Groups of columns named on top, where the axis names the columns.
    rotation : int
        Of the names of columns: 0, 45 or 90 degrees.
    beside : float
        Inches taken by the names of rows.
    left, top, bottom : float
        Inches that strips, marks of groups and leaders take between cells and names, trees, or title.
    overhang : float
        Inches by which the names of columns reach to the left of the first one.
    y_name_upright : bool
        Whether the name of the rows' set is written upwards; it stands level beside few rows.
    small_print_at : float
        Inches from the cells down to the legend of strips and the small print.
    text_room : float
        Inches of width for titles and small print.
    title_up : float
        Points from the cells, or what stands on top of them, up to the title.
    """

    cell: tuple[float, float]
    values: bool
    value_size: float
    rows: Names
    columns: Names
    heads: Names | None
    rotation: int
    beside: float
    left: float
    top: float
    bottom: float
    overhang: float
    y_name_upright: bool
    small_print_at: float
    text_room: float
    title_up: float = TITLE_UP


def cell_sizes(
    n_rows: int, n_columns: int, values: bool, square: bool, regions: bool = False
) -> tuple[float, float]:
    """Width and height of a cell in inches for a figure of our own."""
    if regions and not values:
        n = max(n_rows, n_columns)
        side = max(min(0.2, REGIONS_SIDE / n), REGION_CELL if n <= REGIONS_UP_TO else 0.0)
        return side, side
    width, height = (_cell_side(n, values, max(n_rows, n_columns)) for n in (n_columns, n_rows))
    return (min(width, height),) * 2 if square else (width, height)


def strips_depth(count: int) -> float:
    """Inches that some strips take beside the cells."""
    return count * (STRIP + STRIP_GAP)


def axis_names(labels: Sequence[str], groups: Groups | None, side: float, longest: int, regions: bool) -> Names:
    """Choose what is written along an axis: all names, or those of groups, or every so many-th.

    Parameters
    ----------
    labels : sequence of str
        Names of rows or columns.
    groups : Groups or None
        In which they stand.
    side : float
        Inches of a cell along the axis.
    longest : int
        Rows or columns, whichever are more: names on both axes are of one size.
    regions : bool
        Whether they are names of regions, which may be small.
    """
    n = len(labels)
    size = LABEL_SIZE if longest <= VALUES_UP_TO else LABEL_SIZE - 1
    if regions:
        # A trifle less than fits, so that rounding does not leave out every second one.
        size = min(size, max(0.98 * side / (LINE * POINT), SMALLEST_NAME))
    line = size * LINE * POINT
    step = max(ceil(n / (REGIONS_UP_TO if regions else TICKS_UP_TO)), ceil(line / side))
    if step == 1 or groups is None:
        if step > 1:
            size = LABEL_SIZE if longest <= VALUES_UP_TO else LABEL_SIZE - 1
            step = max(step, ceil(size * LINE * POINT / side))
        at = tuple(i + 0.5 for i in range(0, n, step))
        return Names(at, tuple(labels[::step]), step, size, apart=side * step)
    size = min(LABEL_SIZE, n * side / (len(groups.names) * LINE * POINT))
    pitch = size * LINE * POINT
    of = tuple((start + stop) / 2 for start, stop in groups.spans)
    at = tuple(spread(of, pitch / side, n))
    return Names(at, groups.names, 0, size, of, pitch)


def head_names(groups: Groups, side: float, widths: Sequence[float], size: float) -> Names | None:
    """Name groups on top, each above its own middle; None where names would touch.

    Parameters
    ----------
    groups : Groups
        Of the columns.
    side : float
        Inches of a cell.
    widths : sequence of float
        Of the names, in points.
    size : float
        Their font size in points.
    """
    of = tuple((start + stop) / 2 for start, stop in groups.spans)
    wide = [(at * side, width / 2 * POINT) for at, width in zip(of, widths, strict=True)]
    if any(a + half + GAP > b - other for (a, half), (b, other) in pairwise(wide)):
        return None
    return Names(of, groups.names, 0, size, of)


def plan(
    shape: tuple[int, int],
    cell: tuple[float, float],
    names: tuple[Names, Names],
    widths: tuple[Sequence[float], Sequence[float]],
    y_name: float,
    *,
    values: bool | None,
    room_left: float,
    starred: bool = False,
    letters: float = LETTERS,
    strips: tuple[int, int] = (0, 0),
    spans: Sequence[tuple[int, int]] = (),
    heads: Names | None = None,
) -> Layout:
    """Fit text to cells.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    cell : tuple of float
        Width and height of a cell in inches.
    names : tuple of Names
        Of rows and of columns.
    widths : tuple of sequence of float
        Width in points of each of these names, at `LABEL_SIZE`.
    y_name : float
        Width in points of the name of the rows' set.
    values : bool or None
        Whether numbers are wanted in the cells; None: where they can be read.
    room_left : float
        Inches to the left of the cells that slanted names may reach into besides the names of rows.
    starred : bool
        Whether stars stand above numbers.
    letters : float
        How much wider than its letters are high the room for a number is.
    strips : tuple of int
        How many stand left of the cells and on top of them.
    spans : sequence of (int, int)
        The columns of each group, where groups are named.
    heads : Names or None
        Groups of columns named on top.
    """
    n_rows, n_columns = shape
    width, height = cell
    rows, columns = names
    value_size = min(VALUE_SIZE, width / POINT / letters, height / POINT / (STARRED_LINE if starred else LINE))
    if values is None:
        values = max(shape) <= VALUES_UP_TO and value_size >= SMALLEST_VALUE
    row_label, column_label = (
        max(each, default=0.0) * own.size / LABEL_SIZE * POINT for each, own in zip(widths, names, strict=True))
    line = columns.size * LINE * POINT
    left, top = (strips_depth(count) for count in strips)
    left += LEADER if rows.moved(height) else 0.0
    top += 0.0 if heads is None else heads.size * LINE * POINT
    room_left += left
    slant = 2**-0.5
    if columns.of:
        columns, rotation, reach = _group_names(columns, widths[1], spans, cell, max(row_label, 0.3) + room_left)
    else:
        reach = (column_label + line / 2) * slant - columns.apart / 2
        fits = columns.apart * slant >= line and reach <= max(row_label, 0.3) + room_left
        rotation = 0 if column_label <= 0.9 * columns.apart else 45 if fits else 90
    below = {0: line, 45: (column_label + line) * slant, 90: column_label}[rotation]
    bottom = (STRIP_GAP + BRACKET if columns.of else 0.0) + (LEADER if columns.moved(width) else 0.0)
    return Layout(
        cell, values, value_size, rows, columns, heads, rotation,
        beside=row_label,
        left=left,
        top=top,
        bottom=bottom,
        overhang=max(reach, 0.0) if rotation == 45 else 0.0,
        y_name_upright=y_name * POINT <= height * n_rows,
        small_print_at=bottom + below + NAME + 3 * GAP,
        text_room=width * n_columns,
    )  # fmt: skip


def _group_names(
    names: Names, widths: Sequence[float], spans: Sequence[tuple[int, int]], cell: tuple[float, float], room: float
) -> tuple[Names, int, float]:
    """Place the names of groups below their columns: level where all fit, else slanted, else upright."""
    side, line = cell[0], names.size * LINE * POINT
    inches = [width * names.size / LABEL_SIZE * POINT for width in widths]
    end = max(stop for _, stop in spans)
    if all(width <= 0.95 * side * (stop - start) for width, (start, stop) in zip(inches, spans, strict=True)):
        return replace(names, at=names.of), 0, 0.0
    slanted = replace(names, at=tuple(spread(names.of, line * 2**0.5 / side, end)), apart=line * 2**0.5)
    reach = max((width + line / 2) * 2**-0.5 - at * side for width, at in zip(inches, slanted.at, strict=True))
    if reach <= room and slanted.at[0] >= 0 and slanted.at[-1] <= end:
        return slanted, 45, reach
    return names, 90, 0.0


def _cell_side(n: int, values: bool, longest: int) -> float:
    """Inches of a cell along a side of n cells, where the longer side has ``longest``."""
    if values:
        return min(max(0.42, min(0.62, 2.4 / longest)), LARGEST_SIDE / n)
    return min(0.32, SIDE / n)
