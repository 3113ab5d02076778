"""Rows of standard scores: their moments, their gaps, their precision, their zeros read the other way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr import matrix
from niicorr.errors import InputError
from niicorr.matrix import Features, MapMatrix, distinct_supports, row_dtype, standardise
from niicorr.space import Grid
from strategies import MODEST, gappy_maps, seeds

sizes = st.sampled_from([0, 1, 2, 5, 60])


@MODEST
@given(st.data(), sizes)
def test_rows_are_standard_scores_and_zero_where_missing(data, n):
    raw = data.draw(gappy_maps(n))
    made = MapMatrix.from_array(raw)
    for row, values in zip(made.rows, raw, strict=True):
        there = np.isfinite(values)
        assert not row[~there].any()
        if there.any() and np.ptp(values[there]) > 0:
            # A mean near 1e9 is itself rounded to 1e-7.
            size = abs(values[there]).max()
            rounding = 1e-16 / np.std(values[there] / size)
            assert row[there].mean() == pytest.approx(0, abs=1e-12 + 2 * rounding)
            assert (row[there] ** 2).mean() == pytest.approx(1, abs=1e-9 + 2 * rounding)
        else:
            assert not row.any()


@MODEST
@given(st.data(), sizes)
def test_values_come_back_in_their_own_unit(data, n):
    raw = data.draw(gappy_maps(n))
    made = MapMatrix.from_array(raw)
    np.testing.assert_array_equal(np.isnan(made.values), np.isnan(raw))
    for back, values in zip(made.values, raw, strict=True):
        size = abs(values[np.isfinite(values)]).max(initial=0)
        np.testing.assert_allclose(back, values, rtol=0, atol=1e-12 * size)
    np.testing.assert_array_equal(made.n_valid, np.isfinite(raw).sum(axis=1))
    assert made.complete == np.isfinite(raw).all()
    np.testing.assert_array_equal(made.supports[made.support_of], np.isfinite(raw))


@MODEST
@given(seeds, st.sampled_from([np.float32, np.float64]), st.sampled_from([0.0, 1e3, -1e6, 1e9]),
       st.sampled_from([1e-290, 1.0, 1e290]), st.sampled_from([3, 20_000, 2 * matrix.PIECE]))
def test_no_offset_and_no_magnitude_costs_the_scores_their_digits(seed, dtype, offset, scale, n):
    steps = np.random.default_rng(seed).integers(-8, 9, n)
    steps[:2] = -8, 8
    scores = np.empty(n, dtype=dtype)
    mean, spread = standardise((steps + offset) * scale, scores)
    true = (steps - steps.mean()) / steps.std()
    # The mean is rounded to 1e-16 of the offset, and so were the values when they were multiplied by the scale.
    noise = abs(offset) * (1e-15 if scale != 1 else 1e-16)
    np.testing.assert_allclose(scores, true, rtol=0, atol=(1e-6 if dtype is np.float32 else 1e-11) + noise)
    assert mean == pytest.approx((steps.mean() + offset) * scale, rel=1e-9, abs=1e-9 * scale)
    assert spread == pytest.approx(steps.std() * scale, rel=1e-7)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e9 + 0.1, 1e300, 5e-324])
@pytest.mark.parametrize("n", [1, 7, 2 * matrix.PIECE + 1])
def test_a_constant_map_has_no_scale_and_its_own_value_for_a_mean(value, n):
    scores = np.ones(n)
    assert standardise(np.full(n, value), scores) == (value, 0.0)
    assert not scores.any()


def test_no_value_at_all_has_no_mean():
    mean, spread = standardise(np.empty(0), np.zeros(4), np.zeros(4, dtype=bool))
    assert np.isnan(mean)
    assert spread == 0


def test_scores_go_where_the_valid_values_are_and_input_stays_as_it_is():
    valid = np.array([True, False, True, True, False])
    data, row = np.array([1, 2, 6], dtype="u1"), np.zeros(5)
    data.flags.writeable = False
    standardise(data, row, valid)
    np.testing.assert_allclose(row, [-2 / np.sqrt(14 / 3), 0, -1 / np.sqrt(14 / 3), 3 / np.sqrt(14 / 3), 0])


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f2", "f4", ">f8"])
def test_any_real_type_and_layout(dtype):
    raw = np.array([[0, 1, 1, 0], [1, 0, 0, 0]], dtype=dtype)
    for given_as in (raw, np.asfortranarray(raw), np.repeat(raw, 2, axis=1)[:, ::2]):
        np.testing.assert_allclose(MapMatrix.from_array(given_as).values, raw.astype(float), atol=1e-15)
    assert MapMatrix.from_array(raw[0]).rows.shape == (1, 4)


@pytest.mark.parametrize("wrong", [np.zeros((2, 2, 2)), np.zeros((2, 2), complex), np.array([["a"]]), np.float64(3)])
def test_what_is_no_matrix_of_maps_is_refused(wrong):
    with pytest.raises(InputError, match="expected"):
        MapMatrix.from_array(wrong)


def test_infinities_are_missing():
    made = MapMatrix.from_array([[1.0, np.inf, -np.inf, 3, np.nan]])
    np.testing.assert_array_equal(made.supports, [[1, 0, 0, 1, 0]])


def test_labels_and_records():
    made = MapMatrix.from_array([[1.0, np.nan], [1, 2]], labels=("a", "b"))
    assert [(r.label, r.n_voxels, r.coverage) for r in made.records] == [("a", 1, 0.5), ("b", 2, 1.0)]
    assert MapMatrix.from_array(np.zeros((3, 2))).labels == ("map0", "map1", "map2")
    assert len(made) == 2


def test_precision_is_a_matter_of_size():
    n = matrix.SMALL // 8
    assert row_dtype(1, n) == row_dtype(n // 4, 4) == np.float64
    assert row_dtype(1, n + 1) == np.float32


@MODEST
@given(seeds, st.integers(0, 6), st.integers(0, 20))
def test_equal_supports_are_stored_once(seed, maps, n):
    valid = np.random.default_rng(seed).random((maps, n)) < 0.8
    valid[1::2] = valid[: maps - len(valid[1::2])][: len(valid[1::2])]
    distinct, which = distinct_supports(valid)
    np.testing.assert_array_equal(distinct[which], valid)
    assert len({row.tobytes() for row in distinct}) == len(distinct)


def test_features_have_a_place_only_on_a_grid():
    grid = Grid((2, 3, 4), np.array([[2.0, 0, 0, 1], [0, 2, 0, 1], [0, 0, 2, 1], [0, 0, 0, 1]]))
    places = Features(3, grid, np.array([0, 1, 6])).coords
    np.testing.assert_array_equal(places, [[1, 1, 1], [3, 1, 1], [1, 1, 3]])
    with pytest.raises(InputError, match="no place in space"):
        _ = Features(3).coords


def with_zeros(raw, readings):
    made = MapMatrix.from_array(np.array([np.where((row == 0) & (reading == "missing"), np.nan, row)
                                          for row, reading in zip(raw, readings, strict=True)]))
    zeros = {i: (reading, np.packbits(row == 0)) for i, (row, reading) in enumerate(zip(raw, readings, strict=True))}
    return matrix.replace(made, zeros=zeros)


@MODEST
@given(seeds, st.sampled_from([0.0, 1e3, -1e6]), st.sampled_from([1e-30, 1.0, 1e30]),
       st.tuples(*[st.sampled_from(["data", "missing"])] * 3), st.sampled_from([0, matrix.SMALL]))
def test_zeros_read_the_other_way_are_as_if_read_so_from_the_start(seed, offset, scale, readings, small):
    rng = np.random.default_rng(seed)
    raw = (rng.standard_normal((3, 50)) + offset) * scale
    raw[rng.random(raw.shape) < 0.3] = 0
    raw[:, :2] = 0
    raw[rng.random(raw.shape) < 0.1] = np.nan
    other = tuple({"data": "missing", "missing": "data"}[reading] for reading in readings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matrix, "SMALL", small)
        made, true = with_zeros(raw, readings), with_zeros(raw, other)
        before = made.rows.copy()
        which = np.array([2, 0])
        found = made.with_zeros_read_otherwise(which)
    np.testing.assert_array_equal(made.rows, before)
    np.testing.assert_array_equal(found.supports[found.support_of], true.supports[true.support_of][which])
    # Zeros far from the other values: the scores of those lie close together, on what digits the rows have.
    tolerance = 1e-6 * max(1, abs(offset)) if small == 0 else 1e-9
    if not (small == 0 and abs(offset) > 1e3):
        np.testing.assert_allclose(found.rows, true.rows[which], rtol=0, atol=tolerance)
    assert found.labels == (made.labels[2], made.labels[0])


@pytest.mark.parametrize("value", [5.0, -1e-9])
def test_a_constant_beside_zeros_gets_a_scale_when_they_are_data(value):
    raw = np.array([[value, value, 0, 0, 0, value]])
    found = with_zeros(raw, ["missing"]).with_zeros_read_otherwise(np.array([0]))
    np.testing.assert_allclose(found.rows, np.sign(value) * np.array([[1, 1, -1, -1, -1, 1]]), atol=1e-12)
    np.testing.assert_allclose(found.values, raw, atol=1e-20)
