"""What is said of work that is kept, or would have been."""

from __future__ import annotations

import argparse
import io
import os
from contextlib import contextmanager

import pytest

from niicorr.cli.keeping import Watch, keeping
from niicorr.cli.terminal import Terminal
from niicorr.folder import written_note
from niicorr.resume.kept import place_of


@contextmanager
def shown(total, what):
    yield lambda steps: None


def watched(seconds, done=3, total=4):
    times = iter([0.0, seconds])
    watch = Watch(shown, lambda: next(times))
    with watch(total, "reading maps") as advance:
        for _ in range(done):
            advance(1)
    return watch.missed


def test_long_work_that_is_lost_is_named_with_its_share():
    assert watched(754.0) == ("12 min 34 s of work are lost (reading maps: 75\u00a0%); with --resume they would have "
                              "been kept, to be continued by the same command")


def test_short_work_is_not_mourned():
    assert watched(59.0) == ""


def test_work_is_passed_on():
    steps = []

    @contextmanager
    def passed(total, what):
        assert (total, what) == (5, "comparing maps")
        yield steps.append

    with Watch(passed)(5, "comparing maps") as advance:
        advance(2)
        advance(3)
    assert steps == [2, 3]


def run(options, work):
    stream = io.StringIO()
    with keeping(options, Terminal.make(stream)) as (kept, progress):
        work(kept, progress)
    return stream.getvalue()


def lost(monkeypatch, error, *notes, resume=None):
    """Return the notes of an error that leaves a run of an hour."""
    monkeypatch.setattr("niicorr.cli.keeping.MISSED", 0.0)

    def work(_kept, progress):
        with progress(2, "comparing maps") as advance:
            advance(1)
            for note in notes:
                error.add_note(note)
            raise error

    with pytest.raises(type(error)):
        run(argparse.Namespace(out="out", resume=resume), work)
    return getattr(error, "__notes__", [])


def test_an_interrupt_carries_what_would_have_been_kept(monkeypatch):
    (note,) = lost(monkeypatch, KeyboardInterrupt())
    assert "(comparing maps: 50\u00a0%); with --resume they would have been kept" in note


@pytest.mark.parametrize(("error", "notes"), [(ValueError("no"), ()), (KeyboardInterrupt(), (written_note("out"),))])
def test_a_fault_or_a_complete_result_does_not(monkeypatch, error, notes):
    assert lost(monkeypatch, error, *notes) == list(notes)


def test_the_folder_is_gone_when_all_went_well(tmp_path):
    out = str(tmp_path / "out")

    def work(kept, _progress):
        assert os.fspath(kept) == kept.folder == place_of(out)
        kept.keep("tile", b"0123456789abcdef", [])
        assert os.listdir(kept.folder)

    assert run(argparse.Namespace(out=out, resume=True), work) == ""
    assert os.listdir(tmp_path) == []


def test_what_is_left_is_told_with_its_size_and_found_by_the_next(tmp_path):
    out = str(tmp_path / "out")

    def work(kept, _progress):
        kept.keep("tile", b"0123456789abcdef", [])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        run(argparse.Namespace(out=out, resume=True), work)
    assert caught.value.__notes__ == [f"1 tile kept in {place_of(out)} (32 bytes): the same command with --resume "
                                      "continues there; remove the folder to be rid of it"]
    said = run(argparse.Namespace(out=out, resume=True), lambda kept, _: kept.find("tile", b"0123456789abcdef"))
    assert said == f"continuing what an interrupted run left in {place_of(out)} (32 bytes)\n"


def test_an_interrupt_after_the_result_leaves_nothing(tmp_path):
    out = str(tmp_path / "out")

    def work(kept, _progress):
        kept.keep("tile", b"0123456789abcdef", [])
        error = KeyboardInterrupt()
        error.add_note(written_note(out))
        raise error

    with pytest.raises(KeyboardInterrupt) as caught:
        run(argparse.Namespace(out=out, resume=True), work)
    assert caught.value.__notes__ == [written_note(out)]
    assert os.listdir(tmp_path) == []
