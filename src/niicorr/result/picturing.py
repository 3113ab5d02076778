"""Pictures of the maps of a result, made while these are at hand: one map in memory at a time and thread."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from niicorr.compute.sums import pair_sums
from niicorr.errors import InputError, UsageError
from niicorr.machine import default_jobs
from niicorr.matrix import MapMatrix
from niicorr.result.null_shape import Autocovariances, Histogram
from niicorr.result.pictures import Fits, MapPictures, Pictures
from niicorr.result.vectors import Quantised, deflated, quantised
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, IntArray

if TYPE_CHECKING:
    from niicorr.result.correlation import Comparison, CorrelationResult

MOST_MAPS = 1000
"""Of more maps, unless told otherwise, those of the `STRONGEST` pairs alone are shown."""

STRONGEST = 200

MOST_FITS = 4000
"""Lines are fitted for so many pairs at most."""

LINEAR = frozenset({"pearson", "spearman", "bicor", "concordance"})
"""A straight line says what these measure, or nearly so."""


def pictures_of(result: CorrelationResult, maps: str = "auto", *, jobs: int | None = None) -> Pictures | None:
    """Make what a page shows of the maps.

    Parameters
    ----------
    result : CorrelationResult
        With its maps (``comparison``), or with pictures that were saved.
    maps : str
        ``all``, ``none``, ``top:N`` (those of the N strongest pairs), or ``auto``: all up to `MOST_MAPS`, else
        ``top:200``.
    jobs : int, optional
        Threads. The outcome does not depend on it.

    Returns
    -------
    Pictures or None
        None where the maps are not at hand: time series of regions, or a result that was saved without pictures.
    """
    maps = choice_of(maps, result)
    made = result.pictures
    if made is not None and (result.comparison is None or made.choice == maps):
        _demand_place(made, result)
        return _chosen(made, result, maps)
    if result.comparison is None:
        return None
    of, features = result.comparison, result.comparison.x.features
    regional = features.unit == "region"
    shown = [np.zeros(len(m), dtype=np.bool_) for m in (of.x, of.y)] if regional else which_maps(result, maps)
    jobs = jobs or default_jobs()
    x = _pictured(of.x, shown[0], jobs)
    y = x if result.same_set else _pictured(of.y, shown[1], jobs)
    shape = result.null_shape
    voxels = None if features.unit != "voxel" or features.indices is None else features.indices.astype(np.uint32)
    return Pictures(maps, 0 if regional else features.n, voxels, x, y, _fits(result, of),
                    shape if isinstance(shape, Autocovariances) else None,
                    shape if isinstance(shape, Histogram) else None)


def with_pictures(result: CorrelationResult, maps: str = "auto", *, jobs: int | None = None) -> CorrelationResult:
    """Return the result with its pictures, to be saved with it; the parameters are those of `pictures_of`."""
    return result.replace(pictures=pictures_of(result, maps, jobs=jobs))


def choice_of(maps: str, result: CorrelationResult) -> str:
    """Check which maps are to be shown, and settle ``auto``."""
    if maps == "auto" and result.pictures is not None:
        return result.pictures.choice
    if maps == "auto":
        many = len(result.x_maps) + (0 if result.same_set else len(result.y_maps)) > MOST_MAPS
        return f"top:{STRONGEST}" if many else "all"
    if not isinstance(maps, str) or not re.fullmatch(r"all|none|top:[1-9][0-9]{0,8}", maps):
        raise UsageError(f"the maps of a page are auto, all, none or top:N (such as top:20), not {maps!r}")
    return maps


def which_maps(result: CorrelationResult, choice: str) -> list[BoolArray]:
    """Return which maps of x and of y are shown."""
    n_y, n_x = result.estimate.shape
    if choice in ("all", "none"):
        return [np.full(n, choice == "all") for n in (n_x, n_y)]
    x, y = np.zeros(n_x, dtype=np.bool_), np.zeros(n_y, dtype=np.bool_)
    for i, j in result.strongest(int(choice.removeprefix("top:"))):
        y[i], x[j] = True, True
    return [x | y] * 2 if result.same_set else [x, y]


def _demand_place(pictures: Pictures, result: CorrelationResult) -> None:
    """Refuse pictures whose voxels are none of the grid's: a saved result may have been tampered with."""
    voxels, grid = pictures.voxels, result.grid
    if voxels is not None and (grid is None or (voxels.size and int(voxels.max()) >= grid.size)):
        raise InputError("report_data.npz of the saved result is damaged (its pictures lie outside of its grid): run "
                         "it again")


