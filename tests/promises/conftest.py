"""Fixtures of the promises: run the command line, read what it wrote, judge numbers and refusals."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from functools import cached_property
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from promised_files import write_nifti
from promised_numbers import table

from niicorr.cli.main import main

NUMBERS_ONLY = ["--null", "none", "--no-figures", "--no-report"]

def squeezed(text):
    """Text in small letters without white space: lines may be wrapped anywhere."""
    return "".join(text.split()).lower()


class Outcome:
    """Exit code, both streams, and the folder written."""

    def __init__(self, code, out, err, folder):
        self.code, self.out, self.err, self.folder = code, out, err, Path(folder)

    def __repr__(self):
        return f"exit {self.code}\n--- standard output\n{self.out}\n--- standard error\n{self.err}"

    def says(self, *words):
        """Whether standard error names all of these."""
        return all(squeezed(str(word)) in squeezed(self.err) for word in words)

    def says_any(self, *words):
        return any(self.says(word) for word in words)

    @cached_property
    def matrix(self):
        with open(self.folder / "correlations.csv", encoding="utf-8", newline="") as file:
            return list(csv.reader(file))

    @property
    def x_labels(self):
        return self.matrix[0][1:]

    @property
    def y_labels(self):
        return [row[0] for row in self.matrix[1:]]

    @cached_property
    def r(self):
        return np.array([[float(cell or "nan") for cell in row[1:]] for row in self.matrix[1:]])

    def rows(self, name):
        with open(self.folder / name, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file, delimiter="\t"))

    @cached_property
    def pairs(self):
        return self.rows("pairs.tsv")

    @cached_property
    def maps(self):
        return self.rows("maps.tsv")

    @cached_property
    def n(self):
        """Shape (rows y, columns x), from the pairs in the order of the cells."""
        return np.array([int(pair["n"]) for pair in self.pairs]).reshape(self.r.shape)

    @cached_property
    def json(self):
        def refuse(word):
            raise ValueError(f"{word} is no JSON")

        return json.loads((self.folder / "run.json").read_text(encoding="utf-8"), parse_constant=refuse)

    @cached_property
    def mask(self):
        return nib.load(self.folder / "mask.nii.gz")

    @property
    def inside(self):
        return np.asanyarray(self.mask.dataobj) != 0

    def decisions(self, label):
        """Everything decided about one map, in small letters."""
        return " ".join(row["decisions"] for row in self.maps if row["label"] == label).lower()

    def note(self, x, y):
        (note,) = [pair["note"] for pair in self.pairs if (pair["x"], pair["y"]) == (x, y)]
        return note

    def must_be(self, x_maps, y_maps, where=None, tol=1e-6):
        """Every cell and its n are what the definition says; a cell without a number is empty."""
        assert self.code == 0, self
        r, n = table(x_maps, y_maps, where)
        assert self.r.shape == r.shape
        np.testing.assert_array_equal(self.n, n, err_msg=f"n\n{self}")
        np.testing.assert_array_equal(np.isnan(self.r), np.isnan(r), err_msg=f"empty cells\n{self}")
        np.testing.assert_allclose(self.r, r, rtol=0, atol=tol, err_msg=str(self))
        assert not np.nanmax(abs(self.r), initial=0) > 1
        return self

    def must_refuse(self, *words, code=3):
        """The exit code, all these words, no traceback, nothing written, nothing left over."""
        assert self.code == code, self
        assert "Traceback" not in self.err + self.out, self
        for word in words:
            assert self.says(word), f"does not say {word!r}\n{self}"
        assert not self.folder.exists() or not any(self.folder.iterdir()), self
        left = [name for name in os.listdir(self.folder.parent) if name.startswith(".")]
        assert not left, f"left over: {left}"
        return self


class Study:
    """Two sets of maps on disk, and runs over them."""

    def __init__(self, tmp_path, capfd):
        self.tmp, self.capfd = tmp_path, capfd
        self.work = tmp_path / "work"
        self.work.mkdir()
        self.out = self.work / "out"
        self.x_paths, self.y_paths = [], []

    def x(self, name, data, *args, write=write_nifti, **kwargs):
        path = write(self.tmp / "x" / name, data, *args, **kwargs)
        self.x_paths.append(str(path))
        return path

    def y(self, name, data, *args, write=write_nifti, **kwargs):
        path = write(self.tmp / "y" / name, data, *args, **kwargs)
        self.y_paths.append(str(path))
        return path

    def call(self, *argv, folder=None):
        """Run the command line in this process."""
        self.capfd.readouterr()
        try:
            code = main([str(arg) for arg in argv])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        out, err = self.capfd.readouterr()
        return Outcome(code, out, err, folder or self.out)

    def sets(self):
        return ["-x", *self.x_paths, *(["-y", *self.y_paths] if self.y_paths else [])]

    def run(self, *options, out=None):
        """``niicorr run`` of both sets, numbers only."""
        out = out or self.out
        return self.call("run", *self.sets(), "-o", out, *NUMBERS_ONLY, *options, folder=out)

    def check(self, *options):
        return self.call("check", *self.sets(), *options)


@pytest.fixture(autouse=True)
def _wide_plain_terminal(monkeypatch):
    """The streams are no terminal, and nothing in the environment pretends otherwise."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def study(tmp_path, capfd, monkeypatch):
    study = Study(tmp_path, capfd)
    monkeypatch.chdir(study.work)
    return study


@pytest.fixture
def process(tmp_path):
    """Run the command line as a process of its own; standard error ends with its peak memory in KiB."""
    program = (
        "import sys\n"
        "from niicorr.cli.main import main\n"
        "try:\n"
        "    code = main(sys.argv[1:])\n"
        "finally:\n"
        # ru_maxrss would be inherited from the test process; the high-water mark of the new image is not.
        "    peak = [l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')]\n"
        "    print(f'\\npeak={peak[0]}', file=sys.stderr)\n"
        "sys.exit(code)\n"
    )

    def run(*argv, timeout=60, env=None, folder=None, **kwargs):
        done = subprocess.run(
            [sys.executable, "-c", program, *map(os.fsencode, argv)],
            capture_output=True, timeout=timeout, env=env, check=False, **kwargs,
        )  # fmt: skip
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        outcome = Outcome(done.returncode, out, err, folder or tmp_path / "work" / "out")
        outcome.peak_mib = int(err.rsplit("peak=", 1)[1].split()[0]) / 1024 if "peak=" in err else 0
        return outcome

    return run
