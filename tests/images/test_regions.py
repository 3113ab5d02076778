"""Regional means equal nilearn's where nothing is missing, and say how much of a region a map covers."""

import nibabel as nib
import numpy as np
import pytest
from nilearn.maskers import NiftiLabelsMasker

import niicorr as nc
from niicorr.images.atlas import read_atlas
from niicorr.images.regions import regional_means

AFFINE = np.array([[-4.0, 0, 0, 20], [0, 4.0, 0, -30], [0, 0, 5.0, 7], [0, 0, 0, 1]])
SHAPE = (12, 13, 11)


@pytest.fixture
def labels():
    data = np.zeros(SHAPE, dtype=np.int32)
    data[1:5, 1:6, 1:9], data[5:9, 1:6, 1:9], data[2:9, 7:12, 2:8] = 7, 2001, 3
    return data


def extracted(maps, labels, missing=()):
    volumes = [m.copy() for m in maps]
    for k, where in missing:
        volumes[k][where] = np.nan
    survey = nc.survey(nc.read_maps([(m, AFFINE) for m in volumes]), background="none", zeros="data")
    sampling = nc.choose_sampling(survey, mask=((labels > 0).astype("u1"), AFFINE))
    return nc.extract(survey, sampling), sampling


def test_means_are_nilearns(labels):
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((3, *SHAPE)) + 1e4
    voxels, sampling = extracted(maps, labels)
    found = regional_means(voxels, read_atlas((labels, AFFINE)).on(sampling.grid))
    masker = NiftiLabelsMasker(nib.Nifti1Image(labels, AFFINE), standardize=None).fit()
    expected = masker.transform(nib.Nifti1Image(np.moveaxis(maps, 0, -1), AFFINE))
    np.testing.assert_allclose(found.values, expected, rtol=1e-12)
    np.testing.assert_array_equal(found.coverage, 1)
    np.testing.assert_allclose(found.matrix.values, expected, rtol=1e-12)
    centre = np.argwhere(labels == 2001).mean(axis=0) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    np.testing.assert_allclose(found.matrix.features.coords[2], centre)


def test_a_region_that_is_covered_too_little_is_missing_for_that_map(labels):
    maps = np.random.default_rng(1).standard_normal((2, *SHAPE))
    lost = (labels == 3) & (np.arange(SHAPE[0])[:, None, None] < 7)
    voxels, sampling = extracted(maps, labels, [(1, lost)])
    atlas = read_atlas((labels, AFFINE)).on(sampling.grid)
    share = 1 - lost.sum() / (labels == 3).sum()
    kept, dropped = regional_means(voxels, atlas, 0.9 * share), regional_means(voxels, atlas)
    assert share < 0.5
    np.testing.assert_allclose(kept.coverage, [[1, 1, 1], [share, 1, 1]])
    assert kept.values[1, 0] == pytest.approx(maps[1][(labels == 3) & ~lost].mean(), rel=1e-12)
    np.testing.assert_array_equal(np.isnan(dropped.values), [[False] * 3, [True, False, False]])


def test_probabilities_weigh_voxels(labels):
    rng = np.random.default_rng(2)
    weights = np.stack([rng.random(SHAPE) * (labels == k) for k in (3, 7)])
    maps = rng.standard_normal((2, *SHAPE))
    voxels, sampling = extracted(maps, labels)
    atlas = read_atlas((np.moveaxis(weights, 0, -1).astype(np.float32), AFFINE)).on(sampling.grid)
    found = regional_means(voxels, atlas)
    w = weights.astype(np.float32).astype(float)
    expected = [[(p * m).sum() / p.sum() for p in w] for m in maps]
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
