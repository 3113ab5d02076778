"""From sums over common features to a similarity: the last step of every method, for all pairs at once.

Rows are standard scores z of maps with mean c and standard deviation s, so a map is ``c + s z``. Correlations
need z alone; cosine, concordance and Dice need the maps in their own units, and get them here.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from niicorr.compute.sums import Sums
from niicorr.typing import Float64Array


class Scaled(Protocol):
    """Maps of which mean and standard deviation are known, shape (maps,)."""

    @property
    def center(self) -> Float64Array:
        """Means."""

    @property
    def scale(self) -> Float64Array:
        """Standard deviations."""


def centred(s: Sums) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Sums of squares of x, of y, and of products, about the means over the common features."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return s.xx - s.x**2 / s.weight, s.yy - s.y**2 / s.weight, s.xy - s.x * s.y / s.weight


def correlation(s: Sums) -> Float64Array:
    """``Σ (x − x̄)(y − ȳ) / sqrt(Σ (x − x̄)² Σ (y − ȳ)²)``: Pearson's, and of ranks Spearman's."""
    xx, yy, xy = centred(s)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(xy / np.sqrt(xx * yy))


def cosine(s: Sums, x: Scaled, y: Scaled) -> Float64Array:
    """``Σ x y / sqrt(Σ x² Σ y²)``: of the maps as they are, their means included."""
    (cx, sx), (cy, sy) = _unit(x)[:, None, :], _unit(y)[:, :, None]
    xx, yy, xy = _raw(s, cx, sx, cy, sy)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(xy / np.sqrt(xx * yy))


def concordance(s: Sums, x: Scaled, y: Scaled) -> Float64Array:
    """``2 cov(x, y) / (var x + var y + (x̄ − ȳ)²)``, moments over n."""
    xx, yy, xy = centred(s)
    with np.errstate(divide="ignore", invalid="ignore"):
        # In units of the larger map, so that no square leaves the range of floats.
        unit = np.maximum(_size(x)[None], _size(y)[:, None])
        cx, sx, cy, sy = x.center[None] / unit, x.scale[None] / unit, y.center[:, None] / unit, y.scale[:, None] / unit
        apart = (cx - cy) + sx * (s.x / s.weight) - sy * (s.y / s.weight)
        return np.asarray(2 * sx * sy * xy / (sx**2 * xx + sy**2 * yy + s.weight * apart**2))


def dice(s: Sums, x: Scaled, y: Scaled) -> Float64Array:
    """``2 |A ∩ B| / (|A| + |B|)`` of indicators; NaN where both are empty."""
    xx, yy, xy = _raw(s, x.center[None], x.scale[None], y.center[:, None], y.scale[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        # Counts of voxels, so that rounding is no approximation.
        return np.asarray(2 * np.rint(xy) / (np.rint(xx) + np.rint(yy)))


def _raw(
    s: Sums, cx: Float64Array, sx: Float64Array, cy: Float64Array, sy: Float64Array
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Sums of squares and of products of the maps in their own units."""
    xx = s.weight * cx**2 + 2 * cx * sx * s.x + sx**2 * s.xx
    yy = s.weight * cy**2 + 2 * cy * sy * s.y + sy**2 * s.yy
    xy = s.weight * cx * cy + cx * sy * s.y + cy * sx * s.x + sx * sy * s.xy
    return xx, yy, xy


def _size(matrix: Scaled) -> Float64Array:
    size = np.maximum(np.abs(matrix.center), matrix.scale)
    return np.where(size > 0, size, 1.0)


def _unit(matrix: Scaled) -> Float64Array:
    """Mean and standard deviation, shape (2, maps), in units in which neither overflows when squared."""
    return np.stack([matrix.center, matrix.scale]) / _size(matrix)
