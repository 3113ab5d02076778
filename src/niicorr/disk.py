"""Files as they lie on the disk: regular ones are read, folders are brought to it."""

from __future__ import annotations

import contextlib
import errno
import os
import stat

NOT_REGULAR = "not a regular file but a pipe or a device, as <(…) of a shell gives"

SAVE_IT = "save the table as a file, and name that"


def sync_folder(path: str) -> None:
    """Bring names to the disk, where the system lets a folder be synced."""
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def no_folder(path: str) -> str:
    """Say what is at a path that is there and is no folder."""
    if os.path.islink(path) and not os.path.exists(path):
        return "is a link that leads nowhere, not a folder"
    return "is a file, not a folder"


class NotRegularError(OSError):
    """A pipe or a device, which may never end."""


def read_regular(path: str, most: int) -> bytes:
    """Read a file, of a larger one so many bytes; raises `OSError`, for what is none `NotRegularError`."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(number).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", path)
        if not stat.S_ISREG(mode):
            raise NotRegularError(NOT_REGULAR)
        with open(number, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(number)
