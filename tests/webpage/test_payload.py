"""What the page shows equals the tables, whatever the result: empty cells, one map, one set, regions, time series."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from page_reading import AFFINE, array, images, own_units, small

import niicorr as nc
from niicorr.matrix import Features, MapMatrix
from niicorr.records import Decision, MapRecord, Region
from niicorr.result import Parcellation, RunSeries
from niicorr.result.picturing import pictures_of
from niicorr.space import Grid
from niicorr.webpage import payload as module
from niicorr.webpage.maps import maps_inside
from niicorr.webpage.payload import COLUMNS, payload

SQUARE = [("x", 0), ("x", 1), ("y", 0), ("y", 1)]


def page_of(result, maps="auto", **how):
    pictures = pictures_of(result, maps)
    value = payload(result, pictures, **how)
    return json.loads(json.dumps({**value, "maps": json.loads("".join(maps_inside(pictures)))}, allow_nan=False))


@pytest.fixture(scope="module")
def result():
    return small("effective")


@pytest.fixture(scope="module")
def page(result):
    return page_of(result)


def test_every_number_is_that_of_the_tables(result, page):
    cells = {name: array(packed) for name, packed in page["cells"].items()}
    np.testing.assert_array_equal(cells["r"], result.estimate)
    np.testing.assert_array_equal(cells["n"], result.counts)
    for ours, theirs in COLUMNS.items():
        if ours in result.inferred:
            np.testing.assert_array_equal(cells[theirs], result.inferred[ours])
    assert {"n_effective", "ci_low", "ci_high", "p", "q", "p_fwe"} <= set(cells)
    np.testing.assert_array_equal(cells["naive"], result.sensitivity.naive)
    frame = result.to_frame()
    np.testing.assert_array_equal(frame["p_fdr"], cells["q"].ravel())


def test_maps_are_those_that_were_compared(result, page):
    assert page["maps"]["mode"] == "inline"
    matrix = result.comparison
    for entry, values in zip(page["maps"]["x"] + page["maps"]["y"],
                             np.vstack([matrix.x.values, matrix.y.values]), strict=True):
        found = own_units(entry)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(values))
        assert np.nanmax(np.abs(found - values)) <= 0.51 * (entry["hi"] - entry["lo"]) / 254
    assert [entry["symmetric"] for entry in page["maps"]["x"]] == [True] * 4


def test_voxels_lie_where_they_lie(result, page):
    assert page["space"]["shape"] == list(result.grid.shape)
    np.testing.assert_array_equal(page["space"]["affine"], result.grid.affine)
    flat = np.cumsum(array(page["space"]["voxels"]), dtype=np.int64)
    np.testing.assert_array_equal(flat, np.flatnonzero(result.mask.ravel(order="F")))
    assert (page["space"]["mni"], page["space"]["template"]) == (False, None)


def test_a_brain_stands_behind_maps_in_mni_space(result):
    found = page_of(result.replace(grid=Grid(result.grid.shape, result.grid.affine, mni=True)))
    template = found["space"]["template"]
    assert found["space"]["mni"]
    assert array(template["data"]).size == np.prod(template["shape"])
    assert 0.2 < (array(template["data"]) > 0).mean() < 0.7


def test_lines_and_notes(result, page):
    matrix = result.comparison
    x, y = matrix.x.values[1], matrix.y.values[2]
    both = np.isfinite(x) & np.isfinite(y)
    slope, intercept = np.polyfit(x[both], y[both], 1)
    assert page["pairs"]["2,1"]["slope"] == pytest.approx(slope, rel=1e-5)
    assert page["pairs"]["2,1"]["intercept"] == pytest.approx(intercept, rel=1e-5)
    assert {(i, j): text for i, j, text in page["notes"]} == result.notes


def test_fitted_autocovariances_begin_at_one(page):
    nulls = page["nulls"]
    for name, count in (("x_fit", 4), ("y_fit", 3)):
        curves = array(nulls[name])
        assert curves.shape == (count, len(nulls["lags_mm"]))
        np.testing.assert_allclose(curves[:, 0], 1)
        assert (np.diff(curves, axis=1) <= 1e-6).all()


def test_orders_are_permutations_and_trees_join_all(result, page):
    rows, columns = result.estimate.shape
    assert page["orders"].pop("group") is None, "nothing tells groups"
    for order in page["orders"].values():
        assert sorted(order["rows"]) == list(range(rows))
        assert sorted(order["cols"]) == list(range(columns))
    tree = page["orders"]["cluster"]["col_tree"]
    assert len(tree) == columns - 1
    assert sorted(int(part) for merge in tree for part in merge[:2]) == list(range(2 * columns - 2))
    assert page["orders"]["given"] == {"rows": [0, 1, 2], "cols": [0, 1, 2, 3]}


def test_what_is_known_of_the_run(result, page):
    assert page["title"] == "Pearson correlation of 4 × 3 brain maps"
    assert page["methods"]["text"] == result.methods_text().split("\n\nReferences")[0]
    assert page["null"]["model"] == "effective"
    assert page["run"]["options"]["zeros"] == "auto"
    assert page["run"]["seconds"] == result.provenance.timings["total"]
    assert page["quality"]["sensitivity"]["largest_error"] == result.sensitivity.largest_error(result.estimate)[0]
    assert page["quality"]["grids"] == [{"text": "14×18×12 voxels of 4×4×4 mm LAS", "count": 7,
                                         "maps": [*result.x_labels, *result.y_labels]}]
    assert [(tile["set"], tile["index"]) for tile in page["quality"]["mosaic"]] == [
        *(("x", j) for j in range(4)), *(("y", i) for i in range(3))]
    assert all(tile["png"].startswith("data:image/png;base64,iVBOR") for tile in page["quality"]["mosaic"])


def test_files_have_keys(result):
    tables = {"correlations": "correlations.csv", "maps": "maps.tsv", "mask": "mask.nii.gz", "pairs": "pairs.tsv",
              "run": "run.json"}
    assert module.files(result, []) == tables
    beside = ["heatmap.png", "heatmap.svg", "contributions.tsv", "report_data.npz", "contribution_a_b.nii.gz",
              "pairs.tsv"]
    assert module.files(result, beside) == {**tables, "contributions": "contributions.tsv",
                                            "heatmap.png": "heatmap.png", "heatmap.svg": "heatmap.svg"}


def test_files_are_those_that_are_written(tmp_path, result):
    from niicorr.result.saved import write_result

    assert set(module.files(result, []).values()) | {"report_data.npz"} == set(write_result(result, str(tmp_path)))


def test_a_set_against_itself():
    result = nc.correlate(images(4, 3), null="gsm", warn=False)
    page = page_of(result)
    assert page["same_set"]
    assert "y" not in page
    assert "y" not in page["maps"]
    assert "y_fit" not in page["nulls"]
    np.testing.assert_array_equal(array(page["cells"]["r"]), result.estimate)
    np.testing.assert_array_equal(np.diag(array(page["cells"]["p"])), np.full(4, np.nan))
    assert [(tile["set"], tile["index"]) for tile in page["quality"]["mosaic"]] == [("x", j) for j in range(4)]
    below = np.tril(np.ones((4, 4), bool), -1)
    assert page["vmax"] == pytest.approx(max(np.ceil(np.abs(result.estimate[below]).max() * 10) / 10, 0.2))
    assert page["quality"]["sensitivity"]["cells"] == 6
    error = np.abs(result.sensitivity.naive - result.estimate)[below].max()
    assert page["quality"]["sensitivity"]["largest_error"] == pytest.approx(error)


def test_one_map_with_one_map():
    page = page_of(nc.correlate(images(1, 0), images(1, 1), null="none", warn=False))
    assert array(page["cells"]["r"]).shape == (1, 1)
    assert page["orders"]["cluster"]["row_tree"] == []
    assert "p" not in page["cells"]


def test_one_map_with_itself():
    page = page_of(nc.correlate(images(1, 0), null="none", warn=False))
    assert array(page["cells"]["r"]).tolist() == [[1.0]]
    assert page["facts"] == [{"label": "pairs", "value": "0"}]
    assert page["vmax"] == 0.2


def test_cells_without_a_number():
    page = page_of(nc.correlate(np.array([[1.0, 2, 3], [4, 4, 4]]), np.array([[np.nan] * 3, [5.0, 7, 5]]), warn=False))
    assert np.isnan(array(page["cells"]["r"])).tolist() == [[True, True], [False, True]]
    assert {(i, j) for i, j, _ in page["notes"]} == {(0, 0), (0, 1), (1, 1)}
    assert page["maps"]["y"][0] is None


def test_bare_arrays_have_maps_without_a_place():
    page = page_of(nc.correlate(np.random.default_rng(0).random((2, 30)), np.random.default_rng(1).random((3, 30))))
    assert page["space"] is None
    assert page["unit"] == "feature"
    assert page["quality"]["mosaic"] == []
    assert array(page["maps"]["y"][2]["data"]).shape == (30,)


def test_skipped_maps(tmp_path):
    (tmp_path / "bad.nii").write_bytes(b"no image")
    result = nc.correlate([*images(2, 0), str(tmp_path / "bad.nii")], images(2, 1), on_error="skip", null="none",
                          warn=False)
    page = page_of(result)
    assert page["x"]["maps"][2]["error"]
    assert page["maps"]["x"][2] is None
    assert any("1 of 5 maps could not be used" in note["text"] for note in page["head"] if note["level"] == "warning")
    assert [(tile["set"], tile["index"]) for tile in page["quality"]["mosaic"]] == [*SQUARE]


@pytest.mark.parametrize("maps", ["none", "top:1"])
def test_maps_that_are_left_out(result, maps):
    page = page_of(result, maps)
    assert page["maps"]["mode"] == maps.split(":")[0]
    shown = [entry is not None for entry in page["maps"]["x"] + page["maps"]["y"]]
    assert sum(shown) == (0 if maps == "none" else 2)
    assert len(page["quality"]["mosaic"]) == sum(shown)
    assert (page["space"] is None) == (maps == "none")
    np.testing.assert_array_equal(array(page["cells"]["r"]), result.estimate)
    assert "--report-maps none" in page["maps"]["text"]


def test_large_matrices_keep_seven_digits(monkeypatch, result):
    monkeypatch.setattr(module, "EXACT_CELLS", 11)
    cells = page_of(result)["cells"]
    assert {packed["dtype"] for packed in cells.values()} == {"<f4", "<i4"}
    np.testing.assert_allclose(array(cells["r"]), result.estimate, rtol=1e-7)
    np.testing.assert_array_equal(array(cells["n"]), result.counts)


def test_the_mosaic_is_shared_between_the_sets(monkeypatch, result):
    monkeypatch.setattr(module, "MOSAIC", 4)
    tiles = page_of(result)["quality"]["mosaic"]
    assert [(tile["set"], tile["index"]) for tile in tiles] == [*SQUARE]
    monkeypatch.setattr(module, "MOSAIC", 6)
    assert len(page_of(result)["quality"]["mosaic"]) == 6


def test_columns_of_a_manifest_are_groups(result):
    def told(values):
        return tuple(MapRecord(f"m{k}", "", metadata={"sex": value, "id": f"i{k}", "site": "one", "<b>": value})
                     for k, value in enumerate(values))

    page = page_of(result.replace(x_maps=told("fmfm"), y_maps=told("ffm"), comparison=None))
    assert page["x"]["groups"] == {"sex": ["f", "m", "f", "m"], "<b>": ["f", "m", "f", "m"]}
    assert page["y"]["groups"]["sex"] == ["f", "f", "m"]
    assert page["orders"]["group"] == {"rows": [0, 1, 2], "cols": [0, 2, 1, 3], "by": "sex"}


def test_texts_are_printable(result):
    bad = "\u202e\x1b[31m\ud800\u2028"
    record = MapRecord(bad, bad, error=bad, decisions=(Decision("file", bad),), metadata={bad: bad})
    whole = result.replace(x_maps=(record, *result.x_maps[1:]), notes={(0, 0): bad}, comparison=None)
    text = json.dumps(page_of(whole, title=bad), ensure_ascii=False)
    assert not set("\u202e\x1b\ud800\u2028") & set(text)
    assert "\\\\u202e" in text


def regions(count):
    return tuple(Region(f"region {k}", k + 1, 20, (float(k), 2.0, 3.0) if k else (np.nan,) * 3, "LR"[k % 2],
                        ("visual", "motor", "")[k // 2 % 3]) for k in range(count))


def test_regional_results_have_values_of_named_regions():
    values = np.random.default_rng(0).random((5, 8))
    features = Features(8, centroids=np.random.default_rng(1).random((8, 3)), volumes=np.ones(8))
    result = nc.correlate(MapMatrix.from_array(values[:3], features=features),
                          MapMatrix.from_array(values[3:], features=features), null="none")
    atlas = Parcellation("atlas/aal.nii.gz", regions(8), np.arange(8), tuple("abcde"), np.ones((5, 8)), values, True)
    page = page_of(result.replace(parcellation=atlas))
    assert page["unit"] == "region"
    assert page["maps"] is None
    assert page["space"] is None
    np.testing.assert_array_equal(array(page["regions"]["values"]), values)
    assert page["regions"]["names"][3] == "region 3"
    assert page["regions"]["centroids"][:2] == [None, [1.0, 2.0, 3.0]]
    assert page["regions"]["mni"]
    assert "aal.nii.gz" in page["sentence"]


def test_regions_with_each_other_have_series_and_groups():
    rng = np.random.default_rng(0)
    runs = tuple(RunSeries(f"run{k}", "bold.nii", rng.random((20 + k, 6)), np.arange(20 + k), 1.5) for k in range(2))
    base = nc.correlate(rng.random((6, 41)), null="none")
    result = base.replace(
        series=runs, comparison=None,
        parcellation=Parcellation("aal.nii.gz", regions(6), np.arange(6), ("run0", "run1"), np.ones((2, 6))))
    page = page_of(result)
    assert page["kind"] == "rois"
    assert page["unit"] == "time point"
    assert page["maps"] is None
    assert [(run["label"], run["t_r"]) for run in page["series"]] == [("run0", 1.5), ("run1", 1.5)]
    np.testing.assert_allclose(array(page["series"][1]["values"]), runs[1].values.T, rtol=1e-6)
    assert page["x"]["groups"] == {"network": ["visual", "visual", "motor", "motor", "no network", "no network"],
                                   "hemisphere": ["left", "right"] * 3}
    assert page["orders"]["group"] == {"rows": list(range(6)), "cols": list(range(6)), "by": "network"}
    turned = result.replace(parcellation=replace(result.parcellation, regions=regions(6)[::-1]))
    assert page_of(turned)["orders"]["group"]["rows"] == [3, 2, 5, 4, 1, 0], "no network comes last; left before right"
    assert page["regions"]["values"] is None


def test_a_part_of_a_grid_that_no_header_orients(result):
    grid = Grid(result.grid.shape, AFFINE, known=False, mni=True)
    page = page_of(result.replace(grid=grid))
    assert (page["space"]["known"], page["space"]["mni"], page["space"]["template"]) == (False, False, None)
