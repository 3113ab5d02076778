"""What is added to a cache: maps while their files are read, shards put in place, damaged entries declared dead.

Nothing that goes wrong in here ends a run. Where the folder cannot be written, or the disk is full, no more is
written, and `Additions.fault` says why.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from niicorr.images.cache.content import Content
from niicorr.images.cache.facts import MapFacts, facts_of, map_key, map_text
from niicorr.images.cache.fields import digest
from niicorr.images.cache.files import Files
from niicorr.images.cache.index import DEAD, MAP, Index, dead_key, line
from niicorr.images.cache.layout import make
from niicorr.images.cache.shards import ShardWriter, crc32
from niicorr.images.inspect import BackgroundOption, Inspection
from niicorr.typing import BitArray, Zeros

if TYPE_CHECKING:
    from niicorr.images.mapset import MapFile

SHARD_BYTES = 64 * 2**20
"""A shard of this size is put in place: so much work is lost at most when a process is killed."""


@dataclass(frozen=True, eq=False)
class StoredMap:
    """A map in the cache.

    Attributes
    ----------
    key : str
        What it is found by.
    content : Content
        Of its file.
    stem : str
        Of the shard.
    facts : MapFacts
        What was found in the map, and where its voxels are.
    inside_bits : ndarray of uint8
        Finite voxels that are not background, packed.
    """

    key: str
    content: Content
    stem: str
    facts: MapFacts
    inside_bits: BitArray


class Additions:
    """The writing half of a cache; several threads may use it at once.

    Parameters
    ----------
    folder : str
        Of the cache.
    index : Index
        Told of what was put in place.
    files : Files
        Asked what it has learnt of files.
    fault : str
        Why nothing is written from the beginning; empty where it is.
    """

    def __init__(self, folder: str, index: Index, files: Files, fault: str = "") -> None:
        self.fault = fault
        self.count = 0
        self._folder, self._index, self.files = folder, index, files
        self._lock = threading.Lock()
        self._shard: ShardWriter | None = None
        self._lost: set[str] = set()
        self._made = False

    @contextmanager
    def of(self, file: MapFile, known: Collection[int] = ()) -> Iterator[Addition]:
        """Take maps in while a file is read; they are kept if it turns out to be sound (`Addition.finish`).

        Parameters
        ----------
        file : MapFile
            What is read.
        known : collection of int
            Volumes that are in the cache already; looked at as each comes up.
        """
        shard = None
        with self._lock:
            if not self.fault:
                # Whoever still writes into a full one puts it in place when done.
                if self._shard is None or self._shard.size >= SHARD_BYTES:
                    self._shard = ShardWriter(self._folder)
                shard = self._shard
                shard.users += 1
        try:
            yield Addition(self, shard, file, known)
        finally:
            if shard is not None:
                self._leave(shard)

    def seal(self) -> None:
        """Put in place what was added so far."""
        news = [] if self.fault else list(self.files.news())
        with self._lock:
            shard, self._shard = self._shard, None
            if shard is None and news:
                shard = ShardWriter(self._folder)
            if shard is not None:
                shard.lines += news
            done = shard is not None and shard.users == 0
        if shard is not None and done:
            self._put_in_place(shard)

    def bury(self, stem: str, key: str) -> None:
        """Declare an entry dead, so that the next run does not stumble over it."""
        with self._lock:
            self._index.dead.add((stem, key))
            if not self.fault:
                self._shard = self._shard or ShardWriter(self._folder)
                self._shard.lines.append(line(DEAD, dead_key(stem, key)))

    def lost(self, stem: str) -> bool:
        """Whether a shard of this run was not put in place."""
        return stem in self._lost

    def write(self, shard: ShardWriter, found: Inspection) -> MapFacts | None:
        """Append a map to a shard; None where that is no longer possible."""
        voxels = found.voxels
        # Hashed before the lock is taken: that is most of the work.
        values = shard.plain(voxels.values)
        supports = [None if bits is None else (digest(shard.plain(bits).data), bits)
                    for bits in (voxels.bits, voxels.some_zero_bits)]
        checksum = crc32(values)
        try:
            with self._lock:
                if self.lost(shard.stem):
                    return None
                self._make()
                offset = shard.append(values)
                bits, zero_bits = [None if s is None else shard.support(*s) for s in supports]
        except OSError as error:
            self._stop(shard, error)
            return None
        assert bits is not None  # every map has them
        return facts_of(found, offset, checksum, bits, zero_bits)

    def keep(self, shard: ShardWriter, key: str, facts: MapFacts) -> None:
        """Let a map that was appended be found."""
        text = map_text(facts, key).encode("ascii")
        with self._lock:
            if self.lost(shard.stem):
                return
            shard.maps.append((key, text))
            shard.lines.append(line(MAP, key, text))
            self.count += 1

    def _make(self) -> None:
        if not self._made:
            make(self._folder)
            self._made = True

    def _leave(self, shard: ShardWriter) -> None:
        with self._lock:
            shard.users -= 1
            if shard is self._shard and shard.size >= SHARD_BYTES:
                self._shard = None
            done = shard.users == 0 and shard is not self._shard
        if done:
            self._put_in_place(shard)

    def _put_in_place(self, shard: ShardWriter) -> None:
        if self.lost(shard.stem):
            return
        try:
            with self._lock:
                self._make()
            shard.seal()
        except OSError as error:
            self._stop(shard, error)
            return
        with self._lock:
            for key, text in shard.maps:
                self._index.maps.setdefault(key, []).append((shard.stem, text))

    def _stop(self, shard: ShardWriter, error: OSError) -> None:
        """Write no more in this run: there is no room, no permission, no folder any more."""
        with self._lock:
            self.fault = self.fault or error.strerror or str(error)
            if not self.lost(shard.stem):
                self._lost.add(shard.stem)
                self.count -= len(shard.maps)
                shard.drop()
            if self._shard is shard:
                self._shard = None


class Addition:
    """Maps of one file on their way into the cache; made by `Additions.of`."""

    def __init__(self, to: Additions, shard: ShardWriter | None, file: MapFile, known: Collection[int]) -> None:
        self._to, self._shard, self._file, self._known = to, shard, file, known
        self._taken: dict[int, tuple[MapFacts, BitArray]] = {}

    def append(self, volume: int, found: Inspection) -> None:
        """Take in what was found in a volume."""
        if self._shard is not None and volume not in self._known:
            facts = self._to.write(self._shard, found)
            if facts is not None:
                self._taken[volume] = facts, found.inside_bits

    def finish(
        self, content: Content, trailing: int, background: BackgroundOption, zeros: Zeros
    ) -> dict[int, StoredMap]:
        """Keep the maps, now that the file is known to its end; return them by volume.

        Parameters
        ----------
        content : Content
            Of the file, as it was read.
        trailing : int
            Bytes after the last voxel.
        background, zeros
            How it was read.
        """
        shard, header, kept = self._shard, self._file.header, {}
        assert header is not None  # it was read
        self._to.files.learn(header, content)
        for volume, (facts, inside) in self._taken.items():
            assert shard is not None  # or nothing had been taken
            whole = replace(facts, trailing=trailing)
            key = map_key(content, header, volume, background, zeros)
            self._to.keep(shard, key, whole)
            kept[volume] = StoredMap(key, content, shard.stem, whole, inside)
        return kept
