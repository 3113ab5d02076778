"""The figure of a pair: both maps at the right place, all their values, and the numbers of the cell in words."""

from __future__ import annotations

import io

import numpy as np
import pytest

import niicorr as nc
from niicorr.errors import InputError, UsageError
from niicorr.matrix import Features, MapMatrix
from niicorr.plot.pair import MANY, NAMED
from niicorr.records import Region
from niicorr.result import Parcellation, RunSeries
from niicorr.result.pair_values import pair_values
from niicorr.result.picturing import with_pictures

AFFINE = np.array([[-4.0, 0, 0, 20], [0, 4, 0, -20], [0, 0, 4, -16], [0, 0, 0, 1]])


def volumes(count, seed, shape=(13, 14, 12)):
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*(np.linspace(-1.1, 1.1, n) for n in shape), indexing="ij"))
    inside = (at**2).sum(axis=0) < 1
    return [(np.where(inside, rng.standard_normal(shape) + 3 * k, 0), AFFINE) for k in range(count)]


@pytest.fixture(scope="module")
def result():
    x = volumes(3, 0)
    x[0][0][5, 6, 5] = 40.0
    y = [(x[0][0] * 0.5 + volumes(2, 7)[1][0], AFFINE), volumes(2, 5)[1]]
    return nc.correlate(x, y, null="gsm", warn=False)


def texts(figure):
    return " | ".join(text.get_text() for text in figure.texts)


def test_values_are_those_of_the_maps(result):
    values = pair_values(result, 1, 2)
    volume = volumes(3, 0)[2][0]
    np.testing.assert_allclose(values.x, volume.ravel(order="F")[values.voxels], rtol=1e-9)
    assert values.exact


def test_values_of_a_loaded_result_are_those_of_its_pictures(result):
    loaded = with_pictures(result).replace(comparison=None)
    exact, values = pair_values(result, 1, 2), pair_values(loaded, 1, 2)
    assert not values.exact
    np.testing.assert_array_equal(values.voxels, exact.voxels)
    step = np.ptp(exact.x) / 254
    assert 0 < np.abs(values.x - exact.x).max() < 0.51 * step
    assert "pictures of 8 bits" in texts(loaded.pair(2, 1).plot())


def test_planes_go_through_the_voxel_that_adds_most(result):
    figure = result.pair(0, 0).plot()
    place = AFFINE @ [5, 6, 5, 1]
    assert f"({place[0]:.0f}, {place[1]:.0f}, {place[2]:.0f}) mm".replace("-", "−") in texts(figure)
    pictures = [ax.images[0] for ax in figure.axes if ax.images]
    assert len(pictures) == 6
    for k, picture in enumerate(pictures):
        (vertical, horizontal) = [line.get_data() for line in picture.axes.lines]
        shown, (left, right, bottom, top) = picture.get_array(), picture.get_extent()
        column = int((vertical[0][0] - left) / (right - left) * shown.shape[1])
        row = int((top - horizontal[1][0]) / (top - bottom) * shown.shape[0])
        expected = result.comparison.x.values if k < 3 else result.comparison.y.values
        at = np.flatnonzero(pair_values(result, 0, 0).x == pair_values(result, 0, 0).x.max())[0]
        assert shown[row, column] == pytest.approx(expected[0][at], rel=1e-9)


def test_the_numbers_are_those_of_the_cell(result):
    told = texts(result.pair("map1", "map1").plot()) if "map1" in result.x_labels else texts(result.pair(1, 1).plot())
    assert f"{result.estimate[1, 1]:.2f}".lstrip("-0").removeprefix("0") in told
    assert str(round(result.inferred["n_effective"][1, 1])) in told.replace("\u00a0", "")
    assert "null model: gsm" in told


def test_many_values_are_counted_and_few_stand_alone(result):
    (ax,) = [ax for ax in result.pair(0, 1).plot().axes if ax.get_xlabel()]
    assert ax.collections[0].get_array().sum() > 0  # hexagons
    few = nc.correlate(np.random.default_rng(0).random((2, MANY)))
    (ax,) = few.pair(0, 1).plot().axes
    assert len(ax.collections[0].get_offsets()) == MANY


def test_the_line_is_the_least_squares_line(result):
    few = nc.correlate(np.random.default_rng(0).random((2, 50)) * 7)
    (ax,) = few.pair(0, 1).plot().axes
    x, y = ax.lines[0].get_data()
    values = pair_values(few, 1, 0)
    slope, intercept = np.polyfit(values.x, values.y, 1)
    np.testing.assert_allclose(y, slope * np.asarray(x) + intercept)
    weighted = nc.correlate(np.random.default_rng(0).random((2, 50)), weights=np.linspace(1, 2, 50))
    assert not weighted.pair(0, 1).plot().axes[0].lines


def test_regions_are_named(result):
    values = np.random.default_rng(0).standard_normal((2, 20))
    values[:, 3] = 9, 8
    features = Features(20, centroids=np.random.default_rng(1).random((20, 3)), volumes=np.ones(20))
    found = nc.correlate(MapMatrix.from_array(values[:1], features=features),
                         MapMatrix.from_array(values[1:], features=features), null="none")
    regions = tuple(Region(f"region {k}", k + 1, 9, (0.0, 0.0, 0.0)) for k in range(20))
    found = found.replace(parcellation=Parcellation("aal.nii.gz", regions, np.full(20, 9), ("map0", "map0"),
                                                    np.ones((2, 20)), values))
    (ax,) = found.pair(0, 0).plot().axes
    assert len(ax.texts) == NAMED
    named = {text.get_text(): text.xy for text in ax.texts}
    assert named["region 3"] == (9, 8)


def test_series_are_shown_as_standard_scores():
    rng = np.random.default_rng(0)
    runs = tuple(RunSeries(f"run{k}", "a.nii", rng.random((30, 3)) * 5 + k, np.arange(30)) for k in range(2))
    base = nc.correlate(rng.random((3, 60)))
    found = base.replace(series=runs, comparison=None)
    values = pair_values(found, 2, 0)
    assert values.x.size == 60
    assert values.x[:30].mean() == pytest.approx(0, abs=1e-12)
    assert values.y[30:].std() == pytest.approx(1)
    assert "standard scores" in found.pair(0, 2).plot().axes[0].get_xlabel()


def test_a_cell_without_a_number_says_why():
    found = nc.correlate(np.array([[1.0, 2, 3], [4, 4, 4]]), null="none", warn=False)
    assert "constant" in texts(found.pair(1, 0).plot())


def test_names_are_never_mathematics():
    found = nc.correlate(MapMatrix.from_array(np.random.default_rng(0).random((2, 9)), ("$\\frac{a}$", "恐\u202eb")))
    figure = found.pair(0, 1).plot()
    figure.savefig(io.BytesIO(), format="png")
    assert "$\\frac{a}$" in texts(figure)
    assert "\\u202e" in texts(figure)


def test_without_maps_or_such_a_map_the_way_out_is_said(result):
    with pytest.raises(InputError, match="correlate them again"):
        result.replace(comparison=None).pair(0, 0).plot()
    with pytest.raises(UsageError, match="x has 3 maps"):
        result.pair(3, 0)


def test_pyplot_knows_nothing_of_it(result):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    result.pair(0, 0).plot()
    assert plt.get_fignums() == before
