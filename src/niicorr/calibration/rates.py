"""What came of a calibration: p-values of unrelated maps under every null model, and what they say of it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from niicorr._version import __version__
from niicorr.folder import OutputFolder
from niicorr.hashes import file_hashes
from niicorr.own_files import CALIBRATION, PROGRAM, RECORD
from niicorr.record_fields import map_fields, write_record
from niicorr.records import MapRecord, Provenance
from niicorr.tables import write_tsv
from niicorr.typing import Float64Array, Null

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
"""Version of ``run.json`` of a calibration."""

TABLE = "calibration.tsv"

LEVELS = (0.05, 0.01, 0.001)
"""p-values up to these are counted."""

TOO_MANY, TOO_FEW, TOLD = 0.06, 0.04, 0.10
"""Rates at .05, two standard errors allowed for: beyond the first a null model fails, below the second it is careful;
where even the third cannot be excluded, nothing is said."""

COLUMNS = ("null", "pairs", "n_effective", "rate_05", "se_05", "rate_01", "se_01", "rate_001", "se_001")
"""Columns of ``calibration.tsv``."""

Verdict: TypeAlias = Literal["holds", "liberal", "careful", "unclear"]


@dataclass(frozen=True, eq=False)
class TriedNull:
    """What one null model made of unrelated maps.

    Attributes
    ----------
    null : str
        The null model, as ``--null`` names it.
    p : ndarray, shape (blocks, pairs of a block), float64
        Its p-values; NaN where a pair was not tested.
    n_effective : float
        Median over all pairs; NaN for similarities without a formula.
    floor : float
        The smallest p that it can give.
    """

    null: Null
    p: Float64Array
    n_effective: float
    floor: float = 0.0

    @property
    def pairs(self) -> int:
        """Pairs that were tested."""
        return int(np.isfinite(self.p).sum())

    def rate(self, level: float) -> tuple[float, float]:
        """Share of p-values up to a level, and its standard error over blocks; NaN for levels below the floor."""
        if level < self.floor:
            return math.nan, math.nan
        tested = np.isfinite(self.p)
        blocks = tested.any(axis=1)
        below = (np.where(tested, self.p, np.inf) <= level).sum(axis=1)[blocks] / tested.sum(axis=1)[blocks]
        return float(below.mean()), float(below.std(ddof=1) / math.sqrt(len(below))) if len(below) > 1 else math.nan

    def row(self) -> tuple[Any, ...]:
        """Return its row of ``calibration.tsv``, in the order of `COLUMNS`."""
        return self.null, self.pairs, self.n_effective, *(part for level in LEVELS for part in self.rate(level))

    @property
    def verdict(self) -> Verdict:
        """Whether a level of .05 means .05; ``unclear`` where too few pairs were tested to tell."""
        rate, error = self.rate(0.05)
        # Few pairs without a single false positive differ nowhere, and know nothing.
        error = max(error if math.isfinite(error) else 1.0, math.sqrt(0.05 * 0.95 / self.pairs))
        if rate - 2 * error > TOO_MANY:
            return "liberal"
        if rate + 2 * error < TOO_FEW:
            return "careful"
        return "holds" if rate + 2 * error <= TOLD else "unclear"


@dataclass(frozen=True, eq=False)
class Calibration:
    """False-positive rates of all null models on one grid and mask.

    Attributes
    ----------
    nulls : tuple of TriedNull
        In the order independent, gsm, effective, surrogate; without a formula for the similarity, the last alone.
    method, alternative : str
        As for `correlate`.
    n_maps : tuple of int
        Random maps a block in place of x and of y.
    n_voxels : int
        Voxels of the mask.
    x_maps, y_maps : tuple of MapRecord
        The maps that were read; the same where no second set was given.
    text : str
        What was simulated, and what was not.
    provenance : Provenance
        Options, versions, decisions, warnings, timings.
    """

    nulls: tuple[TriedNull, ...]
    method: str
    alternative: str
    n_maps: tuple[int, int]
    n_voxels: int
    x_maps: tuple[MapRecord, ...]
    y_maps: tuple[MapRecord, ...]
    text: str
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def same_set(self) -> bool:
        """Whether no second set was given."""
        return self.y_maps is self.x_maps

    @property
    def warnings(self) -> tuple[str, ...]:
        """What must be known before any number."""
        return self.provenance.warnings

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield a row for each null model, in the order of `COLUMNS`."""
        return (tried.row() for tried in self.nulls)

    def to_frame(self) -> pd.DataFrame:
        """One row per null model, with the columns of ``calibration.tsv``."""
        import pandas as pd

        return pd.DataFrame(list(self.rows()), columns=list(COLUMNS))

    def save(self, out: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write ``calibration.tsv`` and ``run.json`` into folder ``out``, whole or not at all."""
        with OutputFolder(out, overwrite=overwrite) as folder:
            write_calibration(self, folder.work)
            folder.commit()

    def __repr__(self) -> str:
        rates = [f"{tried.null} {tried.rate(0.05)[0]:.3f}" for tried in self.nulls]
        return f"Calibration: p ≤ .05 of unrelated {self.method} pairs: {', '.join(rates)}. {self.text}"


def write_calibration(calibration: Calibration, folder: str, extra_files: Sequence[str] = ()) -> list[str]:
    """Write ``calibration.tsv`` and ``run.json`` into a folder; return the names, with those of figures there."""
    write_tsv(os.path.join(folder, TABLE), COLUMNS, calibration.rows())
    names = [TABLE, *extra_files]
    write_record(os.path.join(folder, RECORD), {**_record(calibration), "files": sorted([*names, RECORD]),
                                                "hashes": file_hashes(folder, names)})
    return sorted([*names, RECORD])


def _record(calibration: Calibration) -> dict[str, Any]:
    provenance = calibration.provenance
    return {
        "program": PROGRAM,
        "version": __version__,
        "schema": SCHEMA,
        "kind": CALIBRATION,
        "command": provenance.command,
        "options": provenance.options,
        "method": calibration.method,
        "alternative": calibration.alternative,
        "text": calibration.text,
        "nulls": [{**rates(tried), "verdict": tried.verdict} for tried in calibration.nulls],
        "maps_per_block": dict(zip("xy", calibration.n_maps, strict=True)),
        "n_voxels": calibration.n_voxels,
        "decisions": [asdict(decision) for decision in provenance.decisions],
        "warnings": list(provenance.warnings),
        "x_maps": [map_fields(record) for record in calibration.x_maps],
        "y_maps": None if calibration.same_set else [map_fields(record) for record in calibration.y_maps],
        "versions": provenance.versions,
        "timings": provenance.timings,
    }


def rates(tried: TriedNull) -> dict[str, Any]:
    """Return a row of the table as plain JSON types: no NaN, None instead."""
    row = dict(zip(COLUMNS, tried.row(), strict=True))
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()}
