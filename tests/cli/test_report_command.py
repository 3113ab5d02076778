"""``niicorr report``: figures and page anew, every number and every other file as it was."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import niicorr as nc
from niicorr.cli.main import main
from niicorr.cli.parser import parse
from niicorr.errors import UsageError
from niicorr.folder import OutputFolder
from niicorr.result.saved import write_result


@pytest.fixture
def out(tmp_path):
    """A saved result with an older page, side files of it, and a table that report knows nothing of."""
    rng = np.random.default_rng(0)
    result = nc.correlate(rng.random((3, 40)), rng.random((2, 40)), null="none")
    beside = {"report.html": "old", "report_maps_0001.js": "old", "report_maps_0002.js": "old", "heatmap.pdf": "old",
              "contributions.tsv": "y\tx\n"}
    with OutputFolder(tmp_path / "out") as folder:
        for name, text in beside.items():
            with open(os.path.join(folder.work, name), "w") as file:
                file.write(text)
        write_result(result, folder.work, list(beside))
        folder.commit()
    return tmp_path / "out"


def contents(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


def record(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


DRAWN = {"report.html", "report_maps_0001.js", "report_maps_0002.js", "heatmap.pdf", "run.json"}


def test_figures_and_page_are_drawn_again_and_the_rest_stays(out, capsys):
    before = contents(out)
    assert main(["report", str(out), "--format", "svg"]) == 0
    after = contents(out)
    assert set(after) == (set(before) - DRAWN) | {"report.html", "heatmap.svg", "run.json"}
    for name in set(before) - DRAWN:
        assert after[name] == before[name], name
    assert b"niicorr-data" in after["report.html"]
    assert record(out)["files"] == sorted(after)
    told = capsys.readouterr().err
    assert "heatmap.svg and report.html" in told
    assert os.listdir(out.parent) == ["out"]


def test_only_the_names_in_the_record_change(out):
    before = record(out)
    main(["report", str(out), "-q"])
    assert {**record(out), "files": before["files"]} == before


def test_the_page_names_the_files_beside_it(out):
    main(["report", str(out), "--format", "png", "-q"])
    page = (out / "report.html").read_text(encoding="utf-8")
    data = json.loads(page.split('id="niicorr-data">')[1].split("</script>")[0])
    assert data["files"] == {"contributions": "contributions.tsv", "correlations": "correlations.csv",
                             "heatmap": "heatmap.png", "maps": "maps.tsv", "pairs": "pairs.tsv",
                             "run": "run.json"}


def test_help_says_that_what_is_left_out_stays(capsys):
    assert main(["report", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--no-figures leave the figures as they are" in shown
    assert "--no-report leave the page as it is" in shown
    for command in ("run", "rois", "demo"):  # the page is written all the same
        assert main([command, "--help"]) == 0
        assert "--no-figures write no figures (the page is written)" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(("flag", "kept"), [("--no-figures", "heatmap.pdf"), ("--no-report", "report.html")])
def test_what_is_left_out_stays_as_it_was(out, flag, kept):
    before = contents(out)
    assert main(["report", str(out), flag, "-q"]) == 0
    assert contents(out)[kept] == before[kept]
    assert kept in record(out)["files"]
    assert ("report_maps_0001.js" in contents(out)) == (flag == "--no-report")


def test_twice_is_the_same_as_once(out):
    main(["report", str(out), "-q"])
    once = contents(out)
    main(["report", str(out), "-q"])
    assert contents(out) == once


def test_files_of_others_are_left_alone(out):
    (out / "mine.txt").write_text("mine")
    main(["report", str(out), "-q"])
    assert (out / "mine.txt").read_text() == "mine"
    assert "mine.txt" not in record(out)["files"]


def test_a_disk_without_links_will_do(out, monkeypatch):
    before = contents(out)

    def no_links(*_):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", no_links)
    assert main(["report", str(out), "-q"]) == 0
    assert contents(out)["correlations.csv"] == before["correlations.csv"]


def test_a_failure_leaves_the_older_result_whole(out, monkeypatch, capsys):
    before = contents(out)

    def full(*_, **__):
        raise OSError(28, "no room")

    monkeypatch.setattr("niicorr.webpage.write.json_text", full)
    assert main(["report", str(out)]) == 4
    assert "no room left on the disk" in capsys.readouterr().err
    assert contents(out) == before
    assert os.listdir(out.parent) == ["out"]


def test_a_folder_without_a_result_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 3
    assert "holds no niicorr result" in capsys.readouterr().err
    assert main(["report", str(tmp_path / "nowhere")]) == 3
    assert not os.listdir(tmp_path)


def test_a_summary_for_programs(out, capsys):
    assert main(["report", str(out), "--json", "-q", "--format", "png"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == ["heatmap.png", "report.html"]


@pytest.mark.parametrize("maps", ["all", "none", "auto", "top:1", "top:200"])
def test_which_maps_the_page_holds(maps):
    assert parse(["report", "out", "--report-maps", maps]).report_maps == maps
    assert parse(["run", "-x", "a.nii", "--report-maps", maps]).report_maps == maps


@pytest.mark.parametrize("maps", ["top", "top:0", "top:-3", "some", "top:1.5", ""])
def test_another_word_is_refused(maps):
    with pytest.raises(UsageError, match="top:N"):
        parse(["report", "out", "--report-maps", maps])


def test_the_folder_is_needed():
    with pytest.raises(UsageError, match="DIR"):
        parse(["report"])


@pytest.mark.parametrize("at", range(1, 9))
def test_a_report_that_was_killed_leaves_a_result_that_can_be_drawn_again(out, capsys, monkeypatch, at):
    numbers, real, done = nc.load(out).r, os.replace, []

    def dies(source, target):
        done.append(target)
        if len(done) == at:
            raise RuntimeError("as if killed")
        real(source, target)

    monkeypatch.setattr("niicorr.folder.os.replace", dies)
    main(["report", str(out), "--format", "svg"])
    assert len(done) == at
    monkeypatch.undo()
    np.testing.assert_array_equal(nc.load(out).r, numbers)
    assert main(["report", str(out), "--format", "svg"]) == 0
    capsys.readouterr()
    names = sorted(os.listdir(out))
    assert record(out)["files"] == names
    assert "heatmap.pdf" not in names
