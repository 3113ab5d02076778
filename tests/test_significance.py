"""The columns that a null model fills, from matrices to tables."""

import numpy as np
import pytest
from scipy import ndimage

import niicorr as nc
from niicorr.inference import benjamini_hochberg, benjamini_yekutieli, fisher_interval, holm, pvalues
from niicorr.nulls.effective import effective_size

AFFINE = np.diag([6.0, 6, 6, 1])
SHAPE = (20, 22, 18)
AT = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
BRAIN = (AT**2).sum(axis=0) < 0.8
OPTIONS = {"mask": (BRAIN.astype("u1"), AFFINE), "background": "none", "zeros": "data"}


def maps(count, seed, smooth=1.5):
    rng = np.random.default_rng(seed)
    return [(ndimage.gaussian_filter(rng.standard_normal(SHAPE), smooth), AFFINE) for _ in range(count)]


@pytest.fixture(scope="module")
def result():
    return nc.correlate(maps(5, 0), maps(3, 1), null="effective", **OPTIONS)


def test_every_number_follows_from_r_and_the_independent_values(result):
    n_effective, r = result.n_effective.to_numpy(), result.r.to_numpy()
    assert (n_effective > 5).all()
    assert (n_effective < result.n.to_numpy() / 5).all(), "neighbouring voxels repeat each other"
    np.testing.assert_array_equal(result.p, pvalues(r, n_effective))
    low, high = fisher_interval(r, n_effective)
    np.testing.assert_array_equal(result.ci_low, low)
    np.testing.assert_array_equal(result.ci_high, high)
    np.testing.assert_array_equal(result.p_fdr, benjamini_hochberg(result.p.to_numpy()))
    np.testing.assert_array_equal(result.p_fwe, holm(result.p.to_numpy()))


def test_the_textbook_value_would_have_been_far_smaller(result):
    textbook = pvalues(result.r.to_numpy(), result.n.to_numpy())
    assert np.median(textbook / result.p.to_numpy()) < 0.5


def test_the_three_models_differ_and_none_gives_no_number():
    x, y = maps(2, 2), maps(2, 3)
    robust, gsm, none = (nc.correlate(x, y, null=null, **OPTIONS) for null in ("effective", "gsm", "none"))
    assert not np.array_equal(robust.p, gsm.p)
    np.testing.assert_array_equal(robust.r, none.r)
    assert none.p.isna().all(axis=None)
    assert "effective" in repr(robust)
    assert "none" in repr(none)


def test_the_options_reach_the_numbers():
    x, y = maps(4, 4), maps(3, 5)
    two = nc.correlate(x, y, null="gsm", **OPTIONS)
    less = nc.correlate(x, y, null="gsm", alternative="less", fdr="by", **OPTIONS)
    np.testing.assert_array_equal(less.p, pvalues(less.r.to_numpy(), less.n_effective.to_numpy(), "less"))
    np.testing.assert_array_equal(less.p_fdr, benjamini_yekutieli(less.p.to_numpy()))
    assert not np.array_equal(two.p, less.p)


def test_a_set_against_itself_is_corrected_for_each_pair_once():
    found = nc.correlate(maps(5, 6), null="gsm", **OPTIONS)
    p, adjusted = found.p.to_numpy(), found.p_fwe.to_numpy()
    assert np.isnan(np.diag(p)).all()
    np.testing.assert_array_equal(p, p.T)
    np.testing.assert_array_equal(adjusted, adjusted.T)
    below = np.tril_indices(5, -1)
    np.testing.assert_array_equal(adjusted[below], holm(p[below]))


def test_the_same_file_in_both_sets_has_no_p(tmp_path):
    import nibabel as nib

    (field, _), (other, _) = maps(2, 7)
    for name, data in (("a.nii", field), ("b.nii", other)):
        nib.save(nib.Nifti1Image(data, AFFINE), tmp_path / name)
    found = nc.correlate([str(tmp_path / "a.nii"), str(tmp_path / "b.nii")], str(tmp_path / "a.nii"), null="gsm",
                         **OPTIONS)
    assert np.isnan(found.p.to_numpy()[0]).tolist() == [True, False]
    assert found.r.to_numpy()[0, 0] == pytest.approx(1)


def test_few_independent_values_are_flagged():
    found = nc.correlate(maps(2, 8, smooth=9), maps(2, 9, smooth=9), null="gsm", **OPTIONS)
    few = found.n_effective.to_numpy() < 10
    assert few.any()
    for i, j in np.argwhere(few):
        assert "few independent values" in found.notes[i, j]


def test_tables_and_saved_results_carry_them(result, tmp_path):
    result.save(tmp_path / "out")
    again = nc.load(tmp_path / "out")
    for name in ("n_effective", "ci_low", "ci_high", "p", "p_fdr", "p_fwe"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
    frame = result.to_frame()
    assert frame["p"].tolist() == result.p.to_numpy().ravel().tolist()
    header, first = (tmp_path / "out" / "pairs.tsv").read_text().splitlines()[:2]
    cells = dict(zip(header.split("\t"), first.split("\t"), strict=True))
    assert float(cells["p"]) == result.p.to_numpy()[0, 0]
    assert float(cells["n_effective"]) == result.n_effective.to_numpy()[0, 0]


def test_constant_maps_have_no_p():
    flat = [(np.full(SHAPE, 2.0), AFFINE)]
    with pytest.warns(nc.DomainWarning, match="no number can come of image 1: it is constant, 2"):
        found = nc.correlate(maps(1, 10) + flat, maps(1, 11), null="effective", **OPTIONS)
    assert np.isnan(found.p.to_numpy()).tolist() == [[False, True]]
    assert np.isnan(found.n_effective.to_numpy()).tolist() == [[False, True]]


def test_bare_arrays_have_no_places():
    numbers = np.random.default_rng(0).standard_normal((2, 50))
    found = nc.correlate(numbers)
    assert "bare arrays do not tell where their voxels are" in found.null_text
    assert (found.null, found.inferred) == ("none", {})
    for null in ("gsm", "surrogate"):
        with pytest.raises(nc.InputError, match="where the voxels are"):
            nc.correlate(numbers, null=null)


def test_model_and_module_agree():
    x = nc.survey(nc.read_maps(maps(2, 12)), background="none", zeros="data")
    sampling = nc.choose_sampling(x, mask=OPTIONS["mask"])
    matrix = nc.extract(x, sampling)
    found = nc.correlate(matrix, matrix, null="effective")
    size = effective_size(matrix, matrix, found.n.to_numpy())
    others = ~np.eye(len(matrix), dtype=bool)  # a map with itself is not tested
    np.testing.assert_array_equal(found.n_effective.to_numpy()[others], size.n_effective[others])
    assert np.isnan(np.diag(found.n_effective)).all()
