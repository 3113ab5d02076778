"""Makers of example data: the question's maps, maps on several grids, thresholded maps, and a run with an atlas."""

from __future__ import annotations

import os

import numpy as np

from niicorr.datasets.demo import AFFINE, EXPERIMENTS, SHAPE, brain_at, brain_mask, write_demo_data
from niicorr.datasets.example import Example
from niicorr.datasets.files import demand_ours, demand_same, smooth_field, write_map, write_whole
from niicorr.typing import BoolArray, Float64Array, IntArray

NETWORKS = ("Vis", "SomMot", "DorsAttn", "Default")
"""Networks of the atlas of `bold`, ten regions each, five on either side."""

T_R, N_VOLUMES = 2.0, 200
"""Of `bold`: seconds from volume to volume, and volumes."""

RUN_SHAPE = (26, 32, 24)
RUN_AFFINE = ((6.0, 0.0, 0.0, -75.0), (0.0, 6.0, 0.0, -112.0), (0.0, 0.0, 6.0, -58.0), (0.0, 0.0, 0.0, 1.0))


def question(folder: str = "niicorr-data/question") -> Example:
    """Make the maps of the question: 20 experiments and 4 activity maps, as ``niicorr demo`` does.

    Parameters
    ----------
    folder : str
        Where; made if it does not exist.

    Returns
    -------
    Example
        ``truth["r"]``, shape (4, 20): the correlations that the maps have inside the brain, exactly.

    Raises
    ------
    UsageError
        Where a file of that name exists that niicorr did not make.
    """
    x, y = write_demo_data(folder)
    planned = np.array([correlations for _, _, correlations in EXPERIMENTS]).T
    return Example(tuple(x), tuple(y), "20 experiments, 0 outside the brain, and 4 activity maps, −1 there; simulated, "
                   "on one grid of 57×66×40 voxels of 3 mm.", truth={"r": planned})


