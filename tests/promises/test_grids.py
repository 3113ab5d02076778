"""Rules 1–3: maps are compared at the same millimetre position, and what was done for it is said."""

import numpy as np
import pytest
from promised_files import (
    AFFINE,
    BRAIN,
    EDGE,
    SHAPE,
    brain,
    centred,
    noise,
    orientations,
    related,
    reoriented,
    rotation,
    write_analyze,
    write_mgh,
    write_nifti,
)
from promised_numbers import linear, nearest, only, pearson, table

RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]
A = noise(1, smooth=1.0)
B = related(2, A)
OBLIQUE = rotation(0.2, -0.15, 0.3) @ AFFINE
WHOLE = np.ones(SHAPE)


def shifted(mm, affine=AFFINE, axis=0):
    moved = affine.copy()
    moved[axis, 3] += mm
    return moved


def scaled(edge):
    """The same first voxel centre, another edge."""
    affine = AFFINE.copy()
    affine[:3, :3] = np.eye(3) * edge
    return affine


# Flips and axis permutations


def test_las_and_ras_copies_of_one_map_correlate_at_one(study):
    study.x("ras.nii", A)
    study.y("las.nii", *reoriented(A, (0, 1, 2), (True, False, False)))
    outcome = study.run(*RAW)
    outcome.must_be([A], [A])
    assert abs(outcome.r[0, 0] - 1) < 1e-12


def test_all_48_orientations_give_the_same_number(study):
    for i, (order, flips) in enumerate(orientations()):
        study.x(f"o{i:02}.nii", *reoriented(A, order, flips))
    study.y("b.nii", B)
    outcome = study.run(*RAW, "--resample", "never")
    outcome.must_be([A] * 48, [B])
    assert np.ptp(outcome.r) == 0


@pytest.mark.parametrize(
    ("order", "flips", "codes"),
    [
        ((0, 1, 2), (True, False, False), "LAS"),
        ((0, 1, 2), (True, True, False), "LPS"),
        ((1, 2, 0), (True, False, True), "PSL"),
        ((2, 0, 1), (True, True, False), "ILA"),
        ((2, 1, 0), (False, True, True), "SPL"),
    ],
)
def test_an_orientation_is_reordered_exactly_and_shown(study, order, flips, codes):
    study.x("turned.nii.gz", *reoriented(A, order, flips))
    study.y("b.nii", B)
    outcome = study.run(*RAW, "--resample", "never").must_be([A], [B])
    assert outcome.maps[0]["orientation"] == codes
    assert outcome.maps[1]["orientation"] == "RAS"


def test_oblique_maps_of_one_grid_and_their_permuted_copies(study):
    study.x("a.nii", A, OBLIQUE)
    study.x("turned.nii", *reoriented(A, (2, 0, 1), (True, False, True), OBLIQUE))
    study.y("b.nii", B, OBLIQUE)
    study.run(*RAW, "--resample", "never").must_be([A, A], [B])


def test_mgz_in_freesurfer_orientation(study):
    study.x("orig.mgz", *reoriented(A, (0, 2, 1), (True, True, False)), write=write_mgh)
    study.y("b.nii", B)
    study.run(*RAW, "--resample", "never").must_be([A.astype("f4")], [B])


def test_same_shape_proves_nothing(study):
    """A cube stored along other axes has the same shape; its array alone would give another number."""
    cube, other = noise(5, (14, 14, 14), 1.0), noise(6, (14, 14, 14), 1.0)
    affine = centred((14, 14, 14))
    study.x("cube.nii", *reoriented(cube, (1, 0, 2), (False, True, False), affine))
    study.y("other.nii", other, affine)
    naive = pearson(reoriented(cube, (1, 0, 2), (False, True, False), affine)[0], other)[0]
    outcome = study.run(*RAW).must_be([cube], [other])
    assert abs(outcome.r[0, 0] - naive) > 0.01


# Integer shifts and crops


