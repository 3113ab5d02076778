"""What a header may say: every refusal by its words, every reading by its value."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from niicorr.errors import MapError
from niicorr.images.header import choose_affine, demand_same, image_suffix, pair_halves, read_header

SHAPE = (3, 4, 5)
AFFINE = np.array([[2.0, 0, 0, -3], [0, 2.5, 0, -4], [0, 0, 3, 5], [0, 0, 0, 1]])


@pytest.fixture
def stored(tmp_path):
    """Write a float32 NIfTI-1 with header fields changed, without nibabel's checks."""

    def store(name="map.nii", size=None, *, affine=AFFINE, **fields):
        header = nib.Nifti1Header()
        header.set_data_shape(SHAPE)
        header.set_data_dtype("f4")
        header.set_sform(affine, 2)
        header.set_xyzt_units("mm")
        header["vox_offset"], header["magic"] = 352, b"n+1"
        for key, value in fields.items():
            header[key] = value
        data = header.binaryblock + bytes(4) + bytes(4 * 60 if size is None else size)
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(path)

    return store


def refusal(path, **options):
    with pytest.raises(MapError) as caught:
        read_header(path, **options)
    assert caught.value.path == path
    return caught.value.text


def dim(*sizes):
    return [len(sizes), *sizes, *[1] * (7 - len(sizes))]


def test_a_plain_header(stored):
    header = read_header(stored())
    assert (header.shape, header.n_volumes, header.offset) == (SHAPE, 1, 352)
    assert header.dtype == np.dtype("<f4")
    assert (header.slope, header.inter, header.time_series, header.decisions) == (1, 0, False, ())
    assert header.volume_bytes == 240
    np.testing.assert_array_equal(header.grid.affine, AFFINE)
    assert header.grid.known


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dim": dim(3, 4)}, "2-D image: its shape is 3×4"),
        ({"dim": dim(30)}, "1-D data"),
        ({"dim": dim(3, 0, 5)}, "zero-size image: its shape is 3×0×5"),
        ({"dim": dim(3, -4, 5)}, "zero-size image"),
        ({"dim": [0, 3, 4, 5, 1, 1, 1, 1]}, "claims 0 dimensions: it is damaged: copy the file again"),
        ({"dim": [9, 3, 4, 5, 1, 1, 1, 1]}, "claims 9 dimensions"),
        ({"dim": dim(60, 1, 1)}, "surface data: a vector of 60 values"),
        ({"dim": dim(1, 60, 1)}, "surface data: a vector of 60 values"),
        ({"datatype": 32}, "complex64"),
        ({"datatype": 128}, "RGB"), ({"datatype": 32}, "niicorr needs one real number per voxel"),
        ({"datatype": 0}, "no data type"),
        ({"datatype": 999}, "data type code 999 is unknown"),
        ({"vox_offset": 351}, "begin at byte 351"),
        ({"vox_offset": np.nan}, "begin at byte nan"),
        ({"vox_offset": 352.5}, "begin at byte 352.5"),
        ({"scl_slope": 2, "scl_inter": np.nan}, "scl_inter is nan"),
        ({"magic": b"ni1"}, "separate .img file"),
        ({"sizeof_hdr": 349}, "not a NIfTI"),
        ({"srow_x": [0, 0, 0, 0]}, "singular"),
        ({"srow_x": [np.nan, 0, 0, 0]}, "NaN or infinity"),
        ({"sform_code": 0, "qform_code": 1, "quatern_b": 2}, "the qform is unusable"),
        ({"sform_code": 0, "qform_code": 1, "pixdim": [2.5, 2, 2, 2, 1, 1, 1, 1]}, "the qform is unusable (qfac"),
    ],
)
def test_a_header_that_cannot_be_believed_says_why(stored, fields, words):
    assert words in refusal(stored(**fields))


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
@pytest.mark.parametrize(("code", "bits", "size", "taken"), [
    (4, 32, 120, "int16"), (2, 32, 60, "uint8"), (16, 64, 240, "float32"), (64, 32, 480, "float64"),
    (1536, 64, 960, "float128"), (4, -16, 120, "int16"), (4, 0, 120, ""), (4, 16, 120, ""), (4, 16, 240, "")])
