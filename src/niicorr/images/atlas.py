"""Atlases: regions with names, as labels or as probabilities, and both on the grid of comparison (rule 9)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from niicorr.errors import MapError, UsageError, told_on
from niicorr.images.fetch import FetchedAtlas, fetch_atlas, find_fetcher, from_bunch, unknown_name
from niicorr.images.header import MAX_MAP_SIZE, ImageHeader, image_suffix
from niicorr.images.label_tables import read_table, tables_beside
from niicorr.images.labels import MAX_REGIONS, LabelImage, demand_orientation, label_image, nothing_there
from niicorr.images.load import FileFacts, volumes
from niicorr.images.region_names import Naming, listed, name_regions
from niicorr.images.resample import reindex, resample
from niicorr.images.sampling import one_header
from niicorr.numerals import integer, memory_text, percent, plural, value_text
from niicorr.records import Decision, Region
from niicorr.space import Grid, format_mm, reindexing, same_grid
from niicorr.tables import expanded, path_text
from niicorr.typing import Float64Array, FloatArray, IntArray

WEIGHTS_SIZE = 4
"""A probabilistic atlas may take so many times what one map may take in memory."""

PERCENT = 100.5
"""Probabilities are at most 1, or 100 percent (and what rounding adds)."""

NEGATIVE = 0.01
"""Interpolation may leave negative values up to this share of the largest; they are taken as 0."""

PATCHES = 0.8
"""Where neighbouring voxels are equal so often, whole numbers are labels, not percentages."""

MIDLINE_MM = 3.0
"""So far over the midline a centroid must lie to contradict a name."""

SCATTERED, FEW_REGIONS = 0.6, 10
"""Neighbouring voxels share a label less often than this share of what compact regions of their size give: then the
numbers are counts (measured: atlases .84 to 1.15, maps of study counts .09 to .52). Not judged in fewer regions."""

CUT = 0.5
"""Regions that keep less than this share of their volume on another grid are named."""


@dataclass(frozen=True, eq=False)
class Atlas:
    r"""Regions in space.

    Attributes
    ----------
    path : str
        The file, as it was named.
    grid : Grid
        Where its voxels are.
    regions : tuple of Region
        In the order of their labels or volumes.
    codes : ndarray of int32, shape ``grid.shape``, or None
        Of a label image: 0 in the background, k in ``regions[k - 1]``.
    weights : ndarray of float32, shape (regions, \*grid.shape), or None
        Of a probabilistic atlas: 0 or more, as stored (shares or percent); each volume in Fortran order.
    volumes : ndarray, shape (regions,), float64
        Sizes in mm³ of the atlas as it is, also once it was brought to another grid; of a probabilistic one the
        probabilities are summed, those of 1 (or of the largest, if percent) counting whole.
    decisions, warnings
        What was decided, and what the reader must know first.
    """

    path: str
    grid: Grid
    regions: tuple[Region, ...]
    codes: IntArray | None
    weights: FloatArray | None
    volumes: Float64Array
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        kind = "regions" if self.weights is None else "probabilistic regions"
        return f"Atlas: {len(self)} {kind} on {self.grid.describe()}"

    def __len__(self) -> int:
        return len(self.regions)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the regions."""
        return tuple(region.name for region in self.regions)

    @property
    def held(self) -> IntArray:
        """Voxels of each region on this grid, shape (regions,); of a probabilistic one those above 0."""
        if self.codes is not None:
            return np.bincount(self.codes.ravel(order="K"), minlength=len(self) + 1)[1:]
        return np.array([np.count_nonzero(volume) for volume in self._given_weights], dtype=np.intp)

    def on(self, target: Grid) -> Atlas:
        """Bring the atlas to another grid.

        Labels take that of the nearest voxel, probabilities are interpolated linearly (averaged where voxels grow).
        All regions stay, also those that hold no voxel there; they are named in the decisions. Their voxels and
        centroids remain those of the atlas as it is.

        Raises
        ------
        MapError
            Where no region holds a voxel there, or a header tells no orientation.
        """
        if target is self.grid or same_grid(self.grid, target):
            return self
        if self.codes is not None:
            ids = np.array([region.id for region in self.regions], dtype=np.int64)
            codes = LabelImage(self.path, self.grid, ids, self.codes).on(target)
            placed = replace(self, grid=target, codes=codes)
            held = placed.held.astype(np.float64)
            before = np.array([region.n_voxels for region in self.regions], dtype=np.float64)
            how = "nearest voxel"
        else:
            weights = self._weights_on(target)
            placed = replace(self, grid=target, weights=weights)
            before, held = _sums(self._given_weights), _sums(weights)
            how = "probabilities interpolated linearly"
        if not held.any():
            raise nothing_there(self.path)
        exact = reindexing(self.grid, target) is not None if self.grid.known else False
        change = "by whole voxels, nothing interpolated" if exact else (
            f"from voxels of {format_mm(self.grid.voxel_mm)} to {format_mm(target.voxel_mm)} mm: {how}")
        said = [Decision("atlas", f"brought to the grid of comparison {change}")]
        lost = [r.name for r, n, was in zip(self.regions, held, before, strict=True) if n == 0 and was > 0]
        if lost:
            said.append(Decision("atlas", f"{integer(len(lost))} of {plural(len(self), 'region')} "
                                 f"{'holds' if len(lost) == 1 else 'hold'} no voxel on the grid of comparison: "
                                 f"{listed(lost)}"))
        share = held * target.voxel_volume < CUT * before * self.grid.voxel_volume
        cut = [r.name for r, n, small in zip(self.regions, held, share, strict=True) if n > 0 and small]
        if cut:
            said.append(Decision("atlas", f"{integer(len(cut))} of {plural(len(self), 'region')} "
                                 f"{'keeps' if len(cut) == 1 else 'keep'} less than {percent(CUT)} of "
                                 f"{'its' if len(cut) == 1 else 'their'} volume on the grid of comparison: "
                                 f"{listed(cut)}"))
        return replace(placed, decisions=(*self.decisions, *said))

    @property
    def _given_weights(self) -> FloatArray:
        assert self.weights is not None  # one of codes and weights is there
        return self.weights

    def _weights_on(self, target: Grid) -> FloatArray:
        demand_orientation(self.path, "atlas", self.grid, target)
        moved = _empty_weights(len(self), target.shape)
        how = reindexing(self.grid, target)
        everywhere = np.ones(self.grid.shape, dtype=bool)
        for k, volume in enumerate(self._given_weights):
            if how is not None:
                moved[k] = reindex(volume, how, target.shape, 0)
            else:
                values, inside = resample(volume, everywhere, self.grid, target)
                moved[k] = np.where(inside, np.maximum(values, 0), 0)
        return moved


