"""Runs and an atlas become a result.

    find_runs → read_runs → region_runs → clean → connect

each taking what the one before returns. Nothing is done to the series unasked, and what was not done is said.
"""

from __future__ import annotations

import glob
import os
import re
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from niicorr.analysis import listener
from niicorr.connectivity import LEAST_FITTED, LEAST_POINTS, Kind, connect
from niicorr.deviations import ROUNDED, deviations
from niicorr.errors import DomainWarning, IndependenceWarning, InputError, MapError, UsageError, told_on
from niicorr.images.atlas import Atlas, read_atlas
from niicorr.images.confounds import Confounds, clean, read_confounds
from niicorr.images.header import MAX_MAP_SIZE
from niicorr.images.mapset import parse_volumes
from niicorr.images.region_names import listed
from niicorr.images.region_runs import RegionRuns, RunSignal, region_runs
from niicorr.images.regions import MIN_COVERAGE
from niicorr.images.runs import RunSource, find_runs, read_runs
from niicorr.machine import default_jobs, versions
from niicorr.numerals import NARROW, integer, percent, plural
from niicorr.records import Decision
from niicorr.result import CorrelationResult, RunSeries
from niicorr.rois.options import RoiOptions, checked
from niicorr.rois.outcome import INDEPENDENT, CleanedRun, named_runs, outcome
from niicorr.tables import brief, can_be_path, expanded, path_text
from niicorr.typing import Alternative, BoolArray, Fdr, Progress
from niicorr.words import ATLASES, SeriesNull

_ENTITIES = ("sub", "ses", "task", "acq", "run")
"""What in a BIDS name must agree between a run and its confounds."""

FAINT = 1e-9
"""Series whose deviations are a smaller share of their level are named."""


