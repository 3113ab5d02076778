"""Nulls that draw maps of regions, from matrices to p: both directions, maxima, seeds, threads, every similarity."""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest

from niicorr.compute.definitions import similarity_terms
from niicorr.compute.similarity import Similarity
from niicorr.draws import Directions, count_directions, count_draws
from niicorr.inference import pvalues
from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.distances import distances
from niicorr.nulls.regional_draws import regional_surrogates
from niicorr.records import NullModel

P = 40
COORDS = np.random.default_rng(0).uniform(-60, 60, (P, 3))
VOLUMES = np.exp(np.random.default_rng(1).normal(8, 0.5, P))
KERNEL = np.exp(-(distances(COORDS) ** 2) / (2 * 25.0**2))
KINDS = ["moran", "variogram"]
NAMES = ("p", "p_fwe", "n_effective")


def maps(count, seed):
    return np.random.default_rng(seed).normal(size=(count, P)) @ KERNEL


def placed(values, coords=COORDS, volumes=VOLUMES):
    features = Features(len(coords), centroids=coords, volumes=volumes)
    return MapMatrix.from_array(np.atleast_2d(values), features=features)


def silent(_total, _what):
    return nullcontext(lambda _done: None)


def counted(x, y, similarity=None, tested=None, jobs=1, memory=2**30, count=count_directions, **model) -> Directions:
    similarity = similarity or Similarity()
    found = similarity(x, y)
    if tested is None:
        tested = np.isfinite(found.r)
        if x is y:
            tested &= np.tril(np.ones(found.r.shape, bool), -1)
    return count(x, y, found, tested, similarity=similarity, model=NullModel(**{"n_surrogates": 9, **model}), jobs=jobs,
                 memory=memory, progress=silent)


def assert_equal(one, other):
    for side in ("x_random", "y_random"):
        for name in NAMES:
            np.testing.assert_array_equal(getattr(getattr(one, side), name), getattr(getattr(other, side), name))


