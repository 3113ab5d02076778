"""Signals at random moments, to every command that writes: what is there afterwards is whole, and so is the rerun's.

    python tests/faults/random_signals.py --count 500

Each round lays out what is there before a command, starts it, and sends SIGINT, SIGTERM, SIGHUP or SIGKILL, at a time
drawn from the length of an undisturbed one or right before one of the things that it does to files. It must end with
the signal's exit code or be done, without a traceback; what was there must be whole or replaced as a whole, nothing
hidden left over, and what was said of it true. (SIGKILL may leave hidden names, which the next run removes, and, while
files of an older result are being replaced, each file whole but some of them new: that is counted.) Then the command is
called once more and must leave what an undisturbed one leaves, byte for byte but for times. The status is 1 where
anything is not as it must be.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from every_command import COMMANDS, NAMED, Bench, Running, contents, forked, hidden

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143, signal.SIGKILL: None}

DOINGS = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.truncate", "shutil.rmtree",
                    "os.listdir", "os.scandir", "os.chmod"})
"""What is done to files, as Python tells it before it is done."""

LESS = 0.4
"""How often a heavy command is taken, where another is taken once."""

AS_A_PROGRAM = 8
"""One round of so many starts Python, too; the others fork, since most of a small command is Python's start."""


class Signals:
    """Rounds on a bench, with what has been seen of each command."""

    def __init__(self, bench, commands, seed):
        self._bench, self._commands, self._draw = bench, commands, random.Random(seed)
        self._weights = [LESS if command.heavy else 1 for command in commands]
        self._measures = {}
        self.sent, self.ends, self.mixed = Counter(), Counter(), 0

    def round(self):
        """Disturb a command and call it again; return what was done and what was wrong."""
        draw = self._draw
        command, kind = draw.choices(self._commands, self._weights)[0], draw.choice(list(SIGNALS))
        before, after = self._bench.expected(command)
        if command.name not in self._measures:
            self._measures[command.name] = self._measured(command)
        seconds, doings = self._measures[command.name]
        self._bench.lay(command)
        if not draw.randrange(AS_A_PROGRAM) and "pieces" not in command.name:
            moment = draw.uniform(0, 1.0 + seconds)
            code, said = _as_a_program(command.line, self._bench.place, kind, moment)
            when = f"at {moment:.3f} s of the program"
        elif draw.random() < 0.5:
            moment = draw.uniform(0, 1.05 * seconds)
            code, said = _after(command, self._bench.place, kind, moment)
            when = f"at {moment:.3f} s"
        else:
            number = draw.randrange(doings)
            ended = forked(command.line, self._bench.place, lambda: (command.prepare(), _before_doing(number, kind)))
            code, said, when = ended.code, ended.said, f"before doing {number} of {doings}"
        self.sent[kind.name] += 1
        self.ends[code] += 1
        faults = self._left(command, kind, code, said, before, after)
        ended = forked(command.line, self._bench.place, command.prepare)
        if ended.code:
            faults.append(f"the rerun ended with {ended.code}: {ended.said}")
        else:
            faults += _differences("the rerun", contents(self._bench.place), after)
        if left := hidden(self._bench.place):
            faults.append(f"the rerun left {left}")
        return f"{command.name}: {kind.name} {when}, ended with {code}", faults

    def _measured(self, command):
        """How long a command takes, and how much it does to files."""
        self._bench.lay(command)
        start = time.monotonic()
        assert forked(command.line, self._bench.place, command.prepare).code == 0
        seconds = time.monotonic() - start
        self._bench.lay(command)
        counted = self._bench.folder / "counted"
        assert forked(command.line, self._bench.place, lambda: (command.prepare(), _count(counted))).code == 0
        return seconds, counted.stat().st_size

    def _left(self, command, kind, code, said, before, after):
        """Compare what a disturbed command left, and said, with what it may."""
        faults = []
        if code not in (0, -kind, SIGNALS[kind]):
            faults.append(f"exit code {code}: {said}")
        if "Traceback" in said or "This is a bug" in said or "Exception ignored" in said:
            faults.append(f"said: {said}")
        if kind != signal.SIGKILL and (left := [name for name in hidden(self._bench.place) if name != command.kept]):
            faults.append(f"left hidden: {left}")
        try:
            found = contents(self._bench.place)
        except Exception as error:  # what a half-written file raises is of many kinds
            return [*faults, f"something is not whole: {error!r}"]
        if code == 0:
            return faults + _differences("done", found, after)
        if found != before and "nothing was written" in said and not command.grows:
            faults.append(f"it is not true that nothing was written: {said}")
        if found != after and "is complete" in said and not command.grows:
            faults.append(f"it is not true that the result is complete: {said}")
        if found not in (before, after):
            mixed = kind == signal.SIGKILL and bool(before)
            self.mixed += mixed and not command.grows
            if mixed and found.get("out/run.json", {}).get("replacing"):  # as its record says
                found["out/run.json"] = before["out/run.json"]
            if not (command.grows or mixed):
                faults.append("neither the older result nor the new one is there as a whole")
            faults += [f"{name} is neither old nor new" for name, value in found.items()
                       if not _one_of(value, before.get(name), after.get(name))]
            faults += [f"{name} is gone" for name in before if name in after and name not in found]
        return faults


