"""Atlases of every kind: what is read, what is refused, and what they are on another grid."""

from __future__ import annotations

import tracemalloc

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as some

from niicorr.errors import MapError, UsageError
from niicorr.images import atlas as module
from niicorr.images.atlas import read_atlas
from niicorr.images.fetch import FetchedAtlas
from niicorr.images.resample import resample
from niicorr.space import Grid

SHAPE = (8, 10, 6)
AFFINE = np.array([[-3.0, 0, 0, 12], [0, 3, 0, -15], [0, 0, 3, -9], [0, 0, 0, 1]])


def blocks(ids=(3, 7, 2001, 2**31)):
    """Regions of 2 × 5 × 3 voxels each, on alternating sides."""
    labels = np.zeros(SHAPE, dtype=np.int64)
    places = [(slice(0, 2), slice(0, 5), slice(0, 3)), (slice(6, 8), slice(0, 5), slice(0, 3)),
              (slice(0, 2), slice(5, 10), slice(3, 6)), (slice(6, 8), slice(5, 10), slice(3, 6))]
    for k, place in zip(ids, places, strict=False):
        labels[place] = k
    return labels


def centroid(flags, affine=AFFINE, weights=None):
    at = np.argwhere(flags)
    return nib.affines.apply_affine(affine, np.average(at, axis=0, weights=weights))


def said(atlas, topic=None):
    return " | ".join(d.text for d in atlas.decisions if topic in (None, d.topic))


def save(path, data, affine=AFFINE, dtype=None, **header):
    image = nib.Nifti1Image(data if dtype is None else data.astype(dtype), affine, dtype=dtype)
    for key, value in header.items():
        image.header[key] = value
    image.to_filename(path)
    return str(path)


def probabilities(n=3, top=1.0):
    at = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"))
    centers = np.array([[1.5, 2, 2], [6, 7, 3], [4, 5, 2], [2, 8, 4]])[:n]
    bumps = np.stack([np.exp(-((at.T - c) ** 2).sum(-1).T / 6) for c in centers], axis=-1)
    return np.where(bumps > 0.05, bumps, 0) * top


def test_regions_with_places_and_counts():
    labels = blocks()
    atlas = read_atlas((labels, AFFINE), {3: "A_R", 7: "A_L", 2001: "B", 2**31: "C"})
    assert atlas.names == ("A_R", "A_L", "B", "C")
    assert len(atlas) == 4
    assert [r.id for r in atlas.regions] == [3, 7, 2001, 2**31]
    assert [r.hemisphere for r in atlas.regions] == ["R", "L", "", ""]
    assert atlas.weights is None
    assert atlas.codes.dtype == np.int32
    for k, region in enumerate(atlas.regions, start=1):
        np.testing.assert_array_equal(atlas.codes == k, labels == region.id)
        assert region.n_voxels == 30
        assert region.centroid == pytest.approx(centroid(labels == region.id))
        assert type(region.id) is int
    assert atlas.warnings == ()
    assert "4 regions, labels 3 to 2147483648, on 8×10×6 voxels of 3×3×3 mm, LAS" in said(atlas, "atlas")
    assert repr(atlas) == "Atlas: 4 regions on 8×10×6 voxels of 3×3×3 mm, LAS"
    assert read_atlas(atlas) is atlas


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, ">i2", np.int32, np.uint32, np.int64,
                                   np.float32, np.float64])
def test_labels_stored_in_any_way_are_one_atlas(dtype, tmp_path):
    ids = (3, 7, 12, 100)
    path = save(tmp_path / "a.nii.gz", blocks(ids), dtype=dtype)
    atlas, plain = read_atlas(path), read_atlas((blocks(ids), AFFINE))
    np.testing.assert_array_equal(atlas.codes, plain.codes)
    assert atlas.regions == plain.regions


@pytest.mark.parametrize(("slope", "inter", "ids"), [(0.5, 0, (3, 7)), (1 / 3, 0, (9000, 9001)), (1, -5, (1, 7))])
def test_scaled_labels(slope, inter, ids, tmp_path):
    stored = np.rint((blocks(ids) - inter) / slope).astype(np.int32)
    image = nib.Nifti1Image(stored, AFFINE)
    image.header.set_slope_inter(slope, inter)
    image.to_filename(tmp_path / "a.nii")
    assert nib.load(tmp_path / "a.nii").dataobj.slope == pytest.approx(slope)
    assert [r.id for r in read_atlas(tmp_path / "a.nii").regions] == list(ids)


