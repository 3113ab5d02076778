import numpy as np
import pytest
from by_definition import (
    BRAIN_LIKE,
    Pairs,
    common_counts,
    features_of,
    irregular_mask,
    matrix_of,
    ratios,
    robust_variance,
    smooth_maps,
)

from niicorr.nulls.coarse import blocks_of
from niicorr.nulls.effective import effective_null, effective_size
from niicorr.nulls.lattice import lattice_of
from niicorr.nulls.robust import Ratios, corrected, unevenness
from niicorr.nulls.supports import supports_of

MASK = irregular_mask()
FEATURES = features_of(MASK)


def corrections(x, y):
    supports = supports_of(x, y)
    plan = unevenness(supports, lattice_of(x.features, supports.used))
    return plan.ratios(plan.traits(x), supports.of(x), plan.traits(y), supports.of(y))


@pytest.mark.parametrize("edges", [(3.0, 3.5, 4.5), (4.0, 4.0, 4.0), (2.5, 3.0, 6.0)])
def test_ratios_by_definition(edges):
    features = features_of(MASK, np.diag([*edges, 1]))
    a, b = smooth_maps(features, 3, 0), smooth_maps(features, 2, 1, fwhm=14)
    found = corrections(matrix_of(a, features), matrix_of(b, features))
    pairs = Pairs(features.coords)
    for i, y in enumerate(b):
        for j, x in enumerate(a):
            anisotropy, local, spread = ratios(x, y, pairs)
            np.testing.assert_allclose(found.anisotropy[i, j], anisotropy, rtol=1e-4)
            np.testing.assert_allclose(found.local[i, j], local, rtol=1e-4)
            np.testing.assert_allclose(found.spread[i, j], spread, rtol=1e-3)


def test_the_whole_by_definition():
    a, b = smooth_maps(FEATURES, 3, 0), smooth_maps(FEATURES, 3, 1)
    x, y = matrix_of(a, FEATURES), matrix_of(b, FEATURES)
    n = common_counts(x, y)
    gsm, robust = (effective_size(x, y, n, model=model) for model in ("gsm", "robust"))
    np.testing.assert_array_equal(gsm.variance, robust.gsm_variance)
    pairs = Pairs(FEATURES.coords)
    for i in range(3):
        for j in range(3):
            V, guarded = robust_variance(gsm.variance[i, j], *ratios(a[j], b[i], pairs))
            np.testing.assert_allclose(robust.variance[i, j], np.clip(V, 1 / FEATURES.n, 1), rtol=1e-4)
            assert robust.guarded[i, j] == (guarded or V > 1)


def test_a_mask_of_its_own_is_like_a_smaller_mask():
    """Where both maps lack the same voxels, these might as well not be listed."""
    lacking = np.zeros(FEATURES.n, dtype=bool)
    lacking[::7] = True
    a, b = smooth_maps(FEATURES, 2, 0), smooth_maps(FEATURES, 2, 1)
    a[:, lacking] = b[:, lacking] = np.nan
    smaller = MASK.copy()
    smaller.reshape(-1, order="F")[FEATURES.indices[lacking]] = False
    volume = np.zeros(MASK.size, dtype=bool)
    volume[FEATURES.indices[~lacking]] = True
    cut = features_of(volume.reshape(MASK.shape, order="F"))
    found = corrections(matrix_of(a, FEATURES), matrix_of(b, FEATURES))
    expected = corrections(matrix_of(a[:, ~lacking], cut), matrix_of(b[:, ~lacking], cut))
    np.testing.assert_allclose(found.anisotropy, expected.anisotropy, rtol=1e-5)
    np.testing.assert_allclose(found.local, expected.local, rtol=1e-5)


def test_few_masks_and_many_masks_agree_where_they_differ_little():
    a, b = smooth_maps(FEATURES, 6, 0), smooth_maps(FEATURES, 6, 1)
    rng = np.random.default_rng(0)
    a[rng.random(a.shape) < 0.02] = np.nan
    b[rng.random(b.shape) < 0.02] = np.nan
    many = corrections(matrix_of(a, FEATURES), matrix_of(b, FEATURES))
    for i in range(6):
        one = corrections(matrix_of(a[[i]], FEATURES), matrix_of(b[[i]], FEATURES))
        np.testing.assert_allclose(many.anisotropy[i, i], one.anisotropy[0, 0], rtol=0.05)
        np.testing.assert_allclose(many.local[i, i], one.local[0, 0], rtol=0.2)


