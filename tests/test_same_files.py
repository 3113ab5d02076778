"""One and the same file in both sets, or twice: found by content, and no news anywhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from niicorr.analysis import analyse
from niicorr.matrix import MapMatrix
from niicorr.plot.picture import prepare
from niicorr.records import MapRecord, NullModel
from niicorr.result import CorrelationResult
from niicorr.result.same_files import SAME_VALUES, copies, same_file_cells, same_files, same_values, shared_sets
from niicorr.webpage.payload import payload
from niicorr.webpage.words import facts


def maps(*contents):
    return tuple(MapRecord(f"m{k}", f"{k}.nii", blake2b=content, volume=volume)
                 for k, (content, volume) in enumerate(contents))


A, B, C, FIRST, SECOND, NONE = ("aa", None), ("bb", None), ("cc", None), ("dd", 0), ("dd", 1), (None, None)


def twice(n=6, **changes):
    """The same files as x and y: 1 on the diagonal, little elsewhere."""
    rng = np.random.default_rng(0)
    r = rng.uniform(-0.25, 0.25, (n, n))
    r = np.where(np.eye(n, dtype=bool), 1.0, r)
    found = maps(*((f"{k:02d}", None) for k in range(n)))
    return CorrelationResult(r, np.full((n, n), 99), found, found, **changes)


def test_pairs_are_those_of_one_content_and_volume():
    x, y = maps(A, FIRST, SECOND, NONE, A), maps(NONE, SECOND, A, B)
    expected = {(i, j) for i, b in enumerate(y) for j, a in enumerate(x)
                if a.blake2b and (a.blake2b, a.volume) == (b.blake2b, b.volume)}
    assert set(same_files(x, y)) == expected == {(1, 2), (2, 0), (2, 4)}


@pytest.mark.parametrize(("x", "y", "files"), [
    ((A, B), (B, A), 2), ((A, B), (A, B, C), 0), ((A, B, C), (A, B), 0), ((FIRST, SECOND), (FIRST, SECOND), 1),
    ((FIRST, SECOND), (FIRST,), 0), ((A, NONE), (A, NONE), 0), ((A,), (A,), 0)])
def test_sets_are_shared_only_where_they_are_the_same_altogether(x, y, files):
    assert shared_sets(maps(*x), maps(*y)) == files


def test_a_map_with_itself_is_no_news_but_a_copy_is():
    result = twice(same_set=True)
    assert same_file_cells(result) is None
    copied = maps(A, B, A)
    cells = same_file_cells(result.replace(estimate=np.eye(3), x_maps=copied, y_maps=copied))
    assert np.argwhere(cells).tolist() == [[0, 2], [2, 0]]


def test_they_are_not_among_the_strongest_unless_there_are_no_others():
    result = twice()
    sizes = np.abs(np.where(np.eye(6, dtype=bool), 0, result.estimate))
    assert result.strongest(1) == [tuple(int(v) for v in np.unravel_index(sizes.argmax(), sizes.shape))]
    assert not [cell for cell in result.strongest(99) if cell[0] == cell[1]]
    assert len(result.strongest(99)) == 30
    (strongest,) = [fact["value"] for fact in facts(result) if fact["label"] == "strongest"]
    assert float(strongest.replace("−", "-")) == pytest.approx(result.estimate[result.strongest(1)[0]], abs=0.005)
    lonely = twice(1)
    assert lonely.strongest(5) == []
    assert "strongest" not in [fact["label"] for fact in facts(lonely)]


def test_they_do_not_count_in_the_span_of_colours():
    result = twice()
    picture = prepare(result, "given", "vik", None)
    assert picture.vmax == 0.3
    assert payload(result, None)["vmax"] == 0.3
    assert picture.beyond
    assert "6 pairs are of one and the same file and do not count in the span of the colours" in picture.small_print
    other = result.replace(x_maps=tuple(replace(m, blake2b=f"other {m.blake2b}") for m in result.x_maps))
    assert prepare(other, "given", "vik", None).vmax == payload(other, None)["vmax"] == 1.0
    assert not [line for line in prepare(other, "given", "vik", None).small_print if "same file" in line]
    assert prepare(twice(1), "given", "vik", None).vmax == payload(twice(1), None)["vmax"] == 1.0


def test_nor_in_blocks(monkeypatch):
    monkeypatch.setattr("niicorr.plot.blocks.MOST", 5)
    picture = prepare(twice(12), "given", "vik", None)
    assert picture.blocks is not None
    assert picture.vmax <= 0.3


def values(*seeds, n=60):
    return np.array([np.random.default_rng(seed).standard_normal(n) for seed in seeds])


def test_maps_of_the_same_values_are_found_whatever_their_files():
    hole = values(3)
    hole[0, 5] = np.nan
    x = np.vstack([values(1, 2, 3), 2 * values(1), values(2) + 1, hole])
    y = np.vstack([hole, values(2, 1, 9), values(1)])
    expected = {(i, j) for i, b in enumerate(y) for j, a in enumerate(x) if np.array_equal(a, b, equal_nan=True)}
    assert len(expected) == 4
    result = analyse(MapMatrix.from_array(x), MapMatrix.from_array(y))
    assert {cell for cell, note in result.notes.items() if note == SAME_VALUES} == expected
    cells = same_file_cells(result)
    assert {tuple(cell) for cell in np.argwhere(cells).tolist()} == expected
    assert not {cell for cell in result.strongest(99) if cell in expected}
    assert result.estimate[2, 3] == pytest.approx(1, abs=1e-12)  # twice its values are another map
    assert "4 pairs are of one and the same map and do not count" in " ".join(
        prepare(result, "given", "vik", None).small_print)


def test_they_are_not_tested_and_a_set_knows_its_copies():
    made = MapMatrix.from_array(values(1, 2, 1, 1, 4))
    result = analyse(made, model=NullModel("independent"))
    copies = [(0, 2), (2, 0), (0, 3), (3, 0), (2, 3), (3, 2)]
    assert dict(result.notes) == dict.fromkeys(copies, SAME_VALUES)
    tested = np.isfinite(result.inferred["p"])
    assert not tested[tuple(np.transpose(copies))].any()
    assert tested.sum() == 20 - len(copies)
    assert "3 pairs of files with the same values were not tested" in result.methods_text()


def test_only_pairs_of_about_1_that_are_not_known_already_are_looked_at():
    made = MapMatrix.from_array(values(1, 1))
    nothing, r = np.zeros((2, 2), dtype=bool), np.ones((2, 2))
    assert same_values(made, made, r, nothing, same_set=False) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert same_values(made, made, r, nothing, same_set=True) == [(0, 1), (1, 0)]
    assert same_values(made, made, r, np.eye(2, dtype=bool), same_set=False) == [(0, 1), (1, 0)]
    assert same_values(made, made, np.full((2, 2), np.nan), nothing, same_set=False) == []
    assert same_values(made, made, r - 1e-9, nothing, same_set=False) == []


def test_copies_within_a_set_are_grouped_and_warned_of():
    x, y = values(1, 2, 1, 3, 1, 3), values(7, 8)
    x = np.vstack([x, np.zeros((2, 60)), 2 * values(1)])  # constant maps, and twice the values of another
    made = MapMatrix.from_array(x, labels=list("abcdefghi"))
    assert copies(made) == [[0, 2, 4], [3, 5]]
    result = analyse(made, MapMatrix.from_array(y), model=NullModel("none"))
    (text,) = [text for text in result.warnings if "leave all but one out" in text]
    assert text == ("x holds one map 3 times (a, c, e), and 1 other map likewise: each counts, in the corrections for "
                    "many cells, too; leave all but one out")
    assert not [text for text in analyse(MapMatrix.from_array(y), made.part(np.array([0, 1, 3]))).warnings
                if "leave all" in text]
