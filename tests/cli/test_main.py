"""From arguments to an exit code, whatever happens on the way."""

from __future__ import annotations

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from niicorr import errors
from niicorr._version import __version__
from niicorr.cli import commands
from niicorr.cli.main import Terminated, main

RUN = ["run", "-x", "a.nii", "-o", "never-written"]


@pytest.fixture
def ends(monkeypatch, capsys):
    """Have the command raise; return exit code and what was said."""

    def end(error, argv=RUN):
        def command(*_args):
            if error is not None:
                raise error
            return 0

        monkeypatch.setattr(commands, "run", command)
        code = main(argv)
        captured = capsys.readouterr()
        assert captured.out == ""
        return code, captured.err

    return end


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (None, 0, ""),
        (errors.UsageError("wrong option"), 2, "wrong option"),
        (errors.InputError("bad input"), 3, "bad input"),
        (errors.MapError("a.nii", "broken"), 3, "a.nii: broken"),
        (errors.UnusableMapsError([errors.MapError("a.nii", "broken")], 1), 3, "1 of 1 map cannot be used"),
        (errors.ResourceError("no room"), 4, "no room"),
        (MemoryError(), 4, "--memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Terminated(), 143, "terminated"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_exit_codes(ends, error, code, words):
    found, said = ends(error)
    assert found == code
    assert words in said
    assert "Traceback" not in said
    assert said.count("more:  docs/") == (1 if isinstance(error, errors.NiicorrError | MemoryError) else 0)


@pytest.mark.parametrize(("more", "page"), [
    (["--mask", "none.nii"], "howto/masks"), (["--atlas", "none.nii"], "tutorials/regions"),
    (["--partial", "none.nii"], "howto/partial-and-weighted"), (["--cache", "."], "tutorials/thousands"),
    (["-o", "."], "reference/files"), (["--zeros", "none"], "reference/command-line"),
    (["-y", "none.nii"], "howto/refused"),
])
def test_an_error_names_the_page_of_its_subject(tmp_path, monkeypatch, capsys, more, page):
    monkeypatch.chdir(tmp_path)
    values = np.random.default_rng(0).standard_normal((2, 6, 6, 6)).astype("float32")
    for name, value in zip("ab", values, strict=True):
        nib.save(nib.Nifti1Image(value, np.eye(4)), f"{name}.nii")
    assert main(["run", "-x", "a.nii", "b.nii", *([] if "-o" in more else ["-o", "out"]), *more]) in (2, 3)
    assert capsys.readouterr().err.splitlines()[-1] == f"more:  docs/{page}.md"


@pytest.mark.parametrize("error", [ValueError("odd"), OSError("odd"), AssertionError("odd"), ZeroDivisionError("odd")])
def test_anything_else_is_a_bug_and_says_where_to_report_it(ends, error):
    code, said = ends(error, [*RUN, "--mask", "esc\x1b[31m.nii"])
    assert code == 1
    for words in ("Traceback", "odd", f"bug in niicorr {__version__}", "report", "niicorr 'run' '-x' 'a.nii'"):
        assert words in said
    assert "\x1b" not in said


def test_wrong_usage_needs_no_command(capsys):
    assert main([]) == 2
    assert main(["run"]) == 2
    assert main(["rois", "bold.nii"]) == 2
    assert main(["run", "-x", "a.nii", "--scheduler", "smoke://signals"]) == 2
    said = capsys.readouterr().err
    assert "which command" in said
    assert "smoke://signals is no address of a scheduler" in said


@pytest.mark.parametrize("argv", [["--help"], ["run", "--help"], ["check", "-h"], ["demo", "-h"]])
def test_help_goes_to_standard_output(capsys, argv):
    assert main(argv) == 0
    captured = capsys.readouterr()
    command = f" {argv[0]}" if len(argv) > 1 else ""
    assert captured.out.startswith(f"usage: niicorr{command} ")
    assert captured.err == ""


def test_the_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"niicorr {__version__}\n"


def test_help_as_a_program_imports_nothing_heavy():
    code = ("import sys; from niicorr.cli.main import main; main(['--help']); "
            "print({'numpy', 'rich', 'nibabel'} & set(sys.modules))")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.endswith("set()\n")


def test_a_closed_standard_error_costs_nothing(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["run"]) == 2
    monkeypatch.setattr(commands, "run", lambda *_args: 1 / 0)
    assert main(RUN) == 1


@pytest.mark.parametrize(("signal_", "code", "word"), [(KeyboardInterrupt, 130, "interrupted"),
                                                       (Terminated, 143, "terminated")])
def test_what_breaks_off_after_writing_says_that_the_result_stands(tmp_path, monkeypatch, capsys, signal_, code, word):
    def broken(*_args, **_more):
        raise signal_

    monkeypatch.setattr("niicorr.cli.terminal.Terminal.run_report", broken)
    assert main(["demo", "-o", str(tmp_path / "out"), "--no-figures", "--no-report"]) == code
    said = " ".join(capsys.readouterr().err.split())
    assert word in said
    assert "is complete" in said
    assert "nothing was written" not in said
    assert (tmp_path / "out" / "correlations.csv").exists()
