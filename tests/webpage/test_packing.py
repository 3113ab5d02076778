"""Arrays and texts inside of a page: back as they were, and no text can end the script element it stands in."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_reading import Parts, array

from niicorr.webpage.packing import json_text, packed, packed_steps
from strategies import MODEST

HOSTILE = ["</script>", "<!--<script>", "]]>", "\u2028\u2029", "\ud800", "\udfff\ud800", "\x00\x1b", "\u202e", "&lt;",
           "é🧠", "</SCRIPT\n>", "'\"`\\", "<script>alert(1)</script>"]


@pytest.mark.parametrize("kind", ["<f4", "<f8", "<i4", "<u4"])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (3, 5), (40,)])
def test_arrays_come_back(kind, shape):
    values = np.random.default_rng(0).integers(0, 1 << 20, shape).astype(kind)
    if kind.startswith("<f") and values.size:
        values.ravel()[0] = np.nan
    found = packed(values, kind)
    assert (found["dtype"], found["shape"]) == (kind, list(shape))
    np.testing.assert_array_equal(array(found), values)


def test_arrays_of_any_layout_are_packed_row_by_row():
    values = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(array(packed(np.asfortranarray(values), "<f8")), values)
    np.testing.assert_array_equal(array(packed(values[::-1, ::2].astype(">f8"), "<f8")), values[::-1, ::2])


def test_steps_come_back():
    steps = np.random.default_rng(0).integers(0, 256, 500).astype(np.uint8)
    np.testing.assert_array_equal(array(packed_steps(steps)), steps)


def read(text):
    (found,) = Parts(f'<html><script type="application/json" id="niicorr-data">{text}</script><p id="after"></p>').raw
    return found[2]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_come_back_and_break_nothing(text):
    written = json_text({text: [text]})
    assert written.isascii()
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(read(written)) == {text: [text]}


@MODEST
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
                    | st.text(st.characters(), max_size=20),
                    lambda inner: st.lists(inner, max_size=4)
                    | st.dictionaries(st.text(max_size=9), inner, max_size=4)))
def test_any_value_comes_back(value):
    assert json.loads(read(json_text(value))) == value


def test_numbers_that_json_does_not_know_are_null():
    value = {"a": [1.5, float("nan"), (float("-inf"), "NaN")], "b": None}
    assert json.loads(json_text(value)) == {"a": [1.5, None, [None, "NaN"]], "b": None}