def test_bits_of_another_type_do_no_harm_where_the_length_fits(stored, name, code, bits, size, taken):
    """Some programs write the bits of another type, and the voxels right; others leave them 0."""
    found = read_header(stored(name, size, datatype=code, bitpix=bits))
    assert found.dtype.itemsize * 60 == (size if taken else 120)
    assert [decision.text for decision in found.decisions] == ([] if not taken else [
        f"bitpix is {str(bits).replace('-', '−')}, and a voxel of datatype {code} ({taken}) has "
        f"{8 * found.dtype.itemsize} bits: {taken} is taken, as the file's length bears out"])
    assert found.doubts == ()


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
@pytest.mark.parametrize(("code", "bits", "size"), [(4, 32, 240), (4, 32, 121), (2, 16, 120), (16, 8, 241)])
def test_a_header_that_contradicts_itself_and_the_length_is_refused(stored, name, code, bits, size):
    text = refusal(stored(name, size, datatype=code, bitpix=bits))
    kind = {4: "int16) has 16", 2: "uint8) has 8", 16: "float32) has 32"}[code]
    assert text.startswith(f"the header contradicts itself: bitpix is {bits}, and a voxel of datatype {code} ({kind} "
                           "bits. Nor is the file as long as ")
    assert text.endswith("mend the header (for instance from the image it was made from)")


@pytest.mark.parametrize("bits", [16, 0, 32])
def test_bits_of_an_analyze_file(tmp_path, bits):
    header = nib.Spm99AnalyzeHeader()
    header.set_data_shape(SHAPE)
    header.set_data_dtype("i2")
    header["bitpix"] = bits
    (tmp_path / "a.hdr").write_bytes(header.binaryblock)
    for size, refused in ((120, False), (240, bits == 32)):
        (tmp_path / "a.img").write_bytes(bytes(size))
        if refused:
            assert "bitpix is 32, and a voxel of datatype 4 (int16) has 16 bits" in refusal(str(tmp_path / "a.hdr"))
        else:
            told = [decision.text for decision in read_header(str(tmp_path / "a.hdr")).decisions]
            assert sum("bitpix is 32" in text for text in told) == (bits == 32)


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
def test_voxels_at_byte_0_of_a_single_file_begin_after_its_header_where_the_length_says_so(stored, name):
    """nibabel takes the header for voxels then, and others begin at byte 348."""
    found = read_header(stored(name, 240, vox_offset=0))
    assert (found.offset, [decision.text for decision in found.decisions]) == (352, [
        "vox_offset is 0, and no voxel of a single file lies before byte 352: byte 352 is taken, as the file's length "
        "bears out"])
    assert "Nor is the file as long as byte 352 would make it (592 bytes)" in refusal(stored(name, 256, vox_offset=0))
    both = refusal(stored(name, 240, vox_offset=0, datatype=4, bitpix=32))
    assert "bits; vox_offset is 0" in both
    assert "as int16 and byte 352 would make it (472 bytes)" in both


def test_a_short_file_and_a_lying_gzip(stored):
    assert "ends early (588 bytes of 592 bytes)" in refusal(stored(size=236))
    assert "more than" in refusal(stored("map.nii.gz", dim=dim(400, 400, 400)))
    assert read_header(stored("map.nii.gz", size=0)).shape == SHAPE  # only inflating will tell


def test_a_large_volume_is_refused_at_the_limit_and_not_below(stored):
    path = stored(size=4 * 60)
    assert "one volume of 3×4×5 voxels" in refusal(path, max_map_size=239)
    assert read_header(path, max_map_size=240).shape == SHAPE


