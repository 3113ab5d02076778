"""Confounds and cleaning: what is chosen, what is refused, and that it is nilearn's cleaning."""

import numpy as np
import pytest
from nilearn import signal
from scipy.interpolate import CubicSpline

from niicorr.errors import InputError, MapError, UsageError
from niicorr.images.confounds import STRATEGIES, Cleaning, Confounds, clean, read_confounds

N = 80


def table(path, n=N, more=None, without=(), sep="\t"):
    """What fMRIPrep writes: derivatives and framewise displacement have n/a in the first row."""
    rng = np.random.default_rng(0)
    names = [*STRATEGIES["motion24"], "white_matter", "csf", "global_signal", "framewise_displacement", "std_dvars",
             *(f"a_comp_cor_{i:02d}" for i in range(8)), "cosine00", "cosine01", "non_steady_state_outlier00"]
    columns = {name: [f"{v:.6f}" for v in rng.standard_normal(n)] for name in names if name not in without}
    for name, cells in columns.items():
        if "derivative1" in name or name in ("framewise_displacement", "std_dvars"):
            cells[0] = "n/a"
    for name, height in (("framewise_displacement", 0.1), ("std_dvars", 1.0)):
        if name in columns:
            columns[name][1:] = [str(height)] * (n - 1)
    if "framewise_displacement" in columns:
        columns["framewise_displacement"][40] = "0.7"
    columns["std_dvars"][41] = "1.6"
    columns["non_steady_state_outlier00"] = ["1"] + ["0"] * (n - 1)
    columns.update(more or {})
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    path.write_text("\n".join(sep.join(row) for row in rows) + "\n")
    return str(path)


def series(n=N, regions=4):
    return np.random.default_rng(1).standard_normal((n, regions)).cumsum(axis=0) + 900


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy(tmp_path, name):
    found = read_confounds(table(tmp_path / "c.tsv"), N, [name])
    counts = {"motion6": 6, "motion24": 24, "wm_csf": 2, "global": 1, "acompcor": 7, "high_pass": 2, "scrub": 0}
    assert len(found.names) == counts[name]
    assert found.values.shape == (N, counts[name])
    assert np.isfinite(found.values).all()
    assert found.kept.sum() == (N - 3 if name == "scrub" else N)


def test_strategies_add_up_and_columns_come_once(tmp_path):
    path = table(tmp_path / "c.tsv")
    found = read_confounds(path, N, ["motion24", "motion6", "wm_csf", "cosine*", "trans_x"])
    assert len(found.names) == 28 == len(set(found.names))
    own = np.genfromtxt(path, names=True, delimiter="\t")
    np.testing.assert_array_equal(found.values[:, found.names.index("csf")], own["csf"])


def test_derivatives_begin_with_0_and_that_is_said(tmp_path):
    found = read_confounds(table(tmp_path / "c.tsv"), N, ["motion24"])
    derivative = found.names.index("rot_x_derivative1")
    assert found.values[0, derivative] == 0
    assert found.values[1, derivative] != 0
    assert "no number in the first row of trans_x_derivative1" in found.decisions[0].text
    assert read_confounds(table(tmp_path / "c.tsv"), N, ["motion6"]).decisions == ()


def test_scrubbing_by_displacement_dvars_and_steady_state(tmp_path):
    found = read_confounds(table(tmp_path / "c.tsv"), N, ["scrub"])
    np.testing.assert_array_equal(np.flatnonzero(~found.kept), [0, 40, 41])
    assert "3 of 80 volumes left out" in found.decisions[-1].text


def test_fewer_components_than_five_do(tmp_path):
    lacking = [f"a_comp_cor_{i:02d}" for i in range(3, 8)]
    assert len(read_confounds(table(tmp_path / "c.tsv", without=lacking), N, ["acompcor"]).names) == 5
    none = [f"a_comp_cor_{i:02d}" for i in range(8)]
    with pytest.raises(UsageError, match="has no column a_comp_cor_00"):
        read_confounds(table(tmp_path / "c.tsv", without=none), N, ["acompcor"])


def test_a_run_too_short_for_cosines_has_none(tmp_path):
    found = read_confounds(table(tmp_path / "c.tsv", without=["cosine00", "cosine01"]), N, ["acompcor"])
    assert found.names == tuple(f"a_comp_cor_{i:02d}" for i in range(5))


