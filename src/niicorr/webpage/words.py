"""What the page says before any colour: what was compared, what must be known first, and a few figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.errors import LISTED_PROBLEMS
from niicorr.numerals import NARROW, integer, listed, percent, plural
from niicorr.plot import captions
from niicorr.result.sentences import (
    backgrounds,
    counted,
    error_text,
    map_sets,
    naive_text,
    usable,
    without_number,
    zeros_matter,
    zeros_text,
)
from niicorr.tables import printable

if TYPE_CHECKING:
    from niicorr.records import MapRecord
    from niicorr.result import CorrelationResult
    from niicorr.result.pictures import Pictures
    from niicorr.typing import FloatArray, IntArray
    from niicorr.webpage.part import Part

SMALL = 0.5
"""A map with data in less than this share of the mask is named."""

_NAMED, _REASONS, _KINDS = 5, 3, 4


def sentence(result: CorrelationResult) -> str:
    """Say in one sentence what was compared with what, how, and under which null model."""
    x, y = _names(result)
    n_x, n_y = len(result.x_maps), len(result.y_maps)
    measure, what = result.measure, "region" if result.series else "map"
    if result.series:
        runs = "" if len(result.series) == 1 else f" over {plural(len(result.series), 'run')}"
        who = f"The time series of {plural(n_x, 'region')} ({x}) with each other{runs}"
    elif result.same_set:
        who = f"{plural(n_x, what)} of {x} with each other" if n_x > 1 else f"one map of {x}, alone"
    else:
        who = f"{plural(n_x, what)} of {x} (columns) with {plural(n_y, what)} of {y} (rows)"
    once = counted(result)
    count = int(once.sum())
    names = measure.names if count != 1 else measure.name
    over = _span(result.counts[once & np.isfinite(result.estimate)])
    if over:
        over = f" over {over} {result.unit}s"
        if not result.series:
            over += "" if result.parcellation is None else f" of {_file(result.parcellation.path)}"
            over += " that both have"
    return f"{who}: {integer(count)} {names}{over}; {result.null_text}."


def head(result: CorrelationResult, pictures: Pictures | None, part: str = "") -> list[dict[str, str]]:
    """Say what a reader must know first: warnings, then notes.

    Parameters
    ----------
    result : CorrelationResult
        What is shown.
    pictures : Pictures or None
        What is shown of its maps.
    part : str
        Where only a part of the matrix is shown, which.
    """
    warned = [*result.warnings, *_skipped(result)]
    noted = [part, *_masks(result), zeros_text(result), *_regions(result), *_backgrounds(result), *_naive(result),
             *_small(result), *_noted(result), *_empty(result), maps_text(pictures)]
    return [{"level": "warning", "text": printable(words)} for words in warned] + [
        {"level": "note", "text": printable(words)} for words in noted if words]


def maps_text(pictures: Pictures | None) -> str:
    """Say which maps the page holds, and that it gives them away."""
    if pictures is None or not pictures.n:
        return ""
    n = sum(_shown(part) for part in ([pictures.x] if pictures.y is pictures.x else [pictures.x, pictures.y]))
    if pictures.choice == "none" or not n:
        return "No map is inside this page (--report-maps none): it shows numbers only."
    which = "The maps themselves are" if pictures.choice == "all" else (
        f"{plural(n, 'map')}, those of the strongest pairs, {'is' if n == 1 else 'are'}")
    return (f"{which} inside this page or beside it, as pictures of 8 bits a voxel: whoever gets them gets the maps. "
            "Think of that before you share maps of single persons (--report-maps none leaves them out).")


def facts(result: CorrelationResult, part: Part | None = None) -> list[dict[str, Any]]:
    """Return a few key figures; those with a cell open it, which is shown also where only a part is."""
    counted_once = counted(result)
    numbered = counted_once & np.isfinite(result.estimate)
    shown: list[dict[str, Any]] = [{"label": "pairs", "value": integer(int(counted_once.sum()))}]
    if not numbered.any():
        return shown
    shown.append({"label": f"{result.unit}s per pair", "value": _span(result.counts[numbered])})
    nothing = np.full((1, 1), np.nan)
    effective = result.inferred.get("n_effective", nothing)
    if (known := counted_once & np.isfinite(effective)).any():
        shown.append({"label": "independent values", "value": _span(np.rint(effective[known]))})
    q = result.inferred.get("p_fdr", nothing)
    if tests := int((counted_once & np.isfinite(q)).sum()):
        reached = int((counted_once & (q <= 0.05)).sum())
        shown.append({"label": "q ≤ .05", "value": f"{integer(reached)} of {integer(tests)}"})
    for i, j in result.strongest(1):
        shown.append({"label": "strongest", "value": result.measure.text(float(result.estimate[i, j])),
                      "cell": list((i, j) if part is None else part.at(i, j))})
    return shown


def _skipped(result: CorrelationResult) -> Iterator[str]:
    bad = [(name, record) for name, maps in map_sets(result) for record in maps if record.error is not None]
    if bad:
        what = "region" if result.series else "map"
        total = sum(len(maps) for _, maps in map_sets(result))
        texts = [f"{name}: {error_text(record)}" for name, record in bad[:LISTED_PROBLEMS]]
        more = f"; and {integer(len(bad) - LISTED_PROBLEMS)} more" if len(bad) > LISTED_PROBLEMS else ""
        yield f"{integer(len(bad))} of {plural(total, what)} could not be used: {'; '.join(texts)}{more}"


def _regions(result: CorrelationResult) -> Iterator[str]:
    """Say what was done to series, and which regions are small, lost or missing."""
    topics = ("cleaning", "regions") if result.series else ("atlas",) if result.parcellation is not None else ()
    for topic in topics:
        yield from (f"{topic.capitalize()}: {d.text}." for d in result.decisions if d.topic == topic)


def _masks(result: CorrelationResult) -> Iterator[str]:
    """Say what the terminal says of the mask: where only it keeps the outside of maps out, a reader must know."""
    told = [d.text for d in result.decisions if d.topic == "mask" and not result.series]
    if told:
        yield f"Mask: {'; '.join(told)}."


def _backgrounds(result: CorrelationResult) -> Iterator[str]:
    if result.series or result.grid is None:
        return
    texts = [(name, backgrounds(maps)) for name, maps in zip(_names(result), _sets(result), strict=False)]
    told = [f"in {name}: {text}" for name, text in texts if text]
    if told:
        yield f"Background of the volumes {'; '.join(told)}."


def _naive(result: CorrelationResult) -> Iterator[str]:
    if result.sensitivity is None or not np.isfinite(result.sensitivity.naive).any():
        return
    yield naive_text(result, result.sensitivity)


def _small(result: CorrelationResult) -> Iterator[str]:
    if result.series:
        return
    small = sorted((record.coverage, record.label) for maps in _sets(result) for record in usable(maps)
                   if 0 < record.coverage < SMALL)
    if small:
        named = [f"{label} ({percent(share)})" for share, label in small[:_NAMED]]
        more = [f"{integer(len(small) - _NAMED)} more"] if len(small) > _NAMED else []
        where = "mask" if result.parcellation is None else "regions' voxels"
        yield f"{plural(len(small), 'map')} with data in less than half of the {where}: {listed(named + more)}."


def _noted(result: CorrelationResult) -> Iterator[str]:
    """Count what cells with a number are flagged for."""
    shown = counted(result) & np.isfinite(result.estimate)
    cells = int(np.count_nonzero(result.remarks.cells & shown))
    groups = result.remarks.gathered(shown, but="zeros matter")
    if count := zeros_matter(result):  # told of by themselves
        groups = sorted([("zeros matter", count), *groups], key=lambda group: -group[1])
    if not groups:
        return
    told = [f"{text} ({integer(count)})" for text, count in groups[:_KINDS]]
    more = [f"others ({integer(sum(count for _, count in groups[_KINDS:]))})"] if len(groups) > _KINDS else []
    verb = "carries" if cells == 1 else "carry"
    yield f"{integer(cells)} of {plural(int(shown.sum()), 'pair')} {verb} a note: {'; '.join(told + more)}."


def _empty(result: CorrelationResult) -> Iterator[str]:
    reasons = without_number(result)
    if reasons:
        empty = sum(reason.count for reason in reasons)
        parts = [f"{reason.text} ({integer(reason.count)})" for reason in reasons[:_REASONS]]
        parts += ["other reasons"] if len(reasons) > _REASONS else []
        verb = "has" if empty == 1 else "have"
        yield f"{integer(empty)} of {plural(int(counted(result).sum()), 'pair')} {verb} no number: {'; '.join(parts)}."


def _names(result: CorrelationResult) -> tuple[str, str]:
    """Return what the sets are called: their folders, or just x and y."""
    x, y = captions.set_names(result)
    return x.removesuffix(" maps") if x == "x maps" else x, y.removesuffix(" maps") if y == "y maps" else y


def _sets(result: CorrelationResult) -> list[Sequence[MapRecord]]:
    return [maps for _, maps in map_sets(result)]


def _shown(pictures: Any) -> int:
    return int((np.diff(pictures.ends, prepend=0) > 0).sum())


def _span(values: FloatArray | IntArray) -> str:
    if not values.size:
        return ""
    low, high = integer(int(values.min())), integer(int(values.max()))
    return low if low == high else f"{low} to {high}"


def _file(path: str) -> str:
    return printable(path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]).replace(" ", NARROW) or "an atlas"
