"""Many damaged files, one after the other: what came of each, how long it took, what it left behind."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from types import FrameType
from unittest import mock

from niicorr.errors import InputError, NiicorrError

from .handles import open_files
from .mutations import damaged
from .readers import READERS, WrongError, hides_something
from .seeds import NEIGHBOURS, Seed, all_seeds

SLOW = 1.0
"""Seconds of processor time after which a case counts as a hang."""

STUCK = 30
"""Seconds after which a case that does not end is ended."""

WARM = 400
"""Cases before memory and open files are looked at for the first time: by then all modules are loaded."""

SHARES = {"image": 20, "atlas": 10, "manifest": 4, "confounds": 4, "series": 4, "saved": 4, "cache": 4, "matrix": 2,
          "library": 2, "kept": 2, "shard": 2}
"""How often each reader has its turn."""


@dataclass(frozen=True)
class Finding:
    """A case that ended as none may.

    Attributes
    ----------
    case : str
        How it is run again, such as ``0:4711``.
    seed : str
        Name of the seed.
    what : str
        In one line.
    trace : str
        Where, if it was an exception.
    """

    case: str
    seed: str
    what: str
    trace: str = ""

    def __str__(self) -> str:
        return f"{self.what}  [{self.seed}]\n  python -m tests.fuzz --replay {self.case}\n{self.trace}"


@dataclass
class Account:
    """What came of all cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0
    leaked_files: int = 0
    grown: int = 0

    @property
    def cases(self) -> int:
        """How many were run."""
        return self.outcomes.total()


class StuckError(Exception):
    """A case did not end by itself."""


class Workshop:
    """A folder in which cases are laid out and read; use it with ``with``."""

    def __init__(self) -> None:
        self.folder = ""
        self.seeds: tuple[Seed, ...] = ()

    def __enter__(self) -> Workshop:
        # Whether a disk keeps what it was given is not asked here, and would take most of the time.
        self._unsynced = mock.patch.object(os, "fsync")
        self._unsynced.start()
        self.folder = tempfile.mkdtemp(prefix="niicorr-fuzz-")
        self.seeds = all_seeds(self.folder)
        self._by_reader = {reader: [s for s in self.seeds if s.reader == reader] for reader in READERS}
        self._turns = [reader for reader, share in SHARES.items() for _ in range(share)]
        return self

    def __exit__(self, *exception: object) -> None:
        self._unsynced.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def case(self, base: int, index: int, only: str | None = None) -> tuple[Seed, dict[str, bytes]]:
        """Make case ``index`` of a seed: the sound files it comes from, and the damaged ones."""
        rng = Random(f"{base}:{index}")
        reader = only or self._turns[index % len(self._turns)]
        seed = rng.choice(self._by_reader[reader])
        return seed, damaged(rng, seed.files)

    def judge(self, reader: str, files: dict[str, bytes]) -> tuple[str, str, str]:
        """Read files; return the outcome, and for a finding what it is and where."""
        self._lay_out(files)
        try:
            return self._read(reader, tuple(files))
        finally:
            self._clear()

    def _read(self, reader: str, names: tuple[str, ...]) -> tuple[str, str, str]:
        try:
            with alarm(STUCK), strict():
                taken = READERS[reader](self.folder, names)
        except NiicorrError as error:
            return self._refused(error, names)
        except WrongError as error:
            return "finding", f"accepted: {error}", _where(error)
        except (Exception, RecursionError) as error:
            return "finding", f"{type(error).__name__}: {str(error)[:200]}", _where(error)
        return "accepted" if taken else "passed over", "", ""

    def _refused(self, error: NiicorrError, names: tuple[str, ...]) -> tuple[str, str, str]:
        """See that a refusal tells of a file, in a few printable lines."""
        text = str(error)
        stems = {os.path.basename(name).split(".")[0] for name in (*names, *NEIGHBOURS)}
        # What is wrong with all maps together names what they share.
        together = type(error) is InputError and "grid of comparison" in text
        if self.folder not in text and not any(stem in text for stem in stems) and not together:
            return "finding", f"refused without the name of a file: {text[:200]!r}", _where(error)
        # Paths are told as the user named them; the terminal escapes them.
        paths = {getattr(problem, "path", "\n") for problem in getattr(error, "problems", (error,))}
        for path in sorted(paths, key=len, reverse=True):  # one may begin with another
            text = text.replace(path, "")
        if hides_something(text.replace("\n", "")):
            return "finding", f"refused in words that cannot be printed: {text[:200]!r}", _where(error)
        if len(text) > 4000:
            return "finding", f"refused in {len(text)} letters: {text[:80]!r}", _where(error)
        return "refused", "", ""

    def _lay_out(self, files: dict[str, bytes]) -> None:
        for name, content in files.items():
            place = os.path.join(self.folder, name)
            if os.sep in name:
                os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(content)

    def _clear(self) -> None:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path)
                elif entry.name not in NEIGHBOURS:
                    os.remove(entry.path)


