"""ROI × ROI from files to numbers: against nilearn and definitions, every way in, everything said, nothing invented."""

import os
import warnings
from typing import get_args

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn import signal
from nilearn.connectome import ConnectivityMeasure
from nilearn.maskers import NiftiLabelsMasker
from sklearn.covariance import EmpiricalCovariance

import niicorr as nc
from niicorr.connectivity import Kind, connect
from niicorr.inference import pvalues
from niicorr.nulls.temporal import temporal_null
from niicorr.rois import RoiOptions
from niicorr.rois.outcome import SMALL

SHAPE, REGIONS, N, TR = (10, 12, 8), 5, 80, 2.0
AFFINE = np.array([[-3.0, 0, 0, 15], [0, 3, 0, -18], [0, 0, 3.5, -10], [0, 0, 0, 1]])
LOWER = np.tril_indices(REGIONS, -1)
NAMES = ["Right-A", "Right-B", "Left-A", "Left-B", "Vermis"]


def codes():
    """Slabs along the first axis, of 2 × 12 × 8 voxels, the last one small."""
    labels = np.zeros(SHAPE, dtype=np.int16)
    for k in range(4):
        labels[2 * k : 2 * k + 2] = 3 * (k + 1)  # labels with gaps
    labels[8, :4, :3] = 40
    return labels


def bold(n=N, seed=0, shared=0.7):
    """Noise with series of the regions in it, slow and correlated."""
    rng = np.random.default_rng(seed)
    series = rng.standard_normal((n, 6)) + shared * rng.standard_normal((n, 1))
    for t in range(1, n):
        series[t] += 0.6 * series[t - 1]
    where = np.searchsorted([3, 6, 9, 12, 40], codes(), side="left")
    values = 1000 + 5 * series[:, where.ravel()].reshape(n, *SHAPE) + 4 * rng.standard_normal((n, *SHAPE))
    return np.moveaxis(values, 0, -1).astype(np.float32)


def image(values, affine=AFFINE, t_r=TR):
    made = nib.Nifti1Image(values, affine)
    made.header.set_xyzt_units("mm", "sec")
    if values.ndim > 3:
        made.header["pixdim"][4] = t_r
    return made


@pytest.fixture
def files(tmp_path):
    nib.save(nib.Nifti1Image(codes(), AFFINE), tmp_path / "atlas.nii.gz")
    (tmp_path / "atlas.tsv").write_text("index\tname\tnetwork\n" + "".join(
        f"{k}\t{name}\t{net}\n" for k, name, net in zip((3, 6, 9, 12, 40), NAMES, "XXYYZ", strict=True)))
    for k in (1, 2, 3):
        nib.save(image(bold(seed=k, n=N + 10 * k)), tmp_path / f"run-{k}_bold.nii.gz")
    return tmp_path


def run(files, k=1):
    return str(files / f"run-{k}_bold.nii.gz")


def masked(files, k=1):
    """Regional means as nilearn has them, shape (time points, regions)."""
    made = nib.load(run(files, k))  # float64, or nilearn would round the means
    made = nib.Nifti1Image(np.asarray(made.dataobj, dtype=np.float64), made.affine)
    return NiftiLabelsMasker(str(files / "atlas.nii.gz"), standardize=None).fit_transform(made)


def atlas(files):
    return str(files / "atlas.nii.gz")


def said(result, topic):
    texts = [d.text for d in result.decisions if d.topic == topic]
    return "; ".join(texts + [d.text for r in result.provenance.beside for d in r.decisions if d.topic == topic])


# --- numbers ----------------------------------------------------------------------------------------


def test_one_run_is_nilearn_and_its_p_that_of_the_temporal_null(files):
    result, series = nc.correlate_rois(run(files), atlas(files)), masked(files)
    np.testing.assert_allclose(result.series[0].values, series, rtol=1e-12)
    theirs = ConnectivityMeasure(EmpiricalCovariance(), kind="correlation").fit_transform([series])[0]
    np.testing.assert_allclose(result.estimate, theirs, atol=1e-9)
    np.testing.assert_allclose(result.estimate, np.corrcoef(result.series[0].values.T), atol=1e-12)
    np.testing.assert_array_equal(np.diag(result.estimate), 1)
    null = temporal_null(N + 10)
    spectra = null.spectra(result.series[0].values)
    size = null.n_effective(spectra, spectra)
    np.testing.assert_allclose(result.n_effective.to_numpy()[LOWER], size[LOWER], rtol=1e-6)
    np.testing.assert_allclose(result.p.to_numpy()[LOWER], pvalues(result.estimate, size)[LOWER], rtol=1e-5)
    assert (result.counts == N + 10).all()
    assert (result.method, result.null, result.same_set, result.unit) == ("pearson", "effective", True, "time point")


