"""What a file is known by: the hash of its bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Content:
    """The bytes of an image: how many, and their BLAKE2b hash (16 bytes, hexadecimal; of a pair, of both halves)."""

    size: int
    blake2b: str


def combined(header_digest: str, data_digest: str) -> str:
    """Hash of a pair of files: of both halves' hashes, header first."""
    return hashlib.blake2b(f"{header_digest}{data_digest}".encode(), digest_size=16).hexdigest()
