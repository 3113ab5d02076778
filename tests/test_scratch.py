"""Arrays that wait on the disk come back as they were, or there is a message."""

from __future__ import annotations

import errno
import gc
import io
import mmap
import os
import tempfile
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fuzz.handles import open_files
from niicorr import scratch as module
from niicorr.errors import ResourceError
from niicorr.scratch import Scratch, demand_room, folder, in_memory, zeros

KINDS = [np.arange(7, dtype=np.float32), np.eye(3)[:, ::2], np.empty((0, 4)), np.array(True),
         np.array([[1, 2]], np.intp)]


def test_arrays_come_back_as_they_were():
    with Scratch("arrays") as scratch:
        fetch = [scratch.put(KINDS[k:]) for k in range(len(KINDS))]
        for k, one in reversed(list(enumerate(fetch))):
            back = one()
            assert [array.dtype for array in back] == [array.dtype for array in KINDS[k:]]
            for array, expected in zip(back, KINDS[k:], strict=True):
                np.testing.assert_array_equal(array, expected)
                assert array.flags.writeable


def test_several_threads_may_fetch_at_once():
    with Scratch("arrays") as scratch:
        fetch = [scratch.put([np.full(50_000, k)]) for k in range(20)]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda k: fetch[k]()[0], [k for _ in range(5) for k in range(20)]))
    assert all((array == k % 20).all() for k, array in enumerate(found))


def test_no_file_is_seen_and_none_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Scratch("arrays") as scratch:
        before = open_files()
        fetch = scratch.put([np.ones(1000)])
        if os.name == "posix":
            assert os.listdir(tmp_path) == []
        fetch()
    gc.collect()
    assert os.listdir(tmp_path) == []
    assert open_files() == before
    with pytest.raises(ValueError, match="no longer wanted"):
        fetch()


def test_nothing_is_made_where_nothing_is_put(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with Scratch("arrays"):
        pass


def test_no_room_is_told_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with Scratch("what is kept of the maps") as scratch, pytest.raises(ResourceError) as caught:
        scratch.put([np.ones(3)])
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'nowhere'} has no room for what is kept of the maps (0 bytes so far; ")
    assert "TMPDIR" in text
    assert "--memory" in text


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_is_told(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "wb+", buffering=0))  # noqa: SIM115
    with Scratch("arrays") as scratch, pytest.raises(ResourceError, match="No space left on device"):
        scratch.put([np.ones(3)])


def test_a_file_that_was_cut_off_is_told(tmp_path, monkeypatch):
    path = tmp_path / "file"
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open(path, "wb+", buffering=0))  # noqa: SIM115
    with Scratch("arrays") as scratch:
        fetch = scratch.put([np.ones(300)])
        os.truncate(path, 100)
        with pytest.raises(ResourceError, match="arrays could not be read back"):
            fetch()


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /run tmpfs rw 0 0
tmpfs {root}/memory tmpfs rw,size=4g 0 0
/dev/sdb1 {root}/memory/disk xfs rw 0 0
ramfs {root}/with\\040space\\011and\\134more ramfs rw 0 0
tmpfs {root}/hidden tmpfs rw 0 0
/dev/sdc1 {root}/hidden ext4 rw 0 0
"""


@pytest.fixture
def mounts(tmp_path):
    """A system with some folders in memory; returns the file that says so, and where they are."""
    root = os.path.realpath(tmp_path)
    path = tmp_path / "mounts"
    path.write_text(MOUNTS.format(root=root.replace(" ", "\\040")))
    return str(path), root


@pytest.mark.parametrize(
    ("place", "expected"),
    [("memory", True), ("memory/deep/er", True), ("memory2", False), ("memory/disk", False), ("memory/disk/x", False),
     ("with space\tand\\more", True), ("with", False), ("hidden", False), ("", False)])
def test_a_folder_lies_where_the_nearest_mount_says(mounts, place, expected):
    said, root = mounts
    assert in_memory(os.path.join(root, place), said) is expected


def test_links_lead_into_memory(mounts, tmp_path):
    said, root = mounts
    os.makedirs(f"{root}/memory")
    os.symlink(f"{root}/memory", tmp_path / "link")
    assert in_memory(str(tmp_path / "link"), said)


def test_a_system_that_does_not_tell_has_disks(tmp_path):
    assert not in_memory("/run", str(tmp_path / "nowhere"))
    (tmp_path / "short").write_text("tmpfs /\n\n")
    assert not in_memory("/", str(tmp_path / "short"))


@pytest.fixture
def unnamed(monkeypatch, tmp_path):
    """No folder is named, and the usual one is in memory."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)
    usual, large = tmp_path / "usual", tmp_path / "large"
    usual.mkdir()
    large.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(usual))
    monkeypatch.setattr(module, "LARGE", str(large))
    memory = {str(usual)}
    monkeypatch.setattr(module, "in_memory", lambda path: path in memory)
    return str(usual), str(large), memory


