"""What stands for a run: images, tables, folders, patterns, manifests, arrays, and in which order."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from niicorr.errors import InputError, MapError
from niicorr.images.runs import find_runs, read_runs

AFFINE = np.diag([3.0, 3, 3, 1])


def image(n=12, seed=0, t_r=2.0, unit="sec"):
    shape = (4, 5, 3) if n == 1 else (4, 5, 3, n)
    made = nib.Nifti1Image(np.random.default_rng(seed).standard_normal(shape).astype(np.float32), AFFINE)
    made.header.set_xyzt_units("mm", unit)
    if n > 1:
        made.header["pixdim"][4] = t_r
    return made


@pytest.fixture
def folder(tmp_path):
    for k in (2, 1):
        nib.save(image(seed=k), tmp_path / f"sub-01_task-rest_run-{k}_bold.nii.gz")
    nib.save(image(1), tmp_path / "anat.nii.gz")
    (tmp_path / "a.csv").write_text("L,R\n" + "".join(f"{k},{k * k}\n" for k in range(12)))
    (tmp_path / "b.tsv").write_text("L\tR\n" + "".join(f"{k}\t{k % 3}\n" for k in range(12)))
    return tmp_path


def labels(inputs):
    return [run.label for run in read_runs(find_runs(inputs))]


def test_images_by_pattern_are_called_by_what_differs(folder):
    runs = read_runs(find_runs(str(folder / "sub-*.nii.gz")))
    assert [run.label for run in runs] == ["run-1", "run-2"]
    assert [run.length for run in runs] == [12, 12]
    assert all(run.series is None and run.header.shape == (4, 5, 3) for run in runs)


def test_a_folder_stands_for_its_4d_images_and_the_others_are_said(folder):
    runs = read_runs(find_runs(folder))
    assert [run.path for run in runs] == [str(folder / f"sub-01_task-rest_run-{k}_bold.nii.gz") for k in (1, 2)]
    (said,) = runs[0].source.decisions
    assert said.text == "1 image of one volume in the folder passed over (anat.nii.gz)"
    for k in (1, 2):
        (folder / f"sub-01_task-rest_run-{k}_bold.nii.gz").unlink()
    with pytest.raises(InputError, match=r"no time series in the folder: anat\.nii\.gz has one volume"):
        read_runs(find_runs(folder))


def test_tables_of_every_kind_keep_the_order_given(folder):
    runs = read_runs(find_runs([str(folder / "b.tsv"), folder / "a.csv"]))
    assert [run.label for run in runs] == ["b", "a"]
    np.testing.assert_array_equal(runs[0].series.values[:, 1], np.arange(12) % 3)
    assert runs[1].series.names == ("L", "R")


def test_a_tsv_with_a_column_path_is_a_manifest(folder):
    (folder / "runs.tsv").write_text("path\tlabel\tgroup\nsub-01_task-rest_run-2_bold.nii.gz\tsecond\tB\n"
                                     "sub-01_task-rest_run-1_bold.nii.gz\tfirst\tA\n")
    runs = read_runs(find_runs(str(folder / "runs.tsv")))
    assert [run.label for run in runs] == ["second", "first"]
    assert runs[0].source.metadata == {"group": "B"}


def test_a_file_named_twice_is_one_run(folder):
    path = str(folder / "a.csv")
    (run,) = read_runs(find_runs([path, [path]]))
    assert run.source.decisions[0].text == "is named more than once and used once"


def test_images_and_arrays_in_memory(folder):
    made = image()
    runs = read_runs(find_runs([made, (np.asarray(made.dataobj), AFFINE),
                                nib.load(folder / "sub-01_task-rest_run-1_bold.nii.gz")]))
    assert [run.label for run in runs] == ["run 1", "run 2", "sub-01_task-rest_run-1_bold"]
    assert [run.path for run in runs[:2]] == ["run 1", "run 2"]
    assert [run.t_r for run in runs] == [2, None, 2]
    assert read_runs(find_runs(image(t_r=720, unit="msec")))[0].t_r == 0.72
    assert read_runs(find_runs(image(unit="unknown")))[0].t_r is None


def test_series_in_memory():
    values = np.random.default_rng(0).standard_normal((12, 3))
    plain, masked, named, unnamed = read_runs(find_runs([
        values, np.ma.masked_greater(values, 1), pd.DataFrame(values, columns=["L", "R", "L"]), pd.DataFrame(values)]))
    np.testing.assert_array_equal(plain.series.values, values)
    assert np.isnan(masked.series.values).sum() == (values > 1).sum() > 0
    assert named.series.names == ("L", "R", "L#2")
    assert plain.series.names is unnamed.series.names is None
    assert len(read_runs(find_runs((values, values)))) == 2


@pytest.mark.parametrize(("wrong", "error", "text"), [
    ([], InputError, "no run was named"),
    (None, InputError, "cannot read maps from NoneType"),
    (np.zeros((4, 5, 3, 9)), InputError, "cannot read maps from ndarray"),
    (pd.DataFrame({"L": [1.0, 2], "who": ["a", "b"]}), MapError, "column who of the DataFrame holds no numbers"),
    (np.zeros((1, 3)), MapError, r"an array of shape \(1, 3\): series have one row per time point"),
    (image(1), MapError, "one volume is no time series: give a 4-D image, or compare maps with niicorr run"),
])
def test_what_is_no_run_is_refused(wrong, error, text):
    with pytest.raises(error, match=text):
        read_runs(find_runs(wrong))


def test_what_is_not_there_is_named_all_at_once(folder):
    with pytest.raises(MapError, match="no file matches this pattern"):
        find_runs(str(folder / "none*.nii.gz"))
    missing = [str(folder / f"gone{k}.nii.gz") for k in range(12)]
    with pytest.raises(InputError) as caught:
        read_runs(find_runs([*missing, str(folder / "a.csv")]))
    lines = str(caught.value).splitlines()
    assert lines[0] == "12 of 13 runs cannot be used:"
    assert lines[1] == f"  {missing[0]}  no such file or folder: check the path"
    assert lines[-1] == "  … and 2 more"
    with pytest.raises(MapError, match=r"no parcel series: average it in parcels first \(.ptseries.nii\)"):
        read_runs(find_runs(str(folder / "x.dtseries.nii")))


def test_lists_of_runs_that_hold_each_other_and_lists_without_end_are_refused():
    one, deep = [], image()
    one.append([one])
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InputError, match="holds itself"):
        find_runs(one)
    with pytest.raises(InputError, match="more than 100 deep in each other"):
        find_runs(deep)
    assert len(find_runs([[[image()]], image(seed=1)])) == 2


def test_an_image_whose_file_name_cannot_be_had_is_a_run_by_number():
    class Lost(nib.Nifti1Image):
        def get_filename(self):
            raise RuntimeError

    made = image()
    assert labels([Lost(made.dataobj, AFFINE, made.header)]) == ["run 1"]
