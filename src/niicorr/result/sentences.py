"""What is told of a result in sentences: the same words in the terminal and on the page."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from niicorr.numerals import integer, percent, plural, r_text, value_text
from niicorr.result.alike import kind, merged
from niicorr.space import format_mm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from niicorr.records import MapRecord
    from niicorr.result.correlation import CorrelationResult, Sensitivity
    from niicorr.typing import BoolArray, Float64Array

_BACKGROUNDS = 2


def map_sets(result: CorrelationResult) -> list[tuple[str, tuple[MapRecord, ...]]]:
    """Return the sets with their names; a set compared with itself is told of once."""
    return [("x", result.x_maps)] if result.same_set else [("x", result.x_maps), ("y", result.y_maps)]


def usable(maps: Sequence[MapRecord]) -> list[MapRecord]:
    """Return the maps that could be read."""
    return [record for record in maps if record.error is None]


def error_text(record: MapRecord) -> str:
    """Return what is wrong with a map, after its path."""
    error = record.error or ""
    return error if error.startswith(record.path) else f"{record.path}: {error}"


def read_text(maps: Sequence[MapRecord]) -> str:
    """``20 maps, 57×66×40 voxels of 3×3×3 mm LAS, float64``; several grids and types are counted."""
    good = usable(maps)
    head = plural(len(good), "map")
    if len(good) < len(maps):
        head = f"{integer(len(good))} of {plural(len(maps), 'map')}"
    grids = _counted([grid_text(record) for record in good if record.shape])
    types = _counted([record.dtype for record in good if record.dtype])
    parts = [head]
    if len(grids) == 1:
        parts.append(grids[0][0])
    elif grids:
        shown = [f"{text} ({count})" for text, count in grids[:3]]
        more = [plural(len(grids) - 3, "other")] if len(grids) > 3 else []
        parts.append(f"{len(grids)} grids: {', '.join(shown + more)}")
    if types:
        shown = [text for text, _ in types[:4]]
        parts.append(", ".join(shown) + (f" and {len(types) - 4} other types" if len(types) > 4 else ""))
    return ("; " if len(grids) > 1 else ", ").join(parts)


def grid_text(record: MapRecord) -> str:
    """``57×66×40 voxels of 3×3×3 mm LAS``, or in place of the axes that the header does not tell them."""
    axes = ", orientation unknown" if "?" in record.orientation else f" {record.orientation}"
    return f"{shape_text(record)} voxels of {format_mm(record.voxel_mm)} mm{axes}"


def shape_text(record: MapRecord) -> str:
    """``57×66×40``."""
    return "×".join(map(str, record.shape))


def backgrounds(maps: Sequence[MapRecord]) -> str:
    """``−1 in 4 maps (53 % of the volume), none in 16 maps``: the commonest values, the rest as a range."""
    found: dict[str, list[MapRecord]] = {}
    none = 0
    for record in usable(maps):
        if record.background is None:
            none += 1
        else:
            found.setdefault(value_text(record.background), []).append(record)
    groups = sorted(found.items(), key=lambda item: -len(item[1]))
    # A group of one beside many groups of one is not a common value: they are told as a range.
    keep = groups if len(groups) <= _BACKGROUNDS + 1 else [g for g in groups[:_BACKGROUNDS] if len(g[1]) > 1]
    parts = [f"{text} in {plural(len(group), 'map')} ({_shares(group)})" for text, group in keep]
    rest = [record for text, group in groups[len(keep):] for record in group]
    if rest:
        values = [record.background for record in rest if record.background is not None]
        finite = sorted(value for value in values if not math.isnan(value))
        span = f"{len(groups) - len(keep)} values from {value_text(finite[0])} to {value_text(finite[-1])}"
        parts.append(f"{span} in {plural(len(rest), 'map')} ({_shares(rest)})")
    if none:
        parts.append(f"none in {plural(none, 'map')}")
    if parts and "%" in parts[0]:
        parts[0] = parts[0].replace("%)", "% of the volume)")
    return ", ".join(parts)


def counted(result: CorrelationResult) -> BoolArray:
    """Which cells hold every pair once: a set against itself counts its lower triangle only."""
    cells = np.ones(result.estimate.shape, dtype=bool)
    return np.tril(cells, -1) if result.same_set else cells


def pairs(result: CorrelationResult) -> Float64Array:
    """Return r of every pair once; NaN elsewhere."""
    return np.where(counted(result), result.estimate, np.nan)


def zeros_matter(result: CorrelationResult) -> int:
    """Count the pairs that would be another number under the other reading of zeros."""
    if result.sensitivity is None:
        return 0
    return int((counted(result) & np.isfinite(result.sensitivity.zeros_matter)).sum())


OTHERWISE = "would change by more than .1 or in sign if zeros were read the other way"
"""What is said of pairs that rest on how zeros are read."""


def zeros_text(result: CorrelationResult) -> str:
    """Say how many pairs rest on how zeros are read, and what to do; empty where none does."""
    count, total = zeros_matter(result), int(counted(result).sum())
    return "" if not count else (
        f"{integer(count)} of {plural(total, 'pair')} {OTHERWISE} (marked †): --zeros data or missing settles it; "
        "docs/explanation/zeros.md")


@dataclass(frozen=True)
class Reason:
    """Why pairs have no number, and how many these are."""

    text: str
    count: int


def without_number(result: CorrelationResult) -> list[Reason]:
    """Count the pairs without a number by the reason in their note, the commonest first; there may be millions."""
    texts: Counter[str] = Counter()
    for i, empty in enumerate(counted(result) & ~np.isfinite(result.estimate)):
        texts.update(result.notes.get((i, j), "no reason noted") for j in np.flatnonzero(empty).tolist())
    alike: dict[tuple[str, ...], list[str]] = {}
    for text in texts:
        alike.setdefault(kind(text), []).append(text)
    reasons = [Reason(merged(group), sum(texts[text] for text in group)) for group in alike.values()]
    return sorted(reasons, key=lambda reason: -reason.count)


def naive_text(result: CorrelationResult, sensitivity: Sensitivity) -> str:
    """Say how wrong the plain arrays would have been."""
    error, flips, both = sensitivity.largest_error(result.estimate, lower=result.same_set)
    regional = result.parcellation is not None
    if both == 0 and not np.isfinite(result.estimate).any():
        return ""
    if both == 0:
        return ("none: no two of the maps lie on the atlas's grid as they are stored." if regional else
                "none: no two of the maps lie on one grid as they are stored, so there is nothing to flatten.")
    text = ("Averaging background and zeros along, as means over whole regions do, would have been off by " if regional
            else "Counting background and zeros as data, as corrcoef on flattened arrays does, would have been off by ")
    text += f"up to {r_text(error)}" if error >= 0.005 else "less than .01"
    if flips:
        text += f" and changed the sign of {integer(flips)} of {plural(both, 'correlation')}"
    if left_out := int((counted(result) & np.isfinite(result.estimate)).sum()) - both:
        text += f"; {integer(left_out)} with interpolated maps have no such number"
    if sensitivity.step > 1:
        text += f" (judged by one voxel in {sensitivity.step})"
    return f"{text}."


def _shares(maps: Sequence[MapRecord]) -> str:
    shares = [record.background_share for record in maps]
    return percent(min(shares), max(shares))


def _counted(texts: Sequence[str]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for text in texts:
        counts[text] = counts.get(text, 0) + 1
    return sorted(counts.items(), key=lambda item: -item[1])