def by_hand(kind, randomised, fixed, similarity, alternative, draws, seed):
    """p, p_fwe and mean r*² of one direction, cell by cell and draw by draw; rows are the randomised maps."""
    base = similarity.base(randomised)
    scored = base if similarity.covariates is not None else similarity.scores(base)
    plain = similarity.method == "pearson"
    source = regional_surrogates(base, COORDS, kind, seed=seed, scores=None if plain else scored)
    rows = np.concatenate([source.draw(number, np.arange(len(base))) for number in range((draws + 1) // 2)])[:draws]
    shape = len(randomised), len(fixed)

    def one(how, a, b, i, j):
        has = randomised.supports[randomised.support_of[i]] & fixed.supports[fixed.support_of[j]]
        how = how.on(has)
        terms = similarity_terms(how.method, a[has], b[has], weights=how.weights, covariates=how.covariates)
        return np.nan if terms is None else terms.sum()

    real = np.array([[one(similarity, a, b, i, j) for j, b in enumerate(fixed.values)]
                     for i, a in enumerate(randomised.values)])
    # Ranks are drawn, not ranked again.
    how, against = similarity, fixed.values
    if similarity.method == "spearman":
        how = replace(similarity, method="pearson", covariates=similarity.ranked_covariates)
        against = similarity.base(fixed).values
    scale, center = (1.0, 0.0) if plain else (scored.scale[:, None], scored.center[:, None])
    random = np.array([[[one(how, (scale * drawn + center)[i], against[j], i, j)
                         for j in range(shape[1])] for i in range(shape[0])] for drawn in rows])
    side = {"two-sided": np.abs, "greater": np.positive, "less": np.negative}[alternative]

    def far(values):
        return np.where(np.isnan(values), np.inf, side(values))

    reached = far(random) >= far(real) - 1e-7
    top = far(random).max(axis=(1, 2), keepdims=True) >= far(real) - 1e-7
    return (1 + reached.sum(axis=0)) / (1 + draws), (1 + top.sum(axis=0)) / (1 + draws), (random**2).mean(axis=0)


WEIGHTS = np.random.default_rng(4).random(P) + 0.3
COVARIATES = maps(2, 5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("method", "beside"), [
    ("pearson", {}), ("pearson", {"weights": WEIGHTS}), ("pearson", {"covariates": COVARIATES}),
    ("pearson", {"weights": WEIGHTS, "covariates": COVARIATES}), ("spearman", {}),
    ("spearman", {"covariates": COVARIATES}), ("cosine", {}), ("concordance", {"weights": WEIGHTS})])
def test_p_by_a_loop_over_draws_and_cells(kind, method, beside):
    x, y, similarity = placed(maps(3, 0) + 0.7), placed(np.exp(maps(2, 1))), Similarity(method, **beside)
    draws = counted(x, y, similarity, null=kind, n_surrogates=31, seed=4)
    for found, sides in ((draws.x_random.turned, (x, y)), (draws.y_random, (y, x))):
        p, p_fwe, _ = by_hand(kind, *sides, similarity, "two-sided", 31, 4)
        np.testing.assert_array_equal(found.p, p)
        np.testing.assert_array_equal(found.p_fwe, p_fwe)
        assert np.isnan(found.n_effective).all(), "so few draws do not tell a variance"


@pytest.mark.parametrize("kind", KINDS)
def test_missing_regions_sides_and_the_number_of_independent_values(kind):
    values, other = maps(3, 2), maps(2, 3)
    values[0, :7], values[2, 30:], other[1, 5:9] = np.nan, np.nan, np.nan
    x, y = placed(values), placed(other)
    for alternative in ("two-sided", "greater", "less"):
        draws = counted(x, y, null=kind, n_surrogates=120, seed=1, alternative=alternative)
        for found, sides in ((draws.x_random.turned, (x, y)), (draws.y_random, (y, x))):
            p, p_fwe, square = by_hand(kind, *sides, Similarity(), alternative, 120, 1)
            np.testing.assert_array_equal(found.p, p)
            np.testing.assert_array_equal(found.p_fwe, p_fwe)
            n = np.array([[np.isfinite(a + b).sum() for b in sides[1].values] for a in sides[0].values])
            np.testing.assert_allclose(found.n_effective, np.minimum(1 + 1 / square, n), rtol=1e-6)
        one, two = draws.x_random, draws.y_random
        np.testing.assert_array_equal(draws.larger.p, np.where(one.p > two.p, one.p, two.p))
        np.testing.assert_array_equal(draws.larger.p_fwe, np.where(one.p_fwe > two.p_fwe, one.p_fwe, two.p_fwe))
        np.testing.assert_array_equal(draws.larger.n_effective,
                                      np.where(one.n_effective < two.n_effective, one.n_effective, two.n_effective))
        assert not np.array_equal(one.p, two.p)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beside", [{}, {"weights": WEIGHTS}])
def test_a_random_map_that_is_constant_where_the_other_has_data_counts_against_us(kind, beside):
    sparse, part = np.zeros(P), maps(1, 3)[0]
    sparse[[2, 7, 20]] = 1, 2, 3
    part[12:] = np.nan
    x, y, similarity = placed(sparse), placed(part), Similarity("spearman", **beside)
    p, _, _ = by_hand(kind, x, y, similarity, "two-sided", 60, 0)
    found = counted(x, y, similarity, null=kind, n_surrogates=60).x_random
    np.testing.assert_array_equal(found.p.T, p)
    # Three regions of forty: among twelve of them there is often none.
    assert p[0, 0] > 0.25


def test_covariates_are_counted_in():
    x, y = placed(maps(2, 2)), placed(maps(2, 3))
    similarity = Similarity(covariates=COVARIATES)
    draws = counted(x, y, similarity, null="moran", n_surrogates=100)
    square = by_hand("moran", x, y, similarity, "two-sided", 100, 0)[2]
    np.testing.assert_allclose(draws.x_random.n_effective, np.minimum(3 + 1 / square.T, P), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["pearson", "spearman", "bicor", "cosine", "concordance", "dice"])
def test_swapping_the_sets_swaps_the_directions(kind, method):
    x, y = placed(maps(3, 6)), placed(maps(2, 7))
    similarity = Similarity(method, threshold=0.5)
    one, other = (counted(*sides, similarity, null=kind, n_surrogates=40) for sides in ((x, y), (y, x)))
    for name in NAMES:
        np.testing.assert_allclose(getattr(one.x_random, name), getattr(other.y_random, name).T, rtol=1e-9)
        np.testing.assert_allclose(getattr(one.y_random, name), getattr(other.x_random, name).T, rtol=1e-9)
    assert ((one.larger.p > 1 / 41 - 1e-12) & (one.larger.p <= 1)).all()
    assert (one.larger.p_fwe >= one.larger.p).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_set_against_itself_is_that_set_against_a_copy(kind):
    values = maps(4, 8)
    x, copy = placed(values), placed(values)
    below = np.tril(np.ones((4, 4), bool), -1)
    one = counted(x, x, null=kind, n_surrogates=101)
    other = counted(x, copy, tested=below, null=kind, n_surrogates=101)
    assert_equal(one, other)
    assert np.isnan(one.larger.p[~below]).all()
    assert np.isfinite(one.larger.p[below]).all()
    if kind == "variogram":
        assert all(one.x_fits)
    assert (one.x_fits[:3], one.x_fits) == (other.x_fits[:3], one.y_fits)
    # Cells of both triangles: each direction has its own maximum all the same.
    everywhere = ~np.eye(4, dtype=bool)
    both = counted(x, x, tested=everywhere, null=kind)
    assert_equal(both, counted(x, copy, tested=everywhere, null=kind))
    np.testing.assert_array_equal(both.x_random.p, both.y_random.p.T)


@pytest.mark.parametrize("null", [*KINDS, "surrogate"])
def test_neither_threads_nor_memory_nor_blocks_change_a_digit(null, monkeypatch):
    x, y = placed(maps(6, 9)), placed(maps(5, 10))
    count = count_draws if null == "surrogate" else count_directions
    how = {"null": null, "n_surrogates": 103, "count": count}
    plain = counted(x, y, Similarity("spearman"), **how)
    for jobs, memory in ((3, 2**30), (4, 1)):
        other = counted(x, y, Similarity("spearman"), jobs=jobs, memory=memory, **how)
        if null == "surrogate":
            for name in NAMES:
                np.testing.assert_array_equal(getattr(other, name), getattr(plain, name))
        else:
            assert_equal(other, plain)
    monkeypatch.setattr("niicorr.draws.MAPS", 4)
    other = counted(x, y, Similarity("spearman"), **how)
    if null != "surrogate":
        plain, other = plain.larger, other.larger
    np.testing.assert_array_equal(other.p, plain.p)


@pytest.mark.parametrize("kind", KINDS)
def test_ranks_know_no_monotone_change(kind):
    values, other = maps(3, 11), maps(2, 12)
    plain = counted(placed(values), placed(other), Similarity("spearman"), null=kind, n_surrogates=101)
    bent = counted(placed(np.exp(3 * values)), placed(other**3), Similarity("spearman"), null=kind, n_surrogates=101)
    assert_equal(bent, plain)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["pearson", "spearman", "bicor", "dice"])
def test_ties_keep_their_ranks(kind, method):
    """Maps mostly of zeros: random maps have as many of them, unless Pearson's r takes them as they are."""
    values, other = (np.maximum(maps(2, seed) - 1, 0) for seed in (13, 14))
    similarity = Similarity(method)
    x, y = placed(values), placed(other)
    draws = counted(x, y, similarity, null=kind, n_surrogates=39)
    tested = np.isfinite(similarity(x, y).r)
    assert tested.any()
    assert ((draws.larger.p >= 1 / 40)[tested] & (draws.larger.p <= 1)[tested]).all()
    base = similarity.base(x)
    source = regional_surrogates(base, COORDS, kind, scores=similarity.scores(base))
    for row in source.draw(0, np.arange(2))[:, 0]:
        np.testing.assert_array_equal(np.sort(row), np.sort(similarity.scores(base).rows[0]))


@pytest.mark.parametrize("kind", KINDS)
def test_maps_that_cannot_be_drawn(kind):
    values = maps(4, 15)
    values[1], values[2, 9:] = 3.0, np.nan
    x, y = placed(values), placed(maps(1, 16))
    draws = counted(x, y, null=kind)
    # A constant map has no r; one of nine regions has r, but no surrogates: p from one direction is none.
    np.testing.assert_array_equal(np.isnan(draws.x_random.p), [[False, True, True, False]])
    np.testing.assert_array_equal(np.isnan(draws.y_random.p), [[False, True, False, False]])
    np.testing.assert_array_equal(np.isnan(draws.larger.p), [[False, True, True, False]])
    nothing = counted(x.part(slice(1, 2)), y, null=kind)
    assert np.isnan(nothing.larger.p).all()


def test_the_fit_of_variograms_is_told_of_every_map_with_a_cell():
    values = maps(3, 17)
    values[1] = 5.0
    x, y = placed(values), placed(maps(2, 18))
    draws = counted(x, y, null="variogram", n_surrogates=20)
    assert [fit is None for fit in draws.x_fits] == [False, True, False]
    assert {fit.surrogates for fit in (*draws.x_fits, *draws.y_fits) if fit} == {20}
    source = regional_surrogates(x, COORDS, "variogram")
    assert draws.x_fits[2] == source.fit(2, 20)
    assert counted(x, y, null="variogram", n_surrogates=60).y_fits[0].surrogates == 50
    assert counted(x, y, null="moran").x_fits == (None,) * 3
    only = counted(x, y, tested=np.array([[True, False, False], [False, False, False]]), null="variogram")
    assert [[fit is None for fit in fits] for fits in (only.x_fits, only.y_fits)] == [[False, True, True],
                                                                                      [False, True]]


@pytest.mark.parametrize("method", ["pearson", "spearman", "cosine", "dice"])
def test_random_fields_in_place_of_the_smaller_set(method):
    x, y = placed(np.exp(0.4 * maps(4, 19))), placed(maps(2, 20))
    similarity = Similarity(method, threshold=1.0)
    one, other = (counted(*sides, similarity, null="surrogate", n_surrogates=150, count=count_draws)
                  for sides in ((x, y), (y, x)))
    for name in NAMES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name).T)
    assert (one.p_fwe >= one.p).all()
    np.testing.assert_array_equal(np.isnan(one.n_effective), method in ("cosine", "dice"))


