"""Notes of results in which a great many cells have one: beside the numbers, since ``run.json`` is read by people."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from niicorr.result.notes import Cell, Notes

MANY = 100_000
"""With more notes than this, `note_arrays` holds them, and ``run.json`` none."""

LONGEST = 1 << 12
"""Bytes that a note has on average at most; more of them are no notes of ours."""


def note_arrays(notes: Notes) -> dict[str, Any]:
    """Return all notes as arrays: rows and columns, shape (notes,), and their texts, deflated lines of UTF-8."""
    deflate = zlib.compressobj(1)
    rows, columns, parts = [], [], []
    for i in range(notes.shape[0]):
        found = notes.row(i)
        rows.append(np.full(len(found), i, np.int32))
        columns.append(np.fromiter(found, np.int32, len(found)))
        if found:
            lines = "".join(f"{text.replace(chr(10), ' ')}\n" for text in found.values())
            parts.append(deflate.compress(lines.encode("utf-8", "replace")))
    text = b"".join([*parts, deflate.flush()])
    return {"note_rows": np.concatenate(rows), "note_columns": np.concatenate(columns),
            "note_text": np.frombuffer(text, np.uint8)}


def noted_in(arrays: Mapping[str, Any], shape: tuple[int, ...]) -> dict[Cell, str]:
    """Return the notes that `note_arrays` made; none where there are none. ValueError where they are damaged."""
    if "note_text" not in arrays:
        return {}
    rows, columns, text = (arrays[f"note_{name}"] for name in ("rows", "columns", "text"))
    if rows.ndim != 1 or rows.shape != columns.shape or {rows.dtype.kind, columns.dtype.kind} != {"i"}:
        raise ValueError("the cells of notes are no two lists of whole numbers")
    if rows.size and (min(rows.min(), columns.min()) < 0 or rows.max() >= shape[0] or columns.max() >= shape[1]):
        raise ValueError("a note is on a cell that the matrix has not")
    inflate = zlib.decompressobj()
    lines = inflate.decompress(text.tobytes(), rows.size * LONGEST + 1)
    if not inflate.eof:
        raise ValueError("the texts of notes are damaged")
    texts = lines.decode("utf-8").split("\n")[:-1]
    if len(texts) != rows.size:
        raise ValueError(f"{len(texts)} texts for {rows.size} notes")
    return dict(zip(zip(rows.tolist(), columns.tolist(), strict=True), texts, strict=True))
