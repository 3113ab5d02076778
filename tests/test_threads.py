"""Work shared out among threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from niicorr.threads import AHEAD, in_order


@pytest.mark.parametrize("threads", [1, 3])
def test_outcomes_come_in_order(threads):
    assert list(in_order(lambda k: k * k, range(50), threads)) == [k * k for k in range(50)]
    assert list(in_order(str, [], threads)) == []


def test_what_has_not_begun_when_one_fails_is_left():
    begun, lock = [], threading.Lock()

    def work(k):
        with lock:
            begun.append(k)
        if k == 2:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        list(in_order(work, range(1000), 2))
    assert len(begun) < 20


def test_only_a_few_outcomes_wait():
    taken = []

    def items():
        for k in range(1000):
            taken.append(k)
            yield k

    outcomes = in_order(lambda k: k, items(), 2)
    assert next(outcomes) == 0
    assert len(taken) <= 2 * AHEAD + 1
    outcomes.close()
    assert len(taken) <= 2 * AHEAD + 1


def test_threads_do_about_overflow_what_their_caller_does():
    def product(k):
        return np.float32(1e30) * np.full(1, 1e30, np.float32)

    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        list(in_order(product, range(9), 2))
    with np.errstate(over="ignore"):
        assert len(list(in_order(product, range(9), 2))) == 9
