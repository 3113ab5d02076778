"""Bytes of a file: what comes is what was compressed, or an error; never less, never something else."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import os
import zlib

import pytest

from fuzz.handles import open_files
from niicorr.errors import MapError
from niicorr.images import stream as module
from niicorr.images.stream import ByteStream

TEXT = b"".join(b"%d brain maps, " % k for k in range(40))
NAMES = {"gzip": gzip.compress, "bzip2": bz2.compress, None: bytes}


@pytest.fixture
def stored(tmp_path):
    def store(data):
        path = tmp_path / "file"
        path.write_bytes(data)
        return str(path)

    return store


def everything(path, chunk=module.CHUNK):
    with ByteStream(path, chunk) as stream:
        data = stream.read(1 << 20)
        assert stream.drain(1 << 20) == 0
        return data


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("chunk", [4, 5, 7, 64, 1 << 18])
def test_chunks_of_any_length_give_the_same_bytes(stored, kind, chunk):
    path = stored(NAMES[kind](TEXT))
    with ByteStream(path, chunk) as stream:
        assert stream.compression == kind
        assert everything(path, chunk) == TEXT


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.parametrize("chunk", [4, 50, 1 << 18])
@pytest.mark.parametrize("burst", [3, 1 << 24])
def test_reading_and_skipping_end_where_the_stream_ends(monkeypatch, stored, kind, chunk, burst):
    monkeypatch.setattr(module, "BURST", burst)
    with ByteStream(stored(NAMES[kind](TEXT)), chunk) as stream:
        assert stream.read(0) == b""
        assert stream.read(10) == TEXT[:10]
        assert stream.skip(31) == 31
        buffer = bytearray(200)
        assert stream.readinto(memoryview(buffer)) == 200
        assert buffer == TEXT[41:241]
        rest = len(TEXT) - 241
        assert stream.skip(10**6) == rest
        assert stream.read(5) == b""
        assert stream.drain(10) == 0


@pytest.mark.parametrize("kind", NAMES)
def test_the_hash_is_that_of_the_file_as_stored(stored, kind):
    data = NAMES[kind](TEXT)
    with ByteStream(stored(data), 16) as stream:
        assert stream.read(100) == TEXT[:100]
        assert stream.drain(1 << 20) == len(TEXT) - 100
        assert stream.digest == hashlib.blake2b(data, digest_size=16).hexdigest()
        assert stream.file_size == len(data)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("padding", [b"", b"\0", b"\0" * 700])
@pytest.mark.parametrize("chunk", [4, 9, 1 << 18])
def test_members_follow_each_other(stored, compress, padding, chunk):
    parts = [TEXT, b"", b"x", TEXT[::-1]]
    path = stored(b"".join(compress(part) + padding for part in parts))
    assert everything(path, chunk) == b"".join(parts)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("behind", [b"", TEXT], ids=["at the end", "between two streams"])
def test_zeros_without_end_are_read_up_to_a_limit(tmp_path, monkeypatch, compress, behind):
    """A sparse file takes no room on the disk, and would be read for days."""
    most = 1 << 20
    monkeypatch.setattr(module, "TRAILING", most)

    def padded(zeros):
        path = tmp_path / "file"
        path.write_bytes(compress(TEXT))
        os.truncate(path, path.stat().st_size + zeros)
        with open(path, "ab") as file:
            file.write(compress(behind) if behind else b"")
        return everything(str(path))

    assert padded(most) == TEXT + behind
    for zeros in (most + 1, 1 << 34):
        with pytest.raises(MapError, match=rf"more than 1 MiB of zeros follow .*\({len(TEXT)} bytes inflated\)"):
            padded(zeros)


def test_the_limit_is_that_of_what_follows_the_voxels():
    assert module.TRAILING == 64 * 2**20


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("rubbish", [b"x", b"\0\0\0x", b"\x1f", b"BZ", b"\x1f\x8b", b"nothing that was compressed"])
def test_rubbish_behind_a_stream_is_an_error(stored, compress, rubbish):
    path = stored(compress(TEXT) + rubbish)
    with pytest.raises(MapError, match="compressed stream"):
        everything(path)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("members", [1, 2])
def test_a_stream_cut_anywhere_is_an_error(stored, compress, members):
    data = compress(TEXT[:60]) * members
    whole = {len(data), len(data) // 2} if members == 2 else {len(data)}
    for keep in set(range(4, len(data))) - whole:
        with pytest.raises(MapError, match=r"ends early|damaged|no compressed stream"):
            everything(stored(data[:keep]))


def test_a_flipped_bit_anywhere_in_gzip_is_an_error_or_changes_nothing(stored):
    """Beyond the two bytes by which gzip is known; file time and system may be anything."""
    data = gzip.compress(TEXT[:90], mtime=0)
    harmless = []
    for at in range(2, len(data)):
        for bit in range(8):
            broken = bytearray(data)
            broken[at] ^= 1 << bit
            try:
                found = everything(stored(bytes(broken)))
            except MapError:
                continue
            assert found == TEXT[:90], f"bit {bit} of byte {at}"
            harmless.append(at)
    # In the header: flags, time, level and system. In the body: a repeat copied from another place that is alike.
    assert set(range(4, 10)) <= set(harmless)
    assert sum(at >= 10 for at in harmless) < 0.02 * 8 * len(data)


def test_a_flipped_bit_anywhere_in_bzip2_is_an_error_or_changes_nothing(stored):
    data = bz2.compress(TEXT[:90])
    harmless = 0
    for at in range(3, len(data)):
        broken = bytearray(data)
        broken[at] ^= 1 << at % 8
        try:
            assert everything(stored(bytes(broken))) == TEXT[:90], f"byte {at}"
            harmless += 1
        except MapError:
            pass
    assert harmless < 0.1 * len(data)


@pytest.mark.parametrize("inflater", [zlib, module._inflate], ids=["zlib", "the fastest here"])
def test_whichever_inflater_is_installed_checks_the_sum(monkeypatch, stored, inflater):
    monkeypatch.setattr(module, "_inflate", inflater)
    data = bytearray(gzip.compress(TEXT))
    assert everything(stored(bytes(data))) == TEXT
    data[-6] ^= 1
    with pytest.raises(MapError, match="damaged"):
        everything(stored(bytes(data)))


def test_a_bomb_is_inflated_by_bursts_and_left_when_enough_is_enough(monkeypatch, stored):
    taken = []
    real = module._Inflater.take

    def watched(self, size, more):
        piece = real(self, size, more)
        taken.append(len(piece))
        return piece

    monkeypatch.setattr(module._Inflater, "take", watched)
    monkeypatch.setattr(module, "BURST", 1 << 16)
    path = stored(gzip.compress(bytes(1 << 24)))
    with ByteStream(path) as stream:
        left = stream.drain(1 << 20)
    assert 1 << 20 < left <= (1 << 20) + (1 << 16)
    assert max(taken) <= 1 << 16


@pytest.mark.parametrize("ending", [b"", b"\0\0"])
def test_an_empty_member_is_no_endless_loop(stored, ending):
    path = stored(gzip.compress(b"") * 3 + ending)
    assert everything(path) == b""


def test_deflate_of_several_blocks_and_flushes(stored):
    packer = zlib.compressobj(wbits=31)
    data = b"".join(packer.compress(part) + packer.flush(zlib.Z_FULL_FLUSH) for part in (TEXT, TEXT, b""))
    assert everything(stored(data + packer.flush()), 16) == TEXT * 2


@pytest.mark.parametrize(
    ("what", "words"),
    [("missing", "no such file"), ("empty", "the file is empty"), ("folder", "a folder"), ("pipe", "pipe")],
)
def test_what_is_no_file_says_what_it_is(tmp_path, what, words):
    path = tmp_path / what
    {"missing": lambda: None, "empty": path.touch, "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[what]()
    with pytest.raises(MapError, match=words) as caught:
        ByteStream(str(path))
    assert caught.value.path == str(path)


def test_the_file_is_closed_when_it_cannot_be_used(monkeypatch, tmp_path):
    opened = []

    def watched(*args, **kwargs):
        opened.append(open(*args, **kwargs))  # noqa: SIM115  # whether it is closed is the question
        return opened[-1]

    monkeypatch.setattr(module, "open", watched, raising=False)
    (tmp_path / "empty").touch()
    with pytest.raises(MapError):
        ByteStream(str(tmp_path / "empty"))
    assert [file.closed for file in opened] == [True]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the system does not tell which files are open")
def test_a_folder_is_closed_again(tmp_path):
    """The system opens a folder as it opens a file, and Python's open leaves it open when it refuses it."""
    before = open_files()
    for _ in range(5):
        with pytest.raises(MapError, match="this is a folder"):
            ByteStream(str(tmp_path))
        with pytest.raises(IsADirectoryError):
            module.opened(str(tmp_path), 0)
    assert open_files() == before


