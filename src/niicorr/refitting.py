"""Null models fitted once more, over the features that a pair has in common, where the first fit does not hold there.

Each map is fitted once, over all its own features, however many maps it is compared with. Where a pair's common
features show another map than that (`niicorr.nulls.misfits`), both are narrowed to what they have in common and
described anew, as in a run with these features for a mask. Pairs of the same common features share that work, and
there is a bound to it: pairs beyond get no p.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.compute.plan import cuts
from niicorr.compute.similarity import Similarity
from niicorr.machine import one_blas_thread
from niicorr.matrix import MapMatrix
from niicorr.nulls.effective import EffectiveNull, EffectiveSize, Model, effective_null
from niicorr.nulls.regional import RegionalNull, regional_null
from niicorr.typing import BoolArray, IntArray, Progress

UNLIKE = ("no p-value: over the common {0}s one of the two maps is not as over all its own, where it was fitted (its "
          "strongest {0}s lie where the other has no data)")
"""What is said of a pair that was left out, with the unit of its features; what to do follows."""

WORK = 4e8
"""Values that are fitted again at most: some two minutes of maps of 2 mm."""

MASK = 50
"""A set of common features is as much work as so many maps."""

SMALLEST = 20_000
"""Maps of fewer values are as much work as these."""

KINDS = 512
"""Of so many combinations of coverage at most common features are looked at, those of most pairs first."""

PIECE = 64
"""Maps narrowed together."""

Take = Callable[[IntArray, IntArray, EffectiveSize, int], None]
"""Takes rows and columns, shape (k,), what these pairs are worth, shape (k,), and the covariates among them."""


@dataclass(frozen=True, eq=False)
class _Group:
    """Pairs of the same common features: those, shape (features,), and rows and columns of the pairs, shape (k,)."""

    features: BoolArray
    rows: IntArray
    columns: IntArray

    def work(self, *, regions: bool) -> float:
        """Values that have to be fitted; of regions, entries of matrices count."""
        size = np.count_nonzero(self.features)
        maps = len(np.unique(self.rows)) + len(np.unique(self.columns))
        return float((MASK + maps) * max(size**2 / 8 if regions else size, SMALLEST))


def refit(
    x: MapMatrix, y: MapMatrix, cells: BoolArray, similarity: Similarity, model: Model, take: Take, *, jobs: int,
    progress: Progress, work: float | None = None,
) -> BoolArray:
    """Size up pairs by fits over their common features.

    Parameters
    ----------
    x, y : MapMatrix
        The maps, as the null model knows them.
    cells : ndarray of bool, shape (maps of y, maps of x)
        The pairs; `niicorr.nulls.misfits.misfits` finds them.
    similarity : Similarity
        What was computed: its weights and covariates.
    model : {'robust', 'gsm'}
        The null model.
    take : callable
        Takes the outcome.
    jobs : int
        Threads. The outcome does not depend on it.
    progress : callable
        Told of pairs.
    work : float, optional
        Values that may be fitted; `WORK` without it.

    Returns
    -------
    ndarray of bool, shape (maps of y, maps of x)
        The pairs that were left out: too much work, or regions of which nothing can be said.
    """
    if not cells.any():
        return cells
    left = cells.copy()
    what = f"fitting over common {x.features.unit}s"
    with progress(int(np.count_nonzero(cells)), what) as advance, one_blas_thread():
        for group in _affordable(x, y, cells, WORK if work is None else work):
            try:
                _size(x, y, group, similarity, model, take, jobs)
                left[group.rows, group.columns] = False
            except ValueError:
                if x.features.centroids is None:
                    raise
                # Regions that are no cloud of places: all centres at one point.
            advance(len(group.rows))
    return left


def _affordable(x: MapMatrix, y: MapMatrix, cells: BoolArray, work: float) -> Iterator[_Group]:
    """Group pairs by their common features, those of most pairs first, until the work would be too much."""
    for group in _groups(x, y, cells):
        work -= group.work(regions=x.features.centroids is not None)
        if work < 0:
            return
        yield group


def _groups(x: MapMatrix, y: MapMatrix, cells: BoolArray) -> list[_Group]:
    rows, columns = np.nonzero(cells)
    kinds, kind_of, counts = np.unique(y.support_of[rows] * len(x.supports) + x.support_of[columns],
                                       return_inverse=True, return_counts=True)
    places = np.split(np.argsort(kind_of, kind="stable"), np.cumsum(counts)[:-1])
    features: dict[bytes, BoolArray] = {}
    members: dict[bytes, list[IntArray]] = {}
    for k in np.argsort(-counts, kind="stable")[:KINDS]:
        of_y, of_x = divmod(int(kinds[k]), len(x.supports))
        common = y.supports[of_y] & x.supports[of_x]
        key = hashlib.blake2b(np.packbits(common).tobytes(), digest_size=16).digest()
        features.setdefault(key, common)
        members.setdefault(key, []).append(places[k])
    groups = [_Group(features[key], *(side[np.sort(np.concatenate(parts))] for side in (rows, columns)))
              for key, parts in members.items()]
    return sorted(groups, key=lambda group: -len(group.rows))


def _size(
    x: MapMatrix, y: MapMatrix, group: _Group, similarity: Similarity, model: Model, take: Take, jobs: int
) -> None:
    common = int(np.count_nonzero(group.features))
    used_y, row_of = np.unique(group.rows, return_inverse=True)
    used_x, column_of = np.unique(group.columns, return_inverse=True)
    pieces_y, pieces_x = ([used[piece] for piece in cuts(len(used), PIECE)] for used in (used_y, used_x))
    null: Any = _null(x.within(group.features, used_x[:1]), similarity.on(group.features), model)
    described_x, described_y = ([null.describe(maps.within(group.features, piece), jobs) for piece in pieces]
                                for maps, pieces in ((x, pieces_x), (y, pieces_y)))
    for b, of_y in enumerate(described_y):
        for a, of_x in enumerate(described_x):
            here = (row_of // PIECE == b) & (column_of // PIECE == a)
            if here.any():
                n = np.full((len(pieces_y[b]), len(pieces_x[a])), common)
                size = null.size(of_x, of_y, n)
                at = row_of[here] % PIECE, column_of[here] % PIECE
                take(group.rows[here], group.columns[here], size.at(*at), null.supports.n_covariates)


def _null(matrix: MapMatrix, similarity: Similarity, model: Model) -> EffectiveNull | RegionalNull:
    """The null model of maps that have all features."""
    weights, covariates, features = similarity.weights, similarity.covariates, matrix.features
    if features.centroids is None:
        return effective_null(matrix, matrix, model=model, weights=weights, covariates=covariates)
    return regional_null(matrix, matrix, features.centroids, model=model, volumes=features.volumes, weights=weights,
                         covariates=covariates)
