"""The result of a run, in memory and on disk."""

from niicorr.result.correlation import Comparison, CorrelationResult, Sensitivity
from niicorr.result.parcellation import Parcellation, RunSeries

__all__ = ["Comparison", "CorrelationResult", "Parcellation", "RunSeries", "Sensitivity"]
