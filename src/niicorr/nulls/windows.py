"""Autocovariances by direction and by place.

By direction: R(h) for every lag of up to 40 mm. By place: for windows p, trilinear hats some 10 mm apart that
add up to 1 in every voxel, and ranges b of lags,

    R_pb = Σ_i hat_p(i) x_i (x ∗ range_b)_i,

the products of all pairs whose first voxel lies in the window and whose second a lag of the range away.

Windows trade blur against noise. At 15 mm a smooth core 5 cm wide within a rough rim is blurred away (false
positives .072 of .05, .080 with an amplitude pattern on top); at 10 mm these are .062 and .072, while power and
all even conditions stay as they are. Windows of less than 2.5 voxels would be noise alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from niicorr.nulls.autocovariance import padded
from niicorr.nulls.lattice import DIGITS, Lattice, Shape
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

DIRECTIONS_MM = 40.0
"""Lags up to this length are told apart by direction."""

WINDOW_MM = 10.0
"""Distance between the centres of neighbouring windows, about."""

WINDOW_VOXELS = 2.5
"""The same in voxels, at least."""

RANGES_MM = (0.0, 6.0, 10.0, 15.0, 21.0, 28.0, 37.0, 48.0, 62.0)
"""Upper ends of the ranges of lags that are told apart by place; the first is lag 0 alone."""

SLACK = 1e-5
"""Lengths from headers are trusted to this share."""


@dataclass(frozen=True, eq=False)
class LocalSums:
    """Sums over pairs of voxels of a box.

    Parameters
    ----------
    shape : tuple of int
        Voxels along the axes.
    padded : tuple of int
        Size of the transform.
    lags : ndarray of int, shape (lags,)
        Where the lags of up to 40 mm, one of each ±h, lie in a padded box flattened; equal lengths together.
    twice : ndarray, shape (lags,), float64
        1 for lag 0, 2 for all others, which stand for their mirror image too.
    class_starts : ndarray of int
        Where lags of another length begin.
    ranges : ndarray, shape (ranges beyond lag 0, *half spectrum), float32
        Transforms of the ranges of lags; real, for a range is symmetric.
    hats : tuple of three ndarray, shape (windows along the axis, voxels along the axis), float32
        The windows are their products,
    windows : ndarray of int, shape (windows,)
        those at least that hold any voxel of a mask.
    """

    shape: Shape
    padded: Shape
    lags: IntArray
    twice: Float64Array
    class_starts: IntArray
    ranges: FloatArray
    hats: tuple[FloatArray, FloatArray, FloatArray]
    windows: IntArray

    @property
    def n_lags(self) -> int:
        """Number of lags told apart by direction."""
        return len(self.lags)

    @property
    def n_ranges(self) -> int:
        """Number of ranges told apart by place."""
        return len(self.ranges) + 1

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return len(self.windows)

    def of(self, box: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sum over the pairs of a box, in its own precision.

        Returns
        -------
        by_lag : ndarray, shape (lags,)
            R(h) + R(−h); R(0) once.
        by_window : ndarray, shape (ranges, windows)
            R_pb.
        """
        spectrum = fft.rfftn(box, self.padded)
        power = spectrum.real**2 + spectrum.imag**2
        by_lag = fft.irfftn(power, self.padded).reshape(-1)[self.lags] * self.twice.astype(box.dtype)
        products = np.empty((self.n_ranges, *self.shape), box.dtype)
        products[0] = box * box
        for range_spectrum, product in zip(self.ranges, products[1:], strict=True):
            np.multiply(self._back(spectrum * range_spectrum), box, out=product)
        return by_lag, _by_window(products, self.hats)[:, self.windows]

    def _back(self, spectrum: FloatArray) -> FloatArray:
        """Transform back; what lies beyond the box is left behind axis by axis."""
        a, b, c = self.shape
        lines = fft.ifft(spectrum, axis=0, overwrite_x=True)[:a]
        lines = fft.ifft(lines, axis=1)[:, :b]
        return np.asarray(fft.irfft(lines, self.padded[2], axis=2)[..., :c])


