"""Numbers at the end of what floats can hold: every cell is the exact definition's, or empty with a reason.

Held against whole fractions (`exact_definitions`), which neither round nor overflow. Tolerances: 1e-9 where rows are
float64 (small sets), 2e-6 where they are float32. No warning of numpy may come up anywhere.
"""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from exact_definitions import similarity
from promised_files import AFFINE, SHAPE, noise, related

import niicorr as nc
from niicorr import matrix
from niicorr.inference import benjamini_hochberg, benjamini_yekutieli, fisher_interval, holm, pvalues

RAW = {"mask": "none", "background": "none", "zeros": "data"}
LARGEST, LEAST = np.finfo(np.float64).max, 5e-324
TOLERANCE = {"float64": 1e-9, "float32": 2e-6}

PLAIN = [("pearson", {}), ("spearman", {}), ("cosine", {}), ("concordance", {}), ("bicor", {}), ("dice", {}),
         ("dice", {"threshold": 0.5}), ("dice", {"threshold": 1e299})]
WEIGHTED = [(method, {"weights": "some"}) for method in ("pearson", "spearman", "cosine", "concordance")]
PARTIAL = [(method, {"partial": kind}) for method in ("pearson", "spearman") for kind in ("some", "far apart")]
ALL = PLAIN + WEIGHTED + PARTIAL


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def maps(seed, n):
    """One map of each kind of values, by name; n of each."""
    g = np.random.default_rng(seed)
    z, at = g.standard_normal(n), np.arange(n)
    few = g.random(n) < 0.3
    few[:3] = False
    return {
        "ordinary": z,
        "1e50": z * 1e50,
        "1e-60": z * 1e-60 + 1e-60,
        "huge": z / abs(z).max() * 1e300,
        "largest": z / abs(z).max() * LARGEST,
        "both ends": np.where(at % 2, LARGEST, -LARGEST) * (1 - at * 1e-3),
        "tiny": z * 1e-300,
        "subnormal": np.rint(z * 50) * LEAST,
        "least": (at % 3) * LEAST,
        "600 decades": z * 10.0 ** np.linspace(-300, 300, n),
        "spike": np.where(at == n // 2, 1e300, z),
        "spike among tiny": np.where(at == n // 2, 1.0, z * 1e-300),
        "offset": z + 1e9,
        "far offset": np.rint(z * 9) + 1e15,
        "cancellation": np.where(at % 2, 1e16, -1e16) + z,
        "last bit": np.where(g.random(n) < 0.4, np.nextafter(1, 2), 1.0),
        "last bit of huge": np.where(g.random(n) < 0.4, np.nextafter(1e300, 2e300), 1e300),
        "two values": np.where(g.random(n) < 0.5, -1e308, 1e-308),
        "one voxel": np.where(at == 1, 1.0, 0.0),
        "ties": np.rint(z),
        "whole numbers to 2^63": np.rint(z / abs(z).max() * 2.0**63),
        "gaps": np.where(few, np.nan, z * 1e200),
        "infinities": np.where(few, np.where(z > 0, np.inf, -np.inf), z * 1e-200),
        "constant": np.full(n, 1e300),
        "signed zeros": np.where(at % 2, 0.0, -0.0),
    }


def beside(options, n):
    """Weights and covariates in the place of their names."""
    g = np.random.default_rng(9)
    some = g.random(n) + 0.1, g.standard_normal((2, n))
    far = np.array([np.rint(some[1][0] * 9) * 1e300, some[1][1] * 1e-300 + 1e-298])
    known = {"weights": {"some": some[0]}, "partial": {"some": some[1], "far apart": far}}
    return {name: known[name][value] if name in known else value for name, value in options.items()}


def must_be_exact(x, y, result, tolerance, options):
    """Every cell of two dicts of maps."""
    empty = 0
    for i, (y_name, b) in enumerate(y.items()):
        for j, (x_name, a) in enumerate(x.items()):
            both = np.isfinite(a) & np.isfinite(b)
            found, where = result.estimate[i, j], f"{y_name} with {x_name}"
            expected = similarity(
                result.method, a[both], b[both], threshold=options.get("threshold", 0),
                weights=options["weights"][both] if "weights" in options else None,
                covariates=[z[both] for z in options.get("partial", ())])
            assert result.counts[i, j] == both.sum(), where
            if np.isnan(found):
                empty += expected is not None
                assert result.notes[i, j], where
            else:
                assert expected is not None, where
                assert abs(found - expected) <= tolerance, (where, found, expected)
                assert abs(found) <= 1
    return empty


@pytest.mark.parametrize("rows", ["float64", "float32"])
@pytest.mark.parametrize("n", [3, 4, 17])
@pytest.mark.parametrize(("method", "options"), PLAIN, ids=str)
def test_every_kind_with_every_kind(monkeypatch, method, options, n, rows):
    monkeypatch.setattr(matrix, "SMALL", 0 if rows == "float32" else matrix.SMALL)
    x, y = maps(1, n), maps(2, n)
    result = nc.correlate(np.array(list(x.values())), np.array(list(y.values())), method=method, null="none",
                          warn=False, **options)
    # Nothing that has a number stays without one.
    assert must_be_exact(x, y, result, TOLERANCE[rows], options) == 0


@pytest.mark.parametrize("rows", ["float64", "float32"])
@pytest.mark.parametrize(("method", "options"), WEIGHTED + PARTIAL, ids=str)
def test_weights_and_covariates(monkeypatch, method, options, rows):
    monkeypatch.setattr(matrix, "SMALL", 0 if rows == "float32" else matrix.SMALL)
    n = 14
    x, y, options = maps(1, n), maps(2, n), beside(options, n)
    result = nc.correlate(np.array(list(x.values())), np.array(list(y.values())), method=method, null="none",
                          warn=False, **options)
    assert must_be_exact(x, y, result, TOLERANCE[rows], options) == 0


@pytest.mark.parametrize("method", ["pearson", "cosine", "concordance"])
def test_weights_of_250_decades_give_the_number_or_none(method):
    n = 12
    x, y = maps(1, n), maps(2, n)
    options = {"weights": 10.0 ** np.random.default_rng(9).uniform(-125, 125, n)}
    result = nc.correlate(np.array(list(x.values())), np.array(list(y.values())), method=method, null="none",
                          warn=False, **options)
    must_be_exact(x, y, result, 1e-9, options)


@pytest.mark.parametrize("method", ["pearson", "spearman", "cosine", "concordance", "bicor"])
def test_a_set_with_itself(method):
    x = maps(3, 16)
    result = nc.correlate(np.array(list(x.values())), method=method, null="none", warn=False)
    np.testing.assert_allclose(result.estimate, result.estimate.T, rtol=0, atol=1e-15)
    must_be_exact(x, x, result, 1e-9, {})


TYPES = {
    "bool": np.arange(24) % 5 == 0,
    **{kind: np.array([info.min, info.max, *(info.min + (info.max - info.min) * k // 23 for k in range(22))], kind)
       for kind in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8") for info in [np.iinfo(kind)]},
    "f2": np.r_[6e-8, 65504.0, -65504.0, np.linspace(-3, 3, 21)].astype("f2"),
    "f4": np.r_[1e-45, 3.4028235e38, -3.4028235e38, np.linspace(-1e-38, 1e38, 21)].astype("f4"),
    "longdouble": np.r_[np.longdouble(10) ** 300, np.linspace(-1, 1, 23).astype(np.longdouble) / 3],
    "large longdouble": np.r_[np.longdouble(LARGEST) * 4, np.linspace(-1, 1, 23).astype(np.longdouble)],
    "around 2^53": 2**53 + np.arange(-12, 12, dtype="i8"),
    "below 2^63": 2**63 - 1 - 4096 * np.arange(24, dtype="i8"),
    "below 2^64": np.uint64(2**64 - 1) - np.uint64(8192) * np.arange(24, dtype="u8"),
}


@pytest.mark.parametrize("method", ["pearson", "spearman", "cosine", "concordance", "bicor"])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_to_its_ends(kind, method):
    """As float64, which is what is compared: whole numbers beyond 2^53 are rounded to even ones."""
    values, y = TYPES[kind], maps(2, 24)
    with np.errstate(over="ignore"):
        x = {kind: values.astype(np.float64)}
    result = nc.correlate(values[None], np.array(list(y.values())), method=method, null="none", warn=False)
    assert must_be_exact(x, y, result, 1e-9, {}) == 0


def test_whole_numbers_that_float64_cannot_tell_apart_have_no_number():
    values = 2**62 + np.arange(24, dtype="i8")
    result = nc.correlate(values[None], maps(2, 24)["ordinary"][None], null="none", warn=False)
    assert np.isnan(result.estimate[0, 0])
    assert "constant" in result.notes[0, 0]


@pytest.mark.parametrize("dtype", ["i8", "u8", "f4", "f8"])
def test_files_of_the_largest_numbers(study, dtype):
    a = noise(5)
    unit = {"i8": 2.0**63 - 1024, "u8": 2.0**64 - 2048, "f4": 3.4e38, "f8": 1.79e308}[dtype]
    data = (a / abs(a).max() * unit if dtype != "u8" else abs(a) / abs(a).max() * unit).astype(dtype)
    study.x("x.nii.gz", data)
    study.y("y.nii", related(6, a))
    study.run("--mask", "none", "--background", "none", "--zeros", "data").must_be(
        [data.astype(np.float64)], [related(6, a)])


# p-values and intervals of images in memory do not know the unit of a map


@pytest.fixture(scope="module")
def ordinary():
    return {null: correlated(1.0, 1.0, null) for null in ("effective", "gsm", "surrogate")}


def correlated(by, other, null):
    a, b = noise(1, SHAPE, 1.5), related(2, noise(1, SHAPE, 1.5), 0.3)
    options = {"n_surrogates": 40} if null == "surrogate" else {}
    return nc.correlate((a * by, AFFINE), (b * other, AFFINE), null=null, warn=False, **options, **RAW)


@pytest.mark.parametrize("null", ["effective", "gsm", "surrogate"])
@pytest.mark.parametrize(("by", "other"), [(2.0**990, 2.0**-990), (2.0**-990, 2.0**990), (2.0**1020, 2.0**1020),
                                           (1e-312, 1e-312), (1e300, 1e-310)])
def test_the_null_model_knows_no_units(ordinary, null, by, other):
    found, expected = correlated(by, other, null), ordinary[null]
    tolerance = 1e-9 if min(by, other) > 1e-300 else 1e-6  # subnormal maps have fewer digits
    assert found.estimate[0, 0] == pytest.approx(expected.estimate[0, 0], abs=tolerance)
    for name, values in expected.inferred.items():
        np.testing.assert_allclose(found.inferred[name], values, rtol=tolerance, err_msg=name)
    assert 0 <= found.inferred["p"][0, 0] <= 1


# inference


def exact_p(r, freedom):
    """Two-sided p of a correlation for an even number of degrees of freedom: a polynomial (Student 1908)."""
    r = abs(Fraction(r))
    term, total = Fraction(1), Fraction(1)
    for k in range(1, freedom // 2):
        term *= (1 - r * r) * Fraction(2 * k - 1, 2 * k)
        total += term
    return float(1 - r * total)


@pytest.mark.parametrize("freedom", [2, 4, 10, 60])
@pytest.mark.parametrize("r", [0.0, 1e-300, 1e-17, 0.3, 0.999, 1 - 2.0**-40, 1 - 2.0**-53, 1.0])
def test_p_of_any_r(freedom, r):
    """For even degrees of freedom p is a polynomial in r: to 12 digits, however close to 1 |r| is."""
    for sign in (1, -1):
        (found,) = pvalues(np.array([sign * r]), np.array([freedom + 2.0]))
        assert found == pytest.approx(exact_p(r, freedom), rel=1e-9, abs=0)


def test_p_of_hardly_any_degree_of_freedom():
    """With ν towards 0, t says nothing: p is nearly 1 unless |r| is 1."""
    r = np.array([0.0, 0.5, -0.999999, 1 - 2.0**-53, 1.0, -1.0])
    p = pvalues(r, np.full(6, 2.001))
    # ν = .001: 1 - p is of the order of ν.
    assert (p[:4] > 0.95).all()
    assert p[0] == 1
    assert (np.diff(p[:4]) <= 0).all()
    np.testing.assert_array_equal(p[4:], 0)
    assert np.isnan(pvalues(np.array([0.5]), np.array([2.0]))).all()
    low, high = fisher_interval(r, np.full(6, 2.001))
    np.testing.assert_array_equal((low, high), (np.full(6, -1.0), np.full(6, 1.0)))


@pytest.mark.parametrize("n", [1e6, 1e9, 1e12, 1e15])
def test_p_of_very_many_values_is_the_normal_one(n):
    from math import erfc, sqrt

    for z in (0.0, 0.5, 2.0, 5.0, 9.0):
        r = z / sqrt(n)
        (p,) = pvalues(np.array([r]), np.array([n]))
        # t and z part by about (1 + z⁴) / n.
        assert p == pytest.approx(erfc(z / sqrt(2)), rel=1e-9 + 3 * (1 + z**4) / n)
    assert pvalues(np.array([0.9]), np.array([n]))[0] == 0
    low, high = fisher_interval(np.array([0.5]), np.array([n]))
    assert low[0] <= 0.5 <= high[0]
    assert high[0] - low[0] == pytest.approx(2 * 1.959963985 * 0.75 / sqrt(n), rel=1e-3, abs=3e-16)


@pytest.mark.parametrize("r", [1.0, -1.0, 1 - 2.0**-53, 2.0**-53 - 1, 0.0, -0.0, 1e-320])
def test_intervals_of_any_r_hold_it(r):
    for n in (3.0, 3.001, 4.0, 100.0, 1e15):
        low, high = (float(end[0]) for end in fisher_interval(np.array([r]), np.array([n])))
        assert -1 <= low <= r <= high <= 1


def by_counting(p, adjust):
    """Adjusted p-values by their definition: the least level at which the procedure keeps the cell."""
    known = [value for value in p if not np.isnan(value)]
    m = len(known)
    ordered = sorted(known)
    found = []
    for value in p:
        if np.isnan(value):
            found.append(np.nan)
        elif adjust is holm:
            steps = [ordered[k] * (m - k) for k in range(m) if ordered[k] <= value]
            found.append(min(1.0, max(steps)))
        else:
            factor = m * (1 if adjust is benjamini_hochberg else sum(1 / k for k in range(1, m + 1)))
            found.append(min([1.0, *(ordered[k] * factor / (k + 1) for k in range(m) if ordered[k] >= value)]))
    return found


@pytest.mark.parametrize("adjust", [benjamini_hochberg, benjamini_yekutieli, holm])
@pytest.mark.parametrize("p", [
    [0.0, 0.0, 0.0], [1.0, 1.0], [np.nan, np.nan], [], [0.5], [LEAST, LEAST, 1e-300, 1.0],
    [0.01, 0.01, 0.01, 0.04, 0.04, np.nan, 0.9, 0.9], [0.05] * 20, [np.nan, 0.03, np.nan, 0.03, 0.02],
    [*np.linspace(0, 1, 30).round(1), np.nan],
])
def test_corrections_with_ties_and_without_numbers(adjust, p):
    found = adjust(np.array(p, dtype=np.float64))
    np.testing.assert_allclose(found, np.array(by_counting(p, adjust), dtype=np.float64), rtol=1e-12, atol=5e-324)


@pytest.mark.parametrize("method", ["spearman", "bicor"])
@pytest.mark.parametrize("steepness", [2, 4, 6, 9])
def test_maps_of_p_values_keep_their_ranks(monkeypatch, method, steepness):
    """A share of values so small that standard scores of float32 make one of them: no share is too small to be seen."""
    from scipy.special import ndtr
    from scipy.stats import spearmanr

    monkeypatch.setattr(matrix, "SMALL", 0)
    z, other = (np.random.default_rng(seed).standard_normal(9000) for seed in (1, 2))
    p, y = 2 * ndtr(-abs(z * steepness)), abs(z) + 0.3 * other
    found = nc.correlate(p[None], y[None], method=method, null="none", warn=False).estimate[0, 0]
    monkeypatch.setattr(matrix, "SMALL", 2**40)
    expected = (spearmanr(p, y).statistic if method == "spearman" else
                nc.correlate(p[None], y[None], method=method, null="none", warn=False).estimate[0, 0])
    assert found == pytest.approx(expected, abs=5e-6)
