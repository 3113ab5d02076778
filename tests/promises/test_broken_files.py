"""Rule 10 and issue 2.8: files that are cut, corrupt, lying or hostile are named, and never give a number."""

import gzip
import json
import os
import struct
import time
import zlib

import nibabel as nib
import numpy as np
import pytest
from promised_files import (
    BRAIN,
    SHAPE,
    centred,
    cut,
    endless_gzip,
    flip_bit,
    nifti_bytes,
    nifti_header,
    noise,
    pack,
    related,
    write_analyze,
    write_mgh,
    write_nifti,
)

RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]
A = noise(201)
B = related(202, A)


@pytest.fixture
def judged(study):
    """Run one suspicious file against a good one."""

    def judge(path, *options):
        study.x_paths = [str(path)]
        study.y_paths = []
        study.y("good.nii", B)
        return study.run(*RAW, *options)

    judge.dir = study.tmp / "x"
    judge.dir.mkdir()
    judge.study = study
    return judge


def right_or_refused(outcome, name):
    if outcome.code == 0:
        outcome.must_be([A], [B])
    else:
        outcome.must_refuse(name)


# Cut and corrupted


@pytest.mark.parametrize("keep", [0, 1, 200, 348, 352, 0.5, -1])
def test_a_cut_nii(judged, keep):
    path = write_nifti(judged.dir / "cut.nii", A)
    cut(path, keep)
    judged(path).must_refuse("cut.nii")


@pytest.mark.parametrize("keep", [0, 1, 5, 100, 0.5, -9, -8, -4, -1])
def test_a_cut_gzip(judged, keep):
    path = write_nifti(judged.dir / "cut.nii.gz", A)
    cut(path, keep)
    judged(path).must_refuse("cut.nii.gz")


def test_data_cut_before_compression(judged):
    path = pack(judged.dir / "short.nii.gz", nifti_bytes(A)[:-800])
    judged(path).must_refuse("short.nii.gz")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_one_flipped_bit_in_a_gzip_stream(judged, share):
    """nibabel reads such files without a word if the bit decodes to something."""
    path = write_nifti(judged.dir / "flipped.nii.gz", np.rint(A * 20).astype("i2"))
    flip_bit(path, int(path.stat().st_size * share))
    judged(path).must_refuse("flipped.nii.gz")


def test_one_flipped_bit_in_stored_gzip_blocks(judged):
    """Stored (uncompressed) blocks inflate without an error whatever their bytes say: only the CRC knows."""
    path = judged.dir / "flipped.nii.gz"
    path.write_bytes(gzip.compress(nifti_bytes(A), 0))
    flip_bit(path, 20000)
    judged(path).must_refuse("flipped.nii.gz")


@pytest.mark.parametrize("at", [-6, -2], ids=["crc", "length"])
def test_a_wrong_gzip_trailer(judged, at):
    path = write_nifti(judged.dir / "trailer.nii.gz", A)
    flip_bit(path, at)
    judged(path).must_refuse("trailer.nii.gz")


def test_gzip_of_several_members_is_read_whole(judged):
    content = nifti_bytes(A)
    path = judged.dir / "members.nii.gz"
    path.write_bytes(b"".join(gzip.compress(content[i : i + 7000]) for i in range(0, len(content), 7000)))
    judged(path).must_be([A], [B])


def test_a_member_cut_off_at_a_boundary_is_noticed(judged):
    content = nifti_bytes(A)
    path = judged.dir / "members.nii.gz"
    starts = range(0, len(content) - 7000, 7000)
    path.write_bytes(b"".join(gzip.compress(content[i : i + 7000]) for i in starts))
    judged(path).must_refuse("members.nii.gz")


def test_a_bad_last_member_is_noticed(judged):
    content = nifti_bytes(A)
    path = judged.dir / "members.nii.gz"
    path.write_bytes(gzip.compress(content[:9000]) + gzip.compress(content[9000:]))
    flip_bit(path, -6)
    judged(path).must_refuse("members.nii.gz")


