"""How maps are read and compared: every option with its default, and what it may be."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from math import inf
from numbers import Integral, Real
from typing import Any, get_args

import numpy as np

from niicorr.errors import UsageError
from niicorr.images.header import MAX_MAP_SIZE
from niicorr.images.inspect import BackgroundOption
from niicorr.limits import demand_whole, real
from niicorr.records import NullModel
from niicorr.spelling import demand_word
from niicorr.tables import brief, path_text
from niicorr.typing import (
    Alternative,
    DeviceOption,
    Fdr,
    Interpolation,
    Method,
    Null,
    OnError,
    Resample,
    Zeros,
)
from niicorr.words import OPTION_LEAST, OPTION_WORDS

MASKS, GRIDS = ("auto", "none", "mni152"), ("auto", "x", "y")
"""What ``mask`` and ``grid`` may be besides a file."""

_WHY = {"n_surrogates": ": without random maps there is no p-value (null='none' leaves it out)"}
"""What is said beside the least value of an option."""


@dataclass(frozen=True)
class Options:
    """How maps are read and compared; the fields are the options of `correlate` and of the command line."""

    mask: Any = "auto"
    background: BackgroundOption = "auto"
    volumes: str | None = None
    zeros: Zeros = "auto"
    grid: Any = "auto"
    resample: Resample = "auto"
    interpolation: Interpolation = "auto"
    method: Method = "pearson"
    threshold: float = 0.0
    partial: Any = None
    weights: Any = None
    atlas: Any = None
    labels: Any = None
    min_coverage: float | None = None
    null: Null = "effective"
    fdr: Fdr = "bh"
    alternative: Alternative = "two-sided"
    n_surrogates: int = 1000
    seed: int = 0
    on_error: OnError = "stop"
    max_map_size: int = MAX_MAP_SIZE
    memory: int | None = None
    jobs: int | None = None
    device: DeviceOption = "cpu"
    scheduler: Any = None
    cache: Any = None
    resume: Any = None

    def resolved(self) -> dict[str, Any]:
        """All of them as plain JSON values."""
        return {name: _plain(value) for name, value in self.__dict__.items()}

    @property
    def model(self) -> NullModel:
        """How p-values are found."""
        return NullModel(self.null, self.fdr, self.alternative, self.n_surrogates, self.seed)


def options_of(options: dict[str, Any], masker: Any) -> Options:
    """Check keyword arguments and fill in the defaults; wrong ones raise `UsageError`."""
    unknown = set(options) - set(Options.__dataclass_fields__)
    if unknown:
        raise UsageError(f"unknown option {sorted(unknown)[0]!r}; known are {', '.join(Options.__dataclass_fields__)}")
    if masker is not None:
        options = {**options, **_of_masker(masker, options)}
    value = options.get("background", "auto")
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            options = {**options, "background": float(value)}
        except OverflowError:
            raise UsageError("background is a number that float64 holds, up to 1.8e308 in size") from None
    elif not isinstance(value, str) or value not in ("auto", "none"):
        raise UsageError(f"background is auto, none or a number, not {value!r}")
    chosen = Options(**options)
    _check_values(chosen)
    share = chosen.min_coverage
    return replace(chosen, threshold=float(chosen.threshold), min_coverage=None if share is None else float(share))


def _of_masker(masker: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Take mask and atlas from a fitted masker of nilearn."""
    if "mask" in options or "atlas" in options:
        raise UsageError(f"give {'mask' if 'mask' in options else 'atlas'} or masker, not both")
    if hasattr(masker, "labels_img"):
        atlas, mask = getattr(masker, "labels_img_", None), getattr(masker, "mask_img_", None)
        if atlas is None:
            raise UsageError("the NiftiLabelsMasker is not fitted; fit it first")
        return {"atlas": atlas} if mask is None else {"atlas": atlas, "mask": mask}
    image = getattr(masker, "mask_img_", None)
    if image is None or hasattr(masker, "maps_img"):
        raise UsageError("masker must be a fitted NiftiMasker or NiftiLabelsMasker; fit it first")
    return {"mask": image}


def _check_values(options: Options) -> None:
    for name, kind in OPTION_WORDS.items():
        value = getattr(options, name)
        if not isinstance(value, str) or value not in get_args(kind):
            raise UsageError(f"{name} is one of {', '.join(get_args(kind))}, not {value!r}")
    demand_word("--mask", options.mask, MASKS)
    demand_word("--grid", options.grid, GRIDS)
    for name, least in OPTION_LEAST.items():
        value = getattr(options, name)
        if value is not None or name not in ("jobs", "memory"):
            demand_whole(name, value, least, _WHY.get(name, ""))
    value = real(options.threshold)
    if value is None or not 0 <= value < inf:
        raise UsageError(f"threshold is a number from 0 on, not {brief(repr(options.threshold))}")
    if options.threshold and options.method != "dice":
        raise UsageError(f"threshold is for method dice, not for {options.method}")
    if options.partial is not None and options.method not in ("pearson", "spearman"):
        raise UsageError(f"partial goes with method pearson or spearman, not with {options.method}")
    if options.weights is not None and options.method in ("bicor", "dice"):
        raise UsageError(f"weights do not go with method {options.method}; pearson, spearman, cosine and concordance "
                         "take them")
    if options.scheduler is not None:
        from niicorr.cluster.address import scheduler_of  # who asks for none need not load it

        scheduler_of(options.scheduler)
        if options.device == "cuda":
            raise UsageError("device cuda is a GPU of this machine, and the workers of a scheduler multiply on their "
                             "processors: leave out one of the two")
    _check_atlas(options)


def _check_atlas(options: Options) -> None:
    if options.atlas is None:
        for name, value in (("labels", options.labels), ("min_coverage", options.min_coverage)):
            if value is not None:
                raise UsageError(f"{name} goes with an atlas: name one with atlas (--atlas)")
        return
    value = real(options.min_coverage)
    if options.min_coverage is not None and (value is None or not 0 <= value <= 1):
        raise UsageError(f"min_coverage is a share from 0 to 1, not {brief(repr(options.min_coverage))}")


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return path_text(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else str(value)
    named = isinstance(value, tuple) and all(isinstance(part, str | os.PathLike) for part in value)
    if isinstance(value, list) or named:
        return [_plain(part) for part in value]
    if isinstance(value, os.PathLike):
        return path_text(os.fsdecode(value))
    if isinstance(value, Integral):
        return int(value)
    return value if value is None or isinstance(value, int) else f"<{type(value).__name__}>"
