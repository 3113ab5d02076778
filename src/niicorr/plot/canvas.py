"""The axes a heatmap is drawn on: a figure of our own that fits it, or given ones that it is fitted to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from niicorr.plot import captions, strips
from niicorr.plot import layout as lay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from niicorr.plot.layout import Layout
    from niicorr.plot.picture import Picture


def own_axes(picture: Picture, values: bool | None) -> tuple[Axes, Axes, Layout]:
    """Make a figure that fits its cells and words; return axes for cells and colour bar, and the layout."""
    from matplotlib.figure import Figure

    n_rows, n_columns = picture.shape
    wanted = max(picture.shape) <= lay.VALUES_UP_TO if values is None else values
    layout = _plan(picture, lay.cell_sizes(n_rows, n_columns, wanted, picture.square, picture.regions), values)
    width, height = n_columns * layout.cell[0], n_rows * layout.cell[1]
    names = row_names(picture, layout)
    tree = lay.TREE + lay.TREE_GAP
    left = lay.MARGIN + max(layout.left + (tree if picture.left_tree else names), layout.overhang)
    # Under few columns the name of their set is wider than they are; the bar keeps clear of it.
    x_name = picture.width([axis_label(picture, layout, 1)], lay.LABEL_SIZE)
    x_name_end = (width + x_name * lay.POINT) / 2
    bar_at = left + max(width + (names + lay.GAP if picture.left_tree else lay.BAR_GAP), x_name_end + lay.GAP)
    title = picture.width([picture.title], lay.TITLE_SIZE) * lay.POINT
    below_cells = picture.lines_below(layout.values)
    lines = min(picture.width(below_cells, lay.SMALL_SIZE) * lay.POINT * 1.1, lay.UNBROKEN)
    total = max(bar_at + lay.BAR_WIDTH + lay.BAR_TEXT, left + max(title, lines) + lay.MARGIN)
    # Beside few rows the bar is longer than they are high and hangs down next to their names.
    bar = min(max(height, lay.BAR_SHORTEST), lay.BAR_LONGEST)
    over_bar = title > bar_at - left - lay.GAP
    layout = replace(
        layout,
        small_print_at=max(layout.small_print_at, bar - height + 2 * lay.GAP),
        text_room=total - left - lay.MARGIN,
        title_up=lay.TITLE_UP + (lay.CLEAR_OF_BAR if over_bar and not layout.top and not picture.top_tree else 0.0),
    )
    small_print = sum(len(picture.wrapped(line, layout.text_room, lay.SMALL_SIZE)) for line in below_cells)
    headline = len(picture.wrapped(picture.headline or "", layout.text_room, lay.SMALL_SIZE + 0.5))
    small_print += len(strips.legend_lines(picture, layout))
    below = layout.small_print_at + small_print * lay.SMALL_SIZE * lay.LINE * lay.POINT + lay.MARGIN
    words = layout.title_up + (lay.TITLE_SIZE + headline * (lay.SMALL_SIZE + 0.5)) * lay.LINE
    above = (tree if picture.top_tree else 0.0) + layout.top + words * lay.POINT + lay.MARGIN
    figure = Figure(figsize=(total, above + height + below))
    tall = above + height + below
    ax = figure.add_axes((left / total, below / tall, width / total, height / tall))
    bar_box = (bar_at / total, (below + height - bar) / tall, lay.BAR_WIDTH / total, bar / tall)
    return ax, figure.add_axes(bar_box), layout


def room_for_bar(ax: Axes, picture: Picture) -> dict[str, Any]:
    """Return how a colour bar is placed beside given axes, whose names of rows may stand in between."""
    width = inches(ax)[0]
    longest = picture.width(picture.y_labels, lay.LABEL_SIZE) * lay.POINT + lay.NAME + 3 * lay.GAP
    pad = 0.03 + (longest / width if picture.left_tree else 0.0)
    return {"fraction": 0.1, "pad": min(pad, 0.6), "aspect": 25}


def fitted(ax: Axes, picture: Picture, values: bool | None) -> Layout:
    """Return the layout of a heatmap on given axes."""
    ax.apply_aspect()
    width, height = inches(ax)
    n_rows, n_columns = picture.shape
    return _plan(picture, (width / n_columns, height / n_rows), values)


def inches(ax: Axes) -> tuple[float, float]:
    """Width and height of axes."""
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    return max(box.width / dpi, 1e-3), max(box.height / dpi, 1e-3)


def row_names(picture: Picture, layout: Layout) -> float:
    """Inches that the names of rows and of their set take."""
    if layout.y_name_upright:
        return layout.beside + 2 * lay.GAP + lay.NAME
    lines = axis_label(picture, layout, 0).replace(" (", "\n(", 1).split("\n")
    return layout.beside + 2 * lay.GAP + max(picture.width(lines, lay.LABEL_SIZE) * lay.POINT, 0.7)


def axis_label(picture: Picture, layout: Layout, axis: int) -> str:
    """Return the label of the rows' (0) or the columns' (1) axis."""
    groups, names = picture.axis_groups[axis], (layout.rows, layout.columns)[axis]
    return captions.axis_label((picture.y_name, picture.x_name)[axis], names, picture.shape[axis], picture.regions,
                               "" if groups is None else groups.by)


def _plan(picture: Picture, cell: tuple[float, float], values: bool | None) -> Layout:
    longest = max(picture.shape)
    rows, columns = (
        lay.axis_names(texts, groups, side, longest, picture.regions)
        for texts, groups, side in zip((picture.y_labels, picture.x_labels), picture.axis_groups, reversed(cell),
                                       strict=True))
    # Small letters are hinted wider than they measure.
    wider = lay.HINTED if picture.regions else 1.0
    widths = tuple([wider * picture.width([text], lay.LABEL_SIZE) for text in names.texts] for names in (rows, columns))
    by = "" if picture.row_groups is None else picture.row_groups.by
    y_label = captions.axis_label(picture.y_name, rows, picture.shape[0], picture.regions, by)
    marks, groups = picture.significance, picture.column_groups
    heads = None
    if groups is not None and columns.step == 1 and not picture.top_tree:
        sizes = [picture.width([name], lay.SMALL_SIZE) for name in groups.names]
        heads = lay.head_names(groups, cell[0], sizes, lay.SMALL_SIZE)
    return lay.plan(
        picture.shape, cell, (rows, columns), (widths[0], widths[1]), picture.width([y_label], lay.LABEL_SIZE),
        values=values,
        room_left=lay.TREE if picture.left_tree else lay.NAME,
        starred=marks is not None and bool(marks.stars.any()),
        letters=(lay.LETTERS if picture.exponent is None else lay.COVARIANCE_LETTERS)
        + (0.0 if picture.fragile is None else lay.DAGGER_LETTERS),
        strips=(len(picture.row_strips), len(picture.column_strips)),
        spans=() if groups is None else groups.spans,
        heads=heads,
    )  # fmt: skip
