"""The MNI152 brain behind the maps lies where nilearn's lies."""

from __future__ import annotations

import numpy as np

from niicorr.images import template
from niicorr.images.template import mni_template


def test_it_is_nilearns_brain_at_the_same_places():
    from nilearn.datasets import load_mni152_template

    steps, grid = mni_template()
    assert steps.shape == grid.shape
    assert grid.mni
    assert (steps.min(), steps.max()) == (0, 255)
    image = load_mni152_template(resolution=1)
    theirs = np.asarray(image.dataobj, dtype=np.float64)
    voxels = np.random.default_rng(0).integers(0, grid.shape, (20_000, 3))
    at = np.linalg.solve(image.affine, np.c_[grid.coords(voxels), np.ones(20_000)].T)[:3]
    np.testing.assert_allclose(at % 1, 0.5)  # between eight of their voxels
    corners = np.floor(at)[None].astype(int) + np.array(list(np.ndindex(2, 2, 2)))[:, :, None]
    mean = np.mean([theirs[tuple(corner)] for corner in corners], axis=0)
    found = steps[tuple(voxels.T)]
    white = np.quantile(theirs[theirs > 0], 0.995)
    shown = (found > 0) & (found < 255)
    assert shown.sum() > 3000
    assert np.abs((found[shown] - 1) / 254 * white - mean[shown]).max() < 0.6 * white / 254 + 0.01
    assert mean[found == 0].max() < 0.03 * white


def test_it_is_cropped_to_the_brain():
    steps, _ = mni_template()
    for axis in range(3):
        others = tuple(a for a in range(3) if a != axis)
        assert steps.any(axis=others)[[0, -1]].all()


def test_where_nilearn_keeps_it_elsewhere_it_is_asked(monkeypatch):
    steps, grid = mni_template()
    monkeypatch.setattr(template, "_FILE", "elsewhere.nii.gz")
    asked, other = mni_template()
    np.testing.assert_allclose(other.affine, grid.affine)
    assert np.abs(asked.astype(int) - steps).max() <= 3
