"""What `--cache` saves: whole runs without a cache, with an empty one, and with one that has all maps.

    python benchmarks/make_data.py M bench/M
    python benchmarks/cache.py bench/M --runs 5

Each folder holds x/ and y/. The three runs take turns, after one round that does not count; every round begins with
no cache. Ratios are those of the last run's CPU and wall time within each round, for whole processes and for what a
cache is about: headers, reading and extraction, which run.json tells in wall seconds. The status is 1 where
correlations.csv is not the same in all runs.
"""

import argparse
import filecmp
import json
import os
import shutil
import statistics
import sys
import tempfile

from speed import NUMBERS, cost

ROWS = ("without", "first", "second")


def main():
    """Measure every folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", metavar="DIR", help="with x/ and y/, as make_data.py writes them")
    parser.add_argument("--runs", type=int, default=5, help="rounds that count, after one that does not")
    options = parser.parse_args()
    same = [measure(folder, options.runs) for folder in options.folders]
    sys.exit(0 if all(same) else 1)


def measure(folder, runs):
    """Print one table; return whether all results are the same."""
    found, same = {row: [] for row in ROWS}, True
    with tempfile.TemporaryDirectory(prefix="niicorr-bench-") as scratch:
        kept = os.path.join(scratch, "cache")
        for round_ in range(runs + 1):
            shutil.rmtree(kept, ignore_errors=True)
            for row in ROWS:
                out = os.path.join(scratch, row)
                command = [sys.executable, "-m", "niicorr", "run", "-x", os.path.abspath(os.path.join(folder, "x")),
                           "-y", os.path.abspath(os.path.join(folder, "y")), "-o", out, "-q", *NUMBERS]
                with tempfile.TemporaryFile() as said:
                    cpu, wall, peak, status = cost(command if row == "without" else [*command, "--cache", kept],
                                                   scratch, said)
                    if status:
                        said.seek(0)
                        sys.exit(said.read().decode(errors="replace"))
                with open(os.path.join(out, "run.json"), encoding="utf-8") as file:
                    record = json.load(file)
                timings = record["timings"]
                if round_:
                    found[row].append((cpu, wall, timings["headers"] + timings["read"] + timings["extract"], peak))
                table = "correlations.csv"
                same &= filecmp.cmp(os.path.join(scratch, "without", table), os.path.join(out, table), shallow=False)
        maps = len(record["x_maps"]) + len(record["y_maps"])
        size = sum(os.path.getsize(os.path.join(kept, name)) for name in os.listdir(kept))
    show(folder, found, maps, size, same)
    return same


def show(folder, found, maps, size, same):
    """Print medians, and how many times the last run's cost each other one is."""
    print(f"\n{os.path.basename(os.path.normpath(folder))}: {maps} maps, {size / maps / 1e6:.3f} MB of cache for each; "
          f"correlations.csv {'is the same in all runs' if same else 'DIFFERS'}")
    print(f"{'run':<10}{'CPU s':>8}{'wall s':>8}{'maps s':>8}{'peak MiB':>10}   times the second's: CPU, wall, maps")
    for row in ROWS:
        medians = [statistics.median(column) for column in zip(*found[row], strict=True)]
        ratios = [statistics.median(a[k] / b[k] for a, b in zip(found[row], found["second"], strict=True))
                  for k in range(3)]
        print(f"{row:<10}{medians[0]:8.3f}{medians[1]:8.3f}{medians[2]:8.3f}{medians[3]:10.0f}   "
              + "  ".join(f"{ratio:5.2f}" for ratio in ratios))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
