"""Maps in 8 bits: within half a step of what they were, missing where they were, back from their bytes unchanged."""

from __future__ import annotations

import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.result.vectors import LEVELS, deflated, inflated, quantised
from strategies import MODEST, one_map, seeds


def restored(picture):
    return picture.low + (picture.steps.astype(float) - 1) / LEVELS * (picture.high - picture.low)


@MODEST
@given(st.data(), st.integers(1, 400), seeds)
def test_values_are_within_half_a_step_and_what_is_missing_is_zero(data, n, seed):
    values, valid = data.draw(one_map(n)), np.random.default_rng(seed).random(n) < 0.7
    picture = quantised(values, valid)
    assert not picture.steps[~valid].any()
    assert picture.steps[valid].all()
    if not valid.any():
        return
    inside = valid & (values >= picture.low) & (values <= picture.high)
    assert picture.clipped == bool((inside != valid).any())
    step = (picture.high - picture.low) / LEVELS
    assert np.abs(restored(picture) - values)[inside].max() <= step * 0.51 + 1e-9 * np.abs(values[inside]).max()


def test_the_scale_of_standard_scores_is_that_of_the_map():
    values = np.random.default_rng(0).standard_normal(1000) * 3e4 + 7e6
    scores = ((values - values.mean()) / values.std()).astype(np.float32)
    picture = quantised(scores, np.ones(1000, bool), values.mean(), values.std())
    assert picture.low == pytest.approx(values.min(), rel=1e-7)
    assert picture.high == pytest.approx(values.max(), rel=1e-7)
    assert np.abs(restored(picture) - values).max() <= 0.51 * (picture.high - picture.low) / LEVELS


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_a_constant_map_has_one_value(scale):
    picture = quantised(np.zeros(5), np.array([True, True, False, True, True]), 2.5, scale)
    assert (picture.low, picture.high, picture.steps.tolist()) == (2.5, 2.5, [1, 1, 0, 1, 1])


def test_a_map_without_data_is_all_missing():
    assert not quantised(np.zeros(5), np.zeros(5, bool), np.nan, 0.0).steps.any()


def test_a_few_outliers_leave_steps_for_the_rest():
    values = np.random.default_rng(0).standard_normal(20_000)
    values[:5] = 1e6, -1e6, 5e5, 3e5, 2e5
    picture = quantised(values, np.ones(values.size, bool))
    assert picture.clipped
    assert np.unique(picture.steps).size > 100
    assert picture.steps[0] == 255
    assert picture.steps[1] == 1


def test_ends_are_numbers_even_where_the_unit_overflows():
    picture = quantised(np.array([-9.0, 0, 9]), np.ones(3, bool), 0.0, 1e308)
    assert np.isfinite([picture.low, picture.high]).all()


@MODEST
@given(st.binary(max_size=2000))
def test_bytes_come_back(data):
    steps = np.frombuffer(data, np.uint8)
    np.testing.assert_array_equal(inflated(deflated(steps), steps.size), steps)


def test_what_is_packed_are_differences():
    packed = zlib.decompress(deflated(np.array([250, 3, 3, 1, 255], np.uint8)))
    assert list(packed) == [250, 9, 0, 254, 254]


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-3], lambda d: d[:4] + b"\xff" + d[5:], lambda d: b"", lambda d: b"x" * 9])
def test_a_damaged_picture_is_refused(damage):
    packed = deflated(np.arange(200, dtype=np.uint8))
    with pytest.raises(ValueError, match="a picture"):
        inflated(damage(packed), 200)


@pytest.mark.parametrize("n", [199, 201])
def test_a_picture_of_another_size_is_refused(n):
    with pytest.raises(ValueError, match=f"does not hold {n} bytes"):
        inflated(deflated(np.arange(200, dtype=np.uint8)), n)


def test_a_stream_that_would_fill_the_memory_is_cut_off():
    bomb = zlib.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="does not hold 10 bytes"):
            inflated(bomb, 10)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
