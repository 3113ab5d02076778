"""niicorr correlates every brain map of one set with every map of another.

>>> import niicorr as nc
>>> result = nc.correlate("experiments/*.nii", "activity/*.nii.gz")  # doctest: +SKIP
>>> nc.heatmap(result)  # doctest: +SKIP

Names are loaded when they are first used, so that ``import niicorr`` costs nothing.
"""

from __future__ import annotations

from niicorr._version import __version__

TYPE_CHECKING = False
"""As in typing, which would cost more than all else here."""

if TYPE_CHECKING:
    from typing import Any

    from niicorr.calibration import Calibration, calibrate
    from niicorr.errors import (
        DomainWarning,
        IndependenceWarning,
        InputError,
        MapError,
        NiicorrError,
        NiicorrWarning,
        ResourceError,
        UnusableMapsError,
        UsageError,
    )
    from niicorr.images.extract import extract
    from niicorr.images.mapset import MapSet, read_maps
    from niicorr.images.sampling import Sampling, choose_sampling
    from niicorr.images.survey import Survey, survey
    from niicorr.library import IndexReport, Library, SearchResult, index, open_library, search
    from niicorr.matrix import MapMatrix
    from niicorr.pipeline import CheckReport, check, correlate
    from niicorr.plot.heatmap import heatmap
    from niicorr.result import CorrelationResult
    from niicorr.result.saved import load
    from niicorr.rois import correlate_rois
    from niicorr.webpage.write import report

_HOME = {
    "Calibration": "calibration",
    "calibrate": "calibration",
    "DomainWarning": "errors",
    "IndependenceWarning": "errors",
    "InputError": "errors",
    "MapError": "errors",
    "NiicorrError": "errors",
    "NiicorrWarning": "errors",
    "ResourceError": "errors",
    "UnusableMapsError": "errors",
    "UsageError": "errors",
    "extract": "images.extract",
    "MapSet": "images.mapset",
    "read_maps": "images.mapset",
    "Sampling": "images.sampling",
    "choose_sampling": "images.sampling",
    "Survey": "images.survey",
    "survey": "images.survey",
    "IndexReport": "library",
    "index": "library",
    "Library": "library",
    "open_library": "library",
    "SearchResult": "library",
    "search": "library",
    "MapMatrix": "matrix",
    "CheckReport": "pipeline",
    "check": "pipeline",
    "correlate": "pipeline",
    "correlate_rois": "rois",
    "heatmap": "plot.heatmap",
    "CorrelationResult": "result",
    "load": "result.saved",
    "report": "webpage.write",
}

__all__ = [
    "Calibration",
    "CheckReport",
    "CorrelationResult",
    "DomainWarning",
    "IndependenceWarning",
    "IndexReport",
    "InputError",
    "Library",
    "MapError",
    "MapMatrix",
    "MapSet",
    "NiicorrError",
    "NiicorrWarning",
    "ResourceError",
    "Sampling",
    "SearchResult",
    "Survey",
    "UnusableMapsError",
    "UsageError",
    "__version__",
    "calibrate",
    "check",
    "choose_sampling",
    "correlate",
    "correlate_rois",
    "extract",
    "heatmap",
    "index",
    "load",
    "open_library",
    "read_maps",
    "report",
    "search",
    "survey",
]


def __getattr__(name: str) -> Any:
    if name != "datasets" and name not in _HOME:
        raise AttributeError(f"module 'niicorr' has no attribute {name!r}")
    from importlib import import_module

    if _HOME.get(name) != "errors":  # which must be there to be caught
        from niicorr.surroundings import demand_addresses, demand_epoch

        demand_epoch()
        demand_addresses()
    home = import_module(f"niicorr.{_HOME.get(name, name)}")
    return home if name == "datasets" else getattr(home, name)


def __dir__() -> list[str]:
    return __all__
