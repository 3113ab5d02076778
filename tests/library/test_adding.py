"""Making a library and adding to it: what is new, what is known, what is refused, and that nothing is half-written."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from made_maps import AFFINE, MASK, volume, write, write_maps, write_mask

import niicorr as nc
from niicorr.hidden import LEFT_BEHIND, hidden_place
from niicorr.library import layout, shards


@pytest.fixture
def library(tmp_path):
    """A library of four maps, and its mask's path."""
    mask = write_mask(tmp_path)
    nc.index(write_maps(tmp_path / "maps", range(4)), tmp_path / "library", mask=mask)
    return str(tmp_path / "library"), mask


def labels(path):
    return [record.label for record in nc.open_library(path).records]


def contents(path):
    return {os.path.relpath(os.path.join(folder, name), path): open(os.path.join(folder, name), "rb").read()
            for folder, _, names in os.walk(path) for name in names}


def test_what_is_there_is_not_added_again(library, tmp_path):
    path, _ = library
    os.rename(tmp_path / "maps", tmp_path / "moved")
    write_maps(tmp_path / "moved", [4])
    shutil.copy(tmp_path / "moved" / "m02.nii.gz", tmp_path / "moved" / "copy.nii.gz")
    report = nc.index(tmp_path / "moved", path)
    assert [record.label for record in report.added] == ["m04"]
    assert sorted(os.path.basename(file) for file, _ in report.known) == ["copy.nii.gz", "m00.nii.gz", "m01.nii.gz",
                                                                          "m02.nii.gz", "m03.nii.gz"]
    assert dict(report.known)[str(tmp_path / "moved" / "copy.nii.gz")] == "m02"
    assert not report.created
    assert report.n_maps == len(nc.open_library(path)) == 5
    before = contents(path)
    again = nc.index(tmp_path / "moved", path)
    assert (again.added, len(again.known)) == ((), 6)
    assert contents(path) == before


def test_maps_of_equal_content_are_one_map(tmp_path):
    write_maps(tmp_path / "maps", [0, 1])
    shutil.copy(tmp_path / "maps" / "m00.nii.gz", tmp_path / "maps" / "m02.nii.gz")
    report = nc.index(tmp_path / "maps", tmp_path / "library", mask=write_mask(tmp_path))
    assert report.known == ((str(tmp_path / "maps" / "m02.nii.gz"), "m00"),)
    assert labels(tmp_path / "library") == ["m00", "m01"]


def test_files_that_have_gone_stay(library, tmp_path):
    path, _ = library
    shutil.rmtree(tmp_path / "maps")
    write_maps(tmp_path / "maps", [9])
    nc.index(tmp_path / "maps", path)
    assert labels(path) == ["m00", "m01", "m02", "m03", "m09"]
    assert nc.search(tmp_path / "maps", path).hits[0][0].note == "same file"


def test_volumes_are_maps_of_their_own(tmp_path):
    mask = write_mask(tmp_path)
    write(tmp_path / "four.nii.gz", np.stack([volume(k) for k in range(3)], axis=3))
    first = nc.index(tmp_path / "four.nii.gz", tmp_path / "library", mask=mask, volumes="0:2")
    second = nc.index(tmp_path / "four.nii.gz", tmp_path / "library", volumes="all")
    assert [record.label for record in first.added] == ["four[0]", "four[1]"]
    assert [record.label for record in second.added] == ["four[2]"]
    assert len(second.known) == 2
    assert [record.volume for record in nc.open_library(tmp_path / "library").records] == [0, 1, 2]
    frame = nc.search(tmp_path / "four.nii.gz", tmp_path / "library", volumes="1:2").to_frame()
    assert frame.loc[0, ["map", "note"]].tolist() == ["four[1]", "same file"]
    assert frame["volume"].tolist()[0] == 1


