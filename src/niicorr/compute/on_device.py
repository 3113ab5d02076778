"""The sums of `niicorr.compute.sums` made on a device, a panel at a time, in bounded memory.

The loops are turned round: a chunk of features is copied once and meets every tile of the panel, since copying is
what a GPU waits for; while it works on one chunk, threads gather the next. Tiles and chunks lie where they would with
any memory, so numbers do not depend on it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any

import numpy as np

from niicorr.compute.device import SHARE, Device
from niicorr.compute.plan import Sizes, Tile, cuts, device_bytes
from niicorr.compute.sums import Block, Sums, assembled, chunks_of, products, root_of
from niicorr.threads import AHEAD, in_order
from niicorr.typing import Float64Array

RUN = 32
"""Maps that a thread gathers at once: a third of a millisecond's work."""


def device_sums(
    device: Device, x: Block, y: Block, weights: Float64Array | None, tiles: list[Tile],
    held: list[tuple[Any, Any]] | None = None, threads: int = 1,
) -> Iterator[tuple[Tile, list[Float64Array]]]:
    """Sum over common features as `niicorr.compute.sums.block_sums` does, and hand the tiles out one by one.

    Parameters
    ----------
    device : Device
        Where products are made.
    x, y : Block
        The maps of a panel: all of them are held, a chunk of features at a time; once where y is x.
    weights : ndarray, shape (features,), float64, optional
        Positive.
    tiles : list of (slice, slice)
        The parts of the panel that are wanted.
    held : list of (array, array or None), optional
        The chunks of x and of its supports, where they are on the device already, of the type that both have at most.
    threads : int
        They gather what is to be copied.

    Returns
    -------
    iterator of (tile, list of ndarray)
        What `niicorr.compute.sums.assembled` names.
    """
    xp = device.xp
    tall = np.result_type(x.rows, y.rows)
    root = root_of(weights, tall)
    plain = [weights is None and y.part(a).complete and x.part(b).complete for a, b in tiles]
    gaps = not all(plain)
    used_x, used_y = ([_places(device, side, part) for part in parts] if gaps else []
                      for side, parts in ((x, [b for _, b in tiles]), (y, [a for a, _ in tiles])))
    totals: list[list[Any]] = [[] for _ in tiles]
    travelling = [y] if held is not None or y is x else [x, y]
    with device.exactly(), closing(_chunks(device, travelling, tall, gaps, threads)) as copied:
        for chunk, (c, sides) in enumerate(zip(chunks_of(x.rows.shape[1]), copied, strict=True)):
            ys, my = sides[-1]
            xs, mx = sides[0] if held is None else held[chunk]
            weighted = None if root is None else device.hold(root[c])
            for k, (a, b) in enumerate(tiles):
                if plain[k]:
                    parts = products(xs[b, :], ys[a, :])
                else:
                    parts = products(xs[b, :], ys[a, :], xp.astype(xp.take(mx, used_x[k], axis=0), xs.dtype),
                                     xp.astype(xp.take(my, used_y[k], axis=0), ys.dtype), weighted)
                if not totals[k]:
                    totals[k] = [xp.zeros(part.shape, dtype=xp.float64, device=device.place) for part in parts]
                for m, more in enumerate(parts):
                    totals[k][m] += more
    for k, tile in enumerate(tiles):
        home = [device.bring_home(total) for total in totals[k]]
        totals[k] = []
        yield tile, home


@dataclass(frozen=True, eq=False)
class Held:
    """Maps that stay on a device, to be multiplied with one lot of others after another.

    Parameters
    ----------
    device : Device
        Where they are.
    block : Block
        The maps.
    chunks : list of (array, array or None)
        Chunks of them and of their supports.
    weights : ndarray, shape (features,), float64, optional
        Positive.
    """

    device: Device
    block: Block
    chunks: list[tuple[Any, Any]]
    weights: Float64Array | None = None

    @classmethod
    def of(
        cls, device: Device, x: Block, weights: Float64Array | None, others: int, *, dtype: Any, gaps: bool,
        besides: int = 0,
    ) -> Held | None:
        """Bring maps to a device; None where it has no room for them, for so many ``others`` at once and for more.

        ``gaps`` tells whether any of all these misses a value, ``dtype`` what type the larger of them has, ``besides``
        how many bytes are wanted for other things.
        """
        dtype = np.result_type(x.rows, dtype)
        sizes = Sizes(others, len(x), x.rows.shape[1], dtype.itemsize, missing=gaps or weights is not None,
                      weighted=weights is not None)
        supports = len(x.used) * sizes.features if sizes.missing else 0
        needed = len(x) * sizes.map_bytes + supports + device_bytes(sizes, others, len(x), max(others, len(x)))
        if needed + besides > SHARE * device.free():
            return None
        return cls(device, x, [one for (one,) in _chunks(device, [x], dtype, sizes.missing)], weights)

    def sums_with(self, y: Block) -> Sums:
        """Sum over common features with other maps, of the type that was named at most; from one thread at a time."""
        with self.device.lock:
            (_, home), = device_sums(self.device, self.block, y, self.weights,
                                     [(slice(0, len(y)), slice(0, len(self.block)))], self.chunks)
        return assembled(home, self.block, y)


def _chunks(
    device: Device, sides: list[Block], dtype: Any, gaps: bool, threads: int = 1
) -> Generator[list[tuple[Any, Any]], None, None]:
    """Copy one run of features after another: of each side its maps, and their supports where any value is missing.

    What is copied is gathered first, in memory that is always the same: fresh memory costs more than copying. There
    are two of each, one for the chunk that the device takes, one for the next.
    """
    chunks = chunks_of(sides[0].rows.shape[1])
    sources = [source for side in sides for source in
               [(side.rows, None, np.dtype(dtype)), (side.supports, side.used, np.dtype(bool))][: 1 + gaps]]
    counts = [len(values if places is None else places) for values, places, _ in sources]
    length = chunks[0].stop
    beside = [[device.beside(count * length * kind.itemsize).view(kind)
               for count, (_, _, kind) in zip(counts, sources, strict=True)] for _ in range(2)]
    runs = [(k, run) for k, count in enumerate(counts) for run in cuts(count, RUN)]

    def gathered(chunk: int, k: int) -> Any:
        shape = counts[k], chunks[chunk].stop - chunks[chunk].start
        return beside[chunk % 2][k][: prod(shape)].reshape(shape)

    def gather(work: tuple[int, tuple[int, slice]]) -> None:
        chunk, (k, run) = work
        values, places, _ = sources[k]
        np.copyto(gathered(chunk, k)[run], values[run if places is None else places[run], chunks[chunk]])

    # Threads are never further ahead than one chunk: they would write into what is being copied.
    threads = max(1, min(threads, len(runs) // AHEAD))
    with closing(in_order(gather, ((i, run) for i in range(len(chunks)) for run in runs), threads)) as done:
        for i in range(len(chunks)):
            for _ in islice(done, len(runs)):
                pass
            arrays = [device.hold(gathered(i, k)) for k in range(len(sources))]
            yield list(zip(arrays[::2], arrays[1::2], strict=True)) if gaps else [(one, None) for one in arrays]


def _places(device: Device, side: Block, part: slice) -> Any:
    """Where the supports of some maps are among those of all, as an index on the device."""
    return device.hold(np.searchsorted(side.used, side.part(part).used), np.int64)
