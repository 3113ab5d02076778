"""The account of a run: one screen that says what was read, what was masked and why, and what came out."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import numpy as np

from niicorr.cli.matrix_view import FADED, matrix_lines
from niicorr.cli.page import HEADING, columns, pad
from niicorr.errors import LISTED_PROBLEMS
from niicorr.numerals import NARROW, duration, integer, listed, p_text, plural, r_text
from niicorr.result.alike import Remark, remarks
from niicorr.result.sentences import (
    backgrounds,
    counted,
    error_text,
    map_sets,
    naive_text,
    read_text,
    usable,
    without_number,
    zeros_text,
)
from niicorr.words import DRAWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from niicorr.cli.page import Line, Page, Style
    from niicorr.records import Decision, MapRecord
    from niicorr.result import CorrelationResult

STRONGEST = 5
_ZERO_LINES, _OTHER_LINES, _REASONS = 3, 4, 3
_TOLD = ("background", "zeros")
"""Topics of single maps that have a paragraph of their own."""


def account(
    result: CorrelationResult,
    page: Page,
    *,
    out: str | None,
    files: Sequence[str],
    seconds: float,
    verbose: bool,
) -> Iterator[Line]:
    """Yield the lines of a run's account, warnings first."""
    sets = map_sets(result)
    yield from warning_lines(result.warnings, page)
    yield from _title(result, page, seconds)
    yield from skipped_lines(sets, page)
    for name, maps in sets:
        yield from page.paragraph(f"read {name}", read_text(maps))
    # Why there is no null model is told where the null model is.
    yield from decision_lines([decision for decision in result.decisions if decision.topic != "null"], page)
    yield from heads("background", [f"{name}: {backgrounds(maps)}" for name, maps in sets], page)
    yield from _remarks(sets, page, out, verbose=verbose)
    yield from _sensitivity(result, page)
    if verbose:
        yield from every_decision(sets, page)
    yield []
    if result.estimate.size:
        yield from matrix_lines(result, page)
    yield from empty_cells(result, page)
    yield from strongest_pairs(result, page)
    yield from surviving(result, page)
    yield from page.paragraph("null", result.null_text)
    if result.null != "none":
        yield from heads("", [decision.text for decision in result.decisions if decision.topic == "null"], page)
    yield from file_lines(out, files, page)


def warning_lines(warnings: Sequence[str], page: Page) -> Iterator[Line]:
    """Yield each warning, folded."""
    for text in warnings:
        yield from page.paragraph("warning", text, "warning")


def decision_lines(decisions: Sequence[Decision], page: Page) -> Iterator[Line]:
    """Yield what was decided about all maps together, a paragraph for each topic, in order of appearance."""
    for topic in dict.fromkeys(decision.topic for decision in decisions):
        yield from heads(topic, [decision.text for decision in decisions if decision.topic == topic], page)


def skipped_lines(sets: Sequence[tuple[str, Sequence[MapRecord]]], page: Page) -> Iterator[Line]:
    """Name the maps that could not be used: ten of them, the rest counted."""
    bad = [(name, record) for name, maps in sets for record in maps if record.error is not None]
    total = sum(len(maps) for _, maps in sets)
    if bad:
        text = f"{integer(len(bad))} of {plural(total, 'map')} could not be used:"
        yield from page.paragraph("skipped", text, "bad")
    for name, record in bad[:LISTED_PROBLEMS]:
        yield from page.paragraph("", f"{name}: {error_text(record)}")
    if len(bad) > LISTED_PROBLEMS:
        yield from page.paragraph("", f"and {integer(len(bad) - LISTED_PROBLEMS)} more, named in run.json")


def remark_text(remark: Remark, total: int, noun: str = "map") -> str:
    """``18 maps: …``, ``all 20 maps: …``, or the label of a single map (or run)."""
    if remark.count == 1:
        return f"{remark.labels[0]}: {remark.text}"
    who = f"all {integer(total)} {noun}s" if remark.count == total else plural(remark.count, noun)
    return f"{who}: {remark.text}"


def every_decision(sets: Sequence[tuple[str, Sequence[MapRecord]]], page: Page) -> Iterator[Line]:
    """Yield every decision about every map."""
    for name, maps in sets:
        for record in maps:
            texts = [f"{decision.topic}: {decision.text}" for decision in record.decisions]
            yield [(f"{name} {page.text(record.label)}", "bold")]
            yield from heads("", texts or ["nothing to decide"], page)


