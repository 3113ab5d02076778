"""Which pairs have a map that is another one over the common features: against variances by numpy."""

import numpy as np
import pytest

from niicorr import matrix
from niicorr.matrix import MapMatrix
from niicorr.nulls import misfits as module
from niicorr.nulls.misfits import LEAST, MOST, misfits

N = 400


def values(count, seed, gaps):
    """Maps of different strength in places, with a spike in every third, and gaps of their own in places."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(count, N)) + 3
    made[1::3, :4] = 60
    made[2::3, N // 2 :] *= 0.1
    for row, share in zip(made, rng.choice(gaps, count), strict=True):
        start = rng.integers(0, N)
        row[(start + np.arange(int(share * N))) % N] = np.nan
    made[::6, :3] = np.nan
    made[3] = np.where(np.isfinite(made[3]), 7.0, np.nan)
    return made


def by_definition(x, y):
    """Whether the variance of a map over the common features is far from that over its own, cell by cell."""
    out = np.zeros((len(y), len(x)), dtype=bool)
    for i, b in enumerate(y):
        for j, a in enumerate(x):
            common = np.isfinite(a) & np.isfinite(b)
            for side in (a, b) if common.any() else ():
                own = np.nanvar(side)
                if own > 0 and common.sum() < np.isfinite(side).sum():
                    out[i, j] |= not LEAST <= side[common].var() / own <= MOST
    return out


@pytest.mark.parametrize("few", [0, 1000], ids=["sifted", "all"])
@pytest.mark.parametrize("gaps", [(0, 0.02), (0, 0.05, 0.2, 0.6)], ids=["small", "large"])
@pytest.mark.parametrize("bytes_of_small", [0, 2**30], ids=["float32", "float64"])
def test_they_are_those_of_the_definition(monkeypatch, few, gaps, bytes_of_small):
    monkeypatch.setattr(module, "FEW", few)
    monkeypatch.setattr(module, "ROWS", 7)
    monkeypatch.setattr(module, "CHUNK", 90)
    monkeypatch.setattr(matrix, "SMALL", bytes_of_small)
    x, y = values(23, 0, gaps), values(17, 1, gaps)
    tested = np.random.default_rng(2).random((17, 23)) < 0.9
    n = (np.isfinite(y) @ np.isfinite(x).T.astype(int)).astype(int)
    tested &= n > 3
    expected = by_definition(x, y) & tested
    assert 10 < expected.sum() < tested.sum() - 10
    one, other = MapMatrix.from_array(x), MapMatrix.from_array(y)
    np.testing.assert_array_equal(misfits(one, other, n, tested), expected)
    np.testing.assert_array_equal(misfits(one, other, n, tested, jobs=2), expected)


def test_maps_without_gaps_are_never_looked_at(monkeypatch):
    monkeypatch.setattr(module, "_sums", None)
    x = MapMatrix.from_array(values(5, 0, (0,)))
    assert not misfits(x, x, np.full((5, 5), N), np.ones((5, 5), dtype=bool)).any()


def test_gaps_of_ordinary_maps_are_no_misfit():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 4000))
    for row in x:
        row[rng.integers(3600) + np.arange(400)] = np.nan
    n = np.isfinite(x).astype(int) @ np.isfinite(x).T.astype(int)
    one = MapMatrix.from_array(x)
    assert not misfits(one, one, n, np.ones((30, 30), dtype=bool)).any()
