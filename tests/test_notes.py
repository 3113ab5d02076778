"""Notes kept as layers are the notes that a dict would hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.result.alike import gathered
from niicorr.result.notes import Layer, Notes
from strategies import MODEST, seeds

FORMS = ("n_effective {:,.0f} instead of {:,}: uneven", "few values (n_effective {:.1f})", "same file",
         "no p-value: {} voxels are too few for it (50 needed)")


def made(seed, rows, columns):
    """Layers of both kinds, and the dict that adding their texts one by one gives."""
    rng = np.random.default_rng(seed)
    layers, plain = [], {}
    for form in FORMS:
        cells = rng.random((rows, columns)) < rng.choice([0, 0.1, 0.5, 1])
        numbers = [rng.integers(1, 2000, cells.shape) for _ in range(form.count("{"))]
        layers.append(Layer.of(cells, form, *numbers))
    names = [f"map{j}" for j in range(columns)]
    layers.append(Layer.saying(rng.random((rows, columns)) < 0.2, lambda i, j: f"y of {names[j]}; off by {i} %"))
    layers.append(Layer.saying(rng.random((rows, columns)) < 0.2, lambda i, j: f"zeros matter: {i} / {j}",
                               "zeros matter: "))
    for layer in layers:
        for i, j in np.argwhere(layer.cells).tolist():
            plain[i, j] = f"{plain[i, j]}; {layer.text(i, j)}" if (i, j) in plain else layer.text(i, j)
    return Notes((rows, columns), layers), plain


sizes = st.integers(1, 20)


@MODEST
@given(seeds, sizes, sizes)
def test_they_are_a_mapping_like_the_dict(seed, rows, columns):
    notes, plain = made(seed, rows, columns)
    assert notes == plain
    assert plain == notes
    assert list(notes) == list(plain)
    assert list(notes.items()) == list(plain.items())
    assert len(notes) == len(plain)
    for i in range(rows):
        assert notes.row(i) == {j: text for (k, j), text in plain.items() if k == i}
        assert list(notes.row(i)) == sorted(notes.row(i))
        for j in range(columns):
            assert ((i, j) in notes) == notes.cells[i, j] == ((i, j) in plain)
            assert notes.get((i, j), "none") == plain.get((i, j), "none")


@MODEST
@given(seeds, sizes, sizes)
def test_what_they_say_is_counted_without_spelling_it_out(seed, rows, columns):
    notes, plain = made(seed, rows, columns)
    among = np.random.default_rng(seed).random((rows, columns)) < 0.7
    for words in ("too few for it", "same file", "n_effective", "off by", "zeros matter", "nothing of the kind"):
        expected = np.zeros((rows, columns), dtype=bool)
        for cell, text in plain.items():
            expected[cell] = words in text
        np.testing.assert_array_equal(notes.saying(words), expected)
    for but in ("", "zeros matter"):
        said = gathered(("", part) for cell, text in plain.items() if among[cell] for part in text.split("; ")
                        if not (but and part.startswith(but)))
        found = notes.gathered(among, but=but)
        assert sorted(found) == sorted((remark.text, remark.count) for remark in said)
        assert [count for _, count in found] == sorted((count for _, count in found), reverse=True)


@MODEST
@given(seeds, sizes, sizes)
def test_a_part_of_them(seed, rows, columns):
    notes, plain = made(seed, rows, columns)
    rng = np.random.default_rng(seed)
    at_rows, at_columns = (rng.permutation(n)[: max(1, n // 2)] for n in (rows, columns))
    part = notes.part(at_rows, at_columns)
    old = {(a, b): (i, j) for a, i in enumerate(at_rows.tolist()) for b, j in enumerate(at_columns.tolist())}
    assert part == {new: plain[cell] for new, cell in old.items() if cell in plain}
    among = np.ones(part.shape, dtype=bool)
    assert sorted(part.gathered(among)) == sorted(Notes.of(dict(part), part.shape).gathered(among))


def test_numbers_are_told_in_threes_where_the_form_says_so():
    one = np.ones((1, 1), dtype=bool)
    numbers = (np.array([[value]]) for value in (56418, 1234567.4, 1000))
    layer = Layer.of(one, "a, {{b}} {:,} of {:,.0f}, {}", *numbers)
    assert layer.text(0, 0) == "a, {b} 56\u00a0418 of 1\u00a0234\u00a0567, 1000"


def test_those_of_a_dict():
    notes = Notes.of({(0, 1): "one; 5 voxels", (2, 0): "7 voxels"}, (3, 2))
    assert notes == {(0, 1): "one; 5 voxels", (2, 0): "7 voxels"}
    assert notes.gathered(np.ones((3, 2), dtype=bool)) == [("5 to 7 voxels", 2), ("one", 1)]
    assert Notes.of(notes, (3, 2)) is notes
    assert Notes.of({}, (0, 1)) == {}


@pytest.mark.parametrize("cell", [(0, 2), (-1, 0), (3, 0), (0,), "ab", None, 7])
def test_what_is_no_cell_has_no_note(cell):
    notes = Notes((3, 2), [Layer.of(np.ones((3, 2), dtype=bool), "same")])
    assert cell not in notes
    with pytest.raises(KeyError):
        notes[cell]


def test_they_tell_how_many_they_are():
    assert repr(Notes((3, 2), [Layer.of(np.eye(3, 2, dtype=bool), "same")])) == "Notes on 2 of 3 × 2 cells"
