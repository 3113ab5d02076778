"""A folder with the files that the documents name: the demo's maps in miniature, an atlas, runs, tables."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import niicorr as nc
from niicorr import datasets
from niicorr.datasets.demo import ACTIVITY, EXPERIMENTS, brain_at
from niicorr.datasets.files import smooth_field, write_map

SHAPE = (19, 22, 14)
AFFINE = np.array([[9.0, 0, 0, -81], [0, 9.0, 0, -109], [0, 0, 9.0, -43], [0, 0, 0, 1]])


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("documents")
    brain = brain_at(AFFINE, SHAPE)
    fields = [smooth_field(k, AFFINE, SHAPE) for k in range(len(ACTIVITY))]

    def volume(values, background):
        return np.where(brain, values, background)

    for k, (name, mean, deviation) in enumerate(ACTIVITY):
        write_map(str(folder / "activity" / name), volume(mean + deviation * fields[k], -1), AFFINE, dtype="float32")
    for k, (name, mean, weights) in enumerate(EXPERIMENTS[:8]):
        mixed = mean + np.tensordot(weights, fields, 1) + 0.7 * smooth_field(100 + k, AFFINE, SHAPE)
        write_map(str(folder / "experiments" / name), volume(mixed, 0), AFFINE, dtype="float32")
    for source, target in (("experiments", "maps"), ("activity", "more"), ("experiments", "others")):
        shutil.copytree(folder / source, folder / target)
    for name in ("experiments", "activity"):
        shutil.copytree(folder / name, folder / "niicorr-demo" / "data" / name)
    write_map(str(folder / "new.nii.gz"), volume(fields[0], 0), AFFINE, dtype="float32")
    write_map(str(folder / "mask.nii.gz"), brain.astype("uint8"), AFFINE)
    write_map(str(folder / "weights.nii.gz"), volume(np.exp(0.3 * fields[2]), 0), AFFINE, dtype="float32")
    run = datasets.bold(str(folder / "bold"))
    for name in ("bold.nii.gz", "sub-01_run-1_bold.nii.gz", "sub-01_run-2_bold.nii.gz"):
        shutil.copy(run.x[0], folder / name)
    for name in ("confounds.tsv", "sub-01_run-1_confounds.tsv", "sub-01_run-2_confounds.tsv"):
        shutil.copy(run.confounds[0], folder / name)
    for name in ("atlas", "aal"):
        shutil.copy(run.atlas, folder / f"{name}.nii.gz")
        shutil.copy(run.atlas.replace(".nii.gz", ".tsv"), folder / f"{name}.tsv")
    series = np.random.default_rng(0).standard_normal((80, 4)).cumsum(axis=0)
    np.savetxt(folder / "series.csv", series, delimiter=",", header="a,b,c,d", comments="")
    nc.correlate(str(folder / "experiments"), str(folder / "activity"), warn=False).save(folder / "out")
    return folder


@pytest.fixture
def folder(made, tmp_path, monkeypatch):
    """A copy to work in, a plain terminal around it."""
    here = tmp_path / "here"
    shutil.copytree(made, here)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(here)
    return here
