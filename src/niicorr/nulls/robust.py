"""How much two maps share their unevenness: corrections of the stationary variance of r.

A stationary, isotropic null underestimates Var(r) where both maps are smoother, or stronger, in the same places
or directions. Three ratios of bilinear forms tell by how much, each equal to 1 where there is nothing to share:

* anisotropy ``ρ_an``: autocovariances of the two maps multiplied lag by lag, over the same with lags of equal
  length pooled;
* local smoothness ``ρ_loc``: autocovariances at nine ranges of lags multiplied window by window, over the same
  with all windows pooled;
* amplitude ``ρ_k``: squares multiplied voxel by voxel, over the same window by window (which ρ_loc holds).

A form in the features of x and the features of y is a product of matrices for all pairs at once. The features
come from a copy with voxels of at most 4 mm.

    V = V_stationary · ρ_an · (1 + λ (max(ρ_loc ρ_k, 2/3) − 1)),    λ = 1/(1 + (150/n_eff)²) · 1/(1 + (s/.6)⁸)

The shrinkage by λ matters: where n_eff is small, or a few blobs make up a map, the local ratio follows r²
itself and would cost half the power. Its chance part s is known: ρ_loc − 1 is the covariance, over windows,
of how far the two maps' local autocovariances are from their means, and of n_eff independent values a
covariance has the variance ``s² = Q_x Q_y / n_eff`` with Q the mean square of these deviations.

The floor matters, too: the amplitude ratio of skewed or thresholded maps is 1 on average but mostly well
below, and where it is, p would be too small (.016 of .01 in thresholded maps, .004 with the floor; no power is
lost where maps are even). Where one map is smooth or strong just where the other is not, the floor makes p a
little large.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.nulls.coarse import Blocks, blocks_of
from niicorr.nulls.lattice import Lattice
from niicorr.nulls.supports import Supports
from niicorr.nulls.windows import LocalSums, local_sums
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

BOUNDS = (0.25, 25.0)
"""Ratios are held within these, and remarked upon if they had to be."""

LEAST_LOCAL = 2 / 3
"""The local ratio counts as at least this: below, it is mostly noise."""

SHRINKAGE = 150.0
"""At so many effective values the local ratio counts half; far fewer, hardly at all."""


MANY = 64
"""Of more masks than this, a block of pairs is concerned with those of its own maps only."""

CHANCE = 0.6
"""A local ratio that strays so far by chance counts half; one that strays further, hardly at all."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """What the ratios need of the traits of maps as a whole, for each intersection of masks.

    Parameters
    ----------
    lengths : ndarray, shape (intersections, maps, lengths of lags), float64
        Directions pooled.
    ranges : ndarray, shape (intersections, maps, ranges), float64
        Windows pooled.
    deviation : ndarray, shape (intersections, maps), float64
        Squared deviations of windows from their pool, Q but for a factor.
    """

    lengths: Float64Array
    ranges: Float64Array
    deviation: Float64Array


@dataclass(frozen=True, eq=False)
class Traits:
    """What the ratios need of each map; what is summed over pairs of voxels is divided by their number.

    Parameters
    ----------
    directions : ndarray, shape (maps, lags), float32
        Autocovariances of short lags.
    windows : ndarray, shape (maps, ranges of lags × windows), float32
        Autocovariances by window.
    squares : ndarray, shape (maps, blocks), float32
        Squared values.
    pooled : Pooled
        The first two as a whole.
    """

    directions: FloatArray
    windows: FloatArray
    squares: FloatArray
    pooled: Pooled


@dataclass(frozen=True, eq=False)
class Ratios:
    """Of every pair, shape (maps of y, maps of x): ``anisotropy`` is ρ_an, ``local`` is ρ_loc ρ_k; not bounded.

    ``spread`` is Q_x Q_y, from which the chance part of the local ratio follows.
    """

    anisotropy: Float64Array
    local: Float64Array
    spread: Float64Array


@dataclass(frozen=True, eq=False)
class Counts:
    """Pairs of blocks of a mask: by short lag, shape (lags,); by range and window, shape (ranges, windows)."""

    lags: Float64Array
    windows: Float64Array


@dataclass(frozen=True, eq=False)
class Unevenness:
    """The corrections on given masks.

    Parameters
    ----------
    supports : Supports
        The masks.
    blocks : Blocks
        The coarse copy.
    masks : ndarray of bool, shape (distinct masks, *box of blocks)
        The masks on it.
    sums : LocalSums
        Sums over pairs of blocks, by direction and by window.
    weights : ndarray, shape (box of blocks), float64, or None
        How much each block counts in a correlation.
    own : tuple of Counts
        One for each mask.
    shared : tuple of Counts
        One for each intersection, or that of the reference mask alone.
    """

    supports: Supports
    blocks: Blocks
    masks: BoolArray
    sums: LocalSums
    weights: Float64Array | None
    own: tuple[Counts, ...]
    shared: tuple[Counts, ...]

    @property
    def bytes_per_map(self) -> int:
        """Memory that the traits of a map take."""
        blocks = int(np.count_nonzero(self._inside))
        pooled = len(self.shared) * (len(self.sums.class_starts) + self.sums.n_ranges + 1)
        return 4 * (self.sums.n_lags + self.sums.n_ranges * self.sums.n_windows + blocks) + 8 * pooled

    def traits(self, matrix: MapMatrix, jobs: int = 1) -> Traits:
        """Gather what the ratios need of every map of a matrix; the outcome does not depend on the jobs."""
        which, inside = self.supports.of(matrix), self._inside
        size = int(np.count_nonzero(inside))
        directions = np.zeros((len(matrix), self.sums.n_lags), np.float32)
        by_window = np.zeros((len(matrix), self.sums.n_ranges * self.sums.n_windows), np.float32)
        squares = np.zeros((len(matrix), size), np.float32)

        def fill(i: int) -> None:
            mask, support = which[i], matrix.supports[matrix.support_of[i]]
            copy = self.blocks.copy(matrix.rows[i], support, self.masks[mask])
            lags, windows = self.sums.of(copy)
            directions[i] = _over(lags, self.own[mask].lags)
            by_window[i] = _over(windows, self.own[mask].windows).reshape(-1)
            squares[i] = copy[inside] ** 2

        for _ in in_order(fill, [int(i) for i in np.flatnonzero(matrix.scale > 0)], jobs):
            pass
        return self.traits_of(directions, by_window, squares)

    def traits_of(self, directions: FloatArray, windows: FloatArray, squares: FloatArray) -> Traits:
        """Complete traits that were gathered on these masks, or on others of the same box of blocks."""
        return Traits(directions, windows, squares, self._pooled(directions, windows))

    def ratios(self, x: Traits, of_x: IntArray, y: Traits, of_y: IntArray) -> Ratios:
        """Find the ratios of all pairs.

        Parameters
        ----------
        x, y : Traits
            Of the maps.
        of_x, of_y : ndarray of int, shape (maps,)
            Which mask each map has.

        Notes
        -----
        Pairs of blocks are counted in a pair's own intersection of masks where there are few of these, else in
        the reference mask. Only the amplitudes are always taken over the blocks that both maps have.
        """
        shape = len(of_y), len(of_x)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.supports.shared is None:
                anisotropy = self._anisotropy(x, y, 0)
                smoothness, window, spread = self._local(x, y, 0)
            else:
                anisotropy, smoothness, window, spread = (np.full(shape, np.nan) for _ in range(4))
                shared = self.supports.shared_of[np.ix_(of_y, of_x)]
                for k in np.unique(shared):
                    here = shared == k
                    found = self._anisotropy(x, y, k), *self._local(x, y, k)
                    for whole, part in zip((anisotropy, smoothness, window, spread), found, strict=True):
                        whole[here] = part[here]
            return Ratios(anisotropy, smoothness * self._amplitude(x, of_x, y, of_y) / window, spread)

    def _pooled(self, directions: FloatArray, windows: FloatArray) -> Pooled:
        """Pool the traits of maps: here, where each map comes once, and not for every pair."""
        maps, starts = len(windows), self.sums.class_starts
        pooled = Pooled(*(np.empty((len(self.shared), maps, *rest))
                          for rest in ((len(starts),), (self.sums.n_ranges,), ())))
        for k, counts in enumerate(self.shared):
            n = counts.windows
            pooled.lengths[k] = np.add.reduceat(directions * counts.lags, starts, axis=1, dtype=np.float64)
            ranges = (windows.reshape(maps, *n.shape) * n).sum(axis=2, dtype=np.float64)
            # Squared deviations from the mean of all windows: squares less squares of means.
            squares = (windows.astype(np.float64) ** 2) @ _trusted(n) - (ranges**2) @ _share(n.sum(axis=1), 0.5)
            pooled.ranges[k], pooled.deviation[k] = ranges, np.maximum(squares, 0)
        return pooled

    def _anisotropy(self, x: Traits, y: Traits, k: int) -> Float64Array:
        n = self.shared[k].lags
        share = _share(np.add.reduceat(n, self.sums.class_starts), 0)
        return _form(x.directions, n, y.directions) / _form(x.pooled.lengths[k], share, y.pooled.lengths[k])

    def _local(self, x: Traits, y: Traits, k: int) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Find ρ_loc, κ_window, and Q_x Q_y."""
        n, windows = self.shared[k].windows, self.sums.n_windows
        trusted, share = _trusted(n), _share(n.sum(axis=1), 0.5)
        pool_x, pool_y = x.pooled.ranges[k], y.pooled.ranges[k]
        zero = _form(x.windows[:, :windows], trusted[:windows], y.windows[:, :windows])
        beyond = _form(x.windows[:, windows:], trusted[windows:], y.windows[:, windows:])
        all_windows = _form(pool_x, share, pool_y)
        spread = np.outer(y.pooled.deviation[k], x.pooled.deviation[k]) / all_windows**2
        at_zero = np.outer(pool_y[:, 0], pool_x[:, 0]) * share[0]
        return (zero + beyond) / all_windows, zero / at_zero, spread

    def _amplitude(self, x: Traits, of_x: IntArray, y: Traits, of_y: IntArray) -> Float64Array:
        """Find κ_voxel over the blocks in common."""
        masks_x = masks_y = self._flat
        if len(self.masks) > MANY:  # of thousands of masks those of these maps
            (used_x, of_x), (used_y, of_y) = (np.unique(of, return_inverse=True) for of in (of_x, of_y))
            masks_x, masks_y = masks_x[used_x], masks_y[used_y]
        masks, weighted = (np.asfortranarray(side, np.float32) for side in (masks_x, masks_y))
        squares = y.squares
        if self.weights is not None:
            # Of each product of pairs the lag 0 counts with the square of the weight.
            w = (self.weights[self._inside] ** 2).astype(np.float32)
            weighted, squares = weighted * w, squares * w
        n = (weighted @ masks.T)[np.ix_(of_y, of_x)].astype(np.float64)
        of_both = (squares @ x.squares.T).astype(np.float64)
        of_one = (weighted @ x.squares.T)[of_y].astype(np.float64) * (squares @ masks.T)[:, of_x]
        return np.asarray(n * of_both / of_one)

    @cached_property
    def _inside(self) -> BoolArray:
        """The blocks of any mask, shape (box of blocks)."""
        return np.asarray(self.masks.any(axis=0))

    @cached_property
    def _flat(self) -> BoolArray:
        """The masks on these, shape (distinct masks, blocks)."""
        return np.asarray(self.masks[:, self._inside])


