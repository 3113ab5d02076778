"""Weights and covariates beside the maps: what they leave of the mask, and what is refused in words."""

from __future__ import annotations

import numpy as np
import pytest

from niicorr.errors import InputError, MapError, UsageError
from niicorr.images.beside import read_beside
from niicorr.images.mapset import read_maps
from niicorr.images.sampling import choose_sampling
from niicorr.images.survey import survey

SHAPE, AFFINE = (7, 8, 9), np.diag([4.0, 4, 4, 1])


def noise(seed):
    return np.random.default_rng(seed).standard_normal(SHAPE) + 9


@pytest.fixture(scope="module")
def sampling():
    return choose_sampling(survey(read_maps([(noise(0), AFFINE)])))


def read(sampling, weights=None, partial=None):
    return read_beside(sampling, weights, partial, background="auto", zeros="auto", resample_option="auto",
                       max_map_size=10**9, jobs=1)


def test_nothing_beside_leaves_the_mask_alone(sampling):
    found = read(sampling)
    assert (found.sampling, found.weights, found.covariates, found.records) == (sampling, None, None, ())


def test_voxels_without_weight_or_covariate_do_not_count(sampling):
    weights, first, second = noise(1), noise(2), noise(3)
    weights[0], first[:, 0], second[:, :, 0] = 0, np.nan, np.nan
    both = read(sampling, (weights, AFFINE), [(first, AFFINE), (second, AFFINE)])
    kept = (weights > 0) & np.isfinite(first) & np.isfinite(second)
    np.testing.assert_array_equal(both.sampling.mask, kept)
    flat = [values.ravel(order="F")[kept.ravel(order="F")] for values in (weights, first, second)]
    np.testing.assert_allclose(both.weights / both.weights[0], flat[0] / flat[0][0], rtol=1e-12)
    np.testing.assert_allclose(both.covariates, flat[1:], rtol=1e-6)
    told = {decision.text for decision in both.sampling.decisions if decision.topic in ("weights", "partial")}
    lost = SHAPE[0] * SHAPE[1] * SHAPE[2] - kept.sum()
    assert told == {"covariates: image 0, image 1",
                    f"{lost} of the mask's 504 voxels do not count: their weight is 0 or covariates are missing"}
    assert len(both.records) == 3


@pytest.mark.parametrize(("which", "words"), [("weights", "weight is 0 or missing"),
                                              ("partial", "covariates are missing")])
def test_what_is_missing_is_named(sampling, which, words):
    values = noise(4)
    values[0] = np.nan
    found = read(sampling, **{which: (values, AFFINE)})
    said = [decision.text for decision in found.sampling.decisions if decision.topic == which]
    assert said[-1] == f"72 of the mask's 504 voxels do not count: their {words}"


@pytest.mark.parametrize("spike", [1e12, 1e20, 1e300])
def test_a_spike_that_does_not_count_costs_covariates_no_digits(sampling, spike):
    covariate, weights = noise(5), noise(6)
    covariate[1, 1, 1], weights[1, 1, 1] = spike, 0
    found = read(sampling, (weights, AFFINE), [(covariate, AFFINE)])
    np.testing.assert_array_equal(found.covariates[0], covariate.ravel(order="F")[weights.ravel(order="F") > 0])


def test_many_covariates_are_not_all_named(sampling):
    found = read(sampling, partial=[(noise(k), AFFINE) for k in range(7)])
    said = [decision.text for decision in found.sampling.decisions if decision.topic == "partial"]
    assert said == ["covariates: image 0, image 1, image 2, image 3, image 4 and 2 more"]


@pytest.mark.parametrize(("weights", "partial", "error", "words"), [
    ([0, 0], None, UsageError, "weights are one map; image 0 and what was named with it hold 2"),
    (lambda v: -v, None, MapError, "504 voxels of the mask have negative weights, down to −1"),
    (lambda v: v * 0, None, MapError, r"no voxel of the mask has a weight above 0 \(of 504\): check that"),
    (None, lambda v: v * np.nan, InputError, "image 0: "),
    ("gone.nii", None, InputError, "gone.nii: no such file or folder: check the path"),
    (lambda v: np.where(np.arange(9) < 4, v, 0), lambda v: np.where(np.arange(9) < 4, np.nan, v), InputError,
     "no voxel of the mask is left: none has a weight above 0 and data in every covariate"),
])
def test_what_leaves_no_voxel_is_refused(sampling, weights, partial, error, words):
    def made(how):
        if isinstance(how, list):
            return [(noise(k), AFFINE) for k in how]
        return (how(noise(5)), AFFINE) if callable(how) else how

    with pytest.raises(error, match=words):
        read(sampling, made(weights), made(partial))


def test_a_covariate_without_data_in_the_mask_is_named():
    inside = noise(6)
    inside[:4] = np.nan
    narrow = choose_sampling(survey(read_maps([(inside, AFFINE)])))
    outside = noise(7)
    outside[4:] = np.nan
    with pytest.raises(InputError, match="image 0: no voxel of the mask has data in this covariate: check that"):
        read(narrow, partial=(outside, AFFINE))
