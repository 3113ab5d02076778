"""The heatmap by its artists: what stands where, in which colour, and that nothing overlaps."""

import itertools
import os
import sys
import warnings
import xml.etree.ElementTree as ET
from typing import get_args

import numpy as np
import pytest

pytest.importorskip("seaborn")
import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color, to_rgb
from matplotlib.figure import Figure

from niicorr.errors import UsageError
from niicorr.plot import heatmap, save_heatmap
from niicorr.plot.colormaps import contrast, luminance
from niicorr.plot.heatmap import FORMATS
from niicorr.records import MapRecord, Provenance
from niicorr.result import CorrelationResult
from niicorr.space import Grid
from niicorr.typing import Order

WHOLE_GRID = (
    "no map shows an outline, so all 150480 voxels of the grid count, also those outside the brain. "
    "Give --mask FILE, or --mask mni152 if the maps are in MNI space."
)
GRID = Grid(shape=(57, 66, 40), affine=np.diag([3.0, 3.0, 3.0, 1.0]))
LONG = "sub-01_ses-02_task-emotionregulation_space-MNI152NLin2009cAsym_contrast-fear_stat-z"


def make(n_y, n_x, *, x_labels=None, y_labels=None, missing=(), spread=0.2, seed=0, warned=(), **fields):
    rng = np.random.default_rng(seed)
    estimate = np.tanh(spread * rng.normal(size=(n_y, n_x)))
    if fields.get("same_set"):
        estimate = (estimate + estimate.T) / 2
        np.fill_diagonal(estimate, 1)
    for cell in missing:
        estimate[cell] = np.nan
    x_labels = x_labels or [f"exp-{i + 1}_fear" for i in range(n_x)]
    y_labels = x_labels if fields.get("same_set") else y_labels or [f"act-{i + 1}_serotonin" for i in range(n_y)]
    return CorrelationResult(
        estimate=estimate,
        counts=fields.pop("counts", rng.integers(60000, 68000, size=estimate.shape)),
        x_maps=tuple(MapRecord(label=label, path=f"data/experiments/{i}.nii") for i, label in enumerate(x_labels)),
        y_maps=tuple(MapRecord(label=label, path=f"data/activity/{i}.nii") for i, label in enumerate(y_labels)),
        grid=GRID,
        provenance=Provenance(warnings=tuple(warned)),
        **fields,
    )


def cell_texts(ax):
    """Texts at the middles of cells, by (row, column); only captions have a label of their own."""
    own = [text for text in ax.texts if not text.get_label().startswith(("_headline", "_small"))]
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text for text in own}


def caption(ax, label):
    return next((text for text in ax.texts if text.get_label() == label), None)


def x_names(ax):
    return [text.get_text() for text in ax.get_xticklabels()]


