"""Fields of JSON, checked one by one for their type and range.

A line of the index that somebody wrote by hand can be refused, but it cannot make niicorr do anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, TypeVar

from niicorr.records import Decision

MOST_DECISIONS, LONGEST = 20, 2000

BOUND = "bound"
"""The field that binds the others, where bytes lie and their checksums among them, to the key of their line."""

T = TypeVar("T")


class UnbelievableError(ValueError):
    """A line of the index says what niicorr cannot have written."""


def believed(text: bytes, key: str, take: Callable[[dict[str, Any]], T]) -> T:
    """Take a JSON object apart; whatever goes wrong in doing so makes it `UnbelievableError`."""
    try:
        fields = json.loads(text)
        if isinstance(fields, dict) and fields.pop(BOUND) == bound(fields, key):
            return take(fields)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass
    raise UnbelievableError


def written(fields: dict[str, Any], key: str) -> str:
    """Write a JSON object on one line of plain ASCII, bound to the key that it is found by."""
    return _json({**fields, BOUND: bound(fields, key)})


def bound(fields: dict[str, Any], key: str) -> str:
    """Return what binds fields to their key: neither under another key nor beside other fields is it believed."""
    return digest(key.encode("ascii"), _json(fields).encode("ascii"))


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"), allow_nan=False)


def digest(*texts: bytes | memoryview) -> str:
    """BLAKE2b hash (16 bytes, hexadecimal) of some bytes."""
    whole = hashlib.blake2b(digest_size=16)
    for text in texts:
        whole.update(text)
    return whole.hexdigest()


def whole(value: Any, least: int = 0, most: int = 2**62) -> int:
    """Take a whole number."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError
    return value


def number(value: Any) -> float:
    """Take a finite number."""
    if type(value) not in (int, float) or not isfinite(value):
        raise ValueError
    return float(value)


def flag(value: Any) -> bool:
    """Take true or false."""
    if type(value) is not bool:
        raise ValueError
    return value


def word(value: Any, allowed: Sequence[Any]) -> Any:
    """Take one of some words."""
    if not any(value is each or (isinstance(value, str) and value == each) for each in allowed):
        raise ValueError
    return value


def sentence(value: Any) -> str:
    """Take a text of moderate length."""
    if not isinstance(value, str) or len(value) > LONGEST:
        raise ValueError
    return value


def hexadecimal(value: Any) -> str:
    """Take a hash that `digest` made."""
    if not isinstance(value, str) or len(value) != 32 or not set(value) <= set("0123456789abcdef"):
        raise ValueError
    return value


def several(value: Any, length: int) -> list[Any]:
    """Take a list of so many."""
    if not isinstance(value, list) or len(value) != length:
        raise ValueError
    return value


def decisions(value: Any) -> tuple[Decision, ...]:
    """Take decisions, each a topic and a text."""
    if not isinstance(value, list) or len(value) > MOST_DECISIONS:
        raise ValueError
    return tuple(Decision(*map(sentence, several(pair, 2))) for pair in value)


def decision_fields(given: Sequence[Decision]) -> list[list[str]]:
    """Return decisions as `decisions` takes them."""
    return [[decision.topic, decision.text] for decision in given]
