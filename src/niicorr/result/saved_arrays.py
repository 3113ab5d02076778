"""``report_data.npz``, read only where each array is what ``run.json`` says: by name, kind and shape, before its bytes.

The file is a zip archive of plain arrays that are not compressed, so that no byte is made that is not on the disk.
"""

from __future__ import annotations

import math
import os
import re
import stat
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np

from niicorr.matrix_folder import LONGEST_HEADER, demand_own_header
from niicorr.numerals import integer
from niicorr.result import many_notes
from niicorr.result.pictures import SCHEMA as PICTURES
from niicorr.tables import DIRECTION_COLUMNS, INFERRED_COLUMNS, brief

ARRAYS = "report_data.npz"
"""The numbers of a result in full, from which `niicorr.load` restores it."""

MOST_STEPS = 10_000
"""Distances, or bins, at which a null model is told of; ours are 61 and about 100."""

_SERIES = re.compile(r"series_(volumes_|matrix_)?(0|[1-9][0-9]{0,8})")

_PACKED = 64
"""Bytes that a packed map may have more than an unpacked one, beside one in a hundred."""


@dataclass(frozen=True)
class _Kind:
    """What an array may be: kinds of its numbers, their bytes where only one number fits, and its shape.

    None in a shape stands for up to ``most`` of something.
    """

    kinds: str
    shape: tuple[int | None, ...]
    size: int | None = None
    most: float = math.inf

    def fault(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
        """Say what is wrong with an array of this type and shape; empty where it fits."""
        size = dtype.itemsize if self.size is None else self.size
        if dtype.kind not in self.kinds or dtype.itemsize != size or not dtype.isnative:
            return f"is {dtype}"
        if len(shape) != len(self.shape) or any(wanted not in (n, None) for n, wanted in zip(
                shape, self.shape, strict=True)):
            wanted = " × ".join("any number" if n is None else integer(n) for n in self.shape) or "one number"
            return f"has the shape {shape}, not {wanted}"
        if None in self.shape and max(shape) > self.most:
            return f"has the shape {shape}, and {integer(int(self.most))} is the most that can be"
        return ""


def shape_told(path: str) -> tuple[int, ...]:
    """Return the shape of the matrix as ``report_data.npz`` of a folder tells it, reading nothing else of it.

    Raises
    ------
    OSError, ValueError, BadZipFile
        Where it tells none.
    """
    place = _regular(path)
    with zipfile.ZipFile(place) as archive:
        return _header(archive, archive.getinfo("estimate.npy"))[1]


def read_arrays(path: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Read the arrays of a folder's ``report_data.npz``.

    Parameters
    ----------
    path : str
        The folder.
    record : dict
        Its ``run.json``, whose fields are of the right types.

    Returns
    -------
    dict of str to ndarray
        What is there; pictures of a newer niicorr are left out.

    Raises
    ------
    ValueError
        Where a member is foreign, stands there twice, is compressed, or is not what the record says.
    OSError, BadZipFile, EOFError
        Where the file is damaged.
    """
    place, found = _regular(path), dict[str, Any]()
    wanted = _wanted(record)
    with zipfile.ZipFile(place) as archive:
        members = _members(archive, os.path.getsize(place))
        schema = members.get("picture_schema")
        if schema is not None and int(_array(archive, schema, _Kind("iu", ()))) > PICTURES:
            members = {name: info for name, info in members.items() if not name.startswith("picture_")}
        for name, info in members.items():
            kind = wanted(name)
            if kind is None:
                raise ValueError(f"{brief(name)!r} is no part of this result")
            found[name] = _array(archive, info, kind)
    return found


def _regular(path: str) -> str:
    place = os.path.join(path, ARRAYS)
    if not stat.S_ISREG(os.stat(place).st_mode):  # a pipe would have us wait for ever
        raise ValueError("it is no regular file")
    return place


def _members(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name; refuse what `numpy.savez` does not write."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name == info.filename:
            raise ValueError(f"{brief(info.filename)!r} is no part of a result")
        if name in members:
            raise ValueError(f"{brief(name)!r} stands there twice")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise ValueError(f"{brief(name)!r} is compressed or locked, as nothing that niicorr writes is")
        members[name] = info
    if sum(info.file_size for info in members.values()) > size:
        raise ValueError("its members overlap")
    return members


def _header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Return type and shape of an array, and the bytes of its header."""
    with archive.open(info) as file:
        head = file.readline(LONGEST_HEADER)
    demand_own_header(head)
    stream = BytesIO(head)
    np.lib.format.read_magic(stream)
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    return dtype, shape, len(head)


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, kind: _Kind) -> Any:
    """Read an array that is of a kind."""
    name = brief(info.filename.removesuffix(".npy"))
    try:
        dtype, shape, begin = _header(archive, info)
    except (ValueError, SyntaxError, TypeError) as error:
        raise ValueError(f"{name} is no plain array ({brief(str(error))})") from None
    if dtype.hasobject:
        raise ValueError(f"{name} holds no plain numbers")
    if fault := kind.fault(dtype, shape):
        raise ValueError(f"{name} {fault}")
    if begin + math.prod(shape) * dtype.itemsize != info.file_size:
        raise ValueError(f"{name} of shape {shape} holds {integer(info.file_size - begin)} bytes")
    with archive.open(info) as file:
        # Never a pickle: a saved result is data, not code.
        return np.lib.format.read_array(file, allow_pickle=False)


def _wanted(record: Mapping[str, Any]) -> Callable[[str], _Kind | None]:
    """Return what tells the kind of array that a name stands for in a result; None where it stands for none."""
    columns = len(record["x_maps"])
    rows = columns if record["same_set"] else len(record["y_maps"])
    sides = (("x", columns), *(() if record["same_set"] else (("y", rows),)))
    matrix = _Kind("f", (rows, columns), 8)
    kinds = dict.fromkeys(("estimate", *INFERRED_COLUMNS, *DIRECTION_COLUMNS), matrix)
    if record["sensitivity"] is not None:
        kinds |= {"naive": matrix, "zeros_matter": matrix}
    kinds["counts"] = _Kind("iu", (rows, columns))
    cells = rows * columns
    kinds |= {"note_rows": _Kind("i", (None,), most=cells), "note_columns": _Kind("i", (None,), most=cells),
              "note_text": _Kind("u", (None,), 1, most=cells * many_notes.LONGEST)}
    if (atlas := record.get("atlas")) is not None:
        regions = len(atlas["regions"])
        share = _Kind("f", (len(atlas["sources"]), regions), 8)
        kinds |= {"region_n_voxels": _Kind("iu", (regions,)), "region_coverage": share, "region_values": share}
    kinds |= _of_pictures(record, sides, rows, columns)
    runs = record.get("series", ())

    def wanted(name: str) -> _Kind | None:
        if (series := _SERIES.fullmatch(name)) is None:
            return kinds.get(name)
        if int(series[2]) >= len(runs):
            return None
        points = runs[int(series[2])]["time_points"]
        return {"": _Kind("f", (points, rows), 8), "volumes_": _Kind("iu", (points,)),
                "matrix_": _Kind("f", (rows, rows), 8)}[series[1] or ""]

    return wanted


def _of_pictures(
    record: Mapping[str, Any], sides: tuple[tuple[str, int], ...], rows: int, columns: int
) -> dict[str, _Kind]:
    grid = record["grid"]
    n = math.inf if grid is None else math.prod(grid["shape"])
    kinds = {"schema": _Kind("iu", ()), "choice": _Kind("U", ()), "n": _Kind("iu", ()),
             "voxels": _Kind("u", (None,), 1, most=5 * n + _PACKED), "slope": _Kind("f", (rows, columns), 8),
             "intercept": _Kind("f", (rows, columns), 8), "lags_mm": _Kind("f", (None,), 8, MOST_STEPS),
             "edges": _Kind("f", (None,), 8, MOST_STEPS), "draws": _Kind("i", (rows, columns, None), 4, MOST_STEPS)}
    for side, maps in sides:
        kinds |= {f"{side}_low": _Kind("f", (maps,), 8), f"{side}_high": _Kind("f", (maps,), 8),
                  f"{side}_clipped": _Kind("b", (maps,)), f"{side}_ends": _Kind("i", (maps,), 8),
                  f"{side}_data": _Kind("u", (None,), 1, most=maps * (1.01 * n + _PACKED)),
                  f"{side}_curves": _Kind("f", (maps, None), 4, MOST_STEPS)}
    return {f"picture_{name}": kind for name, kind in kinds.items()}
