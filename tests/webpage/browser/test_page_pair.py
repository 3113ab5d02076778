"""A cell opened: slices at the right places, values, what is lit, the numbers and the null model."""

from __future__ import annotations

import re

import nibabel as nib
import numpy as np
import page_payloads
import pytest
from chromium import Keys
from page_payloads import AFFINE, SHAPE, packed, unpacked
from test_page_matrix import rows_of

from niicorr.numerals import p_text
from niicorr.result.picturing import with_pictures
from niicorr.webpage.write import write_report

LIT = (208, 0, 111)


def number(text):
    return float(text.replace("\u2212", "-"))


def readout(page):
    """Where the crosshair is in mm, and the values of both maps there (None where there is none)."""
    text = page.text(".readout")
    mm, rest = text.split(" mm")
    values = re.findall(r"(outside|no data|\u2212?[\d.]+)(?=\u2003|$)", rest)
    return tuple(map(number, mm.split(", "))), [None if v in ("outside", "no data") else number(v) for v in values]


def voxel_at(payload, mm):
    """Which of the mask's voxels is at a place; None outside, by nibabel's convention of affines."""
    index = np.rint(np.linalg.solve(np.array(AFFINE), [*mm, 1.0])[:3]).astype(int)
    if (index < 0).any() or (index >= SHAPE).any():
        return None
    flat = index[0] + SHAPE[0] * (index[1] + SHAPE[1] * index[2])
    (found,) = np.nonzero(np.cumsum(unpacked(payload["space"]["voxels"])) == flat)
    return int(found[0]) if found.size else None


def value(small, place, mm):
    """The value of a map at a place, from its bytes."""
    voxel = voxel_at(small.payload, mm)
    code = 0 if voxel is None else int(small.codes[place, voxel])
    entry = [*small.payload["maps"]["x"], *small.payload["maps"]["y"]][place]
    return None if code == 0 else entry["lo"] + (code - 1) / 254 * (entry["hi"] - entry["lo"])


@pytest.mark.parametrize(("x", "y"), [("exp-08_heat", "serotonin_SERT"), ("exp-20_rest", "gaba_A")])
def test_a_probability_reads_as_in_the_terminal(page, demo, x, y):
    page.open(demo.page, f"#{x}/{y}")
    page.opened()
    head, *pairs = rows_of(demo.folder / "pairs.tsv")
    (q,) = [float(dict(zip(head, row, strict=True))["p_fdr"]) for row in pairs if row[:2] == [x, y]]
    assert page.text(".summary-q") == f"q {p_text(q)}"


def test_numbers_are_those_of_pairs_tsv(page, demo):
    page.open(demo.page, "#exp-17_2-back/serotonin_5HT1a")
    page.opened()
    head, *pairs = rows_of(demo.folder / "pairs.tsv")
    (pair,) = [dict(zip(head, row, strict=True)) for row in pairs if row[:2] == ["exp-17_2-back", "serotonin_5HT1a"]]
    shown = dict(zip(page.texts("#pair-numbers th"), page.values("#pair-numbers data"), strict=True))
    expected = {"Pearson r": "r", "lower end of the interval": "ci_low", "upper end of the interval": "ci_high",
                "p": "p", "q": "p_fdr", "family-wise p": "p_fwe", "n": "n", "n_effective": "n_effective"}
    for name, column in expected.items():
        assert shown[name] == float(pair[column]), name
    assert shown["Fisher z"] == pytest.approx(np.arctanh(float(pair["r"])), rel=1e-15)
    assert shown["background and zeros as data"] == demo.result.sensitivity.naive[2, 16]
    assert page.text("#opened .big").endswith("\u2212.60")
    assert page.text("#opened .note") == pair["note"]


