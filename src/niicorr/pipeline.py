"""Files to result: the one place where images and numerics meet.

    read_maps → survey → choose_sampling → extract → analyse

each taking an immutable value and returning the next. `correlate` walks the whole road; `check` stops before
any number; `niicorr.calibration` leaves it after `extracted`.
"""

from __future__ import annotations

import platform
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr._version import __version__
from niicorr.analysis import analyse, check_features, silent
from niicorr.compute.device import choose_device
from niicorr.compute.similarity import Similarity
from niicorr.errors import (
    DomainWarning,
    IndependenceWarning,
    InputError,
    NiicorrError,
    ResourceError,
    UnusableMapsError,
    UsageError,
)
from niicorr.images.atlas import Atlas, read_atlas
from niicorr.images.atlas_sampling import sample_atlas
from niicorr.images.beside import Beside, read_beside
from niicorr.images.extract import extract, naive_step
from niicorr.images.mapset import MapSet, read_maps
from niicorr.images.region_names import listed
from niicorr.images.region_runs import in_mni
from niicorr.images.regions import MIN_COVERAGE, Regional, region_averages, regional_means
from niicorr.images.sampling import Sampling, choose_sampling, settle
from niicorr.images.survey import Survey, survey
from niicorr.machine import default_jobs, memory_budget
from niicorr.matrix import MapMatrix, plain_array, scaled_weights
from niicorr.options import Options, options_of
from niicorr.records import INDEPENDENT, Decision, MapRecord, Provenance
from niicorr.result import CorrelationResult, Parcellation
from niicorr.typing import BoolArray, Float64Array, Progress

if TYPE_CHECKING:
    from niicorr.images.cache.store import Cache

BYTES_PER_CELL = 120
"""Sums, counts, naive numbers and tables of one pair, at the peak."""


@dataclass(frozen=True, eq=False)
class CheckReport:
    """What `run` would do with these files.

    Attributes
    ----------
    x_maps, y_maps : tuple of MapRecord
        Every map with its decisions; ``error`` where it cannot be used. ``y_maps`` is empty for one set.
    decisions, warnings
        About all maps together.
    refusal : str or None
        Why ``run`` would refuse; None where it would not.
    """

    x_maps: tuple[MapRecord, ...]
    y_maps: tuple[MapRecord, ...]
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()
    refusal: str | None = None


@dataclass(frozen=True, eq=False)
class _Prepared:
    """Maps read and settled; ``failure`` is what stopped the way to a sampling.

    ``beside`` holds the sampling, and the weights and covariates in it; ``atlas`` is on its grid.
    """

    x: Survey
    y: Survey | None
    beside: Beside | None
    failure: NiicorrError | None
    atlas: Atlas | None = None
    timings: dict[str, float] = field(default_factory=dict)
    cache: Cache | None = None

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """About grid and mask, and about the cache as far as it has been used."""
        own = () if self.sampling is None else self.sampling.decisions
        return own if self.cache is None else (*own, *self.cache.decisions)

    @property
    def sampling(self) -> Sampling | None:
        """Grid and mask."""
        return None if self.beside is None else self.beside.sampling


@dataclass(frozen=True, eq=False)
class Extracted:
    """Two sets of maps as matrices of the same features, and what is to be computed of them.

    Attributes
    ----------
    x : MapMatrix
        The first set.
    y : MapMatrix or None
        The second; None for a set against itself.
    similarity : Similarity
        With weights and covariates at these features.
    provenance : Provenance
        How far the maps have come.
    naive_step : int
        The step of ``x.naive`` and ``y.naive``; 0 where there are none.
    surveys : tuple of Survey
        What was read; empty where maps came as matrices.
    sampling : Sampling or None
        Where they were compared; None where maps came as matrices.
    parcellation : Parcellation or None
        The regions that they were averaged over.
    """

    x: MapMatrix
    y: MapMatrix | None
    similarity: Similarity
    provenance: Provenance
    naive_step: int = 0
    surveys: tuple[Survey, ...] = ()
    sampling: Sampling | None = None
    parcellation: Parcellation | None = None