def test_labels_from_a_nearly_whole_slope_stay_apart():
    """A slope is a float32: large labels miss whole numbers by more than small ones."""
    atlas = read_atlas((blocks((9000, 9001)) * (1 + 1e-7), AFFINE))
    assert [r.id for r in atlas.regions] == [9000, 9001]


def test_a_trailing_axis_of_one_is_a_label_image():
    assert len(read_atlas((blocks()[..., None], AFFINE))) == 4
    assert read_atlas((blocks()[..., None, None], AFFINE)).codes is not None


def test_nan_is_background():
    labels = np.where(blocks() == 0, np.nan, blocks())
    np.testing.assert_array_equal(read_atlas((labels, AFFINE)).codes, read_atlas((blocks(), AFFINE)).codes)


@given(labels=some.arrays(np.int64, (4, 5, 3), elements=st.sampled_from([0, 1, 5, 300, 2001, 2**31])))
def test_codes_counts_and_centroids_by_definition(labels):
    if not labels.any():
        return
    atlas = read_atlas((labels, AFFINE))
    assert [r.id for r in atlas.regions] == sorted({*labels.ravel().tolist()} - {0})
    for k, region in enumerate(atlas.regions, start=1):
        flags = labels == region.id
        np.testing.assert_array_equal(atlas.codes == k, flags)
        assert region.n_voxels == flags.sum()
        assert region.centroid == pytest.approx(centroid(flags), abs=1e-9)


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2)])
def test_any_orientation_is_the_same_atlas(axes, flips):
    """The same labels at the same millimetres: equal centroids, and equal codes on a common grid."""
    plain = read_atlas((blocks(), AFFINE))
    data, affine = blocks().transpose(axes), AFFINE[:, [*axes, 3]]
    for axis in flips:
        turn = np.eye(4)
        turn[axis, axis], turn[axis, 3] = -1, data.shape[axis] - 1
        data, affine = np.flip(data, axis), affine @ turn
    turned = read_atlas((data, affine))
    np.testing.assert_allclose([r.centroid for r in turned.regions], [r.centroid for r in plain.regions])
    placed = turned.on(plain.grid)
    np.testing.assert_array_equal(placed.codes, plain.codes)
    if axes != (0, 1, 2) or flips:
        assert "brought to the grid of comparison by whole voxels, nothing interpolated" in said(placed)


def test_a_cropped_box_lies_where_it_lay():
    affine = AFFINE.copy()
    affine[:3, 3] = nib.affines.apply_affine(AFFINE, (1, 2, 1))
    cropped = read_atlas((blocks()[1:, 2:, 1:], affine)).on(Grid(SHAPE, AFFINE))
    expected = blocks()
    expected[0], expected[:, :2], expected[:, :, 0] = 0, 0, 0
    assert sorted(np.unique(cropped.codes)) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(cropped.codes > 0, expected > 0)


def test_labels_on_another_grid_take_the_nearest_voxel():
    fine = np.diag([1.5, 1.5, 1.5, 1.0])
    fine[:3, 3] = nib.affines.apply_affine(AFFINE, (7, 0, 0)) + np.array([0.2, -0.3, 0.1])
    target = Grid((16, 20, 12), fine)
    atlas = read_atlas((blocks(), AFFINE))
    placed = atlas.on(target)
    at = np.linalg.inv(AFFINE) @ fine
    voxels = np.rint(nib.affines.apply_affine(at, np.argwhere(np.ones(target.shape)))).astype(int)
    inside = ((voxels >= 0) & (voxels < SHAPE)).all(axis=1)
    expected = np.zeros(len(voxels), dtype=int)
    expected[inside] = atlas.codes[tuple(voxels[inside].T)]
    np.testing.assert_array_equal(placed.codes.ravel(), expected)
    assert placed.grid is target
    assert placed.regions == atlas.regions
    assert "from voxels of 3×3×3 to 1.5×1.5×1.5 mm: nearest voxel" in said(placed)
    assert "hold no voxel" not in said(placed)