def test_small_types_count_as_the_floats_they_become(stored):
    assert "would take" in refusal(stored(datatype=2, bitpix=8), max_map_size=239)


@pytest.mark.parametrize(
    ("sizes", "volumes"), [((3, 4, 5, 1), 1), ((3, 4, 5, 2), 2), ((3, 4, 5, 1, 3), 3), ((3, 4, 5, 2, 1, 2), 4)]
)
def test_further_axes_are_volumes(stored, sizes, volumes):
    header = read_header(stored(dim=dim(*sizes), size=240 * volumes))
    assert (header.shape, header.n_volumes) == (SHAPE, volumes)


@pytest.mark.parametrize(
    ("count", "units", "tr", "series"),
    [(21, 8, 2.0, True), (20, 8, 2.0, False), (21, 0, 2.0, False), (21, 8, 0.0, False), (21, 16, 2.0, True),
     (21, 8, np.nan, False), (21, 32, 2.0, False)],
)
def test_a_time_series_has_a_unit_of_time_a_tr_and_many_volumes(stored, count, units, tr, series):
    pixdim = [1, 2, 2.5, 3, tr, 1, 1, 1]
    path = stored(dim=dim(*SHAPE, count), xyzt_units=2 | units, pixdim=pixdim, size=240 * count)
    assert read_header(path).time_series is series


@pytest.mark.parametrize(("code", "factor", "said"), [(0, 1, ""), (1, 1000, "metre"), (2, 1, ""), (3, 0.001, "micron"),
                                                      (5, 1, "unknown (code 5)")])
def test_units_of_length(stored, code, factor, said):
    affine = AFFINE / [[10], [10], [10], [1]]
    header = read_header(stored(xyzt_units=code, affine=affine))
    np.testing.assert_allclose(header.grid.affine[:3], factor * affine[:3], rtol=1e-6)
    np.testing.assert_array_equal(header.grid.affine[3], [0, 0, 0, 1])
    assert said in "".join(decision.text for decision in header.decisions)


@pytest.mark.parametrize(("slope", "inter", "expected"), [(2, 3, (2, 3)), (0, 3, (1, 0)), (np.nan, 3, (1, 0)),
                                                          (np.inf, np.nan, (1, 0)), (-0.5, 0, (-0.5, 0))])
def test_scaling(stored, slope, inter, expected):
    header = read_header(stored(scl_slope=slope, scl_inter=inter))
    assert (header.slope, header.inter) == expected


@pytest.mark.parametrize(("s_code", "q_code", "mni"), [(4, 0, True), (0, 4, True), (2, 4, False), (4, 2, True)])
def test_the_code_of_the_form_that_is_used_says_mni(stored, s_code, q_code, mni):
    header = read_header(stored(sform_code=s_code, qform_code=q_code, pixdim=[1, 2, 2.5, 3, 1, 1, 1, 1]))
    assert header.grid.mni is mni


def test_no_code_means_no_orientation_and_usable_edges(stored):
    header = read_header(stored(sform_code=0, pixdim=[1, 2, 0, np.nan, 1, 1, 1, 1]))
    assert (header.grid.known, header.grid.orientation) == (False, "???")
    assert header.grid.voxel_mm == (2, 1, 1)
    assert [decision.topic for decision in header.decisions] == ["affine"]


@pytest.mark.parametrize(("code", "said"), [
    (65, "sform_code is 65, which names no space: it counts all the same, though other readers leave the sform out"),
    (-3, "sform_code is −3, which names no space: it counts as 0"), (5, ""), (1, "")])
