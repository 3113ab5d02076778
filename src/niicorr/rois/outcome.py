"""The result of regions compared with each other: numbers, regions, series, and all that was decided, together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from niicorr.connectivity import Connectivity
from niicorr.errors import InputError
from niicorr.images.atlas_fit import Fit, fit_warning
from niicorr.images.region_names import listed
from niicorr.images.region_runs import RegionRuns, RunSignal
from niicorr.numerals import integer, plural
from niicorr.records import Decision, MapRecord, Provenance
from niicorr.result import CorrelationResult, Parcellation, RunSeries
from niicorr.rois.options import METHODS, RoiOptions
from niicorr.tables import INFERRED_COLUMNS
from niicorr.typing import Float64Array, FloatArray, IntArray

SMALL = 20
"""Regions of fewer voxels are named: the noise of single voxels weighs in their series."""

INDEPENDENT = "p-values take every time point for an independent observation"
"""How the warning begins that comes with the null model ``independent``."""

UNCLEANED = ("none: regional means as they are, with the drifts, head motion and noise that are in them (--confounds, "
             "--detrend, --low-pass and --high-pass would clean them)")


@dataclass(frozen=True, eq=False)
class CleanedRun:
    """One run, ready to be compared; ``centred`` is what is compared, its series without the digits of a mean."""

    signal: RunSignal
    series: RunSeries
    centred: Float64Array
    operator: FloatArray | None
    decisions: tuple[Decision, ...]


def outcome(
    found: RegionRuns, runs: Sequence[CleanedRun], connectivity: Connectivity, options: RoiOptions
) -> CorrelationResult:
    """Put numbers, regions, series and all that was decided together."""
    missing = _missing_regions(found, runs, options)
    notes = _renamed(connectivity.notes, missing)
    below = np.tril(np.ones(connectivity.estimate.shape, dtype=np.bool_), -1)
    if not np.isfinite(connectivity.estimate[below]).any():
        reasons = list(dict.fromkeys(notes.get((i, j), "") for i, j in np.argwhere(below).tolist()))
        raise _no_number(runs, list(filter(None, reasons[:3])))
    series = tuple(run.series for run in runs)
    if len(runs) > 1:
        series = tuple(replace(one, matrix=matrix) for one, matrix in zip(series, connectivity.per_run, strict=True))
    n_valid = _least([signal.series.n_valid for signal in found.signals], len(found.regions))
    coverage = np.array([np.full(len(found.regions), np.nan) if signal.coverage is None else signal.coverage
                         for signal in found.signals])
    n_voxels = found.signals[0].series.n_voxels
    parcellation = Parcellation(
        found.path, found.regions, np.zeros(len(found.regions), dtype=np.int64) if n_voxels is None else n_voxels,
        tuple(run.series.label for run in runs), coverage, None, found.mni)
    tested = options.kind in ("correlation", "partial correlation") and options.null != "none"
    inferred = {name: getattr(connectivity, name) for name in INFERRED_COLUMNS} if tested else {}
    decisions = [*found.decisions, *_said_of_regions(found, n_valid)]
    if all(run.operator is None for run in runs):
        decisions.append(Decision("cleaning", UNCLEANED if found.signals[0].run.header is not None
                                  else "none: series are used as they are"))
    decisions += connectivity.decisions
    records = _region_records(found, n_valid, missing)
    provenance = Provenance(options.resolved(), None, {}, tuple(decisions), tuple(_warnings(found, tested, options)),
                            {}, tuple(_run_record(run, found) for run in runs))
    return CorrelationResult(
        connectivity.estimate, connectivity.n, records, records, METHODS.get(options.kind, options.kind),
        options.null if tested else "none", True, notes, found.grid, provenance=provenance, inferred=inferred,
        parcellation=parcellation, series=series)


def _no_number(runs: Sequence[CleanedRun], reasons: Sequence[str]) -> InputError:
    """Say of which runs no pair has a number, why, and what to do."""
    text = "; ".join(reasons)
    if "values are missing" in text:
        advice = "Choose time points that have them all with --volumes, or fill them in"
    elif "constant" in text:
        cleaned = any(run.operator is not None for run in runs)
        advice = "The cleaning leaves nothing: ask for less of it" if cleaned else "Check that these are time series"
    elif "no average" in text:
        advice = "Correlate the runs one by one"
    else:
        advice = "Check that the atlas fits the runs"
    return InputError(f"{named_runs(runs)}: no pair of regions has a number: {text}. {advice}")


def named_runs(runs: Sequence[CleanedRun]) -> str:
    """Name the first run, and count the others."""
    return runs[0].series.path + (f" and {plural(len(runs) - 1, 'other run')}" if len(runs) > 1 else "")


def _missing_regions(found: RegionRuns, runs: Sequence[CleanedRun], options: RoiOptions) -> dict[int, str]:
    """Say of regions without data in any run why, as far as atlas and coverage tell."""
    shares = [signal.coverage for signal in found.signals if signal.coverage is not None]
    sizes = [signal.series.n_voxels for signal in found.signals if signal.series.n_voxels is not None]
    why: dict[int, str] = {}
    if not shares:
        return why
    for k in range(len(found.regions)):
        if any(np.isfinite(run.series.values[:, k]).any() for run in runs):
            continue
        most = max(float(share[k]) for share in shares)
        if all(size[k] == 0 for size in sizes):
            why[k] = "a region has no voxel on the grid of the run"
        elif most == 0:
            why[k] = "a region has no data: 0 or missing in every voxel"
        else:
            # Rounded down: 49.6 % is not 50 %.
            why[k] = (f"a region has data in {int(100 * most)} % of its voxels, less than "
                      f"{100 * options.min_coverage:g} %")
    return why


def _renamed(notes: dict[tuple[int, int], str], why: dict[int, str]) -> dict[tuple[int, int], str]:
    """Put the reasons that only atlas and coverage tell in the place of general ones; the first region's counts."""
    return {(i, j): next((why[k] for k in sorted((i, j)) if k in why), text) for (i, j), text in notes.items()}


