"""Surrogates counted on a device: the same p, whatever becomes of its memory."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

from devices import LIBRARIES, OutOfMemoryError, on, strict
from niicorr import matrix
from niicorr.analysis import analyse
from niicorr.compute import on_device, sums
from niicorr.compute.on_device import Held
from niicorr.compute.similarity import Similarity
from niicorr.compute.sums import Block, pair_sums
from niicorr.draws import count_draws
from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.device_surrogates import DeviceSurrogates
from niicorr.records import NullModel
from niicorr.space import Grid

SHAPE = (9, 10, 8)
N = int(np.prod(SHAPE))
FEATURES = Features(N, Grid(SHAPE, np.diag([6.0, 6.0, 6.0, 1])), np.arange(N))
KINDS = {
    "pearson": Similarity(), "spearman": Similarity("spearman"), "dice": Similarity("dice", 0.5),
    "weighted": Similarity(weights=np.random.default_rng(1).random(N) + 0.1),
    "partial": Similarity(covariates=np.random.default_rng(2).standard_normal((1, N))),
}


@pytest.fixture(params=LIBRARIES.values(), ids=LIBRARIES)
def xp(request):
    return request.param()


def some_maps(seed, count, gaps=False):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, *SHAPE))
    for axis in (1, 2, 3):
        values = values + np.roll(values, 1, axis) + np.roll(values, -1, axis)
    values = values.reshape(count, N)
    if gaps:
        values[0, :90] = values[-1, 200:260] = np.nan
    return MapMatrix.from_array(values, features=FEATURES)


def counted(x, y, similarity=None, surrogates=30, device=None, jobs=1):
    similarity = similarity or Similarity()
    found = similarity(x, y)
    return count_draws(x, y, found, np.isfinite(found.r), similarity=similarity,
                       model=NullModel("surrogate", n_surrogates=surrogates, seed=4), jobs=jobs, memory=2**30,
                       progress=lambda total, what: nullcontext(lambda done: None), device=device)


def same(found, expected):
    # One of thirty draws in a cell may fall on the other side of r: rounding.
    for name in ("p", "p_fwe"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found.counts.sum(axis=2), expected.counts.sum(axis=2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("small", [0, matrix.SMALL], ids=["float32", "float64"])
def test_a_device_counts_what_the_processor_counts(monkeypatch, xp, kind, gaps, small):
    monkeypatch.setattr(matrix, "SMALL", small)
    monkeypatch.setattr(sums, "CHUNK", 200)
    x, y = some_maps(0, 4, gaps), some_maps(1, 3, gaps)
    expected, found = counted(x, y, KINDS[kind]), counted(x, y, KINDS[kind], device=on(xp), jobs=2)
    same(found, expected)
    assert expected.decisions == ()
    (decision,) = found.decisions
    assert decision.text == "surrogates on a device: drawn there from random numbers of the processor"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("gaps", [False, True])
def test_a_small_set_in_float64_meets_a_large_one_in_float32(monkeypatch, xp, kind, gaps):
    # Four maps beside twenty are kept in float64; libraries of devices multiply only what is of one type.
    x, y = some_maps(0, 5, gaps), some_maps(1, 3, gaps)
    monkeypatch.setattr(matrix, "SMALL", y.rows.nbytes)
    x = some_maps(0, 5, gaps)
    assert (x.rows.dtype, y.rows.dtype) == (np.float32, np.float64)
    products = on_device.products

    def strictly(xs, ys, *others):
        assert {one.dtype for one in (xs, ys, *others) if one is not None} == {xs.dtype}
        return products(xs, ys, *others)

    monkeypatch.setattr(on_device, "products", strictly)
    same(counted(x, y, KINDS[kind], device=on(xp), jobs=2), counted(x, y, KINDS[kind]))


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("weights", [None, KINDS["weighted"].weights], ids=["plain", "weighted"])
def test_held_maps_give_the_same_sums_again_and_again(monkeypatch, xp, gaps, weights):
    monkeypatch.setattr(sums, "CHUNK", 200)
    x = some_maps(2, 5, gaps)
    held = Held.of(on(xp), Block.of(x), weights, 3, dtype=np.float64, gaps=gaps)
    for seed in (3, 4):
        y = some_maps(seed, 3, gaps)
        expected, found = pair_sums(x, y, weights), held.sums_with(Block.of(y))
        for name in ("n", "weight", "x", "y", "xx", "yy", "xy"):
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12, atol=1e-9)


def test_without_room_on_the_device_the_processor_does_it_and_says_so():
    x, y = some_maps(0, 4), some_maps(1, 3)
    for free, roomy in ((1000, False), (400_000, False), (4_000_000, True)):
        found = counted(x, y, device=on(strict(), free))
        same(found, counted(x, y))
        (decision,) = found.decisions
        assert decision.text == ("surrogates on a device: drawn there from random numbers of the processor" if roomy
                                 else "a device has too little memory for surrogates: the processor drew them")


@pytest.mark.parametrize("where", [(DeviceSurrogates, "draw"), (Held, "sums_with")], ids=["draws", "products"])
@pytest.mark.parametrize("jobs", [1, 3])
def test_where_memory_runs_out_the_processor_goes_on(monkeypatch, where, jobs):
    x, y, calls = some_maps(0, 4), some_maps(1, 3), []
    works = getattr(*where)

    def fills_up(*args):
        calls.append(1)
        if len(calls) > 5:
            raise OutOfMemoryError
        return works(*args)

    monkeypatch.setattr(*where, fills_up)
    found = counted(x, y, device=on(strict()), jobs=jobs)
    same(found, counted(x, y))
    assert 6 <= len(calls) <= 5 + jobs, "it is not asked again"
    (decision,) = found.decisions
    assert decision.text == "a device ran out of memory: the processor drew the rest of the surrogates"


def test_what_else_goes_wrong_on_a_device_is_not_hidden(monkeypatch):
    def broken(*_args):
        raise RuntimeError("device-side assert")

    monkeypatch.setattr(DeviceSurrogates, "draw", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        counted(some_maps(0, 4), some_maps(1, 3), device=on(strict()))


def test_a_run_tells_of_surrogates_on_a_device(monkeypatch):
    asked = []

    def choose(option, work):
        asked.append((option, work))
        return on(strict()), None

    monkeypatch.setattr("niicorr.analysis.choose_device", choose)
    x, y = some_maps(0, 4), some_maps(1, 3)
    model = NullModel("surrogate", n_surrogates=20, seed=4)
    found, expected = analyse(x, y, model=model, device="cuda"), analyse(x, y, model=model)
    np.testing.assert_allclose(found.p, expected.p, rtol=0, atol=1e-6)
    assert [d.text for d in found.provenance.decisions if d.topic == "device"] == [
        "surrogates on a device: drawn there from random numbers of the processor"]
    assert asked[0] == ("cuda", 21 * Similarity().work(x, y))
