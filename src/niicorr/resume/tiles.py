"""Outcomes of tiles that an interrupted run left, and those that are kept for the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from niicorr.compute.outcome import TileOutcome
from niicorr.compute.plan import Sizes, Tile
from niicorr.resume.keys import digest
from niicorr.resume.pieces import Pieces


class KeptTiles:
    """The tiles of one comparison; see `niicorr.compute.outcome.Elsewhere`.

    Parameters
    ----------
    pieces : Pieces
        Where they are.
    context : bytes
        What all tiles have in common: similarity, weights, covariates, device, versions.
    y, x : list of bytes
        A hash of each map.
    """

    def __init__(self, pieces: Pieces, context: bytes, y: list[bytes], x: list[bytes]) -> None:
        self._pieces, self._context, self._y, self._x = pieces, context, y, x

    def known(
        self, sizes: Sizes, tiles: list[Tile]  # noqa: ARG002  # the maps themselves are hashed
    ) -> Iterator[tuple[Tile, TileOutcome]]:
        """Yield the tiles that are there, whole and of this comparison."""
        found = 0
        for tile in tiles:
            arrays = self._pieces.find("tile", self._key(tile))
            outcome = None if arrays is None else _outcome(arrays, tile)
            if outcome is not None:
                found += 1
                yield tile, outcome
        self._pieces.asked("tile", found, len(tiles))

    def keep(self, tile: Tile, outcome: TileOutcome) -> None:
        """Keep a tile that was made."""
        n = outcome.n
        if n.size and n.min() == n.max():
            n = n.reshape(-1)[:1]
        arrays = (outcome.r, n, np.packbits(outcome.x_constant), np.packbits(outcome.y_constant), outcome.doubtful)
        self._pieces.keep("tile", self._key(tile), arrays)

    def _key(self, tile: Tile) -> bytes:
        rows, columns = tile
        y, x = self._y[rows], self._x[columns]
        return digest((self._context, len(y), *y, len(x), *x))


def _outcome(arrays: list[np.ndarray[Any, Any]], tile: Tile) -> TileOutcome | None:
    """Take arrays for the outcome of a tile; None where they are none."""
    shape = tile[0].stop - tile[0].start, tile[1].stop - tile[1].start
    size = shape[0] * shape[1]
    if len(arrays) != 5:
        return None
    r, n, x_constant, y_constant, doubtful = arrays
    packed = (-(-size // 8),)
    if (r.dtype != np.float64 or r.shape != shape or n.dtype.kind != "i" or n.size not in (1, size)
            or doubtful.dtype.kind != "i" or doubtful.ndim != 2 or doubtful.shape[1] != 2
            or (np.abs(r) > 1).any()
            or any(flags.dtype != np.uint8 or flags.shape != packed for flags in (x_constant, y_constant))
            or (doubtful < 0).any() or (doubtful >= shape).any()):
        return None
    flags = [np.unpackbits(bits, count=size).reshape(shape).astype(np.bool_) for bits in (x_constant, y_constant)]
    whole = np.broadcast_to(n, shape) if n.size == 1 else n.reshape(shape)
    return TileOutcome(r, whole, flags[0], flags[1], doubtful)
