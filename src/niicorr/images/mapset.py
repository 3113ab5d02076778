"""A set of maps whose headers have been read and judged: what `read_maps` returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from niicorr.errors import LISTED_PROBLEMS, MapError, NoMapError, UnusableMapsError, UsageError
from niicorr.images.discover import MapSource, discover
from niicorr.images.foreign import named
from niicorr.images.header import MAX_MAP_SIZE, ImageHeader, choose_affine, is_time_series, read_header
from niicorr.matrix import plain_array
from niicorr.numerals import integer, plural, whole
from niicorr.records import MapRecord
from niicorr.space import MNI, Grid
from niicorr.spelling import advised
from niicorr.tables import path_text, printable
from niicorr.typing import Float64Array, OnError

if TYPE_CHECKING:
    from niicorr.images.cache.store import Cache

VolumesOption = str | None
"""``all``, ``A:B`` or None."""


@dataclass(frozen=True, eq=False)
class MapFile:
    """One file and the volumes of it that are maps.

    ``first`` is the position of its first map in the set; ``labels`` has one entry for each map.
    """

    source: MapSource
    header: ImageHeader | None
    which: tuple[int, ...]
    labels: tuple[str, ...]
    first: int
    problem: MapError | None = None


@dataclass(frozen=True, eq=False)
class MapSet:
    """Maps to be compared, in the order given; headers only, no voxel has been read.

    Attributes
    ----------
    files : tuple of MapFile
        The files, each with one or more maps.
    labels : tuple of str
        One unique name for each map.
    """

    files: tuple[MapFile, ...]
    labels: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        bad = f", {plural(len(self.problems), 'file')} cannot be used" if self.problems else ""
        return f"MapSet: {len(self)} maps in {len(self.files)} files{bad}"

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def problems(self) -> list[MapError]:
        """What is wrong with files that cannot be used."""
        return [file.problem for file in self.files if file.problem is not None]

    def records(self) -> Iterator[MapRecord]:
        """What the headers tell of each map."""
        for file in self.files:
            for volume, label in zip(file.which or (None,), file.labels, strict=True):
                yield record(file, volume, label)


def read_maps(
    inputs: Any, *, volumes: VolumesOption = None, on_error: OnError = "stop", max_map_size: int = MAX_MAP_SIZE,
    cache: Cache | None = None,
) -> MapSet:
    """Find maps and read their headers.

    Parameters
    ----------
    inputs : str, path, image, (array, affine), DataFrame with ``path``, or a list of these
        Files, folders, patterns, ``.tsv`` manifests; images in memory.
    volumes : 'all', 'A:B' or None
        Which volumes of files with several are maps; None takes all but refuses time series.
    on_error : {'stop', 'skip'}
        Whether bad files raise, or stay in the set as maps without data.
    max_map_size : int
        Bytes; a volume that would be larger in memory is refused.
    cache : Cache, optional
        Where headers of files that have not changed are looked for.

    Returns
    -------
    MapSet

    Raises
    ------
    UnusableMapsError
        All files that cannot be used, at once.
    """
    if on_error not in ("stop", "skip"):
        raise UsageError(f"on_error is stop or skip, not {on_error!r}")
    selection = parse_volumes(volumes)
    files: list[MapFile] = []
    count = 0
    for source in discover(inputs):
        file = _read(source, selection, max_map_size, count, cache)
        files.append(file)
        count += len(file.labels)
    maps = MapSet(_advised(files), tuple(label for file in files for label in file.labels))
    if maps.problems and on_error == "stop":
        raise UnusableMapsError(maps.problems, len(maps))
    return maps


def _advised(files: list[MapFile]) -> tuple[MapFile, ...]:
    """Say of the first paths that lead to nothing which ones may have been meant; of thousands that would take long."""
    astray = [i for i, file in enumerate(files) if isinstance(file.problem, NoMapError)]
    for i in astray[:LISTED_PROBLEMS]:
        problem = files[i].problem
        if isinstance(problem, NoMapError):
            files[i] = replace(files[i], problem=advised(problem))
    return tuple(files)


def parse_volumes(text: VolumesOption) -> slice | None:
    """Turn ``all`` or ``A:B`` into a slice; A and B count from 0, B is not included."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise UsageError(f"volumes takes 'all' or 'A:B', such as '0:10', not {text!r}")
    if text == "all":
        return slice(None)
    start, colon, stop = text.partition(":")
    first, last = whole(start) if start or not colon else 0, whole(stop) if stop else None
    if first is None or (stop and last is None):
        raise UsageError(f"--volumes takes all or A:B with whole numbers, such as 0:10, not {text!r}")
    chosen = slice(first, last if colon else first + 1)
    if chosen.start < 0 or (chosen.stop is not None and chosen.stop <= chosen.start):
        raise UsageError(f"--volumes {text} selects nothing: A counts from 0 and B must be larger than A")
    return chosen


