"""What could go wrong in a reader's browser: links to nothing, one cell, one row, numbers beyond all scales."""

from __future__ import annotations

import numpy as np
import pytest

import niicorr as nc
from niicorr.records import MapRecord


@pytest.mark.parametrize("link", ["#nope/nope", "#constructor/__proto__", "#%E0%A4%A/x", "#a/b/c", "#//", "#/",
                                  "#javascript:window.pwned=1/x", "#%00/%00", "#exp-01/"])
def test_a_link_to_what_is_not_here_opens_nothing(page, small, link):
    page.open(small.path, "#exp-01/act-1")
    page.opened()
    page.js("location.hash = arguments[0]", link)
    if link == "#exp-01/":
        assert page.opened().startswith("exp-01")
        return
    page.until("return document.getElementById('opened').hidden")
    assert page.js("return window.pwned") is None


def numbers(rows, columns, scale=1.0, **more):
    estimate = np.tanh(np.random.default_rng(0).normal(size=(rows, columns))) * scale
    maps = [tuple(MapRecord("the same long beginning " * 4 + f"{name}{k}", f"{name}{k}.nii") for k in range(count))
            for name, count in (("x", columns), ("y", rows))]
    return nc.CorrelationResult(estimate, np.full(estimate.shape, 9), *maps, **more)


@pytest.mark.parametrize("result", [numbers(1, 1), numbers(1, 300), numbers(300, 1), numbers(2, 3, np.nan),
                                    numbers(2, 3, 1e12, method="covariance"),
                                    numbers(2, 3, 1e-12, method="covariance")],
                         ids=["one", "row", "column", "none", "large", "small"])
def test_every_number_can_be_shown(page, result, tmp_path):
    nc.report(result, tmp_path / "page.html")
    page.open(tmp_path / "page.html")
    for number in page.all("#toolbar [aria-pressed]"):
        page.js("arguments[0].click()", number)
        page.frames()
    page.js("location.hash = arguments[0]", f"#{result.x_labels[-1]}/{result.y_labels[-1]}")
    page.opened()
    shown = page.js("return document.querySelector('main').innerText")
    assert not [word for word in ("NaN", "undefined", "Infinity", "[object") if word in shown]
