"""Lines of styled text and the page they must fit: what the terminal's views are made of.

A view yields lines; a line is a list of (text, style) spans. The same lines go to a terminal in colour and to
a log without it, so both say the same. Every text passes `Page.text` before it is measured: control
characters and characters that the stream cannot encode are escapes by then, and columns stay aligned.
"""

from __future__ import annotations

import math
import textwrap
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from niicorr.tables import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Style = Literal["", "bold", "dim", "good", "warning", "bad", "positive", "negative", "positive_strong",
                "negative_strong"]
Span: TypeAlias = tuple[str, Style]
Line: TypeAlias = list[Span]

HEADING = 12
"""Columns of the heading to the left of a paragraph."""

NARROW = "\u00a0"
"""A space at which no line breaks, as in 31 021; a plain space on the stream."""

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


def integer(value: int) -> str:
    """``31 021``: digits in threes."""
    return f"{value:,}".replace(",", NARROW)


def percent(low: float, high: float | None = None) -> str:
    """``53 %`` or ``52 to 54 %``; only all is 100 %."""
    first, last = _hundredths(low), _hundredths(low if high is None else high)
    return f"{first}{NARROW}%" if first == last else f"{first} to {last}{NARROW}%"


def _hundredths(share: float) -> str:
    # 99.95 % rounded to 100 % would say that nothing is left.
    return f"{math.floor(share * 1000) / 10:.1f}" if 0.995 <= share < 1 else f"{share * 100:.0f}"


def value_text(value: float) -> str:
    """Write a background value, such as ``−0.99998`` or ``NaN``."""
    return "NaN" if value != value else f"{value:.6g}".replace("-", "−")  # noqa: PLR0124  (NaN's definition)


def r_text(value: float) -> str:
    """``.42``, ``−.42``, ``1.00``: two digits, no leading zero, no minus at zero."""
    text = f"{abs(value):.2f}"
    text = text[1:] if text.startswith("0") else text
    return f"−{text}" if value < 0 and float(text) else text


def p_text(value: float) -> str:
    """``= .032``, ``= .0041``, ``< .001``: two digits of a small p, never 0."""
    if value < 0.001:
        return "< .001"
    return f"= {value:.2g}".replace("0.", ".", 1)


def duration(seconds: float) -> str:
    """``0.8 s`` (``3 s`` of an int), ``41 s``, ``2 min 3 s``, ``1 h 20 min``."""
    if seconds < 9.95 and not isinstance(seconds, int):
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def listed(names: Sequence[str]) -> str:
    """Join names: ``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def plural(count: int, noun: str) -> str:
    """``1 map``, ``20 maps``."""
    return f"{integer(count)} {noun}" if count == 1 else f"{integer(count)} {noun}s"


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
