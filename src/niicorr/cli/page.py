"""Lines of styled text and the page they must fit: what the terminal's views are made of.

A view yields lines; a line is a list of (text, style) spans. The same lines go to a terminal in colour and to
a log without it, so both say the same. Every text passes `Page.text` before it is measured: control
characters and characters that the stream cannot encode are escapes by then, and columns stay aligned.
"""

from __future__ import annotations

import textwrap
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from niicorr.numerals import NARROW
from niicorr.tables import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

Style = Literal["", "bold", "dim", "good", "warning", "bad", "positive", "negative", "positive_strong",
                "negative_strong"]
Span: TypeAlias = tuple[str, Style]
Line: TypeAlias = list[Span]

HEADING = 12
"""Columns of the heading to the left of a paragraph."""

_SIMPLER = {
    "−": "-", "–": "-", "—": "-", "×": "x", "…": "...", "│": "|", "█": "#", "▌": "#", "▐": "#", "³": "3",
    "²": "2", "°": "deg", "µ": "u", "±": "+-", "≤": "<=", "≥": ">=", "≈": "~", "→": "->", "“": '"', "”": '"',
    "‘": "'", "’": "'", "·": "-", "†": "+",
    NARROW: " ", "\u202f": " ", "\u2009": " ",
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """What the lines are for.

    Parameters
    ----------
    width : int
        Columns of the terminal; a log has a hundred.
    encoding : str
        Of the stream: characters it lacks become simpler ones or escapes.
    log : bool
        True where the lines go to a file or a pipe: no bars, and table rows are never cut or folded.
    """

    width: int = 100
    encoding: str = "utf-8"
    log: bool = True

    def text(self, text: str) -> str:
        """Text that may be shown: no control characters, nothing the stream cannot encode."""
        return self._encodable(printable(text.replace("\t", " ")))

    def _encodable(self, text: str) -> str:
        try:
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return "".join(map(self._simplest, text))
        return text

    def _simplest(self, char: str) -> str:
        try:
            char.encode(self.encoding)
        except UnicodeEncodeError:
            return _SIMPLER.get(char) or char.encode("ascii", "backslashreplace").decode("ascii")
        return char

    def elide(self, text: str, width: int) -> str:
        """Cut the middle out of a text wider than ``width`` columns: both ends tell labels apart."""
        text = self.text(text)
        if columns(text) <= width:
            return text
        dots = self.text("…")
        room = max(width - len(dots), 2)
        head, tail = _take(text, room // 2), _take(text[::-1], room - room // 2)[::-1]
        return f"{head}{dots}{tail}"

    def paragraph(self, heading: str, text: str, style: Style = "") -> Iterator[Line]:
        """Yield a text folded to the page, to the right of its heading."""
        for number, part in enumerate(self.folded(text, self.width - HEADING)):
            yield [(f"{heading[:HEADING - 1] if number == 0 else '':<{HEADING}}", "bold"), (part, style)]

    def folded(self, text: str, width: int) -> list[str]:
        """Fold a text at its spaces; words (paths!) are never broken, so that they can be copied."""
        # Escaping comes first: a line break in a file name must not become a line of ours.
        return textwrap.wrap(self.text(text), max(width, 20), break_long_words=False,
                             break_on_hyphens=False) or [""]


def columns(text: str) -> int:
    """Columns that a text takes in a terminal: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.category(char) in ("Mn", "Me")
               else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Fill a text with spaces up to ``width`` columns."""
    space = " " * max(width - columns(text), 0)
    return space + text if right else text + space


def plain(line: Line) -> str:
    """Return the text of a line, without its styles."""
    return "".join(text for text, _ in line).replace(NARROW, " ").rstrip()


def _take(text: str, width: int) -> str:
    taken = ""
    for char in text:
        if columns(taken + char) > width:
            break
        taken += char
    return taken
