"""Completion of commands, options, their words and files in bash, zsh and fish.

``niicorr completion SHELL`` prints what the shell is to read; from then on the shell calls niicorr with
``_ARGCOMPLETE`` set whenever somebody presses Tab, and argcomplete answers from the parser. Nothing else imports it.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from niicorr.cli.standard_output import put
from niicorr.words import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHELLS = ("bash", "zsh", "fish")

WORDS = {
    "mask": ("auto", "none", "mni152"), "background": ("auto", "none"), "volumes": ("all",), "grid": ("auto", "x", "y"),
    "report_maps": ("all", "none", "top:20"), "top": ("all",), "scheduler": ("local:4",),
    "format": ("png", "svg", "pdf", "png,svg", "png,pdf"),
}
"""What an option takes besides files and numbers, by its name in Python."""

FILES = frozenset(["x", "y", "maps", "bold", "mask", "grid", "partial", "weights", "atlas", "labels", "contributions",
                   "confounds", "out", "library", "folder", "cache", "scheduler"])
"""Whatever else is asked for, such as a number, is not completed."""

MAPS = frozenset(["x", "y", "maps", "bold", "mask", "grid", "partial", "weights", "atlas", "contributions"])
"""Files of these are images or tables; where a folder has none, the shell offers all its files."""

ENDINGS = (*IMAGE_SUFFIXES, ".tsv", ".csv", ".txt", ".1D", ".npy")


def add_completion_parser(commands: Any, how: dict[str, Any]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "completion", help="make a shell complete commands, options and files",
        description="Print what bash, zsh or fish must read, once a session, to complete what is typed after niicorr.",
        **how)
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    parser.set_defaults(quiet=False, verbose=False, no_color=False)  # said by all other commands' own options


def completion(options: argparse.Namespace) -> int:
    """``niicorr completion``."""
    from argcomplete.shell_integration import shellcode

    put(shellcode(["niicorr"], shell=options.shell), "what the shell must read")
    return 0


def answer() -> None:
    """Tell the shell what may follow, and end the process."""
    import argcomplete

    from niicorr.cli.parser import make_parser

    parser = make_parser()
    for each in [parser, *_below(parser)]:
        for action in each._actions:
            if action.choices is None and action.nargs != 0:
                # By this attribute argcomplete finds what completes an argument.
                action.completer = _completer(action.dest)
    argcomplete.autocomplete(parser, always_complete_options=False)


def _below(parser: Any) -> Iterator[Any]:
    for below in parser.commands.values():
        yield below
        yield from _below(below)


def _completer(name: str) -> Callable[..., list[str]]:
    from argcomplete.completers import DirectoriesCompleter, FilesCompleter

    words = [*WORDS.get(name, ()), *(_atlases() if name == "atlas" else ())]
    files: Any = None
    if name in ("library", "folder", "cache"):
        files = DirectoriesCompleter()
    elif name in FILES:
        files = FilesCompleter(ENDINGS) if name in MAPS else FilesCompleter()

    def complete(prefix: str, **how: Any) -> list[str]:
        fitting = [word for word in words if word.startswith(prefix)]
        return fitting + ([] if files is None else [path for path in files(prefix=prefix, **how) if path not in words])

    return complete


def _atlases() -> list[str]:
    """Take apart ``aal, basc7 … basc444``: both ends of a series are names."""
    from niicorr.words import ATLASES

    return [name.strip() for part in ATLASES.split(",") for name in part.split("…")]
