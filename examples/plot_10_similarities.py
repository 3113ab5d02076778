"""
Other similarities
==================

Ranks, a robust correlation and concordance of the same pairs. Where they disagree with Pearson's r, a few extreme
voxels or a difference in scale are at work.
"""

import matplotlib.pyplot as plt

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
methods = ("spearman", "bicor", "concordance")
pearson = nc.correlate(list(example.x), list(example.y), null="none").r.to_numpy().ravel()
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), sharey=True, layout="constrained")
for panel, method in zip(axes, methods, strict=True):
    other = nc.correlate(list(example.x), list(example.y), method=method, null="none")
    panel.plot([-0.7, 0.7], [-0.7, 0.7], color="0.7", linewidth=1)
    panel.scatter(pearson, other.r.to_numpy().ravel(), s=14, color="#3b6e8f")
    panel.set(xlabel="Pearson r", title=other.measure.name, aspect=1)
axes[0].set_ylabel("the other")
