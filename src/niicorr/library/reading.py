"""New maps on their way to a library or a search: read, judged, and brought to one grid and mask."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from niicorr.errors import NiicorrError, UsageError
from niicorr.hashes import file_hash
from niicorr.images.mapset import MapFile, MapSet, read_maps
from niicorr.images.sampling import Sampling, choose_sampling, settle
from niicorr.images.shelf import Shelf
from niicorr.images.survey import Survey, survey
from niicorr.images.voxels import Voxels
from niicorr.library.opened import Key
from niicorr.machine import default_jobs, memory_budget
from niicorr.options import Options
from niicorr.refusals import Skipping, refusal, stopped_by
from niicorr.typing import Progress

PER_CALL = ("volumes", "on_error", "max_map_size", "memory", "jobs", "cache")
"""Options of reading that are no matter of the library."""

SKIPPING = Skipping("leave {it} out", "No new map is left.")
"""What a library, or a search, does with maps that it goes on without."""


@dataclass(frozen=True, eq=False)
class Known:
    """A map that need not be read: its file's path, and what it is known by."""

    path: str
    key: Key


@dataclass(frozen=True, eq=False)
class NewMaps:
    """Maps as they were read, in the sampling of a library; ``known`` were left out before they were inflated."""

    survey: Survey
    sampling: Sampling
    known: tuple[Known, ...] = ()


def read_new(
    maps: Any, options: Options, sampled: dict[str, Any], progress: Progress, keys: Collection[Key] = ()
) -> NewMaps | tuple[Known, ...]:
    """Read maps and settle how they get to the grid; all that cannot be used are named at once.

    Parameters
    ----------
    maps
        As for `niicorr.correlate`.
    options : Options
        How they are read.
    sampled : dict
        ``mask`` and ``grid``, as `choose_sampling` takes them.
    progress : callable
        Told of maps read.
    keys : collection
        Maps that are known; a file all of whose maps are is hashed, not inflated.

    Returns
    -------
    NewMaps, or tuple of Known
        The latter where every map is known.
    """
    cache = None
    if options.cache is not None:
        from niicorr.images.cache.store import open_cache  # who has no cache need not load one

        cache = open_cache(options.cache)
    found = read_maps(maps, volumes=options.volumes, on_error="skip", max_map_size=options.max_map_size, cache=cache)
    known = () if cache is not None else _known(found, keys)
    if known:
        paths = {each.path for each in known}
        found = _without(found, paths)
        if not found.files:
            return known
    jobs = options.jobs or default_jobs()
    with progress(len(found), "reading maps") as advance:
        read = survey(found, background=options.background, zeros=options.zeros, jobs=jobs,
                      keep=memory_budget(options.memory) / 2, progress=advance, cache=cache)
    try:
        sampling = choose_sampling(read, interpolation=options.interpolation, **sampled)
    except NiicorrError as error:
        raise stopped_by(error, [read], options, SKIPPING) from None
    read = settle(read, sampling, options.resample)
    if problem := refusal([read], options, SKIPPING):
        raise problem
    return NewMaps(read, sampling, known)


def part(read: Survey, start: int, stop: int) -> Survey:
    """Cut the maps from ``start`` to ``stop`` out of a survey; their voxels stay on the shelf they are on."""
    files: list[MapFile] = []
    for file in read.maps.files:
        first, last = max(start - file.first, 0), min(stop - file.first, len(file.labels))
        if first < last:
            files.append(replace(file, first=file.first + first - start, which=file.which[first:last],
                                 labels=file.labels[first:last]))
    labels = read.maps.labels[start:stop]
    return replace(read, maps=MapSet(tuple(files), labels), readings=read.readings[start:stop],
                   shelf=_ShelfFrom(read.shelf, start))


def demand_options(given: dict[str, Any], allowed: Collection[str], what: str) -> None:
    """Refuse keyword arguments that are none of those allowed."""
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise UsageError(f"{what} takes no option {unknown[0]!r}; known are {', '.join(allowed)}")


class _ShelfFrom(Shelf):
    """A shelf whose places are counted from a later one."""

    def __init__(self, shelf: Shelf, first: int) -> None:
        super().__init__(0)
        self._shelf, self._first = shelf, first

    def take(self, index: int) -> Voxels | None:
        return self._shelf.take(self._first + index)


def _known(maps: MapSet, keys: Collection[Key]) -> tuple[Known, ...]:
    """Find the files all of whose maps are known, by size first and hash then."""
    sizes = {size for size, _, _ in keys}
    return tuple(known for file in maps.files for known in _known_of(file, keys, sizes)) if sizes else ()


def _known_of(file: MapFile, keys: Collection[Key], sizes: set[int]) -> tuple[Known, ...]:
    header = file.header
    if header is None or header.array is not None or header.path != header.data_path or file.problem is not None:
        return ()  # of a pair both halves would have to be hashed
    try:
        size = os.stat(header.path).st_size
        if size not in sizes:
            return ()
        digest = file_hash(header.path)
    except OSError:
        return ()  # it is named where it is read
    volumes = file.which if header.n_volumes > 1 else (None,)
    found = [(size, digest, volume) for volume in volumes]
    if not all(key in keys for key in found):
        return ()
    return tuple(Known(file.source.path, key) for key in found)


def _without(maps: MapSet, paths: Collection[str]) -> MapSet:
    files, count = [], 0
    for file in maps.files:
        if file.source.path not in paths:
            files.append(replace(file, first=count))
            count += len(file.labels)
    return MapSet(tuple(files), tuple(label for file in files for label in file.labels))
