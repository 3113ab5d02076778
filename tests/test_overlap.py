"""What check says of pairs that share little of the mask is what a run finds among its numbers."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from niicorr.analysis import analyse
from niicorr.matrix import MapMatrix
from niicorr.overlap import Outlines, overlap_warning
from niicorr.pipeline import check, correlate

AFFINE = np.diag([4.0, 4, 4, 1])


def with_gaps(seed, count, n, shares):
    """Maps with data in a run of features each; of outlines that come again, and the last map is constant."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, n))
    for k, row in enumerate(values):
        size = int(shares[k % len(shares)] * n)
        start = (7 * (k % 5)) % (n - size + 1)
        row[:start] = row[start + size :] = np.nan
    values[-1] = np.where(np.isnan(values[-1]), np.nan, 2.0)
    return MapMatrix.from_array(values)


@pytest.mark.parametrize("n", [64, 101, 130])
@pytest.mark.parametrize("shares", [(1.0, 0.9), (1.0, 0.7, 0.6), (0.02, 0.8, 0.4), (0.5,)])
@pytest.mark.parametrize("same_set", [False, True])
def test_it_is_what_the_numbers_say(n, shares, same_set):
    x, y = with_gaps(0, 23, n, shares), None if same_set else with_gaps(1, 8, n, shares[::-1])
    found = overlap_warning(Outlines.of(x), None if y is None else Outlines.of(y))
    told = tuple(text for text in analyse(x, y).warnings if not text.startswith("no number can come of"))
    assert (found,) == (told or ("",))
    assert bool(found) == (shares != (1.0, 0.9))


def test_of_maps_without_any_data():
    empty = MapMatrix.from_array(np.full((2, 40), np.nan))
    assert overlap_warning(Outlines.of(empty)) == overlap_warning(Outlines.of(empty), Outlines.of(empty)) == ""


@pytest.fixture
def files(tmp_path):
    """Four maps on one grid, two of which have data in opposite thirds of it."""
    rng, paths = np.random.default_rng(3), []
    for k, part in enumerate((slice(None), slice(0, 4), slice(8, None), slice(1, None))):
        values = np.full((12, 10, 11), np.nan, np.float32)
        values[part] = rng.standard_normal(values[part].shape)
        paths.append(str(tmp_path / f"map{k}.nii"))
        nibabel.save(nibabel.Nifti1Image(values, AFFINE), paths[-1])
    return paths


@pytest.mark.parametrize("two", [False, True])
@pytest.mark.parametrize("atlas", [False, True])
def test_check_says_what_a_run_would(files, two, atlas):
    sets = (files[:2], files[2:]) if two else (files,)
    options = {"mask": "none", "null": "none"}
    if atlas:
        labels = np.arange(12 * 10 * 11).reshape(12, 10, 11) // 110 + 1
        options["atlas"] = (labels.astype(np.int16), AFFINE)
    said = correlate(*sets, warn=False, **options).warnings
    assert check(*sets, **options).warnings == said
    assert any("correlations rest on less than half of the" in text for text in said)
