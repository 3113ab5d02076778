"""Random maps have a map's autocovariance, mask and values, and a set's correlations; the same for the same seed."""

from dataclasses import replace

import numpy as np
import pytest
from by_definition import SHEARED, features_of, matrix_of, smooth_maps
from scipy import fft

from niicorr.matrix import MapMatrix
from niicorr.nulls.circulant import Torus, torus_for, white_noise
from niicorr.nulls.effective import effective_null
from niicorr.nulls.lattice import lattice_of
from niicorr.nulls.surrogate import FACTORS, before_replacing, mixing, surrogates_of
from niicorr.nulls.traces import Atoms

SHAPE = (15, 16, 14)
AT = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
MASK = sum(a**2 for a in AT) < 1
AFFINE = np.diag([4.0, 4.0, 5.0, 1])
FEATURES = features_of(MASK, AFFINE)


def prepared(matrix, seed=0, correlations=None):
    null = effective_null(matrix, matrix, model="gsm")
    fit = null.describe(matrix).coefficients
    correlations = np.corrcoef(matrix.rows) if correlations is None else correlations
    return surrogates_of(matrix, matrix, fit, np.atleast_2d(correlations), atoms=null.stationary.atoms,
                         lattice=null.stationary.lattice, seed=seed)


@pytest.mark.parametrize("affine", [AFFINE, SHEARED], ids=["box", "sheared"])
def test_fields_on_the_torus_have_their_covariance(affine):
    features = features_of(MASK, affine)
    lattice = lattice_of(features, np.ones(features.n, dtype=bool))
    atoms = Atoms(np.array([2.0, 6.0, 30.0]))
    coefficients = np.array([0.2, 0.3, 0.4, 0.1])
    torus = Torus(lattice, atoms, (36, 36, 36))
    found = fft.ifftn(torus.amplitude(coefficients).astype(float) ** 2).real
    steps = [np.array([0, 1, 2, 5])] * 3
    expected = atoms.at(lattice.squared_mm(*steps).ravel()) @ coefficients
    near = found[:6, :6, :6][np.ix_(*steps)].ravel()
    # The widest atom meets itself around the torus, by what is left of it at half a turn.
    np.testing.assert_allclose(near, expected, atol=0.012)


def test_the_torus_is_as_large_as_fields_need():
    lattice = lattice_of(FEATURES, np.ones(FEATURES.n, dtype=bool))
    atoms = Atoms(np.array([1.0, 8.0, 1000.0]))
    narrow = torus_for(lattice, atoms, np.array([[0.5, 0.5, 0, 0]]))
    wide = torus_for(lattice, atoms, np.array([[0.5, 0.5, 0, 0], [0, 0, 1.0, 0]]))
    endless = torus_for(lattice, atoms, np.array([[0, 0, 0, 1.0]]))
    assert all(n <= a < b <= c for n, a, b, c in zip(lattice.shape, narrow.shape, wide.shape, endless.shape,
                                                     strict=True))
    assert all(c >= 2 * n - 1 for n, c in zip(lattice.shape, endless.shape, strict=True))


def test_noise_depends_on_its_seed_and_key_alone():
    one = white_noise((4, 5, 6), 3, 1, 2)
    np.testing.assert_array_equal(one, white_noise((4, 5, 6), 3, 1, 2))
    for seed, key in ((4, (1, 2)), (3, (2, 1)), (3, (1, 3))):
        assert not np.array_equal(one, white_noise((4, 5, 6), seed, *key))
    many = white_noise((40, 40, 40), 0, 0)
    assert many.real.std() == pytest.approx(1, abs=0.01)
    assert np.corrcoef(many.real.ravel(), many.imag.ravel())[0, 1] == pytest.approx(0, abs=0.02)


