"""Real maps: where they lie, and a watch that no test changes them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _folder() -> Path:
    """Where the maps should be: NIICORR_DATA, or beside the checkout."""
    named = os.environ.get("NIICORR_DATA")
    return Path(named) if named else ROOT.parent / "shared" / "data"


def _contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def data():
    """The folder of real maps; its files are the same before and after."""
    folder = _folder()
    if not (folder / "manifest.tsv").is_file():
        pytest.skip(f"no real maps in {folder}: set NIICORR_DATA to the folder that holds manifest.tsv")
    before = _contents(folder)
    yield folder
    assert _contents(folder) == before, "a test changed the real maps"


@pytest.fixture(scope="session")
def reference(data):
    """Rows of matrix_20x9.tsv: labels, paths and, for x, the values."""
    with open(data / "matrix_20x9.tsv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture
def niicorr(capfd, tmp_path, monkeypatch):
    """Run the command line in this process, in an empty folder; returns (exit code, stdout, stderr)."""
    from niicorr.cli.main import main

    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*argv):
        capfd.readouterr()
        code = main([str(arg) for arg in argv])
        return (code, *capfd.readouterr())

    return call
