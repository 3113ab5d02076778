"""Which voxels may count: the mask of the maps, of the user, of MNI space, or none."""

import nibabel as nib
import numpy as np
import pytest
from nilearn.datasets import load_mni152_brain_mask
from promised_files import AFFINE, BRAIN, EDGE, SHAPE, brain, centred, noise, related, reoriented, write_nifti
from promised_numbers import nearest, only

A = noise(91)
B = related(92, A)


def outlined(seed, inside, value=-1.0):
    return np.where(inside, noise(seed, inside.shape), value)


def test_an_explicit_mask_says_which_voxels_count(study):
    inner = BRAIN & (noise(93) > -0.7)
    mask = write_nifti(study.tmp / "mask.nii.gz", inner.astype("u1"))
    study.x("x.nii", A)
    study.y("y.nii", B)
    outcome = study.run("--mask", mask).must_be([A], [B], where=inner)
    np.testing.assert_array_equal(outcome.inside, inner)
    assert outcome.maps[0]["n_voxels"] == str(inner.sum())
    assert float(outcome.maps[0]["coverage"]) == 1


def test_any_value_but_zero_and_nan_is_inside_a_mask(study):
    inner = noise(94) > 0.2
    values = np.where(inner, 7.5, 0)
    values[0, :, :] = np.nan
    mask = write_nifti(study.tmp / "mask.nii", values)
    inner[0] = False
    study.x("x.nii", A)
    study.y("y.nii", B)
    study.run("--mask", mask).must_be([A], [B], where=inner)


def test_a_map_in_the_place_of_a_mask_is_warned_of_everywhere(study):
    """On standard error, in run.json, on the page and by check; the rule stays what it is."""
    values = np.where(noise(94) > -1, noise(97), 0)
    mask = write_nifti(study.tmp / "t.nii", values.astype("f4"))
    study.x("x.nii", A)
    study.y("y.nii", B)
    outcome = study.call("run", *study.sets(), "-o", study.out, "--null", "none", "--no-figures", "--mask", mask)
    outcome.must_be([A], [B], where=values != 0)
    counts = f"below 0 in {(values < 0).sum()} of {np.count_nonzero(values)} voxels"
    assert outcome.says("warning", "t.nii", "looks like a map", counts), outcome
    (text,) = [text for text in outcome.json["warnings"] if "looks like a map" in text]
    assert "0 outside and 1 inside" in text
    assert "looks like a map" in (study.out / "report.html").read_text("utf-8")
    assert study.check("--mask", mask).says("warning", "t.nii", "looks like a map")
    binary = write_nifti(study.tmp / "mask.nii", (values != 0).astype("f4"))
    assert not study.run("--mask", binary).says("looks like a map")


def test_a_mask_in_another_orientation(study):
    inner = noise(95) > 0.2
    turned = reoriented(inner.astype("u1"), (2, 0, 1), (True, False, True))
    mask = write_nifti(study.tmp / "mask.nii", *turned)
    study.x("x.nii", A)
    study.y("y.nii", B)
    study.run("--mask", mask).must_be([A], [B], where=inner)


def test_a_mask_of_another_grid_is_never_interpolated(study):
    affine = centred((33, 38, 29), EDGE / 2, (0.13, 0.17, 0.29))
    labels = (noise(96, (33, 38, 29)) > 0).astype("u1") * 3
    mask = write_nifti(study.tmp / "mask.nii", labels, affine)
    study.x("x.nii", A)
    study.y("y.nii", B)
    inner = np.nan_to_num(nearest(labels, affine)) > 0
    outcome = study.run("--mask", mask, "--grid", "x").must_be([A], [B], where=inner)
    np.testing.assert_array_equal(outcome.inside, inner)


def test_inside_a_mask_the_rules_of_background_and_zero_hold(study):
    mask = write_nifti(study.tmp / "mask.nii", np.ones(SHAPE, "u1"))
    study.x("x.nii", np.where(BRAIN, A, -1))
    study.y("y.nii", np.where(brain(size=0.4), B, 0))
    study.run("--mask", mask).must_be([only(A, BRAIN)], [only(B, brain(size=0.4))])


def test_no_mask_leaves_all_that_maps_hold(study):
    study.x("x.nii", np.where(BRAIN, A, np.nan))
    study.y("y.nii", B)
    outcome = study.run("--mask", "none").must_be([only(A, BRAIN)], [B])
    assert outcome.inside.all()


def test_the_mask_of_the_maps_is_where_half_of_them_have_data(study):
    shapes = [brain(centre=(dx, 0, 0), size=0.4) for dx in (-2, 0, 1)]
    study.x("a.nii", outlined(101, shapes[0]))
    study.x("b.nii", outlined(102, shapes[1], 0.0))
    study.y("c.nii", outlined(103, shapes[2], np.nan))
    outcome = study.run()
    half = np.sum(shapes, axis=0) >= 2
    np.testing.assert_array_equal(outcome.inside, half)
    x = [only(noise(101), shapes[0]), only(noise(102), shapes[1])]
    outcome.must_be(x, [only(noise(103), shapes[2])], where=half)


