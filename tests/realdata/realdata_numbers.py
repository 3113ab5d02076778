"""What the numbers must be: nibabel and numpy alone, nothing from the package under test."""

from __future__ import annotations

import nibabel as nib
import numpy as np


def read(path, volume=0):
    """Return values (float64) and affine of one map; further axes are flattened, first index fastest."""
    image = nib.load(path)
    values = np.asarray(image.get_fdata())
    return values.reshape(*values.shape[:3], -1, order="F")[..., volume], image.affine


def missing(values, *, zeros="data", background=None):
    """Return the map with NaN where it has no data."""
    gone = ~np.isfinite(values)
    if zeros == "missing":
        gone |= values == 0
    if background is not None:
        gone |= np.isclose(values, background, rtol=1e-6, atol=1e-9)
    return np.where(gone, np.nan, values)


def most_common(values):
    """Return the value that most voxels hold."""
    kinds, counts = np.unique(values, return_counts=True)
    return kinds[counts.argmax()]


def place(values, affine, shape, target, fill=np.nan):
    """Bring a map to a grid that differs by flips and whole voxels only: each voxel to its millimetres."""
    if values.shape == tuple(shape) and np.array_equal(affine, target):
        return values
    to_target = np.linalg.inv(target) @ affine
    index = np.indices(values.shape).reshape(3, -1)
    at = to_target[:3, :3] @ index + to_target[:3, 3:]
    whole = np.rint(at).astype(int)
    assert abs(at - whole).max() < 1e-3, "these grids differ by more than whole voxels"
    inside = np.all((whole >= 0) & (whole < np.array(shape)[:, None]), axis=0)
    placed = np.full(shape, fill, dtype=np.asarray(values).dtype)
    placed[tuple(whole[:, inside])] = values[tuple(index[:, inside])]
    return placed


def mni152(shape, affine):
    """Return nilearn's brain mask on a 2 mm grid of its space."""
    from nilearn.datasets import load_mni152_brain_mask

    brain = load_mni152_brain_mask(resolution=2)
    return place(np.asarray(brain.dataobj) > 0, brain.affine, shape, affine, fill=False)


def pearson(a, b, where=True):
    """Return r over the voxels finite in both (and in ``where``), and how many these are."""
    both = np.isfinite(a) & np.isfinite(b) & where
    a, b = a[both].astype(np.float64), b[both].astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())), int(both.sum())


def agree(result, x_maps, y_maps, where=True, tol=1e-6):
    """Every cell of a result and its n are what the maps (label to volume) say."""
    for y, b in y_maps.items():
        for x, a in x_maps.items():
            r, n = pearson(a, b, where)
            assert result.n.loc[y, x] == n, f"n of {x} × {y}"
            assert abs(result.r.loc[y, x] - r) <= tol, f"r of {x} × {y}: {result.r.loc[y, x]} is not {r}"


def decisions(records):
    """Label to all that was decided about a map, in one text."""
    return {m.label: "; ".join(f"{d.topic}: {d.text}" for d in m.decisions) for m in records}
