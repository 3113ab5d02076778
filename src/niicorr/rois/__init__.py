"""ROI × ROI: from runs and an atlas to a result."""

from niicorr.rois.correlate import correlate_rois
from niicorr.rois.options import RoiOptions

__all__ = ["RoiOptions", "correlate_rois"]
