"""Descriptions of null models become arrays and come back as they were."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.descriptions import arrays_of, from_arrays
from niicorr.nulls.effective import Description, effective_null
from niicorr.nulls.regional import RegionalDescription, regional_null
from niicorr.space import Grid
from niicorr.typing import FloatArray

SHAPE = (12, 13, 11)


@dataclass(frozen=True, eq=False)
class Inner:
    a: FloatArray


@dataclass(frozen=True, eq=False)
class Outer:
    b: FloatArray
    maybe: Inner | None
    several: tuple[Inner, ...]


def same(one, other):
    assert type(one) is type(other)
    ones, others = list(arrays_of(one)), list(arrays_of(other))
    assert len(ones) == len(others)
    for a, b in zip(ones, others, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("maybe", [None, Inner(np.arange(3.0))])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_round_trip(maybe, count):
    value = Outer(np.eye(2), maybe, tuple(Inner(np.full(2, float(k))) for k in range(count)))
    arrays = list(arrays_of(value))
    made = from_arrays(Outer, arrays)
    same(made, value)
    assert (made.maybe is None) == (maybe is None)
    assert len(made.several) == count
    for wrong in (arrays[:-1], [*arrays, np.eye(1)]):
        if wrong != arrays:
            assert from_arrays(Outer, wrong) is None


@pytest.mark.parametrize("model", ["robust", "gsm"])
def test_descriptions_of_voxels(model):
    rng = np.random.default_rng(1)
    indices = np.flatnonzero(rng.random(np.prod(SHAPE)) < 0.9)
    features = Features(len(indices), Grid(SHAPE, np.diag([4.0, 4, 4, 1])), indices)
    values = rng.standard_normal((5, len(indices)))
    values[2, :40] = np.nan
    maps = MapMatrix.from_array(values, features=features)
    null = effective_null(maps, maps, model=model)
    described = null.describe(maps)
    made = from_arrays(Description, list(arrays_of(described)))
    same(made, described)
    n = maps.supports[maps.support_of].astype(int)
    np.testing.assert_array_equal(null.size(made, made, n @ n.T).n_effective,
                                  null.size(described, described, n @ n.T).n_effective)


@pytest.mark.parametrize("model", ["robust", "gsm"])
def test_descriptions_of_regions(model):
    rng = np.random.default_rng(1)
    centroids = rng.random((30, 3)) * 80
    maps = MapMatrix.from_array(rng.standard_normal((4, 30)), features=Features(30, centroids=centroids))
    described = regional_null(maps, maps, centroids, model=model).describe(maps)
    same(from_arrays(RegionalDescription, list(arrays_of(described))), described)


def test_an_array_in_the_place_of_a_number_is_no_description():
    arrays = list(arrays_of(Outer(np.eye(2), Inner(np.arange(3.0)), (Inner(np.zeros(2)),))))
    assert from_arrays(Outer, arrays) is not None
    several = np.ones(3), np.ones((2, 0))
    for k, wrong in [(1, several[0]), (1, several[1]), (3, several[0]), (3, several[1]), (3, np.array(1.5))]:
        assert from_arrays(Outer, [*arrays[:k], wrong, *arrays[k + 1 :]]) is None
