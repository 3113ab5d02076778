"""The result of a run, in memory and on disk."""

from niicorr.result.correlation import CorrelationResult, Sensitivity

__all__ = ["CorrelationResult", "Sensitivity"]
