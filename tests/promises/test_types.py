"""Every stored type, byte order, scaling and container gives the number of the values it stands for."""

import numpy as np
import pytest
from promised_files import (
    AFFINE,
    SHAPE,
    binary128,
    nifti_header,
    noise,
    pack,
    related,
    reoriented,
    write_analyze,
    write_mgh,
    write_nifti,
)

RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]
A = noise(21, smooth=0.8)
B = related(22, A)

INTEGERS = ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8"]


def stored(dtype):
    """Integers that use most of the range of a type (of 64 bits: 53, what float64 can tell apart)."""
    info = np.iinfo(dtype)
    middle, reach = (float(info.max) + float(info.min)) / 2, (float(info.max) - float(info.min)) / 2
    return np.rint(middle + 0.9 * reach * A / abs(A).max()).astype(dtype)


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("dtype", [*INTEGERS, "f4", "f8"])
def test_every_real_type_in_both_byte_orders(study, dtype, order):
    data = stored(dtype) if dtype in INTEGERS else A.astype(dtype)
    study.x("typed.nii", data, order=order)
    study.y("b.nii.gz", B)
    outcome = study.run(*RAW).must_be([data.astype(np.float64)], [B])
    shown, true = outcome.maps[0]["dtype"], np.dtype(dtype)
    assert true.name in shown or shown == true.newbyteorder(order).str


def test_quadruple_precision_is_read_right_or_refused_by_name(study):
    head = nifti_header(SHAPE, fields={"datatype": 1536, "bitpix": 128}).binaryblock
    body = binary128(A.ravel(order="F"))
    study.x_paths.append(str(pack(study.tmp / "quad.nii", head + bytes(4) + body)))
    study.y("b.nii", B)
    outcome = study.run(*RAW)
    if outcome.code == 0:
        outcome.must_be([A], [B])
    else:
        outcome.must_refuse("quad.nii", "128")


@pytest.mark.parametrize(
    ("slope", "inter"), [(2.5, -3.0), (-0.01, 100.0), (1e-30, 0.0), (1e37, 5e37), (1.0, 1e6)]
)
def test_scaling_is_applied(study, slope, inter):
    raw = np.rint(A * 1000).astype("i2")
    study.x("scaled.nii.gz", raw, fields={"scl_slope": slope, "scl_inter": inter})
    study.y("b.nii", B)
    value = raw * np.float64(np.float32(slope)) + np.float64(np.float32(inter))
    outcome = study.run(*RAW).must_be([value], [B])
    assert np.sign(outcome.r[0, 0]) == np.sign(slope)


@pytest.mark.parametrize("slope", [0.0, np.nan, np.inf])
def test_a_slope_that_is_none_means_values_as_stored(study, slope):
    raw = np.rint(A * 1000).astype("i2")
    study.x("raw.nii", raw, fields={"scl_slope": slope, "scl_inter": 7})
    study.y("b.nii", B)
    study.run(*RAW).must_be([raw], [B])


def test_a_slope_with_an_intercept_that_is_no_number_never_gives_silence(study):
    raw = np.rint(A * 1000).astype("i2")
    study.x("half.nii", raw, fields={"scl_slope": 2.0, "scl_inter": np.nan})
    study.y("b.nii", B)
    outcome = study.run(*RAW)
    if outcome.code == 0:
        outcome.must_be([raw], [B])
    else:
        outcome.must_refuse("half.nii")


def test_big_endian_scaled_integers_in_gzip(study):
    raw = np.rint(A * 3000).astype("i2")
    study.x("be.nii.gz", raw, order=">", fields={"scl_slope": 0.25, "scl_inter": 12.0})
    study.y("b.nii", B)
    study.run(*RAW).must_be([raw * 0.25 + 12], [B])


# Ranges


@pytest.mark.parametrize("factor", [1e39, 1e300, 1.7e308, 1e-300, 1e-160, 1e-40, 3e-45])
@pytest.mark.parametrize("offset", [0, 1], ids=["centred", "offset"])
def test_values_beyond_the_range_of_float32(study, factor, offset):
    data = (A / abs(A).max() * (0.4 if offset else 1) + offset * 0.6) * factor
    assert np.isfinite(data).all()
    study.x("x.nii", data)
    study.y("b.nii", B)
    study.run(*RAW).must_be([data], [B])


