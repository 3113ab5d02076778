"""Which name belongs to which label: the columns of a table found by what they hold, and by the image itself."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from niicorr.errors import MapError
from niicorr.images.discover import make_unique
from niicorr.images.label_tables import (
    ID_WORDS,
    NAME_WORDS,
    NETWORK_WORDS,
    SIDE_WORDS,
    LabelTable,
    mostly_whole,
    whole,
    word,
)
from niicorr.numerals import integer, plural
from niicorr.records import Decision
from niicorr.tables import printable

MOST_SURPLUS = 200
"""Regions that a table alone knows stand in no other file, so more of them are named."""

LISTED = 5
"""So many names are said; the rest are counted."""

BACKGROUND = frozenset(("", "0", "background", "bg", "null", "none", "unknown", "unclassified", "undefined", "outside",
                        "unlabeled", "unlabelled", "clear label", "exterior", "???", "*", "*.*.*.*.*"))
"""What tables call the label 0."""

_LEFT = frozenset(("left", "lh", "l"))
_RIGHT = frozenset(("right", "rh", "r"))
_NO_SIDE = frozenset(("", "b", "m", "lr", "rl", "both", "bilateral", "bi", "midline", "medial", "none", "n/a"))
_SCHAEFER = re.compile(r"(?:7|17)networks_[lr]h_([A-Za-z]+)", re.IGNORECASE)


@dataclass(frozen=True)
class RegionName:
    """What a table says of one label."""

    name: str
    hemisphere: str = ""
    network: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Naming:
    """Names of the labels of an image.

    Attributes
    ----------
    regions : tuple of RegionName
        One for each label, in the order of the labels; names are unique.
    named : int
        How many of them the table names.
    surplus : int
        How many regions of the table the image does not have.
    ordered : bool
        Whether names were given by order alone: the table has no numbers, or none that is a label.
    decisions, warnings
        What was decided, and what the reader must know first.
    """

    regions: tuple[RegionName, ...]
    named: int = 0
    surplus: int = 0
    ordered: bool = False
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Rows:
    """Which row names which label."""

    of: dict[int, int]
    twice: tuple[int, ...] = ()
    how: str = ""
    warning: str = ""
    ordered: bool = False


def name_regions(table: LabelTable | None, ids: Sequence[int]) -> Naming:
    """Name the labels of an image.

    Parameters
    ----------
    table : LabelTable or None
        Names; without, regions are called by their number.
    ids : sequence of int
        The labels in the image, ascending.

    Raises
    ------
    MapError
        Where the table holds no names, or they cannot be assigned.
    """
    if table is None:
        text = f"no table of labels: {plural(len(ids), 'region')} called by number"
        return Naming(tuple(RegionName(f"region {k}") for k in ids), decisions=(Decision("labels", text),))
    source = os.path.basename(table.source) or table.source
    id_column = _id_column(table, ids)
    name_column = _name_column(table, id_column)
    names = [printable(name) for name in table.column(name_column)]
    rows = _by_order(table.source, names, ids) if id_column is None else _by_id(table, id_column, names, ids)
    side_column = _side_column(table, {id_column, name_column})
    network_column = _network_column(table, {id_column, name_column, side_column})
    used = {id_column, name_column, side_column, network_column}
    others = [c for c in range(len(table.header))
              if c not in used and (table.header[c] or not mostly_whole(table.column(c)))]
    regions: list[RegionName] = []
    bare: list[int] = []
    for k in ids:
        row = rows.of.get(k)
        if row is None or not names[row]:
            bare.append(k)
            regions.append(RegionName(f"region {k}"))
            continue
        cells = table.rows[row]
        side = _side(cells[side_column]) if side_column is not None else ""
        network = cells[network_column] if network_column is not None else network_of(names[row])
        rest = {table.header[c] or f"column {c + 1}": printable(cells[c]) for c in others if cells[c]}
        regions.append(RegionName(names[row], side or side_of(names[row]), printable(network), rest))
    present = set(ids)
    surplus = [k for k in rows.of if k not in present and k != 0 and not _is_background(names[rows.of[k]])]
    named = len(ids) - len(bare)
    have = "has" if named == 1 else "have"
    decisions = [Decision("labels", f"{integer(named)} of {plural(len(ids), 'region')} {have} a name in {source} "
                                    f"({rows.how}names in column {table.title(name_column)})")]
    if bare:
        decisions.append(Decision("labels", f"{plural(len(bare), 'region')} of the image without a name in {source}: "
                                  + listed(f"region {k}" for k in bare)))
    if surplus:
        decisions.append(Decision("labels", f"{plural(len(surplus), 'region')} of {source} without a voxel in the "
                                  "image: " + listed((f"{names[rows.of[k]]} ({k})" for k in surplus), MOST_SURPLUS)))
    if rows.twice:
        decisions.append(Decision("labels", f"{plural(len(rows.twice), 'number')} with several names in {source}, the "
                                  "first of which counts: " + listed(map(str, rows.twice))))
    unique, changed = _unique(regions)
    if changed:
        decisions.append(Decision("labels", f"{plural(len(changed), 'name')} not unique in {source}, told apart: "
                                  + listed(f"{was} is {now}" for was, now in changed)))
    warnings = [rows.warning] if rows.warning else []
    if 2 * (len(ids) - len(bare)) < len(ids):
        warnings.append(f"only {integer(named)} of the {integer(len(ids))} regions {have} a name in {source}: check "
                        "that it is the table of this atlas")
    elif not bare and surplus and _counts_on(list(rows.of), ids):
        warnings.append(f"{source} names {integer(len(ids) + len(surplus))} regions, the image has "
                        f"{integer(len(ids))}: names may be of another version of the atlas. Check some of "
                        "them against the centroids")
    return Naming(unique, len(ids) - len(bare), len(surplus), rows.ordered, tuple(decisions), tuple(warnings))


def side_of(name: str) -> str:
    """Return ``L`` or ``R`` where a name says so beyond doubt, else nothing."""
    if camel := re.match(r"(?i:left|right)(?=[A-Z])", name):
        return camel.group()[0].upper()
    tokens = re.split(r"[\W_]+", name.strip("()[] "))
    sides = {_side(t) for t in tokens if t in ("L", "R") or (len(t) > 1 and t.casefold() in _LEFT | _RIGHT)}
    # A small l or r may be an abbreviation of anything, unless it stands at an end.
    sides |= {_side(t) for t in (tokens[0], tokens[-1]) if t in ("l", "r") and len(tokens) > 1}
    return sides.pop() if len(sides) == 1 else ""


def network_of(name: str) -> str:
    """Return the network in a name of the Schaefer parcellation (``7Networks_LH_Vis_1``), else nothing."""
    found = _SCHAEFER.match(name)
    return found.group(1) if found else ""


def listed(names: Iterable[str], most: int = LISTED) -> str:
    """Join the first few names, and count the rest."""
    every = list(names)
    return ", ".join(every[:most]) + (f" and {integer(len(every) - most)} more" if len(every) > most else "")


def _is_background(name: str) -> bool:
    return name.casefold().strip() in BACKGROUND


def _numbers(table: LabelTable, column: int) -> list[int | None]:
    return [whole(cell) for cell in table.column(column)]


def _id_column(table: LabelTable, ids: Sequence[int]) -> int | None:
    """Find the column whose numbers are the labels of the image; None where no column holds numbers."""
    wanted = set(ids)
    found = []
    for c in range(len(table.header)):
        numbers = {n for n in _numbers(table, c) if n is not None}
        if word(table.header[c]) in ("name", "names") or not mostly_whole(table.column(c)):
            continue
        if len(table.rows) > 3 and 2 * len(numbers) < len(table.rows):
            continue  # colours, networks: the same few numbers again and again
        matches = max(len(wanted & numbers), len(wanted & {n + 1 for n in numbers} if table.from_zero else ()))
        found.append((matches, word(table.header[c]) in ID_WORDS, len(numbers), -c))
    if not found:
        return None
    most = max(found)
    titled = [one for one in found if one[1] and one[0] >= 0.8 * most[0]]
    return -max(titled or [most])[3]


def _name_column(table: LabelTable, id_column: int | None) -> int:
    titles = [word(title) for title in table.header]
    free = [c for c in range(len(titles)) if c != id_column]
    text = [c for c in free if not mostly_whole(table.column(c))]
    sides = _side_column(table, {id_column})
    for title in NAME_WORDS:
        for c in free if title in ("name", "names") else text:
            if titles[c] == title:
                return c
    for c in text:
        if "name" in titles[c]:
            return c
    candidates = [c for c in text if c != sides] or text
    if not candidates:
        shown = ", ".join(title for title in table.header if title) or f"{len(table.header)} without titles"
        raise MapError(table.source, f"no column of the table holds names (columns: {shown}; {len(table.rows)} rows)",
                       "give a table with the number and the name of each region")
    return max(candidates, key=lambda c: (len(set(table.column(c))), sum(map(len, table.column(c))), -c))


def _side_column(table: LabelTable, taken: set[int | None]) -> int | None:
    free = [c for c in range(len(table.header)) if c not in taken]
    for c in free:
        if word(table.header[c]) in SIDE_WORDS and any(map(_side, table.column(c))):
            return c
    for c in free:
        held = {cell.casefold() for cell in table.column(c)}
        if held & _LEFT and held & _RIGHT and held <= _LEFT | _RIGHT | _NO_SIDE:
            return c
    return None


def _network_column(table: LabelTable, taken: set[int | None]) -> int | None:
    for title in NETWORK_WORDS:
        for c in range(len(table.header)):
            if c not in taken and title in word(table.header[c]):
                return c
    return None


def _side(cell: str) -> str:
    plain = cell.casefold().strip()
    return "L" if plain in _LEFT else "R" if plain in _RIGHT else ""


def _by_id(table: LabelTable, column: int, names: list[str], ids: Sequence[int]) -> _Rows:
    numbers, wanted = _numbers(table, column), set(ids)
    known = {n for n in numbers if n is not None}
    at = {k: len(wanted & {n + k for n in known}) for k in (0, 1)}
    zero = next((names[i] for i, n in enumerate(numbers) if n == 0), "")
    # A name for 0 that is a region's, in an image whose 0 is background: the table counts from 0.
    from_zero = 0 in known and not _is_background(zero) and at[1] > at[0]
    shift = int(at[1] >= at[0] if table.from_zero else from_zero)
    if at[shift] == 0:
        return _against_numbers(table.source, names, numbers, ids)
    of: dict[int, int] = {}
    twice: list[int] = []
    for row, n in enumerate(numbers):
        if n is None:
            continue
        first = of.setdefault(n + shift, row)
        if names[first] != names[row]:
            twice.append(n + shift)
    how = f"numbers in column {table.title(column)}, "
    if lost := sum(n is None and bool(name) for n, name in zip(numbers, names, strict=True)):
        how += f"{plural(lost, 'row')} without a number left out, "
    if shift:
        how += "which counts from 0 where the image counts from 1, "
    return _Rows(of, tuple(dict.fromkeys(twice)), how)


def _against_numbers(source: str, names: list[str], numbers: list[int | None], ids: Sequence[int]) -> _Rows:
    """Give names by order where no number of the table is a label, but there are as many."""
    real = [row for row, n in enumerate(numbers) if n is not None and not (n == 0 and _is_background(names[row]))]
    span = [n for n in numbers if n is not None]
    mismatch = f"no number of the table ({min(span)} to {max(span)}) is a label of the image ({ids[0]} to {ids[-1]})"
    if len(real) != len(ids):
        raise MapError(source, f"{mismatch}, and it has {plural(len(real), 'name')} for {plural(len(ids), 'region')}",
                       "give the table of this atlas")
    text = (f"{source}: {mismatch}; as there are {integer(len(ids))} of both, names were taken in order. Check some "
            "of them")
    return _Rows(dict(zip(ids, real, strict=True)), (), "in order, ", text, ordered=True)


def _by_order(source: str, names: list[str], ids: Sequence[int]) -> _Rows:
    """Assign names that come without numbers."""
    first = int(bool(names) and _is_background(names[0]) and len(names) != len(ids))
    rest = range(first, len(names))
    if len(rest) == len(ids):
        return _Rows(dict(zip(ids, rest, strict=True)), (), "in the order of the labels, ", ordered=True)
    if len(rest) == ids[-1] and ids[0] > 0:  # a name for each number up to the last, whether it is used or not
        return _Rows({row + 1 - first: row for row in rest}, (), "one for each number from 1 on, ",
                     ordered=True)
    raise MapError(source, f"{plural(len(rest), 'name')} without numbers for {plural(len(ids), 'region')} "
                   f"(labels {ids[0]} to {ids[-1]})",
                   "give a table with the number and the name of each region")


def _counts_on(numbers: list[int], ids: Sequence[int]) -> bool:
    """Whether both count from 1 without a gap, the table further than the image."""
    positive = sorted(n for n in numbers if n > 0)
    return list(ids) == list(range(1, len(ids) + 1)) and positive == list(range(1, len(positive) + 1))


def _unique(regions: list[RegionName]) -> tuple[tuple[RegionName, ...], list[tuple[str, str]]]:
    """Tell equal names apart, by hemisphere where that suffices, else by number; return the changes, too."""
    groups: dict[str, list[RegionName]] = {}
    for region in regions:
        groups.setdefault(region.name, []).append(region)
    plain = {region.name for region in regions}
    names = []
    for region in regions:
        group = groups[region.name]
        sides = {one.hemisphere for one in group} - {""}
        sided = f"{region.name}_{region.hemisphere}"
        names.append(sided if len(sides) == len(group) > 1 and sided not in plain else region.name)
    names = make_unique(names, [""] * len(names))
    changed = [(region.name, name) for region, name in zip(regions, names, strict=True) if name != region.name]
    return tuple(RegionName(name, one.hemisphere, one.network, one.metadata)
                 for name, one in zip(names, regions, strict=True)), changed
