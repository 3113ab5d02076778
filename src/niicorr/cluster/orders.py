"""What workers have to know, as files in a folder that they see: written by the client, read by each worker once.

- ``reading.json``: the files of both sets, and how they are read;
- ``placing.json``, ``mask.npy``: grid and mask, and how maps get there;
- ``x-00000000`` …: rows of the maps from that one on (`niicorr.cluster.shards`);
- ``x-moments.npy``, ``x-supports.npy``, ``x-support_of.npy``: what else is known of all maps of a set;
- ``comparing-0.json`` …, ``comparing-0-weights.npy`` …: a similarity with its weights and covariates.

Paths are absolute. No file is changed once a task may ask for it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from niicorr.cluster import demands
from niicorr.compute.similarity import Similarity
from niicorr.errors import InputError, MapError, ResourceError
from niicorr.images.cache.store import Cache, open_cache
from niicorr.images.discover import MapSource
from niicorr.images.inspect import BackgroundOption
from niicorr.images.mapset import MapFile, MapSet, VolumesOption, read_maps
from niicorr.images.sampling import Sampling
from niicorr.matrix import MapMatrix
from niicorr.matrix_folder import grid_fields, grid_of, read_array, save_array
from niicorr.records import MapRecord
from niicorr.tables import path_text
from niicorr.typing import Resample, Zeros

READING, PLACING, MASK = "reading.json", "placing.json", "mask.npy"


@dataclass(frozen=True)
class FileOrder:
    """A file of a set: its path, how many maps it holds, the number of the first one, whether it can be used at all."""

    path: str
    maps: int
    first: int
    usable: bool


@dataclass(frozen=True, eq=False)
class Reading:
    """The files of all sets, and how they are read.

    Parameters
    ----------
    folder : str
        Of the run.
    versions : dict
        Of the packages that numbers depend on.
    cache : str
        The folder where maps are kept as they were read.
    sets : dict of str to tuple of FileOrder
        ``x``, and ``y`` if there is a second set.
    volumes, background, zeros, max_map_size
        As for `read_maps` and `survey`.
    """

    folder: str
    versions: dict[str, str]
    cache: str
    sets: dict[str, tuple[FileOrder, ...]]
    volumes: VolumesOption
    background: BackgroundOption
    zeros: Zeros
    max_map_size: int

    def write(self) -> None:
        """Write it down."""
        fields = {**self.__dict__, "sets": {name: [list(file.__dict__.values()) for file in files]
                                            for name, files in self.sets.items()}}
        _write_json(os.path.join(self.folder, READING), fields)

    def cached(self, stage: str) -> Cache:
        """Return the cache, opened once by each process and for each stage: the next one finds what others added."""
        return _cache(self.cache, self.folder, stage)

    def files(self, name: str, start: int, stop: int, cache: Cache) -> MapSet:
        """Return some files of a set as maps."""
        return _map_set([(file, slice(None)) for file in self.sets[name][start:stop]], self, cache)

    def maps(self, name: str, start: int, stop: int, cache: Cache) -> MapSet:
        """Return some maps of a set, of files that hold others as well."""
        parts = [(file, slice(max(start - file.first, 0), min(stop - file.first, file.maps)))
                 for file in self.sets[name] if file.first < stop and start < file.first + file.maps]
        return _map_set(parts, self, cache)


@dataclass(frozen=True, eq=False)
class Placing:
    """Where maps are compared, and how they get there.

    Parameters
    ----------
    sampling : Sampling
        Grid and mask.
    resample_option, naive_step, n_maps
        As for `extract`.
    piece : int
        Maps of a shard.
    """

    sampling: Sampling
    resample_option: Resample
    naive_step: int
    n_maps: int
    piece: int

    def write(self, folder: str) -> None:
        """Write it down."""
        s = self.sampling
        save_array(os.path.join(folder, MASK), np.packbits(s.mask.ravel(order="F")))
        _write_json(os.path.join(folder, PLACING), {
            "grid": grid_fields(s.grid), "reference": s.reference, "interpolation": s.interpolation,
            "by_shape": [[list(shape), grid_fields(grid)] for shape, grid in s.by_shape.items()],
            "resample_option": self.resample_option, "naive_step": self.naive_step, "n_maps": self.n_maps,
            "piece": self.piece})


@lru_cache(maxsize=4)
def reading(folder: str) -> Reading:
    """Read how the files of a run are read."""
    fields = _read_json(folder, READING, demands.reading)
    sets = {name: tuple(FileOrder(*file) for file in files) for name, files in fields.pop("sets").items()}
    return Reading(sets=sets, **fields)


@lru_cache(maxsize=4)
def placing(folder: str) -> Placing:
    """Read where the maps of a run are compared."""
    fields, place = _read_json(folder, PLACING, demands.placing), os.path.join(folder, PLACING)
    grid = grid_of(fields["grid"], place)
    assert grid is not None  # it was written
    bits = read_array(os.path.join(folder, MASK), ("|u1",), (-(-grid.size // 8),))
    mask = np.unpackbits(bits, count=grid.size).astype(np.bool_).reshape(grid.shape, order="F")
    by_shape = {(int(a), int(b), int(c)): grid_of(told, place) for (a, b, c), told in fields["by_shape"]}
    sampling = Sampling(grid, mask, fields["reference"], by_shape, fields["interpolation"], (), ())
    return Placing(sampling, fields["resample_option"], fields["naive_step"], fields["n_maps"], fields["piece"])


@dataclass(frozen=True, eq=False)
class SetFacts:
    """What is known of all maps of a set beside their rows; see `MapMatrix`."""

    moments: np.ndarray[Any, Any]
    supports: np.ndarray[Any, Any]
    support_of: np.ndarray[Any, Any]

    @classmethod
    def of(cls, matrix: MapMatrix) -> SetFacts:
        """Take them from a matrix."""
        return cls(np.array([matrix.center, matrix.scale]), matrix.supports, matrix.support_of)

    def write(self, folder: str, name: str) -> None:
        """Write them down."""
        arrays = {"moments": self.moments, "supports": np.packbits(self.supports, axis=1),
                  "support_of": self.support_of.astype(np.int64)}
        for stem, array in arrays.items():
            save_array(os.path.join(folder, f"{name}-{stem}.npy"), array)

    def matrix(self, rows: np.ndarray[Any, Any], part: slice, sampling: Sampling, exact: Any = None) -> MapMatrix:
        """Put some maps together, supports as in the whole set: their order decides last digits."""
        labels = tuple(str(index) for index in range(part.start, part.stop))
        center, scale = self.moments[:, part]
        return MapMatrix(rows, center, scale, self.supports, self.support_of[part], labels, sampling.features,
                         (MapRecord("", ""),) * len(labels), exact=exact)


@lru_cache(maxsize=8)
def set_facts(folder: str, name: str) -> SetFacts:
    """Read what is known of all maps of a set."""
    n = placing(folder).sampling.indices.size

    def read(stem: str, dtype: str, *shape: int | None) -> np.ndarray[Any, Any]:
        return read_array(os.path.join(folder, f"{name}-{stem}.npy"), (dtype,), shape)

    supports = np.unpackbits(read("supports", "|u1", None, -(-n // 8)), axis=1, count=n).astype(np.bool_)
    support_of = read("support_of", "<i8", None).astype(np.intp)
    moments = read("moments", "<f8", 2, len(support_of))
    for stem, fit in (("support_of", (support_of >= 0) & (support_of < len(supports))),
                      ("moments", np.isfinite(moments[1]) & (moments[1] >= 0))):
        if not fit.all():
            raise InputError(f"{path_text(os.path.join(folder, f'{name}-{stem}.npy'))} is damaged: it does not fit "
                             f"{np.count_nonzero(~fit)} of the {len(support_of)} maps of its set")
    return SetFacts(moments, supports, support_of)


@dataclass(frozen=True, eq=False)
class Comparing:
    """Which sets are compared, and by what.

    Parameters
    ----------
    x, y : str
        Names of sets.
    similarity : Similarity
        With weights and covariates.
    null : str
        The kind of the null model that describes maps; empty where none does.
    """

    x: str
    y: str
    similarity: Similarity
    null: str = ""

    def write(self, folder: str, number: int) -> None:
        """Write it down."""
        s = self.similarity
        held = {name: getattr(s, name) for name in ("weights", "covariates") if getattr(s, name) is not None}
        for name, array in held.items():
            save_array(os.path.join(folder, f"comparing-{number}-{name}.npy"), array)
        _write_json(os.path.join(folder, f"comparing-{number}.json"), {
            "x": self.x, "y": self.y, "method": s.method, "threshold": float(s.threshold), "held": list(held),
            "null": self.null})


@lru_cache(maxsize=8)
def comparing(folder: str, number: int) -> Comparing:
    """Read what is compared."""
    fields = _read_json(folder, f"comparing-{number}.json", demands.comparing)
    n = placing(folder).sampling.indices.size
    arrays = {name: read_array(os.path.join(folder, f"comparing-{number}-{name}.npy"), ("<f8",),
                               (n,) if name == "weights" else (None, n)) for name in fields["held"]}
    for name, array in arrays.items():
        try:
            demands.held(name, array)
        except ValueError as error:
            path = path_text(os.path.join(folder, f"comparing-{number}-{name}.npy"))
            raise InputError(f"{path} is damaged: {error}") from None
    return Comparing(fields["x"], fields["y"], Similarity(fields["method"], fields["threshold"], **arrays),
                     fields["null"])


@lru_cache(maxsize=2)
def _cache(cache: str, _run: str, _stage: str) -> Cache:
    return open_cache(cache)


def forget() -> None:
    """Let go of all orders; those of a run that goes on are read again."""
    for known in (reading, placing, set_facts, comparing, _cache):
        known.cache_clear()


def _map_set(parts: list[tuple[FileOrder, slice]], how: Reading, cache: Cache) -> MapSet:
    files: list[MapFile] = []
    count = 0
    for order, volumes in parts:
        # One by one: of a list, a file that stands in it under two names would be taken once.
        file = _not_used(order)
        if order.usable:
            known = read_maps(order.path, volumes=how.volumes, on_error="skip", max_map_size=how.max_map_size,
                              cache=cache)
            found = known.files[0]
            if len(known.files) == 1 and found.problem is None and len(found.which) == order.maps:
                file = found
        n = len(range(order.maps)[volumes])
        files.append(replace(file, which=file.which[volumes], first=count,
                             labels=tuple(str(k) for k in range(count, count + n))))
        count += n
    return MapSet(tuple(files), tuple(str(k) for k in range(count)))


def _not_used(order: FileOrder) -> MapFile:
    """Stand in for a file that cannot be used; what is wrong with it is for the client to tell."""
    problem = MapError(order.path, "cannot be used")
    return MapFile(MapSource(order.path, "", problem=problem), None, (), (), 0, problem)


def _write_json(path: str, fields: dict[str, Any]) -> None:
    with open(path, "w", encoding="ascii") as file:
        json.dump(fields, file)


def _read_json(folder: str, name: str, sound: Callable[[Any], None]) -> dict[str, Any]:
    path = os.path.join(folder, name)
    try:
        with open(path, encoding="ascii") as file:
            fields: dict[str, Any] = json.load(file)
        sound(fields)
    except FileNotFoundError:
        raise ResourceError(f"a worker does not see {path_text(path)}: output, cache and maps must lie on a disk that "
                            "all workers see under the same name") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path_text(path)} is damaged: {error}") from None
    return fields
