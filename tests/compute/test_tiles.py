"""Sets of any size, in tiles: the same numbers to the last byte with any memory and any number of threads."""

from __future__ import annotations

import tracemalloc
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import threadpoolctl

from niicorr import matrix
from niicorr.compute import plan, sums, tiles
from niicorr.compute import similarity as module
from niicorr.compute.plan import planned
from niicorr.compute.similarity import Similarity
from niicorr.matrix import MapMatrix
from niicorr.threads import in_order

N = 300
KINDS = {
    "pearson": {}, "spearman": {}, "cosine": {}, "concordance": {}, "bicor": {}, "dice": {"threshold": 0.4},
    "weighted": {"method": "pearson", "weights": True}, "partial": {"method": "pearson", "covariates": True},
    "partial spearman": {"method": "spearman", "covariates": True, "weights": True},
}


def similarity_of(kind, n=N):
    rng = np.random.default_rng(1)
    given = {"method": kind, **KINDS[kind]}
    drawn = {"weights": rng.random(n) + 0.1, "covariates": rng.standard_normal((2, n))}
    return Similarity(**{name: drawn[name] if value is True else value for name, value in given.items()})


def some_maps(seed, count, gaps, n=N):
    """Maps with something in common, complete, with a few outlines, or each with gaps of its own."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, n)) + 0.7 * rng.standard_normal(n)
    if gaps == "few":
        values[(rng.random((3, n)) < 0.1)[np.arange(count) % 3]] = np.nan
    if gaps == "many":
        values[rng.random(values.shape) < 0.1] = np.nan
    return MapMatrix.from_array(values)


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles, pieces and chunks so small that a few maps make many; float32; a thread for any work."""
    monkeypatch.setattr(plan, "TILE", 8)
    monkeypatch.setattr(plan, "PAYS", 0)
    monkeypatch.setattr(tiles, "PIECE", 3)
    monkeypatch.setattr(sums, "CHUNK", 100)
    monkeypatch.setattr(matrix, "SMALL", 0)


def bytes_of(found):
    return [getattr(found, name).tobytes() for name in ("r", "n", "x_constant", "y_constant", "own")]


MEANS = [(3, 1), (1, 60_000), (2, 10**5), (4, 10**9)]


@pytest.mark.parametrize("same", [False, True], ids=["two sets", "one set"])
@pytest.mark.parametrize("gaps", ["none", "few", "many"])
@pytest.mark.parametrize("kind", KINDS)
def test_neither_memory_nor_threads_change_a_byte(small_tiles, kind, gaps, same):
    similarity, x = similarity_of(kind), some_maps(0, 11, gaps)
    y = x if same else some_maps(1, 17, gaps)
    expected = similarity(x, y, jobs=1, memory=10**9)
    for jobs, memory in MEANS:
        assert bytes_of(similarity(x, y, jobs=jobs, memory=memory)) == bytes_of(expected), (jobs, memory)


@pytest.mark.parametrize("gaps", ["none", "few", "many"])
@pytest.mark.parametrize("kind", KINDS)
def test_tiles_hold_what_one_product_would(monkeypatch, kind, gaps):
    similarity, x, y = similarity_of(kind), some_maps(0, 11, gaps), some_maps(1, 17, gaps)
    whole = similarity(x, y)
    monkeypatch.setattr(plan, "TILE", 8)
    cut = similarity(x, y, memory=1)
    np.testing.assert_allclose(cut.r, whole.r, rtol=0, atol=1e-12)
    assert np.isfinite(cut.r).all()
    for name in ("n", "x_constant", "y_constant", "own"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))


