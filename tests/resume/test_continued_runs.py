"""Runs that are interrupted at any moment and continued: the same bytes as of a run that was left alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc
from interrupted_runs import QUICK, Killer, child, contents, told, was_killed, write_maps
from niicorr import analysis
from niicorr.cli.main import main
from niicorr.compute import plan
from niicorr.images.cache import additions, files, shards
from niicorr.nulls import descriptions
from niicorr.resume import draws, pieces
from niicorr.resume.kept import place_of

COUNT, TILE = 22, 8


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Many tiles, pieces and shards of few maps."""
    monkeypatch.setattr(plan, "TILE", TILE)
    monkeypatch.setattr(analysis, "TILE", TILE)
    monkeypatch.setattr(descriptions, "PIECE", TILE)
    monkeypatch.setattr(additions, "SHARD_BYTES", 20_000)
    monkeypatch.setattr(files, "RACY_NS", -(10**15))
    monkeypatch.setattr(draws, "EVERY", 0.0)
    monkeypatch.setattr(draws, "SHARE", 0)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return write_maps(tmp_path_factory.mktemp("data") / "maps", COUNT)


@pytest.fixture
def out(tmp_path):
    return str(tmp_path / "work" / "out")


def run(out, paths, *options):
    return main(["run", "-x", *paths, "-o", out, "--jobs", "1", *QUICK, *options])


def undisturbed(tmp_path, paths, *options):
    assert run(str(tmp_path / "alone"), paths, *options) == 0
    return contents(tmp_path / "alone")


def killed_at(step, out, paths, *options):
    """Run in a process of its own that is killed at a step it takes on the disk; return whether it was."""
    def work():
        killer = Killer(step)
        os.rename, os.replace, os.mkdir = map(killer.around, (os.rename, os.replace, os.mkdir))
        shards.ShardWriter.append = killer.around(shards.ShardWriter.append)
        pieces.open = killer.around(open)
        return run(out, paths, "--resume", *options)

    status = child(work)
    assert was_killed(status) or status == 0
    return was_killed(status)


def test_a_run_killed_at_any_step_is_continued_to_the_same_bytes(tmp_path, paths, out):
    expected = undisturbed(tmp_path, paths)
    step, deaths, tiles = 0, 0, set()
    while killed_at(step, out, paths):
        deaths += 1
        assert not os.path.exists(out)
        assert run(out, paths, "--resume") == 0
        assert contents(out) == expected
        tiles.add(told(out))
        assert sorted(os.listdir(tmp_path / "work")) == ["out"]  # nothing is left
        shutil.rmtree(out)
        step += 11
    assert deaths > 10
    assert any(f"{COUNT} of {COUNT} maps, 6 of 6 tiles and" in text for text in tiles)
    assert any("0 of 6 tiles" in text for text in tiles)


def test_a_run_that_is_killed_again_and_again_gets_there(tmp_path, paths, out):
    expected = undisturbed(tmp_path, paths, "--method", "spearman")
    deaths = 0
    while killed_at(40, out, paths, "--method", "spearman"):
        deaths += 1
        assert deaths < 20
    assert deaths > 1
    assert contents(out) == expected
    assert "an interrupted run was continued" in told(out)


