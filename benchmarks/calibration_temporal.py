"""False-positive rates of ROI × ROI correlations: pairs of independent series, cleaned as runs are.

    python benchmarks/calibration_temporal.py [--quick] [--real series.csv ...]

Every line is one kind of noise under one cleaning; every block holds two sets of independent series, each of one
set correlated with each of the other. The standard error comes from the blocks, since pairs within one share
series. ``--real`` takes tables of region series: noise gets their spectra, every series its own phases.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy import signal

from niicorr.images.confounds import Cleaning, Confounds, clean
from niicorr.images.series import read_series
from niicorr.inference import pvalues
from niicorr.nulls.temporal import temporal_null

SET = 40
LENGTHS = (90, 200, 500, 1200)
N_CONFOUNDS = 24


def ar(*coefficients):
    def draw(n, count, rng):
        noise = rng.standard_normal((count, n + 500))
        return signal.lfilter([1], [1, *(-c for c in coefficients)], noise, axis=1)[:, 500:]

    return draw


def moving_average(width):
    return lambda n, count, rng: signal.lfilter(np.ones(width), [1], rng.standard_normal((count, n + width)))[:, width:]


def power_law(alpha):
    def draw(n, count, rng):
        f = np.fft.rfftfreq(8 * n)
        f[0] = f[1]
        spectrum = np.fft.rfft(rng.standard_normal((count, 8 * n)), axis=1) * f ** (-alpha / 2)
        return np.fft.irfft(spectrum, 8 * n, axis=1)[:, :n]

    return draw


def real_spectra(path):
    """Draw noise with the spectra of real series; each becomes a circle, cut open anywhere."""
    values = read_series(path).values
    values = signal.detrend(values[:, np.isfinite(values).all(axis=0) & (np.ptp(values, axis=0) > 0)], axis=0)
    amplitudes = np.abs(np.fft.rfft(values / values.std(axis=0), axis=0)).T

    def draw(n, count, rng):
        if n > len(values):
            return None
        chosen = amplitudes[rng.permutation(len(amplitudes))[:count] if count <= len(amplitudes)
                            else rng.integers(len(amplitudes), size=count)]
        phases = np.exp(2j * np.pi * rng.random(chosen.shape))
        return np.fft.irfft(chosen * phases, len(values), axis=1)[:, :n]

    return draw


NOISE = {
    "white": ar(), "AR .3": ar(0.3), "AR .6": ar(0.6), "AR .9": ar(0.9), "AR(2) oscillating": ar(1.3, -0.8),
    "MA 5": moving_average(5), "1/f^.5": power_law(0.5), "1/f": power_law(1.0), "1/f^1.5": power_law(1.5),
}
PAIRS = [*((name, name) for name in NOISE), ("AR .8", "white")]
NOISE["AR .8"] = ar(0.8)

CLEANINGS = {
    "none": (Cleaning(), 0),
    "detrended": (Cleaning(detrend=True), 0),
    ".01-.1 Hz, TR 2": (Cleaning(detrend=True, low_pass=0.1, high_pass=0.01, t_r=2.0), 0),
    ".01-.1 Hz, TR .72": (Cleaning(detrend=True, low_pass=0.1, high_pass=0.01, t_r=0.72), 0),
    f"{N_CONFOUNDS} slow confounds": (Cleaning(detrend=True), N_CONFOUNDS),
    "6 confounds, TR 2": (Cleaning(detrend=True, low_pass=0.1, high_pass=0.01, t_r=2.0), 6),
}


def operator_of(cleaning, n, rng):
    plan, count = cleaning
    slow = ar(0.9)(n, count, rng).T if count else np.empty((n, 0))
    confounds = Confounds("", tuple(f"c{k}" for k in range(count)), slow, np.ones(n, dtype=bool))
    return clean(np.zeros((n, 1)), confounds, plan).operator


def standard(values):
    values = values - values.mean(axis=1, keepdims=True)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def rates(draw_x, draw_y, n, operator, null, blocks, rng):
    found = []
    for _ in range(blocks):
        x, y = draw_x(n, SET, rng), draw_y(n, SET, rng)
        if x is None or y is None:
            return None
        if operator is not None:
            x, y = x @ operator.T, y @ operator.T
        r = standard(y) @ standard(x).T
        size = null.n_effective(null.spectra(x.T), null.spectra(y.T))
        p, naive = pvalues(r, size), pvalues(r, np.full(r.shape, float(n)))
        found.append([np.mean(p < 0.05), np.mean(p < 0.01), np.mean(p < 0.001), np.mean(naive < 0.05), np.median(size)])
    found = np.array(found)
    return found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="90 and 200 time points only")
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--real", nargs="*", default=[], help="tables of region series")
    options = parser.parse_args()
    noise, pairs = dict(NOISE), list(PAIRS)
    for k, path in enumerate(options.real):
        noise[f"real {k + 1}"] = real_spectra(path)
        pairs.append((f"real {k + 1}", f"real {k + 1}"))
        print(f"real {k + 1}: {path}")
    start, all_rates = time.perf_counter(), []
    print(f"{'cleaning':20s} {'T':>5s} {'noise':18s} {'.05':>13s} {'.01':>13s} {'.001':>8s} {'textbook .05':>13s} "
          f"{'n_eff':>7s}")
    for name, cleaning in CLEANINGS.items():
        for n in LENGTHS[: 2 if options.quick else None]:
            rng = np.random.default_rng(n)
            operator = operator_of(cleaning, n, rng)
            null = temporal_null(n if operator is None else operator)
            for x, y in pairs:
                outcome = rates(noise[x], noise[y], n, operator, null, options.blocks, rng)
                if outcome is None:
                    continue
                (five, one, tenth, naive, size), error = outcome
                all_rates.append(five)
                print(f"{name:20s} {n:5d} {x if x == y else f'{x} × {y}':18s} {five:.3f} ± {error[0]:.3f} "
                      f"{one:.4f} ± {error[1]:.4f} {tenth:.5f} {naive:13.3f} {size:7.1f}", flush=True)
    print(f"{len(all_rates)} lines: rate at .05 from {min(all_rates):.3f} to {max(all_rates):.3f}, "
          f"{np.mean([0.04 <= rate <= 0.06 for rate in all_rates]):.0%} within .04 to .06; "
          f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
