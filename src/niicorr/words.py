"""The words that options may take; the command line, the library and the tests read them from here."""

from __future__ import annotations

from typing import Literal

Method = Literal["pearson", "spearman", "cosine", "concordance", "bicor", "dice"]
Null = Literal["effective", "gsm", "surrogate", "moran", "variogram", "independent", "none"]
Fdr = Literal["bh", "by"]
Alternative = Literal["two-sided", "greater", "less"]
Zeros = Literal["auto", "data", "missing"]
ZeroReading = Literal["data", "missing"]
Resample = Literal["auto", "never"]
Interpolation = Literal["auto", "linear", "nearest", "cubic"]
OnError = Literal["stop", "skip"]
Order = Literal["given", "name", "cluster", "group"]
DeviceOption = Literal["cpu", "cuda", "auto"]
SeriesNull = Literal["effective", "independent", "none"]
SearchMethod = Literal["pearson", "cosine", "concordance"]
SearchNull = Literal["effective", "none"]
Sort = Literal["abs", "positive", "negative"]

OPTION_WORDS = {
    "zeros": Zeros, "resample": Resample, "interpolation": Interpolation, "method": Method, "null": Null, "fdr": Fdr,
    "alternative": Alternative, "on_error": OnError, "device": DeviceOption,
}
"""Options of a comparison that are one of some words."""

OPTION_LEAST = {"n_surrogates": 1, "seed": 0, "jobs": 1, "memory": 1, "max_map_size": 1}
"""Options that are a whole number from there on."""

BY_FORMULA = ("effective", "gsm", "independent")
"""Null models whose p follows from the number of independent values."""

TWO_WAYS = ("moran", "variogram")
"""Null models of regions that draw random maps of x, and of y: each has a p, of which the larger counts."""

DRAWN = ("surrogate", *TWO_WAYS)
"""Null models that draw random maps, and with them know the largest r of all pairs."""

IMAGE_SUFFIXES = (".nii.gz", ".nii.bz2", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img", ".mgz", ".mgh.gz", ".mgh")
"""How files of images end that are read; what a folder is looked through for, and what the shell completes."""

ATLASES = ("aal, aal3, basc7 … basc444, destrieux, difumo64 … difumo1024, harvard-oxford, harvard-oxford-sub, "
           "harvard-oxford-prob, juelich, msdl, schaefer100 … schaefer1000, yeo7, yeo17")
"""Names of atlases that are fetched, as short as a help text needs them."""
