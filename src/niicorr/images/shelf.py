"""Voxels that wait between reading and extraction, in memory that becomes the rows of the matrix where it can.

A matrix of large maps takes most of the memory of a run. Were its rows filled while the shelf empties, the system
would have to clear twice as much memory, and could not have all of it back in time.
"""

from __future__ import annotations

import mmap
import threading
from dataclasses import replace
from typing import Any

import numpy as np

from niicorr.images.voxels import Voxels
from niicorr.scratch import OWN_PAGES
from niicorr.scratch import pages as pages_of
from niicorr.typing import BitArray, FloatArray

BOARD = 1 << 24
"""Bytes that are taken from the system, and go back to it, at once."""

FILLED = 0.75
"""Rows must fill at least this share of the memory in which they lie."""


class Shelf:
    """Voxels waiting for extraction, up to a number of bytes; what does not fit is read again later.

    Parameters
    ----------
    limit : float
        Bytes.
    n_maps : int
        Maps of the set; 0 where their memory shall not become rows.
    """

    def __init__(self, limit: float, n_maps: int = 0) -> None:
        self._limit, self._held, self._n_maps = limit, 0, n_maps
        self._voxels: dict[int, Voxels] = {}
        self._outlines: dict[int, BitArray] = {}
        self._board, self._used = np.empty(0, np.uint8), 0
        self._rows: FloatArray | None = None
        self._pages: mmap.mmap | None = None
        self._lock = threading.Lock()

    def shared(self, bits: BitArray) -> BitArray:
        """Return an outline that came before in place of an equal one: maps of one kind have one, of 140 kB at 2 mm."""
        with self._lock:
            known = self._outlines.setdefault(hash(bits.tobytes()), bits)
        return known if np.array_equal(known, bits) else bits

    def put(self, index: int, voxels: Voxels) -> None:
        """Keep the voxels of map ``index`` if there is room."""
        with self._lock:
            if self._held + voxels.nbytes > self._limit:
                return
            self._held += voxels.nbytes
            try:
                place = self._place(index, voxels.values)
            except OSError:  # no addresses are left: the values stay where they are
                place = None
        if place is not None:
            place[...] = voxels.values
            voxels = replace(voxels, values=place)
        with self._lock:
            self._voxels[index] = voxels

    def take(self, index: int) -> Voxels | None:
        """Hand the voxels over and forget them; after `rows` they may lie where the row of the map is to be."""
        with self._lock:
            voxels = self._voxels.pop(index, None)
            self._held -= 0 if voxels is None else voxels.nbytes
        pages, rows = self._pages, self._rows
        if voxels is None or pages is None or rows is None or not np.may_share_memory(voxels.values, rows):
            return voxels
        voxels = replace(voxels, values=voxels.values.copy())
        _give_back(pages, index * rows.strides[0], (index + 1) * rows.strides[0])
        return voxels

    def rows(self, n: int, dtype: Any) -> FloatArray | None:
        """Hand over the memory of the maps to hold their rows of n values, if that fits; whoever has it fills it all.

        From then on no other map than that of a row may be written to it, and only once its voxels have been used.
        """
        rows = self._rows
        if rows is None or self._pages is None or rows.dtype != dtype or not FILLED <= n / rows.shape[1] <= 1:
            return None
        self._pages = None
        return rows[:, :n]

    def _place(self, index: int, values: FloatArray) -> FloatArray | None:
        """Find room for values, in their row or else on a board; None where they are too few to matter."""
        if self._rows is None and self._n_maps:
            n_maps, self._n_maps = self._n_maps, 0
            if OWN_PAGES < n_maps * values.nbytes <= self._limit:
                self._pages = pages_of(n_maps * values.nbytes)
                self._rows = np.frombuffer(self._pages, values.dtype).reshape(n_maps, -1)
        rows = self._rows
        if rows is not None and values.dtype == rows.dtype and values.size <= rows.shape[1]:
            return rows[index, : values.size]
        if self._held <= OWN_PAGES:
            return None
        size = -(-values.nbytes // 64) * 64
        if self._used + size > self._board.size:
            self._board, self._used = np.frombuffer(pages_of(max(size, BOARD)), np.uint8), 0
        self._used += size
        return self._board[self._used - size :][: values.nbytes].view(values.dtype)


def _give_back(pages: mmap.mmap, start: int, stop: int) -> None:
    """Return the whole pages from one byte to another to the system."""
    first, last = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE, stop // mmap.PAGESIZE * mmap.PAGESIZE
    if hasattr(mmap, "MADV_DONTNEED") and first < last:
        pages.madvise(mmap.MADV_DONTNEED, first, last - first)
