"""What determines a number, as a hash: the maps in it, what is done with them, and by which versions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from niicorr._version import __version__
from niicorr.matrix import MapMatrix
from niicorr.threads import in_order
from niicorr.typing import IntArray

FORMAT = 1
"""Raised whenever pieces are kept otherwise; older ones are then not found."""


def digest(parts: Iterable[Any]) -> bytes:
    """Hash arrays, bytes and plain values, each with its length, so that no two lists of them look alike."""
    whole = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            whole.update(f"{part.dtype.str}{part.shape}".encode())
            whole.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
        else:
            plain = part if isinstance(part, bytes) else repr(part).encode()
            whole.update(f"{type(part).__name__}{len(plain)}:".encode())
            whole.update(plain)
    return whole.digest()


def context(*parts: Any) -> bytes:
    """Hash what all pieces of one kind have in common."""
    return digest((FORMAT, __version__, np.__version__, *parts))


def map_digests(matrix: MapMatrix, *, exactly: bool, jobs: int = 1) -> list[bytes]:
    """Hash each map: its row, where it has data, and the file that it came from.

    Parameters
    ----------
    matrix : MapMatrix
        The maps.
    exactly : bool
        Whether more of a map counts than its row tells (ranks): where no file stands for that, its own values do.
    jobs : int
        Threads.
    """
    supports = [digest([np.packbits(support)]) for support in matrix.supports]

    def one(index: int) -> bytes:
        record = matrix.records[index]
        values = []
        if exactly and record.blake2b is None and matrix.exact is not None:
            values = [np.asarray(matrix.exact(index))]
        return digest([matrix.rows[index], matrix.center[index : index + 1], matrix.scale[index : index + 1],
                       supports[matrix.support_of[index]], record.blake2b, record.volume, *values])

    return list(in_order(one, range(len(matrix)), jobs))


def features_digest(matrix: MapMatrix) -> bytes:
    """Hash where the features of a matrix are, and where its maps have data."""
    features = matrix.features
    places: list[Any] = [features.n]
    if features.grid is not None:
        places += [features.grid.shape, features.grid.affine]
    places += [features.indices, features.centroids, features.volumes]
    used: IntArray = np.bincount(matrix.support_of, minlength=len(matrix.supports))
    return digest([*places, np.packbits(matrix.supports, axis=1), used])
