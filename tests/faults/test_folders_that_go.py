"""Caches and libraries that vanish, or may only be read from some moment on: the result is right, or refused.

Root may write everywhere, so that a filter of what Python does to files stands for the disk: it refuses every change
below a folder, from its ``number``-th use on.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys

import pytest
from every_command import NAMED, contents, forked, hidden

CHANGES = {"os.mkdir": ((0, 2),), "os.remove": ((0, 1),), "os.rmdir": ((0, 1),), "os.truncate": ((0, None),),
           "os.rename": ((0, 2), (1, 3)), "os.link": ((0, 2), (1, 3)), "os.chmod": ((0, 2),), "os.utime": ((0, 3),)}
"""What changes a folder, and where its arguments hold paths and the folders that those begin in."""

LOOKS = ("os.listdir", "os.scandir")
SHARES = (0.0, 0.6, 1.0)
"""Moments between the first and the last use of a folder."""

CACHED = ["run --cache", "run --cache again", "check --cache"]
INDEXED = ["index", "index again", "index in pieces"]
SEARCHED = ["search", "search a table"]


def watched(place, folder, act):
    """Call ``act(number, event, writes)`` at each use of a folder, or of what is in it."""
    root, count = os.path.join(str(place), folder), 0

    def hook(event, arguments):
        nonlocal count
        writes = event in CHANGES
        if event == "open" and isinstance(arguments[0], str | bytes) and isinstance(arguments[2], int):
            writes, paths = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR)), [_at(arguments[0], None)]
        elif writes:
            paths = [_at(arguments[k], None if at is None else arguments[at]) for k, at in CHANGES[event]]
        elif event in LOOKS:
            paths = [_at(arguments[0], None)]
        else:
            return
        if any(path == root or path.startswith(root + os.sep) for path in paths):
            count += 1
            act(count - 1, event, writes)

    sys.addaudithook(hook)


def _at(path, folder):
    if not isinstance(path, str | bytes):
        return ""
    path = os.fsdecode(path)
    if isinstance(folder, int) and folder >= 0:
        path = os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)
    return os.path.abspath(path)


def uses(bench, command, folder):
    """How often a command that is left alone uses a folder."""
    bench.lay(command)
    told = bench.folder / "uses"

    def count():
        command.prepare()
        watched(bench.place, folder, lambda number, event, writes: os.write(handle, b"."))

    handle = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        assert forked(command.line, bench.place, count).code == 0
    finally:
        os.close(handle)
    assert told.stat().st_size
    return told.stat().st_size


def vanishing(bench, command, folder, moment):
    def act(number, event, writes):
        if number == moment:
            shutil.rmtree(os.path.join(str(bench.place), folder), ignore_errors=True)

    return lambda: (command.prepare(), watched(bench.place, folder, act))


def refusing(command, place, folder, moment, code):
    def act(number, event, writes):
        if writes and number >= moment:
            raise OSError(code, os.strerror(code), folder)

    return lambda: (command.prepare(), watched(place, folder, act))


def moments(bench, command, folder):
    last = uses(bench, command, folder) - 1
    return sorted({round(share * last) for share in SHARES})


def told_well(ended, command):
    """One message, which names the place; no traceback."""
    assert ended.code in (2, 3, 4), ended
    assert "Traceback" not in ended.said + ended.printed, ended
    assert "This is a bug" not in ended.said, ended
    assert ended.said.count("error:") == 1, ended
    assert "library" in ended.said or command.place in ended.said, ended


def results(found):
    return {key: value for key, value in found.items() if not key.startswith(("cache/", "library/"))}


def right_again(bench, command):
    """The rerun is what it would have been."""
    ended = forked(command.line, bench.place, command.prepare)
    assert ended.code == 0, ended
    assert contents(bench.place) == bench.expected(command)[1]
    assert hidden(bench.place) == []


@pytest.mark.parametrize("name", CACHED)
def test_a_cache_that_vanishes_costs_nothing_but_work(bench, name):
    command = NAMED[name]
    after = results(bench.expected(command)[1])
    for moment in moments(bench, command, "cache"):
        bench.lay(command)
        ended = forked(command.line, bench.place, vanishing(bench, command, "cache", moment))
        assert ended.code == 0, (moment, ended)
        assert "Traceback" not in ended.said
        assert results(contents(bench.place)) == after, moment
        assert hidden(bench.place) == []
        right_again(bench, command)


@pytest.mark.parametrize(("name", "code"), [("run --cache", errno.EROFS), ("run --cache again", errno.EACCES),
                                            ("check --cache", errno.EROFS)])
def test_a_cache_that_may_only_be_read_from_some_moment_on_is_read(bench, name, code):
    command = NAMED[name]
    after = results(bench.expected(command)[1])
    for moment in moments(bench, command, "cache"):
        bench.lay(command)
        ended = forked(command.line, bench.place, refusing(command, bench.place, "cache", moment, code))
        assert ended.code == 0, (moment, ended)
        assert "Traceback" not in ended.said
        assert results(contents(bench.place)) == after, moment
        right_again(bench, command)


def test_a_cache_that_went_between_two_runs_is_made_anew(bench):
    command = NAMED["run --cache again"]
    bench.lay(command)
    shutil.rmtree(os.path.join(bench.place, "cache"))
    right_again(bench, command)


@pytest.mark.parametrize("name", SEARCHED)
def test_a_library_that_vanishes_while_it_is_searched(bench, name):
    command = NAMED[name]
    before, after = (results(each) for each in bench.expected(command))
    for moment in moments(bench, command, "library"):
        bench.lay(command)
        ended = forked(command.line, bench.place, vanishing(bench, command, "library", moment))
        assert "library" not in os.listdir(bench.place), moment
        found = contents(bench.place)
        if ended.code == 0:  # all that was wanted of it had been read
            assert found == after, moment
        else:
            told_well(ended, command)
            assert found == before, moment
        assert hidden(bench.place) == []


@pytest.mark.parametrize("name", SEARCHED)
def test_a_library_that_may_only_be_read_is_searched(bench, name):
    command = NAMED[name]
    bench.lay(command)
    ended = forked(command.line, bench.place, refusing(command, bench.place, "library", 0, errno.EROFS))
    assert (ended.code, ended.said) == (0, "")
    assert contents(bench.place) == bench.expected(command)[1]


@pytest.mark.parametrize("name", ["index again", "index in pieces"])
def test_a_library_that_vanishes_while_it_grows(bench, name):
    command = NAMED[name]
    wanted = {key: value for key, value in bench.expected(command)[1].items() if not key.startswith("library/")}
    for moment in moments(bench, command, "library"):
        bench.lay(command)
        ended = forked(command.line, bench.place, vanishing(bench, command, "library", moment))
        if ended.code:
            told_well(ended, command)
        assert results(contents(bench.place)) == wanted
        assert hidden(bench.place) == []
        shutil.rmtree(os.path.join(bench.place, "library"), ignore_errors=True)
        rerun = forked(command.line, bench.place, command.prepare)
        assert rerun.code == 0, rerun


@pytest.mark.parametrize(("code", "words"), [(errno.EROFS, "the disk is read-only"),
                                             (errno.EACCES, "no permission to write there")])
@pytest.mark.parametrize("name", INDEXED)
def test_a_library_that_may_only_be_read_does_not_grow(bench, name, code, words):
    """Nor is one made in a folder that may only be read."""
    command = NAMED[name]
    before, _ = bench.expected(command)
    within = (bench.place, "library") if before else (bench.folder, "place")
    bench.lay(command)
    ended = forked(command.line, bench.place, refusing(command, *within, 0, code))
    assert ended.code == 4, ended
    told_well(ended, command)
    assert words in ended.said
    assert contents(bench.place) == before
    assert hidden(bench.place) == []
    right_again(bench, command)
