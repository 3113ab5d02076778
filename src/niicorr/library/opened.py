"""A library that was opened: everything but its maps' values in memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from niicorr.errors import InputError, UsageError, told_on
from niicorr.hashes import file_hash
from niicorr.images.sampling import GivenGrid
from niicorr.library.features import MapFeatures, bare, null_of_mask
from niicorr.library.layout import MASK, MASK_HASH, RECORD, library_record, shard_names
from niicorr.library.shards import Shard, open_shard, verify_shard
from niicorr.matrix import Features, MapMatrix, unpack_supports
from niicorr.matrix_folder import demand_file, grid_of, read_array
from niicorr.nulls.effective import EffectiveNull
from niicorr.records import Decision, MapRecord
from niicorr.rights import unreadable
from niicorr.tables import path_text
from niicorr.typing import BoolArray, IntArray

SPARE, HANDLES = 16, 6
"""File handles that are left alone, and those that a shard takes while its arrays are mapped."""

T = TypeVar("T")

Key = tuple[int, str, int | None]
"""What a map is known by: size and hash of its file, and its volume."""


@dataclass(frozen=True, eq=False)
class Library:
    """Maps made ready for `search`; opened once, it can be searched many times.

    Attributes
    ----------
    path : str
        Its folder.
    options : dict
        How its maps are read: mask, background, zeros, grid, resample, interpolation.
    features : Features
        The voxels of its mask.
    decisions, warnings
        About grid and mask, from when it was made.
    shards : tuple of Shard
        Its maps, in the order in which they were added.
    places : tuple of ndarray of int
        For each shard which of its maps count: one that another process added at the same time counts once.
    """

    path: str
    options: dict[str, Any]
    features: Features
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...]
    shards: tuple[Shard, ...]
    places: tuple[IntArray, ...] = field(repr=False)

    def __repr__(self) -> str:
        return f"Library: {len(self)} maps of {self.features.n} voxels in {self.path}"

    def __len__(self) -> int:
        return sum(len(places) for places in self.places)

    @cached_property
    def records(self) -> tuple[MapRecord, ...]:
        """What is known of each map, in the order in which they were added."""
        return tuple(shard.records[i] for shard, places in zip(self.shards, self.places, strict=True) for i in places)

    @cached_property
    def keys(self) -> dict[Key, MapRecord]:
        """Its maps by the content of their files."""
        return {key: record for record in self.records if (key := key_of(record)) is not None}

    @cached_property
    def null(self) -> EffectiveNull:
        """The null model of maps that fill the mask; by it all maps were described."""
        return null_of_mask(self.features)

    @cached_property
    def supports(self) -> MapMatrix:
        """The supports of all maps, each distinct one once, without any rows."""
        index: dict[bytes, int] = {}
        of = [index.setdefault(shard.keys[shard.support_of[i]], len(index))
              for shard, places in zip(self.shards, self.places, strict=True) for i in places]
        packed = np.array([np.frombuffer(key, np.uint8) for key in index]).reshape(len(index), -1)
        masks = np.unpackbits(packed, axis=1, count=self.features.n).astype(np.bool_)
        return bare(self.features, masks, np.array(of, dtype=np.intp))

    def matrix(self, k: int) -> MapMatrix:
        """Return the maps of a shard; its rows stay mapped for later searches where there are handles enough."""
        return self._held("matrix", k, self.shards[k].matrix)

    def null_features(self, k: int) -> MapFeatures:
        """Return what the null model knows of the maps of a shard; it stays mapped, too."""
        return self._held("features", k, lambda: self.shards[k].null_features(self.null))

    def _held(self, what: str, k: int, opened: Callable[[], T]) -> T:
        if k >= self._most:
            return opened()
        if (what, k) not in self._mapped:
            self._mapped[what, k] = opened()
        found: T = self._mapped[what, k]
        return found

    @cached_property
    def _mapped(self) -> dict[tuple[str, int], Any]:
        return {}

    @cached_property
    def _most(self) -> int:
        """How many shards may stay mapped: half of the handles that this process may have are for others."""
        try:
            import resource
        except ImportError:  # not on this system, which has no such limit
            return len(self.shards)
        limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return len(self.shards) if limit == resource.RLIM_INFINITY else max(limit // 2 - SPARE, 0) // HANDLES

    def maps(self, which: IntArray) -> MapMatrix:
        """Return some maps, by their positions among `records`, with all that is known of them."""
        starts, shard_of = np.cumsum([0, *map(len, self.places)]), shards_of(self, which)
        at = [(self.shards[k], int(self.places[k][i - starts[k]])) for i, k in zip(which, shard_of, strict=True)]
        rows, zeros = np.empty((len(at), self.features.n), np.result_type(*{shard.dtype for shard, _ in at})), {}
        for number in np.unique(shard_of).tolist():  # one at a time: there may be many
            matrix = self.matrix(number)
            for k in np.flatnonzero(shard_of == number).tolist():
                i = at[k][1]
                rows[k] = matrix.rows[i]
                if i in matrix.zeros:
                    zeros[k] = matrix.zeros[i][0], np.array(matrix.zeros[i][1])
        packed = [shard.keys[shard.support_of[i]] for shard, i in at]
        supports, support_of = unpack_supports(packed, self.features.n)
        center, scale = ([getattr(shard, name)[i] for shard, i in at] for name in ("center", "scale"))
        return MapMatrix(
            rows, np.array(center), np.array(scale), supports, support_of, tuple(shard.labels[i] for shard, i in at),
            self.features, tuple(shard.records[i] for shard, i in at), zeros,
            exact=lambda k: at[k][0].own_values(at[k][1]))

    @property
    def mask(self) -> BoolArray:
        """The voxels that may count, shape of the grid."""
        grid, indices = self.features.grid, self.features.indices
        assert grid is not None  # a library is of voxels
        assert indices is not None
        flags = np.zeros(grid.size, dtype=np.bool_)
        flags[indices] = True
        return flags.reshape(grid.shape, order="F")

    def sampling_options(self) -> dict[str, Any]:
        """Return mask and grid as `niicorr.images.sampling.choose_sampling` takes them."""
        grid = self.features.grid
        assert grid is not None
        return {"mask": (self.mask.astype(np.uint8), grid.affine),
                "grid": GivenGrid(grid, path_text(os.path.join(self.path, RECORD)), "that of the library")}

    def verify(self) -> None:
        """Check every byte of the library; `InputError` names what is not as it was written."""
        for shard in self.shards:
            verify_shard(shard)
        digest = library_record(self.path).get(MASK_HASH)
        if digest is not None:  # older libraries do not tell it
            _verify_mask(os.path.join(self.path, MASK), digest)


def shards_of(library: Library, which: IntArray) -> IntArray:
    """Return in which shards of a library some maps are, by their positions among its records."""
    return np.asarray(np.searchsorted(np.cumsum([0, *map(len, library.places)]), which, side="right") - 1)


def _verify_mask(place: str, digest: str) -> None:
    try:
        demand_file(place)
        fault = "" if file_hash(place) == digest else "its hash is not the one that was written down"
    except PermissionError:
        raise unreadable(path_text(place)) from None
    except OSError as error:
        fault = "it is missing" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
    if fault:
        raise InputError(f"{path_text(place)} is damaged: {fault}. No search reads it, so what the library finds is "
                         "right; index its maps anew to have it again")


@told_on("docs/library.md")
def open_library(path: str | os.PathLike[str]) -> Library:
    """Open a library that `niicorr.index` made.

    Parameters
    ----------
    path : str
        Its folder.

    Returns
    -------
    Library
        To be searched, as often as you like; maps added to the folder later are not in it.

    Raises
    ------
    InputError
        Where the folder is no library, one of a newer niicorr, or damaged: the message names what to remove.
    ResourceError
        Where there is no permission to read it.
    UsageError
        Where ``path`` is no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"a library is the path of a folder, not {type(path).__name__}")
    path = os.fspath(path)
    record = library_record(path)
    place = os.path.join(path, RECORD)
    grid = grid_of(record["grid"], place)
    assert grid is not None  # library_record has looked
    indices = read_array(os.path.join(path, "indices.npy"), ("<i8",), (record["n_voxels"],))
    if not indices.size or (np.diff(indices) <= 0).any() or indices[0] < 0 or indices[-1] >= grid.size:
        raise InputError(f"{path_text(os.path.join(path, 'indices.npy'))} is damaged: positions do not ascend within "
                         "the grid")
    features = Features(indices.size, grid, indices)
    shards = tuple(open_shard(os.path.join(path, name), features) for name in shard_names(path))
    seen: set[Key] = set()
    places = []
    for shard in shards:
        keep = []
        for i, each in enumerate(shard.records):
            key = key_of(each)
            if key is None or key not in seen:
                keep.append(i)
            if key is not None:
                seen.add(key)
        places.append(np.array(keep, dtype=np.intp))
    decisions = tuple(Decision(d["topic"], d["text"]) for d in record["decisions"])
    return Library(path, record["options"], features, decisions, tuple(record["warnings"]), shards, tuple(places))


def key_of(record: MapRecord) -> Key | None:
    """Return what a map is known by; None of an image that came from memory."""
    if record.blake2b is None or record.size is None:
        return None
    return record.size, record.blake2b, record.volume
