"""Where in the brain a similarity comes from: the terms that sum to it, voxel by voxel and region by region.

Every similarity is a sum of one term for each common voxel (`niicorr.compute.definitions`), so a map of the terms
shows which voxels make it what it is. What a region adds is not what would be lost without it: means, ranks and
lengths are those of all common voxels. Therefore the similarity is also computed anew without each region.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.compute.similarity import MIN_COMMON, Similarity
from niicorr.errors import InputError, UsageError
from niicorr.images.labels import LabelImage, read_labels
from niicorr.images.write import nifti_image, write_volume
from niicorr.matrix import Features, MapMatrix, OwnValues
from niicorr.result.file_names import distinct_names, plain_name
from niicorr.tables import printable, write_tsv
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray, Progress

if TYPE_CHECKING:
    import pandas as pd

    from niicorr.result.correlation import Comparison, CorrelationResult

MOST_PAIRS = 200
"""So many images are written at most: more fill a disk and are looked at by nobody."""

LONGEST_NAME = 100
"""Characters of a file's name, with which every file system can cope."""

AGREES = 1e-3
"""Standard deviations by which values that were read again may differ from those that were correlated."""

REGION_COLUMNS = ("region", "n", "share", "contribution", "r_without")
_NO_PLACE = "these features have no place in space (they came as bare arrays)"
_STEM, _SUFFIX = "contribution_", ".nii.gz"


@dataclass(frozen=True, eq=False)
class Split:
    """The similarity of one pair of maps, split into what each common feature adds.

    Attributes
    ----------
    r : float
        The similarity, as the result has it.
    terms : ndarray, shape (n,), float64
        They sum to it.
    common : ndarray of bool, shape (features,)
        Which features the n are.
    a, b : ndarray, shape (n,)
        Values of the map of x and of that of y there.
    similarity : Similarity
        What was computed.
    """

    r: float
    terms: Float64Array
    common: BoolArray
    a: FloatArray
    b: FloatArray
    similarity: Similarity

    def regions(self, codes: IntArray, ids: IntArray) -> list[tuple[int, int, float, float, float]]:
        """Return one row of `REGION_COLUMNS` for each label, NaN where nothing comparable is left without it.

        ``codes``, shape (features,), is 0 outside all regions and k where the label is ``ids[k - 1]``.
        """
        own = codes[self.common]
        n = np.bincount(own, minlength=ids.size + 1)[1:]
        sums = np.bincount(own, self.terms, minlength=ids.size + 1)[1:]
        return [(int(label), int(n[k]), float(n[k] / own.size), float(sums[k]),
                 self._without(own == k + 1) if n[k] else self.r) for k, label in enumerate(ids)]

    def _without(self, region: BoolArray) -> float:
        """Compute the similarity anew without some of the common features, shape (n,)."""
        rest = ~region
        if np.count_nonzero(rest) < MIN_COMMON:
            return float("nan")
        left = self.common.copy()
        left[self.common] = rest
        terms = self.similarity.terms(self.a[rest], self.b[rest], left)
        return float("nan") if terms is None else float(np.clip(terms.sum(), -1, 1))


class Contributions:
    """Splits pairs of a result; the maps read last are kept, since pairs come row by row."""

    def __init__(self, result: CorrelationResult) -> None:
        self._result = result
        self._comparison = comparison_of(result)
        self._x, self._y = OwnValues(self._comparison.x), OwnValues(self._comparison.y)

    def __call__(self, i: int, j: int) -> Split:
        """Split the similarity of map i of y with map j of x."""
        result, maps = self._result, self._comparison
        r = float(result.estimate[i, j])
        names = f"{printable(result.y_labels[i])} with {printable(result.x_labels[j])}"
        if not np.isfinite(r):
            raise InputError(f"{names} has no number to explain: {result.notes.get((i, j), 'it is missing')}")
        common = maps.x.supports[maps.x.support_of[j]] & maps.y.supports[maps.y.support_of[i]]
        a, b = self._x(j)[common], self._y(i)[common]
        for values, matrix, index in ((a, maps.x, j), (b, maps.y, i)):
            _demand_unchanged(values, matrix, index, common)
        terms = maps.similarity.terms(a, b, common)
        if terms is None:
            raise InputError(f"{names} cannot be split: over the common voxels alone, one of the maps is constant or "
                             "explained by the covariates")
        return Split(r, terms, common, a, b, maps.similarity)


