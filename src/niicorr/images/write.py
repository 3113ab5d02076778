"""Volumes as NIfTI images and files, the same bytes every time."""

from __future__ import annotations

import gzip
import io
from typing import Any

import numpy as np

from niicorr.space import Grid


def nifti_image(volume: np.ndarray[Any, Any], grid: Grid) -> Any:
    """Return a volume of shape ``grid.shape`` as a nibabel Nifti1Image on its grid (mm, RAS+)."""
    from nibabel.nifti1 import Nifti1Image

    image = Nifti1Image(volume, grid.affine)
    code = 4 if grid.mni else 2 if grid.known else 0
    image.set_sform(grid.affine, code)
    image.set_qform(grid.affine, code, strip_shears=True)
    image.header.set_xyzt_units("mm")
    return image


def write_volume(path: str, volume: np.ndarray[Any, Any], grid: Grid) -> None:
    """Write a volume of shape ``grid.shape`` as ``.nii.gz``, in its own type (a mask as uint8)."""
    image = nifti_image(volume.astype(np.uint8) if volume.dtype == bool else volume, grid)
    plain = io.BytesIO()
    image.to_file_map({"image": image.file_map["image"].__class__(fileobj=plain)})
    with open(path, "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as file:
        file.write(plain.getvalue())
