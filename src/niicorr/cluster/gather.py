"""What workers extracted becomes one matrix, the same to the last bit as `niicorr.images.extract.extract` makes it."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from niicorr.cluster.shards import Shard, read_shard
from niicorr.errors import InputError
from niicorr.images.extract import exact_values
from niicorr.images.frame import naive_voxels
from niicorr.images.sampling import Sampling
from niicorr.images.survey import Survey
from niicorr.matrix import MapMatrix, row_dtype, unpack_supports
from niicorr.scratch import zeros as zeros_of
from niicorr.typing import BitArray, ZeroReading


class Gathered:
    """A set on its way from shards to a matrix.

    Parameters
    ----------
    survey : Survey
        The set as the client read it, settled.
    sampling : Sampling
        Grid and mask.
    naive_step, n_maps : int
        As for `extract`.
    on_disk : bool
        Whether rows lie in a temporary file rather than in memory.
    """

    def __init__(self, survey: Survey, sampling: Sampling, naive_step: int, n_maps: int, *, on_disk: bool) -> None:
        self._survey, self._sampling, self._on_disk = survey, sampling, on_disk
        size, n = len(survey.readings), sampling.indices.size
        self._rows = zeros_of((size, n), row_dtype(n_maps, n), "maps", on_disk=on_disk)
        self._center, self._scale = np.full(size, np.nan), np.zeros(size)
        self._naive = np.full((size, naive_voxels(sampling.grid, naive_step).size), np.nan, dtype=np.float32)
        self._packed: list[bytes] = [b""] * size
        self._zeros: dict[int, tuple[ZeroReading, BitArray]] = {}

    def take(self, start: int, path: str) -> None:
        """Take the shard of the maps from some number on.

        Raises
        ------
        InputError
            Where a file was another when a worker read it.
        """
        shard = read_shard(path, self._rows.shape[1])
        here = slice(start, start + len(shard.rows))
        _check_sources(self._survey, here, shard)
        self._rows[here], self._center[here], self._scale[here] = shard.rows, shard.center, shard.scale
        self._naive[here] = shard.naive
        kinds = [bits.tobytes() for bits in shard.supports]
        self._packed[here] = [kinds[k] for k in shard.support_of]
        for k, bits, data in zip(shard.zeros_of, shard.zeros, shard.zeros_are_data, strict=True):
            self._zeros[start + int(k)] = "data" if data else "missing", bits

    def matrix(self) -> MapMatrix:
        """Return the maps, once all shards have been taken."""
        read, n = self._survey, self._rows.shape[1]
        supports, support_of = unpack_supports(self._packed, n, on_disk=self._on_disk)
        n_valid = np.count_nonzero(supports, axis=1)[support_of]
        records = tuple(replace(r.record, n_voxels=int(k), coverage=float(k / n))
                        for r, k in zip(read.readings, n_valid, strict=True))
        return MapMatrix(self._rows, self._center, self._scale, supports, support_of, read.maps.labels,
                         self._sampling.features, records, dict(sorted(self._zeros.items())),
                         self._naive if self._naive.shape[1] else None, exact_values(read, self._sampling))


def _check_sources(survey: Survey, here: slice, shard: Shard) -> None:
    for reading, (digest, used) in zip(survey.readings[here], shard.sources, strict=True):
        sound = reading.problem is None
        if sound != used or (sound and digest != reading.record.blake2b):
            path = reading.record.path
            raise InputError(f"{path} was another file when a worker read it: see that nothing writes to it, and run "
                             "again" if os.path.lexists(path) else
                             f"{path} was gone when a worker was to read it: put it back, and run again")
