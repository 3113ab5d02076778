"""Rule 6: missing is per pair; each cell has its own n, or no number and a note that says why."""

import numpy as np
import pytest
from promised_files import SHAPE, noise, related
from promised_numbers import only, pearson, table

RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]
A = noise(121)
B = related(122, A)


def holes(seed, share):
    return np.random.default_rng(seed).random(SHAPE) < share


def test_nan_patterns_of_two_maps(study):
    a, b = only(A, ~holes(1, 0.3)), only(B, ~holes(2, 0.4))
    study.x("a.nii", a)
    study.y("b.nii", b)
    study.run(*RAW).must_be([a], [b])


def test_infinities_are_missing(study):
    a = A.copy()
    a[holes(3, 0.2)] = np.inf
    a[holes(4, 0.2)] = -np.inf
    a[holes(5, 0.1)] = np.nan
    study.x("a.nii", a)
    study.y("b.nii", B)
    study.run(*RAW).must_be([a], [B])


@pytest.mark.parametrize("offset", [0, 1e5])
def test_every_cell_of_a_matrix_has_its_own_n(study, offset):
    """Masks from a tenth to all of the volume, shared and not; one map whole."""
    x = [only(related(130 + i, A, 0.4) + offset, ~holes(10 + i % 3, 0.25 * (i % 4))) for i in range(6)]
    y = [only(related(140 + i, A, 0.4) * 1e-3, ~holes(20 + i, 0.9 / (i + 1))) for i in range(4)]
    for i, data in enumerate(x):
        study.x(f"x{i}.nii", data)
    for i, data in enumerate(y):
        study.y(f"y{i}.nii", data)
    outcome = study.run(*RAW).must_be(x, y)
    assert len(np.unique(outcome.n)) > 12


def test_disjoint_maps_have_no_number_and_say_why(study):
    left, right = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    left[:8], right[8:] = True, True
    x = [only(A, left), A]
    y = [only(B, right), B]
    for i in range(2):
        study.x(f"x{i}.nii", x[i])
        study.y(f"y{i}.nii", y[i])
    outcome = study.run(*RAW).must_be(x, y)
    assert outcome.matrix[1][1] == ""
    assert outcome.note("x0", "y0")
    assert not outcome.note("x1", "y1")


@pytest.mark.parametrize("common", [0, 1, 2, 3, 4])
def test_fewer_than_three_common_voxels_are_no_number(study, common):
    a, b = np.full(SHAPE, np.nan), np.full(SHAPE, np.nan)
    a.flat[:1000], b.flat[1000 - common : 2000] = A.flat[:1000], B.flat[1000 - common : 2000]
    study.x("a.nii", a)
    study.x("whole.nii", A)
    study.y("b.nii", b)
    outcome = study.run(*RAW).must_be([a, A], [b])
    assert outcome.note("a", "b") or common > 2


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3.3e5, 1e300, 1e-300])
def test_a_constant_map_has_no_number(study, value):
    study.x("constant.nii", np.full(SHAPE, value))
    study.x("a.nii", A)
    study.y("b.nii", B)
    outcome = study.run(*RAW).must_be([np.full(SHAPE, value), A], [B])
    assert "constant" in outcome.note("constant", "b").lower()


@pytest.mark.parametrize("value", [0.1, -3.3, 1e6 + 0.1, 0.0, 1e-8])
def test_a_map_that_is_constant_in_the_common_voxels_has_no_number(study, value):
    """It varies elsewhere: sums over the overlap leave rounding errors that look like a correlation."""
    overlap = holes(31, 0.3)
    a = np.where(overlap, value, A)
    b = only(B, overlap)
    study.x("a.nii", a)
    study.x("other.nii", A)
    study.y("b.nii", b)
    outcome = study.run(*RAW).must_be([a, A], [b])
    assert "constant" in outcome.note("a", "b").lower()


@pytest.mark.parametrize(("level", "spread"), [(100, 1e-2), (1e4, 1e-2), (1e5, 1e-3)])
def test_little_variance_in_the_overlap_keeps_its_digits(study, level, spread):
    """Products over the overlap cancel almost wholly; the number must still be the definition's."""
    overlap = holes(32, 0.4)
    a = np.where(overlap, level + spread * A, noise(150))
    b = only(B, overlap)
    study.x("a.nii", a)
    study.x("plain.nii", A)
    study.y("b.nii", b)
    study.run(*RAW).must_be([a, A], [b])


def test_a_spike_outside_the_overlap_costs_no_digits(study):
    overlap = holes(33, 0.5)
    a = A.copy()
    a[~overlap] = 1e7 * noise(151)[~overlap]
    b = only(B, overlap)
    study.x("a.nii", a)
    study.y("b.nii", b)
    study.run(*RAW).must_be([a], [b])


def test_an_all_missing_map_leaves_the_others_alone(study):
    empty = np.full(SHAPE, np.nan)
    study.x("empty.nii", empty)
    study.x("a.nii", A)
    study.y("b.nii", B)
    outcome = study.run(*RAW)
    outcome.must_be([empty, A], [B])
    assert outcome.note("empty", "b")


def test_little_overlap_is_a_warning(study):
    a = only(A, ~holes(34, 0.8))
    study.x("a.nii", a)
    study.y("b.nii", B)
    outcome = study.run(*RAW).must_be([a], [B])
    assert outcome.json["warnings"] or outcome.says("warning"), outcome


def test_pairs_and_matrix_say_the_same(study):
    x = [only(A, ~holes(40 + i, 0.3)) for i in range(3)]
    y = [only(B, ~holes(50 + i, 0.3)) for i in range(2)]
    for i, data in enumerate(x):
        study.x(f"x{i}.nii", data)
    for i, data in enumerate(y):
        study.y(f"y{i}.nii", data)
    outcome = study.run(*RAW)
    r, n = table(x, y)
    cells = {(p["x"], p["y"]): (float(p["r"]), int(p["n"])) for p in outcome.pairs}
    for i in range(2):
        for j in range(3):
            assert cells[f"x{j}", f"y{i}"] == (outcome.r[i, j], n[i, j])
            assert cells[f"x{j}", f"y{i}"][0] == pytest.approx(r[i, j], abs=1e-6)
            assert pearson(x[j], y[i])[1] == n[i, j]
