"""The maps of a library that are most like a new one: ``niicorr search``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from niicorr.analysis import analyse, listener, silent
from niicorr.compute.plan import cuts
from niicorr.compute.similarity import MIN_COMMON, Correlation, Similarity
from niicorr.errors import LISTED_PROBLEMS, InputError, UsageError, told_on
from niicorr.images.extract import extract
from niicorr.inference import benjamini_hochberg, pvalues
from niicorr.library.features import LARGE_FEATURES, NO_MAPS_NUMBERS, MapFeatures
from niicorr.library.layout import READING, background_of
from niicorr.library.null import LibraryNull
from niicorr.library.opened import Library, key_of, open_library, shards_of
from niicorr.library.reading import PER_CALL, NewMaps, demand_options, read_new
from niicorr.library.shards import REMEDY, Shard
from niicorr.limits import demand_whole
from niicorr.machine import default_jobs, memory_budget, one_blas_thread, versions
from niicorr.matrix import MapMatrix
from niicorr.nulls.effective import EffectiveSize, unknown_sizes
from niicorr.nulls.misfits import misfits
from niicorr.numerals import integer, plural
from niicorr.options import options_of
from niicorr.records import FEW, MapRecord
from niicorr.refitting import UNLIKE, refit
from niicorr.result.same_files import ROUNDING, same_values
from niicorr.significance import LEAST_VOXELS, UNEVEN
from niicorr.tables import path_text
from niicorr.threads import in_order
from niicorr.typing import Alternative, BoolArray, Float64Array, FloatArray, IntArray, Progress
from niicorr.words import SearchMethod, SearchNull, Sort

if TYPE_CHECKING:
    import pandas as pd

TOP = 20

OPTIONS = tuple(name for name in (*READING, *PER_CALL) if name not in ("mask", "grid"))
"""How new maps are read; grid and mask are the library's."""

BLOCK = 256
"""Maps looked at together: what the null model reads of them twice stays in the processor's cache."""

STANDARD = 1e-3
"""How far the mean square of standard scores may be from 1; rounding to float32 leaves it within 1e-6."""

AT_ONCE = 64
"""Hits whose maps are looked at once more, for notes."""

COARSE = ("no number: over the common voxels this map varies by less than the library can tell, since its values "
          "elsewhere are so much larger; compare the files with niicorr run")
"""The note of a hit without r."""

REFIT = 2e7
"""Values of a shard that are fitted again at most: a few seconds."""

COLUMNS = ("query", "rank", "map", "r", "n", "n_effective", "p", "p_fdr", "note", "path", "volume")

_NEED = {
    "spearman": "the ranks of every map", "bicor": "robust scores of every map", "dice": "a threshold for every map",
}


