"""Other tools on the same maps: whole processes in turn, their CPU time as a ratio to niicorr's, and the same answer.

    python benchmarks/peers.py P20 P100 --python peers/bin/python --python older/bin/python

Each peer runs in the first of the interpreters that has it (this one is tried last), or is left out, which is said.
niicorr runs with every check on and without p-values, figures and page, which the others do not make.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from speed import NUMBERS, Row, measure, place, script

BACKGROUNDS = {"S": ("0", "-1")}
PEERS = {
    "nilearn": ("nilearn", "nilearn_masker.py", "mask"),
    "pandas": ("pandas", "pandas_corr.py", "backgrounds"),
    "nibabel": ("nibabel", "nibabel_loop.py", "backgrounds"),
    "nltools": ("nltools", "nltools_similarity.py", "mask"),
    "neuromaps": ("neuromaps", "neuromaps_compare.py", ""),
    "NiMARE": ("nimare", "nimare_pearson.py", "mask"),
}
"""The package, the script, and what that is told besides the folders."""


def main():
    """Run the works that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="+", choices=["S", "P20", "P100", "M"])
    parser.add_argument("--python", action="append", default=[], help="an interpreter that has some of the peers")
    parser.add_argument("--runs", type=int, default=3, help="rounds that count, after one that does not")
    parser.add_argument("--data", help="folder for the generated maps, kept; else a temporary one")
    parser.add_argument("--without", default="", help="leave these out, by commas")
    options = parser.parse_args()
    interpreters = [*map(os.path.abspath, options.python), sys.executable]
    wanted = [name for name in [*PEERS, "wb_command"] if name not in options.without.split(",")]
    found = {name: version for name in wanted if name in PEERS
             and (version := version_of(PEERS[name][0], interpreters))}
    for name in wanted:
        if name in PEERS and name not in found:
            print(f"{name}: left out, no interpreter has it")
    with contextlib.ExitStack() as stack:
        data = options.data or stack.enter_context(tempfile.TemporaryDirectory(prefix="niicorr-bench-"))
        for work in options.works:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="niicorr-bench-"))
            rows = plan(work, os.path.join(os.path.abspath(data), work), scratch, found)
            if "wb_command" in wanted:
                workbench(rows, os.path.join(os.path.abspath(data), work), scratch)
            measure(rows, options.runs, scratch)
            show(work, rows, options.runs, {name: version for name, (_, version) in found.items()})


def version_of(package, interpreters):
    """Return the first interpreter that has a package, and its version; None where none has."""
    ask = f"from importlib.metadata import version; print(version({package!r}))"
    for python in interpreters:
        done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return python, done.stdout.strip()
    return None


def plan(work, folder, scratch, found):
    """Return the rows of one work, niicorr's first, after making its data."""
    subprocess.run([sys.executable, script("make_data.py"), work, folder], check=True)
    x, y, mask = (os.path.join(folder, name) for name in ("x", "y", "mask.nii.gz"))
    told = {"mask": [mask], "backgrounds": [*BACKGROUNDS.get(work, ("0", "0"))], "": []}
    out = os.path.join(scratch, "niicorr")
    rows = [Row("niicorr", [sys.executable, "-m", "niicorr", "run", "-x", x, "-y", y, "-o", out, *NUMBERS],
                os.path.join(out, "correlations.csv"))]
    for name, (python, _) in found.items():
        matrix = place(scratch, name, "r.npy")
        rows.append(Row(name, [python, script(PEERS[name][1]), x, y, *told[PEERS[name][2]], matrix], matrix))
    return rows


def workbench(rows, folder, scratch):
    """Add the Connectome Workbench where it is installed."""
    if shutil.which("wb_command") is None:
        print("wb_command: left out, it is not installed (Debian: connectome-workbench)")
        return
    matrix = place(scratch, "wb_command", "r.txt")
    rows.append(Row("wb_command", [sys.executable, script("wb_cross_correlation.py"),
                                   *(os.path.join(folder, name) for name in ("x", "y", "mask.nii.gz")), matrix],
                    matrix))


def show(work, rows, runs, versions):
    """Print one table."""
    print(f"\n{work}: medians of {runs} rounds; ratio of CPU time to niicorr, per round\n"
          f"{'row':<12}{'version':<10}{'CPU s':>8}{'wall s':>8}{'peak MiB':>10}{'ratio':>8}  {'range':<13}off by")
    for row in rows:
        if row.fault:
            print(f"{row.name:<12}{versions.get(row.name, ''):<10}{row.fault}")
            continue
        ratios = [a / b for a, b in zip(row.cpu, rows[0].cpu, strict=True)]
        off = "" if row is rows[0] else off_by(rows[0].matrix, row.matrix)
        print(f"{row.name:<12}{versions.get(row.name, ''):<10}{statistics.median(row.cpu):8.2f}"
              f"{statistics.median(row.wall):8.2f}{statistics.median(row.peak_mib):10.0f}"
              f"{statistics.median(ratios):8.2f}  {min(ratios):.2f}-{max(ratios):<8.2f}{off}", flush=True)


def off_by(expected, found):
    """The largest difference of two matrices."""
    done = subprocess.run([sys.executable, script("agreement.py"), expected, found], capture_output=True, text=True,
                          check=False)
    return (done.stdout or done.stderr).strip().rpartition("\t")[2]


if __name__ == "__main__":
    main()
