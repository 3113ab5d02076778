"""Runs of the command line in processes of their own, under limits that a system may set."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass

from niicorr.cli.main import main

_VERSION = 0x20080522
"""Of the structures that Linux takes capabilities in."""

_BEYOND = 0b1110
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER."""


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    code: int
    said: str


class Forked:
    """A run in a fork of this process: all that is imported here need not be imported there.

    ``limits`` is a dict of ``RLIMIT_…`` and number; of open files the number is that beyond those that are open.
    """

    def __init__(self, *argv, limits=None, before=lambda: None):
        self._stream = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # closed by end
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            code = 99
            try:
                sys.stderr = self._stream
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                before()
                for kind, value in (limits or {}).items():
                    most = _leaving(value) if kind == resource.RLIMIT_NOFILE else value
                    resource.setrlimit(kind, (most, most))
                code = main([str(arg) for arg in argv])
            finally:
                with suppress(OSError):
                    self._stream.flush()
                os._exit(code)

    def end(self):
        """Wait for it."""
        status = os.waitpid(self._pid, 0)[1]
        self._stream.seek(0)
        said = " ".join(self._stream.read().split())
        self._stream.close()
        assert "Traceback" not in said, said
        return Ended(os.waitstatus_to_exitcode(status), said)


def _leaving(free):
    """Return the limit of open files that leaves so many more: it is one of numbers, and the lowest is given first."""
    numbers = os.listdir("/proc/self/fd")  # with that of the listing itself, which is closed by now
    taken, limit = {int(number) for number in numbers if os.path.lexists(f"/proc/self/fd/{number}")}, 0
    while free or limit in taken:
        free -= limit not in taken
        limit += 1
    return limit


def run(*argv, **how):
    """Run ``niicorr run`` in a process of its own, and wait for it."""
    return Forked("run", *argv, **how).end()


def without_rights():
    """Give up what root may do beyond the rights of a file's owner, for this process."""
    if os.geteuid() == 0:
        libc, head, sets = ctypes.CDLL(None, use_errno=True), (ctypes.c_uint32 * 2)(_VERSION), (ctypes.c_uint32 * 6)()
        assert libc.capget(head, sets) == 0
        for k in (0, 1):  # effective, permitted
            sets[k] &= ~_BEYOND
        assert libc.capset(head, sets) == 0, os.strerror(ctypes.get_errno())


def hidden(folder):
    """What is left over beside a result, and in it."""
    return [os.path.join(root, name) for root, folders, files in os.walk(folder) for name in (*folders, *files)
            if name.startswith(".")]
