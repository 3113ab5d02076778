"""`run --atlas`: maps become regional means, and the comparison is theirs."""

from __future__ import annotations

import csv
import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiLabelsMasker
from scipy import ndimage, stats

import niicorr as nc
from niicorr.cli.main import main

SHAPE, P = (24, 26, 22), 30
AFFINE = np.array([[-3.0, 0, 0, 33], [0, 3.0, 0, -40], [0, 0, 3.0, -30], [0, 0, 0, 1]])
IDS = np.array([2**30 + 17 * k if k % 3 else 5 * k + 1 for k in range(P)])


@pytest.fixture(scope="module")
def brain():
    at = np.indices(SHAPE) - np.array(SHAPE).reshape(3, 1, 1, 1) / 2 + 0.5
    return ((at / np.array([10.0, 11, 9]).reshape(3, 1, 1, 1)) ** 2).sum(axis=0) <= 1


@pytest.fixture(scope="module")
def codes(brain):
    """Voronoi cells of random seeds, 1 to P."""
    rng = np.random.default_rng(11)
    at = np.argwhere(brain)
    seeds = at[rng.choice(len(at), P, replace=False)]
    found = np.zeros(SHAPE, dtype=np.int32)
    found[brain] = 1 + np.argmin(((at[:, None] - seeds) ** 2).sum(axis=2), axis=1)
    return found


@pytest.fixture(scope="module")
def names(codes):
    """Names end in the side that the region lies on."""
    across = [np.argwhere(codes == k + 1)[:, 0].mean() for k in range(P)]
    return [f"area-{k:02d}_{'R' if at < SHAPE[0] / 2 - 0.5 else 'L'}" for k, at in enumerate(across)]