def record(file: MapFile, volume: int | None, label: str) -> MapRecord:
    """What is known of a map from its header."""
    source, header = file.source, file.header
    base = MapRecord(label=label, path=path_text(source.path), metadata=source.metadata,
                     decisions=source.decisions, error=printable(file.problem.text) if file.problem else None)
    if header is None:
        return base
    several = header.n_volumes > 1
    return replace(base, shape=header.shape, voxel_mm=header.grid.voxel_mm, orientation=header.grid.orientation,
                   dtype=_dtype_name(header), volume=volume if several else None,
                   decisions=(*base.decisions, *header.decisions))


def _read(
    source: MapSource, selection: slice | None, max_map_size: int, first: int, cache: Cache | None
) -> MapFile:
    known = read_header if cache is None else cache.header
    try:
        if source.problem is not None:
            raise source.problem
        header = (known(source.path, max_map_size=max_map_size) if source.image is None
                  else _in_memory(source.path, source.image))
        which = _choose_volumes(header, selection)
    except MapError as problem:
        return MapFile(source, None, (), (source.label,), first, problem)
    labels = [source.label] if header.n_volumes == 1 else [f"{source.label}[{v}]" for v in which]
    return MapFile(source, header, which, tuple(labels), first)


def _choose_volumes(header: ImageHeader, selection: slice | None) -> tuple[int, ...]:
    if header.n_volumes == 1:
        return (0,)
    if selection is None:
        if header.time_series:
            raise MapError(header.path, f"a time series of {integer(header.n_volumes)} volumes, not a map",
                           "take volumes of it as maps with --volumes all or --volumes 0:10, or correlate its "
                           "regions with `niicorr rois`")
        selection = slice(None)
    which = tuple(range(header.n_volumes))[selection]
    if not which:
        raise MapError(header.path, f"has {integer(header.n_volumes)} volumes, none of them in --volumes "
                       f"{selection.start}:{selection.stop if selection.stop is not None else ''}",
                       "volumes count from 0")
    return which


def _in_memory(path: str, image: Any) -> ImageHeader:
    """Judge an image or a pair (array, affine) given in Python."""
    with named(path, "this image cannot be read", "give an image of nibabel, or a pair (array, affine)"):
        array, affine, known, scale, code = _unpack(path, image)
        dtype, sizes = np.dtype(array.dtype), tuple(int(n) for n in array.shape)
        n_volumes = prod(sizes[3:])
        is_series = _is_series(image, n_volumes)
    if dtype.kind not in "buif":
        raise MapError(path, f"holds {dtype}", "niicorr needs one real number per voxel")
    if len(sizes) < 3 or 0 in sizes:
        raise MapError(path, f"its shape is {sizes}", "niicorr compares volumes")
    shape = sizes[0], sizes[1], sizes[2]
    chosen, decisions = choose_affine(path, affine if known else None, None, scale, shape)
    grid = Grid(shape, np.eye(4), known=False) if chosen is None else (
        Grid(shape, chosen, mni=code == MNI, space_code=code))
    return ImageHeader(path, path, dtype, shape, n_volumes, 0, 1.0, 0.0, grid, tuple(decisions), is_series, array=array)


def _is_series(image: Any, n_volumes: int) -> bool:
    header: Any = getattr(image, "header", None)
    if n_volumes == 1 or "xyzt_units" not in getattr(header, "keys", list)():
        return False
    return is_time_series(n_volumes, [int(d) for d in header["dim"]], int(header["xyzt_units"]),
                          float(header["pixdim"][4]))


def _unpack(path: str, image: Any) -> tuple[Any, Any, bool, float, int]:
    if isinstance(image, tuple):
        return plain_array(image[0]), _affine(path, image[1]), True, 1.0, 0
    header = image.header
    units = header.get_xyzt_units()[0] if hasattr(header, "get_xyzt_units") else "mm"
    codes = [int(header[key]) for key in ("sform_code", "qform_code") if key in getattr(header, "keys", list)()]
    # An image made in memory has the affine it was given, whatever its codes say; one from a file has its codes.
    known = not codes or any(codes) or not image.get_filename()
    used = next((code for code in codes if code > 0), 0)
    # The voxels of an image on disk stay there until they are read.
    return (image.dataobj, _affine(path, image.affine), known, {"meter": 1000.0, "micron": 0.001}.get(units, 1.0), used)


def _affine(path: str, given: Any) -> Float64Array:
    """Take an affine that was given in Python."""
    if given is None:
        raise MapError(path, "it has no affine", "give it one, 4 × 4")
    if np.iscomplexobj(given):
        raise MapError(path, "its affine holds complex numbers", "an affine is 4 × 4 real ones")
    try:
        affine = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise MapError(path, "its affine holds no numbers", "an affine is 4 × 4") from None
    if affine.shape != (4, 4):
        raise MapError(path, f"its affine has shape {affine.shape}", "an affine is 4 × 4")
    return affine


def _dtype_name(header: ImageHeader) -> str:
    if header.dtype == np.dtype("V16"):
        return "float128"
    return header.dtype.newbyteorder("=").name
