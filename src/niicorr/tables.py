"""Tables as other programs read them: UTF-8, 17 digits, empty cells for no number, nothing executable."""

from __future__ import annotations

import csv
import io
import math
import os
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from niicorr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from niicorr.typing import Float64Array, IntArray

INFERRED_COLUMNS = ("n_effective", "ci_low", "ci_high", "p", "p_fdr", "p_fwe")
PAIR_COLUMNS = ("x", "y", "r", "n", *INFERRED_COLUMNS, "note")
DIRECTION_COLUMNS = ("p_x_random", "p_y_random")
"""What null models with two directions append: p with the maps of x, and with those of y, randomised."""
MAP_COLUMNS = ("set", "label", "path", "shape", "voxel_mm", "orientation", "dtype", "background", "n_voxels",
               "coverage", "decisions")

_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the order of what is shown around (``exe.gpj`` for ``jpg.exe``)."""

CELLS_AT_ONCE = 4096
"""Rows of pairs written at once: their letters stay in the cache of the processor."""

MANY = 256
"""Numbers in a row that are worth writing all at once."""

_SPECIAL = re.compile(r'["\t\r\n]')
"""What a cell of a table with tabs may be put in quotes for."""

_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""Spreadsheets of East Asia take the wide signs as well; after apostrophes, too, so that no two names become one."""

LONGEST = 80
"""Letters of a cell, a name or a cause that a message repeats."""


def number(value: float | None) -> str:
    """Seventeen digits, so that reading it back gives the same float64; empty for no number."""
    return "" if value is None or not math.isfinite(value) else format(value, ".17g")


def cell_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula (a leading apostrophe is the usual guard)."""
    return f"'{text}" if _FORMULA.match(text) else text


def printable(text: str) -> str:
    """Show control characters, line separators, directional overrides and lone surrogates as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode("ascii")
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in _DIRECTION
        else char
        for char in text
    )


