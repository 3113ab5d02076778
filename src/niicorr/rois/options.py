"""How regions are compared: every option with its default, and what it may be."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from math import inf
from numbers import Integral, Real
from typing import Any, get_args

import numpy as np

from niicorr.connectivity import Kind
from niicorr.errors import UsageError
from niicorr.images.confounds import Cleaning
from niicorr.images.header import MAX_MAP_SIZE
from niicorr.images.mapset import parse_volumes
from niicorr.images.regions import MIN_COVERAGE
from niicorr.limits import demand_whole, real
from niicorr.tables import brief, path_text
from niicorr.typing import Alternative, Fdr
from niicorr.words import SeriesNull

METHODS = {"correlation": "pearson"}
"""What a result calls a kind, where it has another word."""


@dataclass(frozen=True)
class RoiOptions:
    """How regions are compared; the fields are the options of `correlate_rois` and of the command line."""

    atlas: Any = None
    labels: Any = None
    confounds: Any = None
    strategy: Any = ()
    kind: Kind = "correlation"
    detrend: bool = False
    standardize: bool = False
    low_pass: float | None = None
    high_pass: float | None = None
    t_r: float | None = None
    volumes: str | None = None
    min_coverage: float = MIN_COVERAGE
    null: SeriesNull = "effective"
    fdr: Fdr = "bh"
    alternative: Alternative = "two-sided"
    max_map_size: int = MAX_MAP_SIZE
    memory: int | None = None
    jobs: int | None = None

    def resolved(self) -> dict[str, Any]:
        """All of them as plain JSON values."""
        return {name: _plain(value) for name, value in self.__dict__.items()}

    @property
    def cleaning(self) -> Cleaning:
        """What is done to the series beside the regression of confounds."""
        return Cleaning(self.detrend, self.standardize, self.low_pass, self.high_pass)


def checked(options: RoiOptions) -> RoiOptions:
    """Return options as they are, if each has a value that it takes; others raise `UsageError`."""
    for name, kind in (("kind", Kind), ("null", SeriesNull), ("fdr", Fdr), ("alternative", Alternative)):
        value = getattr(options, name)
        if not isinstance(value, str) or value not in get_args(kind):
            raise UsageError(f"{name} is one of {', '.join(get_args(kind))}, not {value!r}")
    for name in ("low_pass", "high_pass", "t_r"):
        value = getattr(options, name)
        found = real(value)
        if value is not None and (found is None or not 0 < found < inf):
            raise UsageError(f"{name} is a number above 0 ({'seconds' if name == 't_r' else 'Hz'}), not "
                             f"{brief(repr(value))}")
    for name in ("jobs", "memory", "max_map_size"):
        value = getattr(options, name)
        if value is not None or name not in ("jobs", "memory"):
            demand_whole(name, value, 1)
    for name in ("detrend", "standardize"):
        if not isinstance(getattr(options, name), bool | np.bool_):
            raise UsageError(f"{name} is True or False, not {getattr(options, name)!r}")
    words = options.strategy
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise UsageError(f"strategy is one or several words, not {words!r}")
    share = real(options.min_coverage)
    if share is None or not 0 <= share <= 1:
        raise UsageError(f"min_coverage is a share from 0 to 1, not {brief(repr(options.min_coverage))}")
    parse_volumes(options.volumes)
    if options.labels is not None and options.atlas is None:
        raise UsageError("labels goes with an atlas: name one with atlas (--atlas)")
    if options.strategy and options.confounds is None:
        raise UsageError("strategy says what to take of a table of confounds: name one with confounds (--confounds)")
    # nilearn takes numpy's words for True and False for none, and no fraction for a number.
    plain: dict[str, Any] = {name: bool(getattr(options, name)) for name in ("detrend", "standardize")}
    for name in ("low_pass", "high_pass", "t_r"):
        plain[name] = None if getattr(options, name) is None else float(getattr(options, name))
    return replace(options, **plain)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | os.PathLike):
        return path_text(os.fsdecode(value))
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else f"<{type(value).__name__}>"
