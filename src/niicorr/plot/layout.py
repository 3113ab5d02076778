"""Where everything goes, in inches and points, decided before anything is drawn.

Either the figure is ours and grows with its cells and labels up to a limit, or axes were given and the text
is fitted to them. The same plan then drives the drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

VALUES_UP_TO = 30
"""Values stand in the cells up to this many rows and columns."""
TICKS_UP_TO = 60
"""Every map is named up to this many; beyond, every second, third, …"""

SIDE = 12.0
"""Inches that a side of many cells may take."""
LARGEST_SIDE = 24.0
"""Inches that a side may take when values are asked for in many cells."""
SMALLEST_VALUE = 4.5
"""Points below which values are not drawn unasked."""

POINT = 1 / 72
LABEL_SIZE, VALUE_SIZE, SMALL_SIZE, TITLE_SIZE = 9.0, 8.5, 7.5, 11.0
LINE = 1.3
"""Height of a line of text over its font size."""
STARS, STARS_UP, STARRED_LINE = 0.9, 0.55, 2.7
"""Font size of stars, how far their baseline is above the middle of the cell, and the height of a cell that has room
for them above its number, all over the font size of the number."""
TREE, TREE_GAP = 0.7, 0.03
"""Inches of a dendrogram, and between it and the cells."""
BAR_WIDTH, BAR_SHORTEST, BAR_LONGEST = 0.14, 1.5, 4.0
BAR_GAP, BAR_TEXT = 0.2, 0.85
GAP, MARGIN = 0.08, 0.15
NAME = 0.2
"""Inches of the line that names a set."""
UNBROKEN = 4.5
"""Inches up to which a line of small print widens a narrow figure rather than being broken."""


@dataclass(frozen=True)
class Layout:
    """Sizes of a heatmap.

    Attributes
    ----------
    cell : tuple of float
        Width and height of a cell in inches.
    values : bool
        Whether numbers stand in the cells.
    value_size, label_size : float
        Font sizes in points.
    x_step, y_step : int
        Every so many-th column and row is named.
    rotation : int
        Of the names of columns: 0, 45 or 90 degrees.
    beside : float
        Inches taken by the names of rows.
    overhang : float
        Inches by which the names of columns reach to the left of the first one.
    y_name_upright : bool
        Whether the name of the rows' set is written upwards; it stands level beside few rows.
    small_print_at : float
        Inches from the cells down to the small print.
    text_room : float
        Inches of width for titles and small print.
    """

    cell: tuple[float, float]
    values: bool
    value_size: float
    label_size: float
    x_step: int
    y_step: int
    rotation: int
    beside: float
    overhang: float
    y_name_upright: bool
    small_print_at: float
    text_room: float


def cell_sizes(n_rows: int, n_columns: int, values: bool, square: bool) -> tuple[float, float]:
    """Width and height of a cell in inches for a figure of our own."""
    width, height = (_cell_side(n, values, max(n_rows, n_columns)) for n in (n_columns, n_rows))
    return (min(width, height),) * 2 if square else (width, height)


def steps(shape: tuple[int, int], cell: tuple[float, float]) -> tuple[int, int]:
    """Return every how many-th row and column is named, so that names neither overlap nor are too many."""
    line = _label_size(shape) * LINE * POINT
    rows, columns = (
        max(ceil(n / TICKS_UP_TO), ceil(line / side)) for n, side in zip(shape, reversed(cell), strict=True)
    )
    return rows, columns


def plan(
    shape: tuple[int, int],
    cell: tuple[float, float],
    widest: tuple[float, float],
    y_name: float,
    *,
    values: bool | None,
    room_left: float,
    starred: bool = False,
) -> Layout:
    """Fit text to cells.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    cell : tuple of float
        Width and height of a cell in inches.
    widest : tuple of float
        Width in points of the widest name of a row and of a column that is shown, at `LABEL_SIZE`.
    y_name : float
        Width in points of the name of the rows' set.
    values : bool or None
        Whether numbers are wanted in the cells; None: where they can be read.
    room_left : float
        Inches to the left of the cells that slanted names may reach into besides the names of rows.
    starred : bool
        Whether stars stand above numbers.
    """
    n_rows, n_columns = shape
    width, height = cell
    # "−.42" is about 2.5 times as wide as its letters are high.
    value_size = min(VALUE_SIZE, width / POINT / 2.8, height / POINT / (STARRED_LINE if starred else LINE))
    if values is None:
        values = max(shape) <= VALUES_UP_TO and value_size >= SMALLEST_VALUE
    label_size = _label_size(shape)
    line = label_size * LINE * POINT
    row_label, column_label = (points * label_size / LABEL_SIZE * POINT for points in widest)
    y_step, x_step = steps(shape, cell)
    pitch = width * x_step
    slant = 2**-0.5
    reach = (column_label + line / 2) * slant - pitch / 2
    if column_label <= 0.9 * pitch:
        rotation, below, overhang = 0, line, 0.0
    elif pitch * slant >= line and reach <= max(row_label, 0.3) + room_left:
        rotation, below, overhang = 45, (column_label + line) * slant, max(reach, 0.0)
    else:
        rotation, below, overhang = 90, column_label, 0.0
    return Layout(
        cell, values, value_size, label_size, x_step, y_step, rotation, row_label, overhang,
        y_name_upright=y_name * POINT <= height * n_rows,
        small_print_at=below + NAME + 3 * GAP,
        text_room=width * n_columns,
    )  # fmt: skip


def _label_size(shape: tuple[int, int]) -> float:
    """Font size of names in points."""
    return LABEL_SIZE if max(shape) <= VALUES_UP_TO else LABEL_SIZE - 1


def _cell_side(n: int, values: bool, longest: int) -> float:
    """Inches of a cell along a side of n cells, where the longer side has ``longest``."""
    if values:
        return min(max(0.42, min(0.62, 2.4 / longest)), LARGEST_SIDE / n)
    return min(0.32, SIDE / n)
