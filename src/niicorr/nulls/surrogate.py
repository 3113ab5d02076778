"""Surrogates of maps: random fields that have a map's autocovariance, its mask and its very values.

A Gaussian field is drawn on the mask, and its values are replaced, rank for rank, by those of the map. Replacing
values makes a field rougher where the map's distribution is skewed or full of zeros; so the Gaussian field is
drawn smoother to begin with, by the amount that the map's distribution takes away again:

    ρ_map = Σ_m c_m² ρ_field^m,   c_m the map's Hermite coefficients, Σ c_m² = 1.

The fields of one draw are correlated as the maps are, so that the largest of all correlations of a draw stands for
the largest one among these maps, not among strangers or copies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from niicorr.matrix import MapMatrix
from niicorr.nulls.circulant import Torus, torus_for, white_noise
from niicorr.nulls.lattice import Lattice
from niicorr.nulls.least_squares import nonnegative_least_squares
from niicorr.nulls.traces import Atoms, equivalent_radius
from niicorr.ranks import ascending
from niicorr.typing import BoolArray, ComplexArray, Float64Array, FloatArray, IntArray

FACTORS = 8
"""Noises that the fields of one draw share; of larger sets the rest of each field is its own."""

ORDERS = 30
"""Hermite polynomials that tell a map's distribution."""

FIRM = 10.0
"""Weight of the variance against that of a single lag, where an autocovariance is fitted."""