def _by_window(boxes: FloatArray, hats: tuple[FloatArray, FloatArray, FloatArray]) -> FloatArray:
    """Sum boxes, shape (boxes, *shape), under every product of hats, shape (boxes, windows)."""
    first, second, third = (h.astype(boxes.dtype, copy=False) for h in hats)
    partial = second @ (boxes @ third.T)
    return np.asarray((first @ partial.reshape(*boxes.shape[:2], -1)).reshape(len(boxes), -1))


def local_sums(lattice: Lattice, mask: BoolArray) -> LocalSums:
    """Lay out directions, ranges and windows for a mask in a box."""
    reach = lattice.reach(max(DIRECTIONS_MM, RANGES_MM[-1]) * (1 + SLACK))
    shape = padded(lattice.shape, reach)
    steps = [np.rint(fft.fftfreq(n, 1 / n)).astype(np.intp) for n in shape]
    length = np.sqrt(lattice.squared_mm(*steps)) * (1 - SLACK)
    index = np.searchsorted(RANGES_MM, length)
    # Beyond its reach an axis only holds the mirror images of nothing.
    for axis, (s, r) in enumerate(zip(steps, reach, strict=True)):
        index[(slice(None),) * axis + (np.abs(s) > r,)] = len(RANGES_MM)
    ranges = np.stack([fft.rfftn((index == b).astype(np.float64)).real for b in range(1, len(RANGES_MM))])
    lags, twice, starts = _directions(steps, length, reach)
    present = (np.asarray(mask.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    first, second, third = (_hats(p, edge) for p, edge in zip(present, lattice.edges, strict=True))
    held = _by_window(mask[None].astype(np.float64), (first, second, third))[0]
    return LocalSums(lattice.shape, shape, lags, twice, starts, ranges.astype(np.float32), (first, second, third),
                     np.flatnonzero(held > 0))


def _directions(
    steps: list[IntArray], length: Float64Array, reach: Shape
) -> tuple[IntArray, Float64Array, IntArray]:
    """List one of each ±h of up to 40 mm, sorted by length: where, how often, and where lengths change."""
    a, b, c = np.meshgrid(*steps, indexing="ij", sparse=True)
    half = (a > 0) | ((a == 0) & (b > 0)) | ((a == 0) & (b == 0) & (c >= 0))
    near = (np.abs(a) <= reach[0]) & (np.abs(b) <= reach[1]) & (np.abs(c) <= reach[2]) & (length <= DIRECTIONS_MM)
    lags = np.flatnonzero((half & near).reshape(-1))
    at = length.reshape(-1)[lags]
    order = np.argsort(at, kind="stable")
    lags, at = lags[order], at[order]
    # Lengths that are equal but for rounding lie next to each other.
    starts = np.flatnonzero(np.diff(at, prepend=-1.0) > SLACK * np.maximum(at, 1e-9))
    return lags, np.where(at > 0, 2.0, 1.0), starts


def _hats(present: BoolArray, edge: float) -> FloatArray:
    """Linear hats between the first and the last voxel of the mask along an axis, nodes at both ends."""
    at = np.flatnonzero(present) if present.any() else np.zeros(1, np.intp)
    extent = float((at[-1] - at[0]) * edge)
    if extent == 0:
        return np.ones((1, len(present)), np.float32)
    width = max(WINDOW_MM, WINDOW_VOXELS * edge)
    windows = max(1, int(np.rint(np.round(extent / width, DIGITS))))
    position = np.clip((np.arange(len(present)) - at[0]) * edge / extent, 0, 1) * windows
    distance = np.abs(position - np.arange(windows + 1)[:, None])
    return np.asarray(np.maximum(0, 1 - distance).astype(np.float32))
