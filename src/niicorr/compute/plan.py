"""How the comparison of two sets is cut: a pure function of sizes, memory and threads.

    Sizes → planned → Plan

Three cuts, for three reasons. A *tile* is the part of the matrix that one product fills; which rows meet in one call
of the BLAS decides the last digit of a number, so tiles lie at fixed places, whatever the memory. A *panel* is a run
of tiles: the maps whose transforms (ranks, residuals) are held at once, as many as the memory allows. A *chunk* is a
run of features (`niicorr.compute.sums.CHUNK`): products of this length are added up in float64, in order.

So a plan changes how long the work takes and what it holds, and no byte of its outcome.
"""

from __future__ import annotations

from dataclasses import dataclass

from niicorr.compute import sums
from niicorr.threads import AHEAD

TILE = 512
"""Maps a side of one product of the processor: it runs at full speed, and a thread holds some 50 MiB for it."""

DEVICE_TILE = 1024
"""The same of a GPU, which needs larger products to be busy; what is made of them keeps the processor's threads so."""

LEAST_TILE = 128
"""A GPU that has no room for products of this size has no room."""

PIECE = 64
"""Maps transformed at once."""

PAYS = 2e8
"""Additions and multiplications below which a second thread costs more than it does: a few milliseconds."""

CELL_ARRAYS = 18
"""Sums over common features, and what is combined from them, of float64: so many for each cell of a tile."""


Tile = tuple[slice, slice]
"""Places of maps of y and of x."""


