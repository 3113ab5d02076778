"""Progress of long work: a bar with the time left on a terminal, a line now and then in a log.

Short work shows neither: a bar that flashes by tells nothing, and rich is only imported for one that stays.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from niicorr.numerals import duration, integer, percent

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console
    from rich.progress import Progress, TaskID

APPEARS_AFTER = 1.0
"""Seconds of work before a bar appears."""

LINE_EVERY = 10.0
"""Seconds between the lines of a log; shorter work has none."""


class LogProgress:
    """Lines such as ``reading maps: 300 of 1000 (30 %), about 40 s left``; safe to call from threads.

    Parameters
    ----------
    total : int
        Steps of the work.
    what : str
        What it is.
    say : callable
        Where lines go.
    clock : callable
        Seconds, for tests.
    """

    def __init__(
        self, total: int, what: str, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total, self._what, self._say, self._clock = total, what, say, clock
        self._lock = threading.Lock()
        self._done = 0
        self._start = self._last = clock()
        self._spoke = False

    def __enter__(self) -> Callable[[int], None]:
        self._start = self._last = self._clock()
        return self.advance

    def advance(self, steps: int) -> None:
        """Count steps as done; say so if the last line is old enough."""
        with self._lock:
            self._done = min(self._done + steps, self._total)
            now = self._clock()
            if now - self._last < LINE_EVERY or self._done == self._total:
                return
            self._last, self._spoke = now, True
            so_far = f"{integer(self._done)} of {integer(self._total)} ({percent(self._done / self._total)})"
            left = (now - self._start) * (self._total / self._done - 1) if self._done else 0
            estimate = f", about {duration(max(round(left), 1))} left" if left else ""
            self._say(f"{self._what}: {so_far}{estimate}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spoke and kind is None:
            took = duration(self._clock() - self._start)
            self._say(f"{self._what}: {integer(self._done)} of {integer(self._total)}, took {took}")


class LiveProgress:
    """A bar that appears when the work lasts, and is gone when it ends; safe to call from threads.

    Parameters
    ----------
    total : int
        Steps of the work.
    what : str
        What it is.
    console : callable
        Gives the terminal's console; called only when the bar appears.
    appears_after : float
        Seconds, for tests.
    """

    def __init__(
        self, total: int, what: str, console: Callable[[], Console], appears_after: float = APPEARS_AFTER
    ) -> None:
        self._total, self._what, self._console = total, what, console
        self._lock = threading.Lock()
        self._done = 0
        self._ended = False
        self._bar: tuple[Progress, TaskID] | None = None
        # A timer, not the first call after a second: one slow map would show nothing for long.
        self._timer = threading.Timer(appears_after, self._appear)
        self._timer.daemon = True

    def __enter__(self) -> Callable[[int], None]:
        self._timer.start()
        return self.advance

    def advance(self, steps: int) -> None:
        """Count steps as done."""
        with self._lock:
            self._done = min(self._done + steps, self._total)
            if self._bar is not None:
                progress, task = self._bar
                progress.update(task, completed=self._done)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._ended = True
            bar, self._bar = self._bar, None
        if bar is not None:
            bar[0].stop()

    def _appear(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        with self._lock:
            if self._ended:
                return
            progress = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                TimeRemainingColumn(), TextColumn("left", markup=False),
                # Standard output belongs to --json; nothing of it may be redirected.
                console=self._console(), transient=True, redirect_stdout=False, redirect_stderr=False,
            )
            task = progress.add_task(self._what, total=self._total, completed=self._done)
            progress.start()
            self._bar = progress, task
