"""Series of regions: the means of a run's volumes in the regions of an atlas, or ready-made from a table.

All regions are averaged in one pass over the volumes, one volume in memory at a time, read as maps are (the stream
to its end, its checksum verified). A voxel belongs to its region where it has data all along: one that is not
finite at some time, or 0 all the time, is left out of every volume, so that no voxel comes and goes.
"""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from niicorr.errors import MapError
from niicorr.images.header import ImageHeader, image_suffix, pair_halves
from niicorr.images.load import FileFacts, volumes
from niicorr.images.stream import ByteStream
from niicorr.numerals import integer, number, plural
from niicorr.records import Decision
from niicorr.tables import brief, path_text, printable
from niicorr.typing import BoolArray, Float64Array, IntArray

SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
"""Seconds in the unit of time of a NIfTI header, by its code."""

SHORTEST_TR, LONGEST_TR = 0.01, 60.0
"""Seconds; a header that tells of less or more is not believed."""

TABLES = (".csv", ".tsv", ".txt", ".1d", ".npy", ".ptseries.nii")
"""Files that hold ready-made series."""

_NOT_A_NUMBER = ("", "n/a", "na", "nan", "none")
_INDEX_NAMES = ("", "index", "volume", "frame", "time", "t", "tr", "unnamed: 0")
_TITLE = re.compile(r"[0-9]{1,9}")
_TITLE_ROWS = 50
"""So many rows are looked at to tell whether the first numbers the columns."""


@dataclass(frozen=True, eq=False)
class RegionSeries:
    """Series of the regions of one run.

    Parameters
    ----------
    path : str
        Where they came from (printable text).
    values : ndarray, shape (time points, regions), float64
        NaN all along in a region without a voxel, or as a table has it.
    names : tuple of str, or None
        Of the regions, where a table tells them.
    t_r : float or None
        Seconds from volume to volume, where known.
    n_voxels, n_valid : ndarray of int, shape (regions,), or None
        Voxels of each region on the grid of the run, and those that have data all along; None of tables.
    decisions : tuple of Decision
        What was decided on the way.
    size : int or None
        Bytes of the file.
    blake2b : str or None
        BLAKE2b hash (16 bytes, hexadecimal) of the file.
    """

    path: str
    values: Float64Array
    names: tuple[str, ...] | None = None
    t_r: float | None = None
    n_voxels: IntArray | None = None
    n_valid: IntArray | None = None
    decisions: tuple[Decision, ...] = ()
    size: int | None = None
    blake2b: str | None = None

    @property
    def coverage(self) -> Float64Array | None:
        """Share of each region's voxels that have data, shape (regions,); 0 where it has no voxel."""
        if self.n_voxels is None or self.n_valid is None:
            return None
        return np.asarray(self.n_valid / np.maximum(self.n_voxels, 1), dtype=np.float64)


