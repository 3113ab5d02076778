"""Ranks by one packed sort are those of scipy, ties, signs and extremes included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from niicorr.ranks import ascending, average_ranks
from strategies import MODEST, one_map, seeds

DTYPES = st.sampled_from([np.float32, np.float64])


@MODEST
@given(st.data(), st.sampled_from([0, 1, 2, 3, 50, 1000]), DTYPES)
def test_ranks_are_scipys(data, n, dtype):
    with np.errstate(over="ignore", under="ignore"):
        values = data.draw(one_map(n)).astype(dtype)
    values = np.where(np.isfinite(values), values, 0)
    np.testing.assert_array_equal(average_ranks(values), rankdata(values))


@MODEST
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=60))
def test_any_floats_are_ranked(values):
    values = np.array(values, dtype=np.float64)
    np.testing.assert_array_equal(average_ranks(values), rankdata(values))


@pytest.mark.parametrize("n", [5, 400])
def test_values_that_float32_cannot_tell_apart_are_told_apart(n):
    rng = np.random.default_rng(n)
    # One float32 for all of each group; within it ties as well as differences.
    values = rng.integers(1, 4, n) + rng.integers(0, 3, n) * 1e-12
    assert len(np.unique(values)) > len(np.unique(values.astype(np.float32)))
    np.testing.assert_array_equal(average_ranks(values), rankdata(values))


def test_the_two_zeros_are_one_value():
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(average_ranks(np.array([0.0, -0.0, 1.0, -1.0], dtype)), [2.5, 2.5, 4, 1])


@MODEST
@given(seeds, DTYPES)
def test_the_order_is_stable(seed, dtype):
    values = np.random.default_rng(seed).integers(-3, 4, 200).astype(dtype)
    order, new = ascending(values)
    np.testing.assert_array_equal(order, np.argsort(values, kind="stable"))
    assert new.sum() == len(np.unique(values))
