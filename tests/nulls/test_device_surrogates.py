"""Surrogates drawn on a device are those of the processor."""

import numpy as np
import pytest
from by_definition import SHEARED, features_of, matrix_of, smooth_maps

from devices import LIBRARIES, on
from niicorr.nulls.device_surrogates import DeviceSurrogates
from niicorr.nulls.effective import effective_null
from niicorr.nulls.surrogate import FACTORS, surrogates_of

AFFINE = np.diag([4.0, 4.0, 5.0, 1])
AT = np.meshgrid(*(np.linspace(-1, 1, n) for n in (11, 12, 10)), indexing="ij")
MASK = sum(a**2 for a in AT) < 1


@pytest.fixture(params=LIBRARIES.values(), ids=LIBRARIES)
def xp(request):
    return request.param()


def source_of(affine=AFFINE, gaps=False, maps=3):
    features = features_of(MASK, affine)
    values = smooth_maps(features, maps, seed=3)
    values[-1] = 7.0  # constant: it has no surrogates
    if gaps:
        values[0, :40] = values[1, 7:90:3] = np.nan
    matrix = matrix_of(values, features)
    null = effective_null(matrix, matrix, model="gsm")
    return surrogates_of(matrix, matrix, null.describe(matrix).coefficients, np.eye(maps), seed=5,
                         atoms=null.stationary.atoms, lattice=null.stationary.lattice)


@pytest.mark.parametrize("affine", [AFFINE, SHEARED], ids=["box", "sheared"])
@pytest.mark.parametrize("gaps", [False, True])
def test_a_device_draws_what_the_processor_draws(xp, affine, gaps):
    plain = source_of(affine, gaps)
    there, maps = DeviceSurrogates(plain, on(xp)), np.array([2, 0, 1])
    for number in (0, 7):
        expected, found = plain.draw(number, maps), there.draw(number, maps)
        assert found.shape == expected.shape
        assert found.dtype == expected.dtype
        # Fields are rounded otherwise, so that neighbours in rank may change places.
        assert np.mean(found != expected) < 0.01
        np.testing.assert_allclose(found, expected, rtol=0, atol=0.05)
        np.testing.assert_array_equal(np.sort(found, axis=2), np.sort(expected, axis=2))
    assert not found[:, 0].any()
    assert found[:, 1:].any()
    np.testing.assert_array_equal(there.usable, [True, True, False])


def test_maps_with_noises_of_their_own_are_drawn_alike(xp):
    plain = source_of(maps=FACTORS + 3)
    assert (plain.own > 0).any()
    maps = np.arange(FACTORS + 3)
    found, expected = DeviceSurrogates(plain, on(xp)).draw(1, maps), plain.draw(1, maps)
    assert np.mean(found != expected) < 0.01
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.05)


def test_of_no_maps_nothing_is_drawn(xp):
    plain = source_of()
    assert DeviceSurrogates(plain, on(xp)).draw(0, np.arange(0)).shape == plain.draw(0, np.arange(0)).shape
