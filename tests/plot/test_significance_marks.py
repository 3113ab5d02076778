"""Stars and fading: on which cells, in which colours, in which words, and never without p-values."""

import os

import numpy as np
import pytest

pytest.importorskip("seaborn")
import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color, to_rgb
from matplotlib.figure import Figure

from niicorr.errors import UsageError
from niicorr.plot import heatmap, save_heatmap
from niicorr.plot.artists import MISSING_FACE, MISSING_HATCH
from niicorr.plot.colormaps import KEPT, contrast, diverging, luminance
from niicorr.plot.heatmap import FORMATS
from niicorr.plot.layout import MARGIN, SMALLEST_VALUE, VALUE_SIZE
from niicorr.records import MapRecord, Provenance
from niicorr.result import CorrelationResult


def judged(q, *, estimate=None, same_set=False, **options):
    """A result with the given q in every cell; NaN where a cell was not tested."""
    q = np.array(q, dtype=np.float64)
    rng = np.random.default_rng(0)
    estimate = rng.uniform(-0.7, 0.7, size=q.shape) if estimate is None else np.array(estimate, dtype=np.float64)
    x_maps, y_maps = (
        tuple(MapRecord(label=f"{name}-{i}", path=f"{name}/{i}.nii") for i in range(n))
        for name, n in zip("xy", reversed(q.shape), strict=True)
    )
    return CorrelationResult(
        estimate, np.full(q.shape, 5000), x_maps, x_maps if same_set else y_maps, null="effective", same_set=same_set,
        provenance=Provenance(options=options), inferred={"p": q / 2, "p_fdr": q},
    )  # fmt: skip


def mixed(n_y, n_x, seed=1):
    """About half of the cells faded, the others with one to three stars."""
    return judged(np.random.default_rng(seed).choice([0.0004, 0.004, 0.04, 0.2, 0.5, 1], size=(n_y, n_x)))


def texts(ax, label):
    found = [text for text in ax.texts if text.get_label() == label]
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text for text in found}


def star_texts(ax):
    return texts(ax, "_stars")


def number_texts(ax):
    found = [text for text in ax.texts if not text.get_label().startswith(("_stars", "_headline", "_small"))]
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text for text in found}


def stars(ax):
    return {cell: text.get_text() for cell, text in star_texts(ax).items()}


def fading(ax):
    """The mesh of the faded cells, or None."""
    return next((each for each in ax.collections if each.get_label() == "_faded"), None)


def faded_cells(ax):
    mesh = fading(ax)
    return set() if mesh is None else {(int(i), int(j)) for i, j in np.argwhere(~np.ma.getmaskarray(mesh.get_array()))}


def small_print(ax):
    return next(text for text in ax.texts if text.get_label() == "_small print")


def legend(result, **options):
    """The whole small print, unfolded."""
    return small_print(heatmap(result, **options)).get_text().replace("\n", " ")


def pixels(ax):
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].astype(int)


def corner(ax, picture, row, column):
    """The colour that was drawn beside the number, an eighth of a cell from its lower left corner, 0 to 1."""
    x, y = ax.transData.transform((column + 0.125, row + 0.875))
    return picture[picture.shape[0] - 1 - int(y), int(x)] / 255


def test_one_to_three_stars_up_to_and_including_each_level():
    q = [[0.05, 0.0500001, 0.01, 0.0100001, 0.001, 0.0010001, 0.0, 1.0, np.nan]]
    ax = heatmap(judged(q))
    assert stars(ax) == {(0, 0): "*", (0, 2): "**", (0, 3): "*", (0, 4): "***", (0, 5): "**", (0, 6): "***"}
    assert faded_cells(ax) == {(0, 1), (0, 7)}


@pytest.mark.parametrize("order", ["name", "cluster"])
def test_marks_move_with_their_numbers(order):
    result = mixed(7, 9)
    result = result.replace(x_maps=result.x_maps[::-1])
    ax = heatmap(result, order=order)
    rows = [result.y_labels.index(text.get_text()) for text in ax.get_yticklabels()]
    columns = [result.x_labels.index(text.get_text()) for text in ax.get_xticklabels()]
    assert columns != sorted(columns)
    q = result.inferred["p_fdr"][np.ix_(rows, columns)]
    marked = stars(ax)
    for cell in np.ndindex(q.shape):
        assert len(marked.get(cell, "")) == sum(q[cell] <= level for level in (0.05, 0.01, 0.001))
    assert faded_cells(ax) == {cell for cell in np.ndindex(q.shape) if q[cell] > 0.05}


