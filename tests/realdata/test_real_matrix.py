"""The 20 × 9 matrix that was computed by hand elsewhere, under its own rules and under niicorr's."""

from __future__ import annotations

import csv
from functools import partial

import numpy as np
import pandas as pd
import pytest
from realdata_numbers import agree, decisions, missing, most_common, place, read

import niicorr as nc

correlate = partial(nc.correlate, null="none")
"""p-values are another matter, and take their time on many real maps."""

pytestmark = pytest.mark.realdata

TOLERANCE = 0.03
MASK = "atlas/neurovault/MNI152_T1_4mm_brain_mask.nii.gz"

INTERPOLATED = {"spm_auditory_T", "image_10426"}
"""On 3 mm grids; all other maps lie on 2 mm grids that differ by whole voxels."""

ZEROS_OUTSIDE = {"motor_lips", "all", "box_0b_vs_1b", "spm_auditory_T", "image_10426", "group_Zstat1",
                 "nscomp1", "nscomp2", "nscomp3", "nscomp4", "nscomp5"}  # fmt: skip
"""Masked maps: their values end abruptly at their zeros."""

OWN_BACKGROUND = {"SERT"}
"""Its int16 cannot hold 0 exactly; −0.00002 fills 39 % of it."""

STRONG, NEAR_ZERO = 0.15, 0.02
"""Full maps that correlate at least so much; a thresholded copy below so little has no sign to speak of."""


@pytest.fixture(scope="session")
def expected(reference):
    """The values, rows y, columns x."""
    y = [row["label"] for row in reference if row["set"] == "y"]
    x = {row["label"]: [float(row[name]) for name in y] for row in reference if row["set"] == "x"}
    return pd.DataFrame(x, index=y)


@pytest.fixture(scope="session")
def manifests(data, reference, tmp_path_factory):
    """The two sets as manifests with the labels of the table."""
    folder = tmp_path_factory.mktemp("manifests")
    for name in "xy":
        rows = [f"{data / row['path']}\t{row['label']}\n" for row in reference if row["set"] == name]
        (folder / f"{name}.tsv").write_text("path\tlabel\n" + "".join(rows), encoding="utf-8")
    return str(folder / "x.tsv"), str(folder / "y.tsv")


@pytest.fixture(scope="session")
def default(manifests):
    """The run without any option but the volume of the one 5-D file."""
    return correlate(*manifests, volumes="0:1", warn=False)


def as_labelled(table, expected):
    """Rows and columns of the table; the 5-D file's volume may be named behind its label."""
    table = table.rename(columns=lambda label: label.removesuffix("[0]"))
    assert list(table.columns) == list(expected.columns)
    assert list(table.index) == list(expected.index)
    return table


def differing(result, expected):
    """(x, y) of the cells that differ from the table by more than the tolerance."""
    away = (as_labelled(result.r, expected) - expected).abs()
    return [(x, y) for y in away.index for x in away.columns if not away.loc[y, x] <= TOLERANCE]


def test_the_matrix_is_reproduced(data, manifests, expected, niicorr, tmp_path):
    x, y = manifests
    code, out, err = niicorr(
        "run", "-x", x, "-y", y, "-o", tmp_path / "out", "--volumes", "0:1", "--mask", data / MASK,
        "--zeros", "data", "--background", "none", "--interpolation", "linear", "--no-figures", "--no-report",
    )  # fmt: skip
    assert code == 0, err
    assert out == ""
    found = as_labelled(pd.read_csv(tmp_path / "out" / "correlations.csv", index_col=0), expected)
    assert (found - expected).abs().to_numpy().max() <= TOLERANCE
    with open(tmp_path / "out" / "pairs.tsv", encoding="utf-8", newline="") as file:
        n = {(row["x"], row["y"]): int(row["n"]) for row in csv.DictReader(file, delimiter="\t")}
    # 27 965 voxels are common to all maps; each pair has these at least, and no more than the mask.
    assert min(n.values()) == 27965
    assert max(n.values()) == 28549


def test_default_rules_differ_only_where_a_decision_says_why(default, expected):
    said = decisions([*default.x_maps, *default.y_maps])
    said = {label.removesuffix("[0]"): text for label, text in said.items()}
    cells = differing(default, expected)
    assert cells, "the default rules were expected to matter for these maps"
    for x, y in cells:
        assert "zeros are missing" in said[x] + said[y], f"{x} × {y}, unexplained: {said[x]} / {said[y]}"
    assert {x for x, _ in cells} <= ZEROS_OUTSIDE
    assert {"motor_lips", "all", "box_0b_vs_1b", "group_Zstat1"} <= {x for x, _ in cells}
    assert {d.topic for d in default.decisions} >= {"grid", "mask"}


def test_every_map_is_read_as_it_should_be(default):
    said = {label.removesuffix("[0]"): text for label, text in decisions(default.x_maps).items()}
    assert {label for label, text in said.items() if "zeros are missing" in text} == ZEROS_OUTSIDE
    assert {label for label, text in said.items() if "linear interpolation" in text} == INTERPOLATED
    assert "reordered exactly (RAS to LAS)" in said["probe_saccade(vol0)"]
    grounds = {m.label: m.background for m in default.y_maps}
    assert {y for y, value in grounds.items() if value is not None and value != 0} == OWN_BACKGROUND
    assert grounds["SERT"] == pytest.approx(-1.99e-5, rel=1e-2)


def test_the_decision_on_zeros_is_the_whole_difference(manifests, expected):
    """With zeros as data the other rules (2 mm grid, own mask, backgrounds) stay within the tolerance."""
    assert differing(correlate(*manifests, volumes="0:1", zeros="data", warn=False), expected) == []


def test_default_numbers_follow_from_the_decisions(default, data, reference):
    """Every cell without interpolation, by hand: the voxels of the mask where both maps have data."""
    grid = default.grid
    hand = {"x": {}, "y": {}}
    for row in reference:
        label, where = row["label"], hand[row["set"]]
        if label in INTERPOLATED:
            continue
        values, affine = read(data / row["path"])
        ground = most_common(values) if label in OWN_BACKGROUND else None
        values = missing(values, zeros="missing" if label in ZEROS_OUTSIDE else "data", background=ground)
        key = f"{label}[0]" if label.startswith("probe") else label
        where[key] = place(values, affine, grid.shape, grid.affine)[default.mask]
    assert len(hand["x"]) == 18
    agree(default, hand["x"], hand["y"])


def test_other_readings_and_low_overlap_are_noted(default):
    notes = {(default.x_labels[j], default.y_labels[i]): text for (i, j), text in default.notes.items()}
    for y in default.y_labels:
        assert "low overlap" in notes["box_0b_vs_1b", y]
    assert "zeros matter: .31 / -.06" in notes["box_0b_vs_1b", "DAT"]
    assert any("less than half" in text for text in default.warnings)
    assert default.sensitivity is not None


def test_thresholded_copies_keep_the_sign_at_smaller_size(default):
    r, compared = default.r, 0
    for k in range(1, 6):
        full, thresholded = r[f"nscomp{k}"], r[f"nscomp{k}_thr"]
        strong = full.abs() >= STRONG
        compared += int(strong.sum())
        full, thresholded = full[strong], thresholded[strong]
        assert (np.sign(full) == np.sign(thresholded))[thresholded.abs() >= NEAR_ZERO].all()
        assert (thresholded.abs() < full.abs()).all()
    assert compared > 12
