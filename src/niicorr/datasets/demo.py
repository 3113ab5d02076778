"""The example data: simulated maps that show what a naive script gets wrong.

Twenty "experiments" are 0 outside the brain, four "activity" maps are −1 there, and all lie on one grid of
57×66×40 voxels. Nothing in them was measured: smooth random fields are mixed so that every correlation
inside the brain is the one planned below. Over the whole grid the two backgrounds correlate instead, and
the number says mostly how large the mean of each map is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from niicorr.datasets.files import demand_ours, write_map

if TYPE_CHECKING:
    from niicorr.typing import BoolArray, Float64Array

SHAPE = (57, 66, 40)
AFFINE = ((3.0, 0.0, 0.0, -84.0), (0.0, 3.0, 0.0, -112.0), (0.0, 0.0, 3.0, -46.0), (0.0, 0.0, 0.0, 1.0))
"""Voxel indices to mm: 3 mm voxels about the origin of MNI space."""

SEED = 57_66_40

_ELLIPSOIDS = (  # centre and half axes in mm; x is mirrored
    ((31, -17, 19), (37, 84, 53)),  # a hemisphere
    ((40, -4, -18), (28, 46, 22)),  # its temporal lobe
    ((20, -68, -28), (31, 27, 17)),  # half the cerebellum
    ((0, -28, -24), (13, 15, 30)),  # brain stem
    ((0, -20, 12), (14, 42, 24)),  # what joins the hemispheres
)

ACTIVITY = (  # file, mean and standard deviation inside the brain, mean of the background being −1
    ("dopamine_D2.nii.gz", 1.7, 0.38),
    ("gaba_A.nii.gz", 4.6, 0.9),
    ("serotonin_5HT1a.nii.gz", 2.4, 0.55),
    ("serotonin_SERT.nii", 1.1, 0.25),
)

_AMONG_ACTIVITY = (
    (1.0, -0.20, 0.10, 0.45),
    (-0.20, 1.0, 0.50, -0.05),
    (0.10, 0.50, 1.0, 0.25),
    (0.45, -0.05, 0.25, 1.0),
)

EXPERIMENTS = (  # file, mean in standard deviations, correlation with the four activity maps
    ("exp-01_fear.nii", 0.20, (0.15, 0.05, 0.48, 0.30)),
    ("exp-02_anger.nii", 0.15, (0.10, -0.02, 0.35, 0.28)),
    ("exp-03_sadness.nii", -0.10, (-0.12, 0.20, 0.52, 0.36)),
    ("exp-04_reward.nii.gz", 0.30, (0.68, -0.15, 0.10, 0.42)),
    ("exp-05_loss.nii", -0.15, (0.46, -0.22, 0.18, 0.33)),
    ("exp-06_gambling.nii", 0.40, (0.55, -0.30, -0.05, 0.20)),
    ("exp-07_pain.nii", 0.10, (0.22, -0.10, 0.02, 0.15)),
    ("exp-08_heat.nii.gz", 0.45, (0.18, -0.16, -0.08, 0.04)),
    ("exp-09_touch.nii", -0.30, (-0.20, 0.12, -0.28, -0.35)),
    ("exp-10_finger-tapping.nii", 0.20, (0.25, -0.05, -0.42, -0.10)),
    ("exp-11_saccades.nii", -0.35, (-0.04, 0.38, -0.20, -0.30)),
    ("exp-12_checkerboard.nii.gz", 0.15, (-0.34, 0.62, 0.05, -0.40)),
    ("exp-13_faces.nii", 0.20, (-0.16, 0.48, 0.30, 0.00)),
    ("exp-14_places.nii", 0.20, (-0.28, 0.45, 0.12, -0.18)),
    ("exp-15_reading.nii", -0.10, (-0.10, 0.28, 0.02, -0.05)),
    ("exp-16_listening.nii.gz", 0.05, (0.00, 0.08, -0.03, 0.06)),
    ("exp-17_2-back.nii", 0.05, (-0.22, -0.18, -0.60, -0.36)),
    ("exp-18_stroop.nii", 0.15, (0.08, -0.24, -0.46, -0.12)),
    ("exp-19_memory.nii.gz", -0.15, (-0.06, 0.14, 0.38, 0.02)),
    ("exp-20_rest.nii", -0.30, (-0.45, 0.26, 0.32, -0.24)),
)


def write_demo_data(folder: str) -> tuple[list[str], list[str]]:
    """Write the example maps: 20 experiments and 4 activity maps, the same ones on every call.

    Parameters
    ----------
    folder : str
        Gets the folders ``experiments`` and ``activity``; made where it does not exist.

    Returns
    -------
    experiments, activity : list of str
        The paths, in the order of `EXPERIMENTS` and `ACTIVITY`.

    Raises
    ------
    UsageError
        Where a file of that name exists that niicorr did not make; nothing is written then.
    """
    x_paths = [os.path.join(folder, "experiments", name) for name, _, _ in EXPERIMENTS]
    y_paths = [os.path.join(folder, "activity", name) for name, _, _ in ACTIVITY]
    demand_ours([*x_paths, *y_paths])
    brain = brain_mask()
    activity, experiments = _planned_scores(brain)
    for path, (_, mean, _), scores in zip(x_paths, EXPERIMENTS, experiments, strict=True):
        write_map(path, _volume(brain, 1.6 * (scores + mean), background=0.0), AFFINE)
    for path, (_, mean, deviation), scores in zip(y_paths, ACTIVITY, activity, strict=True):
        write_map(path, _volume(brain, deviation * scores + mean, background=-1.0), AFFINE)
    return x_paths, y_paths


def brain_mask() -> BoolArray:
    """Return the simulated brain, shape `SHAPE`: solid, about 1.5 litres, its midline dented."""
    return brain_at(np.array(AFFINE), SHAPE)


def brain_at(affine: Float64Array, shape: tuple[int, int, int]) -> BoolArray:
    """Return the simulated brain on any grid, given by its affine (voxels to mm, RAS+) and shape."""
    voxels = np.meshgrid(*map(np.arange, shape), indexing="ij", sparse=True)
    x, y, z = (sum(affine[row, axis] * n for axis, n in enumerate(voxels)) + affine[row, 3] for row in range(3))
    brain = np.zeros(shape, dtype=np.bool_)
    for centre, half_axes in _ELLIPSOIDS:
        position = (abs(x), y, z)
        terms = [((p - c) / a) ** 2 for p, c, a in zip(position, centre, half_axes, strict=True)]
        brain |= terms[0] + terms[1] + terms[2] < 1
    return brain


def _planned_scores(brain: BoolArray) -> tuple[Float64Array, Float64Array]:
    """Mix random fields into standard scores, (4, n) and (20, n), with exactly the correlations planned."""
    orthonormal = _orthonormal_fields(brain, len(ACTIVITY) + len(EXPERIMENTS))
    common, own = orthonormal[: len(ACTIVITY)], orthonormal[len(ACTIVITY) :]
    loadings = np.linalg.cholesky(np.array(_AMONG_ACTIVITY))
    planned = np.array([correlations for _, _, correlations in EXPERIMENTS])
    shared = np.linalg.solve(loadings, planned.T).T
    # What the activity maps do not explain is the experiment's own field; a plan that explains more than
    # all of it is impossible and shows as NaN, which the tests would see.
    rest = np.sqrt(1 - (shared**2).sum(axis=1))
    return loadings @ common, shared @ common + rest[:, None] * own


def _orthonormal_fields(brain: BoolArray, count: int) -> Float64Array:
    """Return smooth Gaussian fields at the brain's voxels, (count, n): mean 0, variance 1, uncorrelated."""
    rng = np.random.default_rng(SEED)
    squared = sum(f**2 for f in np.meshgrid(*map(np.fft.fftfreq, SHAPE), indexing="ij", sparse=True))
    fields = np.empty((count, int(brain.sum())))
    for first in range(0, count, 2):
        # White noise in the frequency domain, damped as a Gaussian kernel would: the real and the imaginary
        # part of the way back are two independent smooth fields.
        sigma = (1.7, 2.2, 2.8)[first // 2 % 3]
        noise = rng.standard_normal((*SHAPE, 2)).view(np.complex128)[..., 0]
        noise *= np.exp(-2 * (np.pi * sigma) ** 2 * squared)
        field = np.fft.ifftn(noise)
        field += 0.8 * field[::-1]  # brains are nearly symmetric, and so are their maps
        inside = field[brain]
        fields[first : first + 2] = inside.real, inside.imag
    fields -= fields.mean(axis=1, keepdims=True)
    factor = np.linalg.cholesky(fields @ fields.T / fields.shape[1])
    return np.linalg.inv(factor) @ fields


def _volume(brain: BoolArray, values: Float64Array, background: float) -> Float64Array:
    """Put values into the brain; as float32 would hold them, which the usual programs compute in."""
    volume = np.full(SHAPE, background)
    volume[brain] = values.astype(np.float32)
    return volume