def test_numbers_stand_where_they_stand_without_stars():
    with_stars, without = (number_texts(heatmap(mixed(4, 20), stars=each)) for each in (None, False))
    assert with_stars.keys() == without.keys() == set(np.ndindex(4, 20))
    for cell, text in with_stars.items():
        plain = without[cell]
        assert (text.get_text(), text.get_size()) == (plain.get_text(), plain.get_size())
        assert text.get_position() == plain.get_position() == (cell[1] + 0.5, cell[0] + 0.5)
        assert (text.get_va(), text.get_ha()) == (plain.get_va(), plain.get_ha()) == ("center", "center")


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1, 1), None), ((4, 4), None), ((4, 20), None), ((5, 30), None), ((6, 6), (3.5, 2.6)), ((6, 3), (8, 2.2))],
)
def test_stars_stay_in_their_cell_and_clear_of_its_number(shape, size):
    result = judged(np.full(shape, 1e-6), estimate=np.full(shape, -0.42))
    ax = heatmap(result, ax=None if size is None else Figure(figsize=size, dpi=200).subplots())
    ax.figure.set_dpi(200)
    assert set(stars(ax).values()) == {"***"}
    ink = {}
    everything = {"numbers": number_texts(ax), "stars": star_texts(ax)}
    for shown in ("none", *everything):
        for name, group in everything.items():
            for text in group.values():
                text.set_visible(name == shown)
        ink[shown] = pixels(ax)
    drawn = {name: (ink[name] != ink["none"]).any(axis=2) for name in everything}
    for i, j in np.ndindex(shape):
        (x0, y0), (x1, y1) = ax.transData.transform([(j, i + 1), (j + 1, i)])
        height = ink["none"].shape[0]
        cell = np.s_[int(np.ceil(height - y1)) + 1 : int(height - y0) - 1, int(np.ceil(x0)) + 1 : int(x1) - 1]
        upper, lower = (np.flatnonzero(drawn[name][cell].any(axis=1)) for name in ("stars", "numbers"))
        assert lower.min() - upper.max() > 0.33 * number_texts(ax)[i, j].get_size() * 200 / 72
        for each in drawn.values():
            each[cell] = False
    assert not any(each.any() for each in drawn.values()), "ink outside of the cells"


def test_numbers_shrink_in_flat_cells_to_make_room_for_stars():
    def draw(height, **options):
        return heatmap(mixed(6, 6), ax=Figure(figsize=(6, height)).subplots(), **options)

    roomy, flat, unstarred = draw(6), draw(2), draw(2, stars=False)
    sizes = [number_texts(ax)[0, 0].get_size() for ax in (roomy, flat, unstarred)]
    assert sizes[0] == sizes[2] == VALUE_SIZE
    assert SMALLEST_VALUE <= sizes[1] < VALUE_SIZE
    assert {text.get_size() < sizes[1] for text in star_texts(flat).values()} == {True}
    too_flat = draw(1)
    assert not number_texts(too_flat)
    assert not stars(too_flat)
    assert faded_cells(too_flat)
    assert "*" not in small_print(too_flat).get_text()


@pytest.mark.parametrize("cmap", ["vik", "RdBu_r", "gray"])
def test_numbers_and_stars_stand_out_from_faded_and_from_full_colours(cmap):
    result = mixed(8, 30)
    ax = heatmap(result, cmap=cmap, vmax=0.7)
    mesh, pale, pale_cells = ax.collections[0], fading(ax), faded_cells(ax)
    assert {True, False} == {cell in pale_cells for cell in np.ndindex(8, 30)}
    starred = star_texts(ax)
    for cell, text in number_texts(ax).items():
        shade = mesh.norm(result.estimate[cell])
        behind = luminance(np.array((pale if cell in pale_cells else mesh).cmap(shade)))
        assert contrast(behind, luminance(np.array(to_rgb(text.get_color())))) >= 4.5
        assert cell not in starred or same_color(starred[cell].get_color(), text.get_color())


def test_faded_colours_are_blended_towards_white():
    ax = heatmap(mixed(4, 6))
    shades = np.linspace(0, 1, 257)
    full, pale = ax.collections[0].cmap(shades), fading(ax).cmap(shades)
    np.testing.assert_allclose(1 - pale[:, :3], KEPT * (1 - full[:, :3]), atol=1e-9)
    assert KEPT < 0.5
    assert (pale[:, 3] == 1).all()


