"""Libraries that somebody changed: refused by name, whatever stands in them."""

from __future__ import annotations

import json
import os

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc


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
    with pytest.raises(nc.InputError, match=f"library.json.*{words}"):
        nc.open_library(str(library))


def test_a_decision_may_say_more(library):
    changed(library / "library.json", lambda f: f["decisions"][0].update(more="x"))
    assert nc.open_library(str(library)).decisions


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
