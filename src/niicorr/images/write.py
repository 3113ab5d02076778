"""A mask as a NIfTI file, the same bytes every time."""

from __future__ import annotations

import gzip
import io

import numpy as np

from niicorr.space import Grid
from niicorr.typing import BoolArray


def write_mask(path: str, mask: BoolArray, grid: Grid) -> None:
    """Write ``mask`` as uint8 ``.nii.gz`` on its grid (mm, RAS+)."""
    from nibabel.nifti1 import Nifti1Image

    image = Nifti1Image(mask.astype(np.uint8), grid.affine)
    code = 4 if grid.mni else 2 if grid.known else 0
    image.set_sform(grid.affine, code)
    image.set_qform(grid.affine, code, strip_shears=True)
    image.header.set_xyzt_units("mm")
    plain = io.BytesIO()
    image.to_file_map({"image": image.file_map["image"].__class__(fileobj=plain)})
    with open(path, "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as file:
        file.write(plain.getvalue())
