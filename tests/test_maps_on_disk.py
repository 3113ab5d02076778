"""Maps that would take more than half of the memory lie in a file: the numbers are the same, and it is said."""

from __future__ import annotations

import errno
import os
import tempfile
from collections import namedtuple

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc
from niicorr import scratch

AFFINE = np.diag([4.0, 4, 4, 1])
SHAPE = (16, 16, 16)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(3)
    common = rng.standard_normal(SHAPE)
    for k in range(12):
        values = common + rng.standard_normal(SHAPE)
        values[k // 2, :3] = np.nan
        nib.save(nib.Nifti1Image(values.astype("f4"), AFFINE), tmp_path / f"map-{k:02}.nii")
    return tmp_path


def test_the_numbers_are_those_of_maps_in_memory(folder, monkeypatch):
    how = {"mask": "none", "method": "spearman", "null": "effective", "warn": False}
    in_memory = nc.correlate(str(folder), **how)
    lying = []
    zeros = scratch.zeros
    monkeypatch.setattr("niicorr.images.extract.zeros_of", lambda *a, **k: lying.append(k["on_disk"]) or zeros(*a, **k))
    on_disk = nc.correlate(str(folder), memory=400_000, **how)
    assert lying == [True]
    for name in ("estimate", "counts"):
        np.testing.assert_array_equal(getattr(on_disk, name), getattr(in_memory, name))
    for name, values in in_memory.inferred.items():
        np.testing.assert_array_equal(on_disk.inferred[name], values)
    (said,) = [d.text for d in on_disk.decisions if d.topic == "memory"]
    assert said.startswith("12 maps of 4\u00a0096 voxels take")
    assert not [d for d in in_memory.decisions if d.topic == "memory"]


@pytest.mark.parametrize("null", ["effective", "surrogate", "independent"])
@pytest.mark.parametrize("sets", [1, 2])
def test_a_result_in_files_has_the_same_numbers(folder, tmp_path, monkeypatch, null, sets):
    both = [str(folder / "map-0[0-4]*"), str(folder / "map-0[5-9]*")][:sets]
    how = {"mask": "none", "null": null, "n_surrogates": 19, "warn": False}
    in_memory = nc.correlate(*both, **how)
    monkeypatch.setattr("niicorr.analysis.RESULT", 0)
    in_files = nc.correlate(*both, **how)
    in_memory.save(tmp_path / "a")
    in_files.save(tmp_path / "b")
    for name in ("correlations.csv", "pairs.tsv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    bases = {type(array.base) for array in (in_files.estimate, in_files.inferred["p_fdr"])}
    assert bases != {type(None)}
    (said,) = [d.text for d in in_files.decisions if d.topic == "memory"]
    assert said.startswith("the numbers of")


def test_a_full_disk_is_one_clear_message(folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(nc.ResourceError, match=r"has no room for maps .* No space left on device.*TMPDIR"):
        nc.correlate(str(folder), mask="none", null="none", memory=400_000)


def test_the_file_has_no_name_and_its_room_from_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rows = scratch.zeros((3, 5), np.float32, "maps", on_disk=True)
    assert os.listdir(tmp_path) == []
    assert not rows.any()
    rows[1] = 7
    assert rows.sum() == 35
    assert scratch.zeros((0, 5), np.float32, "maps", on_disk=True).shape == (0, 5)


@pytest.mark.parametrize(("free", "left", "what"), [(10_000, "9.77 KiB", "maps"),
                                                    (5_000_000, "4.77 MiB", "the numbers of all pairs")])
def test_too_little_room_is_noticed_before_the_work(folder, monkeypatch, free, left, what):
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(free))
    work = "niicorr.extraction.extract" if what == "maps" else "niicorr.analysis.Similarity.__call__"
    monkeypatch.setattr(work, lambda *_, **__: pytest.fail("too late"))
    if what != "maps":
        monkeypatch.setattr("niicorr.analysis.HELD_PER_CELL", 50_000)
    with pytest.raises(nc.ResourceError, match=rf"has no room for {what} \([\d.]+ [KM]iB; {left} are left\)"):
        nc.correlate(str(folder), mask="none", memory=400_000)
