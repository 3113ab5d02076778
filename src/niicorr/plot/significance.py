"""Which cells survive the correction for many tests: these carry stars, the other tested ones are faded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from niicorr.errors import UsageError

if TYPE_CHECKING:
    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray, IntArray

NO_PVALUE = "no p-value"
"""How the notes of cells say that a null model tells nothing of them."""

LEVELS = (0.05, 0.01, 0.001)
"""A cell carries one star for each of these that its q does not exceed."""


@dataclass(frozen=True, eq=False)
class Significance:
    """What q, the p adjusted for the false discovery rate (``p_fdr``), says of each cell.

    Attributes
    ----------
    stars : ndarray of int, shape (rows, columns)
        How many of `LEVELS` q reaches; 0 where a cell was not tested.
    faded : ndarray of bool, shape (rows, columns)
        Tested cells with q above the first of `LEVELS`, and those that could not be tested.
    n_tests : int
        How many tests q was adjusted for; each pair of a set with itself is one, though it stands in two cells.
    untested : bool
        Whether cells that could not be tested are among the faded ones.
    """

    stars: IntArray
    faded: BoolArray
    n_tests: int
    untested: bool = False

    def arranged(self, rows: IntArray, columns: IntArray) -> Significance:
        """Return the cells in the order in which rows and columns stand."""
        at = np.ix_(rows, columns)
        return replace(self, stars=self.stars[at], faded=self.faded[at])

    def below_diagonal(self) -> Significance:
        """Return cells of which only those below the diagonal are faded, of a set with itself."""
        return replace(self, faded=np.tril(self.faded, -1))


def significance(result: CorrelationResult, stars: bool | None) -> Significance | None:
    """Return what survives, or None where nothing is to be marked.

    Parameters
    ----------
    result : CorrelationResult
        With ``p_fdr``, or without.
    stars : bool or None
        Whether cells are to be marked; None: where there are p-values.

    Raises
    ------
    UsageError
        Where marks are asked for and there are no p-values.
    """
    if stars is False:
        return None
    q = result.inferred.get("p_fdr")
    if q is None:
        if stars:
            raise UsageError(f"stars need p-values adjusted for the false discovery rate; this result has none "
                             f"(null model: {result.null}): correlate with null='effective', or leave out stars=True")
        return None
    tested = np.isfinite(q) & np.isfinite(result.estimate)
    # A number that could not be tested must not look like one that survived.
    without = result.remarks.saying(NO_PVALUE)
    without = (without | without.T if result.same_set else without) & np.isfinite(result.estimate)
    if not (tested | without).any():
        return None
    stars_of = np.zeros(q.shape, np.int8)
    for level in LEVELS:  # nothing of eight bytes a cell: there may be millions
        stars_of += tested & (q <= level)
    p = np.isfinite(result.inferred.get("p", q))
    n_tests = int(np.tril(p, -1).sum() if result.same_set else p.sum())
    return Significance(stars_of, (tested & (stars_of == 0)) | without, n_tests, bool(without.any()))
