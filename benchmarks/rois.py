"""``niicorr rois`` beside nilearn's own pipeline: whole processes, run in turn, their CPU time as a ratio.

    python benchmarks/rois.py one three clean --runs 5

``one`` is a run of 200 volumes and an atlas of 100 regions, ``three`` are three such runs, ``clean`` is one with
detrending and a band of frequencies. niicorr's rows write every table and, but for ``numbers``, find p-values; nilearn
writes the matrix.
"""

import argparse
import contextlib
import csv
import os
import subprocess
import sys
import tempfile

from speed import Row, measure, place, script, show

BUDGET = 1.3
CLEANING = ["--detrend", "--low-pass", "0.1", "--high-pass", "0.01"]


def main():
    """Run the works asked for; the status is 1 where a row failed or missed its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="+", choices=["one", "three", "clean"])
    parser.add_argument("--runs", type=int, default=5, help="rounds that count, after one that does not")
    parser.add_argument("--data", help="folder for the generated runs, kept; else a temporary one")
    options = parser.parse_args()
    faults = []
    with contextlib.ExitStack() as stack:
        data = os.path.abspath(options.data or stack.enter_context(tempfile.TemporaryDirectory(prefix="niicorr-")))
        subprocess.run([sys.executable, script("make_runs.py"), data], check=True)
        for work in options.works:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="niicorr-bench-"))
            rows = plan(work, data, scratch)
            measure(rows, options.runs, scratch)
            show(f"rois {work}", rows, options.runs)
            faults += [row.fault for row in rows if row.fault]
            if work != "three":
                agreement(*(os.path.join(scratch, *name) for name in (("nilearn", "r.csv"),
                                                                      ("niicorr", "correlations.csv"))))
    sys.exit(bool(faults))


def plan(work, data, scratch):
    """Return the rows of one work, nilearn's first."""
    atlas = os.path.join(data, "atlas.nii.gz")
    runs = [os.path.join(data, f"run-{k}.nii.gz") for k in ((1, 2, 3) if work == "three" else (1,))]
    theirs = [sys.executable, script("rois_nilearn.py"), atlas, place(scratch, "nilearn", "r.csv"),
              "clean" if work == "clean" else "plain", *runs]

    def ours(name, *more):
        command = [sys.executable, "-m", "niicorr", "rois", *runs, "--atlas", atlas, "--no-figures", "--no-report",
                   *(CLEANING if work == "clean" else ()), *more]
        return Row(name, [*command, "-o", os.path.join(scratch, name)], budget=BUDGET)

    return [Row("nilearn", theirs), ours("niicorr"), ours("numbers", "--null", "none")]


def agreement(theirs, ours):
    """Print the largest difference of two matrices; of one run, since several are weighted in one of them only."""
    if not (os.path.exists(theirs) and os.path.exists(ours)):
        return
    with open(theirs, encoding="utf-8") as file:
        wanted = [[float(cell) for cell in line.split(",")] for line in file]
    with open(ours, encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    found = [[float(cell) for cell in row[1:]] for row in rows]
    gap = max(abs(found[i][j] - wanted[i][j]) for i in range(len(found)) for j in range(i))
    print(f"largest difference in r from nilearn: {gap:.1e}")


if __name__ == "__main__":
    main()
