"""Part 4: the same numbers from Python, from whatever form maps come in."""

import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path

import matplotlib as mpl
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn.maskers import NiftiMasker
from promised_files import AFFINE, BRAIN, SHAPE, brain, cut, noise, related, reoriented, write_nifti
from promised_numbers import only, pearson, table

import niicorr as nc

A = noise(701)
X = [related(710 + i, A, 0.4) for i in range(3)]
Y = [related(720 + i, A, 0.4) for i in range(2)]
R, N = table(X, Y, BRAIN)


@pytest.fixture
def files(tmp_path):
    x = [write_nifti(tmp_path / "x" / f"x{i}.nii.gz", np.where(BRAIN, m, -1)) for i, m in enumerate(X)]
    y = [write_nifti(tmp_path / "y" / f"y{i}.nii", np.where(BRAIN, m, 0)) for i, m in enumerate(Y)]
    return x, y


def images(maps, value):
    return [nib.Nifti1Image(np.where(BRAIN, m, value), AFFINE) for m in maps]


def right(result):
    np.testing.assert_allclose(result.r.to_numpy(), R, atol=1e-6)
    np.testing.assert_array_equal(result.n.to_numpy(), N)
    return result


@pytest.mark.parametrize("kind", [str, Path])
def test_lists_of_paths(files, kind):
    result = right(nc.correlate([kind(p) for p in files[0]], [kind(p) for p in files[1]]))
    assert list(result.r.columns) == ["x0", "x1", "x2"]
    assert list(result.r.index) == ["y0", "y1"]


@pytest.mark.parametrize("kind", [str, Path])
def test_folders(tmp_path, files, kind):
    right(nc.correlate(kind(tmp_path / "x"), kind(tmp_path / "y")))


def test_patterns(tmp_path, files):
    right(nc.correlate(str(tmp_path / "x" / "*.nii.gz"), str(tmp_path / "y" / "*.nii")))


def test_images():
    result = right(nc.correlate(images(X, -1), images(Y, 0)))
    assert result.r.columns.is_unique


def test_images_of_other_orientations_and_types():
    x = [nib.Nifti2Image(*reoriented(np.where(BRAIN, m, -1), (2, 0, 1), (True, False, True))) for m in X]
    y = [nib.Spm99AnalyzeImage(np.where(BRAIN, m, 0).astype("f4"), AFFINE) for m in Y]
    y[0] = nib.Nifti1Image(np.where(BRAIN, Y[0], 0), AFFINE)
    y[1] = nib.MGHImage(np.where(BRAIN, Y[1], 0).astype("f4"), AFFINE)
    right(nc.correlate(x, y))


def test_an_image_of_several_volumes():
    stack = nib.Nifti1Image(np.stack([np.where(BRAIN, m, -1) for m in X], axis=-1), AFFINE)
    right(nc.correlate(stack, images(Y, 0)))


def test_arrays_with_an_affine():
    x = [(np.where(BRAIN, m, -1), AFFINE) for m in X]
    y = [reoriented(np.where(BRAIN, m, 0), (1, 2, 0), (True, True, False)) for m in Y]
    right(nc.correlate(x, y))


def test_a_data_frame_with_paths(files):
    frame = pd.DataFrame({"path": [str(p) for p in files[0]], "label": list("abc"), "tracer": ["p", "q", "r"]})
    result = right(nc.correlate(frame, [str(p) for p in files[1]]))
    assert list(result.r.columns) == ["a", "b", "c"]


def test_a_mixed_list(files):
    x = [str(files[0][0]), images(X, -1)[1], (np.where(BRAIN, X[2], -1), AFFINE)]
    right(nc.correlate(x, images(Y, 0)))


def test_a_fitted_masker(files):
    inner = brain(size=0.35)
    masker = NiftiMasker(nib.Nifti1Image(inner.astype("u1"), AFFINE)).fit()
    result = nc.correlate([str(p) for p in files[0]], [str(p) for p in files[1]], masker=masker)
    r, n = table(X, Y, inner)
    np.testing.assert_allclose(result.r.to_numpy(), r, atol=1e-6)
    np.testing.assert_array_equal(result.n.to_numpy(), n)


