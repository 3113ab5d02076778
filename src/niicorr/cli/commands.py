"""What each command does: compose the library's steps, write the folder, say what happened."""

from __future__ import annotations

import json
import os
import shlex
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from niicorr.cli.drawing import draw_figures, draw_page
from niicorr.cli.keeping import keeping
from niicorr.cli.standard_output import put
from niicorr.errors import InputError, UsageError, told_on
from niicorr.folder import OutputFolder, result_stands
from niicorr.hidden import remove
from niicorr.images.discover import discover
from niicorr.images.mapset import read_maps
from niicorr.numerals import integer, plural
from niicorr.options import Options
from niicorr.own_files import command_of, is_result
from niicorr.pipeline import correlate
from niicorr.result.saved import write_result
from niicorr.tables import brief, path_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from niicorr.cli.terminal import Terminal
    from niicorr.cluster.address import Scheduler
    from niicorr.images.labels import LabelImage

DEMO_DATA = "data"


def run(options: argparse.Namespace, argv: list[str], terminal: Terminal) -> int:
    """``niicorr run``."""
    analysis = _analysis(options)
    inputs = _read_from(options, options.contributions, options.atlas, options.labels)
    contributions = _contributions(options)
    return _run(options.x, options.y, analysis, inputs, (), options, argv, terminal, contributions)


def check(options: argparse.Namespace, _argv: list[str], terminal: Terminal) -> int:
    """``niicorr check``: exit 3 if run would refuse."""
    from niicorr.pipeline import check as judge

    _contributions(options)  # which raises as it would in run
    report = judge(options.x, options.y, progress=terminal.progress, **_analysis(options))
    terminal.check_report(report.x_maps, report.y_maps, report.decisions, report.warnings, refusal=report.refusal,
                          same_set=options.y is None)
    if report.refusal:
        terminal.say(f"more:  {InputError.page}")
    if options.json:
        from niicorr.cli.summary import check_summary

        print_json(check_summary(report))
    return 3 if report.refusal else 0


def calibrate(options: argparse.Namespace, argv: list[str], terminal: Terminal) -> int:
    """``niicorr calibrate``: exit 0 whatever the rates are, since they are what was asked for."""
    from niicorr.calibration import calibrate as tried
    from niicorr.calibration.rates import write_calibration

    start = time.perf_counter()
    command = shlex.join(["niicorr", *map(path_text, argv)])
    with OutputFolder(options.out, inputs=_read_from(options)) as folder:
        calibration = tried(options.x, options.y, repeats=options.repeats, command=command, warn=False,
                            progress=terminal.progress, **_analysis(options))
        figures: list[str] = []
        if not options.no_figures:
            from niicorr.plot.calibration import save_calibration

            figures = save_calibration(calibration, folder.work, formats=options.format)
        files = write_calibration(calibration, folder.work, figures)
        folder.commit()
    with result_stands(options.out):
        terminal.calibration_report(calibration, out=options.out, files=files, seconds=time.perf_counter() - start)
        if options.json:
            from niicorr.cli.summary import calibration_summary

            print_json(calibration_summary(calibration, options.out, files))
    return 0


def demo(options: argparse.Namespace, argv: list[str], terminal: Terminal) -> int:
    """``niicorr demo``: the README's first command."""
    from niicorr.datasets.demo import write_demo_data

    # The folder is judged before the data are written, and again with them in it.
    OutputFolder(options.out, own=(DEMO_DATA,))
    _demand_own_demo(options.out)
    data = os.path.join(options.out, DEMO_DATA)
    with _nothing_left(data):
        x, y = write_demo_data(data)
        return _run(x, y, {}, (), (DEMO_DATA,), options, argv, terminal)


@told_on("docs/reference/files.md")
def _demand_own_demo(folder: str) -> None:
    """Refuse to put example results in the place of real ones."""
    command = command_of(folder)
    if is_result(folder) and command.split(" ")[:2] != ["niicorr", "demo"]:
        raise UsageError(f"{path_text(folder)} holds a result that is not the demo's"
                         f"{f' ({brief(command)})' if command else ''}: name another folder with -o")


@contextmanager
def _nothing_left(data: str) -> Iterator[None]:
    """Remove example data that were not there before, and folders made for them, where no result comes about."""
    made, place = [], os.path.abspath(data)
    while not os.path.lexists(place):
        made.append(place)
        place = os.path.dirname(place)
    try:
        yield
    except BaseException:
        if made and not is_result(os.path.dirname(data)):
            remove(made[0])
            for folder in made[1:]:
                with suppress(OSError):  # somebody else's files are in it
                    os.rmdir(folder)
        raise