@told_on("docs/tutorials/regions.md")
def correlate_rois(
    bold: Any,
    atlas: Any = None,
    *,
    labels: Any = None,
    confounds: Any = None,
    strategy: str | Sequence[str] = (),
    kind: Kind | Literal["partial"] = "correlation",
    detrend: bool = False,
    standardize: bool = False,
    low_pass: float | None = None,
    high_pass: float | None = None,
    t_r: float | None = None,
    volumes: str | None = None,
    min_coverage: float = MIN_COVERAGE,
    null: SeriesNull = "effective",
    fdr: Fdr = "bh",
    alternative: Alternative = "two-sided",
    max_map_size: int = MAX_MAP_SIZE,
    memory: int | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    command: str | None = None,
    warn: bool = True,
) -> CorrelationResult:
    """Correlate the time series of every region with those of every other.

    Parameters
    ----------
    bold : path, image, (array, affine), array or DataFrame of series, or a list of these
        4-D images: files, folders, patterns, nibabel images. Or series that are ready, with a row for each time
        point and a column for each region: ``.csv``, ``.tsv``, ``.txt``, ``.1D``, ``.npy``, ``.ptseries.nii``, arrays.
        Several are several runs, whose correlations are averaged.
    atlas : path, name, image or (array, affine), optional
        Whole numbers, or a volume of probabilities for each region; or a name that nilearn fetches, such as
        ``aal``. It is brought to the grid of each run (nearest voxel). With ready-made series it tells where their
        columns are.
    labels : path, list of names or dict, optional
        Names of the regions; without it a table beside the atlas is looked for.
    confounds : path or list of paths, optional
        One table for each run, in the order of the runs.
    strategy : str or sequence of str
        What of them to regress out: ``motion6``, ``motion24``, ``wm_csf``, ``global``, ``acompcor``, ``high_pass``,
        ``scrub``, columns or patterns; all columns of small tables without it.
    kind : 'correlation', 'partial correlation' (or 'partial'), 'covariance' or 'tangent'
        What is computed. Correlation is Pearson's r of the series as they are; the others come from nilearn, with
        the Ledoit–Wolf estimate of the covariance, whose shrinkage depends on how the units of the series compare:
        ``standardize`` makes them equal. ``tangent`` compares several runs with their mean.
    detrend : bool
        Whether a straight line is taken off each series.
    standardize : bool
        Whether each series is divided by its standard deviation.
    low_pass, high_pass : float, optional
        Hz; what lies above or below is filtered out.
    t_r : float, optional
        Seconds from volume to volume; the header's without it.
    volumes : 'A:B', optional
        Which volumes count, from 0; ``5:`` leaves the first five out.
    min_coverage : float
        A region of which a run covers a smaller share is missing in that run.
    null : 'effective', 'independent' or 'none'
        How p-values are found; see `niicorr.connectivity.connect`.
    fdr : 'bh' or 'by'
        What fills ``p_fdr``.
    alternative : 'two-sided', 'greater' or 'less'
        Which correlations count as far from 0.
    max_map_size : int
        Bytes; an image of which one volume would be larger in memory is refused.
    memory : int, optional
        Bytes that may be used; runs are read one at a time where it is little.
    jobs : int, optional
        Runs read at once; without it one for each processor, at most 8.
    progress : callable, optional
        ``progress(total, what)`` gives a context whose value is called with the number of steps done.
    command : str, optional
        The command line, for ``run.json``.
    warn : bool
        Whether what must be known first is issued as a warning, too.

    Returns
    -------
    CorrelationResult
        Of the regions with each other; ``parcellation`` holds the regions, ``series`` what was compared.

    Raises
    ------
    UsageError
        The call is wrong.
    InputError
        The runs, the atlas or the confounds cannot be used.

    Warns
    -----
    DomainWarning
        What must be known before any number; also in ``result.warnings``.
    IndependenceWarning
        Where ``null='independent'`` was asked for.

    Notes
    -----
    The value of a region is the mean over its voxels that have data in the whole run. Without options nothing is
    done to the series. What cleaning does is nilearn's, and its cost in degrees of freedom is in the p-values.

    Examples
    --------
    >>> import numpy as np
    >>> series = np.random.default_rng(0).standard_normal((100, 3)) + np.arange(100)[:, None] / 30
    >>> correlate_rois(series).r.round(2)
              region 1  region 2  region 3
    region 1      1.00      0.47      0.42
    region 2      0.47      1.00      0.44
    region 3      0.42      0.44      1.00
    """
    progress = listener(progress)
    options = checked(RoiOptions(
        atlas=atlas, labels=labels, confounds=confounds,
        strategy=(strategy,) if isinstance(strategy, str) else strategy if strategy is not None else (),
        kind="partial correlation" if isinstance(kind, str) and kind == "partial" else kind, detrend=detrend,
        standardize=standardize, low_pass=low_pass, high_pass=high_pass, t_r=t_r, volumes=volumes,
        min_coverage=min_coverage, null=null, fdr=fdr, alternative=alternative, max_map_size=max_map_size,
        memory=memory, jobs=jobs))
    start = time.perf_counter()
    sources = find_runs(bold)
    _demand_atlas(sources, options)
    tables = _confound_tables(options.confounds, sources)
    found, read = _read(sources, options, progress)
    found = replace(found, warnings=(*found.warnings, *_repeated(tables)))
    runs = [_cleaned(signal, found, tables[k] if tables else None, options) for k, signal in enumerate(found.signals)]
    cleaned = time.perf_counter()
    try:
        connectivity = connect([run.centred for run in runs], options.kind, null=options.null, fdr=options.fdr,
                               operators=[run.operator for run in runs], alternative=options.alternative)
    except InputError as error:
        raise InputError(f"{named_runs(runs)}: {error}") from None
    result = outcome(found, runs, connectivity, options)
    ended = time.perf_counter()
    timings = {"read": read - start, "clean": cleaned - read, "correlate": ended - cleaned, "total": ended - start}
    provenance = replace(result.provenance, command=command, versions=versions(), timings=timings)
    if warn:
        for text in provenance.warnings:
            category = IndependenceWarning if text.startswith(INDEPENDENT) else DomainWarning
            warnings.warn(text, category, stacklevel=3)  # over the frame of told_on
    return replace(result, provenance=provenance)


