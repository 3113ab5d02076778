"""Two matrices become a result: every remark where it belongs, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from niicorr.analysis import analyse
from niicorr.compute.similarity import Similarity
from niicorr.errors import InputError
from niicorr.matrix import MapMatrix
from niicorr.records import NullModel, Provenance


def noise(maps, n=40, seed=0):
    return np.random.default_rng(seed).standard_normal((maps, n))


def matrix(values, **fields):
    return replace(MapMatrix.from_array(values), **fields)


def records(made, *changes):
    return replace(made, records=tuple(replace(r, **c) for r, c in zip(made.records, changes, strict=True)))


def test_rows_are_y_and_columns_are_x():
    x, y = noise(2), noise(3, seed=1)
    result = analyse(matrix(x), matrix(y))
    np.testing.assert_allclose(result.estimate, np.corrcoef(np.vstack([y, x]))[:3, 3:], atol=1e-12)
    assert (result.counts == 40).all()
    assert result.notes == {}
    assert result.sensitivity is None
    assert not result.same_set


def test_a_set_against_itself_has_ones_on_its_diagonal_but_for_empty_maps():
    values = noise(3)
    values[1] = 5
    result = analyse(matrix(values))
    assert result.same_set
    np.testing.assert_array_equal(np.diag(result.estimate), [1, np.nan, 1])


def test_other_features_cannot_be_compared():
    with pytest.raises(InputError, match="x has 4 features, y has 5"):
        analyse(matrix(noise(1, 4)), matrix(noise(1, 5)))


def test_why_a_cell_is_empty():
    x, y = noise(4), noise(2, seed=1)
    x[1] = 3
    x[2, 2:] = np.nan
    x[3] = np.nan
    made = records(matrix(x), {}, {}, {}, {"error": "it is\x1b broken"})
    y[1] = 7
    notes = analyse(made, matrix(y)).notes
    assert notes[0, 1] == "x constant over the common voxels"
    assert notes[0, 2] == "fewer than 3 common voxels (n = 2)"
    assert notes[0, 3] == "x not used: it is\\x1b broken"
    assert notes[1, 0] == "y constant over the common voxels"
    assert notes[1, 1] == "x and y constant over the common voxels"
    assert (0, 0) not in notes


@pytest.mark.parametrize(("valid", "remarked"), [(20, False), (19, True)])
def test_less_than_half_of_the_mask_is_remarked_and_warned_of(valid, remarked):
    x = noise(2)
    x[0, valid:] = np.nan
    result = analyse(matrix(x), matrix(noise(1, seed=1)), provenance=Provenance(warnings=("before",)))
    assert ((0, 0) in result.notes) == remarked
    assert len(result.warnings) == 1 + remarked
    assert result.warnings[0] == "before"
    if remarked:
        assert result.notes[0, 0] == "low overlap: 19 of the 40 voxels of the mask"
        assert result.warnings[1].startswith("1 of 2 correlations rests on less than half")


def test_thousands_in_remarks_are_told_in_threes():
    x = noise(2, 4000)
    x[0, 1500:] = np.nan
    result = analyse(matrix(x), matrix(noise(1, 4000, seed=1)))
    assert result.notes[0, 0] == "low overlap: 1\u00a0500 of the 4\u00a0000 voxels of the mask"


def test_a_set_against_itself_counts_each_pair_once():
    x = noise(3)
    x[0, 10:] = np.nan
    (warning,) = analyse(matrix(x)).warnings
    assert warning.startswith("2 of 3 correlations")


def test_the_same_file_in_both_sets_is_remarked_by_content_and_volume():
    x = records(matrix(noise(3)), {"blake2b": "aa", "volume": 0}, {"blake2b": "aa", "volume": 1}, {})
    y = records(matrix(noise(2, seed=1)), {"blake2b": "aa", "volume": 1}, {})
    assert analyse(x, y).notes == {(0, 1): "same file"}
    assert analyse(x).notes == {}


def test_the_same_files_as_both_sets_are_a_set_with_itself():
    files = [{"blake2b": f"{k}", "volume": None} for k in range(3)]
    x = records(matrix(noise(3)), *files)
    assert analyse(x, x).warnings == ("x and y share 3 files: leave out -y to compare a set with itself (its pairs are "
                                      "counted once then)",)
    assert analyse(x).warnings == ()
    assert analyse(x, records(matrix(noise(2)), *files[:2])).warnings == ()


def with_zeros(values, reading):
    zeros = {0: (reading, np.packbits(values[0] == 0))}
    read = np.where((values == 0) & (reading == "missing"), np.nan, values)
    return matrix(read, zeros=zeros)


@pytest.mark.parametrize("reading", ["data", "missing"])
@pytest.mark.parametrize("side", ["x", "y"])
def test_zeros_that_matter_show_r_under_both_readings(reading, side):
    n = np.arange(40)
    values, other = np.where(n < 20, 10.0 + n, 0)[None], np.where(n < 20, 100.0 - n, 0.5 * n - 30)[None]
    missing = np.corrcoef(values[0, :20], other[0, :20])[0, 1]
    data = np.corrcoef(values[0], other[0])[0, 1]
    assert missing < -0.9
    assert data > 0.8
    sets = with_zeros(values, reading), matrix(other)
    result = analyse(*(sets if side == "x" else sets[::-1]))
    mine, swapped = (data, missing) if reading == "data" else (missing, data)
    assert result.estimate[0, 0] == pytest.approx(mine)
    assert result.sensitivity.zeros_matter[0, 0] == pytest.approx(swapped)

    def short(r):
        return f"{r:.2f}".replace("0.", ".")

    assert f"zeros matter: {short(mine)} / {short(swapped)}" in result.notes[0, 0]


@pytest.mark.parametrize("reading", ["data", "missing"])
def test_zeros_are_exactly_zero_under_the_other_reading_too(reading):
    """Dice counts what exceeds 0: standard scores put back into their own units would."""
    n = np.arange(40)
    values, other = np.where(n < 20, 10.1 + n, 0)[None], np.where(n < 30, 100.3 - n, 0)[None]
    result = analyse(with_zeros(values, reading), matrix(other), similarity=Similarity("dice"))
    found = {True: result.estimate[0, 0], False: result.sensitivity.zeros_matter[0, 0]}
    assert found[reading == "missing"] == pytest.approx(1.0)
    assert found[reading == "data"] == pytest.approx(2 * 20 / (20 + 30))


@pytest.mark.parametrize("method", ["pearson", "spearman"])
@pytest.mark.parametrize("spike", [1e12, 1e16, 1e18, 1e100])
def test_a_spike_costs_the_other_reading_of_zeros_no_digits(method, spike):
    n = np.arange(40)
    values, other = np.where(n < 20, 10 + np.sqrt(n), 0), np.where(n < 20, 100.0 - n, 0.5 * n - 30)
    values[3], other[3] = spike, np.nan
    there = n != 3
    result = analyse(with_zeros(values[None], "missing"), matrix(other[None]), similarity=Similarity(method))
    expected = getattr(stats, f"{method}r")(values[there], other[there])[0]
    assert result.sensitivity.zeros_matter[0, 0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("null", ["none", "independent"])
@pytest.mark.parametrize("n", [1000, 1, 2000])
def test_random_maps_that_are_not_drawn_are_told(null, n):
    """Their number is said where it is not the default: somebody must have chosen it."""
    decisions = analyse(matrix(noise(3)), model=NullModel(null, n_surrogates=n)).provenance.decisions
    said = [d.text for d in decisions if "n_surrogates" in d.text]
    number = "2\u00a0000" if n == 2000 else n
    assert said == ([] if n == 1000 else [
        f"n_surrogates {number} has no effect: the null model {null} draws no random maps"])


def test_zeros_that_do_not_matter_are_not_remarked():
    values = noise(1)
    values[0, :2] = 0
    result = analyse(with_zeros(values, "data"), matrix(noise(1, seed=1)))
    assert result.notes == {}
    assert result.sensitivity is None


def test_naive_numbers_are_carried_and_constant_maps_have_none():
    naive = noise(2, 64, seed=5)
    naive = (naive - naive.mean(axis=1, keepdims=True)) / naive.std(axis=1, keepdims=True)
    naive[1] = 0
    x, y = matrix(noise(2), naive=naive), matrix(noise(1, seed=1), naive=naive[:1])
    sensitivity = analyse(x, y, naive_step=3).sensitivity
    np.testing.assert_allclose(sensitivity.naive, [[1, np.nan]])
    assert sensitivity.step == 3