def test_exactly_half_of_the_maps_suffices(study):
    shapes = [brain(centre=(dx, 0, 0), size=0.4) for dx in (-2, 2)]
    study.x("a.nii", outlined(104, shapes[0]))
    study.y("b.nii", outlined(105, shapes[1]))
    outcome = study.run()
    np.testing.assert_array_equal(outcome.inside, shapes[0] | shapes[1])
    outcome.must_be([only(noise(104), shapes[0])], [only(noise(105), shapes[1])])


def test_maps_without_an_outline_have_no_say(study):
    """Noise everywhere, two values, a scattered few voxels: none of them shows where the brain is."""
    study.x("outline.nii", outlined(106, BRAIN))
    study.x("pet.nii", A)
    study.y("pet2.nii", B)
    study.y("binary.nii", (brain(size=0.2)).astype("f4"))
    study.y("sparse.nii", np.where(abs(B) > 2.3, B, 0))
    np.testing.assert_array_equal(study.run().inside, BRAIN)


def test_no_outline_at_all_is_the_whole_grid_with_a_warning(study):
    study.x("x.nii", A)
    study.y("y.nii", B)
    outcome = study.run().must_be([A], [B])
    assert outcome.inside.all()
    assert outcome.says("mask"), outcome
    assert outcome.json["warnings"]


def mni(seed):
    """8 mm grid that covers the MNI152 brain."""
    shape = (25, 30, 25)
    affine = np.diag([8.0, 8, 8, 1])
    affine[:3, 3] = (-96, -132, -78)
    return noise(seed, shape), affine


@pytest.mark.parametrize("way", ["asked", "said by the header"])
def test_the_mni_mask(study, way):
    x, affine = mni(107)
    y, _ = mni(108)
    code = 4 if way != "asked" else 2
    study.x("x.nii", x, affine, sform=code, qform=code)
    study.y("y.nii", y, affine, sform=code, qform=code)
    outcome = study.run(*(["--mask", "mni152"] if way == "asked" else []))
    assert outcome.code == 0, outcome
    inside = outcome.inside
    if inside.shape != x.shape:  # the grid of a mask given by name is that of the mask
        litres = inside.sum() * abs(np.linalg.det(outcome.mask.affine[:3, :3])) / 1e6
    else:
        litres = inside.sum() * 512 / 1e6
    shipped = load_mni152_brain_mask()
    true_litres = np.asanyarray(shipped.dataobj).sum() * abs(np.linalg.det(shipped.affine[:3, :3])) / 1e6
    assert litres == pytest.approx(true_litres, rel=0.03)
    assert outcome.n[0, 0] > 0.98 * inside.sum()


def test_no_mni_mask_where_the_header_does_not_say_so(study):
    x, affine = mni(109)
    study.x("x.nii", x, affine, sform=2)
    study.y("y.nii", related(110, x), affine, sform=2)
    assert study.run().inside.all()


@pytest.mark.parametrize(("edge", "shape"), [(4.0, SHAPE), (8.0, (26, 28, 26))], ids=["small", "large"])
def test_a_mask_of_no_human_brain_is_questioned(study, edge, shape):
    inside = brain(shape)
    study.x("x.nii", outlined(111, inside), centred(shape, edge))
    study.y("y.nii", outlined(112, inside), centred(shape, edge))
    outcome = study.run()
    assert outcome.code == 0, outcome
    assert outcome.json["warnings"]
    assert outcome.says("--mask"), outcome


def test_a_mask_of_human_size_is_not_questioned(study):
    study.x("x.nii", outlined(113, BRAIN))
    study.y("y.nii", outlined(114, BRAIN))
    assert study.run().json["warnings"] == []


def broken_masks(tmp):
    whole = write_nifti(tmp / "whole.nii.gz", BRAIN.astype("u1"))
    content = whole.read_bytes()
    (tmp / "cut.nii.gz").write_bytes(content[: len(content) // 2])
    (tmp / "text.nii").write_text("no image")
    write_nifti(tmp / "empty.nii", np.zeros(SHAPE, "u1"))
    write_nifti(tmp / "complex.nii", BRAIN.astype("c8"))
    write_nifti(tmp / "lost.nii", np.ones((5, 5, 5), "u1"), sform=0, qform=0)
    write_nifti(tmp / "far.nii", np.ones(SHAPE, "u1"), centred(shift=(600, 0, 0)))


@pytest.mark.parametrize("name", ["no.nii", "cut.nii.gz", "text.nii", "empty.nii", "complex.nii", "lost.nii"])
def test_a_mask_that_cannot_be_used_is_refused(study, name):
    broken_masks(study.tmp)
    study.x("x.nii", A)
    study.y("y.nii", B)
    outcome = study.run("--mask", study.tmp / name)
    outcome.must_refuse(name, code=outcome.code if outcome.code in (2, 3) else 3)


def test_a_mask_far_away_gives_no_number(study):
    broken_masks(study.tmp)
    study.x("x.nii", A)
    study.y("y.nii", B)
    outcome = study.run("--mask", study.tmp / "far.nii", "--grid", "x")
    outcome.must_refuse("mask")


def test_the_mask_written_is_a_volume_on_the_grid_of_the_comparison(study):
    study.x("x.nii", outlined(115, BRAIN))
    study.y("y.nii", outlined(116, BRAIN))
    mask = study.run().mask
    assert isinstance(mask, nib.Nifti1Image)
    assert mask.get_data_dtype() == np.uint8
    np.testing.assert_allclose(mask.affine, AFFINE, atol=1e-4)
    assert mask.header["sform_code"] > 0
