"""Weighted and partial correlations over regions: traces by their matrices, and what random fields do."""

import numpy as np
import pytest
from regional_by_definition import COORDS, VOLUMES, ByDefinition, P, matrix, scores, smooth

from niicorr.compute.similarity import Similarity
from niicorr.inference import pvalues
from niicorr.nulls.distances import cloud_of
from niicorr.nulls.regional import regional_null
from niicorr.nulls.regional_traces import family_of, projected_traces, study
from niicorr.nulls.supports import supports_of

RNG = np.random.default_rng(21)
WEIGHTS = RNG.random(P) + 0.2
COVARIATES = np.vstack([smooth(2, 7, width=40) + 1e6, COORDS[:, 0]])
MASK = RNG.random(P) < 0.8


def common(x, y):
    return y.supports[y.support_of].astype(int) @ x.supports[x.support_of].astype(int).T


def sized(a, b, model="robust", coords=COORDS, volumes=VOLUMES, **beside):
    x, y = matrix(a), matrix(b)
    null = regional_null(x, y, coords, model=model, volumes=volumes, **beside)
    return null.size(null.describe(x), null.describe(y), common(x, y))


@pytest.mark.parametrize("at_once", [1 << 21, 5000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("mask", [np.ones(P, dtype=bool), MASK], ids=["all", "some"])
def test_traces_are_those_of_the_matrices(weighted, mask, at_once, monkeypatch):
    monkeypatch.setattr("niicorr.nulls.regional_traces.AT_ONCE", at_once)
    weights = WEIGHTS / WEIGHTS.mean() if weighted else np.ones(P)
    x = matrix(np.where(mask, smooth(1, 0), np.nan))
    supports = supports_of(x, x, weights if weighted else None, COVARIATES)
    found = projected_traces(family_of(cloud_of(COORDS, VOLUMES)), mask, supports.regressors(mask), weights)
    known = ByDefinition(COORDS, VOLUMES, mask)
    some = COVARIATES[:, mask]
    known.project(weights[mask], (some - some.mean(axis=1, keepdims=True)).T)
    np.testing.assert_allclose(found.W, known.W, rtol=1e-10)
    np.testing.assert_allclose(found.d, known.traces, rtol=1e-10)
    pairs = known.by_window(np.outer(weights[mask], weights[mask]))
    np.testing.assert_allclose(found.window_pairs, pairs, rtol=1e-10)


def test_without_weights_and_covariates_the_traces_are_the_plain_ones():
    family, x = family_of(cloud_of(COORDS, VOLUMES)), matrix(smooth(1, 0))
    ones = np.ones(P, dtype=bool)
    found = projected_traces(family, ones, supports_of(x, x).regressors(ones), np.ones(P))
    plain = study(family, ones)
    for name in ("W", "d", "window_pairs"):
        np.testing.assert_allclose(getattr(found, name), getattr(plain, name), rtol=1e-12)


@pytest.mark.parametrize("covariates", [None, COVARIATES], ids=["weights", "both"])
def test_the_whole_by_definition(covariates):
    a, b = smooth(3, 0), smooth(2, 1, width=40)
    found = sized(a, b, weights=3 * WEIGHTS, covariates=covariates)
    known, weights = ByDefinition(COORDS, VOLUMES), WEIGHTS / WEIGHTS.mean()
    centred = np.empty((P, 0)) if covariates is None else (covariates - covariates.mean(axis=1, keepdims=True)).T
    known.project(weights, centred)
    for i, y in enumerate(b):
        for j, x in enumerate(a):
            fits = known.fit(scores(x)), known.fit(scores(y))
            np.testing.assert_allclose(found.gsm_variance[i, j], np.clip(known.stationary(*fits), 1 / P, 1), rtol=1e-7)
            V = known.robust(scores(x), scores(y), weights)
            np.testing.assert_allclose(found.variance[i, j], np.clip(V, 1 / P, 1), rtol=1e-7)
    np.testing.assert_allclose(found.n_effective, np.minimum(1 + centred.shape[1] + 1 / found.variance, P))


@pytest.mark.parametrize("model", ["gsm", "robust"])
def test_equal_weights_are_none_and_a_constant_is_no_covariate(model):
    a, b = smooth(3, 0), smooth(2, 1)
    plain = sized(a, b, model)
    for beside in ({"weights": np.full(P, 7.0)}, {"covariates": np.full((1, P), 5.0)}):
        other = sized(a, b, model, **beside)
        np.testing.assert_allclose(other.variance, plain.variance, rtol=1e-9)
        np.testing.assert_allclose(other.n_effective, plain.n_effective, rtol=1e-9)


def test_a_covariate_that_others_explain_takes_nothing():
    a, b = smooth(3, 0), smooth(2, 1)
    more = np.vstack([COVARIATES, 8 - 3 * COVARIATES[:1], np.full((1, P), 5.0)])
    one, other = sized(a, b, covariates=COVARIATES), sized(a, b, covariates=more)
    np.testing.assert_allclose(other.n_effective, one.n_effective, rtol=1e-9)


@pytest.mark.parametrize("model", ["gsm", "robust"])
def test_each_pair_has_the_traces_of_its_common_regions(model):
    """Regions that a pair lacks do not matter, whatever weights and covariates are there."""
    a, b = smooth(2, 0), smooth(2, 1)
    a[0, ~MASK], a[1, 5:8], b[:, 3] = np.nan, np.nan, np.nan
    found = sized(a, b, model, weights=WEIGHTS, covariates=COVARIATES)
    known = [ByDefinition(COORDS, VOLUMES, np.isfinite(row)) for row in np.concatenate([a, b])]
    for i in range(2):
        for j in range(2):
            both = np.isfinite(a[j] + b[i])
            pair = ByDefinition(COORDS, VOLUMES, both)
            some = COVARIATES[:, both]
            pair.project(WEIGHTS[both], (some - some.mean(axis=1, keepdims=True)).T)
            fits = [known[k].fit(scores(v[np.isfinite(v)])) for k, v in ((j, a[j]), (2 + i, b[i]))]
            np.testing.assert_allclose(found.gsm_variance[i, j], np.clip(pair.stationary(*fits), 1 / both.sum(), 1),
                                       rtol=1e-6)


def test_nothing_is_asked_of_regions_that_no_map_has():
    a, b = smooth(3, 0), smooth(2, 1)
    wide = [np.hstack([values, np.full((len(values), 2), np.nan)]) for values in (a, b)]
    coords, volumes = np.vstack([COORDS, np.full((2, 3), np.nan)]), np.append(VOLUMES, [np.nan, 0])
    covariates = np.hstack([COVARIATES, np.full((3, 2), np.nan)])
    found = sized(*wide, coords=coords, volumes=volumes, covariates=covariates)
    np.testing.assert_allclose(found.n_effective, sized(a, b, covariates=COVARIATES).n_effective, rtol=1e-10)


def test_many_sets_of_regions_stay_near_the_exact_ones():
    a, b = smooth(12, 0), smooth(12, 2)
    for values, seed in ((a, 1), (b, 3)):
        values[np.random.default_rng(seed).random((12, P)) < 0.06] = np.nan
    beside = {"weights": WEIGHTS, "covariates": COVARIATES}
    many = sized(a, b, **beside)
    exact = np.array([sized(a[[i]], b[[i]], **beside).variance[0, 0] for i in range(12)])
    ratio = np.diag(many.variance) / exact
    assert 0.95 < np.median(ratio) < 1.25
    assert ((ratio > 0.7) & (ratio < 1.6)).all()


LARGE = np.random.default_rng(1).normal(size=(120, 3)) * 40


def large(count, seed, width):
    return smooth(count, seed, LARGE, None, width)


def test_variance_is_that_of_weighted_correlations_of_random_fields():
    # Half of the regions hardly count: the variance must grow accordingly.
    weights = np.where(LARGE[:, 0] > np.median(LARGE[:, 0]), 1.0, 0.02)
    a, b = large(150, 2, 12), large(150, 3, 12)
    found = sized(a, b, "gsm", LARGE, None, weights=weights).variance
    r = Similarity(weights=weights)(matrix(a), matrix(b)).r
    assert np.mean(r**2) == pytest.approx(np.median(found), rel=0.1)
    assert np.median(found) > 1.6 * np.median(sized(a, b, "gsm", LARGE, None).variance)


@pytest.mark.parametrize("width", [1.0, 30.0], ids=["rough", "smooth"])
@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_false_positives_of_partial_correlations(method, width):
    """Eight covariates, and 8 degrees of freedom less; smooth ones take more of the slow part than of the rest."""
    a, b, Z = large(200, 4, 20), large(200, 5, 20), large(8, 6, width)
    similarity = Similarity(method, covariates=Z)
    x, y = matrix(a), matrix(b)
    base_x, base_y = similarity.base(x), similarity.base(y)
    null = regional_null(base_x, base_y, LARGE, covariates=similarity.ranked_covariates)
    size = null.size(null.describe(base_x), null.describe(base_y), common(x, y))
    r = similarity(x, y).r
    assert np.mean(r**2) == pytest.approx(np.median(1 / (size.n_effective - 9)), rel=0.2)
    rate = np.mean(pvalues(r, size.n_effective, n_covariates=8) <= 0.05)
    assert 0.03 < rate < 0.062
    # As if each region were an observation, and as if the covariates took nothing.
    assert np.mean(pvalues(r, np.full(r.shape, 120.0), n_covariates=8) <= 0.05) > 0.15
