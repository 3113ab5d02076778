"""
A figure for a paper
====================

The heatmap is matplotlib's: put it into a figure of your own, beside others, at the size that the journal wants.
"""

import matplotlib.pyplot as plt

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
result = nc.correlate(list(example.x)[:8], list(example.y))
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), width_ratios=(3, 2), layout="constrained")
nc.heatmap(result, ax=left, vmax=0.8)
left.set_title("a", loc="left", fontweight="bold")
frame = result.to_frame()
right.hist(frame["n_effective"], bins=12, color="#3b6e8f")
right.set(xlabel="independent values", ylabel="pairs")
right.set_title("b", loc="left", fontweight="bold")
