"""What the null for regions needs of a set of regions: exact traces and expectations, from explicit matrices.

A map of regions holds means over regions of different sizes, so their variances differ, and neighbouring regions
share less than neighbouring voxels. Both follow from one autocovariance of the underlying voxels: with a region
taken for a Gaussian blob of the variance q of a ball of its size, an atom exp(−h²/2s²) becomes

    Σ_ij = (s²/(s² + q_i + q_j))^(3/2) exp(−d_ij²/2(s² + q_i + q_j)),    the nugget Σ_ii = 1/volume_i.

This matters: taken for points, the 116 regions of AAL (2 to 40 cm³) give 13.6 % false positives at .05 in maps of
8 mm FWHM, as blobs 5 %. Where sizes are not known, q is 0 and the nugget 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from niicorr.nulls.distances import Cloud
from niicorr.typing import BoolArray, Float64Array, IntArray

GAUSSIANS = 10
"""Widths of the family, besides the nugget."""

CLASSES = 15
"""Distances up to the radius of the cloud fall into so many classes of equal width, besides that of a region itself."""

RANGES = (1.3, 2.0, 2.8, 3.8)
"""Upper ends, in spacings, of the ranges of distances that are told apart by place."""

WINDOW = 1.0
"""Width of a window, the standard deviation of a Gaussian, in spacings."""

AT_ONCE = 1 << 21
"""Entries of the atoms' matrices held at a time."""


