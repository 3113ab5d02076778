"""The result in memory and on disk: shown safely, saved and read back whole, refused when damaged."""

from __future__ import annotations

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import niicorr as nc
from niicorr.errors import InputError, UsageError
from niicorr.records import Decision, MapRecord, Provenance
from niicorr.result import CorrelationResult, Sensitivity
from niicorr.result.correlation import REPR_SIDE
from niicorr.space import Grid
from niicorr.tables import PAIR_COLUMNS
from strategies import MODEST, seeds

HOSTILE = '<script>alert("x")</script>&\u202e\x1b[31m'


def maps(*labels, **fields):
    return tuple(MapRecord(label=label, path=f"{label}.nii", **fields) for label in labels)


def made(rows=2, columns=3, seed=0, **fields):
    rng = np.random.default_rng(seed)
    fields = {"x_maps": maps(*(f"x{j}" for j in range(columns))), "y_maps": maps(*(f"y{i}" for i in range(rows))),
              **fields}
    return CorrelationResult(rng.uniform(-1, 1, (rows, columns)), rng.integers(3, 99, (rows, columns)), **fields)


@pytest.fixture
def full():
    """A result that uses every field: NaN, notes, a mask, sensitivity, a background of NaN, a skipped map."""
    grid = Grid((3, 4, 2), np.array([[2.0, 0, 0, -1.5], [0, 2, 0, 1e-3], [0, 0, 2, 7], [0, 0, 0, 1]]), mni=True)
    x = (
        MapRecord("ä=1", "a.nii", (3, 4, 2), (2.0, 2.0, 1 / 3), "RAS", "int16", 4, float("nan"), 0.1, 7, 1 / 3,
                  (Decision("zeros", "5 zeros"),), None, 99, "ff00", {"age": "30"}),
        MapRecord("b", "b.nii", background=-1 / 3),
        MapRecord("c", "c.nii", error="it is broken"),
    )
    result = made(x_maps=x, notes={(0, 2): "x not used: it is broken", (1, 0): "low overlap"}, grid=grid,
                  mask=np.random.default_rng(1).random(grid.shape) < 0.5,
                  provenance=Provenance({"mask": "auto", "jobs": None}, "niicorr run -x a", {"numpy": "2"},
                                        (Decision("grid", "one"),), ("be careful ü",), {"read": 0.5}))
    result.estimate[:, 2] = np.nan
    naive = np.array([[0.1, np.nan, -0.5], [0.2, 0.3, np.nan]])
    return result.replace(sensitivity=Sensitivity(naive, 3, np.where(naive == 0.2, 0.9, np.nan)))


