"""Every similarity from files: what the definition says, with weights and covariates, on any grid."""

import hashlib
import json

import nibabel as nib
import numpy as np
import pytest
from promised_files import AFFINE, BRAIN, SHAPE, noise, related
from scipy import stats

RAW = ["--mask", "none", "--background", "none", "--zeros", "data"]
A, B, C = noise(301, smooth=1.5), noise(302, smooth=1.5), noise(303, smooth=1.5)
D = related(304, A, 0.6)
W = np.abs(noise(305, smooth=1.0)) + 0.05


@pytest.fixture
def pair(study):
    study.x("a.nii.gz", A)
    study.x("b.nii", B)
    study.y("d.nii", D)
    return study


def flat(*maps):
    return [m.ravel() for m in maps]


def residual(v, z, w=None):
    design = np.column_stack([np.ones(z.size), z])
    root = np.ones(z.size) if w is None else np.sqrt(w)
    return v - design @ np.linalg.lstsq(design * root[:, None], v * root, rcond=None)[0]


def weighted(a, b, w):
    (aa, ab), (_, bb) = np.cov(a, b, aweights=w)
    return ab / np.sqrt(aa * bb)


def biweight(v):
    u = (v - np.median(v)) / (9 * np.median(abs(v - np.median(v))))
    return (v - np.median(v)) * (1 - u**2) ** 2 * (abs(u) < 1)


def cosine(a, b):
    return a @ b / np.sqrt(a @ a * (b @ b))


BOOK = {
    "spearman": lambda a, b: stats.spearmanr(a, b)[0],
    "cosine": cosine,
    "concordance": lambda a, b: 2 * np.cov(a, b, ddof=0)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2),
    "bicor": lambda a, b: cosine(biweight(a), biweight(b)),
}


@pytest.mark.parametrize("method", list(BOOK))
def test_the_method_is_its_definition(pair, method):
    outcome = pair.run(*RAW, "--method", method)
    assert outcome.code == 0, outcome
    expected = [BOOK[method](a, D.ravel()) for a in flat(A, B)]
    np.testing.assert_allclose(outcome.r, [expected], rtol=0, atol=1e-6)
    assert outcome.json["method"] == method


def test_dice_of_thresholded_maps(study):
    thresholded = [np.where(m > 1, m, 0) for m in (A, B, D)]
    study.x("a.nii", thresholded[0])
    study.x("b.nii", thresholded[1])
    study.y("d.nii", thresholded[2])
    for options, level in (([], 0.0), (["--threshold", "1.5"], 1.5)):
        outcome = study.run("--mask", "none", "--method", "dice", *options)
        p, q, s = (m > level for m in thresholded)
        expected = [[2 * (m & s).sum() / (m.sum() + s.sum()) for m in (p, q)]]
        np.testing.assert_allclose(outcome.r, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", ["as it is", "flipped"])
def test_weights_count_at_their_place(pair, form):
    data, affine = W, AFFINE
    if form == "flipped":
        data, affine = W[::-1], AFFINE @ np.diag([-1.0, 1, 1, 1])
        affine[:3, 3] = (AFFINE @ [SHAPE[0] - 1, 0, 0, 1])[:3]
    path = pair.x("w.nii", data, affine)
    pair.x_paths.pop()
    outcome = pair.run(*RAW, "--weights", path)
    np.testing.assert_allclose(outcome.r, [[weighted(a, D.ravel(), W.ravel()) for a in flat(A, B)]], atol=1e-6)
    assert outcome.json["options"]["weights"].endswith("w.nii")


def test_voxels_without_weight_do_not_count(pair):
    data = np.where(BRAIN, W, 0)
    data[8, 9, 7] = np.nan
    path = pair.x("w.nii", data)
    pair.x_paths.pop()
    outcome = pair.run(*RAW, "--weights", path)
    kept = BRAIN.copy()
    kept[8, 9, 7] = False
    assert set(outcome.n.ravel()) == {kept.sum()}
    np.testing.assert_array_equal(outcome.inside, kept)
    np.testing.assert_allclose(outcome.r[0, 0], weighted(A[kept], D[kept], W[kept]), atol=1e-6)
    assert outcome.says(f"{BRAIN.size - kept.sum()} of the mask's {BRAIN.size} voxels do not count")


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_covariates_are_regressed_out_of_both(pair, method):
    z = [pair.x("z.nii", C), pair.x("z2.nii", W)]
    del pair.x_paths[-2:]
    outcome = pair.run(*RAW, "--method", method, "--partial", *z)
    rank = stats.rankdata if method == "spearman" else lambda v: v
    Z = np.column_stack([rank(C.ravel()), rank(W.ravel())])
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    design = np.column_stack([np.ones(len(Z)), Z])
    left = [rank(v) - design @ np.linalg.lstsq(design, rank(v), rcond=None)[0] for v in flat(A, B, D)]
    expected = [[np.corrcoef(v, left[2])[0, 1] for v in left[:2]]]
    np.testing.assert_allclose(outcome.r, expected, atol=1e-6)
    assert outcome.says("covariates: z, z2", "2 covariate maps regressed out of both maps")
    assert [p.rsplit("/", 1)[1] for p in outcome.json["options"]["partial"]] == ["z.nii", "z2.nii"]
    hashes = [hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest() for path in z]
    assert [entry["blake2b"] for entry in outcome.json["beside"]] == hashes


def test_voxels_without_a_covariate_do_not_count(pair):
    z = pair.x("z.nii", np.where(BRAIN, C, -1))
    pair.x_paths.pop()
    outcome = pair.run(*RAW[:2], "--partial", z)
    assert set(outcome.n.ravel()) == {BRAIN.sum()}
    left = [residual(v[BRAIN], C[BRAIN]) for v in (A, D)]
    assert outcome.r[0, 0] == pytest.approx(np.corrcoef(*left)[0, 1], abs=1e-6)


def test_a_covariate_that_explains_a_map_leaves_an_empty_cell(pair):
    z = pair.x("z.nii", 3 * A - 7)
    pair.x_paths.pop()
    outcome = pair.run(*RAW, "--partial", z)
    assert outcome.code == 0
    assert np.isnan(outcome.r[0]).tolist() == [True, False]
    assert "covariates are regressed out: they explain it entirely" in outcome.note("a", "d")


def test_covariates_that_say_nothing_are_named(pair):
    z = [pair.x("z.nii", C), pair.x("again.nii", -2 * C + 1), pair.x("flat.nii", np.full(SHAPE, 5.0))]
    del pair.x_paths[-3:]
    outcome = pair.run(*RAW, "--partial", *z)
    assert outcome.code == 0, outcome
    assert outcome.says("only 1 of them is independent of a constant and of the others")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (W - 0.5, ["negative weights", "0 or more"]),
        (np.zeros(SHAPE), ["no voxel of the mask has a weight above 0"]),
        (np.full(SHAPE, np.nan), ["no voxel of the mask has a weight above 0"]),
        (np.stack([W, W], axis=3), ["weights are one map"]),
    ],
    ids=["negative", "all zero", "all missing", "two volumes"],
)
def test_weights_that_cannot_be_used_are_refused(pair, data, words):
    path = pair.x("w.nii", data)
    pair.x_paths.pop()
    code = 2 if data.ndim == 4 else 3
    pair.run(*RAW, "--weights", path).must_refuse("w.nii", *words, code=code)


