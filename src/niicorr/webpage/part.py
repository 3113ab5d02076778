"""A part of a result: some of its rows and columns, every number as it was in the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from niicorr.numerals import integer, plural
from niicorr.result.largest import largest_by_line
from niicorr.result.null_shape import Autocovariances
from niicorr.result.pictures import Fits
from niicorr.result.picturing import kept
from niicorr.result.same_files import same_file_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from niicorr.result import CorrelationResult, Parcellation
    from niicorr.result.pictures import Pictures
    from niicorr.typing import Float64Array, IntArray

MOST_CELLS = 1_000_000
"""A page of more would neither load nor be looked at."""


@dataclass(frozen=True, eq=False)
class Part:
    """The rows and columns of a result that are shown, in its order."""

    rows: IntArray
    columns: IntArray

    def of(self, result: CorrelationResult) -> CorrelationResult:
        """Return this part of a result, without its pictures."""
        return part_of(result.replace(pictures=None), self.rows, self.columns)

    def at(self, row: int, column: int) -> tuple[int, int]:
        """Return where a cell that is shown stands in the part."""
        return int(np.searchsorted(self.rows, row)), int(np.searchsorted(self.columns, column))

    def text(self, result: CorrelationResult, beside: Sequence[str] | None) -> str:
        """Say that a part is shown, and where the rest is; ``beside`` as for `niicorr.webpage.payload.payload`."""
        n_y, n_x = result.estimate.shape
        figures = [f"{name} draws all" for name in beside or () if name.startswith("heatmap.")][:1]
        tables = "the tables of the saved result list all" if beside is None else (
            "correlations.csv and pairs.tsv list all")
        return (f"Of {plural(n_x, 'column')} and {plural(n_y, 'row')}, the {integer(self.columns.size)} and "
                f"{integer(self.rows.size)} with the largest absolute values are shown. Words and counts on this page "
                f"are of all; {', '.join([*figures, tables])}.")


def strongest_part(result: CorrelationResult) -> Part | None:
    """Return what to show of a matrix that is too large, or None where all of it is shown.

    Those rows and columns with the largest absolute values.
    """
    n_y, n_x = result.estimate.shape
    if n_y * n_x <= MOST_CELLS:
        return None
    side = int(MOST_CELLS**0.5)
    most_x, most_y = (side, side) if min(n_x, n_y) > side else (
        (n_x, MOST_CELLS // max(n_x, 1)) if n_x <= side else (MOST_CELLS // max(n_y, 1), n_y))
    of_row, of_column = largest_by_line(result.estimate, same_set=result.same_set, but=same_file_cells(result))
    columns = _largest(of_column, most_x)
    return Part(columns if result.same_set else _largest(of_row, most_y), columns)


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


def _largest(sizes: Float64Array, most: int) -> IntArray:
    return np.sort(np.argsort(-sizes, kind="stable")[:most])
