"""Regional means equal nilearn's where nothing is missing, and say how much of a region a map covers."""

import math
import warnings

import nibabel as nib
import numpy as np
import pytest
from nilearn.maskers import NiftiLabelsMasker

import niicorr as nc
from niicorr.images.atlas import read_atlas
from niicorr.images.atlas_sampling import sample_atlas
from niicorr.images.regions import region_averages, regional_means

AFFINE = np.array([[-4.0, 0, 0, 20], [0, 4.0, 0, -30], [0, 0, 5.0, 7], [0, 0, 0, 1]])
SHAPE = (12, 13, 11)


@pytest.fixture
def labels():
    data = np.zeros(SHAPE, dtype=np.int32)
    data[1:5, 1:6, 1:9], data[5:9, 1:6, 1:9], data[2:9, 7:12, 2:8] = 7, 2001, 3
    return data


def averaged(maps, atlas, missing=(), zeros="data", min_coverage=0.5, **how):
    """Regional means of maps of whole volumes; ``missing`` are (map, flags)."""
    volumes = [np.array(m) for m in maps]
    for k, where in missing:
        volumes[k][where] = np.nan
    survey = nc.survey(nc.read_maps([(m, AFFINE) for m in volumes]), background="none", zeros=zeros)
    sampling, placed = sample_atlas(survey, None, read_atlas(atlas), **how)
    return regional_means(survey, sampling, placed, min_coverage=min_coverage), sampling, placed


@pytest.mark.parametrize(("atlas_at", "told"), [(AFFINE, "lies elsewhere"), (np.eye(4), "as they are counted")])
def test_maps_without_a_place_are_questioned_with_an_atlas_too(labels, atlas_at, told):
    maps = nc.survey(nc.read_maps([(np.random.default_rng(0).standard_normal(SHAPE), np.eye(4))]))
    sampling, _ = sample_atlas(maps, None, read_atlas((labels, atlas_at)))
    assert "the identity for an affine" in sampling.warnings[-1]
    assert told in sampling.warnings[-1]


def test_means_are_nilearns(labels):
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((3, *SHAPE)) + 1e4
    found, sampling, _ = averaged(maps, (labels, AFFINE))
    masker = NiftiLabelsMasker(nib.Nifti1Image(labels, AFFINE), standardize=None).fit()
    expected = masker.transform(nib.Nifti1Image(np.moveaxis(maps, 0, -1), AFFINE))
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    np.testing.assert_array_equal(found.coverage, 1)
    np.testing.assert_allclose(found.matrix.values, expected, rtol=1e-12)
    centre = np.argwhere(labels == 2001).mean(axis=0) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    np.testing.assert_allclose(found.matrix.features.coords[2], centre)
    np.testing.assert_allclose(found.matrix.features.volumes, [80 * (labels == k).sum() for k in (3, 7, 2001)])
    assert found.matrix.features.unit == "region"
    assert sampling.mask.sum() == (labels > 0).sum()
    assert [r.n_voxels for r in found.matrix.records] == [(labels > 0).sum()] * 3


def test_a_region_that_is_covered_too_little_is_missing_for_that_map(labels):
    maps = np.random.default_rng(1).standard_normal((2, *SHAPE))
    lost = (labels == 3) & (np.arange(SHAPE[0])[:, None, None] < 7)
    share = 1 - lost.sum() / (labels == 3).sum()
    assert share < 0.5
    kept, _, _ = averaged(maps, (labels, AFFINE), [(1, lost)], min_coverage=share)
    dropped, _, _ = averaged(maps, (labels, AFFINE), [(1, lost)])
    np.testing.assert_allclose(kept.coverage, [[1, 1, 1], [share, 1, 1]])
    assert kept.values[1, 0] == pytest.approx(maps[1][(labels == 3) & ~lost].mean(), rel=1e-12)
    np.testing.assert_array_equal(np.isnan(dropped.values), [[False] * 3, [True, False, False]])
    said = [d.text for d in dropped.matrix.records[1].decisions if d.topic == "atlas"]
    assert said == [f"1 of 3 regions missing, less than 50\u00a0% of it covered: region 3 ({int(100 * share)}\u00a0%)"]
    assert not [d for d in kept.matrix.records[1].decisions if d.topic == "atlas"]


