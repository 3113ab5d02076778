"""Figures of a result; matplotlib and seaborn are imported only when one is drawn."""

from niicorr.plot.heatmap import heatmap, save_heatmap

__all__ = ["heatmap", "save_heatmap"]
