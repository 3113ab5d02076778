"""Colour maps of the page: those of the figures, and equal steps of lightness on dark pages."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from niicorr.plot.colormaps import VIK
from niicorr.webpage.colours import COLOURS, DARK, colour_maps, spread


def levels(colours):
    return np.array([to_rgb(colour) for colour in colours]) * 255


def lightness(colours):
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    return np.where(y > 0.008856, 116 * np.cbrt(y) - 16, 903.3 * y)


def test_each_has_256_colours():
    names = ("vik", "RdBu_r", "dark")
    assert {name: len(colours) for name, colours in colour_maps().items()} == dict.fromkeys(names, 256)


def test_they_are_those_of_matplotlib():
    found = colour_maps()
    at = np.linspace(0, 1, COLOURS)
    np.testing.assert_allclose(levels(found["RdBu_r"]), matplotlib.colormaps["RdBu_r"](at)[:, :3] * 255, atol=1.01)
    vik = LinearSegmentedColormap.from_list("vik", VIK, N=COLOURS)
    np.testing.assert_allclose(levels(found["vik"]), vik(at)[:, :3] * 255, atol=1.01)


def test_dark_grows_lighter_in_equal_steps_and_alike_on_both_arms():
    steps = lightness(DARK)
    middle = len(DARK) // 2
    np.testing.assert_allclose(steps[middle:], steps[middle::-1], atol=0.6)
    np.testing.assert_allclose(np.diff(steps[middle:]), np.diff(steps[middle:]).mean(), atol=0.8)


def test_ends_are_kept():
    assert spread(("#000000", "#102030", "#ffffff"), 5) == ("#000000", "#081018", "#102030", "#889098", "#ffffff")
