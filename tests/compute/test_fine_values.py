"""When standard scores tell the values of a map apart, and when the map's own must be read again for its ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from niicorr.compute.similarity import Similarity
from niicorr.compute.transforms import SAMPLE, fine_values
from niicorr.matrix import MapMatrix

N = 2 * SAMPLE + 500


def large(values, dtype="float64", zeros=False):
    """A matrix of one map as float32 rows, whose own values are known."""
    values = np.asarray(values, dtype=np.float64)
    matrix = MapMatrix.from_array(values[None])
    bits = np.packbits(values == 0)
    return replace(matrix, rows=matrix.rows.astype(np.float32), exact=lambda _: values,
                   records=(replace(matrix.records[0], dtype=dtype),), zeros={0: ("data", bits)} if zeros else {})


def reread(matrix, valid=None):
    row = matrix.rows[0] if valid is None else matrix.rows[0][valid]
    found = fine_values(matrix, 0, row, valid)
    if found is row:
        return False
    np.testing.assert_array_equal(found, matrix.exact(0) if valid is None else matrix.exact(0)[valid])
    return True


def noise(n=N):
    return np.random.default_rng(0).standard_normal(n) + 20


def test_scores_of_plain_noise_will_do():
    assert not reread(large(noise()))
    assert not reread(large(np.arange(50.0)))


@pytest.mark.parametrize("n", [50, N])
def test_a_spike_makes_all_else_one_score(n):
    values = noise(n)
    values[3] = 1e20
    assert reread(large(values))
    valid = np.arange(n) < n - 7
    assert reread(large(values), valid)


def test_a_map_whose_own_values_nobody_has_keeps_its_scores():
    values = noise()
    values[3] = 1e20
    assert not reread(replace(large(values), exact=None))


@pytest.mark.parametrize(("dtype", "again"), [("float64", True), ("int16", False), ("uint8", False)])
def test_equal_scores_are_doubted_unless_the_type_is_as_coarse(dtype, again):
    assert reread(large(np.round(noise()), dtype)) is again


@pytest.mark.parametrize("zeros", [True, False])
def test_no_map_is_read_anew_for_zeros_that_are_known(zeros):
    values = noise()
    values[: N // 3] = 0
    made, asked = large(values, zeros=zeros), []
    counted = replace(made, exact=lambda k: asked.append(k) or made.exact(k))
    Similarity("spearman")(counted, large(noise()))
    assert asked == ([] if zeros else [0])


def test_zeros_that_are_known_to_be_zeros_are_no_doubtful_ties():
    values = noise()
    values[: N // 3] = 0
    assert not reread(large(values, zeros=True))
    assert reread(large(values))
