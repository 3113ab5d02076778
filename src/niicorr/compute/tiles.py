"""Plans carried out: sums over common features of sets of any size, tile by tile, by threads or on a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from niicorr.compute.device import SHARE, Device, ran_out
from niicorr.compute.on_device import device_sums
from niicorr.compute.plan import PIECE, DevicePlan, Plan, Sizes, Tile, cuts, planned_on_device, tiles_of
from niicorr.compute.sums import Block, Sums, assembled, block_sums
from niicorr.errors import ResourceError
from niicorr.matrix import MapMatrix, OwnValues
from niicorr.records import Decision
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

Finish = Callable[[Tile, Block, Block, Sums], None]
"""Takes the places of a tile among all maps, its maps of x and of y, and their sums; called from several threads."""


@dataclass(frozen=True, eq=False)
class Side:
    """One of two sets, and what its maps become before they are multiplied.

    Parameters
    ----------
    matrix : MapMatrix
        The maps.
    scores : callable, optional
        Transforms a matrix, with so many threads; without it rows are multiplied as they are.
    common, places : ndarray of bool, shape (features,); ndarray of int, shape (k,), optional
        Only these maps, narrowed to these features, of which they miss none.
    keeps_constant : bool
        Whether a transform that is constant, of a map that is not, has a similarity (Dice's indicators have).
    """

    matrix: MapMatrix
    scores: Callable[[MapMatrix, int], MapMatrix] | None = None
    common: BoolArray | None = None
    places: IntArray | None = None
    keeps_constant: bool = False

    def __len__(self) -> int:
        return len(self.matrix) if self.places is None else len(self.places)

    @property
    def n(self) -> int:
        """Features that are multiplied."""
        return self.matrix.features.n if self.common is None else int(np.count_nonzero(self.common))

    @property
    def complete(self) -> bool:
        """Whether no value is missing."""
        return self.common is not None or bool(self._whole.gapless[self.matrix.support_of].all())

    @property
    def transformed(self) -> bool:
        """Whether what is multiplied has to be made first."""
        return self.scores is not None or self.common is not None

    def block(self, part: slice, jobs: int = 1) -> Block:
        """Make some of the maps ready for products: a view where rows are taken as they are."""
        if not self.transformed:
            return self._whole.part(part)
        n = part.stop - part.start
        pieces = [slice(part.start + p.start, part.start + p.stop) for p in cuts(n, PIECE)]
        if len(pieces) == 1:
            block = self._piece(pieces[0], jobs)
        else:
            made = np.empty((n, self.n), self.matrix.rows.dtype)
            center, scale, constant = np.empty(n), np.empty(n), np.empty(n, np.bool_)
            for piece in pieces:
                block, here = self._piece(piece, jobs), slice(piece.start - part.start, piece.stop - part.start)
                made[here], center[here], scale[here], constant[here] = (block.rows, block.center, block.scale,
                                                                         block.constant)
            block = replace(block, rows=made, center=center, scale=scale, constant=constant)
        if self.common is None:
            # Transforms leave supports as they are; those of the whole set are stored once.
            return replace(block, supports=self.matrix.supports, support_of=self.matrix.support_of[part],
                           gapless=self._whole.gapless)
        return replace(block, support_of=np.zeros(n, dtype=np.intp))

    def values(self, index: int) -> FloatArray:
        """Return one map in its own units at the features in use, shape (n,), as exactly as it can be had."""
        own = self._own(index if self.places is None else int(self.places[index]))
        return own if self.common is None else own[self.common]

    def support(self, index: int) -> BoolArray:
        """Where one map has data among the features in use, shape (n,)."""
        if self.common is not None:
            return np.ones(self.n, dtype=np.bool_)
        return np.asarray(self.matrix.supports[self.matrix.support_of[index]])

    @cached_property
    def _own(self) -> OwnValues:
        return OwnValues(self.matrix)

    @cached_property
    def _whole(self) -> Block:
        return Block.of(self.matrix)

    def _piece(self, piece: slice, jobs: int) -> Block:
        if self.common is None:
            exact = self.matrix.exact
            zeros = {k - piece.start: self.matrix.zeros[k] for k in range(piece.start, piece.stop)
                     if k in self.matrix.zeros}
            maps = replace(self.matrix.part(piece), zeros=zeros,
                           exact=None if exact is None else lambda k: exact(piece.start + k))
        else:
            places = np.arange(len(self)) if self.places is None else self.places
            maps = self.matrix.within(self.common, places[piece])
        block = Block.of(maps if self.scores is None else self.scores(maps, jobs))
        return replace(block, constant=maps.scale == 0) if self.keeps_constant else block


def execute(
    plan: Plan,
    sizes: Sizes,
    x: Side,
    y: Side,
    finish: Finish,
    *,
    weights: Float64Array | None = None,
    device: Device | None = None,
    skip: Callable[[Tile], bool] = lambda _tile: False,
) -> list[Decision]:
    """Make the sums of all tiles of a plan, and give each tile to what makes numbers of it.

    Parameters
    ----------
    plan : Plan
        How.
    sizes : Sizes
        What it was made for.
    x, y : Side
        The two sets. Where y is x, tiles above the diagonal are left out: they mirror those below it.
    finish : callable
        Called once for each tile.
    weights : ndarray, shape (features,), float64, optional
        Positive.
    device : Device, optional
        Makes the products, if given. Where it has no room for a tile, that comes in smaller ones.
    skip : callable, optional
        Tells which tiles of the plan are not wanted. Panels without a wanted tile are not transformed.

    Returns
    -------
    list of Decision
        What did not go as planned.
    """
    tile = plan.tile
    room = None if device is None else _Room(device, tile, tile)

    def wanted(rows: slice, columns: slice) -> list[Tile]:
        here = tiles_of(rows.stop - rows.start, columns.stop - columns.start, tile, lower=y is x and rows == columns)
        return [t for t in here if not skip(_placed(t, (rows.start, columns.start)))]

    bands = {rows.start: [(columns, tiles) for columns in plan.columns
                          if (y is not x or columns.start <= rows.start) and (tiles := wanted(rows, columns))]
             for rows in plan.rows}
    kept = x.block(plan.columns[0], plan.threads) if len(plan.columns) == 1 and any(bands.values()) else None

    def panel(rows: slice, columns: slice, tiles: list[Tile], ty: Block) -> None:
        tx = kept if kept is not None else ty if y is x and rows == columns else x.block(columns, plan.threads)
        origin = rows.start, columns.start
        if room is None:
            _by_threads(plan, tiles, origin, tx, ty, finish, weights)
        else:
            _by_device(room, plan.threads, sizes, tiles, origin, tx, ty, finish, weights, lower=tx is ty)

    def band(rows: slice) -> None:
        # A function of its own, so that no panel outlives its turn.
        ty = kept if kept is not None and y is x else y.block(rows, plan.threads)
        for columns, tiles in bands[rows.start]:
            panel(rows, columns, tiles, ty)

    for rows in plan.rows:
        if bands[rows.start]:
            band(rows)
    return [] if room is None else room.decisions


def _by_threads(
    plan: Plan, tiles: list[Tile], origin: tuple[int, int], x: Block, y: Block, finish: Finish,
    weights: Float64Array | None,
) -> None:
    """Make the tiles of a panel by the processor."""

    def work(tile: Tile) -> None:
        part_y, part_x = y.part(tile[0]), x.part(tile[1])
        sums = block_sums(part_x, part_y, weights, jobs=1 if plan.by_tile else plan.threads)
        finish(_placed(tile, origin), part_x, part_y, sums)

    for _ in in_order(work, tiles, plan.threads if plan.by_tile else 1):
        pass


@dataclass
class _Room:
    """What is known of the memory of a device: it is asked once for a panel, and believed only until it runs out."""

    device: Device
    wanted: int
    tile: int
    most: float = np.inf
    ran_out: bool = False

    @property
    def memory(self) -> int:
        return int(min(SHARE * self.device.free(), self.most))

    @property
    def decisions(self) -> list[Decision]:
        if not self.ran_out and self.tile == self.wanted:
            return []
        return [Decision("device", f"{self.device.name} {'ran out of' if self.ran_out else 'has little'} memory: its "
                         f"products were made in smaller parts, of {self.tile} × {self.tile} maps")]


def _by_device(
    room: _Room, threads: int, sizes: Sizes, tiles: list[Tile], origin: tuple[int, int], x: Block, y: Block,
    finish: Finish, weights: Float64Array | None, *, lower: bool,
) -> None:
    """Make the tiles of a panel on a device, those that are left in smaller parts if it has less room than it said."""
    sizes = replace(sizes, rows=len(y), columns=len(x))
    while tiles:
        plan = planned_on_device(sizes, room.memory, room.tile)
        if plan is None:
            raise ResourceError(f"{room.device.name} has too little memory left ({room.device.free() / 2**20:.0f} MiB) "
                                "to multiply maps on it: close what else uses it, or use --device cpu")
        room.tile = plan.tile
        left = {_corner(tile): tile for tile in _parts_of(tiles, plan.tile, lower=lower)}
        try:
            _parts_on_device(room.device, threads, plan, origin, x, y, finish, weights, left)
            return
        except Exception as error:
            if not ran_out(error):
                raise
        # Not before the error and with it all that its frames hold has gone.
        room.most, room.ran_out = plan.bytes // 2, True
        tiles = list(left.values())


def _parts_on_device(
    device: Device, threads: int, plan: DevicePlan, origin: tuple[int, int], x: Block, y: Block, finish: Finish,
    weights: Float64Array | None, left: dict[tuple[int, int], Tile],
) -> None:
    """Make tiles of a panel, as many at once as the device holds, and take each from those that are left."""

    def work(made: tuple[Tile, list[Float64Array]]) -> None:
        (rows, columns), totals = made
        part_x, part_y = x.part(columns), y.part(rows)
        finish(_placed(made[0], origin), part_x, part_y, assembled(totals, part_x, part_y))
        del left[_corner(made[0])]

    for rows in cuts(len(y), plan.rows):
        for columns in cuts(len(x), plan.columns):
            offset = rows.start, columns.start
            tiles = [t for t in tiles_of(rows.stop - rows.start, columns.stop - columns.start, plan.tile)
                     if _corner(_placed(t, offset)) in left]
            if not tiles:
                continue
            part_y = y.part(rows)
            part_x = part_y if y is x and rows == columns else x.part(columns)
            made = device_sums(device, part_x, part_y, weights, tiles, threads=threads)
            for _ in in_order(work, ((_placed(tile, offset), totals) for tile, totals in made), threads):
                pass


def _parts_of(tiles: list[Tile], side: int, *, lower: bool) -> list[Tile]:
    """Cut tiles that are larger than a side; without what lies above the diagonal, where the panel starts there."""
    parts = [_placed(part, _corner(tile)) for tile in tiles
             for part in tiles_of(tile[0].stop - tile[0].start, tile[1].stop - tile[1].start, side)]
    return [part for part in parts if not (lower and part[1].start > part[0].start)]


def _placed(tile: Tile, origin: tuple[int, int]) -> Tile:
    (a, b), (row, column) = tile, origin
    return slice(a.start + row, a.stop + row), slice(b.start + column, b.stop + column)


def _corner(tile: Tile) -> tuple[int, int]:
    return tile[0].start, tile[1].start
