"""Searching: what comes first, what is refused, and libraries that are damaged or none at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from made_maps import AFFINE, MASK, volume, write, write_maps, write_mask, write_new

import niicorr as nc
from niicorr.library import features, shards
from niicorr.library.features import features_of, null_of_mask
from niicorr.matrix import Features, MapMatrix
from niicorr.space import Grid


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A library of eight maps, and two new ones."""
    folder = tmp_path_factory.mktemp("made")
    nc.index(write_maps(folder / "maps", range(8)), folder / "library", mask=write_mask(folder))
    return str(folder / "library"), write_new(folder / "new")


@pytest.fixture
def copied(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "library")
    return tmp_path / "library", made[1]


@pytest.mark.parametrize(("options", "key"), [
    ({}, lambda r: -abs(r)), ({"sort": "abs"}, lambda r: -abs(r)), ({"sort": "positive"}, lambda r: -r),
    ({"sort": "negative"}, lambda r: r), ({"alternative": "greater"}, lambda r: -r),
    ({"alternative": "less"}, lambda r: r), ({"alternative": "less", "sort": "abs"}, lambda r: -abs(r)),
])
def test_the_order_of_hits(made, options, key):
    library, new = made
    result = nc.search(new, library, top=None, **options)
    for hits in result.hits:
        assert [hit.rank for hit in hits] == list(range(1, 9))
        assert [hit.r for hit in hits] == sorted((hit.r for hit in hits), key=key)
        assert len({hit.r > 0 for hit in hits}) == 2  # else the order proves nothing


def test_one_side_counts(made):
    library, new = made
    two, greater, less = (
        {hit.record.label: hit.p for hit in nc.search(new, library, top=None, alternative=side).hits[0]}
        for side in ("two-sided", "greater", "less"))
    for label, p in two.items():
        assert greater[label] + less[label] == pytest.approx(1)
        assert p == pytest.approx(2 * min(greater[label], less[label]))


def test_top_leaves_the_numbers_alone(made):
    library, new = made
    whole, three = nc.search(new, library, top=None), nc.search(new, library, top=3)
    assert [[(h.record.label, h.r, h.p_fdr) for h in hits[:3]] for hits in whole.hits] == [
        [(h.record.label, h.r, h.p_fdr) for h in hits] for hits in three.hits]
    assert len(nc.search(new, library, top=100).hits[0]) == 8


def test_no_null_model_no_p(made):
    library, new = made
    frame = nc.search(new, library, null="none").to_frame()
    assert frame[["n_effective", "p", "p_fdr"]].isna().all(axis=None)
    assert frame["r"].notna().all()


def test_an_opened_library_is_searched_again(made):
    library, new = made
    opened = nc.open_library(library)
    assert repr(opened) == f"Library: 8 maps of 1480 voxels in {library}"
    frames = [nc.search(new, place).to_frame() for place in (opened, opened, library)]
    assert frames[0].equals(frames[1])
    assert frames[0].equals(frames[2])
    assert "<table" in nc.search(new, opened)._repr_html_()


@pytest.mark.parametrize(("options", "words"), [
    ({"method": "spearman"}, "needs the ranks of every map: take pearson, cosine or concordance"),
    ({"method": "bicor"}, "robust scores"), ({"method": "dice"}, "threshold"),
    ({"method": "fancy"}, "method is one of"),
    ({"null": "surrogate"}, "null is one of effective, none"), ({"sort": "best"}, "sort is one of"),
    ({"alternative": "both"}, "alternative is one of"), ({"top": 0}, "from 1 on"), ({"top": 2.5}, "from 1 on"),
    ({"top": True}, "from 1 on"), ({"mask": "none"}, "takes no option 'mask'"), ({"grid": "x"}, "no option 'grid'"),
    ({"zeros": "maybe"}, "zeros is one of"), ({"partial": "x.nii"}, "no option 'partial'"),
])
def test_wrong_calls_are_refused(options, words, made):
    library, new = made
    with pytest.raises(nc.UsageError, match=words):
        nc.search(new, library, **options)