def correlate(x: Any, y: Any = None, *, masker: Any = None, command: str | None = None,
              progress: Progress | None = None, warn: bool = True, **options: Any) -> CorrelationResult:
    """Correlate every map of ``y`` (rows) with every map of ``x`` (columns).

    Parameters
    ----------
    x, y : str, path, image, (array, affine), DataFrame with ``path``, MapMatrix, array, or a list of these
        Files, folders, patterns, ``.tsv`` manifests, nibabel images; or arrays of maps × features, NaN where
        missing. Without ``y`` the set is compared with itself.
    masker : fitted nilearn masker, optional
        The mask of a NiftiMasker is used in place of ``mask``, the labels of a NiftiLabelsMasker in place of ``atlas``.
    command : str, optional
        The command line, for ``run.json``.
    progress : callable, optional
        ``progress(total, what)`` gives a context whose value is called with the number of steps done: maps read,
        maps fitted, surrogates drawn.
    warn : bool
        Whether what must be known first is issued as a warning, too.
    mask : 'auto', 'none', 'mni152', path, image or (array, affine)
        Which voxels may count.
    background : 'auto', 'none' or float
        The value that means "no data here", per map.
    volumes : 'all', 'A:B' or None
        Volumes of 4-D files.
    zeros : 'auto', 'data' or 'missing'
        What an exact zero inside the mask means.
    grid : 'auto', 'x', 'y', path, image or (array, affine)
        The grid on which maps are compared.
    resample : 'auto' or 'never'
        Whether maps of other grids are brought to it.
    interpolation : 'auto', 'linear', 'nearest' or 'cubic'
        How.
    method : 'pearson', 'spearman', 'cosine', 'concordance', 'bicor' or 'dice'
        The similarity.
    threshold : float
        For ``dice``: voxels count whose absolute value exceeds it (0: those that are not 0).
    partial : paths, images, array of covariates × features, or None
        Covariate maps, regressed out of both maps of each pair; for ``pearson`` and ``spearman``.
    weights : path, image, array of shape (features,), or None
        How much each voxel counts, 0 or more (averaged over regions with ``atlas``); not for ``bicor`` and ``dice``.
    atlas : path, name, image, (array, affine), what a fetcher of nilearn returns, or None
        Maps are averaged over its regions, and n counts regions: a label image, or one of probabilities (4-D).
    labels : path, list of names, dict of number and name, DataFrame, or None
        Names of the regions; None takes a table beside the atlas, if there is one that fits.
    min_coverage : float, optional
        A region of which a map covers a smaller share is missing for that map (.5).
    null : 'effective', 'gsm', 'surrogate', 'moran', 'variogram', 'independent' or 'none'
        How p-values are found; see `niicorr.nulls.effective.effective_size` and `niicorr.draws`. ``moran`` and
        ``variogram`` are for regions; p is the larger of two, with the maps of x and with those of y randomised.
    fdr : 'bh' or 'by'
        What fills ``p_fdr``: Benjamini and Hochberg's or Benjamini and Yekutieli's adjustment.
    alternative : 'two-sided', 'greater' or 'less'
        Which correlations count as far from 0.
    n_surrogates : int
        Random maps for each map of the smaller set, for ``surrogate``; for each map of both sets, for ``moran`` and
        ``variogram``.
    seed : int
        From which they follow.
    on_error : 'stop' or 'skip'
        Bad files raise, or leave their row empty with the reason.
    max_map_size : int
        Bytes; a map (one volume) that would be larger in memory is refused.
    memory : int, optional
        Bytes that may be used; without it 60 % of what is free.
    jobs : int, optional
        Threads; without it one for each processor, at most 8.
    device : 'cpu', 'cuda' or 'auto'
        Where products are made: ``auto`` takes a GPU if there is one and the work is worth it, through PyTorch or CuPy.
    cache : path, optional
        A folder where maps are kept as they were read, so that a later run need not read their files again; the
        numbers are the same with and without it.

    Returns
    -------
    CorrelationResult

    Raises
    ------
    UsageError
        The call is wrong.
    InputError
        The maps cannot be used; all that are bad are named at once.
    ResourceError
        The result would not fit into the memory.

    Warns
    -----
    DomainWarning
        What must be known before any number; also in ``result.warnings``.
    IndependenceWarning
        Where ``null='independent'`` was asked for.

    Notes
    -----
    Each pair is compared over the voxels (with ``atlas``, the regions) valid in both maps. Neither are independent
    in brain maps, so the number alone says nothing about chance; the null model does.

    Examples
    --------
    >>> import numpy as np
    >>> correlate(np.array([[1.0, 2.0, 3.0, 5.0]]), np.array([[2.0, 1.0, 4.0, np.nan]])).r
              map0
    map0  0.654654
    """
    chosen = options_of(options, masker)
    start = time.perf_counter()
    _check_device(chosen)
    maps = extracted(x, y, chosen, command=command, progress=progress or silent)
    begun = time.perf_counter()
    result = analyse(maps.x, maps.y, similarity=maps.similarity, model=chosen.model, naive_step=maps.naive_step,
                     mask=None if maps.sampling is None else maps.sampling.mask, provenance=maps.provenance,
                     jobs=chosen.jobs or default_jobs(), memory=chosen.memory, device=chosen.device,
                     progress=progress or silent)
    if maps.parcellation is not None and maps.sampling is not None:
        result = replace(result, parcellation=maps.parcellation, grid=maps.sampling.grid)
    if maps.surveys and chosen.on_error == "skip" and not np.isfinite(result.estimate).any():
        raise _nothing_left(maps.surveys)
    ended = time.perf_counter()
    timings = {**result.provenance.timings, "correlate": ended - begun, "total": ended - start}
    result = replace(result, provenance=replace(result.provenance, timings=timings))
    if warn:
        for text in result.warnings:
            kind = IndependenceWarning if text.startswith(INDEPENDENT.partition(" voxel")[0]) else DomainWarning
            warnings.warn(text, kind, stacklevel=2)
    return result


