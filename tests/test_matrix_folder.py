"""A matrix as a folder: what is written comes back to the last bit, and what is damaged is refused by name."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest

from niicorr import matrix_folder
from niicorr.errors import InputError, ResourceError, UsageError
from niicorr.matrix import Features, MapMatrix
from niicorr.matrix_folder import grid_fault, open_matrix, write_matrix
from niicorr.records import Decision, MapRecord
from niicorr.space import Grid

GRID = Grid((4, 5, 6), np.diag([3.0, 3, 3, 1]), mni=True)


def of_voxels(dtype=np.float64) -> MapMatrix:
    rng = np.random.default_rng(0)
    indices = np.sort(rng.choice(GRID.size, 61, replace=False))
    values = rng.normal(size=(5, 61))
    values[1, 7:20] = np.nan
    values[3, 7:20] = np.nan
    values[4] = 3.0
    matrix = MapMatrix.from_array(values, ("a", "ä b", "=1", "d", "e"), Features(61, GRID, indices))
    records = tuple(MapRecord(label, f"maps/{label}.nii", (4, 5, 6), (3.0, 3.0, 3.0), "RAS", "int16", None, background,
                              0.25, 61, 1.0, (Decision("zeros", "zeros are data"),), None, 2**40, "0" * 32,
                              {"doi": "10/x", "n": "20"})
                    for label, background in zip(matrix.labels, (None, np.nan, -1.0, np.inf, 0.0), strict=True))
    return MapMatrix(matrix.rows.astype(dtype), matrix.center, matrix.scale, matrix.supports, matrix.support_of,
                     matrix.labels, matrix.features, records)


def of_regions() -> MapMatrix:
    rng = np.random.default_rng(1)
    features = Features(7, None, None, None, rng.normal(size=(7, 3)) * 30, rng.uniform(100, 900, 7))
    return MapMatrix.from_array(rng.normal(size=(3, 7)), ("a", "b", "c"), features)


def of_bare_features() -> MapMatrix:
    return MapMatrix.from_array(np.arange(12.0).reshape(2, 6) ** 2).within(np.array([1, 1, 0, 1, 1, 1], bool))


@pytest.mark.parametrize("make", [of_voxels, lambda: of_voxels(np.float32), of_regions, of_bare_features,
                                  lambda: of_voxels().part(slice(0, 0))])
def test_comes_back_to_the_last_bit(make, tmp_path):
    matrix, folder = make(), str(tmp_path / "m")
    write_matrix(folder, matrix)
    back = open_matrix(folder)
    for name in ("rows", "center", "scale", "supports", "support_of"):
        there, here = getattr(back, name), getattr(matrix, name)
        assert there.dtype == here.dtype
        np.testing.assert_array_equal(there, here)
    assert back.labels == matrix.labels
    assert repr(back.records) == repr(matrix.records)  # NaN equals itself here
    assert (back.features.n, back.features.given) == (matrix.features.n, matrix.features.given)
    for name in ("indices", "centroids", "volumes"):
        there, here = getattr(back.features, name), getattr(matrix.features, name)
        assert (there is None) == (here is None)
        if here is not None:
            np.testing.assert_array_equal(there, here)
    if matrix.features.grid is not None:
        assert (back.features.grid.shape, back.features.grid.mni) == (GRID.shape, True)
        np.testing.assert_array_equal(back.features.grid.affine, GRID.affine)
    assert os.listdir(tmp_path) == ["m"]


def test_rows_stay_on_disk_and_cannot_be_written(tmp_path):
    write_matrix(str(tmp_path / "m"), of_voxels())
    rows = open_matrix(str(tmp_path / "m")).rows
    assert isinstance(rows, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        rows[0, 0] = 1


def test_no_folder_is_written_over(tmp_path):
    (tmp_path / "m").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        write_matrix(str(tmp_path / "m"), of_voxels())
    assert os.listdir(tmp_path / "m") == []


def test_what_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(matrix_folder, "write_json", full)
    with pytest.raises(ResourceError, match="no room left"):
        write_matrix(str(tmp_path / "m"), of_voxels())
    assert os.listdir(tmp_path) == []


def cut(path):
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - 3)



ARRAYS = ("rows.npy", "moments.npy", "supports.npy", "support_of.npy", "indices.npy")


@pytest.mark.parametrize("name", [*ARRAYS, "maps.json"])
@pytest.mark.parametrize("damage", [os.remove, cut, lambda path: open(path, "wb").close()],
                         ids=["gone", "cut", "empty"])
def test_damage_is_named(name, damage, tmp_path):
    write_matrix(str(tmp_path / "m"), of_voxels())
    damage(tmp_path / "m" / name)
    with pytest.raises(InputError, match=f"m/{name} is damaged"):
        open_matrix(str(tmp_path / "m"))


@pytest.mark.parametrize(("name", "array"), [
    ("rows.npy", np.zeros((4, 61))), ("rows.npy", np.zeros((5, 61), np.float16)), ("rows.npy", np.zeros(305)),
    ("rows.npy", np.asfortranarray(np.zeros((5, 61)))), ("rows.npy", np.full((5, 61), print)),
    ("support_of.npy", np.full(5, 9)), ("support_of.npy", np.full(5, -1)), ("moments.npy", -np.ones((2, 5))),
    ("moments.npy", np.full((2, 5), np.nan)), ("supports.npy", np.zeros((2, 61), np.uint8)),
    ("indices.npy", np.zeros(61, np.int64)), ("indices.npy", np.arange(60, 121)),
])
def test_arrays_that_are_no_matrix_are_named(name, array, tmp_path):
    write_matrix(str(tmp_path / "m"), of_voxels())
    np.save(tmp_path / "m" / name, array, allow_pickle=True)
    with pytest.raises(InputError, match=f"m/{name} is damaged"):
        open_matrix(str(tmp_path / "m"))


def change(*where, to):
    def made(record):
        at = record
        for key in where[:-1]:
            at = at[key]
        at[where[-1]] = to
        return record

    return made


@pytest.mark.parametrize("edit", [
    lambda record: [], change("labels", 0, to="d"), change("labels", to=["a"]), change("labels", 1, to=3),
    change("features", "n", to=-1), change("features", "n", to="61"), change("features", "n", to=2**62),
    change("grid", "shape", to=[0, 5, 6]), change("grid", "shape", to=[4, 5]), change("grid", "affine", to=[[1]]),
    change("grid", "affine", to=np.zeros((4, 4)).tolist()), change("records", 0, "size", to="big"),
    change("records", 0, "background", to="much"), change("records", 0, "more", to=1),
    change("records", 0, to={"label": "a"}), change("program", to="other"), change("kind", to="library"),
    change("schema", to="1"), lambda record: {k: v for k, v in record.items() if k != "features"},
])
def test_an_edited_record_is_named(edit, tmp_path):
    write_matrix(str(tmp_path / "m"), of_voxels())
    place = tmp_path / "m" / "maps.json"
    place.write_text(json.dumps(edit(json.loads(place.read_text()))))
    with pytest.raises(InputError, match=r"m/maps\.json is damaged"):
        open_matrix(str(tmp_path / "m"))


def test_a_newer_one_is_told_from_damage(tmp_path):
    write_matrix(str(tmp_path / "m"), of_voxels())
    place = tmp_path / "m" / "maps.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "schema": 2, "version": "9.1"}))
    with pytest.raises(InputError, match=r"written by niicorr 9\.1, newer than this .*update niicorr"):
        open_matrix(str(tmp_path / "m"))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none/maps\.json is damaged: it is missing"):
        open_matrix(str(tmp_path / "none"))


def test_moved_folders_still_open(tmp_path):
    write_matrix(str(tmp_path / "m"), of_voxels())
    shutil.move(tmp_path / "m", tmp_path / "other")
    assert open_matrix(str(tmp_path / "other")).labels == of_voxels().labels


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, ""),
        ({"shape": [4, 5]}, "grid.shape is [4, 5]"),
        ({"shape": [4, 0, 6]}, "grid.shape is [4, 0, 6]"),
        ({"shape": [2**31 - 1] * 3}, f"grid.shape is {[2**31 - 1] * 3}"),
        ({"affine": [[1, 0, 0, 0]] * 3}, "grid.affine holds no 4 × 4 numbers"),
        ({"affine": [[1, 0, 0]] * 4}, "grid.affine holds no 4 × 4 numbers"),
        ({"affine": [[1e999, 0, 0, 0], *np.eye(4)[1:].tolist()]}, "grid.affine: the affine holds NaN or infinity"),
        ({"affine": np.zeros((4, 4)).tolist()}, "grid.affine: the affine is singular (its axes do not span space)"),
    ],
)
def test_what_is_absurd_about_a_grid(change, fault):
    fields = {"shape": [4, 5, 6], "affine": np.eye(4).tolist(), "known": True, "mni": False, **change}
    assert grid_fault(fields) == fault
