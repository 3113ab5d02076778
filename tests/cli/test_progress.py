"""Progress: nothing for short work, a bar on a terminal, lines in a log."""

from __future__ import annotations

import io
import threading
import time

import pytest
from rich.console import Console

from niicorr.cli.progress import LiveProgress, LogProgress
from niicorr.cli.terminal import Terminal


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def log(total, step, seconds_each):
    """The lines of a log of work in equal steps."""
    clock, lines = Clock(), []
    with LogProgress(total, "reading maps", lines.append, clock) as advance:
        for _ in range(total // step):
            clock.now += seconds_each
            advance(step)
    return [line.replace("\u00a0", " ") for line in lines]


def test_log_tells_share_and_time_left():
    assert log(1000, 300, 20.0) == [
        "reading maps: 300 of 1 000 (30 %), about 47 s left",
        "reading maps: 600 of 1 000 (60 %), about 27 s left",
        "reading maps: 900 of 1 000 (90 %), about 7 s left",
        "reading maps: 900 of 1 000, took 1 min",
    ]


def test_log_has_a_line_at_most_every_ten_seconds():
    lines = log(100, 1, 1.0)
    assert len(lines) == 10
    assert lines[0] == "reading maps: 10 of 100 (10 %), about 1 min 30 s left"
    assert lines[-1] == "reading maps: 100 of 100, took 1 min 40 s"


def test_log_is_silent_for_short_work():
    assert log(9, 1, 1.0) == []


def test_log_is_silent_when_the_last_step_is_the_late_one():
    assert log(2, 1, 9.0) == []


def test_log_does_not_claim_an_end_after_an_error():
    clock, lines = Clock(), []
    work = LogProgress(10, "reading maps", lines.append, clock)
    advance = work.__enter__()
    clock.now += 20
    advance(5)
    work.__exit__(ValueError, ValueError(), None)
    assert lines == ["reading maps: 5 of 10 (50\u00a0%), about 20 s left"]


@pytest.mark.parametrize("kind", ["log", "live"])
def test_threads_may_advance_together(kind):
    work = (
        LogProgress(8000, "work", lambda _: None)
        if kind == "log"
        else LiveProgress(8000, "work", lambda: Console(file=Tty(), force_terminal=True), appears_after=0)
    )
    with work as advance:
        threads = [threading.Thread(target=lambda: [advance(1) for _ in range(1000)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert work._done == 8000


def test_bar_appears_for_long_work_and_is_gone_at_the_end():
    stream = Tty()
    with LiveProgress(
        4, "reading [maps]", lambda: Console(file=stream, force_terminal=True, width=80), appears_after=0.01
    ) as advance:
        advance(2)
        deadline = time.monotonic() + 10
        while "2/4" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert "reading [maps]" in stream.getvalue()
        assert "2/4" in stream.getvalue()
    # The last thing written erases the bar's line.
    assert "\x1b[2K" in stream.getvalue()[-12:]


def test_bar_never_appears_for_short_work():
    asked = []
    with LiveProgress(2, "work", lambda: asked.append(1), appears_after=60) as advance:  # type: ignore[arg-type]
        advance(2)
    assert asked == []


def test_bar_does_not_appear_after_the_end():
    asked = []
    work = LiveProgress(2, "work", lambda: asked.append(1), appears_after=60)  # type: ignore[arg-type]
    with work:
        pass
    work._appear()
    assert asked == []


def test_messages_during_a_bar_stand_above_it(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("niicorr.cli.progress.APPEARS_AFTER", 0.0)
    stream = Tty()
    terminal = Terminal.make(stream, color=False)
    with LiveProgress(2, "work", lambda: terminal._console, appears_after=0):
        deadline = time.monotonic() + 10
        while "0/2" not in stream.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
        terminal.say("hello")
    text = stream.getvalue()
    # The line of the bar is erased before the message is written.
    assert text.index("\x1b[2K") < text.index("hello")


@pytest.mark.parametrize(("tty", "kind"), [(False, LogProgress), (True, LiveProgress)])
def test_terminal_chooses_the_kind(monkeypatch, tty, kind):
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(Terminal.make(Tty() if tty else io.StringIO()).progress(3, "work"), kind)


@pytest.mark.parametrize(("quiet", "total"), [(True, 5), (False, 0)])
def test_quiet_or_no_work_shows_nothing(monkeypatch, quiet, total):
    monkeypatch.setenv("TERM", "xterm")
    stream = Tty()
    work = Terminal.make(stream, quiet=quiet).progress(total, "work")
    assert not isinstance(work, LiveProgress | LogProgress)
    with work as advance:
        advance(1)
    assert stream.getvalue() == ""


def test_forced_colour_in_a_log_still_gives_lines(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("niicorr.cli.progress.LINE_EVERY", 0.0)
    stream = io.StringIO()
    with Terminal.make(stream).progress(3, "work") as advance:
        advance(1)
    assert "work: 1 of 3 (33 %)" in stream.getvalue()
