"""What an atlas adds to a result: its regions, how far maps cover them, regional values; and series of regions."""

from __future__ import annotations

from dataclasses import dataclass

from niicorr.records import Region
from niicorr.typing import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Parcellation:
    """The regions behind a result.

    Attributes
    ----------
    path : str
        The atlas, as it was named; empty where series came ready-made.
    regions : tuple of Region
        In the order of the atlas. Of a comparison of maps they are the features; of regions with each other, the
        rows and columns.
    n_voxels : ndarray of int, shape (regions,)
        Voxels of each region on the grid of comparison; 0 where there are none or they are not known.
    sources : tuple of str
        What the rows of ``coverage`` are: labels of the maps of x, then those of y (once, for a set against
        itself); of time series, the runs.
    coverage : ndarray, shape (sources, regions), float64
        Share of each region's voxels that have data; NaN where it is not known.
    values : ndarray, shape (sources, regions), float64, or None
        Regional means in the maps' own units, NaN where missing; None for time series.
    mni : bool
        Whether the regions' places are known to be in MNI space.
    """

    path: str
    regions: tuple[Region, ...]
    n_voxels: IntArray
    sources: tuple[str, ...]
    coverage: Float64Array
    values: Float64Array | None = None
    mni: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions."""
        return tuple(region.name for region in self.regions)


@dataclass(frozen=True, eq=False)
class RunSeries:
    """Series of the regions in one run, as they were correlated.

    Attributes
    ----------
    label : str
        Unique name of the run.
    path : str
        The file it came from (printable text).
    values : ndarray, shape (time points, regions), float64
        After cleaning; NaN for regions without a series.
    volumes : ndarray of int, shape (time points,)
        Which volumes of the file these are, counted from 0 (some may have been scrubbed).
    t_r : float or None
        Seconds from volume to volume, where known.
    matrix : ndarray, shape (regions, regions), float64, or None
        What was computed, of this run alone (for ``tangent`` its displacement from the mean of the runs); None where
        it is the only run.
    """

    label: str
    path: str
    values: Float64Array
    volumes: IntArray
    t_r: float | None = None
    matrix: Float64Array | None = None
