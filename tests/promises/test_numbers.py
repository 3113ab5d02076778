"""Pearson's r of every cell is the definition's, to 1e-6, whatever the values look like."""

import numpy as np
import pytest
from promised_files import SHAPE, noise, related
from promised_numbers import only, pearson
from scipy import stats

RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]
A = noise(161)
B = related(162, A)


def test_a_matrix_against_scipy(study):
    x = [noise(170 + i, smooth=1.5) for i in range(5)]
    y = [related(180 + i, x[i], 0.7) for i in range(4)]
    for i, data in enumerate(x):
        study.x(f"x{i}.nii.gz", data)
    for i, data in enumerate(y):
        study.y(f"y{i}.nii.gz", data)
    outcome = study.run(*RAW).must_be(x, y)
    for i in range(4):
        for j in range(5):
            assert outcome.r[i, j] == pytest.approx(stats.pearsonr(x[j].ravel(), y[i].ravel())[0], abs=1e-9)


@pytest.mark.parametrize(
    ("scale", "shift"), [(2.0, 3.0), (1e-12, 0.0), (1e12, 1e15), (-1.0, 0.0), (-3.5, 1e6), (1.0, 1e7)]
)
def test_a_straight_line_is_one_or_minus_one_and_never_beyond(study, scale, shift):
    study.x("a.nii", A)
    study.y("line.nii", A * scale + shift)
    outcome = study.run(*RAW).must_be([A], [A * scale + shift])
    assert abs(outcome.r[0, 0] - np.sign(scale)) < 1e-6


@pytest.mark.parametrize(
    "data",
    [
        np.sign(A),
        np.rint(A),
        (A > 2.5) * 1.0,
        np.where(np.arange(A.size).reshape(SHAPE) == 1234, 1.0, 0.0),
        np.where(np.arange(A.size).reshape(SHAPE) == 77, 1e9, A),
        np.exp(6 * A),
        np.arange(A.size, dtype=float).reshape(SHAPE),
        np.where(A > 0, np.float32(16777217), 16777216) + 0.0,
    ],
    ids=["two values", "ties", "rare", "one voxel", "outlier", "skewed", "ramp", "last digit"],
)
def test_shapes_of_distributions(study, data):
    study.x("data.nii", data)
    study.y("b.nii", B)
    study.run(*RAW).must_be([data], [B])


def test_orthogonal_maps_are_zero_to_the_last_digits(study):
    a, b = A - A.mean(), B - B.mean()
    b = b - a * (a * b).sum() / (a * a).sum()
    study.x("a.nii", a)
    study.y("b.nii", b)
    assert abs(study.run(*RAW).must_be([a], [b]).r[0, 0]) < 1e-9


def test_correlations_near_one_are_told_apart(study):
    near = A + 1e-4 * noise(163)
    study.x("a.nii", A)
    study.y("near.nii", near)
    outcome = study.run(*RAW).must_be([A], [near])
    assert 1 - outcome.r[0, 0] == pytest.approx(1 - pearson(A, near)[0], rel=0.01)


@pytest.fixture(scope="module")
def many():
    """Enough values that float32 rows pay: 24 × 8 maps of 60 000 voxels, offset, some with holes."""
    shape = (42, 40, 36)
    rng = np.random.default_rng(7)
    common = rng.standard_normal(shape)

    def one(i):
        data = 0.3 * common + rng.standard_normal(shape) + 10.0 ** (i % 7) * (i % 2)
        if i % 3 == 0:
            data[rng.random(shape) < 0.02 * (i % 5)] = np.nan
        return data

    return [one(i) for i in range(72)], [one(100 + i) for i in range(8)]


@pytest.mark.parametrize("kind", ["whole", "holes"])
def test_large_sets_keep_six_digits(study, many, kind):
    x, y = many
    if kind == "whole":
        x, y = [np.nan_to_num(m) for m in x], [np.nan_to_num(m) for m in y]
    affine = np.diag([4.0, 4, 4, 1])
    for i, data in enumerate(x):
        study.x(f"x{i:02}.nii", data, affine)
    for i, data in enumerate(y):
        study.y(f"y{i}.nii", data, affine)
    outcome = study.run(*RAW)
    assert outcome.code == 0, outcome
    for i in range(0, 8, 2):
        for j in range(0, 72, 5):
            r, n = pearson(x[j], y[i])
            assert outcome.n[i, j] == n
            assert abs(outcome.r[i, j] - r) < 1e-6


def test_little_variance_in_the_overlap_of_large_sets(study, many):
    """The float32 road must see where its digits run out."""
    x, y = [m.copy() for m in many[0]], [m.copy() for m in many[1]]
    some = np.random.default_rng(8).random(x[0].shape) < 0.3
    for i in (3, 7):
        x[i] = np.where(some, 50 + 1e-3 * x[i], x[i])
    x[5] = np.where(some, 50.1, x[5])
    y[2], y[3] = only(y[2], some), only(y[3], some)
    affine = np.diag([4.0, 4, 4, 1])
    for i, data in enumerate(x):
        study.x(f"x{i:02}.nii", data, affine)
    for i, data in enumerate(y):
        study.y(f"y{i}.nii", data, affine)
    outcome = study.run(*RAW)
    assert outcome.code == 0, outcome
    for i in (2, 3, 4):
        for j in (3, 5, 7, 8):
            r, n = pearson(x[j], y[i])
            assert outcome.n[i, j] == n
            assert np.isnan(r) == np.isnan(outcome.r[i, j]), (i, j, outcome.r[i, j])
            assert np.isnan(r) or abs(outcome.r[i, j] - r) < 1e-6, (i, j)
