"""How sure each similarity is: independent values, interval, p, and p adjusted for many cells.

Here the null models (`niicorr.nulls`) and the arithmetic of tests (`niicorr.inference`) meet, for all pairs at
once. scipy is imported on the way, so this room is not entered under ``none``.

`effective` and `gsm` go from the maps' autocovariances to n_effective and Student's t, of voxels or of regions;
`independent` takes each of them for one observation; `surrogate`, and for regions `moran` and `variogram`
(`niicorr.draws`), count how often chance does as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.compute.device import Device
from niicorr.compute.plan import cuts
from niicorr.compute.similarity import Correlation, Similarity
from niicorr.draws import Directions, count_directions, count_draws
from niicorr.errors import ResourceError
from niicorr.inference import adjusted, fisher_interval, pvalues
from niicorr.machine import one_blas_thread
from niicorr.matrix import MapMatrix
from niicorr.nulls.distances import FEWEST, cloud_of
from niicorr.nulls.effective import Description, EffectiveNull, EffectiveSize, Model, effective_null
from niicorr.nulls.misfits import LEAST, MOST, misfits
from niicorr.nulls.regional import RegionalDescription, regional_null
from niicorr.nulls.supports import supports_of
from niicorr.nulls.traces import Atoms
from niicorr.nulls.variogram import VariogramFit
from niicorr.numerals import integer, memory_text, plural
from niicorr.pair_sizes import size_pairs
from niicorr.records import FEW, Decision, NullModel
from niicorr.refitting import UNLIKE, refit
from niicorr.result.notes import Layer
from niicorr.result.null_shape import Autocovariances, Histogram
from niicorr.scratch import unknown
from niicorr.tables import DIRECTION_COLUMNS, INFERRED_COLUMNS, printable
from niicorr.threads import in_order
from niicorr.typing import BoolArray, Float64Array, IntArray, Progress
from niicorr.words import DRAWN

if TYPE_CHECKING:  # who needs neither need not load them
    from niicorr.cluster.nulls import GivenOutNull
    from niicorr.cluster.session import Cluster
    from niicorr.resume.kept import KeptWork

UNEVEN = 1.5
"""From this ratio of the corrected to the stationary variance on, shared unevenness is remarked upon."""

LEAST_VOXELS = 50
"""An autocovariance fitted in fewer voxels is no fit."""

ROWS = 64
"""Rows of the matrix that a thread turns into p-values and intervals at once."""

NAMED = 3
"""So many maps whose variograms fit badly are named; the rest is counted."""

MATRICES = {"effective": 10, "gsm": 8, "moran": 8, "variogram": 20, "surrogate": 10}
"""How many matrices of regions × regions each null model holds: what was seen at 10 000 regions, and a little more."""

LAGS = 61
"""Distances at which a fitted autocovariance is told."""


@dataclass(frozen=True, eq=False)
class Inference:
    """What a null model tells of all cells.

    Parameters
    ----------
    columns : dict of str to ndarray, shape (maps of y, maps of x)
        The columns of ``pairs.tsv`` from ``n_effective`` to ``p_fwe``, and those of the two directions under ``moran``
        and ``variogram``; NaN where a cell was not tested.
    notes : tuple of Layer
        Cells whose p should be trusted less, or that have none, with the reason.
    decisions : tuple of Decision
        How p came about, where that is not a matter of the null model's name alone; how well variograms fit.
    shape : Autocovariances, Histogram or None
        What the null model makes of chance, to be looked at; None of ``independent`` and of very many draws.
    """

    columns: dict[str, Float64Array]
    notes: tuple[Layer, ...] = ()
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
    device: Device | None = None,
    kept: KeptWork | None = None,
    cluster: Cluster | None = None,
    on_disk: bool = False,
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
    device : Device, optional
        Where surrogates of voxels are drawn and multiplied.
    kept : KeptWork, optional
        Has what an interrupted run described, and takes what is described here.
    cluster : Cluster, optional
        Workers that describe the maps of voxels.
    on_disk : bool
        Whether columns lie in temporary files rather than in memory.

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
    notes = [] if model.null == "independent" else list(_untestable(x, y, found, once))
    once = once.copy()
    for layer in notes:
        once &= ~layer.cells
    beside, p_fwe = {}, None
    # Draws count all covariates in, and so they are all taken off again.
    taken = similarity.n_covariates if model.null in DRAWN else _taken(x, y, similarity)
    shape: Autocovariances | Histogram | None = None
    if model.null in DRAWN:
        means: dict[str, Any] = {"similarity": similarity, "model": model, "jobs": jobs, "memory": memory,
                                 "progress": progress, "kept": kept}
        draws = (count_draws(x, y, found, once, **means, device=device) if model.null == "surrogate" else
                 count_directions(x, y, found, once, **means))
        if isinstance(draws, Directions):
            beside = dict(zip(DIRECTION_COLUMNS, (draws.x_random.p, draws.y_random.p), strict=True))
            decisions = tuple(_of_directions(draws, x, y, model, same_set))
            notes += _bad_fits(draws, x, y, once)
            draws = draws.larger
        decisions += draws.decisions
        p, p_fwe, n_effective, shape = draws.p, draws.p_fwe, draws.n_effective, draws.histogram
        notes.append(Layer.of(once & np.isnan(p), "no p-value: no random maps could be drawn for one of the two"))
    else:
        p = unknown(found.r.shape, on_disk=on_disk)
        if model.null == "independent":
            n_effective = np.where(once, _observations(x, y, found, similarity), np.nan)
        else:
            sizes, shape = _sizes(x, y, found, once, similarity, model, jobs, memory, progress, kept, cluster, taken,
                                  on_disk=on_disk)
            n_effective, taken = sizes.n_effective, sizes.taken
            notes += sizes.doubts(x.features.unit)
            decisions += tuple(sizes.decisions(x.features.unit))
    low, high, few, bare = _tested(p, found.r, n_effective, once, similarity, model, taken, jobs, on_disk=on_disk)
    numbers: tuple[IntArray, ...] = ()
    if isinstance(taken, np.ndarray):
        numbers, of_covariates, beside_them = (taken,), "{}", ", {} of them taken by covariates"
    else:
        of_covariates = str(taken)
        beside_them = f", {taken} of them taken by covariates" if taken else ""
    notes += [
        Layer.of(bare & np.equal(taken, 0), "no p-value: n_effective {:.1f} leaves no degree of freedom", n_effective),
        Layer.of(bare & np.not_equal(taken, 0), f"no p-value: {of_covariates} covariates leave no degree of freedom",
                 *numbers),
        Layer.of(few, f"few independent values (n_effective {{:.1f}}{beside_them})", n_effective, *numbers),
    ]
    p_fdr, by_holm = adjusted(p, model.fdr, on_disk=on_disk)
    columns = dict(zip(INFERRED_COLUMNS, [n_effective, low, high, p, p_fdr, by_holm if p_fwe is None else p_fwe],
                       strict=True))
    if same_set:
        for column in columns.values():
            _mirror(column)
        if beside:
            # Above the diagonal x and y are the other way round.
            one, other = (beside[name] for name in DIRECTION_COLUMNS)
            turned = np.where(below, one, other.T), np.where(below, other, one.T)
            beside = dict(zip(DIRECTION_COLUMNS, turned, strict=True))
    return Inference({**columns, **beside}, tuple(notes), decisions, shape)


def _tested(
    p: Float64Array, r: Float64Array, n_effective: Float64Array, tested: BoolArray, similarity: Similarity,
    model: NullModel, taken: int | IntArray, jobs: int, *, on_disk: bool,
) -> tuple[Float64Array, Float64Array, BoolArray, BoolArray]:
    """Find the interval of each tested cell, and its p where nothing was drawn, which is filled in.

    Returns
    -------
    low, high : ndarray, shape of r, float64
        NaN where nothing is known.
    few, bare : ndarray of bool, shape of r
        Where few values are independent, and where none is left: then there is no p.
    """
    drawn = model.null in DRAWN
    low, high = (unknown(r.shape, on_disk=on_disk) for _ in range(2))
    few, bare = np.zeros((2, *r.shape), dtype=np.bool_)

    def infer_rows(rows: slice) -> None:
        known, size = np.where(tested[rows], r[rows], np.nan), n_effective[rows]
        q = taken[rows] if isinstance(taken, np.ndarray) else taken
        if not drawn:
            p[rows] = pvalues(known, size, model.alternative, n_covariates=q)
        if similarity.has_formula:
            low[rows], high[rows] = fisher_interval(known, size, n_covariates=q)
        with np.errstate(invalid="ignore"):
            few[rows] = tested[rows] & (size - q < FEW)
        bare[rows] = tested[rows] & np.isfinite(size) & np.isnan(p[rows])

    for _ in in_order(infer_rows, cuts(len(r), ROWS), jobs):
        pass
    return low, high, few, bare


def _mirror(column: Float64Array) -> None:
    """Write what stands below the diagonal above it, too; in place."""
    pieces = cuts(len(column), ROWS)
    for k, rows in enumerate(pieces):
        for columns in pieces[:k]:
            column[columns, rows] = column[rows, columns].T
        own = column[rows, rows]
        column[rows, rows] = np.where(np.tri(len(own), k=-1, dtype=np.bool_), own, own.T)


def _untestable(x: MapMatrix, y: MapMatrix, found: Correlation, tested: BoolArray) -> Iterator[Layer]:
    """Name the cells that a null model of smooth maps can tell nothing of, and why."""
    unit, least = x.features.unit, FEWEST if x.features.centroids is not None else LEAST_VOXELS
    small = tested & (found.n < least)
    yield Layer.of(small, f"no p-value: {{}} common {unit}s are too few for the null model ({least} needed)", found.n)
    left = tested & ~small
    if left.any() and (why := _unplaced(x, y)):
        yield Layer.of(left, f"no p-value: {why}".replace("{", "{{").replace("}", "}}"))


def _demand_room(regions: int, null: str, memory: int) -> None:
    """Refuse matrices of regions × regions that cannot be held, before any is made."""
    needed = MATRICES[null] * 8 * regions**2
    if needed > memory:
        raise ResourceError(f"the null model {null} needs about {memory_text(needed)} for matrices of {regions} × "
                            f"{regions} regions, and {memory_text(memory)} may be used for it: take an atlas of "
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


def _taken(x: MapMatrix, y: MapMatrix, similarity: Similarity) -> int | IntArray:
    """Count the covariates that tell something of a pair: one that is constant over the common features does not.

    All of them count where there are more than a few different sets of these.
    """
    if not similarity.n_covariates or (x.complete and y.complete):
        return similarity.n_covariates
    supports = supports_of(x, y, similarity.weights, similarity.ranked_covariates)
    if supports.shared is None:
        return similarity.n_covariates
    return supports.covariates_between(supports.of(y), supports.of(x))


def _sizes(
    x: MapMatrix, y: MapMatrix, found: Correlation, tested: BoolArray, similarity: Similarity, model: NullModel,
    jobs: int, memory: int, progress: Progress, kept: KeptWork | None, cluster: Cluster | None,
    taken: int | IntArray, *, on_disk: bool,
) -> tuple[_Sizes, Autocovariances | None]:
    """Find n_effective of all pairs under the null model of voxels, or that of regions; and what was fitted."""
    sizes = _Sizes.of(tested, taken, on_disk=on_disk)
    if not tested.any():
        return sizes, None
    # Workers take the base of what they describe themselves.
    given_out = cluster is not None and cluster.extracted(x, y)
    base_x = x if given_out else similarity.base(x, jobs)
    base_y = base_x if y is x else y if given_out else similarity.base(y, jobs)
    kind: Model = "gsm" if model.null == "gsm" else "robust"
    weights, covariates, features = similarity.weights, similarity.ranked_covariates, x.features
    what = similarity.method, kind, weights, covariates
    means: dict[str, Any] = {"jobs": jobs, "memory": memory, "progress": progress}
    if features.centroids is None:
        def of_voxels() -> EffectiveNull:
            return effective_null(base_x, base_y, model=kind, weights=weights, covariates=covariates)

        if cluster is None or not given_out:
            voxels: EffectiveNull | GivenOutNull = of_voxels()
        else:
            voxels = cluster.null(of_voxels, similarity, kind, x, y, at_once=kept is None)
        atoms = voxels.atoms
        of_x, of_y = size_pairs(
            voxels if kept is None else kept.null(voxels, Description, base_x, base_y, *what), base_x, base_y, found.n,
            sizes.place, **means)
    else:
        regions = regional_null(base_x, base_y, features.centroids, model=kind, volumes=features.volumes,
                                weights=weights, covariates=covariates)
        atoms = regions.atoms
        of_x, of_y = size_pairs(
            regions if kept is None else kept.null(regions, RegionalDescription, base_x, base_y, *what), base_x,
            base_y, found.n, sizes.place, **means)
    if similarity.method == "pearson" and not (x.complete and y.complete):
        # Of ranks and robust scores no few make up the variance of a map.
        with one_blas_thread():
            sizes.unlike = misfits(x, y, found.n, tested, jobs)
        sizes.n_effective[sizes.unlike] = np.nan
        sizes.left = refit(x, y, sizes.unlike, similarity, kind, sizes.replace, jobs=jobs, progress=progress)
    return sizes, None if atoms is None else _curves(atoms, of_x, of_y)


@dataclass(eq=False)
class _Sizes:
    """What is kept of the sizes of all pairs, shape (maps of y, maps of x).

    Parameters
    ----------
    tested : ndarray of bool
        The cells that count.
    n_effective : ndarray, float64
        NaN elsewhere.
    uneven, guarded : ndarray of bool
        Cells whose variance should be trusted less: both maps are uneven in the same places, or a bound was hit.
    stationary : ndarray of int32
        n_effective without the former, in whole numbers, where it is remarked upon.
    taken : int or ndarray of int
        Covariates that tell something of a pair.
    unlike, left : ndarray of bool, optional
        Cells whose common features show another map than was fitted; those of them that were not fitted again.
    """

    tested: BoolArray
    n_effective: Float64Array
    uneven: BoolArray
    guarded: BoolArray
    stationary: IntArray
    taken: int | IntArray
    unlike: BoolArray | None = None
    left: BoolArray | None = None

    @classmethod
    def of(cls, tested: BoolArray, taken: int | IntArray, *, on_disk: bool) -> _Sizes:
        """Make room."""
        uneven, guarded = np.zeros((2, *tested.shape), dtype=np.bool_)
        return cls(tested, unknown(tested.shape, on_disk=on_disk), uneven, guarded, np.zeros(tested.shape, np.int32),
                   taken)

    def place(self, rows: slice, columns: slice, size: EffectiveSize) -> None:
        """Take the sizes of a tile."""
        here = rows, columns
        tested = self.tested[here]
        self.n_effective[here] = np.where(tested, size.n_effective, np.nan)
        with np.errstate(invalid="ignore"):
            uneven = tested & (size.variance / size.gsm_variance > UNEVEN)
        self.uneven[here], self.guarded[here] = uneven, tested & size.guarded
        if uneven.any():
            self.stationary[here] = np.rint(np.where(uneven, size.gsm_n_effective, 0))

    def replace(self, rows: IntArray, columns: IntArray, size: EffectiveSize, taken: int) -> None:
        """Take the sizes of some cells that were found anew, and how many covariates there are among them."""
        here = rows, columns
        with np.errstate(invalid="ignore"):
            uneven = size.variance / size.gsm_variance > UNEVEN
        self.n_effective[here], self.uneven[here], self.guarded[here] = size.n_effective, uneven, size.guarded
        self.stationary[here] = np.rint(np.where(uneven, size.gsm_n_effective, 0))
        if isinstance(self.taken, int) and taken != self.taken:
            self.taken = np.full(self.tested.shape, self.taken, dtype=np.int16)
        if isinstance(self.taken, np.ndarray):
            self.taken[here] = taken

    def decisions(self, unit: str) -> Iterator[Decision]:
        """Tell of how many cells the maps were fitted again, or could not be."""
        if self.unlike is None or self.left is None or not self.unlike.any():
            return
        tested, unlike, left = (int(np.count_nonzero(cells)) for cells in (self.tested, self.unlike, self.left))
        rest = f" for {integer(unlike - left)} of them; {integer(left)} have no p-value" if left else ""
        yield Decision("null", f"in {plural(unlike, 'pair')} of {integer(tested)} the variance of a map over the "
                       f"common {unit}s is less than {LEAST:g} or more than {MOST:g} times that over all its own, "
                       f"where its autocovariance is fitted: both maps were fitted again over the common {unit}s{rest}")

    def doubts(self, unit: str) -> list[Layer]:
        """Name the cells whose variance should be trusted less, or is not known, and why."""
        unknown_here = []
        if self.left is not None and self.left.any():
            unknown_here = [Layer.of(self.left, f"{UNLIKE.format(unit)}, and too many pairs are so for each to be "
                                     f"fitted again: leave these {unit}s out with --mask")]
            self.uneven &= ~self.left
            self.guarded &= ~self.left
        return [
            *unknown_here,
            Layer.of(self.uneven, "n_effective {:,.0f} instead of {:,}: both maps are smooth or strong in the same "
                     "places (as strongly related maps are, too)", self.n_effective, self.stationary),
            Layer.of(self.guarded, "the null model was held at a bound"),
        ]


def _curves(atoms: Atoms, x: Float64Array, y: Float64Array) -> Autocovariances:
    """Evaluate fitted autocovariances at a few distances."""
    lags = np.linspace(0, float(atoms.widths[-1]), LAGS)
    at = atoms.at(lags**2).T
    of_x = (x @ at).astype(np.float32)
    return Autocovariances(lags, of_x, of_x if y is x else (y @ at).astype(np.float32))


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
        text = (f"the mean variogram of {integer(known[0].surrogates)} surrogates is off that of {of} by "
                f"{np.median(bias):.0f} %")
        if bias.size > 1:
            text += f" (median of {integer(bias.size)} maps of {name}; {bias.min():.0f} to {bias.max():.0f} %)"
        bad = [printable(label) for label, fit in zip(matrix.labels, fits, strict=True) if fit and fit.poor]
        if bad:
            more = f" and {integer(len(bad) - NAMED)} more" if len(bad) > NAMED else ""
            text += f"; the fit is poor for {', '.join(bad[:NAMED])}{more}"
        yield Decision("null", text)


def _bad_fits(draws: Directions, x: MapMatrix, y: MapMatrix, tested: BoolArray) -> list[Layer]:
    """Name the cells of maps whose surrogates are not what they should be."""

    def off(matrix: MapMatrix, index: int, fit: VariogramFit | None) -> str | None:
        if fit is None or not fit.poor:
            return None
        return f"variograms of surrogates are off that of {printable(matrix.labels[index])} by {100 * fit.bias:.0f} %"

    of_x = [off(x, j, fit) for j, fit in enumerate(draws.x_fits)]
    of_y = [off(y, i, fit) for i, fit in enumerate(draws.y_fits)]
    poor = np.array([text is not None for text in of_y])[:, None] | np.array([text is not None for text in of_x])
    return [Layer.saying(tested & poor, lambda i, j: "; ".join(text for text in (of_x[j], of_y[i]) if text))]
