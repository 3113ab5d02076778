"""``check`` on files that are unusual, and on files that are no maps: one true verdict each."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.realdata

REFUSED = {
    "nibabel/row_major.dconn.nii": "CIFTI-2",
    "nibabel/scaled+tlrc.BRIK": "AFNI",
}

ACCEPTED = {
    "neurosynth/medial_motor.nii.gz": (1, "float32", "LAS", "two values"),
    "neurosynth/vmPFC.nii.gz": (1, "float32", "LAS", "two values"),
    "neurovault/DorsalFrontal_thr25_1mm.nii.gz": (10, "float32", "LAS", "zeros are"),
    "neurovault/TTatlas.nii.gz": (2, "uint8", "LPS", "zeros are"),
    "neurovault/WA3.nii.gz": (1, "uint8", "LAS", "two values"),
    "neurovault/saccade.I_C.MNI.nii.gz": (2, "float32", "RAS", "zeros are data: values taper off"),
    "nibabel/anatomical.nii": (1, "int16", "LAS", "none found"),
    "nibabel/example4d.nii.gz": (2, "int16", "LAS", "zeros are data: values taper off"),
    "nibabel/example_nifti2.nii.gz": (2, "int16", "LAS", "none found"),
    "nibabel/functional.nii": (20, "int16", "LAS", "none found"),
    "nibabel/reoriented_anat_moved.nii": (1, "float32", "RAS", "zeros are missing: values end abruptly"),
    "nibabel/resampled_anat_moved.nii": (1, "float32", "LAS", "153 voxels are NaN"),
    "nibabel/test.mgz": (2, "float32", "SAR", "none found"),
    "nipy/some_blobs.nii": (1, "float32", "LAS", "zeros are missing: values end abruptly"),
    "oro_nifti/avg152T1.hdr.gz": (1, "uint8", "???", "left and right cannot be told"),
    "oro_nifti/mniLR.nii.gz": (1, "uint8", "LAS", "60 zeros are data"),
    "oro_nifti/mniRL.nii.gz": (1, "uint8", "RAS", "60 zeros are data"),
}


def verdicts(niicorr, folder):
    code, out, err = niicorr("check", "-x", folder, "--json")
    assert "Traceback" not in err
    report = json.loads(out)
    found = {}
    for entry in report["maps"]:
        found.setdefault(str(entry["path"]).removeprefix(f"{folder}/"), []).append(entry)
    return code, found, report, err


def test_every_odd_file_has_its_verdict(data, niicorr):
    code, found, report, err = verdicts(niicorr, data / "odd")
    assert code == 3
    assert report["refusal"]
    assert set(found) == set(REFUSED) | set(ACCEPTED)
    for path, word in REFUSED.items():
        (entry,) = found[path]
        assert word in entry["error"], entry
    for path, (volumes, dtype, orientation, word) in ACCEPTED.items():
        entries = found[path]
        assert len(entries) == volumes, path
        for entry in entries:
            assert entry["error"] is None, entry
            assert (entry["dtype"], entry["orientation"]) == (dtype, orientation), path
            assert word in "; ".join(d["text"] for d in entry["decisions"]), entry
    # Piped, each map has one line, and each refused one its reason.
    lines = [line for line in err.splitlines() if line.startswith("x ")]
    assert len(lines) == sum(len(entries) for entries in found.values())
    assert sum("refused:" in line for line in lines) == len(REFUSED)


def test_run_refuses_what_check_refuses_and_writes_nothing(data, niicorr, tmp_path):
    code, _, err = niicorr("run", "-x", data / "odd" / "nibabel", "-o", "out", "--no-figures")
    assert code == 3
    for path, word in REFUSED.items():
        assert path in err
        assert word in err
    assert list(tmp_path.iterdir()) == []


def test_surface_files_are_refused_as_surface_data(data, niicorr):
    folder = data / "surface"
    code, found, _, _ = verdicts(niicorr, folder)
    assert code == 3
    assert len(found) == sum(path.is_file() for path in folder.rglob("*"))
    for path, (entry,) in found.items():
        kind = "CIFTI-2" if path.endswith(".nii") else "vector" if path.endswith(".mgh") else "GIFTI"
        assert "surface data" in entry["error"], entry
        assert kind in entry["error"], entry


def test_runs_of_a_scanner_are_refused_with_the_way_out(data, niicorr):
    code, found, _, _ = verdicts(niicorr, data / "bold")
    assert code == 3
    errors = {path: entries[0]["error"] or "" for path, entries in found.items()}
    runs = {path: error for path, error in errors.items() if "time series" in error}
    assert set(runs) == {
        "rapidtide/sub-RAPIDTIDETEST_90vol.nii.gz", "nitime/fmri1.nii.gz", "nitime/fmri2.nii.gz",
        *(f"pymvpa_haxby/run00{k}_bold_25mm.nii.gz" for k in (1, 2, 3)),
    }  # fmt: skip
    for error in runs.values():
        assert "niicorr rois" in error
        assert "--volumes" in error
    assert "90 volumes" in runs["rapidtide/sub-RAPIDTIDETEST_90vol.nii.gz"]


def test_volumes_take_a_run_as_maps(data, niicorr):
    run = data / "bold" / "rapidtide" / "sub-RAPIDTIDETEST_90vol.nii.gz"
    code, out, err = niicorr("check", "-x", run, "--volumes", "0:3", "--json")
    assert code == 0, err
    labels = [entry["label"] for entry in json.loads(out)["maps"]]
    assert labels == [f"sub-RAPIDTIDETEST_90vol[{k}]" for k in range(3)]
