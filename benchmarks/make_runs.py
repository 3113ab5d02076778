"""Make runs of a scanner and an atlas of 100 regions for the benchmark of ``rois``.

python make_runs.py FOLDER
"""

import os
import sys

import nibabel as nib
import numpy as np

SHAPE, EDGE, VOLUMES, TR, REGIONS, RUNS = (64, 64, 36), 3.0, 200, 2.0, 100, 3


def main(folder):
    """Write ``atlas.nii.gz`` and ``run-1.nii.gz`` …, int16 as scanners write them; what is there stays."""
    os.makedirs(folder, exist_ok=True)
    affine = np.diag([EDGE, EDGE, EDGE, 1.0])
    affine[:3, 3] = [-EDGE * n / 2 for n in SHAPE]
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    brain = (at**2).sum(axis=0) < 0.7
    rng = np.random.default_rng(0)
    seeds = at[:, brain].T[rng.choice(int(brain.sum()), REGIONS, replace=False)]
    nearest = np.argmin(((at[:, brain].T[:, None] - seeds) ** 2).sum(axis=2), axis=1)
    labels = np.zeros(SHAPE, dtype=np.int16)
    labels[brain] = nearest + 1
    if not os.path.exists(os.path.join(folder, "atlas.nii.gz")):
        nib.save(nib.Nifti1Image(labels, affine), os.path.join(folder, "atlas.nii.gz"))
    for run in range(1, RUNS + 1):
        path = os.path.join(folder, f"run-{run}.nii.gz")
        if os.path.exists(path):
            continue
        series = rng.standard_normal((VOLUMES, REGIONS)) + 0.5 * rng.standard_normal((VOLUMES, 1))
        for t in range(1, VOLUMES):
            series[t] += 0.7 * series[t - 1]
        values = np.zeros((*SHAPE, VOLUMES), dtype=np.int16)
        for t in range(VOLUMES):
            volume = np.zeros(SHAPE)
            volume[brain] = 1000 + 3 * series[t, nearest] + 20 * rng.standard_normal(int(brain.sum()))
            values[..., t] = np.rint(volume)
        image = nib.Nifti1Image(values, affine)
        image.header.set_xyzt_units("mm", "sec")
        image.header["pixdim"][4] = TR
        nib.save(image, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