@pytest.mark.parametrize("form", ["path", "image"])
def test_a_mask_of_any_form(tmp_path, files, form):
    inner = brain(size=0.35)
    mask = str(write_nifti(tmp_path / "mask.nii", inner.astype("u1")))
    if form == "image":
        mask = nib.load(mask)
    result = nc.correlate([str(p) for p in files[0]], [str(p) for p in files[1]], mask=mask)
    np.testing.assert_allclose(result.r.to_numpy(), table(X, Y, inner)[0], atol=1e-6)


def test_images_loaded_from_files(tmp_path):
    raw = [np.where(BRAIN, np.rint(m * 1000), -32768).astype("i2") for m in X]
    for i, data in enumerate(raw):
        fields = {"scl_slope": 0.001, "scl_inter": 4}
        write_nifti(tmp_path / f"x{i}.nii.gz", data, order=">", fields=fields)
    loaded = [nib.load(tmp_path / f"x{i}.nii.gz") for i in range(3)]
    result = nc.correlate(loaded, images(Y, 0))
    r, n = table(raw, Y, BRAIN)
    np.testing.assert_allclose(result.r.to_numpy(), r, atol=1e-6)
    np.testing.assert_array_equal(result.n.to_numpy(), n)


def test_a_loaded_image_whose_file_is_cut_is_refused_as_ours(tmp_path):
    path = write_nifti(tmp_path / "x.nii.gz", np.where(BRAIN, X[0], -1))
    cut(path, 0.5)
    with pytest.raises(nc.InputError):
        nc.correlate([nib.load(path)], images(Y, 0))


@pytest.mark.parametrize(
    "data",
    [
        np.asfortranarray(X[0]),
        X[0].astype(">f4"),
        X[0].astype("f2"),
        np.rint(X[0] * 100).astype(">i2"),
        X[0] > 0,
        X[0][::-1].copy()[::-1],
    ],
    ids=["fortran", "big-endian", "half", "integers", "truth values", "negative strides"],
)
def test_arrays_of_any_layout_and_type(data):
    result = nc.correlate((data, AFFINE), (Y[0], AFFINE), mask="none", background="none", zeros="data")
    r, n = pearson(data, Y[0])
    assert result.r.to_numpy()[0, 0] == pytest.approx(r, abs=1e-6)
    assert result.n.to_numpy()[0, 0] == n


@pytest.mark.parametrize("data", [X[0].astype(complex), X[0].astype(object), X[0].astype(str)])
def test_arrays_that_hold_no_real_numbers(data):
    with pytest.raises(nc.NiicorrError):
        nc.correlate((data, AFFINE), (Y[0], AFFINE), mask="none")


def test_a_masker_that_is_not_fitted():
    with pytest.raises(nc.NiicorrError, match="fit"):
        nc.correlate(images(X, -1), images(Y, 0), masker=NiftiMasker())


def test_arrays_of_maps_by_features():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((3, 200)) + 1e6, rng.standard_normal((2, 200))
    x[0, :50], y[1, 160:] = np.nan, np.nan
    result = nc.correlate(x, y)
    r, n = table(x, y)
    np.testing.assert_allclose(result.r.to_numpy(), r, atol=1e-6)
    np.testing.assert_array_equal(result.n.to_numpy(), n)


def test_arrays_against_themselves():
    x = np.random.default_rng(2).standard_normal((4, 50))
    result = nc.correlate(x)
    np.testing.assert_allclose(result.r.to_numpy(), np.corrcoef(x), atol=1e-9)
    assert (np.diag(result.r) == 1).all()
    assert len(result.to_frame()) == 6


