"""The null for regions by its definitions: loops, matrices of regions by regions; and maps to try it on."""

import numpy as np
from scipy.optimize import nnls

from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.distances import distances

P = 34
RNG = np.random.default_rng(11)
COORDS = RNG.uniform(-1, 1, (P, 3)) * [60, 80, 50] + [3, -20, 10]
VOLUMES = np.exp(RNG.normal(8.5, 1, P))
ENDS = (1.3, 2.0, 2.8, 3.8)


def smooth(count, seed, coords=COORDS, volumes=VOLUMES, width=20.0, uneven=None):
    """Means over regions of Gaussian fields with autocovariance exp(−h²/2·width²)."""
    q = np.zeros(len(coords)) if volumes is None else (3 * volumes / (4 * np.pi)) ** (2 / 3) / 5
    wide = width**2 + q[:, None] + q
    covariance = (width**2 / wide) ** 1.5 * np.exp(-(distances(coords) ** 2) / (2 * wide))
    values = np.random.default_rng(seed).multivariate_normal(np.zeros(len(coords)), covariance, count, method="eigh")
    return values if uneven is None else values * uneven


def matrix(values):
    return MapMatrix.from_array(values)


def placed(values, coords=COORDS, volumes=VOLUMES):
    """Maps of regions that know where these are and how large."""
    values = np.atleast_2d(values)
    return MapMatrix.from_array(values, features=Features(len(coords), centroids=coords, volumes=volumes))


class ByDefinition:
    """All that the null needs of some regions, by loops. Atoms, classes and windows are those of all regions."""

    def __init__(self, coords, volumes, mask=None):
        n = len(coords)
        self.d = np.array([[np.sqrt(sum((a - b) ** 2)) for b in coords] for a in coords])
        nearest = [min(x for x in row if x > 0) for row in self.d]
        self.spacing = np.median(nearest)
        middle = coords.mean(axis=0)
        self.radius = np.sqrt(5 / 3 * np.mean([sum((c - middle) ** 2) for c in coords]))
        q = np.zeros(n) if volumes is None else [(3 * v / (4 * np.pi)) ** (2 / 3) / 5 for v in volumes]
        sigma = [np.diag(np.ones(n) if volumes is None else 1 / volumes)]
        for s in np.geomspace(self.spacing / 2, 1.3 * self.radius, 10):
            matrix = np.empty((n, n))
            for i in range(n):
                for j in range(n):
                    wide = s**2 + q[i] + q[j]
                    matrix[i, j] = (s**2 / wide) ** 1.5 * np.exp(-self.d[i, j] ** 2 / 2 / wide)
            sigma.append(matrix)
        sigma = [s / np.mean(np.diag(s)) for s in sigma]
        self.inside = np.arange(n) if mask is None else np.flatnonzero(mask)
        m = len(self.inside)
        B = np.eye(m) - 1 / m
        self.sigma = [s[np.ix_(self.inside, self.inside)] for s in sigma]
        self.D = [B @ s @ B for s in self.sigma]
        self.W = np.array([[np.trace(k @ u) for u in self.D] for k in self.D])
        self.traces = np.array([np.trace(k) for k in self.D])
        self.windows = np.array([[np.exp(-((self.d[p, i] / self.spacing) ** 2) / 2) for i in range(n)]
                                 for p in range(n)])
        self.windows = (self.windows / self.windows.sum(axis=0))[:, self.inside]
        self.d = self.d[np.ix_(self.inside, self.inside)]

    def class_of(self, i, j):
        return 0 if i == j else max(1, int(np.ceil(self.d[i, j] * 15 / self.radius * (1 - 1e-9))))

    def range_of(self, i, j):
        if i == j:
            return 0
        return 1 + sum(self.d[i, j] > end * self.spacing for end in ENDS)

    def by_class(self, products):
        """Number, mean length and mean product for each class up to the radius."""
        found = [[] for _ in range(16)]
        for i in range(len(self.d)):
            for j in range(len(self.d)):
                if self.class_of(i, j) < 16:
                    found[self.class_of(i, j)].append((self.d[i, j], products[i, j]))
        return [(len(f), *(np.mean(f, axis=0) if f else (0, 0))) for f in found]

    def by_window(self, products):
        """Sum of products by range and window, shape (5, windows)."""
        rows = np.zeros((5, len(self.d)))
        for i in range(len(self.d)):
            for j in range(len(self.d)):
                if self.range_of(i, j) < 5:
                    rows[self.range_of(i, j), i] += products[i, j]
        return rows @ self.windows.T

    def project(self, weights, covariates):
        """Take the traces of weighted correlations of what covariates (regions × covariates) leave."""
        root = np.sqrt(weights)
        q, _ = np.linalg.qr(np.column_stack([np.ones(len(weights)), covariates]) * root[:, None])
        left = np.diag(weights) - (root[:, None] * q) @ (root[:, None] * q).T
        self.W = np.array([[np.trace(left @ k @ left @ u) for u in self.sigma] for k in self.sigma])
        self.traces = np.array([np.trace(left @ k) for k in self.sigma])

    def fit(self, z):
        pairs, length, C = np.array(self.by_class(np.outer(z, z))).T
        E = np.array([[mean for _, _, mean in self.by_class(D)] for D in self.D])
        weights = pairs / (len(z) * np.maximum(1, 3 * len(z) / 15 * (length / self.radius) ** 2))
        has = pairs > 0
        root = np.sqrt(weights[has])
        return nnls((E[:, has] * root).T, C[has] * root)[0]

    def stationary(self, a, b):
        return a @ self.W @ b / ((a @ self.traces) * (b @ self.traces))

    def ratio(self, x, y, weights=None):
        """ρ of two matrices of products (observed: outer products; expected: fitted covariances)."""
        w = np.ones(len(x)) if weights is None else weights
        plain, pairs = self.by_window(np.ones_like(x)), self.by_window(np.outer(w, w))
        R_x, R_y = (self.by_window(m) / np.maximum(plain, 1e-6) * pairs for m in (x, y))
        apart = np.divide(R_x * R_y, pairs, out=np.zeros_like(R_x), where=pairs > 0.5)
        together = R_x.sum(axis=1) * R_y.sum(axis=1) / pairs.sum(axis=1)
        square_x, square_y, twice = np.diag(x), np.diag(y), w**2
        by_region = twice.sum() * (twice * square_x * square_y).sum() / (
            (twice * square_x).sum() * (twice * square_y).sum())
        return apart.sum() / together.sum() * by_region / (apart[0].sum() / together[0])

    def robust(self, z_x, z_y, weights=None):
        a, b = self.fit(z_x), self.fit(z_y)
        V = self.stationary(a, b)
        expected = [np.tensordot(c, np.array(self.D), axes=1) for c in (a, b)]
        ratio = self.ratio(np.outer(z_x, z_x), np.outer(z_y, z_y), weights) / self.ratio(*expected, weights)
        n = 1 + 1 / V
        return V * (1 + n**2 / (n**2 + 50**2) * (min(max(ratio, 2 / 3), 25) - 1))


def scores(values):
    return (values - values.mean()) / values.std()
