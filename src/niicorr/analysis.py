"""Two matrices become a result: numbers, and for every cell that needs one a remark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.compute.device import choose_device
from niicorr.compute.outcome import Elsewhere
from niicorr.compute.plan import TILE, cuts
from niicorr.compute.similarity import MIN_COMMON, Correlation, Similarity
from niicorr.compute.transforms import fine_values, no_spread
from niicorr.errors import InputError, UsageError
from niicorr.machine import memory_budget
from niicorr.matrix import Features, MapMatrix, same_place
from niicorr.numberless import numberless, numberless_text
from niicorr.numerals import integer, memory_text, plural
from niicorr.overlap import LOW_OVERLAP, low_overlap_text
from niicorr.records import INDEPENDENT, Decision, MapRecord, NullModel, Provenance
from niicorr.result import Comparison, CorrelationResult, Sensitivity
from niicorr.result.notes import Layer, Notes
from niicorr.result.same_files import SAME_FILE, SAME_VALUES, copies_text, same_files, same_values, shared_sets
from niicorr.scratch import demand_room, unknown
from niicorr.tables import printable
from niicorr.typing import BoolArray, DeviceOption, Float64Array, FloatArray, Progress
from niicorr.words import BY_FORMULA, DRAWN, TWO_WAYS

if TYPE_CHECKING:  # who needs neither need not load them
    from niicorr.cluster.session import Cluster
    from niicorr.resume.kept import KeptWork

RESULT, HELD_PER_CELL, BARE_PER_CELL = 0.25, 72, 24
"""Share of the memory that the numbers of all pairs may take, and their bytes a pair: with a null model and without."""

ZEROS_MATTER = 0.1
"""So much must r move under the other reading of zeros (or change its sign) to be remarked upon."""


def silent(_total: int, _what: str) -> AbstractContextManager[Callable[[int], None]]:
    """Tell nobody how far long work has come."""
    return nullcontext(lambda _done: None)


def listener(progress: Progress | None) -> Progress:
    """Return whom to tell how far work has come, nobody where none is named; what cannot be told is a `UsageError`."""
    if progress is None:
        return silent
    if not callable(progress):
        raise UsageError("progress is a function that is called with how much there is to do and what that is, and "
                         f"returns a context; not {type(progress).__name__}")
    return progress


def analyse(
    x: MapMatrix,
    y: MapMatrix | None = None,
    *,
    similarity: Similarity | None = None,
    model: NullModel | None = None,
    naive_step: int = 0,
    mask: BoolArray | None = None,
    provenance: Provenance | None = None,
    jobs: int = 1,
    memory: int | None = None,
    device: DeviceOption = "cpu",
    progress: Progress = silent,
    kept: KeptWork | None = None,
    cluster: Cluster | None = None,
) -> CorrelationResult:
    """Correlate every map of y (rows) with every map of x (columns).

    Parameters
    ----------
    x, y : MapMatrix
        Same features. Without y, x is compared with itself.
    similarity : Similarity, optional
        What is computed of each pair; Pearson's r without it.
    model : NullModel, optional
        How p-values are found and adjusted; none without it.
    naive_step : int
        The step of ``x.naive`` and ``y.naive``; 0 where there are none.
    mask : ndarray of bool, shape ``grid.shape``, optional
        Carried into the result.
    provenance : Provenance, optional
        What is known so far of how the numbers come about.
    jobs : int
        Threads.
    memory : int, optional
        Bytes that products and null models may use; without it 60 % of what is free.
    device : {'cpu', 'cuda', 'auto'}
        Where products are made; see `niicorr.compute.device.choose_device`.
    progress : callable, optional
        Told of work that may take long.
    kept : KeptWork, optional
        Has what an interrupted run finished, and takes what is finished here.
    cluster : Cluster, optional
        Workers that extracted the maps: they make tiles, and describe maps for the null model.

    Returns
    -------
    CorrelationResult
        ``notes`` says why a cell has no number, and what to know of some that have one.

    Raises
    ------
    InputError
        Where there is no map, or the two sets hold different features.
    """
    same_set = y is None
    y = x if y is None else y
    check_features(x, y)
    similarity = similarity or Similarity()
    model, why_none = _possible(model or NullModel("none"), similarity, x.features)
    # Every surrogate is multiplied as the maps are.
    times = 1 + model.n_surrogates * (model.null == "surrogate")
    gpu, of_device = choose_device(device, times * similarity.work(x, y))
    large = _too_large(len(x), len(y), memory)
    on_disk = large is not None
    if on_disk:
        held = BARE_PER_CELL if model.null == "none" else HELD_PER_CELL
        demand_room(len(x) * len(y) * held, "the numbers of all pairs")
    means: dict[str, Any] = {"jobs": jobs, "memory": memory_budget(memory) // 2, "device": gpu, "progress": progress,
                             "on_disk": on_disk}

    def compare(first: MapMatrix, second: MapMatrix) -> Correlation:
        tiles: Elsewhere | None = None if kept is None else kept.tiles(similarity, first, second, gpu, jobs)
        if cluster is not None:
            tiles = cluster.tiles(similarity, first, second, tiles)
        return similarity(first, second, **means, elsewhere=tiles)

    found = compare(x, y)
    r = found.r
    if same_set:
        np.fill_diagonal(r, np.where(np.isfinite(np.diag(r)), 1.0, np.nan))
    same = np.zeros(r.shape, dtype=np.bool_)
    for i, j in same_files(x.records, y.records):
        same[i, j] = not same_set or i != j
    alike = np.zeros(r.shape, dtype=np.bool_)
    for i, j in same_values(x, y, r, same, same_set=same_set):
        alike[i, j] = True
    low = np.isfinite(r) & (found.n < LOW_OVERLAP * x.features.n)
    if same_set:
        low = np.tril(low, -1)  # each pair once, as in pairs.tsv
    zeros_matter = _zeros_matter(r, x, y, compare, means["memory"], on_disk=on_disk)
    remarks = _remarks(found, x, y, similarity, same, alike, low, zeros_matter)
    inferred: dict[str, Float64Array] = {}
    of_null: tuple[Decision, ...] = ()
    shape = None
    if model.null != "none":
        from niicorr.significance import infer  # and with it scipy

        tested = np.isfinite(r) & ~same & ~alike
        if same_set:
            np.fill_diagonal(tested, False)
        inference = infer(x, y, found, tested, similarity=similarity, model=model, same_set=same_set, jobs=jobs,
                          memory=memory_budget(memory) // 2, progress=progress, device=gpu, kept=kept, cluster=cluster,
                          on_disk=on_disk)
        inferred, of_null, shape = inference.columns, inference.decisions, inference.shape
        remarks += inference.notes
    provenance = provenance or Provenance()
    provenance = replace(
        provenance,
        decisions=(*provenance.decisions, *(one for one in (large, of_device) if one is not None), *found.decisions,
                   *_of_method(found, similarity, why_none, _unit(x.features)), *_undrawn(model), *of_null),
        warnings=(*provenance.warnings, *_warnings(x, y, model, low, same_set),
                  *_overfull(found, similarity, _unit(x.features))))
    naive = _naive(x, y, on_disk=on_disk) if similarity.plain else None
    sensitivity = None
    if naive is not None or np.isfinite(zeros_matter).any():
        sensitivity = Sensitivity(unknown(r.shape, on_disk=on_disk) if naive is None else naive, max(naive_step, 1),
                                  zeros_matter)
    x_records = _with_remarks(x, similarity)
    y_records = x_records if same_set else _with_remarks(y, similarity)
    return CorrelationResult(r, found.n, x_records, y_records, similarity.method, model.null, same_set,
                             Notes(r.shape, remarks), x.features.grid, mask, sensitivity, provenance, inferred,
                             Comparison(replace(x, naive=None), replace(y, naive=None), similarity),
                             null_shape=shape)


def _too_large(columns: int, rows: int, memory: int | None) -> Decision | None:
    """Say that the result lies in files, where it would take much of the memory; None where it does not."""
    size, budget = columns * rows * HELD_PER_CELL, memory_budget(memory)
    if size <= RESULT * budget:
        return None
    return Decision("memory", f"the numbers of {integer(rows * columns)} pairs take {memory_text(size)}, more than "
                    f"a quarter of the {memory_text(budget)} that may be used: they lie in temporary files (TMPDIR)")


def check_features(x: MapMatrix, y: MapMatrix) -> None:
    """Refuse sets without maps, or of different features."""
    if not (len(x) and len(y)):
        raise InputError("there is no map to compare: an array has no rows")
    if x.features.n != y.features.n:
        raise InputError(f"x has {integer(x.features.n)} features, y has {integer(y.features.n)}: correlate "
                         "maps on one grid and mask")
    if not same_place(x.features, y.features):
        raise InputError(f"x and y hold different {_unit(x.features)}s: extract both with one sampling "
                         "(choose_sampling(x, y))")


def _remarks(
    found: Correlation, x: MapMatrix, y: MapMatrix, similarity: Similarity, same: BoolArray, alike: BoolArray,
    low: BoolArray, zeros_matter: Float64Array,
) -> list[Layer]:
    """Say of each cell what must be known of it."""
    n = integer(x.features.n)
    whole = f"{n} regions" if _unit(x.features) == "region" else f"{n} voxels of the mask"

    def zeros(i: int, j: int) -> str:
        return f"zeros matter: {_short(found.r[i, j])} / {_short(zeros_matter[i, j])}"

    return [
        Layer.saying(np.isnan(found.r), lambda i, j: _why_empty(i, j, found, x, y, similarity)),
        Layer.of(same, SAME_FILE),
        Layer.of(alike, SAME_VALUES),
        Layer.of(low, f"low overlap: {{:,}} of the {whole}", found.n),
        Layer.saying(np.isfinite(zeros_matter), zeros, "zeros matter: "),
    ]


def _warnings(x: MapMatrix, y: MapMatrix, model: NullModel, low: BoolArray, same_set: bool) -> Iterator[str]:
    """Say what must be known before any number."""
    if text := numberless_text([*numberless(x), *(() if same_set else numberless(y))]):
        yield text
    if model.null == "independent":
        unit = _unit(x.features)
        yield (f"{INDEPENDENT.replace('voxel', unit)} (null model: independent); neighbouring {unit}s repeat each "
               "other, so most pairs of unrelated smooth maps come out significant. The null model effective knows "
               "that")
    if not same_set and (shared := shared_sets(x.records, y.records)):
        yield (f"x and y share {plural(shared, 'file')}: leave out -y to compare a set with itself (its pairs are "
               "counted once then)")
    for maps, name in ((x, "x"), *(() if same_set else ((y, "y"),))):
        if text := copies_text(maps, name):
            yield text
    if text := low_overlap_text(int(low.sum()), x.records, None if same_set else y.records, x.features.unit):
        yield text


def _overfull(found: Correlation, similarity: Similarity, unit: str) -> Iterator[str]:
    """Say that a Dice coefficient of maps that are everywhere above the threshold tells nothing."""
    numbers = found.r[np.isfinite(found.r)]
    if similarity.method == "dice" and numbers.size and (numbers == 1).all():
        yield (f"every {unit} of every map exceeds the threshold {similarity.threshold:g}, so all Dice coefficients "
               f"are 1: choose a threshold (--threshold) that tells {unit}s apart")


def _possible(model: NullModel, similarity: Similarity, features: Features) -> tuple[NullModel, str | None]:
    """Return the null model if it can be had, else none and why."""
    none = replace(model, null="none")
    if model.null in ("none", *BY_FORMULA) and not similarity.has_formula:
        draws = "moran" if features.unit == "region" else "surrogate"
        why = (f"no p-values: there is no formula for {similarity.method} under the null model {model.null}; {draws} "
               "draws random maps instead")
        return none, None if model.null == "none" else why
    if model.null in TWO_WAYS and features.unit == "voxel":
        raise UsageError(f"the null model {model.null} is for regions, of which there are few: name an atlas with "
                         "--atlas, or take effective or surrogate for voxels")
    if model.null not in ("none", "independent") and features.unit == "feature":
        text = ("bare arrays do not tell where their voxels are, and neighbouring voxels repeat each other; give "
                "images or a MapMatrix with a grid")
        if model.null == "effective":  # the default: whoever correlates arrays did not ask for it
            return none, f"no p-values: {text}"
        raise InputError(f"the null model {model.null} needs to know where the voxels are: {text}, or choose "
                         "null='none'")
    return model, None


def _of_method(
    found: Correlation, similarity: Similarity, why_none: str | None, unit: str
) -> Iterator[Decision]:
    """Say what was decided about the numbers themselves."""
    if own := int(np.count_nonzero(found.own)):
        what = "ranks were" if similarity.method == "spearman" else "the maps were transformed"
        yield Decision("method", f"{what} taken over each map's own {unit}s, not anew for each pair, in "
                       f"{plural(own, 'cell')} whose maps differ in coverage: so many differ that the latter would "
                       "take very long")
    if similarity.covariates is not None:
        given, independent = len(similarity.covariates), similarity.n_covariates
        text = f"{plural(given, 'covariate map')} regressed out of both maps of each pair"
        if independent < given:
            text += (f"; only {independent} of them {'is' if independent == 1 else 'are'} independent of a constant "
                     "and of the others")
        yield Decision("partial", text)
    if why_none is not None:
        yield Decision("null", why_none)


def _undrawn(model: NullModel) -> Iterator[Decision]:
    """Say that a number of random maps, which somebody must have chosen, has no effect."""
    if model.null not in DRAWN and model.n_surrogates != NullModel().n_surrogates:
        yield Decision("surrogates", f"n_surrogates {integer(model.n_surrogates)} has no effect: the null model "
                       f"{model.null} draws no random maps")


def _with_remarks(matrix: MapMatrix, similarity: Similarity) -> tuple[MapRecord, ...]:
    """Say of every map that the method could not take it as it takes others."""
    if similarity.method != "bicor":
        return matrix.records
    text = "at least half of its values are equal: for bicor its deviations from the mean stand in (as in Pearson's r)"
    return tuple(
        replace(record, decisions=(*record.decisions, Decision("method", text)))
        if matrix.scale[i] > 0 and no_spread(_fine(matrix, i)) else record
        for i, record in enumerate(matrix.records))


def _fine(matrix: MapMatrix, index: int) -> FloatArray:
    valid = matrix.supports[matrix.support_of[index]]
    return fine_values(matrix, index, matrix.rows[index][valid], valid)


def _why_empty(
    i: int, j: int, found: Correlation, x: MapMatrix, y: MapMatrix, similarity: Similarity
) -> str:
    """Say why a cell has no number."""
    unit, reasons = _unit(x.features), []
    for name, record in (("x", x.records[j]), ("y", y.records[i])):
        if record.error:
            reasons.append(f"{name} not used: {printable(record.error)}")
    if not reasons and found.n[i, j] < MIN_COMMON:
        reasons.append(f"fewer than {MIN_COMMON} common {unit}s (n = {found.n[i, j]})")
    if not reasons:
        constant = [n for n, flags in (("x", found.x_constant), ("y", found.y_constant)) if flags[i, j]]
        if similarity.method == "dice" and not constant:
            reasons.append(f"neither map exceeds the threshold {similarity.threshold:g} in any common {unit}")
        elif similarity.covariates is not None and x.scale[j] > 0 and y.scale[i] > 0:
            reasons.append(f"{' and '.join(constant) or 'a map'} constant over the common {unit}s once the "
                           "covariates are regressed out: they explain it entirely")
        else:
            reasons.append(f"{' and '.join(constant) or 'a map'} constant over the common {unit}s")
    return "; ".join(reasons)


def _zeros_matter(
    r: Float64Array, x: MapMatrix, y: MapMatrix, compare: Callable[[MapMatrix, MapMatrix], Correlation], memory: int,
    *, on_disk: bool,
) -> Float64Array:
    """Find r under the other reading of one map's zeros, where that tells another story; NaN elsewhere."""
    other = unknown(r.shape, on_disk=on_disk)
    # As many at once as the memory holds, in whole tiles: a copy of all maps may not fit beside them.
    bytes_per_map = x.features.n * (x.rows.itemsize + 3)
    at_once = max(memory // 2 // max(bytes_per_map, 1) // TILE, 1) * TILE
    sides = [(side, np.array(sorted(side.zeros), dtype=np.intp)[piece], columns)
             for side, columns in ((x, True), (y, False)) for piece in cuts(len(side.zeros), at_once)]
    for side, which, columns in sides:
        if which.size == 0:
            continue
        swapped = side.with_zeros_read_otherwise(which)
        found = (compare(swapped, y) if columns else compare(x, swapped)).r
        place = np.s_[:, which] if columns else np.s_[which, :]
        mine, best = r[place], other[place]
        differs = (np.abs(found - mine) > ZEROS_MATTER) | (np.sign(found) * np.sign(mine) < 0)
        further = np.isnan(best) | (np.abs(found - mine) > np.abs(best - mine))
        take = np.isfinite(found) & np.isfinite(mine) & differs & further
        other[place] = np.where(take, found, best)
    if x is y:
        np.fill_diagonal(other, np.nan)
    return other


def _naive(x: MapMatrix, y: MapMatrix, *, on_disk: bool) -> Float64Array | None:
    """Correlate over the whole grid, background and zeros as data."""
    if x.naive is None or y.naive is None:
        return None
    # Standard scores have length sqrt(n); rows of constant maps are all zero and have no correlation.
    r = unknown((len(y), len(x)), on_disk=on_disk)
    for rows in cuts(len(y), TILE):
        r[rows] = y.naive[rows] @ x.naive.T
    r /= max(x.naive.shape[1], 1)
    r[:, ~x.naive.any(axis=1)] = np.nan
    r[~y.naive.any(axis=1)] = np.nan
    return np.clip(r, -1, 1, out=r)


def _unit(features: Features) -> str:
    """Name what n counts; features of bare arrays are taken for voxels."""
    return "region" if features.unit == "region" else "voxel"


def _short(r: float) -> str:
    return f"{r:.2f}".replace("0.", ".", 1)