def test_no_finished_work_is_done_again(tmp_path, paths, out, monkeypatch):
    expected = undisturbed(tmp_path, paths)

    def refuse(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("niicorr.result.saved.np.savez", refuse)  # all is computed, nothing written
        assert run(out, paths, "--resume") == 130
    assert not os.path.exists(out)

    def again(*_args, **_more):
        raise AssertionError("work was done again")

    for name in ("niicorr.images.cache.files.read_header", "niicorr.images.survey.volumes",
                 "niicorr.compute.tiles.block_sums", "niicorr.nulls.effective.EffectiveNull.describe"):
        monkeypatch.setattr(name, again)
    assert run(out, paths, "--resume") == 0
    assert contents(out) == expected


def size_of(folder):
    """Bytes of the files in a folder that somebody else is working in."""
    with suppress(OSError):
        return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    return 0


@pytest.mark.parametrize(("signal_", "code", "word"), [(signal.SIGINT, 130, "interrupted"),
                                                       (signal.SIGTERM, 143, "terminated")])
def test_an_interrupt_says_what_is_kept_and_how_to_be_rid_of_it(tmp_path, out, signal_, code, word):
    many = write_maps(tmp_path / "maps", 1, (40, 48, 40))
    folder = tmp_path / "maps"
    for k in range(1, 150):
        os.link(many[0], folder / f"map{k:03d}.nii.gz")
    argv = [sys.executable, "-m", "niicorr", "run", "-x", str(folder), "-o", out, "--jobs", "1", *QUICK, "--resume",
            "--null", "none"]
    kept = place_of(out)
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and size_of(os.path.join(kept, "maps")) < 1e6:
            time.sleep(0.002)
        process.send_signal(signal_)
        said = " ".join(process.communicate(timeout=60)[1].split())
    assert process.returncode == code, said
    assert f"{word}; nothing was written; " in said
    assert f"kept in {kept} (" in said
    assert "the same command with --resume continues there" in said
    assert not os.path.exists(out)
    assert subprocess.run(argv, check=False).returncode == 0
    assert "an interrupted run was continued" in told(out)
    assert not os.path.exists(kept)


@pytest.mark.parametrize("options", [("--method", "dice", "--threshold", "20.5", "--null", "none"),
                                     ("--null", "gsm", "--jobs", "3")])
def test_other_similarities_and_null_models(tmp_path, paths, out, options):
    expected = undisturbed(tmp_path, paths, *options)
    assert killed_at(90, out, paths, *options)
    assert run(out, paths, "--resume", *options) == 0
    assert contents(out) == expected
    assert "an interrupted run was continued" in told(out)


@pytest.mark.parametrize("options", [("--n-surrogates", "21"),
                                     ("--n-surrogates", "20", "--method", "dice", "--jobs", "2")])
def test_surrogates_are_counted_on(tmp_path, paths, out, options):
    options = ["-y", *paths[:5], "--null", "surrogate", *options]
    expected = undisturbed(tmp_path, paths, *options)
    step, found = 110, set()
    while killed_at(step, out, paths, *options):
        assert run(out, paths, "--resume", *options) == 0
        assert contents(out) == expected
        found.add(told(out).partition("tiles and ")[2].partition(" ")[0])
        shutil.rmtree(out)
        step += 15
    assert len(found - {"", "0"}) > 1, found  # continued in the middle of them


def test_random_maps_of_regions_are_counted_on(tmp_path, paths, out):
    labels = np.arange(14 * 16 * 12).reshape(14, 16, 12) // 90 + 1
    nib.save(nib.Nifti1Image(labels.astype(np.int16), np.diag([4.0, 4, 4, 1])), tmp_path / "atlas.nii.gz")
    options = ["--atlas", str(tmp_path / "atlas.nii.gz"), "-y", *paths[:5], "--null", "moran", "--n-surrogates", "20"]
    expected = undisturbed(tmp_path, paths, *options)
    assert killed_at(170, out, paths, *options)
    assert run(out, paths, "--resume", *options) == 0
    assert contents(out) == expected
    assert "of 40 surrogates" in told(out)
    assert " 0 of 40" not in told(out)


def test_two_sets_with_weights_and_covariates(tmp_path, paths, out):
    values = np.random.default_rng(3).random((14, 16, 12)).astype(np.float32) + 1
    for name in ("w", "c"):
        nib.save(nib.Nifti1Image(values, np.diag([4.0, 4, 4, 1])), tmp_path / f"{name}.nii.gz")
    options = ["-y", *paths[:9], "--weights", str(tmp_path / "w.nii.gz"), "--partial", str(tmp_path / "c.nii.gz")]
    expected = undisturbed(tmp_path, paths, *options)
    assert killed_at(100, out, paths, *options)
    assert run(out, paths, "--resume", *options) == 0
    assert contents(out) == expected
    assert "tiles" in told(out)


def test_regions(tmp_path, paths, out):
    labels = np.arange(14 * 16 * 12).reshape(14, 16, 12) // 90 + 1
    nib.save(nib.Nifti1Image(labels.astype(np.int16), np.diag([4.0, 4, 4, 1])), tmp_path / "atlas.nii.gz")
    options = ["--atlas", str(tmp_path / "atlas.nii.gz")]
    expected = undisturbed(tmp_path, paths, *options)
    assert killed_at(110, out, paths, *options)
    assert run(out, paths, "--resume", *options) == 0
    assert contents(out) == expected
    assert f"{COUNT} of {COUNT} maps" in told(out)


# --- what has changed since is not taken for what it was


def interrupted(out, paths, monkeypatch, *options):
    """A run that has computed all and written nothing."""
    def refuse(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("niicorr.result.saved.np.savez", refuse)
        assert run(out, paths, "--resume", *options) == 130


@pytest.mark.parametrize("options", [("--method", "spearman"), ("--method", "cosine"), ("--zeros", "data"),
                                     ("--background", "none", "--mask", "none")])
def test_other_options(tmp_path, paths, out, monkeypatch, options):
    interrupted(out, paths, monkeypatch)
    expected = undisturbed(tmp_path, paths, *options)
    assert run(out, paths, "--resume", *options) == 0
    assert contents(out) == expected
    # Pieces go by the numbers in them, not by the words of the options: what is the same in the mask is used.
    if options[0] == "--method":
        assert f"{COUNT} of {COUNT} maps" in told(out)
        assert "0 of 6 tiles" in told(out)
    elif options[0] == "--zeros":
        assert f"0 of {COUNT} maps, 6 of 6 tiles" in told(out)
    else:
        assert "all was done anew" in told(out)


def test_a_file_that_has_changed_since(tmp_path, out, monkeypatch):
    paths = write_maps(tmp_path / "maps", COUNT)
    interrupted(out, paths, monkeypatch)
    image = nib.load(paths[10])
    values = np.asarray(image.dataobj).copy()
    values[7, 8, 3] *= 1.5
    nib.save(nib.Nifti1Image(values, image.affine), paths[10])
    expected = undisturbed(tmp_path, paths)
    assert run(out, paths, "--resume") == 0
    assert contents(out) == expected
    # Its tiles are those of maps 8 to 15: three of six.
    assert f"{COUNT - 1} of {COUNT} maps, 3 of 6 tiles and 2 of 3 pieces of the null model had been kept" in told(out)


def test_more_maps(tmp_path, out, monkeypatch):
    paths = write_maps(tmp_path / "maps", COUNT)
    interrupted(out, paths[:16], monkeypatch)
    expected = undisturbed(tmp_path, paths)
    assert run(out, paths, "--resume") == 0
    assert contents(out) == expected
    assert "16 of 22 maps, 3 of 6 tiles" in told(out)


def test_damaged_pieces_are_made_again_and_that_is_said(tmp_path, paths, out, monkeypatch):
    expected = undisturbed(tmp_path, paths)
    interrupted(out, paths, monkeypatch)
    kept = place_of(out)
    names = [name for name in sorted(os.listdir(kept)) if name.startswith("tile-")]
    for name, change in zip(names, (lambda b: b[:-1], lambda b: b"", lambda b: b[:200] + b"x" + b[201:],
                                    lambda b: b + b"x"), strict=False):
        with open(os.path.join(kept, name), "rb") as file:
            content = file.read()
        with open(os.path.join(kept, name), "wb") as file:
            file.write(change(content))
    assert run(out, paths, "--resume") == 0
    assert contents(out) == expected
    assert "2 of 6 tiles" in told(out)
    assert "4 files of what an interrupted run left were damaged" in told(out)


# --- room and company


@pytest.mark.parametrize("fails", ["niicorr.resume.pieces.os.replace", "niicorr.resume.kept.make_folders"])
def test_a_full_disk_costs_the_keeping_and_not_the_run(tmp_path, paths, out, monkeypatch, fails):
    expected = undisturbed(tmp_path, paths, "--cache", str(tmp_path / "cache"))

    def full(source, *_args, **_more):
        raise OSError(28, "No space left on device")

    real = os.replace
    with monkeypatch.context() as patch:
        patch.setattr(fails, lambda *args, **more: full(*args) if "niicorr-resume" in str(args[0]) else real(*args))
        assert run(out, paths, "--resume", "--cache", str(tmp_path / "cache")) == 0
    assert contents(out)[:2] == expected[:2]
    assert "could not be written (No space left on device)" in told(out)
    assert not os.path.exists(place_of(out))


def test_a_disk_that_is_full_for_the_maps_leaves_room_for_the_result(tmp_path, paths, out, monkeypatch):
    expected = undisturbed(tmp_path, paths)

    def full(*_args):
        raise OSError(28, "No space left on device")

    def look(*_args, **_more):
        assert not os.path.exists(os.path.join(place_of(out), "maps"))

    with monkeypatch.context() as patch:
        patch.setattr(shards.ShardWriter, "append", full)
        patch.setattr("niicorr.cli.commands.draw_figures", lambda *_args: look() or [])
        assert run(out, paths, "--resume") == 0
    assert contents(out) == expected
    assert "could not be written (No space left on device)" in told(out)


def test_without_the_option_nothing_is_kept(tmp_path, paths, out, monkeypatch):
    def refuse(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("niicorr.result.saved.np.savez", refuse)
        assert run(out, paths) == 130
    assert os.listdir(tmp_path) == []


def test_what_another_put_in_its_place_is_refused_and_left_alone(tmp_path, paths, out, capsys):
    os.makedirs(place_of(out))
    mine = os.path.join(place_of(out), "mine.txt")
    with open(mine, "w") as file:
        file.write("mine")
    assert run(out, paths, "--resume") == 2
    assert "no interrupted run left (such as 'mine.txt')" in " ".join(capsys.readouterr().err.split())
    assert os.path.exists(mine)


def test_an_older_result_is_whole_until_the_new_one_is(tmp_path, paths, out):
    assert run(out, paths[:9]) == 0
    before = contents(out)
    assert killed_at(90, out, paths)
    assert contents(out) == before
    assert sorted(name for name in os.listdir(out) if name.startswith(".niicorr-resume")) == [".niicorr-resume"]
    expected = undisturbed(tmp_path, paths)
    assert run(out, paths, "--resume") == 0
    assert contents(out) == expected
    assert not [name for name in os.listdir(out) if name.startswith(".")]


def test_two_runs_on_one_output_at_once(tmp_path, paths, out, monkeypatch):
    monkeypatch.undo()  # other processes know nothing of small tiles
    expected = undisturbed(tmp_path, paths)
    argv = [sys.executable, "-m", "niicorr", "run", "-x", *paths, "-o", out, "--jobs", "1", *QUICK, "--resume"]
    both = [subprocess.Popen(argv) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert contents(out) == expected
    assert not os.path.exists(place_of(out))


# --- in Python


def test_in_python_the_folder_is_gone_when_the_result_is_there(tmp_path, paths, monkeypatch):
    expected = nc.correlate(paths, warn=False)
    folder = tmp_path / "kept"

    def refuse(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("niicorr.analysis._remarks", refuse)
        with pytest.raises(KeyboardInterrupt):
            nc.correlate(paths, warn=False, resume=folder)
    assert folder.is_dir()
    found = nc.correlate(paths, warn=False, resume=folder)
    assert not folder.exists()
    np.testing.assert_array_equal(found.estimate, expected.estimate)
    assert any(d.topic == "resume" and "6 of 6 tiles" in d.text for d in found.provenance.decisions)
    assert found.provenance.options["resume"] == str(folder)


@pytest.mark.parametrize("name", [f"tile-{'0' * 32}.npy", "maps"])
def test_a_folder_called_like_a_piece_is_no_work_of_ours(tmp_path, paths, name):
    """Nor is a file that is called like the folder of maps."""
    (tmp_path / "kept").mkdir()
    if name == "maps":
        (tmp_path / "kept" / name).touch()
    else:
        (tmp_path / "kept" / name).mkdir()
    with pytest.raises(nc.UsageError, match=f"holds files that no interrupted run left .*{name}"):
        nc.correlate(paths, resume=tmp_path / "kept")
    assert os.listdir(tmp_path / "kept") == [name]


@pytest.mark.parametrize(("value", "text"), [(3, "resume is the path of a folder, not int"),
                                             ("", "resume needs the name of a folder"),
                                             (__file__, "is a file, not a folder")])
def test_what_is_no_folder(paths, value, text):
    with pytest.raises(nc.UsageError, match=text):
        nc.correlate(paths, resume=value)
