"""Rule 4: the value that means "no data here" is found per map, recorded, and missing wherever it occurs."""

import numpy as np
import pytest
from promised_files import AFFINE, BRAIN, SHAPE, noise, related, write_nifti
from promised_numbers import only, pearson

A = noise(31)
B = related(32, A)
INSIDE_A, INSIDE_B = only(A, BRAIN), only(B, BRAIN)
RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]


def outside(data, value):
    return np.where(BRAIN, data, value)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("value", [-1, -999, 0, np.nan, np.inf, -np.inf, 3.7, -0.99998, 1e30])
def test_a_background_is_missing(study, value, dtype):
    study.x("x.nii.gz", outside(A, value), dtype=dtype)
    study.y("y.nii.gz", outside(B, 0), dtype=dtype)
    outcome = study.run()
    outcome.must_be([only(A.astype(dtype), BRAIN)], [only(B.astype(dtype), BRAIN)])
    np.testing.assert_array_equal(outcome.inside, BRAIN)
    recorded = outcome.maps[0]["background"]
    if np.isfinite(value):
        assert abs(float(recorded.lstrip("'")) - value) <= 1e-6 * max(abs(value), 1)
    assert outcome.maps[0]["n_voxels"] == str(BRAIN.sum())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", ["1e308", "-1e308", "3.5e38"])
@pytest.mark.parametrize("cache", [(), ("--cache", "kept")], ids=["read", "cached"])
def test_a_background_that_no_voxel_of_the_type_can_have_takes_none_away(study, monkeypatch, tmp_path, value, cache):
    monkeypatch.chdir(tmp_path)
    study.x("x.nii.gz", outside(A, np.nan), dtype="f4")
    study.y("y.nii.gz", outside(B, np.nan), dtype="f4")
    for _ in range(1 + len(cache)):
        outcome = study.run("--background", value, *cache)
        outcome.must_be([only(A.astype("f4"), BRAIN)], [only(B.astype("f4"), BRAIN)])


def test_a_scaled_minus_one_is_a_background(study):
    """The lowest int16 times a slope is −0.99998, not −1."""
    slope = np.float64(np.float32(0.99998 / 32767))
    raw = np.where(BRAIN, np.rint(A / 5 / slope), -32767).astype("i2")
    study.x("scaled.nii.gz", raw, fields={"scl_slope": slope, "scl_inter": 0})
    study.y("y.nii.gz", outside(B, 0))
    outcome = study.run().must_be([only(raw * slope, BRAIN)], [INSIDE_B])
    assert abs(float(outcome.maps[0]["background"].lstrip("'")) + 0.99998) < 1e-6


def test_a_different_constant_in_every_map(study):
    values = [-0.003, -4.3, -20.7, 0.25]
    maps = [related(40 + i, A, 0.3) for i in range(4)]
    for value, data in zip(values, maps, strict=True):
        study.x(f"pet_{value}.nii.gz", outside(data, value), dtype="f4")
    study.y("y.nii.gz", outside(B, 0))
    outcome = study.run()
    outcome.must_be([only(m.astype("f4"), BRAIN) for m in maps], [INSIDE_B])
    found = [float(row["background"].lstrip("'")) for row in outcome.maps if row["set"] == "x"]
    np.testing.assert_allclose(found, values, rtol=1e-5)


def test_integers_with_a_background(study):
    raw = np.where(BRAIN, np.rint(A * 500) * 2 + 1, -2000).astype("i2")
    study.x("int.nii.gz", raw)
    study.y("y.nii.gz", outside(B, -1))
    study.run().must_be([only(raw, BRAIN)], [INSIDE_B])


def test_a_background_that_rounding_has_split_is_one(study):
    values = np.where(noise(33) > 0.3, -1.0, -1.0 + 3e-7)
    study.x("x.nii", outside(A, values))
    study.y("y.nii", outside(B, 0))
    study.run().must_be([INSIDE_A], [INSIDE_B])


def test_near_the_background_is_not_the_background(study):
    data = outside(A, -1)
    near = BRAIN & (noise(34) > 1)
    data[near] = -1.001 - 1e-3 * abs(noise(35))[near]
    study.x("x.nii", data)
    study.y("y.nii", outside(B, 0))
    study.run().must_be([only(data, BRAIN)], [INSIDE_B])


def test_the_background_is_missing_inside_the_brain_too(study):
    holes = BRAIN & (noise(36) > 1.2)
    study.x("x.nii", np.where(holes, -1, outside(A, -1)))
    study.y("y.nii", outside(B, 0))
    outcome = study.run("--mask", "none")
    outcome.must_be([only(A, BRAIN & ~holes)], [INSIDE_B])


def test_nan_and_infinity_are_missing_beside_another_background(study):
    data, gone = outside(A, -1), BRAIN & (abs(noise(37)) > 1.5)
    data[gone] = np.where(noise(38) > 0, np.nan, np.inf)[gone]
    study.x("x.nii", data)
    study.y("y.nii", outside(B, 0))
    study.run().must_be([only(A, BRAIN & ~gone)], [INSIDE_B])


