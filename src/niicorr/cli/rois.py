"""``niicorr rois``: its options, and what it does. Nothing heavy is imported before the command is known."""

from __future__ import annotations

import argparse
import os
import shlex
import time
from typing import TYPE_CHECKING, Any, get_args

from niicorr.cli.values import above_zero, share
from niicorr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from niicorr.cli.terminal import Terminal
    from niicorr.result import CorrelationResult

KINDS = ("correlation", "partial", "covariance", "tangent")

_FEW_FILES = 4
"""Matrices of single runs are named up to this many, and counted beyond."""


def add_rois_parser(commands: Any, how: dict[str, Any]) -> Any:
    """Add the command with the options of its own; where it writes, figures, machine and talk are those of run."""
    parser = commands.add_parser(
        "rois", help="correlate the regions of an atlas over the time of 4-D images",
        description="Average every volume of one or several runs in the regions of an atlas, and correlate the series "
        "of all regions. Without options nothing is done to the series.", **how)
    parser.add_argument("bold", nargs="+", metavar="BOLD",
                        help="4-D images: files, folders, patterns; or tables of series that are ready (.csv, .tsv, "
                        ".txt, .1D, .npy, .ptseries.nii: a row per time point, a column per region). Several are "
                        "several runs")
    _regions(parser)
    _cleaning(parser)
    _comparison(parser)
    return parser


def rois(options: argparse.Namespace, argv: list[str], terminal: Terminal) -> int:
    """``niicorr rois``."""
    from niicorr.cli.drawing import draw_figures, draw_page
    from niicorr.folder import OutputFolder, result_stands
    from niicorr.result.saved import write_result
    from niicorr.rois import RoiOptions, correlate_rois
    from niicorr.tables import path_text

    start = time.perf_counter()
    command = shlex.join(["niicorr", *map(path_text, argv)])
    chosen = {name: getattr(options, name) for name in RoiOptions.__dataclass_fields__}
    chosen["strategy"] = _words(options.strategy or ())
    with OutputFolder(options.out, inputs=_inputs(options)) as folder:
        result = correlate_rois(options.bold, chosen.pop("atlas"), command=command, progress=terminal.progress,
                                warn=False, **chosen)
        figures = draw_figures(result, folder.work, options)
        result, pages = draw_page(result, folder.work, options, figures)
        files = write_result(result, folder.work, [*figures, *pages])
        folder.commit()
    with result_stands(options.out):
        terminal.rois_report(result, out=options.out, files=_shown(files, result), seconds=time.perf_counter() - start,
                             without=_no_connectome(result, figures))
        if options.json:
            from niicorr.cli.commands import print_json
            from niicorr.cli.summary import summary

            runs = [{"label": run.label, "time_points": len(run.values), "t_r": run.t_r} for run in result.series]
            print_json({**summary(result, options.out, files), "runs": runs})
    return 0


def _words(given: Sequence[str]) -> list[str]:
    """Take words apart that stand together, with commas between; one that is none is no choice."""
    words = [word.strip() for text in given for word in text.split(",")]
    if not all(words):
        raise UsageError("--strategy was given an empty word: name what to take of the confounds, such as motion6 or "
                         "a column, or leave the option out")
    return words


def _regions(parser: argparse.ArgumentParser) -> None:
    from niicorr.words import ATLASES

    group = parser.add_argument_group("regions")
    group.add_argument("--atlas", metavar="FILE|NAME",
                       help="an image with a whole number for each region, or a volume of probabilities; or a name "
                       f"that nilearn fetches: {ATLASES}. Needed for images")
    group.add_argument("--labels", metavar="FILE", help="names of its regions (one beside it that fits is found)")
    group.add_argument("--min-coverage", default=0.5, type=share, metavar="F",
                       help="a region of which a run has data in a smaller share is missing (0.5)")


def _cleaning(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("cleaning, by nilearn; nothing unless asked for")
    add = group.add_argument
    add("--confounds", nargs="+", action="extend", metavar="TSV",
        help="what to regress out: a table for each run, in the order of the runs")
    add("--strategy", nargs="+", action="extend", metavar="WHAT",
        help="what of it: motion6, motion24, wm_csf, global, acompcor, high_pass, scrub (columns of fMRIPrep), or "
        "names and patterns of columns (all columns of small tables)")
    add("--detrend", action="store_true", help="take a straight line off every series")
    add("--standardize", action="store_true", help="divide every series by its standard deviation")
    add("--low-pass", type=above_zero, metavar="HZ", help="take faster changes out")
    add("--high-pass", type=above_zero, metavar="HZ", help="take slower changes out")
    add("--t-r", type=above_zero, metavar="S", help="seconds from volume to volume (the header's)")
    add("--volumes", metavar="A:B", help="volumes that count, from 0, B not included; 5: leaves the first five out")


def _comparison(parser: argparse.ArgumentParser) -> None:
    from niicorr import words

    group = parser.add_argument_group("comparison")
    add = group.add_argument
    add("--kind", default="correlation", choices=KINDS,
        help="Pearson's r; partial: given all other regions; covariance; tangent: several runs, each with their mean "
        "(correlation)")
    add("--null", default="effective", choices=get_args(words.SeriesNull),
        help="how p-values are found: effective knows that successive volumes repeat each other; independent takes "
        "each for an observation of its own, which they are not (effective)")
    add("--fdr", default="bh", choices=get_args(words.Fdr),
        help="what fills p_fdr: Benjamini-Hochberg or -Yekutieli (bh)")
    add("--alternative", default="two-sided", choices=get_args(words.Alternative),
        help="which correlations count as far from 0 (two-sided)")


def _inputs(options: argparse.Namespace) -> list[str]:
    """Name every file that is read: none may lie in the folder that is written."""
    from niicorr.images.runs import find_runs

    beside = [*(options.confounds or ()), options.atlas, options.labels]
    return [source.path for source in find_runs(options.bold)] + [
        path for path in beside if path is not None and os.path.exists(path)]


def _no_connectome(result: CorrelationResult, figures: Sequence[str]) -> str:
    """Say why figures were drawn and no connectome is among them; nothing where one is, or none were asked for."""
    if not figures or any(name.startswith("connectome") for name in figures):
        return ""
    from niicorr.plot.connectome import why_none

    return f"no connectome: {why_none(result)}"


def _shown(files: Sequence[str], result: CorrelationResult) -> list[str]:
    """Count the matrices of single runs where they are many."""
    from niicorr.result.series_files import STEMS, run_files

    alone = run_files(result)
    if len(alone) <= _FEW_FILES:
        return list(files)
    return [*(name for name in files if name not in alone), f"{len(alone)} matrices {STEMS[result.method]}_*.csv"]
