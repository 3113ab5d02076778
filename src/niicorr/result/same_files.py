"""Pairs of one and the same file, given in both sets or twice: they are 1 by definition and tell nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from niicorr.records import MapRecord
    from niicorr.result.correlation import CorrelationResult
    from niicorr.typing import BoolArray


def same_files(x: Sequence[MapRecord], y: Sequence[MapRecord]) -> Iterator[tuple[int, int]]:
    """Yield (position in y, position in x) of maps whose file has one content, in the same volume of it."""
    where: dict[tuple[str, int | None], list[int]] = {}
    for j, record in enumerate(x):
        if record.blake2b:
            where.setdefault((record.blake2b, record.volume), []).append(j)
    for i, record in enumerate(y):
        for j in where.get((record.blake2b or "", record.volume), ()):
            yield i, j


def shared_sets(x: Sequence[MapRecord], y: Sequence[MapRecord]) -> int:
    """How many files two sets share where they are the same maps altogether, more than one; else 0."""
    first, second = ({(record.blake2b or "", record.volume) for record in maps} for maps in (x, y))
    files = {content for content, _ in first}
    return len(files) if first == second and len(first) > 1 and "" not in files else 0


def same_file_cells(result: CorrelationResult) -> BoolArray | None:
    """Which cells are of one and the same file, the diagonal of a set with itself aside; None where none is."""
    if result.series:
        return None
    found = [(i, j) for i, j in same_files(result.x_maps, result.y_maps) if not (result.same_set and i == j)]
    if not found:
        return None
    cells = np.zeros(result.estimate.shape, dtype=np.bool_)
    cells[tuple(np.transpose(found))] = True
    return cells
