"""One browser for all tests of the page; after each of them it must have nothing to complain of."""

from __future__ import annotations

import os
from types import SimpleNamespace

import chromium
import page_payloads
import pytest

import niicorr as nc
from niicorr.datasets.demo import write_demo_data
from niicorr.webpage.page import page_html


@pytest.fixture(scope="session")
def driver(tmp_path_factory):
    found = chromium.programs()
    if isinstance(found, str):
        if os.environ.get("NIICORR_BROWSER"):
            pytest.fail(f"a browser is required: {found}")
        pytest.skip(f"the page is not tried in a browser: {found}")
    driver = chromium.start(str(tmp_path_factory.mktemp("chromium")))
    yield driver
    driver.quit()


@pytest.fixture
def page(driver, tmp_path):
    page = chromium.Page(driver, str(tmp_path))
    page.forgive()
    page.requests.clear()
    yield page
    assert page.log() == ""
    assert page.strangers() == []
    driver.get("about:blank")


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The demo as a run leaves it: its result, and the folder with the tables and the page."""
    folder = tmp_path_factory.mktemp("demo")
    x, y = write_demo_data(str(folder / "data"))
    result = nc.correlate(x, y)
    result.save(folder / "out")
    nc.report(result, folder / "out" / "report.html")
    return SimpleNamespace(result=result, folder=folder / "out", page=folder / "out" / "report.html")


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Write a payload as a page; return its path."""
    folder = tmp_path_factory.mktemp("pages")
    made = {}

    def write(name, payload):
        if name not in made:
            made[name] = folder / f"{name}.html"
            text = page_html(payload["title"], page_payloads.script_json(payload))
            made[name].write_text(text, encoding="utf-8", newline="\n")
        return made[name]

    return write


@pytest.fixture(scope="session")
def small(written):
    """A page with 5 × 3 small maps; the bytes of all maps, shape (8, voxels)."""
    payload, codes = page_payloads.small_maps()
    return SimpleNamespace(path=written("small", payload), payload=payload, codes=codes)
