"""Regions of real runs with each other: equal to nilearn's own pipeline, and plausible."""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn import signal
from nilearn.connectome import ConnectivityMeasure
from nilearn.maskers import NiftiLabelsMasker
from sklearn.covariance import EmpiricalCovariance

import niicorr as nc

pytestmark = pytest.mark.realdata

ASEG = {2: "Left-Cerebral-White-Matter", 3: "Left-Cerebral-Cortex", 4: "Left-Lateral-Ventricle",
        7: "Left-Cerebellum-White-Matter", 8: "Left-Cerebellum-Cortex", 10: "Left-Thalamus", 11: "Left-Caudate",
        12: "Left-Putamen", 13: "Left-Pallidum", 14: "3rd-Ventricle", 16: "Brain-Stem", 17: "Left-Hippocampus",
        18: "Left-Amygdala", 24: "CSF", 26: "Left-Accumbens", 28: "Left-VentralDC", 41: "Right-Cerebral-White-Matter",
        42: "Right-Cerebral-Cortex", 43: "Right-Lateral-Ventricle", 46: "Right-Cerebellum-White-Matter",
        47: "Right-Cerebellum-Cortex", 49: "Right-Thalamus", 50: "Right-Caudate", 51: "Right-Putamen",
        52: "Right-Pallidum", 53: "Right-Hippocampus", 58: "Right-Accumbens", 60: "Right-VentralDC"}
"""FreeSurfer's names."""


@pytest.fixture(scope="module")
def rapidtide(data):
    folder = data / "bold" / "rapidtide"
    return (str(folder / "sub-RAPIDTIDETEST_90vol.nii.gz"), str(folder / "sub-RAPIDTIDETEST_synthseg.nii.gz"))


@pytest.fixture(scope="module")
def haxby(data):
    folder = data / "bold" / "pymvpa_haxby"
    return [str(folder / f"run00{k}_bold_25mm.nii.gz") for k in (1, 2, 3)], str(folder / "hoc.nii.gz")


def masked(run, atlas):
    """Regional means of nilearn, in float64: of integers it would give float32."""
    image = nib.load(run)
    image = nib.Nifti1Image(np.asarray(image.dataobj, dtype=np.float64), image.affine)
    return NiftiLabelsMasker(atlas, standardize=None).fit_transform(image)


def pearson(series):
    return ConnectivityMeasure(EmpiricalCovariance(), kind="correlation").fit_transform([series])[0]


def test_a_resting_run_is_that_of_nilearn_where_nothing_is_missing(rapidtide):
    run, atlas = rapidtide
    result = nc.correlate_rois(run, atlas, labels=ASEG)
    theirs = masked(run, atlas)
    whole = np.flatnonzero(result.parcellation.coverage[0] == 1)
    assert whole.size == 26
    np.testing.assert_allclose(result.series[0].values[:, whole], theirs[:, whole], rtol=1e-12)
    at = np.ix_(whole, whole)
    np.testing.assert_allclose(result.estimate[at], pearson(theirs)[at], atol=1e-9)


@pytest.mark.parametrize("how", [
    {"detrend": True}, {"low_pass": 0.1, "high_pass": 0.01},
    {"detrend": True, "standardize": "zscore_sample", "low_pass": 0.1}])
def test_cleaning_a_resting_run_is_that_of_nilearn(rapidtide, how):
    run, atlas = rapidtide
    result = nc.correlate_rois(run, atlas, **{**how, "standardize": bool(how.get("standardize"))})
    raw = nc.correlate_rois(run, atlas, null="none").series[0].values
    band = {"filter": "butterworth" if "low_pass" in how else False, "t_r": 1.5}
    cleaned = signal.clean(raw, **{"detrend": False, "standardize": None, **how}, **band)
    np.testing.assert_allclose(result.estimate, pearson(cleaned), atol=1e-9)


def test_homotopic_regions_go_together_and_small_ones_are_said(rapidtide):
    result = nc.correlate_rois(*rapidtide, labels=ASEG, detrend=True)
    r = result.r
    pairs = {name: r.loc[f"Left-{name}", f"Right-{name}"]
             for name in ("Cerebral-Cortex", "Cerebral-White-Matter", "Cerebellum-Cortex", "Thalamus", "Caudate")}
    assert pairs["Cerebral-Cortex"] > 0.88
    assert min(pairs.values()) > 0.5
    assert result.p_fdr.loc["Left-Cerebral-Cortex", "Right-Cerebral-Cortex"] < 1e-6
    hippocampus = next(m for m in result.x_maps if m.label == "Left-Hippocampus")
    assert hippocampus.decisions[0].text == "small: 14 voxels"
    (small,) = [d.text for d in result.decisions if d.topic == "regions"]
    assert "9 of 28 have fewer than 20 voxels" in small
    assert "Left-Hippocampus (14)" in small
    assert [m.metadata.get("hemisphere") for m in result.x_maps[:2]] == ["L", "L"]


