"""What may happen to a cache: damage, a killed process, a full disk, company, tampering. The numbers never change."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import time
import zlib
from contextlib import contextmanager
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from cached_maps import AFFINE, NAMES, SHAPE, ball, matrix, read, sentences, told, voxels, write_maps

from niicorr.errors import MapError, UsageError
from niicorr.images.cache import files, index, layout, shards
from niicorr.images.cache.fields import BOUND, digest, written
from niicorr.images.cache.index import read_index
from niicorr.images.cache.store import open_cache
from niicorr.images.cache.upkeep import cache_info, clear_cache
from niicorr.images.mapset import read_maps
from niicorr.images.survey import survey

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
    return str(tmp_path / "cache")


def found(made):
    return told(made), voxels(made)


def named(folder, suffix):
    return sorted(os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(suffix))


def rewrite(path, change):
    with open(path, "rb") as file:
        content = bytearray(file.read())
    with open(path, "wb") as file:
        file.write(change(content) or content)


def flip(at):
    def change(content):
        content[at] ^= 16

    return change


def places(folder):
    """Where the parts of every map begin in the one shard of a folder: (position in the file, bytes)."""
    for entries in read_index(folder, os.listdir(folder)).maps.values():
        for _, text in entries:
            facts = json.loads(text)
            packed = facts["shape"][2] * facts["shape"][1] * -(-facts["shape"][0] // 8)
            yield shards.HEAD + facts["offset"], facts["count"] * int(facts["dtype"][2])
            for part in (facts["bits"], facts["zero_bits"]):
                if part is not None:
                    yield shards.HEAD + part["offset"], packed


# --- damage


def test_one_bit_anywhere_in_what_a_map_needs_is_found_and_the_map_made_anew(paths, folder):
    expected = found(read(paths))
    read(paths, folder)
    spots = [(at, size) for at, size in places(folder) if size]
    assert len(spots) > N
    rng = random.Random(0)
    for at, size in spots:
        (shard,) = named(folder, ".npy")
        rewrite(shard, flip(at + rng.randrange(size)))
        assert cache_info(folder).damaged > 0
        cache = open_cache(folder)
        assert found(read(paths, cache)) == expected
        assert "damaged or gone" in sentences(cache)
        info = cache_info(folder)
        assert (info.damaged, info.maps) == (0, N)
        assert info.replaced > 0
        cache = open_cache(folder)
        assert found(read(paths, cache)) == expected
        assert sentences(cache) == f"all {N} maps came from {folder}"
        clear_cache(folder)
        read(paths, folder)


def test_the_maps_whose_bytes_were_damaged_are_named(paths, folder):
    read(paths, folder)
    (shard,) = named(folder, ".npy")
    rewrite(shard, lambda content: bytes(content[:128]) + bytes(len(content) - 128))
    cache = open_cache(folder)
    voxels(read(paths, cache))
    assert "read from the files again: a[0], a[1], a[2], b, c and 5 more" in sentences(cache)  # all but the empty one


@pytest.mark.parametrize("change", [lambda content: content[: len(content) // 2], lambda _: b"\x93NUMPY", "gone",
                                    "a folder", "a link"], ids=["half", "head", "gone", "folder", "link"])
def test_a_shard_that_is_no_longer_whole(paths, folder, tmp_path, change):
    expected = found(read(paths))
    read(paths, folder)
    (shard,) = named(folder, ".npy")
    if callable(change):
        rewrite(shard, change)
    else:
        os.rename(shard, tmp_path / "away")
        if change == "a folder":
            os.mkdir(shard)
        if change == "a link":  # to the very bytes, but outside: a cache is what is in its folder
            os.symlink(tmp_path / "away", shard)
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert f"all {N} maps came from" not in sentences(cache) or "damaged or gone" in sentences(cache)
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert sentences(cache) == f"all {N} maps came from {folder}"


@pytest.mark.parametrize("at", [0, 20, 60, 400, -2, -1])
def test_a_damaged_line_of_the_index_costs_what_it_tells_of(paths, folder, at):
    expected = found(read(paths))
    read(paths, folder)
    rewrite(named(folder, ".jsonl")[0], flip(at))
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert f"the index of {folder} has 1 damaged line" in sentences(cache) or at == -1
    assert f"none of {N} maps" not in sentences(cache)
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert f"all {N} maps came from" in sentences(cache)


def test_a_torn_index_is_used_as_far_as_it_goes(paths, folder):
    expected = found(read(paths))
    read(paths, folder)
    (lines,) = named(folder, ".jsonl")
    for share in (0.9, 0.5, 0.1, 0.0):
        rewrite(lines, lambda content, share=share: content[: int(len(content) * share)])
        cache = open_cache(folder)
        assert found(read(paths, cache)) == expected


def test_damage_that_shows_only_when_values_are_needed_is_mended_at_once(paths, folder):
    expected = matrix(read(paths))
    read(paths, folder)
    cache = open_cache(folder)
    made = read(paths, cache)
    (shard,) = named(folder, ".npy")
    rewrite(shard, lambda content: bytes(len(content)))
    assert matrix(made, jobs=2) == expected
    # The map without any data has no byte that could be damaged.
    assert f"1 of {N} maps came from {folder}, {N - 1} were added to it" in sentences(cache)
    assert "damaged or gone" in sentences(cache)
    assert cache_info(folder).damaged == 0
    cache = open_cache(folder)
    assert matrix(read(paths, cache)) == expected
    assert sentences(cache) == f"all {N} maps came from {folder}"


def test_a_cache_that_is_cleared_during_the_run(paths, folder):
    expected = matrix(read(paths))
    read(paths, folder)
    made = read(paths, folder)
    assert clear_cache(folder)[0] == 2
    assert matrix(made) == expected


def test_what_is_read_again_goes_under_the_name_of_what_was_read(paths, folder):
    """The shard is damaged, and the file became another between survey and extraction: refused, and kept apart."""
    name = next(path for path in paths if path.endswith("c.nii"))
    read([name], folder)
    before = told(read([name], folder))
    made = read([name], folder)
    rewrite(named(folder, ".npy")[0], flip(200))
    original = Path(name).read_bytes()
    rewrite(name, flip(352 + 4 * 600))
    changed = voxels(read([name]))
    with pytest.raises(MapError, match="the file changed while niicorr was at work"):
        voxels(made)
    assert voxels(read([name], folder)) == changed
    with open(name, "wb") as file:
        file.write(original)
    assert told(read([name], folder)) == before == told(read([name]))


# --- kill -9, and what a killed process leaves


def child(work):
    """Do the work in a forked process; return how it ended."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0 if not os.environ.get("NIICORR_TEST_FAILED") else 1)
    return os.waitpid(pid, 0)[1]


