"""Errors as text and as values: exit codes, parents, what is listed and what is counted."""

from __future__ import annotations

import pickle

import pytest

from niicorr import errors
from niicorr.errors import MapError, UnusableMapsError


@pytest.mark.parametrize(
    ("name", "parent", "code"),
    [("UsageError", ValueError, 2), ("InputError", ValueError, 3), ("MapError", errors.InputError, 3),
     ("UnusableMapsError", errors.InputError, 3), ("ResourceError", OSError, 4)],
)
def test_parents_and_exit_codes(name, parent, code):
    kind = getattr(errors, name)
    assert issubclass(kind, errors.NiicorrError)
    assert issubclass(kind, parent)
    assert kind.exit_code == code


def test_warnings_can_be_silenced_by_their_parent():
    assert issubclass(errors.DomainWarning, errors.NiicorrWarning)
    assert issubclass(errors.NiicorrWarning, UserWarning)


def test_the_text_of_one_bad_map():
    assert str(MapError("a.nii", "it is broken (3 of 4)", "mend it")) == "a.nii: it is broken (3 of 4): mend it"
    assert MapError("a.nii", "it is broken").text == "it is broken"


@pytest.mark.parametrize(("bad", "listed", "more"), [(1, 1, 0), (10, 10, 0), (11, 10, 1), (500, 10, 490)])
def test_ten_bad_maps_are_listed_and_the_rest_counted(bad, listed, more):
    error = UnusableMapsError([MapError(f"{k}.nii", "broken", "mend it") for k in range(bad)], 600)
    lines = str(error).splitlines()
    assert lines[0] == f"{bad} of 600 maps cannot be used:"
    assert lines[1 : 1 + listed] == [f"  {k}.nii  broken: mend it" for k in range(listed)]
    assert (f"  … and {more} more; niicorr check lists all" in lines) == (more > 0)
    assert "--on-error skip" in lines[-1]
    assert len(lines) == 2 + listed + (more > 0)
    assert len(error.problems) == bad


@pytest.mark.parametrize(
    "error",
    [MapError("a.nii", "broken", "mend it"), UnusableMapsError([MapError("a.nii", "broken")], 3),
     errors.UsageError("wrong"), errors.ResourceError("full")],
)
def test_errors_survive_pickling(error):
    """Worker processes hand them back."""
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    if isinstance(error, MapError):
        assert (again.path, again.reason, again.advice) == (error.path, error.reason, error.advice)
    if isinstance(error, UnusableMapsError):
        assert (again.total, again.problems[0].path) == (3, "a.nii")
