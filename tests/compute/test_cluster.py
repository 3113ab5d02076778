"""Average linkage that survives empty cells."""

import numpy as np
import pytest

from niicorr.compute.cluster import OPTIMAL_UP_TO, average_linkage, row_distances

hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
NAN = np.nan


def rms(a, b):
    both = np.isfinite(a) & np.isfinite(b)
    return np.sqrt(np.mean((a[both] - b[both]) ** 2)) if both.any() else None


def check(tree, n):
    """A linkage that scipy itself accepts, whose clusters are each contiguous in the order."""
    assert sorted(tree.order) == list(range(n))
    assert tree.linkage.shape == (max(n - 1, 0), 4)
    if n > 1:
        assert hierarchy.is_valid_linkage(tree.linkage)
        assert hierarchy.is_monotonic(tree.linkage)
        place = {int(row): i for i, row in enumerate(tree.order)}
        members = {i: [i] for i in range(n)}
        for i, (a, b, _, size) in enumerate(tree.linkage):
            joined = members[n + i] = members[int(a)] + members[int(b)]
            places = sorted(place[row] for row in joined)
            assert size == len(joined) == places[-1] - places[0] + 1


def test_like_stands_beside_like():
    rng = np.random.default_rng(0)
    groups = np.repeat([-0.5, 0.0, 0.5], 4)
    shuffle = rng.permutation(12)
    matrix = (groups[:, None] + 0.02 * rng.normal(size=(12, 6)))[shuffle]
    tree = average_linkage(matrix)
    check(tree, 12)
    found = groups[shuffle][tree.order]
    assert np.count_nonzero(np.diff(found)) == 2
    assert abs(found[0] - found[-1]) == 1, "the middle group stands in the middle"


def test_equals_scipy_where_nothing_is_missing():
    matrix = np.random.default_rng(1).normal(size=(15, 7))
    expected = hierarchy.linkage(matrix / np.sqrt(7), "average")
    np.testing.assert_allclose(average_linkage(matrix).linkage[:, 2], expected[:, 2], atol=1e-5)


def test_distances_use_the_columns_both_rows_have():
    matrix = np.random.default_rng(2).normal(size=(8, 6))
    matrix[np.random.default_rng(3).random(matrix.shape) < 0.3] = NAN
    present = np.isfinite(matrix)
    distances = row_distances(matrix, present)
    for i in range(8):
        for j in range(8):
            expected = rms(matrix[i], matrix[j])
            if i != j and expected is not None:
                assert distances[i, j] == pytest.approx(expected, abs=1e-6)


def test_rows_that_share_no_column_are_farthest_apart():
    matrix = np.array([[0.1, 0.2, NAN, NAN], [NAN, NAN, 0.1, 0.2], [0.9, 0.2, 0.1, 0.2]])
    distances = row_distances(matrix, np.isfinite(matrix))
    assert distances[0, 1] == distances.max() == distances[0, 2]


@pytest.mark.parametrize(
    "matrix",
    [
        np.empty((0, 3)),
        np.empty((3, 0)),
        np.ones((1, 3)),
        np.full((1, 3), NAN),
        np.ones((2, 3)),
        np.array([[0.1, NAN], [NAN, 0.2]]),
        np.full((2, 3), NAN),
        np.full((5, 3), NAN),
        np.zeros((5, 3)),
        np.array([[NAN, NAN], [0.5, 0.1], [NAN, NAN]]),
        np.array([[NAN, NAN], [0.5, 0.1], [0.2, np.inf], [NAN, NAN], [0.5, 0.1]]),
    ],
    ids=lambda matrix: str(matrix.shape),
)
def test_survives_hardly_any_numbers(matrix):
    with np.errstate(all="raise"):
        check(average_linkage(matrix), len(matrix))


def test_empty_rows_come_last_in_their_given_order():
    matrix = np.random.default_rng(4).normal(size=(9, 5))
    matrix[[1, 4, 6]] = NAN
    tree = average_linkage(matrix)
    check(tree, 9)
    assert list(tree.order[-3:]) == [1, 4, 6]
    filled = average_linkage(np.delete(matrix, [1, 4, 6], axis=0))
    np.testing.assert_array_equal(tree.linkage[:5, 2], filled.linkage[:, 2])
    np.testing.assert_array_equal(tree.order[:6], np.array([0, 2, 3, 5, 7, 8])[filled.order])


def test_order_is_optimal_for_moderate_sizes():
    matrix = np.random.default_rng(5).normal(size=(20, 4))
    distances = row_distances(matrix, np.isfinite(matrix))
    plain = hierarchy.leaves_list(hierarchy.linkage(distances[np.triu_indices(20, 1)], "average"))

    def length(order):
        return distances[order[:-1], order[1:]].sum()

    assert length(average_linkage(matrix).order) < length(plain)
    assert OPTIMAL_UP_TO >= 300


def test_the_matrix_is_left_alone():
    matrix = np.array([[0.1, NAN], [0.3, 0.2], [NAN, NAN]])
    before = matrix.copy()
    average_linkage(matrix)
    np.testing.assert_array_equal(matrix, before)


@pytest.mark.parametrize("unit", [1e-300, 1e-150, 1e-9, 1e9, 1e150, 1e307])
def test_the_unit_of_the_values_changes_no_order(unit):
    matrix = np.random.default_rng(0).uniform(-1, 1, (12, 12))
    matrix[3, 4] = np.nan
    with np.errstate(over="raise", divide="raise"):
        found, wanted = average_linkage(matrix * unit), average_linkage(matrix)
    np.testing.assert_array_equal(found.order, wanted.order)
    np.testing.assert_array_equal(found.linkage[:, [0, 1, 3]], wanted.linkage[:, [0, 1, 3]])
    np.testing.assert_allclose(found.linkage[:, 2] / found.linkage[-1, 2], wanted.linkage[:, 2] / wanted.linkage[-1, 2],
                               atol=1e-5)
