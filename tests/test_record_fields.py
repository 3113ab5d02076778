"""Records as JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.record_fields import map_fields, map_record, write_record
from niicorr.records import Decision, MapRecord
from strategies import MODEST

TEXTS = st.text(st.characters(codec="utf-8"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(TEXTS, parts, max_size=3), max_leaves=12,
)  # fmt: skip


@given(record=st.dictionaries(TEXTS, VALUES, max_size=5))
@MODEST
def test_what_is_written_is_read_again(tmp_path_factory, record):
    path = tmp_path_factory.mktemp("record") / "run.json"
    write_record(str(path), record)
    assert json.loads(path.read_text("utf-8")) == record


def test_every_map_has_a_line(tmp_path):
    record = MapRecord("a", "a.nii", decisions=(Decision("zeros", "missing"),), shape=(2, 3, 4),
                       background=float("nan"))
    write_record(str(tmp_path / "run.json"), {"x_maps": [map_fields(record)] * 3, "files": []})
    lines = (tmp_path / "run.json").read_text().splitlines()
    assert lines[:2] == ["{", ' "x_maps": [']
    assert lines[2] == lines[3] == lines[4] + ","
    assert lines[5:] == [" ],", ' "files": []', "}"]
    told = json.loads(lines[4])
    assert told["decisions"] == [{"topic": "zeros", "text": "missing"}]
    assert told["shape"] == [2, 3, 4]
    assert told["background"] == "nan"


def test_what_json_cannot_tell_leaves_no_file(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_record(str(tmp_path / "run.json"), {"a": [float("inf")]})
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize(("change", "told"), [
    ({"zzz": 1}, "a has an unknown field 'zzz'"), ({"shape": None}, "a has no shape"),
    ({"decisions": [{"topic": "zeros"}]}, r"a\.decisions\[0\] has no text"),
    ({"decisions": [{"topic": "zeros", "text": "", "why": ""}]}, r"a\.decisions\[0\] has an unknown field 'why'"),
])
def test_fields_of_a_map_are_refused_by_name(change, told):
    fields = {**map_fields(MapRecord("a", "a.nii")), **change}
    with pytest.raises(ValueError, match=f"^{told}"):
        map_record({name: value for name, value in fields.items() if value is not None or name != "shape"})
