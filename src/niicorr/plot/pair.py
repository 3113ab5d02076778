"""Two maps and how they go together: slices of both through one place, and every voxel of one against the other."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.numerals import integer, p_text, r_text
from niicorr.plot import labels
from niicorr.plot.colormaps import diverging
from niicorr.plot.slices import LETTERS, PLANES, slices, two_sided, voxel_coords
from niicorr.result.pair_values import PairValues, pair_values
from niicorr.result.picturing import LINEAR
from niicorr.surroundings import demand_backend
from niicorr.tables import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray, Float64Array

MANY = 400
"""More points are counted in hexagons; fewer stand by themselves."""

NAMED = 6
"""Regions that are named: those that add most to the number."""

_INK, _FAINT, _POINT = "#24272c", "#8b9099", "#3372b0"
_TAIL = 0.005
"""Share of a map's values at either end that do not stretch its colours."""


def pair_figure(result: CorrelationResult, row: int, column: int) -> Figure:
    """Draw one cell of a result.

    Parameters
    ----------
    result : CorrelationResult
        With its maps, or pictures of them.
    row, column : int
        Which cell.

    Returns
    -------
    matplotlib Figure
        Unknown to pyplot. With places in space: three planes of either map, through the voxel that adds most to the
        number, left on the left; the mask's outline; and both maps against each other.
    """
    demand_backend()
    from matplotlib.figure import Figure

    values = pair_values(result, row, column)
    common = np.isfinite(values.x) & np.isfinite(values.y)
    names = [printable(result.x_labels[column]), printable(result.y_labels[row])]
    families = labels.font_families([*names, *values.names])
    # Each by itself: maps of the two sets may share a name, which is then that of both.
    x_name, y_name = (labels.shown([name], families)[0] for name in names)
    in_space = values.voxels is not None and result.grid is not None and bool(values.voxels.size)
    figure = Figure(figsize=(10.4 if in_space else 4.9, 4.8), facecolor="white")
    wide = 0.56 if in_space else 0.0
    ax = figure.add_axes((wide + (1 - wide) * 0.17, 0.13, (1 - wide) * 0.78, 0.65))
    if in_space:
        _draw_maps(figure, result, values, common, (x_name, y_name), wide)
    _draw_values(ax, result, values, common, families)
    how: dict[str, Any] = {"color": _INK, "family": families, "parse_math": False}
    unit = " (standard scores)" if result.series else ""
    ax.set_xlabel(x_name + unit, **how)
    ax.set_ylabel(y_name + unit, **how)
    figure.text(0.02, 0.97, f"{x_name} × {y_name}", size=12, weight="bold", va="top", **how)
    told = [part for line in _numbers(result, row, column, values) for part in wrap(line, 150 if in_space else 66)]
    figure.text(0.02, 0.905, "\n".join(told), size=8.5, va="top", linespacing=1.4, **{**how, "color": "#50555d"})
    return figure


def _numbers(result: CorrelationResult, row: int, column: int, values: PairValues) -> list[str]:
    """Say what is known of the cell."""
    r, told = float(result.estimate[row, column]), {name: float(v[row, column]) for name, v in result.inferred.items()}
    if not np.isfinite(r):
        return [printable(f"no number: {result.notes.get((row, column), 'it is missing')}")]
    shown = result.measure.text(r)
    text = f"{result.measure.symbol} = {shown}"
    if np.isfinite(told.get("ci_low", np.nan)):
        text += f" (95 %: {r_text(told['ci_low'])} to {r_text(told['ci_high'])})"
    parts = [text, *(f"{name} {p_text(told[key])}" for name, key in (("p", "p"), ("q", "p_fdr"))
                     if np.isfinite(told.get(key, np.nan)))]
    count = f"{integer(int(result.counts[row, column]))} {result.unit}s"
    if np.isfinite(told.get("n_effective", np.nan)):
        independent = integer(round(told["n_effective"]))
        count += f" that tell as much as {independent} independent ones (null model: {result.null})"
    lines = [", ".join(parts), count]
    return lines if values.exact else [lines[0], f"{count}; maps from pictures of 8 bits"]


