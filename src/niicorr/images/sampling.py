"""On which grid, and in which voxels, maps are compared (rules 3, 5 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from niicorr.errors import InputError, MapError, UsageError, told_on
from niicorr.images.header import MAX_MAP_SIZE, ImageHeader
from niicorr.images.load import FileFacts, volumes
from niicorr.images.mapset import VolumesOption, read_maps
from niicorr.images.resample import cut, reindex, resample, sample_flags
from niicorr.images.survey import MapReading, Survey
from niicorr.images.voxels import unpack
from niicorr.matrix import Features
from niicorr.numerals import integer, listed, percent, plural, short_text
from niicorr.records import NO_OUTLINE, Decision
from niicorr.space import Grid, displacement, format_mm, reindexing, same_grid, tolerance_mm
from niicorr.tables import path_text
from niicorr.typing import BoolArray, Float64Array, FloatArray, IntArray, Interpolation, Resample

MIN_COVER = 0.9
"""A grid is passed over if it covers less of another map's inside."""

BRAIN_LITRES = (0.3, 2.2)
"""A mask outside these, in voxels of human size, is questioned."""

MOST_FRACTIONS = 100
"""A mask of more different values than this, not all whole and not all within 0 and 1, looks like a map."""

FEW_NAMED = 3
"""So many of the maps that a warning is about are named."""

HUMAN_VOXEL_MM = 0.8
"""Smaller voxels may well be another animal's."""

_Groups: TypeAlias = list[tuple[Grid, list[MapReading]]]
"""Grids, and the maps that lie on each."""


@dataclass(frozen=True, eq=False)
class GivenGrid:
    """A grid that is known before any map: where it is from, and why it was taken."""

    grid: Grid
    path: str
    text: str


@dataclass(frozen=True, eq=False)
class Sampling:
    """Grid and mask, with the reasons.

    Attributes
    ----------
    grid : Grid
        Where maps are compared.
    mask : ndarray of bool, shape ``grid.shape``
        The voxels that may count.
    reference : str
        The file whose grid this is.
    by_shape : dict
        For maps whose header tells no orientation: the one known grid of their shape (None: several).
    interpolation : str
        How maps of other grids are brought here.
    decisions, warnings
        What was decided, and what the reader must know first.
    """

    grid: Grid
    mask: BoolArray
    reference: str
    by_shape: dict[tuple[int, int, int], Grid | None]
    interpolation: Interpolation
    decisions: tuple[Decision, ...]
    warnings: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Sampling: {self.indices.size} voxels of {self.grid.describe()}"

    @cached_property
    def indices(self) -> IntArray:
        """Positions of the mask's voxels in the volume flattened in Fortran order."""
        return np.flatnonzero(self.mask.ravel(order="F"))

    @cached_property
    def features(self) -> Features:
        """The voxels of the mask as columns."""
        return Features(self.indices.size, self.grid, self.indices)


