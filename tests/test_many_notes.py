"""Notes of a great many cells lie beside the numbers, and come back whole."""

from __future__ import annotations

import json

import numpy as np
import pytest

import niicorr as nc
from niicorr.result import many_notes
from niicorr.result.many_notes import note_arrays, noted_in
from niicorr.result.notes import Layer, Notes


def notes():
    cells = np.arange(12).reshape(3, 4) % 3 == 0
    return Notes((3, 4), [Layer.of(cells, "n is {}", np.arange(12).reshape(3, 4)),
                          Layer.of(cells & (np.arange(4) > 1), "said: «ä»; twice")])


def test_they_come_back():
    assert noted_in(note_arrays(notes()), (3, 4)) == dict(notes())
    assert noted_in({}, (3, 4)) == {}


@pytest.mark.parametrize(("change", "words"), [
    (lambda a: a | {"note_rows": a["note_rows"] + 3}, "the matrix has not"),
    (lambda a: a | {"note_columns": a["note_columns"] - 4}, "the matrix has not"),
    (lambda a: a | {"note_rows": a["note_rows"][1:]}, "no two lists"),
    (lambda a: a | {"note_rows": a["note_rows"][1:], "note_columns": a["note_columns"][1:]}, "texts for"),
    (lambda a: a | {"note_text": a["note_text"][:-5]}, "damaged"),
    (lambda a: a | {"note_rows": a["note_rows"].astype(float)}, "no two lists"),
])
def test_damaged_ones_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        noted_in(change(note_arrays(notes())), (3, 4))


def test_a_result_with_many_notes_is_saved_and_loaded(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((6, 40))
    values[2] = 1.0
    values[4, :30] = np.nan
    result = nc.correlate(values, null="none", warn=False)
    assert len(result.notes) > 5
    result.save(tmp_path / "few")
    monkeypatch.setattr(many_notes, "MANY", 5)
    result.save(tmp_path / "many")
    few, many = (json.loads((tmp_path / name / "run.json").read_text()) for name in ("few", "many"))
    assert len(few["notes"]) == len(result.notes)
    assert many["notes"] == []
    for name in ("few", "many"):
        assert dict(nc.load(tmp_path / name).notes) == dict(result.notes)
    assert (tmp_path / "few" / "pairs.tsv").read_bytes() == (tmp_path / "many" / "pairs.tsv").read_bytes()
