"""The number of independent values behind the correlation of two autocorrelated time series.

Successive volumes repeat each other, so r of two unrelated series scatters more than their length lets one
expect. As for maps (`niicorr.nulls.effective`) the variance of r under independence tells how many independent
values a pair is worth,

    V = tr(M Σx M' M Σy M') / (tr(M Σx M') tr(M Σy M')),    n_effective = 1 + 1/V.

Σ is the covariance of a stationary series before it was cleaned, and M everything that was done to it: the mean
taken off, trends and confounds regressed out, frequencies filtered. M stays in the formula because cleaning both
takes degrees of freedom away and leaves series that are stationary no more: confounds that follow the slow part
of a series thin it out unevenly, and a filter swings at both ends of a run.

The power spectrum of Σ is constant within bands of frequency. It is fitted to the periodogram *through M*: each
band has its expected periodogram after cleaning, and the bands are raised and lowered until these add up to the
one that is seen. V is then a product of per-series features with one small matrix, for all pairs at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niicorr.typing import Float64Array, FloatArray, IntArray

NARROWEST = 4
"""Width of the slowest bands in steps of 1/(2 T): two of the T/2 frequencies that a run tells apart."""

WIDER = 0.1
"""A band is this share of its frequency wide, where that is more."""

ROUNDS = 30
"""Rounds of fitting; fixed, so that no number depends on a tolerance."""

REMOVED = 1e-6
"""A band of which cleaning leaves a smaller share than this cannot be fitted, and does not count."""

BLOCK = 256
"""Frequencies transformed at once: bounds the memory."""


@dataclass(frozen=True, eq=False)
class TemporalNull:
    """The null model of one run: what its length and its cleaning do to stationary noise of each band.

    Parameters
    ----------
    n : int
        Time points after cleaning.
    freedom : float
        tr(M'M): dimensions that cleaning leaves; n − 1 where only the mean was taken off, n − 1 − q after the
        regression of q confounds.
    expected : ndarray, shape (n + 1, bands), float64
        Periodogram at frequencies j / (2 n) that noise of unit power in each band has after cleaning.
    traces : ndarray, shape (bands, bands), float64
        tr(M Σk M' M Σl M').
    totals : ndarray, shape (bands,), float64
        tr(M Σk M').
    """

    n: int
    freedom: float
    expected: Float64Array
    traces: Float64Array
    totals: Float64Array

    def spectra(self, series: FloatArray) -> Float64Array:
        """Fit the power of every band to each series.

        Parameters
        ----------
        series : ndarray, shape (n, series)
            After cleaning; finite. The scale of each does not matter.

        Returns
        -------
        ndarray, shape (series, bands), float64
            All zero for a constant series.

        Notes
        -----
        Expectation maximisation for counts (Richardson 1972, doi 10.1364/JOSA.62.000055), which keeps powers
        positive and totals exact: each round multiplies every band by the mean ratio of seen to fitted
        periodogram over the frequencies that it feeds. It starts from white noise.
        """
        seen = self._periodograms(series)
        # Both ends stand for themselves, every other frequency also for its mirror image.
        seen[:, 1:-1] *= 2
        sensitivity = _twice_inside(self.expected)
        weight = sensitivity.sum(axis=0)
        felt = weight > REMOVED * weight.max(initial=0.0)
        expected = self.expected[:, felt]
        gain = sensitivity[:, felt] / np.where(weight[felt] > 0, weight[felt], 1.0)
        power = np.repeat(seen.sum(axis=1, keepdims=True) / max(float(weight[felt].sum()), 1e-300), felt.sum(), 1)
        halves = np.ones(seen.shape[1])
        halves[1:-1] = 0.5
        for _ in range(ROUNDS):
            fitted = power @ expected.T
            ratio = np.divide(seen * halves, fitted, out=np.zeros_like(seen), where=fitted > 0)
            power *= ratio @ gain
        found = np.zeros((len(seen), len(weight)))
        found[:, felt] = power
        return found

    def variance(self, x: Float64Array, y: Float64Array) -> Float64Array:
        """Find V of every pair of fitted series.

        Parameters
        ----------
        x, y : ndarray, shape (series, bands), float64
            From `spectra`.

        Returns
        -------
        ndarray, shape (series of y, series of x), float64
            NaN for constant series.

        Notes
        -----
        V is a mean of ratios, which the ratio of means above overstates where few dimensions carry a series:
        a dimension that happens to be large raises the total that it is divided by. Dividing each eigenvalue λ
        (a share of the total) by 1 + 2 λ is the cure to first order, and leaves white noise as it is.
        """
        x, y = self._tempered(x), self._tempered(y)
        with np.errstate(divide="ignore", invalid="ignore"):
            v = (y @ self.traces @ x.T) / np.outer(y @ self.totals, x @ self.totals)
        return np.asarray(np.where(np.isfinite(v), v, np.nan))

    def n_effective(self, x: Float64Array, y: Float64Array) -> Float64Array:
        """Count the independent values behind r of every pair of fitted series: 1 + 1/V, at most 1 + ``freedom``.

        The arguments are those of `variance`, as is the shape of the outcome; at least 2.001.
        """
        with np.errstate(divide="ignore"):
            return np.clip(1 + 1 / self.variance(x, y), 2.001, max(1 + self.freedom, 2.001))

    def _periodograms(self, series: FloatArray) -> Float64Array:
        values = np.asarray(series, dtype=np.float64)
        values = values - values.mean(axis=0)
        scale = np.abs(values).max(axis=0, initial=0.0)
        values = np.divide(values, scale, out=np.zeros_like(values), where=scale > 0)
        return np.asarray(np.abs(np.fft.rfft(values, 2 * self.n, axis=0).T) ** 2 / self.n)

    def _tempered(self, powers: Float64Array) -> Float64Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (powers @ self.traces) / (np.where(self.totals > 0, self.totals, np.inf)
                                              * (powers @ self.totals)[:, None])
        return np.asarray(powers / (1 + 2 * np.nan_to_num(share)))


def temporal_null(operator: FloatArray | int) -> TemporalNull:
    """Work out the null model of a run: once, however many series it has.

    Parameters
    ----------
    operator : ndarray, shape (time points kept, time points), or int
        M, what was done to every series of the run, as a matrix: the outcome for the identity of whatever linear
        cleaning was applied (without standardising). Or the number of time points, where nothing was done. That
        the mean is taken off is understood.

    Returns
    -------
    TemporalNull

    Notes
    -----
    The traces are exact: with N = M'M and e_f the sinusoid of frequency f, Σ of a single frequency is
    Re(e_f e_f*), and ``tr(N Σf N Σg) = (|e_f* N e_g|² + |e_f' N e_g|²)/2`` is read off the two-dimensional
    Fourier transform of N, zero-padded to twice its size. Time grows with T² log T (and M'M itself with T³);
    1 200 time points take about a second, 5 000 need 1 GB.

    What has been filtered or regressed elsewhere and is not in M is seen in the spectrum only: a narrow band is
    then noticed, lost degrees of freedom of regressed confounds are not.

    The null hypothesis is two independent stationary Gaussian series. A spectrum of few strong frequencies is
    known from the run itself no better than those few. Measured (``benchmarks/calibration_temporal.py``), false
    positives at .05 are .04 to .06 but for: narrow bands of short runs (n_effective up to 25), .014 to .04, and a
    slow with a white series in 90 time points, .031 to .039, both too careful; slow series after the regression of
    24 slow confounds, up to .069; a band of an eighth of the frequencies in white noise, up to .066; and phases
    drawn anew for the very spectrum of a run of 90 time points, .066.

    References
    ----------
    Afyouni S, Smith SM & Nichols TE (2019), doi 10.1016/j.neuroimage.2019.05.011. Clifford P, Richardson S &
    Hémon D (1989), doi 10.2307/2532039. Dutilleul P (1993), doi 10.2307/2532625.

    Examples
    --------
    >>> import numpy as np
    >>> null = temporal_null(200)
    >>> series = np.cumsum(np.random.default_rng(0).standard_normal((200, 2)), axis=0)
    >>> spectra = null.spectra(series)
    >>> bool(null.n_effective(spectra, spectra)[1, 0] < 20)
    True
    """
    matrix = np.eye(operator) if isinstance(operator, int) else np.asarray(operator, dtype=np.float64)
    matrix = matrix - matrix.mean(axis=0)
    kept, given = matrix.shape
    edges = band_edges(given)
    # Frequency 0 and the fastest have no mirror image: half of their neighbours' share makes white noise white.
    share = np.ones(given + 1)
    share[[0, -1]] = 0.5
    expected = np.add.reduceat(_response(matrix) * share, edges[:-1], axis=1) / kept
    square = matrix.T @ matrix
    fine = _response(square) * np.outer(share, share)
    traces = np.add.reduceat(np.add.reduceat(fine, edges[:-1], axis=0), edges[:-1], axis=1)
    # tr(N Re(e_f e_f*)): the sums along the diagonals of N, transformed.
    along = np.array([np.trace(square, h) for h in range(given)])
    along[1:] *= 2
    totals = np.add.reduceat(np.fft.rfft(along, 2 * given).real * share, edges[:-1])
    return TemporalNull(kept, float(np.trace(square)), expected, (traces + traces.T) / 2, totals)


def band_edges(n: int) -> IntArray:
    """Return where bands begin, and where the last one ends, among the n + 1 frequencies j / (2 n)."""
    edges = [0]
    while edges[-1] <= n:
        edges.append(edges[-1] + max(NARROWEST, round(WIDER * edges[-1])))
    # What is left over at the top is too narrow for a band of its own.
    return np.array([*edges[:-1], n + 1] if len(edges) < 3 or n + 1 - edges[-2] >= NARROWEST
                    else [*edges[:-2], n + 1])


def _response(matrix: Float64Array) -> Float64Array:
    """Compute ``(|e_g* A e_f|² + |e_g* A conj(e_f)|²)/2`` for all frequencies g of the rows and f of the columns."""
    rows, columns = matrix.shape
    half = np.fft.rfft(matrix, 2 * rows, axis=0)
    mirrored = -np.arange(columns + 1)
    out = np.empty((rows + 1, columns + 1))
    for start in range(0, rows + 1, BLOCK):
        power = np.abs(np.fft.fft(half[start : start + BLOCK], 2 * columns, axis=1)) ** 2
        out[start : start + BLOCK] = (power[:, : columns + 1] + power[:, mirrored]) / 2
    return out


def _twice_inside(values: Float64Array) -> Float64Array:
    doubled = 2 * values
    doubled[[0, -1]] = values[[0, -1]]
    return doubled
