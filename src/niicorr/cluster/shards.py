"""Rows of some maps as a folder of arrays: written by one worker, mapped into memory by all, gathered by the client.

A shard is made under a hidden name and renamed, so it is there whole or not at all. Nothing is synced: it is wanted for
as long as the run lasts. It holds what `extract` finds: ``rows``, ``moments``, ``supports`` and ``support_of``,
``naive``, and of maps whose zeros were decided by rule ``zeros``, ``zeros_of`` and ``zeros_are_data``; ``maps.json``
says which bytes each map came from.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.errors import InputError, ResourceError
from niicorr.matrix import MapMatrix
from niicorr.matrix_folder import read_array, save_array
from niicorr.rights import make_folder, resource_text
from niicorr.tables import path_text
from niicorr.typing import BitArray, BoolArray, Float64Array, FloatArray, IntArray

ROW_TYPES = ("<f4", "<f8")
MAPS = "maps.json"

Source = list[Any]
"""The hash of a map's file (None where it could not be read), and whether the map was used."""


def shard_path(folder: str, name: str, start: int) -> str:
    """Return where the shard is whose first map has this number in its set."""
    return os.path.join(folder, f"{name}-{start:08d}")


@dataclass(frozen=True, eq=False)
class Shard:
    """What the client gathers of a shard; arrays as in `MapMatrix`."""

    rows: FloatArray
    center: Float64Array
    scale: Float64Array
    supports: BitArray
    support_of: IntArray
    naive: FloatArray
    zeros_of: IntArray
    zeros: BitArray
    zeros_are_data: BoolArray
    sources: list[Source]


def write_shard(path: str, matrix: MapMatrix) -> None:
    """Write what was extracted, unless another worker that was thought lost has done so.

    Raises
    ------
    ResourceError
        No room, no permission.
    """
    zeros = list(matrix.zeros.items())
    width = -(-matrix.features.n // 8)
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "rows": matrix.rows,
        "moments": np.array([matrix.center, matrix.scale]),
        "supports": np.packbits(matrix.supports, axis=1),
        "support_of": matrix.support_of.astype(np.int64),
        "naive": np.empty((len(matrix), 0), np.float32) if matrix.naive is None else matrix.naive,
        "zeros_of": np.array([index for index, _ in zeros], dtype=np.int64),
        "zeros": np.array([bits for _, (_, bits) in zeros], dtype=np.uint8).reshape(-1, width),
        "zeros_are_data": np.array([reading == "data" for _, (reading, _) in zeros], dtype=np.bool_),
    }
    parent, name = os.path.split(path)
    work = os.path.join(parent, f".{name}-{secrets.token_hex(8)}")
    try:
        make_folder(work)
        for stem, array in arrays.items():
            save_array(os.path.join(work, f"{stem}.npy"), array)
        with open(os.path.join(work, MAPS), "w", encoding="ascii") as file:
            json.dump([[record.blake2b, record.error is None] for record in matrix.records], file)
        os.rename(work, path)
    except OSError as error:
        if not os.path.isdir(path):
            raise ResourceError(resource_text(path_text(path), error)) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def mapped_rows(path: str, n: int) -> FloatArray:
    """Return the rows of a shard, read from its file as they are used."""
    return read_array(os.path.join(path, "rows.npy"), ROW_TYPES, (None, n), mapped=True)


def read_shard(path: str, n: int) -> Shard:
    """Read all of a shard whose maps have n features; its rows are mapped."""
    width = -(-n // 8)

    def read(stem: str, dtype: str, *shape: int | None) -> np.ndarray[Any, Any]:
        return read_array(os.path.join(path, f"{stem}.npy"), (dtype,), shape)

    try:
        with open(os.path.join(path, MAPS), encoding="ascii") as file:
            sources = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path_text(os.path.join(path, MAPS))} is damaged: {error}") from None
    center, scale = read("moments", "<f8", 2, None)
    shard = Shard(mapped_rows(path, n), center, scale, read("supports", "|u1", None, width),
                  read("support_of", "<i8", None), read("naive", "<f4", None, None), read("zeros_of", "<i8", None),
                  read("zeros", "|u1", None, width), read("zeros_are_data", "|b1", None), sources)
    _demand_whole(path, shard)
    return shard


def _demand_whole(path: str, shard: Shard) -> None:
    """Refuse a shard whose parts do not fit together; `InputError` names the file."""
    size = len(shard.rows)
    fits = {
        MAPS: isinstance(shard.sources, list) and len(shard.sources) == size and all(
            isinstance(source, list) and len(source) == 2 and isinstance(source[0], str | None)
            and isinstance(source[1], bool) for source in shard.sources),
        "moments.npy": len(shard.scale) == size and bool((shard.scale >= 0).all() and np.isfinite(shard.scale).all()),
        "support_of.npy": len(shard.support_of) == size and _among(shard.support_of, len(shard.supports)),
        "naive.npy": len(shard.naive) == size,
        "zeros_of.npy": _among(shard.zeros_of, size),
        "zeros.npy": len(shard.zeros) == len(shard.zeros_of),
        "zeros_are_data.npy": len(shard.zeros_are_data) == len(shard.zeros_of),
    }
    for name, fit in fits.items():
        if not fit:
            raise InputError(f"{path_text(os.path.join(path, name))} is damaged: it does not fit the {size} maps of "
                             "its shard")


def _among(numbers: IntArray, count: int) -> bool:
    return bool(((numbers >= 0) & (numbers < count)).all())


def joined(parts: Sequence[FloatArray]) -> FloatArray:
    """Put rows one after the other; those of one shard are left where they are."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
