"""Pictures of a result: which maps, where they lie, the lines through them, the null model's autocovariances."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import niicorr as nc
from niicorr.errors import InputError, UsageError
from niicorr.matrix import Features, MapMatrix
from niicorr.result import picturing
from niicorr.result.picturing import pictures_of, which_maps, with_pictures
from strategies import MODEST, gappy_maps

AFFINE = np.diag([4.0, 4, 4, 1])


def volumes(count, seed, shape=(9, 10, 8)):
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*(np.linspace(-1.1, 1.1, n) for n in shape), indexing="ij"))
    inside = (at**2).sum(axis=0) < 1
    return [(np.where(inside, rng.standard_normal(shape) + 3, 0), AFFINE) for _ in range(count)]


@pytest.fixture(scope="module")
def result():
    return nc.correlate(volumes(5, 0), volumes(3, 1), null="gsm", warn=False)


def shown(pictures):
    return [[bool(side.packed(i)) for i in range(len(side))] for side in (pictures.x, pictures.y)]


def test_every_map_lies_where_it_lies(result):
    pictures = pictures_of(result)
    assert (pictures.choice, pictures.n) == ("all", result.mask.sum())
    assert shown(pictures) == [[True] * 5, [True] * 3]
    np.testing.assert_array_equal(pictures.voxels, np.flatnonzero(result.mask.ravel(order="F")))
    volume = np.zeros(result.grid.shape).ravel(order="F")
    steps = pictures.y.steps(2, pictures.n).astype(float)
    volume[pictures.voxels] = pictures.y.low[2] + (steps - 1) / 254 * (pictures.y.high[2] - pictures.y.low[2])
    expected = volumes(3, 1)[2][0]
    half = (pictures.y.high[2] - pictures.y.low[2]) / 254 / 2
    found = volume.reshape(expected.shape, order="F")
    np.testing.assert_allclose(found[result.mask], expected[result.mask], atol=1.02 * half)


def test_the_outcome_does_not_depend_on_threads(result):
    one, many = (pictures_of(result, jobs=jobs).arrays() for jobs in (1, 5))
    assert one.keys() == many.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, many[name])


@pytest.mark.parametrize("same_set", [False, True])
@pytest.mark.parametrize("count", [1, 2, 4, 99])
def test_the_strongest_pairs_choose_their_maps(same_set, count):
    maps = np.random.default_rng(3).standard_normal((6, 40))
    result = nc.correlate(maps) if same_set else nc.correlate(maps[:4], maps[4:])
    expected = result.strongest(count)
    x, y = which_maps(result, f"top:{count}")
    rows, columns = {i for i, _ in expected}, {j for _, j in expected}
    if same_set:
        rows = columns = rows | columns
    assert set(np.flatnonzero(y)) == rows
    assert set(np.flatnonzero(x)) == columns


def test_no_map_without_a_number_is_among_the_strongest():
    result = nc.correlate(np.array([[1.0, 2, 4], [5, 5, 5]]), np.array([[1.0, 3, 2]]), warn=False)
    assert [flags.tolist() for flags in which_maps(result, "top:9")] == [[True, False], [True]]


def test_none_and_many(result, monkeypatch):
    assert shown(pictures_of(result, "none")) == [[False] * 5, [False] * 3]
    monkeypatch.setattr(picturing, "MOST_MAPS", 7)
    monkeypatch.setattr(picturing, "STRONGEST", 1)
    pictures = pictures_of(result)
    assert pictures.choice == "top:1"
    assert sum(map(sum, shown(pictures))) == 2


@pytest.mark.parametrize("maps", ["top:0", "top:", "top:-1", "some", "", "ALL", 5, None])
def test_another_word_is_refused(result, maps):
    with pytest.raises(UsageError, match="all, none or top:N"):
        pictures_of(result, maps)


def test_what_was_saved_may_be_left_out_but_not_brought_back(result):
    kept = with_pictures(result, "top:2").replace(comparison=None)
    assert shown(pictures_of(kept)) == shown(pictures_of(kept, "all")) == shown(kept.pictures)
    fewer = pictures_of(kept, "top:1")
    i, j = result.strongest(1)[0]
    assert shown(fewer) == [[k == j for k in range(5)], [k == i for k in range(3)]]
    np.testing.assert_array_equal(fewer.x.steps(j, fewer.n), kept.pictures.x.steps(j, fewer.n))
    assert not any(map(any, shown(pictures_of(kept, "none"))))
    assert shown(pictures_of(with_pictures(result, "top:2"), "all")) == [[True] * 5, [True] * 3]


def test_pictures_that_lie_outside_of_the_grid_are_refused(result):
    loaded = with_pictures(result).replace(comparison=None)
    moved = replace(loaded.pictures, voxels=loaded.pictures.voxels + np.uint32(result.grid.size))
    with pytest.raises(InputError, match="outside of its grid"):
        pictures_of(loaded.replace(pictures=moved))


def test_a_result_without_maps_has_no_pictures(result):
    assert pictures_of(result.replace(comparison=None)) is None


def test_a_map_that_could_not_be_used_has_no_picture(tmp_path):
    (tmp_path / "bad.nii").write_bytes(b"no image")
    result = nc.correlate([*volumes(2, 0), str(tmp_path / "bad.nii")], volumes(1, 1), on_error="skip", null="none",
                          warn=False)
    assert shown(pictures_of(result)) == [[True, True, False], [True]]


def test_bare_arrays_have_pictures_without_places():
    pictures = pictures_of(nc.correlate(np.random.default_rng(0).random((3, 20))))
    assert pictures.voxels is None
    assert pictures.y is pictures.x
    assert pictures.x.steps(2, 20).min() == 1


def test_regions_have_no_pictures_but_lines():
    values = np.random.default_rng(0).random((4, 12))
    features = Features(12, centroids=np.random.default_rng(1).random((12, 3)), volumes=np.ones(12))
    result = nc.correlate(MapMatrix.from_array(values[:2], features=features),
                          MapMatrix.from_array(values[2:], features=features), null="none")
    pictures = pictures_of(result)
    assert (pictures.n, pictures.voxels) == (0, None)
    assert shown(pictures) == [[False] * 2] * 2
    assert pictures.fits.slope[1, 0] == pytest.approx(np.polyfit(values[0], values[3], 1)[0])


@MODEST
@given(st.data())
def test_lines_are_those_of_least_squares_over_common_values(data):
    n = data.draw(st.integers(3, 60))
    x, y = data.draw(gappy_maps(n)), data.draw(gappy_maps(n))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nc.DomainWarning)
        result = nc.correlate(x, y, null="none")
    fits = pictures_of(result).fits
    for i, j in np.ndindex(result.estimate.shape):
        slope, intercept = fits.slope[i, j], fits.intercept[i, j]
        assert np.isfinite(slope) == np.isfinite(intercept)
        if not np.isfinite(slope):
            continue
        both = np.isfinite(x[j]) & np.isfinite(y[i])
        u, v = x[j][both], y[i][both]
        unit = np.abs(u).max()
        a, b = (u - u.mean()) / unit, v - v.mean()
        expected = (a @ b) / (a @ a) / unit
        # The line is drawn over the range of the data: there it must be right, to a share of theirs.
        error = np.abs(slope * (u - u.mean()) - expected * (u - u.mean())).max()
        assert error <= 2e-4 * np.abs(b).max() + 1e-9 * np.abs(v).max()
        assert abs(slope * u.mean() + intercept - v.mean()) <= 1e-6 * (np.abs(v).max() + np.abs(slope * u).max())


def test_a_line_needs_a_straight_measure(monkeypatch):
    maps = np.random.default_rng(0).random((3, 30))
    assert pictures_of(nc.correlate(maps, method="dice", threshold=0.5)).fits is None
    assert pictures_of(nc.correlate(maps, weights=np.linspace(1, 2, 30))).fits is None
    assert pictures_of(nc.correlate(maps[:2], partial=maps[2:])).fits is None
    monkeypatch.setattr(picturing, "MOST_FITS", 8)
    assert pictures_of(nc.correlate(maps)).fits is None


def test_autocovariances_are_those_the_null_model_fitted(result):
    from niicorr.nulls.effective import effective_null

    curves = pictures_of(result).curves
    null = effective_null(result.comparison.x, result.comparison.y, model="gsm")
    coefficients = null.describe(result.comparison.y).coefficients
    widths = null.stationary.atoms.widths
    lags = curves.lags_mm
    assert lags[0] == 0
    gaussians = np.exp(-(lags[:, None] ** 2) / (2 * widths**2))
    expected = coefficients[:, 1:] @ gaussians.T + np.outer(coefficients[:, 0], lags == 0)
    np.testing.assert_allclose(curves.y, expected, rtol=1e-6, atol=1e-7)
    assert curves.x.shape == (5, lags.size)


def test_draws_are_counted_by_size(monkeypatch):
    from niicorr import draws

    maps = volumes(3, 0), volumes(2, 5)
    counted = nc.correlate(*maps, null="surrogate", n_surrogates=30, warn=False)
    histogram = pictures_of(counted).histogram
    assert histogram.counts.shape == (2, 3, histogram.edges.size - 1)
    np.testing.assert_array_equal(histogram.counts.sum(axis=2), 30)
    np.testing.assert_allclose(histogram.edges, -histogram.edges[::-1])
    again = nc.correlate(maps[1], maps[0], null="surrogate", n_surrogates=30, warn=False)
    np.testing.assert_array_equal(pictures_of(again).histogram.counts.transpose(1, 0, 2), histogram.counts)
    # As many draws lie beyond r as p says, but for those in the bin that r itself is in.
    for i, j in np.ndindex(2, 3):
        r, width = abs(counted.estimate[i, j]), histogram.edges[1] - histogram.edges[0]
        middles = np.abs((histogram.edges[1:] + histogram.edges[:-1]) / 2)
        reached = round(counted.inferred["p"][i, j] * 31) - 1
        assert histogram.counts[i, j][middles > r + width].sum() <= reached
        assert reached <= histogram.counts[i, j][middles > r - width].sum()
    monkeypatch.setattr(draws, "MOST_CELLS", 5)
    assert pictures_of(nc.correlate(*maps, null="surrogate", n_surrogates=4, warn=False)).histogram is None


def test_without_a_null_model_there_is_none():
    assert pictures_of(nc.correlate(volumes(2, 0), null="none", warn=False)).curves is None
