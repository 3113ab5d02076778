"""A directive that writes the reference of a command from the parser itself, so that the two cannot differ.

```{command} run
```
"""

from __future__ import annotations

import argparse
import re
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive

from niicorr.cli.parser import make_parser

CODE = re.compile(r"(`[^`]+`|(?<![\w-])--[a-z][a-z-]*)")


class Command(Directive):
    """Usage, and each group of options as a list of definitions."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Write what ``niicorr COMMAND --help`` says."""
        parser: Any = make_parser()
        for word in self.arguments[0].split():
            parser = _below(parser)[word]
        # The first lines of --help-all: format_usage() would list every option, as the list below does.
        usage = parser.format_help().partition("\n\n")[0].removeprefix("usage: ").strip()
        made: list[nodes.Node] = [nodes.paragraph("", "", *_set(parser.description or ""))]
        made.append(nodes.literal_block(usage, usage, language="text"))
        for group in parser._action_groups:
            actions = [a for a in group._group_actions if a.help is not argparse.SUPPRESS]
            if not actions:
                continue
            if group.title not in ("options", "positional arguments"):
                made.append(nodes.rubric(text=group.title.replace("`", "")))
            made.append(nodes.definition_list("", *(_item(parser, action) for action in actions)))
        return made


def _item(parser: argparse.ArgumentParser, action: argparse.Action) -> nodes.definition_list_item:
    formatter = parser._get_formatter()
    name = formatter._format_action_invocation(action)
    text = formatter._expand_help(action) if action.help else ""
    term = nodes.term("", "", nodes.literal(text=name))
    return nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph("", "", *_set(text))))


def _set(text: str) -> list[nodes.Node]:
    """What stands between backticks, and names of options, are code (and keep both hyphens)."""
    return [nodes.literal(text=part.strip("`")) if k % 2 else nodes.Text(part)
            for k, part in enumerate(CODE.split(text))]


def _below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    (choices,) = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(choices)


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx of the directive."""
    app.add_directive("command", Command)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
