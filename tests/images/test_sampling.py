"""Grid and mask of a comparison: which, and why."""

from __future__ import annotations

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from niicorr.errors import InputError, MapError
from niicorr.images.mapset import read_maps
from niicorr.images.sampling import choose_sampling, placeless, settle
from niicorr.images.survey import survey
from niicorr.space import Grid

SHAPE = (12, 14, 10)


def affine(edge=10.0, origin=(0.0, 0, 0)):
    made = np.diag([edge, edge, edge, 1.0])
    made[:3, 3] = origin
    return made


def ball(shape=SHAPE, size=0.9):
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    return (at**2).sum(axis=0) <= size


def brain(seed=0, shape=SHAPE, background=-1.0, inside=None):
    values = np.random.default_rng(seed).standard_normal(shape) + 5
    values[~(ball(shape) if inside is None else inside)] = background
    return values


def surveyed(*maps):
    return survey(read_maps([(array, affine() if where is None else where) for array, where in maps]))


def unoriented(made, *which):
    readings = [replace(r, grid=Grid(r.grid.shape, np.eye(4), known=False)) if i in which else r
                for i, r in enumerate(made.readings)]
    return replace(made, readings=tuple(readings))


def texts(items):
    return " | ".join(getattr(item, "text", item) for item in items)


def test_one_grid_and_the_voxels_inside_half_of_the_maps():
    insides = [ball(), ball(size=0.7), ball(size=0.5), ball(size=0.4)]
    made = surveyed(*[(brain(k, inside=inside), None) for k, inside in enumerate(insides)])
    sampling = choose_sampling(made)
    np.testing.assert_array_equal(sampling.mask, sum(i.astype(int) for i in insides) >= 2)
    np.testing.assert_array_equal(sampling.grid.affine, affine())
    assert "all 4 maps are on one grid" in texts(sampling.decisions)
    flat = sampling.mask.ravel(order="F")
    np.testing.assert_array_equal(sampling.indices, np.flatnonzero(flat))
    assert (sampling.features.n, sampling.features.grid) == (flat.sum(), sampling.grid)


def test_both_sets_count_and_alike_maps_each_have_their_vote():
    x = surveyed((brain(0, inside=ball(size=0.5)), None))
    y = surveyed(*[(brain(k), None) for k in (1, 2)])
    np.testing.assert_array_equal(choose_sampling(x, y).mask, ball())
    y = surveyed(*[(brain(k, inside=ball(size=0.5)), None) for k in (1, 2)])
    np.testing.assert_array_equal(choose_sampling(surveyed((brain(0), None)), y).mask, ball(size=0.5))


def test_maps_without_an_outline_have_no_say_and_are_counted():
    noise = np.random.default_rng(9).standard_normal(SHAPE)
    sampling = choose_sampling(surveyed((brain(0), None), (noise, None), (noise + 1, None)))
    np.testing.assert_array_equal(sampling.mask, ball())
    assert "the 1 of 3 maps that show an outline" in texts(sampling.decisions)
    assert "2 of 3 maps have no clean background" in texts(sampling.decisions)


def test_no_outline_at_all_is_the_whole_grid_and_a_warning():
    noise = np.random.default_rng(9).standard_normal(SHAPE)
    sampling = choose_sampling(surveyed((noise, None)))
    assert sampling.mask.all()
    assert "no map shows an outline" in sampling.warnings[0]


@pytest.mark.parametrize(("edge", "shape", "questioned"), [(10, SHAPE, False), (4, SHAPE, True), (25, SHAPE, True),
                                                           (0.7, SHAPE, False)])
def test_a_mask_of_no_human_size_is_questioned(edge, shape, questioned):
    sampling = choose_sampling(surveyed((brain(), affine(edge))))
    assert ("litres" in texts(sampling.warnings)) == questioned


IDENTITY = ("has the identity for an affine, as it is written where no place is known: it says nothing of where the "
            "brain lies, and ")


