"""Where a number comes from: terms that sum to it at their place in space, regions, and the files of a run."""

from __future__ import annotations

import gzip
import json
import os

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import niicorr as nc
from niicorr.cli.main import main
from niicorr.errors import InputError, MapError, UsageError
from niicorr.images.labels import read_labels
from niicorr.matrix import MapMatrix
from niicorr.result import contribution as module
from strategies import MODEST, gappy_maps

SHAPE = (12, 14, 10)
PLAIN = ("pearson", "spearman", "cosine", "concordance", "bicor", "dice")
GIVEN = [(method, ()) for method in PLAIN]
GIVEN += [(method, ("weights",)) for method in ("pearson", "spearman", "cosine", "concordance")]
GIVEN += [(method, given) for method in ("pearson", "spearman") for given in (("partial",), ("partial", "weights"))]
NAMES = ["-".join([method, *given]) for method, given in GIVEN]


def affine(edge=10.0, origin=(-60.0, -70, -50)):
    made = np.diag([edge, edge, edge, 1.0])
    made[:3, 3] = origin
    return made


def brain(seed, background=0.0, size=0.9):
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    values = np.random.default_rng(seed).standard_normal(SHAPE) + 3
    values[(at**2).sum(axis=0) > size] = background
    return values


def flipped(values, where):
    """The same image with its first axis turned round."""
    turn = np.diag([-1.0, 1, 1, 1])
    turn[0, 3] = len(values) - 1
    return values[::-1].copy(), where @ turn


def maps():
    """Two sets that differ in background, coverage, and direction of the first axis."""
    x = [(brain(0), affine()), flipped(brain(1, np.nan, size=0.7), affine())]
    y = [(brain(2, -1), affine()), flipped(brain(3, size=0.6), affine())]
    return x, y


def atlas(seed=9, ids=(7, 3000, 2**31, 12)):
    """Regions of single voxels strewn about, with background between them."""
    return np.random.default_rng(seed).choice([0, *ids], SHAPE)


def correlate(x, y=None, **options):
    return nc.correlate(x, y, **{"null": "none", "warn": False, **options})


def asked(method, given, n=None):
    """Options of a similarity: for images, or for arrays of n features."""
    rng = np.random.default_rng(5)
    weights = rng.random(SHAPE if n is None else n) + 0.1
    covariate = rng.standard_normal(SHAPE if n is None else n)
    made = {"weights": weights if n else (weights, affine()),
            "partial": covariate if n else [flipped(covariate, affine())]}
    threshold = {"threshold": 3.0 if n is None else 0.5} if method == "dice" else {}
    return {"method": method, **threshold, **{name: made[name] for name in given}}


@pytest.mark.parametrize(("method", "given"), GIVEN, ids=NAMES)
def test_the_sum_of_the_image_is_r(method, given):
    result = correlate(*maps(), **asked(method, given))
    for i, j in result.cells():
        image = result.contribution(j, i)
        assert isinstance(image, nib.Nifti1Image)
        assert image.get_data_dtype() == np.float64
        assert image.shape == SHAPE
        np.testing.assert_array_equal(image.affine, result.grid.affine)
        volume = image.get_fdata()
        assert volume.sum() == pytest.approx(result.estimate[i, j], abs=1e-10)
        assert np.count_nonzero(volume) <= result.counts[i, j]


@MODEST
@given(st.data(), st.sampled_from([3, 8, 60]), st.sampled_from(GIVEN))
def test_the_sum_of_an_array_is_r(data, n, how):
    x, y = data.draw(gappy_maps(n, 2)), data.draw(gappy_maps(n, 2))
    result = correlate(x, y, **asked(*how, n))
    for i, j in result.cells():
        if np.isfinite(result.estimate[i, j]):
            terms = result.contribution(j, i)
            assert terms.shape == (n,)
            assert (terms[~(np.isfinite(x[j]) & np.isfinite(y[i]))] == 0).all()
            assert terms.sum() == pytest.approx(result.estimate[i, j], abs=1e-6)


