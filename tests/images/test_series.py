"""Region series: against nilearn, with voxels missing, and ready-made ones from tables."""

import gzip
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import cifti2_axes
from nilearn.maskers import NiftiLabelsMasker

from niicorr.errors import MapError
from niicorr.images import series as module
from niicorr.images.sampling import one_header
from niicorr.images.series import read_series, region_series, repetition_time

SHAPE = (7, 8, 6)
AFFINE = np.diag([-3.0, 3.0, 3.5, 1.0])
REGIONS = 4


def codes():
    labels = np.random.default_rng(0).integers(0, REGIONS + 1, SHAPE)
    labels[0] = 0
    return labels


def bold(n=25, dtype=np.float32, seed=1):
    rng = np.random.default_rng(seed)
    return (500 + 20 * rng.standard_normal((*SHAPE, n))).astype(dtype)


def save(path, values, t_r=2.0, unit="sec", scaling=None):
    image = nib.Nifti1Image(values, AFFINE)
    image.header.set_xyzt_units("mm", unit)
    image.header["pixdim"][4] = t_r
    if scaling:
        image.header.set_slope_inter(*scaling)
    nib.save(image, path)
    return one_header(str(path), "bold", volumes="all")


def masker(path):
    labels = nib.Nifti1Image(codes().astype(np.int32), AFFINE)
    return NiftiLabelsMasker(labels, standardize=None).fit_transform(str(path))


@pytest.mark.parametrize(("name", "dtype", "scaling"), [
    ("run.nii", np.float32, None), ("run.nii.gz", np.float64, None), ("run.nii.gz", np.int16, None),
    ("run.nii", np.int16, (0.5, 100.0)),
])
def test_equal_to_nilearn_where_nothing_is_missing(tmp_path, name, dtype, scaling):
    header = save(tmp_path / name, bold(dtype=dtype), scaling=scaling)
    found = region_series(header, codes(), REGIONS)
    np.testing.assert_allclose(found.values, masker(tmp_path / name), rtol=1e-6)
    assert found.t_r == 2
    np.testing.assert_array_equal(found.n_voxels, np.bincount(codes().ravel())[1:])
    np.testing.assert_array_equal(found.coverage, 1)
    assert found.size == (tmp_path / name).stat().st_size
    assert len(found.blake2b) == 32
    assert [d.topic for d in found.decisions] == ["t_r"]


def test_voxels_that_are_0_all_along_do_not_pull_the_mean(tmp_path):
    values, labels = bold(), codes()
    outside = (labels == 2) & (np.arange(SHAPE[1])[None, :, None] < 5)
    values[outside] = 0
    blink = tuple(np.argwhere(labels == 3)[0])
    values[blink][4] = 0  # once 0 is a value like any other
    found = region_series(save(tmp_path / "run.nii", values), labels, REGIONS)
    for k in range(1, REGIONS + 1):
        own = values[(labels == k) & ~outside]
        np.testing.assert_allclose(found.values[:, k - 1], own.mean(axis=0, dtype=np.float64), rtol=1e-7)
    assert found.n_valid[1] == found.n_voxels[1] - outside.sum()
    assert found.coverage[1] == pytest.approx(1 - outside.sum() / (labels == 2).sum())
    assert found.coverage[2] == 1
    assert f"{outside.sum()} voxels of the regions are 0 in every volume" in found.decisions[0].text


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_voxel_that_drops_out_once_is_left_out_of_all_volumes(tmp_path, bad):
    values, labels = bold(), codes()
    drops = np.argwhere(labels == 1)[:3]
    for t, place in zip((0, 7, 24), drops, strict=True):
        values[(*place, t)] = bad
    values[tuple(np.argwhere(labels == 0)[0])] = np.nan  # no region's business
    steps = []
    found = region_series(save(tmp_path / "run.nii.gz", values), labels, REGIONS, progress=steps.append)
    own = labels == 1
    own[tuple(drops.T)] = False
    np.testing.assert_allclose(found.values[:, 0], values[own].mean(axis=0, dtype=np.float64), rtol=1e-7)
    np.testing.assert_array_equal(found.n_voxels - found.n_valid, [3, 0, 0, 0])
    assert found.decisions[0].text.startswith("3 voxels of the regions are NaN or infinite in some volume")
    assert len(found.decisions) == 2
    assert sum(steps) == 25


