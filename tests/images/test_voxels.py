"""Packed voxels: every operation on bits equals the plain one on arrays, whatever the shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from niicorr.images.voxels import Voxels, box_volume, count, full_bits, pack, places_of, touching, unpack
from strategies import MODEST, masks, seeds, shapes

FACES = ndimage.generate_binary_structure(3, 1)


def packed(flags):
    return pack(flags.ravel(order="F"), flags.shape)


def unpacked(bits, shape):
    return unpack(bits, shape).reshape(shape, order="F")


@st.composite
def kept(draw):
    """A volume, and the same as `Voxels`: background, zeros and data in any proportion."""
    shape = draw(shapes)
    rng = np.random.default_rng(draw(seeds))
    background = draw(st.sampled_from([0.0, -1.0, 7.5]))
    shares = draw(st.sampled_from([(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 2, 1), (1, 0, 1), (0, 1, 1), (5, 1, 0)]))
    kind = rng.choice(3, shape, p=np.array(shares) / sum(shares))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    volume = np.select([kind == 0, kind == 1], [rng.uniform(1, 2, shape), 0.0], background).astype(dtype)
    data, zero = kind == 0, kind == 1
    rest_is_zero = bool(zero.any() and (data | zero).all())
    voxels = Voxels(
        shape, packed(data), packed(zero) if zero.any() and not rest_is_zero else None, rest_is_zero,
        volume.ravel(order="F")[data.ravel(order="F")], background, draw(st.booleans()),
    )
    return voxels, volume, data, zero


@MODEST
@given(masks())
def test_unpacking_undoes_packing_and_counts(flags):
    bits = packed(flags)
    assert bits.shape == (flags.shape[2], flags.shape[1], -(-flags.shape[0] // 8))
    np.testing.assert_array_equal(unpacked(bits, flags.shape), flags)
    assert count(bits) == flags.sum()


@pytest.mark.parametrize("width", range(1, 18))
def test_full_bits_leave_the_padding_unset(width):
    shape = (width, 2, 3)
    np.testing.assert_array_equal(full_bits(shape), packed(np.ones(shape, dtype=bool)))


@MODEST
@given(masks())
def test_touching_is_sharing_a_face(flags):
    grown = ndimage.binary_dilation(np.pad(flags, 1), FACES)[1:-1, 1:-1, 1:-1]
    near = unpacked(touching(packed(flags), flags.shape) | packed(flags), flags.shape)
    np.testing.assert_array_equal(near, grown)


@pytest.mark.parametrize("width", range(1, 18))
def test_touching_of_one_voxel_is_its_six_neighbours_and_not_itself(width):
    for at in range(width):
        flags = np.zeros((width, 3, 3), dtype=bool)
        flags[at, 1, 1] = True
        near = unpacked(touching(packed(flags), flags.shape), flags.shape)
        expected = {(at, 0, 1), (at, 2, 1), (at, 1, 0), (at, 1, 2), *((a, 1, 1) for a in (at - 1, at + 1))}
        assert set(map(tuple, np.argwhere(near))) == {v for v in expected if 0 <= v[0] < width}


@MODEST
@given(masks())
def test_the_box_is_the_smallest_around_the_set_voxels(flags):
    at = np.argwhere(flags)
    expected = np.prod(np.ptp(at, axis=0) + 1) if len(at) else 0
    assert box_volume(packed(flags), flags.shape) == expected


@MODEST
@given(kept())
def test_zeros_and_valid_voxels(drawn):
    voxels, _, data, zero = drawn
    if zero.any():
        np.testing.assert_array_equal(unpacked(voxels.zero_bits, voxels.shape), zero)
    else:
        assert voxels.zero_bits is None
    valid = data | zero if voxels.zeros_are_data else data
    np.testing.assert_array_equal(unpacked(voxels.valid_bits, voxels.shape), valid)


@MODEST
@given(kept(), seeds)
def test_values_at_positions_are_those_of_the_volume(drawn, seed):
    voxels, volume, _, _ = drawn
    flat = volume.ravel(order="F")
    for at in (np.arange(flat.size), np.random.default_rng(seed).integers(0, flat.size, 30), np.arange(0)):
        np.testing.assert_array_equal(voxels.at(places_of(at, voxels.shape)), flat[at])


@MODEST
@given(kept(), seeds)
def test_values_within_a_mask_are_those_of_its_data_voxels(drawn, seed):
    voxels, volume, data, _ = drawn
    share = np.random.default_rng(seed)
    for mask in (share.random(voxels.shape) < 0.5, np.ones(voxels.shape, bool), np.zeros(voxels.shape, bool), data):
        expected = volume.ravel(order="F")[(data & mask).ravel(order="F")]
        np.testing.assert_array_equal(voxels.within(packed(mask)), expected)


@MODEST
@given(kept(), st.sampled_from([np.nan, -3.0]))
def test_the_volume_comes_back(drawn, missing):
    voxels, volume, data, zero = drawn
    expected = np.where(data, volume, np.where(zero, 0, missing))
    found = voxels.volume(missing)
    assert found.dtype == volume.dtype
    np.testing.assert_array_equal(found, expected)


@MODEST
@given(kept())
def test_bytes_held(drawn):
    voxels, _, data, _ = drawn
    arrays = [voxels.bits, voxels.values] + ([] if voxels.some_zero_bits is None else [voxels.some_zero_bits])
    assert voxels.nbytes == sum(array.nbytes for array in arrays)
    assert voxels.values.size == data.sum()
