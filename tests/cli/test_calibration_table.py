"""`niicorr calibrate` from the arguments to the folder, and what people see of it."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

import niicorr as nc
from niicorr.calibration import Calibration, TriedNull
from niicorr.cli.calibration_table import calibration_lines
from niicorr.cli.main import main
from niicorr.cli.page import Page, plain
from niicorr.cli.terminal import Terminal
from niicorr.records import Decision, MapRecord, Provenance

SHAPE = (14, 14, 12)
AFFINE = np.diag([10.0, 10, 10, 1])
AT = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
BRAIN = (AT**2).sum(axis=0) < 0.85


def made(**changes):
    rng = np.random.default_rng(0)
    honest = rng.random((20, 40))
    records = tuple(MapRecord(f"a{i}", f"a{i}.nii") for i in range(8))
    return Calibration(**{
        "nulls": (TriedNull("independent", honest**30, 31021.0), TriedNull("effective", honest, 84.26),
                  TriedNull("surrogate", np.ceil(100 * honest[:10]) / 100, 612.3, 0.01)),
        "method": "pearson", "alternative": "two-sided", "n_maps": (8, 5), "n_voxels": 31021, "x_maps": records,
        "y_maps": records[:5], "text": "What was simulated.",
        "provenance": Provenance(decisions=(Decision("grid", "all on one grid"),)), **changes})


def shown(calibration, width=100, **how):
    how = {"out": "out", "files": ("calibration.tsv", "run.json"), "seconds": 41.0, "verbose": False, **how}
    return [plain(line) for line in calibration_lines(calibration, Page(width, log=False), **how)]


def test_one_screen_with_a_verdict_for_each_null_model():
    lines = shown(made())
    assert lines[0] == "niicorr: 3 null models tried on 800 pairs of unrelated random maps (pearson) in 41 s"
    assert len(lines) < 24
    assert max(map(len, lines)) <= 100
    table = {line.split()[0]: line for line in lines if line}
    assert table["independent"].endswith("31 021    800  too many false positives")
    assert table["effective"].endswith("84.3    800  holds")
    assert table["surrogate"].endswith("–          612    400  holds for even maps")
    rate, error = made().nulls[1].rate(0.05)
    assert f"{rate:.3f} ± {error:.3f}".replace("0.", ".") in table["effective"]
    assert any("What was simulated." in line for line in lines)
    assert lines[-1] == "written     out/  calibration.tsv and run.json"


def test_columns_are_aligned_and_words_give_way_on_narrow_terminals():
    for width, last, cells in ((100, "pairs", ["800", "800", "400"]), (60, "pairs", ["800", "800", "400"]),
                               (48, "n_effective", ["021", "84.3", "612"]), (40, "p ≤ .01", [".849", ".010", ".010"])):
        lines = shown(made(), width)
        top = next(i for i, line in enumerate(lines) if line.startswith("null model"))
        ends = lines[top].index(last) + len(last)
        rows = [line for line in lines[top:] if line.startswith(("independent", "effective", "surrogate"))]
        assert [row[:ends].rsplit(" ", 1)[1] for row in rows] == cells
        assert max(map(len, lines)) <= width
    assert "            too many false positives" in lines


@pytest.mark.parametrize(
    ("power", "words"), [(3.0, "too many false positives"), (0.3, "careful: fewer than promised"), (1.0, "holds")])
def test_words(power, words):
    one = TriedNull("effective", np.random.default_rng(1).random((40, 50)) ** power, 100.0)
    assert any(line.endswith(words) for line in shown(made(nulls=(one,))))


def test_warnings_come_first_and_skipped_maps_are_named():
    bad = MapRecord("bad", "bad.nii", error="not an image")
    records = (bad, *made().x_maps[1:])
    lines = shown(made(x_maps=records, y_maps=records, provenance=Provenance(warnings=("it fails",))))
    assert lines[0] == "warning     it fails"
    assert sum("bad.nii: not an image" in line for line in lines) == 1


def test_quiet_names_skipped_maps_only():
    stream = io.StringIO()
    terminal = Terminal.make(stream, quiet=True)
    terminal.calibration_report(made(), out="out", files=(), seconds=1.0)
    assert stream.getvalue() == ""
    skipped = replace(made(), x_maps=(MapRecord("bad", "bad.nii", error="not an image"),))
    terminal.calibration_report(skipped, out="out", files=(), seconds=1.0)
    assert "bad.nii: not an image" in stream.getvalue()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(3)
    for name in ("x1", "x2", "x3", "y1", "y2"):
        field = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.3)
        nib.save(nib.Nifti1Image(np.where(BRAIN, field, 0), AFFINE), folder / f"{name}.nii")
    (folder / "bad.nii").write_bytes(b"nothing")
    return folder


def calibrate(folder, *options, x="x*.nii", y="y*.nii"):
    sets = ["-x", str(folder / x), *(["-y", str(folder / y)] if y else [])]
    return main(["calibrate", *sets, "--repeats", "2", "--jobs", "1", *options])


def test_what_a_command_leaves(study, tmp_path, capsys):
    out = tmp_path / "out"
    assert calibrate(study, "-o", str(out), "--json") == 0
    captured = capsys.readouterr()
    names = ["calibration.png", "calibration.svg", "calibration.tsv", "run.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    told, record = json.loads(captured.out), json.loads((out / "run.json").read_text())
    assert told["files"] == record["files"] == names
    assert told["nulls"] == record["nulls"]
    assert [one["null"] for one in told["nulls"]] == ["independent", "gsm", "effective", "surrogate"]
    assert record["command"].startswith("niicorr calibrate -x ")
    assert "null models tried on 12 pairs" in captured.err
    with pytest.raises(nc.InputError, match="holds a calibration"):
        nc.load(out)


def test_a_result_may_take_its_place_and_it_a_results(study, tmp_path):
    out = str(tmp_path / "out")
    assert calibrate(study, "-o", out, "--no-figures") == 0
    assert main(["run", "-x", str(study / "x1.nii"), "-y", str(study / "y1.nii"), "-o", out, "--no-figures"]) == 0
    assert not (tmp_path / "out" / "calibration.tsv").exists()
    assert nc.load(out).estimate.shape == (1, 1)
    assert calibrate(study, "-o", out, "--format", "pdf") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "calibration.pdf", "calibration.tsv", "run.json"]


@pytest.mark.parametrize(
    ("x", "y", "options", "code", "words"),
    [
        ("x1.nii", None, (), 3, "there is one map"),
        ("*.nii", None, (), 3, "1 of 6 maps cannot be used"),
        ("x*.nii", "y*.nii", ("--null", "gsm"), 2, "--null"),
        ("x*.nii", "y*.nii", ("--repeats", "1"), 2, "from 2 on"),
        ("x*.nii", "y*.nii", ("--weights", "{study}/gone.nii"), 3, "gone.nii"),
    ],
)
def test_exit_codes(study, tmp_path, capsys, x, y, options, code, words):
    options = [option.format(study=study) for option in options]
    assert calibrate(study, "-o", str(tmp_path / "out"), *options, x=x, y=y) == code
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_a_folder_of_inputs_is_refused_before_anything_is_read(study, capsys):
    assert calibrate(study, "-o", str(study)) == 2
    assert "not a niicorr result" in capsys.readouterr().err


def test_bad_files_may_be_skipped(study, tmp_path, capsys):
    assert calibrate(study, "-o", str(tmp_path / "out"), "--on-error", "skip", "--no-figures", x="*.nii", y=None) == 0
    assert "1 of 6 maps could not be used" in capsys.readouterr().err
