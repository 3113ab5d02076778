"""Maps that no number can come of, whatever they are compared with: empty, or the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.numerals import integer, plural, value_text
from niicorr.tables import printable

NAMED = 5
"""So many of such maps are named; the rest are counted."""


def numberless(matrix: MapMatrix) -> list[tuple[str, str]]:
    """Name the maps of a set that are constant where they have data, or have none, each with what is wrong with it.

    Maps that could not be used are told of elsewhere.
    """
    found = []
    for i in np.flatnonzero(~(matrix.scale > 0)).tolist():
        record = matrix.records[i]
        if record.error is None:
            found.append((printable(matrix.labels[i]), _why(matrix, i)))
    return found


def numberless_text(maps: Sequence[tuple[str, str]]) -> str:
    """Say of such maps that no number can come of them; empty where there is none."""
    maps = list(dict.fromkeys(maps))
    if not maps:
        return ""
    if len(maps) == 1:
        return f"no number can come of {maps[0][0]}: {maps[0][1]}; check it, or leave it out"
    told = [f"{label} ({why})" for label, why in maps[:NAMED]]
    more = f" and {integer(len(maps) - NAMED)} more" if len(maps) > NAMED else ""
    return (f"no number can come of {plural(len(maps), 'map')}: {', '.join(told)}{more}; check them, or leave them "
            "out")


def _why(matrix: MapMatrix, index: int) -> str:
    record, center = matrix.records[index], float(matrix.center[index])
    unit = "regions" if matrix.features.unit == "region" else "mask" if matrix.features.grid is not None else ""
    if not math.isnan(center):  # constant where it has data
        if center == 0:
            return "all its values are 0"
        return f"it is constant, {value_text(center)}{f' in the {unit}' if unit else ''}"
    if record.background is None or record.background_share < 1:
        return f"it has no data in the {unit}" if unit else "it has no finite value"
    if not math.isfinite(record.background):
        return "it has no finite value"
    return "all its values are 0" if record.background == 0 else f"it is constant, {value_text(record.background)}"