def test_a_crop_is_cropped_exactly(study):
    box = (slice(2, 15), slice(1, 17), slice(1, 13))
    inside = brain(size=0.36)
    a, b = np.where(inside, A, -1), np.where(inside, B, -1)
    corner = AFFINE.copy()
    corner[:3, 3] = (AFFINE @ [2, 1, 1, 1])[:3]
    study.x("whole.nii", a)
    study.y("crop.nii", b[box], corner)
    study.run("--resample", "never").must_be([only(A, inside)], [only(B, inside)])


def test_a_crop_in_another_orientation_has_no_data_outside_its_box(study):
    box = np.zeros(SHAPE, bool)
    box[3:14, 2:17, 2:11] = True
    corner = AFFINE.copy()
    corner[:3, 3] = (AFFINE @ [3, 2, 2, 1])[:3]
    study.x("whole.nii", A)
    study.y("crop.nii", *reoriented(B[3:14, 2:17, 2:11], (1, 2, 0), (True, False, True), corner))
    study.run(*RAW, "--grid", "x", "--resample", "never").must_be([A], [only(B, box)])


@pytest.mark.parametrize("grid", ["x", "y"])
def test_a_shift_by_whole_voxels_leaves_the_overlap(study, grid):
    study.x("a.nii", A)
    study.y("moved.nii", B, shifted(3 * EDGE))
    r, n = pearson(A[3:], B[:-3])
    outcome = study.run(*RAW, "--grid", grid, "--resample", "never")
    assert outcome.code == 0, outcome
    assert outcome.n[0, 0] == n == A[3:].size
    assert abs(outcome.r[0, 0] - r) < 1e-6


def test_grids_that_each_miss_much_of_the_other_ask_for_a_grid(study):
    study.x("a.nii", A)
    study.y("moved.nii", B, shifted(7 * EDGE))
    study.run(*RAW).must_refuse("--grid")


def test_maps_that_do_not_overlap_have_no_number(study):
    study.x("a.nii", A)
    study.y("far.nii", B, shifted(100 * EDGE))
    outcome = study.run(*RAW, "--grid", "x")
    assert outcome.code in (0, 3), outcome
    assert "Traceback" not in outcome.err
    if outcome.code == 0:
        assert np.isnan(outcome.r).all()
        assert outcome.note("a", "far")


# The 1 % limit


@pytest.mark.parametrize("affine", [shifted(0.009 * EDGE), shifted(-0.0095 * EDGE, axis=2), scaled(8.002)])
def test_less_than_one_percent_of_displacement_is_the_same_grid(study, affine):
    study.x("a.nii", A)
    study.y("b.nii", B, affine)
    study.run(*RAW, "--resample", "never").must_be([A], [B])


@pytest.mark.parametrize("affine", [shifted(0.012 * EDGE), scaled(8.01), AFFINE @ rotation(z=0.005)])
def test_more_than_one_percent_at_any_corner_is_another_grid(study, affine):
    """8.01 for 8 mm passes ``allclose`` with its usual tolerances, but moves the far corner by .27 mm."""
    study.x("a.nii", A)
    study.y("other.nii", B, affine)
    study.run(*RAW, "--resample", "never", "--grid", "x").must_refuse("other.nii", "mm", "resample")


def test_the_limit_counts_the_smallest_edge(study):
    flat = AFFINE @ np.diag([1, 1, 0.25, 1])
    study.x("a.nii", A, flat)
    study.y("other.nii", B, shifted(0.04, flat))
    study.run(*RAW, "--resample", "never").must_refuse("other.nii")


# Rule 2: which affine


def test_the_sform_precedes_a_disagreeing_qform_and_that_is_said(study):
    study.x("a.nii", A, sform=2, qform=1, qaffine=shifted(3 * EDGE))
    study.y("b.nii", B)
    outcome = study.run(*RAW, "--resample", "never").must_be([A], [B])
    assert "sform" in outcome.decisions("a")
    assert "qform" in outcome.decisions("a")
    assert "qform" not in outcome.decisions("b")