def confounds_of(files, k=1, columns=6, seed=9):
    """A small table whose columns are in the data, too."""
    path = files / f"confounds_{k}.tsv"
    n = N + 10 * k
    values = np.random.default_rng(seed + k).standard_normal((n, columns)).cumsum(axis=0)
    path.write_text("\t".join(f"c{i}" for i in range(columns)) + "\n" + "\n".join(
        "\t".join(f"{v:.9f}" for v in row) for row in values) + "\n")
    return str(path), np.loadtxt(path, skiprows=1)


CLEANINGS = {
    "detrend": {"detrend": True},
    "band": {"low_pass": 0.1, "high_pass": 0.01},
    "confounds": {},
    "everything": {"detrend": True, "standardize": True, "low_pass": 0.15},
}


@pytest.mark.parametrize("unit", [1e300, 1e30, 1e-30, 1e-300])
@pytest.mark.parametrize("kind", ["correlation", "partial"])
@pytest.mark.parametrize("name", [None, *CLEANINGS])
def test_the_unit_of_a_run_changes_no_number(files, name, kind, unit):
    how = CLEANINGS.get(name, {})
    values = np.asarray(nib.load(run(files)).dataobj, dtype=np.float64)
    table = confounds_of(files)[0] if name in ("confounds", "everything") else None
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found, wanted = (nc.correlate_rois(image(scaled), atlas(files), confounds=table, kind=kind, warn=False, **how)
                         for scaled in (values * unit, values))
    np.testing.assert_allclose(found.estimate, wanted.estimate, atol=1e-10)
    np.testing.assert_allclose(found.p, wanted.p, rtol=1e-6)
    assert not found.notes


def test_a_confound_of_a_tiny_unit_costs_a_degree_of_freedom(files, tmp_path):
    path, values = confounds_of(files, columns=2)
    wanted = nc.correlate_rois(run(files), atlas(files), confounds=path)
    for unit in (1e-17, 1e-200, 1e154, 1e300):
        np.savetxt(tmp_path / "odd.tsv", values * [1, unit], delimiter="\t", header="c0\tc1", comments="", fmt="%.17g")
        found = nc.correlate_rois(run(files), atlas(files), confounds=tmp_path / "odd.tsv")
        np.testing.assert_allclose(found.estimate, wanted.estimate, atol=1e-12)
        assert said(found, "cleaning") == said(wanted, "cleaning")


def test_series_on_a_high_level_are_no_constants():
    values = np.random.default_rng(0).standard_normal((60, 4)).cumsum(axis=0)
    for level in (1e10, 1e12, 1e13):
        for how in ({}, {"detrend": True}, {"high_pass": 0.02, "t_r": 2.0}, {"standardize": True}):
            found = nc.correlate_rois(values + level, **how)
            wanted = nc.correlate_rois((values + level) - level, **how)
            np.testing.assert_allclose(found.estimate, wanted.estimate, atol=1e-11)
            assert ("4 regions of which the series deviates by less than 1e-09" in said(found, "regions"))
            assert not said(wanted, "regions")


def test_of_a_region_that_is_a_confound_nothing_is_left_and_that_is_said(files, tmp_path):
    values = np.random.default_rng(0).standard_normal((60, 3)).cumsum(axis=0)
    np.savetxt(tmp_path / "c.tsv", values[:, 1], header="own", comments="")
    found = nc.correlate_rois(values, confounds=tmp_path / "c.tsv")
    assert "nothing is left of 1 region: region 2" in said(found, "cleaning")
    assert np.isnan(found.estimate[1, 0])
    assert found.notes[1, 1] == "the series is constant"
    with pytest.raises(nc.InputError, match=r"constant.* The cleaning leaves nothing: ask for less of it"):
        nc.correlate_rois(values[:, [1, 1]] * [1, 2], confounds=tmp_path / "c.tsv")


@pytest.mark.parametrize("weighted", [False, True])
def test_voxels_that_no_sum_can_hold_are_refused(files, weighted):
    values = np.asarray(nib.load(run(files)).dataobj, dtype=np.float64)
    labels = codes()
    where = np.stack([labels == k for k in (3, 6, 9)], axis=-1) * 0.5 if weighted else labels
    with pytest.raises(nc.InputError, match=r"voxels of a region add up to more than 1.8e\+308"):
        nc.correlate_rois(image(values / values.max() * 1.7e308), (where, AFFINE))


