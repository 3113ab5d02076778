"""The null model of time series against matrices written out, and its promise: the rate of false positives."""

import numpy as np
import pytest
from scipy import signal
from scipy.linalg import toeplitz
from scipy.stats import binom

from niicorr.inference import pvalues
from niicorr.nulls.temporal import NARROWEST, band_edges, temporal_null


def sigma(n, edges, weights):
    """Covariance of stationary noise with the given power in each band, as a matrix."""
    lags = np.arange(n)
    return toeplitz(sum(w * sum(np.cos(np.pi * f * lags / n) * (0.5 if f in (0, n) else 1) for f in range(a, b))
                        for w, a, b in zip(weights, edges[:-1], edges[1:], strict=True)))


def centred(matrix):
    return matrix - matrix.mean(axis=0)


def projection(n, q, rng):
    basis = np.linalg.qr(np.column_stack([np.ones(n), np.arange(n), rng.standard_normal((n, q)).cumsum(axis=0)]))[0]
    return np.eye(n) - basis @ basis.T


OPERATORS = {
    "nothing done": lambda n, rng: n,
    "confounds": lambda n, rng: projection(n, 4, rng),
    "filter": lambda n, rng: signal.sosfiltfilt(signal.butter(2, 0.3, output="sos"), np.eye(n), axis=0, padlen=5),
    "scrubbed": lambda n, rng: np.delete(projection(n, 2, rng), [0, 7, 8, n - 1], axis=0),
    "any matrix": lambda n, rng: rng.standard_normal((n - 5, n)),
}


@pytest.mark.parametrize("case", OPERATORS)
@pytest.mark.parametrize("n", [30, 41])
def test_traces_are_those_of_the_matrices(case, n):
    operator = OPERATORS[case](n, np.random.default_rng(1))
    null = temporal_null(operator)
    m = centred(np.eye(n) if isinstance(operator, int) else operator)
    edges = band_edges(n)
    covariances = [m @ sigma(n, edges, np.eye(len(edges) - 1)[k]) @ m.T for k in range(len(edges) - 1)]
    np.testing.assert_allclose(null.totals, [np.trace(c) for c in covariances], rtol=1e-10)
    np.testing.assert_allclose(null.traces, [[np.trace(a @ b) for b in covariances] for a in covariances], rtol=1e-10)
    assert null.n == len(m)
    assert null.freedom == pytest.approx(np.trace(m.T @ m), rel=1e-12)
    waves = np.exp(1j * np.pi * np.outer(np.arange(null.n + 1), np.arange(null.n)) / null.n)
    expected = [[(w.conj() @ c @ w).real / null.n for c in covariances] for w in waves]
    np.testing.assert_allclose(null.expected, expected, rtol=1e-9, atol=1e-10)


def test_variance_tempers_large_shares_and_leaves_white_noise():
    null = temporal_null(60)
    white = np.ones((1, len(null.totals)))
    assert null.variance(white, white)[0, 0] == pytest.approx(1 / 59, rel=1e-10)
    # By definition: λ / (1 + 2 λ), band by band, λ the share of a dimension in the band.
    a, b = np.random.default_rng(0).uniform(0, 1, (2, len(null.totals))) ** 4
    edges, m = band_edges(60), centred(np.eye(60))
    covariances = [m @ sigma(60, edges, np.eye(len(a))[k]) @ m.T for k in range(len(a))]

    def tempered(power):
        whole = sum(w * c for w, c in zip(power, covariances, strict=True))
        share = [np.trace(c @ whole) / np.trace(c) / np.trace(whole) for c in covariances]
        return sum(w / (1 + 2 * s) * c for w, s, c in zip(power, share, covariances, strict=True))

    x, y = tempered(a), tempered(b)
    wanted = np.trace(x @ y) / np.trace(x) / np.trace(y)
    assert null.variance(a[None], b[None])[0, 0] == pytest.approx(wanted, rel=1e-10)


def test_bands_cover_every_frequency_once():
    for n in range(3, 400):
        edges = band_edges(n)
        assert edges[0] == 0
        assert edges[-1] == n + 1
        assert np.all(np.diff(edges) >= min(NARROWEST, n + 1))


def test_a_spectrum_is_found_again_through_the_cleaning():
    """Many series together tell the spectrum before cleaning, though cleaning has thinned it out."""
    rng = np.random.default_rng(3)
    n, count = 120, 4000
    m = projection(n, 12, rng)
    null = temporal_null(m)
    series = signal.lfilter([1], [1, -0.8], rng.standard_normal((count, n + 200)))[:, 200:].T
    edges = band_edges(n)
    f = np.arange(n + 1) / (2 * n)
    true = np.add.reduceat(1 / np.abs(1 - 0.8 * np.exp(-2j * np.pi * f)) ** 2, edges[:-1]) / np.diff(edges)

    def off(model):
        mean = model.spectra(m @ series).mean(axis=0)
        # Confounds that wander take the slowest band nearly whole.
        return np.abs(np.log(mean[1:] / mean[1:].sum() / (true[1:] / true[1:].sum())))

    assert off(null).max() < 0.35
    assert off(temporal_null(n)).max() > 0.7  # the cleaning unknown
    assert off(null)[1:].max() < 0.25


