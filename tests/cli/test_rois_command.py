"""``niicorr rois`` on the command line: options, files, the account, and how it refuses."""

import json
import subprocess
import sys
from typing import get_args

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import niicorr as nc
from niicorr.cli import rois as module
from niicorr.cli.main import main
from niicorr.cli.parser import parse
from niicorr.connectivity import Kind
from niicorr.numerals import short_text
from niicorr.rois import RoiOptions

SHAPE = (8, 6, 5)
AFFINE = np.diag([3.0, 3, 3, 1])
FILES = {"correlations.csv", "pairs.tsv", "maps.tsv", "regions.tsv", "series.tsv", "fisher_z.csv", "report_data.npz",
         "report.html", "run.json"}


def bold(seed=0, n=60):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, *SHAPE)) + rng.standard_normal((n, 1, 1, 1))
    image = nib.Nifti1Image(np.moveaxis(values, 0, -1).astype(np.float32) + 100, AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = 2
    return image


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for k in (1, 2, 3):
        nib.save(bold(k), f"run-{k}.nii.gz")
    labels = np.repeat(np.arange(1, 5), 2)[:, None, None] * np.ones(SHAPE, dtype=np.int16)
    labels[labels == 4] = 0
    labels[7, :3, :3] = 9
    nib.save(nib.Nifti1Image(labels.astype(np.int16), AFFINE), "atlas.nii.gz")
    (tmp_path / "names.csv").write_text("1,Frontal\n2,Parietal\n3,Occipital\n9,Hippocampus\n")
    return tmp_path


@pytest.fixture
def call(folder, capsys):
    def run(*argv):
        code = main(["rois", *map(str, argv)])
        captured = capsys.readouterr()
        return code, captured.out, " ".join(captured.err.split())

    return run


def test_defaults_are_those_of_the_library():
    options, library = parse(["rois", "a.nii"]), RoiOptions()
    for name in RoiOptions.__dataclass_fields__:
        assert getattr(options, name) == (None if name == "strategy" else getattr(library, name)), name
    assert (options.bold, options.out, options.order) == (["a.nii"], "niicorr-rois", "group")


def test_every_word_of_the_library_can_be_typed():
    assert [word.removesuffix(" correlation") for word in get_args(Kind)] == list(module.KINDS)


def test_a_run_writes_every_table_and_tells_what_it_did(call, folder):
    code, out, err = call("run-1.nii.gz", "--atlas", "atlas.nii.gz", "--labels", "names.csv", "--no-figures")
    assert (code, out) == (0, "")
    assert {path.name for path in (folder / "niicorr-rois").iterdir()} == FILES
    for words in ("niicorr: 4 regions with each other, 6 Pearson correlations in", "n = 60 time points",
                  "read 1 run, 60 volumes of 8×6×5 voxels of 3×3×3 mm RAS, float32, TR 2 s",
                  "1 of 4 has fewer than 20 voxels", "Hippocampus (9)", "cleaning none: regional means as they are",
                  "rows: regions, columns: the same regions", "q ≤ .05 (Benjamini–Hochberg)",
                  "the time points of a cell tell as much as", "null p and intervals from the effective degrees of "
                  "freedom of time series", "written niicorr-rois/ correlations.csv, fisher_z.csv"):
        assert words in err, words
    result = nc.correlate_rois("run-1.nii.gz", "atlas.nii.gz", labels="names.csv")
    table = pd.read_csv("niicorr-rois/correlations.csv", index_col=0, float_precision="round_trip")
    assert list(table.columns) == ["Frontal", "Parietal", "Occipital", "Hippocampus"]
    np.testing.assert_array_equal(table.to_numpy(), result.estimate)
    pairs = pd.read_csv("niicorr-rois/pairs.tsv", sep="\t", float_precision="round_trip")
    assert len(pairs) == 6
    np.testing.assert_array_equal(pairs["p_fdr"], [result.inferred["p_fdr"][cell] for cell in result.cells()])
    maps = pd.read_csv("niicorr-rois/maps.tsv", sep="\t")
    assert list(maps["n_voxels"]) == [60, 60, 60, 9]
    series = pd.read_csv("niicorr-rois/series.tsv", sep="\t", float_precision="round_trip")
    np.testing.assert_array_equal(series[list(table.columns)].to_numpy(), result.series[0].values)
    np.testing.assert_allclose(series["time_s"], 2 * series["volume"])
    record = json.loads((folder / "niicorr-rois" / "run.json").read_text(encoding="utf-8"))
    assert record["command"].startswith("niicorr rois run-1.nii.gz --atlas")
    assert record["beside"][0]["blake2b"] == result.provenance.beside[0].blake2b
    assert record["options"]["kind"] == "correlation"
    assert nc.load("niicorr-rois").x_labels == tuple(table.columns)


def test_options_reach_the_library(call, folder):
    np.savetxt("c1.tsv", np.random.default_rng(0).standard_normal((60, 3)), header="a\tb\tc", comments="",
               delimiter="\t")
    code, _, err = call("run-1.nii.gz", "--atlas", "atlas.nii.gz", "-o", "out", "--no-figures", "--confounds",
                        "c1.tsv", "--strategy", "a,c", "--detrend", "--high-pass", ".02", "--t-r", "1.5",
                        "--volumes", "4:", "--kind", "partial", "--alternative", "greater", "--fdr", "by")
    assert code == 0
    wanted = nc.correlate_rois("run-1.nii.gz", "atlas.nii.gz", confounds="c1.tsv", strategy=["a", "c"], detrend=True,
                               high_pass=0.02, t_r=1.5, volumes="4:", kind="partial", alternative="greater", fdr="by")
    found = nc.load("out")
    np.testing.assert_array_equal(found.estimate, wanted.estimate)
    np.testing.assert_array_equal(found.inferred["p_fdr"], wanted.inferred["p_fdr"])
    for words in ("6 partial correlations", "cleaning straight lines taken off, 0.02 to 0.3333 Hz kept (TR 1.5 s), "
                  "2 confounds regressed out (a, c)", "volumes volumes 4 to 59 of 60", "TR 1.5 s",
                  "degrees of freedom less, one for each other region"):
        assert words in err, words


@pytest.mark.parametrize("given", [[""], [","], ["a,"], ["a", ""], [" "]])
def test_an_empty_strategy_is_not_taken_for_none(call, folder, given):
    np.savetxt("c1.tsv", np.random.default_rng(0).standard_normal((60, 3)), header="a\tb\tc", comments="",
               delimiter="\t")
    code, _, err = call("run-1.nii.gz", "--atlas", "atlas.nii.gz", "--confounds", "c1.tsv", "--strategy", *given)
    assert code == 2
    assert "--strategy was given an empty word" in err
    assert not (folder / "niicorr-rois").exists()
    with pytest.raises(nc.NiicorrError):
        nc.correlate_rois("run-1.nii.gz", "atlas.nii.gz", confounds="c1.tsv", strategy=given[-1])


@pytest.mark.parametrize("kind", ["covariance", "tangent"])
def test_values_of_any_size_are_shown(call, kind):
    code, _, err = call("run-*.nii.gz", "--atlas", "atlas.nii.gz", "--kind", kind, "--no-figures")
    assert code == 0
    assert "3 runs, 60 volumes each" in err
    result = nc.load("niicorr-rois")
    below = np.tril_indices(4, -1)
    low, high = (short_text(float(f(result.estimate[below]))) for f in (np.min, np.max))
    assert f"covariance from {low} to {high}" in err
    assert f"null {kind}: no p-values" in err
    assert "rows: regions" not in err
    assert f"{'covariances' if kind == 'covariance' else 'tangent'}_run-3.csv" in err


def test_numbers_of_any_size():
    assert [short_text(v) for v in (0.000123456, -1234.5, 0.5, 266.74)] == ["0.000123", "−1230", "0.5", "267"]


def test_matrices_of_many_runs_are_counted(call, folder):
    for k in (4, 5):
        nib.save(bold(k), f"run-{k}.nii.gz")
    _, _, err = call("run-*.nii.gz", "--atlas", "atlas.nii.gz", "--no-figures")
    assert "5 matrices correlations_*.csv" in err
    assert "run-3.csv" not in err
    assert (folder / "niicorr-rois" / "correlations_run-5.csv").exists()


def test_what_is_alike_in_several_runs_is_told_once(call):
    _, _, err = call("run-*.nii.gz", "--atlas", "atlas.nii.gz", "--detrend", "--no-figures")
    assert err.count("straight lines taken off") == 1
    assert "all 3 runs: straight lines taken off" in err
    _, _, err = call("run-*.nii.gz", "--atlas", "atlas.nii.gz", "--detrend", "--no-figures", "-v")
    assert err.count("straight lines taken off") == 4
    assert "region region 9" in err


def test_a_longer_matrix_is_not_shown(call):
    np.save("many.npy", np.random.default_rng(0).standard_normal((40, 13)))
    _, _, err = call("many.npy", "--no-figures")
    assert "13 regions" in err
    assert "rows: regions" not in err
    assert "read 1 table, 40 time points" in err


def test_figures(call, folder):
    code, _, err = call("run-1.nii.gz", "--atlas", "atlas.nii.gz", "--format", "png")
    assert code == 0
    assert "run.json and series.tsv no connectome: " in err  # a patch of 24 mm is no brain
    assert (folder / "niicorr-rois" / "heatmap.png").stat().st_size > 10_000
    assert not (folder / "niicorr-rois" / "heatmap.svg").exists()


def test_quiet_and_json(call):
    code, out, err = call("run-1.nii.gz", "--atlas", "atlas.nii.gz", "--no-figures", "-q", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["pairs"] == 6
    assert found["runs"] == [{"label": "run-1", "time_points": 60, "t_r": 2.0}]
    assert found["n"] == [60, 60]


@pytest.mark.parametrize(("argv", "code", "text"), [
    (["run-1.nii.gz"], 2, "only an atlas says where its regions are: give one with --atlas"),
    (["run-1.nii.gz", "--atlas", "aall"], 2, "Did you mean aal"),
    (["run-9.nii.gz", "--atlas", "atlas.nii.gz"], 3, "run-9.nii.gz: no such file"),
    (["run-9*", "--atlas", "atlas.nii.gz"], 3, "no file matches this pattern"),
    (["atlas.nii.gz", "--atlas", "atlas.nii.gz"], 3, "one volume is no time series"),
    (["run-1.nii.gz", "--atlas", "run-2.nii.gz"], 3, "run-2.nii.gz"),
    (["run-1.nii.gz", "--atlas", "atlas.nii.gz", "--kind", "tangent"], 2, "it needs several runs, not one"),
    (["run-1.nii.gz", "--atlas", "atlas.nii.gz", "--low-pass", "2"], 2, "--low-pass 2 Hz"),
    (["run-1.nii.gz", "--atlas", "atlas.nii.gz", "--low-pass", "-1"], 2, "--low-pass"),
    (["run-1.nii.gz", "--atlas", "atlas.nii.gz", "--t-r", "soon"], 2, "'soon' is no number"),
    (["run-1.nii.gz", "--atlas", "atlas.nii.gz", "--min-coverage", "2"], 2, "'2' is no share from 0 to 1"),
    (["run-1.nii.gz", "--atlas", "atlas.nii.gz", "--confounds", "gone.tsv"], 3, "gone.tsv: no such file or folder"),
    (["run-1.nii.gz", "--atlas", "atlas.nii.gz", "-o", "."], 2, "holds files that are not a niicorr result"),
    (["run-1.nii.gz", "--atlas", "atlas.nii.gz", "--null", "gsm"], 2, "--null"),
    ([], 2, "BOLD"),
])
def test_refusals(call, folder, argv, code, text):
    found, out, err = call(*argv)
    assert (found, out) == (code, "")
    assert text in err
    assert "Traceback" not in err
    assert not (folder / "niicorr-rois").exists()


def test_inputs_may_not_lie_in_the_folder_that_is_written(call, folder):
    assert call("run-1.nii.gz", "--atlas", "atlas.nii.gz", "--no-figures", "-o", "out")[0] == 0
    (folder / "atlas.nii.gz").rename(folder / "out" / "atlas.nii.gz")
    code, _, err = call("run-1.nii.gz", "--atlas", "out/atlas.nii.gz", "-o", "out")
    assert code == 2
    assert "out holds the input out/atlas.nii.gz" in err


def test_help_imports_nothing_heavy():
    code = ("import sys; from niicorr.cli.main import main; main(['rois', '--help-all']); "
            "print({'numpy', 'rich', 'nibabel'} & set(sys.modules))")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.endswith("set()\n")
    assert "schaefer100" in shown


def test_plain_correlation_needs_neither_nilearn_nor_figures(folder):
    code = ("import sys; from niicorr.cli.main import main; "
            "main(['rois', 'run-1.nii.gz', '--atlas', 'atlas.nii.gz', '--no-figures', '-q']); "
            "print({'nilearn', 'pandas', 'matplotlib', 'rich', 'sklearn'} & set(sys.modules))")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.endswith("set()\n")