def test_a_code_that_names_no_space_is_told(stored, code, said):
    header = read_header(stored(sform_code=code, pixdim=[1, 2, 2.5, 3, 1, 1, 1, 1]))
    assert header.grid.known is (code > 0)
    assert header.grid.space_code == (code if not said else 0)
    assert (said in [decision.text for decision in header.decisions]) is bool(said)
    assert len(header.decisions) == bool(said) + (code < 0)
    other = read_header(stored(sform_code=0, qform_code=code, pixdim=[1, 2, 2.5, 3, 1, 1, 1, 1]))
    assert (said.replace("sform", "qform") in [decision.text for decision in other.decisions]) is bool(said)
    assert other.grid.known is (code > 0)


@pytest.mark.parametrize("quaternion", [(0, 0, 0), (0, 1, 0), (0.5, 0.5, 0.1)])
def test_a_qfac_of_0_is_1_as_the_standard_has_it(stored, quaternion):
    places = dict(zip(("quatern_b", "quatern_c", "quatern_d"), quaternion, strict=True))
    path = stored(sform_code=0, qform_code=1, pixdim=[0, 2, 2.5, 3, 1, 1, 1, 1], qoffset_x=7, **places)
    header = read_header(path)
    np.testing.assert_allclose(header.grid.affine, nib.load(path).affine, atol=1e-6)
    told = "pixdim[0], which tells left-handed voxels, is 0: 1 is taken, as the standard has it"
    assert [decision.text for decision in header.decisions] == [told]
    both = read_header(stored(qform_code=1, pixdim=[0, 2, 2.5, 3, 1, 1, 1, 1], qoffset_x=AFFINE[0, 3] + 7,
                              qoffset_y=AFFINE[1, 3], qoffset_z=AFFINE[2, 3]))
    assert [decision.text for decision in both.decisions] == ["sform and qform differ by up to 7 mm; the sform is used"]


@pytest.mark.parametrize(("magic", "end", "words"), [
    (b"n+1", b"\r\n\x1a\n", "not a NIfTI-2 image (magic b'n+1\\x00')"), (b"n+2", bytes(4), ""),
    (b"n+2", b"\r\n\x1a\n", ""), (b"n+2x", b"\r\n\x1a\n", "not a NIfTI-2 image (magic b'n+2x')"),
    (b"n+2", b"\n\x1a\n\0", "bytes 8 to 11 are 0a 1a 0a 00, not 0d 0a 1a 0a: line ends were changed on the way: copy "
                             "the file again, not as text")])
def test_the_signature_of_nifti_2(tmp_path, magic, end, words):
    header = nib.Nifti2Header()
    header.set_data_shape(SHAPE)
    header["magic"], header["vox_offset"] = magic, 544
    block = bytearray(header.binaryblock)
    block[8:12] = end
    (tmp_path / "a.nii").write_bytes(bytes(block) + bytes(4 + 240))
    if words:
        assert words in refusal(str(tmp_path / "a.nii"))
    else:
        assert read_header(str(tmp_path / "a.nii")).shape == SHAPE


def test_sform_before_qform_and_how_far_they_differ():
    other = AFFINE.copy()
    other[0, 3] += 7
    affine, decisions = choose_affine("map", AFFINE, other, 1.0, SHAPE)
    np.testing.assert_array_equal(affine, AFFINE)
    assert "differ by up to 7 mm" in decisions[0].text
    affine, decisions = choose_affine("map", None, other, 100.0, SHAPE)
    np.testing.assert_array_equal(affine[:3], 100 * other[:3])
    assert decisions == []
    assert choose_affine("map", AFFINE, AFFINE + 1e-4 * (AFFINE == -3), 1.0, SHAPE)[1] == []
    assert "qform is unusable" in choose_affine("map", AFFINE, np.full((4, 4), np.nan), 1.0, SHAPE)[1][0].text
    with pytest.raises(MapError, match="singular"):
        choose_affine("map", 0 * AFFINE, AFFINE, 1.0, SHAPE)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Header, nib.Nifti2Header])
