"""What a heatmap shows, put into its order and its words before anything is drawn."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from math import ceil, isfinite
from typing import TYPE_CHECKING

import numpy as np

from niicorr.errors import UsageError
from niicorr.plot import captions, labels
from niicorr.plot.colormaps import diverging
from niicorr.plot.order import Arrangement, arrange
from niicorr.plot.significance import Significance, significance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.colors import Colormap

    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray, Float64Array, Order


@dataclass(frozen=True, eq=False)
class Picture:
    """Everything that is drawn; rows and columns in the order in which they stand.

    Attributes
    ----------
    values : ndarray, shape (rows, columns), float64
        The numbers.
    missing, diagonal : ndarray of bool, shape (rows, columns)
        Cells without a number; cells of a map with itself.
    x_labels, y_labels : list of str
        Names of columns and rows, fit to be drawn.
    x_name, y_name : str
        What the two sets are called.
    square : bool
        Whether a set stands against itself.
    arrangement : Arrangement
        The order, and the trees where it was found by clustering.
    families : list of str
        Fonts that together have all characters.
    cmap : Colormap
        Diverging.
    vmax : float
        The colours span −vmax to vmax.
    beyond : bool
        Whether some values lie outside of them.
    bar_label, title, small_print, headline : str
        The words around.
    significance : Significance or None
        Which cells carry stars and which are faded; None where none is marked.
    legends : tuple of str
        What these marks mean, without stars and with them; empty where there are none.
    """

    values: Float64Array
    missing: BoolArray
    diagonal: BoolArray
    x_labels: list[str]
    y_labels: list[str]
    x_name: str
    y_name: str
    square: bool
    arrangement: Arrangement
    families: list[str]
    cmap: Colormap
    vmax: float
    beyond: bool
    bar_label: str
    title: str
    small_print: list[str]
    headline: str | None
    significance: Significance | None
    legends: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.y_labels), len(self.x_labels)

    @property
    def left_tree(self) -> bool:
        """Whether a dendrogram of the rows takes the left, and their names stand on the right."""
        return self.arrangement.row_tree is not None and self.shape[0] > 1

    @property
    def top_tree(self) -> bool:
        """Whether a dendrogram of the columns stands on top."""
        return self.arrangement.column_tree is not None and self.shape[1] > 1

    def lines_below(self, values: bool) -> list[str]:
        """Return the small print, for cells with numbers or without; stars stand only beside numbers."""
        legend = self.legends[1:] if values else self.legends[:1]
        return [*legend, *self.small_print]

    def width(self, texts: Sequence[str], size: float) -> float:
        """Width in points of the widest of some texts, in the fonts of this picture."""
        from matplotlib.font_manager import FontProperties

        return labels.text_width(texts, FontProperties(family=self.families, size=size))

    def wrapped(self, text: str, inches: float, size: float) -> list[str]:
        """Break a text into lines of at most some inches."""
        # Small fonts are hinted wider on coarse screens than they measure.
        room = 0.96 * inches * 72
        letters = max(int(room / (0.4 * size)), 20)
        lines = textwrap.wrap(text, letters)
        while self.width(lines, size) > room and letters > 20:
            letters -= 2
            lines = textwrap.wrap(text, letters)
        return lines


def colour_limit(values: Float64Array) -> float:
    """Largest |value| rounded up to .1, at least .2; finite values only."""
    largest = float(np.abs(values).max(initial=0.0))
    # Without the small step down .3 would be rounded up to .4: it is stored as .30000000000000004.
    return max(ceil(round(largest * 10, 6)) / 10, 0.2)


def prepare(
    result: CorrelationResult, order: Order, cmap: str, vmax: float | None, stars: bool | None = None
) -> Picture:
    """Put everything that is drawn into its order and its words."""
    if not result.estimate.size:
        raise UsageError("the result has no cells to draw")
    if vmax is not None and not (isfinite(vmax) and vmax > 0):
        raise UsageError(f"vmax must be a positive number, got {vmax!r}")
    arrangement = arrange(result, order)
    at = np.ix_(arrangement.rows, arrangement.columns)
    values = np.asarray(result.estimate[at], dtype=np.float64)
    missing = ~np.isfinite(values)
    diagonal = np.equal.outer(arrangement.rows, arrangement.columns) & ~missing & result.same_set
    visible = values[~missing & ~diagonal]
    limit = colour_limit(visible) if vmax is None else float(vmax)
    small_print = [captions.footer(result)]
    if reason := captions.missing_line(result, ~np.isfinite(result.estimate)):
        small_print.append(reason)
    names = [labels.set_name(result.x_maps, "x maps"), labels.set_name(result.y_maps, "y maps")]
    headline = captions.headline(result)
    marks = significance(result, stars)
    legends = [] if marks is None else [captions.legend(result, marks, starred=starred) for starred in (False, True)]
    words = [*result.x_labels, *result.y_labels, *names, *small_print, headline or "", *legends]
    families = labels.font_families(words)
    x_labels, y_labels = (labels.shown(each, families) for each in (result.x_labels, result.y_labels))
    return Picture(
        values=values,
        missing=missing,
        diagonal=diagonal,
        x_labels=[x_labels[j] for j in arrangement.columns],
        y_labels=[y_labels[i] for i in arrangement.rows],
        x_name=labels.escape_missing(names[0], families),
        y_name=labels.escape_missing(names[1], families),
        square=result.same_set,
        arrangement=arrangement,
        families=families,
        cmap=diverging(cmap),
        vmax=limit,
        beyond=bool((np.abs(visible) > limit + 1e-6).any()),
        bar_label=captions.method_label(result, limit),
        title=captions.title(result),
        small_print=[labels.escape_missing(line, families) for line in small_print],
        headline=labels.escape_missing(headline, families) if headline else None,
        significance=marks and marks.arranged(arrangement.rows, arrangement.columns),
        legends=tuple(labels.escape_missing(line, families) for line in legends),
    )
