import numpy as np
import pytest
from by_definition import BRAIN_LIKE, SHEARED, Mask, features_of, irregular_mask

from niicorr.nulls.autocovariance import ClassSums, lag_classes, lag_table, pair_counts
from niicorr.nulls.lattice import lattice_of
from niicorr.nulls.traces import atoms_for, class_weights, expected_autocovariance, mask_lags, row_sums, traces

AFFINES = {
    "box": BRAIN_LIKE,
    "cubes": np.diag([3.0, 3.0, 3.0, 1.0]),
    "flipped and turned": np.array([[0, -3.5, 0, 9], [3.0, 0, 0, 0], [0, 0, -4.5, 0], [0, 0, 0, 1]]),
    "oblique": BRAIN_LIKE @ np.eye(4),
    "sheared": SHEARED,
}
_TURN = np.linalg.qr(np.random.default_rng(3).standard_normal((3, 3)))[0]
AFFINES["oblique"] = np.block([[_TURN @ BRAIN_LIKE[:3, :3], np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]])


@pytest.fixture(params=list(AFFINES))
def studied(request):
    affine = AFFINES[request.param]
    features = features_of(irregular_mask(), affine)
    lattice = lattice_of(features, np.ones(features.n, dtype=bool))
    lags = mask_lags(lattice.volume(np.ones(features.n)), lattice)
    return lattice, lags, Mask(features.coords, affine)


def close(got, expected):
    """Within 1e-10 of the largest term of its kind."""
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12 * np.abs(expected).max())


def test_traces_are_those_of_the_matrices(studied):
    lattice, lags, mask = studied
    atoms = atoms_for(lattice, lags.n)
    found = traces(lags, row_sums(lags.mask, lattice, atoms), atoms)
    assert found.n == mask.n
    np.testing.assert_allclose(found.W, mask.W, rtol=1e-10)
    np.testing.assert_allclose(found.d, mask.d, rtol=1e-10)


def test_expectations_are_those_of_the_matrices(studied):
    lattice, lags, mask = studied
    atoms = atoms_for(lattice, lags.n)
    classes = ClassSums(lattice, int(lags.fitted.max()))
    assert classes.spectral == lattice.orthogonal
    found = expected_autocovariance(lags, row_sums(lags.mask, lattice, atoms), atoms, classes)
    np.testing.assert_array_equal(lags.fitted, mask.fitted)
    close(found, mask.E)
    np.testing.assert_array_equal(lags.pairs[lags.fitted], mask.pairs[mask.fitted])
    close(lags.length[lags.fitted], mask.length[mask.fitted])
    close(class_weights(lags, lattice), mask.weights)


def test_sums_by_spectrum_and_by_lag_are_one(studied, monkeypatch):
    lattice, lags, _ = studied
    rng = np.random.default_rng(0)
    box = rng.standard_normal(lattice.shape) * lags.mask
    found = []
    for limit in (2**28, 0):
        monkeypatch.setattr("niicorr.nulls.autocovariance.FILTER_BYTES", limit)
        classes = ClassSums(lattice, int(lags.fitted.max()))
        transform = classes.transform(box)
        found.append(classes.of(classes.prepare(np.abs(transform) ** 2)[None]))
        single = classes.prepare((np.abs(classes.transform(box.astype(np.float32))) ** 2).astype(np.float32))
        np.testing.assert_allclose(classes.of(single[None]), found[-1], atol=1e-4 * (box**2).sum())
    close(*found)
    np.testing.assert_allclose(found[0][0, 0], (box**2).sum())


def test_pair_counts_are_exact():
    mask = irregular_mask((5, 4, 6))
    counts = pair_counts(mask.astype(float))
    places = np.argwhere(mask)
    lags = (places[:, None] - places[None]).reshape(-1, 3)
    expected = np.zeros(counts.shape)
    np.add.at(expected, tuple(lags.T), 1)  # negative lags are negative indices
    np.testing.assert_array_equal(counts, expected)


def test_classes_are_rounded_half_to_even_and_start_at_one():
    """Edges 1, 1, 4: a lag of 1 is a quarter edge (class 1 all the same), of 6 one and a half (class 2)."""
    features = features_of(np.ones((15, 2, 2), bool), np.diag([1.0, 1, 4, 1]))
    lattice = lattice_of(features, np.ones(features.n, bool))
    found = lag_classes(np.array([0.0, 1, 16, 36, 100, 196]), lattice)
    np.testing.assert_array_equal(found, [0, 1, 1, 2, 2, 4])


def test_all_pairs_are_in_the_table(studied):
    lattice, lags, mask = studied
    assert lag_table(lags.mask, lattice).count.sum() == mask.n**2
    assert lags.table.squared_mm[0] == 0


def test_classes_without_pairs_are_not_fitted():
    """Two sheets far apart have lags of no voxels between them; of these nothing is to be learned."""
    mask = np.zeros((3, 9, 9), dtype=bool)
    mask[0, ::4, ::4] = mask[2, ::4, ::4] = True
    features = features_of(mask, np.diag([3.0, 3.0, 3.0, 1.0]))
    lattice = lattice_of(features, np.ones(features.n, dtype=bool))
    lags = mask_lags(lattice.volume(np.ones(features.n)), lattice)
    assert (lags.pairs == 0).any()
    assert (lags.pairs[lags.fitted] > 0).all()
