"""
Textbook p-values and honest ones
=================================

The textbook takes each of 30 000 voxels for an observation of its own. Neighbours repeat each other, so a map is worth
some hundred independent values. The same r, with two intervals.
"""

import matplotlib.pyplot as plt
import numpy as np

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
honest = nc.correlate(list(example.x), list(example.y))
textbook = nc.correlate(list(example.x), list(example.y), null="independent", warn=False)

row = "gaba_A"
order = np.argsort(honest.r.loc[row].to_numpy())
figure, ax = plt.subplots(figsize=(6, 6), layout="constrained")
places = np.arange(len(order))
for result, colour, width, name in ((honest, "#9db7c7", 6, "effective"), (textbook, "#b3561d", 2, "textbook")):
    low, high = (frame.loc[row].to_numpy()[order] for frame in (result.ci_low, result.ci_high))
    ax.hlines(places, low, high, color=colour, linewidth=width, label=f"95 % interval, {name}")
ax.plot(honest.r.loc[row].to_numpy()[order], places, "k|", markersize=9)
ax.axvline(0, color="0.6", linewidth=1)
ax.set_yticks(places, honest.r.columns[order])
ax.set(xlabel=f"r with {row}")
ax.legend(frameon=False, loc="lower right")

# %%

frame = honest.to_frame()
print(f"median n = {frame['n'].median():.0f} voxels, median n_effective = {frame['n_effective'].median():.0f}")
for name, result in (("textbook", textbook), ("effective", honest)):
    print(f"{name}: {(result.p.to_numpy() < 0.05).sum()} of 80 pairs at p < .05")
