"""Maps as rows of a matrix: what extraction makes and correlation takes.

A row holds standard scores (the map less its mean, over its standard deviation), so that a float32 row
keeps its precision whatever offset the map had. Missing values are zeros in ``rows`` and False in the
map's support; supports are stored once each, since maps of one study mostly share theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from niicorr.errors import InputError
from niicorr.records import MapRecord
from niicorr.space import Grid
from niicorr.typing import BitArray, BoolArray, Float64Array, FloatArray, IntArray, ZeroReading

SMALL = 32 * 2**20
"""Bytes up to which a matrix is kept in float64: precision costs nothing there."""


@dataclass(frozen=True, eq=False)
class Features:
    """What the columns are: voxels of a grid, or bare features without a place.

    Parameters
    ----------
    n : int
        Number of features.
    grid : Grid, optional
        The grid the voxels lie on.
    indices : ndarray of int, shape (n,), optional
        Their positions in the volume flattened in Fortran order.
    """

    n: int
    grid: Grid | None = None
    indices: IntArray | None = None

    @property
    def coords(self) -> Float64Array:
        """Positions in mm, RAS+, shape (n, 3)."""
        if self.grid is None or self.indices is None:
            raise InputError("these features have no place in space: they came as bare arrays")
        return self.grid.coords(np.stack(np.unravel_index(self.indices, self.grid.shape, order="F"), axis=1))


@dataclass(frozen=True, eq=False)
class MapMatrix:
    """Maps × features.

    Parameters
    ----------
    rows : ndarray, shape (maps, features), float32 or float64
        Standard scores; 0 where missing and everywhere in a constant map.
    center, scale : ndarray, shape (maps,), float64
        Mean and standard deviation of each map over its own valid features (scale 0: constant).
    supports : ndarray of bool, shape (distinct supports, features)
        Where maps have data.
    support_of : ndarray of int, shape (maps,)
        Which support each map has.
    labels : tuple of str
        Unique names.
    features : Features
        What the columns are.
    records : tuple of MapRecord
        Everything known of each map.
    zeros : dict of int to (reading, bits)
        For maps whose zeros were decided by rule: how they were read, and where in the row they are.
    naive : ndarray, shape (maps, voxels of the whole grid or every k-th), or None
        Standard scores with background and zeros taken as data (rule 8); NaN for interpolated maps.
    exact : callable or None
        Gives the values of one map in float64, for the few pairs that float32 rows are too coarse for.
    """

    rows: FloatArray
    center: Float64Array
    scale: Float64Array
    supports: BoolArray
    support_of: IntArray
    labels: tuple[str, ...]
    features: Features
    records: tuple[MapRecord, ...]
    zeros: dict[int, tuple[ZeroReading, BitArray]] = field(default_factory=dict)
    naive: FloatArray | None = None
    exact: Callable[[int], Float64Array] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def n_valid(self) -> IntArray:
        """Valid features of each map, shape (maps,)."""
        return np.asarray(np.count_nonzero(self.supports, axis=1)[self.support_of])

    @cached_property
    def complete(self) -> bool:
        """Whether no value is missing."""
        return bool(self.supports.all())

    @property
    def values(self) -> Float64Array:
        """The maps in their own units, shape (maps, features), NaN where missing."""
        values = self.rows * self.scale[:, None] + self.center[:, None]
        values[~self.supports[self.support_of]] = np.nan
        return values

    @classmethod
    def from_array(
        cls, values: Any, labels: tuple[str, ...] | None = None, features: Features | None = None
    ) -> MapMatrix:
        """Build a matrix from raw values, shape (maps, features), NaN or infinite where missing."""
        values = np.asarray(values)
        if values.ndim == 1:
            values = values[None]
        if values.ndim != 2:
            raise InputError(f"expected an array of maps × features, got {values.ndim} dimensions")
        if values.dtype.kind not in "buif":
            raise InputError(f"expected real numbers, got {values.dtype}")
        labels = labels or tuple(f"map{i}" for i in range(len(values)))
        rows = np.empty(values.shape, row_dtype(*values.shape))
        finite = np.isfinite(values)
        moments = [standardise(values[i], finite[i], rows[i]) for i in range(len(values))]
        center, scale = np.array(moments, dtype=np.float64).reshape(-1, 2).T
        supports, support_of = distinct_supports(finite)
        features = features or Features(values.shape[1])
        records = tuple(MapRecord(label=label, path="", n_voxels=int(k), coverage=float(k / max(features.n, 1)))
                        for label, k in zip(labels, finite.sum(axis=1), strict=True))
        return cls(rows, center, scale, supports, support_of, labels, features, records)

    def with_zeros_read_otherwise(self, which: IntArray) -> MapMatrix:
        """Return those maps, their zeros read the other way: missing for data, data for missing."""
        rows, supports = self.rows[which], self.supports[self.support_of[which]]
        center, scale = np.empty(len(which)), np.empty(len(which))
        for k, index in enumerate(which):
            reading, bits = self.zeros[int(index)]
            at = np.unpackbits(bits, count=self.features.n).astype(bool)
            # A map whose other values are constant has no scale; its own magnitude serves as one.
            mean = self.center[index] if np.isfinite(self.center[index]) else 0.0
            unit = self.scale[index] or abs(mean) or 1.0
            rows[k][at] = -mean / unit
            supports[k][at] = reading == "missing"
            shift, spread = standardise(rows[k].copy(), supports[k], rows[k])
            center[k], scale[k] = mean + unit * shift, unit * spread
        distinct, support_of = distinct_supports(supports)
        labels = tuple(self.labels[i] for i in which)
        records = tuple(self.records[i] for i in which)
        return replace(self, rows=rows, center=center, scale=scale, supports=distinct, support_of=support_of,
                       labels=labels, records=records, zeros={}, naive=None, exact=None)


def row_dtype(n_maps: int, n_features: int) -> type[np.float32 | np.float64]:
    """Return float64 for small matrices, float32 beyond; a matter of size alone, so that runs repeat."""
    return np.float64 if n_maps * n_features * 8 <= SMALL else np.float32


def standardise(values: FloatArray | IntArray, valid: BoolArray | None, out: FloatArray) -> tuple[float, float]:
    """Write the standard scores of the valid values into ``out`` (0 elsewhere); return mean and scale.

    The mean is taken twice (the second pass removes what rounding left of the first), and values are
    divided by their largest magnitude before anything is squared, so 1e300 neither overflows nor vanishes.
    A constant map gives zeros and scale 0.
    """
    data = values if valid is None else values[valid]
    out[...] = 0
    if data.size == 0:
        return float("nan"), 0.0
    low, high = float(data.min()), float(data.max())
    if low == high:
        return low, 0.0
    magnitude = max(abs(low), abs(high))
    unit = magnitude if not 1e-100 < magnitude < 1e100 else 1.0
    scores = data.astype(np.float64)
    if unit != 1.0:
        scores /= unit
    mean = scores.mean()
    scores -= mean
    rest = scores.mean()
    scores -= rest
    spread = float(np.sqrt(np.dot(scores, scores) / scores.size))
    if spread == 0:
        return low, 0.0
    scores /= spread
    if valid is None:
        out[...] = scores
    else:
        out[valid] = scores
    return float((mean + rest) * unit), spread * unit


def distinct_supports(valid: BoolArray) -> tuple[BoolArray, IntArray]:
    """Store equal supports once: the distinct ones, in order of appearance, and which one each map has."""
    index: dict[bytes, int] = {}
    first: list[int] = []
    support_of = np.empty(len(valid), dtype=np.intp)
    for i, row in enumerate(valid):
        key = np.packbits(row).tobytes()
        if key not in index:
            index[key] = len(first)
            first.append(i)
        support_of[i] = index[key]
    return valid[first], support_of