def test_a_voxel_adds_the_product_of_its_deviations_at_its_own_place():
    x, y = maps()
    result = correlate(x, y)
    # The second map of y is stored right to left; at one place in mm all four are the same voxel.
    a, b = brain(1, np.nan, size=0.7), brain(3, np.nan, size=0.6)
    both = np.isfinite(a) & np.isfinite(b)
    u, v = a[both] - a[both].mean(), b[both] - b[both].mean()
    expected = np.zeros(SHAPE)
    expected[both] = u * v / np.sqrt((u @ u) * (v @ v))
    found = result.contribution(1, 1)
    voxels = np.argwhere(np.ones(SHAPE))
    at = nib.affines.apply_affine(np.linalg.inv(found.affine) @ affine(), voxels).round().astype(int)
    np.testing.assert_allclose(found.get_fdata()[tuple(at.T)], expected.ravel(), rtol=0, atol=1e-12)


def test_a_hotspot_that_both_maps_share_is_where_the_image_says():
    spot = np.array([20.0, -30, 10])
    voxel = tuple(np.rint(np.linalg.solve(affine(), [*spot, 1])[:3]).astype(int))
    a, b = brain(0), brain(2, -1)
    a[voxel], b[voxel] = 40, 40
    x, y = flipped(a, affine()), (b, affine(origin=(-60.0, -70, -50)))
    image = correlate([x], [y], grid="x").contribution(0, 0)
    values = image.get_fdata()
    np.testing.assert_allclose(nib.affines.apply_affine(image.affine, np.unravel_index(values.argmax(), SHAPE)), spot)
    assert image.affine[0, 0] < 0
    assert values.max() > 0.5
    assert image.header.get_xyzt_units()[0] == "mm"


def test_a_set_against_itself_and_labels():
    result = correlate([(brain(k), affine()) for k in range(3)])
    a, b = result.x_labels[:2]
    assert result.contribution(a, b).get_fdata().sum() == pytest.approx(result.r.loc[b, a], abs=1e-12)
    assert result.contribution(np.int64(0), a).get_fdata().sum() == pytest.approx(1)


@pytest.mark.parametrize("given", [("weights",), ("partial",)])
def test_features_that_do_not_count_keep_their_place_in_an_array(given):
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 1, 30))
    beside = rng.random(30) + 0.1
    beside[[0, 4, 29]] = 0 if given == ("weights",) else np.nan
    result = correlate(x, y, **{given[0]: beside})
    terms = result.contribution(0, 0)
    assert terms.shape == (30,)
    np.testing.assert_array_equal(np.flatnonzero(terms == 0), [0, 4, 29])
    assert terms.sum() == pytest.approx(result.estimate[0, 0], abs=1e-12)


def test_features_chosen_twice_keep_their_place():
    values = np.random.default_rng(2).standard_normal((2, 12))
    matrix = MapMatrix.from_array(values).within(np.arange(12) > 2)
    weights = np.ones(9)
    weights[[0, 8]] = 0
    terms = correlate(matrix, weights=weights).contribution(0, 1)
    np.testing.assert_array_equal(np.flatnonzero(terms), np.arange(4, 11))


def without(result, j, i, regions):
    """r of the voxels that lie in none of some regions, from the voxels of the maps."""
    comparison = result.comparison
    a, b = comparison.x.values[j], comparison.y.values[i]
    keep = np.isfinite(a) & np.isfinite(b) & ~regions
    return scipy.stats.pearsonr(a[keep], b[keep]).statistic if keep.sum() > 2 else np.nan


def test_a_region_by_brute_force():
    result = correlate(*maps())
    labels = atlas()
    frame = result.without_regions(1, 0, flipped(labels, affine()))
    assert frame.region.tolist() == [7, 12, 3000, 2**31]
    assert list(frame.columns) == ["region", "n", "share", "contribution", "r_without"]
    assert [kind.kind for kind in frame.dtypes] == ["i", "i", "f", "f", "f"]
    on_grid = labels.ravel(order="F")[result.comparison.x.features.indices]
    image, common = result.contribution(1, 0).get_fdata(), int(result.counts[0, 1])
    for row in frame.itertuples():
        assert row.contribution == pytest.approx(image[labels == row.region].sum(), abs=1e-12)
        assert row.n == np.count_nonzero(image[labels == row.region])
        assert row.share == row.n / common
        assert row.r_without == pytest.approx(without(result, 1, 0, on_grid == row.region), abs=1e-12)
    assert abs(frame.r_without - result.estimate[0, 1]).min() > 1e-6


