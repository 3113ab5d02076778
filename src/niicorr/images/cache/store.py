"""A cache in use: what is there is found and checked, what is not is added while files are read.

Nothing that goes wrong here ends a run. A damaged entry is read from its file again and replaced, and that is said.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Collection
from contextlib import AbstractContextManager, suppress
from math import prod
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from niicorr.images.cache.additions import Addition, Additions, StoredMap
from niicorr.images.cache.content import Content
from niicorr.images.cache.facts import MapFacts, Part, map_facts, map_key
from niicorr.images.cache.fields import UnbelievableError, digest
from niicorr.images.cache.files import Files
from niicorr.images.cache.index import Index, read_index
from niicorr.images.cache.layout import judge, of_older, outdated, renew, sweep
from niicorr.images.cache.shards import as_values, crc32, read_bytes
from niicorr.images.header import ImageHeader
from niicorr.images.inspect import BackgroundOption
from niicorr.images.voxels import Voxels, count, fill_of, full_bits
from niicorr.numerals import integer, listed, plural
from niicorr.records import Decision
from niicorr.tables import folder_named, path_text
from niicorr.typing import BitArray, Zeros

if TYPE_CHECKING:
    from niicorr.images.mapset import MapFile

_NAMED = 5
"""So many maps whose entries were damaged are named, the rest counted."""


def open_cache(path: str | os.PathLike[str]) -> Cache:
    """Open the cache in a folder, which is made as soon as there is something to keep.

    Parameters
    ----------
    path : str
        The folder.

    Raises
    ------
    UsageError
        Where it holds something else. All other trouble is told by `Cache.decisions`; the run goes on without.
    """
    folder = folder_named("cache", path)
    fault = judge(folder)
    if fault:
        return Cache(folder, Index(), unusable=fault)
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        names = []
    except OSError as error:
        return Cache(folder, Index(), unusable=f"it cannot be read ({error.strerror or error})")
    if older := outdated(folder):
        try:
            renew(folder, names)
        except OSError as error:
            return Cache(folder, Index(), unusable=f"{of_older(older)}, and cannot be emptied "
                                                   f"({error.strerror or error})")
        return Cache(folder, Index(), was=older)
    sweep(folder, names)
    return Cache(folder, read_index(folder, names))


class Cache:
    """Maps kept from run to run; made by `open_cache`. Several threads may use it at once.

    Parameters
    ----------
    folder : str
        Where it is.
    index : Index
        What is there.
    unusable : str
        Why it is neither read nor written; empty where it is.
    was : int
        Its format before it was emptied; 0 where it was not.
    """

    def __init__(self, folder: str, index: Index, *, unusable: str = "", was: int = 0) -> None:
        self.folder, self._was = folder, was
        self._index, self._files, self._unusable = index, Files(index), unusable
        self._additions = Additions(folder, index, self._files, unusable)
        self._lock = threading.Lock()
        # Held for as long as a map uses them: 10 000 maps of one study are all valid in the same voxels.
        self._supports: WeakValueDictionary[tuple[str, tuple[int, ...]], BitArray] = WeakValueDictionary()
        self._counts: dict[tuple[str, tuple[int, ...]], int] = {}
        self._asked, self._gone = 0, False
        self._served: Counter[tuple[str, str]] = Counter()
        self._damaged: list[str] = []

    def header(self, path: str, *, max_map_size: int) -> ImageHeader:
        """Return the header of a file as `read_header` does; a file that has not changed is not opened for it."""
        return self._files.header(path, max_map_size=max_map_size)

    def find(self, file: MapFile, background: BackgroundOption, zeros: Zeros) -> dict[int, StoredMap]:
        """Return those of a file's maps that are in the cache, by volume; their values are not read yet."""
        header, found = file.header, {}
        if header is None or header.array is not None:
            return {}
        content = self._files.content(header)
        if content is not None:
            for volume, label in zip(file.which, file.labels, strict=True):
                key = map_key(content, header, volume, background, zeros)
                stored = self._stored(content, key, header, label)
                if stored is not None:
                    found[volume] = stored
        with self._lock:
            self._asked += len(file.which)
            if len(found) == len(file.which):  # else all of it is read
                self._served.update((found[volume].key, label) for volume, label in zip(
                    file.which, file.labels, strict=True))
        return found

    def voxels(self, stored: StoredMap, label: str) -> Voxels | None:
        """Read the voxels of a map and check them; None where they are to be had from the file alone."""
        facts = stored.facts
        if self._gone or self._additions.lost(stored.stem):
            return None
        piece, supports, unreadable = None, None, False
        try:
            piece = read_bytes(self.folder, stored.stem, facts.offset, facts.nbytes)
            supports = self._supports_of(stored.stem, facts)
        except OSError:  # the disk, the rights: nothing is known of the entry itself
            unreadable = True
        if piece is None or supports is None or crc32(piece) != facts.crc32:
            with self._lock:
                self._served[stored.key, label] -= self._served[stored.key, label] > 0
            if not unreadable:
                self._bury(stored.stem, stored.key, label)
            return None
        bits, zero_bits = supports
        values = as_values(piece, facts.dtype)
        return Voxels(facts.shape, bits, zero_bits, facts.rest_is_zero, values,
                      fill_of(facts.background, values.dtype), facts.zeros == "data")

    def adding(self, file: MapFile, known: Collection[int] = ()) -> AbstractContextManager[Addition]:
        """Take maps in while a file is read; see `Additions.of`."""
        return self._additions.of(file, known)

    def seal(self) -> None:
        """Put in place what was added so far."""
        self._additions.seal()

    def refresh(self) -> None:
        """Take notice of what other processes have added since the cache was opened."""
        with suppress(OSError):  # no folder yet: nobody has added anything
            newer = read_index(self.folder, sorted(os.listdir(self.folder)))
            with self._lock:
                self._index.maps.update(newer.maps)
                self._index.files.update(newer.files)
                self._index.dead.update(newer.dead)
                self._index.sizes.update(newer.sizes)

    def forget(self) -> None:
        """Give no voxels any more and take none: the folder goes."""
        self._gone = True
        self._additions.fault = self._additions.fault or "it has gone"

    @property
    def served(self) -> tuple[int, int]:
        """How many maps came from it, and how many were looked for."""
        return self._served.total(), self._asked

    @property
    def added(self) -> int:
        """How many maps were added to it."""
        return self._additions.count

    @property
    def fault(self) -> str:
        """Why not all maps are kept; empty where they are."""
        return self._additions.fault

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What the cache was good for, and what was wrong with it."""
        folder, fault, added = path_text(self.folder), self._additions.fault, self._additions.count
        if self._unusable:
            return (Decision("cache", f"{folder} was not used: {self._unusable}"),)
        texts = [f"{folder} was emptied, to be filled anew: {of_older(self._was)}"] if self._was else []
        if self._asked:
            maps, served = plural(self._asked, "map"), self._served.total()
            found = {0: f"none of {maps}", self._asked: f"all {maps}" if self._asked > 1 else "the map"}
            new = f", {integer(added)} {'was' if added == 1 else 'were'} added to it" if added else ""
            texts.append(f"{found.get(served, f'{integer(served)} of {maps}')} came from {folder}{new}")
        if self._damaged:
            names = list(dict.fromkeys(self._damaged))
            rest = [f"{integer(len(names) - _NAMED)} more"] if len(names) > _NAMED else []
            texts.append(f"damaged or gone in {folder}, and read from the files again: "
                         f"{listed([*names[:_NAMED], *rest])}")
        if self._index.damaged:
            texts.append(f"the index of {folder} has {plural(self._index.damaged, 'damaged line')}, passed over")
        if fault:
            texts.append(f"{folder} cannot be written ({fault}): not all maps of this run are kept")
        return tuple(Decision("cache", text) for text in texts)

    def _stored(self, content: Content, key: str, header: ImageHeader, label: str) -> StoredMap | None:
        for stem, text in tuple(self._index.maps.get(key, ())):
            if (stem, key) in self._index.dead:
                continue
            try:
                facts = map_facts(text, key)
                if facts.shape != header.shape:
                    continue
                supports = self._supports_of(stem, facts)
            except UnbelievableError:
                self._index.damaged += 1
                continue
            except OSError:
                continue
            if supports is None:
                self._bury(stem, key, label)
                continue
            inside, zero_bits = supports
            if facts.background != 0:
                zero_bits = inside ^ full_bits(facts.shape) if facts.rest_is_zero else zero_bits
                inside = inside if zero_bits is None else inside | zero_bits
            return StoredMap(key, content, stem, facts, inside)
        return None

    def _supports_of(self, stem: str, facts: MapFacts) -> tuple[BitArray, BitArray | None] | None:
        """Where a map has data, and where zeros of its own; None where that is damaged."""
        bits = self._support(stem, facts.bits, facts)
        if bits is None or self._counts[facts.bits.blake2b, facts.bits_shape] != facts.count:
            return None
        if facts.zero_bits is None:
            return bits, None
        zero_bits = self._support(stem, facts.zero_bits, facts)
        return None if zero_bits is None or (zero_bits & bits).any() else (bits, zero_bits)

    def _support(self, stem: str, part: Part, facts: MapFacts) -> BitArray | None:
        shape = facts.bits_shape
        held = self._supports.get((part.blake2b, shape))
        if held is not None:
            return held
        piece = read_bytes(self.folder, stem, part.offset, prod(shape))
        if piece is None or digest(piece.data) != part.blake2b:
            return None
        bits = piece.reshape(shape)
        if (bits & ~full_bits(facts.shape)).any():  # voxels beyond the end of a line
            return None
        bits.flags.writeable = False  # since other maps look at it, too
        self._counts[part.blake2b, shape] = count(bits)
        return self._supports.setdefault((part.blake2b, shape), bits)

    def _bury(self, stem: str, key: str, label: str) -> None:
        with self._lock:
            self._damaged.append(label)
        self._additions.bury(stem, key)