def contribution(result: CorrelationResult, x: str | int, y: str | int) -> Any:
    """Split a similarity into voxels; see `CorrelationResult.contribution`."""
    maps, (i, j) = comparison_of(result), _cell(result, x, y)
    split = Contributions(result)(i, j)
    placed, grid = _placed(split, maps.x.features), maps.x.features.grid
    return placed if grid is None or placed.ndim == 1 else nifti_image(placed, grid)


def without_regions(result: CorrelationResult, x: str | int, y: str | int, atlas: Any) -> pd.DataFrame:
    """Split a similarity into regions; see `CorrelationResult.without_regions`."""
    import pandas as pd

    maps, (i, j) = comparison_of(result), _cell(result, x, y)
    labels = atlas if isinstance(atlas, LabelImage) else read_labels(atlas)
    split = Contributions(result)(i, j)
    return pd.DataFrame(split.regions(_codes(labels, maps.x.features), labels.ids), columns=list(REGION_COLUMNS))


def write_contributions(
    result: CorrelationResult, folder: str, labels: LabelImage | None, progress: Progress
) -> tuple[list[str], list[str]]:
    """Write an image for every pair with a number, and what they sum to; return names of tables and of images.

    ``contributions.tsv`` lists the images; with a label image ``contributions_regions.tsv`` holds what
    `without_regions` finds for each pair. Of regional means there are no images: that table holds what each region
    adds.
    """
    maps = comparison_of(result)
    features = maps.x.features
    if features.unit == "region":
        return _write_regional(result, folder, progress)
    if features.grid is None or features.indices is None:
        raise InputError(f"{_NO_PLACE}: there is no image to write")
    cells = [cell for cell in result.cells() if np.isfinite(result.estimate[cell])]
    names = file_names([(result.y_labels[i], result.x_labels[j]) for i, j in cells])
    codes = None if labels is None else _codes(labels, features)
    split_of = Contributions(result)
    rows: list[Sequence[Any]] = []
    regions: list[Sequence[Any]] = []
    with progress(len(cells), "writing contributions") as advance:
        for (i, j), name in zip(cells, names, strict=True):
            pair, split = (result.y_labels[i], result.x_labels[j]), split_of(i, j)
            volume = _placed(split, features).astype(np.float32)
            write_volume(os.path.join(folder, name), volume, features.grid)
            rows.append((*pair, split.r, float(volume.sum(dtype=np.float64)), name))
            if labels is not None and codes is not None:
                regions += [(*pair, *row) for row in split.regions(codes, labels.ids)]
            advance(1)
    write_tsv(os.path.join(folder, "contributions.tsv"), ("y", "x", "r", "sum", "file"), rows)
    tables = ["contributions.tsv"]
    if labels is not None:
        tables.append("contributions_regions.tsv")
        write_tsv(os.path.join(folder, tables[-1]), ("y", "x", *REGION_COLUMNS), regions)
    return tables, names


def _write_regional(result: CorrelationResult, folder: str, progress: Progress) -> tuple[list[str], list[str]]:
    """Write what each region adds to the similarity of regional means."""
    regions = result.parcellation
    features = comparison_of(result).x.features
    if regions is None:
        raise InputError(f"{_NO_PLACE}: there is no image to write")
    names = np.array(regions.names, dtype=object)[slice(None) if features.indices is None else features.indices]
    cells = [cell for cell in result.cells() if np.isfinite(result.estimate[cell])]
    every = np.arange(1, features.n + 1)
    split_of = Contributions(result)
    rows: list[Sequence[Any]] = []
    with progress(len(cells), "writing contributions") as advance:
        for i, j in cells:
            split = split_of(i, j)
            rows += [(result.y_labels[i], result.x_labels[j], names[k - 1], *row)
                     for k, *row in split.regions(every, every) if row[0]]
            advance(1)
    write_tsv(os.path.join(folder, "contributions_regions.tsv"), ("y", "x", *REGION_COLUMNS), rows)
    return ["contributions_regions.tsv"], []


