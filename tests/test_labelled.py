"""A result as a Dataset of xarray: the numbers of ``to_frame``, over named maps."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

import niicorr as nc
from niicorr.errors import UsageError

SHAPE, AFFINE = (9, 10, 8), np.diag([8.0, 8, 8, 1])


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    import nibabel as nib

    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        nib.save(nib.Nifti1Image(rng.normal(size=SHAPE).astype(np.float32), AFFINE), folder / f"{name}.nii")
    (folder / "x.tsv").write_text("path\tdoi\tcoverage\na.nii\t10/a\tgood\nb.nii\t10/ß\t\n")
    return nc.correlate(str(folder / "x.tsv"), [str(folder / "c.nii"), str(folder / "a.nii")], mask="none")


def test_numbers_are_those_of_the_table(result):
    data, frame = result.to_xarray(), result.to_frame()
    assert data["estimate"].dims == ("y", "x")
    for _, row in frame.iterrows():
        cell = data.sel(x=row["x"], y=row["y"])
        assert str(cell["note"].item()) == row["note"]
        for column in frame.columns.drop(["x", "y", "note"]):
            np.testing.assert_equal(float(cell[{"r": "estimate"}.get(column, column)]), row[column])
    assert "same file" in data["note"].sel(x="a", y="a").item()
    assert np.isnan(data["p"].sel(x="a", y="a"))


def test_maps_are_told(result):
    data = result.to_xarray()
    assert list(data["x"].values) == ["a", "b"]
    assert list(data["y"].values) == ["c", "a"]
    assert list(data["x_doi"].values) == ["10/a", "10/ß"]
    assert list(data["x_coverage_manifest"].values) == ["good", ""]
    assert data["x_coverage"].values.tolist() == [1.0, 1.0]
    assert data["y_path"].values[0].endswith("c.nii")
    assert data["y_n_voxels"].values.tolist() == [720, 720]


def test_how_it_came_about_is_told(result):
    attrs = result.to_xarray().attrs
    assert (attrs["method"], attrs["null"], attrs["unit"]) == ("pearson", "effective", "voxel")
    assert attrs["null_text"] == result.null_text
    assert json.loads(attrs["versions"])["niicorr"] == nc.__version__
    assert ["mask", "all 720 voxels of the grid may count (--mask none)"] in json.loads(attrs["decisions"])
    assert result.to_xarray()["estimate"].attrs["long_name"] == "Pearson correlation"


def test_a_set_against_itself_and_no_null_model():
    data = nc.correlate(np.random.default_rng(0).normal(size=(3, 50)), null="none").to_xarray()
    assert set(data.data_vars) == {"estimate", "n", "note"}
    assert data.sizes == {"y": 3, "x": 3}
    assert data.attrs["same_set"] == 1
    np.testing.assert_array_equal(np.diag(data["estimate"]), 1)


def test_it_survives_a_file(result, tmp_path):
    import xarray as xr

    engines = {"netcdf4", "h5netcdf", "scipy"} & set(xr.backends.list_engines())
    if not engines:
        pytest.skip("no engine for netCDF")
    result.to_xarray().to_netcdf(tmp_path / "result.nc")
    with xr.open_dataset(tmp_path / "result.nc") as back:
        np.testing.assert_array_equal(back["estimate"], result.estimate)
        assert [str(text) for text in back["x_doi"].values] == ["10/a", "10/ß"]


def test_without_xarray_it_says_what_to_do(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(UsageError, match=r"pip install xarray, or niicorr\[xarray\]"):
        result.to_xarray()