def test_an_sform_without_code_is_not_used(study):
    wrong = np.array([[0, 0, 3, 7], [2, 0, 0, 1], [0, 5, 0, 9]], float)
    rows = dict(zip(("srow_x", "srow_y", "srow_z"), wrong, strict=True))
    study.x("a.nii", A, sform=0, qform=1, fields=rows)
    study.y("b.nii", B, sform=1, qform=0)
    study.run(*RAW, "--resample", "never").must_be([A], [B])


def test_a_qform_alone_with_left_handed_axes(study):
    data, affine = reoriented(A, (1, 0, 2), (False, True, True))
    flipped, left = reoriented(A, (0, 1, 2), (True, False, False))
    study.x("a.nii", data, affine, sform=0, qform=1)
    study.x("left.nii", flipped, left, sform=0, qform=1)
    study.y("b.nii", B)
    outcome = study.run(*RAW, "--resample", "never").must_be([A, A], [B])
    assert outcome.maps[1]["orientation"] == "LAS"


def test_an_oblique_qform_alone(study):
    study.x("a.nii", A, OBLIQUE, sform=0, qform=2)
    study.y("b.nii", B, OBLIQUE, sform=2, qform=0)
    study.run(*RAW, "--resample", "never").must_be([A], [B])


def test_no_code_at_all_is_used_with_maps_of_the_same_shape_and_said(study):
    study.x("lost.nii", A, sform=0, qform=0)
    study.y("b.nii", B)
    outcome = study.run(*RAW).must_be([A], [B])
    assert outcome.maps[0]["orientation"] == "???"
    assert "orientation" in outcome.decisions("lost") or "shape" in outcome.decisions("lost")


def test_no_code_at_all_and_another_shape_is_refused(study):
    study.x("lost.nii", A[:-1], sform=0, qform=0)
    study.y("b.nii", B)
    study.run(*RAW).must_refuse("lost.nii")


def test_analyze_files_are_compared_with_maps_of_the_same_shape(study):
    study.x("a.hdr", A, write=write_analyze)
    study.y("b.img", B, write=write_analyze)
    study.run(*RAW).must_be([A.astype("f4")], [B.astype("f4")])


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e-3), ("micron", 1e3)])
@pytest.mark.parametrize("form", ["sform", "qform"])
def test_units_of_the_header_are_honoured(study, unit, factor, form):
    affine = np.diag([factor, factor, factor, 1]) @ AFFINE
    study.x("a.nii", A, affine, units=unit, sform=2 * (form == "sform"), qform=int(form == "qform"))
    study.y("b.nii", B)
    outcome = study.run(*RAW, "--resample", "never").must_be([A], [B])
    sizes = outcome.maps[0]["voxel_mm"]
    assert sizes == outcome.maps[1]["voxel_mm"]


@pytest.mark.parametrize(
    "rows",
    [
        {"srow_x": (np.nan, 0, 0, 0)},
        {"srow_y": (0, np.inf, 0, 0)},
        {"srow_z": (0, 0, 0, 0)},
        {"srow_x": (8, 0, 0, 0), "srow_y": (8, 0, 0, 0)},
        {"srow_x": (1e30, 0, 0, 0)},
        {"srow_x": (8, 0, 0, np.nan)},
    ],
    ids=["nan", "infinite", "zero row", "parallel axes", "absurd", "nan origin"],
)
def test_an_affine_that_is_no_space_is_refused(study, rows):
    study.x("bent.nii", A, fields=rows)
    study.y("b.nii", B)
    study.run(*RAW).must_refuse("bent.nii", "affine")


def test_a_nan_in_an_unused_qform_does_no_harm(study):
    study.x("a.nii", A, qform=0, fields={"quatern_b": np.nan, "qoffset_x": np.nan})
    study.y("b.nii", B)
    study.run(*RAW, "--resample", "never").must_be([A], [B])


def test_a_bad_quaternion_is_refused_where_it_is_all_there_is(study):
    study.x("bent.nii", A, sform=0, qform=1, fields={"quatern_b": 5.0})
    study.y("b.nii", B)
    study.run(*RAW).must_refuse("bent.nii")


def test_a_bad_quaternion_beside_an_sform_does_no_harm(study):
    study.x("a.nii", A, fields={"quatern_b": 5.0})
    study.x("nan.nii", A, fields={"quatern_c": np.nan})
    study.y("b.nii", B)
    study.run(*RAW, "--resample", "never").must_be([A, A], [B])


