"""Images in memory belong to other libraries: whatever they do, the map is named, and what to do."""

from __future__ import annotations

import warnings

import nibabel as nib
import numpy as np
import pytest

import niicorr as nc
from niicorr.errors import MapError, ResourceError, UnusableMapsError
from niicorr.images.foreign import has, named
from niicorr.images.mapset import read_maps
from niicorr.images.survey import survey

SHAPE, AFFINE = (6, 7, 8), np.diag([5.0, 5, 5, 1])


class Voxels:
    """What stands in an image for voxels on disk."""

    def __init__(self, shape=SHAPE, dtype="f4", array=None, error=None):
        self.shape, self.ndim, self.dtype, self.array, self.error = shape, len(shape), np.dtype(dtype), array, error

    def __array__(self, *_args, **_kwargs):
        if self.error is not None:
            raise self.error
        return self.array


class Image:
    """Little of an image."""

    def __init__(self, dataobj, affine=AFFINE, header=None):
        self.dataobj, self.affine = dataobj, affine
        if header is not None:
            self.header = header

    def get_filename(self):
        return None


class Unplaced(Image):
    affine = property(lambda self: 1 / 0, lambda self, given: None)


def values(seed):
    return np.random.default_rng(seed).standard_normal(SHAPE).astype("f4")


def image(dataobj, affine=AFFINE):
    made = nib.Nifti1Image(values(0), AFFINE)
    made._dataobj, made._affine = dataobj, affine
    return made


def refusal(given):
    problem, *_ = (read_maps([given], on_error="skip").problems
                  or survey(read_maps([given, (values(1), AFFINE)])).problems)
    assert problem.path == "image 0"
    return problem.text


@pytest.mark.parametrize(("error", "words"), [
    (RuntimeError("boom"), "its voxels cannot be read (RuntimeError: boom): load the image again"),
    (KeyError("x"), "its voxels cannot be read (KeyError: 'x'): "), (OSError("disk"), "(OSError: disk)"),
    (EOFError(), "its voxels cannot be read (EOFError): "), (RuntimeError("\x1b[31m" + "x" * 999), "\\x1b[31mxxx")])
def test_whatever_voxels_raise_names_the_map(error, words):
    text = refusal(image(Voxels(error=error)))
    assert words in text
    assert len(text) < 400


@pytest.mark.parametrize(("voxels", "words"), [
    (Voxels(array=np.ones((5, 5, 5))), "its array has shape 5×5×5, and its header tells of 6×7×8: make the image"),
    (Voxels((*SHAPE, 2), array=np.ones(SHAPE)), "its array has shape 6×7×8, and its header tells of 6×7×8×2"),
    (Voxels(array=np.ones(SHAPE[::-1])), "its array has shape 8×7×6"),
    (Voxels(array=np.ones(())), "its header tells of 6×7×8"),
    (Voxels(array=np.ones(SHAPE, complex)), "holds complex128"),
    (Voxels(array=np.full(SHAPE, None)), "holds object")])
def test_voxels_that_are_not_what_their_image_says(voxels, words):
    assert words in refusal(image(voxels))


@pytest.mark.parametrize(("given", "words"), [
    (image(values(0), np.eye(3)), "its affine has shape (3, 3): an affine is 4 × 4"),
    (image(values(0), None), "it has no affine"), (image(values(0), AFFINE.astype(complex)), "complex numbers"),
    (image(values(0), "here"), "its affine holds no numbers"),
    ((values(0), AFFINE + 1j), "its affine holds complex numbers"), ((values(0), None), "it has no affine"),
    ((values(0), np.array([[1j] * 4] * 4, dtype=object)), "its affine holds"),
    (Image(values(0)), "this image cannot be read (AttributeError: 'Image' object has no attribute 'header'): give an "
                       "image of nibabel, or a pair (array, affine)"),
    (Image(object(), header={}), "this image cannot be read (AttributeError: "),
    (Unplaced(values(0), header={}), "this image cannot be read (ZeroDivisionError: "),
    (Image(values(0), header={"sform_code": "x", "qform_code": 0}), "this image cannot be read (ValueError: ")])
def test_an_image_that_is_none_names_the_map(given, words):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert words in refusal(given)


def test_want_of_memory_is_no_fault_of_the_map():
    with pytest.raises(ResourceError, match="image 0: its voxels cannot be read for want of memory: give fewer maps"):
        nc.correlate([image(Voxels(error=MemoryError()))], [(values(1), AFFINE)], on_error="skip", null="none")


@pytest.mark.filterwarnings("ignore::niicorr.NiicorrWarning")
def test_the_others_go_on_without_it():
    maps = [image(Voxels(error=RuntimeError("boom"))), (values(1), AFFINE)]
    with pytest.raises(UnusableMapsError, match="boom"):
        nc.correlate(maps, null="none")
    result = nc.correlate(maps, [(values(2), AFFINE)], null="none", on_error="skip", mask="none")
    assert np.isfinite(result.r.to_numpy()).tolist() == [[False, True]]


def test_errors_of_ours_stay_as_they_are():
    ours = MapError("a", "b")
    with pytest.raises(MapError) as caught, named("x", "what", "advice"):
        raise ours
    assert caught.value is ours
    assert [has(Unplaced(None), "affine"), has(Unplaced(None), "header"), has(Image(1), "dataobj")] == [
        True, False, True]
