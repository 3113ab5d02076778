"""
Textbook p-values and honest ones
=================================

The textbook takes each of 56 000 voxels for an observation of its own. Neighbours repeat each other, so a map is worth
some hundred independent values. The same r, with two intervals: the textbook's hardly leaves the dot.
"""

import matplotlib.pyplot as plt
import numpy as np

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
honest = nc.correlate(list(example.x), list(example.y))
textbook = nc.correlate(list(example.x), list(example.y), null="independent", warn=False)

row = "gaba_A"
r = honest.r.loc[row].to_numpy()
order = np.argsort(r)
figure, ax = plt.subplots(figsize=(6, 5.6), layout="constrained")
places = np.arange(len(order))
for result, colour, width, shift, name in ((honest, "#9db7c7", 5, 0.0, "effective"),
                                           (textbook, "#b3561d", 3, -0.32, "textbook")):
    low, high = (frame.loc[row].to_numpy()[order] for frame in (result.ci_low, result.ci_high))
    ax.hlines(places + shift, low, high, color=colour, linewidth=width, label=f"95 % interval, {name}")
sure = honest.p_fdr.loc[row].to_numpy()[order] <= 0.05
ax.scatter(r[order], places, s=26, facecolor=np.where(sure, "#24424f", "white"), edgecolor="#24424f", zorder=3)
ax.scatter([], [], s=26, facecolor="white", edgecolor="#24424f", label="q > .05 (effective)")
ax.axvline(0, color="0.6", linewidth=1, zorder=0)
ax.set_yticks(places, honest.r.columns[order])
ax.tick_params(axis="y", length=0)
ax.set(xlabel=f"r with {row}")
ax.spines[["top", "right", "left"]].set_visible(False)
ax.legend(frameon=False, loc="lower right")

# %%

frame = honest.to_frame()
print(f"median n = {frame['n'].median():.0f} voxels, median n_effective = {frame['n_effective'].median():.0f}")
for name, result in (("textbook", textbook), ("effective", honest)):
    print(f"{name}: {(result.p.to_numpy() < 0.05).sum()} of 80 pairs at p < .05")
