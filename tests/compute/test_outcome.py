"""Outcomes of tiles that come from elsewhere, and those that are kept for later."""

from __future__ import annotations

import numpy as np
import pytest

from niicorr.compute import plan, tiles
from niicorr.compute.similarity import Similarity
from niicorr.matrix import MapMatrix


class Kept:
    """Keeps every tile, and knows those that were kept before."""

    def __init__(self, known=None):
        self.before, self.tiles = dict(known or {}), {}

    def known(self, sizes, wanted):
        self.wanted = [(a.start, b.start) for a, b in wanted]
        for tile in wanted:
            if (tile[0].start, tile[1].start) in self.before:
                yield tile, self.before[tile[0].start, tile[1].start]

    def keep(self, tile, outcome):
        self.tiles[tile[0].start, tile[1].start] = outcome


def maps(n, seed, gaps=True):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, 120)) + rng.standard_normal(120)
    if gaps:
        values[rng.random(values.shape) < 0.1] = np.nan
        values[1] = 3.0
    return MapMatrix.from_array(values)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(plan, "TILE", 4)


@pytest.mark.parametrize("method", ["pearson", "concordance", "spearman"])
@pytest.mark.parametrize("same", [False, True])
def test_tiles_known_from_before_are_taken_and_the_rest_is_made(small_tiles, monkeypatch, method, same):
    x = maps(11, 1)
    y = x if same else maps(9, 2)
    whole = Kept()
    expected = Similarity(method)(x, y, elsewhere=whole)
    assert set(whole.tiles) == set(whole.wanted)
    assert len(whole.tiles) == (6 if same else 9)
    half = {corner: outcome for k, (corner, outcome) in enumerate(sorted(whole.tiles.items())) if k % 2}
    made = Kept(half)
    found = Similarity(method)(x, y, elsewhere=made)
    assert set(made.tiles) == set(whole.tiles) - set(half)
    for name in ("r", "n", "x_constant", "y_constant"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_array_equal(found.r, Similarity(method)(x, y).r)


def test_nothing_is_transformed_where_all_is_known(small_tiles, monkeypatch):
    x, y = maps(11, 1), maps(9, 2)
    whole = Kept()
    expected = Similarity("bicor")(x, y, elsewhere=whole)

    def refuse(*_):
        raise AssertionError("a panel was made")

    monkeypatch.setattr(Similarity, "_anew", lambda *_: None)
    monkeypatch.setattr(tiles.Side, "block", refuse)
    found = Similarity("bicor")(x, y, elsewhere=Kept(whole.tiles))
    assert np.isfinite(found.r).sum() == np.isfinite(expected.r).sum()
