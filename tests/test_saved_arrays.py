"""``report_data.npz``: nothing is read that the record does not tell of, and nothing is believed that cannot be."""

from __future__ import annotations

import json
import shutil
import struct
import tracemalloc
import zipfile
from io import BytesIO

import numpy as np
import pytest

import niicorr as nc
from fuzz.sealing import seal_result
from niicorr.cli.main import main
from niicorr.records import MapRecord, Provenance
from niicorr.result import CorrelationResult, Sensitivity
from niicorr.result.picturing import with_pictures
from niicorr.result.saved import ROOM, loaded
from niicorr.result.saved_arrays import ARRAYS, read_arrays, shape_told
from niicorr.tables import INFERRED_COLUMNS


def maps(*labels):
    return tuple(MapRecord(label, f"{label}.nii", (4, 4, 4), (2.0, 2.0, 2.0)) for label in labels)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    rng = np.random.default_rng(0)
    r = rng.uniform(-0.9, 0.9, (2, 3))
    p = rng.uniform(size=(2, 3))
    result = CorrelationResult(
        r, np.full(r.shape, 40), maps("a", "b", "c"), maps("d", "e"), null="effective",
        inferred=dict(zip(INFERRED_COLUMNS, (np.full(r.shape, 20.0), r - 0.05, r + 0.05, p, p, p), strict=True)),
        sensitivity=Sensitivity(r / 2, 1, np.full(r.shape, np.nan)),
        provenance=Provenance({"method": "pearson", "null": "effective", "seed": 0, "alternative": "two-sided"}))
    folder = tmp_path_factory.mktemp("saved") / "out"
    result.save(folder)
    return folder


@pytest.fixture
def out(tmp_path, saved):
    return shutil.copytree(saved, tmp_path / "out")


def arrays(folder):
    with np.load(folder / ARRAYS, allow_pickle=False) as found:
        return dict(found)


def with_arrays(folder, **changed):
    known = arrays(folder) | changed
    np.savez(folder / ARRAYS, **{name: array for name, array in known.items() if array is not None})
    seal_result(folder)


def with_record(folder, **changed):
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(record | changed), encoding="utf-8")
    seal_result(folder)


def refusal(folder):
    with pytest.raises(nc.InputError) as refused:
        nc.load(folder)
    said = str(refused.value)
    assert str(folder) in said
    assert "run it again" in said
    assert "object" not in said
    return said


def test_what_was_saved_is_read(saved):
    record = json.loads((saved / "run.json").read_text(encoding="utf-8"))
    found = read_arrays(str(saved), record)
    assert found.keys() == arrays(saved).keys()
    for name, array in arrays(saved).items():
        np.testing.assert_array_equal(found[name], array)
    assert shape_told(str(saved)) == (2, 3)
    result, told = loaded(saved)
    assert told == record
    np.testing.assert_array_equal(result.estimate, found["estimate"])


def member(folder, name, data, kind=zipfile.ZIP_STORED):
    with zipfile.ZipFile(folder / ARRAYS, "a", kind) as archive:
        archive.writestr(name, data)


def plain(array):
    file = BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("name", ["zzz.npy", "../../evil.npy", "series_0.npy", "region_values.npy", "note.npy",
                                  "picture_zzz.npy", "readme.txt", "estimate"])
def test_a_foreign_member_is_refused_by_name(out, name):
    member(out, name, plain(np.zeros(3)))
    said = refusal(out)
    assert ARRAYS in said
    assert f"{name.removesuffix('.npy')!r} is no part of " in said


def test_a_member_that_stands_there_twice(out):
    with pytest.warns(UserWarning, match="Duplicate"):
        member(out, "estimate.npy", plain(np.zeros((2, 3))))
    assert "'estimate' stands there twice" in refusal(out)


