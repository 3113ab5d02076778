"""The methods paragraph of regions with each other: every fact, the references it cites, and nothing else."""

import re
from itertools import product

import numpy as np
import pytest

import niicorr as nc
from niicorr.result.methods import REFERENCES, methods

KINDS = ("correlation", "partial", "covariance", "tangent")
NULLS = ("effective", "independent", "none")
SHAPE, N = (8, 6, 5), 60
AFFINE = np.diag([3.0, 3, 3, 1])


def bold(seed=0, n=N):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, *SHAPE)) + rng.standard_normal((n, 1, 1, 1))
    return np.moveaxis(values, 0, -1).astype(np.float32) + 100


def codes(regions=4):
    return np.repeat(np.arange(1, regions + 1), SHAPE[0] // regions)[:, None, None] * np.ones(SHAPE, dtype=int)


def made(runs=2, **options):
    options = {"warn": False, **options}
    atlas = options.pop("atlas", (codes(), AFFINE))
    return nc.correlate_rois([(bold(k), AFFINE) for k in range(runs)], atlas, **options)


def text(result):
    return methods(result).text.replace("\N{NO-BREAK SPACE}", " ")


def cited(words):
    inside = "; ".join(re.findall(r"\(([^()]*\b(?:18|19|20)\d\d)\b[^()]*\)", words))
    return set(re.findall(r"[A-Z][A-Za-z& .]+?, (?:18|19|20)\d\d", inside))


@pytest.mark.parametrize(("kind", "null", "cleaned"), list(product(KINDS, NULLS, (False, True))))
def test_references_are_those_cited_and_the_text_is_whole(kind, null, cleaned):
    result = made(kind=kind, null=null, detrend=cleaned)
    found = methods(result)
    assert cited(found.text) == {words for words, full in REFERENCES.items() if full in found.references}
    assert not re.search(r"  |\( |\.\.|,,|,\.| ,|\(\)| \.|None|nan", found.text)
    assert found.text.count("(") == found.text.count(")")
    starts = {full.split()[0] for full in found.references}
    assert ("Abraham" in starts) is (cleaned or kind != "correlation")
    assert ("Ledoit" in starts) is (kind != "correlation")
    assert ("Varoquaux" in starts) is (kind == "tangent")
    tested = null != "none" and kind in ("correlation", "partial")
    assert ("Benjamini" in starts) is ("Holm" in starts) is tested
    assert ("Afyouni" in starts) is (tested and null == "effective")
    assert ("Student" in starts) is (tested and null == "independent")


def test_runs_regions_and_time():
    words = text(made(t_r=1.5))
    assert words.startswith("The time series of each of 4 regions was compared with that of every other, 6 pairs in "
                            f"all, with niicorr {nc.__version__} (Python ")
    assert "Series of 2 runs (60 time points each, 120 in all, TR 1.5 s) were means over the voxels" in words
    assert "weighted by their effective degrees of freedom" in words
    one = text(made(1))
    assert "Series of one run (60 time points) were means" in one
    assert "averaged" not in one


def test_cleaning_is_told_as_it_was_done():
    assert "Series were used as they are, without cleaning." in text(made())
    words = text(made(detrend=True, low_pass=0.1, t_r=2.0, volumes="5:"))
    assert "Only volumes 5: (counted from 0) were used." in words
    assert re.search(r"cleaned with nilearn [\d.]+ \(Abraham et al., 2014\): straight lines taken off, 0 to 0.1 Hz "
                     r"kept \(TR 2 s\), which left \d+ degrees of freedom in each run\.", words)
    assert "as cleaning changes it" in words
    assert "as cleaning changes it" not in text(made())


def test_what_has_no_series_or_few_voxels():
    labels = codes()
    labels[:2, 1:] = 0
    labels[:2, 0, 1:] = 0
    run = bold()
    run[2:4] = 0
    words = text(nc.correlate_rois((run, AFFINE), (labels, AFFINE), warn=False))
    assert "1 region had fewer than 20 voxels." in words
    assert "1 region had no series and was left out (region 2)." in words
    assert "No value exists for 3 pairs (3: a region has no data: 0 or missing in every voxel)." in words


def test_an_atlas_that_was_brought_to_the_run():
    fine = np.repeat(np.repeat(np.repeat(codes(), 2, 0), 2, 1), 2, 2)
    affine = np.diag([1.5, 1.5, 1.5, 1])
    affine[:3, 3] = -0.75 + 0.3
    assert "The atlas was brought to the grid of the run by nearest neighbour." in text(made(atlas=(fine, affine)))
    assert "brought to the grid" not in text(made())


def test_ready_made_series():
    words = text(nc.correlate_rois(np.random.default_rng(0).standard_normal((50, 3))))
    assert "Series of one run (50 time points) had been made beforehand." in words


def test_numbers_in_the_text_are_those_of_the_result():
    result = made()
    low, high = (round(float(f(result.n_effective.to_numpy()))) for f in (np.nanmin, np.nanmax))
    assert f"n_effective was {low} to {high} (median " in text(result)
    assert "less 2 for the other regions" in text(made(kind="partial"))
