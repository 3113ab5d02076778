"""What people and disks do to a saved result: damaged, it is refused in one line that says where."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from page_reading import small

import niicorr as nc
from fuzz.sealing import seal_result
from niicorr.cli.main import main
from niicorr.result.picturing import with_pictures
from niicorr.result.record_types import demand_types
from niicorr.webpage.words import head


@pytest.fixture(scope="module")
def result():
    return with_pictures(small("effective"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory, result):
    folder = tmp_path_factory.mktemp("saved") / "out"
    result.save(folder)
    assert main(["report", str(folder), "-q", "--no-figures"]) == 0
    return folder


@pytest.fixture
def out(tmp_path, saved):
    return shutil.copytree(saved, tmp_path / "out")


def refusal(folder, capsys):
    """Draw the page again; return the one line that says why not, with everything left as it was."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    capsys.readouterr()
    assert main(["report", str(folder), "-q", "--no-figures"]) == 3
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    said = capsys.readouterr().err
    assert said.count("\n") == 2
    return said


def with_arrays(folder, **changed):
    with np.load(folder / "report_data.npz", allow_pickle=False) as arrays:
        known = dict(arrays)
    np.savez(folder / "report_data.npz", **known | changed)
    seal_result(folder)


def with_record(folder, **changed):
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(record | changed), encoding="utf-8")
    seal_result(folder)


@pytest.mark.parametrize("n", [2**62, 2**40, 0, -1])
def test_pictures_that_claim_another_size(out, capsys, n):
    with_arrays(out, picture_n=np.int64(n))
    assert "the saved result is damaged" in refusal(out, capsys)


def test_a_damaged_picture_names_its_file(out, capsys):
    with np.load(out / "report_data.npz", allow_pickle=False) as arrays:
        data = arrays["picture_x_data"]
    with_arrays(out, picture_x_data=np.zeros_like(data))
    assert "report_data.npz of the saved result is damaged" in refusal(out, capsys)


@pytest.mark.parametrize("files", [None, 5, True, "report.html", {"report.html": 1}, [None], [["report.html"]],
                                   ["a\0b"]])
def test_a_list_of_files_that_is_none(out, capsys, files):
    with_record(out, files=files)
    assert "run.json" in refusal(out, capsys)


@pytest.mark.parametrize("value", [float("inf"), "\ud800"])
def test_a_record_that_could_not_be_written_again(out, capsys, value):
    with_record(out, added=value)
    assert "run.json is damaged" in refusal(out, capsys)


def test_files_of_other_folders_are_not_taken_along(out):
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    with_record(out, files=[*record["files"], "../secret", "sub/x"])
    assert main(["report", str(out), "-q", "--no-figures"]) == 0
    again = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert again["files"] == record["files"]


def test_what_is_written_is_what_is_demanded(saved):
    demand_types(json.loads((saved / "run.json").read_text(encoding="utf-8")))


WRONG = (
    (("options",), []), (("versions",), "x"), (("timings",), {"total": "x"}), (("warnings", ...), {}),
    (("command",), 5), (("method",), None), (("null", "model"), []), (("same_set",), 1), (("files",), None),
    (("x_maps", 0, "label"), None), (("y_maps", 0, "path"), 5), (("x_maps", 0, "metadata"), {"a": []}),
    (("x_maps", 0, "coverage"), "x"), (("x_maps", 0, "voxel_mm"), ["x"]), (("x_maps", 0, "n_voxels"), 10**30),
    (("x_maps", 0, "decisions"), [{"topic": "a", "text": 5}]), (("x_maps", 0, "label"), "\ud800"),
    (("x_maps", 0, "error"), True), (("grid", "shape"), [2, 3]), (("grid", "shape"), [2, 3, 0]),
    (("grid", "affine"), 5), (("grid", "affine"), [[1]]), (("grid", "affine"), [[float("nan")] * 4] * 4),
    (("sensitivity", "every_kth_voxel"), "x"), (("notes",), [{"y": 0, "x": 99, "note": "far"}]),
    (("notes",), [{"y": -1, "x": 0, "note": "far"}]), (("notes",), [{"y": 0, "x": 0, "note": "a"}] * 2),
    (("notes",), [{"y": 0, "x": 0}]), (("method",), "evil"), (("method",), "dice"), (("null", "model"), "evil"),
    (("null", "model"), "gsm"), (("null",), {}), (("options", "alternative"), "zzz"), (("options", "zeros"), ["auto"]),
    (("options", "seed"), "x"), (("options", "seed"), -1), (("options", "n_surrogates"), 0),
    (("x_maps", 0, "label"), ""), (("x_maps", 0, "label"), "L" * 10**6),
    (("x_maps", 0, "coverage"), 7), (("x_maps", 0, "coverage"), -0.1), (("x_maps", 0, "n_voxels"), -5),
    (("x_maps", 0, "shape"), [-1, 2, 3]), (("x_maps", 0, "voxel_mm"), [-1.0]),
    (("x_maps", 0, "voxel_mm"), [1e308] * 3), (("x_maps", 0, "background"), "abc"),
    (("x_maps", 0, "zzz"), 1), (("x_maps", 0, "decisions"), [{"topic": "a"}]),
    (("x_maps", 0, "decisions"), [{"topic": "a", "text": "b", "more": 1}]), (("x_maps", 0), {"label": "x0"}),
    (("sensitivity", "every_kth_voxel"), 0), (("sensitivity", "cells"), -1), (("sensitivity",), {}),
    (("grid",), {}), (("mask",), {"file": "mask.nii.gz"}), (("version",), None),
)