def test_the_fit_keeps_the_power_of_the_series_and_leaves_out_what_cleaning_removed():
    rng = np.random.default_rng(8)
    # Binomial smoothing where it is whole: no swing at the ends, and nothing at all of the fast half.
    m = np.array([np.convolve(row, binom.pmf(np.arange(41), 40, 0.5), "valid") for row in np.eye(140)]).T
    null, series = temporal_null(m), m @ rng.standard_normal((140, 3))
    series -= series.mean(axis=0)
    series /= np.abs(series).max(axis=0)
    power = null.spectra(series)
    fitted = power @ null.expected.T
    # Parseval, over all 2 n frequencies.
    total = 2 * fitted[:, 1:-1].sum(axis=1) + fitted[:, 0] + fitted[:, -1]
    np.testing.assert_allclose(total, 2 * (series**2).sum(axis=0), rtol=1e-10)
    fast = band_edges(140)[:-1] > 98
    assert fast.sum() > 2
    assert not power[:, fast].any()
    assert power[:, :3].all()


def test_scale_and_offset_do_not_matter():
    rng = np.random.default_rng(4)
    series = rng.standard_normal((100, 3)).cumsum(axis=0)
    null = temporal_null(100)
    one = null.spectra(series)
    for other in (1e4 + 1e-3 * series, 1e-200 * series, -1e200 * series):
        two = null.spectra(other)
        np.testing.assert_allclose(null.n_effective(one, one), null.n_effective(two, two), rtol=1e-6)


def test_a_constant_series_has_no_number():
    series = np.column_stack([np.ones(50), np.random.default_rng(0).standard_normal(50)])
    null = temporal_null(50)
    spectra = null.spectra(series)
    assert not spectra[0].any()
    size = null.n_effective(spectra, spectra)
    assert np.isnan(size[0]).all()
    assert np.isnan(size[:, 0]).all()
    assert np.isfinite(size[1, 1])


def test_n_effective_never_exceeds_what_cleaning_leaves():
    rng = np.random.default_rng(5)
    m = projection(80, 10, rng)
    null = temporal_null(m)
    # Alternating and slow series overlap in no frequency: V is far below that of white noise.
    slow = signal.lfilter([1], [1, -0.9], rng.standard_normal((80, 4)), axis=0)
    fast = signal.lfilter([1], [1, 0.9], rng.standard_normal((80, 4)), axis=0)
    x, y = null.spectra(m @ slow), null.spectra(m @ fast)
    assert null.freedom == pytest.approx(80 - 12)
    assert null.variance(x, y).min() < 1 / 80
    assert null.n_effective(x, y).max() == pytest.approx(80 - 12 + 1)
    assert null.n_effective(x, y).shape == (4, 4)


NOISE = {
    "white": [1.0], "red": [1, -0.9], "oscillating": [1, -1.3, 0.8],
}


@pytest.mark.parametrize("cleaning", ["nothing done", "confounds", "band"])
@pytest.mark.parametrize("noise", NOISE)
def test_rate_of_false_positives(noise, cleaning):
    """A wide gate, from few pairs: the rates themselves are in benchmarks/calibration_temporal.py."""
    rng = np.random.default_rng(6)
    n, count = 150, 150
    if cleaning == "band":
        sos = signal.butter(5, [0.04, 0.4], btype="band", output="sos")
        m = signal.sosfiltfilt(sos, projection(n, 0, rng), axis=0)
    else:
        m = np.eye(n) if cleaning == "nothing done" else projection(n, 20, rng)
    null = temporal_null(m)
    x, y = (m @ signal.lfilter([1], NOISE[noise], rng.standard_normal((count, n + 300)))[:, 300:].T for _ in range(2))
    x, y = (v - v.mean(axis=0) for v in (x, y))
    r = (y / np.linalg.norm(y, axis=0)).T @ (x / np.linalg.norm(x, axis=0))
    p = pvalues(r, null.n_effective(null.spectra(x), null.spectra(y)))
    assert 0.025 < np.mean(p < 0.05) < 0.07
    assert np.mean(p < 0.01) < 0.016
    if not (noise == "white" and cleaning == "nothing done"):
        assert np.mean(pvalues(r, np.full(r.shape, n)) < 0.05) > 0.06  # what the textbook says
