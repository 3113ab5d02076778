"""Colour maps of the page, each 256 colours from −1 to 1."""

from __future__ import annotations

from functools import cache

import numpy as np

from niicorr.plot.colormaps import VIK

RDBU_R = (
    "#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0",
    "#f7f7f7",
    "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f",
)  # fmt: skip
"""ColorBrewer's RdBu from its blue end, as matplotlib's ``RdBu_r`` has it."""

DARK = (
    "#caeaff", "#92caf6", "#62aae7", "#3f89cf", "#3369a7", "#2c4b79", "#243047",
    "#15171a",
    "#45291f", "#723c23", "#9e5327", "#c46f35", "#dc935a", "#edba8b", "#fbe1c2",
)  # fmt: skip
"""For dark pages: 0 is dark, and lightness (CIELAB L*, 8 to 91) grows in equal steps and alike on both arms."""

COLOURS = 256


def colour_maps() -> dict[str, list[str]]:
    """Return all colour maps by name."""
    named = {"vik": VIK, "RdBu_r": RDBU_R, "dark": DARK}
    return {name: list(spread(anchors, COLOURS)) for name, anchors in named.items()}


@cache
def spread(anchors: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Return so many colours in equal steps, interpolated in sRGB as matplotlib does."""
    rgb = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in anchors], dtype=np.float64)
    at, known = np.linspace(0, 1, count), np.linspace(0, 1, len(anchors))
    channels = np.stack([np.interp(at, known, channel) for channel in rgb.T], axis=1)
    return tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(channels).astype(int))
