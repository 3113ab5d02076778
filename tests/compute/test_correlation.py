"""Pearson's r of maps with gaps: equal to its definition, whatever the offset, the precision or the threads."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from niicorr import matrix
from niicorr.compute import sums as module
from niicorr.compute.definitions import similarity_terms
from niicorr.compute.similarity import Similarity
from niicorr.matrix import MapMatrix
from strategies import MODEST, gappy_maps, seeds

sizes = st.sampled_from([0, 1, 2, 3, 7, 40, 300])


pearson = Similarity()


def correlate(x, y, jobs=1):
    return pearson(MapMatrix.from_array(x), MapMatrix.from_array(y), jobs=jobs)


def definition(x, y):
    """r and n of each pair, by the book: the values both maps have, in float64, the mean taken off first."""
    r, n = np.full((len(y), len(x)), np.nan), np.zeros((len(y), len(x)), dtype=int)
    for i, b in enumerate(y):
        for j, a in enumerate(x):
            both = np.isfinite(a) & np.isfinite(b)
            n[i, j] = both.sum()
            if both.sum() >= 3 and np.ptp(a[both]) > 0 and np.ptp(b[both]) > 0:
                u, v = ((c[both] / abs(c[both]).max()).astype(float) for c in (a, b))
                u, v = (c - c.mean() for c in (u, v))
                u, v = (c - c.mean() for c in (u, v))
                r[i, j] = np.dot(u / abs(u).max(), v / abs(v).max()) / np.sqrt(
                    np.dot(u / abs(u).max(), u / abs(u).max()) * np.dot(v / abs(v).max(), v / abs(v).max()))
    return r, n


def assert_same(found, expected, tolerance):
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@MODEST
@given(st.data(), sizes)
def test_r_and_n_are_those_of_the_definition(data, n):
    x, y = data.draw(gappy_maps(n)), data.draw(gappy_maps(n))
    found = correlate(x, y)
    r, counts = definition(x, y)
    np.testing.assert_array_equal(found.n, counts)
    assert_same(found.r, r, 1e-6)


@MODEST
@given(st.data(), st.sampled_from([3, 8, 50]), seeds)
def test_r_of_each_pair_is_scipys_on_the_complete_values(data, n, seed):
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((2, n)) < data.draw(st.sampled_from([0, 0.2])), np.nan, rng.integers(-2, 3, (2, n)))
    y = np.where(rng.random((3, n)) < 0.2, np.nan, rng.standard_normal((3, n)))
    found = correlate(x, y).r
    for i in range(3):
        for j in range(2):
            both = np.isfinite(x[j]) & np.isfinite(y[i])
            if both.sum() >= 3 and np.ptp(x[j][both]) and np.ptp(y[i][both]):
                expected = scipy.stats.pearsonr(x[j][both], y[i][both]).statistic
                assert found[i, j] == pytest.approx(expected, abs=1e-12)
            else:
                assert np.isnan(found[i, j])


@MODEST
@given(st.data(), st.sampled_from([-2.0, 0.5, 1e-30, 1e30]), st.sampled_from([0.0, 1.0, -1e6, 1e9]))
def test_a_straight_line_through_a_map_changes_only_the_sign(data, scale, shift):
    rng = np.random.default_rng(data.draw(seeds))
    x, y = rng.standard_normal((2, 60)), rng.standard_normal((2, 60))
    x[rng.random(x.shape) < 0.2] = np.nan
    moved = scale * (x + shift)
    # Adding 1e9 costs the values themselves seven digits.
    assert_same(correlate(moved, y).r, np.sign(scale) * correlate(x, y).r, 1e-12 + abs(shift) * 1e-15)


@MODEST
@given(st.data(), sizes)
def test_exchanging_the_sets_transposes(data, n):
    x, y = data.draw(gappy_maps(n)), data.draw(gappy_maps(n))
    there, back = correlate(x, y), correlate(y, x)
    assert_same(there.r, back.r.T, 1e-9)
    np.testing.assert_array_equal(there.n, back.n.T)
    np.testing.assert_array_equal(there.x_constant, back.y_constant.T)


@MODEST
@given(st.data(), st.sampled_from([3, 40, 300]), seeds)
def test_the_order_of_the_features_does_not_matter(data, n, seed):
    x, y = data.draw(gappy_maps(n)), data.draw(gappy_maps(n))
    order = np.random.default_rng(seed).permutation(n)
    there, mixed = correlate(x, y), correlate(x[:, order], y[:, order])
    assert_same(mixed.r, there.r, 1e-9)
    np.testing.assert_array_equal(mixed.n, there.n)


@pytest.mark.parametrize("gaps", [0.0, 0.3], ids=["complete", "gappy"])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_large_sets_in_float32_err_by_less_than_1e6(monkeypatch, gaps, offset, dtype):
    if dtype is np.float32 and offset == 1e9:
        offset = 1e6  # beyond, float32 input holds no noise at all
    monkeypatch.setattr(matrix, "SMALL", 0)
    rng = np.random.default_rng(1)
    common = rng.standard_normal(20_000)
    x, y = ((share * common + rng.standard_normal((4, common.size)) + offset).astype(dtype) for share in (0.4, 1.5))
    for maps in (x, y):
        maps[rng.random(maps.shape) < gaps] = np.nan
    assert MapMatrix.from_array(x).rows.dtype == np.float32
    assert_same(correlate(x, y).r, definition(x.astype(float), y.astype(float))[0], 1e-6)


@pytest.mark.parametrize("spread", [0.001, 0.03])
def test_an_overlap_far_from_the_mean_of_a_map_is_done_again(monkeypatch, spread):
    """Standard scores near 7 with so small a spread: sums of float32 squares would leave few digits or none."""
    monkeypatch.setattr(matrix, "SMALL", 0)
    rng = np.random.default_rng(2)
    shared, n = spread * rng.standard_normal(400), 40_000
    x, y = np.zeros((1, n)), np.full((1, n), np.nan)
    x[0, 400:] = rng.standard_normal(n - 400)
    x[0, :400] = 10 + shared
    y[0, :400] = shared + spread * rng.standard_normal(400)
    made = MapMatrix.from_array(x)
    exact = matrix.replace(made, exact=lambda index: x[index])
    expected = definition(x, y)[0]
    assert_same(pearson(exact, MapMatrix.from_array(y)).r, expected, 1e-9)


@pytest.mark.parametrize("gaps", [0.0, 0.3], ids=["complete", "gappy"])
@pytest.mark.parametrize("small", [0, matrix.SMALL], ids=["float32", "float64"])
def test_threads_do_not_change_a_byte(monkeypatch, gaps, small):
    monkeypatch.setattr(matrix, "SMALL", small)
    monkeypatch.setattr(module, "CHUNK", 100)
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((5, 2050)), rng.standard_normal((3, 2050))
    x[rng.random(x.shape) < gaps] = np.nan
    one = correlate(x, y, jobs=1)
    for jobs in (2, 3, 7):
        many = correlate(x, y, jobs=jobs)
        assert many.r.tobytes() == one.r.tobytes()
        assert many.n.tobytes() == one.n.tobytes()


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 19, 20, 21, 30])
@pytest.mark.parametrize("gaps", [0.0, 0.3], ids=["complete", "gappy"])
@pytest.mark.parametrize("jobs", [1, 2])
def test_no_feature_is_lost_or_counted_twice_where_chunks_meet(monkeypatch, n, gaps, jobs):
    monkeypatch.setattr(module, "CHUNK", 10)
    rng = np.random.default_rng(n)
    x, y = rng.standard_normal((2, n)), rng.standard_normal((2, n))
    x[rng.random(x.shape) < gaps] = np.nan
    found = correlate(x, y, jobs=jobs)
    r, counts = definition(x, y)
    np.testing.assert_array_equal(found.n, counts)
    assert_same(found.r, r, 1e-12)


def test_real_chunks_meet_too():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((1, module.CHUNK + 1)), rng.standard_normal((1, module.CHUNK + 1))
    assert_same(correlate(x, y).r, definition(x, y)[0], 1e-12)


def test_an_empty_cell_says_which_side_is_constant():
    x = np.array([[1.0, 1, 1, 1, np.nan], [1, 1, 1, 2, 3], [1, 2, 3, 4, 5]])
    y = np.array([[1.0, 2, 3, np.nan, np.nan], [2, 2, 2, np.nan, 3], [7, 7, 7, 7, 7]])
    found = correlate(x, y)
    np.testing.assert_array_equal(found.x_constant, [[1, 1, 0], [1, 0, 0], [1, 0, 0]])
    # Beside a map without any variance the other one's values in the overlap are not looked at.
    np.testing.assert_array_equal(found.y_constant, [[0, 0, 0], [0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(np.isnan(found.r), [[1, 1, 0], [1, 0, 0], [1, 1, 1]])


@pytest.mark.parametrize("spike", [1e6, 1e12, 1e17])
def test_a_spike_outside_the_overlap_costs_no_digits(spike):
    x = np.array([[spike, 1, 2, 3, 4, 5]])
    y = np.array([[np.nan, 1, 2, 3, 4, 6]])
    assert_same(correlate(x, y).r, definition(x, y)[0], 1e-6)
    assert_same(correlate(y, x).r, definition(y, x)[0], 1e-6)


def test_nothing_at_all_gives_empty_arrays():
    found = correlate(np.empty((0, 4)), np.ones((2, 4)))
    assert found.r.shape == found.n.shape == (2, 0)


@MODEST
@given(seeds, st.sampled_from([0.0, 1e8, -1e12]), st.sampled_from([1e-290, 1.0, 1e290]))
def test_the_definition_keeps_its_digits(seed, offset, scale):
    rng = np.random.default_rng(seed)
    a = rng.integers(-8, 9, 30) + offset
    b = rng.integers(-8, 9, 30) + offset
    true = scipy.stats.pearsonr(a - offset, b - offset).statistic
    r = similarity_terms("pearson", a * scale, b * scale).sum()
    # Multiplying by the scale rounds each value once, by 1e-16 of the offset.
    assert r == pytest.approx(true, abs=1e-12 + abs(offset) * 1e-15)
