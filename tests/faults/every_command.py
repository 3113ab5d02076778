"""Every command that writes, on tiny data: what lies there before, and what it may leave.

A place is a folder in which a command works; its inputs lie beside it. `Bench` makes both, once, and lays a place out
again as often as it is wanted, always under the same name, so that whatever tells paths tells the same ones.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np

from interrupted_runs import write_maps
from niicorr.cli import main as program
from niicorr.images.cache.upkeep import cache_info
from niicorr.library import adding

X, Y = "../inputs/x", "../inputs/y"
FIGURES = ("--format", "png")
BARE = ("--no-figures", "--no-report")


@dataclass(frozen=True)
class Command:
    """A command, and the commands that make what is there before.

    ``kept`` is what an interrupt may leave beside the result, ``grows`` whether it may also leave a part of what is
    wanted, each file of it whole; ``heavy`` is for what draws or computes for a second and more.
    """

    name: str
    argv: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()
    kept: str = ""
    grows: bool = False
    heavy: bool = False
    options: tuple[str, ...] = field(default=("-q",))

    @property
    def line(self):
        """What is typed after ``niicorr``."""
        return [*self.argv, *self.options]

    @property
    def place(self):
        """What the command calls the place of its result."""
        for option in ("-o", "--cache"):
            if option in self.argv:
                return self.argv[self.argv.index(option) + 1]
        return self.argv[-1 if self.argv[0] == "cache" else 1]

    def prepare(self):
        """Set, in the process that is to do it, what cannot be typed."""
        if "pieces" in self.name:
            adding.SHARD_BYTES = 1


_RUN = ("run", "-x", X, "-y", Y, "-o", "out")
_OLDER = ("run", "-x", Y, "-o", "out", "--null", "none", *BARE)
_DRAWN = ("run", "-x", Y, "-o", "out", "--null", "none", *FIGURES)
_INDEX = ("index", X, "-o", "library")
_LIBRARY = ("index", Y, "-o", "library")
_CACHE = ("check", "-x", Y, "--cache", "cache")

COMMANDS = (
    Command("run", (*_RUN, *FIGURES, "--contributions"), heavy=True),
    Command("run again", (*_RUN, *FIGURES), (_DRAWN,), heavy=True),
    Command("run bare again", (*_RUN, *BARE, "--null", "none"), (_OLDER,)),
    Command("run --resume", (*_RUN, *BARE, "--resume"), (_OLDER,), kept="out/.niicorr-resume"),
    Command("run --resume anew", (*_RUN, *BARE, "--resume"), kept=".out.niicorr-resume"),
    Command("run --cache", (*_RUN, *BARE, "--null", "none", "--cache", "cache"), grows=True),
    Command("run --cache again", (*_RUN, *BARE, "--null", "none", "--cache", "cache"), (_OLDER, _CACHE), grows=True),
    Command("check --cache", ("check", "-x", X, "-y", Y, "--cache", "cache"), grows=True),
    Command("rois", ("rois", "../inputs/bold.nii.gz", "--atlas", "../inputs/atlas.nii.gz", "-o", "out", *FIGURES),
            heavy=True),
    Command("rois again", ("rois", "../inputs/series.csv", "-o", "out", *BARE), (_OLDER,)),
    Command("calibrate", ("calibrate", "-x", X, "-y", Y, "-o", "out", "--repeats", "2", *FIGURES), (_OLDER,),
            heavy=True),
    Command("report", ("report", "out", "--order", "name", *FIGURES), (_DRAWN,), heavy=True),
    Command("index", _INDEX),
    Command("index again", _INDEX, (_LIBRARY,)),
    Command("index in pieces", _INDEX, (_LIBRARY,), grows=True),
    Command("search", ("search", "../inputs/new.nii.gz", "--in", "library", "-o", "found"), (_LIBRARY,)),
    Command("search a table", ("search", "../inputs/new.nii.gz", "--in", "library", "-o", "found.tsv"), (
        _LIBRARY, ("search", f"{X}/map001.nii.gz", "--in", "library", "-o", "found.tsv"))),
    Command("cache clear", ("cache", "clear", "cache"), (_CACHE,), grows=True),
    Command("demo", ("demo", "-o", "out", *FIGURES), grows=True, heavy=True),
    Command("demo again", ("demo", "-o", "out", *BARE), (("demo", "-o", "out", *BARE),), grows=True, heavy=True),
)
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NAMED = {command.name: command for command in COMMANDS}


class Bench:
    """A folder in which commands are tried."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.place = self.folder / "place"
        self._expected = {}
        inputs = self.folder / "inputs"
        write_maps(inputs / "x", 5)
        write_maps(inputs / "y", 3, seed=1)
        os.rename(write_maps(inputs / "z", 1, seed=2)[0], inputs / "new.nii.gz")
        rng = np.random.default_rng(0)
        bold = rng.standard_normal((8, 6, 5, 40)).cumsum(axis=3) + 100
        labels = np.repeat(np.arange(1, 5), 2)[:, None, None] * np.ones((8, 6, 5), dtype=np.int16)
        for name, values in (("bold", bold.astype(np.float32)), ("atlas", labels.astype(np.int16))):
            image = nib.Nifti1Image(values, np.diag([3.0, 3, 3, 1]))
            image.header.set_xyzt_units("mm", "sec")
            nib.save(image, inputs / f"{name}.nii.gz")
        np.savetxt(inputs / "series.csv", bold[:4, 0, 0].T, delimiter=",", header="a,b,c,d", comments="")

    def warm(self):
        """Import here what commands need, so that no fork has to."""
        self.place.mkdir()
        back = os.getcwd()
        os.chdir(self.place)
        try:
            for argv in (NAMED["run"].line, NAMED["rois"].line, NAMED["calibrate"].line):
                assert program.main(argv) == 0, argv
        finally:
            os.chdir(back)

    def lay(self, command):
        """Lay out what is there before a command."""
        stored = self.folder / "before" / command.name.replace(" ", "_")
        if not stored.exists():
            shutil.rmtree(self.place, ignore_errors=True)
            self.place.mkdir()
            for argv in command.before:
                assert forked([*argv, "-q"], self.place).code == 0, argv
            shutil.copytree(self.place, stored)
        shutil.rmtree(self.place, ignore_errors=True)
        shutil.copytree(stored, self.place)

    def expected(self, command):
        """What is there before a command, and after one that is left alone."""
        if command.name not in self._expected:
            self.lay(command)
            before = contents(self.place)
            ended = forked(command.line, self.place, command.prepare)
            assert ended.code == 0, ended
            assert hidden(self.place) == []
            self._expected[command.name] = before, contents(self.place)
        return self._expected[command.name]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code (less than 0: the signal that killed it), and what it said."""

    code: int
    said: str
    printed: str


class Running:
    """A command as a program, in a fork of this process: what is imported here need not be imported there."""

    def __init__(self, argv, place, before=lambda: None):
        # Pipes: what is said must get through where no file may grow. It is little.
        self._streams = [os.pipe() for _ in range(2)]
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)  # until they are no longer this process's to answer
        self.pid = os.fork()
        if self.pid == 0:
            code = 98
            try:
                os.chdir(place)
                for number, stream in enumerate(self._streams, 1):
                    os.dup2(stream[1], number)
                    for end in stream:
                        os.close(end)
                sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
                                          for number in (1, 2))
                for kind in INTERRUPTS:
                    signal.signal(kind, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
                sys.argv = ["niicorr", *map(str, argv)]
                before()
                program.entry()
            except SystemExit as left:
                code = left.code
            finally:
                threading._shutdown()  # as the interpreter does at its end
                with suppress(OSError, ValueError):
                    sys.stderr.flush()
                os._exit(code)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        for stream in self._streams:
            os.close(stream[1])

    def end(self):
        """Wait for it."""
        status = os.waitpid(self.pid, 0)[1]
        told = []
        for stream in self._streams:
            with open(stream[0], encoding="utf-8", errors="replace") as file:
                told.append(" ".join(file.read().split()))
        return Ended(os.waitstatus_to_exitcode(status), told[1], told[0])


def forked(argv, place, before=lambda: None):
    """Run a command and wait for it."""
    return Running(argv, place, before).end()


def hidden(place):
    """What lies there under names that nobody should see."""
    return sorted(os.path.relpath(os.path.join(root, name), place) for root, folders, files in os.walk(place)
                  for name in (*folders, *files) if name.startswith(".") and "/." not in root)


def contents(place):
    """All that is told there, but for hidden names, times, and what a cache has of it."""
    found = {}
    for root, folders, files in os.walk(place):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if "niicorr-cache.json" in files:
            report = cache_info(root)
            assert (report.damaged, report.damaged_lines, report.replaced, report.others) == (0, 0, 0, 0), report
            found[f"{os.path.relpath(root, place)}/"] = report.maps
            folders.clear()
            continue
        for name in sorted(files):
            if not name.startswith("."):
                path = os.path.join(root, name)
                found[os.path.relpath(path, place)] = _timeless(name, Path(path).read_bytes())
    return found


def _timeless(name, data):
    """Take the times out of a file; one that is not whole raises what its reader raises."""
    if name.endswith(".json"):
        record = json.loads(data)
        if name == "shard.json":
            record["digests"].pop("maps/maps.json", None)  # which tells versions
        # Which packages are loaded is another matter in a program than in a fork of this process.
        for volatile in ("timings", "versions", "digest"):  # the last is of all that, of a library
            record.pop(volatile, None)
        record.get("options", {}).pop("resume", None)  # beside a new result, in one that is there
        if "decisions" in record:
            record["decisions"] = [d for d in record["decisions"] if d["topic"] not in ("resume", "cache")]
        return record
    if name.endswith(".npz"):
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return {key: (arrays[key].dtype.str, arrays[key].tobytes()) for key in arrays.files}
    if name == "report.html":
        assert data.endswith(b"</html>\n"), "the page is not whole"
        return re.sub(rb'"(seconds":[0-9.e-]+|(timings|versions)":\{[^}]*\})', b"", data)
    return data
