"""The picture of a calibration: how many p-values of unrelated maps are so small, against how many should be.

Both axes are logarithmic, since it is the small p-values that are believed. An honest null model lies on the
diagonal; one below it calls unrelated maps related.
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from niicorr.plot.heatmap import write_figure
from niicorr.surroundings import demand_backend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from niicorr.calibration import Calibration, TriedNull
    from niicorr.typing import Float64Array

TITLE = "p-values of unrelated maps"
SIZE = (6.4, 6.6)
BOX = (0.125, 0.25, 0.845, 0.64)
"""Of the axes, in shares of the figure."""

POINTS = 400
"""So many places of a line are drawn: more make the file larger and nothing clearer."""

LEVEL = 0.05
LABEL, CLEAR, BELOW = (0.26, 0.09), 0.035, 0.36
"""Width and height of a label, its distance from lines, and how high the textbook's stands, in shares of the axes."""

FAR, NEAR = 0.4, 0.06
"""A rate so large stands free of all other lines; a dot so near (in shares of the axes) is what a label leads to."""

INK, QUIET, FAINT = "#222222", "#666666", "#e4e4e4"
WRAP = 108
"""Letters to a line of the small print."""


@dataclass(frozen=True)
class Look:
    """How the line of a null model is drawn and named; colours that the colour-blind tell apart (Okabe & Ito)."""

    name: str
    colour: str
    width: float
    dashes: str
    at: float
    """Middle of its label, from the left end of the axes (0) to the right one (1)."""


LOOKS = {
    "independent": Look("textbook\n(independent)", "#d55e00", 2.2, "-", 0.86),
    "gsm": Look("gsm", "#a0569a", 1.6, "--", 0.405),
    "effective": Look("effective\n(niicorr's default)", "#0072b2", 2.4, "-", 0.15),
    "surrogate": Look("surrogate", "#00805f", 2.0, ":", 0.65),
}


def draw_calibration(calibration: Calibration, *, ax: Axes | None = None) -> Axes:
    """Draw the p-values of every null model against how many of them are so small.

    Parameters
    ----------
    calibration : Calibration
        From `niicorr.calibrate`.
    ax : matplotlib Axes, optional
        Where to draw; without it a figure is made, which pyplot does not know.

    Returns
    -------
    matplotlib Axes
        With one line for each null model.

    Notes
    -----
    The grey band holds 95 % of as many independent p-values, at each place by itself (order statistics of uniform
    values follow beta distributions). Pairs of a block share maps, so lines may stray a little further.
    """
    demand_backend()
    own = ax is None
    if ax is None:
        from matplotlib.figure import Figure

        ax = Figure(figsize=SIZE).add_axes(BOX)
    most = max(tried.pairs for tried in calibration.nulls)
    low = 0.6 / most
    _frame(ax, low)
    _band(ax, most)
    curves = {tried.null: _curve(tried, low) for tried in calibration.nulls}
    places = label_places([(_along(ax, share), _along(ax, p)) for share, p in curves.values()])
    for tried in calibration.nulls:
        _line(ax, tried, curves[tried.null], places[tried.null], low)
    ax.set_title(TITLE, loc="left", fontsize=12, pad=22, color=INK)
    ax.annotate(headline(calibration), (0, 1), (0, 7), "axes fraction", "offset points", fontsize=9, color=QUIET,
                label="_headline")
    if own:
        ax.annotate("\n".join(small_print(calibration)), (0, 0), (0, -40), "axes fraction", "offset points", va="top",
                    fontsize=7, color=QUIET, linespacing=1.35, label="_small print")
    return ax


def save_calibration(
    calibration: Calibration, folder: str, *, formats: Sequence[str] = ("png", "svg")
) -> list[str]:
    """Write the picture into an existing folder; return the names, such as ``calibration.png``."""

    def draw() -> Figure:
        from typing import cast

        return cast("Figure", draw_calibration(calibration).figure)

    return write_figure(draw, folder, "calibration", formats, TITLE)


