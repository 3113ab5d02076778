"""What a user may type: names, defaults and help of every command and option. Imports nothing heavy."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn, get_args

from niicorr._version import __version__
from niicorr.cli.cache_command import add_cache_parser
from niicorr.cli.report import add_report_parser, report_maps
from niicorr.cli.rois import add_rois_parser
from niicorr.cli.search import add_index_parser, add_search_parser
from niicorr.cli.values import background, formats, from_two, from_zero, positive, share, size, threshold
from niicorr.errors import UsageError

_EPILOG = """examples:
  niicorr demo -o niicorr-demo
  niicorr run -x experiments/*.nii -y activity/*.nii.gz -o out/
  niicorr check -x experiments/ -y activity/
  niicorr rois bold.nii.gz --atlas aal.nii.gz -o rois/
  niicorr index maps/ -o library/
  niicorr search new.nii.gz --in library/
  niicorr calibrate -x experiments/ -y activity/

exit codes: 0 done; 2 wrong usage; 3 the input cannot be used; 4 no room, memory or permission;
130/143 interrupted; 1 a bug."""


class Parser(argparse.ArgumentParser):
    """An argparse parser whose complaint is a `UsageError`, like any other wrong call.

    ``commands`` are the parsers below it, whose unknown options are complained of up here.
    """

    commands: Mapping[str, argparse.ArgumentParser] = MappingProxyType({})

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the process; say which option may have been meant."""
        raise UsageError(f"{message}{self._meant(message)}\nSee {self.prog} --help.")

    def _meant(self, message: str) -> str:
        import difflib  # which costs what few calls need

        unknown = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
        if not (unknown and message.startswith("unrecognized arguments")):
            return ""
        texts = [parser.format_help() for parser in self.commands.values()]
        known = sorted({option for text in texts for option in re.findall(r"--[a-z][a-z-]*", text)})
        close = difflib.get_close_matches(unknown[0], known, n=1, cutoff=0.7)
        return f"; did you mean {close[0]}?" if close else ""

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help in simpler characters where the stream lacks some (× under LANG=C)."""
        encoding = getattr(file, "encoding", None) or "utf-8"
        try:
            message.encode(encoding)
        except UnicodeEncodeError:
            from niicorr.cli.page import Page

            page = Page(encoding=encoding)
            message = "".join(f"{page.text(line)}\n" for line in message.split("\n")[:-1])
        super()._print_message(message, file)


def make_parser() -> Parser:
    """Build the parser of all commands."""
    how: Any = {"formatter_class": _formatter(), "allow_abbrev": False}
    parser = Parser(prog="niicorr", description="Correlate sets of brain maps: the right voxels, the right number, "
                    "one picture.", epilog=_EPILOG, **how)
    parser.add_argument("--version", action="version", version=f"niicorr {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    run = commands.add_parser("run", help="correlate two sets of maps and draw the heatmap",
                              description="Correlate every map of -x (columns) with every map of -y (rows).", **how)
    check = commands.add_parser("check", help="read and judge every file, compute nothing",
                                description="Say of every file what run would make of it.", **how)
    for command in (run, check):  # check answers what run would, so it takes all that run takes
        _inputs(command)
        _out(command, "niicorr-out")
        _analysis(command)
        _regions(command)
        _contributions(command)
        _figures(command)
        _machine(command, device=True, scheduler=True, resume=True)
        _talk(command)
    calibrate = commands.add_parser(
        "calibrate", help="how often each null model calls unrelated maps related, for maps such as these",
        description="Put random maps with the autocovariances, masks and values of yours in their place, and count how "
        "often each null model calls them related. Nothing is said of your maps themselves.", **how)
    _inputs(calibrate)
    _out(calibrate, "niicorr-calibration")
    _analysis(calibrate, nulls=False)
    _figures(calibrate, heatmap=False)
    _machine(calibrate)
    _talk(calibrate)
    demo = commands.add_parser("demo", help="make example data (20 × 4 maps) and run on it",
                               description="Write 20 experiment and 4 activity maps to DIR/data and correlate them.",
                               **how)
    _out(demo, "niicorr-demo")
    _figures(demo)
    _talk(demo)
    rois = add_rois_parser(commands, how)
    _out(rois, "niicorr-rois")
    _figures(rois, order="group")
    _machine(rois, cache=False)
    _talk(rois)
    report = add_report_parser(commands, how)
    _figures(report, order=None)
    _talk(report)
    for library in (add_index_parser(commands, how), add_search_parser(commands, how)):
        _machine(library)
        _talk(library)
    for action in add_cache_parser(commands, how):
        _talk(action)
    parser.commands = commands.choices
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse a command line; a wrong one raises `UsageError`."""
    parser = make_parser()
    options = parser.parse_args(_joined(argv))
    if options.command is None:
        raise UsageError("which command? run, check, rois, report, index, search, calibrate, demo or cache\n"
                         "See niicorr --help.")
    return options


def _joined(argv: list[str]) -> list[str]:
    """Join ``--background -1e3`` to one word: argparse takes some negative numbers for options."""
    words = list(argv)
    for i in range(len(words) - 2, -1, -1):
        if words[i] == "--background":
            words[i : i + 2] = [f"--background={words[i + 1]}"]
    return words


def _inputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("maps: files, folders, patterns, .tsv manifests with a column `path`")
    group.add_argument("-x", nargs="+", action="extend", required=True, metavar="MAP", help="columns of the heatmap")
    group.add_argument("-y", nargs="+", action="extend", metavar="MAP",
                       help="rows of the heatmap; left out: the set against itself")


def _out(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("-o", "--out", default=default, metavar="DIR",
                        help=f"the result, written whole or not at all (default {default})")


def _analysis(parser: argparse.ArgumentParser, *, nulls: bool = True) -> None:
    """Add what counts; with ``nulls`` the choice among null models, without it how often all of them are tried."""
    from niicorr import words

    group = parser.add_argument_group("what counts")
    add = group.add_argument
    add("--mask", default="auto", metavar="auto|none|mni152|FILE", help="which voxels may count (auto)")
    add("--background", default="auto", type=background, metavar="auto|none|VALUE",
        help='the value that means "no data here", per map (auto)')
    add("--volumes", metavar="all|A:B", help="volumes of 4-D files, counted from 0, B not included")
    add("--zeros", default="auto", choices=get_args(words.Zeros), help="what an exact zero in the mask means (auto)")
    add("--grid", default="auto", metavar="auto|x|y|FILE", help="the grid on which maps are compared (auto)")
    add("--resample", default="auto", choices=get_args(words.Resample),
        help="bring maps of another grid to it, or refuse them (auto)")
    add("--interpolation", default="auto", choices=get_args(words.Interpolation),
        help="linear, averaged where voxels grow by more than half (auto)")
    add("--method", default="pearson", choices=get_args(words.Method), help="the similarity (pearson)")
    add("--threshold", default=0.0, type=threshold, metavar="T",
        help="for dice: voxels count whose absolute value exceeds it (0)")
    add("--partial", nargs="+", action="extend", metavar="FILE",
        help="covariate maps, regressed out of both maps of each pair (pearson, spearman)")
    add("--weights", metavar="FILE", help="a map of how much each voxel counts, 0 or more (not for bicor, dice)")
    if nulls:
        add("--null", default="effective", choices=get_args(words.Null),
            help="how p-values are found: effective knows that neighbouring voxels repeat each other, gsm is its "
            "stationary part alone; surrogate draws random maps, for any method; moran and variogram do for regions "
            "(--atlas); independent is the textbook's value, which fails for maps (effective)")
        add("--n-surrogates", default=1000, type=positive, metavar="N",
            help="random maps, for surrogate, moran and variogram (1000)")
        add("--fdr", default="bh", choices=get_args(words.Fdr),
            help="what fills p_fdr: Benjamini-Hochberg or -Yekutieli (bh)")
    else:
        add("--repeats", type=from_two, metavar="N", help="blocks of random maps, one for each of yours (as many as "
            "give 4000 pairs, 5 to 50)")
    add("--seed", default=0, type=from_zero, metavar="N", help="from which all random maps follow (0)")
    add("--alternative", default="two-sided", choices=get_args(words.Alternative),
        help="which correlations count as far from 0 (two-sided)")
    add("--on-error", default="stop", choices=get_args(words.OnError),
        help="a bad file ends the run, or leaves its row empty with the reason (stop)")


def _regions(parser: argparse.ArgumentParser) -> None:
    from niicorr.words import ATLASES

    group = parser.add_argument_group("regions instead of voxels")
    group.add_argument("--atlas", metavar="FILE|NAME",
                       help="compare means over the regions of an atlas: an image with a whole number per region, or "
                       f"4-D with probabilities; or a name that nilearn fetches: {ATLASES}")
    group.add_argument("--labels", metavar="FILE", help="names of its regions: CSV, TSV, TXT, XML or JSON (a table "
                       "that lies beside the atlas and fits is found)")
    group.add_argument("--min-coverage", type=share, metavar="F",
                       help="a region of which a map covers less is missing for that map (0.5)")


def _contributions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where numbers come from")
    group.add_argument("--contributions", nargs="?", const=True, metavar="ATLAS",
                       help="write an image for each pair (at most 200) of what each voxel adds to r; with a label "
                       "image also a table of what each region adds, and r without it")


def _figures(parser: argparse.ArgumentParser, *, heatmap: bool = True, order: str | None = "given") -> None:
    from niicorr import words

    group = parser.add_argument_group("figures")
    if heatmap:
        group.add_argument("--order", default=order, choices=get_args(words.Order),
                           help="of rows and columns in figures; tables stay as given "
                           f"({order or 'given; of regions group'})")
        group.add_argument("--cmap", default="vik", choices=("vik", "RdBu_r"), help="colours (vik)")
    group.add_argument("--format", default=("png", "svg"), type=formats, metavar="png,svg,pdf", help="(png,svg)")
    group.add_argument("--no-figures", action="store_true", help="write tables only")
    group.add_argument("--no-report", action="store_true", help="write no report page")
    if heatmap:
        group.add_argument("--report-maps", default="auto", type=report_maps, metavar="all|top:N|none",
                           help="which maps the page shows: all, those of the N strongest pairs, or none, so that the "
                           "page gives no map away (all; of more than 1000 maps top:200)")


def _machine(
    parser: argparse.ArgumentParser, *, cache: bool = True, device: bool = False, scheduler: bool = False,
    resume: bool = False,
) -> None:
    # 2**30 is images.header.MAX_MAP_SIZE, which cannot be had without numpy.
    group = parser.add_argument_group("machine")
    group.add_argument("--memory", "--mem", type=size, metavar="SIZE", help="such as 2G (60 %% of what is free)")
    group.add_argument("--jobs", "--n-jobs", type=positive, metavar="N", help="threads (processors, at most 8)")
    group.add_argument("--max-map-size", type=size, default=2**30, metavar="SIZE",
                       help="a larger volume is refused before it is inflated (1GiB)")
    if device:
        from niicorr import words

        group.add_argument("--device", default="cpu", choices=get_args(words.DeviceOption),
                           help="where products are made; auto: on a GPU where there is one and it is faster (cpu)")
    if scheduler:
        group.add_argument("--scheduler", metavar="ADDRESS|FILE|local:N",
                           help="let the workers of a dask scheduler help: tcp://host:8786, the file that it wrote, or "
                           "N processes on this machine (off)")
    if cache:
        group.add_argument("--cache", metavar="DIR", help="keep maps there as they were read, so that later runs need "
                           "not read files that have not changed (off)")
    if resume:
        group.add_argument("--resume", action="store_true", default=None, help="keep work beside the output while it "
                           "is done, and continue what an interrupted run with this option left there (off)")


def _talk(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is said, on standard error")
    group.add_argument("-v", "--verbose", action="store_true", help="every decision about every map")
    group.add_argument("-q", "--quiet", action="store_true", help="errors only")
    group.add_argument("--no-color", action="store_true", help="as with NO_COLOR set")
    group.add_argument("--json", action="store_true", help="a summary on standard output")


def _formatter() -> type[argparse.HelpFormatter]:
    """Colours for people; rich costs a third of the start-up, so pipes get argparse's own layout."""
    if not sys.stdout or not sys.stdout.isatty():
        return argparse.RawDescriptionHelpFormatter
    from rich_argparse import RawDescriptionRichHelpFormatter

    return RawDescriptionRichHelpFormatter
