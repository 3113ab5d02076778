"""``--cache`` and ``niicorr cache``: the same result with and without, and what is said."""

from __future__ import annotations

import json
import os

import nibabel as nib
import numpy as np
import pytest

from niicorr.cli.main import main
from niicorr.cli.parser import parse
from niicorr.errors import UsageError
from niicorr.images.cache import files

SHAPE, AFFINE = (14, 12, 10), np.diag([12.0, 12, 12, 1])
SAME = ("correlations.csv", "pairs.tsv", "maps.tsv", "mask.nii.gz", "report_data.npz")


@pytest.fixture(autouse=True)
def long_ago(monkeypatch):
    monkeypatch.setattr(files, "RACY_NS", -(10**15))


@pytest.fixture
def maps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    inside = (at**2).sum(axis=0) < 0.8
    for name, count, background in (("x", 5, -1), ("y", 3, 0)):
        os.mkdir(name)
        for k in range(count):
            rng = np.random.default_rng(10 * count + k)
            values = np.where(inside, rng.standard_normal(SHAPE) + at[k % 3] + 3, background)
            nib.save(nib.Nifti1Image(values.astype(np.float32), AFFINE), f"{name}/{name}{k}.nii.gz")
    labels = np.where(inside, 1 + (at[0] > 0) + 2 * (at[1] > 0) + 4 * (at[2] > 0) + 8 * (abs(at[0]) > 0.4), 0)
    nib.save(nib.Nifti1Image(labels.astype(np.int16), AFFINE), "atlas.nii.gz")


def run(out, *options, command="run"):
    return main([command, "-x", "x", "-y", "y", "-o", out, "--no-figures", "--no-report", "--null", "none", *options])


def result(out):
    return {name: open(os.path.join(out, name), "rb").read() for name in SAME}


@pytest.mark.parametrize("more", [[], ["--atlas", "atlas.nii.gz"], ["--method", "spearman"], ["--jobs", "1"],
                                  ["--memory", "1M"], ["--zeros", "data", "--background", "-1"]], ids=" ".join)
def test_the_result_is_the_same_to_the_last_byte(maps, capsys, more):
    assert run("without", *more) == 0
    for out in ("first", "second"):
        assert run(out, *more, "--cache", "kept") == 0
        assert result(out) == result("without")
    assert "cache       all 8 maps came from kept" in capsys.readouterr().err
    record = json.load(open("second/run.json"))  # noqa: SIM115
    assert record["options"]["cache"] == "kept"
    assert {"topic": "cache", "text": "all 8 maps came from kept"} in record["decisions"]


def test_check_fills_the_cache_that_run_uses(maps, capsys):
    assert main(["check", "-x", "x", "-y", "y", "--cache", "kept"]) == 0
    assert "none of 8 maps came from kept, 8 were added to it" in capsys.readouterr().err
    assert run("out", "--cache", "kept") == 0
    assert "all 8 maps came from kept" in capsys.readouterr().err


def test_damage_is_told_and_mended(maps, capsys):
    run("without")
    run("first", "--cache", "kept")
    (shard, *_) = [os.path.join("kept", name) for name in sorted(os.listdir("kept")) if name.endswith(".npy")]
    with open(shard, "r+b") as file:
        file.seek(200)
        file.write(b"damage")
    capsys.readouterr()
    assert main(["cache", "info", "kept"]) == 0
    assert "1 map damaged or gone: the next run that needs it reads its file again" in capsys.readouterr().err
    assert run("second", "--cache", "kept") == 0
    assert result("second") == result("without")
    assert "damaged or gone in kept, and read from the files again: " in capsys.readouterr().err
    assert main(["cache", "info", "kept", "--json"]) == 0
    said = capsys.readouterr()
    assert "1 map found damaged by earlier runs and no longer used" in said.err
    summary = json.loads(said.out)
    assert (summary["maps"], summary["damaged"], summary["replaced"], summary["format"]) == (8, 0, 1, 2)


def test_info_and_clear(maps, capsys):
    run("out", "--cache", "kept", "-q")
    size = sum(os.path.getsize(os.path.join("kept", name)) for name in os.listdir("kept"))
    capsys.readouterr()
    assert main(["cache", "info", "kept"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (f"kept: 8 maps, {size / 1e3:.1f} kB in 2 shards, format 2\n"
                        "8 files will not be opened again as long as nothing changes them\n")
    assert main(["cache", "clear", "kept", "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == f"cleared: kept  {(size - 53) / 1e3:.1f} kB freed (4 files)\n"
    assert json.loads(said.out)["bytes"] == size - 53
    assert os.listdir("kept") == ["niicorr-cache.json"]
    assert main(["cache", "clear", "kept", "-q"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("argv", "words"), [
    (["cache", "clear", "x"], "x is no cache of niicorr (no niicorr-cache.json in it)"),
    (["cache", "info", "gone"], "gone: no such folder"),
    (["run", "-x", "x", "-o", "out", "--cache", "x"], "x holds files that are no cache of niicorr"),
    (["run", "-x", "x", "-o", "out", "--cache", "atlas.nii.gz"], "atlas.nii.gz is a file, not a folder"),
    (["run", "-x", "x", "-o", "out", "--cache", ""], "the cache needs the name of a folder"),
])
def test_a_wrong_folder_is_wrong_usage(maps, capsys, argv, words):
    before = sorted(os.listdir("x"))
    assert main(argv) == 2
    assert words in capsys.readouterr().err
    assert sorted(os.listdir("x")) == before
    assert not os.path.exists("out")


@pytest.mark.parametrize("argv", [["cache"], ["cache", "empty", "x"], ["cache", "info"], ["cache", "clear", "a", "b"],
                                  ["rois", "bold.nii", "--cache", "x"]], ids=" ".join)
def test_a_wrong_call_says_where_to_look(argv):
    with pytest.raises(UsageError, match="See niicorr"):
        parse(argv)
