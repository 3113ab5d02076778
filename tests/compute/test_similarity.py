"""Every similarity equals its definition on the complete values of each pair, by loops, scipy and numpy."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

import niicorr as nc
from niicorr import matrix
from niicorr.compute import similarity as module
from niicorr.compute.similarity import Similarity
from niicorr.compute.transforms import basis_of, biweight_scores, residuals
from niicorr.matrix import MapMatrix
from strategies import MODEST, gappy_maps, seeds

PLAIN = [("pearson", {}), ("spearman", {}), ("cosine", {}), ("concordance", {}), ("bicor", {}),
         ("dice", {"threshold": 0.4})]
WEIGHTED = [(method, {"weights": True}) for method in ("pearson", "spearman", "cosine", "concordance")]
PARTIAL = [(method, given) for method in ("pearson", "spearman")
           for given in ({"covariates": True}, {"covariates": True, "weights": True})]
ALL = PLAIN + WEIGHTED + PARTIAL
NAMES = ["-".join([method, *given]) for method, given in ALL]
N = 240


def asked(method, given, n=N, seed=7):
    """A similarity with weights and covariates drawn where it takes them."""
    rng = np.random.default_rng(seed)
    weights, covariates = rng.random(n) + 0.1, rng.standard_normal((2, n)) * 3 + 1e3
    return Similarity(method, given.get("threshold", 0.0), weights if "weights" in given else None,
                      covariates if "covariates" in given else None)


def by_the_book(similarity, a, b):
    """The definition, for one pair of complete arrays."""
    method, w = similarity.method, similarity.weights
    if method == "spearman":
        a, b = rankdata(a), rankdata(b)
    if similarity.covariates is not None:
        Z = similarity.covariates
        Z = np.array([rankdata(z) for z in Z]) if method == "spearman" else Z
        design = np.column_stack([np.ones(len(a)), ((Z - Z.mean(axis=1, keepdims=True)) / Z.std(axis=1)[:, None]).T])
        root = np.ones(len(a)) if w is None else np.sqrt(w)
        a, b = (v - design @ np.linalg.lstsq(design * root[:, None], v * root, rcond=None)[0] for v in (a, b))
    if method in ("pearson", "spearman"):
        (aa, ab), (_, bb) = np.cov(a, b, aweights=w)
        return ab / np.sqrt(aa * bb)
    w = np.ones(len(a)) if w is None else w
    if method == "cosine":
        return (w * a * b).sum() / np.sqrt((w * a**2).sum() * (w * b**2).sum())
    if method == "concordance":
        (aa, ab), (_, bb) = np.cov(a, b, aweights=w, ddof=0)
        return 2 * ab / (aa + bb + (np.average(a, weights=w) - np.average(b, weights=w)) ** 2)
    if method == "dice":
        p, q = abs(a) > similarity.threshold, abs(b) > similarity.threshold
        return 2 * (p & q).sum() / (p.sum() + q.sum())

    def scores(v):
        deviation = v - np.median(v)
        u = deviation / (9 * np.median(abs(deviation)))
        return deviation * (1 - u**2) ** 2 * (abs(u) < 1)

    p, q = scores(a), scores(b)
    return (p * q).sum() / np.sqrt((p**2).sum() * (q**2).sum())


def pairwise(similarity, x, y):
    r = np.full((len(y), len(x)), np.nan)
    for i, b in enumerate(y):
        for j, a in enumerate(x):
            both = np.isfinite(a) & np.isfinite(b)
            if both.sum() >= 3 and np.ptp(a[both]) > 0 and np.ptp(b[both]) > 0:
                r[i, j] = by_the_book(similarity.on(both), a[both], b[both])
    return r


def some_maps(seed, gaps, n=N):
    rng = np.random.default_rng(seed)
    x = np.round(rng.standard_normal((4, n)) + 0.3, 1)
    y = 2 * rng.standard_normal((3, n)) + x[:3]
    for part in (x, y):
        part[rng.random(part.shape) < gaps] = np.nan
    return x, y


@pytest.mark.parametrize("gaps", [0.0, 0.2], ids=["complete", "gappy"])
@pytest.mark.parametrize("small", [0, matrix.SMALL], ids=["float32", "float64"])
@pytest.mark.parametrize(("method", "given"), ALL, ids=NAMES)
def test_each_pair_is_its_definition(monkeypatch, method, given, small, gaps):
    monkeypatch.setattr(matrix, "SMALL", small)
    similarity = asked(method, given)
    x, y = some_maps(0, gaps)
    found = similarity(MapMatrix.from_array(x), MapMatrix.from_array(y), jobs=2)
    np.testing.assert_allclose(found.r, pairwise(similarity, x, y), rtol=0, atol=1e-6 if small == 0 else 1e-12)
    np.testing.assert_array_equal(found.n, np.isfinite(y).astype(int) @ np.isfinite(x).T)
    assert not found.own.any()


@MODEST
@given(st.data(), st.sampled_from([3, 9, 60]), st.sampled_from([m for m, _ in PLAIN]))
def test_any_values_whatever_their_size_and_gaps(data, n, method):
    x, y = data.draw(gappy_maps(n)), data.draw(gappy_maps(n))
    similarity = Similarity(method, 0.5 if method == "dice" else 0.0)
    found = similarity(MapMatrix.from_array(x), MapMatrix.from_array(y)).r
    assert np.all(np.abs(found[np.isfinite(found)]) <= 1)
    for i, b in enumerate(y):
        for j, a in enumerate(x):
            both = np.isfinite(a) & np.isfinite(b)
            flat = both.sum() < 3 or np.ptp(a[both]) == 0 or np.ptp(b[both]) == 0
            if flat:
                assert np.isnan(found[i, j])
                continue
            unit = max(abs(a[both]).max(), abs(b[both]).max())
            if method != "dice" and (method != "concordance" or unit in (abs(a[both]).max(), abs(b[both]).max())):
                own = [unit] * 2 if method == "concordance" else [abs(a[both]).max(), abs(b[both]).max()]
                u, v = (np.where(np.isfinite(c), c, 0) / o for c, o in zip((a, b), own, strict=True))
            else:
                u, v = a, b
            if method == "bicor" and (spreadless(u[both]) or spreadless(v[both])):
                continue  # has a test of its own
            with np.errstate(all="ignore"):
                expected = by_the_book(similarity, u[both], v[both])
            if np.isfinite(expected):
                assert found[i, j] == pytest.approx(expected, abs=2e-6)


def spreadless(values):
    return np.median(abs(values - np.median(values))) == 0


def test_pandas_and_scipy_agree_where_values_are_missing():
    x, y = some_maps(1, 0.3)
    frame = pd.DataFrame(np.vstack([x, y]).T)
    for method in ("pearson", "spearman"):
        expected = frame.corr(method=method).to_numpy()[len(x):, : len(x)]
        found = Similarity(method)(MapMatrix.from_array(x), MapMatrix.from_array(y)).r
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    both = np.isfinite(x[1]) & np.isfinite(y[2])
    rho = scipy.stats.spearmanr(x[1][both], y[2][both]).statistic
    assert Similarity("spearman")(MapMatrix.from_array(x), MapMatrix.from_array(y)).r[2, 1] == pytest.approx(rho)


@pytest.mark.parametrize(("method", "given"), ALL, ids=NAMES)
def test_swapping_the_sets_turns_the_matrix(method, given):
    similarity = asked(method, given)
    x, y = (MapMatrix.from_array(part) for part in some_maps(2, 0.2))
    np.testing.assert_allclose(similarity(x, y).r, similarity(y, x).r.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("method", "given"), [a for a in ALL if a[0] in ("pearson", "bicor")])
def test_a_straight_line_changes_only_the_sign(method, given):
    similarity = asked(method, given)
    x, y = some_maps(3, 0.2)
    moved = similarity(MapMatrix.from_array(-2.5 * x + 40), MapMatrix.from_array(y)).r
    np.testing.assert_allclose(moved, -similarity(MapMatrix.from_array(x), MapMatrix.from_array(y)).r, atol=1e-10)


@MODEST
@given(seeds)
def test_rank_correlation_knows_no_monotone_change(seed):
    x, y = some_maps(seed, 0.2)
    one = Similarity("spearman")(MapMatrix.from_array(x), MapMatrix.from_array(y)).r
    other = Similarity("spearman")(MapMatrix.from_array(np.exp(3 * x)), MapMatrix.from_array(y**3)).r
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("method", "given"), ALL, ids=NAMES)
def test_the_terms_sum_to_the_number(method, given):
    similarity = asked(method, given)
    x, y = some_maps(4, 0.2)
    r = similarity(MapMatrix.from_array(x), MapMatrix.from_array(y)).r
    common = np.isfinite(x[2]) & np.isfinite(y[1])
    terms = similarity.terms(x[2][common], y[1][common], common)
    assert terms.shape == (common.sum(),)
    assert terms.sum() == pytest.approx(r[1, 2], abs=1e-12)


@pytest.mark.parametrize(("method", "given"), ALL, ids=NAMES)
def test_threads_do_not_change_a_byte(method, given):
    similarity = asked(method, given)
    x, y = (MapMatrix.from_array(part) for part in some_maps(5, 0.2))
    assert similarity(x, y, jobs=1).r.tobytes() == similarity(x, y, jobs=4).r.tobytes()


def test_too_many_different_masks_keep_the_ranks_of_each_map(monkeypatch):
    monkeypatch.setattr(module, "ANEW", 100)
    x, y = some_maps(6, 0.2)
    x[0], y[0] = np.nan_to_num(x[0], nan=0.3), np.nan_to_num(y[0], nan=0.3)
    found = Similarity("spearman")(MapMatrix.from_array(x), MapMatrix.from_array(y))
    assert not found.own[0, 0], "both are complete: nothing could differ"
    assert found.own.sum() == found.own.size - 1
    both = np.isfinite(x[1]) & np.isfinite(y[2])
    ranks = [np.full(N, np.nan) for _ in range(2)]
    for row, values in zip(ranks, (x[1], y[2]), strict=True):
        row[np.isfinite(values)] = rankdata(values[np.isfinite(values)])
    expected = np.corrcoef(ranks[0][both], ranks[1][both])[0, 1]
    assert found.r[2, 1] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("gaps", [0.0, 0.2], ids=["complete", "gappy"])
def test_covariates_that_explain_a_map_leave_no_number(gaps):
    x, y = some_maps(8, gaps)
    Z = np.random.default_rng(0).standard_normal((2, N))
    x[1] = 3 * Z[0] - Z[1] + 5
    found = Similarity(covariates=Z)(MapMatrix.from_array(x), MapMatrix.from_array(y))
    assert np.isnan(found.r[:, 1]).all()
    assert found.x_constant[:, 1].all()
    assert np.isfinite(found.r[:, [0, 2, 3]]).all()


def test_covariates_that_repeat_each_other_count_once():
    Z = np.random.default_rng(1).standard_normal((2, N))
    x, y = (MapMatrix.from_array(part) for part in some_maps(9, 0.0))
    doubled = Similarity(covariates=np.vstack([Z, 2 * Z[0] + 7, np.full(N, 4.0), Z.sum(axis=0)]))
    assert doubled.n_covariates == 2
    np.testing.assert_allclose(doubled(x, y).r, Similarity(covariates=Z)(x, y).r, atol=1e-12)
    assert Similarity(covariates=np.full((1, N), 2.0)).n_covariates == 0


def test_a_basis_is_orthonormal_and_residuals_know_nothing_of_it():
    rng = np.random.default_rng(2)
    Z, w = rng.standard_normal((3, N)) + 1e6, rng.random(N) + 0.1
    for weights in (None, w):
        basis = basis_of(Z, weights)
        np.testing.assert_allclose(basis @ basis.T, np.eye(4), atol=1e-12)
        left = residuals(rng.standard_normal(N), basis, weights)
        root = 1 if weights is None else np.sqrt(weights)
        np.testing.assert_allclose(basis @ (root * left), 0, atol=1e-12)


def test_bicor_of_maps_that_are_mostly_one_value_takes_their_deviations_from_the_mean():
    rng = np.random.default_rng(3)
    x = np.where(rng.random((1, N)) < 0.7, 0.0, rng.standard_normal((1, N)))
    y = rng.standard_normal((1, N)) + x
    u, v = x[0] - x[0].mean(), biweight_scores(y[0])
    found = Similarity("bicor")(MapMatrix.from_array(x), MapMatrix.from_array(y)).r[0, 0]
    assert found == pytest.approx((u * v).sum() / np.sqrt((u**2).sum() * (v**2).sum()), abs=1e-12)


@pytest.mark.parametrize("exponent", [-1060, -900, 900, 1005])
def test_scores_of_tiny_and_huge_values_are_those_of_others(exponent):
    values = np.round(np.random.default_rng(5).standard_normal(N) * 2**12)  # so that even denormals hold them
    scores = biweight_scores(values)
    np.testing.assert_array_equal(scores == 0, biweight_scores(np.ldexp(values, exponent)) == 0)
    found = biweight_scores(np.ldexp(values, exponent))
    np.testing.assert_allclose(found / np.abs(found).max(), scores / np.abs(scores).max(), rtol=1e-12)


def test_dice_counts_exact_zeros_whatever_the_mean():
    rng = np.random.default_rng(4)
    x = np.where(rng.random((2, N)) < 0.5, 0.0, 1e-3 * rng.standard_normal((2, N)) + 1e6)
    y = np.where(rng.random((1, N)) < 0.5, 0.0, -5.0 - rng.random((1, N)))
    found = Similarity("dice")(MapMatrix.from_array(x), MapMatrix.from_array(y)).r
    for j in range(2):
        p, q = x[j] != 0, y[0] != 0
        assert found[0, j] == 2 * (p & q).sum() / (p.sum() + q.sum())


def test_dice_of_nothing_and_something_is_none_and_of_nothing_and_nothing_no_number():
    low, high = np.linspace(0, 1, 30), np.linspace(5, 9, 30)
    similarity = Similarity("dice", 2.0)
    maps = MapMatrix.from_array(np.array([low, high]))
    np.testing.assert_array_equal(similarity(maps, maps).r, [[np.nan, 0], [0, 1]])


@pytest.mark.parametrize("method", [m for m, _ in PLAIN])
def test_a_constant_map_has_no_number_and_says_so(method):
    x = np.array([np.full(20, 3.0), np.arange(20.0)])
    y = np.array([np.r_[np.full(10, 2.0), np.arange(10.0)], np.r_[np.arange(10.0), np.full(10, np.nan)]])
    y[0, 10:][np.arange(10) > 4] = np.nan
    x[1, 10:15] = np.nan
    found = Similarity(method)(MapMatrix.from_array(x), MapMatrix.from_array(y))
    np.testing.assert_array_equal(np.isnan(found.r), [[True, True], [True, False]])
    assert found.x_constant[:, 0].all()
    assert found.y_constant[0, 1]


@MODEST
@given(st.data(), st.sampled_from([5, 40]))
def test_maps_within_some_features_are_those_maps(data, n):
    values = data.draw(gappy_maps(n))
    keep = np.random.default_rng(data.draw(seeds)).random(n) < 0.6
    found, expected = MapMatrix.from_array(values).within(keep), MapMatrix.from_array(values[:, keep])
    np.testing.assert_array_equal(found.supports[found.support_of], expected.supports[expected.support_of])
    if keep.any():
        # Whatever the map holds elsewhere.
        size = np.max(np.abs(np.nan_to_num(values[:, keep], posinf=0, neginf=0)), axis=1, initial=0)
        for one, other, largest in zip(found.values, expected.values, size, strict=True):
            np.testing.assert_allclose(np.nan_to_num(one), np.nan_to_num(other), rtol=0, atol=1e-12 * largest)
    assert [record.n_voxels for record in found.records] == np.isfinite(values[:, keep]).sum(axis=1).tolist()
    np.testing.assert_array_equal(np.isnan(found.exact(0)), False)


@pytest.mark.parametrize("method", ["spearman", "bicor"])
@pytest.mark.parametrize("small", [0, matrix.SMALL], ids=["float32", "float64"])
@pytest.mark.parametrize("spike", [1e12, 3.4e38, 1e300])
def test_one_voxel_of_any_size_costs_the_others_nothing(monkeypatch, method, small, spike):
    monkeypatch.setattr(matrix, "SMALL", small)
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((1, N)), rng.standard_normal((1, N))
    y += x
    x[0, 17] = spike
    found = Similarity(method)(MapMatrix.from_array(x), MapMatrix.from_array(y)).r[0, 0]
    assert found == pytest.approx(by_the_book(Similarity(method), np.minimum(x[0], 1e20), y[0]), abs=1e-6)


def exactly(method, a, b, w):
    """The definition by fractions; only roots are rounded."""
    a, b, w = ([Fraction(float(v)) for v in values] for values in (a, b, w))

    def total(*factors):
        return sum((math.prod(each) for each in zip(w, *factors, strict=True)), Fraction(0))

    means = [total(values) / sum(w) * (method != "cosine") for values in (a, b)]
    a, b = ([v - mean for v in values] for values, mean in zip((a, b), means, strict=True))
    if method == "concordance":
        return float(2 * total(a, b) / (total(a, a) + total(b, b) + sum(w) * (means[0] - means[1]) ** 2))
    return float(total(a, b)) / math.sqrt(total(a, a)) / math.sqrt(total(b, b))


@pytest.mark.parametrize("method", ["pearson", "cosine", "concordance"])
@pytest.mark.parametrize("spike", [1e6, 1e10, 1e15, 1e16, 1e18, 1e100])
@pytest.mark.parametrize("n", [10, 1000])
def test_a_spike_where_the_weight_is_0_costs_no_digits(method, spike, n):
    rng = np.random.default_rng(n)
    x, w = rng.standard_normal(n), rng.uniform(0.5, 1.5, n)
    y = rng.standard_normal(n) + 0.5 * x
    x[0], w[0] = spike, 0
    found = nc.correlate(x[None], y[None], weights=w, method=method, null="none", warn=False)
    assert found.estimate[0, 0] == pytest.approx(exactly(method, x[1:], y[1:], w[1:]), abs=1e-11)


@pytest.mark.parametrize("spike", [1e10, 1e15, 1e18])
@pytest.mark.parametrize("small", [0, matrix.SMALL], ids=["float32", "float64"])
def test_a_spike_where_a_covariate_is_missing_costs_no_digits(monkeypatch, small, spike):
    monkeypatch.setattr(matrix, "SMALL", small)
    rng = np.random.default_rng(10)
    x, y, z = rng.standard_normal((3, 10))
    x += 0.7 * z
    x[0], z[0] = spike, np.nan
    found = nc.correlate(x[None], y[None], partial=z[None], null="none", warn=False).estimate[0, 0]
    assert found == pytest.approx(by_the_book(Similarity(covariates=z[None, 1:]), x[1:], y[1:]),
                                  abs=1e-12 if small else 1e-6)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_maps_that_share_no_voxel_with_the_covariates_have_no_number_and_raise_no_warning(method):
    maps = np.where(np.arange(20) < 10, np.random.default_rng(0).standard_normal((2, 20)), np.nan)
    covariate = np.where(np.arange(20) < 10, np.nan, np.arange(20.0))[None]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = nc.correlate(maps, partial=covariate, method=method, null="none", warn=False)
    assert np.isnan(found.estimate).all()
    assert (found.n.to_numpy() == 0).all()


@pytest.mark.parametrize("n", [5, 7, 30, 9000])
@pytest.mark.parametrize("gap", [True, False], ids=["outside", "inside"])
@pytest.mark.parametrize("spike", [1e5, 1e7, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e20])
def test_a_spike_of_any_size_costs_bicor_of_small_values_no_digits(spike, gap, n):
    rng = np.random.default_rng(n)
    x, y = 1e-3 * rng.standard_normal((2, n))
    y += x / 2
    x[0] = spike
    if gap:
        y[0] = np.nan
    there = np.isfinite(y)
    u, v = (deviations_in_longdouble(values[there]) for values in (x, y))
    found = Similarity("bicor")(MapMatrix.from_array(x), MapMatrix.from_array(y)).r[0, 0]
    assert found == pytest.approx(float((u * v).sum() / np.sqrt((u * u).sum() * (v * v).sum())), abs=1e-9)


def deviations_in_longdouble(values):
    values = values.astype(np.longdouble)
    off = values - np.median(values)
    share = off / (9 * np.median(np.abs(off)))
    return off * (1 - share**2) ** 2 * (np.abs(share) < 1)


def test_a_covariate_on_a_large_offset_is_regressed_out():
    x, y = (MapMatrix.from_array(part) for part in some_maps(12, 0.2))
    Z = np.random.default_rng(13).standard_normal((1, N))
    moved = Similarity(covariates=Z + 1e9)
    assert moved.n_covariates == 1
    np.testing.assert_allclose(moved(x, y).r, Similarity(covariates=Z)(x, y).r, atol=1e-6)


def test_the_work_of_a_comparison_grows_with_maps_and_features():
    x, y = (MapMatrix.from_array(np.random.default_rng(k).standard_normal((3 + k, N))) for k in (0, 2))
    plain = Similarity()
    assert plain.work(x, y) == plain.work(y, x) > 0
    assert plain.work(x.part(np.arange(1)), y) == pytest.approx(plain.work(x, y) / 3)
    assert plain.work(x, x) < 2 * plain.work(x, y)


def test_a_mean_that_hides_the_deviation_leaves_concordance_its_digits():
    """Far from zero the standard scores of a float64 row do not tell how far two means are apart."""
    rng = np.random.default_rng(4)
    a = rng.integers(-900, 900, (3, N)) / 1024
    offsets = np.array([[0.0], [2.0**30], [2.0**36]])
    x = MapMatrix.from_array(a + offsets)
    y = MapMatrix.from_array(a[::-1] * 0.5 + offsets)
    found = Similarity("concordance")(x, y)
    wide_x, wide_y = ((m + offsets).astype(np.longdouble) for m in (a, a[::-1] * 0.5))
    for i, b in enumerate(wide_y):
        for j, c in enumerate(wide_x):
            db, dc = b - b.mean(), c - c.mean()
            right = 2 * (db * dc).mean() / ((db**2).mean() + (dc**2).mean() + (b.mean() - c.mean()) ** 2)
            np.testing.assert_allclose(found.r[i, j], float(right), rtol=1e-9, atol=1e-25)


def test_cells_across_the_diagonal_are_those_on_this_side_turned():
    found = module.Correlation.empty(4, 4)
    rng = np.random.default_rng(6)
    below = slice(2, 4), slice(0, 2)
    for name in ("r", "n", "x_constant", "y_constant"):
        getattr(found, name)[below] = rng.integers(0, 2, (2, 2))
    found.x_constant[below], found.y_constant[below] = [[True, False], [True, False]], [[True, True], [False, False]]
    found.mirror(*below)
    above = below[::-1]
    for name, other in (("r", "r"), ("n", "n"), ("x_constant", "y_constant"), ("y_constant", "x_constant")):
        np.testing.assert_array_equal(getattr(found, name)[above], getattr(found, other)[below].T)
