"""Clouds of regions: how far their centres lie apart, how densely they lie, how far they reach, how large each is.

What is true of voxels on a grid must here be told by the regions themselves. Nothing depends on the order in which
they come, nor on where the axes point.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from niicorr.typing import BoolArray, Float64Array

FEWEST = 10
"""Of fewer regions no autocovariance can be told."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Regions in space.

    Parameters
    ----------
    distance : ndarray, shape (regions, regions), float64
        Between centres, in mm; 0 on the diagonal, and between regions of one centre.
    volumes : ndarray, shape (regions,), float64, or None
        Sizes in mm³, where known.
    spacing : float
        Median distance in mm from a region to the nearest one elsewhere.
    radius : float
        Of the ball that is as large as the cloud, in mm: the one whose points lie as far from their mean.
    """

    distance: Float64Array
    volumes: Float64Array | None
    spacing: float
    radius: float

    def __len__(self) -> int:
        return len(self.distance)

    @property
    def blur(self) -> Float64Array:
        """Variance in mm² along each axis of the points of a region, taken for a ball; 0 where sizes are unknown."""
        if self.volumes is None:
            return np.zeros(len(self))
        return np.asarray((3 * self.volumes / (4 * np.pi)) ** (2 / 3) / 5)

    @property
    def noise(self) -> Float64Array:
        """Variance of the mean of independent values over each region, but for a factor."""
        return np.ones(len(self)) if self.volumes is None else self.volumes.mean() / self.volumes


def distances(coords: Float64Array) -> Float64Array:
    """Find all distances between points.

    Parameters
    ----------
    coords : ndarray, shape (points, 3), float64
        In mm.

    Returns
    -------
    ndarray, shape (points, points), float64
        Symmetric to the last digit, exactly 0 for points at one place.

    Notes
    -----
    Differences are squared, not multiplied out as ``|a|² + |b|² − 2ab``: that is as fast up to a thousand points,
    and would put two points at one place some 1e-6 mm apart.

    Examples
    --------
    >>> import numpy as np
    >>> distances(np.array([[0.0, 0, 0], [3, 4, 0], [3, 4, 0]]))
    array([[0., 5., 5.],
           [5., 0., 0.],
           [5., 0., 0.]])
    """
    squared = np.zeros((len(coords), len(coords)))
    for axis in coords.T:
        difference = axis[:, None] - axis
        difference *= difference
        squared += difference
    return np.asarray(np.sqrt(squared))


def checked_coords(coords: Float64Array) -> Float64Array:
    """Return coordinates of regions, shape (regions, 3), as float64 if nulls can be built on them.

    Raises
    ------
    ValueError
        With fewer than 10 regions, centres that are not finite, or all centres at one place.
    """
    coords = np.asarray(coords, dtype=np.float64)
    if coords.ndim != 2 or coords.shape[1] != 3:
        raise ValueError(f"coordinates of regions have shape {coords.shape}, expected (regions, 3)")
    if len(coords) < FEWEST:
        raise ValueError(f"{len(coords)} regions are too few to tell how neighbours repeat each other "
                         f"(at least {FEWEST} are needed)")
    unknown = int(np.count_nonzero(~np.isfinite(coords).all(axis=1)))
    if unknown:
        raise ValueError(f"{unknown} of {len(coords)} regions have no coordinates")
    if (coords == coords[0]).all():
        raise ValueError(f"all {len(coords)} regions have the same coordinates")
    return coords


def cloud_of(coords: Float64Array, volumes: Float64Array | None = None, reference: BoolArray | None = None) -> Cloud:
    """Describe a cloud of regions.

    Parameters
    ----------
    coords : ndarray, shape (regions, 3), float64
        Centres in mm.
    volumes : ndarray, shape (regions,), float64, optional
        Sizes in mm³.
    reference : ndarray of bool, shape (regions,), optional
        The regions that tell spacing and radius; all if not given.
    """
    coords = checked_coords(coords)
    if volumes is not None:
        volumes = np.asarray(volumes, dtype=np.float64)
        if volumes.shape != (len(coords),):
            raise ValueError(f"{len(coords)} regions need as many volumes, not {volumes.size}")
        unsized = int(np.count_nonzero(~(np.isfinite(volumes) & (volumes > 0))))
        if unsized:
            raise ValueError(f"{unsized} of {len(coords)} regions have no volume above 0 mm³")
    chosen = np.ones(len(coords), dtype=np.bool_) if reference is None else reference
    if (coords[chosen] == coords[chosen][:1]).all():
        chosen = np.ones(len(coords), dtype=np.bool_)
    distance = distances(coords)
    within = distance[np.ix_(chosen, chosen)]
    nearest = np.where(within > 0, within, np.inf).min(axis=1)
    # The points of a ball of radius R lie R² · 3/5 from its middle, squared and on average.
    radius = np.sqrt(5 / 3 * ((coords[chosen] - coords[chosen].mean(axis=0)) ** 2).sum(axis=1).mean())
    return Cloud(distance, volumes, float(np.median(nearest)), float(radius))
