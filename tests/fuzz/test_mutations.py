"""The ways to damage a file do what they say, and nothing besides."""

import gzip
import hashlib
import io
import json
import zipfile
from random import Random

import nibabel as nib
import numpy as np
import pytest

from .mutations import (
    _header_kind,
    damaged,
    double_member,
    exchange,
    flip_bits,
    inside_gzip,
    reseal,
    set_array,
    set_field,
    set_value,
    ways,
)

SEEDS = range(200)


@pytest.fixture(scope="module")
def seeds(shop):
    return {seed.name: seed.files for seed in shop.seeds}


def test_every_way_takes_every_file(seeds):
    for files in seeds.values():
        for name, content in files.items():
            for k, way in enumerate(ways(name)):
                for data in (content, b"", b"x", content[:10]):
                    assert isinstance(way(Random(k), data), bytes)


def test_sound_files_are_damaged(seeds):
    changed = [damaged(Random(k), files) != files for files in seeds.values() for k in range(20)]
    assert np.mean(changed) > 0.9


def test_bits():
    data = bytes(100)
    flipped = [int.from_bytes(flip_bits(Random(k), data), "big").bit_count() for k in SEEDS]
    assert set(flipped) <= set(range(9))
    assert 1 in flipped
    assert 8 in flipped


@pytest.mark.parametrize(("name", "kind", "order"), [
    ("image float32.nii", nib.Nifti1Header, "<"), ("image float32_big.nii", nib.Nifti1Header, ">"),
    ("image nifti2_big.nii", nib.Nifti2Header, ">")])
def test_fields_of_a_header(seeds, name, kind, order):
    (data,) = seeds[name].values()
    dtype, found = _header_kind(data)
    assert (dtype, found) == (kind.template_dtype, order)
    touched = set()
    for k in SEEDS:
        changed = set_field(Random(k), data)
        assert len(changed) == len(data)
        assert changed[dtype.itemsize :] == data[dtype.itemsize :]
        before, after = (np.frombuffer(d[: dtype.itemsize], dtype.newbyteorder(order)) for d in (data, changed))
        touched |= {field for field in dtype.names if before[field].tobytes() != after[field].tobytes()}
    assert touched >= {"dim", "datatype", "vox_offset", "pixdim", "qform_code", "sform_code", "srow_x", "scl_slope"}


def test_inside_of_gzip_the_checksum_is_right(seeds):
    (data,) = seeds["image bytes.nii.gz"].values()
    plain = gzip.decompress(data)
    changed = [gzip.decompress(inside_gzip(flip_bits)(Random(k), data)) for k in range(20)]
    assert all(each != plain and len(each) == len(plain) for each in changed)
    assert all(double_member(Random(k), data).startswith(data) for k in range(20))


def test_lines_of_an_index_have_a_right_checksum(seeds):
    files = seeds["cache sealed"]
    (data,) = (content for name, content in files.items() if name.endswith(".jsonl"))
    changed = 0
    for k in SEEDS:
        out = reseal(Random(k), data)
        changed += out != data
        for line in out.splitlines():
            checksum, _, body = line.partition(b" ")
            assert checksum == hashlib.blake2b(body, digest_size=8).hexdigest().encode()
    assert changed > 100


def test_exchanged_lines_of_an_index_have_a_right_checksum_and_are_bound_to_others(seeds):
    files = seeds["cache cache"]
    (data,) = (content for name, content in files.items() if name.endswith(".jsonl"))
    lines, changed, moved = set(data.splitlines()), 0, 0
    for k in SEEDS:
        others = set(exchange(Random(k), data).splitlines()) - lines
        changed += bool(others)
        for line in others:
            checksum, _, body = line.partition(b" ")
            assert checksum == hashlib.blake2b(body, digest_size=8).hexdigest().encode()
            moved += body.split(b" ", 2)[2] in {each.split(b" ", 3)[3] for each in lines}
    assert changed > 100
    assert moved > 30


def test_json_stays_json_and_an_archive_an_archive(seeds):
    files = seeds["saved maps"]
    records = [set_value(Random(k), files["result/run.json"]) for k in range(50)]
    assert all(isinstance(json.loads(record), dict) for record in records)
    assert len(set(records)) > 40
    for k in range(50):
        with zipfile.ZipFile(io.BytesIO(set_array(Random(k), files["result/report_data.npz"]))) as archive:
            assert archive.testzip() is None
