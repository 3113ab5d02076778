"""Which connections a connectome shows, and why there may be none to show.

The glass brain is MNI's. It is drawn only where regions are known to lie in that space, or all of them might; a
result whose numbers have no common scale (covariances) or no pair to show gets none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from niicorr.errors import UsageError
from niicorr.numerals import r_text
from niicorr.plot.significance import LEVELS

if TYPE_CHECKING:
    from niicorr.result import CorrelationResult
    from niicorr.typing import BoolArray, Float64Array, IntArray

MOST_LINES, FEWEST_LINES, STRONGEST = 300, 30, 0.05
"""So many lines at most, of few regions so many, and in between this share of all pairs: more hide one another."""

BRAIN_LOW, BRAIN_HIGH = np.array([-72.0, -107.0, -72.0]), np.array([72.0, 73.0, 82.0])
"""Corners in mm of the box around the brain mask of MNI152 that nilearn ships."""

MIDDLE, ASIDE_MM = np.array([0.0, -19.0, 8.0]), 30.0
"""About here lies the mean place of all regions in MNI space (AAL, AICHA, Desikan–Killiany, Harvard–Oxford, Schaefer:
at most 15 mm away); where it is farther away than so many mm, the brain is another, or in another place."""

SPREAD_MM = 40.0
"""Regions that lie nearer together than this may be of any animal, or of a part of a brain in any space."""

BETWEEN_MM = 6.0
"""A region of both sides has its middle so near to the midline; a thalamus has not."""


@dataclass(frozen=True, eq=False)
class Lines:
    """Which pairs are drawn.

    Attributes
    ----------
    pairs : ndarray of int, shape (lines, 2)
        Positions of the regions, the second smaller than the first; strongest first.
    values : ndarray, shape (lines,), float64
        Their correlations.
    among : int
        How many pairs they were chosen from.
    tested : bool
        Whether these are the pairs with q up to the first of `LEVELS`.
    threshold : float or None
        The smallest magnitude asked for.
    """

    pairs: IntArray
    values: Float64Array
    among: int
    tested: bool
    threshold: float | None


def why_none(result: CorrelationResult, threshold: float | None = None) -> str:
    """Say why no connectome can be drawn; nothing where one can.

    Parameters
    ----------
    result : CorrelationResult
        Any result.
    threshold : float, optional
        As for `draw_connectome`.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise UsageError(f"threshold is a correlation from 0 to 1, not {threshold!r}")
    if not result.series or result.parcellation is None:
        return "the result is not one of regions with each other"
    if not result.measure.bounded:
        return f"{result.measure.names} grow with the signals of the regions: the largest tell nothing of the pair"
    places = centroids(result)
    known: BoolArray = np.asarray(np.isfinite(places).all(axis=1))
    if known.sum() < 2:
        return "the places of the regions are not known"
    sided = any(region.hemisphere for region in result.parcellation.regions)
    if not sided and np.mean(np.abs(places[known, 0]) <= BETWEEN_MM) > 0.5:
        return "most regions are in both hemispheres, and their middles between them"
    if not result.parcellation.mni and (reason := _not_mni(result, places, known)):
        return reason
    lines = strongest_lines(result, threshold)
    if len(lines.pairs):
        return ""
    if lines.among:
        return f"no pair of regions with |r| of at least {r_text(threshold or 0.0)}"
    return "no pair of regions reaches q ≤ .05" if lines.tested else "no pair of regions has a number"


def centroids(result: CorrelationResult) -> Float64Array:
    """Return the places of the regions in mm, shape (regions, 3); NaN where they are not known."""
    regions = () if result.parcellation is None else result.parcellation.regions
    return np.array([region.centroid for region in regions], dtype=np.float64).reshape(-1, 3)


def strongest_lines(result: CorrelationResult, threshold: float | None = None) -> Lines:
    """Choose the pairs that are drawn: those that survive, and of them the strongest."""
    placed: BoolArray = np.asarray(np.isfinite(centroids(result)).all(axis=1))
    below = np.tril(np.ones(result.estimate.shape, dtype=np.bool_), -1)
    possible = below & np.isfinite(result.estimate) & placed[:, None] & placed
    q = result.inferred.get("p_fdr")
    tested = q is not None and bool(np.isfinite(q).any())
    if q is not None and tested:
        possible &= np.where(np.isfinite(q), q, np.inf) <= LEVELS[0]
    pairs = np.argwhere(possible)
    values = result.estimate[possible]
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -np.abs(values)))
    if threshold is None:
        n = len(result.estimate)
        order = order[: min(MOST_LINES, max(FEWEST_LINES, round(STRONGEST * n * (n - 1) / 2)))]
    else:
        order = order[np.abs(values[order]) >= threshold]
    return Lines(pairs[order], values[order], len(pairs), tested, threshold)


def _not_mni(result: CorrelationResult, places: Float64Array, known: BoolArray) -> str:
    """Say why regions of an unknown space cannot be in MNI's; nothing where they may be."""
    inside = ((places[known] >= BRAIN_LOW) & (places[known] <= BRAIN_HIGH)).all(axis=1)
    if not inside.all():
        return (f"the atlas does not say that it is in MNI space, and {int((~inside).sum())} of {int(known.sum())} "
                "regions lie outside of the MNI brain")
    if float(np.ptp(places[known], axis=0).max()) < SPREAD_MM:
        return f"the atlas does not say that it is in MNI space, and its regions lie within {SPREAD_MM:.0f} mm"
    aside = float(np.linalg.norm(places[known].mean(axis=0) - MIDDLE))
    if aside > ASIDE_MM:
        return ("the atlas does not say that it is in MNI space, and the middle of its regions is "
                f"{aside:.0f} mm from where it would be there")
    regions = () if result.parcellation is None else result.parcellation.regions
    side = {letter: [r.centroid[0] for r in regions if r.hemisphere == letter and np.isfinite(r.centroid[0])]
            for letter in "LR"}
    if side["L"] and side["R"] and not np.median(side["L"]) < 0 < np.median(side["R"]):
        return ("the atlas does not say that it is in MNI space, and its hemispheres do not lie on both sides of x = 0")
    return ""
