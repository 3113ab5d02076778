"""Matrices too large for a dot per cell: each dot is the mean of a block of cells.

A file has some 2 400 dots a side. Of more cells than dots, a renderer would draw every so many-th and leave the rest
out, and which ones would be a matter of chance; and a mesh of 25 million cells takes 3 GB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

    from niicorr.plot.picture import Picture
    from niicorr.plot.significance import Significance
    from niicorr.typing import BoolArray, Float64Array, IntArray

MOST = 1200
"""Rows or columns that are drawn each by itself: two dots of a file."""


@dataclass(frozen=True)
class Blocks:
    """How many rows, and how many columns, are drawn as one."""

    rows: int
    columns: int

    @property
    def text(self) -> str:
        """Say so, as small print."""
        sides = "" if self.columns == self.rows else " (columns × rows)"
        return f"Each dot is the mean of {self.columns} × {self.rows} cells{sides}"

    def edges(self, n_rows: int, n_columns: int) -> tuple[IntArray, IntArray]:
        """Where blocks begin and end, in cells: along the columns' axis, and along the rows'."""
        across, down = (np.minimum(np.arange(-(-n // step) + 1) * step, n)
                        for n, step in ((n_columns, self.columns), (n_rows, self.rows)))
        return across, down


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is drawn of each block, shape (blocks down, blocks across).

    Parameters
    ----------
    values : ndarray, float64
        The mean of its numbers, those of a map with itself aside; NaN where there is none.
    significance : Significance or None
        Faded where all of its numbers are; with the most stars that one of them has.
    span : tuple of float
        The least and the largest of all numbers; empty where there is none.
    """

    values: Float64Array
    significance: Significance | None
    span: tuple[float, ...]


def blocks_of(n_rows: int, n_columns: int) -> Blocks | None:
    """Choose blocks for a matrix; None where each cell is drawn by itself."""
    steps = -(-n_rows // MOST), -(-n_columns // MOST)
    return None if max(steps) == 1 else Blocks(*steps)


def block_means(
    values: Float64Array, marks: Significance | None, rows: IntArray, columns: IntArray, blocks: Blocks, *,
    same_set: bool, but: BoolArray | None = None,
) -> Drawn:
    """Take the means, a few rows at a time: a copy of all cells may not fit into the memory.

    Parameters
    ----------
    values : ndarray, shape (rows of the result, columns of the result), float64
        The numbers.
    marks : Significance or None
        Which of them carry stars or are faded, in the order in which they stand.
    rows, columns : ndarray of int
        The order in which they stand.
    blocks : Blocks
        How many are drawn as one.
    same_set : bool
        Whether a cell of equal row and column is that of a map with itself.
    but : ndarray of bool, shape of values, optional
        Cells of one and the same map, which count as little.
    """
    starts = np.arange(0, len(columns), blocks.columns)
    shape = -(-len(rows) // blocks.rows), len(starts)
    means, stars, faded = np.empty(shape), np.zeros(shape, np.int8), np.zeros(shape, np.bool_)
    low, high = np.inf, -np.inf
    for k in range(shape[0]):
        band = slice(k * blocks.rows, (k + 1) * blocks.rows)
        numbers = values[rows[band]][:, columns]
        finite = np.isfinite(numbers)
        known = finite & (rows[band, None] != columns) if same_set else finite
        if but is not None:
            known &= ~but[rows[band]][:, columns]
        count = np.add.reduceat(known.sum(axis=0), starts)
        with np.errstate(invalid="ignore"):
            means[k] = np.add.reduceat(np.where(known, numbers, 0.0).sum(axis=0), starts) / count
        # A block of one map with itself is no hole.
        means[k][(count == 0) & (np.add.reduceat(finite.sum(axis=0), starts) > 0)] = 0.0
        low = min(low, float(numbers.min(where=known, initial=np.inf)))
        high = max(high, float(numbers.max(where=known, initial=-np.inf)))
        if marks is not None:
            stars[k] = np.maximum.reduceat(marks.stars[band].max(axis=0), starts)
            kept = (known & ~marks.faded[band]).any(axis=0)
            faded[k] = (count > 0) & ~np.logical_or.reduceat(kept, starts)
    return Drawn(means, None if marks is None else replace(marks, stars=stars, faded=faded),
                 (low, high) if low <= high else ())


def draw_blocks(ax: Axes, picture: Picture, bar_axes: Axes | None, bar: Mapping[str, object]) -> QuadMesh:
    """Draw blocks as seaborn draws cells, each as large as the cells it stands for."""
    assert picture.blocks is not None, "asked for only where there are some"
    import seaborn

    seaborn.despine(ax=ax, left=True, bottom=True)
    n_rows, n_columns = picture.shape
    mesh = ax.pcolormesh(
        *picture.blocks.edges(n_rows, n_columns), np.ma.masked_where(picture.missing, picture.values),
        vmin=-picture.vmax, vmax=picture.vmax, cmap=picture.cmap, rasterized=True,
    )  # fmt: skip
    ax.set(xlim=(0, n_columns), ylim=(n_rows, 0))
    if picture.square:
        ax.set_aspect("equal")
    colour_bar = ax.figure.colorbar(mesh, cax=bar_axes, ax=ax, **bar)  # type: ignore[arg-type]
    colour_bar.outline.set_linewidth(0)
    if colour_bar.solids is not None:
        colour_bar.solids.set_rasterized(True)
    return mesh
