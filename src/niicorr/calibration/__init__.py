"""False-positive rates of the null models, on the user's own grid, mask, smoothness and values."""

from niicorr.calibration.rates import Calibration, TriedNull
from niicorr.calibration.trial import calibrate

__all__ = ["Calibration", "TriedNull", "calibrate"]
