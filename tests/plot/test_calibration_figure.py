"""The picture of a calibration, by its artists."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from scipy import stats

from niicorr.calibration import Calibration, TriedNull
from niicorr.plot.calibration import LOOKS, band, draw_calibration, headline, save_calibration, shares, small_print
from niicorr.records import MapRecord

TEXT = "50 times, 20 random maps like those of x were compared with 4 like those of y."


def made(only=None, textbook=30.0, effective=1.0):
    honest = np.random.default_rng(0).random((50, 80))
    nulls = (TriedNull("independent", honest**textbook, 56418.0), TriedNull("gsm", honest**1.05, 600.0),
             TriedNull("effective", honest**effective, 610.0),
             TriedNull("surrogate", np.ceil(100 * honest[:5]) / 100, 612.0, 0.01))
    records = (MapRecord("a", ""),)
    nulls = tuple(tried for tried in nulls if only in (None, tried.null))
    return Calibration(nulls, "pearson", "two-sided", (20, 4), 56418, records, records, TEXT)


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def labels(ax):
    return {text.get_label()[1:]: text for text in ax.texts if text.get_label()[1:] in LOOKS}


def test_a_line_for_each_null_model_and_the_diagonal():
    calibration = made()
    ax = draw_calibration(calibration)
    found = lines(ax)
    assert set(found) >= {*LOOKS, "_honest"}
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    x, y = found["_honest"].get_data()
    np.testing.assert_array_equal(x, y)
    x, y = found["effective"].get_data()
    p = calibration.nulls[2].p.ravel()
    for share, value in list(zip(x, y, strict=True))[::40]:
        assert share == pytest.approx((p <= value).sum() / (p.size + 1))
    assert 200 < len(x) <= 400, "thinned out, for small files"
    assert x[0] == pytest.approx(1 / (p.size + 1)), "not where p is smallest"


def test_the_share_at_05_is_marked_and_told():
    calibration = made()
    ax = draw_calibration(calibration)
    for tried in calibration.nulls:
        (x,), (y,) = lines(ax)[f"_{tried.null} at .05"].get_data()
        rate, error = tried.rate(0.05)
        assert (x, y) == (rate, 0.05)
        shown = f"{100 * rate:.0f} %" if rate >= 0.1 else f"{100 * rate:.1f} %"
        assert f"{shown} ± {100 * error:.1f} are ≤ .05" in labels(ax)[tried.null].get_text()


@pytest.mark.parametrize("how", [{}, {"only": "surrogate"}, {"textbook": 1.02, "effective": 3.0}, {"effective": 0.6}])
def test_labels_stand_inside_and_apart(how):
    ax = draw_calibration(made(**how))
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [Text.get_window_extent(text, renderer) for text in labels(ax).values()]  # without their leaders
    frame = ax.get_window_extent(renderer)
    for box in boxes:
        assert box.x0 >= frame.x0
        assert box.x1 <= frame.x1
        assert box.y0 >= frame.y0
        assert box.y1 <= frame.y1
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    to_pixels = ax.transData.transform
    for line in (line for label, line in lines(ax).items() if label in LOOKS and label != "independent"):
        x, y = to_pixels(np.column_stack(line.get_data())).T
        assert not any(box.contains(a, b) for box in boxes for a, b in zip(x, y, strict=True))
    figure = ax.figure.bbox
    for text in ax.texts:
        box = Text.get_window_extent(text, renderer)
        assert box.x0 >= 0
        assert box.x1 <= figure.width
        assert box.y0 >= 0, "the small print fits"


@pytest.mark.parametrize("how", [{}, {"effective": 0.6}, {"only": "surrogate"}])
def test_leaders_end_on_their_line_and_at_its_dot_where_that_is_near(how):
    ax = draw_calibration(made(**how))
    found, (left, right) = lines(ax), ax.get_xlim()
    dots = {name for name, line in found.items() if line.get_marker() == "o"}
    assert dots == {f"_{null} at .05" for null in found if null in LOOKS}, "no dot means anything else"
    for null, text in labels(ax).items():
        if text.arrow_patch is None:
            continue
        (x,), (y,) = found[f"_{null} at .05"].get_data()
        if abs(np.log(text.xy[0] / x)) < 0.06 * np.log(right / left):
            assert text.xy == (x, y)
        else:
            share, p = found[null].get_data()
            assert np.log(text.xy[1]) == pytest.approx(np.interp(np.log(text.xy[0]), np.log(share), np.log(p)))
    if not how:
        (dot,), _ = found["_surrogate at .05"].get_data()
        assert labels(ax)["surrogate"].xy == (dot, 0.05), "near enough"


def test_labels_have_the_colours_of_their_lines():
    ax = draw_calibration(made())
    for null, text in labels(ax).items():
        assert text.get_color() == lines(ax)[null].get_color()
    assert len({line.get_color() for label, line in lines(ax).items() if label in LOOKS}) == 4
    dashes = [str(lines(ax)[null].get_linestyle()) + str(lines(ax)[null].get_linewidth()) for null in LOOKS]
    assert len(set(dashes)) == 4, "told apart without colours, too"


def test_shares_count_ties_once():
    p, share = shares(np.array([[0.5, 0.1, np.nan], [0.1, 1.0, 0.1]]))
    assert p.tolist() == [0.1, 0.5, 1]
    np.testing.assert_allclose(share, [3 / 6, 4 / 6, 5 / 6])


def test_the_band_holds_so_many_sorted_uniform_values():
    share, low, high = band(200)
    rank = np.rint(share * 201)
    np.testing.assert_allclose(low, stats.beta.ppf(0.025, rank, 201 - rank))
    draws = np.sort(np.random.default_rng(0).random((2000, 200)), axis=1)[:, rank.astype(int) - 1]
    inside = ((low <= draws) & (draws <= high)).mean(axis=0)
    assert abs(inside - 0.95).max() < 0.025


def test_words():
    assert headline(made()).startswith("p ≤ .05: 9")
    assert "of the textbook's" in headline(made())
    assert headline(made(only="surrogate")).count("%") == 2
    text = " ".join(small_print(made()))
    assert text.startswith(TEXT)
    assert "Grey: where 4000 independent p-values would lie" in text
    assert "the surrogates', of 400 pairs" in text
    assert "surrogates'" not in " ".join(small_print(made(only="surrogate")))


def test_it_draws_where_it_is_told_and_leaves_pyplot_alone():
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert draw_calibration(made(), ax=ax) is ax
    assert plt.get_fignums() == []


def test_the_same_bytes_each_time(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assert save_calibration(made(), str(tmp_path / name)) == ["calibration.png", "calibration.svg"]
    for name in ("calibration.png", "calibration.svg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "calibration.svg").stat().st_size < 200_000