def test_a_column_of_the_largest_numbers_counts_no_time(files, tmp_path):
    series = np.random.default_rng(0).standard_normal((60, 3))
    own = (-1.0) ** np.arange(60) * 1.7e308
    np.savetxt(tmp_path / "c.tsv", np.column_stack([own, series[:, 0]]), delimiter="\t", header="time\ta", comments="",
               fmt="%.17g")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        found = nc.correlate_rois(series[:, 1:], confounds=tmp_path / "c.tsv")
    assert "2 confounds regressed out (time, a); 57 of 59" in said(found, "cleaning")


def test_what_no_covariance_can_tell_names_the_run(files):
    values = np.asarray(nib.load(run(files)).dataobj, dtype=np.float64)
    with pytest.raises(nc.InputError, match=r"run 1: covariances of about 1e\+60\d are beyond the numbers"):
        nc.correlate_rois(image(values * 1e300), atlas(files), kind="covariance")
    series = np.random.default_rng(0).standard_normal((60, 3)) * [1, 1e200, 1]
    with pytest.raises(nc.InputError, match=r"region 1 varies 1e20\d times less than another: .*--standardize"):
        nc.correlate_rois(series, kind="partial")
    assert np.isfinite(nc.correlate_rois(series, kind="partial", standardize=True).estimate).all()
    opposite = [np.repeat(series[:, :1], 2, axis=1), series[:, [0, 0]] * [1, -1]]
    with pytest.raises(nc.InputError, match=r"r is 1 in one run and -1 in another: .* Correlate the runs one by one"):
        nc.correlate_rois(opposite)


@pytest.mark.parametrize("name", CLEANINGS)
def test_cleaning_is_nilearns(files, name):
    how, (path, values) = CLEANINGS[name], confounds_of(files)
    with_table = name in ("confounds", "everything")
    result = nc.correlate_rois(run(files), atlas(files), confounds=path if with_table else None, **how)
    filters = any(key.endswith("pass") for key in how)
    given = {**how, "standardize": "zscore_sample" if how.get("standardize") else None}
    given.setdefault("detrend", False)
    theirs = signal.clean(masked(files), confounds=values if with_table else None, t_r=TR,
                          filter="butterworth" if filters else False, **given)
    ours = result.series[0].values
    np.testing.assert_allclose(ours - ours.mean(axis=0), theirs - theirs.mean(axis=0), atol=1e-8)
    np.testing.assert_allclose(result.estimate, np.corrcoef(theirs.T), atol=1e-9)
    untold = connect([ours])  # as if nothing had been done
    assert (result.n_effective.to_numpy()[LOWER] <= untold.n_effective[LOWER] + 1e-6).all()
    assert not np.allclose(result.n_effective.to_numpy()[LOWER], untold.n_effective[LOWER], rtol=1e-3)
    assert "degrees of freedom are left" in said(result, "cleaning")
    assert "none" not in said(result, "cleaning")


@pytest.mark.parametrize("kind", get_args(Kind))
def test_several_runs_of_every_kind(files, kind):
    result = nc.correlate_rois([run(files, k) for k in (1, 2, 3)], atlas(files), kind=kind)
    runs = [masked(files, k) for k in (1, 2, 3)]
    found = connect(runs, kind)
    np.testing.assert_allclose(result.estimate, found.estimate, rtol=1e-9, atol=1e-9)
    for own, theirs in zip(result.series, found.per_run, strict=True):
        np.testing.assert_allclose(own.matrix, theirs, rtol=1e-8, atol=1e-8)
    if kind != "correlation":
        measure = ConnectivityMeasure(kind=kind)
        np.testing.assert_allclose([one.matrix for one in result.series], measure.fit_transform(runs), rtol=1e-8,
                                   atol=1e-8)
    tested = kind.endswith("correlation")
    assert (result.null, bool(result.inferred)) == (("effective", True) if tested else ("none", False))
    assert ("no p-values" in result.null_text) is not tested
    assert result.method == {"correlation": "pearson"}.get(kind, kind)
    assert result.measure.name != result.method or kind in ("partial correlation", "covariance")


def test_partial_is_short_for_partial_correlation(files):
    long = nc.correlate_rois(run(files), atlas(files), kind="partial correlation")
    np.testing.assert_array_equal(nc.correlate_rois(run(files), atlas(files), kind="partial").estimate, long.estimate)


def test_one_run_has_no_matrix_of_its_own(files):
    assert nc.correlate_rois(run(files), atlas(files)).series[0].matrix is None


def test_threads_and_memory_change_no_number(files):
    how = {"bold": [run(files, k) for k in (1, 2, 3)], "atlas": atlas(files)}
    one = nc.correlate_rois(**how, jobs=1)
    for more in ({"jobs": 3}, {"jobs": 3, "memory": 1}):
        np.testing.assert_array_equal(nc.correlate_rois(**how, **more).estimate, one.estimate)


