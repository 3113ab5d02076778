"""The surrogate null, from maps to p: counts, maxima, seeds, threads, memory, every similarity."""

import warnings

import numpy as np
import pytest
import scipy.stats
from scipy import ndimage

import niicorr as nc
from niicorr.compute.similarity import Similarity
from niicorr.draws import count_draws
from niicorr.matrix import MapMatrix, replace
from niicorr.nulls.effective import effective_null
from niicorr.nulls.surrogate import surrogates_of
from niicorr.records import NullModel

AFFINE = np.diag([8.0, 8, 8, 1])
SHAPE = (14, 15, 13)
AT = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
BRAIN = (AT**2).sum(axis=0) < 0.9
OPTIONS = {"mask": (BRAIN.astype("u1"), AFFINE), "background": "none", "zeros": "data", "null": "surrogate"}


def maps(count, seed, smooth=1.5):
    rng = np.random.default_rng(seed)
    return [(ndimage.gaussian_filter(rng.standard_normal(SHAPE), smooth), AFFINE) for _ in range(count)]


def matrices(x, y):
    surveys = [nc.survey(nc.read_maps(part), background="none", zeros="data") for part in (x, y)]
    sampling = nc.choose_sampling(*surveys, mask=OPTIONS["mask"])
    return [nc.extract(part, sampling) for part in surveys]


def silent(total, what):
    from contextlib import nullcontext

    return nullcontext(lambda done: None)


def counted(x, y, similarity, model, jobs=1, memory=2**30):
    found = similarity(x, y)
    return count_draws(x, y, found, np.isfinite(found.r), similarity=similarity, model=model, jobs=jobs, memory=memory,
                       progress=silent), found


def test_p_counts_the_draws_that_do_as_well():
    x, y = matrices(maps(5, 0), maps(2, 1))
    model = NullModel("surrogate", n_surrogates=31, seed=4)
    draws, found = counted(x, y, Similarity(), model)
    # The same, by hand: y is the smaller set, and is what is drawn.
    null = effective_null(y, y, model="gsm")
    source = surrogates_of(y, y, null.describe(y).coefficients, np.corrcoef(y.rows), atoms=null.stationary.atoms,
                           lattice=null.stationary.lattice, seed=4)
    rows = np.concatenate([source.draw(number, np.arange(2)) for number in range(16)])[:31]
    r = np.array([np.corrcoef(x.rows, drawn)[5:, :5] for drawn in rows])
    far, real = np.abs(r), np.abs(found.r)
    np.testing.assert_array_equal(draws.p, (1 + (far >= real).sum(axis=0)) / 32)
    np.testing.assert_array_equal(draws.p_fwe, (1 + (far.max(axis=(1, 2))[:, None, None] >= real).sum(axis=0)) / 32)
    assert np.isnan(draws.n_effective).all(), "so few draws do not tell a variance"
    for alternative, sign in (("greater", 1), ("less", -1)):
        one, _ = counted(x, y, Similarity(), replace_model(model, alternative))
        np.testing.assert_array_equal(one.p, (1 + (sign * r >= sign * found.r).sum(axis=0)) / 32)


def test_n_effective_is_that_of_the_draws():
    x, y = matrices(maps(2, 30), maps(2, 31))
    null = effective_null(y, y, model="gsm")
    source = surrogates_of(y, y, null.describe(y).coefficients, np.corrcoef(y.rows), atoms=null.stationary.atoms,
                           lattice=null.stationary.lattice, seed=2)
    r = np.array([np.corrcoef(x.rows, drawn)[2:, :2] for k in range(50) for drawn in source.draw(k, np.arange(2))])
    draws, found = counted(x, y, Similarity(), NullModel("surrogate", n_surrogates=100, seed=2))
    np.testing.assert_allclose(draws.n_effective, np.minimum(1 + 1 / (r**2).mean(axis=0), found.n), rtol=1e-5)


def replace_model(model, alternative):
    return NullModel(model.null, model.fdr, alternative, model.n_surrogates, model.seed)


def test_the_smaller_set_is_the_one_that_is_drawn():
    x, y = matrices(maps(4, 2), maps(2, 3))
    model = NullModel("surrogate", n_surrogates=20)
    one, other = counted(x, y, Similarity(), model)[0], counted(y, x, Similarity(), model)[0]
    np.testing.assert_array_equal(one.p, other.p.T)
    np.testing.assert_array_equal(one.p_fwe, other.p_fwe.T)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_neither_threads_nor_memory_change_a_digit(n):
    x, y = matrices(maps(4, 4), maps(3, 5))
    model = NullModel("surrogate", n_surrogates=n)
    plain = counted(x, y, Similarity("spearman"), model)[0]
    for jobs, memory in ((3, 2**30), (4, 1)):
        other = counted(x, y, Similarity("spearman"), model, jobs, memory)[0]
        for name in ("p", "p_fwe", "n_effective"):
            np.testing.assert_array_equal(getattr(other, name), getattr(plain, name))


def test_blocks_of_maps_do_not_change_a_digit(monkeypatch):
    x, y = matrices(maps(6, 6), maps(6, 7))
    model = NullModel("surrogate", n_surrogates=6)
    plain = counted(x, y, Similarity(), model)[0]
    monkeypatch.setattr("niicorr.draws.MAPS", 4)
    np.testing.assert_array_equal(counted(x, y, Similarity(), model)[0].p, plain.p)


