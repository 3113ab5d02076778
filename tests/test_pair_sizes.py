"""All pairs are sized up as if at once: whatever the memory, the threads, and the number of maps."""

from __future__ import annotations

import tempfile
from dataclasses import replace

import numpy as np
import pytest

from niicorr import pair_sizes
from niicorr.analysis import silent
from niicorr.compute.similarity import Similarity
from niicorr.matrix import Features, MapMatrix
from niicorr.nulls import descriptions
from niicorr.nulls.effective import effective_null
from niicorr.nulls.regional import regional_null
from niicorr.pair_sizes import size_pairs
from niicorr.records import NullModel
from niicorr.significance import infer
from nulls.by_definition import features_of, irregular_mask, matrix_of, smooth_maps

FEATURES = features_of(irregular_mask(), np.diag([8.0, 8, 8, 1]))
COORDS = np.random.default_rng(0).uniform(-60, 60, (30, 3))


def voxels(count, seed, gaps=False):
    values = smooth_maps(FEATURES, count, seed)
    if gaps:
        values[::3, :40] = np.nan
        values[1::3, 60:90] = np.nan
    values[count // 2] = 3.0
    return matrix_of(values, FEATURES)


def regions(count, seed, gaps=False):
    d = np.linalg.norm(COORDS[:, None] - COORDS, axis=2)
    values = (np.linalg.cholesky(np.exp(-((d / 30) ** 2) / 2) + 1e-6 * np.eye(30))
              @ np.random.default_rng(seed).standard_normal((30, count))).T
    if gaps:
        values[::3, :4] = np.nan
    return MapMatrix.from_array(values, features=Features(30, centroids=COORDS))


def null_of(x, y):
    if x.features.centroids is None:
        return effective_null(x, y)
    return regional_null(x, y, x.features.centroids)


class Watched:
    """A null model that counts the maps it describes and the pairs it sizes up."""

    def __init__(self, null):
        self.null, self.atoms, self.bytes_per_map = null, null.atoms, null.bytes_per_map
        self.described, self.sized = [], 0

    def describe(self, matrix, jobs=1):
        self.described += matrix.labels
        return self.null.describe(matrix, jobs)

    def size(self, x, y, n):
        self.sized += n.size
        return self.null.size(x, y, n)


def sized(x, y, *, memory=2**40, jobs=1):
    """Fields of all sizes as whole matrices, coefficients, and the watched null model."""
    n, null = Similarity()(x, y).n, Watched(null_of(x, y))
    whole, seen = {}, np.zeros(n.shape, dtype=int)

    def place(rows, columns, size):
        seen[rows, columns] += 1
        for name, values in vars(size).items():
            whole.setdefault(name, np.full(n.shape, 9.0))[rows, columns] = values

    coefficients = size_pairs(null, x, y, n, place, jobs=jobs, memory=memory, progress=silent)
    return whole, coefficients, null, seen


@pytest.mark.parametrize("make", [voxels, regions])
@pytest.mark.parametrize("gaps", [False, True])
def test_sizes_are_those_of_all_pairs_at_once(make, gaps):
    x, y = make(70, 0, gaps), make(9, 1, gaps)
    whole, coefficients, null, seen = sized(x, y)
    at_once = null.null.size(null.null.describe(x), null.null.describe(y), Similarity()(x, y).n)
    assert (seen == 1).all()
    assert null.sized == seen.size
    for name, values in vars(at_once).items():
        np.testing.assert_allclose(whole[name], values, rtol=2e-5, err_msg=name)
    for found, matrix in zip(coefficients, (x, y), strict=True):
        np.testing.assert_allclose(found, null.null.describe(matrix).coefficients, rtol=1e-6)


@pytest.mark.parametrize("make", [voxels, regions])
@pytest.mark.parametrize(("rows", "columns"), [(12, 12), (1, 25), (25, 1), (13, 5)])
@pytest.mark.parametrize("memory", [1, 200_000, 2**40])
def test_neither_memory_nor_threads_change_a_digit_and_no_map_is_described_twice(
    make, rows, columns, memory, monkeypatch
):
    monkeypatch.setattr(descriptions, "PIECE", 4)
    monkeypatch.setattr(pair_sizes, "STRIP", 2)
    x, y = make(columns, 2, True), make(rows, 3)
    y = replace(y, labels=tuple(f"y{label}" for label in y.labels))
    expected, coefficients, _, _ = sized(x, y)
    for jobs in (1, 3):
        found, again, null, seen = sized(x, y, memory=memory, jobs=jobs)
        assert (seen == 1).all()
        assert sorted(null.described) == sorted((*x.labels, *y.labels))
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, err_msg=name)
        for one, other in zip(again, coefficients, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("memory", [1, 2**40])
def test_a_set_against_itself_is_described_once_and_sized_up_below_the_diagonal(memory, monkeypatch):
    monkeypatch.setattr(descriptions, "PIECE", 4)
    x = voxels(11, 4)
    whole, (one, other), null, seen = sized(x, x, memory=memory)
    assert one is other
    assert null.described == list(x.labels)
    piece = np.arange(11) // 4
    np.testing.assert_array_equal(seen, piece[:, None] >= piece)
    expected, _, _, _ = sized(x, voxels(11, 4))
    for name, values in expected.items():
        np.testing.assert_allclose(whole[name][seen == 1], values[seen == 1], rtol=2e-5, err_msg=name)


def test_what_has_no_room_waits_on_the_disk(tmp_path, monkeypatch):
    """Seen by what happens where there is no disk, either."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    x = voxels(5, 5)
    sized(x, x)
    with pytest.raises(OSError, match="has no room for what the null model keeps of the maps"):
        sized(x, x, memory=1)


@pytest.mark.parametrize("same_set", [False, True])
@pytest.mark.parametrize("null", ["effective", "independent"])
def test_columns_and_notes_depend_on_neither(null, same_set, monkeypatch):
    monkeypatch.setattr(descriptions, "PIECE", 8)
    monkeypatch.setattr("niicorr.significance.ROWS", 5)
    x = voxels(21, 6, gaps=True)
    y = x if same_set else voxels(13, 7)
    similarity = Similarity()
    found = similarity(x, y)
    tested = np.isfinite(found.r) & (~np.eye(21, dtype=bool) if same_set else True)
    first, *others = (
        infer(x, y, found, tested, similarity=similarity, model=NullModel(null), same_set=same_set, jobs=jobs,
              memory=memory, progress=silent)
        for jobs, memory in ((1, 2**40), (3, 2**40), (1, 1), (2, 100_000)))
    for other in others:
        assert list(other.columns) == list(first.columns)
        for name, values in first.columns.items():
            np.testing.assert_array_equal(other.columns[name], values, err_msg=name)
            if same_set:
                np.testing.assert_array_equal(values, values.T)
        assert [layer.form for layer in other.notes] == [layer.form for layer in first.notes]
        for one, layer in zip(first.notes, other.notes, strict=True):
            np.testing.assert_array_equal(one.bits, layer.bits)
            for i, j in np.argwhere(layer.cells).tolist():
                assert layer.text(i, j) == one.text(i, j)
    if same_set:
        assert not any(np.triu(layer.cells).any() for layer in first.notes)
