"""Sets of maps by their headers: volumes, labels, problems collected."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from niicorr.errors import MapError, UnusableMapsError, UsageError
from niicorr.images.mapset import parse_volumes, read_maps

AFFINE = np.diag([2.0, 3, 4, 1])


def image(*shape, dtype="f4", affine=AFFINE):
    return nib.Nifti1Image(np.zeros(shape, dtype), affine)


@pytest.fixture
def saved(tmp_path):
    def save(name, *shape, tr=None):
        made = image(*shape)
        if tr is not None:
            made.header.set_xyzt_units("mm", "sec")
            made.header["pixdim"][4] = tr
        nib.save(made, tmp_path / name)
        return str(tmp_path / name)

    return save


@pytest.mark.parametrize(
    ("text", "chosen"),
    [("all", [0, 1, 2, 3]), ("1:3", [1, 2]), (":2", [0, 1]), ("2:", [2, 3]), ("3", [3]), ("0:99", [0, 1, 2, 3])],
)
def test_volumes_are_chosen_by_number(saved, text, chosen):
    maps = read_maps(saved("a.nii", 2, 3, 4, 4), volumes=text)
    assert maps.labels == tuple(f"a[{k}]" for k in chosen)
    assert maps.files[0].which == tuple(chosen)
    assert [record.volume for record in maps.records()] == chosen


@pytest.mark.parametrize("text", ["", "a:b", "1:2:3", "-1:2", "3:3", "3:2", "1.5:2", "-1", "first", "1_0", "٣", "²",
                                  ":٣", "9" * 5000])
def test_a_choice_that_is_none_is_wrong_usage(text):
    with pytest.raises(UsageError, match="--volumes"):
        parse_volumes(text)


def test_no_choice_is_no_slice():
    assert parse_volumes(None) is None


def test_volumes_beyond_the_last_name_how_many_there_are(saved):
    with pytest.raises(UnusableMapsError, match=r"has 4 volumes, none of them in --volumes 4:9"):
        read_maps(saved("a.nii", 2, 3, 4, 4), volumes="4:9")


def test_a_single_volume_is_a_map_whatever_the_choice(saved):
    assert read_maps(saved("a.nii", 2, 3, 4), volumes="5:9").labels == ("a",)


def test_a_time_series_needs_a_choice(saved):
    path = saved("bold.nii", 2, 3, 4, 21, tr=1.5)
    with pytest.raises(UnusableMapsError, match="a time series of 21 volumes"):
        read_maps(path)
    assert len(read_maps(path, volumes="all")) == 21
    assert len(read_maps(path, volumes="0:3")) == 3


def test_positions_count_maps_not_files(saved):
    maps = read_maps([saved("a.nii", 2, 3, 4), saved("b.nii", 2, 3, 4, 3), "gone.nii", saved("c.nii", 2, 3, 4)],
                     on_error="skip")
    assert maps.labels == ("a", "b[0]", "b[1]", "b[2]", "gone", "c")
    assert [file.first for file in maps.files] == [0, 1, 4, 5]
    records = list(maps.records())
    assert [r.label for r in records] == list(maps.labels)
    assert records[4].error == "no such file or folder: check the path"
    assert (records[0].shape, records[0].voxel_mm, records[0].orientation) == ((2, 3, 4), (2, 3, 4), "RAS")
    assert records[0].dtype == "float32"


def test_all_bad_files_are_one_error(saved):
    with pytest.raises(UnusableMapsError) as caught:
        read_maps(["x.nii", saved("a.nii", 2, 3, 4), "y.nii"])
    assert [problem.path for problem in caught.value.problems] == ["x.nii", "y.nii"]
    assert caught.value.total == 3


def test_maps_in_memory():
    array = np.zeros((2, 3, 4, 2))
    maps = read_maps([image(2, 3, 4), (array, AFFINE), (array[..., :1], AFFINE)])
    assert [file.header.shape for file in maps.files] == [(2, 3, 4)] * 3
    assert [file.header.n_volumes for file in maps.files] == [1, 2, 1]
    assert all(file.header.grid.known for file in maps.files)
    assert len(set(maps.labels)) == 4


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ((np.zeros((2, 3, 4), complex), AFFINE), "holds complex128"),
        ((np.zeros((2, 3)), AFFINE), "niicorr compares volumes"),
        ((np.zeros((2, 0, 4)), AFFINE), "niicorr compares volumes"),
        ((np.zeros((2, 3, 4)), np.eye(3)), "its affine has shape"),
        ((np.zeros((2, 3, 4)), np.zeros((4, 4))), "singular"),
    ],
)
def test_what_is_no_map_in_memory_says_why(made, words):
    with pytest.raises(UnusableMapsError, match=words):
        read_maps([made])


def test_units_codes_and_mni_of_an_image(tmp_path):
    made = image(2, 3, 4, affine=AFFINE / [[100], [100], [100], [1]])
    made.header.set_xyzt_units("meter")
    made.set_sform(made.affine, 4)
    grid = read_maps([made]).files[0].header.grid
    np.testing.assert_allclose(grid.voxel_mm, (20, 30, 40), rtol=1e-5)
    assert grid.mni
    coded = image(2, 3, 4)
    coded.set_sform(None, 0)
    coded.set_qform(None, 0)
    assert read_maps([coded]).files[0].header.grid.known, "made in memory, with the affine it was given"
    nib.save(coded, tmp_path / "a.nii")
    loaded = nib.load(tmp_path / "a.nii")
    assert not read_maps([loaded]).files[0].header.grid.known


def test_the_largest_map_can_be_limited(saved):
    path = saved("a.nii", 10, 10, 10)
    with pytest.raises(UnusableMapsError, match="--max-map-size"):
        read_maps(path, max_map_size=3999)
    assert isinstance(read_maps(path, max_map_size=3999, on_error="skip").problems[0], MapError)
    assert len(read_maps(path, max_map_size=4000)) == 1


@pytest.mark.parametrize(("maps", "options", "error", "words"), [
    ((np.zeros((3, 3, 3)), "x"), {}, MapError, "its affine holds no numbers"),
    ((np.zeros((3, 3, 3)), np.eye(3)), {}, MapError, "4 × 4"),
    ((np.zeros((3, 3, 3)), AFFINE), {"on_error": "go"}, UsageError, "on_error is stop or skip, not 'go'"),
    ((np.zeros((3, 3, 3)), AFFINE), {"volumes": 3}, UsageError, "volumes takes 'all' or 'A:B', such as '0:10', not 3"),
])
def test_wrong_calls_say_what_is_wrong(maps, options, error, words):
    with pytest.raises((error, UnusableMapsError), match=words):
        read_maps([maps], **options)


def test_a_set_tells_of_itself(saved):
    found = read_maps([saved("a.nii", 3, 3, 3), "gone.nii"], on_error="skip")
    assert repr(found) == "MapSet: 2 maps in 2 files, 1 file cannot be used"
