"""The way to a scheduler and back: dask is imported here, for those who ask for one, and kept quiet."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import shutil
import signal
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

from niicorr.cluster import demands, work
from niicorr.cluster.address import Scheduler, scheduler_of
from niicorr.cluster.session import Cluster
from niicorr.cluster.tasks import PATIENCE, Tasks
from niicorr.errors import InputError, NiicorrError, ResourceError, UsageError
from niicorr.hidden import hidden_folder
from niicorr.numerals import integer, plural
from niicorr.rights import resource_text
from niicorr.tables import path_text
from niicorr.typing import Progress

if TYPE_CHECKING:
    from distributed import Client

ANSWER = 5.0
"""Seconds in which a scheduler answers, or there is none."""

LARGEST_FILE = 1 << 20
"""Bytes of the file that a scheduler writes, at most."""

LOUD = ("distributed", "tornado", "asyncio", "bokeh")
"""Who logs to the terminal when workers come and go."""


@contextmanager
def connected(
    scheduler: Scheduler | str, beside: str = ".", *, jobs: int, progress: Progress, patience: float = PATIENCE
) -> Iterator[Cluster]:
    """Have the workers of a scheduler for a while.

    Parameters
    ----------
    scheduler : Scheduler or str
        Which one, and in which folder its workers and this process meet. There a hidden folder is made, which goes at
        the end; if this process is killed, the next run removes it.
    beside : str
        That folder, where the scheduler does not tell.
    jobs : int
        Threads of this process; of workers on this machine there are as many unless their number is given.
    progress : callable
        Told that workers are waited for.
    patience : float
        Seconds to wait for the first worker.

    Raises
    ------
    UsageError
        Where dask is not installed.
    ResourceError
        Where the scheduler does not answer, has no workers, or has some that cannot do the work.
    """
    scheduler, start = scheduler_of(scheduler), time.perf_counter()
    _demand_dask()
    parent = os.path.abspath(scheduler.folder or beside)
    try:
        folder = hidden_folder(parent)
    except OSError as error:
        raise ResourceError(resource_text(path_text(parent), error)) from None
    # What is opened last is closed first: workers of our own have gone when the folder goes.
    with ExitStack() as leaving:
        leaving.callback(_remove, folder)
        leaving.enter_context(_quiet())
        client = leaving.enter_context(_client(scheduler, jobs))
        tasks = Tasks(client, patience)
        with progress(1, "waiting for workers") as advance:
            tasks.wait()
            advance(1)
        _introduced(client, folder)
        # Counted anew: more may have come meanwhile.
        cluster = Cluster(Tasks(client, patience), folder, scheduler.text, jobs, time.perf_counter() - start)
        leaving.callback(cluster.leave)
        with naming(folder, parent):
            yield cluster
        if not scheduler.local:
            cluster.forget()


@contextmanager
def naming(folder: str, place: str) -> Iterator[None]:
    """Let errors name a place instead of files in a hidden folder there, which will have gone, or has already."""
    shown = path_text(folder)
    own = re.compile(re.escape(shown) + r"[^:\s]*")
    try:
        yield
    except (InputError, ResourceError) as error:
        found = own.search(str(error))
        if found is None:
            raise
        # What was to be read there was written before. Of what was to be written, only the folder must be there.
        needed = folder + found[0][len(shown) :] if isinstance(error, InputError) else folder
        if not os.path.lexists(needed):
            raise _removed(folder, place) from None
        if isinstance(error, InputError):
            raise
        raise ResourceError(own.sub(lambda _: path_text(place), str(error))) from None
    except OSError as error:
        if not str(error.filename).startswith(folder):
            raise
        raise _removed(folder, place) if not os.path.lexists(folder) else ResourceError(
            resource_text(path_text(place), error)) from None


def _removed(folder: str, place: str) -> ResourceError:
    name = path_text(os.path.basename(folder))
    return ResourceError(f"{path_text(place)}: the hidden folder {name} in it, or a part of that, was removed "
                         "while this run and its workers used it: see that nothing cleans up there, and run again")


def _demand_dask() -> None:
    try:
        import distributed  # noqa: F401  (is it there?)
    except ImportError:
        raise UsageError("a scheduler needs dask: pip install 'niicorr[dask]', or leave out --scheduler") from None


@contextmanager
def _client(scheduler: Scheduler, jobs: int) -> Iterator[Client]:
    """Connect, to workers of our own where that was asked for."""
    from distributed import Client

    with ExitStack() as leaving:
        target: Any
        if scheduler.local:
            target = leaving.enter_context(_own_workers(scheduler.n_workers or jobs))
        else:
            target = scheduler.url or _address_in(scheduler.text)
        try:
            client = Client(target, timeout=ANSWER, set_as_default=False, direct_to_workers=True)
        except Exception as error:  # what dask raises for an address it cannot use is of many kinds
            text = path_text(str(target))
            raise ResourceError(f"no scheduler answers at {text} ({_short(error)}): start one (dask scheduler), or "
                                "take workers on this machine with --scheduler local") from None
        leaving.callback(_closed, client)
        yield client


@contextmanager
def _own_workers(count: int) -> Iterator[Any]:
    """Have workers of our own on this machine, one process each."""
    from dask import config
    from distributed import LocalCluster

    def start() -> Any:
        # dask would end a worker that maps more than its share of the memory; ours use what fits. Nor does anybody look
        # at a profile of them.
        with config.set({"distributed.worker.profile.enabled": False}):
            return LocalCluster(n_workers=count, threads_per_worker=1, processes=True, memory_limit=0,
                                host="127.0.0.1", dashboard_address=None, silence_logs=logging.CRITICAL)

    with ThreadPoolExecutor(1, initializer=_deaf) as thread:
        starting = thread.submit(start)
        try:
            cluster = starting.result()
        except (OSError, RuntimeError) as error:
            raise ResourceError(f"no workers could be started on this machine ({_short(error)}): if one was ended (no "
                                "memory, a signal), ask for fewer with local:N; in a script of your own, let what "
                                "calls niicorr stand below if __name__ == '__main__'") from None
        except BaseException:  # an interrupt, while they come up
            starting.add_done_callback(lambda done: None if done.exception() else _closed(done.result()))
            raise
    try:
        yield cluster
    finally:
        _closed(cluster)


def _deaf() -> None:
    """Let this thread, and all processes that come of it, not hear Ctrl-C: the client does, and ends them."""
    if hasattr(signal, "pthread_sigmask"):
        # Which would make its thread hear again when it starts its own process.
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _address_in(path: str) -> str:
    """Return the address in the file that a scheduler wrote; one that has just been started gets a little time."""
    until = time.monotonic() + ANSWER
    while True:
        try:
            if os.path.lexists(path) and (not os.path.isfile(path) or os.path.getsize(path) > LARGEST_FILE):
                raise ValueError
            with open(path, encoding="utf-8") as file:
                address = json.load(file)["address"]
            if isinstance(address, str):
                return address
            fault = "it tells no address"
        except FileNotFoundError:
            fault = "there is no such file"
        except OSError as error:
            fault = error.strerror or str(error)
        except (ValueError, KeyError, TypeError, RecursionError):
            fault = "it is not what a scheduler writes"
        if time.monotonic() > until:
            raise ResourceError(f"{path_text(path)}: {fault}. A scheduler writes it when it has started (dask "
                                "scheduler --scheduler-file FILE)")
        time.sleep(0.1)


def _introduced(client: Client, folder: str) -> None:
    """Make sure that all workers are the same as this process, and see the folder."""
    token, here = secrets.token_hex(16), work.versions_here()
    with open(os.path.join(folder, "token"), "w", encoding="ascii") as file:
        file.write(token)
    try:
        answers = client.run(work.introduce, folder, token, on_error="return")
    except Exception as error:  # whatever dask makes of a function that it cannot load
        raise ResourceError(f"workers cannot run this niicorr {here['niicorr']} ({_short(error)}): install the same on "
                            "all of them") from None
    faults = []
    for address, answer in answers.items():
        if isinstance(answer, BaseException):
            faults.append(f"{address} cannot run this niicorr {here['niicorr']} ({_short(answer)}): install the same "
                          "there")
        elif fault := _fault(answer):
            faults.append(f"{address} is none of niicorr {here['niicorr']} ({fault}): install the same there")
        elif differs := work.difference(here, answer["versions"]):
            faults.append(f"{address} on {answer['host']} has {differs}: install the same there")
        elif not (answer["sees"] and answer["writes"]):
            what = "see" if not answer["sees"] else "write to"
            faults.append(f"{address} on {answer['host']} cannot {what} {path_text(os.path.dirname(folder))}: output, "
                          "cache and maps must lie on a disk that all workers see under the same name")
    if faults:
        more = f"\n  … and {len(faults) - 5} more" if len(faults) > 5 else ""
        head = f"{plural(len(faults), 'worker')} of {integer(len(answers))} cannot do the work:"
        raise ResourceError("\n  ".join([head, *faults[:5]]) + more)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep dask's log, and its warnings, off the terminal: what matters of it is said by us."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in LOUD]
    loggers = [logging.getLogger(name) for name in {*names, *LOUD}]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="distributed")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _fault(answer: Any) -> str:
    """Say what is wrong with the answer of a worker that introduces itself; empty where nothing is."""
    try:
        demands.introduction(answer)
    except ValueError as error:
        return str(error)
    return ""


def _closed(thing: Any) -> None:
    with suppress(Exception):  # it has gone already
        thing.close(timeout=ANSWER)


def _remove(folder: str) -> None:
    """Remove the folder of a run; a task that was in the middle of something may write into it once more."""
    for _ in range(10):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.lexists(folder):
            return
        time.sleep(0.1)


def _short(error: BaseException) -> str:
    """Return the first line of what dask says."""
    if isinstance(error, NiicorrError):
        return str(error)
    text = str(error).strip().partition("\n")[0]
    return text or type(error).__name__
