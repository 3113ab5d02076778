"""Moran spectral randomisation: random maps with a map's mean, variance and Moran's I, exactly.

A map is taken apart into the eigenvectors v_k of a doubly centred matrix of spatial weights, each of which has a
certain spatial scale. Random signs, or rotations of neighbouring pairs, then make a new map of the same strength
at every scale:

    x = x̄ + Σ_k c_k v_k,    x* = x̄ + Σ_k ±c_k v_k,    Moran's I of x = n/Σ_ij w_ij · Σ_k λ_k c_k²/Σ_k c_k².

Weights are 1/d between regions and 0 on the diagonal, left as they are (rows are not brought to sum 1, which keeps
the matrix symmetric). Regions of one centre count as near as the nearest two that are apart.

Signs are the same on either side: Σ_k ±c_k(x) c_k(y) is what Pearson's r becomes whether x or y is randomised, so that
where two maps have the same regions both directions have one p.

Wagner HH & Dray S (2015), doi 10.1111/2041-210X.12407. Signs keep the whole spectrum c_k², pairs the sum of two
neighbours. Both keep *where* a map is uneven only by chance: unevenness that two maps share is not reproduced,
and p is then too small (see the calibration of regions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from niicorr.nulls.distances import checked_coords, distances
from niicorr.typing import Float64Array

Procedure: TypeAlias = Literal["singleton", "pair"]


@dataclass(frozen=True, eq=False)
class MoranBasis:
    """Spatial eigenvectors of regions.

    Parameters
    ----------
    vectors : ndarray, shape (regions, regions − 1), float64
        Orthonormal, each of mean 0, from the largest eigenvalue to the smallest.
    eigenvalues : ndarray, shape (regions − 1,), float64
        Of the doubly centred weights.
    """

    vectors: Float64Array
    eigenvalues: Float64Array

    def randomise(
        self, values: Float64Array, uniform: Float64Array, procedure: Procedure = "singleton"
    ) -> Float64Array:
        """Draw random maps.

        Parameters
        ----------
        values : ndarray, shape (maps, regions), float64
            The maps.
        uniform : ndarray, shape (draws, at least regions − 1), float64
            Random numbers between 0 and 1; maps of one draw share them, and so stay as correlated as they are.
        procedure : {'singleton', 'pair'}
            Random signs of single coefficients, or random rotations of neighbouring pairs of them.

        Returns
        -------
        ndarray, shape (draws, maps, regions), float64
        """
        mean = values.mean(axis=1, keepdims=True)
        coefficients = (values - mean) @ self.vectors
        if procedure == "singleton":
            turned = np.where(uniform[:, None, : coefficients.shape[1]] < 0.5, -1.0, 1.0) * coefficients
        else:
            turned = _rotated(coefficients, uniform)
        return np.asarray(turned @ self.vectors.T + mean)


def _rotated(coefficients: Float64Array, uniform: Float64Array) -> Float64Array:
    """Rotate neighbouring pairs of coefficients by random angles; one that is left over gets a random sign."""
    pairs = coefficients.shape[1] // 2
    first, second = coefficients[:, : 2 * pairs : 2], coefficients[:, 1 : 2 * pairs : 2]
    angle = 2 * np.pi * uniform[:, None, :pairs]
    turned = np.empty((len(uniform), *coefficients.shape))
    turned[..., : 2 * pairs : 2] = np.cos(angle) * first - np.sin(angle) * second
    turned[..., 1 : 2 * pairs : 2] = np.sin(angle) * first + np.cos(angle) * second
    if coefficients.shape[1] % 2:
        turned[..., -1] = np.where(uniform[:, None, pairs] < 0.5, -1.0, 1.0) * coefficients[:, -1]
    return turned


def weights_of(distance: Float64Array) -> Float64Array:
    """Weights 1/d of regions on each other, 0 on the diagonal; shape (regions, regions)."""
    apart = distance > 0
    weights = 1 / np.where(apart, distance, distance[apart].min())
    np.fill_diagonal(weights, 0)
    return weights


def moran_basis(coords: Float64Array) -> MoranBasis:
    """Find the spatial eigenvectors of regions with these centres, shape (regions, 3), in mm."""
    weights = weights_of(distances(checked_coords(coords)))
    rows = weights.mean(axis=1)
    centred = weights - rows[:, None] - rows + rows.mean()
    # The constant vector is an eigenvector of value 0, and so may others be: moved beyond all, it is told apart.
    beyond = 2 * float(np.abs(centred).sum(axis=1).max())
    eigenvalues, vectors = np.linalg.eigh(centred + beyond / len(weights))
    # Free of rounding: exactly of mean 0.
    kept = vectors[:, -2::-1]
    return MoranBasis(kept - kept.mean(axis=0), eigenvalues[-2::-1])
