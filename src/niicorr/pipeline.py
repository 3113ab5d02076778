"""Files to result: the one place where images and numerics meet.

    read_maps → survey → choose_sampling → extract → analyse

each taking an immutable value and returning the next. `correlate` walks the whole road; `check` stops before
any number; `niicorr.calibration` leaves it after `niicorr.extraction`.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.analysis import analyse, listener
from niicorr.bare_arrays import is_matrix
from niicorr.compute.device import choose_device
from niicorr.errors import DomainWarning, IndependenceWarning, InputError, UsageError
from niicorr.extraction import extracted
from niicorr.images.extract import extract
from niicorr.images.survey import Survey
from niicorr.machine import default_jobs
from niicorr.numberless import numberless_text
from niicorr.options import Options, options_of
from niicorr.overlap import Outlines, overlap_warning
from niicorr.preparing import prepare
from niicorr.records import INDEPENDENT, Decision, MapRecord
from niicorr.refusals import astray, nothing_left, refusal
from niicorr.result import CorrelationResult
from niicorr.tables import folder_named
from niicorr.typing import Progress

if TYPE_CHECKING:  # who needs neither need not load them
    from niicorr.cluster.session import Cluster
    from niicorr.resume.kept import KeptWork


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
        ``variogram``; at most 10 000 000.
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
    scheduler : str, optional
        A dask scheduler whose workers help: ``tcp://…``, the file that it wrote, or ``local:N`` for N processes here
        (in a script, below ``if __name__ == "__main__"``). They need to see maps, cache and working folder under the
        same names; the numbers are the same.
    cache : path, optional
        A folder where maps are kept as they were read, so that a later run need not read their files again; the
        numbers are the same with and without it.
    resume : path, optional
        A folder where work is kept while it is done, so that the same call continues it where it was interrupted; the
        numbers are the same. It is removed when the result is there.

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
    progress = listener(progress)
    chosen = options_of(options, masker)
    kept = None
    if chosen.resume is not None:
        from niicorr.resume.kept import open_kept  # who keeps nothing need not load it

        kept = open_kept(chosen.resume)
    begun_here = kept is not chosen.resume
    chosen = replace(chosen, resume=kept)
    start = time.perf_counter()
    _check_device(chosen)
    with _workers(x, y, chosen, progress) as cluster:
        if cluster is not None:
            chosen = replace(chosen, scheduler=cluster.name)
        result = _compared(x, y, chosen, command, progress, kept, cluster)
    told = (*(() if kept is None else kept.decisions), *(() if cluster is None else cluster.decisions))
    timings = {**result.provenance.timings, "total": time.perf_counter() - start}
    result = replace(result, provenance=replace(result.provenance, timings=timings,
                                                decisions=(*result.provenance.decisions, *told)))
    if kept is not None and begun_here:
        kept.remove()
    if warn:
        for text in result.warnings:
            kind = IndependenceWarning if text.startswith(INDEPENDENT.partition(" voxel")[0]) else DomainWarning
            warnings.warn(text, kind, stacklevel=2)
    return result


def _compared(
    x: Any, y: Any, chosen: Options, command: str | None, progress: Progress, kept: KeptWork | None,
    cluster: Cluster | None,
) -> CorrelationResult:
    maps = extracted(x, y, chosen, command=command, progress=progress, cluster=cluster)
    ready = time.perf_counter()
    result = analyse(maps.x, maps.y, similarity=maps.similarity, model=chosen.model, naive_step=maps.naive_step,
                     mask=None if maps.sampling is None else maps.sampling.mask, provenance=maps.provenance,
                     jobs=chosen.jobs or default_jobs(), memory=chosen.memory,
                     device=chosen.device if cluster is None else "cpu", progress=progress, kept=kept, cluster=cluster)
    if maps.parcellation is not None and maps.sampling is not None:
        result = replace(result, parcellation=maps.parcellation, grid=maps.sampling.grid)
    if maps.surveys and chosen.on_error == "skip" and not np.isfinite(result.estimate).any():
        raise nothing_left(maps.surveys)
    timings = {**result.provenance.timings, "correlate": time.perf_counter() - ready}
    if cluster is not None:
        timings["workers"] = cluster.seconds
    return replace(result, provenance=replace(result.provenance, timings=timings))


@contextmanager
def _workers(x: Any, y: Any, options: Options, progress: Progress) -> Iterator[Cluster | None]:
    """Have the workers that were asked for, while maps are compared."""
    if options.scheduler is None:
        yield None
        return
    if is_matrix(x) or is_matrix(y):
        raise UsageError("the maps came as arrays, and workers read files: give paths, or leave out scheduler")
    from niicorr.cluster.connection import connected

    beside = "." if options.cache is None else os.path.dirname(folder_named("cache", options.cache)) or "."
    with connected(options.scheduler, beside, jobs=options.jobs or default_jobs(), progress=progress) as cluster:
        yield cluster


def check(x: Any, y: Any = None, *, progress: Progress | None = None, **options: Any) -> CheckReport:
    """Read and judge every file as `correlate` would, and compute nothing.

    Takes the arguments of `correlate` (``masker``, ``command`` and ``warn`` apart); does not raise for files that
    cannot be used. There is nothing that ``resume`` could continue, and files are read here without ``scheduler``'s
    workers.
    """
    chosen = replace(options_of(options, None), resume=None)
    _check_device(chosen)
    prepared = prepare(x, y, chosen, listener(progress))
    failure, sampling, atlas = prepared.failure, prepared.sampling, prepared.atlas
    sets = [s for s in (prepared.x, prepared.y) if s is not None]
    records = [tuple(r.record for r in s.readings) for s in sets]
    remarks: tuple[str, ...] = ()
    if sampling is not None:
        # Coverage is known only once maps are in the mask; the rows themselves are dropped.
        how: dict[str, Any] = {"resample_option": chosen.resample, "jobs": chosen.jobs or default_jobs()}
        if atlas is None:
            outlines = [Outlines.of(extract(s, sampling, **how)) for s in sets]
        else:
            from niicorr.averaging import fitting, min_coverage_of
            from niicorr.images.regions import regional_means

            how["min_coverage"] = min_coverage_of(chosen)
            means = [regional_means(s, sampling, atlas, **how) for s in sets]
            remarks = fitting(sets, means, atlas, chosen)
            outlines = [Outlines.of(part.matrix) for part in means]
        records = [of_set.records for of_set in outlines]
        failure = failure or refusal(sets, chosen) or _numberless(sets, outlines, chosen)
        empty = numberless_text([one for part in outlines for one in part.numberless])
        own = (*astray(sets, chosen), *sampling.warnings)
        remarks = tuple(text for text in (*own, *remarks, empty, overlap_warning(*outlines)) if text)
    return CheckReport(records[0], records[1] if len(records) > 1 else (), prepared.decisions, remarks,
                       None if failure is None else str(failure))


def _numberless(sets: Sequence[Survey], outlines: Sequence[Outlines], options: Options) -> InputError | None:
    """What `correlate` raises where maps are skipped and nothing is left to compare."""
    if options.on_error == "skip" and any(not part.maps.sum() for part in outlines):
        return nothing_left(sets)
    return None


def _check_device(options: Options) -> None:
    """Raise for a device that cannot be had before any map is read."""
    if options.device == "cuda":
        choose_device(options.device, 0)
