"""The matrix on the page: what is hovered, ordered, faded, found, magnified and taken away."""

from __future__ import annotations

import csv
import io
import struct
import time
from xml.etree import ElementTree

import numpy as np
import page_payloads
import pytest
from chromium import Keys

from niicorr.webpage.colours import colour_maps

SVG = "{http://www.w3.org/2000/svg}"


def rows_of(path):
    """A table as text, without pandas, which would round."""
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def names(page, axis):
    """Names of the rows or columns in the order in which they stand."""
    return page.texts("#table thead th" if axis == "x" else "#table tbody th")


def with_table(page):
    page.click("#table-toggle")
    page.until("return document.querySelectorAll('#table tbody tr').length > 0")


def test_a_page_opens_from_disk_and_says_what_it_shows(page, demo):
    page.open(demo.page)
    assert page.driver.title == page.text("h1") == "Pearson correlation of 20 × 4 brain maps"
    assert "56 418 voxels" in page.text("#sentence").replace("\u202f", " ").replace("\xa0", " ")
    assert "null model: effective" in page.text("#sentence")
    assert "Background" in page.text("#notes")


def test_the_table_holds_the_numbers_of_the_tables(page, demo):
    page.open(demo.page)
    with_table(page)
    expected = rows_of(demo.folder / "correlations.csv")
    assert names(page, "x") == expected[0][1:]
    assert names(page, "y") == [row[0] for row in expected[1:]]
    assert page.values("#table td data") == [float(v) for row in expected[1:] for v in row[1:]]
    for field, column in (("p", "p"), ("q", "p_fdr"), ("n", "n"), ("n_effective", "n_effective")):
        page.click(f"[data-show={field}]")
        head, *pairs = rows_of(demo.folder / "pairs.tsv")
        page.until("return document.querySelector(arguments[0])", f"[data-show={field}][aria-pressed=true]")
        page.frames()
        assert page.values("#table td data") == [float(pair[head.index(column)]) for pair in pairs]


def test_hovering_tells_a_cell(page, demo):
    page.open(demo.page)
    x = demo.result.x_labels.index("exp-04_reward")
    page.hover(*page.cell(0, x))
    card = page.text(".tooltip").replace("\u202f", "")
    assert card.startswith("exp-04_reward × dopamine_D2.680 .60 to .75")
    for words in ("p<.001", "q<.001", "n56418 voxels", "n_effective201", "n_effective 201 instead of"):
        assert words in card
    page.hover(5, 300)
    assert page.js("return document.querySelector('.tooltip').hidden")


def test_hovering_a_name_tells_its_groups(page, written):
    labels = ["a", "b", "c"]
    payload = page_payloads.payload(2, 3, x_labels=labels)
    payload["x"]["groups"] = {"system": ["dopamine", "", "GABA"]}
    page.open(written("groups", payload))
    x, y = page.cell(1, 0)
    height = page.view()[1]
    page.hover(x, y + height / 2 + 12)
    assert page.text(".tooltip").startswith("asystem: dopamine")
    page.hover(page.cell(1, 1)[0], y + height / 2 + 12)
    assert page.text(".tooltip").startswith("bClick")
    assert page.texts("#groups .legend li") == ["dopamine", "GABA"]