def test_tiles_of_pearsons_r_are_numpys(monkeypatch):
    monkeypatch.setattr(plan, "TILE", 4)
    x, y = some_maps(2, 11, "none"), some_maps(3, 9, "none")
    expected = np.corrcoef(y.values, x.values)[:9, 9:]
    np.testing.assert_allclose(Similarity()(x, y, jobs=2, memory=1).r, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("gaps", ["none", "few", "many"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_set_against_itself_is_the_set_against_its_copy(small_tiles, kind, gaps):
    similarity, x = similarity_of(kind), some_maps(4, 12, gaps)
    values = x.values
    values[5], values[9, :150] = 3.0, 2.0  # a constant map; one that is constant over some of its overlaps
    values[11] = np.where(np.arange(N) < 150, 1.0 + np.arange(N), np.nan)
    x = MapMatrix.from_array(values)
    found, copy = similarity(x, x, jobs=2), similarity(x, replace(x), jobs=2)
    np.testing.assert_allclose(found.r, copy.r, rtol=0, atol=2e-6)
    for name in ("n", "x_constant", "y_constant", "own"):
        np.testing.assert_array_equal(getattr(found, name), getattr(copy, name))
    np.testing.assert_array_equal(found.n, found.n.T)
    np.testing.assert_array_equal(found.x_constant, found.y_constant.T)
    away = np.abs(np.subtract.outer(np.arange(12) // 8, np.arange(12) // 8)) > 0
    np.testing.assert_array_equal(found.r[away], found.r.T[away])


def test_a_set_against_itself_takes_half_of_the_tiles(small_tiles, monkeypatch):
    made = []
    monkeypatch.setattr(tiles, "block_sums", lambda *a, **k: made.append(1) or sums.block_sums(*a, **k))
    x = some_maps(5, 40, "none")
    Similarity()(x, x)
    assert len(made) == 15  # of 5 × 5


@pytest.mark.parametrize("same", [False, True], ids=["two sets", "one set"])
def test_cells_that_sums_are_too_coarse_for_are_mended_in_every_tile(monkeypatch, same):
    monkeypatch.setattr(plan, "TILE", 4)
    monkeypatch.setattr(matrix, "SMALL", 0)
    rng = np.random.default_rng(6)
    values = rng.standard_normal((10, 5000))
    shared = rng.standard_normal(300)
    for k in (1, 9):
        # All that maps 1 and 9 share with map 6 lies far from their means.
        values[k, :300] = 1000 + 0.01 * (shared + rng.standard_normal(300))
    values[6, 300:], values[6, :300] = np.nan, shared
    x = MapMatrix.from_array(values)
    r = Similarity()(x, x if same else MapMatrix.from_array(values), memory=1).r
    for i, j in ((1, 6), (9, 6), (6, 1), (6, 9)):
        assert r[i, j] == pytest.approx(np.corrcoef(values[i, :300], values[j, :300])[0, 1], abs=1e-9)


@pytest.mark.parametrize("gaps", ["none", "few", "many"])
@pytest.mark.parametrize("kind", ["pearson", "concordance", "spearman", "dice", "weighted", "partial spearman"])
def test_no_more_is_held_than_the_plan_says(monkeypatch, kind, gaps):
    """All that numpy allocates, less the outcome; the maps are there before."""
    n = 3000
    monkeypatch.setattr(plan, "TILE", 32)
    monkeypatch.setattr(plan, "PAYS", 0)
    monkeypatch.setattr(matrix, "SMALL", 0)
    monkeypatch.setattr(module, "ANEW", 0)
    similarity, x, y = similarity_of(kind, n), some_maps(7, 120, gaps, n), some_maps(8, 90, gaps, n)
    sides = similarity._side(x), similarity._side(y)
    for jobs, memory in ((1, 1), (3, 4 * 2**20)):
        sizes = similarity._sizes(*sides)
        expected = planned(sizes, memory, jobs).bytes
        tracemalloc.start()
        found = similarity(x, y, jobs=jobs, memory=memory)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        outcome = sum(getattr(found, name).nbytes for name in ("r", "n", "x_constant", "y_constant", "own"))
        small = 256 * 1024  # Python's own objects
        assert peak - outcome <= expected + small, (jobs, memory)
        assert expected < 4 * (peak - outcome) + small or gaps != "many", "a bound that says nothing"


def test_maps_compared_over_what_they_share_stay_within_the_memory(monkeypatch):
    n = 9000
    monkeypatch.setattr(plan, "TILE", 16)
    monkeypatch.setattr(tiles, "PIECE", 8)
    monkeypatch.setattr(plan, "PIECE", 8)
    similarity, x, y = similarity_of("partial", n), some_maps(9, 90, "few", n), some_maps(10, 70, "few", n)

    def peak_of(memory):
        tracemalloc.start()
        similarity(x, y, memory=memory)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_of(1) < 0.75 * peak_of(10**9)


def test_maps_of_many_coverages_are_told_apart_without_an_object_for_each_pair(monkeypatch):
    monkeypatch.setattr(module, "ANEW", 1e6)
    x, y = some_maps(11, 300, "many", 90), some_maps(12, 300, "many", 90)
    tracemalloc.start()
    found = Similarity("spearman")(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.own.mean() > 0.99
    assert peak < 250 * found.r.size


def test_rows_may_lie_in_a_file_that_cannot_be_written(tmp_path):
    x, y = some_maps(13, 12, "many"), some_maps(14, 9, "many")
    np.save(tmp_path / "rows.npy", x.rows)
    filed = replace(x, rows=np.load(tmp_path / "rows.npy", mmap_mode="r"))
    for kind in ("pearson", "spearman"):
        assert bytes_of(similarity_of(kind)(filed, y)) == bytes_of(similarity_of(kind)(x, y))


@pytest.mark.parametrize("same", [False, True], ids=["two sets", "one set"])
def test_progress_counts_every_pair_once(small_tiles, same):
    told = {}

    @contextmanager
    def progress(total, what):
        told[what] = [total, 0]

        def advance(done):
            told[what][1] += done

        yield advance

    x = some_maps(15, 21, "few")
    y = x if same else some_maps(16, 13, "few")
    Similarity("spearman")(x, y, progress=progress)
    blocks = 3 if same else 9
    assert told == {"comparing maps": [21 * len(y)] * 2, "comparing maps of different coverage": [blocks] * 2}


def test_the_blas_has_one_thread_while_ours_multiply(monkeypatch):
    def threads():
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

    seen = []
    monkeypatch.setattr(tiles, "block_sums", lambda *a, **k: seen.append(threads()) or sums.block_sums(*a, **k))
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = threads()
        Similarity()(some_maps(17, 3, "none"), some_maps(18, 3, "none"))
        assert threads() == before
    assert seen == [[1] * len(before)]


def test_threads_do_about_overflow_what_their_caller_does(monkeypatch):
    monkeypatch.setattr(sums, "CHUNK", 10)

    def product(part):
        return [np.full((1, 1), 1e30, np.float32) * np.float32(1e30)]

    for of_threads in (lambda: list(in_order(product, range(9), 2)), lambda: sums._added(product, 90, 2)):
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            of_threads()
        with np.errstate(over="ignore"):
            of_threads()


def test_sets_without_maps_have_no_cells():
    for kind in KINDS:
        x = some_maps(19, 3, "few")
        nothing = replace(x.part(np.arange(0)), features=x.features)
        assert similarity_of(kind)(nothing, x).r.shape == (3, 0)
        assert similarity_of(kind)(x, nothing).r.shape == (0, 3)
        assert similarity_of(kind)(nothing, nothing).r.shape == (0, 0)
