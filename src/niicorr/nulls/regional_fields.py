"""Surrogates of maps of regions: Gaussian fields with the covariance that was fitted to a map, and its very values.

As for voxels (`niicorr.nulls.surrogate`), but the covariance Σ = Σ_k a_k Σ_k of the regions is written down, sizes
and all (`niicorr.nulls.regional_traces`), and noise becomes a field by a square root of it. The values of a field
are replaced, rank for rank, by those of the map; what that takes away of its correlations is added beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.nulls.regional import RegionalNull
from niicorr.nulls.surrogate import before_replacing, mixing
from niicorr.ranks import ascending
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

QUANTILES = 4000
"""At so many points the distribution of a map is told: a few hundred values are too coarse for 30 polynomials."""


@dataclass(frozen=True, eq=False)
class RegionalFields:
    """What surrogates of the maps of a matrix are drawn from.

    Parameters
    ----------
    base, scores : MapMatrix
        The maps whose covariances were fitted, and the same maps as rows of surrogates hold them.
    roots : tuple of ndarray, shape (n, n), float32, or None
        For each map a square root of the covariance of the n regions that it has; None where it has none.
    loadings : ndarray, shape (maps, factors), float32
        What each field takes of the noises that all share.
    own : ndarray, shape (maps,), float32
        What it takes of a noise of its own.
    seed : int
        From which all draws follow.
    """

    base: MapMatrix
    scores: MapMatrix
    roots: tuple[FloatArray | None, ...]
    loadings: FloatArray
    own: FloatArray
    seed: int

    @property
    def usable(self) -> BoolArray:
        """Which maps have surrogates."""
        return np.array([root is not None for root in self.roots], dtype=np.bool_)

    @property
    def draw_bytes(self) -> int:
        """Memory that drawing takes, rows apart."""
        return 8 * (int(self.loadings.shape[1]) + 8) * self.base.features.n

    def draw(self, number: int, maps: IntArray) -> FloatArray:
        """Draw twice.

        Parameters
        ----------
        number : int
            Which two draws; the same number gives the same rows.
        maps : ndarray of int, shape (k,)
            For which maps.

        Returns
        -------
        ndarray, shape (2, k, regions)
            Rows as the maps have them; zero where missing and for maps without surrogates.
        """
        regions = self.base.features.n
        rows = np.zeros((2, len(maps), regions), self.scores.rows.dtype)
        shared = _noise((2, self.loadings.shape[1], regions), self.seed, number, 0)
        for k, i in enumerate(maps):
            root = self.roots[i]
            if root is None:
                continue
            noise = self.loadings[i] @ shared
            if self.own[i] > 0:
                noise = noise + self.own[i] * _noise((2, regions), self.seed, number, 1, int(i))
            columns = np.flatnonzero(self.base.supports[self.base.support_of[i]])
            order, _ = ascending(self.base.rows[i][columns])
            values = self.scores.rows[i][columns][order]
            for row, field in zip(rows[:, k], noise[:, columns] @ root.T, strict=True):
                row[columns[ascending(field)[0]]] = values
        return rows


def regional_fields(
    base: MapMatrix, scores: MapMatrix, null: RegionalNull, correlations: Float64Array, *, seed: int, jobs: int = 1
) -> RegionalFields:
    """Prepare surrogates of maps of regions.

    Parameters
    ----------
    base : MapMatrix
        The maps.
    scores : MapMatrix
        The same maps as the rows of surrogates hold them: what is given out in the order of ``base``.
    null : RegionalNull
        With which the maps are fitted; ``gsm``.
    correlations : ndarray, shape (maps, maps), float64
        Of the maps with each other; NaN counts as 0.
    seed : int
        From which all draws follow.
    jobs : int
        Threads. The outcome does not depend on it.
    """
    coefficients, of_used = null.describe(base, jobs).coefficients, np.cumsum(null.used) - 1
    roots: list[FloatArray | None] = []
    for i, fitted in enumerate(coefficients):
        if not (np.isfinite(fitted).all() and fitted.sum() > 0):
            roots.append(None)
            continue
        columns = np.flatnonzero(base.supports[base.support_of[i]])
        covariance = np.concatenate([np.tensordot(fitted, values, axes=1)
                                     for _, values in null.family.rows(of_used[columns])])
        row = base.rows[i][columns]
        roots.append(_root(covariance, row[ascending(row)[0]]).astype(np.float32))
    loadings, own = mixing(correlations)
    return RegionalFields(base, scores, tuple(roots), loadings, own, seed)


def _root(covariance: Float64Array, ascending_values: FloatArray) -> Float64Array:
    """Find a square root of the covariance of the field that has the given one once its values are replaced."""
    deviation, n = np.sqrt(np.diag(covariance)), len(ascending_values)
    quantiles = np.interp((np.arange(QUANTILES) + 0.5) / QUANTILES, (np.arange(n) + 0.5) / n, ascending_values)
    wanted = before_replacing(covariance / np.outer(deviation, deviation), quantiles)
    # Changed one by one, correlations are those of a field but for crumbs.
    values, vectors = np.linalg.eigh(wanted)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return np.asarray(root * (deviation / np.linalg.norm(root, axis=1))[:, None])


def _noise(shape: tuple[int, ...], seed: int, *key: int) -> FloatArray:
    """Standard white noise, float32; the same for the same seed and key, whatever else is drawn."""
    rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))
    return rng.standard_normal(shape, np.float32)
