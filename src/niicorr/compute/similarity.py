"""Every similarity on one road: a transform of each map, products over common features, a combination.

    base → scores → sums → combination

`base` is the map as the method sees it (ranks, robust scores), the one whose autocovariance null models fit;
`scores` are what is multiplied (residuals, indicators). Missing data and precision are solved once, in
`niicorr.compute.sums`, memory and threads in `niicorr.compute.tiles`; pairs that sums of standard scores are too
coarse for are computed once more by the definition.

Ranks, robust scores and residuals of a voxel depend on which other voxels there are. Where two maps have different
voxels, they are taken anew over those in common, as scipy or pandas would; only where that would take very long
(thousands of maps that all differ in coverage) each map keeps those over its own voxels, and the result says so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from niicorr.compute import combinations
from niicorr.compute.combinations import Scaled
from niicorr.compute.definitions import similarity_terms
from niicorr.compute.device import Device
from niicorr.compute.outcome import Elsewhere, TileOutcome
from niicorr.compute.plan import Sizes, Tile, planned, tiles_of
from niicorr.compute.sums import Block, Sums, block_sums
from niicorr.compute.tiles import Side, execute
from niicorr.compute.transforms import basis_of, biweight_scores, fine_values, ranked, residuals, transformed
from niicorr.machine import memory_budget, one_blas_thread
from niicorr.matrix import CONDITION, MapMatrix
from niicorr.ranks import average_ranks
from niicorr.records import Decision
from niicorr.scratch import unknown, zeros
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray, Method, Progress

MIN_COMMON = 3
"""A similarity of fewer values is no number."""

FAR, SMALLEST = 1e5, 1e-290
"""Up to a mean of so many deviations, and down to such a deviation, both are fine enough; beyond, pairs are redone."""

ANEW = 4e9
"""So many values are transformed anew over common voxels at most: some two minutes of ranks."""


@dataclass(frozen=True, eq=False)
class Correlation:
    """Outcome for all pairs; arrays have shape (rows of Y, rows of X).

    ``r`` is NaN where there are fewer than three common values or either map is constant over them
    (``x_constant``, ``y_constant``; residuals that covariates leave nothing of are constant, too). In cells of
    ``own`` each map was transformed over its own voxels though the two differ. ``decisions`` tell what did not go
    as planned; ``redone``, shape (k, 2), names cells that sums were too coarse for (of tiles, not of maps that were
    transformed anew).
    """

    r: Float64Array
    n: IntArray
    x_constant: BoolArray
    y_constant: BoolArray
    own: BoolArray
    decisions: tuple[Decision, ...] = ()
    redone: IntArray = field(default_factory=lambda: np.empty((0, 2), dtype=np.intp))

    @classmethod
    def empty(cls, rows: int, columns: int, *, on_disk: bool = False) -> Correlation:
        """Make room for so many cells, filled later; in a temporary file, if asked for."""
        shape = rows, columns
        n, x_constant, y_constant, own = (zeros(shape, kind, "the result", on_disk=on_disk)
                                          for kind in (np.int64, np.bool_, np.bool_, np.bool_))
        return cls(unknown(shape, on_disk=on_disk), n, x_constant, y_constant, own)

    def place(self, tile: Tile, outcome: TileOutcome) -> None:
        """Fill the cells of a tile."""
        self.r[tile], self.n[tile] = outcome.r, outcome.n
        self.x_constant[tile], self.y_constant[tile] = outcome.x_constant, outcome.y_constant

    def mirror(self, rows: slice, columns: slice) -> None:
        """Of a set against itself: fill the cells on the other side of the diagonal."""
        self.r[columns, rows], self.n[columns, rows] = self.r[rows, columns].T, self.n[rows, columns].T
        self.x_constant[columns, rows] = self.y_constant[rows, columns].T
        self.y_constant[columns, rows] = self.x_constant[rows, columns].T


@dataclass(frozen=True)
class _Means:
    """How products are to be made: threads, bytes beyond the maps and the outcome, a GPU; who is told, who helps."""

    jobs: int
    memory: int
    device: Device | None = None
    advance: Callable[[int], None] = field(default=lambda _done: None)
    elsewhere: Elsewhere | None = None
    on_disk: bool = False


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
        return ranked(self.covariates)

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

    def residual_of(
        self, like: MapMatrix, jobs: int = 1, *, often: bool = True
    ) -> Callable[[MapMatrix], MapMatrix]:
        """Return what regresses the covariates (ranks of them, for ranks) out of maps with supports as ``like`` has.

        What that takes is large, and kept for every support if it is wanted ``often``, else for those of two or more
        maps.
        """
        if self.covariates is None:
            return lambda matrix: matrix
        wanted = np.bincount(like.support_of, minlength=len(like.supports)) > (0 if often else 1)
        bases = {support.tobytes(): self._basis_on(support) for support in like.supports[wanted]}

        def of(matrix: MapMatrix) -> MapMatrix:
            known = [bases.get(support.tobytes()) for support in matrix.supports]

            def left(i: int, values: FloatArray, _valid: BoolArray | None) -> Float64Array:
                support = matrix.support_of[i]
                basis, weights = known[support] or self._basis_on(matrix.supports[support])
                return residuals(values, basis, weights)

            return transformed(matrix, left, jobs)

        return of

    def scores(self, base: MapMatrix, jobs: int = 1) -> MapMatrix:
        """What is multiplied: residuals; for Dice 1 where a map exceeds the threshold; else the base itself."""
        if self.method != "dice":
            return self.residual_of(base, jobs, often=False)(base)

        def exceeds(i: int, values: FloatArray, valid: BoolArray | None) -> FloatArray:
            # Scores put back into their own units would not be exactly 0 where the map is.
            own = base.scale[i] * values + base.center[i] if base.exact is None else base.exact(i)
            own = own[valid] if valid is not None and base.exact is not None else own
            return np.asarray(np.abs(own) > self.threshold).astype(np.float32)

        return transformed(base, exceeds, 1 if base.exact is not None else jobs)

    def __call__(
        self, x: MapMatrix, y: MapMatrix, *, jobs: int = 1, memory: int | None = None, device: Device | None = None,
        progress: Progress | None = None, elsewhere: Elsewhere | None = None, on_disk: bool = False,
    ) -> Correlation:
        """Compare every map of x with every map of y over their common features.

        Parameters
        ----------
        x, y : MapMatrix
            Same features. Where y is x, half of the pairs are computed.
        jobs : int
            Threads. The outcome does not depend on it.
        memory : int, optional
            Bytes that may be used beyond the maps and the outcome, which does not depend on it; without it half of
            what may be used at all.
        device : Device, optional
            Makes the products in place of the processor.
        progress : callable, optional
            Told of pairs compared.
        elsewhere : Elsewhere, optional
            Knows outcomes of tiles, which are then not made here, and takes notice of those that are.
        on_disk : bool
            Whether the outcome lies in a temporary file rather than in memory.

        Returns
        -------
        Correlation
            Arrays of shape (maps of y, maps of x).
        """
        means = _Means(jobs, memory_budget(None) // 2 if memory is None else memory, device)
        side_x = self._side(x)
        side_y = side_x if y is x else self._side(y)
        with one_blas_thread():
            with _told(progress, len(x) * len(y), "comparing maps") as advance:
                found = self._compare(side_x, side_y, replace(means, advance=advance, elsewhere=elsewhere,
                                                              on_disk=on_disk))
            if self._holistic and not (x.complete and y.complete):
                self._anew(found, x, y, means, progress)
        return found

    def work(self, x: MapMatrix, y: MapMatrix) -> float:
        """Additions and multiplications that all products take."""
        side = self._side(x)
        return self._sizes(side, side if y is x else self._side(y)).work

    def of_scores(self, x: Scaled, y: Scaled, sums: Sums) -> Float64Array:
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

    def block(self, matrix: MapMatrix) -> Block:
        """Make the maps of a matrix ready for products."""
        return self._side(matrix).block(slice(0, len(matrix)))

    def tile(self, x: Block, y: Block) -> TileOutcome:
        """Compare the maps of two blocks, as many as lie in a tile; of a set with itself, y is x."""
        return self.outcome(x, y, block_sums(x, y, self.weights))

    @property
    def _holistic(self) -> bool:
        """Whether the transform of one voxel depends on which others there are."""
        return self.method in ("spearman", "bicor") or self.covariates is not None

    @property
    def _moves(self) -> bool:
        """Whether maps are compared as something else than their standard scores."""
        return self._holistic or self.method == "dice"

    def _side(self, matrix: MapMatrix, common: BoolArray | None = None, places: IntArray | None = None) -> Side:
        """Return maps, or those at some places narrowed to common features, on their way to scores."""
        scores = (lambda maps, jobs: self.scores(self.base(maps, jobs), jobs)) if self._moves else None
        # An indicator may be constant: no voxel above the threshold is a finding, not a failure.
        return Side(matrix, scores, common, places, keeps_constant=self.method == "dice")

    def _sizes(self, x: Side, y: Side) -> Sizes:
        itemsize = np.result_type(x.matrix.rows, y.matrix.rows).itemsize
        missing = self.weights is not None or not (x.complete and y.complete)
        return Sizes(len(y), len(x), x.n, itemsize, missing=missing, weighted=self.weights is not None,
                     transformed=x.transformed, same=y is x,
                     covariates=0 if self.covariates is None else len(self.covariates))

    def _compare(self, x: Side, y: Side, means: _Means) -> Correlation:
        """Compare maps, each transformed over the features of its side."""
        found = Correlation.empty(len(y), len(x), on_disk=means.on_disk)
        doubtful: list[IntArray] = []

        def place(tile: Tile, outcome: TileOutcome) -> None:
            found.place(tile, outcome)
            doubtful.append(outcome.doubtful + np.array([tile[0].start, tile[1].start]))
            mirrored = y is x and tile[0] != tile[1]
            if mirrored:
                found.mirror(*tile)
            means.advance(outcome.r.size * (1 + mirrored))

        def finish(tile: Tile, part_x: Block, part_y: Block, sums: Sums) -> None:
            outcome = self.outcome(part_x, part_y, sums)
            if means.elsewhere is not None and plan.has(tile):
                means.elsewhere.keep(tile, outcome)
            place(tile, outcome)

        sizes = self._sizes(x, y)
        plan = planned(sizes, means.memory, means.jobs, on_device=means.device is not None)
        known: set[tuple[int, int]] = set()
        if means.elsewhere is not None:
            for tile, outcome in means.elsewhere.known(sizes, tiles_of(len(y), len(x), plan.tile, lower=y is x)):
                place(tile, outcome)
                known.add((tile[0].start, tile[1].start))
        decisions = execute(plan, sizes, x, y, finish, weights=self.weights, device=means.device,
                            skip=lambda tile: (tile[0].start, tile[1].start) in known)
        cells = np.concatenate(doubtful)
        if y is x:
            cells = np.sort(cells, axis=1)[:, ::-1]
        # Row by row, since a map read anew for one cell is kept for the next; and each cell once.
        cells = np.unique(cells, axis=0) if len(cells) else cells
        for i, j in cells:
            self._by_definition(found, int(i), int(j), x, y)
        return replace(found, decisions=tuple(decisions), redone=cells)

    def outcome(self, x: Block, y: Block, sums: Sums) -> TileOutcome:
        """Combine the sums of a tile."""
        n = sums.n
        r = self.of_scores(x, y, sums)
        xx, yy, _ = combinations.centred(sums)
        limit = CONDITION[np.result_type(x.rows, y.rows).itemsize]
        with np.errstate(invalid="ignore"):
            doubtful = ~(xx * limit > sums.xx) | ~(yy * limit > sums.yy) | ~np.isfinite(r)
        if self.method in ("cosine", "concordance"):
            doubtful |= self._ill_scaled(x)[None] | self._ill_scaled(y)[:, None]
        varying = ~x.constant[None] & ~y.constant[:, None]
        comparable = (n >= MIN_COMMON) & varying
        r[~comparable] = np.nan
        return TileOutcome(np.clip(r, -1, 1, out=r), n, np.broadcast_to(x.constant[None], r.shape),
                           np.broadcast_to(y.constant[:, None], r.shape), np.argwhere(doubtful & comparable))

    def _ill_scaled(self, maps: Block) -> BoolArray:
        """Maps whose mean and deviation are too coarse: below the normal floats, or a mean that hides the deviation."""
        hidden = np.abs(maps.center) / FAR > maps.scale if self.method == "concordance" else False
        return (maps.scale < SMALLEST) | hidden

    def _by_definition(self, found: Correlation, i: int, j: int, x: Side, y: Side) -> None:
        """Compute one cell from the maps' own values; in place."""
        common = x.support(j) & y.support(i)
        a, b = x.values(j)[common], y.values(i)[common]
        constant = a.min() == a.max(), b.min() == b.max()
        terms = self.terms(a, b, common)
        r = np.nan if terms is None or any(constant) else np.clip(terms.sum(), -1, 1)
        found.r[i, j], found.x_constant[i, j], found.y_constant[i, j] = r, *constant
        if y is x and i != j:
            found.mirror(slice(i, i + 1), slice(j, j + 1))

    def _anew(self, found: Correlation, x: MapMatrix, y: MapMatrix, means: _Means, progress: Progress | None) -> None:
        """Compare maps of different features over those in common, transformed anew; in place."""
        (used_x, first_x, of_x, maps_x), (used_y, first_y, of_y, maps_y) = (
            np.unique(side.support_of, return_index=True, return_inverse=True, return_counts=True) for side in (x, y))
        whole_x, whole_y = (np.count_nonzero(side.supports, axis=1)[used] for side, used in ((x, used_x), (y, used_y)))
        differ, work = np.zeros((len(used_y), len(used_x)), np.bool_), 0.0
        for i, first in enumerate(first_y):  # row by row: thousands of supports make millions of pairs
            common = found.n[first, first_x]
            differ[i] = (common >= MIN_COMMON) & ((common < whole_x) | (common < whole_y[i]))
            if y is x:
                differ[i, i:] = False  # they mirror those below
            work += float((common * (maps_y[i] + maps_x))[differ[i]].sum())
        if work > ANEW:
            found.own[...] = (differ | differ.T if y is x else differ)[np.ix_(of_y, of_x)]
            return
        groups_x, groups_y = (np.split(np.argsort(of, kind="stable"), np.cumsum(maps)[:-1])
                              for of, maps in ((of_x, maps_x), (of_y, maps_y)))
        blocks = list(np.argwhere(differ))
        threads = means.jobs if len(blocks) >= means.jobs else 1
        each = _Means(means.jobs // threads, means.memory // threads)

        def compare(block: IntArray) -> Correlation:
            i, j = block
            features = x.supports[used_x[j]] & y.supports[used_y[i]]
            within = self.on(features)
            return within._compare(within._side(x, features, groups_x[j]), within._side(y, features, groups_y[i]), each)

        with _told(progress, len(blocks), "comparing maps of different coverage") as advance:
            for (i, j), part in zip(blocks, in_order(compare, blocks, threads), strict=True):
                rows, columns = groups_y[i], groups_x[j]
                here = np.ix_(rows, columns)
                found.r[here], found.x_constant[here], found.y_constant[here] = part.r, part.x_constant, part.y_constant
                if y is x:
                    there = np.ix_(columns, rows)
                    found.r[there], found.x_constant[there] = part.r.T, part.y_constant.T
                    found.y_constant[there] = part.x_constant.T
                advance(1)

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
            covariates = ranked(covariates)
        return basis_of(covariates, weights), weights


def _told(progress: Progress | None, total: int, what: str) -> AbstractContextManager[Callable[[int], None]]:
    """Tell how far the work has come, if anybody wants to know."""
    return nullcontext(lambda _done: None) if progress is None else progress(total, what)
