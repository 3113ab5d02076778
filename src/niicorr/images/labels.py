"""Label images: which region each voxel belongs to, and that on another grid (rule 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.errors import MapError
from niicorr.images.header import MAX_MAP_SIZE, ImageHeader
from niicorr.images.load import FileFacts, volumes
from niicorr.images.resample import sample_labels
from niicorr.images.sampling import one_header
from niicorr.numerals import integer, plural, value_text
from niicorr.space import Grid, same_grid
from niicorr.tables import path_text
from niicorr.typing import FloatArray, IntArray

WHOLE, WHOLE_SHARE, WHOLE_MOST = 1e-4, 1e-6, 0.1
"""Labels stored as scaled or floating numbers may miss a whole one by the first, plus so much of themselves (the
slope of a header is a float32), and by the third at most."""

LARGEST = 2**53
"""From here on float64 does not tell neighbouring whole numbers apart."""

MAX_REGIONS = 20_000
"""An image with more labels holds no regions: the numbers are measurements."""

TABLE = 1 << 22
"""Labels that span fewer numbers are looked up in a table of so many."""

LOOKED_AT = 1_000_000
"""Of values that are no labels, so many are looked at to say what they are."""


@dataclass(frozen=True, eq=False)
class LabelImage:
    """Regions of a 3-D image.

    Parameters
    ----------
    path : str
        The file, as it was named.
    grid : Grid
        Where its voxels are.
    ids : ndarray of int, shape (regions,)
        The labels, ascending, without 0.
    codes : ndarray of int, shape ``grid.shape``
        0 in the background, k where the label is ``ids[k - 1]``.
    """

    path: str
    grid: Grid
    ids: IntArray
    codes: IntArray

    def __repr__(self) -> str:
        return f"LabelImage: {self.ids.size} regions on {self.grid.describe()}"

    def on(self, target: Grid) -> IntArray:
        """Bring the codes to another grid, each voxel taking that of the nearest.

        Raises
        ------
        MapError
            Where no region holds a voxel there, or a header tells no orientation.
        """
        if same_grid(self.grid, target):
            return self.codes
        demand_orientation(self.path, "label image", self.grid, target)
        placed = sample_labels(self.codes, self.grid, target)
        if not placed.any():
            raise nothing_there(self.path)
        return placed


def read_labels(image: Any, option: str = "atlas", *, max_map_size: int = MAX_MAP_SIZE) -> LabelImage:
    """Read a label image.

    Parameters
    ----------
    image : path, image or (array, affine)
        One volume of whole numbers, also where stored as floats; 0 and NaN are background.
    option : str
        What named it, for complaints.
    max_map_size : int
        Bytes; a larger volume is refused before it is inflated.

    Raises
    ------
    MapError
        Where it cannot be read, holds several volumes, other than whole numbers, or no label.
    UsageError
        Where several images were named.
    """
    header = one_header(image, option, max_map_size=max_map_size)
    if header.n_volumes != 1:
        raise MapError(path_text(header.path), "a label image is one volume, this file has "
                       f"{integer(header.n_volumes)}", "give a 3-D image with one whole number per region")
    return label_image(header)


def label_image(header: ImageHeader) -> LabelImage:
    """Read the one volume of an image as labels.

    It is looked at in slabs, so that beside the volume and its codes little is held in memory.
    """
    path = path_text(header.path)
    (volume,) = volumes(header, (0,), FileFacts())
    _demand_whole(path, volume)
    low, span = _range(volume)
    # Labels that lie close together are looked up in a table; others are sorted.
    seen = np.zeros(span + 1, dtype=bool) if span < TABLE else None
    ids: IntArray = np.empty(0, dtype=np.int64)
    for k in range(volume.shape[2]):
        if seen is not None:
            seen[_labels(volume[..., k]) - low] = True
            continue
        ids = np.union1d(ids, _labels(volume[..., k]))
        if ids.size > MAX_REGIONS:
            break
    if seen is not None:
        ids = np.flatnonzero(seen) + low
    if ids.size > MAX_REGIONS:
        raise MapError(path, f"it holds more than {integer(MAX_REGIONS)} different whole numbers "
                       f"({value_text(int(ids.min()))} to {ids.max()}): these are measurements, not labels of regions",
                       "give the image with one whole number per region")
    ids = ids[ids != 0]
    if ids.size == 0:
        raise MapError(path, "the label image is empty: no voxel is other than 0", "check that it is the atlas")
    codes = np.zeros(volume.shape, dtype=np.int32, order="F")
    table = np.zeros(0 if seen is None else span + 1, dtype=np.int32)
    if seen is not None:
        table[ids - low] = np.arange(1, ids.size + 1)
    for k in range(volume.shape[2]):
        labels = _labels(volume[..., k])
        codes[..., k] = table[labels - low] if seen is not None else (
            np.where(labels != 0, np.searchsorted(ids, labels) + 1, 0))
    return LabelImage(path, header.grid, ids, codes)


def _range(volume: FloatArray) -> tuple[int, int]:
    """Return the smallest label, 0 among them, and how far the largest is from it; the values are whole numbers."""
    if np.isnan(volume).all():
        return 0, 0
    low, high = min(int(np.rint(np.nanmin(volume))), 0), max(int(np.rint(np.nanmax(volume))), 0)
    return low, high - low


def demand_orientation(path: str, what: str, grid: Grid, target: Grid) -> None:
    """Refuse to place what has no known place."""
    if not (grid.known and target.known):
        raise MapError(path, f"the {what} ({grid.describe()}) cannot be placed on the grid of comparison "
                       f"({target.describe()}): an orientation is missing in a header", "set it in the header")


def nothing_there(path: str) -> MapError:
    """Say that no region is left on another grid."""
    return MapError(path, "none of its regions holds a voxel on the grid of comparison",
                    "check that label image and maps are in one space")


def _labels(slab: FloatArray) -> IntArray:
    return np.rint(np.where(np.isnan(slab), 0.0, slab)).astype(np.int64)


def _wrong(slab: FloatArray) -> FloatArray:
    """Return the values that are no whole numbers."""
    values = slab[(slab != 0) & ~np.isnan(slab)].astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):  # infinity less infinity
        near = np.minimum(WHOLE + WHOLE_SHARE * np.abs(values), WHOLE_MOST)
        right = (np.abs(values) < LARGEST) & (np.abs(values - np.rint(values)) <= near)
    return np.asarray(values[~right])


def _demand_whole(path: str, volume: FloatArray) -> None:
    found: list[FloatArray] = []
    count = held = filled = 0
    for k in range(volume.shape[2]):
        slab = volume[..., k]
        filled += int(np.count_nonzero(slab) - np.count_nonzero(np.isnan(slab)))
        wrong = _wrong(slab)
        count += wrong.size
        if held < LOOKED_AT:
            found.append(wrong[: LOOKED_AT - held])
            held += found[-1].size
    if not count:
        return
    values = np.concatenate(found)
    kinds = np.unique(values)
    more = " or more" if held < count else ""
    span = (f" but {integer(kinds.size)}{more} different ones from {value_text(float(f'{kinds[0]:.4g}'))} to "
            f"{value_text(float(f'{kinds[-1]:.4g}'))}")
    advice = "a label image has one whole number per region"
    if np.isfinite(kinds).all() and (np.abs(kinds) >= LARGEST).all():
        beyond = f"a number beyond {integer(LARGEST)}" if count == 1 else f"numbers beyond {integer(LARGEST)}"
        raise MapError(path, f"{integer(count)} of its {plural(filled, 'voxel')} other than 0 "
                       f"{'holds' if count == 1 else 'hold'} {beyond} (such as {value_text(float(values[0]))}), where "
                       "neighbouring labels cannot be told apart", "number its regions anew, from 1 on")
    if not np.isfinite(kinds).all():
        advice += "; infinity is none"
    elif kinds.size > 1000 and 2 * count > filled:
        advice += "; this looks like a map of measurements: give it as a map (-x, -y), and the atlas here"
    elif 2 * count < filled:
        advice += "; labels that were interpolated must be resampled again, with the nearest voxel"
    raise MapError(path, f"{integer(count)} of its {plural(filled, 'voxel')} other than 0 "
                   f"{'holds' if count == 1 else 'hold'} no whole number (such as {value_text(float(values[0]))})"
                   f"{span if kinds.size > 1 else ''}", advice)
