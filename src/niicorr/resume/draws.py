"""Surrogates drawn so far: what was counted of them, kept now and then, and taken up where an interrupted run was."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from niicorr.resume.pieces import Pieces

EVERY = 10.0
"""Seconds of drawing after which counts are kept."""

SHARE = 20
"""Keeping them takes at most one of so many seconds."""

Tally = list[np.ndarray[Any, Any]]
"""Arrays that are counted up from draw to draw."""


class KeptDraws:
    """The draws of one null model on one side.

    Parameters
    ----------
    pieces : Pieces
        Where counts are kept.
    key : bytes
        What they follow from.
    clock : callable
        Seconds, for tests.
    """

    def __init__(
        self, pieces: Pieces, key: bytes, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pieces, self._key, self._every, self._clock = pieces, key, EVERY, clock
        self._last, self._kept = clock(), 0

    def taken_up(self, tally: Tally, total: int) -> int:
        """Fill in what was counted, and return of how many of all draws; 0 and nothing where none was kept."""
        arrays = self._pieces.find("draws", self._key) or [np.array(0)]
        first, counted = arrays[0], arrays[1:]
        like = [(a.shape, a.dtype) for a in counted] == [(a.shape, a.dtype) for a in tally] and first.shape == ()
        done = int(first) if like and 0 < first <= total else 0
        if not all((a >= 0).all() and (a <= done).all() for a in counted):
            done = 0  # whatever is counted, no draw counts more than once
        if done:
            for a, b in zip(counted, tally, strict=True):
                b[...] = a
        self._pieces.asked("draws", done, total)
        self._kept = done
        return done

    def count(self, done: int, tally: Tally) -> None:
        """Take notice of what has been counted of so many draws; kept if the last time is long enough ago."""
        start = self._clock()
        if start - self._last < self._every:
            return
        self._pieces.keep("draws", self._key, [np.array(done), *tally], done - self._kept)
        self._kept, self._last = done, self._clock()
        self._every = max(self._every, SHARE * (self._last - start))
