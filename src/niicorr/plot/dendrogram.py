"""A dendrogram beside a heatmap, its leaves on the middles of the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from niicorr.plot.layout import TREE, TREE_GAP

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from niicorr.compute.cluster import Tree
    from niicorr.typing import Float64Array

LINE_COLOUR = "0.35"


def brackets(tree: Tree) -> Float64Array:
    """Return one bracket per merge: four points of (position of the leaves, height), shape (merges, 4, 2)."""
    n = len(tree.order)
    position, height = np.zeros(2 * n - 1), np.zeros(2 * n - 1)
    position[tree.order] = np.arange(n) + 0.5
    shapes = np.empty((n - 1, 4, 2))
    for i, (first, second, top, _) in enumerate(tree.linkage):
        a, b = int(first), int(second)
        shapes[i] = (position[a], height[a]), (position[a], top), (position[b], top), (position[b], height[b])
        position[n + i], height[n + i] = (position[a] + position[b]) / 2, top
    return shapes


def draw_dendrogram(ax: Axes, tree: Tree, side: Literal["top", "left"], beyond: float = 0.0) -> None:
    """Draw a tree of the columns (top) or rows (left) outside a heatmap's axes, whose size must be final.

    Parameters
    ----------
    ax : matplotlib Axes
        Of the heatmap.
    tree : Tree
        Of its columns or rows.
    side : {'top', 'left'}
        Where it stands.
    beyond : float
        Inches that other things take between cells and tree.
    """
    from matplotlib.collections import LineCollection

    if not len(tree.linkage):
        return
    n, shapes = len(tree.order), brackets(tree)
    box = ax.get_window_extent()
    dpi = ax.figure.dpi
    # A tree of equal rows has no height; it is drawn flat rather than not at all.
    top = float(tree.linkage[:, 2].max()) * 1.03 or 1.0
    if side == "top":
        depth, away = TREE * dpi / box.height, (TREE_GAP + beyond) * dpi / box.height
        beside = ax.inset_axes((0, 1 + away, 1, depth))
        beside.set(xlim=(0, n), ylim=(0, top))
    else:
        depth, away = TREE * dpi / box.width, (TREE_GAP + beyond) * dpi / box.width
        beside = ax.inset_axes((-away - depth, 0, depth, 1))
        shapes = shapes[..., ::-1]
        beside.set(xlim=(top, 0), ylim=(n, 0))
    beside.set_axis_off()
    beside.set_label(f"_dendrogram {side}")
    width = 0.8 if n <= 60 else 0.4
    lines = LineCollection(list(shapes), colors=LINE_COLOUR, linewidths=width, capstyle="projecting")
    lines.set_clip_on(False)
    beside.add_collection(lines, autolim=False)