@pytest.mark.parametrize("edge", [0.0, np.nan, np.inf])
def test_a_qform_without_voxel_sizes_is_refused(study, edge):
    study.x("flat.nii", A, sform=0, qform=1, fields={"pixdim": (1, 8, edge, 8, 0, 0, 0, 0)})
    study.y("b.nii", B)
    study.run(*RAW).must_refuse("flat.nii")


@pytest.mark.parametrize(("sform", "qform"), [(99, 0), (-1, 1), (0, 99), (4, 4), (1, 3)])
def test_codes_beyond_the_usual(study, sform, qform):
    study.x("a.nii", *reoriented(A, (1, 2, 0), (True, False, True)), sform=sform, qform=qform)
    study.y("b.nii", B)
    study.run(*RAW, "--resample", "never").must_be([A], [B])


@pytest.mark.parametrize("units", [0, 7, 255])
def test_unknown_units_are_millimetres(study, units):
    study.x("a.nii", A, fields={"xyzt_units": units})
    study.y("b.nii", B)
    study.run(*RAW, "--resample", "never").must_be([A], [B])


# Rule 3: the common grid, and resampling

OFF = shifted(2.4, shifted(1.6, shifted(0.8, axis=2), axis=1))
"""The base grid moved by .3, .2 and .1 voxels: no weight is exactly one half."""


def test_resampling_is_linear_validity_aware_and_said(study):
    """Background of −999 never bleeds into data: a voxel counts where data hold half of its weight."""
    study.x("a.nii", np.where(BRAIN, A, -1))
    study.y("off.nii", np.where(BRAIN, B, -999), OFF)
    expected = linear(only(B, BRAIN), OFF)
    outcome = study.run("--grid", "x", "--mask", "none").must_be([only(A, BRAIN)], [expected], tol=1e-5)
    assert "resampl" in outcome.decisions("off")
    assert outcome.says("resampl")
    assert "resampl" not in outcome.decisions("a")


def test_nan_outside_does_not_spread_in_resampling(study):
    study.x("a.nii", np.where(BRAIN, A, np.nan))
    study.y("off.nii", only(B, BRAIN), OFF)
    expected = linear(only(B, BRAIN), OFF)
    study.run("--grid", "x", "--mask", "none").must_be([only(A, BRAIN)], [expected], tol=1e-5)


def test_zeros_that_are_missing_never_bleed_into_data(study):
    study.x("a.nii", np.where(BRAIN, A, -1))
    study.y("off.nii", np.where(BRAIN, B + 50, 0), OFF)
    expected = linear(only(B + 50, BRAIN), OFF)
    outcome = study.run("--grid", "x", "--mask", "none")
    outcome.must_be([only(A, BRAIN)], [expected], tol=1e-5)


def test_zeros_that_are_data_are_interpolated_as_data(study):
    counts = np.rint(np.clip(6 * np.exp(-(((np.indices(SHAPE).T - 8) / 4) ** 2).sum(-1).T), 0, None))
    inner = brain(size=0.3)
    study.x("a.nii", A)
    study.y("off.nii", counts, OFF)
    mask = write_nifti(study.tmp / "mask.nii", inner.astype("u1"))
    expected = linear(counts, OFF)
    outcome = study.run("--grid", "x", "--mask", mask, "--background", "none", "--zeros", "data")
    outcome.must_be([only(A, inner)], [expected], tol=1e-5)


def test_resampling_across_a_rotation(study):
    inner = brain(size=0.3)
    turned = rotation(0.3, 0.1, -0.4) @ AFFINE
    mask = write_nifti(study.tmp / "mask.nii", inner.astype("u1"))
    study.x("a.nii", A)
    study.y("turned.nii", B, turned)
    study.run(*RAW[2:], "--mask", mask).must_be([only(A, inner)], [linear(B, turned)], tol=1e-5)