@told_on("docs/tutorials/regions.md")
def read_atlas(atlas: Any, labels: Any = None, *, max_map_size: int = MAX_MAP_SIZE) -> Atlas:
    """Read an atlas and the names of its regions.

    Parameters
    ----------
    atlas : path, name, image, (array, affine), or what a fetcher of nilearn returns
        A 3-D image with a whole number for each region, or a 4-D one with a volume of probabilities for each. A word
        that is no file is a name of `niicorr.images.fetch.known_names`: only then is the network used.
    labels : path, list of names, dict of number and name, DataFrame, or None
        None takes a table of the same stem beside the file, or what was fetched with it.
    max_map_size : int
        Bytes; a volume that would be larger in memory is refused.

    Returns
    -------
    Atlas

    Raises
    ------
    InputError
        Where the atlas cannot be fetched.
    MapError
        Where image or table cannot be read, or are no atlas.
    UsageError
        Where a word is neither a file nor a name.
    """
    if isinstance(atlas, Atlas):
        return atlas
    said: list[Decision] = []
    fetched = _fetched(atlas)
    name = ""
    if fetched is not None:
        atlas, name = fetched.image, fetched.name
        labels = fetched.labels if labels is None else labels
        said.append(Decision("atlas", f"{name}, as nilearn fetched it"))
    header = one_header(atlas, "--atlas", volumes="all", max_map_size=max_map_size)
    if name and not isinstance(atlas, str | os.PathLike):
        header = replace(header, path=name)
    path = path_text(header.path)
    said += header.decisions
    codes = weights = None
    warnings: list[str] = []
    if header.n_volumes == 1:
        image = label_image(header)
        _demand_positive(path, image)
        codes, ids = image.codes, [int(k) for k in image.ids]
        counts, centroids = _of_codes(codes, header.grid, len(ids))
        warnings += _scattered(path, codes, len(ids))
        span = f"labels {ids[0]} to {ids[-1]}" if len(ids) > 1 else f"label {ids[0]}"
        said.append(Decision("atlas", f"{plural(len(ids), 'region')}, {span}, on {header.grid.describe()}"))
    else:
        weights, kind = _probabilities(path, header, max_map_size)
        if (largest := float(weights.max())) > PERCENT:
            warnings.append(f"{path}: its weights reach {largest:.4g}, and probabilities are at most 1, or 100 "
                            "percent. Check that this is an atlas")
        ids = list(range(1, header.n_volumes + 1))
        counts, centroids = _of_weights(weights, header.grid)
        said.append(Decision("atlas", f"{plural(len(ids), 'region')}, a volume of {kind} for each, on "
                             f"{header.grid.describe()}"))
    naming = _naming(header, labels, ids, beside=fetched is None)
    regions = tuple(
        Region(one.name, k, int(n), (float(at[0]), float(at[1]), float(at[2])), one.hemisphere, one.network,
               one.metadata)
        for one, k, n, at in zip(naming.regions, ids, counts, centroids, strict=True))
    empty = [region.name for region in regions if region.n_voxels == 0]
    if empty:
        said.append(Decision("atlas", f"{integer(len(empty))} of {plural(len(regions), 'volume')} "
                             f"{'holds' if len(empty) == 1 else 'hold'} no voxel: {listed(empty)}"))
    warnings += [*naming.warnings, *_contradictions(path, regions, header.grid)]
    sizes = counts.astype(np.float64) if weights is None else _sums(weights) / max(1.0, float(weights.max()))
    return Atlas(path, header.grid, regions, codes, weights, sizes * header.grid.voxel_volume,
                 (*said, *naming.decisions), tuple(warnings))


