"""The connectome: the strongest correlations among regions as lines in a glass brain, drawn by nilearn.

Which pairs are drawn, and why there may be none, is told by `niicorr.plot.connections`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.errors import UsageError
from niicorr.numerals import r_text
from niicorr.plot import captions, labels
from niicorr.plot.colormaps import VIK
from niicorr.plot.connections import Lines, centroids, strongest_lines, why_none
from niicorr.plot.groups import region_strips
from niicorr.plot.heatmap import write_figure
from niicorr.plot.picture import colour_limit
from niicorr.surroundings import demand_backend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from niicorr.plot.groups import Strip
    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray, Float64Array

__all__ = ["draw_connectome", "save_connectome", "why_none"]

WIDTH, VIEWS_HEIGHT, MARGIN, BAR_ROOM = 10.6, 2.45, 0.2, 0.95
"""Inches of the figure, of the four views, around everything, and of the colour bar with its words."""

TITLE_SIZE, SMALL_SIZE, LINE = 11.0, 7.5, 1.3
POINT = 1 / 72
INK, QUIET, BARE = "0.1", "0.4", "#9a9a9a"
VIEWS = {"l": "left side", "y": "from behind", "r": "right side", "z": "from above"}
"""nilearn's letters for the views, and what is written above them."""

THICKNESS = (0.3, 0.75)
"""Share of the thickness of nilearn's lines that is kept where they are most, and where they are few."""

FAINTEST = 0.34
"""How far from the middle of the colours, whose ends are at 1, the weakest line begins: nearer it is lost on white."""


def save_connectome(
    result: CorrelationResult, folder: str, *, formats: Sequence[str] = ("png",), threshold: float | None = None
) -> list[str]:
    """Write the connectome into an existing folder, if there is one to draw; the same result gives the same bytes.

    Parameters
    ----------
    result : CorrelationResult
        Of regions with each other.
    folder : str
        An existing folder.
    formats : sequence of {'png', 'svg', 'pdf'}
        Which files to write.
    threshold : float, optional
        As for `draw_connectome`.

    Returns
    -------
    list of str
        The names written, such as ``connectome.png``; empty where `why_none` tells a reason.
    """
    if why_none(result, threshold):
        return []
    return write_figure(lambda: draw_connectome(result, threshold=threshold), folder, "connectome", formats,
                        f"{captions.title(result)}: connectome")


def draw_connectome(result: CorrelationResult, *, threshold: float | None = None) -> Figure:
    r"""Draw the strongest correlations among regions as lines in a glass brain.

    Parameters
    ----------
    result : CorrelationResult
        Of regions with each other.
    threshold : float, optional
        Draw every pair with \|r\| of at least this; without it the strongest: 5 % of all pairs, but at least 30 and
        at most 300. Where there are p-values, only pairs with ``p_fdr`` up to .05 are drawn in either case.

    Returns
    -------
    matplotlib Figure
        Unknown to pyplot. Left, back, right and top view; lines within a hemisphere in all of its views, those
        between hemispheres in the back and the top view.

    Raises
    ------
    UsageError
        Where there is nothing to draw, with the reason.
    """
    reason = why_none(result, threshold)
    if reason:
        raise UsageError(f"no connectome: {reason}")
    demand_backend()
    assert result.parcellation is not None, "why_none saw to it"
    lines = strongest_lines(result, threshold)
    coords = centroids(result)
    shown: BoolArray = np.asarray(np.isfinite(coords).all(axis=1))
    strips = region_strips(result.parcellation.regions)
    strip = strips[0] if strips else None
    limit = colour_limit(lines.values)
    words = small_print(result, lines, strip, int((~shown).sum()))
    families = labels.font_families([captions.title(result), *words, *(strip.names if strip else ())])
    words = [part for line in words for part in labels.wrapped(labels.escape_missing(line, families),
                                                               WIDTH - 2 * MARGIN, SMALL_SIZE, families)]
    style: dict[str, Any] = {"parse_math": False, "usetex": False, "fontfamily": families}
    legend = _legend_rows(strip, families)
    rows = len(words) + len(legend)
    below = MARGIN + rows * SMALL_SIZE * LINE * POINT + 0.1
    tall = below + VIEWS_HEIGHT + 0.12 + TITLE_SIZE * LINE * POINT + MARGIN

    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, tall))
    views = (MARGIN / WIDTH, below / tall, (WIDTH - 2 * MARGIN - BAR_ROOM) / WIDTH, VIEWS_HEIGHT / tall)
    # Lines that are nearly as strong as the strongest one look so.
    floor = min(float(np.abs(lines.values).min()), limit / 2)
    colours = line_colours(floor, limit)
    _draw_brain(figure, views, result.estimate, lines, coords, shown, strip, colours, limit)
    bar = (1 - (MARGIN + BAR_ROOM - 0.15) / WIDTH, (below + 0.12 * VIEWS_HEIGHT) / tall, 0.13 / WIDTH,
           0.76 * VIEWS_HEIGHT / tall)
    _draw_bar(figure, bar, colours, lines, (floor, limit), result.measure.symbol)
    inch_x, inch_y = 1 / WIDTH, 1 / tall
    figure.text(MARGIN * inch_x, 1 - MARGIN * inch_y, captions.title(result), va="top", fontsize=TITLE_SIZE,
                color=INK, label="_title", **style)  # fmt: skip
    line = SMALL_SIZE * LINE * POINT
    top = below - 0.1
    for row, entries in enumerate(legend):
        _write_legend(figure, entries, top - (row + 0.5) * line, inch_x, inch_y, style)
    figure.text(MARGIN * inch_x, (top - len(legend) * line) * inch_y, "\n".join(words), va="top", color=QUIET,
                fontsize=SMALL_SIZE, linespacing=LINE, label="_small print", **style)  # fmt: skip
    return figure


