"""Thumbnails: a PNG that any reader opens, the map's colours inside, nothing outside, left on the left."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from page_reading import AFFINE, SHAPE
from PIL import Image

from niicorr.plot.colormaps import VIK
from niicorr.result.vectors import quantised
from niicorr.space import Grid
from niicorr.webpage.thumbnails import VIRIDIS, planes

INSIDE = (np.stack(np.meshgrid(*(np.linspace(-1.15, 1.15, n) for n in SHAPE), indexing="ij")) ** 2).sum(axis=0) < 1
VOXELS = np.flatnonzero(INSIDE.ravel(order="F"))
GRID = Grid(SHAPE, AFFINE)
X_MM = GRID.coords(np.stack(np.unravel_index(VOXELS, SHAPE, order="F"), axis=1))[:, 0]


def drawn(values, valid=None, grid=GRID):
    picture = quantised(values, np.ones(values.size, bool) if valid is None else valid)
    image = Image.open(io.BytesIO(planes(grid, VOXELS).png(picture)))
    image.load()
    assert image.mode == "P"
    return np.asarray(image.convert("RGBA")).astype(int)


def colour(text):
    return np.rint(np.array(to_rgb(text)) * 255).astype(int)


def close(pixels, text):
    return (pixels[..., 3] == 255) & (np.abs(pixels[..., :3] - colour(text)).max(axis=-1) < 30)


def test_left_is_left_though_the_array_lies_the_other_way():
    pixels = drawn(X_MM - X_MM.mean())
    axial = pixels[:, -pixels.shape[1] // 3 :]
    half = axial.shape[1] // 2
    blue, brown = close(axial, VIK[2]), close(axial, VIK[-3])
    assert blue.sum() > 50
    assert brown.sum() > 50
    assert np.nonzero(blue)[1].max() < half < np.nonzero(brown)[1].min()


def test_outside_is_transparent_and_inside_is_not():
    pixels = drawn(np.linspace(-1, 1, VOXELS.size))
    feature = planes(GRID, VOXELS).feature
    assert (pixels[feature >= 0][:, 3] == 255).all()
    assert (pixels[feature < 0][:, 3] == 0).mean() > 0.5
    assert (pixels[0, :, 3] == 0).all()


@pytest.mark.parametrize(
    ("low", "high", "ends"), [(0.0, 5.0, (VIRIDIS[0], VIRIDIS[-1])), (-3.0, 3.0, (VIK[0], VIK[-1]))])
def test_colours_span_the_map(low, high, ends):
    pixels = drawn(np.where(X_MM > 0, high, low))
    for end in ends:
        assert close(pixels, end).sum() > 100


def test_missing_voxels_are_hatched():
    valid = X_MM > 0
    pixels, feature = drawn(np.ones(VOXELS.size) + X_MM, valid), planes(GRID, VOXELS).feature
    missing = (feature >= 0) & ~valid[np.maximum(feature, 0)]
    assert 0.15 < (pixels[missing][:, 3] == 255).mean() < 0.35


def test_sides_are_named_where_they_are_known():
    values = np.linspace(0, 1, VOXELS.size)
    known, unknown = drawn(values), drawn(values, grid=Grid(SHAPE, AFFINE, known=False))
    rows = np.nonzero((known != unknown).any(axis=(1, 2)))[0]
    assert rows.size
    assert rows.min() >= known.shape[0] - 8


def test_a_constant_and_an_empty_map_can_be_drawn():
    assert (drawn(np.full(VOXELS.size, 2.0))[..., 3] == 255).any()
    assert drawn(np.zeros(VOXELS.size), np.zeros(VOXELS.size, bool)).size


def test_huge_values_can_be_drawn():
    assert close(drawn(np.where(X_MM > 0, 1e307, -1e307)), VIK[0]).sum() > 100
