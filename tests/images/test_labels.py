"""Label images: whole numbers in one volume, near each other or far apart, on their own grid and on another."""

from __future__ import annotations

import numpy as np
import pytest

from niicorr.errors import MapError
from niicorr.images import labels as module
from niicorr.images.labels import read_labels
from niicorr.space import Grid

AFFINE = np.diag([3.0, 3, 3, 1])


@pytest.mark.parametrize("ids", [[1, 2, 7], [-3, 5], [1, 10**7], [-(10**7), 4, 9 * 10**6]])
def test_codes_are_those_of_the_ascending_labels(ids):
    rng = np.random.default_rng(0)
    held = rng.choice([0, *ids], (5, 6, 7))
    found = read_labels((held.astype(np.float64), AFFINE))
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_array_equal(found.codes, np.searchsorted([*ids], held) * (held != 0) + (held != 0))
    assert repr(found).startswith(f"LabelImage: {len(ids)} regions on ")
    assert found.on(Grid((5, 6, 7), AFFINE)) is found.codes


@pytest.mark.parametrize(("held", "words"), [
    (np.ones((4, 4, 4, 2)), "a label image is one volume, this file has 2: give a 3-D image"),
    (np.zeros((4, 4, 4)), "the label image is empty: no voxel is other than 0"),
    (np.full((4, 4, 4), np.nan), "the label image is empty: no voxel is other than 0"),
    (np.full((4, 4, 4), 1.5), "whole"),
])
def test_what_is_no_label_image_is_refused(held, words):
    with pytest.raises(MapError, match=words):
        read_labels((held, AFFINE))


@pytest.mark.parametrize(("values", "words"), [
    ([2.0**63], r"64 of its 64 voxels other than 0 hold numbers beyond 9\u00a0007\u00a0199\u00a0254\u00a0740\u00a0992 "
                r"\(such as 9.22337e\+18\), where neighbouring labels cannot be told apart: number its regions anew"),
    ([1.0, -(2.0**53)], r"32 of its 64 voxels other than 0 hold numbers beyond"),
    ([1.5, 2.0**63], r"64 of its 64 voxels other than 0 hold no whole number"),
    ([1.0, np.inf], r"32 of its 64 voxels other than 0 hold no whole number .*infinity is none"),
])
def test_numbers_that_are_too_large_for_labels_are_not_called_fractions(values, words):
    with pytest.raises(MapError, match=words):
        read_labels((np.resize(values, (4, 4, 4)), AFFINE))


@pytest.mark.parametrize("step", [1, 10**6])
def test_measurements_are_no_labels(monkeypatch, step):
    monkeypatch.setattr(module, "MAX_REGIONS", 50)
    held = np.arange(125.0).reshape(5, 5, 5) * step
    with pytest.raises(MapError, match=r"more than 50 different whole numbers .*these are measurements"):
        read_labels((held, AFFINE))


def test_regions_that_another_grid_does_not_reach_are_missed():
    held = np.zeros((5, 5, 5))
    held[0, 0, 0] = 1
    found = read_labels((held, AFFINE))
    away = AFFINE.copy()
    away[:3, 3] = 6
    with pytest.raises(MapError, match="none of its regions holds a voxel on the grid of comparison"):
        found.on(Grid((3, 3, 3), away))
    fine = found.on(Grid((10, 10, 10), np.diag([1.5, 1.5, 1.5, 1])))
    assert fine[0, 0, 0] == 1
    with pytest.raises(MapError, match="an orientation is missing in a header"):
        found.on(Grid((4, 4, 4), AFFINE, known=False))
