"""Runs and an atlas become series of the same regions, run by run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from niicorr.errors import MapError
from niicorr.images.atlas import Atlas
from niicorr.images.fetch import find_fetcher
from niicorr.images.region_names import listed, network_of, side_of
from niicorr.images.runs import Run, unusable
from niicorr.images.series import RegionSeries, region_series
from niicorr.images.weighted_series import weighted_series
from niicorr.numerals import integer, plural
from niicorr.records import Decision, Region
from niicorr.space import SCANNER, Grid, same_grid
from niicorr.threads import in_order
from niicorr.typing import Float64Array, IntArray, Progress

COPIES = 24
"""Bytes that a voxel of a run takes while its volume is averaged."""

_NOWHERE = (float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True, eq=False)
class RunSignal:
    """Series of the regions in one run, before cleaning.

    Attributes
    ----------
    run : Run
        Where they come from.
    series : RegionSeries
        Of the volumes that were chosen.
    volumes : ndarray of int, shape (time points,)
        Which volumes these are.
    coverage : ndarray, shape (regions,), float64, or None
        Share of each region (its voxels, or its probability) that has data; None of tables.
    """

    run: Run
    series: RegionSeries
    volumes: IntArray
    coverage: Float64Array | None = None


@dataclass(frozen=True, eq=False)
class RegionRuns:
    """Series of the same regions in all runs.

    Attributes
    ----------
    path : str
        The atlas, as it was named; empty without one.
    regions : tuple of Region
        The columns of all series.
    signals : tuple of RunSignal
        One for each run.
    grid : Grid or None
        Where the voxels of all runs are; None where they lie on several grids, and of tables.
    mni : bool
        Whether the regions' places are known to be in MNI space.
    template : bool
        Whether they are in the space of a template, as far as the atlas's header or name tells.
    decisions, warnings
        What was decided about all runs together, and what the reader must know first.
    """

    path: str
    regions: tuple[Region, ...]
    signals: tuple[RunSignal, ...]
    grid: Grid | None = None
    mni: bool = False
    template: bool = False
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()


def region_runs(
    runs: Sequence[Run], atlas: Atlas | None, *, volumes: slice | None = None, t_r: float | None = None, jobs: int = 1,
    memory: int | None = None, progress: Progress,
) -> RegionRuns:
    """Find the series of every region in every run.

    Parameters
    ----------
    runs : sequence of Run
        All images, or all tables.
    atlas : Atlas or None
        Needed for images; of tables it tells where their columns are.
    volumes : slice, optional
        Which volumes count; all without it.
    t_r : float, optional
        Seconds from volume to volume; what each file says without it.
    jobs : int
        Runs read at once.
    memory : int, optional
        Bytes that may be used; less of it lets fewer runs be read at once.
    progress : callable
        Told of volumes read.

    Raises
    ------
    InputError
        Where a run cannot be read to its end (all such runs are named), or does not fit the atlas or the others.
    """
    found = _of_tables(runs, atlas) if runs[0].series is not None else _of_images(runs, atlas, jobs, memory, progress)
    signals = tuple(_timed(_chosen(signal, volumes), t_r) for signal in found.signals)
    return replace(found, signals=signals)


def _of_images(
    runs: Sequence[Run], atlas: Atlas | None, jobs: int, memory: int | None, progress: Progress
) -> RegionRuns:
    assert atlas is not None  # its caller has asked for one
    placed = _placed(runs, atlas)
    at = {id(run): on for _, on, those in placed for run in those}
    largest = max(grid.size for grid, _, _ in placed) * COPIES
    jobs = max(min(jobs, len(runs), (memory or 2**62) // largest), 1)
    with progress(sum(run.length for run in runs), "reading volumes") as advance:

        def read(run: Run) -> RunSignal | MapError:
            try:
                return _averaged(run, at[id(run)], advance)
            except MapError as problem:
                return problem

        outcome = list(in_order(read, runs, jobs))
    problems = [one for one in outcome if isinstance(one, MapError)]
    if problems:
        raise unusable(problems, len(runs))
    signals = tuple(one for one in outcome if isinstance(one, RunSignal))
    decisions = list(atlas.decisions)
    for grid, on, those in placed:
        who = "" if len(placed) == 1 else f"for {_who(those)} ({grid.describe()}) "
        decisions += [Decision(d.topic, f"{who}{d.text}") for d in on.decisions[len(atlas.decisions):]]
    mni = in_mni(atlas)
    doubtful = [run for grid, on, those in placed if mni and on is not atlas and not grid.mni for run in those]
    if doubtful:
        decisions.append(Decision("atlas", f"it is in MNI space; the header of {_who(doubtful)} does not say so, and "
                                  "that the brain was brought there is taken on trust"))
    if atlas.weights is not None:
        decisions.append(Decision("atlas", "probabilistic: the series of a region are means weighted by its "
                                  "probabilities (not the least-squares fit of nilearn's NiftiMapsMasker)"))
    return RegionRuns(atlas.path, atlas.regions, signals, placed[0][0] if len(placed) == 1 else None, mni,
                      in_template(atlas), tuple(decisions), atlas.warnings)


def in_mni(atlas: Atlas) -> bool:
    """Whether an atlas is in MNI space, by its header or its name; what nilearn fetches is."""
    name = os.path.basename(atlas.path)
    return atlas.grid.mni or "mni" in name.lower() or find_fetcher(name) is not None


def in_template(atlas: Atlas) -> bool:
    """Whether an atlas is in the space of a template, by its header or its name."""
    return atlas.grid.space_code > SCANNER or in_mni(atlas)


def _placed(runs: Sequence[Run], atlas: Atlas) -> list[tuple[Grid, Atlas, list[Run]]]:
    """Bring the atlas to every grid that runs lie on, once to each."""
    placed: list[tuple[Grid, Atlas, list[Run]]] = []
    for run in runs:
        assert run.header is not None  # images have one
        grid = run.header.grid
        alike = next((those for other, _, those in placed if same_grid(other, grid)), None)
        if alike is not None:
            alike.append(run)
            continue
        try:
            placed.append((grid, atlas.on(grid), [run]))
        except MapError as problem:
            raise MapError(problem.path, f"{problem.reason} ({run.path})", problem.advice) from None
    return placed


def _averaged(run: Run, atlas: Atlas, advance: Callable[[int], None]) -> RunSignal:
    assert run.header is not None  # of an image
    if atlas.codes is not None:
        series = region_series(run.header, atlas.codes, len(atlas), t_r=run.t_r, progress=advance)
        coverage = series.coverage
    else:
        assert atlas.weights is not None  # an atlas has labels or weights
        series, coverage = weighted_series(run.header, atlas.weights, t_r=run.t_r, progress=advance)
    return RunSignal(run, series, np.arange(len(series.values)), coverage)


def _of_tables(runs: Sequence[Run], atlas: Atlas | None) -> RegionRuns:
    tables = [run.series for run in runs if run.series is not None]
    names = next((table.names for table in tables if table.names is not None), None)
    width = tables[0].values.shape[1]
    names = names or tuple(f"region {k}" for k in range(1, width + 1))
    signals = [RunSignal(run, _like_others(table, names, runs[0].path), np.arange(len(table.values)))
               for run, table in zip(runs, tables, strict=True)]
    if atlas is None:
        regions = tuple(Region(name, k, 0, _NOWHERE, side_of(name), network_of(name))
                        for k, name in enumerate(names, 1))
        text = f"{plural(width, 'column')} of ready-made series"
        return RegionRuns("", regions, tuple(signals), decisions=(Decision("series", text),))
    regions, said = _matched(runs[0].path, names, atlas, ready=any(table.names is not None for table in tables))
    return RegionRuns(atlas.path, regions, tuple(signals), None, in_mni(atlas), in_template(atlas),
                      (*atlas.decisions, said), atlas.warnings)


def _like_others(table: RegionSeries, names: tuple[str, ...], first: str) -> RegionSeries:
    """Bring the columns of a table into the order of the first one."""
    width = table.values.shape[1]
    if width != len(names):
        raise MapError(table.path, f"has {plural(width, 'column')}, and {first} {integer(len(names))}",
                       "all runs need the same regions")
    if table.names is None or table.names == names:
        return table
    strange = [name for name in table.names if name not in set(names)]
    if strange:
        raise MapError(table.path, f"its regions are not those of {first}: {listed(strange)}",
                       "all runs need the same regions")
    place = {name: k for k, name in enumerate(table.names)}
    said = Decision("series", f"columns brought into the order of {first}")
    return replace(table, values=table.values[:, [place[name] for name in names]], names=names,
                   decisions=(*table.decisions, said))


def _matched(path: str, names: tuple[str, ...], atlas: Atlas, *, ready: bool) -> tuple[tuple[Region, ...], Decision]:
    """Find the regions of an atlas that the columns of a table are."""
    of = {region.name: region for region in atlas.regions}
    if all(name in of for name in names) and ready:
        return tuple(of[name] for name in names), Decision("series", f"ready-made; the {plural(len(names), 'column')} "
                                                           "found in the atlas by name")
    if len(names) != len(atlas):
        raise MapError(path, f"has {plural(len(names), 'column')}, and {atlas.path} {plural(len(atlas), 'region')}",
                       "give the atlas that the series come from, or none")
    regions = tuple(replace(region, name=name) if ready else region
                    for region, name in zip(atlas.regions, names, strict=True))
    return regions, Decision("series", f"ready-made; the {plural(len(names), 'column')} taken for the regions of the "
                             f"atlas in their order{', with the names of the table' if ready else ''}")


def _chosen(signal: RunSignal, volumes: slice | None) -> RunSignal:
    if volumes is None:
        return signal
    which = signal.volumes[volumes]
    if not which.size:
        raise MapError(signal.run.path, f"has {plural(len(signal.volumes), 'volume')}, none of which is chosen",
                       "volumes count from 0")
    series = replace(signal.series, values=signal.series.values[volumes])
    if which.size < len(signal.volumes):
        said = Decision("volumes", f"volumes {which[0]} to {which[-1]} of {integer(len(signal.volumes))} (counted "
                        "from 0)")
        series = replace(series, decisions=(*series.decisions, said))
    return replace(signal, series=series, volumes=which)


def _timed(signal: RunSignal, t_r: float | None) -> RunSignal:
    """Take the time step that was given, and say where it is from."""
    series, others = signal.series, [d for d in signal.series.decisions if d.topic != "t_r"]
    if t_r is not None:
        differs = "" if series.t_r in (None, t_r) else f" (the file says {series.t_r:g} s)"
        return replace(signal, series=replace(series, t_r=t_r, decisions=(
            *others, Decision("t_r", f"{t_r:g} s, as given{differs}"))))
    if series.t_r is not None and len(others) == len(series.decisions):
        return replace(signal, series=replace(series, decisions=(
            *others, Decision("t_r", f"{series.t_r:g} s, from the header"))))
    return signal


def _who(runs: Sequence[Run]) -> str:
    return runs[0].label if len(runs) == 1 else f"{len(runs)} runs"
