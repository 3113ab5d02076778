"""Diverging colours that the colour-blind can read, centred at 0, and text that stands out on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from niicorr.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

    from niicorr.typing import Float64Array

VIK = (
    "#182c4c", "#23426d", "#2c598e", "#3372b0", "#4a8cc7", "#6aa7d8", "#92c0e3", "#bfd9eb",
    "#f2f1ee",
    "#ebd0bf", "#e3b093", "#d7906d", "#c5724f", "#ad5739", "#8b4330", "#6a3026", "#4a1f1a",
)  # fmt: skip
"""Anchors from dark blue over near-white to dark brown, in the manner of Crameri's *vik*.

Set in OKLCh: lightness falls in equal steps (CIELAB L* 95 to 18) and alike on both arms, so equal steps of
r look equal and strength survives greyscale print; the hues, blue and orange-brown, stay apart for people
who see no red or no green.
"""

STEPS = 257
"""Odd, so that 0 has a colour of its own."""

KEPT = 0.3
"""Share of its colour that a faded cell keeps; the rest is white."""

DARK, LIGHT = "#000000", "#ffffff"
"""Of these two, one has a contrast of at least 4.5 to 1 on any colour, as WCAG asks; softer ones have not."""


def diverging(name: str) -> Colormap:
    """Return a colour map by name: ``vik`` (ours), or any of matplotlib's, such as ``RdBu_r``.

    Nothing is registered: matplotlib's table of names stays as it was.
    """
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap

    if name == "vik":
        return LinearSegmentedColormap.from_list("vik", VIK, N=STEPS)
    if name not in matplotlib.colormaps:
        raise UsageError(f"unknown colour map {name!r}: use vik, RdBu_r, or another of matplotlib's names")
    return matplotlib.colormaps[name].resampled(STEPS)


def faded(cmap: Colormap) -> Colormap:
    """Return a colour map blended towards white."""
    from matplotlib.colors import ListedColormap

    colours = cmap(np.arange(cmap.N))
    colours[:, :3] = 1 - KEPT * (1 - colours[:, :3])
    return ListedColormap(colours, name=f"{cmap.name}, faded")


def luminance(rgb: Float64Array) -> Float64Array:
    """Relative luminance of sRGB colours (WCAG 2), shape (..., 3 or 4) to (...)."""
    channels = np.asarray(rgb, dtype=np.float64)[..., :3]
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def contrast(first: Float64Array, second: Float64Array) -> Float64Array:
    """WCAG contrast ratio of luminances, 1 to 21."""
    high, low = np.maximum(first, second), np.minimum(first, second)
    return np.asarray((high + 0.05) / (low + 0.05))


def text_colours(backgrounds: Float64Array) -> list[str]:
    """Dark or white for each background colour, shape (n, 4), whichever stands out more."""
    from matplotlib.colors import to_rgb

    behind = luminance(backgrounds)
    dark, light = (contrast(behind, luminance(np.array(to_rgb(colour)))) for colour in (DARK, LIGHT))
    return [DARK if on_dark else LIGHT for on_dark in dark >= light]
