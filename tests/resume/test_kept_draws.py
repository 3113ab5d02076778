"""Counts of surrogates: taken up where they belong, kept now and then."""

from __future__ import annotations

import numpy as np
import pytest

from niicorr.resume.draws import EVERY, SHARE, KeptDraws


class Shelf:
    """Pieces in memory."""

    def __init__(self):
        self.arrays, self.told, self.kept = None, [], []

    def find(self, _kind, _key):
        return self.arrays

    def keep(self, _kind, _key, arrays, count=1):
        self.arrays = [np.array(a) for a in arrays]
        self.kept.append(count)

    def asked(self, _kind, found, total):
        self.told.append((found, total))


def tally(value=0):
    return [np.full((2, 3), value, np.int64), np.full((2, 3), float(value))]


def draws(shelf, times=()):
    times = iter([0.0, *times])
    return KeptDraws(shelf, b"key", lambda: next(times))


def test_counts_come_back():
    shelf = Shelf()
    draws(shelf, (EVERY, EVERY)).count(8, tally(5))
    found = tally()
    assert draws(shelf).taken_up(found, 20) == 8
    for a, b in zip(found, tally(5), strict=True):
        np.testing.assert_array_equal(a, b)
    assert shelf.told == [(8, 20)]


@pytest.mark.parametrize("arrays", [
    None, [], [np.array(8)], [np.array([8]), *tally(5)], [np.array(0), *tally(5)], [np.array(21), *tally(5)],
    [np.array(-1), *tally(5)], [np.array(8), *tally(5)[::-1]], [np.array(8), tally(5)[0], np.zeros((3, 2))],
    [np.array(8), *tally(5), np.array(1)], [np.array(8), *tally(9)], [np.array(8), *tally(-1)],
    [np.array(8), tally(5)[0], np.full((2, 3), np.nan)]])
def test_anything_else_is_begun_anew(arrays):
    shelf = Shelf()
    shelf.arrays = arrays
    found = tally(7)
    assert draws(shelf).taken_up(found, 20) == 0
    assert shelf.told == [(0, 20)]
    for a, b in zip(found, tally(7), strict=True):
        np.testing.assert_array_equal(a, b)


def test_they_are_kept_now_and_then_and_counted():
    shelf = Shelf()
    kept = draws(shelf, (EVERY - 1, EVERY, EVERY, 1.5 * EVERY, 2 * EVERY, 2 * EVERY))
    for done in (2, 4, 6, 8):
        kept.count(done, tally(done))
    assert shelf.kept == [4, 4]
    assert int(shelf.arrays[0]) == 8


def test_slow_disks_are_written_to_less_often():
    shelf = Shelf()
    took = EVERY / 2
    kept = draws(shelf, (EVERY, EVERY + took, EVERY + took + SHARE * took - 1, EVERY + took + SHARE * took, 1e9))
    for done in (2, 4, 6):
        kept.count(done, tally(done))
    assert shelf.kept == [2, 4]
