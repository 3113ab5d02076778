"""Maps that come as numbers alone: what stands beside them must be numbers, too."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from niicorr.analysis import check_features
from niicorr.compute.similarity import Similarity
from niicorr.errors import InputError, UsageError
from niicorr.matrix import MapMatrix, plain_array, scaled_weights
from niicorr.numerals import integer, plural, short_text
from niicorr.options import Options
from niicorr.typing import Float64Array


def is_matrix(value: Any) -> bool:
    """Whether maps come as numbers alone: a MapMatrix, or an array of maps × features."""
    return isinstance(value, MapMatrix) or (isinstance(value, np.ndarray) and value.ndim <= 2)


def from_matrices(x: Any, y: Any, options: Options) -> tuple[MapMatrix, MapMatrix | None, Similarity]:
    """Take two sets as they are, at the features that have a weight and every covariate; and what compares them."""
    if isinstance(options.mask, str | os.PathLike) and options.mask not in ("auto", "none"):
        raise UsageError("maps came as arrays, which tell no voxels: leave mask out, and give arrays of the voxels "
                         "that count")
    first = x if isinstance(x, MapMatrix) else MapMatrix.from_array(x)
    second = y if y is None or isinstance(y, MapMatrix) else MapMatrix.from_array(y)
    check_features(first, first if second is None else second)
    similarity = Similarity(options.method, float(options.threshold), *_beside_matrices(first.features.n, options))
    if similarity.weights is not None or similarity.covariates is not None:
        keep = np.ones(first.features.n, dtype=bool)
        if similarity.weights is not None:
            keep &= similarity.weights > 0
        if similarity.covariates is not None:
            keep &= np.isfinite(similarity.covariates).all(axis=0)
        if not keep.any():
            raise InputError("no feature is left: none has a weight above 0 and a value in every covariate")
        if not keep.all():
            first, second = first.within(keep), None if second is None else second.within(keep)
            similarity = similarity.on(keep)
    return first, second, similarity


def _beside_matrices(n: int, options: Options) -> tuple[Float64Array | None, Float64Array | None]:
    """Return weights, shape (features,), and covariates, shape (covariates, features), that came as arrays."""
    weights = covariates = None
    if options.weights is not None:
        weights = _array(options.weights, "weights", n)[0]
        if (weights < 0).any():
            below = int(np.count_nonzero(weights < 0))
            raise InputError(f"{plural(below, 'weight')} {'is' if below == 1 else 'are'} negative, down to "
                             f"{short_text(float(np.nanmin(weights)))}: weights are 0 or more")
        weights = scaled_weights(np.where(np.isfinite(weights), weights, 0.0))
    if options.partial is not None:
        covariates = _array(options.partial, "partial", n)
    return weights, covariates


def _array(values: Any, name: str, n: int) -> Float64Array:
    if isinstance(values, MapMatrix):
        values = values.values
    if not isinstance(values, np.ndarray):
        raise UsageError(f"maps came as arrays, so {name} must be an array, too")
    plain = plain_array(values)
    if plain.dtype.kind not in "buif":
        raise InputError(f"{name} must hold real numbers, not {plain.dtype}")
    array = np.atleast_2d(plain.astype(np.float64))
    if array.ndim != 2 or array.shape[1] != n or (name == "weights" and len(array) != 1):
        raise InputError(f"{name} has shape {np.shape(values)}; the maps have {integer(n)} features")
    return array
