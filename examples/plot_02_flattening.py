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
ax.legend(frameon=False, loc="upper left")

# %%
# How far off the numbers are:

print(f"largest error {abs(naive - right).max():.2f}, median {np.median(abs(naive - right)):.2f}")
