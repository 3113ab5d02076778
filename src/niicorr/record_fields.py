"""Records as fields of JSON, and back: what somebody edited is refused by name before anything is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from math import isfinite
from typing import Any

from niicorr.record_text import demand_scalar
from niicorr.records import Decision, MapRecord
from niicorr.tables import brief

NUMBER = (int, float)
OPTIONAL_TEXT = (str, type(None))
DECISION = {"topic": str, "text": str}
MAP = {
    "label": str, "path": str, "shape": [int], "voxel_mm": [NUMBER], "orientation": str, "dtype": str,
    "volume": (int, type(None)), "background": (int, float, str, type(None)), "background_share": NUMBER,
    "n_voxels": int, "coverage": NUMBER, "decisions": [DECISION],
    "error": OPTIONAL_TEXT, "size": (int, type(None)), "blake2b": OPTIONAL_TEXT, "metadata": {...: str},
}
"""A type, or several; ``[kind]`` for a list of it; keys with their kinds, ``...`` for any key. What is missing, and
what is unknown, is not judged here."""

_NEEDED = ("label", "path", "shape", "voxel_mm", "background", "decisions")
"""Of the fields of a map; the others came later, so that older records lack them."""


def demand(value: Any, kind: Any, where: str) -> None:
    """Refuse a value that is not of a kind (as `MAP` tells kinds); ValueError says where."""
    if isinstance(kind, dict):
        if not isinstance(value, dict):
            raise ValueError(f"{where} is {_told(value)}")
        for key, part in value.items():
            demand(part, kind.get(key, kind.get(..., object)), f"{where}.{key}")
    elif isinstance(kind, list):
        if not isinstance(value, list):
            raise ValueError(f"{where} is {_told(value)}")
        for k, part in enumerate(value):
            demand(part, kind[0], f"{where}[{k}]")
    elif not isinstance(value, kind) or (isinstance(value, bool) and kind not in (bool, object)):
        raise ValueError(f"{where} is {_told(value)}")
    else:
        demand_scalar(value, where)


def map_fields(record: MapRecord) -> dict[str, Any]:
    """Write the record of a map as a JSON object."""
    return {**vars(record), "background": background_field(record.background),
            "decisions": [vars(decision) for decision in record.decisions]}


def demand_names(
    fields: dict[str, Any], known: Iterable[str] | None, needed: Iterable[str], where: str
) -> None:
    """Refuse an object in which a field is missing or (where all are known) unknown; ValueError names it."""
    if missing := [name for name in needed if name not in fields]:
        raise ValueError(f"{where} has no {missing[0]}")
    if known is not None and (unknown := set(fields).difference(known)):
        raise ValueError(f"{where} has an unknown field {_told(min(unknown))}")


def demand_map(fields: dict[str, Any], where: str) -> None:
    """Refuse the record of a map whose fields are not those of `MAP`; ValueError names the first."""
    demand_names(fields, MAP, _NEEDED, where)
    for k, decision in enumerate(fields["decisions"]):
        demand_names(decision, DECISION, DECISION, f"{where}.decisions[{k}]")


def map_record(fields: dict[str, Any]) -> MapRecord:
    """Read the record of a map from fields that are of the kinds of `MAP`; ValueError where one is not known."""
    demand_map(fields, brief(str(fields.get("label", "a map"))))
    value = fields["background"]
    return MapRecord(**{**fields, "background": None if value is None else float(value),
                        "shape": tuple(fields["shape"]), "voxel_mm": tuple(fields["voxel_mm"]),
                        "decisions": tuple(Decision(**d) for d in fields["decisions"])})


def background_field(value: float | None) -> float | str | None:
    """Write a background; JSON has no NaN and no infinity."""
    return value if value is None or isfinite(value) else str(value)


def write_record(path: str, record: dict[str, Any]) -> None:
    """Write ``run.json``: an entry a line, of lists and objects each of theirs; raises `ValueError` for infinities.

    Thousands of maps are read more easily so, and written ten times faster than with an indent for each number.
    """
    entries = [f" {_json(key)}: {_lines(value)}" for key, value in record.items()]
    with open(path, "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(entries) + "\n}\n")


def _lines(value: Any) -> str:
    if isinstance(value, dict) and value:
        return "{\n" + ",\n".join(f"  {_json(key)}: {_json(part)}" for key, part in value.items()) + "\n }"
    if isinstance(value, list | tuple) and value:
        return "[\n" + ",\n".join(f"  {_json(part)}" for part in value) + "\n ]"
    return _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _told(value: Any) -> str:
    text = repr(value)
    return ascii(text if len(text) <= 40 else text[:39] + "…")[1:-1]