@pytest.mark.parametrize(("method", "given"), GIVEN, ids=NAMES)
def test_without_a_region_is_the_run_without_its_voxels(method, given):
    options = asked(method, given)
    result = correlate(*maps(), **options)
    labels = atlas()
    found = result.without_regions(0, 1, (labels, affine())).set_index("region").r_without[3000]
    flat = np.zeros(result.grid.size, bool)
    flat[result.comparison.x.features.indices] = True
    mask = flat.reshape(SHAPE, order="F") & (labels != 3000)
    again = correlate(*maps(), **{**options, "mask": (mask.astype(float), affine())})
    assert found == pytest.approx(again.estimate[1, 0], abs=1e-9)
    assert found != pytest.approx(result.estimate[1, 0], abs=1e-9)


def test_regions_add_up_to_r_where_they_cover_all():
    result = correlate(*maps())
    labels = np.arange(np.prod(SHAPE)).reshape(SHAPE) // 200 + 1
    frame = result.without_regions(0, 0, (labels, affine()))
    assert frame.contribution.sum() == pytest.approx(result.estimate[0, 0], abs=1e-12)
    assert frame.n.sum() == result.counts[0, 0]
    assert frame.share.sum() == pytest.approx(1)


def test_a_region_without_a_common_voxel_keeps_its_row_and_changes_nothing():
    labels = np.full(SHAPE, 5)
    labels[0, 0, 0], labels[1:, 7:] = -4, 9
    frame = correlate(*maps()).without_regions(0, 0, (labels, affine())).set_index("region")
    assert frame.index.tolist() == [-4, 5, 9]
    assert frame.loc[-4].tolist() == [0, 0, 0, correlate(*maps()).estimate[0, 0]]


def test_nothing_is_left_without_a_region():
    x = [(brain(0), affine())]
    b = brain(1)
    b[:6][b[:6] != 0] = 4.0  # the other half of the map is constant
    result = correlate(x, [(b, affine())])
    labels = np.ones(SHAPE)
    labels[:6] = 2
    assert np.isnan(result.without_regions(0, 0, (labels, affine())).r_without.tolist()).tolist() == [True, False]
    for left, number in ((0, False), (2, False), (3, True)):
        labels[:] = 1
        labels[:, 7, 5][[*range(6, 6 + left)]] = 0
        assert np.isfinite(result.without_regions(0, 0, (labels, affine())).r_without[0]) == number


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.int64, np.uint32, np.float32, np.float64])
def test_labels_of_every_type_are_the_same(kind, tmp_path):
    labels = atlas(ids=(3, 60, 255))
    nib.Nifti1Image(labels.astype(kind), affine(), dtype=kind).to_filename(tmp_path / "a.nii.gz")
    found = correlate(*maps()).without_regions(0, 0, tmp_path / "a.nii.gz")
    pd.testing.assert_frame_equal(found, correlate(*maps()).without_regions(0, 0, (labels, affine())))
    assert found.region.tolist() == [3, 60, 255]
    assert found.n.min() > 30


def test_large_labels_of_floats_and_nan_outside():
    labels = atlas(ids=(2**31, 2**31 - 1, 2**24 + 1)).astype(float)
    labels[labels == 0] = np.nan
    assert read_labels((labels, affine())).ids.tolist() == [2**24 + 1, 2**31 - 1, 2**31]


