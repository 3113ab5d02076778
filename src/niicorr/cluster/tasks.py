"""Tasks sent to a scheduler, a few ahead of what the workers can do, and their outcomes as they come.

dask gives a task of a lost worker to another one by itself. What it does not do is give up: where no worker is left,
or the scheduler itself, that is an error here after a while.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from niicorr.errors import NiicorrError, ResourceError
from niicorr.tables import path_text

if TYPE_CHECKING:
    from distributed import Client, Future

AHEAD = 3
"""Tasks sent for each thread of the workers: so many outcomes wait at most."""

RETRIES = 2
"""So often a task that failed is tried again: a disk that many use hiccups."""

PATIENCE = 60.0
"""Seconds without any worker after which the work is given up."""

LOOK = 2.0
"""Seconds between looks at who is there, while nothing comes."""

Order = tuple[Any, ...]


class Tasks:
    """Sends tasks to a scheduler.

    Parameters
    ----------
    client : distributed.Client
        Connected.
    patience : float
        Seconds without any worker after which the work is given up.
    """

    def __init__(self, client: Client, patience: float = PATIENCE) -> None:
        self._client, self._patience = client, patience
        self.workers = self.threads()
        self._seen = set(self.workers)

    def threads(self) -> dict[str, int]:
        """Threads of each worker that is there now, by its address."""
        try:
            return dict(self._client.nthreads())
        except Exception as error:  # of many kinds: the connection is gone
            raise self._lost() from error

    @property
    def lost(self) -> int:
        """How many workers went away."""
        return len(self._seen - set(self.workers))

    def done(self, what: Callable[..., Any], orders: Iterable[Order]) -> Iterator[tuple[Order, Any]]:
        """Yield orders and what came of them, as it comes; who stops listening stops the rest."""
        rest = iter(orders)
        finished: queue.SimpleQueue[Future] = queue.SimpleQueue()
        running: dict[str, tuple[Order, Future]] = {}
        self._look()

        def send() -> None:
            room = max(AHEAD * sum(self.workers.values()), 1) - len(running)
            for order in islice(rest, max(room, 0)):
                future = self.send(what, order)
                running[future.key] = order, future
                future.add_done_callback(finished.put)

        try:
            send()
            while running:
                future = self._next(finished)
                order, _ = running.pop(future.key)
                outcome = self.outcome(future)
                send()
                yield order, outcome
        finally:
            # Also of a run that was interrupted: what has not begun is not begun.
            if running:
                with suppress(Exception):
                    self._client.cancel([future for _, future in running.values()], force=True)
            self._look()

    def send(self, what: Callable[..., Any], order: Order) -> Future:
        """Send one task."""
        return self._client.submit(what, *order, pure=False, retries=RETRIES)

    def arrived(self, future: Future) -> Any:
        """Wait for a task that was sent, and return what came of it."""
        finished: queue.SimpleQueue[Future] = queue.SimpleQueue()
        future.add_done_callback(finished.put)
        return self.outcome(self._next(finished))

    def outcome(self, future: Future) -> Any:
        """Return what came of a task, and forget it; its error is raised here."""
        from distributed import KilledWorker

        try:
            if future.status in ("cancelled", "lost"):
                raise self._lost()
            return future.result()
        except NiicorrError:
            raise
        except KilledWorker as error:
            raise ResourceError(f"{error.allowed_failures + 1} workers died one after the other over the same piece of "
                                "work, probably for want of memory: give each more of it (docs/cluster.md)") from None
        except MemoryError:
            raise ResourceError("a worker ran out of memory: give each more of it (docs/cluster.md)") from None
        except ImportError as error:
            raise ResourceError(f"workers lack what niicorr needs ({error}): install the same on all of them") from None
        finally:
            future.release()

    def everywhere(self, what: Callable[..., Any], order: Order, seconds: float) -> None:
        """Let every worker do something, and wait no longer than this for those that do not answer."""
        from distributed import wait

        with suppress(Exception):  # a worker that has gone has nothing more to do
            sent = [self._client.submit(what, *order, pure=False, workers=[address]) for address in self.threads()]
            wait(sent, timeout=seconds)

    def wait(self) -> None:
        """Wait until there is a worker."""
        self._idle(time.monotonic())

    def _next(self, finished: queue.SimpleQueue[Future]) -> Future:
        while True:
            try:
                return finished.get(timeout=LOOK)
            except queue.Empty:
                self._idle(time.monotonic(), lambda: not finished.empty())

    def _idle(self, since: float, woken: Callable[[], bool] = lambda: False) -> None:
        """Return once somebody is there to work, or something has come; give up after a while."""
        self._look()
        while not self.workers and not woken():
            if time.monotonic() - since > self._patience:
                seen = "all workers are gone" if self._seen else "no worker has come"
                raise ResourceError(f"{seen} for {self._patience:.0f} s: start workers for the scheduler "
                                    f"{self.address} (docs/cluster.md)")
            time.sleep(min(LOOK, self._patience) / 10)
            self._look()

    def _look(self) -> None:
        with suppress(ResourceError):
            self.workers = self.threads()
            self._seen |= set(self.workers)

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return path_text(str(self._client.scheduler.addr if self._client.scheduler else "?"))

    def _lost(self) -> ResourceError:
        return ResourceError(f"the scheduler {self.address} has gone: what it had not finished is lost")
