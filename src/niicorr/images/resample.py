"""One map brought to another grid, background never bleeding into data.

Values and validity are interpolated together: a target voxel is the mean of the valid source values with
their interpolation weights, and is valid when those make up at least half of the weight. Where the target
voxel is larger than 1.5 source voxels, values are averaged over it: it is cut into sub-voxels, one for each
source voxel it spans, and their interpolated values are averaged.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.space import Grid, Reindexing
from niicorr.typing import BoolArray, FloatArray, Interpolation

if TYPE_CHECKING:
    from collections.abc import Callable

SHRINK = 1.5
"""From this ratio of target to source voxel on, values are averaged."""

VALID_WEIGHT = 0.5
"""A target voxel needs at least this share of its weight in valid source voxels."""


def reindex(volume: np.ndarray[Any, Any], how: Reindexing, shape: tuple[int, int, int], fill: Any) -> Any:
    """Bring a volume to another grid by axes, flips and whole-voxel shifts alone; ``fill`` where it is not."""
    moved = volume.transpose(how.transpose)[tuple(slice(None, None, -1 if f else 1) for f in how.flip)]
    target = np.full(shape, fill, dtype=volume.dtype, order="F")
    into, out_of = [], []
    for offset, n_source, n_target in zip(how.offset, moved.shape, shape, strict=True):
        start, stop = max(offset, 0), min(offset + n_source, n_target)
        into.append(slice(start, max(stop, start)))
        out_of.append(slice(start - offset, max(stop, start) - offset))
    target[tuple(into)] = moved[tuple(out_of)]
    return target


def resample(
    volume: FloatArray, valid: BoolArray, source: Grid, target: Grid, interpolation: Interpolation = "auto"
) -> tuple[FloatArray, BoolArray]:
    """Interpolate a map at the voxel centres of another grid.

    Parameters
    ----------
    volume : ndarray, shape ``source.shape``
        Values; whatever stands in invalid voxels is not used.
    valid : ndarray of bool, shape ``source.shape``
        Where the map has data.
    interpolation : str
        ``auto`` is linear, averaging where voxels shrink.

    Returns
    -------
    values : ndarray, shape ``target.shape``, float64
        0 where invalid.
    valid : ndarray of bool, shape ``target.shape``
    """
    matrix = np.linalg.solve(source.affine, target.affine)
    if interpolation == "nearest":
        return _nearest(volume, valid, matrix, target.shape)
    # Scaled by the largest valid magnitude: sums of 1e300 must not overflow.
    data = np.where(valid, volume, 0).astype(np.float64)
    unit = float(np.abs(data).max()) or 1.0
    data /= unit
    if interpolation == "cubic":
        return _cubic(data, valid, matrix, target.shape, unit)
    parts = cut(matrix) if interpolation == "auto" else (1, 1, 1)
    sums, weights = _linear(data, valid.astype(np.float64), matrix, target.shape, parts)
    good = weights >= VALID_WEIGHT - 1e-9
    values = np.divide(sums, weights, out=np.zeros_like(sums), where=good)
    return values * unit, good


def cut(matrix: FloatArray) -> tuple[int, int, int]:
    """Into how many sub-voxels each axis of a target voxel is cut (1: no averaging)."""
    ratios = np.linalg.norm(matrix[:3, :3], axis=0)
    a, b, c = (ceil(r - 1e-3) if r > SHRINK else 1 for r in ratios)
    return a, b, c


def sample_flags(flags: BoolArray, source: Grid, target: Grid) -> BoolArray:
    """Bring a mask to another grid: the nearest source voxel counts, False outside."""
    _, inside = _nearest(flags, flags, np.linalg.solve(source.affine, target.affine), target.shape)
    return inside


def _linear(
    data: FloatArray, weight: FloatArray, matrix: FloatArray, shape: tuple[int, int, int], parts: tuple[int, int, int]
) -> tuple[FloatArray, FloatArray]:
    """Weighted sums and weights at the target voxels, averaged over sub-voxels."""
    transform = _affine_transform()
    sums, weights = np.zeros(shape), np.zeros(shape)
    for i in range(parts[0]):
        for j in range(parts[1]):
            for k in range(parts[2]):
                at = [(s + 0.5) / p - 0.5 for s, p in zip((i, j, k), parts, strict=True)]
                offset = matrix[:3, :3] @ at + matrix[:3, 3]
                # grid-constant: beyond the outermost centres the weight fades over one voxel, not at once.
                how: dict[str, Any] = {"order": 1, "mode": "grid-constant"}
                sums += transform(data, matrix[:3, :3], offset, shape, **how)
                weights += transform(weight, matrix[:3, :3], offset, shape, **how)
    n = parts[0] * parts[1] * parts[2]
    return sums / n, weights / n


def _cubic(
    data: FloatArray, valid: BoolArray, matrix: FloatArray, shape: tuple[int, int, int], unit: float
) -> tuple[FloatArray, BoolArray]:
    from scipy.ndimage import distance_transform_edt

    if not valid.any():
        return np.zeros(shape), np.zeros(shape, dtype=bool)
    if not valid.all():
        # A spline reaches far: invalid voxels take the nearest valid value, so that no edge rings.
        nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
        data = data[tuple(nearest)]
    transform = _affine_transform()
    values = transform(data, matrix[:3, :3], matrix[:3, 3], shape, order=3, mode="nearest")
    _, weights = _linear(data, valid.astype(np.float64), matrix, shape, (1, 1, 1))
    good = weights >= VALID_WEIGHT - 1e-9
    return np.where(good, values, 0) * unit, good


def _nearest(
    volume: np.ndarray[Any, Any], valid: BoolArray, matrix: FloatArray, shape: tuple[int, int, int]
) -> tuple[Any, BoolArray]:
    """Values of the nearest source voxel (halves go up), one slab of the target at a time."""
    values = np.zeros(shape, dtype=volume.dtype, order="F")
    good = np.zeros(shape, dtype=bool, order="F")
    i, j = np.indices(shape[:2])
    for k in range(shape[2]):
        at = [matrix[a, 0] * i + matrix[a, 1] * j + (matrix[a, 2] * k + matrix[a, 3]) for a in range(3)]
        index = [np.floor(np.round(x, 6) + 0.5).astype(np.intp) for x in at]
        within = np.logical_and.reduce([(x >= 0) & (x < n) for x, n in zip(index, volume.shape, strict=True)])
        a, b, c = (x[within] for x in index)
        good[..., k][within] = valid[a, b, c]
        values[..., k][within] = volume[a, b, c]
    values[~good] = 0
    return values, good


def _affine_transform() -> Callable[..., FloatArray]:
    from scipy.ndimage import affine_transform

    def transform(
        volume: FloatArray, matrix: FloatArray, offset: FloatArray, shape: tuple[int, int, int], **how: Any
    ) -> FloatArray:
        moved: FloatArray = affine_transform(volume, matrix, offset, shape, np.float64, cval=0.0, **how)
        return moved

    return transform
