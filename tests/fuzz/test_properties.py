"""Any number, any name: what readers make of them, by definition.

What is drawn here is of the right form, so that it gets past the door; bytes that are of no form at all are left to
the mutations.
"""

import csv
import io
import json
import struct

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import niicorr as nc
from niicorr.errors import InputError, MapError, NiicorrError
from niicorr.images.cache.facts import MapFacts, Part, map_facts, map_text
from niicorr.images.confounds import read_confounds
from niicorr.images.header import read_header
from niicorr.images.load import FileFacts, volumes
from niicorr.images.mapset import read_maps
from niicorr.images.series import read_series
from niicorr.record_fields import map_fields, map_record
from niicorr.records import Decision, MapRecord
from niicorr.result.record_types import demand_numbers, demand_types
from niicorr.space import affine_fault
from niicorr.tables import LONGEST, brief, printable
from strategies import MODEST

WHOLE = ("u1", "i1", "<i2", ">u2", "<i4", ">u4", "<i8", ">u8")
floats32 = st.floats(width=32)
any_text = st.text(st.characters(), max_size=30)
words = st.text(st.characters(exclude_characters="\t\r\n\0\"", exclude_categories=("Cs",)), max_size=30)
"""Cells of a table that is read line by line, without quotes."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("any")


def refusal(call, kind=NiicorrError):
    """What a call returned, and why it refused; one of both is None."""
    try:
        return call(), None
    except kind as error:
        return None, str(error)


@MODEST
@given(st.sampled_from(WHOLE), floats32, floats32, st.data())
def test_scaling_of_whole_numbers_of_any_size(place, kind, slope, inter, data):
    """Stored value × slope + inter against the wider arithmetic of longdouble."""
    dtype = np.dtype(kind)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    stored = np.array(data.draw(st.lists(st.integers(low, high), min_size=8, max_size=8)), dtype=dtype)
    header = nib.Nifti1Header(endianness=kind[0] if kind[0] in "<>" else "<")
    header.set_data_dtype(dtype)
    header.set_data_shape((2, 2, 2))
    header.set_sform(np.diag([3, 3, 3, 1]), 2)
    header["scl_slope"], header["scl_inter"], header["vox_offset"] = slope, inter, 352
    path = str(place / "scaled.nii")
    (place / "scaled.nii").write_bytes(header.binaryblock + bytes(4) + stored.tobytes())
    unscaled = slope == 0 or not np.isfinite(slope)
    if not unscaled and not np.isfinite(inter):
        with pytest.raises(MapError, match="scl_inter"):
            read_header(path)
        return
    (found,) = volumes(read_header(path), (0,), FileFacts())
    factor, shift = (1, 0) if unscaled else (np.longdouble(slope), np.longdouble(inter))
    right = stored.astype(np.longdouble) * factor + shift
    # Two roundings, of the product and of the sum; whole numbers beyond 2^53 are rounded once before.
    error = 3 * np.finfo(np.float64).eps * (np.abs(stored.astype(np.longdouble) * factor) + abs(shift))
    assert (np.abs(found.ravel(order="F").astype(np.longdouble) - right) <= error).all()


@MODEST
@given(st.lists(st.floats(), min_size=12, max_size=12))
def test_an_affine_of_any_numbers_is_told_apart(numbers):
    affine = np.vstack([np.reshape(numbers, (3, 4)), [0, 0, 0, 1]])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        fault = affine_fault(affine)
    if fault is None:
        np.testing.assert_allclose(affine @ np.linalg.inv(affine), np.eye(4), atol=1e-4)
    else:
        assert fault == printable(fault)


@MODEST
@given(st.lists(st.tuples(words, words), min_size=1, max_size=4))
def test_labels_and_columns_of_a_manifest_come_back(place, cells):
    (place / "map.nii").touch()
    text = io.StringIO()
    for row in (("label", "group", "path"), *((*pair, "map.nii") for pair in cells)):
        text.write("\t".join(row) + "\n")
    (place / "any.tsv").write_text(text.getvalue(), encoding="utf-8")
    maps = read_maps(str(place / "any.tsv"), on_error="skip")
    assert len(set(maps.labels)) == len(maps)
    wanted = list(dict.fromkeys(printable(label.strip()) for label, _ in cells))
    named = {file.source.label for file in maps.files}
    assert {label for label in wanted if label} <= named
    groups = {printable(label.strip()): printable(group.strip()) for label, group in reversed(cells)}
    for file in maps.files:
        if file.source.label in groups:
            assert file.source.metadata["group"] == groups[file.source.label]


@MODEST
@given(st.lists(any_text.filter(bool), min_size=1, max_size=4, unique_by=printable), st.floats(),
       st.dictionaries(any_text, any_text, max_size=3))
def test_records_of_any_text_come_back_from_json(labels, background, metadata):
    whole = [printable(label) for label in labels]
    told = {printable(key): printable(value) for key, value in metadata.items()}
    records = [MapRecord(label, label, (1, 2, 3), (1.0, 2.0, 3.0), background=background, metadata=told,
                         decisions=(Decision("file", label),)) for label in whole]
    fields = json.loads(json.dumps([map_fields(record) for record in records], allow_nan=False))
    demand_types({"x_maps": fields})
    for record, again in zip(records, map(map_record, fields), strict=True):
        assert repr(record) == repr(again)


@MODEST
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | any_text,
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3)),
       st.sampled_from(["options", "x_maps", "grid", "mask", "atlas", "series", "notes", "method", "null", "other"]))
def test_any_value_in_a_record_is_refused_in_words_or_can_be_written_again(value, place):
    record = {place: value}
    # Where a part is missing, `niicorr.load` calls that damage, too.
    _, why = refusal(lambda: demand_types(record), (ValueError, KeyError, TypeError))
    if why is not None:
        return
    json.dumps(record, allow_nan=False, ensure_ascii=False).encode("utf-8")


@MODEST
@given(st.floats(), st.sampled_from(["estimate", "ci_low", "naive", "p", "p_fdr", "n_effective"]), st.booleans())
def test_numbers_that_no_run_gives_are_refused(value, name, bounded):
    if name.startswith("p"):
        fine = 0 <= value <= 1
    elif name == "n_effective":
        fine = 0 <= value <= 2**53
    else:
        fine = abs(value) <= (1 + 1e-6 if bounded else 1e300)
    _, why = refusal(lambda: demand_numbers({name: np.array([[0.5, value]])}, bounded=bounded), ValueError)
    if fine or np.isnan(value):  # which stands for no number
        assert why is None
    else:
        assert why.startswith(f"{name} holds")


@MODEST
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=9), words)
def test_numbers_of_series_come_back_to_the_last_digit(place, numbers, name):
    path = place / "series.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"r{name}", "other"])
        writer.writerows([repr(value), repr(-value)] for value in numbers)
    found = read_series(str(path))
    np.testing.assert_array_equal(found.values, np.transpose([numbers, np.negative(numbers)]))
    assert found.names == (printable(f"r{name}".strip()), "other")


@MODEST
@given(st.lists(st.floats(), min_size=4, max_size=4), words.filter(lambda name: not set(name) & set(",;")))
def test_confounds_of_any_numbers_are_finite_or_refused(place, numbers, name):
    path = place / "confounds.tsv"
    name = f"c{name}".strip()
    path.write_text(f"{name}\n" + "".join(f"{value!r}\n" for value in numbers), encoding="utf-8")
    found, why = refusal(lambda: read_confounds(str(path), 4), MapError)
    missing, infinite = np.isnan(numbers), np.isinf(numbers)
    known = np.where(missing, 0, numbers)
    if why is None:
        assert not infinite.any()
        np.testing.assert_array_equal(found.values[:, 0], known)
    else:
        assert "confounds.tsv" in why
        half = known / 2  # the range of which is a number
        rounded = 4 * np.finfo(float).eps * np.abs(half).max()
        assert infinite.any() or missing[1:].any() or half.max() - half.min() <= rounded


@MODEST
@given(st.floats() | st.none(), st.floats(0, 1), st.integers(0, 2**40),
       st.lists(st.tuples(any_text, any_text), max_size=3))
def test_lines_of_a_cache_come_back(background, share, offset, said):
    facts = MapFacts((7, 6, 5), "<f4", 70, offset, 12345, Part(0, "0" * 32), Part(64, "f" * 32), False, background,
                     share, "data", True, False, 0, tuple(Decision(*map(printable, pair)) for pair in said))
    text = map_text(facts, "9-key")
    assert text.isascii()
    assert "\n" not in text
    assert repr(map_facts(text.encode("ascii"), "9-key")) == repr(facts)


@MODEST
@given(st.text(st.characters(), max_size=300), st.integers(2, LONGEST))
def test_what_a_message_repeats_is_short_and_can_be_shown(text, longest):
    shown = brief(text, longest)
    assert len(shown) <= longest
    assert printable(shown) == shown
    if len(printable(text)) <= longest:
        assert shown == printable(text)
    else:
        assert shown.endswith("…")
        assert printable(text).startswith(shown[:-1])


@MODEST
@given(st.integers(-(2**31), 2**31 - 1), st.lists(st.integers(-(2**15), 2**15 - 1), min_size=8, max_size=8),
       st.integers(-(2**15), 2**15 - 1), floats32)
def test_headers_of_any_numbers_are_believed_only_if_the_file_can_hold_them(place, units, dims, code, offset):
    header = bytearray(348)
    header[0:4], header[344:348] = struct.pack("<i", 348), b"n+1\0"
    header[40:56], header[70:72] = struct.pack("<8h", *dims), struct.pack("<h", code)
    header[108:112], header[123] = struct.pack("<f", offset), units & 255
    (place / "any.nii").write_bytes(bytes(header) + bytes(600))
    found, why = refusal(lambda: read_header(str(place / "any.nii")))
    if why is None:
        assert found.offset + found.n_volumes * found.volume_bytes <= 948
    else:
        assert "any.nii" in why


@MODEST
@given(st.lists(words.map(str.strip).filter(bool), min_size=1, max_size=4, unique_by=printable))
def test_names_of_maps_come_back_from_a_saved_result(tmp_path_factory, labels):
    rng = np.random.default_rng(0)
    maps = tuple(MapRecord(printable(label), "", n_voxels=9) for label in labels)
    estimate = rng.uniform(-1, 1, (1, len(labels)))
    result = nc.CorrelationResult(estimate, np.full(estimate.shape, 9), maps, (MapRecord("y", ""),))
    out = tmp_path_factory.mktemp("saved") / "out"
    result.save(out)
    again = nc.load(out)
    assert again.x_labels == result.x_labels
    np.testing.assert_array_equal(again.estimate, estimate)
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    record["x_maps"][0]["n_voxels"] = "9"
    (out / "run.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match=r"run\.json is damaged \(x_maps\[0\]\.n_voxels"):
        nc.load(out)
