"""Regional means: maps become maps × regions, all regions in one pass over each map (rule 9).

The value of a region is the mean over the voxels of its label in which the map has data; of a probabilistic atlas
the mean weighted by the region's probabilities. A region of which a map covers too little is missing for that map.
No voxel is kept: sums and counts by region tell the means, and what they would be under the other reading of
zeros, or if background and zeros were averaged along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from niicorr.images.atlas import Atlas
from niicorr.images.frame import Frame, Placed
from niicorr.images.mapset import MapFile, MapSet
from niicorr.images.region_names import listed
from niicorr.images.sampling import Sampling, settle
from niicorr.images.survey import Advance, MapReading, Survey, survey
from niicorr.matrix import Features, MapMatrix, standardise
from niicorr.numerals import NARROW, integer, percent, plural
from niicorr.records import Decision, MapRecord
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray, Resample

MIN_COVERAGE = 0.5
"""Share of a region's voxels in which a map must have data."""

LARGE = 64
"""Binary digits that values are made smaller by where their sums are no floats; no region has so many voxels."""


@dataclass(frozen=True, eq=False)
class Regional:
    """Maps × regions.

    Attributes
    ----------
    matrix : MapMatrix
        Standard scores of regional means; the features know the regions' places and sizes.
    values : ndarray, shape (maps, regions), float64
        The means in the maps' own units; NaN where too little is covered.
    coverage : ndarray, shape (maps, regions), float64
        Share of each region's voxels (or of its probability) in which the map has data; 0 of a map that could not
        be used.
    """

    matrix: MapMatrix
    values: Float64Array
    coverage: Float64Array


def regional_means(
    maps: MapSet | Survey,
    sampling: Sampling,
    atlas: Atlas,
    *,
    min_coverage: float = MIN_COVERAGE,
    resample_option: Resample = "auto",
    jobs: int = 1,
    progress: Advance | None = None,
) -> Regional:
    """Average maps over regions.

    Parameters
    ----------
    maps : MapSet or Survey
        From `read_maps`, or read already.
    sampling : Sampling
        Grid and mask; voxels outside of the mask count as missing.
    atlas : Atlas
        On that grid (`Atlas.on`).
    min_coverage : float
        Between 0 and 1: a region of which a map covers less is missing for that map.
    resample_option : {'auto', 'never'}
        Whether maps of another grid are interpolated.
    jobs : int
        Files worked on at once.
    progress : callable, optional
        Called with the number of maps done, once for each file.

    Returns
    -------
    Regional
        A region outside of all maps stays, missing in each. ``matrix.naive`` holds the means over all voxels of the
        regions, background and zeros counted as data, for maps that were not interpolated.
    """
    read = settle(maps if isinstance(maps, Survey) else survey(maps, jobs=jobs), sampling, resample_option)
    readings = read.readings
    averager = _averager(sampling, atlas)
    shape = len(readings), len(atlas)
    sums, valid, zero = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    n_voxels, units = np.zeros(shape[0], dtype=np.intp), np.zeros(shape[0], dtype=np.intp)
    frame = Frame(sampling)

    def work(file: MapFile) -> None:
        for i, voxels in read.voxels(file):
            if readings[i].problem is None:
                placed = frame.place(readings[i], voxels)
                n_voxels[i] = placed.data.size
                sums[i], valid[i], zero[i], units[i] = _summed(averager, placed)
        if progress is not None:
            progress(len(file.labels))

    for _ in in_order(work, read.maps.files, jobs):
        pass
    size = averager.size
    values, coverage = _means(sums, valid, size, units, min_coverage)
    centroids = np.array([region.centroid for region in atlas.regions], dtype=np.float64).reshape(-1, 3)
    features = Features(len(atlas), centroids=centroids, volumes=atlas.volumes)
    n = max(sampling.indices.size, 1)
    records = tuple(
        replace(r.record, n_voxels=int(k), coverage=float(k / n),
                decisions=(*r.record.decisions, *_missing(atlas, values[i], coverage[i], min_coverage)))
        if r.problem is None else r.record for i, (r, k) in enumerate(zip(readings, n_voxels, strict=True)))
    matrix = _matrix(values, read.maps.labels, features, records)
    by_rule = [i for i, r in enumerate(readings) if r.problem is None and r.by_rule and zero[i].any()]
    if by_rule:
        # A zero adds nothing to a sum: read the other way, only the number of voxels is another.
        other = np.array([valid[i] + zero[i] * (1 if readings[i].zeros == "missing" else -1) for i in by_rule])
        swapped, _ = _means(sums[by_rule], other, size, units[by_rule], min_coverage)
        otherwise = _matrix(swapped, tuple(matrix.labels[i] for i in by_rule), features,
                            tuple(records[i] for i in by_rule))
        nothing = np.packbits(np.zeros(len(atlas), dtype=bool))
        zeros = {i: (reading, nothing) for i in by_rule if (reading := readings[i].zeros) is not None}
        matrix = replace(matrix, otherwise=otherwise, zeros=zeros)
    naive = _naive(readings, sums, valid, zero, size, units)
    return Regional(replace(matrix, naive=naive), values, coverage)


