"""What a user may type: names, defaults and help of every command and option. Imports nothing heavy."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from shlex import quote
from types import MappingProxyType
from typing import Any, NoReturn, get_args

from niicorr._version import __version__
from niicorr.cli.brief import BRIEFS, Brief, brief_help, formatter, told
from niicorr.cli.cache_command import add_cache_parser
from niicorr.cli.completion import add_completion_parser
from niicorr.cli.report import add_report_parser, report_maps
from niicorr.cli.rois import add_rois_parser
from niicorr.cli.search import add_index_parser, add_search_parser
from niicorr.cli.standard_output import put
from niicorr.cli.values import (
    background,
    formats,
    from_zero,
    memory,
    positive,
    repeats,
    share,
    size,
    surrogates,
    threshold,
)
from niicorr.errors import UsageError

_EPILOG = ("exit codes: 0 done; 2 wrong usage; 3 the input cannot be used; 4 no room, memory or permission; "
           "130/143 interrupted; 1 a bug.")

MOST_SHOWN = 4
"""Of more maps of a set, a corrected call shows the first two and the last."""


class Parser(argparse.ArgumentParser):
    """An argparse parser whose complaint is a `UsageError`, like any other wrong call, and whose help is short.

    ``commands`` are the parsers below it, ``given`` are the words that it was to parse last.
    """

    commands: Mapping[str, Parser] = MappingProxyType({})
    given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Remember the words, which a complaint may have to repeat in another order."""
        self.given = [] if args is None else list(args)
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Raise instead of leaving the process; say which word may have been meant."""
        if message.endswith("arguments are required: -x"):
            message = self._without_x()
        elif message.startswith("unrecognized") and " -" not in message and "-x" in self._option_string_actions:
            message += " (maps stand right behind -x or -y)"
        raise UsageError(f"{message}{self._meant(message)}\nSee {self.prog} --help.")

    def print_help(self, file: Any = None) -> None:
        """Print the short help."""
        self._print_message(self.short_help(), file or sys.stdout)

    def short_help(self) -> str:
        """Lay out what ``--help`` shows: where the full help is short, that."""
        brief = self._brief()
        return brief_help(self, brief) if brief and brief.groups else self.format_help()

    def format_help(self) -> str:
        """Lay out what ``--help-all`` shows."""
        brief, before = self._brief(), (self.usage, self.description)
        if brief is not None:
            self.usage, self.description = f"%(prog)s {brief.usage}", told(self.description, brief)
        try:
            return super().format_help()
        finally:
            self.usage, self.description = before

    def below(self, options: argparse.Namespace) -> Parser:
        """Return the parser of the command that was given."""
        given = str(getattr(options, "command" if self.prog == "niicorr" else "action", ""))
        return self.commands[given].below(options) if given in self.commands else self

    def _brief(self) -> Brief | None:
        return BRIEFS.get(self.prog.removeprefix("niicorr").strip())

    def _without_x(self) -> str:
        """Write the call that was given with its maps behind -x and -y; one as an example where it names none."""
        needed, found = [action for action in self._actions if action.required], argparse.Namespace()
        for action in needed:
            action.required = False
        try:
            _, unknown = super().parse_known_args(list(self.given), found)
        except UsageError:
            unknown = []
        finally:
            for action in needed:
                action.required = True
        which = "which maps? Name them with -x, and those of a second set with -y"
        if any(self.given.count(word) > unknown.count(word) for word in unknown):
            return which  # a word that is also the value of an option
        if any(word.startswith("-") for word in unknown):  # what follows it may be its value, or a map
            return f"unrecognized arguments: {' '.join(unknown)}"
        rest = "".join(f" {quote(word)}" for word in self.given if word not in unknown)
        sets = _sets(unknown, has_y=bool(getattr(found, "y", None)))
        return (f"{which}:\n"
                f"  {self.prog} {sets}{rest}")

    def _meant(self, message: str) -> str:
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message, re.DOTALL)
        if choice:
            unknown, known = choice[1], re.findall(r"[\w-]+", choice[2])
        else:
            options = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
            if not (options and message.startswith("unrecognized arguments")):
                return ""
            unknown, known = options[0], [name for name in self._option_string_actions if name.startswith("--")]
        from niicorr.spelling import closest  # which costs what few calls need

        close = closest(unknown, known, 0.6 if choice else 0.7)
        return f"; did you mean {close}?" if close else ""

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help in simpler characters where the stream lacks some (× under LANG=C)."""
        encoding = getattr(file, "encoding", None) or "utf-8"
        try:
            message.encode(encoding)
        except UnicodeEncodeError:
            from niicorr.cli.page import Page

            page = Page(encoding=encoding)
            message = "".join(f"{page.text(line)}\n" for line in message.split("\n")[:-1])
        if file is None or file is not sys.stdout:
            super()._print_message(message, file)
        else:  # where argparse would be silent about a full disk
            put(message, "what was asked for")


