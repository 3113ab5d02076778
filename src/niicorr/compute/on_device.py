"""The sums of `niicorr.compute.sums` made on a device, a panel at a time, in bounded memory.

The loops are turned round: a chunk of features is copied once and meets every tile of the panel, since copying is
what a GPU waits for. Tiles and chunks lie where they would with any memory, so numbers do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from niicorr.compute.device import Device
from niicorr.compute.plan import cuts
from niicorr.compute.sums import Block, Sums, assembled, chunks_of, products, root_of
from niicorr.typing import Float64Array

Tile = tuple[slice, slice]
"""Places of maps of y and of x."""


def tiles_of(rows: int, columns: int, tile: int, *, lower: bool = False) -> list[Tile]:
    """List the tiles of a panel; ``lower``: of one that starts on the diagonal of a set against itself."""
    return [(a, b) for a in cuts(rows, tile) for b in cuts(columns, tile) if not lower or b.start <= a.start]


def device_sums(
    device: Device, x: Block, y: Block, weights: Float64Array | None, tiles: list[Tile]
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
        for c in chunks_of(x.rows.shape[1]):
            xs, ys = (device.hold(side.rows[:, c], tall) for side in (x, y))
            mx, my = ((device.hold(side.supports[side.used, c]) for side in (x, y)) if gaps else (None, None))
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


def _places(device: Device, side: Block, part: slice) -> Any:
    """Where the supports of some maps are among those of all, as an index on the device."""
    return device.hold(np.searchsorted(side.used, side.part(part).used), np.int64)