def choose_sampling(
    x: Survey,
    y: Survey | None = None,
    *,
    mask: Any = "auto",
    grid: Any = "auto",
    interpolation: Interpolation = "auto",
) -> Sampling:
    """Fix grid and mask for one or two sets of maps.

    Parameters
    ----------
    x, y : Survey
        The maps, read.
    mask : 'auto', 'none', 'mni152', path, image or (array, affine)
        Which voxels may count.
    grid : 'auto', 'x', 'y', path, image, (array, affine) or GivenGrid
        Where maps are compared.
    interpolation : 'auto', 'linear', 'nearest' or 'cubic'
        How maps of other grids will be brought to this one.

    Returns
    -------
    Sampling

    Raises
    ------
    InputError
        Where no map can be used, no grid serves all maps, the mask is empty, or the file given as mask or grid
        cannot be used.
    UsageError
        Where mask or grid name several images.
    """
    for part in (x, y):
        if part is not None and not isinstance(part, Survey):
            raise UsageError(f"choose_sampling takes maps that niicorr.survey read, not {type(part).__name__}")
    sets = [[r for r in s.readings if r.grid is not None] for s in (x, y) if s is not None]
    usable = [r for part in sets for r in part]
    if not usable:
        raise InputError("no map can be used")
    given = None if isinstance(mask, str) and mask in ("auto", "none", "mni152") else _read_mask(mask)
    groups = _groups(usable)
    by_shape = _by_shape([group[0] for group in groups])
    target, reference, decisions = _choose_grid(grid, given, sets, usable, groups)
    by_shape.setdefault(target.shape, target)
    warnings: list[str] = []
    if given is not None:
        chosen, why = _place_mask(given, target)
        decisions.append(Decision("mask", why))
        warnings += given.doubts
    elif mask == "none":
        chosen = np.ones(target.shape, dtype=bool)
        decisions.append(Decision("mask", f"all {integer(target.size)} voxels of the grid may count (--mask none)"))
    elif mask == "mni152":
        chosen = _mni152(target)
        decisions.append(Decision("mask", f"MNI152 brain mask (nilearn's): {_voxels(chosen)}"))
    else:
        chosen, why, warned = _auto_mask(usable, target, by_shape)
        decisions.append(Decision("mask", why))
        vague = sum(r.record.background is None for r in usable)
        if vague and not warned and "MNI152" not in why:
            have = "has" if vague == 1 else "have"
            decisions.append(Decision("mask", f"{integer(vague)} of {plural(len(usable), 'map')} {have} no clean "
                                      "background, as is common for PET and SPECT: only the mask keeps their outside "
                                      "out. Your own brain mask (--mask FILE), or --mask mni152 in MNI space, is the "
                                      "surest"))
        warnings += warned
    if not chosen.any():
        raise InputError("the mask holds no voxel on the grid of comparison: check that the maps are in one space, "
                         "or give --mask FILE")
    warnings += placeless([s for s in (x, y) if s is not None], target)
    warnings += _question(chosen, target)
    return Sampling(target, chosen, reference, by_shape, interpolation, tuple(decisions), tuple(warnings))


def placeless(sets: Sequence[Survey], target: Grid) -> list[str]:
    """Question an identity for an affine: grids may well agree where the maps do not."""
    grids = [(r.record.label, r.grid) for s in sets for r in s.readings if r.grid is not None]
    names = [label for label, grid in grids if _unplaced(grid)]
    if not names:
        return []
    who = names[0] if len(names) == 1 else (
        f"all {integer(len(names))} maps" if len(names) == len(grids) else
        f"{integer(len(names))} of {plural(len(grids), 'map')} ({listed(names, FEW_NAMED)})")
    text = (f"{who} {'has' if len(names) == 1 else 'have'} the identity for an affine, as it is written where no place "
            "is known: it says nothing of where the brain lies, and ")
    if _unplaced(target) and all(_unplaced(grid) or not grid.known for _, grid in grids):
        return [f"{text}voxels are compared as they are counted"]
    it_is, it_was, it = ("it is", "it was", "it") if len(names) == 1 else ("they are", "they were", "them")
    return [f"{text}what {it_is} compared with lies elsewhere: the same place is hardly the same voxel. Give {it} the "
            f"affine of the images that {it_was} made from"]


def _unplaced(grid: Grid) -> bool:
    return grid.known and bool((grid.affine == np.eye(4)).all())


def own_grid(reading: MapReading, by_shape: dict[tuple[int, int, int], Grid | None]) -> Grid:
    """Return the grid of a map; one without orientation stands on the grid of the other maps of its shape."""
    assert reading.grid is not None  # callers pass usable maps only
    return reading.grid if reading.grid.known else by_shape.get(reading.grid.shape) or reading.grid


def settle(maps: Survey, sampling: Sampling, option: Resample) -> Survey:
    """Say of every map how it gets to the grid of comparison, or why it cannot."""
    if maps.settled:
        return maps
    return replace(maps, settled=True, readings=tuple(_settle(r, sampling, option) for r in maps.readings))


