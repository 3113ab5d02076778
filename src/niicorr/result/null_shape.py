"""What a null model makes of chance, to be looked at: fitted autocovariances, or the likeness of random maps."""

from __future__ import annotations

from dataclasses import dataclass

from niicorr.typing import Float64Array, FloatArray, IntArray

MOST_CELLS = 4000
"""Draws are told by their size for so many cells at most."""


@dataclass(frozen=True, eq=False)
class Autocovariances:
    """What the null model fitted to each map.

    Attributes
    ----------
    lags_mm : ndarray, shape (lags,), float64
        Distances, the first 0.
    x, y : ndarray, shape (maps, lags), float32
        Of maps (or ranks) of variance 1; NaN rows where nothing was fitted. ``y`` is ``x`` for a set against itself.
    """

    lags_mm: Float64Array
    x: FloatArray
    y: FloatArray


@dataclass(frozen=True, eq=False)
class Histogram:
    """How often random maps were how alike.

    Attributes
    ----------
    edges : ndarray, shape (bins + 1,), float64
        Of the similarity.
    counts : ndarray of int32, shape (maps of y, maps of x, bins)
        Draws of each cell; both directions together where there are two, and 0 where a cell was not tested.
    """

    edges: Float64Array
    counts: IntArray
