"""Least squares with coefficients that may not be negative."""

from __future__ import annotations

import numpy as np

from niicorr.typing import Float64Array

TOLERANCE = 1e-10
"""A descent direction counts where its cosine exceeds this."""


def nonnegative_least_squares(a: Float64Array, b: Float64Array) -> Float64Array:
    """Minimise ``|a z − b|²`` over ``z ≥ 0``.

    Parameters
    ----------
    a : ndarray, shape (equations, coefficients), float64
        The system; replace a long one by its triangular factor where there are many right-hand sides.
    b : ndarray, shape (equations,), float64
        One right-hand side.

    Returns
    -------
    ndarray, shape (coefficients,), float64

    Notes
    -----
    The active-set method: the coefficient along which the residual falls fastest is set free, and those that the
    new solution would make negative go back to zero. Nearly collinear columns (neighbouring Gaussians) can make
    one coefficient come and go by rounding alone; one that falls out at once is left out until another moved,
    so the loop ends.

    References
    ----------
    Lawson CL & Hanson RJ (1995), Solving least squares problems, chapter 23, doi 10.1137/1.9781611971217.

    Examples
    --------
    >>> import numpy as np
    >>> nonnegative_least_squares(np.eye(2), np.array([1.0, -1.0]))
    array([1., 0.])
    """
    count = a.shape[1]
    z, free = np.zeros(count), np.zeros(count, dtype=bool)
    scale = np.linalg.norm(a, axis=0) * np.linalg.norm(b)
    useless = ~(scale > 0)
    barred = useless.copy()
    for _ in range(10 * count):
        slope = np.where(free | barred, 0.0, a.T @ (b - a @ z)) / np.where(useless, 1.0, scale)
        enters = int(np.argmax(slope))
        if not slope[enters] > TOLERANCE:
            break
        free[enters] = True
        while True:
            best = np.zeros(count)
            best[free] = np.linalg.lstsq(a[:, free], b, rcond=None)[0]
            negative = np.flatnonzero(free & (best <= 0))
            if negative.size == 0:
                break
            # As far towards the new solution as nothing becomes negative.
            share = z[negative] / np.maximum(z[negative] - best[negative], np.finfo(float).tiny)
            z += share.min() * (best - z)
            free[negative[share <= share.min()]] = False
            z[~free] = 0
        barred = useless.copy()
        barred[enters] |= not free[enters]
        z = best
    return z