def test_an_identity_for_an_affine_is_questioned_once():
    at_none, at_some = (brain(1), np.eye(4)), (brain(2), affine())
    (said,) = choose_sampling(surveyed(at_none)).warnings
    assert said == f"image 0 {IDENTITY}voxels are compared as they are counted"
    (said,) = choose_sampling(surveyed(*[at_none] * 5)).warnings
    assert said.startswith("all 5 maps have the identity for an affine, as it")
    (said,) = choose_sampling(surveyed(at_none, at_none), surveyed((brain(3), affine(1, (0.5, 0, 0))))).warnings
    assert said.startswith("2 of 3 maps (image 0 and image 1) have the identity for an affine, as it")
    assert said.endswith("what they are compared with lies elsewhere: the same place is hardly the same voxel. Give "
                         "them the affine of the images that they were made from")
    (said,) = choose_sampling(surveyed(*[at_none] * 5, at_some), mask="none", grid=at_some).warnings
    assert said.startswith("5 of 6 maps (image 0, image 1, image 2 and 2 more) have the identity")
    assert "as they are counted" not in said
    assert choose_sampling(surveyed(at_some)).warnings == ()
    assert not placeless([unoriented(surveyed(at_some), 0)], Grid(SHAPE, affine()))  # told map by map
    assert "lies elsewhere" in choose_sampling(surveyed(at_none), grid=(brain(), affine()), mask="none").warnings[0]


def shaded(kind):
    """Values inside the ball; 0 outside."""
    rng = np.random.default_rng(3)
    noise, at = rng.standard_normal(SHAPE), np.arange(np.prod(SHAPE)).reshape(SHAPE)
    return np.where(ball(), {
        "one value": 7.5, "two ends": np.sign(noise), "labels": at % 300 + 1.0, "few": 0.5 + at % 5, "scores": noise,
        "probabilities": rng.uniform(1e-6, 1, SHAPE), "per cent": rng.integers(1, 101, SHAPE),
        "scan": 400 + 90 * noise, "rounded scan": np.round(400 + 90 * noise),
        "one below": np.where(at == at[ball()][0], -1e-7, 1.0)}[kind], 0)


@pytest.mark.parametrize(("kind", "told"), [
    ("one value", False), ("labels", False), ("few", False), ("probabilities", False), ("per cent", False),
    ("rounded scan", False), ("two ends", True), ("scores", True), ("scan", True), ("one below", True)])
def test_a_mask_that_looks_like_a_map_is_questioned(kind, told):
    values = shaded(kind)
    sampling = choose_sampling(surveyed((brain(), None)), mask=(values, affine()))
    np.testing.assert_array_equal(sampling.mask, values != 0)  # whatever is told, the rule is the same
    assert len(sampling.warnings) == told
    if told:
        text = sampling.warnings[0].replace("\xa0", " ")
        numbers = {value for value in np.unique(values) if value}
        below = int((values < 0).sum())
        assert f"{len(numbers)} different values" in text
        assert below == 0 or f"below 0 in {below} of {int((values != 0).sum())} voxels" in text
        assert "looks like a map" in text
        assert "0 outside and 1 inside" in text


def test_the_coarsest_grid_then_the_commonest_then_the_first():
    fine = np.asarray(brain(shape=tuple(2 * n for n in SHAPE)))
    corner = (-2.5, -2.5, -2.5)
    coarse, moved = (brain(), None), (brain(), affine(10, (2.0, 0, 0)))
    assert choose_sampling(surveyed((fine, affine(5, corner)), coarse)).grid.voxel_mm == (10, 10, 10)
    assert choose_sampling(surveyed(coarse, moved, moved)).grid.affine[0, 3] == 2
    assert choose_sampling(surveyed(moved, coarse)).grid.affine[0, 3] == 2
    assert choose_sampling(surveyed(coarse, moved)).grid.affine[0, 3] == 0


def test_a_grid_that_covers_too_little_is_passed_over_and_said():
    slab = brain(shape=(12, 14, 3))
    sampling = choose_sampling(surveyed((slab, affine(10.01)), (brain(), None)))
    assert sampling.grid.shape == SHAPE
    assert "was passed over: it covers" in texts(sampling.decisions)


