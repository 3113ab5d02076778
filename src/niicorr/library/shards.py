"""Shards of a library: maps that were added together, each shard a folder that never changes.

Beside the matrix (`niicorr.matrix_folder`) and the features of the null model a shard holds ``fine.npy`` where rows
are float32: what rounding took from them, in 254ths of a unit in the last place. Pairs that vary little over the
voxels they share are computed from these, as a run computes them from the files. Where that is not enough, ``own.npy``
holds the values themselves, and ``own_of.npy`` of which maps (`niicorr.library.rounding`). ``zeros.npy`` and
``zeros_of.npy`` tell where maps are zero whose zeros were read by rule, so that a search can say what the other reading
would make of r.
``checksums.npy`` has a checksum of every row of the large arrays (`niicorr.library.checksums`): shards of before have
none, and are checked as a whole against the hashes of their files when they are opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from niicorr._version import __version__
from niicorr.disk import sync_folder
from niicorr.errors import InputError, ResourceError
from niicorr.hashes import file_hash
from niicorr.hidden import hidden_place, remove
from niicorr.interrupts import signals_held
from niicorr.library.checksums import ARRAYS, CHECKSUMS, Checksums, checksums, read_checksums
from niicorr.library.features import (
    LARGE_FEATURES,
    NO_MAPS_NUMBERS,
    VERSION,
    MapFeatures,
    read_features,
    write_features,
)
from niicorr.library.layout import MAPS, SHARD_RECORD, put_in_place
from niicorr.library.rounding import PRECISION, joined, too_coarse
from niicorr.matrix import Features, MapMatrix, OwnValues, same_place
from niicorr.matrix_folder import (
    demand_file,
    open_matrix,
    read_array,
    read_json,
    write_json,
    write_matrix,
    write_synced,
)
from niicorr.nulls.effective import EffectiveNull
from niicorr.own_files import PROGRAM
from niicorr.records import MapRecord
from niicorr.rights import make_folder, resource_text, unreadable
from niicorr.tables import path_text
from niicorr.typing import BitArray, BoolArray, Float64Array, IntArray, ZeroReading

KIND, SCHEMA = "shard", 1

_KINDS = {"program": str, "kind": str, "schema": int, "version": str, "features": int, "digests": {...: str}}

LARGE = tuple(f"{name}.npy" for name in ARRAYS)
"""Files whose rows are checked as they are used; their hashes only when asked for."""

REMEDY = "Remove this shard's folder and index its maps again; the library's other maps are not touched"

_READINGS: tuple[ZeroReading, ...] = ("data", "missing")


@dataclass(frozen=True, eq=False)
class Shard:
    """Maps that were added together.

    Parameters
    ----------
    folder : str
        Where they are.
    labels, records
        Of the maps.
    center, scale : ndarray, shape (maps,), float64
        As `MapMatrix` has them.
    packed : ndarray of uint8, shape (distinct supports, bits)
        Where maps have data, packed.
    support_of : ndarray of int, shape (maps,)
        Which support each map has.
    features : Features
        The voxels of the library's mask.
    dtype : str
        Of the rows.
    checksums : Checksums or None
        Of the rows of large arrays; None where the files were checked as a whole.
    own : dict of int to int
        Which maps have their own values kept, too, and in which row of ``own.npy``.
    """

    folder: str
    labels: tuple[str, ...]
    records: tuple[MapRecord, ...]
    center: Float64Array
    scale: Float64Array
    packed: BitArray
    support_of: IntArray
    features: Features
    dtype: str
    checksums: Checksums | None
    own: dict[int, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def keys(self) -> list[bytes]:
        """The distinct supports, as their packed bits."""
        return [row.tobytes() for row in self.packed]

    def matrix(self) -> MapMatrix:
        """Return the maps, their rows memory-mapped for as long as the matrix is."""
        with _remedy_told():
            return self._matrix()

    def _matrix(self) -> MapMatrix:
        n = self.features.n
        rows = read_array(os.path.join(self.folder, MAPS, "rows.npy"), (self.dtype,), (len(self), n), mapped=True)
        supports = np.unpackbits(self.packed, axis=1, count=n).astype(np.bool_)
        matrix = MapMatrix(rows, self.center, self.scale, supports, self.support_of, self.labels, self.features,
                           self.records, self._zeros)
        if rows.dtype != np.float32 and not self.own:
            return matrix
        fine = None if rows.dtype != np.float32 else (
            read_array(os.path.join(self.folder, "fine.npy"), ("|i1",), (len(self), n), mapped=True))

        def exact(index: int) -> Float64Array:
            if index in self.own:
                return self._own_row(index)
            if fine is not None:
                self.demand("fine", fine, slice(index, index + 1))
            scores = joined(rows[index], None if fine is None else fine[index])
            return np.asarray(scores * self.scale[index] + self.center[index])

        return replace(matrix, exact=exact)

    def too_coarse(self, matrix: MapMatrix, index: int, common: BoolArray) -> bool:
        """Whether what is kept of a map does not tell how its values over some voxels differ."""
        return index not in self.own and too_coarse(matrix.rows[index][common], PRECISION[self.dtype])

    def _own_row(self, index: int) -> Float64Array:
        place = os.path.join(self.folder, "own.npy")
        with _remedy_told():  # few maps have one: no handle is kept for them
            rows = read_array(place, ("<f8",), (len(self.own), self.features.n), mapped=True)
            row = np.array(rows[self.own[index]])
            if not np.isfinite(row).all():
                raise InputError(f"{path_text(place)} is damaged: {NO_MAPS_NUMBERS}")
            return row

    def own_values(self, index: int) -> Float64Array:
        """Return one map in its own units, shape (features,); what stands where it has no data means nothing."""
        return np.asarray(OwnValues(self.matrix())(index), dtype=np.float64)

    @property
    def _zeros(self) -> dict[int, tuple[ZeroReading, BitArray]]:
        of = read_array(os.path.join(self.folder, "zeros_of.npy"), ("<i8",), (None, 2))
        bits = read_array(os.path.join(self.folder, "zeros.npy"), ("|u1",), (len(of), -(-self.features.n // 8)),
                          mapped=True)
        if ((of < 0) | (of >= [len(self), len(_READINGS)])).any():
            raise InputError(f"{path_text(os.path.join(self.folder, 'zeros_of.npy'))} is damaged: it names no map")
        return {int(i): (_READINGS[reading], row) for (i, reading), row in zip(of, bits, strict=True)}

    def demand_rows(self, matrix: MapMatrix, jobs: int) -> None:
        """Refuse the shard where a row of its matrix is not what was written."""
        if self.checksums is not None:
            with _remedy_told():
                self.checksums.demand_all("rows", matrix.rows, jobs)

    def demand(self, name: str, array: np.ndarray[Any, Any], places: slice) -> None:
        """Refuse the shard where one of these rows of an array is not what was written."""
        if self.checksums is not None:
            with _remedy_told():
                self.checksums.demand(name, array, places)

    def null_features(self, null: EffectiveNull) -> MapFeatures:
        """Return what the null model knows of the maps; ``null`` is that of the library's mask."""
        with _remedy_told():
            return read_features(self.folder, null, len(self), len(self.packed))


