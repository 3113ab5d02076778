"""What a mistyped word or path may have meant: the closest of those that there are, or nothing."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from itertools import islice

from niicorr.errors import NoMapError, UsageError
from niicorr.tables import path_text, printable

CLOSE = 0.75
"""How alike two spellings must be, as `difflib` counts it; one letter in four may be wrong."""

MOST_NAMES = 5000
"""So many names of a folder are looked at."""

_SUFFIX = re.compile(r"(\.[A-Za-z][A-Za-z0-9]{0,5}){1,2}$")


def closest(word: str, known: Iterable[str], least: float = CLOSE) -> str:
    """Return the known word that is most like one that is not known; empty where none is close.

    Examples
    --------
    >>> closest("mni125", ["auto", "none", "mni152"]), closest("brain", ["auto", "none", "mni152"])
    ('mni152', '')
    """
    import difflib  # which costs what few calls need

    folded = {name.casefold(): name for name in known}
    found = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=least)
    return folded[found[0]] if found else ""


def closest_path(path: str) -> str:
    """Return the path that one at which nothing is may have meant; empty where none is close.

    The first of its names that is not there is looked for among those that lie beside it. Names that differ in a
    number are other subjects or sessions, not other spellings.
    """
    lost, below = path.rstrip(os.sep), list[str]()
    while lost and not os.path.isdir(os.path.dirname(lost) or os.curdir):
        below.insert(0, os.path.basename(lost))
        lost = os.path.dirname(lost)
    folder, name = os.path.split(lost)
    rest = os.path.join("", *below)
    try:
        with os.scandir(folder or os.curdir) as entries:
            names = [entry.name for entry in islice(entries, MOST_NAMES)]
    except (OSError, ValueError):
        return ""
    found = _closest_name(name, names)
    if not found:
        return ""
    place = os.path.join(folder, found)
    whole = os.path.join(place, rest)
    if rest and (glob.glob(whole) if glob.has_magic(rest) else os.path.exists(whole)):
        place = whole
    elif rest and not os.path.isdir(place):
        return ""
    return place if not os.path.isdir(place) else os.path.join(place, "")


def advised(problem: NoMapError) -> NoMapError:
    """Say of a path that leads to nothing which one may have been meant."""
    meant = closest_path(problem.path)
    return NoMapError(problem.path, problem.reason, f"did you mean {path_text(meant)}?") if meant else problem


def hint(path: str) -> str:
    """Return ``; did you mean maps/?`` of a path at which nothing is; empty where none is close."""
    meant = closest_path(path)
    return f"; did you mean {path_text(meant)}?" if meant else ""


def demand_word(option: str, value: object, known: tuple[str, ...]) -> None:
    """Refuse a value that stands for no file, and looks like a word, or is nearly one of those an option takes.

    Others are taken for files, whose reader says that they are not there.

    Raises
    ------
    UsageError
        Naming the words, and the one that may have been meant.
    """
    if not isinstance(value, str) or value in known or "\0" in value or os.path.lexists(os.path.expanduser(value)):
        return
    looks_like_word = value != "" and "." not in value and os.path.basename(value) == value
    begun = [word for word in known if looks_like_word and word.casefold().startswith(value.casefold())]
    meant = closest(value, known) or "".join(begun[:1])
    if meant or looks_like_word:
        raise UsageError(f"{option} {printable(value)}: neither a file nor one of the words {', '.join(known)}"
                         + (f"; did you mean {meant}?" if meant else ""))


def _closest_name(name: str, names: Iterable[str]) -> str:
    """Return the name most like another: with what files of images end in, and without it."""
    if not name or glob.has_magic(name):
        return ""
    import difflib

    numbers = re.findall(r"\d+", name)
    known = {other.casefold(): other for other in names if not other.startswith(".")
             and re.findall(r"\d+", other) == numbers}
    if name.casefold() in known:
        return known[name.casefold()] if known[name.casefold()] != name else ""
    for found in difflib.get_close_matches(name.casefold(), known, n=5, cutoff=CLOSE):
        stem, other = (_SUFFIX.sub("", text) for text in (name.casefold(), found))
        # a.nii and b.nii have most of their letters in common, and no more than that.
        if difflib.SequenceMatcher(None, stem, other).ratio() >= CLOSE:
            return known[found]
    return ""