@dataclass(frozen=True, eq=False)
class Hit:
    """A map of a library, and how it is related to a new one.

    Attributes
    ----------
    rank : int
        From 1 on.
    record : MapRecord
        What the library knows of the map.
    r : float
        The similarity; NaN where the library's map is kept too coarsely for the voxels in common.
    n : int
        Voxels in common.
    n_effective, p, p_fdr : float
        Independent values, p, and p adjusted for all maps of the library (Benjamini and Hochberg); NaN where there is
        none.
    note : str
        What to know of this number.
    """

    rank: int
    record: MapRecord
    r: float
    n: int
    n_effective: float = float("nan")
    p: float = float("nan")
    p_fdr: float = float("nan")
    note: str = ""


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What `search` found.

    Attributes
    ----------
    library : str
        Where the library is.
    n_maps : int
        Maps in it.
    n_voxels : int
        Voxels of its mask.
    queries : tuple of MapRecord
        The new maps; ``error`` where one cannot be used.
    hits : tuple of tuple of Hit
        For each of them, the best first; last those that a note tells why they have no number.
    method, null, alternative, sort : str
        What was computed, and how hits are ordered.
    without : tuple of int
        For each new map, how many maps of the library have no number with it.
    versions : dict of str
        What the numbers were made with.
    """

    library: str
    n_maps: int
    n_voxels: int
    queries: tuple[MapRecord, ...]
    hits: tuple[tuple[Hit, ...], ...]
    method: str
    null: str
    alternative: str
    sort: str
    without: tuple[int, ...]
    versions: dict[str, str] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"SearchResult: {plural(len(self.queries), 'new map')} among {integer(self.n_maps)} of {self.library}"

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table: those that always are, then those of the manifests that maps were named in."""
        further = dict.fromkeys(key for hits in self.hits for hit in hits for key in hit.record.metadata)
        return (*COLUMNS, *(f"{key} (manifest)" if key in COLUMNS else key for key in further))

    def rows(self) -> Iterator[list[Any]]:
        """Yield one row per hit, in the order of `columns`; None where there is nothing."""
        further = list(dict.fromkeys(key for hits in self.hits for hit in hits for key in hit.record.metadata))
        for query, hits in zip(self.queries, self.hits, strict=True):
            for hit in hits:
                record = hit.record
                yield [query.label, hit.rank, record.label, hit.r, hit.n, hit.n_effective, hit.p, hit.p_fdr, hit.note,
                       record.path, record.volume, *(record.metadata.get(key) for key in further)]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per hit: query, rank, map, r, n, n_effective, p, p_fdr, note, path, volume, metadata."""
        import pandas as pd

        return pd.DataFrame(list(self.rows()), columns=list(self.columns))


@told_on("docs/library.md")
def search(
    maps: Any,
    library: Library | str | os.PathLike[str],
    *,
    top: int | None = TOP,
    method: SearchMethod = "pearson",
    null: SearchNull = "effective",
    alternative: Alternative = "two-sided",
    sort: Sort | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> SearchResult:
    """Find the maps of a library that are most like new ones.

    Parameters
    ----------
    maps : str, path, image, (array, affine), DataFrame with ``path``, or a list of these
        The new maps.
    library : Library or str
        From `niicorr.open_library`, to be searched many times; or its folder.
    top : int, optional
        How many are told for each new map; None tells all.
    method : 'pearson', 'cosine' or 'concordance'
        The similarity. Ranks and robust scores of its maps are not in a library.
    null : 'effective' or 'none'
        How p-values are found, for ``pearson``.
    alternative : 'two-sided', 'greater' or 'less'
        Which correlations count as far from 0.
    sort : 'abs', 'positive' or 'negative', optional
        Which come first: the largest absolute r, the largest or the smallest. Without it what ``alternative`` asks for:
        a map of opposite sign is as like a new one as a map of the same sign.
    progress : callable, optional
        As for `niicorr.correlate`.
    background, zeros, resample, interpolation, optional
        How the new maps are read; without them as those of the library were.
    volumes, on_error, max_map_size, memory, jobs, cache
        As for `niicorr.correlate`.

    Returns
    -------
    SearchResult

    Raises
    ------
    UsageError
        The call is wrong.
    InputError
        The new maps cannot be used (all that are bad are named at once), or the library cannot.

    Notes
    -----
    r, n, n_effective and p are those of a run of the same maps with the same mask; the library's maps are not
    described again for it. ``p_fdr`` is adjusted over all maps of the library, for each new map on its own. A map whose
    file is in the library is found there with r of 1, without p.
    """
    _check_call(top, method, null, alternative, sort)
    opened = library if isinstance(library, Library) else open_library(library)
    if not len(opened):
        raise InputError(f"{path_text(opened.path)} holds no maps: add some with niicorr index")
    demand_options(options, OPTIONS, "search")
    held = {name: opened.options[name] for name in OPTIONS if name in READING}
    held["background"] = background_of(held["background"])
    chosen = options_of({**held, **{k: v for k, v in options.items() if v is not None}}, None)
    found = read_new(maps, chosen, opened.sampling_options(), listener(progress))
    assert isinstance(found, NewMaps)  # nothing was said to be known
    jobs = chosen.jobs or default_jobs()
    x = extract(found.survey, found.sampling, resample_option=chosen.resample, jobs=jobs,
                n_maps=len(opened) + len(found.survey.readings))
    if not (x.scale > 0).any():
        raise InputError(_nothing_varies(x))
    compared = _Compared(opened, x, Similarity(method), null == "effective" and method == "pearson", jobs,
                         memory_budget(chosen.memory) // 2)
    return compared.result(top, alternative, sort or _order_of(alternative), null if method == "pearson" else "none")


def _nothing_varies(x: MapMatrix) -> str:
    """Say of new maps none of which varies in the library's mask what each of them has there."""
    texts = [f"{record.path}: {'no data' if n == 0 else 'constant'} in the library's mask"
             for record, n in zip(x.records, x.n_valid, strict=True)]
    more = [f"{integer(len(texts) - LISTED_PROBLEMS)} more"] if len(texts) > LISTED_PROBLEMS else []
    return (f"no new map can be compared: {'; '.join([*texts[:LISTED_PROBLEMS], *more])}. Give maps that vary there, "
            "or search a library with another mask")