def test_random_fields_agree_with_the_formula():
    x, y = placed(maps(5, 21)), placed(maps(4, 22))
    from niicorr.nulls.regional import regional_null

    null = regional_null(x, y, COORDS, model="gsm", volumes=VOLUMES)
    size = null.size(null.describe(x), null.describe(y), np.full((4, 5), P))
    draws = counted(x, y, null="surrogate", n_surrogates=1000, count=count_draws)
    assert np.median(draws.n_effective / size.n_effective) == pytest.approx(1, abs=0.15)
    np.testing.assert_allclose(draws.p, pvalues(Similarity()(x, y).r, size.n_effective), atol=0.15)


@pytest.mark.parametrize("null", [*KINDS, "surrogate"])
def test_a_copy_is_found(null):
    values, other = maps(20, 23), maps(20, 24)
    other[3] = values[5] + 0.2 * other[3]
    count = count_draws if null == "surrogate" else count_directions
    draws = counted(placed(values), placed(other), null=null, n_surrogates=99, count=count)
    draws = draws if null == "surrogate" else draws.larger
    assert draws.p[3, 5] == 0.01
    assert draws.p_fwe[3, 5] <= 0.05


@pytest.mark.parametrize("null", [*KINDS, "surrogate"])
def test_false_positives(null):
    """Ten sets of 10 × 10 pairs of unrelated smooth maps; at .05, and of a whole set at .1."""
    count = count_draws if null == "surrogate" else count_directions
    kernel = np.exp(-(distances(COORDS) ** 2) / (2 * 18.0**2))
    rng, rates, sets, textbook = np.random.default_rng(25), [], 0, []
    for seed in range(10):
        x, y = (placed(rng.normal(size=(10, P)) @ kernel) for _ in range(2))
        draws = counted(x, y, null=null, n_surrogates=19, seed=seed, count=count)
        sides = [draws] if null == "surrogate" else [draws.x_random, draws.y_random]
        rates.append([np.mean(side.p <= 0.05) for side in sides])
        sets += np.mean([(side.p_fwe <= 0.1).any() for side in sides])
        textbook.append(np.mean(pvalues(Similarity()(x, y).r, np.full((10, 10), P)) <= 0.05))
    assert ((np.mean(rates, axis=0) > 0.02) & (np.mean(rates, axis=0) < 0.08)).all()
    assert sets <= 4  # 1 expected; P(> 4) = .002
    assert np.mean(textbook) > 0.15
