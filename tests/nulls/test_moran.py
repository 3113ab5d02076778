"""Moran spectral randomisation keeps what it says it keeps, exactly."""

import numpy as np
import pytest

from niicorr.matrix import MapMatrix
from niicorr.nulls.moran import moran_basis, weights_of
from niicorr.nulls.regional_draws import moran_surrogates, regional_surrogates

P = 37
COORDS = np.random.default_rng(0).normal(size=(P, 3)) * [40, 50, 30]
DISTANCE = np.array([[np.linalg.norm(a - b) for b in COORDS] for a in COORDS])
VALUES = np.exp(-((COORDS - [20, 0, 0]) ** 2).sum(axis=1) / 3000) + 0.1 * np.random.default_rng(1).normal(size=P)


def moran_index(x, weights):
    """Moran's I by its sum over pairs."""
    z = x - x.mean()
    total = sum(weights[i, j] * z[i] * z[j] for i in range(len(x)) for j in range(len(x)))
    return len(x) / weights.sum() * total / (z**2).sum()


def test_weights_are_inverse_distances():
    weights = weights_of(DISTANCE)
    for i in range(P):
        for j in range(P):
            assert weights[i, j] == pytest.approx(0 if i == j else 1 / np.linalg.norm(COORDS[i] - COORDS[j]))
    together = weights_of(np.array([[0.0, 0, 5], [0, 0, 5], [5, 5, 0]]))
    np.testing.assert_allclose(together, [[0, 0.2, 0.2], [0.2, 0, 0.2], [0.2, 0.2, 0]])


def test_eigenvectors_are_those_of_the_doubly_centred_weights():
    basis, B = moran_basis(COORDS), np.eye(P) - 1 / P
    np.testing.assert_allclose(basis.vectors.T @ basis.vectors, np.eye(P - 1), atol=1e-12)
    np.testing.assert_allclose(basis.vectors.sum(axis=0), 0, atol=1e-13)
    centred = B @ weights_of(DISTANCE) @ B
    np.testing.assert_allclose(centred @ basis.vectors, basis.vectors * basis.eigenvalues, atol=1e-12)
    assert (np.diff(basis.eigenvalues) <= 0).all()


def test_an_eigenvalue_of_zero_beside_that_of_the_constant_loses_no_vector():
    """Four corners of a square, many times over: eigenvalues repeat, and some are 0."""
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])
    coords = np.concatenate([corners + np.array([0, 0, 10 * k]) for k in range(3)])
    basis = moran_basis(coords)
    np.testing.assert_allclose(basis.vectors.T @ basis.vectors, np.eye(11), atol=1e-12)
    np.testing.assert_allclose(basis.vectors.sum(axis=0), 0, atol=1e-12)


def test_single_signs_keep_mean_variance_index_and_spectrum():
    drawn, weights, basis = moran_surrogates(VALUES, COORDS, 50, 3), weights_of(DISTANCE), moran_basis(COORDS)
    np.testing.assert_allclose(drawn.mean(axis=1), VALUES.mean(), rtol=1e-12)
    np.testing.assert_allclose(drawn.std(axis=1), VALUES.std(), rtol=1e-12)
    for row in drawn[:5]:
        assert moran_index(row, weights) == pytest.approx(moran_index(VALUES, weights), rel=1e-10)
    spectrum = (VALUES @ basis.vectors) ** 2
    np.testing.assert_allclose((drawn @ basis.vectors) ** 2, np.tile(spectrum, (50, 1)), atol=1e-12)
    assert np.abs(np.corrcoef(drawn)[np.triu_indices(50, 1)]).max() < 0.99


@pytest.mark.parametrize("regions", [P, P - 1])
def test_pairs_keep_mean_variance_and_the_strength_of_each_pair(regions):
    basis, values = moran_basis(COORDS[:regions]), VALUES[:regions]
    uniform = np.random.default_rng(0).random((40, regions))
    drawn = basis.randomise(values[None], uniform, "pair")[:, 0]
    np.testing.assert_allclose(drawn.mean(axis=1), values.mean(), rtol=1e-12)
    np.testing.assert_allclose(drawn.std(axis=1), values.std(), rtol=1e-12)
    pairs = (regions - 1) // 2

    def strength(rows):
        square = ((rows - rows.mean(axis=-1, keepdims=True)) @ basis.vectors) ** 2
        summed = square[..., : 2 * pairs].reshape(*square.shape[:-1], pairs, 2).sum(axis=-1)
        return np.concatenate([summed, square[..., 2 * pairs :]], axis=-1)

    np.testing.assert_allclose(strength(drawn), np.tile(strength(values), (40, 1)), atol=1e-12)
    single = basis.randomise(values[None], uniform)[:, 0]
    assert not np.allclose(single, drawn)
    # Rotations leave no two draws with the same spectrum.
    assert (((drawn @ basis.vectors) ** 2).std(axis=0)[: 2 * pairs] > 1e-6).all()


