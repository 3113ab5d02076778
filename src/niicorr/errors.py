"""Every error and warning niicorr raises on purpose.

::

    NiicorrError
    ├── UsageError (ValueError)         the call itself is wrong              exit 2
    ├── InputError (ValueError)         the files cannot be used              exit 3
    │   ├── MapError                    one file: path, what is wrong, what to do
    │   │   └── NoMapError              a path that leads to no file
    │   └── UnusableMapsError           all bad files of a run at once
    └── ResourceError (OSError)         no room, no memory, no permission     exit 4

    NiicorrWarning (UserWarning)        said in the terminal, the result and run.json
    ├── DomainWarning                   which voxels count is doubtful
    └── IndependenceWarning             p-values take neighbouring voxels for independent observations

Anything else that reaches the user is a bug (exit 1).

Each error names the page of the documentation that says more, as it lies in the repository; `told_on` gives what goes
wrong in a function the page of its subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from niicorr.numerals import integer, plural

LISTED_PROBLEMS = 10
"""So many bad files are named on the terminal; the rest are counted (run.json names all)."""

TOO_MANY_FILES = "too many open files: let this process open more of them (ulimit -n), or give --jobs less"
"""What to say where a process may open no more."""


NOWHERE = "no such file or folder"
"""What is wrong with a path at which nothing is."""


class NiicorrError(Exception):
    """Parent of all errors; ``exit_code`` is what the command line ends with, ``page`` where more is said."""

    exit_code = 1
    page = "docs/reference/exit-codes.md"


class UsageError(NiicorrError, ValueError):
    """The call is wrong: an option, its value, or the output folder."""

    exit_code = 2
    page = "docs/reference/command-line.md"


class InputError(NiicorrError, ValueError):
    """The input cannot be used."""

    exit_code = 3
    page = "docs/howto/refused.md"


class MapError(InputError):
    """One map cannot be used.

    Parameters
    ----------
    path : str
        The file, as the user named it.
    reason : str
        What is wrong, with numbers.
    advice : str
        What to do about it; may be empty.
    """

    def __init__(self, path: str, reason: str, advice: str = "") -> None:
        self.path, self.reason, self.advice = path, reason, advice
        super().__init__(f"{path}: {self.text}")

    def __reduce__(self) -> tuple[type[MapError], tuple[str, str, str]]:
        return type(self), (self.path, self.reason, self.advice)

    @property
    def text(self) -> str:
        """The message without the path."""
        return f"{self.reason}: {self.advice}" if self.advice else self.reason


class NoMapError(MapError):
    """A path that leads to no map: nothing is there, no file matches, or no image lies in the folder."""


class UnusableMapsError(InputError):
    """Some maps of a set cannot be used; all of them are named.

    Parameters
    ----------
    problems : sequence of MapError
        One for each bad file, in the order given.
    total : int
        How many maps were asked for.
    besides : str
        What stands in the way even without them; may be empty.
    skipping : str
        What ``--on-error skip`` would do, with ``{it}`` and ``{its}`` in place of the maps; empty where it cannot help.
    """

    def __init__(
        self, problems: list[MapError], total: int, besides: str = "", skipping: str = "leave {its} cells empty"
    ) -> None:
        self.problems, self.total, self.besides, self.skipping = tuple(problems), total, besides, skipping
        shown = self.problems[:LISTED_PROBLEMS]
        lines = [f"{self._what()}:"]
        lines += [f"  {problem.path}  {problem.text}" for problem in shown]
        if len(self.problems) > len(shown):
            lines.append(f"  … and {integer(len(self.problems) - len(shown))} more; niicorr check lists all")
        astray = all(isinstance(problem, NoMapError) for problem in self.problems)
        it, its = ("it", "its") if len(self.problems) == 1 else ("them", "their")
        way = f"{'Correct or remove' if astray else 'Remove or mend'} {it}, or {skipping.format(it=it, its=its)}"
        if skipping:
            lines.append(f'{way} with --on-error skip (in Python on_error="skip").')
        if besides:
            lines.append(f"Besides: {besides}" if skipping else besides)
        super().__init__("\n".join(lines))
        self.page = InputError.page  # what is wrong with files is told there, whatever they were wanted for

    def __reduce__(self) -> tuple[type[UnusableMapsError], tuple[list[MapError], int, str, str]]:
        return type(self), (list(self.problems), self.total, self.besides, self.skipping)

    def _what(self) -> str:
        """Say how many there are: of maps, or of paths that lead to none."""
        bad, astray = len(self.problems), sum(isinstance(problem, NoMapError) for problem in self.problems)
        if astray == bad:
            return f"{plural(bad, 'path')} {'leads' if bad == 1 else 'lead'} to no map"
        of = plural(self.total, "map") if not astray else f"{integer(self.total)} maps and paths"
        return f"{integer(bad)} of {of} cannot be used"


class ResourceError(NiicorrError, OSError):
    """No room on the disk, no memory, or no permission."""

    exit_code = 4
    page = "docs/howto/machines.md"


@contextmanager
def told_on(page: str) -> Iterator[None]:
    """Have errors that leave this block, or this function, name a page, unless they name one of their own."""
    try:
        yield
    except NiicorrError as error:
        if "page" not in vars(error) and not isinstance(error, ResourceError):
            error.page = page
        raise


class NiicorrWarning(UserWarning):
    """Parent of all warnings; silence one with ``warnings.simplefilter('ignore', ...)``."""


class DomainWarning(NiicorrWarning):
    """Which voxels count is doubtful: no outline found, an odd mask, little overlap."""


class IndependenceWarning(NiicorrWarning):
    """The p-values asked for take every voxel for an independent observation: they are far too small."""