@contextmanager
def _sound(*folders: str) -> Iterator[None]:
    """Refuse numbers of some shards that overflow, which those of no map do."""
    try:
        with np.errstate(over="raise", invalid="raise"):
            yield
    except FloatingPointError:
        raise _unsound(*folders) from None


def _demand_numbers(shard: Shard, arrays: list[FloatArray]) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise _unsound(shard.folder)


def _demand_scores(library: Library, maps: MapMatrix, at: IntArray) -> None:
    """Refuse maps that are told of but whose rows are no standard scores: these have a mean square of 1."""
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("ij,ij->i", maps.rows, maps.rows, dtype=np.float64)
        wrong = np.flatnonzero(~(np.abs(squares / np.maximum(maps.n_valid, 1) - 1) < STANDARD))
    if wrong.size:
        shard = library.shards[int(shards_of(library, at)[wrong[0]])]
        raise InputError(f"{path_text(shard.folder)} is damaged: the values of {path_text(maps.labels[wrong[0]])} are "
                         f"no standard scores. {REMEDY}")


def _unsound(*folders: str) -> InputError:
    return InputError(f"{' or '.join(map(path_text, folders))} is damaged: {NO_MAPS_NUMBERS}. {REMEDY}")


def _check_call(top: Any, method: str, null: str, alternative: str, sort: str | None) -> None:
    if top is not None:
        demand_whole("top", top, 1)
    if method in _NEED:
        raise UsageError(f"a library cannot be searched by {method}, which needs {_NEED[method]}: take pearson, cosine "
                         "or concordance, or compare the files with niicorr run")
    for name, value, kind in (("method", method, SearchMethod), ("null", null, SearchNull),
                              ("alternative", alternative, Alternative), ("sort", sort or "abs", Sort)):
        if not isinstance(value, str) or value not in get_args(kind):
            raise UsageError(f"{name} is one of {', '.join(get_args(kind))}, not {value!r}")


def _order_of(alternative: Alternative) -> Sort:
    orders: dict[Alternative, Sort] = {"two-sided": "abs", "greater": "positive", "less": "negative"}
    return orders[alternative]


