"""
Like beside like
================

One set against itself, ordered by likeness, with the tree. Each pair is one test, though it stands in two cells.
"""

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
result = nc.correlate(list(example.x))
ax = nc.heatmap(result, order="cluster", values=False)
