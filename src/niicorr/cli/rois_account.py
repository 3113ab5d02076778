"""The account of ``niicorr rois``: runs, cleaning, regions, and what came out, in the manner of a run's account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from niicorr.cli.account import (
    decision_lines,
    empty_cells,
    every_decision,
    file_lines,
    heads,
    remark_text,
    strongest_pairs,
    surviving,
    warning_lines,
)
from niicorr.cli.matrix_view import ROWS_OF_MORE, matrix_lines
from niicorr.numerals import NARROW, duration, integer, plural
from niicorr.result.alike import remarks
from niicorr.result.sentences import pairs
from niicorr.space import format_mm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from niicorr.cli.page import Line, Page
    from niicorr.records import MapRecord
    from niicorr.result import CorrelationResult

_READ = ("t_r",)
"""Topics of single runs that the line on what was read tells already."""

_MOST = 6


def rois_account(
    result: CorrelationResult, page: Page, *, out: str | None, files: Sequence[str], seconds: float, verbose: bool,
    without: str = "",
) -> Iterator[Line]:
    """Yield the lines, warnings first; the parameters are those of `niicorr.cli.account.account`.

    ``without`` says which figure was not drawn, and why.
    """
    runs = result.provenance.beside
    yield from warning_lines(result.warnings, page)
    yield from _title(result, page, seconds)
    yield from page.paragraph("read", read_runs_text(result))
    # Why there is no null model is told where the null model is.
    yield from decision_lines([decision for decision in result.decisions if decision.topic != "null"], page)
    yield from _of_runs(runs, page, out, verbose=verbose)
    if verbose:
        yield from every_decision([("run", runs), ("region", result.x_maps)], page)
    yield []
    # A part of a larger one tells less than its strongest pairs.
    if result.measure.bounded and len(result.x_maps) <= ROWS_OF_MORE:
        yield from matrix_lines(result, page)
    yield from empty_cells(result, page)
    yield from strongest_pairs(result, page)
    yield from surviving(result, page)
    more = [decision.text for decision in result.decisions if decision.topic == "null"] if result.null != "none" else []
    untested = _untested(result)
    yield from heads("null", [untested] if untested else [result.null_text, *more], page)
    yield from file_lines(out, files, page)
    yield from heads("", [without] if without else [], page)


def _untested(result: CorrelationResult) -> str:
    """Say why no pair has a p-value where one was asked for; nothing where one has."""
    if result.null == "none" or np.isfinite(result.p.to_numpy()).any():
        return ""
    why = [note.removeprefix("no p-value: ") for note in result.notes.values() if note.startswith("no p-value: ")]
    return f"no p-values (null model: {result.null}): {why[0]}" if why else ""


def read_runs_text(result: CorrelationResult) -> str:
    """``3 runs, 121 volumes each of 64×64×29 voxels of 3.5×3.5×4 mm RAS, int16, TR 2 s``."""
    runs, n = result.provenance.beside, len(result.series)
    images = [record for record in runs if len(record.shape) == 4]
    noun = "volume" if images else "time point"
    # Of what was read; scrubbed and unchosen volumes are told further below.
    lengths = [record.shape[3] if len(record.shape) == 4 else record.shape[0] for record in runs]
    low, high = min(lengths), max(lengths)
    long = plural(low, noun) if low == high else f"{integer(low)} to {integer(high)} {noun}s"
    parts = [f"{plural(n, 'run' if images else 'table')}, {long}{' each' if n > 1 and low == high else ''}"]
    grids = list(dict.fromkeys(f"{'×'.join(map(str, record.shape[:3]))} voxels of {format_mm(record.voxel_mm)} mm "
                               f"{record.orientation}" for record in images))
    if grids:
        parts[0] += f" of {grids[0]}" if len(grids) == 1 else f" on {len(grids)} grids"
        parts.append(", ".join(dict.fromkeys(record.dtype for record in images)))
    steps = sorted({run.t_r for run in result.series if run.t_r is not None})
    if steps:
        parts.append(f"TR {steps[0]:g}{f' to {steps[-1]:g}' if len(steps) > 1 else ''} s")
    return ", ".join(parts)


def _title(result: CorrelationResult, page: Page, seconds: float) -> Iterator[Line]:
    n, measure = len(result.x_maps), result.measure
    cells = n * (n - 1) // 2
    numbers = pairs(result)
    shown = np.isfinite(numbers)
    rest = ""
    if shown.any():
        show, name = measure.text, "r" if measure.bounded else measure.symbol
        low, high = show(float(numbers[shown].min())), show(float(numbers[shown].max()))
        rest = f", {name} from {low} to {high}" if low != high else f", {name} = {low}"
        counts = result.counts[shown]
        least, most = int(counts.min()), int(counts.max())
        rest += f", n{NARROW}= {integer(least)}" if least == most else (
            f", n{NARROW}from {integer(least)} to {integer(most)}")
        rest += " time points"
    head = f"{plural(n, 'region')} with each other, {integer(cells)} {measure.name if cells == 1 else measure.names}"
    for part in page.folded(f"niicorr: {head} in {duration(seconds)}{rest}", page.width):
        yield [(part, "bold")]


def _of_runs(runs: Sequence[MapRecord], page: Page, out: str | None, *, verbose: bool) -> Iterator[Line]:
    """Tell what was decided about single runs, what is alike in several told once."""
    topics = dict.fromkeys(decision.topic for record in runs for decision in record.decisions)
    for topic in [topic for topic in topics if topic not in _READ]:
        found = remarks(runs, (topic,))
        shown = found if len(found) <= _MOST or verbose else found[:_MOST]
        texts = [remark.text if len(runs) == 1 else remark_text(remark, len(runs), "run") for remark in shown]
        if left := sum(remark.count for remark in found[len(shown):]):
            where = "the option -v" if out is None else "run.json"
            texts.append(f"{plural(left, 'further remark')} on single runs: see {where}")
        yield from heads(topic, texts, page)

