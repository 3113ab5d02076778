"""Names that break pages do nothing here, nothing leaves the page, and whoever cannot see it can still read it."""

from __future__ import annotations

import csv
import io
from urllib.parse import quote

import page_payloads
import pytest
from page_payloads import HOSTILE

UNTOUCHED = """
  const planted = document.querySelectorAll("base, iframe, object, embed, img[src^=x]");
  return window.pwned === undefined && planted.length === 0;
"""

ADDRESSES = """
  const elements = document.querySelectorAll("a[href], img[src], [action], [formaction]");
  return [...elements].map((element) => element.getAttribute("href") ?? element.getAttribute("src") ?? "action");
"""

BREAK_OUT = """
  const done = arguments[0], found = [];
  const add = (tag, change) => document.head.append(Object.assign(document.createElement(tag), change));
  addEventListener("securitypolicyviolation", (event) => found.push(event.effectiveDirective));
  new Image().src = "http://127.0.0.1:9/leak.png";
  fetch("http://127.0.0.1:9/leak").catch(() => {});
  add("style", { textContent: "body { display: none }" });
  for (const act of [() => document.body.insertAdjacentHTML("beforeend", "<b>markup</b>"),
    () => add("script", { src: "http://127.0.0.1:9/x.js" })]) {
    try { act(); } catch (error) { found.push(error.name); }
  }
  setTimeout(() => done(found), 200);
"""


@pytest.fixture(scope="session")
def evil(written):
    return written("hostile", page_payloads.hostile())


def test_hostile_names_are_text_everywhere(page, evil):
    page.open(evil)
    assert page.text("h1") == page.driver.title == HOSTILE[0]
    page.click("#table-toggle")
    page.until("return document.querySelectorAll('#table tbody tr').length > 0")
    assert page.texts("#table thead th") == list(HOSTILE)
    for fold in page.all("details.fold summary"):
        page.js("arguments[0].click()", fold)
    page.hover(*page.cell(0, 0))
    assert HOSTILE[0] in page.text(".tooltip")
    page.press(*page.cell(2, 1))
    assert page.opened() == f"{HOSTILE[1]} × {HOSTILE[2]} "
    page.keys("/")
    page.keys("<")
    page.frames()
    assert HOSTILE[0] in "".join(page.texts("#find-list li"))
    assert page.js(UNTOUCHED)


def test_a_deep_link_reaches_any_name(page, evil):
    links = [f"#{quote(name, safe='')}/{quote(HOSTILE[3] + ' ', safe='')}" for name in HOSTILE]
    page.open(evil, links[0])
    for name, link in zip(HOSTILE, links, strict=True):
        page.js("location.hash = arguments[0]", link)
        assert page.opened() == f"{name} × {HOSTILE[3]} "
    assert page.js(UNTOUCHED)


def test_no_name_becomes_an_address(page, evil):
    page.open(evil)
    addresses = page.js(ADDRESSES)
    assert all(address.startswith("#") or address == "pairs.tsv" for address in addresses), addresses


@pytest.mark.parametrize("file", ["http://127.0.0.1:9/a_maps_1.js", "../b_maps_0001.js", "javascript:window.pwned=1"])
def test_maps_come_from_beside_the_page_only(page, small, written, file):
    entry = {"lo": 0, "hi": 1, "symmetric": False, "file": file}
    maps = {"mode": "files", "x": [entry] * 5, "y": [entry] * 3}
    page.open(written(f"beside-{abs(hash(file))}", {**small.payload, "maps": maps}), "#exp-01/act-1")
    page.opened()
    assert page.text("#opened .notice") == f"{file} is no file of this report"
    assert page.js(UNTOUCHED)


def test_what_is_taken_away_is_harmless_too(page, evil):
    page.open(evil)
    page.click(".menu summary")
    page.click("#download-tsv")
    head = next(csv.reader(io.StringIO(page.downloaded("r.tsv").decode()), delimiter="\t"))
    assert head[1:] == [f"'{name}" if name[0] in "=+-@" else name for name in HOSTILE]
    page.click(".menu summary")
    page.click("#download-svg")
    drawing = page.downloaded("heatmap.svg").decode()
    assert "<script" not in drawing
    assert "<img" not in drawing
    assert "onload=" not in drawing.replace("&gt;&lt;svg/onload=", "")


def test_the_policy_stops_what_does_not_belong_here(page, small):
    """The page itself tries to break out: what the browser refuses is reported."""
    page.open(small.path)
    refused = page.driver.execute_async_script(BREAK_OUT)
    assert {"img-src", "connect-src", "style-src-elem", "TypeError", "require-trusted-types-for"} <= set(refused)
    # The browser complains of each attempt, and sends none of them.
    assert page.forgive()
    assert page.strangers() == []


def test_a_request_that_leaves_would_be_seen(page, small, tmp_path):
    """The check behind every test here can fail."""
    path = tmp_path / "leaky.html"
    path.write_text("<!doctype html><html data-ready=true><img src='http://127.0.0.1:9/leak.png'>", encoding="utf-8")
    page.open(path)
    page.until("return document.images[0].complete")
    assert page.strangers() == ["http://127.0.0.1:9/leak.png"]
    page.requests.clear()
    assert page.forgive()


def test_everything_that_can_be_used_has_a_name(page, demo):
    page.open(demo.page, "#exp-01_fear/gaba_A")
    page.slices()
    nodes = page.cdp("Accessibility.getFullAXTree")["nodes"]
    used = {"button", "combobox", "searchbox", "checkbox", "slider", "spinbutton", "link", "image", "application"}
    found = [node for node in nodes if not node.get("ignored") and node["role"]["value"] in used]
    assert len(found) > 30
    assert [node["role"]["value"] for node in found if not node.get("name", {}).get("value", "").strip()] == []
    ids = page.js("return [...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
