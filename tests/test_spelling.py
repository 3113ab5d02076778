"""Mistyped words and paths: what may have been meant is named, and nothing where nothing is close."""

from __future__ import annotations

import os

import pytest

from niicorr.errors import NOWHERE, MapError, NoMapError, UnusableMapsError, UsageError
from niicorr.spelling import advised, closest, closest_path, demand_word, hint


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with two sets of maps and a mask, in which the test runs."""
    for name in ("experiments/sub-01_fear.nii", "experiments/sub-02_fear.nii", "activity/gaba.nii.gz", "mask.nii.gz",
                 "x.nii", ".hidden.nii", "table.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("typed", "meant"), [
    ("experimnts/", "experiments/"), ("experimnts", "experiments/"), ("Activity", "activity/"),
    ("./experimnts", "./experiments/"), ("experimnts/sub-01_fear.nii", "experiments/sub-01_fear.nii"),
    ("experiments/sub-01_faer.nii", "experiments/sub-01_fear.nii"), ("experimnts/*.nii", "experiments/*.nii"),
    ("experimnts/other.nii", "experiments/"), ("mask.nii", "mask.nii.gz"), ("maks.nii.gz", "mask.nii.gz"),
])
def test_what_lies_beside_may_have_been_meant(place, typed, meant):
    assert closest_path(typed) == meant
    assert closest_path(str(place / typed)).endswith(os.path.join(str(place), meant.removeprefix("./")))


@pytest.mark.parametrize("typed", [
    "maps/", "experiments/sub-03_fear.nii", "experiments/sub-10_fear.nii", "y.nii", "table.nii", "hidden.nii", "", "/",
    "experiments/*.nii.gz", "nul\0byte", "nowhere/at/all.nii",
])
def test_nothing_is_offered_where_nothing_is_close(place, typed):
    """Other numbers are other subjects, and letters of a suffix make no likeness."""
    assert closest_path(typed) == ""
    assert hint(typed) == ""


def test_a_problem_gets_its_advice(place):
    told = advised(NoMapError("experimnts/", NOWHERE, "check the path"))
    assert (type(told), told.text) == (NoMapError, "no such file or folder: did you mean experiments/?")
    lost = NoMapError("maps/", NOWHERE, "check the path")
    assert advised(lost) is lost


def test_closest_words():
    assert closest("MNI125", ("auto", "none", "mni152")) == "mni152"
    assert closest("brain", ("auto", "none", "mni152")) == ""


def test_words_of_an_option_that_are_mistyped_are_refused(place):
    with pytest.raises(UsageError, match=r"--mask mni125: neither a file nor one of the words auto, none, mni152; did "
                       r"you mean mni152\?"):
        demand_word("--mask", "mni125", ("auto", "none", "mni152"))
    for value, end in (("MNI", "; did you mean mni152?"), ("n", "; did you mean none?"), ("brain", "")):
        with pytest.raises(UsageError) as caught:
            demand_word("--mask", value, ("auto", "none", "mni152"))
        assert str(caught.value) == f"--mask {value}: neither a file nor one of the words auto, none, mni152{end}"
    (place / "mni125").write_bytes(b"")
    for value in ("mni125", "none", "brain.nii", "masks/brain", "", None, 3):
        demand_word("--mask", value, ("auto", "none", "mni152"))


@pytest.mark.parametrize(("problems", "head", "way"), [
    ([NoMapError("a", "x")], "1 path leads to no map:", "Correct or remove it, or leave its cells empty with"),
    ([NoMapError("a", "x"), NoMapError("b", "x")], "2 paths lead to no map:", "Correct or remove them, or leave their"),
    ([NoMapError("a", "x"), MapError("b", "x")], "2 of 6 maps and paths cannot be used:", "Remove or mend them, or"),
    ([MapError("b", "x")], "1 of 6 maps cannot be used:", "Remove or mend it, or leave its cells empty with"),
])
def test_paths_that_lead_nowhere_are_no_maps(problems, head, way):
    lines = str(UnusableMapsError(problems, 6)).splitlines()
    assert lines[0] == head
    assert lines[-1].startswith(way)
