"""Series of regions on disk: a table for people, what each run gives alone, and arrays from which both come back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.result.file_names import distinct_names, plain_name
from niicorr.result.parcellation import RunSeries
from niicorr.tables import cell_text, write_matrix, write_tsv

if TYPE_CHECKING:
    from niicorr.result.correlation import CorrelationResult
    from niicorr.typing import Float64Array

SERIES_COLUMNS = ("run", "volume", "time_s")
"""What stands before the regions in ``series.tsv``."""

MOST_RUNS = 200
"""So many runs have a matrix of their own as a file; those of more are in ``report_data.npz`` only."""

LONGEST_NAME = 80
"""Letters of a run's name in a file name."""

STEMS = {"pearson": "correlations", "partial correlation": "partial_correlations", "covariance": "covariances",
         "tangent": "tangent"}
"""How files with the matrix of one run begin, by method."""


def write_series(result: CorrelationResult, folder: str) -> list[str]:
    """Write ``series.tsv``, Fisher's z of correlations, and where there are several runs a matrix of each.

    Parameters
    ----------
    result : CorrelationResult
        Of regions with each other; of other results nothing is written.
    folder : str
        An existing folder.

    Returns
    -------
    list of str
        The names written.
    """
    if not result.series:
        return []
    write_tsv(os.path.join(folder, "series.tsv"), [*SERIES_COLUMNS, *map(cell_text, result.x_labels)], _rows(result))
    names = ["series.tsv"]
    if result.method in ("pearson", "partial correlation"):
        names.append("fisher_z.csv")
        write_matrix(os.path.join(folder, names[-1]), result.x_labels, result.y_labels, fisher_z(result))
    matrices = [run.matrix for run in result.series if run.matrix is not None]
    for name, matrix in zip(run_files(result), matrices, strict=False):
        names.append(name)
        write_matrix(os.path.join(folder, name), result.x_labels, result.y_labels, matrix)
    return names


def run_files(result: CorrelationResult) -> list[str]:
    """Name the files with the matrices of single runs; none where there is one run, or too many."""
    labels = [run.label for run in result.series if run.matrix is not None]
    if len(labels) > MOST_RUNS:
        return []
    names = distinct_names(partial(_run_name, label) for label in labels)
    return [f"{STEMS.get(result.method, 'matrix')}_{name}.csv" for name in names]


def fisher_z(result: CorrelationResult) -> Float64Array:
    """Fisher's z of every correlation, shape (regions, regions); NaN on the diagonal and where it is infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.arctanh(result.estimate)
    z[~np.isfinite(z)] = np.nan
    np.fill_diagonal(z, np.nan)
    return z


def series_arrays(series: Sequence[RunSeries]) -> dict[str, Any]:
    """Return the arrays of ``report_data.npz``."""
    arrays: dict[str, Any] = {}
    for k, run in enumerate(series):
        arrays |= {f"series_{k}": run.values, f"series_volumes_{k}": run.volumes}
        if run.matrix is not None:
            arrays[f"series_matrix_{k}"] = run.matrix
    return arrays


def series_record(series: Sequence[RunSeries]) -> list[dict[str, Any]]:
    """Return what ``run.json`` tells of each run."""
    return [{"label": run.label, "path": run.path, "t_r": run.t_r, "time_points": len(run.values)} for run in series]


def series_of(entries: Sequence[dict[str, Any]], arrays: Mapping[str, Any]) -> tuple[RunSeries, ...]:
    """Restore the series of a saved result; ValueError where arrays do not fit together."""
    series = tuple(
        RunSeries(entry["label"], entry["path"], arrays[f"series_{k}"], arrays[f"series_volumes_{k}"], entry["t_r"],
                  arrays.get(f"series_matrix_{k}"))
        for k, entry in enumerate(entries))
    n = len(arrays["estimate"])
    for k, run in enumerate(series):
        if run.values.dtype != np.float64 or run.values.ndim != 2 or run.values.shape[1] != n:
            raise ValueError(f"series_{k} is {run.values.dtype} of {run.values.shape} for {n} regions")
        if run.volumes.dtype.kind not in "iu" or run.volumes.shape != run.values.shape[:1] or (run.volumes < 0).any():
            raise ValueError(f"series_volumes_{k} does not number the {len(run.values)} rows of series_{k}")
        if run.matrix is not None and (run.matrix.dtype != np.float64 or run.matrix.shape != (n, n)):
            raise ValueError(f"series_matrix_{k} is {run.matrix.dtype} of {run.matrix.shape} for {n} regions")
        if run.t_r is not None and run.t_r <= 0:
            raise ValueError(f"series[{k}].t_r is {run.t_r:g}")
    return series


def _rows(result: CorrelationResult) -> Iterator[list[Any]]:
    for run in result.series:
        for volume, values in zip(run.volumes.tolist(), run.values.tolist(), strict=True):
            yield [run.label, volume, None if run.t_r is None else f"{volume * run.t_r:.9g}", *values]


def _run_name(label: str, number: int) -> str:
    return plain_name(label, "run")[:LONGEST_NAME] + (f"_{number}" if number > 1 else "")
