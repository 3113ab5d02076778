"""Which rows and columns belong together: regions by network and hemisphere, maps by a column of the manifest.

What is known of each member is a `Strip`, drawn as a bar of colours beside the cells in any order; `Groups` are the
order in which members of a kind stand together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from niicorr.plot import networks
from niicorr.typing import IntArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from niicorr.records import MapRecord, Region

MOST_NETWORKS, MOST_KINDS = 30, 20
"""More networks, or more values of a manifest's column, are names of their own rather than groups."""

NO_NETWORK = frozenset(("", "none", "n/a", "na", "nan", "unknown", "no network", "no network found", "-", "–"))
"""What tables write for regions that belong to no network, in small letters."""

MIDLINE_MM = 12.0
"""Regions without a side whose middle is nearer to the midline than this are said to lie in it."""

LEFT, MIDLINE, RIGHT, NO_SIDE = "left", "midline", "right", "no side"
SIDE_COLOURS = {LEFT: "#3f3f3f", MIDLINE: "#8a8a8a", RIGHT: "#c4c4c4", NO_SIDE: networks.NOBODYS}
"""Greys, since all other colours are networks' or correlations'; dark to light as they stand."""


@dataclass(frozen=True)
class Strip:
    """What is known of each row or column, shown as a bar of colours.

    Attributes
    ----------
    title : str
        What it is: ``network``, ``hemisphere``, or a column of the manifest.
    names, colours : tuple of str
        Of the kinds there are, in the order in which they stand.
    of : tuple of int
        Which kind each member is.
    """

    title: str
    names: tuple[str, ...]
    colours: tuple[str, ...]
    of: tuple[int, ...]

    def arranged(self, order: IntArray) -> Strip:
        """Return the members in another order."""
        return replace(self, of=tuple(self.of[i] for i in order))

    def runs(self) -> list[tuple[int, int, int]]:
        """(first, one past the last, kind) of neighbours of a kind."""
        edges = [0, *(i for i in range(1, len(self.of)) if self.of[i] != self.of[i - 1]), len(self.of)]
        return [(a, b, self.of[a]) for a, b in pairwise(edges) if b > a]


@dataclass(frozen=True, eq=False)
class Groups:
    """Members in an order in which those of a kind stand together.

    Attributes
    ----------
    by : str
        What they are grouped by, such as ``network``.
    order : ndarray of int, shape (members,)
        Which member stands where; inside a group as before.
    names, colours : tuple of str
        Of the groups, in the order in which they stand.
    spans : tuple of (int, int)
        First position of each group, and one past its last.
    inner : tuple of int
        Positions inside of groups at which the second kind changes: hemispheres within networks.
    """

    by: str
    order: IntArray
    names: tuple[str, ...]
    colours: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    inner: tuple[int, ...] = ()


def grouped(strips: Sequence[Strip]) -> Groups | None:
    """Group by the first strip, and inside by the second; None where there is none."""
    if not strips:
        return None
    first = strips[0]
    # Stable: members of a kind keep the order of the atlas, so that left and right regions line up.
    order = np.lexsort([np.array(strip.of) for strip in reversed(strips[:2])]).astype(np.intp)
    runs = first.arranged(order).runs()
    starts = {start for start, _, _ in runs}
    inner = [start for strip in strips[1:2] for start, _, _ in strip.arranged(order).runs() if start not in starts]
    return Groups(
        by=first.title,
        order=order,
        names=tuple(first.names[kind] for _, _, kind in runs),
        colours=tuple(first.colours[kind] for _, _, kind in runs),
        spans=tuple((start, stop) for start, stop, _ in runs),
        inner=tuple(inner),
    )