def test_regions_that_are_lost_or_cut_stay_and_are_named():
    labels = blocks()
    labels[3, 1, 1] = 50
    atlas = read_atlas((labels, AFFINE), {50: "tiny", 3: "A", 7: "B", 2001: "C", 2**31: "D"})
    coarse = np.diag([-6.0, 6, 6, 1.0])
    coarse[:3, 3] = nib.affines.apply_affine(AFFINE, (0, 0, 0)) + 0.1
    placed = atlas.on(Grid((4, 5, 3), coarse))
    assert "1 of 5 regions holds no voxel on the grid of comparison: tiny" in said(placed)
    assert len(placed) == 5
    assert (placed.codes != 3).all()  # tiny is the third
    half = atlas.on(Grid((8, 10, 1), AFFINE))
    assert "2 of 5 regions keep less than 50\u00a0% of their volume on the grid of comparison: A, B" in said(half)
    assert "3 of 5 regions hold no voxel on the grid of comparison: tiny, C, D" in said(half)


def test_the_same_grid_gives_the_same_atlas():
    atlas = read_atlas((blocks(), AFFINE))
    assert atlas.on(Grid(SHAPE, AFFINE + 1e-9 * np.eye(4))) is atlas


def test_an_atlas_elsewhere_covers_nothing():
    away = AFFINE.copy()
    away[0, 3] = 900
    with pytest.raises(MapError, match=r"none of its regions holds a voxel .* in one space"):
        read_atlas((blocks(), AFFINE)).on(Grid(SHAPE, away))
    with pytest.raises(MapError, match="none of its regions holds a voxel"):
        read_atlas((probabilities(), AFFINE)).on(Grid(SHAPE, away))


def test_an_atlas_without_orientation_fits_only_its_shape(tmp_path):
    for name, data in (("a", blocks()), ("p", probabilities())):
        image = nib.Nifti1Image(data.astype(np.float64), None)
        image.to_filename(tmp_path / f"{name}.nii")
        atlas = read_atlas(tmp_path / f"{name}.nii")
        assert atlas.on(Grid(SHAPE, AFFINE)) is atlas
        with pytest.raises(MapError, match="cannot be placed on the grid of comparison"):
            atlas.on(Grid((5, 5, 5), AFFINE))


@pytest.mark.parametrize("top", [1.0, 100.0])
def test_probabilities_are_a_volume_per_region(top):
    data = probabilities(3, top)
    atlas = read_atlas((data, AFFINE), ["A", "B", "C"])
    assert atlas.codes is None
    assert atlas.weights.shape == (3, *SHAPE)
    assert atlas.weights.dtype == np.float32
    assert repr(atlas).startswith("Atlas: 3 probabilistic regions")
    for k, region in enumerate(atlas.regions):
        np.testing.assert_array_equal(atlas.weights[k], data[..., k].astype(np.float32))
        assert region.id == k + 1
        assert region.n_voxels == (data[..., k] > 0).sum()
        weights = data[..., k][data[..., k] > 0]
        assert region.centroid == pytest.approx(centroid(data[..., k] > 0, weights=weights), abs=1e-4)
    assert f"3 regions, a volume of weights up to {data.max():.4g} for each" in said(atlas)


def test_probabilities_as_whole_percent_and_overlapping_masks():
    percent = np.rint(probabilities(3, 100))
    assert "weights up to" in said(read_atlas((percent, AFFINE)))
    masks = (probabilities() > 0.3).astype(np.uint8)
    assert ((masks.sum(-1)) > 1).any()
    atlas = read_atlas((masks, AFFINE))
    np.testing.assert_array_equal(atlas.weights, np.moveaxis(masks, -1, 0))
    assert "a volume of one value (a mask) for each" in said(atlas)


def test_a_fifth_axis_and_a_missing_value():
    data = probabilities()
    data[0, 0, 0] = np.nan
    atlas = read_atlas((data[:, :, :, None], AFFINE))
    assert len(atlas) == 3
    assert (atlas.weights[:, 0, 0, 0] == 0).all()


def test_an_empty_volume_stays_a_region():
    data = probabilities()
    data[..., 1] = 0
    atlas = read_atlas((data, AFFINE), ["A", "B", "C"])
    assert atlas.regions[1].n_voxels == 0
    assert np.isnan(atlas.regions[1].centroid).all()
    assert "1 of 3 volumes holds no voxel: B" in said(atlas)
    assert "hold no voxel on the grid" not in said(atlas.on(Grid((8, 10, 5), AFFINE)))


