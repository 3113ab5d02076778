"""The null model by its definitions: every pair of voxels, matrices of voxels by voxels, loops; no transforms."""

import numpy as np
from scipy.optimize import nnls

from niicorr.matrix import Features, MapMatrix
from niicorr.space import Grid

BRAIN_LIKE = np.diag([3.0, 3.5, 4.5, 1.0])
SHEARED = np.array([[3.0, 0.4, 0, 5], [0, 3.5, 0.6, -7], [0, 0, 4.5, 1], [0, 0, 0, 1]])
RANGES = (0.0, 6.0, 10.0, 15.0, 21.0, 28.0, 37.0, 48.0, 62.0)


def irregular_mask(shape=(9, 8, 7), seed=0):
    """A ball with holes and frayed edges."""
    rng = np.random.default_rng(seed)
    steps = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    return (sum(s**2 for s in steps) < 1.2) & (rng.random(shape) < 0.85)


def features_of(mask, affine=BRAIN_LIKE):
    indices = np.flatnonzero(mask.ravel(order="F"))
    return Features(len(indices), Grid(mask.shape, np.asarray(affine, dtype=float)), indices)


def smooth_maps(features, count, seed=0, fwhm=9.0, uneven=None):
    """Gaussian fields (maps × features): white noise under a Gaussian kernel, as a matrix of all pairs."""
    rng = np.random.default_rng(seed)
    widths = np.full(features.n, fwhm / 2.355) if uneven is None else uneven
    kernel = np.exp(-squared_distances(features.coords) / (2 * widths[:, None] ** 2))
    kernel /= np.linalg.norm(kernel, axis=1, keepdims=True)
    return rng.standard_normal((count, features.n)) @ kernel.T


def matrix_of(values, features):
    return MapMatrix.from_array(values, features=features)


def common_counts(x, y):
    return (y.supports[y.support_of].astype(int) @ x.supports[x.support_of].astype(int).T)


def squared_distances(coords):
    return ((coords[:, None] - coords[None]) ** 2).sum(axis=2)


class Mask:
    """Traces and expectations in a mask, from its matrices."""

    def __init__(self, coords, affine, radius_of=None):
        self.n = len(coords)
        edges = np.linalg.norm(affine[:3, :3], axis=0)
        volume = abs(np.linalg.det(affine[:3, :3]))
        self.radius = (3 * self.n * volume / (4 * np.pi)) ** (1 / 3)
        atoms_radius = radius_of.radius if radius_of else self.radius
        squared = squared_distances(coords)
        squared[squared < 1e-9] = 0
        distance = np.sqrt(squared)
        widths = np.geomspace(edges.min() / 2, 1.3 * atoms_radius, 15)
        self.sigma = sigma = np.stack([(squared == 0).astype(float), *(np.exp(-squared / (2 * s**2)) for s in widths)])
        centring = np.eye(self.n) - 1 / self.n
        demeaned = centring @ sigma
        self.W = np.einsum("kij,lji->kl", demeaned, demeaned, optimize=True)
        self.d = np.einsum("kii->k", demeaned)
        steps = np.rint(np.round(distance / edges.max(), 9)).astype(int)
        self.classes = np.where(squared == 0, 0, np.maximum(1, steps))
        self.pairs = np.bincount(self.classes.ravel())
        self.length = np.bincount(self.classes.ravel(), distance.ravel()) / np.maximum(self.pairs, 1)
        self.fitted = np.flatnonzero((self.pairs > 0) & (self.length <= self.radius))
        expected = demeaned @ centring
        self.E = np.array([[s[self.classes == b].mean() for b in self.fitted] for s in expected])
        h = self.length[self.fitted]
        self.weights = self.pairs[self.fitted] / (
            self.n * np.maximum(1, 4 * np.pi * h**2 * edges.max() / volume))

    def fit(self, values):
        z = (values - values.mean()) / values.std()
        products = np.outer(z, z)
        C = np.array([products[self.classes == b].mean() for b in self.fitted])
        root = np.sqrt(self.weights)
        return nnls(self.E.T * root[:, None], C * root)[0]


def stationary_variance(a_x, a_y, mask):
    return (a_x @ mask.W @ a_y) / ((a_x @ mask.d) * (a_y @ mask.d))


def weighted_traces(mask, weights):
    """W and d of a weighted correlation: B is diag(w) − ww'/Σw."""
    B = np.diag(weights) - np.outer(weights, weights) / weights.sum()
    products = B @ mask.sigma
    return np.einsum("kij,lji->kl", products, products, optimize=True), np.einsum("kii->k", products)


