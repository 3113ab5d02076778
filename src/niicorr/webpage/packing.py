"""Arrays inside JSON: deflated, in base64; and JSON that no script element can be broken out of."""

from __future__ import annotations

import base64
import json
import math
from typing import Any, Literal, TypeAlias

import numpy as np

from niicorr.result.vectors import deflated, squeezed
from niicorr.typing import BitArray

Kind: TypeAlias = Literal["<f4", "<f8", "<i4", "<u4"]

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
"""In JSON they occur inside of strings only, where an escape says the same."""


def packed(values: Any, kind: Kind) -> dict[str, Any]:
    """Pack an array: little-endian, in C order, NaN where there is no number."""
    # Beyond float32 is infinitely far for a picture, and a NaN is one whatever its bits.
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.ascontiguousarray(values, dtype=kind)
    return {"dtype": kind, "shape": list(array.shape), "data": text_of(squeezed(array.tobytes()))}


def packed_steps(steps: BitArray) -> dict[str, Any]:
    """Pack bytes, shape (n,), as their differences."""
    return deflated_steps(deflated(steps), steps.size)


def deflated_steps(data: bytes, n: int) -> dict[str, Any]:
    """Say what `niicorr.result.vectors.deflated` made of n bytes."""
    return {"dtype": "u1", "shape": [n], "delta": True, "data": text_of(data)}


def text_of(data: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(data).decode("ascii")


def json_text(value: Any) -> str:
    """Return JSON that may stand inside of a script element: ASCII alone, no ``<``, ``>`` or ``&``.

    NaN and infinities, which only a record that somebody changed by hand can hold here, become null.
    """
    try:
        text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for char, escape in _ESCAPES.items():
        text = text.replace(char, escape)
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
