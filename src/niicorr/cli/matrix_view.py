"""The matrix on a page: as many rows and columns as fit, each cell a number and a small bar."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from niicorr.cli.page import columns, pad
from niicorr.numerals import plural, r_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from niicorr.cli.page import Line, Page, Style
    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray, Float64Array

ROWS = 24
"""A matrix of up to this many rows is shown whole."""

ROWS_OF_MORE = 12
"""So many rows are shown of a longer one: a look at it, not the table."""

_GAP = 2
_LEAST_COLUMN = 6
_LEAST_LABEL = 12
_LEAST_BAR, _MOST_BAR = 5, 13
FADED = 0.05
"""Cells whose q exceeds it are dim."""

_FAINT, _STRONG = 0.1, 0.5


@dataclass(frozen=True)
class _Layout:
    """Rows × columns as shown: the longer set is down the page, whichever axis of the heatmap it is on."""

    values: Float64Array
    marked: BoolArray
    faded: BoolArray
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    row_set: str
    column_set: str


@dataclass(frozen=True)
class _Cells:
    """Widths: the gap before a column; number, mark (``†``) and bar in it; the column as a whole."""

    gap: int
    number: int
    mark: int
    bar: int
    column: int
    full: float
    """|r| of a full bar."""

    def draw(self, value: float, marked: bool, faded: bool) -> Line:
        """Return a cell: a gap, a number, its mark, and a bar where there is room; dim if q exceeds .05."""
        if not math.isfinite(value):
            dash = pad("–", self.number, right=True) + " " * self.mark
            return [(" " * self.gap + pad(dash, self.column, right=not self.bar), "dim")]
        number = pad(r_text(value), self.number, right=True) + ("†" if marked else " " * self.mark)
        style: Style = "dim" if faded else _style(value)
        if not self.bar:
            return [(" " * self.gap, ""), (pad(number, self.column, right=True), style)]
        left, right = _bar(value / self.full, self.bar // 2)
        room = self.column - self.number - self.mark - 1 - len(left) - 1
        bar: Line = [(left, style), ("│", "dim"), (pad(right, room), style)]
        return [(" " * self.gap, ""), (f"{number} ", style), *bar]


def matrix_lines(result: CorrelationResult, page: Page) -> Iterator[Line]:
    """Yield the matrix, a caption first; cut with a sentence where it does not fit."""
    layout = _layout(result)
    height, breadth = layout.values.shape
    rows = height if height <= ROWS else ROWS_OF_MORE
    finite = layout.values[np.isfinite(layout.values)]
    number = 5 if (finite < -0.995).any() else 4
    mark = int(layout.marked.any())
    # Row labels give way to columns, down to a dozen letters: a matrix in one piece is worth more.
    longest = min(max((columns(page.text(label)) for label in layout.row_labels[:rows]), default=0),
                  page.width // 3)
    gap = _GAP if longest + breadth * (_GAP + _LEAST_COLUMN) <= page.width else 1
    longest = min(longest, max(page.width - breadth * (gap + _LEAST_COLUMN), _LEAST_LABEL))
    labels = _distinct(layout.row_labels[:rows], page, longest)
    label_width = max(map(columns, labels), default=0)
    room = page.width - label_width
    shown = min(breadth, max(room // (gap + _LEAST_COLUMN), 1))
    each = max(room // max(shown, 1) - gap, _LEAST_COLUMN)
    bar = 0 if page.log else min(each - number - mark - 1, _MOST_BAR)
    bar = 0 if bar < _LEAST_BAR else bar - 1 + bar % 2
    heads = _distinct(layout.column_labels[:shown], page, each)
    column = max(number + mark + (bar + 1 if bar else 0), *map(columns, heads))
    cells = _Cells(gap, number, mark, bar, column, _full_bar(layout.values[:rows, :shown]))

    caption = f"rows: {layout.row_set}, columns: {layout.column_set}"
    if bar:
        caption += f"; a full bar is {r_text(cells.full)}"
    yield from page.paragraph("r", caption, "dim")
    head = "".join(" " * gap + pad(label, column, right=not bar) for label in heads)
    yield [(" " * label_width + head, "bold")]
    for i in range(rows):
        line: Line = [(pad(labels[i], label_width), "")]
        for j in range(shown):
            line += cells.draw(float(layout.values[i, j]), bool(layout.marked[i, j]),
                               bool(layout.faded[i, j]))
        yield [(page.text(text), style) for text, style in line]
    cut = [f"the first {part} of {plural(whole, noun)}"
           for part, whole, noun in ((rows, height, "row"), (shown, breadth, "column")) if part < whole]
    if cut:
        yield from page.paragraph("shown", " and ".join(cut), "dim")


def _layout(result: CorrelationResult) -> _Layout:
    values = result.estimate
    marked = np.zeros(values.shape, dtype=bool)
    if result.sensitivity is not None:
        marked = np.isfinite(result.sensitivity.zeros_matter)
    with np.errstate(invalid="ignore"):
        faded = np.asarray(result.inferred.get("p_fdr", np.full(values.shape, np.nan)) > FADED)
    if len(result.x_maps) > len(result.y_maps):
        return _Layout(values.T, marked.T, faded.T, result.x_labels, result.y_labels, "x", "y")
    if result.same_set:
        names = ("regions", "the same regions") if result.series else ("x", "the same maps")
        return _Layout(values, marked, faded, result.y_labels, result.x_labels, *names)
    return _Layout(values, marked, faded, result.y_labels, result.x_labels, "y", "x")


def _style(value: float) -> Style:
    if abs(value) < _FAINT:
        return ""
    if value > 0:
        return "positive_strong" if value >= _STRONG else "positive"
    return "negative_strong" if value <= -_STRONG else "negative"


def _bar(share: float, half: int) -> tuple[str, str]:
    """Return the two halves of a bar that grows from the centre, in steps of half a character."""
    steps = min(round(abs(share) * half * 2), half * 2)
    if share < 0:
        return pad("▐" * (steps % 2) + "█" * (steps // 2), half, right=True), ""
    return " " * half, "█" * (steps // 2) + "▌" * (steps % 2)


def _full_bar(values: Float64Array) -> float:
    """|r| of a full bar: the largest one shown, rounded up to a tenth; a diagonal of ones does not count."""
    sizes = np.abs(values[np.isfinite(values)])
    sizes = sizes[sizes < 0.9995]
    return max(0.1, math.ceil(float(sizes.max()) * 10) / 10) if sizes.size else 1.0


def _distinct(labels: Sequence[str], page: Page, width: int) -> list[str]:
    """Elide labels to ``width``; where that makes two alike, their places tell them apart."""
    short = [page.elide(label, width) for label in labels]
    if len(set(short)) == len(set(labels)):
        return short
    digits = len(str(len(labels)))
    return [f"{number:>{digits}} {page.elide(label, max(width - digits - 1, 2))}"
            for number, label in enumerate(labels, 1)]
