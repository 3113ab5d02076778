"""Everything that a page shows, as one JSON value; the maps apart, since they are written one by one.

Every number comes from the result; the 8-bit maps are pictures.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr._version import __version__
from niicorr.compute.cluster import average_linkage
from niicorr.plot import captions
from niicorr.plot.order import arrange
from niicorr.plot.picture import colour_limit
from niicorr.result.methods import methods
from niicorr.result.same_files import same_file_cells
from niicorr.result.sentences import naive_text
from niicorr.result.vectors import Quantised
from niicorr.tables import DIRECTION_COLUMNS, printable
from niicorr.webpage import sets, words
from niicorr.webpage.colours import colour_maps
from niicorr.webpage.packing import Kind, packed, packed_steps
from niicorr.webpage.thumbnails import planes

if TYPE_CHECKING:
    from niicorr.result import CorrelationResult
    from niicorr.result.pictures import Pictures
    from niicorr.typing import IntArray
    from niicorr.webpage.part import Part

SCHEMA = 1

EXACT_CELLS = 40_000
"""Up to so many cells numbers keep all their digits; beyond, seven."""

CLUSTERED_SIDE, TREE_SIDE = 5000, 2000
"""Rows up to which like stands beside like, and up to which the tree is drawn."""

MOSAIC = 200
"""Thumbnails at most."""

_NAMED_BESIDE = re.compile(r"(heatmap|connectome)\.\w+|contributions(_regions)?\.tsv")

COLUMNS = {"n_effective": "n_effective", "ci_low": "ci_low", "ci_high": "ci_high", "p": "p", "p_fdr": "q",
           "p_fwe": "p_fwe", **{name: name for name in DIRECTION_COLUMNS}}
"""Columns of ``pairs.tsv``, and what the page calls them."""


def payload(
    result: CorrelationResult, pictures: Pictures | None, *, title: str | None = None, part: Part | None = None,
    beside: Sequence[str] | None = None, opened: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """Return all but the maps.

    Parameters
    ----------
    result : CorrelationResult
        All of it, also where a part is shown: words are about the whole.
    pictures : Pictures or None
        What is shown of its maps; of the rows and columns that are shown.
    title : str, optional
        In place of the one that says method and size.
    part : Part, optional
        The rows and columns that are shown; None: all.
    beside : sequence of str, optional
        Names of figures and the like in the folder of the result; None where the page stands alone.
    opened : tuple of int, optional
        Row and column of the cell that a page inside of a notebook shows.
    """
    options, told = result.provenance.options, methods(result)
    shown = result if part is None else part.of(result)
    value: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "rois" if result.series else "maps",
        "title": printable(title if title is not None else captions.title(result)),
        "sentence": printable(words.sentence(result)),
        "head": words.head(result, pictures, "" if part is None else part.text(result, beside)),
        "facts": words.facts(result, part),
        "part": part is not None,
        "measure": {"name": result.measure.name, "names": result.measure.names, "symbol": result.measure.symbol},
        "unit": result.unit,
        "null": {"model": result.null, "text": printable(result.null_text), "fdr": str(options.get("fdr", "bh")),
                 "alternative": str(options.get("alternative", "two-sided"))},
        "same_set": result.same_set,
        **sets.sets(shown),
        "cells": _cells(shown),
        "notes": [[i, j, printable(text)] for (i, j), text in sorted(shown.notes.items())],
        "orders": _orders(shown),
        "vmax": _limit(shown),
        "colormaps": colour_maps(),
        "regions": sets.regions(shown),
        "series": sets.series(shown),
        "nulls": _nulls(shown, pictures),
        "pairs": _lines(pictures),
        "quality": {"grids": sets.grids(result), "sensitivity": _sensitivity(result),
                    "mosaic": _mosaic(shown, pictures)},
        "methods": {"text": printable(told.text), "references": list(told.references)},
        "run": _run(result),
        "files": {} if beside is None else files(result, beside),
        "open": None if opened is None else list(opened),
        "embedded": opened is not None,
        "space": _space(shown, pictures),
    }
    return value


def _cells(result: CorrelationResult) -> dict[str, Any]:
    kind: Kind = "<f8" if result.estimate.size <= EXACT_CELLS else "<f4"
    found = {"r": packed(result.estimate, kind), "n": packed(result.counts, "<i4")}
    found |= {COLUMNS[name]: packed(values, kind) for name, values in result.inferred.items() if name in COLUMNS}
    if result.sensitivity is not None:
        extra = {"naive": result.sensitivity.naive, "zeros_matter": result.sensitivity.zeros_matter}
        found |= {name: packed(values, kind) for name, values in extra.items() if np.isfinite(values).any()}
    return found


def _orders(result: CorrelationResult) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for order in ("given", "name"):
        known = arrange(result, order)
        found[order] = {"rows": known.rows.tolist(), "cols": known.columns.tolist()}
    found["group"] = _grouped(result)
    found["cluster"] = None
    if max(result.estimate.shape) <= CLUSTERED_SIDE:
        rows = average_linkage(result.estimate)
        columns = rows if result.same_set else average_linkage(result.estimate.T)
        trees = [tree.linkage[:, :3].tolist() if len(tree.order) <= TREE_SIDE else None for tree in (rows, columns)]
        found["cluster"] = {"rows": rows.order.tolist(), "cols": columns.order.tolist(), "row_tree": trees[0],
                            "col_tree": trees[1]}
    return found


def _grouped(result: CorrelationResult) -> dict[str, Any] | None:
    """Return the order of a heatmap in groups, and what they are grouped by; None where nothing tells groups."""
    known = arrange(result, "group")
    by = dict.fromkeys(printable(groups.by) for groups in (known.column_groups, known.row_groups) if groups is not None)
    return {"rows": known.rows.tolist(), "cols": known.columns.tolist(), "by": ", ".join(by)} if by else None


def _limit(result: CorrelationResult) -> float:
    shown = np.isfinite(result.estimate)
    if result.same_set:
        shown &= ~np.eye(len(shown), dtype=np.bool_)
    if (same := same_file_cells(result)) is not None and (shown & ~same).any():
        shown &= ~same
    return float(colour_limit(result.estimate[shown], not result.measure.bounded))


def _nulls(result: CorrelationResult, pictures: Pictures | None) -> dict[str, Any] | None:
    if pictures is None:
        return None
    if pictures.histogram is not None:
        counts = pictures.histogram.counts
        if result.same_set:  # each pair was drawn once, below the diagonal
            counts = np.maximum(counts, counts.transpose(1, 0, 2))
        return {"histogram": {"edges": pictures.histogram.edges.tolist(), "counts": packed(counts, "<i4")}}
    curves = pictures.curves
    if curves is None:
        return None
    found: dict[str, Any] = {"lags_mm": curves.lags_mm.tolist()}
    for name, values in [("x", curves.x)] + [("y", curves.y)] * (not result.same_set):
        with np.errstate(invalid="ignore", divide="ignore"):
            found[f"{name}_fit"] = packed(values / values[:, :1], "<f4")
    return found


def _lines(pictures: Pictures | None) -> dict[str, dict[str, float]]:
    if pictures is None or pictures.fits is None:
        return {}
    slope, intercept = pictures.fits.slope, pictures.fits.intercept
    return {f"{i},{j}": {"slope": float(slope[i, j]), "intercept": float(intercept[i, j])}
            for i, j in np.argwhere(np.isfinite(slope) & np.isfinite(intercept)).tolist()}


def _sensitivity(result: CorrelationResult) -> dict[str, Any] | None:
    if result.sensitivity is None or not np.isfinite(result.sensitivity.naive).any():
        return None
    error, flips, cells = result.sensitivity.largest_error(result.estimate, lower=result.same_set)
    return {"text": naive_text(result, result.sensitivity), "largest_error": error, "flips": flips, "cells": cells}


def _mosaic(result: CorrelationResult, pictures: Pictures | None) -> list[dict[str, Any]]:
    if pictures is None or pictures.voxels is None or result.grid is None or pictures.choice == "none":
        return []
    sides = [("x", pictures.x, result.x_maps)] + [("y", pictures.y, result.y_maps)] * (not result.same_set)
    shown = [np.flatnonzero(np.diff(side.ends, prepend=0) > 0) for _, side, _ in sides]
    if not any(places.size for places in shown):
        return []
    drawn, found = planes(result.grid, pictures.voxels), []
    for (name, side, records), places in zip(sides, _shared(shown), strict=True):
        for index in places.tolist():
            steps = side.steps(index, pictures.n)
            assert steps is not None  # these are shown
            picture = Quantised(float(side.low[index]), float(side.high[index]), bool(side.clipped[index]), steps)
            png = base64.b64encode(drawn.png(picture)).decode("ascii")
            found.append({"set": name, "index": index, "label": printable(records[index].label),
                          "png": f"data:image/png;base64,{png}"})
    return found


def _shared(shown: Sequence[IntArray]) -> list[IntArray]:
    """Share the room of the mosaic between the sets; what the smaller one leaves goes to the other."""
    if len(shown) == 1:
        return [shown[0][:MOSAIC]]
    x, y = shown
    return [x[: max(MOSAIC - y.size, MOSAIC // 2)], y[: max(MOSAIC - x.size, MOSAIC // 2)]]


def _space(result: CorrelationResult, pictures: Pictures | None) -> dict[str, Any] | None:
    """Where the voxels of the maps are, for maps that are inside."""
    grid = result.grid
    if pictures is None or pictures.voxels is None or grid is None:
        return None
    if not (pictures.x.data.size or pictures.y.data.size):
        return None
    mni = grid.known and (grid.mni or result.provenance.options.get("mask") == "mni152")
    return {
        "shape": list(grid.shape),
        "affine": grid.affine.tolist(),
        "mni": mni,
        "known": grid.known,
        "voxels": packed(np.diff(pictures.voxels.astype(np.int64), prepend=0), "<u4"),
        "template": _template() if mni else None,
    }


def _template() -> dict[str, Any]:
    from niicorr.images.template import mni_template

    steps, grid = mni_template()
    return {"shape": list(grid.shape), "affine": grid.affine.tolist(), "data": packed_steps(steps.ravel(order="F"))}


def _run(result: CorrelationResult) -> dict[str, Any]:
    provenance = result.provenance
    records = {record.path: record for record in (*result.x_maps, *result.y_maps, *provenance.beside) if record.blake2b}
    total = provenance.timings.get("total")
    return {
        "command": None if provenance.command is None else printable(provenance.command),
        "version": provenance.versions.get("niicorr", __version__),
        "versions": dict(provenance.versions),
        "seconds": None if total is None else float(total),
        "timings": {name: float(seconds) for name, seconds in provenance.timings.items()},
        "created": None,
        "hashes": [{"path": printable(path), "size": record.size, "blake2b": record.blake2b}
                   for path, record in records.items()],
        "options": {name: _plain(value) for name, value in provenance.options.items()},
    }


def _plain(value: Any) -> Any:
    """Return an option as JSON; texts printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else printable(str(value))


def files(result: CorrelationResult, beside: Sequence[str]) -> dict[str, str]:
    """Give each file beside the page that a reader may want a key: its name up to the first dot, or the whole one."""
    names = ["correlations.csv", "pairs.tsv", "maps.tsv", "run.json"]
    names += ["mask.nii.gz"] * (result.mask is not None)
    names += ["regions.tsv"] * (result.parcellation is not None)
    names += ["regions.csv"] * (result.parcellation is not None and result.parcellation.values is not None)
    names += ["series.tsv"] * bool(result.series)
    names = sorted({*names, *filter(_NAMED_BESIDE.fullmatch, beside)})
    stems = [name.split(".")[0] for name in names]
    return {stem if stems.count(stem) == 1 else name: name for name, stem in zip(names, stems, strict=True)}