def test_regions_without_data_are_missing(tmp_path):
    values, labels = bold(), codes()
    values[labels == 2] = np.nan
    values[labels == 4] = 0
    labels[labels == 3] = 0
    found = region_series(save(tmp_path / "run.nii", values), labels, 5)
    assert np.isnan(found.values[:, [1, 2, 3, 4]]).all()
    assert np.isfinite(found.values[:, 0]).all()
    np.testing.assert_array_equal(found.n_valid[1:], 0)
    assert found.n_voxels[2] == found.n_voxels[4] == 0
    np.testing.assert_array_equal(found.coverage, [1, 0, 0, 0, 0])


def test_what_is_no_run_is_refused(tmp_path):
    one = save(tmp_path / "one.nii", bold(1)[..., 0])
    with pytest.raises(MapError, match="one volume is no time series"):
        region_series(one, codes(), REGIONS)
    header = save(tmp_path / "run.nii", bold())
    with pytest.raises(MapError, match="no region of the atlas has a voxel"):
        region_series(header, np.zeros(SHAPE, dtype=int), REGIONS)
    with pytest.raises(ValueError, match="codes have shape"):
        region_series(header, codes()[1:], REGIONS)


def test_a_damaged_stream_is_noticed(tmp_path):
    save(tmp_path / "run.nii", bold(40))
    packed = bytearray(gzip.compress((tmp_path / "run.nii").read_bytes()))
    packed[-6] ^= 1  # the checksum at the very end
    (tmp_path / "bad.nii.gz").write_bytes(packed)
    header = one_header(str(tmp_path / "bad.nii.gz"), "bold", volumes="all")
    with pytest.raises(MapError, match="damaged"):
        region_series(header, codes(), REGIONS)


def test_one_volume_at_a_time(tmp_path, monkeypatch):
    header = save(tmp_path / "run.nii", bold(30))
    alive = []
    original = module.volumes

    def watched(*args):
        for volume in original(*args):
            alive.append(volume.shape)
            yield volume

    monkeypatch.setattr(module, "volumes", watched)
    region_series(header, codes(), REGIONS)
    assert alive == [SHAPE] * 30


@pytest.mark.parametrize(("t_r", "unit", "wanted", "text"), [
    (2.0, "sec", 2.0, "2 s, from the header"), (720.0, "msec", 0.72, "0.72 s"), (1.5e6, "usec", 1.5, "1.5 s"),
    (2.0, "unknown", None, "has no unit of time"), (0.0, "sec", None, "tells no TR"),
    (2000.0, "sec", None, "of 2000 s is not believed"), (2.0, "hz", None, "has no unit of time"),
])
def test_repetition_time(tmp_path, t_r, unit, wanted, text):
    header = save(tmp_path / "run.nii.gz", bold(3), t_r, unit)
    found, said = repetition_time(header)
    assert found == (None if wanted is None else pytest.approx(wanted))
    assert text in said[0].text
    assert region_series(header, codes(), REGIONS, t_r=3.5).t_r == 3.5


def test_repetition_time_of_other_formats(tmp_path):
    values = bold(3)
    image = nib.Nifti2Image(values, AFFINE)
    image.header.set_xyzt_units("mm", "msec")
    image.header["pixdim"][4] = 800
    nib.save(image, tmp_path / "two.nii")
    assert repetition_time(one_header(str(tmp_path / "two.nii"), "bold", volumes="all"))[0] == pytest.approx(0.8)
    nib.save(nib.Nifti1Pair(values, AFFINE, image_header("sec", 1.2)), tmp_path / "pair.img")
    assert repetition_time(one_header(str(tmp_path / "pair.img"), "bold", volumes="all"))[0] == pytest.approx(1.2)
    nib.save(nib.MGHImage(values, AFFINE), tmp_path / "run.mgz")
    header = one_header(str(tmp_path / "run.mgz"), "bold", volumes="all")
    assert repetition_time(header) == (None, [])
    assert region_series(header, codes(), REGIONS).values.shape == (3, REGIONS)
    assert repetition_time(replace(header, array=values)) == (None, [])


def image_header(unit, t_r):
    header = nib.Nifti1Header()
    header.set_data_dtype(np.float32)
    header.set_data_shape((*SHAPE, 3))
    header.set_xyzt_units("mm", unit)
    header["pixdim"][4] = t_r
    return header


TABLE = np.array([[1.5, -2, 3e3], [4, np.nan, 6], [7, 8, 9], [1, 1, 2]])


