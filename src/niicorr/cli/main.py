"""The command line: from arguments to an exit code.

0 done; 1 a bug; 2 wrong usage; 3 the input cannot be used; 4 no room, no memory, no permission;
130/143 interrupted.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn

from niicorr.errors import TOO_MANY_FILES, NiicorrError, ResourceError, UsageError
from niicorr.surroundings import demand_addresses, demand_epoch

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from niicorr.cli.terminal import Terminal

INTERRUPTED, TERMINATED = 130, 143
NO_MEMORY = NO_HANDLES = 4

_MEMORY_WORDS = ("failed to map segment", "cannot allocate memory", "can't start new thread")
_TOO_LITTLE = ("not enough memory to load a library or to start a thread: let this process have more (ulimit -v), or "
               "give --jobs 1")

ENDING = frozenset({signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])})
"""Signals that end a command as an interrupt does: the second comes when its terminal is closed."""

GRACE = 5.0
"""Seconds after a signal in which further ones change nothing: what is left half-done is removed meanwhile."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP came; like KeyboardInterrupt it unwinds everything on its way out."""


class Interrupted(KeyboardInterrupt):
    """SIGINT came. Of its base Python remembers that it left an ``exec``, and would kill itself for that in the end."""


def entry() -> NoReturn:
    """Run as a program: signals, closed pipes, exit code."""
    # Products are cut into pieces for our own threads; BLAS threads on top of those only cost time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    os.environ["MPLBACKEND"] = "agg"  # no window is ever opened, and another name may be one that matplotlib refuses
    came: list[int] = []
    since, over = 0.0, False

    def answer(number: int, _frame: object) -> None:
        nonlocal since
        first, now = not came, time.monotonic()
        came.append(number)
        # Whoever presses Ctrl-C twice would break off the clearing up.
        if not over and (first or now - since > GRACE):
            since = now
            raise Terminated if number in ENDING else Interrupted

    def swallowed(what: Any) -> None:
        """Take notice of an exception that Python cannot pass on, such as in a callback of a weak reference."""
        if not issubclass(what.exc_type, KeyboardInterrupt | Terminated) or not came:
            sys.__unraisablehook__(what)
            return
        # The signal is sent once more when that is over.
        again = threading.Timer(0.01, os.kill, (os.getpid(), came[0]))
        came.clear()
        again.daemon = True
        again.start()

    sys.unraisablehook = swallowed
    # Who started this in the background, or with nohup, may want none to come here.
    kinds = [kind for kind in (signal.SIGINT, *ENDING) if signal.getsignal(kind) is not signal.SIG_IGN]
    code, said = None, False
    # First in, last out: Python then gives up its handlers, and clears its modules for some tenths of a second.
    atexit.register(_set, kinds, signal.SIG_IGN)

    def leave(number: int, _frame: object, exit_: Callable[[int], NoReturn] = os._exit) -> None:
        """End at once: what comes now need not wait for a slow reader, or for the interpreter to take itself apart."""
        exit_(code or (0 if said else _code([number])))

    # Before main can take a signal, after it, or a second one while the first is answered. Python looks for signals in
    # calls alone: none is answered between the return of main and ``over``. The end of a ``with`` would be such a call.
    try:
        _set(kinds, answer)
        code = main(sys.argv[1:], came)
        over = True
    except (KeyboardInterrupt, Terminated):
        over = True
    if code is None or (came and code in (INTERRUPTED, TERMINATED)):
        code = _code(came)  # of the first signal, whatever came after it
    _set(kinds, signal.SIG_IGN)
    _cleared()
    _set(kinds, leave)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # Whoever read it has gone; the interpreter must not complain about that at its end.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    said = True
    sys.exit(code)


def main(argv: list[str], came: Sequence[int] = ()) -> int:
    """Do what a command line says; return the exit code.

    Parameters
    ----------
    argv : list of str
        Arguments without the program's name.
    came : sequence of int
        Signals that came meanwhile: modules in C may make an ImportError of what breaks off their loading, and a file
        that is just being opened an error of its own.
    """
    terminal: Terminal | None = None
    try:
        from niicorr.cli.parser import parse  # a signal may come while this is read

        options = parse(argv)
        terminal = _terminal(options)
        return _command(options, argv, terminal)
    except SystemExit as left:  # argparse after --help and --version
        return left.code if isinstance(left.code, int) else 0
    except NiicorrError as error:
        if came:
            return _broken_off(terminal, came, error)
        _say(terminal, "\n".join([str(error), *getattr(error, "__notes__", ())]), error.page)
        return error.exit_code
    except MemoryError:
        _say(terminal, "not enough memory: give --memory less, --jobs 1, or fewer maps at once", ResourceError.page)
        return NO_MEMORY
    except KeyboardInterrupt as error:
        _say(terminal, f"interrupted; {_standing(error)}")
        return INTERRUPTED
    except Terminated as error:
        _say(terminal, f"terminated; {_standing(error)}")
        return TERMINATED
    except Exception as error:
        if came:
            return _broken_off(terminal, came, error)
        if isinstance(error, FileNotFoundError) and _nowhere():
            _say(terminal, "the folder in which niicorr was started is gone: change to another", ResourceError.page)
            return ResourceError.exit_code
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            _say(terminal, TOO_MANY_FILES, ResourceError.page)
            return NO_HANDLES
        if _no_memory(error):
            _say(terminal, _TOO_LITTLE, ResourceError.page)
            return NO_MEMORY
        return _bug(argv)  # the one case that may show a traceback