def test_probabilities_on_another_grid_are_interpolated():
    atlas = read_atlas((probabilities(), AFFINE))
    shifted = AFFINE.copy()
    shifted[:3, 3] += (1, -1.2, 0.7)
    target = Grid((7, 9, 5), shifted)
    placed = atlas.on(target)
    assert placed.weights.shape == (3, 7, 9, 5)
    assert placed.weights.dtype == np.float32
    for k in range(3):
        values, _ = resample(atlas.weights[k], np.ones(SHAPE, bool), atlas.grid, target, "linear")
        np.testing.assert_allclose(placed.weights[k], values, atol=1e-6)
    assert placed.weights.min() >= 0
    assert "probabilities interpolated linearly" in said(placed)
    np.testing.assert_array_equal(atlas.on(Grid((8, 10, 4), AFFINE)).weights, atlas.weights[..., :4])


def test_slightly_negative_weights_are_0_and_said():
    data = probabilities()
    data[0, 0, 5, 1] = -0.004
    atlas = read_atlas((data, AFFINE))
    assert atlas.weights.min() == 0
    assert "(1 slightly negative value taken as 0)" in said(atlas)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (np.zeros(SHAPE), "no voxel is other than 0"),
        (np.full(SHAPE, np.nan), "no voxel is other than 0"),
        (np.zeros((*SHAPE, 3)), "all 3 volumes are empty: no voxel is above 0"),
        (blocks() - 2, r"360 voxels hold negative labels, down to −2: labels of an atlas are 1 or more"),
        (np.where(blocks() == 3, -4, blocks()), r"30 voxels hold negative labels, down to −4"),
        (np.where(blocks() == 3, np.inf, blocks()), r"30 of its 120 voxels other than 0 hold .*infinity"),
        (np.where(blocks() == 3, 2.5, blocks()), r"30 of its 120 voxels .*such as 2.5\): "
                                                 ".*interpolated must be resampled again, with the nearest voxel"),
        (np.random.default_rng(0).standard_normal((20, 20, 20)),
         r"7.998 of its 8.000 voxels .* but 7.998 different ones from −\S+ to \S+: .*looks like a map of measurements"),
        (np.random.default_rng(0).standard_normal((*SHAPE, 4)), "volume 1 of 4 holds .* negative values, down to −"),
        (np.where(probabilities() > 0.9, np.inf, probabilities()), "volume 1 holds infinite values"),
        (np.stack([blocks((1, 2, 3, 4)), blocks((5, 6, 7, 8))], -1), "2 volumes hold whole numbers up to 8: labels or"),
        (np.stack([blocks(), blocks()], -1), "2 volumes hold whole numbers up to 2.14748e.09: labels or counts"),
        (np.arange(30**3).reshape(30, 30, 30), "more than 20.000 different whole numbers .* measurements, not labels"),
    ],
)
def test_what_is_no_atlas_is_refused_with_numbers(data, words, tmp_path):
    path = save(tmp_path / "bad.nii.gz", data.astype(np.float64))
    with pytest.raises(MapError, match=words) as caught:
        read_atlas(path)
    assert caught.value.path == path
    assert caught.value.advice


def test_a_run_of_a_scanner_is_refused_and_an_atlas_with_its_header_is_not(tmp_path):
    run = np.random.default_rng(0).integers(500, 900, (*SHAPE, 24)).astype(np.int16)
    time = {"xyzt_units": 10, "pixdim": [1, 3, 3, 3, 2, 0, 0, 0]}
    with pytest.raises(MapError, match=r"a time series of 24 volumes .*niicorr rois"):
        read_atlas(save(tmp_path / "run.nii", run, **time))
    many = np.repeat(probabilities(4, 100), 6, axis=-1)
    assert len(read_atlas(save(tmp_path / "p.nii", many, **time))) == 24


def test_large_weights_are_questioned():
    assert read_atlas((probabilities(3, 99), AFFINE)).warnings == ()
    (warning,) = read_atlas((probabilities(3, 450), AFFINE)).warnings
    assert "its weights reach 4" in warning