class _Compared:
    """New maps compared with all maps of a library; arrays have shape (maps of the library, new maps)."""

    def __init__(
        self, library: Library, x: MapMatrix, similarity: Similarity, sized: bool, jobs: int, memory: int
    ) -> None:
        self._library, self._x, self._similarity, self._jobs, self._memory = library, x, similarity, jobs, memory
        found = Correlation.empty(len(library), len(x))
        self._r, self._n = found.r, found.n
        self._coarse, self._unlike = np.zeros((2, *found.r.shape), dtype=np.bool_)
        self._sizes = unknown_sizes(found.r.shape) if sized else None
        with one_blas_thread():
            self._correlate()
            if sized:
                self._size()

    def _correlate(self) -> None:
        start = 0
        for k, places in enumerate(self._library.places):
            matrix, shard = self._library.matrix(k), self._library.shards[k]
            shard.demand_rows(matrix, self._jobs)  # all of them: a damaged map that should have won would be missed
            with _sound(shard.folder):
                found = self._similarity(self._x, matrix, jobs=self._jobs, memory=self._memory)
            # Rows are not looked through for what is no number; those of which nothing came are.
            lost = ~np.isfinite(found.r) & ~found.x_constant & ~found.y_constant & (found.n >= MIN_COMMON)
            _demand_numbers(shard, [matrix.rows[i] for i in np.flatnonzero(lost.any(axis=1))])
            coarse = self._coarse_in(shard, matrix, found)
            found.r[coarse] = np.nan
            rows = slice(start, start + len(places))
            self._r[rows], self._n[rows], self._coarse[rows] = found.r[places], found.n[places], coarse[places]
            start = rows.stop

    def _coarse_in(self, shard: Shard, matrix: MapMatrix, found: Correlation) -> BoolArray:
        """Which cells of a shard have a number that rounding may have changed."""
        coarse = np.zeros(found.r.shape, dtype=np.bool_)
        for i, j in found.redone:
            if np.isfinite(found.r[i, j]):
                common = matrix.supports[matrix.support_of[i]] & self._x.supports[self._x.support_of[j]]
                coarse[i, j] = shard.too_coarse(matrix, int(i), common)
        return coarse

    def _size(self) -> None:
        null = LibraryNull(self._library, self._x, self._jobs)
        _ = null.described  # once, before there are threads
        start = 0
        for k, (shard, places) in enumerate(zip(self._library.shards, self._library.places, strict=True)):
            features = self._library.null_features(k)
            n = np.zeros((len(shard), len(self._x)), dtype=np.int64)
            rows = slice(start, start + len(places))
            n[places] = self._n[rows]
            whole = unknown_sizes(n.shape)

            def size(cut: slice, shard: Shard = shard, features: MapFeatures = features,
                     n: IntArray = n) -> EffectiveSize:
                arrays = {name: getattr(features, name) for name in LARGE_FEATURES}
                for name, array in arrays.items():
                    shard.demand(name, array, cut)
                _demand_numbers(shard, [array[cut] for array in arrays.values()])
                with _sound(shard.folder):
                    return null.size(shard, features, cut, n[cut])

            blocks = cuts(len(shard), BLOCK)
            for cut, part in zip(blocks, in_order(size, blocks, self._jobs), strict=True):
                for name in EffectiveSize.__dataclass_fields__:
                    getattr(whole, name)[cut] = getattr(part, name)
            with _sound(shard.folder):
                self._unlike[rows] = self._fitted_again(self._library.matrix(k), n, whole)[places]
            for name in EffectiveSize.__dataclass_fields__:
                getattr(self._sizes, name)[rows] = getattr(whole, name)[places]
            start = rows.stop

    def _fitted_again(self, matrix: MapMatrix, n: IntArray, sizes: EffectiveSize) -> BoolArray:
        """Fit anew where the common voxels show another map, as a run does; tell where that would take too long."""
        unlike = misfits(self._x, matrix, n, n >= LEAST_VOXELS, self._jobs)

        def take(rows: IntArray, columns: IntArray, size: EffectiveSize, _covariates: int) -> None:
            for name in EffectiveSize.__dataclass_fields__:
                getattr(sizes, name)[rows, columns] = getattr(size, name)

        return refit(self._x, matrix, unlike, self._similarity, "robust", take, jobs=self._jobs, progress=silent,
                     work=REFIT)

    def result(self, top: int | None, alternative: Alternative, sort: Sort, null: str) -> SearchResult:
        """Rank the library's maps for each new map."""
        library, x = self._library, self._x
        tested = np.isfinite(self._r)
        same = self._same_maps()
        tested &= ~same
        n_effective = p = q = np.full(self._r.shape, np.nan)
        if self._sizes is not None:
            tested &= (self._n >= LEAST_VOXELS) & ~self._unlike
            n_effective = np.where(tested, self._sizes.n_effective, np.nan)
            p = pvalues(np.where(tested, self._r, np.nan), n_effective, alternative)
            q = np.column_stack([benjamini_hochberg(column) for column in p.T])
        hits = []
        for j in range(len(x)):
            order = np.append(_ranked(self._r[:, j], sort), np.flatnonzero(self._coarse[:, j]))[:top]
            notes = self._notes(order, j, tested, same)
            hits.append(tuple(
                Hit(k, library.records[i], float(self._r[i, j]), int(self._n[i, j]), float(n_effective[i, j]),
                    float(p[i, j]), float(q[i, j]), note)
                for k, (i, note) in enumerate(zip(order.tolist(), notes, strict=True), 1)))
        return SearchResult(path_text(library.path), len(library), library.features.n, x.records, tuple(hits),
                            self._similarity.method, null, alternative, sort,
                            tuple(np.count_nonzero(~np.isfinite(self._r), axis=0).tolist()), versions())

    def _same_maps(self) -> BoolArray:
        """Which pairs are of one and the same file, or of two that hold the same values."""
        same = self._same_files()
        near = np.flatnonzero(((self._r > 1 - ROUNDING) & ~same).any(axis=1))
        for cut in cuts(near.size, AT_ONCE) if near.size else ():
            at = near[cut]
            maps = self._library.maps(at)
            _demand_scores(self._library, maps, at)
            for i, j in same_values(self._x, maps, self._r[at], same[at], same_set=False):
                same[at[i], j] = True
        return same

    def _same_files(self) -> BoolArray:
        same = np.zeros(self._r.shape, dtype=np.bool_)
        at = {key: i for i, record in enumerate(self._library.records) if (key := key_of(record)) is not None}
        for j, record in enumerate(self._x.records):
            key = key_of(record)
            if key is not None and key in at:
                same[at[key], j] = True
        return same

    def _notes(self, order: IntArray, j: int, tested: BoolArray, same: BoolArray) -> list[str]:
        """Say of each hit what must be known of it, as a run does in ``pairs.tsv``."""
        texts: list[str] = []
        for cut in cuts(len(order), AT_ONCE) if len(order) else ():
            hits = order[cut]
            maps = self._library.maps(hits)
            _demand_scores(self._library, maps, hits)
            with _sound(*(self._library.shards[k].folder for k in np.unique(shards_of(self._library, hits)))):
                whole = analyse(_alone(self._x, j), maps, similarity=self._similarity, jobs=self._jobs,
                                memory=self._memory)
            for k, i in enumerate(hits.tolist()):
                notes = [whole.notes[k, 0]] if (k, 0) in whole.notes else []
                if self._coarse[i, j]:
                    notes = [COARSE]
                elif self._sizes is not None and not same[i, j] and self._n[i, j] < LEAST_VOXELS:
                    notes.append(f"no p-value: {self._n[i, j]} common voxels are too few for the null model "
                                 f"({LEAST_VOXELS} needed)")
                elif self._unlike[i, j] and not same[i, j]:
                    notes.append(f"{UNLIKE.format('voxel')}; compare the files with niicorr run")
                elif self._sizes is not None and tested[i, j]:
                    notes += _doubts(self._sizes, i, j)
                texts.append("; ".join(notes))
        return texts


