"""The pair stage of null models: every map is described once, then pairs are sized up, tile by tile.

Descriptions are small against the maps (some 250 kB each, for voxels of any size), but of thousands they do not fit
everywhere. They then wait in a file (`niicorr.scratch`), and a few at a time come back; no map is described twice.
Tiles lie at fixed places and each is the work of one thread: neither memory nor threads change a digit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np

from niicorr.compute.plan import cuts
from niicorr.machine import one_blas_thread
from niicorr.matrix import MapMatrix
from niicorr.nulls import descriptions
from niicorr.nulls.descriptions import arrays_of, from_arrays
from niicorr.nulls.effective import EffectiveSize
from niicorr.nulls.traces import Atoms
from niicorr.scratch import Scratch
from niicorr.threads import in_order
from niicorr.typing import Float64Array, IntArray, Progress

STRIP = 8
"""Pieces of y that wait for a piece of x to come: so often is a piece used that was fetched."""


class Described(Protocol):
    """What a null model keeps of maps: a dataclass of arrays."""

    @property
    def coefficients(self) -> Float64Array:
        """Of the fitted autocovariances, shape (maps, atoms)."""


D = TypeVar("D", bound=Described)


class Sized(Protocol[D]):
    """A null model that describes maps, and sizes up pairs of what it described."""

    @property
    def atoms(self) -> Atoms | None:
        """What autocovariances are made of; None where no map has any data."""

    @property
    def bytes_per_map(self) -> int:
        """Memory that the description of a map takes."""

    def describe(self, matrix: MapMatrix, jobs: int = 1) -> D:
        """Fit every map of a matrix."""

    def size(self, x: D, y: D, n: IntArray) -> EffectiveSize:
        """Find n_effective for all pairs of two described sets with n features in common."""


Place = Callable[[slice, slice, EffectiveSize], None]
"""Takes the rows and the columns of a tile, and what its pairs are worth; called from several threads."""


def size_pairs(
    null: Sized[D], x: MapMatrix, y: MapMatrix, n: IntArray, place: Place, *, jobs: int, memory: int,
    progress: Progress,
) -> tuple[Float64Array, Float64Array]:
    """Size up all pairs of two sets.

    Parameters
    ----------
    null : Sized
        The null model.
    x, y : MapMatrix
        The maps, as the null model knows them. Where y is x, tiles above the diagonal are left out.
    n : ndarray of int, shape (maps of y, maps of x)
        Features in common.
    place : callable
        Takes each tile once.
    jobs : int
        Threads.
    memory : int
        Bytes for descriptions; what takes more waits on the disk.
    progress : callable
        Told of maps described.

    Returns
    -------
    x, y : ndarray, shape (maps, atoms), float64
        Coefficients of the fitted autocovariances.
    """
    room = memory // max(null.bytes_per_map, 1)
    with Scratch("what the null model keeps of the maps") as scratch, one_blas_thread():
        away = len(x) + (0 if y is x else len(y)) > room
        with progress(len(x) + (0 if y is x else len(y)), "fitting autocovariances") as advance:
            of_x, xs = _described(null, x, jobs, scratch if away else None, advance)
            of_y, ys = (of_x, xs) if y is x else _described(null, y, jobs, scratch if away else None, advance)
        piece = descriptions.PIECE  # of maps described at once, and so a side of a tile
        rows, columns = cuts(len(y), piece), cuts(len(x), piece)
        # Of what waits on the disk, each thread holds a piece of x, and all of them share a strip of y.
        threads = max(1, min(jobs, room // piece // 2)) if away else jobs
        length = max(1, min(STRIP, room // piece - threads)) if away else STRIP
        strips = [range(strip.start, strip.stop) for strip in cuts(len(ys), length)]
        work = [[(strip, k) for k in range(len(xs)) if y is not x or k <= strip[-1]] for strip in strips]
        for part in work if away else [[item for items in work for item in items]]:
            held = {i: ys[i]() for i in sorted({i for strip, _ in part for i in strip})}

            def size(item: tuple[range, int], held: dict[int, D] = held) -> None:
                strip, k = item
                # A product of an array with itself is another routine's work than one with a copy.
                described = held[k] if y is x and k in held else xs[k]()
                for i in strip:
                    if y is not x or k <= i:
                        place(rows[i], columns[k], null.size(described, held[i], n[rows[i], columns[k]]))

            for _ in in_order(size, part, threads):
                pass
    return of_x, of_y


def _described(
    null: Sized[D], matrix: MapMatrix, jobs: int, scratch: Scratch | None, advance: Callable[[int], None]
) -> tuple[Float64Array, list[Callable[[], D]]]:
    """Describe maps piece by piece; return their coefficients, and what brings the pieces back."""
    coefficients = []
    pieces: list[Callable[[], D]] = []
    for piece in cuts(len(matrix), descriptions.PIECE):
        described = null.describe(matrix.part(piece), jobs)
        coefficients.append(described.coefficients)
        pieces.append(_kept(described) if scratch is None else _put(described, scratch))
        advance(piece.stop - piece.start)
    return np.concatenate(coefficients), pieces


def _kept(described: D) -> Callable[[], D]:
    return lambda: described


def _put(described: D, scratch: Scratch) -> Callable[[], D]:
    kind, fetch = type(described), scratch.put(arrays_of(described))

    def back() -> D:
        found = from_arrays(kind, fetch())
        assert found is not None, "as many arrays as were put there"
        return found

    return back
