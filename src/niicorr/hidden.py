"""Hidden places in which results are made: named by machine, process and chance, and swept when their process died."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket

from niicorr.interrupts import signals_held
from niicorr.rights import delete, make_folder

LEFT_BEHIND = 3600.0
"""Seconds after which what is not complete was left by a process that died: a living one writes on."""

MARK = ".niicorr-"

_MADE: set[str] = set()
"""Hidden places that this process has named and not yet removed."""


def hidden_folder(parent: str) -> str:
    """Make a folder for a run to work in, and remove those of killed runs; raises `OSError`."""
    sweep(parent)
    path = hidden_place(parent)
    make_folder(path)
    return path


def hidden_place(parent: str) -> str:
    """Return a place in a folder for what is not complete, told by machine, process and chance; nothing is there."""
    place = os.path.join(parent, f"{machine_mark()}{os.getpid()}-{secrets.token_hex(4)}")
    _MADE.add(os.path.abspath(place))
    return place


def remove(place: str) -> None:
    """Remove a hidden place with all in it, whatever signals come meanwhile; what cannot be removed stays."""
    with signals_held():
        delete(place)
        if not os.path.lexists(place):
            _MADE.discard(os.path.abspath(place))


def remove_all() -> None:
    """Remove the hidden places of this process: a signal may come right where one was to be removed."""
    for place in list(_MADE):
        if f"-{os.getpid()}-" in os.path.basename(place):  # or this is a fork, and they are another's
            remove(place)


def disk_time(folder: str) -> float:
    """Return the time by the clock of a folder's disk, in seconds; raises `OSError`."""
    place = hidden_folder(folder)
    try:
        return os.lstat(place).st_mtime
    finally:
        remove(place)


def left_behind(parent: str, names: list[str]) -> list[str]:
    """Name what in a folder nobody has written to for so long that its process died, wherever that ran.

    What time it is says the disk: the clocks of two machines may differ, and that of one may be set. Of a folder that
    is only to be read, nothing is known.
    """
    old: list[str] = []
    with contextlib.suppress(OSError):
        now = disk_time(parent) if names else 0.0
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                if now - os.lstat(os.path.join(parent, name)).st_mtime > LEFT_BEHIND:
                    old.append(name)
    return old


def machine_mark() -> str:
    """Return how hidden names begin that are given on this machine."""
    return f"{MARK}{socket.gethostname()[:32]}-"


def sweep(parent: str) -> None:
    """Remove what killed runs of this machine left in a folder; what belongs to a living one stays."""
    prefix = machine_mark()
    for name in os.listdir(parent):
        pid = name[len(prefix) :].split("-")[0] if name.startswith(prefix) else ""
        if pid.isdecimal() and pid.isascii() and not alive(int(pid)):
            delete(os.path.join(parent, name))


def alive(pid: int) -> bool:
    """Whether there is a process of this number on this machine."""
    if os.name == "nt":  # there, this call would end the process instead of asking after it
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):  # the second for a number that no process has
        return False
    except OSError:  # it is another user's
        return True
    return True
