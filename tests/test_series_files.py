"""Results of regions on disk: every file, its numbers, and back."""

import csv

import numpy as np
import pytest

import niicorr as nc
from niicorr.result.series_files import MOST_RUNS, run_files, write_series

NAMES = ["=cmd", "R Vis", "Ünïcode"]


def series(n=40, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 3)) + rng.standard_normal((n, 1))


def made(runs=2, **options):
    import pandas as pd

    frames = [pd.DataFrame(series(40 + k, k), columns=NAMES) for k in range(runs)]
    return nc.correlate_rois(frames, t_r=0.72, **options)


def matrix(path):
    with open(path, encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    return head[1:], np.array([[float(cell or "nan") for cell in row[1:]] for row in rows])


def test_series_as_a_table(tmp_path):
    result = made(volumes="2:")
    result.save(tmp_path / "out")
    with open(tmp_path / "out" / "series.tsv", encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file, delimiter="\t")
    assert head == ["run", "volume", "time_s", "'=cmd", "R Vis", "Ünïcode"]
    assert rows[0][:3] == ["run 1", "2", "1.44"]
    assert rows[1][2] == "2.16"
    assert [row[0] for row in rows] == ["run 1"] * 38 + ["run 2"] * 39
    numbers = np.array([[float(cell) for cell in row[3:]] for row in rows])
    np.testing.assert_array_equal(numbers, np.concatenate([series(40, 0)[2:], series(41, 1)[2:]]))


def test_missing_values_and_an_unknown_time_are_empty_cells(tmp_path):
    values = series()
    values[:, 1] = np.nan
    nc.correlate_rois(values).save(tmp_path / "out")
    with open(tmp_path / "out" / "series.tsv", encoding="utf-8", newline="") as file:
        _, first, *_ = csv.reader(file, delimiter="\t")
    assert (first[2], first[4]) == ("", "")
    assert "" not in (first[3], first[5])


def test_fisher_z_is_that_of_the_correlations(tmp_path):
    result = made()
    result.save(tmp_path / "out")
    head, z = matrix(tmp_path / "out" / "fisher_z.csv")
    assert head[0] == "'=cmd"
    lower = np.tril_indices(3, -1)
    np.testing.assert_allclose(z[lower], np.arctanh(result.estimate[lower]), rtol=1e-12)
    np.testing.assert_array_equal(z, z.T)
    assert np.isnan(np.diag(z)).all()
    same = series()
    same[:, 1] = same[:, 0]
    nc.correlate_rois(same).save(tmp_path / "same")
    _, z = matrix(tmp_path / "same" / "fisher_z.csv")
    assert np.isnan(z[1, 0]) == (nc.correlate_rois(same).estimate[1, 0] == 1)


@pytest.mark.parametrize(("kind", "stem", "z"), [
    ("correlation", "correlations", True), ("partial", "partial_correlations", True),
    ("covariance", "covariances", False), ("tangent", "tangent", False)])
def test_each_run_has_a_matrix(tmp_path, kind, stem, z):
    result = made(kind=kind)
    result.save(tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {f"{stem}_run-1.csv", f"{stem}_run-2.csv", "series.tsv", "regions.tsv", "correlations.csv"} <= names
    assert ("fisher_z.csv" in names) is z
    for k in (0, 1):
        _, values = matrix(tmp_path / "out" / f"{stem}_run-{k + 1}.csv")
        np.testing.assert_array_equal(values, result.series[k].matrix)


def test_one_run_and_very_many_have_none(tmp_path):
    assert run_files(made(1)) == []
    result = made(2)
    many = result.replace(series=result.series * (MOST_RUNS // 2))
    names = run_files(many)
    assert len(names) == MOST_RUNS == len({name.lower() for name in names})
    assert run_files(result.replace(series=result.series * (MOST_RUNS // 2 + 1))) == []
    assert write_series(result.replace(series=()), str(tmp_path)) == []


@pytest.mark.parametrize("label", ["a/b", "../x", "x" * 300, "con\n", "…", "naïve"])
def test_a_label_becomes_a_file_name_that_every_system_takes(label):
    from dataclasses import replace

    result = made()
    labels = [replace(run, label=label) for run in result.series]
    first, second = run_files(result.replace(series=tuple(labels)))
    assert first != second
    assert first.isascii()
    assert len(first) < 120
    assert not set(first) & set("/\\\n:")
    assert not first.startswith(".")


@pytest.mark.parametrize("kind", ["correlation", "tangent"])
def test_what_was_saved_comes_back(tmp_path, kind):
    result = made(kind=kind, volumes="1:")
    result.save(tmp_path / "out")
    back = nc.load(tmp_path / "out")
    np.testing.assert_array_equal(back.estimate, result.estimate)
    for one, other in zip(back.series, result.series, strict=True):
        assert (one.label, one.path, one.t_r) == (other.label, other.path, other.t_r)
        for name in ("values", "volumes", "matrix"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert back.parcellation.names == tuple(NAMES)
    assert back.methods_text() == result.methods_text()
    assert (back.null_text, back.unit, repr(back)) == (result.null_text, "time point", repr(result))
    back.save(tmp_path / "again")
    assert (tmp_path / "again" / "series.tsv").read_bytes() == (tmp_path / "out" / "series.tsv").read_bytes()


def test_results_of_maps_have_no_series(tmp_path):
    rng = np.random.default_rng(0)
    result = nc.correlate(rng.standard_normal((3, 50)))
    result.save(tmp_path / "out")
    assert nc.load(tmp_path / "out").series == ()
    assert not (tmp_path / "out" / "series.tsv").exists()
