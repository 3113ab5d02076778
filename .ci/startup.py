"""The start-up budget: ``niicorr --help`` costs at most 5 times ``python -c pass`` and imports no numpy.

CPU seconds of whole processes, both commands in turn, medians. Somebody who asks for help, or mistypes an
option, should not wait for numerical libraries.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

BUDGET = 5.0
RUNS = 15
HEAVY = ("numpy", "scipy", "pandas", "matplotlib", "seaborn", "nibabel", "nilearn")

_LIST_MODULES = """
import sys
sys.argv = ["niicorr", "--help"]
from niicorr.cli.main import entry
try:
    entry()
except SystemExit:
    pass
print("modules:", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def main() -> int:
    """Measure, print, and return 1 where the budget is broken."""
    # Compiled modules must be cached, as they are for every user from the second call on.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    script = Path(sys.executable).with_name("niicorr")
    help_command = [str(script), "--help"]
    plain_command = [sys.executable, "-c", "pass"]
    for command in (help_command, plain_command):
        cpu_seconds(command, environment)
    pairs = [(cpu_seconds(help_command, environment), cpu_seconds(plain_command, environment))
             for _ in range(RUNS)]
    ours, plain = (median(column) for column in zip(*pairs, strict=True))
    ratio = ours / plain
    print(f"niicorr --help {ours * 1e3:.0f} ms, python -c pass {plain * 1e3:.0f} ms of CPU: "
          f"ratio {ratio:.2f} (budget {BUDGET:g}), medians of {RUNS} runs")

    listing = subprocess.run([sys.executable, "-c", _LIST_MODULES], env=environment, capture_output=True,
                             text=True, check=True)
    modules = listing.stderr.splitlines()[-1].removeprefix("modules:").split()
    heavy = [name for name in HEAVY if name in modules]
    print("imported by --help:", ", ".join(heavy) or f"none of {', '.join(HEAVY)}")
    return int(ratio > BUDGET or bool(heavy))


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system time of one process; an exit status other than 0 is an error."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
