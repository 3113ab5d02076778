"""``python -m tests.mutants``: draw mutants of each room, run them with mutmut, count what no test saw."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from random import Random

ROOMS = {
    "similarities": ("compute/", "ranks", "inference"),
    "null models": ("nulls/",),
    "readers": ("images/",),
}
"""What belongs together in the table, by the beginning of a module's place."""

MUTANTS = Path("mutants/src/niicorr")
SURVIVED, UNSEEN = 0, (5, 33)
"""mutmut's exit codes: of tests that passed all the same, and where no test comes by."""

QUICK = "niicorr.inference.x_holm__*"
"""A few mutants: with them mutmut makes all others, and finds out which tests reach what."""


def main() -> int:
    """Run a sample; exit code 0 whatever came of it, since some changes make no difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("number", type=int, nargs="?", default=420, help="mutants (420), as many of each room")
    parser.add_argument("--seed", type=int, default=0, help="the seed that they are drawn by (0)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (2)")
    options = parser.parse_args()
    _mutmut("run", "--max-children", str(options.jobs), QUICK)
    drawn = {room: draw(room, options.number // len(ROOMS), options.seed) for room in ROOMS}
    _mutmut("run", "--max-children", str(options.jobs), *[name for names in drawn.values() for name in names])
    outcomes = {name: code for codes in _codes().values() for name, code in codes.items()}
    survivors = []
    for room, names in drawn.items():
        lived = [name for name in names if outcomes[name] in (SURVIVED, *UNSEEN)]
        print(f"{room:14} {len(names):5} mutants, {len(names) - len(lived):5} killed, {len(lived):4} survived")
        survivors += lived
    for name in survivors:
        print(f"\n# {name}{'' if outcomes[name] == SURVIVED else ' (no test comes by)'}", flush=True)
        _mutmut("show", name)
    return 0


def draw(room: str, number: int, seed: int) -> list[str]:
    """Draw mutants of a room."""
    names = sorted(name for place, codes in _codes().items() if place.startswith(ROOMS[room]) for name in codes)
    return Random(f"{seed}:{room}").sample(names, min(number, len(names)))


def _codes() -> dict[str, dict[str, int | None]]:
    """How the tests of every mutant ended, by the place of its module; None where they have not been run."""
    return {str(path.relative_to(MUTANTS)): json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
            for path in MUTANTS.rglob("*.meta")}


def _mutmut(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "mutmut", *arguments], check=True)


sys.exit(main())
