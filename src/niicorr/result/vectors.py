"""Maps as pictures: 8 bits a voxel in the mask, deflated. No number that is reported is ever taken from them.

0 stands for missing, 1 to 255 for values from ``low`` to ``high`` in equal steps. Before deflation each value gives
way to its difference from the one before, modulo 256: maps are smooth, and a quarter of the page is saved.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from niicorr.typing import BitArray, BoolArray, FloatArray

_deflate: Any = zlib
with suppress(ImportError):  # no wheel for this machine: the same pictures, slower
    _deflate = import_module("zlib_ng.zlib_ng")

LEVELS = 254
"""Steps between the lowest and the highest value."""

EFFORT = 6
"""Of zlib's nine: more packs no denser."""

TAIL = 0.001
"""Share of the values at either end that may lie apart from the rest."""

LARGEST = 1.7e308
"""Ends of a scale are finite: JSON knows no infinity."""


@dataclass(frozen=True, eq=False)
class Quantised:
    """One map in 8 bits.

    Attributes
    ----------
    low, high : float
        The values that 1 and 255 stand for; equal where the map is constant.
    clipped : bool
        Whether a few values lie beyond them.
    steps : ndarray of uint8, shape (features,)
        0 where the map has no data.
    """

    low: float
    high: float
    clipped: bool
    steps: BitArray


def quantised(values: FloatArray, valid: BoolArray, center: float = 0.0, scale: float = 1.0) -> Quantised:
    """Bring a map to 8 bits.

    Parameters
    ----------
    values : ndarray, shape (features,)
        What the map holds, or its standard scores.
    valid : ndarray of bool, shape (features,)
        Where it has data.
    center, scale : float
        Mean and standard deviation, if ``values`` are standard scores: the ends of the scale are in the map's unit.

    Notes
    -----
    The scale spans all values, unless a few (`TAIL`) lie so far out that the others would share a fraction of the
    steps: then it ends half the span of the others beyond these.
    """
    steps = np.zeros(valid.size, np.uint8)
    data = values[valid]
    if not data.size:
        return Quantised(0.0, 0.0, False, steps)
    low, high = float(data.min()), float(data.max())
    if low == high or scale == 0:
        steps[valid] = 1
        at = _finite(center if scale == 0 else center + scale * low)
        return Quantised(at, at, False, steps)
    first, last = _bulk(data)
    room = (last - first) / 2
    ends = (max(low, first - room), min(high, last + room)) if room > 0 else (low, high)
    clipped = ends != (low, high)
    if clipped:
        data = np.clip(data, *ends)
    steps[valid] = (data - ends[0]) * (LEVELS / (ends[1] - ends[0])) + 1.5
    return Quantised(_finite(center + scale * ends[0]), _finite(center + scale * ends[1]), clipped, steps)


def deflated(steps: BitArray) -> bytes:
    """Pack bytes, shape (n,), as zlib's stream of their differences."""
    differences = np.empty_like(steps)
    differences[:1] = steps[:1]
    np.subtract(steps[1:], steps[:-1], out=differences[1:])
    return squeezed(differences.tobytes())


def inflated(packed: bytes, n: int) -> BitArray:
    """Unpack what `deflated` packed; ValueError where it is not n bytes."""
    return np.add.accumulate(np.frombuffer(unsqueezed(packed, n), np.uint8), dtype=np.uint8)


def squeezed(plain: bytes) -> bytes:
    """Deflate bytes as they are, as zlib's stream."""
    packed: bytes = _deflate.compress(plain, EFFORT)
    return packed


def unsqueezed(packed: bytes, n: int) -> bytes:
    """Inflate n bytes; ValueError where there are fewer or more."""
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(packed, n + 1)  # never more, whatever the stream claims to hold
    except zlib.error as error:
        raise ValueError(f"a picture is damaged ({error})") from None
    except OverflowError:  # more than any memory has
        raise ValueError(f"a picture does not hold {n} bytes") from None
    if len(plain) != n or not stream.eof:
        raise ValueError(f"a picture does not hold {n} bytes")
    return plain


def _bulk(data: FloatArray) -> tuple[float, float]:
    """Values between which all but the ends lie."""
    outside = int(TAIL * data.size)
    if not outside:
        return float(data.min()), float(data.max())
    ordered = np.partition(data, (outside, data.size - 1 - outside))
    return float(ordered[outside]), float(ordered[data.size - 1 - outside])


def _finite(value: float) -> float:
    return float(np.clip(value, -LARGEST, LARGEST))