def test_without_a_least_coverage_no_region_is_made_of_nothing(labels):
    maps = np.random.default_rng(2).standard_normal((1, *SHAPE))
    found, _, _ = averaged(maps, (labels, AFFINE), [(0, labels == 7)], min_coverage=0.0)
    np.testing.assert_array_equal(np.isnan(found.values), [[False, True, False]])


def test_probabilities_weigh_voxels(labels):
    rng = np.random.default_rng(2)
    weights = np.stack([rng.random(SHAPE) * (labels == k) for k in (3, 7)]).astype(np.float32)
    weights[0] += 0.3 * weights[1]
    maps = rng.standard_normal((2, *SHAPE)) + 1e5
    lost = rng.random(SHAPE) < 0.2
    found, _, _ = averaged(maps, (np.moveaxis(weights, 0, -1), AFFINE), [(1, lost)])
    w = weights.astype(float)
    there = np.ones(SHAPE, dtype=bool), ~lost
    expected = [[(p * m * ok).sum() / (p * ok).sum() for p in w] for m, ok in zip(maps, there, strict=True)]
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    np.testing.assert_allclose(found.coverage[1], [(p * ~lost).sum() / p.sum() for p in w], rtol=1e-6)
    np.testing.assert_allclose(found.matrix.features.volumes, 80 * w.sum(axis=(1, 2, 3)), rtol=1e-6)


def test_a_mask_takes_voxels_from_regions(labels):
    maps = np.random.default_rng(3).standard_normal((2, *SHAPE))
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[:, :9] = 1
    found, sampling, _ = averaged(maps, (labels, AFFINE), mask=(mask, AFFINE), min_coverage=0.1)
    within = (labels == 3) & (mask > 0)
    assert found.values[0, 0] == pytest.approx(maps[0][within].mean(), rel=1e-12)
    assert found.coverage[0, 0] == pytest.approx(within.sum() / (labels == 3).sum())
    np.testing.assert_array_equal(sampling.mask, (labels > 0) & (mask > 0))


def test_regions_outside_of_the_mask_are_named(labels):
    maps = np.random.default_rng(3).standard_normal((1, *SHAPE))
    found, sampling, _ = averaged(maps, (labels, AFFINE), mask=((labels == 7).astype("u1"), AFFINE))
    np.testing.assert_array_equal(np.isnan(found.values), [[True, False, True]])
    said = [d.text for d in sampling.decisions if d.topic == "mask"]
    assert said[-1] == "2 of 3 regions lie outside of the mask: region 3, region 2001"


