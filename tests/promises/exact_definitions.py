"""Every similarity by its definition in whole fractions: no rounding, no overflow, nothing of numpy's or niicorr's."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from itertools import groupby


def similarity(method, a, b, *, weights=None, covariates=(), threshold=0):
    """The number of two lists of finite values, or None where there is none; exact but for the last square root."""
    if len(a) < 3 or len(set(a)) == 1 or len(set(b)) == 1:
        return None
    if method == "dice":
        p, q = [abs(v) > threshold for v in a], [abs(v) > threshold for v in b]
        return None if not any(p + q) else float(Fraction(2 * sum(map(all, zip(p, q, strict=True))), sum(p) + sum(q)))
    w = tuple([1.0] * len(a) if weights is None else weights)
    beside = tuple(map(tuple, covariates))
    (u, u_mean, uu), (v, v_mean, vv) = (scores(method, tuple(values), w, beside) for values in (a, b))
    uv, total = product(list(map(Fraction, w)), u, v), sum(map(Fraction, w))
    return ratio(uv, uu, vv) if method != "concordance" else float(2 * uv / (uu + vv + total * (u_mean - v_mean) ** 2))


@cache
def scores(method, values, weights, covariates):
    """What is multiplied, of one map; its mean before anything was taken away; and the sum of its squares."""
    values, w = list(map(Fraction, values)), list(map(Fraction, weights))
    covariates = [list(map(Fraction, z)) for z in covariates]
    mean = product(w, values) / sum(w)
    if method == "spearman":
        values, covariates = ranks(values), list(map(ranks, covariates))
    if method == "bicor":
        values = biweight(values)
    if method == "concordance":
        values = [v - mean for v in values]
    if method in ("pearson", "spearman"):
        basis = [[Fraction(1)] * len(values)]
        for z in covariates:
            new = left(z, basis, w)
            basis += [new] if any(new) else []
        values = left(values, basis, w)
    return values, mean, product(w, values, values)


def product(*rows):
    """Sum of the products of corresponding values."""
    return sum((math.prod(values) for values in zip(*rows, strict=True)), Fraction(0))


def ratio(ab, aa, bb):
    """``ab / sqrt(aa bb)``."""
    if not aa or not bb:
        return None
    size = math.sqrt(ab * ab / (aa * bb))
    return -size if ab < 0 else size


def left(values, basis, w):
    """What an orthogonal basis does not explain."""
    for row in basis:
        share = product(w, values, row) / product(w, row, row)
        values = [v - share * z for v, z in zip(values, row, strict=True)]
    return values


def ranks(values):
    """Ranks, equal values sharing the mean of theirs."""
    found = [Fraction(0)] * len(values)
    done = 0
    for _, group in groupby(sorted(range(len(values)), key=values.__getitem__), key=values.__getitem__):
        places = list(group)
        for place in places:
            found[place] = done + Fraction(len(places) + 1, 2)
        done += len(places)
    return found


def median(values):
    """The middle one, or the mean of both."""
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def biweight(values):
    """Deviations from the median, those far off weighted down; from the mean, where half of the values are equal."""
    middle = median(values)
    deviations = [v - middle for v in values]
    spread = median(list(map(abs, deviations)))
    if spread == 0:
        mean = sum(values) / len(values)
        return [v - mean for v in values]
    return [d * max(1 - (d / (9 * spread)) ** 2, Fraction(0)) ** 2 for d in deviations]