def y_names(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def mesh_values(ax):
    return ax.collections[0].get_array()


def bar_of(ax):
    return ax.collections[0].colorbar


def test_experiments_on_the_x_axis_activity_on_the_y_axis_first_row_on_top():
    result = make(4, 20)
    ax = heatmap(result)
    assert x_names(ax) == list(result.x_labels)
    assert y_names(ax) == list(result.y_labels)
    assert list(ax.get_xticks()) == [i + 0.5 for i in range(20)]
    assert ax.get_ylim() == (4, 0)
    np.testing.assert_array_equal(mesh_values(ax), result.estimate)
    assert ax.get_xlabel() == "experiments (20 maps)"
    assert ax.get_ylabel() == "activity (4 maps)"


def test_every_cell_shows_its_number():
    result = make(4, 20, spread=0.8)
    result.estimate[0, :3] = 1, -1, -0.0004
    texts = cell_texts(heatmap(result))
    assert texts.keys() == set(np.ndindex(4, 20))
    assert [texts[0, j].get_text() for j in range(3)] == ["1.00", "−1.00", ".00"]
    for cell, text in texts.items():
        number = float(text.get_text().replace("−", "-"))
        assert number == pytest.approx(result.estimate[cell], abs=0.0051)


@pytest.mark.parametrize("cmap", ["vik", "RdBu_r"])
def test_numbers_stand_out_from_every_colour(cmap):
    result = make(8, 30, spread=0.8)
    ax = heatmap(result, cmap=cmap, vmax=1)
    mesh = ax.collections[0]
    for cell, text in cell_texts(ax).items():
        behind = luminance(np.array(mesh.cmap(mesh.norm(result.estimate[cell]))))
        assert contrast(behind, luminance(np.array(to_rgb(text.get_color())))) >= 4.5


@pytest.mark.parametrize(("largest", "limit"), [(0.03, 0.2), (0.21, 0.3), (0.3, 0.3), (0.97, 1.0), (1.0, 1.0)])
def test_colours_are_symmetric_about_zero_up_to_the_largest_r(largest, limit):
    result = make(2, 3, spread=0)
    result.estimate[1, 1] = -largest
    ax = heatmap(result)
    assert ax.collections[0].get_clim() == pytest.approx((-limit, limit))
    label = bar_of(ax).ax.get_ylabel()
    assert label.startswith("Pearson r")
    assert label.endswith(f"±{limit:g})".replace("0.", "."))
    assert bar_of(ax).extend == "neither"


def test_values_beyond_a_given_limit_are_shown_by_the_bar():
    result = make(2, 3, spread=0)
    result.estimate[1, 1] = 0.7
    ax = heatmap(result, vmax=0.5)
    assert ax.collections[0].get_clim() == (-0.5, 0.5)
    assert bar_of(ax).extend == "both"


def test_cells_without_a_number_are_holes_over_hatching_with_a_mark_and_a_legend():
    result = make(4, 6, missing=[np.s_[1, :], (2, 3)])
    ax = heatmap(result)
    np.testing.assert_array_equal(mesh_values(ax).mask, np.isnan(result.estimate))
    assert ax.patch.get_hatch()
    marks = {cell for cell, text in cell_texts(ax).items() if text.get_text() == "–"}
    assert marks == {(1, j) for j in range(6)} | {(2, 3)}
    assert "Hatched (–): no number" in caption(ax, "_small print").get_text()


def test_nothing_is_hatched_where_every_cell_has_a_number():
    ax = heatmap(make(2, 3))
    assert not ax.patch.get_hatch()
    assert "Hatched" not in caption(ax, "_small print").get_text()


def test_one_reason_for_all_empty_cells_is_told():
    notes = {(1, j): "act-2_serotonin is constant" for j in range(6)}
    ax = heatmap(make(4, 6, missing=[np.s_[1, :]], notes=notes))
    assert "act-2_serotonin is constant" in caption(ax, "_small print").get_text()


def test_all_cells_empty():
    ax = heatmap(make(2, 3, missing=[np.s_[:, :]]), order="cluster")
    assert {text.get_text() for text in cell_texts(ax).values()} == {"–"}


def test_small_print_gives_the_range_of_n_and_the_null_model():
    counts = np.array([[1000, 2500], [2000, 1234567]])
    result = make(2, 2, counts=counts, missing=[(0, 0)])
    text = caption(heatmap(result), "_small print").get_text()
    assert "n = 2\N{NO-BREAK SPACE}000 to 1\N{NO-BREAK SPACE}234\N{NO-BREAK SPACE}567 voxels" in text
    assert result.null_text in text.replace("\n", " ")


def test_the_warning_that_background_counts_heads_the_figure():
    assert caption(heatmap(make(2, 2)), "_headline") is None
    assert caption(heatmap(make(2, 2, warned=["mask of 2.4 litres"])), "_headline") is None
    ax = heatmap(make(2, 2, warned=[WHOLE_GRID]))
    assert caption(ax, "_headline").get_text().replace("\n", " ") == WHOLE_GRID


def test_the_warning_of_a_real_run_without_outlines_heads_its_figure():
    nibabel = pytest.importorskip("nibabel")
    import niicorr as nc

    rng = np.random.default_rng(0)
    x, y = (nibabel.Nifti1Image(rng.normal(size=(9, 9, 9)).astype(np.float32), np.diag([4.0, 4, 4, 1])) for _ in "xy")
    with pytest.warns(nc.NiicorrWarning):
        result = nc.correlate([x], [y])
    assert caption(heatmap(result), "_headline").get_text().replace("\n", " ") == result.warnings[0]


def test_a_set_against_itself_is_square_with_a_muted_diagonal_that_does_not_stretch_the_colours():
    result = make(5, 5, same_set=True)
    ax = heatmap(result)
    assert ax.get_aspect() == 1
    assert max(ax.collections[0].get_clim()) < 1
    muted = next(c for c in ax.collections if c.get_label() == "_diagonal")
    at = {(int(path.vertices[0, 1]), int(path.vertices[0, 0])) for path in muted.get_paths()}
    assert at == {(i, i) for i in range(5)}
    texts = cell_texts(ax)
    assert len({texts[i, i].get_color() for i in range(5)}) == 1
    assert texts[0, 0].get_color() != texts[0, 1].get_color()


@pytest.mark.parametrize("order", get_args(Order))
def test_every_order_moves_numbers_with_their_names(order):
    result = make(9, 12, missing=[np.s_[2, :], np.s_[:, 4], (7, 7)])
    ax = heatmap(result, order=order)
    rows = [result.y_labels.index(name) for name in y_names(ax)]
    columns = [result.x_labels.index(name) for name in x_names(ax)]
    assert sorted(rows) == list(range(9))
    assert sorted(columns) == list(range(12))
    expected = result.estimate[np.ix_(rows, columns)]
    np.testing.assert_array_equal(mesh_values(ax).filled(np.nan), expected)
    texts = cell_texts(ax)
    assert all((texts[cell].get_text() == "–") == np.isnan(expected[cell]) for cell in texts)


def test_names_are_sorted_as_people_count():
    names = ["run-10", "run-2", "Run-1"]
    assert x_names(heatmap(make(1, 3, x_labels=names), order="name")) == ["Run-1", "run-2", "run-10"]


def test_clusters_have_trees_on_top_and_left_that_fit_the_cells():
    ax = heatmap(make(6, 8, missing=[np.s_[2, :], (3, 3)]), order="cluster")
    FigureCanvasAgg(ax.figure).draw()
    trees = {child.get_label(): child for child in ax.child_axes}
    assert trees.keys() == {"_dendrogram left", "_dendrogram top"}
    cells = ax.get_window_extent()
    top, left = (trees[f"_dendrogram {side}"].get_window_extent() for side in ("top", "left"))
    assert (top.x0, top.x1) == pytest.approx((cells.x0, cells.x1))
    assert (left.y0, left.y1) == pytest.approx((cells.y0, cells.y1))
    assert top.y0 >= cells.y1
    assert left.x1 <= cells.x0
    assert len(trees["_dendrogram top"].collections[0].get_paths()) == 7
    assert y_names(ax)[-1] == "act-3_serotonin", "the empty row comes last"


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (2, 2)])
def test_clusters_of_hardly_any_maps(shape):
    ax = heatmap(make(*shape), order="cluster")
    assert len(ax.child_axes) == sum(n > 1 for n in shape)