def test_arrays_need_no_image_library():
    program = (
        "import sys, numpy as np, niicorr as nc\n"
        "r = nc.correlate(np.random.default_rng(0).standard_normal((3, 40)))\n"
        "assert r.estimate.shape == (3, 3)\n"
        "print([m for m in ('nibabel', 'nilearn', 'matplotlib', 'pandas') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_costs_nothing():
    program = "import sys, niicorr; print([m for m in ('numpy', 'nibabel', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_inputs_are_left_as_they_are():
    x = [np.where(BRAIN, m, -1) for m in X]
    keep = [m.copy() for m in x]
    for m in x:
        m.flags.writeable = False
    right(nc.correlate([(m, AFFINE) for m in x], images(Y, 0)))
    assert all(np.array_equal(a, b) for a, b in zip(x, keep, strict=True))


def test_one_row_for_each_pair(files):
    frame = nc.correlate([str(p) for p in files[0]], [str(p) for p in files[1]]).to_frame()
    columns = ["x", "y", "r", "n", "n_effective", "ci_low", "ci_high", "p", "p_fdr", "p_fwe", "note"]
    assert list(frame.columns)[:11] == columns
    assert list(frame["x"]) == ["x0", "x1", "x2"] * 2
    np.testing.assert_allclose(frame["r"], R.ravel(), atol=1e-6)
    assert frame["r"].dtype == np.float64
    assert frame["p"].between(0, 1).all()
    assert nc.correlate([str(p) for p in files[0]], null="none").to_frame()["p"].isna().all()


def test_save_and_load(tmp_path, files):
    data = only(X[0], BRAIN & (A > 0))
    x = [*images(X, -1), nib.Nifti1Image(data, AFFINE), nib.Nifti1Image(np.where(BRAIN, 3.0, -1), AFFINE)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nc.NiicorrWarning)
        result = nc.correlate(x, images(Y, 0))
    result.save(str(tmp_path / "out"))
    again = nc.load(str(tmp_path / "out"))
    pd.testing.assert_frame_equal(again.r, result.r)
    pd.testing.assert_frame_equal(again.n, result.n)
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())
    np.testing.assert_array_equal(again.mask, result.mask)
    assert repr(again) == repr(result)


def test_saving_keeps_foreign_folders(tmp_path, files):
    result = nc.correlate(images(X, -1), images(Y, 0))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(nc.UsageError):
        result.save(str(tmp_path / "mine"))
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("what", ["nothing", "foreign"])
def test_loading_what_is_no_result(tmp_path, what):
    if what == "foreign":
        (tmp_path / "run.json").write_text("{}")
    with pytest.raises((nc.NiicorrError, FileNotFoundError)):
        nc.load(str(tmp_path))


def test_the_command_line_says_the_same(study, files):
    study.x_paths, study.y_paths = [str(p) for p in files[0]], [str(p) for p in files[1]]
    shell = study.run()
    python = nc.correlate(study.x_paths, study.y_paths)
    np.testing.assert_array_equal(shell.r, python.r.to_numpy())


def test_a_heatmap_for_further_styling(files):
    mpl.use("agg")
    axes = nc.heatmap(nc.correlate(images(X, -1), images(Y, 0)))
    assert isinstance(axes, mpl.axes.Axes)
    texts = {t.get_text() for t in axes.texts}
    assert len(texts) >= 1
    mpl.pyplot.close("all")


def test_representations_name_the_null_model():
    x = np.random.default_rng(3).standard_normal((3, 30))
    result = nc.correlate(x)
    assert "null" in repr(result) or "p-values" in repr(result)
    assert "null" in result._repr_html_() or "p-values" in result._repr_html_()
    assert "<script" not in result._repr_html_()


def test_labels_in_html_are_escaped(tmp_path):
    paths = [write_nifti(tmp_path / "<b onclick=x>&.nii", np.where(BRAIN, X[0], -1))]
    result = nc.correlate([str(p) for p in paths], images(Y, 0))
    assert "<b onclick" not in result._repr_html_()


# Errors


