"""Pictures on disk: back as they were, refused where they do not fit, passed over where another version wrote them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from niicorr.errors import InputError
from niicorr.result.pictures import Autocovariances, Fits, MapPictures, Pictures
from niicorr.result.vectors import deflated

STEPS = np.random.default_rng(0).integers(0, 256, (5, 40)).astype(np.uint8)


def side(which):
    parts = [b"" if i == 1 else deflated(STEPS[i]) for i in which]
    ends = np.cumsum([len(part) for part in parts], dtype=np.int64)
    n = len(parts)
    return MapPictures(np.arange(n) - 1.0, np.arange(n) + 1.0, np.arange(n) == 0, ends,
                       np.frombuffer(b"".join(parts), np.uint8))


def made(same_set=False, whole=True):
    x = side([0, 1, 2])
    y = x if same_set else side([3, 4])
    rng = np.random.default_rng(1)
    fits = Fits(rng.random((len(y), 3)), rng.random((len(y), 3))) if whole else None
    of_x = rng.random((3, 4)).astype(np.float32)
    curves = Autocovariances(np.arange(4.0), of_x, of_x if same_set else of_x[:2] * 2) if whole else None
    return Pictures("top:5", 40, np.arange(40, dtype=np.uint32) if whole else None, x, y, fits, curves)


def saved(pictures, tmp_path):
    np.savez(tmp_path / "arrays.npz", allow_pickle=False, **pictures.arrays())
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def test_a_damaged_map_is_refused_when_it_is_looked_at():
    pictures = made().x
    pictures = replace(pictures, data=np.concatenate([pictures.data[:5], ~pictures.data[5:]]))
    with pytest.raises(InputError, match=r"damaged.*--report-maps none"):
        pictures.steps(0, 40)


@pytest.mark.parametrize("same_set", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_pictures_come_back(tmp_path, same_set, whole):
    before = made(same_set, whole)
    after = Pictures.from_arrays(saved(before, tmp_path), (3 if same_set else 2, 3), same_set)
    assert (after.choice, after.n) == (before.choice, before.n)
    assert (after.y is after.x) == same_set
    for name in ("x", "y"):
        for field in MapPictures.__dataclass_fields__:
            np.testing.assert_array_equal(getattr(getattr(after, name), field), getattr(getattr(before, name), field))
    if not whole:
        assert (after.voxels, after.fits, after.curves) == (None, None, None)
        return
    np.testing.assert_array_equal(after.voxels, before.voxels)
    np.testing.assert_array_equal(after.fits.intercept, before.fits.intercept)
    np.testing.assert_array_equal(after.fits.slope, before.fits.slope)
    np.testing.assert_array_equal(after.curves.x, before.curves.x)
    np.testing.assert_array_equal(after.curves.y, before.curves.y)


def test_each_map_is_found_among_the_others():
    pictures = made()
    np.testing.assert_array_equal(pictures.x.steps(0, 40), STEPS[0])
    assert pictures.x.steps(1, 40) is None
    np.testing.assert_array_equal(pictures.x.steps(2, 40), STEPS[2])
    np.testing.assert_array_equal(pictures.y.steps(1, 40), STEPS[4])


def test_older_results_have_none_and_newer_ones_are_passed_over(tmp_path):
    arrays = saved(made(), tmp_path)
    assert Pictures.from_arrays({}, (2, 3), False) is None
    assert Pictures.from_arrays({**arrays, "picture_schema": np.int64(99)}, (2, 3), False) is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("x_low", lambda a: a[:2]),
        ("x_low", lambda a: a + np.inf),
        ("x_high", lambda a: a.astype(np.float32)),
        ("y_ends", lambda a: a[::-1].copy()),
        ("y_ends", lambda a: a + 1),
        ("x_ends", lambda a: np.array([a[-1] + 5, *a[1:]])),
        ("x_data", lambda a: a[:-1]),
        ("x_data", lambda a: a.astype(np.int8)),
        ("voxels", lambda a: a[:-1]),
        ("voxels", lambda a: a.astype(float)),
        ("slope", lambda a: a.T.copy()),
        ("x_curves", lambda a: a[:, :2]),
        ("lags_mm", lambda a: a[None]),
        ("lags_mm", lambda a: a * np.nan),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, name, change):
    arrays = saved(made(), tmp_path)
    arrays[f"picture_{name}"] = change(arrays[f"picture_{name}"])
    with pytest.raises(ValueError, match="picture"):
        Pictures.from_arrays(arrays, (2, 3), False)