def test_every_optional_field_of_a_gzip_header(judged):
    """Extra field (as bgzip writes), file name, comment and header checksum."""
    content = nifti_bytes(A)
    head = b"\x1f\x8b\x08\x1e" + bytes(6) + struct.pack("<H", 6) + b"BC\2\0\1\2" + b"name.nii\0" + b"remark\0"
    body = zlib.compressobj(6, zlib.DEFLATED, -15)
    stream = head + struct.pack("<H", zlib.crc32(head) & 0xFFFF) + body.compress(content) + body.flush()
    path = judged.dir / "fields.nii.gz"
    path.write_bytes(stream + struct.pack("<II", zlib.crc32(content), len(content)))
    judged(path).must_be([A], [B])


def test_an_empty_member_between_others(judged):
    content = nifti_bytes(A)
    path = judged.dir / "members.nii.gz"
    path.write_bytes(gzip.compress(content[:500]) + gzip.compress(b"") + gzip.compress(content[500:]))
    judged(path).must_be([A], [B])


def test_a_volume_cut_off_a_stack_refuses_the_whole_file(judged):
    path = pack(judged.dir / "stack.nii.gz", nifti_bytes(np.stack([A, A + 1, B], axis=-1))[:-5000])
    judged(path).must_refuse("stack.nii.gz")
    judged(path, "--volumes", "0:1").must_refuse("stack.nii.gz")


def test_zero_padding_after_gzip_is_harmless(judged):
    path = write_nifti(judged.dir / "padded.nii.gz", A)
    path.write_bytes(path.read_bytes() + bytes(512))
    judged(path).must_be([A], [B])


def test_rubbish_after_gzip_is_no_silent_number(judged):
    path = write_nifti(judged.dir / "rubbish.nii.gz", A)
    path.write_bytes(path.read_bytes() + b"rubbish")
    right_or_refused(judged(path), "rubbish.nii.gz")


def test_bytes_after_the_data_are_harmless(judged):
    judged(pack(judged.dir / "longer.nii", nifti_bytes(A) + bytes(1000))).must_be([A], [B])


@pytest.mark.parametrize("name", ["plain.nii.gz", "packed.nii"])
def test_a_suffix_that_lies_about_compression(judged, name):
    content = nifti_bytes(A)
    path = judged.dir / name
    path.write_bytes(content if name.endswith(".gz") else gzip.compress(content))
    right_or_refused(judged(path), name)


# Not what the name says


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".mgz", ".mgh", ".hdr", ".img"])
def test_a_text_file(judged, suffix):
    path = judged.dir / f"notes{suffix}"
    path.write_text("This is no image. " * 40)
    judged(path).must_refuse("notes")


@pytest.mark.parametrize("name", ["empty.nii", "empty.nii.gz", "empty.mgz", "empty.img"])
def test_an_empty_file(judged, name):
    path = judged.dir / name
    path.write_bytes(b"")
    judged(path).must_refuse(name)


@pytest.mark.parametrize("start", [b"\x89PNG\r\n\x1a\n", b"PK\3\4", b"\0\0\0\0"], ids=["png", "zip", "zeros"])
def test_another_format(judged, start):
    path = judged.dir / "other.nii"
    path.write_bytes(start + bytes(5000))
    judged(path).must_refuse("other.nii")


def test_gzip_of_text(judged):
    judged(pack(judged.dir / "text.nii.gz", b"hello " * 1000)).must_refuse("text.nii.gz")


def test_a_directory_named_like_an_image(judged):
    path = judged.dir / "folder.nii"
    path.mkdir()
    judged(path).must_refuse("folder.nii")


def test_a_missing_file(judged):
    judged(judged.dir / "absent.nii.gz").must_refuse("absent.nii.gz")


def test_a_pattern_that_matches_nothing(judged):
    judged(judged.dir / "nothing_*.nii").must_refuse("nothing_*.nii")


def test_a_dangling_link(judged):
    path = judged.dir / "link.nii"
    path.symlink_to(judged.dir / "gone.nii")
    judged(path).must_refuse("link.nii")


def test_a_good_link_is_followed(judged):
    path = judged.dir / "link.nii"
    path.symlink_to(write_nifti(judged.study.tmp / "target.nii", A))
    judged(path).must_be([A], [B])


