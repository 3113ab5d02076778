"""What .ci/run checks, one session each: `nox -s lint`, or `nox` for all (`nox -l` lists them)."""

from __future__ import annotations

import shutil

import nox

nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "browser", "lint", "types", "layers", "doctests", "docs", "build", "startup",
                        "demo"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


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
def docs(session: nox.Session) -> None:
    """Build the site, its gallery included; a warning is an error."""
    _install(session, ".[docs]")
    for made in ("docs/_build", "docs/gallery", "docs/reference/generated"):
        shutil.rmtree(made, ignore_errors=True)
    session.run("python", "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", "docs", "docs/_build/html")


@nox.session
def lint(session: nox.Session) -> None:
    """Check names, imports and docstrings with ruff."""
    session.install("-c", "constraints.txt", "ruff")
    session.run("ruff", "check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly."""
    _install(session, ".[dev]")
    session.run("mypy", "--strict", "src")


@nox.session
def layers(session: nox.Session) -> None:
    """Check that modules import downwards only."""
    session.install("-c", "constraints.txt", "import-linter")
    session.install("--no-deps", "-e", ".")
    session.run("lint-imports", "--no-cache")


@nox.session
def doctests(session: nox.Session) -> None:
    """Run the examples in docstrings."""
    _install(session, ".[test]")
    session.run("python", "-m", "pytest", "-q", "--doctest-modules", "src")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Damage many files and flip many bits; the number of each (100 000) may be given: nox -s fuzz -- 5000."""
    _install(session, ".[test]")
    number = session.posargs[0] if session.posargs else "100000"
    session.run("python", "-m", "tests.fuzz", number)
    session.run("python", "-m", "tests.fuzz", number, "--bit-flips")


@nox.session
def mutants(session: nox.Session) -> None:
    """Change what computes and reads, a little and in many places; tests must notice. A number (420) may be given."""
    _install(session, ".[test]")
    session.install("mutmut>=3.8")
    session.run("python", "-m", "tests.mutants", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Count which branches of numerics, inference and readers their tests take: 95 % of them, or it fails."""
    _install(session, ".[test]")
    session.install("-c", "constraints.txt", "coverage")
    session.run("coverage", "run", "-m", "pytest", "-q", "tests/compute", "tests/nulls", "tests/images",
                "tests/test_inference.py", "tests/test_ranks.py", "tests/test_draws.py", "tests/test_draws_device.py",
                "tests/test_rois.py", "tests/test_run_atlas.py")
    session.run("coverage", "report")


@nox.session
def kills(session: nox.Session) -> None:
    """Kill and interrupt 50 runs at random moments, continue them, and compare; another number may be given."""
    _install(session, ".[test]")
    session.run("python", "tests/resume/kill_runs.py", "--times", session.posargs[0] if session.posargs else "50")


@nox.session
def signals(session: nox.Session) -> None:
    """Send 500 signals to every command at random moments, and call each again; another number may be given."""
    _install(session, ".[test]")
    session.run("python", "tests/faults/random_signals.py", "--count", session.posargs[0] if session.posargs else "500")


@nox.session
def disks(session: nox.Session) -> None:
    """Let the disk fail at the first, a middle and the last byte of every output of every command."""
    _install(session, ".[test]")
    session.run("python", "tests/faults/failing_disks.py", *session.posargs)


@nox.session(name="min-deps", python="3.11")
def min_deps(session: nox.Session) -> None:
    """Run the tests with the oldest versions that pyproject.toml allows."""
    session.install("-c", "constraints-oldest.txt", "-e", ".[test]")
    session.run("python", "-m", "pytest", "-q", *session.posargs)


@nox.session
def newest(session: nox.Session) -> None:
    """Run the tests with the newest versions there are."""
    session.install("--upgrade", "--upgrade-strategy", "eager", "-e", ".[test]")
    session.run("python", "-m", "pytest", "-q", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build twice: the same bytes, and in the wheel what it should hold."""
    session.install("-c", "constraints.txt", "build", "hatchling")
    session.run("python", ".ci/built.py")


@nox.session
def sbom(session: nox.Session) -> None:
    """Write niicorr.cdx.json: everything that an installation consists of, as CycloneDX."""
    session.install("cyclonedx-bom>=5")
    home = session.create_tmp()
    # An environment of its own, without pip in it: what is listed is what a user gets.
    session.run("python", "-m", "venv", "--clear", "--without-pip", f"{home}/venv")
    session.run("python", "-m", "pip", "--python", f"{home}/venv/bin/python", "install", "-q", "-c", "constraints.txt",
                ".")
    session.run("cyclonedx-py", "environment", "--output-reproducible", "--pyproject", "pyproject.toml",
                "--of", "JSON", "-o", "niicorr.cdx.json", f"{home}/venv/bin/python")


@nox.session
def audit(session: nox.Session) -> None:
    """Ask for known vulnerabilities of the versions in constraints.txt; needs a network."""
    session.install("pip-audit>=2.7")
    session.run("pip-audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip")


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
