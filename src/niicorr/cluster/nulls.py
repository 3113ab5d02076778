"""A null model whose descriptions of maps workers make, a few pieces ahead of what is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from niicorr.cluster import demands, work
from niicorr.cluster.tasks import AHEAD, Tasks
from niicorr.cluster.tiles import pays
from niicorr.compute.plan import cuts
from niicorr.compute.similarity import Similarity
from niicorr.matrix import MapMatrix
from niicorr.nulls import descriptions
from niicorr.nulls.effective import Description, EffectiveNull, EffectiveSize
from niicorr.nulls.supports import Supports
from niicorr.nulls.traces import Atoms
from niicorr.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from distributed import Future


class GivenOutNull:
    """A null model as it is, but for descriptions.

    Parameters
    ----------
    tasks : Tasks
        Where they are sent.
    folder : str
        Of the run.
    number : int
        Of the comparison.
    make : callable
        Makes the null model; workers have begun by then.
    similarity : Similarity
        Makes the base of maps, which is described.
    sets : dict of str to MapMatrix
        All maps, by the name of their set, in the order in which pieces of them will be asked for.
    jobs : int
        Threads of this process.
    note : callable
        Told what workers did.
    at_once : bool
        Whether workers begin before they are asked.
    """

    def __init__(
        self, tasks: Tasks, folder: str, number: int, make: Callable[[], EffectiveNull], similarity: Similarity,
        sets: dict[str, MapMatrix], jobs: int, note: Callable[[str], None], *, at_once: bool,
    ) -> None:
        self._tasks, self._note = tasks, note
        self._similarity, self._sets = similarity, sets
        self._orders = [(folder, number, name, piece.start, piece.stop)
                        for name, matrix in sets.items() for piece in cuts(len(matrix), descriptions.PIECE)]
        self._given_out = pays(len(self._orders), sum(tasks.workers.values()), jobs)
        self._places = {_address(sets[name].rows[start:stop]): k
                        for k, (_, _, name, start, stop) in enumerate(self._orders)}
        self._sent: dict[int, Future] = {}
        self._next = 0
        if at_once and self._given_out:
            self._send_ahead(0)
        self._null = make()

    @property
    def supports(self) -> Supports:
        """All masks that occur."""
        return self._null.supports

    @property
    def atoms(self) -> Atoms | None:
        """What autocovariances are made of."""
        return self._null.atoms

    @property
    def bytes_per_map(self) -> int:
        """Memory that the description of a map takes."""
        return self._null.bytes_per_map

    def describe(self, matrix: MapMatrix, jobs: int = 1) -> Description:
        """Fit every map of a piece of one of the sets, as it was extracted."""
        k = self._places[_address(matrix.rows)]
        if not self._given_out:
            return self._null.describe(self._base(k, matrix, jobs), jobs)
        self._note("described them for the null model")
        self._send_ahead(k)
        future = self._sent.pop(k, None) or self._tasks.send(work.describe, self._orders[k])
        answer = self._tasks.arrived(future)
        with demands.of_worker("the description it was asked for"):
            return demands.description(answer, len(matrix))

    def _send_ahead(self, k: int) -> None:
        """Send a piece and a few after it, unless they have been."""
        end = min(k + AHEAD * sum(self._tasks.workers.values()), len(self._orders) - 1)
        for ahead in range(max(self._next, k), end + 1):
            self._sent[ahead] = self._tasks.send(work.describe, self._orders[ahead])
        self._next = max(self._next, end + 1)

    def _base(self, k: int, piece: MapMatrix, jobs: int) -> MapMatrix:
        _, _, name, start, _ = self._orders[k]
        exact = self._sets[name].exact
        whole = replace(piece, exact=None if exact is None else lambda index: exact(start + index))
        return self._similarity.base(whole, jobs)

    def size(self, x: Description, y: Description, n: IntArray) -> EffectiveSize:
        """Find n_effective for all pairs of two described sets."""
        return self._null.size(x, y, n)


def _address(rows: FloatArray) -> tuple[int, int]:
    """Tell rows from all others of the same matrix: pieces are views of it."""
    return rows.__array_interface__["data"][0], len(rows)
