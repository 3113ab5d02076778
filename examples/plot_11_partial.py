"""
What is left beside a third map
===============================

Two receptors that follow each other both correlate with an experiment. A covariate is regressed out of both maps of
each pair, over the voxels of that pair.
"""

import matplotlib.pyplot as plt
import numpy as np

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
d2, transporter = example.y[0], example.y[3]
plain = nc.correlate(list(example.x), [d2], null="none").r.iloc[0]
partial = nc.correlate(list(example.x), [d2], partial=[transporter], null="none").r.iloc[0]
order = np.argsort(plain.to_numpy())
places = np.arange(len(order))
figure, ax = plt.subplots(figsize=(6, 5.6), layout="constrained")
ax.hlines(places, plain.to_numpy()[order], partial.to_numpy()[order], color="0.75", linewidth=2, zorder=1)
ax.scatter(plain.to_numpy()[order], places, color="0.45", label="r with dopamine D2", zorder=2)
ax.scatter(partial.to_numpy()[order], places, color="#b3561d", label="beside the serotonin transporter", zorder=2)
ax.axvline(0, color="0.6", linewidth=1, zorder=0)
ax.set_yticks(places, plain.index[order])
ax.tick_params(axis="y", length=0)
ax.set(xlabel="r")
ax.spines[["top", "right", "left"]].set_visible(False)
ax.legend(loc="lower right", framealpha=1, edgecolor="none")