def test_colours_are_those_of_the_map_and_fade_where_the_choice_says(page, written):
    r = np.array([[-0.7, 0.0, 0.35], [0.7, np.nan, 0.05]])
    q = np.array([[0.001, 0.9, 0.05], [0.06, np.nan, 0.2]])
    payload = page_payloads.payload(2, 3, values={"r": r, "q": q, "n": np.full((2, 3), 9)})
    page.open(written("colours", payload))

    def shown(row, col):
        (x, y, _, _), (w, h, _, _) = page.plot(), page.view()
        # A corner of the cell: its middle holds a number.
        return np.array(page.pixel("#heatmap .base", x + col * w + 4, y + row * h + 4)[:3])

    def colour(value, name="vik"):
        text = payload["colormaps"][name][round((value / 0.7 + 1) / 2 * 255)]
        return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)])

    def near(first, second):
        return np.abs(first.astype(int) - second).max() <= 1

    paper = np.array([251, 250, 248])
    assert near(shown(0, 0), colour(-0.7))
    assert near(shown(0, 2), colour(0.35))
    assert near(shown(1, 0), 0.3 * colour(0.7) + 0.7 * paper)
    page.choose("#fade", "none")
    assert near(shown(1, 0), colour(0.7))
    assert near(shown(1, 2), colour(0.05))
    page.choose("#fade", "r")
    assert near(shown(1, 2), 0.3 * colour(0.05) + 0.7 * paper)
    assert near(shown(0, 2), colour(0.35))
    page.choose("#colours", "RdBu_r")
    assert near(shown(0, 0), colour(-0.7, "RdBu_r"))


def test_cells_without_a_number_say_why(page, written):
    r = np.array([[0.5, np.nan]])
    notes = [[0, 1, "2 common voxels: too few"]]
    payload = page_payloads.payload(1, 2, values={"r": r, "n": np.array([[9, 2]])}, notes=notes)
    page.open(written("empty", payload))
    page.hover(*page.cell(0, 1))
    assert "no number2 common voxels: too few" in page.text(".tooltip")
    page.press(*page.cell(0, 1))
    page.opened()
    assert "2 common voxels" in page.text("#opened .note")


def test_orders(page, demo):
    page.open(demo.page)
    with_table(page)
    r = demo.result.estimate
    given = names(page, "x")
    page.choose("#order", "cluster")
    assert sorted(names(page, "x")) == sorted(given) != names(page, "x")
    page.choose("#order", "given")
    assert names(page, "x") == given
    # By a row: the keyboard orders by the row of the cell it is on.
    page.js("document.getElementById('heatmap').focus()")
    page.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN, "r")
    assert names(page, "x") == [demo.result.x_labels[j] for j in np.argsort(-r[2], kind="stable")]
    assert names(page, "y") == list(demo.result.y_labels)
    page.keys("c")
    column = demo.result.x_labels.index(given[0])
    assert names(page, "y") == [demo.result.y_labels[i] for i in np.argsort(-r[:, column], kind="stable")]


def test_the_cluster_order_is_pythons_with_its_trees(page, written):
    payload = page_payloads.payload(8, 12)
    page.open(written("clustered", payload))
    with_table(page)

    def trees():
        """How much is drawn above the cells and to their right."""
        x, y, w, h = page.plot()
        return [page.painted("#heatmap .base", box=box) for box in ((x, 0, w, y - 2), (x + w + 4, y, 10, h))]

    assert trees() == [0, 0]
    page.choose("#order", "cluster")
    cluster = payload["orders"]["cluster"]
    assert names(page, "x") == [payload["x"]["labels"][j] for j in cluster["cols"]]
    assert names(page, "y") == [payload["y"]["labels"][i] for i in cluster["rows"]]
    assert min(trees()) > 50


@pytest.mark.parametrize("kind", ["maps", "rois"])
def test_regions_begin_in_groups_and_maps_as_given(page, written, kind):
    payload = page_payloads.payload(6, 6, same_set=True, kind=kind)
    order = [1, 3, 5, 0, 2, 4]
    payload["orders"]["group"] = {"rows": order, "cols": order, "by": "network"}
    page.open(written(f"grouped-{kind}", payload))
    with_table(page)
    labels = payload["x"]["labels"]
    grouped = [labels[k] for k in order]
    assert page.texts("#order option") == ["as given", "by name", "by network", "alike together"]
    assert names(page, "x") == names(page, "y") == (labels if kind == "maps" else grouped)
    for chosen, expected in (("given", labels), ("group", grouped)):
        page.choose("#order", chosen)
        assert names(page, "x") == names(page, "y") == expected


