"""ROI × ROI: how strongly the time series of regions go together, and how sure that is.

Arrays in, one frozen value out. Plain correlation is Pearson's r of the series as they are; partial correlation,
covariance and tangent come from nilearn's ``ConnectivityMeasure`` with its Ledoit–Wolf estimate of the covariance,
which is imported only for them.
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from niicorr.deviations import Deviations, deviations
from niicorr.errors import InputError, UsageError
from niicorr.inference import benjamini_hochberg, benjamini_yekutieli, fisher_interval, holm, pvalues
from niicorr.nulls.temporal import temporal_null
from niicorr.numerals import integer
from niicorr.records import Decision
from niicorr.typing import Alternative, BoolArray, Fdr, Float64Array, FloatArray, IntArray
from niicorr.words import SeriesNull

Kind: TypeAlias = Literal["correlation", "partial correlation", "covariance", "tangent"]

LEAST_POINTS = 3
"""Of fewer time points no correlation is computed."""

LEAST_FITTED = 20
"""A spectrum fitted to fewer time points is no fit: no p-value."""

FEW = 10.0
"""Fewer independent values than this tell little."""

FARTHEST = 480
"""Powers of two between the largest and the smallest deviations in one covariance: products of more have no digits."""

LEAST_WEIGHT = 0.1
"""A run without any degree of freedom still counts so much in the average of runs, so that there is one."""


@dataclass(frozen=True, eq=False)
class Connectivity:
    """Outcome for all pairs of regions; arrays have shape (regions, regions) and are symmetric.

    Parameters
    ----------
    kind : {'correlation', 'partial correlation', 'covariance', 'tangent'}
        What was computed.
    estimate : ndarray, float64
        Over all runs: correlations averaged in Fisher's z, weighted by degrees of freedom; the mean covariance; for
        ``tangent`` the geometric mean of the covariances, the point that the runs are compared with. NaN where a
        region has no series. The diagonal of correlations is 1.
    z : ndarray, float64
        Fisher's z of correlations, NaN on the diagonal; NaN all over for the other kinds.
    n : ndarray, int
        Time points behind each cell, all runs together.
    n_effective, ci_low, ci_high, p, p_fdr, p_fwe : ndarray, float64
        NaN on the diagonal and where no test was made. A pair is one test, though it stands in two cells.
    per_run : ndarray, shape (runs, regions, regions), float64
        The same for each run; for ``tangent`` its displacement from ``estimate``.
    notes : dict of (row, column) to str
        Below the diagonal: why a cell is empty, has no p or should be trusted less. On the diagonal: why a region
        has no series.
    decisions : tuple of Decision
        What was decided, and what the p-values assume.
    """

    kind: Kind
    estimate: Float64Array
    z: Float64Array
    n: IntArray
    n_effective: Float64Array
    ci_low: Float64Array
    ci_high: Float64Array
    p: Float64Array
    p_fdr: Float64Array
    p_fwe: Float64Array
    per_run: Float64Array
    notes: dict[tuple[int, int], str] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()


def connect(
    series: Sequence[FloatArray],
    kind: Kind = "correlation",
    *,
    operators: Sequence[FloatArray | None] | None = None,
    null: SeriesNull = "effective",
    alternative: Alternative = "two-sided",
    fdr: Fdr = "bh",
) -> Connectivity:
    """Compare the time series of every region with those of every other.

    Parameters
    ----------
    series : sequence of ndarray, shape (time points, regions)
        One array for each run, all with the same regions; NaN in columns of regions without a series.
    kind : {'correlation', 'partial correlation', 'covariance', 'tangent'}
        ``tangent`` needs several runs.
    operators : sequence of ndarray, shape (time points, time points before cleaning), or None
        What was done to the series of each run, as a matrix (`niicorr.nulls.temporal.temporal_null`); None where
        nothing was done.
    null : {'effective', 'independent', 'none'}
        ``effective``: p-values respect that successive volumes repeat each other. ``independent``: they take every
        time point for an independent observation, which makes them far too small. ``none``: no p-values.
    alternative : {'two-sided', 'greater', 'less'}
        Which correlations count as far.
    fdr : {'bh', 'by'}
        What fills ``p_fdr``; ``p_fwe`` is Holm's.

    Returns
    -------
    Connectivity

    Raises
    ------
    UsageError
        Where an option is unknown, or runs are too few for the kind.
    InputError
        Where the arrays are no series, or their covariance cannot be told or inverted.

    Notes
    -----
    Runs are averaged as ``tanh(Σ w atanh r / Σ w)`` with ``w = n_effective − 3`` of the pair in that run (less the
    number of other regions in a partial correlation), the inverse variance of Fisher's z; n_effective of the
    average is ``Σ w + 3``. The weights are the same under every ``null``, so that no correlation depends on it; with
    ``independent``, which believes in other degrees of freedom f, n_effective is ``(Σ w)² / Σ(w²/f) + 3``. This takes
    the runs for repetitions of one experiment: differences between them are not
    in the p-values.

    p-values of a partial correlation take n_effective from the two series as they are, less one for each other
    region. They assume that every other region takes one of the *independent* values; regressing out slow series
    costs about that (in simulations, a count from the residual series instead was liberal, up to .09 at .05). The
    estimate itself is shrunk towards 0, so these p-values err on the side of caution, much so where regions are
    many for the time points; where no degree of freedom is left there are none. How much it is shrunk depends on how
    the units of single series compare. Covariances and tangents have no p-values: their null distribution depends on
    the size of the signals.

    References
    ----------
    Afyouni S, Smith SM & Nichols TE (2019), doi 10.1016/j.neuroimage.2019.05.011. Ledoit O & Wolf M (2004),
    doi 10.1016/S0047-259X(03)00096-4. Varoquaux G et al. (2010), doi 10.1007/978-3-642-15705-9_25.
    """
    for name, value, known in (("kind", kind, Kind), ("null", null, SeriesNull), ("alternative", alternative,
                                                                                  Alternative), ("fdr", fdr, Fdr)):
        if not isinstance(value, str) or value not in get_args(known):
            raise UsageError(f"{name} is one of {', '.join(get_args(known))}, not {value!r}")
    runs = _checked(series)
    if kind == "tangent" and len(runs) < 2:
        raise UsageError("tangent compares runs with their mean: it needs several runs, not one")
    if operators is None:
        operators = [None] * len(runs)
    if len(operators) != len(runs) or any(m is not None and len(m) != len(run)
                                          for m, run in zip(operators, runs, strict=False)):
        raise UsageError("operators are one for each run, with a row for each of its time points")
    moved = [deviations(run) for run in runs]
    present = np.array([run.varies for run in moved])
    if kind != "correlation":
        # The inverse of a covariance is that of one set of regions.
        present = np.repeat(present.all(axis=0, keepdims=True), len(runs), axis=0)
    pairs = present[:, :, None] & present[:, None, :]
    lengths = np.array([len(run) for run in runs])
    n = (lengths[:, None, None] * pairs).sum(axis=0)
    size = present.shape[1]
    notes = _absent(runs, np.asarray(present.any(axis=0)))
    decisions: list[Decision] = []
    unknown = np.full((size, size), np.nan)
    if kind == "correlation":
        per_run = np.array([_pearson(run.values, ok) for run, ok in zip(moved, present, strict=True)])
    else:
        per_run, mean = _nilearn(moved, present[0], kind, decisions)
    if kind in ("covariance", "tangent"):
        decisions.append(Decision("null", f"{kind}: no p-values, since their null distribution depends on the size of "
                                          "the signals"))
        return Connectivity(kind, mean, *(unknown, n, unknown, unknown, unknown, unknown, unknown, unknown), per_run,
                            notes, tuple(decisions))
    others = max(int(present[0].sum()) - 2, 0) if kind == "partial correlation" else 0
    sizes, weighing = (np.array([_sizes(run.values, ok, operator, model)
                                 for run, ok, operator in zip(moved, present, operators, strict=True)])
                       for model in (null, "effective" if len(runs) > 1 else null))
    estimate, z, n_effective = _averaged(per_run, sizes, weighing, pairs, others)
    for i, j in np.argwhere(np.tril(np.isnan(estimate) & pairs.any(axis=0), -1)).tolist():
        notes[i, j] = "r is 1 in one run and -1 in another: there is no average"
    if len(runs) > 1:
        decisions.append(Decision("runs", f"{len(runs)} runs averaged in Fisher's z, weighted by their effective "
                                          "degrees of freedom"))
    below = np.tril(np.ones((size, size), dtype=np.bool_), -1)
    short = bool((lengths < LEAST_FITTED).any()) and null == "effective"
    tested = below & np.isfinite(estimate) & (n_effective - 2 - others > 0) & (null != "none") & (not short)
    _doubts(notes, below & np.isfinite(estimate), tested, n_effective, others, null, short)
    r = np.where(tested, estimate, np.nan)
    n_effective = np.where(tested, n_effective, np.nan)
    p = pvalues(r, n_effective, alternative, n_covariates=others)
    low, high = fisher_interval(r, n_effective, n_covariates=others)
    adjust = benjamini_hochberg if fdr == "bh" else benjamini_yekutieli
    if kind == "partial correlation" and tested.any():
        decisions.append(Decision("null", f"{others} degrees of freedom less, one for each other region; cautious, "
                                          "since the estimate is shrunk"))
    n_effective, low, high, p, p_fdr, p_fwe = (
        np.where(below, a, a.T) for a in (n_effective, low, high, p, adjust(p), holm(p)))
    return Connectivity(kind, estimate, z, n, n_effective, low, high, p, p_fdr, p_fwe, per_run, notes,
                        tuple(decisions))


def _checked(series: Sequence[FloatArray]) -> list[Float64Array]:
    runs = [np.asarray(run) for run in series]
    if not runs:
        raise UsageError("there is no run")
    for k, run in enumerate(runs):
        if run.ndim != 2 or run.dtype.kind not in "buif":
            raise InputError(f"run {k + 1} is {run.dtype} of shape {run.shape}: series are real numbers of shape "
                             "(time points, regions)")
        if run.shape[1] != runs[0].shape[1]:
            raise InputError(f"run {k + 1} has {run.shape[1]} regions and run 1 has {runs[0].shape[1]}")
        if len(run) < LEAST_POINTS:
            raise InputError(f"run {k + 1} has {len(run)} time points: at least {LEAST_POINTS} are needed")
    if runs[0].shape[1] < 2:
        raise InputError("one region has none to be compared with")
    return [run.astype(np.float64) for run in runs]


def _absent(runs: list[Float64Array], present: BoolArray) -> dict[tuple[int, int], str]:
    """Say of regions without a series, and of all their cells, why they are empty."""
    notes: dict[tuple[int, int], str] = {}
    for k in np.flatnonzero(~present).tolist():
        columns = [run[:, k] for run in runs]
        missing, total = sum(int((~np.isfinite(c)).sum()) for c in columns), sum(len(c) for c in columns)
        if missing == total:
            why = "no data"
        elif missing:
            why = f"{integer(missing)} of {integer(total)} values are missing"
        else:
            same = all((c == c[0]).all() for c in columns)
            why = "the series is constant" if same else "the series is constant but for the rounding of its numbers"
        for other in range(len(present)):
            cell = (max(k, other), min(k, other))
            # A cell of two such regions keeps the first reason.
            notes.setdefault(cell, why)
        notes[k, k] = why
    return notes


def _pearson(run: Float64Array, present: BoolArray) -> Float64Array:
    values = run[:, present]
    values = values / np.sqrt(np.einsum("ti,ti->i", values, values))
    r = np.clip(values.T @ values, -1, 1)
    np.fill_diagonal(r, 1.0)
    return _spread_out((r + r.T) / 2, present)


def _nilearn(
    runs: list[Deviations], present: BoolArray, kind: Kind, decisions: list[Decision]
) -> tuple[Float64Array, Float64Array]:
    """Let nilearn compute the matrices of the regions present in all runs, and their mean.

    It is given all series over one power of two: its shrinkage goes by how units of the series compare, and its
    fourth powers leave the range of numbers long before the series do.
    """
    size, count = present.size, int(present.sum())
    if count < 2:
        return np.full((len(runs), size, size), np.nan), np.full((size, size), np.nan)
    from nilearn.connectome import ConnectivityMeasure

    exponents = np.array([run.exponents[present] for run in runs])
    # Partial correlations have no unit, so that every run may have its own.
    units = exponents.max(axis=1 if kind == "partial correlation" else None, keepdims=True)
    apart = units - exponents
    if apart.max() > FARTHEST:
        run, column = divmod(int(apart.argmax()), count)
        raise InputError(f"region {np.flatnonzero(present)[column] + 1}{f' of run {run + 1}' if len(runs) > 1 else ''} "
                         f"varies 1e{apart.max() * np.log10(2):.0f} times less than another: no covariance has digits "
                         "for both. Bring them to one unit (--standardize), or leave one of them out")
    values = [np.ldexp(run.values[:, present], -own) for run, own in zip(runs, apart, strict=True)]
    measure: Any = ConnectivityMeasure(kind=kind)
    # nilearn prints what it is about to raise.
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            per_run = np.asarray(measure.fit_transform(values), dtype=np.float64)
        except (np.linalg.LinAlgError, ValueError, FloatingPointError):
            per_run = np.full((len(runs), count, count), np.nan)
    if not np.isfinite(per_run).all():
        raise InputError(f"the covariance of {integer(count)} regions has no inverse, and {kind} needs one: leave out "
                         "series that repeat others")
    mean = np.asarray(measure.mean_)
    if kind == "covariance":
        per_run = _in_unit(per_run, int(units.max()))
    if kind in ("covariance", "tangent"):
        mean = _in_unit(mean, int(units.max()))
    shortest = min(len(run.values) for run in runs)
    said = f"{kind} from the Ledoit-Wolf covariance of {integer(count)} regions"
    if shortest <= count:
        said += f": {integer(shortest)} time points leave much to its shrinkage"
    spreads = np.array([run.std(axis=0) for run in values])
    if spreads.max() > 1.01 * spreads.min():
        said += ("; the shrinkage depends on the units of the series, whose standard deviations differ by a factor of "
                 f"up to {spreads.max() / spreads.min():.3g} (--standardize makes them equal)")
    decisions.append(Decision("method", said))
    decisions += [Decision("method", f"nilearn: {one.message}") for one in caught
                  if not issubclass(one.category, (DeprecationWarning, FutureWarning))]
    spread = np.array([_spread_out(matrix, present) for matrix in per_run])
    return spread, _spread_out(mean, present)


def _in_unit(covariance: Float64Array, exponent: int) -> Float64Array:
    """Give covariances of series over a power of two the unit of the series."""
    with np.errstate(over="ignore", under="ignore"):
        out = np.ldexp(covariance, 2 * exponent)
    if (np.ldexp(out, -2 * exponent) != covariance).any():
        largest = np.log10(np.abs(covariance).max()) + 2 * exponent * np.log10(2)
        raise InputError(f"covariances of about 1e{largest:+.0f} are beyond the numbers that can be told "
                         "(1e-308 to 1e+308). Give the series in another unit, or standardize them")
    return np.asarray(out)


def _spread_out(matrix: Float64Array, present: BoolArray) -> Float64Array:
    """Put a matrix of the regions present where they stand among all."""
    out = np.full((present.size, present.size), np.nan)
    out[np.ix_(present, present)] = matrix
    return out


def _sizes(values: Float64Array, present: BoolArray, operator: FloatArray | None, null: SeriesNull) -> Float64Array:
    """Count the independent values of every pair in one run."""
    size = present.size
    if null != "effective" or len(values) < LEAST_FITTED or not present.any():
        left = len(values) if operator is None else 1 + float(np.sum((operator - np.mean(operator, axis=0)) ** 2))
        return np.full((size, size), float(left))
    fitted = temporal_null(len(values) if operator is None else operator)
    spectra = fitted.spectra(values[:, present])
    found = fitted.n_effective(spectra, spectra)
    return _spread_out((found + found.T) / 2, present)  # exactly symmetric, which a product of matrices is not


def _averaged(
    per_run: Float64Array, sizes: Float64Array, weighing: Float64Array, pairs: BoolArray, others: int
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Average runs in Fisher's z: estimate, z and n_effective.

    Runs weigh by ``weighing``, whatever null model gave ``sizes``: no correlation depends on how p-values are found.
    """
    counts = pairs.sum(axis=0)
    diagonal = np.eye(pairs.shape[1], dtype=np.bool_)
    with np.errstate(divide="ignore", invalid="ignore"):
        z_of = np.where(pairs, np.arctanh(per_run), 0.0)
        freedom, share = (np.where(pairs, np.maximum(n - 3 - others, 0.0), 0.0) for n in (sizes, weighing))
        weight = np.where(pairs, np.maximum(share, LEAST_WEIGHT), 0.0)
        z = (weight * z_of).sum(axis=0) / weight.sum(axis=0)
        own, total = np.where(pairs, sizes, 0.0).sum(axis=0), freedom.sum(axis=0)
        # Of an average with other weights than these, the inverse of its variance, which is that of the sum else.
        spread = np.where(freedom > 0, share**2 / np.where(freedom > 0, freedom, 1.0), 0.0).sum(axis=0)
        total = np.where(spread > 0, share.sum(axis=0) ** 2 / np.where(spread > 0, spread, 1.0), total)
        # Of runs without any degree of freedom none makes one.
        n_effective = np.where(counts == 1, own, total + np.where(total > 0, 3, 2) + others)
        single = np.where(pairs, per_run, 0.0).sum(axis=0)
        estimate = np.where(counts == 1, single, np.tanh(z))
        z = np.where(counts == 1, np.arctanh(single), z)  # to the last digit
    estimate = np.where(counts > 0, np.where(diagonal, 1.0, estimate), np.nan)
    return (estimate, np.where(diagonal | (counts == 0), np.nan, z),
            np.where(diagonal | (counts == 0), np.nan, n_effective))


def _doubts(
    notes: dict[tuple[int, int], str], known: BoolArray, tested: BoolArray, n_effective: Float64Array, others: int,
    null: SeriesNull, short: bool,
) -> None:
    if null == "none":
        return
    for i, j in np.argwhere(known & ~tested).tolist():
        notes[i, j] = "no p-value: " + (
            f"fewer than {LEAST_FITTED} time points in a run are too few for the null model" if short
            else f"n_effective {n_effective[i, j]:.1f} leaves no degree of freedom"
            + (f" beside {others} other regions" if others else ""))
    for i, j in np.argwhere(tested & (n_effective - others < FEW)).tolist():
        notes[i, j] = f"few independent values (n_effective {n_effective[i, j]:.1f}" + (
            f" with {others} other regions regressed out)" if others else ")")
