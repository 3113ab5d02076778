"""What is built: the same bytes from the same source wherever and whenever, and in the wheel what it should hold.

    python .ci/built.py          needs the packages build and hatchling

Builds wheel and sdist of a copy of the tree, then of what that sdist unpacks to (another folder, other times of
change, another umask), and compares bytes. SOURCE_DATE_EPOCH is the date of the last commit where git knows one.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ALLOWED = re.compile(r"""
    niicorr/(?:[a-z0-9_]+/)*[a-z0-9_]+\.py
    | niicorr/py\.typed
    | niicorr/webpage/page/(?:page\.css | page\.html\.j2 | scripts/[a-z_]+\.js)
    | niicorr-[0-9][^/]*\.dist-info/(?:METADATA | WHEEL | RECORD | entry_points\.txt | licenses/LICENSE)
    """, re.VERBOSE)
"""Everything that a wheel may hold: code, its type marker, the page's parts, and what a wheel is made of."""

NEEDED = ("niicorr/__init__.py", "niicorr/__main__.py", "niicorr/py.typed", "niicorr/webpage/page/page.html.j2",
          "niicorr/webpage/page/page.css", "niicorr/webpage/page/scripts/main.js")

SOURCE = ("LICENSE", "README.md", "SECURITY.md", "CHANGELOG.md", "pyproject.toml", "constraints.txt",
          "constraints-oldest.txt", "noxfile.py", "src/niicorr/py.typed", "tests/conftest.py")
"""Some of what the sdist must hold, so that whoever packages it can test it."""


def main() -> int:
    """Build twice, print what was found, and return 1 where something is wrong."""
    with tempfile.TemporaryDirectory() as work:
        first, second = Path(work, "first"), Path(work, "second")
        built(ROOT, first)
        (sdist,) = first.glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            known = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # not before Python 3.11.4
            archive.extractall(Path(work, "elsewhere"), **known)
        (elsewhere,) = Path(work, "elsewhere").iterdir()
        for path in elsewhere.rglob("*"):
            os.utime(path, (1_000_000_000, 1_000_000_000))
        built(elsewhere, second, umask=0o077)
        complaints = [*different(first, second)]
        (wheel,) = first.glob("*.whl")
        complaints += [*wrong_in_wheel(wheel), *missing_in_sdist(sdist)]
        for path in sorted(first.iterdir()):
            print(f"{digest(path)}  {path.name}  {path.stat().st_size / 2**20:.2f} MiB")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    print("built twice: " + ("the same bytes, and what it should hold" if not complaints else "not as it should be"))
    return int(bool(complaints))


def built(tree: Path, out: Path, umask: int = 0o022) -> None:
    """Build wheel and sdist of a tree."""
    date = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    epoch = date.stdout.strip() or "1700000000"
    before = os.umask(umask)
    try:
        subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(tree)], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "SOURCE_DATE_EPOCH": epoch})
    finally:
        os.umask(before)


def different(first: Path, second: Path) -> list[str]:
    """Name files that the two builds do not share byte for byte."""
    names = sorted({path.name for folder in (first, second) for path in folder.iterdir()})
    return [f"{name}: two builds differ" for name in names
            if not all((folder / name).exists() for folder in (first, second))
            or digest(first / name) != digest(second / name)]


def wrong_in_wheel(wheel: Path) -> list[str]:
    """Name what a wheel holds and should not, or lacks."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    found = [f"{wheel.name} holds {name}" for name in names if not ALLOWED.fullmatch(name)]
    found += [f"{wheel.name} lacks {name}" for name in NEEDED if name not in names]
    if not any(name.endswith("licenses/LICENSE") for name in names):
        found.append(f"{wheel.name} lacks the licence")
    modules = {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src").rglob("*.py")}
    return found + [f"{wheel.name} lacks {name}" for name in sorted(modules - set(names))]


def missing_in_sdist(sdist: Path) -> list[str]:
    """Name what whoever packages niicorr would miss."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return [f"{sdist.name} lacks {name}" for name in SOURCE if name not in names]


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
