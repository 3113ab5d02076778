"""The page itself: a frame, a style sheet and scripts, put into one file that needs nothing beside it.

The scripts are modules that can be read, typed and tried one by one; in the page they stand after each other in one
script element, since a page that is opened from disk cannot import. What the page may do is written in its head as a
Content-Security-Policy with the hashes of that script and that style sheet: whatever a name or a note holds, nothing
else runs, and nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

ENTRY = "main"
"""The module that starts the page; all others are what it imports, directly or not."""

_IMPORT = re.compile(r'^import \{ ([^}]*) \} from "\./([a-z_]+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) )(\w+)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*/\*\*(?:[^*]|\*(?!/))*\*/\n|^[ \t]*//[^\n]*\n", re.MULTILINE)


def page_html(title: str, data: str, *, side_files: bool = False) -> str:
    """Put a report together.

    Parameters
    ----------
    title : str
        Plain text.
    data : str
        The payload as JSON in which ``<``, ``>``, ``&``, U+2028 and U+2029 are escaped.
    side_files : bool
        Whether maps come from files beside the page, which it must then be allowed to load.

    Returns
    -------
    str
        The page; to be written in UTF-8 with its line ends as they are, since hashes count them.
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    frame = (_room() / "page.html.j2").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True).from_string(frame)
    return template.render(
        title=title,
        policy=policy(side_files),
        # Each of the three is made so that it cannot end its element.
        style=Markup(style()),
        script=Markup(script()),
        data=Markup(data),
    )


def policy(side_files: bool) -> str:
    """Return what the page may do: run its own script, use its own style, show pictures that are inside it."""
    beside = " file: 'self'" if side_files else ""
    return "; ".join((
        "default-src 'none'",
        f"script-src '{_hash(script())}'{beside}",
        f"style-src '{_hash(style())}'",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types niicorr" if side_files else "trusted-types 'none'",
    ))


@cache
def style() -> str:
    """Return the style sheet."""
    return (_room() / "page.css").read_text(encoding="utf-8")


@cache
def script() -> str:
    """Return all modules as one script, without their comments.

    Each module is a function that returns what it exports, and stands after those that it imports from.
    """
    functions: dict[str, str] = {}
    exported: dict[str, set[str]] = {}

    def take(name: str, importing: tuple[str, ...]) -> None:
        if name in importing:
            raise ValueError(f"scripts import each other in a circle: {' → '.join((*importing, name))}")
        if name not in functions:
            text = (_room() / "scripts" / f"{name}.js").read_text(encoding="utf-8")
            for names, other in _IMPORT.findall(text):
                take(other, (*importing, name))
                if missing := set(names.split(", ")) - exported[other]:
                    raise ValueError(f"{name}.js imports what {other}.js does not export: {', '.join(sorted(missing))}")
            exported[name] = {what for _, what in _EXPORT.findall(text)}
            functions[name] = _function(name, text)

    take(ENTRY, ())
    return "".join(functions.values())


def _function(name: str, text: str) -> str:
    exported = ", ".join(what for _, what in _EXPORT.findall(text))
    text = _COMMENT.sub("", _EXPORT.sub(r"\1\2", _IMPORT.sub(r"const { \1 } = $\2;\n", text)))
    return f"const ${name} = (() => {{\n{text.strip()}\nreturn {{ {exported} }};\n}})();\n"


def _room() -> Traversable:
    return files(__name__)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