def check(x: Any, y: Any = None, *, progress: Progress | None = None, **options: Any) -> CheckReport:
    """Read and judge every file as `correlate` would, and compute nothing.

    Takes the arguments of `correlate` (``masker``, ``command`` and ``warn`` apart); does not raise for files that
    cannot be used.
    """
    chosen = options_of(options, None)
    _check_device(chosen)
    prepared = _prepare(x, y, chosen, progress or silent)
    failure, sampling, atlas = prepared.failure, prepared.sampling, prepared.atlas
    sets = [s for s in (prepared.x, prepared.y) if s is not None]
    records = [tuple(r.record for r in s.readings) for s in sets]
    if sampling is not None:
        # Coverage is known only once maps are in the mask; the rows themselves are dropped.
        how: dict[str, Any] = {"resample_option": chosen.resample, "jobs": chosen.jobs or default_jobs()}
        records = [(extract(s, sampling, **how) if atlas is None else regional_means(
            s, sampling, atlas, min_coverage=_min_coverage(chosen), **how).matrix).records for s in sets]
        failure = failure or _refusal(sets, chosen)
    return CheckReport(records[0], records[1] if len(records) > 1 else (), prepared.decisions,
                       () if sampling is None else sampling.warnings, None if failure is None else str(failure))


def is_matrix(value: Any) -> bool:
    """Whether maps come as numbers alone: a MapMatrix, or an array of maps × features."""
    return isinstance(value, MapMatrix) or (isinstance(value, np.ndarray) and value.ndim <= 2)


