"""Lines of ``pairs.tsv``, thousands at once: letters of all cells side by side, what is none between them taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from niicorr.letters.digits import seventeen_digits, whole_digits
from niicorr.typing import ByteArray, Float64Array, IntArray

NOTE = 1
"""Stands where a note goes."""

NO_LETTERS = (b"\0", b"\1")
"""What names must not hold, for these mean something else here."""


class PairLines:
    """Writes cells of a matrix as lines.

    Parameters
    ----------
    x_fields, y_fields : sequence of bytes
        Names as they stand in the table.
    columns : sequence of str
        Those of the table: ``x``, ``y``, ``r``, ``n``, ``note``, and names of ``inferred`` (empty where it lacks one).
    estimate, counts : ndarray, shape (rows, columns), float64 and int
        The columns ``r`` and ``n``.
    inferred : mapping of str to ndarray, shape (rows, columns), float64
        The others.
    """

    def __init__(
        self, x_fields: Sequence[bytes], y_fields: Sequence[bytes], columns: Sequence[str], estimate: Float64Array,
        counts: IntArray, inferred: Mapping[str, Float64Array],
    ) -> None:
        self._x, self._y, self._columns = _letters(x_fields), _letters(y_fields), columns
        self._counts, self._numbers = counts, {"r": estimate, **inferred}

    def __call__(self, rows: IntArray, columns: IntArray, noted: IntArray, notes: Sequence[bytes]) -> bytes:
        """Write cells.

        Parameters
        ----------
        rows, columns : ndarray of int, shape (cells,)
            Where they are.
        noted : ndarray of int, shape (notes,)
            Which of them have a note, from the first to the last.
        notes : sequence of bytes
            Their notes.
        """
        parts: list[ByteArray] = []
        for name in self._columns:
            if name == "x":
                parts.append(self._x[columns])
            elif name == "y":
                parts.append(self._y[rows])
            elif name == "n":
                parts.append(whole_digits(self._counts[rows, columns]))
            elif name == "note":
                marks = np.zeros((len(rows), 1), np.uint8)
                marks[noted] = NOTE
                parts.append(marks)
            elif name in self._numbers:
                parts.append(seventeen_digits(self._numbers[name][rows, columns]))
            parts.append(np.full((len(rows), 1), ord("\t"), np.uint8))
        parts[-1][:] = ord("\n")
        text = np.concatenate(parts, axis=1).tobytes().translate(None, NO_LETTERS[0])
        if not len(notes):
            return text
        pieces = text.split(NO_LETTERS[1])
        joined = [b""] * (2 * len(notes) + 1)
        joined[::2], joined[1::2] = pieces, notes
        return b"".join(joined)


def _letters(fields: Sequence[bytes]) -> ByteArray:
    """Fields as rows of letters, filled up with what is none; one letter wide where all are empty."""
    width = max(1, *map(len, fields)) if fields else 1
    return np.frombuffer(b"".join(field.ljust(width, NO_LETTERS[0]) for field in fields), np.uint8).reshape(-1, width)
