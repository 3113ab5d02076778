"""Room for large arrays: memory, or a file without a name for those that do not fit into it."""

from __future__ import annotations

import errno
import mmap
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any

import numpy as np

from niicorr.errors import ResourceError
from niicorr.numerals import memory_text
from niicorr.typing import Float64Array

Arrays = list[np.ndarray[Any, Any]]

LARGE = "/var/tmp"
"""Where large temporary files belong, on systems that have it."""

IN_MEMORY = frozenset({"tmpfs", "ramfs"})
"""File systems that are no disk: what lies there takes the memory that it should spare."""

PIECE = 1 << 22
"""Bytes of zeros written at once, where a file cannot be given its room in one call."""


OWN_PAGES = 1 << 22
"""From so many bytes on, arrays lie in pages of their own, which go back to the system as soon as they are dropped."""


def pages(size: int) -> mmap.mmap:
    """Take private memory from the system, all zeros, in pages of the usual size.

    Large pages, which numpy asks for, take a fifth less time to clear or four times more: a virtual machine gives idle
    memory back to its host in just such pieces.

    Raises
    ------
    OSError
        Where no addresses are left.
    """
    return mmap.mmap(-1, size, access=mmap.ACCESS_COPY)  # private: what is shared takes twice as long to clear


def zeros(shape: tuple[int, ...], dtype: Any, what: str, *, on_disk: bool) -> np.ndarray[Any, Any]:
    """Return an array of zeros, in memory or in a nameless file that is mapped.

    The file has its room from the start and is gone when the array is, or the process, however that ends. Its pages
    count as memory only while there is some to spare: the system writes them out and takes them back.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    dtype : dtype
        Of its values.
    what : str
        What it is for, for the message where there is no room.
    on_disk : bool
        Whether it lies in a file.

    Raises
    ------
    ResourceError
        Where the folder of temporary files has no room for it, or the process no addresses to map it to.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not on_disk or size == 0:
        with suppress(OSError):  # which numpy tells as lack of memory
            if size >= OWN_PAGES:
                return np.frombuffer(pages(size), dtype).reshape(shape)
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="niicorr-", buffering=0, dir=folder()) as file:
            # A file with holes would be found too small only when a page of it is written: the process would end there.
            _allocate(file, size)
            return np.frombuffer(mmap.mmap(file.fileno(), size), dtype).reshape(shape)
    except OSError as error:
        raise _no_room(what, memory_text(size), error) from None


def unknown(shape: tuple[int, ...], *, on_disk: bool) -> Float64Array:
    """Return NaN for every pair of two sets, in memory or in a file as `zeros` does."""
    cells = zeros(shape, np.float64, "the result", on_disk=on_disk)
    cells.fill(np.nan)
    return cells


def demand_room(size: int, what: str) -> None:
    """Refuse what will not fit on the disk before work is put into it.

    Raises
    ------
    ResourceError
        Where the folder of temporary files has less than ``size`` bytes left.
    """
    try:
        free = shutil.disk_usage(folder()).free
    except OSError as error:
        raise _no_room(what, memory_text(size), error) from None
    if free < size:
        raise _no_room(what, memory_text(size), OSError(errno.ENOSPC, f"{memory_text(free)} are left"))


def folder() -> str:
    """Where temporary files lie: in TMPDIR if it is named, else where the system has them on a disk.

    Many systems keep ``/tmp`` in memory; a file there would take what it is to spare. Raises OSError where there is no
    folder at all.
    """
    usual = tempfile.gettempdir()
    named = any(os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    if named or not in_memory(usual):
        return usual
    return LARGE if os.access(LARGE, os.W_OK | os.X_OK) and not in_memory(LARGE) else usual


def in_memory(path: str, mounts: str = "/proc/self/mounts") -> bool:
    """Whether a folder lies in memory rather than on a disk; False where the system does not tell."""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as file:
            lines = [fields for line in file if len(fields := line.split(" ")) >= 3]
    except OSError:
        return False
    path, kind, longest = os.path.realpath(path), "", -1
    for _, where, of_kind, *_ in lines:
        # Spaces and the like stand as octal numbers: /a\040folder.
        place = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), where).rstrip("/") + "/"
        if f"{path}/".startswith(place) and len(place) >= longest:  # of several mounts of a place the last one is seen
            kind, longest = of_kind, len(place)
    return kind in IN_MEMORY


def _allocate(file: Any, size: int) -> None:
    """Give a file its room, or find out that there is not so much."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
            return
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
    # macOS has no such call, and some file systems have none behind it.
    zero = bytes(min(PIECE, size))
    left = size
    while left:
        left -= file.write(zero[: min(left, PIECE)])


def _no_room(what: str, size: str, error: OSError) -> ResourceError:
    """Say what is too large, where, and what to do."""
    try:
        place = folder()
    except OSError:
        place = "no folder for temporary files is there: what TMPDIR names"
    if error.errno == errno.ENOMEM:
        return ResourceError(f"there is no address space left for {what} ({size}, in a mapped file in {place}): allow "
                             "more with ulimit -v, or compare fewer maps at once")
    return ResourceError(f"{place} has no room for {what} ({size}; {error.strerror or error}): name a folder with more "
                         "room in the environment variable TMPDIR, or give --memory more")


class Scratch:
    """Arrays on the disk, as long as somebody needs them; several threads may take them back at once.

    The file lies where temporary files lie (`folder`), is made with the first arrays, and has gone when the process
    has, however that ends. Nothing is mapped: arrays count as memory only while they are in use.

    Parameters
    ----------
    what : str
        What is put there, for the message where there is no room.
    """

    def __init__(self, what: str) -> None:
        self._what, self._lock, self._size = what, threading.Lock(), 0
        self._file: Any = None

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def put(self, arrays: Iterable[np.ndarray[Any, Any]]) -> Callable[[], Arrays]:
        """Write arrays, and return what reads them back: anew each time.

        Raises
        ------
        ResourceError
            Where there is no room.
        """
        forms: list[tuple[int, tuple[int, ...], np.dtype[Any]]] = []
        with self._lock:
            try:
                if self._file is None:
                    self._file = tempfile.TemporaryFile(  # noqa: SIM115  (see __exit__)
                        prefix="niicorr-", buffering=0, dir=folder())
                for array in arrays:
                    self._file.seek(self._size)
                    rest = memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
                    forms.append((self._size, array.shape, array.dtype))
                    self._size += len(rest)
                    while rest:
                        rest = rest[self._file.write(rest) :]
            except OSError as error:
                raise _no_room(self._what, f"{memory_text(self._size)} so far", error) from None
        return lambda: [self._read(*form) for form in forms]

    def _read(self, start: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
        array = np.empty(shape, dtype)
        rest = memoryview(array.reshape(-1).view(np.uint8).data)
        with self._lock:
            if self._file is None or self._file.closed:
                raise ValueError("these arrays are no longer wanted")
            self._file.seek(start)
            while rest:
                count = self._file.readinto(rest)
                if not count:
                    raise ResourceError(f"{self._what} could not be read back from {folder()}")
                rest = rest[count:]
        return array
