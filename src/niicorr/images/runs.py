"""From what a user names to runs: 4-D images, and tables of ready-made series; headers and tables are read.

Discovery is that of maps (`niicorr.images.discover`), with three differences: a table is a run, a ``.tsv`` is a
manifest only if it has a column ``path``, and images of one volume are passed over in a folder, where anatomy and
masks lie beside the runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from niicorr.errors import LISTED_PROBLEMS, InputError, MapError, NoMapError
from niicorr.images.discover import discover, file_of, make_unique, parts, shorten
from niicorr.images.header import MAX_MAP_SIZE, ImageHeader, image_suffix
from niicorr.images.load import FileFacts, volumes
from niicorr.images.sampling import one_header
from niicorr.images.series import SECONDS, TABLES, RegionSeries, axes_of_volumes, is_table, read_series
from niicorr.matrix import plain_array
from niicorr.numerals import integer, plural
from niicorr.records import Decision
from niicorr.spelling import advised
from niicorr.tables import can_be_path, expanded, path_text, printable

CIFTI = (".dtseries.nii", ".dscalar.nii", ".pscalar.nii")
"""Not read, but told from volumes: the reader of series says what to do."""


@dataclass(frozen=True, eq=False)
class RunSource:
    """One run that was asked for; nothing of it has been read.

    Attributes
    ----------
    label : str
        Unique among the runs.
    path : str
        As named; empty in memory.
    item : object or None
        An image, a pair (array, affine), or an array or DataFrame of series.
    in_folder : bool
        Whether it was found in a folder, where not every image is a run.
    decisions : tuple of Decision
        Such as a file named twice.
    metadata : dict
        Further columns of a manifest.
    """

    label: str
    path: str
    item: Any = None
    in_folder: bool = False
    decisions: tuple[Decision, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def is_table(self) -> bool:
        """Whether its series are ready-made."""
        if self.item is not None:
            return _is_series(self.item)
        return is_table(self.path) or self.path.lower().endswith(CIFTI)


@dataclass(frozen=True, eq=False)
class Run:
    """One run: the header of a 4-D image, or series that are ready.

    Attributes
    ----------
    source : RunSource
        What was named.
    path : str
        Printable text; the label where the run came in memory.
    header : ImageHeader or None
        Of an image.
    series : RegionSeries or None
        Of a table.
    t_r : float or None
        Seconds from volume to volume as an image in memory tells them; of a file they are read with its volumes.
    """

    source: RunSource
    path: str
    header: ImageHeader | None = None
    series: RegionSeries | None = None
    t_r: float | None = None

    @property
    def label(self) -> str:
        """Its unique name."""
        return self.source.label

    @property
    def length(self) -> int:
        """How many volumes or time points it has."""
        if self.header is not None:
            return self.header.n_volumes
        return 0 if self.series is None else len(self.series.values)


@dataclass(frozen=True, eq=False)
class _Named:
    """A source before it has a label; ``name`` is the one that a manifest gives."""

    path: str
    item: Any = None
    name: str = ""
    in_folder: bool = False
    decisions: tuple[Decision, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


def find_runs(inputs: Any) -> list[RunSource]:
    """List the runs in the order given, folders and patterns in the order of their names.

    Parameters
    ----------
    inputs : path, image, (array, affine), array or DataFrame of series, or a list of these
        Files, folders, patterns, ``.tsv`` manifests with a column ``path``. An array or DataFrame has one row for
        each time point and one column for each region.

    Raises
    ------
    InputError
        Where nothing was named, or what was named is not there.
    """
    problems: list[MapError] = []
    named = list(_once(_expand(inputs, problems)))
    if problems:
        raise unusable(problems, len(named) + len(problems))
    if not named:
        raise InputError("no run was named: give 4-D images, or tables of series")
    return [RunSource(label, one.path, one.item, one.in_folder, one.decisions, one.metadata)
            for one, label in zip(named, _labels(named), strict=True)]


def read_runs(sources: Sequence[RunSource], *, max_map_size: int = MAX_MAP_SIZE) -> list[Run]:
    """Read the headers of images, and tables as a whole.

    Parameters
    ----------
    sources : sequence of RunSource
        From `find_runs`.
    max_map_size : int
        Bytes; an image of which one volume would be larger in memory is refused.

    Raises
    ------
    InputError
        All that cannot be read, at once.
    """
    problems: list[MapError] = []
    runs: list[Run] = []
    passed: list[str] = []
    for source in sources:
        try:
            run = _read(source, max_map_size)
        except MapError as problem:
            problems.append(problem)
            continue
        if source.in_folder and run.length < 2:
            passed.append(printable(os.path.basename(run.path)))
        else:
            runs.append(run)
    if problems:
        # What is wrong in the middle of the others is named along, not after these have been mended.
        raise unusable([*problems, *_damaged(runs)], len(sources))
    if not runs:
        others = f" and {plural(len(passed) - 1, 'other')} have" if len(passed) > 1 else " has"
        raise InputError(f"no time series in the folder: {passed[0]}{others} one volume")
    if passed:
        said = Decision("file", f"{plural(len(passed), 'image')} of one volume in the folder passed over ({passed[0]}"
                        f"{' and others' * (len(passed) > 1)})")
        source = runs[0].source
        runs[0] = replace(runs[0], source=replace(source, decisions=(*source.decisions, said)))
    return runs


def unusable(problems: Sequence[MapError], total: int) -> InputError:
    """Every run that cannot be used, as one error."""
    shown = [advised(problem) if isinstance(problem, NoMapError) else problem for problem in problems[:LISTED_PROBLEMS]]
    if len(problems) == 1:
        return shown[0]
    lines = [f"{integer(len(problems))} of {plural(total, 'run')} cannot be used:"]
    lines += [f"  {problem.path}  {problem.text}" for problem in shown]
    if len(problems) > len(shown):
        lines.append(f"  … and {integer(len(problems) - len(shown))} more")
    return InputError("\n".join(lines))


def _expand(item: Any, problems: list[MapError], within: tuple[int, ...] = ()) -> Iterator[_Named]:
    if isinstance(item, str | bytes | os.PathLike):
        path = expanded(item)
        if path.lower().endswith(".tsv") and os.path.isfile(path) and not _is_manifest(path):
            yield _Named(path)
        else:
            yield from _discovered(item, problems, in_folder=os.path.isdir(path))
    elif _is_series(item):
        yield _Named("", item)
    elif isinstance(item, list) or (isinstance(item, tuple) and not _is_placed(item)):
        for part, around in parts(item, within):
            yield from _expand(part, problems, around)
    else:
        yield from _discovered(item, problems)


def _discovered(item: Any, problems: list[MapError], *, in_folder: bool = False) -> Iterator[_Named]:
    has_labels = hasattr(item, "columns") or (not in_folder and str(item).lower().endswith(".tsv"))
    for source in discover([item]):
        if source.problem is not None:
            problems.append(source.problem)
            continue
        in_memory = source.image is not None and not file_of(source.image)
        yield _Named("" if in_memory else source.path, source.image, source.label if has_labels else "", in_folder,
                     source.decisions, source.metadata)


def _is_series(item: Any) -> bool:
    """Whether something in memory is a table of series."""
    if hasattr(item, "columns") and hasattr(item, "to_numpy"):
        return "path" not in item.columns
    return isinstance(item, np.ndarray) and item.ndim == 2 and item.dtype.kind in "buif"


def _is_placed(item: tuple[Any, ...]) -> bool:
    """Whether a tuple is a pair (array, affine)."""
    return (len(item) == 2 and hasattr(item[0], "shape") and not hasattr(item[0], "affine")
            and len(item[0].shape) > 2)


def _is_manifest(path: str) -> bool:
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        return "path" in [cell.strip().strip('"') for cell in file.readline().rstrip("\r\n").split("\t")]


def _once(named: Iterator[_Named]) -> Iterator[_Named]:
    """Use a file once, however often it is named: counted twice, a run would weigh twice."""
    kept: dict[str, int] = {}
    found: list[_Named] = []
    for one in named:
        key = os.path.realpath(one.path) if one.path and one.item is None and can_be_path(one.path) else ""
        if key and key in kept:
            first = found[kept[key]]
            if not first.decisions:
                repeated = Decision("file", "is named more than once and used once")
                found[kept[key]] = replace(first, decisions=(repeated,))
            continue
        kept[key] = len(found)
        found.append(one)
    yield from found


def _labels(named: Sequence[_Named]) -> list[str]:
    stems = [_stem(one.path) or f"run {k}" for k, one in enumerate(named, 1)]
    if not any(one.name for one in named):
        stems = shorten(stems)
    labels = [printable(one.name or stem) for one, stem in zip(named, stems, strict=True)]
    return make_unique(labels, [path_text(one.path) for one in named])


def _stem(path: str) -> str:
    name = os.path.basename(path.rstrip("/"))
    lower = name.lower()
    suffix = next((s for s in (*TABLES, *CIFTI) if lower.endswith(s)), "") or image_suffix(name)
    return path_text(name[: len(name) - len(suffix)] or name)


def _read(source: RunSource, max_map_size: int) -> Run:
    if source.is_table:
        series = read_series(source.path) if source.item is None else _in_memory(source.item, source.label)
        return Run(source, series.path, None, series)
    header = one_header(source.path if source.item is None else source.item, "BOLD", volumes="all",
                        max_map_size=max_map_size)
    if not source.path:
        header = replace(header, path=source.label)
    path = path_text(header.path)
    if header.n_volumes < 2 and not source.in_folder:
        raise MapError(path, "one volume is no time series", "give a 4-D image, or compare maps with niicorr run")
    array = source.item[0] if isinstance(source.item, tuple) else source.item
    axes = axes_of_volumes(header) or tuple(n for n in getattr(array, "shape", ())[3:] if n > 1)
    if len(axes) > 1:
        raise MapError(path, f"its volumes lie on {len(axes)} axes ({'×'.join(map(str, axes))}), and time is one: "
                       "these may be echoes", "give a 4-D image for each run")
    return Run(source, path, header, None, _time_step(source.item))


def _damaged(runs: Sequence[Run]) -> Iterator[MapError]:
    """Read images to their ends, for nothing but what is wrong with them."""
    for run in runs:
        if run.header is not None:
            try:
                for _ in volumes(run.header, (), FileFacts()):
                    pass
            except MapError as problem:
                yield problem


def _time_step(image: Any) -> float | None:
    """Seconds from volume to volume of an image in memory, where its header tells them with their unit."""
    header: Any = getattr(image, "header", None)
    if "xyzt_units" not in getattr(header, "keys", list)():
        return None
    value, unit = float(header["pixdim"][4]), int(header["xyzt_units"]) & 0x38
    return round(value * SECONDS[unit], 9) if unit in SECONDS and np.isfinite(value) and value > 0 else None


def _in_memory(item: Any, label: str) -> RegionSeries:
    """Take an array or DataFrame of time points × regions."""
    names = None
    if hasattr(item, "columns"):
        numbers = set(item.select_dtypes("number", exclude="complexfloating").columns)
        words = [str(name) for name in item.columns if name not in numbers]
        if words:
            raise MapError(label, f"column {printable(words[0])} of the DataFrame holds no numbers",
                           "series have one row per time point and one column per region")
        if list(item.columns) != list(range(item.shape[1])):
            names = tuple(make_unique([printable(str(name)) for name in item.columns], [""] * item.shape[1]))
        item = item.to_numpy(dtype=np.float64, na_value=np.nan)
    values = plain_array(item).astype(np.float64)
    if values.shape[0] < 2 or values.shape[1] < 1:
        raise MapError(label, f"an array of shape {values.shape}",
                       "series have one row per time point and one column per region")
    return RegionSeries(label, values, names)
