"""
Regions instead of voxels
=========================

Means over the regions of an atlas, each over the voxels in which a map has data. ``n`` then counts regions, and the
null model knows their distances and sizes.
"""

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
atlas = datasets.bold("niicorr-data/bold").atlas
result = nc.correlate(list(example.x), list(example.y), atlas=atlas, warn=False)
ax = nc.heatmap(result)

# %%
# Which regions a map covers, and the values themselves:

print(result.parcellation.names[:5])
print(result.parcellation.values[:2, :5].round(2))