def region_series(
    header: ImageHeader, codes: IntArray, n_regions: int, *, t_r: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> RegionSeries:
    """Average the volumes of a run in every region.

    Parameters
    ----------
    header : ImageHeader
        Of a file with several volumes.
    codes : ndarray of int, shape ``header.shape``
        0 outside, k in region k.
    n_regions : int
        Regions of the atlas, those without a voxel here among them.
    t_r : float, optional
        Seconds from volume to volume; the header's where not given.
    progress : callable, optional
        Called with the number of volumes done, once for each.

    Raises
    ------
    MapError
        Where the file holds one volume, cannot be read to its end, or no region has a voxel in it.
    """
    path = path_text(header.path)
    if header.n_volumes < 2:
        raise MapError(path, "one volume is no time series", "give a 4-D image, or compare maps with niicorr run")
    if codes.shape != header.shape:
        raise ValueError(f"codes have shape {codes.shape}, volumes {header.shape}")
    flat = codes.ravel(order="F")
    inside = np.flatnonzero(flat)
    region = flat[inside].astype(np.intp)
    n_voxels = np.bincount(region, minlength=n_regions + 1)[1:]
    if not inside.size:
        raise MapError(path, "no region of the atlas has a voxel on its grid", "check that both are in one space")
    facts = FileFacts()
    advance = progress or (lambda _: None)
    sums, finite, active = _sums(header, inside, region, n_regions, facts, advance)
    if not finite.all():
        # Voxels that drop out at some time: the sums are taken again without them.
        inside, region = inside[finite], region[finite]
        sums, _, active = _sums(header, inside, region, n_regions, facts, lambda _: None)
    n_valid = np.bincount(region[active], minlength=n_regions + 1)[1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(n_valid > 0, sums / n_valid, np.nan)
    demand_finite(path, sums)
    decisions = _missing(n_voxels, n_valid, int(np.count_nonzero(~finite)))
    seconds = t_r
    if seconds is None:
        seconds, said = repetition_time(header)
        decisions += said
    return RegionSeries(path, values, None, seconds, n_voxels, n_valid, tuple(decisions), facts.size, facts.blake2b)


def demand_finite(path: str, sums: Float64Array) -> None:
    """Refuse voxels so large that their sum over a region is no number."""
    if not np.isfinite(sums).all():
        raise MapError(path, f"voxels of a region add up to more than {np.finfo(float).max:.2g}, the largest number",
                       "give the run in a larger unit")


def repetition_time(header: ImageHeader) -> tuple[float | None, list[Decision]]:
    """Read the time from volume to volume, in seconds; None where the header does not tell it.

    The unit is honoured; a time without a unit, or one that no scanner takes, is not believed, and that is said.
    """
    fields = _nifti_fields(header)
    if fields is None:
        return None, []
    value, unit = float(fields["pixdim"][4]), int(fields["xyzt_units"]) & 0x38
    if not np.isfinite(value) or value <= 0:
        return None, [Decision("t_r", "the header tells no TR")]
    if unit not in SECONDS:
        return None, [Decision("t_r", f"the header's TR ({value:g}) has no unit of time: not used")]
    seconds = value * SECONDS[unit]
    if not SHORTEST_TR <= seconds <= LONGEST_TR:
        return None, [Decision("t_r", f"the header's TR of {seconds:g} s is not believed: not used")]
    return round(seconds, 9), [Decision("t_r", f"{seconds:g} s, from the header")]


def axes_of_volumes(header: ImageHeader) -> tuple[int, ...]:
    """Return how many volumes a file has on each axis beyond space that has several; one axis is time."""
    fields = _nifti_fields(header)
    if fields is None:
        return ()
    return tuple(int(n) for n in fields["dim"][4 : 1 + int(fields["dim"][0])] if n > 1)


def _nifti_fields(header: ImageHeader) -> Any:
    """Read the fields of a NIfTI header as they are in the file; None of arrays and other formats."""
    if header.array is not None or image_suffix(header.path) in (".mgz", ".mgh", ".mgh.gz"):
        return None
    with ByteStream(pair_halves(header.path)[0], chunk=4096) as stream:
        block = stream.read(540)
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    sizes = {int.from_bytes(block[:4], order): sign for order, sign in (("little", "<"), ("big", ">"))}  # type: ignore[arg-type]
    if 540 in sizes and len(block) >= 540:
        return Nifti2Header(block, endianness=sizes[540], check=False)
    if 348 in sizes and len(block) >= 348:
        return Nifti1Header(block[:348], endianness=sizes[348], check=False)
    return None


def is_table(path: str) -> bool:
    """Whether a file name stands for ready-made series."""
    return path.lower().endswith(TABLES)


def read_series(path: str) -> RegionSeries:
    """Read ready-made series: one row per time point, one column per region.

    Parameters
    ----------
    path : str
        ``.csv``, ``.tsv`` or ``.txt`` with or without names in the first row, ``.1D``, ``.npy``, or CIFTI-2 parcel
        series (``.ptseries.nii``), which know names and TR.

    Notes
    -----
    A first column that counts rows or time (its name is empty or says so, its steps are equal) is left out, and
    that is said. Cells without a number (empty, n/a, NaN) are missing.

    Raises
    ------
    MapError
        Where the file cannot be read or holds no such table.
    """
    lower, shown = path.lower(), path_text(path)
    if lower.endswith((".dtseries.nii", ".dscalar.nii", ".pscalar.nii")):
        raise MapError(shown, "this is CIFTI-2, but no parcel series", "average it in parcels first (.ptseries.nii)")
    if not is_table(path):
        raise MapError(shown, "not a table of series", f"known are {', '.join(TABLES)}")
    content, size, digest = _bytes(path)
    t_r: float | None = None
    names: tuple[str, ...] | None = None
    said: list[Decision] = []
    if lower.endswith(".npy"):
        values, said = _from_numpy(shown, content)
    elif lower.endswith(".ptseries.nii"):
        values, names, t_r = _from_cifti(shown, content)
    else:
        values, names, said = _from_text(shown, content, lower)
    rows, columns = values.shape
    if rows < 2 or columns < 1:
        raise MapError(shown, f"holds {plural(rows, 'row')} and {plural(columns, 'column')} of numbers",
                       "series have one row per time point and one column per region")
    if rows < columns:
        said.append(Decision("series", f"{integer(rows)} rows and {integer(columns)} columns: rows are taken for time "
                             "points, columns for regions"))
    return RegionSeries(shown, values, names, t_r, decisions=tuple(said), size=size, blake2b=digest)


def _sums(
    header: ImageHeader, inside: IntArray, region: IntArray, n_regions: int, facts: FileFacts,
    advance: Callable[[int], None],
) -> tuple[Float64Array, BoolArray, BoolArray]:
    """Sum every volume over regions; tell which voxels are finite all along, and which ever differ from 0."""
    sums = np.empty((header.n_volumes, n_regions))
    finite, active = np.ones(inside.size, dtype=np.bool_), np.zeros(inside.size, dtype=np.bool_)
    for t, volume in enumerate(volumes(header, range(header.n_volumes), facts)):
        values = volume.ravel(order="F")[inside]
        ok = np.isfinite(values)
        if not ok.all():
            finite &= ok
            values = np.where(ok, values, 0)
        active |= values != 0
        sums[t] = np.bincount(region, weights=values, minlength=n_regions + 1)[1:]
        advance(1)
    return sums, finite, active


def _missing(n_voxels: IntArray, n_valid: IntArray, n_dropped: int) -> list[Decision]:
    """Say which voxels were left out, over all regions."""
    decisions = []
    if n_dropped:
        are = "is" if n_dropped == 1 else "are"
        decisions.append(Decision("missing", f"{plural(n_dropped, 'voxel')} of the regions {are} NaN or infinite in "
                                  "some volume: left out of all"))
    zero = int(n_voxels.sum() - n_valid.sum()) - n_dropped
    if zero:
        are = "is" if zero == 1 else "are"
        decisions.append(Decision("missing", f"{plural(zero, 'voxel')} of the regions {are} 0 in every volume: left "
                                  "out"))
    return decisions


def _bytes(path: str) -> tuple[bytes, int, str]:
    pieces = []
    with ByteStream(path) as stream:
        while piece := stream.read(1 << 20):
            pieces.append(piece)
        return b"".join(pieces), stream.file_size, stream.digest


def _from_numpy(shown: str, content: bytes) -> tuple[Float64Array, list[Decision]]:
    stored = io.BytesIO(content)
    try:
        array = np.load(stored, allow_pickle=False)
    except Exception:  # of many kinds: numpy reads the header as Python, and takes memory on its word
        raise MapError(shown, "not an array that numpy saved", "save it with numpy.save") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "buif":
        what = f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else "several arrays"
        raise MapError(shown, f"holds {what}", "series are real numbers of shape (time points, regions)")
    more = len(content) - stored.tell()
    said = [Decision("file", f"more follows after the array ({plural(more, 'byte')}) and was not used")] if more else []
    return np.array(array, dtype=np.float64), said


def _from_cifti(shown: str, content: bytes) -> tuple[Float64Array, tuple[str, ...], float | None]:
    from nibabel.cifti2.cifti2 import Cifti2Image
    from nibabel.cifti2.cifti2_axes import ParcelsAxis, SeriesAxis

    damaged = MapError(shown, "not CIFTI-2 parcel series", "copy the file again")
    # What is no NIfTI-2 would be mended and logged by nibabel before it is refused.
    if content[4:8] != b"n+2\0" or content[:4] not in ((540).to_bytes(4, "little"), (540).to_bytes(4, "big")):
        raise damaged
    try:
        with _unlogged():
            image: Any = Cifti2Image.from_bytes(content)
        rows, columns = (image.header.get_axis(k) for k in range(2))
        values = np.asarray(image.dataobj, dtype=np.float64)
    except Exception:  # of many kinds: the header, its XML, the voxels
        raise damaged from None
    if not isinstance(rows, SeriesAxis) or not isinstance(columns, ParcelsAxis) or values.ndim != 2:
        raise MapError(shown, "its axes are no time points and parcels", "give parcel series (.ptseries.nii)")
    names = _unique([printable(str(name)) for name in columns.name])
    step = float(rows.step)
    known = rows.unit == "SECOND" and SHORTEST_TR <= step <= LONGEST_TR
    return values, names, step if known else None


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep nibabel from printing what it finds odd in a header, without the name of the file."""
    log = logging.getLogger("nibabel.global")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def _from_text(shown: str, content: bytes, lower: str) -> tuple[Float64Array, tuple[str, ...] | None, list[Decision]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MapError(shown, "is no text in UTF-8", "give series as a table of text, saved as UTF-8") from None
    # Not splitlines, which also cuts within names, at separators that no table means.
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise MapError(shown, "holds no numbers", "series have one row per time point")
    try:
        rows = _cells(lines, lower)
    except csv.Error as error:
        raise MapError(shown, f"a line cannot be read ({error})", "mend the table") from None
    numbered = not lower.endswith(".1d") and _numbers_columns(rows[0], rows[1:_TITLE_ROWS])
    no_names = all(_number(cell) is not None for cell in rows[0]) and not numbered
    names = None if no_names else [cell.strip() for cell in rows[0]]
    body = rows if names is None else rows[1:]
    width = len(rows[0])
    # Before room is made: a long first line over many short ones would take all there is.
    for i, row in enumerate(body):
        if len(row) != width:
            raise MapError(shown, f"has {plural(width, 'column')}, and {integer(len(row))} in row {i + 1}",
                           "mend the table")
    values = np.empty((len(body), width))
    for i, row in enumerate(body):
        for k, cell in enumerate(row):
            number = _number(cell)
            if number is None:
                raise MapError(shown, f"holds {brief(cell.strip())!r} in row {i + 1}, column {k + 1}",
                               "series are numbers, with names in the first row at most")
            values[i, k] = number
    said = []
    if names is not None and numbered:
        said.append(Decision("series", f"the first row ({', '.join(filter(None, names[:3]))} …) numbers the columns: "
                             "taken for their names"))
    if names is not None and is_index(names[0], values[:, 0]) and width > 1:
        said.append(Decision("series", f"the first column ({printable(names[0]) or 'without a name'}) counts rows or "
                             "time: left out"))
        names, values = names[1:], values[:, 1:]
    if names is None:
        return values, None, said
    unique = _unique([printable(name) for name in names])
    changed = [f"{was} is {now}" for was, now in zip(map(printable, names), unique, strict=True) if was and was != now]
    if changed:
        more = f" and {integer(len(changed) - 5)} more" if len(changed) > 5 else ""
        said.append(Decision("series", f"{plural(len(changed), 'name')} not unique, told apart: "
                             f"{', '.join(changed[:5])}{more}"))
    return values, unique, said


def _numbers_columns(first: list[str], body: list[list[str]]) -> bool:
    """Whether the first row numbers the columns, as data frames without names are written.

    Whole numbers in a row, among values that are none, or of three columns at least; of an atlas, ascending labels.
    """
    titles = [cell.strip() for cell in (first if first[0].strip() else first[1:])]
    if len(titles) < 2 or not body or not all(map(_TITLE.fullmatch, titles)):
        return False
    numbers = [int(title) for title in titles]
    in_a_row = numbers[0] in (0, 1) and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    values = [cell.strip().lstrip("+-") for row in body for cell in row]
    if all(cell.isdigit() for cell in values if _number(cell) == _number(cell)):  # NaN apart
        return in_a_row and len(numbers) > 2
    return in_a_row or (len(numbers) > 2 and numbers == sorted(set(numbers)))


def is_index(name: str, column: Float64Array) -> bool:
    """Whether a column counts rows or time, by its name and by its steps."""
    return name.strip().lower() in _INDEX_NAMES and _counts(column)


def _cells(lines: list[str], lower: str) -> list[list[str]]:
    if lower.endswith(".tsv"):
        delimiter = "\t"
    elif lower.endswith(".csv"):
        delimiter = ";" if ";" in lines[0] and "," not in lines[0] else ","
    else:
        found = next((mark for mark in ("\t", ",", ";") if mark in lines[0]), None)
        if found is None:
            return [line.split() for line in lines]
        delimiter = found
    return list(csv.reader(lines, delimiter=delimiter))


def _number(cell: str) -> float | None:
    """The number in a cell, NaN where it says that there is none; None where it is a word."""
    text = cell.strip()
    if text.lower() in _NOT_A_NUMBER:
        return float("nan")
    return number(text)


def _counts(column: Float64Array) -> bool:
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.diff(column)
    return bool(steps.size and np.isfinite(steps).all() and steps[0] > 0
                and np.allclose(steps, steps[0], rtol=1e-3, atol=0))


def _unique(names: list[str]) -> tuple[str, ...]:
    """Number names that occur again, and those that are empty."""
    out: list[str] = []
    given, taken = set(names), set[str]()
    last: dict[str, int] = {}  # or thousands of equal names would be counted through again and again
    for k, name in enumerate(names):
        base = name or f"region{k + 1}"
        count = last.get(base, 1)
        unique = base if count == 1 else f"{base} ({count})"
        while unique in taken or (count > 1 and unique in given):
            count += 1
            unique = f"{base} ({count})"
        last[base] = count
        taken.add(unique)
        out.append(unique)
    return tuple(out)
