"""One pair of a result in a notebook: a figure, or the cell of the page."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from niicorr.errors import UsageError
from niicorr.numerals import integer
from niicorr.result import Comparison
from niicorr.result.contribution import position
from niicorr.result.picturing import pictures_of
from niicorr.tables import printable
from niicorr.webpage.part import part_of
from niicorr.webpage.payload import payload
from niicorr.webpage.write import page_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from niicorr.result import CorrelationResult

HEIGHT = 680
"""Pixels of a cell in a notebook."""


@dataclass(frozen=True, eq=False)
class Pair:
    """Two maps of a result, to be looked at.

    Attributes
    ----------
    result : CorrelationResult
        Where they are from.
    row, column : int
        Positions of the map of y and of the map of x.
    """

    result: CorrelationResult
    row: int
    column: int

    def plot(self) -> Figure:
        """Draw slices of both maps, and one against the other.

        Returns
        -------
        matplotlib Figure
            Unknown to pyplot; ``figure.savefig`` writes it.
        """
        from niicorr.plot.pair import pair_figure

        return pair_figure(self.result, self.row, self.column)

    def view(self) -> PairView:
        """Show this cell of the page inside of a notebook."""
        return PairView(self)

    def __repr__(self) -> str:
        result = self.result
        x, y = printable(result.x_labels[self.column]), printable(result.y_labels[self.row])
        value = float(result.estimate[self.row, self.column])
        shown = result.measure.text(value) if np.isfinite(value) else "no number"
        return (f"Pair: {x} × {y}, {result.measure.symbol} {shown}, n = "
                f"{integer(int(result.counts[self.row, self.column]))} {result.unit}s; .plot() or .view()")


@dataclass(frozen=True, eq=False)
class PairView:
    """A cell of the page, which a notebook shows in a frame of its own that can neither load nor send anything."""

    pair: Pair

    def page(self) -> str:
        """Return the page with this cell alone."""
        result = self.pair.result
        row, column = self.pair.row, self.pair.column
        rows, columns = np.array([row]), np.array([column])
        if result.same_set:  # both are rows and columns then
            rows = columns = np.unique([row, column])
        part = part_of(result, rows, columns)
        of = result.comparison
        if of is not None:
            x = of.x.part(columns)
            part = part.replace(comparison=Comparison(x, x if result.same_set else of.y.part(rows), of.similarity),
                                pictures=None)
        opened = int(np.flatnonzero(rows == row)[0]), int(np.flatnonzero(columns == column)[0])
        pictures = pictures_of(part, "all")
        return page_text(payload(part, pictures, opened=opened), pictures)

    def _repr_html_(self) -> str:
        return (f'<iframe srcdoc="{html.escape(self.page(), quote=True)}" sandbox="allow-scripts allow-downloads" '
                f'title="{html.escape(repr(self.pair), quote=True)}" '
                f'style="width:100%;height:{HEIGHT}px;border:0"></iframe>')

    def __repr__(self) -> str:
        return f"{self.pair!r} (shown in a notebook)"


def pair(result: CorrelationResult, x: str | int, y: str | int) -> Pair:
    """Find two maps of a result; see `CorrelationResult.pair`."""
    try:
        return Pair(result, position(y, result.y_labels, "y"), position(x, result.x_labels, "x"))
    except UsageError as error:
        if isinstance(x, str) and isinstance(y, str) and x in result.y_labels and y in result.x_labels:
            swapped = f"result.pair({printable(y)!r}, {printable(x)!r})"
            raise UsageError(f"{error}. x comes first: {swapped}") from None
        raise
