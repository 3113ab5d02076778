"""How often random maps do as well as the real ones: every null model that draws.

Maps are replaced by random ones, a thousand times, and compared with the maps of the other set as the real ones were:

    p = (1 + #{|r*| ≥ |r|}) / (1 + N),    p_fwe = (1 + #{max |r*| ≥ |r|}) / (1 + N),

the maximum over all cells of a draw. ``surrogate`` replaces the smaller set by random fields with the same
autocovariance, mask and values (`niicorr.nulls.surrogate`, of regions `niicorr.nulls.regional_fields`). ``moran`` and
``variogram`` (`niicorr.nulls.regional_draws`) replace x, then y: the two directions differ, and each has its p.

Draws come in pairs, each from its own random numbers, and are counted one after the other: neither threads nor
memory change a digit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

import numpy as np

from niicorr.compute.combinations import centred
from niicorr.compute.device import Device, ran_out
from niicorr.compute.on_device import Held
from niicorr.compute.similarity import Correlation, Similarity
from niicorr.compute.sums import Block, Sums, pair_sums
from niicorr.matrix import MapMatrix
from niicorr.nulls.device_surrogates import DeviceSurrogates
from niicorr.nulls.effective import effective_null
from niicorr.nulls.regional import regional_null
from niicorr.nulls.regional_draws import RegionalSurrogates, regional_surrogates
from niicorr.nulls.regional_fields import regional_fields
from niicorr.nulls.surrogate import Surrogates, surrogates_of
from niicorr.nulls.variogram import VariogramFit
from niicorr.records import Decision, NullModel
from niicorr.result.null_shape import MOST_CELLS, Histogram
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray, Progress
from niicorr.words import TWO_WAYS

if TYPE_CHECKING:  # who keeps nothing need not load it
    from niicorr.resume.kept import KeptWork

MAPS = 64
"""Maps of one draw compared at once; fixed, so that no number depends on the memory."""

ENOUGH = 100
"""From fewer draws the variance of r is a guess: n_effective and the interval stay empty."""

BINS = 200
"""Of the histograms of draws, from −1 to 1."""

ROUNDING = 1e-7
"""A draw that comes so close counts as one that does as well: r is rounded in float32 products."""

FLAT = 100.0
"""Of its squares, in steps of the precision: a random map that varies less over the common features is constant."""

DEVICE_DRAWS = 2
"""So much more a device takes than the processor: transforms there are not made in place."""

FITS = 50
"""So many surrogates of each map tell how well their variograms follow its own."""


A = ParamSpec("A")
R = TypeVar("R")


class Source(Protocol):
    """What random maps come from."""

    @property
    def usable(self) -> BoolArray:
        """Which maps have any."""

    @property
    def draw_bytes(self) -> int:
        """Memory that drawing takes, rows apart."""

    def draw(self, number: int, maps: IntArray) -> FloatArray:
        """Draw twice: rows of shape (2, maps, features), the same for the same number."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Outcome of all draws, shape (maps of y, maps of x); NaN where a cell was not tested.

    ``counts``, shape (maps of y, maps of x, bins), tells how many draws fell where; None of very many cells.
    ``n_effective`` is 1 + 1/mean(r*²), and one more for each covariate, at most n; for similarities that have a
    formula, and from a hundred draws on. ``decisions`` tell what a device made of it.
    """

    p: Float64Array
    p_fwe: Float64Array
    n_effective: Float64Array
    counts: IntArray | None = None
    decisions: tuple[Decision, ...] = ()

    @property
    def turned(self) -> Draws:
        """The same with rows for columns."""
        counts = None if self.counts is None else self.counts.transpose(1, 0, 2)
        return Draws(self.p.T, self.p_fwe.T, self.n_effective.T, counts, self.decisions)

    @property
    def histogram(self) -> Histogram | None:
        """How often draws were how alike, over as wide a range as any was; None of very many cells."""
        if self.counts is None or not self.counts.any():
            return None
        filled = np.flatnonzero(self.counts.any(axis=(0, 1)))
        # As far to either side of 0, so that pictures of different runs look alike.
        far = max(BINS // 2 - int(filled[0]), int(filled[-1]) + 1 - BINS // 2)
        part = slice(BINS // 2 - far, BINS // 2 + far)
        return Histogram(np.arange(-far, far + 1) / (BINS // 2), self.counts[..., part])


@dataclass(frozen=True, eq=False)
class Directions:
    """Outcome with the maps of x, and with those of y, randomised; and both together, on the safe side.

    Parameters
    ----------
    x_random, y_random : Draws
        The two directions; each has its own maximum over all cells.
    x_fits, y_fits : tuple of VariogramFit or None
        For each map how well the variograms of its surrogates follow its own; None for Moran's, and for maps without
        surrogates or without a cell that was tested.
    """

    x_random: Draws
    y_random: Draws
    x_fits: tuple[VariogramFit | None, ...]
    y_fits: tuple[VariogramFit | None, ...]

    @property
    def larger(self) -> Draws:
        """The larger p, and the n_effective of the direction in which r scatters more; NaN where either is."""
        one, other = self.x_random, self.y_random
        counts = None if one.counts is None or other.counts is None else one.counts + other.counts
        return Draws(np.maximum(one.p, other.p), np.maximum(one.p_fwe, other.p_fwe),
                     np.minimum(one.n_effective, other.n_effective), counts)


def count_draws(
    x: MapMatrix,
    y: MapMatrix,
    found: Correlation,
    tested: BoolArray,
    *,
    similarity: Similarity,
    model: NullModel,
    jobs: int,
    memory: int,
    progress: Progress,
    device: Device | None = None,
    kept: KeptWork | None = None,
) -> Draws:
    """Compare random maps in place of the smaller set with the larger one.

    Parameters
    ----------
    x, y : MapMatrix
        Voxels of one grid, or regions.
    found : Correlation
        What the real maps came to.
    tested : ndarray of bool, shape (maps of y, maps of x)
        Cells that get a p-value, each pair once.
    similarity : Similarity
        What is computed.
    model : NullModel
        Number of surrogates, seed, and which side counts.
    jobs, memory
        Threads, and bytes that they may take together. The outcome does not depend on them.
    progress : callable
        Told of each surrogate drawn.
    device : Device, optional
        Where surrogates of voxels are drawn and multiplied, if there is room for that.
    kept : KeptWork, optional
        Has what an interrupted run counted, and takes what is counted here.

    References
    ----------
    p : Davison AC & Hinkley DV (1997), doi 10.1017/CBO9780511802843. Maximum statistic: Nichols TE & Holmes AP (2002),
    doi 10.1002/hbm.1058. With covariates: Freedman D & Lane D (1983), doi 10.1080/07350015.1983.10487354.
    """
    counting = _Counting(similarity, model, jobs, memory, device, kept)
    with progress(model.n_surrogates, "drawing surrogates") as advance:
        if len(x) < len(y):
            return counting(x, y, found.r.T, found.n.T, [tested.T], advance)[0][0].turned
        return counting(y, x, found.r, found.n, [tested], advance)[0][0]


def count_directions(
    x: MapMatrix,
    y: MapMatrix,
    found: Correlation,
    tested: BoolArray,
    *,
    similarity: Similarity,
    model: NullModel,
    jobs: int,
    memory: int,
    progress: Progress,
    kept: KeptWork | None = None,
) -> Directions:
    """Compare randomised maps of x with the maps of y, and those of y with the maps of x.

    Parameters are those of `count_draws`, for regions and the null models ``moran`` and ``variogram``. Where y is x,
    every map is randomised once and serves both directions.
    """
    counting = _Counting(similarity, model, jobs, memory, None, kept)
    sides = 1 if y is x else 2
    with progress(sides * model.n_surrogates, "drawing surrogates") as advance:
        if y is x:
            (of_x, of_y), fits = counting(x, x, found.r, found.n, [tested.T, tested], advance)
            return Directions(of_x.turned, of_y, fits, fits)
        (of_x,), x_fits = counting(x, y, found.r.T, found.n.T, [tested.T], advance)
        (of_y,), y_fits = counting(y, x, found.r, found.n, [tested], advance)
    return Directions(of_x.turned, of_y, x_fits, y_fits)


@dataclass(frozen=True)
class _Counting:
    """The loop over draws; rows of all its arrays are the randomised maps, columns the fixed ones."""

    similarity: Similarity
    model: NullModel
    jobs: int
    memory: int
    device: Device | None = None
    kept: KeptWork | None = None

    def __call__(
        self, randomised: MapMatrix, fixed: MapMatrix, r: Float64Array, n: IntArray, families: list[BoolArray],
        advance: Callable[[int], None],
    ) -> tuple[list[Draws], tuple[VariogramFit | None, ...]]:
        """Count for each family of cells, which has its own maximum; and tell how well variograms fit."""
        similarity, jobs, count = self.similarity, self.jobs, self.model.n_surrogates
        # Covariates are regressed out of random maps as of real ones: after they were drawn (Freedman and Lane).
        base = similarity.base(randomised, jobs)
        scores = similarity.scores(base, jobs) if similarity.covariates is None else base
        against = similarity.scores(similarity.base(fixed, jobs), jobs)
        exceeding, squares = np.zeros(r.shape, np.int64), np.zeros(r.shape)
        greater = [np.zeros(r.shape, np.int64) for _ in families]
        seen = np.zeros((r.size, BINS), np.int32) if r.size <= MOST_CELLS else None
        source = self._source(base, scores) if any(family.any() for family in families) else None
        if source is None:
            return [_unknown(r.shape) for _ in families], (None,) * len(base)
        families = [family & source.usable[:, None] for family in families]
        tested = np.logical_or.reduce(families)
        far = _far(self.model.alternative)
        # An untested cell neither wins nor raises the maximum.
        real = np.where(tested, far(r), np.inf) - ROUNDING
        means = self._means(source, scores, against)
        compare = _comparison(scores, against, similarity, means.multiply)
        blocks = [np.arange(start, min(start + MAPS, len(base))) for start in range(0, len(base), MAPS)]
        row_bytes = base.features.n * base.rows.itemsize
        each = source.draw_bytes + 4 * min(len(base), MAPS) * row_bytes
        threads = max(1, min(jobs, int(self.memory / each)))

        def draw(number: int) -> Float64Array:
            return np.concatenate([compare(means.draw(number, maps), maps) for maps in blocks], axis=1)

        tally: list[np.ndarray[Any, Any]] = [exceeding, squares, *greater, *([] if seen is None else [seen])]
        drawn_before = None if self.kept is None else self.kept.draws(
            randomised, fixed, r, similarity.method, float(similarity.threshold), similarity.weights,
            similarity.covariates, self.model, means.device, *families)
        begun = 0 if drawn_before is None else drawn_before.taken_up(tally, count)
        advance(begun)
        for number, pair in enumerate(in_order(draw, range((begun + 1) // 2, (count + 1) // 2), threads),
                                      (begun + 1) // 2):
            for drawn in pair[: count - 2 * number]:
                # A draw without a number (a random map constant over the few common features) counts against us.
                reached = np.where(np.isfinite(drawn), far(drawn), np.inf)
                exceeding += reached >= real
                for k, family in enumerate(families):
                    greater[k] += np.max(reached[family], initial=-np.inf) >= real
                squares += np.where(np.isfinite(drawn), drawn, 1.0) ** 2
                if seen is not None:
                    known = np.flatnonzero(np.isfinite(drawn))
                    at = ((drawn.ravel()[known] + 1) * (BINS // 2)).astype(np.intp)
                    seen[known, np.clip(at, 0, BINS - 1)] += 1
            advance(min(2, count - 2 * number))
            if drawn_before is not None:
                drawn_before.count(min(2 * number + 2, count), tally)
        with np.errstate(divide="ignore"):
            n_effective = np.minimum(1 + similarity.n_covariates + count / squares, n)
        if not similarity.has_formula or count < ENOUGH:
            n_effective = np.full(r.shape, np.nan)
        p = (1 + exceeding) / (1 + count)
        found = []
        for family, times in zip(families, greater, strict=True):
            columns = [np.where(family, a, np.nan) for a in (p, (1 + times) / (1 + count), n_effective)]
            counts = None if seen is None else np.where(family[..., None], seen.reshape(*r.shape, BINS), 0)
            found.append(Draws(columns[0], columns[1], columns[2], counts, means.decisions))
        return found, self._fits(source, tested.any(axis=1))

    def _source(self, base: MapMatrix, scores: MapMatrix) -> Source | None:
        """Prepare surrogates of the maps; None where no map has any."""
        if not (base.scale > 0).any():
            return None
        kind, seed, features = self.model.null, self.model.seed, base.features
        if kind in TWO_WAYS:
            # Pearson's r takes random maps as they are; otherwise they get ranks, robust scores, indicators of maps.
            plain = self.similarity.method == "pearson"
            return regional_surrogates(base, features.coords, "moran" if kind == "moran" else "variogram", seed=seed,
                                       scores=None if plain else scores)
        with np.errstate(divide="ignore", invalid="ignore"):
            correlations = np.clip(Similarity().of_scores(base, base, pair_sums(base, base, jobs=self.jobs)), -1, 1)
        if features.centroids is not None:
            null = regional_null(base, base, features.centroids, model="gsm", volumes=features.volumes)
            return regional_fields(base, scores, null, correlations, seed=seed, jobs=self.jobs)
        voxels = effective_null(base, base, model="gsm")
        if voxels.stationary is None:
            return None
        return surrogates_of(base, scores, voxels.describe(base, self.jobs).coefficients, correlations,
                             atoms=voxels.stationary.atoms, lattice=voxels.stationary.lattice, seed=seed)

    def _means(self, source: Source, scores: MapMatrix, against: MapMatrix) -> _Means:
        """Find who draws and who multiplies."""
        weights, device = self.similarity.weights, self.device

        def multiply(random: MapMatrix) -> Sums:
            return pair_sums(against, random, weights)

        if device is None or not isinstance(source, Surrogates):
            return _Means(source.draw, multiply)
        held = Held.of(device, Block.of(against), weights, min(MAPS, len(scores)), dtype=scores.rows.dtype,
                       gaps=not (scores.complete and against.complete), besides=DEVICE_DRAWS * source.draw_bytes)
        if held is None:
            return _Means(source.draw, multiply, device.name)
        there, full = held, list[str]()
        return _Means(_until_full(DeviceSurrogates(source, device).draw, source.draw, full),
                      _until_full(lambda random: there.sums_with(Block.of(random)), multiply, full), device.name, full)

    def _fits(self, source: Source, tested: BoolArray) -> tuple[VariogramFit | None, ...]:
        if not isinstance(source, RegionalSurrogates):
            return (None,) * len(tested)
        draws = min(FITS, self.model.n_surrogates)
        return tuple(source.fit(k, draws) if use else None for k, use in enumerate(tested))


@dataclass(frozen=True, eq=False)
class _Means:
    """Who draws and who multiplies: the processor, or a device until its memory is full."""

    draw: Callable[[int, IntArray], FloatArray]
    multiply: Callable[[MapMatrix], Sums]
    device: str = ""
    full: list[str] | None = None

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What to say of it, in the end."""
        if not self.device:
            return ()
        if self.full is None:
            return (Decision("device", f"{self.device} has too little memory for surrogates: the processor drew them"),)
        if self.full:
            return (Decision("device", f"{self.device} ran out of memory: the processor drew the rest of the "
                             "surrogates"),)
        return (Decision("device", f"surrogates on {self.device}: drawn there from random numbers of the processor"),)


