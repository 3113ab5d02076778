"""Libraries that somebody changed: refused by name, whatever stands in them."""

from __future__ import annotations

import hashlib
import json
import os

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc
from niicorr.hashes import record_hash
from niicorr.library.checksums import ARRAYS, CHECKSUMS, checksums


@pytest.fixture
def library(tmp_path):
    rng = np.random.default_rng(0)
    for k in range(3):
        nib.save(nib.Nifti1Image(rng.standard_normal((9, 9, 9)).astype("f4"), np.diag([4.0, 4, 4, 1])),
                 tmp_path / f"m{k}.nii")
    nc.index([str(tmp_path / f"m{k}.nii") for k in range(3)], str(tmp_path / "library"), mask="none", warn=False)
    return tmp_path / "library"


def changed(path, change):
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


@pytest.mark.parametrize(("change", "words"), [
    (lambda f: f["options"].update(background=None), "options.background"),
    (lambda f: f["options"].update(background=[]), "options.background"),
    (lambda f: f["options"].update(background="x"), "options.background"),
    (lambda f: f["options"].update(zeros=None), "options.zeros"),
    (lambda f: f["grid"].update(affine=[[1.0]] * 4), "4 × 4"),
    (lambda f: f["grid"].update(shape=[2147483647] * 3), "grid.shape"),
])
def test_a_record_of_other_kinds_is_refused(library, change, words):
    changed(library / "library.json", change)
    changed(library / "library.json", lambda f: f.update(digest=record_hash(f, "digest")))
    with pytest.raises(nc.InputError, match=f"library.json.*{words}"):
        nc.open_library(str(library))


def test_a_decision_may_say_more(library):
    changed(library / "library.json", lambda f: f["decisions"][0].update(more="x"))
    changed(library / "library.json", lambda f: f.update(digest=record_hash(f, "digest")))
    assert nc.open_library(str(library)).decisions


@pytest.mark.parametrize("change", [
    lambda f: f["options"].update(zeros="missing"), lambda f: f["options"].update(interpolation="nearest"),
    lambda f: f["options"].update(background=1.5), lambda f: f["grid"].update(mni=not f["grid"]["mni"]),
    lambda f: f.update(warnings=["all is well"]), lambda f: f.update(version="0"), lambda f: f.update(more=1),
    lambda f: f.update(digest="0" * 32), lambda f: f.pop("digest"),
])
def test_another_answer_to_how_maps_are_read_is_refused(library, change):
    changed(library / "library.json", change)
    with pytest.raises(nc.InputError, match=r"library\.json is damaged: it does not say what niicorr wrote"):
        nc.open_library(str(library))


def test_a_library_from_before_its_record_had_a_hash_is_read(library):
    changed(library / "library.json", lambda f: (f.pop("digest"), f.update(schema=1)))
    assert len(nc.open_library(str(library))) == 3


@pytest.mark.parametrize("name", ["library.json", "indices.npy", "shard-000001/shard.json"])
def test_a_pipe_is_not_waited_for(library, name):
    os.remove(library / name)
    os.mkfifo(library / name)
    with pytest.raises(nc.InputError, match=r"no ordinary file|is no library"):
        nc.open_library(str(library))


def test_a_header_that_python_cannot_read_is_damage(library):
    header = b"\x93NUMPY\x01\x00" + (5000).to_bytes(2, "little") + b"(" * 5000
    (library / "indices.npy").write_bytes(header)
    with pytest.raises(nc.InputError, match=r"indices\.npy is damaged"):
        nc.open_library(str(library))


def test_files_without_a_hash_do_not_pass_for_verified(library, capsys):
    from niicorr.cli.main import main

    changed(library / "shard-000001" / "shard.json", lambda f: f.update(digests={}))
    assert main(["search", str(library.parent / "m0.nii"), "--in", str(library), "--verify", "-q"]) == 3
    assert "it has no hash of" in " ".join(capsys.readouterr().err.split())


def changed_array(library, name, change):
    """Change an array, and write down the checksums and hashes that it has then."""
    shard, stem = library / "shard-000001", os.path.basename(name).removesuffix(".npy")
    array = np.load(shard / name)
    change(array)
    np.save(shard / name, array)
    if stem in ARRAYS:
        found, column = np.load(shard / CHECKSUMS), ARRAYS.index(stem)
        found[:, column] = checksums(nc.open_library(str(library)).records, {stem: array})[:, column]
        np.save(shard / CHECKSUMS, found)
    for each in (name, CHECKSUMS):
        digest = hashlib.blake2b((shard / each).read_bytes(), digest_size=16).hexdigest()
        changed(shard / "shard.json", lambda f, each=each, digest=digest: f["digests"].update({each: digest}))


def to_nan(array):
    array[1, 2] = np.nan


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("name", "change"), [
    ("maps/rows.npy", to_nan), ("directions.npy", to_nan), ("windows.npy", to_nan), ("squares.npy", to_nan),
])
def test_numbers_that_no_map_has_are_refused(library, name, change, jobs):
    changed_array(library, name, change)
    with pytest.raises(nc.InputError, match=r"shard-000001 is damaged: it holds numbers that no map has\. Remove this"):
        nc.search(str(library.parent / "m0.nii"), str(library), jobs=jobs)


@pytest.mark.parametrize("change", [
    lambda a: np.multiply(a, 1e200, out=a), lambda a: np.multiply(a, 1.01, out=a), lambda a: a.fill(0),
    lambda a: a[0].put(np.abs(a[0]).argmax(), 9),
])
def test_hits_whose_rows_are_no_scores_are_refused(library, change):
    changed_array(library, "maps/rows.npy", change)
    with pytest.raises(nc.InputError, match=r"the values of m\d are no standard scores\. Remove this shard.s folder"):
        nc.search(str(library.parent / "m0.nii"), str(library))


@pytest.mark.parametrize(("name", "change", "said"), [
    ("own.npy", lambda a: a[0].put(5, np.nan), r"own\.npy is damaged: it holds numbers that no map has"),
    ("own_of.npy", lambda a: a.fill(3), r"own_of\.npy is damaged: it names no map"),
    ("own_of.npy", lambda a: a.fill(-1), r"own_of\.npy is damaged: it names no map"),
])
def test_values_kept_beside_rows_that_are_no_maps_are_refused(tmp_path, name, change, said):
    values = np.random.default_rng(1).standard_normal((9, 9, 9))
    new = values.copy()
    values[0, 0, 0], new[0, 0, 0] = 1e20, np.nan
    for stem, array in (("m0", values), ("new", new)):
        nib.save(nib.Nifti1Image(array, np.diag([4.0, 4, 4, 1])), tmp_path / f"{stem}.nii")
    nc.index(tmp_path / "m0.nii", tmp_path / "library", mask="none", warn=False)
    assert nc.search(tmp_path / "new.nii", tmp_path / "library").hits[0][0].r == pytest.approx(1)
    changed_array(tmp_path / "library", name, change)
    with pytest.raises(nc.InputError, match=said + r".*\. Remove this shard's folder"):
        nc.search(tmp_path / "new.nii", tmp_path / "library")


@pytest.mark.parametrize("name", ["class_sums", "coefficients", "lengths", "ranges", "deviation", "pairs"])
def test_features_that_are_no_numbers_are_refused(library, name):
    changed_array(library, f"{name}.npy", lambda array: array.reshape(-1)[:1].fill(np.inf))
    said = rf"{name}\.npy is damaged: it holds numbers that no map has\. Remove this shard's folder"
    with pytest.raises(nc.InputError, match=said):
        nc.search(str(library.parent / "m0.nii"), str(library))