def versions() -> dict[str, str]:
    """What the numbers were made with: Python and the packages that are loaded."""
    found = {"niicorr": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in ("numpy", "scipy", "nibabel", "nilearn", "zlib_ng", "pandas", "matplotlib", "seaborn"):
        module = sys.modules.get(name)
        if module is not None:
            found[name] = str(getattr(module, "__version__", "unknown"))
    return found


def extracted(
    x: Any, y: Any, options: Options, *, command: str | None, progress: Progress, naive: bool = True
) -> Extracted:
    """Read, judge and extract two sets of maps, or take matrices as they are.

    Parameters
    ----------
    x, y
        As for `correlate`.
    options : Options
        Checked.
    command : str or None
        The command line.
    progress : callable
        Told of maps read.
    naive : bool
        Whether rows of the whole grid are taken along where the rules mattered.
    """
    if is_matrix(x) and (y is None or is_matrix(y)):
        if options.atlas is not None:
            raise UsageError("the maps came as arrays, which no atlas fits: give images, or (array, affine)")
        return _from_matrices(x, y, options, command)
    return _from_files(x, y, options, command, progress, naive)


def _from_matrices(x: Any, y: Any, options: Options, command: str | None) -> Extracted:
    first = x if isinstance(x, MapMatrix) else MapMatrix.from_array(x)
    second = y if y is None or isinstance(y, MapMatrix) else MapMatrix.from_array(y)
    check_features(first, first if second is None else second)
    similarity = Similarity(options.method, float(options.threshold), *_beside_matrices(first.features.n, options))
    if similarity.weights is not None or similarity.covariates is not None:
        keep = np.ones(first.features.n, dtype=bool)
        if similarity.weights is not None:
            keep &= similarity.weights > 0
        if similarity.covariates is not None:
            keep &= np.isfinite(similarity.covariates).all(axis=0)
        if not keep.any():
            raise InputError("no feature is left: none has a weight above 0 and a value in every covariate")
        if not keep.all():
            first, second = first.within(keep), None if second is None else second.within(keep)
            similarity = similarity.on(keep)
    provenance = Provenance(options.resolved(), command, versions())
    return Extracted(first, second, similarity, provenance)


def _beside_matrices(n: int, options: Options) -> tuple[Float64Array | None, Float64Array | None]:
    """Return weights, shape (features,), and covariates, shape (covariates, features), that came as arrays."""
    weights = covariates = None
    if options.weights is not None:
        weights = _array(options.weights, "weights", n)[0]
        if (weights < 0).any():
            raise InputError(f"{np.count_nonzero(weights < 0)} weights are negative, down to {np.nanmin(weights):.3g}: "
                             "weights are 0 or more")
        weights = scaled_weights(np.where(np.isfinite(weights), weights, 0.0))
    if options.partial is not None:
        covariates = _array(options.partial, "partial", n)
    return weights, covariates


def _array(values: Any, name: str, n: int) -> Float64Array:
    if isinstance(values, MapMatrix):
        values = values.values
    if not isinstance(values, np.ndarray):
        raise UsageError(f"maps came as arrays, so {name} must be an array, too")
    plain = plain_array(values)
    if plain.dtype.kind not in "buif":
        raise InputError(f"{name} must hold real numbers, not {plain.dtype}")
    array = np.atleast_2d(plain.astype(np.float64))
    if array.ndim != 2 or array.shape[1] != n or (name == "weights" and len(array) != 1):
        raise InputError(f"{name} has shape {np.shape(values)}; the maps have {n} features")
    return array


def _from_files(
    x: Any, y: Any, options: Options, command: str | None, progress: Progress, naive: bool
) -> Extracted:
    prepared = _prepare(x, y, options, progress)
    sets = [s for s in (prepared.x, prepared.y) if s is not None]
    problem = prepared.failure or _refusal(sets, options)
    if problem is not None:
        raise problem
    sampling = prepared.sampling
    assert sampling is not None  # without a failure there is one
    jobs = options.jobs or default_jobs()
    n_maps = sum(len(s.maps) for s in sets)
    start = time.perf_counter()
    if prepared.atlas is not None:
        return _regional(prepared, prepared.atlas, sets, options, command, start)
    step = naive_step(sampling.grid.size, n_maps) if naive and _rules_mattered(sets) else 0
    matrices = [extract(s, sampling, resample_option=options.resample, naive_step=step, n_maps=n_maps, jobs=jobs)
                for s in sets]
    beside = prepared.beside
    assert beside is not None  # it holds the sampling
    provenance = Provenance(options.resolved(), command, versions(), prepared.decisions, sampling.warnings,
                            {**prepared.timings, "extract": time.perf_counter() - start}, beside.records)
    similarity = Similarity(options.method, float(options.threshold), beside.weights, beside.covariates)
    return Extracted(matrices[0], matrices[1] if len(matrices) > 1 else None, similarity, provenance, step,
                     tuple(sets), sampling)


def _regional(
    prepared: _Prepared, atlas: Atlas, sets: list[Survey], options: Options, command: str | None, start: float
) -> Extracted:
    """Average both sets over the regions of an atlas; weights and covariates, too."""
    beside = prepared.beside
    assert beside is not None  # callers have a sampling
    sampling, jobs = beside.sampling, options.jobs or default_jobs()
    means = [regional_means(s, sampling, atlas, min_coverage=_min_coverage(options), resample_option=options.resample,
                            jobs=jobs) for s in sets]
    weights, covariates = (None if values is None else region_averages(values, sampling, atlas)
                           for values in (beside.weights, beside.covariates))
    matrices = [part.matrix for part in means]
    similarity = Similarity(options.method, float(options.threshold), weights, covariates)
    keep = np.ones(len(atlas), dtype=bool)
    for values in (weights, covariates):
        if values is not None:
            keep &= np.isfinite(values).reshape(-1, len(atlas)).all(axis=0)
    if not keep.all():
        matrices, similarity = [matrix.within(keep) for matrix in matrices], similarity.on(keep)
    parcellation = _parcellation(sets, means, atlas)
    decisions = (*prepared.decisions, *_coverage_decisions(parcellation, options, keep))
    provenance = Provenance(options.resolved(), command, versions(), decisions, sampling.warnings,
                            {**prepared.timings, "extract": time.perf_counter() - start}, beside.records)
    return Extracted(matrices[0], matrices[1] if len(matrices) > 1 else None, similarity, provenance,
                     int(_rules_mattered(sets)), tuple(sets), sampling, parcellation)


def _parcellation(sets: list[Survey], means: list[Regional], atlas: Atlas) -> Parcellation:
    labels = tuple(label for s in sets for label in s.maps.labels)
    coverage = np.concatenate([part.coverage for part in means])
    if not (coverage > 0).any():
        raise InputError(f"no map has data in any region of {atlas.path}: check that atlas and maps are in one space")
    return Parcellation(atlas.path, atlas.regions, atlas.held, labels, coverage,
                        np.concatenate([part.values for part in means]), in_mni(atlas))


def _coverage_decisions(parcellation: Parcellation, options: Options, keep: BoolArray) -> Iterator[Decision]:
    """Say which regions no map has, and which do not count for want of a weight or a covariate."""
    n, names = len(parcellation.regions), parcellation.names
    values = parcellation.values
    assert values is not None  # of maps there are
    yield Decision("atlas", f"a map's value of a region is its mean over the region's voxels with data; missing where "
                   f"they are less than {_min_coverage(options):.0%} of it")
    without = [names[k] for k in np.flatnonzero(~np.isfinite(values).any(axis=0) & (parcellation.n_voxels > 0))]
    if without:
        yield Decision("atlas", f"{len(without)} of {n} regions are missing in every map: {listed(without)}")
    if not keep.all():
        dropped = [names[k] for k in np.flatnonzero(~keep)]
        yield Decision("atlas", f"{len(dropped)} of {n} regions do not count, since weights or covariates have no "
                       f"value there: {listed(dropped)}")


def _min_coverage(options: Options) -> float:
    return MIN_COVERAGE if options.min_coverage is None else float(options.min_coverage)


def _prepare(x: Any, y: Any, options: Options, progress: Progress) -> _Prepared:
    """Read every map and settle how it gets to the grid of comparison.

    Raises for wrong calls, sets without any map and results too large; what is wrong with files or their grids
    is the ``failure`` that comes back.
    """
    start = time.perf_counter()
    if x is None:
        raise UsageError("x is None: name the maps of the first set")
    cache = None
    if options.cache is not None:
        from niicorr.images.cache.store import open_cache  # who has no cache need not load one

        cache = open_cache(options.cache)
    read: dict[str, Any] = {"volumes": options.volumes, "on_error": "skip", "max_map_size": options.max_map_size,
                            "cache": cache}
    # The atlas comes first: it is one file, and what is wrong with it should not take a thousand maps to tell.
    atlas = None if options.atlas is None else read_atlas(options.atlas, options.labels,
                                                          max_map_size=options.max_map_size)
    sets: list[MapSet] = [read_maps(part, **read) for part in (x, y) if part is not None]
    _check_room(len(sets[0]) * len(sets[-1]), options)
    headers = time.perf_counter()
    jobs = options.jobs or default_jobs()
    keep = memory_budget(options.memory) / 2 / len(sets)
    with progress(sum(map(len, sets)), "reading maps") as advance:
        surveys = [survey(maps, background=options.background, zeros=options.zeros, jobs=jobs, keep=keep,
                          progress=advance, cache=cache) for maps in sets]
    beside, failure = None, None
    try:
        how: dict[str, Any] = {"mask": options.mask, "grid": options.grid, "interpolation": options.interpolation}
        second = surveys[1] if len(surveys) > 1 else None
        if atlas is None:
            sampling = choose_sampling(surveys[0], second, **how)
        else:
            sampling, atlas = sample_atlas(surveys[0], second, atlas, **how)
        beside = read_beside(sampling, options.weights, options.partial, background=options.background,
                             zeros=options.zeros, resample_option=options.resample,
                             max_map_size=options.max_map_size, jobs=jobs)
    except NiicorrError as error:
        problems = [p for s in surveys for p in s.problems]
        failure = error
        if problems and (options.on_error == "stop" or len(problems) == sum(map(len, sets))):
            besides = "" if len(problems) == sum(map(len, sets)) else str(error)
            failure = UnusableMapsError(_once(problems), sum(map(len, sets)), besides)
    if beside is not None:
        surveys = [settle(s, beside.sampling, options.resample) for s in surveys]
    timings = {"headers": headers - start, "read": time.perf_counter() - headers}
    return _Prepared(surveys[0], surveys[1] if len(surveys) > 1 else None, beside, failure, atlas, timings, cache)


def _check_device(options: Options) -> None:
    """Raise for a device that cannot be had before any map is read."""
    if options.device == "cuda":
        choose_device(options.device, 0)


def _check_room(cells: int, options: Options) -> None:
    """Refuse a result that cannot be held, before any voxel is read; who gives --memory is taken at their word."""
    needed, budget = cells * BYTES_PER_CELL, memory_budget(None)
    if options.memory is None and needed > budget:
        raise ResourceError(f"a result of {cells} pairs takes about {needed / 2**30:.1f} GiB of memory; "
                            f"{budget / 2**30:.1f} GiB may be used: compare fewer maps at once")


def _refusal(sets: list[Survey], options: Options) -> NiicorrError | None:
    """All maps that cannot be used, as one error; None where the run may go on without them."""
    problems = [p for s in sets for p in s.problems]
    if not problems or (options.on_error == "skip" and all(len(s.problems) < len(s.maps) for s in sets)):
        return None
    return UnusableMapsError(_once(problems), sum(len(s.maps) for s in sets))


def _once(problems: list[Any]) -> list[Any]:
    """A file with many maps, or one in both sets, is named once."""
    return list({(p.path, p.text): p for p in problems}.values())


def _nothing_left(sets: Sequence[Survey]) -> InputError:
    problems = _once([p for s in sets for p in s.problems])
    if problems:
        return UnusableMapsError(problems, sum(len(s.maps) for s in sets))
    return InputError("no pair of maps has a number: every pair has too little in common, or a constant map")


def _rules_mattered(sets: list[Survey]) -> bool:
    return any(r.record.background is not None or r.by_rule for s in sets for r in s.readings)