def test_all_bad_files_are_in_one_error(files):
    for path in files[0][:2]:
        cut(path, 0.5)
    with pytest.raises(nc.UnusableMapsError, match=r"x1\.nii\.gz") as caught:
        nc.correlate([str(p) for p in files[0]], [str(p) for p in files[1]])
    assert isinstance(caught.value, ValueError)
    assert "x0.nii.gz" in str(caught.value)
    assert len(caught.value.problems) == 2


def test_skipping_in_python(files):
    cut(files[0][1], 0.5)
    result = nc.correlate([str(p) for p in files[0]], [str(p) for p in files[1]], on_error="skip")
    assert result.r["x1"].isna().all()
    np.testing.assert_allclose(result.r[["x0", "x2"]], R[:, [0, 2]], atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"zeros": "maybe"},
        {"background": "blue"},
        {"resample": "sometimes"},
        {"interpolation": "quintic"},
        {"on_error": "ignore"},
        {"volumes": "x:y"},
        {"method": "astrology"},
        {"no_such_option": 1},
    ],
    ids=str,
)
def test_wrong_words_are_usage_errors(options):
    with pytest.raises((nc.UsageError, TypeError), match=next(iter(options))):
        nc.correlate(images(X, -1), images(Y, 0), **options)


SERIES = np.random.default_rng(0).standard_normal((60, 3))
HALF = "\ud800"  # of a pair of surrogates: stands for no byte, so that no file can have it in its name


@pytest.mark.parametrize("value", [np.array([]), np.zeros(3), pd.Series([1, 2]), pd.DataFrame(), 5, "x", 0, False],
                         ids=lambda value: f"{type(value).__name__} {value!a}"[:20])
def test_progress_is_called_or_refused(files, tmp_path, value):
    for call in (lambda: nc.correlate(*files, progress=value), lambda: nc.correlate(np.eye(3), progress=value),
                 lambda: nc.correlate_rois(SERIES, progress=value),
                 lambda: nc.calibrate(*files, progress=value),
                 lambda: nc.index(files[0], tmp_path / "library", progress=value)):
        with pytest.raises(nc.UsageError, match="progress is a function that is called .* not " + type(value).__name__):
            call()


@pytest.mark.parametrize("call", [
    lambda files, name: nc.correlate(*files, cache=name), lambda files, name: nc.correlate(*files, resume=name),
    lambda files, name: nc.correlate_rois(SERIES, confounds=name),
    lambda files, name: nc.correlate_rois(SERIES, confounds=[name]),
    lambda files, name: nc.report(nc.correlate(SERIES.T), name), lambda files, name: nc.correlate(SERIES.T).save(name),
], ids=["cache", "resume", "confounds", "list of confounds", "report", "save"])
@pytest.mark.parametrize("name", [HALF, f"a{HALF}.html", "a\0"], ids=ascii)
def test_names_that_no_file_can_have_are_refused(files, tmp_path, monkeypatch, call, name):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(nc.UsageError) as refused:
        call(files, name)
    str(refused.value).encode("utf-8")  # which the terminal must be able to show
    assert sorted(tmp_path.iterdir()) == before


def test_series_at_a_name_that_no_file_can_have():
    with pytest.raises(nc.NiicorrError):
        nc.correlate_rois(HALF)


@pytest.mark.parametrize("value", [np.array([]), np.array(["pearson", "name"]), pd.Series([1, 2]), pd.DataFrame()],
                         ids=lambda value: f"{type(value).__name__} {value.size}")
def test_arrays_and_tables_are_no_words(files, value):
    from niicorr.connectivity import connect

    result = nc.correlate(SERIES.T)
    for word, call in (("kind", lambda: nc.correlate_rois(SERIES, kind=value)),
                       ("kind", lambda: connect([SERIES], value)),
                       ("order", lambda: nc.heatmap(result, order=value)),
                       ("method", lambda: nc.correlate(SERIES.T, method=value))):
        with pytest.raises(nc.UsageError, match=word):
            call()