def test_large_files_avoid_memory_unless_told_otherwise(unnamed, monkeypatch):
    usual, large, memory = unnamed
    assert folder() == large
    memory.clear()
    assert folder() == usual
    memory.update((usual, large))
    assert folder() == usual
    memory.remove(large)
    os.rmdir(large)
    assert folder() == usual
    os.mkdir(large)
    monkeypatch.setenv("TMPDIR", usual)
    assert folder() == usual


def test_both_kinds_of_files_lie_there(unnamed, monkeypatch):
    _, large, _ = unnamed
    used = []
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda real=tempfile.TemporaryFile, **how: (
        used.append(how["dir"]), real(**how))[1])
    zeros((3,), np.float32, "maps", on_disk=True)
    with Scratch("arrays") as scratch:
        scratch.put([np.ones(3)])
    assert used == [large, large]


@pytest.mark.parametrize("refusal", [None, errno.EINVAL, errno.EOPNOTSUPP])
def test_zeros_are_written_where_room_cannot_be_had_at_once(monkeypatch, tmp_path, refusal):
    monkeypatch.setattr(module, "PIECE", 1000)
    written = []

    class Counting(io.FileIO):
        def write(self, data):
            written.append(super().write(data[:700]))  # as a system may that is short of room
            return written[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Counting(tmp_path / "file", "wb+"))
    if refusal is None:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    else:
        monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(refusal, "no such call")),
                            raising=False)
    array = zeros((701,), np.float32, "maps", on_disk=True)
    assert sum(written) == 2804  # no holes
    assert (tmp_path / "file").read_bytes() == bytes(2804)
    array[:] = 1
    assert (tmp_path / "file").read_bytes() == np.ones(701, np.float32).tobytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_disk_that_fills_while_zeros_are_written_is_told(monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: open("/dev/full", "wb+", buffering=0))  # noqa: SIM115
    with pytest.raises(ResourceError, match=r"has no room for maps \(72 bytes; No space left on device\).*TMPDIR"):
        zeros((9,), np.float64, "maps", on_disk=True)


def test_other_refusals_of_room_are_not_overruled(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(ResourceError, match="No space left on device"):
        zeros((9,), np.float64, "maps", on_disk=True)


def test_no_addresses_are_no_full_disk(monkeypatch):
    def none_left(*_):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(mmap, "mmap", none_left)
    with pytest.raises(ResourceError, match=r"no address space left for maps .*ulimit -v") as caught:
        zeros((9,), np.float64, "maps", on_disk=True)
    assert "TMPDIR" not in str(caught.value)


def test_room_is_demanded_before_the_work(monkeypatch):
    left = 3 * 2**30
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(left))
    demand_room(left, "maps")
    with pytest.raises(ResourceError, match=r"has no room for maps \(4 GiB; 3 GiB are left\): name a folder"):
        demand_room(4 * 2**30, "maps")


def test_large_arrays_lie_in_pages_of_their_own(monkeypatch):
    taken = []
    monkeypatch.setattr(module, "pages", lambda size: taken.append(size) or mmap.mmap(-1, size))
    small, large = (zeros((rows, 1 << 10), np.float32, "maps", on_disk=False) for rows in (1 << 9, 1 << 10))
    assert taken == [large.nbytes]
    for array in (small, large):
        assert array.flags.writeable
        assert not array.any()


def test_without_addresses_there_is_no_memory(monkeypatch):
    def full(size):
        raise OSError(errno.ENOMEM, "no")

    monkeypatch.setattr(module, "pages", full)
    assert zeros((2 * module.OWN_PAGES,), np.uint8, "maps", on_disk=False).size == 2 * module.OWN_PAGES
    with pytest.raises(MemoryError):
        zeros((1 << 60,), np.uint8, "maps", on_disk=False)


def test_no_folder_has_no_room(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(ResourceError, match=r"has no room for maps .*No such file"):
        demand_room(1, "maps")
