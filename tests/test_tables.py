"""Cells of tables: digits that come back, nothing that runs, nothing that hides."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.tables import (
    DIRECTION_COLUMNS,
    INFERRED_COLUMNS,
    PAIR_COLUMNS,
    cell_text,
    number,
    pair_columns,
    pair_rows,
    path_text,
    printable,
    write_matrix,
    write_pairs,
    write_tsv,
)
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


def both(tmp_path, x_labels, y_labels, notes, seed, lower=False, names=INFERRED_COLUMNS):
    """What `write_pairs` writes, and what the csv module makes of the same rows."""
    rng = np.random.default_rng(seed)
    shape = len(y_labels), len(x_labels)

    def column():
        values = rng.standard_normal(shape) ** rng.integers(1, 30, shape)
        return np.where(rng.random(shape) < 0.1, np.nan, np.where(rng.random(shape) < 0.1, 1.0, values))

    estimate, counts, inferred = column(), rng.integers(0, 300_000, shape), {name: column() for name in names}
    cells = [(i, j) for i in range(shape[0]) for j in range(i if lower else shape[1])]
    plain, fast = str(tmp_path / "plain.tsv"), str(tmp_path / "fast.tsv")
    write_tsv(plain, pair_columns(inferred), pair_rows(x_labels, y_labels, estimate, counts, notes, cells, inferred))
    write_pairs(fast, x_labels, y_labels, estimate, counts, notes, inferred, lower=lower)
    with open(plain, "rb") as one, open(fast, "rb") as other:
        return one.read(), other.read()


NASTY = ["=1+1", 'say "so"', "a\tb", "é 脳", "line\nbreak", "back\rspace", "", "-", "ordinary", "x" * 300]


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("names", [(), INFERRED_COLUMNS, (*INFERRED_COLUMNS, *DIRECTION_COLUMNS)])
def test_pairs_are_written_as_the_csv_module_would(tmp_path, lower, names):
    notes = {(i, j): NASTY[(i * 7 + j) % len(NASTY)] for i in range(10) for j in range(10) if (i + j) % 3 == 0}
    plain, fast = both(tmp_path, NASTY, NASTY[::-1], notes, 0, lower, names)
    assert fast == plain


@pytest.mark.parametrize(("columns", "rows", "lower"), [(1, 1, False), (1, 1, True), (3, 2500, False), (9001, 2, False),
                                                        (130, 130, True)])
def test_pairs_of_any_number_are_written_alike(tmp_path, columns, rows, lower):
    notes = {(rows - 1, columns - 1): "last", (0, 0): "first", (rows // 2, 0): "=between"}
    plain, fast = both(tmp_path, [f"x{j}" for j in range(columns)], [f"map {i}" for i in range(rows)], notes, 1, lower)
    assert fast == plain


@pytest.mark.parametrize("name", ["nul\0l", "mark\1ed"])
def test_names_that_hold_what_is_no_letter_are_written_none_the_less(tmp_path, name):
    plain, fast = both(tmp_path, ["a", name], ["b", "c", name], {(2, 1): "why"}, 2)
    assert fast == plain
    assert name.encode() in fast


def test_no_pairs_are_a_header(tmp_path):
    for x_labels, y_labels in (([], ["y"]), (["x"], [])):
        plain, fast = both(tmp_path, x_labels, y_labels, {}, 3)
        assert fast == plain == ("\t".join(PAIR_COLUMNS) + "\n").encode()


def test_a_wide_matrix_is_written_as_a_narrow_one_is(tmp_path):
    rng = np.random.default_rng(4)
    values = np.where(rng.random((2, 400)) < 0.1, np.nan, rng.standard_normal((2, 400)))
    wide = tmp_path / "wide.csv"
    write_matrix(str(wide), [f"x{j}" for j in range(400)], ["=a", 'b"'], values)
    lines = wide.read_text().splitlines()
    assert lines[1] == ",".join(["'=a", *map(number, values[0])])
    assert lines[2] == ",".join(['"b"""', *map(number, values[1])])
