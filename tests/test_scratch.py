"""Arrays that wait on the disk come back as they were, or there is a message."""

from __future__ import annotations

import gc
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from niicorr.errors import ResourceError
from niicorr.scratch import Scratch

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
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
        fetch = scratch.put([np.ones(1000)])
        if os.name == "posix":
            assert os.listdir(tmp_path) == []
        fetch()
    gc.collect()
    assert os.listdir(tmp_path) == []
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before
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
    assert text.startswith(f"{tmp_path / 'nowhere'} has no room for what is kept of the maps (0.0 GiB so far; ")
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
