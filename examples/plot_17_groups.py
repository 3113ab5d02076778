"""
Maps in groups
==============

Further columns of a manifest, or of a DataFrame, are kept with the maps. Here the kind of experiment orders the columns
and stands above them as a strip of colours.
"""

import numpy as np
import pandas as pd

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
sizes = {"emotion": 3, "reward": 3, "body": 4, "vision": 4, "language": 2, "cognition": 3, "rest": 1}
kinds = [kind for kind, size in sizes.items() for _ in range(size)]
table = pd.DataFrame({"path": list(example.x), "kind": kinds})
result = nc.correlate(table, list(example.y))
ax = nc.heatmap(result, order="group")

# %%
# What the groups have in common, as the mean of Fisher's z within each:

means = np.tanh(np.arctanh(result.r.set_axis(kinds, axis=1)).T.groupby(level=0, sort=False).mean()).T
print(means.round(2).to_string())
