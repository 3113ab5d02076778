"""
Are the p-values honest?
========================

Random maps take the place of yours, with the same mask, smoothness and values; whatever is called related among them
is called so wrongly. An honest null model lies on the diagonal. The textbook's line tells how often a p-value of .05,
or of .001, belongs to nothing.
"""

import niicorr as nc
from niicorr import datasets
from niicorr.plot.calibration import draw_calibration

example = datasets.question("niicorr-data/question")
calibration = nc.calibrate(list(example.x), list(example.y), repeats=5, warn=False)
ax = draw_calibration(calibration)

# %%
# In numbers: how often unrelated maps are called related, and the standard error of that.

print(calibration.to_frame().to_string(index=False))
