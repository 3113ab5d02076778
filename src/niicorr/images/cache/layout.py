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

from niicorr.errors import UsageError, told_on
from niicorr.folder import PROGRAM, alive, left_behind
from niicorr.images import stream
from niicorr.tables import path_text

FORMAT = 1
"""Of the folder; one of another format is left alone."""

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
        raise UsageError(f"{path_text(path)} is a file, not a folder: name another with --cache")
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
    os.makedirs(path, exist_ok=True)
    if os.path.lexists(os.path.join(path, MARKER)):
        return
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
def demand(path: str) -> None:
    """Raise `UsageError` where a folder is no cache of this format."""
    if "\0" in path or not os.path.isdir(path):
        raise UsageError(f"{path_text(path)}: no such folder")
    if not os.path.lexists(os.path.join(path, MARKER)):
        raise UsageError(f"{path_text(path)} is no cache of niicorr (no {MARKER} in it)")
    if fault := _fault(path):
        raise UsageError(f"{path_text(path)}: {fault}")


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
    """Say what is wrong with the marker; empty where nothing is."""
    try:
        with opened(os.path.join(path, MARKER)) as file:
            marker = json.loads(file.read(1000))
        if marker["program"] != PROGRAM or marker["kind"] != KIND or type(marker["format"]) is not int:
            raise ValueError
    except OSError as error:
        return f"its {MARKER} cannot be read ({error.strerror or error})"
    except (ValueError, KeyError, TypeError, RecursionError):
        return f"its {MARKER} is damaged; remove the folder, or name another"
    return "" if marker["format"] == FORMAT else (
        f"it has format {marker['format']}, and this niicorr knows format {FORMAT}")
