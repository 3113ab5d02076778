"""What workers do. Each function takes names and slices, reads the rest, and returns what is small or an outcome.

A worker keeps what tasks have in common: what it was told (`niicorr.cluster.orders`), and the last few blocks that
were made ready for products, since tiles come row by row.
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from typing import Any, TypeVar

import numpy as np

from niicorr._version import __version__
from niicorr.cluster import orders
from niicorr.cluster.shards import joined, mapped_rows, shard_path, write_shard
from niicorr.compute.outcome import TileOutcome
from niicorr.compute.sums import Block
from niicorr.errors import ResourceError
from niicorr.images.extract import extract
from niicorr.images.survey import survey
from niicorr.matrix import MapMatrix
from niicorr.nulls.effective import Description, EffectiveNull, effective_null
from niicorr.numerals import listed
from niicorr.typing import Float64Array

KEPT = 3
"""Blocks that a worker of one thread holds; one more for each further thread."""

VOXEL_BYTES = 2**28
"""Voxels that wait in memory where the cache did not take them."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""What glibc calls its settings."""

KEPT_BYTES = 2**25
"""To what glibc would have raised them by itself."""

T = TypeVar("T")


def versions_here() -> dict[str, str]:
    """Tell the versions that numbers depend on."""
    return {"niicorr": __version__, "numpy": np.__version__,
            **{name: _version_of(name) for name in ("scipy", "nibabel")}}


def introduce(folder: str, token: str) -> dict[str, Any]:
    """Tell who one is, and whether one sees the folder of the run and may write there."""
    try:
        with open(os.path.join(folder, "token"), encoding="ascii") as file:
            sees = file.read() == token
    except OSError:
        sees = False
    return {"versions": versions_here(), "host": socket.gethostname(), "sees": sees,
            "writes": os.access(folder, os.W_OK | os.X_OK)}


def difference(here: dict[str, str], there: dict[str, str]) -> str:
    """Say in which versions a worker differs; empty where in none."""
    names = [f"{name} {there.get(name, '–')} (here {version})" for name, version in here.items()
             if there.get(name) != version]
    return listed(names) if names else ""


def read(folder: str, name: str, start: int, stop: int) -> tuple[list[str], str]:
    """Read some files of a set into the cache.

    Returns
    -------
    list of str
        Files that do not exist as seen from here.
    str
        Why the cache could not be written; empty where it could.
    """
    order = _reading(folder)
    files = order.sets[name][start:stop]
    unseen = [file.path for file in files if not os.path.exists(file.path)]
    cache = order.cached("reading")
    survey(order.files(name, start, stop, cache), background=order.background, zeros=order.zeros, keep=0, cache=cache)
    return unseen, cache.fault


def place(folder: str, name: str, start: int, stop: int) -> None:
    """Bring some maps of a set to the grid of comparison, and write their shard."""
    path = shard_path(folder, name, start)
    if os.path.isdir(path):  # by a worker that was lost on its way home
        return
    write_shard(path, _extracted(folder, name, start, stop))


def tile(folder: str, number: int, rows: tuple[int, int], columns: tuple[int, int]) -> TileOutcome:
    """Compare some maps of y with some maps of x."""
    _reading(folder)
    order = orders.comparing(folder, number)
    y = _block(folder, number, order.y, *rows)
    x = y if (order.x, columns) == (order.y, rows) else _block(folder, number, order.x, *columns)
    return order.similarity.tile(x, y)


def describe(folder: str, number: int, name: str, start: int, stop: int) -> Description:
    """Describe some maps of a set for the null model."""
    _reading(folder)
    null = _kept((folder, number, "null"), lambda: _null(folder, number))
    return null.describe(orders.comparing(folder, number).similarity.base(_matrix(folder, name, start, stop)))


def forget(folder: str) -> None:
    """Let go of what was kept for a run, and give its memory back to the machine: this worker outlives the run."""
    with _holding:
        for key in [key for key in _held if key[0] == folder]:
            del _held[key]
    orders.forget()
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)


