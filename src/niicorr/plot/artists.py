"""The parts of a heatmap that are ours: names, numbers, marks, the colour bar's words, captions.

Each takes axes that already hold seaborn's mesh, and a plan; none decides anything but colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.plot import layout as lay
from niicorr.plot.canvas import axis_label
from niicorr.plot.colormaps import faded, text_colours
from niicorr.plot.strips import write_legend
from niicorr.plot.zeros import DAGGER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

    from niicorr.plot.layout import Layout
    from niicorr.plot.picture import Picture

MISSING_FACE, MISSING_HATCH, MISSING_TEXT = "#f7f7f7", "#d2d2d2", "#404040"
DIAGONAL_FACE, DIAGONAL_TEXT = "#e6e6e6", "#666666"
NAME_COLOUR, SMALL_PRINT_COLOUR, HEADLINE_COLOUR = "0.3", "0.4", "#a33b00"

MARK = "–"
"""Stands in cells without a number."""


def name_axes(ax: Axes, picture: Picture, layout: Layout) -> None:
    """Write the names of maps and sets, or of groups; only every so many-th where there is no room for all."""
    rows, columns = layout.rows, layout.columns
    # Slanted names end at their column, the others stand under its middle.
    slanted: dict[str, Any] = {"ha": "right", "va": "center", "rotation_mode": "anchor"}
    ax.set_xticks(columns.at)
    ax.set_xticklabels(
        columns.texts, rotation=layout.rotation, fontsize=columns.size,
        **(slanted if layout.rotation == 45 else {"ha": "center", "va": "top"}), **picture.plain,
    )  # fmt: skip
    ax.set_yticks(rows.at)
    ax.set_yticklabels(
        rows.texts, rotation=0, va="center", fontsize=rows.size, ha="left" if picture.left_tree else "right",
        **picture.plain,
    )  # fmt: skip
    if picture.left_tree:
        ax.yaxis.tick_right()
        ax.yaxis.set_label_position("right")
    # A mark shows which column a name means where not all have one; elsewhere it would only be ink.
    ax.tick_params(axis="x", length=2.5 if columns.step > 1 else 0, width=0.6,
                   pad=(6 if layout.rotation == 45 else 4) + layout.bottom / lay.POINT)  # fmt: skip
    away = 0.0 if picture.left_tree else layout.left
    if rows.step > 1 and away:
        # The mark stands at the cells, where a strip would hide it.
        ax.tick_params(axis="y", length=0, pad=4 + away / lay.POINT)
    else:
        ax.tick_params(axis="y", length=2.5 if rows.step > 1 else 0, width=0.6, pad=4 + away / lay.POINT)
    style = {"fontsize": lay.LABEL_SIZE, "color": NAME_COLOUR, "labelpad": 5, **picture.plain}
    x_name, y_name = axis_label(picture, layout, 1), axis_label(picture, layout, 0)
    ax.set_xlabel(x_name, **style)
    if layout.y_name_upright:
        ax.set_ylabel(y_name, **style)
    else:
        ax.set_ylabel(y_name.replace(" (", "\n(", 1), rotation=0, va="center",
                      ha="left" if picture.left_tree else "right", **style)  # fmt: skip


def fade_cells(ax: Axes, mesh: QuadMesh, picture: Picture) -> None:
    """Lay paler colours over the cells that do not survive; the mesh below keeps every number."""
    if picture.significance is None or not picture.significance.faded.any():
        return
    from matplotlib.collections import QuadMesh

    pale = QuadMesh(
        mesh.get_coordinates(), array=np.ma.masked_where(~picture.significance.faded, picture.values), norm=mesh.norm,
        cmap=faded(mesh.cmap), antialiased=False, linewidths=mesh.get_linewidth(), edgecolors=mesh.get_edgecolor(),
        label="_faded",
    )  # fmt: skip
    pale.set_rasterized(bool(mesh.get_rasterized()))
    ax.add_collection(pale, autolim=False)


def mark_cells(ax: Axes, picture: Picture) -> None:
    """Hatch the cells without a number, and mute the cells of a map with itself."""
    if picture.missing.any():
        # Masked cells are holes in the mesh: what shows through them is the background of the axes.
        ax.patch.set(facecolor=MISSING_FACE, edgecolor=MISSING_HATCH, linewidth=0, hatch="/////")
    if picture.diagonal.any():
        from matplotlib.collections import PolyCollection

        corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
        squares = np.argwhere(picture.diagonal)[:, None, ::-1] + corners
        many = len(squares) > lay.VALUES_UP_TO
        edge = {"linewidths": 0} if many else {"linewidths": 0.6, "edgecolors": "white"}
        muted = PolyCollection(list(squares), facecolors=DIAGONAL_FACE, label="_diagonal", **edge)
        muted.set_rasterized(many)
        ax.add_collection(muted, autolim=False)


def write_values(ax: Axes, mesh: QuadMesh, picture: Picture, layout: Layout) -> None:
    """Write the number into every cell, dark or white, whichever stands out more on its colour."""
    colours = _ink(mesh, picture)
    for (i, j), value in np.ndenumerate(picture.values):
        text, colour = picture.number(value), colours[i * picture.shape[1] + j]
        if picture.missing[i, j]:
            text, colour = MARK, MISSING_TEXT
        elif picture.diagonal[i, j]:
            colour = DIAGONAL_TEXT
        weight = "bold" if picture.missing[i, j] else "normal"
        ax.text(j + 0.5, i + 0.5, text, ha="center", va="center", color=colour, fontsize=layout.value_size,
                weight=weight)  # fmt: skip


def write_stars(ax: Axes, mesh: QuadMesh, picture: Picture, layout: Layout) -> None:
    """Write stars above the numbers, which stay in the middle of their cells so that they can be read in rows."""
    if picture.significance is None:
        return
    from matplotlib.transforms import ScaledTranslation

    colours = _ink(mesh, picture)
    up = lay.STARS_UP * layout.value_size * lay.POINT
    above = ax.transData + ScaledTranslation(0, up, ax.figure.dpi_scale_trans)
    for i, j in np.argwhere(picture.significance.stars):
        ax.text(j + 0.5, i + 0.5, "*" * picture.significance.stars[i, j], ha="center", va="baseline",
                color=colours[i * picture.shape[1] + j], fontsize=lay.STARS * layout.value_size, transform=above,
                label="_stars")  # fmt: skip


def write_daggers(ax: Axes, mesh: QuadMesh, picture: Picture, layout: Layout) -> None:
    """Write daggers behind the numbers, clear of the stars above them; the numbers stay in the middle."""
    if picture.fragile is None:
        return
    from matplotlib.transforms import ScaledTranslation

    colours, up = _ink(mesh, picture), lay.DAGGER_UP * layout.value_size * lay.POINT
    for i, j in np.argwhere(picture.fragile):
        # Measured large: small letters are hinted wider than they are drawn.
        half = picture.width([picture.number(picture.values[i, j])], 10 * layout.value_size) / 20
        behind = ScaledTranslation((half + lay.DAGGER_GAP * layout.value_size) * lay.POINT, up,
                                   ax.figure.dpi_scale_trans)  # fmt: skip
        ax.text(j + 0.5, i + 0.5, DAGGER, ha="left", va="center", color=colours[i * picture.shape[1] + j],
                fontsize=lay.DAGGER * layout.value_size, transform=ax.transData + behind, label="_daggers")  # fmt: skip


def _ink(mesh: QuadMesh, picture: Picture) -> list[str]:
    """Return the colour of what is written into each cell, row by row."""
    shades = mesh.norm(np.where(picture.missing, 0, picture.values).ravel())
    behind = np.asarray(mesh.cmap(shades))
    if picture.significance is not None:
        behind = np.where(picture.significance.faded.reshape(-1, 1), faded(mesh.cmap)(shades), behind)
    return text_colours(behind)


def finish_bar(mesh: QuadMesh, picture: Picture) -> None:
    """Label the colour bar."""
    bar = mesh.colorbar
    assert bar is not None, "seaborn drew none"
    at = np.linspace(-picture.vmax, picture.vmax, 5)
    bar.set_ticks(list(at), labels=[picture.number(value) for value in at])
    bar.ax.tick_params(labelsize=lay.SMALL_SIZE + 0.5, length=2.5, width=0.6)
    fonts = picture.plain if picture.exponent else {}
    bar.set_label(picture.bar_label, fontsize=lay.SMALL_SIZE + 0.5, linespacing=1.1, **fonts)


def write_captions(ax: Axes, picture: Picture, layout: Layout) -> None:
    """Write the title, the warning above it, and the small print below."""
    title_up = (lay.TREE + lay.TREE_GAP if picture.top_tree else 0) / lay.POINT + layout.title_up
    title_up += layout.top / lay.POINT
    ax.set_title(picture.title, loc="left", fontsize=lay.TITLE_SIZE, pad=title_up, **picture.plain)
    small: dict[str, Any] = {"textcoords": "offset points", "annotation_clip": False, "ha": "left"}
    small |= {"linespacing": lay.LINE, **picture.plain}
    if picture.headline:
        note = picture.wrapped(picture.headline, layout.text_room, lay.SMALL_SIZE + 0.5)
        ax.annotate("\n".join(note), (0, 1), (0, title_up + lay.TITLE_SIZE * lay.LINE + 2), "axes fraction",
                    va="bottom", fontsize=lay.SMALL_SIZE + 0.5, color=HEADLINE_COLOUR, label="_headline",
                    **small)  # fmt: skip
    legend = write_legend(ax, picture, layout)
    below = picture.lines_below(layout.values)
    lines = [part for line in below for part in picture.wrapped(line, layout.text_room, lay.SMALL_SIZE)]
    ax.annotate("\n".join(lines), (0, 0), (0, -(layout.small_print_at + legend) / lay.POINT), "axes fraction",
                va="top", fontsize=lay.SMALL_SIZE, color=SMALL_PRINT_COLOUR, label="_small print",
                **small)  # fmt: skip
