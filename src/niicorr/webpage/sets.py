"""What the page knows of maps and regions: names, groups, records, places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.numerals import value_text
from niicorr.plot import captions
from niicorr.plot.groups import region_strips, telling_columns
from niicorr.result.sentences import grid_text, map_sets, usable
from niicorr.tables import printable
from niicorr.webpage.packing import packed

if TYPE_CHECKING:
    from niicorr.records import MapRecord
    from niicorr.result import CorrelationResult

MOST_COLUMNS = 6
"""Columns of a manifest that are shown beside the cells."""


def sets(result: CorrelationResult) -> dict[str, Any]:
    """Return ``x`` and, unless a set stands against itself, ``y``."""
    names = captions.set_names(result)
    return {key: {"name": name, "labels": [printable(record.label) for record in records],
                  "groups": _groups(result, records), "maps": [_record(record) for record in records]}
            for (key, records), name in zip(map_sets(result), names, strict=False)}


def regions(result: CorrelationResult) -> dict[str, Any] | None:
    """Return the regions behind a result."""
    atlas = result.parcellation
    if atlas is None:
        return None
    return {
        "names": [printable(region.name) for region in atlas.regions],
        "networks": [printable(region.network) for region in atlas.regions],
        "hemispheres": [printable(region.hemisphere) for region in atlas.regions],
        "centroids": [list(region.centroid) if all(map(math.isfinite, region.centroid)) else None
                      for region in atlas.regions],
        "n_voxels": [int(n) for n in atlas.n_voxels],
        "values": None if atlas.values is None else packed(atlas.values, "<f8"),
        "mni": atlas.mni,
    }


def series(result: CorrelationResult) -> list[dict[str, Any]] | None:
    """Return the series of regions, run by run."""
    return [{"label": printable(run.label), "t_r": run.t_r, "values": packed(run.values.T, "<f4")}
            for run in result.series] or None


def grids(result: CorrelationResult) -> list[dict[str, Any]]:
    """Return the grids that maps came on, the commonest first, with the maps of each."""
    found: dict[str, list[str]] = {}
    for _, records in map_sets(result) if not result.series else ():
        for record in usable(records):
            if record.shape:
                found.setdefault(grid_text(record), []).append(printable(record.label))
    return [{"text": text, "count": len(labels), "maps": labels}
            for text, labels in sorted(found.items(), key=lambda item: -len(item[1]))]


def _groups(result: CorrelationResult, records: Sequence[MapRecord]) -> dict[str, list[str]]:
    """Return columns that tell maps apart in groups; of regions their networks and hemispheres."""
    if result.series and result.parcellation is not None:
        strips = region_strips(result.parcellation.regions)
        return {printable(strip.title): [printable(strip.names[kind]) for kind in strip.of] for strip in strips}
    return {printable(title): list(map(printable, values))
            for title, values in islice(telling_columns(records), MOST_COLUMNS)}


def _record(record: MapRecord) -> dict[str, Any]:
    return {
        "path": printable(record.path),
        "shape": list(record.shape),
        "voxel_mm": [float(np.round(edge, 4)) if math.isfinite(edge) else None for edge in record.voxel_mm],
        "orientation": record.orientation,
        "dtype": record.dtype,
        "background": "none" if record.background is None else value_text(record.background),
        "n_voxels": record.n_voxels,
        "coverage": float(record.coverage),
        "decisions": [{"topic": decision.topic, "text": printable(decision.text)} for decision in record.decisions],
        "error": None if record.error is None else printable(record.error),
    }
