"""Results that earlier versions saved: they load, say what they said, and can be drawn, reported and saved again.

``results`` holds what earlier commits wrote, byte for byte (less page and figures): 3 × 2 made maps of 12 × 14 × 10
voxels. Never renew them: what they are for is to be old. A new schema gets a new folder beside them.

======================  ========  ==========================================================================
folder                  commit    what
======================  ========  ==========================================================================
``1-first``             483e43a   correlations alone
``1-with-p``            8e71321   with p, intervals and n_effective
``1-with-pictures``     0e070d1   with what a page shows of maps
``1-regions``           0e070d1   ``--atlas --null moran``
``1-set``               0e070d1   a set with itself, ``--null surrogate``
``1-rois``              0e070d1   ``rois`` of one run
``2-maps``              ea3f253+  ``--contributions``; the first with hashes of its files
``2-regions``           ea3f253+  ``--atlas --null surrogate``, of regions too few for p
``2-rois``              ea3f253+  ``correlate_rois`` of two runs
======================  ========  ==========================================================================
"""

from __future__ import annotations

import csv
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import niicorr as nc
from niicorr.cli.main import main
from niicorr.plot.heatmap import save_heatmap
from niicorr.result.saved import SCHEMA

FOLDER = Path(__file__).parent / "results"
RESULTS = sorted(path.name for path in FOLDER.iterdir())
INFERRED = {"1-first": set(), "1-regions": {"p", "p_fdr", "p_fwe", "p_x_random", "p_y_random"},
            "1-set": {"p", "p_fdr", "p_fwe"}, "2-regions": set()}
COMMON = {"n_effective", "ci_low", "ci_high", "p", "p_fdr", "p_fwe"}


def rows(path, delimiter):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


def numbers(cells):
    return np.array([[float(cell or "nan") for cell in row] for row in cells])


@pytest.mark.parametrize("name", RESULTS)
def test_it_says_what_it_said(name):
    result = nc.load(FOLDER / name)
    (_, *labels), *body = rows(FOLDER / name / "correlations.csv", ",")
    np.testing.assert_array_equal(result.estimate, numbers(row[1:] for row in body))
    assert [label.removeprefix("'") for label in labels] == list(result.x_labels)
    assert [row[0].removeprefix("'") for row in body] == list(result.y_labels)
    header, *pairs = rows(FOLDER / name / "pairs.tsv", "\t")
    told = {column: [pair[k] for pair in pairs] for k, column in enumerate(header)}
    assert told["note"] == [result.notes.get(cell, "") for cell in result.cells()]
    assert list(map(int, told["n"])) == [result.counts[cell] for cell in result.cells()]
    found = {column for column, values in result.inferred.items() if np.isfinite(values).any()}
    assert found == INFERRED.get(name, COMMON)
    for column in found:
        np.testing.assert_array_equal([result.inferred[column][cell] for cell in result.cells()],
                                      numbers([told[column]])[0])
    record = json.loads((FOLDER / name / "run.json").read_text(encoding="utf-8"))
    assert record["schema"] == int(name.partition("-")[0])
    assert result.null_text
    assert [d["text"] for d in record["decisions"]] == [d.text for d in result.decisions]
    assert result.methods_text()
    assert len(result.to_frame()) == len(pairs)


@pytest.mark.parametrize("name", RESULTS)
def test_it_is_saved_again_as_it_is(tmp_path, name):
    result = nc.load(FOLDER / name)
    result.save(tmp_path / "out")
    again = nc.load(tmp_path / "out")
    np.testing.assert_array_equal(again.estimate, result.estimate)
    np.testing.assert_array_equal(again.counts, result.counts)
    assert again.inferred.keys() == result.inferred.keys()
    for column, values in result.inferred.items():
        np.testing.assert_array_equal(again.inferred[column], values)
    assert (again.x_maps, again.y_maps, again.decisions) == (result.x_maps, result.y_maps, result.decisions)
    assert dict(again.notes) == dict(result.notes)


class Text(HTMLParser):
    """The JSON of a page."""

    def __init__(self, text):
        super().__init__()
        self.data, self._inside = "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._inside = ("id", "niicorr-data") in attrs

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.data += data


@pytest.mark.parametrize("name", RESULTS)
def test_it_is_drawn_and_reported(tmp_path, name):
    result = nc.load(FOLDER / name)
    assert save_heatmap(result, str(tmp_path), formats=("png",)) == ["heatmap.png"]
    nc.report(result, tmp_path / "page.html")
    data = json.loads(Text((tmp_path / "page.html").read_text(encoding="utf-8")).data)
    assert data["x"]["labels"] == list(result.x_labels)
    assert (data["maps"] is not None) == (name == "1-with-pictures")


def test_the_command_takes_an_older_result(tmp_path, capfd):
    shutil.copytree(FOLDER / "1-with-p", tmp_path / "out")
    assert main(["report", str(tmp_path / "out")]) == 0
    assert {"report.html", "heatmap.png", "heatmap.svg"} <= {path.name for path in (tmp_path / "out").iterdir()}
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("schema", [SCHEMA + 1, 99])
def test_a_newer_schema_is_refused_by_name(tmp_path, capfd, schema):
    shutil.copytree(FOLDER / "1-first", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    (tmp_path / "out" / "run.json").write_text(json.dumps({**record, "schema": schema, "version": "9.1"}))
    with pytest.raises(nc.InputError, match=r"written by niicorr 9\.1, newer than this .*: update niicorr"):
        nc.load(tmp_path / "out")
    assert main(["report", str(tmp_path / "out")]) == 3
    assert "update niicorr" in capfd.readouterr().err


@pytest.mark.parametrize("schema", [None, "1", 1.5, True, 0, -1, [1]])
def test_a_schema_that_is_none_is_refused(tmp_path, schema):
    shutil.copytree(FOLDER / "1-first", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    (tmp_path / "out" / "run.json").write_text(json.dumps({**record, "schema": schema}))
    with pytest.raises(nc.InputError, match="out"):
        nc.load(tmp_path / "out")


def test_every_schema_there_was_has_a_result_here():
    assert {int(name.partition("-")[0]) for name in RESULTS} == set(range(1, SCHEMA + 1))


def test_the_older_results_are_small():
    for name in RESULTS:
        assert sum(path.stat().st_size for path in (FOLDER / name).iterdir()) < 60_000
