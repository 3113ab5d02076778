"""Surrogates of regions: the covariance that was fitted, the map's very values, the likeness of the maps."""

import numpy as np
import pytest
from regional_by_definition import COORDS, VOLUMES, ByDefinition, P, placed, scores, smooth
from scipy import stats

from niicorr.compute.similarity import Similarity
from niicorr.nulls.regional import regional_null
from niicorr.nulls.regional_fields import regional_fields
from niicorr.nulls.surrogate import FACTORS


def fields(base, scored=None, seed=0, jobs=1):
    null = regional_null(base, base, COORDS, model="gsm", volumes=VOLUMES)
    correlations = Similarity()(base, base).r
    return regional_fields(base, scored or base, null, correlations, seed=seed, jobs=jobs)


def drawn(source, count, maps):
    return np.concatenate([source.draw(number, np.array(maps)) for number in range(count // 2)])


def test_fields_have_the_fitted_covariance():
    values = smooth(1, 3)
    # A Gaussian map: replacing values changes next to nothing, and nothing has to be added beforehand.
    values[0] = stats.norm.ppf((stats.rankdata(values[0]) - 0.5) / P)
    (root,) = fields(placed(values)).roots
    known = ByDefinition(COORDS, VOLUMES)
    covariance = np.tensordot(known.fit(scores(values[0])), np.array(known.sigma), axes=1)
    np.testing.assert_allclose(root @ root.T, covariance, atol=0.02 * covariance.max())
    np.testing.assert_allclose((root**2).sum(axis=1), np.diag(covariance), rtol=1e-5)


def test_what_replacing_values_takes_away_is_added_beforehand(monkeypatch):
    """Surrogates of skewed maps are somewhat too rough (few values are given out whole), and less so with it."""
    known = ByDefinition(COORDS, VOLUMES)

    def missing(values):
        rows = drawn(fields(placed(values)), 2000, [0])[:, 0]
        covariance = np.tensordot(known.fit(scores(values)), np.array(known.D), axes=1)
        found, wanted = (np.array([mean for _, _, mean in known.by_class(products)])
                         for products in (rows.T @ rows / len(rows), covariance))
        return (wanted / wanted[0] - found / found[0])[2:5].mean()

    maps = np.exp(1.2 * smooth(5, 0, width=30))
    corrected = np.array([missing(values) for values in maps])
    monkeypatch.setattr("niicorr.nulls.regional_fields.before_replacing", lambda correlation, _values: correlation)
    plain = np.array([missing(values) for values in maps])
    assert (corrected < plain - 0.01).all()
    assert corrected.mean() < 0.85 * plain.mean()


def test_values_are_those_of_the_map_in_the_order_of_the_field():
    values = smooth(4, 0)
    values[1], values[2, :6], values[3] = np.round(values[1]), np.nan, 7.0
    ranked = np.array([stats.rankdata(row, nan_policy="omit") for row in values])
    base, ranks = placed(values), placed(ranked)
    source = fields(base, ranks)
    np.testing.assert_array_equal(source.usable, [True, True, True, False])
    rows = source.draw(3, np.arange(4))
    plain = fields(base).draw(3, np.arange(4))
    assert rows.shape == (2, 4, P)
    for k in range(3):
        for row, other in zip(rows[:, k], plain[:, k], strict=True):
            np.testing.assert_array_equal(np.sort(row), np.sort(ranks.rows[k]))
            np.testing.assert_array_equal(np.argsort(row[6:], kind="stable"), np.argsort(other[6:], kind="stable"))
    assert not rows[:, 2, :6].any()
    assert not rows[:, 3].any()


def test_draws_follow_from_their_number_alone():
    base = placed(smooth(11, 1))
    source = fields(base, seed=4)
    rows = source.draw(6, np.arange(11))
    np.testing.assert_array_equal(source.draw(6, np.array([9, 2])), rows[:, [9, 2]])
    np.testing.assert_array_equal(fields(base, seed=4, jobs=3).draw(6, np.arange(11)), rows)
    for other in (source.draw(7, np.arange(11)), fields(base, seed=5).draw(6, np.arange(11))):
        assert not np.array_equal(other, rows)
    assert not np.array_equal(rows[0], rows[1])


@pytest.mark.parametrize("count", [3, FACTORS + 4])
def test_maps_of_one_draw_are_as_alike_as_the_maps(count):
    values = smooth(count, 2, width=30)
    values[1] = values[0] + 0.5 * values[2]
    base = placed(values)
    source = fields(base)
    mean = np.mean([np.corrcoef(rows) for rows in drawn(source, 600, np.arange(count))], axis=0)
    real = np.corrcoef(base.rows)
    assert mean[0, 1] > 0.6
    # Fields of different smoothness, and noises that are shared in part, are less alike than told.
    assert np.abs(mean - real).max() < 0.3
    assert np.corrcoef(mean[np.tril_indices(count, -1)], real[np.tril_indices(count, -1)])[0, 1] > 0.9


def test_many_maps_share_no_more_than_they_do():
    values = np.random.default_rng(3).normal(size=(40, P))
    values[1] = values[0] + 0.5 * values[2]
    source = fields(placed(values))
    mean = np.mean([np.corrcoef(rows) for rows in drawn(source, 400, np.arange(40))], axis=0)
    real = np.corrcoef(values)
    assert mean[0, 1] > 0.6
    apart = np.abs(mean - real)[np.tril_indices(40, -1)]
    assert apart.mean() < 0.1


def test_r_scatters_as_the_null_model_says():
    a, b = placed(smooth(4, 6, width=25)), placed(smooth(6, 7, width=25))
    null = regional_null(a, b, COORDS, model="gsm", volumes=VOLUMES)
    size = null.size(null.describe(a), null.describe(b), np.full((6, 4), P))
    rows = drawn(fields(a), 2000, np.arange(4))
    r = np.einsum("dmp,yp->dym", rows, b.rows) / P
    ratio = np.mean(r**2, axis=0) / size.variance
    assert np.median(ratio) == pytest.approx(1, abs=0.12)
    # Here one map is given, there both are random: single pairs differ.
    assert ((ratio > 0.3) & (ratio < 2.5)).all()
