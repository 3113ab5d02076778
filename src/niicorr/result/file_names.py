"""Names of files made of labels: such as every system takes, and no two that differ in case alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable


def plain_name(label: str, otherwise: str) -> str:
    """Return what a name keeps of a label, or ``otherwise`` where that is nothing.

    ASCII letters, digits, ``-``, ``_`` and ``.``: other letters change their bytes between file systems.
    """
    plain = "".join(char for char in unicodedata.normalize("NFKD", label) if not unicodedata.combining(char))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-. ") or otherwise


def distinct_names(makers: Iterable[Callable[[int], str]]) -> list[str]:
    """Return a name for each of some makers, which make one for a number: 1, or the next until it is free."""
    names: list[str] = []
    taken: set[str] = set()
    for make in makers:
        number = 1
        while (name := make(number)).lower() in taken:
            number += 1
        taken.add(name.lower())
        names.append(name)
    return names
