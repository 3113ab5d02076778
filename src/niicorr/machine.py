"""What this process may use: processors and memory."""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from niicorr._version import __version__

SHARE = 0.6
"""Of the free memory, unless ``--memory`` says otherwise."""

MAX_JOBS = 8
"""Reading gains little from more threads than this."""


def default_jobs() -> int:
    """Processors this process may run on, at most `MAX_JOBS`; in a job of SLURM, those that a task of it was given."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if given.isascii() and given.isdigit():
        available = min(available, int(given))
    return max(1, min(available, MAX_JOBS))


def memory_budget(option: int | None) -> int:
    """Bytes that may be held: as asked for, else a share of what is free, limits of the process respected."""
    if option is not None:
        return option
    free = [n for n in (_meminfo(), _cgroup(), _address_space()) if n is not None]
    return int(SHARE * min(free, default=2**31))


def versions(*used: str) -> dict[str, str]:
    """What the numbers were made with: Python, the packages that are loaded, and those that were ``used`` before."""
    found = {"niicorr": __version__, "python": platform.python_version(), "platform": platform.platform()}
    for name in ("numpy", "scipy", "nibabel", "nilearn", "zlib_ng", "pandas", "matplotlib", "seaborn"):
        module = sys.modules.get(name)
        if module is not None:
            found[name] = str(getattr(module, "__version__", "unknown"))
        elif name in used:
            from importlib.metadata import version

            found[name] = version(name)
    return found


_HOLDING = threading.Lock()
"""Taken by whoever has changed the BLAS's setting, of which a process has one."""


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold the BLAS to one thread for a while: products are cut for our own threads, and those of both would fight.

    Inside of another such context, of whichever thread, it does nothing: what the first one changed, it puts back.
    """
    if not _HOLDING.acquire(blocking=False):
        yield
        return
    try:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1, user_api="blas"):
            yield
    finally:
        _HOLDING.release()


def _meminfo() -> int | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _cgroup() -> int | None:
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as limit:
            most = limit.read().strip()
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as current:
            return None if most == "max" else max(0, int(most) - int(current.read()))
    except (OSError, ValueError):
        return None


def _address_space() -> int | None:
    try:
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_AS)
        if soft == resource.RLIM_INFINITY:
            return None
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        return max(0, soft - used)
    except (ImportError, OSError, ValueError):
        return None