def test_the_crosshair_reads_both_maps_at_its_millimetres(page, small):
    page.open(small.path, "#exp-02/act-3")
    page.slices()
    page.js("document.querySelector('canvas.slices').focus()")
    mm, _ = readout(page)
    moves = {Keys.ARROW_RIGHT: (8, 0, 0), Keys.ARROW_LEFT: (-8, 0, 0), Keys.ARROW_UP: (0, 8, 0),
             Keys.PAGE_UP: (0, 0, 8), Keys.PAGE_DOWN: (0, 0, -8)}
    seen = set()
    for key in (*moves, *[Keys.PAGE_DOWN] * 3, *[Keys.ARROW_LEFT] * 3):
        before = mm
        page.keys(key)
        page.frames(3)
        mm, values = readout(page)
        seen.add(mm)
        assert tuple(np.subtract(mm, before)) == moves[key]
        for shown, place in zip(values, (1, 7), strict=True):
            expected = value(small, place, mm)
            assert shown == (None if expected is None else pytest.approx(expected, abs=0.006))
    assert len(seen) > 6


def test_real_maps_read_their_own_values(page, demo):
    page.open(demo.page, "#exp-04_reward/gaba_A")
    page.slices()
    page.js("document.querySelector('canvas.slices').focus()")
    files = demo.folder.parent / "data"
    images = [nib.load(files / name) for name in ("experiments/exp-04_reward.nii.gz", "activity/gaba_A.nii.gz")]
    for key in (Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.PAGE_UP):
        page.keys(key, key)
        page.frames(3)
        mm, shown = readout(page)
        for image, found in zip(images, shown, strict=True):
            values = image.get_fdata()
            at = tuple(np.rint(np.linalg.solve(image.affine, [*mm, 1.0])[:3]).astype(int))
            # 8 bits over the range of the map, and two decimals.
            assert found == pytest.approx(values[at], abs=np.ptp(values) / 254 + 0.06)


