"""Rows of the matrix: what each map holds inside the mask, wherever its voxels have waited."""

from __future__ import annotations

from math import gcd

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from niicorr import matrix
from niicorr.images import extract as module
from niicorr.images.extract import extract, naive_step
from niicorr.images.mapset import read_maps
from niicorr.images.sampling import choose_sampling
from niicorr.images.shelf import Shelf
from niicorr.images.survey import survey
from strategies import MODEST

SHAPE = (11, 9, 10)
AFFINE = np.diag([8.0, 8, 8, 1])


def ball(size=0.9):
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    return (at**2).sum(axis=0) <= size


def volume(seed, background=0.0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(SHAPE) + 5
    values[rng.random(SHAPE) < 0.05] = np.nan
    values[~ball()] = background
    return values


STACK = np.stack([volume(k, background) for k, background in enumerate((0.0, -1.0, np.nan))], axis=-1)
ZEROS = np.where(ball(0.2), 0.0, volume(7, -1.0))
MAPS = [*np.moveaxis(STACK, -1, 0), volume(3), ZEROS]
VALID = [np.isfinite(m) & (m != 0) & (m != -1) for m in MAPS]


@pytest.fixture
def files(tmp_path):
    for name, data in (("a", STACK), ("b", MAPS[3]), ("c", MAPS[4])):
        nib.save(nib.Nifti1Image(data, AFFINE), tmp_path / f"{name}.nii.gz")
    return [str(tmp_path / f"{name}.nii.gz") for name in "abc"]


@pytest.fixture
def maps(files):
    return read_maps(files)


def expected(sampling):
    """Raw values inside the mask, shape (maps, voxels), NaN where missing."""
    return np.array([np.where(valid, data, np.nan).ravel(order="F")[sampling.indices]
                     for data, valid in zip(MAPS, VALID, strict=True)])


def test_rows_hold_the_values_of_the_mask(maps):
    read = survey(maps)
    sampling = choose_sampling(read)
    made = extract(read, sampling)
    np.testing.assert_allclose(made.values, expected(sampling), rtol=1e-12)
    np.testing.assert_array_equal(np.isnan(made.values), np.isnan(expected(sampling)))
    assert made.labels == ("a[0]", "a[1]", "a[2]", "b", "c")
    for record, row in zip(made.records, expected(sampling), strict=True):
        assert record.n_voxels == np.isfinite(row).sum()
        assert record.coverage == pytest.approx(np.isfinite(row).mean())


@pytest.mark.parametrize("keep", [0, 6000, float("inf")], ids=["no room", "room for some", "room for all"])
@pytest.mark.parametrize("jobs", [1, 3])
def test_what_found_no_room_is_read_again_and_is_the_same(maps, keep, jobs):
    whole = extract(survey(maps))
    read = survey(maps, keep=keep, jobs=jobs)
    held = sum(read.shelf.take(i) is not None for i in range(5))
    assert held in {0: [0], 6000: [1, 2, 3, 4], float("inf"): [5]}[keep]
    again = extract(survey(maps, keep=keep, jobs=jobs), jobs=jobs)
    for name in ("rows", "center", "scale", "supports", "support_of"):
        assert getattr(again, name).tobytes() == getattr(whole, name).tobytes(), name
    assert repr(again.records) == repr(whole.records)  # a background of NaN equals nothing, not even itself


def test_the_shelf_counts_bytes_and_forgets_what_it_hands_over(maps):
    read = survey(maps)
    first, second = read.shelf.take(0), read.shelf.take(1)
    assert read.shelf.take(0) is None
    shelf = Shelf(first.nbytes + second.nbytes - 1)
    shelf.put(0, first)
    shelf.put(1, second)
    assert shelf.take(1) is None
    np.testing.assert_array_equal(shelf.take(0).values, first.values)
    shelf.put(1, second)
    np.testing.assert_array_equal(shelf.take(1).values, second.values)


@pytest.mark.parametrize("background", [0.0, -1.0])
def test_maps_of_one_outline_hold_it_once(background):
    some = [np.where(np.isfinite(volume(k)), volume(k), 0.5) for k in range(3)]
    images = [(np.where(ball(), data, background), AFFINE) for data in some]
    images.append((np.where(ball(0.5), some[0], background), AFFINE))
    read = survey(read_maps(images))
    inside = [reading.inside_bits for reading in read.readings]
    kept = [read.shelf.take(k).bits for k in range(4)]
    for bits in (inside, kept):
        assert bits[0] is bits[1] is bits[2]
        assert bits[3] is not bits[0]
    for k, flags in enumerate(3 * [ball()] + [ball(0.5)]):
        np.testing.assert_array_equal(np.unpackbits(kept[k], axis=2)[..., : SHAPE[0]].T, flags)


@pytest.mark.parametrize("jobs", [1, 2])
def test_progress_counts_every_map_once(maps, jobs):
    done = []
    read = survey(maps, jobs=jobs, progress=done.append)
    assert sum(done) == 5
    done.clear()
    extract(read, progress=done.append, jobs=jobs)
    assert sorted(done) == [1, 1, 3]


def test_exact_gives_the_values_in_float64_in_any_order(monkeypatch, maps):
    monkeypatch.setattr(matrix, "SMALL", 0)
    sampling = choose_sampling(survey(maps))
    made = extract(survey(maps), sampling)
    assert made.rows.dtype == np.float32
    for index in (4, 0, 2, 2, 1, 3):
        row = made.exact(index)
        assert row.dtype == np.float64
        np.testing.assert_array_equal(row, np.nan_to_num(expected(sampling)[index], nan=0.0))


def test_precision_follows_from_the_number_of_all_maps(monkeypatch, maps):
    n = choose_sampling(survey(maps)).indices.size
    monkeypatch.setattr(matrix, "SMALL", 5 * n * 8)
    assert extract(survey(maps)).rows.dtype == np.float64
    assert extract(survey(maps), n_maps=6).rows.dtype == np.float32


def test_zeros_read_by_rule_are_remembered_where_they_lie(maps):
    read = survey(maps)
    sampling = choose_sampling(read)
    made = extract(read, sampling)
    assert list(made.zeros) == [4]
    reading, bits = made.zeros[4]
    assert reading == "missing"
    at = np.unpackbits(bits, count=made.features.n).astype(bool)
    np.testing.assert_array_equal(at, (ZEROS == 0).ravel(order="F")[sampling.indices])
    assert extract(survey(maps, zeros="missing"), sampling).zeros == {}


@pytest.mark.parametrize("zeros", ["data", "missing"])
def test_zeros_as_asked_for(maps, zeros):
    read = survey(maps, zeros=zeros)
    sampling = choose_sampling(read, mask=(np.ones(SHAPE), AFFINE))
    values = extract(read, sampling).values
    flat = ZEROS.ravel(order="F")[sampling.indices]
    np.testing.assert_array_equal(np.isfinite(values[4][flat == 0]), zeros == "data")
    if zeros == "data":
        np.testing.assert_allclose(values[4][flat == 0], 0, atol=1e-12)


@pytest.mark.parametrize("step", [1, 7])
def test_naive_rows_take_everything_as_data(maps, step):
    made = extract(survey(maps), naive_step=step)
    for row, data in zip(made.naive, MAPS, strict=True):
        flat = np.nan_to_num(data).ravel(order="F")[::step]
        if not np.isnan(data).any():
            np.testing.assert_allclose(row, (flat - flat.mean()) / flat.std(), atol=1e-5)
    assert extract(survey(maps)).naive is None


def test_a_map_on_another_grid_has_no_naive_row_and_is_brought_over(tmp_path, files):
    moved = AFFINE.copy()
    moved[0, 3] = 2.0
    nib.save(nib.Nifti1Image(volume(8), moved), tmp_path / "d.nii.gz")
    shifted = AFFINE.copy()
    shifted[0, 3] = 8.0
    nib.save(nib.Nifti1Image(volume(3), shifted), tmp_path / "e.nii.gz")
    read = survey(read_maps([*files, str(tmp_path / "d.nii.gz"), str(tmp_path / "e.nii.gz")]))
    sampling = choose_sampling(read, mask=(np.ones(SHAPE), AFFINE))
    made = extract(read, sampling, naive_step=1)
    assert np.isnan(made.naive[5]).all()
    assert np.isfinite(made.naive[6]).all()
    b, e = (row.reshape(SHAPE, order="F") for row in made.values[[3, 6]])
    np.testing.assert_allclose(e[1:], b[:-1], rtol=1e-12)
    assert np.isnan(e[0]).all()


def test_a_map_that_cannot_be_used_has_an_empty_row_and_its_reason(maps, files):
    made = extract(survey(read_maps([*files, "gone.nii"], on_error="skip")), naive_step=1)
    assert made.records[5].error.startswith("no such file")
    assert (made.n_valid[5], made.scale[5], made.records[5].coverage) == (0, 0, 0)
    assert not made.rows[5].any()
    np.testing.assert_array_equal(made.rows[:5], extract(survey(maps)).rows)


def test_rows_of_arrays_in_memory_are_those_of_files(maps):
    images = [(STACK, AFFINE), (MAPS[3], AFFINE), nib.Nifti1Image(MAPS[4], AFFINE)]
    np.testing.assert_array_equal(extract(read_maps(images)).rows, extract(maps).rows)


@MODEST
@given(st.integers(1, 10**7), st.integers(1, 5000))
def test_the_naive_lattice_is_small_and_shares_no_factor_with_the_grid(n_voxels, n_maps):
    step = naive_step(n_voxels, n_maps)
    assert step >= 1
    assert step == 1 or gcd(step, n_voxels) == 1
    assert step == 1 or n_voxels // step <= module.NAIVE_VALUES
    if step == 1:
        assert n_voxels * n_maps * 4 <= max(module.NAIVE_BYTES, 4 * n_maps)


@pytest.mark.parametrize("step", [1, 7])
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2)])
def test_a_map_stored_the_other_way_round_keeps_its_zeros_and_its_naive_row(tmp_path, files, axes, step):
    """Only its order of voxels differs: nothing is interpolated."""
    flip = np.diag([-8.0, 8, 8, 1])
    flip[0, 3] = 8.0 * (SHAPE[0] - 1)
    flip[:3, :3] = flip[:3, :3][:, axes]
    nib.save(nib.Nifti1Image(ZEROS[::-1].transpose(axes), flip), tmp_path / "f.nii.gz")
    read = survey(read_maps([*files, str(tmp_path / "f.nii.gz")]))
    made = extract(read, choose_sampling(read), naive_step=step)
    assert sorted(made.zeros) == [4, 5]
    assert made.zeros[4][0] == made.zeros[5][0]
    np.testing.assert_array_equal(made.zeros[4][1], made.zeros[5][1])
    assert np.isfinite(made.naive[4]).all()
    np.testing.assert_array_equal(made.naive[4], made.naive[5])
    np.testing.assert_array_equal(made.rows[4], made.rows[5])
