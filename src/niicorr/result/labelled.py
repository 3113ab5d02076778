"""A result as a Dataset of xarray: one variable for each column of ``pairs.tsv``, over named maps.

xarray is not among the packages that niicorr needs; it is looked for when a Dataset is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.errors import UsageError
from niicorr.tables import DIRECTION_COLUMNS, INFERRED_COLUMNS

if TYPE_CHECKING:
    from niicorr.records import MapRecord
    from niicorr.result.correlation import CorrelationResult

_LONG_NAMES = {
    "n_effective": "independent values", "ci_low": "lower end of the approximate 95 % interval",
    "ci_high": "upper end of the approximate 95 % interval", "p": "p-value", "p_fdr": "p adjusted for false discovery",
    "p_fwe": "p adjusted for family-wise error", "p_x_random": "p-value, maps of x randomised",
    "p_y_random": "p-value, maps of y randomised",
}


def dataset_of(result: CorrelationResult) -> Any:
    """Return a result as an xarray Dataset; see `CorrelationResult.to_xarray`."""
    try:
        import xarray as xr
    except ImportError:
        raise UsageError("to_xarray needs xarray, which is not installed: pip install xarray, or niicorr[xarray]; "
                         "to_frame() gives the same numbers as a table of pandas") from None
    dims = ("y", "x")
    variables: dict[str, Any] = {
        "estimate": (dims, result.estimate, {"long_name": result.measure.name, "units": "1"}),
        "n": (dims, result.counts, {"long_name": f"{result.unit}s in common", "units": "1"}),
    }
    for name in (*INFERRED_COLUMNS, *DIRECTION_COLUMNS):
        if name in result.inferred:
            variables[name] = (dims, result.inferred[name], {"long_name": _LONG_NAMES[name], "units": "1"})
    notes = np.full(result.estimate.shape, "", dtype=object)
    for cell, text in result.notes.items():
        notes[cell] = text
    variables["note"] = (dims, notes, {"long_name": "remarks"})
    coordinates: dict[str, Any] = {"y": list(result.y_labels), "x": list(result.x_labels)}
    for dim, maps in (("y", result.y_maps), ("x", result.x_maps)):
        coordinates |= {f"{dim}_{name}": (dim, values) for name, values in _known(maps).items()}
    return xr.Dataset(variables, coordinates, {
        "method": result.method,
        "null": result.null,
        "null_text": result.null_text,
        "unit": result.unit,
        "same_set": int(result.same_set),
        # As text, since netCDF knows no dictionaries.
        "versions": json.dumps(result.provenance.versions),
        "decisions": json.dumps([[d.topic, d.text] for d in result.decisions], ensure_ascii=False),
        "warnings": json.dumps(list(result.warnings), ensure_ascii=False),
    })


def _known(maps: Sequence[MapRecord]) -> dict[str, Any]:
    """Gather what is known of maps, by name: files, coverage, columns of manifests (empty where a map has none)."""
    known: dict[str, Any] = {
        "path": _texts([record.path for record in maps]),
        "n_voxels": np.array([record.n_voxels for record in maps], dtype=np.int64),
        "coverage": np.array([record.coverage for record in maps], dtype=np.float64),
    }
    for key in dict.fromkeys(key for record in maps for key in record.metadata):
        known.setdefault(key if key not in known else f"{key}_manifest",
                         _texts([record.metadata.get(key, "") for record in maps]))
    return known


def _texts(values: Sequence[str]) -> Any:
    return np.array(list(values), dtype=object)
