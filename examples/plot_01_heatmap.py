"""
The question: 20 experiments and 4 activity maps
================================================

Two sets of maps in, one picture out. The experiments are 0 outside the brain, the activity maps −1; niicorr finds
either, and says so.
"""

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
result = nc.correlate(list(example.x), list(example.y))
ax = nc.heatmap(result)

# %%
# Stars stand for p values that are adjusted for all 80 cells and know how much neighbouring voxels repeat each other.
# The numbers are in data frames:

print(result.r.iloc[:, :4].round(2))

# %%
# What to write in the paper:

print(result.methods_text())