def test_both_versions_in_both_byte_orders(tmp_path, order, kind):
    header = kind(endianness=order)
    header.set_data_shape((*SHAPE, 2))
    header.set_data_dtype("i2")
    header.set_sform(AFFINE, 1)
    offset = 352 if kind is nib.Nifti1Header else 544
    header["vox_offset"] = offset
    header["magic"] = b"n+1" if kind is nib.Nifti1Header else b"n+2"
    path = tmp_path / "map.nii"
    path.write_bytes(header.binaryblock + bytes(4) + bytes(2 * 60 * 2))
    found = read_header(str(path))
    assert (found.shape, found.n_volumes, found.offset) == (SHAPE, 2, offset)
    assert (found.dtype.newbyteorder("=").name, found.big_endian) == ("int16", order == ">")
    np.testing.assert_allclose(found.grid.affine, AFFINE)


def test_cifti_and_other_files_by_name(tmp_path, stored):
    header = nib.Nifti2Header()
    header.set_data_shape(SHAPE)
    header["magic"], header["intent_code"], header["vox_offset"] = b"n+2", 3006, 544
    path = tmp_path / "x.dscalar.nii"
    path.write_bytes(header.binaryblock + bytes(400))
    assert refusal(str(path)) == ("this is surface data (CIFTI-2): niicorr compares volumes; surfaces are not read yet")
    for name, words in (("a.gii", "GIFTI"), ("a.HEAD", "AFNI"), ("a.mnc", "MINC")):
        (tmp_path / name).write_bytes(b"x" * 400)
        assert words in refusal(str(tmp_path / name))
    assert refusal(str(tmp_path / "b.gii")).startswith("no such file")
    (tmp_path / "xml.nii").write_bytes(b"<?xml version='1.0'?>" + bytes(400))
    assert "XML" in refusal(str(tmp_path / "xml.nii"))


@pytest.mark.parametrize("page", [
    b"<!DOCTYPE html>\n<title>Log in</title>", b"\n  <html lang='en'><head>", b"\xef\xbb\xbf<HTML>",
    b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0 Strict//EN' 'xhtml1-strict.dtd'>",
    b"<!-- made by a portal -->\n<html>",
])
@pytest.mark.parametrize("name", ["page.nii.gz", "page.nii", "page.mgz"])
def test_a_page_that_was_saved_in_place_of_a_map_is_told(tmp_path, page, name):
    (tmp_path / name).write_bytes(page + b" " * 500)
    said = refusal(str(tmp_path / name))
    assert said.startswith("this is an HTML page, not a volume: likely one that asks for a login")
    assert "download the file again" in said


def test_other_xml_is_no_page(tmp_path):
    (tmp_path / "a.nii").write_bytes(b'<?xml version="1.0"?>\n<!DOCTYPE GIFTI SYSTEM "gifti.dtd"><GIFTI>' + bytes(400))
    assert refusal(str(tmp_path / "a.nii")).startswith("this is XML, such as GIFTI surface data")


@pytest.mark.parametrize(("limit", "words"), [(1, "1 byte"), (900, "900 bytes"), (1500, "1.46 KiB")])
def test_sizes_are_told_in_units_that_show_them(tmp_path, limit, words):
    nib.save(nib.Nifti1Image(np.ones((8, 9, 7), np.float32), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(MapError) as refused:
        read_header(str(tmp_path / "a.nii"), max_map_size=limit)
    assert f"would take 1.97 KiB of memory (limit {words})" in str(refused.value)


@pytest.mark.parametrize(("name", "compressed", "words"), [("a.nii.gz", False, "not compressed"),
                                                           ("a.nii", True, "gzip-compressed")])
def test_a_name_that_lies_about_compression_is_said(tmp_path, stored, name, compressed, words):
    with open(stored("right.nii"), "rb") as file:
        data = file.read()
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if compressed else data)
    header = read_header(str(path))
    assert words in header.decisions[0].text


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.nii", ".nii"), ("A.NII.GZ", ".nii.gz"), ("a.b.nii.bz2", ".nii.bz2"), ("a.hdr", ".hdr"),
     ("a.IMG.gz", ".img.gz"), ("a.mgz", ".mgz"), ("a.mgh.gz", ".mgh.gz"), ("a+orig.BRIK.gz", ".brik.gz"),
     ("nii", ""), ("a.gz", ""), ("a.txt", ""), ("folder.nii/a", "")],
)
def test_suffixes(name, suffix):
    assert image_suffix(name) == suffix


