"""Trees beside a heatmap."""

import numpy as np

from niicorr.compute.cluster import Tree, average_linkage
from niicorr.plot.dendrogram import brackets


def test_brackets_of_three_leaves():
    tree = Tree(np.array([[0, 2, 1.0, 2], [1, 3, 2.0, 3]]), np.array([1, 0, 2]))
    first, second = brackets(tree)
    np.testing.assert_array_equal(first, [(1.5, 0), (1.5, 1), (2.5, 1), (2.5, 0)])
    np.testing.assert_array_equal(second, [(0.5, 0), (0.5, 2), (2.0, 2), (2.0, 1)])


def test_no_bracket_crosses_another():
    matrix = np.random.default_rng(0).normal(size=(25, 9))
    matrix[[3, 8]] = np.nan
    matrix[5, 2:] = np.nan
    tree = average_linkage(matrix)
    shapes = brackets(tree)
    assert shapes[..., 1].min() == 0
    for stem in [*shapes[:, :2], *shapes[:, :1:-1]]:
        (place, foot), (_, top) = stem
        for (first, _), (_, height), _, (second, _) in shapes:
            low, high = sorted((first, second))
            assert not (low < place < high and foot < height < top)
