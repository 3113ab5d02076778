"""The page on disk: one file, and beside it the maps where they are too many for one."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from niicorr.errors import ResourceError, UsageError, told_on
from niicorr.result import CorrelationResult
from niicorr.result.picturing import pictures_of
from niicorr.result.saved import load
from niicorr.rights import demand_usable, resource_text
from niicorr.tables import can_be_path
from niicorr.webpage.maps import characters, maps_beside, maps_inside, write_side_files
from niicorr.webpage.packing import json_text
from niicorr.webpage.page import page_html
from niicorr.webpage.part import pictures_part, strongest_part
from niicorr.webpage.payload import payload

if TYPE_CHECKING:
    from niicorr.result.pictures import Pictures

PAGE = "report.html"

LIMIT = 50_000_000
"""Characters that maps may take inside of the page."""

_PLACE = "<niicorr-data/>"
"""Stands for the data while the page is put together, so that these are never copied as a whole; no title can hold it,
since its ``<`` is escaped."""


@told_on("docs/howto/report.md")
def report(
    result: CorrelationResult | str | os.PathLike[str], path: str | os.PathLike[str], *, maps: str = "auto",
    title: str | None = None,
) -> list[str]:
    """Write a result as one page that works offline, from disk, in any browser.

    Parameters
    ----------
    result : CorrelationResult or path
        What `niicorr.correlate` returned, or the folder of a saved result.
    path : str or path
        The page, such as ``page.html``; an older one is replaced. Maps that would take more than 50 MB lie beside
        it, as ``page_maps_0001.js`` and so on.
    maps : str
        Which maps the page shows: ``all``, ``none``, ``top:N`` (those of the N strongest pairs), or ``auto``: all up
        to 1000 maps, beyond that ``top:200``. They are pictures of 8 bits a voxel, but whoever gets the page gets
        them. A saved result has those that were chosen when it was saved.
    title : str, optional
        In place of the one that says method and size.

    Returns
    -------
    list of str
        The files written, the page first.

    Raises
    ------
    UsageError
        Where ``maps`` or ``path`` cannot be.
    InputError
        Where the folder holds no result.
    ResourceError
        No room, or no permission.

    Examples
    --------
    >>> nc.report(nc.correlate("experiments/", "activity/"), "page.html")  # doctest: +SKIP
    """
    if isinstance(result, str | os.PathLike):
        result = load(result)
    if not isinstance(result, CorrelationResult):
        raise UsageError(f"report takes a result or the folder of one, not {type(result).__name__}")
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"report writes to a path, not to {type(path).__name__}")
    if not (title is None or isinstance(title, str)):
        raise UsageError(f"the title of a page is text, not {type(title).__name__}")
    place = os.fspath(path)
    if not isinstance(place, str) or not can_be_path(place):
        raise UsageError(f"{place!r}: no file can have this name")
    if not os.path.basename(place) or os.path.isdir(place):
        raise UsageError(f"{place} is a folder: name the file of the page in it, such as "
                         f"{os.path.join(place, PAGE)}")
    folder = os.path.dirname(os.path.abspath(place))
    try:
        work = tempfile.mkdtemp(prefix=".niicorr-page-", dir=folder)
        demand_usable(work)
        try:
            names = write_report(result, work, maps=maps, title=title, name=os.path.basename(place))
            for name in reversed(names):  # the page last: it needs the others
                os.replace(os.path.join(work, name), os.path.join(folder, name))
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise ResourceError(resource_text(place, error)) from None
    return [place, *(os.path.join(os.path.dirname(place), name) for name in names[1:])]


def write_report(
    result: CorrelationResult, folder: str, *, maps: str = "auto", title: str | None = None, limit: int = LIMIT,
    name: str = PAGE, beside: Sequence[str] | None = None,
) -> list[str]:
    """Write the page into a folder; the same result gives the same bytes.

    Parameters
    ----------
    result : CorrelationResult
        With its maps, with pictures of them (`niicorr.result.picturing.with_pictures`), or with numbers only.
    folder : str
        An existing folder.
    maps, title
        As for `report`.
    limit : int
        Characters that maps may take inside of the page; beyond, all of them go to side files.
    name : str
        The page's own name.
    beside : sequence of str, optional
        Names of figures and the like in the folder of the result, which the page tells; None where it stands alone.

    Returns
    -------
    list of str
        The names written, the page first.
    """
    pictures = pictures_of(result, maps)
    part = strongest_part(result)
    if part is not None and pictures is not None:
        pictures = pictures_part(pictures, part.rows, part.columns)
    value = payload(result, pictures, title=title, part=part, beside=beside)
    names = [name]
    maps_text, side_files = maps_inside(pictures), False
    if pictures is not None and characters(pictures) > limit:
        # Their names become addresses, where other characters would mean something.
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name.split(".", maxsplit=1)[0]) or "page"
        files = write_side_files(pictures, folder, stem)
        names += dict.fromkeys(files.values())
        maps_text, side_files = maps_beside(pictures, files), True
    with open(os.path.join(folder, name), "w", encoding="utf-8", newline="\n") as file:
        file.writelines(_page(value, maps_text, side_files=side_files))
    return names


def page_text(value: dict[str, Any], pictures: Pictures | None) -> str:
    """Return a small page as text, all maps inside."""
    return "".join(_page(value, maps_inside(pictures), side_files=False))


def _page(value: dict[str, Any], maps: Iterator[str], *, side_files: bool) -> Iterator[str]:
    """Yield the page in pieces, the maps last among its data."""
    before, after = page_html(value["title"], _PLACE, side_files=side_files).split(_PLACE)
    yield before
    yield json_text(value)[:-1]
    yield ',"maps":'
    yield from maps
    yield "}"
    yield after
