"""``niicorr index`` and ``niicorr search``: their options, and what they do. Nothing heavy is imported before that."""

from __future__ import annotations

import argparse
import os
import shlex
import time
from typing import TYPE_CHECKING, Any, get_args

from niicorr.cli.values import background

if TYPE_CHECKING:
    from niicorr.cli.terminal import Terminal
    from niicorr.library import IndexReport

LIBRARY = "niicorr-library"


def add_index_parser(commands: Any, how: dict[str, Any]) -> Any:
    """Add ``index``; machine and talk are those of run."""
    parser = commands.add_parser(
        "index", help="make a library of maps, or add maps to one, for search",
        description="Bring maps into one mask and keep them in a folder, with what the null model needs of each, so "
        "that niicorr search finds the most similar of thousands in a moment. Only maps that are new to the library, "
        "by the content of their files, are added; maps whose files have gone stay.", **how)
    parser.add_argument("maps", nargs="+", metavar="MAP",
                        help="files, folders, patterns, .tsv manifests with a column `path` (further columns are kept)")
    parser.add_argument("-o", "--out", default=LIBRARY, metavar="DIR", help=f"the library (default {LIBRARY})")
    _reading(parser, new="chosen when the library is made; all later maps are read alike")
    return parser


def add_search_parser(commands: Any, how: dict[str, Any]) -> Any:
    """Add ``search``; machine and talk are those of run."""
    from niicorr import words

    parser = commands.add_parser(
        "search", help="find the maps of a library that are most like a new one",
        description="Compare new maps with all maps of a library that niicorr index made, and show the most similar.",
        **how)
    parser.add_argument("maps", nargs="+", metavar="MAP", help="the new maps: files, folders, patterns, .tsv manifests")
    add = parser.add_argument
    add("--in", dest="library", default=LIBRARY, metavar="DIR", help=f"the library (default {LIBRARY})")
    add("--top", default=20, type=_top, metavar="N|all", help="how many to show for each new map (20)")
    add("-o", "--out", metavar="FILE.tsv|DIR", help="write a table; or a folder with the table and how it came about")
    add("--verify", action="store_true", help="check every byte of the library first")
    group = parser.add_argument_group("comparison")
    add = group.add_argument
    add("--method", default="pearson", choices=get_args(words.Method),
        help="pearson, cosine or concordance; a library does not hold what the others need (pearson)")
    add("--null", default="effective", choices=get_args(words.SearchNull),
        help="how p-values are found, for pearson (effective)")
    add("--alternative", default="two-sided", choices=get_args(words.Alternative),
        help="which correlations count as far from 0 (two-sided)")
    add("--sort", choices=get_args(words.Sort),
        help="which come first: the largest |r|, the largest r or the smallest (abs; what --alternative greater or "
        "less asks for)")
    _reading(parser, new=None)
    return parser


def index(options: argparse.Namespace, _argv: list[str], terminal: Terminal) -> int:
    """``niicorr index``."""
    from niicorr.cli.search_table import addition_lines, left_out_lines
    from niicorr.folder import result_stands
    from niicorr.library import index as add
    from niicorr.tables import path_text

    start = time.perf_counter()
    addition = add(options.maps, options.out, progress=terminal.progress, warn=False, **_given(options))
    with result_stands(path_text(options.out), "the library"):
        seconds = time.perf_counter() - start
        if options.quiet:  # maps that are left out are errors that were survived, and are named all the same
            terminal.show(left_out_lines(addition.left_out, terminal.page), always=True)
        terminal.show(addition_lines(addition, terminal.page, seconds=seconds, verbose=options.verbose))
        if options.json:
            _print_addition(addition)
    return 0


def _print_addition(addition: IndexReport) -> None:
    from niicorr._version import __version__
    from niicorr.cli.commands import print_json

    print_json({
        "niicorr": __version__, "library": addition.path, "created": addition.created, "maps": addition.n_maps,
        "added": [{"map": record.label, "path": record.path} for record in addition.added],
        "known": [{"path": path, "map": label} for path, label in addition.known],
        "left_out": [{"path": record.path, "error": record.error} for record in addition.left_out],
        "decisions": [{"topic": d.topic, "text": d.text} for d in addition.decisions],
        "warnings": list(addition.warnings)})


