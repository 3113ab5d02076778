"""How many independent values the correlations of new maps with a library's rest on, as a run of all of them finds it.

Where all maps fill the mask, everything is as it was when they were added. Else the masks of new and old maps together
decide (`niicorr.nulls.supports`): the library's maps are fitted once more to sums that are known, and no map is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from niicorr.library.features import MapFeatures, raw_traits, with_mask
from niicorr.library.opened import Library
from niicorr.library.shards import Shard
from niicorr.matrix import MapMatrix
from niicorr.nulls.effective import Description, EffectiveNull, EffectiveSize
from niicorr.nulls.lattice import lattice_of
from niicorr.nulls.robust import Counts, Unevenness
from niicorr.nulls.stationary import stationary_null
from niicorr.nulls.supports import Supports, supports_of
from niicorr.typing import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class LibraryNull:
    """The null model of new maps against those of a library.

    Parameters
    ----------
    library : Library
        The old ones.
    x : MapMatrix
        The new ones, in the library's mask.
    jobs : int
        Threads.
    """

    library: Library
    x: MapMatrix
    jobs: int = 1

    @cached_property
    def model(self) -> EffectiveNull:
        """The null model on all masks that occur."""
        own, others = self.library.null, self.library.supports
        if self.x.complete and others.complete:
            return own
        supports = _with_mask(supports_of(self.x, others))
        full = np.ones(self.x.features.n, dtype=np.bool_)
        stationary = stationary_null(supports, lattice_of(self.x.features, full), self._counted)
        return EffectiveNull(supports, stationary, self._unevenness(supports))

    @cached_property
    def described(self) -> Description:
        """The new maps."""
        if self.model is self.library.null:
            return self.model.describe(self.x, self.jobs)
        stationary, uneven = self.model.stationary, self.model.unevenness
        assert stationary is not None  # a mask has voxels
        assert uneven is not None
        raw = raw_traits(self.x, self.library.null, self.jobs)
        return Description(self.model.supports.of(self.x), stationary.fit(self.x, self.jobs),
                           uneven.traits_of(raw.directions, raw.windows, raw.squares))

    def size(self, shard: Shard, features: MapFeatures, places: slice, n: IntArray) -> EffectiveSize:
        """Find n_effective for some maps of a shard (rows) and all new maps, with n voxels in common."""
        model = self.model
        stationary, uneven = model.stationary, model.unevenness
        assert stationary is not None
        assert uneven is not None
        traits = features.traits(places)
        if model is self.library.null:
            of = np.zeros(len(n), dtype=np.intp)
            return model.size(self.described, Description(of, features.coefficients[places], traits), n)
        of = np.array([self._places[shard.keys[k]] for k in shard.support_of[places]], dtype=np.intp)
        sums = features.class_sums[places]
        if sums.shape[1] <= stationary.classes.last:  # a mask of few voxels may reach one class further
            sums = stationary.class_sums(shard.matrix().part(places))
        anew = np.ones(len(of), dtype=np.bool_) if not self._as_added else of != self._full
        coefficients = features.coefficients[places].copy()
        coefficients[anew] = stationary.fitted(sums[anew], of[anew])
        whole = uneven.traits_of(traits.directions, traits.windows, traits.squares)
        return model.size(self.described, Description(of, coefficients, whole), n)

    @cached_property
    def _full(self) -> int:
        """Which of the masks is the library's."""
        return int(np.flatnonzero(self.model.supports.masks.all(axis=1))[0])

    @cached_property
    def _as_added(self) -> bool:
        """Whether maps that fill the mask are fitted just as they were when they were added."""
        model, own = self.model, self.library.null
        assert model.stationary is not None
        assert own.stationary is not None
        return (np.array_equal(model.stationary.atoms.widths, own.stationary.atoms.widths)
                and (model.supports.few or bool(model.supports.reference.all())))

    @cached_property
    def _places(self) -> dict[bytes, int]:
        return {np.packbits(mask).tobytes(): k for k, mask in enumerate(self.model.supports.masks)}

    @cached_property
    def _counted(self) -> dict[bytes, Float64Array]:
        """Pairs of voxels by class in each of the library's supports."""
        return {key: pairs for k, shard in enumerate(self.library.shards)
                for key, pairs in zip(shard.keys, self.library.null_features(k).pairs, strict=True)}

    def _unevenness(self, supports: Supports) -> Unevenness:
        """Lay the corrections out on the library's mask, for pairs of these supports."""
        own = self.library.null.unevenness
        assert own is not None
        blocks, sums, shape = own.blocks, own.sums, own.blocks.lattice.shape
        known = {key: packed for k, shard in enumerate(self.library.shards)
                 for key, packed in zip(shard.keys, self.library.null_features(k).blocks, strict=True)}

        def coarse(mask: BoolArray) -> BoolArray:
            packed = known.get(np.packbits(mask).tobytes())
            if packed is None:
                return blocks.mask(mask)
            return np.unpackbits(packed, count=int(np.prod(shape))).astype(np.bool_).reshape(shape)

        def count(mask: BoolArray) -> Counts:
            lags, windows = sums.of(mask.astype(np.float64))
            return Counts(np.rint(lags).astype(np.float64), windows.astype(np.float64))

        masks = np.array([coarse(mask) for mask in supports.masks])
        if supports.shared is None:
            shared = [blocks.mask(supports.reference)]
        else:
            # As in a run, the last pair of masks that share these voxels tells which blocks they share.
            pairs = {int(supports.shared_of[i, j]): (i, j) for i, j in np.argwhere(supports.shared_of >= 0)}
            shared = [masks[pairs[k][0]] & masks[pairs[k][1]] for k in sorted(pairs)]
        return Unevenness(supports, blocks, masks, sums, None, (), tuple(count(mask) for mask in shared))


def _with_mask(supports: Supports) -> Supports:
    """Let the whole mask be among the masks, though no map may have it."""
    masks = with_mask(supports.masks)
    more = len(masks) - len(supports.masks)
    return Supports(masks, supports.reference, supports.shared, np.pad(supports.shared_of, (0, more),
                                                                       constant_values=-1))