def test_labels_come_to_the_grid_by_nearest_voxel():
    """An atlas twice as fine, and turned round: each voxel takes the label at its own centre."""
    result = correlate(*maps())
    labels = atlas()
    fine = np.repeat(np.repeat(np.repeat(labels, 3, 0), 3, 1), 3, 2)
    where = affine(10 / 3, np.array([-60.0, -70, -50]) - 10 / 3)
    expected = result.without_regions(0, 1, (labels, affine()))
    pd.testing.assert_frame_equal(result.without_regions(0, 1, (fine, where)), expected)
    pd.testing.assert_frame_equal(result.without_regions(0, 1, flipped(fine, where)), expected)
    assert expected.n.min() > 30


@pytest.mark.parametrize(
    ("labels", "where", "words"),
    [
        (atlas() / 2.0, affine(), r"voxels other than 0 hold no whole number \(such as 3.5\)"),
        (np.where(atlas() == 7, np.inf, 1.0), affine(), r"\(such as inf\)"),
        (np.full(SHAPE, 1e17), affine(), r"\(such as 1e\+17\)"),
        (np.zeros(SHAPE), affine(), "no voxel is other than 0"),
        (np.full(SHAPE, 1e-6), affine(), "no voxel is other than 0"),
        (np.ones((*SHAPE, 2)), affine(), "a label image is one volume, this file has 2"),
        (np.ones(SHAPE), affine(origin=(900.0, 0, 0)), "none of its regions holds a voxel on the grid"),
    ],
)
def test_an_atlas_that_cannot_be_used(labels, where, words):
    with pytest.raises(MapError, match=words):
        correlate(*maps()).without_regions(0, 0, (labels, where))


def test_an_atlas_without_orientation_is_not_placed_on_another_grid(tmp_path):
    image = nib.Nifti1Image(np.ones((5, 5, 5), np.uint8), None)
    image.to_filename(tmp_path / "a.nii")
    with pytest.raises(MapError, match=r"a\.nii: the label image .* cannot be placed"):
        correlate(*maps()).without_regions(0, 0, tmp_path / "a.nii")


def test_an_atlas_of_several_files_is_refused(tmp_path):
    for name in ("a", "b"):
        nib.Nifti1Image(np.ones(SHAPE, np.uint8), affine()).to_filename(tmp_path / f"{name}.nii")
    with pytest.raises(UsageError, match="atlas takes one image"):
        correlate(*maps()).without_regions(0, 0, str(tmp_path))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("exp_fare", "no map of x is called 'exp_fare'; there is exp_fear"),
        ("zzz", r"no map of x is called 'zzz'; its labels are exp_fear, exp_pain$"),
        (2, "x has 2 maps, at positions 0 to 1: there is no 2"),
        (-1, "there is no -1"),
        (True, "x is a label or a position, not bool"),
        (0.0, "not float"),
    ],
)
def test_a_map_that_is_not_there(key, words):
    x = MapMatrix.from_array(np.random.default_rng(0).standard_normal((2, 9)), ("exp_fear", "exp_pain"))
    result = correlate(x, x)
    for call in (result.contribution, lambda x, y: result.without_regions(x, y, "no such atlas")):
        with pytest.raises(UsageError, match=words):
            call(key, 0)
    with pytest.raises(UsageError, match=words.replace("x ", "y ", 1).replace("of x", "of y")):
        result.contribution(0, key)


def test_many_labels_are_counted():
    result = correlate(np.random.default_rng(0).standard_normal((8, 9)))
    with pytest.raises(UsageError, match="map3, map4 and 3 more"):
        result.contribution("another", 0)


def test_a_pair_without_a_number_says_why():
    x = np.array([[1.0, 2, np.nan, np.nan], [1, 2, 4, 3]])
    result = correlate(x, x)
    for call in (result.contribution, lambda x, y: result.without_regions(x, y, (atlas(), affine()))):
        with pytest.raises(InputError, match=r"map0 with map1 has no number to explain: fewer than 3 common voxels"):
            call(1, 0)