@pytest.mark.parametrize("kind", ["correlation", "partial correlation", "covariance", "tangent"])
def test_three_runs_of_haxby_are_those_of_nilearn(haxby, kind):
    runs, atlas = haxby
    result = nc.correlate_rois(runs, atlas, kind=kind, detrend=True)
    series = [signal.clean(masked(run, atlas), detrend=True, standardize=None, filter=False) for run in runs]
    if kind == "correlation":
        theirs = np.array([pearson(one) for one in series])
    else:
        measure = ConnectivityMeasure(kind=kind)
        theirs = measure.fit_transform(series)
        if kind != "partial correlation":
            np.testing.assert_allclose(result.estimate, measure.mean_, rtol=1e-8, atol=1e-8)
    for own, wanted in zip(result.series, theirs, strict=True):
        np.testing.assert_allclose(own.matrix, wanted, rtol=1e-8, atol=1e-8)
    assert (result.counts == 363).all()
    assert all("21 of 21 have fewer than 20 voxels" in d.text for d in result.decisions if d.topic == "regions")


def test_series_of_nitime_are_correlated_as_they_are(data):
    path = data / "bold" / "nitime" / "fmri_timeseries.csv"
    result = nc.correlate_rois(str(path))
    table = pd.read_csv(path)
    np.testing.assert_allclose(result.estimate, np.corrcoef(table.to_numpy().T), atol=1e-12)
    assert list(result.x_labels) == list(table.columns)
    lower = np.tril_indices(31, -1)
    assert (result.n_effective.to_numpy()[lower] < 200).mean() > 0.5
    homotopic = [result.r.loc[f"L{name}", f"R{name}"] for name in ("Cau", "Put", "Thal", "Hip", "PostPHG")
                 if f"L{name}" in result.x_labels and f"R{name}" in result.x_labels]
    assert len(homotopic) >= 3
    assert np.mean(homotopic) > np.nanmean(result.estimate[lower]) + 0.2


def test_parcels_of_the_hcp(data):
    path = data / "bold" / "rapidtide" / "sub-RAPIDTIDETEST_cifti.ptseries.nii"
    result = nc.correlate_rois(str(path))
    values = np.asarray(nib.load(path).dataobj, dtype=np.float64)
    np.testing.assert_allclose(result.estimate, np.corrcoef(values.T), atol=1e-12)
    regions = result.parcellation.regions
    assert {r.hemisphere for r in regions[:400]} == {"L", "R"}
    assert regions[0].network == "VisCent"
    assert result.series[0].t_r == pytest.approx(0.72)
    same = np.equal.outer(*[[r.network for r in regions[:400]]] * 2) & ~np.eye(400, dtype=bool)
    inside, across = (result.estimate[:400, :400][cells] for cells in (same, ~same & ~np.eye(400, dtype=bool)))
    assert inside.mean() > across.mean() + 0.05


def test_an_atlas_of_another_space(data, rapidtide):
    atlas = data / "atlas" / "neuroparc" / "AAL_space-MNI152NLin6_res-4x4x4.nii.gz"
    with pytest.warns(nc.DomainWarning, match="its header says scanner space and the atlas's that of a template"):
        result = nc.correlate_rois(rapidtide[0], str(atlas))
    told = "; ".join(d.text for d in result.decisions)
    assert "taken on trust" in told
    assert "14 of 116 regions hold no voxel on the grid of comparison" in told
    assert result.parcellation.mni
    assert np.isnan(result.estimate).any()
    with pytest.raises(nc.MapError, match="none of its regions holds a voxel"):
        nc.correlate_rois(str(data / "bold" / "nitime" / "fmri1.nii.gz"), str(atlas))


def test_from_the_command_line(niicorr, haxby, tmp_path):
    runs, atlas = haxby
    code, out, err = niicorr("rois", *runs, "--atlas", atlas, "--kind", "tangent", "--no-figures", "--json")
    assert code == 0, err
    assert json.loads(out)["null_text"].startswith("tangent: no p-values")
    written = {path.name for path in (tmp_path / "niicorr-rois").iterdir()}
    assert {f"tangent_run00{k}_bold_25mm.csv" for k in (1, 2, 3)} <= written
    assert "3 runs, 121 volumes each of 6×10×10 voxels" in err