def small_print(result: CorrelationResult, lines: Lines, strip: Strip | None, unplaced: int) -> list[str]:
    """Say which lines and dots are drawn, and whose brain it is."""
    options = result.provenance.options
    how = captions.CORRECTIONS.get(str(options.get("fdr", "bh")), str(options.get("fdr")))
    least, n = float(np.abs(lines.values).min()), len(lines.values)
    whose = f"with q ≤ .05 ({how})" if lines.tested else "of regions (there are no p-values)"
    size = f"|r| ≥ {r_text(least if lines.threshold is None else lines.threshold)}"
    negative = int((lines.values < 0).sum())
    signs = f"{captions.grouped(negative)} of them negative" if negative else "none is negative"
    if n == lines.among == 1:
        chosen = f"Line: the only pair {whose}, r = {r_text(float(lines.values[0]))}"
    elif n == lines.among:
        chosen = f"Lines: all {captions.grouped(n)} pairs {whose}, {size}; {signs}"
    else:
        of = f"{captions.grouped(n)} strongest of {captions.grouped(lines.among)} pairs"
        chosen = f"Lines: the {of} {whose}, {size}; {signs}"
    dots = "Dots: the middles of the regions" + (f", coloured by {strip.title}" if strip else "")
    dots += ", small where no line ends; lines between the hemispheres are seen from behind and from above alone"
    if unplaced:
        dots += f"; {captions.grouped(unplaced)} region{' is' if unplaced == 1 else 's are'} left out, "
        dots += "whose place is not known"
    brain = "Glass brain: that of MNI space, drawn by nilearn"
    if result.parcellation is not None and not result.parcellation.mni:
        brain += "; places taken as MNI, which the atlas does not say"
    return [chosen, dots, brain, captions.footer(result)]


def line_colours(least: float, limit: float) -> Colormap:
    """Return colours for lines from −limit to limit, all of which are seen on white: it has a gap within ±least."""
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    vik = LinearSegmentedColormap.from_list("vik", VIK, N=1025)
    at = np.linspace(-1, 1, 513)
    from_least = np.clip((np.abs(at) * limit - least) / max(limit - least, 1e-9), 0, 1)
    shades = vik(0.5 + np.sign(at) * (FAINTEST + (1 - FAINTEST) * from_least) / 2)
    shades[np.abs(at) * limit < least - 2 * limit / len(at)] = 1.0  # the weakest line may fall into the shade below it
    return ListedColormap(shades, name="vik without its middle")


