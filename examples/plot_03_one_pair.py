"""
One pair, looked at
===================

Behind a number there are two maps. ``result.pair`` shows them in slices, every voxel's pair of values, and what is
known of the correlation.
"""

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
result = nc.correlate(list(example.x), list(example.y))
figure = result.pair("exp-04_reward", "dopamine_D2").plot()
