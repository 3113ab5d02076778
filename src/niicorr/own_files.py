"""What a folder says of itself: whether niicorr wrote it, what it holds, and which of its files are niicorr's own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from niicorr.disk import read_regular
from niicorr.errors import ResourceError
from niicorr.numerals import integer
from niicorr.record_text import parsed
from niicorr.rights import unreadable

RECORD = "run.json"

REPLACING = "replacing"
"""An entry that a record has while the files beside it are being replaced; whoever finds it met a killed process."""

PROGRAM = "niicorr"
"""Who wrote it: its entry ``program``."""

LIBRARY = "library.json"
"""What a folder of `niicorr.library` holds in place of it."""

CALIBRATION = "calibration"
"""What the entry ``kind`` says where a folder holds no correlations but a calibration of null models."""

FIGURE = re.compile(r"(heatmap|connectome)\.(png|svg|pdf)")

PAGE = re.compile(r"report(_maps_\d+)?\.(html|js)")
"""What is drawn again, by name; all other files of a result stay as written, and have hashes in its record."""

LARGEST_RECORD = 2**30
"""Bytes of the largest ``run.json`` that is looked into."""


def is_result(path: str) -> bool:
    """Whether a folder holds niicorr's ``run.json``; raises `ResourceError` where that may not be looked at."""
    return record_of(path).get("program") == PROGRAM


def command_of(path: str) -> str:
    """Return the call that wrote the result in a folder, empty where nobody knows; as `is_result`."""
    command = record_of(path).get("command")
    return command if isinstance(command, str) else ""


def is_library(path: str) -> bool:
    """Whether a folder holds the ``library.json`` of ``niicorr index``; as `is_result`."""
    return record_of(path, LIBRARY).get("program") == PROGRAM


def written_files(path: str) -> set[str]:
    """Names of an older result's files, as its own record tells them."""
    return own_files(record_of(path))


def own_files(record: Mapping[str, Any]) -> set[str]:
    """Names of the files that belong to a record; where it has hashes, none that it names besides."""
    names, hashes = record.get("files"), record.get("hashes")
    names = names if isinstance(names, list) else []
    return {n for n in names if isinstance(n, str) and n and "\0" not in n and os.path.basename(n) == n
            and not n.startswith(".")
            and (not isinstance(hashes, dict) or n in hashes or n == RECORD or is_drawn(n))}


def is_drawn(name: str) -> bool:
    """Whether a file of a result is a figure or part of its page."""
    return bool(FIGURE.fullmatch(name) or PAGE.fullmatch(name))


def read_record(path: str, name: str = RECORD, *, most: int = LARGEST_RECORD) -> dict[str, Any]:
    """Read a folder's ``run.json``, or another, of so many bytes at most.

    Raises
    ------
    ResourceError
        Where it may not be looked at.
    OSError
        Where there is none, or a folder or a pipe.
    ValueError
        Where it is no JSON object, or too large; the text says which.
    """
    place = os.path.join(path, name)
    try:
        data = read_regular(place, min(most, os.stat(place).st_size) + 1)  # room is made for as much as is asked for
    except PermissionError:
        raise unreadable(place if os.access(path, os.X_OK) else path) from None
    if len(data) > most:
        raise ValueError(f"it is larger than {integer(most >> 20)} MiB")
    record = parsed(data)
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    return record


def record_of(path: str, name: str = RECORD) -> dict[str, Any]:
    """Read a folder's ``run.json``, or another; empty where it is none that niicorr could have written.

    Raises
    ------
    ResourceError
        Where it may not be looked at.
    """
    try:
        return read_record(path, name)
    except ResourceError:
        raise
    except (OSError, ValueError):
        return {}
