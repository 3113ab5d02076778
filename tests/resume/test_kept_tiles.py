"""Tiles that are kept: taken as they were, refused where they cannot be."""

from __future__ import annotations

import os

import numpy as np
import pytest

from niicorr.compute import plan
from niicorr.compute.device import Device
from niicorr.compute.similarity import Similarity
from niicorr.matrix import MapMatrix
from niicorr.resume.kept import open_kept
from niicorr.resume.pieces import read_piece, write_piece

FIELDS = ("r", "n", "x_constant", "y_constant")


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(plan, "TILE", 4)


def maps(n, seed, gaps=True):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, 150)) + rng.standard_normal(150)
    if gaps:
        values[2, rng.random(150) < 0.3] = np.nan
        values[1] = 3.0
    return MapMatrix.from_array(values)


def compared(folder, similarity, x, y, device=None):
    """Compare with what is in a folder; return the outcome and (tiles found, tiles wanted)."""
    kept = open_kept(folder)
    found = similarity(x, y, elsewhere=kept.tiles(similarity, x, y, device, 1))
    return found, (kept._found["tile"], kept._asked["tile"])


def same(one, other):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("method", ["pearson", "concordance", "spearman", "dice"])
@pytest.mark.parametrize("itself", [False, True])
@pytest.mark.parametrize("gaps", [False, True])
def test_numbers_are_those_of_a_run_that_was_left_alone(tmp_path, method, itself, gaps):
    x = maps(11, 1, gaps)
    y = x if itself else maps(9, 2, gaps)
    similarity = Similarity(method)
    expected = similarity(x, y)
    wanted = 6 if itself else 9
    for before in (0, wanted):
        found, counts = compared(tmp_path / "kept", similarity, x, y)
        same(found, expected)
        assert counts == (before, wanted)
    names = sorted(os.listdir(tmp_path / "kept"))
    for name in names[::2]:
        os.remove(tmp_path / "kept" / name)
    found, counts = compared(tmp_path / "kept", similarity, x, y)
    same(found, expected)
    assert counts == (wanted // 2, wanted)
    assert sorted(os.listdir(tmp_path / "kept")) == names


@pytest.mark.parametrize("similarity", [Similarity("cosine"), Similarity("dice", threshold=0.5),
                                        Similarity("dice", threshold=0.6),
                                        Similarity(weights=np.linspace(1, 2, 150)),
                                        Similarity(covariates=np.linspace(1, 2, 150)[None]),
                                        Similarity(covariates=np.linspace(1, 3, 150)[None] ** 2)])
def test_another_similarity_finds_nothing(tmp_path, similarity):
    x, y = maps(5, 1), maps(5, 2)
    compared(tmp_path, Similarity(), x, y)
    compared(tmp_path, Similarity("dice"), x, y)
    compared(tmp_path, Similarity(covariates=np.linspace(1, 3, 150)[None]), x, y)
    found, counts = compared(tmp_path, similarity, x, y)
    assert counts == (0, 4)
    same(found, similarity(x, y))


def test_another_device_or_the_sets_in_another_order_find_nothing(tmp_path):
    x, y = maps(5, 1), maps(5, 2)
    compared(tmp_path, Similarity(), x, y)
    assert compared(tmp_path, Similarity(), y, x)[1] == (0, 4)
    kept = open_kept(tmp_path)
    device = Device("another", np, None, lambda: 0)
    assert not list(kept.tiles(Similarity(), x, y, device, 1).known(None, [(slice(0, 4), slice(0, 4))]))
    assert list(kept.tiles(Similarity(), x, y, None, 1).known(None, [(slice(0, 4), slice(0, 4))]))


@pytest.mark.parametrize("change", [
    lambda a: a[:4], lambda a: [*a, a[0]], lambda a: [a[0][:2], *a[1:]], lambda a: [a[0].astype("f4"), *a[1:]],
    lambda a: [a[0], a[1].astype(float), *a[2:]], lambda a: [*a[:2], a[2][:1], *a[3:]],
    lambda a: [*a[:4], np.array([[0, 9]])], lambda a: [*a[:4], np.array([[-1, 0]])], lambda a: [*a[:4], np.zeros(3)],
    lambda a: [a[0].astype(complex), *a[1:]], lambda a: []])
def test_a_forged_tile_is_made_again(tmp_path, change):
    x, y = maps(4, 1), maps(4, 2)
    expected = compared(tmp_path, Similarity(), x, y)[0]
    (name,) = os.listdir(tmp_path)
    write_piece(str(tmp_path), name, change(read_piece(str(tmp_path), name)))
    found, counts = compared(tmp_path, Similarity(), x, y)
    assert counts == (0, 1)
    same(found, expected)
    assert compared(tmp_path, Similarity(), x, y)[1] == (1, 1)
