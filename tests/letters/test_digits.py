"""Digits written by the thousand are those that Python writes one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.letters import digits
from niicorr.letters.digits import seventeen_digits, whole_digits
from niicorr.tables import number
from strategies import MODEST


def texts(letters):
    return [row.tobytes().translate(None, b"\0").decode("ascii") for row in letters]


def demand_alike(values):
    values = np.asarray(values, dtype=np.float64)
    assert texts(seventeen_digits(values)) == [number(value) for value in values.tolist()]


@MODEST
@given(st.lists(st.floats(), max_size=50))
def test_any_number(values):
    demand_alike(values)


def test_bits_at_random():
    """Every exponent that there is, subnormal numbers, infinities and what is no number."""
    bits = np.random.default_rng(0).integers(0, 2**64, 50_000, dtype=np.uint64)
    demand_alike(bits.view(np.float64))


@pytest.mark.parametrize("low", [-300, -30, -6, -1])
def test_numbers_of_all_sizes(low):
    demand_alike(10.0 ** np.random.default_rng(1).uniform(low, -low, 20_000))


def test_powers_of_ten_and_their_neighbours():
    """Where the logarithm is rounded to the wrong side."""
    powers = np.array([float(f"1e{k}") for k in range(-320, 309)])
    demand_alike(np.concatenate([powers, -powers, np.nextafter(powers, 0), np.nextafter(powers, np.inf)]))


def test_halves_are_rounded_as_python_does():
    """Numbers of more than 17 digits that end in 5 lie exactly between two of 17."""
    rng = np.random.default_rng(2)
    demand_alike(rng.integers(1, 2**53, 20_000) * 2.0 ** rng.integers(-70, 10, 20_000))
    demand_alike(rng.integers(-(10**6), 10**6, 5_000) / 1000)


def test_most_are_not_left_to_python(monkeypatch):
    def asked(*_):
        raise AssertionError

    monkeypatch.setattr(digits, "format", asked, raising=False)
    seventeen_digits(np.random.default_rng(3).standard_normal(10_000))


@MODEST
@given(st.lists(st.integers(-(2**62), 2**63 - 1), max_size=50))
def test_whole_numbers(values):
    assert texts(whole_digits(np.array(values, dtype=np.int64))) == [str(value) for value in values]


def test_nothing_is_nothing():
    assert seventeen_digits(np.empty(0)).shape == (0, digits.WIDTH)
    assert texts(whole_digits(np.array([0, 10, 7]))) == ["0", "10", "7"]
