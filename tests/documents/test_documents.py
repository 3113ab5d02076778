"""What README and docs tell people to type, typed: every block of a page, in order, in one folder.

``console`` blocks are run line by line (what begins with ``$``), ``python`` blocks in one namespace. A block that needs
what a test has not (the network, a cluster) has the line ``<!-- not run: why -->`` above it.
"""

from __future__ import annotations

import glob
import re
import shlex
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from niicorr.cli.main import main

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


SCRIPT = re.compile(r"\bpython (?:-m pytest )?(?:-q )?((?:benchmarks|paper|tests|\.ci)/[\w/.]+)")
TOLD = [*PAGES, ROOT / "paper" / "paper.md", ROOT / "benchmarks" / "README.md"]


@pytest.mark.parametrize("page", TOLD, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_script_that_is_named_is_there(page):
    named = SCRIPT.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_scripts_are_named():
    """Else the test above would pass with nothing to look at."""
    assert sum(len(SCRIPT.findall(page.read_text(encoding="utf-8"))) for page in TOLD) > 30