def test_a_pipe_is_refused_and_never_waited_for(study, process):
    path = study.tmp / "pipe.nii"
    os.mkfifo(path)
    good = study.y("good.nii", B)
    process("run", "-x", path, "-y", good, "-o", study.out, timeout=30).must_refuse("pipe.nii")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(judged):
    path = write_nifti(judged.dir / "secret.nii", A)
    path.chmod(0)
    outcome = judged(path)
    outcome.must_refuse("secret.nii", code=outcome.code if outcome.code in (3, 4) else 3)


@pytest.mark.parametrize("half", [".hdr", ".img"])
def test_half_a_pair(judged, half):
    path = write_nifti(judged.dir / "pair.hdr", A)
    path.with_suffix({".hdr": ".img", ".img": ".hdr"}[half]).unlink()
    judged(path.with_suffix(half)).must_refuse("pair")


def test_a_pair_with_a_short_image(judged):
    path = write_nifti(judged.dir / "pair.hdr", A)
    cut(path.with_suffix(".img"), 0.7)
    judged(path).must_refuse("pair")


@pytest.mark.parametrize("keep", [0.5, 100, 300])
def test_a_cut_mgh(judged, keep):
    path = write_mgh(judged.dir / "cut.mgh", A)
    cut(path, keep)
    judged(path).must_refuse("cut.mgh")


def test_a_cut_mgz(judged):
    path = write_mgh(judged.dir / "cut.mgz", A)
    cut(path, 0.5)
    judged(path).must_refuse("cut.mgz")


# Headers that lie


