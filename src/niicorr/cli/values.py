"""What stands behind an option becomes a value, or is refused in words of the option. Imports no numpy."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from math import inf
from typing import Any


def size(text: str) -> int:
    """Read ``500M``, ``2GiB`` or plain bytes.

    Examples
    --------
    >>> size("2G"), size("1.5 MiB"), size("4096")
    (2147483648, 1572864, 4096)
    """
    powers = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
    plain = text.strip().upper().removesuffix("IB").removesuffix("B").strip()
    number, unit = (plain[:-1], plain[-1]) if plain[-1:] in powers and plain else (plain, "")
    try:
        value = float(number) * 1024 ** powers[unit]
        if not 0 < value < 2**62:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 500M or 2GiB") from None
    return int(value)


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
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto, none nor a number") from None


def positive(text: str) -> int:
    """Read a whole number from 1 on."""
    return _whole(text, 1)


def from_zero(text: str) -> int:
    """Read a whole number from 0 on."""
    return _whole(text, 0)


def from_two(text: str) -> int:
    """Read a whole number from 2 on."""
    return _whole(text, 2)


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
    try:
        value = float(text)
        if not right(value):
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no {what}") from None
    return value


def _whole(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on")
    return int(text)
