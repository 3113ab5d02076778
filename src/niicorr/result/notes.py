"""Remarks on cells, of which there may be millions: kept as flags and numbers, made into text where it is asked for.

Whatever is remarked for one reason is a *layer*: the cells it holds for, one bit each, and how to say it. `Notes`
joins the layers of a cell with "; " and is a mapping from (row, column) to text, like the dict it stands for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any, TypeAlias

import numpy as np

from niicorr.numerals import NARROW
from niicorr.result.alike import kind, merged
from niicorr.typing import BitArray, BoolArray, IntArray

Cell: TypeAlias = tuple[int, int]

JOINT = "; "


@dataclass(frozen=True, eq=False)
class Layer:
    """One remark and the cells that it holds for.

    Parameters
    ----------
    bits : ndarray of uint8, shape (rows, ⌈columns/8⌉)
        The cells, packed.
    columns : int
        How many there are.
    text : callable
        Says it of the cell in row i and column j.
    form : str
        What all its texts have in common, with ``{}`` for what differs; empty where they are of several forms.
    numbers : tuple of ndarray, shape (rows, columns)
        What differs, where that is numbers only.
    """

    bits: BitArray
    columns: int
    text: Callable[[int, int], str]
    form: str = ""
    numbers: tuple[Any, ...] | None = None

    @classmethod
    def of(cls, cells: BoolArray, form: str, *numbers: Any) -> Layer:
        """Say the same of all cells, but for numbers of the cell, each an array of all cells.

        The form is that of ``str.format``; digits in threes, as of ``{:,}``, are parted as `numerals.integer` does.
        """
        pieces = [(before, spec) for before, _, spec, _ in Formatter().parse(form)]

        def text(i: int, j: int) -> str:
            values = iter(numbers)
            return "".join(before if spec is None else before + format(next(values)[i, j], spec).replace(",", NARROW)
                           for before, spec in pieces)

        return cls(np.packbits(cells, axis=1), cells.shape[1], text, form, numbers)

    @classmethod
    def saying(cls, cells: BoolArray, text: Callable[[int, int], str], form: str = "") -> Layer:
        """Say of each cell what a function of row and column returns."""
        return cls(np.packbits(cells, axis=1), cells.shape[1], text, form)

    @property
    def cells(self) -> BoolArray:
        """Where it holds, shape (rows, columns)."""
        return np.unpackbits(self.bits, axis=1, count=self.columns).view(np.bool_)

    def part(self, rows: IntArray, columns: IntArray) -> Layer:
        """Keep some rows and columns."""
        text, numbers = self.text, self.numbers
        at = np.ix_(rows, columns)
        return Layer(np.packbits(self.cells[at], axis=1), len(columns),
                     lambda i, j: text(int(rows[i]), int(columns[j])), self.form,
                     None if numbers is None else tuple(np.asarray(array)[at] for array in numbers))

    def has(self, i: int, j: int) -> bool:
        """Whether it holds for the cell in row i and column j."""
        return bool(self.bits[i, j >> 3] >> (7 - (j & 7)) & 1)

    def row(self, i: int) -> list[int]:
        """The columns for which it holds in a row."""
        found: list[int] = np.flatnonzero(np.unpackbits(self.bits[i], count=self.columns)).tolist()
        return found


class Notes(Mapping[Cell, str]):
    """Remarks on cells by (row, column).

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    layers : iterable of Layer
        In the order in which a cell names them; those that hold nowhere are left out.
    """

    def __init__(self, shape: tuple[int, ...], layers: Iterable[Layer] = ()) -> None:
        self.shape = shape
        self.layers = tuple(layer for layer in layers if layer.bits.any())

    @classmethod
    def of(cls, notes: Mapping[Cell, str], shape: tuple[int, ...]) -> Notes:
        """Return notes as they are, or those of a dict."""
        if isinstance(notes, cls):
            return notes
        cells = np.zeros(shape, dtype=np.bool_)
        for cell in notes:
            cells[cell] = True
        return cls(shape, [Layer.saying(cells, lambda i, j: notes[i, j])])

    def __getitem__(self, cell: Cell) -> str:
        texts = [layer.text(*cell) for layer in self._at(cell)]
        if not texts:
            raise KeyError(cell)
        return JOINT.join(texts)

    def __contains__(self, cell: object) -> bool:
        return bool(self._at(cell))

    def __iter__(self) -> Iterator[Cell]:
        before = np.zeros(self.shape, dtype=np.bool_)
        for layer in self.layers:
            cells = layer.cells
            yield from zip(*(places.tolist() for places in np.nonzero(cells & ~before)), strict=True)
            before |= cells

    def __len__(self) -> int:
        return int(np.count_nonzero(self.cells))

    def __repr__(self) -> str:
        return f"Notes on {len(self)} of {self.shape[0]} × {self.shape[1]} cells"

    @property
    def cells(self) -> BoolArray:
        """Which cells have a note, shape (rows, columns)."""
        return self._union(self.layers)

    def saying(self, words: str) -> BoolArray:
        """Which cells have a note that holds these words (which lie within one remark), shape (rows, columns)."""
        found = self._union(layer for layer in self.layers if words in layer.form)
        for layer in self.layers:
            if not layer.form:
                for i, j in np.argwhere(layer.cells & ~found).tolist():
                    found[i, j] = words in layer.text(i, j)
        return found

    def gathered(self, among: BoolArray, but: str = "") -> list[tuple[str, int]]:
        """Tell remarks on some cells that differ in numbers only once, with ranges, and count them; commonest first.

        Parameters
        ----------
        among : ndarray of bool, shape (rows, columns)
            The cells.
        but : str
            Remarks that begin so are left out.

        See Also
        --------
        niicorr.result.alike.gathered : the same of sentences, each with a label.
        """
        texts: dict[tuple[str, ...], dict[str, None]] = {}
        counts: Counter[tuple[str, ...]] = Counter()
        for layer in self.layers:
            at = np.nonzero(layer.cells & among)
            if not len(at[0]) or (but and layer.form.startswith(but)):
                continue
            if layer.numbers is None:
                parts = Counter(part for i, j in zip(*map(np.ndarray.tolist, at), strict=True)
                                for part in layer.text(i, j).split(JOINT))
            else:
                # Ranges are made of the least and the largest of each number: these cells tell as much as all.
                picked = {0, *(int(of(array[at])) for array in layer.numbers for of in (np.argmin, np.argmax))}
                parts = Counter(layer.text(int(at[0][k]), int(at[1][k])) for k in sorted(picked))
                counts[kind(next(iter(parts)))] += len(at[0]) - parts.total()
            for part, count in parts.items():
                texts.setdefault(kind(part), {})[part] = None
                counts[kind(part)] += count
        told = [(merged(list(group)), counts[same]) for same, group in texts.items()]
        return sorted((one for one in told if not (but and one[0].startswith(but))), key=lambda one: -one[1])

    def part(self, rows: IntArray, columns: IntArray) -> Notes:
        """Keep some rows and columns."""
        return Notes((len(rows), len(columns)), [layer.part(rows, columns) for layer in self.layers])

    def row(self, i: int) -> dict[int, str]:
        """The notes of a row by column, from left to right."""
        texts: dict[int, str] = {}
        for layer in self.layers:
            for j in layer.row(i):
                before = texts.get(j)
                texts[j] = layer.text(i, j) if before is None else f"{before}{JOINT}{layer.text(i, j)}"
        return {j: texts[j] for j in sorted(texts)}

    def _at(self, cell: object) -> list[Layer]:
        if not (isinstance(cell, tuple) and len(cell) == len(self.shape) == 2):
            return []
        i, j = cell
        if not (0 <= i < self.shape[0] and 0 <= j < self.shape[1]):
            return []
        return [layer for layer in self.layers if layer.has(i, j)]

    def _union(self, layers: Iterable[Layer]) -> BoolArray:
        cells = np.zeros(self.shape, dtype=np.bool_)
        for layer in layers:
            cells |= layer.cells
        return cells
