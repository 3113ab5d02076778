"""Records as text: what no record could be is refused before anything is made of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.record_text import DEEPEST, FREE, demand_json, parsed
from strategies import MODEST

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS, lambda parts: st.lists(parts, max_size=4) | st.dictionaries(TEXTS, parts, max_size=4), max_leaves=20,
)  # fmt: skip


@given(VALUES)
@MODEST
def test_json_of_any_kind_is_parsed_as_it_is(value):
    text = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    assert parsed(text) == value
    demand_json(value, "it")


@pytest.mark.parametrize(("text", "fault"), [
    (b"", "no JSON from line 1, column 1"), (b'{"a": 1,\n"b"', "no JSON from line 2"),
    (b'{"a": 1, "b": 2, "a": 3}', "'a' stands there twice"), (b'{"z": [{"b": 2, "b": 3}]}', "'b' stands there twice"),
    ('{"a": 1}'.encode("utf-16"), "byte 0 is no UTF-8"), (b"\xef\xbb\xbf{}", "begins with a mark of UTF-8"),
    (b'{"a": ' + b"9" * 5000 + b"}", "a number has thousands of digits"), (b"[" * 100_000, "lists in lists"),
    (b"[" + b"[]," * FREE + b"[]]", "values in"), (b"[" + b"0," * 2 * FREE + b"0]", "values in"),
], ids=["nothing", "half", "twice", "twice below", "UTF-16", "a mark", "digits", "deep", "lists", "zeros"])
def test_what_is_no_record_is_refused_in_our_words(text, fault):
    with pytest.raises(ValueError, match=fault) as refusal:
        parsed(text)
    assert len(str(refusal.value)) < 200


def test_brackets_in_names_are_no_values():
    value = {"labels": ["[[,{" * 1000] * 200}
    assert parsed(json.dumps(value).encode()) == value


@pytest.mark.parametrize(("value", "fault"), [
    (float("nan"), "it holds nan"), ([[float("inf")]], "it holds inf"), ({"a": 2**63}, "it is a number of 19 digits"),
    (["\ud800"], "it holds half a character"), ({"\udfff": 1}, "a name in it holds half a character"),
])
def test_what_could_not_be_written_again_is_refused(value, fault):
    with pytest.raises(ValueError, match=f"^{fault}"):
        demand_json(value, "it")


def test_lists_in_lists_have_an_end():
    value = 0
    for _ in range(DEEPEST - 1):
        value = [value]
    demand_json(value, "it")
    with pytest.raises(ValueError, match="it: lists in lists"):
        demand_json([value], "it")