def test_a_loaded_result_says_how_to_get_there(tmp_path):
    correlate(*maps()).save(tmp_path / "out")
    loaded = nc.load(tmp_path / "out")
    for call in (loaded.contribution, lambda x, y: loaded.without_regions(x, y, (atlas(), affine()))):
        with pytest.raises(InputError, match=r"loaded from disk.*--contributions"):
            call(0, 0)


def test_arrays_have_no_regions():
    with pytest.raises(InputError, match="no place in space"):
        correlate(np.eye(4)[:2]).without_regions(0, 1, (atlas(), affine()))


def test_a_file_that_has_changed_since_is_noticed(tmp_path):
    paths = [tmp_path / f"{k}.nii.gz" for k in range(2)]
    for k, path in enumerate(paths):
        nib.Nifti1Image(brain(k), affine()).to_filename(path)
    result = correlate(paths[0], paths[1])
    assert result.contribution(0, 0).get_fdata().sum() == pytest.approx(result.estimate[0, 0])
    nib.Nifti1Image(brain(7), affine()).to_filename(paths[0])
    with pytest.raises(InputError, match=r"0\.nii\.gz.* changed"):
        result.contribution(0, 0)


@pytest.mark.parametrize(("offset", "scale"), [(0, 1), (1e9, 1), (-1e12, 1e-2), (0, 1e-200), (0, 1e300)])
def test_no_offset_and_no_unit_passes_for_a_changed_file(offset, scale):
    x = np.random.default_rng(0).integers(-9, 9, (2, 90)) * float(scale) + offset
    x[0, 3] = np.nan
    result = correlate(MapMatrix.from_array(x).within(np.arange(90) > 8))
    assert result.contribution(0, 1).sum() == pytest.approx(result.estimate[1, 0], abs=1e-4)


def test_a_spike_that_single_precision_drowns_in_does_not_pass_for_a_changed_file():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3000))
    x[0, 5] = 1e13
    matrix = MapMatrix.from_array(x)
    rows = nc.MapMatrix(**{**vars(matrix), "rows": matrix.rows.astype(np.float32)})
    assert rows.rows.dtype == np.float32
    found = correlate(rows, method="spearman").contribution(0, 1).sum()
    assert found == pytest.approx(scipy.stats.spearmanr(*x).statistic, abs=1e-12)


def test_ranks_over_own_voxels_are_those_over_common_ones_here(monkeypatch):
    from niicorr.compute import similarity

    monkeypatch.setattr(similarity, "ANEW", 0)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1, 40)) ** 3
    y = np.where(rng.random((1, 40)) < 0.5, np.nan, x + rng.standard_normal((1, 40)))
    result = correlate(x, y, method="spearman")
    both = np.isfinite(y[0])
    expected = scipy.stats.spearmanr(x[0][both], y[0][both]).statistic
    assert abs(result.estimate[0, 0] - expected) > 1e-3
    assert result.contribution(0, 0).sum() == pytest.approx(expected)


def test_a_pair_that_is_explained_over_the_common_voxels_alone_cannot_be_split(monkeypatch):
    from niicorr.compute import similarity

    monkeypatch.setattr(similarity, "ANEW", 0)
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 1, 40))
    covariate = np.where(np.arange(40) < 15, x[0], rng.standard_normal(40))
    y[0, 15:] = np.nan
    result = correlate(x, y, partial=covariate)
    assert np.isfinite(result.estimate[0, 0])
    with pytest.raises(InputError, match="map0 with map0 cannot be split: over the common voxels alone"):
        result.contribution(0, 0)


# Names of files.


@MODEST
@given(st.lists(st.tuples(st.text(max_size=90), st.text(max_size=90)), max_size=30))
def test_names_of_files_are_safe_short_and_unlike(pairs):
    names = module.file_names([*pairs, *pairs])
    assert len({name.lower() for name in names}) == len(names) == 2 * len(pairs)
    for name in names:
        assert len(name) <= 100
        assert name.startswith("contribution_")
        assert name.endswith(".nii.gz")
        assert all(char.isascii() and (char.isalnum() or char in "._-") for char in name)