def test_a_set_against_itself_is_ordered_on_both_sides(page, written):
    payload = page_payloads.payload(6, 6, same_set=True)
    page.open(written("same", payload))
    with_table(page)
    page.js("document.getElementById('heatmap').focus()")
    page.keys(Keys.ARROW_DOWN, "r")
    r = page_payloads.unpacked(payload["cells"]["r"])
    expected = [payload["x"]["labels"][j] for j in [0, *(k for k in np.argsort(-r[0], kind="stable") if k != 0)]]
    assert names(page, "x") == names(page, "y") == expected
    page.hover(*page.cell(0, 0))
    assert "the same map" in page.text(".tooltip")


def test_the_keyboard_alone_opens_and_closes(page, demo):
    page.open(demo.page)
    for _ in range(40):
        if page.js("return document.activeElement.id === 'heatmap'"):
            break
        page.keys(Keys.TAB)
    page.keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    spoken = page.until("return document.getElementById('live').textContent")
    assert spoken.startswith(f"{demo.result.x_labels[1]}, {demo.result.y_labels[1]}: r ")
    page.keys(Keys.END)
    page.keys(Keys.ENTER)
    assert page.opened() == f"{demo.result.x_labels[-1]} × {demo.result.y_labels[1]}"
    assert page.js("return document.activeElement.id") == "opened-title"
    page.keys(Keys.ESCAPE)
    page.until("return document.getElementById('opened').hidden")
    assert page.js("return document.activeElement.id") == "heatmap"
    page.keys("?")
    assert "arrow keys" in page.text("dialog[open]")
    page.keys(Keys.ESCAPE)
    assert page.js("return document.querySelector('dialog').open") is False


def test_finding_a_name(page, demo):
    page.open(demo.page)
    page.keys("/")
    page.keys("HEAT")
    assert page.texts("#find-list li") == ["exp-08_heatcolumn"]
    page.keys(Keys.ENTER)
    assert page.opened() == "exp-08_heat"
    r = demo.result.estimate[:, demo.result.x_labels.index("exp-08_heat")]
    assert page.texts(".ranked .name") == [demo.result.y_labels[i] for i in np.argsort(-np.abs(r), kind="stable")]
    assert page.values(".ranked data") == sorted(r, key=lambda v: -abs(v))
    page.keys("/")
    page.keys("nothing like it")
    assert page.texts("#find-list li") == ["no such name"]
    page.keys(Keys.ESCAPE)
    assert page.js("return document.getElementById('find').value") == ""


def test_a_name_that_is_not_in_the_part(page, written):
    page.open(written("part", page_payloads.payload(2, 3, part=True)))
    page.keys("/")
    page.keys("nothing like it")
    assert page.texts("#find-list li") == ["not among those shown: pairs.tsv has all"]


def test_a_name_clicked_is_ranked_and_opens_its_pairs(page, demo):
    page.open(demo.page)
    x, y = page.cell(3, 0)
    page.press(x - 60, y)
    assert page.opened() == demo.result.y_labels[3]
    assert page.js("return decodeURIComponent(location.hash)") == f"#/{demo.result.y_labels[3]}"
    strongest = int(np.argmax(np.abs(demo.result.estimate[3])))
    page.js("document.querySelector('.ranked button').click()")
    page.until("return document.getElementById('pair-numbers')")
    assert page.opened() == f"{demo.result.x_labels[strongest]} × {demo.result.y_labels[3]}"


def test_a_deep_link_opens_a_cell_and_the_way_back_closes_it(page, demo):
    page.open(demo.page, "#exp-12_checkerboard/gaba_A")
    assert page.opened() == "exp-12_checkerboard × gaba_A"
    page.click("[aria-label='Column after']")
    page.until("return location.hash === '#exp-13_faces/gaba_A'")
    page.driver.back()
    page.until("return document.getElementById('opened').dataset.shown === '#exp-12_checkerboard/gaba_A'")
    page.driver.get(page.driver.current_url.split("#")[0] + "#quality")
    assert page.opened() == "exp-12_checkerboard × gaba_A"
    page.open(demo.page, "#no-such-map/gaba_A")
    assert page.js("return document.getElementById('opened').hidden")