def _reading(folder: str) -> orders.Reading:
    """Read the order of a run, unless this worker is another's match (it may have joined later)."""
    order = orders.reading(folder)
    differs = difference(order.versions, versions_here())
    if differs:
        raise ResourceError(f"a worker on {socket.gethostname()} has {differs}: install the same on all workers")
    _settle_down()
    return order


@lru_cache
def _version_of(name: str) -> str:
    return metadata.version(name)  # which reads a file


@lru_cache(maxsize=1)
def _settle_down() -> None:
    """Make this process one that computes: once, and for as long as it lives.

    The BLAS is held to one thread, as dask's own nannies hold it: tasks are its threads. And memory is kept: dask has
    the allocator give back whatever it can (``MALLOC_TRIM_THRESHOLD_``), so that every large array is made of pages
    that are new, which took more than half of the processor time.
    """
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")
    if sys.platform == "linux" and "MALLOC_TRIM_THRESHOLD_" in os.environ:
        with suppress(OSError, AttributeError):  # another C library
            allocator = ctypes.CDLL(None)
            for which, size in ((M_MMAP_THRESHOLD, KEPT_BYTES), (M_TRIM_THRESHOLD, 2 * KEPT_BYTES)):
                allocator.mallopt(which, size)


def _extracted(folder: str, name: str, start: int, stop: int) -> MapMatrix:
    order, there = _reading(folder), orders.placing(folder)
    cache = order.cached("placing")
    read = survey(order.maps(name, start, stop, cache), background=order.background, zeros=order.zeros,
                  keep=VOXEL_BYTES, cache=cache)
    return extract(read, there.sampling, resample_option=there.resample_option, naive_step=there.naive_step,
                   n_maps=there.n_maps)


def _matrix(folder: str, name: str, start: int, stop: int) -> MapMatrix:
    """Return some maps as they lie in the shards of all workers."""
    there = orders.placing(folder)
    n, piece = there.sampling.indices.size, there.piece
    parts = [mapped_rows(shard_path(folder, name, first), n)[max(start - first, 0) : stop - first]
             for first in range(start - start % piece, stop, piece)]

    def exact(index: int) -> Float64Array:
        matrix = _extracted(folder, name, start + index, start + index + 1)
        assert matrix.exact is not None  # it comes from files
        return matrix.exact(0)

    return orders.set_facts(folder, name).matrix(joined(parts), slice(start, stop), there.sampling, exact)


def _block(folder: str, number: int, name: str, start: int, stop: int) -> Block:
    def make() -> Block:
        return orders.comparing(folder, number).similarity.block(_matrix(folder, name, start, stop))

    return _kept((folder, number, name, start, stop), make)


def _null(folder: str, number: int) -> EffectiveNull:
    order, sampling = orders.comparing(folder, number), orders.placing(folder).sampling
    similarity = order.similarity

    def bare(name: str) -> MapMatrix:
        # Null models look at masks alone until they describe maps.
        facts = orders.set_facts(folder, name)
        n = len(facts.support_of)
        return facts.matrix(np.empty((n, 0)), slice(0, n), sampling)

    x = bare(order.x)
    return effective_null(x, x if order.y == order.x else bare(order.y),
                          model="gsm" if order.null == "gsm" else "robust", weights=similarity.weights,
                          covariates=similarity.ranked_covariates)


_held: OrderedDict[tuple[Hashable, ...], tuple[threading.Lock, list[Any]]] = OrderedDict()
_holding = threading.Lock()


def _kept(key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
    """Make something once for the threads of this worker, and keep the few things asked for last."""
    with _holding:
        lock, made = _held.setdefault(key, (threading.Lock(), []))
        _held.move_to_end(key)
        while len(_held) > KEPT - 1 + _threads():
            _held.popitem(last=False)
    with lock:
        if not made:
            made.append(make())
        found: T = made[0]
    return found


def _threads() -> int:
    """Tasks that this worker does at once."""
    if "distributed" not in sys.modules:
        return 1
    from distributed import get_worker

    try:
        return int(get_worker().state.nthreads)
    except ValueError:  # not on a worker
        return 1