def test_nothing_is_unpacked_that_is_larger_than_the_file(out):
    """As a zip bomb would be: 1 GiB of zeros in 1 MB."""
    found = arrays(out)
    head = BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (2**27,)})
    with zipfile.ZipFile(out / ARRAYS, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, array in found.items():
            archive.writestr(f"{name}.npy", plain(array), zipfile.ZIP_STORED)
        with archive.open("zzz.npy", "w") as file:
            file.write(head.getvalue())
            for _ in range(64):
                file.write(bytes(2**24))
    tracemalloc.start()
    try:
        assert "'zzz' is compressed or locked" in refusal(out)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", ["(2, 10000000000000)", "(3, 3)", "(2, 3, 1)", "()", "(6,)"])
def test_the_shape_is_looked_at_before_the_numbers(out, shape):
    found = arrays(out)
    head = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    head = head.ljust(117) + "\n"
    whole = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + found["naive"].tobytes()
    with zipfile.ZipFile(out / ARRAYS, "w") as archive:
        for name, array in found.items():
            archive.writestr(f"{name}.npy", whole if name == "naive" else plain(array))
    assert "naive has the shape (" in refusal(out)


def test_an_array_that_is_shorter_than_its_shape(out):
    found = arrays(out)
    with zipfile.ZipFile(out / ARRAYS, "w") as archive:
        for name, array in found.items():
            archive.writestr(f"{name}.npy", plain(array)[:-8] if name == "p" else plain(array))
    assert "p of shape (2, 3) holds 40 bytes" in refusal(out)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i8", "<c16", "U8"])
def test_numbers_of_another_type(out, dtype):
    with_arrays(out, estimate=np.zeros((2, 3)).astype(dtype))
    assert f"estimate is {np.dtype(dtype)}" in refusal(out)


def test_what_the_record_lacks_is_foreign(out):
    with_record(out, sensitivity=None)
    assert "'naive' is no part of this result" in refusal(out)


def changed(name, value, at=(1, 2)):
    def change(folder):
        array = arrays(folder)[name]
        array[at] = value
        with_arrays(folder, **{name: array})

    return change


@pytest.mark.parametrize(("change", "told"), [
    (changed("counts", 0), "row 1, column 2: counts is 0 where estimate is "),
    (changed("counts", 2), "row 1, column 2: counts is 2 where estimate is "),
    (changed("ci_low", 0.99), "row 1, column 2: the interval goes from 0.99 (ci_low) to "),
    (changed("ci_high", np.nan), "the interval goes from "),
    (changed("estimate", 0.9), "row 1, column 2: estimate is 0.9, outside of its interval from "),
    (changed("n_effective", 0), "row 1, column 2: n_effective is 0 where p is "),
    (changed("n_effective", np.nan), "row 1, column 2: n_effective is nan where p is "),
    (changed("estimate", np.nan), "holds 20 where estimate has no number"),
    (lambda folder: with_arrays(folder, p=None), "p is not there, and the null model is effective"),
    (lambda folder: with_arrays(folder, ci_low=None), "ci_low is not there, and the null model is effective"),
    (lambda folder: with_arrays(folder, p_x_random=np.zeros((2, 3))), "p_x_random is there, and the null model is "),
    (lambda folder: with_arrays(folder, counts=None), "counts is missing"),
    (lambda folder: with_record(folder, null={"model": "none"}), "n_effective is there, and the null model is none"),
])  # fmt: skip
def test_numbers_that_do_not_go_together(out, change, told):
    change(out)
    assert told in refusal(out)


def test_three_common_values_are_enough(out):
    changed("counts", 3)(out)
    assert nc.load(out).counts[1, 2] == 3


def test_a_record_is_no_larger_than_that_of_so_many_maps(out, capsys):
    with open(out / "run.json", "ab") as file:
        file.write(b" " * (ROOM + 6 * 2**16))
    assert "run.json is damaged (it is larger than 32 MiB)" in refusal(out)
    assert main(["report", str(out), "-q"]) == 3
    assert "larger than 32 MiB" in capsys.readouterr().err


def test_a_record_of_many_maps_may_be_larger(tmp_path):
    n = 40
    rng = np.random.default_rng(0)
    labels = [f"m{k}" for k in range(n)]
    CorrelationResult(rng.uniform(-1, 1, (n, n)), np.full((n, n), 9), maps(*labels), maps(*labels)).save(tmp_path / "o")
    with open(tmp_path / "o" / "run.json", "ab") as file:
        file.write(b" " * ROOM)
    assert nc.load(tmp_path / "o").x_labels == tuple(labels)


def test_brackets_are_not_parsed(out):
    text = (out / "run.json").read_text(encoding="utf-8").rstrip()[:-1]
    (out / "run.json").write_text(f'{text}, "z": [{"[]," * 300_000}[]]}}', encoding="utf-8")
    assert "values in" in refusal(out)


def test_pictures_of_a_newer_niicorr_are_passed_over(tmp_path):
    rng = np.random.default_rng(1)
    result = with_pictures(nc.correlate(rng.normal(size=(3, 40)), rng.normal(size=(2, 40)), null="none"))
    result.save(tmp_path / "out")
    assert nc.load(tmp_path / "out").pictures is not None
    with_arrays(tmp_path / "out", picture_schema=np.int64(99), picture_of_tomorrow=np.array(["x"]))
    assert nc.load(tmp_path / "out").pictures is None


def test_pictures_are_no_larger_than_the_maps(tmp_path):
    rng = np.random.default_rng(1)
    result = with_pictures(nc.correlate(rng.normal(size=(3, 40)), rng.normal(size=(2, 40)), null="none"))
    result.save(tmp_path / "out")
    with_arrays(tmp_path / "out", picture_lags_mm=np.zeros(10_001))
    assert "picture_lags_mm has the shape (10001,), and 10" in refusal(tmp_path / "out")


def test_runs_have_their_series(tmp_path):
    rng = np.random.default_rng(2)
    np.savetxt(tmp_path / "run.csv", rng.normal(size=(30, 3)), delimiter=",", header="a,b,c", comments="")
    nc.correlate_rois(tmp_path / "run.csv", null="none").save(tmp_path / "out")
    assert len(nc.load(tmp_path / "out").series) == 1
    with_arrays(tmp_path / "out", series_1=np.zeros((30, 3)))
    assert "'series_1' is no part of this result" in refusal(tmp_path / "out")
    with_arrays(tmp_path / "out", series_1=None, series_0=np.zeros((31, 3)))
    assert "series_0 has the shape (31, 3), not 30 × 3" in refusal(tmp_path / "out")


def test_a_large_record_beside_arrays_that_are_gone(out):
    (out / ARRAYS).unlink()
    with open(out / "run.json", "ab") as file:
        file.write(b" " * (ROOM + 1))
    assert "run.json is damaged (it is larger than 32 MiB)" in refusal(out)


def test_a_known_array_is_not_unpacked_either(out):
    np.savez_compressed(out / ARRAYS, **arrays(out))
    assert "'estimate' is compressed or locked" in refusal(out)


def test_a_mask_that_is_missing_is_damage(out):
    with_record(out, mask={"n_voxels": 3, "file": "mask.nii.gz"})
    assert refusal(out).endswith("the saved result is damaged (mask.nii.gz is missing); run it again")
