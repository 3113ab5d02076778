"""The surrogate null: how often random maps do as well as the real one.

The maps of the smaller set are replaced by random fields with the same autocovariance, mask and values
(`niicorr.nulls.surrogate`), a thousand times, and compared with the maps of the larger set as the real ones were:

    p = (1 + #{|r*| ≥ |r|}) / (1 + N),    p_fwe = (1 + #{max |r*| ≥ |r|}) / (1 + N),

the maximum over all cells of a draw. Draws come in pairs, each from its own random numbers, and are counted one
after the other: neither threads nor memory change a digit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from niicorr.compute.similarity import Correlation, Similarity
from niicorr.compute.sums import pair_sums
from niicorr.matrix import MapMatrix
from niicorr.nulls.effective import effective_null
from niicorr.nulls.stationary import in_order
from niicorr.nulls.surrogate import Surrogates, surrogates_of
from niicorr.records import NullModel
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray, Progress

MAPS = 64
"""Maps of one draw compared at once; fixed, so that no number depends on the memory."""

ENOUGH = 100
"""From fewer draws the variance of r is a guess: n_effective and the interval stay empty."""

ROUNDING = 1e-7
"""A draw that comes so close counts as one that does as well: r is rounded in float32 products."""


@dataclass(frozen=True, eq=False)
class Draws:
    """Outcome of all draws, shape (maps of y, maps of x); NaN where a cell was not tested.

    ``n_effective`` is 1 + 1/mean(r*²), and one more for each covariate, at most n; for similarities that have a
    formula, and from a hundred draws on.
    """

    p: Float64Array
    p_fwe: Float64Array
    n_effective: Float64Array


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
) -> Draws:
    """Compare random maps in place of the smaller set with the larger one.

    Parameters
    ----------
    x, y : MapMatrix
        Voxels of one grid.
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

    References
    ----------
    p : Davison AC & Hinkley DV (1997), doi 10.1017/CBO9780511802843. Maximum statistic: Nichols TE & Holmes AP (2002),
    doi 10.1002/hbm.1058. With covariates: Freedman D & Lane D (1983), doi 10.1080/07350015.1983.10487354.
    """
    if len(x) < len(y):
        turned = Correlation(found.r.T, found.n.T, found.y_constant.T, found.x_constant.T, found.own.T)
        draws = _count(x, y, turned, tested.T, similarity, model, jobs, memory, progress)
        return Draws(draws.p.T, draws.p_fwe.T, draws.n_effective.T)
    return _count(y, x, found, tested, similarity, model, jobs, memory, progress)


def _count(
    randomised: MapMatrix, fixed: MapMatrix, found: Correlation, tested: BoolArray, similarity: Similarity,
    model: NullModel, jobs: int, memory: int, progress: Progress,
) -> Draws:
    """Count draws; rows of all arrays are the randomised maps, columns the fixed ones."""
    # Covariates are regressed out of random maps as of real ones: after they were drawn (Freedman and Lane).
    base = similarity.base(randomised, jobs)
    scores = similarity.scores(base, jobs) if similarity.covariates is None else base
    against = similarity.scores(similarity.base(fixed, jobs), jobs)
    n, total = model.n_surrogates, found.n
    exceeding, greater = np.zeros(total.shape, np.int64), np.zeros(total.shape, np.int64)
    squares = np.zeros(total.shape)
    source = _source(base, scores, model.seed, jobs)
    if source is None or not tested.any():
        unknown = np.full(total.shape, np.nan)
        return Draws(unknown, unknown.copy(), unknown.copy())
    tested = tested & source.usable[:, None]
    far = _far(model.alternative)
    # An untested cell neither wins nor raises the maximum.
    real = np.where(tested, far(found.r), np.inf) - ROUNDING
    compare = _comparison(scores, against, similarity)
    blocks = [np.arange(start, min(start + MAPS, len(base))) for start in range(0, len(base), MAPS)]
    row_bytes = base.features.n * base.rows.itemsize
    each = source.draw_bytes + 4 * min(len(base), MAPS) * row_bytes
    threads = max(1, min(jobs, int(memory / each)))

    def draw(number: int) -> Float64Array:
        return np.concatenate([compare(source.draw(number, maps), maps) for maps in blocks], axis=1)

    with progress(n, "drawing surrogates") as advance:
        for number, pair in enumerate(in_order(draw, range((n + 1) // 2), threads)):
            for r in pair[: n - 2 * number]:
                # A draw without a number (a random map constant over the few common voxels) counts against us.
                reached = np.where(np.isfinite(r), far(r), np.inf)
                exceeding += reached >= real
                greater += np.max(reached[tested], initial=-np.inf) >= real
                squares += np.where(np.isfinite(r), r, 1.0) ** 2
            advance(min(2, n - 2 * number))
    nowhere = np.where(tested, 1.0, np.nan)
    n_effective = np.full(total.shape, np.nan)
    if similarity.has_formula and n >= ENOUGH:
        with np.errstate(divide="ignore"):
            n_effective = np.minimum(1 + similarity.n_covariates + n / squares, total) * nowhere
    return Draws((1 + exceeding) / (1 + n) * nowhere, (1 + greater) / (1 + n) * nowhere, n_effective)


def _source(base: MapMatrix, scores: MapMatrix, seed: int, jobs: int) -> Surrogates | None:
    """Fit the maps and prepare their surrogates; None where no map has any."""
    null = effective_null(base, base, model="gsm")
    if null.stationary is None or not (base.scale > 0).any():
        return None
    coefficients = null.describe(base, jobs).coefficients
    sums = pair_sums(base, base, jobs=jobs)
    with np.errstate(divide="ignore", invalid="ignore"):
        correlations = Similarity().of_scores(base, base, sums)
    return surrogates_of(base, scores, coefficients, np.clip(correlations, -1, 1), atoms=null.stationary.atoms,
                         lattice=null.stationary.lattice, seed=seed)


def _comparison(
    scores: MapMatrix, against: MapMatrix, similarity: Similarity
) -> Callable[[FloatArray, IntArray], Float64Array]:
    """Return what compares rows of two draws, shape (2, k, features), with all fixed maps: (2, k, fixed maps)."""
    finish = similarity.residual_of(scores)

    def compare(rows: FloatArray, maps: IntArray) -> Float64Array:
        part = scores.part(maps)
        result = []
        for drawn in rows:
            random = finish(replace(part, rows=drawn))
            result.append(np.clip(similarity.of_scores(against, random, pair_sums(against, random, similarity.weights)),
                                  -1, 1))
        return np.stack(result)

    return compare


def _far(alternative: str) -> Callable[[Float64Array], Float64Array]:
    """Return how far a similarity is from what is expected, for each alternative."""
    if alternative == "two-sided":
        return np.abs
    return np.negative if alternative == "less" else np.positive
