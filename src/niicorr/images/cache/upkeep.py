"""What a cache holds, and emptying it: ``niicorr cache info`` and ``niicorr cache clear``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from niicorr.errors import ResourceError
from niicorr.images.cache.facts import MapFacts, map_facts
from niicorr.images.cache.fields import UnbelievableError, digest
from niicorr.images.cache.index import read_index
from niicorr.images.cache.layout import FORMAT, INDEX, SHARD, contents, demand, ours, stem_of
from niicorr.images.cache.shards import crc32, read_bytes
from niicorr.tables import path_text


@dataclass(frozen=True)
class CacheReport:
    """What a cache holds.

    Attributes
    ----------
    path : str
        The folder.
    format : int
        Version of its layout.
    maps : int
        Maps that can be had from it; one read with other options counts again.
    files : int
        Files whose hash is known for as long as they do not change.
    shards : int
        Files that hold the maps' bytes.
    bytes : int
        Of all that is niicorr's in the folder.
    damaged : int
        Maps whose bytes are not those that were written, or gone.
    damaged_lines : int
        Lines of the index that cannot be read.
    replaced : int
        Maps found damaged by an earlier run, which read them again.
    unfinished : int
        Files that a running process is writing, or that a killed one left.
    others : int
        Files in the folder that are not niicorr's.
    """

    path: str
    format: int
    maps: int
    files: int
    shards: int
    bytes: int
    damaged: int
    damaged_lines: int
    replaced: int
    unfinished: int
    others: int


def cache_info(path: str) -> CacheReport:
    """Look at every map of a cache, and check it.

    Raises
    ------
    UsageError
        Where the folder is no cache of this format.
    ResourceError
        Where it cannot be read.
    """
    demand(path)
    names = _names(path)
    index = read_index(path, names)
    alive: set[str] = set()
    damaged, unreadable, sound = 0, 0, dict[tuple[str, int, str], bool]()
    for key, entries in index.maps.items():
        for stem, text in entries:
            if (stem, key) in index.dead:
                continue
            try:
                facts = map_facts(text, key)
            except UnbelievableError:
                unreadable += 1
                continue
            if _sound(path, stem, facts, sound):
                alive.add(key)
            else:
                damaged += 1
    own = [name for name in names if ours(name)]
    shards, indexed = ({stem_of(name, suffix) for name in own} - {None} for suffix in (SHARD, INDEX))
    return CacheReport(
        path=path_text(path), format=FORMAT, maps=len(alive), files=len(index.files), shards=len(shards & indexed),
        bytes=sum(_size(path, name) for name in own), damaged=damaged, damaged_lines=index.damaged + unreadable,
        replaced=len(index.dead), unfinished=sum(name.startswith(".") for name in own) + len(shards - indexed),
        others=len(names) - len(own))


def clear_cache(path: str) -> tuple[int, int]:
    """Remove what a cache holds; the folder stays one, and files that are not niicorr's stay.

    Returns
    -------
    n_files, n_bytes : int
        What was removed.

    Raises
    ------
    UsageError
        Where the folder is no cache of this format or an older one.
    ResourceError
        Where something cannot be removed.
    """
    demand(path, older=True)
    removed = freed = 0
    for name in contents(_names(path)):
        size = _size(path, name)
        try:
            os.remove(os.path.join(path, name))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ResourceError(f"{path_text(os.path.join(path, name))}: cannot be removed "
                                f"({error.strerror or error})") from None
        removed, freed = removed + 1, freed + size
    return removed, freed


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError as error:
        raise ResourceError(f"{path_text(path)}: cannot be read ({error.strerror or error})") from None


def _size(path: str, name: str) -> int:
    try:
        return os.lstat(os.path.join(path, name)).st_size
    except OSError:
        return 0


def _pieces(facts: MapFacts) -> Iterator[tuple[int, int, str]]:
    """Yield offset, bytes and BLAKE2b hash of each support."""
    for part in (facts.bits, facts.zero_bits):
        if part is not None:
            yield part.offset, prod(facts.bits_shape), part.blake2b


def _sound(path: str, stem: str, facts: MapFacts, known: dict[tuple[str, int, str], bool]) -> bool:
    """Whether all bytes of a map are those that were written; supports that maps share are read once."""
    try:
        for offset, size, expected in _pieces(facts):
            at = (stem, offset, expected)
            if at not in known:
                piece = read_bytes(path, stem, offset, size)
                known[at] = piece is not None and digest(piece.data) == expected
            if not known[at]:
                return False
        values = read_bytes(path, stem, facts.offset, facts.nbytes)
    except OSError:
        return False
    return values is not None and crc32(values) == facts.crc32