def test_a_covariate_that_is_all_background_is_named(pair):
    z = [pair.x("z.nii", C), pair.x("flat.nii", np.full(SHAPE, 5.0))]
    del pair.x_paths[-2:]
    pair.run("--mask", "none", "--partial", *z).must_refuse("flat.nii", "no voxel of the mask has data")


@pytest.mark.parametrize("option", ["--weights", "--partial"])
def test_a_file_beside_that_is_missing_or_broken_is_named(pair, option):
    pair.run(*RAW, option, "nowhere.nii").must_refuse("nowhere.nii")
    path = pair.x("broken.nii", C)
    pair.x_paths.pop()
    path.write_bytes(path.read_bytes()[:5000])
    pair.run(*RAW, option, path).must_refuse("broken.nii")
    pair.run(*RAW, "--on-error", "skip", option, path).must_refuse("broken.nii")
    assert pair.check(*RAW, option, path).code == 3


def test_a_covariate_elsewhere_leaves_no_voxel(pair):
    away = AFFINE.copy()
    away[:3, 3] += 900
    z = pair.x("z.nii", C, away)
    pair.x_paths.pop()
    pair.run(*RAW, "--partial", z).must_refuse("voxel")


@pytest.mark.parametrize(
    "options",
    [["--method", "cosine", "--partial", "z.nii"], ["--method", "bicor", "--weights", "w.nii"],
     ["--method", "dice", "--weights", "w.nii"], ["--threshold", "1"], ["--method", "dice", "--threshold", "-1"],
     ["--method", "dice", "--threshold", "nan"], ["--method", "kendall"], ["--n-surrogates", "0"],
     ["--n-surrogates", "1.5"], ["--seed", "-1"], ["--null", "moran"]],
    ids=" ".join,
)
def test_options_that_make_no_sense_are_wrong_usage(pair, options):
    pair.run(*RAW, *options).must_refuse(code=2)


def test_an_output_folder_that_holds_the_weights_is_refused(pair):
    inside = pair.out
    assert pair.run(*RAW).code == 0
    nib.save(nib.Nifti1Image(W, AFFINE), inside / "w.nii")
    outcome = pair.run(*RAW, "--weights", inside / "w.nii")
    assert outcome.code == 2
    assert outcome.says("holds the input")
    assert json.loads((inside / "run.json").read_text())["options"]["weights"] is None


def test_a_voxel_that_outweighs_all_others_deletes_none(pair):
    data = np.ones(SHAPE)
    data[8, 9, 7] = 1e7
    path = pair.x("w.nii", data)
    pair.x_paths.pop()
    outcome = pair.run(*RAW, "--weights", path)
    assert set(outcome.n.ravel()) == {BRAIN.size}
    np.testing.assert_allclose(outcome.r, [[weighted(a, D.ravel(), data.ravel()) for a in flat(A, B)]], atol=1e-5)


@pytest.mark.parametrize("factor", [1e-200, 1e200])
def test_only_ratios_of_weights_matter(pair, factor):
    paths = [pair.x("w.nii", W), pair.x("huge.nii", W * factor)]
    del pair.x_paths[-2:]
    one, other = (pair.run(*RAW, "--weights", path, out=pair.work / path.stem).r for path in paths)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


def test_covariates_in_the_output_folder_are_inputs(pair):
    assert pair.run(*RAW, "--contributions").code == 0
    before = sorted(p.name for p in pair.out.iterdir())
    for form, code, words in ((str(pair.out / "contribution_*.nii.gz"), 2, "holds the input"),
                              (str(pair.out), 3, "a result of niicorr, not a set of maps")):
        outcome = pair.run(*RAW, "--partial", form)
        assert outcome.code == code, outcome
        assert outcome.says(words)
    assert sorted(p.name for p in pair.out.iterdir()) == before
