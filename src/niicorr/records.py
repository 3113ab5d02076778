"""What is written down about a run: decisions, maps, provenance.

These are plain frozen values that travel with the numbers from the file to the last table, so that
nothing niicorr decides on a user's behalf is lost on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from niicorr.numerals import r_text, short_text
from niicorr.words import Alternative, Fdr, Null


@dataclass(frozen=True)
class Measure:
    """What a similarity is called: one, several, and on a scale; and whether it lies between −1 and 1."""

    name: str
    names: str
    symbol: str
    bounded: bool = True

    def text(self, value: float) -> str:
        """Write one: ``.42``; of those without bounds three digits."""
        return r_text(value) if self.bounded else short_text(value)


MEASURES = {
    "pearson": Measure("Pearson correlation", "Pearson correlations", "Pearson r"),
    "spearman": Measure("Spearman correlation", "Spearman correlations", "Spearman r"),
    "cosine": Measure("cosine similarity", "cosine similarities", "cosine"),
    "concordance": Measure("concordance correlation", "concordance correlations", "concordance"),
    "bicor": Measure("biweight midcorrelation", "biweight midcorrelations", "bicor"),
    "dice": Measure("Dice coefficient", "Dice coefficients", "Dice"),
    "partial correlation": Measure("partial correlation", "partial correlations", "partial r"),
    "covariance": Measure("covariance", "covariances", "covariance", bounded=False),
    "tangent": Measure("geometric mean of covariances", "geometric means of covariances", "covariance",
                       bounded=False),
}


def measure_of(method: str) -> Measure:
    """Return what a similarity is called; one of a newer niicorr goes by its own word."""
    return MEASURES.get(method, Measure(method, method, method))


FEW = 10.0
"""Fewer independent values than this tell little."""

INDEPENDENT = "p-values take every voxel for an independent observation"
"""How the warning begins that comes with the null model ``independent``."""

NO_OUTLINE = "no map shows an outline"
"""How the warning begins that the whole grid was used for want of a mask; figures are headed by it."""


@dataclass(frozen=True)
class Decision:
    """One thing niicorr decided, in words.

    ``topic`` is a stable key (``file``, ``affine``, ``background``, ``zeros``, ``missing``, ``grid``,
    ``resample``, ``mask``, ``weights``, ``partial``, ``method``, ``null``, ``atlas``, ``labels``, ``cache``,
    ``device``, …);
    ``text`` is a sentence with numbers.
    """

    topic: str
    text: str


@dataclass(frozen=True)
class MapRecord:
    """What is known of one map: a row of ``maps.tsv``.

    Attributes
    ----------
    label, path : str
        The unique name in its set, and the file it came from (printable text).
    shape : tuple of int
        Voxels along each axis, as stored.
    voxel_mm : tuple of float
        Edge lengths in mm.
    orientation : str
        Axis codes such as ``LAS``; ``???`` where the header tells no orientation.
    dtype : str
        As stored on disk.
    volume : int or None
        Index in a file of several volumes.
    background : float or None
        The value that means "no data here"; None where none was found.
    background_share : float
        Share of the volume that holds it.
    n_voxels : int
        Voxels of the mask in which this map has data.
    coverage : float
        ``n_voxels`` over the voxels of the mask.
    decisions : tuple of Decision
        Everything decided about this map alone.
    error : str or None
        Why the map could not be used (``--on-error skip``).
    size : int or None
        Bytes of the file.
    blake2b : str or None
        BLAKE2b hash (16 bytes, hexadecimal) of the file; of a pair, of both halves' hashes, header first.
    metadata : dict
        Further columns of the manifest.
    """

    label: str
    path: str
    shape: tuple[int, ...] = ()
    voxel_mm: tuple[float, ...] = ()
    orientation: str = "???"
    dtype: str = ""
    volume: int | None = None
    background: float | None = None
    background_share: float = 0.0
    n_voxels: int = 0
    coverage: float = 0.0
    decisions: tuple[Decision, ...] = ()
    error: str | None = None
    size: int | None = None
    blake2b: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Region:
    """One region of an atlas, as its image and its table tell of it.

    Attributes
    ----------
    name : str
        Unique in its atlas (printable text); ``region 7`` where no table names it.
    id : int
        Label in the image; of a 4-D atlas the volume, counted from 1.
    n_voxels : int
        In the atlas image as it is.
    centroid : tuple of float
        Mean position of its voxels in mm, RAS+ (weighted in a probabilistic atlas); NaN where it has none.
    hemisphere : str
        ``L``, ``R``, or empty: the table's column, or an unmistakable name.
    network : str
        As the table says; may be empty.
    metadata : dict
        Further columns of the table.
    """

    name: str
    id: int
    n_voxels: int
    centroid: tuple[float, float, float]
    hemisphere: str = ""
    network: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NullModel:
    """How p-values are found: the null hypothesis, corrections for many cells, and which side counts.

    ``n_surrogates`` and ``seed`` belong to ``surrogate``.
    """

    null: Null = "effective"
    fdr: Fdr = "bh"
    alternative: Alternative = "two-sided"
    n_surrogates: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Provenance:
    """How a result came about: what ``run.json`` holds beside the maps.

    ``options`` are resolved (defaults filled in), ``timings`` are seconds of wall time by stage, ``beside`` are the
    maps of weights and covariates, or the runs that regions' series come from.
    """

    options: dict[str, Any] = field(default_factory=dict)
    command: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)
    beside: tuple[MapRecord, ...] = ()