def _run(
    x: list[str], y: list[str] | None, analysis: dict[str, Any], inputs: Iterable[str], own: Iterable[str],
    options: argparse.Namespace, argv: list[str], terminal: Terminal, contributions: LabelImage | bool = False,
) -> int:
    start = time.perf_counter()
    command = shlex.join(["niicorr", *map(path_text, argv)])
    with keeping(options, terminal) as (kept, progress), OutputFolder(options.out, inputs=inputs, own=own) as folder:
        ours = {"resume": kept, "scheduler": _scheduler(options, folder)}
        result = correlate(x, y, command=command, progress=progress, warn=False, **{**analysis, **ours})
        if kept is not None and kept.full:
            kept.make_room()  # for the result
        figures = draw_figures(result, folder.work, options)
        tables: list[str] = []
        images: list[str] = []
        if contributions is not False:
            from niicorr.result.contribution import write_contributions

            labels = None if contributions is True else contributions
            tables, images = write_contributions(result, folder.work, labels, terminal.progress)
        result, pages = draw_page(result, folder.work, options, [*figures, *tables])
        files = write_result(result, folder.work, [*figures, *tables, *images, *pages])
        folder.commit()
    shown = [name for name in files if name not in images and not name.endswith(".js")]
    if images:
        shown.append(f"{plural(len(images), 'image')} contribution_*.nii.gz")
    with result_stands(options.out):
        terminal.run_report(result, out=options.out, files=shown, seconds=time.perf_counter() - start)
        if options.json:
            from niicorr.cli.summary import summary

            print_json(summary(result, options.out, files))
    return 0


def _scheduler(options: argparse.Namespace, folder: OutputFolder) -> Scheduler | None:
    """Let workers meet where the output is made: there is room, and whoever sees it sees the maps' disk, as a rule."""
    named = getattr(options, "scheduler", None)
    if named is None:
        return None
    from niicorr.cluster.address import Scheduler

    return Scheduler(named, os.path.dirname(folder.work))


def _analysis(options: argparse.Namespace) -> dict[str, Any]:
    """Pick the options that the library knows by the same name."""
    return {name: getattr(options, name) for name in Options.__dataclass_fields__
            if hasattr(options, name) and name != "resume"}  # which is a folder there, a flag here


def _read_from(options: argparse.Namespace, *others: Any) -> list[str]:
    """Name every file that is read: none may lie in the folder that is written."""
    inputs = [source.path for part in (options.x, options.y, options.partial) if part for source in discover(part)]
    beside = (options.mask, options.grid, options.weights, *others)
    return inputs + [value for value in beside if isinstance(value, str) and os.path.exists(value)]


def _contributions(options: argparse.Namespace) -> LabelImage | bool:
    """Whether they are asked for, and for which regions; what cannot be had is refused before any map is read."""
    if options.contributions is None:
        return False
    from niicorr.images.labels import read_labels
    from niicorr.result.contribution import MOST_PAIRS

    named = options.contributions
    if isinstance(named, str) and not os.path.lexists(named):
        from niicorr.images.fetch import find_fetcher

        if find_fetcher(named) is not None:
            raise UsageError(f"--contributions {named}: an atlas by name goes with --atlas; here give its image, a "
                             "file")
    if options.atlas is not None and options.contributions is not True:
        raise UsageError("--contributions takes no atlas of its own beside --atlas: what each of its regions adds is "
                         "told")
    how = {"volumes": options.volumes, "max_map_size": options.max_map_size}
    n, *others = [len(read_maps(part, on_error="skip", **how)) for part in (options.x, options.y) if part]
    pairs = n * others[0] if others else n * (n - 1) // 2
    if pairs > MOST_PAIRS:
        maps = f"{integer(n)} × {integer(others[0])} maps" if others else plural(n, "map")
        raise UsageError(f"--contributions writes an image for each pair, at most {MOST_PAIRS}; {maps} make "
                         f"{integer(pairs)} pairs: name fewer maps with -x and -y, or take single pairs in Python with "
                         "result.contribution(x, y)")
    return True if options.contributions is True else read_labels(
        options.contributions, "--contributions", max_map_size=options.max_map_size)


def print_json(value: dict[str, Any]) -> None:
    """Write a summary to standard output."""
    put(json.dumps(value, indent=1) + "\n", "the summary")
