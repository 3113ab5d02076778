"""Cleaning of time series: which confounds, read how, and what the cleaning costs.

The cleaning itself is nilearn's. What is added is that nothing happens unasked, that a table which does not fit is
refused in words, and that the cleaning is kept as a matrix: the null model of the correlations needs it
(`niicorr.nulls.temporal`), since it takes degrees of freedom away.
"""

from __future__ import annotations

import csv
import difflib
import fnmatch
import io
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.deviations import deviations
from niicorr.disk import SAVE_IT, NotRegularError, read_regular
from niicorr.errors import NOWHERE, InputError, MapError, NoMapError, UsageError
from niicorr.images.series import is_index
from niicorr.numerals import integer, number, plural
from niicorr.records import Decision
from niicorr.spelling import advised
from niicorr.tables import brief, path_text
from niicorr.typing import BoolArray, Float64Array, FloatArray

_AXES = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")

STRATEGIES: dict[str, tuple[str, ...]] = {
    "motion6": _AXES,
    "motion24": tuple(f"{axis}{kind}" for kind in ("", "_derivative1", "_power2", "_derivative1_power2")
                      for axis in _AXES),
    "wm_csf": ("white_matter", "csf"),
    "global": ("global_signal",),
    "acompcor": (*(f"a_comp_cor_{i:02d}" for i in range(5)), "cosine[0-9]*"),
    "high_pass": ("cosine[0-9]*",),
    "scrub": (),
}
"""Columns of fMRIPrep behind each strategy. ``acompcor`` brings the cosines along: its components were computed
after these had been taken out, and without them would put slow drifts back in."""

SCRUB_MM, SCRUB_DVARS = 0.5, 1.5
"""``scrub`` leaves out volumes whose framewise displacement or standardised DVARS is larger."""

_OPTIONAL = ("cosine[0-9]*",)
"""A run too short for any cosine has none."""

LARGEST_TABLE = 256 * 2**20
"""Bytes of the largest table that is read: fMRIPrep's may have some thousand columns."""

COMPARED = 1000
"""So many names are looked at for one that is spelled alike."""

LEFT = 1e-12
"""What is left of a series or a confound, if it is a smaller share than this, is the rounding of the cleaning."""

LEAST_WAVE = 0.1
"""Of the wave of a cut-off, so much must fit into a run: of longer ones a filter keeps or takes little but rounding."""

_NOT_A_NUMBER = ("", "n/a", "na", "nan", "none")
_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons"}


