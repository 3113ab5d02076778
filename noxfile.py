"""What .ci/run checks, one session each: `nox -s lint`, or `nox` for all (`nox -l` lists them)."""

from __future__ import annotations

import nox

nox.options.reuse_existing_virtualenvs = True
PYTHONS = ("3.11", "3.12", "3.13")


def _install(session: nox.Session, what: str) -> None:
    session.install("-c", "constraints.txt", "-e", what)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; further arguments go to pytest."""
    _install(session, ".[test]")
    session.run("python", "-m", "pytest", "-q", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Try the report page in the system's Chromium."""
    _install(session, ".[browser]")
    session.run("python", "-m", "pytest", "-q", "tests/webpage/browser", *session.posargs,
                env={"NIICORR_BROWSER": "required"})


@nox.session
def scripts(session: nox.Session) -> None:
    """Check the types of the page's scripts; needs Node."""
    session.run("npx", "--yes", "--package=typescript@5", "tsc", "-p", "tests/webpage/browser/tsconfig.json",
                external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check names, imports and docstrings with ruff."""
    _install(session, ".[dev]")
    session.run("ruff", "check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    _install(session, ".[dev]")
    session.run("mypy", "--strict", "src")


@nox.session
def layers(session: nox.Session) -> None:
    """Check that modules import downwards only."""
    _install(session, ".[dev]")
    session.run("lint-imports", "--no-cache")


@nox.session
def doctests(session: nox.Session) -> None:
    """Run the examples in docstrings."""
    _install(session, ".[test]")
    session.run("python", "-m", "pytest", "-q", "--doctest-modules", "src")


@nox.session
def startup(session: nox.Session) -> None:
    """Check what `niicorr --help` costs."""
    _install(session, ".")
    session.run("python", ".ci/startup.py")


@nox.session
def demo(session: nox.Session) -> None:
    """Install as a user would, and run the demo."""
    session.install("-c", "constraints.txt", ".")
    session.run("niicorr", "demo", "-o", "niicorr-demo")
