"""From r and the number of independent values to p, intervals and corrections for many cells.

All functions take arrays of any shape and keep it; a cell without a number (NaN) stays without one and does not
count as a test.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from niicorr.scratch import unknown
from niicorr.typing import Alternative, Fdr, Float64Array, FloatArray, IntArray

AT_ONCE = 1 << 18
"""p-values adjusted at once: of millions, temporary copies would take more room than the outcome."""


def pvalues(
    r: FloatArray, n_effective: FloatArray | IntArray, alternative: Alternative = "two-sided", *,
    n_covariates: int | IntArray = 0,
) -> Float64Array:
    """Find the probability of a correlation at least so far from 0 by chance.

    Parameters
    ----------
    r : ndarray of float
        Correlations.
    n_effective : ndarray, same shape
        Independent values behind each (for independent observations: their number).
    alternative : {'two-sided', 'greater', 'less'}
        Which correlations count as far: large either way, positive, or negative.
    n_covariates : int, or ndarray of int of the same shape
        For partial correlations: variables regressed out of both sides; each takes one degree of freedom.

    Returns
    -------
    ndarray of float64, same shape
        NaN where r is NaN or no degree of freedom is left.

    Notes
    -----
    ``t = r sqrt(ν / (1 − r²))`` follows Student's t with ν = n_effective − 2 − n_covariates degrees of freedom if
    the two variables are independent and at least one of them is Gaussian; with r of many values, also if
    neither is. It misleads where n_effective counts values that repeat each other, such as neighbouring voxels.

    References
    ----------
    Student (1908), doi 10.2307/2331554. With n_effective: Dutilleul P (1993), doi 10.2307/2532625.

    Examples
    --------
    >>> import numpy as np
    >>> pvalues(np.array([0.5]), np.array([20.0])).round(4)
    array([0.0248])
    """
    r = np.asarray(r, dtype=np.float64)
    freedom = np.asarray(n_effective, dtype=np.float64) - 2 - n_covariates
    known = np.isfinite(r) & (freedom > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = r * np.sqrt(freedom / ((1 - r) * (1 + r)))
    towards = {"two-sided": -np.abs(t), "greater": -t, "less": t}[alternative]
    p = special.stdtr(np.where(known, freedom, 1.0), np.where(known, towards, 0.0))
    if alternative == "two-sided":
        p = 2 * p
    return np.asarray(np.where(known, np.minimum(p, 1.0), np.nan))


def fisher_interval(
    r: FloatArray, n_effective: FloatArray | IntArray, *, n_covariates: int | IntArray = 0
) -> tuple[Float64Array, Float64Array]:
    """Find an interval that covers the true correlation with a probability of about 95 %.

    Parameters
    ----------
    r : ndarray of float
        Correlations.
    n_effective : ndarray, same shape
        Independent values behind each.
    n_covariates : int, or ndarray of int of the same shape
        For partial correlations: variables regressed out of both sides.

    Returns
    -------
    low, high : ndarray of float64, same shape
        From −1 to 1 where n_effective is 3 or less: so few values exclude nothing. NaN where r is NaN.

    Notes
    -----
    ``tanh(atanh r ± z / sqrt(n_effective − 3))``. Approximate: n_effective comes from the variance of r at a true
    correlation of 0; away from 0 the interval also depends on how the correlation is spread over scales.

    References
    ----------
    Fisher RA (1915), doi 10.2307/2331838. Afyouni S, Smith SM & Nichols TE (2019),
    doi 10.1016/j.neuroimage.2019.05.011.

    Examples
    --------
    >>> import numpy as np
    >>> low, high = fisher_interval(np.array([0.5]), np.array([20.0]))
    >>> low.round(3), high.round(3)
    (array([0.074]), array([0.772]))
    """
    r = np.asarray(r, dtype=np.float64)
    freedom = np.asarray(n_effective, dtype=np.float64) - 3 - n_covariates
    z = float(special.ndtri(0.975))
    with np.errstate(divide="ignore", invalid="ignore"):
        half = np.where(freedom > 0, z / np.sqrt(freedom), np.inf)
        centre = np.arctanh(r)
        # |r| of 1 is its own interval; infinity less infinity is none.
        low = np.where((np.abs(r) == 1) & np.isfinite(half), r, np.tanh(centre - half))
        high = np.where((np.abs(r) == 1) & np.isfinite(half), r, np.tanh(centre + half))
    low = np.where(np.isinf(half) & np.isfinite(r), -1.0, low)
    high = np.where(np.isinf(half) & np.isfinite(r), 1.0, high)
    unknown = ~np.isfinite(r) | ~np.isfinite(freedom)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def benjamini_hochberg(p: FloatArray) -> Float64Array:
    """Adjust p-values so that keeping those up to q holds the false discovery rate at q.

    Parameters
    ----------
    p : ndarray of float
        All tests of the family; NaN where none was made.

    Returns
    -------
    ndarray of float64, same shape
        ``min over j ≥ i of p_(j) m / j``, at most 1.

    Notes
    -----
    Holds for independent tests and for tests that depend on one another positively, as those of one map with
    many similar ones mostly do; `benjamini_yekutieli` needs neither.

    References
    ----------
    Benjamini Y & Hochberg Y (1995), doi 10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> import numpy as np
    >>> benjamini_hochberg(np.array([0.01, 0.04, np.nan, 0.03]))
    array([0.03, 0.04,  nan, 0.04])
    """
    return _step_up(p, _ascending(p), 1.0)


def benjamini_yekutieli(p: FloatArray) -> Float64Array:
    """Adjust p-values so that keeping those up to q holds the false discovery rate at q, however tests depend.

    Parameters
    ----------
    p : ndarray of float
        All tests of the family; NaN where none was made.

    Returns
    -------
    ndarray of float64, same shape
        Those of `benjamini_hochberg` times 1 + 1/2 + … + 1/m, at most 1: 7.5 times at m = 1 000.

    References
    ----------
    Benjamini Y & Yekutieli D (2001), doi 10.1214/aos/1013699998.
    """
    places = _ascending(p)
    return _step_up(p, places, _harmonic(len(places)))


def holm(p: FloatArray) -> Float64Array:
    """Adjust p-values so that keeping those up to α holds the chance of any false one at α.

    Parameters
    ----------
    p : ndarray of float
        All tests of the family; NaN where none was made.

    Returns
    -------
    ndarray of float64, same shape
        ``max over j ≤ i of p_(j) (m − j + 1)``, at most 1.

    Notes
    -----
    Holds however tests depend on one another, and is never larger than Bonferroni's ``m p``.

    References
    ----------
    Holm S (1979), https://www.jstor.org/stable/4615733.

    Examples
    --------
    >>> import numpy as np
    >>> holm(np.array([0.01, 0.04, np.nan, 0.03]))
    array([0.03, 0.06,  nan, 0.06])
    """
    return _step_down(p, _ascending(p))


def adjusted(p: FloatArray, fdr: Fdr, *, on_disk: bool = False) -> tuple[Float64Array, Float64Array]:
    """Adjust for the false discovery rate, as asked for, and for the family-wise error: what is sorted is sorted once.

    Parameters
    ----------
    p : ndarray of float
        All tests of the family; NaN where none was made.
    fdr : {'bh', 'by'}
        `benjamini_hochberg` or `benjamini_yekutieli`.
    on_disk : bool
        Whether the outcome lies in a temporary file rather than in memory.

    Returns
    -------
    fdr, fwe : ndarray of float64, same shape
        The latter by `holm`.
    """
    places = _ascending(p)
    factor = 1.0 if fdr == "bh" else _harmonic(len(places))
    return _step_up(p, places, factor, on_disk=on_disk), _step_down(p, places, on_disk=on_disk)


def _harmonic(tests: int) -> float:
    """1 + 1/2 + … + 1/m."""
    terms = np.arange(1, tests + 1, dtype=np.float64)
    return float(np.sum(np.divide(1, terms, out=terms)))


def _step_up(p: FloatArray, places: IntArray, factor: float, *, on_disk: bool = False) -> Float64Array:
    """``min over j ≥ i of p_(j) factor m / j``, piece by piece from the largest p-value on."""
    flat, out, tests = _flat(p), unknown(np.shape(p), on_disk=on_disk), len(places)
    least = 1.0
    for piece in reversed(_pieces(tests)):
        scaled = flat[places[piece]] * (factor * tests) / np.arange(piece.start + 1, piece.stop + 1)
        lowest = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], least)
        out.reshape(-1)[places[piece]], least = lowest, float(lowest[0])
    return out


def _step_down(p: FloatArray, places: IntArray, *, on_disk: bool = False) -> Float64Array:
    """``max over j ≤ i of p_(j) (m − j + 1)``, piece by piece from the smallest p-value on."""
    flat, out, tests = _flat(p), unknown(np.shape(p), on_disk=on_disk), len(places)
    most = 0.0
    for piece in _pieces(tests):
        scaled = flat[places[piece]] * np.arange(tests - piece.start, tests - piece.stop, -1)
        highest = np.maximum(np.maximum.accumulate(scaled), most)
        out.reshape(-1)[places[piece]], most = np.minimum(highest, 1.0), float(highest[-1])
    return out


def _ascending(p: FloatArray) -> IntArray:
    """Where the tests' p-values stand in the flattened array, from small to large; equal ones in any order."""
    flat = _flat(p)
    tested = np.flatnonzero(np.isfinite(flat))
    return np.argsort(flat) if len(tested) == len(flat) else tested[np.argsort(flat[tested])]


def _flat(p: FloatArray) -> Float64Array:
    return np.asarray(p, dtype=np.float64).reshape(-1)


def _pieces(tests: int) -> list[slice]:
    return [slice(start, min(start + AT_ONCE, tests)) for start in range(0, tests, AT_ONCE)]