def test_new_maps_that_cannot_be_used(made, tmp_path):
    library, _ = made
    maps = tmp_path / "new"
    write_new(maps)
    (maps / "bad.nii").write_text("no image")
    write(maps / "flat.nii.gz", np.where(MASK, 2, 0).astype(np.float32))
    with pytest.raises(nc.UnusableMapsError, match=r"bad\.nii"):
        nc.search(maps, library)
    result = nc.search(maps, library, on_error="skip")
    by_name = {query.label: (query, hits) for query, hits in zip(result.queries, result.hits, strict=True)}
    assert by_name["bad"][0].error
    assert by_name["bad"][1] == by_name["flat"][1] == ()
    assert len(by_name["new0"][1]) == 8
    with pytest.raises(nc.InputError, match=r"constant in the library's mask\. Give maps that vary there"):
        nc.search(maps / "flat.nii.gz", library)
    flat = [str(write(maps / f"flat{k:02d}.nii.gz", np.where(MASK, k, 0).astype(np.float32))) for k in range(1, 13)]
    with pytest.raises(nc.InputError, match=r"flat10\.nii\.gz: constant in the library's mask; 2 more\. Give maps"):
        nc.search(flat, library)
    with pytest.raises(nc.InputError, match="no such file"):
        nc.search(tmp_path / "none.nii.gz", library)


def test_few_common_voxels_have_no_p(made, tmp_path):
    library, _ = made
    few = np.where(MASK & (np.cumsum(MASK.ravel()).reshape(MASK.shape) <= 40), volume(300), 0)
    write(tmp_path / "few.nii.gz", few)
    hit = nc.search(tmp_path / "few.nii.gz", library, zeros="missing").hits[0][0]
    assert (hit.n, np.isnan(hit.p), np.isnan(hit.p_fdr)) == (40, True, True)
    assert "no p-value: 40 common voxels are too few for the null model (50 needed)" in hit.note
    assert "low overlap: 40 of the 1\u00a0480 voxels of the mask" in hit.note


@pytest.mark.parametrize(("prepare", "words"), [
    (shutil.rmtree, "there is no such folder"),
    (lambda path: os.remove(path / "library.json"), r"is no library of niicorr \(no library\.json in it\)"),
    (lambda path: shutil.rmtree(path / "shard-000001"), "holds no maps: add some"),
    (lambda path: os.remove(path / "indices.npy"), r"indices\.npy is damaged: it is missing"),
    (lambda path: np.save(path / "indices.npy", np.zeros(1480, np.int64)), r"indices\.npy is damaged"),
    (lambda path: (path / "library.json").write_text("{"), r"library\.json is damaged"),
    (lambda path: (path / "library.json").write_text("[]"), r"library\.json is damaged"),
])
def test_no_library_says_so(prepare, words, copied):
    path, new = copied
    prepare(path)
    with pytest.raises(nc.InputError, match=words):
        nc.search(new, path)


@pytest.mark.parametrize("name", ["library.json", "shard-000001/shard.json", "shard-000001/maps/maps.json"])
def test_a_newer_library_is_told_from_a_damaged_one(name, copied):
    path, new = copied
    record = json.loads((path / name).read_text())
    (path / name).write_text(json.dumps({**record, "schema": 9, "version": "99"}))
    with pytest.raises(nc.InputError, match="damaged" if name.endswith("maps.json") else "niicorr 99, newer than this"):
        nc.search(new, path)


@pytest.mark.parametrize("edit", [
    {"options": {}}, {"options": []}, {"grid": None}, {"n_voxels": "1480"}, {"n_voxels": 7}, {"decisions": [{}]},
    {"kind": "cache"}, {"program": "other"}, {"grid": {"shape": [16, 18, 0], "affine": AFFINE.tolist(), "known": True,
                                                       "mni": False}},
])
def test_an_edited_record_is_refused(edit, copied):
    path, new = copied
    record = json.loads((path / "library.json").read_text())
    (path / "library.json").write_text(json.dumps({**record, **edit}))
    with pytest.raises(nc.InputError, match="is damaged"):
        nc.search(new, path)


def files_of(path):
    return sorted(os.path.relpath(os.path.join(folder, name), path) for folder, _, names in os.walk(path)
                  for name in names)


def test_every_file_of_a_shard_is_missed(copied):
    path, new = copied
    shard = path / "shard-000001"
    names = files_of(shard)
    assert len(names) > 12
    for name in names:
        os.rename(shard / name, path / "away")
        with pytest.raises(nc.InputError, match=rf"shard-000001.*{os.path.basename(name)}.* is (damaged|missing)"):
            nc.search(new, path)
        os.rename(path / "away", shard / name)
    nc.search(new, path)


