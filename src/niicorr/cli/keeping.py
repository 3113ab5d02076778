"""``--resume``: work kept while it is done, found again by the next call, gone when the result is whole.

Where a run is interrupted without it, and long enough to be missed, it says what would have been kept.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from niicorr.folder import result_stands
from niicorr.interrupts import signals_held
from niicorr.numerals import bytes_text, duration, percent
from niicorr.tables import path_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from niicorr.cli.terminal import Terminal
    from niicorr.resume.kept import KeptWork
    from niicorr.typing import Progress

MISSED = 60.0
"""Seconds from which on lost work is worth a line."""


class Watch:
    """How far a run has come: the work that was told of last, and its share that is done."""

    def __init__(self, progress: Progress, clock: Callable[[], float] = time.monotonic) -> None:
        self._progress, self._clock, self._start = progress, clock, clock()
        self._lock = threading.Lock()
        self._what, self._done, self._total = "", 0, 0

    @contextmanager
    def __call__(self, total: int, what: str) -> Iterator[Callable[[int], None]]:
        """Take notice of work, and pass it on to whoever shows it."""
        with self._progress(total, what) as advance:
            self._what, self._done, self._total = what, 0, total

            def both(steps: int) -> None:
                with self._lock:
                    self._done += steps
                advance(steps)

            yield both

    @property
    def missed(self) -> str:
        """Say that ``--resume`` would have kept what was done; empty for work that is soon done again."""
        seconds = self._clock() - self._start
        if seconds < MISSED or not self._total:
            return ""
        share = percent(min(self._done / self._total, 1))
        return (f"{duration(seconds)} of work are lost ({self._what}: {share}); with --resume they would have been "
                "kept, to be continued by the same command")


@contextmanager
def keeping(options: argparse.Namespace, terminal: Terminal) -> Iterator[tuple[KeptWork | None, Progress]]:
    """Keep the work of a run while it lasts; yields where (None without ``--resume``), and whom to tell of progress.

    An exception that leaves this context carries a note on what is kept, or would have been.
    """
    if not getattr(options, "resume", False):  # demo has no such option
        watch = Watch(terminal.progress)
        try:
            yield None, watch
        except (Exception, GeneratorExit):
            raise
        except BaseException as error:  # an interrupt
            if watch.missed and not _written(error):
                error.add_note(watch.missed)
            raise
        return
    from niicorr.resume.kept import open_kept, place_of

    kept = open_kept(place_of(options.out))
    if kept.begun:
        terminal.say(f"continuing what an interrupted run left in {path_text(kept.folder)} ({bytes_text(kept.size())})")
    try:
        yield kept, terminal.progress
    except BaseException as error:
        if _written(error):
            kept.remove()
        elif note := _left(kept):
            error.add_note(note)
        raise
    with result_stands(options.out), signals_held():
        kept.remove()


def _left(kept: KeptWork) -> str:
    """Say what is kept and where, and how to be rid of it; empty where nothing is."""
    size = kept.size()
    if not size:
        return ""
    return (f"{kept.counts() or 'a beginning'} kept in {path_text(kept.folder)} ({bytes_text(size)}): the same command "
            "with --resume continues there; remove the folder to be rid of it")


def _written(error: BaseException) -> bool:
    """Whether the result was complete before."""
    return any("is complete" in note for note in getattr(error, "__notes__", ()))
