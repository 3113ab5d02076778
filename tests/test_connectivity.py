"""ROI × ROI numerics: against numpy and nilearn, missing regions, runs, tests counted once."""

from typing import get_args

import numpy as np
import pytest
from nilearn.connectome import ConnectivityMeasure

from niicorr.connectivity import Kind, SeriesNull, connect
from niicorr.errors import InputError, UsageError
from niicorr.inference import benjamini_hochberg, benjamini_yekutieli, fisher_interval, holm, pvalues
from niicorr.nulls.temporal import temporal_null

LOWER = np.tril_indices(6, -1)


def run(n=120, regions=6, seed=0, shared=0.8):
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((n, regions)) + shared * rng.standard_normal((n, 1))
    for t in range(1, n):
        noise[t] += 0.5 * noise[t - 1]
    return noise


def test_one_run_is_pearson_with_the_temporal_null():
    series = run() * [1, 10, 1e-3, 1, 1, 1] + [0, 1e6, 0, -5, 0, 0]
    found = connect([series])
    np.testing.assert_allclose(found.estimate, np.corrcoef(series.T), atol=1e-9)
    np.testing.assert_array_equal(np.diag(found.estimate), 1)
    np.testing.assert_array_equal(found.estimate, found.per_run[0])
    np.testing.assert_allclose(found.z[LOWER], np.arctanh(found.estimate[LOWER]))
    assert (found.n == 120).all()
    null = temporal_null(120)
    spectra = null.spectra(series)
    size = null.n_effective(spectra, spectra)
    np.testing.assert_allclose(found.n_effective[LOWER], size[LOWER], rtol=1e-6)
    p = pvalues(found.estimate, size)
    np.testing.assert_allclose(found.p[LOWER], p[LOWER], rtol=1e-5)
    low, high = fisher_interval(found.estimate, size)
    np.testing.assert_allclose(found.ci_low[LOWER], low[LOWER], rtol=1e-5)
    np.testing.assert_allclose(found.ci_high[LOWER], high[LOWER], rtol=1e-5)


@pytest.mark.parametrize(("fdr", "adjust"), [("bh", benjamini_hochberg), ("by", benjamini_yekutieli)])
def test_every_pair_is_one_test(fdr, adjust):
    found = connect([run()], fdr=fdr)
    for name in ("z", "n_effective", "ci_low", "ci_high", "p", "p_fdr", "p_fwe"):
        values = getattr(found, name)
        assert np.isnan(np.diag(values)).all(), name
        np.testing.assert_array_equal(values, values.T)
        assert np.isfinite(values[LOWER]).all(), name
    np.testing.assert_array_equal(found.p_fdr[LOWER], adjust(found.p[LOWER]))
    np.testing.assert_array_equal(found.p_fwe[LOWER], holm(found.p[LOWER]))


def test_what_was_done_to_the_series_counts():
    series = run()
    basis = np.linalg.qr(np.column_stack([np.ones(120), np.random.default_rng(1).standard_normal((120, 30))]))[0]
    operator = np.eye(120) - basis @ basis.T
    told, untold = connect([operator @ series], operators=[operator]), connect([operator @ series])
    assert (told.n_effective[LOWER] < untold.n_effective[LOWER] - 10).all()
    independent = connect([operator @ series], operators=[operator], null="independent")
    np.testing.assert_allclose(independent.n_effective[LOWER], 90)
    np.testing.assert_array_equal(connect([series], null="independent").n_effective[LOWER], 120)


def test_runs_are_averaged_in_z_by_their_degrees_of_freedom():
    runs = [run(60, seed=1), run(300, seed=2)]
    found, singles = connect(runs), [connect([one]) for one in runs]
    weight = np.array([one.n_effective - 3 for one in singles])
    z = (weight * np.array([one.z for one in singles])).sum(axis=0) / weight.sum(axis=0)
    np.testing.assert_allclose(found.estimate[LOWER], np.tanh(z)[LOWER])
    np.testing.assert_allclose(found.n_effective[LOWER], (weight.sum(axis=0) + 3)[LOWER])
    assert (found.n == 360).all()
    for name in ("estimate", "z", "n_effective", "p"):
        np.testing.assert_array_equal(getattr(found, name), getattr(found, name).T)
    np.testing.assert_array_equal(found.per_run[1], singles[1].estimate)
    np.testing.assert_array_equal(np.diag(found.estimate), 1)
    assert "Fisher's z" in found.decisions[0].text