def test_shards_hold_no_more_than_they_should(tmp_path, monkeypatch):
    """Files of several volumes are cut where a shard is full; the numbers do not change."""
    mask = write_mask(tmp_path)
    volumes = np.stack([volume(k) for k in range(7)], axis=3)
    write(tmp_path / "seven.nii.gz", volumes)
    write(tmp_path / "one.nii.gz", volume(8))
    files = [str(tmp_path / "one.nii.gz"), str(tmp_path / "seven.nii.gz")]
    nc.index(files, tmp_path / "whole", mask=mask)
    monkeypatch.setattr("niicorr.library.adding.SHARD_BYTES", 3 * 4 * int(MASK.sum()))
    nc.index(files, tmp_path / "cut", mask=mask)
    assert [len(shard) for shard in nc.open_library(tmp_path / "cut").shards] == [3, 3, 2]
    frames = [nc.search(files, tmp_path / name, top=None).to_frame() for name in ("whole", "cut")]
    assert frames[0]["map"].tolist() == frames[1]["map"].tolist()
    np.testing.assert_allclose(frames[0]["r"], frames[1]["r"], rtol=1e-12)
    np.testing.assert_allclose(frames[0]["n_effective"], frames[1]["n_effective"], rtol=1e-5)


def test_columns_of_manifests_are_kept(tmp_path):
    write_maps(tmp_path / "maps", range(2))
    (tmp_path / "maps.tsv").write_text("path\tlabel\tdoi\trank\nmaps/m00.nii.gz\tfear\t10/x\tfirst\n"
                                       "maps/m01.nii.gz\t=joy\t10/y\tsecond\n")
    nc.index(tmp_path / "maps.tsv", tmp_path / "library", mask=write_mask(tmp_path))
    frame = nc.search(tmp_path / "maps" / "m00.nii.gz", tmp_path / "library").to_frame()
    assert frame["map"].tolist() == ["fear", "=joy"]
    assert frame["doi"].tolist() == ["10/x", "10/y"]
    assert frame["rank (manifest)"].tolist() == ["first", "second"]


def test_names_stay_unique(library, tmp_path):
    path, _ = library
    for folder, seed in (("other", 20), ("more", 21)):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "m00.nii.gz", volume(seed))
    first = nc.index(tmp_path / "other", path)
    second = nc.index((volume(22), AFFINE), path)
    third = nc.index((volume(23), AFFINE), path)
    nc.index(tmp_path / "more" / "m00.nii.gz", path)
    assert labels(path)[4:] == ["other/m00", second.added[0].label, third.added[0].label, "more/m00"]
    assert len(set(labels(path))) == 8
    assert "is called other/m00: the library has another m00" in first.decisions[0].text


def test_all_bad_files_are_named_and_nothing_is_added(library, tmp_path):
    path, _ = library
    before = contents(path)
    maps = tmp_path / "mixed"
    write_maps(maps, [5, 6])
    (maps / "cut.nii.gz").write_bytes((maps / "m05.nii.gz").read_bytes()[:-40])
    (maps / "text.nii").write_text("no image")
    for place in (path, str(tmp_path / "new" / "library")):
        with pytest.raises(nc.UnusableMapsError, match=r"2 of 4 maps cannot be used") as caught:
            nc.index(maps, place)
        assert {os.path.basename(problem.path) for problem in caught.value.problems} == {"cut.nii.gz", "text.nii"}
    assert contents(path) == before
    assert not (tmp_path / "new").exists()
    report = nc.index(maps, path, on_error="skip")
    assert [record.label for record in report.added] == ["m05", "m06"]
    assert sorted(record.label for record in report.left_out) == ["cut", "text"]
    assert len(nc.open_library(path)) == 6


def test_maps_that_correlate_with_nothing_are_left_out(library, tmp_path):
    path, _ = library
    (tmp_path / "odd").mkdir()
    write(tmp_path / "odd" / "flat.nii.gz", np.where(MASK, 3, 0).astype(np.float32))
    write(tmp_path / "odd" / "outside.nii.gz", np.where(MASK, 0, volume(3) + 9 * ~MASK).astype(np.float32))
    report = nc.index(tmp_path / "odd", path)
    reasons = {record.label: record.error for record in report.left_out}
    assert reasons["flat"] == "constant in the mask: it correlates with nothing"
    assert len(nc.open_library(path)) == 4 + len(report.added)
    with pytest.raises(nc.InputError, match="no map to make a library of"):
        nc.index(tmp_path / "odd" / "flat.nii.gz", tmp_path / "none", mask=write_mask(tmp_path))
    assert not (tmp_path / "none").exists()