def write_shard(
    library: str, matrix: MapMatrix, fine: Any, features: MapFeatures, *, settle: Callable[[], None],
    own: Mapping[int, Float64Array] = MappingProxyType({}), named: str | None = None,
) -> None:
    """Add maps to a library as a shard of its own, whole or not at all.

    Parameters
    ----------
    library : str
        The folder.
    matrix : MapMatrix
        The maps.
    fine : ndarray of int8 or None
        What rounding took from float32 rows (`niicorr.library.rounding.split`).
    features : MapFeatures
        Of the maps.
    own : mapping of int to ndarray
        The values of maps whose rows do not tell enough of them.
    settle : callable
        Called once the shard is there. An interrupt that comes meanwhile waits until then: it is to be told of it.
    named : str, optional
        Where the library is going to be, for messages, while it lies under a hidden name.

    Raises
    ------
    ResourceError
        No room, no permission.
    """
    named = library if named is None else named
    work = hidden_place(library)
    try:
        make_folder(work)
        write_matrix(os.path.join(work, MAPS), matrix, named=named)
        of = [(i, _READINGS.index(reading)) for i, (reading, _) in matrix.zeros.items()]
        write_synced(os.path.join(work, "zeros_of.npy"), np.array(of, dtype=np.int64).reshape(-1, 2))
        write_synced(os.path.join(work, "zeros.npy"), np.array([bits for _, bits in matrix.zeros.values()],
                                                              np.uint8).reshape(len(of), -(-matrix.features.n // 8)))
        write_features(work, features)
        if fine is not None:
            write_synced(os.path.join(work, "fine.npy"), fine)
        if own:
            write_synced(os.path.join(work, "own.npy"), np.array(list(own.values()), dtype=np.float64))
            write_synced(os.path.join(work, "own_of.npy"), np.array(list(own), dtype=np.int64))
        large = {"rows": matrix.rows, **{name: getattr(features, name) for name in LARGE_FEATURES}}
        write_synced(os.path.join(work, CHECKSUMS),
                     checksums(matrix.records, large if fine is None else {**large, "fine": fine}))
        write_json(os.path.join(work, SHARD_RECORD), {
            "program": PROGRAM, "kind": KIND, "schema": SCHEMA, "version": __version__, "features": VERSION,
            "digests": {name: _digest(os.path.join(work, *name.split("/"))) for name in sorted(_files(work))}})
        sync_folder(work)
        with signals_held():
            put_in_place(library, work)
            settle()
    except OSError as error:
        if isinstance(error, ResourceError):
            raise
        raise ResourceError(resource_text(path_text(named), error)) from None
    finally:
        remove(work)


def open_shard(folder: str, features: Features) -> Shard:
    """Open a shard of a library whose mask has these voxels; its files are checked against their hashes.

    Of large arrays the rows are checked when they are used. A shard of before, which has no checksums of them, is read
    to its end.

    Raises
    ------
    InputError
        Where something is missing or damaged, or of a newer niicorr.
    """
    with _remedy_told():
        record = read_json(os.path.join(folder, SHARD_RECORD), _KINDS, KIND, SCHEMA)
        if record["features"] != VERSION:
            raise InputError(f"{path_text(folder)} was made for another version of the null model "
                             f"({record['features']}, and this niicorr has {VERSION})")
        _demand_hashes(folder, record["digests"])
        by_row = CHECKSUMS in record["digests"]
        for name, digest in record["digests"].items():
            if not (by_row and os.path.basename(name) in LARGE):
                _demand_digest(folder, name, digest)
        matrix = open_matrix(os.path.join(folder, MAPS))
        if matrix.features.n != features.n or not same_place(matrix.features, features):
            raise InputError(f"{path_text(folder)} is damaged: its maps have other voxels than the library's mask")
        found = read_checksums(folder, matrix.records) if by_row else None
        own = _own_of(folder, len(matrix), features.n) if "own.npy" in record["digests"] else {}
    return Shard(folder, matrix.labels, matrix.records, matrix.center, matrix.scale,
                 np.packbits(matrix.supports, axis=1), matrix.support_of, features, matrix.rows.dtype.str,
                 found, own)


def _own_of(folder: str, n_maps: int, n: int) -> dict[int, int]:
    """Read which maps have their own values kept, and demand that these are there."""
    place = os.path.join(folder, "own_of.npy")
    of = read_array(place, ("<i8",), (None,))
    if ((of < 0) | (of >= n_maps)).any():
        raise InputError(f"{path_text(place)} is damaged: it names no map")
    read_array(os.path.join(folder, "own.npy"), ("<f8",), (len(of), n), mapped=True)
    return {int(i): k for k, i in enumerate(of)}


def verify_shard(shard: Shard) -> None:
    """Check every byte of a shard against its hash; `InputError` names the file that is not what was written."""
    with _remedy_told():
        record = read_json(os.path.join(shard.folder, SHARD_RECORD), _KINDS, KIND, SCHEMA)
        _demand_hashes(shard.folder, record["digests"])
        for name, digest in record["digests"].items():
            _demand_digest(shard.folder, name, digest)


@contextmanager
def _remedy_told() -> Iterator[None]:
    """Let whatever is refused in here say what to do about it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{error}. {REMEDY}") from None


def _demand_hashes(folder: str, digests: dict[str, str]) -> None:
    """Refuse a record that leaves out a file: nobody would know what became of it."""
    unhashed = sorted(set(_files(folder)) - {SHARD_RECORD} - set(digests))
    if unhashed:
        raise InputError(f"{path_text(os.path.join(folder, SHARD_RECORD))} is damaged: it has no hash of "
                         f"{path_text(unhashed[0])}")


def _demand_digest(folder: str, name: str, digest: str) -> None:
    place = os.path.join(folder, *name.split("/"))
    if os.path.isabs(name) or ".." in name.split("/") or "\0" in name or not name.isascii():
        raise InputError(f"{path_text(os.path.join(folder, SHARD_RECORD))} is damaged: it names {name!r}")
    try:
        found = _digest(place)
    except PermissionError:
        raise unreadable(path_text(place)) from None
    except OSError as error:
        why = "it is missing" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise InputError(f"{path_text(place)} is damaged: {why}") from None
    if found != digest:
        raise InputError(f"{path_text(place)} is damaged: its hash is not the one that was written down")


def _files(folder: str) -> Iterator[str]:
    """Name the files of a shard, with / between folder and file; what a system puts there (``.DS_Store``) is none."""
    for name in _listed(folder):
        place = os.path.join(folder, name)
        if os.path.isdir(place):
            yield from (f"{name}/{below}" for below in _listed(place))
        else:
            yield name


def _listed(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except PermissionError:
        raise unreadable(path_text(folder)) from None
    except OSError as error:  # it goes at this moment, or the disk fails
        raise InputError(f"{path_text(folder)} is damaged: {error.strerror or error}") from None


def _digest(path: str) -> str:
    demand_file(path)
    return file_hash(path)
