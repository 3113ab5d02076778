"""Hostile use of regions: odd series, confounds, tables and runs give a right number or a clear refusal."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import niicorr as nc
from niicorr.cli.main import main
from niicorr.errors import DomainWarning, InputError, MapError, UsageError
from niicorr.images.atlas import read_atlas
from niicorr.images.series import read_series

SHAPE, N = (8, 6, 5), 40
AFFINE = np.diag([3.0, 3, 3, 1])
LABELS = np.repeat(np.arange(1, 5), 2)[:, None, None] * np.ones(SHAPE, dtype=np.int16)
SERIES = np.cumsum(np.random.default_rng(7).standard_normal((N, 4)), axis=0)


def bold(seed, t_r=2.0, unit="sec"):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((*SHAPE, N)) + rng.standard_normal((1, 1, 1, N)) + 100
    image = nib.Nifti1Image(values.astype(np.float32), AFFINE)
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = t_r
    return image


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nib.save(bold(1), "run-1.nii")
    nib.save(bold(2), "run-2.nii")
    nib.save(nib.Nifti1Image(LABELS.astype(np.int16), AFFINE), "atlas.nii")
    return tmp_path


def refusal(capsys, *argv):
    """Exit code and text of a command that writes nothing."""
    code = main(["rois", *argv, "--no-figures", "--no-report"])
    return code, " ".join(capsys.readouterr().err.split())


def said(result):
    return " | ".join(d.text for record in (*result.provenance.beside, result.provenance) for d in record.decisions)


# Numbers that would be wrong without a word


@pytest.mark.parametrize("index", [False, True], ids=["columns", "rows and columns"])
@pytest.mark.parametrize("names", [range(4), range(1, 5), [17, 18, 37, 40]], ids=["0", "1", "labels"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_a_first_row_of_column_numbers_is_no_time_point(folder, name, names, index):
    table = pd.DataFrame(SERIES, columns=list(names))
    table.to_csv(name, index=index, sep="\t" if name == "a.tsv" else ",")
    found = read_series(name)
    np.testing.assert_array_equal(found.values, SERIES)
    assert found.names == tuple(map(str, names))
    assert any("the first row" in d.text for d in found.decisions)


@pytest.mark.parametrize("rows", [
    [[0, 0, 0], [0.5, 1.5, 2.5], [1.5, 0.5, 1.5]], [[3, 1, 2], [4, 5, 6], [7, 9, 8]],
    [[0.0, 1.5, 2.0], [1, 2, 3], [3, 1, 2]],
], ids=["zeros", "whole numbers", "a fraction in the first row"])
def test_a_first_row_of_values_stays(folder, rows):
    (folder / "a.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    assert len(read_series("a.csv").values) == 3


def test_what_afni_writes_has_no_row_of_names(folder):
    (folder / "a.1D").write_text("0 1 2\n.5 1.5 2.5\n1.5 .5 1.5\n")
    assert len(read_series("a.1D").values) == 3


def test_names_that_look_numbered_already_stay_unique(folder):
    (folder / "a.csv").write_text("L,L (2),L\n1,2,5\n2,3,5\n4,1,2\n")
    found = read_series("a.csv")
    assert found.names == ("L", "L (2)", "L (3)")
    assert "L is L (3)" in found.decisions[0].text


def test_a_number_of_python_only_is_none(folder):
    (folder / "a.csv").write_text("A,B\n1_0,2\n3,5\n4,4\n")
    with pytest.raises(MapError, match="holds '1_0' in row 1, column 1"):
        read_series("a.csv")


def test_a_column_that_counts_rows_is_no_confound(folder):
    table = pd.DataFrame({"csf": SERIES[:, 0]})
    table.to_csv("plain.tsv", sep="\t", index=False)
    table.to_csv("index.tsv", sep="\t")
    plain = nc.correlate_rois("run-1.nii", "atlas.nii", confounds="plain.tsv")
    counted = nc.correlate_rois("run-1.nii", "atlas.nii", confounds="index.tsv")
    np.testing.assert_array_equal(counted.r, plain.r)
    assert "counts rows or time: left out" in said(counted)


def test_names_that_end_in_numbers_keep_them(folder):
    (folder / "names.txt").write_text("".join(f"Area {k}\n" for k in range(1, 5)))
    assert read_atlas("atlas.nii", "names.txt").names == ("Area 1", "Area 2", "Area 3", "Area 4")
    (folder / "names.txt").write_text("Pons 2\nPons 1\nVermis 3\nNodulus 4\n")
    assert read_atlas("atlas.nii", "names.txt").names == ("Pons 1", "Pons 2", "Vermis 3", "Nodulus 4")
    (folder / "names.txt").write_text("Pons 2\nCaudate 1\nVermis 3\nNodulus 4\n")
    assert read_atlas("atlas.nii", "names.txt").names == ("Caudate", "Pons", "Vermis", "Nodulus")


# What was decided or is missing is named


@pytest.mark.filterwarnings("ignore:.*lacks")
@pytest.mark.parametrize("bad", [np.nan, 7.0], ids=["no data", "constant"])
@pytest.mark.parametrize("kind", ["correlation", "partial"])
def test_regions_that_one_of_several_runs_lacks_are_named_with_it(folder, bad, kind):
    image = bold(2)
    values = image.get_fdata()
    values[LABELS == 3] = bad
    nib.save(nib.Nifti1Image(values, AFFINE, image.header), "run-2.nii")
    result = nc.correlate_rois(["run-1.nii", "run-2.nii"], "atlas.nii", kind=kind)
    (record,) = (r for r in result.provenance.beside if r.label.endswith("2"))
    assert any("region 3" in d.text for d in record.decisions)
    # No region is small that has no voxel.
    assert not any("small" in d.text for d in result.x_maps[2].decisions)


def test_one_table_for_two_runs_is_questioned(folder):
    pd.DataFrame({"csf": SERIES[:, 0]}).to_csv("c.tsv", sep="\t", index=False)
    with pytest.warns(DomainWarning, match="c.tsv cleans 2 runs"):
        nc.correlate_rois(["run-1.nii", "run-2.nii"], "atlas.nii", confounds=["c.tsv", "c.tsv"])


# Refusals that name the file, the numbers and the way out


def test_constant_runs_are_refused_by_name(folder, capsys):
    nib.save(nib.Nifti1Image(np.full((*SHAPE, N), 7, np.float32), AFFINE), "flat.nii")
    code, err = refusal(capsys, "flat.nii", "--atlas", "atlas.nii")
    assert code == 3
    assert "flat.nii" in err
    assert "constant" in err
    assert "atlas fits" not in err


def test_a_missing_time_point_is_refused_with_the_way_out(folder, capsys):
    table = SERIES.copy()
    table[3] = np.nan
    np.save("a.npy", table)
    code, err = refusal(capsys, "a.npy")
    assert code == 3
    assert "a.npy" in err
    assert "1 of 40 values are missing" in err
    assert "--volumes" in err


@pytest.mark.parametrize("option", ["--low-pass", "--high-pass"])
@pytest.mark.parametrize("frequency", ["1e-9", "1e-10", "1e-300"])
def test_a_filter_that_leaves_nothing_is_blamed(folder, capsys, option, frequency):
    code, err = refusal(capsys, "run-1.nii", "--atlas", "atlas.nii", option, frequency)
    assert code == 2
    assert f"{option} {float(frequency):g} Hz: a wave takes " in err
    assert "not even a tenth of it" in err
    assert "atlas fits" not in err


def test_cleaning_that_leaves_nothing_is_blamed(folder, capsys):
    np.savetxt("straight.tsv", np.arange(60.0)[:, None] * [1, 2] + 3, delimiter="\t")
    code, err = refusal(capsys, "straight.tsv", "--detrend")
    assert code == 3
    assert "cleaning" in err


@pytest.mark.parametrize(("t_r", "unit", "why"), [
    (2000, "sec", "2000 s is not believed"), (2, "unknown", "has no unit of time"), (0, "sec", "tells no TR")])
def test_a_filter_without_a_time_step_says_why_and_of_which_run(folder, capsys, t_r, unit, why):
    nib.save(bold(1, t_r, unit), "odd.nii")
    code, err = refusal(capsys, "run-1.nii", "odd.nii", "--atlas", "atlas.nii", "--high-pass", "0.01")
    assert code == 2
    assert "odd.nii" in err
    assert why in err
    assert "--t-r" in err


def test_a_run_too_short_for_a_filter_is_named(folder):
    nib.save(bold(1).slicer[..., :12], "short.nii")
    with pytest.raises(UsageError, match=r"short\.nii.*12 time points are too few"):
        nc.correlate_rois(["run-1.nii", "short.nii"], "atlas.nii", low_pass=0.1)


@pytest.mark.parametrize(("name", "mark", "word"), [
    ("c.tsv", ",", "commas"), ("c.csv", "\t", "tabs"), ("c.csv", ";", "semicolons")])
def test_confounds_with_other_separators_are_told_so(folder, name, mark, word):
    pd.DataFrame(SERIES, columns=list("abcd")).to_csv(name, sep=mark, index=False)
    with pytest.raises(MapError, match=f"{word}.*(tabs|commas)"):
        nc.correlate_rois("run-1.nii", "atlas.nii", confounds=name)


def test_an_unknown_strategy_is_answered_with_those_there_are(folder):
    pd.DataFrame({"csf": SERIES[:, 0]}).to_csv("c.tsv", sep="\t", index=False)
    with pytest.raises(UsageError, match=r"simple.*motion24"):
        nc.correlate_rois("run-1.nii", "atlas.nii", confounds="c.tsv", strategy="simple")


def test_letters_of_another_encoding_are_called_so(folder):
    (folder / "a.csv").write_bytes("Brücke,B\n1,2\n3,5\n4,4\n".encode("latin-1"))
    with pytest.raises(MapError, match="UTF-8"):
        read_series("a.csv")


def test_an_array_that_claims_more_than_the_file_holds(folder):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000, 1000), }".ljust(117) + b"\n"
    (folder / "a.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00" + header)
    with pytest.raises(InputError, match=r"a\.npy: not an array that numpy saved"):
        nc.correlate_rois("a.npy")


def test_an_empty_name_of_a_table(folder):
    with pytest.raises(MapError, match=r"''.*name is empty"):
        nc.correlate_rois("run-1.nii", "atlas.nii", confounds="")
    with pytest.raises(MapError, match=r"''.*name is empty"):
        read_atlas("atlas.nii", "")


@pytest.mark.parametrize("wrong", [{"strategy": 5}, {"strategy": [1]}, {"detrend": "yes"}, {"standardize": 1}])
def test_values_of_a_wrong_type_are_wrong_usage(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        nc.correlate_rois(SERIES, **wrong)


def test_no_strategy_may_be_none():
    np.testing.assert_array_equal(nc.correlate_rois(SERIES, strategy=None).r, nc.correlate_rois(SERIES).r)


def test_what_pandas_calls_missing_is_missing():
    table = pd.DataFrame(SERIES).astype("Float64")
    table.iloc[3, 0] = pd.NA
    found = nc.correlate_rois(table)
    assert np.isnan(found.r.iloc[0, 1])
    assert np.isfinite(found.r.iloc[1, 2])


@pytest.mark.parametrize("form", ["file", "image", "array"])
def test_echoes_are_no_longer_run(folder, form):
    values = bold(1).get_fdata().astype(np.float32)
    image = nib.Nifti1Image(values.reshape(*SHAPE, N // 2, 2), AFFINE)
    nib.save(image, "echoes.nii")
    given = {"file": "echoes.nii", "image": image, "array": (image.get_fdata(), AFFINE)}[form]
    with pytest.raises(MapError, match=r"20×2.*echoes"):
        nc.correlate_rois(given, "atlas.nii")
    nib.save(nib.Nifti1Image(values[:, :, :, None], AFFINE), "five.nii")
    np.testing.assert_array_equal(nc.correlate_rois("five.nii", "atlas.nii").n, N)


def test_complex_series_lose_no_part_in_silence():
    with pytest.raises(MapError, match=r"column 0 .* no numbers"):
        nc.correlate_rois(pd.DataFrame(SERIES + 1j))


def test_a_run_too_short_for_p_values_promises_none(folder, capsys):
    nib.save(bold(1).slicer[..., :5], "short.nii")
    assert main(["rois", "short.nii", "--atlas", "atlas.nii", "--no-figures", "--no-report"]) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert "no p-values (null model: effective): fewer than 20 time points" in err
    assert "p and intervals from" not in err