def test_the_librarys_own_mask_is_no_map(tmp_path):
    """Who indexes a folder again that the library lies in means the maps."""
    write_maps(tmp_path / "maps", range(2))
    for known in (0, 2):
        report = nc.index(tmp_path / "maps", tmp_path / "maps" / "library", mask=write_mask(tmp_path))
        assert (report.n_maps, len(report.known), report.left_out) == (2, known, ())


def test_one_map_makes_a_library(tmp_path):
    write_maps(tmp_path / "maps", [0])
    report = nc.index(tmp_path / "maps", tmp_path / "library")
    assert (report.created, report.n_maps) == (True, 1)
    assert any(decision.topic == "mask" for decision in report.decisions)
    write(tmp_path / "new.nii.gz", volume(1))
    assert len(nc.search(tmp_path / "new.nii.gz", tmp_path / "library").hits[0]) == 1


@pytest.mark.parametrize(("options", "words"), [
    ({"background": -1}, "read with background auto, not -1"),
    ({"zeros": "data"}, "read with zeros auto, not data"),
    ({"interpolation": "nearest"}, "read with interpolation auto"),
    ({"resample": "never"}, "read with resample auto"),
    ({"mask": "none"}, "a mask of 1.480 voxels, and the one asked for has 4.032; 2.552 voxels differ"),
    ({"grid": (np.zeros((3, 3, 3)), AFFINE)}, "has 16×18×14 voxels"),
    ({"method": "pearson"}, "takes no option 'method'"),
    ({"null": "none"}, "takes no option 'null'"),
    ({"zeros": "maybe"}, "zeros is one of"),
])
def test_other_options_than_the_librarys_are_refused(options, words, library, tmp_path):
    path, _ = library
    before = contents(path)
    with pytest.raises(nc.UsageError, match=words):
        nc.index(write_maps(tmp_path / "more", [7]), path, **options)
    assert contents(path) == before


def test_the_librarys_own_options_may_be_said_again(library, tmp_path):
    path, mask = library
    grid = (np.zeros(MASK.shape), AFFINE)
    nc.index(write_maps(tmp_path / "more", [7]), path, mask=mask, background="auto", zeros="auto", grid=grid)
    assert len(nc.open_library(path)) == 5


@pytest.mark.parametrize("grid", ["x", "y"])
def test_a_grid_of_one_of_two_sets_is_refused(grid, tmp_path):
    with pytest.raises(nc.UsageError, match="auto or a FILE"):
        nc.index(write_maps(tmp_path / "maps", [0]), tmp_path / "library", grid=grid)


def test_nan_as_background_is_remembered(tmp_path):
    values = np.where(MASK, volume(0), np.nan)
    write(tmp_path / "a.nii.gz", values)
    write(tmp_path / "b.nii.gz", np.where(MASK, volume(1), np.nan))
    nc.index(tmp_path / "a.nii.gz", tmp_path / "library", mask=write_mask(tmp_path), background=np.nan)
    nc.index(tmp_path / "b.nii.gz", tmp_path / "library", background=np.nan)
    assert len(nc.open_library(tmp_path / "library")) == 2


def test_other_folders_are_left_alone(tmp_path):
    maps = write_maps(tmp_path / "maps", [0])
    (tmp_path / "file").write_text("x")
    for name, words in (("maps", "holds files that are no library"), ("file", "is a file"), ("", "is empty")):
        with pytest.raises(nc.UsageError, match=words):
            nc.index(maps, str(tmp_path / name) if name else "")
    (tmp_path / "empty").mkdir()
    nc.index(maps, tmp_path / "empty")
    assert len(nc.open_library(tmp_path / "empty")) == 1


