"""Copies of maps on voxels of a few millimetres: means over blocks, of valid voxels only.

Patterns of unevenness are centimetres wide; a copy with voxels of at most 4 mm shows them at a fraction of the
cost. Blocks are counted from the lower corner of the box in RAS+, so that they do not depend on storage.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niicorr.nulls.lattice import Lattice
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

COARSE_MM = 4.0
"""Voxels of the copy are at most so large, unless the map's own are larger."""

SLACK = 0.01
"""An edge this much too long (4.04 for 4, or 1.0000001 for 1) still counts as one that fits."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """Blocks of voxels.

    Parameters
    ----------
    lattice : Lattice
        The box of blocks; ``columns`` and ``places`` are those of the voxels, each with its block.
    size : int
        Voxels in a block.
    """

    lattice: Lattice
    size: int

    def mask(self, support: BoolArray) -> BoolArray:
        """Tell which blocks are at least half valid, shape of the box, for a support, shape (features,)."""
        count = self._sum(support)
        return np.asarray(2 * count >= self.size).reshape(self.lattice.shape)

    def copy(self, row: FloatArray, support: BoolArray, mask: BoolArray) -> FloatArray:
        """Average a map over the blocks of a mask; standard scores, float32, zero elsewhere or if constant."""
        copy = np.zeros(self.lattice.shape, np.float32)
        values = self._sum(row)
        if self.size > 1:
            values /= np.maximum(self._sum(support), 1)
        inside = values[mask.reshape(-1)]
        if inside.size:
            inside -= inside.mean()
            spread = np.sqrt(np.mean(inside**2))
            if spread > 1e-6:  # rows are standard scores: this is rounding
                copy[mask] = inside / spread
        return copy

    def mean(self, row: Float64Array, support: BoolArray) -> Float64Array:
        """Average values over the valid voxels of each block, shape of the box; zero where there are none."""
        mean = self._sum(np.where(support, row, 0)) / np.maximum(self._sum(support), 1)
        return np.asarray(mean, dtype=np.float64).reshape(self.lattice.shape)

    def _sum(self, row: FloatArray | BoolArray) -> FloatArray:
        if self.size == 1:
            return self.lattice.volume(row).reshape(-1)
        size = int(np.prod(self.lattice.shape))
        return np.bincount(self.lattice.places, row[self.lattice.columns], size).astype(np.float64, copy=False)


def blocks_of(lattice: Lattice) -> Blocks:
    """Group voxels so that blocks reach 4 mm, as far as whole numbers allow."""
    factors = np.maximum(1, np.floor(COARSE_MM / lattice.edges * (1 + SLACK))).astype(np.intp)
    steps = np.unravel_index(lattice.places, lattice.shape)
    coarse: list[IntArray] = [s // f for s, f in zip(steps, factors, strict=True)]
    a, b, c = (int(s.max()) + 1 for s in coarse)
    places = np.ravel_multi_index(tuple(coarse), (a, b, c))
    metric = lattice.metric * np.outer(factors, factors)
    return Blocks(Lattice((a, b, c), metric, lattice.columns, places), int(np.prod(factors)))
