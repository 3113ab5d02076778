"""Every similarity on one road: a transform of each map, products over common features, a combination.

    base → scores → sums → combination

`base` is the map as the method sees it (ranks, robust scores), the one whose autocovariance null models fit;
`scores` are what is multiplied (residuals, indicators). Missing data, precision and threads are solved once, in
`pair_sums`; pairs that sums of standard scores are too coarse for are computed once more by the definition.

Ranks, robust scores and residuals of a voxel depend on which other voxels there are. Where two maps have different
voxels, they are taken anew over those in common, as scipy or pandas would; only where that would take very long
(thousands of maps that all differ in coverage) each map keeps those over its own voxels, and the result says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from niicorr.compute import combinations
from niicorr.compute.definitions import similarity_terms
from niicorr.compute.sums import Sums, pair_sums
from niicorr.compute.transforms import basis_of, biweight_scores, fine_values, residuals, transformed
from niicorr.matrix import MapMatrix, OwnValues
from niicorr.ranks import average_ranks
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray, Method

MIN_COMMON = 3
"""A similarity of fewer values is no number."""

CONDITION = {4: 10.0, 8: 1e5}
"""By bytes per value: where a pair's uncentred second moment exceeds its variance so many times, it is redone."""

ANEW = 4e9
"""So many values are transformed anew over common voxels at most: some two minutes of ranks."""


@dataclass(frozen=True, eq=False)
class Correlation:
    """Outcome for all pairs; arrays have shape (rows of Y, rows of X).

    ``r`` is NaN where there are fewer than three common values or either map is constant over them
    (``x_constant``, ``y_constant``; residuals that covariates leave nothing of are constant, too). In cells of
    ``own`` each map was transformed over its own voxels though the two differ.
    """

    r: Float64Array
    n: IntArray
    x_constant: BoolArray
    y_constant: BoolArray
    own: BoolArray


