"""What the numbers must be, by their definitions: nothing here comes from the package under test."""

from __future__ import annotations

import numpy as np
from promised_files import AFFINE, SHAPE
from scipy.ndimage import map_coordinates


def pearson(a, b, where=None):
    """r of the voxels finite in both (and in ``where``), in two passes of long double; and their number."""
    a, b = np.asarray(a, np.longdouble).ravel(), np.asarray(b, np.longdouble).ravel()
    both = np.isfinite(a) & np.isfinite(b)
    if where is not None:
        both &= np.asarray(where).ravel()
    a, b = a[both], b[both]
    if len(a) < 3 or a.min() == a.max() or b.min() == b.max():
        return float("nan"), len(a)
    a, b = a / abs(a).max(), b / abs(b).max()
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())), len(a)


def table(x_maps, y_maps, where=None):
    """r and n of every cell, rows y, columns x."""
    cells = [[pearson(a, b, where) for a in x_maps] for b in y_maps]
    return np.array([[r for r, _ in row] for row in cells]), np.array([[n for _, n in row] for row in cells])


def only(data, where):
    """Return the map, NaN outside ``where``."""
    return np.where(where, np.asarray(data, dtype=np.float64), np.nan)


def at_voxels_of(affine, source_affine, shape=SHAPE):
    """Voxel coordinates in the source grid of every voxel of a target grid, shape (3, n)."""
    voxels = np.indices(shape).reshape(3, -1)
    to_source = np.linalg.inv(source_affine) @ affine
    return to_source[:3, :3] @ voxels + to_source[:3, 3:]


def linear(data, source_affine, affine=AFFINE, shape=SHAPE):
    """Trilinear interpolation of the valid (finite) voxels; NaN where they hold less than half the weight."""
    coords = at_voxels_of(affine, source_affine, shape)
    valid = np.isfinite(data)
    weight = map_coordinates(valid.astype(float), coords, order=1, mode="grid-constant")
    assert abs(weight - 0.5).min() > 1e-9, "an ambiguous case makes no test"
    total = map_coordinates(np.where(valid, data, 0.0), coords, order=1, mode="grid-constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 0.5, total / weight, np.nan).reshape(shape)


def nearest(data, source_affine, affine=AFFINE, shape=SHAPE):
    """Return the value of the nearest source voxel, NaN outside the source grid."""
    coords = at_voxels_of(affine, source_affine, shape)
    assert abs(coords - np.floor(coords) - 0.5).min() > 1e-6, "an ambiguous case makes no test"
    index = np.rint(coords).astype(int)
    inside = np.all((index >= 0) & (index < np.array(data.shape)[:, None]), axis=0)
    values = np.full(coords.shape[1], np.nan)
    values[inside] = np.asarray(data, dtype=float)[tuple(index[:, inside])]
    return values.reshape(shape)
