"""Cells of tables: digits that come back, nothing that runs, nothing that hides."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.tables import PAIR_COLUMNS, cell_text, number, pair_rows, path_text, printable, write_matrix, write_tsv
from strategies import MODEST


@MODEST
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_itself(value):
    assert float(number(value)) == value


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), -float("inf")])
def test_no_number_is_an_empty_cell(value):
    assert number(value) == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_what_starts_a_formula_is_guarded_and_nothing_else(start):
    assert cell_text(f"{start}1+1") == f"'{start}1+1"
    assert cell_text(f"a{start}1") == f"a{start}1"
    assert cell_text("") == ""


@MODEST
@given(st.text(alphabet=st.characters()))
def test_what_is_shown_holds_no_control_and_encodes_as_utf8(text):
    shown = printable(text)
    shown.encode("utf-8")
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029\u202e\u2066" for c in shown)
    assert printable(shown) == shown


@pytest.mark.parametrize("text", ["plain name [1] $x$", "größe β 脳 é", "a\u00a0b"])
def test_ordinary_text_is_left_alone(text):
    assert printable(text) == text


@pytest.mark.parametrize(("text", "shown"), [("\x1b[31m", "\\x1b[31m"), ("a\nb", "a\\nb"), ("\u202egnp", "\\u202egnp"),
                                             ("\udcff", "\\udcff"), ("\x85", "\\x85")])
def test_what_could_mislead_is_shown_as_an_escape(text, shown):
    assert printable(text) == shown


def test_bytes_that_are_no_text_are_shown_as_bytes():
    assert path_text(os.fsdecode(b"half\xff/\xc3\xa9.nii")) == "half\\xff/é.nii"


def test_a_path_that_no_file_can_have_can_still_be_shown():
    """A manifest or a table may hold one; the refusal must be able to name it."""
    assert path_text("\ud800.nii") == "\\ud800.nii"


def test_the_matrix_reads_back(tmp_path):
    path = str(tmp_path / "m.csv")
    values = np.array([[0.1, np.nan, -1], [1 / 3, 2e-300, 0]])
    write_matrix(path, ["=a", "b,\"c\"", "-d"], ["y", "@z"], values)
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    assert text.startswith('"",')
    assert "\r" not in text
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == ["", "'=a", 'b,"c"', "'-d"]
    assert [row[0] for row in rows[1:]] == ["y", "'@z"]
    read = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[1:]])
    np.testing.assert_array_equal(read, values)


def test_a_matrix_without_columns(tmp_path):
    path = tmp_path / "m.csv"
    write_matrix(str(path), [], ["y"], np.empty((1, 0)))
    assert path.read_text() == '""\ny\n'


def test_rows_and_labels_must_agree(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        write_matrix(str(tmp_path / "m.csv"), ["a"], ["y", "z"], np.zeros((1, 1)))


def test_a_table_of_mixed_cells_reads_back(tmp_path):
    path = str(tmp_path / "t.tsv")
    write_tsv(path, ("a", "b"), [(1 / 3, "x\ty"), (None, "=1"), (np.nan, 7), (-0.5, "line\nbreak")])
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    assert rows == [["a", "b"], [f"{1 / 3:.17g}", "x\ty"], ["", "'=1"], ["", "7"], ["-0.5", "line\nbreak"]]


def test_pairs_name_x_and_y_in_the_order_of_the_columns():
    estimate, counts = np.array([[0.1, np.nan], [0.3, 0.4]]), np.array([[5, 1], [7, 8]])
    rows = pair_rows(["x0", "x1"], ["y0", "y1"], estimate, counts, {(0, 1): "why"}, [(0, 1), (1, 0)],
                     {"p": np.array([[0.5, 0.25], [0.125, 1.0]])})
    first, second = (dict(zip(PAIR_COLUMNS, row, strict=True)) for row in rows)
    assert (first["x"], first["y"], first["n"], first["note"]) == ("x1", "y0", 1, "why")
    assert np.isnan(first["r"])
    assert (second["x"], second["y"], second["r"], second["n"], second["note"]) == ("x0", "y1", 0.3, 7, "")
    assert (first["p"], second["p"]) == (0.25, 0.125)
    assert first["p_fdr"] is None
