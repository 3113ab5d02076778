"""Diverging colours: even steps of lightness, both arms alike, apart for the colour-blind."""

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from niicorr.errors import UsageError
from niicorr.plot.colormaps import DARK, LIGHT, contrast, diverging, luminance, text_colours

# Linear RGB as seen without red (protanopia) and without green (deuteranopia): Viénot, Brettel & Mollon 1999.
DICHROMATS = {
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


def linear(rgb):
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def cielab(lin):
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = lin @ to_xyz.T / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


@pytest.fixture
def vik():
    return diverging("vik")(np.linspace(0, 1, 257))[:, :3]


def test_zero_is_the_lightest_colour_and_nearly_grey(vik):
    lightness, a, b = cielab(linear(vik)).T
    assert lightness.argmax() == 128
    assert np.hypot(a, b)[128] < 4


def test_lightness_falls_evenly_and_alike_on_both_arms(vik):
    lightness = cielab(linear(vik))[:, 0]
    np.testing.assert_allclose(lightness, lightness[::-1], atol=1.0)
    np.testing.assert_allclose(lightness[:129], np.linspace(lightness[0], lightness[128], 129), atol=1.5)
    assert lightness[128] - lightness[0] > 70


def least_difference(rgb, who):
    """Smallest CIELAB distance of r and −r, from an eighth of the range on, to a dichromat."""
    seen = cielab(np.clip(linear(rgb) @ np.array(DICHROMATS[who]).T, 0, 1))
    return np.linalg.norm(seen - seen[::-1], axis=1)[: 128 - 16].min()


@pytest.mark.parametrize("who", DICHROMATS)
def test_signs_are_told_apart_without_red_or_green(vik, who):
    # 10 is four times what is just noticed; the usual green to red shows that the measure can fail.
    assert least_difference(vik, who) > 10
    assert least_difference(matplotlib.colormaps["RdYlGn"](np.linspace(0, 1, 257))[:, :3], who) < 10


def test_negative_is_blue_positive_is_warm(vik):
    assert vik[32, 2] > vik[32, 0]
    assert vik[-32, 0] > vik[-32, 2]


def test_other_names_are_matplotlibs():
    np.testing.assert_allclose(diverging("RdBu_r")([0.0, 1.0]), matplotlib.colormaps["RdBu_r"]([0.0, 1.0]))
    assert "vik" not in matplotlib.colormaps, "nothing is registered"
    with pytest.raises(UsageError, match="unknown colour map 'nope': use vik"):
        diverging("nope")


def test_text_is_the_colour_that_stands_out_more():
    greys = np.repeat(np.linspace(0, 1, 101)[:, None], 4, axis=1)
    chosen = text_colours(greys)
    assert chosen[0] == LIGHT
    assert chosen[-1] == DARK
    for grey, colour in zip(greys, chosen, strict=True):
        ratio = {c: contrast(luminance(grey), luminance(np.array(to_rgb(c)))) for c in (DARK, LIGHT)}
        assert ratio[colour] == max(ratio.values()) >= 4.5


def test_contrast_of_black_and_white_is_21():
    assert contrast(luminance(np.zeros(3)), luminance(np.ones(3))) == pytest.approx(21)
