"""What somebody changed in a saved result, be it as likely as it may, is refused by name: ``run.json`` holds hashes."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc
from niicorr.cli.main import main

AFFINE = np.diag([2.0, 2, 2, 1])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    rng = np.random.default_rng(0)
    maps = []
    for k in range(5):
        folder = tmp_path_factory.mktemp(f"map{k}")
        nib.save(nib.Nifti1Image(rng.standard_normal((8, 9, 7)).cumsum(0).cumsum(1), AFFINE), folder / f"map{k}.nii")
        maps.append(str(folder / f"map{k}.nii"))
    out = tmp_path_factory.mktemp("saved") / "out"
    assert main(["run", "-x", *maps[:3], "-y", *maps[3:], "-o", str(out), "--mask", "none", "--contributions",
                 "--quiet"]) == 0
    return out


@pytest.fixture
def out(tmp_path, saved):
    return shutil.copytree(saved, tmp_path / "out")


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def with_array(out, name, change):
    with np.load(out / "report_data.npz", allow_pickle=False) as arrays:
        known = dict(arrays)
    change(known[name])
    np.savez(out / "report_data.npz", **known)


def with_record(out, change):
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    change(record)
    (out / "run.json").write_text(json.dumps(record), encoding="utf-8")


def packed_again(place):
    place.write_bytes(gzip.compress(gzip.decompress(place.read_bytes()), 1))


def test_every_file_but_what_is_drawn_has_its_hash(out):
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    drawn = {"heatmap.png", "heatmap.svg", "report.html", "run.json"}
    assert {"correlations.csv", "pairs.tsv", "maps.tsv", "report_data.npz", "mask.nii.gz",
            "contributions.tsv"} < set(record["hashes"])
    assert set(record["hashes"]) == set(record["files"]) - drawn
    for name, told in record["hashes"].items():
        assert told == hashlib.blake2b((out / name).read_bytes(), digest_size=16).hexdigest()


EDITS = {
    "r within its interval": ("report_data.npz", lambda out: with_array(
        out, "estimate", lambda r: r.__setitem__((0, 0), r[0, 0] + 1e-4))),
    "a p": ("report_data.npz", lambda out: with_array(out, "p", lambda p: p.__setitem__((1, 2), 0.04))),
    "a label": ("run.json", lambda out: with_record(out, lambda record: record["x_maps"][0].update(label="reward"))),
    "a text": ("run.json", lambda out: with_record(out, lambda record: record["decisions"].pop())),
    "a seed": ("run.json", lambda out: with_record(out, lambda record: record["options"].update(seed=7))),
    "a time": ("run.json", lambda out: with_record(out, lambda record: record["timings"].update(total=0.1))),
    "no hash of the arrays": ("run.json", lambda out: with_record(
        out, lambda record: record["hashes"].pop("report_data.npz"))),
    "no hash of the record": ("run.json", lambda out: with_record(out, lambda record: record.pop("digest"))),
    "no hashes": ("run.json", lambda out: with_record(out, lambda record: record.pop("hashes"))),
    "the mask in other bytes": ("mask.nii.gz", lambda out: packed_again(out / "mask.nii.gz")),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_is_refused_by_name(out, capsys, what):
    name, edit = EDITS[what]
    edit(out)
    before = contents(out)
    with pytest.raises(nc.InputError, match=rf"{name} is not what niicorr wrote"):
        nc.load(out)
    assert main(["report", str(out)]) == 3
    said = capsys.readouterr().err
    assert f"{name} is not what niicorr wrote" in said
    assert str(out) in said
    assert contents(out) == before


def test_the_same_record_in_other_words_is_the_same(out):
    before = nc.load(out).estimate
    with_record(out, lambda record: None)
    np.testing.assert_array_equal(nc.load(out).estimate, before)


def test_changed_tables_are_named_together_and_nothing_is_drawn(out, capsys):
    table = (out / "correlations.csv").read_text(encoding="utf-8").splitlines()
    first = table[1].split(",")
    table[1] = ",".join([first[0], ".99", *first[2:]])
    (out / "correlations.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    with open(out / "pairs.tsv", "ab") as file:
        file.write(b"\n")
    before = contents(out)
    assert main(["report", str(out)]) == 3
    said = capsys.readouterr().err
    assert "correlations.csv and pairs.tsv are not what niicorr wrote: move them elsewhere" in said
    assert contents(out) == before
    nc.load(out)  # which reads no tables
    for name in ("correlations.csv", "pairs.tsv"):
        (out / name).rename(out.parent / name)
    assert main(["report", str(out), "--quiet"]) == 0
    assert "correlations.csv" not in json.loads((out / "run.json").read_text(encoding="utf-8"))["files"]
    nc.load(out)


def test_figures_may_be_exchanged_and_drawn_again(out):
    (out / "heatmap.png").write_bytes(b"mine")
    assert main(["report", str(out), "--no-figures", "--quiet"]) == 0
    assert (out / "heatmap.png").read_bytes() == b"mine"
    assert main(["report", str(out), "--format", "svg", "--quiet"]) == 0
    assert not (out / "heatmap.png").exists()
    nc.load(out)


@pytest.mark.parametrize("again", ["run", "report", "calibrate"])
def test_a_file_of_others_that_the_record_names_stays(out, again):
    (out / "notes.txt").write_text("mine")
    with_record(out, lambda record: record["files"].append("notes.txt"))
    maps = [m["path"] for m in json.loads((out / "run.json").read_text(encoding="utf-8"))["x_maps"]]
    how = {"run": ["run", "-x", *maps, "-o", str(out), "--no-report"], "report": ["report", str(out)],
           "calibrate": ["calibrate", "-x", *maps, "-o", str(out), "--repeats", "2"]}[again]
    assert main([*how, "--quiet"]) == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert (out / "contributions.tsv").exists() == (again == "report")  # which is of the older result, and goes with it
    with_record(out, lambda record: record["files"].append("notes.txt"))
    assert main(["run", "-x", *maps, "-o", str(out), "--no-report", "--quiet"]) == 0
    assert (out / "notes.txt").read_text() == "mine"
    assert not (out / "calibration.tsv").exists()


def test_a_result_of_time_series_has_hashes_of_its_tables(tmp_path, capsys):
    nc.correlate_rois(np.random.default_rng(0).standard_normal((60, 4)), warn=False).save(tmp_path / "out")
    nc.load(tmp_path / "out")
    with open(tmp_path / "out" / "fisher_z.csv", "ab") as file:
        file.write(b"\n")
    assert main(["report", str(tmp_path / "out"), "--no-figures"]) == 3
    assert "fisher_z.csv is not what niicorr wrote: move it elsewhere" in capsys.readouterr().err