@pytest.mark.parametrize(("name", "text"), [
    ("a.csv", "L,R,M\n1.5,-2,3e3\n4,n/a,6\n7,8,9\n1,1,2\n"),
    ("b.csv", '"L";"R";"M"\n1.5;-2;3e3\n4;;6\n7;8;9\n1;1;2'),
    ("c.tsv", "\ufeffL\tR\tM\r\n1.5\t-2\t3e3\r\n4\tNaN\t6\r\n7\t8\t9\r\n1\t1\t2\r\n"),
    ("d.txt", "L R M\n1.5 -2 3e3\n4 nan 6\n 7  8 9\n1 1 2\n"),
    ("e.csv", ",L,R,M\n0,1.5,-2,3e3\n1,4,,6\n2,7,8,9\n3,1,1,2\n"),
    ("f.tsv", "time\tL\tR\tM\n0\t1.5\t-2\t3e3\n2.2\t4\tn/a\t6\n4.4\t7\t8\t9\n6.6\t1\t1\t2\n"),
])
def test_tables_with_names(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = read_series(str(tmp_path / name))
    np.testing.assert_array_equal(found.values, TABLE)
    assert found.names == ("L", "R", "M")
    assert bool(found.decisions) == (name in ("e.csv", "f.tsv"))
    assert found.coverage is None
    assert found.size == (tmp_path / name).stat().st_size


@pytest.mark.parametrize(("name", "text"), [
    ("a.csv", "1.5,-2,3e3\n4,n/a,6\n7,8,9\n1,1,2\n"),
    ("b.1D", "# made by hand\n1.5 -2 3e3\n4 nan 6\n# between\n7 8 9\n1 1 2\n"),
    ("c.1d", "1.5\t-2\t3e3\n4\tnan\t6\n7\t8\t9\n1\t1\t2\n"),
])
def test_tables_without_names(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    found = read_series(str(tmp_path / name))
    np.testing.assert_array_equal(found.values, TABLE)
    assert found.names is None


def test_a_first_column_that_only_looks_like_an_index_stays(tmp_path):
    (tmp_path / "a.csv").write_text("time,L\n1,2\n2,3\n4,1\n")
    assert read_series(str(tmp_path / "a.csv")).names == ("time", "L")
    (tmp_path / "b.csv").write_text("ACC,L\n1,2\n2,3\n3,1\n")
    assert read_series(str(tmp_path / "b.csv")).names == ("ACC", "L")


def test_names_are_unique(tmp_path):
    (tmp_path / "a.csv").write_text("L,L,,L\n1,2,5,9\n2,3,5,1\n4,1,2,2\n0,1,1,1\n")
    assert read_series(str(tmp_path / "a.csv")).names == ("L", "L (2)", "region3", "L (3)")


@pytest.mark.parametrize(("more", "said"), [(0, []), (1, ["1 byte"]), (1000, ["1\u00a0000 bytes"])])
def test_bytes_after_an_array_are_told(tmp_path, more, said):
    values = np.random.default_rng(0).standard_normal((9, 3))
    np.save(tmp_path / "a.npy", values)
    with open(tmp_path / "a.npy", "ab") as file:
        file.write(b"\0" * more)
    found = read_series(str(tmp_path / "a.npy"))
    np.testing.assert_array_equal(found.values, values)
    assert [d.text for d in found.decisions if d.topic == "file"] == [
        f"more follows after the array ({n}) and was not used" for n in said]


def test_rows_are_time_and_doubt_is_said(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 9), dtype=np.int16))
    found = read_series(str(tmp_path / "a.npy"))
    assert found.values.shape == (3, 9)
    assert found.values.dtype == np.float64
    assert "3 rows and 9 columns: rows are taken for time points" in found.decisions[0].text


@pytest.mark.parametrize(("unit", "step", "t_r"), [("SECOND", 0.8, 0.8), ("HERTZ", 0.8, None)])
def test_parcel_series(tmp_path, unit, step, t_r):
    values = np.random.default_rng(0).standard_normal((12, 3)).astype(np.float32)
    parcels = cifti2_axes.ParcelsAxis(
        ["V1_L", "V1_R", "M1"], [np.array([[k, 0, 0]]) for k in range(3)], [{}] * 3, np.eye(4), SHAPE, {})
    time = cifti2_axes.SeriesAxis(0, step, 12, unit)
    path = tmp_path / "run.ptseries.nii"
    nib.save(nib.Cifti2Image(values, (time, parcels)), path)
    found = read_series(str(path))
    np.testing.assert_array_equal(found.values, values)
    assert found.names == ("V1_L", "V1_R", "M1")
    assert found.t_r == t_r
    nib.save(nib.Cifti2Image(values.T.copy(), (parcels, time)), path)
    with pytest.raises(MapError, match="its axes are no time points and parcels"):
        read_series(str(path))


