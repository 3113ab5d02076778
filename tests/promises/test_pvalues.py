"""p-values from files: there by default, held together by their own rules, never where nothing can be said."""

import numpy as np
import pytest
from promised_files import BRAIN, SHAPE, noise, related
from promised_numbers import only
from scipy import stats

MASKED = ["--zeros", "data"]


@pytest.fixture
def smooth(study):
    for i in range(4):
        study.x(f"x{i}.nii.gz", np.where(BRAIN, noise(400 + i, smooth=1.6), -1))
    study.y("y0.nii", np.where(BRAIN, noise(410, smooth=1.6), 0))
    study.y("y1.nii", np.where(BRAIN, related(411, noise(401, smooth=1.6), 0.8), 0))
    return study


def column(outcome, name):
    return np.array([float(pair[name] or "nan") for pair in outcome.pairs])


def test_they_are_there_without_asking(smooth):
    outcome = smooth.call("run", *smooth.sets(), "-o", smooth.out, "--no-figures")
    assert outcome.code == 0, outcome
    r, n, size = (column(outcome, name) for name in ("r", "n", "n_effective"))
    t = r * np.sqrt((size - 2) / (1 - r**2))
    np.testing.assert_allclose(column(outcome, "p"), 2 * stats.t.sf(abs(t), size - 2), rtol=1e-9)
    assert (size < n / 3).all()
    low, high = column(outcome, "ci_low"), column(outcome, "ci_high")
    np.testing.assert_allclose(np.arctanh(r) - np.arctanh(low), 1.959964 / np.sqrt(size - 3), rtol=1e-6)
    np.testing.assert_allclose(np.arctanh(high) - np.arctanh(r), 1.959964 / np.sqrt(size - 3), rtol=1e-6)
    p = column(outcome, "p")
    np.testing.assert_allclose(column(outcome, "p_fdr"), stats.false_discovery_control(p), rtol=1e-12)
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    np.testing.assert_allclose(column(outcome, "p_fwe")[order], steps, rtol=1e-12)
    record = outcome.json
    assert record["null"]["model"] == "effective"
    assert "two independent random fields" in record["null"]["text"]
    assert "Clifford" in record["methods"]["text"]
    assert any("10.2307/2532039" in reference for reference in record["methods"]["references"])
    assert outcome.says("null model: effective", "q ≤ .05")


def test_none_are_there_where_none_were_asked_for(smooth):
    outcome = smooth.run()
    for name in ("n_effective", "ci_low", "p", "p_fdr", "p_fwe"):
        assert np.isnan(column(outcome, name)).all()
    assert outcome.json["null"]["model"] == "none"


def test_the_textbook_value_warns(smooth):
    outcome = smooth.run("--null", "independent")
    assert outcome.code == 0
    assert outcome.says("warning", "every voxel for an independent observation")
    r, n = column(outcome, "r"), column(outcome, "n")
    expected = [stats.t.sf(abs(a) * np.sqrt((k - 2) / (1 - a**2)), k - 2) * 2 for a, k in zip(r, n, strict=True)]
    np.testing.assert_allclose(column(outcome, "p"), expected, rtol=1e-9)
    assert any("independent observation" in text for text in outcome.json["warnings"])


@pytest.mark.parametrize("method", ["cosine", "concordance", "dice"])
def test_what_has_no_formula_has_no_p_and_says_so(smooth, method):
    outcome = smooth.run("--null", "effective", "--method", method)
    assert outcome.code == 0
    assert np.isnan(column(outcome, "p")).all()
    assert outcome.says(f"there is no formula for {method}", "surrogate")
    assert outcome.json["null"]["model"] == "none"
    drawn = smooth.run("--null", "surrogate", "--n-surrogates", "20", "--method", method)
    p = column(drawn, "p")
    np.testing.assert_allclose(p * 21, np.rint(p * 21))


def test_surrogates_repeat_whatever_the_jobs_and_the_memory(smooth):
    outcomes = [smooth.run("--null", "surrogate", "--n-surrogates", "25", *options, out=smooth.work / str(k))
                for k, options in enumerate(([], ["--jobs", "1"], ["--jobs", "3", "--memory", "1M"], ["--seed", "1"]))]
    assert outcomes[0].pairs == outcomes[1].pairs == outcomes[2].pairs
    assert column(outcomes[3], "p").tolist() != column(outcomes[0], "p").tolist()
    assert outcomes[0].says("25 draws, so p is at least 1/26")
    found = column(outcomes[0], "p_fwe")[[pair["x"] == "x1" and pair["y"] == "y1" for pair in outcomes[0].pairs]]
    assert found == 1 / 26


def test_partial_correlation_has_fewer_degrees_of_freedom(smooth):
    z = [smooth.x(f"z{i}.nii", np.where(BRAIN, noise(420 + i, smooth=1.6), 0)) for i in range(3)]
    del smooth.x_paths[-3:]
    outcome = smooth.run("--null", "effective", *MASKED, "--partial", *z)
    r, size = column(outcome, "r"), column(outcome, "n_effective")
    nu = size - 2 - 3
    np.testing.assert_allclose(column(outcome, "p"), 2 * stats.t.sf(abs(r) * np.sqrt(nu / (1 - r**2)), nu), rtol=1e-9)


def test_a_mask_too_small_for_the_null_model_has_r_and_no_p(study):
    mask = np.zeros(SHAPE)
    mask[5:8, 5:9, 5:8] = 1
    study.x("x.nii", noise(430, smooth=1))
    study.y("y.nii", noise(431, smooth=1))
    path = study.x("mask.nii", mask)
    study.x_paths.pop()
    for null in ("effective", "gsm", "surrogate"):
        outcome = study.run("--mask", path, "--null", null)
        assert outcome.code == 0, outcome
        assert np.isfinite(outcome.r).all()
        assert np.isnan(column(outcome, "p")).all()
        assert "36 common voxels are too few for the null model" in outcome.note("x", "y")


@pytest.mark.parametrize("null", ["effective", "gsm", "surrogate", "independent"])
def test_empty_cells_have_no_p(study, null):
    study.x("x.nii", only(noise(440, smooth=1.5), BRAIN))
    study.x("flat.nii", np.where(BRAIN, 3.0, np.nan))
    study.y("y.nii", only(noise(441, smooth=1.5), BRAIN))
    outcome = study.run("--null", null, "--n-surrogates", "10", "--on-error", "skip")
    p = column(outcome, "p")
    assert np.isfinite(p[[pair["x"] == "x" for pair in outcome.pairs]]).all()
    assert np.isnan(p[[pair["x"] == "flat" for pair in outcome.pairs]]).all()


def test_a_dice_coefficient_of_maps_that_are_nowhere_zero_is_questioned(smooth):
    outcome = smooth.run("--method", "dice")
    assert outcome.says("every voxel of every map exceeds the threshold 0", "--threshold")
    assert not smooth.run("--method", "dice", "--threshold", "1").says("every voxel of every map")


def test_a_partial_correlation_is_called_one(smooth):
    z = smooth.x("age.nii", np.where(BRAIN, noise(450, smooth=1.6), 0))
    smooth.x_paths.pop()
    assert smooth.run("--partial", z).says("8 partial Pearson correlations", "covariates: age")
