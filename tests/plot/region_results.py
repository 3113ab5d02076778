"""Results of regions with each other, made of nothing but names, places and random numbers."""

from __future__ import annotations

import numpy as np

from niicorr.records import MapRecord, Provenance, Region
from niicorr.result import CorrelationResult
from niicorr.result.parcellation import Parcellation, RunSeries

SEVEN = ("Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default")


def region(i, hemisphere="", network="", centroid=None, name=None):
    if centroid is None:
        centroid = ({"L": -30.0, "R": 30.0}.get(hemisphere, 0.0), -60.0 + i % 100, -20.0 + i % 60)
    return Region(name or f"area {i}{hemisphere and '_' + hemisphere}", i + 1, 100, centroid, hemisphere, network)


def pairs_of_sides(n, networks=("",)):
    """Regions left and right in turn, as many atlases have them; networks by turns of the pairs."""
    return [region(i, "LR"[i % 2], networks[i // 2 % len(networks)]) for i in range(n)]


def correlated(regions, *, q=None, method="pearson", path="atlas/aal.nii.gz", seed=0, scale=1.0, mni=True, runs=1,
               missing=(), **fields):
    """A result of these regions; q in every cell, or None for no p-values."""
    n = len(regions)
    rng = np.random.default_rng(seed)
    estimate = rng.uniform(-0.7, 0.7, (n, n))
    estimate = scale * (estimate + estimate.T) / 2
    np.fill_diagonal(estimate, 1.0 if scale == 1 else 1.3 * scale)
    estimate[list(missing), :] = estimate[:, list(missing)] = np.nan
    inferred = {}
    if q is not None:
        q = np.broadcast_to(np.asarray(q, dtype=np.float64), (n, n)).copy()
        q[np.isnan(estimate)] = np.nan
        np.fill_diagonal(q, np.nan)
        inferred = {"p": q / 2, "p_fdr": q}
    maps = tuple(MapRecord(one.name, path) for one in regions)
    series = tuple(RunSeries(f"run-{k}", f"run-{k}.nii.gz", np.zeros((90, n)), np.arange(90)) for k in range(runs))
    parcellation = Parcellation(path, tuple(regions), np.full(n, 100), tuple(s.label for s in series),
                                np.ones((runs, n)), None, mni)
    return CorrelationResult(
        estimate, np.full((n, n), 90 * runs), maps, maps, method, "none" if q is None else "effective",
        same_set=True, parcellation=parcellation, series=series, inferred=inferred,
        provenance=Provenance(options=fields.pop("options", {})), **fields,
    )  # fmt: skip
