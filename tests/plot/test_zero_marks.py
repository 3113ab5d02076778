"""Daggers: on which cells, in which colours, where they stand, and in which words they are explained."""

import numpy as np
import pytest

pytest.importorskip("seaborn")
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from niicorr.errors import UsageError
from niicorr.plot import blocks, heatmap, save_heatmap
from niicorr.records import MapRecord
from niicorr.result import CorrelationResult
from niicorr.result.correlation import Sensitivity


def unsure(n_y, n_x, *, same_set=False, q=None, seed=0, share=0.4):
    """A result in which some cells rest on how zeros are read."""
    rng = np.random.default_rng(seed)
    estimate = rng.uniform(-0.7, 0.7, (n_y, n_x))
    other = np.where(rng.random((n_y, n_x)) < share, -estimate, np.nan)
    if same_set:
        estimate, other = (np.tril(each, -1) + np.tril(each, -1).T for each in (estimate, other))
        np.fill_diagonal(estimate, 1.0)
        np.fill_diagonal(other, 0.5)
    x_maps, y_maps = (tuple(MapRecord(label=f"{name}-{i:03d}", path=f"{name}/{i}.nii") for i in range(n))
                      for name, n in (("x", n_x), ("y", n_y)))
    return CorrelationResult(
        estimate, np.full(estimate.shape, 5000), x_maps, x_maps if same_set else y_maps, same_set=same_set,
        sensitivity=Sensitivity(np.full_like(estimate, np.nan), 1, other),
        null="none" if q is None else "effective",
        inferred={} if q is None else {"p": q / 2, "p_fdr": q},
    )  # fmt: skip


def marks(ax, label="_daggers"):
    found = [text for text in ax.texts if text.get_label() == label]
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text for text in found}


def numbers(ax):
    found = [text for text in ax.texts if not text.get_label().startswith(("_stars", "_headline", "_small", "_dagg"))]
    return {(int(text.get_position()[1]), int(text.get_position()[0])): text for text in found}


def small_print(ax):
    (text,) = (text.get_text() for text in ax.texts if text.get_label() == "_small print")
    return " ".join(text.split())


def fragile(result):
    own = result.same_set & np.eye(*result.estimate.shape, dtype=bool)
    cells = np.isfinite(result.sensitivity.zeros_matter) & ~own
    return {(int(i), int(j)) for i, j in np.argwhere(cells)}


@pytest.mark.parametrize("same_set", [False, True])
def test_cells_that_rest_on_zeros_carry_a_dagger(same_set):
    result = unsure(6, 6, same_set=same_set)
    ax = heatmap(result)
    assert marks(ax).keys() == fragile(result)
    assert {text.get_text() for text in marks(ax).values()} == {"†"}


def test_daggers_move_with_their_numbers():
    result = unsure(5, 7)
    result = result.replace(x_maps=result.x_maps[::-1])
    ax = heatmap(result, order="name")
    columns = [result.x_labels.index(text.get_text()) for text in ax.get_xticklabels()]
    assert columns != sorted(columns)
    assert {(i, columns[j]) for i, j in marks(ax)} == fragile(result)


@pytest.mark.parametrize("size", [None, (6, 4)])
def test_a_dagger_stands_behind_its_number_inside_of_its_cell_and_clear_of_stars(size):
    result = unsure(4, 9, q=np.full((4, 9), 0.0001), share=1.0)
    ax = heatmap(result, values=True, ax=None if size is None else Figure(figsize=size).add_subplot())
    FigureCanvasAgg(ax.figure).draw()
    written, stars = numbers(ax), marks(ax, "_stars")
    plain = numbers(heatmap(result, values=True, daggers=False))
    assert marks(ax).keys() == written.keys() == stars.keys() == plain.keys()
    for cell, dagger in marks(ax).items():
        box, number, star = (text.get_window_extent() for text in (dagger, written[cell], stars[cell]))
        right = ax.transData.transform((cell[1] + 1, cell[0]))[0]
        assert number.x1 - 1 <= box.x0 < box.x1 <= right + 0.5
        assert box.x0 >= star.x1 - 1
        assert dagger.get_color() == written[cell].get_color()
        assert written[cell].get_position() == plain[cell].get_position()


@pytest.mark.parametrize(("same_set", "total"), [(False, 36), (True, 15)])
def test_the_small_print_says_what_a_dagger_means_and_of_how_many_pairs(same_set, total):
    result = unsure(6, 6, same_set=same_set)
    count = len(fragile(result)) // (2 if same_set else 1)
    meaning = "† would change by more than .1 or in sign if zeros were read the other way"
    assert f"{meaning} ({count} of {total} pairs)" in small_print(heatmap(result))


def test_without_numbers_they_are_only_counted():
    result = unsure(31, 4)
    ax = heatmap(result)
    assert marks(ax) == {}
    assert f"{len(fragile(result))} of 124 pairs would change by more than .1" in small_print(ax)
    assert "†" not in small_print(ax)


def test_blocks_are_only_counted(monkeypatch):
    monkeypatch.setattr(blocks, "MOST", 20)
    result = unsure(40, 30)
    ax = heatmap(result)
    assert "Each dot is the mean of" in small_print(ax)
    assert f"{len(fragile(result))} of 1 200 pairs would change" in small_print(ax).replace("\N{NO-BREAK SPACE}", " ")


def test_none_where_none_is_asked_for_or_none_is_there(tmp_path):
    result = unsure(3, 4)
    off, none = heatmap(result, daggers=False), heatmap(result.replace(sensitivity=None))
    for ax in (off, none):
        assert marks(ax) == {}
        assert "other way" not in small_print(ax)
    with pytest.raises(UsageError, match="leave out daggers=True"):
        heatmap(result.replace(sensitivity=None), daggers=True)
    save_heatmap(result, str(tmp_path), formats=("svg",))
    assert (tmp_path / "heatmap.svg").stat().st_size > 0
