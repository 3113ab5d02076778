"""Maps become matrices of the same features, voxels or regions, with what is to be computed of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.bare_arrays import from_matrices, is_matrix
from niicorr.compute.similarity import Similarity
from niicorr.errors import UsageError
from niicorr.images.extract import extract, naive_step
from niicorr.images.sampling import Sampling
from niicorr.images.survey import Survey
from niicorr.machine import default_jobs, memory_budget, versions
from niicorr.matrix import MapMatrix, row_dtype
from niicorr.numerals import integer, memory_text
from niicorr.options import Options
from niicorr.preparing import prepare, rules_mattered
from niicorr.records import Decision, Provenance
from niicorr.refusals import astray, refusal
from niicorr.result import Parcellation
from niicorr.scratch import demand_room
from niicorr.typing import Progress

if TYPE_CHECKING:  # who asks for no scheduler need not load it
    from niicorr.cluster.session import Cluster

ROWS = 0.5
"""Share of the memory that rows may take; the rest is for products and null models."""

READ_BY = ("nibabel", "scipy")
"""What files go through, also those that a cache has, which need not load it again."""


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


def extracted(
    x: Any, y: Any, options: Options, *, command: str | None, progress: Progress, naive: bool = True,
    cluster: Cluster | None = None,
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
    cluster : Cluster, optional
        Workers that read files and bring maps to the grid.
    """
    if is_matrix(x) and (y is None or is_matrix(y)):
        if options.atlas is not None:
            raise UsageError("the maps came as arrays, which no atlas fits: give images, or (array, affine)")
        first, second, similarity = from_matrices(x, y, options)
        return Extracted(first, second, similarity, Provenance(options.resolved(), command, versions()))
    return _from_files(x, y, options, command, progress, naive, cluster)


def _from_files(
    x: Any, y: Any, options: Options, command: str | None, progress: Progress, naive: bool, cluster: Cluster | None
) -> Extracted:
    prepared = prepare(x, y, options, progress, cluster)
    sets = [s for s in (prepared.x, prepared.y) if s is not None]
    problem = prepared.failure or refusal(sets, options)
    if problem is not None:
        raise problem
    beside = prepared.beside
    assert beside is not None  # without a failure there is one
    sampling = beside.sampling
    jobs = options.jobs or default_jobs()
    n_maps = sum(len(s.maps) for s in sets)
    start = time.perf_counter()

    def done(
        matrices: list[MapMatrix], similarity: Similarity, decisions: tuple[Decision, ...], step: int,
        parcellation: Parcellation | None = None, warnings: tuple[str, ...] = (),
    ) -> Extracted:
        provenance = Provenance(options.resolved(), command, versions(*READ_BY), (*prepared.decisions, *decisions),
                                (*astray(sets, options), *sampling.warnings, *warnings),
                                {**prepared.timings, "extract": time.perf_counter() - start}, beside.records)
        return Extracted(matrices[0], matrices[1] if len(matrices) > 1 else None, similarity, provenance, step,
                         tuple(sets), sampling, parcellation)

    if prepared.atlas is not None:
        from niicorr.averaging import averaged

        found = averaged(sets, prepared.atlas, beside, options, jobs)
        return done(found.matrices, found.similarity, found.decisions, int(rules_mattered(sets)), found.parcellation,
                    found.warnings)
    step = naive_step(sampling.grid.size, n_maps) if naive and rules_mattered(sets) else 0
    on_disk = _too_large(n_maps, sampling, options)
    if on_disk is not None:  # of both sets, before the first is read
        demand_room(_rows_size(n_maps, sampling), "maps")
    how: dict[str, Any] = {"resample_option": options.resample, "naive_step": step, "n_maps": n_maps,
                           "on_disk": on_disk is not None}
    if cluster is None:
        matrices = [extract(s, sampling, **how, jobs=jobs) for s in sets]
    else:
        matrices = cluster.extract(sets, sampling, **how, progress=progress)
    similarity = Similarity(options.method, float(options.threshold), beside.weights, beside.covariates)
    return done(matrices, similarity, () if on_disk is None else (on_disk,), step)


def _too_large(n_maps: int, sampling: Sampling, options: Options) -> Decision | None:
    """Say that maps lie in a file, where they would take more than half of the memory; None where they do not."""
    n = sampling.indices.size
    size, budget = _rows_size(n_maps, sampling), memory_budget(options.memory)
    if size <= ROWS * budget:
        return None
    return Decision("memory", f"{integer(n_maps)} maps of {integer(n)} voxels take {memory_text(size)}, more than "
                    f"half of the {memory_text(budget)} that may be used: they lie in a temporary file (TMPDIR)")


def _rows_size(n_maps: int, sampling: Sampling) -> int:
    """Bytes that maps take."""
    n = sampling.indices.size
    return n_maps * n * np.dtype(row_dtype(n_maps, n)).itemsize