class _FullHelp(argparse.Action):
    """``--help-all``: as ``--help``, in full."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        parser._print_message(parser.format_help(), sys.stdout)
        parser.exit()


class _Given(argparse.Action):
    """Store a value, and that it was given: asked for, it may make no sense where its default is merely unused."""

    def __call__(self, _parser: Any, namespace: argparse.Namespace, values: Any, _option: Any = None) -> None:
        setattr(namespace, self.dest, values)
        namespace.given = {*getattr(namespace, "given", ()), self.dest}


def make_parser() -> Parser:
    """Build the parser of all commands."""
    how: Any = {"formatter_class": formatter(colour=bool(sys.stdout and sys.stdout.isatty())), "allow_abbrev": False}
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
        if command is run:
            _out(command, "niicorr-out")
        _analysis(command)
        _regions(command)
        _contributions(command)
        figures = _figures(command, unused=command is check)
        if command is check:
            _out(figures, "niicorr-out")
        _machine(command, device=True, scheduler=True, resume=True)
        _talk(command)
    calibrate = commands.add_parser(
        "calibrate", help="try how often each null model errs on maps such as these",
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
    _figures(report, order=None, again=True)
    _talk(report)
    for library in (add_index_parser(commands, how), add_search_parser(commands, how)):
        _machine(library)
        _talk(library)
    for action in add_cache_parser(commands, how):
        _talk(action)
    add_completion_parser(commands, how)
    parser.commands = commands.choices
    for name, brief in BRIEFS.items():
        if name and brief.groups:
            commands.choices[name].add_argument("--help-all", action=_FullHelp, help="every option in full")
    return parser


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse a command line; a wrong one raises `UsageError`."""
    parser = make_parser()
    options: argparse.Namespace
    options, unknown = parser.parse_known_args(_joined(argv))
    if unknown:
        parser.below(options).error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.command is None:
        raise UsageError("which command? run, check, rois, report, index, search, calibrate, demo or cache\n"
                         "See niicorr --help.")
    given: set[str] = getattr(options, "given", set())
    if "n_surrogates" in given and "null" not in given:  # a script that tries one model after the other gives both
        parser.below(options).error(
            f"--n-surrogates is for null models that draw random maps, and {options.null} draws none: choose --null "
            "surrogate (with --atlas also moran or variogram), or leave --n-surrogates out")
    return options


def _sets(maps: Sequence[str], *, has_y: bool = False) -> str:
    """Divide maps between -x and -y: two words, or the files of two folders; others, or beside a -y, are one set."""
    folders = list(dict.fromkeys(os.path.dirname(name) for name in maps))
    if has_y:
        sets = [maps or ["experiments/"]]
    elif len(maps) == 2:
        sets = [maps[:1], maps[1:]]
    elif len(folders) == 2:
        sets = [[name for name in maps if os.path.dirname(name) == folder] for folder in folders]
    else:
        sets = [maps or ["experiments/"], *([] if maps else [["activity/"]])]
    return " ".join(f"{option} {_few(names)}" for option, names in zip(("-x", "-y"), sets, strict=False))