def test_a_set_against_itself_is_clustered_alike_on_both_axes():
    ax = heatmap(make(7, 7, same_set=True), order="cluster")
    assert x_names(ax) == y_names(ax) != [f"exp-{i + 1}_fear" for i in range(7)]


def test_values_up_to_thirty_a_side():
    assert len(cell_texts(heatmap(make(30, 30)))) == 900
    ax = heatmap(make(2, 31))
    assert not cell_texts(ax)
    assert ax.collections[0].get_rasterized()
    assert len(cell_texts(heatmap(make(2, 31), values=True))) == 62
    assert not cell_texts(heatmap(make(2, 2), values=False))


def test_ticks_are_thinned_beyond_sixty_and_the_axis_says_so():
    assert [len(x_names(heatmap(make(1, n)))) for n in (60, 61)] == [60, 31]
    ax = heatmap(make(2, 300))
    assert x_names(ax) == [f"exp-{i + 1}_fear" for i in range(0, 300, 5)]
    assert list(ax.get_xticks())[:2] == [0.5, 5.5]
    assert ax.get_xlabel() == "experiments (300 maps, every 5th named)"


SHAPES = [(1, 1), (1, 20), (20, 1), (4, 20), (9, 20), (31, 31), (60, 100), (300, 300), (1, 300), (300, 2)]


