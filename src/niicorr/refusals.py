"""Maps that cannot be used: all of them in one error, or one warning where a run goes on without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from niicorr.errors import LISTED_PROBLEMS, InputError, NiicorrError, NoMapError, UnusableMapsError
from niicorr.images.survey import Survey
from niicorr.numerals import integer
from niicorr.options import Options


@dataclass(frozen=True)
class Skipping:
    """What goes on without some maps, in words.

    Parameters
    ----------
    does : str
        What it does with them; empty where to skip them is no way out.
    nothing_left : str
        What is said where no other map is there, with ``{}`` for the sets.
    """

    does: str
    nothing_left: str


COMPARING = Skipping("leave {its} cells empty", "No map {}is left to compare.")
NOTHING = Skipping("", COMPARING.nothing_left)


def stopped_by(
    error: NiicorrError, sets: Sequence[Survey], options: Options, way: Skipping = COMPARING
) -> NiicorrError:
    """What stopped the way to a sampling, behind all maps that cannot be used where those alone would stop it."""
    problems, total = [p for s in sets for p in s.problems], sum(len(s.maps) for s in sets)
    if not problems or (options.on_error == "skip" and len(problems) < total):
        return error
    return _unusable(sets, "" if len(problems) == total else str(error), way)


def refusal(sets: Sequence[Survey], options: Options, way: Skipping = COMPARING) -> NiicorrError | None:
    """All maps that cannot be used, as one error; None where the run may go on without them.

    ``way`` says what it would do with them then.
    """
    problems = [p for s in sets for p in s.problems]
    if not problems or (options.on_error == "skip" and all(len(s.problems) < len(s.maps) for s in sets)):
        return None
    return _unusable(sets, "", way)


def astray(sets: Sequence[Survey], options: Options) -> tuple[str, ...]:
    """Warn of paths that lead to no map and are skipped: a mistyped folder is one cell, and may have been hundreds."""
    told = []
    for k, s in enumerate(sets):
        lost = _once([p for p in s.problems if isinstance(p, NoMapError)])
        if options.on_error != "skip" or not lost:
            continue
        name, one, many = (("", "its row and column stay", "their rows and columns stay") if len(sets) == 1 else
                           (("x: ", "its column stays", "their columns stay"),
                            ("y: ", "its row stays", "their rows stay"))[k])
        what = f"1 path leads to no map, and {one}" if len(lost) == 1 else (
            f"{integer(len(lost))} paths lead to no map, and {many}")
        named = [f"{p.path} ({p.text})" for p in lost[:LISTED_PROBLEMS]]
        more = [f"{integer(len(lost) - LISTED_PROBLEMS)} more"] if len(lost) > LISTED_PROBLEMS else []
        told.append(f"{name}{what} empty: {'; '.join([*named, *more])}")
    return tuple(told)


def nothing_left(sets: Sequence[Survey]) -> InputError:
    """Say why no pair has a number."""
    why = "every pair has too little in common, or a constant map"
    if any(s.problems for s in sets):
        return _unusable(sets, f"No pair of the other maps has a number: {why}.", NOTHING)
    return InputError(f"no pair of maps has a number: {why}")


def _unusable(sets: Sequence[Survey], besides: str, way: Skipping) -> UnusableMapsError:
    """All maps that cannot be used; to skip them is no way out where that leaves nothing of a set."""
    names = ("of x ", "of y ") if len(sets) > 1 else ("",)
    lost = [name for name, s in zip(names, sets, strict=True) if len(s.problems) == len(s.maps)]
    does = way.does
    if lost:
        left = way.nothing_left.format("or ".join(lost))
        besides, does = f"{left}\nBesides: {besides}" if besides else left, ""
    problems = _once([p for s in sets for p in s.problems])
    return UnusableMapsError(problems, sum(len(s.maps) for s in sets), besides, does)


def _once(problems: list[Any]) -> list[Any]:
    """A file with many maps, or one in both sets, is named once."""
    return list({(p.path, p.text): p for p in problems}.values())
