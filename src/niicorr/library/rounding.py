"""What a library keeps of a map's values: how far rows can be believed, and the maps that need more than rows.

Rows are standard scores, of which each is rounded by a share of its own size. One voxel of 1e20 makes the scores of all
others one number, so the values of such maps are kept as they are, too. Which voxels a pair will share nobody knows
when a library is made: whether what is kept tells enough of these is asked of every pair that is close to the limit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.typing import Float64Array, FloatArray

PARTS = 254
"""What is kept of rounding: so many steps to a unit in the last place, which fit into an int8."""

PRECISION = {"<f4": 2.0**-23 / PARTS, "<f8": 2.0**-52}
"""How far a score may be off, as a share of itself, by the type of the rows (float32 with what rounding took)."""

EXACT_ENOUGH = 1e-6
"""So large a share of their standard deviation may the rounding of the values be that a pair shares."""

KEPT = 1e-8
"""The same of all of a map's values and the spread of most of them, beyond which they are kept as they are."""

SAMPLE = 4096
"""So many scores tell how most of a map's values are spread."""


def split(matrix: MapMatrix) -> tuple[MapMatrix, Any]:
    """Round rows of float64 to float32; return them, and what that took (int8, shape of the rows)."""
    rows = matrix.rows.astype(np.float32)
    step = np.spacing(np.abs(rows)).astype(np.float64)
    fine = np.rint((matrix.rows - rows) / step * PARTS).astype(np.int8)
    return replace(matrix, rows=rows), fine


def joined(row: FloatArray, fine: Any) -> Float64Array:
    """Return the scores of a map: its row with what rounding took from it, if that was kept."""
    scores = row.astype(np.float64)
    return scores if fine is None else scores + np.spacing(np.abs(row)).astype(np.float64) * fine / PARTS


def own_values(matrix: MapMatrix, fine: Any) -> dict[int, Float64Array]:
    """Read the values of those maps once more that their rows, and what rounding took, do not tell well enough.

    Parameters
    ----------
    matrix : MapMatrix
        As it is kept, knowing where its values came from.
    fine : ndarray of int8 or None
        What rounding took from its rows.

    Returns
    -------
    dict of int to ndarray, shape (features,), float64
        By position.
    """
    found: dict[int, Float64Array] = {}
    if matrix.exact is None:
        return found
    precision = PRECISION[matrix.rows.dtype.str]
    for i, row in enumerate(matrix.rows):
        valid = matrix.supports[matrix.support_of[i]]
        step = max(int(np.count_nonzero(valid)) // SAMPLE, 1)
        low, high = np.percentile(row[valid][::step], (25, 75))
        if precision * max(abs(low), abs(high)) <= KEPT * (high - low):
            continue
        # Most values are alike, or larger ones hide how they differ: only the file can tell which.
        own = matrix.exact(i)
        with np.errstate(over="ignore", invalid="ignore"):
            kept = joined(row, None if fine is None else fine[i]) * matrix.scale[i] + matrix.center[i]
            off, apart = np.abs(kept - own)[valid], np.abs(own - np.median(own[valid]))[valid]
            if not (off <= KEPT * np.maximum(apart, np.median(apart[apart > 0]))).all():
                found[i] = own
    return found


def too_coarse(scores: FloatArray, precision: float) -> bool:
    """Whether rounding may have changed how the values of a map differ over some voxels.

    Parameters
    ----------
    scores : ndarray, shape (n,)
        Its standard scores there.
    precision : float
        How far a score may be off, as a share of itself.
    """
    found = scores.astype(np.float64)
    return bool(precision * np.sqrt(np.mean(found**2)) > EXACT_ENOUGH * np.std(found))