def test_blocks_are_means_of_valid_voxels_kept_if_half_valid():
    mask = irregular_mask((7, 6, 9), seed=3)
    features = features_of(mask, np.diag([2.0, 1.0, 3.0, 1]))
    rng = np.random.default_rng(0)
    values = rng.standard_normal((1, features.n))
    values[:, ::5] = np.nan
    x = matrix_of(values, features)
    lattice = lattice_of(features, np.ones(features.n, dtype=bool))
    blocks = blocks_of(lattice)
    assert blocks.size == 2 * 4 * 1
    kept = blocks.mask(x.supports[0])
    copy = blocks.copy(x.rows[0], x.supports[0], kept)

    i, j, k = (c - c.min() for c in np.unravel_index(features.indices, mask.shape, order="F"))
    expected = np.full(kept.shape, np.nan)
    for block in np.ndindex(kept.shape):
        inside = (i // 2 == block[0]) & (j // 4 == block[1]) & (k == block[2]) & x.supports[0]
        assert kept[block] == (inside.sum() >= 4)
        if kept[block]:
            expected[block] = x.rows[0][inside].mean()
    expected = (expected - np.nanmean(expected)) / np.nanstd(expected)
    np.testing.assert_allclose(copy[kept], expected[kept], atol=1e-6)
    assert not copy[~kept].any()


@pytest.mark.parametrize(("edge", "size"), [(2.0, 8), (2.0000002, 8), (1.0, 64), (3.0, 1), (4.0, 1), (5.0, 1)])
def test_blocks_reach_four_millimetres(edge, size):
    features = features_of(np.ones((8, 8, 8), bool), np.diag([edge, edge, edge, 1]))
    assert blocks_of(lattice_of(features, np.ones(features.n, bool))).size == size


def test_shared_amplitude_and_smoothness_raise_the_variance():
    """Both maps strong, or smooth, on one side: r of independent ones scatters more than gsm believes."""
    features = features_of(irregular_mask((16, 16, 14)), np.diag([4.0, 4, 4, 1]))
    side = features.coords[:, 0] > features.coords[:, 0].mean()
    loud = np.where(side, 3.0, 0.5)
    uneven = np.where(side, 6.0, 1.5)
    for make in (lambda s: smooth_maps(features, 6, s) * loud, lambda s: smooth_maps(features, 6, s, uneven=uneven)):
        x, y = matrix_of(make(0), features), matrix_of(make(1), features)
        found = effective_size(x, y, common_counts(x, y))
        assert np.median(found.variance / found.gsm_variance) > 1.2
    x, y = (matrix_of(smooth_maps(features, 6, s), features) for s in (0, 1))
    found = effective_size(x, y, common_counts(x, y))
    assert 0.85 < np.median(found.variance / found.gsm_variance) < 1.1


def test_ratios_are_held_and_cells_flagged():
    V = np.full((1, 7), 0.01)
    ratio = Ratios(np.array([[1.0, -2.0, np.nan, 1.0, 1.0, 1.0, 1.0]]),
                   np.array([[1.0, 1.0, 1.0, 90.0, np.inf, 1e-3, 0.5]]), np.zeros((1, 7)))
    found = corrected(V, ratio)
    share = 101**2 / (101**2 + 150**2)
    floor = 0.01 * (1 - share / 3)
    np.testing.assert_allclose(found.variance[0], [0.01, 0.0025, 0.01, 0.01 * (1 + share * 24), 0.01, floor, floor])
    np.testing.assert_array_equal(found.guarded[0], [False, True, True, True, True, True, False])


def test_a_ratio_that_strays_by_chance_counts_less():
    spread = np.array([[0.0, 0.36 * 101, 100.0 * 101]])
    found = corrected(np.full((1, 3), 0.01), Ratios(np.ones((1, 3)), np.full((1, 3), 3.0), spread))
    share = 101**2 / (101**2 + 150**2)
    np.testing.assert_allclose(found.variance[0], [0.01 * (1 + 2 * share), 0.01 * (1 + share), 0.01], rtol=1e-6)


def test_what_has_no_stationary_variance_is_not_flagged():
    found = corrected(np.array([[np.nan]]), Ratios(np.array([[np.nan]]), np.array([[2.0]]), np.ones((1, 1))))
    assert np.isnan(found.variance[0, 0])
    assert not found.guarded[0, 0]


def test_maps_too_patchy_for_blocks_fall_back_to_the_stationary_part():
    """A thin sheet fills less than half of every block of 4 mm."""
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[:, :, ::4] = True
    features = features_of(mask, np.eye(4))
    x, y = (matrix_of(smooth_maps(features, 2, s, fwhm=3), features) for s in (0, 1))
    found = effective_size(x, y, common_counts(x, y))
    np.testing.assert_array_equal(found.variance, found.gsm_variance)
    assert found.guarded.all()


def test_description_holds_no_traits_for_gsm():
    x = matrix_of(smooth_maps(FEATURES, 1, 0), FEATURES)
    null = effective_null(x, x, model="gsm")
    assert null.unevenness is None
    assert null.describe(x).traits is None


def test_brain_like_voxels_are_not_averaged():
    lattice = lattice_of(FEATURES, np.ones(FEATURES.n, dtype=bool))
    assert blocks_of(lattice).lattice.shape == lattice.shape
    np.testing.assert_allclose(lattice.edges, np.diag(BRAIN_LIKE)[:3])


@pytest.mark.parametrize("weighted", [False, True])
def test_of_many_masks_those_of_a_block_do(weighted, monkeypatch):
    """Products of all masks, of which a block of pairs has a few, and of these few are the same."""
    rng = np.random.default_rng(5)
    values = smooth_maps(FEATURES, 24, 6)
    for row in values:
        row[rng.permutation(FEATURES.n)[:9]] = np.nan
    x, y = matrix_of(values[:14], FEATURES), matrix_of(values[14:], FEATURES)
    supports = supports_of(x, y, rng.uniform(0.5, 2, FEATURES.n) if weighted else None)
    assert len(supports.masks) == 24
    plan = unevenness(supports, lattice_of(FEATURES, supports.used))
    found = []
    for many in (23, 24):
        monkeypatch.setattr("niicorr.nulls.robust.MANY", many)
        found.append(plan.ratios(plan.traits(x), supports.of(x), plan.traits(y), supports.of(y)).local)
    np.testing.assert_allclose(*found, rtol=1e-5)
    assert np.isfinite(found[0]).all()