def _until_full(there: Callable[A, R], here: Callable[A, R], full: list[str]) -> Callable[A, R]:
    """Return what works on a device until its memory has been full once, and by the processor from then on."""

    def work(*args: A.args, **kwargs: A.kwargs) -> R:
        if not full:
            try:
                return there(*args, **kwargs)
            except Exception as error:
                if not ran_out(error):
                    raise
                full.append(str(error))
        return here(*args, **kwargs)

    return work


def _unknown(shape: tuple[int, ...]) -> Draws:
    return Draws(*np.full((3, *shape), np.nan))


def _comparison(
    scores: MapMatrix, against: MapMatrix, similarity: Similarity, multiply: Callable[[MapMatrix], Sums]
) -> Callable[[FloatArray, IntArray], Float64Array]:
    """Return what compares rows of two draws, shape (2, k, features), with all fixed maps: (2, k, fixed maps)."""
    finish = similarity.residual_of(scores)

    def compare(rows: FloatArray, maps: IntArray) -> Float64Array:
        part = scores.part(maps)
        result = []
        for drawn in rows:
            random = finish(replace(part, rows=drawn))
            sums = multiply(random)
            r = np.clip(similarity.of_scores(against, random, sums), -1, 1)
            result.append(np.where(_flat(sums, random.rows), np.nan, r) if similarity.has_formula else r)
        return np.stack(result)

    return compare


def _flat(sums: Sums, rows: FloatArray) -> BoolArray:
    """Where a map is constant over the common features but for rounding, of which no correlation can be made."""
    xx, yy, _ = centred(sums)
    least = FLAT * np.finfo(rows.dtype).eps
    return ~((xx > least * sums.xx) & (yy > least * sums.yy))


def _far(alternative: str) -> Callable[[Float64Array], Float64Array]:
    """Return how far a similarity is from what is expected, for each alternative."""
    if alternative == "two-sided":
        return np.abs
    return np.negative if alternative == "less" else np.positive