@pytest.fixture(scope="module")
def study(tmp_path_factory, brain, codes, names):
    """Three x maps (background 0), two y maps (background -1), an atlas with its table."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(12)
    shared = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 2)
    maps = {}
    for k, (name, background) in enumerate([("x0", 0.0), ("x1", 0.0), ("x2", 0.0), ("y0", -1.0), ("y1", -1.0)]):
        values = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.5) + (k % 3) * 0.5 * shared
        maps[name] = np.where(brain, 2 + 8 * values, background)
        nib.save(nib.Nifti1Image(maps[name], AFFINE), folder / f"{name}.nii.gz")
    nib.save(nib.Nifti1Image(np.concatenate([[0], IDS])[codes].astype(np.float64), AFFINE), folder / "atlas.nii.gz")
    rows = [f"{k},{name},net{i // 10}" for i, (k, name) in enumerate(zip(IDS, names, strict=True))]
    (folder / "atlas.csv").write_text("id,name,network\n" + "\n".join(rows) + "\n")
    return folder, maps


def x_files(folder):
    return [str(folder / f"x{k}.nii.gz") for k in range(3)]


def y_files(folder):
    return [str(folder / f"y{k}.nii.gz") for k in range(2)]


def run(folder, out, *more, y=True):
    sets = ["-x", *x_files(folder), *(["-y", *y_files(folder)] if y else [])]
    return main(["run", *sets, "--atlas", str(folder / "atlas.nii.gz"), "-o", str(out), "-q", *more])


def means(maps, codes):
    """Regional means as a loop says them, in the order of ascending ids."""
    order = np.argsort(IDS)
    return {name: np.array([m[codes == k + 1].mean() for k in order]) for name, m in maps.items()}


def test_numbers_are_those_of_nilearns_masker(study, codes, names):
    folder, maps = study
    result = nc.correlate(x_files(folder), y_files(folder), atlas=str(folder / "atlas.nii.gz"))
    masker = NiftiLabelsMasker(str(folder / "atlas.nii.gz"), standardize=None).fit()
    values = {name: masker.transform(str(folder / f"{name}.nii.gz")).ravel() for name in maps}
    for name, mine in means(maps, codes).items():
        np.testing.assert_allclose(values[name], mine, rtol=1e-6)
    np.testing.assert_allclose(result.parcellation.values, list(means(maps, codes).values()), rtol=1e-12)
    for y in ("y0", "y1"):
        for x in ("x0", "x1", "x2"):
            r = stats.pearsonr(values[x], values[y])[0]
            assert result.r.loc[y, x] == pytest.approx(r, abs=1e-6)
    assert (result.n == P).all().all()
    assert result.unit == "region"
    assert result.parcellation.names == tuple(np.array(names)[np.argsort(IDS)])
    assert np.isfinite(result.p.to_numpy()).all()
    assert (result.n_effective.to_numpy() <= P).all()


@pytest.mark.parametrize("method", ["spearman", "bicor", "concordance", "cosine"])
def test_every_similarity(study, codes, method):
    folder, maps = study
    result = nc.correlate(x_files(folder), y_files(folder), atlas=str(folder / "atlas.nii.gz"), method=method,
                          null="none")
    values = means(maps, codes)
    plain = nc.correlate(np.array([values[f"x{k}"] for k in range(3)]), np.array([values["y0"], values["y1"]]),
                         method=method, null="none")
    np.testing.assert_allclose(result.estimate, plain.estimate, atol=1e-12)
    if method == "spearman":
        np.testing.assert_allclose(result.estimate[0, 1], stats.spearmanr(values["x1"], values["y0"])[0], atol=1e-12)


def test_missing_regions_are_missing_per_pair(study, codes, tmp_path):
    folder, maps = study
    holed = maps["x1"].copy()
    holed[np.isin(codes, [4, 9])] = np.nan
    half = np.isin(codes, [12]) & (np.arange(SHAPE[0])[:, None, None] % 2 == 0)
    holed[half] = np.nan
    nib.save(nib.Nifti1Image(holed, AFFINE), tmp_path / "holed.nii.gz")
    result = nc.correlate([str(tmp_path / "holed.nii.gz"), x_files(folder)[0]], y_files(folder), warn=False,
                          atlas=str(folder / "atlas.nii.gz"), null="none", min_coverage=0.9)
    values, order = means(maps, codes), np.argsort(IDS)
    keep = ~np.isin(order + 1, [4, 9, 12])
    assert result.n.loc["y0"].tolist() == [P - 3, P]
    a = np.array([np.nanmean(holed[codes == k + 1]) if ok else np.nan for k, ok in zip(order, keep, strict=True)])
    assert result.r.loc["y0", "holed"] == pytest.approx(stats.pearsonr(a[keep], values["y0"][keep])[0], abs=1e-12)
    said = "; ".join(d.text for d in result.x_maps[0].decisions)
    assert "3 of 30 regions missing, less than 90\u00a0% of them covered" in said


def test_files(study, tmp_path, codes, names):
    folder, maps = study
    assert run(folder, tmp_path / "out", "--no-figures") == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"correlations.csv", "pairs.tsv", "maps.tsv", "mask.nii.gz", "regions.tsv", "regions.csv", "run.json",
            "report_data.npz"} <= written
    regions = pd.read_csv(tmp_path / "out" / "regions.tsv", sep="\t")
    order = np.argsort(IDS)
    assert regions["id"].tolist() == IDS[order].tolist()
    assert regions["name"].tolist() == [names[k] for k in order]
    assert regions["hemisphere"].tolist() == [names[k][-1] for k in order]
    assert regions["network"].tolist() == [f"net{k // 10}" for k in order]
    assert regions["n_voxels"].tolist() == [(codes == k + 1).sum() for k in order]
    assert (regions[["coverage_mean", "coverage_min", "coverage x:x0", "coverage y:y1"]] == 1).all().all()
    assert (regions["n_maps"] == 5).all()
    values = pd.read_csv(tmp_path / "out" / "regions.csv")
    assert values.columns.tolist() == ["set", "label", *regions["name"]]
    assert values["label"].tolist() == ["x0", "x1", "x2", "y0", "y1"]
    np.testing.assert_allclose(values.iloc[:, 2:], list(means(maps, codes).values()), rtol=1e-12)
    mask = np.asarray(nib.load(tmp_path / "out" / "mask.nii.gz").dataobj)
    np.testing.assert_array_equal(mask > 0, codes > 0)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["options"]["atlas"].endswith("atlas.nii.gz")
    assert "Each map was averaged over the 30 regions of the atlas atlas.nii.gz" in record["methods"]["text"]
    with open(tmp_path / "out" / "pairs.tsv", newline="") as file:
        pairs = list(csv.DictReader(file, delimiter="\t"))
    assert {row["n"] for row in pairs} == {"30"}
    assert all(row["p"] for row in pairs)


def test_a_saved_result_comes_back(study, tmp_path):
    folder, _ = study
    result = nc.correlate(x_files(folder), y_files(folder), atlas=str(folder / "atlas.nii.gz"))
    result.save(tmp_path / "saved")
    again = nc.load(tmp_path / "saved")
    assert again.parcellation.regions == result.parcellation.regions
    assert again.parcellation.sources == result.parcellation.sources
    for name in ("n_voxels", "coverage", "values"):
        np.testing.assert_array_equal(getattr(again.parcellation, name), getattr(result.parcellation, name))
    assert again.unit == "region"
    assert again.methods_text() == result.methods_text()
    assert again.null_text == result.null_text
    assert "means over regions of two independent random fields" in again.null_text


def test_another_grid_is_the_atlass(study, tmp_path, codes):
    folder, _ = study
    wider = np.diag([3.0, 3, 3, 1])
    wider[:3, 3] = -60, -55, -45
    at = np.round((np.argwhere(codes) @ AFFINE[:3, :3].T + AFFINE[:3, 3] - wider[:3, 3]) / 3).astype(int)
    moved = np.zeros((44, 42, 40), dtype=np.int64)
    moved[tuple(at.T)] = np.concatenate([[0], IDS])[codes[codes > 0]]
    nib.save(nib.Nifti1Image(moved.astype(np.float64), wider), tmp_path / "moved.nii.gz")
    result = nc.correlate(x_files(folder), y_files(folder), atlas=str(tmp_path / "moved.nii.gz"), null="none")
    plain = nc.correlate(x_files(folder), y_files(folder), atlas=str(folder / "atlas.nii.gz"), null="none")
    np.testing.assert_allclose(result.estimate, plain.estimate, atol=1e-12)
    assert result.grid.shape == (44, 42, 40)
    assert "that of the atlas" in next(d.text for d in result.decisions if d.topic == "grid")
    own = nc.correlate(x_files(folder), y_files(folder), atlas=str(tmp_path / "moved.nii.gz"), grid="x", null="none")
    assert own.grid.shape == SHAPE
    np.testing.assert_allclose(own.estimate, plain.estimate, atol=1e-12)


def test_a_set_against_itself(study, tmp_path, codes):
    folder, maps = study
    result = nc.correlate(x_files(folder), atlas=str(folder / "atlas.nii.gz"))
    values = means(maps, codes)
    assert result.r.loc["x1", "x0"] == pytest.approx(np.corrcoef(values["x0"], values["x1"])[0, 1], abs=1e-12)
    assert result.parcellation.values.shape == (3, P)
    assert run(folder, tmp_path / "out", y=False) == 0
    assert (tmp_path / "out" / "heatmap.png").stat().st_size > 10_000


@pytest.mark.parametrize("null", ["moran", "variogram"])
def test_random_maps_in_both_directions(study, tmp_path, null):
    folder, _ = study
    assert run(folder, tmp_path / "out", "--null", null, "--n-surrogates", "60", "--no-figures") == 0
    pairs = pd.read_csv(tmp_path / "out" / "pairs.tsv", sep="\t", float_precision="round_trip")
    assert pairs.columns.tolist()[-2:] == ["p_x_random", "p_y_random"]
    np.testing.assert_array_equal(pairs["p"], pairs[["p_x_random", "p_y_random"]].max(axis=1))
    assert pairs["p"].between(1 / 61, 1).all()
    again = nc.load(tmp_path / "out").to_frame()
    np.testing.assert_allclose(again["p_y_random"], pairs["p_y_random"])
    text = nc.load(tmp_path / "out").null_text
    assert "the larger p of two" in text
    assert "1/61" in text


def test_random_maps_of_voxels_are_refused_by_name(study, capsys):
    folder, _ = study
    assert main(["run", "-x", *x_files(folder), "--null", "moran", "-o", str(folder / "no")]) == 2
    assert "name an atlas with --atlas" in " ".join(capsys.readouterr().err.split())
    assert not (folder / "no").exists()


def test_covariates_and_weights_are_averaged_like_the_maps(study, codes):
    folder, maps = study
    values = means(maps, codes)
    x, y, z = values["x0"], values["y0"], values["y1"]
    result = nc.correlate(x_files(folder)[:1], y_files(folder)[:1], partial=y_files(folder)[1:],
                          atlas=str(folder / "atlas.nii.gz"))
    design = np.column_stack([np.ones(P), z])

    def residual(v):
        return v - design @ np.linalg.lstsq(design, v, rcond=None)[0]

    assert result.estimate[0, 0] == pytest.approx(np.corrcoef(residual(x), residual(y))[0, 1], abs=1e-9)
    weights = np.where(codes > 0, np.where(codes == 7, 0, 1 + codes % 4), 0).astype(float)
    weighed = nc.correlate(x_files(folder)[:1], y_files(folder)[:1], weights=(weights, AFFINE), null="none",
                           atlas=str(folder / "atlas.nii.gz"))
    w = np.array([weights[codes == k + 1].mean() for k in np.argsort(IDS)])
    (aa, ab), (_, bb) = np.cov(x, y, aweights=w)
    assert weighed.estimate[0, 0] == pytest.approx(ab / np.sqrt(aa * bb), abs=1e-6)
    assert weighed.counts[0, 0] == P - 1
    assert any("1 of 30 regions does not count" in d.text for d in weighed.decisions)


def test_contributions_of_regions(study, tmp_path, names):
    folder, _ = study
    assert run(folder, tmp_path / "out", "--contributions", "--no-figures") == 0
    table = pd.read_csv(tmp_path / "out" / "contributions_regions.tsv", sep="\t")
    pairs = pd.read_csv(tmp_path / "out" / "pairs.tsv", sep="\t")
    sums = table.groupby(["x", "y"])["contribution"].sum()
    for _, row in pairs.iterrows():
        assert sums[row["x"], row["y"]] == pytest.approx(row["r"], abs=1e-9)
    assert set(table["region"]) == set(names)
    assert not list((tmp_path / "out").glob("contribution_*"))


def test_a_fitted_labels_masker_brings_its_atlas(study):
    folder, _ = study
    masker = NiftiLabelsMasker(str(folder / "atlas.nii.gz")).fit()
    result = nc.correlate(x_files(folder), y_files(folder), masker=masker, null="none")
    plain = nc.correlate(x_files(folder), y_files(folder), atlas=str(folder / "atlas.nii.gz"), null="none")
    np.testing.assert_allclose(result.estimate, plain.estimate, atol=1e-12)


def test_check_says_what_run_would(study, capsys):
    folder, _ = study
    atlas = str(folder / "atlas.nii.gz")
    assert main(["check", "-x", *x_files(folder), "-y", *y_files(folder), "--atlas", atlas]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "that of the atlas" in told
    assert "30 regions" in told


BAD = {
    "measurements": (["--atlas", "{x0}"], 3, ["hold no whole number"]),
    "no such name": (["--atlas", "aall"], 2, ["Did you mean aal"]),
    "no such file": (["--atlas", "nowhere.nii.gz"], 3, ["nowhere.nii.gz"]),
    "labels alone": (["--labels", "{table}"], 2, ["labels goes with an atlas"]),
    "coverage alone": (["--min-coverage", ".3"], 2, ["min_coverage goes with an atlas"]),
    "coverage": (["--atlas", "{atlas}", "--min-coverage", "1.5"], 2, ["'1.5' is no share from 0 to 1"]),
    "elsewhere": (["--atlas", "{far}"], 3, ["no map has data in any region of", "in one space"]),
    "contributions": (["--atlas", "{atlas}", "--contributions", "{atlas}"], 2, ["no atlas of its own"]),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_told_and_nothing_is_written(study, tmp_path, capsys, codes, case):
    folder, _ = study
    more, code, says = BAD[case]
    shifted = AFFINE.copy()
    shifted[:3, 3] += 500
    nib.save(nib.Nifti1Image(codes, shifted), tmp_path / "far.nii.gz")
    named = {"x0": x_files(folder)[0], "table": folder / "atlas.csv", "atlas": folder / "atlas.nii.gz",
             "far": tmp_path / "far.nii.gz"}
    argv = [word.format(**named) for word in more]
    assert main(["run", "-x", *x_files(folder), "-y", *y_files(folder), "-o", str(tmp_path / "out"), *argv]) == code
    told = " ".join(capsys.readouterr().err.split())
    assert [word for word in says if word not in told] == []
    assert "Traceback" not in told
    assert not (tmp_path / "out").exists()


def test_one_region_is_no_comparison(study, tmp_path, codes):
    folder, _ = study
    nib.save(nib.Nifti1Image((codes > 0).astype(np.uint8), AFFINE), tmp_path / "one.nii.gz")
    result = nc.correlate(x_files(folder), y_files(folder), atlas=str(tmp_path / "one.nii.gz"), warn=False)
    assert np.isnan(result.estimate).all()
    assert "fewer than 3 common regions (n = 1)" in result.notes[0, 0]


def test_lost_regions_are_named(study, tmp_path, codes):
    folder, _ = study
    fine = np.repeat(np.repeat(np.repeat(codes, 2, 0), 2, 1), 2, 2)
    small = AFFINE.copy()
    small[:3, :3] /= 2
    small[:3, 3] -= np.diag(small[:3, :3]) / 2
    fine[24, 26, 22] = 31
    nib.save(nib.Nifti1Image(fine, small), tmp_path / "fine.nii.gz")
    result = nc.correlate(x_files(folder), y_files(folder), atlas=str(tmp_path / "fine.nii.gz"), grid="x",
                          null="none", warn=False)
    told = " ".join(d.text for d in result.decisions)
    assert "1 of 31 regions holds no voxel on the grid of comparison: region 31" in told
    assert np.isnan(result.parcellation.values[:, 30]).all()
    assert (result.n == 30).all().all()


def test_a_tampered_result_is_refused_by_name(study, tmp_path):
    folder, _ = study
    nc.correlate(x_files(folder), y_files(folder), atlas=str(folder / "atlas.nii.gz")).save(tmp_path / "saved")
    path = tmp_path / "saved" / "report_data.npz"
    whole = dict(np.load(path))
    for name, change in (("p", lambda a: a.ravel()[:1]), ("n_effective", lambda a: a.astype("f4")),
                         ("region_n_voxels", lambda a: a[:3]), ("region_values", lambda a: a[:, :2])):
        np.savez(path, **{**whole, name: change(whole[name])})
        with pytest.raises(nc.InputError, match="the saved result is damaged"):
            nc.load(tmp_path / "saved")


@pytest.mark.parametrize("null", ["effective", "moran", "variogram"])
def test_more_regions_than_fit_into_memory_are_refused_before_any_matrix(null):
    from niicorr.analysis import silent
    from niicorr.compute.similarity import Similarity
    from niicorr.matrix import Features, MapMatrix
    from niicorr.records import NullModel
    from niicorr.significance import infer

    rng = np.random.default_rng(0)
    features = Features(5000, centroids=rng.uniform(-80, 80, (5000, 3)))
    x = MapMatrix.from_array(rng.standard_normal((2, 5000)), features=features)
    similarity = Similarity()
    with pytest.raises(nc.ResourceError, match="5000 × 5000 regions"):
        infer(x, x, similarity(x, x), np.ones((2, 2), dtype=bool), similarity=similarity, model=NullModel(null),
              same_set=True, jobs=1, memory=2**30, progress=silent)
