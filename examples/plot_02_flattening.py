"""
What flattening whole volumes does
==================================

``corrcoef`` of flattened arrays compares mostly backgrounds. Each point is one of the 80 pairs; where the signs
differ, the naive number tells the opposite of the truth, which is known here because the maps were made so.
"""

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
flat = [nib.load(path).get_fdata().ravel() for path in (*example.y, *example.x)]
naive = np.corrcoef(flat)[:4, 4:]
right = nc.correlate(list(example.x), list(example.y), null="none").r.to_numpy()

wrong = (naive * right < 0) & (np.minimum(abs(naive), abs(right)) >= 0.005)  # what shows as .00 has no sign
figure, ax = plt.subplots(figsize=(5, 5), layout="constrained")
ax.axhline(0, color="0.8", zorder=0)
ax.axvline(0, color="0.8", zorder=0)
ax.plot([-0.75, 0.75], [-0.75, 0.75], color="0.6", linewidth=1, zorder=0)
ax.scatter(right[~wrong], naive[~wrong], color="#3b6e8f", label="same sign")
ax.scatter(right[wrong], naive[wrong], color="#b3561d", marker="X", label=f"wrong sign ({wrong.sum()} of {wrong.size})")
ax.set(xlabel="r inside the brain", ylabel="r of flattened volumes", xlim=(-0.75, 0.75), ylim=(-0.75, 0.75), aspect=1)
ax.spines[["top", "right"]].set_visible(False)
row, column = np.unravel_index(np.argmax(np.where(wrong, abs(naive - right), 0)), wrong.shape)
names = [path.rpartition("/")[2].partition(".")[0] for path in (example.x[column], example.y[row])]
ax.annotate(" × ".join(names), (right[row, column], naive[row, column]), (0.03, -0.42), fontsize=8, color="#b3561d",
            arrowprops={"arrowstyle": "-", "color": "#b3561d"})
ax.legend(frameon=False, loc="upper left")

# %%
# How far off the numbers are:

print(f"largest error {abs(naive - right).max():.2f}, median {np.median(abs(naive - right)):.2f}")

# %%
# The wrong picture
# -----------------
# Nothing in it looks wrong. Cells with a border have the wrong sign; :doc:`the right one <plot_01_heatmap>`.

wrong_figure, ax = plt.subplots(figsize=(10, 2.6))
cells = ax.pcolormesh(naive, cmap="RdBu_r", vmin=-0.7, vmax=0.7, edgecolor="white")
for (row, column), r in np.ndenumerate(naive):
    ax.text(column + 0.5, row + 0.5, f"{r:.2f}".replace("0.", ".").replace("-", "−"), ha="center", va="center",
            fontsize=8)
    if wrong[row, column]:
        ax.add_patch(plt.Rectangle((column + 0.06, row + 0.06), 0.88, 0.88, fill=False, linewidth=1.6))
labels = [[path.rpartition("/")[2].partition(".")[0] for path in paths] for paths in (example.x, example.y)]
ax.set_xticks(np.arange(20) + 0.5, labels[0], rotation=45, ha="right", rotation_mode="anchor")
ax.set_yticks(np.arange(4) + 0.5, labels[1])
ax.tick_params(length=0)
ax.invert_yaxis()
ax.set_title(f"np.corrcoef of flattened volumes: {wrong.sum()} of {wrong.size} signs are wrong", loc="left")
ax.spines[:].set_visible(False)
wrong_figure.colorbar(cells, ax=ax, label="r", pad=0.015)
