"""Odd surroundings and odd files: full disks, little memory, pipes, others' variables; each is told in one message."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import niicorr as nc
from niicorr.cli import main as command
from niicorr.cli.main import main
from niicorr.errors import InputError, ResourceError, UsageError
from niicorr.folder import OutputFolder

SHAPE, N = (6, 5, 4), 12
AFFINE = np.diag([3.0, 3, 3, 1])
PLAIN = ("--no-figures", "--no-report")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    os.mkdir("x")
    for k in range(3):
        nib.save(nib.Nifti1Image(rng.normal(5, 1, SHAPE).astype(np.float32), AFFINE), f"x/m{k}.nii")
    nib.save(nib.Nifti1Image(rng.normal(100, 1, (*SHAPE, N)).astype(np.float32), AFFINE), "run.nii")
    nib.save(nib.Nifti1Image((np.arange(120).reshape(SHAPE) % 3).astype(np.int16), AFFINE), "atlas.nii")
    return tmp_path


@pytest.fixture
def saved(folder):
    assert main(["run", "-x", "x", "-o", "sv", "--null", "none", *PLAIN]) == 0
    return folder / "sv"


def refused(capsys, code, *argv):
    assert main(list(argv)) == code
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return " ".join(said.split())


def test_a_demo_replaces_no_result_but_its_own(saved, monkeypatch, capsys):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    said = refused(capsys, 2, "demo", "-o", str(saved))
    assert "sv holds a result that is not the demo's (niicorr run -x x -o sv" in said
    assert "name another folder with -o" in said
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    nc.correlate(np.eye(3), null="none").save("python")
    assert "python holds a result that is not the demo's: name" in refused(capsys, 2, "demo", "-o", "python")
    record = json.loads((saved / "run.json").read_text(encoding="utf-8"))
    monkeypatch.setattr("niicorr.cli.commands._run", lambda *_args: 0)
    for written_by, code in (("niicorr demo -o sv", 0), ("niicorr run -x demo", 2), ("niicorr 'demo", 2), (5, 2)):
        (saved / "run.json").write_text(json.dumps({**record, "command": written_by}), encoding="utf-8")
        assert main(["demo", "-o", str(saved)]) == code


def test_a_demo_that_fails_leaves_nothing(tmp_path, monkeypatch, capsys):
    def full(*_args, **_kwargs):
        raise ResourceError("no room left")

    monkeypatch.setattr("niicorr.cli.commands.correlate", full)
    assert "no room" in refused(capsys, 4, "demo", "-o", str(tmp_path / "above" / "out"))
    assert not os.listdir(tmp_path)
    (tmp_path / "out").mkdir()
    refused(capsys, 4, "demo", "-o", str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["out"]
    assert not os.listdir(tmp_path / "out")


@pytest.mark.parametrize("name", ["pipe.tsv", "pipe.csv", "/dev/zero"])
@pytest.mark.parametrize("option", ["--confounds", "--labels"])
def test_tables_that_never_end_are_not_waited_for(folder, capsys, option, name):
    if not name.startswith("/"):
        os.mkfifo(name)
    said = refused(capsys, 3, "rois", "run.nii", "--atlas", "atlas.nii", "--labels" if option == "--labels" else
                   "--confounds", name, "-o", "out", *PLAIN)
    assert "not a regular file but a pipe or a device, as <(…) of a shell gives" in said
    assert "save the table as a file, and name that" in said
    assert "check the path" not in said


def test_a_table_of_confounds_has_a_limit(folder, capsys, monkeypatch):
    monkeypatch.setattr("niicorr.images.confounds.LARGEST_TABLE", 10)
    (folder / "c.tsv").write_text("a\tb\n" + "1\t2\n" * N)
    said = refused(capsys, 3, "rois", "run.nii", "--atlas", "atlas.nii", "--confounds", "c.tsv", "-o", "out", *PLAIN)
    assert "larger than" in said


def test_arrays_that_are_a_pipe_are_not_waited_for(saved, capsys):
    os.remove(saved / "report_data.npz")
    os.mkfifo(saved / "report_data.npz")
    assert "report_data.npz: it is no regular file" in refused(capsys, 3, "report", "sv")


@pytest.mark.parametrize("name", ["correlations.csv", "pairs.tsv", "maps.tsv"])
def test_a_folder_in_the_place_of_a_table_is_named(saved, capsys, name):
    os.remove(saved / name)
    (saved / name).mkdir()
    assert f"{name} is a folder where niicorr wrote a file" in refused(capsys, 2, "report", "sv", *PLAIN[:1])
    assert (saved / name).is_dir()


@pytest.mark.parametrize("damage", ["gone", "no array", "pickled", "one missing"])
def test_a_damaged_result_is_told_in_words(saved, capsys, damage):
    place = saved / "report_data.npz"
    if damage == "gone":
        os.remove(place)
    elif damage == "no array":
        place.write_bytes(b"nothing")
    elif damage == "pickled":
        np.savez(place, estimate=np.array([{}], dtype=object))
    else:
        with zipfile.ZipFile(place, "w") as emptied:
            emptied.writestr("other", b"")
    said = refused(capsys, 3, "report", "sv")
    assert "the saved result is damaged" in said
    for word in ("Error", "Errno", "pickle", "unsafe"):
        assert word not in said


@pytest.mark.parametrize("error", [
    ImportError("libscipy_openblas.so: failed to map segment from shared object"),
    RuntimeError("can't start new thread"), OSError(12, "Cannot allocate memory")])
def test_libraries_and_threads_without_memory(monkeypatch, capsys, error):
    def fails(*_args):
        raise error

    monkeypatch.setattr(command, "_command", fails)
    assert "ulimit -v" in refused(capsys, 4, "check", "-x", "x")


def test_other_errors_are_bugs(monkeypatch, capsys):
    def fails(*_args):
        raise RuntimeError("can't find it")

    monkeypatch.setattr(command, "_command", fails)
    assert main(["check", "-x", "x"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["x", "", "9" * 30])
def test_a_time_that_is_none_is_named(folder, monkeypatch, capsys, value):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    assert "SOURCE_DATE_EPOCH" in refused(capsys, 2, "run", "-x", "x", "-o", "out")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert main(["check", "-x", "x"]) == 0


@pytest.mark.parametrize("kib", [100_000, 204_800, 400_000])
def test_address_space_in_which_no_library_loads_is_told_at_once(folder, kib):
    """OpenBLAS would wait for memory for ever while scipy loads, or end the process with 1."""
    for line in ("-m niicorr run -x x -o out", "-c 'import niicorr; niicorr.correlate'"):
        done = subprocess.run(["sh", "-c", f"ulimit -v {kib}; exec '{sys.executable}' {line}"], capture_output=True,
                              text=True, timeout=20, check=False)
        assert done.returncode == (4 if "-m" in line else 1), done
        assert "of address space (ulimit -v), too little" in " ".join(done.stderr.split())
        assert "-m" not in line or "Traceback" not in done.stderr
    assert not os.path.exists("out")


def test_half_a_gibibyte_of_address_space_is_not_refused(folder):
    done = subprocess.run(["sh", "-c", f"ulimit -v {512 * 1024}; exec '{sys.executable}' -m niicorr check -x x"],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


SAYING = """
import sys, warnings
import niicorr as nc