def _title(result: CorrelationResult, page: Page, seconds: float) -> Iterator[Line]:
    x, y = len(result.x_maps), len(result.y_maps)
    measure = result.measure

    numbered = counted(result) & np.isfinite(result.estimate)

    def named(count: int) -> str:
        if count and not numbered.any():
            return f"no {measure.name}"
        some = int(numbered.sum())
        of = "" if some == count else f"{integer(some)} of "
        return f"{of}{integer(count)} {measure.name if count == 1 else measure.names}"

    if result.same_set:
        cells = named(x * (x - 1) // 2)
        head = f"{plural(x, 'map')} with each other, {cells}"
    else:
        head = f"{integer(x)} × {integer(y)} maps, {named(x * y)}"
    numbers, counts = result.estimate[numbered], result.counts[numbered]
    rest = ""
    if numbers.size:
        low, high = r_text(float(numbers.min())), r_text(float(numbers.max()))
        rest = f", r from {low} to {high}" if low != high else f", r = {low}"
    if counts.size:
        low_n, high_n = int(counts.min()), int(counts.max())
        rest += f", n{NARROW}= {integer(low_n)}" if low_n == high_n else (
            f", n{NARROW}from {integer(low_n)} to {integer(high_n)}")
        rest += f" {result.unit}s" if result.parcellation is not None else ""
    for part in page.folded(f"niicorr: {head} in {duration(seconds)}{rest}", page.width):
        yield [(part, "bold")]


def _remarks(
    sets: Sequence[tuple[str, Sequence[MapRecord]]], page: Page, out: str | None, *, verbose: bool
) -> Iterator[Line]:
    maps = [record for _, group in sets for record in usable(group)]
    for heading, found, most in (
        ("zeros", remarks(maps, ("zeros",)), _ZERO_LINES),
        ("maps", remarks(maps, but=_TOLD), _OTHER_LINES),
    ):
        texts = [remark_text(remark, len(maps)) for remark in found[:most]]
        if len(found) > most and not verbose:
            left = sum(remark.count for remark in found[most:])
            where = "the option -v" if out is None else "maps.tsv"
            texts.append(f"{plural(left, 'further remark')} on single maps: see {where}")
        yield from heads(heading, texts, page)


def _sensitivity(result: CorrelationResult, page: Page) -> Iterator[Line]:
    if result.sensitivity is None:
        return
    text = naive_text(result, result.sensitivity)
    if text:
        yield from page.paragraph("naive r", text, "warning")
    if text := zeros_text(result):
        yield from page.paragraph("", text)


def empty_cells(result: CorrelationResult, page: Page) -> Iterator[Line]:
    """Say how many pairs have no number, and why."""
    reasons = without_number(result)
    if not reasons:
        return
    total = int(counted(result).sum())
    empty = sum(reason.count for reason in reasons)
    parts = [f"{reason.text} ({integer(reason.count)})" for reason in reasons[:_REASONS]]
    if len(reasons) > _REASONS:
        parts.append(f"other reasons ({integer(sum(reason.count for reason in reasons[_REASONS:]))})")
    verb = "has" if empty == 1 else "have"
    text = f"{integer(empty)} of {plural(total, 'pair')} {verb} none (–): {'; '.join(parts)}"
    yield from page.paragraph("no number", text)


def strongest_pairs(result: CorrelationResult, page: Page) -> Iterator[Line]:
    """Name the strongest pairs, with what the null model says of them: behind the names or, to spare these, below."""
    rows = []
    for i, j in result.strongest(STRONGEST):
        value = float(result.estimate[i, j])
        style: Style = "positive" if value > 0 else "negative" if value < 0 else ""
        n = f"n = {integer(int(result.counts[i, j]))}{_certainty(result, i, j)}"
        rows.append((page.text(result.measure.text(value)), style, result.x_labels[j], result.y_labels[i],
                     page.text(n)))
    digits = max(5, *(columns(row[0]) for row in rows)) if rows else 5
    indent = HEADING + digits + 1
    names = [_pair(x, y, page, page.width - indent) for _, _, x, y, _ in rows]
    width, longest = (max(map(columns, texts), default=0) for texts in (names, [row[4] for row in rows]))
    beside = indent + width + 2 + longest <= page.width
    below = " " * (indent if indent + longest <= page.width else HEADING)
    for place, ((value_shown, style, _, _, n), name) in enumerate(zip(rows, names, strict=True)):
        yield [(f"{'strongest' if place == 0 else '':<{HEADING}}", "bold"),
               (pad(value_shown, digits, right=True), style),
               (f" {pad(name, width)}  {n}" if beside else f" {name}", "")]
        if not beside:
            for part in page.folded(n, page.width - len(below)):
                yield [(below, ""), (part, "dim")]


def _certainty(result: CorrelationResult, i: int, j: int) -> str:
    """``, n_eff 214, .58 to .76, q < .001``: what the null model says of a cell; nothing where it was not tested."""
    numbers = {name: float(values[i, j]) for name, values in result.inferred.items()}
    if not math.isfinite(numbers.get("p_fdr", math.nan)):
        return ""
    parts = []
    if math.isfinite(numbers["n_effective"]):
        parts.append(f"n_eff {integer(round(numbers['n_effective']))}")
    if math.isfinite(numbers["ci_low"]):
        parts.append(f"{r_text(numbers['ci_low'])} to {r_text(numbers['ci_high'])}")
    return "".join(f", {part}" for part in [*parts, f"q {p_text(numbers['p_fdr'])}"])


def surviving(result: CorrelationResult, page: Page) -> Iterator[Line]:
    """Say how many cells survive the corrections for many tests."""
    cells = counted(result)
    q = np.where(cells, result.inferred.get("p_fdr", np.nan), np.nan)
    tests = int(np.isfinite(q).sum())
    if not tests:
        yield from _untested(result, page)
        return
    p_fwe, n_effective = result.inferred["p_fwe"][np.isfinite(q)], result.inferred["n_effective"][np.isfinite(q)]
    by = "Yekutieli" if result.provenance.options.get("fdr") == "by" else "Hochberg"
    fwe = "largest of all cells" if result.null in DRAWN else "Holm"
    dim = "" if page.log else "; the others are dim"
    found = int((q <= FADED).sum())
    text = (f"{integer(found)} of {plural(tests, 'cell')} {'reaches' if found == 1 else 'reach'} q ≤ .05 "
            f"(Benjamini–{by}{dim}), "
            f"{integer(int((p_fwe <= FADED).sum()))} a family-wise p ≤ .05 ({fwe})")
    known = n_effective[np.isfinite(n_effective)]
    if known.size:
        least, most = (integer(round(float(value))) for value in (known.min(), known.max()))
        text += f"; the {result.unit}s of a cell tell as much as {least}{'' if least == most else f' to {most}'} "
        text += "independent values"
    left = int((cells & np.isfinite(result.estimate)).sum()) - tests
    if left:
        text += (f"; {plural(left, 'pair')} with a number {'was' if left == 1 else 'were'} not tested, the column note "
                 "of pairs.tsv tells why")
    yield from page.paragraph("p", text)


def _untested(result: CorrelationResult, page: Page) -> Iterator[Line]:
    """Say why no cell was tested, where p-values were asked for."""
    why_none = [(text, count) for text, count in result.remarks.gathered(np.isfinite(result.estimate))
                if text.startswith("no p-value: ")]
    if result.null == "none" or not why_none:
        return
    text, count = why_none[0]
    why = f"{text.removeprefix('no p-value: ')} ({plural(count, 'pair')}"
    yield from page.paragraph("p", f"none: {why}; the column note of pairs.tsv tells of each)", "warning")


def _pair(x: str, y: str, page: Page, room: int) -> str:
    x, y, times = page.text(x), page.text(y), page.text(" × ")
    if columns(x) + columns(y) + len(times) > room:
        # The shorter name keeps its letters; the longer one gives way first.
        half = (room - len(times)) // 2
        alike = os.path.commonprefix([x, y])  # noqa: RUF071  (letters, not parts of a path)
        short = [(page.elide(a, max(half, room - len(times) - columns(b)))) for a, b in ((x, y), (y, x))]
        if short[0] == short[1] and x != y:
            # What tells LH_Vis_1 from RH_Vis_1 is in the middle: what both begin with is left out instead.
            short = [page.elide(f"…{text[len(alike):]}", half) for text in (x, y)]
        x, y = short
    return f"{x}{times}{y}"


def file_lines(out: str | None, files: Sequence[str], page: Page) -> Iterator[Line]:
    """Say what was written, and where."""
    if out is None or not files:
        return
    folder = out if out.endswith(os.sep) else out + os.sep
    names = listed([os.path.basename(name) or name for name in files])
    yield from page.paragraph("written", f"{page.text(folder)}  {names}", "good")


def heads(heading: str, texts: Sequence[str], page: Page) -> Iterator[Line]:
    """Yield texts below one heading, each folded."""
    for number, text in enumerate(texts):
        yield from page.paragraph(heading if number == 0 else "", text)
