"""What the voxels of an image are, by the definition of its format alone: struct, gzip and a cast, no nibabel."""

from __future__ import annotations

import bz2
import gzip
import struct
from math import isfinite, prod

import numpy as np

_TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}


def voxels_by_definition(header: bytes, data: bytes | None) -> np.ndarray | None:
    """Return all voxels of a NIfTI image in their own unit, flat in the order of the file.

    Parameters
    ----------
    header : bytes
        The file, or the ``.hdr`` of a pair.
    data : bytes or None
        The ``.img`` of a pair.

    Returns
    -------
    ndarray of float64, or None
        None for types and formats that are not defined here (Analyze, MGH, quadruple precision).
    """
    block = _plain(header)
    found = _fields(block)
    if found is None:
        return None
    order, dims, code, offset, slope, inter = found
    if code not in _TYPES or not 1 <= dims[0] <= 7:
        return None
    if slope == 0 or not isfinite(slope):
        slope, inter = 1.0, 0.0
    n = prod(dims[1 : dims[0] + 1])
    content = block if data is None else _plain(data)
    start = int(offset) or (0 if data is not None else {348: 352, 540: 544}[struct.unpack(order + "i", block[:4])[0]])
    stored = np.frombuffer(content, order + _TYPES[code], n, start)
    with np.errstate(all="ignore"):
        return stored.astype(np.float64) if (slope, inter) == (1.0, 0.0) else stored.astype(np.float64) * slope + inter


def _plain(content: bytes) -> bytes:
    if content[:2] == b"\x1f\x8b":
        return gzip.decompress(content)
    return bz2.decompress(content) if content[:3] == b"BZh" else content


def _fields(block: bytes) -> tuple[str, tuple[int, ...], int, float, float, float] | None:
    for order in "<>":
        size = struct.unpack(order + "i", block[:4])[0]
        if size == 348 and block[344:348] in (b"n+1\0", b"ni1\0"):
            dims, code = struct.unpack(order + "8h", block[40:56]), struct.unpack(order + "h", block[70:72])[0]
            return order, dims, code, *struct.unpack(order + "3f", block[108:120])
        if size == 540 and block[4:8] in (b"n+2\0", b"ni2\0"):
            dims, code = struct.unpack(order + "8q", block[16:80]), struct.unpack(order + "h", block[12:14])[0]
            return order, dims, code, *struct.unpack(order + "q2d", block[168:192])
    return None