@pytest.mark.parametrize("name", ["write_features", "write_matrix", "put_in_place"])
def test_a_full_disk_leaves_the_library_as_it_was(name, library, tmp_path, monkeypatch):
    path, _ = library
    before = contents(path)

    def full(*_, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shards, name, full)
    maps = write_maps(tmp_path / "more", [7])
    with pytest.raises(nc.ResourceError, match="no room left"):
        nc.index(maps, path)
    with pytest.raises(nc.ResourceError, match="no room left"):
        nc.index(maps, tmp_path / "new")
    assert contents(path) == before
    assert not [entry for entry in os.listdir(tmp_path) if "new" in entry or entry.startswith(".")]


KILLED = """
import os, sys
from niicorr.library import shards
import niicorr as nc
def die(*_):
    os.kill(os.getpid(), 9)
setattr(shards, sys.argv[1], die)
nc.index(sys.argv[2], sys.argv[3])
"""


@pytest.mark.parametrize("name", ["write_features", "put_in_place"])
def test_a_killed_process_leaves_the_library_as_it_was(name, library, tmp_path):
    path, _ = library
    before = contents(path)
    maps = write_maps(tmp_path / "more", [7])
    died = subprocess.run([sys.executable, "-c", KILLED, name, maps, path], check=False)
    assert died.returncode == -9
    assert [entry for entry in os.listdir(path) if entry.startswith(".niicorr-")]
    assert {file: data for file, data in contents(path).items() if not file.startswith(".")} == before
    assert len(nc.open_library(path)) == 4
    nc.index(maps, path)
    assert not [entry for entry in os.listdir(path) if entry.startswith(".")]
    assert labels(path) == ["m00", "m01", "m02", "m03", "m07"]


def test_what_another_machine_left_is_removed_when_it_is_old_by_the_clock_of_the_disk(library, tmp_path, monkeypatch):
    path, _ = library
    living, dead, own = (os.path.join(path, f".niicorr-{name}-{os.getppid()}-0123abcd")
                         for name in ("elsewhere", "else-where", socket.gethostname()[:32]))
    long_ago = time.time() - LEFT_BEHIND - 60
    for place in (living, dead, own):
        os.mkdir(place)
    for place in (dead, own):
        os.utime(place, (long_ago, long_ago))
    monkeypatch.setattr(time, "time", lambda: long_ago + 1e8)  # and the clock here was set
    nc.index(write_maps(tmp_path / "more", [7]), path)
    monkeypatch.undo()
    assert [os.path.exists(place) for place in (living, dead, own)] == [True, False, True]
    assert labels(path) == ["m00", "m01", "m02", "m03", "m07"]


def test_two_processes_at_once(library, tmp_path):
    """Each adds a map of its own, and one that both add, which counts once."""
    path, _ = library
    for name, seed in (("one", 10), ("two", 11)):
        write_maps(tmp_path / name, [seed, 12])
    code = "import niicorr as nc, sys; nc.index(sys.argv[1], sys.argv[2])"
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path / name), path]) for name in ("one", "two")]
    assert [process.wait() for process in running] == [0, 0]
    assert sorted(labels(path)) == ["m00", "m01", "m02", "m03", "m10", "m11", "m12"]
    assert len(nc.open_library(path).shards) == 3


def test_of_two_numbers_each_goes_to_one(library, monkeypatch):
    """Both saw the same shards before either was put in place."""
    path, _ = library
    monkeypatch.setattr(layout, "shard_names", lambda _: [])
    work = hidden_place(path)
    shutil.copytree(os.path.join(path, "shard-000001"), work)
    assert layout.put_in_place(path, work) == "shard-000002"


def test_a_library_that_another_process_made_meanwhile_is_not_touched(library, tmp_path, monkeypatch):
    path, mask = library
    before = contents(path)
    monkeypatch.setattr("niicorr.library.adding.judge_place", lambda _: False)
    with pytest.raises(nc.UsageError, match="made by another process meanwhile: run the command again"):
        nc.index(write_maps(tmp_path / "more", [7]), path, mask=mask)
    assert contents(path) == before
