"""The sums of `niicorr.compute.sums` made on a device, a panel at a time, in bounded memory.

The loops are turned round: a chunk of features is copied once and meets every tile of the panel, since copying is
what a GPU waits for. Tiles and chunks lie where they would with any memory, so numbers do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.compute.device import SHARE, Device
from niicorr.compute.plan import Sizes, Tile, device_bytes
from niicorr.compute.sums import Block, Sums, assembled, chunks_of, products, root_of
from niicorr.typing import Float64Array


def device_sums(
    device: Device, x: Block, y: Block, weights: Float64Array | None, tiles: list[Tile],
    held: list[tuple[Any, Any]] | None = None,
) -> Iterator[tuple[Tile, Sums]]:
    """Sum over common features as `niicorr.compute.sums.block_sums` does, and hand the tiles out one by one.

    Parameters
    ----------
    device : Device
        Where products are made.
    x, y : Block
        The maps of a panel: all of them are held, a chunk of features at a time.
    weights : ndarray, shape (features,), float64, optional
        Positive.
    tiles : list of (slice, slice)
        The parts of the panel that are wanted.
    held : list of (array, array or None), optional
        The chunks of x and of its supports, where they are on the device already.
    """
    xp = device.xp
    tall = np.result_type(x.rows, y.rows)
    root = root_of(weights, tall)
    plain = [weights is None and y.part(a).complete and x.part(b).complete for a, b in tiles]
    gaps = not all(plain)
    used_x, used_y = ([_places(device, side, part) for part in parts] if gaps else []
                      for side, parts in ((x, [b for _, b in tiles]), (y, [a for a, _ in tiles])))
    totals: list[list[Any]] = [[] for _ in tiles]
    with device.exactly():
        for chunk, c in enumerate(chunks_of(x.rows.shape[1])):
            (xs, mx), (ys, my) = (held[chunk] if held is not None and side is x else _chunk(device, side, c, tall, gaps)
                                  for side in (x, y))
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
    for k, (a, b) in enumerate(tiles):
        home = [device.bring_home(total) for total in totals[k]]
        totals[k] = []
        yield (a, b), assembled(home, x.part(b), y.part(a))


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
        cls, device: Device, x: Block, weights: Float64Array | None, others: int, *, gaps: bool, besides: int = 0
    ) -> Held | None:
        """Bring maps to a device; None where it has no room for them, for so many ``others`` at once and for more.

        ``gaps`` tells whether any of all these misses a value, ``besides`` how many bytes are wanted for other things.
        """
        sizes = Sizes(others, len(x), x.rows.shape[1], x.rows.itemsize, missing=gaps or weights is not None,
                      weighted=weights is not None)
        supports = len(x.used) * sizes.features if sizes.missing else 0
        needed = len(x) * sizes.map_bytes + supports + device_bytes(sizes, others, len(x), max(others, len(x)))
        if needed + besides > SHARE * device.free():
            return None
        return cls(device, x, [_chunk(device, x, c, x.rows.dtype, sizes.missing) for c in chunks_of(sizes.features)],
                   weights)

    def sums_with(self, y: Block) -> Sums:
        """Sum over common features with other maps of the same type; from one thread at a time."""
        with self.device.lock:
            (_, sums), = device_sums(self.device, self.block, y, self.weights,
                                     [(slice(0, len(y)), slice(0, len(self.block)))], self.chunks)
        return sums


def _chunk(device: Device, side: Block, c: slice, dtype: Any, gaps: bool) -> tuple[Any, Any]:
    """Copy some features of maps, and of their supports where any value is missing."""
    return device.hold(side.rows[:, c], dtype), device.hold(side.supports[side.used, c]) if gaps else None


def _places(device: Device, side: Block, part: slice) -> Any:
    """Where the supports of some maps are among those of all, as an index on the device."""
    return device.hold(np.searchsorted(side.used, side.part(part).used), np.int64)