def _no_memory(error: Exception) -> bool:
    """Whether libraries or threads found no memory, which Python tells by errors of other names."""
    return isinstance(error, ImportError | RuntimeError | OSError) and any(
        words in str(error).lower() for words in _MEMORY_WORDS)


def _nowhere() -> bool:
    """Whether the working folder has been removed."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _broken_off(terminal: Terminal | None, came: Sequence[int], error: Exception) -> int:
    """Say that a signal ended it, of which something on its way made another error."""
    _say(terminal, f"{'terminated' if _code(came) == TERMINATED else 'interrupted'}; {_standing(error)}")
    return _code(came)


def _set(kinds: Sequence[int], handler: Any) -> None:
    with contextlib.suppress(ValueError):  # not in the main thread
        for kind in kinds:
            signal.signal(kind, handler)


def _cleared() -> None:
    """See to it that nothing is left under a hidden name."""
    if "niicorr.hidden" in sys.modules:
        from niicorr.hidden import remove_all

        remove_all()


def _code(came: Sequence[int]) -> int:
    """Return the exit code of a command that signals ended."""
    return INTERRUPTED if not came or came[0] not in ENDING else TERMINATED


def _standing(error: BaseException) -> str:
    """Say what an interrupt left: it may come when all is written, and only the account is missing."""
    notes = getattr(error, "__notes__", ())
    return "; ".join(notes if any(note.endswith("is complete") for note in notes) else ["nothing was written", *notes])


def _demand_two_folders(options: argparse.Namespace) -> None:
    """Refuse one folder for the output and the cache: files of both would be mixed; raises `UsageError`."""
    out, cache = getattr(options, "out", None), getattr(options, "cache", None)
    if out and cache and "\0" not in out + cache and os.path.realpath(out) == os.path.realpath(
            os.path.expanduser(cache)):
        raise UsageError(f"-o and --cache name one folder, {out!a}: name another with one of them")


def _command(options: argparse.Namespace, argv: list[str], terminal: Terminal) -> int:
    demand_epoch()
    _demand_two_folders(options)
    if options.command == "completion":
        from niicorr.cli.completion import completion

        return completion(options)
    demand_addresses()
    if options.command == "rois":
        from niicorr.cli.rois import rois

        return rois(options, argv, terminal)
    if options.command == "report":
        from niicorr.cli.report import report

        return report(options, argv, terminal)
    if options.command == "cache":
        from niicorr.cli.cache_command import cache

        return cache(options, argv, terminal)
    if options.command in ("index", "search"):
        from niicorr.cli import search

        return (search.index if options.command == "index" else search.search)(options, argv, terminal)
    from niicorr.cli import commands

    known = {"run": commands.run, "check": commands.check, "calibrate": commands.calibrate, "demo": commands.demo}
    return known[options.command](options, argv, terminal)


def _terminal(options: argparse.Namespace) -> Terminal:
    from niicorr.cli.terminal import Terminal

    color = False if options.no_color else None
    return Terminal.make(_stderr(), quiet=options.quiet, verbose=options.verbose, color=color)


def _say(terminal: Terminal | None, text: str, page: str = "") -> None:
    """Say what went wrong, and below it which page says more."""
    from niicorr.cli.terminal import Terminal

    (terminal or Terminal.make(_stderr(), quiet=False, verbose=False, color=None)).error(text, page)


def _stderr() -> Any:
    """Standard error, or nowhere: a daemon may have closed it."""
    return sys.stderr or io.StringIO()


def _bug(argv: list[str]) -> int:
    import traceback

    from niicorr._version import __version__

    with contextlib.suppress(OSError, ValueError):
        traceback.print_exc(file=_stderr())
        print(f"\nThis is a bug in niicorr {__version__}, not your mistake. Please report it with the lines above and "
              f"the command: niicorr {' '.join(map(ascii, argv))}\n"
              f"Where: the issue tracker named in the README. What is left: {NiicorrError.page}", file=_stderr())
    return 1
