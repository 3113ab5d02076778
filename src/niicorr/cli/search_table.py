"""What ``search`` and ``index`` show: a ranked table for each new map, and what became of maps that were added.

On a terminal, remarks on hits are footnotes and columns that find no room are left out; in a log every row carries its
note in full, so that one can search it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from niicorr.cli.account import decision_lines, warning_lines
from niicorr.cli.page import columns, pad
from niicorr.errors import LISTED_PROBLEMS
from niicorr.numerals import duration, integer, p_text, plural
from niicorr.records import measure_of
from niicorr.result.alike import gathered, kind
from niicorr.result.sentences import error_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from niicorr.cli.page import Line, Page, Style
    from niicorr.library import Hit, IndexReport, SearchResult
    from niicorr.records import MapRecord

_NUMBERS = ("r", "n", "n_eff", "p", "q")
_DISPENSABLE = ("n", "n_eff", "p")
"""Numbers that narrow terminals do without, one after the other."""

_REMARK = "remark"
"""The column of footnotes."""

_LEAST_LABEL, _LEAST_MORE, _GAP = 16, 12, "  "

_SURVIVES = 0.05

_ORDER = {"abs": "the strongest first, whatever the sign", "positive": "the most positive first",
          "negative": "the most negative first"}


def search_lines(
    result: SearchResult, page: Page, *, out: str | None, seconds: float, verbose: bool
) -> Iterator[Line]:
    """Yield a table for each new map, then how p came about."""
    measure = measure_of(result.method)
    for query, hits, without in zip(result.queries, result.hits, result.without, strict=True):
        head = (f"niicorr: {page.text(query.label)} among {plural(result.n_maps, 'map')} of "
                f"{page.text(result.library)}, {measure.names}")
        if query.error is not None:
            yield from skipped_lines([query], page)
            continue
        for part in page.folded(head, page.width):
            yield [(part, "bold")]
        if verbose:
            for decision in query.decisions:
                yield from page.paragraph(decision.topic, decision.text)
        if not hits:
            yield from page.paragraph("", "no map of the library has a number with it", "warning")
        else:
            yield from _table(result, hits, page)
        if without:
            yield from page.paragraph("no number", f"{plural(without, 'map')} of the library: too little in common, or "
                                      "constant over it as far as the library can tell")
        yield []
    yield from page.paragraph("order", _ORDER[result.sort])
    yield from page.paragraph("null", _null_text(result))
    yield from page.paragraph("took", f"{duration(seconds)}")
    if out is not None:
        yield from page.paragraph("written", out)


def skipped_lines(queries: Sequence[MapRecord], page: Page) -> Iterator[Line]:
    """Name the new maps that could not be used, and why."""
    for query in queries:
        if query.error is not None:
            yield from page.paragraph("skipped", error_text(query), "bad")


def addition_lines(addition: IndexReport, page: Page, *, seconds: float, verbose: bool) -> Iterator[Line]:
    """Yield what was added to a library, what was there, and what was left out."""
    yield from warning_lines(addition.warnings, page)
    made = "made" if addition.created else "grew by"
    head = (f"niicorr: {page.text(addition.path)} {made} {'of ' if addition.created else ''}"
            f"{plural(len(addition.added), 'map')} in {duration(seconds)}")
    if not addition.added:
        head = f"niicorr: nothing is new to {page.text(addition.path)}"
    for part in page.folded(head, page.width):
        yield [(part, "bold")]
    yield from left_out_lines(addition.left_out, page, verbose=verbose)
    if addition.known:
        yield from page.paragraph("known", f"{plural(len(addition.known), 'map')} already there, by the content of "
                                  f"{'its file' if len(addition.known) == 1 else 'their files'}")
        for path, label in addition.known if verbose else ():
            yield from page.paragraph("", f"{path} is {label}")
    yield from decision_lines(addition.decisions, page)
    if verbose:
        for record in addition.added:
            yield [(page.text(record.label), "bold")]
            for decision in record.decisions:
                yield from page.paragraph(decision.topic, decision.text)
    yield from page.paragraph("holds", f"{plural(addition.n_maps, 'map')}; search it with "
                              f"niicorr search NEW.nii.gz --in {addition.path}")


def left_out_lines(left_out: Sequence[MapRecord], page: Page, *, verbose: bool = False) -> Iterator[Line]:
    """Name the maps that are not in the library, and why: ten of them, or all."""
    if not left_out:
        return
    yield from page.paragraph("left out", f"{plural(len(left_out), 'map')}:", "bad")
    shown = left_out if verbose else left_out[:LISTED_PROBLEMS]
    for record in shown:
        yield from page.paragraph("", error_text(record))
    if len(shown) < len(left_out):
        yield from page.paragraph("", f"and {integer(len(left_out) - len(shown))} more, named with -v")


def _null_text(result: SearchResult) -> str:
    if result.null == "none":
        return ("none: no p-values" if result.method == "pearson" else
                f"none: there is no formula for the p-value of {measure_of(result.method).name}")
    sided = "" if result.alternative == "two-sided" else f" ({result.alternative})"
    return (f"effective{sided}: n_eff is the number of independent values behind r; q is p adjusted for all "
            f"{plural(result.n_maps, 'map')} but those that are the same map (Benjamini–Hochberg)")


def _table(result: SearchResult, hits: Sequence[Hit], page: Page) -> Iterator[Line]:
    found = gathered((hit.record.label, hit.note) for hit in hits if hit.note)
    footnote = {remark.kind: number for number, remark in enumerate(found, 1)}
    numbers = [name for name in _NUMBERS if result.null != "none" or name in ("r", "n")]
    keys = list(dict.fromkeys(key for hit in hits for key in hit.record.metadata))
    names = [*numbers, *([] if page.log or not found else [_REMARK]), *keys, "path"]
    cells = [[page.text(text) for text in _cells(hit, result, names, footnote, keys)] for hit in hits]
    heads = [page.text(name) for name in names]
    widths = [max(map(columns, column)) for column in zip(heads, *cells, strict=True)]
    rank, label = len(str(len(hits))), max([3, *(columns(page.text(hit.record.label)) for hit in hits)])
    kept = list(range(len(names)))
    if not page.log:
        kept, widths, label = _fitted(names, widths, rank, label, len(numbers), page.width)
    yield [(_GAP.join([pad("", rank), pad("map", label), *(_pad(heads[k], widths[k], k < len(numbers)) for k in kept)]),
            "bold")]
    for hit, row in zip(hits, cells, strict=True):
        name = page.text(hit.record.label) if page.log else page.elide(hit.record.label, label)
        line: Line = [(_GAP.join([pad(str(hit.rank), rank, right=True), pad(name, label)]), "")]
        for k in kept:
            text = row[k] if page.log else page.elide(row[k], widths[k])
            line.append((_GAP + _pad(text, widths[k], k < len(numbers)), _style(names[k], hit)))
        yield line if not (page.log and hit.note) else [*line, (f"{_GAP}note: {page.text(hit.note)}", "")]
    if found and not page.log:
        for number, remark in enumerate(found, 1):
            yield from page.paragraph(f"remark {number}", remark.text)


def _fitted(
    names: Sequence[str], widths: Sequence[int], rank: int, label: int, n_numbers: int, width: int
) -> tuple[list[int], list[int], int]:
    """Choose what fits: names first, then numbers, then where maps come from."""
    widths = list(widths)
    kept = [k for k, name in enumerate(names) if k < n_numbers or name == _REMARK]

    def taken() -> int:
        return rank + sum(widths[k] + len(_GAP) for k in kept) + len(_GAP)

    for name in _DISPENSABLE:
        if taken() + min(label, _LEAST_LABEL) > width and name in names:
            kept.remove(names.index(name))
    label = min(label, max(width - taken(), _LEAST_LABEL))
    for k in range(n_numbers, len(names)):
        room = width - taken() - label - len(_GAP)
        if k not in kept and room >= min(widths[k], _LEAST_MORE):
            widths[k] = min(widths[k], room)
            kept.append(k)
    return sorted(kept), widths, label


def _cells(
    hit: Hit, result: SearchResult, names: Sequence[str], footnote: dict[tuple[str, ...], int], keys: Sequence[str]
) -> list[str]:
    measure = measure_of(result.method)
    known = {"r": measure.text(hit.r) if math.isfinite(hit.r) else "–", "n": integer(hit.n),
             "n_eff": _size(hit.n_effective), "p": _p(hit.p), "q": _p(hit.p_fdr),
             _REMARK: f"{footnote[kind(hit.note)]}" if hit.note else "", "path": hit.record.path}
    texts = [known[name] for name in names[: len(names) - len(keys) - 1]]
    return [*texts, *(hit.record.metadata.get(key, "") for key in keys), hit.record.path]


def _style(name: str, hit: Hit) -> Style:
    if name != "r":
        return "dim" if name == "path" else ""
    strong = hit.p_fdr <= _SURVIVES
    if hit.r < 0:
        return "negative_strong" if strong else "negative"
    return "positive_strong" if strong else "positive"


def _pad(text: str, width: int, right: bool) -> str:
    return pad(text, width, right=right)


def _size(value: float) -> str:
    if not math.isfinite(value):
        return "–"
    return integer(round(value)) if value >= 100 else f"{value:.1f}"


def _p(value: float) -> str:
    return p_text(value).removeprefix("= ") if math.isfinite(value) else "–"