def test_a_map_of_counts_is_questioned():
    rng = np.random.default_rng(0)
    counts = (rng.integers(1, 40, (20, 20, 20)), np.eye(4))
    (warning,) = read_atlas(counts).warnings
    assert "It looks like a map of counts" in warning
    assert "regions of 205 voxels" in warning
    parcels = np.repeat(np.repeat(np.repeat(np.arange(1, 65).reshape(4, 4, 4), 5, 0), 5, 1), 5, 2)
    assert read_atlas((parcels, np.eye(4))).warnings == ()


def test_sides_that_contradict_the_names_are_warned_of():
    names = {3: "A_R", 7: "A_L", 2001: "B_R", 2**31: "B_L"}
    assert read_atlas((blocks(), AFFINE), names).warnings == ()
    flipped = AFFINE @ np.diag([-1, 1, 1, 1.0])
    (warning,) = read_atlas((blocks(), flipped), names).warnings
    assert "regions named left lie on the right" in warning
    aside = AFFINE.copy()
    aside[0, 3] += 40  # a scan in its own space
    assert read_atlas((blocks(), aside), names).warnings == ()
    wrong = blocks((3, 7, 2001, 5))
    wrong[0:2, 0:3, 5], wrong[6:, 0:3, 5] = 90, 80
    names = {3: "A_R", 7: "A_L", 2001: "B_R", 5: "B_L", 80: "C_R", 90: "D_R"}
    (warning,) = read_atlas((wrong, AFFINE), names).warnings
    assert "1 of 6 regions lies on the other side than its name says: C_R" in warning


def test_the_table_beside_is_taken_and_said(tmp_path):
    path = save(tmp_path / "mine.nii.gz", blocks((1, 2, 3, 4)), dtype=np.uint8)
    assert read_atlas(path).names == ("region 1", "region 2", "region 3", "region 4")
    (tmp_path / "mine.tsv").write_text("index\tname\n1\tA\n2\tB\n3\tC\n4\tD\n5\tE\n")
    atlas = read_atlas(path)
    assert atlas.names == ("A", "B", "C", "D")
    assert "names from mine.tsv beside it" in said(atlas)
    assert "1 region of mine.tsv without a voxel in the image: E (5)" in said(atlas)
    assert read_atlas(path, ["a", "b", "c", "d"]).names == ("a", "b", "c", "d")


def test_a_table_beside_that_is_not_this_ones_is_not_taken(tmp_path):
    path = save(tmp_path / "mine_res-2.nii.gz", blocks((1, 2, 3, 4)), dtype=np.uint8)
    (tmp_path / "mine_res-2.txt").write_text("Please cite us.\n")
    (tmp_path / "mine.csv").write_text("1,A\n2,B\n3,C\n4,D\n5,E\n")
    atlas = read_atlas(path)
    assert atlas.names[0] == "region 1"
    assert "mine_res-2.txt lies beside the atlas and was not taken: 1 name without numbers for 4" in said(atlas)
    assert "mine.csv lies beside the atlas and was not taken: it names 4 of the 4 regions, and 1 other" in said(atlas)
    (tmp_path / "mine.csv").write_text("1,A\n2,B\n3,C\n4,D\n")
    assert read_atlas(path).names == ("A", "B", "C", "D")


def test_a_table_whose_numbers_fit_goes_before_one_that_could_only_be_taken_in_order(tmp_path):
    path = save(tmp_path / "aal.nii.gz", blocks((2001, 2002, 2101, 2102)), dtype=np.int16)
    (tmp_path / "aal.csv").write_text("1,Amygdala\n2,Caudate\n3,Frontal\n4,Precentral\n")
    alone = read_atlas(path)
    assert alone.names[0] == "Amygdala"
    assert "names were taken in order. Check some of them" in alone.warnings[0]
    (tmp_path / "labels_aal.csv").write_text("index,name\n2001,Precentral\n2002,Frontal\n2101,Caudate\n2102,Amygdala\n")
    both = read_atlas(path)
    assert both.names == ("Precentral", "Frontal", "Caudate", "Amygdala")
    assert both.warnings == ()
    assert "names from labels_aal.csv beside it" in said(both)
    assert ("aal.csv lies beside the atlas and was not taken: its names could only be taken in order, and the numbers "
            "of labels_aal.csv are the labels") in said(both)


