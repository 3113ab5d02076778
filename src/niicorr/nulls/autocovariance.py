"""Sums over lags, by the fast Fourier transform: pair counts of a mask, autocovariances of maps.

The autocovariance of a map x that is zero where it has no data is ``R(h) = Σ_i x_i x_{i+h}``; that of the
mask itself, n(h), counts the pairs of voxels a lag h apart. Padding with zeros keeps the ends from meeting:
to twice the box where all lags are wanted, to the box plus the longest lag wanted otherwise.

What the stationary null needs of a map is the sum of R over *classes* of lags of nearly one length. Such a sum
is linear in the power spectrum, so it needs no way back: it is a product with the transform of the class's
indicator. On a grid of perpendicular axes the indicator is even along every axis, and spectra are folded to
one octant before the product, which makes it four times smaller.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft

from niicorr.nulls.lattice import DIGITS, Lattice, Shape
from niicorr.typing import Float64Array, FloatArray, IntArray

FILTER_BYTES = 2**28
"""Above this size the classes' transforms are not kept; lags are then summed after the way back."""

PIECE = 8192
"""Frequencies per product: float32 products of this length are added up in float64."""


@dataclass(frozen=True, eq=False)
class LagTable:
    """All lags of a mask that pairs of its voxels take; lags of equal length by symmetry are one entry.

    Parameters
    ----------
    squared_mm : ndarray, shape (lags,), float64
        Squared length.
    count : ndarray, shape (lags,), float64
        n(h): ordered pairs of voxels, whole numbers. The first entry is lag 0.
    """

    squared_mm: Float64Array
    count: Float64Array


def padded(shape: Shape, reach: Shape) -> Shape:
    """Give a size for the transform at which lags up to ``reach`` steps do not meet those beyond."""
    a, b, c = (fft.next_fast_len(n + r, real=True) for n, r in zip(shape, reach, strict=True))
    return a, b, c


def pair_counts(mask: FloatArray) -> Float64Array:
    """Count n(h) for all lags, exactly; negative steps lie at the end of each axis, as in a transform."""
    shape = padded(mask.shape, tuple(n - 1 for n in mask.shape))
    power = np.abs(fft.rfftn(mask.astype(np.float64), shape)) ** 2
    return np.rint(fft.irfftn(power, shape))


def lag_table(mask: FloatArray, lattice: Lattice) -> LagTable:
    """List the lags of a mask (a box of ones and zeros) with their lengths and pair counts."""
    count = pair_counts(mask)
    steps = [np.arange(n) for n in mask.shape]
    axes = (0, 1, 2) if lattice.orthogonal else (0,)
    for axis in axes:
        count = _fold(count, axis, mask.shape[axis])
    if not lattice.orthogonal:
        # n(h) = n(−h): folding one axis would mix h and its mirror image, so half of the lags is taken twice.
        steps[1:] = [fft.fftfreq(n, 1 / n).astype(int) for n in count.shape[1:]]
    squared = lattice.squared_mm(*steps).reshape(-1)
    count = count.reshape(-1)
    present = count > 0
    return LagTable(squared[present], count[present])


def _fold(array: FloatArray, axis: int, length: int) -> FloatArray:
    """Add entries −1, −2, … of an axis to entries 1, 2, …; what lies between is dropped."""
    size = array.shape[axis]
    front = np.take(array, range(length), axis=axis)
    mirrored = min(length - 1, (size - 1) // 2 if length > size // 2 else length - 1)
    back = np.flip(np.take(array, range(size - mirrored, size), axis=axis), axis=axis)
    front[tuple(slice(1, mirrored + 1) if a == axis else slice(None) for a in range(array.ndim))] += back
    return front
