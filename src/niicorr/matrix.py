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
from niicorr.scratch import zeros as zeros_of
from niicorr.space import Grid, same_grid
from niicorr.tables import brief, printable
from niicorr.typing import BitArray, BoolArray, Float64Array, FloatArray, IntArray, ZeroReading

PIECE = 1 << 18
"""Values handled at once: few enough for the processor's cache, so many that threads do not wait for each other."""

SMALL = 32 * 2**20
"""Bytes up to which a matrix is kept in float64: precision costs nothing there."""

CONDITION = {4: 10.0, 8: 1e5}
"""By bytes per value: where the second moment of scores exceeds their variance so many times, they are too coarse."""


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
        Their positions in the volume flattened in Fortran order; of bare features that were chosen from others, their
        positions among those.
    given : int, optional
        Number of bare features that these were chosen from.
    centroids : ndarray, shape (n, 3), float64, optional
        Where regions are, in mm, RAS+; voxels are where their grid says.
    volumes : ndarray, shape (n,), float64, optional
        How large regions are, in mm³.
    """

    n: int
    grid: Grid | None = None
    indices: IntArray | None = None
    given: int | None = None
    centroids: Float64Array | None = None
    volumes: Float64Array | None = None

    @property
    def unit(self) -> str:
        """What one of them is called: ``voxel``, ``region``, or ``feature`` of bare arrays."""
        return "region" if self.centroids is not None else "feature" if self.grid is None else "voxel"

    @property
    def coords(self) -> Float64Array:
        """Positions in mm, RAS+, shape (n, 3)."""
        if self.centroids is not None:
            return self.centroids
        if self.grid is None or self.indices is None:
            raise InputError("these features have no place in space: they came as bare arrays")
        return self.grid.coords(np.stack(np.unravel_index(self.indices, self.grid.shape, order="F"), axis=1))

    def at(self, columns: BoolArray) -> Features:
        """Choose some of the features; of bare ones, too, it stays known which they are."""
        n = int(np.count_nonzero(columns))
        if self.grid is not None:
            return replace(self, n=n, indices=None if self.indices is None else self.indices[columns])
        places = np.arange(self.n) if self.indices is None else self.indices
        return replace(self, n=n, indices=places[columns], given=self.n if self.given is None else self.given,
                       centroids=None if self.centroids is None else self.centroids[columns],
                       volumes=None if self.volumes is None else self.volumes[columns])


def same_place(features: Features, other: Features) -> bool:
    """Whether two sets of features are the same voxels or regions; bare arrays are taken at their word."""
    if features.centroids is not None and other.centroids is not None:
        return np.array_equal(features.centroids, other.centroids, equal_nan=True)
    if features.grid is None or other.grid is None:
        return True
    if features.indices is None or other.indices is None:
        return True
    return same_grid(features.grid, other.grid) and np.array_equal(features.indices, other.indices)


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
        Gives the values of one map in float64, for the few pairs that standard scores are too coarse for:
        those whose common values vary little against the map as a whole.
    otherwise : MapMatrix or None
        Of regional means: the maps that ``zeros`` knows, in its order, with their zeros read the other way; None of
        voxels, where that follows from the rows.
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
    otherwise: MapMatrix | None = None

    def __repr__(self) -> str:
        missing = "" if self.complete else ", some values missing"
        return f"MapMatrix: {len(self)} maps × {self.features.n} features, {self.rows.dtype}{missing}"

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
        """Build a matrix from raw values.

        Parameters
        ----------
        values : array-like, shape (maps, features) or (features,)
            Real numbers; NaN, infinite or masked where missing.
        labels : tuple of str, optional
            Unique names; ``map0``, ``map1``, … where there are none. Control characters in them become escapes.
        features : Features, optional
            Where the columns are; without them they have no place.

        Raises
        ------
        InputError
            Where the values are no such array, or labels of another number, or two of them alike.
        """
        values = plain_array(values)
        if values.ndim == 1:
            values = values[None]
        if values.ndim != 2:
            raise InputError(f"expected an array of maps × features, got {values.ndim} dimensions")
        if values.dtype.kind not in "buif":
            advice = ": give paths as a list (values.tolist())" if values.dtype.kind in "USO" else ""
            raise InputError(f"expected real numbers, got {values.dtype}{advice}")
        labels = tuple(printable(str(label)) or f"map{i}" for i, label in enumerate(labels or [""] * len(values)))
        if len(labels) != len(values):
            raise InputError(f"{len(labels)} labels for {len(values)} maps")
        if len(set(labels)) < len(labels):
            twice = next(label for i, label in enumerate(labels) if label in labels[:i])
            raise InputError(f"two maps are called {brief(twice)!r}: give each a name of its own")
        rows = np.zeros(values.shape, row_dtype(*values.shape))
        finite = np.isfinite(values)
        moments = [standardise(values[i][finite[i]], rows[i], finite[i]) for i in range(len(values))]
        center, scale = np.array(moments, dtype=np.float64).reshape(-1, 2).T
        supports, support_of = distinct_supports(finite)
        features = features or Features(values.shape[1])
        records = tuple(MapRecord(label=label, path="", n_voxels=int(k), coverage=float(k / max(features.n, 1)))
                        for label, k in zip(labels, finite.sum(axis=1), strict=True))

        def exact(index: int) -> Float64Array:
            return np.where(finite[index], values[index], 0).astype(np.float64)

        return cls(rows, center, scale, supports, support_of, labels, features, records, exact=exact)

    def within(self, columns: BoolArray, which: IntArray | None = None) -> MapMatrix:
        """Return the maps (or those at the places ``which``) at some features only, in standard scores anew.

        Parameters
        ----------
        columns : ndarray of bool, shape (features,)
            The features to keep.
        which : ndarray of int, shape (k,), optional
            The maps to keep.
        """
        places = np.arange(len(self)) if which is None else which
        n = int(np.count_nonzero(columns))
        rows = np.zeros((len(places), n), self.rows.dtype)
        center, scale = np.empty(len(places)), np.empty(len(places))
        supports, support_of = distinct_supports(self.supports[self.support_of[places]][:, columns])
        for k, index in enumerate(places):
            valid = supports[support_of[k]]
            shift, spread = standardise(self.rows[index][columns][valid], rows[k], valid)
            center[k], scale[k] = self.center[index] + self.scale[index] * shift, self.scale[index] * spread
            fine = shift**2 + spread**2 < CONDITION[rows.itemsize] * spread**2
            if not fine and self.scale[index] > 0 and self.exact is not None and valid.any():
                # A spike elsewhere took digits of all these scores; they may even be one, though their values differ.
                center[k], scale[k] = standardise(self.exact(int(index))[columns][valid], rows[k], valid)
        records = tuple(self.records[index] for index in places)
        if self.features.centroids is None:  # what regions were averaged from stays what it is
            counts = np.count_nonzero(supports, axis=1)[support_of]
            records = tuple(replace(record, n_voxels=int(count), coverage=float(count / max(n, 1)))
                            for record, count in zip(records, counts, strict=True))
        zeros = {k: (self.zeros[index][0], np.packbits(self._zero(index)[columns]))
                 for k, index in enumerate(places.tolist()) if index in self.zeros}
        exact = self.exact
        otherwise = self.otherwise
        if otherwise is not None:
            known = list(self.zeros)
            chosen = [known.index(index) for index in places.tolist() if index in self.zeros]
            otherwise = otherwise.within(columns, np.array(chosen, dtype=np.intp))
        return replace(self, rows=rows, center=center, scale=scale, supports=supports, support_of=support_of,
                       labels=tuple(self.labels[i] for i in places), features=self.features.at(columns),
                       records=records, zeros=zeros,
                       naive=None if self.naive is None else self.naive[places], otherwise=otherwise,
                       exact=None if exact is None else lambda k: exact(int(places[k]))[columns])

    def part(self, places: slice | IntArray) -> MapMatrix:
        """Return some of the maps as they are; what is known beyond their numbers stays behind."""
        used, support_of = np.unique(self.support_of[places], return_inverse=True)
        chosen = np.arange(len(self))[places].tolist()
        return replace(self, rows=self.rows[places], center=self.center[places], scale=self.scale[places],
                       supports=self.supports[used], support_of=support_of, zeros={}, naive=None, exact=None,
                       otherwise=None, labels=tuple(self.labels[i] for i in chosen),
                       records=tuple(self.records[i] for i in chosen))

    def _zero(self, index: int) -> BoolArray:
        """Where a map whose zeros were decided by rule is zero, shape (features,)."""
        return np.unpackbits(self.zeros[index][1], count=self.features.n).astype(bool)

    def with_zeros_read_otherwise(self, which: IntArray) -> MapMatrix:
        """Return some maps, their zeros read the other way: missing for data, data for missing.

        ``which``, shape (k,), holds positions that ``zeros`` knows.
        """
        if self.otherwise is not None:
            known = list(self.zeros)
            return self.otherwise.part(np.array([known.index(int(index)) for index in which], dtype=np.intp))
        rows, supports = self.rows[which], self.supports[self.support_of[which]]
        center, scale = np.empty(len(which)), np.empty(len(which))
        for k, index in enumerate(which):
            reading, at = self.zeros[int(index)][0], self._zero(int(index))
            # A map whose other values are constant has no scale; its own magnitude serves as one.
            mean = self.center[index] if np.isfinite(self.center[index]) else 0.0
            unit = self.scale[index] or abs(mean) or 1.0
            rows[k][at] = -mean / unit
            supports[k][at] = reading == "missing"
            data = rows[k][supports[k]]
            rows[k] = 0
            shift, spread = standardise(data, rows[k], supports[k])
            center[k], scale[k] = mean + unit * shift, unit * spread
        distinct, support_of = distinct_supports(supports)
        labels = tuple(self.labels[i] for i in which)
        records = tuple(self.records[i] for i in which)
        zeros: dict[int, tuple[ZeroReading, BitArray]] = {
            k: ("data" if self.zeros[i][0] == "missing" else "missing", self.zeros[i][1])
            for k, i in enumerate(which.tolist())}
        exact = self.exact

        def with_zeros(k: int) -> Float64Array:
            assert exact is not None
            return np.where(self._zero(int(which[k])), 0.0, exact(int(which[k])))

        return replace(self, rows=rows, center=center, scale=scale, supports=distinct, support_of=support_of,
                       labels=labels, records=records, zeros=zeros, naive=None,
                       exact=None if exact is None else with_zeros)


def plain_array(values: Any) -> np.ndarray[Any, Any]:
    """Return an ordinary array; the masked values of a masked one become NaN, wider floats float64."""
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.filled(values.astype(np.float64), np.nan)
    array = np.asarray(values)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        with np.errstate(over="ignore"):  # beyond float64 they are infinite, and missing as such
            return array.astype(np.float64)
    return array


def row_dtype(n_maps: int, n_features: int) -> type[np.float32 | np.float64]:
    """Return float64 for small matrices, float32 beyond; a matter of size alone, so that runs repeat."""
    return np.float64 if n_maps * n_features * 8 <= SMALL else np.float32


def standardise(data: FloatArray | IntArray, out: FloatArray, valid: BoolArray | None = None) -> tuple[float, float]:
    """Write the standard scores of a map into its row; return its mean and standard deviation.

    Parameters
    ----------
    data : ndarray, shape (valid values,)
        What the map holds where it has data.
    out : ndarray, shape (features,)
        The row, zero where ``valid`` is False; the data may lie at its beginning.
    valid : ndarray of bool, shape (features,), optional
        Where in the row the data go; everywhere if not given.

    Notes
    -----
    The mean is taken again where the first one lost digits to a large offset, and data are divided by their
    largest magnitude before anything is squared where that could overflow or vanish, so neither an offset of
    1e9 nor values of 1e300 cost precision. A constant map gives zeros and a standard deviation of 0.
    """
    if data.size == 0:
        out[...] = 0
        return float("nan"), 0.0
    low, high = float(data.min()), float(data.max())
    magnitude = max(abs(low), abs(high))
    reach = 1e15 if out.dtype == np.float32 else 1e100
    unit = 1.0 if magnitude == 0 or 1 / reach < magnitude < reach else magnitude
    values = data if unit == 1.0 else data / unit
    # In pieces that stay in the processor's cache; the scores themselves are never held in float64 at once.
    pieces = [slice(start, start + PIECE) for start in range(0, data.size, PIECE)]
    mean = sum(float(values[p].sum(dtype=np.float64)) for p in pieces) / data.size
    # A spread is never less than this; data that may be needed a second time must not be written over.
    if abs(mean) > 1e4 * (high / unit - low / unit) / np.sqrt(2 * data.size) and np.may_share_memory(values, out):
        values = values.copy()
    scores = out if valid is None else np.empty(data.size, dtype=out.dtype)
    spread = _center(values, mean, scores, pieces)
    if abs(mean) > 1e4 * spread:
        # So large an offset costs the mean digits that the scores need: what it lacks may be smaller than its last one.
        rest = sum(float(np.subtract(values[p], mean, dtype=np.float64).sum()) for p in pieces) / data.size
        spread = _center(values, mean, scores, pieces, rest)
        mean += rest
    if low == high or spread == 0:
        scores[...] = 0
        mean, spread = low / unit, 0.0
    else:
        scores *= 1 / spread
    if valid is not None:
        out[...] = 0
        out[valid] = scores
    return mean * unit, spread * unit


def _center(
    values: FloatArray | IntArray, mean: float, out: FloatArray, pieces: list[slice], rest: float = 0.0
) -> float:
    """Write values less their mean (a float and its rest) to ``out``; return their deviation, reckoned in float64."""
    square = 0.0
    for piece in pieces:
        centred = values[piece].astype(np.float64)
        centred -= mean
        if rest:
            centred -= rest
        square += float(np.einsum("i,i", centred, centred))  # np.dot would wake the BLAS threads
        out[piece] = centred
    return float(np.sqrt(square / values.size))


def distinct_supports(valid: BoolArray) -> tuple[BoolArray, IntArray]:
    """Store equal supports once: the distinct ones, in order of appearance, and which one each map has."""
    return unpack_supports([np.packbits(row).tobytes() for row in valid], valid.shape[1])


def unpack_supports(packed: list[bytes], n: int, *, on_disk: bool = False) -> tuple[BoolArray, IntArray]:
    """Return distinct supports as `distinct_supports` does, of maps whose n flags are packed (``numpy.packbits``)."""
    index = {key: k for k, key in enumerate(dict.fromkeys(packed))}
    distinct = zeros_of((len(index), n), np.bool_, "the outlines of maps", on_disk=on_disk)
    for key, k in index.items():
        distinct[k] = np.unpackbits(np.frombuffer(key, dtype=np.uint8), count=n)
    return distinct, np.array([index[key] for key in packed], dtype=np.intp)


class OwnValues:
    """Maps in their own units, as exactly as they can be had; the last one is kept, since cells come row by row."""

    def __init__(self, matrix: MapMatrix) -> None:
        self._matrix = matrix
        self._of: Callable[[int], FloatArray] = matrix.exact or self._restored
        self._last: tuple[int, FloatArray] = (-1, np.empty(0))

    def __call__(self, index: int) -> FloatArray:
        """Values of one map, shape (features,); what stands where it has none means nothing."""
        if self._last[0] != index:
            self._last = int(index), self._of(int(index))
        return self._last[1]

    def _restored(self, index: int) -> FloatArray:
        return np.asarray(self._matrix.rows[index] * self._matrix.scale[index] + self._matrix.center[index])


def scaled_weights(weights: Float64Array) -> Float64Array:
    """Scale weights to at most 1, by a power of two: only their ratios matter, and no sum of them must overflow."""
    largest = float(weights.max(initial=0.0))
    return np.asarray(np.ldexp(weights, -int(np.frexp(largest)[1])))
