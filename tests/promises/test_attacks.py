"""Hostile use: odd files, folders, streams and arguments give a right number or a clear refusal, nothing else."""

import bz2
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from promised_files import AFFINE, BRAIN, brain, centred, nifti_header, noise, related, write_nifti

import niicorr as nc
from niicorr.errors import InputError, NiicorrError

A = noise(301)
B = related(302, A)
C = related(303, A)
RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]


@pytest.fixture
def pair(study):
    study.x("a.nii", np.where(BRAIN, A, -1))
    study.y("b.nii", np.where(BRAIN, B, -1))
    return study


def program(*argv, **kwargs):
    """The command as a process of its own, with the streams that ``kwargs`` say."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kwargs}
    argv = [sys.executable, "-m", "niicorr", *map(os.fsencode, argv)]
    return subprocess.run(argv, timeout=60, check=False, **streams)


# Numbers that would be wrong without a word


@pytest.mark.parametrize("option", ["--mask", "--grid"])
@pytest.mark.parametrize("form", ["folder", "pattern"])
def test_several_masks_or_grids_are_refused_not_the_first_taken(pair, option, form):
    left, right = BRAIN.copy(), BRAIN.copy()
    left[8:], right[:8] = False, False
    for name, mask in (("m1.nii", left), ("m2.nii", right)):
        write_nifti(pair.tmp / "masks" / name, mask.astype("u1"))
    named = pair.tmp / "masks" if form == "folder" else f"{pair.tmp}/masks/*.nii"
    outcome = pair.run(option, named)
    outcome.must_refuse("masks", code=2 if outcome.code == 2 else 3)


def test_several_masks_in_python_are_refused():
    masks = [(BRAIN.astype("u1"), AFFINE), ((~BRAIN).astype("u1"), AFFINE)]
    with pytest.raises(NiicorrError):
        nc.correlate([(A, AFFINE)], [(B, AFFINE)], mask=masks)


def test_masked_values_of_an_array_are_missing():
    values = np.random.default_rng(0).standard_normal((2, 60))
    masked = np.ma.array(values.copy(), mask=False)
    masked[0, :30] = 1000.0
    masked[0, :30] = np.ma.masked
    found = nc.correlate(masked, values)
    assert found.n.to_numpy()[:, 0].tolist() == [30, 30]
    assert abs(found.r.to_numpy()[1, 0] - np.corrcoef(values[:, 30:])[0, 1]) < 1e-12


def test_masked_voxels_of_an_image_array_are_missing():
    masked = np.ma.array(np.where(BRAIN, A, 500.0), mask=~BRAIN)
    with pytest.warns(nc.DomainWarning, match="less than half"):
        found = nc.correlate([(masked, AFFINE)], [(B, AFFINE)], mask="none", background="none", zeros="data")
    assert found.n.to_numpy().item() == BRAIN.sum()
    assert abs(found.r.to_numpy().item() - np.corrcoef(A[BRAIN], B[BRAIN])[0, 1]) < 1e-6


@pytest.mark.parametrize("where", ["another mask", "another grid"])
def test_matrices_of_different_places_are_not_correlated(where):
    """Equal numbers of voxels prove nothing, as equal shapes do not."""
    shifted = np.roll(BRAIN, 1, axis=0)
    x = nc.extract(nc.read_maps([(np.where(BRAIN, A, -1), AFFINE)]))
    if where == "another mask":
        y = nc.extract(nc.read_maps([(np.where(shifted, B, -1), AFFINE)]))
    else:
        y = nc.extract(nc.read_maps([(np.where(BRAIN, B, -1), centred(shift=(2, 3, 1)))]))
    assert x.features.n == y.features.n
    with pytest.raises(InputError):
        nc.correlate(x, y)


def test_an_unbalanced_quote_swallows_no_lines_of_a_manifest(pair):
    write_nifti(pair.tmp / "x" / "c.nii", np.where(BRAIN, C, -1))
    manifest = pair.tmp / "maps.tsv"
    manifest.write_text('path\tnote\nx/a.nii\t"5 inch\nx/c.nii\tplain\n')
    pair.x_paths = [str(manifest)]
    outcome = pair.run()
    if outcome.code == 0:
        assert outcome.x_labels == ["a", "c"]
    else:
        outcome.must_refuse("maps.tsv")


def test_two_columns_path_of_a_manifest_are_refused(pair):
    manifest = pair.tmp / "maps.tsv"
    manifest.write_text("path\tpath\nx/a.nii\ty/b.nii\n")
    pair.x_paths = [str(manifest)]
    pair.run().must_refuse("maps.tsv", "path")


def test_an_older_result_below_a_folder_of_maps_is_no_map(study):
    study.x("a.nii", np.where(BRAIN, A, -1))
    study.x("b.nii", np.where(BRAIN, B, -1))
    study.x_paths = [str(study.tmp / "x")]
    assert study.run(out=study.tmp / "x" / "first").code == 0
    again = study.run()
    assert again.code == 0, again
    assert again.x_labels == ["a", "b"]
    assert study.run(out=study.tmp / "x" / "first").code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_subfolder_that_cannot_be_read_is_named(pair):
    hidden = pair.tmp / "x" / "locked"
    hidden.mkdir()
    shutil.copy(pair.tmp / "x" / "a.nii", hidden / "c.nii")
    hidden.chmod(0)
    pair.x_paths = [str(pair.tmp / "x")]
    try:
        pair.run().must_refuse("locked")
    finally:
        hidden.chmod(0o755)


def test_one_data_file_under_two_headers_is_not_the_same_file(study):
    data = np.rint(A * 100).astype("i2")
    study.x("p.hdr", data, fields={"scl_slope": 1})
    study.y("q.hdr", data, fields={"scl_slope": -1})
    outcome = study.run(*RAW).must_be([data], [-data.astype("f8")])
    assert outcome.note("p", "q") == ""


def test_a_loaded_time_series_is_refused_as_its_file_is(tmp_path):
    path = write_nifti(tmp_path / "bold.nii", np.stack([A] * 25, axis=-1), time="sec", tr=2.0)
    with pytest.raises(NiicorrError, match="time series"):
        nc.read_maps(nib.load(path))


# The output folder


@pytest.mark.parametrize("name", ["heatmap.png", "heatmap.svg"])
def test_a_file_of_others_under_a_name_of_ours_is_never_overwritten(pair, name):
    assert pair.run().code == 0
    (pair.out / name).write_text("mine")
    outcome = pair.call("run", *pair.sets(), "-o", pair.out)
    assert "Traceback" not in outcome.err
    assert (pair.out / name).read_text() == "mine"


def test_a_folder_in_the_place_of_a_table_leaves_the_older_result_whole(pair):
    assert pair.run().code == 0
    (pair.out / "pairs.tsv").unlink()
    (pair.out / "pairs.tsv").mkdir()
    (pair.out / "pairs.tsv" / "mine").write_text("mine")
    before = {p.name: p.read_bytes() for p in pair.out.iterdir() if p.is_file()}
    pair.y("c.nii", np.where(BRAIN, C, -1))
    outcome = pair.run()
    assert outcome.code in (2, 4), outcome
    assert outcome.says("pairs.tsv")
    assert {p.name: p.read_bytes() for p in pair.out.iterdir() if p.is_file()} == before


def test_a_pipe_in_the_place_of_the_record_is_not_waited_for(pair, process):
    pair.out.mkdir()
    os.mkfifo(pair.out / "run.json")
    outcome = process("run", *pair.sets(), "-o", pair.out, "--no-figures", timeout=15)
    assert outcome.code == 2, outcome


@pytest.mark.parametrize("text", ["[" * 200_000, '{"program": "niicorr", "files": 3}'], ids=["deep", "files"])
def test_a_hostile_record_gives_no_traceback(pair, text):
    pair.out.mkdir()
    (pair.out / "run.json").write_text(text)
    outcome = pair.run()
    assert outcome.code in (0, 2), outcome
    assert "Traceback" not in outcome.err


def test_an_empty_name_of_the_folder_is_wrong_usage(pair):
    outcome = pair.call("run", *pair.sets(), "-o", "", "--no-figures")
    assert outcome.code == 2, outcome
    assert outcome.says("-o")


def test_a_name_that_is_too_long_leaves_no_folders_above_it(pair):
    outcome = pair.call("run", *pair.sets(), "-o", f"new/{'a' * 300}/out", "--no-figures")
    assert outcome.code in (2, 4), outcome
    assert not Path("new").exists()


def test_a_file_among_the_folders_above_is_said(pair):
    Path("taken").write_text("mine")
    outcome = pair.call("run", *pair.sets(), "-o", "taken/out", "--no-figures")
    assert outcome.code in (2, 4), outcome
    assert outcome.says("taken", "is a file")


def test_the_demo_overwrites_no_data_of_others(study):
    mine = study.out / "data" / "activity" / "gaba_A.nii.gz"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    outcome = study.call("demo", "-o", study.out, "--no-figures")
    assert outcome.code in (0, 2), outcome
    assert mine.read_text() == "mine"


def test_a_working_folder_that_is_gone(pair, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    shell = f'cd "{gone}" && rmdir "{gone}" && exec "$@"'
    argv = [sys.executable, "-m", "niicorr", "run", *pair.sets(), "--no-figures"]
    done = subprocess.run(["sh", "-c", shell, "sh", *argv], capture_output=True, timeout=60, check=False)
    assert done.returncode in (2, 4), done
    assert b"Traceback" not in done.stderr


# Streams and signals


def test_json_for_a_closed_standard_output(pair):
    argv = [sys.executable, "-m", "niicorr", "run", *pair.sets(), "-o", str(pair.out), "--no-figures", "--json"]
    done = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *argv], capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 4), done
    assert b"Traceback" not in done.stderr
    assert (pair.out / "run.json").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_without_room_costs_no_result(pair, stream):
    with open("/dev/full", "wb") as full:
        done = program("run", *pair.sets(), "-o", pair.out, "--no-figures", "--json", **{stream: full})
    assert done.returncode in (0, 4), done
    assert b"Traceback" not in (done.stderr or b"") + (done.stdout or b"")
    assert (pair.out / "run.json").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["run", "--help"], ["run", "--help-all"],
                                  ["cache", "info", "--help"], ["completion", "bash"]], ids=" ".join)
def test_what_is_only_said_ends_well_where_it_was_said(argv):
    with open("/dev/full", "wb") as full:
        done = program(*argv, stdout=full)
    assert done.returncode == 4
    assert b"standard output takes no more of what" in done.stderr
    assert b"write it to another place" in done.stderr
    assert b"Traceback" not in done.stderr
    # Whoever stops reading has what they wanted.
    end, other = os.pipe()
    os.close(end)
    with open(other, "wb") as closed:
        done = program(*argv, stdout=closed)
    assert (done.returncode, done.stderr) == (0, b"")


def test_terminated_while_starting():
    """The signal comes during the first imports."""
    start = (
        "import os, signal, sys\n"
        "class Hook:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'niicorr.cli.parser':\n"
        "            os.kill(os.getpid(), signal.SIGTERM)\n"
        "sys.meta_path.insert(0, Hook())\n"
        "sys.argv = ['niicorr', 'run', '-x', 'a.nii']\n"
        "from niicorr.cli.main import entry\n"
        "entry()\n"
    )
    done = subprocess.run([sys.executable, "-c", start], capture_output=True, timeout=60, check=False)
    assert done.returncode in (143, -15), done
    assert b"Traceback" not in done.stderr


# Names and tables


@pytest.mark.parametrize("content", [b"path\tno\xe9te\nx/a.nii\tb\n", b"path\tnote\nx/a.nii\tcaf\xe9\n"],
                         ids=["column", "cell"])  # fmt: skip
def test_a_manifest_that_is_no_utf_8_still_gives_a_result(pair, content):
    manifest = pair.tmp / "maps.tsv"
    manifest.write_bytes(content)
    pair.x_paths = [str(manifest)]
    outcome = pair.run()
    assert outcome.code == 0, outcome
    assert outcome.json["program"] == "niicorr"


def test_a_manifest_with_a_nul_in_a_path_is_refused(pair):
    manifest = pair.tmp / "maps.tsv"
    manifest.write_bytes(b"path\nx/a\0.nii\n")
    pair.x_paths = [str(manifest)]
    pair.run().must_refuse()


def test_a_skipped_pair_whose_name_is_no_text(pair, process):
    half = os.fsencode(pair.tmp / "x") + b"/p\xe9.hdr"
    with open(half, "wb") as file:
        file.write(bytes(348))
    argv = ["run", "-x", pair.x_paths[0], half, "-y", *pair.y_paths, "-o", pair.out, "--no-figures"]
    outcome = process(*argv, "--on-error", "skip")
    assert outcome.code == 0, outcome
    assert "other half" in json.dumps(outcome.json)
    assert len(outcome.maps) == 3


@pytest.mark.parametrize("option", ["-x", "--mask"])
def test_an_empty_name_is_not_called_an_image(pair, option):
    outcome = pair.run(option, "")
    assert outcome.code in (2, 3), outcome
    assert not outcome.says_any("image 0", "image 1")


# Time and memory


def test_a_much_finer_map_is_averaged_in_bounded_time(study, process):
    """0.1 mm within 8 mm: 512 000 pieces of a voxel are no way to take its mean."""
    shape = (40, 40, 40)
    study.x("fine.nii", np.where(brain(shape), noise(5, shape), 0), centred(shape, 0.1), dtype="f4")
    study.y("coarse.nii", np.where(BRAIN, B, -1))
    outcome = process("run", *study.sets(), "-o", study.out, "--no-figures", timeout=30)
    assert outcome.code in (0, 3), outcome


def test_a_header_that_claims_billions_of_volumes(study):
    head = nifti_header((4, 4, 4), dtype="u1", fields={"dim": (7, 4, 4, 4, 32767, 32767, 32767, 1)})
    path = study.tmp / "liar.nii.bz2"
    path.write_bytes(bz2.compress(head.binaryblock + bytes(1000)))
    good = study.y("good.nii", B)

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))

    done = program("run", "-x", path, "-y", good, "-o", study.out, "--no-figures", preexec_fn=limit)
    assert done.returncode == 3, done
    assert b"liar.nii.bz2" in done.stderr


# Wrong calls in Python


@pytest.mark.parametrize(
    "call",
    [
        lambda: nc.correlate(None),
        lambda: nc.correlate(np.zeros((0, 5))),
        lambda: nc.correlate(["a\0b.nii"]),
        lambda: nc.correlate([(A, "affine")]),
        lambda: nc.correlate([(A, AFFINE + np.eye(4)[[3, 3, 3, 0]] * [[0], [0], [0], [1]])]),
        lambda: nc.correlate([(A, AFFINE)], jobs="2"),
        lambda: nc.correlate([(A, AFFINE)], memory="1G"),
        lambda: nc.correlate([(A, AFFINE)], volumes=3),
        lambda: nc.correlate([(A, AFFINE)], background=np.array([1, 2])),
        lambda: nc.correlate([(A, AFFINE)], zeros=np.array(["data", "missing"])),
        lambda: nc.load(None),
        lambda: nc.extract(["a.nii"]),
        lambda: nc.survey("a.nii"),
    ],
    ids=["nothing", "no maps", "nul", "affine text", "affine row", "jobs", "memory", "volumes", "background",
         "zeros", "load", "extract", "survey"],
)  # fmt: skip
def test_a_call_that_makes_no_sense_raises_one_of_our_errors(call):
    with pytest.raises((NiicorrError, TypeError)) as caught:
        call()
    # Python's own complaint from deep inside names none of the caller's arguments.
    assert isinstance(caught.value, NiicorrError), repr(caught.value)


def test_a_table_with_a_missing_path_raises_one_of_our_errors():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(NiicorrError):
        nc.correlate(pandas.DataFrame({"path": [float("nan")]}))


@pytest.mark.parametrize("value", [np.float32(-1), np.int64(-1)], ids=["float32", "int64"])
def test_a_background_of_any_number_type(value):
    maps = [(np.where(BRAIN, data, -1), AFFINE) for data in (A, B)]
    found = nc.correlate(maps, background=value)
    assert abs(found.r.iloc[1, 0] - np.corrcoef(A[BRAIN], B[BRAIN])[0, 1]) < 1e-6


def test_a_path_object_names_a_result(tmp_path):
    result = nc.correlate(np.random.default_rng(0).standard_normal((2, 30)))
    result.save(tmp_path / "out")
    assert nc.load(tmp_path / "out").r.equals(result.r)


def test_a_pattern_of_paths_may_be_a_series_or_an_array(tmp_path):
    pandas = pytest.importorskip("pandas")
    paths = [str(write_nifti(tmp_path / f"{name}.nii", data)) for name, data in (("a", A), ("b", B))]
    assert nc.read_maps(pandas.Series(paths)).labels == ("a", "b")
