"""Keys differ where numbers may, and only there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from niicorr.matrix import Features, MapMatrix
from niicorr.resume.keys import context, digest, features_digest, map_digests
from niicorr.space import Grid


def maps(seed=0):
    values = np.random.default_rng(seed).standard_normal((3, 20))
    values[1, :4] = np.nan
    return MapMatrix.from_array(values)


def digests(matrix, exactly=False):
    return map_digests(matrix, exactly=exactly)


def changed(matrix, name, index=2):
    array = getattr(matrix, name).copy()
    array[index] = array[index] + 1 if name != "supports" else ~array[index]
    return replace(matrix, **{name: array})


def test_equal_maps_have_equal_digests_wherever_they_stand():
    matrix = maps()
    assert digests(matrix) == digests(maps())
    assert len(set(digests(matrix))) == 3
    assert digests(matrix.part(np.array([2, 1]))) == digests(matrix)[:0:-1]


@pytest.mark.parametrize("name", ["rows", "center", "scale"])
def test_a_change_of_one_map_changes_its_digest_alone(name):
    before, after = digests(maps()), digests(changed(maps(), name))
    assert before[:2] == after[:2]
    assert before[2] != after[2]


def test_a_change_of_a_support_changes_all_maps_that_have_it():
    before, after = digests(maps()), digests(changed(maps(), "supports", 0))
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, False]


@pytest.mark.parametrize("field", [{"blake2b": "00"}, {"volume": 3}])
def test_another_file_or_volume_is_another_map(field):
    matrix = maps()
    records = (matrix.records[0], replace(matrix.records[1], **field), matrix.records[2])
    assert [a == b for a, b in zip(digests(matrix), digests(replace(matrix, records=records)), strict=True)] == [
        True, False, True]


def test_values_that_rows_do_not_tell_apart_count_where_they_matter():
    matrix = maps()
    other = replace(matrix, exact=lambda k: np.full(20, float(k)))
    assert digests(matrix) == digests(other)
    assert all(a != b for a, b in zip(digests(matrix, True), digests(other, True), strict=True))


def test_precision_counts():
    matrix = maps()
    assert digests(matrix) != digests(replace(matrix, rows=matrix.rows.astype(np.float32)))


def test_lists_that_only_join_alike_differ():
    texts = [("ab", "c"), ("a", "bc"), ("abc",), (b"abc",), ("a", None, "bc"), (1, 2), (12,), (1.0, 2), ("1", "2")]
    assert len({digest(parts) for parts in texts}) == len(texts)
    arrays = [np.zeros(4), np.zeros(4, np.float32), np.zeros((2, 2)), np.zeros((4, 1)), np.zeros(0), np.ones(4)]
    assert len({digest([array]) for array in arrays}) == len(arrays)


def test_versions_count(monkeypatch):
    before = context("tile")
    monkeypatch.setattr("niicorr.resume.keys.__version__", "9.9")
    assert context("tile") != before


def test_features_count_by_place_and_by_who_has_them():
    matrix = maps()
    indices = np.arange(20)
    placed = replace(matrix, features=Features(20, Grid((4, 5, 1), np.eye(4)), indices))
    moved = replace(matrix, features=Features(20, Grid((4, 5, 1), 2 * np.eye(4)), indices))
    others = replace(matrix, features=Features(20, Grid((4, 5, 2), np.eye(4)), indices + 1))
    regions = replace(matrix, features=Features(20, centroids=np.zeros((20, 3))))
    holders = replace(matrix, support_of=np.array([0, 1, 1]))
    assert len({features_digest(m) for m in (matrix, placed, moved, others, regions, holders)}) == 6
