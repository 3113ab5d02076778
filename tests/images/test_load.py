"""Volumes as numbers: every stored type equals what numpy and struct make of the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import struct
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from niicorr.errors import MapError
from niicorr.images import load as module
from niicorr.images.header import ImageHeader
from niicorr.images.load import FileFacts, volumes
from niicorr.space import Grid
from strategies import MODEST

SHAPE = (3, 4, 5)
GRID = Grid(SHAPE, np.eye(4))
TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


@pytest.fixture
def stored(tmp_path):
    def store(data, dtype, n_volumes=1, *, offset=7, name="data", **fields):
        path = tmp_path / name
        path.write_bytes(data)
        return ImageHeader(str(path), str(path), np.dtype(dtype), SHAPE, n_volumes, offset, fields.pop("slope", 1.0),
                           fields.pop("inter", 0.0), GRID, **fields)

    return store


def read(header, which=(0,)):
    facts = FileFacts()
    return list(volumes(header, which, facts)), facts


def random_values(dtype, count):
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return rng.standard_normal(count).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, count, dtype=np.dtype(dtype).newbyteorder("="), endpoint=True).astype(dtype)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("scaling", [(1, 0), (0.25, -3), (1, 5)], ids=str)
def test_every_type_in_both_byte_orders_scaled_or_not(stored, order, dtype, scaling):
    values = random_values(order + dtype, 60)
    header = stored(bytes(7) + values.tobytes(), order + dtype, slope=scaling[0], inter=scaling[1])
    ((volume,), _) = read(header)
    assert volume.shape == SHAPE
    assert volume.flags.f_contiguous
    assert volume.dtype.isnative
    expected = values.astype(float) * scaling[0] + scaling[1]
    np.testing.assert_array_equal(volume.ravel(order="F"), expected)
    exact = scaling == (1, 0) and dtype in ("u1", "i1", "u2", "i2", "f2", "f4")
    assert volume.dtype == (np.float32 if exact else np.float64)


def binary128(value, big):
    """A float64 as IEEE quadruple precision, bit by bit."""
    sign, exponent, fraction = (bits := struct.unpack(">Q", struct.pack(">d", value))[0]) >> 63, bits >> 52 & 0x7FF, (
        bits & (1 << 52) - 1)
    wide = 0 if exponent == 0 else 0x7FFF if exponent == 0x7FF else exponent - 1023 + 16383
    return (sign << 127 | wide << 112 | fraction << 60).to_bytes(16, "big" if big else "little")


@MODEST
@given(st.floats(allow_subnormal=False), st.booleans())
@example(-0.0, True)
@example(float("inf"), False)
@example(float("-inf"), True)
@example(sys.float_info.max, False)
def test_quadruple_precision_that_float64_can_hold_is_exact(value, big):
    stored = np.frombuffer(binary128(value, big), dtype="V16")
    found = module._quadruple(stored, big)
    np.testing.assert_array_equal(found, [value])
    assert np.signbit(found[0]) == np.signbit(value) or np.isnan(value)


@MODEST
@given(st.integers(0, 2**112 - 1), st.integers(16383 - 1000, 16383 + 1000), st.booleans(), st.booleans())
def test_quadruple_precision_is_rounded_to_the_nearest_or_its_neighbour(fraction, exponent, negative, big):
    stored = (negative << 127 | exponent << 112 | fraction).to_bytes(16, "big" if big else "little")
    (found,) = module._quadruple(np.frombuffer(stored, dtype="V16"), big)
    # Python's integers divide exactly and round once.
    expected = (-1) ** negative * ((1 << 112 | fraction) / (1 << 112)) * 2.0 ** (exponent - 16383)
    assert abs(found - expected) <= np.spacing(abs(expected))


@pytest.mark.parametrize(
    ("exponent", "fraction", "expected"),
    [(0x7FFF, 0, np.inf), (0x7FFF, 1, np.nan), (0x7FFE, 0, np.inf), (1, 0, 0.0), (0, 1, 0.0), (0, 0, 0.0)],
)
def test_quadruple_precision_beyond_float64(exponent, fraction, expected):
    stored = np.frombuffer((exponent << 112 | fraction).to_bytes(16, "little"), dtype="V16")
    np.testing.assert_array_equal(module._quadruple(stored, False), [expected])


@pytest.mark.skipif(np.finfo(np.longdouble).nmant != 112, reason="numpy's longdouble is no binary128 here")
def test_quadruple_precision_is_numpys_where_it_has_one():
    values = np.random.default_rng(1).standard_normal(60).astype(np.longdouble)
    found = module._quadruple(np.frombuffer(values.tobytes(), dtype="V16"), sys.byteorder == "big")
    np.testing.assert_array_equal(found, values.astype(float))


def test_long_doubles_in_memory_are_float64():
    array = np.random.default_rng(2).standard_normal((*SHAPE, 1)).astype(np.longdouble)
    header = ImageHeader("image 0", "image 0", array.dtype, SHAPE, 1, 0, 1.0, 0.0, GRID, array=array)
    ((volume,), _) = read(header)
    assert volume.dtype == np.float64
    np.testing.assert_array_equal(volume, array[..., 0].astype(float))


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("which", [(0,), (2,), (0, 1, 2, 3), (1, 3), (3,), ()])
def test_volumes_are_picked_and_the_file_is_read_to_its_end(stored, compress, which):
    values = random_values("<f4", 240)
    data = compress(bytes(7) + values.tobytes())
    found, facts = read(stored(data, "<f4", 4), which)
    assert len(found) == len(which)
    for index, volume in zip(which, found, strict=True):
        np.testing.assert_array_equal(volume.ravel(order="F"), values[60 * index : 60 * (index + 1)])
    assert (facts.size, facts.trailing) == (len(data), 0)
    assert facts.blake2b == hashlib.blake2b(data, digest_size=16).hexdigest()


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("missing", [1, 240, 241, 500, 960])
@pytest.mark.parametrize("which", [(0,), (3,), (1, 2)])
def test_a_missing_byte_anywhere_is_an_error(stored, compress, missing, which):
    header = stored(compress(bytes(7 + 960 - missing)), "<f4", 4)
    with pytest.raises(MapError, match=rf"ends early \({967 - missing} of 967 bytes"):
        read(header, which)


def test_bytes_after_the_last_voxel_are_counted_and_too_many_refused(monkeypatch, stored):
    assert read(stored(bytes(7 + 240 + 33), "<f4"))[1].trailing == 33
    monkeypatch.setattr(module, "TRAILING", 32)
    with pytest.raises(MapError, match="follow after the last voxel"):
        read(stored(bytes(7 + 240 + 33), "<f4"))


def test_facts_are_filled_in_only_at_the_end(stored):
    facts = FileFacts()
    stack = volumes(stored(bytes(7 + 480), "<f4", 2), (0, 1), facts)
    next(stack)
    assert facts.blake2b is None
    assert len(list(stack)) == 1
    assert facts.blake2b is not None


def test_scaling_beyond_float64_is_infinite_without_a_warning(stored, recwarn):
    values = np.full(60, 1e308)
    ((volume,), _) = read(stored(values.tobytes(), "<f8", offset=0, slope=1e10))
    assert np.isinf(volume).all()
    assert not recwarn.list


@pytest.mark.parametrize("order", "CF")
def test_arrays_in_memory_of_any_layout(order):
    array = np.asarray(np.random.default_rng(3).standard_normal((*SHAPE, 2, 3)), order=order)
    header = ImageHeader("image 0", "image 0", array.dtype, SHAPE, 6, 0, 1.0, 0.0, GRID, array=array)
    found, _ = read(header, (0, 1, 5))
    for volume, at in zip(found, [(0, 0), (1, 0), (1, 2)], strict=True):
        np.testing.assert_array_equal(volume, array[(..., *at)])
        assert volume.flags.f_contiguous
    assert read(replace(header, array=array.astype(bool)), (0,))[0][0].dtype == np.float32


def test_an_image_that_cannot_be_read_any_more_is_an_error_of_ours():
    class Gone:
        def __array__(self, *_args, **_kwargs):
            raise EOFError("the file has changed")

    header = ImageHeader("gone.nii", "gone.nii", np.dtype("f4"), SHAPE, 1, 0, 1.0, 0.0, GRID, array=Gone())
    with pytest.raises(MapError, match="the file has changed"):
        read(header)