@pytest.mark.parametrize(
    ("shape", "name", "order"),
    [(shape, "exp", "given") for shape in [*SHAPES, (30, 30)]]
    + [(shape, LONG, "given") for shape in [(1, 1), (1, 20), (20, 1), (4, 20), (1, 300)]]
    + [(shape, "exp", "cluster") for shape in [(1, 20), (20, 1), (4, 20), (31, 31)]]
    + [((4, 20), LONG, "cluster")],
)
def test_everything_is_inside_the_figure_and_nothing_overlaps(shape, name, order):
    n_y, n_x = shape
    names = {"x_labels": [f"{i}_{name}" for i in range(n_x)], "y_labels": [f"{name}_{i}" for i in range(n_y)]}
    result = make(*shape, warned=[WHOLE_GRID], missing=[(0, 0)], **names)
    ax = heatmap(result, order=order)
    figure = ax.figure
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    assert max(figure.get_size_inches()) < 21

    bar = bar_of(ax).ax
    words = [ax.xaxis.label, ax.yaxis.label, ax._left_title, caption(ax, "_headline"), caption(ax, "_small print")]
    boxes = {text.get_text(): text.get_window_extent(renderer) for text in words}
    boxes["bar"] = bar.get_tightbbox(renderer)
    boxes["cells"] = ax.get_window_extent(renderer)
    boxes["x names"] = matplotlib.transforms.Bbox.union([t.get_window_extent(renderer) for t in ax.get_xticklabels()])
    boxes["y names"] = matplotlib.transforms.Bbox.union([t.get_window_extent(renderer) for t in ax.get_yticklabels()])
    for child in ax.child_axes:
        boxes[child.get_label()] = child.get_window_extent(renderer)
    for name, box in boxes.items():
        assert figure.bbox.x0 <= box.x0, name
        assert figure.bbox.y0 <= box.y0, name
        assert box.x1 <= figure.bbox.x1, name
        assert box.y1 <= figure.bbox.y1, name
    for (first, a), (second, b) in itertools.combinations(boxes.items(), 2):
        # The box around slanted names is mostly empty at its left.
        if {first, second} == {"x names", "y names"} or {first, second} == {"x names", ax.get_ylabel()}:
            continue
        if a.x0 < b.x1 - 1 and b.x0 < a.x1 - 1:
            assert a.y0 >= b.y1 - 1 or b.y0 >= a.y1 - 1, (first, second)


@pytest.mark.parametrize("shape", SHAPES)
def test_neighbouring_names_do_not_touch(shape):
    ax = heatmap(make(*shape))
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    down = [text.get_window_extent(renderer) for text in ax.get_yticklabels()]
    assert all(b.y1 <= a.y0 for a, b in itertools.pairwise(down))
    across = ax.get_xticklabels()
    if len(across) > 1:
        angle = np.radians(across[0].get_rotation())
        pitch = np.diff(ax.transData.transform([(x, 0) for x in ax.get_xticks()])[:, 0]).min()
        height = across[0].get_fontsize() * ax.figure.dpi / 72
        boxes = [text.get_window_extent(renderer) for text in across]
        assert pitch * np.sin(angle) >= height or all(a.x1 <= b.x0 for a, b in itertools.pairwise(boxes))


def test_long_names_lose_their_middle_and_stay_distinct():
    names = [f"{LONG}_{i:02d}_{LONG}" for i in range(3)]
    shown = x_names(heatmap(make(1, 3, x_labels=names)))
    assert len(set(shown)) == 3
    assert all("…" in name and len(name) <= 45 for name in shown)


