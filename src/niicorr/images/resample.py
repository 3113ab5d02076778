"""One map brought to another grid, background never bleeding into data.

Values and validity are interpolated together: a target voxel is the mean of the valid source values with
their interpolation weights, and is valid when those make up at least half of the weight. Where the target
voxel is larger than 1.5 source voxels, values are averaged over it: it is cut into sub-voxels, one for each
source voxel it spans, and their interpolated values are averaged.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np

from niicorr.space import Grid, Reindexing
from niicorr.typing import BoolArray, FloatArray, IntArray, Interpolation

SHRINK = 1.5
"""From this ratio of target to source voxel on, values are averaged."""

SUBVOXELS, MANY = 4, 32
"""A source twice as fine as the first (in rotated grids) or finer than the second is averaged in blocks first."""

ALIGNED = 1e-4
"""Grids count as not rotated where that displaces no voxel by more than this share of a source voxel."""

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
    source, target : Grid
        The map's own, and the one it is brought to.
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
    data: FloatArray = np.where(valid, volume, 0).astype(np.float64)
    unit = float(np.abs(data).max()) or 1.0
    data /= unit
    if interpolation == "cubic":
        return _cubic(data, valid, matrix, target.shape, unit)
    weight: FloatArray = valid.astype(np.float64)
    along = _aligned(matrix, target.shape)
    if interpolation == "auto" and (along is None or max(cut(matrix)) > MANY):
        data, weight, matrix = _shrink(data, weight, matrix)
    parts = cut(matrix) if interpolation == "auto" else (1, 1, 1)
    if along is not None:
        lines = _line_weights(matrix, along, data.shape, target.shape, parts)
        sums, weights = _apply(data, along, lines), _apply(weight, along, lines)
    else:
        sums, weights = _linear(data, weight, matrix, target.shape, parts)
    good = weights >= VALID_WEIGHT - 1e-9
    values = np.divide(sums, weights, out=np.zeros_like(sums), where=good)
    return values * unit, good


def cut(matrix: FloatArray) -> tuple[int, int, int]:
    """Into how many sub-voxels each axis of a target voxel is cut (1: no averaging).

    ``matrix``, shape (4, 4), maps voxel indices of the target to those of the source.
    """
    ratios = np.linalg.norm(matrix[:3, :3], axis=0)
    a, b, c = (ceil(r - 1e-3) if r > SHRINK else 1 for r in ratios)
    return a, b, c


def sample_flags(flags: BoolArray, source: Grid, target: Grid) -> BoolArray:
    """Bring a mask to another grid: the nearest source voxel counts, False outside."""
    _, inside = _nearest(flags, flags, np.linalg.solve(source.affine, target.affine), target.shape)
    return inside


def sample_labels(labels: IntArray, source: Grid, target: Grid) -> IntArray:
    """Bring a label image to another grid: the label of the nearest source voxel, 0 outside."""
    moved: IntArray = _nearest(labels, labels != 0, np.linalg.solve(source.affine, target.affine), target.shape)[0]
    return moved


def _aligned(matrix: FloatArray, shape: tuple[int, int, int]) -> list[int] | None:
    """Return the source axis along each target axis where grids are not rotated against each other, else None."""
    along = [int(axis) for axis in np.abs(matrix[:3, :3]).argmax(axis=0)]
    rest = np.abs(matrix[:3, :3]).copy()
    rest[along, range(3)] = 0
    return along if sorted(along) == [0, 1, 2] and float((rest @ shape).max()) < ALIGNED else None


def _line_weights(
    matrix: FloatArray, along: list[int], source: tuple[int, ...], target: tuple[int, int, int], parts: tuple[int, ...]
) -> list[FloatArray]:
    """Weights of the source voxels of a line in the target voxels, one matrix per target axis.

    Linear interpolation at the sub-voxels of each target voxel, averaged; what lies outside has no voxel to go
    to, so the weights of a line add up to less than 1 at the edge of the field of view.
    """
    lines = []
    for axis, s in enumerate(along):
        at = (np.arange(target[axis] * parts[axis]) + 0.5) / parts[axis] - 0.5
        position = matrix[s, axis] * at + matrix[s, 3]
        weights = np.zeros((target[axis] * parts[axis], source[s]))
        below = np.floor(position).astype(np.intp)
        for voxel, share in ((below, 1 - (position - below)), (below + 1, position - below)):
            inside = np.flatnonzero((voxel >= 0) & (voxel < source[s]))
            weights[inside, voxel[inside]] += share[inside]
        lines.append(weights.reshape(target[axis], parts[axis], source[s]).mean(axis=1))
    return lines


def _apply(volume: FloatArray, along: list[int], lines: list[FloatArray]) -> FloatArray:
    moved = volume.transpose(along)
    for weights in lines:
        # Each step turns the first axis into the target's and puts it last; after three all are in order again.
        moved = np.tensordot(moved, weights, axes=(0, 1))
    return moved


def _shrink(data: FloatArray, weight: FloatArray, matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Take block means of a source many times finer than the target, so that few sub-voxels remain to be cut.

    The product of value and weight is averaged, and the weight itself: what is missing stays out of the mean.
    """
    factors = [max(1, int(ratio // SUBVOXELS)) for ratio in np.linalg.norm(matrix[:3, :3], axis=1)]
    reduced = [data, weight]
    for axis, factor in enumerate(factors):
        if factor > 1:
            edges = np.arange(0, data.shape[axis], factor)
            # The last block may be cut short: what it lacks counts as missing.
            reduced = [np.add.reduceat(part, edges, axis=axis) / factor for part in reduced]
    scale = np.diag([*(1 / f for f in factors), 1.0])
    scale[:3, 3] = [(1 / f - 1) / 2 for f in factors]
    return reduced[0], reduced[1], scale @ matrix


def _linear(
    data: FloatArray, weight: FloatArray, matrix: FloatArray, shape: tuple[int, int, int], parts: tuple[int, int, int]
) -> tuple[FloatArray, FloatArray]:
    """Weighted sums and weights at the target voxels, averaged over sub-voxels."""
    sums, weights = np.zeros(shape), np.zeros(shape)
    for i in range(parts[0]):
        for j in range(parts[1]):
            for k in range(parts[2]):
                at = [(s + 0.5) / p - 0.5 for s, p in zip((i, j, k), parts, strict=True)]
                offset = matrix[:3, :3] @ at + matrix[:3, 3]
                # grid-constant: beyond the outermost centres the weight fades over one voxel, not at once.
                how: dict[str, Any] = {"order": 1, "mode": "grid-constant"}
                sums += _transform(data, matrix, offset, shape, **how)
                weights += _transform(weight, matrix, offset, shape, **how)
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
    values = _transform(data, matrix, matrix[:3, 3], shape, order=3, mode="nearest")
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


def _transform(
    volume: FloatArray, matrix: FloatArray, offset: FloatArray, shape: tuple[int, int, int], **how: Any
) -> FloatArray:
    from scipy.ndimage import affine_transform

    moved: FloatArray = affine_transform(volume, matrix[:3, :3], offset, shape, np.float64, cval=0.0, **how)
    return moved