@dataclass(frozen=True, eq=False)
class Similarity:
    """What is computed of each pair of maps.

    Parameters
    ----------
    method : {'pearson', 'spearman', 'cosine', 'concordance', 'bicor', 'dice'}
        The similarity.
    threshold : float
        For Dice: voxels count whose absolute value exceeds it.
    weights : ndarray, shape (features,), float64, optional
        Positive; how much each voxel counts.
    covariates : ndarray, shape (covariates, features), float64, optional
        Finite; regressed out of both maps of each pair, with a constant.

    References
    ----------
    Pearson K (1895), doi 10.1098/rspl.1895.0041. Spearman C (1904), doi 10.2307/1412159. Lin LI (1989, concordance),
    doi 10.2307/2532051. Langfelder P & Horvath S (2012, bicor), doi 10.18637/jss.v046.i11. Dice LR (1945),
    doi 10.2307/1932409.
    """

    method: Method = "pearson"
    threshold: float = 0.0
    weights: Float64Array | None = None
    covariates: Float64Array | None = None

    @property
    def has_formula(self) -> bool:
        """Whether its variance under independence is known: for correlations."""
        return self.method in ("pearson", "spearman", "bicor")

    @property
    def ranked_covariates(self) -> Float64Array | None:
        """The covariates as they are regressed out: their ranks, where ranks are compared."""
        if self.covariates is None or self.method != "spearman":
            return self.covariates
        return np.array([average_ranks(row) for row in self.covariates])

    @property
    def plain(self) -> bool:
        """Whether it is Pearson's r and nothing else."""
        return self.method == "pearson" and self.weights is None and self.covariates is None

    @cached_property
    def n_covariates(self) -> int:
        """How many independent covariates there are."""
        return 0 if self._basis is None else max(len(self._basis) - 1, 0)

    def base(self, matrix: MapMatrix, jobs: int = 1) -> MapMatrix:
        """Transform maps over their own voxels: to ranks or robust scores; or leave them as they are."""
        if self.method == "spearman":
            return transformed(matrix, lambda i, row, valid: average_ranks(fine_values(matrix, i, row, valid)), jobs)
        if self.method == "bicor":
            return transformed(matrix, lambda i, row, valid: biweight_scores(fine_values(matrix, i, row, valid)), jobs)
        return matrix

    def residual_of(self, like: MapMatrix, jobs: int = 1) -> Callable[[MapMatrix], MapMatrix]:
        """Return what regresses the covariates (ranks of them, for ranks) out of maps with supports as ``like`` has."""
        if self.covariates is None:
            return lambda matrix: matrix
        bases = {support.tobytes(): self._basis_on(support) for support in like.supports}

        def of(matrix: MapMatrix) -> MapMatrix:
            known = [bases[support.tobytes()] for support in matrix.supports]

            def left(i: int, values: FloatArray, _valid: BoolArray | None) -> Float64Array:
                basis, weights = known[matrix.support_of[i]]
                return residuals(values, basis, weights)

            return transformed(matrix, left, jobs)

        return of

    def scores(self, base: MapMatrix, jobs: int = 1) -> MapMatrix:
        """What is multiplied: residuals; for Dice 1 where a map exceeds the threshold; else the base itself."""
        if self.method != "dice":
            return self.residual_of(base, jobs)(base)

        def exceeds(i: int, values: FloatArray, valid: BoolArray | None) -> FloatArray:
            # Scores put back into their own units would not be exactly 0 where the map is.
            own = base.scale[i] * values + base.center[i] if base.exact is None else base.exact(i)
            own = own[valid] if valid is not None and base.exact is not None else own
            return np.asarray(np.abs(own) > self.threshold).astype(np.float32)

        return transformed(base, exceeds, 1 if base.exact is not None else jobs)

    def __call__(self, x: MapMatrix, y: MapMatrix, *, jobs: int = 1) -> Correlation:
        """Compare every map of x with every map of y over their common features.

        Parameters
        ----------
        x, y : MapMatrix
            Same features.
        jobs : int
            Threads. The outcome does not depend on it.

        Returns
        -------
        Correlation
            Arrays of shape (maps of y, maps of x).
        """
        found = self._own(x, y, jobs)
        if self._holistic and not (x.complete and y.complete):
            self._anew(found, x, y, jobs)
        return found

    def of_scores(self, x: MapMatrix, y: MapMatrix, sums: Sums) -> Float64Array:
        """Combine sums over scores to the similarity, not bounded."""
        if self.method in ("cosine", "bicor"):
            return combinations.cosine(sums, x, y)
        if self.method == "concordance":
            return combinations.concordance(sums, x, y)
        if self.method == "dice":
            return combinations.dice(sums, x, y)
        return combinations.correlation(sums)

    def terms(self, a: FloatArray, b: FloatArray, common: BoolArray) -> Float64Array | None:
        """Split the similarity of two maps, values at their common features, into what each feature adds."""
        weights = None if self.weights is None else self.weights[common]
        covariates = None if self.covariates is None else self.covariates[:, common]
        return similarity_terms(self.method, a, b, weights=weights, covariates=covariates, threshold=self.threshold)

    @property
    def _holistic(self) -> bool:
        """Whether the transform of one voxel depends on which others there are."""
        return self.method in ("spearman", "bicor") or self.covariates is not None

    def _own(self, x: MapMatrix, y: MapMatrix, jobs: int) -> Correlation:
        """Compare maps, each transformed over its own features."""
        tx = self.scores(self.base(x, jobs), jobs)
        ty = tx if y is x else self.scores(self.base(y, jobs), jobs)
        sums = pair_sums(tx, ty, self.weights, jobs=jobs)
        n = sums.n
        r = self.of_scores(tx, ty, sums)
        xx, yy, _ = combinations.centred(sums)
        limit = CONDITION[np.result_type(tx.rows, ty.rows).itemsize]
        with np.errstate(invalid="ignore"):
            doubtful = ~(xx * limit > sums.xx) | ~(yy * limit > sums.yy) | ~np.isfinite(r)
        # An indicator may be constant: no voxel above the threshold is a finding, not a failure.
        flat_x, flat_y = (x.scale, y.scale) if self.method == "dice" else (tx.scale, ty.scale)
        x_constant = np.broadcast_to(flat_x == 0, n.shape).copy()
        y_constant = np.broadcast_to((flat_y == 0)[:, None], n.shape).copy()
        enough = n >= MIN_COMMON
        x_values, y_values = OwnValues(x), OwnValues(y)
        for i, j in np.argwhere(doubtful & enough & ~x_constant & ~y_constant):
            common = x.supports[x.support_of[j]] & y.supports[y.support_of[i]]
            a, b = x_values(j)[common], y_values(i)[common]
            x_constant[i, j], y_constant[i, j] = a.min() == a.max(), b.min() == b.max()
            terms = self.terms(a, b, common)
            r[i, j] = np.nan if terms is None else terms.sum()
        r[~enough | x_constant | y_constant] = np.nan
        return Correlation(np.clip(r, -1, 1), n, x_constant, y_constant, np.zeros(n.shape, np.bool_))

    def _anew(self, found: Correlation, x: MapMatrix, y: MapMatrix, jobs: int) -> None:
        """Compare maps of different features over those in common, transformed anew; in place."""
        pairs, work = [], 0.0
        for i in np.unique(y.support_of):
            for j in np.unique(x.support_of):
                common = x.supports[j] & y.supports[i]
                size = int(np.count_nonzero(common))
                rows, columns = np.flatnonzero(y.support_of == i), np.flatnonzero(x.support_of == j)
                if size >= MIN_COMMON and not (np.array_equal(common, x.supports[j])
                                               and np.array_equal(common, y.supports[i])):
                    pairs.append((rows, columns))
                    work += size * (len(rows) + len(columns))
        for rows, columns in pairs:
            here = np.ix_(rows, columns)
            if work > ANEW:
                found.own[here] = True
                continue
            common = x.supports[x.support_of[columns[0]]] & y.supports[y.support_of[rows[0]]]
            part = self.on(common)._own(x.within(common, columns), y.within(common, rows), jobs)
            found.r[here], found.x_constant[here], found.y_constant[here] = part.r, part.x_constant, part.y_constant

    def on(self, features: BoolArray) -> Similarity:
        """The same similarity on some of the features."""
        if self.weights is None and self.covariates is None:
            return self
        return replace(self, weights=None if self.weights is None else self.weights[features],
                       covariates=None if self.covariates is None else self.covariates[:, features])

    @cached_property
    def _basis(self) -> Float64Array | None:
        return None if self.covariates is None else self._basis_on(None)[0]

    def _basis_on(self, support: BoolArray | None) -> tuple[Float64Array, Float64Array | None]:
        assert self.covariates is not None  # asked for only where there are some
        weights = self.weights if support is None or self.weights is None else self.weights[support]
        covariates = self.covariates if support is None else self.covariates[:, support]
        if self.method == "spearman":
            covariates = np.array([average_ranks(row) for row in covariates])
        return basis_of(covariates, weights), weights