def brief(text: str, longest: int = LONGEST) -> str:
    """Show the beginning of what a damaged file holds, printable: it may go on for thousands of letters."""
    shown = printable(text[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def expanded(path: str | bytes | os.PathLike[str]) -> str:
    """Put the home folder in place of ``~``; a name with a zero byte, which nobody has, is for its reader to refuse."""
    path = os.fsdecode(path)
    return path if "\0" in path else os.path.expanduser(path)


def can_be_path(path: str) -> bool:
    """Whether a file could have this name: it holds no zero byte, and no character that stands for no byte."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def folder_named(option: str, given: object) -> str:
    """Return the path of the folder that an option names.

    Raises
    ------
    UsageError
        Where it is no path, or one that nothing can have.
    """
    if not isinstance(given, str | bytes | os.PathLike):
        raise UsageError(f"{option} is the path of a folder, not {type(given).__name__}")
    path = expanded(given)
    if not can_be_path(path):
        raise UsageError(f"{option} is the path of a folder, and {brief(path)!r} can be the name of none")
    return path


def path_text(path: str) -> str:
    """Return a path as text that is safe to show: no control characters, and bytes that are no UTF-8 as escapes."""
    try:
        return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))
    except UnicodeEncodeError:  # surrogates that stand for no byte: no file has such a name, yet it must be said
        return printable(path)


def pair_columns(inferred: Mapping[str, Float64Array]) -> tuple[str, ...]:
    """Return the columns of ``pairs.tsv``: those that always are, and those of null models with two directions."""
    return (*PAIR_COLUMNS, *(name for name in DIRECTION_COLUMNS if name in inferred))


def pair_rows(
    x_labels: Sequence[str],
    y_labels: Sequence[str],
    estimate: Float64Array,
    counts: IntArray,
    notes: Mapping[tuple[int, int], str],
    cells: Iterable[tuple[int, int]],
    inferred: Mapping[str, Float64Array],
) -> Iterator[tuple[Any, ...]]:
    """Yield one row per cell, in the order of `pair_columns`; None where a column does not apply."""
    directions = pair_columns(inferred)[len(PAIR_COLUMNS):]
    for i, j in cells:
        numbers = [float(inferred[name][i, j]) if name in inferred else None for name in INFERRED_COLUMNS]
        yield (x_labels[j], y_labels[i], float(estimate[i, j]), int(counts[i, j]), *numbers, notes.get((i, j), ""),
               *(float(inferred[name][i, j]) for name in directions))


def write_pairs(
    path: str,
    x_labels: Sequence[str],
    y_labels: Sequence[str],
    estimate: Float64Array,
    counts: IntArray,
    notes: Mapping[tuple[int, int], str],
    inferred: Mapping[str, Float64Array],
    *,
    lower: bool,
) -> None:
    """Write ``pairs.tsv``: the rows of `pair_rows` of all cells, some thousands at a time.

    ``lower`` leaves out the diagonal and what is above it, as of a set against itself.
    """
    import numpy as np

    from niicorr.letters.lines import NO_LETTERS, PairLines

    columns, names = pair_columns(inferred), (list(map(_field, x_labels)), list(map(_field, y_labels)))
    if any(mark in name for side in names for name in side for mark in NO_LETTERS) or not (x_labels and y_labels):
        cells = ((i, j) for i in range(len(y_labels)) for j in range(i if lower else len(x_labels)))
        write_tsv(path, columns, pair_rows(x_labels, y_labels, estimate, counts, notes, cells, inferred))
        return
    write_tsv(path, columns, ())
    lines = PairLines(*names, columns, estimate, counts, inferred)
    # Of millions of notes those of a row can be had; of a few all are sorted into rows.
    row_of = notes.row if hasattr(notes, "row") else _by_row(notes)
    with open(path, "ab") as file:
        first = 0
        while first < len(y_labels):
            widths: list[int] = []
            while first + len(widths) < len(y_labels) and sum(widths) < CELLS_AT_ONCE:
                widths.append(first + len(widths) if lower else len(x_labels))
            rows = np.repeat(np.arange(first, first + len(widths)), widths)
            starts = np.cumsum([0, *widths])
            noted = [(int(starts[k]) + j, _field(text)) for k, width in enumerate(widths)
                     for j, text in row_of(first + k).items() if j < width]
            file.write(lines(rows, np.arange(len(rows)) - np.repeat(starts[:-1], widths),
                             np.array([at for at, _ in noted], dtype=np.intp), [note for _, note in noted]))
            first += len(widths)


def _by_row(notes: Mapping[tuple[int, int], str]) -> Callable[[int], dict[int, str]]:
    rows: dict[int, dict[int, str]] = {}
    for i, j in sorted(notes):
        rows.setdefault(int(i), {})[int(j)] = notes[i, j]
    return lambda i: rows.get(i, {})


def _field(text: str) -> bytes:
    """One cell as `csv` writes it among others."""
    text = cell_text(text)
    if not _SPECIAL.search(text):
        return text.encode()
    line = io.StringIO()
    csv.writer(line, delimiter="\t", lineterminator="\n").writerow([text, ""])
    return line.getvalue()[: -len("\t\n")].encode()


def write_matrix(path: str, x_labels: Sequence[str], y_labels: Sequence[str], values: Float64Array) -> None:
    """Write ``correlations.csv``: header "", then x labels; one row per y label."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        # csv.writer leaves an empty first cell bare; here it is "", as pandas writes it.
        file.write('""')
        if x_labels:
            writer.writerow(["", *map(cell_text, x_labels)])
        else:
            file.write("\n")
        for label, row in zip(y_labels, values, strict=True):
            if len(row) < MANY:
                writer.writerow([cell_text(label), *map(number, row)])
            else:
                # The label with a cell after it, so that it is written as one of several.
                line = io.StringIO()
                csv.writer(line, lineterminator="").writerow([cell_text(label), ""])
                file.write(line.getvalue() + _numbers(row) + "\n")


def _numbers(row: Float64Array) -> str:
    """Numbers with commas between, as `number` writes them."""
    import numpy as np

    from niicorr.letters.digits import seventeen_digits

    commas = np.full((len(row), 1), ord(","), np.uint8)
    commas[-1] = 0
    letters = np.concatenate([seventeen_digits(np.asarray(row, dtype=np.float64)), commas], axis=1)
    return letters.tobytes().translate(None, b"\0").decode("ascii")


def write_tsv(path: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table of text, whole numbers and floats; None is an empty cell."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_tsv_cell(value) for value in row] for row in rows)


def _tsv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return number(value)
    return cell_text(str(value))
