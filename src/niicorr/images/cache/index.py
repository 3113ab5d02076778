"""The index: one line for each map, file and damaged entry, each with a checksum of its own.

A line is ``checksum kind key json``. One that is torn or damaged costs what it tells of and no more. No line names a
file: what a line says of a shard is about the shard beside its own index.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field

from niicorr.images.cache.layout import INDEX, opened, stem_of

MAP, FILE, DEAD = b"map", b"file", b"dead"

LARGEST = 2**30
"""Bytes of the largest index that is looked into."""


@dataclass(eq=False)
class Index:
    """All lines of a folder, not yet taken apart.

    Attributes
    ----------
    maps : dict of str and list of (stem, JSON)
        By key; several where processes wrote the same map at the same time.
    files : dict of str and JSON
        By key.
    dead : set of (stem, key)
        Entries that were found damaged.
    damaged : int
        Lines passed over.
    sizes : set of int
        Bytes of the files whose maps are there.
    """

    maps: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    dead: set[tuple[str, str]] = field(default_factory=set)
    damaged: int = 0
    sizes: set[int] = field(default_factory=set)

    def add(self, kind: bytes, key: str, text: bytes, stem: str) -> None:
        """Take a line in; raises `ValueError` where it is of no kind or its key is odd."""
        if kind == MAP:
            self.sizes.add(int(key.partition("-")[0]))
            self.maps.setdefault(key, []).append((stem, text))
        elif kind == FILE:
            self.files[key] = text
        elif kind == DEAD:
            of, _, buried = key.partition("+")
            self.dead.add((of, buried))
        else:
            raise ValueError(kind)


def line(kind: bytes, key: str, text: bytes = b"{}") -> bytes:
    """Write a line of the index."""
    body = b" ".join((kind, key.encode("ascii"), text))
    return b" ".join((_checksum(body), body)) + b"\n"


def dead_key(stem: str, key: str) -> str:
    """Name a map of a shard."""
    return f"{stem}+{key}"


def read_index(folder: str, names: list[str]) -> Index:
    """Read every index of a folder; what is damaged is counted and passed over."""
    index = Index()
    for name in names:
        stem = stem_of(name, INDEX)
        if stem is None:
            continue
        try:
            with opened(os.path.join(folder, name)) as file:
                size = os.fstat(file.fileno()).st_size
                lines = file.read(size).splitlines() if size <= LARGEST else [b""]
        except FileNotFoundError:  # somebody emptied the cache meanwhile
            continue
        except OSError:
            index.damaged += 1
            continue
        for each in lines:
            checksum, _, body = each.partition(b" ")
            try:
                if checksum != _checksum(body):
                    raise ValueError(checksum)
                kind, key, text = body.split(b" ", 2)
                index.add(kind, key.decode("ascii"), text, stem)
            except ValueError:
                index.damaged += 1
    return index


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=8).hexdigest().encode()