def unevenness(supports: Supports, lattice: Lattice) -> Unevenness:
    """Work out all that the corrections need of the masks."""
    blocks = blocks_of(lattice)
    masks = np.array([blocks.mask(support) for support in supports.masks])
    reference = blocks.mask(supports.reference)
    sums = local_sums(blocks.lattice, np.asarray(masks.any(axis=0)))

    def count(mask: BoolArray) -> Counts:
        lags, windows = sums.of(mask.astype(np.float64))
        return Counts(np.rint(lags).astype(np.float64), windows.astype(np.float64))

    weights = None if supports.weights is None else blocks.mean(supports.weights, supports.used)

    def count_shared(mask: BoolArray) -> Counts:
        if weights is None:
            return count(mask)
        lags, windows = sums.of(mask * weights)
        return Counts(lags.astype(np.float64), windows.astype(np.float64))

    own = tuple(count(mask) for mask in masks)
    if supports.shared is None:
        return Unevenness(supports, blocks, masks, sums, weights, own, (count_shared(reference),))
    # Of the blocks both have, so that no pair is counted that either lacks.
    both = {int(k): masks[i] & masks[j] for (i, j), k in np.ndenumerate(supports.shared_of) if k >= 0}
    shared = tuple(count_shared(both[k]) for k in sorted(both))
    return Unevenness(supports, blocks, masks, sums, weights, own, shared)


