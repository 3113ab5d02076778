"""
A figure for a paper
====================

The heatmap is matplotlib's: put it into a figure of your own, beside others, at the size that the journal wants. Here
with the pairs at either end, and how sure their correlations are.
"""

import matplotlib.pyplot as plt

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
result = nc.correlate(list(example.x)[:8], list(example.y))
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 3), width_ratios=(3, 2), gridspec_kw={"wspace": 0.95})
nc.heatmap(result, ax=left, vmax=0.8)
left.set_title("a", loc="left", fontweight="bold")

frame = result.to_frame().sort_values("r").iloc[[0, 1, 2, -3, -2, -1]]
places = range(len(frame))
right.hlines(places, frame["ci_low"], frame["ci_high"], color="#9db7c7", linewidth=5)
right.scatter(frame["r"], places, color="#24424f", s=24, zorder=3)
right.axvline(0, color="0.6", linewidth=1, zorder=0)
right.set_yticks(places, [f"{x.partition('_')[2]} × {y}" for x, y in zip(frame["x"], frame["y"], strict=True)])
right.tick_params(axis="y", length=0)
right.set(xlabel="r, 95 % interval", xlim=(-0.8, 0.8))
right.spines[["top", "right", "left"]].set_visible(False)
right.set_title("b", loc="left", fontweight="bold")
