"""Surrogates of maps of regions, by Moran's eigenvectors or by matching variograms, from one source of numbers.

Draws are numbered, and each pair of draws has random numbers of its own that all maps share: a surrogate is the
same whatever else is drawn, and the maps of one draw are about as correlated as the real ones, so that the largest
correlation of a draw stands for the largest one among these maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.nulls.distances import FEWEST, checked_coords
from niicorr.nulls.moran import MoranBasis, moran_basis
from niicorr.nulls.variogram import AT_ONCE, VariogramFit, Variograms, variogram_fit, variograms_of
from niicorr.ranks import ascending
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

Kind: TypeAlias = Literal["moran", "variogram"]

TOGETHER = 64
"""Pairs of draws of a single map that are made at once; fixed, so that numbers do not depend on their number."""


@dataclass(frozen=True, eq=False)
class RegionalSurrogates:
    """What surrogates of the maps of a matrix are drawn from.

    Parameters
    ----------
    base : MapMatrix
        The maps.
    scores : MapMatrix or None
        The maps as rows of surrogates hold them, in the order of a surrogate's values; None: surrogates are given
        out as they are, as standard scores.
    makers : tuple of MoranBasis, Variograms or None
        One for each support of the maps; None for fewer than 10 regions.
    seed : int
        From which all draws follow.
    """

    base: MapMatrix
    scores: MapMatrix | None
    makers: tuple[MoranBasis | Variograms | None, ...]
    seed: int

    @property
    def usable(self) -> BoolArray:
        """Which maps have surrogates."""
        has = np.array([maker is not None for maker in self.makers])
        return np.asarray((self.base.scale > 0) & has[self.base.support_of])

    @property
    def draw_bytes(self) -> int:
        """Memory that drawing for all maps takes, rows apart."""
        return 8 * (12 * len(self.base) * self.base.features.n + 3 * AT_ONCE)

    def draw(self, number: int, maps: IntArray) -> FloatArray:
        """Draw twice.

        Parameters
        ----------
        number : int
            Which two draws; the same number gives the same rows.
        maps : ndarray of int, shape (k,)
            For which maps.

        Returns
        -------
        ndarray, shape (2, k, features)
            Standard scores, or the values of ``scores``; zero where missing and for maps without surrogates.
        """
        kind = self.base.rows.dtype if self.scores is None else self.scores.rows.dtype
        rows = np.zeros((2, len(maps), self.base.features.n), kind)
        usable, support_of = self.usable[maps], self.base.support_of[maps]
        for support in np.unique(support_of[usable]):
            at = np.flatnonzero(usable & (support_of == support))
            columns = np.flatnonzero(self.base.supports[support])
            values = self.base.rows[maps[at]][:, columns].astype(np.float64)
            maker = self.makers[support]
            if maker is not None:
                drawn = _randomised(maker, values, columns, self.base.features.n, self.seed, [number], maps[at])
                rows[:, at[:, None], columns] = self._finished(drawn, maps[at], columns)
        return rows

    def fit(self, index: int, draws: int = 50) -> VariogramFit | None:
        """Tell how well the variograms of a map's surrogates follow its own; None for Moran's and without any."""
        maker = self.makers[self.base.support_of[index]]
        if not isinstance(maker, Variograms) or not self.usable[index]:
            return None
        columns = np.flatnonzero(self.base.supports[self.base.support_of[index]])
        values = self.base.rows[index][columns].astype(np.float64)
        drawn = _randomised(maker, values[None], columns, self.base.features.n, self.seed, range((draws + 1) // 2),
                            np.array([index]))
        return variogram_fit(maker, values, drawn[:draws, 0])

    def _finished(self, drawn: Float64Array, maps: IntArray, columns: IntArray) -> FloatArray:
        """Turn surrogates, shape (2, k, regions), into rows."""
        if self.scores is None:
            centred = drawn - drawn.mean(axis=2, keepdims=True)
            return np.asarray(centred / centred.std(axis=2, keepdims=True))
        rows = np.empty_like(drawn)
        for k, index in enumerate(maps):
            given = self.scores.rows[index][columns]
            order, _ = ascending(self.base.rows[index][columns])
            for row, values in zip(rows[:, k], drawn[:, k], strict=True):
                row[ascending(values)[0]] = given[order]
        return rows


def regional_surrogates(
    base: MapMatrix, coords: Float64Array, kind: Kind, *, seed: int = 0, scores: MapMatrix | None = None
) -> RegionalSurrogates:
    """Prepare surrogates of maps of regions.

    Parameters
    ----------
    base : MapMatrix
        The maps.
    coords : ndarray, shape (regions, 3), float64
        Centres in mm.
    kind : {'moran', 'variogram'}
        How surrogates are made.
    seed : int
        From which all draws follow.
    scores : MapMatrix, optional
        The same maps, in the same regions, as rows of surrogates shall hold them (ranks, for a rank correlation; or
        ``base`` itself): surrogates then get these values rank for rank.

    Raises
    ------
    ValueError
        With fewer than 10 regions, or centres that are not finite or all at one place.

    Notes
    -----
    A map with missing regions has the eigenvectors, or the variogram, of the regions that it has.
    """
    if len(coords) != base.features.n:
        raise ValueError(f"{len(coords)} coordinates for maps of {base.features.n} regions")
    used = base.supports.any(axis=0)
    coords = np.asarray(coords, dtype=np.float64)
    checked_coords(coords[used])
    makers = tuple(_maker(coords[support], kind) for support in base.supports)
    return RegionalSurrogates(base, scores, makers, seed)


def moran_surrogates(values: Float64Array, coords: Float64Array, count: int, seed: int = 0) -> Float64Array:
    """Draw maps with a map's mean, variance and Moran's I (`niicorr.nulls.moran`).

    Parameters
    ----------
    values : ndarray, shape (regions,), float64
        NaN where missing.
    coords : ndarray, shape (regions, 3), float64
        Centres in mm.
    count : int
        How many.
    seed : int
        From which they follow; the first ones are the same however many are drawn.

    Returns
    -------
    ndarray, shape (count, regions), float64
        NaN where missing.

    Raises
    ------
    ValueError
        With fewer than 10 regions, or centres that are not finite or all at one place.

    References
    ----------
    Wagner HH & Dray S (2015), doi 10.1111/2041-210X.12407.
    """
    return _surrogates(values, coords, "moran", count, seed)


def variogram_surrogates(values: Float64Array, coords: Float64Array, count: int, seed: int = 0) -> Float64Array:
    """Draw maps whose variogram follows that of a map (`niicorr.nulls.variogram`); they have its mean.

    Parameters, outcome and errors are those of `moran_surrogates`.

    References
    ----------
    Burt JB et al. (2020), doi 10.1016/j.neuroimage.2020.117038.
    """
    return _surrogates(values, coords, "variogram", count, seed)


def _surrogates(values: Float64Array, coords: Float64Array, kind: Kind, count: int, seed: int) -> Float64Array:
    values = np.asarray(values, dtype=np.float64)
    columns = np.flatnonzero(np.isfinite(values))
    known = values[columns]
    maker = _made(checked_coords(np.asarray(coords, dtype=np.float64)[columns]), kind)
    mean = known.mean()
    # A map in other units is the same map: nothing is rounded away beside a large offset.
    scale = known.std() or 1.0
    scores = ((known - mean) / scale)[None]
    found = np.full((count, len(values)), np.nan)
    for start in range(0, (count + 1) // 2, TOGETHER):
        numbers = range(start, start + TOGETHER)
        drawn = _randomised(maker, scores, columns, len(values), seed, numbers, np.zeros(1, np.intp))[:, 0]
        found[2 * start : 2 * start + len(drawn), columns] = mean + scale * drawn[: count - 2 * start]
    return found


def _maker(coords: Float64Array, kind: Kind) -> MoranBasis | Variograms | None:
    if len(coords) < FEWEST or (coords == coords[0]).all():
        return None
    return _made(coords, kind)


def _made(coords: Float64Array, kind: Kind) -> MoranBasis | Variograms:
    return moran_basis(coords) if kind == "moran" else variograms_of(coords)


def _randomised(
    maker: MoranBasis | Variograms,
    values: Float64Array,
    columns: IntArray,
    regions: int,
    seed: int,
    numbers: range | list[int],
    maps: IntArray,
) -> Float64Array:
    """Make the draws of these numbers, shape (2 · numbers, maps, columns)."""
    uniform = np.concatenate([_generator(seed, number, 0).random((2, regions)) for number in numbers])
    if isinstance(maker, MoranBasis):
        return maker.randomise(values, uniform)
    # Of a whole permutation, what the regions at hand have of it.
    shuffled = np.argsort(uniform[:, columns], axis=1)
    noise = np.stack([np.concatenate([_generator(seed, number, 1, int(i)).standard_normal((2, regions))
                                      for number in numbers]) for i in maps], axis=1)
    return maker.randomise(values, shuffled, noise[..., columns])


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)))