def _settle(reading: MapReading, sampling: Sampling, option: Resample) -> MapReading:
    if reading.grid is None:
        return reading
    target, grid = sampling.grid, own_grid(reading, sampling.by_shape)
    path = reading.record.path
    if not reading.grid.known and sampling.by_shape.get(grid.shape, grid) is None:
        return reading.fail(MapError(path, f"its header tells no orientation, and maps of its shape {_x(grid.shape)} "
                                     "lie on several grids", "set the orientation in its header"))
    if not (grid.known and target.known) and grid.shape != target.shape:
        whose = "its header tells" if not grid.known else f"the header of {sampling.reference} tells"
        return reading.fail(MapError(path, f"{whose} no orientation, and its shape {_x(grid.shape)} is not the "
                                     f"{_x(target.shape)} of {sampling.reference}",
                                     "set the orientation in the header, or give maps of one shape"))
    if not reading.grid.known and target.known:
        reading = reading.decide(Decision("grid", "no orientation in the header: taken voxel by voxel, by its shape"))
    if grid is target or same_grid(grid, target):
        return reading
    how = reindexing(grid, target)
    if how is not None:
        turned = f"reordered exactly ({grid.orientation} to {target.orientation})"
        what = turned if how.reorders else "shifted or cropped"
        return reading.decide(Decision("grid", f"{what} by whole voxels, nothing interpolated"))
    if option == "never":
        away = displacement(grid, target)
        differs = (f"by up to {away:.3g} mm (tolerance {tolerance_mm(grid, target):.2g} mm)" if np.isfinite(away)
                   else f"({grid.describe()} against {target.describe()})")
        return reading.fail(MapError(path, f"grid differs from {sampling.reference} {differs}",
                                     "leave out --resample never, or give the maps on one grid"))
    sizes = format_mm(grid.voxel_mm), format_mm(target.voxel_mm)
    what = f"from {sizes[0]} to {sizes[1]} mm" if sizes[0] != sizes[1] else f"to other places of {sizes[0]} mm voxels"
    return reading.decide(Decision("resample", f"resampled {what}: {_how(grid, sampling)}"))


def _how(grid: Grid, sampling: Sampling) -> str:
    if sampling.interpolation != "auto":
        return f"{sampling.interpolation} interpolation"
    parts = cut(np.linalg.solve(grid.affine, sampling.grid.affine))
    return "linear interpolation" if max(parts) == 1 else "averaged over the larger voxels"


def _choose_grid(
    option: Any, given: _Mask | None, sets: Sequence[list[MapReading]], usable: list[MapReading], groups: _Groups
) -> tuple[Grid, str, list[Decision]]:
    """Return the grid of comparison, the file it is the grid of, and why."""
    if isinstance(option, GivenGrid):
        return option.grid, option.path, [Decision("grid", option.text)]
    if isinstance(option, str) and option in ("auto", "x", "y"):
        if option == "auto" and given is not None:
            if not given.grid.known and all(grid.shape != given.grid.shape for grid, _ in groups):
                raise MapError(given.path, f"the mask's header tells no orientation, and no map has its shape "
                               f"{_x(given.grid.shape)}", "set the orientation in its header")
            _demand_meeting(given, [grid for grid, _ in groups])
            return given.grid, given.path, [Decision("grid", f"that of the mask: {given.grid.describe()}")]
        part = sets[0] if option == "x" else sets[-1]
        if option == "auto" or not part:
            return _common_grid(usable, groups, option)
        return _common_grid(part, _groups(part), option)
    header = one_header(option, "--grid")
    path = path_text(header.path)
    return header.grid, path, [Decision("grid", f"that of {path} (--grid): {header.grid.describe()}")]


