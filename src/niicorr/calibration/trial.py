"""How often each null model calls unrelated maps related: on the user's own grid, mask, smoothness and values.

All maps are replaced by independent random fields that have their autocovariances, masks and values
(`niicorr.nulls.surrogate`), and compared as the maps themselves would be. Every pair is unrelated by construction,
so of honest p-values one in twenty is .05 or smaller. Fields are drawn in blocks, one field for each map; pairs of a
block share maps, so standard errors are those of the blocks' means.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from niicorr.analysis import listener, silent
from niicorr.calibration.fields import fields_of, imitated, part_of
from niicorr.calibration.rates import Calibration, TriedNull
from niicorr.errors import DomainWarning, InputError, NiicorrWarning, UsageError, told_on
from niicorr.extraction import Extracted, extracted
from niicorr.inference import pvalues
from niicorr.limits import demand_whole
from niicorr.machine import default_jobs, memory_budget
from niicorr.matrix import MapMatrix, same_place
from niicorr.nulls.effective import EffectiveNull, effective_null
from niicorr.numerals import NARROW, integer, plural
from niicorr.options import Options, options_of
from niicorr.records import NullModel
from niicorr.significance import LEAST_VOXELS, infer
from niicorr.typing import BoolArray, Float64Array, Null, Progress

PAIRS = 4000
"""So many pairs are simulated unless --repeats says otherwise: the rate at .05 is then known to half a percent."""

FEWEST, MOST = 5, 50
"""Blocks, unless --repeats says otherwise."""

SURROGATES = 99
"""Random maps behind each p of the null model ``surrogate``: enough for .05 and .01."""

FITTING = 2
"""Fitting a map takes about so many times as long as drawing one; for progress."""

SURROGATE_PAIRS, SURROGATE_BLOCKS, SURROGATE_MAPS = 400, 3, 8
"""Each of its p costs a hundred fields, so it is tried on fewer pairs: at least so many blocks, and of the set whose
maps are replaced at most so many maps a block."""

_NOT_HERE = {"null": "every null model is tried", "fdr": "no p-value is adjusted", "n_surrogates": f"{SURROGATES} are "
             "drawn", "atlas": "random maps are drawn voxel by voxel", "resume": "it begins anew each time"}


@told_on("docs/howto/null-models.md")
def calibrate(
    x: Any, y: Any = None, *, repeats: int | None = None, masker: Any = None, command: str | None = None,
    progress: Progress | None = None, warn: bool = True, **options: Any,
) -> Calibration:
    """Find out how often each null model calls unrelated maps related, on the grid and mask of these maps.

    Parameters
    ----------
    x, y
        Maps, as for `correlate`; without ``y`` random maps like x are compared with others like x.
    repeats : int, optional
        Blocks of random maps, one for each map of x and y, from 2 to 100 000; without it as many as give 4 000 pairs,
        at least 5 and at most 50.
    masker, command, progress, warn
        As for `correlate`.
    **options
        Those of `correlate` but ``null``, ``fdr`` and ``n_surrogates``.

    Returns
    -------
    Calibration
        The same for the same maps, options and seed, whatever ``jobs`` and ``memory``.

    Raises
    ------
    UsageError
        The call is wrong.
    InputError
        The maps cannot be used, or tell nothing: all constant, too few voxels, bare arrays, a single map.

    Warns
    -----
    NiicorrWarning
        Where the p-values of `correlate` are too small for maps such as these.
    DomainWarning
        As for `correlate`.

    Notes
    -----
    Fields are stationary and isotropic. Real maps that are both uneven in the same places can do worse: the null
    model ``effective`` corrects for that, ``gsm`` and ``surrogate`` do not, and none of it shows here.
    """
    if found := sorted(set(options) & set(_NOT_HERE)):
        raise UsageError(f"{found[0]} is no option of calibrate: {_NOT_HERE[found[0]]}")
    if repeats is not None:
        demand_whole("repeats", repeats, 2, ": one block has no standard error")
    progress = listener(progress)
    chosen = replace(options_of(options, masker), n_surrogates=SURROGATES)
    start = time.perf_counter()
    maps = extracted(x, y, chosen, command=command, progress=progress, naive=False)
    begun = time.perf_counter()
    calibration = _calibrated(maps, chosen, repeats, progress)
    ended = time.perf_counter()
    provenance = calibration.provenance
    timings = {**provenance.timings, "calibrate": ended - begun, "total": ended - start}
    if warn:
        for text in calibration.warnings:
            kind = DomainWarning if text in maps.provenance.warnings else NiicorrWarning
            warnings.warn(text, kind, stacklevel=3)  # over the frame of told_on
    return replace(calibration, provenance=replace(provenance, timings=timings))


def _calibrated(maps: Extracted, options: Options, repeats: int | None, progress: Progress) -> Calibration:
    """Simulate and try all null models."""
    _check(maps)
    jobs, memory = options.jobs or default_jobs(), memory_budget(options.memory) // 2
    similarity = maps.similarity
    chosen_x = imitated(maps.x, "x", _seed(options.seed, 0))
    chosen_y = chosen_x if maps.y is None else imitated(maps.y, "y", _seed(options.seed, 1))
    null = effective_null(chosen_x, chosen_y, weights=similarity.weights, covariates=similarity.ranked_covariates)
    xs = fields_of(chosen_x, null, similarity, _seed(options.seed, 2), jobs)
    ys = fields_of(chosen_y, null, similarity, _seed(options.seed, 3), jobs)
    n_x, n_y = len(chosen_x), len(chosen_y)
    few = min(SURROGATE_MAPS, n_x, n_y)
    surrogate_blocks = max(SURROGATE_BLOCKS, math.ceil(SURROGATE_PAIRS / (few * max(n_x, n_y))))
    blocks = repeats or min(max(math.ceil(PAIRS / (n_x * n_y)), FEWEST), MOST)
    surrogate_blocks = min(surrogate_blocks, blocks)
    if not similarity.has_formula:
        blocks = surrogate_blocks
    model = NullModel(alternative=options.alternative, n_surrogates=SURROGATES)
    numbers = range((blocks + 1) // 2)
    total = 2 * len(numbers) * (n_x + n_y) + surrogate_blocks * SURROGATES * few
    total += FITTING * blocks * (n_x + n_y) * similarity.has_formula
    each = max(s.source.draw_bytes + 3 * s.maps.features.n * s.maps.rows.itemsize for s in (xs, ys))
    threads = max(1, min(jobs, int(memory / each)))
    found: dict[Null, list[tuple[Float64Array, Float64Array]]] = {}
    with progress(total, "trying null models") as advance:
        for number in numbers:
            drawn = zip(xs.draw(number, threads, advance), ys.draw(number, threads, advance), strict=True)
            for block, (x, y) in enumerate(drawn, 2 * number):
                if block == blocks:
                    break
                how = {"similarity": similarity, "jobs": jobs, "memory": memory}
                if similarity.has_formula:
                    for name, outcome in _by_formula(x, y, null, model, how):
                        found.setdefault(name, []).append(outcome)
                    advance(FITTING * (n_x + n_y))
                if block < surrogate_blocks:
                    seeded = replace(model, null="surrogate", seed=_seed(options.seed, 4, block))
                    outcome = _by_surrogates(x, y, few, block, seeded, how, advance)
                    found.setdefault("surrogate", []).append(outcome)
    nulls = tuple(_tried(name, outcomes) for name, outcomes in found.items())
    if not all(tried.pairs for tried in nulls):
        raise InputError(f"no pair of maps has {LEAST_VOXELS} voxels in common, the fewest that null models can be "
                         "tried on: give maps that cover the same part of the brain")
    resolved = {name: value for name, value in options.resolved().items() if name not in ("null", "fdr")}
    provenance = replace(maps.provenance, options={**resolved, "repeats": blocks},
                         warnings=(*_failing(nulls), *maps.provenance.warnings))
    y_records = maps.x.records if maps.y is None else maps.y.records
    return Calibration(nulls, similarity.method, options.alternative, (n_x, n_y), maps.x.features.n, maps.x.records,
                       y_records, _text(maps, blocks, n_x, n_y), provenance)


def _check(maps: Extracted) -> None:
    """Refuse what cannot be simulated."""
    x, y = maps.x, maps.y
    if x.features.grid is None or (y is not None and y.features.grid is None):
        raise InputError("a calibration needs to know where the voxels are, and bare arrays do not tell: give images, "
                         "or a MapMatrix with a grid")
    if y is not None and not (x.features.n == y.features.n and same_place(x.features, y.features)):
        raise InputError("x and y hold different voxels: extract both with one sampling (choose_sampling(x, y))")
    if y is None and len(x) < 2:
        raise InputError("a calibration needs pairs of maps, and there is one map: give more, or a second set (-y)")
    if x.features.n < LEAST_VOXELS:
        raise InputError(f"the mask holds {plural(x.features.n, 'voxel')}; null models need {LEAST_VOXELS} to be "
                         "tried: give a larger one (--mask)")


def _by_formula(
    x: MapMatrix, y: MapMatrix, null: EffectiveNull, model: NullModel, how: dict[str, Any]
) -> Iterator[tuple[Null, tuple[Float64Array, Float64Array]]]:
    """Yield p and n_effective of all pairs under every null model that has a formula."""
    similarity, jobs = how["similarity"], how["jobs"]
    found = similarity(x, y, jobs=jobs)
    tested: BoolArray = np.isfinite(found.r) & (found.n >= LEAST_VOXELS)
    textbook = infer(x, y, found, tested, model=replace(model, null="independent"), same_set=False, progress=silent,
                     **how).columns
    yield "independent", (textbook["p"], textbook["n_effective"])
    size = null.size(null.describe(similarity.base(x, jobs), jobs), null.describe(similarity.base(y, jobs), jobs),
                     found.n)
    alike: tuple[tuple[Null, Float64Array], ...] = ("gsm", size.gsm_n_effective), ("effective", size.n_effective)
    for name, n_effective in alike:
        known = np.where(tested, n_effective, np.nan)
        yield name, (pvalues(found.r, known, model.alternative, n_covariates=similarity.n_covariates), known)


def _by_surrogates(
    x: MapMatrix, y: MapMatrix, few: int, block: int, model: NullModel, how: dict[str, Any],
    advance: Callable[[int], None],
) -> tuple[Float64Array, Float64Array]:
    """Find p and n_effective by surrogates of a few maps of the smaller set, other ones in every block."""
    which = np.sort((block * few + np.arange(few)) % min(len(x), len(y)))
    if len(x) < len(y):
        x = part_of(x, which)
    else:
        y = part_of(y, which)
    found = how["similarity"](x, y, jobs=how["jobs"])
    columns = infer(x, y, found, np.isfinite(found.r), model=model, same_set=False,
                    progress=lambda _total, _what: nullcontext(lambda done: advance(few * done)), **how).columns
    return columns["p"], columns["n_effective"]


def _tried(name: Null, outcomes: list[tuple[Float64Array, Float64Array]]) -> TriedNull:
    p, n_effective = (np.array([outcome[k].ravel() for outcome in outcomes]) for k in range(2))
    known = n_effective[np.isfinite(n_effective)]
    floor = 1 / (1 + SURROGATES) if name == "surrogate" else 0.0
    return TriedNull(name, p, float(np.median(known)) if known.size else math.nan, floor)


def _failing(nulls: tuple[TriedNull, ...]) -> Iterator[str]:
    """Warn of the null model that a run would have used, where it fails."""
    used = next((tried for tried in nulls if tried.null == "effective"), nulls[-1])
    if used.verdict != "liberal":
        return
    rate, error = used.rate(0.05)
    other = nulls[-1]
    way_out = "do not rely on p-values near .05"
    if other is not used and other.verdict in ("holds", "careful"):
        way_out = f"--null surrogate does better here ({100 * other.rate(0.05)[0]:.1f}{NARROW}%)"
    yield (f"the null model {used.null} calls {100 * rate:.1f}{NARROW}% (± {100 * error:.1f}) of unrelated maps "
           f"related at .05: its p-values are too small for maps such as these; {way_out}")


def _text(maps: Extracted, blocks: int, n_x: int, n_y: int) -> str:
    """Say what was simulated, and what was not."""

    def those(size: int, matrix: MapMatrix, name: str) -> str:
        return f"those of {name}" if size == len(matrix) else (
            f"{integer(size)} of the {integer(len(matrix))} of {name}")

    others = "others like them" if maps.y is None else f"like {those(n_y, maps.y, 'y')}"
    return (f"{integer(blocks)} times, {plural(n_x, 'random map')} like {those(n_x, maps.x, 'x')} "
            f"{'was' if n_x == 1 else 'were'} compared with {integer(n_y)} {others}: independent fields, "
            "stationary and isotropic, with the maps' fitted autocovariances, their masks and their values. Unevenness "
            "that real maps share is not simulated.")


def _seed(seed: int, *key: int) -> int:
    """Return a seed for each use of one, so that no random numbers serve twice."""
    words = np.random.SeedSequence(seed, spawn_key=(0xCA1B, *key)).generate_state(4)
    return int.from_bytes(words.astype("<u4").tobytes(), "little")
