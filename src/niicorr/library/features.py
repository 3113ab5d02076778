"""What the null model ``effective`` needs of each map of a library, found once, when the map is added.

Of a map it wants sums of autocovariances by class of lags, and the traits of its unevenness; neither depends on other
maps if the box, its blocks and its windows are those of the library's mask, whatever the maps fill of it. So both are
kept, and a new map is compared with ten thousand without any of these being described again. The fit to the sums does
depend on the masks of a whole set (`niicorr.nulls.supports`) and is done anew where they differ, as in a run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.errors import InputError
from niicorr.matrix import Features, MapMatrix, distinct_supports
from niicorr.matrix_folder import read_array, write_synced
from niicorr.nulls.effective import EffectiveNull, effective_null
from niicorr.nulls.lattice import lattice_of
from niicorr.nulls.robust import Pooled, Traits, unevenness
from niicorr.nulls.stationary import pairs_by_class
from niicorr.nulls.supports import Supports
from niicorr.tables import path_text
from niicorr.typing import BitArray, BoolArray, Float64Array, FloatArray, IntArray

NO_MAPS_NUMBERS = "it holds numbers that no map has"
"""What is wrong where NaN, infinities or sums beyond floats turn up in arrays that niicorr writes without."""

LARGE_FEATURES = ("directions", "windows", "squares")
"""Arrays that stay on the disk, named as fields of `MapFeatures` and of `niicorr.nulls.robust.Traits`."""

VERSION = 1
"""To be raised whenever the null model would find other features in the same map (a test watches that)."""


@dataclass(frozen=True, eq=False)
class MapFeatures:
    """Of some maps of a library; the three large arrays stay on the disk.

    Parameters
    ----------
    class_sums : ndarray, shape (maps, classes), float64
        Of autocovariances; NaN of constant maps.
    coefficients : ndarray, shape (maps, atoms), float64
        Fitted as if every map filled the mask.
    directions, windows, squares : ndarray, shape (maps, …), float32
        As `niicorr.nulls.robust.Traits` has them.
    pooled : Pooled
        Of pairs that fill the mask.
    pairs : ndarray, shape (distinct supports, classes), float64
        Pairs of voxels by class.
    blocks : ndarray of uint8, shape (distinct supports, packed blocks)
        Supports on the coarse copy.
    """

    class_sums: Float64Array
    coefficients: Float64Array
    directions: FloatArray
    windows: FloatArray
    squares: FloatArray
    pooled: Pooled
    pairs: Float64Array
    blocks: BitArray

    def traits(self, places: slice) -> Traits:
        """Return those of some maps, pooled for pairs that fill the mask."""
        pooled = Pooled(self.pooled.lengths[:, places], self.pooled.ranges[:, places], self.pooled.deviation[:, places])
        return Traits(self.directions[places], self.windows[places], self.squares[places], pooled)


def bare(features: Features, supports: BoolArray, support_of: IntArray) -> MapMatrix:
    """Return a matrix that tells supports alone: enough to work out a null model."""
    size = len(support_of)
    rows = np.broadcast_to(np.float32(0), (size, features.n))
    return MapMatrix(rows, np.zeros(size), np.zeros(size), supports, support_of, ("",) * size, features, ())


def null_of_mask(features: Features) -> EffectiveNull:
    """Work out the null model of maps that all fill the mask."""
    full = bare(features, np.ones((1, features.n), dtype=np.bool_), np.zeros(1, dtype=np.intp))
    return effective_null(full, full)


def with_mask(masks: BoolArray) -> BoolArray:
    """Add the whole mask to distinct supports, unless it is one of them: it lays out box, blocks and windows."""
    return masks if masks.all(axis=1).any() else np.concatenate([masks, np.ones((1, masks.shape[1]), np.bool_)])


def raw_traits(matrix: MapMatrix, null: EffectiveNull, jobs: int) -> Traits:
    """Gather the traits of maps in their own supports, laid out on the library's mask."""
    assert null.unevenness is not None  # the null of a mask is always robust
    if matrix.complete:
        return null.unevenness.traits(matrix, jobs)
    masks = with_mask(distinct_supports(matrix.supports)[0])
    full = np.ones(matrix.features.n, dtype=np.bool_)
    supports = Supports(masks, full, None, np.full((len(masks),) * 2, -1, dtype=np.intp))
    return unevenness(supports, lattice_of(matrix.features, full)).traits(matrix, jobs)


def features_of(matrix: MapMatrix, null: EffectiveNull, jobs: int) -> MapFeatures:
    """Describe maps.

    Parameters
    ----------
    matrix : MapMatrix
        Voxels of the library's mask.
    null : EffectiveNull
        Of the mask (`null_of_mask`).
    jobs : int
        Threads. The outcome does not depend on it.
    """
    stationary, uneven = null.stationary, null.unevenness
    assert stationary is not None  # a mask has voxels
    assert uneven is not None
    sums = stationary.class_sums(matrix, jobs)
    traits = raw_traits(matrix, null, jobs)
    pairs = [pairs_by_class(stationary.classes, stationary.lattice, support) for support in matrix.supports]
    blocks = np.array([uneven.blocks.mask(support).reshape(-1) for support in matrix.supports])
    return MapFeatures(sums, stationary.fitted(sums, np.zeros(len(matrix), np.intp)),
                       traits.directions, traits.windows, traits.squares, traits.pooled, np.array(pairs),
                       np.packbits(blocks, axis=1))


def write_features(folder: str, features: MapFeatures) -> None:
    """Write features as arrays into a folder that exists."""
    for name, array in _named(features).items():
        write_synced(os.path.join(folder, f"{name}.npy"), array)


def read_features(folder: str, null: EffectiveNull, n_maps: int, n_supports: int) -> MapFeatures:
    """Read what `write_features` wrote; whatever is of another shape is refused by name."""
    stationary, uneven = null.stationary, null.unevenness
    assert stationary is not None
    assert uneven is not None
    sums, n_classes = uneven.sums, stationary.classes.last + 1
    blocks = int(np.count_nonzero(uneven.masks.any(axis=0)))

    def read(name: str, *shape: int, kind: str = "<f8", mapped: bool = False) -> Any:
        place = os.path.join(folder, f"{name}.npy")
        array = read_array(place, (kind,), shape, mapped=mapped)
        if not mapped and not np.isfinite(array).all():
            raise InputError(f"{path_text(place)} is damaged: {NO_MAPS_NUMBERS}")
        return array

    def large(name: str, width: int) -> Any:
        return read(name, n_maps, width, kind="<f4", mapped=True)

    return MapFeatures(
        class_sums=read("class_sums", n_maps, n_classes),
        coefficients=read("coefficients", n_maps, len(stationary.atoms)),
        directions=large("directions", sums.n_lags),
        windows=large("windows", sums.n_ranges * sums.n_windows),
        squares=large("squares", blocks),
        pooled=Pooled(read("lengths", 1, n_maps, len(sums.class_starts)), read("ranges", 1, n_maps, sums.n_ranges),
                      read("deviation", 1, n_maps)),
        pairs=read("pairs", n_supports, n_classes),
        blocks=read("blocks", n_supports, -(-int(np.prod(uneven.blocks.lattice.shape)) // 8), kind="|u1"),
    )


def _named(features: MapFeatures) -> dict[str, Any]:
    pooled = features.pooled
    return {"class_sums": features.class_sums, "coefficients": features.coefficients,
            "directions": features.directions, "windows": features.windows, "squares": features.squares,
            "lengths": pooled.lengths, "ranges": pooled.ranges, "deviation": pooled.deviation,
            "pairs": features.pairs, "blocks": features.blocks}
