"""Packed voxels: every operation on bits equals the plain one on arrays, whatever the shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from niicorr.images.voxels import box_volume, count, full_bits, touching
from strategies import MODEST, kept, masks, packed, unpacked

FACES = ndimage.generate_binary_structure(3, 1)


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