class Killer:
    """Ends the process by SIGKILL at the n-th step that it takes on the disk."""

    def __init__(self, at):
        self.left = at

    def step(self):
        self.left -= 1
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function):
        def call(*args, **kwargs):
            self.step()
            outcome = function(*args, **kwargs)
            self.step()
            return outcome

        return call


def test_a_process_killed_at_any_step_costs_nothing_but_work(paths, folder):
    expected = found(read(paths[:4]))
    deaths = 0
    for at in range(200):
        def work(at=at):
            killer = Killer(at)
            os.rename, os.fsync, os.replace = map(killer.around, (os.rename, os.fsync, os.replace))
            shards.ShardWriter.append = killer.around(shards.ShardWriter.append)
            shards.open = killer.around(open)
            read(paths[:4], folder)

        status = child(work)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        deaths += killed
        cache = open_cache(folder)
        assert found(read(paths[:4], cache)) == expected
        assert "damaged" not in sentences(cache)
        cache = open_cache(folder)
        assert found(read(paths[:4], cache)) == expected
        assert sentences(cache) == f"all 6 maps came from {folder}"
        for name in os.listdir(folder):  # the marker, too
            os.remove(os.path.join(folder, name))
        if not killed:
            break
    assert deaths > 20


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_was_read_before_an_interrupt_is_kept(paths, folder, jobs):
    done = []

    def interrupted(count):
        done.append(count)
        if len(done) == 4:
            raise KeyboardInterrupt

    cache = open_cache(folder)
    maps = read_maps(paths, volumes="all", cache=cache)
    with pytest.raises(KeyboardInterrupt):
        survey(maps, cache=cache, jobs=jobs, progress=interrupted)
    info = cache_info(folder)
    assert sum(done[:4]) <= info.maps
    assert jobs > 1 or info.maps == sum(done)  # other threads finish what they have begun
    assert (info.damaged, info.unfinished) == (0, 0)
    assert found(read(paths, folder)) == found(read(paths))