def region_averages(values: Float64Array, sampling: Sampling, atlas: Atlas) -> Float64Array:
    """Average what every voxel of the mask has, such as weights: shape (…, voxels) to (…, regions), NaN without any."""
    averager = _averager(sampling, atlas)
    rows = np.atleast_2d(values)
    found = [_summed(averager, Placed(row, None, None, None)) for row in rows]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.array([_in_units_of_the_map(np.where(count > 0, total / count, np.nan), unit)
                          for total, count, _, unit in found])
    return means.reshape(*values.shape[:-1], len(atlas))


@dataclass(frozen=True, eq=False)
class _ByLabel:
    """Sums over labels; ``codes``, shape (voxels of the mask,), is 0 outside and k in region k.

    ``held`` are the voxels of each region in the mask, ``size`` those on the grid, shape (regions,).
    """

    codes: IntArray
    held: Float64Array
    size: Float64Array

    def sums(self, placed: Placed) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Sum a map, and count its voxels and its zeros, by region."""
        codes = self.codes if placed.valid is None else self.codes[placed.valid]
        length = self.size.size + 1
        total = np.bincount(codes, placed.data, length)[1:].astype(np.float64)
        count = self.held if placed.valid is None else np.bincount(codes, minlength=length)[1:].astype(np.float64)
        zero = np.zeros(length - 1) if placed.zero is None else (
            np.bincount(self.codes[placed.zero], minlength=length)[1:].astype(np.float64))
        return total, count, zero


@dataclass(frozen=True, eq=False)
class _ByWeight:
    """Sums weighted by probabilities; ``weights`` has shape (regions, voxels of the mask)."""

    weights: FloatArray
    size: Float64Array

    def sums(self, placed: Placed) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Sum a map, its voxels and its zeros, each voxel by its probability."""
        full = placed.data.astype(np.float64)
        valid: BoolArray = np.ones(full.size, dtype=bool) if placed.valid is None else placed.valid
        if placed.valid is not None:
            full = np.zeros(valid.size)
            full[valid] = placed.data
        # One region at a time, in float64: a product of float32 would lose what a large offset hides.
        rows = [weights.astype(np.float64) for weights in self.weights]
        total = np.array([float(np.einsum("i,i", row, full)) for row in rows])
        count = np.array([float(row[valid].sum()) for row in rows])
        zero = np.zeros(len(rows)) if placed.zero is None else np.array([float(row[placed.zero].sum()) for row in rows])
        return total, count, zero


def _averager(sampling: Sampling, atlas: Atlas) -> _ByLabel | _ByWeight:
    if atlas.codes is not None:
        codes = atlas.codes.ravel(order="F")[sampling.indices].astype(np.intp)  # which bincount would make each time
        held = np.bincount(codes, minlength=len(atlas) + 1)[1:].astype(np.float64)
        return _ByLabel(codes, held, atlas.held.astype(np.float64))
    assert atlas.weights is not None  # an atlas has labels or weights
    # Every volume flattened in Fortran order, as features are counted.
    weights = atlas.weights.transpose(0, 3, 2, 1).reshape(len(atlas), -1)
    return _ByWeight(weights[:, sampling.indices], weights.sum(axis=1, dtype=np.float64))


