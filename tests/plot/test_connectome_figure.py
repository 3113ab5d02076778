"""The connectome: which lines it draws, between which places, and when it draws none."""

from __future__ import annotations

import dataclasses
import os

import matplotlib
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from region_results import SEVEN, correlated, pairs_of_sides, region

from niicorr.errors import UsageError
from niicorr.plot.colormaps import contrast, luminance
from niicorr.plot.connections import BRAIN_HIGH, BRAIN_LOW, centroids, strongest_lines
from niicorr.plot.connectome import draw_connectome, line_colours, save_connectome, why_none
from niicorr.plot.connectome import small_print as lines_of_words
from niicorr.plot.networks import YEO_7
from niicorr.records import MapRecord
from niicorr.result import CorrelationResult


def placed(n, seed=0, networks=("",), **fields):
    """Regions all over the brain, left and right in turn."""
    rng = np.random.default_rng(seed)
    at = np.abs(rng.uniform(5, 60, (n, 3)))
    return tuple(dataclasses.replace(one, centroid=((-1) ** (i + 1) * at[i, 0], at[i, 1] - 40, at[i, 2] - 20), **fields)
                 for i, one in enumerate(pairs_of_sides(n, networks)))


def with_q(n=30, share=0.5, seed=0, **fields):
    rng = np.random.default_rng(seed)
    q = np.where(rng.random((n, n)) < share, 0.01, 0.3)
    return correlated(placed(n, networks=SEVEN), q=np.tril(q) + np.tril(q, -1).T, **fields)


def views(figure):
    """Axes of nilearn's views by what is written above them."""
    return {ax.get_title(): ax for ax in figure.axes if ax.get_title()}


def small_print(figure):
    (text,) = [text for text in figure.texts if text.get_label() == "_small print"]
    return text.get_text().replace("\n", " ")


def words(result, threshold=None):
    """The small print without the figure around it."""
    unplaced = int(np.isnan(centroids(result)).any(axis=1).sum())
    return " ".join(lines_of_words(result, strongest_lines(result, threshold), None, unplaced))


def expected_pairs(result, most):
    """The strongest surviving pairs, found the long way."""
    n = len(result.estimate)
    alive = [(i, j) for i in range(n) for j in range(i) if result.inferred["p_fdr"][i, j] <= 0.05]
    return sorted(alive, key=lambda pair: -abs(result.estimate[pair]))[:most]


@pytest.mark.parametrize(("n", "most"), [(10, 30), (30, 30), (60, 88), (120, 300)])
def test_the_strongest_pairs_that_survive_are_drawn(n, most):
    result = with_q(n)
    lines = strongest_lines(result)
    expected = expected_pairs(result, most)
    assert [tuple(pair) for pair in lines.pairs.tolist()] == expected
    np.testing.assert_array_equal(lines.values, [result.estimate[pair] for pair in expected])


def test_every_line_from_above_joins_the_places_of_its_regions_in_its_colour():
    result = with_q(12)
    figure = draw_connectome(result)
    lines = strongest_lines(result)
    regions = result.parcellation.regions
    shown = views(figure)["from above"]
    found = {tuple(sorted(map(tuple, np.round(line.get_xydata(), 6).tolist()))): line for line in shown.lines}
    assert len(found) == len(lines.pairs) > 5
    widths = []
    for pair, value in zip(lines.pairs, lines.values, strict=True):
        ends = tuple(sorted(tuple(np.round(regions[k].centroid[:2], 6).tolist()) for k in pair))
        red, _, blue = to_rgb(found[ends].get_color())
        assert (red > blue) == (value > 0), "warm is positive"
        widths.append(found[ends].get_linewidth())
    assert widths == sorted(widths, reverse=True), "the stronger the thicker"
    assert widths[0] > 1.2 * widths[-1]


def test_views_of_a_side_hold_the_lines_of_that_side():
    result = with_q(12)
    figure = draw_connectome(result)
    side = np.array([r.hemisphere for r in result.parcellation.regions])
    pairs = strongest_lines(result).pairs
    counts = {title: len(ax.lines) for title, ax in views(figure).items()}
    of = {letter: int((side[pairs] == letter).all(axis=1).sum()) for letter in "LR"}
    assert counts == {"left side": of["L"], "right side": of["R"], "from behind": len(pairs), "from above": len(pairs)}
    assert 0 < of["L"] + of["R"] < len(pairs)


def test_dots_are_the_regions_in_the_colours_of_their_networks_and_small_without_a_line():
    result = correlated(placed(14, networks=SEVEN), q=np.full((14, 14), 0.3))
    result.inferred["p_fdr"][3, 1] = result.inferred["p_fdr"][1, 3] = 0.01
    figure = draw_connectome(result)
    (dots,) = [c for c in views(figure)["from above"].collections if len(c.get_offsets()) == 14]
    regions = result.parcellation.regions
    np.testing.assert_allclose(dots.get_offsets(), [r.centroid[:2] for r in regions])
    assert [to_hex(colour) for colour in dots.get_facecolors()] == [YEO_7[r.network] for r in regions]
    sizes = dots.get_sizes()
    assert set(np.flatnonzero(sizes == sizes.max())) == {1, 3}
    legend = [text.get_text() for text in figure.texts if text.get_label() == "_legend"]
    assert legend == ["network", *SEVEN]


