"""Two matrices become a result: numbers, and for every cell that needs one a remark."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from niicorr.compute.pearson import MIN_COMMON, Correlation, pearson
from niicorr.errors import InputError
from niicorr.matrix import MapMatrix, same_place
from niicorr.records import Provenance
from niicorr.result import CorrelationResult, Sensitivity
from niicorr.significance import infer
from niicorr.tables import printable
from niicorr.typing import Alternative, BoolArray, Fdr, Float64Array, Method, Null

LOW_OVERLAP = 0.5
"""A cell that uses less than this share of the mask is remarked upon."""

ZEROS_MATTER = 0.1
"""So much must r move under the other reading of zeros (or change its sign) to be remarked upon."""


@dataclass
class Remarks:
    """Notes on cells, several to a cell joined by "; "."""

    notes: dict[tuple[int, int], str] = field(default_factory=dict)

    def add(self, i: int, j: int, text: str) -> None:
        """Add a note to cell (row i, column j)."""
        before = self.notes.get((i, j))
        self.notes[i, j] = f"{before}; {text}" if before else text


def analyse(
    x: MapMatrix,
    y: MapMatrix | None = None,
    *,
    method: Method = "pearson",
    null: Null = "none",
    fdr: Fdr = "bh",
    alternative: Alternative = "two-sided",
    naive_step: int = 0,
    mask: BoolArray | None = None,
    provenance: Provenance | None = None,
    jobs: int = 1,
) -> CorrelationResult:
    """Correlate every map of y (rows) with every map of x (columns).

    Parameters
    ----------
    x, y : MapMatrix
        Same features. Without y, x is compared with itself.
    method : str
        Carried into the result; there is one so far.
    null, fdr, alternative : str
        How p-values are found and adjusted, and which side counts.
    naive_step : int
        The step of ``x.naive`` and ``y.naive``; 0 where there are none.
    mask : ndarray of bool, shape ``grid.shape``, optional
        Carried into the result.
    provenance : Provenance, optional
        What is known so far of how the numbers come about.
    jobs : int
        Threads.

    Returns
    -------
    CorrelationResult
        ``notes`` says why a cell has no number, and what to know of some that have one.

    Raises
    ------
    InputError
        Where there is no map, or the two sets hold different features.
    """
    same_set = y is None
    y = x if y is None else y
    if not (len(x) and len(y)):
        raise InputError("there is no map to compare: an array has no rows")
    if x.features.n != y.features.n:
        raise InputError(f"x has {x.features.n} features, y has {y.features.n}: correlate maps on one grid and mask")
    if not same_place(x.features, y.features):
        raise InputError("x and y hold different voxels: extract both with one sampling (choose_sampling(x, y))")
    found = pearson(x, y, jobs=jobs)
    r = found.r
    if same_set:
        np.fill_diagonal(r, np.where(np.isfinite(np.diag(r)), 1.0, np.nan))
    remarks = Remarks()
    for i, j, text in _empty_cells(found, x, y):
        remarks.add(i, j, text)
    same = list(_same_files(x, y)) if not same_set else []
    for i, j in same:
        remarks.add(i, j, "same file")
    low = np.isfinite(r) & (found.n < LOW_OVERLAP * x.features.n)
    if same_set:
        low = np.tril(low, -1)  # each pair once, as in pairs.tsv
    for i, j in np.argwhere(low):
        remarks.add(int(i), int(j), f"low overlap: {found.n[i, j]} of the {x.features.n} voxels of the mask")
    zeros_matter = _zeros_matter(r, x, y, jobs)
    for i, j in np.argwhere(np.isfinite(zeros_matter)):
        remarks.add(int(i), int(j), f"zeros matter: {_short(r[i, j])} / {_short(zeros_matter[i, j])}")
    inferred: dict[str, Float64Array] = {}
    if null != "none":
        tested = np.isfinite(r)
        tested[tuple(np.array(same, dtype=int).reshape(-1, 2).T)] = False
        if same_set:
            np.fill_diagonal(tested, False)
        inferred, flags = infer(x, y, r, found.n, tested, null=null, fdr=fdr, alternative=alternative,
                                same_set=same_set, jobs=jobs)
        for i, j, text in flags:
            remarks.add(i, j, text)
    provenance = provenance or Provenance()
    if low.any():
        pairs = len(x) * (len(x) - 1) // 2 if same_set else low.size
        text = (f"{int(low.sum())} of {pairs} correlations rest on less than half of the mask's voxels"
                f"{_sparse(x, y)}; their cells say so in pairs.tsv")
        provenance = replace(provenance, warnings=(*provenance.warnings, text))
    naive = _naive(x, y)
    sensitivity = None
    if naive is not None or np.isfinite(zeros_matter).any():
        unknown = np.full(r.shape, np.nan)
        sensitivity = Sensitivity(unknown if naive is None else naive, max(naive_step, 1), zeros_matter)
    return CorrelationResult(r, found.n, x.records, y.records, method, null, same_set, remarks.notes,
                             x.features.grid, mask, sensitivity, provenance, inferred)


def _sparse(x: MapMatrix, y: MapMatrix) -> str:
    """Name the maps that cover little themselves."""
    sparse = list(dict.fromkeys(r.label for m in (x, y) for r in m.records if 0 < r.coverage < LOW_OVERLAP))
    if not sparse:
        return ""
    more = f" and {len(sparse) - 3} more maps" if len(sparse) > 3 else ""
    return f" (little of it is covered by {', '.join(sparse[:3])}{more})"


def _empty_cells(found: Correlation, x: MapMatrix, y: MapMatrix) -> Iterator[tuple[int, int, str]]:
    """Say why a cell has no number."""
    for i, j in np.argwhere(np.isnan(found.r)):
        reasons = []
        for name, record in (("x", x.records[j]), ("y", y.records[i])):
            if record.error:
                reasons.append(f"{name} not used: {printable(record.error)}")
        if not reasons and found.n[i, j] < MIN_COMMON:
            reasons.append(f"fewer than {MIN_COMMON} common voxels (n = {found.n[i, j]})")
        if not reasons:
            constant = [n for n, flags in (("x", found.x_constant), ("y", found.y_constant)) if flags[i, j]]
            reasons.append(f"{' and '.join(constant) or 'a map'} constant over the common voxels")
        yield int(i), int(j), "; ".join(reasons)


def _same_files(x: MapMatrix, y: MapMatrix) -> Iterator[tuple[int, int]]:
    where: dict[Any, list[int]] = {}
    for j, record in enumerate(x.records):
        if record.blake2b:
            where.setdefault((record.blake2b, record.volume), []).append(j)
    for i, record in enumerate(y.records):
        for j in where.get((record.blake2b, record.volume), ()):
            yield i, j


def _zeros_matter(r: Float64Array, x: MapMatrix, y: MapMatrix, jobs: int) -> Float64Array:
    """Find r under the other reading of one map's zeros, where that tells another story; NaN elsewhere."""
    other = np.full(r.shape, np.nan)
    sides = [(x, np.array(sorted(x.zeros), dtype=np.intp), True), (y, np.array(sorted(y.zeros), dtype=np.intp), False)]
    for side, which, columns in sides:
        if which.size == 0:
            continue
        swapped = side.with_zeros_read_otherwise(which)
        found = (pearson(swapped, y, jobs=jobs) if columns else pearson(x, swapped, jobs=jobs)).r
        place = np.s_[:, which] if columns else np.s_[which, :]
        mine, best = r[place], other[place]
        differs = (np.abs(found - mine) > ZEROS_MATTER) | (np.sign(found) * np.sign(mine) < 0)
        further = np.isnan(best) | (np.abs(found - mine) > np.abs(best - mine))
        take = np.isfinite(found) & np.isfinite(mine) & differs & further
        other[place] = np.where(take, found, best)
    if x is y:
        np.fill_diagonal(other, np.nan)
    return other


def _naive(x: MapMatrix, y: MapMatrix) -> Float64Array | None:
    """Correlate over the whole grid, background and zeros as data."""
    if x.naive is None or y.naive is None:
        return None
    # Standard scores have length sqrt(n); rows of constant maps are all zero and have no correlation.
    r = (y.naive @ x.naive.T).astype(np.float64) / max(x.naive.shape[1], 1)
    r[:, ~x.naive.any(axis=1)] = np.nan
    r[~y.naive.any(axis=1)] = np.nan
    return np.asarray(np.clip(r, -1, 1))


def _short(r: float) -> str:
    return f"{r:.2f}".replace("0.", ".", 1)