@pytest.mark.parametrize(
    "fields",
    [
        {"datatype": 9999, "bitpix": 64},
        {"datatype": 1, "bitpix": 1},
        {"datatype": 0, "bitpix": 0},
        {"dim": (3, -16, 18, 14, 1, 1, 1, 1)},
        {"dim": (9, 16, 18, 14, 1, 1, 1, 1)},
        {"dim": (0, 16, 18, 14, 1, 1, 1, 1)},
        {"dim": (-1, 16, 18, 14, 1, 1, 1, 1)},
        {"dim": (3, 16, 18, 15, 1, 1, 1, 1)},
        {"dim": (3, 30000, 30000, 30000, 1, 1, 1, 1)},
        {"dim": (7, 32767, 32767, 32767, 32767, 32767, 32767, 32767)},
        {"vox_offset": 1e9},
        {"vox_offset": np.nan},
        {"vox_offset": -500},
        {"vox_offset": 4000},
    ],
    ids=lambda fields: " ".join(f"{k} {v}" for k, v in fields.items()),
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_lying_header(judged, fields, suffix):
    judged(write_nifti(judged.dir / f"liar{suffix}", A, fields=fields)).must_refuse(f"liar{suffix}")


@pytest.mark.parametrize(
    "dim",
    [
        (3, 30000, 30000, 30000, 1, 1, 1, 1),
        (3, 2**62, 2**62, 4, 1, 1, 1, 1),
        (3, -16, 18, 14, 1, 1, 1, 1),
        (7, 2**40, 2**40, 2**40, 2**40, 2**40, 2**40, 2**40),
    ],
)
def test_a_lying_nifti_2_header(judged, dim):
    path = write_nifti(judged.dir / "liar.nii", A, version=2, fields={"dim": dim})
    judged(path).must_refuse("liar.nii")


@pytest.mark.parametrize("fields", [{"sizeof_hdr": 0}, {"sizeof_hdr": 999}, {"bitpix": 8}, {"magic": b"n+7"}])
def test_a_header_that_contradicts_itself_gives_no_silent_number(judged, fields):
    right_or_refused(judged(write_nifti(judged.dir / "odd.nii", A, fields=fields)), "odd.nii")


def test_a_lying_mgh_header(judged):
    path = write_mgh(judged.dir / "liar.mgh", A)
    content = bytearray(path.read_bytes())
    struct.pack_into(">3i", content, 4, 30000, 30000, 30000)
    path.write_bytes(content)
    judged(path).must_refuse("liar.mgh")


def test_a_header_that_claims_gigabytes_is_refused_before_inflating(study, process):
    """1200³ float32 are 6.4 GiB; the 7 MB stream really holds them."""
    head = nifti_header((1200, 1200, 1200), dtype="f4").binaryblock + bytes(4)
    path = study.tmp / "bomb.nii.gz"
    path.write_bytes(endless_gzip(head, 6592))
    assert path.stat().st_size < 8e6
    good = study.y("good.nii", B)
    start = time.monotonic()
    outcome = process("run", "-x", path, "-y", good, "-o", study.out, timeout=60)
    outcome.must_refuse("bomb.nii.gz", "max-map-size")
    assert time.monotonic() - start < 20
    assert 0 < outcome.peak_mib < 400


def test_a_stream_that_goes_on_without_end_is_refused_in_bounded_memory(study, process):
    path = study.tmp / "endless.nii.gz"
    path.write_bytes(endless_gzip(nifti_bytes(A), 8192))
    good = study.y("good.nii", B)
    start = time.monotonic()
    outcome = process("run", "-x", path, "-y", good, "-o", study.out, timeout=60)
    outcome.must_refuse("endless.nii.gz")
    assert time.monotonic() - start < 20
    assert 0 < outcome.peak_mib < 400


def test_a_header_extension_without_end(study, process):
    """vox_offset beyond everything, in a stream that could deliver it."""
    head = nifti_header(SHAPE, fields={"vox_offset": 2e9}).binaryblock + b"\1\0\0\0"
    path = study.tmp / "offset.nii.gz"
    path.write_bytes(endless_gzip(head, 4096))
    good = study.y("good.nii", B)
    outcome = process("run", "-x", path, "-y", good, "-o", study.out, timeout=60)
    outcome.must_refuse("offset.nii.gz")
    assert 0 < outcome.peak_mib < 400


def test_the_largest_map_can_be_chosen(study):
    study.x("big.nii.gz", A)
    study.y("good.nii", B.astype("f4")[:4, :4, :4])
    study.run(*RAW, "--max-map-size", "8K").must_refuse("big.nii.gz")


def test_a_map_below_the_limit_passes(study):
    study.x("x.nii.gz", A)
    study.y("good.nii", B)
    study.run(*RAW, "--max-map-size", "1M").must_be([A], [B])


# Kinds of data that are not maps


def structured(fields):
    return np.zeros(SHAPE, dtype=[(name, "u1") for name in fields])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (A.astype("c8"), ["complex"]),
        (A.astype("c16"), ["complex"]),
        (structured("RGB"), ["rgb", "colour"]),
        (structured("RGBA"), ["rgb", "colour"]),
        (A[:, :, 0], ["2-d", "2d", "2 dim", "dimension", "slice"]),
        (A[:, 0, 0], ["1-d", "1d", "1 dim", "dimension", "surface"]),
        (np.zeros((16, 0, 14)), ["zero", "empty", "no vox", "0 vox", "×0×", "size 0"]),
        (np.zeros((16, 18, 14, 0)), ["zero", "empty", "no vol", "no vox", "0 vol", "×0", "size 0"]),
    ],
    ids=["complex64", "complex128", "rgb", "rgba", "2-d", "1-d", "no voxels", "no volumes"],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_what_is_no_map_is_refused_by_name(judged, data, words, suffix):
    if data.dtype.names:
        code = {3: 128, 4: 2304}[len(data.dtype.names)]
        fields = {"datatype": code, "bitpix": 8 * len(data.dtype.names)}
        content = nifti_header(SHAPE, fields=fields).binaryblock + bytes(4) + data.tobytes()
    else:
        content = nifti_bytes(data)
    outcome = judged(pack(judged.dir / f"odd{suffix}", content)).must_refuse(f"odd{suffix}")
    assert outcome.says_any(*words), outcome


def test_a_single_slice_is_refused_or_counted_as_what_it_is(judged):
    """One voxel thick: a 2-D picture to some, a cropped volume to others; never a wrong number."""
    outcome = judged(write_nifti(judged.dir / "slice.nii", A[:, :, :1]), "--grid", "y")
    if outcome.code == 0:
        slab = np.full(SHAPE, np.nan)
        slab[:, :, 0] = A[:, :, 0]
        outcome.must_be([slab], [B])
    else:
        outcome.must_refuse("slice.nii")


