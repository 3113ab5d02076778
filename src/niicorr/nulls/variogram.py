"""Variogram-matching surrogates: a map's values shuffled, then smoothed until near regions differ as little as before.

For each share δ of all regions (.1, .2, …, .9) the shuffled map is smoothed over the δP nearest regions of each one
(itself among them) with weights exp(−d/d_δP), d_δP the distance to the last of these. Its variogram

    γ(h) = Σ_ij w_ij(h) (x_i − x_j)²/2 / Σ_ij w_ij(h)

is fitted to the map's own one by γ_map ≈ β_1 γ_smoothed + β_0, and with the δ that fits best

    x* = √|β_1| x_smoothed + √|β_0| z,    z standard normal noise.

Variograms are taken over pairs up to the 25th percentile of all distances, at 25 evenly spaced h, with Gaussian
weights w(h) whose quartiles lie a quarter of the bandwidth from h; the bandwidth is three steps.

Burt JB, Helmer M, Shinn M, Anticevic A & Murray JD (2020), doi 10.1016/j.neuroimage.2020.117038, after Viladomat J
et al. (2014), doi 10.1111/biom.12139. Written from the papers. Shuffling takes unevenness out of a map: where two
maps share it, p is too small (see the calibration of regions).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from niicorr.nulls.distances import checked_coords, distances
from niicorr.typing import Float64Array, IntArray

SHARES = tuple(k / 10 for k in range(1, 10))
"""δ: shares of all regions that a shuffled map is smoothed over."""

BINS = 25
"""Distances at which variograms are taken."""

PERCENTILE = 25.0
"""Pairs further apart than this percentile of all distances do not count."""

BANDWIDTH = 3.0
"""Of the smoothed variogram, in steps between distances."""

QUARTILE = 2.697959
"""A Gaussian of standard deviation bandwidth/2.698 has its quartiles at ± bandwidth/4."""

POOR = 0.3
"""From this bias on a fit is poor.

In simulated maps of 200 regions surrogates' variograms are off by .03 to .13 on average, in very smooth maps (power law
3) by up to .36, in band-passed ones by .19 to .56. Up to .3 false positives are .05 of .05 where maps are even, beyond
.076. Unevenness, which makes p too small by far, does not show in the fit.
"""

AT_ONCE = 1 << 21
"""Differences between regions held at a time."""


@dataclass(frozen=True, eq=False)
class Variograms:
    """Variograms of maps on given regions.

    Parameters
    ----------
    distance : ndarray, shape (regions, regions), float64
        In mm.
    first, second : ndarray of int, shape (pairs,)
        The pairs of regions that count, each once.
    at : ndarray, shape (25,), float64
        h in mm.
    weights : ndarray, shape (pairs, 25), float64
        Half of w_ij(h), over the sum of w_ij(h).
    """

    distance: Float64Array
    first: IntArray
    second: IntArray
    at: Float64Array
    weights: Float64Array

    def of(self, maps: Float64Array) -> Float64Array:
        """Find the variograms, shape (maps, 25), of maps, shape (maps, regions)."""
        found = np.empty((len(maps), len(self.at)))
        step = max(1, AT_ONCE // len(self.first))
        for start in range(0, len(maps), step):
            some = maps[start : start + step]
            differences = some[:, self.first] - some[:, self.second]
            differences *= differences
            found[start : start + step] = differences @ self.weights
        return found

    @cached_property
    def kernels(self) -> Float64Array:
        """Smoothing over neighbours for each share, shape (9, regions, regions); rows sum to 1."""
        order = np.argsort(self.distance, axis=1, kind="stable")
        ascending = np.take_along_axis(self.distance, order, axis=1)
        regions = len(order)
        kernels = np.zeros((len(SHARES), regions, regions))
        for kernel, share in zip(kernels, SHARES, strict=True):
            count = max(2, round(share * regions))
            last = ascending[:, count - 1 : count]
            # All regions within reach at one place: they count alike.
            near = np.exp(-ascending[:, :count] / np.where(last > 0, last, 1.0))
            np.put_along_axis(kernel, order[:, :count], near / near.sum(axis=1, keepdims=True), axis=1)
        return kernels

    def randomise(self, values: Float64Array, shuffled: IntArray, noise: Float64Array) -> Float64Array:
        """Draw random maps.

        Parameters
        ----------
        values : ndarray, shape (maps, regions), float64
            The maps.
        shuffled : ndarray of int, shape (draws, regions)
            A permutation of the regions for each draw; maps of one draw share it.
        noise : ndarray, shape (draws, maps, regions), float64
            Standard normal.

        Returns
        -------
        ndarray, shape (draws, maps, regions), float64
            Of mean 0.
        """
        maps, regions = values.shape
        centred = values - values.mean(axis=1, keepdims=True)
        wanted = np.tile(self.of(centred), (len(shuffled), 1))
        rough = centred[:, shuffled].swapaxes(0, 1).reshape(-1, regions)
        best, error = np.zeros_like(rough), np.full(len(rough), np.inf)
        for kernel in self.kernels:
            smooth = rough @ kernel.T
            slope, intercept, left = _regression(self.of(smooth), wanted)
            # Several shares may fit alike but for rounding (few regions): the first one is kept.
            better = left < error * (1 - 1e-9)
            drawn = np.sqrt(np.abs(slope))[:, None] * smooth
            drawn += np.sqrt(np.abs(intercept))[:, None] * noise.reshape(-1, regions)
            best[better], error[better] = drawn[better], left[better]
        best -= best.mean(axis=1, keepdims=True)
        return np.asarray(best.reshape(len(shuffled), maps, regions))


def _regression(x: Float64Array, y: Float64Array) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Regress rows of y on rows of x: slopes, intercepts, and sums of squares left."""
    mean_x, mean_y = x.mean(axis=1, keepdims=True), y.mean(axis=1, keepdims=True)
    dx, dy = x - mean_x, y - mean_y
    slope = (dx * dy).sum(axis=1) / np.maximum((dx**2).sum(axis=1), np.finfo(float).tiny)
    left = ((dy - slope[:, None] * dx) ** 2).sum(axis=1)
    return slope, mean_y[:, 0] - slope * mean_x[:, 0], left


