"""The terminal: people's text, on standard error; colour and bars where it is one, plain lines elsewhere.

Neither rich nor numpy is imported with this module: a log needs no rich, and start-up is felt.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from niicorr.cli.page import Page, plain
from niicorr.numerals import NARROW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager
    from typing import TextIO

    from rich.console import Console

    from niicorr.calibration import Calibration
    from niicorr.cli.page import Line, Style
    from niicorr.records import Decision, MapRecord
    from niicorr.result import CorrelationResult

_WIDEST, _NARROWEST, _LOG = 120, 40, 100
"""Columns: lines longer than the first are hard to read; a log has the last."""

# Mid-tones: each has a contrast of at least 4:1 against both black and white. Blue and orange stay apart
# for the colour-blind; sign and number say the same without any colour.
_POSITIVE, _NEGATIVE = "#c9601a", "#3b7fd4"
_STYLES: dict[Style, str] = {
    "": "",
    "bold": "bold",
    "dim": "dim",
    "good": "#2b8a4b",
    "warning": _POSITIVE,
    "bad": "bold #d9484a",
    "positive": _POSITIVE,
    "negative": _NEGATIVE,
    "positive_strong": f"bold {_POSITIVE}",
    "negative_strong": f"bold {_NEGATIVE}",
}


@dataclass(frozen=True, eq=False)
class Terminal:
    """Where people's text goes, and how; made by `Terminal.make`.

    Attributes
    ----------
    stream : file of text
        Standard error, as a rule.
    quiet, verbose : bool
        Only errors; every decision about every map.
    live : bool
        Whether the stream is a terminal whose lines can be redrawn.
    rich : bool
        Whether styles and bars are shown.
    color : bool
        Whether colours are among the styles.
    """

    stream: TextIO
    quiet: bool
    verbose: bool
    live: bool
    rich: bool
    color: bool

    @classmethod
    def make(
        cls,
        stream: TextIO | None = None,
        *,
        quiet: bool = False,
        verbose: bool = False,
        color: bool | None = None,
    ) -> Terminal:
        """Look at the stream and at ``NO_COLOR``, ``FORCE_COLOR`` and ``TERM``.

        Parameters
        ----------
        stream : file of text, optional
            Default: standard error (nowhere, where that is closed).
        quiet, verbose : bool
            As the options.
        color : bool, optional
            ``--no-color`` is False; None asks the environment.
        """
        # Python sets sys.stderr to None when the caller closed it.
        stream = stream or sys.stderr or io.StringIO()
        forced = color is None and bool(os.environ.get("FORCE_COLOR")) and not os.environ.get("NO_COLOR")
        live = stream.isatty() and os.environ.get("TERM") != "dumb"
        if color is None:
            color = forced or (live and not os.environ.get("NO_COLOR"))
        return cls(stream, quiet, verbose, live, rich=live or color, color=color)

    def error(self, text: str, page: str = "") -> None:
        """Say what went wrong, and which page of the documentation says more; also with ``--quiet``."""
        self._message("error: ", "bad", text)
        if page:
            self._message("more:  ", "dim", page)

    def say(self, text: str) -> None:
        """Say something, a line at a time."""
        if not self.quiet:
            self._message("", "", text)

    def show(self, lines: Iterable[Line], *, always: bool = False) -> None:
        """Show the lines of a view, unless all but errors is to be left out and they are not ``always`` shown."""
        if always or not self.quiet:
            self._print(lines)

    def progress(self, total: int, what: str) -> AbstractContextManager[Callable[[int], None]]:
        """Show how far long work has come; the value entered is called with the number of steps done.

        Parameters
        ----------
        total : int
            Steps of the work.
        what : str
            What it is, such as ``reading maps``.
        """
        if self.quiet or total <= 0:
            return nullcontext(_ignore)
        from niicorr.cli.progress import LiveProgress, LogProgress

        if self.live:
            return LiveProgress(total, what, lambda: self._console)
        return LogProgress(total, what, self.say)

    def run_report(
        self, result: CorrelationResult, *, out: str | None, files: Sequence[str], seconds: float
    ) -> None:
        """Tell of a run on one screen.

        Parameters
        ----------
        result : CorrelationResult
            What came out.
        out : str or None
            The folder written, if any.
        files : sequence of str
            Names of the files in it.
        seconds : float
            Wall time of the whole run.
        """
        from niicorr.cli.account import account, skipped_lines
        from niicorr.result.sentences import map_sets

        if self.quiet:
            # A file left out is an error that the user chose to survive, and is named all the same.
            self._print(skipped_lines(map_sets(result), self.page))
            return
        self._print(account(result, self.page, out=out, files=files, seconds=seconds, verbose=self.verbose))

    def rois_report(
        self, result: CorrelationResult, *, out: str | None, files: Sequence[str], seconds: float, without: str = ""
    ) -> None:
        """Tell of regions compared with each other, on one screen.

        The parameters are those of `run_report`; ``without`` says which figure is not among the files, and why.
        """
        from niicorr.cli.rois_account import rois_account

        if not self.quiet:
            self._print(rois_account(result, self.page, out=out, files=files, seconds=seconds, verbose=self.verbose,
                                     without=without))

    def calibration_report(
        self, calibration: Calibration, *, out: str | None, files: Sequence[str], seconds: float
    ) -> None:
        """Show how every null model fared, on one screen; the parameters are those of `run_report`."""
        from niicorr.cli.account import skipped_lines
        from niicorr.cli.calibration_table import calibration_lines, calibration_sets

        if self.quiet:
            self._print(skipped_lines(calibration_sets(calibration), self.page))
            return
        self._print(calibration_lines(calibration, self.page, out=out, files=files, seconds=seconds,
                                      verbose=self.verbose))

    def check_report(
        self,
        x_maps: Sequence[MapRecord],
        y_maps: Sequence[MapRecord],
        decisions: Sequence[Decision],
        warnings: Sequence[str],
        *,
        refusal: str | None,
        same_set: bool,
    ) -> None:
        """Show every file with its verdict, and whether `run` would work.

        Parameters
        ----------
        x_maps, y_maps : sequence of MapRecord
            The two sets.
        decisions : sequence of Decision
            What was decided about all maps together.
        warnings : sequence of str
            What the reader must know.
        refusal : str or None
            Why `run` would refuse; None where it would work.
        same_set : bool
            Whether the set is compared with itself (``y_maps`` are then not shown again).
        """
        if self.quiet:
            if refusal is not None:
                self.error(refusal)
            return
        from niicorr.cli.check_table import check_lines

        self._print(check_lines(x_maps, y_maps, decisions, warnings, self.page, refusal=refusal,
                                same_set=same_set, verbose=self.verbose))

    @cached_property
    def page(self) -> Page:
        """What lines must fit."""
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        width = min(max(self._console.width, _NARROWEST), _WIDEST) if self.rich else _LOG
        return Page(width, encoding, log=not self.rich)

    @cached_property
    def _console(self) -> Console:
        from rich.console import Console

        console = Console(file=self.stream, force_terminal=True, no_color=not self.color, highlight=False,
                          markup=False, emoji=False)
        if self.color and console.color_system is None:
            # Colours were asked for by name where none would be guessed (TERM=dumb in many build logs).
            return Console(file=self.stream, force_terminal=True, color_system="standard", highlight=False,
                           markup=False, emoji=False)
        return console

    def _message(self, head: str, style: Style, text: str) -> None:
        first, *rest = [self.page.text(line) for line in text.split("\n")]
        lines: list[Line] = [[(head, style), (first, "")]]
        lines += [[(line, "")] for line in rest]
        self._print(lines)

    def _print(self, lines: Iterable[Line]) -> None:
        # Whoever read this may have gone (`2>&1 | head`), or its disk be full; that must not cost the result.
        with suppress(OSError):
            self._write(lines)

    def _write(self, lines: Iterable[Line]) -> None:
        if self.rich:
            from rich.text import Text

            # Text objects, never markup: a map may be called [red].
            for line in lines:
                spans = [(text.replace(NARROW, " "), _STYLES[style]) for text, style in line]
                self._console.print(Text.assemble(*spans), soft_wrap=True)
            return
        self.stream.write("".join(f"{plain(line)}\n" for line in lines))
        self.stream.flush()


def _ignore(_: int) -> None:
    """Take no notice of progress."""
