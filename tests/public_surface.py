"""What users can call, as text: every name of the library with its signature, and the help of every command.

The texts lie in ``tests/snapshots``; a change of them is a decision about other people's scripts, and is seen as such
in the change that makes it. To renew them:

    python tests/public_surface.py
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import os
from pathlib import Path

import niicorr
from niicorr.cli.parser import make_parser

FOLDER = Path(__file__).parent / "snapshots"
WIDTH = 100


def texts():
    """Names of files, and what must stand in them."""
    return {"api.txt": api(), **{file_name(command): text for command, text in helps().items()}}


def file_name(command):
    """Where the help of a command lies."""
    return "-".join(["help", *command.split()]) + ".txt"


def api():
    """Every public name: signatures of functions; of classes their parents, fields, methods and properties."""
    lines = []
    for name in niicorr.__all__:
        what = getattr(niicorr, name)
        if inspect.isclass(what):
            parents = ", ".join(parent.__name__ for parent in what.__bases__ if parent is not object)
            lines += [f"class {name}({parents})" if parents else f"class {name}", *_members(what)]
        elif callable(what):
            lines += [f"{name}{_signature(what)}"]
        else:
            lines += [f"{name}: {type(what).__name__}"]
        lines.append("")
    return "\n".join(lines)


def _members(kind):
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            needed = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
            yield f"    {field.name}: {field.type}{'' if needed else ' = …'}"
    elif "__init__" in vars(kind):
        yield f"    {kind.__name__}{_signature(kind)}"
    for name, member in sorted(vars(kind).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, property) or type(member).__name__ == "cached_property":
            yield f"    .{name}"
        elif isinstance(member, classmethod | staticmethod):
            yield f"    {type(member).__name__} {name}{_signature(member.__func__)}"
        elif inspect.isfunction(member):
            yield f"    {name}{_signature(member)}"


def _signature(what):
    """One parameter a line where there are many, so that a change shows as the line that it is."""
    signature, parameters, shown = inspect.signature(what), [], {"*": False}
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not shown["*"]:
            parameters.append("*")
        shown["*"] |= parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_POSITIONAL)
        stars = {parameter.VAR_POSITIONAL: "*", parameter.VAR_KEYWORD: "**"}.get(parameter.kind, "")
        kind = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        parameters.append(f"{stars}{parameter.name}{kind}{default}")
    answer = "" if signature.return_annotation is signature.empty else f" -> {signature.return_annotation}"
    text = f"({', '.join(parameters)}){answer}"
    return text if len(text) <= WIDTH else "(\n" + "".join(f"        {one},\n" for one in parameters) + f"    ){answer}"


def helps():
    """What ``niicorr COMMAND --help`` and ``--help-all`` say on a page of 100 columns, by command."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "NO_COLOR")}
    os.environ |= {"COLUMNS": str(WIDTH), "NO_COLOR": "1"}
    try:
        return dict(_helps(make_parser(), ""))
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _helps(parser, command):
    yield command, _lines(parser.short_help())
    if "--help-all" in parser._option_string_actions:
        yield f"{command} all", _lines(parser.format_help())
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from _helps(below, f"{command} {name}".strip())


def _lines(text):
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    found = texts()
    for path in FOLDER.glob("*.txt"):
        if path.name not in found:
            path.unlink()
    for name, text in found.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{len(found)} texts in {FOLDER}")
