"""Maps for libraries: smooth, partly alike, in files and manifests; some cover only a part of the mask."""

from __future__ import annotations

import nibabel as nib
import numpy as np
from scipy.ndimage import gaussian_filter

SHAPE, AFFINE = (16, 18, 14), np.diag([6.0, 6, 6, 1])

_AT = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
MASK = (_AT**2).sum(axis=0) < 0.9


def smooth(rng, sigma=1.2):
    field = gaussian_filter(rng.normal(size=SHAPE), sigma)
    return field / field.std()


def volume(seed, alike=0.5, top=None):
    """A map that shares a pattern with all others; above slice ``top`` it has no data."""
    made = smooth(np.random.default_rng(seed)) + alike * smooth(np.random.default_rng(99), 2.0) + 5
    made = np.where(MASK, made, 0).astype(np.float32)
    if top is not None:
        made[:, :, top:] = 0
    return made


def write(path, values, affine=AFFINE):
    nib.save(nib.Nifti1Image(values, affine), path)
    return str(path)


def write_mask(folder):
    return write(folder / "mask.nii.gz", MASK.astype(np.uint8))


def write_maps(folder, seeds, tops=lambda seed: None, alike=lambda seed: (-1) ** seed * 0.6):
    """Maps ``m00.nii.gz``, …; returns the folder."""
    folder.mkdir(exist_ok=True)
    for seed in seeds:
        write(folder / f"m{seed:02d}.nii.gz", volume(seed, alike(seed), tops(seed)))
    return str(folder)


def write_new(folder, tops=(None, None)):
    folder.mkdir(exist_ok=True)
    for k, top in enumerate(tops):
        write(folder / f"new{k}.nii.gz", volume(200 + k, 0.7, top))
    return str(folder)
