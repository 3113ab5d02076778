"""Plans: every pair is in one tile, tiles lie where they lie, and what is planned fits the memory if anything does."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.compute import plan as module
from niicorr.compute.plan import LEAST_TILE, Sizes, device_bytes, planned, planned_on_device
from strategies import MODEST

MIB = 2**20
counts = st.sampled_from([0, 1, 7, 16, 17, 64, 250])


@st.composite
def some_sizes(draw):
    rows, same = draw(counts), draw(st.booleans())
    gaps, weighted, moves = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    return Sizes(rows, rows if same else draw(counts), draw(st.sampled_from([0, 1, 900, 29_000])),
                 draw(st.sampled_from([4, 8])), missing=gaps or weighted, weighted=weighted, transformed=moves,
                 covariates=draw(st.sampled_from([0, 2])) * moves, same=same)


memories = st.sampled_from([1, 10**5, 10**6, 10**7, 3 * 10**7, 10**8, 10**10])


def with_small_tiles(sizes, memory, jobs=1):
    with patch.object(module, "TILE", 16):
        return planned(sizes, memory, jobs)


def partitions(panels, n, tile):
    """Whether panels follow each other from 0 to n and begin where tiles do."""
    ends = [panel.stop for panel in panels]
    return [panel.start for panel in panels] == [0, *ends[:-1]] and ends[-1] == n and all(e % tile == 0
                                                                                        for e in ends[:-1])


@MODEST
@given(some_sizes(), memories, st.integers(1, 8))
def test_panels_hold_every_map_once_in_whole_tiles(sizes, memory, jobs):
    plan = with_small_tiles(sizes, memory, jobs)
    assert partitions(plan.rows, sizes.rows, 16)
    assert partitions(plan.columns, sizes.columns, 16)
    assert 1 <= plan.threads <= jobs
    if sizes.same:
        assert plan.rows == plan.columns, "else a tile below the diagonal had no mirror image above it"


@MODEST
@given(some_sizes(), memories, st.integers(1, 8))
def test_what_is_planned_fits_the_memory_unless_nothing_does(sizes, memory, jobs):
    least = with_small_tiles(sizes, 1, jobs)
    assert with_small_tiles(sizes, memory, jobs).bytes <= max(memory, least.bytes)
    assert least.threads == 1


@MODEST
@given(some_sizes(), memories)
def test_no_map_is_transformed_more_often_than_the_memory_asks_for(sizes, memory):
    plan = with_small_tiles(sizes, memory)
    everything = with_small_tiles(sizes, 10**12)
    assert len(everything.rows) == len(everything.columns) == 1
    if memory >= everything.bytes or not sizes.transformed:
        assert plan.rows == everything.rows
        assert plan.columns == everything.columns


def test_one_side_is_kept_whole_rather_than_both_in_pieces():
    sizes = Sizes(2000, 1000, 29_000, transformed=True)
    whole = planned(sizes, 10**12)
    held = 1000 * sizes.map_bytes
    plan = planned(sizes, whole.bytes - held // 2)
    assert len(plan.columns) == 1
    assert len(plan.rows) > 1


def test_threads_come_where_there_is_work_and_room_for_them():
    small, large = Sizes(20, 4, 40_000), Sizes(500, 500, 40_000, missing=True)
    assert planned(small, 10**9, jobs=8).threads == 1, "a few milliseconds"
    assert planned(large, 10**9, jobs=8).threads == 8
    assert not planned(large, 10**9, jobs=8).by_tile, "one tile: its chunks are shared"
    assert planned(replace(large, rows=5000, columns=5000), 10**9, jobs=8).by_tile
    assert 1 < planned(large, 250 * MIB, jobs=8).threads < 8


def test_a_sliver_beside_one_large_tile_keeps_no_thread_busy():
    assert not planned(Sizes(520, 520, 40_000), 10**10, jobs=2).by_tile


def test_two_thousand_maps_a_side_of_4_mm_take_less_than_a_gib():
    for kind in ({}, {"missing": True}, {"missing": True, "weighted": True}, {"transformed": True},
                 {"missing": True, "weighted": True, "transformed": True, "covariates": 2}):
        assert planned(Sizes(2000, 2000, 29_000, **kind), 850 * MIB, jobs=2).bytes < 850 * MIB, kind
        # Beside the outcome of 72 MiB, with all the memory of a large machine.
        assert planned(Sizes(2000, 2000, 29_000, **kind), 2**40, jobs=2).bytes < 900 * MIB, kind


def test_the_default_tile_is_looked_up_when_a_plan_is_made(monkeypatch):
    monkeypatch.setattr(module, "TILE", 32)
    assert planned(Sizes(100, 100, 50), 1).tile == 32


@MODEST
@given(some_sizes(), memories)
def test_a_device_gets_what_it_can_hold_or_nothing(sizes, memory):
    plan = planned_on_device(sizes, memory, tile=512)
    if plan is None:
        assert device_bytes(sizes, LEAST_TILE, LEAST_TILE, LEAST_TILE) > memory
        return
    assert plan.bytes == device_bytes(sizes, plan.rows, plan.columns, plan.tile) <= memory
    assert plan.rows % plan.tile == plan.columns % plan.tile == 0
    assert LEAST_TILE <= plan.tile <= 512


def test_a_device_makes_its_panels_smaller_before_its_tiles():
    sizes = Sizes(20_000, 10_000, 235_000, missing=True)
    roomy, tight, tiny = (planned_on_device(sizes, gib * 2**30) for gib in (70, 8, 0.3))
    assert (roomy.rows, roomy.columns, roomy.tile) == (20_480, 10_240, 1024)
    assert tight.tile == 1024
    assert 1024 <= tight.rows < 20_480
    assert tight.columns >= 1024
    assert tiny.tile < 1024
    assert planned_on_device(sizes, 10**6) is None


def test_threads_beside_a_device_are_as_many_as_the_memory_has_room_for():
    sizes = Sizes(5000, 5000, 29_000, missing=True)
    counts = [planned(sizes, memory, 16, on_device=True) for memory in (2**40, 2 * 2**30, 2**20)]
    assert [plan.threads for plan in counts] == [16, 3, 1]
    assert counts[1].bytes <= 2 * 2**30


@pytest.mark.parametrize(("kind", "products"), [
    ({}, 1), ({"missing": True}, 6), ({"missing": True, "weighted": True}, 7)])
def test_work_is_that_of_the_products(kind, products):
    assert Sizes(3, 5, 11, **kind).work == 2 * 3 * 5 * 11 * products
    assert Sizes(4, 4, 11, same=True, **kind).work == 4 * 4 * 11 * products
