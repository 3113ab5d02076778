"""
Where a correlation comes from
==============================

The image of terms whose sum is r. A number for a whole brain may rest on one bright spot; here one can see. Beside it,
how few voxels make most of it: here a tenth of the voxels carries half of all that pulls r up.
"""

import matplotlib.pyplot as plt
import numpy as np
from nilearn import plotting

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
result = nc.correlate(list(example.x), list(example.y), null="none")
terms = result.contribution("exp-04_reward", "dopamine_D2")
values = terms.get_fdata()[result.mask]
print(f"r = {result.r.loc['dopamine_D2', 'exp-04_reward']:.2f}, sum of terms = {values.sum():.2f}")

figure = plt.figure(figsize=(11, 3.1))
brain, share = figure.add_axes((0, 0, 0.72, 0.88)), figure.add_axes((0.79, 0.19, 0.2, 0.66))
limit = np.percentile(abs(values), 99)
plotting.plot_img(terms, bg_img=None, display_mode="z", cut_coords=(-30, -8, 14, 36), cmap="RdBu_r", vmin=-limit,
                  vmax=limit, black_bg=False, axes=brain, colorbar=False)
figure.text(0.01, 0.93, "what each voxel adds to r: red pulls it up, blue down", fontsize=11)

up = np.sort(values[values > 0])[::-1].cumsum()
down = np.sort(values[values < 0]).cumsum()
for sums, colour, name in ((up, "#b3561d", "up"), (down, "#3b6e8f", "down")):
    share.plot(100 * np.arange(1, sums.size + 1) / values.size, sums, color=colour, label=name)
share.axhline(0, color="0.8", linewidth=1, zorder=0)
share.set(xlabel="% of voxels, strongest first", ylabel="sum of terms")
share.legend(frameon=False, fontsize=8, title="pulls r", title_fontsize=8)
share.spines[["top", "right"]].set_visible(False)
half = np.searchsorted(up, up[-1] / 2) / values.size
print(f"half of what pulls r up lies in {half:.0%} of the voxels")
