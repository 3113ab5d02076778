"""``niicorr cache``: what the folder of ``--cache`` holds, and emptying it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from niicorr.numerals import bytes_text, plural

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from niicorr.cli.terminal import Terminal
    from niicorr.images.cache.upkeep import CacheReport


def add_cache_parser(commands: Any, how: dict[str, Any]) -> list[Any]:
    """Add the command with its two actions; return their parsers, whose talk is that of run."""
    parser = commands.add_parser(
        "cache", help="say what a cache holds, or empty it",
        description="Look after the folder that run, check or calibrate was given as --cache.", **how)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))
    info = actions.add_parser("info", help="say what it holds, and check every map",
                              description="Say what a cache holds. Every map is read and its checksum verified.", **how)
    clear = actions.add_parser(
        "clear", help="remove what it holds",
        description="Remove the maps of a cache, without asking: a later run reads their files again. Nothing that "
        "niicorr did not write is touched.", **how)
    for each in (info, clear):
        each.add_argument("folder", metavar="DIR", help="the folder")
    parser.commands = actions.choices
    return [info, clear]


def cache(options: argparse.Namespace, _argv: list[str], terminal: Terminal) -> int:
    """``niicorr cache info`` and ``niicorr cache clear``."""
    return (_info if options.action == "info" else _clear)(options, terminal)


def _info(options: argparse.Namespace, terminal: Terminal) -> int:
    from dataclasses import asdict

    from niicorr.images.cache.upkeep import cache_info

    report = cache_info(options.folder)
    for text in _lines(report):
        terminal.say(text)
    _print(options, asdict(report))
    return 0


def _clear(options: argparse.Namespace, terminal: Terminal) -> int:
    from niicorr.images.cache.upkeep import clear_cache
    from niicorr.tables import path_text

    folder = path_text(options.folder)
    files, size = clear_cache(options.folder)
    terminal.say(f"cleared: {folder}  {bytes_text(size)} freed ({plural(files, 'file')})" if files else
                 f"nothing to clear: {folder} is empty")
    _print(options, {"path": folder, "files": files, "bytes": size})
    return 0


def _lines(report: CacheReport) -> Iterator[str]:
    what = f"{plural(report.maps, 'map')}, {bytes_text(report.bytes)} in {plural(report.shards, 'shard')}"
    yield f"{report.path}: {what}, format {report.format}"
    if report.files:
        yield f"{plural(report.files, 'file')} will not be opened again as long as nothing changes them"
    if report.damaged:
        yield (f"{plural(report.damaged, 'map')} damaged or gone: the next run that needs "
               f"{'it reads its file' if report.damaged == 1 else 'them reads their files'} again")
    if report.replaced:
        yield f"{plural(report.replaced, 'map')} found damaged by earlier runs and no longer used"
    if report.damaged_lines:
        yield f"{plural(report.damaged_lines, 'line')} of the index damaged and passed over"
    if report.unfinished:
        yield f"{plural(report.unfinished, 'file')} not complete: a run is writing, or was killed"
    if report.others:
        yield f"{plural(report.others, 'file')} there that niicorr did not write"


def _print(options: argparse.Namespace, fields: dict[str, Any]) -> None:
    if options.json:
        from niicorr._version import __version__
        from niicorr.cli.commands import print_json

        print_json({"niicorr": __version__, **fields})
