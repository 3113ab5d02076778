"""The example data show what they promise: planned correlations inside, wrong ones over the whole grid."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from niicorr.datasets import demo
from niicorr.errors import ResourceError

PLANNED = np.array([correlations for _, _, correlations in demo.EXPERIMENTS]).T


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return str(folder), *demo.write_demo_data(str(folder))


@pytest.fixture(scope="module")
def volumes(written):
    _, experiments, activity = written
    return [[np.asarray(nib.load(path).dataobj) for path in paths] for paths in (experiments, activity)]


def test_twenty_experiments_and_four_activity_maps(written):
    folder, experiments, activity = written
    assert (len(experiments), len(activity)) == (20, 4)
    for name, paths in (("experiments", experiments), ("activity", activity)):
        assert sorted(os.listdir(os.path.join(folder, name))) == sorted(map(os.path.basename, paths))
    for paths in (experiments, activity):
        assert {path.endswith(".gz") for path in paths} == {True, False}


def test_every_map_lies_on_the_questions_grid(written):
    _, experiments, activity = written
    for path in experiments + activity:
        image = nib.load(path)
        assert image.shape == (57, 66, 40)
        assert image.get_data_dtype() == np.float64
        assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
        assert image.header.get_zooms() == (3, 3, 3)
        assert image.header.get_xyzt_units()[0] == "mm"
        assert (image.header["sform_code"], image.header["qform_code"]) == (4, 4)
        np.testing.assert_allclose(image.get_qform(), image.get_sform(), atol=1e-4)


def test_the_same_bytes_every_time_in_any_process(written, tmp_path):
    folder, experiments, activity = written
    call = "import sys; from niicorr.datasets.demo import write_demo_data; write_demo_data(sys.argv[1])"
    subprocess.run([sys.executable, "-c", call, str(tmp_path)], check=True)
    for path in experiments + activity:
        again = tmp_path / os.path.relpath(path, folder)
        with open(path, "rb") as file:
            assert file.read() == again.read_bytes(), path


def test_backgrounds_are_exact_and_only_outside(volumes):
    brain = demo.brain_mask()
    for maps, background in zip(volumes, (0.0, -1.0), strict=True):
        for volume in maps:
            assert np.all(volume[~brain] == background)
            assert not np.any(volume[brain] == background)
    assert all(volume[brain].min() > 0 for volume in volumes[1])  # a binding potential has no sign


def test_brain_passes_for_a_solid_human_one():
    brain = demo.brain_mask()
    litres = brain.sum() * 27 / 1e6
    inside = np.argwhere(brain)
    box = np.prod(inside.max(axis=0) - inside.min(axis=0) + 1)
    assert 1.3 < litres < 1.6
    assert brain.sum() > box / 3
    np.testing.assert_array_equal(brain, brain[::-1])


def test_values_end_abruptly(volumes):
    """Rule 5's edge: the maps are no smaller beside the zeros than elsewhere, so a zero means outside."""
    brain = demo.brain_mask()
    outside = np.pad(~brain, 1, constant_values=False)
    beside = np.zeros_like(brain)
    for axis in range(3):
        for step in (-1, 1):
            beside |= np.roll(outside, step, axis)[1:-1, 1:-1, 1:-1]
    beside &= brain
    for volume in volumes[0]:
        edge = np.median(abs(volume[beside])) / np.median(abs(volume[brain]))
        assert 0.72 < edge < 1.3


def test_correlations_inside_the_brain_are_the_planned_ones(volumes):
    brain = demo.brain_mask()
    experiments, activity = ([volume[brain] for volume in maps] for maps in volumes)
    r = np.corrcoef(activity, experiments)[:4, 4:]
    np.testing.assert_allclose(r, PLANNED, atol=1e-6)
    assert r.min() <= -0.6
    assert r.max() >= 0.65
    assert np.sum(abs(r) < 0.05) >= 5


def test_the_naive_number_is_visibly_wrong(volumes):
    experiments, activity = ([volume.ravel() for volume in maps] for maps in volumes)
    naive = np.corrcoef(activity, experiments)[:4, 4:]
    off = abs(naive - PLANNED)
    assert 0.45 < off.max() < 0.6
    assert np.median(off) > 0.1
    flipped = (naive * PLANNED < 0) & (np.minimum(abs(naive), abs(PLANNED)) > 0.1)
    assert flipped.sum() >= 8


@pytest.mark.parametrize(("code", "words"), [(errno.ENOSPC, "no room left on the disk"), (errno.EROFS, "read-only")])
def test_a_disk_that_takes_no_map_is_said(tmp_path, monkeypatch, code, words):
    def refused(*_args):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(ResourceError, match=rf"exp-01.*: .*{words}"):
        demo.write_demo_data(str(tmp_path / "data"))
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