def test_hostile_names_are_only_text():
    names = ["$\\frac{", "a\nb", "\x1b[31mred", "<script>", "恐れ", "\U0001f9e0", "100%_&#", "\u202eabc", "очень"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = heatmap(make(9, 9, x_labels=names, y_labels=names[::-1]))
        FigureCanvasAgg(ax.figure).draw()
    shown = x_names(ax)
    assert shown[:4] == ["$\\frac{", "a\\nb", "\\x1b[31mred", "<script>"]
    assert shown[7:] == ["\\u202eabc", "очень"]
    assert len(set(shown)) == 9


def test_hostile_names_under_a_users_tex_settings():
    with matplotlib.rc_context({"text.usetex": True}):
        ax = heatmap(make(1, 1, x_labels=["$x_%"], y_labels=["a_b"]))
    names = [*ax.get_xticklabels(), *ax.get_yticklabels()]
    assert not any(text.get_usetex() or text.get_parse_math() for text in names)


def test_draws_on_given_axes_and_leaves_the_rest_alone():
    figure = Figure(figsize=(12, 5))
    left, right = figure.subplots(1, 2)
    size, place = tuple(figure.get_size_inches()), right.get_position().bounds
    assert heatmap(make(4, 6), ax=left) is left
    assert tuple(figure.get_size_inches()) == size
    assert right.get_position().bounds == place
    assert len(cell_texts(left)) == 24
    heatmap(make(4, 6), ax=right, order="cluster")
    assert len(right.child_axes) == 2


def test_numbers_that_do_not_fit_given_axes_are_left_out():
    ax = Figure(figsize=(2, 2)).subplots()
    assert not cell_texts(heatmap(make(20, 20), ax=ax))
    assert len(y_names(ax)) < 20


def test_pyplot_and_settings_stay_as_they_were(tmp_path):
    import matplotlib.pyplot as plt

    before, open_before = dict(matplotlib.rcParams), plt.get_fignums()
    heatmap(make(3, 3), order="cluster")
    save_heatmap(make(3, 3), str(tmp_path))
    assert plt.get_fignums() == open_before
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", FORMATS)
def test_saved_files_are_the_same_bytes_whatever_the_users_settings(tmp_path, name):
    result = make(4, 20, missing=[(1, 1)])
    for folder, settings in (("a", {}), ("b", {"font.size": 20, "savefig.bbox": "tight", "svg.fonttype": "none"})):
        os.mkdir(tmp_path / folder)
        with matplotlib.rc_context(settings):
            assert save_heatmap(result, str(tmp_path / folder), formats=[name]) == [f"heatmap.{name}"]
    first, second = ((tmp_path / folder / f"heatmap.{name}").read_bytes() for folder in "ab")
    assert first == second
    assert not any(word in first for word in (b"CreationDate", b"dc:date"))


def test_files_hold_what_their_names_say(tmp_path):
    names = save_heatmap(make(31, 3), str(tmp_path), formats=("png", "svg", "pdf", "png"))
    assert names == ["heatmap.png", "heatmap.svg", "heatmap.pdf"]
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert (tmp_path / "heatmap.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "heatmap.pdf").read_bytes().startswith(b"%PDF")
    root = ET.parse(tmp_path / "heatmap.svg").getroot()
    assert root.tag.endswith("svg")
    pictures = list(root.iter("{http://www.w3.org/2000/svg}image"))
    assert len(pictures) == 2, "the mesh of many cells is one picture, the colour bar another"


@pytest.mark.parametrize(
    ("options", "words"),
    [({"order": "size"}, "given, name, cluster"), ({"cmap": "jetset"}, "vik, RdBu_r"), ({"vmax": 0}, "positive"),
     ({"vmax": float("nan")}, "positive"), ({"vmax": float("inf")}, "positive")],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UsageError, match=words):
        heatmap(make(2, 2), **options)


def test_wrong_formats_are_named_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="'gif': use png, svg, pdf"):
        save_heatmap(make(2, 2), str(tmp_path), formats=("png", "gif"))
    assert not os.listdir(tmp_path)


def test_no_cells():
    with pytest.raises(UsageError, match="no cells"):
        heatmap(make(0, 3, counts=np.zeros((0, 3), int), y_labels=[]))


def test_colours_given_by_name_reach_the_cells():
    result = make(2, 2)
    ax = heatmap(result, cmap="RdBu_r", vmax=1)
    expected = matplotlib.colormaps["RdBu_r"](0.5 + result.estimate[0, 0] / 2)
    mesh = ax.collections[0]
    np.testing.assert_allclose(mesh.cmap(mesh.norm(result.estimate[0, 0])), expected, atol=0.02)
    assert not same_color(mesh.cmap(1.0), heatmap(result).collections[0].cmap(1.0))


def test_nilearn_is_not_needed():
    import subprocess

    code = (
        "import sys, numpy as np; from niicorr.plot import heatmap; from niicorr.records import MapRecord as M;"
        "assert not {'matplotlib', 'seaborn'} & set(sys.modules), 'imported before anything is drawn';"
        "from niicorr.result import CorrelationResult as R; r = np.zeros((1, 1));"
        "heatmap(R(estimate=r, counts=r.astype(int), x_maps=(M('a', 'a'),), y_maps=(M('b', 'b'),)));"
        "assert not {'nilearn', 'nibabel'} & set(sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("DISPLAY", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wrong", [np.eye(3), make(2, 3).r, "out/", None])
def test_only_results_are_drawn(wrong):
    with pytest.raises(UsageError, match=f"heatmap draws a result.*, not {type(wrong).__name__}: "):
        heatmap(wrong)


def test_letters_that_no_font_has_are_explained_once():
    note = "Characters that no font here has are written as"
    names = [f"\U0001f9ff\uf8ff{i}" for i in range(3)]
    (told,) = [line for line in caption(heatmap(make(2, 3, x_labels=names)), "_small print").get_text().split("\n")
               if note in line]
    assert told
    assert note not in caption(heatmap(make(2, 3)), "_small print").get_text()