def region_strips(regions: Sequence[Region]) -> tuple[Strip, ...]:
    """Return what the table of an atlas tells of its regions: networks and hemispheres, as far as they tell apart."""
    found = []
    names = ["" if region.network.strip().casefold() in NO_NETWORK else region.network for region in regions]
    kinds = _in_order_of_appearance(names)
    if _tell_apart(kinds, len(names), MOST_NETWORKS):
        found.append(_strip("network", names, kinds, networks.colours(kinds), nobodys="no network"))
    sides = [_side(region) for region in regions]
    present = [side for side in SIDE_COLOURS if side in sides]
    if {LEFT, RIGHT} <= set(present) and len(present) < len(sides):
        found.append(_strip("hemisphere", sides, present, [SIDE_COLOURS[side] for side in present]))
    return tuple(found)


def map_strips(*sets: Sequence[MapRecord]) -> tuple[tuple[Strip, ...], ...]:
    """Return for each set of maps the first column of its manifest with 2 to 20 values.

    Columns of one name share their colours.

    Parameters
    ----------
    *sets : sequence of MapRecord
        The manifest's further columns are their ``metadata``.
    """
    found = [next(telling_columns(records), None) for records in sets]
    titles: dict[str, list[str]] = {}
    for column in found:
        if column is not None:
            titles[column[0]] = _in_order_of_appearance([*titles.get(column[0], ()), *column[1]])
    shades: dict[str, dict[str, str]] = {}
    for title, kinds in titles.items():
        taken = [colour for known in shades.values() for colour in known.values()]
        shades[title] = dict(zip(kinds, networks.colours(kinds, taken), strict=True))
    strips: list[tuple[Strip, ...]] = []
    for column in found:
        if column is None:
            strips.append(())
            continue
        title, values = column
        kinds = _in_order_of_appearance(values)
        strips.append((_strip(title, values, kinds, [shades[title][kind] for kind in kinds], nobodys="none"),))
    return tuple(strips)


def telling_columns(records: Sequence[MapRecord]) -> Iterator[tuple[str, list[str]]]:
    """Yield the columns of a manifest that make groups, with the value of each map, in the order of the manifest."""
    for title in dict.fromkeys(key for record in records for key in record.metadata):
        values = [record.metadata.get(title, "").strip() for record in records]
        if _tell_apart(_in_order_of_appearance(values), len(values), MOST_KINDS):
            yield title, values


def spread(wanted: Sequence[float], pitch: float, end: float) -> list[float]:
    """Move points in ascending order apart, by at least a pitch and as little as possible, between 0 and an end.

    >>> spread([1.0, 1.5, 8.0], 2.0, 10.0)
    [1.0, 3.0, 8.0]
    """
    # With i pitches taken off, points that are too near one another stand in the wrong order; the mean of a run of
    # such points is their least-squares place (pool adjacent violators).
    runs: list[tuple[float, int]] = []
    for i, place in enumerate(wanted):
        mean, count = place - i * pitch, 1
        while runs and runs[-1][0] > mean:
            before, many = runs.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        runs.append((mean, count))
    lowest, highest = pitch / 2, end - pitch / 2 - (len(wanted) - 1) * pitch
    moved = [mean for mean, count in runs for _ in range(count)]
    return [max(min(place, highest), min(lowest, highest)) + i * pitch for i, place in enumerate(moved)]


def _strip(
    title: str, values: Sequence[str], kinds: Sequence[str], colours: Sequence[str], nobodys: str = ""
) -> Strip:
    at = {kind: i for i, kind in enumerate(kinds)}
    return Strip(title, tuple(kind or nobodys for kind in kinds), tuple(colours), tuple(at[value] for value in values))


def _in_order_of_appearance(values: Sequence[str]) -> list[str]:
    """Return the different values as they come; the empty one last."""
    return sorted(dict.fromkeys(values), key=lambda value: not value)


def _tell_apart(kinds: Sequence[str], members: int, most: int) -> bool:
    """Whether kinds are groups: several, not too many, and some with more than one member."""
    return 2 <= len(kinds) <= most and len(kinds) < members and any(kinds)


def _side(region: Region) -> str:
    if region.hemisphere in ("L", "R"):
        return LEFT if region.hemisphere == "L" else RIGHT
    return MIDLINE if abs(region.centroid[0]) <= MIDLINE_MM else NO_SIDE
