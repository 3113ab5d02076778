"""The number of independent values behind a correlation over regions: the modified t-test with explicit matrices.

As for voxels (`niicorr.nulls.effective`),

    V = tr(BΣxBΣy) / (tr(BΣx) tr(BΣy)) = (a_x' W a_y) / ((a_x' d) (a_y' d)),    n_effective = min(1 + 1/V, n),

with coefficients a ≥ 0 fitted to each map's products of values by distance; but there are few enough regions to
write down every matrix, and regions differ in size, which the family of covariances knows (`regional_traces`).
Where regions have weights, or covariates are regressed out, another projection takes the place of B in the traces;
maps are fitted as they were before that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.nulls.distances import FEWEST, checked_coords, cloud_of
from niicorr.nulls.effective import SMALLEST, EffectiveSize, Model
from niicorr.nulls.least_squares import nonnegative_least_squares
from niicorr.nulls.regional_traces import (
    RANGES,
    Family,
    Study,
    Traces,
    class_weights,
    family_of,
    over,
    projected_traces,
    study,
)
from niicorr.nulls.regional_unevenness import Local, corrected, local_ratio
from niicorr.nulls.supports import Supports, supports_of
from niicorr.nulls.traces import Atoms
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, IntArray

BATCH = 64
"""Maps described together; fixed, so that no number depends on the threads."""


@dataclass(frozen=True, eq=False)
class RegionalDescription:
    """What the null model keeps of the maps of a matrix.

    Parameters
    ----------
    of : ndarray of int, shape (maps,)
        Which set of regions each map has.
    coefficients : ndarray, shape (maps, atoms), float64
        Of the fitted autocovariance; NaN for maps that are constant or have fewer than 10 regions.
    observed, expected : Local or None
        Autocovariances by place, of the map and of its fit; None for ``gsm``.
    """

    of: IntArray
    coefficients: Float64Array
    observed: Local | None
    expected: Local | None


@dataclass(frozen=True, eq=False)
class RegionalNull:
    """The null model on given sets of regions: describe each set of maps once, then size up any block of pairs.

    Parameters
    ----------
    supports : Supports
        All sets of regions that occur, among the regions in use.
    used : ndarray of bool, shape (features,)
        The regions in use: those any map has a value in.
    family : Family
        Covariances.
    own : tuple of Study or None
        One for each set of regions (that of the reference where there are many); None for fewer than 10 regions.
    shared : tuple of Traces or None
        One for each intersection, or that of the reference set alone.
    model : {'robust', 'gsm'}
        Whether shared unevenness is corrected for.
    """

    supports: Supports
    used: BoolArray
    family: Family
    own: tuple[Study | None, ...]
    shared: tuple[Traces | None, ...]
    model: Model

    @property
    def atoms(self) -> Atoms:
        """What autocovariances between points are made of; regions blur them."""
        return Atoms(self.family.widths)

    @property
    def bytes_per_map(self) -> int:
        """Memory that the description of a map takes."""
        local = 2 * (len(RANGES) + 3) * len(self.family.cloud) if self.model == "robust" else 0
        return 8 * (len(self.family) + local)

    def describe(self, matrix: MapMatrix, jobs: int = 1) -> RegionalDescription:
        """Fit every map of a matrix; the outcome does not depend on the jobs."""
        which = self.supports.of(matrix)
        n, size = len(matrix), len(self.family.cloud)
        coefficients = np.full((n, len(self.family)), np.nan)
        shape = (n, len(RANGES) + 1, size)
        observed, expected = (Local(np.zeros(shape), np.zeros((n, size)), np.zeros((n, size))) for _ in range(2))

        def fill(maps: IntArray) -> None:
            mask = int(which[maps[0]])
            own = self.own[mask]
            if own is None:
                return
            regions = np.flatnonzero(self.supports.masks[mask, self.used])
            values = matrix.rows[maps][:, self.used][:, regions].astype(np.float64)
            fitted = self._fit(values, regions, own)
            coefficients[maps] = fitted
            if self.model == "gsm":
                return
            # Regions that most maps lack have no expectation where one reference set stands in for all.
            known = np.isin(regions, own.regions)
            for local, squares in ((observed, values**2), (expected, fitted @ own.variances[:, regions])):
                local.squares[np.ix_(maps, regions)] = np.where(known, squares, 0)
                local.present[np.ix_(maps, regions)] = known
            observed.windows[maps] = self._windows(values, regions)
            expected.windows[maps] = np.tensordot(fitted, own.window_expected, axes=1)

        usable = np.flatnonzero(matrix.scale > 0)
        groups = [usable[which[usable] == mask] for mask in np.unique(which[usable])]
        batches = [group[start : start + BATCH] for group in groups for start in range(0, len(group), BATCH)]
        for _ in in_order(fill, batches, jobs):
            pass
        if self.model == "gsm":
            return RegionalDescription(which, coefficients, None, None)
        return RegionalDescription(which, coefficients, observed, expected)

    def size(self, x: RegionalDescription, y: RegionalDescription, n: IntArray) -> EffectiveSize:
        """Find V and n_effective for all pairs of two described sets with n regions in common."""
        stationary, ratio = np.full(n.shape, np.nan), np.full(n.shape, np.nan)
        if self.supports.shared is None:
            reference = self.shared[0]
            if reference is not None:
                scale = np.maximum(reference.n / np.maximum(n, 1), 1)
                stationary, ratio = self._variance(x, y, reference) * scale, self._ratio(x, y, reference)
        else:
            shared_of = self.supports.shared_of[np.ix_(y.of, x.of)]
            for k in np.unique(shared_of):
                known = self.shared[k]
                if known is not None:
                    here = shared_of == k
                    stationary = np.where(here, self._variance(x, y, known), stationary)
                    ratio = np.where(here, self._ratio(x, y, known), ratio)
        found = corrected(stationary, ratio)
        variance, guarded = (stationary, np.zeros(n.shape, dtype=np.bool_)) if self.model == "gsm" else (
            found.variance, found.guarded)
        usable = (n >= FEWEST) & np.isfinite(variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            bounded = np.where(usable, np.clip(variance, 1 / n, 1), np.nan)
            guarded = usable & (guarded | (variance > 1) | (1 + 1 / bounded < SMALLEST))
            gsm = np.where(usable, np.clip(stationary, 1 / n, 1), np.nan)
        # 1/V counts what is left beside the covariates; these are counted in, and taken off by the t-test.
        taken = 1 + self.supports.covariates_between(y.of, x.of)
        n_effective, n_gsm = (np.maximum(np.minimum(taken + 1 / v, n), SMALLEST) for v in (bounded, gsm))
        return EffectiveSize(n_effective, bounded, gsm, n_gsm, guarded)

    def _fit(self, values: Float64Array, regions: IntArray, own: Study) -> Float64Array:
        """Fit the atoms to maps, shape (maps, regions they have)."""
        classes = self.family.classes[np.ix_(regions, regions)]
        pairs = np.bincount(classes.reshape(-1), minlength=own.pairs.size)[:-1].astype(np.float64)
        fitted = np.flatnonzero((pairs > 0) & (own.pairs[:-1] > 0))
        products = np.stack([((values @ (classes == b)) * values).sum(axis=1) for b in fitted]) / pairs[fitted][:, None]
        weights = class_weights(pairs[fitted], own.length[fitted], self.family.cloud, len(regions))
        root = np.sqrt(weights)
        rotation, factor = np.linalg.qr(own.expected[:, fitted].T * root[:, None])
        turned = rotation.T @ (products * root[:, None])
        return np.stack([nonnegative_least_squares(factor, target) for target in turned.T])

    def _windows(self, values: Float64Array, regions: IntArray) -> Float64Array:
        """Mean products by range and window, shape (maps, ranges, windows)."""
        ranges, windows = self.family.ranges[np.ix_(regions, regions)], self.family.windows[:, regions].T
        found = []
        for b in range(len(RANGES) + 1):
            within = (ranges == b).astype(np.float64)
            found.append(over((values * (values @ within)) @ windows, within.sum(axis=1) @ windows))
        return np.stack(found, axis=1)

    def _variance(self, x: RegionalDescription, y: RegionalDescription, known: Traces) -> Float64Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((y.coefficients @ known.W @ x.coefficients.T)
                              / np.outer(y.coefficients @ known.d, x.coefficients @ known.d))

    def _ratio(self, x: RegionalDescription, y: RegionalDescription, known: Traces) -> Float64Array:
        if x.observed is None or y.observed is None or x.expected is None or y.expected is None:
            return np.full((len(y.of), len(x.of)), np.nan)
        observed, expected = self._weighted(y.observed), self._weighted(y.expected)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(local_ratio(x.observed, observed, known.window_pairs)
                              / local_ratio(x.expected, expected, known.window_pairs))

    def _weighted(self, local: Local) -> Local:
        """Let each region count as it does in a correlation: a product of two pairs with the square of its weight."""
        if self.supports.weights is None:
            return local
        squared = _of_used(self.supports)[None] ** 2
        return replace(local, squares=local.squares * squared, present=local.present * squared)


class _Studies:
    """Studies of sets of regions, and traces of what correlations leave of them; each is made once."""

    def __init__(self, family: Family, supports: Supports) -> None:
        self.family, self.supports = family, supports
        self._known: dict[bytes, Study | None] = {}

    def __call__(self, mask: BoolArray) -> Study | None:
        key = np.packbits(mask).tobytes()
        if key not in self._known:
            enough = np.count_nonzero(mask) >= FEWEST
            self._known[key] = study(self.family, mask[self.supports.used]) if enough else None
        return self._known[key]

    def traces(self, mask: BoolArray) -> Traces | None:
        supports = self.supports
        if supports.weights is None and supports.covariates is None:
            return self(mask)
        if np.count_nonzero(mask) < FEWEST:
            return None
        used = supports.used
        return projected_traces(self.family, mask[used], supports.regressors(mask)[:, used], _of_used(supports))


def _of_used(supports: Supports) -> Float64Array:
    """Weights of the regions in use."""
    used = supports.used
    return np.ones(int(np.count_nonzero(used))) if supports.weights is None else supports.weights[used]


def regional_null(
    x: MapMatrix, y: MapMatrix, coords: Float64Array, *, model: Model = "robust", volumes: Float64Array | None = None,
    weights: Float64Array | None = None, covariates: Float64Array | None = None,
) -> RegionalNull:
    """Work out what the null model needs of the regions of two sets: once, however many maps there are.

    Parameters
    ----------
    x, y : MapMatrix
        Standard scores on the same regions (ranks, for a rank correlation).
    coords : ndarray, shape (regions, 3), float64
        Centres in mm.
    model : {'robust', 'gsm'}
        ``gsm``: each map has one autocovariance everywhere, a mixture of Gaussians. ``robust``: corrected for what
        the two maps share of local smoothness and local amplitude.
    volumes : ndarray, shape (regions,), float64, optional
        Sizes in mm³. Small regions vary more than large ones, in all maps; without sizes, ``gsm`` does not know, and
        ``robust`` has to take it for unevenness.
    weights : ndarray, shape (regions,), float64, optional
        Positive; how much each region counts in the correlation.
    covariates : ndarray, shape (covariates, regions), float64, optional
        Finite where any map has a value; regressed out of both maps of each pair. The maps described are those
        before that.

    Raises
    ------
    ValueError
        With fewer than 10 regions in use, or centres that are not finite or all at one place.

    Notes
    -----
    Each map is fitted in its own regions, and V is that of a pair's common regions, both exactly where there are no
    more than 8 distinct sets. Beyond, expectations and traces come from the regions that at least half of the maps
    have, and V is scaled by their number over the pair's. A pair with fewer than 10 regions in common has no
    n_effective.

    The null hypothesis is that the maps are means over regions of two independent random fields.

    References
    ----------
    Clifford P, Richardson S & Hémon D (1989), doi 10.2307/2532039. Dutilleul P (1993), doi 10.2307/2532625.
    """
    if len(coords) != x.features.n or len(coords) != y.features.n:
        raise ValueError(f"{len(coords)} coordinates for maps of {x.features.n} and {y.features.n} regions")
    supports = supports_of(x, y, weights, covariates)
    used = supports.used
    coords = checked_coords(np.asarray(coords, dtype=np.float64)[used])
    family = family_of(cloud_of(coords, None if volumes is None else np.asarray(volumes)[used],
                                supports.reference[used]))
    studied = _Studies(family, supports)
    if supports.few:
        own = tuple(studied(mask) for mask in supports.masks)
    else:
        reference = studied(supports.reference)
        own = tuple(reference if np.count_nonzero(mask) >= FEWEST else None for mask in supports.masks)
    shared = tuple(studied.traces(mask) for mask in
                   ([supports.reference] if supports.shared is None else supports.shared))
    return RegionalNull(supports, used, family, own, shared, model)
