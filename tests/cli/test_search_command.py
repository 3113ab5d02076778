"""``niicorr index`` and ``niicorr search`` on the command line: what is shown, written, and refused."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import niicorr as nc
from niicorr.cli.main import main
from niicorr.cli.page import Page, columns, plain
from niicorr.cli.search_table import addition_lines, search_lines

SHAPE, AFFINE = (12, 14, 11), np.diag([6.0, 6, 6, 1])


def write(path, seed, sign=1):
    made = gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 1) * 8
    made += sign * gaussian_filter(np.random.default_rng(99).normal(size=SHAPE), 2) * 20
    nib.save(nib.Nifti1Image(made.astype(np.float32), AFFINE), path)
    return str(path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    rows = ["path\tlabel\tdoi"]
    for k in range(6):
        write(folder / f"m{k}.nii.gz", k, (-1) ** k)
        rows.append(f"m{k}.nii.gz\tmap {k}\t10/{k}")
    (folder / "maps.tsv").write_text("\n".join(rows) + "\n")
    write(folder / "new.nii.gz", 50)
    assert main(["index", str(folder / "maps.tsv"), "-o", str(folder / "library"), "--mask", "none", "-q"]) == 0
    return folder


def run(*argv, code=0):
    assert main(list(map(str, argv))) == code


def test_a_search_is_told(made, capsys, monkeypatch):
    monkeypatch.chdir(made)  # its own path may be longer than a line
    run("search", "new.nii.gz", "--in", "library", "--top", 3)
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0] == "niicorr: new among 6 maps of library, Pearson correlations"
    assert lines[1].split() == ["map", "r", "n", "n_eff", "p", "q", "doi", "path"]
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "3"]
    assert "10/" in lines[2]
    assert "adjusted for all 6 maps" in " ".join(err.split())


def test_everything_for_programs(made, capsys):
    run("search", made / "new.nii.gz", "--in", made / "library", "--json", "-q", "--top", "all")
    out, err = capsys.readouterr()
    assert err == ""
    told = json.loads(out)
    (query,) = told["queries"]
    assert (told["library_maps"], told["null"], told["sort"]) == (6, "effective", "abs")
    assert [hit["rank"] for hit in query["hits"]] == [1, 2, 3, 4, 5, 6]
    result = nc.search(made / "new.nii.gz", made / "library")
    assert [hit["r"] for hit in query["hits"]] == [hit.r for hit in result.hits[0]]
    assert {hit["metadata"]["doi"] for hit in query["hits"]} == {f"10/{k}" for k in range(6)}
    run("search", made / "new.nii.gz", "--in", made / "library", "--json", "-q", "--null", "none")
    assert {hit["p"] for hit in json.loads(capsys.readouterr().out)["queries"][0]["hits"]} == {None}


def test_a_table_is_written_and_replaced(made, tmp_path):
    for top in (2, 4):
        run("search", made / "new.nii.gz", "--in", made / "library", "--top", top, "-o", tmp_path / "hits.tsv")
        rows = list(csv.DictReader(io.StringIO((tmp_path / "hits.tsv").read_text()), delimiter="\t"))
        assert [row["rank"] for row in rows] == [str(k + 1) for k in range(top)]
    frame = nc.search(made / "new.nii.gz", made / "library", top=4).to_frame()
    assert [float(row["r"]) for row in rows] == frame["r"].tolist()
    assert list(rows[0]) == list(frame.columns)
    assert os.listdir(tmp_path) == ["hits.tsv"]


def test_a_folder_is_written_that_tells_how(made, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):  # the second replaces the first
        run("search", made / "new.nii.gz", "--in", made / "library", "-o", out)
    assert sorted(os.listdir(out)) == ["run.json", "search.tsv"]
    record = json.loads((out / "run.json").read_text())
    assert record["command"].startswith("niicorr search")
    assert record["queries"][0]["map"]["blake2b"]
    with pytest.raises(nc.InputError, match=r"what a search found .* it is in search\.tsv"):
        nc.load(out)


def test_nothing_else_is_written_over(made, tmp_path, capsys):
    (tmp_path / "mine.tsv").write_text("path\nmine.nii\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_text("x")
    for out, words in (("mine.tsv", "was not written by niicorr search"), ("folder", "holds files that are not"),
                       ("table.csv", "tables are written as .tsv")):
        run("search", made / "new.nii.gz", "--in", made / "library", "-o", tmp_path / out, code=2)
        assert words in capsys.readouterr().err
    assert (tmp_path / "mine.tsv").read_text() == "path\nmine.nii\n"
    run("search", made / "new.nii.gz", "--in", made / "library", "-o", tmp_path / "no" / "hits.tsv", code=4)
    run("search", made / "new.nii.gz", "--in", made / "library", "-o", made / "library", code=2)


@pytest.mark.parametrize(("argv", "code", "words"), [
    (["search", "{new}", "--in", "{none}"], 3, "there is no such folder"),
    (["search", "{new}", "--in", "{folder}"], 3, "is no library of niicorr"),
    (["search", "{none}", "--in", "{library}"], 3, "none"),
    (["search", "{new}", "--in", "{library}", "--method", "spearman"], 2, "needs the ranks of every map"),
    (["search", "{new}", "--in", "{library}", "--top", "few"], 2, "no whole number"),
    (["search", "{new}", "--in", "{library}", "--null", "surrogate"], 2, "--null"),
    (["search", "--in", "{library}"], 2, "MAP"),
    (["index", "-o", "{library}"], 2, "MAP"),
    (["index", "{new}", "-o", "{folder}"], 2, "holds files that are no library"),
    (["index", "{new}", "-o", "{library}", "--mask", "{new}"], 0, ""),
    (["index", "{new}", "-o", "{library}", "--background", "-1"], 2, "read with background auto, not -1"),
    (["index", "{none}", "-o", "{library}"], 3, "none"),
])
def test_exit_codes(argv, code, words, made, tmp_path, capsys):
    import shutil

    shutil.copytree(made / "library", tmp_path / "library")
    places = {"new": made / "new.nii.gz", "library": tmp_path / "library", "none": tmp_path / "none.nii",
              "folder": made}
    run(*(word.format(**places) for word in argv), code=code)
    err = capsys.readouterr().err
    assert words in " ".join(err.split())
    assert "Traceback" not in err


def test_what_index_tells(made, tmp_path, capsys):
    maps = tmp_path / "maps"
    maps.mkdir()
    write(maps / "a.nii.gz", 1)
    (maps / "b.nii").write_text("no image")
    run("index", maps, "-o", tmp_path / "library", code=3)
    assert "1 of 2 maps cannot be used" in capsys.readouterr().err
    run("index", maps, "-o", tmp_path / "library", "--on-error", "skip", "-q")
    err = capsys.readouterr().err.replace("\n", "")
    assert err.count(str(maps / "b.nii")) == 1  # errors that were survived are named all the same
    for talk in (["-q"], []):
        run("search", maps, "--in", tmp_path / "library", "--on-error", "skip", *talk)
        err = capsys.readouterr().err
        told = [line for line in err.splitlines() if line.startswith("skipped")]
        assert [line.count("b.nii") for line in told] == [1]
        assert ("niicorr: a among" in err) == (not talk)
    write(maps / "c.nii.gz", 2)
    os.remove(maps / "b.nii")
    run("index", maps, "-o", tmp_path / "library", "--json", "-v")
    out, err = (" ".join(said.split()) for said in capsys.readouterr())  # paths may be longer than lines
    told = json.loads(out)
    assert (told["created"], told["maps"]) == (False, 2)
    assert [entry["map"] for entry in told["added"]] == ["c"]
    assert [entry["map"] for entry in told["known"]] == ["a"]
    assert "library grew by 1 map in" in err
    assert "1 map already there" in err
    assert "a.nii.gz is a" in err
    run("index", maps, "-o", tmp_path / "library")
    assert "nothing is new to" in capsys.readouterr().err


def test_the_cache_serves_both(made, tmp_path, capsys):
    for _ in range(2):
        run("index", made / "m0.nii.gz", made / "m1.nii.gz", "-o", tmp_path / "library", "--cache", tmp_path / "cache")
    run("search", made / "m0.nii.gz", "--in", tmp_path / "library", "--cache", tmp_path / "cache", "--json", "-q")
    hits = json.loads(capsys.readouterr().out)["queries"][0]["hits"]
    assert (hits[0]["map"], hits[0]["note"]) == ("m0", "same file")


@pytest.mark.parametrize(("name", "searched"), [("shard-000001/windows.npy", 3), ("mask.nii.gz", 0)])
def test_what_is_read_is_checked_and_verify_reads_the_rest(made, tmp_path, capsys, name, searched):
    shutil.copytree(made / "library", tmp_path / "library")
    place = tmp_path / "library" / name
    data = place.read_bytes()
    place.write_bytes(data[:-3] + bytes([data[-3] ^ 4]) + data[-2:])
    argv = ["search", made / "new.nii.gz", "--in", tmp_path / "library"]
    run(*argv, code=searched)
    assert ("is damaged" in capsys.readouterr().err) == (searched == 3)
    run(*argv, "--verify", code=3)
    assert f"{os.path.basename(name)} is damaged" in " ".join(capsys.readouterr().err.split())


@pytest.fixture(scope="module")
def found(made):
    return nc.search([str(made / "new.nii.gz"), str(made / "m1.nii.gz")], made / "library")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_tables_fit_the_terminal(width, found):
    page = Page(width, log=False)
    lines = [plain(line) for line in search_lines(found, page, out="out", seconds=1.0, verbose=True)]
    rows = [line for line in lines if line[:1].isdigit()]
    assert len(rows) == 12
    assert max(map(columns, rows)) <= max(width, 44)
    assert all("map" in row for row in rows)
    (heads, _) = [line.split() for line in lines if line.split()[:1] == ["map"]]
    assert ("n" in heads) == (width >= 60)
    assert ("path" in heads) == (width >= 80)


def test_a_log_has_every_note_in_its_row(found):
    lines = [plain(line) for line in search_lines(found, Page(), out=None, seconds=1.0, verbose=False)]
    assert any("note: same file" in line and "map 1" in line for line in lines)


def test_hostile_names_are_shown_as_escapes(made, tmp_path):
    (tmp_path / "evil.tsv").write_text(f"path\tlabel\tsay\n{made / 'm0.nii.gz'}\t\x1b[31mred\t\x07bell\n")
    report = nc.index(tmp_path / "evil.tsv", tmp_path / "library", mask="none")
    result = nc.search(made / "new.nii.gz", tmp_path / "library")
    for lines in (addition_lines(report, Page(), seconds=1, verbose=True),
                  search_lines(result, Page(log=False), out=None, seconds=1, verbose=True)):
        assert all(plain(line).isprintable() for line in lines)


def test_what_was_added_before_an_interrupt_is_told(made, tmp_path):
    code = ("import sys, niicorr.library.adding as adding, niicorr.library.shards as shards\n"
            "from niicorr.cli.main import main\n"
            "adding.SHARD_BYTES = 1\n"
            "inner, calls = adding.write_shard, []\n"
            "def stop(*a, **named):\n"
            "    calls.append(1)\n"
            "    if len(calls) == 3: raise KeyboardInterrupt\n"
            "    return inner(*a, **named)\n"
            "adding.write_shard = stop\n"
            "sys.exit(main(sys.argv[1:]))")
    ended = subprocess.run([sys.executable, "-c", code, "index", str(made / "maps.tsv"), "-o", str(tmp_path / "lib"),
                            "--mask", "none"], capture_output=True, text=True, check=False)
    assert ended.returncode == 130
    assert "2 maps had been added to" in " ".join(ended.stderr.split())
    assert len(nc.open_library(tmp_path / "lib")) == 2
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


@pytest.mark.parametrize("anew", [False, True])
def test_an_interrupt_right_when_maps_are_there_is_told_of_them(made, tmp_path, anew):
    library = tmp_path / "lib"
    run("index", made / "m5.nii.gz", "-o", library, "--mask", "none", "-q")
    if anew:
        shutil.rmtree(library)
    code = ("import os, signal, sys, niicorr.library.layout as layout\n"
            "from niicorr.cli.main import main\n"
            "layout.sync_folder = lambda _: os.kill(os.getpid(), signal.SIGINT)\n"
            "sys.exit(main(sys.argv[1:]))")
    ended = subprocess.run([sys.executable, "-c", code, "index", str(made / "m1.nii.gz"), "-o", str(library),
                            *["--mask", "none"] * anew], capture_output=True, text=True, check=False)
    assert ended.returncode == 130
    assert "1 map had been added to" in " ".join(ended.stderr.split())
    assert len(nc.open_library(library)) == (1 if anew else 2)
    assert not [name for name in [*os.listdir(tmp_path), *os.listdir(library)] if name.startswith(".")]


def test_a_map_in_another_container_is_the_same_map_and_has_no_p(made, tmp_path):
    new = tmp_path / "other.nii"
    nib.save(nib.load(made / "m0.nii.gz"), new)
    run("search", new, "--in", made / "library", "-o", tmp_path / "hits.tsv", "-q")
    with open(tmp_path / "hits.tsv", encoding="utf-8", newline="") as file:
        hits = list(csv.DictReader(file, delimiter="\t"))
    assert (hits[0]["map"], hits[0]["note"], hits[0]["p"], hits[0]["p_fdr"]) == ("map 0", "same values", "", "")
    assert all(hit["p"] for hit in hits[1:])


def test_help_names_both(capsys):
    run("--help")
    shown = capsys.readouterr().out
    assert "index" in shown
    assert "search" in shown
    for command in ("index", "search"):
        run(command, "--help")
        assert "niicorr-library" in capsys.readouterr().out
    assert Path("niicorr-library").exists() is False
