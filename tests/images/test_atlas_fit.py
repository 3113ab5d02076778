"""An atlas that many regions are lost of, and what is asked of it."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from niicorr.images.atlas_fit import Fit, fit_warning
from niicorr.images.cache.content import Content
from niicorr.images.cache.facts import KnownFile, file_text, known_file
from niicorr.images.header import read_header
from niicorr.pipeline import check, correlate
from niicorr.rois import correlate_rois
from niicorr.space import Grid

NATIVE, NORMAL = (Grid((4, 4, 4), np.eye(4), space_code=code) for code in (1, 4))
HOW = {"atlas": "aal.nii.gz", "total": 120, "what": "run", "min_coverage": 0.5}


def test_a_tenth_may_be_lost_without_a_word():
    assert fit_warning([Fit("a", 6, 6, NATIVE)], **HOW, template=True) == ""
    assert fit_warning([Fit("a", 6, 7, NATIVE)], **HOW, template=True).startswith(
        "a lacks 13 of the 120 regions of aal.nii.gz (6 without a voxel on its grid, 7 with data in less than "
        "50\N{NO-BREAK SPACE}% of their voxels): its header says scanner space and the atlas's that of a template, "
        "so is the run in the space of the atlas?")


@pytest.mark.parametrize(("grid", "template"), [(NATIVE, False), (NORMAL, True), (None, True)])
def test_nothing_is_asked_of_spaces_that_headers_do_not_tell_apart(grid, template):
    text = fit_warning([Fit("a", 0, 31, grid)], **HOW, template=template)
    assert "?" not in text
    assert "(with data in less than" in text
    assert text.endswith("check that it is in the space of the atlas and covers the brain, or lower --min-coverage")


def test_of_several_the_worst_is_told_and_whose_header_it_is():
    fits = [Fit("a", 20, 0, NATIVE), Fit("b", 40, 0, NORMAL), Fit("c", 3, 0, NATIVE)]
    text = fit_warning(fits, **HOW, template=True)
    assert text.startswith("b lacks 40 of the 120 regions")
    assert "(without a voxel on its grid), and 1 other run lacks many: the header of a says scanner space" in text


def labels(code):
    """Ten regions of 2 × 4 × 4 voxels, one behind the other."""
    data = np.repeat(np.arange(1, 11), 2)[:, None, None] * np.ones((1, 4, 4), dtype=np.int16)
    image = nib.Nifti1Image(data.astype(np.int16), np.eye(4))
    image.set_sform(np.eye(4), code)
    return image


def scan(code, missing, volumes=0):
    """Noise that has no data in the last regions."""
    shape = (20, 4, 4, *([volumes] if volumes else []))
    data = np.random.default_rng(code).standard_normal(shape).astype(np.float32) + 5
    data[20 - 2 * missing :] = np.nan if not volumes else 0
    image = nib.Nifti1Image(data, np.eye(4))
    image.set_sform(np.eye(4), code)
    image.set_qform(np.eye(4), code)
    return image


@pytest.mark.parametrize(("missing", "code", "words"), [
    (1, 1, ()), (2, 1, ("lacks 2 of the 10 regions", "scanner space")), (3, 4, ("lacks 3 of the 10", "check that"))])
def test_runs_and_maps_that_lack_many_regions_are_warned_of(missing, code, words, tmp_path):
    nib.save(labels(4), tmp_path / "atlas.nii")
    nib.save(scan(code, missing, 12), tmp_path / "run.nii")
    nib.save(scan(code, missing), tmp_path / "map.nii")
    nib.save(scan(4, 0), tmp_path / "other.nii")
    atlas = str(tmp_path / "atlas.nii")
    of_run = correlate_rois(str(tmp_path / "run.nii"), atlas, warn=False)
    maps = [str(tmp_path / name) for name in ("map.nii", "other.nii")]
    of_maps = correlate(maps, atlas=atlas, background="none", warn=False)
    for told in (of_run.warnings, of_maps.warnings, check(maps, atlas=atlas, background="none").warnings):
        found = [text for text in told if " lacks " in text]
        assert len(found) == bool(words)
        assert all(word in found[0] for word in words)


def test_a_header_kept_in_a_cache_tells_its_code(tmp_path):
    nib.save(scan(1, 0), tmp_path / "a.nii")
    path = str(tmp_path / "a.nii")
    text = file_text(KnownFile(Content(9, "0" * 32), read_header(path), 2**30), "key")
    assert known_file(text.encode() if isinstance(text, str) else text, "key", path, path).header.grid.space_code == 1
