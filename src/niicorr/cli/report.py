"""``niicorr report``: figures and page of a saved result, drawn again; its numbers stay as they are."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from niicorr.cli.terminal import Terminal


def add_report_parser(commands: Any, how: dict[str, Any]) -> Any:
    """Add the command with the folder it takes; figures and talk are those of run."""
    parser = commands.add_parser(
        "report", help="draw figures and page again from a saved result",
        description="Draw the figures and the page of a result again, such as in another order or without the maps; "
        "tables and numbers stay as they are.", **how)
    parser.add_argument("folder", metavar="DIR", help="what run or rois wrote")
    return parser


def report_maps(text: str) -> str:
    """Read which maps a page holds."""
    if not re.fullmatch(r"auto|all|none|top:[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto, all, none nor top:N, such as top:20")
    return text


def report(options: argparse.Namespace, _argv: list[str], terminal: Terminal) -> int:
    """``niicorr report``."""
    from niicorr.cli.drawing import draw_figures, draw_page
    from niicorr.folder import OutputFolder, result_stands
    from niicorr.own_files import FIGURE, PAGE
    from niicorr.result.saved import loaded

    start = time.perf_counter()
    result, record = loaded(options.folder)
    with OutputFolder(options.folder) as folder:
        old = _files(options.folder, record)
        drawn = [pattern for pattern, left_out in ((FIGURE, options.no_figures), (PAGE, options.no_report))
                 if not left_out]
        kept = [name for name in old if not any(pattern.fullmatch(name) for pattern in drawn)]
        _demand_unchanged(options.folder, record, kept)
        figures = draw_figures(result, folder.work, options)
        _, pages = draw_page(result, folder.work, options, [*kept, *figures])
        _carry(kept, options.folder, folder.work, [*figures, *pages], record)
        folder.commit(same_numbers=True)
    with result_stands(options.folder):
        _tell(options, [*figures, *pages], time.perf_counter() - start, terminal)
    return 0


def _files(folder: str, record: dict[str, Any]) -> list[str]:
    """Return the names of the result's own files, as its record tells them."""
    from niicorr.errors import InputError, UsageError
    from niicorr.own_files import RECORD, own_files
    from niicorr.tables import path_text

    names = record.get("files", [])
    if any("\0" in name for name in names):
        raise InputError(f"{os.path.join(folder, RECORD)} is damaged (a name in files holds a zero byte): run it again")
    for name in names:
        place = os.path.join(folder, name)
        if name and os.path.basename(name) == name and os.path.isdir(place):
            raise UsageError(f"{path_text(place)} is a folder where niicorr wrote a file: move it, or make the result "
                             "anew in another folder; nothing was changed")
    return sorted(name for name in own_files(record) if name != RECORD and os.path.isfile(os.path.join(folder, name)))


def _demand_unchanged(folder: str, record: dict[str, Any], kept: Sequence[str]) -> None:
    """Refuse tables that say other than what is drawn beside them."""
    from niicorr.errors import InputError
    from niicorr.numerals import listed
    from niicorr.result.saved import changed_files, restored_from
    from niicorr.tables import path_text

    seen = restored_from(record)  # arrays of thousands of maps take seconds
    if changed := changed_files(folder, record, (name for name in kept if name not in seen)):
        are, them = ("is", "it") if len(changed) == 1 else ("are", "them")
        raise InputError(f"{path_text(os.path.join(folder, ''))}: {listed(changed)} {are} not what niicorr wrote: move "
                         f"{them} elsewhere, or run it again; nothing was changed")


def _carry(kept: Sequence[str], folder: str, work: str, drawn: Sequence[str], record: dict[str, Any]) -> None:
    """Take along what stays, and the record with the new names, so that all of it is replaced at once."""
    from niicorr.own_files import RECORD
    from niicorr.record_fields import write_record

    for name in kept:
        try:
            os.link(os.path.join(folder, name), os.path.join(work, name))
        except OSError:  # a disk without links
            shutil.copy2(os.path.join(folder, name), os.path.join(work, name))
    write_record(os.path.join(work, RECORD), {**record, "files": sorted({*kept, *drawn, RECORD})})


def _tell(options: argparse.Namespace, drawn: Sequence[str], seconds: float, terminal: Terminal) -> None:
    from niicorr.numerals import duration, listed, plural
    from niicorr.tables import path_text

    # Side files come by the dozen and mean nothing by themselves.
    shown = [name for name in drawn if not name.endswith(".js")]
    if len(shown) < len(drawn):
        shown.append(f"{plural(len(drawn) - len(shown), 'file')} report_maps_*.js")
    folder = path_text(os.path.join(options.folder, ""))
    terminal.say(f"drawn again in {duration(seconds)}: {folder}  {listed(shown)}" if shown else "nothing to draw")
    if options.json:
        from niicorr._version import __version__
        from niicorr.cli.commands import print_json

        print_json({"niicorr": __version__, "out": path_text(options.folder), "files": list(drawn)})
