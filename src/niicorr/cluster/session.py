"""The client's side of a run that workers help with: what is given out, in which order, and what comes of it.

    read → extract → tiles, null

Every decision is the client's: it reads what workers put into the cache as it would read its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

from niicorr.cluster import demands, work
from niicorr.cluster.gather import Gathered
from niicorr.cluster.nulls import GivenOutNull
from niicorr.cluster.orders import Comparing, FileOrder, Placing, Reading, SetFacts
from niicorr.cluster.shards import shard_path
from niicorr.cluster.tasks import Tasks
from niicorr.cluster.tiles import GivenOutTiles
from niicorr.compute.outcome import Elsewhere
from niicorr.compute.plan import TILE, cuts
from niicorr.compute.similarity import Similarity
from niicorr.errors import ResourceError, UsageError
from niicorr.images.cache import layout
from niicorr.images.cache.store import Cache, open_cache
from niicorr.images.inspect import BackgroundOption
from niicorr.images.mapset import MapSet, VolumesOption
from niicorr.images.sampling import Sampling
from niicorr.images.survey import Survey
from niicorr.matrix import MapMatrix
from niicorr.nulls.descriptions import PIECE
from niicorr.nulls.effective import EffectiveNull
from niicorr.numerals import integer, listed, plural
from niicorr.records import Decision
from niicorr.tables import path_text
from niicorr.typing import Progress, Resample, Zeros

NAMES = ("x", "y")

ROUNDS = 8
"""Reading is cut into so many tasks for each thread, so that all end at about the same time."""

FILES = 32
"""At most so many files to a task, so that progress is seen and little is lost."""

FAREWELL = 5.0
"""Seconds in which a worker hears that a run has ended; another run of its own makes it let go as well, by and by."""

LEAST = PIECE
"""Maps of the smallest shard: as many as null models describe at once."""


class Cluster:
    """Workers at the disposal of a run; made by `niicorr.cluster.connection.connected`.

    Parameters
    ----------
    tasks : Tasks
        Where work is sent.
    folder : str
        The hidden folder that this run and all workers see.
    name : str
        What the scheduler is called.
    jobs : int
        Threads of this process.
    seconds : float
        What it took to have them.
    """

    def __init__(self, tasks: Tasks, folder: str, name: str, jobs: int, seconds: float) -> None:
        self.seconds = seconds
        self.name = name
        self._tasks, self._folder, self._jobs = tasks, folder, jobs
        self._own: Cache | None = None
        self._names: WeakKeyDictionary[MapMatrix, str] = WeakKeyDictionary()
        self._comparisons = 0
        self._did: dict[str, None] = {}
        self._faults: dict[str, None] = {}
        self._workers, self._threads = len(tasks.workers), sum(tasks.workers.values())

    def read(
        self, sets: Sequence[MapSet], *, cache: Cache | None, volumes: VolumesOption, background: BackgroundOption,
        zeros: Zeros, max_map_size: int, progress: Progress,
    ) -> Cache:
        """Let workers read all files into a cache.

        Parameters
        ----------
        sets : sequence of MapSet
            One or two.
        cache : Cache, optional
            Where maps are kept anyway; without it they are kept in the folder of the run.
        volumes, background, zeros, max_map_size
            How files are read.
        progress : callable
            Told of maps read.

        Returns
        -------
        Cache
            The same, or that of the run, with all that workers have added: `survey` finds the maps there.

        Raises
        ------
        UsageError
            Where maps are in memory.
        ResourceError
            Where workers do not see the files.
        """
        if cache is None:
            place = os.path.join(self._folder, "maps")
            layout.make(place)  # now: a task that outlives this run must not make it anew
        else:
            place = os.path.abspath(cache.folder)
        order = Reading(self._folder, work.versions_here(), place,
                        {name: _file_orders(maps) for name, maps in zip(NAMES, sets, strict=False)},
                        volumes, background, zeros, max_map_size)
        order.write()
        slices = [(self._folder, name, part.start, part.stop) for name, files in order.sets.items()
                  for part in cuts(len(files), max(1, min(FILES, len(files) // (ROUNDS * self._threads))))]
        with progress(sum(map(len, sets)), "reading maps") as advance:
            for (_, name, start, stop), answer in self._tasks.done(work.read, slices):
                with demands.of_worker("an account of the files it was to read"):
                    unseen, fault = demands.read_answer(answer, [file.path for file in order.sets[name][start:stop]])
                self._check_seen(unseen)
                if fault:
                    self._faults[f"a worker could not write the cache ({fault}): maps were read more than once"] = None
                advance(sum(file.maps for file in order.sets[name][start:stop]))
        self._did["read the maps"] = None
        if cache is None:
            cache = self._own = open_cache(place)
        else:
            cache.refresh()
        return cache

    def extract(
        self, surveys: Sequence[Survey], sampling: Sampling, *, resample_option: Resample, naive_step: int, n_maps: int,
        on_disk: bool, progress: Progress,
    ) -> list[MapMatrix]:
        """Let workers bring all maps to the grid of comparison, and gather the rows.

        Parameters
        ----------
        surveys : sequence of Survey
            Of the sets that were given to `read`, settled.
        sampling, resample_option, naive_step, n_maps, on_disk
            As for `niicorr.images.extract.extract`, whose outcome this is.
        progress : callable
            Told of maps.
        """
        piece = TILE
        while piece > LEAST and n_maps < 2 * piece * self._threads:
            piece //= 2
        Placing(sampling, resample_option, naive_step, n_maps, piece).write(self._folder)
        sets = {name: Gathered(survey, sampling, naive_step, n_maps, on_disk=on_disk)
                for name, survey in zip(NAMES, surveys, strict=False)}
        slices = [(self._folder, name, part.start, part.stop) for name, survey in zip(NAMES, surveys, strict=False)
                  for part in cuts(len(survey.readings), piece)]
        with progress(n_maps, "bringing maps to one grid") as advance:
            for (_, name, start, stop), _ in self._tasks.done(work.place, slices):
                sets[name].take(start, shard_path(self._folder, name, start))
                advance(stop - start)
        matrices = {name: gathered.matrix() for name, gathered in sets.items()}
        for name, matrix in matrices.items():
            SetFacts.of(matrix).write(self._folder, name)
            self._names[matrix] = name
        return list(matrices.values())

    def tiles(
        self, similarity: Similarity, x: MapMatrix, y: MapMatrix, before: Elsewhere | None
    ) -> Elsewhere | None:
        """Return who makes the tiles of a comparison; ``before`` is asked first, and takes notice of all.

        Maps that workers did not extract are compared here.
        """
        if not self.extracted(x, y):
            return before
        number = self._comparing(Comparing(self._names[x], self._names[y], similarity))
        return GivenOutTiles(self._tasks, self._folder, number, before, self._jobs, self._note)

    def extracted(self, *matrices: MapMatrix) -> bool:
        """Whether workers have the rows of these maps."""
        return all(matrix in self._names for matrix in matrices)

    def null(
        self, make: Callable[[], EffectiveNull], similarity: Similarity, kind: str, x: MapMatrix, y: MapMatrix, *,
        at_once: bool,
    ) -> GivenOutNull:
        """Return a null model to which maps that were `extracted` are given as they are.

        Workers describe what the similarity makes of them (`Similarity.base`), and begin ``at_once`` if all pieces
        will be asked for. ``make`` makes the null model for this process, which sizes up pairs.
        """
        names = self._names[x], self._names[y]
        number = self._comparing(Comparing(*names, similarity, kind))
        sets = dict(zip(names, (x, y), strict=True))  # of a set with itself: once
        return GivenOutNull(self._tasks, self._folder, number, make, similarity, sets, self._jobs, self._note,
                            at_once=at_once)

    def forget(self) -> None:
        """Let workers that outlive this run let go of what they kept for it.

        For a run that ended well: to one that was interrupted, a worker may owe the answer to something longer.
        """
        self._tasks.everywhere(work.forget, (self._folder,), FAREWELL)

    def leave(self) -> None:
        """Let go of the folder: what the result wants to know of its maps later, it reads from their files."""
        if self._own is not None:
            self._own.forget()

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Who did what."""
        threads = "" if self._threads == self._workers else f", {integer(self._threads)} threads in all,"
        texts = [f"{plural(self._workers, 'worker')} of {path_text(self.name)}{threads} {listed(self._did)}; all else "
                 "was done here", *self._faults]
        if self._tasks.lost:
            were = "was" if self._tasks.lost == 1 else "were"
            texts.append(f"{plural(self._tasks.lost, 'worker')} {were} lost on the way; what was not finished was done "
                         "again by others")
        return tuple(Decision("scheduler", text) for text in texts)

    def _comparing(self, order: Comparing) -> int:
        number, self._comparisons = self._comparisons, self._comparisons + 1
        order.write(self._folder, number)
        return number

    def _note(self, did: str) -> None:
        self._did[did] = None

    @staticmethod
    def _check_seen(unseen: list[str]) -> None:
        here = [path for path in unseen if os.path.exists(path)]
        if here:
            raise ResourceError(f"a worker does not see {path_text(here[0])}: maps, cache and output must lie on a "
                                "disk that all workers see under the same name")


def _file_orders(maps: MapSet) -> tuple[FileOrder, ...]:
    for file in maps.files:
        if file.source.image is not None:
            raise UsageError(f"{file.source.path} is in memory, and workers read files: give paths, or leave out "
                             "scheduler")
    return tuple(FileOrder(os.path.abspath(file.source.path), len(file.labels), file.first,
                           file.header is not None and file.problem is None) for file in maps.files)
