"""A result on disk: tables for people and programs, ``run.json`` to trust and repeat it, and back again."""

from __future__ import annotations

import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from niicorr._version import __version__
from niicorr.errors import InputError, ResourceError, UsageError, told_on
from niicorr.hashes import file_hash, file_hashes, record_hash
from niicorr.images.write import write_volume
from niicorr.numerals import NARROW
from niicorr.own_files import CALIBRATION, LARGEST_RECORD, PROGRAM, RECORD, REPLACING, is_drawn, is_result, read_record
from niicorr.record_fields import background_field, map_fields, map_record, write_record
from niicorr.records import Decision, MapRecord, Provenance, measure_of
from niicorr.result import many_notes
from niicorr.result.correlation import CorrelationResult, Sensitivity
from niicorr.result.methods import methods
from niicorr.result.pictures import Pictures
from niicorr.result.record_types import demand_fitting, demand_numbers, demand_record
from niicorr.result.region_files import atlas_record, parcellation_of, region_arrays, sets_of, write_regions
from niicorr.result.saved_arrays import ARRAYS, read_arrays, shape_told
from niicorr.result.series_files import series_arrays, series_of, series_record, write_series
from niicorr.rights import reachable, unreadable
from niicorr.space import Grid, format_mm
from niicorr.spelling import hint
from niicorr.tables import (
    DIRECTION_COLUMNS,
    INFERRED_COLUMNS,
    MAP_COLUMNS,
    brief,
    write_matrix,
    write_pairs,
    write_tsv,
)

SCHEMA = 2
"""Version of ``run.json`` and ``report_data.npz``; older ones stay readable."""

SEALED = 2
"""From this version on ``run.json`` holds hashes of the files that stay when figures are drawn again, and of itself."""

_UNSEALED = ("files", "digest")
"""What the hash of a record leaves out: other figures may be drawn later, which changes no number."""

ROOM, ROOM_PER_MAP = 32 * 2**20, 64 * 2**10
"""Bytes that ``run.json`` may have in all, and for each map beside (ours have about 700)."""