def _fetched(atlas: Any) -> FetchedAtlas | None:
    """Fetch what is named rather than given; None for files and images."""
    if hasattr(atlas, "get") and hasattr(atlas, "keys"):
        if "maps" not in atlas:
            raise UsageError(f"atlas: a {type(atlas).__name__} without `maps` is no atlas; give a file, an image or a "
                             "name")
        return from_bunch(atlas)
    if not isinstance(atlas, str):
        return None
    place = expanded(atlas)
    # A folder is no atlas: `aal` may well be one, with the user's regions in it.
    if "\0" not in atlas and os.path.lexists(place) and not (os.path.isdir(place) and find_fetcher(atlas)):
        return None
    named_file = image_suffix(atlas) or os.sep in atlas or "/" in atlas or "\0" in atlas or not atlas
    if find_fetcher(atlas) is not None and not named_file:
        return fetch_atlas(atlas)
    if named_file or any(char in atlas for char in "*?["):
        return None  # the reader says what is wrong with it
    raise unknown_name(atlas)


def _naming(header: ImageHeader, labels: Any, ids: list[int], *, beside: bool) -> Naming:
    """Name regions by the table that was given, or by one that lies beside the file.

    A table whose numbers are labels goes before one that can only be taken in order: that one is wrong wherever it is
    sorted in another way.
    """
    if labels is not None:
        return name_regions(read_table(labels), ids)
    turned_down: list[Decision] = []
    in_order: tuple[str, Naming] | None = None
    for found in tables_beside(header.path) if beside and header.array is None else ():
        shown = path_text(os.path.basename(found.path))
        try:
            naming = name_regions(read_table(found.path), ids)
        except MapError as error:
            turned_down.append(Decision("labels", f"{shown} lies beside the atlas and was not taken: {error.text}"))
            continue
        fits = naming.named == len(ids) and not naming.surplus
        half = found.certain and 2 * naming.named >= len(ids)
        if naming.ordered and in_order is None and (half or (fits and not naming.warnings)):
            in_order = shown, naming
            continue
        # A numeric match is to be had where the other choice is to go against the numbers of a table.
        rather = in_order is not None and in_order[1].warnings and naming.named == len(ids)
        if not naming.ordered and (fits or rather or half):
            if in_order is not None:
                turned_down.append(Decision("labels", f"{in_order[0]} lies beside the atlas and was not taken: its "
                                            "names could only be taken in order, and the numbers of "
                                            f"{shown} are the labels"))
            return _from_beside(shown, naming, turned_down)
        turned_down.append(Decision("labels", f"{shown} lies beside the atlas and was not taken: it names "
                                    f"{integer(naming.named)} of the {plural(len(ids), 'region')}, and "
                                    f"{plural(naming.surplus, 'other')}. Give it "
                                    "with --labels if it is meant"))
    if in_order is not None:
        return _from_beside(*in_order, turned_down)
    naming = name_regions(None, ids)
    return replace(naming, decisions=(*turned_down, *naming.decisions))


