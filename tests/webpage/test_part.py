"""A part of a result holds the numbers of the whole, and the strongest rows and columns of what is too large."""

from __future__ import annotations

import numpy as np
import pytest
from page_reading import images, small

import niicorr as nc
from niicorr.records import Region
from niicorr.result import Parcellation, RunSeries
from niicorr.result.picturing import with_pictures
from niicorr.webpage import part as module
from niicorr.webpage.part import part_of, strongest_part


@pytest.fixture(scope="module")
def result():
    return with_pictures(small("effective"))


def test_every_number_is_that_of_the_whole(result):
    rows, columns = np.array([0, 2]), np.array([1, 2, 3])
    noted = result.replace(notes={(0, 0): "gone", (0, 1): "kept", (2, 3): "kept, too", (1, 1): "gone"})
    part = part_of(noted, rows, columns)
    at = np.ix_(rows, columns)
    np.testing.assert_array_equal(part.estimate, result.estimate[at])
    np.testing.assert_array_equal(part.counts, result.counts[at])
    for name, values in result.inferred.items():
        np.testing.assert_array_equal(part.inferred[name], values[at])
    np.testing.assert_array_equal(part.sensitivity.naive, result.sensitivity.naive[at])
    assert part.notes == {(0, 0): "kept", (1, 2): "kept, too"}
    assert part.x_labels == result.x_labels[1:]
    assert part.y_labels == (result.y_labels[0], result.y_labels[2])
    whole, some = result.pictures, part.pictures
    np.testing.assert_array_equal(some.fits.slope, whole.fits.slope[at])
    np.testing.assert_array_equal(some.curves.x, whole.curves.x[columns])
    np.testing.assert_array_equal(some.curves.y, whole.curves.y[rows])
    for k, j in enumerate(columns):
        np.testing.assert_array_equal(some.x.steps(k, some.n), whole.x.steps(int(j), whole.n))
        assert some.x.low[k] == whole.x.low[j]
    np.testing.assert_array_equal(some.y.steps(1, some.n), whole.y.steps(2, whole.n))


def test_a_set_against_itself_stays_one():
    result = with_pictures(nc.correlate(images(4, 0), null="none", warn=False))
    part = part_of(result, np.array([1, 3]), np.array([1, 3]))
    assert part.same_set
    assert part.pictures.y is part.pictures.x
    np.testing.assert_array_equal(part.estimate, result.estimate[np.ix_([1, 3], [1, 3])])


def test_regional_values_go_with_their_maps(result):
    regions = tuple(Region(f"r{k}", k, 1, (0.0, 0.0, 0.0)) for k in range(5))
    values = np.random.default_rng(0).random((7, 5))
    whole = result.replace(parcellation=Parcellation("a", regions, np.arange(5), tuple("abcdefg"), values / 2, values))
    found = part_of(whole, np.array([1]), np.array([0, 3])).parcellation
    assert found.sources == ("a", "d", "f")
    np.testing.assert_array_equal(found.values, values[[0, 3, 5]])
    np.testing.assert_array_equal(found.coverage, values[[0, 3, 5]] / 2)
    assert found.regions == regions


def test_series_go_with_their_regions():
    rng = np.random.default_rng(0)
    regions = tuple(Region(f"r{k}", k, 1, (0.0, 0.0, 0.0)) for k in range(4))
    matrix = rng.random((4, 4))
    runs = (RunSeries("run", "b.nii", rng.random((9, 4)), np.arange(9), None, matrix),)
    result = nc.correlate(rng.random((4, 9)), null="none").replace(
        series=runs, comparison=None, parcellation=Parcellation("a", regions, np.arange(4), ("run",), np.ones((1, 4))))
    places = np.array([0, 3])
    found = part_of(result, places, places)
    assert [region.name for region in found.parcellation.regions] == ["r0", "r3"]
    assert found.parcellation.n_voxels.tolist() == [0, 3]
    np.testing.assert_array_equal(found.series[0].values, runs[0].values[:, places])
    np.testing.assert_array_equal(found.series[0].matrix, matrix[np.ix_(places, places)])


def large(rows, columns, same_set=False):
    rng = np.random.default_rng(0)
    r = rng.uniform(-0.5, 0.5, (rows, columns))
    if same_set:
        r = np.where(np.eye(rows, dtype=bool), 1.0, (r + r.T) / 2)
    r[0, :] = np.nan
    r[:, 0] = np.nan
    r[-1, -2] = -0.9
    r[-2, -1] = -0.9
    base = nc.correlate(rng.random((1, 5)), null="none")
    return base.replace(estimate=r, counts=np.full(r.shape, 5), same_set=same_set, comparison=None)


@pytest.mark.parametrize(
    ("shape", "most"), [((10, 10), (4, 4)), ((3, 30), (3, 5)), ((30, 2), (8, 2)), ((2, 40), (2, 8))])
def test_the_strongest_are_shown_of_what_is_too_large(monkeypatch, shape, most):
    monkeypatch.setattr(module, "MOST_CELLS", 16)
    result = large(*shape)
    part = strongest_part(result)
    rows, columns = part.rows, part.columns
    assert (rows.size, columns.size) == most
    assert (np.diff(rows) > 0).all()
    assert (np.diff(columns) > 0).all()
    size = np.nan_to_num(np.abs(result.estimate), nan=-1)
    for places, best in ((rows, size.max(axis=1)), (columns, size.max(axis=0))):
        others = np.setdiff1d(np.arange(best.size), places)
        assert not others.size or best[places].min() >= best[others].max()
    text = part.text(result, None).replace("\u00a0", " ")
    assert f"the {columns.size} and {rows.size} with the largest absolute values are shown" in text
    assert text.endswith("the tables of the saved result list all.")
    beside = part.text(result, ["connectome.png", "heatmap.svg", "heatmap.png"])
    assert beside.endswith("heatmap.svg draws all, correlations.csv and pairs.tsv list all.")
    for i in rows:
        for j in columns:
            assert (rows[part.at(i, j)[0]], columns[part.at(i, j)[1]]) == (i, j)


def test_the_same_rows_and_columns_of_a_set_against_itself(monkeypatch):
    monkeypatch.setattr(module, "MOST_CELLS", 16)
    part = strongest_part(large(10, 10, same_set=True))
    rows, columns = part.rows, part.columns
    np.testing.assert_array_equal(rows, columns)
    assert {8, 9} <= set(rows.tolist())
    assert rows.size == 4


def test_what_fits_is_shown_whole(monkeypatch):
    monkeypatch.setattr(module, "MOST_CELLS", 100)
    assert strongest_part(large(10, 10)) is None
