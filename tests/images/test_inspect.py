"""Background, edge, floor and solidity of a volume: equal to what their definitions say, voxel by voxel."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from niicorr.images import inspect as module
from niicorr.images.inspect import inspect
from niicorr.images.voxels import unpack
from strategies import MODEST, seeds, shapes

FACES = ndimage.generate_binary_structure(3, 1)


@st.composite
def volumes(draw, shape=shapes):
    """Volumes of a blob in a background, with zeros, NaN and noise strewn in."""
    shape = draw(shape)
    rng = np.random.default_rng(draw(seeds))
    volume = rng.standard_normal(shape) + draw(st.sampled_from([0, 3]))
    if draw(st.booleans()):
        volume = np.rint(volume)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) if n > 1 else [0.0] for n in shape], indexing="ij"))
    outside = (at**2).sum(axis=0) > draw(st.sampled_from([0.3, 0.9, 2.5]))
    volume[outside] = draw(st.sampled_from([0.0, -1.0, np.nan, -np.inf, 0.25]))
    for value in (0.0, np.nan, -1.0):
        volume[rng.random(shape) < draw(st.sampled_from([0, 0, 0.1]))] = value
    return np.asfortranarray(volume.astype(draw(st.sampled_from([np.float32, np.float64]))))


def equal(values, to, volume):
    if np.isnan(to):
        return np.isnan(values)
    if np.isinf(to):
        return values == to
    finite = abs(volume[np.isfinite(volume)].astype(float))
    limit = 1e-6 * max(abs(to), np.quantile(finite, 0.99) if finite.size else 0)
    return abs(values.astype(float) - to) <= limit


def faces(volume):
    inner = np.zeros(volume.shape, dtype=bool)
    inner[1:-1, 1:-1, 1:-1] = True
    return volume[~inner]


def common_on_faces(volume):
    """The values that no other is more common than on the faces; NaN counts as one."""
    on_faces = faces(volume)
    values, counts = np.unique(on_faces[~np.isnan(on_faces)], return_counts=True)
    values, counts = np.append(values, np.nan), np.append(counts, np.isnan(on_faces).sum())
    return values[counts == counts.max()]


def backgrounds(volume):
    """Every outcome that rule 4 allows: several only where two values tie on the faces."""
    allowed = []
    for value in common_on_faces(volume):
        enough = (equal(faces(volume), value, volume).mean() >= 0.25, equal(volume, value, volume).mean() >= 0.1)
        allowed.append(float(value) if all(enough) else None)
    return allowed


def rule_five(data, zero, volume):
    """Edge, floor, solid, two-valued, as the rule words them."""
    sizes = abs(volume[data].astype(float))
    border = data & ndimage.binary_dilation(zero, FACES)
    edge = np.median(abs(volume[border].astype(float))) / np.median(sizes) if border.any() else np.inf
    floor = np.quantile(sizes, 0.01) / np.quantile(sizes, 0.95)
    box = np.prod(np.ptp(np.argwhere(data), axis=0) + 1)
    return edge, floor, data.sum() >= box / 3


def flags(bits, shape):
    return unpack(bits, shape).reshape(shape, order="F")


@MODEST
@given(volumes())
def test_the_background_is_what_rule_4_says(volume):
    found = inspect(volume)
    allowed = backgrounds(volume)
    assert any(found.background is a or (a is not None and found.background is not None
                                         and np.array_equal(found.background, a, equal_nan=True)) for a in allowed)
    if found.background is not None:
        assert found.share == pytest.approx(equal(volume, found.background, volume).mean())


@MODEST
@given(volumes())
def test_what_is_neither_background_nor_zero_nor_infinite_is_data(volume):
    found = inspect(volume)
    inside = np.isfinite(volume)
    if found.background is not None and found.background != 0 and np.isfinite(found.background):
        inside &= ~equal(volume, found.background, volume)
    np.testing.assert_array_equal(flags(found.voxels.bits, volume.shape), inside & (volume != 0))
    np.testing.assert_array_equal(found.voxels.values, volume.ravel(order="F")[(inside & (volume != 0)).ravel("F")])
    zero = inside & (volume == 0)
    assert (found.zeros is None) == (not zero.any())
    if zero.any():
        np.testing.assert_array_equal(flags(found.voxels.zero_bits, volume.shape), zero)
    expected = inside & (volume != 0) if found.background == 0 else inside
    np.testing.assert_array_equal(flags(found.inside_bits, volume.shape), expected)


@MODEST
@given(volumes())
def test_zeros_are_read_as_rule_5_says(volume):
    found = inspect(volume)
    if found.zeros is None:
        assert not found.by_rule
        return
    data = flags(found.voxels.bits, volume.shape)
    zero = flags(found.voxels.zero_bits, volume.shape)
    assert found.by_rule
    if len(np.unique(volume[data])) <= 1:
        assert found.zeros == "data"
        return
    edge, floor, solid = rule_five(data, zero, volume)
    (text,) = [d.text for d in found.decisions if d.topic == "zeros"]
    shown = re.search(r"edge ([\d.]+|inf), floor ([\d.]+)", text)
    assert float(shown[1]) == pytest.approx(edge, abs=0.0051)
    assert float(shown[2]) == pytest.approx(floor, abs=0.0051)
    if abs(edge - 0.65) > 1e-6 and abs(floor - 0.2) > 1e-6:
        assert found.zeros == ("data" if edge < 0.65 or (floor >= 0.2 and not solid) else "missing")


@MODEST
@given(volumes())
def test_an_outline_is_a_solid_body_in_a_background(volume):
    found = inspect(volume)
    data = flags(found.voxels.bits, volume.shape)
    several = len(np.unique(volume[data])) > 1
    expected = found.background is not None and several and bool(rule_five(data, data, volume)[2]) and (
        flags(found.inside_bits, volume.shape).mean() >= 0.1)
    assert found.outline == expected


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 4), (2, 2, 2), (17, 1, 1), (3, 4, 5), (9, 8, 16)])
def test_faces_hold_every_outer_voxel_once(shape):
    volume = np.arange(np.prod(shape), dtype=float).reshape(shape)
    assert sorted(module._face_values(volume)) == sorted(faces(volume))


@pytest.mark.parametrize(("share", "found"), [(0.24, False), (0.26, True)])
def test_a_quarter_of_the_faces(share, found):
    rng = np.random.default_rng(0)
    volume = rng.standard_normal((12, 11, 10)) + 5
    inner = np.zeros(volume.shape, bool)
    inner[1:-1, 1:-1, 1:-1] = True
    outer = np.flatnonzero(~inner)
    volume.flat[outer[: round(share * outer.size)]] = -1
    volume.flat[np.flatnonzero(inner)[:150]] = -1  # so that a tenth of the volume is never the question
    assert (inspect(volume).background == -1) == found


@pytest.mark.parametrize(("share", "found"), [(0.095, False), (0.105, True)])
def test_a_tenth_of_the_volume(share, found):
    volume = np.random.default_rng(0).standard_normal((30, 30, 30)) + 5
    volume[..., [0, -1]] = -1
    volume[1:-1, 1:-1, 1:4].flat[: round(share * volume.size) - 1800] = -1
    assert (inspect(volume).background == -1) == found


def test_rounding_noise_is_the_background_and_a_small_step_is_not():
    rng = np.random.default_rng(1)
    volume = np.full((10, 10, 10), -0.99998)
    volume[2:8, 2:8, 2:8] = rng.uniform(50, 100, (6, 6, 6))
    volume[0, 0, 0] = -0.99998 - 0.9e-4  # within 1e-6 of the 99th percentile, near 100
    volume[0, 0, 1] = -0.99998 - 2e-4
    found = inspect(volume)
    data = flags(found.voxels.bits, volume.shape)
    assert not data[0, 0, 0]
    assert data[0, 0, 1]


@pytest.mark.parametrize("reading", ["data", "missing"])
def test_the_reading_of_zeros_can_be_given(reading):
    volume = np.random.default_rng(2).standard_normal((8, 8, 8)) + 5
    volume[:2] = 0
    found = inspect(volume, zeros=reading)
    assert (found.zeros, found.by_rule, found.voxels.zeros_are_data) == (reading, False, reading == "data")


def test_a_given_background_is_missing_and_none_looks_for_none():
    volume = np.random.default_rng(3).standard_normal((6, 6, 6)) + 5
    volume[0], volume[1] = -1, 0
    given_zero = inspect(volume, background=0.0)
    assert (given_zero.background, given_zero.zeros, given_zero.by_rule) == (0.0, "missing", False)
    assert given_zero.share == pytest.approx(1 / 6)
    given_one = inspect(volume, background=-1.0)
    assert not flags(given_one.voxels.bits, volume.shape)[0].any()
    none = inspect(volume, background="none")
    assert none.background is None
    assert flags(none.voxels.bits, volume.shape)[0].all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("background", [1e308, -1e308, 3.5e38, -1.7976e308])
def test_a_background_that_float32_cannot_hold_is_in_none_of_its_voxels(background):
    volume = np.asfortranarray(np.random.default_rng(3).standard_normal((6, 6, 6)), dtype=np.float32)
    volume[0, 0, :3] = np.nan, np.inf, -np.inf
    given, none = inspect(volume, background=background), inspect(volume, background="none")
    assert (given.background, given.share, given.voxels.background) == (background, 0.0, 0.0)
    np.testing.assert_array_equal(given.voxels.bits, none.voxels.bits)
    most = float(np.finfo(np.float32).max)
    volume[1] = np.copysign(most, background)
    held = inspect(volume, background=float(np.copysign(most, background)))
    assert held.share == pytest.approx(1 / 6)
    assert abs(held.voxels.background) == most


@pytest.mark.filterwarnings("error")
def test_values_stay_as_wide_as_their_background():
    volume = np.asfortranarray(np.random.default_rng(3).standard_normal((48, 48, 48)))
    assert inspect(volume).voxels.values.dtype == np.float32
    volume[:8] = 1e308
    found = inspect(volume)
    assert (found.background, found.voxels.background, found.voxels.values.dtype) == (1e308, 1e308, np.float64)


def test_large_volumes_are_judged_by_a_sample_that_tells_the_same():
    """Percentiles of many values are taken from every k-th: the figures move by little."""
    rng = np.random.default_rng(4)
    shape = (96, 96, 72)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    radius = np.sqrt((at**2).sum(axis=0))
    taper = np.asfortranarray(np.where(radius < 0.8, (0.82 - radius) * rng.uniform(0.8, 1.2, shape), 0.0))
    abrupt = np.asfortranarray(np.where(radius < 0.8, rng.uniform(0.5, 1.5, shape), 0.0))
    assert taper.size > 2 * module.SAMPLE
    for volume, reading in ((taper, "data"), (abrupt, "missing")):
        found = inspect(volume)
        edge, _, _ = rule_five(volume != 0, volume == 0, volume)
        (text,) = [d.text for d in found.decisions if d.topic == "zeros"]
        assert found.zeros == reading
        assert float(re.search(r"edge ([\d.]+)", text)[1]) == pytest.approx(edge, abs=0.03)
        np.testing.assert_allclose(found.voxels.values, volume.ravel(order="F")[volume.ravel(order="F") != 0],
                                   rtol=1e-6)


def test_values_stay_wide_where_float32_would_cost_digits():
    rng = np.random.default_rng(5)
    near = np.asfortranarray(rng.standard_normal((48, 48, 48)))
    assert inspect(near).voxels.values.dtype == np.float32
    assert inspect(near + 1e4).voxels.values.dtype == np.float64
    assert inspect(near * 1e200).voxels.values.dtype == np.float64


def test_the_faces_are_those_of_the_volume_in_its_own_order():
    """A value on most of the faces is the background, though in another order of voxels it would lie inside."""
    shape = (8, 9, 10)
    on_faces = np.ones(shape, dtype=bool)
    on_faces[1:-1, 1:-1, 1:-1] = False
    as_if = np.flatnonzero(on_faces.ravel(order="C"))  # faces, if Fortran order were taken for C's
    others = np.setdiff1d(np.flatnonzero(on_faces.ravel(order="F")), as_if)
    both = np.intersect1d(np.flatnonzero(on_faces.ravel(order="F")), as_if)
    flat = np.zeros(on_faces.size)
    flat[np.concatenate([others, both[:60]])] = -1
    flat[np.setdiff1d(np.arange(flat.size), np.union1d(others, both))[::3]] = 5
    volume = flat.reshape(shape, order="F")
    assert np.count_nonzero(volume[on_faces]) > on_faces.sum() / 2
    assert inspect(volume).background == -1


@pytest.mark.parametrize(("option", "share", "words"), [
    ("auto", 0.5, "0 in 50\u00a0% of the volume"), (0.0, 0.5, "0 in 50\u00a0% of the volume (--background)"),
    ("none", 0.5, "none looked for (--background none)"),
    ("auto", 0.0, "none found: no value fills a quarter of the faces and a tenth of the volume"),
])
def test_what_was_taken_for_the_background_is_said(option, share, words):
    volume = np.random.default_rng(5).standard_normal((8, 8, 8)) + 9
    volume[: round(8 * share)] = 0
    said = [decision for decision in inspect(volume, background=option).decisions if decision.topic == "background"]
    assert [decision.text for decision in said] == [words]


@pytest.mark.parametrize(("n", "words"), [(1, "1 zero is data (--zeros data)"), (2, "2 zeros are data (--zeros data)"),
                                          (4000, "4\u00a0000 zeros are data (--zeros data)")])
def test_counts_are_in_words(n, words):
    flat = np.random.default_rng(5).standard_normal(20**3) + 9
    flat[:n], flat[n : 2 * n] = 0, np.nan
    said = {d.topic: d.text for d in inspect(flat.reshape(20, 20, 20, order="F"), "none", "data").decisions}
    assert said["zeros"] == f"in the volume, {words}"
    are = words.partition("data")[0].replace("zero", "voxel")
    assert said["missing"] == f"{are}NaN or infinite: missing"


@given(
    sizes=st.lists(
        st.floats(0, 2.0**60, width=32) | st.sampled_from([0.0, 1.0, 1.0, 1e-45, 2.0**-126]), min_size=1, max_size=40
    ),
    dtype=st.sampled_from([np.float32, np.float64]),
    shares=st.lists(st.sampled_from([0, 0.01, 0.5, 0.95, 0.99, 1]) | st.floats(0, 1), max_size=4),
)
def test_quantiles_are_those_of_numpy(sizes, dtype, shares):
    sizes = np.array(sizes, dtype=dtype)
    found = module._quantiles(sizes, tuple(shares))
    np.testing.assert_allclose(found, np.quantile(sizes.astype(float), shares), rtol=1e-12, atol=1e-60)
