"""The page on disk: whole, the same every time, safe whatever maps are called, and the same from a saved result."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from page_reading import Parts, array, data_of, images, own_units, small

import niicorr as nc
from niicorr.errors import InputError, ResourceError, UsageError
from niicorr.records import MapRecord
from niicorr.result.pictures import Pictures
from niicorr.result.picturing import with_pictures
from niicorr.webpage import maps as maps_module
from niicorr.webpage import part as part_module
from niicorr.webpage.write import _PLACE, report, write_report

HOSTILE = ("</script><script>alert(1)</script>", "<!--", "\"'`><img src=x onerror=alert(1)>", "\u202eevil\u202c",
           "שלום", "\ud800lone", "\x1b[31m\x00", "\u2028\u2029", _PLACE, "{{ 7*7 }}{% raw %}", "__proto__",
           "&lt;b&gt;", "javascript:alert(1)", "x" * 500)


@pytest.fixture(scope="module")
def result():
    return with_pictures(small("effective"))


def text_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return file.read()


def test_what_runs_is_what_the_policy_names(tmp_path, result):
    write_report(result, str(tmp_path))
    page = Parts(text_of(tmp_path / "report.html"))
    policy = page.policy()
    assert policy["default-src"] == ["'none'"]
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
                  for text in page.code(tag)}
        assert hashes == set(policy[directive])


def test_nothing_is_loaded(tmp_path, result):
    write_report(result, str(tmp_path))
    page = Parts(text_of(tmp_path / "report.html"))
    for tag, attrs in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert not {"src", "srcset", "action", "background", "poster", "data"} & set(attrs), (tag, attrs)
        assert not [name for name in attrs if name.startswith("on")]
        assert attrs.get("href", "#").startswith("#")
    for text in page.code("style"):
        assert not re.search(r"url\(\s*['\"]?(?!data:)|@import", text)


def test_the_same_result_gives_the_same_bytes(tmp_path, result):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_report(result, str(tmp_path / name))
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()
    again = with_pictures(small("effective"), jobs=3)
    again = again.replace(provenance=replace(again.provenance, timings=result.provenance.timings))
    write_report(again, str(tmp_path / "b"))
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()


def hostile(result):
    def named(records, first):
        return tuple(replace(record, label=HOSTILE[(first + k) % len(HOSTILE)], path=HOSTILE[k],
                             metadata={HOSTILE[0]: HOSTILE[k % 2]}) for k, record in enumerate(records))

    provenance = replace(result.provenance, command=HOSTILE[0], warnings=HOSTILE, options={HOSTILE[2]: HOSTILE[0]})
    return result.replace(x_maps=named(result.x_maps, 0), y_maps=named(result.y_maps, 4),
                          notes={(0, 0): HOSTILE[0], (1, 1): HOSTILE[2]}, provenance=provenance)


@pytest.mark.parametrize("title", [None, *HOSTILE])
def test_hostile_names_break_nothing(tmp_path, result, title):
    harmless, evil = tmp_path / "harmless", tmp_path / "evil"
    for folder, one in ((harmless, result), (evil, hostile(result))):
        folder.mkdir()
        write_report(one, str(folder), title=title if one is not result else None)
    before, after = (Parts(text_of(folder / "report.html")) for folder in (harmless, evil))
    assert [tag for tag, _ in after.tags] == [tag for tag, _ in before.tags]
    assert after.code("script") == before.code("script")
    data = after.data()
    assert HOSTILE[0] in data["x"]["labels"]
    assert data["notes"] == [[0, 0, HOSTILE[0]], [1, 1, HOSTILE[2]]]
    np.testing.assert_array_equal(array(data["cells"]["r"]), result.estimate)
    assert not set("\u202e\x1b\x00\u2028") & set(text_of(evil / "report.html"))


def test_a_loaded_result_gives_the_same_page(tmp_path, result):
    """What `niicorr.load` restores: no maps, the arrays of ``report_data.npz``, everything else as it was."""
    np.savez(tmp_path / "arrays.npz", allow_pickle=False, **result.pictures.arrays())
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        pictures = Pictures.from_arrays(dict(arrays), result.estimate.shape, result.same_set)
    for name, one in (("a", result), ("b", result.replace(comparison=None, pictures=pictures))):
        (tmp_path / name).mkdir()
        write_report(one, str(tmp_path / name), maps="auto")
    assert (tmp_path / "a" / "report.html").read_bytes() == (tmp_path / "b" / "report.html").read_bytes()


def test_an_older_result_without_pictures_still_has_a_page(tmp_path, result):
    write_report(result.replace(comparison=None, pictures=None), str(tmp_path))
    data = data_of(tmp_path / "report.html")
    assert (data["maps"], data["space"], data["quality"]["mosaic"]) == (None, None, [])
    np.testing.assert_array_equal(array(data["cells"]["r"]), result.estimate)


def test_many_maps_lie_in_side_files(tmp_path, result, monkeypatch):
    (tmp_path / "whole").mkdir()
    write_report(result, str(tmp_path / "whole"))
    inside = data_of(tmp_path / "whole" / "report.html")["maps"]
    monkeypatch.setattr(maps_module, "SIDE_FILE", 1500)
    names = write_report(result, str(tmp_path), limit=100)
    assert names[0] == "report.html"
    assert names[1:] == [f"report_maps_{k:04d}.js" for k in range(1, len(names))]
    assert len(names) > 2
    data = data_of(tmp_path / "report.html")
    assert data["maps"]["mode"] == "files"
    found = {}
    for name in names[1:]:
        for line in text_of(tmp_path / name).splitlines():
            set_name, index, entry = re.fullmatch(r'niicorrMap\("([xy])",(\d+),(\{.*\})\);', line).groups()
            found[set_name, int(index)] = name, json.loads(entry)
    for set_name in "xy":
        for index, entry in enumerate(inside[set_name]):
            name, beside = found.pop((set_name, index))
            assert beside == entry
            assert data["maps"][set_name][index] == {**{k: v for k, v in entry.items() if k != "data"}, "file": name}
    assert not found
    assert {"'self'", "file:"} <= set(Parts(text_of(tmp_path / "report.html")).policy()["script-src"])


def test_the_strongest_part_of_what_is_too_large(tmp_path, result, monkeypatch):
    monkeypatch.setattr(part_module, "MOST_CELLS", 4)
    write_report(result, str(tmp_path))
    data = data_of(tmp_path / "report.html")
    i, j = result.strongest(1)[0]
    r = array(data["cells"]["r"])
    assert r.shape == (2, 2)
    assert result.estimate[i, j] in r
    assert result.x_labels[j] in data["x"]["labels"]
    k = data["x"]["labels"].index(result.x_labels[j])
    assert np.nanmax(own_units(data["maps"]["x"][k])) == pytest.approx(np.nanmax(result.comparison.x.values[j]))
    assert any("the 2 and 2 with the largest absolute values are shown" in note["text"] for note in data["head"])
    row, column = next(fact["cell"] for fact in data["facts"] if fact["label"] == "strongest")
    assert abs(r[row, column]) == abs(result.estimate[i, j])


@pytest.mark.parametrize("sets", [1, 2])
def test_what_is_said_is_of_all_also_where_a_part_is_shown(tmp_path, monkeypatch, sets):
    result = nc.correlate(*[images(5, 0), images(4, 9)][:sets], null="independent", warn=False)
    write_report(result, str(tmp_path))
    whole = data_of(tmp_path / "report.html")
    monkeypatch.setattr(part_module, "MOST_CELLS", 4)
    write_report(result, str(tmp_path))
    part = data_of(tmp_path / "report.html")
    assert (whole["part"], part["part"]) == (False, True)
    for name in ("title", "sentence", "methods", "null"):
        assert part[name] == whole[name]
    assert "5" in part["title"]
    assert [fact["value"] for fact in part["facts"]] == [fact["value"] for fact in whole["facts"]]
    for name in ("grids", "sensitivity"):
        assert part["quality"][name] == whole["quality"][name]
    assert [note for note in part["head"] if "are shown" not in note["text"]] == whole["head"]
    assert len(part["x"]["labels"]) == 2
    (cell,) = [fact["cell"] for fact in part["facts"] if "cell" in fact]
    assert array(part["cells"]["r"])[*cell] == result.estimate[result.strongest(1)[0]]


def test_files_beside_are_named(tmp_path, result):
    write_report(result, str(tmp_path), beside=["pairs.tsv", "heatmap.png"])
    assert data_of(tmp_path / "report.html")["files"]["heatmap"] == "heatmap.png"
    write_report(result, str(tmp_path))
    assert data_of(tmp_path / "report.html")["files"] == {}


def test_the_public_function_writes_where_it_is_told(tmp_path, result, monkeypatch):
    page = tmp_path / "my page.html"
    page.write_text("an older one")
    assert nc.report is report
    assert nc.report(result, page, title="Mine") == [str(page)]
    assert data_of(page)["title"] == "Mine"
    assert sorted(os.listdir(tmp_path)) == ["my page.html"]
    monkeypatch.setattr(maps_module, "SIDE_FILE", 1500)
    monkeypatch.setattr("niicorr.webpage.write.LIMIT", 100)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(write_report.__kwdefaults__, "limit", 100)
    names = nc.report(result, "b c.html")
    assert names[:2] == ["b c.html", "b-c_maps_0001.js"]
    assert all(os.path.exists(name) for name in names)


def test_a_saved_folder_will_do(tmp_path, result):
    result.save(tmp_path / "out")
    nc.report(tmp_path / "out", tmp_path / "page.html", maps="none")
    np.testing.assert_array_equal(array(data_of(tmp_path / "page.html")["cells"]["r"]), result.estimate)


@pytest.mark.parametrize(
    ("given", "path", "error", "words"),
    [
        (5, "page.html", UsageError, "a result or the folder of one, not int"),
        ("nowhere", "page.html", InputError, "there is no such folder"),
        (None, 5, UsageError, "to a path, not to int"),
        (None, "a\0b", UsageError, "no file can have this name"),
        (None, ".", UsageError, "is a folder"),
        (None, "sub/", UsageError, "is a folder"),
        (None, "nowhere/page.html", ResourceError, "the folder above it is gone"),
    ],
)
def test_wrong_calls_are_refused_by_name(tmp_path, monkeypatch, result, given, path, error, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words):
        nc.report(result if given is None else given, path)


def test_an_older_page_stays_where_a_new_one_fails(tmp_path, result, monkeypatch):
    page = tmp_path / "page.html"
    page.write_text("an older one")

    def full(*_):
        raise OSError(28, "no room")

    monkeypatch.setattr("niicorr.webpage.write.json_text", full)
    with pytest.raises(ResourceError, match="no room left on the disk"):
        nc.report(result, page)
    assert page.read_text() == "an older one"
    assert os.listdir(tmp_path) == ["page.html"]


def test_all_kinds_of_results_have_a_page(tmp_path):
    empty = nc.CorrelationResult(np.empty((0, 1)), np.empty((0, 1), int), (MapRecord("a", ""),), ())
    for k, one in enumerate((nc.correlate(images(1, 0), null="none", warn=False), empty,
                             nc.correlate(np.array([[1.0, 1, 1]]), np.array([[2.0, 3, 4]]), null="none", warn=False))):
        nc.report(one, tmp_path / f"{k}.html")
        assert data_of(tmp_path / f"{k}.html")["schema"] == 1
