"""The number of independent values behind a correlation: the modified t-test for every pair of maps.

Neighbouring voxels repeat each other, so r of two unrelated maps scatters far more than the number of voxels
lets one expect. Its variance V under independence tells how many independent values a pair is worth,

    n_effective = min(1 + 1/V, n),    t = r sqrt((n_effective − 2) / (1 − r²)),

with n_effective − 2 degrees of freedom (`niicorr.inference.pvalues`). V comes from `stationary`, which sees one
autocovariance per map, and is corrected by `robust` for unevenness that both maps share.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, TypeAlias

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.nulls.lattice import lattice_of
from niicorr.nulls.robust import Traits, Unevenness, corrected, unevenness
from niicorr.nulls.stationary import Stationary, stationary_null
from niicorr.nulls.supports import Supports, supports_of
from niicorr.nulls.traces import Atoms
from niicorr.typing import BoolArray, Float64Array, IntArray

Model: TypeAlias = Literal["robust", "gsm"]

MIN_COMMON = 3
"""Of fewer voxels nothing can be said."""

SMALLEST = 2.001
"""n_effective is at least so large: the t distribution needs degrees of freedom."""


@dataclass(frozen=True, eq=False)
class EffectiveSize:
    """Outcome for all pairs; arrays have shape (maps of y, maps of x).

    Parameters
    ----------
    n_effective : ndarray, float64
        Independent values; between 2.001 and n. NaN where a map is constant or less than 3 voxels are common.
    variance : ndarray, float64
        V, the variance of r under independence; between 1/n and 1.
    gsm_variance : ndarray, float64
        Its stationary part within the same bounds; ``variance / gsm_variance`` above 1.5 means that both maps
        are uneven in the same places.
    gsm_n_effective : ndarray, float64
        Independent values under ``gsm``.
    guarded : ndarray of bool
        True where a correction or V had to be held at a bound, or n_effective at its least: trust the cell less.
        V held at 1/n does not count: n_effective is then n, as for maps of independent voxels.
    """

    n_effective: Float64Array
    variance: Float64Array
    gsm_variance: Float64Array
    gsm_n_effective: Float64Array
    guarded: BoolArray

    def at(self, rows: IntArray, columns: IntArray) -> EffectiveSize:
        """Return the outcome for some pairs, each array of shape (k,)."""
        return EffectiveSize(*(getattr(self, array.name)[rows, columns] for array in fields(self)))


def unknown_sizes(shape: tuple[int, ...]) -> EffectiveSize:
    """Return sizes of pairs that nothing is known of yet."""
    variance, gsm_variance, n_effective, gsm_n_effective = np.full((4, *shape), np.nan)
    return EffectiveSize(n_effective, variance, gsm_variance, gsm_n_effective, np.zeros(shape, dtype=np.bool_))


@dataclass(frozen=True, eq=False)
class Description:
    """What the null model keeps of the maps of a matrix.

    Parameters
    ----------
    of : ndarray of int, shape (maps,)
        Which mask each map has.
    coefficients : ndarray, shape (maps, atoms), float64
        Of the fitted autocovariance.
    traits : Traits or None
        Of its unevenness; None for ``gsm``.
    """

    of: IntArray
    coefficients: Float64Array
    traits: Traits | None


@dataclass(frozen=True, eq=False)
class EffectiveNull:
    """The null model on given masks: describe each set of maps once, then size up any block of pairs.

    Parameters
    ----------
    supports : Supports
        All masks that occur.
    stationary : Stationary or None
        None where no map has any data.
    unevenness : Unevenness or None
        None for ``gsm``.
    """

    supports: Supports
    stationary: Stationary | None
    unevenness: Unevenness | None

    @property
    def atoms(self) -> Atoms | None:
        """What autocovariances are made of; None where no map has any data."""
        return None if self.stationary is None else self.stationary.atoms

    @property
    def bytes_per_map(self) -> int:
        """Memory that the description of a map takes."""
        atoms = 0 if self.stationary is None else len(self.stationary.atoms)
        return 8 * atoms + (0 if self.unevenness is None else self.unevenness.bytes_per_map)

    def describe(self, matrix: MapMatrix, jobs: int = 1) -> Description:
        """Fit every map of a matrix; some 15 ms (``gsm``) to 30 ms (``robust``) for a map of 2 mm voxels."""
        of = self.supports.of(matrix)
        if self.stationary is None:
            return Description(of, np.full((len(matrix), 1), np.nan), None)
        traits = self.unevenness.traits(matrix, jobs) if self.unevenness else None
        return Description(of, self.stationary.fit(matrix, jobs), traits)

    def size(self, x: Description, y: Description, n: IntArray) -> EffectiveSize:
        """Find V and n_effective for all pairs of two described sets with n voxels in common."""
        if self.stationary is None:
            return unknown_sizes(n.shape)
        stationary = self.stationary.variance(x.coefficients, x.of, y.coefficients, y.of, n)
        variance, guarded = stationary, np.zeros(n.shape, dtype=np.bool_)
        if self.unevenness and x.traits and y.traits:
            found = corrected(stationary, self.unevenness.ratios(x.traits, x.of, y.traits, y.of))
            variance, guarded = found.variance, found.guarded
        usable = (n >= MIN_COMMON) & np.isfinite(variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            bounded = np.where(usable, np.clip(variance, 1 / n, 1), np.nan)
            guarded = usable & (guarded | (variance > 1) | (1 + 1 / bounded < SMALLEST))
            gsm = np.where(usable, np.clip(stationary, 1 / n, 1), np.nan)
        # 1/V counts what is left beside the covariates; these are counted in, and taken off by the t-test.
        taken = 1 + self.supports.covariates_between(y.of, x.of)
        n_effective, n_gsm = (np.maximum(np.minimum(taken + 1 / v, n), SMALLEST) for v in (bounded, gsm))
        return EffectiveSize(n_effective, bounded, gsm, n_gsm, guarded)


def effective_null(
    x: MapMatrix, y: MapMatrix, *, model: Model = "robust", weights: Float64Array | None = None,
    covariates: Float64Array | None = None,
) -> EffectiveNull:
    """Work out what the null model needs of the masks of two sets: once, however many maps there are.

    Parameters
    ----------
    x, y : MapMatrix
        Same features, which are voxels of a grid.
    model : {'robust', 'gsm'}
        Whether shared unevenness is corrected for.
    weights : ndarray, shape (features,), float64, optional
        Positive; how much each voxel counts in the correlation.
    covariates : ndarray, shape (covariates, features), float64, optional
        Finite; regressed out of both maps of each pair. The maps described are those before that.
    """
    supports = supports_of(x, y, weights, covariates)
    if not supports.used.any():
        return EffectiveNull(supports, None, None)
    lattice = lattice_of(x.features, supports.used)
    corrections = unevenness(supports, lattice) if model == "robust" else None
    return EffectiveNull(supports, stationary_null(supports, lattice), corrections)


def effective_size(
    x: MapMatrix, y: MapMatrix, n: IntArray, *, model: Model = "robust", weights: Float64Array | None = None,
    jobs: int = 1,
) -> EffectiveSize:
    """Find how many independent values the correlation of every pair rests on.

    Parameters
    ----------
    x, y : MapMatrix
        Standard scores of maps on the same voxels (ranks of maps, for a rank correlation).
    n : ndarray of int, shape (maps of y, maps of x)
        Voxels in common, as `niicorr.compute.similarity` counts them.
    model : {'robust', 'gsm'}
        ``gsm``: each map has one autocovariance everywhere, a mixture of Gaussians. ``robust``: corrected for
        what the two maps share of anisotropy, local smoothness and local amplitude.
    weights : ndarray, shape (features,), float64, optional
        Positive; how much each voxel counts, for a weighted correlation.
    jobs : int
        Threads. The outcome does not depend on it.

    Notes
    -----
    ``V ≈ tr(BΣxBΣy) / (tr(BΣx) tr(BΣy))`` with the traces exact for the mask (`niicorr.nulls.traces`).

    Each map is fitted in its own mask, and V is that of the pair's intersection of masks, both exactly where
    there are no more than 8 distinct ones. Beyond, expectations and traces come from the voxels that at least
    half of the maps have, and V is scaled by their number over the pair's, which errs towards larger p.

    The null hypothesis is that the maps are two independent random fields. Anatomy that both follow (grey
    matter, ventricles) is a true correlation under it. Autocovariances with negative lobes (band-passed maps)
    are not in the family and come out slightly liberal; where only one of two maps is uneven, ``robust`` is
    more careful than it need be. Cells with n_effective below 10 hold too few values to tell much.

    References
    ----------
    Clifford P, Richardson S & Hémon D (1989), doi 10.2307/2532039. Dutilleul P (1993), doi 10.2307/2532625.
    """
    null = effective_null(x, y, model=model, weights=weights)
    described = null.describe(x, jobs)
    return null.size(described, described if y is x else null.describe(y, jobs), n)
