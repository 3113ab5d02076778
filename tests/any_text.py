"""Text of any characters at all, and what it must look like when it is shown; without any code of niicorr."""

from __future__ import annotations

import unicodedata

from hypothesis import strategies as st

EVERYTHING = range(0x110000)
"""All code points, halves of surrogate pairs included."""

FRAGMENTS = (
    "</script>", "<!--", "-->", "]]>", "<img src=x onerror=alert(1)>", "'\"`", "&lt;", "&#0;", "{{ 7*7 }}",
    "=1+1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1", "''@x", "a\tb", "a\r\nb", '"', ',"', ";", "|",
    "\0", "\x1b[2J", "\x1b]0;x\x07", "\x7f", "\x9b31m", "\u2028", "\u2029", "\u0085", "\ufeff", "\ufffe", "\uffff",
    "\ud800", "\udfff", "\udc80", "\u202e", "\u2066", "\u200f", "\u061c", "\u200b", "e\u0301", "\U0001f9e0",
    "\U0010ffff", "$x^2$", "$\\frac{$", "%s", "[red]", "\\", "\\x1b", "__proto__", "nan", "NA", "1e5", " ", "",
)
"""What has meant something to HTML, XML, JSON, CSV, spreadsheets, terminals, fonts or mathematics."""

any_text = st.one_of(
    st.text(st.characters(), max_size=12),
    st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(st.characters(), max_size=2)), max_size=4).map("".join),
)

_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}
_TURNS = {0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def hidden(char):
    """Whether a character acts instead of being seen: controls, line separators, what turns text around, halves."""
    return unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") or ord(char) in _TURNS


def seen(text):
    """The text with escapes in the place of what is `hidden`."""
    return "".join(_escape(char) if hidden(char) else char for char in text)


def _escape(char):
    code = ord(char)
    return _SHORT.get(char) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def guarded(cell):
    """A cell as it stands in a table: an apostrophe before what a spreadsheet might compute."""
    return "'" + cell if cell.lstrip("'")[:1] in set("=+-@\t\r\n＝＋－＠") else cell


def unguarded(cell):
    """The name that a cell stands for."""
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'")[:1] in set("=+-@\t\r\n＝＋－＠") else cell


def distinct(texts):
    """Those texts that also look different from all before them."""
    found = {}
    for text in texts:
        found.setdefault(seen(text), text)
    return list(found.values())


def chunks(size):
    """All code points, some thousands to a text."""
    return ["".join(map(chr, EVERYTHING[k : k + size])) for k in EVERYTHING[::size]]
