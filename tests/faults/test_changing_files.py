"""Files that somebody writes to while they are compared: refused by name, never half of one and half of the other."""

from __future__ import annotations

import os
import shutil

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc
from interrupted_runs import QUICK, write_maps
from niicorr import preparing
from niicorr.cli.main import main
from niicorr.images import extract as extracting
from niicorr.images.survey import survey

CHANGED = "changed after its header had been read"
CHANGED_LATER = "the file changed while niicorr was at work"


@pytest.fixture
def paths(tmp_path):
    return write_maps(tmp_path / "maps", 6)


def rewrite(path, change, affine=None):
    image = nib.load(path)
    values = np.asarray(image.dataobj).copy()
    change(values)
    nib.save(nib.Nifti1Image(values, image.affine if affine is None else affine), path)


def other_values(path):
    rewrite(path, lambda values: values.__imul__(1.5))


def other_place(path):
    rewrite(path, lambda values: None, np.diag([3.0, 3, 3, 1]))


def other_shape(path):
    nib.save(nib.Nifti1Image(np.ones((9, 9, 9), np.float32), np.eye(4)), path)


def cut(path):
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) // 2)


def emptied(path):
    with open(path, "wb"):
        pass


def replaced_by_a_folder(path):
    os.remove(path)
    os.mkdir(path)


AFTER_HEADERS = {other_place: CHANGED, other_shape: CHANGED, cut: "ends early", emptied: "the file is empty (0 bytes)",
                 os.remove: "no such file", replaced_by_a_folder: "folder"}
AFTER_READING = {other_values: CHANGED_LATER, other_place: CHANGED, cut: "ends early", emptied: "empty",
                 os.remove: "no such file", replaced_by_a_folder: "folder"}


def between_headers_and_voxels(monkeypatch, path, change):
    def meddled(maps, **how):
        if os.path.exists(path) and not done:
            done.append(change(path))
        return survey(maps, **how)

    done = []
    monkeypatch.setattr(preparing, "survey", meddled)


def between_voxels_and_matrix(monkeypatch, path, change):
    """No voxel finds room on the shelf, so that every file is read twice."""
    real = extracting.settle

    def meddled(read, *rest):
        if not done:
            done.append(change(path))
        return real(read, *rest)

    done = []
    monkeypatch.setattr("niicorr.images.shelf.Shelf.put", lambda *_: None)
    monkeypatch.setattr(extracting, "settle", meddled)


def run(tmp_path, paths, *options):
    return main(["run", "-x", *paths, "-o", str(tmp_path / "work" / "out"), *QUICK, "--null", "none", *options])


def said(capsys):
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("change", AFTER_HEADERS, ids=lambda change: change.__name__)
def test_after_its_header_was_read(tmp_path, paths, monkeypatch, capsys, change):
    between_headers_and_voxels(monkeypatch, paths[2], change)
    assert run(tmp_path, paths) == 3
    text = said(capsys)
    assert ("1 path leads to no map" if change is os.remove else "1 of 6 maps cannot be used") in text
    assert "map002.nii.gz" in text
    assert AFTER_HEADERS[change] in text
    assert not (tmp_path / "work").exists()


def test_after_its_header_was_read_it_may_be_left_out(tmp_path, paths, monkeypatch):
    between_headers_and_voxels(monkeypatch, paths[2], other_place)
    assert run(tmp_path, paths, "--on-error", "skip") == 0
    result = nc.load(tmp_path / "work" / "out")
    assert CHANGED in result.x_maps[2].error
    assert np.isnan(result.estimate[2, 0])
    assert np.isfinite(result.estimate[1, 0])


@pytest.mark.parametrize("options", [(), ("--cache", "cache")], ids=["plain", "cached"])
def test_values_written_after_the_header_are_those_of_the_file(tmp_path, paths, monkeypatch, options):
    """Only the header was read before; what is read then is read whole, and its hash is told."""
    monkeypatch.chdir(tmp_path)
    between_headers_and_voxels(monkeypatch, paths[2], other_values)
    assert run(tmp_path, paths, *options) == 0
    found = nc.load(tmp_path / "work" / "out")
    monkeypatch.undo()
    expected = nc.correlate(paths, null="none", warn=False)
    np.testing.assert_array_equal(found.estimate, expected.estimate)
    assert found.x_maps[2].blake2b == expected.x_maps[2].blake2b


@pytest.mark.parametrize("jobs", ["1", "3"])
@pytest.mark.parametrize("change", AFTER_READING, ids=lambda change: change.__name__)
def test_between_reading_and_comparing(tmp_path, paths, monkeypatch, capsys, change, jobs):
    between_voxels_and_matrix(monkeypatch, paths[2], change)
    assert run(tmp_path, paths, "--jobs", jobs) == 3
    text = said(capsys)
    assert "map002.nii.gz" in text
    assert AFTER_READING[change] in text
    assert not (tmp_path / "work").exists()


def test_a_half_of_a_pair(tmp_path, paths, monkeypatch, capsys):
    image = nib.load(paths[0])
    nib.save(nib.Nifti1Pair(np.asarray(image.dataobj), image.affine), tmp_path / "pair.hdr")

    def meddle(path):
        nib.save(nib.Nifti1Pair(np.asarray(image.dataobj), np.diag([3.0, 3, 3, 1])), tmp_path / "other.hdr")
        shutil.copy(tmp_path / "other.hdr", tmp_path / "pair.hdr")

    for named in ("pair.hdr", "pair.img"):
        with monkeypatch.context() as patch:
            between_headers_and_voxels(patch, str(tmp_path / named), meddle)
            assert run(tmp_path, [*paths, str(tmp_path / named)]) == 3
        text = said(capsys)
        assert named in text
        assert CHANGED in text
        nib.save(nib.Nifti1Pair(np.asarray(image.dataobj), image.affine), tmp_path / "pair.hdr")


def test_files_that_stay_are_read_twice_in_peace(tmp_path, paths, monkeypatch):
    expected = nc.correlate(paths, null="none", warn=False)
    between_voxels_and_matrix(monkeypatch, paths[2], lambda path: None)
    assert run(tmp_path, paths) == 0
    np.testing.assert_array_equal(nc.load(tmp_path / "work" / "out").estimate, expected.estimate)


def test_a_doubtful_pair_read_again_at_the_very_end(tmp_path, paths):
    """Values of a pair that sums are too coarse for come from the file once more, when all else has been done."""
    maps = nc.survey(nc.read_maps(paths))
    matrix = nc.extract(maps, nc.choose_sampling(maps))
    row = matrix.exact(2)
    np.testing.assert_allclose(row, matrix.values[2], rtol=1e-6)
    other_values(paths[2])
    with pytest.raises(nc.MapError, match=CHANGED_LATER):
        matrix.exact(2)
