"""The largest cells are those of a sort of all of them, however few are looked at at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.result import largest as module
from niicorr.result.correlation import Sensitivity
from niicorr.result.largest import largest_by_line, largest_cells


@pytest.fixture(scope="module", autouse=True)
def bands():
    """A few rows at once."""
    before, module.BAND = module.BAND, 12
    yield
    module.BAND = before


def matrix(rows, columns, seed):
    """Few different numbers, so that many are equal; some are none."""
    return np.random.default_rng(seed).choice([-0.5, -0.2, 0.0, 0.2, 0.5, 0.9, np.nan, np.inf], (rows, columns))


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 90), st.booleans(), st.integers(0, 99))
def test_as_a_stable_sort_of_all_cells_tells_them(rows, columns, count, lower, seed):
    rows = columns if lower else rows
    r = matrix(rows, columns, seed)
    cells = [(i, j) for i, j in np.ndindex(r.shape) if np.isfinite(r[i, j]) and (i > j or not lower)]
    expected = sorted(cells, key=lambda cell: -abs(r[cell]))[:count]
    found = largest_cells(r, count, lower=lower)
    assert list(zip(*(places.tolist() for places in found), strict=True)) == expected


@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.integers(0, 99))
def test_the_largest_of_each_line(rows, columns, same_set, seed):
    rows = columns if same_set else rows
    r = matrix(rows, columns, seed)
    before = r.copy()
    found = largest_by_line(r, same_set=same_set)
    np.testing.assert_array_equal(r, before)
    for axis in (0, 1):
        for k, value in enumerate(found[axis]):
            line = [abs(v) for m, v in enumerate(np.take(r, k, axis)) if np.isfinite(v) and not (same_set and m == k)]
            assert value == max(line, default=-1)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 90), st.integers(0, 99))
def test_cells_that_do_not_count_are_as_if_they_had_no_number(rows, columns, count, seed):
    r = matrix(rows, columns, seed)
    but = np.random.default_rng(seed).random(r.shape) < 0.3
    empty = np.where(but, np.nan, r)
    found, expected = largest_cells(r, count, lower=False, but=but), largest_cells(empty, count, lower=False)
    np.testing.assert_array_equal(found, expected)
    for found, expected in zip(largest_by_line(r, same_set=False, but=but), largest_by_line(empty, same_set=False),
                               strict=True):
        np.testing.assert_array_equal(found, expected)


@given(st.integers(1, 9), st.integers(0, 99))
def test_the_largest_error_of_pairs_is_that_of_the_cells_below_the_diagonal(n, seed):
    rng = np.random.default_rng(seed)
    r, naive = (rng.choice([-0.5, -0.001, 0.002, 0.3, np.nan], (n, n)) for _ in range(2))
    pairs = [(r[i, j], naive[i, j]) for i in range(n) for j in range(i) if np.isfinite(r[i, j] * naive[i, j])]
    flips = sum(a * b < 0 and min(abs(a), abs(b)) >= 0.005 for a, b in pairs)
    expected = max((abs(a - b) for a, b in pairs), default=0.0), flips, len(pairs)
    assert Sensitivity(naive, 1, np.full((n, n), np.nan)).largest_error(r, lower=True) == expected