def shares(p: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return the distinct p-values in ascending order, and the share of all that are so small."""
    tested = p[np.isfinite(p)]
    values, counts = np.unique(tested, return_counts=True)
    return values, np.cumsum(counts) / (tested.size + 1)


def band(n: int) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Return shares, and between what n independent p-values lie there in 95 of 100 cases."""
    from scipy import special

    rank = np.unique(np.geomspace(1, n, POINTS).round())
    low, high = (special.betaincinv(rank, n + 1 - rank, q) for q in (0.025, 0.975))
    return rank / (n + 1), low, high


def label_places(curves: Sequence[tuple[Float64Array, Float64Array]]) -> dict[str, tuple[float, float]]:
    """Find where labels stand, in shares of the axes: clear of one another and above the lines, the textbook's below.

    Parameters
    ----------
    curves : sequence of (ndarray, ndarray)
        All lines, in shares of the axes; both rise.
    """
    at = LOOKS["independent"].at
    lowest = min((float(np.interp(at - LABEL[0] / 2, x, y)) for x, y in curves), default=1.0)
    places = {"independent": (at, max(min(BELOW, lowest - CLEAR - LABEL[1] / 2), LABEL[1] / 2))}
    top, end = 0.0, -1.0
    for null in sorted(set(LOOKS) - set(places), key=lambda name: LOOKS[name].at):
        left, right = LOOKS[null].at - LABEL[0] / 2, LOOKS[null].at + LABEL[0] / 2
        # Lines rise, so each is highest at the right end of the label.
        highest = max([right, *(float(np.interp(right, x, y)) for x, y in curves)])
        bottom = max(highest + CLEAR, top + CLEAR if left < end else 0.0)
        top, end = bottom + LABEL[1], right
        places[null] = LOOKS[null].at, bottom + LABEL[1] / 2
    return places


def headline(calibration: Calibration) -> str:
    """Say in numbers how many unrelated pairs come out significant."""
    names = {"independent": "the textbook's", "effective": "niicorr's (effective)", "surrogate": "those by surrogates"}
    known: dict[str, float] = {tried.null: tried.rate(LEVEL)[0] for tried in calibration.nulls}
    shown: list[str] = [name for name in ("independent", "effective") if name in known] or ["surrogate"]
    return "p ≤ .05: " + ", ".join(f"{_percent(known[name])} of {names[name]}" for name in shown) + "; 5 % is right"


def small_print(calibration: Calibration) -> list[str]:
    """Say what was simulated and what the band is, in lines that fit."""
    pairs = {tried.null: tried.pairs for tried in calibration.nulls}
    most = max(pairs.values())
    text = (f"{calibration.text} Grey: where {most} independent p-values would lie (95 %, at each place by itself); "
            "pairs of a block share maps, so lines may stray a little further")
    if pairs["surrogate"] < most:
        text += f", most of all the surrogates', of {pairs['surrogate']} pairs"
    return textwrap.wrap(f"{text}.", WRAP)


def _frame(ax: Axes, low: float) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    ax.set(xscale="log", yscale="log", xlim=(low, 1.15), ylim=(low, 1.15))
    ticks = [t for t in (1.0, 0.5, 0.05, 0.01, 0.001, 0.0001, 0.00001) if t >= low]
    words = [f"{t:.5f}".rstrip("0").rstrip(".").removeprefix("0") for t in ticks]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(FixedFormatter(words))
        axis.set_minor_locator(NullLocator())
    ax.tick_params(labelsize=8.5, length=3, width=0.6, color=QUIET, labelcolor=INK)
    ax.grid(visible=True, color=FAINT, linewidth=0.7)
    ax.set_axisbelow(True)
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set(color=QUIET, linewidth=0.7)
    ax.set_xlabel("share of unrelated pairs with such a p or a smaller one", fontsize=9.5, color=INK)
    ax.set_ylabel("p", fontsize=9.5, color=INK, rotation=0, labelpad=8)


def _band(ax: Axes, n: int) -> None:
    share, low, high = band(n)
    ax.fill_between(share, low, high, color="#d9d9d9", linewidth=0, zorder=1, label="_band")
    ax.plot([1e-9, 1], [1e-9, 1], color=INK, linewidth=0.8, zorder=2, label="_honest")
    for text, x, y, sides in (("p too large", 0.03, 0.92, ("left", "bottom")),
                              ("p too small:\nfalse positives", 0.62, 0.1, ("right", "bottom"))):
        ax.text(x, y, text, transform=ax.transAxes, ha=sides[0], va=sides[1], fontsize=9, style="italic", color=QUIET)


def _curve(tried: TriedNull, low: float) -> tuple[Float64Array, Float64Array]:
    """Thin out the line of a null model: shares, and p-values that a logarithmic axis can show."""
    p, share = shares(tried.p)
    places = np.unique(np.geomspace(1, len(p), POINTS).round().astype(int)) - 1
    return share[places], np.maximum(p[places], low / 10)


def _along(ax: Axes, values: Float64Array) -> Float64Array:
    """Where values stand on either axis, in shares of it."""
    left, right = ax.get_xlim()
    return np.asarray(np.log(values / left) / math.log(right / left))


def _line(
    ax: Axes, tried: TriedNull, curve: tuple[Float64Array, Float64Array], place: tuple[float, float], low: float
) -> None:
    look, (share, p) = LOOKS[tried.null], curve
    ax.plot(share, p, color=look.colour, linewidth=look.width, linestyle=look.dashes, zorder=3, label=tried.null)
    rate, error = tried.rate(LEVEL)
    words = f"{look.name}\n{_percent(rate)} ± {100 * error:.1f} are ≤ .05"
    if rate > 0:
        ax.plot([rate], [LEVEL], "o", color=look.colour, markersize=5, markeredgecolor="white", markeredgewidth=0.8,
                zorder=5, label=f"_{tried.null} at .05")
    if rate > FAR:  # so far to the right that no other line is near
        ax.annotate(words, (rate, LEVEL), (-8, -10), "data", "offset points", ha="right", va="top", fontsize=8.5,
                    color=look.colour, label=f"_{tried.null}")
        return
    # Straight below (or above) its label, unless the line has left the picture there; at its dot if that is near.
    left, right = ax.get_xlim()
    x = max(left * (right / left) ** look.at, float(np.interp(1.5 * low, p, share)))
    y = float(np.exp(np.interp(math.log(x), np.log(share), np.log(p))))
    if rate > 0 and abs(math.log(x / rate)) < NEAR * math.log(right / left):
        x, y = rate, LEVEL
    ax.annotate(words, (x, y), place, "data", "axes fraction", ha="center", va="center", fontsize=8.5,
                color=look.colour, label=f"_{tried.null}",
                arrowprops={"arrowstyle": "-", "color": look.colour, "linewidth": 0.8, "shrinkA": 1, "shrinkB": 0})


def _percent(rate: float) -> str:
    return f"{100 * rate:.0f} %" if rate >= 0.1 else f"{100 * rate:.1f} %"
