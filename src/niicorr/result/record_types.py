"""What ``run.json`` and ``report_data.npz`` must hold for a result to be restored from them.

What somebody edited is refused by name: a record whose fields are of other kinds, and numbers that no run can give.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

import numpy as np

from niicorr.compute.similarity import MIN_COMMON
from niicorr.matrix_folder import GRID, grid_fault
from niicorr.record_fields import DECISION, MAP, NUMBER, OPTIONAL_TEXT, demand, demand_map, demand_names
from niicorr.record_text import demand_json
from niicorr.records import MEASURES
from niicorr.tables import DIRECTION_COLUMNS, INFERRED_COLUMNS, brief
from niicorr.typing import BoolArray
from niicorr.words import BY_FORMULA, OPTION_LEAST, OPTION_WORDS, TWO_WAYS, Null

_RECORD = {
    "version": str,
    "command": OPTIONAL_TEXT, "options": {"partial": (str, list, type(None)), ...: object}, "method": str,
    "null": {"model": str, "text": str}, "same_set": bool,
    "decisions": [DECISION], "warnings": [str], "x_maps": [MAP], "y_maps": [MAP], "beside": [MAP],
    "notes": [{"y": int, "x": int, "note": str}], "versions": {...: str}, "timings": {...: NUMBER}, "files": [str],
    "hashes": {...: str}, "digest": str,
    "grid": GRID,
    "sensitivity": {"every_kth_voxel": int, "cells": int, "sign_flips": int, "cells_where_zeros_matter": int},
    "mask": {"n_voxels": int, "file": str},
    "atlas": {"path": str, "mni": bool, "sources": [str], "regions": [{
        "name": str, "id": int, "n_voxels": int, "centroid": [(int, float, type(None))], "hemisphere": str,
        "network": str, "metadata": {...: str}}]},
    "series": [{"label": str, "path": str, "t_r": (int, float, type(None)), "time_points": int}],
}
"""As `niicorr.record_fields.MAP` tells kinds."""

_NONE_TOO = ("grid", "sensitivity", "y_maps", "mask", "atlas")

_NEEDED = ("command", "options", "method", "null", "same_set", "decisions", "warnings", "sensitivity", "x_maps",
           "y_maps", "notes", "versions", "timings", "grid", "mask")
"""What every record has; the rest came with later versions."""

_PARTS = {
    "null": ("model",), "mask": ("n_voxels", "file"), "sensitivity": ("every_kth_voxel",), "grid": tuple(GRID),
    "atlas": ("path", "mni", "sources", "regions"),
}
"""What an object of a record must have, beside what else it has."""

SIDES = 3

OUTSIDE = 1e-9
"""So far may rounding bring r out of its interval, whose limits come from its z."""

SLACK = 1e-6
"""So far beyond 1 rounding may carry a correlation."""

LARGEST, MOST = 1e300, 2.0**53
"""No covariance is larger, and no number of values."""

LARGEST_EDGE = 1e6
"""Millimetres; no voxel of a map is as long."""

LONGEST_LABEL = 500_000
"""Letters; a cell of a table has at most 131 072, of which each may need an escape."""


def demand_record(record: dict[str, Any]) -> None:
    """Refuse a record from which no result could be restored; ValueError says what is missing, or wrong."""
    if missing := [name for name in _NEEDED if name not in record]:
        raise ValueError(f"it has no {missing[0]}")
    demand_types(record)
    if record["y_maps"] is None and not record["same_set"]:
        raise ValueError("y_maps is None, and same_set is False")


def demand_types(record: dict[str, Any]) -> None:
    """Refuse a record in which something is not what niicorr writes; ValueError says where."""
    for name, kind in _RECORD.items():
        if name in record and not (record[name] is None and name in _NONE_TOO):
            demand(record[name], kind, name)
            if isinstance(record[name], dict):
                demand_names(record[name], None, _PARTS.get(name, ()), name)
    for name, value in record.items():
        demand_json(value, name)
    grid, (y_maps, x_maps) = record.get("grid"), (record.get(name) for name in ("y_maps", "x_maps"))
    if grid is not None and (fault := grid_fault(grid)):
        raise ValueError(fault)
    file = None if record.get("mask") is None else record["mask"]["file"]
    if file is not None and not (file and file.isprintable() and os.path.basename(file) == file):
        raise ValueError(f"mask.file is {brief(file)!r}, which is no file of this folder")
    for name in ("x_maps", "y_maps", "beside"):
        _demand_maps(record.get(name) or (), name, unique=name != "beside")
    _demand_words(record)
    for name, least in (("every_kth_voxel", 1), ("cells", 0), ("sign_flips", 0), ("cells_where_zeros_matter", 0)):
        _demand_least((record.get("sensitivity") or {}).get(name), least, f"sensitivity.{name}")
    _demand_regions(record)
    told = set[tuple[int, int]]()
    n_x = len(x_maps or ())
    n_y = n_x if y_maps is None else len(y_maps)
    for k, entry in enumerate(record.get("notes", ())):
        demand_names(entry, None, ("y", "x", "note"), f"notes[{k}]")
        if not (0 <= entry["y"] < n_y and 0 <= entry["x"] < n_x):
            raise ValueError(f"notes[{k}] is on cell {entry['y']}, {entry['x']} of {n_y} × {n_x}")
        if (entry["y"], entry["x"]) in told:
            raise ValueError(f"notes[{k}] is on cell {entry['y']}, {entry['x']}, which has one")
        told.add((entry["y"], entry["x"]))


def _demand_maps(entries: Sequence[dict[str, Any]], name: str, *, unique: bool) -> None:
    """Refuse maps that no reader of images tells of so; of a set, each has a label of its own."""
    labels = dict[str, int]()
    for k, entry in enumerate(entries):
        where = f"{name}[{k}]"
        demand_map(entry, where)
        label = entry["label"]
        if not label:
            raise ValueError(f"{where}.label is empty")
        if len(label) > LONGEST_LABEL:
            raise ValueError(f"{where}.label has {len(label)} letters")
        if unique and (first := labels.setdefault(label, k)) != k:
            raise ValueError(f"{where}.label is that of {name}[{first}], {brief(label)!r}")
        if not all(n >= 0 for n in entry["shape"]):
            raise ValueError(f"{where}.shape is {brief(str(entry['shape']))}")
        if not all(0 <= edge <= LARGEST_EDGE for edge in entry["voxel_mm"]):
            raise ValueError(f"{where}.voxel_mm is {brief(str(entry['voxel_mm']))}")
        for field, most in (("n_voxels", MOST), ("coverage", 1 + SLACK), ("background_share", 1 + SLACK),
                            ("volume", MOST), ("size", MOST)):
            value = entry.get(field)
            if value is not None and not 0 <= value <= most:
                raise ValueError(f"{where}.{field} is {value}")
        _demand_background(entry["background"], where)


def _demand_background(value: float | str | None, where: str) -> None:
    """Refuse a background that is neither a number nor one of the words for those that JSON lacks."""
    if isinstance(value, str) and value not in ("nan", "inf", "-inf"):
        raise ValueError(f"{where}.background is {brief(value)!r}")


def _demand_words(record: dict[str, Any]) -> None:
    """Refuse a method, a null model or an option that is none."""
    options, method, model = record.get("options", {}), record.get("method"), record.get("null", {}).get("model")
    if method is not None and method not in MEASURES:
        raise ValueError(f"method is {brief(method)!r}, not one of {', '.join(MEASURES)}")
    if model is not None and model not in get_args(Null):
        raise ValueError(f"null.model is {brief(model)!r}, not one of {', '.join(get_args(Null))}")
    for name, kind in OPTION_WORDS.items():
        if name in options and options[name] not in get_args(kind):
            raise ValueError(f"options.{name} is {brief(str(options[name]))!r}, not one of {', '.join(get_args(kind))}")
    for name, least in OPTION_LEAST.items():
        if (value := options.get(name)) is not None:
            demand(value, int, f"options.{name}")
            _demand_least(value, least, f"options.{name}")
    for name, found in (("method", method), ("null", model)):
        if found not in (None, "none") and options.get(name, found) != found:
            raise ValueError(f"{name} is {found!r}, and options.{name} is {options[name]!r}")


def _demand_regions(record: dict[str, Any]) -> None:
    """Refuse regions and series that are not told of whole."""
    for k, region in enumerate((record.get("atlas") or {}).get("regions", ())):
        where = f"atlas.regions[{k}]"
        demand_names(region, ("name", "id", "n_voxels", "centroid", "hemisphere", "network", "metadata"),
                     ("name", "id", "n_voxels", "centroid"), where)
        if len(region["centroid"]) != SIDES:
            raise ValueError(f"{where}.centroid has {len(region['centroid'])} numbers")
        _demand_least(region["n_voxels"], 0, f"{where}.n_voxels")
    for k, run in enumerate(record.get("series", ())):
        demand_names(run, None, ("label", "path", "t_r", "time_points"), f"series[{k}]")
        _demand_least(run["time_points"], 0, f"series[{k}].time_points")


def _demand_least(value: int | None, least: int, where: str) -> None:
    if value is not None and value < least:
        raise ValueError(f"{where} is {value}")


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


def demand_fitting(arrays: Mapping[str, Any], null: str) -> None:
    """Refuse numbers that do not go together, cell by cell; ValueError says which, and where.

    Parameters
    ----------
    arrays : dict of str to ndarray
        Those of ``report_data.npz``, each of the right shape.
    null : str
        The null model.
    """
    own = () if null == "none" else (*INFERRED_COLUMNS, *(DIRECTION_COLUMNS if null in TWO_WAYS else ()))
    for name in (*INFERRED_COLUMNS, *DIRECTION_COLUMNS):
        if (name in arrays) != (name in own):
            has = "is not there" if name in own else "is there"
            raise ValueError(f"{name} {has}, and the null model is {null}")
    known = np.isfinite(arrays["estimate"])
    _demand_none(known & (arrays["counts"] < MIN_COMMON), lambda i, j: (
        f"counts is {arrays['counts'][i, j]} where estimate is {arrays['estimate'][i, j]:.6g}"))
    if not own:
        return
    for name in own:
        values = arrays[name]
        if (wrong := ~(known | np.isnan(values))).any():
            raise ValueError(f"{name} holds {values[wrong][0]:.6g} where estimate has no number")
    low, high, size, tested = arrays["ci_low"], arrays["ci_high"], arrays["n_effective"], np.isfinite(arrays["p"])
    _demand_none((low > high) | (np.isnan(low) != np.isnan(high)), lambda i, j: (
        f"the interval goes from {low[i, j]:.6g} (ci_low) to {high[i, j]:.6g} (ci_high)"))
    apart = np.maximum(low - arrays["estimate"], arrays["estimate"] - high)
    _demand_none(apart > OUTSIDE, lambda i, j: (
        f"estimate is {arrays['estimate'][i, j]:.6g}, outside of its interval from {low[i, j]:.6g} to "
        f"{high[i, j]:.6g}"))
    wrong = tested & ~(size > 2) if null in BY_FORMULA else size <= 0
    _demand_none(wrong, lambda i, j: f"n_effective is {size[i, j]:.6g} where p is {arrays['p'][i, j]:.6g}")


def _demand_none(wrong: BoolArray, told: Callable[[int, int], str]) -> None:
    """Refuse where a cell is wrong; say of the first in which row and column, and what."""
    if wrong.any():
        i, j = (int(k) for k in np.unravel_index(int(wrong.argmax()), wrong.shape))
        raise ValueError(f"row {i}, column {j}: {told(i, j)}")
