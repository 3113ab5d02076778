"""What the modified t-test needs to know of a mask: traces and expectations for a family of autocovariances.

The family is a nugget and Gaussians of many widths; a mixture of Gaussians with weights that are not negative
is every isotropic autocovariance that is valid in all dimensions (Schoenberg 1938, doi 10.2307/1968466). With
n voxels, B = I − 11'/n and Σ_k the matrix of atom k between all voxels,

    W_kl = tr(BΣ_kBΣ_l) = Σ_h n(h) φ_k(h) φ_l(h) − (2/n) Σ_i M_k(i) M_l(i) + g_k g_l / n²
    d_k  = tr(BΣ_k)     = n φ_k(0) − g_k / n
    E_kb = mean over the pairs of class b of the autocovariance expected of a demeaned map of atom k

where M_k = Σ_k 1 and g_k its sum. No matrix of voxels by voxels is ever formed, and nothing is approximated.

For a correlation weighted by w, 1 becomes w, n its sum, B becomes diag(w) − ww'/n, and n(h) = Σ_i w_i w_{i+h}.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
from scipy import fft

from niicorr.nulls.autocovariance import ClassSums, LagTable, lag_classes, lag_table, padded
from niicorr.nulls.lattice import Lattice
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

GAUSSIANS = 15
"""Widths of the family, besides the nugget."""

LAGS_AT_ONCE = 1 << 16


@dataclass(frozen=True, eq=False)
class Atoms:
    """Autocovariances, 1 at lag 0: a nugget, and ``exp(−h²/2s²)`` for each width s.

    Parameters
    ----------
    widths : ndarray, shape (15,), float64
        s in mm.
    """

    widths: Float64Array

    def __len__(self) -> int:
        return len(self.widths) + 1

    def at(self, squared_mm: Float64Array) -> Float64Array:
        """Evaluate all atoms at lags of these squared lengths, shape (lags, atoms)."""
        values = np.empty((len(squared_mm), len(self)))
        values[:, 0] = squared_mm == 0
        np.exp(np.multiply.outer(squared_mm, -0.5 / self.widths**2), out=values[:, 1:])
        return values


def equivalent_radius(n: float, voxel_volume: float) -> float:
    """Radius in mm of the ball that has the volume of n voxels."""
    return float((3 * n * voxel_volume / (4 * pi)) ** (1 / 3))


def atoms_for(lattice: Lattice, n: int) -> Atoms:
    """Choose widths from half the smallest voxel edge to 1.3 radii of the ball of n voxels."""
    radius = equivalent_radius(n, lattice.voxel_volume)
    return Atoms(np.geomspace(lattice.edges.min() / 2, 1.3 * radius, GAUSSIANS))


@dataclass(frozen=True, eq=False)
class MaskLags:
    """Lags of a mask by class.

    Parameters
    ----------
    mask : ndarray, float64
        The box, 1 (or the weight) inside.
    n : float
        Voxels inside, or the sum of their weights.
    table : LagTable
        All lags.
    index : ndarray of int, shape (lags,)
        The class of each lag.
    pairs, length : ndarray, shape (classes,), float64
        n_b, the pairs of voxels in each class, and h_b, their mean distance in mm (0 where there are none).
    fitted : ndarray of int
        The classes that maps are fitted in: those of mean distance up to the equivalent radius.
    """

    mask: FloatArray
    n: float
    table: LagTable
    index: IntArray
    pairs: Float64Array
    length: Float64Array
    fitted: IntArray


def mask_lags(mask: FloatArray, lattice: Lattice) -> MaskLags:
    """Count the pairs of voxels of a mask: a box of ones and zeros, or of weights."""
    table = lag_table(mask, lattice)
    index = lag_classes(table.squared_mm, lattice)
    n = float(mask.sum())
    pairs = np.bincount(index, table.count).astype(np.float64)
    length = np.bincount(index, table.count * np.sqrt(table.squared_mm)) / np.maximum(pairs, 1)
    radius = equivalent_radius(n, lattice.voxel_volume) * (1 + 1e-9)
    return MaskLags(mask, n, table, index, pairs, length, np.flatnonzero((pairs > 0) & (length <= radius)))


@dataclass(frozen=True, eq=False)
class Traces:
    """``W`` (atoms × atoms) and ``d`` (atoms,) of a mask of n voxels, or of weights that sum to n."""

    n: float
    W: Float64Array
    d: Float64Array


@dataclass(frozen=True, eq=False)
class RowSums:
    """M_k = Σ_k w for each atom at the voxels of the mask, shape (atoms, n), and g_k = w'M_k; w is 1 or a weight."""

    inside: BoolArray
    weights: Float64Array
    values: Float64Array
    g: Float64Array

    def box(self, k: int) -> Float64Array:
        """Put those of one atom into the box, zero outside the mask."""
        box = np.zeros(self.inside.shape)
        box[self.inside] = self.values[k]
        return box


def row_sums(mask: FloatArray, lattice: Lattice, atoms: Atoms) -> RowSums:
    """Sum each atom over all voxels of the mask (or of weights) as seen from each voxel of it."""
    inside = mask > 0
    weights = mask[inside].astype(np.float64)
    values = np.tile(weights, (len(atoms), 1))
    smoothed = _smoothed if lattice.orthogonal else _smoothed_by_transform
    for row, width in zip(values[1:], atoms.widths, strict=True):
        row[...] = smoothed(mask, lattice, float(width))[inside]
    return RowSums(inside, weights, values, values @ weights)