def _demand_atlas(sources: Sequence[RunSource], options: RoiOptions) -> None:
    images = [source for source in sources if not source.is_table]
    if images and len(images) < len(sources):
        table = next(source for source in sources if source.is_table)
        raise UsageError(f"{table.path or table.label} holds series and {images[0].path or images[0].label} is an "
                         "image: correlate either images or ready-made series")
    if images and options.atlas is None:
        raise UsageError(f"{images[0].path or images[0].label} is an image, and only an atlas says where its regions "
                         f"are: give one with --atlas, a file or one of these names: {ATLASES}")


def _confound_tables(given: Any, sources: Sequence[RunSource]) -> list[str]:
    """Return the table of each run; empty where none is given."""
    if given is None:
        return []
    paths: list[str] = []
    for item in given if isinstance(given, list | tuple) else [given]:
        if not isinstance(item, str | os.PathLike):
            raise UsageError(f"confounds are paths of tables, one for each run, not {type(item).__name__}")
        path = expanded(item)
        if not can_be_path(path):
            raise UsageError(f"confounds are paths of tables, and {brief(path)!r} can be the name of none")
        paths += sorted(glob.glob(path)) if glob.has_magic(path) and not os.path.lexists(path) else [path]
    if len(paths) != len(sources):
        raise UsageError(f"{plural(len(paths), 'table')} of confounds for {plural(len(sources), 'run')}: give one for "
                         "each run, in the order of the runs")
    for path, source in zip(paths, sources, strict=True):
        _demand_same_run(path, source.path)
    return paths


def _repeated(tables: Sequence[str]) -> list[str]:
    """Question a table that is given for several runs: it can be that of one only."""
    counts = Counter(map(os.path.realpath, tables))
    return [f"{path_text(path)} cleans {integer(counts[os.path.realpath(path)])} runs: give each run its own table"
            for path in dict.fromkeys(tables) if counts[os.path.realpath(path)] > 1]


def _demand_same_run(table: str, run: str) -> None:
    """Refuse confounds whose BIDS name tells of another run: of equal length, they would clean nothing."""
    own, other = (dict(re.findall(rf"({'|'.join(_ENTITIES)})-([A-Za-z0-9]+)", os.path.basename(path)))
                  for path in (table, run))
    for entity in _ENTITIES:
        if entity in own and entity in other and own[entity].lstrip("0") != other[entity].lstrip("0"):
            raise UsageError(f"{path_text(table)} is of {entity}-{own[entity]} and would clean {path_text(run)}: give "
                             "the confounds in the order of the runs")


def _read(sources: Sequence[RunSource], options: RoiOptions, progress: Progress) -> tuple[RegionRuns, float]:
    runs = read_runs(sources, max_map_size=options.max_map_size)
    atlas: Atlas | None = None
    if options.atlas is not None:
        atlas = read_atlas(options.atlas, options.labels, max_map_size=options.max_map_size)
    found = region_runs(runs, atlas, volumes=parse_volumes(options.volumes), t_r=options.t_r,
                        jobs=options.jobs or default_jobs(), memory=options.memory, progress=progress)
    if len(found.regions) < 2:
        raise InputError(f"{found.path or runs[0].path}: there is one region, {found.regions[0].name}, and none to "
                         "compare it with")
    for signal in found.signals:
        if len(signal.volumes) < LEAST_POINTS:
            raise MapError(signal.run.path, f"{plural(len(signal.volumes), 'volume')}: a correlation needs at least "
                           f"{LEAST_POINTS}, a p-value {LEAST_FITTED}", "give more of the run")
    return found, time.perf_counter()