# --- every way in -----------------------------------------------------------------------------------


def ways(files):
    values, made = bold(seed=1, n=N + 10), image(bold(seed=1, n=N + 10))
    series = nc.correlate_rois(run(files), atlas(files)).series[0].values
    np.save(files / "s.npy", series)
    table = pd.DataFrame(series, columns=NAMES)
    table.to_csv(files / "s.csv", index=False)
    table.to_csv(files / "s.tsv", index=False, sep="\t")
    np.savetxt(files / "s.1D", series, fmt="%.17g")
    (files / "list.tsv").write_text("path\nrun-1_bold.nii.gz\n")
    return {"path": run(files), "pattern": str(files / "run-1*"), "list": [run(files)], "image": made,
            "array": (values, AFFINE), "manifest": str(files / "list.tsv"), "npy": str(files / "s.npy"),
            "csv": str(files / "s.csv"), "tsv": str(files / "s.tsv"), "1D": str(files / "s.1D"), "series": series,
            "frame": table}


def test_every_way_in_gives_the_same_numbers(files):
    given = ways(files)
    wanted = nc.correlate_rois(run(files), atlas(files))
    for name, bold_given in given.items():
        ready = name in ("npy", "csv", "tsv", "1D", "series", "frame")
        result = nc.correlate_rois(bold_given, None if ready else atlas(files))
        np.testing.assert_allclose(result.estimate, wanted.estimate, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(result.p.to_numpy(), wanted.p.to_numpy(), rtol=1e-6, err_msg=name)
        bare = name in ("npy", "1D", "series")
        assert result.x_labels == (tuple(f"region {k}" for k in range(1, 6)) if bare else tuple(NAMES)), name
        assert [r.hemisphere for r in result.parcellation.regions] == ([""] * 5 if bare else ["R", "R", "L", "L", ""])


def test_an_atlas_tells_where_columns_of_ready_made_series_are(files):
    given = ways(files)
    by_name = nc.correlate_rois(given["frame"][NAMES[::-1]], atlas(files))
    assert by_name.x_labels == tuple(NAMES[::-1])
    assert by_name.parcellation.regions[0].centroid == pytest.approx(nc.correlate_rois(
        run(files), atlas(files)).parcellation.regions[4].centroid)
    assert "5 columns found in the atlas by name" in said(by_name, "series")
    by_order = nc.correlate_rois(given["npy"], atlas(files))
    assert by_order.x_labels == tuple(NAMES)
    assert "in their order" in said(by_order, "series")
    with pytest.raises(nc.MapError, match=r"has 4 columns, and .*atlas.nii.gz 5 regions"):
        nc.correlate_rois(np.random.default_rng(0).standard_normal((30, 4)), atlas(files))


def test_tables_of_several_runs_have_the_same_regions(files):
    first = ways(files)["frame"]
    second = first.sample(frac=1, random_state=1).reset_index(drop=True)
    mixed = nc.correlate_rois([first, second[NAMES[::-1]]])
    np.testing.assert_array_equal(mixed.estimate, nc.correlate_rois([first, second]).estimate)
    assert "columns brought into the order of run 1" in said(mixed, "series")
    with pytest.raises(nc.MapError, match="run 2: its regions are not those of run 1: other"):
        nc.correlate_rois([first, second.rename(columns={"Right-A": "other"})])
    with pytest.raises(nc.MapError, match="run 2: has 4 columns, and run 1 5: all runs need the same regions"):
        nc.correlate_rois([first, second[NAMES[:4]]])


# --- regions ----------------------------------------------------------------------------------------


def test_regions_know_their_names_groups_and_sizes(files):
    result = nc.correlate_rois([run(files, 1), run(files, 2)], atlas(files))
    record = result.x_maps[4]
    assert (record.label, record.n_voxels, record.coverage) == ("Vermis", 12, 1)
    assert record.metadata == {"network": "Z"}
    assert result.x_maps[0].metadata == {"hemisphere": "R", "network": "X"}
    assert record.decisions[0].text == "small: 12 voxels"
    assert f"1 of 5 has fewer than {SMALL} voxels" in said(result, "regions")
    assert "Vermis (12)" in said(result, "regions")
    regions = result.parcellation
    assert regions.sources == ("run-1", "run-2")
    assert regions.coverage.shape == (2, 5)
    assert regions.values is None
    assert not regions.mni
    np.testing.assert_array_equal(regions.n_voxels, [192, 192, 192, 192, 12])
    assert result.grid.shape == SHAPE
    assert [r.shape for r in result.provenance.beside] == [(*SHAPE, N + 10), (*SHAPE, N + 20)]
    assert [len(r.blake2b) for r in result.provenance.beside] == [32, 32]


def test_a_region_hardly_covered_is_missing_and_says_why(files):
    values = bold()
    labels = codes()
    slab = np.argwhere(labels == 6)
    for place in slab[:150]:
        values[tuple(place)] = 0
    with pytest.warns(nc.DomainWarning, match=r"run 1 lacks 1 of the 5 regions of \S+ \(with data in less than 50"):
        result = nc.correlate_rois(image(values), atlas(files))
    assert np.isnan(result.estimate[1]).all()
    rest = [0, 2, 3, 4]
    assert np.isfinite(result.estimate[np.ix_(rest, rest)]).all()
    assert result.notes[1, 0] == result.notes[4, 1] == "a region has data in 21 % of its voxels, less than 50 %"
    assert result.x_maps[1].decisions[0].text == result.notes[1, 1]
    assert "1 region of which less than 50\u00a0% has data, left out: Right-B (21\u00a0%)" in said(result, "regions")
    assert "150 voxels of the regions are 0 in every volume" in said(result, "missing")
    kept = nc.correlate_rois(image(values), atlas(files), min_coverage=0.2)
    own = values[(labels == 6) & (values.any(axis=3))].mean(axis=0, dtype=float)
    np.testing.assert_allclose(kept.series[0].values[:, 1], own, rtol=1e-6)
    assert kept.parcellation.coverage[0, 1] == pytest.approx(42 / 192)
    assert np.isfinite(kept.estimate).all()


@pytest.mark.filterwarnings("ignore:.*lacks")
def test_a_region_without_data_and_a_constant_one_have_no_number(files):
    values = bold()
    values[codes() == 3] = np.nan
    values[codes() == 9] = 700
    result = nc.correlate_rois(image(values), atlas(files))
    assert np.isnan(result.estimate[[0, 2]]).all()
    assert result.notes[1, 0] == "a region has no data: 0 or missing in every voxel"
    assert result.notes[3, 2] == "the series is constant"
    assert np.isfinite(result.p.to_numpy()[3, 1])
    values[:] = 0
    with pytest.raises(nc.InputError, match="no pair of regions has a number: a region has no data"):
        nc.correlate_rois(image(values), atlas(files))


def test_an_atlas_on_another_grid_comes_to_that_of_the_run(files):
    fine = np.repeat(np.repeat(np.repeat(codes(), 2, 0), 2, 1), 2, 2)
    finer = AFFINE @ np.diag([0.5, 0.5, 0.5, 1.0])
    finer[:3, 3] -= AFFINE[:3, :3] @ [0.25, 0.25, 0.25]
    finer[:3, 3] += AFFINE[:3, :3] @ [0.1, 0.1, 0.1]  # no nearest voxel lies between two
    result = nc.correlate_rois(run(files), (fine, finer))
    np.testing.assert_allclose(result.estimate, nc.correlate_rois(run(files), atlas(files)).estimate, atol=1e-12)
    assert "nearest voxel" in said(result, "atlas")


@pytest.mark.filterwarnings("ignore:.*lacks")
def test_regions_lost_on_the_grid_of_a_run_are_named(files):
    cropped = AFFINE.copy()
    cropped[:3, 3] += AFFINE[:3, 0] * 2
    result = nc.correlate_rois(image(bold()[2:], cropped), atlas(files))
    assert "1 of 5 regions holds no voxel on the grid of comparison: Right-A" in said(result, "atlas")
    assert result.notes[1, 0] == "a region has no voxel on the grid of the run"
    assert np.isnan(result.estimate[0]).all()
    both = nc.correlate_rois([run(files), image(bold()[2:], cropped)], atlas(files))
    assert np.isfinite(both.estimate).all()
    assert "for run 2 (8×12×8 voxels" in said(both, "atlas")
    assert both.grid is None
    assert both.counts[1, 0] == N + 10
    assert both.counts[2, 1] == 2 * N + 10


def test_an_atlas_somewhere_else_is_refused_with_both_files(files):
    far = AFFINE.copy()
    far[0, 3] += 500
    with pytest.raises(nc.MapError, match=r"atlas.nii.gz: none of its regions holds a voxel .*\(run 1\)"):
        nc.correlate_rois(image(bold(), far), atlas(files))


def test_that_a_run_is_in_mni_space_is_taken_on_trust_and_said(files):
    shifted = AFFINE.copy()
    shifted[0, 3] += 3
    made = nib.Nifti1Image(codes(), shifted)
    made.header.set_sform(shifted, code=4)
    nib.save(made, files / "other.nii.gz")
    result = nc.correlate_rois(run(files), str(files / "other.nii.gz"))
    assert result.parcellation.mni
    assert "the header of run-1_bold does not say so" in said(result, "atlas")
    named = files / "AAL_space-MNI152.nii.gz"
    nib.save(nib.Nifti1Image(codes(), AFFINE), named)
    assert nc.correlate_rois(run(files), str(named)).parcellation.mni


def test_probabilities_weigh(files):
    weights = np.random.default_rng(3).uniform(0, 1, (*SHAPE, 3)).astype(np.float32)
    weights[weights < 0.5] = 0
    result = nc.correlate_rois(run(files), (weights, AFFINE))
    values = bold(seed=1, n=N + 10).astype(float)
    w = weights.astype(float)
    series = np.einsum("ijkt,ijkr->tr", values, w) / w.sum(axis=(0, 1, 2))
    np.testing.assert_allclose(result.series[0].values, series, rtol=1e-9)
    np.testing.assert_allclose(result.estimate, np.corrcoef(series.T), atol=1e-9)
    assert "means weighted by its probabilities (not the least-squares fit" in said(result, "atlas")
    assert "weighted by the region's probabilities" in result.methods_text()


# --- time ------------------------------------------------------------------------------------------


def test_where_the_time_step_comes_from_is_said(files):
    assert said(nc.correlate_rois(run(files), atlas(files)), "t_r") == "2 s, from the header"
    given = nc.correlate_rois(run(files), atlas(files), t_r=1.5)
    assert said(given, "t_r") == "1.5 s, as given (the file says 2 s)"
    assert given.series[0].t_r == 1.5
    assert said(nc.correlate_rois(image(bold()), atlas(files)), "t_r") == "2 s, from the header"
    series = np.random.default_rng(0).standard_normal((60, 3))
    assert nc.correlate_rois(series).series[0].t_r is None
    with pytest.raises(nc.UsageError, match="a filter needs the time from volume to volume"):
        nc.correlate_rois(series, low_pass=0.1)
    faster = image(bold(), t_r=1.0)
    with pytest.warns(nc.DomainWarning, match="the runs differ in TR, from 1 to 2 s"):
        nc.correlate_rois([run(files), faster], atlas(files))


def test_chosen_volumes_are_those_of_a_shorter_run(files):
    path, values = confounds_of(files)
    result = nc.correlate_rois(run(files), atlas(files), volumes="5:60", confounds=path)
    short = image(bold(seed=1, n=N + 10)[..., 5:60])
    np.savetxt(files / "short.tsv", values[5:60], header="\t".join(f"c{i}" for i in range(6)), comments="",
               delimiter="\t", fmt="%.9f")
    wanted = nc.correlate_rois(short, atlas(files), confounds=str(files / "short.tsv"))
    np.testing.assert_allclose(result.estimate, wanted.estimate, atol=1e-7)
    np.testing.assert_array_equal(result.series[0].volumes, np.arange(5, 60))
    assert said(result, "volumes") == "volumes 5 to 59 of 90 (counted from 0)"
    with pytest.raises(nc.MapError, match="has 90 volumes, none of which is chosen"):
        nc.correlate_rois(run(files), atlas(files), volumes="90:")


def test_a_confound_that_is_constant_in_the_chosen_volumes_is_left_out(files):
    path, values = confounds_of(files, columns=2)
    spike = np.zeros(len(values))
    spike[0] = 1
    np.savetxt(files / "spike.tsv", np.column_stack([values, spike]), header="c0\tc1\tspike", comments="",
               delimiter="\t", fmt="%.9f")
    result = nc.correlate_rois(run(files), atlas(files), volumes="5:", confounds=str(files / "spike.tsv"))
    np.testing.assert_allclose(result.estimate, nc.correlate_rois(
        run(files), atlas(files), volumes="5:", confounds=path).estimate, atol=1e-12)
    assert "spike: the same in all volumes that were chosen, left out" in said(result, "confounds")


def test_scrubbed_volumes_are_not_in_the_series(files):
    n = N + 10
    fd = np.full(n, 0.1)
    fd[[20, 21]] = 0.9
    columns = {"framewise_displacement": fd, "std_dvars": np.ones(n)}
    pd.DataFrame(columns).to_csv(files / "fmriprep.tsv", sep="\t", index=False)
    result = nc.correlate_rois(run(files), atlas(files), confounds=str(files / "fmriprep.tsv"), strategy="scrub")
    np.testing.assert_array_equal(result.series[0].volumes, np.delete(np.arange(n), [20, 21]))
    assert (result.counts == n - 2).all()
    assert "2 of 90 volumes left out" in said(result, "confounds")
    np.testing.assert_allclose(result.estimate, np.corrcoef(np.delete(masked(files), [20, 21], axis=0).T), atol=1e-9)


# --- what is refused, and how ------------------------------------------------------------------------


def test_confounds_are_of_their_runs(files):
    paths = [confounds_of(files, k)[0] for k in (1, 2, 3)]
    runs = [run(files, k) for k in (1, 2, 3)]
    together = nc.correlate_rois(runs, atlas(files), confounds=paths)
    by_pattern = nc.correlate_rois(runs, atlas(files), confounds=str(files / "confounds_*.tsv"))
    np.testing.assert_array_equal(by_pattern.estimate, together.estimate)
    with pytest.raises(nc.UsageError, match="2 tables of confounds for 3 runs: give one for each run, in the order"):
        nc.correlate_rois(runs, atlas(files), confounds=paths[:2])
    with pytest.raises(nc.MapError, match=r"confounds_2\.tsv: has 100 rows, and the run 90 volumes"):
        nc.correlate_rois(runs[0], atlas(files), confounds=paths[1])
    with pytest.raises(nc.UsageError, match="has no column motion"):
        nc.correlate_rois(runs[0], atlas(files), confounds=paths[0], strategy="motion")
    with pytest.raises(nc.UsageError, match="strategy says what to take of a table of confounds"):
        nc.correlate_rois(runs[0], atlas(files), strategy="motion6")
    with pytest.raises(nc.UsageError, match="confounds are paths of tables, one for each run, not ndarray"):
        nc.correlate_rois(runs[0], atlas(files), confounds=np.zeros((90, 2)))


def test_confounds_whose_name_tells_of_another_run_are_refused(files):
    os.rename(run(files), files / "sub-01_run-1_bold.nii.gz")
    path, _ = confounds_of(files)
    os.rename(path, files / "sub-01_run-02_confounds.tsv")
    how = {"bold": str(files / "sub-01_run-1_bold.nii.gz"), "atlas": atlas(files)}
    with pytest.raises(nc.UsageError, match=r"run-02_confounds.tsv is of run-02 and would clean .*sub-01_run-1_"):
        nc.correlate_rois(**how, confounds=str(files / "sub-01_run-02_confounds.tsv"))
    os.rename(files / "sub-01_run-02_confounds.tsv", files / "sub-01_run-01_confounds.tsv")
    assert nc.correlate_rois(**how, confounds=str(files / "sub-01_run-01_confounds.tsv")).estimate.shape == (5, 5)


def test_derivatives_without_a_first_value_are_cleaned_with_0_and_said(files):
    path, values = confounds_of(files, columns=2)
    text = (files / "confounds_1.tsv").read_text().splitlines()
    text[1] = text[1].split("\t")[0] + "\tn/a"
    (files / "confounds_1.tsv").write_text("\n".join(text) + "\n")
    result = nc.correlate_rois(run(files), atlas(files), confounds=path)
    values[0, 1] = 0
    theirs = signal.clean(masked(files), confounds=values, detrend=False, standardize=None, filter=False)
    np.testing.assert_allclose(result.estimate, np.corrcoef(theirs.T), atol=1e-9)
    assert "no number in the first row of c1" in said(result, "confounds")


@pytest.mark.parametrize(("how", "text"), [
    ({"atlas": None}, "only an atlas says where its regions are: give one with --atlas"),
    ({"kind": "precision"}, "kind is one of correlation, partial correlation, covariance, tangent, not 'precision'"),
    ({"kind": "tangent"}, "tangent compares runs with their mean: it needs several runs, not one"),
    ({"null": "surrogate"}, "null is one of effective, independent, none"),
    ({"fdr": "none"}, "fdr is one of bh, by"),
    ({"alternative": "both"}, "alternative is one of"),
    ({"t_r": 0}, "t_r is a number above 0"),
    ({"t_r": True}, "t_r is a number above 0"),
    ({"low_pass": "0.1"}, "low_pass is a number above 0"),
    ({"low_pass": 0.3}, "--low-pass 0.3 Hz: with a volume every 2 s"),
    ({"jobs": 0}, "jobs is a whole number from 1 on"),
    ({"min_coverage": 50}, "min_coverage is a share from 0 to 1, not 50"),
    ({"volumes": "a:b"}, "takes all or A:B"),
    ({"atlas": None, "labels": "x.tsv"}, "labels goes with an atlas"),
])
def test_wrong_calls(files, how, text):
    with pytest.raises(nc.UsageError, match=text):
        nc.correlate_rois(run(files), **{"atlas": atlas(files), **how})


def test_images_and_series_do_not_mix(files):
    with pytest.raises(nc.UsageError, match="correlate either images or ready-made series"):
        nc.correlate_rois([run(files), np.zeros((90, 5))], atlas(files))


@pytest.mark.parametrize(("n", "text"), [(1, "one volume is no time series"), (2, "2 volumes: a correlation needs")])
def test_too_few_volumes(files, n, text):
    with pytest.raises(nc.MapError, match=text):
        nc.correlate_rois(image(bold(n)), atlas(files))


def test_a_short_run_has_r_and_no_p(files):
    result = nc.correlate_rois(image(bold(15)), atlas(files))
    assert np.isfinite(result.estimate).all()
    assert np.isnan(result.p.to_numpy()).all()
    assert "fewer than 20 time points" in result.notes[1, 0]


def test_one_region_is_none_to_compare(files):
    with pytest.raises(nc.InputError, match="there is one region, region 3, and none to compare it with"):
        nc.correlate_rois(run(files), ((codes() == 3).astype(np.int16) * 3, AFFINE))
    with pytest.raises(nc.InputError, match="there is one region, region 1"):
        nc.correlate_rois(np.random.default_rng(0).standard_normal((50, 1)))


def test_all_bad_runs_are_named_at_once(files):
    for k in (1, 3):
        whole = (files / f"run-{k}_bold.nii.gz").read_bytes()
        (files / f"run-{k}_bold.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(nc.InputError) as caught:
        nc.correlate_rois([run(files, k) for k in (1, 2, 3)], atlas(files))
    lines = str(caught.value).splitlines()
    assert lines[0] == "2 of 3 runs cannot be used:"
    assert [f"run-{k}_bold.nii.gz" in line for k, line in zip((1, 3), lines[1:], strict=True)] == [True, True]


def test_too_many_confounds_name_the_run(files):
    path, _ = confounds_of(files, columns=95)
    with pytest.raises(nc.InputError, match=r"run-1_bold.nii.gz: 96 regressors .* leave nothing of 90 time points"):
        nc.correlate_rois(run(files), atlas(files), confounds=path)


# --- what is said ----------------------------------------------------------------------------------


def test_that_nothing_was_cleaned_is_said(files):
    assert said(nc.correlate_rois(run(files), atlas(files)), "cleaning").startswith("none: regional means as they are")
    assert said(nc.correlate_rois(masked(files)), "cleaning") == "none: series are used as they are"


def test_independent_warns_once_for_all(files):
    with pytest.warns(nc.IndependenceWarning, match="p-values take every time point for an independent observation"):
        result = nc.correlate_rois(run(files), atlas(files), null="independent")
    np.testing.assert_allclose(result.p.to_numpy()[LOWER], pvalues(result.estimate, np.full((5, 5), 90.0))[LOWER])
    assert "every time point" in result.null_text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nc.correlate_rois(run(files), atlas(files), null="independent", warn=False)
        nc.correlate_rois(run(files), atlas(files), null="none")


def test_two_files_of_equal_content_are_noticed(files):
    (files / "copy.nii.gz").write_bytes((files / "run-1_bold.nii.gz").read_bytes())
    with pytest.warns(nc.DomainWarning, match="files of equal content: one run that counts twice"):
        nc.correlate_rois([run(files), str(files / "copy.nii.gz")], atlas(files))
    once = nc.correlate_rois([run(files), run(files)], atlas(files))
    assert len(once.series) == 1
    assert "is named more than once and used once" in said(once, "file")


def test_options_are_recorded_as_plain_values(files):
    result = nc.correlate_rois(run(files), (codes(), AFFINE), command="niicorr rois …", high_pass=0.01)
    options = result.provenance.options
    assert set(options) == set(RoiOptions.__dataclass_fields__)
    assert options["atlas"] == ["<ndarray>", "<ndarray>"]
    assert (options["kind"], options["high_pass"], options["strategy"]) == ("correlation", 0.01, [])
    assert result.provenance.command == "niicorr rois …"
    assert {"niicorr", "nilearn", "nibabel"} <= set(result.provenance.versions)
    assert set(result.provenance.timings) == {"read", "clean", "correlate", "total"}


def test_progress_counts_volumes(files):
    from contextlib import contextmanager

    steps = []

    @contextmanager
    def progress(total, what):
        steps.append((total, what))
        yield steps.append

    nc.correlate_rois([run(files, 1), run(files, 2)], atlas(files), progress=progress)
    assert steps[0] == (190, "reading volumes")
    assert sum(steps[1:]) == 190