@dataclass(frozen=True)
class Sizes:
    """What is to be compared, in numbers.

    Parameters
    ----------
    rows, columns : int
        Maps of y and of x.
    features : int
        Values of a map.
    itemsize : int
        Bytes of a value.
    missing : bool
        Whether a map has gaps, or weights count: then sums over common features are products, too.
    weighted : bool
        Whether features have weights.
    transformed : bool
        Whether maps are compared as something else than their standard scores.
    covariates : int
        How many are regressed out.
    same : bool
        Whether y is x: then half of the tiles are mirror images of the others.
    """

    rows: int
    columns: int
    features: int
    itemsize: int = 4
    missing: bool = False
    weighted: bool = False
    transformed: bool = False
    covariates: int = 0
    same: bool = False

    @property
    def products(self) -> int:
        """Matrix products that a chunk takes."""
        return 1 if not self.missing else 7 if self.weighted else 6

    @property
    def work(self) -> float:
        """Additions and multiplications of all products."""
        return 2.0 * self.rows * self.columns * self.features * self.products / (2 if self.same else 1)

    @property
    def map_bytes(self) -> int:
        """Bytes of the values of one map."""
        return max(self.features, 1) * self.itemsize

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a chunk of one map."""
        return min(sums.CHUNK, max(self.features, 1)) * self.itemsize

    def operand_bytes(self, rows: int, columns: int) -> int:
        """Bytes that products of a chunk take beyond the rows: two supports and squares; rows and supports weighted."""
        operands = 0 if not self.missing else 6 if self.weighted else 3
        return operands * max(rows, columns) * self.chunk_bytes


@dataclass(frozen=True)
class Plan:
    """How the processor goes about it.

    Attributes
    ----------
    rows, columns : tuple of slice
        Panels of y and of x, whole tiles each. With one panel of columns, x is transformed once; with several, once
        for each panel of rows.
    tile : int
        Maps a side of one product.
    threads : int
        At most so many at once.
    by_tile : bool
        Whether each thread takes a tile; otherwise they share the chunks of one.
    bytes : int
        What is held at most, beyond the maps and the outcome.
    """

    rows: tuple[slice, ...]
    columns: tuple[slice, ...]
    tile: int
    threads: int
    by_tile: bool
    bytes: int

    def has(self, tile: Tile) -> bool:
        """Whether this is a tile of the plan, and not a part of one that a device had no room for."""
        return all(part.start % self.tile == 0 and part.stop == min(part.start + self.tile, panels[-1].stop)
                   for part, panels in zip(tile, (self.rows, self.columns), strict=True))


@dataclass(frozen=True)
class DevicePlan:
    """How a GPU goes about a panel: the maps of y and of x that it holds at once, in tiles, and the bytes of that."""

    rows: int
    columns: int
    tile: int
    bytes: int


def planned(sizes: Sizes, memory: int, jobs: int = 1, *, on_device: bool = False) -> Plan:
    """Cut the comparison of two sets to fit the memory.

    Parameters
    ----------
    sizes : Sizes
        What is to be compared.
    memory : int
        Bytes that may be held beyond the maps and the outcome. With less than one tile takes, one is planned.
    jobs : int
        Threads there are.
    on_device : bool
        Whether a device makes the products. Panels are whole tiles of the device then, so that these lie where they
        would with any memory, and threads do what comes before and after.

    Examples
    --------
    >>> plan = planned(Sizes(2000, 1200, 29_000, transformed=True), memory=3 * 2**27, jobs=2)
    >>> plan.rows
    (slice(0, 1024, None), slice(1024, 2000, None))
    >>> plan.columns, plan.threads, plan.bytes >> 20
    ((slice(0, 1200, None),), 2, 343)
    """
    tile = DEVICE_TILE if on_device else TILE
    threads = jobs if sizes.work >= PAYS else 1
    # Threads are worth more than panels: a second pass over the maps costs little beside waiting for a core.
    room = memory // 2 if sizes.transformed else memory
    needed = _home_bytes if on_device else _product_bytes
    while threads > 1 and needed(sizes, tile, threads) > room:
        threads -= 1
    products = needed(sizes, tile, threads)
    by_tile = not on_device and _by_tile(sizes, tile, threads)
    if not sizes.transformed:
        return Plan((slice(0, sizes.rows),), (slice(0, sizes.columns),), tile, threads, by_tile, products)
    # While a piece is transformed: maps as they were, on the way, and as they become; bases that two or more share.
    bases = (sizes.covariates + 1) * 4 // sizes.itemsize if sizes.covariates else 0
    pieces = (3 + bases) * min(PIECE, max(sizes.rows, sizes.columns))
    rows, columns = _panels(sizes, tile, max(memory - products, 0) // max(sizes.map_bytes, 1) - pieces)
    rows, columns = max(min(rows, sizes.rows), 1), max(min(columns, sizes.columns), 1)
    held = columns if sizes.same and columns == sizes.columns else rows + columns
    return Plan(cuts(sizes.rows, rows), cuts(sizes.columns, columns), tile, threads, by_tile,
                products + (held + pieces) * sizes.map_bytes)


def planned_on_device(sizes: Sizes, memory: int, tile: int = DEVICE_TILE) -> DevicePlan | None:
    """Cut a panel to fit the memory of a GPU; None where not even the smallest tile fits.

    Parameters
    ----------
    sizes : Sizes
        The panel.
    memory : int
        Bytes free on the device.
    tile : int
        Maps a side of one product; halved as often as need be.
    """
    rows, columns = (max(whole(n, tile), tile) for n in (sizes.rows, sizes.columns))
    while device_bytes(sizes, rows, columns, tile) > memory:
        if max(rows, columns) > tile:
            # Whichever is longer: square panels carry the fewest maps for the cells they fill.
            rows, columns = (rows, _half(columns, tile)) if columns >= rows else (_half(rows, tile), columns)
        elif tile > LEAST_TILE:
            tile //= 2
            rows, columns = (max(whole(n, tile), tile) for n in (min(rows, sizes.rows), min(columns, sizes.columns)))
        else:
            return None
    return DevicePlan(rows, columns, tile, device_bytes(sizes, rows, columns, tile))


def device_bytes(sizes: Sizes, rows: int, columns: int, tile: int) -> int:
    """Bytes that a device holds: a chunk of both sides, sums of all cells, products of one tile."""
    rows, columns = min(rows, sizes.rows), min(columns, sizes.columns)
    # The chunk that is being copied lies beside the one before it; supports travel as they are, a byte a value.
    flags = sizes.chunk_bytes // sizes.itemsize if sizes.missing else 0
    sides = (rows + columns) * 2 * (sizes.chunk_bytes + flags)
    part = min(tile, rows), min(tile, columns)
    operands = sizes.operand_bytes(*part) + 2 * max(part) * flags
    return sides + operands + sizes.products * (8 * rows * columns + 2 * sizes.itemsize * part[0] * part[1])


def cuts(n: int, length: int) -> tuple[slice, ...]:
    """Return the runs of a given length that n maps make, from the first on; one empty run of none."""
    return tuple(slice(start, min(start + length, n)) for start in range(0, n, max(length, 1))) or (slice(0, 0),)


def tiles_of(rows: int, columns: int, tile: int, *, lower: bool = False) -> list[Tile]:
    """List the tiles of a panel; ``lower``: of one that starts on the diagonal of a set against itself."""
    return [(a, b) for a in cuts(rows, tile) for b in cuts(columns, tile) if not lower or b.start <= a.start]


def whole(n: int, tile: int) -> int:
    """Round up to whole tiles."""
    return -(-n // tile) * tile


def _half(n: int, tile: int) -> int:
    return max(whole(n // 2, tile), tile) if n > tile else n


def _by_tile(sizes: Sizes, tile: int, threads: int) -> bool:
    """Whether there are tiles enough to keep every thread busy; slivers at the edges count for what they are."""
    return sizes.rows * sizes.columns >= 2 * threads * tile**2 * (2 if sizes.same else 1)


def _product_bytes(sizes: Sizes, tile: int, threads: int) -> int:
    """Bytes that products take: operands of every thread, and sums of the tiles in work."""
    rows, columns = min(tile, sizes.rows), min(tile, sizes.columns)
    operands = sizes.operand_bytes(rows, columns)
    parts, cells = sizes.products * rows * columns * sizes.itemsize, CELL_ARRAYS * 8 * rows * columns
    if _by_tile(sizes, tile, threads):
        return threads * (operands + 2 * parts + cells)
    # Threads that share the chunks of one tile are a chunk or two ahead of the sum.
    return threads * operands + (2 * threads + 1) * parts + cells


def _home_bytes(sizes: Sizes, tile: int, threads: int) -> int:
    """Bytes that the sums of a device's tiles take when they have come home, and two chunks on their way there."""
    rows, columns = min(tile, sizes.rows), min(tile, sizes.columns)
    waiting = AHEAD * threads if threads > 1 else 1
    flags = sizes.chunk_bytes // sizes.itemsize if sizes.missing else 0
    return ((waiting * sizes.products + threads * CELL_ARRAYS) * 8 * rows * columns
            + 2 * (sizes.rows + sizes.columns) * (sizes.chunk_bytes + flags))


def _panels(sizes: Sizes, tile: int, held: int) -> tuple[int, int]:
    """Maps of y and of x whose transforms are held at once, if there is room for so many in all."""
    rows, columns = sizes.rows, sizes.columns
    if sizes.same:
        if held >= columns:
            return columns, columns
        half = max(held // 2 // tile * tile, tile)
        return half, half
    if held >= columns + min(rows, tile):
        room = held - columns
        return (rows, columns) if room >= rows else (room // tile * tile, columns)
    # Columns are transformed once for each panel of rows: let there be few of those.
    return max((held - tile) // tile * tile, tile), tile