def test_slices_show_the_right_side(page, small):
    """From the front and from above, what lies to the left is on the left."""
    page.open(small.path, "#exp-03/act-1")
    page.opened()
    x, y, w, h = page.box("canvas.slices")
    page.until("return document.querySelector('.readout')?.textContent")
    for share in (0.53, 0.85):  # of the width: the second and the third plane
        places = []
        for step in (-0.06, 0.0, 0.06):
            page.press(x + (share + step) * w, y + h * 0.6)
            page.frames(3)
            places.append(readout(page))
        (left, _), (middle, _), (right, _) = places
        assert left[0] < middle[0] < right[0]
        for mm, values in places:
            expected = value(small, 2, mm)
            assert values[0] == (None if expected is None else pytest.approx(expected, abs=0.006))
    # Elsewhere in the plane from above, colours are those of the values there.
    places = {}
    for i in range(16):
        at = (0.75 + 0.055 * (i % 4)) * w, (0.24 + 0.15 * (i // 4)) * h
        page.press(x + at[0], y + at[1])
        page.frames(3)
        places[at] = readout(page)[0]
    page.press(x + 0.72 * w, y + 0.1 * h)
    page.frames(3)
    entry, table = small.payload["maps"]["x"][2], small.payload["colormaps"]["vik"]
    kinds = set()
    for at, mm in places.items():
        expected = value(small, 2, mm)
        if expected is not None:
            hexadecimal = table[round(127.5 * (expected / entry["hi"] + 1))]
            colour = [int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5)]
            assert np.abs(np.subtract(page.pixel("canvas.slices", *at)[:3], colour)).max() <= 1, mm
            kinds.add(expected > 0)
    assert kinds == {True, False}


def test_brushing_lights_voxels_in_the_slices(page, small):
    page.open(small.path, "#exp-01/act-2")
    page.opened()
    x, y, w, h = page.box("canvas.density")
    assert page.painted("canvas.slices", LIT) == 0
    page.drag(x + 0.4 * w, y + 0.2 * h, x + 0.8 * w, y + 0.6 * h)
    assert page.painted("canvas.slices", LIT) > 20
    chosen = page.js("return document.querySelector('canvas.density').dataset.range")
    x0, x1, y0, y1 = map(float, chosen.split())
    entries = small.payload["maps"]["x"][0], small.payload["maps"]["y"][1]
    first, second = (np.where(codes > 0, e["lo"] + (codes.astype(float) - 1) / 254 * (e["hi"] - e["lo"]), np.nan)
                     for codes, e in zip(small.codes[[0, 6]], entries, strict=True))
    count = int(((first >= x0) & (first <= x1) & (second >= y0) & (second <= y1)).sum())
    text = page.text(".density-figure [role=status]").replace("\u202f", "")
    assert text.startswith(f"{count} of {int((np.isfinite(first) & np.isfinite(second)).sum())} voxels")
    page.press(x + 0.5 * w, y + 0.5 * h)
    assert page.painted("canvas.slices", LIT) == 0


def test_voxels_are_counted_in_hexagons(page, small):
    page.open(small.path, "#exp-02/act-2")
    page.opened()
    _, _, w, h = page.box("canvas.density")
    colours = {page.pixel("canvas.density", px, py) for px in np.linspace(0.2, 0.85, 22) * w
               for py in np.linspace(0.15, 0.8, 14) * h}
    # From one voxel to many, and places without any.
    assert len(colours) > 12
    assert (0, 0, 0, 0) in colours


def test_blinking_puts_one_map_in_the_place_of_the_other(page, small):
    page.open(small.path, "#exp-01/act-2", still=True)
    page.slices()
    page.keys("b")
    page.until("return document.querySelector('.map-title').textContent === 'act-2'")
    page.keys("b")
    page.until("return document.querySelector('.map-title').textContent === 'exp-01'")


def test_a_threshold_hides_weak_voxels(page, small):
    page.open(small.path, "#exp-02/act-1")
    page.slices()
    page.click("#show-outline")
    before = page.painted("canvas.slices")
    page.js("const r = document.getElementById('map-threshold'); r.value = 60; r.dispatchEvent(new Event('input'))")
    assert 0 < page.painted("canvas.slices") < 0.5 * before


def test_the_null_model_is_shown(page, small, demo, written):
    page.open(demo.page, "#exp-01_fear/gaba_A")
    page.opened()
    assert page.js("return document.querySelectorAll('.null path.curve').length") == 2
    assert "modified t-test" in page.text(".null")
    counts = np.zeros((3, 5, 6), dtype=int)
    counts[1, 3] = (1, 4, 20, 50, 20, 5)
    edges = np.linspace(-0.6, 0.6, 7).tolist()
    payload = {**small.payload, "nulls": {"histogram": {"edges": edges, "counts": packed(counts, "<i4")}}}
    page.open(written("histogram", payload), "#exp-04/act-2")
    page.opened()
    heights = [float(bar.get_attribute("height")) for bar in page.all(".null rect.bar")]
    assert np.allclose(np.array(heights) / max(heights), counts[1, 3] / 50)
    assert "100 random maps" in page.text(".null figcaption")


def test_maps_in_files_beside_the_page(page, demo, tmp_path):
    result = with_pictures(demo.result)
    names = write_report(result, str(tmp_path), limit=1000)
    assert len(names) > 1
    page.open(tmp_path / names[0], "#exp-02_anger/gaba_A")
    page.slices()
    for name in names[1:]:
        (tmp_path / name).unlink()
    page.open(tmp_path / names[0], "#exp-02_anger/gaba_A")
    page.opened()
    assert "is not beside this page" in page.text("#opened .notice")
    # That a file is missing is said by the browser, too.
    assert [problem for problem in page.forgive() if "ERR_FILE_NOT_FOUND" not in problem] == []


def test_a_page_without_maps_shows_the_numbers(page, written):
    none = {"mode": "none", "text": "No map is inside this page.", "x": [None, None], "y": [None, None]}
    payload = page_payloads.payload(2, 2, maps=none)
    page.open(written("no-maps", payload), "#map-0000/target-0001")
    page.opened()
    assert "No map is inside this page." in page.text("#opened")
    assert page.values("#pair-numbers data")[0] == unpacked(payload["cells"]["r"])[1, 0]


def test_values_without_a_place_are_shown_against_each_other(page, small, written):
    page.open(written("bare", {**small.payload, "space": None}), "#exp-02/act-1")
    page.opened()
    page.until("return document.querySelector('canvas.density')?.clientWidth > 100")
    assert page.all("canvas.slices") == []


def test_regions_of_a_series(page, written):
    payload = page_payloads.regions(30)
    page.open(written("regions", payload))
    assert page.texts("#groups .control-label") == ["network", "hemisphere"]
    assert page.text("#connectome [role=status]").startswith("The 60 strongest links among those that are not faded")
    page.press(*page.cell(4, 7))
    assert page.opened() == f"{payload['x']['labels'][7]} × {payload['x']['labels'][4]}"
    page.until("return document.querySelector('canvas.courses')?.clientWidth > 100")
    assert page.text("#connectome [role=status]") == "The link of the pair that is open."
    assert page.text(".density-figure figcaption") == "Every time point"
    x, y, w, h = page.box("canvas.density")
    page.drag(x + 59, y + 35, x + 0.55 * w, y + 0.6 * h)
    x0, x1, y0, y1 = map(float, page.js("return document.querySelector('canvas.density').dataset.range").split())
    first, second = unpacked(payload["series"][0]["values"])[[7, 4]]
    inside = (first >= x0) & (first <= x1) & (second >= y0) & (second <= y1)
    assert page.text(".density-figure [role=status]").startswith(f"{inside.sum()} of 90 time points")
    page.js("location.hash = arguments[0]", f"#{payload['x']['labels'][7]}/")
    page.until("return document.querySelectorAll('.ranked li').length === 29")
    r = unpacked(payload["cells"]["r"])[:, 7]
    links = int((unpacked(payload["cells"]["q"])[:, 7] <= 0.05).sum())
    said = page.text("#connectome [role=status]")
    assert said.startswith(f"The {links} strongest links of {payload['x']['labels'][7]}")
    assert page.values(".ranked data") == sorted((v for i, v in enumerate(r) if i != 7), key=lambda v: -abs(v))


def test_regional_means_are_dots_with_names(page, written):
    payload = page_payloads.regions(12)
    labels = ["one", "two"]
    values = packed(np.random.default_rng(2).normal(size=(3, 12)), "<f8")
    made = page_payloads.payload(1, 2, x_labels=labels, unit="region", regions={**payload["regions"], "values": values},
                                 pairs={"0,1": {"slope": 0.2, "intercept": 0.0}})
    page.open(written("regional", made), "#two/target-0000")
    page.opened()
    x, y, w, h = page.box("canvas.density")
    for end in (0.55, 1.0):
        page.drag(x + 59, y + 35, x + 59 + end * (w - 94), y + 35 + end * (h - 82))
        x0, x1, y0, y1 = map(float, page.js("return document.querySelector('canvas.density').dataset.range").split())
        own = unpacked(values)[[1, 2]]
        inside = (own[0] >= x0) & (own[0] <= x1) & (own[1] >= y0) & (own[1] <= y1)
        named = ", ".join(name for name, found in zip(payload["regions"]["names"], inside, strict=True) if found)
        assert page.text(".density-figure [role=status]") == f"{inside.sum()} of 12 regions: {named}"
    assert inside.all()


def test_the_cell_of_a_notebook(page, demo, tmp_path):
    frame = tmp_path / "notebook.html"
    cell = demo.result.pair("exp-04_reward", "dopamine_D2").view()._repr_html_()
    frame.write_text(f"<!doctype html><html data-ready=true><body>{cell}", encoding="utf-8")
    page.open(frame)
    page.driver.switch_to.frame(0)
    try:
        page.until("return document.querySelector('.readout')?.textContent")
        assert page.text("#opened-title") == "exp-04_reward × dopamine_D2"
        assert page.js("return getComputedStyle(document.querySelector('.topbar')).display") == "none"
    finally:
        page.driver.switch_to.default_content()
