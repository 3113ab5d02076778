"""What one volume says about itself: its background, and what its zeros mean (rules 4 and 5).

Each map alone decides, on its own grid, so that no map's reading depends on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import isfinite, isnan
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from niicorr.images.voxels import Voxels, box_volume, count, fill_of, full_bits, indices_of, pack, touching
from niicorr.numerals import percent, plural, value_text
from niicorr.records import Decision
from niicorr.typing import BitArray, BoolArray, FloatArray, ZeroReading, Zeros

FACE_SHARE, VOLUME_SHARE = 0.25, 0.10
"""A background holds at least these shares of the face voxels and of the volume."""

TOLERANCE = 1e-6
"""Values this close, relative to the larger of the background and the 99th percentile, are the background."""

EDGE, FLOOR, SOLID = 0.65, 0.2, 1 / 3
"""Limits of rule 5: tapering below EDGE; thresholded from FLOOR on; a solid body fills SOLID of its box."""

OUTLINE_SHARE = 0.10
"""A map shows an outline only if its inside is at least this share of the volume."""

SAMPLE = 1 << 15
"""Percentiles are taken from every k-th value where there are at least twice as many."""

DIGIT = 14
"""Leading bits of a number that it is counted by: a sign, its exponent and a few more."""

BackgroundOption = float | Literal["auto", "none"]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Inspection:
    """One volume, understood.

    Attributes
    ----------
    voxels : Voxels
        Its data.
    background : float or None
        Found or given; None where there is none.
    share : float
        Share of the volume that holds it.
    zeros : {'data', 'missing'} or None
        How zeros are read; None where there are none.
    by_rule : bool
        Whether rule 5 (not an option) read the zeros.
    outline : bool
        Whether the map shows an outline that a mask can be made from.
    inside_bits : ndarray of uint8
        Finite voxels that are not background.
    decisions : tuple of Decision
        What was decided, with the figures.
    """

    voxels: Voxels
    background: float | None
    share: float
    zeros: ZeroReading | None
    by_rule: bool
    outline: bool
    inside_bits: BitArray
    decisions: tuple[Decision, ...]


def inspect(volume: FloatArray, background: BackgroundOption = "auto", zeros: Zeros = "auto") -> Inspection:
    """Find background and data of one 3-D volume in Fortran order.

    Parameters
    ----------
    volume : ndarray, shape (n1, n2, n3)
        Values in their own unit; NaN and infinities are missing.
    background : 'auto', 'none' or float
        The value that means "no data here".
    zeros : 'auto', 'data' or 'missing'
        What an exact zero means.

    Returns
    -------
    Inspection
    """
    shape = volume.shape
    flat = volume.ravel(order="F")
    tolerance = cache(lambda: _tolerance(flat))  # of a sample that most maps need not be asked for
    nonzero = flat != 0
    value, share = _background(volume, flat, nonzero, tolerance, background)
    decisions = [_background_decision(value, share, background)]

    inside = _finite(flat)
    n_not_finite = 0 if inside is None else flat.size - int(np.count_nonzero(inside))
    if value is not None and isfinite(value) and value != 0:
        elsewhere = ~_equal(flat, value, tolerance)
        inside = elsewhere if inside is None else inside & elsewhere
    data = nonzero if inside is None else inside & nonzero
    bits = pack(data, shape)
    # What is inside but not data is zero.
    zero_bits = bits ^ (full_bits(shape) if inside is None else pack(inside, shape))
    values = flat[data]
    n_data, n_zero = values.size, flat.size - values.size if inside is None else count(zero_bits)
    two_valued = n_data == 0 or float(values.min()) == float(values.max())
    solid = n_data >= SOLID * box_volume(bits, shape) > 0

    reading: ZeroReading | None = None
    if n_zero:
        if background == 0:
            reading = "missing"
            decisions.append(Decision("zeros", f"{_zeros_are(n_zero)} missing (--background 0)"))
        elif zeros != "auto":
            reading = zeros
            decisions.append(Decision("zeros", f"{_zeros_are(n_zero)} {zeros} (--zeros {zeros})"))
        else:
            reading, why = _read_zeros(volume, values, bits, zero_bits, two_valued, solid)
            decisions.append(Decision("zeros", f"{_zeros_are(n_zero)} {reading}: {why}"))
    if n_not_finite and not (value is not None and isnan(value)):
        are = "is" if n_not_finite == 1 else "are"
        decisions.append(Decision("missing", f"{plural(n_not_finite, 'voxel')} {are} NaN or infinite: missing"))

    inside_bits = bits if value == 0 else bits | zero_bits
    n_inside = n_data if value == 0 else n_data + n_zero
    outline = value is not None and not two_valued and solid and n_inside >= OUTLINE_SHARE * flat.size
    fill = fill_of(value, values.dtype)
    rest_is_zero = 0 < n_zero == flat.size - n_data
    voxels = Voxels(shape, bits, zero_bits if n_zero and not rest_is_zero else None, rest_is_zero,
                    _narrow(values, fill), fill, reading == "data")
    return Inspection(voxels, value, share, reading, n_zero > 0 and zeros == "auto" and background != 0,
                      outline, inside_bits, tuple(decisions))


def _background(
    volume: FloatArray, flat: FloatArray, nonzero: BoolArray, tolerance: Callable[[], float], option: BackgroundOption
) -> tuple[float | None, float]:
    """Rule 4: the most common value on the faces, if faces and volume hold enough of it."""
    if option == "none":
        return None, 0.0
    if option != "auto":
        return option, float(np.count_nonzero(_equal(flat, option, tolerance)) / flat.size)
    on_faces = _face_values(nonzero.reshape(volume.shape, order="F"))
    if 2 * np.count_nonzero(on_faces) < on_faces.size:
        # Most are zero, which no other value can outdo: the common case, without a look at any of them.
        held = flat.size - int(np.count_nonzero(nonzero))
        if held >= VOLUME_SHARE * flat.size:
            return 0.0, held / flat.size
    faces = np.sort(_face_values(volume))  # NaN last
    n_nan = int(np.count_nonzero(np.isnan(faces)))
    starts = np.flatnonzero(np.concatenate(([True], faces[1:] != faces[:-1])))[: faces.size]
    starts = starts[starts < faces.size - n_nan]
    lengths = np.diff(np.append(starts, faces.size - n_nan))
    most = int(lengths.argmax()) if lengths.size else -1
    candidate = float("nan") if most < 0 or n_nan > lengths[most] else float(faces[starts[most]])
    if np.count_nonzero(_equal(faces, candidate, tolerance)) < FACE_SHARE * faces.size:
        return None, 0.0
    if candidate == 0 and (held := flat.size - int(np.count_nonzero(nonzero))) >= VOLUME_SHARE * flat.size:
        return 0.0, held / flat.size  # counted exactly
    held = int(np.count_nonzero(_equal(flat, candidate, tolerance)))
    return (candidate, held / flat.size) if held >= VOLUME_SHARE * flat.size else (None, 0.0)


def _finite(flat: FloatArray) -> BoolArray | None:
    """Where values are finite; None where all are, which the sum of squares tells four times faster."""
    with np.errstate(over="ignore", invalid="ignore"):
        if isfinite(float(np.dot(flat, flat))):
            return None
    finite = np.isfinite(flat)
    return None if finite.all() else finite


def _read_zeros(
    volume: FloatArray, values: FloatArray, bits: BitArray, zero_bits: BitArray, two_valued: bool, solid: bool
) -> tuple[ZeroReading, str]:
    """Tell whether values taper off towards zero or end abruptly (rule 5)."""
    if two_valued:
        return "data", "the map has two values" if values.size else "the map has one value"
    # Every voxel of the border counts: its medians differ from slab to slab, and between axes.
    shape = volume.shape
    at_border = np.abs(volume.ravel(order="F")[indices_of(touching(zero_bits, shape) & bits, shape)])
    low, middle, high = _quantiles(np.abs(_thinned(values)), (0.01, 0.5, 0.95))
    edge = _quantiles(at_border, (0.5,))[0] / middle if at_border.size else float("inf")
    floor = low / high
    figures = f"edge {edge:.2f}, floor {floor:.2f}"
    if edge < EDGE:
        return "data", f"values taper off towards them ({figures})"
    if floor >= FLOOR and not solid:
        return "data", f"the map is thresholded ({figures})"
    return "missing", f"values end abruptly there ({figures})"


def _face_values(volume: NDArray[T]) -> NDArray[T]:
    """Return every voxel on the six faces, once."""
    inner = volume
    pieces = []
    for axis in range(3):
        n = inner.shape[axis]
        lines = np.moveaxis(inner, axis, 0)
        pieces.append(lines[0].ravel(order="K"))
        if n > 1:
            pieces.append(lines[-1].ravel(order="K"))
        inner = np.moveaxis(lines[1:-1], 0, axis)
    return np.concatenate(pieces)


def _tolerance(flat: FloatArray) -> float:
    sample = _thinned(flat)
    finite = np.abs(sample[np.isfinite(sample)])
    return TOLERANCE * _quantiles(finite, (0.99,))[0] if finite.size else 0.0


def _equal(values: FloatArray, background: float, tolerance: Callable[[], float]) -> BoolArray:
    if isnan(background):
        return np.isnan(values)
    if not isfinite(background):
        return np.asarray(values == background)
    width = max(tolerance(), TOLERANCE * abs(background))
    low, high, most = float(background - width), float(background + width), float(np.finfo(values.dtype).max)
    if low > most or high < -most:  # as 1e308 is for float32: to be compared, it would become infinite
        return np.zeros(values.shape, dtype=np.bool_)
    return np.asarray((values >= max(low, -most)) & (values <= min(high, most)))


def _quantiles(values: FloatArray, shares: tuple[float, ...]) -> list[float]:
    """Linear-interpolated quantiles of finite values that are not negative; of a sample where there are very many."""
    sample = np.ascontiguousarray(_thinned(values))
    # Bits of such numbers order as the numbers do. Counted by the first of them, few are left to be sorted: a fifth
    # of the time that selecting among all takes.
    bits: NDArray[np.unsignedinteger] = sample.view(f"u{sample.itemsize}")
    digits = (bits >> (8 * sample.itemsize - DIGIT)).astype(np.intp)
    upto = np.cumsum(np.bincount(digits))
    found = []
    for share in shares:
        whole, part = divmod(share * (sample.size - 1), 1)
        digit = int(np.searchsorted(upto, whole, side="right"))
        rest = np.sort(sample[digits == digit])[int(whole) - int(upto[digit]) :]
        below = float(rest[0])
        above = float(rest[1]) if rest.size > 1 else float(sample.min(where=digits > digit, initial=np.inf))
        found.append(below + part * (above - below) if isfinite(above - below) else below)
    return found


def _thinned(values: FloatArray) -> FloatArray:
    return values[:: max(1, values.size // SAMPLE)]


def _narrow(values: FloatArray, fill: float) -> FloatArray:
    """Float64 values as float32 where that costs less than 1e-6 of their spread, and holds their background, too."""
    if values.dtype == np.float32 or values.size <= 2 * SAMPLE:
        return values
    largest = float(np.abs(values).max())
    if not 1e-30 < largest < 1e30 or abs(fill) >= 1e30:
        return values
    return values.astype(np.float32) if largest <= 32 * float(values.std()) else values


def _zeros_are(count: int) -> str:
    return f"in the volume, {plural(count, 'zero')} {'is' if count == 1 else 'are'}"


def _background_decision(value: float | None, share: float, option: BackgroundOption) -> Decision:
    if option == "none":
        return Decision("background", "none looked for (--background none)")
    given = "" if option == "auto" else " (--background)"
    if value is None:
        return Decision("background", "none found: no value fills a quarter of the faces and a tenth of the volume")
    return Decision("background", f"{value_text(value)} in {percent(share)} of the volume{given}")