def test_nearest_interpolation_on_request(study):
    inner = brain(size=0.36)
    mask = write_nifti(study.tmp / "mask.nii", inner.astype("u1"))
    study.x("a.nii", A)
    study.y("off.nii", B, OFF)
    outcome = study.run(*RAW[2:], "--mask", mask, "--interpolation", "nearest")
    outcome.must_be([only(A, inner)], [nearest(B, OFF)])


def test_cubic_interpolation_is_nearer_to_a_smooth_truth_than_linear(study):
    def truth(affine):
        x, y, z = (affine[:3, :3] @ np.indices(SHAPE).reshape(3, -1) + affine[:3, 3:]).reshape(3, *SHAPE)
        return np.sin(x / 9) + np.cos(y / 10 + 1) * np.sin(z / 11)

    inner = brain(size=0.3)
    mask = write_nifti(study.tmp / "mask.nii", inner.astype("u1"))
    study.x("a.nii", truth(AFFINE))
    study.y("off.nii", truth(OFF), OFF)
    by = {
        way: study.run(*RAW[2:], "--mask", mask, "--interpolation", way, out=study.work / way).r[0, 0]
        for way in ("linear", "cubic")
    }
    assert by["linear"] < by["cubic"] <= 1
    assert by["cubic"] > 0.999


@pytest.mark.parametrize("file", ["x", "y"])
def test_resample_never_names_the_file_and_both_grids(study, file):
    getattr(study, file)("other.nii", B, OFF)
    for i in range(3):
        study.x(f"a{i}.nii", A)
        study.y(f"b{i}.nii", A)
    study.run(*RAW, "--resample", "never").must_refuse("other.nii", "mm")


def test_a_finer_map_is_averaged_over_the_voxels_of_the_coarser_grid(study):
    """2 mm to 4 mm, voxel centres on voxel centres: picking voxels would lose seven of eight."""
    fine = noise(7, (31, 35, 27))
    weights = np.array([0.25, 0.5, 0.25])
    padded = np.pad(fine, 1, mode="edge")
    box = sum(
        weights[i] * weights[j] * weights[k]
        * padded[i : i + 31, j : j + 35, k : k + 27][::2, ::2, ::2]
        for i in range(3) for j in range(3) for k in range(3)
    )  # fmt: skip
    inner = brain(box.shape, size=0.4)
    affine = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    mask = write_nifti(study.tmp / "mask.nii", inner.astype("u1"))
    study.x("fine.nii", fine, affine)
    study.y("box.nii", box)
    study.y("picked.nii", fine[::2, ::2, ::2])
    averaged = study.run(*RAW[2:], "--mask", mask, out=study.work / "auto")
    assert averaged.r[0, 0] > 0.98, averaged
    assert "averag" in averaged.decisions("fine")
    picked = study.run(*RAW[2:], "--mask", mask, "--interpolation", "linear", out=study.work / "linear")
    assert picked.r[1, 0] > 1 - 1e-6
    assert abs(picked.r[0, 0] - pearson(fine[::2, ::2, ::2], box, inner)[0]) < 1e-5


def test_averaging_of_exact_blocks_is_their_mean(study):
    fine = noise(8, (32, 36, 28))
    blocks = fine.reshape(16, 2, 18, 2, 14, 2).mean(axis=(1, 3, 5))
    affine = AFFINE @ np.diag([0.5, 0.5, 0.5, 1])
    affine[:3, 3] -= EDGE / 4
    inner = brain(size=0.4)
    mask = write_nifti(study.tmp / "mask.nii", inner.astype("u1"))
    study.x("fine.nii", fine, affine)
    study.y("b.nii", related(9, blocks / blocks.std()))
    outcome = study.run(*RAW[2:], "--mask", mask)
    outcome.must_be([only(blocks, inner)], [related(9, blocks / blocks.std())], tol=5e-3)


def test_one_and_a_half_times_the_voxel_is_not_averaged(study):
    edge = EDGE / 1.4
    fine, affine = noise(10, (26, 28, 23), 1.2), centred((26, 28, 23), edge, (0.03, 0.05, 0.07))
    inner = brain(size=0.36)
    mask = write_nifti(study.tmp / "mask.nii", inner.astype("u1"))
    study.x("fine.nii", fine, affine)
    study.y("b.nii", B)
    study.run(*RAW[2:], "--mask", mask).must_be([only(linear(fine, affine), inner)], [B], tol=1e-5)


