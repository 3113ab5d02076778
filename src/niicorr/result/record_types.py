"""What ``run.json`` must hold for a result to be restored from it: a record that somebody edited is refused by name."""

from __future__ import annotations

import math
from typing import Any

_NUMBER = (int, float)
_OPTIONAL_TEXT = (str, type(None))
_DECISION = {"topic": str, "text": str}
_MAP = {
    "label": str, "path": str, "shape": [int], "voxel_mm": [_NUMBER], "orientation": str, "dtype": str,
    "background": (int, float, str, type(None)), "n_voxels": int, "coverage": _NUMBER, "decisions": [_DECISION],
    "error": _OPTIONAL_TEXT, "size": (int, type(None)), "blake2b": _OPTIONAL_TEXT, "metadata": {...: str},
}
_RECORD = {
    "command": _OPTIONAL_TEXT, "options": {...: object}, "method": str, "null": {"model": str}, "same_set": bool,
    "decisions": [_DECISION], "warnings": [str], "x_maps": [_MAP], "y_maps": [_MAP], "beside": [_MAP],
    "notes": [{"y": int, "x": int, "note": str}], "versions": {...: str}, "timings": {...: _NUMBER}, "files": [str],
    "grid": {"shape": [int], "affine": [[_NUMBER]], "known": bool, "mni": bool},
    "sensitivity": {"every_kth_voxel": int},
}
"""A type, or several; ``[kind]`` for a list of it; keys with their kinds, ``...`` for any key. What is missing, and
what is unknown, is not judged here."""

_NONE_TOO = ("grid", "sensitivity", "y_maps")

SIDES = 3


def demand_types(record: dict[str, Any]) -> None:
    """Refuse a record in which something is not what niicorr writes; ValueError says where."""
    for name, kind in _RECORD.items():
        if name in record and not (record[name] is None and name in _NONE_TOO):
            _demand(record[name], kind, name)
    grid, (y_maps, x_maps) = record.get("grid"), (record.get(name) for name in ("y_maps", "x_maps"))
    if grid is not None:
        shape, affine = grid["shape"], grid["affine"]
        if len(shape) != SIDES or not all(0 < n < 2**31 for n in shape):
            raise ValueError(f"grid.shape is {shape}")
        if [len(row) for row in affine] != [4] * 4 or not all(math.isfinite(v) for row in affine for v in row):
            raise ValueError("grid.affine holds no 4 × 4 numbers")
    n_x = len(x_maps or ())
    n_y = n_x if y_maps is None else len(y_maps)
    for k, entry in enumerate(record.get("notes", ())):
        if not (0 <= entry["y"] < n_y and 0 <= entry["x"] < n_x):
            raise ValueError(f"notes[{k}] is on cell {entry['y']}, {entry['x']} of {n_y} × {n_x}")


def _demand(value: Any, kind: Any, where: str) -> None:
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{where} is {_told(value)}")
        for key, part in value.items():
            _demand(part, kind.get(key, kind.get(..., object)), f"{where}.{key}")
    elif isinstance(kind, list):
        if not isinstance(value, list):
            raise ValueError(f"{where} is {_told(value)}")
        for k, part in enumerate(value):
            _demand(part, kind[0], f"{where}[{k}]")
    elif not isinstance(value, kind) or (isinstance(value, bool) and kind not in (bool, object)):
        raise ValueError(f"{where} is {_told(value)}")
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        raise ValueError(f"{where} is a number of {len(str(abs(value)))} digits")
    elif isinstance(value, str) and not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"{where} holds half a character")


def _told(value: Any) -> str:
    text = repr(value)
    return ascii(text if len(text) <= 40 else text[:39] + "…")[1:-1]
