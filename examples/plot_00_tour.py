"""
A tour in a notebook
====================

Twenty minutes with niicorr: from files to a figure, what the numbers rest on, and where they come from. Download it as
a notebook at the end of the page.
"""

import niicorr as nc
from niicorr import datasets

example = datasets.question("niicorr-data/question")
print(example.about)

# %%
# What would a run make of these files?
# -------------------------------------
# ``check`` reads every file and computes nothing.

report = nc.check(list(example.x), list(example.y))
for record in (*report.x_maps[:2], *report.y_maps[:2]):
    print(f"{record.label:16} background {record.background:g} ({record.background_share:.0%} of the volume), "
          f"data in {record.coverage:.0%} of the mask")

# %%
# Every map with every map
# ------------------------

result = nc.correlate(list(example.x), list(example.y))
ax = nc.heatmap(result, order="cluster")

# %%
# How sure is that?
# -----------------
# A map of 56 000 voxels is worth some hundred independent values. Intervals and p-values know.

frame = result.to_frame().sort_values("p")
print(frame[["x", "y", "r", "n", "n_effective", "ci_low", "ci_high", "p_fdr"]].head(5).round(3).to_string(index=False))

# %%
# One pair
# --------

figure = result.pair("exp-12_checkerboard", "gaba_A").plot()

# %%
# Which regions make it what it is
# --------------------------------
# Each region's share in r, and r without it.

atlas = datasets.bold("niicorr-data/bold").atlas
regions = result.without_regions("exp-12_checkerboard", "gaba_A", atlas)
print(regions.sort_values("contribution", ascending=False).head(5).round(3).to_string(index=False))

# %%
# For the paper
# -------------

print(result.methods_text())

# %%
# For everybody else
# ------------------
# One page to explore and to send; ``result.save("out/")`` writes the tables.

page = nc.report(result, "niicorr-data/tour.html")