def _chosen(pictures: Pictures, result: CorrelationResult, choice: str) -> Pictures:
    """Leave out maps; what was left out before cannot come back."""
    if choice in ("all", pictures.choice):
        return pictures
    shown = which_maps(result, choice)
    x = _without(pictures.x, shown[0])
    return replace(pictures, choice=choice, x=x, y=x if result.same_set else _without(pictures.y, shown[1]))


def kept(pictures: MapPictures, places: IntArray) -> MapPictures:
    """Return the pictures of some maps, in this order."""
    return _joined(pictures.low[places], pictures.high[places], pictures.clipped[places],
                   [pictures.packed(int(i)) for i in places])


def _without(pictures: MapPictures, shown: BoolArray) -> MapPictures:
    parts = [pictures.packed(i) if shown[i] else b"" for i in range(len(pictures))]
    return _joined(np.where(shown, pictures.low, 0), np.where(shown, pictures.high, 0), pictures.clipped & shown, parts)


def _pictured(matrix: MapMatrix, shown: BoolArray, jobs: int) -> MapPictures:
    def of(index: int) -> tuple[Quantised | None, bytes]:
        valid = matrix.supports[matrix.support_of[index]]
        if not (shown[index] and valid.any()):
            return None, b""
        picture = quantised(matrix.rows[index], valid, float(matrix.center[index]), float(matrix.scale[index]))
        # The steps themselves are let go: of many maps only what is packed is kept.
        return replace(picture, steps=picture.steps[:0]), deflated(picture.steps)

    made = list(in_order(of, range(len(matrix)), jobs))
    low, high = (np.array([0.0 if p is None else getattr(p, end) for p, _ in made], dtype=np.float64)
                 for end in ("low", "high"))
    clipped = np.array([p is not None and p.clipped for p, _ in made], dtype=np.bool_)
    return _joined(low, high, clipped, [part for _, part in made])


def _joined(low: Float64Array, high: Float64Array, clipped: BoolArray, parts: Sequence[bytes]) -> MapPictures:
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    return MapPictures(low, high, clipped, ends, np.frombuffer(b"".join(parts), np.uint8))


def _fits(result: CorrelationResult, of: Comparison) -> Fits | None:
    """Fit y on x by least squares, over the features that both maps have."""
    plain = of.similarity.weights is None and of.similarity.covariates is None
    if not plain or result.method not in LINEAR or not 0 < result.estimate.size <= MOST_FITS:
        return None
    x, y = of.x, of.y
    n = result.counts.astype(np.float64)
    sums = pair_sums(x, y)
    # Not so few, and not so alike, that rounding would turn the line.
    known = np.isfinite(result.estimate) & (n > 2) & (sums.xx - sums.x**2 / np.maximum(n, 1) > 1e-6 * n)
    with np.errstate(all="ignore"):
        slope = np.where(known, (sums.xy - sums.x * sums.y / n) / (sums.xx - sums.x**2 / n), np.nan)
        level = (sums.y - slope * sums.x) / n
        own = slope * y.scale[:, None] / x.scale
        intercept = y.center[:, None] + y.scale[:, None] * level - own * x.center
    good = np.isfinite(own) & np.isfinite(intercept) & ((own != 0) | (slope == 0))  # or it is too flat for a float64
    return Fits(np.where(good, own, np.nan), np.where(good, intercept, np.nan))
