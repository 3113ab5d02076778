"""Matrices too large for a dot per cell: what each dot is the mean of, where it is faded, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("seaborn")
from hypothesis import given
from hypothesis import strategies as st
from region_results import correlated, pairs_of_sides

from niicorr.plot import blocks as module
from niicorr.plot import heatmap
from niicorr.plot.blocks import Blocks, block_means, blocks_of
from niicorr.plot.significance import Significance
from niicorr.records import MapRecord, Provenance
from niicorr.result import CorrelationResult


@pytest.fixture
def few(monkeypatch):
    """Blocks are made of more than ten rows or columns."""
    monkeypatch.setattr(module, "MOST", 10)


def judged(rows, columns, *, same_set=False, q=True, seed=0, missing=0.1, scale=1.0, method="pearson"):
    """A result with holes, and with q in most of its cells."""
    rng = np.random.default_rng(seed)
    r = rng.uniform(-0.7, 0.7, (rows, columns)) * scale
    r[rng.random(r.shape) < missing] = np.nan
    p = rng.choice([0.0004, 0.02, 0.3, np.nan], r.shape, p=[0.01, 0.02, 0.95, 0.02])
    if same_set:
        r, p = (np.tril(values, -1) + np.tril(values, -1).T for values in (r, p))
        np.fill_diagonal(r, 1.0)
        np.fill_diagonal(p, np.nan)
    p[np.isnan(r)] = np.nan
    x, y = (tuple(MapRecord(f"{name}{k}", f"{name}/{k}.nii") for k in range(n)) for name, n in
            (("x", columns), ("y", rows)))
    return CorrelationResult(r, np.full(r.shape, 99), x, x if same_set else y, method, null="effective",
                             same_set=same_set, inferred={"p": p / 2, "p_fdr": p} if q else {},
                             provenance=Provenance(options={}))


def by_hand(values, faded, stars, rows, columns, blocks, same_set):
    """Mean, fading, stars and span of blocks, cell by cell."""
    shape = -(-len(rows) // blocks.rows), -(-len(columns) // blocks.columns)
    mean, pale, most, seen = np.full(shape, np.nan), np.zeros(shape, bool), np.zeros(shape, int), []
    for k, m in np.ndindex(shape):
        cells = [(a, b) for a in range(k * blocks.rows, min((k + 1) * blocks.rows, len(rows)))
                 for b in range(m * blocks.columns, min((m + 1) * blocks.columns, len(columns)))]
        finite = [(a, b) for a, b in cells if np.isfinite(values[rows[a], columns[b]])]
        numbers = [(a, b) for a, b in finite if not (same_set and rows[a] == columns[b])]
        if numbers:
            own = [values[rows[a], columns[b]] for a, b in numbers]
            mean[k, m], pale[k, m] = np.mean(own), all(faded[a, b] for a, b in numbers)
            seen += own
        elif finite:
            mean[k, m] = 0
        most[k, m] = max(stars[a, b] for a, b in cells)
    return mean, pale, most, (min(seen), max(seen)) if seen else ()


@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 6), st.integers(1, 6), st.booleans(),
       st.sampled_from([0.0, 0.3, 0.9]), st.integers(0, 99))
def test_each_dot_is_the_mean_of_its_cells(n_rows, n_columns, down, across, same_set, missing, seed):
    rng = np.random.default_rng(seed)
    if same_set:
        n_columns, across = n_rows, down
    values = rng.uniform(-1, 1, (n_rows, n_columns))
    values[rng.random(values.shape) < missing] = np.nan
    if same_set:
        np.fill_diagonal(values, 1)
    rows = rng.permutation(n_rows)
    columns = rows if same_set else rng.permutation(n_columns)
    marks = Significance(rng.integers(0, 4, values.shape), rng.random(values.shape) < 0.7, 5)
    blocks = Blocks(down, across)
    drawn = block_means(values, marks, rows, columns, blocks, same_set=same_set)
    mean, pale, most, span = by_hand(values, marks.faded, marks.stars, rows, columns, blocks, same_set)
    np.testing.assert_allclose(drawn.values, mean, atol=1e-14)
    np.testing.assert_array_equal(drawn.significance.faded, pale)
    np.testing.assert_array_equal(drawn.significance.stars, most)
    assert drawn.span == pytest.approx(span)
    plain = block_means(values, None, rows, columns, blocks, same_set=same_set)
    np.testing.assert_array_equal(plain.values, drawn.values)
    assert plain.significance is None


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1200, 1200), None), ((1, 1), None), ((1201, 40), (2, 1)), ((3, 2400), (1, 2)), ((3, 2401), (1, 3)),
     ((5000, 5000), (5, 5)), ((10_000, 1200), (9, 1))])
def test_blocks_are_made_where_there_are_more_cells_than_dots(shape, expected):
    found = blocks_of(*shape)
    assert (None if found is None else (found.rows, found.columns)) == expected


def test_blocks_end_where_the_cells_end():
    across, down = Blocks(3, 4).edges(10, 8)
    assert across.tolist() == [0, 4, 8]
    assert down.tolist() == [0, 3, 6, 9, 10]


def small_print(ax):
    return next(text for text in ax.texts if text.get_label() == "_small print").get_text().replace("\n", " ")


def meshes(ax):
    """The mesh of all dots, and that of the faded ones or None."""
    found = {mesh.get_label() == "_faded": mesh for mesh in ax.collections if hasattr(mesh, "get_coordinates")}
    return found[False], found.get(True)


@pytest.mark.parametrize("order", ["given", "cluster"])
@pytest.mark.parametrize("same_set", [False, True])
def test_what_is_drawn(few, order, same_set):
    result = judged(32, 32 if same_set else 37, same_set=same_set)
    ax = heatmap(result, order=order)
    mesh, faded = meshes(ax)
    arrangement = module_order(result, order)
    blocks = Blocks(4, 4)
    at = np.ix_(*arrangement)
    q = result.inferred["p_fdr"][at]
    with np.errstate(invalid="ignore"):
        mean, pale, _, span = by_hand(result.estimate, q > 0.05, np.zeros(q.shape, int), *arrangement, blocks,
                                      same_set)
    np.testing.assert_allclose(mesh.get_array().filled(np.nan), mean, atol=1e-14)
    np.testing.assert_array_equal(~np.ma.getmaskarray(faded.get_array()), pale & np.isfinite(mean))
    assert pale.any()
    assert not pale.all()
    np.testing.assert_array_equal(mesh.get_coordinates(), faded.get_coordinates())
    edges = blocks.edges(*result.estimate.shape)
    np.testing.assert_array_equal(mesh.get_coordinates()[0, :, 0], edges[0])
    np.testing.assert_array_equal(mesh.get_coordinates()[:, 0, 1], edges[1])
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, result.estimate.shape[1]), (result.estimate.shape[0], 0))
    low, high = (f"{end:.2f}".replace("0.", ".").replace("-", "−") for end in span)
    assert small_print(ax).endswith(f"Each dot is the mean of 4 × 4 cells, which span {low} to {high}; it is faded "
                                    "where all of them are")
    ax.figure.savefig("/dev/null", format="png")


def module_order(result, order):
    from niicorr.plot.order import arrange

    found = arrange(result, order)
    return found.rows, found.columns


def test_colours_span_the_means_and_the_words_the_cells(few):
    result = judged(40, 40, q=False, missing=0)
    strong = result.estimate.copy()
    strong[7, 9] = 0.97
    ax = heatmap(result.replace(estimate=strong))
    mesh, faded = meshes(ax)
    assert mesh.norm.vmax == pytest.approx(np.ceil(np.abs(mesh.get_array()).max() * 10) / 10)
    assert mesh.norm.vmax < 0.7
    assert faded is None
    assert small_print(ax).endswith("which span −.70 to .97")


def test_holes_are_hatched_only_where_a_whole_block_has_no_number(few):
    result = judged(35, 45, missing=0, q=False)
    holes = result.estimate.copy()
    holes[3, 4] = np.nan
    ax = heatmap(result.replace(estimate=holes))
    assert not np.ma.getmaskarray(meshes(ax)[0].get_array()).any()
    assert ax.patch.get_hatch() is None
    assert "no number" not in small_print(ax)
    assert "Each dot is the mean of 5 × 4 cells (columns × rows), which span" in small_print(ax)
    holes[4:8, 10:15] = np.nan
    ax = heatmap(result.replace(estimate=holes))
    assert np.argwhere(np.ma.getmaskarray(meshes(ax)[0].get_array())).tolist() == [[1, 2]]
    assert ax.patch.get_hatch()
    assert "Hatched (–): no number" in small_print(ax)


def test_nothing_but_holes_has_no_span(few):
    result = judged(31, 31, missing=1, q=False)
    assert small_print(heatmap(result)).endswith("Each dot is the mean of 4 × 4 cells")


def test_each_cell_is_drawn_where_numbers_are_asked_for(few):
    result = judged(31, 12)
    ax = heatmap(result, values=True)
    assert meshes(ax)[0].get_array().shape == (31, 12)
    assert "Each dot" not in small_print(ax)


def test_of_regions_one_triangle_is_faded_as_they_stand(few):
    regions = pairs_of_sides(40, ("Vis", "Default"))
    q = np.full((40, 40), 0.4)
    result = correlated(regions, q=q)
    ax = heatmap(result, order="group")
    _, faded = meshes(ax)
    expected = np.zeros((10, 10), bool)
    expected[np.tril_indices(10, -1)] = True  # those on the diagonal have cells above it
    np.testing.assert_array_equal(~np.ma.getmaskarray(faded.get_array()), expected)


def test_covariances_are_told_in_their_unit(few):
    result = correlated(pairs_of_sides(32), method="covariance", scale=4000.0)
    ax = heatmap(result)
    words = small_print(ax)
    low, high = words.split("which span ")[1].split(" to ")
    off = result.estimate[~np.eye(32, dtype=bool)]
    assert (float(low.replace("−", "-")), float(high)) == pytest.approx((off.min() / 100, off.max() / 100), abs=0.06)
    assert "units of 10²" in meshes(ax)[0].colorbar.ax.get_ylabel()
