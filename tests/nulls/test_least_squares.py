import numpy as np
import pytest
from scipy.optimize import nnls

from niicorr.nulls.least_squares import nonnegative_least_squares


@pytest.mark.parametrize("seed", range(30))
def test_as_good_as_scipy_on_collinear_gaussians(seed):
    """Widths a factor 1.2 apart: coefficients are hardly determined, the residual and the conditions are."""
    rng = np.random.default_rng(seed)
    h = np.arange(25.0)
    a = np.column_stack([h == 0, *(np.exp(-(h**2) / (2 * s**2)) for s in np.geomspace(0.5, 8, 15))]).astype(float)
    b = np.exp(-h / rng.uniform(0.5, 5)) + rng.normal(0, 0.05, 25)
    z = nonnegative_least_squares(a, b)
    _, residual = nnls(a, b)
    assert (z >= 0).all()
    assert np.linalg.norm(a @ z - b) <= residual * (1 + 1e-9)
    slope = a.T @ (b - a @ z)
    assert slope.max() < 1e-8
    np.testing.assert_allclose(slope[z > 0], 0, atol=1e-8)


def test_nothing_to_fit():
    a = np.array([[1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(nonnegative_least_squares(a, np.zeros(2)), [0, 0])
    np.testing.assert_array_equal(nonnegative_least_squares(a, np.array([-1.0, 1.0])), [0, 0])
    np.testing.assert_allclose(nonnegative_least_squares(a, np.array([2.0, 1.0])), [2, 0])