def comparison_of(result: CorrelationResult) -> Comparison:
    """Return what was compared; a result that was loaded has only numbers."""
    if result.series:
        raise InputError("these are regions compared by their time series: no voxel adds to such a number by itself")
    if result.comparison is None:
        raise InputError("this result was loaded from disk, without the maps it came from: correlate them again in "
                         "Python, or with niicorr run --contributions")
    return result.comparison


def file_names(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return a file name for each pair (y, x) that every system takes, and that differs in more than case."""
    return distinct_names(partial(_file_name, y, x) for y, x in pairs)


def _file_name(y: str, x: str, number: int) -> str:
    end = (f"_{number}" if number > 1 else "") + _SUFFIX
    room = LONGEST_NAME - len(_STEM) - len(end) - 1
    first, second = plain_name(y, "map"), plain_name(x, "map")
    # Each has half of the room, and what the other leaves of its half.
    cut = first[: max(room - len(second), room // 2)], second[: max(room - len(first), room // 2)]
    return f"{_STEM}{cut[0]}_{cut[1]}{end}"


def _cell(result: CorrelationResult, x: str | int, y: str | int) -> tuple[int, int]:
    return position(y, result.y_labels, "y"), position(x, result.x_labels, "x")


def position(key: str | int, labels: Sequence[str], name: str) -> int:
    """Find a map by its label or its position."""
    if isinstance(key, Integral) and not isinstance(key, bool):
        if not 0 <= key < len(labels):
            raise UsageError(f"{name} has {len(labels)} maps, at positions 0 to {len(labels) - 1}: there is no {key}")
        return int(key)
    if not isinstance(key, str):
        raise UsageError(f"{name} is a label or a position, not {type(key).__name__}")
    if key in labels:
        return labels.index(key)
    close = difflib.get_close_matches(key, labels, n=3)
    hint = f"there is {_listed(close)}" if close else (
        f"its labels are {_listed(labels[:5])}" + (f" and {len(labels) - 5} more" if len(labels) > 5 else ""))
    raise UsageError(f"no map of {name} is called {printable(key)!r}; {hint}")


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(printable(label) for label in labels)


def _demand_unchanged(values: FloatArray, matrix: MapMatrix, index: int, common: BoolArray) -> None:
    """Refuse values of a file that is not any more what was correlated."""
    scores, scale, center = matrix.rows[index][common], matrix.scale[index], matrix.center[index]
    allowed = AGREES * (1 + np.abs(scores)) + 1e-14 * abs(center / scale)  # so much an offset costs
    if (np.abs(values / scale - center / scale - scores) > allowed).any():
        record = matrix.records[index]
        raise InputError(f"{record.path or printable(record.label)} has changed since it was correlated: correlate "
                         "again")


def _placed(split: Split, features: Features) -> Float64Array:
    """Put terms where their features are: into a volume, or among the features as they were given."""
    values = np.zeros(features.n)
    values[split.common] = split.terms
    if features.indices is None:
        return values
    whole = np.zeros(features.grid.size if features.grid is not None else features.given or 0)
    whole[features.indices] = values
    return whole if features.grid is None else whole.reshape(features.grid.shape, order="F")


def _codes(labels: LabelImage, features: Features) -> IntArray:
    """Return the regions' codes at the features, shape (features,)."""
    if features.grid is None or features.indices is None:
        raise InputError(f"{_NO_PLACE}: no atlas says which region they are in")
    codes: IntArray = labels.on(features.grid).ravel(order="F")[features.indices]
    return codes