def test_a_map_without_a_background_has_none(study):
    raw = np.rint(A * 3000).astype("i2")
    study.x("pet.nii.gz", raw, fields={"scl_slope": 0.01, "scl_inter": 50})
    study.y("y.nii.gz", outside(B, -1))
    outcome = study.run().must_be([A * 3000 // 1 * 0 + raw], [INSIDE_B])
    assert outcome.maps[0]["background"] == ""
    np.testing.assert_array_equal(outcome.inside, BRAIN)


@pytest.mark.parametrize("extra", [0, 60], ids=["under a quarter of the faces", "under a tenth of all"])
def test_a_common_value_that_is_too_rare_is_data(study, extra):
    """One end plane is 21 % of the face voxels; with 60 more it is over 25 %, but 9 % of the volume."""
    data = A.copy()
    data[:, :, 0] = -1
    data[0, 1:, 1:].flat[:extra] = -1
    study.x("x.nii", data)
    study.y("y.nii", B)
    outcome = study.run("--mask", "none").must_be([data], [B])
    assert outcome.maps[0]["background"] == ""


def test_a_value_on_a_quarter_of_the_faces_and_a_tenth_of_all_is_a_background(study):
    data = A.copy()
    data[:, :, :2] = -1
    study.x("x.nii", data)
    study.y("y.nii", B)
    keep = np.ones(SHAPE, bool)
    keep[:, :, :2] = False
    study.run("--mask", "none").must_be([only(A, keep)], [B])


@pytest.mark.parametrize("spelling", [["--background=-5"], ["--background", "-5"], ["--background", "-5e0"]])
def test_a_given_background_holds_for_every_map(study, spelling):
    rare_x, rare_y = noise(41) > 1.7, noise(42) > 1.6
    study.x("x.nii", np.where(rare_x, -5, A))
    study.y("y.nii", np.where(rare_y, -5, B))
    study.run("--mask", "none", *spelling).must_be([only(A, ~rare_x)], [only(B, ~rare_y)])


def test_a_given_background_replaces_the_one_that_would_be_found(study):
    seven = noise(43) > 1.7
    study.x("x.nii", np.where(seven, 7, outside(A, -1)))
    study.y("y.nii", B)
    expected = only(outside(A, -1), ~seven)
    study.run("--mask", "none", "--background", "7").must_be([expected], [B])


def test_no_background_on_request(study):
    study.x("x.nii", outside(A, -1))
    study.y("y.nii", outside(B, -1))
    study.run(*RAW).must_be([outside(A, -1)], [outside(B, -1)])


def test_nan_is_missing_even_without_a_background(study):
    study.x("x.nii", INSIDE_A)
    study.y("y.nii", B)
    study.run(*RAW).must_be([INSIDE_A], [B])


def test_the_questions_backgrounds_give_the_brains_number(study):
    """20 × 4 with −1 and 0 outside: the naive number is far off, and the run says by how much."""
    x = [related(50 + i, A, 0.2) for i in range(4)]
    y = [related(60 + i, A, 0.2) for i in range(2)]
    for i, data in enumerate(x):
        study.x(f"experiment{i}.nii", outside(data + 3, -1))
    for i, data in enumerate(y):
        study.y(f"activity{i}.nii.gz", outside(data + 2, 0 if i else -1))
    outcome = study.run().must_be([only(m, BRAIN) for m in x], [only(m, BRAIN) for m in y])
    naive = np.array(
        [[pearson(outside(a + 3, -1), outside(b + 2, 0 if i else -1))[0] for a in x] for i, b in enumerate(y)]
    )
    worst = abs(naive - outcome.r).max()
    assert worst > 0.5
    assert outcome.says_any(f"{worst:.2f}".lstrip("0"), f"{worst:.1f}".lstrip("0")), outcome


def test_every_background_is_shown_with_its_share(study):
    study.x("x.nii", outside(A, -7.5))
    study.y("y.nii", outside(B, np.nan))
    outcome = study.run()
    assert "-7.5" in outcome.decisions("x").replace("−", "-"), outcome.maps
    share = (~BRAIN).mean()
    assert f"{100 * share:.0f}" in outcome.decisions("x")


def test_background_and_scale_differ_by_file_not_by_neighbour(study):
    """The same bytes give the same reading alone and among others."""
    study.x("x.nii", outside(A, -1))
    study.y("y.nii", outside(B, 0))
    mask = write_nifti(study.tmp / "mask.nii", np.ones(SHAPE, "u1"), AFFINE)
    alone = study.run("--mask", mask, out=study.work / "alone")
    for i in range(5):
        study.x(f"other{i}.nii", outside(noise(70 + i), 0.5 * i))
    among = study.run("--mask", mask, out=study.work / "among")
    assert alone.r[0, 0] == pytest.approx(among.r[0, 0], abs=1e-9)
    assert alone.n[0, 0] == among.n[0, 0] == BRAIN.sum()
