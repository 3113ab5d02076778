"""A file without a name, for arrays that are wanted again but do not fit into the memory."""

from __future__ import annotations

import mmap
import os
import tempfile
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import numpy as np

from niicorr.errors import ResourceError
from niicorr.typing import Float64Array

Arrays = list[np.ndarray[Any, Any]]


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
        Where the folder of temporary files (TMPDIR) has no room for it.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if not on_disk or size == 0:
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile(prefix="niicorr-", buffering=0) as file:
            # A file with holes would be found too small only when a page of it is written: the process would end there.
            os.posix_fallocate(file.fileno(), 0, size)
            return np.frombuffer(mmap.mmap(file.fileno(), size), dtype).reshape(shape)
    except OSError as error:
        raise ResourceError(
            f"{_place()} has no room for {what} ({size / 2**30:.1f} GiB; {error.strerror or error}): name "
            "a folder with more room in the environment variable TMPDIR, or give --memory more") from None


def unknown(shape: tuple[int, ...], *, on_disk: bool) -> Float64Array:
    """Return NaN for every pair of two sets, in memory or in a file as `zeros` does."""
    cells = zeros(shape, np.float64, "the result", on_disk=on_disk)
    cells.fill(np.nan)
    return cells


def _place() -> str:
    """Where temporary files lie; where there is no such folder, that is what is wrong."""
    try:
        return tempfile.gettempdir()
    except OSError:
        return "no folder for temporary files is there: what TMPDIR names"


class Scratch:
    """Arrays on the disk, as long as somebody needs them; several threads may take them back at once.

    The file lies where temporary files lie (TMPDIR), is made with the first arrays, and has gone when the process has,
    however that ends. Nothing is mapped: arrays count as memory only while they are in use.

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
                    self._file = tempfile.TemporaryFile(prefix="niicorr-", buffering=0)  # noqa: SIM115  (see __exit__)
                for array in arrays:
                    self._file.seek(self._size)
                    rest = memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
                    forms.append((self._size, array.shape, array.dtype))
                    self._size += len(rest)
                    while rest:
                        rest = rest[self._file.write(rest) :]
            except OSError as error:
                raise ResourceError(
                    f"{_place()} has no room for {self._what} ({self._size / 2**30:.1f} GiB so far; "
                    f"{error.strerror or error}): name a folder with more room in the environment variable TMPDIR, or "
                    "give --memory more") from None
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
                    raise ResourceError(f"{self._what} could not be read back from {tempfile.gettempdir()}")
                rest = rest[count:]
        return array