@pytest.mark.parametrize("shape", [(4, 20), (40, 40), (300, 300)])
def test_what_is_drawn_is_faded_where_q_is_above_the_first_level(shape):
    result = mixed(*shape)
    ax = heatmap(result)
    picture, vik = pixels(ax), diverging("vik")
    mesh = ax.collections[0]
    np.testing.assert_array_equal(mesh.get_array(), result.estimate)
    for cell in list(np.ndindex(shape))[:: max(1, shape[0] * shape[1] // 500)]:
        colour = np.array(vik(mesh.norm(result.estimate[cell]))[:3])
        if result.inferred["p_fdr"][cell] > 0.05:
            colour = 1 - KEPT * (1 - colour)
        np.testing.assert_allclose(corner(ax, picture, *cell), colour, atol=1.5 / 255)


def test_large_maps_are_faded_as_one_picture(tmp_path):
    ax = heatmap(mixed(31, 40))
    assert not stars(ax)
    assert fading(ax).get_rasterized()
    save_heatmap(mixed(31, 40), str(tmp_path), formats=["svg"])
    assert (tmp_path / "heatmap.svg").stat().st_size < 200_000


def test_the_colours_still_follow_when_their_limits_are_changed():
    ax = heatmap(mixed(4, 6))
    ax.collections[0].set_clim(-2, 2)
    assert fading(ax).get_clim() == (-2, 2)


def test_cells_that_were_not_tested_keep_their_colour():
    q = np.full((4, 4), 0.3)
    np.fill_diagonal(q, np.nan)
    estimate = np.full((4, 4), 0.4)
    np.fill_diagonal(estimate, 1)
    alone = heatmap(judged(q, estimate=estimate, same_set=True))
    assert faded_cells(alone) == {cell for cell in np.ndindex(4, 4) if cell[0] != cell[1]}
    assert not stars(alone)
    plain = heatmap(judged(q, estimate=estimate, same_set=True), stars=False)
    np.testing.assert_array_equal(corner(alone, pixels(alone), 2, 2), corner(plain, pixels(plain), 2, 2))
    same_file = heatmap(judged([[np.nan, 0.3, 1e-5]], estimate=[[1, 0.3, 0.5]]))
    assert faded_cells(same_file) == {(0, 1)}
    assert stars(same_file) == {(0, 2): "***"}


def test_cells_without_a_number_stay_hatched_among_faded_ones():
    ax = heatmap(judged([[0.3, np.nan], [0.001, 0.2]], estimate=[[0.3, np.nan], [0.5, 0.1]]))
    assert faded_cells(ax) == {(0, 0), (1, 1)}
    assert stars(ax) == {(1, 0): "***"}
    assert number_texts(ax)[0, 1].get_text() == "–"
    # Where hatches run depends on the size of the figure; their colours do not.
    colour = corner(ax, pixels(ax), 0, 1)
    assert (to_rgb(MISSING_HATCH) <= colour).all()
    assert (colour <= to_rgb(MISSING_FACE)).all()


def test_the_legend_names_levels_correction_and_number_of_tests_and_the_null_model_follows():
    result = mixed(4, 20)
    text = legend(result)
    assert text.startswith(
        "* q ≤ .05, ** q ≤ .01, *** q ≤ .001 (Benjamini–Hochberg over 80 tests); faded: q > .05 n = "
    )
    assert text.endswith(result.null_text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "(Benjamini–Hochberg over 6 tests)"),
        ({"fdr": "bh", "alternative": "two-sided"}, "(Benjamini–Hochberg over 6 tests)"),
        ({"fdr": "by"}, "(Benjamini–Yekutieli over 6 tests)"),
        ({"alternative": "greater"}, "(Benjamini–Hochberg over 6 tests of r > 0)"),
        ({"alternative": "less"}, "(Benjamini–Hochberg over 6 tests of r < 0)"),
    ],
)
def test_the_legend_says_how_it_was_corrected(options, words):
    assert words in legend(judged([[0.03, 0.2, 0.2], [0.2, 0.2, 0.2]], **options))


def test_each_pair_of_a_set_with_itself_is_one_test():
    q = np.full((60, 60), 0.2)
    np.fill_diagonal(q, np.nan)
    q[3, 2] = q[2, 3] = np.nan
    assert "over 1\N{NO-BREAK SPACE}769 tests)" in legend(judged(q, same_set=True))


def test_cells_without_p_are_no_tests():
    assert "over 1 test)" in legend(judged([[0.01, np.nan, np.nan]]))


def test_where_nothing_survives_the_legend_says_so():
    ax = heatmap(judged([[0.06, 0.3], [np.nan, 1]]))
    assert faded_cells(ax) == {(0, 0), (0, 1), (1, 1)}
    assert small_print(ax).get_text().startswith("Faded: no cell reaches q ≤ .05 (Benjamini–Hochberg over 3 tests)\n")
    assert "*" not in small_print(ax).get_text()


