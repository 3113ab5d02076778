"""The regions of a result on disk: ``regions.tsv``, ``regions.csv``, and what `niicorr.load` needs of them."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.records import Region
from niicorr.result.parcellation import Parcellation
from niicorr.tables import cell_text, number, write_tsv
from niicorr.typing import Float64Array

if TYPE_CHECKING:
    from niicorr.result.correlation import CorrelationResult

REGION_COLUMNS = ("id", "name", "hemisphere", "network", "x_mm", "y_mm", "z_mm", "n_voxels_atlas", "n_voxels",
                  "coverage_mean", "coverage_min", "n_maps")
RUN_COLUMNS = (*REGION_COLUMNS[:-1], "n_runs")

COVERED = 1e-9
"""A region counts as there from so much coverage on."""


def sets_of(result: CorrelationResult) -> tuple[str, ...]:
    """Return the set, ``x`` or ``y``, of each source of a result's regions; ``run`` for time series."""
    if result.series:
        return ("run",) * len(result.series)
    return ("x",) * len(result.x_maps) + (() if result.same_set else ("y",) * len(result.y_maps))


def write_regions(regions: Parcellation, folder: str, sets: Sequence[str]) -> list[str]:
    """Write what is known of every region, and the regional values; return the names of the files.

    Parameters
    ----------
    regions : Parcellation
        With values or without.
    folder : str
        An existing folder.
    sets : sequence of str
        The set of each source.

    Notes
    -----
    ``regions.tsv`` has one row per region: its label in the image, name, side and network as the table tells them,
    its centre in mm, its voxels in the atlas and on the grid of comparison, how far maps cover it (mean and
    smallest share), how many have it, and then the share of each map (columns ``coverage set:label``).
    ``regions.csv`` has one row per map and one column per region.
    """
    runs = "run" in sets
    found = regions.coverage > COVERED if regions.values is None else np.isfinite(regions.values)
    heads = [f"coverage {name}:{label}" for name, label in zip(sets, regions.sources, strict=True)]
    columns = [*(RUN_COLUMNS if runs else REGION_COLUMNS), *heads]
    write_tsv(os.path.join(folder, "regions.tsv"), list(map(cell_text, columns)), [
        [region.id, region.name, region.hemisphere, region.network, *map(float, region.centroid), region.n_voxels,
         int(n), *_range(share), int(has.sum()), *map(float, share)]
        for region, n, share, has in zip(regions.regions, regions.n_voxels, regions.coverage.T, found.T, strict=True)])
    if regions.values is None:
        return ["regions.tsv"]
    with open(os.path.join(folder, "regions.csv"), "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "label", *map(cell_text, regions.names)])
        for name, label, row in zip(sets, regions.sources, regions.values, strict=True):
            writer.writerow([name, cell_text(label), *map(number, row)])
    return ["regions.tsv", "regions.csv"]


def region_arrays(regions: Parcellation) -> dict[str, Any]:
    """Return the arrays of ``report_data.npz``."""
    arrays = {"region_n_voxels": regions.n_voxels, "region_coverage": regions.coverage}
    return arrays if regions.values is None else {**arrays, "region_values": regions.values}


def atlas_record(regions: Parcellation) -> dict[str, Any]:
    """Return what ``run.json`` tells of the atlas."""
    return {"path": regions.path, "mni": regions.mni, "sources": list(regions.sources),
            "regions": [{**asdict(region), "centroid": _place(region)} for region in regions.regions]}


def parcellation_of(record: dict[str, Any], arrays: dict[str, Any]) -> Parcellation:
    """Restore the regions of a saved result."""
    regions = tuple(Region(**{**entry, "centroid": tuple(np.nan if at is None else float(at)
                                                         for at in entry["centroid"])})
                    for entry in record["regions"])
    coverage, n_voxels = arrays["region_coverage"], arrays["region_n_voxels"]
    values = arrays.get("region_values", coverage)
    if n_voxels.dtype.kind not in "iu" or coverage.dtype != np.float64 or values.dtype != np.float64:
        raise ValueError(f"voxels are {n_voxels.dtype}, coverage {coverage.dtype}, regional values {values.dtype}")
    if n_voxels.shape != (len(regions),) or values.shape != coverage.shape:
        raise ValueError(f"voxels of {n_voxels.shape} and values for {len(regions)} regions")
    if coverage.shape != (len(record["sources"]), len(regions)):
        raise ValueError(f"coverage of {coverage.shape} for {len(record['sources'])} maps and {len(regions)} regions")
    return Parcellation(record["path"], regions, n_voxels, tuple(record["sources"]), coverage,
                        arrays.get("region_values"), bool(record["mni"]))


def _range(share: Float64Array) -> tuple[float | None, float | None]:
    known = share[np.isfinite(share)]
    return (float(known.mean()), float(known.min())) if known.size else (None, None)


def _place(region: Region) -> list[float | None]:
    """JSON knows no NaN, which the centre of an empty region is."""
    return [at if np.isfinite(at) else None for at in region.centroid]