def same(a, b):
    """Everything but the arrays, which need their own comparison, as text: NaN equals NaN."""
    for name in ("estimate", "counts", "mask"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        if getattr(a, name) is not None:
            assert getattr(a, name).dtype == getattr(b, name).dtype
    for name in ("x_maps", "y_maps", "method", "null", "same_set", "notes", "provenance"):
        assert repr(getattr(a, name)) == repr(getattr(b, name)), name
    assert (a.grid is None) == (b.grid is None)
    if a.grid is not None:
        np.testing.assert_array_equal(a.grid.affine, b.grid.affine)
        assert (a.grid.shape, a.grid.known, a.grid.mni) == (b.grid.shape, b.grid.known, b.grid.mni)
    assert (a.sensitivity is None) == (b.sensitivity is None)
    if a.sensitivity is not None:
        np.testing.assert_array_equal(a.sensitivity.naive, b.sensitivity.naive)
        np.testing.assert_array_equal(a.sensitivity.zeros_matter, b.sensitivity.zeros_matter)
        assert a.sensitivity.step == b.sensitivity.step


def test_everything_comes_back_from_disk(tmp_path, full):
    full.save(str(tmp_path / "out"))
    same(nc.load(str(tmp_path / "out")), full)


@MODEST
@given(seeds, st.integers(0, 3), st.integers(0, 3), st.booleans())
def test_results_of_any_shape_come_back(tmp_path_factory, seed, rows, columns, same_set):
    result = made(rows, columns, seed)
    if same_set:
        result = made(rows, rows, seed, same_set=True, y_maps=maps(*(f"x{j}" for j in range(rows))))
    result.estimate[np.random.default_rng(seed).random(result.estimate.shape) < 0.3] = np.nan
    out = str(tmp_path_factory.mktemp("result") / "out")
    result.save(out)
    same(nc.load(out), result)


def test_a_folder_may_be_named_by_a_path(tmp_path):
    made().save(Path(tmp_path / "out"))
    same(nc.load(Path(tmp_path / "out")), made())


def test_decisions_in_a_table_are_of_what_a_keyboard_has(tmp_path):
    """And come back as they were from the record."""
    told = (Decision("background", "−1 in 63\u00a0% of the volume"),
            Decision("zeros", "in the volume, 9\u00a0544 zeros are …"))
    result = made(x_maps=maps("a", "b", "c", decisions=told))
    result.save(tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "maps.tsv", sep="\t")
    assert table["decisions"][0] == "background: -1 in 63 % of the volume; zeros: in the volume, 9 544 zeros are …"
    assert nc.load(tmp_path / "out").x_maps[0].decisions == told


def test_an_older_result_is_replaced_only_if_that_is_wanted(tmp_path):
    made(seed=1).save(str(tmp_path / "out"))
    with pytest.raises(UsageError, match="already"):
        made(seed=2).save(str(tmp_path / "out"), overwrite=False)
    same(nc.load(str(tmp_path / "out")), made(seed=1))


def edit(change):
    def damage(out):
        record = json.loads((out / "run.json").read_text(encoding="utf-8"))
        change(record)
        (out / "run.json").write_text(json.dumps(record))

    return damage


def arrays(**given):
    return lambda out: np.savez(out / "report_data.npz", **given)


def cut(keep):
    def damage(out):
        data = (out / "report_data.npz").read_bytes()
        (out / "report_data.npz").write_bytes(data[: round(keep * len(data))])

    return damage


def flip(out):
    data = bytearray((out / "report_data.npz").read_bytes())
    data[200] ^= 1
    (out / "report_data.npz").write_bytes(data)


DAMAGE = {
    "no record": lambda out: (out / "run.json").unlink(),
    "a record that is no JSON": lambda out: (out / "run.json").write_text('{"program": "niicorr", '),
    "another program's record": edit(lambda record: record.update(program="other")),
    "a key is gone": edit(lambda record: record.pop("x_maps")),
    "a map is no map": edit(lambda record: record["x_maps"].__setitem__(0, 3)),
    "an unknown field of a map": edit(lambda record: record["x_maps"][0].update(colour="red")),
    "a map too few": edit(lambda record: record["x_maps"].pop()),
    "a schema that is no number": edit(lambda record: record.update(schema="new")),
    "sensitivity without arrays": edit(lambda record: record.update(
        sensitivity={"every_kth_voxel": 1})),
    "no arrays": lambda out: (out / "report_data.npz").unlink(),
    "empty arrays": cut(0),
    "half of the arrays": cut(0.5),
    "all but the end": cut(0.98),
    "a flipped bit": flip,
    "an array is gone": arrays(estimate=np.zeros((2, 3))),
    "arrays of another shape": arrays(estimate=np.zeros((3, 2)), counts=np.zeros((3, 2), int)),
    "counts of another shape": arrays(estimate=np.zeros((2, 3)), counts=np.zeros((2, 2), int)),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_result_is_refused_as_ours(tmp_path, what):
    made().save(str(tmp_path / "out"))
    DAMAGE[what](tmp_path / "out")
    with pytest.raises(InputError, match="out"):
        nc.load(str(tmp_path / "out"))


def test_a_newer_result_is_refused_with_both_versions(tmp_path):
    made().save(str(tmp_path / "out"))
    edit(lambda record: record.update(schema=99, version="7.0"))(tmp_path / "out")
    with pytest.raises(InputError, match=rf"niicorr 7\.0, newer than this {nc.__version__}"):
        nc.load(str(tmp_path / "out"))


class Trap:
    """Unpickling it leaves a mark."""

    mark: Path

    def __reduce__(self):
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("form", ["an object array in the archive", "a pickle in its place"])
def test_arrays_are_never_unpickled(tmp_path, form):
    made().save(str(tmp_path / "out"))
    Trap.mark = tmp_path / "mark"
    with open(tmp_path / "out" / "report_data.npz", "wb") as file:
        if form.startswith("an object"):
            np.savez(file, estimate=np.array([[Trap()] * 3] * 2), counts=np.zeros((2, 3), int))
        else:
            import pickle

            pickle.dump(Trap(), file)
    with pytest.raises(InputError):
        nc.load(str(tmp_path / "out"))
    assert not Trap.mark.exists()


def test_the_record_is_strict_json_and_lists_its_files(tmp_path, full):
    full.save(str(tmp_path / "out"))

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert sorted(record["files"]) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert record["skipped"] == ["c.nii"]
    assert record["warnings"] == ["be careful ü"]
    assert record["x_maps"][0]["background"] == "nan"


def test_cells_are_all_or_the_lower_triangle():
    assert list(made(2, 2).cells()) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert list(made(3, 3, same_set=True).cells()) == [(1, 0), (2, 0), (2, 1)]
    assert list(made(1, 1, same_set=True).cells()) == []


@MODEST
@given(seeds, st.integers(0, 9), st.booleans())
def test_the_strongest_pairs_are_the_largest_by_size_and_never_empty(seed, count, same_set):
    result = made(3, 3, seed, same_set=same_set)
    result.estimate[0, 1] = result.estimate[2, 0] = -result.estimate[1, 0]
    result.estimate[2, 1] = np.nan
    cells = [cell for cell in result.cells() if cell != (2, 1)]
    found = result.strongest(count)
    assert len(found) == min(count, len(cells))
    sizes = [abs(result.estimate[cell]) for cell in found]
    assert sizes == sorted((abs(result.estimate[cell]) for cell in cells), reverse=True)[:count]
    ties = [cell for cell in found if abs(result.estimate[cell]) == abs(result.estimate[1, 0])]
    assert ties == sorted(ties)


def test_one_row_per_pair():
    result = made(notes={(1, 2): "why"})
    result.estimate[1, 2] = np.nan
    frame = result.to_frame()
    assert tuple(frame.columns) == PAIR_COLUMNS
    assert list(zip(frame["y"], frame["x"], strict=True)) == [(f"y{i}", f"x{j}") for i in range(2) for j in range(3)]
    np.testing.assert_array_equal(frame["r"], result.estimate.ravel())
    np.testing.assert_array_equal(frame["n"], result.counts.ravel())
    assert list(frame["note"]) == ["", "", "", "", "", "why"]
    assert frame["p"].isna().all()
    assert frame["p"].dtype == np.float64
    assert len(made(0, 0).to_frame()) == 0


def test_frames_have_rows_y_and_columns_x():
    result = made()
    pd.testing.assert_frame_equal(result.r, pd.DataFrame(result.estimate, ["y0", "y1"], ["x0", "x1", "x2"]))
    pd.testing.assert_frame_equal(result.n, pd.DataFrame(result.counts, ["y0", "y1"], ["x0", "x1", "x2"]))


def test_the_short_text_says_size_range_and_null_model():
    result = made().replace(estimate=np.array([[-0.5, 0.25, np.nan]] * 2), counts=np.full((2, 3), 7))
    assert repr(result) == "CorrelationResult: 3 × 2 maps, Pearson correlations from -0.50 to 0.25, n = 7; " + (
        result.null_text)
    assert "none" in result.null_text
    assert "n from 3 to 9" in repr(made().replace(counts=np.array([[3, 9, 5]] * 2)))
    assert repr(made(0, 0)).startswith("CorrelationResult: 0 × 0")
    empty = made().replace(estimate=np.full((2, 3), np.nan))
    assert "r from" not in repr(empty)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def test_labels_and_warnings_in_html_are_text():
    result = made(x_maps=maps(HOSTILE, "b", "c"), y_maps=maps("y", HOSTILE),
                  provenance=Provenance(warnings=(HOSTILE,)), method=HOSTILE)
    shown = Tags(result._repr_html_())
    assert set(shown.tags) <= {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert shown.text.count('<script>alert("x")</script>&') == 4
    assert "\x1b" not in shown.text
    assert "\u202e" not in shown.text


def test_html_shows_every_number_up_to_a_limit_and_says_what_is_cut():
    result = made()
    result.estimate[0, 0] = np.nan
    text = result._repr_html_()
    assert text.count("<td") == 6
    assert f"{result.estimate[1, 2]:.2f}" in text
    assert "<td>–</td>" in text
    assert "first" not in text
    large = made(REPR_SIDE + 1, 2)._repr_html_()
    assert large.count("<td") == 2 * REPR_SIDE
    assert f"of {REPR_SIDE + 1} rows" in large


def test_the_largest_error_counts_cells_with_both_numbers():
    r = np.array([[0.5, -0.2, np.nan], [0.1, 0.0, 0.3]])
    naive = np.array([[0.9, 0.1, 0.3], [np.nan, 0.2, 0.3]])
    error, flips, cells = Sensitivity(naive, 1, np.full(r.shape, np.nan)).largest_error(r)
    assert (error, flips, cells) == (pytest.approx(0.4), 1, 4)
    assert Sensitivity(np.full((1, 1), np.nan), 1, np.zeros((1, 1))).largest_error(np.ones((1, 1))) == (0, 0, 0)


def test_a_file_of_a_result_in_place_of_its_folder(tmp_path, monkeypatch):
    made().save(tmp_path / "out")
    with pytest.raises(InputError, match=re.escape(f"pairs.tsv is a file: name the folder {tmp_path / 'out'}{os.sep}")):
        nc.load(tmp_path / "out" / "pairs.tsv")
    (tmp_path / "note.txt").write_text("nothing")
    with pytest.raises(InputError, match="is a file: name the folder of a saved result"):
        nc.load(tmp_path / "note.txt")
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(InputError, match=re.escape(f"name the folder .{os.sep}")):
        nc.load("pairs.tsv")