_DAMAGE = (OSError, EOFError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError,
           MemoryError, SyntaxError, Warning, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged result may raise: numpy reads headers of arrays as Python, and takes memory on their word."""


def write_result(result: CorrelationResult, folder: str, extra_files: Sequence[str] = ()) -> list[str]:
    """Write tables, mask, arrays and ``run.json`` into a folder; return their names.

    ``extra_files`` (figures already there) are listed in ``run.json`` too.
    """

    def at(name: str) -> str:
        return os.path.join(folder, name)

    write_matrix(at("correlations.csv"), result.x_labels, result.y_labels, result.estimate)
    write_pairs(at("pairs.tsv"), result.x_labels, result.y_labels, result.estimate, result.counts, result.notes,
                result.inferred, lower=result.same_set)
    write_tsv(at("maps.tsv"), MAP_COLUMNS, _map_rows(result))
    names = ["correlations.csv", "pairs.tsv", "maps.tsv", ARRAYS]
    if result.mask is not None and result.grid is not None:
        write_volume(at("mask.nii.gz"), result.mask, result.grid)
        names.append("mask.nii.gz")
    arrays = {"estimate": result.estimate, "counts": result.counts, **result.inferred}
    if result.parcellation is not None:
        names += write_regions(result.parcellation, folder, sets_of(result))
        arrays |= region_arrays(result.parcellation)
    if result.series:
        names += write_series(result, folder)
        arrays |= series_arrays(result.series)
    if result.sensitivity is not None:
        arrays |= {"naive": result.sensitivity.naive, "zeros_matter": result.sensitivity.zeros_matter}
    if result.pictures is not None:
        arrays |= result.pictures.arrays()
    if len(result.remarks) > many_notes.MANY:
        arrays |= many_notes.note_arrays(result.remarks)
    np.savez(at(ARRAYS), allow_pickle=False, **arrays)
    names = sorted([*names, *extra_files, RECORD])
    record = _record(result, names)
    record["hashes"] = file_hashes(folder, (name for name in names if name != RECORD and not is_drawn(name)))
    write_record(at(RECORD), {**record, "digest": record_hash(record, *_UNSEALED)})
    return names


@told_on("docs/reference/files.md")
def load(path: str | os.PathLike[str]) -> CorrelationResult:
    """Read a saved result.

    Parameters
    ----------
    path : str
        A folder that ``niicorr run`` or `CorrelationResult.save` wrote.

    Raises
    ------
    InputError
        Where the folder holds no result, a damaged one, or one of a newer niicorr.
    UsageError
        Where ``path`` is no path.
    ResourceError
        Where there is no permission to read it.
    """
    return loaded(path)[0]


@told_on("docs/reference/files.md")
def loaded(path: str | os.PathLike[str]) -> tuple[CorrelationResult, dict[str, Any]]:
    """Read a saved result, and with it the record from which it came; errors are those of `load`."""
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"load takes the path of a folder, not {type(path).__name__}")
    path = os.fspath(path)
    if not reachable(path):
        raise unreadable(path)
    if os.path.isfile(path):
        folder = os.path.dirname(path) or "."
        which = folder + os.sep if is_result(folder) else "of a saved result"
        raise InputError(f"{path} is a file: name the folder {which}")
    if not os.path.isdir(path):
        raise InputError(f"{path}: there is no such folder{hint(path)}")
    record = _record_of(path)
    try:
        if record.get("kind") == "search":
            raise InputError(f"{path} holds what a search found (niicorr search), not a result: it is in search.tsv")
        if record.get("kind") == CALIBRATION:
            raise InputError(f"{path} holds a calibration of null models (niicorr calibrate), not a result: its rates "
                             "are in calibration.tsv")
        if record.get(REPLACING):
            raise InputError(f"{path} holds files of two results: a run was killed while it replaced the older one; "
                             "run it again")
        if type(record["schema"]) is not int or record["schema"] < 1:
            raise ValueError(f"the schema is {brief(repr(record['schema']))}")
        if record["schema"] > SCHEMA:
            raise InputError(f"{path} was written by niicorr {brief(str(record.get('version')))}, newer than this "
                             f"{__version__}: update niicorr")
        return _restore(path, record), record
    except (InputError, ResourceError):
        raise
    except PermissionError as error:
        raise unreadable(str(error.filename or path)) from None
    except _DAMAGE as error:
        raise InputError(f"{path}: the saved result is damaged ({_damage(error)}); run it again") from None


def restored_from(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the files beside the record that a result is restored from; their hashes were compared when it was."""
    return ARRAYS, *(() if record["mask"] is None else (record["mask"]["file"],))


def changed_files(folder: str, record: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Return which files are not what niicorr wrote; of records before `SEALED`, and of figures, nobody can tell.

    Raises
    ------
    OSError
        Where one cannot be read.
    """
    hashes = record.get("hashes", {})
    return [name for name in names if name in hashes and file_hash(os.path.join(folder, name)) != hashes[name]]


def _damage(error: BaseException) -> str:
    """Say what reading ran into, without what numpy advises, and without the names of Python's errors."""
    text = brief(str(error), 200)
    if isinstance(error, TypeError | AttributeError):  # in words of Python's
        return "its parts are of other kinds than niicorr writes"
    if isinstance(error, OSError) and error.strerror:
        return f"{os.path.basename(str(error.filename or ARRAYS))}: {error.strerror}"
    if isinstance(error, KeyError):
        return f"{text} is missing"
    return text or type(error).__name__


def _map_rows(result: CorrelationResult) -> list[list[Any]]:
    sets = [("x", result.x_maps)] if result.same_set else [("x", result.x_maps), ("y", result.y_maps)]
    return [[name, m.label, m.path, "×".join(map(str, m.shape)), format_mm(m.voxel_mm), m.orientation, m.dtype,
             background_field(m.background), m.n_voxels, float(m.coverage), _decisions(m)]
            for name, maps in sets for m in maps]


def _decisions(record: MapRecord) -> str:
    parts = [f"not used: {record.error}"] if record.error else []
    told = "; ".join([*parts, *(f"{decision.topic}: {decision.text}" for decision in record.decisions)])
    return told.replace(NARROW, " ").replace("−", "-")  # a table is searched by what a keyboard has


def _record(result: CorrelationResult, names: list[str]) -> dict[str, Any]:
    provenance, grid, sensitivity, told = result.provenance, result.grid, result.sensitivity, methods(result)
    record: dict[str, Any] = {
        "program": PROGRAM,
        "version": __version__,
        "schema": SCHEMA,
        "command": provenance.command,
        "options": provenance.options,
        "method": result.method,
        "null": {"model": result.null, "text": result.null_text},
        "methods": {"text": told.text, "references": list(told.references)},
        "same_set": result.same_set,
        "grid": None if grid is None else {
            "shape": list(grid.shape), "affine": grid.affine.tolist(), "known": grid.known, "mni": grid.mni,
            "text": grid.describe()},
        "mask": None if result.mask is None else {"n_voxels": int(result.mask.sum()), "file": "mask.nii.gz"},
        "decisions": [asdict(d) for d in provenance.decisions],
        "warnings": list(provenance.warnings),
        "sensitivity": None,
        "x_maps": [map_fields(m) for m in result.x_maps],
        "y_maps": None if result.same_set else [map_fields(m) for m in result.y_maps],
        "beside": [map_fields(m) for m in provenance.beside],
        "atlas": None if result.parcellation is None else atlas_record(result.parcellation),
        "series": series_record(result.series),
        "skipped": sorted({m.path for m in (*result.x_maps, *result.y_maps) if m.error}),
        "notes": [] if len(result.remarks) > many_notes.MANY else [
            {"y": i, "x": j, "note": text} for (i, j), text in sorted(result.notes.items())],
        "versions": provenance.versions,
        "timings": provenance.timings,
        "files": names,
    }
    if sensitivity is not None:
        error, flips, cells = sensitivity.largest_error(result.estimate)
        record["sensitivity"] = {
            "text": "naive: every voxel of the grid counts, background and zeros as data, non-finite values as 0",
            "every_kth_voxel": sensitivity.step, "largest_error": error, "sign_flips": flips, "cells": cells,
            "cells_where_zeros_matter": int(np.isfinite(sensitivity.zeros_matter).sum())}
    return record


def _record_of(path: str) -> dict[str, Any]:
    """Read ``run.json`` of a folder, no larger than that of so many maps as there are can be."""
    place, most = os.path.join(path, RECORD), LARGEST_RECORD
    try:
        if os.path.isfile(place) and os.path.getsize(place) > ROOM:
            most = ROOM
            with suppress(*_DAMAGE):  # what is wrong with the arrays is told of below
                most = min(LARGEST_RECORD, ROOM + ROOM_PER_MAP * sum(shape_told(path)))
        record = read_record(path, most=most)
    except ResourceError:
        raise
    except FileNotFoundError:
        record = {}
    except OSError as error:
        raise InputError(f"{place} cannot be read ({error.strerror or error}): run it again") from None
    except ValueError as error:
        raise _damaged(path, error) from None
    if record.get("program") != PROGRAM:
        raise InputError(f"{path} holds no niicorr result (no {RECORD} of niicorr in it)")
    return record


def _damaged(path: str, error: ValueError) -> InputError:
    return InputError(f"{path}: {RECORD} is damaged ({brief(str(error), 200)}): run it again")


def _restore(path: str, record: dict[str, Any]) -> CorrelationResult:
    try:
        demand_record(record)
    except ValueError as error:
        raise _damaged(path, error) from None
    arrays = _arrays_of(path, record)
    x_maps = tuple(map_record(entry) for entry in record["x_maps"])
    y_maps = x_maps if record["same_set"] else tuple(map_record(entry) for entry in record["y_maps"])
    estimate, counts, grid = arrays["estimate"], arrays["counts"], record["grid"]
    mask = None if record["mask"] is None else _read_mask(os.path.join(path, record["mask"]["file"]))
    if mask is not None and (grid is None or mask.shape != tuple(grid["shape"])):
        raise ValueError(f"the mask has shape {mask.shape}, the grid another")
    if mask is not None and (inside := int(np.count_nonzero(mask))) != record["mask"]["n_voxels"]:
        raise ValueError(f"mask.n_voxels is {record['mask']['n_voxels']}, and {record['mask']['file']} holds {inside}")
    sensitivity = record["sensitivity"]
    result = CorrelationResult(
        estimate=estimate, counts=counts, x_maps=x_maps, y_maps=y_maps, method=record["method"],
        null=record["null"]["model"], same_set=record["same_set"],
        notes=({(entry["y"], entry["x"]): entry["note"] for entry in record["notes"]}
               or many_notes.noted_in(arrays, estimate.shape)),
        grid=None if grid is None else Grid(tuple(grid["shape"]), np.array(grid["affine"]), grid["known"], grid["mni"]),
        mask=mask,
        inferred={name: arrays[name] for name in (*INFERRED_COLUMNS, *DIRECTION_COLUMNS) if name in arrays},
        sensitivity=None if sensitivity is None else Sensitivity(
            arrays["naive"], sensitivity["every_kth_voxel"], arrays["zeros_matter"]),
        provenance=Provenance(
            record["options"], record["command"], record["versions"],
            tuple(Decision(**d) for d in record["decisions"]), tuple(record["warnings"]), record["timings"],
            tuple(map_record(entry) for entry in record.get("beside", ()))),
        parcellation=None if record.get("atlas") is None else parcellation_of(record["atlas"], arrays),
        series=series_of(record.get("series", ()), arrays),
        pictures=Pictures.from_arrays(arrays, estimate.shape, record["same_set"]),
    )
    n_sources = 0 if result.parcellation is None else len(result.parcellation.sources)
    if n_sources and n_sources != len(sets_of(result)):
        raise ValueError(f"regions of {n_sources} sources for {len(sets_of(result))} maps or runs")
    _demand_sealed(path, record)
    return result


def _demand_sealed(path: str, record: dict[str, Any]) -> None:
    """Refuse what somebody changed where it could be so: a number by hand, a label, a voxel of the mask."""
    if record["schema"] < SEALED:
        return
    if record.get("digest") != record_hash(record, *_UNSEALED):
        raise ValueError(f"{RECORD} is not what niicorr wrote")
    if changed := changed_files(path, record, restored_from(record)):
        raise ValueError(f"{changed[0]} is not what niicorr wrote")


def _arrays_of(path: str, record: dict[str, Any]) -> dict[str, Any]:
    """Read the arrays that belong to a record; numbers that no run gives are refused."""
    try:
        arrays = read_arrays(path, record)
        if missing := [name for name in ("estimate", "counts") if name not in arrays]:
            raise ValueError(f"{missing[0]} is missing")
        demand_numbers(arrays, bounded=measure_of(record["method"]).bounded)
        demand_fitting(arrays, record["null"]["model"])
    except OSError:
        raise
    except _DAMAGE as error:
        raise InputError(f"{path}: the saved result is damaged ({ARRAYS}: {_damage(error)}); run it again") from None
    return arrays


def _read_mask(path: str) -> Any:
    from niicorr.images.header import read_header
    from niicorr.images.load import FileFacts, volumes

    if os.path.lexists(path) and not os.access(path, os.R_OK):
        raise unreadable(path)
    if not os.path.lexists(path):
        raise InputError(f"{os.path.dirname(path)}: the saved result is damaged ({os.path.basename(path)} is missing); "
                         "run it again")
    (volume,) = volumes(read_header(path), (0,), FileFacts())
    return volume != 0