def _least(counts: Sequence[IntArray | None], n_regions: int) -> IntArray:
    """Voxels with data in the run that has fewest of them; 0 of tables."""
    known = [one for one in counts if one is not None]
    return np.asarray(np.min(known, axis=0) if known else np.zeros(n_regions, dtype=np.int64))


def _said_of_regions(found: RegionRuns, n_valid: IntArray) -> list[Decision]:
    if found.signals[0].series.n_voxels is None:
        return []
    small = [f"{region.name} ({n})" for region, n in zip(found.regions, n_valid.tolist(), strict=True)
             if 0 < n < SMALL]
    if not small:
        return []
    verb = "has" if len(small) == 1 else "have"
    return [Decision("regions", f"{integer(len(small))} of {integer(len(found.regions))} {verb} fewer than {SMALL} "
                     f"voxels, so that noise weighs in {'its' if len(small) == 1 else 'their'} series: "
                     f"{listed(small)}")]


def _region_records(found: RegionRuns, n_valid: IntArray, missing: dict[int, str]) -> tuple[MapRecord, ...]:
    grid, known = found.grid, [signal.coverage for signal in found.signals if signal.coverage is not None]
    shares: Float64Array = np.min(known, axis=0) if known else np.ones(len(found.regions))
    records = []
    for k, region in enumerate(found.regions):
        said = []
        if k in missing:
            said.append(Decision("region", missing[k]))
        elif known and 0 < n_valid[k] < SMALL:
            said.append(Decision("region", f"small: {plural(int(n_valid[k]), 'voxel')}"))
        groups = {"hemisphere": region.hemisphere, "network": region.network}
        metadata = {**{name: text for name, text in groups.items() if text}, **region.metadata}
        record = MapRecord(region.name, found.path or found.signals[0].run.path, n_voxels=int(n_valid[k]),
                           coverage=float(shares[k]), decisions=tuple(said), metadata=metadata)
        records.append(record if grid is None else replace(
            record, shape=grid.shape, voxel_mm=grid.voxel_mm, orientation=grid.orientation))
    return tuple(records)


def _run_record(run: CleanedRun, found: RegionRuns) -> MapRecord:
    source, series, header = run.signal.run.source, run.signal.series, run.signal.run.header
    held = 0 if series.n_valid is None else int(series.n_valid.sum())
    of = 0 if series.n_voxels is None else int(series.n_voxels.sum())
    own = () if header is None else header.decisions
    record = MapRecord(run.series.label, run.series.path, n_voxels=held, coverage=held / of if of else 1.0,
                       decisions=(*source.decisions, *own, *run.decisions), size=series.size, blake2b=series.blake2b,
                       metadata=source.metadata)
    if header is None:
        return replace(record, shape=(len(series.values), len(found.regions)))
    dtype = "float128" if header.dtype == np.dtype("V16") else header.dtype.newbyteorder("=").name
    return replace(record, shape=(*header.shape, header.n_volumes), voxel_mm=header.grid.voxel_mm,
                   orientation=header.grid.orientation, dtype=dtype)


def _fitting(found: RegionRuns, options: RoiOptions) -> Iterator[str]:
    """Question an atlas of which runs lack many regions; those that hold no voxel of their own are no news."""
    fits = []
    for signal in found.signals:
        header, sizes, shares = signal.run.header, signal.series.n_voxels, signal.coverage
        if header is not None and sizes is not None and shares is not None:
            there = np.array([region.n_voxels > 0 for region in found.regions])
            short = there & (sizes > 0) & ((shares < options.min_coverage) | (shares == 0))
            fits.append(Fit(signal.run.label, int((there & (sizes == 0)).sum()), int(short.sum()), header.grid))
    text = fit_warning(fits, found.path, len(found.regions), "run", options.min_coverage, template=found.template)
    if text:
        yield text


def _warnings(found: RegionRuns, tested: bool, options: RoiOptions) -> list[str]:
    """Say what must be known before any number."""
    said = [*found.warnings, *_fitting(found, options)]
    if tested and options.null == "independent":
        said.append(f"{INDEPENDENT} (null model: independent); successive volumes repeat each other, so most pairs of "
                    "unrelated slow series come out significant. The null model effective knows that")
    first: dict[str, str] = {}
    for signal in found.signals:
        digest = signal.series.blake2b
        if digest is not None and digest in first:
            said.append(f"{signal.run.label} and {first[digest]} are files of equal content: one run that counts twice")
        elif digest is not None:
            first[digest] = signal.run.label
    steps = sorted({signal.series.t_r for signal in found.signals if signal.series.t_r is not None})
    if len(steps) > 1:
        said.append(f"the runs differ in TR, from {steps[0]:g} to {steps[-1]:g} s")
    return said
