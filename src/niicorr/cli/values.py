"""What stands behind an option becomes a value, or is refused in words of the option. Imports no numpy."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from math import inf
from typing import Any

from niicorr.limits import LARGEST, limit_fault
from niicorr.numerals import number, whole
from niicorr.tables import brief


def size(text: str) -> int:
    """Read ``500M``, ``2GiB`` or plain bytes.

    Examples
    --------
    >>> size("2G"), size("1.5 MiB"), size("4096")
    (2147483648, 1572864, 4096)
    """
    powers = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
    plain = text.strip().upper().removesuffix("IB").removesuffix("B").strip()
    digits, unit = (plain[:-1], plain[-1]) if plain[-1:] in powers and plain else (plain, "")
    value = (number(digits) or 0) * 1024 ** powers[unit]
    if not 0 < value < 2**62:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 500M or 2GiB")
    return int(value)


_HUGE = re.compile("0*[1-9][0-9]{19,}")
"""Python reads no number of thousands of digits."""

LEAST_MEMORY = 2**20
"""Bytes; less is no limit that could be kept: one piece of work takes more."""


def memory(text: str) -> int:
    """Read how much memory may be used; a slip of the unit is refused."""
    value = size(text)
    if value < LEAST_MEMORY:
        raise argparse.ArgumentTypeError(f"{text!r} is {value} bytes, and no work fits into less than 1M: give 1M or "
                                         "more, such as 500M")
    return value


def background(text: str) -> Any:
    """``auto``, ``none`` or a number (``nan`` is one)."""
    if text in ("auto", "none"):
        return text
    if (value := number(text)) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto, none nor a number")
    return value


def positive(text: str) -> int:
    """Read a whole number from 1 on."""
    return _whole(text, 1)


def from_zero(text: str) -> int:
    """Read a whole number from 0 on."""
    return _whole(text, 0)


def surrogates(text: str) -> int:
    """Read how many random maps are drawn."""
    return _whole(text, 1, "n_surrogates")


def repeats(text: str) -> int:
    """Read how many blocks of random maps a calibration draws."""
    return _whole(text, 2, "repeats")


def threshold(text: str) -> float:
    """Read a finite number from 0 on."""
    return _number(text, "number from 0 on", lambda value: 0 <= value < inf)


def above_zero(text: str) -> float:
    """Read a finite number above 0."""
    return _number(text, "number above 0", lambda value: 0 < value < inf)


def share(text: str) -> float:
    """Read a share from 0 to 1."""
    return _number(text, "share from 0 to 1", lambda value: 0 <= value <= 1)


def formats(text: str) -> tuple[str, ...]:
    """Read a list of figure formats, such as ``png,svg``."""
    chosen = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    if not chosen or set(chosen) - {"png", "svg", "pdf"}:
        raise argparse.ArgumentTypeError(f"{text!r}: formats are png, svg and pdf, such as png,pdf")
    return chosen


def _number(text: str, what: str, right: Callable[[float], bool]) -> float:
    value = number(text)
    if value is None or not right(value):
        raise argparse.ArgumentTypeError(f"{text!r} is no {what}")
    return value


def _whole(text: str, least: int, name: str = "") -> int:
    """Read a whole number that the option of this name in Python takes."""
    value = LARGEST + 1 if _HUGE.fullmatch(text) else whole(text)
    if value is None or value < least:
        raise argparse.ArgumentTypeError(f"{brief(text)!r} is no whole number from {least} on")
    if fault := limit_fault(name, value):
        raise argparse.ArgumentTypeError(f"{brief(text)} is too large: it {fault}")
    return value
