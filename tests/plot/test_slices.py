"""Planes through a brain: every pixel shows the voxel at its place, whatever way the array lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from niicorr.plot.slices import PLANES, slices, two_sided, voxel_coords
from niicorr.space import Grid
from strategies import MODEST, grids


@MODEST
@given(grids())
def test_a_pixel_shows_the_nearest_voxel(grid):
    rng = np.random.default_rng(grid.size)
    voxels = np.flatnonzero(rng.random(grid.size) < 0.6)
    if not voxels.size:
        voxels = np.array([0])
    coords = voxel_coords(grid, voxels)
    at = coords[len(coords) // 2]
    everywhere = voxel_coords(grid, np.arange(grid.size))
    for plane, (_, across, up) in zip(slices(grid, voxels, longest=12, margin=2, at=at), PLANES, strict=True):
        height, width = plane.feature.shape
        left, right, bottom, top = plane.extent
        for i, j in rng.integers(0, (height, width), (6, 2)):
            place = at.copy()
            place[across] = left + (j + 0.5) * (right - left) / width
            place[up] = top - (i + 0.5) * (top - bottom) / height
            far = np.abs(everywhere - place)
            half = np.abs(grid.affine[:3, :3]).sum(axis=1) / 2
            shown = plane.feature[i, j]
            if shown >= 0:
                assert (far[voxels[shown]] <= half + 1e-9).all()
            else:  # halfway between two voxels, or on the edge of the last one, either is right
                assert not set(np.flatnonzero((far < half - 1e-6).all(axis=1))) & set(voxels)


@pytest.mark.parametrize("flip", [1, -1])
def test_left_is_left_and_up_is_up(flip):
    affine = np.diag([3.0 * flip, 3, 3, 1])
    affine[0, 3] = -30 * flip
    grid = Grid((21, 15, 11), affine)
    voxels = np.arange(grid.size)
    coords = voxel_coords(grid, voxels)
    for plane, (_, across, up) in zip(slices(grid, voxels, longest=60, margin=0), PLANES, strict=True):
        shown = coords[np.maximum(plane.feature, 0)]
        inside = plane.feature >= 0
        rows, columns = np.nonzero(inside)
        assert (shown[rows.max(), columns.max()][[across, up]] == [coords[:, across].max(), coords[:, up].min()]).all()
        assert (shown[rows.min(), columns.min()][[across, up]] == [coords[:, across].min(), coords[:, up].max()]).all()


def test_the_border_lies_around_the_mask():
    grid = Grid((5, 5, 5), np.eye(4))
    voxels = np.ravel_multi_index((2, 2, 2), grid.shape, order="F").reshape(1)
    for plane in slices(grid, voxels, longest=4, margin=3):
        inside = plane.feature >= 0
        rows, columns = np.nonzero(plane.border)
        assert not (plane.border & inside).any()
        for i, j in zip(rows, columns, strict=True):
            assert inside[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].any()
        assert plane.border.sum() == 2 * sum(inside.any(axis=axis).sum() for axis in (0, 1))


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(-1, 1, True), (-1, 30, False), (-30, 1, False), (0, 1, False), (-2, -1, False),
                                  (-1, 10, True)])
def test_a_map_with_a_few_values_of_the_other_sign_is_one_sided(low, high, expected):
    assert two_sided(low, high) is expected
