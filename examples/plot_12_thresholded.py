"""
Thresholded maps: what does a zero mean?
========================================

In a thresholded map zeros are data ("not significant"), in a masked one they are missing. niicorr decides for each map
by how its values end, says so, and tells where the other reading would tell another story.
"""

import niicorr as nc
from niicorr import datasets

example = datasets.thresholded("niicorr-data/thresholded")
result = nc.correlate(list(example.x), list(example.y), null="none", warn=False)
for record in result.x_maps[:2]:
    print(record.label, "|", next(d.text for d in record.decisions if d.topic == "zeros"))
for cell, note in list(result.notes.items())[:4]:
    print(result.y_labels[cell[0]], result.x_labels[cell[1]], "|", note)
ax = nc.heatmap(result)
ax.set_title("zeros are data (decided by rule)", loc="left")

# %%
# Overruled: only voxels beyond the threshold count.

missing = nc.correlate(list(example.x), list(example.y), zeros="missing", null="none", warn=False)
ax_missing = nc.heatmap(missing)
ax_missing.set_title("zeros are missing", loc="left")
