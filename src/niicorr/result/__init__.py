"""The result of a run, in memory and on disk."""

from niicorr.result.correlation import Comparison, CorrelationResult, Sensitivity

__all__ = ["Comparison", "CorrelationResult", "Sensitivity"]
