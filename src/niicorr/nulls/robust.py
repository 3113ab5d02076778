"""How much two maps share their unevenness: corrections of the stationary variance of r.

A stationary, isotropic null underestimates Var(r) where both maps are smoother, or stronger, in the same places
or directions. Three ratios of bilinear forms tell by how much, each equal to 1 where there is nothing to share:

* anisotropy ``ρ_an``: autocovariances of the two maps multiplied lag by lag, over the same with lags of equal
  length pooled;
* local smoothness ``ρ_loc``: autocovariances at nine ranges of lags multiplied window by window, over the same
  with all windows pooled;
* amplitude ``ρ_k``: squares multiplied voxel by voxel, over the same window by window (which ρ_loc holds).

A form in the features of x and the features of y is a product of matrices for all pairs at once. The features
come from a copy with voxels of at most 4 mm.

    V = V_stationary · ρ_an · (1 + λ (ρ_loc ρ_k − 1)),    λ = n_eff / (n_eff + 200)

The shrinkage by λ matters: where n_eff is small, the local ratio follows r² itself and would cost half the power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from niicorr.matrix import MapMatrix
from niicorr.nulls.autocovariance import padded
from niicorr.nulls.lattice import Lattice, Shape
from niicorr.nulls.stationary import in_order
from niicorr.nulls.supports import Supports
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray

COARSE_MM = 4.0
"""Voxels of the copy are at most so large, unless the map's own are larger."""

DIRECTIONS_MM = 40.0
"""Lags up to this length are compared by direction."""

WINDOW_MM = 15.0
"""Distance between the centres of neighbouring windows, about."""

SHELLS_MM = (0.0, 6.0, 10.0, 15.0, 21.0, 28.0, 37.0, 48.0, 62.0)
"""Upper ends of the ranges of lags that are compared window by window; the first is lag 0 alone."""

BOUNDS = (0.25, 25.0)
"""Ratios are held within these."""

SHRINKAGE = 200.0
"""At so many effective values the local ratio counts half."""

SLACK = 1e-5
"""Lengths from headers are trusted to this share."""
