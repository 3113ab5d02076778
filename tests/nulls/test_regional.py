"""The null for regions against its definitions: loops over regions, matrices, scipy's least squares."""

from dataclasses import fields, replace

import numpy as np
import pytest
from regional_by_definition import COORDS, VOLUMES, ByDefinition, P, matrix, scores, smooth
from scipy.optimize import nnls

from niicorr.inference import pvalues
from niicorr.nulls import regional as module
from niicorr.nulls.distances import cloud_of, distances
from niicorr.nulls.effective import EffectiveSize
from niicorr.nulls.regional import regional_null
from niicorr.nulls.regional_traces import family_of, study
from niicorr.nulls.regional_unevenness import local_ratio

MODELS = ["gsm", "robust"]
SIZES = [field.name for field in fields(EffectiveSize)]


def sized(a, b, model="robust", coords=COORDS, volumes=VOLUMES, jobs=1) -> EffectiveSize:
    x, y = matrix(a), matrix(b)
    n = np.isfinite(np.atleast_2d(b)).astype(int) @ np.isfinite(np.atleast_2d(a)).astype(int).T
    null = regional_null(x, y, coords, model=model, volumes=volumes)
    return null.size(null.describe(x, jobs), null.describe(y, jobs), n)


def same(one, other, rtol=1e-7):
    for name in SIZES:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=rtol, err_msg=name)


