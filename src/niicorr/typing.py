"""Types of arrays, and the words that options may take (from `niicorr.words`, which imports no numpy)."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from niicorr.words import (
    Alternative,
    Fdr,
    Interpolation,
    Method,
    Null,
    OnError,
    Order,
    Resample,
    ZeroReading,
    Zeros,
)

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
Float64Array: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
BitArray: TypeAlias = npt.NDArray[np.uint8]
"""Booleans packed eight to a byte (``numpy.packbits``)."""

__all__ = [
    "Alternative",
    "BitArray",
    "BoolArray",
    "Fdr",
    "Float64Array",
    "FloatArray",
    "IntArray",
    "Interpolation",
    "Method",
    "Null",
    "OnError",
    "Order",
    "Resample",
    "ZeroReading",
    "Zeros",
]
