"""Rule 5: an exact zero is data or missing; each map alone decides, and the other reading is shown."""

import re

import numpy as np
import pytest
from promised_files import AFFINE, BRAIN, SHAPE, brain, noise, related, write_nifti
from promised_numbers import only, pearson

A = noise(81)
ALL = np.ones(SHAPE, bool)
SMALL_FIELD = brain(size=0.38)
GRID = np.indices(SHAPE)
RADIUS = np.sqrt(sum(((GRID[i] - (SHAPE[i] - 1) / 2) / (0.5 * SHAPE[i])) ** 2 for i in range(3)))

COUNTS = np.floor(np.clip(40 * (1 - RADIUS / 0.85), 0, None))
TISSUE = np.clip(0.95 - RADIUS / 0.7, 0, None) * (1 + 0.05 * noise(82))
SMOOTH = noise(85, smooth=2)
SOFT = np.sign(SMOOTH) * np.clip(abs(SMOOTH) - 0.7, 0, None)
SPARSE = np.where(abs(A) > 2.3, A, 0)
"""Thresholded: floor .7, edge 1, scattered over the whole volume."""
BINARY = (noise(83, smooth=2) > 0.4).astype(float)
MASKED = np.where(SMALL_FIELD, A, 0)
LIFTED = np.where(SMALL_FIELD, A + 100, 0)
SLAB = np.where(GRID[2] < 9, A + 1, 0)

DATA = {"counts": COUNTS, "tissue": TISSUE, "soft": SOFT, "sparse": SPARSE, "binary": BINARY}
DATA["five"] = 5 * BINARY
MISSING = {"masked": MASKED, "lifted": LIFTED, "slab": SLAB}
OTHER = related(84, A, 0.6)


def run(study, data, *options, dtype="f8", mask=BRAIN):
    study.x("x.nii.gz", data, dtype=dtype)
    study.y("y.nii.gz", OTHER)
    file = write_nifti(study.tmp / "mask.nii", mask.astype("u1"), AFFINE)
    return study.run("--mask", file, *options)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_zeros_that_are_data(study, name, dtype):
    data = DATA[name].astype(dtype)
    run(study, data, dtype=dtype).must_be([data], [OTHER], where=BRAIN)


def test_integer_counts_are_data(study):
    run(study, COUNTS, dtype="i2").must_be([COUNTS], [OTHER], where=BRAIN)


@pytest.mark.parametrize("name", MISSING)
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_zeros_that_are_missing(study, name, dtype):
    data = MISSING[name].astype(dtype)
    run(study, data, dtype=dtype).must_be([np.where(data == 0, np.nan, data)], [OTHER], where=BRAIN)


def test_a_compact_thresholded_map_is_a_masked_map(study):
    """Floor ≥ .2 alone would say thresholded; it is solid and ends abruptly."""
    blob = np.where(brain(size=0.3), abs(A) + 2, 0)
    run(study, blob).must_be([np.where(blob == 0, np.nan, blob)], [OTHER], where=BRAIN)


def test_holes_in_a_masked_map_are_missing_like_its_outside(study):
    data = MASKED.copy()
    data[6:9, 7:10, 5:8] = 0
    run(study, data).must_be([np.where(data == 0, np.nan, data)], [OTHER], where=BRAIN)


@pytest.mark.parametrize("name", ["counts", "sparse", "binary", "masked", "lifted"])
@pytest.mark.parametrize("reading", ["data", "missing"])
def test_the_reading_can_be_chosen(study, name, reading):
    data = {**DATA, **MISSING}[name]
    expected = data if reading == "data" else np.where(data == 0, np.nan, data)
    run(study, data, "--zeros", reading).must_be([expected], [OTHER], where=BRAIN)


def test_each_map_alone_decides(study):
    maps = {**DATA, **MISSING}
    for name, data in maps.items():
        study.x(f"{name}.nii", data)
    study.y("y.nii", OTHER)
    mask = write_nifti(study.tmp / "mask.nii", BRAIN.astype("u1"), AFFINE)
    expected = [data if name in DATA else np.where(data == 0, np.nan, data) for name, data in maps.items()]
    outcome = study.run("--mask", mask).must_be(expected, [OTHER], where=BRAIN)
    for name in maps:
        assert "zero" in outcome.decisions(name)


def test_a_negative_zero_is_a_zero(study):
    data = np.where(SMALL_FIELD, A, -0.0)
    run(study, data).must_be([only(A, SMALL_FIELD)], [OTHER], where=BRAIN)


def test_scaled_zeros_are_judged_after_scaling(study):
    """Raw 100 is a value of 0 here; raw 0 is a value of −50."""
    raw = np.where(SMALL_FIELD, np.rint(A * 1000) * 2 + 1, 100).astype("i2")
    study.x("x.nii", raw, fields={"scl_slope": 0.5, "scl_inter": -50})
    study.y("y.nii", OTHER)
    mask = write_nifti(study.tmp / "mask.nii", BRAIN.astype("u1"), AFFINE)
    study.run("--mask", mask).must_be([only(raw, SMALL_FIELD)], [OTHER], where=BRAIN)


@pytest.mark.parametrize("name", ["lifted", "sparse"])
def test_the_other_reading_is_shown_where_it_matters(study, name):
    data = {**DATA, **MISSING}[name]
    other = np.where(SMALL_FIELD, A, 2 - A)
    study.x("x.nii", data)
    study.y("y.nii", other)
    mask = write_nifti(study.tmp / "mask.nii", BRAIN.astype("u1"), AFFINE)
    outcome = study.run("--mask", mask)
    as_data = pearson(data, other, BRAIN)[0]
    as_missing = pearson(np.where(data == 0, np.nan, data), other, BRAIN)[0]
    chosen, rejected = (as_missing, as_data) if name in MISSING else (as_data, as_missing)
    assert abs(outcome.r[0, 0] - chosen) < 1e-6
    assert abs(chosen - rejected) > 0.1 or chosen * rejected < 0
    found = re.search(r"zeros matter: (\S+) / (\S+)", outcome.note("x", "y"))
    assert found, outcome.pairs
    shown = [float(text.replace("−", "-")) for text in found.groups()]
    np.testing.assert_allclose(shown, [chosen, rejected], atol=0.0051)
    assert outcome.says("zero")


def test_no_remark_where_both_readings_agree(study):
    run(study, np.where(BRAIN, A, 0)).must_be([only(A, BRAIN)], [OTHER])
    assert "zeros matter" not in (study.out / "pairs.tsv").read_text()
