"""A null model whose descriptions of maps are kept from an interrupted run to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from niicorr.matrix import MapMatrix
from niicorr.nulls.descriptions import arrays_of, from_arrays
from niicorr.nulls.effective import EffectiveSize
from niicorr.nulls.supports import Supports
from niicorr.nulls.traces import Atoms
from niicorr.resume.keys import context, digest, features_digest, map_digests
from niicorr.resume.pieces import Pieces
from niicorr.typing import IntArray


class Described(Protocol):
    """What a null model keeps of maps."""

    @property
    def of(self) -> IntArray:
        """Which of the model's supports each map has, shape (maps,)."""


D = TypeVar("D", bound=Described)


class Null(Protocol[D]):
    """A null model that describes maps, and sizes up pairs of what it described."""

    @property
    def supports(self) -> Supports:
        """All supports that occur."""

    @property
    def atoms(self) -> Atoms | None:
        """What autocovariances are made of."""

    @property
    def bytes_per_map(self) -> int:
        """Memory that the description of a map takes."""

    @property
    def describe(self) -> Callable[[MapMatrix, int], D]:
        """Fit every map of a matrix."""

    def size(self, x: D, y: D, n: IntArray) -> EffectiveSize:
        """Find n_effective for all pairs of two described sets."""


class KeptNull(Generic[D]):
    """A null model as it is, but for descriptions that are there already.

    Parameters
    ----------
    pieces : Pieces
        Where they are.
    null : Null
        The null model of these maps.
    kind : type
        What it describes maps by: a dataclass of arrays.
    x, y : MapMatrix
        All maps, as they are described.
    *what
        What the null model depends on beyond them: its kind, weights, covariates.
    """

    def __init__(
        self, pieces: Pieces, null: Null[D], kind: type[D], x: MapMatrix, y: MapMatrix, *what: Any
    ) -> None:
        self._pieces, self._null, self._kind = pieces, null, kind
        self._context = context("null", kind.__name__, features_digest(x), features_digest(y), *what)

    @property
    def atoms(self) -> Atoms | None:
        """What autocovariances are made of."""
        return self._null.atoms

    @property
    def bytes_per_map(self) -> int:
        """Memory that the description of a map takes."""
        return self._null.bytes_per_map

    def describe(self, matrix: MapMatrix, jobs: int = 1) -> D:
        """Fit every map of a matrix, unless an interrupted run has."""
        digests = map_digests(matrix, exactly=False, jobs=jobs)
        key = digest((self._context, *digests))
        arrays = self._pieces.find("null", key)
        described = None if arrays is None else from_arrays(self._kind, arrays)
        # The hash says that it is what was kept, not that it was kept of these maps: somebody may have written both.
        if described is not None and not np.array_equal(described.of, self._null.supports.of(matrix)):
            described = None
        self._pieces.asked("null", described is not None, 1)
        if described is None:
            described = self._null.describe(matrix, jobs)
            self._pieces.keep("null", key, list(arrays_of(described)))
        return described

    def size(self, x: D, y: D, n: IntArray) -> EffectiveSize:
        """Find n_effective for all pairs of two described sets."""
        return self._null.size(x, y, n)
