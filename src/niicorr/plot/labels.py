"""Names of maps as they stand in a figure: printable, short, distinct, and in a font that has them."""

from __future__ import annotations

import os
import re
import textwrap
from collections import Counter
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from niicorr.numerals import r_text
from niicorr.tables import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.font_manager import FontProperties

    from niicorr.records import MapRecord

LONGEST = 40
"""Longer labels lose their middle: what tells maps apart is mostly at the ends."""

WIDE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Source Han Sans SC", "PingFang SC",
    "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Nirmala UI",
    "Noto Sans", "Arial Unicode MS", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Unifont",
)  # fmt: skip
"""Fonts with more scripts than matplotlib's own, asked in this order if a label needs one."""

NO_GLYPH = r"Characters that no font here has are written as \u…: install one that has them, such as Noto Sans CJK"

MINUS, ELLIPSIS = "\N{MINUS SIGN}", "\N{HORIZONTAL ELLIPSIS}"


def shown(labels: Sequence[str], families: Sequence[str], longest: int = LONGEST) -> list[str]:
    r"""Return labels for a figure: no control characters, none over-long, all different, all drawable.

    Parameters
    ----------
    labels : sequence of str
        Unique labels.
    families : sequence of str
        The fonts there are; characters that none of them has are shown as escapes such as ``\u6050``,
        which, unlike empty boxes, still tell two maps apart.
    longest : int
        Letters that are kept.
    """
    drawable = [escape_missing(printable(label), families) for label in labels]
    short = [shorten_middle(label, longest) for label in drawable]
    seen = Counter(short)
    return [text if seen[text] == 1 else f"{text} ({i + 1})" for i, text in enumerate(short)]


def shorten_middle(text: str, longest: int = LONGEST) -> str:
    """Replace the middle of a long text by an ellipsis."""
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return text[: longest - 1 - tail] + ELLIPSIS + text[-tail:]


def natural_key(label: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Sort key under which ``run-2`` stands before ``run-10``, numbers of any length included."""
    # Odd parts are the runs of digits; without leading zeros the longer number is the larger.
    parts = re.split(r"([0-9]+)", label.casefold())
    digits = [part.lstrip("0") if i % 2 else part for i, part in enumerate(parts)]
    return [(bool(i % 2), len(part) if i % 2 else 0, part) for i, part in enumerate(digits)], label


def set_name(records: Sequence[MapRecord], fallback: str) -> str:
    """Return what a set of maps is called: the one folder all its files lie in, else the fallback."""
    folders = {os.path.dirname(record.path) for record in records}
    name = os.path.basename(folders.pop()) if len(folders) == 1 else ""
    return shorten_middle(printable(name)) if name.strip(".") else fallback


def scaled_text(value: float, exponent: int) -> str:
    """Return three digits of a number of any size, in units of 10 to a power.

    >>> scaled_text(-23456.0, 4), scaled_text(23456.0, 3), scaled_text(23456.0, 2), scaled_text(0.0, 2)
    ('−2.35', '23.5', '235', '.00')
    """
    scaled = value / 10.0**exponent
    size = abs(scaled)
    if size < 9.995:
        return r_text(scaled)
    return f"{size:.{1 if size < 99.95 else 0}f}" if scaled > 0 else f"{MINUS}{size:.{1 if size < 99.95 else 0}f}"


def exponent_of(largest: float) -> int:
    """Return the power of 10 in whose units numbers up to a largest one are short; 0 where they are as they stand."""
    return 0 if 0.1 <= largest < 100 else floor(log10(largest))


def rounded_up(value: float) -> float:
    """Round a positive number up to two digits.

    >>> rounded_up(12345.0), rounded_up(0.00021), rounded_up(30.0)
    (13000.0, 0.00021, 30.0)
    """
    unit = 10.0 ** (floor(log10(value)) - 1)
    return float(f"{ceil(round(value / unit, 6)) * unit:.2g}")


def power_text(exponent: int) -> str:
    """Write a power of ten.

    >>> power_text(4), power_text(-12)
    ('10⁴', '10⁻¹²')
    """
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def font_families(texts: Sequence[str]) -> list[str]:
    """Return the fonts set for figures and, where a text needs more, installed ones that have it."""
    import matplotlib

    families = list(matplotlib.rcParams["font.family"])
    missing = _missing("".join(texts), families)
    if missing:
        from matplotlib.font_manager import fontManager

        installed = {entry.name for entry in fontManager.ttflist}
        for family in WIDE_FONTS:
            if family in installed and (left := _missing("".join(missing), [family])) != missing:
                families.append(family)
                missing = left
    return families


def escape_missing(text: str, families: Sequence[str]) -> str:
    """Text with the characters that no font has shown as escapes."""
    missing = _missing(text, families)
    return "".join(c.encode("unicode_escape").decode("ascii") if c in missing else c for c in text)


def without_glyph(texts: Sequence[str], families: Sequence[str]) -> list[str]:
    """Return a line that says what escapes are, where some text has them."""
    return [NO_GLYPH] if _missing("".join(map(printable, texts)), families) else []


def text_width(texts: Sequence[str], font: FontProperties) -> float:
    """Width of the widest text in points."""
    from matplotlib.backends.backend_agg import RendererAgg

    renderer: Any = RendererAgg(1, 1, 72)  # type: ignore[no-untyped-call]  # matplotlib's
    measured = (renderer.get_text_width_height_descent(text, font, ismath=False) for text in texts if text)
    return max((width for width, _, _ in measured), default=0.0)


def wrapped(text: str, inches: float, size: float, families: Sequence[str]) -> list[str]:
    """Break a text of some size in points into lines of at most some inches."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family=list(families), size=size)
    # Small fonts are hinted wider on coarse screens than they measure.
    room = 0.96 * inches * 72
    letters = max(int(room / (0.4 * size)), 20)
    lines = textwrap.wrap(text, letters)
    while text_width(lines, font) > room and letters > 20:
        letters -= 2
        lines = textwrap.wrap(text, letters)
    return lines


def _missing(text: str, families: Sequence[str]) -> set[str]:
    """Characters that none of the fonts has."""
    # Latin letters are in every font; no file is opened for them.
    unusual = {char for char in text if ord(char) > 0x24F}
    if not unusual:
        return unusual
    from matplotlib.font_manager import FontProperties, findfont, get_font

    for family in families:
        glyphs = get_font(findfont(FontProperties(family=[family]))).get_charmap()
        unusual = {char for char in unusual if ord(char) not in glyphs}
    return unusual
