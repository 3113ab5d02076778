"""What README and docs tell people to type, typed: every block of a page, in order, in one folder.

``console`` blocks are run line by line (what begins with ``$``), ``python`` blocks in one namespace. A block that needs
what a test has not (the network, a cluster) has the line ``<!-- not run: why -->`` above it.
"""

from __future__ import annotations

import argparse
import ast
import glob
import importlib
import re
import shlex
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from niicorr.cli.main import main
from niicorr.cli.parser import make_parser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^(?:<!-- (not run|ci): *([^\n]*) -->\n)?```(console|python|bash)\n(.*?)^```$", re.M | re.S)
ELSEWHERE = {"pip", "docker", "apptainer", "nox", "git", "sbatch", "python", "bash"}
"""Programs that are not ours; what they do is tried by .ci/run, or by hand."""


def blocks(page):
    """(kind, text) of every block that is to be run."""
    for mark, why, kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        assert mark == "" or why, f"{page}: a block is not run, and nobody knows why"
        if mark == "":
            yield kind, text


def commands(text):
    """The lines after a ``$``, those that go on joined."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            words = shlex.split(line[2:], comments=True)
            yield [name for word in words for name in (sorted(glob.glob(word)) if glob.has_magic(word) else [word])]


def with_blocks():
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES if any(blocks(page))]


@pytest.mark.parametrize("page", with_blocks())
def test_every_block_runs(page, folder, capsys, request):
    mpl.use("Agg")
    request.addfinalizer(lambda: plt.close("all"))
    names = {"__name__": "__main__"}
    for kind, text in blocks(page):
        if kind == "python":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(text, str(page), "exec"), names)
            continue
        for words in commands(text) if kind == "console" else [shlex.split(line) for line in text.splitlines()]:
            if words[0] in ELSEWHERE or "=" in words[0]:
                continue
            assert words[0] == "niicorr", f"{page.name}: who runs {words}?"
            code = main(words[1:])
            assert code == 0, f"{page.name}: {' '.join(words)}\n{capsys.readouterr().err}"


def not_run():
    """(page, kind, text) of the others, but for what .ci/run types."""
    for page in PAGES:
        for mark, _, kind, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if mark == "not run":
                yield pytest.param(kind, text, id=f"{page.relative_to(ROOT)}-{kind}")


@pytest.mark.parametrize(("kind", "text"), list(not_run()))
def test_a_block_that_is_not_run_would_be_understood(kind, text):
    if kind == "python":
        tree = ast.parse(text)
        imported = {a.asname or a.name: importlib.import_module(a.name)
                    for node in tree.body if isinstance(node, ast.Import) for a in node.names}
        imported |= {a.asname or a.name: importlib.import_module(f"{node.module}.{a.name}")
                     for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names}
        names = [(node.value.id, node.attr) for node in ast.walk(tree)
                 if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in imported]
        assert names
        assert [name for module, name in names if not hasattr(imported[module], name)] == []
    for words in commands(text):
        assert words[0] == "niicorr"
        make_parser().parse_args(words[1:])


FENCE = re.compile(r"^( *)(?:```|~~~)([^\n]+)$", re.M)
SHOWN = {"text"}
"""What is only looked at: a picture of a terminal, or commands of programs that a test has not."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_block_escapes(page):
    """A block of another kind, or one that is indented, would be passed over without a word."""
    for indent, kind in FENCE.findall(page.read_text(encoding="utf-8")):
        known = indent == "" and kind in {"console", "python", "bash", *SHOWN}
        assert known or kind.startswith("{"), f"{page}: {indent}{kind}"


PASSING = re.compile(r"(?:^    |`)niicorr ([^`\n;#|]*)", re.M)
"""Commands told in a line of text, or with the measurements that they made."""


def told_in_passing(page):
    """(words before the first option, options) of every command that is named outside of blocks."""
    for text in PASSING.findall(page.read_text(encoding="utf-8")):
        words = text.replace("…", " ").replace("⇥", " ").split()
        first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
        yield words[:first], [word.partition("=")[0] for word in words if word.startswith("-") and len(word) > 1]


def parser_of(words):
    """The parser of a command, found as far as words name one."""
    parser, below = make_parser(), True
    while below and words:
        below = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        if below:
            assert words[0] in below[0], f"no command {words[0]}"
            parser, words = below[0][words[0]], words[1:]
    return parser


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_is_told_in_passing_is_there(page):
    for words, options in told_in_passing(page):
        known = parser_of(words)._option_string_actions
        assert [option for option in options if option not in known] == [], words


def test_much_is_told_in_passing():
    assert sum(len(list(told_in_passing(page))) for page in PAGES) > 30


def test_the_reference_has_every_command():
    reference = (ROOT / "docs" / "reference" / "command-line.md").read_text(encoding="utf-8")
    (commands,) = [a.choices for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    assert [name for name in commands if f"## niicorr {name}\n" not in reference] == []


TEXTS = [*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "benchmarks/README.md"))]
LINK = re.compile(r"\]\(([^)#\s:]*)(?:#([^)\s]*))?\)")


def anchors(page):
    """What headings can be linked by, as GitHub and MyST make it."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    made = ROOT / "docs" / "gallery"  # by the build of the site, which checks these itself
    for name, anchor in LINK.findall(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)):
        target = (page.parent / name).resolve() if name else page
        assert target.exists() or target.is_relative_to(made), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


@pytest.mark.parametrize("name", ["search", "genindex", "py-modindex"])
def test_no_page_lies_where_sphinx_puts_its_own(name):
    """It would be overwritten without a warning."""
    assert not (ROOT / "docs" / f"{name}.md").exists()


SCRIPT = re.compile(r"\bpython (?:-m pytest )?(?:-q )?((?:benchmarks|paper|tests|\.ci)/[\w/.]+)")
TOLD = [*PAGES, ROOT / "paper" / "paper.md", ROOT / "benchmarks" / "README.md"]


@pytest.mark.parametrize("page", TOLD, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_script_that_is_named_is_there(page):
    named = SCRIPT.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_scripts_are_named():
    """Else the test above would pass with nothing to look at."""
    assert sum(len(SCRIPT.findall(page.read_text(encoding="utf-8"))) for page in TOLD) > 30