def _smoothed(mask: FloatArray, lattice: Lattice, width: float) -> Float64Array:
    """Convolve with a Gaussian, axis by axis: its lags are a product where axes are perpendicular."""
    box = mask.astype(np.float64)
    for n, edge in zip(mask.shape, lattice.edges, strict=True):
        steps = np.arange(n)
        kernel = np.exp(-(((steps[:, None] - steps) * edge / width) ** 2) / 2)
        box = np.tensordot(box, kernel, axes=(0, 1))  # to the end; after three turns all axes are back in order
    return np.asarray(box)


def _smoothed_by_transform(mask: FloatArray, lattice: Lattice, width: float) -> Float64Array:
    a, b, c = mask.shape
    shape = padded((a, b, c), (a - 1, b - 1, c - 1))
    squared = lattice.squared_mm(*(np.rint(fft.fftfreq(n, 1 / n)).astype(np.intp) for n in shape))
    kernel = fft.rfftn(np.exp(squared * (-0.5 / width**2)))
    return np.asarray(fft.irfftn(fft.rfftn(mask.astype(np.float64), shape) * kernel, shape)[:a, :b, :c])


def traces(lags: MaskLags, sums: RowSums, atoms: Atoms) -> Traces:
    """Find W and d of a mask."""
    n, W = lags.n, _lag_products(lags, atoms)
    W += np.outer(sums.g, sums.g) / n**2 - 2 / n * ((sums.values * sums.weights) @ sums.values.T)
    return Traces(n, W, n - sums.g / n)


def projected_traces(
    lags: MaskLags, regressors: Sequence[FloatArray], lattice: Lattice, atoms: Atoms
) -> Traces:
    """Find W and d of correlations of what is left when covariates are regressed out of both maps.

    Parameters
    ----------
    lags : MaskLags
        Of the mask or its weights.
    regressors : sequence of ndarray, shape of the box, float64
        The constant and the covariates, orthonormal (`Supports.regressors`).
    lattice, atoms
        The box and the family.

    Notes
    -----
    With Q the regressors, P = diag(w) − QQ' takes the place of B:
    ``tr(PΣ_kPΣ_l) = Σ_h n(h) φ_k φ_l − 2 Σ_i w_i (Σ_kQ)_i (Σ_lQ)_i + tr(Q'Σ_kQ Q'Σ_lQ)``.
    """
    inside, smoothed = lags.mask > 0, _smoothed if lattice.orthogonal else _smoothed_by_transform
    weights = lags.mask[inside]
    rows = np.array([box[inside] for box in regressors])
    W, grams = _lag_products(lags, atoms), np.empty((len(atoms), len(rows), len(rows)))
    for q, box in enumerate(regressors):
        # One regressor at a time: all atoms of all of them would not fit into the memory.
        spread = np.array([rows[q], *(smoothed(box, lattice, float(width))[inside] for width in atoms.widths)])
        W -= 2 * (spread * weights) @ spread.T
        grams[:, :, q] = spread @ rows.T
    W += np.einsum("kab,lba->kl", grams, grams)
    return Traces(lags.n, W, lags.n - np.einsum("kaa->k", grams))


def _lag_products(lags: MaskLags, atoms: Atoms) -> Float64Array:
    """Sum n(h) φ_k(h) φ_l(h) over all lags."""
    count, squared = lags.table.count, lags.table.squared_mm
    products = np.zeros((len(atoms), len(atoms)))
    for start in range(0, len(count), LAGS_AT_ONCE):
        piece = slice(start, start + LAGS_AT_ONCE)
        values = atoms.at(squared[piece])
        products += (values * count[piece, None]).T @ values
    return products


def expected_autocovariance(
    lags: MaskLags, sums: RowSums, atoms: Atoms, classes: ClassSums
) -> Float64Array:
    """Find E, shape (atoms, fitted classes): what each atom's demeaned autocovariance is expected to be."""
    n, wanted = lags.n, lags.fitted
    inside = lags.index <= classes.last
    index, count = lags.index[inside], lags.table.count[inside]
    values = atoms.at(lags.table.squared_mm[inside])
    full = np.stack([np.bincount(index, count * v, classes.last + 1) for v in values.T])
    ones = np.conj(classes.transform(lags.mask.astype(np.float64)))
    prepared = (classes.prepare((classes.transform(sums.box(k)) * ones).real) for k in range(len(atoms)))
    if classes.spectral:
        cross = classes.of(np.stack(list(prepared)))
    else:
        cross = np.concatenate([classes.of(row[None]) for row in prepared])
    mean = (full - 2 / n * cross)[:, wanted] / lags.pairs[wanted]
    return np.asarray(mean + sums.g[:, None] / n**2)


def class_weights(lags: MaskLags, lattice: Lattice) -> Float64Array:
    """Weight of each fitted class's squared residual: its pairs, over the lags that share its shell."""
    length = lags.length[lags.fitted]
    shell = 4 * pi * length**2 * lattice.edges.max() / lattice.voxel_volume
    return np.asarray(lags.pairs[lags.fitted] / (lags.n * np.maximum(1, shell)))

