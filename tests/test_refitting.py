"""Pairs whose common voxels show another map than was fitted: as in a run with these voxels for a mask."""

import re

import numpy as np
import pytest
from scipy import ndimage

import niicorr as nc
from niicorr import refitting
from niicorr.compute.similarity import Similarity
from niicorr.inference import pvalues
from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.effective import effective_size
from niicorr.nulls.regional import regional_null
from niicorr.records import NullModel
from niicorr.significance import infer

SHAPE, AFFINE = (14, 14, 14), np.diag([3.0, 3, 3, 1])
HOLE = np.zeros(SHAPE, dtype=bool)
HOLE[:2, :2, :2] = True
OPTIONS = {"mask": "none", "background": "none", "zeros": "data", "warn": False}
MASKED = {**OPTIONS, "mask": ((~HOLE).astype("u1"), AFFINE)}


def volumes(count, seed, spike=0.0, hole=False):
    """Smooth maps, with spikes of so many deviations in the hole, or with nothing there."""
    rng, made = np.random.default_rng(seed), []
    for _ in range(count):
        volume = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.3)
        volume /= volume.std()
        if spike:
            volume[HOLE] = spike * np.tile([1, -1], HOLE.sum() // 2)
        if hole:
            volume[HOLE] = np.nan
        made.append((volume, AFFINE))
    return made


def told(result):
    return [d.text for d in result.decisions if d.topic == "null" and "fitted again" in d.text]


@pytest.mark.parametrize("spike", [5, 20, 1000])
def test_unrelated_maps_are_significant_as_often_as_promised(spike):
    result = nc.correlate(volumes(20, 0, spike), volumes(20, 1, hole=True), **OPTIONS)
    # Of 400 pairs of 40 maps: .05 and twice its standard error; spikes of 20 deviations had .2, of 1 000 .8.
    assert 0.01 < (result.p.to_numpy() < 0.05).mean() < 0.085
    assert np.median(result.n_effective) < 130


@pytest.mark.parametrize("null", ["effective", "gsm"])
@pytest.mark.parametrize("beside", ["nothing", "weights", "covariates"])
def test_as_with_a_mask(null, beside):
    x, y = volumes(4, 2, 30), volumes(3, 3, hole=True)
    more = {"weights": {"weights": (np.random.default_rng(4).uniform(0.5, 2, SHAPE), AFFINE)},
            "covariates": {"partial": volumes(2, 5)}}.get(beside, {})
    one, other = (nc.correlate(x, y, null=null, **more, **options) for options in (OPTIONS, MASKED))
    for name in ("n_effective", "p", "ci_low", "ci_high"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6)
    assert one.notes == other.notes
    assert told(one) == ["in 12 pairs of 12 the variance of a map over the common voxels is less than 0.9 or more than "
                         "1.5 times that over all its own, where its autocovariance is fitted: both maps were fitted "
                         "again over the common voxels"]
    assert told(other) == []


def test_a_set_against_itself():
    maps = volumes(2, 6, 30) + volumes(2, 7, hole=True)
    result = nc.correlate(maps, **OPTIONS)
    masked = nc.correlate(maps, **MASKED)
    np.testing.assert_array_equal(result.p, result.p.T)
    np.testing.assert_allclose(result.p.to_numpy()[:2, 2:], masked.p.to_numpy()[:2, 2:], rtol=1e-6)
    assert told(result)[0].startswith("in 4 pairs of 6 ")


def test_pairs_that_are_as_they_were_fitted_stay_as_they_are():
    x = MapMatrix.from_array(np.array([v[0].ravel(order="F") for v in volumes(3, 8)]), features=_voxels())
    y = MapMatrix.from_array(np.array([v[0].ravel(order="F") for v in volumes(2, 9, 5) + volumes(2, 9, hole=True)]),
                             features=_voxels())
    found = Similarity()(x, y)
    inferred = infer(x, y, found, np.isfinite(found.r), similarity=Similarity(), model=NullModel("effective"),
                     same_set=False, jobs=1, memory=2**30, progress=_silent)
    np.testing.assert_array_equal(inferred.columns["n_effective"], effective_size(x, y, found.n).n_effective)
    assert inferred.decisions == ()


def test_ranks_and_robust_scores_are_not_fitted_again(monkeypatch):
    monkeypatch.setattr(refitting, "_size", None)
    for method in ("spearman", "bicor"):
        result = nc.correlate(volumes(2, 10, 50), volumes(2, 11, hole=True), method=method, **OPTIONS)
        assert (result.n_effective.to_numpy() < 300).all()


def test_what_would_take_too_long_has_no_p_and_says_so(monkeypatch):
    x, y = volumes(3, 12, 30) + volumes(1, 13), volumes(2, 14, hole=True)
    small = np.where(np.arange(14)[:, None, None] < 1, np.nan, y[0][0])  # two kinds of common voxels
    y[0] = small, AFFINE
    whole = nc.correlate(x, y, **OPTIONS)
    assert told(whole)[0].startswith("in 6 pairs of 8 ")
    monkeypatch.setattr(refitting, "WORK", 55 * refitting.SMALLEST)  # one group of 4 maps and 50 for its mask
    result = nc.correlate(x, y, **OPTIONS)
    p = result.p.to_numpy()
    left = np.isnan(p)
    assert left.sum() == 3
    np.testing.assert_array_equal(p[~left], whole.p.to_numpy()[~left])
    assert np.isnan(result.n_effective.to_numpy()[left]).all()
    assert np.isnan(result.ci_low.to_numpy()[left]).all()
    for cell in np.argwhere(left):
        assert re.fullmatch(r"no p-value: over the common voxels one of the two maps .* leave these voxels out with "
                            r"--mask", result.notes[tuple(cell)])
    assert told(result)[0].endswith(" for 3 of them; 3 have no p-value")


def test_pairs_with_the_same_common_voxels_share_the_work_of_a_mask(monkeypatch):
    """Three supports, of which any two have the same voxels in common."""
    monkeypatch.setattr(refitting, "PIECE", 2)
    x, y = volumes(5, 15, 30), volumes(3, 16, hole=True)
    for k, (volume, _) in enumerate(x[1:4]):
        volume.flat[np.flatnonzero(HOLE)[k]] = np.nan
    known, made = refitting.effective_null, []
    monkeypatch.setattr(refitting, "effective_null", lambda *a, **k: made.append(1) or known(*a, **k))
    result = nc.correlate(x, y, **OPTIONS)
    assert len(made) == 1
    np.testing.assert_allclose(result.p, nc.correlate(x, y, **MASKED).p, rtol=1e-6)


@pytest.mark.parametrize("null", ["effective", "gsm"])
def test_regions(null):
    rng = np.random.default_rng(17)
    coords, sizes = rng.uniform(-60, 60, (60, 3)), np.exp(rng.normal(8, 0.5, 60))
    kernel = np.exp(-((coords[:, None] - coords) ** 2).sum(axis=2) / 800)
    x, y = rng.normal(size=(3, 60)) @ kernel, rng.normal(size=(4, 60)) @ kernel
    x[:, :3] = 50 * np.array([1, -1, 1])
    y[:, :3] = np.nan

    def matrix(values, columns=slice(None)):
        features = Features(values[:, columns].shape[1], centroids=coords[columns], volumes=sizes[columns])
        return MapMatrix.from_array(values[:, columns], features=features)

    found = Similarity()(matrix(x), matrix(y))
    inferred = infer(matrix(x), matrix(y), found, np.isfinite(found.r), similarity=Similarity(), model=NullModel(null),
                     same_set=False, jobs=1, memory=2**30, progress=_silent)
    kept = slice(3, None)
    of_x, of_y = matrix(x, kept), matrix(y, kept)
    known = regional_null(of_x, of_y, coords[kept], volumes=sizes[kept], model="gsm" if null == "gsm" else "robust")
    expected = known.size(known.describe(of_x), known.describe(of_y), found.n).n_effective
    np.testing.assert_allclose(inferred.columns["n_effective"], expected, rtol=1e-9)
    assert "over the common regions" in inferred.decisions[0].text


def test_regions_that_are_no_cloud_have_no_p():
    """Common ones all lie at one point: nothing can be fitted to them."""
    rng = np.random.default_rng(18)
    coords = np.concatenate([rng.uniform(-60, 60, (20, 3)), np.zeros((12, 3))])
    x, y = rng.normal(size=(1, 32)), rng.normal(size=(1, 32))
    x[:, :20] *= 50
    y[:, :20] = np.nan
    x, y = (MapMatrix.from_array(v, features=Features(32, centroids=coords)) for v in (x, y))
    found = Similarity()(x, y)
    inferred = infer(x, y, found, np.isfinite(found.r), similarity=Similarity(), model=NullModel("effective"),
                     same_set=False, jobs=1, memory=2**30, progress=_silent)
    assert np.isnan(inferred.columns["p"]).all()
    assert any(layer.has(0, 0) for layer in inferred.notes)


def test_a_covariate_that_is_constant_over_the_common_voxels_takes_nothing():
    """By definition: with and without it p is the same, for it explains nothing there."""
    part = np.zeros(SHAPE, dtype=bool)
    part[:7] = True
    x, y = volumes(2, 19), [(np.where(part, v, np.nan), a) for v, a in volumes(2, 20)]
    flat = np.where(part, 0, np.random.default_rng(21).normal(size=SHAPE)), AFFINE
    for null in ("effective", "gsm", "independent"):
        one, other = (nc.correlate(x, y, partial=partial, null=null, **OPTIONS)
                      for partial in ([flat, *volumes(1, 22)], volumes(1, 22)))
        np.testing.assert_allclose(one.p, other.p, rtol=1e-6)
        freedom = other.n_effective if null == "effective" else one.n_effective
        np.testing.assert_allclose(one.p, pvalues(one.r.to_numpy(), freedom.to_numpy(), n_covariates=1), rtol=1e-6)


def test_so_it_is_of_pairs_that_are_fitted_again():
    """Of ten coverages, no count of covariates is kept but that of the fit."""
    part = np.zeros(SHAPE, dtype=bool)
    part[:9] = True
    x, y = volumes(10, 23), [(np.where(part, v, np.nan), a) for v, a in volumes(2, 24)]
    for k, (volume, _) in enumerate(x):
        volume[~part] *= 9
        volume[k % 9, k] = np.nan
    covariates = [(np.where(part, 0, np.random.default_rng(25).normal(size=SHAPE)), AFFINE), *volumes(1, 26)]
    result = nc.correlate(x, y, partial=covariates, **OPTIONS)
    assert told(result)[0].startswith("in 20 pairs of 20 ")
    n_effective = result.n_effective.to_numpy()
    np.testing.assert_allclose(result.p, pvalues(result.r.to_numpy(), n_effective, n_covariates=1), rtol=1e-9)


def _voxels():
    from niicorr.space import Grid

    return Features(int(np.prod(SHAPE)), Grid(SHAPE, AFFINE), np.arange(np.prod(SHAPE)))


def _silent(_total, _what):
    from contextlib import nullcontext

    return nullcontext(lambda _done: None)
