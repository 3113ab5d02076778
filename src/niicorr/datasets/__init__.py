"""Example data, made on the spot: seeded, offline, the same bytes on every call. And doors to public collections.

>>> from niicorr import datasets
>>> example = datasets.question("data/question")  # doctest: +SKIP
>>> nc.correlate(example.x, example.y)  # doctest: +SKIP

Each maker writes its files into a folder and returns an `Example`: what to give to ``correlate`` or
``correlate_rois``, and what is true of it, since simulated maps have the advantage that the right answer is known.
"""

from __future__ import annotations

from niicorr.datasets.collections import neuromaps, neurovault
from niicorr.datasets.example import Example
from niicorr.datasets.simulated import bold, mixed_grids, question, thresholded

__all__ = ["Example", "bold", "mixed_grids", "neuromaps", "neurovault", "question", "thresholded"]