def _few(names: Sequence[str]) -> str:
    shown = [quote(name) for name in names]
    return " ".join(shown if len(shown) <= MOST_SHOWN else [*shown[:2], "…", shown[-1]])


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


def _out(parser: Any, default: str) -> None:
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
        add("--null", default="effective", choices=get_args(words.Null), action=_Given,
            help="how p-values are found: effective knows that neighbouring voxels repeat each other, gsm is its "
            "stationary part alone; surrogate draws random maps, for any method; moran and variogram do for regions "
            "(--atlas); independent is the textbook's value, which fails for maps (effective)")
        add("--n-surrogates", default=1000, type=surrogates, action=_Given, metavar="N",
            help="random maps, for surrogate, moran and variogram (1000)")
        add("--fdr", default="bh", choices=get_args(words.Fdr),
            help="what fills p_fdr: Benjamini-Hochberg or -Yekutieli (bh)")
    else:
        add("--repeats", type=repeats, metavar="N", help="blocks of random maps, one for each of yours (as many as "
            "give 4000 pairs, 5 to 50)")
    add("--seed", default=0, type=from_zero, metavar="N", help="from which all random maps follow (0)")
    add("--alternative", default="two-sided", choices=get_args(words.Alternative),
        help="which correlations count as far from 0 (two-sided)")
    add("--on-error", default="stop", choices=get_args(words.OnError),
        help="a bad file ends the run, or leaves its row empty with the reason (stop)")


def _regions(parser: argparse.ArgumentParser) -> None:
    from niicorr.words import ATLASES

    group = parser.add_argument_group("regions, instead of voxels")
    group.add_argument("--atlas", metavar="FILE|NAME",
                       help="compare means over the regions of an atlas: an image with a whole number per region, or "
                       f"4-D with probabilities; or a name that nilearn fetches: {ATLASES}")
    group.add_argument("--labels", metavar="FILE", help="names of its regions: CSV, TSV, TXT, XML or JSON (a table "
                       "that lies beside the atlas and fits is found)")
    group.add_argument("--min-coverage", type=share, metavar="F",
                       help="a region of which a map covers less is missing for that map (0.5)")


def _contributions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where r comes from")
    group.add_argument("--contributions", nargs="?", const=True, metavar="ATLAS",
                       help="write an image for each pair (at most 200) of what each voxel adds to r; with a label "
                       "image also a table of what each region adds, and r without it")


def _figures(
    parser: argparse.ArgumentParser, *, heatmap: bool = True, order: str | None = "given", unused: bool = False,
    again: bool = False,
) -> Any:
    from niicorr import words

    group = parser.add_argument_group("figures" if not unused else "without effect: check writes nothing, but takes "
                                      "what run takes")
    if heatmap:
        group.add_argument("--order", default=order, choices=get_args(words.Order),
                           help="of rows and columns in figures; tables stay as given "
                           f"({order or 'given; of regions group'})")
        group.add_argument("--cmap", default="vik", choices=("vik", "RdBu_r"), help="colours (vik)")
    group.add_argument("--format", default=("png", "svg"), type=formats, metavar="png,svg,pdf", help="(png,svg)")
    group.add_argument("--no-figures", action="store_true", help="leave the figures as they are" if again else
                       "write no figures" + " (the page is written)" * heatmap)
    group.add_argument("--no-report", action="store_true", help="leave the page as it is" if again else
                       "write no report page" if heatmap else "without effect: calibrate writes no page")
    if heatmap:
        group.add_argument("--report-maps", default="auto", type=report_maps, metavar="all|top:N|none",
                           help="which maps the page shows: all, those of the N strongest pairs, or none, so that the "
                           "page gives no map away (all; of more than 1000 maps top:200)")
    return group


def _machine(
    parser: argparse.ArgumentParser, *, cache: bool = True, device: bool = False, scheduler: bool = False,
    resume: bool = False,
) -> None:
    # 2**30 is images.header.MAX_MAP_SIZE, which cannot be had without numpy.
    group = parser.add_argument_group("machine")
    group.add_argument("--memory", "--mem", type=memory, metavar="SIZE", help="such as 2G (60 %% of what is free)")
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
