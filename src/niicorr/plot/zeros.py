"""Which cells would be another number if the zeros of a map were read the other way: these carry a dagger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from niicorr.errors import UsageError

if TYPE_CHECKING:
    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray

DAGGER = "†"


def fragile(result: CorrelationResult, daggers: bool | None) -> BoolArray | None:
    """Return the cells that carry a dagger, or None where none does.

    Parameters
    ----------
    result : CorrelationResult
        With its sensitivity, or without.
    daggers : bool or None
        Whether cells are to be marked; None: where the other reading of zeros is known.

    Raises
    ------
    UsageError
        Where marks are asked for and the other reading is not known.
    """
    if daggers is False:
        return None
    if result.sensitivity is None:
        if daggers:
            raise UsageError("daggers mark what rests on how the zeros of maps are read, and in this result nothing "
                             "does: leave out daggers=True")
        return None
    cells = np.isfinite(result.sensitivity.zeros_matter) & np.isfinite(result.estimate)
    if result.same_set:
        np.fill_diagonal(cells, False)
    return cells if cells.any() else None
