"""What ``calibrate`` shows: every null model with its share of false positives, judged in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from niicorr.cli.account import decision_lines, every_decision, file_lines, skipped_lines, warning_lines
from niicorr.cli.page import HEADING, columns, pad
from niicorr.numerals import duration, integer, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from niicorr.calibration import Calibration, TriedNull
    from niicorr.cli.page import Line, Page, Style
    from niicorr.records import MapRecord

_HEADS = ("null model", "p ≤ .05", "p ≤ .01", "p ≤ .001", "n_effective", "pairs")
_GAP = "  "
_DISPENSABLE = (3, 5, 4)
"""Columns that narrow terminals do without, one after the other: .001, pairs, n_effective."""

_LEVELS = (0.05, 0.01, 0.001)
_WORDS: dict[str, tuple[str, Style]] = {
    "holds": ("holds", "good"),
    "liberal": ("too many false positives", "bad"),
    "careful": ("careful: fewer than promised", "good"),
    "unclear": ("too few pairs to tell", "warning"),
}


def calibration_lines(
    calibration: Calibration, page: Page, *, out: str | None, files: Sequence[str], seconds: float, verbose: bool
) -> Iterator[Line]:
    """Yield the lines of a calibration's account, warnings first."""
    yield from warning_lines(calibration.warnings, page)
    yield from _title(calibration, page, seconds)
    yield from skipped_lines(calibration_sets(calibration), page)
    yield from decision_lines(calibration.provenance.decisions, page)
    if verbose:
        yield from every_decision(calibration_sets(calibration), page)
    yield []
    yield from _table(calibration, page)
    yield []
    yield from page.paragraph("to read", "Of unrelated maps, one p in twenty should be .05 or less. ± is the standard "
                              "error over blocks of pairs, since pairs that share a map are not independent; "
                              "n_effective is the median.")
    yield from page.paragraph("assumed", calibration.text)
    yield from file_lines(out, files, page)


def calibration_sets(calibration: Calibration) -> list[tuple[str, tuple[MapRecord, ...]]]:
    """Return the sets of maps that were read, with their names."""
    sets = [("x", calibration.x_maps), ("y", calibration.y_maps)]
    return sets[:1] if calibration.same_set else sets


def _title(calibration: Calibration, page: Page, seconds: float) -> Iterator[Line]:
    pairs = max(tried.pairs for tried in calibration.nulls)
    head = (f"niicorr: {plural(len(calibration.nulls), 'null model')} tried on {plural(pairs, 'pair')} of unrelated "
            f"random maps ({calibration.method}) in {duration(seconds)}")
    for part in page.folded(head, page.width):
        yield [(part, "bold")]


def _table(calibration: Calibration, page: Page) -> Iterator[Line]:
    every = [[page.text(cell) for cell in row] for row in (_HEADS, *map(_cells, calibration.nulls))]
    wanted = [max(map(columns, column)) for column in zip(*every, strict=True)]
    kept = list(range(len(_HEADS)))
    for place in _DISPENSABLE:
        if not page.log and sum(wanted[k] for k in kept) + len(_GAP) * (len(kept) - 1) > page.width:
            kept.remove(place)
    heads, *rows = ([row[k] for k in kept] for row in every)
    widths = [wanted[k] for k in kept]
    # The words come last, and under the row where the terminal is too narrow for them.
    table = sum(widths) + len(_GAP) * len(widths)
    beside = page.log or table + max(len(_verdict(tried)[0]) for tried in calibration.nulls) <= page.width
    yield [(_row(heads, widths), "bold")]
    for tried, row in zip(calibration.nulls, rows, strict=True):
        word, style = _verdict(tried)
        if beside:
            yield [(_row(row, widths) + _GAP, ""), (word, style)]
            continue
        yield [(_row(row, widths), "")]
        yield [(" " * HEADING, ""), (word, style)]


def _verdict(tried: TriedNull) -> tuple[str, Style]:
    word, style = _WORDS[tried.verdict]
    # The random maps are even everywhere, and these null models take all maps for that.
    return (f"{word} for even maps" if word == "holds" and tried.null in ("gsm", "surrogate") else word), style


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = [pad(cell, width, right=place > 0) for place, (cell, width) in enumerate(zip(cells, widths, strict=True))]
    return _GAP.join(parts)


def _cells(tried: TriedNull) -> list[str]:
    rate, error = tried.rate(_LEVELS[0])
    further = [_share(tried.rate(level)[0], digits) for level, digits in zip(_LEVELS[1:], (3, 4), strict=True)]
    size = "–"
    if math.isfinite(tried.n_effective):
        size = integer(round(tried.n_effective)) if tried.n_effective >= 100 else f"{tried.n_effective:.1f}"
    return [tried.null, f"{_share(rate, 3)} ± {_share(error, 3)}", *further, size, integer(tried.pairs)]


def _share(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".removeprefix("0") if math.isfinite(value) else "–"
