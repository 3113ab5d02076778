"""Every similarity by its definition: the terms of one pair of maps, which sum to it.

In float64 and two passes, on values in their own units. The matrix road takes this for the few pairs that sums of
standard scores are too coarse for; the terms themselves show where in the brain a similarity comes from.
"""

from __future__ import annotations

import numpy as np

from niicorr.compute.transforms import basis_of, biweight_scores, ranked, residuals
from niicorr.ranks import average_ranks
from niicorr.typing import BoolArray, Float64Array, FloatArray, Method


def similarity_terms(
    method: Method,
    a: FloatArray,
    b: FloatArray,
    *,
    weights: Float64Array | None = None,
    covariates: Float64Array | None = None,
    threshold: float = 0.0,
) -> Float64Array | None:
    """Split the similarity of two maps into what each feature adds to it.

    Parameters
    ----------
    method : str
        The similarity.
    a, b : ndarray, shape (n,)
        Values at the features both maps have.
    weights : ndarray, shape (n,), optional
        Positive.
    covariates : ndarray, shape (covariates, n), optional
        Regressed out of both.
    threshold : float
        For Dice: features count whose absolute value exceeds it.

    Returns
    -------
    ndarray, shape (n,), float64, or None
        They sum to the similarity. None where there is none: a map is constant, or explained by the covariates.

    Examples
    --------
    >>> import numpy as np
    >>> similarity_terms("pearson", np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 7.0])).sum().round(6)
    np.float64(0.993399)
    """
    if a.size == 0 or a.min() == a.max() or b.min() == b.max():
        return None
    if method == "dice":
        return _dice(np.abs(a) > threshold, np.abs(b) > threshold)
    w = np.ones(a.size) if weights is None else weights
    if method == "concordance":
        return _concordance(a, b, w)
    if method == "spearman":
        a, b = average_ranks(_float(a)), average_ranks(_float(b))
    if method == "bicor":
        u, v = biweight_scores(_small(a)), biweight_scores(_small(b))
    elif method == "cosine":
        u, v = _small(a), _small(b)
    else:
        u, v = centred(a, w), centred(b, w)
    if covariates is not None:
        basis = basis_of(ranked(covariates) if method == "spearman" else covariates, weights)
        u, v = residuals(u, basis, weights), residuals(v, basis, weights)
    u, v = _small(u), _small(v)
    size = np.sqrt(np.dot(w * u, u) * np.dot(w * v, v))
    return w * u * v / size if size > 0 else None


def centred(values: FloatArray, weights: Float64Array) -> Float64Array:
    """Values less their mean, the mean taken twice so that a large offset costs no digits, about 1 in size."""
    left = _small(values)
    for _ in range(2):
        left = left - np.dot(weights, left) / weights.sum()
    return _small(left)


def _concordance(a: FloatArray, b: FloatArray, w: Float64Array) -> Float64Array:
    exponent = max(_exponent(a), _exponent(b))
    u, v = (np.ldexp(values.astype(np.float64), -exponent) for values in (a, b))
    total = w.sum()
    # The difference of the means is that of the values' differences: two large means would lose it.
    apart = np.dot(w, u - v) / total
    for _ in range(2):
        u, v = u - np.dot(w, u) / total, v - np.dot(w, v) / total
    return np.asarray(2 * w * u * v / (np.dot(w * u, u) + np.dot(w * v, v) + total * apart**2))


def _dice(a: BoolArray, b: BoolArray) -> Float64Array | None:
    both = np.count_nonzero(a) + np.count_nonzero(b)
    return np.asarray(2.0 * (a & b) / both) if both else None


def _small(values: FloatArray) -> Float64Array:
    """Scale to about 1, so that no square overflows or vanishes; by a power of two, which costs no digit."""
    return np.asarray(np.ldexp(values.astype(np.float64), -_exponent(values)))


def _exponent(values: FloatArray) -> int:
    return int(np.frexp(float(np.abs(values).max()))[1])


def _float(values: FloatArray) -> FloatArray:
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float64)
