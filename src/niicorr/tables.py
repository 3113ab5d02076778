"""Tables as other programs read them: UTF-8, 17 digits, empty cells for no number, nothing executable."""

from __future__ import annotations

import csv
import math
import os
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from niicorr.typing import Float64Array, IntArray

INFERRED_COLUMNS = ("n_effective", "ci_low", "ci_high", "p", "p_fdr", "p_fwe")
PAIR_COLUMNS = ("x", "y", "r", "n", *INFERRED_COLUMNS, "note")
DIRECTION_COLUMNS = ("p_x_random", "p_y_random")
"""What null models with two directions append: p with the maps of x, and with those of y, randomised."""
MAP_COLUMNS = ("set", "label", "path", "shape", "voxel_mm", "orientation", "dtype", "background", "n_voxels",
               "coverage", "decisions")

_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the order of what is shown around (``exe.gpj`` for ``jpg.exe``)."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def number(value: float | None) -> str:
    """Seventeen digits, so that reading it back gives the same float64; empty for no number."""
    return "" if value is None or not math.isfinite(value) else format(value, ".17g")


def cell_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula (a leading apostrophe is the usual guard)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


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
            writer.writerow([cell_text(label), *map(number, row)])


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