@pytest.mark.parametrize(("place", "value"), WRONG)
def test_a_record_edited_by_hand_is_refused_where_it_is_wrong(saved, place, value):
    record = json.loads((saved / "run.json").read_text(encoding="utf-8"))
    at = record
    for key in place[:-1]:
        at = at[key]
    if place[-1] is ...:
        at.append(value)
    else:
        at[place[-1]] = value
    with pytest.raises(ValueError, match=str(place[0])) as refused:
        demand_types(record)
    assert len(str(refused.value)) < 200


def test_one_pair_carries_its_note(result):
    one = nc.CorrelationResult(result.estimate[:1, :1], result.counts[:1, :1], result.x_maps[:1], result.y_maps[:1],
                               notes={(0, 0): "few voxels"})
    assert any(note["text"].startswith("1 of 1 pair carries a note") for note in head(one, None))


def test_maps_of_one_name_keep_it_in_their_figure():
    values = np.random.default_rng(0).normal(size=(2, 40))
    figure = nc.correlate(values[:1], values[1:], null="none").pair(0, 0).plot()
    (title,) = (text.get_text() for text in figure.texts if "×" in text.get_text())
    assert "(1)" not in title
    x_name, y_name = title.split(" × ")
    assert (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()) == (x_name, y_name)


@pytest.mark.parametrize("name", ["x_maps", "y_maps", "options", "null", "same_set", "grid", "warnings", "timings"])
def test_a_record_from_which_a_part_is_gone(out, capsys, name):
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    del record[name]
    (out / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert f"run.json is damaged (it has no {name})" in refusal(out, capsys)


def test_a_mask_of_other_voxels_than_are_told(out, capsys):
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    with_record(out, mask=record["mask"] | {"n_voxels": record["mask"]["n_voxels"] - 1})
    assert "mask.n_voxels is" in refusal(out, capsys)


def test_a_second_set_that_is_none(out, capsys):
    with_record(out, y_maps=None)
    assert "y_maps is None, and same_set is False" in refusal(out, capsys)


def test_one_name_twice_in_the_record(out, capsys):
    text = (out / "run.json").read_text(encoding="utf-8").rstrip()[:-1]
    (out / "run.json").write_text(f'{text}, "method": "dice"}}', encoding="utf-8")
    assert "'method' stands there twice" in refusal(out, capsys)


def test_a_version_is_shown_as_text(out, capsys):
    with_record(out, schema=99, version="\x1b[2J" + "v" * 500)
    said = refusal(out, capsys)
    assert "\x1b" not in said
    assert len(said) < 300


def test_a_record_is_parsed_once_to_be_loaded(out, monkeypatch):
    parsed = []
    monkeypatch.setattr("niicorr.own_files.parsed", lambda data: parsed.append(len(data)) or json.loads(data))
    nc.load(out)
    assert len(parsed) == 1
    assert main(["report", str(out), "-q", "--no-figures"]) == 0
    assert len(parsed) <= 5  # to be loaded, to be looked at, and twice at the moment that files are replaced


def test_two_maps_of_one_label(out, capsys):
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    record["x_maps"][1]["label"] = record["x_maps"][0]["label"]
    with_record(out, x_maps=record["x_maps"])
    assert "run.json is damaged (x_maps[1].label is that of x_maps[0], " in refusal(out, capsys)
