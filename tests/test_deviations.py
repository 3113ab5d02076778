"""Deviations from means: against long double, the same to the bit in every unit, constant only where that is true."""

import numpy as np
import pytest

from niicorr.deviations import deviations

N = 60


def columns(seed=0):
    return np.random.default_rng(seed).standard_normal((N, 4)).cumsum(axis=0)


@pytest.mark.parametrize("offset", [0.0, 1.0, -1e6, 1e10, 1e13, 1e15])
@pytest.mark.parametrize("unit", [1.0, 1e300, 1e-300])
def test_they_are_those_of_long_double(offset, unit):
    given = (columns() + offset) * min(unit, 1e307 / max(abs(offset), 1.0))
    found = deviations(given)
    wanted = given.astype(np.longdouble)
    wanted = wanted - wanted[0]
    wanted = wanted - wanted.mean(axis=0)
    back = np.ldexp(found.values.astype(np.longdouble), found.exponents)
    assert (np.abs(back - wanted).max(axis=0) <= 1e-15 * np.abs(wanted).max(axis=0)).all()
    np.testing.assert_allclose(found.means, given[0] + (given - given[0]).mean(axis=0), rtol=1e-14)
    assert found.varies.all()
    assert ((np.abs(found.values).max(axis=0) >= 0.5) & (np.abs(found.values).max(axis=0) < 1)).all()


@pytest.mark.parametrize("power", [-1000, -500, -1, 3, 500, 1015])
def test_a_power_of_two_changes_no_bit(power):
    given = columns() + 3.7
    found, wanted = deviations(np.ldexp(given, power)), deviations(given)
    np.testing.assert_array_equal(found.values, wanted.values)
    np.testing.assert_array_equal(found.exponents, wanted.exponents + power)
    np.testing.assert_array_equal(found.rounding, wanted.rounding)


def test_the_largest_and_the_smallest_numbers():
    largest = np.finfo(float).max
    given = np.array([[largest, 5e-324], [-largest, 0.0], [largest, 0.0], [-largest, 5e-324]])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        found = deviations(given)
    np.testing.assert_allclose(np.abs(found.values), [[1, 0.5]] * 4, rtol=1e-15)
    assert found.means[0] == 0
    assert found.varies.all()


def test_what_varies_by_its_rounding_does_not_vary():
    level = 1e16
    given = np.column_stack([np.full(N, 0.1), np.full(N, level), np.full(N, 1e15), np.full(N, np.nan), columns()[:, 0]])
    given[::2, 1] += 2.0  # the next number
    given[::2, 2] += 2.0  # the sixteenth
    given[3, 4] = np.inf
    found = deviations(given)
    np.testing.assert_array_equal(found.varies, [False, False, True, False, False])
    assert not found.values[:, ~found.varies].any()
    np.testing.assert_array_equal(found.means, [0.1, level + 1, 1e15 + 1, np.nan, np.nan])