def test_what_a_killed_process_left_is_removed_later(paths, folder):
    read(paths[:1], folder)
    elsewhere = f"maps-elsewhere-{os.getpid()}-0123456789abcde"
    left = [f".{elsewhere}0.npy", f".{elsewhere}1.jsonl", f"{elsewhere}2.npy", ".niicorr-cache.json-0123456789abcdef"]
    others = [".hidden", "mine.npy", ".maps-a.npy"]
    for name in (*left, *others):
        with open(os.path.join(folder, name), "w") as file:
            file.write("half")
    open_cache(folder)
    assert set(left) <= set(os.listdir(folder))
    assert (cache_info(folder).unfinished, cache_info(folder).others) == (4, 3)
    for name in os.listdir(folder):
        os.utime(os.path.join(folder, name), (time.time() - 3700,) * 2)
    before = set(os.listdir(folder))
    open_cache(folder)
    assert set(os.listdir(folder)) == before - set(left)
    assert cache_info(folder).maps == 3


# --- a full disk, a folder that cannot be written


@contextmanager
def room_for(size):
    """Let no file grow beyond so many bytes; what comes after that fails as on a full disk does."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("size", [1, 100, 1000, 5000, 20_000])
@pytest.mark.parametrize("jobs", [1, 3])
def test_a_disk_that_is_full_after_so_many_bytes(paths, folder, size, jobs):
    expected = found(read(paths))
    layout.make(folder)
    with room_for(size):
        cache = open_cache(folder)
        assert found(read(paths, cache, jobs=jobs, keep=0)) == expected
    said = sentences(cache)
    assert f"{folder} cannot be written (File too large): not all maps of this run are kept" in said
    assert f"none of {N} maps came from {folder};" in said
    assert os.listdir(folder) == ["niicorr-cache.json"]
    assert found(read(paths, folder)) == expected


@pytest.mark.parametrize("where", ["open", "write", "fsync", "rename"])
def test_no_room_at_every_step(paths, folder, monkeypatch, where):
    expected = found(read(paths))
    layout.make(folder)

    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "open":
            patch.setattr(shards, "open", full, raising=False)
        elif where == "write":
            patch.setattr(shards.ShardWriter, "append", full)
        else:
            patch.setattr(os, where, full)
        cache = open_cache(folder)
        assert found(read(paths, cache)) == expected
    assert "cannot be written (No space left on device)" in sentences(cache)
    assert os.listdir(folder) == ["niicorr-cache.json"]


def test_what_was_kept_before_the_disk_was_full_stays(paths, folder, monkeypatch):
    expected = found(read(paths))
    read(paths[:3], folder)

    def full(*_args):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "rename", full)
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert f"5 of {N} maps came from {folder}; {folder} cannot be written (Disk quota exceeded)" in sentences(cache)


def test_a_folder_that_cannot_be_made(paths, tmp_path, monkeypatch):
    def refused(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("niicorr.images.cache.layout.make_folders", refused)
    cache = open_cache(tmp_path / "cache")
    assert found(read(paths, cache)) == found(read(paths))
    assert f"{tmp_path / 'cache'} cannot be written (Permission denied)" in sentences(cache)
    assert not (tmp_path / "cache").exists()


def test_a_folder_that_may_only_be_read_is_read(paths, folder, monkeypatch):
    expected = found(read(paths))
    read(paths[:3], folder)
    before = sorted(os.listdir(folder))

    def refused(*_args, **_kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(shards, "open", refused, raising=False)
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert f"5 of {N} maps came from {folder}; {folder} cannot be written (Permission denied)" in sentences(cache)
    assert sorted(os.listdir(folder)) == before


def test_a_disk_that_cannot_be_read_says_nothing_of_the_entries(paths, folder, monkeypatch):
    expected = found(read(paths))
    read(paths, folder)

    def broken(*_args):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("niicorr.images.cache.store.read_bytes", broken)
        assert found(read(paths, folder)) == expected
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert f"all {N} maps came from" in sentences(cache)
    assert cache_info(folder).replaced == 0


def test_few_file_handles_are_enough(paths, folder, monkeypatch):
    import resource

    monkeypatch.setattr("niicorr.images.cache.additions.SHARD_BYTES", 1)
    expected = found(read(paths))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 6, before[1]))
    try:
        for _ in range(2):
            cache = open_cache(folder)
            assert found(read(paths, cache, jobs=2)) == expected
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert f"all {N} maps came from" in sentences(cache)
    assert len(os.listdir("/proc/self/fd")) <= used


# --- company


def test_two_processes_on_one_cache(paths, folder, tmp_path):
    expected = found(read(paths))
    gate = tmp_path / "gate"

    def work():
        os.environ["NIICORR_TEST_FAILED"] = "1"
        while not gate.exists():
            pass
        for _ in range(3):
            if found(read(paths, folder, jobs=1)) != expected:
                return
        del os.environ["NIICORR_TEST_FAILED"]

    pids = []
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            try:
                work()
            finally:
                os._exit(1 if os.environ.get("NIICORR_TEST_FAILED") else 0)
        pids.append(pid)
    gate.touch()
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0, 0]
    info = cache_info(folder)
    assert (info.maps, info.damaged, info.damaged_lines, info.unfinished) == (N, 0, 0, 0)
    assert found(read(paths, folder)) == expected


# --- tampering


def test_more_bytes_than_a_shard_has_take_no_memory(paths, folder):
    read(paths, folder)
    (shard,) = named(folder, ".npy")
    stem, size = os.path.basename(shard)[:-4], os.path.getsize(shard)
    assert shards.read_bytes(folder, stem, 0, 2**55) is None
    assert shards.read_bytes(folder, stem, 2**60, 8) is None
    assert shards.read_bytes(folder, stem, 0, size - 128).tobytes() == Path(shard).read_bytes()[128:]
    assert shards.read_bytes(folder, stem, 0, size - 127) is None


def test_fewer_values_than_the_support_has_are_not_believed(paths, folder):
    """Forged so that every checksum is right: the number of values alone is wrong."""
    expected = found(read(paths))
    read(paths, folder)
    whole = Path(named(folder, ".npy")[0]).read_bytes()[shards.HEAD :]

    def change(kind, text):
        fields = json.loads(text)
        if kind == b"map" and fields["count"]:
            fields["count"] -= 1
            values = whole[fields["offset"] : fields["offset"] + fields["count"] * int(fields["dtype"][2])]
            fields["crc32"] = zlib.crc32(values)
        return json.dumps(fields).encode()

    forged(folder, change)
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert "damaged or gone" in sentences(cache)


def forged(folder, change, *, bound=True):
    """Rewrite every line about a map with a right checksum."""
    for path in named(folder, ".jsonl"):
        lines = Path(path).read_bytes().splitlines()
        with open(path, "wb") as file:
            for each in lines:
                _, kind, key, text = each.split(b" ", 3)
                text, key = change(kind, text), key.decode()
                fields = json.loads(text)
                if bound and fields.pop(BOUND, None):
                    text = written(fields, key).encode()
                file.write(index.line(kind, key, text))


@pytest.mark.parametrize("what", [("offset", "crc32"), ("offset", "crc32", "bits"), "all of a map", "all of a file"])
def test_lines_that_were_swapped_and_sealed_again_are_not_believed(folder, tmp_path, what):
    """What lies at a place is bound to what it is found by: no map gets the bytes, or the facts, of another."""
    paths = []
    for k, background in enumerate((0.0, 0.0, -1.0)):  # alike in all that is checked otherwise
        values = np.where(ball(), np.random.default_rng(k).standard_normal(SHAPE) + 5, background)
        paths.append(str(tmp_path / f"{k}.nii"))
        nib.save(nib.Nifti1Image(values.astype(np.float32), AFFINE), paths[-1])
    expected = found(read(paths))
    read(paths, folder)
    (lines,) = named(folder, ".jsonl")
    kind = b"file" if what == "all of a file" else b"map"
    known = [each.split(b" ", 3) for each in Path(lines).read_bytes().splitlines()]
    first, second, third = (json.loads(text) for _, of, _, text in known if of == kind)
    if isinstance(what, str):
        first, second, third = second, third, first
    else:
        for name in what:
            first[name], second[name] = second[name], first[name]
    swapped = iter((first, second, third))
    forged(folder, lambda of, text: json.dumps(next(swapped)).encode() if of == kind else text, bound=False)
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert "damaged lines, passed over" in sentences(cache)
    assert cache_info(folder).maps == 3
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert f"all 3 maps came from {folder}" in sentences(cache)


HOSTILE = [None, True, -1, 2**70, 1.5, "x" * 3000, "../../etc/passwd", [[]], {}, "nan", "\x1b[31m", 1e308]


@pytest.mark.parametrize("kind", [b"map", b"file"])
def test_a_forged_line_ends_nothing_and_reaches_nothing(paths, folder, kind):
    """Every field of every line with every hostile value: maps are read, or found as forged; nothing else."""
    paths = paths[2:4]
    read(paths, folder)
    (lines,) = named(folder, ".jsonl")
    original = Path(lines).read_bytes()
    names = json.loads(next(each for each in original.splitlines() if each.split(b" ")[1] == kind).split(b" ", 3)[3])
    for name in names:
        for value in HOSTILE:
            with open(lines, "wb") as file:
                file.write(original)

            def change(which, text, name=name, value=value):
                fields = json.loads(text)
                if which == kind:
                    fields[name] = value
                return json.dumps(fields).encode()

            forged(folder, change)
            made = survey(read_maps(paths, volumes="all", on_error="skip", cache=(cache := open_cache(folder))),
                          cache=cache)
            matrix_of = [v for file in made.maps.files for v in made.voxels(file)] if not made.problems else []
            assert len(made.readings) == 2
            assert made.problems or len(matrix_of) == 2
            cache_info(folder)
            for extra in set(named(folder, ".npy") + named(folder, ".jsonl")) - {lines, lines[:-6] + ".npy"}:
                os.remove(extra)


@pytest.mark.parametrize("what", ["a voxel beyond a line", "zero and data at once"])
def test_supports_that_cannot_be_are_not_believed(paths, folder, what):
    """Forged with right hashes: of the map that has zeros of its own."""
    paths = [path for path in paths if path.endswith("c.nii")]
    expected = found(read(paths))
    read(paths, folder)
    (shard,) = named(folder, ".npy")
    facts = json.loads(next(iter(read_index(folder, os.listdir(folder)).maps.values()))[0][1])
    size = facts["shape"][2] * facts["shape"][1] * -(-facts["shape"][0] // 8)
    bits, zero_bits = (bytearray(Path(shard).read_bytes()[shards.HEAD + facts[name]["offset"] :][:size])
                       for name in ("bits", "zero_bits"))
    if what.startswith("a voxel"):
        first = next(k for k, byte in enumerate(bits) if byte.bit_count() > 1)
        bits[first] &= bits[first] - 1  # so many as before
        bits[1] |= 1
    else:
        zero_bits = bits
    values = {"bits": bits, "zero_bits": zero_bits}

    def into(content):
        for name, value in values.items():
            at = shards.HEAD + facts[name]["offset"]
            content[at : at + size] = value

    def change(kind, text):
        fields = json.loads(text)
        if kind == b"map":
            for name, value in values.items():
                fields[name]["blake2b"] = digest(bytes(value))
        return json.dumps(fields).encode()

    rewrite(shard, into)
    forged(folder, change)
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert "damaged or gone" in sentences(cache)


def test_a_forged_header_asks_for_no_more_memory_than_is_allowed(paths, folder):
    read(paths[1:2], folder)

    def change(kind, text):
        return text if kind == b"map" else json.dumps({**json.loads(text), "shape": [2**20, 2**10, 2**10]}).encode()

    forged(folder, change)
    cache = open_cache(folder)
    assert read_maps(paths[1:2], cache=cache).files[0].header.shape == read_maps(paths[1:2]).files[0].header.shape
    assert "damaged line" in sentences(cache)


def test_a_pipe_holds_nothing_up(paths, folder):
    expected = found(read(paths))
    read(paths, folder)
    os.mkfifo(os.path.join(folder, f"{layout.new_stem()}.jsonl"))
    (shard,) = named(folder, ".npy")
    os.remove(shard)
    os.mkfifo(shard)
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert "has 1 damaged line, passed over" in sentences(cache)


def test_a_line_of_garbage_with_a_right_checksum(paths, folder):
    expected = found(read(paths))
    read(paths, folder)
    extra = os.path.join(folder, f"{layout.new_stem()}.jsonl")
    keys = list(read_index(folder, os.listdir(folder)).maps)
    with open(extra, "wb") as file:
        for text in (b"", b"{", b"[" * 5000, b"1", b"null", b"\xff", b"{}", b'{"offset": {"a": 1}}'):
            file.write(index.line(index.MAP, keys[0], text))
        file.write(index.line(index.MAP, "no-size", b"{}"))
        file.write(index.line(index.DEAD, "x"))
        file.write(index.line(b"pickle", "x"))
        file.write(b"\n \n" + os.urandom(500))
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert "damaged lines" in sentences(cache)


def test_no_object_comes_out_of_a_forged_type(paths, folder):
    read(paths, folder)
    for dtype in ("|O", "|O8", "V16", "<U4", "<c8", "<M8", "f4,f4", "<f4 "):
        def change(_, text, dtype=dtype):
            return json.dumps({**json.loads(text), "dtype": dtype}).encode()

        forged(folder, change)
        made = read(paths, folder)
        assert {r.grid.shape for r in made.readings}
        assert all(v[5] in (np.float32, np.float64) for v in voxels(made))
        clear_cache(folder)
        read(paths, folder)


def test_bytes_of_chance_in_every_file(paths, folder):
    """Bytes changed, cut out, repeated, lines swapped; nothing raises, no number changes."""
    expected = found(read(paths[1:4]))
    rng = random.Random(1)
    read(paths[1:4], folder)
    pristine = {name: Path(os.path.join(folder, name)).read_bytes() for name in os.listdir(folder)}
    for _ in range(150):
        for name in os.listdir(folder):
            os.remove(os.path.join(folder, name))
        for name, content in pristine.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(content)
        for _ in range(rng.randrange(1, 4)):
            victim = os.path.join(folder, rng.choice([name for name in pristine if name != layout.MARKER]))

            def change(content):
                if not content:
                    return None
                at, size = rng.randrange(len(content)), rng.choice([1, 1, 1, 8, 300])
                what = rng.randrange(4)
                if what == 0:
                    content[at : at + size] = rng.randbytes(size)
                elif what == 1:
                    del content[at : at + size]
                elif what == 2:
                    content[at:at] = content[at : at + size]
                else:
                    lines = content.splitlines(keepends=True)
                    rng.shuffle(lines)
                    return b"".join(lines)
                return content

            rewrite(victim, change)
        assert found(read(paths[1:4], folder)) == expected


def test_a_cache_that_lost_its_marker_while_a_run_wrote_into_it_gets_a_new_one(paths, folder):
    """As a removal of the folder leaves it that finds it not empty at its end."""
    expected = found(read(paths))
    read(paths[:3], folder)
    os.remove(os.path.join(folder, "niicorr-cache.json"))
    cache = open_cache(folder)
    assert found(read(paths, cache)) == expected
    assert os.path.exists(os.path.join(folder, "niicorr-cache.json"))
    os.remove(os.path.join(folder, "niicorr-cache.json"))
    with open(os.path.join(folder, "notes.txt"), "w") as file:
        file.write("mine")
    with pytest.raises(UsageError, match=r"no cache of niicorr \(such as 'notes\.txt'\)"):
        open_cache(folder)
