"""A pair in a notebook: one cell of the page, in a frame that can do nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from page_reading import Parts, array, images, own_units, small

import niicorr as nc
from niicorr.errors import UsageError
from niicorr.result.picturing import with_pictures


@pytest.fixture(scope="module")
def result():
    return small("gsm")


def frame(view):
    """The frame's attributes, and the page in it."""
    outer = Parts(view._repr_html_())
    ((tag, attrs),) = outer.tags
    assert tag == "iframe"
    return attrs, Parts(attrs["srcdoc"])


def test_the_frame_holds_the_cell_alone(result):
    attrs, page = frame(result.pair(1, 2).view())
    assert attrs["sandbox"].split() == ["allow-scripts", "allow-downloads"]
    data = page.data()
    assert (data["open"], data["embedded"]) == ([0, 0], True)
    assert array(data["cells"]["r"]).tolist() == [[result.estimate[2, 1]]]
    assert array(data["cells"]["q"]).tolist() == [[result.inferred["p_fdr"][2, 1]]]
    assert (data["x"]["labels"], data["y"]["labels"]) == ([result.x_labels[1]], [result.y_labels[2]])
    found, expected = own_units(data["maps"]["x"][0]), result.comparison.x.values[1]
    assert np.nanmax(np.abs(found - expected)) <= 0.51 * np.ptp(expected) / 254


def test_a_loaded_result_shows_the_same_maps(result):
    loaded = with_pictures(result).replace(comparison=None)
    maps = [frame(one.pair(1, 2).view())[1].data()["maps"] for one in (result, loaded)]
    assert maps[0] == maps[1]


@pytest.mark.parametrize(("x", "y"), [(3, 1), (1, 3)])
def test_both_maps_of_one_set_are_shown(x, y):
    result = nc.correlate(images(4, 0), null="none", warn=False)
    data = frame(result.pair(x, y).view())[1].data()
    assert data["same_set"]
    assert data["x"]["labels"] == [result.x_labels[1], result.x_labels[3]]
    i, j = data["open"]
    assert (data["x"]["labels"][j], data["x"]["labels"][i]) == (result.x_labels[x], result.x_labels[y])
    assert array(data["cells"]["r"])[i, j] == result.estimate[1, 3]


def test_a_map_with_itself_can_be_looked_at():
    result = nc.correlate(images(2, 0), null="none", warn=False)
    data = frame(result.pair(1, 1).view())[1].data()
    assert (data["open"], data["x"]["labels"]) == ([0, 0], [result.x_labels[1]])


def test_no_name_breaks_out_of_the_frame(result):
    bad = '"><script>alert(1)</script>\u202e'
    evil = result.replace(x_maps=(result.x_maps[0].__class__(bad, bad), *result.x_maps[1:]))
    attrs, page = frame(evil.pair(0, 0).view())
    assert "<script>" in attrs["title"]
    assert page.data()["x"]["labels"] == [bad.replace("\u202e", "\\u202e")]
    assert repr(evil.pair(0, 0)).startswith('Pair: "><script>')
    assert "\u202e" not in repr(evil.pair(0, 0))


def test_it_is_told_in_short(result):
    told = repr(result.pair(0, 0)).replace("\u00a0", "")
    assert f"n = {result.counts[0, 0]} voxels" in told
    empty = nc.correlate(np.array([[1.0, 1, 1]]), np.array([[2.0, 3, 4]]), null="none", warn=False)
    assert "no number" in repr(empty.pair(0, 0))


def test_names_the_wrong_way_round_are_told_so(result):
    x, y = result.x_labels[2], result.y_labels[1]
    if x in result.y_labels or y in result.x_labels:
        result = result.replace(y_maps=tuple(replace(m, label=f"y {m.label}") for m in result.y_maps))
        y = result.y_labels[1]
    assert result.pair(x, y).column == 2
    with pytest.raises(UsageError, match=re.escape(f"x comes first: result.pair({x!r}, {y!r})")):
        result.pair(y, x)
    with pytest.raises(UsageError) as told:
        result.pair(y, "nothing")
    assert "x comes first" not in str(told.value)
