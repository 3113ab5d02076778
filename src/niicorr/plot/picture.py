"""What a heatmap shows, put into its order and its words before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.errors import UsageError
from niicorr.numerals import r_text
from niicorr.plot import captions, labels
from niicorr.plot.blocks import Blocks, block_means, blocks_of
from niicorr.plot.colormaps import diverging
from niicorr.plot.layout import VALUES_UP_TO
from niicorr.plot.order import Arrangement, arrange
from niicorr.plot.significance import Significance, significance
from niicorr.plot.zeros import fragile
from niicorr.result.same_files import same_file_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.colors import Colormap

    from niicorr.plot.groups import Groups, Strip
    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray, Float64Array, Order

USUAL = 0.99
"""Share of covariances that the colours span."""

LONGEST_GROUP = 30
"""Longer names of groups lose their middle."""


@dataclass(frozen=True, eq=False)
class Picture:
    """Everything that is drawn; rows and columns in the order in which they stand.

    Attributes
    ----------
    values : ndarray, shape (rows, columns), float64
        The numbers; where there are ``blocks``, of these.
    missing, diagonal : ndarray of bool, shape of values
        Cells without a number; cells of a map with itself.
    x_labels, y_labels : list of str
        Names of columns and rows, fit to be drawn.
    x_name, y_name : str
        What the two sets are called.
    square : bool
        Whether a set stands against itself.
    regions : bool
        Whether rows and columns are regions, not maps.
    arrangement : Arrangement
        The order, and the trees where it was found by clustering.
    families : list of str
        Fonts that together have all characters.
    cmap : Colormap
        Diverging.
    vmax : float
        The colours span −vmax to vmax.
    exponent : int or None
        Covariances are written in units of 10 to this power; None for correlations.
    beyond : bool
        Whether some values lie outside of them.
    bar_label, title, small_print, headline : str
        The words around.
    significance : Significance or None
        Which cells carry stars and which are faded; None where none is marked.
    fragile : ndarray of bool, shape of values, or None
        Cells that carry a dagger; None where none does.
    legends : tuple of str
        What these marks mean, without stars and with them; empty where there are none.
    zeros : tuple of str
        How many cells rest on how zeros are read, without daggers and with them; empty where none does.
    row_strips, column_strips : tuple of Strip
        Bars of colours beside the cells, their names fit to be drawn.
    row_groups, column_groups : Groups or None
        The groups in which rows and columns stand, their names fit to be drawn.
    blocks : Blocks or None
        How many rows and columns are drawn as one; None where each cell is.
    """

    values: Float64Array
    missing: BoolArray
    diagonal: BoolArray
    x_labels: list[str]
    y_labels: list[str]
    x_name: str
    y_name: str
    square: bool
    regions: bool
    arrangement: Arrangement
    families: list[str]
    cmap: Colormap
    vmax: float
    exponent: int | None
    beyond: bool
    bar_label: str
    title: str
    small_print: list[str]
    headline: str | None
    significance: Significance | None
    fragile: BoolArray | None
    legends: tuple[str, ...]
    zeros: tuple[str, ...]
    row_strips: tuple[Strip, ...] = ()
    column_strips: tuple[Strip, ...] = ()
    row_groups: Groups | None = None
    column_groups: Groups | None = None
    blocks: Blocks | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.y_labels), len(self.x_labels)

    @property
    def plain(self) -> dict[str, Any]:
        """Text properties under which a label is only text: ``$`` opens no mathematics, no TeX runs."""
        return {"parse_math": False, "usetex": False, "fontfamily": self.families}

    @property
    def axis_groups(self) -> tuple[Groups | None, Groups | None]:
        """Groups of rows and of columns."""
        return self.row_groups, self.column_groups

    @property
    def left_tree(self) -> bool:
        """Whether a dendrogram of the rows takes the left, and their names stand on the right."""
        return self.arrangement.row_tree is not None and self.shape[0] > 1

    @property
    def top_tree(self) -> bool:
        """Whether a dendrogram of the columns stands on top."""
        return self.arrangement.column_tree is not None and self.shape[1] > 1

    def number(self, value: float) -> str:
        """Write a number as it stands in a cell or beside the colour bar."""
        return r_text(value) if self.exponent is None else labels.scaled_text(value, self.exponent)

    def lines_below(self, values: bool) -> list[str]:
        """Return the small print, for cells with numbers or without; stars and daggers stand only beside numbers."""
        known = slice(1, None) if values else slice(1)
        return [*self.legends[known], *self.zeros[known], *self.small_print]

    def width(self, texts: Sequence[str], size: float) -> float:
        """Width in points of the widest of some texts, in the fonts of this picture."""
        from matplotlib.font_manager import FontProperties

        return labels.text_width(texts, FontProperties(family=self.families, size=size))

    def wrapped(self, text: str, inches: float, size: float) -> list[str]:
        """Break a text into lines of at most some inches."""
        return labels.wrapped(text, inches, size, self.families)


def colour_limit(values: Float64Array, unbounded: bool = False) -> float:
    """Largest |value| rounded up to .1, at least .2; of covariances what 99 of 100 do not exceed, to two digits.

    Finite values only.
    """
    sizes = np.abs(values)
    if unbounded:
        # One noisy region has covariances that leave no colour to all others.
        largest = float(np.quantile(sizes, USUAL)) if sizes.size else 0.0
        largest = largest or float(sizes.max(initial=0.0))
        return labels.rounded_up(largest) if largest > 0 else 1.0
    # Without the small step down .3 would be rounded up to .4: it is stored as .30000000000000004.
    return max(ceil(round(float(sizes.max(initial=0.0)) * 10, 6)) / 10, 0.2)


def prepare(
    result: CorrelationResult, order: Order, cmap: str, vmax: float | None, stars: bool | None = None,
    daggers: bool | None = None, *, every_cell: bool = False,
) -> Picture:
    """Put everything that is drawn into its order and its words; where each cell must be drawn, no blocks are made."""
    if not result.estimate.size:
        raise UsageError("the result has no cells to draw")
    if vmax is not None and not (isfinite(vmax) and vmax > 0):
        raise UsageError(f"vmax must be a positive number, got {vmax!r}")
    arrangement = arrange(result, order)
    rows, columns = arrangement.rows, arrangement.columns
    marks, regions = significance(result, stars), bool(result.series)
    # Beside hundreds of pale cells nothing is seen of those that survive, and without them nothing of the pattern:
    # regions stand in two cells each, so one triangle shows either.
    halved = regions and marks is not None and max(result.estimate.shape) > VALUES_UP_TO
    legends = [] if marks is None else [captions.legend(result, marks, starred=starred, halved=halved)
                                        for starred in (False, True)]
    unsure = fragile(result, daggers)
    zeros = () if unsure is None else tuple(captions.zeros_line(result, marked=marked) for marked in (False, True))
    same = same_file_cells(result)
    blocks = None if every_cell else blocks_of(len(rows), len(columns))
    span: tuple[float, ...] = ()
    if marks is not None:
        marks = marks.arranged(rows, columns)
        marks = marks.below_diagonal() if halved else marks
    if blocks is None:
        values = np.asarray(result.estimate[np.ix_(rows, columns)], dtype=np.float64)
        uncounted = np.zeros(values.shape, dtype=np.bool_) if same is None else same[np.ix_(rows, columns)]
        missing = ~np.isfinite(values)
        diagonal = np.equal.outer(rows, columns) & ~missing & result.same_set
    else:
        drawn = block_means(result.estimate, marks, rows, columns, blocks, same_set=result.same_set,
                            but=same)
        values, marks, span = drawn.values, drawn.significance, drawn.span
        missing, diagonal = ~np.isfinite(values), np.zeros(values.shape, dtype=np.bool_)
        uncounted = diagonal
    faded = marks is not None and bool(marks.faded.any())
    visible = values[~missing & ~diagonal]
    unbounded = not result.measure.bounded
    others = values[~missing & ~diagonal & ~uncounted]
    limit = colour_limit(others if others.size else visible, unbounded) if vmax is None else float(vmax)
    exponent = labels.exponent_of(limit) if unbounded else None
    small_print = [line for line in (captions.footer(result), arrangement.reason) if line]
    if missing.any() and (reason := captions.missing_line(result, ~np.isfinite(result.estimate))):
        small_print.append(reason)
    if same is not None:
        small_print.append(captions.same_files_line(result, same))
    if blocks is not None:
        numbers = [r_text(end) if exponent is None else labels.scaled_text(end, exponent) for end in span]
        small_print.append("".join([blocks.text, *([f", which span {' to '.join(numbers)}"] if numbers else []),
                                    *(["; it is faded where all of them are"] if faded else [])]))
    names = captions.set_names(result)
    headline = captions.headline(result)
    bar_label = captions.method_label(result, limit, exponent)
    strips = arrangement.row_strips + arrangement.column_strips
    words = [*result.x_labels, *result.y_labels, *names, *small_print, headline or "", *legends, *zeros,
             *(word for strip in strips for word in (strip.title, *strip.names)), bar_label if exponent else ""]
    families = labels.font_families(words)
    small_print += labels.without_glyph(words, families)
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
        regions=regions,
        arrangement=arrangement,
        families=families,
        cmap=diverging(cmap),
        vmax=limit,
        exponent=exponent,
        beyond=bool((np.abs(visible) > limit * (1 + 1e-6)).any()),
        bar_label=bar_label,
        title=captions.title(result),
        small_print=[labels.escape_missing(line, families) for line in small_print],
        headline=labels.escape_missing(headline, families) if headline else None,
        significance=marks,
        fragile=None if unsure is None or blocks is not None else unsure[np.ix_(rows, columns)],
        legends=tuple(labels.escape_missing(line, families) for line in legends),
        zeros=zeros,
        row_strips=tuple(_drawable_strip(strip, families) for strip in arrangement.row_strips),
        column_strips=tuple(_drawable_strip(strip, families) for strip in arrangement.column_strips),
        row_groups=_drawable_groups(arrangement.row_groups, families),
        column_groups=_drawable_groups(arrangement.column_groups, families),
        blocks=blocks,
    )


def _drawable_strip(strip: Strip, families: Sequence[str]) -> Strip:
    (title,) = labels.shown([strip.title], families, LONGEST_GROUP)
    return replace(strip, title=title, names=tuple(labels.shown(strip.names, families, LONGEST_GROUP)))


def _drawable_groups(groups: Groups | None, families: Sequence[str]) -> Groups | None:
    if groups is None:
        return None
    (by,) = labels.shown([groups.by], families, LONGEST_GROUP)
    return replace(groups, by=by, names=tuple(labels.shown(groups.names, families, LONGEST_GROUP)))
