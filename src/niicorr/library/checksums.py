"""A checksum of every row of a shard's large arrays, so that a search finds whatever became of any of them.

The hash of a whole file takes a second for each gigabyte, and must be asked for; these (CRC-32) take a thirtieth of
that, and every search checks all that it reads. A damaged row that is no longer among the most similar is found, too.
Each begins with the name of its map and the hash of its file: no row passes for that of another map.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from niicorr.compute.plan import cuts
from niicorr.errors import InputError
from niicorr.images.cache.shards import crc32
from niicorr.library.features import LARGE_FEATURES
from niicorr.library.layout import MAPS
from niicorr.matrix_folder import read_array
from niicorr.records import MapRecord
from niicorr.tables import path_text
from niicorr.threads import in_order

CHECKSUMS = "checksums.npy"

ARRAYS = ("rows", "fine", *LARGE_FEATURES)
"""What has checksums, a column each and in this order; that of an array which a shard does not have is 0."""

AT_ONCE = 64
"""Rows that a thread checks together."""


def checksums(records: Sequence[MapRecord], arrays: Mapping[str, np.ndarray[Any, Any]]) -> npt.NDArray[np.uint32]:
    """Return the checksums of some arrays with a row for each map, shape (maps, arrays)."""
    found = np.zeros((len(records), len(ARRAYS)), dtype=np.uint32)
    for name, array in arrays.items():
        stored = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        for i, record in enumerate(records):
            found[i, ARRAYS.index(name)] = crc32(stored[i], _begun(record))
    return found


@dataclass(frozen=True, eq=False)
class Checksums:
    """What the rows of a shard's arrays must add up to.

    Parameters
    ----------
    folder : str
        The shard.
    records : tuple of MapRecord
        Its maps.
    values : ndarray of uint32, shape (maps, arrays)
        As they were written down.
    """

    folder: str
    records: tuple[MapRecord, ...]
    values: npt.NDArray[np.uint32]

    @cached_property
    def _begins(self) -> list[int]:
        return [_begun(record) for record in self.records]

    def demand(self, name: str, array: np.ndarray[Any, Any], rows: slice) -> None:
        """Refuse rows of an array that are not what was written, by the first of their maps; raises `InputError`."""
        wanted, stored = self.values[:, ARRAYS.index(name)], np.asarray(array)
        for i in range(*rows.indices(len(stored))):
            if crc32(stored[i], self._begins[i]) != wanted[i]:
                place = os.path.join(self.folder, *([MAPS] if name == "rows" else []), f"{name}.npy")
                raise InputError(f"{path_text(place)} is damaged: what it holds of "
                                 f"{path_text(self.records[i].label)} is not what was written")

    def demand_all(self, name: str, array: np.ndarray[Any, Any], jobs: int) -> None:
        """Check all rows of an array, in threads."""
        for _ in in_order(lambda cut: self.demand(name, array, cut), cuts(len(array), AT_ONCE), jobs):
            pass


def read_checksums(folder: str, records: tuple[MapRecord, ...]) -> Checksums:
    """Read those of a shard; their file is one whose hash has been checked."""
    values = read_array(os.path.join(folder, CHECKSUMS), ("<u4",), (len(records), len(ARRAYS)))
    return Checksums(folder, records, values)


def _begun(record: MapRecord) -> int:
    """Begin a checksum with what its map is known by."""
    known = f"{record.label}\0{record.size}\0{record.blake2b}\0{record.volume}"
    return crc32(known.encode("utf-8", "surrogatepass"))
