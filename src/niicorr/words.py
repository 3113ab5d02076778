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

IMAGE_SUFFIXES = (".nii.gz", ".nii.bz2", ".nii", ".hdr.gz", ".hdr", ".img.gz", ".img", ".mgz", ".mgh.gz", ".mgh")
"""How files of images end that are read; what a folder is looked through for, and what the shell completes."""

ATLASES = ("aal, aal3, basc7 … basc444, destrieux, difumo64 … difumo1024, harvard-oxford, harvard-oxford-sub, "
           "harvard-oxford-prob, juelich, msdl, schaefer100 … schaefer1000, yeo7, yeo17")
"""Names of atlases that are fetched, as short as a help text needs them."""
