"""A part of a result: some of its rows and columns, every number as it was in the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from niicorr.numerals import integer, plural
from niicorr.result.null_shape import Autocovariances
from niicorr.result.pictures import Fits
from niicorr.result.picturing import kept

if TYPE_CHECKING:
    from niicorr.result import CorrelationResult, Parcellation
    from niicorr.result.pictures import Pictures
    from niicorr.typing import IntArray

MOST_CELLS = 1_000_000
"""A page of more would neither load nor be looked at."""


def strongest_part(result: CorrelationResult) -> tuple[IntArray, IntArray] | None:
    """Return the rows and columns to show of a matrix that is too large, or None where all of it is shown.

    Those with the largest absolute values, in the order of the result.
    """
    n_y, n_x = result.estimate.shape
    if n_y * n_x <= MOST_CELLS:
        return None
    side = int(MOST_CELLS**0.5)
    most_x, most_y = (side, side) if min(n_x, n_y) > side else (
        (n_x, MOST_CELLS // max(n_x, 1)) if n_x <= side else (MOST_CELLS // max(n_y, 1), n_y))
    size = np.where(np.isfinite(result.estimate), np.abs(result.estimate), -1.0)
    if result.same_set:
        np.fill_diagonal(size, -1.0)
    columns = _largest(size.max(axis=0), most_x)
    return (columns, columns) if result.same_set else (_largest(size.max(axis=1), most_y), columns)


def part_text(result: CorrelationResult, rows: IntArray, columns: IntArray) -> str:
    """Say that a part is shown."""
    n_y, n_x = result.estimate.shape
    return (f"Of {plural(n_x, 'column')} and {plural(n_y, 'row')}, the {integer(columns.size)} and "
            f"{integer(rows.size)} with the largest absolute values are shown; correlations.csv and pairs.tsv hold "
            "all.")


def part_of(result: CorrelationResult, rows: IntArray, columns: IntArray) -> CorrelationResult:
    """Keep some rows and columns (the same ones of a set against itself); adjusted p-values stay those of the whole."""
    at = np.ix_(rows, columns)
    notes = result.remarks.part(rows, columns)
    sensitivity = result.sensitivity
    if sensitivity is not None:
        sensitivity = replace(sensitivity, naive=sensitivity.naive[at], zeros_matter=sensitivity.zeros_matter[at])
    x_maps = tuple(result.x_maps[j] for j in columns)
    y_maps = x_maps if result.same_set else tuple(result.y_maps[i] for i in rows)
    return result.replace(
        estimate=result.estimate[at], counts=result.counts[at], x_maps=x_maps, y_maps=y_maps, notes=notes,
        inferred={name: values[at] for name, values in result.inferred.items()}, sensitivity=sensitivity,
        comparison=None, parcellation=_parcellation_part(result, rows, columns),
        series=tuple(replace(run, values=run.values[:, columns], matrix=None if run.matrix is None else run.matrix[at])
                     for run in result.series),
        pictures=None if result.pictures is None else pictures_part(result.pictures, rows, columns))


def pictures_part(pictures: Pictures, rows: IntArray, columns: IntArray) -> Pictures:
    """Keep the pictures of some rows and columns."""
    same = pictures.y is pictures.x
    x = kept(pictures.x, columns)
    at = np.ix_(rows, columns)
    fits, curves = pictures.fits, pictures.curves
    if fits is not None:
        fits = Fits(fits.slope[at], fits.intercept[at])
    if curves is not None:
        of_x = curves.x[columns]
        curves = Autocovariances(curves.lags_mm, of_x, of_x if same else curves.y[rows])
    return replace(pictures, x=x, y=x if same else kept(pictures.y, rows), fits=fits, curves=curves)


def _parcellation_part(result: CorrelationResult, rows: IntArray, columns: IntArray) -> Parcellation | None:
    """Keep some regions, where regions were compared; or all regions of some maps."""
    regions = result.parcellation
    if regions is None:
        return None
    if result.series:
        return replace(regions, regions=tuple(regions.regions[k] for k in columns), n_voxels=regions.n_voxels[columns],
                       coverage=regions.coverage[:, columns],
                       values=None if regions.values is None else regions.values[:, columns])
    sources = columns if result.same_set else np.concatenate([columns, len(result.x_maps) + rows])
    return replace(regions, sources=tuple(regions.sources[k] for k in sources), coverage=regions.coverage[sources],
                   values=None if regions.values is None else regions.values[sources])


def _largest(sizes: IntArray, most: int) -> IntArray:
    return np.sort(np.argsort(-sizes, kind="stable")[:most])