def _from_beside(name: str, naming: Naming, turned_down: list[Decision]) -> Naming:
    said = Decision("labels", f"names from {name} beside it")
    return replace(naming, decisions=(said, *turned_down, *naming.decisions))


def _demand_positive(path: str, image: LabelImage) -> None:
    below = np.flatnonzero(image.ids < 0)
    if below.size:
        n = int((np.isin(image.codes, below + 1)).sum())
        hold = "voxel holds a negative label," if n == 1 else "voxels hold negative labels, down to"
        raise MapError(path, f"{integer(n)} {hold} {value_text(int(image.ids[0]))}",
                       "labels of an atlas are 1 or more; if this is a map of measurements, give it with -x or -y")


def _of_codes(codes: IntArray, grid: Grid, n: int) -> tuple[IntArray, Float64Array]:
    """Count the voxels of each region and find their mean position in mm, slab by slab."""
    counts, sums = np.zeros(n + 1, dtype=np.int64), np.zeros((n + 1, 3))
    for k in range(codes.shape[2]):
        i, j = np.nonzero(codes[..., k])
        own = codes[i, j, k]
        here = np.bincount(own, minlength=n + 1)
        counts += here
        sums += np.stack([np.bincount(own, i, n + 1), np.bincount(own, j, n + 1), here * float(k)], axis=1)
    return counts[1:], grid.coords(sums[1:] / counts[1:, None])


def _scattered(path: str, codes: IntArray, n: int) -> list[str]:
    """Tell a map of counts from an atlas: its numbers change from voxel to voxel."""
    both = equal = filled = 0
    for k in range(codes.shape[2]):
        one, next_one = codes[:-1, :, k], codes[1:, :, k]
        near = (one > 0) & (next_one > 0)
        both += int(near.sum())
        equal += int((near & (one == next_one)).sum())
        filled += int(np.count_nonzero(codes[..., k]))
    # A cube of s voxels has 3 s^(2/3) faces to others among 3 s pairs of neighbours; brain regions are less compact.
    compact = 1 - 1.5 * (filled / n) ** (-1 / 3)
    if n < FEW_REGIONS or both == 0 or equal >= SCATTERED * compact * both:
        return []
    return [f"{path}: neighbouring voxels share a label in only {percent(equal / both)} of cases, where regions of "
            f"{integer(round(filled / n))} voxels give about {percent(compact)}. It looks like a map of counts: check "
            "that it is an atlas"]


def _of_weights(weights: FloatArray, grid: Grid) -> tuple[IntArray, Float64Array]:
    """Count the voxels of each region and find their weighted mean position in mm; NaN without voxels."""
    counts, centers = np.zeros(len(weights), dtype=np.int64), np.full((len(weights), 3), np.nan)
    for k, volume in enumerate(weights):
        counts[k] = np.count_nonzero(volume)
        if counts[k]:
            total = volume.sum(dtype=np.float64)
            for axis in range(3):
                others = tuple(a for a in range(3) if a != axis)
                line = volume.sum(axis=others, dtype=np.float64)
                centers[k, axis] = (line * np.arange(line.size)).sum() / total
    return counts, grid.coords(centers)


def _sums(weights: FloatArray) -> Float64Array:
    return np.array([volume.sum(dtype=np.float64) for volume in weights])


def _empty_weights(n: int, shape: tuple[int, int, int]) -> FloatArray:
    """Make room for n volumes, each in Fortran order."""
    return np.empty((n, *shape[::-1]), dtype=np.float32).transpose(0, 3, 2, 1)


@dataclass
class _Seen:
    """What the volumes read so far are like."""

    largest: float = 0.0
    whole: bool = True
    single: bool = True
    neighbours: int = 0
    equal: int = 0
    mended: int = 0

    @property
    def patches(self) -> bool:
        return self.equal > PATCHES * self.neighbours


