"""What a search found, as a file: a table for people and programs, and a folder that tells how it came about."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

from niicorr._version import __version__
from niicorr.errors import ResourceError, UsageError
from niicorr.folder import written_note
from niicorr.hashes import file_hashes
from niicorr.hidden import hidden_place, remove, sweep
from niicorr.interrupts import signals_held
from niicorr.library.finding import COLUMNS, SearchResult
from niicorr.own_files import PROGRAM, RECORD
from niicorr.record_fields import map_fields, write_record
from niicorr.rights import demand_usable, resource_text, unreadable
from niicorr.tables import cell_text, path_text, write_tsv

TABLE, KIND, SCHEMA = "search.tsv", "search", 1

_HEAD = "\t".join(COLUMNS[:3])
"""How a table begins that niicorr search wrote."""


def judge_table(path: str) -> None:
    """Refuse a place for a table that holds something else; `UsageError` says what."""
    if not os.path.lexists(path):
        return
    try:
        if not os.path.isfile(path):  # a pipe would have us wait for ever
            raise OSError
        with open(path, encoding="utf-8", errors="replace") as file:
            ours = file.readline(len(_HEAD) + 1).rstrip("\n").startswith(_HEAD)
    except PermissionError:
        raise unreadable(path_text(path)) from None
    except OSError:
        ours = False
    if not ours:
        raise UsageError(f"{path_text(path)} is there and was not written by niicorr search: name another file with -o")


def write_table(path: str, result: SearchResult) -> None:
    """Write hits as a ``.tsv``, whole or not at all; an older table of ours is replaced."""
    judge_table(path)
    parent = os.path.dirname(os.path.abspath(path))
    hidden, placed = hidden_place(parent), False
    try:
        try:
            sweep(parent)
            write_tsv(hidden, [cell_text(name) for name in result.columns], result.rows())
            demand_usable(hidden)
            with signals_held():
                os.replace(hidden, path)
                placed = True
        finally:
            remove(hidden)
    except OSError as error:
        raise ResourceError(resource_text(path_text(path), error)) from None
    except BaseException as error:
        if placed:
            error.add_note(written_note(path_text(path)))
        raise


def write_search(folder: str, result: SearchResult, command: str | None) -> list[str]:
    """Write ``search.tsv`` and ``run.json`` into a folder; return their names."""
    names = sorted([TABLE, RECORD])
    write_tsv(os.path.join(folder, TABLE), [cell_text(name) for name in result.columns], result.rows())
    write_record(os.path.join(folder, RECORD), {
        "program": PROGRAM, "version": __version__, "schema": SCHEMA, "kind": KIND, "command": command,
        **fields_of(result), "files": names, "hashes": file_hashes(folder, [TABLE])})
    return names


def fields_of(result: SearchResult) -> dict[str, Any]:
    """Write all that was found in plain JSON types; null where there is no number."""
    return {
        "library": result.library, "library_maps": result.n_maps, "voxels": result.n_voxels, "method": result.method,
        "null": result.null, "alternative": result.alternative, "sort": result.sort, "versions": result.versions,
        "queries": [{"map": map_fields(query), "without_number": without, "hits": [_hit(hit) for hit in hits]}
                    for query, without, hits in zip(result.queries, result.without, result.hits, strict=True)],
    }


def _hit(hit: Any) -> dict[str, Any]:
    numbers = {name: None if value != value else value  # noqa: PLR0124  (NaN's definition)
               for name, value in asdict(hit).items() if name not in ("record", "note")}
    record = hit.record
    return {**numbers, "map": record.label, "path": record.path, "volume": record.volume, "note": hit.note,
            "metadata": record.metadata}