def variograms_of(coords: Float64Array) -> Variograms:
    """Lay out variograms for regions with these centres, shape (regions, 3), in mm."""
    distance = distances(checked_coords(coords))
    first, second = np.triu_indices(len(distance), 1)
    apart = distance[first, second]
    reach = np.percentile(apart, PERCENTILE)
    near = apart <= reach
    first, second, apart = first[near], second[near], apart[near]
    at = np.linspace(apart.min(), apart.max(), BINS)
    bandwidth = BANDWIDTH * (at[1] - at[0])
    if bandwidth == 0:
        # All near pairs are equally far apart: one distance tells everything.
        weights = np.ones((len(apart), BINS))
    else:
        weights = np.exp(-((QUARTILE * (at - apart[:, None]) / bandwidth) ** 2) / 2)
    # Where next to no pair lies near h, the nearest ones decide: rounding must not.
    weights += np.finfo(float).tiny
    return Variograms(distance, first, second, at, weights / (2 * weights.sum(axis=0)))


@dataclass(frozen=True)
class VariogramFit:
    """How well variograms of surrogates follow that of their map.

    Parameters
    ----------
    typical : float
        Median distance between a surrogate's variogram and the map's (root mean square over h), as a share of the
        mean of the map's variogram.
    bias : float
        The same of the mean of all surrogates' variograms: what remains however many are drawn.
    surrogates : int
        How many were compared.
    """

    typical: float
    bias: float
    surrogates: int

    @property
    def poor(self) -> bool:
        """Whether the surrogates are not as rough as the map, by and large."""
        return self.bias > POOR

    @property
    def text(self) -> str:
        """The fit in words."""
        return (f"variograms of single surrogates differ from the map's by {100 * self.typical:.0f} % "
                f"(median of {self.surrogates}), their mean by {100 * self.bias:.0f} %")


def variogram_fit(variograms: Variograms, values: Float64Array, surrogates: Float64Array) -> VariogramFit:
    """Compare variograms of surrogates, shape (surrogates, regions), with that of their map, shape (regions,)."""
    real, found = variograms.of(values[None])[0], variograms.of(surrogates)
    single = np.sqrt(((found - real) ** 2).mean(axis=1))
    mean = np.sqrt(((found.mean(axis=0) - real) ** 2).mean())
    return VariogramFit(float(np.median(single) / real.mean()), float(mean / real.mean()), len(surrogates))