def _draw_brain(
    figure: Figure, box: tuple[float, float, float, float], matrix: Float64Array, lines: Lines, coords: Float64Array,
    shown: BoolArray, strip: Strip | None, colours: Colormap, limit: float,
) -> None:
    from nilearn.plotting import plot_connectome

    drawn = np.zeros(matrix.shape)
    drawn[lines.pairs[:, 0], lines.pairs[:, 1]] = lines.values
    drawn += drawn.T
    ends = (drawn != 0).any(axis=0)
    shades = np.array([BARE] * len(matrix) if strip is None else [strip.colours[kind] for kind in strip.of])
    crowd = float(np.clip(60 / max(int(shown.sum()), 1), 0.35, 1))
    display: Any = plot_connectome(
        drawn[np.ix_(shown, shown)], coords[shown], node_color=list(shades[shown]),
        node_size=np.where(ends, 34 * crowd, 7 * crowd)[shown], edge_cmap=colours, edge_vmin=-limit, edge_vmax=limit,
        display_mode="lyrz", figure=figure, axes=box, colorbar=False, alpha=0.55,
        node_kwargs={"edgecolors": "0.25", "linewidths": 0.5}, edge_kwargs={"alpha": 0.8, "solid_capstyle": "round"},
    )  # fmt: skip
    few, many = THICKNESS[1], THICKNESS[0]
    share = float(np.clip(20 / len(lines.values), many, few))
    for letter, view in display.axes.items():
        view.ax.set_title(VIEWS[letter], fontsize=SMALL_SIZE, color=QUIET, pad=3)
        for line in view.ax.lines:
            line.set_linewidth(share * line.get_linewidth())


def _draw_bar(
    figure: Figure, box: tuple[float, float, float, float], colours: Colormap, lines: Lines,
    span: tuple[float, float], symbol: str,
) -> None:
    """Draw a colour bar of the sign that occurs, or of both with a gap between."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    floor, limit = span
    negative, positive = bool((lines.values < 0).any()), bool((lines.values > 0).any())
    axes = figure.add_axes(box)
    bar: Any = figure.colorbar(ScalarMappable(Normalize(-limit, limit), colours), cax=axes)
    axes.set_ylim(-limit if negative else floor, limit if positive else -floor)
    at = [*((-limit, -floor) if negative else ()), *((floor, limit) if positive else ())]
    bar.set_ticks(at, labels=[r_text(value) for value in at])
    axes.tick_params(labelsize=SMALL_SIZE + 0.5, length=2.5, width=0.6)
    bar.set_label(symbol, fontsize=SMALL_SIZE + 0.5, parse_math=False)
    bar.outline.set_linewidth(0.5)


def _legend_rows(strip: Strip | None, families: Sequence[str]) -> list[list[tuple[float, str, str | None]]]:
    """Place the names of the kinds of dots in rows: points from the left, the name, the colour of its dot."""
    if strip is None:
        return []
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family=list(families), size=SMALL_SIZE)
    end = (WIDTH - 2 * MARGIN) / POINT
    rows: list[list[tuple[float, str, str | None]]] = [[(0.0, strip.title, None)]]
    at = start = labels.text_width([strip.title], font) + 8
    for name, colour in zip(labels.shown(strip.names, families, 30), strip.colours, strict=True):
        wide = 9 + labels.text_width([name], font)
        if at + wide > end and at > start:
            rows.append([])
            at = start
        rows[-1].append((at, name, colour))
        at += wide + 9
    return rows


def _write_legend(
    figure: Figure, entries: list[tuple[float, str, str | None]], up: float, inch_x: float, inch_y: float,
    style: dict[str, Any],
) -> None:
    from matplotlib.lines import Line2D

    for at, name, colour in entries:
        x = MARGIN + at * POINT
        if colour is not None:
            figure.add_artist(Line2D([(x + 0.045) * inch_x], [up * inch_y], marker="o", markersize=5.5,
                                     markerfacecolor=colour, markeredgecolor="0.25", markeredgewidth=0.5,
                                     linestyle="", label="_legend"))  # fmt: skip
            x += 9 * POINT
        figure.text(x * inch_x, up * inch_y, name, va="center", fontsize=SMALL_SIZE, color="0.25", label="_legend",
                    **style)  # fmt: skip
