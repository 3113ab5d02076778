"""The command line: from arguments to an exit code.

0 done; 1 a bug; 2 wrong usage; 3 the input cannot be used; 4 no room, no memory, no permission;
130/143 interrupted.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from niicorr.errors import TOO_MANY_FILES, NiicorrError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from niicorr.cli.terminal import Terminal

INTERRUPTED, TERMINATED = 130, 143
NO_MEMORY = NO_HANDLES = 4


class Terminated(BaseException):
    """SIGTERM came; like KeyboardInterrupt it unwinds everything on its way out."""


def entry() -> NoReturn:
    """Run as a program: signals, closed pipes, exit code."""
    # Products are cut into pieces for our own threads; BLAS threads on top of those only cost time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    came: list[int] = []

    def answer(number: int, _frame: object) -> NoReturn:
        came.append(number)
        raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    # Who started this in the background may want no interrupt to come here.
    kinds = [signal.SIGTERM] + [signal.SIGINT] * (signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)
    code: int | None = None
    # Before main can take a signal, after it, or a second one while the first is answered.
    with contextlib.suppress(KeyboardInterrupt, Terminated):
        _set(kinds, answer)
        code = main(sys.argv[1:], came)
        # All is done and said: what comes now need not wait for the interpreter to take itself apart.
        _set(kinds, signal.SIG_DFL)
    if code is None:
        code = _code(came)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # Whoever read it has gone; the interpreter must not complain about that at its end.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def main(argv: list[str], came: Sequence[int] = ()) -> int:
    """Do what a command line says; return the exit code.

    Parameters
    ----------
    argv : list of str
        Arguments without the program's name.
    came : sequence of int
        Signals that came meanwhile: modules in C may make an ImportError of what breaks off their loading.
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
        _say(terminal, "\n".join([str(error), *getattr(error, "__notes__", ())]))
        return error.exit_code
    except MemoryError:
        _say(terminal, "not enough memory: give --memory less, --jobs 1, or fewer maps at once")
        return NO_MEMORY
    except KeyboardInterrupt as error:
        _say(terminal, f"interrupted; {_standing(error)}")
        return INTERRUPTED
    except Terminated as error:
        _say(terminal, f"terminated; {_standing(error)}")
        return TERMINATED
    except Exception as error:
        if came:
            _say(terminal, f"{'terminated' if _code(came) == TERMINATED else 'interrupted'}; {_standing(error)}")
            return _code(came)
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            _say(terminal, TOO_MANY_FILES)
            return NO_HANDLES
        return _bug(argv)  # the one case that may show a traceback


def _set(kinds: Sequence[int], handler: Any) -> None:
    with contextlib.suppress(ValueError):  # not in the main thread
        for kind in kinds:
            signal.signal(kind, handler)


def _code(came: Sequence[int]) -> int:
    """Return the exit code of a command that signals ended."""
    return TERMINATED if signal.SIGTERM in came else INTERRUPTED


def _standing(error: BaseException) -> str:
    """Say what an interrupt left: it may come when all is written, and only the account is missing."""
    notes = getattr(error, "__notes__", ())
    return "; ".join(notes if any(note.endswith("is complete") for note in notes) else ["nothing was written", *notes])


def _command(options: argparse.Namespace, argv: list[str], terminal: Terminal) -> int:
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


def _say(terminal: Terminal | None, text: str) -> None:
    from niicorr.cli.terminal import Terminal

    (terminal or Terminal.make(_stderr(), quiet=False, verbose=False, color=None)).error(text)


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
              "Where: the issue tracker named in the README.", file=_stderr())
    return 1