@dataclass(frozen=True, eq=False)
class Surrogates:
    """What surrogates of the maps of a matrix are drawn from.

    Parameters
    ----------
    torus : Torus
        Where fields are made.
    coefficients : ndarray, shape (maps, atoms), float64
        Of the Gaussian fields; NaN for maps that have none (constant, or without data).
    loadings : ndarray, shape (maps, factors), float32
        What each field takes of the noises that all share.
    own : ndarray, shape (maps,), float32
        What it takes of a noise of its own.
    inside : tuple of ndarray
        For each map, where its voxels stand among those of the box,
    values : tuple of ndarray
        and its values in ascending order.
    features : ndarray of int, shape (voxels of the box,)
        Where those stand in a row.
    n_features : int
        Length of a row.
    seed : int
        From which all draws follow.
    """

    torus: Torus
    coefficients: Float64Array
    loadings: FloatArray
    own: FloatArray
    inside: tuple[IntArray, ...]
    values: tuple[FloatArray, ...]
    features: IntArray
    n_features: int
    seed: int

    @property
    def usable(self) -> BoolArray:
        """Which maps have surrogates."""
        return np.asarray(np.isfinite(self.coefficients).all(axis=1))

    @property
    def draw_bytes(self) -> int:
        """Memory that drawing takes, rows apart."""
        return self.torus.size * (8 * (int(self.loadings.shape[1]) + 3) + 4)

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
        ndarray, shape (2, k, features)
            Rows as the maps have them; zero where missing and for maps without surrogates.
        """
        kind = np.result_type(*self.values) if self.values else np.float32
        rows = np.zeros((2, len(maps), self.n_features), kind)
        usable = self.usable
        shared = self.shared_noises(number)
        for k, i in enumerate(maps):
            if not usable[i]:
                continue
            noise = np.zeros(self.torus.shape, np.complex64)
            for loading, part in zip(self.loadings[i], shared, strict=True):
                noise += loading * part
            if self.own[i] > 0:
                noise += self.own[i] * self.own_noise(number, int(i))
            fields = self.torus.field(noise, self.torus.amplitude(self.coefficients[i]))
            for row, field in zip(rows[:, k], fields, strict=True):
                order, _ = ascending(field[self.inside[i]])
                row[self.features[self.inside[i][order]]] = self.values[i]
        return rows

    def shared_noises(self, number: int) -> list[ComplexArray]:
        """Return the noises that all fields of a draw share."""
        return [white_noise(self.torus.shape, self.seed, number, 0, f) for f in range(self.loadings.shape[1])]

    def own_noise(self, number: int, index: int) -> ComplexArray:
        """Return the noise of one map alone."""
        return white_noise(self.torus.shape, self.seed, number, 1, index)


def surrogates_of(
    base: MapMatrix,
    scores: MapMatrix,
    coefficients: Float64Array,
    correlations: Float64Array,
    *,
    atoms: Atoms,
    lattice: Lattice,
    seed: int,
) -> Surrogates:
    """Prepare surrogates of maps.

    Parameters
    ----------
    base : MapMatrix
        The maps whose autocovariances were fitted.
    scores : MapMatrix
        The same maps as the rows of surrogates hold them: what is given out in the order of ``base``.
    coefficients : ndarray, shape (maps, atoms), float64
        The fit, from `niicorr.nulls.stationary`.
    correlations : ndarray, shape (maps, maps), float64
        Of the maps with each other; NaN counts as 0.
    atoms : Atoms
        What the coefficients are of.
    lattice : Lattice
        The box of all voxels in use.
    seed : int
        From which all draws follow.
    """
    inside, values, gaussian = [], [], np.full_like(coefficients, np.nan)
    for i, fitted in enumerate(coefficients):
        valid = base.supports[base.support_of[i]][lattice.columns]
        at = np.flatnonzero(valid)
        row = base.rows[i][lattice.columns[at]]
        order, _ = ascending(row)
        inside.append(at)
        values.append(scores.rows[i][lattice.columns[at]][order])
        if np.isfinite(fitted).all() and fitted.sum() > 0:
            radius = equivalent_radius(at.size, lattice.voxel_volume)
            gaussian[i] = _smoothed(fitted, row[order], atoms, float(lattice.edges.min()), radius)
    torus = torus_for(lattice, atoms, gaussian[np.isfinite(gaussian).all(axis=1)])
    loadings, own = mixing(correlations)
    return Surrogates(torus, gaussian, loadings, own, tuple(inside), tuple(values), lattice.columns,
                      base.features.n, seed)


def _smoothed(
    fitted: Float64Array, ascending_values: FloatArray, atoms: Atoms, step: float, radius: float
) -> Float64Array:
    """Coefficients of the Gaussian field that has the fitted autocovariance once its values are replaced."""
    distance = np.arange(0.0, max(radius, 2 * step), step)
    family = atoms.at(distance**2)
    wanted = before_replacing(family @ fitted / fitted.sum(), ascending_values)
    weights = np.ones(len(distance))
    weights[0] = FIRM
    found = nonnegative_least_squares(family * weights[:, None], wanted * weights)
    return found if found.sum() > 0 else fitted


def before_replacing(correlation: Float64Array, ascending_values: FloatArray) -> Float64Array:
    """Find the correlation of the Gaussian field from that of the map, by the map's Hermite coefficients."""
    n = len(ascending_values)
    z = special.ndtri((np.arange(n) + 0.5) / n)
    values = ascending_values.astype(np.float64)
    values = (values - values.mean()) / values.std()
    before, polynomial = np.zeros(n), np.ones(n)
    squares = np.empty(ORDERS)
    for m in range(ORDERS):
        before, polynomial = polynomial, (z * polynomial - np.sqrt(m) * before) / np.sqrt(m + 1)
        squares[m] = np.mean(values * polynomial) ** 2
    # What these polynomials do not see varies so finely that it survives next to no loss of correlation.
    squares = np.append(squares, max(1 - squares.sum(), 0.0)) / max(squares.sum(), 1.0)
    grid = np.linspace(0, 1, 2001)
    of_map = np.polynomial.polynomial.polyval(grid, np.concatenate([[0.0], squares]))
    return np.interp(correlation, of_map / of_map[-1], grid)


def mixing(correlations: Float64Array) -> tuple[FloatArray, FloatArray]:
    """Find loadings on shared noises, and the share of noise of its own, that give fields these correlations."""
    known = np.where(np.isfinite(correlations), correlations, 0.0)
    np.fill_diagonal(known, 1.0)
    values, vectors = np.linalg.eigh(known)
    largest = np.argsort(values)[::-1][:FACTORS]
    loadings = vectors[:, largest] * np.sqrt(np.maximum(values[largest], 0))
    square = (loadings**2).sum(axis=1)
    if len(known) <= FACTORS:
        loadings, square = loadings / np.sqrt(square)[:, None], np.ones(len(known))
    own = np.sqrt(np.maximum(1 - square, 0))
    return loadings.astype(np.float32), np.where(own > 1e-3, own, 0).astype(np.float32)