def test_a_small_table_is_taken_whole(tmp_path):
    path = tmp_path / "own.csv"
    values = np.random.default_rng(0).standard_normal((N, 2))
    path.write_text("breath,heart\n" + "\n".join(f"{a:.6f},{b:.6f}" for a, b in values))
    found = read_confounds(str(path), N)
    assert found.names == ("breath", "heart")
    np.testing.assert_allclose(found.values, values, atol=1e-6)
    with pytest.raises(UsageError, match=r"by strategy \(motion6, motion24"):
        read_confounds(table(tmp_path / "c.tsv"), N)


def test_what_is_no_fitting_table_is_refused(tmp_path):
    path = table(tmp_path / "c.tsv")
    with pytest.raises(MapError, match="has 80 rows, and the run 90 volumes"):
        read_confounds(path, 90, ["motion6"])
    with pytest.raises(UsageError, match="has no column globl_signal; close: global_signal"):
        read_confounds(path, N, ["globl_signal"])
    with pytest.raises(UsageError, match=r"has no column motoin6; close: motion6"):
        read_confounds(path, N, ["motoin6"])
    with pytest.raises(UsageError, match="has no column framewise_displacement, which scrub goes by"):
        read_confounds(table(tmp_path / "d.tsv", without=["framewise_displacement"]), N, ["scrub"])
    with pytest.raises(MapError, match="the same number in every row: still"):
        read_confounds(table(tmp_path / "e.tsv", more={"still": ["3"] * N}), N, ["motion6", "still"])
    gaps = ["1"] * 20 + ["n/a"] + ["2"] * (N - 21)
    with pytest.raises(MapError, match=r"column gaps holds no number in 1 of 80 rows \(such as row 21\)"):
        read_confounds(table(tmp_path / "f.tsv", more={"gaps": gaps}), N, ["gaps"])
    with pytest.raises(MapError, match=r"column word holds 'high' in row 1: a confound is a column of numbers; "
                                       r"choose such columns with --strategy \(in Python strategy=\)$"):
        read_confounds(table(tmp_path / "g.tsv", more={"word": ["high"] * N}), N, ["word"])
    for odd in ("٣", "1_0"):
        with pytest.raises(MapError, match=f"column word holds '{odd}' in row 2"):
            read_confounds(table(tmp_path / "g.tsv", more={"word": ["1", odd] * (N // 2)}), N, ["word"])
    with pytest.raises(MapError, match="no such file or folder"):
        read_confounds(str(tmp_path / "none.tsv"), N)
    (tmp_path / "bare.tsv").write_text("1\t2\n3\t4\n")
    with pytest.raises(MapError, match="no names in the first row"):
        read_confounds(str(tmp_path / "bare.tsv"), 1)
    (tmp_path / "ragged.tsv").write_text("a\tb\n3\t4\n5\n")
    with pytest.raises(MapError, match="has 2 names, and 1 value in line 3"):
        read_confounds(str(tmp_path / "ragged.tsv"), 2)
    (tmp_path / "twice.tsv").write_text("a\ta\n3\t4\n5\t7\n")
    with pytest.raises(MapError, match="several columns a"):
        read_confounds(str(tmp_path / "twice.tsv"), 2)
    (tmp_path / "bytes.tsv").write_bytes(b"\xff\xfe\x00\x01" * 50)
    with pytest.raises(MapError, match="no table"):
        read_confounds(str(tmp_path / "bytes.tsv"), 2)


def test_nothing_is_cleaned_unasked_and_that_is_said():
    values = series()
    found = clean(values)
    np.testing.assert_array_equal(found.series, values)
    assert found.operator is None
    assert found.spent == 0
    assert found.decisions[0].text == "none: series are used as they are"


PLANS = {
    "standardize": Cleaning(standardize=True), "detrend": Cleaning(detrend=True),
    "low": Cleaning(low_pass=0.1, t_r=2.0), "high": Cleaning(high_pass=0.01, t_r=2.0),
    "all": Cleaning(detrend=True, standardize=True, low_pass=0.1, high_pass=0.01, t_r=2.0),
}


@pytest.mark.parametrize("scrubbed", [False, True])
@pytest.mark.parametrize("with_confounds", [False, True])
@pytest.mark.parametrize("plan", PLANS)
def test_cleaning_is_that_of_nilearn_and_its_matrix_does_the_same(plan, with_confounds, scrubbed):
    values, cleaning = series(), PLANS[plan]
    kept = np.ones(N, dtype=bool)
    kept[[0, 30, 31, N - 1]] = not scrubbed
    regressors = np.random.default_rng(2).standard_normal((N, 3)).cumsum(axis=0)
    chosen = regressors if with_confounds else np.empty((N, 0))
    found = clean(values, Confounds("c.tsv", ("a", "b", "c")[: chosen.shape[1]], chosen, kept), cleaning)
    mask, theirs = np.flatnonzero(kept) if scrubbed else None, values
    if scrubbed and cleaning.filters:
        # Filled in before, since nilearn does not fill volumes whose mirror image in time is left out, too.
        theirs, regressors = (CubicSpline(mask, a[mask])(np.arange(1, N - 1)) for a in (values, regressors))
        mask = mask - 1
    wanted = signal.clean(
        theirs, detrend=cleaning.detrend, standardize="zscore_sample" if cleaning.standardize else None,
        sample_mask=mask, confounds=regressors if with_confounds else None,
        low_pass=cleaning.low_pass, high_pass=cleaning.high_pass, t_r=2.0, extrapolate=False,
        filter="butterworth" if cleaning.filters else False)
    np.testing.assert_allclose(found.series, wanted, atol=1e-9)
    assert found.operator.shape == (len(wanted), N)
    same = found.operator @ values
    if cleaning.standardize:
        same = (same - same.mean(axis=0)) / same.std(axis=0, ddof=1)
    np.testing.assert_allclose(found.series, same, atol=1e-9)


@pytest.mark.parametrize("gone", [[0, N - 1], [30, N - 31], [0, 1, 40, N - 2, N - 1], [7]])
@pytest.mark.parametrize("plan", PLANS)
def test_volumes_that_are_left_out_count_for_nothing(plan, gone):
    kept = np.ones(N, dtype=bool)
    kept[gone] = False
    regressors, found = np.random.default_rng(2).standard_normal((N, 2)), []
    for spike in (0.0, 1e6, 1e250):
        values, given = series(), regressors.copy()
        values[~kept] += spike
        given[~kept] -= spike
        found.append(clean(values, Confounds("c.tsv", ("a", "b"), given, kept), PLANS[plan]))
    for other in found[1:]:
        np.testing.assert_array_equal(other.operator, found[0].operator)
        np.testing.assert_allclose(other.series, found[0].series, rtol=1e-12, atol=1e-12)
    assert not found[0].operator[:, ~kept].any()


def residuals(values, *regressors):
    """What least squares in long double leave, and the rank of what was taken off (twice, by Gram and Schmidt)."""
    basis = []
    for column in np.column_stack(regressors).astype(np.longdouble).T:
        left = column - column[0]
        left = size = left - left.mean()
        for other in basis * 2:
            left = left - other * (other @ left)
        if (left @ left) > 1e-26 * (size @ size) and size.any():
            basis.append(left / np.sqrt(left @ left))
    left = values.astype(np.longdouble)
    left = left - left[0]
    left = left - left.mean(axis=0)
    for other in basis * 2:
        left = left - np.outer(other, other @ left)
    return left, len(basis)


def r_of(values):
    scaled = values / np.abs(values).max(axis=0)
    return np.asarray(scaled.T @ scaled / np.sqrt(np.outer((scaled**2).sum(0), (scaled**2).sum(0))), dtype=float)


ODD = {
    "as they are": lambda c: c, "1e-17": lambda c: c * [1, 1e-17], "all 1e-300": lambda c: c * 1e-300,
    "1e154": lambda c: c * [1e154, 1], "1e300": lambda c: c * [1, 1e300], "all 1e306": lambda c: c * 1e306,
    "offset 1e12": lambda c: c + 1e12, "offset 1e13": lambda c: c + np.array([0, 1e13]),
    "offset 1e14": lambda c: c + 1e14,
    "offset of series": lambda c: c, "series 1e300": lambda c: c, "series 1e-300": lambda c: c,
    "a cell of 1e308": lambda c: np.where(c == c[0, 0], 1e308, c),
    "cells of 1e308 and their negative": lambda c: np.where(c == c[0, 0], 1.7e308, np.where(c == c[5, 0], -1.7e308, c)),
    "sums": lambda c: np.column_stack([c, c.sum(axis=1), 3 * c[:, 0] + c[:, 1] - 7]),
    "a trend": lambda c: np.column_stack([c, 0.7 * np.arange(N) + 3]),
}


@pytest.mark.parametrize("detrend", [False, True])
@pytest.mark.parametrize("name", ODD)
def test_confounds_of_any_unit_and_offset_are_regressed_out(name, detrend):
    slow = np.random.default_rng(4).standard_normal(N).cumsum()
    values = series() + 5 * slow[:, None]
    values = values * {"series 1e300": 1e300, "series 1e-300": 1e-300}.get(name, 1)
    values = values + 1e13 * (name == "offset of series")
    given = ODD[name](np.random.default_rng(5).standard_normal((N, 2)) * 0.1 + np.column_stack([slow, np.zeros(N)]))
    confounds = Confounds("c.tsv", tuple("abcd"[: given.shape[1]]), given, np.ones(N, dtype=bool))
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        found = clean(values, confounds, Cleaning(detrend=detrend))
    lines = [np.arange(N)] if detrend else []
    left, rank = residuals(values, *lines, given)
    np.testing.assert_allclose(r_of(found.centred - found.centred.mean(axis=0)), r_of(left), atol=1e-12)
    assert found.spent == pytest.approx(rank, abs=1e-9)
    said = found.decisions[0].text
    independent = rank - detrend
    assert (f", {independent} of them independent" in said) is (independent < given.shape[1])


@pytest.mark.parametrize("power", [-1000, -60, 60, 900])
@pytest.mark.parametrize("plan", PLANS)
def test_cleaning_does_not_depend_on_units(plan, power):
    regressors = np.random.default_rng(2).standard_normal((N, 3)).cumsum(axis=0)
    kept = np.ones(N, dtype=bool)
    found, scaled = (clean(np.ldexp(series(), by), Confounds("c.tsv", ("a", "b", "c"), np.ldexp(regressors, by), kept),
                           PLANS[plan]) for by in (0, power))
    np.testing.assert_array_equal(scaled.operator, found.operator)
    by = 0 if PLANS[plan].standardize else power
    np.testing.assert_array_equal(scaled.centred, np.ldexp(found.centred, by))
    np.testing.assert_array_equal(scaled.series, np.ldexp(found.series, by))
    assert scaled.decisions == found.decisions


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan != "standardize"])
def test_of_what_cleaning_takes_off_no_rounding_is_left(plan):
    slow = np.random.default_rng(2).standard_normal((N, 1)).cumsum(axis=0)
    values = np.column_stack([series(regions=1), 3 * slow + 900, np.full(N, 900.1)])
    found = clean(values, Confounds("c.tsv", ("a",), slow, np.ones(N, dtype=bool)), PLANS[plan])
    assert (np.ptp(found.series, axis=0) > 0).tolist() == [True, False, False]
    assert not found.centred[:, 1:].any()


def test_a_confound_of_which_nothing_is_in_the_band_is_no_rounding_regressed_out():
    confounds = Confounds("c.tsv", ("trend",), np.arange(N)[:, None] * 0.3, np.ones(N, dtype=bool))
    found, without = clean(series(), confounds, Cleaning(detrend=True)), clean(series(), None, Cleaning(detrend=True))
    np.testing.assert_allclose(found.series, without.series, atol=1e-12)
    assert found.spent == pytest.approx(1)
    assert "1 confound regressed out (trend), 0 of them independent" in found.decisions[0].text


def test_cleaned_series_beyond_the_largest_number_are_refused():
    values = np.where(np.arange(N)[:, None] % 2, 1.7e308, -1.7e308) * np.array([1, 0.9])
    values[:5] *= -1
    with pytest.raises(InputError, match=r"beyond 1.8e\+308, the largest number: give them in larger units"):
        clean(values + 0.0, cleaning=Cleaning(high_pass=0.2, t_r=2.0))
    standard = clean(values, cleaning=Cleaning(high_pass=0.2, t_r=2.0, standardize=True))
    np.testing.assert_allclose(standard.series.std(axis=0, ddof=1), 1)


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e400"])
@pytest.mark.parametrize("row", [0, 5])
def test_an_infinity_is_refused_by_name(tmp_path, cell, row):
    cells = [str(k % 7) for k in range(N)]
    cells[row] = cell
    with pytest.raises(MapError, match=rf"column odd holds '{cell}' in row {row + 1}: infinite"):
        read_confounds(table(tmp_path / "c.tsv", more={"odd": cells}), N, ["odd"])


def test_what_is_constant_but_for_rounding_is_said_to_be_so(tmp_path):
    cells = [str(10**16 + 2 * (k % 2)) for k in range(N)]
    with pytest.raises(MapError, match="the same number in every row, but for rounding: odd"):
        read_confounds(table(tmp_path / "c.tsv", more={"odd": cells}), N, ["odd"])
    cells = [repr((-1.0) ** k * 1.7e308) for k in range(N)]
    assert read_confounds(table(tmp_path / "d.tsv", more={"odd": cells}), N, ["odd"]).names == ("odd",)


def test_degrees_of_freedom_spent():
    regressors = np.random.default_rng(2).standard_normal((N, 5))
    kept = np.ones(N, dtype=bool)
    kept[10:14] = False
    confounds = Confounds("c.tsv", tuple("abcde"), regressors, kept)
    assert clean(series(), confounds, Cleaning(detrend=True)).spent == pytest.approx(5 + 1 + 4)
    found = clean(series(), confounds)
    assert found.spent == pytest.approx(5 + 4)
    assert found.decisions[0].text == ("4 of 80 volumes left out, 5 confounds regressed out (a, b, c, d, e); "
                                       "70 of 79 degrees of freedom are left in 76 time points")
    # A filter that keeps a fifth of the frequencies leaves about a fifth, and what swings at the ends.
    assert 0.7 * 79 < clean(series(), cleaning=Cleaning(low_pass=0.05, t_r=2.0)).spent < 0.8 * 79
    for high_pass, least in ((0.000626, 0), (0.003, 0.5), (0.01, 2)):  # which once left more than there were
        assert least < clean(series(), cleaning=Cleaning(high_pass=high_pass, t_r=2.0)).spent < 5


def test_regions_without_a_series_stay_empty():
    values = series()
    values[:, 1] = np.nan
    values[7, 2] = np.nan
    found = clean(values, cleaning=Cleaning(detrend=True))
    assert np.isnan(found.series[:, [1, 2]]).all()
    np.testing.assert_allclose(found.series[:, 0], clean(series(), cleaning=Cleaning(detrend=True)).series[:, 0])


def test_filters_that_cannot_be_are_refused():
    with pytest.raises(UsageError, match="give --t-r in seconds"):
        clean(series(), cleaning=Cleaning(low_pass=0.1))
    with pytest.raises(UsageError, match=r"--low-pass 0.3 Hz: with a volume every 2 s .* between 0 and 0.25 Hz"):
        clean(series(), cleaning=Cleaning(low_pass=0.3, t_r=2.0))
    with pytest.raises(UsageError, match=r"is the TR in seconds\?"):
        clean(series(), cleaning=Cleaning(high_pass=0.01, t_r=2000.0))
    for name in ("low_pass", "high_pass"):
        with pytest.raises(UsageError, match=r"a wave takes 1e\+10 s, and 80 volumes every 2 s take 160 s, not even a "
                                             r"tenth of it: with so many, frequencies from 0\.000625 Hz on"):
            clean(series(), cleaning=Cleaning(**{name: 1e-10}, t_r=2.0))
        assert np.isfinite(clean(series(), cleaning=Cleaning(**{name: 0.000626}, t_r=2.0)).series).all()
        with pytest.raises(UsageError, match=r"with so many, frequencies from 0\.000625 Hz on"):
            clean(series(), cleaning=Cleaning(**{name: 0.000624}, t_r=2.0))
    with pytest.raises(UsageError, match=r"80 volumes every 1e-08 s take 8e-07 s.*is the TR in seconds\?"):
        clean(series(), cleaning=Cleaning(high_pass=0.01, t_r=1e-8))
    with pytest.raises(UsageError, match="leave nothing: the high pass is the lower"):
        clean(series(), cleaning=Cleaning(low_pass=0.05, high_pass=0.1, t_r=2.0))
    with pytest.raises(UsageError, match="is positive, not -1 s"):
        clean(series(), cleaning=Cleaning(low_pass=0.05, t_r=-1.0))
    with pytest.raises(UsageError, match="12 time points are too few to be filtered"):
        clean(series(12), cleaning=Cleaning(low_pass=0.1, high_pass=0.01, t_r=2.0))


def test_confounds_that_leave_nothing_are_refused():
    kept = np.ones(N, dtype=bool)
    wide = np.random.default_rng(0).standard_normal((N, N - 2))
    with pytest.raises(InputError, match=r"79 regressors \(the mean among them\) leave nothing of 80 time points"):
        clean(series(), Confounds("c.tsv", tuple(map(str, range(N - 2))), wide, kept))
    kept[2:] = False
    with pytest.raises(InputError, match="scrubbing leaves 2 of 80 volumes"):
        clean(series(), Confounds("c.tsv", (), np.empty((N, 0)), kept))
