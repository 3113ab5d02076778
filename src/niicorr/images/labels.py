"""Label images: which region each voxel belongs to, and that on another grid (rule 9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.errors import MapError
from niicorr.images.load import FileFacts, volumes
from niicorr.images.resample import sample_labels
from niicorr.images.sampling import one_header
from niicorr.space import Grid, same_grid
from niicorr.tables import path_text
from niicorr.typing import FloatArray, IntArray

WHOLE = 1e-4
"""Labels stored as scaled or floating numbers may miss a whole one by so much."""

LARGEST = 2**53
"""From here on float64 does not tell neighbouring whole numbers apart."""


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
        if not (self.grid.known and target.known):
            raise MapError(self.path, f"the label image ({self.grid.describe()}) cannot be placed on the grid of "
                           f"comparison ({target.describe()}): an orientation is missing in a header",
                           "set it in the header")
        placed = sample_labels(self.codes, self.grid, target)
        if not placed.any():
            raise MapError(self.path, "none of its regions holds a voxel on the grid of comparison",
                           "check that label image and maps are in one space")
        return placed


def read_labels(image: Any, option: str = "atlas") -> LabelImage:
    """Read a label image.

    Parameters
    ----------
    image : path, image or (array, affine)
        One volume of whole numbers, also where stored as floats; 0 and NaN are background.
    option : str
        What named it, for complaints.

    Raises
    ------
    MapError
        Where it cannot be read, holds several volumes, other than whole numbers, or no label.
    UsageError
        Where several images were named.
    """
    header = one_header(image, option)
    path = path_text(header.path)
    if header.n_volumes != 1:
        raise MapError(path, f"a label image is one volume, this file has {header.n_volumes}",
                       "give a 3-D image with one whole number per region")
    (volume,) = volumes(header, (0,), FileFacts())
    values = np.where(np.isnan(volume), 0.0, volume)
    labels = np.rint(values)
    _demand_whole(path, values, labels)
    labelled = labels != 0
    ids, places = np.unique(labels[labelled].astype(np.int64), return_inverse=True)
    if ids.size == 0:
        raise MapError(path, "the label image is empty: no voxel is other than 0", "check that it is the atlas")
    codes = np.zeros(volume.shape, dtype=np.int32, order="F")
    codes[labelled] = places + 1
    return LabelImage(path, header.grid, ids, codes)


def _demand_whole(path: str, values: FloatArray, labels: FloatArray) -> None:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        wrong = ~((np.abs(values) < LARGEST) & (np.abs(values - labels) <= WHOLE))
    if wrong.any():
        raise MapError(path, f"{np.count_nonzero(wrong)} of its {np.count_nonzero(values)} voxels other than 0 hold no "
                       f"whole number (such as {values[wrong][0]:.6g})",
                       "a label image has one whole number per region")