def test_a_threshold_takes_the_place_of_the_number_of_lines():
    result = with_q(60)
    lines = strongest_lines(result, 0.3)
    below = np.tril(np.ones((60, 60), dtype=bool), -1)
    assert len(lines.pairs) == ((np.abs(result.estimate) >= 0.3) & (result.inferred["p_fdr"] <= 0.05) & below).sum()
    assert (np.abs(lines.values) >= 0.3).all()
    assert "|r| ≥ .30;" in words(result, 0.3)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_is_a_correlation(threshold):
    with pytest.raises(UsageError, match="from 0 to 1, not"):
        why_none(with_q(6), threshold)


def test_without_p_values_the_strongest_are_drawn_and_the_words_say_so():
    result = correlated(placed(30))
    lines = strongest_lines(result)
    n, m = np.tril_indices(30, -1)
    strongest = np.sort(np.abs(result.estimate[n, m]))[::-1][:30]
    np.testing.assert_array_equal(np.abs(lines.values), strongest)
    assert words(result).startswith(
        "Lines: the 30 strongest of 435 pairs of regions (there are no p-values), |r| ≥ ")


def test_words():
    result = with_q(30)
    figure = draw_connectome(result)
    text, lines = small_print(figure), strongest_lines(result)
    survive = len(expected_pairs(result, 10**6))
    least = f"{abs(lines.values).min():.2f}"[1:]
    negative = int((lines.values < 0).sum())
    assert text.startswith(f"Lines: the 30 strongest of {survive} pairs with q ≤ .05 (Benjamini–Hochberg), "
                           f"|r| ≥ {least}; {negative} of them negative Dots: the middles of the regions, coloured by "
                           "network, small where no line ends; ")
    assert "Glass brain: that of MNI space, drawn by nilearn n = 90 time points per cell; " in text
    assert "taken as MNI" not in text
    title = [t.get_text() for t in figure.texts if t.get_label() == "_title"]
    assert title == ["Pearson correlation among 30 regions"]


def test_one_pair_is_told_by_its_number():
    result = correlated(placed(2), q=0.01)
    result.estimate[:] = [[1, -0.456], [-0.456, 1]]
    assert words(result).startswith(
        "Line: the only pair with q ≤ .05 (Benjamini–Hochberg), r = −.46 Dots: ")


def test_places_of_an_unknown_space_are_taken_as_mni_where_they_may_be():
    text = words(with_q(30, mni=False))
    assert "drawn by nilearn; places taken as MNI, which the atlas does not say" in text


def moved(result, by):
    regions = tuple(dataclasses.replace(r, centroid=tuple(np.asarray(by(np.array(r.centroid))).tolist()))
                    for r in result.parcellation.regions)
    return result.replace(parcellation=dataclasses.replace(result.parcellation, regions=regions))


@pytest.mark.parametrize(("by", "why"), [
    (lambda at: at + np.array([0, 0, 80]), "lie outside of the MNI brain"),
    (lambda at: at / 10, "its regions lie within 40 mm"),
    (lambda at: at + np.array([0, 35, 10]), "mm from where it would be there"),
    (lambda at: at * [-1, 1, 1], "hemispheres do not lie on both sides of x = 0"),
])
def test_regions_that_cannot_be_in_mni_space_are_not_drawn(tmp_path, by, why):
    result = moved(with_q(30, mni=False), by)
    assert why in why_none(result)
    assert save_connectome(result, str(tmp_path)) == []
    assert os.listdir(tmp_path) == []
    with pytest.raises(UsageError, match="no connectome: the atlas does not say that it is in MNI space"):
        draw_connectome(result)
    assert why_none(result.replace(parcellation=dataclasses.replace(result.parcellation, mni=True))) == ""


def test_the_box_is_that_of_the_brain_mask():
    import nibabel
    from nilearn.datasets import load_mni152_brain_mask

    mask = load_mni152_brain_mask(resolution=1)
    at = nibabel.affines.apply_affine(mask.affine, np.argwhere(np.asarray(mask.dataobj) > 0))
    np.testing.assert_array_equal([at.min(axis=0), at.max(axis=0)], [BRAIN_LOW, BRAIN_HIGH])


def nowhere(n):
    return [dataclasses.replace(one, centroid=(np.nan,) * 3) for one in pairs_of_sides(n)]


def without_q(result):
    return result.replace(inferred={**result.inferred, "p_fdr": np.full_like(result.estimate, 0.06)})


MAPS = (MapRecord("a", ""), MapRecord("b", ""))


