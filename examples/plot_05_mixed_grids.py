"""
Maps on several grids
=====================

One field stored in five ways: as it is, mirrored, with its axes permuted, cropped, and at 4 mm. Whoever compares
arrays gets five answers. Compared at the same millimetre they are one row of equal numbers; what was done to each map
stands in its record.
"""

import niicorr as nc
from niicorr import datasets

example = datasets.mixed_grids("niicorr-data/mixed-grids")
result = nc.correlate(list(example.x), list(example.y), grid="y", null="none", warn=False)
ax = nc.heatmap(result)

# %%

for record in result.x_maps:
    said = [decision.text for decision in record.decisions if decision.topic in ("grid", "resample")]
    print(f"{record.label:10} {record.orientation}  {'; '.join(said) or 'the grid of comparison'}")
