"""Variogram-matching surrogates by the recipe, step by step in loops, and by what they are to achieve."""

import numpy as np
import pytest

from niicorr.matrix import MapMatrix
from niicorr.nulls.regional_draws import regional_surrogates, variogram_surrogates
from niicorr.nulls.variogram import variogram_fit, variograms_of

P = 31
COORDS = np.random.default_rng(0).normal(size=(P, 3)) * [40, 50, 30]
VALUES = np.exp(-((COORDS - [20, 0, 0]) ** 2).sum(axis=1) / 3000) + 0.1 * np.random.default_rng(1).normal(size=P)


def large(seed, width=25.0, count=1, regions=180):
    """Smooth maps of many regions."""
    coords = np.random.default_rng(4).uniform(-70, 70, (regions, 3))
    squared = ((coords[:, None] - coords) ** 2).sum(axis=2)
    kernel = np.exp(-squared / (2 * width**2))
    values = np.random.default_rng(seed).normal(size=(count, regions)) @ kernel
    return coords, values / values.std(axis=1, keepdims=True)


class ByRecipe:
    """The recipe for a small map."""

    def __init__(self, coords):
        self.n = len(coords)
        self.d = np.array([[np.linalg.norm(a - b) for b in coords] for a in coords])
        pairs = [(i, j) for i in range(self.n) for j in range(i)]
        far = np.percentile([self.d[p] for p in pairs], 25)
        self.pairs = [p for p in pairs if self.d[p] <= far]
        near = [self.d[p] for p in self.pairs]
        self.at = np.linspace(min(near), max(near), 25)

    def variogram(self, x):
        width = 3 * (self.at[1] - self.at[0]) / 2.697959
        found = []
        for h in self.at:
            weights = [np.exp(-((h - self.d[p]) ** 2) / (2 * width**2)) for p in self.pairs]
            half = [(x[i] - x[j]) ** 2 / 2 for i, j in self.pairs]
            found.append(np.dot(weights, half) / np.sum(weights))
        return np.array(found)

    def smoothed(self, x, share):
        count = max(2, round(share * self.n))
        found = np.empty(self.n)
        for i in range(self.n):
            nearest = sorted(range(self.n), key=lambda j: self.d[i, j])[:count]
            weights = [np.exp(-self.d[i, j] / self.d[i, nearest[-1]]) for j in nearest]
            found[i] = np.dot(weights, x[nearest]) / np.sum(weights)
        return found

    def surrogate(self, x, order, noise):
        x = x - x.mean()
        wanted, best = self.variogram(x), (np.inf, None)
        for share in np.arange(1, 10) / 10:
            smooth = self.smoothed(x[order], share)
            slope, intercept = np.polyfit(self.variogram(smooth), wanted, 1)
            left = np.sum((wanted - slope * self.variogram(smooth) - intercept) ** 2)
            if left < best[0]:
                best = left, np.sqrt(abs(slope)) * smooth + np.sqrt(abs(intercept)) * noise
        return best[1] - best[1].mean()


def test_variograms_and_smoothing_by_definition():
    variograms, recipe = variograms_of(COORDS), ByRecipe(COORDS)
    np.testing.assert_allclose(variograms.at, recipe.at, rtol=1e-12)
    np.testing.assert_allclose(variograms.of(VALUES[None])[0], recipe.variogram(VALUES), rtol=1e-10)
    for kernel, share in zip(variograms.kernels, np.arange(1, 10) / 10, strict=True):
        np.testing.assert_allclose(kernel @ VALUES, recipe.smoothed(VALUES, share), rtol=1e-10)


def test_surrogates_by_the_recipe():
    rng = np.random.default_rng(3)
    shuffled = np.array([rng.permutation(P) for _ in range(6)])
    values = np.stack([VALUES, rng.normal(size=P)])
    noise = rng.normal(size=(6, 2, P))
    drawn = variograms_of(COORDS).randomise(values, shuffled, noise)
    for k in range(6):
        for i in range(2):
            expected = ByRecipe(COORDS).surrogate(values[i], shuffled[k], noise[k, i])
            np.testing.assert_allclose(drawn[k, i], expected, atol=1e-9)


def test_variograms_in_pieces(monkeypatch):
    variograms, values = variograms_of(COORDS), np.random.default_rng(0).normal(size=(11, P))
    whole = variograms.of(values)
    monkeypatch.setattr("niicorr.nulls.variogram.AT_ONCE", 300)
    np.testing.assert_allclose(variograms.of(values), whole, rtol=1e-12)


@pytest.mark.parametrize(("width", "closest"), [(4, 0.15), (12, 0.15), (35, 0.6)])
def test_surrogates_are_as_rough_as_the_map(width, closest):
    """Very smooth maps less so: where the fit has a negative intercept, its noise comes on top."""
    coords, values = large(2, width)
    variograms = variograms_of(coords)
    drawn = variogram_surrogates(values[0], coords, 100, 0)
    fit = variogram_fit(variograms, values[0], drawn)
    shuffled = np.random.default_rng(0).permuted(np.tile(values[0], (100, 1)), axis=1)
    other = variogram_fit(variograms, values[0], shuffled)
    assert fit.bias < closest
    assert fit.typical < closest + 0.05
    if width > 4:
        assert other.bias > 3 * fit.bias
    np.testing.assert_allclose(drawn.mean(axis=1), values[0].mean(), atol=1e-12)


