"""Maps in a mask: what a loop over dense volumes finds, whether or not the outline has been seen before."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from niicorr.images.frame import Frame, naive_voxels
from niicorr.images.sampling import Sampling
from niicorr.space import Grid
from strategies import MODEST, kept, masks, seeds


def frame_of(mask, step=0):
    grid = Grid(mask.shape, np.eye(4))
    return Frame(Sampling(grid, mask, "", {}, "linear", (), ()), step), SimpleNamespace(grid=grid)


def flat(volume):
    return volume.ravel(order="F")


def assert_placed(placed, voxels, volume, data, zero, mask, step):
    inside = flat(mask)
    valid = data | zero if voxels.zeros_are_data else data
    np.testing.assert_array_equal(placed.data, flat(volume)[flat(valid) & inside])
    assert placed.data.dtype == volume.dtype
    expected = flat(valid)[inside]
    assert (placed.valid is None) == expected.all()
    if placed.valid is not None:
        np.testing.assert_array_equal(placed.valid, expected)
    expected = flat(zero)[inside]
    assert (placed.zero is None) == (not expected.any())
    if placed.zero is not None:
        np.testing.assert_array_equal(placed.zero, expected)
    if step:
        np.testing.assert_array_equal(placed.naive, flat(volume)[::step])
    else:
        assert placed.naive is None


@MODEST
@given(kept(), seeds, st.sampled_from([0, 1, 3]))
def test_a_map_in_a_mask_is_what_the_dense_volume_holds_there(drawn, seed, step):
    voxels, volume, data, zero = drawn
    some = np.random.default_rng(seed).random(volume.shape) < 0.5
    for mask in (some, np.ones(volume.shape, bool), np.zeros(volume.shape, bool), data, data | zero):
        frame, reading = frame_of(mask, step)
        assert_placed(frame.place(reading, voxels), voxels, volume, data, zero, mask, step)


@MODEST
@given(kept(), seeds, st.sampled_from([0, 1, 3]))
def test_maps_of_one_outline_and_of_others_take_turns(drawn, seed, step):
    voxels, volume, data, zero = drawn
    rng = np.random.default_rng(seed)
    mask = rng.random(volume.shape) < 0.7
    frame, reading = frame_of(mask, step)
    # The same arrays of bits with other values, another background, another reading of zeros; then other bits.
    moved = replace(voxels, values=voxels.values + 1)
    there = np.where(data, volume + 1, volume)
    lower = replace(voxels, background=-2.0)
    deep = np.where(data | zero, volume, -2).astype(volume.dtype)
    turned = replace(voxels, zeros_are_data=not voxels.zeros_are_data)
    copied = replace(voxels, bits=voxels.bits.copy())
    fewer = data & (rng.random(volume.shape) < 0.5)
    less = replace(voxels, bits=np.packbits(fewer.transpose(2, 1, 0), axis=-1), rest_is_zero=False,
                   some_zero_bits=None, values=flat(volume)[flat(fewer)])
    left = np.where(fewer, volume, voxels.background).astype(volume.dtype)
    nowhere = np.zeros_like(zero)
    maps = [(voxels, volume, data, zero), (moved, there, data, zero), (lower, deep, data, zero),
            (turned, volume, data, zero), (copied, volume, data, zero), (less, left, fewer, nowhere)]
    for k in rng.permutation(np.repeat(np.arange(len(maps)), 3)):
        assert_placed(frame.place(reading, maps[k][0]), *maps[k], mask, step)


@given(masks(), st.integers(0, 5))
def test_naive_voxels_are_every_so_many(mask, step):
    grid = Grid(mask.shape, np.eye(4))
    np.testing.assert_array_equal(naive_voxels(grid, step), list(range(0, mask.size, step)) if step else [])


def test_an_outline_is_found_once(monkeypatch):
    from niicorr.images import frame as module

    mask = np.ones((3, 3, 3), bool)
    frame, reading = frame_of(mask)
    found = []
    real = module._outline
    monkeypatch.setattr(module, "_outline", lambda *of: found.append(of) or real(*of))
    bits = np.packbits(mask, axis=-1)
    voxels = module.Voxels((3, 3, 3), bits, None, False, np.arange(27.0), 0.0, False)
    for k in range(4):
        frame.place(reading, replace(voxels, values=voxels.values + k))
    assert len(found) == 1
