"""The cache: what comes out of it is what reading finds, and unchanged files are not opened."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from cached_maps import NAMES, SHAPE, ball, matrix, read, sentences, told, volume, voxels, write_maps

from niicorr.errors import MapError, UnusableMapsError, UsageError
from niicorr.images import header as headers
from niicorr.images import load
from niicorr.images import survey as survey_module
from niicorr.images.cache import additions, facts, files
from niicorr.images.cache.index import line, read_index
from niicorr.images.cache.layout import INDEX, MARKER, SHARD, new_stem, ours, stem_of
from niicorr.images.cache.store import open_cache
from niicorr.images.cache.upkeep import cache_info, clear_cache
from niicorr.images.inspect import inspect
from niicorr.images.mapset import read_maps
from niicorr.images.survey import survey

N = len(NAMES) + 2  # one file holds three maps


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "maps").mkdir()
    return write_maps(tmp_path / "maps")


@pytest.fixture
def folder(tmp_path):
    return str(tmp_path / "cache")


@pytest.fixture(autouse=True)
def long_ago(monkeypatch):
    """Files are written just before: let their times be believed all the same."""
    monkeypatch.setattr(files, "RACY_NS", -(10**15))


@pytest.fixture
def opened(monkeypatch):
    """List every input file that is opened: for its header, its voxels, its hash."""
    names = []

    def watched(kind, function, path_of):
        def call(*args, **kwargs):
            names.append((kind, os.path.basename(path_of(args[0]))))
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(survey_module, "volumes", watched("voxels", load.volumes, lambda h: h.path))
    monkeypatch.setattr(files, "read_header", watched("header", headers.read_header, str))
    monkeypatch.setattr(files, "_hashed", watched("hash", files._hashed, lambda halves: halves[0]))
    return names


@pytest.mark.parametrize("options", [{}, {"background": "none"}, {"background": -1.0, "zeros": "data"},
                                     {"background": float("nan")}, {"background": 0.0}, {"zeros": "missing"}], ids=repr)
@pytest.mark.parametrize("jobs", [1, 3])
def test_what_comes_from_the_cache_is_what_reading_finds(paths, folder, options, jobs):
    plain = read(paths, **options)
    expected = told(plain), voxels(plain)
    for turn in ("put there", "taken from there"):
        cache = open_cache(folder)
        made = read(paths, cache, jobs=jobs, **options)
        assert (told(made), voxels(made)) == expected, turn
        assert all(r.stored is not None for r in made.readings)
    assert sentences(cache) == f"all {N} maps came from {folder}"


def test_the_matrix_is_the_same_to_the_last_byte(paths, folder):
    paths = [path for path in paths if not path.endswith("h.nii.gz")]
    expected = matrix(read(paths), n_maps=10**4, naive_step=3)
    for keep in (float("inf"), 0, float("inf")):
        assert matrix(read(paths, folder, keep=keep), n_maps=10**4, naive_step=3) == expected


def test_values_of_single_and_double_precision_keep_it(paths, folder):
    read(paths, folder)
    made = read(paths, folder)
    types = {os.path.basename(r.record.path): v[5].name for r, v in zip(made.readings, voxels(made), strict=True)}
    assert types["b.nii.gz"] == types["e.nii"] == types["f.hdr"] == "float32"
    assert types["a.nii.gz"] == types["d.nii.gz"] == "float64"


def test_a_file_that_has_not_changed_is_not_opened(paths, folder, opened):
    read(paths, folder)
    assert sorted(opened) == sorted([(kind, name) for name in NAMES for kind in ("header", "voxels")])
    opened.clear()
    made = read(paths, folder)
    matrix(made)
    assert opened == []


def test_without_the_headers_files_are_hashed(paths, folder, opened):
    survey(read_maps(paths, volumes="all"), cache=open_cache(folder))
    opened.clear()
    cache = open_cache(folder)
    made = survey(read_maps(paths, volumes="all"), cache=cache)
    assert sorted(opened) == sorted(("hash", name) for name in NAMES)
    assert told(made) == told(read(paths))


def test_files_that_are_added_are_all_that_is_read(paths, folder, opened):
    read(paths[:4], folder)
    opened.clear()
    cache = open_cache(folder)
    read(paths, cache)
    assert sorted(opened) == sorted([(kind, name) for name in NAMES[4:] for kind in ("header", "voxels")])
    assert sentences(cache) == f"6 of {N} maps came from {folder}, 5 were added to it"


def test_a_copy_elsewhere_is_known_by_its_content(paths, folder, tmp_path, opened):
    read(paths, folder)
    opened.clear()
    moved = [shutil.copy(path, tmp_path / f"copy-of-{os.path.basename(path)}") for path in paths if "f." not in path]
    made = read(moved, cache := open_cache(folder))
    assert {kind for kind, _ in opened} == {"header", "hash"}
    assert "all 10 maps" in sentences(cache)
    assert told(made) == told(read(moved))


def test_both_halves_of_a_pair_count(paths, folder, tmp_path):
    pair = str(tmp_path / "maps" / "f.img")
    read([pair], folder)
    header = tmp_path / "maps" / "f.hdr"
    content = bytearray(header.read_bytes())
    content[112:116] = np.float32(2).tobytes()  # scl_slope
    header.write_bytes(content)
    made = read([pair], cache := open_cache(folder))
    assert voxels(made) == voxels(read([pair]))
    assert "none of 1 map" in sentences(cache)
    read([pair], cache := open_cache(folder))
    assert "the map came from" in sentences(cache)


def change(path, how):
    """Change the content of a file, its size and its time of modification as they were."""
    before = os.stat(path)
    values = np.array(volume(77), dtype=">f4")
    with open(path, "rb") as file:
        head = file.read(352)
    content = head + values.tobytes(order="F")
    if how == "in place":
        with open(path, "r+b") as file:
            file.write(content)
    else:
        with open(f"{path}.new", "wb") as file:
            file.write(content)
        os.replace(f"{path}.new", path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (os.stat(path).st_size, os.stat(path).st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_a_change_is_noticed_that_size_and_time_of_modification_hide(paths, folder, how):
    name = next(path for path in paths if path.endswith("c.nii"))
    read([name], folder)
    change(name, how)
    made = read([name], folder)
    assert voxels(made) == voxels(read([name]))
    assert made.readings[0].record.blake2b == hashlib.blake2b(Path(name).read_bytes(), digest_size=16).hexdigest()


def test_a_file_changed_just_before_is_hashed_again(paths, folder, opened, monkeypatch):
    monkeypatch.setattr(files, "RACY_NS", 10**15)
    read(paths, folder)
    opened.clear()
    read(paths, folder)
    assert sorted(opened) == sorted([(kind, name) for name in NAMES for kind in ("header", "hash")])
    monkeypatch.undo()
    assert files.RACY_NS == 2 * 10**9


def test_a_file_that_changes_between_header_and_voxels_is_read(paths, folder):
    name = next(path for path in paths if path.endswith("c.nii"))
    read([name], folder)
    cache = open_cache(folder)
    maps = read_maps([name], cache=cache)
    change(name, "in place")
    made = survey(maps, cache=cache)
    assert voxels(made) == voxels(read([name]))
    assert not list(cache._files.news())  # what was learnt of it fits none of its states
    assert voxels(read([name], folder)) == voxels(read([name]))


def test_a_file_that_changes_while_it_is_read_is_not_known_by_its_times(paths, folder, monkeypatch):
    name = next(path for path in paths if path.endswith("c.nii"))

    def touched(volume, *options):
        os.utime(name)
        return inspect(volume, *options)

    monkeypatch.setattr(survey_module, "inspect", touched)
    read([name], folder)
    index = read_index(folder, os.listdir(folder))
    assert len(index.maps) == 1
    assert not index.files


def test_a_file_that_vanishes_after_it_was_found_is_not_missed(paths, folder):
    expected = matrix(read(paths[:4]))
    read(paths, folder)
    made = read(paths[:4], folder)
    for path in paths[:4]:
        os.remove(path)
    assert matrix(made) == expected


def test_a_file_that_vanishes_before_it_was_found_is_named(paths, folder):
    read(paths, folder)
    cache = open_cache(folder)
    maps = read_maps(paths[:2], volumes="all", cache=cache)
    os.remove(paths[1])
    made = survey(maps, cache=cache)
    assert [problem.path for problem in made.problems] == [paths[1]]
    with pytest.raises(UnusableMapsError, match="no such file"):
        read(paths[:2], folder)


def test_what_is_wrong_with_a_file_is_found_every_time(paths, folder, tmp_path):
    whole = (tmp_path / "maps" / "a.nii.gz").read_bytes()
    bad = tmp_path / "maps" / "bad.nii.gz"
    bad.write_bytes(whole[:-40])
    for _ in range(2):
        made = read([str(bad), paths[1]], folder, on_error="skip")
        assert [problem.path for problem in made.problems] == [str(bad)] * 3
        assert "ends early" in made.problems[0].text
    assert len(read_index(folder, os.listdir(folder)).maps) == 1
    bad.write_bytes(whole)
    assert told(read([str(bad)], folder)) == told(read([str(bad)]))


def test_volumes_that_are_there_are_not_written_twice(paths, folder):
    read(paths[:1], folder, volumes="0:2")
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith(".npy"))
    cache = open_cache(folder)
    made = read(paths[:1], cache, volumes="all")
    assert sentences(cache) == f"none of 3 maps came from {folder}, 1 was added to it"
    both = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith(".npy"))
    assert size < both < 1.8 * size
    assert voxels(made) == voxels(read(paths[:1]))
    assert told(read(paths[:1], folder, volumes="1:3")) == told(read(paths[:1], volumes="1:3"))


def test_volumes_of_a_file_that_changes_meanwhile_are_those_of_the_new_one(paths, folder, monkeypatch):
    read(paths[:1], folder, volumes="0:2")
    cache = open_cache(folder)
    find = cache.find

    def changed_after(*args):
        known = find(*args)
        stack = np.stack([volume(k) for k in (21, 22, 23)], axis=-1)
        nib.save(nib.Nifti1Image(stack, np.diag([8.0, 8, 8, 1])), paths[0])
        return known

    monkeypatch.setattr(cache, "find", changed_after)
    made = read(paths[:1], cache, keep=0)
    assert voxels(made) == voxels(read(paths[:1]))
    assert told(read(paths[:1], folder)) == told(made) == told(read(paths[:1]))


def test_a_support_that_maps_share_is_stored_once_and_held_once(folder, tmp_path):
    inside = np.where(np.isfinite(volume(0)) & (volume(0) != 0), 1.0, 0.0)
    for k in range(5):
        values = (np.random.default_rng(k).random(SHAPE) + 1) * inside
        data = np.asfortranarray(values.astype(np.float32))
        nib.save(nib.Nifti1Image(data, np.diag([8.0, 8, 8, 1])), tmp_path / f"s{k}.nii.gz")
    names = [str(tmp_path / f"s{k}.nii.gz") for k in range(5)]
    read(names, folder)
    (shard,) = [name for name in os.listdir(folder) if name.endswith(".npy")]
    count, packed = int(inside.sum()), SHAPE[2] * SHAPE[1] * -(-SHAPE[0] // 8)
    assert os.path.getsize(os.path.join(folder, shard)) < 128 + 5 * 4 * count + packed + 6 * 64
    made = read(names, folder)
    assert len({id(r.inside_bits) for r in made.readings}) == 1
    assert told(made) == told(read(names))


def test_shards_are_arrays_that_numpy_reads(paths, folder, monkeypatch):
    monkeypatch.setattr(additions, "SHARD_BYTES", 2000)
    expected = voxels(read(paths))
    assert voxels(read(paths, folder, jobs=3)) == expected
    shards = [name for name in os.listdir(folder) if name.endswith(".npy")]
    assert len(shards) > 2
    for name in shards:
        array = np.load(os.path.join(folder, name), mmap_mode="r", allow_pickle=False)
        assert (array.dtype, array.ndim) == (np.uint8, 1)
        assert os.path.getsize(os.path.join(folder, name)) == 128 + array.size
    assert {f"{name[:-4]}.jsonl" for name in shards} < set(os.listdir(folder))
    cache = open_cache(folder)
    assert voxels(read(paths, cache)) == expected
    assert f"all {N} maps" in sentences(cache)


def test_two_sets_with_the_same_file_read_it_once(paths, folder, opened):
    cache = open_cache(folder)
    one, two = (read_maps(paths, volumes="all", cache=cache) for _ in range(2))
    survey(one, cache=cache)
    survey(two, cache=cache)
    assert sorted(opened) == sorted([(kind, name) for name in NAMES for kind in ("header", "voxels")])


def test_what_others_add_meanwhile_is_found_after_a_look(paths, folder, opened):
    early = open_cache(folder)
    read(paths, open_cache(folder))
    opened.clear()
    early.refresh()
    made = read(paths, early)
    assert all(r.stored is not None for r in made.readings)
    assert opened == []
    assert sentences(early) == f"all {N} maps came from {folder}"


def test_a_cache_that_is_to_go_gives_nothing_and_does_not_come_back(paths, folder):
    cache = open_cache(folder)
    expected = voxels(read(paths))
    made = read(paths, cache, keep=0)
    cache.forget()
    shutil.rmtree(folder)
    assert voxels(made) == expected
    assert not os.path.exists(folder)


def test_a_lower_limit_of_size_still_refuses(paths, folder):
    read(paths[3:4], folder)
    with pytest.raises(UnusableMapsError, match="limit"):
        read_maps(paths[3:4], max_map_size=1000, cache=open_cache(folder))
    assert len(read_maps(paths[3:4], max_map_size=2**31, cache=open_cache(folder))) == 1


def test_images_in_memory_are_not_kept(folder):
    cache = open_cache(folder)
    made = survey(read_maps([(volume(1), np.eye(4))], cache=cache), cache=cache)
    assert made.problems == []
    assert not os.path.exists(folder)


def test_the_name_of_a_reading_knows_all_that_it_depends_on(paths, monkeypatch):
    maps = read_maps(paths, volumes="all")
    content = files.Content(1, "0" * 32)
    header = maps.files[0].header

    def key(content=content, header=header, volume=0, background="auto", zeros="auto"):
        return facts.map_key(content, header, volume, background, zeros)

    keys = [key(), key(content=files.Content(2, "0" * 32)), key(content=files.Content(1, "1" + "0" * 31)),
            key(volume=1), key(background="none"), key(background=0.0), key(background=-0.0),
            key(background=float("nan")), key(zeros="data")]
    keys += [key(header=replace(header, **{name: value})) for name, value in {
        "dtype": np.dtype(">f8"), "shape": (1, 2, 3), "n_volumes": 4, "offset": 353, "slope": 2.0, "inter": 1.0,
        "big_endian": True}.items()]
    monkeypatch.setattr(facts, "INSPECTION", facts.INSPECTION + 1)
    keys.append(key())
    assert len(set(keys)) == len(keys)
    assert key(background=0) == key(background=0.0)
    assert key(header=replace(header, path="elsewhere")) == key()


@pytest.mark.parametrize(("what", "words"), [
    ("", "needs the name of a folder"), ("a\0b", "can be the name of none"), (3, "path of a folder, not int"),
    ("file", "is a file, not a folder"), ("full", "holds files that are no cache of niicorr .such as 'mine.txt'")])
def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch, what, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=words):
        open_cache(what)
    assert sorted(os.listdir(tmp_path / "full")) == ["mine.txt"]


@pytest.mark.parametrize(("marker", "words"), [
    ('{"program": "niicorr", "kind": "cache", "format": 3}', "format 3 of a newer niicorr"),
    ('{"program": "niicorr", "kind": "cache", "format": 0}', "damaged"),
    ('{"program": "niicorr", "kind": "cache", "format": "1"}', "damaged"),
    ('{"program": "other", "kind": "cache", "format": 1}', "damaged"), ("", "damaged"), ("[" * 900, "damaged"),
    ("[]", "damaged"), (None, "cannot be read")])
def test_a_cache_that_is_not_understood_is_left_alone_and_said(paths, tmp_path, marker, words):
    folder = tmp_path / "cache"
    folder.mkdir()
    if marker is None:
        (folder / "niicorr-cache.json").mkdir()
    else:
        (folder / "niicorr-cache.json").write_text(marker)
    cache = open_cache(str(folder))
    assert told(read(paths, cache)) == told(read(paths))
    assert f"{folder} was not used: " in sentences(cache)
    assert words in sentences(cache)
    assert os.listdir(folder) == ["niicorr-cache.json"]


def aged(folder):
    """Make a cache one of format 1, whose lines are not bound to their keys."""
    for name in os.listdir(folder):
        path = Path(folder, name)
        if name == MARKER:
            path.write_text('{"program": "niicorr", "kind": "cache", "format": 1}\n')
        elif name.endswith(INDEX):
            lines = [each.split(b" ", 3)[1:] for each in path.read_bytes().splitlines()]
            for each in lines:
                del (fields := json.loads(each[2]))["bound"]
                each[2] = json.dumps(fields).encode()
            path.write_bytes(b"".join(line(kind, key.decode(), text) for kind, key, text in lines))


def test_a_cache_of_an_older_niicorr_is_emptied_and_filled_anew(paths, folder):
    read(paths[:3], folder)
    aged(folder)
    Path(folder, "mine.txt").write_text("mine")
    left = set(os.listdir(folder))
    with pytest.raises(UsageError, match="format 1 of an older niicorr, and this one knows format 2; the next run with "
                                         "--cache empties it and fills it anew"):
        cache_info(folder)
    assert set(os.listdir(folder)) == left
    made = read(paths, cache := open_cache(folder))
    assert (told(made), voxels(made)) == (told(read(paths)), voxels(read(paths)))
    assert sentences(cache) == (f"{folder} was emptied, to be filled anew: it has format 1 of an older niicorr, and "
                                f"this one knows format 2; none of {N} maps came from {folder}, {N} were added to it")
    assert set(os.listdir(folder)) & left == {MARKER, "mine.txt"}
    assert (cache_info(folder).maps, cache_info(folder).damaged_lines) == (N, 0)
    read(paths, cache := open_cache(folder))
    assert sentences(cache) == f"all {N} maps came from {folder}"


def test_a_cache_of_an_older_niicorr_can_be_cleared(paths, folder):
    read(paths[:3], folder)
    aged(folder)
    assert clear_cache(folder)[0] == 2
    assert os.listdir(folder) == [MARKER]


def test_a_cache_of_an_older_niicorr_that_cannot_be_emptied_is_not_used(paths, folder, monkeypatch):
    read(paths[:3], folder)
    aged(folder)

    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "remove", refused)
    cache = open_cache(folder)
    assert told(read(paths, cache)) == told(read(paths))
    assert sentences(cache) == (f"{folder} was not used: it has format 1 of an older niicorr, and this one knows "
                                "format 2, and cannot be emptied (Permission denied)")


def test_what_another_run_keeps_in_a_cache_that_it_has_just_emptied_stays(paths, folder, monkeypatch):
    """Both saw that it was of an older format; the other was faster."""
    read(paths[:3], folder)
    aged(folder)
    listdir = os.listdir

    def slow(path):
        names = listdir(path)
        monkeypatch.setattr(os, "listdir", listdir)
        read(paths[:3], folder)
        return names

    monkeypatch.setattr(os, "listdir", slow)
    read(paths[:3], cache := open_cache(folder))
    assert sentences(cache) == f"none of 5 maps came from {folder}, 5 were added to it"
    assert (cache_info(folder).shards, cache_info(folder).damaged_lines) == (2, 0)


def test_hidden_files_of_a_desktop_do_not_matter(paths, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / ".DS_Store").write_text("")
    cache = open_cache(tmp_path / "cache")
    read(paths, cache)
    assert f"{N} were added" in sentences(cache)


def test_nothing_is_written_beside_the_inputs(paths, folder):
    before = {path: Path(path).read_bytes() for path in paths}
    read(paths, folder)
    read(paths, folder)
    assert sorted(os.listdir(os.path.dirname(paths[0]))) == sorted([*NAMES, "f.img"])
    assert {path: Path(path).read_bytes() for path in paths} == before


def test_names_tell_no_other_process_anything_it_could_take(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "../evil host\n.example")
    stems = {new_stem() for _ in range(50)}
    assert len(stems) == 50
    for stem in stems:
        assert not set("/.\n ") & set(stem)
        assert stem_of(f"{stem}.npy", SHARD) == stem
        assert ours(f".{stem}.jsonl")
    for name in ("../x.jsonl", "maps-a-1-zz.jsonl", "maps.jsonl", "/etc/passwd", "maps-a-1-0123456789abcdef.jsonl.gz"):
        assert stem_of(name, INDEX) is None
        assert not ours(name)


def steady(step, dtype, background):
    """Values that no version of numpy draws differently."""
    values = (np.arange(int(np.prod(SHAPE))) * step % 1009 - 300.0).reshape(SHAPE) * 0.37
    return np.where(ball(), values, background).astype(dtype)


def test_reading_finds_what_it_found_when_the_cache_was_given_its_version(tmp_path):
    """Whoever changes what inspection or loading finds must raise `facts.INSPECTION`, and this number with it."""
    kinds = [("<f4", 0), (">f8", -1), ("<f8", np.nan), ("<i2", 0), ("|u1", 0), ("<i4", -999), ("<f4", 3e5)]
    for k, (dtype, background) in enumerate(kinds):
        with np.errstate(invalid="ignore"):  # negative numbers as uint8
            image = nib.Nifti1Image(steady(7919 + k, "<i8" if dtype == "|u1" else dtype, background).astype(dtype),
                                    np.diag([8.0, 8, 8, 1]))
        if k == 3:
            image.header.set_slope_inter(0.25, -2)
        nib.save(image, tmp_path / f"{k}.nii")
    large = np.arange(50**3).reshape(50, 50, 50) * 7919 % 10007 - 4000.5  # of so many values percentiles are sampled
    large[:4], large[30, 30] = 0, -1
    nib.save(nib.Nifti1Image(large, np.diag([4.0, 4, 4, 1])), tmp_path / "large.nii")
    names = [str(path) for path in sorted(tmp_path.glob("*.nii"))]
    digest = hashlib.blake2b(digest_size=8)
    for options in ({}, {"background": -1.0}, {"background": "none", "zeros": "data"}):
        made = read(names, **options)
        for r in made.readings:
            digest.update(repr((r.record.background, r.record.background_share, r.record.decisions, r.outline, r.zeros,
                                r.by_rule, r.inside_bits.tobytes())).encode())
        for i, shape, bits, zero_bits, rest_is_zero, dtype, *rest in voxels(made):
            digest.update(repr((i, shape, bits, zero_bits, rest_is_zero, dtype.str, *rest)).encode())
    assert (facts.INSPECTION, digest.hexdigest()) == (2, "932fb008ad397653")


def test_gzip_members_and_padding_are_part_of_what_a_file_is_known_by(paths, folder, tmp_path):
    whole = gzip.decompress(Path(paths[1]).read_bytes())
    name = tmp_path / "m.nii.gz"
    name.write_bytes(gzip.compress(whole[:900]) + gzip.compress(whole[900:]) + bytes(50))
    survey(read_maps([str(name)]), cache=open_cache(folder))
    made = survey(read_maps([str(name)]), cache=(cache := open_cache(folder)))
    assert "the map came from" in sentences(cache)
    assert made.readings[0].record.blake2b == hashlib.blake2b(name.read_bytes(), digest_size=16).hexdigest()


def test_a_problem_while_reading_again_is_raised(paths, folder, monkeypatch):
    """The cache is gone during the run, and so is the file: as without a cache, the run cannot go on."""
    made = read(paths[1:2], folder)
    made = read(paths[1:2], folder)
    shutil.rmtree(folder)
    os.remove(paths[1])
    with pytest.raises(MapError, match="no such file"):
        voxels(made)


def test_a_folder_is_made_only_when_there_is_something_to_keep(folder):
    made = read(["gone.nii"], folder, on_error="skip")
    assert made.problems
    assert not os.path.exists(folder)
