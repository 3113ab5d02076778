"""What `--resume` costs a run that is left alone, and what it saves one that was killed.

    python benchmarks/make_data.py P2000 bench/P2000
    python benchmarks/resume.py bench/P2000 --runs 3

The maps of x/ and y/ are compared, null model and all. In turn: a run without --resume; one with it; for each share,
one with it that is killed (SIGKILL) when it has used that share of the processor time of the one before, and the
same command again. Ratios are those of CPU time to the first row's, within each round. The status is 1 where
correlations.csv or pairs.tsv is not the same in all runs.
"""

import argparse
import filecmp
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from speed import cost

TABLES = ("correlations.csv", "pairs.tsv")
TICK = os.sysconf("SC_CLK_TCK")


def main():
    """Measure the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", metavar="DIR", help="with x/ and y/, as make_data.py writes them")
    parser.add_argument("--runs", type=int, default=3, help="rounds that count, after one that does not")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.5, 0.9], metavar="S")
    parser.add_argument("--one", action="store_true", help="the maps of x/ with each other")
    options = parser.parse_args()
    sys.exit(0 if measure(options) else 1)


def measure(options):
    """Print one table; return whether all results are the same."""
    sets = ["-x", os.path.abspath(os.path.join(options.folder, "x"))]
    sets += [] if options.one else ["-y", os.path.abspath(os.path.join(options.folder, "y"))]
    command = [sys.executable, "-m", "niicorr", "run", *sets, "-q", "--no-figures", "--no-report"]
    rows = ["alone", "--resume", *(f"{kind} at {share:.0%}" for share in options.shares
                                   for kind in ("killed", "continued"))]
    found, same, told = {row: [] for row in rows}, True, {}
    with tempfile.TemporaryDirectory(prefix="niicorr-bench-") as scratch:
        first = os.path.join(scratch, "alone")
        for round_ in range(options.runs + 1):
            costs = {"alone": whole([*command, "-o", first], scratch)}
            outs = {"--resume": os.path.join(scratch, "kept")}
            costs["--resume"] = whole([*command, "--resume", "-o", outs["--resume"]], scratch)
            for share in options.shares:
                row = f"continued at {share:.0%}"
                outs[row] = os.path.join(scratch, f"share{share:g}")
                shutil.rmtree(outs[row], ignore_errors=True)
                again = [*command, "--resume", "-o", outs[row]]
                costs[f"killed at {share:.0%}"] = killed(again, share * costs["--resume"][0], scratch)
                costs[row] = whole(again, scratch)
                with open(os.path.join(outs[row], "run.json"), encoding="utf-8") as file:
                    told[row] = [d["text"] for d in json.load(file)["decisions"] if d["topic"] == "resume"]
            same &= all(filecmp.cmp(os.path.join(first, table), os.path.join(out, table), shallow=False)
                        for out in outs.values() for table in TABLES)
            if round_ or not options.runs:
                for row in rows:
                    found[row].append(costs[row])
    print(f"\n{os.path.basename(os.path.normpath(options.folder))}: {', '.join(TABLES)} "
          f"{'are the same in all runs' if same else 'DIFFER'}")
    print(f"{'run':<18}{'CPU s':>8}{'wall s':>8}{'peak MiB':>10}{'CPU ratio':>11}")
    for row in rows:
        medians = [statistics.median(column) for column in zip(*found[row], strict=True)]
        ratio = statistics.median(a[0] / b[0] for a, b in zip(found[row], found["alone"], strict=True))
        print(f"{row:<18}{medians[0]:8.2f}{medians[1]:8.2f}{medians[2]:10.0f}{ratio:11.3f}", *told.get(row, ()))
    return same


def whole(command, scratch):
    """Run a process to its end; return CPU s, wall s and peak MiB."""
    with tempfile.TemporaryFile() as said:
        *measured, status = cost(command, scratch, said)
        if status:
            said.seek(0)
            sys.exit(said.read().decode(errors="replace"))
    return tuple(measured)


def killed(command, seconds, scratch):
    """Run a process until it has used so much processor time; return CPU s, wall s and peak MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=scratch, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while cpu_of(process.pid) < seconds:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 2**10


def cpu_of(pid):
    """User and system time that a process has used (Linux); infinite where it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return float("inf")
    return float("inf") if fields[0] == "Z" else (int(fields[11]) + int(fields[12])) / TICK


if __name__ == "__main__":
    main()
