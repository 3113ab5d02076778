"""The MNI152 brain as a background of pictures."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np

from niicorr.errors import MapError
from niicorr.images.header import read_header
from niicorr.images.load import FileFacts, volumes
from niicorr.space import Grid
from niicorr.typing import BitArray, FloatArray

_FILE = os.path.join("datasets", "data", "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
"""Where nilearn keeps what its ``load_mni152_template`` reads."""

BRIGHTEST = 0.995
"""Share of the brain's voxels below the intensity that is shown as white."""

FAINTEST = 0.02
"""Of white; what is darker lies outside of the brain."""


def mni_template() -> tuple[BitArray, Grid]:
    """Return the T1-weighted MNI152 brain (ICBM 2009a, skull-stripped), a picture to be seen and not to be measured.

    Returns
    -------
    steps : ndarray of uint8, shape ``grid.shape``
        0 outside, 1 to 255 from dark to light; cropped to the brain.
    grid : Grid
        Of 2 mm voxels.
    """
    volume, grid = _halved(*_read())
    white = float(np.quantile(volume[volume > 0], BRIGHTEST))
    steps = np.clip(volume * (254 / white) + 1.5, 1, 255).astype(np.uint8)
    steps[volume < FAINTEST * white] = 0
    return _cropped(steps, grid)


def _read() -> tuple[FloatArray, Grid]:
    spec = find_spec("nilearn")
    path = os.path.join(os.path.dirname(spec.origin), _FILE) if spec is not None and spec.origin else _FILE
    try:
        header = read_header(path)
        (volume,) = volumes(header, (0,), FileFacts())
        return volume, header.grid
    except MapError:
        # Another nilearn keeps it elsewhere, and knows where; to import it takes two seconds.
        from nilearn.datasets import load_mni152_template

        image = load_mni152_template(resolution=1)
        return np.asarray(image.dataobj, dtype=np.float32), Grid(image.shape, np.asarray(image.affine, np.float64))


def _halved(volume: FloatArray, grid: Grid) -> tuple[FloatArray, Grid]:
    """Average blocks of 2×2×2 voxels."""
    a, b, c = (n // 2 for n in volume.shape)
    blocks = volume[: 2 * a, : 2 * b, : 2 * c].reshape(2, a, 2, b, 2, c, order="F")
    affine = grid.affine @ np.array([[2, 0, 0, 0.5], [0, 2, 0, 0.5], [0, 0, 2, 0.5], [0, 0, 0, 1]])
    return blocks.mean(axis=(0, 2, 4), dtype=np.float32), Grid((a, b, c), affine, mni=True)


def _cropped(steps: BitArray, grid: Grid) -> tuple[BitArray, Grid]:
    at = [np.flatnonzero(steps.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    first, last = [int(i[0]) for i in at], [int(i[-1]) + 1 for i in at]
    affine = grid.affine.copy()
    affine[:3, 3] = grid.coords(np.array([first]))[0]
    box = steps[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    return box, Grid((box.shape[0], box.shape[1], box.shape[2]), affine, mni=True)