def mixed_grids(folder: str = "niicorr-data/mixed-grids") -> Example:
    """Make one field stored in five ways, and three others to compare it with: what a mixed collection looks like.

    Parameters
    ----------
    folder : str
        Where; made if it does not exist.

    Returns
    -------
    Example
        x: the same field in RAS, mirrored (LAS), with its axes permuted, cropped by whole voxels, and sampled at
        4 mm; y: three fields at 3 mm. All numbers of a row are one number: exactly, but for the 4 mm copy.

    Raises
    ------
    UsageError
        Where a file of that name exists that niicorr did not make.
    """
    affine = np.array(AFFINE)
    coarse = np.diag([4.0, 4.0, 4.0, 1.0])
    coarse[:3, 3] = affine[:3, 3] + 0.5
    field = _in_brain(7, affine, SHAPE)
    mirrored = affine @ np.array([[-1.0, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    permuted = affine @ np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    cropped = affine.copy()
    cropped[:3, 3] += 3.0 * np.array([2, 3, 1])
    stored = {
        "ras": (field, affine), "las": (field[::-1], mirrored), "permuted": (field.transpose(1, 2, 0), permuted),
        "cropped": (field[2:-2, 3:-2, 1:], cropped), "coarse": (_in_brain(7, coarse, (43, 50, 30)), coarse),
    }
    x = tuple(os.path.join(folder, "one-field", f"{name}.nii.gz") for name in stored)
    y = tuple(os.path.join(folder, "others", f"field-{k}.nii.gz") for k in (1, 2, 3))
    demand_ours((*x, *y))
    for path, (volume, where) in zip(x, stored.values(), strict=True):
        write_map(path, volume, where, dtype="float32")
    for k, path in enumerate(y):
        other = 0.5 * smooth_field(7, affine, SHAPE) + smooth_field(20 + k, affine, SHAPE)
        write_map(path, np.where(brain_mask(), other, 0), affine, dtype="float32")
    return Example(x, y, "One simulated field stored in five ways (mirrored, permuted, cropped, at 4 mm), and three "
                   "others that have something of it.")


def thresholded(folder: str = "niicorr-data/thresholded") -> Example:
    """Make statistic maps that hold 0 where they are not significant, and whole maps to compare them with.

    Parameters
    ----------
    folder : str
        Where; made if it does not exist.

    Returns
    -------
    Example
        x: six maps, 0 where |z| < 2.3; y: the first two of them before they were thresholded.

    Raises
    ------
    UsageError
        Where a file of that name exists that niicorr did not make.
    """
    affine, brain = np.array(AFFINE), brain_mask()
    x = tuple(os.path.join(folder, "thresholded", f"contrast-{k}.nii.gz") for k in range(1, 7))
    y = tuple(os.path.join(folder, "whole", f"contrast-{k}.nii.gz") for k in (1, 2))
    demand_ours((*x, *y))
    for k, path in enumerate(x):
        z = 2.0 * (0.6 * smooth_field(40 + k, affine, SHAPE) + 0.8 * smooth_field(40 + k // 2 * 2, affine, SHAPE))
        write_map(path, np.where(brain & (abs(z) >= 2.3), z, 0), affine, dtype="float32")
        if k < len(y):
            write_map(y[k], np.where(brain, z, 0), affine, dtype="float32")
    return Example(x, y, "Six simulated statistic maps that hold 0 where |z| is below 2.3, and two of them whole.")


def bold(folder: str = "niicorr-data/bold") -> Example:
    """Make a run of 200 volumes, an atlas of 40 regions in four networks with its table, and confounds.

    Parameters
    ----------
    folder : str
        Where; made if it does not exist.

    Returns
    -------
    Example
        x: the run; ``atlas`` with a table of names, networks and hemispheres beside it; ``confounds``: motion, white
        matter and cerebrospinal fluid in fMRIPrep's columns. Regions of a network share a slow signal, and the two
        sides of a network a second one; all share what the confounds hold.

    Raises
    ------
    UsageError
        Where a file of that name exists that niicorr did not make.
    """
    run, atlas, table, confounds = (os.path.join(folder, name) for name in (
        "sub-01_task-rest_bold.nii.gz", "atlas.nii.gz", "atlas.tsv", "sub-01_task-rest_desc-confounds_timeseries.tsv"))
    demand_ours((run, atlas))
    rng = np.random.default_rng(2_000)
    affine = np.array(RUN_AFFINE)
    brain = brain_at(affine, RUN_SHAPE)
    labels = _parcels(brain, affine, rng)
    size = len(NETWORKS) * 10
    network, right = np.arange(size) // 10, np.arange(size) % 2
    shared, sided, own = _slow(rng, len(NETWORKS)), _slow(rng, 2 * len(NETWORKS)), _slow(rng, size)
    motion, tissue = _slow(rng, 6), _slow(rng, 2)
    signals = 0.6 * shared[:, network] + 0.4 * sided[:, 2 * network + right] + 0.7 * own
    signals += tissue @ rng.uniform(0.2, 0.5, (2, size)) + motion @ rng.normal(0, 0.2, (6, size))
    volumes = 3.0 * rng.standard_normal((int(brain.sum()), N_VOLUMES)) + 1000
    volumes += 4.0 * np.vstack([np.zeros(N_VOLUMES), signals.T])[labels[brain]]
    image = np.zeros((*RUN_SHAPE, N_VOLUMES), dtype=np.int16)
    image[brain] = np.rint(volumes)
    names = [f"{k + 1}\t{NETWORKS[network[k]]}-{k % 10 // 2 + 1}\t{'LR'[right[k]]}\t{NETWORKS[network[k]]}"
             for k in range(size)]
    columns = [*(f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"), "white_matter", "csf"]
    rows = ["\t".join(f"{value:.6f}" for value in row) for row in np.hstack([motion, tissue])]
    tables = {table: "\n".join(["index\tname\themisphere\tnetwork", *names, ""]).encode(),
              confounds: "\n".join(["\t".join(columns), *rows, ""]).encode()}
    demand_same(tables)
    write_map(run, image, affine, t_r=T_R)
    write_map(atlas, labels, affine, dtype="int16")
    for path, content in tables.items():
        write_whole(path, content)
    return Example((run,), (), "A simulated run of 200 volumes (2 s) with an atlas of 40 regions in four networks and "
                   "a table of confounds.", atlas, (confounds,), {"network": network, "right": right})


def _in_brain(seed: int, affine: Float64Array, shape: tuple[int, int, int]) -> Float64Array:
    return np.where(brain_at(affine, shape), smooth_field(seed, affine, shape), 0)


def _slow(rng: np.random.Generator, count: int) -> Float64Array:
    """Draw autoregressive noise, shape (volumes, count), of variance 1: each value has .7 of the one before."""
    noise = rng.standard_normal((N_VOLUMES + 50, count))
    for t in range(1, len(noise)):
        noise[t] = 0.7 * noise[t - 1] + np.sqrt(1 - 0.7**2) * noise[t]
    return noise[50:]


def _parcels(brain: BoolArray, affine: Float64Array, rng: np.random.Generator) -> IntArray:
    """Cut each hemisphere into 20 parcels about random voxels; odd labels left, even ones right."""
    voxels = np.argwhere(brain)
    places = voxels @ affine[:3, :3].T + affine[:3, 3]
    left = places[:, 0] < 0
    seeds = places[left][rng.choice(int(left.sum()), 20, replace=False)]
    seeds = seeds[np.argsort(seeds[:, 1])]
    folded = places * np.stack([np.where(left, 1.0, -1.0), *np.ones((2, len(places)))], axis=1)
    nearest = np.argmin(((folded[:, None] - seeds[None]) ** 2).sum(axis=2), axis=1)
    labels = np.zeros(brain.shape, dtype=np.intp)
    labels[tuple(voxels.T)] = 2 * nearest + np.where(left, 1, 2)
    return labels

