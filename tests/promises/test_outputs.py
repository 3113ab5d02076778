"""Part 2: what lies in the folder, when it may be written, and how a run ends."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from hashlib import blake2b

import nibabel as nib
import numpy as np
import pytest
from promised_files import BRAIN, SHAPE, cut, noise, related, write_nifti
from promised_numbers import only, table

NUMBERS_ONLY = ["--null", "none", "--no-figures", "--no-report"]
PAIR_COLUMNS = ["x", "y", "r", "n", "n_effective", "ci_low", "ci_high", "p", "p_fdr", "p_fwe", "note"]
MAP_COLUMNS = ["set", "label", "path", "shape", "voxel_mm", "orientation", "dtype", "background", "n_voxels"]
MAP_COLUMNS += ["coverage", "decisions"]

A = noise(601)
B = related(602, A)
X = [related(610 + i, A, 0.4) for i in range(3)]
Y = [related(620 + i, A, 0.4) for i in range(2)]


@pytest.fixture
def pair(study):
    """Three x maps with −1 outside, two y maps with 0 outside."""
    for i, data in enumerate(X):
        study.x(f"x{i}.nii.gz", np.where(BRAIN, data, -1))
    for i, data in enumerate(Y):
        study.y(f"y{i}.nii.gz", np.where(BRAIN, data, 0))
    return study


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# Formats


def test_the_matrix_file(pair):
    outcome = pair.run().must_be([only(m, BRAIN) for m in X], [only(m, BRAIN) for m in Y])
    text = (pair.out / "correlations.csv").read_bytes()
    assert text.startswith(b'"",x0,x1,x2\ny0,')
    assert text.endswith(b"\n")
    assert b"\r" not in text
    for line in text.decode().splitlines()[1:]:
        for cell in line.split(",")[1:]:
            assert format(float(cell), ".17g") == cell
    assert outcome.y_labels == ["y0", "y1"]


def test_the_pairs_file(pair):
    outcome = pair.run()
    assert list(outcome.pairs[0])[:11] == PAIR_COLUMNS
    cells = [(f"y{i}", f"x{j}") for i in range(2) for j in range(3)]
    assert [(p["y"], p["x"]) for p in outcome.pairs] == cells
    for p in outcome.pairs:
        assert [p[c] for c in ("n_effective", "ci_low", "ci_high", "p", "p_fdr", "p_fwe")] == [""] * 6
    assert [float(p["r"]) for p in outcome.pairs] == list(outcome.r.ravel())


def test_the_maps_file(pair):
    outcome = pair.run()
    assert list(outcome.maps[0]) == MAP_COLUMNS
    assert [row["set"] for row in outcome.maps] == ["x"] * 3 + ["y"] * 2
    assert [row["label"] for row in outcome.maps] == ["x0", "x1", "x2", "y0", "y1"]
    assert [row["path"] for row in outcome.maps] == pair.x_paths + pair.y_paths
    for row in outcome.maps:
        assert [int(v) for v in row["shape"].replace("×", "x").replace(",", "x").split("x")] == list(SHAPE)
        assert row["orientation"] == "RAS"
        assert float(row["coverage"]) == 1
        assert row["decisions"]


def test_the_mask_file(pair):
    mask = pair.run().mask
    assert nib.load(pair.out / "mask.nii.gz").shape == SHAPE
    np.testing.assert_array_equal(np.asanyarray(mask.dataobj), BRAIN)


def test_the_record_of_the_run(pair):
    outcome = pair.run("--zeros", "auto")
    text = json.dumps(outcome.json)
    for path in pair.x_paths + pair.y_paths:
        assert os.path.basename(path) in text
    for word in ("blake2b", "versions", "options", "warnings", "timings", "numpy", "nibabel"):
        assert word in text, word
    options = outcome.json["options"]
    assert options["mask"] == "auto"
    assert options["zeros"] == "auto"
    assert options["null"] == "none"
    with open(pair.x_paths[0], "rb") as file:
        content = file.read()
    assert any(blake2b(content, digest_size=size).hexdigest() in text for size in (16, 20, 32, 64))


def test_figures_by_default(pair):
    outcome = pair.call("run", *pair.sets(), "-o", pair.out, "--null", "none")
    assert outcome.code == 0, outcome
    assert (pair.out / "heatmap.png").read_bytes().startswith(b"\x89PNG")
    assert ET.parse(pair.out / "heatmap.svg").getroot().tag.endswith("svg")
    assert not (pair.out / "heatmap.pdf").exists()


def test_the_figure_formats_can_be_chosen(pair):
    outcome = pair.call("run", *pair.sets(), "-o", pair.out, "--null", "none", "--format", "pdf,svg")
    assert outcome.code == 0, outcome
    assert (pair.out / "heatmap.pdf").read_bytes().startswith(b"%PDF")
    assert (pair.out / "heatmap.svg").exists()
    assert not (pair.out / "heatmap.png").exists()


def test_no_figures_on_request(pair):
    pair.run()
    names = {p.name for p in pair.out.iterdir()}
    assert {"correlations.csv", "pairs.tsv", "maps.tsv", "mask.nii.gz", "run.json"} <= names
    assert not any(name.startswith("heatmap") for name in names)
    assert not any(name.startswith(".") for name in names)


def test_figures_survive_empty_cells_and_clustering(pair):
    pair.x("constant.nii", np.where(BRAIN, 2.5, -1))
    far = np.full(SHAPE, np.nan)
    far[:2] = A[:2]
    pair.y("far.nii", far)
    argv = ["-o", pair.out, "--null", "none", "--order", "cluster"]
    outcome = pair.call("run", *pair.sets(), *argv)
    assert outcome.code == 0, outcome
    assert outcome.x_labels == ["x0", "x1", "x2", "constant"]
    assert outcome.y_labels == ["y0", "y1", "far"]
    assert (pair.out / "heatmap.png").stat().st_size > 1000


# The folder


def test_an_empty_folder_is_filled(pair):
    pair.out.mkdir()
    assert pair.run().code == 0


def test_folders_above_are_made_or_refused(pair):
    out = pair.work / "deep" / "er"
    outcome = pair.run(out=out)
    assert outcome.code in (0, 2, 4), outcome
    assert (out / "run.json").exists() == (outcome.code == 0)


def test_an_older_result_is_replaced_whole(pair):
    outcome = pair.call("run", *pair.sets(), "-o", pair.out, "--null", "none")
    assert outcome.code == 0, outcome
    assert (pair.out / "heatmap.png").exists()
    second = pair.run("--mask", "none", "--background", "none", "--zeros", "data")
    assert second.code == 0, second
    assert not (pair.out / "heatmap.png").exists()
    second.must_be([np.where(BRAIN, m, -1) for m in X], [np.where(BRAIN, m, 0) for m in Y])


def test_files_of_others_in_an_older_result_are_never_touched(pair):
    pair.run()
    (pair.out / "notes.txt").write_text("mine")
    (pair.out / "sub").mkdir()
    (pair.out / "sub" / "heatmap.png").write_text("mine too")
    assert pair.run().code == 0
    assert (pair.out / "notes.txt").read_text() == "mine"
    assert (pair.out / "sub" / "heatmap.png").read_text() == "mine too"


@pytest.mark.parametrize("name", ["thesis.docx", "correlations.csv", ".hidden"])
def test_a_folder_of_something_else_is_wrong_usage(pair, name):
    pair.out.mkdir()
    (pair.out / name).write_text("mine")
    outcome = pair.run()
    assert outcome.code == 2, outcome
    assert outcome.says("out")
    assert contents(pair.out) == {(pair.out / name).relative_to(pair.out): b"mine"}


def test_a_folder_of_another_programs_run_json(pair):
    pair.out.mkdir()
    (pair.out / "run.json").write_text('{"program": "other"}')
    (pair.out / "maps.tsv").write_text("mine")
    outcome = pair.run()
    assert outcome.code == 2, outcome
    assert (pair.out / "maps.tsv").read_text() == "mine"


@pytest.mark.parametrize("side", ["x", "y"])
def test_a_folder_that_holds_inputs_is_wrong_usage(pair, side):
    before = contents(pair.tmp / side)
    outcome = pair.run(out=pair.tmp / side)
    assert outcome.code == 2, outcome
    assert contents(pair.tmp / side) == before


def test_an_older_result_that_holds_an_input_is_not_replaced(pair):
    pair.run()
    inside = write_nifti(pair.out / "extra.nii", A)
    pair.x_paths.append(str(inside))
    before = contents(pair.out)
    outcome = pair.run()
    assert outcome.code == 2, outcome
    assert contents(pair.out) == before


def test_its_own_mask_as_an_input_is_not_overwritten(pair):
    """out/mask.nii.gz of the last run given as --mask of the next: an input inside DIR."""
    pair.run()
    before = contents(pair.out)
    outcome = pair.run("--mask", pair.out / "mask.nii.gz")
    assert outcome.code == 2, outcome
    assert contents(pair.out) == before


def test_the_folder_is_judged_before_anything_is_read(pair):
    pair.out.mkdir()
    (pair.out / "mine.txt").write_text("mine")
    cut(pair.x_paths[0], 0.5)
    assert pair.run().code == 2


def test_a_file_in_the_place_of_the_folder(pair):
    pair.out.write_text("mine")
    outcome = pair.run()
    assert outcome.code in (2, 4), outcome
    assert pair.out.read_text() == "mine"
    assert "Traceback" not in outcome.err


def test_where_nothing_can_be_written(pair):
    outcome = pair.run(out="/proc/niicorr/out")
    assert outcome.code == 4, outcome
    assert "Traceback" not in outcome.err
    assert outcome.says("/proc/niicorr")


def test_a_failed_run_leaves_the_older_result_whole(pair):
    pair.run()
    before = contents(pair.work)
    cut(pair.x_paths[1], 0.5)
    outcome = pair.run()
    assert outcome.code == 3, outcome
    assert contents(pair.work) == before


def test_a_failed_run_leaves_nothing(pair):
    cut(pair.x_paths[1], 0.5)
    pair.run().must_refuse("x1.nii.gz")
    assert os.listdir(pair.work) == []


@pytest.mark.parametrize("limit", [0, 300, 3000])
def test_a_run_that_breaks_while_writing_leaves_the_older_result_whole(pair, process, limit):
    """Files may not grow beyond a few bytes: exit 4, the older result as it was, nothing left over."""
    pair.run()
    before = contents(pair.work)

    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    outcome = process("run", *pair.sets(), "-o", pair.out, "--null", "none", preexec_fn=no_room)
    assert outcome.code == 4, outcome
    assert "Traceback" not in outcome.err
    assert contents(pair.work) == before


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_the_older_result_whole(pair, sent, code):
    """The signal comes while maps are being read."""
    pair.run()
    before = contents(pair.work)
    affine = np.diag([4.0, 4, 4, 1])
    paths = [str(write_nifti(pair.tmp / "large" / "m.nii.gz", noise(630, (64, 64, 48)), affine))]
    for i in range(60):
        link = pair.tmp / "large" / f"copy{i}.nii.gz"
        link.hardlink_to(paths[0])
        paths.append(str(link))
    argv = [sys.executable, "-m", "niicorr", "run", "-x", *paths, "-o", str(pair.out), *NUMBERS_ONLY]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        files = f"/proc/{child.pid}/fd"
        while child.poll() is None and not any(".nii" in name for name in open_files(files)):
            time.sleep(0.002)
        child.send_signal(sent)
        _, err = child.communicate(timeout=30)
    assert child.returncode == code, err
    assert b"Traceback" not in err
    assert contents(pair.work) == before


def open_files(folder):
    for name in os.listdir(folder):
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue


def test_nothing_is_written_beside_the_inputs(pair):
    before = contents(pair.tmp / "x"), contents(pair.tmp / "y")
    pair.run()
    assert (contents(pair.tmp / "x"), contents(pair.tmp / "y")) == before


# The same again


@pytest.mark.parametrize("options", ["--jobs 1", "--jobs 2", "--n-jobs 3", "--memory 64M"])
def test_the_same_bytes_whatever_the_machine_options(pair, options):
    pair.x("holes.nii", np.where(BRAIN & (A > -1), X[0], np.nan))
    first = pair.run(out=pair.work / "first")
    second = pair.run(*options.split(), out=pair.work / "second")
    assert first.code == second.code == 0, second
    names = ["correlations.csv", "pairs.tsv", "mask.nii.gz"]
    assert [(pair.work / "first" / n).read_bytes() for n in names] == [
        (pair.work / "second" / n).read_bytes() for n in names
    ]


def test_the_order_of_figures_leaves_the_tables(pair):
    plain = pair.run(out=pair.work / "plain")
    named = pair.run("--order", "name", out=pair.work / "named")
    assert plain.matrix == named.matrix


# Streams


def test_people_read_standard_error_and_programs_standard_output(pair):
    outcome = pair.run()
    assert outcome.code == 0
    assert outcome.out == ""
    assert outcome.says("out")
    assert "\x1b" not in outcome.err
    best = max(outcome.pairs, key=lambda p: abs(float(p["r"])))
    assert outcome.says(best["x"], best["y"], f"{abs(float(best['r'])):.2f}".lstrip("0"))


def test_json_goes_to_standard_output(pair):
    outcome = pair.run("--json")
    summary = json.loads(outcome.out)
    assert isinstance(summary, dict)
    assert outcome.err
    assert outcome.code == 0


def test_json_of_a_refusal_names_the_files(pair):
    cut(pair.x_paths[1], 0.5)
    outcome = pair.run("--json")
    outcome.must_refuse("x1.nii.gz")
    if outcome.out.strip():
        assert "x1.nii.gz" in json.dumps(json.loads(outcome.out))


def test_quiet_is_quiet(pair):
    outcome = pair.run("-q")
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")


def test_quiet_still_names_what_is_wrong(pair):
    cut(pair.x_paths[1], 0.5)
    pair.run("-q").must_refuse("x1.nii.gz")


def test_verbose_says_no_less(pair):
    plain, verbose = pair.run(out=pair.work / "a"), pair.run("-v", out=pair.work / "b")
    assert verbose.code == 0
    assert len(verbose.err) >= len(plain.err)


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["run", "--help"], ["check", "--help"]])
def test_help_and_version(study, argv):
    outcome = study.call(*argv)
    assert outcome.code == 0, outcome
    assert "niicorr" in outcome.out + outcome.err


def test_check_of_good_files(pair):
    outcome = pair.check()
    assert outcome.code == 0, outcome
    for i in range(3):
        assert f"x{i}" in outcome.err + outcome.out
    assert os.listdir(pair.work) == []


def test_check_refuses_what_run_would_refuse(pair):
    pair.x("turned.nii", A, np.diag([8.1, 8, 8, 1]) @ np.eye(4))
    assert pair.check("--resample", "never").code == 3
    assert pair.run("--resample", "never").code == 3


# A process of its own


def bare(**extra):
    keep = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
    return {**keep, "LANG": "C", "LC_ALL": "C", **extra}


def test_no_home_no_display_and_a_c_locale(pair, process):
    pair.x("Großhirn_脳.nii", np.where(BRAIN, X[0], -1))
    argv = ["run", *pair.sets(), "-o", pair.out, "--null", "none"]
    outcome = process(*argv, env=bare())
    assert outcome.code == 0, outcome
    assert outcome.x_labels[3] == "Großhirn_脳"
    assert (pair.out / "heatmap.png").exists()


def test_a_home_that_cannot_be_written(pair, process):
    argv = ["run", *pair.sets(), "-o", pair.out, "--null", "none"]
    outcome = process(*argv, env=bare(HOME="/proc", MPLCONFIGDIR="/proc/no"))
    assert outcome.code == 0, outcome
    assert (pair.out / "heatmap.png").exists()
    assert "matplotlib" not in outcome.err.lower()


@pytest.mark.parametrize("options", [["--json"], []])
def test_closed_pipes_give_no_traceback(pair, options):
    argv = [sys.executable, "-m", "niicorr", "run", *pair.sets(), "-o", str(pair.out), *NUMBERS_ONLY, *options]
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(argv, stdout=writer, stderr=subprocess.PIPE) as child:
        os.close(writer)
        _, err = child.communicate(timeout=60)
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err
    assert (pair.out / "correlations.csv").exists()


def test_standard_error_may_be_closed(pair):
    argv = [sys.executable, "-m", "niicorr", "run", *pair.sets(), "-o", str(pair.out), *NUMBERS_ONLY]
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=writer) as child:
        os.close(writer)
        out, _ = child.communicate(timeout=60)
    assert b"Traceback" not in out
    assert child.returncode in (0, 4, 120, 141)
    assert (pair.out / "correlations.csv").exists()


def test_the_demo(study):
    out = study.work / "demo"
    outcome = study.call("demo", "-o", out, folder=out)
    assert outcome.code == 0, outcome
    assert outcome.r.shape == (4, 20)
    assert np.isfinite(outcome.r).all()
    files = [p for p in (out / "data").rglob("*") if p.is_file() and ".nii" in p.name]
    assert len(files) == 24
    assert {p.name.endswith(".gz") for p in files} == {True, False}
    assert {nib.load(p).shape for p in files} == {(57, 66, 40)}
    assert (out / "heatmap.png").exists()
    values = {p: np.asanyarray(nib.load(p).dataobj).astype(float) for p in files}
    corners = {round(float(v[0, 0, 0]), 3) for v in values.values()}
    assert corners == {-1.0, 0.0}
    by_label = {p.name.split(".")[0]: v for p, v in values.items()}
    inside = {label: only(v, (v != -1) & (v != 0)) for label, v in by_label.items()}
    x, y = ([inside[label] for label in labels] for labels in (outcome.x_labels, outcome.y_labels))
    r, _ = table(list(x), list(y), outcome.inside)
    np.testing.assert_allclose(outcome.r, r, atol=1e-6)
