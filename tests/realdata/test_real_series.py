"""Region series of real runs: equal to nilearn's, and plausible."""

import nibabel as nib
import numpy as np
import pytest
from nilearn.maskers import NiftiLabelsMasker

from niicorr.connectivity import connect
from niicorr.images.labels import read_labels
from niicorr.images.sampling import one_header
from niicorr.images.series import read_series, region_series

pytestmark = pytest.mark.realdata


def series_of(run, atlas):
    header, labels = one_header(str(run), "bold", volumes="all"), read_labels(str(atlas))
    return region_series(header, labels.on(header.grid), labels.ids.size), labels.ids


@pytest.mark.parametrize("number", [1, 2, 3])
def test_haxby_equals_nilearn(data, number):
    folder = data / "bold" / "pymvpa_haxby"
    run, atlas = folder / f"run00{number}_bold_25mm.nii.gz", folder / "hoc.nii.gz"
    found, ids = series_of(run, atlas)
    masker = NiftiLabelsMasker(str(atlas), standardize=None)
    np.testing.assert_allclose(found.values, masker.fit_transform(str(run)), rtol=1e-9)
    assert found.values.shape == (121, ids.size)
    assert found.t_r == 2.5
    np.testing.assert_array_equal(found.coverage, 1)


def test_rapidtide_equals_nilearn_but_for_voxels_without_data(data):
    folder = data / "bold" / "rapidtide"
    run, atlas = folder / "sub-RAPIDTIDETEST_90vol.nii.gz", folder / "sub-RAPIDTIDETEST_synthseg.nii.gz"
    found, _ = series_of(run, atlas)
    masker = NiftiLabelsMasker(str(atlas), standardize=None)
    theirs = masker.fit_transform(str(run))
    np.testing.assert_allclose(found.values * found.coverage, theirs, rtol=1e-6)
    assert 0 < (found.coverage < 1).sum() < 28
    assert found.t_r == 1.5


def test_homotopic_regions_go_together(data):
    """Left and right hippocampus, thalamus, … of one resting run (labels of FreeSurfer's table)."""
    folder = data / "bold" / "rapidtide"
    found, ids = series_of(folder / "sub-RAPIDTIDETEST_90vol.nii.gz", folder / "sub-RAPIDTIDETEST_synthseg.nii.gz")
    result = connect([found.values])
    place = {int(label): k for k, label in enumerate(ids)}
    r = [result.estimate[place[a], place[b]] for a, b in ((3, 42), (10, 49), (11, 50), (8, 47)) if {a, b} <= set(place)]
    assert min(r) > 0.6
    assert max(r) > 0.9
    lower = np.tril_indices(ids.size, -1)
    assert np.median(result.n_effective[lower]) < 80


def test_ready_made_series(data):
    table = read_series(str(data / "bold" / "nitime" / "fmri_timeseries.csv"))
    assert table.values.shape == (250, 31)
    assert table.names[:4] == ("WM", "Vent", "Brain", "LCau")
    path = data / "bold" / "rapidtide" / "sub-RAPIDTIDETEST_cifti.ptseries.nii"
    parcels = read_series(str(path))
    np.testing.assert_array_equal(parcels.values, np.asarray(nib.load(path).dataobj))
    assert len(parcels.names) == len(set(parcels.names)) == 419
    assert parcels.t_r == pytest.approx(0.72)
