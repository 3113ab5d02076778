"""How sure each similarity is: independent values, interval, p, and p adjusted for many cells.

Here the null models (`niicorr.nulls`) and the arithmetic of tests (`niicorr.inference`) meet, for all pairs at
once. scipy is imported on the way, so this room is not entered under ``none``.

`effective` and `gsm` go from the maps' autocovariances to n_effective and Student's t, of voxels or of regions;
`independent` takes each of them for one observation; `surrogate`, and for regions `moran` and `variogram`
(`niicorr.draws`), count how often chance does as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import numpy as np

from niicorr.compute.similarity import Correlation, Similarity
from niicorr.draws import Directions, count_directions, count_draws
from niicorr.errors import ResourceError
from niicorr.inference import benjamini_hochberg, benjamini_yekutieli, fisher_interval, holm, pvalues
from niicorr.matrix import MapMatrix
from niicorr.nulls.distances import FEWEST, cloud_of
from niicorr.nulls.effective import EffectiveSize, Model, effective_null, unknown_sizes
from niicorr.nulls.regional import regional_null
from niicorr.nulls.traces import Atoms
from niicorr.nulls.variogram import VariogramFit
from niicorr.records import FEW, Decision, NullModel
from niicorr.result.null_shape import Autocovariances, Histogram
from niicorr.tables import DIRECTION_COLUMNS, INFERRED_COLUMNS, printable
from niicorr.typing import BoolArray, Float64Array, IntArray, Progress

UNEVEN = 1.5
"""From this ratio of the corrected to the stationary variance on, shared unevenness is remarked upon."""

LEAST_VOXELS = 50
"""An autocovariance fitted in fewer voxels is no fit."""

PIECE = 64
"""Maps described and sized up at once; fixed, so that no number depends on the memory."""

NAMED = 3
"""So many maps whose variograms fit badly are named; the rest is counted."""

MATRICES = {"effective": 10, "gsm": 8, "moran": 8, "variogram": 20, "surrogate": 10}
"""How many matrices of regions × regions each null model holds: what was seen at 10 000 regions, and a little more."""

LAGS = 61
"""Distances at which a fitted autocovariance is told."""


class Described(Protocol):
    """What a null model keeps of maps."""

    @property
    def coefficients(self) -> Float64Array:
        """Of the fitted autocovariances, shape (maps, atoms)."""


D = TypeVar("D", bound=Described)


class Sized(Protocol[D]):
    """A null model that describes maps, and sizes up pairs of what it described."""

    @property
    def atoms(self) -> Atoms | None:
        """What autocovariances are made of; None where no map has any data."""

    @property
    def bytes_per_map(self) -> int:
        """Memory that the description of a map takes."""

    def describe(self, matrix: MapMatrix, jobs: int = 1) -> D:
        """Fit every map of a matrix."""

    def size(self, x: D, y: D, n: IntArray) -> EffectiveSize:
        """Find n_effective for all pairs of two described sets with n features in common."""


@dataclass(frozen=True, eq=False)
class Inference:
    """What a null model tells of all cells.

    Parameters
    ----------
    columns : dict of str to ndarray, shape (maps of y, maps of x)
        The columns of ``pairs.tsv`` from ``n_effective`` to ``p_fwe``, and those of the two directions under ``moran``
        and ``variogram``; NaN where a cell was not tested.
    flags : list of (row, column, text)
        Cells whose p should be trusted less, or that have none, with the reason.
    decisions : tuple of Decision
        How p came about, where that is not a matter of the null model's name alone; how well variograms fit.
    shape : Autocovariances, Histogram or None
        What the null model makes of chance, to be looked at; None of ``independent`` and of very many draws.
    """

    columns: dict[str, Float64Array]
    flags: list[tuple[int, int, str]] = field(default_factory=list)
    decisions: tuple[Decision, ...] = ()
    shape: Autocovariances | Histogram | None = None


def infer(
    x: MapMatrix,
    y: MapMatrix,
    found: Correlation,
    tested: BoolArray,
    *,
    similarity: Similarity,
    model: NullModel,
    same_set: bool,
    jobs: int,
    memory: int,
    progress: Progress,
) -> Inference:
    """Infer the columns of ``pairs.tsv`` that a null model fills.

    Parameters
    ----------
    x, y : MapMatrix
        Voxels of one grid, or regions.
    found : Correlation
        What the similarity came to.
    tested : ndarray of bool, shape (maps of y, maps of x)
        Cells that get a p-value.
    similarity : Similarity
        What was computed.
    model : NullModel
        How p-values are found; not ``none``.
    same_set : bool
        Whether y is x: then each pair is one test, though it stands in two cells.
    jobs : int
        Threads. The outcome does not depend on it.
    memory : int
        Bytes that may be used; the outcome does not depend on it.
    progress : callable
        Told of each map described and each surrogate drawn.

    Returns
    -------
    Inference
        A set against itself has the numbers of the cells below the diagonal in both.
    """
    below = np.tril(np.ones(found.r.shape, dtype=np.bool_), -1)
    once = tested & below if same_set else tested
    decisions: tuple[Decision, ...] = ()
    if x.features.centroids is not None and model.null in MATRICES:
        used = int(np.count_nonzero(x.supports.any(axis=0) | y.supports.any(axis=0)))
        _demand_room(used, model.null, memory)
    flags = [] if model.null == "independent" else list(_untestable(x, y, found, once))
    once = once.copy()
    for i, j, _ in flags:
        once[i, j] = False
    r = np.where(once, found.r, np.nan)
    beside, p_fwe = {}, None
    shape: Autocovariances | Histogram | None = None
    if model.null in ("surrogate", "moran", "variogram"):
        count = count_draws if model.null == "surrogate" else count_directions
        draws = count(x, y, found, once, similarity=similarity, model=model, jobs=jobs, memory=memory,
                      progress=progress)
        if isinstance(draws, Directions):
            beside = dict(zip(DIRECTION_COLUMNS, (draws.x_random.p, draws.y_random.p), strict=True))
            decisions = tuple(_of_directions(draws, x, y, model, same_set))
            flags += _bad_fits(draws, x, y, once)
            draws = draws.larger
        p, p_fwe, n_effective, shape = draws.p, draws.p_fwe, draws.n_effective, draws.histogram
        flags += [(int(i), int(j), "no p-value: no random maps could be drawn for one of the two")
                  for i, j in np.argwhere(once & np.isnan(p))]
    else:
        if model.null == "independent":
            n_effective = _observations(x, y, found, similarity)
        else:
            size, shape = _sizes(x, y, found, once, similarity, model, jobs, memory, progress)
            n_effective = size.n_effective
            flags += _doubts(size, once)
        n_effective = np.where(once, n_effective, np.nan)
        p = pvalues(r, n_effective, model.alternative, n_covariates=similarity.n_covariates)
    flags += [(int(i), int(j), f"no p-value: {similarity.n_covariates} covariates leave no degree of freedom")
              for i, j in np.argwhere(once & np.isfinite(n_effective) & np.isnan(p))]
    left = n_effective - similarity.n_covariates
    taken = f", {similarity.n_covariates} of them taken by covariates" if similarity.n_covariates else ""
    flags += [(int(i), int(j), f"few independent values (n_effective {n_effective[i, j]:.1f}{taken})")
              for i, j in np.argwhere(once & (left < FEW))]
    low = high = np.full(r.shape, np.nan)
    if similarity.has_formula:
        low, high = fisher_interval(r, n_effective, n_covariates=similarity.n_covariates)
    adjust = benjamini_hochberg if model.fdr == "bh" else benjamini_yekutieli
    columns = dict(zip(INFERRED_COLUMNS, [n_effective, low, high, p, adjust(p), holm(p) if p_fwe is None else p_fwe],
                       strict=True))
    if same_set:
        columns = {name: np.where(below, a, a.T) for name, a in columns.items()}
        if beside:
            # Above the diagonal x and y are the other way round.
            one, other = (beside[name] for name in DIRECTION_COLUMNS)
            turned = np.where(below, one, other.T), np.where(below, other, one.T)
            beside = dict(zip(DIRECTION_COLUMNS, turned, strict=True))
    return Inference({**columns, **beside}, flags, decisions, shape)


def _untestable(x: MapMatrix, y: MapMatrix, found: Correlation, tested: BoolArray) -> Iterator[tuple[int, int, str]]:
    """Name the cells that a null model of smooth maps can tell nothing of, and why."""
    unit, least = x.features.unit, FEWEST if x.features.centroids is not None else LEAST_VOXELS
    small = tested & (found.n < least)
    for i, j in np.argwhere(small):
        yield int(i), int(j), (f"no p-value: {found.n[i, j]} common {unit}s are too few for the null model "
                               f"({least} needed)")
    left = tested & ~small
    if left.any() and (why := _unplaced(x, y)):
        yield from ((int(i), int(j), f"no p-value: {why}") for i, j in np.argwhere(left))


def _demand_room(regions: int, null: str, memory: int) -> None:
    """Refuse matrices of regions × regions that cannot be held, before any is made."""
    needed = MATRICES[null] * 8 * regions**2
    if needed > memory:
        raise ResourceError(f"the null model {null} needs about {needed / 2**30:.1f} GiB for matrices of {regions} × "
                            f"{regions} regions, and {memory / 2**30:.1f} GiB may be used for it: take an atlas of "
                            "fewer regions, give --memory more, or leave p-values out with --null none")


def _unplaced(x: MapMatrix, y: MapMatrix) -> str | None:
    """Say why the regions in use are no cloud of places, if they are none."""
    centroids, volumes = x.features.centroids, x.features.volumes
    if centroids is None:
        return None
    used = x.supports.any(axis=0) | y.supports.any(axis=0)
    try:
        cloud_of(centroids[used], None if volumes is None else volumes[used])
    except ValueError as error:
        return str(error)
    return None


def _observations(x: MapMatrix, y: MapMatrix, found: Correlation, similarity: Similarity) -> Float64Array:
    """Count features as observations; of weighted ones, those of equal weight that would tell as much (Kish)."""
    if similarity.weights is None:
        return found.n.astype(np.float64)
    w = similarity.weights
    one, two = ((y.supports * v) @ x.supports.T.astype(np.float64) for v in (w, w**2))
    with np.errstate(invalid="ignore"):
        alike: Float64Array = (one**2 / two)[np.ix_(y.support_of, x.support_of)]
    return alike


def _sizes(
    x: MapMatrix, y: MapMatrix, found: Correlation, tested: BoolArray, similarity: Similarity, model: NullModel,
    jobs: int, memory: int, progress: Progress,
) -> tuple[EffectiveSize, Autocovariances | None]:
    """Size up all pairs under the null model of voxels, or that of regions; tell what was fitted to the maps."""
    if not tested.any():
        return unknown_sizes(found.n.shape), None
    base_x = similarity.base(x, jobs)
    base_y = base_x if y is x else similarity.base(y, jobs)
    kind: Model = "gsm" if model.null == "gsm" else "robust"
    weights, covariates, features = similarity.weights, similarity.ranked_covariates, x.features
    if features.centroids is None:
        voxels = effective_null(base_x, base_y, model=kind, weights=weights, covariates=covariates)
        return _sized(voxels, base_x, base_y, found.n, jobs, memory, progress)
    regions = regional_null(base_x, base_y, features.centroids, model=kind, volumes=features.volumes, weights=weights,
                            covariates=covariates)
    return _sized(regions, base_x, base_y, found.n, jobs, memory, progress)


def _sized(
    null: Sized[D], x: MapMatrix, y: MapMatrix, n: IntArray, jobs: int, memory: int, progress: Progress
) -> tuple[EffectiveSize, Autocovariances | None]:
    """Size up all pairs, a piece of either set at a time; descriptions are kept as far as the memory allows."""
    atoms = null.atoms
    width = 1 if atoms is None else len(atoms)
    of_x, of_y = np.full((len(x), width), np.nan), np.full((len(y), width), np.nan)
    xs, ys = _pieces(x), _pieces(y)
    kept: dict[int, D] = {}
    room = max(int(memory / max(null.bytes_per_map, 1)) - PIECE, 0)
    total = unknown_sizes(n.shape)
    keep_all = len(x) <= room
    with progress(len(y) * (y is not x) + len(x) * (1 if keep_all else len(ys)),
                  "fitting autocovariances") as advance:

        def describe(piece: MapMatrix) -> D:
            described = null.describe(piece, jobs)
            advance(len(piece))
            return described

        for k, (rows, part_y) in enumerate(ys):
            description_y = kept.get(k) if y is x else None
            if description_y is None:
                description_y = describe(part_y)
                if y is x and keep_all:
                    kept[k] = description_y
            of_y[rows] = description_y.coefficients
            for m, (columns, part_x) in enumerate(xs):
                description_x = kept.get(m)
                if description_x is None:
                    description_x = description_y if y is x and m == k else describe(part_x)
                    if keep_all:
                        kept[m] = description_x
                of_x[columns] = description_x.coefficients
                here = rows, columns
                part = null.size(description_x, description_y, n[here])
                for name in EffectiveSize.__dataclass_fields__:
                    getattr(total, name)[here] = getattr(part, name)
    return total, None if atoms is None else _curves(atoms, of_x, of_x if y is x else of_y)


def _curves(atoms: Atoms, x: Float64Array, y: Float64Array) -> Autocovariances:
    """Evaluate fitted autocovariances at a few distances."""
    lags = np.linspace(0, float(atoms.widths[-1]), LAGS)
    at = atoms.at(lags**2).T
    of_x = (x @ at).astype(np.float32)
    return Autocovariances(lags, of_x, of_x if y is x else (y @ at).astype(np.float32))


def _pieces(matrix: MapMatrix) -> list[tuple[slice, MapMatrix]]:
    slices = [slice(start, min(start + PIECE, len(matrix))) for start in range(0, len(matrix), PIECE)]
    return [(piece, matrix.part(piece)) for piece in slices]


def _doubts(size: EffectiveSize, tested: BoolArray) -> list[tuple[int, int, str]]:
    """Name the cells whose variance should be trusted less, and why."""
    with np.errstate(invalid="ignore"):
        uneven = size.variance / size.gsm_variance > UNEVEN
    flags = []
    for i, j in np.argwhere(tested & (uneven | size.guarded)):
        texts = []
        if uneven[i, j]:
            texts.append(f"n_effective {size.n_effective[i, j]:.0f} instead of {size.gsm_n_effective[i, j]:.0f}: both "
                         "maps are smooth or strong in the same places (as strongly related maps are, too)")
        texts += ["the null model was held at a bound"] * bool(size.guarded[i, j])
        flags.append((int(i), int(j), "; ".join(texts)))
    return flags


def _of_directions(
    draws: Directions, x: MapMatrix, y: MapMatrix, model: NullModel, same_set: bool
) -> Iterator[Decision]:
    """Say how the two directions became one p, and how well variograms fit."""
    yield Decision("null", f"{model.null}: maps of x were randomised, then those of y; p and p_fwe are the larger of "
                   "the two, n_effective that of the direction in which r scatters more")
    sides = [("the set", x, draws.x_fits)] if same_set else [("x", x, draws.x_fits), ("y", y, draws.y_fits)]
    for name, matrix, fits in sides:
        known = [fit for fit in fits if fit is not None]
        if not known:
            continue
        bias = 100 * np.array([fit.bias for fit in known])
        of = f"the map of {name}" if bias.size == 1 else "the map"
        text = (f"the mean variogram of {known[0].surrogates} surrogates is off that of {of} by "
                f"{np.median(bias):.0f} %")
        if bias.size > 1:
            text += f" (median of {bias.size} maps of {name}; {bias.min():.0f} to {bias.max():.0f} %)"
        bad = [printable(label) for label, fit in zip(matrix.labels, fits, strict=True) if fit and fit.poor]
        if bad:
            more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
            text += f"; the fit is poor for {', '.join(bad[:NAMED])}{more}"
        yield Decision("null", text)


def _bad_fits(
    draws: Directions, x: MapMatrix, y: MapMatrix, tested: BoolArray
) -> Iterator[tuple[int, int, str]]:
    """Name the cells of maps whose surrogates are not what they should be."""

    def off(matrix: MapMatrix, index: int, fit: VariogramFit | None) -> str | None:
        if fit is None or not fit.poor:
            return None
        return f"variograms of surrogates are off that of {printable(matrix.labels[index])} by {100 * fit.bias:.0f} %"

    of_x = [off(x, j, fit) for j, fit in enumerate(draws.x_fits)]
    of_y = [off(y, i, fit) for i, fit in enumerate(draws.y_fits)]
    for i, j in np.argwhere(tested):
        texts = [text for text in (of_x[j], of_y[i]) if text]
        if texts:
            yield int(i), int(j), "; ".join(texts)