KINDS = {
    "Gaussian": lambda z: z,
    "skewed": np.exp,
    "zeros": lambda z: np.maximum(z - 0.5, 0),
    "two values": lambda z: (z > 0.8).astype(float),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_random_maps_have_the_autocovariance_and_the_values_of_the_map(kind):
    z = smooth_maps(FEATURES, 20, 1, fwhm=10)
    values = KINDS[kind]((z - z.mean()) / z.std())
    matrix = matrix_of(values, FEATURES)
    source = prepared(matrix, correlations=np.eye(20))
    drawn = np.concatenate([source.draw(number, np.arange(20)) for number in range(4)])
    for k in range(20):
        np.testing.assert_array_equal(np.sort(drawn[0, k]), np.sort(matrix.rows[k]))
    null = effective_null(matrix, matrix, model="gsm")
    family = null.stationary.atoms.at(np.array([0, 4, 8, 12, 20, 30.0]) ** 2)

    def typical(maps):
        # Coefficients cannot be negative, so their mean lies too high where there is little correlation.
        fitted = null.describe(MapMatrix.from_array(maps, features=FEATURES)).coefficients @ family.T
        return np.median(fitted, axis=0)

    real, ours = typical(values), typical(drawn.reshape(-1, FEATURES.n))
    np.testing.assert_allclose(ours / ours[0], real / real[0], atol=0.04)


def test_draws_follow_from_the_seed_and_from_nothing_else():
    matrix = matrix_of(smooth_maps(FEATURES, 12, 2), FEATURES)
    source, other = prepared(matrix), prepared(matrix, seed=1)
    all_maps = source.draw(3, np.arange(12))
    np.testing.assert_array_equal(all_maps, prepared(matrix).draw(3, np.arange(12)))
    np.testing.assert_array_equal(all_maps[:, [7, 2]], source.draw(3, np.array([7, 2])))
    assert not np.array_equal(all_maps, other.draw(3, np.arange(12)))
    assert not np.array_equal(all_maps, source.draw(4, np.arange(12)))
    assert not np.array_equal(all_maps[0], all_maps[1])


@pytest.mark.parametrize("count", [3, FACTORS + 6])
def test_fields_of_a_draw_are_correlated_as_the_maps(count):
    rng = np.random.default_rng(0)
    common = smooth_maps(FEATURES, 1, 3)
    maps = smooth_maps(FEATURES, count, 4)
    maps = maps + rng.permutation(np.linspace(-1.5, 1.5, count))[:, None] * common
    matrix = matrix_of(maps, FEATURES)
    source = prepared(matrix)
    drawn = np.concatenate([source.draw(number, np.arange(count)) for number in range(30)])
    found = np.mean([np.corrcoef(rows) for rows in drawn], axis=0)
    real = np.corrcoef(maps)
    off = ~np.eye(count, dtype=bool)
    # Noise of their own stands in for what the shared factors of a large set leave out.
    assert np.abs(found - real)[off].max() < (0.12 if count <= FACTORS else 0.3)
    assert np.corrcoef(found[off], real[off])[0, 1] > 0.95


def test_mixing_has_unit_variance_whatever_the_correlations():
    for correlations in (np.eye(3), np.ones((4, 4)), np.full((20, 20), np.nan), np.array([[1.0, 1, -1]] * 3)):
        loadings, own = mixing(correlations.copy())
        np.testing.assert_allclose((loadings**2).sum(axis=1) + own**2, 1, atol=1e-3)


def test_hermite_correlations_are_those_of_the_distribution():
    rng = np.random.default_rng(1)
    z = np.sort(rng.standard_normal(20_000))
    rho = np.array([0.0, 0.3, 0.7, 1.0])
    np.testing.assert_allclose(before_replacing(rho, z), rho, atol=2e-3)
    # exp: correlation (e^(s²ρ) − 1)/(e^(s²) − 1), in closed form.
    s2 = 0.5**2
    of_exp = (np.exp(s2 * rho) - 1) / (np.exp(s2) - 1)
    np.testing.assert_allclose(before_replacing(of_exp, np.exp(0.5 * z)), rho, atol=0.01)
    # A median cut: the arcsine law.
    np.testing.assert_allclose(before_replacing(2 / np.pi * np.arcsin(rho), (z > 0).astype(float)), rho, atol=0.03)


def test_maps_with_holes_keep_them_and_maps_without_variance_have_no_surrogates():
    values = smooth_maps(FEATURES, 3, 5)
    values[0, :300] = np.nan
    values[1] = 4.0
    matrix = MapMatrix.from_array(values, features=FEATURES)
    source = prepared(matrix, correlations=np.eye(3))
    np.testing.assert_array_equal(source.usable, [True, False, True])
    rows = source.draw(0, np.arange(3))
    assert not rows[:, 0, :300].any()
    assert not rows[:, 1].any()
    np.testing.assert_array_equal(np.sort(rows[1, 0, 300:]), np.sort(matrix.rows[0, 300:]))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_draws_are_as_wide_as_the_rows(kind):
    matrix = MapMatrix.from_array(smooth_maps(FEATURES, 2, 5), features=FEATURES)
    source = prepared(replace(matrix, rows=matrix.rows.astype(kind)))
    assert source.draw(0, np.arange(2)).dtype == kind
