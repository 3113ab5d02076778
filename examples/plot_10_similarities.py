"""
Other similarities
==================

Five voxels in a thousand of each experiment are multiplied by 20, as artefacts at the rim of a brain do it. Pearson's r
breaks down; ranks and the biweight midcorrelation hardly notice. On clean maps all three agree, so a difference between
them is worth a look at the pair.
"""

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
rng = np.random.default_rng(0)
spoilt = []
for path in example.x:
    image = nib.load(path)
    values = image.get_fdata()
    inside = np.flatnonzero(values)
    values.flat[rng.choice(inside, inside.size // 200, replace=False)] *= 20
    spoilt.append((values, image.affine))

names = {"pearson": "Pearson's r", "spearman": "Spearman's r", "bicor": "biweight midcorrelation"}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), sharey=True, layout="constrained")
for panel, (method, name) in zip(axes, names.items(), strict=True):
    clean, broken = (nc.correlate(maps, list(example.y), method=method, null="none", warn=False).r.to_numpy().ravel()
                     for maps in (list(example.x), spoilt))
    panel.plot([-0.75, 0.75], [-0.75, 0.75], color="0.75", linewidth=1)
    panel.scatter(clean, broken, s=14, color="#3b6e8f" if abs(clean - broken).max() < 0.1 else "#b3561d")
    panel.text(-0.7, 0.62, f"off by up to {abs(clean - broken).max():.2f}".replace("0.", "."), fontsize=9, color="0.35")
    panel.set(xlabel="clean maps", title=name, aspect=1, xlim=(-0.75, 0.75), ylim=(-0.75, 0.75))
    panel.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("with artefacts")
