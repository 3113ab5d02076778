"""How sure each similarity is: independent values, interval, p, and p adjusted for many cells.

Here the null models (`niicorr.nulls`) and the arithmetic of tests (`niicorr.inference`) meet, for all pairs at
once. scipy is imported on the way, so this room is not entered under ``none``.

`effective` and `gsm` go from the maps' autocovariances to n_effective and Student's t; `independent` takes every
voxel for one observation; `surrogate` (`niicorr.draws`) counts how often chance does as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from niicorr.compute.similarity import Correlation, Similarity
from niicorr.draws import count_draws
from niicorr.inference import benjamini_hochberg, benjamini_yekutieli, fisher_interval, holm, pvalues
from niicorr.matrix import MapMatrix
from niicorr.nulls.effective import Description, EffectiveSize, effective_null, unknown_sizes
from niicorr.records import FEW, NullModel
from niicorr.tables import INFERRED_COLUMNS
from niicorr.typing import BoolArray, Float64Array, Progress

UNEVEN = 1.5
"""From this ratio of the corrected to the stationary variance on, shared unevenness is remarked upon."""

LEAST_VOXELS = 50
"""An autocovariance fitted in fewer voxels is no fit."""

PIECE = 64
"""Maps described and sized up at once; fixed, so that no number depends on the memory."""


@dataclass(frozen=True, eq=False)
class Inference:
    """What a null model tells of all cells.

    Parameters
    ----------
    columns : dict of str to ndarray, shape (maps of y, maps of x)
        The columns of ``pairs.tsv`` from ``n_effective`` to ``p_fwe``; NaN where a cell was not tested.
    flags : list of (row, column, text)
        Cells whose p should be trusted less, or that have none, with the reason.
    """

    columns: dict[str, Float64Array]
    flags: list[tuple[int, int, str]] = field(default_factory=list)


def infer(
    x: MapMatrix,
    y: MapMatrix,
    found: Correlation,
    tested: BoolArray,
    *,
    similarity: Similarity,
    model: NullModel,
    same_set: bool,
    jobs: int,
    memory: int,
    progress: Progress,
) -> Inference:
    """Infer the columns of ``pairs.tsv`` that a null model fills.

    Parameters
    ----------
    x, y : MapMatrix
        Voxels of one grid.
    found : Correlation
        What the similarity came to.
    tested : ndarray of bool, shape (maps of y, maps of x)
        Cells that get a p-value.
    similarity : Similarity
        What was computed.
    model : NullModel
        How p-values are found; not ``none``.
    same_set : bool
        Whether y is x: then each pair is one test, though it stands in two cells.
    jobs : int
        Threads. The outcome does not depend on it.
    memory : int
        Bytes that may be used; the outcome does not depend on it.
    progress : callable
        Told of each map described and each surrogate drawn.

    Returns
    -------
    Inference
        A set against itself has the numbers of the cells below the diagonal in both.
    """
    below = np.tril(np.ones(found.r.shape, dtype=np.bool_), -1)
    once = tested & below if same_set else tested
    flags: list[tuple[int, int, str]] = []
    if model.null in ("effective", "gsm", "surrogate"):
        small = once & (found.n < LEAST_VOXELS)
        once = once & ~small
        for i, j in np.argwhere(small):
            flags.append((int(i), int(j), f"no p-value: {found.n[i, j]} common voxels are too few for the null model "
                                          f"({LEAST_VOXELS} needed)"))
    r = np.where(once, found.r, np.nan)
    p_fwe = None
    if model.null == "surrogate":
        draws = count_draws(x, y, found, once, similarity=similarity, model=model, jobs=jobs, memory=memory,
                            progress=progress)
        p, p_fwe, n_effective = draws.p, draws.p_fwe, draws.n_effective
    else:
        if model.null == "independent":
            n_effective = _observations(x, y, found, similarity)
        else:
            size = _sizes(x, y, found, similarity, model, jobs, memory, progress)
            n_effective = size.n_effective
            flags += _doubts(size, once)
        n_effective = np.where(once, n_effective, np.nan)
        p = pvalues(r, n_effective, model.alternative, n_covariates=similarity.n_covariates)
    flags += [(int(i), int(j), f"no p-value: {similarity.n_covariates} covariates leave no degree of freedom")
              for i, j in np.argwhere(once & np.isfinite(n_effective) & np.isnan(p))]
    left = n_effective - similarity.n_covariates
    beside = f", {similarity.n_covariates} of them taken by covariates" if similarity.n_covariates else ""
    flags += [(int(i), int(j), f"few independent values (n_effective {n_effective[i, j]:.1f}{beside})")
              for i, j in np.argwhere(once & (left < FEW))]
    low = high = np.full(r.shape, np.nan)
    if similarity.has_formula:
        low, high = fisher_interval(r, n_effective, n_covariates=similarity.n_covariates)
    adjust = benjamini_hochberg if model.fdr == "bh" else benjamini_yekutieli
    columns = [n_effective, low, high, p, adjust(p), holm(p) if p_fwe is None else p_fwe]
    if same_set:
        columns = [np.where(below, a, a.T) for a in columns]
    return Inference(dict(zip(INFERRED_COLUMNS, columns, strict=True)), flags)


def _observations(x: MapMatrix, y: MapMatrix, found: Correlation, similarity: Similarity) -> Float64Array:
    """Count voxels as observations; of weighted ones, those of equal weight that would tell as much (Kish)."""
    if similarity.weights is None:
        return found.n.astype(np.float64)
    w = similarity.weights
    one, two = ((y.supports * v) @ x.supports.T.astype(np.float64) for v in (w, w**2))
    with np.errstate(invalid="ignore"):
        alike: Float64Array = (one**2 / two)[np.ix_(y.support_of, x.support_of)]
    return alike


def _sizes(
    x: MapMatrix, y: MapMatrix, found: Correlation, similarity: Similarity, model: NullModel, jobs: int, memory: int,
    progress: Progress,
) -> EffectiveSize:
    """Size up all pairs, a piece of either set at a time; descriptions are kept as far as the memory allows."""
    base_x = similarity.base(x, jobs)
    base_y = base_x if y is x else similarity.base(y, jobs)
    null = effective_null(base_x, base_y, model="gsm" if model.null == "gsm" else "robust",
                          weights=similarity.weights, covariates=similarity.ranked_covariates)
    xs, ys = _pieces(base_x), _pieces(base_y)
    kept: dict[int, Description] = {}
    room = max(int(memory / max(null.bytes_per_map, 1)) - PIECE, 0)
    n = found.n
    total = unknown_sizes(n.shape)
    keep_all = len(base_x) <= room
    with progress(len(base_y) * (y is not x) + len(base_x) * (1 if keep_all else len(ys)),
                  "fitting autocovariances") as advance:

        def describe(piece: MapMatrix) -> Description:
            described = null.describe(piece, jobs)
            advance(len(piece))
            return described

        for k, (rows, part_y) in enumerate(ys):
            description_y = kept.get(k) if y is x else None
            if description_y is None:
                description_y = describe(part_y)
                if y is x and keep_all:
                    kept[k] = description_y
            for m, (columns, part_x) in enumerate(xs):
                description_x = kept.get(m)
                if description_x is None:
                    description_x = description_y if y is x and m == k else describe(part_x)
                    if keep_all:
                        kept[m] = description_x
                here = rows, columns
                part = null.size(description_x, description_y, n[here])
                for name in EffectiveSize.__dataclass_fields__:
                    getattr(total, name)[here] = getattr(part, name)
    return total


def _pieces(matrix: MapMatrix) -> list[tuple[slice, MapMatrix]]:
    slices = [slice(start, min(start + PIECE, len(matrix))) for start in range(0, len(matrix), PIECE)]
    return [(piece, matrix.part(piece)) for piece in slices]


def _doubts(size: EffectiveSize, tested: BoolArray) -> list[tuple[int, int, str]]:
    """Name the cells whose variance should be trusted less, and why."""
    with np.errstate(invalid="ignore"):
        uneven = size.variance / size.gsm_variance > UNEVEN
    flags = []
    for i, j in np.argwhere(tested & (uneven | size.guarded)):
        texts = []
        if uneven[i, j]:
            texts.append(f"n_effective {size.n_effective[i, j]:.0f} instead of {size.gsm_n_effective[i, j]:.0f}: both "
                         "maps are smooth or strong in the same places (as strongly related maps are, too)")
        texts += ["the null model was held at a bound"] * bool(size.guarded[i, j])
        flags.append((int(i), int(j), "; ".join(texts)))
    return flags
