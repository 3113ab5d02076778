"""Random maps in place of real ones: independent fields with their autocovariances, masks and values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from niicorr.compute.similarity import Similarity
from niicorr.errors import InputError
from niicorr.matrix import MapMatrix
from niicorr.nulls.effective import EffectiveNull
from niicorr.nulls.surrogate import Surrogates, surrogates_of
from niicorr.significance import LEAST_VOXELS
from niicorr.threads import in_order
from niicorr.typing import IntArray

MAPS = 64
"""Maps of a set that stand for all of a larger one."""


@dataclass(frozen=True, eq=False)
class Fields:
    """Random maps in place of the maps of a set: of each its autocovariance, mask and values.

    ``own_units`` says that the source gives values as the maps have them, not standard scores: Dice asks whether
    they are exactly 0.
    """

    maps: MapMatrix
    source: Surrogates
    own_units: bool

    def draw(self, number: int, threads: int, advance: Callable[[int], None]) -> list[MapMatrix]:
        """Draw two sets of random maps; the same ones for the same number."""
        size = len(self.maps)
        rows = np.empty((2, size, self.maps.features.n), np.result_type(*self.source.values))
        # Fields share nothing, so each can be drawn by itself.
        drawn = in_order(lambda i: self.source.draw(number, np.array([i])), range(size), threads)
        for i, pair in enumerate(drawn):
            rows[:, i] = pair[:, 0]
            advance(2)
        return [self._matrix(one) for one in rows]

    def _matrix(self, rows: Any) -> MapMatrix:
        if not self.own_units:
            return replace(self.maps, rows=rows)
        scores = (rows - self.maps.center[:, None]) / self.maps.scale[:, None]
        scores[~self.maps.supports[self.maps.support_of]] = 0
        return replace(self.maps, rows=scores.astype(self.maps.rows.dtype), exact=lambda i: rows[i])


def imitated(maps: MapMatrix, name: str, seed: int) -> MapMatrix:
    """Return the maps of a set that are imitated: those that vary, of many a sample."""
    usable = np.flatnonzero((maps.scale > 0) & (maps.n_valid >= LEAST_VOXELS))
    if usable.size == 0:
        if (maps.scale > 0).any():
            most = int(maps.n_valid[maps.scale > 0].max())
            raise InputError(f"no map of {name} has data in {LEAST_VOXELS} voxels of the mask (the most: {most}): give "
                             "maps that cover it, or another mask (--mask)")
        raise InputError(f"every map of {name} is constant in the mask: there is nothing to imitate")
    if usable.size > MAPS:
        usable = np.sort(np.random.default_rng(seed).choice(usable, MAPS, replace=False))
    return part_of(maps, usable)


def part_of(maps: MapMatrix, which: IntArray) -> MapMatrix:
    """Return some of the maps, their exact values with them."""
    exact = maps.exact
    return replace(maps.part(which), exact=None if exact is None else lambda i: exact(int(which[i])))


def fields_of(maps: MapMatrix, null: EffectiveNull, similarity: Similarity, seed: int, jobs: int) -> Fields:
    """Fit the maps and prepare fields that have nothing in common."""
    stationary = null.stationary
    assert stationary is not None  # every chosen map has data
    own_units = similarity.method == "dice" and maps.exact is not None
    values = maps
    if own_units and maps.exact is not None:
        values = replace(maps, rows=np.array([maps.exact(i) for i in range(len(maps))]))
    source = surrogates_of(maps, values, stationary.fit(maps, jobs), np.eye(len(maps)), atoms=stationary.atoms,
                           lattice=stationary.lattice, seed=seed)
    # Independent maps share no noise; without it no room is kept for any.
    source = replace(source, loadings=np.zeros((len(maps), 0), np.float32), own=np.ones(len(maps), np.float32))
    return Fields(replace(maps, exact=None), source, own_units)
