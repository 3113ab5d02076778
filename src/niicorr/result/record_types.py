"""What ``run.json`` and ``report_data.npz`` must hold for a result to be restored from them.

What somebody edited is refused by name: a record whose fields are of other kinds, and numbers that no run can give.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from niicorr.matrix_folder import GRID, grid_fault
from niicorr.record_fields import DECISION, MAP, NUMBER, OPTIONAL_TEXT, demand

_RECORD = {
    "command": OPTIONAL_TEXT, "options": {"partial": (str, list, type(None)), ...: object}, "method": str,
    "null": {"model": str}, "same_set": bool,
    "decisions": [DECISION], "warnings": [str], "x_maps": [MAP], "y_maps": [MAP], "beside": [MAP],
    "notes": [{"y": int, "x": int, "note": str}], "versions": {...: str}, "timings": {...: NUMBER}, "files": [str],
    "grid": GRID,
    "sensitivity": {"every_kth_voxel": int}, "mask": {"n_voxels": int, "file": str},
    "atlas": {"path": str, "mni": bool, "sources": [str], "regions": [{
        "name": str, "id": int, "n_voxels": int, "centroid": [(int, float, type(None))], "hemisphere": str,
        "network": str, "metadata": {...: str}}]},
    "series": [{"label": str, "path": str, "t_r": (int, float, type(None)), "time_points": int}],
}
"""As `niicorr.record_fields.MAP` tells kinds."""

_NONE_TOO = ("grid", "sensitivity", "y_maps", "mask", "atlas")

SIDES = 3

SLACK = 1e-6
"""So far beyond 1 rounding may carry a correlation."""

LARGEST, MOST = 1e300, 2.0**53
"""No covariance is larger, and no number of values."""


def demand_types(record: dict[str, Any]) -> None:
    """Refuse a record in which something is not what niicorr writes; ValueError says where."""
    for name, kind in _RECORD.items():
        if name in record and not (record[name] is None and name in _NONE_TOO):
            demand(record[name], kind, name)
    for name, value in record.items():
        _demand_json(value, name)
    if not record.get("method", "unknown"):
        raise ValueError("method is empty")
    grid, (y_maps, x_maps) = record.get("grid"), (record.get(name) for name in ("y_maps", "x_maps"))
    if grid is not None and (fault := grid_fault(grid)):
        raise ValueError(fault)
    if (mask := record.get("mask")) is not None and os.path.basename(mask["file"]) != mask["file"]:
        raise ValueError("mask.file names a file of another folder")
    for k, region in enumerate((record.get("atlas") or {}).get("regions", ())):
        if len(region["centroid"]) != SIDES:
            raise ValueError(f"atlas.regions[{k}].centroid has {len(region['centroid'])} numbers")
    n_x = len(x_maps or ())
    n_y = n_x if y_maps is None else len(y_maps)
    for k, entry in enumerate(record.get("notes", ())):
        if not (0 <= entry["y"] < n_y and 0 <= entry["x"] < n_x):
            raise ValueError(f"notes[{k}] is on cell {entry['y']}, {entry['x']} of {n_y} × {n_x}")


def demand_numbers(arrays: Mapping[str, Any], *, bounded: bool) -> None:
    """Refuse numbers that no run can give; ValueError says which.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Those of ``report_data.npz``; NaN stands for no number.
    bounded : bool
        Whether the similarity lies between −1 and 1.
    """
    far = 1 + SLACK if bounded else LARGEST
    similar, chance, some = (-far, far), (0.0, 1.0), (0.0, MOST)
    ranges = {"estimate": similar, "naive": similar, "zeros_matter": similar, "ci_low": similar, "ci_high": similar,
              "counts": some, "n_effective": some, "p": chance, "p_fdr": chance, "p_fwe": chance, "p_x_random": chance,
              "p_y_random": chance, "region_coverage": (0.0, 1 + SLACK), "region_n_voxels": some}
    for name, (low, high) in ranges.items():
        if name in arrays:
            values = arrays[name]
            wrong = ~((values >= low) & (values <= high) | np.isnan(values))
            if wrong.any():
                raise ValueError(f"{name} holds {values[wrong][0]:.6g}")


def _demand_json(value: Any, where: str) -> None:
    """Refuse what could not be written again as JSON: NaN, infinities, halves of characters."""
    if isinstance(value, dict):
        for key, part in value.items():
            demand(key, str, f"a name in {where}")
            _demand_json(part, where)
    elif isinstance(value, list):
        for part in value:
            _demand_json(part, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where} holds {value}")
    else:
        demand(value, object, where)
