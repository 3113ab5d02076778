"""Average ranks by one sort: value and place packed into one integer, so that nothing is looked up again.

A float32 becomes an unsigned integer of the same order, its place the lower half of a 64-bit key; sorting those
keys is several times faster than sorting indices by the values they point at. Ties are runs of equal upper
halves, and each run gets its mean rank. Float64 values are sorted by their float32 neighbours first; only runs
that hold different values are then sorted once more by the values themselves.
"""

from __future__ import annotations

import sys

import numpy as np

from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

SIGN = np.int32(-(2**31))

LOWER = 0 if sys.byteorder == "little" else 1
"""Which half of a 64-bit integer is its lower one."""


def average_ranks(values: FloatArray) -> Float64Array:
    """Rank values from 1 to n; equal ones share the mean of their ranks.

    Parameters
    ----------
    values : ndarray, shape (n,), float32 or float64
        Finite.

    Returns
    -------
    ndarray, shape (n,), float64
        As ``scipy.stats.rankdata(values)``, exactly.

    Examples
    --------
    >>> import numpy as np
    >>> average_ranks(np.array([0.5, -1.0, 0.5, 7.0]))
    array([2.5, 1. , 2.5, 4. ])
    """
    n = len(values)
    ranks = np.empty(n)
    order, new = ascending(values)
    repeats = np.flatnonzero(~new)
    if repeats.size > n // 4:
        starts = np.flatnonzero(new)
        lengths = np.diff(starts, append=n)
        # The ranks of a run are starts + 1 … starts + length.
        ranks[order] = np.repeat(starts + (lengths + 1) / 2, lengths)
        return ranks
    along = np.arange(1.0, n + 1)
    if repeats.size:
        # Few values are tied: only theirs are touched.
        ends = np.flatnonzero(np.diff(repeats, append=n + 1) > 1)
        last = repeats[ends]
        first = repeats[np.concatenate([[0], ends[:-1] + 1])] - 1
        lengths = last - first + 1
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        along[np.repeat(first, lengths) + within] = np.repeat((first + last) / 2 + 1, lengths)
    ranks[order] = along
    return ranks


def ascending(values: FloatArray) -> tuple[IntArray, BoolArray]:
    """Sort values.

    Parameters
    ----------
    values : ndarray, shape (n,), float32 or float64
        Finite; n below 2³².

    Returns
    -------
    order : ndarray of int, shape (n,)
        Places from the smallest value to the largest; equal values in the order of their places.
    new : ndarray of bool, shape (n,)
        Along that order, where a value is not the one before.
    """
    n = len(values)
    with np.errstate(over="ignore", under="ignore"):  # beyond float32 all is one run, and sorted once more
        near = values.astype(np.float32)
    near += np.float32(0)  # −0 and 0 are one value
    bits = near.view(np.int32)
    # Negative numbers have their sign bit set and grow downwards: turn all their bits, of the others the first.
    turn = bits >> 31
    turn |= SIGN
    halves = np.empty((n, 2), np.uint32)
    halves[:, LOWER] = np.arange(n, dtype=np.uint32)
    np.bitwise_xor(bits, turn, out=halves[:, 1 - LOWER].view(np.int32))
    halves.view(np.uint64).sort(axis=0)
    order = halves[:, LOWER].astype(np.intp)
    upper = halves[:, 1 - LOWER]
    new = np.empty(n, np.bool_)
    new[:1] = True
    np.not_equal(upper[1:], upper[:-1], out=new[1:])
    if values.dtype != np.float32 and not new.all():
        _settle_runs(values, order, new)
    return order, new


def _settle_runs(values: FloatArray, order: IntArray, new: BoolArray) -> None:
    """Sort places whose values are one float32 but several float64, in place; tell new values apart as well."""
    tied = np.flatnonzero(~new)
    mixed = tied[values[order[tied]] != values[order[tied - 1]]]
    if mixed.size == 0:
        return
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(values))
    runs = np.unique(np.searchsorted(starts, mixed, side="right") - 1)
    at = np.concatenate([np.arange(starts[run], ends[run]) for run in runs])
    run = np.repeat(runs, ends[runs] - starts[runs])
    places = order[at]
    order[at] = places[np.lexsort((places, values[places], run))]
    later = at[1:][run[1:] == run[:-1]]
    new[later] = values[order[later]] != values[order[later - 1]]
