"""Heatmaps of regions by their artists: groups, strips, triangles, words, and numbers that are no correlations."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

pytest.importorskip("seaborn")
import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color, to_hex
from matplotlib.figure import Figure
from region_results import SEVEN, correlated, pairs_of_sides, region

from niicorr.plot import heatmap, save_heatmap
from niicorr.plot.groups import SIDE_COLOURS
from niicorr.plot.networks import YEO_7
from niicorr.records import MapRecord
from niicorr.result import CorrelationResult
from niicorr.result.parcellation import Parcellation
from niicorr.space import Grid

GRID = Grid(shape=(57, 66, 40), affine=np.diag([3.0, 3.0, 3.0, 1.0]))


def collection(ax, label):
    return next((each for each in ax.collections if each.get_label() == label), None)


def labelled(ax, label):
    return [text for text in ax.texts if text.get_label() == label]


def small_print(ax):
    (text,) = labelled(ax, "_small print")
    return text.get_text().replace("\n", " ")


def names(ax, axis):
    return [text.get_text() for text in getattr(ax, f"get_{axis}ticklabels")()]


def legend(ax):
    return [text.get_text() for text in labelled(ax, "_legend")]


def strip_colours(ax, side, title, n):
    """The colour beside each row or column, from the bars that were drawn."""
    bars = collection(ax, f"_strip {side}: {title}")
    along = 1 if side == "left" else 0
    found = [None] * n
    for path, colour in zip(bars.get_paths(), bars.get_facecolors(), strict=True):
        ends = path.vertices[:, along]
        for i in range(round(ends.min()), round(ends.max())):
            assert found[i] is None, "two bars on one cell"
            found[i] = to_hex(colour)
    return found


def extent(bars):
    """The box around what a collection draws, in pixels; its own method knows data coordinates alone."""
    corners = np.concatenate([path.vertices for path in bars.get_paths()])
    points = bars.get_transform().transform(corners)
    return matplotlib.transforms.Bbox([points.min(axis=0), points.max(axis=0)])


def drawn(ax):
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return canvas.get_renderer()


def networked(n=40):
    return pairs_of_sides(n, SEVEN)


def order_of(result, ax):
    """Positions in the result of what stands on the axes, found by the numbers themselves."""
    values = ax.collections[0].get_array()
    rows = [int(np.flatnonzero((np.sort(result.estimate, axis=1) == np.sort(row)).all(axis=1))[0]) for row in values]
    np.testing.assert_array_equal(values, result.estimate[np.ix_(rows, rows)])
    return rows


@pytest.mark.parametrize("n", [12, 40, 100])
def test_strips_lines_and_cells_agree(n):
    result = correlated(networked(n))
    ax = heatmap(result, order="group")
    rows = order_of(result, ax)
    regions = [result.parcellation.regions[i] for i in rows]
    stands = [(r.network, r.hemisphere) for r in regions]
    assert len(list(itertools.groupby(stands))) == len(set(stands)), "those of a kind stand together"
    for side in ("left", "top"):
        assert strip_colours(ax, side, "network", n) == [YEO_7[r.network] for r in regions]
        sides = {"L": SIDE_COLOURS["left"], "R": SIDE_COLOURS["right"]}
        assert strip_colours(ax, side, "hemisphere", n) == [sides[r.hemisphere] for r in regions]
    changes = {kind: {i for i in range(1, n) if stands[i][:kind] != stands[i - 1][:kind]} for kind in (1, 2)}
    for label, expected in (("_group lines", changes[1]), ("_group halos", changes[1]),
                            ("_inner lines", changes[2] - changes[1])):
        segments = collection(ax, label).get_segments()
        assert {round(s[0, 1]) for s in segments if s[0, 1] == s[1, 1]} == expected
        assert {round(s[0, 0]) for s in segments if s[0, 0] == s[1, 0]} == expected
        assert all({0, n} <= set(s.ravel()) for s in segments), "across all cells"


def test_lines_are_dark_with_white_edges():
    ax = heatmap(correlated(networked()), order="group")
    lines, halos = collection(ax, "_group lines"), collection(ax, "_group halos")
    assert same_color(halos.get_colors()[0], "white")
    assert sum(lines.get_colors()[0][:3]) < 0.5
    assert halos.get_linewidths()[0] > lines.get_linewidths()[0]
    assert halos.get_zorder() < lines.get_zorder()


@pytest.mark.parametrize(("n", "named"), [(31, "each"), (90, "each"), (92, "groups"), (384, "groups")])
def test_up_to_ninety_regions_are_named_beyond_their_groups(n, named):
    result = correlated(networked(n))
    ax = heatmap(result, order="group")
    renderer = drawn(ax)
    for axis in "xy":
        labels = getattr(ax, f"get_{axis}ticklabels")()
        texts = names(ax, axis)
        if named == "each":
            assert texts == [result.x_labels[i] for i in order_of(result, ax)]
            assert all(text.get_fontsize() >= 5 for text in labels)
        else:
            assert texts == list(SEVEN)
            assert all(text.get_fontsize() == 9 for text in labels)
    boxes = [text.get_window_extent(renderer) for text in ax.get_yticklabels()]
    line = ax.get_yticklabels()[0].get_fontsize() / 72 * ax.figure.dpi
    assert all(a.y0 - b.y0 >= line for a, b in itertools.pairwise(boxes)), "names do not touch"
    assert ax.get_xlabel() == ax.get_ylabel() == f"aal ({n} regions by network)"
    if named == "each":
        assert [text.get_text() for text in labelled(ax, "_group names")] == list(SEVEN)
    assert legend(ax) == ["hemisphere", "left", "right"], "networks are named at the axes"


def test_hemispheres_are_named_on_top_where_regions_are_on_the_axes():
    ax = heatmap(correlated([*pairs_of_sides(82), region(82)]), order="group")
    heads = labelled(ax, "_group names")
    assert [text.get_text() for text in heads] == ["left", "midline", "right"]
    assert [text.get_position()[0] for text in heads] == [20.5, 41.5, 62.5]
    renderer = drawn(ax)
    boxes = [text.get_window_extent(renderer) for text in heads]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    assert legend(ax) == []


def test_names_on_top_that_would_touch_go_to_the_legend():
    words = [f"a rather long name of network {i}" for i in range(10)]
    ax = heatmap(correlated([region(i, "LR"[i % 2], words[i // 4]) for i in range(40)]), order="group")
    assert not labelled(ax, "_group names")
    title, *kinds = legend(ax)
    assert title == "network"
    assert len(kinds) == 10 + len(["hemisphere", "left", "right"])


@pytest.mark.parametrize("sizes", [(1, 1, 1, 120), (60, 1, 1, 1, 60), (1,) * 8 + (100,)])
def test_names_of_small_groups_stand_apart_and_lines_lead_to_them(sizes):
    networks = [f"N{k}" for k, size in enumerate(sizes) for _ in range(size)]
    ax = heatmap(correlated([region(i, network=name) for i, name in enumerate(networks)]), order="group")
    renderer = drawn(ax)
    ends = np.cumsum((0, *sizes))
    middles = (ends[:-1] + ends[1:]) / 2
    for axis, side in (("y", "left"), ("x", "bottom")):
        ticks = getattr(ax, f"get_{axis}ticks")()
        boxes = [text.get_window_extent(renderer) for text in getattr(ax, f"get_{axis}ticklabels")()]
        if axis == "y":
            assert all(b.y1 <= a.y0 + 1 for a, b in itertools.pairwise(boxes))
        leaders = collection(ax, f"_leaders {side}")
        along = 1 if axis == "y" else 0
        found = sorted((segment[0, along], segment[-1, along]) for segment in leaders.get_segments())
        np.testing.assert_allclose(found, np.column_stack([middles, ticks]))
    marks = collection(ax, "_marks")
    spans = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in marks.get_paths()]
    np.testing.assert_allclose(spans, np.column_stack([ends[:-1], ends[1:]]), atol=0.3)


@pytest.mark.parametrize("order", ["given", "name", "cluster"])
def test_strips_stand_beside_regions_in_any_order(order):
    n = 36
    result = correlated(networked(n))
    ax = heatmap(result, order=order)
    regions = [result.parcellation.regions[i] for i in order_of(result, ax)]
    for side in ("left", "top"):
        assert strip_colours(ax, side, "network", n) == [YEO_7[r.network] for r in regions]
    assert collection(ax, "_group lines") is None
    assert legend(ax) == ["network", *SEVEN, "hemisphere", "left", "right"]
    renderer = drawn(ax)
    cells = ax.get_window_extent(renderer)
    for child in ax.child_axes:
        tree, side = child.get_window_extent(renderer), child.get_label().split()[1]
        bars = extent(collection(ax, f"_strip {side}: network"))
        if side == "left":
            assert tree.x1 <= bars.x0 < bars.x1 <= cells.x0
        else:
            assert tree.y0 >= bars.y1 > bars.y0 >= cells.y1
    assert len(ax.child_axes) == (2 if order == "cluster" else 0)


@pytest.mark.parametrize(("n", "kind"), [
    (3, "networks"), (3, "hostile"), (2, "nothing"), (9, "sides"), (9, "hostile"), (28, "networks"), (40, "hostile"),
    (90, "networks"), (116, "sides"), (116, "hostile"), (120, "nothing"), (120, "tiny"),
])  # fmt: skip
def test_nothing_overlaps_and_all_is_inside(n, kind):
    hostile = ["$\\frac{", "a\nb", "<script>", "恐れ", "\u202eabc", "очень длинное название сети, какого не бывает"]
    regions = {
        "networks": networked(n), "sides": [*pairs_of_sides(n - 1), region(n)],
        "nothing": [region(i) for i in range(n)],
        "hostile": [region(i, "LR"[i % 2], hostile[i % 6], name=f"{hostile[i % 6]} {i} {'x' * (i % 50)}")
                    for i in range(n)],
        "tiny": [region(i, network=f"network {min(i, 9)} with a name") for i in range(n)],
    }[kind]  # fmt: skip
    result = correlated(regions, q=0.2, missing=[1], path="/some/where/$atlas_{x.nii.gz")
    ax = heatmap(result, order="group")
    renderer, figure = drawn(ax), ax.figure
    words = {"x label": ax.xaxis.label, "y label": ax.yaxis.label, "title": ax._left_title,
             "small print": labelled(ax, "_small print")[0]}
    boxes = {name: text.get_window_extent(renderer) for name, text in words.items()}
    union = matplotlib.transforms.Bbox.union
    groups = {"x names": ax.get_xticklabels(), "y names": ax.get_yticklabels(), "legend": labelled(ax, "_legend"),
              "heads": labelled(ax, "_group names")}
    boxes |= {name: union([t.get_window_extent(renderer) for t in some]) for name, some in groups.items() if some}
    boxes |= {"cells": ax.get_window_extent(renderer), "bar": ax.collections[0].colorbar.ax.get_tightbbox(renderer)}
    boxes |= {c.get_label(): extent(c) for c in ax.collections
              if c.get_label().startswith(("_strip", "_marks", "_leaders"))}
    for name, box in boxes.items():
        assert figure.bbox.x0 <= box.x0, name
        assert figure.bbox.y0 <= box.y0, name
        assert box.x1 <= figure.bbox.x1, name
        assert box.y1 <= figure.bbox.y1, name
    for (first, a), (second, b) in itertools.combinations(boxes.items(), 2):
        # The box around slanted names is mostly empty at its left.
        if {first, second} in ({"x names", "y names"}, {"x names", "y label"}):
            continue
        if a.x0 < b.x1 - 1 and b.x0 < a.x1 - 1:
            assert a.y0 >= b.y1 - 1 or b.y0 >= a.y1 - 1, (first, second)
    highest = max(boxes[name].y1 for name in ("legend", "small print") if name in boxes)
    assert boxes["x label"].y0 - highest >= 0.1 * figure.dpi, "words below have room"
    assert max(figure.get_size_inches()) < 18
    assert ax.get_aspect() == 1
    cells = boxes["cells"]
    assert cells.width == pytest.approx(cells.height)


def test_where_nothing_tells_groups_all_stand_as_given_and_the_figure_says_so():
    result = correlated([region(i) for i in range(48)])
    grouped, given = (heatmap(result, order=order) for order in ("group", "given"))
    assert order_of(result, grouped) == list(range(48))
    assert small_print(grouped).endswith("Regions as given: no networks or hemispheres to group them by")
    assert "as given" not in small_print(given)
    assert not [c for c in grouped.collections if c.get_label().startswith(("_strip", "_group"))]


def faded(ax):
    mesh = collection(ax, "_faded")
    return set() if mesh is None else {(int(i), int(j)) for i, j in np.argwhere(~np.ma.getmaskarray(mesh.get_array()))}


@pytest.mark.parametrize("order", ["given", "group", "cluster"])
def test_of_many_regions_only_those_below_the_diagonal_are_faded(order):
    rng = np.random.default_rng(0)
    q = rng.choice([0.01, 0.2], size=(40, 40))
    q = np.tril(q) + np.tril(q, -1).T
    result = correlated(networked(), q=q)
    ax = heatmap(result, order=order)
    rows = order_of(result, ax)
    expected = result.inferred["p_fdr"][np.ix_(rows, rows)] > 0.05
    assert faded(ax) == {(i, j) for i, j in np.argwhere(expected).tolist() if i > j}
    assert small_print(ax).startswith(
        "Above the diagonal all pairs; below it those with q > .05 are faded (Benjamini–Hochberg over 780 tests) ")


def test_few_regions_carry_stars_and_are_faded_on_both_sides():
    result = correlated(networked(12), q=np.where(np.add.outer(range(12), range(12)) % 2, 0.004, 0.2))
    ax = heatmap(result)
    assert faded(ax) == {(i, j) for i in range(12) for j in range(12) if (i + j) % 2 == 0 and i != j}
    assert {text.get_text() for text in labelled(ax, "_stars")} == {"**"}
    assert "Above the diagonal" not in small_print(ax)


@pytest.mark.parametrize(("q", "words"), [(0.2, "Faded below the diagonal: no pair reaches q ≤ .05 ("),
                                          (0.01, "All tested pairs reach q ≤ .05 (")])
def test_where_none_or_all_survive_the_words_are_others(q, words):
    ax = heatmap(correlated(networked(), q=q))
    assert small_print(ax).startswith(words)
    assert bool(faded(ax)) == (q > 0.05)


def test_two_sets_of_many_maps_are_faded_all_over():
    q = np.full((40, 40), 0.2)
    maps = tuple(MapRecord(f"m{i}", "") for i in range(40))
    result = CorrelationResult(np.full((40, 40), 0.3), np.full((40, 40), 9), maps, maps, null="effective",
                               same_set=True, inferred={"p": q, "p_fdr": q})
    assert (3, 9) in faded(heatmap(result))


@pytest.mark.parametrize(("runs", "words"), [(1, "n = 90 time points per cell; "),
                                             (3, "n = 270 time points of 3 runs per cell; ")])
def test_words_of_regions(runs, words):
    ax = heatmap(correlated(networked(28), runs=runs))
    assert ax.get_title(loc="left") == "Pearson correlation among 28 regions"
    assert small_print(ax).startswith(words)
    shown = " ".join([ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel(), small_print(ax)])
    assert not re.search(r"\b(maps?|voxels?)\b", shown.split("no p-values")[0])


@pytest.mark.parametrize(("path", "n", "label"), [
    ("a/aal.nii.gz", 8, "aal (8 regions by network)"), ("schaefer200", 8, "schaefer200 (8 regions by network)"),
    ("", 8, "8 regions by network"), ("x.nii", 120, "x (120 regions by network)"),
])  # fmt: skip
def test_the_axes_are_called_by_the_atlas(path, n, label):
    ax = heatmap(correlated(networked(n), path=path), order="group")
    assert ax.get_xlabel() == ax.get_ylabel() == label


def test_in_the_order_of_the_atlas_every_so_many_th_of_hundreds_is_named():
    ax = heatmap(correlated(networked(384)))
    step = int(re.search(r"384 regions, every (\d+)th named", ax.get_xlabel())[1])
    assert names(ax, "x") == [f"area {i}_{'LR'[i % 2]}" for i in range(0, 384, step)]


@pytest.mark.parametrize(("same_set", "title"), [(False, "Pearson correlation of 3 × 3 brain maps (116 regions)"),
                                                 (True, "Pearson correlation among 3 brain maps (116 regions)")])
def test_maps_compared_by_regional_means_say_so(same_set, title):
    maps = tuple(MapRecord(f"m{i}", f"maps/{i}.nii") for i in range(3))
    regions = tuple(pairs_of_sides(116))
    result = CorrelationResult(
        np.full((3, 3), 0.3), np.full((3, 3), 116), maps, maps, same_set=same_set, grid=GRID,
        parcellation=Parcellation("aal", regions, np.ones(116), ("m",), np.ones((1, 116))),
    )  # fmt: skip
    ax = heatmap(result, order="group")
    assert ax.get_title(loc="left") == title
    assert small_print(ax).startswith("n = 116 regions per cell; ")
    assert ax.get_xlabel() == "maps (3 maps)"
    assert not [c for c in ax.collections if c.get_label().startswith("_strip")], "rows are maps, not regions"


@pytest.mark.parametrize(("gone", "words"), [
    ((), ""), ((1,), "1 of 1\u00a0200 regions is missing in every map: area 1_R"),
    ((0, 3, 7), "3 of 1\u00a0200 regions are missing in every map: area 0_L, area 3_R and area 7_R"),
    (range(1190), "1\u00a0190 of 1\u00a0200 regions are missing in every map (regions.tsv)"),
])  # fmt: skip
def test_regions_that_are_missing_in_every_map_are_told(gone, words):
    maps = tuple(MapRecord(f"m{i}", f"maps/{i}.nii") for i in range(3))
    values = np.ones((3, 1200))
    values[:, list(gone)] = np.nan
    values[0, 9] = np.nan  # missing in one map: its cells say so
    result = CorrelationResult(
        np.full((3, 3), 0.3), np.full((3, 3), 1000), maps, maps, same_set=True, grid=GRID,
        parcellation=Parcellation("aal", tuple(pairs_of_sides(1200)), np.ones(1200), ("m",) * 3, np.ones((3, 1200)),
                                  values),
    )  # fmt: skip
    shown = small_print(heatmap(result))
    assert ("missing in every map" in shown) == bool(words)
    assert re.search(rf"{re.escape(words)}(;|$)", shown, re.MULTILINE), shown


def test_maps_are_grouped_by_a_column_of_their_manifest():
    kinds = ["pain", "reward", "fear"]
    x = tuple(MapRecord(f"x{i}", f"x/{i}.nii", metadata={"id": str(i), "domain": kinds[i % 3]}) for i in range(12))
    y = tuple(MapRecord(f"y{i}", f"y/{i}.nii") for i in range(4))
    estimate = np.random.default_rng(0).uniform(-0.5, 0.5, (4, 12))
    result = CorrelationResult(estimate, np.full((4, 12), 900), x, y, grid=GRID)
    ax = heatmap(result, order="group")
    expected = sorted(range(12), key=lambda i: i % 3)
    assert names(ax, "x") == [f"x{i}" for i in expected]
    np.testing.assert_array_equal(ax.collections[0].get_array(), estimate[:, expected])
    assert [text.get_text() for text in labelled(ax, "_group names")] == kinds
    assert ax.get_xlabel() == "x (12 maps by domain)"
    assert collection(ax, "_strip left: domain") is None
    assert len(set(strip_colours(ax, "top", "domain", 12))) == 3
    (vertical,) = {tuple(s[:, 0]) for s in collection(ax, "_group lines").get_segments()} - {(8.0, 8.0)}
    assert vertical == (4.0, 4.0)
    assert not [c for c in heatmap(result, order="name").collections if c.get_label().startswith("_strip")]


def test_two_columns_of_two_manifests():
    x = tuple(MapRecord(f"x{i}", "", metadata={"domain": "ab"[i % 2]}) for i in range(6))
    y = tuple(MapRecord(f"y{i}", "", metadata={"system": "cd"[i % 2]}) for i in range(6))
    result = CorrelationResult(np.full((6, 6), 0.1), np.full((6, 6), 9), x, y)
    ax = heatmap(result, order="group")
    assert [text.get_text() for text in labelled(ax, "_group names")] == ["a", "b"]
    assert legend(ax) == ["system", "c", "d"], "what stands on top needs no legend"


@pytest.mark.parametrize(("scale", "limit", "label", "bar"), [
    (1e4, 7000, "covariance, in units of 10³\n(colours span ±7)", ["−7.00", "−3.50", ".00", "3.50", "7.00"]),
    (3e-7, 2.1e-7, "covariance, in units of 10⁻⁷\n(colours span ±2.1)", ["−2.10", "−1.05", ".00", "1.05", "2.10"]),
    (1.0, 0.7, "covariance\n(colours span ±.7)", ["−.70", "−.35", ".00", ".35", ".70"]),
    (20.0, 14, "covariance\n(colours span ±14)", ["−14.0", "−7.00", ".00", "7.00", "14.0"]),
])  # fmt: skip
def test_covariances_have_colours_and_units_of_their_own(scale, limit, label, bar):
    result = correlated(networked(20), method="covariance", scale=scale)
    result.estimate[0, 1] = result.estimate[1, 0] = scale * 0.695
    result.estimate[2, 3] = result.estimate[3, 2] = result.estimate[4, 5] = result.estimate[5, 4] = scale * 0.6999
    ax = heatmap(result)
    mesh = ax.collections[0]
    assert mesh.get_clim() == pytest.approx((-limit, limit))
    assert mesh.colorbar.ax.get_ylabel() == label
    assert [text.get_text() for text in mesh.colorbar.ax.get_yticklabels()] == bar
    assert ax.get_title(loc="left") == "Covariance among 20 regions"


def test_one_noisy_region_does_not_bleach_the_covariances_of_all_others():
    result = correlated(networked(60), method="covariance")
    result.estimate[7, 9] = result.estimate[9, 7] = 1e6
    ax = heatmap(result)
    off = np.abs(result.estimate[~np.eye(60, dtype=bool)])
    limit = ax.collections[0].get_clim()[1]
    assert np.quantile(off, 0.99) <= limit < 1.0
    assert ax.collections[0].colorbar.extend == "both"


@pytest.mark.parametrize(("scale", "size"), [(1e-9, None), (1e4, None), (20.0, None), (3e4, (4, 4))])
def test_numbers_of_covariances_fit_their_cells(scale, size):
    result = correlated(networked(9), method="covariance", scale=scale)
    result.estimate[np.diag_indices(9)] = 120 * scale  # variances are written, too
    ax = heatmap(result, ax=size and Figure(figsize=size).subplots())
    renderer = drawn(ax)
    side = ax.get_window_extent(renderer).width / 9
    numbers = [text for text in ax.texts if not text.get_label().startswith(("_small", "_legend", "_group"))]
    assert len(numbers) == 81
    assert max(text.get_window_extent(renderer).width for text in numbers) <= side
    exponent = next((int(e) for e in re.findall(r"10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", ax.collections[0].colorbar.ax.get_ylabel())
                     for e in [e.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))]), 0)
    at = {(int(t.get_position()[1]), int(t.get_position()[0])): float(t.get_text().replace("−", "-")) for t in numbers}
    for cell, shown in at.items():
        value = result.estimate[cell] / 10.0**exponent
        assert shown == pytest.approx(value, rel=0.006, abs=0.0051)


def test_all_covariances_zero():
    ax = heatmap(correlated(networked(8), method="covariance", scale=0.0))
    assert ax.collections[0].get_clim() == (-1, 1)


def test_regions_without_a_series_are_hatched_rows_and_columns():
    result = correlated(networked(40), q=0.01, missing=[3], notes={(k, 3): "no data" for k in range(4, 40)})
    ax = heatmap(result, order="given")
    mask = ax.collections[0].get_array().mask
    assert mask[3].all()
    assert mask[:, 3].all()
    assert mask.sum() == 79
    assert small_print(ax).endswith("Hatched (–): no number: no data")


def test_pairs_with_a_note_are_counted():
    result = correlated(networked(8), notes={(2, 1): "few independent values", (3, 1): "few independent values"})
    assert "; 2 pairs carry a note in pairs.tsv; " in small_print(heatmap(result))


def test_the_same_bytes_each_time_and_a_picture_of_some_size(tmp_path):
    result = correlated(networked(120), q=0.04)
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assert save_heatmap(result, str(tmp_path / folder), formats=("png", "svg"), order="group") == [
            "heatmap.png", "heatmap.svg"]
    for name in ("heatmap.png", "heatmap.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "heatmap.svg").stat().st_size < 1_000_000


def test_on_given_axes_groups_are_named_where_regions_cannot_be():
    ax = Figure(figsize=(6, 5)).subplots()
    heatmap(correlated(networked(60)), ax=ax, order="group")
    assert names(ax, "x") == names(ax, "y") == list(SEVEN)
    assert strip_colours(ax, "left", "network", 60)[0] == YEO_7["Vis"]
    drawn(ax)


@pytest.mark.parametrize(("shape", "apart"), [((4, 1), True), ((1, 1), True), ((4, 20), False)])
def test_the_title_keeps_clear_of_the_colour_bar_below_it(shape, apart):
    x, y = (tuple(MapRecord(f"{name}{i}", "") for i in range(n)) for name, n in zip("yx", shape, strict=True))
    ax = heatmap(CorrelationResult(np.full(shape, 0.3), np.full(shape, 99), y, x))
    renderer = drawn(ax)
    title = ax._left_title.get_window_extent(renderer)
    bar = ax.collections[0].colorbar.ax.get_tightbbox(renderer)
    assert bool(title.x1 > bar.x0) is apart
    assert title.y0 - bar.y1 >= (3 if apart else 0) / 72 * ax.figure.dpi
