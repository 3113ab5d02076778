"""Pairs of one and the same map, given in both sets or twice: they are 1 by definition and tell nothing.

The same map is the same file, found by its content before any voxel counts, or a file of the same values, such as a
``.nii`` beside its ``.nii.gz``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from niicorr.numerals import integer, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from niicorr.matrix import MapMatrix
    from niicorr.records import MapRecord
    from niicorr.result.correlation import CorrelationResult
    from niicorr.typing import BoolArray, Float64Array

SAME_FILE = "same file"
"""The note of a pair of one and the same file."""

SAME_VALUES = "same values"
"""The note of a pair of files of other contents that hold the same map."""

ROUNDING = 1e-12
"""So far below 1 may rounding bring r of a map with itself."""


def same_files(x: Sequence[MapRecord], y: Sequence[MapRecord]) -> Iterator[tuple[int, int]]:
    """Yield (position in y, position in x) of maps whose file has one content, in the same volume of it."""
    where: dict[tuple[str, int | None], list[int]] = {}
    for j, record in enumerate(x):
        if record.blake2b:
            where.setdefault((record.blake2b, record.volume), []).append(j)
    for i, record in enumerate(y):
        for j in where.get((record.blake2b or "", record.volume), ()):
            yield i, j


def same_values(
    x: MapMatrix, y: MapMatrix, r: Float64Array, same: BoolArray, *, same_set: bool
) -> list[tuple[int, int]]:
    """Find (position in y, position in x) of maps that hold the same values at the same features.

    Parameters
    ----------
    r : ndarray, shape (maps of y, maps of x)
        What came of the comparison: only pairs of about 1 are looked at.
    same : ndarray of bool, shape (maps of y, maps of x)
        Pairs of one and the same file, which are left out.
    same_set : bool
        Whether x is y: then no map is compared with itself.
    """
    pairs = [(i, j) for i, row in enumerate(r) for j in np.flatnonzero((row > 1 - ROUNDING) & ~same[i]).tolist()
             if not (same_set and i == j)]
    # Each map once: of a thousand copies there are a million pairs.
    first, second = ({k: _content(maps, k) for k in set(at)} for maps, at in (
        (x, [j for _, j in pairs]), (y, [i for i, _ in pairs])))
    return [(i, j) for i, j in pairs if first[j] == second[i]]


def copies(maps: MapMatrix) -> list[list[int]]:
    """Group the maps of a set that hold the same values, constant ones aside; only groups of two or more."""
    alike: dict[tuple[float, float, int], list[int]] = {}
    for k, (center, scale, support) in enumerate(zip(maps.center, maps.scale, maps.support_of, strict=True)):
        if scale > 0:
            alike.setdefault((float(center), float(scale), int(support)), []).append(k)
    groups: dict[bytes, list[int]] = {}
    for group in alike.values():
        for k in group if len(group) > 1 else ():
            groups.setdefault(_content(maps, k), []).append(k)
    return [group for group in groups.values() if len(group) > 1]


def copies_text(maps: MapMatrix, name: str) -> str:
    """Say of a set (``x`` or ``y``) which of its maps are one and the same; empty where none are."""
    groups = copies(maps)
    if not groups:
        return ""
    shown = [maps.labels[k] for k in groups[0][:3]]
    more = [f"{integer(len(groups[0]) - len(shown))} more"] if len(groups[0]) > len(shown) else []
    others = f", and {plural(len(groups) - 1, 'other map')} likewise" if len(groups) > 1 else ""
    return (f"{name} holds one map {integer(len(groups[0]))} times ({', '.join([*shown, *more])}){others}: each "
            "counts, in the corrections for many cells, too; leave all but one out")


def _content(maps: MapMatrix, index: int) -> bytes:
    """Hash the standard scores of a map, and what makes values of them."""
    scores = np.asarray(maps.rows[index], dtype=np.float32)  # the rows of two sets may be of different precision
    what = (scores, maps.center[index], maps.scale[index], maps.supports[maps.support_of[index]])
    return hashlib.blake2b(b"".join(np.ascontiguousarray(part).tobytes() for part in what), digest_size=16).digest()


def shared_sets(x: Sequence[MapRecord], y: Sequence[MapRecord]) -> int:
    """How many files two sets share where they are the same maps altogether, more than one; else 0."""
    first, second = ({(record.blake2b or "", record.volume) for record in maps} for maps in (x, y))
    files = {content for content, _ in first}
    return len(files) if first == second and len(first) > 1 and "" not in files else 0


def same_file_cells(result: CorrelationResult) -> BoolArray | None:
    """Which cells are of one and the same map, the diagonal of a set with itself aside; None where none is."""
    if result.series:
        return None
    found = [(i, j) for i, j in same_files(result.x_maps, result.y_maps) if not (result.same_set and i == j)]
    found += noted_cells(result)
    if not found:
        return None
    cells = np.zeros(result.estimate.shape, dtype=np.bool_)
    cells[tuple(np.transpose(found))] = True
    return cells


def noted_cells(result: CorrelationResult) -> list[tuple[int, int]]:
    """(row, column) of the pairs that are noted to have the same values."""
    if not result.notes:
        return []
    near = np.argwhere(result.estimate > 1 - ROUNDING).tolist()
    return [(i, j) for i, j in near if SAME_VALUES in result.notes.get((i, j), "")]
