import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special, stats

from niicorr import inference
from niicorr.inference import (
    benjamini_hochberg,
    benjamini_yekutieli,
    fisher_interval,
    holm,
    pvalues,
)

p_matrices = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=1, max_dims=2, max_side=8),
    elements=st.one_of(st.floats(0, 1), st.sampled_from([0.01, 0.05, np.nan])),
)


def test_p_of_independent_values_is_that_of_scipy():
    rng = np.random.default_rng(0)
    for n in (3, 5, 30, 1000):
        x, y = rng.standard_normal((2, n))
        for alternative in ("two-sided", "greater", "less"):
            expected = stats.pearsonr(x, y, alternative=alternative)
            got = pvalues(np.array([expected.statistic]), np.array([n]), alternative)
            np.testing.assert_allclose(got, expected.pvalue, rtol=1e-9)


def test_p_keeps_its_digits_far_out():
    """With ν degrees of freedom, p = I_{1−r²}(ν/2, 1/2); it must not underflow to 0 or round to it."""
    r, n = np.array([1e-9, 0.1, 0.5, 0.9, -0.99]), np.array([2.5, 230_000.0, 2_000.3, 321.7, 40.0])
    expected = special.betainc((n - 2) / 2, 0.5, 1 - r**2)
    np.testing.assert_allclose(pvalues(r, n)[[0, 2, 3, 4]], expected[[0, 2, 3, 4]], rtol=1e-9)
    assert 0 <= pvalues(r, n)[1] < 1e-300


def test_the_alternatives_share_out_the_two_sided_p():
    r, n = np.linspace(-0.9, 0.9, 7), np.full(7, 12.3)
    greater, less = pvalues(r, n, "greater"), pvalues(r, n, "less")
    np.testing.assert_allclose(greater + less, 1)
    np.testing.assert_allclose(pvalues(r, n), 2 * np.minimum(greater, less))
    assert (np.diff(greater) < 0).all()


def test_each_covariate_costs_one_degree_of_freedom():
    r, n = np.array([0.3]), np.array([20.0])
    assert pvalues(r, n, n_covariates=4) == pvalues(r, n - 4)
    assert np.isnan(pvalues(r, n, n_covariates=18))
    assert fisher_interval(r, n, n_covariates=4) == fisher_interval(r, n - 4)


def test_no_number_no_p():
    r = np.array([[np.nan, 0.5, 0.5], [1.0, -1.0, 0.0]])
    n = np.array([[9.0, 2.0, np.nan], [9.0, 9.0, 9.0]])
    np.testing.assert_array_equal(pvalues(r, n), [[np.nan] * 3, [0, 0, 1]])
    low, high = fisher_interval(r, n)
    np.testing.assert_array_equal(np.isnan(low), [[True, False, True], [False] * 3])
    np.testing.assert_array_equal(np.isnan(high), np.isnan(low))
    assert (low[0, 1], high[0, 1]) == (-1, 1)
    assert (low[1, 0], high[1, 1]) == (1, -1)


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_is_that_of_scipy(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(25)
    y = x + rng.standard_normal(25)
    expected = stats.pearsonr(x, y)
    low, high = fisher_interval(np.array([expected.statistic]), np.array([25]))
    interval = expected.confidence_interval(0.95)
    np.testing.assert_allclose([low[0], high[0]], [interval.low, interval.high], rtol=1e-12)


@given(st.floats(-1, 1), st.floats(2.001, 1e6))
def test_the_interval_holds_r_and_stays_in_bounds(r, n):
    low, high = fisher_interval(np.array([r]), np.array([n]))
    slack = 1e-12  # of tanh(atanh(r))
    assert -1 <= low[0] <= r + slack
    assert r - slack <= high[0] <= 1


@given(p_matrices)
def test_false_discovery_rates_are_those_of_scipy(p):
    tested = np.isfinite(p)
    for adjust, method in ((benjamini_hochberg, "bh"), (benjamini_yekutieli, "by")):
        adjusted = adjust(p)
        assert adjusted.shape == p.shape
        np.testing.assert_array_equal(np.isnan(adjusted), ~tested)
        if tested.any():
            expected = stats.false_discovery_control(p[tested], method=method)
            # atol: products of subnormal numbers round differently in every order of operations.
            np.testing.assert_allclose(adjusted[tested], expected, rtol=1e-12, atol=1e-300)


@given(p_matrices)
def test_holm_by_its_definition(p):
    """Step down: the k-th smallest is held against α / (m − k + 1) as long as all before it passed."""
    adjusted = holm(p)
    tested = np.isfinite(p)
    np.testing.assert_array_equal(np.isnan(adjusted), ~tested)
    values = p[tested]
    worst, expected = 0.0, np.empty(values.size)
    for k, index in enumerate(np.argsort(values, kind="stable")):
        worst = max(worst, values[index] * (values.size - k))
        expected[index] = min(worst, 1.0)
    np.testing.assert_allclose(adjusted[tested], expected, rtol=1e-12)


@given(p_matrices)
def test_corrections_keep_the_order_and_never_shrink_p(p):
    tested = np.isfinite(p)
    bh, by, fwe = benjamini_hochberg(p), benjamini_yekutieli(p), holm(p)
    order = np.argsort(p[tested], kind="stable")
    for adjusted in (bh, by, fwe):
        assert (adjusted[tested] >= p[tested] * (1 - 1e-12)).all()
        assert (adjusted[tested] <= 1).all()
        assert (np.diff(adjusted[tested][order]) >= 0).all()
    assert (bh[tested] <= by[tested]).all()
    assert (bh[tested] <= fwe[tested] * (1 + 1e-12)).all()


def test_cells_without_a_test_do_not_count():
    p = np.array([[0.01, np.nan], [0.02, 0.03]])
    np.testing.assert_allclose(holm(p), [[0.03, np.nan], [0.04, 0.04]])
    assert np.isnan(benjamini_hochberg(np.full((2, 2), np.nan))).all()
    assert holm(np.empty((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("fdr", ["bh", "by"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(p=p_matrices)
def test_what_is_adjusted_piece_by_piece_is_what_is_adjusted_at_once(monkeypatch, at_once, fdr, p):
    with monkeypatch.context() as patch:
        patch.setattr(inference, "AT_ONCE", at_once)
        by_fdr, by_holm = inference.adjusted(p, fdr)
    tested = np.isfinite(p)
    if tested.any():
        order = np.argsort(p[tested], kind="stable")
        m = order.size
        factor = float(np.sum(1 / np.arange(1, m + 1))) if fdr == "by" else 1.0
        scaled = p[tested][order] * (factor * m) / np.arange(1, m + 1)
        expected = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
        np.testing.assert_array_equal(by_fdr[tested][order], expected)
        expected = np.minimum(np.maximum.accumulate(p[tested][order] * np.arange(m, 0, -1)), 1)
        np.testing.assert_array_equal(by_holm[tested][order], expected)
    for adjusted in (by_fdr, by_holm):
        np.testing.assert_array_equal(np.isnan(adjusted), ~tested)
