"""What two maps have in common, told by where they have data: pairs that share little of the mask, and the sentence.

A run counts such pairs among its numbers. Who wants to know before there is any number keeps of a set where its maps
have data (`Outlines`), packed: 8 MiB for 300 outlines of 228 000 voxels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from niicorr.compute.similarity import MIN_COMMON
from niicorr.matrix import MapMatrix
from niicorr.numberless import numberless
from niicorr.numerals import integer, plural
from niicorr.records import MapRecord
from niicorr.typing import IntArray

LOW_OVERLAP = 0.5
"""A pair that uses less than this share of the mask is remarked upon."""

LEAST_NAMED = 3
"""Maps that cover little themselves are named, so many of them."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """Where the maps of a set have data.

    Parameters
    ----------
    packed : ndarray of uint64, shape (distinct supports, words)
        Their flags, and zeros up to a whole word.
    maps : ndarray of int, shape (distinct supports,)
        How many maps have each, of those that can have a number.
    n : int
        Features of the mask.
    unit : str
        What they are: voxel, region or feature.
    records : tuple of MapRecord
        All maps.
    numberless : tuple of (str, str)
        Those that no number can come of, and why.
    """

    packed: np.ndarray[tuple[int, int], np.dtype[np.uint64]]
    maps: IntArray
    n: int
    unit: str
    records: tuple[MapRecord, ...]
    numberless: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, matrix: MapMatrix) -> Outlines:
        """Take them from a matrix, whose rows may then go."""
        used, maps = np.unique(matrix.support_of[matrix.scale > 0], return_counts=True)
        words = np.zeros((len(used), -(-matrix.features.n // 64) * 8), np.uint8)
        for k, support in enumerate(used):
            bits = np.packbits(matrix.supports[support])
            words[k, : bits.size] = bits
        return cls(words.view(np.uint64), maps, matrix.features.n, matrix.features.unit, matrix.records,
                   tuple(numberless(matrix)))


def overlap_warning(x: Outlines, y: Outlines | None = None) -> str:
    """Say how many pairs share little of the mask, as far as that is known without a number; empty where none does.

    Without y, of the maps of x with each other, each pair once.
    """
    other = x if y is None else y
    count = 0
    least = min((int(np.bitwise_count(outline).sum()) for outline in x.packed), default=x.n)
    for k, outline in enumerate(other.packed):
        if int(np.bitwise_count(outline).sum()) + least - x.n >= LOW_OVERLAP * x.n:
            continue  # it misses too little to share little with any
        common = np.bitwise_count(x.packed & outline).sum(axis=1, dtype=np.int64)
        low = (common >= MIN_COMMON) & (common < LOW_OVERLAP * x.n)
        count += int(other.maps[k] * x.maps[low].sum()) - (int(other.maps[k]) if y is None and low[k] else 0)
    return low_overlap_text(count if y is not None else count // 2, x.records, None if y is None else y.records, x.unit)


def low_overlap_text(count: int, x: Sequence[MapRecord], y: Sequence[MapRecord] | None, unit: str) -> str:
    """Say that so many pairs of maps share little of the mask; empty where none does."""
    if not count:
        return ""
    pairs = len(x) * (len(x) - 1) // 2 if y is None else len(x) * len(y)
    what = "regions" if unit == "region" else "mask's voxels"
    sparse = list(dict.fromkeys(r.label for r in (*x, *(y or ())) if 0 < r.coverage < LOW_OVERLAP))
    more = f" and {plural(len(sparse) - LEAST_NAMED, 'more map')}" if len(sparse) > LEAST_NAMED else ""
    named = f" (little of it is covered by {', '.join(sparse[:LEAST_NAMED])}{more})" if sparse else ""
    rest, its = ("rests", "its cell says") if count == 1 else ("rest", "their cells say")
    return (f"{integer(count)} of {plural(pairs, 'correlation')} {rest} on less than half of the {what}{named}; {its} "
            "so in pairs.tsv")
