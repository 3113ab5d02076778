"""Rows of a library that are no longer what was written: every search finds them, wherever they would have come."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib

import numpy as np
import pytest
from made_maps import write_maps, write_mask, write_new

import niicorr as nc
from niicorr.library.checksums import ARRAYS, AT_ONCE, CHECKSUMS, Checksums, checksums
from niicorr.records import MapRecord

LARGE = ("maps/rows.npy", "directions.npy", "windows.npy", "squares.npy")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A library of eight maps, one as large ones are (float32, with what rounding took), and a new map."""
    folder = tmp_path_factory.mktemp("made")
    maps, mask = write_maps(folder / "maps", range(8)), write_mask(folder)
    nc.index(maps, folder / "library", mask=mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("niicorr.library.adding.row_dtype", lambda *_: np.float32)
        nc.index(maps, folder / "rounded", mask=mask)
    return folder, write_new(folder / "new", tops=(None,))


@pytest.fixture
def copied(made, tmp_path):
    shutil.copytree(made[0] / "rounded", tmp_path / "library")
    return tmp_path / "library", made[1]


def labels(library):
    return [record.label for record in nc.open_library(library).records]


def rewritten(path, change):
    """Change the numbers of an array, not its header."""
    array = np.load(path)
    data = path.read_bytes()
    head = data[: len(data) - array.nbytes]
    change(array)
    path.write_bytes(head + array.tobytes())


def hashed_anew(shard, name):
    record = json.loads((shard / "shard.json").read_text())
    record["digests"][name] = hashlib.blake2b((shard / name).read_bytes(), digest_size=16).hexdigest()
    (shard / "shard.json").write_text(json.dumps(record))


def without_checksums(library):
    """Make it a library of before."""
    shard = library / "shard-000001"
    os.remove(shard / CHECKSUMS)
    record = json.loads((shard / "shard.json").read_text())
    del record["digests"][CHECKSUMS]
    (shard / "shard.json").write_text(json.dumps(record))


def reverse(array):
    array[2] = array[2, ::-1].copy()


def sort(array):
    array[2] = np.sort(array[2])


def negate(array):
    array[2] *= -1


def turn_one_sign(array):
    array[2, np.flatnonzero(array[2])[0]] *= -1


def swap(array):
    array[[2, 5]] = array[[5, 2]]


@pytest.mark.parametrize("change", [reverse, sort, negate, turn_one_sign, swap])
@pytest.mark.parametrize("kind", ["library", "rounded"])
def test_other_standard_scores_are_found_by_every_search(made, tmp_path, kind, change):
    """Each of these leaves rows of mean 0 and mean square 1, which nothing else tells from the map's."""
    shutil.copytree(made[0] / kind, tmp_path / "library")
    rewritten(tmp_path / "library/shard-000001/maps/rows.npy", change)
    label = labels(tmp_path / "library")[2]
    said = rf"rows\.npy is damaged: what it holds of {label} is not what was written\. Remove this shard's folder"
    with pytest.raises(nc.InputError, match=said):
        nc.search(made[1], tmp_path / "library", top=1)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", LARGE)
def test_the_last_row_of_all_arrays_is_checked_too(copied, name, jobs):
    library, new = copied
    rewritten(library / "shard-000001" / name, lambda array: array[-1].put(-1, array[-1, -1] + 1e-6))
    label = labels(library)[-1]
    with pytest.raises(nc.InputError, match=rf"{os.path.basename(name)} is damaged: what it holds of {label} is not"):
        nc.search(new, library, top=1, jobs=jobs)


def test_a_library_that_was_opened_is_checked_at_each_search(copied):
    library, new = copied
    opened = nc.open_library(library)
    nc.search(new, opened)
    with open(library / "shard-000001/maps/rows.npy", "r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(np.float32(0.125).tobytes())
    with pytest.raises(nc.InputError, match=r"rows\.npy is damaged"):
        nc.search(new, opened)


def test_what_rounding_took_is_checked_where_it_is_used(copied, made):
    library, new = copied
    rewritten(library / "shard-000001/fine.npy", reverse)
    opened = nc.open_library(library)
    np.testing.assert_array_equal(nc.search(new, opened).to_frame()["r"],
                                  nc.search(new, made[0] / "rounded").to_frame()["r"])
    exact = opened.maps(np.arange(8)).exact
    assert exact(1).shape == (opened.features.n,)
    with pytest.raises(nc.InputError, match=r"fine\.npy is damaged: what it holds of m02 is not .*Remove this shard's"):
        exact(2)


def test_what_a_search_does_not_read_it_does_not_miss(copied, made):
    library, new = copied
    rewritten(library / "shard-000001/squares.npy", reverse)
    frames = [nc.search(new, place, null="none").to_frame() for place in (library, made[0] / "rounded")]
    assert frames[0].equals(frames[1])


def test_rows_do_not_pass_for_those_of_another_map(copied):
    """Rows and their checksums changed places, and the hash of the checksums was made anew."""
    library, new = copied
    shard = library / "shard-000001"
    rewritten(shard / "maps/rows.npy", swap)
    rewritten(shard / CHECKSUMS, lambda found: swap(found[:, :1]))
    hashed_anew(shard, CHECKSUMS)
    with pytest.raises(nc.InputError, match=r"rows\.npy is damaged: what it holds of m02"):
        nc.search(new, library)


def test_checksums_that_are_damaged_are_themselves_refused(copied):
    library, new = copied
    rewritten(library / "shard-000001" / CHECKSUMS, swap)
    with pytest.raises(nc.InputError, match=r"checksums\.npy is damaged: its hash is not"):
        nc.search(new, library)


def test_a_library_of_before_is_checked_when_it_is_opened(copied, made):
    library, new = copied
    without_checksums(library)
    before = nc.search(new, library).to_frame()
    assert before.equals(nc.search(new, made[0] / "rounded").to_frame())
    nc.open_library(library).verify()
    for name in (*LARGE, "fine.npy"):
        data = (library / "shard-000001" / name).read_bytes()
        rewritten(library / "shard-000001" / name, swap)
        with pytest.raises(nc.InputError, match=rf"{os.path.basename(name)} is damaged: its hash is not the one"):
            nc.open_library(library)
        (library / "shard-000001" / name).write_bytes(data)


def test_what_is_added_to_a_library_of_before_has_checksums(copied, tmp_path):
    library, new = copied
    without_checksums(library)
    nc.index(write_maps(tmp_path / "more", [50]), library)
    assert [shard.checksums is None for shard in nc.open_library(library).shards] == [True, False]
    assert len(nc.search(new, library).hits[0]) == 9


@pytest.mark.parametrize("name", ["maps/rows.npy", "pairs.npy", CHECKSUMS])
def test_no_file_goes_without_a_hash(copied, name):
    library, new = copied
    record = json.loads((library / "shard-000001/shard.json").read_text())
    del record["digests"][name]
    (library / "shard-000001/shard.json").write_text(json.dumps(record))
    with pytest.raises(nc.InputError, match=rf"shard\.json is damaged: it has no hash of {name}"):
        nc.search(new, library)


def test_what_a_system_puts_into_folders_is_no_file_of_ours(copied):
    library, new = copied
    (library / "shard-000001/.DS_Store").write_text("x")
    (library / "shard-000001/maps/.DS_Store").write_text("x")
    nc.search(new, library)
    nc.open_library(library).verify()


def test_checksums_are_those_of_the_bytes_in_the_files(copied):
    """By definition: CRC-32 of name, size, hash and volume of the map, and of the bytes of its row."""
    library, _ = copied
    shard, records = library / "shard-000001", nc.open_library(library).records
    found = np.load(shard / CHECKSUMS)
    assert found.shape == (8, 5)
    for column, name in enumerate(ARRAYS):
        data = (shard / ("maps" if name == "rows" else "") / f"{name}.npy").read_bytes()[128:]
        size = len(data) // 8
        for i, record in enumerate(records):
            known = f"{record.label}\0{record.size}\0{record.blake2b}\0None"
            assert found[i, column] == zlib.crc32(known.encode() + data[i * size : (i + 1) * size])


@pytest.mark.parametrize("at", [0, AT_ONCE - 1, AT_ONCE, 2 * AT_ONCE + 1])
@pytest.mark.parametrize("jobs", [1, 3])
def test_every_row_of_many_is_looked_at(at, jobs):
    records = tuple(MapRecord(f"map \udc80 {k}", "") for k in range(2 * AT_ONCE + 2))
    rows = np.random.default_rng(0).normal(size=(len(records), 7)).astype(np.float32)
    kept = Checksums("shard", records, checksums(records, {"rows": rows}))
    kept.demand_all("rows", rows, jobs)
    rows[at, 3] = -rows[at, 3]
    with pytest.raises(nc.InputError, match=rf"what it holds of map .* {at} is not"):
        kept.demand_all("rows", rows, jobs)