def test_an_address_of_no_pair_says_so_and_names_the_one_that_was_meant(page, demo):
    page.open(demo.page, "#no-such-map/gaba_A")
    page.until("return document.getElementById('missed').textContent.startsWith('No such pair')")
    assert page.texts("#missed button") == []
    page.js("location.hash = arguments[0]", "#gaba_A/exp-12_checkerboard")
    page.until("return document.querySelector('#missed button') !== null")
    assert page.texts("#missed button") == ["Open exp-12_checkerboard × gaba_A"]
    page.click("#missed button")
    assert page.opened() == "exp-12_checkerboard × gaba_A"
    page.until("return document.getElementById('missed').hidden")
    for known in ("#/gaba_A", "#/", "#quality"):
        page.js("location.hash = arguments[0]", known)
        page.frames()
        assert page.js("return document.getElementById('missed').hidden")


@pytest.mark.parametrize("width", [390, 1280])
def test_names_of_sets_and_files_are_not_broken(page, written, width):
    payload = page_payloads.payload(3, 9, files={"contributions_regions": "contributions_regions.tsv",
                                                 "correlations": "correlations.csv", "mask": "mask.nii.gz"})
    page.open(written("names", payload), width=width)
    page.click(".menu summary")
    page.js("[...document.querySelectorAll('#quality .fold')].at(-1).open = true")
    page.until("return document.querySelector('.decided') !== null")
    lines = "return [...document.querySelectorAll(arguments[0])].map((name) => name.getClientRects().length)"
    for names, count in ((".menu-list a", 3), (".plain-table .whole bdi", 12)):
        assert page.js(lines, names) == [1] * count


def test_numbers_that_rest_on_zeros_carry_a_dagger(page, written):
    values = page_payloads.numbers(5, 9)
    values["zeros_matter"] = np.where(np.random.default_rng(0).random((5, 9)) < 0.4, 0.1, np.nan)
    page.open(written("daggers", page_payloads.payload(5, 9, values=values)))
    page.click(".menu summary")
    page.click("#download-svg")
    drawing = ElementTree.fromstring(page.downloaded("heatmap.svg"))
    texts = ["".join(text.itertext()) for text in drawing.iter(f"{SVG}text")]
    # One more in the legend.
    assert texts.count("†") == np.isfinite(values["zeros_matter"]).sum() + 1
    assert "rests on how zeros are read" in texts


def test_the_wheel_magnifies_about_the_pointer_and_dragging_moves(page, written):
    payload = page_payloads.payload(90, 140)
    page.open(written("large", payload))
    x, y = page.cell(30, 100)
    page.hover(x, y)
    assert page.text(".tooltip").startswith("map-0100 × target-0030")
    w, h, _, _ = page.view()
    time.sleep(0.4)  # a wheel that has just scrolled the page would go on doing so
    for _ in range(4):
        page.wheel(x, y, 120)
    w2, h2, left, top = page.view()
    assert w2 > 1.5 * w
    assert h2 > 1.5 * h
    page.hover(x + 1, y)
    assert page.text(".tooltip").startswith("map-0100 × target-0030")
    page.drag(x, y, x - 60, y - 40)
    assert page.view()[2] - left == pytest.approx(60 / w2, abs=0.02)
    assert page.view()[3] - top == pytest.approx(40 / h2, abs=0.02)
    assert page.js("return document.getElementById('opened').hidden"), "a drag is no click"
    page.click("#zoom-all")
    assert page.view() == [w, h, 0, 0]
    # Where all is in view, turning towards oneself scrolls the page.
    page.cell(0, 0)
    time.sleep(0.4)
    scrolled = page.js("return scrollY")
    page.wheel(x, y, -200)
    page.until("return scrollY > arguments[0]", scrolled)
    assert page.view() == [w, h, 0, 0]


def test_two_fingers_magnify(page, written):
    page.open(written("large", page_payloads.payload(90, 140)))
    x, y = page.cell(45, 70)
    width = page.view()[0]
    page.fingers(40, 60, 100, x=x, y=y)
    assert page.view()[0] == pytest.approx(2.5 * width, rel=0.05)


