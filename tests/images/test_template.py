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
    theirs = np.asarray(image.dataobj)
    rng = np.random.default_rng(0)
    voxels = rng.integers(0, grid.shape, (20_000, 3))
    at = np.rint(np.linalg.solve(image.affine, np.c_[grid.coords(voxels), np.ones(20_000)].T)[:3]).astype(int)
    inside = ((at >= 0) & (at < np.array(theirs.shape)[:, None])).all(axis=0)
    assert np.corrcoef(steps[tuple(voxels.T)][inside], theirs[tuple(at)][..., inside])[0, 1] > 0.97
    # A shift by one voxel of 2 mm would be seen.
    moved = tuple(np.clip(at + np.array([[3], [0], [0]]), 0, np.array(theirs.shape)[:, None] - 1))
    assert np.corrcoef(steps[tuple(voxels.T)][inside], theirs[moved][..., inside])[0, 1] < 0.97


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
