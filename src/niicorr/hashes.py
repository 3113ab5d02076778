"""Hashes by which files and records are known again.

They guard against accidents and against edits by hand; not against somebody who makes all of them anew as niicorr does.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

SIZE = 16
"""Bytes of a hash (BLAKE2b); written in hexadecimal."""


def file_hash(path: str) -> str:
    """Hash a file as it is stored; raises `OSError`."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=SIZE)).hexdigest()


def file_hashes(folder: str, names: Iterable[str]) -> dict[str, str]:
    """Hash files of a folder, by name."""
    return {name: file_hash(os.path.join(folder, name)) for name in names}


def record_hash(record: Mapping[str, Any], *besides: str) -> str:
    """Hash all that a record says, ``besides`` some entries; the same before it is written as JSON and after."""
    told = {name: value for name, value in record.items() if name not in besides}
    return hashlib.blake2b(json.dumps(told, sort_keys=True).encode("ascii"), digest_size=SIZE).hexdigest()
