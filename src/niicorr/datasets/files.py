"""Files of example data: the same bytes on every call, and nobody else's overwritten."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from niicorr.errors import ResourceError, UsageError
from niicorr.hidden import hidden_place, remove, sweep
from niicorr.rights import make_folders, resource_text
from niicorr.tables import path_text
from niicorr.typing import Float64Array, FloatArray, IntArray

SIGNATURE = b"niicorr demo, simulated"
"""Stands in the description of every example image."""


def demand_ours(paths: Iterable[str]) -> None:
    """Refuse to write where a file lies that is no example of ours.

    Raises
    ------
    UsageError
        With the name of the first such file.
    """
    for path in paths:
        if os.path.lexists(path) and not _is_ours(path):
            raise UsageError(f"{path} is not the demo's and would be overwritten: name another folder with -o")


def demand_same(tables: dict[str, bytes]) -> None:
    """Refuse to write tables where others lie, which bear no signature: only the same bytes are ours.

    Raises
    ------
    UsageError
        With the name of the first file that holds anything else.
    """
    for path, content in tables.items():
        if os.path.lexists(path) and not (os.path.isfile(path) and Path(path).read_bytes() == content):
            raise UsageError(f"{path} is not the demo's and would be overwritten: name another folder")


def write_map(
    path: str, volume: FloatArray | IntArray, affine: Any, *, dtype: str | None = None, t_r: float | None = None
) -> None:
    """Write one image; the same bytes for the same values, gzip's time stamp and file name left out.

    Parameters
    ----------
    path : str
        Ends in ``.nii`` or ``.nii.gz``.
    volume : ndarray, shape (i, j, k) or (i, j, k, time)
        Values; integers are stored unscaled.
    affine : array-like, shape (4, 4)
        Voxel indices to mm, RAS+.
    dtype : str, optional
        As stored; the array's without it.
    t_r : float, optional
        Seconds from volume to volume.
    """
    import nibabel as nib  # a quarter of a second that only this step needs

    nifti: Any = nib.Nifti1Image  # nibabel's types stop half-way
    image = nifti(volume if dtype is None else volume.astype(dtype), np.array(affine))
    image.set_sform(image.affine, code=4)
    image.set_qform(image.affine, code=4)
    image.header.set_xyzt_units("mm", "sec" if t_r is not None else None)
    if t_r is not None:
        image.header["pixdim"][4] = t_r
    image.header["descrip"] = SIGNATURE
    content = image.to_bytes()
    if path.endswith(".gz"):
        compressed = BytesIO()
        with gzip.GzipFile("", "wb", compresslevel=4, fileobj=compressed, mtime=0) as stream:
            stream.write(content)
        content = compressed.getvalue()
    write_whole(path, content)


def write_whole(path: str, content: bytes) -> None:
    """Write a file under another name first, so that it is there whole or not at all; raises `ResourceError`."""
    parent = os.path.dirname(os.path.abspath(path))
    try:
        make_folders(parent)
        sweep(parent)
        unfinished = hidden_place(parent)
        try:
            with open(unfinished, "wb") as file:
                file.write(content)
            os.replace(unfinished, path)
        finally:
            remove(unfinished)
    except OSError as error:
        raise ResourceError(resource_text(path_text(path), error)) from None


def smooth_field(seed: int, affine: Any, shape: tuple[int, int, int], *, fwhm: float = 30.0) -> Float64Array:
    """Evaluate a smooth random field on any grid: the same field wherever the same seed is given.

    A sum of 200 plane waves with random directions, whose wavelengths are such that the autocorrelation is that of
    white noise smoothed to a full width at half maximum of ``fwhm`` mm; mean 0, variance 1, as far as 200 waves go.

    Parameters
    ----------
    seed : int
        Which field.
    affine : array-like, shape (4, 4)
        Voxel indices to mm; without shear, axes in any order.
    shape : tuple of int
        Voxels.
    fwhm : float
        Smoothness, mm.
    """
    rng = np.random.default_rng(seed)
    waves = rng.standard_normal((200, 3)) * np.sqrt(4 * np.log(2)) / fwhm
    phases = rng.uniform(0, 2 * np.pi, 200)
    affine = np.asarray(affine, dtype=np.float64)
    # exp(i w·(A v + t)) is a product of a factor for each axis of the grid.
    along = waves @ affine[:3, :3]
    a, b, c = (np.exp(1j * along[:, axis, None] * np.arange(n)) for axis, n in enumerate(shape))
    a = a * np.exp(1j * (phases + waves @ affine[:3, 3]))[:, None]
    plane = (a[:, :, None] * b[:, None, :]).reshape(len(waves), -1)
    field = (plane.T @ c).real.reshape(shape)
    return np.asarray(field * np.sqrt(2 / len(waves)))


def _is_ours(path: str) -> bool:
    """Whether a file carries the signature of example data."""
    if not os.path.isfile(path):  # a pipe would have us wait for ever
        return False
    try:
        with open(path, "rb") as plain:
            start = plain.read(2)
        with gzip.open(path) if start == b"\x1f\x8b" else open(path, "rb") as file:
            return SIGNATURE in file.read(348)
    except (OSError, EOFError):
        return False