def _draw_maps(
    figure: Figure, result: CorrelationResult, values: PairValues, common: BoolArray, names: tuple[str, str],
    wide: float,
) -> None:
    grid, voxels = result.grid, values.voxels
    assert grid is not None  # these are voxels of a grid
    assert voxels is not None
    coords = voxel_coords(grid, voxels)
    at = coords[_most(values, common)] if common.any() else np.median(coords, axis=0)
    cut = slices(grid, voxels, longest=180, margin=5, at=at)
    widths = np.array([plane.feature.shape[1] for plane in cut], dtype=np.float64)
    room = 0.02, wide - 0.075
    lefts = room[0] + np.concatenate([[0], np.cumsum(widths)[:-1]]) / widths.sum() * room[1]
    for k, (one, name) in enumerate(zip((values.x, values.y), names, strict=True)):
        bottom, height = (0.44 if k == 0 else 0.055), 0.335
        colours, low, high = _colours(one)
        for plane, left, width, letters, (_, across, up) in zip(cut, lefts, widths, LETTERS, PLANES, strict=True):
            ax = figure.add_axes((left, bottom, room[1] * width / widths.sum(), height))
            shown = np.where(plane.feature >= 0, one[np.maximum(plane.feature, 0)], np.nan)
            image = ax.imshow(shown, extent=plane.extent, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
            ax.contour(plane.feature >= 0, levels=[0.5], colors=_FAINT, linewidths=0.6, extent=plane.extent,
                       origin="upper")
            ax.axvline(at[across], color=_INK, lw=0.4, alpha=0.6)
            ax.axhline(at[up], color=_INK, lw=0.4, alpha=0.6)
            ax.axis("off")
            if grid.known:
                for letter, side, edge in zip(letters, ("left", "right"), (0.02, 0.98), strict=True):
                    ax.text(edge, 0.0, letter, transform=ax.transAxes, size=7, color=_FAINT, va="bottom", ha=side)
        bar = figure.add_axes((room[0] + room[1] + 0.005, bottom + 0.06, 0.008, height - 0.12))
        scale = figure.colorbar(image, cax=bar)
        scale.outline.set_visible(False)
        bar.tick_params(labelsize=7, colors="#50555d", length=2)
        bar.locator_params(nbins=4)
        figure.text(room[0], bottom + height - 0.005, name, size=8.5, color=_INK, va="bottom", parse_math=False)
    if grid.known:
        place = ", ".join(f"{value:.0f}".replace("-", labels.MINUS) for value in at)
        figure.text(room[0], 0.025, f"planes through ({place}) mm, the voxel that adds most; left is left", size=7,
                    color=_FAINT)


def _draw_values(
    ax: Axes, result: CorrelationResult, values: PairValues, common: BoolArray, families: list[str]
) -> None:
    x, y = values.x[common], values.y[common]
    ax.tick_params(labelsize=8, colors="#50555d")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    if not x.size:
        return
    if x.size > MANY:
        ax.hexbin(x, y, gridsize=48, bins="log", mincnt=1, cmap=_blues(), linewidths=0.1)
    else:
        ax.scatter(x, y, s=16, color=_POINT, alpha=0.75, linewidths=0)
    plain = not (result.provenance.options.get("weights") or result.provenance.options.get("partial"))
    if result.method in LINEAR and plain and np.ptp(x) > 0 and x.size > 2:
        slope, level = np.polynomial.polynomial.polyfit(x - x.mean(), y, 1)[::-1]
        ends = np.array([x.min(), x.max()])
        low, high = ax.get_ylim()
        ax.plot(ends, level + slope * (ends - x.mean()), color="#ad5739", lw=1.4)
        ax.set_ylim(low, high)
    if values.names:
        places = np.flatnonzero(common)
        shown = labels.shown(values.names, families)
        for k in np.argsort(-np.abs(_terms(values, common)), kind="stable")[:NAMED]:
            side, shift = ("right", -3) if 2 * x[k] > x.min() + x.max() else ("left", 3)
            ax.annotate(shown[places[k]], (x[k], y[k]), xytext=(shift, 3), textcoords="offset points", size=6.5,
                        ha=side, color=_INK, family=families, parse_math=False)


def _blues() -> Any:
    """Blues in which a single voxel can be seen on white."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    return ListedColormap(matplotlib.colormaps["Blues"](np.linspace(0.22, 1, 256)))


def _terms(values: PairValues, common: BoolArray) -> Float64Array:
    """Return the products of deviations from the means, which add up to the correlation."""
    x, y = values.x[common], values.y[common]
    with np.errstate(all="ignore"):
        return np.asarray(np.nan_to_num((x / np.abs(x).max() - np.mean(x / np.abs(x).max())) * (
            y / np.abs(y).max() - np.mean(y / np.abs(y).max()))))


def _most(values: PairValues, common: BoolArray) -> int:
    """Return the feature that adds most to the correlation, in its own direction."""
    terms = _terms(values, common)
    return int(np.flatnonzero(common)[np.argmax(terms if terms.sum() >= 0 else -terms)])


def _colours(one: Float64Array) -> tuple[Any, float, float]:
    known = one[np.isfinite(one)]
    if not known.size:
        return "viridis", 0.0, 1.0
    low, high = (float(v) for v in np.quantile(known, (_TAIL, 1 - _TAIL)))
    if two_sided(low, high):
        high = max(-low, high)
        return diverging("vik"), -high, high
    return "viridis", low, high