@dataclass(frozen=True, eq=False)
class Corrected:
    """Variance of r after all corrections, and the pairs where one of them was held at a bound."""

    variance: Float64Array
    guarded: BoolArray


def corrected(stationary: Float64Array, ratios: Ratios) -> Corrected:
    """Multiply the stationary variance by the ratios, the local one shrunk where little is known of it."""
    anisotropy, wild = _bounded(ratios.anisotropy)
    local, wild_too = _bounded(ratios.local)
    variance = stationary * anisotropy
    with np.errstate(divide="ignore", invalid="ignore"):
        size = 1 + 1 / variance
        chance = np.where(np.isfinite(ratios.spread), ratios.spread, 0) / size
        trust = 1 / (1 + (SHRINKAGE / size) ** 2) / (1 + (chance / CHANCE**2) ** 4)
    variance = variance * (1 + trust * (np.maximum(local, LEAST_LOCAL) - 1))
    return Corrected(variance, (wild | wild_too) & np.isfinite(stationary))


def _bounded(ratio: Float64Array) -> tuple[Float64Array, BoolArray]:
    known = np.isfinite(ratio)
    held = np.where(known, np.clip(ratio, *BOUNDS), 1.0)
    return held, ~known | (held != ratio)


def _form(x: FloatArray, weights: Float64Array, y: FloatArray) -> Float64Array:
    """Σ_k w_k x_k y_k for all pairs, shape (maps of y, maps of x)."""
    return np.asarray((y @ (x * weights.astype(x.dtype)).T).astype(np.float64))


def _trusted(n: Float64Array) -> Float64Array:
    """Pairs of each range and window, flattened; 0 where there is less than half a pair."""
    return np.where(n > 0.5, n, 0).reshape(-1)


def _share(n: Float64Array, least: float) -> Float64Array:
    """One over so many pairs; 0 where there are no more than the least."""
    return np.divide(1, n, out=np.zeros_like(n), where=n > least)


def _over(sums: FloatArray, counts: Float64Array) -> FloatArray:
    return np.where(counts > 1e-6, sums / np.maximum(counts, 1e-6), 0)