@pytest.mark.parametrize(("listed", "beside", "first"), [
    ("A\nB\nC\nD\n", "3,w\n7,x\n9,y\n11,z\n", "w"),  # a list without numbers gives way, too
    ("A\nB\nC\nD\n", "3,w\n7,x\n9,y\n11,z\n12,more\n", "A"),  # unless the other is not quite this atlas's
    ("101,A\n102,B\n103,C\n104,D\n", "3,w\n7,x\n9,y\n11,z\n12,more\n", "w"),  # which beats going against numbers
    ("101,A\n102,B\n103,C\n104,D\n", "3,w\n7,x\n12,y\n13,z\n", "A"),
])
def test_what_gives_way_to_numbers_that_fit(listed, beside, first, tmp_path):
    path = save(tmp_path / "mine.nii.gz", blocks((3, 7, 9, 11)), dtype=np.int16)
    (tmp_path / "mine.txt").write_text(listed)
    (tmp_path / "labels_mine.csv").write_text(beside)
    assert read_atlas(path).names[0] == first


def test_large_atlases_are_refused_before_they_are_read(tmp_path):
    path = save(tmp_path / "p.nii", np.tile(probabilities(4), 2).astype(np.float32))
    volume = 4 * int(np.prod(SHAPE))
    assert len(read_atlas(path, max_map_size=2 * volume)) == 8
    with pytest.raises(MapError, match=r"its 8 volumes of 8×10×6 voxels would take .* raise --max-map-size"):
        read_atlas(path, max_map_size=2 * volume - 1)
    with pytest.raises(MapError, match="raise --max-map-size"):
        read_atlas(save(tmp_path / "a.nii", blocks(), dtype=np.int32), max_map_size=100)


def test_labels_are_read_within_three_times_their_volume(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 90, (20, 20, 20)), np.ones((7, 7, 7))).astype(np.int16)
    path = save(tmp_path / "a.nii", labels)
    read_atlas((blocks(), AFFINE))  # what is imported on first use
    tracemalloc.start()
    read_atlas(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * labels.size * 4


@pytest.mark.parametrize("atlas", ["missing.nii.gz", "folder/aal", "no*match"])
def test_a_file_that_is_missing(atlas):
    with pytest.raises(MapError, match=r"no such file|no file matches"):
        read_atlas(atlas)


@pytest.mark.parametrize(
    ("atlas", "words"),
    [
        ("schaefr200", "'schaefr200' is neither a file nor the name of an atlas. Did you mean schaefer200"),
        ("zzz", "Names are aal, aal3, basc7"),
        ({"labels": ["A"]}, "a dict without `maps` is no atlas"),
    ],
)
def test_a_word_that_is_no_atlas(atlas, words):
    with pytest.raises(UsageError, match=words):
        read_atlas(atlas)


@pytest.mark.parametrize("atlas", ["", "a\0b", 5])
def test_nonsense_is_refused_in_words(atlas):
    with pytest.raises((MapError, UsageError, ValueError)) as caught:
        read_atlas(atlas)
    assert "niicorr" in type(caught.value).__module__


def test_a_name_is_fetched_only_where_no_file_has_it(tmp_path, monkeypatch):
    asked = []

    def fetch(name):
        asked.append(name)
        return FetchedAtlas("aal", nib.Nifti1Image(blocks((1, 2)).astype(np.uint8), AFFINE), ["A", "B"])

    monkeypatch.setattr(module, "fetch_atlas", fetch)
    monkeypatch.chdir(tmp_path)
    atlas = read_atlas("AAL")
    assert asked == ["AAL"]
    assert atlas.names == ("A", "B")
    assert atlas.path == "aal"
    assert said(atlas).startswith("aal, as nilearn fetched it")
    assert read_atlas("aal", ["C", "D"]).names == ("C", "D")
    (tmp_path / "aal").mkdir()
    assert read_atlas("aal").path == "aal"
    asked.clear()
    (tmp_path / "aal").rmdir()
    (tmp_path / "aal").write_bytes((tmp_path / save("a.nii", blocks((1, 2)), dtype=np.uint8)).read_bytes())
    assert read_atlas("aal").names == ("region 1", "region 2")
    assert asked == []


def test_what_a_fetcher_returned_is_an_atlas(tmp_path):
    path = save(tmp_path / "a.nii", blocks((1, 2)), dtype=np.uint8)
    atlas = read_atlas({"maps": path, "labels": ["Background", "A", "B"], "description": ""})
    assert atlas.names == ("A", "B")
    assert atlas.path == path
