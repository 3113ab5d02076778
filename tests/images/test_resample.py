"""Maps brought to other grids: exact where exact is possible, elsewhere scipy's numbers under the validity rule."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from niicorr.images.resample import cut, reindex, resample, sample_flags
from niicorr.space import Grid, reindexing
from strategies import MODEST, SIGNED_AXES, grids, seeds


def grid(shape, edges, origin=(0.0, 0, 0), turn=0.0):
    affine = np.diag([*edges, 1.0])
    affine[:3, 3] = origin
    turned = np.eye(4)
    turned[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    return Grid(shape, turned @ affine)


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


SOURCE = grid((12, 11, 10), (2, 2, 2))
INSIDE = grid((9, 8, 7), (2, 2, 2.2), (1.3, 2.1, 1.7), turn=0.05)
"""A grid whose voxels all lie between centres of the source."""


@MODEST
@given(grids(), st.sampled_from(SIGNED_AXES), st.tuples(*[st.integers(-12, 12)] * 3), st.sampled_from([-7.0, np.nan]),
       seeds)
def test_reordering_takes_every_voxel_from_its_place_and_fills_the_rest(source, axes, shift, fill, seed):
    turn = np.eye(4)
    turn[:3, :3], turn[:3, 3] = axes, shift
    target = Grid((4, 6, 5), source.affine @ turn)
    volume = noise(source.shape, seed)
    found = reindex(volume, reindexing(source, target), target.shape, fill)
    assert found.shape == target.shape
    at = np.rint(nib.affines.apply_affine(turn, np.argwhere(np.ones(target.shape)))).astype(int)
    here = np.all((at >= 0) & (at < source.shape), axis=1)
    expected = np.full(len(at), fill)
    expected[here] = volume[tuple(at[here].T)]
    np.testing.assert_array_equal(found.ravel(), expected)


@pytest.mark.parametrize("axes", SIGNED_AXES, ids=lambda axes: str(axes.astype(int).tolist()))
def test_reordering_to_ras_is_nibabels(axes):
    affine = np.eye(4)
    affine[:3, :3] = 2 * axes
    volume = noise((4, 5, 6))
    ras = nib.as_closest_canonical(nib.Nifti1Image(volume, affine))
    source, target = Grid(volume.shape, affine), Grid(ras.shape, ras.affine)
    np.testing.assert_array_equal(reindex(volume, reindexing(source, target), target.shape, 0), ras.get_fdata())


@pytest.mark.parametrize(("interpolation", "order"), [("linear", 1), ("auto", 1), ("cubic", 3)])
def test_a_complete_map_is_interpolated_as_scipy_does(interpolation, order):
    volume = noise(SOURCE.shape)
    values, valid = resample(volume, np.ones(SOURCE.shape, bool), SOURCE, INSIDE, interpolation)
    matrix = np.linalg.inv(SOURCE.affine) @ INSIDE.affine
    expected = ndimage.affine_transform(volume, matrix, output_shape=INSIDE.shape, order=order, mode="nearest")
    assert valid.all()
    np.testing.assert_allclose(values, expected, atol=1e-9)


@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
def test_a_complete_map_is_interpolated_as_nilearn_does(interpolation):
    from nilearn.image import resample_img

    volume = noise(SOURCE.shape)
    values, _ = resample(volume, np.ones(SOURCE.shape, bool), SOURCE, INSIDE, interpolation)
    image = resample_img(nib.Nifti1Image(volume, SOURCE.affine), INSIDE.affine, INSIDE.shape, interpolation,
                         force_resample=True, copy_header=True)
    np.testing.assert_allclose(values, image.get_fdata(), atol=1e-5)


def trilinear(volume, at):
    """Interpolation of a volume at one position in voxels, by its eight neighbours: (value, weight there)."""
    low = np.floor(at).astype(int)
    pairs = []
    for corner in np.ndindex(2, 2, 2):
        index = low + corner
        weight = np.prod(np.where(corner, at - low, 1 - (at - low)))
        if np.all(index >= 0) and np.all(index < volume.shape) and np.isfinite(volume[tuple(index)]):
            pairs.append((volume[tuple(index)], weight))
    total = sum(weight for _, weight in pairs)
    return (sum(v * w for v, w in pairs) / total if total else 0.0), total


@pytest.mark.parametrize("target", [INSIDE, grid((8, 8, 8), (2, 2, 2), (-2.9, 1, 9.4)),
                                    grid((5, 5, 5), (3, 3, 3), (0, 5, 0))], ids=["inside", "over the edge", "coarser"])
def test_a_voxel_is_the_mean_of_its_valid_neighbours_and_needs_half_their_weight(target):
    volume = noise(SOURCE.shape)
    volume[np.random.default_rng(1).random(SOURCE.shape) < 0.4] = np.nan
    junk = np.where(np.isnan(volume), 1e30, volume)
    values, valid = resample(junk, np.isfinite(volume), SOURCE, target, "linear")
    matrix = np.linalg.inv(SOURCE.affine) @ target.affine
    seen = set()
    for index in np.ndindex(*target.shape):
        value, weight = trilinear(volume, nib.affines.apply_affine(matrix, index))
        if abs(weight - 0.5) > 1e-6:
            seen.add(weight > 0.5)
            assert valid[index] == (weight > 0.5), index
            assert values[index] == pytest.approx(value if weight > 0.5 else 0, abs=1e-9)
    assert seen == {True, False}


def test_exactly_half_of_the_weight_suffices():
    line = np.array([1.0, 5.0]).reshape(2, 1, 1)
    source = grid((2, 1, 1), (2, 2, 2))
    _, valid = resample(line, np.array([True, False]).reshape(2, 1, 1), source, grid((1, 1, 1), (2, 2, 2), (1, 0, 0)))
    assert valid.all()


@pytest.mark.parametrize("parts", [(2, 2, 2), (3, 2, 4), (1, 1, 5)])
def test_the_mean_of_whole_blocks_is_exact(parts):
    shape = (4, 3, 2)
    fine = grid([n * p for n, p in zip(shape, parts, strict=True)], (1, 1, 1))
    coarse = grid(shape, parts, [(p - 1) / 2 for p in parts])
    volume = noise(fine.shape)
    values, valid = resample(volume, np.ones(fine.shape, bool), fine, coarse)
    a, b, c = parts
    blocks = volume.reshape(shape[0], a, shape[1], b, shape[2], c).mean(axis=(1, 3, 5))
    assert valid.all()
    np.testing.assert_allclose(values, blocks, atol=1e-12)


def test_a_block_counts_its_valid_voxels_only():
    fine, coarse = grid((4, 2, 2), (1, 1, 1)), grid((2, 1, 1), (2, 2, 2), (0.5, 0.5, 0.5))
    volume, valid = noise(fine.shape), np.ones(fine.shape, bool)
    valid[:2].flat[:3] = False
    valid[2:].flat[:5] = False
    values, good = resample(volume, valid, fine, coarse)
    np.testing.assert_array_equal(good.ravel(), [True, False])
    assert values.flat[0] == pytest.approx(volume[:2][valid[:2]].mean())


@pytest.mark.parametrize(("ratio", "parts"), [(0.5, 1), (1.0, 1), (1.5, 1), (1.51, 2), (2.0, 2), (2.0005, 2), (2.3, 3)])
def test_voxels_are_cut_from_one_and_a_half_on(ratio, parts):
    assert cut(np.diag([1.0, ratio, 1, 1])) == (1, parts, 1)


@pytest.mark.parametrize("interpolation", ["auto", "linear", "nearest", "cubic"])
def test_what_stands_in_invalid_voxels_is_never_used(interpolation):
    volume, valid = noise(SOURCE.shape), np.random.default_rng(2).random(SOURCE.shape) < 0.7
    results = [resample(np.where(valid, volume, junk), valid, SOURCE, INSIDE, interpolation)
               for junk in (0.0, 1e30, np.nan)]
    for values, good in results[1:]:
        np.testing.assert_array_equal(values, results[0][0])
        np.testing.assert_array_equal(good, results[0][1])
    assert not results[0][0][~results[0][1]].any()


@pytest.mark.parametrize("interpolation", ["auto", "linear", "nearest", "cubic"])
def test_a_map_without_data_has_none_anywhere_and_huge_ones_do_not_overflow(interpolation):
    nothing = np.zeros(SOURCE.shape, bool)
    assert not resample(noise(SOURCE.shape), nothing, SOURCE, INSIDE, interpolation)[1].any()
    volume = noise(SOURCE.shape)
    plain = resample(volume, ~nothing, SOURCE, INSIDE, interpolation)[0]
    huge = resample(volume * 1e307, ~nothing, SOURCE, INSIDE, interpolation)[0]
    np.testing.assert_allclose(huge / 1e307, plain, atol=1e-9)


@MODEST
@given(seeds, st.sampled_from([0.5, 1.0, 2.7]))
def test_flags_are_those_of_the_nearest_voxel(seed, edge):
    rng = np.random.default_rng(seed)
    source, target = grid((6, 5, 4), (1, 1, 1)), grid((5, 5, 5), (edge, edge, edge), rng.uniform(-2, 3, 3))
    flags = rng.random(source.shape) < 0.5
    found = sample_flags(flags, source, target)
    for index in np.ndindex(*target.shape):
        nearest = np.floor(nib.affines.apply_affine(target.affine, index) + 0.5).astype(int)
        here = np.all((nearest >= 0) & (nearest < source.shape))
        assert found[index] == (bool(flags[tuple(nearest)]) if here else False)


def test_nearest_keeps_values_and_type():
    labels = np.random.default_rng(3).integers(0, 2000, SOURCE.shape)
    values, valid = resample(labels, np.ones(SOURCE.shape, bool), SOURCE, INSIDE, "nearest")
    assert values.dtype == labels.dtype
    assert set(values[valid]) <= set(labels.ravel())
