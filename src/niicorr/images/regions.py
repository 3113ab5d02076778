"""Regional means: maps × voxels become maps × regions, all maps in one pass over each (rule 9).

The value of a region is the mean over the voxels of its label in which the map has data; of a probabilistic atlas
the mean weighted by the region's probabilities. A region of which a map covers too little is missing for that map.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from niicorr.images.atlas import Atlas
from niicorr.matrix import Features, MapMatrix
from niicorr.typing import Float64Array, IntArray

MIN_COVERAGE = 0.5
"""Share of a region's voxels in which a map must have data."""


@dataclass(frozen=True, eq=False)
class Regional:
    """Maps × regions.

    Parameters
    ----------
    matrix : MapMatrix
        Standard scores of regional means; the features know the regions' places.
    values : ndarray, shape (maps, regions), float64
        The means in the maps' own units; NaN where too little is covered.
    coverage : ndarray, shape (maps, regions), float64
        Share of each region's voxels (or of its probability) in which the map has data.
    """

    matrix: MapMatrix
    values: Float64Array
    coverage: Float64Array


def regional_means(voxels: MapMatrix, atlas: Atlas, min_coverage: float = MIN_COVERAGE) -> Regional:
    """Average maps over regions.

    Parameters
    ----------
    voxels : MapMatrix
        Voxels of the atlas's grid.
    atlas : Atlas
        On that grid (`Atlas.on`).
    min_coverage : float
        Between 0 and 1.

    Returns
    -------
    Regional
        A region outside of all maps stays, missing in each.
    """
    means = _means_by_label if atlas.codes is not None else _means_by_weight
    values, coverage = means(voxels, atlas)
    values[~(coverage >= min_coverage) | (coverage <= 0)] = np.nan
    centroids = np.array([region.centroid for region in atlas.regions], dtype=np.float64).reshape(-1, 3)
    features = Features(len(atlas.regions), centroids=centroids, volumes=atlas.volumes)
    matrix = MapMatrix.from_array(values, voxels.labels, features)
    return Regional(replace(matrix, records=voxels.records), values, coverage)


def _means_by_label(voxels: MapMatrix, atlas: Atlas) -> tuple[Float64Array, Float64Array]:
    count = len(atlas.regions)
    codes, size = _codes_at(voxels, atlas)
    sums, valid = np.zeros((len(voxels), count)), np.zeros((len(voxels.supports), count))
    for k, support in enumerate(voxels.supports):
        valid[k] = np.bincount(codes[support], minlength=count + 1)[1:]
    for i, row in enumerate(voxels.rows):
        sums[i] = np.bincount(codes, row, minlength=count + 1)[1:]
    return _in_own_units(voxels, sums, valid[voxels.support_of], size)


def _codes_at(voxels: MapMatrix, atlas: Atlas) -> tuple[IntArray, Float64Array]:
    """Return the region of each feature, and how many voxels each region has on the grid."""
    assert atlas.codes is not None  # callers take other atlases elsewhere
    flat = atlas.codes.ravel(order="F")
    return flat[voxels.features.indices], np.bincount(flat, minlength=len(atlas.regions) + 1)[1:].astype(np.float64)


def _means_by_weight(voxels: MapMatrix, atlas: Atlas) -> tuple[Float64Array, Float64Array]:
    assert atlas.weights is not None  # an atlas has labels or weights
    # Every volume flattened in Fortran order, as features are counted.
    weights = atlas.weights.transpose(0, 3, 2, 1).reshape(len(atlas.regions), -1)
    inside = weights[:, voxels.features.indices].astype(np.float64)
    sums = np.stack([inside @ row for row in voxels.rows]).reshape(len(voxels), -1)
    valid = voxels.supports.astype(np.float64) @ inside.T
    return _in_own_units(voxels, sums, valid[voxels.support_of], weights.sum(axis=1, dtype=np.float64))


def _in_own_units(
    voxels: MapMatrix, sums: Float64Array, valid: Float64Array, size: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Turn sums of standard scores into means of maps, and counts into shares."""
    with np.errstate(divide="ignore", invalid="ignore"):
        means = voxels.center[:, None] + voxels.scale[:, None] * (sums / valid)
        return np.where(valid > 0, means, np.nan), np.where(size > 0, valid / size, 0.0)
