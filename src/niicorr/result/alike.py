"""Equal decisions of many maps told once: ``18 maps: … (edge 0.72 to 1.21)``.

Sentences count as equal when they differ in their numbers only; the numbers are then told as ranges.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from niicorr.records import MapRecord

_NUMBER = re.compile(
    # A number that stands by itself: not the 2 of mask_2mm.nii, nor a part of 57×66×40.
    r"(?<![\w.×])"
    r"([-−+]?(?:\d{1,3}(?:[ \u00a0\u202f\u2009]\d{3}(?!\d))+|\d*\.?\d+(?:e[-+]?\d+)?))"
    r"(?![\w×]|\.\d)"
)


_NAMES = re.compile(r"regions? (?:missing|holds?|lies?|keeps?)\b")
"""Sentences that list regions: the numbers in them are names, of which no range can be made."""


@dataclass(frozen=True)
class Remark:
    """A sentence that holds for one or more maps; ``kind`` is what it has in common with its like."""

    labels: tuple[str, ...]
    text: str
    kind: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many maps it holds for."""
        return len(self.labels)


def remarks(
    maps: Iterable[MapRecord], topics: Sequence[str] = (), *, but: Sequence[str] = ()
) -> list[Remark]:
    """Gather the maps' own decisions on ``topics`` (all if empty, none in ``but``), the commonest first."""
    return gathered(
        (record.label, decision.text)
        for record in maps
        for decision in record.decisions
        if (not topics or decision.topic in topics) and decision.topic not in but
    )


def gathered(sentences: Iterable[tuple[str, str]]) -> list[Remark]:
    """Gather (label, sentence) pairs whose sentences differ in numbers only, the commonest first."""
    groups: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for label, text in sentences:
        groups.setdefault(kind(text), []).append((label, text))
    found = [Remark(tuple(label for label, _ in group), merged([text for _, text in group]), same)
             for same, group in groups.items()]
    return sorted(found, key=lambda remark: -remark.count)


@lru_cache(maxsize=4096)
def kind(text: str) -> tuple[str, ...]:
    """Return what is left of a sentence without its numbers: equal for sentences told together."""
    if _NAMES.search(text):
        return (text,)
    return tuple(_NUMBER.split(text)[::2])


def merged(texts: Sequence[str]) -> str:
    """Merge sentences of one kind into one, with a range where their numbers differ."""
    parts = [_NUMBER.split(text) for text in dict.fromkeys(texts)]
    out = list(parts[0])
    for slot in range(1, len(out), 2):
        numbers = sorted({part[slot] for part in parts}, key=_value)
        out[slot] = numbers[0] if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
    return "".join(out)


def _value(text: str) -> float:
    return float(re.sub(r"\s", "", text).replace("−", "-"))
