"""Work shared out among threads: arithmetic and inflating leave the interpreter free."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4
"""So many items for each thread are begun before the first outcome is asked for: outcomes wait in memory."""


def in_order(of: Callable[[T], R], items: Iterable[T], threads: int) -> Generator[R, None, None]:
    """Apply a function to all items, in threads if they are several, and yield the outcomes in order.

    Parameters
    ----------
    of : callable
        Raises what ends the work: items that have not begun by then are left.
    items : iterable
        Taken as the work goes on.
    threads : int
        With one, everything is done by the caller's.
    """
    if threads <= 1:
        yield from map(of, items)
        return
    # What numpy does about overflow is told by the context, which threads do not inherit by themselves.
    pool, here = ThreadPoolExecutor(threads), copy_context()
    begun: deque[Future[R]] = deque()
    try:
        for item in items:
            if len(begun) == AHEAD * threads:
                yield begun.popleft().result()
            begun.append(pool.submit(here.copy().run, of, item))
        while begun:
            yield begun.popleft().result()
    finally:
        # Whoever interrupts does not wait for what has not begun.
        pool.shutdown(cancel_futures=True)
