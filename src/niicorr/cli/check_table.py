"""What ``check`` shows: every file with its verdict, then what `run` would do.

Remarks are footnotes, each told once for all its maps; with ``-v`` every map has its own. On a terminal refusals that
are alike are told so, too; in a log the row of a refused file carries what is wrong with it, so that one can search.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from niicorr.cli.account import decision_lines, warning_lines
from niicorr.cli.page import columns, pad
from niicorr.numerals import NARROW, integer, percent, plural, value_text
from niicorr.result.alike import Remark, gathered, kind, remarks
from niicorr.result.sentences import error_text, shape_text, usable
from niicorr.space import format_mm

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from niicorr.cli.page import Line, Page, Style
    from niicorr.records import Decision, MapRecord

_HEADS = ("set", "map", "shape", "voxel mm", "axes", "type", "background", "data")
_SHOWN = ("background",)
"""Topics of remarks that a column tells already."""

_NAMED = 3
"""So many of the files that are refused for one reason are named with it."""

_LABEL = 1
_LEAST_LABEL = 12
_INDENT = 4


def check_lines(
    x_maps: Sequence[MapRecord],
    y_maps: Sequence[MapRecord],
    decisions: Sequence[Decision],
    warnings: Sequence[str],
    page: Page,
    *,
    refusal: str | None,
    same_set: bool,
    verbose: bool,
) -> Iterator[Line]:
    """Yield the table, the remarks, what holds for all maps, and whether `run` would work."""
    rows = [("x", record) for record in x_maps] + [("y", record) for record in y_maps if not same_set]
    maps = [record for _, record in rows]
    found = [] if verbose else remarks(usable(maps), but=_SHOWN)
    faults = [] if verbose or page.log else _alike_faults(maps)
    footnote = {remark.kind: number for number, remark in enumerate([*found, *faults], 1)}
    yield from warning_lines(warnings, page)
    yield from _table(rows, footnote, page, verbose=verbose)
    if found or faults:
        yield []
    for number, remark in enumerate(found, 1):
        who = "" if len(maps) == 1 else f"{_who(remark, len(maps))}: "
        yield from page.paragraph(f"remark {number}", f"{who}{remark.text}")
    for number, fault in enumerate(faults, 1 + len(found)):
        more = f" and {integer(fault.count - _NAMED)} more" if fault.count > _NAMED else ""
        who = f"{plural(fault.count, 'map')} ({', '.join(fault.labels[:_NAMED])}{more})"
        yield from page.paragraph(f"remark {number}", f"{who}: {fault.text}", "bad")
    if decisions:
        yield []
    yield from decision_lines(decisions, page)
    yield []
    yield from _outcome(maps, len(warnings), refusal, page)


def _table(
    rows: Sequence[tuple[str, MapRecord]], footnote: dict[tuple[str, ...], int], page: Page, *, verbose: bool
) -> Iterator[Line]:
    cells = [[page.text(text) for text in _fields(name, record)] for name, record in rows]
    widths = [max(map(columns, column)) for column in zip(_HEADS, *cells, strict=True)]
    gap = 2
    if not page.log:
        verdict = max([7, *(len(_verdict(record, footnote)[0]) for _, record in rows)])
        fixed = sum(widths) - widths[_LABEL] + verdict
        gap = 2 if fixed + widths[_LABEL] + 2 * len(widths) <= page.width else 1
        widths[_LABEL] = min(widths[_LABEL], max(page.width - fixed - gap * len(widths), _LEAST_LABEL))
    space = " " * gap
    heads = [pad(head, width) for head, width in zip(_HEADS, widths, strict=True)]
    yield [(space.join([*heads, "verdict"]), "bold")]
    for (_, record), row in zip(rows, cells, strict=True):
        shown = [text if place != _LABEL or page.log else page.elide(text, widths[_LABEL])
                 for place, text in enumerate(row)]
        text = space.join(pad(cell, width) for cell, width in zip(shown, widths, strict=True)) + space
        word, style = _verdict(record, footnote)
        if page.log:
            notes = "; ".join(page.text(decision.text) for decision in record.decisions
                              if decision.topic not in _SHOWN and verbose)
            full = page.text(error_text(record)) if style == "bad" else notes
            yield [(text, ""), (f"{word}{': ' if full else ''}{full}", style)]
            continue
        yield [(text, ""), (word, style)]
        details = [error_text(record)] if word == "refused" else []
        if verbose:
            details += [f"{decision.topic}: {decision.text}" for decision in record.decisions]
        for detail in details:
            for part in page.folded(detail, page.width - _INDENT):
                yield [(" " * _INDENT + part, style if style == "bad" else "")]


def _fields(name: str, record: MapRecord) -> list[str]:
    label = record.label
    if record.error is not None and not record.shape:
        return [name, label, *[""] * (len(_HEADS) - 2)]
    background = "none"
    if record.background is not None:
        background = f"{value_text(record.background)} ({percent(record.background_share)})"
    data = f"{integer(record.n_voxels)} ({percent(record.coverage)})" if record.n_voxels else "–"
    return [name, label, shape_text(record), format_mm(record.voxel_mm), record.orientation, record.dtype,
            background if record.error is None else "", data if record.error is None else ""]


def _verdict(record: MapRecord, footnote: dict[tuple[str, ...], int]) -> tuple[str, Style]:
    if record.error is not None:
        return f"refused {footnote.get(kind(_reason(record)), '')}".strip(), "bad"
    told = (kind(decision.text) for decision in record.decisions if decision.topic not in _SHOWN)
    numbers = sorted({footnote[one] for one in told if one in footnote})
    return f"ok {','.join(map(str, numbers))}".strip(), "good"


def _alike_faults(maps: Sequence[MapRecord]) -> list[Remark]:
    """Gather what is wrong with more than one file, by their paths."""
    faults = gathered((record.path, _reason(record)) for record in maps if record.error is not None)
    return [fault for fault in faults if fault.count > 1]


def _reason(record: MapRecord) -> str:
    """Return what is wrong with a map, without its path."""
    return error_text(record).removeprefix(record.path).removeprefix(": ")


def _who(remark: Remark, total: int) -> str:
    if remark.count == 1:
        return remark.labels[0]
    return f"all {integer(total)} maps" if remark.count == total else plural(remark.count, "map")


def _outcome(maps: Sequence[MapRecord], n_warnings: int, refusal: str | None, page: Page) -> Iterator[Line]:
    doubts = f", with {plural(n_warnings, 'warning')}" if n_warnings else ""
    bad = len(maps) - len(usable(maps))
    if refusal is not None:
        # A list of bad files (indented lines) stands in the table already.
        lines = [line for line in refusal.splitlines() if not (bad and line.startswith("  "))] or [""]
        lines[0] = f"run would refuse this: {lines[0].removesuffix(':') if bad else lines[0]}"
        for number, line in enumerate(lines):
            yield from page.paragraph("" if number else "refused", line.strip(), "bad")
    elif bad:
        text = f"run would work without {integer(bad)} of {plural(len(maps), 'map')}, left empty{doubts}"
        yield from page.paragraph("partly", text, "warning")
    else:
        text = f"run would work{doubts}:{NARROW}{plural(len(maps), 'map')}"
        yield from page.paragraph("ok", text, "warning" if doubts else "good")
