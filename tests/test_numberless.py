"""Maps that no number can come of are told before any number, by check and by run."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from niicorr.cli.main import main
from niicorr.errors import DomainWarning
from niicorr.numberless import numberless_text
from niicorr.pipeline import check, correlate

TEXT = ("no number can come of 3 maps: zero (all its values are 0), nan (it has no finite value), flat (it is "
        "constant, 5); check them, or leave them out")


@pytest.fixture
def maps(tmp_path):
    values = {"zero": np.zeros((8, 8, 8)), "nan": np.full((8, 8, 8), np.nan), "flat": np.full((8, 8, 8), 5.0),
              "real": np.random.default_rng(0).standard_normal((8, 8, 8))}
    paths = {}
    for name, data in values.items():
        paths[name] = str(tmp_path / f"{name}.nii")
        nib.save(nib.Nifti1Image(data.astype(np.float32), np.diag([4, 4, 4, 1.0])), paths[name])
    return paths


def test_check_and_run_tell_of_them_in_one_sentence(maps):
    bad = [maps[name] for name in ("zero", "nan", "flat")]
    assert TEXT in check(bad, maps["real"]).warnings
    with pytest.warns(DomainWarning) as told:
        result = correlate(bad, maps["real"])
    assert TEXT in result.warnings
    assert TEXT in [str(one.message) for one in told]
    assert not [text for text in check(maps["real"], maps["real"]).warnings if "no number" in text]


def test_a_map_in_both_sets_is_named_once(maps):
    (text,) = [t for t in correlate(maps["zero"], [maps["zero"], maps["real"]], warn=False).warnings if "come of" in t]
    assert text == "no number can come of zero: all its values are 0; check it, or leave it out"


def test_of_many_five_are_named():
    text = numberless_text([(f"m{k}", "it is constant, 1") for k in range(9)])
    assert "of 9 maps: m0 (" in text
    assert "m4 (it is constant, 1) and 4 more; " in text
    assert numberless_text([]) == ""


def test_the_zeros_of_an_empty_map_are_its_one_value(maps):
    (record,) = check(maps["zero"]).x_maps
    assert any("zeros are data: the map has one value" in d.text for d in record.decisions)


def test_the_headline_counts_no_correlations_that_are_not_there(maps, tmp_path, capsys):
    call = ["run", "-x", maps["zero"], maps["nan"], "-y", maps["real"], "--no-figures", "--no-report", "-o"]
    assert main([*call, str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert "niicorr: 2 × 1 maps, no Pearson correlation in" in said
    assert "no number can come of 2 maps" in said


def test_check_refuses_what_run_would_where_maps_are_skipped(maps, tmp_path):
    sets = ["-x", maps["zero"], maps["flat"], "-y", maps["real"], "--on-error", "skip"]
    assert main(["run", *sets, "-o", str(tmp_path / "out")]) == 3
    assert main(["check", *sets]) == 3
    assert main(["check", *sets[:-2]]) == 0