@dataclass(frozen=True, eq=False)
class Confounds:
    """What is to be regressed out of one run.

    Parameters
    ----------
    path : str
        The table.
    names : tuple of str
        Chosen columns.
    values : ndarray, shape (time points, columns), float64
        Finite.
    kept : ndarray of bool, shape (time points,)
        False at volumes that are left out.
    decisions : tuple of Decision
        What was decided on the way.
    """

    path: str
    names: tuple[str, ...]
    values: Float64Array
    kept: BoolArray
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True)
class Cleaning:
    """What is done to the series of every run beside the regression of confounds; by default nothing.

    Parameters
    ----------
    detrend : bool
        Take a straight line off.
    standardize : bool
        Divide by the standard deviation. No correlation depends on it; covariances do.
    low_pass, high_pass : float, optional
        Hz; what lies above or below is filtered out (Butterworth, both ways in time).
    t_r : float, optional
        Seconds from volume to volume.
    """

    detrend: bool = False
    standardize: bool = False
    low_pass: float | None = None
    high_pass: float | None = None
    t_r: float | None = None

    @property
    def filters(self) -> bool:
        """Whether frequencies are filtered out."""
        return self.low_pass is not None or self.high_pass is not None


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Series of one run after cleaning.

    Parameters
    ----------
    series : ndarray, shape (time points kept, regions), float64
        NaN for regions that have no series.
    centred : ndarray, shape (time points kept, regions), float64
        The same where nothing was done; else less the mean before cleaning, in which digits of a small signal would
        be lost. All 0 where cleaning left nothing.
    operator : ndarray, shape (time points kept, time points), or None
        The cleaning as a matrix, standardising apart; None where nothing was done.
    spent : float
        Degrees of freedom that the cleaning took, beside the mean; scrubbed volumes count one each.
    decisions : tuple of Decision
        What was done, in words.
    """

    series: Float64Array
    centred: Float64Array
    operator: Float64Array | None
    spent: float
    decisions: tuple[Decision, ...]


def read_confounds(path: str, n: int, chosen: Sequence[str] = ()) -> Confounds:
    """Read the confounds of one run.

    Parameters
    ----------
    path : str
        A table with names in the first row and one row per volume; tabs, or commas if the name ends in .csv.
    n : int
        Volumes of the run.
    chosen : sequence of str
        Strategies (`STRATEGIES`), columns, or patterns such as ``cosine*``. Without any, all columns, unless
        fMRIPrep wrote the table: its columns are no set that could be regressed out together.

    Raises
    ------
    MapError
        Where the table cannot be read or does not fit.
    UsageError
        Where a name stands for no column.
    """
    table = _read_table(path)
    names = tuple(table)
    shown = path_text(path)
    rows = len(next(iter(table.values())))
    if rows != n:
        raise MapError(shown, f"has {plural(rows, 'row')}, and the run {plural(n, 'volume')}",
                       "give the table of this run")
    decisions: list[Decision] = []
    if not chosen and len(names) > 1 and _is_index(names[0], table[names[0]]):
        decisions.append(Decision("confounds", f"{shown}: the first column ({brief(names[0]) or 'without a name'}) "
                                  "counts rows or time: left out"))
        names = names[1:]
    columns = _choose(shown, names, chosen)
    values = np.empty((n, len(columns)))
    filled: list[str] = []
    for k, name in enumerate(columns):
        values[:, k], first = _numbers(shown, name, table[name])
        filled += [name] * first
    flat = np.flatnonzero(~deviations(values).varies)
    if flat.size:
        same = (values[:, flat] == values[0, flat]).all()
        raise MapError(shown, f"the same number in every row{'' if same else ', but for rounding'}: "
                       f"{_listed([columns[k] for k in flat])}", "leave that column out")
    if filled:
        decisions.append(Decision("confounds", f"{shown}: no number in the first row of {_listed(filled)} (a "
                                  "difference to the volume before): 0 there"))
    kept = _scrub(shown, table, decisions) if "scrub" in chosen else np.ones(n, dtype=np.bool_)
    return Confounds(shown, columns, values, kept, tuple(decisions))


def clean(series: FloatArray, confounds: Confounds | None = None, cleaning: Cleaning | None = None) -> Cleaned:
    """Clean the series of one run with nilearn, and keep the cleaning as a matrix.

    Parameters
    ----------
    series : ndarray, shape (time points, regions)
        NaN for regions that have no series: they stay so.
    confounds : Confounds, optional
        What to regress out, and which volumes to leave out.
    cleaning : Cleaning, optional
        What else to do.

    Raises
    ------
    UsageError
        Where a filter cannot be: TR unknown, a frequency beyond what the TR can show, a run too short.
    InputError
        Where confounds leave nothing.
    """
    plan = cleaning or Cleaning()
    values = np.array(series, dtype=np.float64)
    n = len(values)
    regressors = confounds.values if confounds is not None and confounds.values.shape[1] else None
    kept = np.ones(n, dtype=np.bool_) if confounds is None else confounds.kept
    if regressors is None and kept.all() and not (plan.detrend or plan.filters or plan.standardize):
        return Cleaned(values, values, None, 0.0, (Decision("cleaning", "none: series are used as they are"),))
    _check(plan, n, kept, regressors)
    rows, mask = _bridged(n, kept) if plan.filters and not kept.all() else (np.eye(n), kept)
    basis = np.empty((len(rows), 0)) if regressors is None else _basis(regressors, kept, rows, mask, plan)
    operator = _nilearn(rows, basis, mask, plan)
    # The mean of a region is hundreds of times its signal: without it the product keeps its digits.
    given = deviations(values[kept])
    moved: Float64Array = operator[:, kept] @ given.values
    centred = moved - moved.mean(axis=0)
    moved[:, np.abs(centred).max(axis=0) <= np.maximum(given.rounding, LEFT)] = 0.0
    exponents, level = given.exponents, given.means
    if plan.standardize:
        spread = centred.std(axis=0, ddof=1)
        moved = np.where(moved.any(axis=0), centred / np.where(spread > 0, spread, 1.0), 0.0)
        exponents, level = np.zeros_like(exponents), 0 * level  # NaN of regions without a series stays NaN
    with np.errstate(over="ignore"):
        out: Float64Array = np.ldexp(moved, exponents)
    # What is done to a constant leaves it or takes it off.
    series = out + float(np.rint(operator.sum(axis=1).mean())) * level
    if np.isinf(series).any() or np.isinf(out).any():
        raise InputError(f"cleaned series reach beyond {np.finfo(float).max:.2g}, the largest number: give them in "
                         "larger units, or standardize them")
    # The trace: of what is regressed out the rank that is left, of a filter the share of waves that it keeps. Squares
    # would count more than there are, since a filter makes what lies at the ends larger.
    left = min(float(np.trace((operator - operator.mean(axis=0))[:, kept])), len(operator) - 1.0)
    said = Decision("cleaning", _said(plan, confounds, basis.shape[1], n, len(out), left))
    return Cleaned(series, out + 0 * level, operator, n - 1 - left, (said,))


def _bridged(n: int, kept: BoolArray) -> tuple[Float64Array, BoolArray]:
    """Return the matrix that fills volumes left out from their neighbours, and which of its rows are kept.

    A filter needs volumes at equal steps. nilearn fills them in, too, but for those whose mirror image in time is
    left out as well, and takes the wrong rows where these are the first and the last.
    """
    from scipy.interpolate import CubicSpline

    times = np.flatnonzero(kept)
    inside = np.arange(times[0], times[-1] + 1)
    return np.asarray(CubicSpline(times, np.eye(n)[times])(inside)), kept[inside]


def _basis(
    regressors: Float64Array, kept: BoolArray, rows: Float64Array, mask: BoolArray, plan: Cleaning
) -> Float64Array:
    """Return independent columns that span the confounds, each of equal size once the rest of the plan is done.

    nilearn cuts by absolute numbers: it takes confounds of a small unit for rounding, and the rounding of others for
    a confound.
    """
    columns = np.zeros_like(regressors)
    columns[kept] = deviations(regressors[kept]).values
    columns /= np.maximum(np.linalg.norm(columns, axis=0), 0.5)  # 0 where nothing varies in what is kept
    columns = rows @ columns
    seen = _nilearn(columns, np.empty((len(columns), 0)), mask, plan)
    _, size, directions = np.linalg.svd(seen - seen.mean(axis=0), full_matrices=False)
    there = size > LEFT
    return np.asarray(columns @ (directions[there].T / size[there]))


def _nilearn(values: Float64Array, regressors: Float64Array, kept: BoolArray, plan: Cleaning) -> Float64Array:
    from nilearn import signal

    # nilearn shifts the indices that it is given.
    mask = None if kept.all() else np.flatnonzero(kept)
    with warnings.catch_warnings():
        # About series that are constant or hardly vary, which the unit vectors cleaned here may seem to be.
        warnings.simplefilter("ignore")
        try:
            cleaned = signal.clean(
                values, detrend=plan.detrend, standardize=None, sample_mask=mask,
                confounds=regressors if regressors.shape[1] else None,
                standardize_confounds=True, filter="butterworth" if plan.filters else False,
                low_pass=plan.low_pass, high_pass=plan.high_pass, t_r=plan.t_r, extrapolate=False)
        except ValueError as error:
            if "padlen" in str(error):
                raise UsageError(f"{len(values)} time points are too few to be filtered: leave --low-pass and "
                                 "--high-pass out") from None
            raise
    return np.asarray(cleaned, dtype=np.float64)


def _check(plan: Cleaning, n: int, kept: BoolArray, regressors: Float64Array | None) -> None:
    """Refuse what nilearn would refuse in other words, or bend silently."""
    if plan.filters:
        if plan.t_r is None:
            raise UsageError("a filter needs the time from volume to volume, and the header does not tell it: "
                             "give --t-r in seconds")
        if not (np.isfinite(plan.t_r) and plan.t_r > 0):
            raise UsageError(f"the time from volume to volume is positive, not {plan.t_r:g} s")
        fastest = 0.5 / plan.t_r
        for name, value in (("--low-pass", plan.low_pass), ("--high-pass", plan.high_pass)):
            if value is not None and not 0 < value < fastest:
                raise UsageError(f"{name} {value:g} Hz: with a volume every {plan.t_r:g} s frequencies between 0 and "
                                 f"{fastest:.4g} Hz can be told (is the TR in seconds?)")
            if value is not None and value * plan.t_r * n < LEAST_WAVE:
                raise UsageError(
                    f"{name} {value:g} Hz: a wave takes {1 / value:.4g} s, and {integer(n)} volumes every {plan.t_r:g} "
                    f"s take {n * plan.t_r:.4g} s, not even a tenth of it: with so many, frequencies from "
                    f"{LEAST_WAVE / (n * plan.t_r):.4g} Hz on can be told (is the TR in seconds?)")
        if plan.low_pass is not None and plan.high_pass is not None and plan.high_pass >= plan.low_pass:
            raise UsageError(f"--high-pass {plan.high_pass:g} Hz and --low-pass {plan.low_pass:g} Hz leave nothing: "
                             "the high pass is the lower of the two")
    left = int(np.count_nonzero(kept))
    if left < 3:
        raise InputError(f"scrubbing leaves {left} of {integer(n)} volumes")
    spent = (0 if regressors is None else regressors.shape[1]) + plan.detrend + 1
    if spent >= left - 1:
        raise InputError(f"{plural(spent, 'regressor')} (the mean among them) {'leaves' if spent == 1 else 'leave'} "
                         f"nothing of {plural(left, 'time point')}: choose fewer confounds")


def _said(plan: Cleaning, confounds: Confounds | None, rank: int, n: int, kept: int, left: float) -> str:
    steps = []
    if confounds is not None and not confounds.kept.all():
        steps.append(f"{integer(n - int(np.count_nonzero(confounds.kept)))} of {integer(n)} volumes left out")
    if plan.detrend:
        steps.append("straight lines taken off")
    if plan.filters:
        band = f"{plan.high_pass or 0:g} to {plan.low_pass or 0.5 / (plan.t_r or 1):.4g} Hz kept"
        steps.append(f"{band} (TR {plan.t_r:g} s)")
    if confounds is not None and confounds.names:
        count = len(confounds.names)
        steps.append(f"{plural(count, 'confound')} regressed out ({_listed(confounds.names)})" + (
            f", {integer(rank)} of them independent of each other and of what else is taken off" if rank < count
            else ""))
    if plan.standardize:
        steps.append("standardized")
    return f"{', '.join(steps)}; {left:.4g} of {integer(n - 1)} degrees of freedom are left" + (
        f" in {integer(kept)} time points" if kept != n else "")


def _choose(path: str, names: tuple[str, ...], chosen: Sequence[str]) -> tuple[str, ...]:
    if not chosen:
        if "trans_x" in names and len(names) > len(STRATEGIES["motion24"]):
            raise UsageError(f"{path} has {integer(len(names))} columns: say which to regress out, by strategy "
                             f"({', '.join(STRATEGIES)}), by name or by pattern")
        return names
    columns: dict[str, None] = {}
    missing: list[str] = []
    for wanted in chosen:
        for pattern in STRATEGIES.get(wanted, (wanted,)):
            found = [name for name in names if name == pattern] or fnmatch.filter(names, pattern)
            if not found and not (wanted in STRATEGIES and pattern in _OPTIONAL):
                missing.append(pattern)
            columns.update(dict.fromkeys(found))
    if "acompcor" in chosen and len([name for name in missing if name.startswith("a_comp_cor_")]) < 5:
        missing = [name for name in missing if not name.startswith("a_comp_cor_")]  # the mask held fewer
    if missing:
        known = [*names[:COMPARED], *STRATEGIES]
        near = [close for name in missing[:COMPARED] for close in difflib.get_close_matches(name, known, 2)]
        raise UsageError(f"{path} has no column {_listed(missing)}"
                         + (f"; close: {_listed(list(dict.fromkeys(near)))}" if near
                            else f"; its columns: {_listed(names)}; strategies: {', '.join(STRATEGIES)}"))
    return tuple(columns)


def _scrub(path: str, table: dict[str, list[str]], decisions: list[Decision]) -> BoolArray:
    limits = {"framewise_displacement": SCRUB_MM, "std_dvars": SCRUB_DVARS}
    lacking = [name for name in limits if name not in table]
    if lacking:
        raise UsageError(f"{path} has no column {_listed(lacking)}, which scrub goes by")
    out = np.zeros(len(table["std_dvars"]), dtype=np.bool_)
    for name, limit in limits.items():
        out |= _numbers(path, name, table[name])[0] > limit
    for name in fnmatch.filter(table, "non_steady_state_outlier*"):
        out |= _numbers(path, name, table[name])[0] > 0
    decisions.append(Decision("confounds", f"{path}: {integer(int(out.sum()))} of {integer(out.size)} volumes left out "
                              f"(framewise displacement above {SCRUB_MM} mm, standardised DVARS above {SCRUB_DVARS}, "
                              "or not in the steady state)"))
    return ~out


def _numbers(path: str, name: str, cells: list[str]) -> tuple[Float64Array, bool]:
    """Turn a column into numbers; a first row without one becomes 0."""
    values = np.empty(len(cells))
    for i, cell in enumerate(cells):
        text = cell.strip()
        value = np.nan if text.lower() in _NOT_A_NUMBER else number(text)
        if value is None:
            raise MapError(path, f"column {brief(name)} holds {brief(text)!r} in row {i + 1}",
                           "a confound is a column of numbers; choose such columns with --strategy (in Python "
                           "strategy=)")
        values[i] = value
    infinite = np.flatnonzero(np.isinf(values))
    if infinite.size:
        i = int(infinite[0])
        raise MapError(path, f"column {brief(name)} holds {brief(cells[i].strip())!r} in row {i + 1}: infinite, or "
                       "beyond the largest number", "give a finite number, or n/a in a first row without one")
    bad = np.flatnonzero(np.isnan(values))
    if bad.size and (bad.size > 1 or bad[0] != 0):
        raise MapError(path, f"column {brief(name)} holds no number in {integer(bad.size)} of "
                       f"{plural(len(cells), 'row')} (such as row {bad[-1] + 1})",
                       "fill them in or leave the column out")
    values[bad] = 0.0
    return values, bool(bad.size)


def _read_table(path: str) -> dict[str, list[str]]:
    shown = path_text(path)
    if not path:
        raise MapError("''", "the name is empty", "name the table of confounds")
    try:
        content = read_regular(path, LARGEST_TABLE + 1)
        if len(content) > LARGEST_TABLE:
            raise MapError(shown, f"larger than {LARGEST_TABLE >> 20} MiB: no table of confounds",
                           "give confounds as tab-separated values, a row for each volume")
        file = io.StringIO(content.decode("utf-8-sig"), newline="")
        rows: list[list[str]] = [row for row in csv.reader(file, delimiter=_delimiter(path)) if any(row)]
    except FileNotFoundError:
        raise advised(NoMapError(shown, NOWHERE, "check the path")) from None
    except NotRegularError as error:
        raise MapError(shown, str(error), SAVE_IT) from None
    except OSError as error:
        raise MapError(shown, f"cannot be read ({error.strerror or error})", "check the path") from None
    except (UnicodeDecodeError, csv.Error):
        raise MapError(shown, "is no table of text", "give confounds as tab-separated values") from None
    if len(rows) < 2:
        raise MapError(shown, "holds no table", "give names in the first row and a row for each volume")
    names = [name.strip() for name in rows[0]]
    other = next((word for mark, word in _SEPARATORS.items() if mark in names[0]), "")
    if len(names) == 1 and other:
        raise MapError(shown, f"is separated by {other}, and its name tells of {_SEPARATORS[_delimiter(path)]}",
                       "save it with tabs (.tsv) or with commas (.csv)")
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise MapError(shown, f"has several columns {_listed(twice)}", "name each column once")
    for i, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise MapError(shown, f"has {plural(len(names), 'name')}, and {plural(len(row), 'value')} in line "
                           f"{integer(i)}", "mend the table")
    if all(_is_number(name) for name in names):
        raise MapError(shown, "has no names in the first row", "give every column a name")
    return {name: [row[k] for row in rows[1:]] for k, name in enumerate(names)}


def _is_index(name: str, cells: list[str]) -> bool:
    return all(map(_is_number, cells)) and is_index(name, np.array(cells, dtype=np.float64))


def _delimiter(path: str) -> str:
    return "," if path.lower().endswith(".csv") else "\t"


def _is_number(text: str) -> bool:
    return number(text) is not None


def _listed(names: Sequence[Any]) -> str:
    shown = ", ".join(brief(str(name)) for name in names[:6])
    return shown if len(names) <= 6 else f"{shown} and {integer(len(names) - 6)} more"