@pytest.mark.parametrize("volumes", [VOLUMES, None], ids=["sizes", "no sizes"])
@pytest.mark.parametrize("at_once", [1 << 21, 5000])
def test_traces_and_expectations_are_those_of_the_matrices(volumes, at_once, monkeypatch):
    monkeypatch.setattr("niicorr.nulls.regional_traces.AT_ONCE", at_once)
    mask = np.random.default_rng(0).random(P) < 0.7
    for some in (np.ones(P, dtype=bool), mask):
        found, known = study(family_of(cloud_of(COORDS, volumes)), some), ByDefinition(COORDS, volumes, some)
        np.testing.assert_allclose(found.W, known.W, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found.d, known.traces, rtol=1e-10)
        np.testing.assert_allclose(found.variances[:, some], [np.diag(D) for D in known.D], rtol=1e-10, atol=1e-14)
        assert not found.variances[:, ~some].any()
        ones = np.ones_like(known.d)
        np.testing.assert_array_equal(found.pairs[:-1], [c for c, _, _ in known.by_class(ones)])
        pairs = known.by_window(ones)
        np.testing.assert_allclose(found.window_pairs, pairs, rtol=1e-10)
        for k, D in enumerate(known.D):
            expected = np.array(known.by_class(D))
            np.testing.assert_allclose(found.length[:-1], expected[:, 1], rtol=1e-10)
            np.testing.assert_allclose(found.expected[k, :-1], expected[:, 2], rtol=1e-10, atol=1e-13)
            np.testing.assert_allclose(found.window_expected[k] * pairs, known.by_window(D), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("volumes", [VOLUMES, None], ids=["sizes", "no sizes"])
def test_variance_is_that_of_the_definition(volumes):
    a, b = smooth(3, 0), smooth(2, 1, width=40)
    known = ByDefinition(COORDS, volumes)
    gsm, robust = sized(a, b, "gsm", volumes=volumes), sized(a, b, volumes=volumes)
    for i, y in enumerate(b):
        for j, x in enumerate(a):
            V = known.stationary(known.fit(scores(x)), known.fit(scores(y)))
            np.testing.assert_allclose(gsm.variance[i, j], np.clip(V, 1 / P, 1), rtol=1e-7)
            np.testing.assert_allclose(gsm.n_effective[i, j], min(1 + 1 / V, P), rtol=1e-7)
            V = known.robust(scores(x), scores(y))
            np.testing.assert_allclose(robust.variance[i, j], np.clip(V, 1 / P, 1), rtol=1e-7)
    np.testing.assert_array_equal(gsm.gsm_variance, gsm.variance)
    np.testing.assert_array_equal(robust.gsm_n_effective, gsm.n_effective)
    np.testing.assert_array_equal(robust.gsm_variance, gsm.variance)


def test_the_ratio_of_shared_unevenness_by_definition():
    a, b = smooth(3, 0), smooth(2, 1, width=40)
    x, y = matrix(a), matrix(b)
    null, known = regional_null(x, y, COORDS, volumes=VOLUMES), ByDefinition(COORDS, VOLUMES)
    of_x, of_y = null.describe(x), null.describe(y)
    observed = local_ratio(of_x.observed, of_y.observed, null.shared[0].window_pairs)
    expected = local_ratio(of_x.expected, of_y.expected, null.shared[0].window_pairs)
    assert observed.shape == (2, 3)
    for i, row in enumerate(b):
        for j, other in enumerate(a):
            products = [np.outer(scores(v), scores(v)) for v in (other, row)]
            np.testing.assert_allclose(observed[i, j], known.ratio(*products), rtol=1e-9)
            fits = [np.tensordot(known.fit(scores(v)), np.array(known.D), axes=1) for v in (other, row)]
            np.testing.assert_allclose(expected[i, j], known.ratio(*fits), rtol=1e-6)


def without(values, seed, sets=2, share=0.15):
    """Maps that lack some regions, in so many sets."""
    holes = np.random.default_rng(seed).random((sets, P)) < share
    values = values.copy()
    values[holes[np.arange(len(values)) % sets]] = np.nan
    return values


@pytest.mark.parametrize("model", MODELS)
def test_missing_regions_by_definition(model):
    """Each map is fitted in its own regions; traces and pairs are those of the regions a pair has in common."""
    a, b = without(smooth(2, 0), 1), without(smooth(2, 2), 3)
    found = sized(a, b, model)
    has = np.isfinite(np.concatenate([a, b]))
    # Spacing and radius are those of the regions that at least half of the maps have: here all of them.
    assert (2 * has.sum(axis=0) >= 4).all()
    own = [ByDefinition(COORDS, VOLUMES, mask) for mask in has]
    fits = [k.fit(scores(v[mask])) for k, v, mask in zip(own, np.concatenate([a, b]), has, strict=True)]
    for i in range(2):
        for j in range(2):
            both = ByDefinition(COORDS, VOLUMES, has[j] & has[2 + i])
            V = both.stationary(fits[j], fits[2 + i])
            if model == "robust":
                V = _robust_missing(V, both, [(own[k], fits[k], v[has[k]]) for k, v in ((j, a[j]), (2 + i, b[i]))])
            np.testing.assert_allclose(found.variance[i, j], V, rtol=1e-6)


def _robust_missing(V, both, sides):
    """Means by window come from a map's own regions, numbers of pairs from those in common."""
    pairs = both.by_window(np.ones_like(both.d))

    def ratio(of):
        windows, squares = [], []
        for own, fit, values in sides:
            products = of(own, fit, scores(values))
            counts = own.by_window(np.ones_like(own.d))
            windows.append(np.divide(own.by_window(products), counts, out=np.zeros_like(counts), where=counts > 1e-6))
            squares.append(np.diag(products)[np.isin(own.inside, both.inside)])
        apart = np.where(pairs > 0.5, pairs, 0) * windows[0] * windows[1]
        together = (windows[0] * pairs).sum(axis=1) * (windows[1] * pairs).sum(axis=1) / pairs.sum(axis=1)
        by_region = len(both.d) * (squares[0] * squares[1]).sum() / (squares[0].sum() * squares[1].sum())
        return apart.sum() / together.sum() * by_region / (apart[0].sum() / together[0])

    observed = ratio(lambda _own, _fit, z: np.outer(z, z))
    expected = ratio(lambda own, fit, _z: np.tensordot(fit, np.array(own.D), axes=1))
    n = 1 + 1 / V
    return V * (1 + n**2 / (n**2 + 50**2) * (max(observed / expected, 2 / 3) - 1))


@pytest.mark.parametrize("model", MODELS)
def test_many_sets_of_regions_stay_near_the_exact_ones(model):
    a, b = without(smooth(12, 0), 1, 12, 0.06), without(smooth(12, 2), 3, 12, 0.06)
    many = sized(a, b, model)
    x, y = matrix(a), matrix(b)
    assert regional_null(x, y, COORDS, model=model).supports.shared is None
    exact = np.array([sized(a[[i]], b[[i]], model).variance[0, 0] for i in range(12)])
    ratio = np.diag(many.variance) / exact
    assert np.isfinite(many.n_effective).all()
    assert 0.97 < np.median(ratio) < 1.2
    assert ((ratio > 0.75) & (ratio < 1.5)).all()


def test_many_sets_of_regions_by_definition():
    """Expectations and traces of the regions most maps have; products and pairs of each map's own."""
    a, b = without(smooth(12, 0), 1, 12, 0.06), without(smooth(12, 2), 3, 12, 0.06)
    found, known = sized(a, b, "gsm"), ByDefinition(COORDS, VOLUMES)
    assert (2 * np.isfinite(np.concatenate([a, b])).sum(axis=0) >= 24).all()
    E = np.array([[mean for _, _, mean in known.by_class(D)] for D in known.D])
    length = np.array(known.by_class(known.d))[:, 1]

    def fit(values):
        own = ByDefinition(COORDS, VOLUMES)
        own.d = known.d[np.ix_(np.isfinite(values), np.isfinite(values))]
        z = scores(values[np.isfinite(values)])
        pairs, _, C = np.array(own.by_class(np.outer(z, z))).T
        root = np.sqrt(pairs / (len(z) * np.maximum(1, 3 * len(z) / 15 * (length / known.radius) ** 2)))
        return nnls((E * root).T[pairs > 0], (C * root)[pairs > 0])[0]

    for k in (0, 5, 11):
        V = known.stationary(fit(a[k]), fit(b[k])) * P / np.isfinite(a[k] + b[k]).sum()
        np.testing.assert_allclose(found.variance[k, k], V, rtol=1e-7)


@pytest.mark.parametrize("model", MODELS)
def test_pairs_with_few_regions_in_common_have_no_number(model):
    a, b = smooth(1, 0), smooth(2, 1)
    a[0, 20:], b[0, :11], b[1, :10] = np.nan, np.nan, np.nan
    found = sized(a, b, model)
    np.testing.assert_array_equal(np.isnan(found.n_effective), [[True], [False]])
    assert not found.guarded[0, 0]
    many, other = without(smooth(12, 0), 1, 12, 0.06), without(smooth(12, 2), 3, 12, 0.06)
    found = sized(np.concatenate([a, many]), np.concatenate([b, other]), model)
    common = np.isfinite(np.concatenate([b, other])).astype(int) @ np.isfinite(np.concatenate([a, many])).astype(int).T
    assert common.min() < 10
    np.testing.assert_array_equal(np.isnan(found.n_effective), common < 10)


@pytest.mark.parametrize("model", MODELS)
def test_the_order_of_regions_changes_nothing(model):
    a, b = without(smooth(4, 0), 1), smooth(3, 2)
    order = np.random.default_rng(3).permutation(P)
    same(sized(a[:, order], b[:, order], model, COORDS[order], VOLUMES[order]), sized(a, b, model), rtol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_neither_axes_nor_units_nor_offsets_matter(model):
    a, b = smooth(4, 0), smooth(3, 2)
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    expected = sized(a, b, model)
    same(sized(a, b, model, COORDS @ turn + 1000), expected, rtol=1e-5)
    same(sized(a, b, model, COORDS / 10, VOLUMES / 1000), expected, rtol=1e-6)
    same(sized(-3e4 * a + 1e6, 1e-6 * b - 5, model), expected, rtol=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_x_and_y_may_be_swapped(model):
    a, b = without(smooth(4, 0), 1), without(smooth(3, 2), 3)
    one, other = sized(a, b, model), sized(b, a, model)
    for name in SIZES:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name).T, rtol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_regions_that_no_map_has_change_nothing(model):
    a, b = smooth(3, 0), smooth(2, 1)
    coords = np.concatenate([COORDS, [[500, 0, 0], [np.nan, 0, 0]]])
    volumes = np.concatenate([VOLUMES, [1.0, np.nan]])
    nothing = np.full((3, 2), np.nan)
    wide = sized(np.hstack([a, nothing]), np.hstack([b, nothing[:2]]), model, coords, volumes)
    same(wide, sized(a, b, model), rtol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_maps_without_a_number_have_none_here(model):
    a, b = smooth(5, 0), smooth(2, 1)
    a[1], a[2], a[3, 9:], a[4, 10:] = 7.0, np.nan, np.nan, np.nan
    found = sized(a, b, model)
    np.testing.assert_array_equal(np.isnan(found.n_effective), np.tile([False, True, True, True, False], (2, 1)))
    np.testing.assert_array_equal(np.isnan(found.variance), np.isnan(found.n_effective))
    assert not found.guarded[:, 1:4].any()
    x = matrix(a)
    fitted = regional_null(x, x, COORDS, model=model, volumes=VOLUMES).describe(x).coefficients
    np.testing.assert_array_equal(np.isnan(fitted).any(axis=1), [False, True, True, True, False])
    first = {name: getattr(found, name)[:, :1] for name in SIZES}
    same(replace(found, **first), sized(a[:1], b, model), rtol=1e-7)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(5))
def test_sizes_stay_within_their_bounds(model, seed):
    coords = np.random.default_rng(seed).normal(size=(10, 3)) * 40
    found = sized(*(np.random.default_rng(seed + s).normal(size=(20, 10)) for s in (7, 77)), model, coords, None)
    assert ((found.n_effective >= 2.001) & (found.n_effective <= 10)).all()
    assert ((found.variance >= 0.1) & (found.variance <= 1)).all()


@pytest.mark.parametrize("model", MODELS)
def test_regions_of_one_centre_and_regions_on_a_line(model):
    double = np.concatenate([COORDS, COORDS])
    sizes = np.concatenate([VOLUMES, VOLUMES])
    a, b = (np.random.default_rng(s).normal(size=(3, 2 * P)) for s in (0, 1))
    assert np.isfinite(sized(a, b, model, double, sizes).n_effective).all()
    family = family_of(cloud_of(double, sizes))
    np.testing.assert_array_equal(np.diag(family.classes, P), 1)
    np.testing.assert_array_equal(np.diag(family.ranges, P), 1)
    assert not np.diag(family.classes).any()
    alone = np.zeros(2 * P, dtype=bool)  # those that tell spacing and radius, all in one place: then all tell
    alone[[0, P]] = True
    found, known = cloud_of(double, sizes, alone), cloud_of(double, sizes)
    assert (found.spacing, found.radius) == (known.spacing, known.radius)
    line = np.zeros((P, 3))
    line[:, 1] = np.arange(P)
    found = sized(smooth(3, 0, line, None, 3.0), smooth(3, 1, line, None, 3.0), model, line, None)
    assert ((found.n_effective > 2.001) & (found.n_effective < P)).all()


def test_what_cannot_be_done_is_said():
    a = smooth(2, 0)
    for coords, text in ((COORDS[:9], "9 regions are too few"), (np.zeros((P, 3)), "same coordinates"),
                         (COORDS[:, :2], "expected"), (np.where(np.arange(P)[:, None] < 2, np.nan, COORDS),
                                                       "2 of 34 regions have no coordinates")):
        with pytest.raises(ValueError, match=text):
            sized(a[:, : len(coords)], a[:, : len(coords)], "gsm", coords, None)
    with pytest.raises(ValueError, match="33 coordinates for maps of 34"):
        sized(a, a, "gsm", COORDS[1:], None)
    for volumes in (-VOLUMES, np.full(P, np.nan)):
        with pytest.raises(ValueError, match="34 of 34 regions have no volume above 0 mm³"):
            sized(a, a, "gsm", COORDS, volumes)
    with pytest.raises(ValueError, match="34 regions need as many volumes, not 33"):
        cloud_of(COORDS, VOLUMES[1:])
    with pytest.raises(ValueError, match="0 regions are too few"):
        sized(a * np.nan, a * np.nan)


def test_any_number_of_jobs_gives_the_same_bytes():
    a, b = without(smooth(150, 0), 1), smooth(70, 1)
    one, two = sized(a, b), sized(a, b, jobs=2)
    np.testing.assert_array_equal(one.n_effective, two.n_effective)


@pytest.mark.parametrize("model", MODELS)
def test_a_description_takes_the_memory_it_says(model):
    x = matrix(smooth(20, 0))
    null = regional_null(x, x, COORDS, model=model)
    kept = null.describe(x)
    arrays = [kept.coefficients]
    for local in (kept.observed, kept.expected):
        arrays += [] if local is None else [local.windows, local.squares, local.present]
    assert sum(a.nbytes for a in arrays) == 20 * null.bytes_per_map
    # Blocks of maps are sized as all at once.
    part = null.describe(x.part(slice(5, 9)))
    n = np.full((20, 4), P)
    np.testing.assert_allclose(null.size(part, kept, n).variance, null.size(kept, kept, np.full((20, 20), P))
                               .variance[:, 5:9], rtol=1e-9)


def test_a_blob_stands_for_a_ball():
    """Covariance of the means over two balls, by the mean over many points of each."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (4000, 3))
    ball = points[(points**2).sum(axis=1) < 1][:900]
    coords = np.concatenate([[[0.0, 0, 0], [25, 0, 0]], 100 + 40 * rng.random((8, 3))])
    radius = np.concatenate([[9.0, 16.0], np.full(8, 10.0)])
    family = family_of(cloud_of(coords, 4 / 3 * np.pi * radius**3))
    rows = next(family.rows(np.arange(10)))[1]
    first, second = (coords[i] + radius[i] * ball for i in (0, 1))
    for width, blob in zip(family.widths, rows[1:], strict=True):
        means = [[np.exp(-((a[:, None] - b) ** 2).sum(axis=2) / (2 * width**2)).mean() for b in (first, second)]
                 for a in (first, second)]
        scale = means[0][0] / blob[0, 0]
        # Balls that touch, of 9 and 16 mm, in a field as rough as that: here the two differ most.
        np.testing.assert_allclose(blob[:2, :2] * scale, means, rtol=0.21 if width < 10 else 0.1)
        if width > 14:
            np.testing.assert_allclose(blob[:2, :2] * scale, means, rtol=0.04)


def rate(a, b, n_effective):
    r = np.corrcoef(b, a)[: len(b), len(b) :]
    return np.mean(pvalues(r, n_effective) <= 0.05)


def test_unrelated_maps_are_called_so():
    """Sizes that differ and autocorrelation inflate the textbook value; sizes alone, the null that ignores them."""
    coords = np.random.default_rng(1).normal(size=(120, 3)) * 40
    volumes = np.exp(np.random.default_rng(2).normal(8.5, 1.2, 120))
    rough = [smooth(150, s, coords, volumes, 6) for s in (3, 4)]
    fine = [smooth(150, s, coords, volumes, 25) for s in (5, 6)]
    for a, b in (rough, fine):
        textbook = rate(a, b, np.full((150, 150), 120))
        known = rate(a, b, sized(a, b, "gsm", coords, volumes).n_effective)
        assert textbook > 0.1
        assert 0.035 < known < 0.065
    a, b = rough
    assert rate(a, b, sized(a, b, "gsm", coords, None).n_effective) > 0.08
    assert 0.02 < rate(a, b, sized(a, b, "robust", coords, None).n_effective) < 0.065


def test_shared_unevenness_is_corrected_for():
    coords = np.random.default_rng(1).normal(size=(150, 3)) * 40
    uneven = np.exp(-(coords**2).sum(axis=1) / (2 * 45**2)) * 2 + 0.2
    a, b = (smooth(150, s, coords, None, 12, uneven) for s in (3, 4))
    gsm = rate(a, b, sized(a, b, "gsm", coords, None).n_effective)
    robust = rate(a, b, sized(a, b, "robust", coords, None).n_effective)
    assert gsm > 0.1
    assert 0.02 < robust < 0.08


def test_distances():
    points = np.random.default_rng(0).normal(size=(40, 3)) * 70
    points[7] = points[3]
    found = distances(points)
    np.testing.assert_allclose(found, [[np.linalg.norm(a - b) for b in points] for a in points], rtol=1e-12)
    np.testing.assert_array_equal(found, found.T)
    assert not np.diag(found).any()
    assert found[7, 3] == 0


def test_opposite_unevenness_makes_no_more_values_than_regions():
    """Where one map is strong just where the other is weak, r scatters less than that of independent regions."""
    coords = np.random.default_rng(1).normal(size=(150, 3)) * 40
    pattern = np.exp(coords[:, 0] / 30)
    a, b = (np.random.default_rng(s).normal(size=(20, 150)) * pattern**power for s, power in ((0, 1), (1, -1)))
    found = sized(a, b, coords=coords, volumes=None)
    np.testing.assert_allclose(found.n_effective, 150)
    np.testing.assert_allclose(found.variance, 1 / 150)
    assert found.guarded.any()


def test_sizes_at_their_lower_bound_are_called_guarded(monkeypatch):
    a, b = smooth(6, 0), smooth(5, 1, width=40)
    free = sized(a, b)
    bound = float(np.median(free.n_effective[~free.guarded]))
    monkeypatch.setattr(module, "SMALLEST", bound)
    found = sized(a, b)
    low = free.n_effective < bound
    assert (low & ~free.guarded).any()
    np.testing.assert_array_equal(found.guarded, free.guarded | low)
    np.testing.assert_allclose(found.n_effective, np.maximum(free.n_effective, bound))
