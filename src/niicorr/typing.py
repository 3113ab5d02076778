"""Types of arrays, and the words that options may take (from `niicorr.words`, which imports no numpy)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from niicorr.words import (
    Alternative,
    DeviceOption,
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
ComplexArray: TypeAlias = npt.NDArray[np.complexfloating[Any, Any]]
IntArray: TypeAlias = npt.NDArray[np.integer[Any]]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ByteArray: TypeAlias = npt.NDArray[np.uint8]
BitArray: TypeAlias = npt.NDArray[np.uint8]
"""Booleans packed eight to a byte (``numpy.packbits``)."""

Progress: TypeAlias = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]
"""``progress(total, what)`` gives a context whose value is called with the number of steps done."""

__all__ = [
    "Alternative",
    "BitArray",
    "BoolArray",
    "ByteArray",
    "ComplexArray",
    "DeviceOption",
    "Fdr",
    "Float64Array",
    "FloatArray",
    "IntArray",
    "Interpolation",
    "Method",
    "Null",
    "OnError",
    "Order",
    "Progress",
    "Resample",
    "ZeroReading",
    "Zeros",
]