@pytest.mark.parametrize("kind", ["correlation", "partial correlation"])
def test_no_correlation_depends_on_how_p_values_are_found(kind):
    runs = [run(60, seed=1), run(300, seed=2), run(90, seed=3).cumsum(axis=0)]
    effective, independent, none = (connect(runs, kind, null=null) for null in ("effective", "independent", "none"))
    np.testing.assert_array_equal(independent.estimate, effective.estimate)
    np.testing.assert_array_equal(none.estimate, effective.estimate)
    others = 4 if kind == "partial correlation" else 0
    weight = np.array([connect([one]).n_effective[LOWER] - 3 - others for one in runs])
    freedom = np.array([[60.0], [300], [90]]) - 3 - others
    size = weight.sum(axis=0) ** 2 / (weight**2 / freedom).sum(axis=0) + 3 + others
    plain = (weight > 0.1).all(axis=0)  # a run without a degree of freedom still weighs a little
    assert plain.any()
    np.testing.assert_allclose(independent.n_effective[LOWER][plain], size[plain], rtol=1e-9)


def test_missing_and_constant_regions_stay_empty():
    series = run()
    series[:, 1] = np.nan
    series[:, 3] = 7.1
    series[5:8, 4] = np.nan
    found = connect([series])
    for name in ("estimate", "z", "n_effective", "p", "p_fdr", "p_fwe"):
        assert np.isnan(getattr(found, name)[[1, 3, 4]]).all(), name
    rest = np.ix_([0, 2, 5], [0, 2, 5])
    np.testing.assert_allclose(found.estimate[rest], np.corrcoef(series[:, [0, 2, 5]].T))
    assert found.n[0, 1] == found.n[1, 1] == 0
    assert found.n[0, 2] == 120
    assert found.notes[1, 1] == found.notes[1, 0] == found.notes[5, 1] == "no data"
    assert found.notes[3, 3] == "the series is constant"
    assert found.notes[4, 2] == "3 of 120 values are missing"
    assert (2, 0) not in found.notes
    assert all(i >= j for i, j in found.notes)


def test_a_region_missing_in_one_run_is_found_in_the_other():
    runs = [run(seed=1), run(seed=2)]
    runs[0][:, 2] = np.nan
    found, second = connect(runs), connect(runs[1:])
    np.testing.assert_array_equal(found.estimate[2], second.estimate[2])
    np.testing.assert_array_equal(found.n_effective[2, [0, 1]], second.n_effective[2, [0, 1]])
    assert found.n[2, 0] == 120
    assert found.n[1, 0] == 240
    assert np.isnan(found.per_run[0, 2]).all()


