"""Make the data of one benchmark; what is there already is left alone.

    python make_data.py S|M|L|P20|P100|P2000|P5000 FOLDER [--suffix .nii]

S is niicorr's own example data. The others are smooth Gaussian fields in nilearn's MNI152 mask, of 2 mm (M, L) or 4 mm
(P…), float32, 0 outside, gzip level 6; a few shared fields make the correlations differ from 0. Each folder
gets x/, y/ and mask.nii.gz, and `complete` when all is written.
"""

import argparse
import gzip
import os
import shutil

import nibabel as nib
import numpy as np

MAPS = {"M": (30, 30, 2), "L": (500, 500, 2), "P20": (20, 20, 4), "P100": (100, 100, 4), "P2000": (2000, 2000, 4),
        "P5000": (5000, 4, 4)}
"""Maps of x and of y, and mm of a voxel."""

SHARED = 4


def main():
    """Make what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=["S", *MAPS])
    parser.add_argument("folder")
    parser.add_argument("--suffix", choices=[".nii", ".nii.gz"], default=".nii.gz")
    options = parser.parse_args()
    complete = os.path.join(options.folder, "complete")
    if os.path.exists(complete):
        return
    os.makedirs(options.folder, exist_ok=True)
    if options.work == "S":
        small(options.folder)
    else:
        large(options.folder, *MAPS[options.work], options.suffix)
    with open(complete, "w", encoding="utf-8"):
        pass


def small(folder):
    """20 x 4 maps of 57x66x40, float64, 0 outside the experiments and -1 outside the activity maps."""
    from niicorr.datasets.demo import AFFINE, brain_mask, write_demo_data  # M and L need no niicorr

    for paths, name in zip(write_demo_data(folder), ("x", "y"), strict=True):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
        os.rename(os.path.dirname(paths[0]), os.path.join(folder, name))
    nib.save(nib.Nifti1Image(brain_mask().astype(np.uint8), np.array(AFFINE)), os.path.join(folder, "mask.nii.gz"))


def large(folder, n_x, n_y, mm, suffix):
    """Smooth fields in the MNI152 mask, two from each transform."""
    from nilearn.datasets import load_mni152_brain_mask  # two seconds that S need not spend

    image = load_mni152_brain_mask(resolution=mm)
    mask = np.asarray(image.dataobj) != 0
    header = nib.Nifti1Image(np.zeros(mask.shape, np.float32), image.affine)
    header.set_sform(image.affine, code=4)
    header.set_qform(image.affine, code=4)
    header.header.set_xyzt_units("mm")
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), None, header.header), os.path.join(folder, "mask.nii.gz"))
    squared = sum(f**2 for f in np.meshgrid(*map(np.fft.fftfreq, mask.shape), indexing="ij", sparse=True))
    kernel = np.exp(-2 * (np.pi * 5 / mm) ** 2 * squared)  # 12 mm FWHM

    def fields(seed):
        noise = np.random.default_rng(seed).standard_normal((*mask.shape, 2)).view(np.complex128)[..., 0]
        field = np.fft.ifftn(noise * kernel)[mask]
        return (part / part.std() for part in (field.real, field.imag))

    shared = [field for seed in range(SHARED // 2) for field in fields(seed)]
    names = [f"x/experiment-{i + 1:03d}" for i in range(n_x)] + [f"y/activity-{i + 1:03d}" for i in range(n_y)]
    weights = np.random.default_rng(4).normal(0, 0.4, (len(names), SHARED))
    for name in ("x", "y"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    for first in range(0, len(names), 2):
        for i, own in zip(range(first, len(names)), fields(SHARED + first), strict=False):
            volume = np.zeros(mask.shape, np.float32)
            volume[mask] = own + sum(w * field for w, field in zip(weights[i], shared, strict=True)) + 0.3
            content = nib.Nifti1Image(volume, None, header.header).to_bytes()
            with open(os.path.join(folder, names[i] + suffix), "wb") as file:
                file.write(gzip.compress(content, 6, mtime=0) if suffix.endswith(".gz") else content)


if __name__ == "__main__":
    main()