@pytest.mark.parametrize(
    ("y", "x", "name"),
    [
        ("gaba_A", "exp-01 fear", "gaba_A_exp-01-fear"),
        ("../../etc", "a/b\\c:d*?", "etc_a-b-c-d"),
        ("Müller", "脑", "Muller_map"),
        ("a[3]", "con", "a-3_con"),
        ("y" * 90, "x" * 90, "y" * 39 + "_" + "x" * 39),
        ("y" * 90, "x" * 9, "y" * 70 + "_" + "x" * 9),
        ("y", "x" * 90, "y_" + "x" * 78),
    ],
)
def test_names_of_files_show_the_labels(y, x, name):
    assert module.file_names([(y, x)]) == [f"contribution_{name}.nii.gz"]


def test_pairs_whose_names_would_be_one():
    found = module.file_names([("a_b", "c"), ("a", "b_c"), ("A", "b_c"), ("a", "b_c_2")])
    assert found == [f"contribution_{name}.nii.gz" for name in ("a_b_c", "a_b_c_2", "A_b_c_3", "a_b_c_2_2")]


# The command line.


@pytest.fixture
def files(tmp_path):
    """Two experiments and two activity maps, one of which covers nothing of the brain, and an atlas."""
    os.makedirs(tmp_path / "x")
    os.makedirs(tmp_path / "y")
    hole = brain(3)
    hole[:] = 4.0
    for name, (values, where) in {"x/fear": (brain(0), affine()), "x/pain": flipped(brain(1, -1), affine()),
                                  "y/GABA A": (brain(2), affine()), "y/flat": (hole, affine())}.items():
        nib.Nifti1Image(values, where).to_filename(tmp_path / f"{name}.nii")
    nib.Nifti1Image(atlas(ids=(2, 900)).astype(np.float32), affine()).to_filename(tmp_path / "atlas.nii.gz")
    return tmp_path


def run(folder, *words, command="run"):
    return main([command, "-x", str(folder / "x"), "-y", str(folder / "y"), "-o", str(folder / "out"), "--no-figures",
                 "--null", "none", *map(str, words)])


IMAGES = ["contribution_GABA-A_fear.nii.gz", "contribution_GABA-A_pain.nii.gz"]


def test_a_run_writes_an_image_of_each_pair_with_a_number(files, capsys):
    assert run(files, "--contributions") == 0
    assert "2 images contribution_*.nii.gz" in " ".join(capsys.readouterr().err.split())
    table = pd.read_csv(files / "out/contributions.tsv", sep="\t")
    assert list(table.columns) == ["y", "x", "r", "sum", "file"]
    assert table.file.tolist() == IMAGES
    assert table.y.tolist() == ["GABA A"] * 2
    result = correlate(files / "x", files / "y")
    for row in table.itertuples():
        image = nib.load(files / "out" / row.file)
        assert image.get_data_dtype() == np.float32
        r = result.r.loc[row.y, row.x]
        assert row.r == pytest.approx(r, abs=1e-12)
        assert image.get_fdata().sum() == pytest.approx(r, abs=1e-6)
        assert row.sum == pytest.approx(image.get_fdata().sum(), abs=1e-12)
        np.testing.assert_allclose(image.get_fdata(), result.contribution(row.x, row.y).get_fdata(), atol=1e-8)
        np.testing.assert_array_equal(image.affine, result.grid.affine)
    assert not (files / "out/contributions_regions.tsv").exists()


def test_a_run_with_an_atlas_writes_a_table_of_regions(files):
    assert run(files, "--contributions", files / "atlas.nii.gz") == 0
    table = pd.read_csv(files / "out/contributions_regions.tsv", sep="\t")
    assert list(table.columns) == ["y", "x", "region", "n", "share", "contribution", "r_without"]
    expected = correlate(files / "x", files / "y").without_regions("pain", "GABA A", files / "atlas.nii.gz")
    found = table[table.x == "pain"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[list(expected.columns)], expected)
    assert len(table) == 4


