"""Light and dark, wide and narrow, on paper: nothing is cut off, nothing cannot be read."""

from __future__ import annotations

import numpy as np
import page_payloads
import pytest
from chromium import COPY

PAPER = {False: (251, 250, 248), True: (18, 21, 24)}

BEYOND = """
  const width = document.documentElement.clientWidth;
  const scrolled = ".table-scroll, pre, .hidden-text, .skip, .tooltip, svg";
  return [...document.querySelectorAll("body *")].filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return !element.closest(scrolled) && (right > width + 1 || left < -1);
  }).map((element) => `${element.tagName} ${element.id} ${element.className}`);
"""

WORDS = """
  const written = ["p", "li", "td", "th", "button", "dt", "summary", "h2"].map((tag) => `main ${tag}`).join();
  return [...document.querySelectorAll(written)].filter((element) => element.textContent.trim() && !element.disabled)
    .map((element) => getComputedStyle(element).color.match(/[\\d.]+/g).map(Number));
"""

ON_PAPER = """
  const parts = ["#toolbar", ".topbar nav", "#heatmap", "#opened", "#methods-text"];
  return parts.map((part) => getComputedStyle(document.querySelector(part)).display !== "none");
"""

CLIPBOARD = """
  const writeText = async (text) => { window.copied = text; };
  Object.defineProperty(navigator, "clipboard", { value: { writeText } });
"""


@pytest.fixture(scope="session")
def long_words(written):
    """A page of one cell, whose texts have no place to be broken at."""
    path = "/data/" + "a_study_of_many_people_" * 12 + "map.nii.gz"
    payload = page_payloads.payload(1, 1, x_labels=[path], y_labels=["e" * 200], title="An " + "exceedingly_" * 20,
                                    head=[{"level": "warning", "text": f"{path} could not be read: {path}"}])
    return written("long-words", payload)


@pytest.mark.parametrize("fragment", ["", "#exp-04_reward/dopamine_D2", "#/gaba_A"])
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_nothing_is_cut_off(page, demo, width, dark, fragment):
    page.open(demo.page, fragment, width=width, dark=dark)
    if fragment:
        page.opened()
    all_within(page)


@pytest.mark.parametrize("width", [1280, 390])
def test_long_words_are_not_cut_off_either(page, long_words, width):
    page.open(long_words, width=width)
    page.press(*page.cell(0, 0))
    page.opened()
    all_within(page)


def all_within(page):
    """Open whatever can be opened, and look for what reaches beyond the page."""
    page.frames(3)
    for fold in page.all("details:not(.menu) > summary"):
        page.js("if (!arguments[0].parentElement.open) arguments[0].click()", fold)
    page.click(".menu summary")
    page.js("const find = document.getElementById('find'); find.value = 'e'; find.dispatchEvent(new Event('input'))")
    assert page.js(BEYOND) == []
    assert page.js("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    wide = page.js("return ['.menu-list', '.find-list'].map((list) => document.querySelector(list).clientWidth)")
    assert min(wide) > 150, "lists are as wide as their words, not as what opens them"


def contrast(first, second):
    """WCAG's, of two colours."""
    def luminance(colour):
        c = np.array(colour) / 255
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722)

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_words_stand_out(page, demo, dark):
    page.open(demo.page, "#exp-04_reward/dopamine_D2", dark=dark)
    page.opened()
    colours = page.js(WORDS)
    assert len(colours) > 50
    assert min(contrast(colour[:3], PAPER[dark]) for colour in colours) >= 4.5


def test_the_theme_is_the_systems_until_the_reader_changes_it(page, demo):
    def background():
        page.frames(3)
        return tuple(int(v) for v in page.js("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"))

    page.open(demo.page, dark=True)
    x, y, w, _ = page.plot()
    near_zero = demo.result.x_labels.index("exp-16_listening")

    def cell():
        page.frames(3)
        return page.pixel("#heatmap .base", x + near_zero * w / 20 + 4, y + 4)[:3]

    assert background() == PAPER[True]
    assert max(cell()) < 60
    try:
        page.keys("t")
        assert background() == PAPER[False]
        assert min(cell()) > 200
        page.open(demo.page, dark=True)
        assert background() == PAPER[False], "the choice lasts"
        page.click("#theme")
        assert background() == PAPER[True]
    finally:
        page.js("localStorage.clear()")


def test_paper_is_white_whatever_the_theme(page, demo):
    page.open(demo.page, "#exp-04_reward/dopamine_D2", dark=True)
    page.slices()
    x, y, w, _ = page.plot()
    near_zero = x + 15 * w / 20 + 4, y + 4
    # The printer does not wait for the next picture of the screen.
    drawn = f"dispatchEvent(new Event('beforeprint')); {COPY} return [...data]"
    assert min(page.js(drawn, "#heatmap .base", *near_zero, 1, 1)[:3]) > 200
    page.js("dispatchEvent(new Event('afterprint'))")
    page.frames(3)
    assert max(page.pixel("#heatmap .base", *near_zero)[:3]) < 60
    assert page.pdf()[:5] == b"%PDF-"
    page.cdp("Emulation.setEmulatedMedia", media="print")
    assert page.js(ON_PAPER) == [False, False, True, True, True]


def test_the_methods_can_be_copied(page, demo):
    page.open(demo.page)
    page.js(CLIPBOARD)
    page.click("#copy-methods")
    assert page.until("return window.copied") == demo.result.methods_text()
    page.until("return document.getElementById('copy-methods').textContent === 'Copied'")
