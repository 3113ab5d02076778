"""What a cache is said to hold, and that emptying it takes nothing else along."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from cached_maps import NAMES, read, sentences, told, write_maps

from niicorr.errors import ResourceError, UsageError
from niicorr.images.cache import files
from niicorr.images.cache.layout import make
from niicorr.images.cache.store import open_cache
from niicorr.images.cache.upkeep import CacheReport, cache_info, clear_cache

N = len(NAMES) + 2


@pytest.fixture(autouse=True)
def long_ago(monkeypatch):
    monkeypatch.setattr(files, "RACY_NS", -(10**15))


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "maps").mkdir()
    return write_maps(tmp_path / "maps")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def size(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def test_what_a_cache_holds(paths, folder):
    make(str(folder))
    assert cache_info(str(folder)) == CacheReport(str(folder), 2, 0, 0, 0, size(folder), 0, 0, 0, 0, 0)
    read(paths, str(folder))
    assert cache_info(str(folder)) == CacheReport(str(folder), 2, N, len(NAMES), 1, size(folder), 0, 0, 0, 0, 0)
    read(paths, str(folder))
    assert cache_info(str(folder)).maps == N
    read(paths, str(folder), zeros="data")
    assert (cache_info(str(folder)).maps, cache_info(str(folder)).shards) == (2 * N, 2)


def test_a_cache_that_is_cleared_stays_one(paths, folder):
    read(paths, str(folder))
    names, whole, marker = len(os.listdir(folder)), size(folder), (folder / "niicorr-cache.json").stat().st_size
    assert clear_cache(str(folder)) == (names - 1, whole - marker)
    assert os.listdir(folder) == ["niicorr-cache.json"]
    assert clear_cache(str(folder)) == (0, 0)
    read(paths, cache := open_cache(folder))
    assert f"none of {N} maps" in sentences(cache)
    assert cache_info(str(folder)).maps == N


def test_clearing_takes_only_what_is_niicorrs(paths, folder, tmp_path):
    read(paths, str(folder))
    mine = ["mine.npy", "maps-of-mine.jsonl", ".hidden", "maps-a-1-0123456789abcdef.npy.bak", "run.json"]
    for name in mine:
        (folder / name).write_text("mine")
    (folder / "sub").mkdir()
    (folder / "sub" / "maps-a-1-0123456789abcdef.npy").write_text("mine")
    (tmp_path / "elsewhere").write_text("mine")
    (folder / "maps-a-1-0123456789abcdef.npy").symlink_to(tmp_path / "elsewhere")
    (folder / ".maps-a-1-0123456789abcdef.npy").write_text("left by a killed run")
    assert cache_info(str(folder)).others == len(mine) + 1
    clear_cache(str(folder))
    assert sorted(os.listdir(folder)) == sorted([*mine, "sub", "niicorr-cache.json"])
    assert (folder / "sub" / "maps-a-1-0123456789abcdef.npy").read_text() == "mine"
    assert (tmp_path / "elsewhere").read_text() == "mine"
    assert told(read(paths, str(folder))) == told(read(paths))


@pytest.mark.parametrize("look", [cache_info, clear_cache])
@pytest.mark.parametrize(("content", "words"), [
    (None, "no such folder"), ({}, "is no cache of niicorr .no niicorr-cache.json in it"),
    ({"mine.npy": "x"}, "is no cache of niicorr"), ({"niicorr-cache.json": "{}"}, "damaged"),
    ({"niicorr-cache.json": '{"program": "niicorr", "kind": "cache", "format": 9}'}, "format 9")])
def test_what_is_no_cache_is_refused(tmp_path, look, content, words):
    folder = tmp_path / "folder"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    with pytest.raises(UsageError, match=words):
        look(str(folder))
    if content is not None:
        assert {path.name: path.read_text() for path in folder.iterdir()} == content


def test_a_file_that_cannot_be_removed_is_named(paths, folder, monkeypatch):
    read(paths, str(folder))

    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "remove", refused)
    with pytest.raises(ResourceError, match=r"maps-.*\.jsonl: cannot be removed \(Permission denied\)"):
        clear_cache(str(folder))


def test_an_index_goes_before_its_shard(paths, folder, monkeypatch):
    """Whoever opens the cache in the middle of it finds less, and nothing damaged."""
    read(paths, str(folder))
    remove, seen = os.remove, []

    def watched(path):
        remove(path)
        seen.append((Path(path).suffix, cache_info(str(folder)).damaged))

    monkeypatch.setattr(os, "remove", watched)
    clear_cache(str(folder))
    assert seen == [(".jsonl", 0), (".npy", 0)]
