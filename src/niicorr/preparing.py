"""Sets of maps read and settled: every file once, one grid, one mask, and all that is wrong with them together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from niicorr.errors import NiicorrError, ResourceError, UsageError
from niicorr.images.beside import Beside, read_beside
from niicorr.images.mapset import MapSet, read_maps
from niicorr.images.sampling import Sampling, choose_sampling, settle
from niicorr.images.survey import Survey, survey
from niicorr.machine import default_jobs, memory_budget
from niicorr.numerals import integer, memory_text
from niicorr.options import Options
from niicorr.records import Decision
from niicorr.refusals import stopped_by
from niicorr.typing import Progress

if TYPE_CHECKING:  # who needs neither need not load them
    from niicorr.cluster.session import Cluster
    from niicorr.images.atlas import Atlas
    from niicorr.images.cache.store import Cache

BYTES_PER_CELL = 60
"""Of one pair what cannot lie in a file, at the peak: flags, places of sorted p-values, pieces of figures."""


@dataclass(frozen=True, eq=False)
class Prepared:
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


def prepare(x: Any, y: Any, options: Options, progress: Progress, cluster: Cluster | None = None) -> Prepared:
    """Read every map, or let workers read them, and settle how it gets to the grid of comparison.

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
    elif options.resume is not None:
        from niicorr.resume.kept import open_kept

        cache = open_kept(options.resume).maps()
    read: dict[str, Any] = {"volumes": options.volumes, "on_error": "skip", "max_map_size": options.max_map_size,
                            "cache": cache}
    # The atlas comes first: it is one file, and what is wrong with it should not take a thousand maps to tell.
    atlas = None
    if options.atlas is not None:
        from niicorr.images.atlas import read_atlas

        atlas = read_atlas(options.atlas, options.labels, max_map_size=options.max_map_size)
    sets: list[MapSet] = [read_maps(part, **read) for part in (x, y) if part is not None]
    _check_room(len(sets[0]) * len(sets[-1]), options)
    headers = time.perf_counter()
    jobs = options.jobs or default_jobs()
    keep = memory_budget(options.memory) / 2 / len(sets)
    if cluster is not None:
        cache = cluster.read(sets, cache=cache, volumes=options.volumes, background=options.background,
                             zeros=options.zeros, max_map_size=options.max_map_size, progress=progress)
    with progress(sum(map(len, sets)), "reading maps" if cluster is None else "judging maps") as advance:
        surveys = [survey(maps, background=options.background, zeros=options.zeros, jobs=jobs, keep=keep,
                          progress=advance, cache=cache) for maps in sets]
    beside, failure = None, None
    try:
        how: dict[str, Any] = {"mask": options.mask, "grid": options.grid, "interpolation": options.interpolation}
        second = surveys[1] if len(surveys) > 1 else None
        if atlas is None:
            sampling = choose_sampling(surveys[0], second, **how)
        else:
            from niicorr.images.atlas_sampling import sample_atlas

            sampling, atlas = sample_atlas(surveys[0], second, atlas, **how)
        beside = read_beside(sampling, options.weights, options.partial, background=options.background,
                             zeros=options.zeros, resample_option=options.resample,
                             max_map_size=options.max_map_size, jobs=jobs)
    except NiicorrError as error:
        failure = stopped_by(error, surveys, options)
    if beside is not None:
        surveys = [settle(s, beside.sampling, options.resample) for s in surveys]
    timings = {"headers": headers - start, "read": time.perf_counter() - headers}
    return Prepared(surveys[0], surveys[1] if len(surveys) > 1 else None, beside, failure, atlas, timings,
                    None if options.cache is None else cache)


def rules_mattered(sets: list[Survey]) -> bool:
    """Whether a background was seen, or zeros were decided by rule, in any map."""
    return any(r.record.background is not None or r.by_rule for s in sets for r in s.readings)


def _check_room(cells: int, options: Options) -> None:
    """Refuse a result that cannot be held, before any voxel is read; who gives --memory is taken at their word."""
    needed, budget = cells * BYTES_PER_CELL, memory_budget(None)
    if options.memory is None and needed > budget:
        raise ResourceError(f"a result of {integer(cells)} pairs takes about {memory_text(needed)} of memory; "
                            f"{memory_text(budget)} may be used: compare fewer maps at once, or give "
                            "--memory, which overrules this estimate")