def test_where_all_survive_the_legend_speaks_of_no_fading():
    assert "faded" not in legend(judged([[0.01, 0.02]])).lower()
    assert legend(judged([[0.01, 0.02]]), values=False).startswith("All tested cells reach q ≤ .05 (")


def test_without_numbers_the_legend_explains_no_stars():
    for ax in (heatmap(mixed(4, 6), values=False), heatmap(mixed(31, 31))):
        assert not stars(ax)
        assert small_print(ax).get_text().startswith("Faded: q > .05 (Benjamini–Hochberg over ")


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (4, 20), (40, 40)])
@pytest.mark.parametrize("order", ["given", "cluster"])
def test_the_legend_is_inside_the_figure_and_below_all_names(shape, order):
    ax = heatmap(judged(np.full(shape, 0.001)), order=order)
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    box = small_print(ax).get_window_extent(canvas.get_renderer())
    assert 0 <= box.x0 <= box.x1 <= ax.figure.bbox.x1
    assert box.y0 >= MARGIN / 2 * ax.figure.dpi
    assert box.y1 < ax.xaxis.label.get_window_extent(canvas.get_renderer()).y0


@pytest.mark.parametrize("name", FORMATS)
def test_without_p_values_or_with_stars_off_nothing_is_different(tmp_path, name):
    result = mixed(4, 6)
    never = result.replace(inferred={"n_effective": np.full((4, 6), np.nan)})
    untested = result.replace(inferred={key: np.full((4, 6), np.nan) for key in ("p", "p_fdr")})
    files = [tmp_path / f"{i}.{name}" for i in range(4)]
    how = {"png": {}, "svg": {"metadata": {"Date": None}}, "pdf": {"metadata": {"CreationDate": None}}}[name]
    with matplotlib.rc_context({"svg.hashsalt": "niicorr"}):
        axes = [heatmap(never), heatmap(never, stars=False), heatmap(untested), heatmap(result, stars=False)]
        for ax, file in zip(axes, files, strict=True):
            ax.figure.savefig(file, **how)
    assert len({file.read_bytes() for file in files}) == 1
    assert fading(axes[0]) is None
    assert "q" not in small_print(axes[0]).get_text().split("(")[0]


def test_stars_asked_for_without_p_values():
    with pytest.raises(UsageError, match=r"this result has none \(null model: none\): correlate with null='effective'"):
        heatmap(mixed(2, 2).replace(inferred={}, null="none"), stars=True)
    assert stars(heatmap(judged([[0.01]]), stars=True)) == {(0, 0): "**"}


@pytest.mark.parametrize("name", FORMATS)
def test_saved_files_with_marks_are_the_same_bytes_whatever_the_users_settings(tmp_path, name):
    for folder, settings in (("a", {}), ("b", {"font.size": 20, "figure.dpi": 300, "image.cmap": "jet"})):
        os.mkdir(tmp_path / folder)
        with matplotlib.rc_context(settings):
            save_heatmap(mixed(4, 20), str(tmp_path / folder), formats=[name])
    first, second = ((tmp_path / folder / f"heatmap.{name}").read_bytes() for folder in "ab")
    assert first == second


def test_a_real_result_is_marked():
    nibabel = pytest.importorskip("nibabel")
    import niicorr as nc

    rng = np.random.default_rng(0)
    base = rng.normal(size=(2, 12, 12, 12))
    data = [(base[i] + 0.5 * rng.normal(size=base[i].shape)).astype(np.float32) for i in (0, 0, 1)]
    images = [nibabel.Nifti1Image(each, np.diag([4.0, 4, 4, 1])) for each in data]
    result = nc.correlate(images, null="effective", fdr="by", mask="none", warn=False)
    ax = heatmap(result)
    assert stars(ax) == {(0, 1): "***", (1, 0): "***"}
    assert faded_cells(ax) == {(0, 2), (2, 0), (1, 2), (2, 1)}
    assert "(Benjamini–Yekutieli over 3 tests); faded: q > .05" in small_print(ax).get_text().replace("\n", " ")


def test_what_could_not_be_tested_does_not_look_like_what_survived():
    result = judged([[0.01, 0.2, np.nan]])
    result = result.replace(notes={(0, 2): "no p-value: 9 common regions are too few for the null model (10 needed)"})
    assert faded_cells(heatmap(result)) == {(0, 1), (0, 2)}
    assert "faded: q > .05 or no p-value" in legend(result)
    alone = judged([[np.nan, np.nan]]).replace(notes={(0, 0): "no p-value: x", (0, 1): "no p-value: x"})
    assert faded_cells(heatmap(alone)) == {(0, 0), (0, 1)}
    assert "Faded: no p-value" in legend(alone)
