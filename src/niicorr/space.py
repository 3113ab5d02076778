"""Where voxels are: a grid is a shape and an affine, and grids are compared in millimetres.

Same shape proves nothing. Two grids are one when no corner of the volume is displaced by more than 1 % of
the smallest voxel edge; a flip, an axis permutation or an integer shift of one grid is a matter of
indices, never of interpolation. All affines map voxel indices to mm in RAS+ (x to the right, y to the
front, z up).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import isfinite

import numpy as np

from niicorr.typing import Float64Array, FloatArray, IntArray

TOLERANCE = 0.01
"""Largest displacement between equal grids, as a share of the smallest voxel edge."""

SCANNER, MNI = 1, 4
"""A header's codes of the scanner's own space, where nobody brought the image anywhere, and of MNI152."""

_AXIS_CODES = (("L", "R"), ("P", "A"), ("I", "S"))


@dataclass(frozen=True, eq=False)
class Grid:
    """A regular grid of voxels in space.

    Parameters
    ----------
    shape : tuple of int
        Voxels along the three axes.
    affine : ndarray, shape (4, 4), float64
        Voxel indices to mm, RAS+. Must be finite and invertible (checked at the door, in `images`).
    known : bool
        False where the header tells no orientation: such a grid may only be matched by shape.
    mni : bool
        True where the header's space code says MNI152.
    space_code : int
        The header's code: 1 the scanner's space, 2 that of another image, 3 Talairach's, 4 MNI152; 0 where it tells
        none.
    """

    shape: tuple[int, int, int]
    affine: Float64Array
    known: bool = True
    mni: bool = False
    space_code: int = 0

    @cached_property
    def voxel_mm(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel in mm."""
        a, b, c = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(a), float(b), float(c)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @cached_property
    def orientation(self) -> str:
        """Nearest axis codes, such as ``RAS``; ``???`` where the header tells none."""
        return axis_codes(self.affine) if self.known else "???"

    @cached_property
    def corners(self) -> Float64Array:
        """The eight outer corners of the volume in mm, shape (8, 3)."""
        ends = product(*((-0.5, n - 0.5) for n in self.shape))
        return self.coords(np.array(list(ends)))

    def coords(self, voxels: FloatArray | IntArray) -> Float64Array:
        """Positions in mm, shape (n, 3), of voxel indices, shape (n, 3)."""
        return np.asarray(voxels @ self.affine[:3, :3].T + self.affine[:3, 3], dtype=np.float64)

    def describe(self) -> str:
        """One phrase, such as ``57×66×40 voxels of 3×3×3 mm, RAS``."""
        shape = "×".join(map(str, self.shape))
        return f"{shape} voxels of {format_mm(self.voxel_mm)} mm, {self.orientation}"


@dataclass(frozen=True)
class Reindexing:
    """How the voxels of one grid lie in another that differs by axes, flips and whole voxels only.

    ``transpose`` and ``flip`` bring a source volume to the target's axes; then voxel 0 of the source lies at
    ``offset`` in the target.
    """

    transpose: tuple[int, int, int]
    flip: tuple[bool, bool, bool]
    offset: tuple[int, int, int]

    @property
    def reorders(self) -> bool:
        """Whether axes change at all (beyond a shift)."""
        return self.transpose != (0, 1, 2) or any(self.flip)


def displacement(grid: Grid, other: Grid) -> float:
    """Largest distance in mm between corresponding corners; infinite where the shapes differ."""
    if grid.shape != other.shape:
        return float("inf")
    return float(np.linalg.norm(grid.corners - other.corners, axis=1).max())


def tolerance_mm(grid: Grid, other: Grid) -> float:
    """The displacement in mm up to which two grids count as equal."""
    return TOLERANCE * min(*grid.voxel_mm, *other.voxel_mm)


def same_grid(grid: Grid, other: Grid) -> bool:
    """Whether voxel (i, j, k) of both grids is the same place."""
    if not (grid.known and other.known):
        return grid.shape == other.shape
    return displacement(grid, other) <= tolerance_mm(grid, other)


def reindexing(source: Grid, target: Grid) -> Reindexing | None:
    """Return the exact relation of two grids by indices alone, or None where interpolation is needed."""
    matrix = np.linalg.solve(target.affine, source.affine)
    rounded = np.rint(matrix)
    rotation = rounded[:3, :3].astype(int)
    if not (np.all(abs(rotation).sum(axis=0) == 1) and np.all(abs(rotation).sum(axis=1) == 1)):
        return None
    moved = Grid(source.shape, target.affine @ rounded)
    if displacement(source, moved) > tolerance_mm(source, target):
        return None
    transpose = tuple(int(np.flatnonzero(row)[0]) for row in rotation)
    flip = tuple(bool(row.sum() < 0) for row in rotation)
    shape = [source.shape[axis] for axis in transpose]
    start = rounded[:3, 3].astype(int)
    offset = tuple(int(s - n + 1) if f else int(s) for s, n, f in zip(start, shape, flip, strict=True))
    return Reindexing(transpose, flip, offset)  # type: ignore[arg-type]  # three entries each, by construction


def axis_codes(affine: Float64Array) -> str:
    """Return the anatomical direction each axis runs closest to, such as ``LAS``."""
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    codes, free = ["?", "?", "?"], {0, 1, 2}
    # The clearest axis chooses first, so that an oblique grid never names one direction twice.
    for axis in np.argsort(-abs(columns).max(axis=0), kind="stable"):
        world = max(free, key=lambda w: (abs(columns[w, axis]), -w))
        free.discard(world)
        codes[axis] = _AXIS_CODES[world][int(columns[world, axis] > 0)]
    return "".join(codes)


def affine_fault(affine: Float64Array) -> str | None:
    """Say what makes an affine unusable, or None where nothing does."""
    if not np.all(np.isfinite(affine)):
        return "the affine holds NaN or infinity"
    if np.abs(affine).max() > 1e100:  # their squares are no numbers
        return f"the affine holds {np.abs(affine).max():.3g}"
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    if edges.min() == 0 or abs(np.linalg.det(affine[:3, :3] / edges)) < 1e-4:
        return "the affine is singular (its axes do not span space)"
    if not np.array_equal(affine[3], (0, 0, 0, 1)):
        return f"the last row of the affine is {affine[3].tolist()}, not 0 0 0 1"
    if edges.max() > 1000 or edges.min() < 1e-4:
        return f"the affine gives voxels of {format_mm(edges)} mm"
    if abs(affine[:3, 3]).max() > 1e5:
        return f"the affine puts the first voxel {abs(affine[:3, 3]).max():.3g} mm from the origin"
    return None


def format_mm(edges: Float64Array | tuple[float, ...]) -> str:
    """``3×3×3.5``: lengths in mm without noise digits."""
    return "×".join(f"{float(edge):.4g}" if isfinite(edge) else "?" for edge in edges)
