"""Series of probabilistic regions: against their definition, with voxels missing."""

import nibabel as nib
import numpy as np
import pytest

from niicorr.errors import MapError
from niicorr.images.sampling import one_header
from niicorr.images.series import region_series
from niicorr.images.weighted_series import weighted_series

SHAPE = (6, 7, 5)
AFFINE = np.diag([3.0, 3, 3, 1])


def bold(n=15, seed=1):
    rng = np.random.default_rng(seed)
    return (5000 + 20 * rng.standard_normal((*SHAPE, n))).astype(np.float32)


def probabilities(n=3):
    weights = np.random.default_rng(0).uniform(0, 1, (n, *SHAPE)).astype(np.float32)
    weights[weights < 0.6] = 0
    weights[:, 0] = 0
    return weights


def header_of(tmp_path, values, t_r=2.0):
    image = nib.Nifti1Image(values, AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = t_r
    nib.save(image, tmp_path / "run.nii.gz")
    return one_header(str(tmp_path / "run.nii.gz"), "bold", volumes="all")


def by_definition(values, weights, valid):
    w = weights.astype(np.float64) * valid
    sums = np.tensordot(values.astype(np.float64), w, axes=([0, 1, 2], [1, 2, 3]))
    return sums / w.sum(axis=(1, 2, 3))


def test_means_weighted_by_probability(tmp_path):
    values, weights, steps = bold(), probabilities(), []
    found, coverage = weighted_series(header_of(tmp_path, values), weights, progress=steps.append)
    np.testing.assert_allclose(found.values, by_definition(values, weights, np.ones(SHAPE)), rtol=1e-12)
    np.testing.assert_array_equal(found.n_voxels, (weights > 0).sum(axis=(1, 2, 3)))
    np.testing.assert_array_equal(coverage, 1)
    assert found.t_r == 2
    assert len(found.blake2b) == 32
    assert sum(steps) == 15


def test_ones_and_zeros_are_a_label_image(tmp_path):
    codes = np.random.default_rng(2).integers(0, 4, SHAPE)
    header = header_of(tmp_path, bold())
    weights = np.stack([codes == k for k in (1, 2, 3)]).astype(np.float32)
    found, _ = weighted_series(header, weights)
    plain = region_series(header, codes, 3)
    np.testing.assert_allclose(found.values, plain.values, rtol=1e-12)
    np.testing.assert_array_equal(found.n_valid, plain.n_valid)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_voxels_without_data_leave_with_their_weight(tmp_path, bad):
    values, weights = bold(), probabilities()
    valid = np.ones(SHAPE)
    drops, zero = np.argwhere(weights[0] > 0)[:4], np.argwhere(weights[1] > 0)[-3:]
    for t, place in enumerate(drops):
        values[(*place, t)] = bad
        valid[tuple(place)] = 0
    for place in zero:
        values[tuple(place)] = 0
        valid[tuple(place)] = 0
    found, coverage = weighted_series(header_of(tmp_path, values), weights)
    clean = np.where(valid[..., None] > 0, values, 0)
    np.testing.assert_allclose(found.values, by_definition(clean, weights, valid), rtol=1e-12)
    np.testing.assert_allclose(coverage, (weights * valid).sum(axis=(1, 2, 3), dtype=float)
                               / weights.sum(axis=(1, 2, 3), dtype=float))
    np.testing.assert_array_equal(found.n_valid, ((weights > 0) & (valid > 0)).sum(axis=(1, 2, 3)))
    texts = [d.text for d in found.decisions]
    assert texts[0].startswith("4 voxels of the regions are NaN or infinite in some volume")
    assert texts[1].startswith("3 voxels of the regions are 0 in every volume")


def test_a_region_without_weight_or_data_is_missing(tmp_path):
    values, weights = bold(), probabilities(4)
    weights[1] = 0
    values[weights[2] > 0] = 0
    found, coverage = weighted_series(header_of(tmp_path, values), weights)
    assert np.isnan(found.values[:, [1, 2]]).all()
    assert np.isfinite(found.values[:, [0, 3]]).all()
    np.testing.assert_array_equal(coverage[[1, 2]], 0)
    with pytest.raises(MapError, match="no region of the atlas has a voxel on its grid"):
        weighted_series(header_of(tmp_path, values), np.zeros_like(weights))
