"""What this process may use."""

from __future__ import annotations

import builtins
import io
import os
import threading

import numpy as np  # noqa: F401  (whose BLAS is looked at)
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from niicorr import machine


def test_memory_asked_for_is_memory_given():
    assert machine.memory_budget(123) == 123


@pytest.mark.parametrize(
    ("free", "expected"),
    [((100, None, None), 60), ((100, 50, None), 30), ((100, 50, 10), 6), ((None, None, None), int(0.6 * 2**31))],
)
def test_a_share_of_the_smallest_limit(monkeypatch, free, expected):
    for name, value in zip(("_meminfo", "_cgroup", "_address_space"), free, strict=True):
        monkeypatch.setattr(machine, name, lambda value=value: value)
    assert machine.memory_budget(None) == expected


@pytest.fixture
def files(monkeypatch):
    """Stand-ins for the files of /proc and /sys: a text, or None where there is no such file."""

    def put(**texts):
        def opened(path, *_args, **_kwargs):
            text = texts.get(os.path.basename(path).replace(".", "_"))
            if text is None:
                raise FileNotFoundError(path)
            return io.StringIO(text)

        monkeypatch.setattr(builtins, "open", opened)

    yield put
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("MemTotal: 9 kB\nMemAvailable:   2048 kB\n", 2048 * 1024), ("MemTotal: 9 kB\n", None), ("nonsense", None),
     ("MemAvailable: many kB\n", None), (None, None)],
)
def test_free_memory(files, text, expected):
    files(meminfo=text)
    assert machine._meminfo() == expected


@pytest.mark.parametrize(
    ("most", "current", "expected"),
    [("1000\n", "300\n", 700), ("1000\n", "3000\n", 0), ("max\n", "300\n", None), (None, None, None), ("x", "1", None)],
)
def test_the_limit_of_a_control_group(files, most, current, expected):
    files(memory_max=most, memory_current=current)
    assert machine._cgroup() == expected


def test_the_limit_of_the_address_space(monkeypatch, files):
    resource = pytest.importorskip("resource")
    page = resource.getpagesize()
    files(statm="10 5 3 1 0 2 0\n")
    for soft, expected in ((100 * page, 90 * page), (5 * page, 0), (resource.RLIM_INFINITY, None)):
        monkeypatch.setattr(resource, "getrlimit", lambda _which, soft=soft: (soft, soft))
        assert machine._address_space() == expected


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_the_blas_has_one_thread_until_the_first_that_wanted_it_leaves():
    def enter_and_leave():
        with machine.one_blas_thread():
            seen.append(blas_threads())

    seen = []
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert before, "numpy has a BLAS"
        with machine.one_blas_thread():
            other = threading.Thread(target=enter_and_leave)
            other.start()
            other.join()
            enter_and_leave()
            seen.append(blas_threads())
        assert blas_threads() == before
    assert seen == [[1] * len(before)] * 3


def test_the_blas_gets_its_threads_back_after_an_error():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        for _ in range(2):
            with pytest.raises(KeyError), machine.one_blas_thread():
                raise KeyError
            assert blas_threads() == before


@pytest.mark.parametrize(("processors", "jobs"), [(1, 1), (3, 3), (64, machine.MAX_JOBS)])
def test_jobs_follow_the_processors_this_process_may_use(monkeypatch, processors, jobs):
    monkeypatch.delenv("SLURM_CPUS_PER_TASK", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(processors)), raising=False)
    assert machine.default_jobs() == jobs
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert machine.default_jobs() == 1


@pytest.mark.parametrize(("given", "jobs"), [("3", 3), ("1", 1), ("64", 6), ("0", 1), ("", 6), ("two", 6), ("-1", 6)])
def test_a_task_of_slurm_has_the_processors_it_was_given(monkeypatch, given, jobs):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(6)), raising=False)
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", given)
    assert machine.default_jobs() == jobs
