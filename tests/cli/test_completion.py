"""Completion, as a real bash asks for it."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from niicorr.cli.main import main
from niicorr.cli.parser import make_parser

BASH = shutil.which("bash")

ASK = """
eval "$(niicorr completion bash)"
COMP_WORDS=("$@"); COMP_LINE="$*"; COMP_CWORD=$(($# - 1)); COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
function=$(complete -p niicorr | sed 's/.*-F \\([^ ]*\\).*/\\1/')
$function niicorr "${COMP_WORDS[COMP_CWORD]}" ""
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with maps and other files, and the program of this Python first among programs."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "niicorr"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m niicorr "$@"\n')
    program.chmod(0o755)
    (tmp_path / "work" / "maps").mkdir(parents=True)
    for name in ("fear.nii", "fast.nii.gz", "far.md", "two words.nii"):
        (tmp_path / "work" / name).touch()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return tmp_path / "work"


@pytest.mark.skipif(BASH is None, reason="no bash here")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        (["s"], {"search "}),
        (["r"], {"run", "rois", "report"}),
        (["run", "--meth"], {"--method "}),
        (["run", "--atl"], {"--atlas "}),
        (["report", "--atl"], set()),
        (["run", "--method", ""], {"pearson", "spearman", "cosine", "concordance", "bicor", "dice"}),
        (["run", "--method", "sp"], {"spearman "}),
        (["run", "--mask", "m"], {"mni152", "maps/"}),
        (["run", "--atlas", "schaefer"], {"schaefer100", "schaefer1000"}),
        (["run", "-x", "f"], {"fear.nii", "fast.nii.gz"}),  # far.md is no map
        (["run", "-x", "fear.nii", "f"], {"fear.nii", "fast.nii.gz"}),
        (["run", "-x", "tw"], {"two\\ words.nii "}),
        (["run", "-x", "fear.nii", "--labels", "far"], {"far.md "}),
        (["run", "--jobs", ""], set()),
        (["cache", "i"], {"info "}),
        (["cache", "info", ""], {"maps/"}),
        (["rois", "f"], {"fear.nii", "fast.nii.gz"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
    ], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_bash_is_told_what_may_follow(place, line, offered):
    asked = subprocess.run([BASH, "--norc", "-c", ASK, "-", "niicorr", *line], capture_output=True, text=True,
                           check=True)
    assert asked.stderr == ""
    assert set(asked.stdout.splitlines()) - {""} == offered


@pytest.mark.skipif(BASH is None, reason="no bash here")
def test_tab_in_a_terminal(place):
    """Typed at a prompt: a command, an option, a word and a file, each begun and left to Tab."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe(BASH, [BASH, "--norc", "--noprofile", "-i"],
                   {**os.environ, "PS1": "> ", "TERM": "dumb", "INPUTRC": os.devnull})
    try:
        os.write(terminal, b'eval "$(niicorr completion bash)"; echo rea"dy"\n')
        assert _until(terminal, r"ready\r\n.*> $")
        for typed, becomes in (("niicorr che", "niicorr check "), ("--met", "--method "), ("spe", "spearman "),
                               ("-x fea", "-x fear.nii ")):
            os.write(terminal, f"{typed}\t".encode())
            assert _until(terminal, re.escape(becomes) + "$"), becomes
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def _until(terminal, pattern, seconds=60):
    """Read until the terminal has said it."""
    said, end = b"", time.monotonic() + seconds
    while not (found := re.search(pattern, said.decode(errors="replace"))) and time.monotonic() < end:
        if select.select([terminal], [], [], 1)[0]:
            said += os.read(terminal, 4096)
    return found


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_a_shell_must_read(shell, capsys):
    assert main(["completion", shell]) == 0
    said = capsys.readouterr()
    assert "_ARGCOMPLETE" in said.out
    assert "niicorr" in said.out
    assert said.err == ""
    program = shutil.which(shell)
    if program is not None:  # which reads it without a complaint
        read = subprocess.run([program, "-n"], input=said.out, capture_output=True, text=True, check=False)
        assert (read.returncode, read.stderr) == (0, "")


def test_an_unknown_shell_is_refused(capsys):
    assert main(["completion", "tcsh"]) == 2
    assert "bash" in capsys.readouterr().err


def test_nothing_is_loaded_for_it_otherwise():
    code = ("import sys; from niicorr.cli.main import main; main(['run', '--help']); "
            "sys.exit(bool({'argcomplete', 'numpy'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_completing_loads_nothing_heavy(place):
    code = ("import os, sys; sys.argv = ['niicorr']; from niicorr.cli.completion import answer\n"
            "heavy = {'numpy', 'scipy', 'nibabel'}\n"
            "os._exit = lambda code: print(sorted(heavy & set(sys.modules))) or sys.exit(code)\n"
            "answer()")
    line = "niicorr run --atlas "
    asked = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)),
             "_ARGCOMPLETE_STDOUT_FILENAME": str(place / "said")})
    assert asked.stdout == "[]\n"
    assert "schaefer100" in (place / "said").read_text()


def test_every_argument_has_what_completes_it():
    """A new option of files or words must be named in `completion`, or takes numbers."""
    from niicorr.cli.completion import FILES, WORDS

    numbers = {"threshold", "n_surrogates", "seed", "repeats", "min_coverage", "memory", "jobs", "max_map_size",
               "low_pass", "high_pass", "t_r", "strategy"}  # and columns of a table
    found = {action.dest for parser in _all(make_parser()) for action in parser._actions
             if action.choices is None and action.nargs != 0}
    assert found - numbers == {name for name in FILES | set(WORDS) if name in found}


def _all(parser):
    yield parser
    for below in parser.commands.values():
        yield from _all(below)
