"""Which masks a null model has to know: those maps have, those pairs share, and one that stands for all.

Maps of one study mostly share a mask, and then everything below is exact. Where there are many masks that
differ a little, one *reference* mask, the voxels at least half of the maps have, stands in: its traces are
scaled by the number of voxels a pair has in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from niicorr.matrix import MapMatrix, distinct_supports
from niicorr.typing import BoolArray, Float64Array, IntArray

SAME = 1e-8
"""A covariate that others explain but for this share of its length adds nothing."""

FEW = 8
"""So many distinct masks (of maps; of pairs) are each given their own traces."""


@dataclass(frozen=True, eq=False)
class Supports:
    """The masks of several sets of maps.

    Parameters
    ----------
    masks : ndarray of bool, shape (distinct masks, features)
        Where maps have data.
    reference : ndarray of bool, shape (features,)
        The voxels that at least half of the maps have, those without any data aside.
    shared : ndarray of bool, shape (distinct intersections, features); or None
        What pairs have in common; None where there are more than a few.
    shared_of : ndarray of int, shape (distinct masks, distinct masks)
        Which intersection a pair of masks has; −1 for a pair that cannot occur.
    weights : ndarray, shape (features,), float64, or None
        How much each voxel counts in a correlation, 1 on average; None where all count alike.
    covariates : ndarray, shape (covariates, features), float64, or None
        What is regressed out of both maps of each pair.
    """

    masks: BoolArray
    reference: BoolArray
    shared: BoolArray | None
    shared_of: IntArray
    weights: Float64Array | None = None
    covariates: Float64Array | None = None

    @property
    def n_covariates(self) -> int:
        """How many independent covariates there are."""
        return 0 if self.covariates is None else len(self.regressors(self.reference)) - 1

    def covariates_between(self, of_y: IntArray, of_x: IntArray) -> int | IntArray:
        """How many independent covariates there are over what pairs have in common.

        Parameters
        ----------
        of_y, of_x : ndarray of int, shape (maps,)
            Which mask each map has.

        Returns
        -------
        int or ndarray, shape (maps of y, maps of x)
            One number, that of the reference, where there are more than a few intersections.
        """
        if self.covariates is None or self.shared is None:
            return self.n_covariates
        return np.asarray(self._covariates_in_shared[self.shared_of[np.ix_(of_y, of_x)]])

    @cached_property
    def _covariates_in_shared(self) -> IntArray:
        assert self.shared is not None
        return np.array([len(self.regressors(mask)) - 1 if mask.any() else 0 for mask in self.shared], dtype=np.int16)

    def regressors(self, mask: BoolArray) -> Float64Array:
        """What is regressed out of maps on a mask: a constant and the covariates.

        Returns
        -------
        ndarray, shape (q, features), float64
            Orthonormal in the weights once divided by their roots: ``Q √w``, 0 outside the mask.
        """
        n = int(np.count_nonzero(mask))
        root = np.ones(n) if self.weights is None else np.sqrt(self.weights[mask])
        rows = [np.ones(n)]
        for covariate in () if self.covariates is None else self.covariates[:, mask]:
            centred = covariate - covariate.mean()
            centred = centred - centred.mean()
            size = np.abs(centred).max(initial=0.0)
            if size > 1e-14 * max(float(np.abs(covariate).max(initial=0.0)), np.finfo(float).tiny):
                rows.append(centred / size)
        _, lengths, basis = np.linalg.svd(np.array(rows) * root, full_matrices=False)
        out = np.zeros((int(np.count_nonzero(lengths > SAME * lengths[0])), len(mask)))
        out[:, mask] = basis[: len(out)] * root
        return out

    @property
    def few(self) -> bool:
        """Whether each mask is given its own expectations."""
        return len(self.masks) <= FEW

    @property
    def used(self) -> BoolArray:
        """Features in which any map has data, shape (features,)."""
        return np.asarray(self.masks.any(axis=0))

    def of(self, matrix: MapMatrix) -> IntArray:
        """Tell which mask each map of a matrix has, shape (maps,)."""
        which = [self._places[np.packbits(row).tobytes()] for row in matrix.supports]
        return np.array(which, dtype=np.intp)[matrix.support_of]

    @cached_property
    def _places(self) -> dict[bytes, int]:
        return {np.packbits(row).tobytes(): k for k, row in enumerate(self.masks)}


def supports_of(
    x: MapMatrix, y: MapMatrix, weights: Float64Array | None = None, covariates: Float64Array | None = None
) -> Supports:
    """Gather the masks of two sets of maps on the same features, weights of these (of any sum), and covariates."""
    masks, which = distinct_supports(np.concatenate([x.supports, y.supports]))
    of_x, of_y = which[: len(x.supports)][x.support_of], which[len(x.supports) :][y.support_of]
    holders = np.bincount(np.concatenate([of_x, of_y]), minlength=len(masks)) * masks.any(axis=1)
    votes = holders @ masks
    reference = 2 * votes >= max(holders.sum(), 1)
    if not reference.any():
        reference = masks.any(axis=0)
    pairs = sorted({(int(i), int(j)) for i in np.unique(of_x) for j in np.unique(of_y)})
    shared_of = np.full((len(masks), len(masks)), -1, dtype=np.intp)
    shared = _intersections(masks, pairs, shared_of)
    scaled = None if weights is None else weights / weights.mean()
    return Supports(masks, reference, shared, shared_of, scaled, covariates)


def _intersections(
    masks: BoolArray, pairs: Sequence[tuple[int, int]], shared_of: IntArray
) -> BoolArray | None:
    """List the distinct intersections and fill in which pair has which; None as soon as there are too many."""
    index: dict[bytes, int] = {}
    found: list[BoolArray] = []
    for i, j in pairs:
        common = masks[i] & masks[j]
        key = np.packbits(common).tobytes()
        if key not in index:
            if len(found) == FEW:
                shared_of[...] = -1
                return None
            index[key] = len(found)
            found.append(common)
        shared_of[i, j] = shared_of[j, i] = index[key]
    return np.array(found)
