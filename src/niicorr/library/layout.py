"""The folder of a library: what its files are called, and how it is told from other folders."""

from __future__ import annotations

import errno
import os
import re
import shutil
from typing import Any, get_args

from niicorr import hidden
from niicorr.disk import no_folder, sync_folder
from niicorr.errors import InputError, ResourceError, UsageError
from niicorr.hashes import record_hash
from niicorr.images.inspect import BackgroundOption
from niicorr.matrix_folder import GRID, read_json
from niicorr.own_files import LIBRARY
from niicorr.record_fields import DECISION
from niicorr.rights import reachable, resource_text, unreadable
from niicorr.spelling import hint
from niicorr.tables import brief, path_text
from niicorr.typing import Interpolation, Resample, Zeros

RECORD, KIND, SCHEMA = LIBRARY, "library", 2

SEALED = 2
"""From this layout on ``library.json`` holds a hash of all else that it says."""

MASK, MASK_HASH = "mask.nii.gz", "mask_blake2b"
"""The mask as people look at it, which nothing is computed from, and the entry that holds its hash."""

MAPS, SHARD_RECORD = "maps", "shard.json"

READING = ("mask", "background", "zeros", "grid", "resample", "interpolation")
"""The options that all maps of a library share."""

_SHARD = re.compile(r"shard-([0-9]{6})")
_HIDDEN = re.compile(r"\.niicorr-.{1,64}-[0-9]{1,10}-[0-9a-f]{8,16}")

_KINDS = {
    "program": str, "kind": str, "schema": int, "version": str, "n_voxels": int, "options": {...: object},
    "decisions": [DECISION], "warnings": [str], "versions": {...: str},
    "grid": GRID,
}


def has_record(path: str) -> bool:
    """Whether a folder holds ``library.json``, be it a good one or not (as `niicorr.own_files.is_library` asks).

    Raises
    ------
    ResourceError
        Where the folder may not be looked into.
    """
    place = os.path.join(path, RECORD)
    if not reachable(place):
        raise unreadable(path_text(path))
    return os.path.lexists(place)


def judge_place(path: str) -> bool:
    """See whether maps can be added to a folder: True where it is a library, False where one may be made.

    Raises
    ------
    UsageError
        Where the name is that of something else.
    """
    if not path or "\0" in path:
        raise UsageError("the name of the library's folder is empty: name one with -o")
    if not os.path.lexists(path):
        return False
    if not os.path.isdir(path):
        raise UsageError(f"{path_text(path)} {no_folder(path)}: name another with -o")
    if has_record(path):
        return True
    others = sorted(name for name in _entries(path) if not name.startswith("."))
    if others:
        raise UsageError(f"{path_text(path)} holds files that are no library of niicorr (such as "
                         f"{path_text(others[0])!r}): name another folder with -o")
    return False


def library_record(path: str) -> dict[str, Any]:
    """Read ``library.json``.

    Raises
    ------
    InputError
        Where there is no such folder, it is no library, a damaged one, or one of a newer niicorr.
    ResourceError
        Where there is no permission to read it.
    """
    if not reachable(path):
        raise unreadable(path_text(path))
    if "\0" in path or not os.path.isdir(path):
        if "\0" not in path and os.path.lexists(path):
            raise InputError(f"{path_text(path)} is a file: name the folder of a library, which niicorr index makes")
        near = hint(path)
        raise InputError(f"{path_text(path)}: there is no such folder"
                         f"{near or ': name a library with --in, or make one with niicorr index'}")
    if not has_record(path):
        raise InputError(f"{path_text(path)} is no library of niicorr (no {RECORD} in it): make one with niicorr index")
    record = read_json(os.path.join(path, RECORD), _KINDS, KIND, SCHEMA)
    missing = [name for name in READING if name not in record["options"]]
    if missing or record["grid"] is None:
        raise InputError(f"{path_text(os.path.join(path, RECORD))} is damaged: it tells no {(*missing, 'grid')[0]}")
    options = record["options"]
    for name, kind in (("zeros", Zeros), ("resample", Resample), ("interpolation", Interpolation)):
        if options[name] not in get_args(kind):
            raise InputError(f"{path_text(os.path.join(path, RECORD))} is damaged: options.{name} is {options[name]!r}")
    try:
        background_of(options["background"])
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{path_text(os.path.join(path, RECORD))} is damaged: options.background is "
                         f"{brief(repr(options['background']))}") from None
    if record["schema"] >= SEALED and record.get("digest") != record_hash(record, "digest"):
        raise InputError(f"{path_text(os.path.join(path, RECORD))} is damaged: it does not say what niicorr wrote")
    return record


def background_of(option: Any) -> BackgroundOption:
    """Take the option ``background`` as ``library.json`` holds it."""
    if isinstance(option, str) and option in ("auto", "none"):
        return "auto" if option == "auto" else "none"
    return float(option)


def shard_names(path: str) -> list[str]:
    """Name the shards of a library, in the order in which they were added."""
    return sorted(name for name in _entries(path) if _SHARD.fullmatch(name))


def put_in_place(path: str, work: str) -> str:
    """Give a shard that is complete the next free number; return its name."""
    number = max((int(name[-6:]) for name in shard_names(path)), default=0) + 1
    while True:
        name = f"shard-{number:06d}"
        try:
            # A folder that is not empty is never replaced: of two processes one takes the next number.
            os.rename(work, os.path.join(path, name))
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            number += 1
            continue
        sync_folder(path)
        return name


def sweep(path: str) -> None:
    """Remove what processes that died left behind, those of this machine at once."""
    try:
        hidden.sweep(path)
    except OSError:
        return  # only to be read
    others = [name for name in _entries(path) if _HIDDEN.fullmatch(name) and not _of_this_machine(name)]
    for name in hidden.left_behind(path, others):
        shutil.rmtree(os.path.join(path, name), ignore_errors=True)


def _of_this_machine(name: str) -> bool:
    """Whether a hidden folder was made here: then whether its process lives is known."""
    return name.rsplit("-", 2)[0] + "-" == hidden.machine_mark()


def _entries(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except PermissionError:
        raise unreadable(path_text(path)) from None
    except OSError as error:
        raise ResourceError(resource_text(path_text(path), error)) from None
