"""The folder of a cache: what its files are called, how it is told from other folders, how single files are read."""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from niicorr.disk import no_folder
from niicorr.errors import UsageError, told_on
from niicorr.hidden import alive, left_behind
from niicorr.images import stream
from niicorr.own_files import PROGRAM
from niicorr.rights import make_folders
from niicorr.spelling import hint
from niicorr.tables import path_text

FORMAT = 2
"""Of the folder; one of an older format is emptied, one of a newer format left alone.

1: lines of the index that were not bound to their keys.
"""

MARKER, KIND = "niicorr-cache.json", "cache"
SHARD, INDEX = ".npy", ".jsonl"

_STEM = re.compile(r"maps-[A-Za-z0-9_]{1,32}-[0-9]{1,10}-[0-9a-f]{16}")
_OURS = re.compile(rf"\.?(?:{_STEM.pattern}(?:\.npy|\.jsonl)|{re.escape(MARKER)}(?:-[0-9a-f]{{16}})?)")


def new_stem() -> str:
    """Return a name for a shard and its index that no other process takes: host, process, chance."""
    return f"maps-{_host()}-{os.getpid()}-{secrets.token_hex(8)}"


def _host() -> str:
    return re.sub("[^A-Za-z0-9]", "_", socket.gethostname())[:32] or "_"


def stem_of(name: str, suffix: str) -> str | None:
    """Return the stem of a shard or index by its name; None where it is none."""
    stem = name.removesuffix(suffix)
    return stem if stem != name and _STEM.fullmatch(stem) else None


def ours(name: str) -> bool:
    """Whether a file is called as only niicorr calls its own."""
    return _OURS.fullmatch(name) is not None


@told_on("docs/tutorials/thousands.md")
def judge(path: str) -> str:
    """See whether a folder is a cache or may become one; nothing is written yet.

    Returns
    -------
    str
        Why it cannot be used; empty where it can.

    Raises
    ------
    UsageError
        Where the name is that of something else: nothing of a user's is ever mixed with a cache.
    """
    if not path or "\0" in path:
        raise UsageError("the cache needs the name of a folder: name one with --cache")
    if not os.path.lexists(path):
        return ""
    if not os.path.isdir(path):
        raise UsageError(f"{path_text(path)} {no_folder(path)}: name another with --cache")
    if os.path.lexists(os.path.join(path, MARKER)):
        return _fault(path)
    try:
        # A cache that was removed while another run wrote into it has lost its marker, and gets a new one.
        others = sorted(name for name in os.listdir(path) if not (name.startswith(".") or ours(name)))
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"
    # Whoever makes it a cache at this moment writes the marker before anything else.
    if others and not os.path.lexists(os.path.join(path, MARKER)):
        raise UsageError(f"{path_text(path)} holds files that are no cache of niicorr (such as "
                         f"{path_text(others[0])!r}): name another folder with --cache")
    return ""


def make(path: str) -> None:
    """Make a folder a cache, unless it is one; raises `OSError`."""
    make_folders(path)
    if not os.path.lexists(os.path.join(path, MARKER)):
        _mark(path)


def outdated(path: str) -> int:
    """Return the format of a cache that an older niicorr made; 0 of all others."""
    found = 0
    with suppress(OSError, ValueError):
        found = _format(path)
    return found if found < FORMAT else 0


def of_older(found: int) -> str:
    """Say that a cache was made by an older niicorr."""
    return f"it has format {found} of an older niicorr, and this one knows format {FORMAT}"


def renew(path: str, names: list[str]) -> None:
    """Empty a cache of an older format and make it one of ours; raises `OSError`.

    Parameters
    ----------
    path : str
        The folder.
    names : list of str
        What was in it before its format was looked at: what others keep in it once it is one of ours stays.
    """
    for name in contents(names):
        with suppress(FileNotFoundError):
            os.remove(os.path.join(path, name))
    _mark(path)


def contents(names: list[str]) -> list[str]:
    """Return what a cache holds beside its marker, in the order in which it is to be removed.

    An index goes before its shard: whoever opens the cache meanwhile finds less, not something damaged.
    """
    return sorted((name for name in names if ours(name) and name != MARKER),
                  key=lambda name: (not name.endswith(INDEX), name))


def _mark(path: str) -> None:
    hidden = os.path.join(path, f".{new_stem()}{INDEX}")  # which tells whose it is
    try:
        with open(hidden, "xb") as file:
            file.write(json.dumps({"program": PROGRAM, "kind": KIND, "format": FORMAT}).encode() + b"\n")
            sync(file)
        os.replace(hidden, os.path.join(path, MARKER))
    finally:
        with suppress(OSError):
            os.remove(hidden)


@told_on("docs/tutorials/thousands.md")
def demand(path: str, *, older: bool = False) -> None:
    """Raise `UsageError` where a folder is no cache of this format, nor (if ``older``) of an older one."""
    if "\0" in path or not os.path.isdir(path):
        raise UsageError(f"{path_text(path)}: no such folder{hint(path)}")
    if not os.path.lexists(os.path.join(path, MARKER)):
        raise UsageError(f"{path_text(path)} is no cache of niicorr (no {MARKER} in it)")
    if fault := _fault(path):
        raise UsageError(f"{path_text(path)}: {fault}")
    if not older and (found := outdated(path)):
        raise UsageError(f"{path_text(path)}: {of_older(found)}; the next run with --cache empties it and fills it "
                         "anew")


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Open a file of the cache for reading: a regular one, and no link to a file elsewhere."""
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with stream.opened(path, flags) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("not a regular file")
        yield file


def sync(file: IO[bytes]) -> None:
    """Bring what was written to the disk before anything is renamed."""
    file.flush()
    os.fsync(file.fileno())


def sweep(path: str, names: list[str]) -> None:
    """Remove what processes that died left behind: hidden files, and shards that never got their index."""
    with_index = {stem for name in names if (stem := stem_of(name, INDEX))}
    incomplete = [name for name in names if ours(name) and (
        name.startswith(".") or ((stem := stem_of(name, SHARD)) is not None and stem not in with_index))]
    here = f"maps-{_host()}-"
    own = [name for name in incomplete if name.removeprefix(".").startswith(here)]
    dead = [name for name in own if not alive(int(name.removeprefix(".")[len(here) :].split("-")[0]))]
    for name in (*dead, *left_behind(path, [name for name in incomplete if name not in own])):
        with suppress(OSError):  # gone, or not ours to remove
            os.remove(os.path.join(path, name))


def _fault(path: str) -> str:
    """Say what is wrong with the marker; empty where nothing is, or the format is an older one."""
    try:
        found = _format(path)
    except OSError as error:
        return f"its {MARKER} cannot be read ({error.strerror or error})"
    except ValueError:
        return f"its {MARKER} is damaged; remove the folder, or name another"
    return "" if found <= FORMAT else (
        f"it has format {found} of a newer niicorr, and this one knows format {FORMAT}; name another folder")


def _format(path: str) -> int:
    """Return the format that the marker tells; raises `OSError`, or `ValueError` where it is damaged."""
    try:
        with opened(os.path.join(path, MARKER)) as file:
            marker = json.loads(file.read(1000))
        if marker["program"] == PROGRAM and marker["kind"] == KIND and type(marker["format"]) is int:
            found: int = marker["format"]
            if found > 0:
                return found
    except (KeyError, TypeError, RecursionError):
        pass
    raise ValueError(MARKER)
