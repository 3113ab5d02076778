"""Three planes through a brain: which voxel each pixel shows. Left is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from niicorr.space import Grid
    from niicorr.typing import BoolArray, Float64Array, IntArray

PLANES = (("sagittal", 1, 2), ("coronal", 0, 2), ("axial", 0, 1))
"""Names, and the axes of space across and up."""

LETTERS = (("P", "A"), ("L", "R"), ("L", "R"))
"""What lies at the left and at the right of each plane."""

LOPSIDED = 0.05
"""A map whose smaller side is less than this of its larger one is shown as one of one sign."""


@dataclass(frozen=True, eq=False)
class Plane:
    """One plane.

    Attributes
    ----------
    feature : ndarray of int, shape (height, width)
        Which voxel of the mask a pixel shows, −1 where none; the first row is the top.
    extent : tuple of float
        Left, right, bottom and top in mm.
    """

    feature: IntArray
    extent: tuple[float, float, float, float]

    @property
    def border(self) -> BoolArray:
        """Pixels just outside of the mask."""
        inside = self.feature >= 0
        wide = np.pad(inside, 1)
        near = wide[2:, 1:-1] | wide[:-2, 1:-1] | wide[1:-1, 2:] | wide[1:-1, :-2]
        return np.asarray(near & ~inside)


def two_sided(low: float, high: float) -> bool:
    """Whether a map has values of both signs that count: then 0 is the middle of its colours."""
    return low < 0 < high and min(-low, high) > LOPSIDED * max(-low, high)


def slices(
    grid: Grid, voxels: IntArray, *, longest: int, margin: int, at: Float64Array | None = None
) -> tuple[Plane, ...]:
    """Cut a mask in three.

    Parameters
    ----------
    grid : Grid
        Where its voxels are, in any orientation.
    voxels : ndarray of int, shape (n,)
        They, in the grid flattened in Fortran order; at least one.
    longest : int
        Pixels along the longest side of the mask.
    margin : int
        Pixels around it.
    at : ndarray, shape (3,), optional
        Point in mm that all planes go through; the middle of the mask without it.
    """
    table = np.full(grid.size, -1, dtype=np.int32)
    table[voxels] = np.arange(voxels.size)
    coords = voxel_coords(grid, voxels)
    low, high = coords.min(axis=0), coords.max(axis=0)
    # Finer than a quarter of a voxel would show nothing more.
    pixel = max(float((high - low).max()) / longest, min(grid.voxel_mm) / 4)
    counts = np.ceil((high - low) / pixel).astype(int) + 1 + 2 * margin
    start = (low + high) / 2 - pixel * (counts - 1) / 2
    middle = np.median(coords, axis=0) if at is None else at
    inverse = np.linalg.inv(grid.affine)
    found = []
    for _, across, up in PLANES:
        places = np.empty((counts[up], counts[across], 3))
        places[...] = middle
        places[..., across] = start[across] + pixel * np.arange(counts[across])
        places[..., up] = (start[up] + pixel * np.arange(counts[up]))[::-1, None]
        index = np.rint(places @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.intp)
        inside = ((index >= 0) & (index < grid.shape)).all(axis=-1)
        index = np.where(inside[..., None], index, 0)
        flat = index[..., 0] + grid.shape[0] * (index[..., 1] + grid.shape[1] * index[..., 2])
        edges = [float(start[axis] + pixel * (k - 0.5)) for axis in (across, up) for k in (0, counts[axis])]
        found.append(Plane(np.where(inside, table[flat], -1), (edges[0], edges[1], edges[2], edges[3])))
    return tuple(found)


def voxel_coords(grid: Grid, voxels: IntArray) -> Float64Array:
    """Positions in mm, shape (n, 3), of voxels of a grid flattened in Fortran order."""
    return grid.coords(np.stack(np.unravel_index(voxels, grid.shape, order="F"), axis=1))
