"""Pytest plugin of .ci/run: where real maps are at hand (NIICORR_DATA), each test that needs them must run.

A skipped test looks like a passed one in a long log. Here a skip among the tests marked ``realdata`` makes
the run fail, and so does a run in which no such test ran at all (deselected, renamed, or never collected).
"""

from __future__ import annotations

import os
from typing import Any

import pytest

_ran: set[str] = set()
_skipped: dict[str, str] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note which marked tests ran and which were skipped."""
    if "realdata" not in report.keywords:
        return
    if report.skipped:
        _skipped[report.nodeid] = _reason(report)
    elif report.when == "call":
        _ran.add(report.nodeid)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Count a whole module that skips itself: its marks are never seen."""
    if report.skipped:
        _skipped[report.nodeid] = _reason(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a passed run into a failed one."""
    if _complaints() and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say why."""
    for complaint in _complaints():
        terminalreporter.write_line(complaint, red=True)


def _complaints() -> list[str]:
    if not os.environ.get("NIICORR_DATA"):
        return []
    if not (_ran or _skipped):
        return ["real maps are at hand, but no test marked realdata ran"]
    return [f"real maps are at hand, but {name} was skipped: {why}" for name, why in sorted(_skipped.items())]


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    # A skip's longrepr is (path, line, reason); an expected failure, also counted as a skip, has text.
    return str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