def surface_files(folder):
    vertices = 10242
    values = np.random.default_rng(0).standard_normal(vertices).astype("f4")
    gifti = nib.GiftiImage(darrays=[nib.gifti.GiftiDataArray(values, intent="NIFTI_INTENT_SHAPE")])
    nib.save(gifti, folder / "lh.func.gii")
    write_mgh(folder / "lh.thickness.mgh", values[:, None, None], np.eye(4))
    write_mgh(folder / "lh.area.mgz", values[None, None, :], np.eye(4))
    axis = nib.cifti2.BrainModelAxis.from_surface(np.arange(vertices), vertices, "CortexLeft")
    scalar = nib.cifti2.ScalarAxis(["map"])
    nib.save(nib.Cifti2Image(values[None], header=(scalar, axis)), folder / "all.dscalar.nii")


@pytest.mark.parametrize("name", ["lh.func.gii", "lh.thickness.mgh", "lh.area.mgz", "all.dscalar.nii"])
def test_surface_data_are_refused_by_name(judged, name):
    surface_files(judged.dir)
    judged(judged.dir / name).must_refuse(name, "surface")


# Any bytes at all


@pytest.mark.parametrize("fields", [{"xyzt_units": 3}, {"srow_x": (0.001, 0, 0, 0)}, {"srow_x": (900, 0, 0, 0)}])
def test_voxels_of_absurd_size_are_settled_in_time(study, process, fields):
    """8 µm against 8 mm: averaging over a thousand sub-voxels a side would never end."""
    study.x("odd.nii", A, fields=fields)
    study.y("good.nii", B)
    outcome = process("run", *study.sets(), "-o", study.out, "--null", "none", "--no-figures", *RAW, timeout=30)
    assert outcome.code in (0, 3), outcome
    assert "Traceback" not in outcome.err
    assert outcome.peak_mib < 600


@pytest.mark.parametrize("kind", ["nifti-1", "nifti-2", "qform", "mgh", "analyze"])
def test_any_header_is_used_or_refused(study, kind):
    """Random bits of good headers turned over: a number or a refusal, in seconds, never a traceback."""
    shape = (8, 9, 7)
    path = study.tmp / "x" / ("odd.mgh" if kind == "mgh" else "odd.hdr" if kind == "analyze" else "odd.nii")
    forms = {"sform": 0, "qform": 1} if kind == "qform" else {"version": 2} if kind == "nifti-2" else {}
    if kind == "mgh":
        study.x(path.name, noise(203, shape), centred(shape), write=write_mgh)
    elif kind == "analyze":
        study.x(path.name, noise(203, shape), write=write_analyze)
    else:
        study.x(path.name, noise(203, shape), centred(shape), **forms)
    study.y("good.nii", noise(204, shape), centred(shape))
    good, rng = path.read_bytes(), np.random.default_rng(5)
    length = {"mgh": 90, "nifti-2": 544}.get(kind, 348)
    for _ in range(40):
        content = bytearray(good)
        for at in rng.integers(length, size=rng.integers(1, 4)):
            content[at] = rng.choice([content[at] ^ (1 << rng.integers(8)), 0, 255, 127, 128])
        path.write_bytes(content)
        start = time.monotonic()
        outcome = study.run(*RAW)
        assert outcome.code in (0, 3), (outcome, bytes(content))
        assert "Traceback" not in outcome.err, bytes(content)
        assert time.monotonic() - start < 20, bytes(content)


# Many at once


def many_bad(folder):
    """Twelve files, each broken in its own way, and the good ones between them."""
    folder.mkdir(exist_ok=True)
    cut(write_nifti(folder / "b00_cut.nii", A), 0.5)
    cut(write_nifti(folder / "b01_cut.nii.gz", A), 0.5)
    flip_bit(write_nifti(folder / "b02_crc.nii.gz", A), -6)
    (folder / "b03_text.nii").write_text("no")
    (folder / "b04_empty.nii.gz").write_bytes(b"")
    write_nifti(folder / "b05_complex.nii", A.astype("c8"))
    write_nifti(folder / "b06_affine.nii", A, fields={"srow_x": (np.nan, 0, 0, 0)})
    write_nifti(folder / "b07_huge.nii", A, fields={"dim": (3, 30000, 30000, 30000, 1, 1, 1, 1)})
    names = sorted(p.name for p in folder.iterdir())
    write_nifti(folder / "a_good.nii", A)
    write_nifti(folder / "z_good.nii", B)
    return names