@dataclass(frozen=True, eq=False)
class Family:
    """Covariances of regions for each atom of the autocovariance, 1 on average over the regions' variances.

    Parameters
    ----------
    cloud : Cloud
        The regions.
    widths : ndarray, shape (Gaussians,), float64
        s in mm.
    classes : ndarray of int, shape (regions, regions)
        Class of each pair: 0 for a region with itself, 1 to 15 by distance, 16 beyond the radius of the cloud.
    ranges : ndarray of int, shape (regions, regions)
        Range of each pair: 0 for a region with itself, then 1 to 4, 5 beyond.
    windows : ndarray, shape (regions, regions), float64
        Gaussian windows around each region (rows); those that a region lies in (columns) sum to 1.
    """

    cloud: Cloud
    widths: Float64Array
    classes: IntArray
    ranges: IntArray
    windows: Float64Array

    def __len__(self) -> int:
        return len(self.widths) + 1

    def rows(self, regions: IntArray) -> Iterator[tuple[slice, Float64Array]]:
        """Yield some rows at a time of the covariances of the given regions, shape (atoms, rows, regions)."""
        blur, noise = self.cloud.blur, self.cloud.noise
        squared_widths = (self.widths**2)[:, None, None]
        typical = ((squared_widths / (squared_widths + 2 * blur)) ** 1.5).mean(axis=2, keepdims=True)
        step = max(1, AT_ONCE // (len(self) * len(regions)))
        for start in range(0, len(regions), step):
            part = slice(start, min(start + step, len(regions)))
            some = regions[part]
            squared = self.cloud.distance[np.ix_(some, regions)] ** 2
            wide = squared_widths + (blur[some][:, None] + blur[regions])
            values = np.zeros((len(self), len(some), len(regions)))
            values[0, np.arange(len(some)), np.arange(part.start, part.stop)] = noise[some] / noise.mean()
            values[1:] = (squared_widths / wide) ** 1.5 * np.exp(-squared / (2 * wide)) / typical
            yield part, values


def family_of(cloud: Cloud) -> Family:
    """Choose atoms, classes, ranges and windows for a cloud of regions.

    Widths run from half the spacing to 1.3 radii of the ball as large as the cloud, in geometric steps. Classes
    of equal width and of equal numbers of pairs do equally well in simulations.
    """
    itself = np.eye(len(cloud), dtype=np.bool_)
    # Two regions of one centre are the nearest of neighbours.
    steps = np.ceil(cloud.distance * (CLASSES / cloud.radius * (1 - 1e-9)))
    classes = np.where(itself, 0, np.clip(steps, 1, CLASSES + 1)).astype(np.intp)
    beyond = np.searchsorted(np.array(RANGES) * cloud.spacing * (1 + 1e-9), cloud.distance) + 1
    windows = np.exp(-((cloud.distance / (WINDOW * cloud.spacing)) ** 2) / 2)
    return Family(cloud, np.geomspace(cloud.spacing / 2, 1.3 * cloud.radius, GAUSSIANS), classes,
                  np.where(itself, 0, beyond), windows / windows.sum(axis=0))


@dataclass(frozen=True, eq=False)
class Traces:
    """What the variance of r over some of the regions is made of.

    Parameters
    ----------
    regions : ndarray of int, shape (n,)
        Which.
    W, d : ndarray, shape (atoms, atoms) and (atoms,), float64
        ``tr(PΣ_kPΣ_l)`` and ``tr(PΣ_k)``; P is what a correlation does to maps: B = I − 11'/n, unless regions have
        weights or covariates are regressed out.
    window_pairs : ndarray, shape (ranges, windows), float64
        Pairs of each range in each window, or the sum of the products of their weights.
    """

    regions: IntArray
    W: Float64Array
    d: Float64Array
    window_pairs: Float64Array

    @property
    def n(self) -> int:
        """Number of regions."""
        return len(self.regions)


@dataclass(frozen=True, eq=False)
class Study(Traces):
    """What else is known of some of the regions, once their mean is taken off: what maps are fitted with.

    Parameters
    ----------
    pairs : ndarray, shape (classes,), float64
        Ordered pairs of regions in each class.
    length : ndarray, shape (classes,), float64
        Their mean distance in mm; 0 where there are none.
    expected : ndarray, shape (atoms, classes), float64
        E_kb: mean of BΣ_kB over the pairs of class b; 0 where there are none.
    variances : ndarray, shape (atoms, all regions), float64
        Diagonal of BΣ_kB; 0 for other regions.
    window_expected : ndarray, shape (atoms, ranges, windows), float64
        Mean of BΣ_kB over the pairs of a range in a window; 0 where there are none.
    """

    pairs: Float64Array
    length: Float64Array
    expected: Float64Array
    variances: Float64Array
    window_expected: Float64Array


def study(family: Family, mask: BoolArray) -> Study:
    """Work out traces and expectations of the regions in a mask, shape (all regions,); at least one must be."""
    regions = np.flatnonzero(mask)
    n, atoms, n_ranges = len(regions), len(family), len(RANGES) + 1
    W, variances = np.zeros((atoms, atoms)), np.zeros((atoms, len(mask)))
    products, by_range = np.zeros((atoms, CLASSES + 2)), np.zeros((n_ranges, atoms, n))
    for part, demeaned in _projected(family, regions, np.full((1, n), n**-0.5), np.ones(n)):
        flat = demeaned.reshape(atoms, -1)
        W += flat @ flat.T
        some = np.arange(part.start, part.stop)
        variances[:, regions[part]] = demeaned[:, some - part.start, some]
        places = np.ix_(regions[part], regions)
        index = family.classes[places].reshape(-1)
        products += np.stack([np.bincount(index, row, CLASSES + 2) for row in flat])
        for b in range(n_ranges):
            within = (family.ranges[places] == b).astype(np.float64)
            by_range[b][:, part] = np.einsum("kij,ij->ki", demeaned, within)
    index = family.classes[np.ix_(regions, regions)].reshape(-1)
    pairs = np.bincount(index, minlength=CLASSES + 2).astype(np.float64)
    length = np.bincount(index, family.cloud.distance[np.ix_(regions, regions)].reshape(-1), CLASSES + 2)
    window_pairs = _window_pairs(family, regions, np.ones(n))
    return Study(regions, W, variances.sum(axis=1), window_pairs, pairs, length / np.maximum(pairs, 1),
                 products / np.maximum(pairs, 1), variances,
                 over((by_range @ family.windows[:, regions].T).transpose(1, 0, 2), window_pairs))


def projected_traces(family: Family, mask: BoolArray, regressors: Float64Array, weights: Float64Array) -> Traces:
    """Work out traces of weighted correlations, or of what is left when covariates are regressed out of both maps.

    Parameters
    ----------
    family : Family
        The covariances.
    mask : ndarray of bool, shape (all regions,)
        At least one must be.
    regressors : ndarray, shape (q, all regions), float64
        The constant and the covariates, orthonormal in the weights once divided by their roots
        (`niicorr.nulls.supports.Supports.regressors`).
    weights : ndarray, shape (all regions,), float64
        Positive in the mask.

    Notes
    -----
    With Q the regressors, P = diag(w) − QQ' takes the place of B. As P = R(I − UU')R with R = diag(√w) and RU = Q,
    the traces are those of (I − UU')RΣ_kR(I − UU'): sums of squares, in which nothing cancels.
    """
    regions = np.flatnonzero(mask)
    root = np.sqrt(weights[regions])
    W, d = np.zeros((len(family), len(family))), np.zeros(len(family))
    for part, left in _projected(family, regions, regressors[:, regions] / root, root):
        flat = left.reshape(len(family), -1)
        W += flat @ flat.T
        some = np.arange(part.start, part.stop)
        d += left[:, some - part.start, some].sum(axis=1)
    return Traces(regions, W, d, _window_pairs(family, regions, weights[regions]))


def _projected(
    family: Family, regions: IntArray, basis: Float64Array, root: Float64Array
) -> Iterator[tuple[slice, Float64Array]]:
    """Yield some rows at a time of (I − UU')RΣ_kR(I − UU'), U' the orthonormal basis, shape (q, regions)."""

    def scaled() -> Iterator[tuple[slice, Float64Array]]:
        for part, values in family.rows(regions):
            yield part, values * (root[part, None] * root)

    spread = np.concatenate([values @ basis.T for _, values in scaled()], axis=1)
    inner = basis @ spread @ basis
    for part, values in scaled():
        yield part, values - spread[:, part] @ basis - basis.T[part] @ (spread.transpose(0, 2, 1) - inner)


def _window_pairs(family: Family, regions: IntArray, weights: Float64Array) -> Float64Array:
    """Count the pairs of each range in each window, each as the product of its weights."""
    ranges = family.ranges[np.ix_(regions, regions)]
    counts = np.stack([weights * ((ranges == b) @ weights) for b in range(len(RANGES) + 1)])
    return np.asarray(counts @ family.windows[:, regions].T)


def over(sums: Float64Array, counts: Float64Array) -> Float64Array:
    """Divide sums by counts; 0 where next to nothing was counted."""
    return np.where(counts > 1e-6, sums / np.maximum(counts, 1e-6), 0.0)


def class_weights(pairs: Float64Array, length: Float64Array, cloud: Cloud, n: int) -> Float64Array:
    """Weight of each class's squared residual: its pairs, over those that its whole shell would hold.

    In a ball of n regions and radius R the shell of width R/15 around one of them holds 3n(h/R)²/15 others.
    """
    shell = 3 * n / CLASSES * (length / cloud.radius) ** 2
    return np.asarray(pairs / (n * np.maximum(1, shell)))
