"""The stationary null: Var(r) of every pair from one isotropic autocovariance fitted to each map.

    V = Var(r) ≈ tr(BΣxBΣy) / (tr(BΣx) tr(BΣy)) = (a_x' W a_y) / ((a_x' d) (a_y' d))

with Σ = Σ_k a_k Σ_k, the a_k ≥ 0 fitted to the map's autocovariances. The noise in these does no harm: under the
null hypothesis x and y are independent, so the expectation of the product of the two estimates is the product
of their expectations; only demeaning biases it, and that is in the model. Truncating or tapering the
autocovariances instead would bias V.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.nulls.autocovariance import ClassSums
from niicorr.nulls.lattice import Lattice
from niicorr.nulls.least_squares import nonnegative_least_squares
from niicorr.nulls.supports import Supports
from niicorr.nulls.traces import (
    Atoms,
    MaskLags,
    RowSums,
    Traces,
    atoms_for,
    class_weights,
    expected_autocovariance,
    mask_lags,
    projected_traces,
    row_sums,
    traces,
)
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, IntArray

BATCH = 8
"""Maps whose spectra are multiplied together; fixed, so that no number depends on the threads."""


@dataclass(frozen=True, eq=False)
class Fitting:
    """How maps of one mask are fitted: minimise ``|factor a − turn C|²`` over a ≥ 0.

    Parameters
    ----------
    classes : ndarray of int, shape (fitted classes,)
        Which classes take part.
    pairs : ndarray, shape (fitted classes,), float64
        n_b, by which sums become autocovariances.
    turn : ndarray, shape (equations, fitted classes), float64
        Weights and rotation of the triangular factorisation.
    factor : ndarray, shape (equations, atoms), float64
        The triangular factor of the weighted expectations.
    """

    classes: IntArray
    pairs: Float64Array
    turn: Float64Array
    factor: Float64Array

    def __call__(self, sums: Float64Array) -> Float64Array:
        """Fit the coefficients of one map, shape (atoms,), to its sums over classes."""
        return nonnegative_least_squares(self.factor, self.turn @ (sums[self.classes] / self.pairs))


@dataclass(frozen=True, eq=False)
class Stationary:
    """The stationary null on given masks.

    Parameters
    ----------
    supports : Supports
        The masks.
    lattice : Lattice
        The box they lie in.
    atoms : Atoms
        The family of autocovariances.
    classes : ClassSums
        Sums over classes of lags.
    fittings : tuple of Fitting or None
        One for each mask; None for a mask without voxels.
    shared : tuple of Traces or None
        One for each intersection, or that of the reference mask alone.
    """

    supports: Supports
    lattice: Lattice
    atoms: Atoms
    classes: ClassSums
    fittings: tuple[Fitting | None, ...]
    shared: tuple[Traces | None, ...]

    def fit(self, matrix: MapMatrix, jobs: int = 1) -> Float64Array:
        """Fit the atoms to every map.

        Parameters
        ----------
        matrix : MapMatrix
            Standard scores on the features of the supports.
        jobs : int
            Threads. The outcome does not depend on it.

        Returns
        -------
        ndarray, shape (maps, atoms), float64
            NaN for maps that are constant or have no data.
        """
        return self.fitted(self.class_sums(matrix, jobs), self.supports.of(matrix))

    def class_sums(self, matrix: MapMatrix, jobs: int = 1) -> Float64Array:
        """Sum the autocovariances of every map over the classes of lags: all of a map that the fit needs.

        Returns
        -------
        ndarray, shape (maps, classes), float64
            NaN for maps that are constant or have no data.
        """
        varies = np.flatnonzero(matrix.scale > 0)

        def of(batch: IntArray) -> Float64Array:
            spectra = np.empty((len(batch), self._frequencies), np.float32)
            for spectrum, i in zip(spectra, batch, strict=True):
                transform = self.classes.transform(self.lattice.volume(matrix.rows[i], np.float32))
                spectrum[...] = self.classes.prepare(transform.real**2 + transform.imag**2)
            return self.classes.of(spectra)

        sums = np.full((len(matrix), self.classes.last + 1), np.nan)
        batches = [varies[start : start + BATCH] for start in range(0, len(varies), BATCH)]
        for batch, found in zip(batches, in_order(of, batches, jobs), strict=True):
            sums[batch] = found
        return sums

    def fitted(self, sums: Float64Array, of: IntArray) -> Float64Array:
        """Fit the atoms to sums over classes, shape (maps, classes), of maps that have these masks, shape (maps,)."""
        fitted = np.full((len(sums), len(self.atoms)), np.nan)
        for i in np.flatnonzero(np.isfinite(sums).all(axis=1)):
            fitted[i] = self._coefficients(int(of[i]), sums[i])
        return fitted

    def variance(
        self, a_x: Float64Array, of_x: IntArray, a_y: Float64Array, of_y: IntArray, n: IntArray
    ) -> Float64Array:
        """Find V for every pair.

        Parameters
        ----------
        a_x, a_y : ndarray, shape (maps, atoms), float64
            Coefficients.
        of_x, of_y : ndarray of int, shape (maps,)
            Which mask each map has.
        n : ndarray of int, shape (maps of y, maps of x)
            Voxels in common.

        Returns
        -------
        ndarray, shape (maps of y, maps of x), float64
            Not held within any bounds; NaN where a map has no coefficients or a pair has no voxels.

        Notes
        -----
        Exact for the pair's own intersection of masks where there are at most 8 of these. Beyond, the traces of
        the reference mask are scaled by its voxels over the pair's (never below 1), which errs towards larger p.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            if self.supports.shared is None:
                reference = self.shared[0]
                scale = np.maximum(reference.n / np.asarray(n, dtype=np.float64), 1) if reference else np.nan
                return _ratio(a_x, a_y, reference) * scale
            V = np.full(n.shape, np.nan)
            shared = self.supports.shared_of[np.ix_(of_y, of_x)]
            for k in np.unique(shared[shared >= 0]):
                V = np.where(shared == k, _ratio(a_x, a_y, self.shared[k]), V)
        return V

    def _coefficients(self, mask: int, sums: Float64Array) -> Float64Array:
        fitting = self.fittings[mask]
        return np.full(len(self.atoms), np.nan) if fitting is None else fitting(sums)

    @property
    def _frequencies(self) -> int:
        shape = self.classes.octant if self.classes.spectral else (
            *self.classes.shape[:2], self.classes.shape[2] // 2 + 1)
        return int(np.prod(shape))


def _ratio(a_x: Float64Array, a_y: Float64Array, t: Traces | None) -> Float64Array:
    if t is None:
        return np.full((len(a_y), len(a_x)), np.nan)
    return np.asarray((a_y @ t.W @ a_x.T) / np.outer(a_y @ t.d, a_x @ t.d))


def stationary_null(
    supports: Supports, lattice: Lattice, counted: Mapping[bytes, Float64Array] | None = None
) -> Stationary:
    """Work out all that the stationary null needs of the masks.

    Parameters
    ----------
    supports : Supports
        The masks; at least one voxel must be in use.
    lattice : Lattice
        The box of the voxels in use.
    counted : mapping, optional
        By packed masks: pairs of voxels by class that were counted before (`pairs_by_class`), for many masks.
    """
    boxes = _Boxes(lattice, atoms_for(lattice, int(supports.reference.sum())))
    own = [mask for mask in (supports.masks if supports.few else [supports.reference]) if mask.any()]
    last = max((int(boxes.lags(mask).fitted.max()) for mask in own), default=0)
    classes = ClassSums(lattice, last)
    if supports.few:
        fittings = [boxes.fitting(mask, classes) if mask.any() else None for mask in supports.masks]
    else:
        fittings = boxes.fittings_by(supports.reference, list(supports.masks), classes, counted or {})
    shared = [supports.reference] if supports.shared is None else list(supports.shared)
    known = [boxes.traces(mask, supports) if mask.any() else None for mask in shared]
    return Stationary(supports, lattice, boxes.atoms, classes, tuple(fittings), tuple(known))


class _Boxes:
    """Masks as boxes; what is known of one is kept while the others are studied.

    Intersections of masks mostly are masks again. Row sums, by far the largest part, are not kept.
    """

    def __init__(self, lattice: Lattice, atoms: Atoms) -> None:
        self.lattice, self.atoms = lattice, atoms
        self._lags: dict[bytes, MaskLags] = {}
        self._traces: dict[bytes, Traces] = {}

    def lags(self, mask: BoolArray) -> MaskLags:
        key = np.packbits(mask).tobytes()
        if key not in self._lags:
            self._lags[key] = mask_lags(self.lattice.volume(mask), self.lattice)
        return self._lags[key]

    def traces(self, mask: BoolArray, supports: Supports) -> Traces:
        if supports.weights is not None or supports.covariates is not None:
            weights = mask if supports.weights is None else mask * supports.weights
            lags = mask_lags(self.lattice.volume(weights), self.lattice)
            boxes = [self.lattice.volume(row) for row in supports.regressors(mask)]
            return projected_traces(lags, boxes, self.lattice, self.atoms)
        key = np.packbits(mask).tobytes()
        if key not in self._traces:
            self._traces[key] = traces(self.lags(mask), self._row_sums(mask), self.atoms)
        return self._traces[key]

    def fitting(self, mask: BoolArray, classes: ClassSums) -> Fitting:
        """Expectations in the mask itself."""
        lags, expected = self._study(mask, classes)
        return _fitting(lags.fitted, lags.pairs[lags.fitted], expected, class_weights(lags, self.lattice))

    def fittings_by(
        self, reference: BoolArray, masks: list[BoolArray], classes: ClassSums, counted: Mapping[bytes, Float64Array]
    ) -> list[Fitting | None]:
        """Expectations in the reference mask, pairs counted in each mask itself."""
        lags, expected = self._study(reference, classes)
        weights = class_weights(lags, self.lattice) / lags.pairs[lags.fitted]
        fittings: list[Fitting | None] = []
        for mask in masks:
            known = counted.get(np.packbits(mask).tobytes())
            if known is None or len(known) <= lags.fitted.max(initial=0):
                known = pairs_by_class(classes, self.lattice, mask)
            pairs = known[lags.fitted]
            has = pairs > 0
            fittings.append(_fitting(lags.fitted[has], pairs[has], expected[:, has], weights[has] * pairs[has])
                            if has.any() else None)
        return fittings

    def _study(self, mask: BoolArray, classes: ClassSums) -> tuple[MaskLags, Float64Array]:
        """Find lags and expectations of a mask, and its traces by the way."""
        lags, sums = self.lags(mask), self._row_sums(mask)
        self._traces[np.packbits(mask).tobytes()] = traces(lags, sums, self.atoms)
        return lags, expected_autocovariance(lags, sums, self.atoms, classes)

    def _row_sums(self, mask: BoolArray) -> RowSums:
        return row_sums(self.lags(mask).mask, self.lattice, self.atoms)


def pairs_by_class(classes: ClassSums, lattice: Lattice, mask: BoolArray) -> Float64Array:
    """Count the pairs of voxels of a mask, shape (features,), in each class of lags, shape (classes,)."""
    transform = classes.transform(lattice.volume(mask))
    return np.asarray(np.rint(classes.of(classes.prepare(transform.real**2 + transform.imag**2)[None])[0]))


def _fitting(classes: IntArray, pairs: Float64Array, expected: Float64Array, weights: Float64Array) -> Fitting:
    root = np.sqrt(weights)
    rotation, factor = np.linalg.qr(expected.T * root[:, None])
    return Fitting(classes, pairs, rotation.T * root, factor)