def test_all_bad_files_are_named_at_once(study):
    names = many_bad(study.tmp / "maps")
    study.x_paths = [str(study.tmp / "maps")]
    study.y("good.nii", B)
    study.run(*RAW).must_refuse(*names, "--on-error skip", "8 of 11")


def test_hundreds_of_bad_files_are_counted(study):
    for i in range(40):
        pack(study.tmp / "x" / f"bad{i:02}.nii", b"no")
    study.x_paths = [str(study.tmp / "x")]
    study.y("good.nii", B)
    outcome = study.run(*RAW).must_refuse("bad00.nii", "40 of 41", "30 more")
    assert outcome.err.count("bad") < 30


def test_skipped_files_leave_empty_cells_with_the_reason(study):
    names = many_bad(study.tmp / "maps")
    study.x_paths = [str(study.tmp / "maps")]
    study.y("good.nii", B)
    cut(study.y("short.nii", A), 0.4)
    study.y("also.nii", A)
    outcome = study.run(*RAW, "--on-error", "skip", "--json")
    assert outcome.code == 0, outcome
    labels = ["a_good", *[name.split(".")[0] for name in names], "z_good"]
    assert outcome.x_labels == labels
    assert outcome.y_labels == ["good", "short", "also"]
    expected = np.full((3, 10), np.nan)
    for i, data in ((0, B), (2, A)):
        for j, other in ((0, A), (9, B)):
            expected[i, j] = np.corrcoef(data.ravel(), other.ravel())[0, 1]
    np.testing.assert_allclose(outcome.r, expected, atol=1e-6)
    assert outcome.note("b01_cut", "good")
    assert outcome.note("a_good", "short")
    written = json.dumps(outcome.json)
    for name in [*names, "short.nii"]:
        assert outcome.says(name), name
        assert name in written
        assert name in outcome.out


def test_skipping_does_not_change_the_numbers_of_the_others(study):
    study.x("x.nii", np.where(BRAIN, A, -1))
    study.y("y.nii", np.where(BRAIN, B, 0))
    alone = study.run(out=study.work / "alone")
    cut(study.x("cut.nii.gz", A), 0.5)
    skipped = study.run("--on-error", "skip", out=study.work / "skipped")
    assert skipped.code == 0
    assert abs(skipped.r[0, 0] - alone.r[0, 0]) < 1e-12
    assert np.array_equal(skipped.inside, alone.inside)


@pytest.mark.parametrize("side", ["x", "y", "both"])
def test_skipping_everything_of_a_set_is_a_refusal(study, side):
    for name in "xy":
        path = getattr(study, name)(f"{name}_map.nii", A)
        if side in (name, "both"):
            cut(path, 0.5)
    outcome = study.run(*RAW, "--on-error", "skip")
    assert outcome.code == 3, outcome
    assert outcome.says("x_map.nii" if side != "y" else "y_map.nii")


def test_missing_files_can_be_skipped_too(study):
    study.x("x.nii", A)
    study.x_paths.append(str(study.tmp / "absent.nii"))
    study.y("y.nii", B)
    outcome = study.run(*RAW, "--on-error", "skip")
    assert outcome.code == 0, outcome
    assert outcome.x_labels == ["x", "absent"]
    assert np.isnan(outcome.r[0, 1])
    assert outcome.says("absent.nii")


def test_check_names_every_file_and_its_verdict(study):
    names = many_bad(study.tmp / "maps")
    study.x_paths = [str(study.tmp / "maps")]
    study.y("good.nii", B)
    outcome = study.check()
    assert outcome.code == 3, outcome
    for name in [*names, "a_good", "z_good"]:
        assert name.split(".")[0] in outcome.err + outcome.out, name
    assert os.listdir(study.work) == []


def test_a_crc_is_what_zlib_says(judged):
    """A guard of this suite: the broken trailer above is broken, the good file is not."""
    path = write_nifti(judged.dir / "fine.nii.gz", A)
    content = path.read_bytes()
    assert struct.unpack("<I", content[-8:-4])[0] == zlib.crc32(gzip.decompress(content))
    judged(path).must_be([A], [B])