def _cleaned(signal: RunSignal, found: RegionRuns, table: str | None, options: RoiOptions) -> CleanedRun:
    """Leave out regions that are hardly covered, and clean the others as asked."""
    run, series = signal.run, signal.series
    values = series.values.copy()
    said = [*series.decisions]
    if signal.coverage is not None:
        low = np.flatnonzero((signal.coverage < options.min_coverage) & (signal.coverage > 0))
        values[:, low] = np.nan
        if low.size:
            names = listed(f"{found.regions[k].name} ({int(100 * signal.coverage[k])}{NARROW}%)" for k in low)
            said.append(Decision("regions", f"{plural(low.size, 'region')} of which less than "
                                 f"{percent(options.min_coverage)} has data, left out: {names}"))
    confounds = None
    if table is not None:
        confounds = _of_volumes(read_confounds(table, run.length, options.strategy), signal)
        said += confounds.decisions
    before = deviations(values if confounds is None else values[confounds.kept])
    # Rounding is that of the level, told in units of the deviations.
    faint = np.flatnonzero(before.varies & (before.rounding > ROUNDED / FAINT))
    if faint.size:
        said.append(Decision("regions", f"{plural(faint.size, 'region')} of which the series deviates by less than "
                             f"{FAINT:g} of its level, which may be rounding: "
                             f"{listed(found.regions[k].name for k in faint)}"))
    if len(found.signals) > 1:
        said += _lacking(before.varies, found, options)
    plan = replace(options.cleaning, t_r=series.t_r)
    if plan.filters and plan.t_r is None:
        why = next((d.text.removesuffix(": not used") for d in series.decisions if d.topic == "t_r"),
                   "the file does not tell it")
        raise UsageError(f"{run.path}: a filter needs the time from volume to volume, and {why}: give --t-r in seconds")
    try:
        cleaned = clean(values, confounds, plan)
    except InputError as error:
        raise InputError(f"{run.path}: {error}") from None
    except UsageError as error:
        raise UsageError(f"{run.path}: {error}") from None
    if cleaned.operator is not None:
        said += cleaned.decisions
        gone = np.flatnonzero(before.varies & ~cleaned.centred.any(axis=0))
        if gone.size:
            said.append(Decision("cleaning", f"nothing is left of {plural(gone.size, 'region')}: "
                                 f"{listed(found.regions[k].name for k in gone)}"))
    kept = signal.volumes if confounds is None else signal.volumes[confounds.kept]
    return CleanedRun(signal, RunSeries(run.label, run.path, cleaned.series, kept, series.t_r),
                      cleaned.centred, cleaned.operator, tuple(said))


def _lacking(varies: BoolArray, found: RegionRuns, options: RoiOptions) -> list[Decision]:
    """Name the regions that this run leaves to the others."""
    none = np.flatnonzero(~varies)
    if not none.size:
        return []
    rest = "; the others count" if options.kind == "correlation" else f"; a {options.kind} leaves them out of all runs"
    return [Decision("regions", f"{plural(none.size, 'region')} without a series that varies in this run"
                     f"{rest}: {listed(found.regions[k].name for k in none)}")]


def _of_volumes(confounds: Confounds, signal: RunSignal) -> Confounds:
    """Take the rows of the volumes that were chosen, without columns that are the same in all of them."""
    if len(signal.volumes) == len(confounds.kept):
        return confounds
    values, kept = confounds.values[signal.volumes], confounds.kept[signal.volumes]
    varies = deviations(values).varies
    names = tuple(name for name, here in zip(confounds.names, varies, strict=True) if here)
    said = list(confounds.decisions)
    if not varies.all():
        gone = listed(name for name, here in zip(confounds.names, varies, strict=True) if not here)
        said.append(Decision("confounds", f"{gone}: the same in all volumes that were chosen, left out"))
    return replace(confounds, names=names, values=values[:, varies], kept=kept, decisions=tuple(said))
