"""Weighted and partial correlations: traces and ratios of weighted pairs of voxels, by their matrices."""

import numpy as np
import pytest
from by_definition import (
    BRAIN_LIKE,
    SHEARED,
    Mask,
    Pairs,
    common_counts,
    features_of,
    irregular_mask,
    matrix_of,
    projected_traces,
    ratios,
    robust_variance,
    smooth_maps,
    weighted_traces,
)

from niicorr.compute.similarity import Similarity
from niicorr.nulls.effective import effective_null, effective_size
from niicorr.nulls.lattice import lattice_of
from niicorr.nulls.traces import atoms_for, mask_lags, row_sums, traces

FEATURES = features_of(irregular_mask(), np.diag([5.0, 4.5, 6.0, 1]))
WEIGHTS = np.random.default_rng(5).random(FEATURES.n) + 0.2


@pytest.mark.parametrize("affine", [BRAIN_LIKE, SHEARED])
def test_traces_are_those_of_the_matrices(affine):
    features = features_of(irregular_mask(), affine)
    lattice = lattice_of(features, np.ones(features.n, dtype=bool))
    lags = mask_lags(lattice.volume(WEIGHTS), lattice)
    atoms = atoms_for(lattice, features.n)
    found = traces(lags, row_sums(lags.mask, lattice, atoms), atoms)
    W, d = weighted_traces(Mask(features.coords, affine), WEIGHTS)
    np.testing.assert_allclose(found.W, W, rtol=1e-10)
    np.testing.assert_allclose(found.d, d, rtol=1e-10)


def test_the_whole_by_definition():
    affine = FEATURES.grid.affine
    a, b = smooth_maps(FEATURES, 2, 0, fwhm=12), smooth_maps(FEATURES, 2, 1, fwhm=16)
    x, y = matrix_of(a, FEATURES), matrix_of(b, FEATURES)
    found = effective_size(x, y, common_counts(x, y), weights=3 * WEIGHTS)
    mask, pairs, weights = Mask(FEATURES.coords, affine), Pairs(FEATURES.coords), WEIGHTS / WEIGHTS.mean()
    W, d = weighted_traces(mask, weights)
    for i, v in enumerate(b):
        for j, u in enumerate(a):
            a_x, a_y = mask.fit(u), mask.fit(v)
            stationary = (a_x @ W @ a_y) / ((a_x @ d) * (a_y @ d))
            np.testing.assert_allclose(found.gsm_variance[i, j], np.clip(stationary, 1 / FEATURES.n, 1), rtol=1e-4)
            expected, _ = robust_variance(stationary, *ratios(u, v, pairs, weights))
            np.testing.assert_allclose(found.variance[i, j], np.clip(expected, 1 / FEATURES.n, 1), rtol=1e-3)


@pytest.mark.parametrize("model", ["gsm", "robust"])
def test_equal_weights_are_none(model):
    x, y = (matrix_of(smooth_maps(FEATURES, 2, seed), FEATURES) for seed in (2, 3))
    n = common_counts(x, y)
    none = effective_size(x, y, n, model=model)
    equal = effective_size(x, y, n, model=model, weights=np.full(FEATURES.n, 7.0))
    np.testing.assert_allclose(equal.variance, none.variance, rtol=1e-6)


def test_variance_is_that_of_weighted_correlations_of_random_fields():
    rng = np.random.default_rng(6)
    # Half of the voxels hardly count: the variance must grow accordingly.
    weights = np.where(FEATURES.coords[:, 0] > np.median(FEATURES.coords[:, 0]), 1.0, 0.02)
    x, y = (matrix_of(smooth_maps(FEATURES, 60, int(seed), fwhm=11), FEATURES) for seed in rng.integers(1e6, size=2))
    r = Similarity(weights=weights)(x, y).r
    null = effective_null(x, y, model="gsm", weights=weights)
    found = null.size(null.describe(x), null.describe(y), common_counts(x, y)).variance
    unweighted = effective_size(x, y, common_counts(x, y), model="gsm").variance
    assert np.mean(r**2) == pytest.approx(np.median(found), rel=0.2)
    assert np.median(found) > 1.4 * np.median(unweighted)


@pytest.mark.parametrize("affine", [BRAIN_LIKE, SHEARED])
@pytest.mark.parametrize("weighted", [False, True])
def test_traces_without_covariates_are_those_of_the_matrices(affine, weighted):
    features = features_of(irregular_mask(), affine)
    weights = WEIGHTS / WEIGHTS.mean() if weighted else np.ones(features.n)
    Z = np.vstack([smooth_maps(features, 2, 7, fwhm=20) + 1e6, features.coords[:, 0]])
    doubled = np.vstack([Z, Z[:1] * -3 + 8, np.full(features.n, 5.0)])
    x = matrix_of(smooth_maps(features, 1, 8), features)
    null = effective_null(x, x, model="gsm", weights=weights if weighted else None, covariates=doubled)
    assert null.supports.n_covariates == 3
    W, d = projected_traces(Mask(features.coords, affine), (Z - Z.mean(axis=1, keepdims=True)).T, weights)
    np.testing.assert_allclose(null.stationary.shared[0].W, W, rtol=1e-9)
    np.testing.assert_allclose(null.stationary.shared[0].d, d, rtol=1e-9)


@pytest.mark.parametrize("fwhm", [0.5, 14.0], ids=["rough", "smooth"])
def test_covariates_leave_the_variance_that_partial_correlations_of_random_fields_have(fwhm):
    Z = smooth_maps(FEATURES, 6, 9, fwhm=fwhm)
    x, y = (matrix_of(smooth_maps(FEATURES, 60, seed, fwhm=11), FEATURES) for seed in (10, 11))
    partial, plain = Similarity(covariates=Z), Similarity()
    null = effective_null(x, y, model="gsm", covariates=Z)
    size = null.size(null.describe(x), null.describe(y), common_counts(x, y))
    assert np.mean(partial(x, y).r ** 2) == pytest.approx(np.median(size.variance), rel=0.2)
    # Rough covariates take hardly any of the few values there are, smooth ones some.
    assert np.median(size.n_effective) > 1 / np.mean(plain(x, y).r ** 2)
    np.testing.assert_allclose(size.n_effective, np.minimum(7 + 1 / size.variance, FEATURES.n))
