"""The voxels that any map has data in, as a box of their own: turned to RAS+, cut to size, lags in mm.

A null model must not depend on how a volume happens to be stored. So features are put into the smallest box
that holds them, its axes running to the right, to the front and upwards as nearly as they can: a flip or a
permutation of the axes, or empty space around the brain, then changes nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from niicorr.matrix import Features
from niicorr.space import axis_codes
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

Shape: TypeAlias = tuple[int, int, int]

SHEAR = 1e-4
"""Cosine of the angle between two axes up to which they count as perpendicular (headers hold float32)."""

DIGITS = 6
"""Ratios of lengths are rounded to so many digits before they are sorted into classes, for the same reason."""


@dataclass(frozen=True, eq=False)
class Lattice:
    """A box of voxels.

    Parameters
    ----------
    shape : tuple of int
        Voxels along the three axes.
    metric : ndarray, shape (3, 3), float64
        In mm²: a lag of h voxels is ``sqrt(h' metric h)`` mm long.
    columns : ndarray of int, shape (voxels,)
        The features that lie in the box, in the order of a matrix's columns.
    places : ndarray of int, shape (voxels,)
        Where each of them lies in the box flattened in C order.
    """

    shape: Shape
    metric: Float64Array
    columns: IntArray
    places: IntArray

    @property
    def edges(self) -> Float64Array:
        """Edge lengths of a voxel in mm."""
        return np.asarray(np.sqrt(np.diag(self.metric)))

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm³."""
        return float(np.sqrt(np.linalg.det(self.metric)))

    @property
    def orthogonal(self) -> bool:
        """Whether the axes are perpendicular, so that |h| is the same for every sign of every step."""
        return bool(np.count_nonzero(self.metric) == 3)

    def volume(self, row: FloatArray | BoolArray, dtype: type[np.floating] = np.float64) -> FloatArray:
        """Put a row of a matrix, shape (features,), into the box; zero elsewhere."""
        box = np.zeros(self.shape, dtype)
        box.reshape(-1)[self.places] = row[self.columns]
        return box

    def reach(self, mm: float) -> Shape:
        """Steps along each axis that lags of at most so many mm take, within the box."""
        steps = mm * np.sqrt(np.diag(np.linalg.inv(self.metric)))
        a, b, c = (min(int(s + 1e-6), n - 1) for s, n in zip(steps, self.shape, strict=True))
        return a, b, c

    def squared_mm(self, *steps: IntArray) -> Float64Array:
        """Squared length in mm² of all lags with these steps along the three axes."""
        h, g = np.meshgrid(*steps, indexing="ij", sparse=True), self.metric
        squared = h[0] ** 2 * g[0, 0] + h[1] ** 2 * g[1, 1] + h[2] ** 2 * g[2, 2]
        if not self.orthogonal:
            squared = squared + 2 * (h[0] * h[1] * g[0, 1] + h[0] * h[2] * g[0, 2] + h[1] * h[2] * g[1, 2])
        return np.asarray(np.maximum(squared, 0.0))


def lattice_of(features: Features, used: BoolArray) -> Lattice:
    """Find the box of the features in use.

    Parameters
    ----------
    features : Features
        Voxels of a grid.
    used : ndarray of bool, shape (features,)
        True where any map has data; at least one must be.
    """
    if features.grid is None or features.indices is None:
        raise ValueError("features without a place in space have no distances")
    columns = np.flatnonzero(used)
    steps = list(np.unravel_index(features.indices[columns], features.grid.shape, order="F"))
    rotation = features.grid.affine[:3, :3]
    codes = axis_codes(features.grid.affine)
    order = [next(a for a in range(3) if codes[a] in pair) for pair in ("LR", "PA", "IS")]
    signs = np.array([1 if codes[a] in "RAS" else -1 for a in order])
    steps = [signs[k] * steps[a] for k, a in enumerate(order)]
    steps = [s - s.min() for s in steps]
    a, b, c = (int(s.max()) + 1 for s in steps)
    axes = rotation[:, order] * signs
    metric = axes.T @ axes
    edges = np.sqrt(np.diag(metric))
    metric[np.abs(metric) < SHEAR * np.outer(edges, edges)] = 0.0
    return Lattice((a, b, c), metric, columns, np.ravel_multi_index(tuple(steps), (a, b, c)))