def _one_of(value, old, new):
    if isinstance(value, int):  # how much a cache holds
        return min(old or 0, new or 0) <= value <= max(old or 0, new or 0)
    return value in [each for each in (old, new) if each is not None]


def _differences(what, found, wanted):
    return [f"{what}: {name} is not that of an undisturbed one" for name in sorted(found.keys() | wanted.keys())
            if found.get(name) != wanted.get(name)]


def _after(command, place, kind, seconds):
    """Send a signal so long after a command began; return how it ended."""
    running = Running(command.line, place, command.prepare)
    time.sleep(seconds)
    os.kill(running.pid, kind)
    ended = running.end()
    return ended.code, ended.said


def _as_a_program(argv, place, kind, seconds):
    command = [sys.executable, "-c", "from niicorr.__main__ import program; program()", *argv]
    with subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(seconds)
        process.send_signal(kind)
        said = " ".join(process.communicate()[1].split())
    if "Traceback" in said and "niicorr/cli" not in said and process.returncode in (1, -kind):
        return -kind, ""  # Python answers an interrupt itself before its first line of ours
    return process.returncode, said


def _before_doing(number, kind):
    """Send this process a signal right before one of the things that it does to files."""
    left = number

    def hook(event, _arguments):
        nonlocal left
        if event in DOINGS:
            left -= 1
            if left == -1:
                os.kill(os.getpid(), kind)

    sys.addaudithook(hook)


def _count(path):
    """Write a byte for each thing that is done to files."""
    counted = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def hook(event, _arguments):
        if event in DOINGS:
            os.write(counted, b".")

    sys.addaudithook(hook)


def main():
    """Do so many rounds, print those in which something was wrong, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=[command.name for command in COMMANDS], metavar="COMMAND")
    options = parser.parse_args()
    bad, start = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="niicorr-signals-") as folder:
        bench = Bench(folder)
        bench.warm()
        signals = Signals(bench, [NAMED[name] for name in options.only] if options.only else COMMANDS, options.seed)
        for number in range(options.count):
            what, faults = signals.round()
            bad += bool(faults)
            if faults or not number % 25:
                print(f"{number:4d}  {what}", *faults, sep="\n      ", flush=True)
    print(f"{options.count - bad} of {options.count} rounds as they must be, in {time.monotonic() - start:.0f} s; "
          f"{', '.join(f'{count} {name}' for name, count in sorted(signals.sent.items()))}; "
          f"ended with {dict(sorted(signals.ends.items()))}; SIGKILL among files being replaced: {signals.mixed}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
