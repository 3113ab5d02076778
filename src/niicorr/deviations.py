"""Columns of numbers as deviations from their means, in a range where squares and products keep their digits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

ROUNDED = 4 * float(np.finfo(np.float64).eps)
"""A column whose range is a smaller share than this of its largest magnitude varies by its rounding only."""


@dataclass(frozen=True, eq=False)
class Deviations:
    """Columns less their means, each in a power of two of its own: column k is ``means[k] + values · 2^exponents``.

    Parameters
    ----------
    values : ndarray, shape (rows, columns), float64
        The largest magnitude of each column is .5 to 1; all 0 where a column does not vary, or is not finite.
    exponents : ndarray of int, shape (columns,)
        Of two, that they were divided by.
    means : ndarray, shape (columns,), float64
        NaN of columns that are not finite.
    rounding : ndarray, shape (columns,), float64
        What the numbers as given may be off by, in the units of ``values``.
    varies : ndarray of bool, shape (columns,)
        Whether a column is finite and varies by more than its rounding.
    """

    values: Float64Array
    exponents: IntArray
    means: Float64Array
    rounding: Float64Array
    varies: BoolArray


def deviations(columns: FloatArray) -> Deviations:
    """Take the mean off every column and divide it by a power of two.

    No step of it overflows, and a column times a power of two gives the same values to the bit.
    """
    given = np.asarray(columns, dtype=np.float64)
    finite = np.isfinite(given).all(axis=0)
    values = np.where(finite, given, 0.0)
    first = np.frexp(np.abs(values).max(axis=0))[1]
    values = np.ldexp(values, -first)
    # The range is at most 2, since the largest magnitude is below 1.
    varies = finite & (np.ptp(values, axis=0) > ROUNDED * np.abs(values).max(axis=0))
    # A mean far from 0 is exact only of what is left once one of the values is off.
    start = values[0].copy()
    values -= start
    middle = values.mean(axis=0)
    values -= middle
    values[:, ~varies] = 0.0
    second = np.frexp(np.abs(values).max(axis=0))[1]
    return Deviations(np.ldexp(values, -second), first + second,
                      np.where(finite, np.ldexp(start + middle, first), np.nan), np.ldexp(ROUNDED, -second), varies)
