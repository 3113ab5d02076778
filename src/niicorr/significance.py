"""How sure each correlation is: independent values, interval, p, and p adjusted for many cells.

Here the null models (`niicorr.nulls`) and the arithmetic of tests (`niicorr.inference`) meet, for all pairs at
once. scipy is imported on the way, so this room is entered only where a null model was asked for.
"""

from __future__ import annotations

import numpy as np

from niicorr.errors import InputError
from niicorr.matrix import MapMatrix
from niicorr.tables import INFERRED_COLUMNS
from niicorr.typing import Alternative, BoolArray, Fdr, Float64Array, IntArray, Null

FEW = 10.0
"""Fewer independent values than this tell little."""

UNEVEN = 1.5
"""From this ratio of the corrected to the stationary variance on, shared unevenness is remarked upon."""


def infer(
    x: MapMatrix,
    y: MapMatrix,
    r: Float64Array,
    n: IntArray,
    tested: BoolArray,
    *,
    null: Null,
    fdr: Fdr,
    alternative: Alternative,
    same_set: bool,
    jobs: int,
) -> tuple[dict[str, Float64Array], list[tuple[int, int, str]]]:
    """Infer the columns of ``pairs.tsv`` that a null model fills.

    Parameters
    ----------
    x, y : MapMatrix
        Voxels of one grid.
    r, n : ndarray, shape (maps of y, maps of x)
        Correlations and common voxels.
    tested : ndarray of bool, same shape
        Cells that get a p-value.
    same_set : bool
        Whether y is x: then each pair is one test, though it stands in two cells.

    Returns
    -------
    columns : dict of str to ndarray
        ``n_effective``, ``ci_low``, ``ci_high``, ``p``, ``p_fdr``, ``p_fwe``; NaN where not tested.
    flags : list of (row, column, text)
        Cells whose p should be trusted less, with the reason.

    Raises
    ------
    InputError
        Where the features have no place in space.
    """
    from niicorr.inference import benjamini_hochberg, benjamini_yekutieli, fisher_interval, holm, pvalues
    from niicorr.nulls.effective import effective_size

    if x.features.grid is None:
        raise InputError(f"the null model {null} needs to know where the voxels are; bare arrays do not tell: "
                         "give images, or choose null='none'")
    size = effective_size(x, y, n, model="gsm" if null == "gsm" else "robust", jobs=jobs)
    n_effective = np.where(tested, size.n_effective, np.nan)
    known = np.where(tested, r, np.nan)
    p = pvalues(known, n_effective, alternative)
    low, high = fisher_interval(known, n_effective)
    below = np.tri(len(p), k=-1, dtype=np.bool_)
    once = np.where(below, p, np.nan) if same_set else p
    adjust = benjamini_hochberg if fdr == "bh" else benjamini_yekutieli
    found = [n_effective, low, high, p, adjust(once), holm(once)]
    if same_set:
        # A pair stands in two cells; its numbers are those of the cell below the diagonal, to the last digit.
        found = [np.where(below, a, a.T) for a in found]
    columns = dict(zip(INFERRED_COLUMNS, found, strict=True))
    flags = []
    with np.errstate(invalid="ignore"):
        uneven = size.variance / size.gsm_variance > UNEVEN
    for i, j in np.argwhere(tested & ((n_effective < FEW) | uneven | size.guarded)):
        texts = [f"few independent values (n_effective {n_effective[i, j]:.1f})"] * bool(n_effective[i, j] < FEW)
        texts += ["both maps are uneven in the same places"] * bool(uneven[i, j])
        texts += ["the null model was held at a bound"] * bool(size.guarded[i, j])
        flags.append((int(i), int(j), "; ".join(texts)))
    return columns, flags