def test_no_grid_that_serves_all_asks_for_one():
    x, y = surveyed((brain(), None)), surveyed((brain(), affine(10, (60.0, 0, 0))))
    with pytest.raises(InputError, match=r"name one with --grid"):
        choose_sampling(x, y)
    assert choose_sampling(x, y, grid="x", mask="none").mask.all()


def test_the_grid_of_a_set_or_a_file(tmp_path):
    x, y = surveyed((brain(), None)), surveyed((brain(), affine(10, (3.0, 0, 0))))
    assert choose_sampling(x, y, grid="x").grid.affine[0, 3] == 0
    assert choose_sampling(x, y, grid="y").grid.affine[0, 3] == 3
    path = str(tmp_path / "grid.nii")
    nib.save(nib.Nifti1Image(np.zeros((4, 4, 4), "f4"), affine(20, (5.0, 5, 5))), path)
    sampling = choose_sampling(x, y, grid=path, mask="none")
    assert (sampling.grid.shape, sampling.reference) == ((4, 4, 4), path)
    assert path in texts(sampling.decisions)


def test_a_mask_gives_the_grid_and_any_value_but_zero_and_nan_counts():
    flags = np.zeros(SHAPE)
    flags[3:6], flags[6], flags[7] = 1, -2.5, np.nan
    made = surveyed((brain(), affine(10, (1.0, 0, 0))))
    sampling = choose_sampling(made, mask=(flags, affine()))
    np.testing.assert_array_equal(sampling.mask, np.isfinite(flags) & (flags != 0))
    assert sampling.grid.affine[0, 3] == 0
    assert "2 different values from −2.5 to 1" in texts(sampling.decisions)
    other = choose_sampling(made, mask=(flags, affine()), grid="x")
    assert other.grid.affine[0, 3] == 1
    np.testing.assert_array_equal(other.mask, np.isfinite(flags) & (flags != 0))  # a tenth of a voxel away


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ((np.zeros(SHAPE), affine()), "the mask is empty"),
        ((np.ones((*SHAPE, 2)), affine()), "a mask is one volume"),
        ((np.ones(SHAPE), affine(10, (5000.0, 0, 0))), "no voxel on the grid"),
    ],
)
def test_a_mask_that_is_none_says_why(mask, words):
    with pytest.raises(MapError, match=words):
        choose_sampling(surveyed((brain(), None)), mask=mask, grid="x")


@pytest.mark.parametrize("step", [1, 7])
def test_a_mask_far_from_all_maps_is_refused_though_it_gives_the_grid(step):
    flags = np.zeros(SHAPE)
    flags.flat[::step] = 1
    made = surveyed((brain(0), None), (brain(1), affine(10, (20.0, 0, 0))))
    with pytest.raises(MapError, match="grid of any map: check that mask and maps are in one space") as caught:
        choose_sampling(made, mask=(flags, affine(10, (-9000.0, 0, 0))))
    count, middle = ("1\N{NO-BREAK SPACE}680", "65") if step == 1 else ("240", "62")
    assert caught.value.reason == (f"none of the {count} voxels of the mask (around −8945, {middle}, 45 mm) lies in "
                                   "the grid of any map")
    assert caught.value.page == "docs/howto/masks.md"


def test_a_mask_that_meets_one_map_in_one_voxel_is_a_mask():
    flags = np.zeros((90, 90, 90))
    flags[:, :45] = 1  # of which a thousandth would not meet the map
    made = surveyed((brain(0), affine(1, (89.0, 44, 89))), (brain(1), affine(1, (500.0, 0, 0))))
    assert choose_sampling(made, mask=(flags, affine(1))).grid.shape == (90, 90, 90)
    with pytest.raises(MapError, match="lies in the grid of any map"):
        choose_sampling(surveyed((brain(0), affine(1, (90.0, 44, 89)))), mask=(flags, affine(1)))


