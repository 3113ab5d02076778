"""Every map of a set read once: checked to its last byte, its background and zeros understood.

Readings keep what is needed to choose grid and mask; the voxels themselves wait on a shelf of bounded size
until they are extracted, and are read again where the shelf was full.
"""

from __future__ import annotations

import hashlib
import mmap
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TypeVar

import numpy as np

from niicorr.errors import MapError, UsageError
from niicorr.images.header import pair_halves
from niicorr.images.inspect import BackgroundOption, Inspection, inspect
from niicorr.images.load import TRAILING, FileFacts, volumes
from niicorr.images.mapset import MapFile, MapSet, record
from niicorr.images.stream import ByteStream
from niicorr.images.voxels import Voxels
from niicorr.records import Decision, MapRecord
from niicorr.space import Grid
from niicorr.tables import printable
from niicorr.typing import BitArray, FloatArray, ZeroReading, Zeros

OWN_PAGES = 1 << 22
"""From so many bytes on the shelf, values get pages of their own."""

T = TypeVar("T")
R = TypeVar("R")
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
    """

    record: MapRecord
    grid: Grid | None = None
    inside_bits: BitArray | None = None
    outline: bool = False
    zeros: ZeroReading | None = None
    by_rule: bool = False
    problem: MapError | None = None

    def fail(self, problem: MapError) -> MapReading:
        """The same map, unusable."""
        return MapReading(replace(self.record, error=printable(problem.text)), problem=problem)

    def decide(self, *decisions: Decision) -> MapReading:
        """The same map with more decisions."""
        return replace(self, record=replace(self.record, decisions=(*self.record.decisions, *decisions)))


class Shelf:
    """Voxels waiting for extraction, up to a number of bytes; what does not fit is read again later."""

    def __init__(self, limit: float) -> None:
        self._limit, self._held = limit, 0
        self._voxels: dict[int, Voxels] = {}
        self._lock = threading.Lock()

    def put(self, index: int, voxels: Voxels) -> None:
        """Keep the voxels of map ``index`` if there is room."""
        with self._lock:
            if self._held + voxels.nbytes <= self._limit:
                own = self._held > OWN_PAGES
                self._voxels[index] = replace(voxels, values=_on_own_pages(voxels.values)) if own else voxels
                self._held += voxels.nbytes

    def take(self, index: int) -> Voxels | None:
        """Hand the voxels over and forget them."""
        with self._lock:
            voxels = self._voxels.pop(index, None)
            self._held -= 0 if voxels is None else voxels.nbytes
            return voxels


def _on_own_pages(values: FloatArray) -> FloatArray:
    """Copy values to memory of their own, which goes back to the system as soon as they are dropped.

    Rows fill up while the shelf empties; taken from the allocator's heap, the two would add up.
    """
    if values.nbytes < mmap.PAGESIZE:
        return values
    copy = np.frombuffer(mmap.mmap(-1, values.nbytes), dtype=values.dtype)
    copy[...] = values
    return copy


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
    """

    maps: MapSet
    readings: tuple[MapReading, ...]
    shelf: Shelf
    background: BackgroundOption
    zeros: Zeros
    settled: bool = False

    def __repr__(self) -> str:
        return f"Survey: {len(self.readings)} maps read, {len(self.problems)} of them not usable"

    @property
    def problems(self) -> list[MapError]:
        """What is wrong with the maps that cannot be used."""
        return [r.problem for r in self.readings if r.problem is not None]

    def voxels(self, file: MapFile) -> Iterator[tuple[int, Voxels]]:
        """(position in the set, voxels) of each usable map of a file; from the shelf or read again."""
        positions = range(file.first, file.first + len(file.labels))
        held = [(i, self.shelf.take(i)) for i in positions]
        if file.header is None or all(self.readings[i].problem is not None for i in positions):
            return
        again = None
        if any(voxels is None for _, voxels in held):
            again = volumes(file.header, file.which, FileFacts())
        for i, kept in held:
            volume = next(again) if again is not None else None
            if self.readings[i].problem is not None:
                continue
            if kept is not None:
                yield i, kept
            elif volume is not None:
                yield i, inspect(volume, self.background, self.zeros).voxels


def survey(
    maps: MapSet,
    *,
    background: BackgroundOption = "auto",
    zeros: Zeros = "auto",
    jobs: int = 1,
    keep: float = float("inf"),
    progress: Advance | None = None,
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
    shelf = Shelf(keep)

    def read(file: MapFile) -> list[MapReading]:
        readings = _read_file(file, shelf, background, zeros)
        if progress is not None:
            progress(len(readings))
        return readings

    return Survey(maps, tuple(r for part in in_threads(read, maps.files, jobs) for r in part), shelf, background, zeros)


def in_threads(work: Callable[[T], R], items: Sequence[T], jobs: int) -> list[R]:
    """Do the work for every item, in order; on an error or an interrupt, start no more of it."""
    if jobs <= 1 or len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(jobs, len(items))) as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _read_file(
    file: MapFile, shelf: Shelf, background: BackgroundOption, zeros: Zeros
) -> list[MapReading]:
    records = [record(file, volume, label) for volume, label in zip_longest(file.which, file.labels)]
    if file.header is None or file.problem is not None:
        return [MapReading(r, problem=file.problem) for r in records]
    facts = FileFacts()
    readings: list[MapReading] = []
    try:
        stack = volumes(file.header, file.which, facts)
        for k, volume in enumerate(stack):
            found = inspect(volume, background, zeros)
            shelf.put(file.first + k, found.voxels)
            readings.append(_reading(records[k], file.header.grid, found))
    except MapError as problem:
        for k in range(len(readings)):
            shelf.take(file.first + k)
        return [MapReading(r).fail(problem) for r in records]
    extra = []
    if facts.trailing and file.header.trailer == "none":
        extra = [Decision("file", f"more follows after the last voxel ({facts.trailing} bytes) and was not used")]
    size, digest = _with_header(file, facts)
    return [replace(r, record=replace(r.record, size=size, blake2b=digest)).decide(*extra) for r in readings]


def _with_header(file: MapFile, facts: FileFacts) -> tuple[int | None, str | None]:
    """Size and hash of a file; of a pair, both halves count: one .img under two headers is two images."""
    header = file.header
    if header is None or header.array is not None or facts.size is None:
        return None, None
    header_path, data_path = pair_halves(header.path)
    if header_path == data_path:
        return facts.size, facts.blake2b
    with ByteStream(header_path) as stream:
        stream.drain(TRAILING)
        both = hashlib.blake2b(f"{stream.digest}{facts.blake2b}".encode(), digest_size=16)
        return facts.size + stream.file_size, both.hexdigest()


def _reading(base: MapRecord, grid: Grid, found: Inspection) -> MapReading:
    known = replace(base, background=found.background, background_share=found.share,
                    decisions=(*base.decisions, *found.decisions))
    return MapReading(known, grid, found.inside_bits, found.outline, found.zeros, found.by_rule)
