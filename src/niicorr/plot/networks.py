"""Colours of groups: those that readers know from Yeo's networks, else a palette the colour-blind can read."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

YEO_7 = {
    "Vis": "#781286", "SomMot": "#4682b4", "DorsAttn": "#00760e", "SalVentAttn": "#c43afa", "Limbic": "#dcf8a4",
    "Cont": "#e69422", "Default": "#cd3e4e",
}  # fmt: skip
"""The colours of Yeo et al. (2011), doi 10.1152/jn.00338.2011, which the field's figures share."""

YEO_17 = {
    "VisCent": "#781286", "VisPeri": "#ff0000", "SomMotA": "#4682b4", "SomMotB": "#2acca4", "DorsAttnA": "#4a9b3c",
    "DorsAttnB": "#00760e", "SalVentAttnA": "#c43afa", "SalVentAttnB": "#ff98d5", "LimbicA": "#7a8732",
    "LimbicB": "#dcf8a4", "ContA": "#e69422", "ContB": "#87324a", "ContC": "#778cb0", "DefaultA": "#ffff00",
    "DefaultB": "#cd3e4e", "DefaultC": "#000082", "TempPar": "#0c30ff",
}  # fmt: skip

SPELLINGS = {
    "visual": "Vis", "somatomotor": "SomMot", "somatosensory": "SomMot", "sensorimotor": "SomMot",
    "dorsalattention": "DorsAttn", "dorsattn": "DorsAttn", "salience": "SalVentAttn", "salvent": "SalVentAttn",
    "ventralattention": "SalVentAttn", "ventattn": "SalVentAttn", "limbic": "Limbic", "control": "Cont",
    "frontoparietal": "Cont", "cont": "Cont", "default": "Default", "dmn": "Default", "dan": "DorsAttn",
    "van": "SalVentAttn", "fpn": "Cont", "vis": "Vis", "sommot": "SomMot",
}  # fmt: skip
"""How tables begin the names of the seven networks, in small letters without what is between them."""

SHORT = 4
"""Spellings up to so many letters are abbreviations."""

QUALITATIVE = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#332288", "#999933", "#882255",
    "#44aa99", "#ddcc77",
)  # fmt: skip
"""Okabe & Ito's colours, then Tol's (muted), which stay apart for people who see no red or no green."""

NOBODYS = "#ededed"
"""Of what belongs to no group."""

LIGHTER = 0.45
"""Share of white that a colour is mixed with when it comes round again."""


def colours(names: Sequence[str], others: Sequence[str] = ()) -> tuple[str, ...]:
    """Return a colour for each name; that of the empty one, which is no group's, is nearly white.

    Names of Yeo's 7 or 17 networks get the colours they are known by, the rest those of a palette that are least
    like the ones taken. No two are alike up to 24 names.

    Parameters
    ----------
    names : sequence of str
        All different.
    others : sequence of str
        Colours that stand for something else in the same figure.
    """
    found: dict[str, str] = {}
    for name in names:
        known = known_colour(name) if name else NOBODYS
        if known is not None and known in found.values():
            known = _lighter(known)
        if known is not None and known not in found.values():
            found[name] = known
    for name in names:
        if name not in found:
            found[name] = _unlike([*others, *found.values()])
    return tuple(found[name] for name in names)


def known_colour(name: str) -> str | None:
    """Return the colour that a network is known by: its own among the 17, else that of its family among the 7."""
    plain = re.sub(r"[\W_]+", "", name).casefold()
    exact = {key.casefold(): colour for key, colour in (YEO_17 | YEO_7).items()}
    if plain in exact:
        return exact[plain]
    start = max((spelling for spelling in SPELLINGS if plain.startswith(spelling)), key=len, default=None)
    if start is None:
        return None
    # Short ones are whole words or nothing: "vandalised" is no ventral attention.
    words = re.split(r"[\W_]+|(?<=[a-z])(?=[A-Z])", name.strip())
    return YEO_7[SPELLINGS[start]] if len(start) > SHORT or words[0].casefold() == start else None


def _unlike(taken: Sequence[str]) -> str:
    """Return the colour of the palette, or of its lighter half, that is least like those taken."""
    for palette in (QUALITATIVE, tuple(map(_lighter, QUALITATIVE))):
        free = [colour for colour in palette if colour not in taken]
        if free:
            return max(free, key=lambda colour: min((_distance(colour, other) for other in taken), default=0.0))
    return QUALITATIVE[len(taken) % len(QUALITATIVE)]


def _lighter(colour: str) -> str:
    return "#" + "".join(f"{round(c + (255 - c) * LIGHTER):02x}" for c in _channels(colour))


def _channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def _distance(first: str, second: str) -> float:
    """Return how unlike two colours look, roughly: green counts most."""
    r, g, b = ((x - y) ** 2 for x, y in zip(_channels(first), _channels(second), strict=True))
    return float(2 * r + 4 * g + 3 * b)