@pytest.mark.parametrize(("header", "image"), [("a.hdr", "a.img"), ("A.HDR", "A.IMG"), ("a.hdr.gz", "a.img.gz"),
                                               ("a.hdr", "a.img.gz"), ("a.hdr.gz", "a.img")])
def test_either_half_of_a_pair_finds_the_other(tmp_path, header, image):
    paths = str(tmp_path / header), str(tmp_path / image)
    for path in paths:
        open(path, "wb").close()
    assert pair_halves(paths[0]) == pair_halves(paths[1]) == paths


def test_half_a_pair_names_the_missing_half(tmp_path):
    (tmp_path / "a.hdr").touch()
    with pytest.raises(MapError, match=r"its other half a\.img is missing"):
        pair_halves(str(tmp_path / "a.hdr"))
    assert pair_halves("b.nii") == ("b.nii", "b.nii")


def test_half_a_pair_that_says_it_is_whole(tmp_path, stored):
    whole = Path(stored()).read_bytes()
    (tmp_path / "a.hdr").write_bytes(whole[:348])
    (tmp_path / "a.img").write_bytes(whole[352:])
    assert refusal(str(tmp_path / "a.hdr")) == (
        "its header says that header and voxels are in one file, yet this is one of a pair: rename the file that holds "
        "both to .nii")


def test_analyze_has_no_sides_and_spm_scaling(tmp_path):
    for scale in (0.0, 0.5):
        header = nib.Spm99AnalyzeHeader(endianness=">")
        header.set_data_shape(SHAPE)
        header.set_data_dtype("i2")
        header["pixdim"][1:4], header["scl_slope"] = (2, 3, 4), scale
        (tmp_path / "a.hdr").write_bytes(header.binaryblock)
        (tmp_path / "a.img").write_bytes(bytes(120))
        found = read_header(str(tmp_path / "a.img"))
        assert (found.grid.known, found.grid.voxel_mm, found.grid.shape) == (False, (2, 3, 4), SHAPE)
        assert (found.slope, found.inter) == (scale or 1, 0)
        assert found.dtype == np.dtype(">i2")
        assert "left and right" in found.decisions[0].text


@pytest.mark.parametrize("magic", [b"ni0", b"oi1", b"n\0001", b"ni1\1"])
def test_a_pair_with_one_wrong_letter_in_its_magic_is_no_analyze(tmp_path, stored, magic):
    whole = Path(stored()).read_bytes()
    (tmp_path / "a.hdr").write_bytes(whole[:344] + magic.ljust(4, b"\0"))
    (tmp_path / "a.img").write_bytes(whole[352:])
    assert refusal(str(tmp_path / "a.hdr")) == (
        f"not a NIfTI-1 image (magic {magic.ljust(4, bytes(1))!r}): copy the file again")


def test_mgh(tmp_path):
    image = nib.MGHImage(np.zeros((*SHAPE, 2), "f4"), AFFINE)
    nib.save(image, str(tmp_path / "a.mgz"))
    found = read_header(str(tmp_path / "a.mgz"))
    assert (found.shape, found.n_volumes, found.dtype, found.offset) == (SHAPE, 2, np.dtype(">f4"), 284)
    np.testing.assert_allclose(found.grid.affine, AFFINE, atol=1e-5)
    with gzip.open(tmp_path / "a.mgz") as file:
        data = bytearray(file.read())
    data[20:24] = struct.pack(">i", 77)
    (tmp_path / "b.mgh").write_bytes(data)
    assert "data type code 77 is unknown" in refusal(str(tmp_path / "b.mgh"))
    data[:4] = b"\0\0\0\2"
    (tmp_path / "c.mgh").write_bytes(data)
    assert "not an MGH image" in refusal(str(tmp_path / "c.mgh"))


