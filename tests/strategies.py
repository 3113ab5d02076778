"""What the property tests draw: volumes, grids, matrices of maps with gaps, labels."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from niicorr.images.voxels import Voxels, pack, unpack
from niicorr.space import Grid

MODEST = settings(deadline=None, max_examples=50, derandomize=True)
"""Few examples, the same ones every time: a failure on one machine is a failure on all."""

seeds = st.integers(0, 2**32 - 1)
shapes = st.tuples(*[st.integers(1, 17)] * 3)
"""Every width from 1 to 17: all ways in which a line of voxels fills its last byte, and one byte more."""

SIGNED_AXES = [
    np.array([[sign * (row == column) for row in range(3)] for sign, column in zip(signs, order, strict=True)]).T
    for order in permutations(range(3))
    for signs in ((a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1))
]
"""The 48 ways in which three axes can lie along x, y and z, as 3 × 3 matrices."""


@st.composite
def masks(draw, shape=shapes):
    """Flags of a volume, shape (n1, n2, n3): from empty to full."""
    sides = draw(shape)
    share = draw(st.sampled_from([0.0, 0.03, 0.3, 0.7, 0.97, 1.0]))
    return np.random.default_rng(draw(seeds)).random(sides) < share


def packed(flags):
    """Flags of a volume as `Voxels` keeps them."""
    return pack(flags.ravel(order="F"), flags.shape)


def unpacked(bits, shape):
    """The flags again."""
    return unpack(bits, shape).reshape(shape, order="F")


@st.composite
def kept(draw):
    """A volume, and the same as `Voxels`: background, zeros and data in any proportion."""
    shape = draw(shapes)
    rng = np.random.default_rng(draw(seeds))
    background = draw(st.sampled_from([0.0, -1.0, 7.5]))
    shares = draw(st.sampled_from([(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 2, 1), (1, 0, 1), (0, 1, 1), (5, 1, 0)]))
    kind = rng.choice(3, shape, p=np.array(shares) / sum(shares))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    volume = np.select([kind == 0, kind == 1], [rng.uniform(1, 2, shape), 0.0], background).astype(dtype)
    data, zero = kind == 0, kind == 1
    rest_is_zero = bool(zero.any() and (data | zero).all())
    voxels = Voxels(
        shape, packed(data), packed(zero) if zero.any() and not rest_is_zero else None, rest_is_zero,
        volume.ravel(order="F")[data.ravel(order="F")], background, draw(st.booleans()),
    )
    return voxels, volume, data, zero


@st.composite
def grids(draw):
    """Grids along the axes of space in any order and direction, with odd edges and origins."""
    edges = draw(st.lists(st.sampled_from([0.7, 1.0, 2.0, 3.3]), min_size=3, max_size=3))
    affine = np.eye(4)
    affine[:3, :3] = draw(st.sampled_from(SIGNED_AXES)) * edges
    affine[:3, 3] = draw(st.lists(st.integers(-90, 90), min_size=3, max_size=3))
    return Grid(draw(st.tuples(*[st.integers(2, 9)] * 3)), affine)


@st.composite
def one_map(draw, n):
    """Values of one map, shape (n,): noise, ties, a constant, or noise on a huge offset."""
    rng = np.random.default_rng(draw(seeds))
    kind = draw(st.sampled_from(["noise", "ties", "constant", "offset", "tiny", "huge"]))
    noise = rng.standard_normal(n)
    return {
        "noise": noise,
        "ties": rng.integers(-1, 2, n).astype(float),
        "constant": np.full(n, draw(st.sampled_from([0.0, 0.1, -1e9]))),
        "offset": noise + draw(st.sampled_from([1e3, -1e6, 1e9])),
        "tiny": noise * 1e-200,
        "huge": noise * 1e200,
    }[kind]


@st.composite
def gappy_maps(draw, n, most=4):
    """Maps with missing values, shape (maps, n), NaN where missing; some share their gaps."""
    rng = np.random.default_rng(draw(seeds))
    rows = [draw(one_map(n)) for _ in range(draw(st.integers(1, most)))]
    patterns = [rng.random(n) < share for share in (0.0, 0.3, 0.8, 1.0)]
    for row in rows:
        row[draw(st.sampled_from(patterns))] = np.nan
    return np.array(rows).reshape(len(rows), n)