def test_draws_follow_from_the_seed_and_not_from_their_number():
    many = moran_surrogates(VALUES, COORDS, 301, 5)
    np.testing.assert_allclose(moran_surrogates(VALUES, COORDS, 7, 5), many[:7], rtol=1e-12)
    assert many.shape == (301, P)
    assert not np.allclose(moran_surrogates(VALUES, COORDS, 7, 6), many[:7])
    assert len(np.unique(many[:, 0].round(9))) > 250
    assert moran_surrogates(VALUES, COORDS, 0).shape == (0, P)


def test_order_units_and_offsets_go_through():
    order = np.random.default_rng(2).permutation(P)
    expected = moran_surrogates(VALUES, COORDS, 9, 1)
    np.testing.assert_allclose(moran_surrogates(VALUES[order], COORDS[order], 9, 1), expected[:, order], atol=1e-9)
    np.testing.assert_allclose(moran_surrogates(-3 * VALUES + 1e6, COORDS, 9, 1), -3 * expected + 1e6, atol=1e-7)


def test_missing_regions_and_constant_maps():
    values = VALUES.copy()
    values[[3, 11]] = np.nan
    has = np.isfinite(values)
    drawn = moran_surrogates(values, COORDS, 9, 1)
    assert np.isnan(drawn[:, ~has]).all()
    np.testing.assert_allclose(drawn[:, has].std(axis=1), values[has].std(), rtol=1e-12)
    signs = np.abs((drawn[:, has] - values[has].mean()) @ moran_basis(COORDS[has]).vectors)
    np.testing.assert_allclose(signs, np.tile(signs[:1], (9, 1)), atol=1e-12)
    np.testing.assert_array_equal(moran_surrogates(np.full(P, 4.0), COORDS, 3, 1), np.full((3, P), 4.0))


def test_too_few_regions():
    values = np.where(np.arange(P) < 9, VALUES, np.nan)
    with pytest.raises(ValueError, match="9 regions are too few"):
        moran_surrogates(values, COORDS, 3, 1)
    with pytest.raises(ValueError, match="same coordinates"):
        moran_surrogates(VALUES, np.ones((P, 3)), 3, 1)


def maps(count=4):
    rng = np.random.default_rng(8)
    return VALUES + rng.normal(size=(count, P)) * 0.3


def test_the_source_gives_the_same_draws_as_standard_scores():
    base = MapMatrix.from_array(maps())
    source = regional_surrogates(base, COORDS, "moran", seed=5)
    rows = source.draw(2, np.array([1, 3]))
    assert rows.shape == (2, 2, P)
    for k, i in enumerate((1, 3)):
        np.testing.assert_allclose(rows[:, k], moran_surrogates(base.rows[i], COORDS, 6, 5)[4:], atol=1e-10)
    np.testing.assert_allclose(source.draw(2, np.array([3])), rows[:, 1:], atol=1e-12)
    np.testing.assert_allclose(rows.mean(axis=2), 0, atol=1e-13)
    np.testing.assert_allclose(rows.std(axis=2), 1, rtol=1e-12)
    assert not np.allclose(source.draw(3, np.array([1, 3])), rows)
    assert source.fit(0) is None


def test_maps_of_one_draw_stay_as_correlated_as_they_are():
    base = MapMatrix.from_array(maps(6))
    source = regional_surrogates(base, COORDS, "moran")
    drawn = np.mean([np.corrcoef(source.draw(k, np.arange(6))[0]) for k in range(200)], axis=0)
    np.testing.assert_allclose(drawn, np.corrcoef(base.rows), atol=1e-9)


def test_values_may_be_given_back_rank_for_rank():
    values = maps()
    values[2] = np.round(values[2], 1)
    base = MapMatrix.from_array(values)
    ranks = MapMatrix.from_array(np.argsort(np.argsort(values, axis=1, kind="stable"), axis=1))
    plain, ranked = (regional_surrogates(base, COORDS, "moran", scores=s) for s in (None, ranks))
    a, b = plain.draw(0, np.arange(4)), ranked.draw(0, np.arange(4))
    for k in range(4):
        np.testing.assert_array_equal(np.argsort(a[0, k]), np.argsort(b[0, k]))
        np.testing.assert_array_equal(np.sort(b[0, k]), np.sort(ranks.rows[k]))


def test_maps_without_surrogates():
    values = maps(5)
    values[1], values[2, 9:], values[3, :4], values[4] = 3.0, np.nan, np.nan, np.nan
    source = regional_surrogates(MapMatrix.from_array(values), COORDS, "moran")
    np.testing.assert_array_equal(source.usable, [True, False, False, True, False])
    rows = source.draw(0, np.arange(5))
    assert not rows[:, [1, 2, 4]].any()
    assert not rows[:, 3, :4].any()
    np.testing.assert_allclose(rows[:, 3, 4:].std(axis=1), 1, rtol=1e-12)
    assert rows[:, 0].all()
    with pytest.raises(ValueError, match="36 coordinates for maps of 37 regions"):
        regional_surrogates(MapMatrix.from_array(values), COORDS[1:], "moran")
