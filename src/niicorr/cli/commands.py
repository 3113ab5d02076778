"""What each command does: compose the library's steps, write the folder, say what happened."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

from niicorr.errors import ResourceError
from niicorr.folder import OutputFolder, resource_text
from niicorr.images.discover import discover
from niicorr.pipeline import Options, correlate
from niicorr.result.saved import write_result
from niicorr.tables import path_text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from niicorr.cli.terminal import Terminal

DEMO_DATA = "data"


def run(options: argparse.Namespace, argv: list[str], terminal: Terminal) -> int:
    """``niicorr run``."""
    analysis = _analysis(options)
    inputs = [source.path for part in (options.x, options.y) if part for source in discover(part)]
    inputs += [value for value in (options.mask, options.grid, options.weights, *(options.partial or ()))
               if value is not None and os.path.exists(value)]
    return _run(options.x, options.y, analysis, inputs, (), options, argv, terminal)


def check(options: argparse.Namespace, _argv: list[str], terminal: Terminal) -> int:
    """``niicorr check``: exit 3 if run would refuse."""
    from niicorr.pipeline import check as judge

    report = judge(options.x, options.y, progress=terminal.progress, **_analysis(options))
    terminal.check_report(report.x_maps, report.y_maps, report.decisions, report.warnings, refusal=report.refusal,
                          same_set=options.y is None)
    if options.json:
        from niicorr.cli.summary import check_summary

        _print_json(check_summary(report))
    return 3 if report.refusal else 0


def demo(options: argparse.Namespace, argv: list[str], terminal: Terminal) -> int:
    """``niicorr demo``: the README's first command."""
    from niicorr.demo import write_demo_data

    # The folder is judged before the data are written, and again with them in it.
    OutputFolder(options.out, own=(DEMO_DATA,))
    x, y = write_demo_data(os.path.join(options.out, DEMO_DATA))
    return _run(x, y, {}, (), (DEMO_DATA,), options, argv, terminal)


def _run(
    x: list[str], y: list[str] | None, analysis: dict[str, Any], inputs: Iterable[str], own: Iterable[str],
    options: argparse.Namespace, argv: list[str], terminal: Terminal,
) -> int:
    start = time.perf_counter()
    command = shlex.join(["niicorr", *map(path_text, argv)])
    with OutputFolder(options.out, inputs=inputs, own=own) as folder:
        result = correlate(x, y, command=command, progress=terminal.progress, warn=False, **analysis)
        figures: list[str] = []
        if not options.no_figures:
            from niicorr.plot.heatmap import save_heatmap

            figures = save_heatmap(result, folder.work, formats=options.format, order=options.order,
                                   cmap=options.cmap)
        files = write_result(result, folder.work, figures)
        folder.commit()
    terminal.run_report(result, out=options.out, files=files, seconds=time.perf_counter() - start)
    if options.json:
        from niicorr.cli.summary import summary

        _print_json(summary(result, options.out, files))
    return 0


def _analysis(options: argparse.Namespace) -> dict[str, Any]:
    """Pick the options that the library knows by the same name."""
    return {name: getattr(options, name) for name in Options.__dataclass_fields__}


def _print_json(value: dict[str, Any]) -> None:
    try:
        if sys.stdout is not None:
            sys.stdout.write(json.dumps(value, indent=1) + "\n")
            sys.stdout.flush()
    except BrokenPipeError:
        pass  # whoever read it has gone
    except OSError as error:
        raise ResourceError(resource_text("standard output", error)) from None