@told_on("docs/howto/grids.md")
def _common_grid(readings: list[MapReading], groups: _Groups, option: str) -> tuple[Grid, str, list[Decision]]:
    name = "" if option == "auto" else f" of set {option}"
    if len(groups) == 1:
        grid, members = groups[0]
        where = (f"all {integer(len(readings))} maps{name} are on one grid" if len(readings) > 1
                 else f"that of the one map{name}")
        decision = Decision("grid", f"{where}: {grid.describe()}")
        return grid, members[0].record.path, [decision]
    # A map without orientation can join others but not lead them.
    leading = [g for g in range(len(groups)) if groups[g][0].known] or list(range(len(groups)))
    ranked = sorted(leading, key=lambda g: (-_digits(groups[g][0].voxel_volume), -len(groups[g][1]), g))
    passed: list[Decision] = []
    for g in ranked:
        grid, members = groups[g]
        here = set(map(id, members))
        short = next(((r, c) for r in readings if id(r) not in here and (c := _cover(r, grid)) < MIN_COVER), None)
        if short is None:
            finest = min(_digits(groups[o][0].voxel_volume) for o in leading)
            most = len(members) > max((len(groups[o][1]) for o in leading if o != g), default=0)
            which = "the coarsest"
            if _digits(grid.voxel_volume) == finest:
                which = "the one that most maps have" if most else "the first of them"
            decision = Decision("grid", f"the maps{name} come on {integer(len(groups))} grids; compared on {which}"
                                f"{' that covers all' if passed else ''}: {grid.describe()}, as "
                                f"{members[0].record.label} has it")
            return grid, members[0].record.path, [decision, *passed]
        passed.append(Decision("grid", f"{grid.describe()} was passed over: it covers {percent(short[1])} of "
                               f"{short[0].record.label}"))
    raise InputError("no grid of the maps covers at least 90 % of every other map: name one with --grid FILE, "
                     "or leave out the maps of small field of view (" + "; ".join(d.text for d in passed[:3]) + ")")


def _groups(readings: list[MapReading]) -> _Groups:
    """Sort maps by grid, in order of appearance; those without orientation join the known grid of their shape."""
    groups: _Groups = []
    for reading in sorted(readings, key=lambda r: r.grid is not None and not r.grid.known):
        grid = reading.grid
        assert grid is not None  # callers pass usable maps only
        group = next((group for group in groups if same_grid(group[0], grid)), None)
        if group is None:
            groups.append((grid, [reading]))
        else:
            group[1].append(reading)
    order = {id(r): i for i, r in enumerate(readings)}
    return sorted(groups, key=lambda group: min(order[id(r)] for r in group[1]))


def _by_shape(grids: list[Grid]) -> dict[tuple[int, int, int], Grid | None]:
    """Return the one grid of each shape, None where several known ones share it."""
    found: dict[tuple[int, int, int], Grid | None] = {}
    for grid in sorted(grids, key=lambda g: not g.known):
        found[grid.shape] = None if grid.known and grid.shape in found else found.get(grid.shape, grid)
    return found


