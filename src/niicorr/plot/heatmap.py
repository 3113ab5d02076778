"""The heatmap: set x on the columns, set y on the rows, the number in every cell.

`heatmap` plans (`Picture`, `Layout`) and then draws; it reads no global state but the user's matplotlib
settings and leaves none: figures are made without pyplot, so nothing stays open and no display is asked for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from niicorr.errors import UsageError, told_on
from niicorr.plot import captions
from niicorr.plot.artists import (
    fade_cells,
    finish_bar,
    mark_cells,
    name_axes,
    write_captions,
    write_daggers,
    write_stars,
    write_values,
)
from niicorr.plot.blocks import draw_blocks
from niicorr.plot.canvas import fitted, own_axes, room_for_bar
from niicorr.plot.dendrogram import draw_dendrogram
from niicorr.plot.layout import VALUES_UP_TO
from niicorr.plot.picture import prepare
from niicorr.plot.strips import draw_group_lines, draw_strips, mark_groups
from niicorr.surroundings import demand_backend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

    from niicorr.result import CorrelationResult
    from niicorr.typing import Order

FORMATS = ("png", "svg", "pdf")
DPI = 200


@told_on("docs/howto/figures.md")
def heatmap(
    result: CorrelationResult,
    *,
    ax: Axes | None = None,
    order: Order = "given",
    cmap: str = "vik",
    values: bool | None = None,
    vmax: float | None = None,
    stars: bool | None = None,
    daggers: bool | None = None,
) -> Axes:
    r"""Draw every cell of a result as a colour, with its number where that can be read.

    Parameters
    ----------
    result : CorrelationResult
        From `niicorr.correlate` or `niicorr.load`.
    ax : matplotlib Axes, optional
        Where to draw; without it a figure that fits the cells and labels is made. That figure belongs to
        the axes (``ax.figure``) and is unknown to pyplot.
    order : {'given', 'name', 'cluster', 'group'}
        Of rows and columns; ``cluster`` puts like beside like (average linkage) and draws the trees. ``group`` puts
        regions of a network together, and in it those of a hemisphere (of a hemisphere alone, where the table of the
        atlas tells no networks), and maps by the first column of their manifest that has 2 to 20 values; where
        nothing tells groups, all stand as given and the figure says so.
    cmap : str
        ``vik`` (blue to brown, safe for the colour-blind), ``RdBu_r`` or another of matplotlib's.
    values : bool, optional
        Whether numbers stand in the cells; without it up to 30 rows and columns.
    vmax : float, optional
        The colours span −vmax to vmax; without it the largest \|r\|, rounded up to .1, at least .2.
    stars : bool, optional
        Whether numbers with ``p_fdr`` up to .05, .01 and .001 carry one, two and three stars, and cells above .05
        are faded; without it where the result has p-values.
    daggers : bool, optional
        Whether numbers that would change by more than .1 or in sign if zeros were read the other way carry a †; without
        it where the result has such numbers.

    Returns
    -------
    matplotlib Axes
        With the heatmap, for further styling or ``ax.figure.savefig``.

    Notes
    -----
    Of regions (`correlate_rois`) networks and hemispheres are shown as bars of colours beside the cells, in any
    order. More than 30 of them are too many for stars; there every pair is shown in full colour above the diagonal,
    and below it those with ``p_fdr`` above .05 are faded. More than 90 are named by their groups. Covariances have
    colours up to what 99 of 100 do not exceed, and are written in units of a power of ten.

    Beyond 1200 rows or columns each dot is the mean of a block of cells, faded where all of them are, as the small
    print says (unless ``values`` are asked for): no file has a dot for each.

    See Also
    --------
    CorrelationResult.save : the tables; the figure beside them comes from the command line.
    """
    from niicorr.result import CorrelationResult

    if not isinstance(result, CorrelationResult):
        raise UsageError("heatmap draws a result, from correlate, correlate_rois or load, not "
                         f"{type(result).__name__}: of maps or arrays make one with correlate; a table of numbers is "
                         "drawn by seaborn.heatmap")
    demand_backend()
    import seaborn

    picture = prepare(result, order, cmap, vmax, stars, daggers, every_cell=bool(values))
    bar = {"extend": "both" if picture.beyond else "neither"}
    if ax is None:
        ax, bar_axes, layout = own_axes(picture, values)
    else:
        bar_axes, layout = None, None
        bar |= room_for_bar(ax, picture)
    if picture.blocks is not None:
        mesh = draw_blocks(ax, picture, bar_axes, bar)
    else:
        many = max(picture.shape) > VALUES_UP_TO
        # Names and numbers are ours: seaborn would read $ as mathematics, and its choice between dark and
        # white digits falls below the contrast that WCAG asks for.
        seaborn.heatmap(
            picture.values, mask=picture.missing, vmin=-picture.vmax, vmax=picture.vmax, cmap=picture.cmap,
            linewidths=0.0 if many else 0.6, linecolor="white", square=picture.square, rasterized=many,
            xticklabels=False, yticklabels=False, cbar_ax=bar_axes, cbar_kws=bar, ax=ax,
        )  # fmt: skip
        mesh = cast("QuadMesh", ax.collections[-1])
    layout = layout or fitted(ax, picture, values)
    name_axes(ax, picture, layout)
    fade_cells(ax, mesh, picture)
    mark_cells(ax, picture)
    draw_group_lines(ax, picture)
    draw_strips(ax, picture)
    mark_groups(ax, picture, layout)
    if layout.values:
        write_values(ax, mesh, picture, layout)
        write_stars(ax, mesh, picture, layout)
        write_daggers(ax, mesh, picture, layout)
    finish_bar(mesh, picture)
    if picture.arrangement.row_tree and picture.arrangement.column_tree:
        draw_dendrogram(ax, picture.arrangement.row_tree, "left", layout.left)
        draw_dendrogram(ax, picture.arrangement.column_tree, "top", layout.top)
    write_captions(ax, picture, layout)
    return ax


def save_heatmap(
    result: CorrelationResult,
    folder: str,
    *,
    formats: Sequence[str] = ("png", "svg"),
    order: Order = "given",
    cmap: str = "vik",
) -> list[str]:
    """Write the heatmap into a folder; the same result gives the same bytes.

    Parameters
    ----------
    result : CorrelationResult
        What to draw.
    folder : str
        An existing folder.
    formats : sequence of {'png', 'svg', 'pdf'}
        Which files to write.
    order, cmap
        As for `heatmap`.

    Returns
    -------
    list of str
        The names written, such as ``heatmap.png``.
    """
    return write_figure(lambda: cast("Figure", heatmap(result, order=order, cmap=cmap).figure), folder, "heatmap",
                        formats, captions.title(result))


def write_figure(
    draw: Callable[[], Figure], folder: str, name: str, formats: Sequence[str], title: str
) -> list[str]:
    """Draw a figure under settings of our own and write it; the same figure gives the same bytes.

    Parameters
    ----------
    draw : callable
        Makes the figure.
    folder, name : str
        An existing folder, and the file's name without its ending.
    formats : sequence of {'png', 'svg', 'pdf'}
        Which files to write.
    title : str
        For the files' own description.

    Returns
    -------
    list of str
        The names written.
    """
    unknown = [kind for kind in formats if kind not in FORMATS]
    if unknown:
        raise UsageError(f"unknown figure format {unknown[0]!r}: use {', '.join(FORMATS)}")
    demand_backend()
    import matplotlib.style

    said = {"Creator": "niicorr", "Title": title}
    how: dict[str, dict[str, Any]] = {
        # A flat picture packs almost as small in half the time.
        "png": {"metadata": {"Software": "niicorr"}, "pil_kwargs": {"compress_level": 3}},
        "svg": {"metadata": {**said, "Date": None}},
        "pdf": {"metadata": {**said, "CreationDate": None}},
    }
    written = []
    # A user's own settings would make the file differ between machines; they come back at the end.
    with matplotlib.style.context(["default", {"svg.hashsalt": "niicorr"}]):
        figure = draw()
        for kind in dict.fromkeys(formats):
            written.append(f"{name}.{kind}")
            figure.savefig(os.path.join(folder, written[-1]), format=kind, dpi=DPI, **how[kind])
    return written
