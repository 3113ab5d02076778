"""Grids in space: when two are one, when one is a reordering of the other, what makes an affine unusable."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr.space import (
    Grid,
    affine_fault,
    axis_codes,
    displacement,
    format_mm,
    reindexing,
    same_grid,
    tolerance_mm,
)
from strategies import MODEST, SIGNED_AXES, grids, seeds


def rotation(degrees, axis):
    angle = np.deg2rad(degrees)
    turned = np.eye(3)
    a, b = [k for k in range(3) if k != axis]
    turned[a, a] = turned[b, b] = np.cos(angle)
    turned[a, b], turned[b, a] = -np.sin(angle), np.sin(angle)
    return turned


def moved(grid, mm=(0.0, 0.0, 0.0), turned=None):
    affine = grid.affine.copy()
    affine[:3, :3] = affine[:3, :3] if turned is None else turned @ affine[:3, :3]
    affine[:3, 3] += mm
    return Grid(grid.shape, affine)


GRID = Grid((57, 66, 40), np.diag([3.0, 3.0, 4.0, 1.0]))


def test_size_edges_and_volume():
    turned = moved(GRID, turned=rotation(30, 2))
    for grid in (GRID, turned):
        np.testing.assert_allclose(grid.voxel_mm, (3, 3, 4))
        assert grid.voxel_volume == pytest.approx(36)
        assert grid.size == 57 * 66 * 40
    assert GRID.describe() == "57×66×40 voxels of 3×3×4 mm, RAS"
    assert Grid((2, 3, 4), np.eye(4), known=False).describe() == "2×3×4 voxels of 1×1×1 mm, ???"


@MODEST
@given(grids())
def test_corners_are_half_a_voxel_beyond_the_outermost_centres(grid):
    ends = [(-0.5, n - 0.5) for n in grid.shape]
    expected = {tuple(np.round(grid.affine @ (a, b, c, 1), 6)[:3]) for a in ends[0] for b in ends[1] for c in ends[2]}
    assert {tuple(np.round(corner, 6)) for corner in grid.corners} == expected


@MODEST
@given(grids(), seeds)
def test_positions_are_those_of_nibabel(grid, seed):
    voxels = np.random.default_rng(seed).integers(0, 50, (20, 3))
    np.testing.assert_allclose(grid.coords(voxels), nib.affines.apply_affine(grid.affine, voxels), atol=1e-9)


@pytest.mark.parametrize("axis", range(3))
def test_one_percent_of_the_smallest_edge_is_the_limit(axis):
    away = np.eye(3)[axis]
    assert tolerance_mm(GRID, GRID) == pytest.approx(0.03)
    assert displacement(GRID, moved(GRID, 0.02 * away)) == pytest.approx(0.02)
    assert same_grid(GRID, moved(GRID, 0.029 * away))
    assert not same_grid(GRID, moved(GRID, 0.031 * away))


def test_a_small_turn_is_judged_at_the_corner_it_moves_most():
    """The origin stays where it is: only the far corners tell."""
    for degrees, same in ((0.005, True), (0.05, False)):
        turned = moved(GRID, turned=rotation(degrees, 2))
        reach = np.hypot(57 - 0.5, 66 - 0.5) * 3
        assert displacement(GRID, turned) == pytest.approx(np.deg2rad(degrees) * reach, rel=1e-4)
        assert same_grid(GRID, turned) is same


def test_grids_of_other_shapes_are_infinitely_apart():
    other = Grid((57, 66, 41), GRID.affine)
    assert displacement(GRID, other) == float("inf")
    assert not same_grid(GRID, other)


def test_without_orientation_only_the_shape_counts():
    somewhere = Grid(GRID.shape, np.diag([1.0, 1, 1, 1]), known=False)
    assert same_grid(GRID, somewhere)
    assert same_grid(somewhere, GRID)
    assert not same_grid(GRID, Grid((66, 57, 40), GRID.affine, known=False))


@MODEST
@given(grids(), st.sampled_from(SIGNED_AXES), st.tuples(*[st.integers(-4, 4)] * 3), seeds)
def test_a_reindexing_brings_every_voxel_to_its_place(source, axes, shift, seed):
    """By position in space: the target voxel that a source voxel is said to be lies at the same mm."""
    turn = np.eye(4)
    turn[:3, :3], turn[:3, 3] = axes, shift
    target = Grid((5, 6, 7), source.affine @ turn)
    how = reindexing(source, target)
    assert how is not None
    voxels = np.random.default_rng(seed).integers(0, source.shape, (10, 3))
    there = np.empty_like(voxels)
    for axis, (old, flip, offset) in enumerate(zip(how.transpose, how.flip, how.offset, strict=True)):
        along = voxels[:, old]
        there[:, axis] = offset + (source.shape[old] - 1 - along if flip else along)
    np.testing.assert_allclose(target.coords(there), source.coords(voxels), atol=1e-6)
    assert how.reorders == (not np.array_equal(axes, np.eye(3)))


@pytest.mark.parametrize(
    "other",
    [
        moved(GRID, (1.5, 0, 0)),
        moved(GRID, turned=rotation(10, 0)),
        moved(GRID, turned=rotation(45, 2)),
        Grid(GRID.shape, np.diag([2.0, 2, 2, 1])),
        Grid(GRID.shape, np.diag([3.001, 3, 4, 1])),
    ],
    ids=["half a voxel", "tilted", "half-way", "finer", "a drift"],
)
def test_what_is_no_reordering_needs_interpolation(other):
    assert reindexing(GRID, other) is None
    assert reindexing(other, GRID) is None


def test_a_reordering_may_be_off_by_less_than_one_percent():
    how = reindexing(moved(GRID, (3.02, -6.02, 0)), GRID)
    assert how is not None
    assert how.offset == (1, -2, 0)
    assert not how.reorders


@MODEST
@given(st.sampled_from(SIGNED_AXES), seeds)
def test_axis_codes_are_those_of_nibabel(axes, seed):
    rng = np.random.default_rng(seed)
    tilt = rotation(rng.uniform(-20, 20), 0) @ rotation(rng.uniform(-20, 20), 1)
    affine = np.eye(4)
    affine[:3, :3] = tilt @ axes * rng.uniform(0.5, 5, 3)
    assert axis_codes(affine) == "".join(nib.aff2axcodes(affine))


@MODEST
@given(seeds)
def test_axis_codes_name_each_direction_once(seed):
    affine = np.eye(4)
    affine[:3, :3] = np.random.default_rng(seed).standard_normal((3, 3))
    codes = axis_codes(affine)
    assert len(codes) == 3
    assert all(sum(code in pair for code in codes) == 1 for pair in ("LR", "PA", "IS"))


def _affine(*diagonal, origin=0.0):
    affine = np.diag([*diagonal, 1.0])
    affine[0, 3] = origin
    return affine


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (_affine(1, np.nan, 1), "NaN or infinity"),
        (_affine(1, np.inf, 1), "NaN or infinity"),
        (_affine(1, 0, 1), "singular"),
        (np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "singular"),
        (_affine(1, 1, 1001), "voxels of 1×1×1001 mm"),
        (_affine(1e-5, 1, 1), "voxels of 1e-05×1×1 mm"),
        (_affine(1, 1, 1, origin=-2e5), "2e+05 mm from the origin"),
        (_affine(1, 1e200, 1), "the affine holds 1e+200"),  # whose square is none
    ],
)
def test_an_affine_that_is_no_space_says_why(affine, words):
    with np.errstate(over="raise"):
        assert words in affine_fault(affine)


@pytest.mark.parametrize("affine", [_affine(1000, 1, 1e-4), _affine(-3, 3, -3), _affine(1, 1, 1, origin=9e4)])
def test_an_unusual_affine_is_still_one(affine):
    assert affine_fault(affine) is None


def test_lengths_have_no_noise_digits():
    assert format_mm((3.0, 3.0000001, 3.5)) == "3×3×3.5"
    assert format_mm((np.nan, 1.0, np.inf)) == "?×1×?"