def _summed(
    averager: _ByLabel | _ByWeight, placed: Placed
) -> tuple[Float64Array, Float64Array, Float64Array, int]:
    """Sum a map, its voxels and its zeros by region; the sums in units of so many binary digits."""
    with np.errstate(over="ignore", invalid="ignore"):
        total, count, zero = averager.sums(placed)
    if np.isfinite(total).all():
        return total, count, zero, 0
    # The mean of values is a float where their sum is none.
    smaller = replace(placed, data=np.ldexp(placed.data.astype(np.float64), -LARGE))
    return averager.sums(smaller)[0], count, zero, LARGE


def _in_units_of_the_map(means: Float64Array, units: int | IntArray) -> Float64Array:
    if not np.any(units):
        return means
    with np.errstate(over="ignore"):
        # No mean is beyond all values, but rounding may put it beyond the largest float.
        return np.clip(np.ldexp(means, units), -np.finfo(float).max, np.finfo(float).max)


def _means(
    sums: Float64Array, valid: Float64Array, size: Float64Array, units: IntArray, min_coverage: float
) -> tuple[Float64Array, Float64Array]:
    """Turn sums into means, and counts into shares; a mean over too little is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        coverage = np.where(size > 0, valid / size, 0.0)
        # Weights are summed in another order than their total: a whole region must not miss a coverage of 1.
        enough = (coverage >= min_coverage - 1e-9) & (valid > 0)
        return _in_units_of_the_map(np.where(enough, sums / valid, np.nan), units[:, None]), coverage


def _matrix(
    values: Float64Array, labels: tuple[str, ...], features: Features, records: tuple[MapRecord, ...]
) -> MapMatrix:
    return replace(MapMatrix.from_array(values, labels, features), records=records)


def _missing(atlas: Atlas, values: Float64Array, coverage: Float64Array, min_coverage: float) -> list[Decision]:
    """Name the regions that a map does not have."""
    lacking = np.flatnonzero(np.isnan(values) & (np.array([r.n_voxels for r in atlas.regions]) > 0))
    if not lacking.size:
        return []
    # Rounded down: 49.6 % is not 50 %.
    low = [f"{atlas.regions[k].name} ({int(100 * coverage[k])}{NARROW}%)" for k in lacking]
    return [Decision("atlas", f"{integer(lacking.size)} of {plural(len(atlas), 'region')} missing, less than "
                     f"{percent(min_coverage)} of {'it' if lacking.size == 1 else 'them'} covered: {listed(low)}")]


def _naive(
    readings: tuple[MapReading, ...], sums: Float64Array, valid: Float64Array, zero: Float64Array, size: Float64Array,
    units: IntArray,
) -> Float64Array | None:
    """Standard scores of means over whole regions, as a masker that knows no background gives them.

    What is not valid is background, zeros that are missing, or not finite (which such maskers take for 0).
    """
    rows = np.full(sums.shape, np.nan)
    held = size > 0
    for i, reading in enumerate(readings):
        interpolated = any(d.topic == "resample" for d in reading.record.decisions)
        if reading.problem is not None or interpolated:
            continue
        value = reading.record.background
        value = 0.0 if value is None or not np.isfinite(value) else value
        outside = size - valid[i] - (zero[i] if reading.zeros == "missing" else 0)
        with np.errstate(over="ignore", invalid="ignore"):
            whole = sums[i, held] + np.ldexp(value, -units[i]) * outside[held]
        if not np.isfinite(whole).all():  # scores have no unit: one in which the sums are floats will do
            whole = np.ldexp(sums[i, held], units[i] - LARGE) + np.ldexp(value, -LARGE) * outside[held]
        standardise(whole / size[held], rows[i], held)
    kept = rows[:, held]
    return kept if np.isfinite(kept).any() else None