@pytest.mark.parametrize("check", ["search", "verify"])
def test_every_changed_byte_is_found(check, copied):
    """A search checks all that it reads, and so does the library's own check."""
    path, new = copied
    shard = path / "shard-000001"
    opened = nc.open_library(path)
    for name in files_of(shard):
        if name == "shard.json":
            continue
        data = (shard / name).read_bytes()
        (shard / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(nc.InputError, match=rf"{os.path.basename(name)} is damaged: .*Remove this shard's folder"):
            opened.verify() if check == "verify" else nc.search(new, path)
        (shard / name).write_bytes(data)
    opened.verify()


@pytest.mark.parametrize("name", sorted(shards.LARGE))
def test_large_arrays_that_were_cut_are_found(name, copied):
    path, new = copied
    (place,) = (path / "shard-000001").rglob(name) if name != "fine.npy" else (None,)
    if place is None:
        return  # float64 rows have none
    with open(place, "r+b") as file:
        file.truncate(os.path.getsize(place) - 8 if os.path.getsize(place) > 200 else 100)
    with pytest.raises(nc.InputError, match=f"{name} is damaged"):
        nc.search(new, path)


def test_a_shard_that_leads_elsewhere_is_refused(copied):
    path, new = copied
    record = json.loads((path / "shard-000001" / "shard.json").read_text())
    record["digests"]["../../secret"] = "0" * 32
    (path / "shard-000001" / "shard.json").write_text(json.dumps(record))
    with pytest.raises(nc.InputError, match=r"it names '\.\./\.\./secret'"):
        nc.search(new, path)


FEW_HANDLES = """
import resource, sys
import niicorr as nc
import niicorr.library.adding as adding
adding.SHARD_BYTES = 1
nc.index(sys.argv[1], sys.argv[2], mask="none")
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
library = nc.open_library(sys.argv[2])
assert len(library.shards) == 30
print(len(nc.search(sys.argv[1], library, top=None).to_frame()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits of handles are of Unix")
def test_many_shards_and_few_file_handles(tmp_path):
    write(tmp_path / "maps.nii.gz", np.random.default_rng(0).normal(size=(9, 9, 9, 30)), np.diag([9.0, 9, 9, 1]))
    done = subprocess.run([sys.executable, "-c", FEW_HANDLES, str(tmp_path / "maps.nii.gz"), str(tmp_path / "library")],
                          capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["900"], done.stderr


def test_what_is_removed_as_told_mends_the_library(copied, tmp_path):
    path, new = copied
    nc.index(write_maps(tmp_path / "more", [50]), path)
    os.remove(path / "shard-000001" / "pairs.npy")
    with pytest.raises(nc.InputError, match="Remove this shard's folder and index its maps again"):
        nc.search(new, path)
    shutil.rmtree(path / "shard-000001")
    assert [hit.record.label for hit in nc.search(new, path).hits[0]] == ["m50"]
    nc.index(write_maps(tmp_path / "more", range(8)), path)
    assert len(nc.search(new, path).hits[0]) == 9


def test_another_version_of_the_null_model_is_not_mixed_in(copied, monkeypatch):
    path, new = copied
    monkeypatch.setattr(shards, "VERSION", features.VERSION + 1)
    with pytest.raises(nc.InputError, match="another version of the null model"):
        nc.search(new, path)


def test_the_features_of_this_version():
    """Whoever changes what the null model finds in a map raises VERSION: libraries hold what it found."""
    grid = Grid((9, 8, 7), np.diag([4.0, 4, 4, 1]))
    indices = np.arange(grid.size)
    rows = np.sin(np.arange(grid.size) ** 1.1)[None]
    matrix = MapMatrix.from_array(rows, ("a",), Features(grid.size, grid, indices))
    found = features_of(matrix, null_of_mask(matrix.features), 1)
    arrays = found.class_sums, found.directions, found.windows, found.squares, found.pairs
    told = [float(np.abs(array).reshape(-1) @ np.linspace(0, 1, array.size)) for array in arrays]
    assert features.VERSION == 1
    np.testing.assert_allclose(told, EXPECTED, rtol=1e-5)


EXPECTED = [1195.4204406738281, 118.23461925932845, 13.201777497542501, 254.80637164478202, 72243.0]
