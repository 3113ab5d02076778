"""What the page says first: one sentence that is whole, warnings before notes, counts that are right."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from page_reading import images, small

import niicorr as nc
from niicorr.records import Decision, MapRecord
from niicorr.result.correlation import Sensitivity
from niicorr.result.picturing import pictures_of
from niicorr.webpage.words import facts, head, maps_text, sentence


@pytest.fixture(scope="module")
def result():
    return small("effective")


def notes(result, maps="auto", level="note"):
    return [entry["text"] for entry in head(result, pictures_of(result, maps)) if entry["level"] == level]


def plain(text):
    return text.replace("\u00a0", " ")


def test_the_sentence_tells_sets_measure_voxels_and_null_model(result):
    text = plain(sentence(result))
    assert text.startswith("4 maps of x (columns) with 3 maps of y (rows): 12 Pearson correlations over ")
    counts = result.counts
    assert f"over {counts.min()} to {counts.max()} voxels that both have; p and intervals by" in text
    assert "null model: effective" in text
    assert text.endswith(".")


def test_sets_are_called_by_their_folder(tmp_path):
    import nibabel as nib

    for name, seed in (("experiments", 0), ("activity", 1)):
        (tmp_path / name).mkdir()
        for k, (volume, affine) in enumerate(images(2, seed)):
            nib.save(nib.Nifti1Image(volume, affine), tmp_path / name / f"{k}.nii")
    found = nc.correlate(str(tmp_path / "experiments"), str(tmp_path / "activity"), null="none", warn=False)
    assert plain(sentence(found)).startswith("2 maps of experiments (columns) with 2 maps of activity (rows): 4 ")
    alone = nc.correlate(str(tmp_path / "experiments"), null="none", warn=False)
    assert plain(sentence(alone)).startswith("2 maps of experiments with each other: 1 Pearson correlation over")
    assert "in experiments: 0 in 2 maps" in plain(" ".join(notes(found)))


def test_warnings_come_first(result):
    warned = result.replace(provenance=replace(result.provenance, warnings=("be careful \x1b",)))
    found = head(warned, None)
    assert found[0] == {"level": "warning", "text": "be careful \\x1b"}
    levels = [entry["level"] for entry in found]
    assert levels == sorted(levels, reverse=True)


def test_what_was_found_in_the_maps_is_told(result):
    told = plain(" ".join(notes(result)))
    assert "Background of the volumes in x: 0 in 4 maps" in told
    assert "Counting background and zeros as data" in told


def test_maps_with_little_data_are_named():
    sparse = images(2, 0)
    sparse[1] = (np.where(np.indices(sparse[1][0].shape)[2] < 5, sparse[1][0], np.nan), sparse[1][1])
    found = nc.correlate(sparse, images(2, 1), null="none", warn=False)
    (text,) = [text for text in notes(found) if "less than half" in text and text.startswith("1 map ")]
    assert f"({100 * found.x_maps[1].coverage:.0f}" in text
    assert found.x_labels[1] in text


def test_flags_are_counted(result):
    flagged = result.replace(estimate=result.estimate.copy(), notes={
        (0, 0): "n_effective 20 instead of 40: both",
        (0, 1): "n_effective 30 instead of 44: both; few independent values (n_effective 3.1)",
        (1, 2): "low overlap: 3 of 9",
        (2, 2): "fewer than 3 common voxels"})
    flagged.estimate[2, 2] = np.nan
    told = plain(" ".join(notes(flagged)))
    assert "3 of 11 pairs carry a note" in told
    assert "1 of 12 pairs has no number: fewer than 3 common voxels (1)" in told
    assert "n_effective 20 to 30 instead of 40 to 44: both (2)" in told
    assert "few independent values (n_effective 3.1) (1)" in told


def test_all_kinds_of_notes_are_counted(result):
    cells = list(np.ndindex(result.estimate.shape))
    kinds = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
    flagged = result.replace(notes={cell: kinds[k % 6] for k, cell in enumerate(cells)})
    (text,) = [text for text in notes(flagged) if "carry a note" in text]
    numbers = [int(number) for number in re.findall(r"\((\d+)\)", text)]
    assert plain(text).startswith("12 of 12 pairs carry a note: ")
    assert text.endswith("; others (4).")
    assert sum(numbers) == 12


def test_what_rests_on_zeros_is_told_and_counted_among_the_notes(result):
    other = np.full(result.estimate.shape, np.nan)
    other[0, :2] = 0.5
    flagged = result.replace(notes={(0, 0): "zeros matter: .1 / .5", (0, 1): "zeros matter: .2 / .5", (1, 1): "alpha"},
                             sensitivity=Sensitivity(np.full_like(other, np.nan), 1, other))
    told = [plain(text) for text in notes(flagged)]
    assert ("2 of 12 pairs would change by more than .1 or in sign if zeros were read the other way (marked †): --"
            "zeros data or missing settles it; docs/explanation/zeros.md") in told
    assert "3 of 12 pairs carry a note: zeros matter (2); alpha (1)." in told


def test_what_was_decided_about_the_mask_comes_first(result):
    decisions = (Decision("grid", "one"), Decision("mask", "9 of 10 voxels"),
                 Decision("mask", "2 of 4 maps have no clean background"))
    told = notes(result.replace(provenance=replace(result.provenance, decisions=decisions)))
    assert told[0] == "Mask: 9 of 10 voxels; 2 of 4 maps have no clean background."


def test_cells_of_a_set_against_itself_are_counted_once():
    found = nc.correlate(np.array([[1.0, 2, 4], [2.0, 1, 5], [3, 3, 3]]), null="none", warn=False)
    (text,) = [text for text in notes(found) if "no number" in text]
    assert plain(text).startswith("2 of 3 pairs have no number")


def test_the_page_says_that_it_gives_maps_away(result):
    for maps, start in (("all", "The maps themselves are inside"), ("none", "No map is inside this page"),
                        ("top:1", "2 maps, those of the strongest pairs, are inside")):
        assert plain(maps_text(pictures_of(result, maps))).startswith(start)
        assert notes(result, maps)[-1] == maps_text(pictures_of(result, maps))
    assert maps_text(None) == ""


def test_facts_are_those_of_the_numbers(result):
    found = {entry["label"]: entry for entry in facts(result)}
    assert found["pairs"]["value"] == "12"
    i, j = result.strongest(1)[0]
    assert found["strongest"]["cell"] == [i, j]
    assert float(found["strongest"]["value"].replace("−", "-")) == pytest.approx(result.estimate[i, j], abs=0.005)
    q = result.inferred["p_fdr"]
    assert found["q ≤ .05"]["value"] == f"{(q <= 0.05).sum()} of 12"
    low, high = (round(value) for value in (result.inferred["n_effective"].min(), result.inferred["n_effective"].max()))
    assert plain(found["independent values"]["value"]) == (f"{low} to {high}" if low != high else str(low))


def test_a_result_without_numbers_has_one_fact():
    empty = nc.correlate(np.array([[1.0, 1, 1]]), np.array([[2.0, 3, 4]]), null="none", warn=False)
    assert facts(empty) == [{"label": "pairs", "value": "1"}]


def test_hostile_names_stay_in_their_sentence(result):
    record = MapRecord("a\n</script>\x07", "b\x1b/c.nii", error="broken \x1b")
    told = " ".join(notes(result.replace(x_maps=(record, *result.x_maps[1:])), level="warning"))
    assert "\x1b" not in told
    assert "\n" not in told
