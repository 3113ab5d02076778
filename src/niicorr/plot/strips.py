"""Groups as they are seen: bars of colours beside the cells, lines between groups, marks at their names, a legend.

All of it stands outside of the cells in inches, along them in cells, and so stays where it belongs when a figure is
resized.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from niicorr.plot import layout as lay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform

    from niicorr.plot.groups import Groups, Strip
    from niicorr.plot.layout import Layout, Names
    from niicorr.plot.picture import Picture

LINE_COLOUR, HALO_COLOUR = "#1a1a1a", "#ffffff"
LINE_WIDTH, HALO_WIDTH, INNER_WIDTH = 0.7, 1.7, 0.5
"""Points. A dark line is seen on pale cells, its white edges on dark ones."""

LEADER_COLOUR, LEADER_WIDTH = "0.45", 0.6
MARK_GAP, HEAD_GAP = 0.02, 0.03
"""Inches between marks of groups, and from strips to the names on top of them."""
PATCH, PATCH_GAP, ENTRY_GAP, TITLE_GAP = 6.0, 3.0, 9.0, 7.0
"""Points: a square of the legend, to its name, to the next entry, and from what it is about to the first one."""

Entry = tuple[float, str, str | None]
"""Points from the left, the words, and the colour of the square before them; no colour where they are a heading."""


def draw_strips(ax: Axes, picture: Picture) -> None:
    """Draw what is known of rows on the left and of columns on top, the first strip farthest from the cells."""
    for side, strips in (("left", picture.row_strips), ("top", picture.column_strips)):
        for k, strip in enumerate(strips):
            near = lay.STRIP_GAP + (len(strips) - 1 - k) * (lay.STRIP + lay.STRIP_GAP)
            spans = [(start, stop) for start, stop, _ in strip.runs()]
            shades = [strip.colours[kind] for _, _, kind in strip.runs()]
            _bars(ax, side, spans, shades, near, lay.STRIP, f"_strip {side}: {strip.title}")


def draw_group_lines(ax: Axes, picture: Picture) -> None:
    """Draw lines between groups across the cells, thinner ones where the second kind changes inside a group."""
    from matplotlib.collections import LineCollection

    rows, columns = picture.shape
    for boundaries, inner, label in ((_boundaries, False, "_group lines"), (_inner, True, "_inner lines")):
        across: list[list[tuple[float, float]]] = [[(0, i), (columns, i)] for i in boundaries(picture.row_groups)]
        down: list[list[tuple[float, float]]] = [[(j, 0), (j, rows)] for j in boundaries(picture.column_groups)]
        if not across + down:
            continue
        if not inner:
            ax.add_collection(LineCollection(across + down, colors=HALO_COLOUR, linewidths=HALO_WIDTH, zorder=2,
                                             capstyle="butt", label="_group halos"), autolim=False)  # fmt: skip
        ax.add_collection(LineCollection(across + down, colors=LINE_COLOUR if not inner else HALO_COLOUR,
                                         linewidths=INNER_WIDTH if inner else LINE_WIDTH, zorder=2.1, capstyle="butt",
                                         label=label), autolim=False)  # fmt: skip


def mark_groups(ax: Axes, picture: Picture, layout: Layout) -> None:
    """Mark the groups that are named below, and lead from each to its name where that was moved.

    On the left the strips are marks enough. Where columns themselves are named below, groups are named on top.
    """
    rows, columns, groups = layout.rows, layout.columns, picture.column_groups
    height, width = layout.cell[1], layout.cell[0]
    if rows.moved(height):
        _leaders(ax, "left", rows, lay.strips_depth(len(picture.row_strips)))
    if groups is not None and columns.of:
        gap = min(MARK_GAP / width, 0.25)
        spans = [(start + gap, stop - gap) for start, stop in groups.spans]
        _bars(ax, "bottom", spans, groups.colours, lay.STRIP_GAP, lay.BRACKET, "_marks")
        if columns.moved(width):
            _leaders(ax, "bottom", columns, lay.STRIP_GAP + lay.BRACKET)
    if layout.heads is not None:
        up = lay.strips_depth(len(picture.column_strips)) + HEAD_GAP
        for at, name in zip(layout.heads.at, layout.heads.texts, strict=True):
            ax.text(at, up, name, ha="center", va="bottom", fontsize=layout.heads.size, color="0.25",
                    transform=_beside(ax, "top"), label="_group names", **picture.plain)  # fmt: skip


def legend_lines(picture: Picture, layout: Layout) -> list[list[Entry]]:
    """Break the legend of all strips whose names do not stand along the axes into lines that fit.

    Returns
    -------
    list of list of (float, str, str or None)
        For each line its entries, see `Entry`.
    """
    lines: list[list[Entry]] = []
    for strip in _to_explain(picture, layout):
        at = picture.width([strip.title], lay.SMALL_SIZE) + TITLE_GAP
        indent = at
        line: list[Entry] = [(0.0, strip.title, None)]
        for name, colour in zip(strip.names, strip.colours, strict=True):
            wide = PATCH + PATCH_GAP + picture.width([name], lay.SMALL_SIZE)
            if at + wide > layout.text_room / lay.POINT and at > indent:
                lines.append(line)
                at, line = indent, []
            line.append((at, name, colour))
            at += wide + ENTRY_GAP
        lines.append(line)
    return lines


def write_legend(ax: Axes, picture: Picture, layout: Layout) -> float:
    """Write the legend below the names of columns; return the inches that it takes."""
    from matplotlib.collections import PolyCollection

    lines = legend_lines(picture, layout)
    height = lay.SMALL_SIZE * lay.LINE * lay.POINT
    squares, shades = [], []
    for k, line in enumerate(lines):
        middle = -layout.small_print_at - (k + 0.5) * height
        for at, words, colour in line:
            left = at * lay.POINT
            if colour is not None:
                half = PATCH / 2 * lay.POINT
                squares.append([(left, middle - half), (left, middle + half), (left + 2 * half, middle + half),
                                (left + 2 * half, middle - half)])  # fmt: skip
                shades.append(colour)
                left += (PATCH + PATCH_GAP) * lay.POINT
            ax.annotate(words, (0, 0), (left / lay.POINT, middle / lay.POINT), "axes fraction", "offset points",
                        va="center", ha="left", fontsize=lay.SMALL_SIZE, annotation_clip=False, label="_legend",
                        color="0.25", **picture.plain)  # fmt: skip
    if squares:
        patches = PolyCollection(squares, facecolors=shades, edgecolors="0.6", linewidths=0.4,
                                 transform=_inches_from(ax, 0, 0), clip_on=False, label="_legend")  # fmt: skip
        ax.add_collection(patches, autolim=False)
    return len(lines) * height


def _to_explain(picture: Picture, layout: Layout) -> list[Strip]:
    """Return each strip once, but those whose names stand beside it."""
    sides = ((picture.row_strips, picture.row_groups, bool(layout.rows.of or (layout.heads and picture.square))),
             (picture.column_strips, picture.column_groups, bool(layout.columns.of or layout.heads)))
    found: dict[str, Strip] = {}
    for strips, groups, named in sides:
        for strip in strips:
            if named and groups is not None and strip.title == groups.by:
                continue
            # Columns of one name share colours; their kinds need not be the same.
            known = found.get(strip.title, strip)
            both = dict(zip(known.names + strip.names, known.colours + strip.colours, strict=True))
            found[strip.title] = replace(strip, names=tuple(both), colours=tuple(both.values()))
    return list(found.values())


def _bars(
    ax: Axes, side: str, spans: Sequence[tuple[float, float]], shades: Sequence[str], near: float, depth: float,
    label: str,
) -> None:
    """Draw bars beside the cells, from some inches away on."""
    from matplotlib.collections import PolyCollection

    away = (near, near, near + depth, near + depth)
    corners = [[_point(side, along, out) for along, out in zip((a, b, b, a), away, strict=True)] for a, b in spans]
    bars = PolyCollection(corners, facecolors=list(shades), linewidths=0, antialiased=False, clip_on=False,
                          transform=_beside(ax, side), label=label)  # fmt: skip
    ax.add_collection(bars, autolim=False)


def _leaders(ax: Axes, side: str, names: Names, near: float) -> None:
    from matplotlib.collections import LineCollection

    stops = (near, near + 0.2 * lay.LEADER, near + 0.8 * lay.LEADER, near + 0.95 * lay.LEADER)
    lines = [[_point(side, along, out) for along, out in zip((of, of, at, at), stops, strict=True)]
             for of, at in zip(names.of, names.at, strict=True)]
    ax.add_collection(LineCollection(lines, colors=LEADER_COLOUR, linewidths=LEADER_WIDTH, clip_on=False,
                                     transform=_beside(ax, side), label=f"_leaders {side}"), autolim=False)


def _point(side: str, along: float, out: float) -> tuple[float, float]:
    return (-out, along) if side == "left" else (along, out if side == "top" else -out)


def _beside(ax: Axes, side: str) -> Transform:
    """Inches away from a side of the axes, cells along it."""
    from matplotlib.transforms import blended_transform_factory

    away = _inches_from(ax, 0, 1 if side == "top" else 0)
    if side == "left":
        return blended_transform_factory(away, ax.transData)
    return blended_transform_factory(ax.transData, away)


def _inches_from(ax: Axes, x: float, y: float) -> Transform:
    """Inches from a corner of the axes."""
    from matplotlib.transforms import ScaledTranslation

    corner: Any = ax.transAxes
    return ax.figure.dpi_scale_trans + ScaledTranslation(x, y, corner)


def _boundaries(groups: Groups | None) -> Sequence[float]:
    return () if groups is None else [start for start, _ in groups.spans[1:]]


def _inner(groups: Groups | None) -> Sequence[float]:
    return () if groups is None else groups.inner