@pytest.mark.parametrize("name", ["a\0b.nii", "\ud800.nii"], ids=["a zero byte", "a lone surrogate"])
def test_a_name_that_no_file_can_have_is_an_error_of_ours(name):
    """A manifest or a table may hold either."""
    with pytest.raises(MapError) as caught:
        ByteStream(name)
    assert caught.value.text == "no such file or folder: no file can have this name: check the path"


def test_what_cannot_be_read_is_said_in_words(monkeypatch, stored, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MapError) as caught:
        ByteStream(str(tmp_path / "pipe"))
    assert caught.value.text == "not a regular file (a pipe or a device): save it as a file first"
    data = gzip.compress(os.urandom(3_000_000), 1)
    with pytest.raises(MapError, match=r"follow after 6.000.000 bytes, 6\.0 MB inflated so far"):
        everything_of(stored(data + data + b"more"))
    with ByteStream(stored(bytes(5000)), 16) as stream:
        class Broken:
            def readinto(self, _size):
                raise OSError(5, "Input/output error")

            read = readinto

            def close(self):
                pass

        stream._file.close()
        monkeypatch.setattr(stream, "_file", Broken())
        for take in (stream.read, stream.drain):
            with pytest.raises(MapError, match="Input/output error") as caught:
                take(4000)
            assert caught.value.path == stream.path


def everything_of(path):
    with ByteStream(path) as stream:
        while stream.read(1 << 20):
            pass