@pytest.mark.parametrize(("result", "why"), [
    (correlated(placed(8), method="covariance"), "covariances grow with the signals"),
    (correlated(placed(8), method="tangent"), "grow with the signals"),
    (correlated(nowhere(8)), "the places of the regions are not known"),
    (correlated([region(i) for i in range(8)]), "most regions are in both hemispheres"),
    (without_q(with_q(8)), "no pair of regions reaches q ≤ .05"),
    (correlated(placed(8), missing=range(8)), "no pair of regions has a number"),
    (CorrelationResult(np.eye(2), np.full((2, 2), 9), MAPS, MAPS, same_set=True), "not one of regions"),
], ids=["covariance", "tangent", "nowhere", "both sides", "nothing survives", "no numbers", "maps"])  # fmt: skip
def test_where_nothing_honest_can_be_drawn_there_is_no_file_but_a_reason(tmp_path, result, why):
    assert why in why_none(result)
    assert save_connectome(result, str(tmp_path)) == []
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("away", "drawn"), [(5.0, False), (8.0, True)])
def test_regions_near_the_midline_are_not_taken_for_regions_of_both_sides(away, drawn):
    regions = [dataclasses.replace(one, hemisphere="", centroid=((-1) ** i * away, *one.centroid[1:]))
               for i, one in enumerate(placed(20))]
    assert (why_none(correlated(regions, q=0.01)) == "") is drawn


def test_nothing_as_strong_as_the_threshold():
    assert why_none(with_q(8), 0.95) == "no pair of regions with |r| of at least .95"


def test_a_region_without_a_place_is_left_out_and_counted():
    regions = [*placed(12), dataclasses.replace(region(12), centroid=(np.nan, 0.0, 0.0))]
    result = correlated(regions, q=0.01)
    result.estimate[12, :12] = result.estimate[:12, 12] = 0.9
    assert 12 not in strongest_lines(result).pairs
    assert "; 1 region is left out, whose place is not known" in words(result)
    (dots,) = [c for c in views(draw_connectome(result))["from above"].collections if len(c.get_offsets())]
    assert len(dots.get_offsets()) == 12


@pytest.mark.parametrize(("signs", "span"), [((1, 1), (0.25, 0.5)), ((-1, -1), (-0.5, -0.25)), ((1, -1), (-0.5, 0.5))])
def test_the_colour_bar_holds_the_signs_that_occur(signs, span):
    result = correlated(placed(3), q=0.01)
    result.estimate[:] = 0.0
    for (i, j), value in zip([(1, 0), (2, 0), (2, 1)], (0.45 * signs[0], 0.41 * signs[1], 0.3 * signs[0]), strict=True):
        result.estimate[i, j] = result.estimate[j, i] = value
    figure = draw_connectome(result)
    (bar,) = [ax for ax in figure.axes if ax.get_ylabel() == "Pearson r"]
    assert bar.get_ylim() == pytest.approx(span)
    shown = [text.get_text() for text in bar.get_yticklabels()]
    assert {"−.50", ".50"} & set(shown)


@pytest.mark.parametrize(("floor", "limit"), [(0.1, 0.2), (0.3, 0.9), (0.05, 1.0)])
def test_all_lines_stand_out_from_white(floor, limit):
    colours = line_colours(floor, limit)
    for value in (*np.linspace(floor, limit, 9), *-np.linspace(floor, limit, 9)):
        behind = luminance(np.array(colours((value + limit) / (2 * limit))))
        assert contrast(behind, np.array(1.0)) >= 2


@pytest.mark.parametrize("name", ["png", "svg"])
def test_the_same_bytes_whatever_the_users_settings_and_pyplot_stays_as_it_was(tmp_path, name):
    import matplotlib.pyplot as plt

    before, backend = plt.get_fignums(), matplotlib.get_backend()
    for folder, settings in (("a", {}), ("b", {"font.size": 20, "savefig.bbox": "tight", "lines.linewidth": 9})):
        (tmp_path / folder).mkdir()
        with matplotlib.rc_context(settings):
            names = save_connectome(with_q(9), str(tmp_path / folder), formats=(name,))
            assert matplotlib.rcParams["font.size"] == settings.get("font.size", matplotlib.rcParams["font.size"])
        assert names == [f"connectome.{name}"]
    assert (tmp_path / "a" / names[0]).read_bytes() == (tmp_path / "b" / names[0]).read_bytes()
    assert plt.get_fignums() == before
    assert matplotlib.get_backend() == backend


def test_hostile_names_are_only_text_and_all_is_inside():
    networks = ["$\\frac{", "<script>", "a\nb", "x" * 60, "恐れ", "y" * 50, "z" * 50, "очень", "", "w" * 40]
    regions = [dataclasses.replace(one, network=networks[i % 10]) for i, one in enumerate(placed(40))]
    figure = draw_connectome(correlated(regions, q=0.01, path="$x_{.nii"))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in figure.texts]
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
    kinds = [text.get_text() for text in figure.texts if text.get_label() == "_legend"]
    assert kinds[:4] == ["network", "$\\frac{", "<script>", "a\\nb"]
    legend = [text for text in figure.texts if text.get_label() == "_legend"]
    (below,) = [text for text in figure.texts if text.get_label() == "_small print"]
    top = below.get_window_extent(canvas.get_renderer()).y1
    assert min(text.get_window_extent(canvas.get_renderer()).y0 for text in legend) >= top - 1