def test_identical_series_have_r_1():
    series = run()
    series[:, 1] = 3 * series[:, 0] + 2
    found = connect([series])
    assert found.estimate[1, 0] == pytest.approx(1, abs=1e-12)
    assert abs(found.estimate[1, 0]) <= 1
    assert found.p[1, 0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kind", ["partial correlation", "covariance", "tangent"])
def test_other_kinds_are_those_of_nilearn(kind):
    runs = [run(seed=s) * [1, 2, 3, 1, 1, 1] for s in range(3)]
    measure = ConnectivityMeasure(kind=kind)
    wanted = measure.fit_transform(runs)
    found = connect(runs, kind)
    np.testing.assert_allclose(found.per_run, wanted, atol=1e-12)
    if kind != "partial correlation":  # which is averaged in Fisher's z
        np.testing.assert_allclose(found.estimate, measure.mean_, atol=1e-12)
        assert np.isnan(found.p).all()
        assert np.isnan(found.z).all()
        assert "no p-values" in found.decisions[-1].text
    else:
        np.testing.assert_array_equal(np.diag(found.estimate), 1)
        assert np.isfinite(found.p[LOWER]).all()


@pytest.mark.parametrize("power", [-1000, -500, -60, 40, 500, 1000])
@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("null", get_args(SeriesNull))
def test_a_unit_that_all_series_share_changes_no_bit(kind, null, power):
    runs = [run(seed=1) + 7, run(seed=2) * [1, 2, 3, 1, 1, 1]]
    wanted = connect(runs, kind, null=null)
    scaled = [np.ldexp(one, power) for one in runs]
    by = 2 * power if kind in ("covariance", "tangent") else 0
    if abs(by) > 1010:
        with pytest.raises(InputError, match=rf"covariances of about 1e[{'-' if by < 0 else '+'}]60\d are beyond"):
            connect(scaled, kind, null=null)
        return
    found = connect(scaled, kind, null=null)
    np.testing.assert_array_equal(found.estimate, np.ldexp(wanted.estimate, by))
    np.testing.assert_array_equal(found.per_run, np.ldexp(wanted.per_run, by if kind == "covariance" else 0))
    for name in ("z", "n_effective", "p", "ci_low"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    assert (found.notes, found.decisions) == (wanted.notes, wanted.decisions)


@pytest.mark.parametrize("offset", [1e6, 1e10, 1e12])
@pytest.mark.parametrize("kind", get_args(Kind))
def test_an_offset_changes_nothing(kind, offset):
    moved = [run(seed=s) + offset for s in range(2)]
    found, wanted = connect(moved, kind), connect([one - offset for one in moved], kind)
    np.testing.assert_allclose(found.estimate, wanted.estimate, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(found.p, wanted.p, rtol=1e-6)


def test_r_is_pearsons_in_any_unit_of_each_series():
    series = run()
    found = connect([series * [1e300, 1, 1e-300, 1e150, 5e-324 * 2**60, 1]])
    np.testing.assert_allclose(found.estimate, np.corrcoef(series.T), atol=1e-12)
    np.testing.assert_allclose(found.p[LOWER], connect([series]).p[LOWER], rtol=1e-9)


@pytest.mark.parametrize("kind", ["partial correlation", "covariance", "tangent"])
@pytest.mark.parametrize("unit", [2.0**40, 2.0**-40])
def test_units_of_single_regions_are_those_of_nilearn_and_said(kind, unit):
    runs = [run(seed=s) * [1, 1, unit, 1, 1, 1] for s in range(2)]
    found, wanted = connect(runs, kind), ConnectivityMeasure(kind=kind).fit_transform(runs)
    np.testing.assert_allclose(found.per_run, wanted, rtol=1e-9, atol=0 if kind == "covariance" else 1e-12)
    said = found.decisions[0].text
    assert "the shrinkage depends on the units of the series" in said
    factor = float(said.split("by a factor of up to ")[1].split()[0])
    assert factor == pytest.approx(2.0**40, rel=0.5)
    assert "--standardize" in said
    alike = [(one - one.mean(axis=0)) / one.std(axis=0) for one in runs]
    assert "units" not in connect(alike, kind).decisions[0].text


@pytest.mark.parametrize("kind", ["partial correlation", "covariance", "tangent"])
def test_series_that_no_covariance_holds_together_are_named(kind):
    runs = [run(seed=1), run(seed=2)]
    runs[1][:, 4] *= 1e-200
    with pytest.raises(InputError, match=r"region 5 of run 2 varies 1e20\d times less than another: no covariance"):
        connect(runs, kind)


def test_partial_correlations_of_runs_have_no_unit():
    runs = [run(seed=1), run(seed=2)]
    found, wanted = connect([runs[0] * 2.0**800, runs[1]], "partial correlation"), connect(runs, "partial correlation")
    np.testing.assert_array_equal(found.estimate, wanted.estimate)


def test_a_covariance_without_an_inverse_is_refused(capsys):
    steps = np.where(np.arange(60) < 30, 1.0, -1.0)
    twice = np.column_stack([steps, steps])  # without any shrinkage: every product is 1
    for kind in ("partial correlation", "tangent"):
        with pytest.raises(InputError, match=f"the covariance of 2 regions has no inverse, and {kind} needs one"):
            connect([twice, twice], kind)
    np.testing.assert_array_equal(connect([twice], "covariance").estimate, 1)
    assert capsys.readouterr().out == ""


def test_opposite_runs_have_no_average_and_that_is_said():
    same = np.repeat(run(regions=1), 2, axis=1)
    found = connect([same, same * [1, -1]])
    assert np.isnan(found.estimate[1, 0])
    assert found.notes[1, 0] == "r is 1 in one run and -1 in another: there is no average"


def test_a_series_is_called_constant_only_where_that_is_true():
    series = run(regions=3)
    series[:, 1] = 0.1
    series[:, 2] = 1e16 + 2 * (np.arange(120) % 2)
    found = connect([series])
    assert found.notes[1, 1] == "the series is constant"
    assert found.notes[2, 2] == "the series is constant but for the rounding of its numbers"
    series[:, 1:] = run(regions=2, seed=5) + 1e10
    np.testing.assert_allclose(connect([series]).estimate, np.corrcoef((series - series[0]).T), atol=1e-12)


@pytest.mark.parametrize("kind", ["partial correlation", "covariance", "tangent"])
def test_other_kinds_take_the_regions_of_all_runs(kind):
    runs = [run(seed=1), run(seed=2)]
    runs[1][:, 2] = np.nan
    found, rest = connect(runs, kind), [0, 1, 3, 4, 5]
    np.testing.assert_allclose(found.estimate[np.ix_(rest, rest)], connect([r[:, rest] for r in runs], kind).estimate)
    assert np.isnan(found.estimate[2]).all()
    assert np.isnan(found.per_run[:, 2]).all()
    assert found.n[2, 0] == 0
    assert found.notes[2, 2] == "120 of 240 values are missing"


@pytest.mark.parametrize("kind", ["partial correlation", "covariance"])
def test_other_kinds_leave_missing_regions_out(kind):
    series = run()
    series[:, 3] = np.nan
    found, rest = connect([series], kind), [0, 1, 2, 4, 5]
    np.testing.assert_allclose(found.estimate[np.ix_(rest, rest)], connect([series[:, rest]], kind).estimate)
    assert np.isnan(found.estimate[3]).all()
    assert found.notes[3, 0] == "no data"


def test_partial_correlation_costs_a_degree_of_freedom_for_each_other_region():
    series = run()
    found, plain = connect([series], "partial correlation"), connect([series])
    np.testing.assert_array_equal(found.n_effective, plain.n_effective)
    np.testing.assert_allclose(found.p[LOWER], pvalues(found.estimate, plain.n_effective, n_covariates=4)[LOWER])
    assert (found.ci_high[LOWER] - found.ci_low[LOWER] > 0).all()


def test_more_regions_than_degrees_of_freedom_leave_no_p():
    found = connect([run(40, 60)], "partial correlation")
    assert np.isfinite(found.estimate).all()
    assert np.isnan(found.p).all()
    assert "leaves no degree of freedom beside 58 other regions" in found.notes[1, 0]
    assert "40 time points leave much to its shrinkage" in found.decisions[0].text
    twice = connect([run(40, 60), run(40, 60, seed=1)], "partial correlation")
    assert np.isnan(twice.p).all()


def test_few_time_points_have_r_and_no_p():
    found = connect([run(19)])
    assert np.isfinite(found.estimate).all()
    assert np.isnan(found.p).all()
    assert found.notes[1, 0] == "no p-value: fewer than 20 time points in a run are too few for the null model"
    assert np.isfinite(connect([run(19)], null="independent").p[LOWER]).all()
    slow = connect([run(40).cumsum(axis=0)])
    assert slow.notes[1, 0].startswith("few independent values (n_effective ")


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("null", get_args(SeriesNull))
def test_every_option_works(kind, null):
    found = connect([run(seed=1), run(seed=2)], kind, null=null, alternative="greater")
    assert np.isfinite(found.estimate).all()
    assert np.isfinite(found.p).any() == (null != "none" and kind.endswith("correlation"))


@pytest.mark.parametrize("kind", get_args(Kind))
def test_no_usable_region_is_no_crash(kind):
    found = connect([np.full((50, 3), np.nan), np.full((50, 3), np.nan)], kind)
    assert np.isnan(found.estimate).all()
    assert len(found.notes) == 6


def test_wrong_calls_are_refused_in_words():
    with pytest.raises(UsageError, match="needs several runs, not one"):
        connect([run()], "tangent")
    with pytest.raises(UsageError, match="kind is one of correlation, partial correlation, covariance, tangent"):
        connect([run()], "precision")
    with pytest.raises(UsageError, match="null is one of"):
        connect([run()], null="gsm")
    with pytest.raises(UsageError, match="there is no run"):
        connect([])
    with pytest.raises(InputError, match="run 2 has 5 regions and run 1 has 6"):
        connect([run(), run(regions=5)])
    with pytest.raises(InputError, match="run 1 has 2 time points: at least 3"):
        connect([run(2)])
    with pytest.raises(InputError, match="one region has none to be compared with"):
        connect([run(regions=1)])
    with pytest.raises(InputError, match="real numbers of shape"):
        connect([np.zeros(50)])
    with pytest.raises(UsageError, match="operators are one for each run"):
        connect([run(), run()], operators=[None])
    with pytest.raises(UsageError, match="a row for each of its time points"):
        connect([run()], operators=[np.eye(119)])
