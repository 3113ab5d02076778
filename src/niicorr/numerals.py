"""Numbers in words, as people read and write them: counts, shares, correlations, p-values. Imports no numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NARROW = "\u00a0"
"""A space at which no line breaks, as in 31 021."""


def number(text: str) -> float | None:
    """Read a number, ``nan`` and ``inf`` among them; None where the text is none.

    Numbers of options, confounds and series are read here or by `whole`: Python's ``float`` also takes ``1_0``, and
    the digits of every script.
    """
    plain = text.strip()
    if "_" in plain or not plain.isascii():
        return None
    try:
        return float(plain)
    except ValueError:
        return None


def whole(text: str) -> int | None:
    """Read a whole number; None where the text is none, or one of thousands of digits."""
    try:
        return int(text) if text.isascii() and text.removeprefix("-").isdecimal() else None
    except ValueError:
        return None


def integer(value: int) -> str:
    """``31 021``: digits in threes."""
    return f"{value:,}".replace(",", NARROW)


def percent(low: float, high: float | None = None) -> str:
    """``53 %`` or ``52 to 54 %``; only all is 100 %."""
    first, last = _hundredths(low), _hundredths(low if high is None else high)
    return f"{first}{NARROW}%" if first == last else f"{first} to {last}{NARROW}%"


def _hundredths(share: float) -> str:
    # 99.95 % rounded to 100 % would say that nothing is left.
    return f"{math.floor(share * 1000) / 10:.1f}" if 0.995 <= share < 1 else f"{share * 100:.0f}"


def value_text(value: float) -> str:
    """Write a background value, such as ``−0.99998`` or ``NaN``."""
    return "NaN" if value != value else f"{value:.6g}".replace("-", "−")  # noqa: PLR0124  (NaN's definition)


def short_text(value: float) -> str:
    """``0.000123``, ``−1230``: three digits of a number of any size."""
    return value_text(float(f"{value:.3g}"))


def r_text(value: float) -> str:
    """``.42``, ``−.42``, ``1.00``: two digits, no leading zero, no minus at zero."""
    text = f"{abs(value):.2f}"
    text = text[1:] if text.startswith("0") else text
    return f"−{text}" if value < 0 and float(text) else text


def p_text(value: float) -> str:
    """``= .032``, ``= .050``, ``= .0041``, ``< .001``: two digits, never 0."""
    if value < 0.001:
        return "< .001"
    return f"= {value:#.2g}".replace("= 0.", "= .")


def duration(seconds: float) -> str:
    """``0.8 s`` (``3 s`` of an int), ``41 s``, ``2 min 3 s``, ``1 h 20 min``."""
    if seconds < 9.95 and not isinstance(seconds, int):
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def bytes_text(size: int) -> str:
    """``1.2 GB``, ``56.8 MB``, ``4.1 kB``, ``53 bytes``."""
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if size >= 10**power:
            return f"{size / 10**power:.1f} {unit}"
    return plural(size, "byte")


def memory_text(size: float) -> str:
    """``6.44 GiB``, ``180 MiB``, ``1 KiB``, ``53 bytes``: in the units that ``--memory`` and others are given in.

    Examples
    --------
    >>> memory_text(6.4 * 2**30), memory_text(2**20), memory_text(180 * 2**20), memory_text(7)
    ('6.4 GiB', '1 MiB', '180 MiB', '7 bytes')
    """
    for unit, power in (("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if size >= 2**power:
            value = size / 2**power
            return f"{value:.3g} {unit}" if value < 999 else f"{integer(round(value))} {unit}"
    return plural(round(size), "byte")


def listed(names: Iterable[str], most: int | None = None) -> str:
    """Join one name or several: ``a, b and c``; of more than ``most`` the rest is counted: ``a, b and 7 more``."""
    names = list(names)
    if most is not None and len(names) > most:
        names = [*names[:most], f"{integer(len(names) - most)} more"]
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def plural(count: int, noun: str) -> str:
    """``1 map``, ``20 maps``."""
    return f"{integer(count)} {noun}" if count == 1 else f"{integer(count)} {noun}s"
