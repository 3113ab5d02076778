"""Example data: the same bytes on every call, and true in what they say of themselves."""

from __future__ import annotations

import hashlib
import os
import sys
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc
from niicorr import datasets
from niicorr.datasets.files import smooth_field


def digest(paths):
    whole = hashlib.sha256()
    for path in sorted(paths):
        with open(path, "rb") as file:
            whole.update(file.read())
    return whole.hexdigest()


@pytest.mark.parametrize("make", [datasets.mixed_grids, datasets.thresholded, datasets.bold])
def test_the_same_bytes_on_every_call_and_nobody_elses_overwritten(make, tmp_path):
    example = make(str(tmp_path / "a"))
    again = make(str(tmp_path / "b"))
    assert example.about
    assert digest(example.x + example.y + example.confounds) == digest(again.x + again.y + again.confounds)
    make(str(tmp_path / "a"))  # over its own files
    foreign = example.x[0]
    with open(foreign, "wb") as file:
        file.write(b"my own data")
    with pytest.raises(nc.UsageError, match=r"is not the demo's and would be overwritten"):
        make(str(tmp_path / "a"))
    with open(foreign, "rb") as file:
        assert file.read() == b"my own data"


def test_the_question_has_the_correlations_it_promises(tmp_path):
    example = datasets.question(str(tmp_path))
    result = nc.correlate(list(example.x), list(example.y), null="none")
    np.testing.assert_allclose(result.r.to_numpy(), example.truth["r"], atol=1e-6)


def test_a_field_is_the_same_on_any_grid():
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = -20, 4, 7
    whole = smooth_field(3, affine, (12, 10, 8))
    moved = affine @ np.array([[0.0, -1, 0, 11], [1, 0, 0, 2], [0, 0, 1, 0], [0, 0, 0, 1]])
    # Voxel (a, b, c) of the turned grid is voxel (11 − b, a + 2, c) of the first.
    turned = smooth_field(3, moved, (8, 12, 8))
    np.testing.assert_allclose(turned, whole[::-1, 2:].transpose(1, 0, 2), atol=1e-12)
    sample = np.array([smooth_field(seed, affine, (2, 1, 1)).ravel() for seed in range(400)])
    expected = np.exp(-2 * np.log(2) * 9 / 30**2)  # of white noise smoothed to 30 mm, 3 mm apart
    assert np.corrcoef(sample.T)[0, 1] == pytest.approx(expected, abs=0.02)


def test_one_field_on_several_grids_is_one_row_of_equal_numbers(tmp_path):
    example = datasets.mixed_grids(str(tmp_path))
    grids = {(nib.load(path).shape, nib.load(path).affine.tobytes()) for path in example.x}
    assert len(grids) == 5
    r = nc.correlate(list(example.x), list(example.y), grid="y", null="none", warn=False).r
    for row in r.to_numpy():
        np.testing.assert_allclose(row[:3], row[0], atol=1e-6)
        np.testing.assert_allclose(row, row[0], atol=0.03)
        assert 0.2 < row[0] < 0.7


def test_thresholded_maps_are_the_whole_ones_beyond_the_threshold(tmp_path):
    example = datasets.thresholded(str(tmp_path))
    for cut, whole in zip(example.x, example.y, strict=False):
        a, b = (np.asarray(nib.load(path).dataobj) for path in (cut, whole))
        np.testing.assert_array_equal(a, np.where(abs(b) >= np.float32(2.3), b, 0))
        assert 0.02 < np.mean(a[b != 0] != 0) < 0.6


def test_regions_of_a_network_go_together(tmp_path):
    example = datasets.bold(str(tmp_path))
    result = nc.correlate_rois(example.x[0], example.atlas, confounds=example.confounds[0],
                               strategy=["motion6", "wm_csf"], warn=False)
    same = example.truth["network"][:, None] == example.truth["network"]
    r = result.r.to_numpy()
    off = ~np.eye(40, dtype=bool)
    assert r[same & off].mean() > 0.25
    assert abs(r[~same].mean()) < 0.1
    assert [region.network for region in result.parcellation.regions][:10] == ["Vis"] * 10
    assert {region.hemisphere for region in result.parcellation.regions} == {"L", "R"}
    sides = np.array([region.centroid[0] < 0 for region in result.parcellation.regions])
    np.testing.assert_array_equal(sides, example.truth["right"] == 0)
    assert result.series[0].t_r == 2


def test_neurovault_through_nilearn(monkeypatch, tmp_path):
    asked = {}

    def fetch(**how):
        asked.update(how)
        return SimpleNamespace(images=["a.nii.gz", "b.nii.gz", "c.nii.gz"])

    monkeypatch.setattr("nilearn.datasets.fetch_neurovault_ids", fetch)
    example = datasets.neurovault(1952, str(tmp_path), most=2)
    assert example.x == ("a.nii.gz", "b.nii.gz")
    assert asked["collection_ids"] == (1952,)
    monkeypatch.setattr("nilearn.datasets.fetch_neurovault_ids", lambda **_: 1 / 0)
    with pytest.raises(nc.InputError, match=r"1952 could not be fetched \(ZeroDivisionError"):
        datasets.neurovault(1952)
    with pytest.raises(nc.UsageError, match="whole number"):
        datasets.neurovault("1952")


def test_what_neuromaps_has_fetched(monkeypatch, tmp_path):
    place = tmp_path / "annotations" / "dukart2018" / "fpcit" / "MNI152"
    place.mkdir(parents=True)
    (place / "source-dukart2018_desc-fpcit_space-MNI152_res-3mm_feature.nii.gz").touch()
    monkeypatch.setenv("NEUROMAPS_DATA", str(tmp_path))
    assert [os.path.dirname(path) for path in datasets.neuromaps().y] == [str(place)]
    assert "neuromaps" not in sys.modules
    with pytest.raises(nc.InputError, match="source hansen"):
        datasets.neuromaps(source="hansen*")
    with pytest.raises(nc.InputError, match="no such folder"):
        datasets.neuromaps(str(tmp_path / "none"))


@pytest.mark.parametrize("name", ["atlas.tsv", "sub-01_task-rest_desc-confounds_timeseries.tsv"])
def test_tables_of_others_are_not_overwritten(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(nc.UsageError, match="would be overwritten"):
        datasets.bold(str(tmp_path))
    assert sorted(os.listdir(tmp_path)) == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_pipe_in_the_place_of_a_map_is_not_waited_for(tmp_path):
    os.makedirs(tmp_path / "whole")
    os.mkfifo(tmp_path / "whole" / "contrast-1.nii.gz")
    with pytest.raises(nc.UsageError, match="would be overwritten"):
        datasets.thresholded(str(tmp_path))
