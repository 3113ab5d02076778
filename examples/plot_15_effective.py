"""
How many independent values is a map worth?
===========================================

Left: how alike voxels of a map are, by their distance. Dots are the products of all pairs of voxels at that distance,
lines are what the null model fitted (for the field before its mean was taken off, hence above the dots far out).
Middle: the fits of two maps make the number of independent values that their r rests on, one for each of the 80 pairs.
Right: how large r gets between *unrelated* maps such as these two, and what the textbook thinks of it.
"""

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
from scipy import fft, stats

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
result = nc.correlate(list(example.x), list(example.y))
fitted = result.null_shape


def observed(image, mask, step=3.0, longest=60.0):
    """Mean product of voxels a distance apart, of variance 1."""
    values = np.where(mask, image, 0.0)
    values[mask] -= values[mask].mean()
    shape = [2 * n for n in mask.shape]
    sums, pairs = (fft.irfftn(abs(fft.rfftn(box, shape)) ** 2, shape) for box in (values, mask.astype(float)))
    lags = np.sqrt(sum((3.0 * np.minimum(k, n - k)) ** 2 for k, n in zip(np.indices(shape), shape, strict=True)))
    near = (lags <= longest) & (pairs > 0.5)
    bins = np.rint(lags[near] / step).astype(int)
    curve = np.bincount(bins, sums[near]) / np.bincount(bins, pairs[near])
    return step * np.arange(curve.size), curve / curve[0]


figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
x, y = "exp-04_reward", "dopamine_D2"
images = {x: (result.x_labels.index(x), fitted.x, "#3b6e8f"), y: (result.y_labels.index(y), fitted.y, "#b3561d")}
for name, (k, fits, colour) in images.items():
    volume = next(path for path in (*example.x, *example.y) if name in path)
    lags, curve = observed(nib.load(volume).get_fdata(), result.mask)
    left.plot(lags, curve, "o", markersize=3.5, color=colour, alpha=0.6)
    left.plot(fitted.lags_mm, fits[k], color=colour, label=name)
left.axhline(0, color="0.8", linewidth=1, zorder=0)
left.set(xlabel="distance, mm", ylabel="autocovariance", xlim=(0, 60))
left.legend(frameon=False, fontsize=8)

frame = result.to_frame()
middle.hist(frame["n_effective"], bins=16, color="#9db7c7")
middle.set(xlabel="n_effective (of 56 418 voxels)", ylabel="pairs of maps")

n = result.n_effective.loc[y, x]
middle.axvline(n, color="#b3561d", linewidth=1.5)
middle.set_ylim(0, 14.5)
middle.text(n + 15, 13.3, f"the pair on the left: {n:.0f}", color="#b3561d", fontsize=8)
r = np.linspace(-0.4, 0.4, 2001)
for size, colour in ((n, "#9db7c7"), (56418, "#b3561d")):
    density = stats.norm.pdf(r, scale=(size - 1) ** -0.5)
    right.fill_between(r, density / density.max(), color=colour, linewidth=0)
right.text(0.09, 0.62, "unrelated maps\nlike these two", color="#4a6d80", fontsize=8)
right.text(0.015, 0.97, "the same for the textbook", color="#b3561d", fontsize=8)
right.set(xlabel="r", yticks=[], ylim=(0, 1.08))
for ax in (left, middle, right):
    ax.spines[["top", "right"]].set_visible(False)