def test_the_common_grid_is_the_coarsest(study):
    shape = (20, 22, 18)
    study.x("fine.nii", np.where(brain(shape), noise(11, shape), -1), centred(shape, 6.4))
    study.y("coarse.nii", np.where(BRAIN, B, 0))
    outcome = study.run()
    assert outcome.code == 0, outcome
    assert outcome.mask.shape == SHAPE
    np.testing.assert_allclose(outcome.mask.affine, AFFINE, atol=1e-4)


def test_among_equally_coarse_grids_the_one_most_maps_have(study):
    study.x("first.nii", np.where(BRAIN, A, -1), OFF)
    study.x("second.nii", np.where(BRAIN, A, -1))
    study.y("third.nii", np.where(BRAIN, B, -1))
    outcome = study.run()
    assert outcome.code == 0, outcome
    np.testing.assert_allclose(outcome.mask.affine, AFFINE, atol=1e-4)
    assert "resampl" in outcome.decisions("first")


def test_a_coarse_slab_does_not_cut_the_brains_of_the_others(study):
    slab = np.where(brain((12, 14, 12))[:, :, :5], noise(12, (12, 14, 5)), -1)
    study.x("slab.nii", slab, centred((12, 14, 12), 11.0))
    study.y("fine.nii", np.where(BRAIN, B, -1))
    outcome = study.run()
    assert outcome.code == 0, outcome
    assert outcome.mask.shape == SHAPE
    assert "resampl" in outcome.decisions("slab")


@pytest.mark.parametrize("option", ["y", "file"])
def test_the_grid_can_be_chosen(study, option):
    fine = centred((20, 22, 18), 6.4)
    study.x("coarse.nii", np.where(BRAIN, A, -1))
    path = study.y("fine.nii", np.where(brain((20, 22, 18)), noise(11, (20, 22, 18)), -1), fine)
    outcome = study.run("--grid", "y" if option == "y" else path)
    assert outcome.code == 0, outcome
    assert outcome.mask.shape == (20, 22, 18)
    np.testing.assert_allclose(outcome.mask.affine, fine, atol=1e-4)


def test_a_mask_file_gives_the_grid(study):
    fine = centred((20, 22, 18), 6.4, (0.03, 0.05, 0.07))
    inner = brain((20, 22, 18), size=0.3)
    mask = write_nifti(study.tmp / "mask.nii", inner.astype("u1"), fine)
    study.x("a.nii", A)
    study.y("b.nii", B)
    outcome = study.run(*RAW[2:], "--mask", mask)
    shape = inner.shape
    expected = [only(linear(m, AFFINE, fine, shape), inner) for m in (A, B)]
    outcome.must_be(expected[:1], expected[1:], tol=1e-5)
    assert outcome.n[0, 0] == inner.sum()


def test_a_matrix_of_mixed_grids_has_every_cell_right(study):
    inner = brain(size=0.3)
    mask = write_nifti(study.tmp / "mask.nii", inner.astype("u1"))
    turned = rotation(0.1, 0.2, 0.3) @ AFFINE
    study.x("ras.nii", A)
    study.x("psl.nii", *reoriented(A, (1, 2, 0), (True, False, True)))
    study.x("turned.nii", noise(13, smooth=1.0), turned)
    study.y("off.nii", B, OFF)
    study.y("crop.nii", B[1:15, 1:17, 1:13], AFFINE @ np.block([[np.eye(3), np.ones((3, 1))], [0, 0, 0, 1]]))
    x = [A, A, linear(noise(13, smooth=1.0), turned)]
    y = [linear(B, OFF), B]
    outcome = study.run(*RAW[2:], "--mask", mask)
    outcome.must_be(x, y, where=inner, tol=1e-5)
    assert abs(table(x, y, inner)[0][0, 0] - outcome.r[0, 0]) < 1e-5