@pytest.mark.parametrize(("name", "code", "words"), [
    ("a.gii", None, "surface data (GIFTI): "), ("a.mnc", None, "a MINC file: convert it with mnc2nii"),
    ("a.HEAD", None, "an AFNI dataset: convert it with 3dAFNItoNIFTI"),
    ("a.nii", 9999, "9999 is unknown: it is damaged"), ("a.nii", 2048, "complex numbers (complex256): "),
    ("a.mgh", 77, "code 77 is unknown: convert it to NIfTI"),
    ("a.hdr", 9999, "9999 is unknown: it is damaged"),
])
def test_a_refusal_says_what_is_wrong_and_what_to_do(tmp_path, stored, name, code, words):
    path = tmp_path / name
    if name.endswith(".nii"):
        stored(name, datatype=code)
    elif name.endswith(".mgh"):
        data = bytearray(nib.MGHImage(np.zeros(SHAPE, "f4"), AFFINE).to_bytes())
        data[20:24] = struct.pack(">i", code)
        path.write_bytes(data)
    elif name.endswith(".hdr"):
        header = nib.Spm99AnalyzeHeader()
        header.set_data_shape(SHAPE)
        header["datatype"] = code
        path.write_bytes(header.binaryblock)
        (tmp_path / "a.img").write_bytes(bytes(120))
    else:
        path.write_bytes(b"x" * 400)
    assert words in refusal(str(path))


def test_a_pair_of_which_nothing_is_there_is_no_file(tmp_path):
    with pytest.raises(MapError) as caught:
        pair_halves(str(tmp_path / "a.hdr"))
    assert caught.value.text == "no such file or folder: check the path"
    assert caught.value.path == str(tmp_path / "a.hdr")


def test_an_analyze_file_whose_voxels_begin_nowhere_is_named(tmp_path):
    header = nib.Spm99AnalyzeHeader()
    header.set_data_shape(SHAPE)
    header["vox_offset"] = np.nan
    (tmp_path / "a.hdr").write_bytes(header.binaryblock)
    (tmp_path / "a.img").write_bytes(bytes(400))
    with pytest.raises(MapError) as caught:
        read_header(str(tmp_path / "a.hdr"))
    assert caught.value.path == str(tmp_path / "a.hdr")


def test_an_mgh_file_may_know_no_sides_and_tags_may_follow(tmp_path):
    data = bytearray(nib.MGHImage(np.zeros(SHAPE, "f4"), AFFINE).to_bytes())
    (tmp_path / "known.mgh").write_bytes(data)
    data[28:30] = b"\1\0"  # goodRASFlag, of two bytes
    (tmp_path / "b.mgh").write_bytes(data)
    assert read_header(str(tmp_path / "b.mgh")).grid.known
    data[28:30] = bytes(2)
    (tmp_path / "a.mgh").write_bytes(data)
    known, unknown = (read_header(str(tmp_path / name)) for name in ("known.mgh", "a.mgh"))
    assert (known.grid.known, unknown.grid.known) == (True, False)
    np.testing.assert_allclose(unknown.grid.voxel_mm, (1, 1, 1))  # sizes are not to be believed either
    assert known.trailer == unknown.trailer == "tags"


def test_a_file_that_changed_since_its_header_was_read_is_told_of(stored):
    path = stored()
    header = read_header(path)
    with open(path, "rb") as file:
        block = file.read(header.offset)
    demand_same(header, block)
    with pytest.raises(MapError) as caught:
        demand_same(header, b"x" + block[1:])
    assert caught.value.text == "the file changed after its header had been read: run again when nothing writes to it"