def search(options: argparse.Namespace, argv: list[str], terminal: Terminal) -> int:
    """``niicorr search``."""
    from niicorr.cli.search_table import search_lines, skipped_lines
    from niicorr.errors import UsageError
    from niicorr.folder import OutputFolder, result_stands
    from niicorr.images.discover import discover
    from niicorr.library import open_library
    from niicorr.library import search as find
    from niicorr.library.table import fields_of, judge_table, write_search, write_table
    from niicorr.tables import path_text

    start = time.perf_counter()
    out: str | None = options.out
    folder, table = None, out is not None and out.endswith(".tsv")
    if out is not None and table:
        judge_table(out)
    elif out is not None:
        if os.path.splitext(out)[1] in (".csv", ".txt", ".json", ".xlsx"):
            raise UsageError(f"-o {path_text(out)}: tables are written as .tsv; name FILE.tsv, or a folder")
        folder = OutputFolder(out, inputs=[source.path for source in discover(options.maps)])
    library = open_library(options.library)
    if out is not None and os.path.realpath(out).startswith(os.path.realpath(library.path) + os.sep):
        raise UsageError(f"{path_text(out)} would lie in the library {path_text(library.path)}: name another place "
                         "with -o")
    if options.verify:
        library.verify()
    result = find(options.maps, library, top=options.top, method=options.method, null=options.null,
                  alternative=options.alternative, sort=options.sort, progress=terminal.progress, **_given(options))
    if out is not None and table:
        write_table(out, result)
    elif folder is not None:
        with folder:
            write_search(folder.work, result, shlex.join(["niicorr", *map(path_text, argv)]))
            folder.commit()
    with result_stands(path_text(out)) if out is not None else _nothing():
        if options.quiet:  # as in index
            terminal.show(skipped_lines(result.queries, terminal.page), always=True)
        terminal.show(search_lines(result, terminal.page, out=None if out is None else path_text(out),
                                   seconds=time.perf_counter() - start, verbose=options.verbose))
        if options.json:
            from niicorr._version import __version__
            from niicorr.cli.commands import print_json

            print_json({"niicorr": __version__, **fields_of(result), "out": None if out is None else path_text(out)})
    return 0


def _reading(parser: argparse.ArgumentParser, *, new: str | None) -> None:
    """Add how maps are read; without a value each is the library's, or that of run."""
    from niicorr import words

    group = parser.add_argument_group("how maps are read" if new is None else f"how maps are read: {new}")
    add = group.add_argument
    of = "(auto)" if new else "(the library's)"
    if new:
        add("--mask", metavar="auto|none|mni152|FILE", help="which voxels may count (auto)")
        add("--grid", metavar="auto|FILE", help="the grid on which maps are compared (auto)")
    add("--background", type=background, metavar="auto|none|VALUE",
        help=f'the value that means "no data here", per map {of}')
    add("--zeros", choices=get_args(words.Zeros), help=f"what an exact zero in the mask means {of}")
    add("--resample", choices=get_args(words.Resample), help=f"bring maps of another grid to it, or refuse them {of}")
    add("--interpolation", choices=get_args(words.Interpolation),
        help=f"how maps of another grid are brought to it {of}")
    add("--volumes", metavar="all|A:B", help="volumes of 4-D files, counted from 0, B not included")
    add("--on-error", choices=get_args(words.OnError),
        help="a bad file ends it all, before anything is written, or is left out and named (stop)")


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Pick the options of reading that were given."""
    names = ("mask", "grid", "background", "zeros", "resample", "interpolation", "volumes", "on_error", "max_map_size",
             "memory", "jobs", "cache")
    return {name: value for name in names if (value := getattr(options, name, None)) is not None}


def _top(text: str) -> int | None:
    from niicorr.cli.values import positive

    return None if text == "all" else positive(text)


def _nothing() -> Any:
    from contextlib import nullcontext

    return nullcontext()
