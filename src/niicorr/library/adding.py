"""Adding maps to a library: ``niicorr index``."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from niicorr._version import __version__
from niicorr.analysis import listener
from niicorr.compute.similarity import MIN_COMMON
from niicorr.disk import sync_folder
from niicorr.errors import DomainWarning, InputError, ResourceError, UsageError, told_on
from niicorr.hashes import file_hash, record_hash
from niicorr.hidden import hidden_folder, remove
from niicorr.images.extract import extract
from niicorr.images.sampling import Sampling, choose_sampling, one_header
from niicorr.images.write import write_volume
from niicorr.library.features import features_of, null_of_mask
from niicorr.library.layout import (
    KIND,
    MASK,
    MASK_HASH,
    READING,
    RECORD,
    SCHEMA,
    background_of,
    judge_place,
    sweep,
)
from niicorr.library.opened import Key, Library, key_of, open_library
from niicorr.library.reading import PER_CALL, Known, NewMaps, demand_options, part, read_new
from niicorr.library.rounding import own_values, split
from niicorr.library.shards import write_shard
from niicorr.machine import default_jobs, memory_budget, one_blas_thread, versions
from niicorr.matrix import MapMatrix, row_dtype
from niicorr.matrix_folder import grid_fields, write_json, write_synced
from niicorr.nulls.effective import EffectiveNull
from niicorr.numerals import integer, plural
from niicorr.options import Options, options_of
from niicorr.own_files import PROGRAM
from niicorr.records import Decision, MapRecord
from niicorr.rights import make_folders, resource_text
from niicorr.space import same_grid
from niicorr.tables import path_text
from niicorr.typing import IntArray, Progress

SHARD_BYTES = 64 * 2**20
"""Float32 rows of a shard: so much work is lost at most when an addition is interrupted."""

OPTIONS = (*READING, *PER_CALL)


@dataclass(frozen=True, eq=False)
class IndexReport:
    """What `index` did.

    Attributes
    ----------
    path : str
        The library.
    created : bool
        Whether it was made now.
    n_maps : int
        Maps that it holds now.
    added : tuple of MapRecord
        Maps that are new in it.
    known : tuple of (path, label)
        Maps that were there already, each with its name in the library.
    left_out : tuple of MapRecord
        Maps that cannot be used; ``error`` says why.
    decisions, warnings
        About the maps together: grid, mask, names.
    """

    path: str
    created: bool
    n_maps: int
    added: tuple[MapRecord, ...]
    known: tuple[tuple[str, str], ...] = ()
    left_out: tuple[MapRecord, ...] = ()
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (f"IndexReport: {plural(len(self.added), 'map')} added to {self.path}, {integer(len(self.known))} were "
                f"there, {integer(len(self.left_out))} left out; it holds {integer(self.n_maps)}")


@told_on("docs/library.md")
def index(
    maps: Any, library: str | os.PathLike[str], *, progress: Progress | None = None, warn: bool = True, **options: Any
) -> IndexReport:
    """Make a library of maps, or add maps to one, so that the most similar of them can be searched for.

    Parameters
    ----------
    maps : str, path, image, (array, affine), DataFrame with ``path``, or a list of these
        Files, folders, patterns, ``.tsv`` manifests (further columns are kept), nibabel images.
    library : str
        The folder; made where there is none. Maps that it holds already, by the hash of their files, are not added
        again, and maps whose files have gone stay in it.
    progress : callable, optional
        As for `niicorr.correlate`.
    warn : bool
        Whether what must be known first is issued as a warning, too.
    mask : 'auto', 'none', 'mni152', path, image or (array, affine)
        Which voxels may count.
    background, zeros, grid, resample, interpolation
        How maps are read, as for `niicorr.correlate`. These and the mask are the library's: they are chosen when it is
        made, and hold for all later maps.
    volumes, on_error, max_map_size, memory, jobs, cache
        As for `niicorr.correlate`; with ``on_error='skip'`` maps that cannot be used are left out.

    Returns
    -------
    IndexReport

    Raises
    ------
    UsageError
        The call is wrong, the folder holds something else, or another mask is asked for than the library has.
    InputError
        The maps cannot be used; all that are bad are named at once, and nothing is added.
    ResourceError
        No room, no permission. What was complete before stays in the library.

    Warns
    -----
    DomainWarning
        What must be known of the mask; also in ``warnings`` of the report.

    Notes
    -----
    Maps are kept as standard scores in the mask, float32 with the rest beside it (float64 where they are few), together
    with what the null model ``effective`` needs of each. An addition that breaks off keeps what it has completed.
    """
    progress = listener(progress)
    if not isinstance(library, str | os.PathLike):
        raise UsageError(f"a library is the path of a folder, not {type(library).__name__}")
    path = os.fspath(library)
    demand_options(options, OPTIONS, "index")
    given = {name: value for name, value in options.items() if value is not None}
    before = open_library(path) if judge_place(path) else None
    if before is None:
        chosen = options_of(given, None)
        if isinstance(chosen.grid, str) and chosen.grid in ("x", "y"):
            raise UsageError("the grid of a library is auto or a FILE: there is one set of maps")
        sampled: dict[str, Any] = {"mask": chosen.mask, "grid": chosen.grid}
    else:
        chosen, sampled = _as_in_library(before, given), before.sampling_options()
    found = read_new(maps, chosen, sampled, progress, () if before is None else before.keys)
    if not isinstance(found, NewMaps):
        assert before is not None  # or nothing could be known
        return IndexReport(path_text(path), False, len(before), (), tuple(_there(before, found)))
    if before is not None:
        _demand_mask(before, given, found)
    report = _Adding(path, before, chosen, found, progress).done()
    if warn:
        for text in report.warnings:
            warnings.warn(text, DomainWarning, stacklevel=3)  # over the frame of told_on
    return report


class _Adding:
    """Maps that were read, on their way into a library."""

    def __init__(
        self, path: str, before: Library | None, options: Options, found: NewMaps, progress: Progress
    ) -> None:
        self._path, self._before, self._options, self._progress = path, before, options, progress
        self._survey, self._sampling = found.survey, found.sampling
        self._known: list[tuple[str, str]] = [] if before is None else list(_there(before, found.known))
        self._added: list[MapRecord] = []
        self._left_out: list[MapRecord] = []
        self._decisions: list[Decision] = []
        self._keys: dict[Key, str] = {} if before is None else {k: r.label for k, r in before.keys.items()}
        self._labels = set() if before is None else {record.label for record in before.records}

    def done(self) -> IndexReport:
        """Add all of them, a shard at a time."""
        sampling, before = self._sampling, self._before
        new = self._new()
        with _Home(self._path, before is None) as home:
            if before is None:
                _write_head(home.folder, sampling, self._options, named=self._path)
                null = null_of_mask(sampling.features)
            else:
                sweep(self._path)
                null = before.null
            try:
                self._add(new, null, home)
            except BaseException as error:
                if self._added:
                    error.add_note(f"{plural(len(self._added), 'map')} had been added to {path_text(self._path)} "
                                   "before; what it holds is complete")
                raise
        if before is None and not self._added:
            raise InputError("there is no map to make a library of: every one is constant, or without data in the mask")
        n = len(self._added) + (0 if before is None else len(before))
        decisions = (*(sampling.decisions if before is None else ()), *self._decisions)
        return IndexReport(path_text(self._path), before is None, n, tuple(self._added), tuple(self._known),
                           tuple(self._left_out), decisions, sampling.warnings if before is None else ())

    def _new(self) -> IntArray:
        """Find the maps that can be used and are not there yet; of several of the same content the first."""
        new = []
        for i, reading in enumerate(self._survey.readings):
            record, key = reading.record, key_of(reading.record)
            if reading.problem is not None:
                self._left_out.append(record)
            elif key is not None and key in self._keys:
                self._known.append((record.path, self._keys[key]))
            else:
                new.append(i)
                if key is not None:
                    self._keys[key] = record.label
        return np.array(new, dtype=np.intp)

    def _add(self, new: IntArray, null: EffectiveNull, home: _Home) -> None:
        n, options = self._sampling.features.n, self._options
        jobs = options.jobs or default_jobs()
        kept = row_dtype(len(new), n)
        room = min(SHARD_BYTES, memory_budget(options.memory) // 8)
        at_once = max(room // (4 * max(n, 1)), 1)
        with self._progress(len(new), "indexing maps") as advance:
            for first in range(0, len(self._survey.readings), at_once):
                places = new[(new >= first) & (new < first + at_once)]
                if not places.size:
                    continue
                cut = part(self._survey, first, min(first + at_once, len(self._survey.readings)))
                # In float64 first: what is rounded off is kept, too.
                whole = extract(cut, self._sampling, resample_option=options.resample, n_maps=1, jobs=jobs)
                matrix = self._usable(whole, places - first)
                if len(matrix):
                    fine = None
                    if kept is np.float32:
                        matrix, fine = split(matrix)
                    own = own_values(matrix, fine)
                    with one_blas_thread():
                        features = features_of(matrix, null, jobs)

                    def settle(records: tuple[MapRecord, ...] = matrix.records) -> None:
                        home.settle()
                        self._added += records

                    write_shard(home.folder, matrix, fine, features, settle=settle, own=own, named=self._path)
                advance(places.size)

    def _usable(self, whole: MapMatrix, places: IntArray) -> MapMatrix:
        """Leave out what correlates with nothing, and give names that are new in the library."""
        useless = (whole.scale[places] == 0) | (whole.n_valid[places] < MIN_COMMON)
        for i in places[useless]:
            why = "constant" if whole.n_valid[i] >= MIN_COMMON else (
                f"{plural(int(whole.n_valid[i]), 'voxel')} with data")
            self._left_out.append(replace(whole.records[i], error=f"{why} in the mask: it correlates with nothing"))
        used = places[~useless]
        matrix = whole.part(used)
        zeros = {k: whole.zeros[i] for k, i in enumerate(used.tolist()) if i in whole.zeros}
        records = tuple(self._named(record) for record in matrix.records)
        exact = whole.exact
        return replace(matrix, labels=tuple(record.label for record in records), records=records, zeros=zeros,
                       exact=None if exact is None else lambda k: exact(int(used[k])))

    def _named(self, record: MapRecord) -> MapRecord:
        label, number = record.label, 2
        if label in self._labels:
            parent = os.path.basename(os.path.dirname(record.path))
            label = f"{parent}/{record.label}" if parent else label
        while label in self._labels:
            label, number = f"{record.label} ({number})", number + 1
        self._labels.add(label)
        if label != record.label:
            self._decisions.append(Decision("label", f"{record.path} is called {label}: the library has another "
                                            f"{record.label}"))
        return replace(record, label=label)


class _Home:
    """Where shards are put: a library, or one in the making, which is put in place with its first shard."""

    def __init__(self, path: str, new: bool) -> None:
        self._path, self._new = path, new
        self.folder = path

    def __enter__(self) -> _Home:
        if self._new:
            place = os.path.abspath(self._path)
            try:
                make_folders(os.path.dirname(place))
                self.folder = hidden_folder(os.path.dirname(place))
            except OSError as error:
                raise ResourceError(resource_text(path_text(self._path), error)) from None
        return self

    def settle(self) -> None:
        """Put a library that has a shard now in place."""
        if not self._new:
            return
        try:
            sync_folder(self.folder)
            os.rename(self.folder, self._path)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise UsageError(f"{path_text(self._path)} was made by another process meanwhile: run the command "
                                 "again to add to it") from None
            raise ResourceError(resource_text(path_text(self._path), error)) from None
        self.folder, self._new = self._path, False

    def __exit__(self, *_: object) -> None:
        if self._new:
            remove(self.folder)


def _write_head(folder: str, sampling: Sampling, options: Options, *, named: str) -> None:
    """Write what all maps of a library share; ``named`` is where it is going to be."""
    resolved = options.resolved()
    try:
        write_synced(os.path.join(folder, "indices.npy"), sampling.indices.astype(np.int64))
        write_volume(os.path.join(folder, MASK), sampling.mask, sampling.grid)
        record = {
            "program": PROGRAM, "kind": KIND, "schema": SCHEMA, "version": __version__,
            "n_voxels": sampling.features.n, "grid": grid_fields(sampling.grid),
            "options": {name: resolved[name] for name in READING},
            "decisions": [asdict(decision) for decision in sampling.decisions],
            "warnings": list(sampling.warnings), "versions": versions(),
            MASK_HASH: file_hash(os.path.join(folder, MASK))}
        write_json(os.path.join(folder, RECORD), {**record, "digest": record_hash(record, "digest")})
    except OSError as error:
        raise ResourceError(resource_text(path_text(named), error)) from None


def _as_in_library(library: Library, given: dict[str, Any]) -> Options:
    """Take how maps are read from the library; whatever else was asked for is refused by name."""
    held: dict[str, Any] = {name: library.options[name] for name in READING if name not in ("mask", "grid")}
    held["background"] = background_of(held["background"])
    chosen = options_of({**{k: v for k, v in given.items() if k not in ("mask", "grid")}, **held}, None)
    asked = options_of({k: v for k, v in given.items() if k in held}, None)
    for name, value in held.items():
        wanted = getattr(asked, name)
        if name in given and wanted != value and not (wanted != wanted and value != value):  # noqa: PLR0124  # NaN
            raise UsageError(f"the maps of {path_text(library.path)} are read with {name} {value}, not {wanted}: that "
                             "is chosen when a library is made; make another, or leave the option out")
    if "grid" in given and not (isinstance(given["grid"], str) and given["grid"] == "auto"):
        grid = library.features.grid
        assert grid is not None
        other = one_header(given["grid"], "--grid").grid
        if not same_grid(grid, other):
            raise UsageError(f"the library {path_text(library.path)} has {grid.describe()}, and {other.describe()} "
                             "were asked for: a library has one grid; make another, or leave the option out")
    return chosen


def _demand_mask(library: Library, given: dict[str, Any], found: NewMaps) -> None:
    """Refuse another mask than the library's."""
    mask = given.get("mask", "auto")
    if isinstance(mask, str) and mask == "auto":
        return
    own = library.mask
    other = choose_sampling(found.survey, mask=mask, grid=library.sampling_options()["grid"]).mask
    differ = int(np.count_nonzero(own != other))
    if differ:
        raise UsageError(f"the library {path_text(library.path)} has a mask of {integer(int(own.sum()))} voxels, and "
                         f"the one asked for has {integer(int(other.sum()))}; {plural(differ, 'voxel')} "
                         f"{'differs' if differ == 1 else 'differ'}: a library has one mask; make "
                         "another library, or leave the option out")


def _there(library: Library, known: tuple[Known, ...]) -> Iterator[tuple[str, str]]:
    """Tell of maps that are in the library: path, and name there."""
    yield from ((path_text(each.path), library.keys[each.key].label) for each in known)