def _cover(reading: MapReading, grid: Grid) -> float:
    """Return the share of a map's inside that lies within a grid."""
    source = reading.grid
    assert source is not None
    if not (source.known and grid.known):
        return 1.0  # nothing can be said; `settle` refuses the map if its shape does not fit
    inside = np.flatnonzero(unpack(reading.inside_bits, source.shape))  # type: ignore[arg-type]  # usable map
    if inside.size == 0:
        return 1.0
    inside = inside[:: max(1, inside.size // 20_000)]
    voxels = np.stack(np.unravel_index(inside, source.shape, order="F"), axis=1)
    return float(_within(source.coords(voxels), grid).mean())


def _within(places: Float64Array, grid: Grid) -> BoolArray:
    """Tell which places, shape (places, 3) in mm, lie within a grid."""
    back = np.linalg.inv(grid.affine)
    at = places @ back[:3, :3].T + back[:3, 3]
    return np.asarray(np.all((at >= -0.5 - 1e-6) & (at <= np.array(grid.shape) - 0.5 + 1e-6), axis=1))


def _auto_mask(
    readings: list[MapReading], target: Grid, by_shape: dict[tuple[int, int, int], Grid | None]
) -> tuple[BoolArray, str, list[str]]:
    """Take the voxels inside at least half of the maps that show an outline (rule 5)."""
    outlined = [r for r in readings if r.outline and _placeable(own_grid(r, by_shape), target)]
    if outlined:
        # Maps of one study mostly share grid and outline: each distinct one is brought over and counted once.
        tally: dict[tuple[bytes, bytes], list[MapReading]] = {}
        for reading in outlined:
            assert reading.inside_bits is not None  # usable maps have them
            key = (reading.inside_bits.tobytes(), own_grid(reading, by_shape).affine.tobytes())
            tally.setdefault(key, []).append(reading)
        counts = np.zeros(target.shape, dtype=np.int32, order="F")
        for alike in tally.values():
            counts += np.int32(len(alike)) * _inside(alike[0], target, by_shape)
        mask = np.asfortranarray(counts * 2 >= len(outlined))
        all_of_them = len(outlined) == len(readings)
        which = "the one map" if len(readings) == 1 else f"all {integer(len(readings))} maps" if all_of_them else (
            f"the {integer(len(outlined))} of {integer(len(readings))} maps that show an outline")
        return mask, f"{integer(int(mask.sum()))} of {integer(target.size)} voxels: inside at least half of {which}", []
    if target.mni or any(r.grid is not None and r.grid.mni for r in readings):
        mask = _mni152(target)
        return mask, f"{NO_OUTLINE}; headers say MNI152, so its brain mask is used: {_voxels(mask)}", []
    text = (f"{NO_OUTLINE}, so all {integer(target.size)} voxels of the grid count, also those outside the brain. "
            "Give --mask FILE" + (", or --mask mni152 if the maps are in MNI space." if target.known else "."))
    return np.ones(target.shape, dtype=bool), f"all {integer(target.size)} voxels of the grid: {NO_OUTLINE}", [text]


def _placeable(grid: Grid, target: Grid) -> bool:
    return (grid.known and target.known) or grid.shape == target.shape


def _inside(reading: MapReading, target: Grid, by_shape: dict[tuple[int, int, int], Grid | None]) -> BoolArray:
    """Bring the inside of a map to the grid of comparison, as its values will be brought."""
    grid = own_grid(reading, by_shape)
    flags = unpack(reading.inside_bits, grid.shape).reshape(grid.shape, order="F")  # type: ignore[arg-type]  # usable
    if same_grid(grid, target):
        return flags
    how = reindexing(grid, target)
    if how is not None:
        return np.asarray(reindex(flags, how, target.shape, False))
    return resample(flags.astype(np.float32), flags, grid, target)[1]


@dataclass(frozen=True, eq=False)
class _Mask:
    """A mask that was given: its voxels, where they are, its name, what there is to say of it and to ask."""

    flags: BoolArray
    grid: Grid
    path: str
    text: str
    doubts: list[str]


@told_on("docs/howto/masks.md")
def _read_mask(mask: Any) -> _Mask:
    header = one_header(mask, "--mask")
    if header.n_volumes != 1:
        raise MapError(header.path, f"a mask is one volume, this file has {integer(header.n_volumes)}",
                       "give a 3-D image")
    (volume,) = volumes(header, (0,), FileFacts())
    flags = np.isfinite(volume) & (volume != 0)
    if not flags.any() and np.isinf(volume).any():
        endless = plural(int(np.isinf(volume).sum()), "voxel")
        raise MapError(header.path, f"the mask holds infinity in {endless}, and no other number than 0",
                       "give an image that is 0 outside and 1 inside")
    if not flags.any():
        raise MapError(header.path, "the mask is empty: no voxel is other than 0", "check that it is the mask")
    values = volume[flags]
    kinds = np.unique(values)
    path = path_text(header.path)
    text = f"{path} ({_voxels(flags)})"
    if kinds.size > 1:
        text += (f"; it holds {integer(kinds.size)} different values from {short_text(float(kinds[0]))} to "
                 f"{short_text(float(kinds[-1]))}, and every voxel other than 0 counts")
    return _Mask(flags, header.grid, path, text, _doubts(path, values, kinds))


def _doubts(path: str, values: FloatArray, kinds: FloatArray) -> list[str]:
    """Question a mask that looks like a map: labels are whole and probabilities lie within 0 and 1, both above 0."""
    below = int((values < 0).sum())
    fractions = kinds.size > MOST_FRACTIONS and kinds[-1] > 1.001 and bool((kinds != np.rint(kinds)).any())
    if not below and not fractions:
        return []
    among = f", below 0 in {integer(below)} of {plural(values.size, 'voxel')}" if below else ""
    return [f"{path}, given as mask, looks like a map: it holds {plural(kinds.size, 'different value')} from "
            f"{short_text(kinds[0])} to {short_text(kinds[-1])}{among}, and every voxel other than 0 counts. If that "
            "is not what you mean, give --mask an image that is 0 outside and 1 inside."]


def one_header(
    image: Any, option: str, *, volumes: VolumesOption = None, max_map_size: int = MAX_MAP_SIZE
) -> ImageHeader:
    """Read the header of the one image that an option names; ``volumes`` and size as `read_maps` has them."""
    files = read_maps([image], on_error="skip", volumes=volumes, max_map_size=max_map_size).files
    if len(files) == 1 and files[0].problem is not None:
        raise files[0].problem
    if len(files) != 1 or files[0].header is None:
        named = path_text(image) if isinstance(image, str) else "what was given"
        raise UsageError(f"{option} takes one image; {named} stands for {integer(len(files))}")
    return files[0].header


@told_on("docs/howto/masks.md")
def _demand_meeting(given: _Mask, grids: list[Grid]) -> None:
    """Refuse a mask that lies where no map has a voxel."""
    voxels = np.flatnonzero(given.flags.ravel(order="F"))
    # Of most masks a few voxels show that they lie among the maps.
    for some in (voxels[:: max(1, voxels.size // 1000)], voxels):
        places = given.grid.coords(np.stack(np.unravel_index(some, given.grid.shape, order="F"), axis=1))
        if any(not (grid.known and given.grid.known) or _within(places, grid).any() for grid in grids):
            return
    middle = ", ".join(f"{at:.0f}".replace("-", "−") for at in places.mean(axis=0))
    raise MapError(given.path, f"none of the {plural(voxels.size, 'voxel')} of the mask (around {middle} mm) lies in "
                   "the grid of any map", "check that mask and maps are in one space")


@told_on("docs/howto/masks.md")
def _place_mask(given: _Mask, target: Grid) -> tuple[BoolArray, str]:
    if same_grid(given.grid, target):
        return given.flags, f"as given: {given.text}"
    if not (given.grid.known and target.known):
        raise MapError(given.path, f"the mask ({given.grid.describe()}) cannot be placed on the grid of comparison "
                       f"({target.describe()}): an orientation is missing in a header", "set it in the header")
    placed = sample_flags(given.flags, given.grid, target)
    if not placed.any():
        raise MapError(given.path, "the mask holds no voxel on the grid of comparison",
                       "check that mask and maps are in one space")
    return placed, f"as given: {given.text}; brought to the grid (nearest voxel): {_voxels(placed)}"


@told_on("docs/howto/masks.md")
def _mni152(target: Grid) -> BoolArray:
    from nilearn.datasets import load_mni152_brain_mask

    if not target.known:
        raise InputError("--mask mni152 needs maps whose headers tell their orientation: give --mask FILE")
    image = load_mni152_brain_mask(resolution=1 if min(target.voxel_mm) < 1.5 else 2)
    grid = Grid(image.shape, np.asarray(image.affine, dtype=np.float64))
    return sample_flags(np.asarray(image.dataobj) > 0, grid, target)


def _question(mask: BoolArray, grid: Grid) -> list[str]:
    litres = float(mask.sum()) * grid.voxel_volume / 1e6
    sized = grid.known and not _unplaced(grid) and min(grid.voxel_mm) >= HUMAN_VOXEL_MM
    if not sized or BRAIN_LITRES[0] <= litres <= BRAIN_LITRES[1]:
        return []
    return [f"the mask holds {litres:.2g} litres; a human brain has 1 to 1.7. If these are whole human brains, give "
            "the brain mask with --mask."]


def _voxels(flags: BoolArray) -> str:
    return plural(int(np.count_nonzero(flags)), "voxel")


def _digits(volume: float) -> float:
    """Voxel volumes equal to a thousandth are ties."""
    return float(f"{volume:.3g}")


def _x(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
