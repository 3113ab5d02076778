"""Figures and page of a result: what run, rois and report draw alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from niicorr.result import CorrelationResult
    from niicorr.words import Order


def draw_figures(result: CorrelationResult, folder: str, options: argparse.Namespace) -> list[str]:
    """Draw the heatmap, and of regions compared by their time series the connectome; return the files' names."""
    if options.no_figures:
        return []
    _silence_matplotlib()
    from niicorr.plot.heatmap import save_heatmap

    order: Order = options.order or ("group" if result.series else "given")
    names = save_heatmap(result, folder, formats=options.format, order=order, cmap=options.cmap)
    if result.series:
        from niicorr.plot.connectome import save_connectome

        names += save_connectome(result, folder, formats=options.format)
    return names


def _silence_matplotlib() -> None:
    """Keep it from telling, as it is loaded, that it can keep no list of fonts where HOME is no folder of ours."""
    import logging

    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def draw_page(
    result: CorrelationResult, folder: str, options: argparse.Namespace, beside: Sequence[str]
) -> tuple[CorrelationResult, list[str]]:
    """Draw the report page; return the result with the pictures that the page holds, and the files' names.

    ``beside`` are files of the same folder that the page may name.
    """
    if options.no_report:
        return result, []
    from niicorr.result.picturing import with_pictures
    from niicorr.webpage.write import write_report

    result = with_pictures(result, options.report_maps)
    return result, write_report(result, folder, beside=beside)
