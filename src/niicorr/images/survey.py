"""Every map of a set read once: checked to its last byte, its background and zeros understood.

Readings keep what is needed to choose grid and mask; the voxels themselves wait on a shelf of bounded size
until they are extracted, and are read again where the shelf was full.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from niicorr.errors import MapError, UsageError
from niicorr.images.cache.content import Content, combined
from niicorr.images.header import START, ImageHeader, demand_same, pair_halves
from niicorr.images.inspect import BackgroundOption, Inspection, inspect
from niicorr.images.load import FileFacts, volumes
from niicorr.images.mapset import MapFile, MapSet, record
from niicorr.images.shelf import Shelf
from niicorr.images.stream import TRAILING, ByteStream
from niicorr.images.voxels import Voxels
from niicorr.numerals import plural
from niicorr.records import Decision, MapRecord
from niicorr.space import Grid
from niicorr.tables import printable
from niicorr.threads import in_order
from niicorr.typing import BitArray, ZeroReading, Zeros

if TYPE_CHECKING:  # who has no cache need not load one
    from niicorr.images.cache.additions import StoredMap
    from niicorr.images.cache.facts import MapFacts
    from niicorr.images.cache.store import Cache

Advance = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class MapReading:
    """One map, read.

    Attributes
    ----------
    record : MapRecord
        With background and decisions; ``error`` says why a map could not be read.
    grid : Grid or None
        Its own; None where it could not be read.
    inside_bits : ndarray of uint8 or None
        Finite voxels that are not background, packed.
    outline : bool
        Whether a mask can be made from it.
    zeros : {'data', 'missing'} or None
        How its zeros are read.
    by_rule : bool
        Whether rule 5 decided that.
    problem : MapError or None
        What is wrong with the file.
    stored : StoredMap or None
        Where its voxels are in the cache.
    """

    record: MapRecord
    grid: Grid | None = None
    inside_bits: BitArray | None = None
    outline: bool = False
    zeros: ZeroReading | None = None
    by_rule: bool = False
    problem: MapError | None = None
    stored: StoredMap | None = None

    def fail(self, problem: MapError) -> MapReading:
        """The same map, unusable."""
        return MapReading(replace(self.record, error=printable(problem.text)), problem=problem)

    def decide(self, *decisions: Decision) -> MapReading:
        """The same map with more decisions."""
        return replace(self, record=replace(self.record, decisions=(*self.record.decisions, *decisions)))


@dataclass(frozen=True, eq=False)
class Survey:
    """A set of maps, read.

    Attributes
    ----------
    maps : MapSet
        What was asked for.
    readings : tuple of MapReading
        One for each map, in order.
    shelf : Shelf
        The voxels that are still in memory.
    background, zeros
        The options they were read with.
    settled : bool
        Whether it has been said how each map gets to the grid of comparison.
    cache : Cache or None
        Where voxels are that are not on the shelf.
    """

    maps: MapSet
    readings: tuple[MapReading, ...]
    shelf: Shelf
    background: BackgroundOption
    zeros: Zeros
    settled: bool = False
    cache: Cache | None = None

    def __repr__(self) -> str:
        return f"Survey: {len(self.readings)} maps read, {len(self.problems)} of them not usable"

    @property
    def problems(self) -> list[MapError]:
        """What is wrong with the maps that cannot be used."""
        return [r.problem for r in self.readings if r.problem is not None]

    def voxels(self, file: MapFile) -> Iterator[tuple[int, Voxels]]:
        """(position in the set, voxels) of each usable map of a file; from shelf or cache, or read again."""
        again: Iterator[tuple[int, Inspection]] = iter(())
        passage: _Passage | None = None
        sound = set(file.which)
        for k, i in enumerate(range(file.first, file.first + len(file.labels))):
            kept = self.shelf.take(i)
            reading = self.readings[i]
            if reading.problem is not None or file.header is None:
                continue
            if kept is None and reading.stored is not None and self.cache is not None:
                kept = self.cache.voxels(reading.stored, reading.record.label)
            if kept is None:
                sound.discard(file.which[k])
                if passage is None:
                    passage = _Passage(file, self.background, self.zeros, self.cache, sound)
                    again = enumerate(passage)
                kept = next(found for j, found in again if j == k).voxels
            yield i, kept
        if passage is None:
            return
        # At its end it turns out whether the file is still what it was, and the cache may have what was read again.
        for _ in again:
            pass
        if self.cache is not None:
            self.cache.seal()
        before, now = self.readings[file.first].record, passage.content
        if now is not None and before.blake2b is not None and (now.size, now.blake2b) != (before.size, before.blake2b):
            raise MapError(file.source.path, "the file changed while niicorr was at work",
                           "run again when nothing writes to it")


def survey(
    maps: MapSet,
    *,
    background: BackgroundOption = "auto",
    zeros: Zeros = "auto",
    jobs: int = 1,
    keep: float = float("inf"),
    progress: Advance | None = None,
    cache: Cache | None = None,
) -> Survey:
    """Read every map of a set once.

    Files that cannot be used do not raise here: their readings carry the problem, so that all bad files of
    both sets can be named together.

    Parameters
    ----------
    maps : MapSet
        From `read_maps`.
    background : 'auto', 'none' or float
        The value that means "no data here", per map.
    zeros : 'auto', 'data' or 'missing'
        What an exact zero means.
    jobs : int
        Files read at once (threads: inflating and arithmetic leave the interpreter free).
    keep : float
        Bytes of voxels that may stay in memory.
    progress : callable, optional
        Called with the number of maps done, once for each file.
    cache : Cache, optional
        Where maps are looked for before their files are read, and put when they have been.

    Returns
    -------
    Survey

    Raises
    ------
    UsageError
        Where ``maps`` is something else.
    """
    if not isinstance(maps, MapSet):
        raise UsageError(f"survey takes what read_maps returns, not {type(maps).__name__}")
    shelf = Shelf(keep, len(maps))

    def read(file: MapFile) -> list[MapReading]:
        readings = _read_file(file, shelf, background, zeros, cache)
        if progress is not None:
            progress(len(readings))
        return readings

    try:
        readings = tuple(r for part in in_order(read, maps.files, jobs) for r in part)
    finally:
        # Also where the run ends here: what was read need not be read again.
        if cache is not None:
            cache.seal()
    return Survey(maps, readings, shelf, background, zeros, cache=cache)


def _read_file(
    file: MapFile, shelf: Shelf, background: BackgroundOption, zeros: Zeros, cache: Cache | None
) -> list[MapReading]:
    records = [record(file, volume, label) for volume, label in zip_longest(file.which, file.labels)]
    if file.header is None or file.problem is not None:
        return [MapReading(r, problem=file.problem) for r in records]
    grid = file.header.grid
    known = {} if cache is None else cache.find(file, background, zeros)
    if len(known) == len(file.which):
        maps = [known[volume] for volume in file.which]
        return [_complete(_reading(r, grid, m.facts, m.inside_bits), file, m.content, m.facts.trailing, m)
                for r, m in zip(records, maps, strict=True)]
    passage = _Passage(file, background, zeros, cache, known)
    readings: list[MapReading] = []
    try:
        for k, found in enumerate(passage):
            bits = shelf.shared(found.voxels.bits)
            shelf.put(file.first + k, replace(found.voxels, bits=bits))
            inside_bits = bits if found.inside_bits is found.voxels.bits else shelf.shared(found.inside_bits)
            readings.append(_reading(records[k], grid, found, inside_bits))
    except MapError as problem:
        for k in range(len(readings)):
            shelf.take(file.first + k)
        return [MapReading(r).fail(problem) for r in records]
    stored = {volume: m for volume, m in known.items() if m.content == passage.content} | passage.stored
    return [_complete(r, file, passage.content, passage.trailing, stored.get(volume))
            for r, volume in zip(readings, file.which, strict=True)]


class _Passage:
    """A file read once, volume by volume; what is known only at its end is there when it has been iterated over.

    Attributes
    ----------
    content : Content or None
        Its bytes; None for an image in memory.
    trailing : int
        Bytes after the last voxel.
    stored : dict of int and StoredMap
        Where its volumes are in the cache.
    """

    def __init__(
        self, file: MapFile, background: BackgroundOption, zeros: Zeros, cache: Cache | None, known: Collection[int]
    ) -> None:
        self.content: Content | None = None
        self.trailing = 0
        self.stored: dict[int, StoredMap] = {}
        self._file, self._background, self._zeros, self._cache, self._known = file, background, zeros, cache, known

    def __iter__(self) -> Iterator[Inspection]:
        file, facts = self._file, FileFacts()
        assert file.header is not None  # callers have looked
        # What is in memory has no bytes of a file to be known by.
        cache = None if file.header.array is not None else self._cache
        with nullcontext() if cache is None else cache.adding(file, self._known) as addition:
            for volume, values in zip(file.which, volumes(file.header, file.which, facts), strict=True):
                found = inspect(values, self._background, self._zeros)
                if addition is not None:
                    addition.append(volume, found)
                yield found
            self.content, self.trailing = _content(file.header, facts), facts.trailing
            if addition is not None and self.content is not None:
                self.stored = addition.finish(self.content, self.trailing, self._background, self._zeros)


def _content(header: ImageHeader, facts: FileFacts) -> Content | None:
    """Size and hash of a file; of a pair, both halves count: one .img under two headers is two images."""
    if header.array is not None or facts.size is None or facts.blake2b is None:
        return None
    header_path, data_path = pair_halves(header.path)
    if header_path == data_path:
        return Content(facts.size, facts.blake2b)
    with ByteStream(header_path) as stream:
        demand_same(header, stream.read(START))
        stream.drain(TRAILING)
        return Content(facts.size + stream.file_size, combined(stream.digest, facts.blake2b))


def _reading(base: MapRecord, grid: Grid, found: Inspection | MapFacts, inside_bits: BitArray) -> MapReading:
    known = replace(base, background=found.background, background_share=found.share,
                    decisions=(*base.decisions, *found.decisions))
    return MapReading(known, grid, inside_bits, found.outline, found.zeros, found.by_rule)


def _complete(
    reading: MapReading, file: MapFile, content: Content | None, trailing: int, stored: StoredMap | None
) -> MapReading:
    """Add what is known of the file as a whole."""
    assert file.header is not None  # it was read
    extra = []
    if trailing and file.header.trailer == "none":
        extra = [Decision("file", f"more follows after the last voxel ({plural(trailing, 'byte')}) and was not used")]
    size, digest = (None, None) if content is None else (content.size, content.blake2b)
    known = replace(reading.record, size=size, blake2b=digest, decisions=(*reading.record.decisions, *extra))
    return replace(reading, record=known, stored=stored)