def test_the_next_run_takes_them_away(files):
    assert run(files, "--contributions", files / "atlas.nii.gz") == 0
    listed = json.loads((files / "out/run.json").read_text())["files"]
    assert sorted(os.listdir(files / "out")) == listed
    assert {*IMAGES, "contributions.tsv", "contributions_regions.tsv"} < set(listed)
    (files / "out/contribution_mine.nii.gz").write_text("not niicorr's")
    assert run(files) == 0
    left = {name for name in os.listdir(files / "out") if name.startswith("contribution")}
    assert left == {"contribution_mine.nii.gz"}


def test_the_same_run_writes_the_same_bytes(files):
    written = []
    for _ in range(2):
        assert run(files, "--contributions") == 0
        written.append((files / "out" / IMAGES[0]).read_bytes())
    assert written[0] == written[1]
    assert written[0][4:8] == b"\0\0\0\0"  # gzip's time stamp
    assert len(gzip.decompress(written[0])) == 352 + 4 * np.prod(SHAPE)


def test_a_set_against_itself_has_each_pair_once(files):
    assert main(["run", "-x", str(files / "x"), "-o", str(files / "out"), "--no-figures", "--contributions"]) == 0
    table = pd.read_csv(files / "out/contributions.tsv", sep="\t")
    assert table[["y", "x"]].values.tolist() == [["pain", "fear"]]


@pytest.mark.parametrize("command", ["run", "check"])
def test_more_pairs_than_anyone_looks_at_are_refused_before_a_voxel_is_read(files, capsys, monkeypatch, command):
    monkeypatch.setattr(module, "MOST_PAIRS", 3)
    for path in (files / "x").iterdir():
        path.write_bytes(path.read_bytes()[:-100])  # whoever reads the voxels would complain of this
    assert run(files, "--contributions", command=command) == 2
    said = capsys.readouterr().err
    assert "at most 3; 2 × 2 maps make 4 pairs" in said
    assert "result.contribution(x, y)" in said
    assert not (files / "out").exists()


def test_volumes_count_as_the_maps_they_are(tmp_path, capsys):
    values = np.stack([brain(k) for k in range(21)], axis=3)
    nib.Nifti1Image(values.astype(np.float32), affine()).to_filename(tmp_path / "x.nii")
    words = ["run", "-x", str(tmp_path / "x.nii"), "-o", str(tmp_path / "out"), "--no-figures", "--null", "none",
             "--contributions"]
    assert main(words) == 2
    assert "at most 200; 21 maps make 210 pairs" in capsys.readouterr().err
    assert main([*words, "--volumes", "0:3"]) == 0
    assert len(pd.read_csv(tmp_path / "out/contributions.tsv", sep="\t")) == 3


@pytest.mark.parametrize("command", ["run", "check"])
def test_an_atlas_that_cannot_be_used_ends_a_run_before_it_begins(files, capsys, command):
    nib.Nifti1Image(atlas() / 4.0, affine()).to_filename(files / "atlas.nii")
    assert run(files, "--contributions", files / "atlas.nii", command=command) == 3
    assert run(files, "--contributions", files / "none.nii", command=command) == 3
    said = capsys.readouterr().err
    assert "hold no whole number" in said
    assert "none.nii: no such file" in said
    assert "GABA" not in said


def test_the_atlas_is_an_input_and_may_not_lie_in_the_output_folder(files, capsys):
    assert run(files) == 0
    os.replace(files / "atlas.nii.gz", files / "out/atlas.nii.gz")
    assert run(files, "--contributions", files / "out/atlas.nii.gz") == 2
    assert "holds the input" in capsys.readouterr().err


def test_without_the_option_nothing_of_it_is_written(files):
    assert run(files) == 0
    assert not [name for name in os.listdir(files / "out") if name.startswith("contribution")]


def test_progress_counts_every_pair(tmp_path):
    said = []

    class Progress:
        def __init__(self, total, what):
            said.append((total, what))

        def __enter__(self):
            return said.append

        def __exit__(self, *_):
            pass

    module.write_contributions(correlate(*maps()), str(tmp_path), None, Progress)
    assert said == [(4, "writing contributions"), 1, 1, 1, 1]
