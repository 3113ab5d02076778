"""
Regions with each other, over time
==================================

A run of 200 volumes and an atlas of 40 regions. All pairs stand above the diagonal; below it those that survive the
correction for all of them. Successive volumes repeat each other, and the p-values know.
"""

import numpy as np

import niicorr as nc
from niicorr import datasets

example = datasets.bold("niicorr-data/bold")
result = nc.correlate_rois(example.x[0], example.atlas, confounds=example.confounds[0],
                           strategy=["motion6", "wm_csf"], warn=False)
ax = nc.heatmap(result, order="group")

# %%
# Without cleaning, what all regions share looks like connections:

raw = nc.correlate_rois(example.x[0], example.atlas, warn=False)
for name, one in (("as it is", raw), ("cleaned", result)):
    below = one.p_fdr.to_numpy()[np.tril_indices(40, -1)]
    print(f"{name}: {(below <= 0.05).sum()} of {below.size} pairs at q ≤ .05")