@pytest.mark.parametrize("method", ["pearson", "spearman", "cosine", "concordance", "bicor", "dice"])
@pytest.mark.parametrize("gaps", [False, True], ids=["complete", "gappy"])
def test_every_similarity_has_p_values(method, gaps):
    x, y = maps(3, 8), maps(2, 9)
    if gaps:
        x[0][0][:3], y[1][0][:, :4] = np.nan, np.nan
    given = {"threshold": 0.1} if method == "dice" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nc.DomainWarning)
        result = nc.correlate(x, y, method=method, n_surrogates=39, **given, **OPTIONS)
    p, p_fwe = result.p.to_numpy(), result.p_fwe.to_numpy()
    assert ((p >= 1 / 40) & (p <= 1)).all()
    assert (p_fwe >= p).all()
    np.testing.assert_array_equal(p * 40, np.rint(p * 40))
    assert result.n_effective.isna().all(axis=None)
    assert "at least 1/40" in result.null_text


@pytest.mark.parametrize("extra", ["weights", "partial"])
def test_weights_and_covariates_go_with_surrogates(extra):
    x, y = maps(3, 10), maps(2, 11)
    z = maps(1, 12)[0]
    given = {extra: (abs(z[0]), AFFINE) if extra == "weights" else [z]}
    result = nc.correlate(x, y, n_surrogates=199, **given, **OPTIONS)
    effective = nc.correlate(x, y, **given, **{**OPTIONS, "null": "effective"})
    np.testing.assert_allclose(result.p, effective.p, atol=0.12)
    ratio = result.n_effective.to_numpy() / effective.n_effective.to_numpy()
    assert 0.6 < np.median(ratio) < 1.6


def test_a_copy_is_found_and_strangers_are_not():
    x, y = maps(6, 13), maps(2, 14)
    y[0] = (x[3][0] + 0.3 * y[0][0], AFFINE)
    result = nc.correlate(x, y, n_surrogates=199, **OPTIONS)
    assert result.p.to_numpy()[0, 3] == 1 / 200
    assert result.p_fwe.to_numpy()[0, 3] == 1 / 200
    others = np.delete(result.p_fwe.to_numpy().ravel(), 3)
    assert (others > 0.05).all()


def test_ranks_know_no_monotone_change():
    x, y = maps(3, 15), maps(2, 16)
    one = nc.correlate(x, y, method="spearman", n_surrogates=50, **OPTIONS)
    bent = [(np.exp(5 * volume), affine) for volume, affine in y]
    other = nc.correlate(x, bent, method="spearman", n_surrogates=50, **OPTIONS)
    np.testing.assert_array_equal(one.p, other.p)
    effective = [nc.correlate(x, part, method="spearman", **{**OPTIONS, "null": "effective"}).p for part in (y, bent)]
    np.testing.assert_allclose(effective[0], effective[1], rtol=1e-5)


def test_a_set_against_itself_counts_each_pair_once():
    result = nc.correlate(maps(4, 17), n_surrogates=30, **OPTIONS)
    p, below = result.p.to_numpy(), np.tril_indices(4, -1)
    assert np.isnan(np.diag(p)).all()
    np.testing.assert_array_equal(p, p.T)
    np.testing.assert_allclose(result.p_fdr.to_numpy()[below], scipy.stats.false_discovery_control(p[below]))


def test_constant_maps_have_no_p():
    flat = [(np.full(SHAPE, 2.0), AFFINE)]
    result = nc.correlate(flat + maps(2, 18), maps(1, 19) + flat, n_surrogates=9, warn=False, **OPTIONS)
    np.testing.assert_array_equal(np.isnan(result.p), [[True, False, False], [True, True, True]])


def test_false_positives_of_the_maximum_are_held_for_strangers_and_for_sisters():
    """The share of sets in which any cell reaches p_fwe ≤ .1, for maps of y unrelated and nearly alike."""
    for alike in (0.0, 0.9):
        hits = 0
        for seed in range(60):
            x, y = matrices(maps(3, 1000 + seed), maps(3, 2000 + seed))
            rows = y.rows + 3 * alike * y.rows[0] if alike else y.rows
            y = MapMatrix.from_array(rows, features=y.features)
            hits += (counted(x, y, Similarity(), NullModel("surrogate", n_surrogates=19, seed=seed))[0].p_fwe
                     <= 0.1).any()
        assert 1 <= hits <= 13, f"{hits} of 60 for maps alike by {alike}"  # 6 expected; P(> 13) = .003


def test_a_number_of_surrogates_is_a_number():
    for wrong in (0, -1, 2.5, "many"):
        with pytest.raises(nc.UsageError, match="n_surrogates is a whole number from 1 on"):
            nc.correlate(maps(1, 0), maps(1, 1), n_surrogates=wrong, **OPTIONS)
    with pytest.raises(nc.UsageError, match="seed is a whole number from 0 on"):
        nc.correlate(maps(1, 0), maps(1, 1), seed=-1, **OPTIONS)


def test_a_matrix_keeps_its_own_rows():
    x, y = matrices(maps(2, 20), maps(2, 21))
    before = y.rows.copy()
    counted(x, y, Similarity(), NullModel("surrogate", n_surrogates=3))
    np.testing.assert_array_equal(replace(y, naive=None).rows, before)
