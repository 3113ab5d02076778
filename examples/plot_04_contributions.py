"""
Where a correlation comes from
==============================

The image of terms whose sum is r. A number for a whole brain may rest on one bright spot; here one can see.
"""

import matplotlib.pyplot as plt
import numpy as np
from nilearn import plotting

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
result = nc.correlate(list(example.x), list(example.y), null="none")
terms = result.contribution("exp-04_reward", "dopamine_D2")
values = terms.get_fdata()
print(f"r = {result.r.loc['dopamine_D2', 'exp-04_reward']:.2f}, sum of terms = {values.sum():.2f}")

figure = plt.figure(figsize=(9, 3))
limit = np.percentile(abs(values[values != 0]), 99)
plotting.plot_img(terms, bg_img=None, display_mode="z", cut_coords=(-30, -10, 10, 30, 50), cmap="RdBu_r", vmin=-limit,
                  vmax=limit, black_bg=False, figure=figure, title="what each voxel adds to r", colorbar=True)