def _alone(matrix: MapMatrix, j: int) -> MapMatrix:
    """Return one map, with all that is known of it."""
    exact = matrix.exact
    return replace(matrix.part(slice(j, j + 1)), zeros={0: matrix.zeros[j]} if j in matrix.zeros else {},
                   exact=None if exact is None else lambda _: exact(j))


def _doubts(sizes: EffectiveSize, i: int, j: int) -> Iterator[str]:
    """Say why the p of a cell should be trusted less, as a run does."""
    size, stationary = sizes.n_effective[i, j], sizes.gsm_n_effective[i, j]
    if sizes.variance[i, j] / sizes.gsm_variance[i, j] > UNEVEN:
        yield (f"n_effective {integer(round(size))} instead of {integer(round(stationary))}: both maps are smooth or "
               "strong in the same places (as strongly related maps are, too)")
    if sizes.guarded[i, j]:
        yield "the null model was held at a bound"
    if size < FEW:
        yield f"few independent values (n_effective {size:.1f})"


def _ranked(r: Float64Array, sort: Sort) -> IntArray:
    """Order maps that have a number, the best first; among equals the one that was added first."""
    known = np.flatnonzero(np.isfinite(r))
    value = {"abs": -np.abs(r), "positive": -r, "negative": r}[sort]
    return np.asarray(known[np.argsort(value[known], kind="stable")])
