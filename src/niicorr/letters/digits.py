"""Digits of a great many numbers at once: what ``format(value, ".17g")`` writes, byte for byte.

A number v > 0 with decimal exponent e has the digits of the whole number nearest to v 10^(16 − e). The power of ten is
held as the sum of two float64, and the product made without rounding: 100 bits, of which a whole number of 17 digits
takes 57. Where the rest lies too close to ½ to tell which whole number is nearest, Python decides, as it does of
numbers next to powers of ten, and of those that are large or small beyond the tables: hardly ever.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from niicorr.typing import BoolArray, ByteArray, Float64Array, IntArray

DIGITS = 17

WIDTH = 46
"""Sign; what precedes the digits of small numbers; digits before and after the point, each at its place; exponent."""

REACH = 250
"""Decimal exponents up to this are looked up; the parts of products then neither overflow nor vanish."""

SPLIT = 2.0**27 + 1
"""Cuts a float64 in two halves (Veltkamp), whose products are exact."""

DOUBT = 1e-9
"""Of a whole number: nearer to ½ than this, the digits beyond decide."""


def seventeen_digits(values: Float64Array) -> ByteArray:
    """Write numbers in decimal.

    Parameters
    ----------
    values : ndarray, shape (n,), float64

    Returns
    -------
    ndarray, shape (n, 46), uint8
        ASCII with zeros between, which are no letters: the rest is the text, empty of what is not finite.
    """
    letters = np.zeros((len(values), WIDTH), np.uint8)
    size = np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log10(size)
        plain = np.abs(logarithm) < REACH  # neither zero nor infinite, nor no number
    at: Any = slice(None) if plain.all() else np.flatnonzero(plain)
    whole, exponent, sure = _digits(size[at], logarithm[at])
    letters[at] = _laid_out(whole, exponent)
    letters[:, 0] = np.where(values < 0, ord("-"), 0)
    rest = np.isfinite(values) & ~plain
    rest[at] |= ~sure
    for k in np.flatnonzero(rest).tolist():
        text = np.frombuffer(format(float(values[k]), ".17g").encode(), np.uint8)
        letters[k], letters[k, : len(text)] = 0, text
    letters[~np.isfinite(values)] = 0
    return letters


def _digits(size: Float64Array, logarithm: Float64Array) -> tuple[IntArray, IntArray, BoolArray]:
    """Return whole numbers of 17 digits, decimal exponents, and where they are certain."""
    high, low = _powers()
    exponent = np.floor(logarithm).astype(np.intp)
    whole, part = _product(size, high, low, exponent)
    # Next to powers of ten the logarithm may be off by one: of those, too, Python knows best.
    sure = (np.abs(part - 0.5) > DOUBT) & (whole >= 10 ** (DIGITS - 1))
    whole = whole + (part > 0.5)
    sure &= whole < 10**DIGITS
    return np.where(sure, whole, 0), exponent, sure


def _product(
    size: Float64Array, high: Float64Array, low: Float64Array, exponent: IntArray
) -> tuple[IntArray, Float64Array]:
    """Return the whole number below v 10^(16 − e), and the rest."""
    a, b = high[exponent + REACH + 1], low[exponent + REACH + 1]
    top = size * a
    s, t = _halves(size), _halves(a)
    error = ((s[0] * t[0] - top) + s[0] * t[1] + s[1] * t[0]) + s[1] * t[1]
    error += size * b
    # Of more than 2^53, so that top is whole.
    base = np.floor(error)
    return top.astype(np.int64) + base.astype(np.int64), error - base


def _halves(a: Float64Array) -> tuple[Float64Array, Float64Array]:
    c = SPLIT * a
    top = c - (c - a)
    return top, a - top


@cache
def _powers() -> tuple[Float64Array, Float64Array]:
    """10^(16 − e) for every exponent, as the sum of two float64."""
    exact = [Fraction(10) ** (DIGITS - 1 - e) for e in range(-REACH - 1, REACH + 2)]
    high = [float(value) for value in exact]
    return np.array(high), np.array([float(value - Fraction(h)) for value, h in zip(exact, high, strict=True)])


def whole_digits(values: IntArray) -> ByteArray:
    """Write whole numbers, shape (n,), as `seventeen_digits` does; shape (n, 21)."""
    rest = np.abs(values.astype(np.int64))
    letters = np.zeros((len(values), 21), np.uint8)
    letters[:, 0] = np.where(values < 0, ord("-"), 0)
    for k in range(20, 0, -1):
        # What precedes the first digit that counts is no letter.
        counts = (rest > 0) if k < 20 else True
        rest, digit = _apart(rest, 10)
        letters[:, k] = np.where(counts, digit + ord("0"), 0)
        if not rest.any():
            break
    return letters


def _laid_out(whole: IntArray, exponent: IntArray) -> ByteArray:
    """Put digits, without the zeros at their end, around the point; and what precedes and follows them."""
    before, split, after = (table[exponent + REACH + 1] for table in _frames())
    digits = _letters(whole)
    used = DIGITS - np.argmax(digits[:, ::-1] != ord("0"), axis=1)
    out = np.empty((len(whole), WIDTH), np.uint8)
    place, split = np.arange(DIGITS, dtype=np.int8), split[:, None]
    out[:, 1:6] = before
    np.multiply(digits, place <= split, out=out[:, 6:23])
    out[:, 23] = np.where((used > split[:, 0] + 1) & (split[:, 0] >= 0), ord("."), 0)
    np.multiply(digits, (place > split) & (place < used.astype(np.int8)[:, None]), out=out[:, 24:41])
    out[:, 41:] = after
    return out


def _letters(whole: IntArray) -> ByteArray:
    """Decimal digits as ASCII, shape (n, 17): one, and four times four."""
    upper, lower = _apart(whole, 10**8)
    first, upper = _apart(upper, 10**8)
    quads = np.stack([part for half in (upper, lower) for part in _apart(half, 10**4)], axis=1)
    digits = np.empty((len(whole), DIGITS), np.uint8)
    digits[:, 0] = first + ord("0")
    digits[:, 1:] = _quads()[quads].view(np.uint8)
    return digits


def _apart(whole: IntArray, unit: int) -> tuple[IntArray, IntArray]:
    above = whole // unit
    return above, whole - above * unit


@cache
def _quads() -> IntArray:
    """Four digits of ASCII in one number, for each number of four digits."""
    return np.frombuffer("".join(f"{k:04d}" for k in range(10**4)).encode(), np.uint32)


@cache
def _frames() -> tuple[ByteArray, IntArray, ByteArray]:
    """What precedes the digits for every exponent, the last digit before the point, and what follows the digits."""
    exponents = range(-REACH - 1, REACH + 2)
    before = [f"0.{'0' * (-e - 1)}" if -5 < e < 0 else "" for e in exponents]
    after = ["" if -5 < e < DIGITS else f"e{e:+03d}" for e in exponents]
    split = [-1 if -5 < e < 0 else e if 0 <= e < DIGITS else 0 for e in exponents]
    first, last = (np.array([list(text.encode().ljust(5, b"\0")) for text in texts], np.uint8)
                   for texts in (before, after))
    return first, np.array(split, np.int8), last