@pytest.mark.parametrize("value", [None, 0, 1.5, "1G", True])
def test_a_map_may_not_be_larger_than_a_number(files, value):
    for call in (lambda: nc.correlate(*files, max_map_size=value),
                 lambda: nc.correlate_rois(SERIES, max_map_size=value)):
        with pytest.raises(nc.UsageError, match="max_map_size is a whole number from 1 on"):
            call()


def test_numbers_of_any_kind_are_numbers():
    plain = nc.correlate_rois(SERIES, t_r=0.5, high_pass=0.125, detrend=True, standardize=True)
    other = nc.correlate_rois(SERIES, t_r=Fraction(1, 2), high_pass=np.float32(0.125), detrend=np.True_,
                              standardize=np.bool_(True))
    pd.testing.assert_frame_equal(plain.r, other.r, check_exact=True)
    assert [d.text for d in plain.provenance.decisions] == [d.text for d in other.provenance.decisions]
    dice = [nc.correlate(SERIES.T, method="dice", threshold=value) for value in (0.5, Fraction(1, 2))]
    pd.testing.assert_frame_equal(dice[0].r, dice[1].r, check_exact=True)


@pytest.mark.parametrize("value", [10**400, -10**400, Fraction(10**400), float("inf"), float("nan"), 1 + 1j, True, "2"],
                         ids=lambda value: repr(value)[:12])
def test_numbers_that_are_none_here(value):
    for name, call in (("t_r", nc.correlate_rois), ("high_pass", nc.correlate_rois), ("low_pass", nc.correlate_rois),
                       ("min_coverage", nc.correlate_rois)):
        with pytest.raises(nc.UsageError, match=f"^{name} is a"):
            call(SERIES, **{name: value})
    with pytest.raises(nc.UsageError, match=r"^threshold is a number from 0 on"):
        nc.correlate(SERIES.T, method="dice", threshold=value)
    with pytest.raises(nc.UsageError, match=r"^min_coverage is a share from 0 to 1"):
        nc.correlate(images(X, -1), atlas=(BRAIN.astype(int), AFFINE), min_coverage=value)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([], None),
        (np.zeros((2, 3, 4, 5, 6)), None),
        (np.ones((2, 5), complex), None),
        (np.ones((2, 5)), np.ones((2, 6))),
        (3, None),
        ([None], None),
        ([(A, np.eye(3))], None),
        ([(A, np.full((4, 4), np.nan))], None),
        ("no/such/pattern*.nii", None),
    ],
    ids=["empty", "5-d", "complex", "unequal", "number", "none", "3x3 affine", "nan affine", "no match"],
)
def test_what_makes_no_sense_is_refused_as_ours(x, y):
    with pytest.raises(nc.NiicorrError):
        nc.correlate(x, y)


def test_warnings_can_be_silenced_and_stay_in_the_result():
    x, y = [(m, AFFINE) for m in X], [(m, AFFINE) for m in Y]
    with pytest.warns(nc.DomainWarning, match="mask"):
        result = nc.correlate(x, y)
    assert result.warnings
    assert result.r.to_numpy() == pytest.approx(table(X, Y)[0], abs=1e-6)


def test_the_three_steps(files):
    maps = nc.read_maps([str(p) for p in files[0]])
    assert type(maps).__name__ == "MapSet"
    assert len(maps) == 3


def test_public_names_are_there():
    for name in ("correlate", "read_maps", "extract", "heatmap", "load", "CorrelationResult", "__version__"):
        assert name in dir(nc)
        assert getattr(nc, name) is not None
    assert all(hasattr(nc, name) for name in nc.__all__)
    with pytest.raises(AttributeError):
        nc.no_such_name  # noqa: B018


def test_the_sensitivity_is_in_the_result(files):
    result = nc.correlate(images([m + 3 for m in X], -1), images([m + 3 for m in Y], 0))
    naive = pearson(np.where(BRAIN, X[0] + 3, -1), np.where(BRAIN, Y[0] + 3, 0))[0]
    assert result.sensitivity.naive[0, 0] == pytest.approx(naive, abs=1e-4)
    assert result.mask.shape == SHAPE