def test_what_is_seen_can_be_taken_away(page, demo):
    page.open(demo.page)
    page.choose("#order", "name")
    page.click(".menu summary")
    page.click("#download-tsv")
    table = list(csv.reader(io.StringIO(page.downloaded("r.tsv").decode()), delimiter="\t"))
    expected = rows_of(demo.folder / "correlations.csv")
    assert table[0] == expected[0]
    assert [[float(v) for v in row[1:]] for row in table[1:]] == [[float(v) for v in row[1:]] for row in expected[1:]]
    page.click(".menu summary")
    page.click("#download-svg")
    drawing = ElementTree.fromstring(page.downloaded("heatmap.svg"))
    texts = ["".join(text.itertext()) for text in drawing.iter(f"{SVG}text")]
    # Each name is set apart from what stands beside it.
    assert {f"\u2068{label}\u2069" for label in (*demo.result.x_labels, *demo.result.y_labels)} <= set(texts)
    assert ".68" in texts
    assert not [*drawing.iter(f"{SVG}image"), *drawing.iter(f"{SVG}script")]
    strongest = colour_maps()["vik"][255]
    fill = f"rgb({int(strongest[1:3], 16)} {int(strongest[3:5], 16)} {int(strongest[5:], 16)})"
    assert fill in {rect.get("fill") for rect in drawing.iter(f"{SVG}rect")}
    page.click(".menu summary")
    page.click("#download-png")
    picture = page.downloaded("heatmap.png")
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    wide = page.js("return document.getElementById('heatmap').clientWidth")
    assert struct.unpack(">II", picture[16:24])[0] == 2 * wide


def test_a_magnified_view_is_taken_away_as_it_is(page, written):
    payload = page_payloads.payload(90, 140)
    page.open(written("large", payload))
    for _ in range(5):
        page.click("#zoom-in")
    (_, _, width, _), (w, _, left, top) = page.plot(), page.view()
    page.click(".menu summary")
    page.click("#download-tsv")
    head, *rows = page.downloaded("r.tsv").decode().splitlines()
    cols = slice(int(left), int(np.ceil(left + width / w - 1e-6)))
    assert head.split("\t")[1:] == payload["x"]["labels"][cols]
    assert rows[0].split("\t")[0] == payload["y"]["labels"][int(top)]
    assert float(rows[0].split("\t")[1]) == page_payloads.unpacked(payload["cells"]["r"])[int(top), int(left)]


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (1000, 1000)])
def test_sizes(page, written, size):
    rows, cols = size
    rng = np.random.default_rng(0)
    values = {"r": rng.uniform(-1, 1, size), "n": np.full(size, 99)}
    payload = page_payloads.payload(rows, cols, values=values)
    page.open(written(f"size-{rows}-{cols}", payload))
    r = page_payloads.unpacked(payload["cells"]["r"])
    for row, col in {(0, 0), (rows - 1, cols - 1), (rows // 2, cols // 3)}:
        page.hover(*page.cell(row, col))
        number = f"{r[row, col]:.3f}".replace("-", "\u2212").replace("0.", ".", 1)
        names_of = f"{payload['x']['labels'][col]} × {payload['y']['labels'][row]}"
        assert page.text(".tooltip").startswith(f"{names_of}{number}")


def test_a_table_of_many_is_shown_in_pages(page, written):
    payload = page_payloads.payload(90, 140)
    page.open(written("large", payload))
    with_table(page)
    assert (len(names(page, "x")), len(names(page, "y"))) == (20, 50)
    page.js("document.querySelectorAll('.pager button')[1].click()")
    assert names(page, "y") == payload["y"]["labels"][50:]
    page.js("document.querySelectorAll('.pager button')[3].click()")
    assert names(page, "x") == payload["x"]["labels"][20:40]
    assert page.values("#table td data")[:20] == page_payloads.unpacked(payload["cells"]["r"])[50, 20:40].tolist()