def _probabilities(path: str, header: ImageHeader, max_map_size: int) -> tuple[FloatArray, str]:
    """Read a volume of weights for each region, and say what they are; one volume at a time is judged."""
    n, needed = header.n_volumes, 4 * header.n_volumes * prod(header.shape)
    if n > MAX_REGIONS or needed > WEIGHTS_SIZE * max_map_size:
        raise MapError(path, f"its {integer(n)} volumes of {'×'.join(map(str, header.shape))} voxels would take "
                       f"{memory_text(needed)} of memory (limit {memory_text(WEIGHTS_SIZE * max_map_size)})",
                       "raise --max-map-size if this is meant, or give the atlas with larger voxels")
    weights, seen = _empty_weights(n, header.shape), _Seen()
    for k, volume in enumerate(volumes(header, range(n), FileFacts())):
        _judge(path, header, k, volume, seen)
        np.copyto(weights[k], np.where(volume > 0, volume, 0))  # NaN is not above 0
    if seen.largest == 0:
        raise MapError(path, f"all {integer(n)} volumes are empty: no voxel is above 0", "check that it is the atlas")
    if seen.single:
        return weights, "one value (a mask)"
    if seen.whole and (seen.largest > PERCENT or seen.patches):
        raise MapError(path, f"its {integer(n)} volumes hold whole numbers up to {seen.largest:.6g}: labels or counts, "
                       "not probabilities", "give one volume with a label for each region, or a volume of "
                       "probabilities (0 to 1, or percent) for each")
    mended = f" ({plural(seen.mended, 'slightly negative value')} taken as 0)" if seen.mended else ""
    return weights, f"weights up to {seen.largest:.4g}{mended}"


def _judge(path: str, header: ImageHeader, k: int, volume: FloatArray, seen: _Seen) -> None:
    """Look at one volume; refuse the atlas where it cannot be probabilities."""
    filled = volume[(volume != 0) & ~np.isnan(volume)]
    if filled.size == 0:
        return
    low, high = float(filled.min()), float(filled.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise MapError(path, f"volume {k + 1} holds infinite values", "probabilities are 0 to 1, or percent")
    if high > float(np.finfo(np.float32).max):  # in which weights are kept
        raise MapError(path, f"volume {k + 1} holds values up to {high:.4g}", "probabilities are 0 to 1, or percent")
    if low < -NEGATIVE * max(high, 0.0):
        below = plural(int((filled < 0).sum()), "negative value")
        raise MapError(path, f"volume {k + 1} of {integer(header.n_volumes)} holds {below}, down to "
                       f"{value_text(float(f'{low:.4g}'))}: this is no atlas", "give a 3-D image with one whole number "
                       "per region, or a 4-D one with a volume of probabilities for each")
    if header.time_series and high > PERCENT:
        raise MapError(path, f"a time series of {integer(header.n_volumes)} volumes (values up to {high:.4g}), not an "
                       "atlas",
                       "give the atlas here, and the time series to niicorr rois")
    seen.mended += int((filled < 0).sum())
    seen.largest = max(seen.largest, high)
    seen.single &= low == high
    seen.whole &= bool((filled == np.rint(filled)).all())
    if seen.whole:
        one, next_one = volume[:-1], volume[1:]
        both = (one > 0) & (next_one > 0)
        seen.neighbours += int(both.sum())
        seen.equal += int((both & (one == next_one)).sum())


def _contradictions(path: str, regions: Iterable[Region], grid: Grid) -> list[str]:
    """Compare the sides that names tell with where regions lie.

    The midline is not always x = 0 (a scan in its own space): it is taken halfway between the two sides.
    """
    sided = [r for r in regions if r.hemisphere and r.n_voxels]
    across = {side: [r.centroid[0] for r in sided if r.hemisphere == side] for side in "LR"}
    if not (grid.known and across["L"] and across["R"]):
        return []
    left, right = float(np.median(across["L"])), float(np.median(across["R"]))
    if left > right:
        return [f"{path}: regions named left lie on the right (median x {value_text(round(left))} mm against "
                f"{value_text(round(right))} mm of those named right): the header is flipped, or the table belongs to "
                "another atlas"]
    middle = (left + right) / 2
    wrong = [r.name for r in sided if (r.centroid[0] - middle) * (1 if r.hemisphere == "L" else -1) > MIDLINE_MM]
    if not wrong:
        return []
    lie = "lies on the other side than its name says" if len(wrong) == 1 else (
        "lie on the other side than their names say")
    return [f"{path}: {integer(len(wrong))} of {plural(len(sided), 'region')} {lie}: {listed(wrong)}. Check that the "
            "table belongs to this atlas"]