def test_both_maps_huge_and_tiny(study):
    study.x("huge.nii", A * 1e300)
    study.x("tiny.nii", A * 1e-300)
    study.y("huge.nii", B * 1e300)
    study.y("tiny.nii", B * 1e-300)
    study.run(*RAW).must_be([A, A], [B, B])


def test_float32_at_the_end_of_its_range(study):
    data = (A / abs(A).max() * 3.4e38).astype("f4")
    study.x("x.nii", data)
    study.y("b.nii", B)
    study.run(*RAW).must_be([data], [B])


def test_a_few_voxels_beyond_float32_among_ordinary_ones(study):
    data = A.copy()
    data[8, 9, 7] = 1e200
    study.x("spike.nii", data)
    study.y("b.nii", B)
    study.run(*RAW).must_be([data], [B])


@pytest.mark.parametrize(("offset", "dtype"), [(1e6, "f4"), (1e6, "f8"), (-1e9, "f8"), (3e4, "f4")])
def test_an_offset_costs_no_digits(study, offset, dtype):
    data = (A * (10 if dtype == "f4" else 1) + offset).astype(dtype)
    study.x("far.nii", data)
    study.y("b.nii", (B + 1e6).astype("f8"))
    study.run(*RAW).must_be([data], [B + 1e6])


# Containers


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz", "x.hdr", "x.img"])
def test_nifti_containers(study, name, version):
    study.x(name, A.astype("f4"), version=version)
    study.y("b.nii", B)
    outcome = study.run(*RAW).must_be([A.astype("f4")], [B])
    assert outcome.x_labels == ["x"]


@pytest.mark.parametrize("version", [1, 2])
def test_big_endian_headers(study, version):
    study.x("x.nii", A, version=version, order=">")
    study.y("b.nii", B)
    study.run(*RAW).must_be([A], [B])


def test_header_extensions_are_stepped_over(study):
    note = np.array([64, 6], "<i4").tobytes() + b"remark".ljust(56, b"\0")
    study.x("x.nii.gz", A, extension=note, fields={"vox_offset": 352 + 64})
    study.y("b.nii", B)
    study.run(*RAW).must_be([A], [B])


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4"])
@pytest.mark.parametrize("suffix", [".mgz", ".mgh"])
def test_freesurfer_volumes(study, dtype, suffix):
    data = (A * 40 + 128).clip(1, 254).astype(dtype)
    turned, affine = reoriented(data, (0, 2, 1), (True, True, False))
    study.x("vol" + suffix, turned, affine, dtype, write=write_mgh)
    study.y("b.nii", B)
    study.run(*RAW).must_be([data], [B])


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "f4", "f8"])
def test_analyze(study, dtype, order):
    data = (A * 40 + 128).clip(1, 254).astype(dtype)
    study.x("old.img", data, dtype, order, write=write_analyze)
    study.y("b.nii", B)
    study.run(*RAW).must_be([data], [B])


def test_a_trailing_dimension_of_one_is_one_map(study):
    study.x("t.nii", A[..., None])
    study.y("b.nii", B[..., None, None])
    outcome = study.run(*RAW).must_be([A], [B])
    assert (outcome.x_labels, outcome.y_labels) == (["t"], ["b"])


def test_header_fields_that_do_not_matter_do_not(study):
    """cal_max, descrip, aux_file, intent and a bad qfac say nothing about the values."""
    fields = {"cal_max": np.nan, "descrip": b"\xff\xfe=cmd", "intent_code": 3, "slice_code": 77}
    study.x("x.nii", A, qform=0, fields=fields)
    study.y("b.nii", B)
    study.run(*RAW).must_be([A], [B])


def test_inputs_are_not_written_to(study):
    paths = [study.x("x.nii", A), study.y("b.nii.gz", B)]
    before = [(p.read_bytes(), p.stat().st_mtime_ns) for p in paths]
    study.run(*RAW)
    assert [(p.read_bytes(), p.stat().st_mtime_ns) for p in paths] == before
    assert sorted(p.name for p in (study.tmp / "x").iterdir()) == ["x.nii"]


def test_a_mask_of_any_type(study):
    inner = A > -0.5
    study.x("x.nii", A)
    study.y("b.nii", B)
    for dtype in ("u1", "i2", "f4", "f8"):
        mask = write_nifti(study.tmp / f"mask_{dtype}.nii", inner, AFFINE, dtype)
        outcome = study.run(*RAW[2:], "--mask", mask, out=study.work / dtype)
        outcome.must_be([A], [B], where=inner)