warnings.simplefilter("ignore")

def told(what):
    try:
        what()
    except nc.UsageError as error:
        print("UsageError", *error.args)
    else:
        print("done")
"""


def in_python(lines, **variables):
    """What a fresh Python prints; what fails there otherwise fails here."""
    done = subprocess.run([sys.executable, "-c", SAYING + lines], env={**os.environ, **variables}, capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("value", ["nonsense", "9" * 30])
def test_a_time_that_is_none_is_named_in_python_too(folder, value):
    """Scipy, loading, would end in a traceback of numpy."""
    said = in_python("told(lambda: nc.correlate('x'))\n"
                     "told(lambda: nc.check('x'))\n"
                     "told(lambda: nc.load('out'))\n"
                     "told(lambda: nc.datasets)\n", SOURCE_DATE_EPOCH=value)
    assert len(said) == 4
    assert all(line.startswith(f"UsageError the variable SOURCE_DATE_EPOCH is '{value}'") for line in said), said
    assert in_python("told(lambda: nc.correlate('x'))", SOURCE_DATE_EPOCH="1700000000") == ["done"]


def test_a_backend_that_is_none_is_named_in_python_where_something_is_drawn(saved):
    lines = ("result = nc.correlate('x', null='none')\n"
             "told(lambda: nc.heatmap(result))\n"
             "told(lambda: result.pair(0, 1).plot())\n"
             "told(lambda: result.save('new'))\n"
             "told(lambda: nc.report(result, 'page.html'))\n"
             "told(lambda: nc.load('new'))\n"
             "import os; del os.environ['MPLBACKEND']\n"
             "told(lambda: nc.heatmap(result))\n")
    said = in_python(lines, MPLBACKEND="nonsense")
    assert all(line.startswith("UsageError the variable MPLBACKEND is 'nonsense'") for line in said[:2]), said
    assert said[2:] == ["done"] * 4


def test_the_backend_of_others_does_not_matter(folder):
    done = subprocess.run([sys.executable, "-m", "niicorr", "run", "-x", "x", "-o", "out", "--null", "none"],
                          env={**os.environ, "MPLBACKEND": "nope"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert os.path.exists("out/heatmap.pdf") or os.path.exists("out/heatmap.png")


def test_output_and_cache_are_two_folders(folder, capsys):
    assert "two" not in refused(capsys, 2, "run", "-x", "x", "-o", "new", "--cache", "./new")
    assert not os.path.exists("new")


def test_a_library_is_no_place_for_tables(folder, capsys):
    assert main(["index", "x", "-o", "lib"]) == 0
    capsys.readouterr()
    before = sorted(os.listdir("lib"))
    assert "lie in the library" in refused(capsys, 2, "search", "x/m0.nii", "--in", "lib", "-o", "lib/library.tsv")
    assert sorted(os.listdir("lib")) == before
    assert "is a file" in refused(capsys, 3, "search", "x/m0.nii", "--in", "x/m1.nii")


@pytest.mark.parametrize("how", ["flipped", "deleted", "pipe"])
def test_the_mask_of_a_library_is_verified(folder, capsys, how):
    assert main(["index", "x", "-o", "lib"]) == 0
    mask = folder / "lib" / "mask.nii.gz"
    content = bytearray(mask.read_bytes())
    assert main(["search", "x/m0.nii", "--in", "lib", "--verify"]) == 0
    os.remove(mask)
    if how == "flipped":
        content[len(content) // 2] ^= 1
        mask.write_bytes(content)
    elif how == "pipe":
        os.mkfifo(mask)
    capsys.readouterr()
    assert "mask.nii.gz is damaged" in refused(capsys, 3, "search", "x/m0.nii", "--in", "lib", "--verify")


@pytest.mark.parametrize("out", [None, 5, b"bytes", "a\0b"])
def test_an_output_that_is_no_path(out):
    with pytest.raises(UsageError, match=r"path of a folder|NUL"):
        OutputFolder(out)
    with pytest.raises(UsageError):
        nc.correlate(np.random.default_rng(0).normal(size=(3, 50)), null="none").save(out)


def test_arguments_of_python(folder):
    x = np.random.default_rng(0).normal(size=(3, 50))
    with pytest.raises(UsageError, match="leave mask out"):
        nc.correlate(x, x, mask="nomask.nii", null="none")
    with pytest.raises(UsageError, match="memory"):
        nc.correlate(x, x, memory=True, null="none")
    with pytest.raises(UsageError, match="int"):
        nc.choose_sampling(5)
    with pytest.raises(InputError, match="list"):
        nc.correlate(np.array(["x/m0.nii", "x/m1.nii"]))


def test_tables_of_maps_that_have_no_paths(folder):
    with pytest.raises(InputError, match=r"c9 and 190 more\)"):
        nc.correlate(pd.DataFrame(np.zeros((2, 200)), columns=[f"c{k}" for k in range(200)]))
    (folder / "m.tsv").write_text("path\nx/m0.nii\n", encoding="utf-16")
    with pytest.raises(InputError, match="UTF-16"):
        nc.correlate("m.tsv")


@pytest.mark.parametrize("named", ["local:-1", "local:x", "local:0"])
def test_workers_that_cannot_be_counted(folder, capsys, named):
    assert "local:N" in refused(capsys, 2, "run", "-x", "x", "-o", "out", "--scheduler", named)


def test_a_deep_file_is_no_scheduler(folder, monkeypatch):
    connection = pytest.importorskip("niicorr.cluster.connection")
    monkeypatch.setattr(connection, "ANSWER", 0)
    (folder / "deep.json").write_text("[" * 200_000)
    with pytest.raises(ResourceError, match="not what a scheduler writes"):
        connection._address_in("deep.json")


@pytest.mark.parametrize("call", [
    lambda path, image: nc.correlate(path),
    lambda path, image: nc.correlate([image, image], atlas=path),
    lambda path, image: nc.correlate([image], cache=path),
    lambda path, image: nc.correlate([image, image], resume=path),
    lambda path, image: nc.correlate_rois(path, atlas=image),
    lambda path, image: nc.correlate_rois([image], atlas=image, confounds=[path]),
], ids=["maps", "atlas", "cache", "resume", "runs", "confounds"])
def test_a_home_whose_name_holds_a_zero_byte_is_refused_by_what_reads_it(call):
    image = nib.Nifti1Image(np.random.default_rng(0).random((9, 9, 9), dtype=np.float32), 2 * np.eye(4))
    with pytest.raises(nc.NiicorrError):
        call("~nobody\0", image)
