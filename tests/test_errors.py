"""Errors as text and as values: exit codes, parents, what is listed and what is counted."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc
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


ROOT = Path(__file__).parents[1]


def pages():
    """Every page that an error names, with where it is named."""
    kinds = [errors.NiicorrError, errors.UsageError, errors.InputError, errors.ResourceError]
    yield from ((kind.page, kind.__name__) for kind in kinds)
    for file in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "told_on":
                yield ast.literal_eval(node.args[0]), str(file.relative_to(ROOT))


@pytest.mark.parametrize(("page", "where"), sorted(set(pages())))
def test_every_page_that_an_error_names_is_there(page, where):
    assert (ROOT / page).is_file(), where


def test_pages_are_named_in_many_places():
    """Else the test above would pass with nothing to look at."""
    assert len({page for page, _ in pages()}) > 10


def test_the_page_of_the_subject_and_the_page_of_the_kind():
    with pytest.raises(errors.InputError) as found, errors.told_on("outer.md"), errors.told_on("inner.md"):
        raise MapError("a.nii", "broken")
    assert found.value.page == "inner.md"
    with pytest.raises(errors.ResourceError) as found, errors.told_on("inner.md"):
        raise errors.ResourceError("full")
    assert found.value.page == errors.ResourceError.page
    with pytest.raises(errors.InputError) as found, errors.told_on("inner.md"):
        raise UnusableMapsError([MapError("a.nii", "broken")], 3)
    assert found.value.page == errors.InputError.page
    assert MapError("a.nii", "broken").page == errors.InputError.page


@pytest.fixture
def without_outline(tmp_path):
    """Maps of noise up to the faces of their volume, which is warned of."""
    rng = np.random.default_rng(0)
    for name in "abc":
        image = nib.Nifti1Image(rng.standard_normal((8, 9, 7)).astype("float32"), np.diag([4.0, 4, 4, 1]))
        nib.save(image, tmp_path / f"{name}.nii")
    return tmp_path


@pytest.mark.parametrize("call", [
    lambda folder: nc.correlate(str(folder), null="none"),
    lambda folder: nc.index(str(folder), folder.parent / "library"),
    lambda folder: nc.calibrate(str(folder), repeats=2),
    lambda folder: nc.correlate_rois(np.random.default_rng(1).standard_normal((60, 3)), null="independent"),
], ids=["correlate", "index", "calibrate", "correlate_rois"])
def test_a_warning_points_at_who_called(without_outline, call):
    with pytest.warns(errors.NiicorrWarning) as caught:
        call(without_outline)
    assert {one.filename for one in caught if issubclass(one.category, errors.NiicorrWarning)} == {__file__}
