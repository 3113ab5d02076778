"""What a page shows beside the numbers: every map in 8 bits, fits, autocovariances; and these on disk.

They are made while the maps are at hand (`niicorr.result.picturing`) and saved in ``report_data.npz``, so that the page
can be drawn again without the maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.errors import InputError
from niicorr.result.null_shape import Autocovariances, Histogram
from niicorr.result.vectors import inflated, squeezed, unsqueezed
from niicorr.typing import BitArray, BoolArray, Float64Array, IntArray

SCHEMA = 1
"""Version of the arrays named ``picture_…``; those of a newer niicorr are passed over."""


@dataclass(frozen=True, eq=False)
class MapPictures:
    """The maps of one set; those that are not to be shown are empty.

    Attributes
    ----------
    low, high : ndarray, shape (maps,), float64
        What steps 1 and 255 stand for.
    clipped : ndarray of bool, shape (maps,)
        Whether a few values lie beyond.
    ends : ndarray of int64, shape (maps,)
        Where each map's bytes end in ``data``; they begin where those before end.
    data : ndarray of uint8
        Steps in the mask, each map deflated by `niicorr.result.vectors.deflated`, one after the other.
    """

    low: Float64Array
    high: Float64Array
    clipped: BoolArray
    ends: IntArray
    data: BitArray

    def __len__(self) -> int:
        return len(self.ends)

    def packed(self, index: int) -> bytes:
        """Return the bytes of one map; empty where it is not shown."""
        start = int(self.ends[index - 1]) if index else 0
        return self.data[start : int(self.ends[index])].tobytes()

    def steps(self, index: int, n: int) -> BitArray | None:
        """Return one map in 8 bits, shape (n,), or None where it is not shown; InputError where it is damaged."""
        packed = self.packed(index)
        try:
            return inflated(packed, n) if packed else None
        except ValueError as error:
            raise InputError(f"report_data.npz of the saved result is damaged ({error}): run it again, or leave the "
                             "maps out with --report-maps none") from None


@dataclass(frozen=True, eq=False)
class Fits:
    """The straight line of y on x over the common features, in the maps' own units.

    Both have shape (rows y, columns x), float64, and are NaN where there is none.
    """

    slope: Float64Array
    intercept: Float64Array


@dataclass(frozen=True, eq=False)
class Pictures:
    """What can be shown of the maps of a result.

    Attributes
    ----------
    choice : str
        Which maps: ``all``, ``top:N`` (those of the N strongest pairs) or ``none``.
    n : int
        Features of each map.
    voxels : ndarray of uint32, shape (n,), or None
        Their positions in the grid of comparison, flattened in Fortran order; None for bare arrays.
    x, y : MapPictures
        The maps; ``y`` is ``x`` for a set against itself.
    fits : Fits or None
        None where a straight line would not say what was computed, or there are very many pairs.
    curves : Autocovariances or None
        None where the null model fits none.
    histogram : Histogram or None
        None where it draws no random maps, or cells are very many.
    """

    choice: str
    n: int
    voxels: IntArray | None
    x: MapPictures
    y: MapPictures
    fits: Fits | None = None
    curves: Autocovariances | None = None
    histogram: Histogram | None = None

    def arrays(self) -> dict[str, Any]:
        """Return them as arrays for ``report_data.npz``."""
        found: dict[str, Any] = {"picture_schema": np.int64(SCHEMA), "picture_choice": np.array(self.choice),
                                 "picture_n": np.int64(self.n)}
        for name, pictures in [("x", self.x)] + [("y", self.y)] * (self.y is not self.x):
            found |= {f"picture_{name}_{part}": getattr(pictures, part) for part in MapPictures.__dataclass_fields__}
        parts: dict[str, Any] = {"voxels": None if self.voxels is None else _packed_voxels(self.voxels)}
        if self.fits is not None:
            parts |= {"slope": self.fits.slope, "intercept": self.fits.intercept}
        if self.curves is not None:
            parts |= {"lags_mm": self.curves.lags_mm, "x_curves": self.curves.x}
            if self.curves.y is not self.curves.x:
                parts["y_curves"] = self.curves.y
        if self.histogram is not None:
            parts |= {"edges": self.histogram.edges, "draws": self.histogram.counts.astype(np.int32)}
        return found | {f"picture_{name}": array for name, array in parts.items() if array is not None}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any], shape: tuple[int, int], same_set: bool) -> Pictures | None:
        """Restore them from ``report_data.npz``.

        Parameters
        ----------
        arrays : dict of str to ndarray
            All that the file holds.
        shape : tuple of int
            Maps of y, maps of x.
        same_set : bool
            Whether y is x.

        Returns
        -------
        Pictures or None
            None where an older niicorr saved none, or a newer one others.

        Raises
        ------
        ValueError
            Where they do not fit the result.
        """
        if "picture_schema" not in arrays or int(arrays["picture_schema"]) > SCHEMA:
            return None
        n = int(arrays["picture_n"])
        x = _restored(arrays, "x", shape[1])
        y = x if same_set else _restored(arrays, "y", shape[0])
        fits = curves = None
        if "picture_slope" in arrays:
            fits = Fits(*(_demand(arrays, name, np.float64, shape) for name in ("slope", "intercept")))
        if "picture_lags_mm" in arrays:
            lags = _demand(arrays, "lags_mm", np.float64, (None,))
            if not np.isfinite(lags).all():
                raise ValueError("picture_lags_mm holds what are no distances")
            of_x = _demand(arrays, "x_curves", np.float32, (shape[1], lags.size))
            of_y = of_x if same_set else _demand(arrays, "y_curves", np.float32, (shape[0], lags.size))
            curves = Autocovariances(lags, of_x, of_y)
        histogram = None
        if "picture_edges" in arrays:
            edges = _demand(arrays, "edges", np.float64, (None,))
            if edges.size < 2 or not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
                raise ValueError("picture_edges holds what are no edges of bins")
            histogram = Histogram(edges, _demand(arrays, "draws", np.int32, (*shape, edges.size - 1)))
        voxels = None
        if "picture_voxels" in arrays:
            steps = np.frombuffer(unsqueezed(_demand(arrays, "voxels", np.uint8, (None,)).tobytes(), 4 * n), "<u4")
            voxels = np.cumsum(steps, dtype=np.uint32)
        return cls(str(arrays["picture_choice"]), n, voxels, x, y, fits, curves, histogram)


def _packed_voxels(voxels: IntArray) -> BitArray:
    """Voxels of a mask lie side by side: their differences deflate to next to nothing."""
    steps = np.diff(voxels.astype(np.int64), prepend=0).astype("<u4")
    return np.frombuffer(squeezed(steps.tobytes()), np.uint8)


def _restored(arrays: dict[str, Any], name: str, maps: int) -> MapPictures:
    low, high = (_demand(arrays, f"{name}_{end}", np.float64, (maps,)) for end in ("low", "high"))
    clipped = _demand(arrays, f"{name}_clipped", np.bool_, (maps,))
    ends, data = _demand(arrays, f"{name}_ends", np.int64, (maps,)), _demand(arrays, f"{name}_data", np.uint8, (None,))
    if (np.diff(ends, prepend=0) < 0).any() or (ends[-1] if maps else 0) != data.size:
        raise ValueError(f"the pictures of {name} do not fit together")
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError(f"the pictures of {name} have no scale")
    return MapPictures(low, high, clipped, ends, data)


def _demand(arrays: dict[str, Any], name: str, dtype: Any, shape: tuple[int | None, ...]) -> Any:
    """Return an array that is what it should be; None in the shape stands for any number."""
    array = arrays[f"picture_{name}"]
    fits = len(array.shape) == len(shape) and all(b in (None, a) for a, b in zip(array.shape, shape, strict=True))
    if array.dtype != dtype or not fits:
        raise ValueError(f"picture_{name} is {array.dtype} of {array.shape}")
    return array
