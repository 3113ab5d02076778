"""How large the whole numbers may be that options take: one place for the command line and for Python.

A limit keeps nobody from anything that could be done. It turns a slip of the finger into one sentence, instead of a run
that would take thousands of years, or one whose result could not be read again.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from niicorr.errors import UsageError
from niicorr.numerals import integer

LARGEST = 2**63 - 1
"""What a saved result can hold, and other programs can read (64 bits with a sign)."""

MOST_SURROGATES = 10_000_000
"""Random maps: p goes down to a ten-millionth, and at .05 its standard error is .00007."""

MOST_REPEATS = 100_000
"""Blocks of random maps in a calibration: even of a single pair, the rate at .05 has a standard error of .0007."""

_LIMITS = {
    "n_surrogates": (MOST_SURROGATES, "with so many p is known to a ten-thousandth, and more would take days for "
                     "nothing"),
    "repeats": (MOST_REPEATS, "with so many the rates are known to a thousandth, and more would take days for nothing"),
}

_DIGITS = 30
"""Numbers of more are not repeated in a message."""


def demand_whole(name: str, value: Any, least: int, why: str = "") -> None:
    """Refuse what is no whole number from ``least`` on that the option of this name takes.

    Parameters
    ----------
    name : str
        Of the option, as a field of Python's.
    value
        Of any type; True and False are no numbers.
    least : int
        The smallest it may be.
    why : str
        What to say after that.

    Raises
    ------
    UsageError
        In one sentence.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        long = isinstance(value, int) and abs(value) >= 10**_DIGITS
        raise UsageError(f"{name} is a whole number from {least} on, not {'a negative one' if long else repr(value)}"
                         f"{why}")
    if fault := limit_fault(name, int(value)):
        raise UsageError(f"{name} {fault}")


def real(value: Any) -> float | None:
    """Return a number as a float: None of what is none (True and False are not), or beyond the largest float."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def limit_fault(name: str, value: int) -> str:
    """Say that a whole number is larger than an option takes, and why that is the limit; empty where it is not."""
    most, why = _LIMITS.get(name, (LARGEST, "a saved result holds no larger number"))
    return "" if value <= most else f"is at most {integer(most)}: {why}"
