"""Limits of the system: few open files, disks that fill up at each output, folders that may only be read."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest
from faulty_runs import Forked, hidden, run, without_rights

import niicorr as nc
from interrupted_runs import contents, write_maps
from niicorr.cli.main import main
from niicorr.resume.kept import place_of

QUICK = ("-q", "--no-figures", "--no-report")


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """Four maps, a run with all outputs, and the size of each."""
    folder = tmp_path_factory.mktemp("few")
    paths = write_maps(folder / "maps", 4)
    # In this process, so that no fork of it need import what figures take.
    assert main(["run", "-x", *paths, "-o", str(folder / "out"), "-q", "--contributions"]) == 0
    sizes = {name: os.path.getsize(folder / "out" / name) for name in os.listdir(folder / "out")}
    assert len(sizes) > 12
    return paths, folder / "out", sizes


def test_fifty_file_handles_are_enough(tmp_path):
    paths = write_maps(tmp_path / "maps", 10)
    for k in range(10, 300):
        shutil.copy(paths[k % 10], tmp_path / "maps" / f"more{k:03d}.nii.gz")
    maps = str(tmp_path / "maps")
    expected = nc.correlate(maps, null="none", warn=False)
    for options in ((), ("--cache", tmp_path / "cache"), ("--cache", tmp_path / "cache"), ("--resume",)):
        done = run("-x", maps, "-o", tmp_path / "out", "--jobs", "8", "--null", "none", *QUICK, *options,
                   limits={resource.RLIMIT_NOFILE: 47})  # and the three streams
        assert done.code == 0, done.said
        np.testing.assert_array_equal(nc.load(tmp_path / "out").estimate, expected.estimate)


@pytest.mark.parametrize("left", [0, 1])
def test_hardly_any_file_handle_is_said(tmp_path, few, left):
    paths, *_ = few
    done = run("-x", *paths, "-o", tmp_path / "out", "--jobs", "4", *QUICK, limits={resource.RLIMIT_NOFILE: left})
    assert done.code in ((0, 4) if left else (4,)), done.said  # threads may or may not want it at once
    assert done.code == 0 or "too many open files: let this process open more of them" in done.said
    assert hidden(tmp_path) == []


def test_a_disk_that_fills_up_at_each_output(tmp_path, few):
    """No file may be as large as this one is: whatever is written first and larger fails, the older result is whole."""
    paths, out, sizes = few
    older = contents(out)
    names = sorted(os.listdir(out))
    for size in sorted(set(sizes.values()))[::3]:
        limit = size - max(size // 20, 1)  # the page tells times, so it is not of one size in every run
        done = run("-x", *paths, "-o", out, "-q", "--contributions", limits={resource.RLIMIT_FSIZE: limit})
        assert done.code == 4, (size, done.said)
        assert "a file would be larger than this system allows" in done.said
        assert contents(out) == older
        assert sorted(os.listdir(out)) == names


def test_a_disk_that_is_really_full(tmp_path, few):
    paths, *_ = few
    mount = ["unshare", "--mount", "--map-root-user", "sh", "-c",
             'mount -t tmpfs -o size=60k none "$0" && cd "$0" && "$@"; code=$?; ls -A "$0"; exit $code', str(tmp_path)]
    if not shutil.which("unshare") or subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    argv = [*mount, sys.executable, "-m", "niicorr", "run", "-x", *paths, "-o", "out", "-q", "--null", "none",
            "--resume"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 4, done.stderr
    assert "no room left on the disk" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert "out\n" not in done.stdout.replace(".out", "")


@pytest.mark.parametrize(("out", "options", "code"), [("locked/out", (), 4), ("locked/out", ("--resume",), 4),
                                                      ("out", ("--cache", "locked/cache"), 0)])
def test_a_folder_that_may_only_be_read(tmp_path, few, monkeypatch, out, options, code):
    paths, *_ = few
    (tmp_path / "locked").mkdir()
    os.chmod(tmp_path / "locked", 0o555)
    monkeypatch.chdir(tmp_path)
    done = run("-x", *paths, "-o", out, *QUICK, *options, before=without_rights)
    assert done.code == code, done.said
    assert code == 0 or "no permission to write there" in done.said
    assert os.listdir(tmp_path / "locked") == []


def test_a_file_where_work_is_to_be_kept_is_left_alone(tmp_path, few):
    paths, *_ = few
    place = place_of(str(tmp_path / "out"))
    with open(place, "w") as file:
        file.write("mine")
    done = run("-x", *paths, "-o", tmp_path / "out", *QUICK, "--resume")
    assert done.code == 2
    assert "is a file, not a folder that an interrupted run left" in done.said
    assert hidden(tmp_path) == [place]


def test_three_runs_on_one_output_at_once(tmp_path, few):
    paths, *_ = few
    alone = nc.correlate(paths, warn=False)
    for _ in range(2):  # onto nothing, and onto the result of that
        runs = [Forked("run", "-x", *paths, "-o", tmp_path / "out", *QUICK) for _ in range(3)]
        ended = [process.end() for process in runs]
        assert 0 in [process.code for process in ended], ended
        assert {process.code for process in ended} <= {0, 2, 4}, ended
        np.testing.assert_array_equal(nc.load(tmp_path / "out").estimate, alone.estimate)
        assert hidden(tmp_path) == []
