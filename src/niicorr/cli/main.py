"""The command line: from arguments to an exit code.

0 done; 1 a bug; 2 wrong usage; 3 the input cannot be used; 4 no room, no memory, no permission;
130/143 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from niicorr.errors import NiicorrError

if TYPE_CHECKING:
    import argparse

    from niicorr.cli.terminal import Terminal

INTERRUPTED, TERMINATED = 130, 143
NO_MEMORY = 4


class Terminated(BaseException):
    """SIGTERM came; like KeyboardInterrupt it unwinds everything on its way out."""


def entry() -> NoReturn:
    """Run as a program: signals, closed pipes, exit code."""
    # Products are cut into pieces for our own threads; BLAS threads on top of those only cost time.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("MKL_NUM_THREADS", "1")
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGTERM, _terminate)
    code = main(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # Whoever read it has gone; the interpreter must not complain about that at its end.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def main(argv: list[str]) -> int:
    """Do what a command line says; return the exit code.

    Parameters
    ----------
    argv : list of str
        Arguments without the program's name.
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
        _say(terminal, str(error))
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
    except Exception:  # a bug: the one case that may show a traceback
        return _bug(argv)


def _standing(error: BaseException) -> str:
    """Say what an interrupt left: it may come when all is written, and only the account is missing."""
    return next(iter(getattr(error, "__notes__", ())), "nothing was written")


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


def _terminate(_signum: int, _frame: object) -> NoReturn:
    raise Terminated
