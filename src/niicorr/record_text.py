"""The text of a record (``run.json``, those of libraries), parsed once and never on its own word.

It may be of any size and depth: what tells a value in some twenty bytes is parsed in no time, brackets alone would be
a hundred million lists.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import Any

from niicorr.limits import LARGEST
from niicorr.numerals import integer

FREE, SPARSE = 100_000, 6
"""So many values are never too many; more of them stand in so many bytes each, names and all (of ours in 20)."""

DEEPEST = 32
"""Lists in lists in lists; ours have six."""

_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parsed(data: bytes) -> Any:
    """Parse JSON in UTF-8; ValueError, in words that name the fault, where it is none or no record could be so."""
    if data.startswith(codecs.BOM_UTF8):
        raise ValueError("it begins with a mark of UTF-8, as JSON must not")
    _demand_sparse(data)
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {integer(error.start)} is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON from line {error.lineno}, column {error.colno} on: {error.msg}") from None
    except RecursionError:
        raise ValueError(_too_deep()) from None
    except ValueError as error:
        if "digits" in str(error):  # Python reads no number of more than 4300
            raise ValueError("a number has thousands of digits") from None
        raise


def demand_json(value: Any, where: str) -> None:
    """Refuse what could not be written again as JSON, or is nested too deeply; ValueError says where.

    NaN, infinities, numbers of more than 63 bits and halves of characters.
    """
    level = [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                for key in part:
                    demand_scalar(key, f"a name in {where}")
                below.extend(part.values())
            elif isinstance(part, list):
                below.extend(part)
            elif isinstance(part, float) and not math.isfinite(part):
                raise ValueError(f"{where} holds {part}")
            else:
                demand_scalar(part, where)
        if not below:
            return
        level = below
    raise ValueError(f"{where}: {_too_deep()}")


def demand_scalar(value: Any, where: str) -> None:
    """Refuse a number of more than 63 bits, and text that holds half a character; ValueError says where."""
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError(f"{where} is a number of {len(str(abs(value)))} digits")
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError(f"{where} holds half a character")


def _demand_sparse(data: bytes) -> None:
    """Refuse what holds far more values than a record of this size, before any of them is made."""
    most = FREE + len(data) // SPARSE
    if _values(data) > most and (found := _values(_TEXT.sub(b"", data))) > most:
        raise ValueError(f"it holds {integer(found)} values in {integer(len(data))} bytes, as no record does")


def _values(data: bytes) -> int:
    return sum(map(data.count, (b",", b"[", b"{")))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:80]!a} stands there twice")
    return found


def _too_deep() -> str:
    return f"lists in lists, more than {DEEPEST} deep"
