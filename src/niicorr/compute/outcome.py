"""What comes of a tile, wherever it was made: here, on another machine, or in a run that was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from niicorr.compute.plan import Sizes, Tile
from niicorr.typing import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class TileOutcome:
    """The similarity of all pairs of a tile; arrays have shape (maps of y, maps of x).

    Parameters
    ----------
    r : ndarray, float64
        NaN where a pair has none.
    n : ndarray of int
        Common features.
    x_constant, y_constant : ndarray of bool
        Which of the two maps is constant over them.
    doubtful : ndarray of int, shape (k, 2)
        Cells of the tile that sums are too coarse for: to be computed by the definition.
    """

    r: Float64Array
    n: IntArray
    x_constant: BoolArray
    y_constant: BoolArray
    doubtful: IntArray


class Elsewhere(Protocol):
    """Whoever knows outcomes of tiles, so that they need not be made here."""

    def known(self, sizes: Sizes, tiles: list[Tile]) -> Iterator[tuple[Tile, TileOutcome]]:
        """Yield what is known of these tiles, in any order.

        ``sizes`` tell of the two sets; where y is x, tiles above the diagonal are not asked for.
        """

    def keep(self, tile: Tile, outcome: TileOutcome) -> None:
        """Take notice of a tile that was made here; called from several threads."""