def projected_traces(mask, regressors, weights):
    """W and d where columns of a matrix (voxels × regressors) are regressed out by weighted least squares."""
    root = np.sqrt(weights)
    q, _ = np.linalg.qr(np.column_stack([np.ones(len(weights)), regressors]) * root[:, None])
    P = np.diag(weights) - (root[:, None] * q) @ (root[:, None] * q).T
    products = P @ mask.sigma
    return np.einsum("kij,lji->kl", products, products, optimize=True), np.einsum("kii->k", products)


def hats(coordinate):
    """Windows along one axis, (windows, voxels), for positions in mm: 10 mm apart, but at least 2.5 voxels."""
    first, last = coordinate.min(), coordinate.max()
    if first == last:
        return np.ones((1, len(coordinate)))
    edge = np.diff(np.unique(coordinate.round(6))).min()
    steps = max(1, int(np.rint((last - first) / max(10.0, 2.5 * edge))))
    nodes = np.linspace(first, last, steps + 1)
    return np.array([np.interp(coordinate, nodes, row) for row in np.eye(steps + 1)])


class Pairs:
    """All pairs of voxels of a box of valid ones: their lags, their windows."""

    def __init__(self, coords):
        self.lag = np.round((coords[None] - coords[:, None]).reshape(-1, 3), 6)
        length = np.round(np.linalg.norm(self.lag, axis=1), 6)
        self.near = length <= 40
        lags, self.lag_index = np.unique(self.lag, axis=0, return_inverse=True)
        self.lag_index = self.lag_index.reshape(-1)
        self.lag_length = np.round(np.linalg.norm(lags, axis=1), 6)
        self.range = np.searchsorted(RANGES, length).reshape(len(coords), -1)
        axes = [hats(c) for c in coords.T]
        self.hats = np.einsum("ai,bi,ci->abci", *axes).reshape(-1, len(coords))

    def by_lag(self, z):
        return np.bincount(self.lag_index, np.outer(z, z).ravel())

    def by_window(self, z):
        products = np.outer(z, z)
        return np.array([self.hats @ np.where(self.range == b, products, 0).sum(axis=1) for b in range(len(RANGES))])


def ratios(x, y, pairs, weights=None):
    """ρ_an and ρ_loc ρ_k of two maps on the same voxels; of voxels that count differently if there are weights."""
    x, y, ones = ((v - v.mean()) / v.std() if v.std() else v for v in (x, y, np.ones(len(x))))
    w = ones if weights is None else weights
    plain, n = pairs.by_lag(ones), pairs.by_lag(w)
    R_x, R_y = (pairs.by_lag(v) * n / plain for v in (x, y))
    near = pairs.lag_length <= 40
    separate = (R_x * R_y / n)[near].sum()
    pooled = 0.0
    for length in np.unique(pairs.lag_length[near]):
        c = pairs.lag_length == length
        pooled += R_x[c].sum() * R_y[c].sum() / n[c].sum()
    anisotropy = separate / pooled

    plain, n = pairs.by_window(ones), pairs.by_window(w)
    with np.errstate(divide="ignore", invalid="ignore"):
        R_x, R_y = (np.nan_to_num(pairs.by_window(v) * n / plain) for v in (x, y))
        terms = np.where(n > 0.5, R_x * R_y / n, 0)
    has = n.sum(axis=1) > 0.5
    local = terms.sum() / (R_x.sum(axis=1) * R_y.sum(axis=1))[has].dot(1 / n.sum(axis=1)[has])
    window = terms[0].sum() / (R_x[0].sum() * R_y[0].sum() / n[0].sum())
    w2 = w**2
    voxel = w2.sum() * ((w2 * x**2) @ y**2) / ((w2 * x**2).sum() * (w2 * y**2).sum())
    trusted, total = np.where(n > 0.5, n, 0), np.where(has, n.sum(axis=1), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        a_x, a_y = (np.nan_to_num(R / n) for R in (R_x, R_y))
    Q = [(trusted * a**2).sum() - (R.sum(axis=1) ** 2 / total)[has].sum() for a, R in ((a_x, R_x), (a_y, R_y))]
    spread = Q[0] * Q[1] / (R_x.sum(axis=1) * R_y.sum(axis=1) / total)[has].sum() ** 2
    return anisotropy, local * voxel / window, spread


def robust_variance(stationary, anisotropy, local, spread):
    """Shrink, multiply and hold within bounds; True where a bound was met."""
    held = [np.clip(r, 0.25, 25) if np.isfinite(r) else 1.0 for r in (anisotropy, local)]
    n_eff = 1 + 1 / (stationary * held[0])
    share = n_eff**2 / (n_eff**2 + 150**2) / (1 + (np.sqrt(spread / n_eff) / 0.6) ** 8)
    return stationary * held[0] * (1 + share * (max(held[1], 2 / 3) - 1)), held != [anisotropy, local]
