"""A matrix of maps as a folder of plain arrays: rows that are memory-mapped, never a pickle.

The folder is made under a hidden name beside its place, brought to the disk and renamed: it is there whole or not at
all, and nothing in it is ever changed. It holds

- ``rows.npy``, maps × features, float32 or float64: standard scores;
- ``moments.npy``, 2 × maps: mean and standard deviation of each map;
- ``supports.npy``, distinct supports × packed bits, and ``support_of.npy``, which of them each map has;
- ``indices.npy``, ``centroids.npy``, ``volumes.npy``: where features are, as far as they have a place;
- ``maps.json``: labels, records, grid.

What a matrix can tell beyond its numbers (the other reading of its zeros, naive rows, values read anew from files)
stays behind, as in `MapMatrix.part`.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import shutil
import stat
import tokenize
from typing import IO, Any

import numpy as np

from niicorr._version import __version__
from niicorr.disk import read_regular, sync_folder
from niicorr.errors import InputError, ResourceError, UsageError
from niicorr.matrix import Features, MapMatrix
from niicorr.own_files import PROGRAM
from niicorr.record_fields import MAP, demand, map_fields, map_record
from niicorr.record_text import parsed
from niicorr.rights import make_folder, resource_text, unreadable
from niicorr.space import Grid, affine_fault
from niicorr.tables import path_text

SCHEMA, KIND = 1, "matrix"

RECORD = "maps.json"

LARGEST_RECORD = 2**30
"""Bytes of the largest ``maps.json`` that is looked into."""

LONGEST_HEADER = 1 << 16
"""Bytes of the header of an array; ours have 118."""

_HEAD = re.compile(rb"\x93NUMPY\x01\x00..\{'descr': '[<>|=]?[biufcmMOSUV][0-9]*(?:\[[0-9A-Za-z]+\])?', "
                   rb"'fortran_order': (?:True|False), 'shape': \([0-9, ]*\), \} *\n", re.DOTALL)

NO_ARRAY = (EOFError, ValueError, ArithmeticError, TypeError, MemoryError, SyntaxError, tokenize.TokenError)
"""What numpy may raise over a damaged array: it reads headers as Python, and takes memory on their word."""

LARGEST_GRID = 1 << 33
"""Voxels; no grid of maps has so many."""

GRID = {"shape": [int], "affine": [[(int, float)]], "known": bool, "mni": bool}
"""What a record tells of a grid, as `niicorr.record_fields.MAP` tells kinds."""

_PLACES = ("indices", "centroids", "volumes")
_KINDS = {
    "program": str, "kind": str, "schema": int, "version": str, "labels": [str], "records": [MAP],
    "features": {"n": int, "given": (int, type(None)), "arrays": [str]}, "grid": GRID,
}


def write_matrix(folder: str, matrix: MapMatrix, *, named: str | None = None) -> None:
    """Write a matrix into a folder of its own, whole or not at all.

    Parameters
    ----------
    folder : str
        Where it is to be; must not exist, its parent must.
    matrix : MapMatrix
        Of any features.
    named : str, optional
        What messages call its place, where that is a hidden one.

    Raises
    ------
    UsageError
        Where there is something of that name.
    ResourceError
        No room, no permission.
    """
    if os.path.lexists(folder):
        raise UsageError(f"{path_text(folder)} exists already: a matrix gets a folder of its own")
    parent, name = os.path.split(os.path.abspath(folder))
    work = os.path.join(parent, f".{name}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        make_folder(work)
        for stem, array in _arrays(matrix).items():
            write_synced(os.path.join(work, f"{stem}.npy"), array)
        write_json(os.path.join(work, RECORD), _record(matrix))
        sync_folder(work)
        os.rename(work, folder)
        sync_folder(parent)
    except OSError as error:
        raise ResourceError(resource_text(path_text(folder if named is None else named), error)) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def open_matrix(folder: str) -> MapMatrix:
    """Open a matrix that `write_matrix` wrote.

    Parameters
    ----------
    folder : str
        Where it is.

    Returns
    -------
    MapMatrix
        Its rows are memory-mapped and cannot be written to.

    Raises
    ------
    InputError
        Where something is missing, damaged, or of a newer niicorr; it names the file.
    ResourceError
        Where there is no permission to read it.
    """
    record = read_json(os.path.join(folder, RECORD), _KINDS, KIND, SCHEMA)
    labels, entries, told = tuple(record["labels"]), record["records"], record["features"]
    size, n = len(labels), told["n"]
    place = path_text(os.path.join(folder, RECORD))
    if len(set(labels)) < size or len(entries) != size or not 0 <= n < 2**40:
        raise InputError(f"{place} is damaged: {size} labels ({len(set(labels))} different) for {len(entries)} maps "
                         f"of {n} features")
    rows = read_array(os.path.join(folder, "rows.npy"), ("<f4", "<f8"), (size, n), mapped=True)
    center, scale = read_array(os.path.join(folder, "moments.npy"), ("<f8",), (2, size))
    packed = read_array(os.path.join(folder, "supports.npy"), ("|u1",), (None, -(-n // 8)))
    support_of = read_array(os.path.join(folder, "support_of.npy"), ("<i8",), (size,))
    if size and not 0 <= int(support_of.min()) <= int(support_of.max()) < len(packed):
        raise InputError(f"{path_text(os.path.join(folder, 'support_of.npy'))} is damaged: it names supports "
                         f"{support_of.min()} to {support_of.max()} of {len(packed)}")
    if not (scale >= 0).all():
        raise InputError(f"{path_text(os.path.join(folder, 'moments.npy'))} is damaged: a standard deviation is "
                         "negative or no number")
    supports = np.unpackbits(packed, axis=1, count=n).astype(np.bool_)
    try:
        records = tuple(map_record(entry) for entry in entries)
    except (TypeError, ValueError) as error:
        raise InputError(f"{place} is damaged: {error}") from None
    return MapMatrix(rows, center, scale, supports, support_of.astype(np.intp), labels,
                     _features(folder, told, record.get("grid")), records)


def write_synced(path: str, array: np.ndarray[Any, Any]) -> None:
    """Write an array in little-endian, C order, down to the disk."""
    with open(path, "xb") as file:
        put_array(file, np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")))
        file.flush()
        os.fsync(file.fileno())


def save_array(path: str, array: np.ndarray[Any, Any]) -> None:
    """Write an array that is wanted for no longer than a run."""
    with open(path, "wb") as file:
        put_array(file, array)


def put_array(file: IO[bytes], array: np.ndarray[Any, Any]) -> None:
    """Write an array as `numpy.save` does, through Python: numpy takes no notice where the last bytes have no room."""
    whole = np.ascontiguousarray(array)
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(whole))
    file.write(whole.reshape(-1).view(np.uint8).data)


def read_array(
    path: str, dtypes: tuple[str, ...], shape: tuple[int | None, ...], *, mapped: bool = False
) -> np.ndarray[Any, Any]:
    """Read an array of one of some types and a shape (None: any length); refuse any other by name.

    ``mapped``: read-only, from the file as it is used.
    """
    try:
        demand_file(path)
        with open(path, "rb") as file:
            demand_own_header(file.readline(LONGEST_HEADER))
        array = np.load(path, mmap_mode="r" if mapped and 0 not in shape else None, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is no single array")
        fits = array.ndim == len(shape) and all(w in (None, n) for w, n in zip(shape, array.shape, strict=True))
        if array.dtype.str not in dtypes or not fits or not array.flags.c_contiguous:
            wanted = " × ".join("any" if n is None else str(n) for n in shape)
            raise ValueError(f"it holds {array.dtype} of shape {array.shape}, not {dtypes[0][1:]} of {wanted}")
    except PermissionError:
        raise unreadable(path_text(path)) from None
    except (OSError, *NO_ARRAY) as error:
        why = "it is missing" if isinstance(error, FileNotFoundError) else str(error) or type(error).__name__
        raise InputError(f"{path_text(path)} is damaged: {why}") from None
    return np.asarray(array) if not mapped else array


def demand_own_header(head: bytes) -> None:
    """Refuse an array that does not begin as numpy writes it: it mends some others, with a warning that names no file.

    ``head`` is its first line.
    """
    if not _HEAD.fullmatch(head) or len(head) != 10 + int.from_bytes(head[8:10], "little"):
        raise ValueError("it does not begin as an array does")


def demand_file(path: str) -> None:
    """Raise OSError for what is no ordinary file: a pipe would have us wait for ever, a device never ends."""
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise OSError("it is no ordinary file")


def write_json(path: str, fields: dict[str, Any]) -> None:
    """Write a JSON object down to the disk."""
    with open(path, "x", encoding="utf-8") as file:
        json.dump(fields, file, indent=1, ensure_ascii=False, allow_nan=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def read_json(path: str, kinds: dict[str, Any], kind: str, schema: int) -> dict[str, Any]:
    """Read a JSON object that says of itself that niicorr wrote it; refuse any other by name.

    Parameters
    ----------
    path : str
        The file.
    kinds : dict
        What it must hold, as `niicorr.record_fields.demand` takes it; ``grid`` may be null.
    kind : str
        What its entry ``kind`` says.
    schema : int
        The newest version of its layout that is known.
    """
    place = path_text(path)
    try:
        demand_file(path)
        data = read_regular(path, LARGEST_RECORD + 1)
        if len(data) > LARGEST_RECORD:
            raise ValueError("it is larger than 1 GiB")
        fields = parsed(data)
        if not isinstance(fields, dict) or fields.get("program") != PROGRAM or fields.get("kind") != kind:
            raise ValueError(f"it does not say that it is a {kind} of niicorr")
        if isinstance(fields.get("schema"), int) and fields["schema"] > schema:
            raise InputError(f"{place} was written by niicorr {path_text(str(fields.get('version')))}, newer than this "
                             f"{__version__}: update niicorr")
        missing = sorted(set(kinds) - set(fields))
        if missing:
            raise ValueError(f"it has no {missing[0]}")
        for name, wanted in kinds.items():
            if not (name == "grid" and fields[name] is None):
                demand(fields[name], wanted, name)
                demand_all(fields[name], wanted, name)
    except InputError:
        raise
    except PermissionError:
        raise unreadable(place) from None
    except (OSError, ValueError, RecursionError) as error:
        why = "it is missing" if isinstance(error, FileNotFoundError) else str(error)
        raise InputError(f"{place} is damaged: {why}") from None
    return fields


def grid_fields(grid: Grid | None) -> dict[str, Any] | None:
    """Write a grid as a JSON object."""
    return None if grid is None else {"shape": list(grid.shape), "affine": grid.affine.tolist(), "known": grid.known,
                                      "mni": grid.mni}


def grid_of(fields: dict[str, Any] | None, place: str) -> Grid | None:
    """Read a grid of the right types; an absurd one is refused."""
    if fields is None:
        return None
    if fault := grid_fault(fields):
        raise InputError(f"{path_text(place)} is damaged: {fault}")
    a, b, c = fields["shape"]
    return Grid((a, b, c), np.array(fields["affine"], dtype=np.float64), fields["known"], fields["mni"])


def grid_fault(fields: dict[str, Any]) -> str:
    """Say what makes a grid absurd whose fields are of the kinds of `GRID`; empty where nothing does."""
    shape, rows = fields["shape"], fields["affine"]
    if len(shape) != 3 or not all(0 < n < 2**31 for n in shape) or math.prod(shape) >= LARGEST_GRID:
        return f"grid.shape is {shape}"
    if [len(row) for row in rows] != [4] * 4:
        return "grid.affine holds no 4 × 4 numbers"
    fault = affine_fault(np.array(rows, dtype=np.float64))
    return f"grid.affine: {fault}" if fault else ""


def _arrays(matrix: MapMatrix) -> dict[str, np.ndarray[Any, Any]]:
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "rows": matrix.rows,
        "moments": np.array([matrix.center, matrix.scale], dtype=np.float64).reshape(2, len(matrix)),
        "supports": np.packbits(matrix.supports, axis=1),
        "support_of": matrix.support_of.astype(np.int64),
    }
    for name in _PLACES:
        array = getattr(matrix.features, name)
        if array is not None:
            arrays[name] = array.astype(np.int64 if name == "indices" else np.float64)
    return arrays


def _record(matrix: MapMatrix) -> dict[str, Any]:
    features = matrix.features
    return {
        "program": PROGRAM, "kind": KIND, "schema": SCHEMA, "version": __version__,
        "features": {"n": features.n, "given": features.given,
                     "arrays": [name for name in _PLACES if getattr(features, name) is not None]},
        "grid": grid_fields(features.grid),
        "labels": list(matrix.labels), "records": [map_fields(record) for record in matrix.records],
    }


def _features(folder: str, told: dict[str, Any], grid_told: dict[str, Any] | None) -> Features:
    n, names = told["n"], told["arrays"]
    grid = grid_of(grid_told, os.path.join(folder, RECORD))
    kinds: dict[str, tuple[str, tuple[int | None, ...]]] = {
        "indices": ("<i8", (n,)), "centroids": ("<f8", (n, 3)), "volumes": ("<f8", (n,))}
    arrays = {name: read_array(os.path.join(folder, f"{name}.npy"), (kinds[name][0],), kinds[name][1])
              for name in _PLACES if name in names}
    indices = arrays.get("indices")
    if indices is not None and n:
        end = grid.size if grid is not None else told["given"]
        if (np.diff(indices) <= 0).any() or indices[0] < 0 or (end is not None and indices[-1] >= end):
            raise InputError(f"{path_text(os.path.join(folder, 'indices.npy'))} is damaged: positions do not ascend "
                             "within the grid")
    return Features(n, grid, indices, told["given"], arrays.get("centroids"), arrays.get("volumes"))


def demand_all(value: Any, kind: Any, where: str) -> None:
    """Refuse an object in which one of the fields of its kind is missing; ValueError says where."""
    if isinstance(kind, dict):
        for key, part in kind.items():
            if key is not ... and key not in value:
                raise ValueError(f"{where} has no {key}")
            if key is not ...:
                demand_all(value[key], part, f"{where}.{key}")
    elif isinstance(kind, list):
        for k, part in enumerate(value):
            demand_all(part, kind[0], f"{where}[{k}]")
