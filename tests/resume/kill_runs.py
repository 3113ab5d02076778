"""Runs killed at random moments and continued: the result must be that of a run that was left alone.

    python tests/resume/kill_runs.py --times 50

Each round starts ``niicorr run --resume``, sends SIGKILL, SIGINT or SIGTERM at a moment drawn from the length of an
undisturbed run, perhaps again during the second call, and lets the last call end. The tables, the mask, all arrays
and run.json (but for times and what is said of the continuing) must be the same, and nothing may be left over. The
status is 1 where anything is not as it must be.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from interrupted_runs import QUICK, contents, told, write_maps

SIGNALS = {signal.SIGKILL: (-signal.SIGKILL,), signal.SIGINT: (130, -signal.SIGINT),
           signal.SIGTERM: (143, -signal.SIGTERM)}


def main():
    """Do so many rounds, print each, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--maps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="niicorr-kills-") as folder:
        work = Path(folder)
        maps = write_maps(work / "maps", options.maps, (36, 40, 34))
        start = time.monotonic()
        command = [sys.executable, "-m", "niicorr", "run", "-x", *maps, *QUICK]
        subprocess.run([*command, "-o", str(work / "alone")], check=True)
        seconds = time.monotonic() - start
        expected = contents(work / "alone")
        (work / "here").mkdir()
        bad = sum(round_(k, [*command, "--resume"], work / "here", seconds, expected, draw)
                  for k in range(options.times))
    print(f"{options.times - bad} of {options.times} runs ended as the one that was left alone ({seconds:.1f} s)")
    sys.exit(1 if bad else 0)


def round_(number, command, folder, seconds, expected, draw):
    """Interrupt a run once or twice and let it end; return whether anything was wrong."""
    out, killed, faults = folder / "out", [], []
    for _ in range(draw.choice([1, 1, 2])):
        kind, moment = draw.choice(list(SIGNALS)), draw.uniform(0, seconds)
        with subprocess.Popen([*command, "-o", str(out)], stderr=subprocess.PIPE, text=True) as process:
            try:
                said = process.communicate(timeout=moment)[1]
            except subprocess.TimeoutExpired:
                process.send_signal(kind)
                said = process.communicate()[1]
        killed.append(f"{kind.name} at {moment:.2f} s" + ("" if process.returncode else " (too late)"))
        if process.returncode not in (0, *SIGNALS[kind]):
            faults.append(f"{kind.name} ended with {process.returncode}: {said}")
        if process.returncode == 0:
            break
    subprocess.run([*command, "-o", str(out)], check=True)
    files, arrays, record = contents(out)
    for found, wanted in ((files, expected[0]), (arrays, expected[1]), (record, expected[2])):
        faults += [f"{name} is not the same" for name in wanted if found.get(name) != wanted[name]]
    if left := [name for name in os.listdir(folder) if name != "out"]:
        faults.append(f"left over: {left}")
    line = f"{number:3d}  {', '.join(killed):42}  {told(out) or 'nothing to continue'}"
    print(line, *faults, sep="\n     ", flush=True)
    shutil.rmtree(out)
    return bool(faults)


if __name__ == "__main__":
    main()
