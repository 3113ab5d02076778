"""Finds the figures of an example: niicorr's belong to nobody but their axes, and pyplot does not know them."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sphinx_gallery.scrapers import figure_rst

SHOWN = "_figures_shown"
"""Where an example's own variables remember which figures have been shown."""


def scrape(block: tuple[str, ...], block_vars: dict[str, Any], gallery_conf: dict[str, Any], **_: Any) -> str:
    """Save every figure that a block has made, in the order of its variables."""
    names = block_vars["example_globals"]
    shown: list[Figure] = names.setdefault(SHOWN, [])
    paths = []
    for value in [value for name, value in names.items() if name != SHOWN]:
        figure = value.figure if isinstance(value, Axes) else value
        if isinstance(figure, Figure) and not any(figure is one for one in shown):
            shown.append(figure)
            path = next(block_vars["image_path_iterator"])
            figure.savefig(path, dpi=110, bbox_inches="tight", facecolor="white")
            paths.append(path)
    return str(figure_rst(paths, gallery_conf["src_dir"]))