def test_a_fit_in_numbers_and_words():
    variograms = variograms_of(COORDS)
    exact = variogram_fit(variograms, VALUES, np.stack([VALUES, VALUES + 3, -VALUES]))
    assert exact.typical == pytest.approx(0, abs=1e-12)
    twice = variogram_fit(variograms, VALUES, np.stack([VALUES, np.sqrt(3) * VALUES]))
    real = variograms.of(VALUES[None])[0]
    # One is exact, one three times as large: on average twice as large, and off by its root mean square.
    assert twice.bias == pytest.approx(np.sqrt((real**2).mean()) / real.mean())
    assert twice.typical == pytest.approx(twice.bias)
    assert twice.text == (f"variograms of single surrogates differ from the map's by {100 * twice.bias:.0f} % "
                          f"(median of 2), their mean by {100 * twice.bias:.0f} %")


def test_draws_follow_from_the_seed_and_not_from_their_number():
    many = variogram_surrogates(VALUES, COORDS, 131, 5)
    np.testing.assert_allclose(variogram_surrogates(VALUES, COORDS, 7, 5), many[:7], rtol=1e-9)
    assert many.shape == (131, P)
    assert not np.allclose(variogram_surrogates(VALUES, COORDS, 7, 6), many[:7])
    assert len(np.unique(many[:, 0].round(9))) == 131


def test_units_and_offsets_go_through():
    expected = variogram_surrogates(VALUES, COORDS, 9, 1)
    np.testing.assert_allclose(variogram_surrogates(5 * VALUES + 1e6, COORDS, 9, 1), 5 * expected + 1e6, atol=1e-6)


def test_the_order_of_regions_permutes_smoothing_and_variogram():
    order = np.random.default_rng(2).permutation(P)
    one, other = variograms_of(COORDS), variograms_of(COORDS[order])
    np.testing.assert_allclose(other.of(VALUES[None, order]), one.of(VALUES[None]), rtol=1e-10)
    np.testing.assert_allclose(other.kernels, one.kernels[:, order][:, :, order], atol=1e-12)


def test_missing_regions_constant_maps_and_regions_of_one_centre():
    values = VALUES.copy()
    values[[3, 11]] = np.nan
    has = np.isfinite(values)
    drawn = variogram_surrogates(values, COORDS, 9, 1)
    assert np.isnan(drawn[:, ~has]).all()
    np.testing.assert_allclose(drawn[:, has].mean(axis=1), values[has].mean(), rtol=1e-9)
    fit = variogram_fit(variograms_of(COORDS[has]), values[has], drawn[:, has])
    assert fit.bias < 0.6
    np.testing.assert_array_equal(variogram_surrogates(np.full(P, 4.0), COORDS, 3, 1), np.full((3, P), 4.0))
    twins = np.repeat(COORDS[:8], 4, axis=0)
    assert np.isfinite(variogram_surrogates(np.arange(32.0), twins, 5, 1)).all()
    two_places = np.repeat(COORDS[:2], 8, axis=0)
    assert np.isfinite(variogram_surrogates(np.arange(16.0), two_places, 5, 1)).all()


def test_too_few_regions():
    with pytest.raises(ValueError, match="8 regions are too few"):
        variogram_surrogates(VALUES[:8], COORDS[:8], 3, 1)


def test_the_source_draws_standard_scores():
    coords, values = large(0, count=5)
    values[1, :30], values[2] = np.nan, 3.0
    base = MapMatrix.from_array(values)
    source = regional_surrogates(base, coords, "variogram", seed=2)
    np.testing.assert_array_equal(source.usable, [True, True, False, True, True])
    rows = source.draw(4, np.arange(5))
    assert rows.shape == (2, 5, 180)
    assert not rows[:, 2].any()
    assert not rows[:, 1, :30].any()
    for k, row in ((0, rows[0, 0]), (1, rows[1, 1, 30:])):
        np.testing.assert_allclose([row.mean(), row.std()], [0, 1], atol=1e-12, err_msg=str(k))
    np.testing.assert_allclose(source.draw(4, np.array([3, 1])), rows[:, [3, 1]], atol=1e-9)
    alone = variogram_surrogates(base.rows[0], coords, 10, 2)[8:]
    np.testing.assert_allclose(rows[:, 0], alone / alone.std(axis=1, keepdims=True), atol=1e-9)
    assert not np.allclose(source.draw(5, np.array([0])), rows[:, :1])


def test_equal_maps_share_the_shuffle_but_not_the_noise():
    coords, values = large(0)
    source = regional_surrogates(MapMatrix.from_array(np.concatenate([values, values])), coords, "variogram")
    one, other = source.draw(0, np.arange(2))[0]
    assert 0.8 < np.corrcoef(one, other)[0, 1] < 0.9999


def test_maps_of_one_draw_share_the_shuffle():
    coords, values = large(0, count=2)
    base = MapMatrix.from_array(np.stack([values[0], values[0] + 0.3 * values[1], values[1]]))
    source = regional_surrogates(base, coords, "variogram")
    drawn = np.mean([np.corrcoef(source.draw(k, np.arange(3))[0]) for k in range(60)], axis=0)
    real = np.corrcoef(base.rows)
    assert drawn[0, 1] > 0.6
    assert drawn[0, 2] == pytest.approx(real[0, 2], abs=0.15)


def test_values_may_be_given_back_rank_for_rank():
    base = MapMatrix.from_array(np.exp(large(0, count=2)[1]))
    source = regional_surrogates(base, large(0)[0], "variogram", scores=base)
    for row, real in zip(source.draw(0, np.arange(2))[1], base.rows, strict=True):
        np.testing.assert_array_equal(np.sort(row), np.sort(real))


def test_the_source_tells_how_well_variograms_fit():
    coords, values = large(2, 12, count=2)
    values[1] = 0.0
    source = regional_surrogates(MapMatrix.from_array(values), coords, "variogram")
    fit = source.fit(0, 20)
    assert fit.surrogates == 20
    assert 0 < fit.bias < fit.typical < 0.3
    assert source.fit(1) is None