def run(cases: Iterable[int], base: int = 0, only: str | None = None, keep: str | None = None) -> Account:
    """Run cases of a seed.

    Parameters
    ----------
    cases : iterable of int
        Their numbers.
    base : int
        The seed they all follow from.
    only : str, optional
        One reader alone.
    keep : str, optional
        A folder in which the files of every finding are kept.
    """
    account, start = Account(), time.perf_counter()
    with Workshop() as shop:
        files_open = memory = 0
        for done, index in enumerate(cases):
            if done == WARM:
                files_open, memory = open_files(), resident()
            seed, files = shop.case(base, index, only)
            outcome, what, trace = _timed(shop, seed, files, account)
            account.outcomes[f"{seed.reader} {outcome}"] += 1
            if outcome == "finding":
                case = f"{base}:{index}{f' --only {only}' if only else ''}"
                account.findings.append(Finding(case, seed.name, what, trace))
                if keep is not None:
                    keep_files(os.path.join(keep, seed.reader, f"case-{base}-{index}"), files)
        if account.cases > WARM:
            account.leaked_files, account.grown = open_files() - files_open, resident() - memory
    account.seconds = time.perf_counter() - start
    return account


def _timed(shop: Workshop, seed: Seed, files: dict[str, bytes], account: Account) -> tuple[str, str, str]:
    """Judge a case by the clock, too; one that was slow gets a second chance, since the machine may be busy."""
    for _ in range(2):
        begun = time.process_time()
        verdict = shop.judge(seed.reader, files)
        took = time.process_time() - begun
        if took < SLOW or verdict[0] == "finding":
            account.slowest = max(account.slowest, took)
            return verdict
    return "finding", f"hangs for {took:.1f} s ({verdict[0]})", ""


def keep_files(folder: str, files: dict[str, bytes]) -> None:
    """Write the files of a case, so that it stays when seeds or mutations change."""
    for name, content in files.items():
        place = os.path.join(folder, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(content)


def kept_files(folder: str) -> dict[str, bytes]:
    """Read the files of a case that was kept."""
    files = {}
    for root, _, names in os.walk(folder):
        for name in names:
            place = os.path.join(root, name)
            with open(place, "rb") as file:
                files[os.path.relpath(place, folder).replace(os.sep, "/")] = file.read()
    return dict(sorted(files.items()))


def resident() -> int:
    """Return the bytes of memory that this process holds; 0 where the system does not tell."""
    gc.collect()
    with suppress(OSError):
        import ctypes

        with suppress(AttributeError):  # glibc alone can be asked to give back what is free
            ctypes.CDLL(None).malloc_trim(0)
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    return 0


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Raise `StuckError` in here after some seconds, where the system has alarms."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise StuckError(f"did not end in {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Listener(logging.Handler):
    """What libraries log lands on the user's terminal."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


@contextmanager
def strict() -> Iterator[None]:
    """Let every warning and every line of a log be an error: neither names the file."""
    listener, library = _Listener(), logging.getLogger("nibabel.global")
    library.addHandler(listener)
    before, library.propagate = library.propagate, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        library.removeHandler(listener)
        library.propagate = before
        if listener.heard:
            raise WrongError(f"logged: {listener.heard[0][:200]}")


def _where(error: BaseException) -> str:
    """The last lines of a traceback."""
    lines = traceback.format_exception(error, limit=-4)
    return "".join(f"  {line}" for line in "".join(lines).splitlines(keepends=True)[-14:])
