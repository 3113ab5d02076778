"""Pieces of work as files: arrays one after the other, as numpy writes them, and a hash of all that.

Nothing is synced: what a process wrote before it was killed is there all the same, and what the loss of power tears
does not have its hash.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from niicorr.images.cache.layout import opened
from niicorr.matrix_folder import LONGEST_HEADER, NO_ARRAY, demand_own_header

HASH = 32
"""Bytes of the hash at the end."""

_NAME = re.compile(r"\.?[a-z]+-[0-9a-f]{32}\.npy(?:-[0-9a-f]{16})?")

Arrays = Sequence[np.ndarray[Any, Any]]


class Pieces(Protocol):
    """Where pieces of one kind are found by their key, and put."""

    def find(self, kind: str, key: bytes) -> list[np.ndarray[Any, Any]] | None:
        """Return the arrays of a piece; None where it has to be made."""

    def keep(self, kind: str, key: bytes, arrays: Arrays, count: int = 1) -> None:
        """Keep what was made, and take notice of how much that is."""

    def asked(self, kind: str, found: int, total: int) -> None:
        """Take notice of how many pieces were wanted, and how many of them were there."""


def piece_name(kind: str, key: str) -> str:
    """Return what the file of a piece is called."""
    return f"{kind}-{key}.npy"


def is_piece(name: str) -> bool:
    """Whether a file is called as only a piece is, be it finished or not."""
    return _NAME.fullmatch(name) is not None


def write_piece(folder: str, name: str, arrays: Arrays) -> None:
    """Write a piece under a hidden name and put it in place; raises `OSError`, and leaves nothing half-written."""
    buffer = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(buffer, np.asarray(array), allow_pickle=False)
    hidden = os.path.join(folder, f".{name}-{secrets.token_hex(8)}")
    try:
        with open(hidden, "xb", buffering=0) as file:
            for part in (buffer.getbuffer(), hashlib.blake2b(buffer.getbuffer(), digest_size=HASH).digest()):
                done = 0
                while done < len(part):  # a disk that fills up takes less than it is given before it says so
                    done += file.write(part[done:])
        os.replace(hidden, os.path.join(folder, name))
    except BaseException:
        with suppress(OSError):
            os.remove(hidden)
        raise


def read_piece(folder: str, name: str) -> list[np.ndarray[Any, Any]] | None:
    """Read the arrays of a piece; None where it is gone, damaged, or cannot be read."""
    try:
        with opened(os.path.join(folder, name)) as file:
            content = file.read()
    except OSError:
        return None
    body = memoryview(content)[:-HASH]
    if hashlib.blake2b(body, digest_size=HASH).digest() != content[-HASH:]:
        return None
    buffer, arrays = io.BytesIO(body), []
    try:
        while buffer.tell() < len(body):
            at = buffer.tell()
            demand_own_header(buffer.readline(LONGEST_HEADER))
            buffer.seek(at)
            arrays.append(np.lib.format.read_array(buffer, allow_pickle=False))
    except NO_ARRAY:
        return None
    return arrays