def test_tables_that_are_none_are_refused(tmp_path):
    def refused(name, content, match):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MapError, match=match):
            read_series(str(tmp_path / name))

    refused("a.csv", b"L,R\n1,2\n3\n", "has 2 columns, and 1 in row 2")
    refused("b.csv", b"L,R\n1,2\n3,big\n", "holds 'big' in row 2, column 2")
    refused("b.csv", "L,R\n1,2\n3,٣\n".encode(), "holds '٣' in row 2, column 2")
    refused("b.csv", b"L,R\n1,2\n3,1_0\n", "holds '1_0' in row 2, column 2")
    refused("c.csv", b"L,R\n1,2\n", "holds 1 row and 2 columns")
    refused("d.csv", b"# nothing\n", "holds no numbers")
    refused("e.csv", b"\xff\xfe\x00", "is no text")
    refused("f.npy", b"\x93NUMPY and then nothing", "not an array that numpy saved")
    refused("g.ptseries.nii", b"no image" * 100, "not CIFTI-2 parcel series")
    whole = tmp_path / "whole.ptseries.nii"
    parcels = cifti2_axes.ParcelsAxis(["a"], [np.array([[0, 0, 0]])], [{}], np.eye(4), SHAPE, {})
    nib.save(nib.Cifti2Image(np.zeros((9, 1)), (cifti2_axes.SeriesAxis(0, 1, 9), parcels)), whole)
    for length in (300, 700, whole.stat().st_size - 40):
        refused("cut.ptseries.nii", whole.read_bytes()[:length], "not CIFTI-2 parcel series")
    refused("h.dtseries.nii", b"no image" * 100, "no parcel series")
    refused("i.xlsx", b"PK", "known are .csv")
    np.save(tmp_path / "j.npy", np.zeros((3, 3, 3)))
    refused("j.npy", (tmp_path / "j.npy").read_bytes(), r"float64 of shape \(3, 3, 3\)")
    np.save(tmp_path / "k.npy", np.array([[None, 1], [2, 3]], dtype=object))
    refused("k.npy", (tmp_path / "k.npy").read_bytes(), "not an array that numpy saved")
    with pytest.raises(MapError, match="no such file"):
        read_series(str(tmp_path / "none.csv"))


def test_a_line_longer_than_a_table_takes(tmp_path):
    (tmp_path / "long.csv").write_text("a,b\n" + "1" * 140_000 + ",2\n3,4\n")
    with pytest.raises(MapError, match=r"long\.csv: a line cannot be read"):
        read_series(str(tmp_path / "long.csv"))


@pytest.mark.parametrize("odd", ["\x1e", "\x85", "\u2028", "\x0b"])
def test_lines_end_where_tables_end_them(tmp_path, odd):
    """str.splitlines would cut the name in two."""
    (tmp_path / "odd.csv").write_text(f"a{odd}b,c\n1,2\n3,5\n", encoding="utf-8")
    found = read_series(str(tmp_path / "odd.csv"))
    np.testing.assert_array_equal(found.values, [[1, 2], [3, 5]])
    assert len(found.names) == 2


def test_nibabel_prints_nothing_of_a_header_that_it_mends(tmp_path, caplog):
    axes = (cifti2_axes.SeriesAxis(0, 0.72, 4), cifti2_axes.ParcelsAxis(
        ["a", "b"], [np.array([[k, 1, 1]]) for k in range(2)], [{}, {}], AFFINE, SHAPE, {}))
    content = bytearray(nib.Cifti2Image(np.arange(8.0).reshape(4, 2), axes).to_bytes())
    content[348:352] = (64).to_bytes(4, "little")  # a code of the sform that is none
    (tmp_path / "odd.ptseries.nii").write_bytes(content)
    found = read_series(str(tmp_path / "odd.ptseries.nii"))
    np.testing.assert_array_equal(found.values, np.arange(8.0).reshape(4, 2))
    assert not caplog.records