@pytest.mark.parametrize("kind", ["labels", "probabilities"])
@pytest.mark.parametrize("largest", [1e300, 1e306, 1.7e308, np.finfo(float).max])
def test_means_of_values_whose_sum_is_no_float(labels, kind, largest):
    rng = np.random.default_rng(6)
    plain = rng.uniform(-1, 1, SHAPE)
    plain[labels == 3] = 1  # a mean of the largest float of all
    inside = (labels > 0) & (rng.random(SHAPE) < 0.8)  # the rest is background
    share = 1 + rng.random(SHAPE) if kind == "probabilities" else np.ones(SHAPE)
    weights = np.stack([(labels == k) * share for k in (3, 7, 2001)], axis=-1).astype(np.float32)
    maps = [plain, np.where(inside, 3 + rng.random(SHAPE), -1) / 4]
    survey = nc.survey(nc.read_maps([(m * largest, AFFINE) for m in maps]), zeros="data")
    sampling, atlas = sample_atlas(survey, None, read_atlas((labels if kind == "labels" else weights, AFFINE)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = regional_means(survey, sampling, atlas)
        beside = region_averages(plain.ravel(order="F")[sampling.indices] * largest, sampling, atlas)
    w = np.moveaxis(weights.astype(float), -1, 0)
    there = np.ones(SHAPE, dtype=bool), inside
    means, whole = (np.array([[math.fsum((p * m)[valid]) / p[valid].sum() for p in w]
                              for m, valid in zip(maps, ats, strict=True)]) for ats in (there, there[:1] * 2))
    np.testing.assert_allclose(found.values / largest, means, rtol=0, atol=1e-14)
    np.testing.assert_allclose(beside / largest, means[0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(found.matrix.naive[1], (whole[1] - whole[1].mean()) / whole[1].std(), atol=1e-9)


@pytest.mark.parametrize("reading", ["data", "missing"])
def test_zeros_read_the_other_way_change_counts_only(labels, reading):
    rng = np.random.default_rng(4)
    inside = np.zeros(SHAPE, dtype=bool)
    inside[2:11, 1:11, 1:10] = True
    # Values that end abruptly at their zeros, or a thresholded map.
    there = inside if reading == "missing" else rng.random(SHAPE) < 0.15
    values = np.where(there, 1 + rng.random(SHAPE), 0)[None]
    survey = nc.survey(nc.read_maps([(m, AFFINE) for m in values]), background="none")
    assert (survey.readings[0].by_rule, survey.readings[0].zeros) == (True, reading)
    sampling, atlas = sample_atlas(survey, None, read_atlas((labels, AFFINE)))
    found = regional_means(survey, sampling, atlas, min_coverage=0.05)

    def means(m, with_zeros):
        return [m[(labels == k) & ((m != 0) | with_zeros)].mean() for k in (3, 7, 2001)]

    np.testing.assert_allclose(found.values[0], means(values[0], reading == "data"), rtol=1e-6)
    other = found.matrix.with_zeros_read_otherwise(np.array([0]))
    np.testing.assert_allclose(other.values[0], means(values[0], reading != "data"), rtol=1e-6)


def test_the_naive_means_count_background_and_zeros(labels):
    rng = np.random.default_rng(5)
    inside = np.zeros(SHAPE, dtype=bool)
    inside[2:9, 2:11, 2:8] = True
    maps = [np.where(inside, 3 + rng.random(SHAPE), -1.0), np.where(inside, 3 + rng.random(SHAPE), 0.0)]
    survey = nc.survey(nc.read_maps([(m, AFFINE) for m in maps]))
    assert [r.record.background for r in survey.readings] == [-1, 0]
    sampling, atlas = sample_atlas(survey, None, read_atlas((labels, AFFINE)))
    found = regional_means(survey, sampling, atlas, min_coverage=0.05)
    plain = np.array([[m[labels == k].mean() for k in (3, 7, 2001)] for m in maps])
    z = (plain - plain.mean(axis=1, keepdims=True)) / plain.std(axis=1, keepdims=True)
    np.testing.assert_allclose(found.matrix.naive, z, atol=1e-9)
    right = [[m[(labels == k) & inside].mean() for k in (3, 7, 2001)] for m in maps]
    np.testing.assert_allclose(found.values, right, rtol=1e-6)


def test_weights_and_covariates_are_averaged_alike(labels):
    values = np.random.default_rng(6).random((2, (labels > 0).sum()))
    _, sampling, atlas = averaged(np.ones((1, *SHAPE)), (labels, AFFINE))
    found = region_averages(values, sampling, atlas)
    own = labels.ravel(order="F")[sampling.indices]
    np.testing.assert_allclose(found, [[row[own == k].mean() for k in (3, 7, 2001)] for row in values], rtol=1e-12)
    np.testing.assert_allclose(region_averages(values[0], sampling, atlas), found[0])