def test_a_mask_of_infinities_is_told_as_one():
    flags = np.where(ball(), np.inf, 0)
    words = f"the mask holds infinity in {np.isinf(flags).sum()} voxels, and no other number than 0: give an image that"
    with pytest.raises(MapError, match=words):
        choose_sampling(surveyed((brain(), None)), mask=(flags, affine()))
    flags[0, 0, 0] = 1
    assert choose_sampling(surveyed((brain(), None)), mask=(flags, affine())).mask.sum() == 1


def test_the_mni_mask_lies_where_nilearn_has_it():
    from nilearn.datasets import load_mni152_brain_mask

    image = load_mni152_brain_mask(resolution=2)
    coarse = Grid((30, 36, 30), np.array([[6.0, 0, 0, -88], [0, 6, 0, -124], [0, 0, 6, -70], [0, 0, 0, 1]]))
    made = surveyed((np.random.default_rng(0).standard_normal(coarse.shape), coarse.affine))
    mask = choose_sampling(made, mask="mni152").mask
    litres = mask.sum() * 0.216
    assert litres == pytest.approx(np.asarray(image.dataobj).sum() * 0.008, rel=0.02)
    at = nib.affines.apply_affine(np.linalg.inv(image.affine), coarse.coords(np.argwhere(mask)))
    assert np.asarray(image.dataobj)[tuple(np.floor(at + 0.5).astype(int).T)].all()
    mni = replace(made, readings=tuple(replace(r, grid=replace(r.grid, mni=True)) for r in made.readings))
    np.testing.assert_array_equal(choose_sampling(mni).mask, mask)
    with pytest.raises(InputError, match="mni152 needs maps whose headers"):
        choose_sampling(unoriented(made, 0), mask="mni152")


def test_maps_without_orientation_stand_on_the_grid_of_their_shape():
    made = unoriented(surveyed((brain(0), None), (brain(1), None)), 0)
    sampling = choose_sampling(made)
    assert sampling.grid.known
    settled = settle(made, sampling, "auto")
    assert settled.problems == []
    assert "taken voxel by voxel" in texts(settled.readings[0].record.decisions)
    np.testing.assert_array_equal(sampling.mask, ball())


def test_maps_without_orientation_are_refused_where_nothing_tells_their_place():
    several = unoriented(surveyed((brain(0), None), (brain(1), affine(10, (4.0, 0, 0))), (brain(2), None)), 2)
    assert "lie on several grids" in texts(settle(several, choose_sampling(several), "auto").problems)
    other = unoriented(surveyed((brain(0), None), (brain(1, (9, 9, 9)), None)), 1)
    assert "its shape 9×9×9 is not the 12×14×10" in texts(settle(other, choose_sampling(other), "auto").problems)


@pytest.mark.parametrize(
    ("where", "words", "never"),
    [
        (affine(10, (0.05, 0, 0)), "", False),
        (affine(10, (10.0, -20, 0)), "shifted or cropped by whole voxels", False),
        (affine(10, (3.0, 0, 0)), "resampled to other places of 10×10×10 mm voxels: linear interpolation", True),
        (affine(6), "averaged over the larger voxels", True),
        (affine() @ np.diag([-1.0, 1, 1, 1]) + np.array([[0, 0, 0, 110.0], *[[0.0] * 4] * 3]),
         "reordered exactly (LAS to RAS)", False),
    ],
)
def test_how_each_map_gets_there_is_said_and_resample_never_refuses_only_interpolation(where, words, never):
    made = surveyed((brain(0), None), (brain(1), where))
    sampling = choose_sampling(made, mask=(np.ones(SHAPE), affine()))
    settled = settle(made, sampling, "auto")
    assert settled.problems == []
    assert words in texts(settled.readings[1].record.decisions)
    assert settle(settled, sampling, "never") is settled, "said once"
    refused = settle(made, sampling, "never").problems
    assert len(refused) == never
    if never:
        assert "--resample never" in refused[0].text


def test_no_usable_map_and_an_empty_mask():
    made = surveyed((brain(), None))
    with pytest.raises(InputError, match="no map can be used"):
        choose_sampling(replace(made, readings=tuple(r.fail(MapError("a", "bad")) for r in made.readings)))
