"""Whole folders as a user would name them: one against another, one against itself."""

from __future__ import annotations

import csv
from functools import partial

import numpy as np
import pytest
from realdata_numbers import agree, decisions, missing, mni152, most_common, place, read

import niicorr as nc

correlate = partial(nc.correlate, null="none")
"""p-values are another matter, and take their time on many real maps."""

pytestmark = pytest.mark.realdata


def stem(path):
    return path.name.split(".")[0]


def test_semantic_components_against_receptors(data):
    """All grids differ by whole voxels, so numbers are exact: shipped mask, each map's own reading."""
    x, y = data / "experiment" / "ns_semantic", data / "activity" / "neurovault_pet"
    result = correlate(str(x), str(y), mask="mni152", warn=False)
    assert result.r.shape == (6, 16)
    assert np.isfinite(result.estimate).all()
    assert np.abs(result.estimate).max() < 0.6

    said = decisions(result.x_maps)
    readings = {"full": "zeros are missing", "top2pct": "is thresholded", "cluster": "taper off"}
    for name, words in readings.items():
        assert {k for k, text in said.items() if words in text} == {k for k in said if name in k}

    grid = result.grid
    mask = mni152(grid.shape, grid.affine)
    np.testing.assert_array_equal(result.mask, mask)
    x_maps, y_maps = {}, {}
    for path in sorted(x.iterdir()):
        values, affine = read(path)
        reading = "missing" if "full" in path.name else "data"
        x_maps[stem(path)] = place(missing(values, zeros=reading), affine, grid.shape, grid.affine)[mask]
    for path in sorted(y.iterdir()):
        values, affine = read(path)
        ground = most_common(values) if path.name.startswith("DASB") else None
        y_maps[stem(path)] = place(missing(values, background=ground), affine, grid.shape, grid.affine)[mask]
    assert list(result.x_labels) == list(x_maps)
    assert list(result.y_labels) == list(y_maps)
    agree(result, x_maps, y_maps)


def test_one_study_against_itself(data, niicorr, tmp_path):
    """Ten Analyze maps without handedness: matched by shape, all finite voxels, each pair once."""
    folder = data / "experiment" / "wager2008"
    code, _, err = niicorr("run", "-x", folder, "-o", "out", "--no-figures", "--no-report")
    assert code == 0, err
    assert "no map shows an outline" in err
    assert "left and right cannot be told" in err
    result = nc.load(str(tmp_path / "out"))
    labels = [path.stem for path in sorted(folder.glob("*.hdr"))]
    assert list(result.x_labels) == list(result.y_labels) == labels
    r = result.estimate
    np.testing.assert_array_equal(np.diag(r), 1)
    np.testing.assert_array_equal(r, r.T)
    agree(result, *[{stem(p): read(p)[0] for p in sorted(folder.glob("*.hdr"))}] * 2)
    with open(tmp_path / "out" / "pairs.tsv", encoding="utf-8", newline="") as file:
        pairs = [(row["x"], row["y"]) for row in csv.DictReader(file, delimiter="\t")]
    assert pairs == [(labels[j], labels[i]) for i in range(10) for j in range(i)]
    with open(tmp_path / "out" / "maps.tsv", encoding="utf-8", newline="") as file:
        assert {row["orientation"] for row in csv.DictReader(file, delimiter="\t")} == {"???"}


def test_either_half_of_a_pair_names_the_same_map(data):
    folder = data / "experiment" / "neurovault"
    halves = [str(folder / f"box_0b_vs_1b.{half}") for half in ("hdr", "img")]
    other = str(folder / "motor_lips.nii.gz")
    by_half = [correlate(half, other, warn=False) for half in halves]
    both = correlate(halves, other, warn=False)
    assert both.x_labels == ("box_0b_vs_1b",)
    grid = both.grid
    hand = []
    for path in (halves[1], other):
        values, affine = read(path)
        hand.append(place(missing(values, zeros="missing"), affine, grid.shape, grid.affine))
    for result in (*by_half, both):
        agree(result, {"box_0b_vs_1b": hand[0]}, {"motor_lips": hand[1]}, result.mask)
