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

NOISE = 1e-13
"""Of the largest sum of products of weights: below, it is rounding."""

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
        n(h): ordered pairs of voxels, or the sum of the products of their weights. The first entry is lag 0.
    """

    squared_mm: Float64Array
    count: Float64Array


def padded(shape: Shape, reach: Shape) -> Shape:
    """Give a size for the transform at which lags up to ``reach`` steps do not meet those beyond."""
    a, b, c = (fft.next_fast_len(n + r, real=True) for n, r in zip(shape, reach, strict=True))
    return a, b, c


def pair_counts(mask: FloatArray) -> Float64Array:
    """Count n(h) for all lags; negative steps lie at the end of each axis, as in a transform.

    Of ones and zeros the counts are whole numbers, exactly; of weights they are sums of products.
    """
    a, b, c = mask.shape
    shape = padded((a, b, c), (a - 1, b - 1, c - 1))
    transform = fft.rfftn(mask.astype(np.float64), shape)
    counts = fft.irfftn(transform.real**2 + transform.imag**2, shape)
    if np.isin(mask, (0, 1)).all():
        return np.asarray(np.rint(counts))
    return np.where(counts > NOISE * counts.max(), counts, 0)


def lag_table(mask: FloatArray, lattice: Lattice) -> LagTable:
    """List the lags of a mask (a box of ones and zeros, or of weights) with their lengths and pair counts."""
    count: FloatArray = pair_counts(mask)
    if lattice.orthogonal:
        for axis in range(3):
            count = _folded(count, axis, mask.shape[axis])
        steps = [np.arange(n) for n in count.shape]
    else:
        steps = [np.rint(fft.fftfreq(n, 1 / n)).astype(np.intp) for n in count.shape]
    present = count > 0
    return LagTable(lattice.squared_mm(*steps)[present], count[present].astype(np.float64))


def lag_classes(squared_mm: Float64Array, lattice: Lattice) -> IntArray:
    """Sort lags into classes by length: in largest voxel edges, rounded half to even; class 0 is lag 0 alone."""
    lengths = np.round(np.sqrt(squared_mm) / lattice.edges.max(), DIGITS)
    return np.where(squared_mm > 0, np.maximum(np.rint(lengths), 1), 0).astype(np.intp)


@dataclass(frozen=True, eq=False)
class ClassSums:
    """Sums of autocovariances over the lags of classes 0 to ``last``.

    Parameters
    ----------
    lattice : Lattice
        The box.
    last : int
        The last class of interest.
    """

    lattice: Lattice
    last: int

    @cached_property
    def reach(self) -> Shape:
        """Steps along each axis of the longest lag."""
        return self.lattice.reach((self.last + 0.5) * float(self.lattice.edges.max()) * (1 + 10.0**-DIGITS))

    @cached_property
    def shape(self) -> Shape:
        """Size of the transform."""
        return padded(self.lattice.shape, self.reach)

    @property
    def octant(self) -> Shape:
        """Size of a folded spectrum."""
        a, b, c = (n // 2 + 1 for n in self.shape)
        return a, b, c

    @cached_property
    def spectral(self) -> bool:
        """Whether sums are products with folded spectra."""
        return self.lattice.orthogonal and (self.last + 1) * int(np.prod(self.octant)) * 4 <= FILTER_BYTES

    def transform(self, volume: FloatArray) -> FloatArray:
        """Transform a box of values, in its own precision."""
        return np.asarray(fft.rfftn(volume, self.shape))

    def prepare(self, power: FloatArray) -> FloatArray:
        """Bring a power spectrum (or the real part of a cross-spectrum) into the form that sums are taken of."""
        if self.spectral:
            for axis in (0, 1):
                power = _folded(power, axis, self.octant[axis])
        return power.reshape(-1)

    def of(self, prepared: FloatArray) -> Float64Array:
        """Sum over classes, shape (spectra, classes), of prepared spectra, shape (spectra, frequencies)."""
        if not self.spectral:
            return np.array([self._sum_lags(row) for row in prepared]).reshape(-1, self.last + 1)
        if prepared.dtype == np.float64:
            return np.stack([prepared @ self._indicator(b).reshape(-1) for b in range(self.last + 1)], axis=1)
        total = np.zeros((len(prepared), self.last + 1))
        for start in range(0, prepared.shape[1], PIECE):
            piece = slice(start, start + PIECE)
            total += prepared[:, piece] @ self._indicators[:, piece].T
        return total

    @cached_property
    def _indicators(self) -> FloatArray:
        indicators = np.empty((self.last + 1, int(np.prod(self.octant))), np.float32)
        for b, row in enumerate(indicators):
            row[...] = self._indicator(b).reshape(-1)
        return indicators

    def _indicator(self, b: int) -> Float64Array:
        """Transform the indicator of a class, with all that folding and the half spectrum leave to be done."""
        transform: Float64Array = (self._octant_classes == b).astype(np.float64)
        for axis in range(3):
            # From the front: the axis in hand goes to the end, and after three turns all are back in order.
            transform = np.tensordot(transform, self._cosines[axis], axes=(0, 1))
        return transform

    @cached_property
    def _octant_classes(self) -> IntArray:
        return lag_classes(self.lattice.squared_mm(*(np.arange(r + 1) for r in self.reach)), self.lattice)

    @cached_property
    def _cosines(self) -> list[Float64Array]:
        """Per axis, frequencies × steps: the cosine, twice (once for each sign) but for step 0."""
        cosines = []
        for size, reach in zip(self.shape, self.reach, strict=True):
            steps, frequencies = np.arange(reach + 1), np.arange(size // 2 + 1)
            turns = np.outer(frequencies, steps) % size / size
            cosines.append(np.cos(2 * np.pi * turns) * np.where(steps > 0, 2, 1) / size)
        own = np.full(len(cosines[2]), 2.0)
        own[0] = 1
        if self.shape[2] % 2 == 0:
            own[-1] = 1
        cosines[2] *= own[:, None]
        return cosines

    def _sum_lags(self, power: FloatArray) -> Float64Array:
        half = (*self.shape[:2], self.shape[2] // 2 + 1)
        lags = fft.irfftn(power.reshape(half), self.shape).reshape(-1)
        return np.bincount(self._lag_index, lags, self.last + 2)[: self.last + 1].astype(np.float64)

    @cached_property
    def _lag_index(self) -> IntArray:
        steps = [np.rint(fft.fftfreq(n, 1 / n)).astype(np.intp) for n in self.shape]
        index = np.minimum(lag_classes(self.lattice.squared_mm(*steps), self.lattice), self.last + 1)
        return index.reshape(-1)


def _folded(array: FloatArray, axis: int, keep: int) -> FloatArray:
    """Add entries −1, −2, … of an axis to entries 1, 2, … of the first ``keep``."""
    lines = np.moveaxis(array, axis, 0)
    mirrored = min(keep - 1, len(lines) - keep)
    folded = lines[:keep].copy()
    folded[1 : mirrored + 1] += lines[: len(lines) - mirrored - 1 : -1]
    return np.ascontiguousarray(np.moveaxis(folded, 0, axis))
