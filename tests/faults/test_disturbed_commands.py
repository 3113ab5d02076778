"""Every command that writes, disturbed; by command signals and failing disks are tried by the hundreds."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import sys
import threading
import time

import pytest
from every_command import COMMANDS, NAMED, Running, contents, forked, hidden
from failing_disks import can_break, moments, outputs, tried
from random_signals import DOINGS, Signals, _count

from niicorr.hidden import machine_mark

QUICK = [command for command in COMMANDS if not command.heavy]


def test_twenty_signals_at_random_moments(bench):
    signals = Signals(bench, QUICK, seed=20)
    for _ in range(20):
        what, faults = signals.round()
        assert not faults, (what, faults)


@pytest.mark.parametrize(("name", "kind", "code"), [
    (name, *[(signal.SIGINT, 130), (signal.SIGTERM, 143)][k % 2])
    for k, name in enumerate(("run", "check --cache", "rois", "index", "search", "report", "calibrate"))])
def test_signals_that_go_on_until_the_process_has_gone_leave_the_code_of_the_first(bench, name, kind, code):
    """From the middle of the work on, the other one among them, while it tidies up and once it has."""
    command = NAMED[name]
    before, _ = bench.expected(command)
    bench.lay(command)
    counted = bench.folder / "counted"
    assert forked(command.line, bench.place, lambda: _count(counted)).code == 0
    left = counted.stat().st_size // 2
    other = signal.SIGTERM if kind == signal.SIGINT else signal.SIGINT

    def going_on():
        came = 0

        def hook(event, _arguments):
            nonlocal left, came
            left -= event in DOINGS
            # Of two that a thread sent at once, the main thread hears the smaller number first.
            if left <= 0 and threading.current_thread() is threading.main_thread() and event in (*DOINGS, "sys.exit"):
                came += 1
                os.kill(os.getpid(), kind if came == 1 or event == "sys.exit" else other)

        sys.addaudithook(hook)
        sys.exit = _leaving(lambda: hook("sys.exit", ()))

    bench.lay(command)
    ended = forked(command.line, bench.place, going_on)
    assert ended.code == code, ended
    assert hidden(bench.place) == []
    assert command.grows or contents(bench.place) == before


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_when_all_is_done_and_said_changes_nothing(bench, kind):
    command = NAMED["index"]
    _, after = bench.expected(command)
    bench.lay(command)
    last = _leaving(lambda: os.kill(os.getpid(), kind))
    ended = forked(command.line, bench.place, lambda: setattr(sys, "exit", last))
    assert ended.code == 0, ended
    assert contents(bench.place) == after


def _leaving(first):
    """Do something, and give it a moment, before a program ends."""
    def leave(code):
        first()
        time.sleep(0.05)
        raise SystemExit(code)

    return leave


@pytest.mark.parametrize("command", [c for c in QUICK if c.argv[0] != "cache"], ids=lambda command: command.name)
def test_a_disk_that_fails_at_some_output(bench, command):
    """Another one, in another way, for each command."""
    found, turn = outputs(bench, command), QUICK.index(command)
    number, name, size = found[turn * 3 % len(found)]
    ways = list(moments(name, size, (errno.ENOSPC, errno.EIO) if can_break() else ()))
    code, at = ways[turn % len(ways)]
    faults = tried(bench, command, number, name, code, at)
    assert not faults, (name, code, at, faults)


def test_the_last_bytes_of_an_array_have_no_room(bench):
    """numpy.save takes no notice of that."""
    command = NAMED["index"]
    for number, name, size in outputs(bench, command):
        if name.endswith(("support_of.npy", "windows.npy")):
            assert not tried(bench, command, number, name, errno.EFBIG, size - 1), name


@pytest.mark.parametrize("command", QUICK, ids=lambda command: command.name)
def test_a_closed_terminal_few_files_and_clocks_that_jump(bench, command):
    """All at once, since none may matter."""
    _, after = bench.expected(command)
    bench.lay(command)
    ended = forked(command.line, bench.place, lambda: (command.prepare(), _hard_times()))
    assert (ended.code, ended.said) == (0, "")
    assert contents(bench.place) == after
    assert hidden(bench.place) == []


def _hard_times():
    real, calls = time.time, []

    def jumping():
        calls.append(1)
        return real() + (-1, 1)[len(calls) % 2] * 365 * 86400.0

    time.time = jumping
    time.time_ns = lambda: int(jumping() * 1e9)
    sys.stdin = None
    os.close(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48))


@pytest.mark.parametrize("name", ["run bare again", "rois again", "index", "index again", "search", "search a table"])
def test_two_at_once_on_one_output(bench, name):
    command = NAMED[name]
    _, after = bench.expected(command)
    bench.lay(command)
    ended = [running.end() for running in [Running(command.line, bench.place, command.prepare) for _ in range(2)]]
    assert 0 in [each.code for each in ended], ended
    assert {each.code for each in ended} <= {0, 2, 4}, ended
    found = contents(bench.place)
    if command.argv[0] != "index":  # of two additions each may have added some, which count once
        assert found == after
    rerun = forked(command.line, bench.place, command.prepare)
    assert rerun.code == 0, rerun
    assert hidden(bench.place) == []


@pytest.mark.parametrize("name", ["run bare again", "run --resume", "run --cache", "rois again", "index", "index again",
                                  "search"])
def test_the_folder_in_which_it_works_vanishes(bench, name):
    """With all in it, when the first file of a result is about to be written."""
    vanished = []

    def vanish():
        command.prepare()

        def hook(event, arguments):
            if event == "open" and not vanished and isinstance(arguments[0], str) and isinstance(arguments[2], int):
                path = os.path.abspath(arguments[0])
                if machine_mark() in path and arguments[2] & os.O_WRONLY:
                    vanished.append(path)
                    shutil.rmtree(os.path.dirname(path))

        sys.addaudithook(hook)

    command = NAMED[name]
    before, after = bench.expected(command)
    bench.lay(command)
    ended = forked(command.line, bench.place, vanish)
    assert ended.code == 4, ended
    assert "gone" in ended.said
    assert command.place in ended.said
    assert {key: value for key, value in contents(bench.place).items() if key != "cache/"} == before
    rerun = forked(command.line, bench.place, command.prepare)
    assert rerun.code == 0, rerun
    assert contents(bench.place) == after


@pytest.mark.parametrize("command", QUICK, ids=lambda command: command.name)
def test_the_folder_in_which_it_was_started_is_gone(bench, command):
    """Names from there lead nowhere: that is said, and nothing is made."""
    bench.lay(command)

    def gone():
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir(os.path.join(bench.place, "gone"))

    ended = forked(command.line, bench.place, gone)
    assert ended.code in (2, 3, 4), ended
    assert "Traceback" not in ended.said
    assert ended.said.startswith("error: ")
    assert hidden(bench.place) == []


@pytest.mark.parametrize("name", ["run bare again", "index", "search a table", "cache clear"])
def test_a_summary_that_finds_no_room(bench, name):
    """What is written by then is told to be complete."""
    command = NAMED[name]
    bench.lay(command)

    def full():
        sys.stdout = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115  # until the process ends

    ended = forked([*command.line, "--json"], bench.place, full)
    assert ended.code == 4
    assert "standard output takes no more of the summary" in ended.said
    if command.argv[0] != "cache":
        assert f"{command.place} is complete" in ended.said
    assert set(contents(bench.place)) == set(bench.expected(command)[1])


def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(bench):
    command = NAMED["search"]
    bench.lay(command)
    os.mkfifo(os.path.join(bench.place, "found.tsv"))
    ended = forked([*command.argv[:-1], "found.tsv"], bench.place)
    assert ended.code == 2
    assert "found.tsv is there and was not written by niicorr search" in ended.said


@pytest.mark.parametrize("argv", [["index", "../inputs/series.csv.nii", "-o", "library"],
                                  ["search", "../inputs/series.csv.nii", "--in", "library"]], ids=["index", "search"])
def test_maps_that_cannot_be_used_may_be_left_out(bench, argv):
    """There are no cells that could stay empty."""
    bench.lay(NAMED["search"])
    shutil.copy(os.path.join(bench.place, "../inputs/series.csv"), os.path.join(bench.place, argv[1]))
    alone = forked(argv, bench.place)
    assert alone.code == 3
    assert "No new map is left." in alone.said
    assert "--on-error" not in alone.said
    ended = forked([argv[0], "../inputs/new.nii.gz", *argv[1:]], bench.place)
    assert ended.code == 3
    assert "or leave it out with --on-error skip" in ended.said
