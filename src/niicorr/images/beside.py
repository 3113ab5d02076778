"""Maps that go beside the two sets: voxel weights and covariates, brought to the grid of comparison.

A voxel counts only where every covariate has data and its weight is above 0, so both narrow the mask; everything
after that (coverage, counts, the mask that is written) follows from the narrower one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from niicorr.errors import InputError, MapError, UsageError, told_on
from niicorr.images.extract import extract
from niicorr.images.inspect import BackgroundOption
from niicorr.images.mapset import read_maps
from niicorr.images.sampling import Sampling, settle
from niicorr.images.survey import survey
from niicorr.matrix import MapMatrix, OwnValues, scaled_weights
from niicorr.numerals import integer, short_text
from niicorr.records import Decision, MapRecord
from niicorr.typing import Float64Array, Resample, Zeros


@dataclass(frozen=True, eq=False)
class Beside:
    """Sampling with the narrower mask, and what lies in it.

    Parameters
    ----------
    sampling : Sampling
        Its mask holds the voxels that can count.
    weights : ndarray, shape (features,), float64, or None
        Positive.
    covariates : ndarray, shape (covariates, features), float64, or None
        Finite.
    records : tuple of MapRecord
        What is known of these maps.
    """

    sampling: Sampling
    weights: Float64Array | None
    covariates: Float64Array | None
    records: tuple[MapRecord, ...] = ()


@told_on("docs/howto/partial-and-weighted.md")
def read_beside(
    sampling: Sampling, weights: Any, partial: Any, *, background: BackgroundOption, zeros: Zeros,
    resample_option: Resample, max_map_size: int, jobs: int,
) -> Beside:
    """Read weights and covariates.

    Parameters
    ----------
    sampling : Sampling
        Grid and mask of the comparison.
    weights : path, image, (array, affine), or None
        How much each voxel counts; 0 and missing: not at all.
    partial : paths, images, or None
        Covariate maps, one or several.
    background, zeros
        How covariates are read: as the maps are. Weights are taken at their word, zeros and all.
    resample_option : {'auto', 'never'}
        Whether they are interpolated where their grid is another.
    max_map_size : int
        Bytes of the largest map.
    jobs : int
        Files worked on at once.

    Raises
    ------
    InputError
        Where a file cannot be used, weights are negative or all 0, or no voxel is left.
    """
    if weights is None and partial is None:
        return Beside(sampling, None, None)
    decisions = list(sampling.decisions)
    keep = np.ones(sampling.indices.size, dtype=bool)
    how: dict[str, Any] = {"resample_option": resample_option, "max_map_size": max_map_size, "jobs": jobs}
    weighing = covariates = None
    records: tuple[MapRecord, ...] = ()
    if weights is not None:
        matrix = _read(weights, sampling, background="none", zeros="data", **how)
        if len(matrix) != 1:
            raise UsageError(f"weights are one map; {matrix.records[0].path} and what was named with it hold "
                             f"{integer(len(matrix))}")
        weighing, records = _weights_of(matrix), matrix.records
        keep &= weighing > 0
    if partial is not None:
        matrix = _read(partial, sampling, background=background, zeros=zeros, **how)
        _check_covariates(matrix)
        covariates, records = _values_of(matrix), (*records, *matrix.records)
        keep &= np.isfinite(covariates).all(axis=0)
        names = ", ".join(matrix.labels[:5]) + (f" and {integer(len(matrix) - 5)} more" if len(matrix) > 5 else "")
        decisions.append(Decision("partial", f"covariates: {names}"))
    if not keep.any():
        raise InputError("no voxel of the mask is left: none has a weight above 0 and data in every covariate. Check "
                         "that weights and covariates are in the space of the maps")
    if not keep.all():
        lost = keep.size - int(keep.sum())
        topic = "weights" if partial is None else "partial"
        what = {(True, False): "weight is 0 or missing", (False, True): "covariates are missing",
                (True, True): "weight is 0 or covariates are missing"}[weights is not None, partial is not None]
        do_not, their = ("does not", "its") if lost == 1 else ("do not", "their")
        decisions.append(Decision(topic, f"{integer(lost)} of the mask's {integer(keep.size)} voxels {do_not} count: "
                                  f"{their} {what}"))
    mask = np.zeros(sampling.grid.size, dtype=bool)
    mask[sampling.indices[keep]] = True
    narrower = replace(sampling, mask=mask.reshape(sampling.grid.shape, order="F"), decisions=tuple(decisions))
    return Beside(narrower, None if weighing is None else weighing[keep],
                  None if covariates is None else covariates[:, keep], records)


def _read(
    maps: Any, sampling: Sampling, *, background: BackgroundOption, zeros: Zeros, resample_option: Resample,
    max_map_size: int, jobs: int,
) -> MapMatrix:
    files = read_maps(maps, on_error="skip", volumes="all", max_map_size=max_map_size)
    read = settle(survey(files, background=background, zeros=zeros, jobs=jobs), sampling, resample_option)
    if read.problems:
        raise InputError("\n".join({f"{p.path}: {p.text}": None for p in read.problems}))
    return extract(read, sampling, resample_option=resample_option, jobs=jobs)


def _check_covariates(matrix: MapMatrix) -> None:
    empty = [MapError(record.path, "no voxel of the mask has data in this covariate",
                      "check that it is in the space of the maps, and what its background is")
             for record, n in zip(matrix.records, matrix.n_valid, strict=True) if n == 0]
    if empty:
        raise InputError("\n".join(map(str, empty)))


def _values_of(matrix: MapMatrix) -> Float64Array:
    # Of standard scores a spike would leave few digits, also one at a voxel that does not count.
    own = OwnValues(matrix)
    return np.array([np.where(matrix.supports[of], own(k), np.nan) for k, of in enumerate(matrix.support_of)])


def _weights_of(matrix: MapMatrix) -> Float64Array:
    # Standard scores put back into their own units would miss an exact 0 by rounding.
    path, values = matrix.records[0].path, OwnValues(matrix)(0).astype(np.float64)
    values = np.where(matrix.supports[matrix.support_of[0]] & np.isfinite(values), values, 0.0)
    if (values < 0).any():
        below = int(np.count_nonzero(values < 0))
        have = "voxel of the mask has a negative weight," if below == 1 else "voxels of the mask have negative weights,"
        raise MapError(path, f"{integer(below)} {have} down to {short_text(float(values.min()))}",
                       "weights are 0 or more")
    if not values.any():
        raise MapError(path, f"no voxel of the mask has a weight above 0 (of {integer(values.size)})",
                       "check that the weights are in the space of the maps")
    return scaled_weights(values)
