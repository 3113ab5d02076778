"""Tiles that workers make; see `niicorr.compute.outcome.Elsewhere`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from niicorr.cluster import demands, work
from niicorr.cluster.tasks import Tasks
from niicorr.compute.outcome import Elsewhere, TileOutcome
from niicorr.compute.plan import Sizes, Tile


class GivenOutTiles:
    """The tiles of one comparison.

    Parameters
    ----------
    tasks : Tasks
        Where they are sent.
    folder : str
        Of the run.
    number : int
        Of the comparison.
    before : Elsewhere or None
        Asked first; takes notice of all that are made.
    jobs : int
        Threads of this process.
    note : callable
        Told what workers did.
    """

    def __init__(
        self, tasks: Tasks, folder: str, number: int, before: Elsewhere | None, jobs: int, note: Callable[[str], None]
    ) -> None:
        self._tasks, self._folder, self._number = tasks, folder, number
        self._before, self._jobs, self._note = before, jobs, note

    def known(self, sizes: Sizes, tiles: list[Tile]) -> Iterator[tuple[Tile, TileOutcome]]:
        """Yield tiles as workers make them, if that is no slower than making them here."""
        left = {_corners(tile): tile for tile in tiles}
        if self._before is not None:
            for tile, outcome in self._before.known(sizes, tiles):
                del left[_corners(tile)]
                yield tile, outcome
        if not left or not pays(len(left), sum(self._tasks.workers.values()), self._jobs):
            return
        self._note("multiplied them")
        orders = [(self._folder, self._number, *corners) for corners in left]
        for (_, _, rows, columns), outcome in self._tasks.done(work.tile, orders):
            with demands.of_worker("the tile it was asked for"):
                demands.tile(outcome, rows, columns)
            tile = left[rows, columns]
            if self._before is not None:
                self._before.keep(tile, outcome)
            yield tile, outcome

    def keep(self, tile: Tile, outcome: TileOutcome) -> None:
        """Take notice of a tile that was made here."""
        if self._before is not None:
            self._before.keep(tile, outcome)


def pays(tiles: int, threads: int, jobs: int) -> bool:
    """Whether workers are done with some tiles as soon as this process is, whose threads share the work of each."""
    return -(-tiles // max(threads, 1)) <= tiles / jobs


def _corners(tile: Tile) -> tuple[tuple[int, int], tuple[int, int]]:
    return (tile[0].start, tile[0].stop), (tile[1].start, tile[1].stop)
