"""Whole processes, run in turn, their CPU time as a ratio to a hand-written script's.

    python benchmarks/speed.py S M help S-figure --runs 5

This process imports no numpy: Linux counts what a parent holds into the peak memory of a child it starts.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
BACKGROUNDS = {"S": ("0", "-1"), "M": ("0", "0"), "L": ("0", "0")}
NUMBERS = ["--null", "none", "--no-figures", "--no-report"]
MATRIX_MIB = {"M": 60 * 235_375 * 4 / 2**20, "L": 1000 * 235_375 * 4 / 2**20}
SPARE_MIB = 150


@dataclass
class Row:
    """One way to do the work: a command, its budget as a ratio to the reference, and what it cost."""

    name: str
    command: list[str]
    matrix: str = ""
    budget: float | None = None
    memory_mib: float | None = None
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    peak_mib: list[float] = field(default_factory=list)
    fault: str = ""


def main():
    """Run the works asked for; the status is 1 where a row failed or missed its budget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("works", nargs="+", choices=["S", "M", "L", "help", "S-figure"])
    parser.add_argument("--runs", type=int, default=5, help="rounds that count, after one that does not")
    parser.add_argument("--data", help="folder for the generated maps, kept; else a temporary one")
    parser.add_argument("--rows", help="only these rows, by commas; the first row always runs")
    parser.add_argument("--suffix", choices=[".nii", ".nii.gz"], default=".nii.gz", help="of M and L")
    parser.add_argument("--json", help="write the measurements to this file too")
    options = parser.parse_args()
    results = {}
    with contextlib.ExitStack() as stack:
        data = options.data or stack.enter_context(tempfile.TemporaryDirectory(prefix="niicorr-bench-"))
        for work in options.works:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="niicorr-bench-"))
            rows = plan(work, os.path.abspath(data), scratch, options.suffix)
            if options.rows:
                rows = rows[:1] + [row for row in rows[1:] if row.name in options.rows.split(",")]
            measure(rows, options.runs, scratch)
            show(work, rows, options.runs)
            results[work] = [asdict(row) for row in rows]
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    sys.exit(any(row["fault"] for rows in results.values() for row in rows))


def plan(work, data, scratch, suffix):
    """Return the rows of one work, the reference first, after making its data."""
    python = sys.executable
    if work == "help":
        command = [python, "-m", "niicorr", "--help"]
        return [Row("pass", [python, "-c", "pass"]), Row("niicorr", command, budget=5)]
    size = work[0]
    folder = os.path.join(data, size)
    if size != "S" and suffix != ".nii.gz":
        folder += suffix
    subprocess.run([python, script("make_data.py"), size, folder, "--suffix", suffix], check=True)
    x, y, mask = (os.path.join(folder, name) for name in ("x", "y", "mask.nii.gz"))

    def hand(name, *more):
        # Each row has a folder of its own, named after it, for what it writes.
        matrix = place(scratch, name.replace(" ", "-"), "r.npy")
        return Row(name, [python, script(SCRIPTS[name]), x, y, *BACKGROUNDS[size], matrix, *more], matrix)

    out = os.path.join(scratch, "niicorr")
    run = [python, "-m", "niicorr", "run", "-x", x, "-y", y, "-o", out, "--null", "none", "--no-report"]
    found = os.path.join(out, "correlations.csv")
    if work == "S-figure":
        png = hand("seaborn png", place(scratch, "seaborn-png", "heatmap.png"))
        both = hand("seaborn", *(place(scratch, "seaborn", f"heatmap.{kind}") for kind in ("png", "svg")))
        return [both, png, Row("niicorr", run, found, budget=1.2)]
    memory = MATRIX_MIB[size] + SPARE_MIB if size in MATRIX_MIB else None
    budget = {"S": 4, "M": 2, "L": 1.3}[size]
    niicorr = Row("niicorr", [*run, "--no-figures"], found, budget, memory)
    if size == "L":
        return [hand("hand"), niicorr]
    matrix = place(scratch, "nilearn", "r.npy")
    nilearn = Row("nilearn", [python, script("nilearn_masker.py"), x, y, mask, matrix], matrix)
    return [hand("hand"), niicorr, nilearn, hand("pandas"), hand("nibabel")]


SCRIPTS = {
    "hand": "hand_script.py",
    "pandas": "pandas_corr.py",
    "nibabel": "nibabel_loop.py",
    "seaborn": "seaborn_figure.py",
    "seaborn png": "seaborn_figure.py",
}


def script(name):
    """Return the path of a script beside this one."""
    return os.path.join(HERE, name)


def place(scratch, row, name):
    """Return the path of a file in a row's own folder, which is made."""
    os.makedirs(os.path.join(scratch, row), exist_ok=True)
    return os.path.join(scratch, row, name)


def measure(rows, runs, scratch):
    """Run all rows in turn, `runs` times after a first round that only warms the caches."""
    for round_ in range(runs + 1):
        for row in rows:
            if row.fault:
                continue
            with tempfile.TemporaryFile() as said:
                cpu, wall, peak, status = cost(row.command, scratch, said)
                if status:
                    said.seek(0)
                    last = said.read().decode(errors="replace").strip().splitlines()[-1:]
                    row.fault = f"exit {status}: {' '.join(last)}"
            if round_ and not row.fault:
                row.cpu.append(cpu)
                row.wall.append(wall)
                row.peak_mib.append(peak)


def cost(command, folder, said):
    """Run one process; return CPU s, wall s, peak MiB and its exit status."""
    # An installed package has its bytecode, so a checkout may write its own (in the round that does not count).
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)  # reaped here, so that Popen does not look for it
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / unit, process.returncode


def show(work, rows, runs):
    """Print one table, and mark rows that missed their budget as at fault."""
    reference = rows[0]
    title = f"{work}: medians of {runs} rounds; ratio of CPU time to {reference.name}, per round"
    print(f"\n{title}\n{'row':<12}{'CPU s':>8}{'wall s':>8}{'peak MiB':>10}{'ratio':>8}  {'range':<14}budget")
    for row in rows:
        if row.fault:
            print(f"{row.name:<12}{row.fault}")
            continue
        ratios = [a / b for a, b in zip(row.cpu, reference.cpu, strict=True)] if reference.cpu else [float("nan")]
        ratio, peak = statistics.median(ratios), statistics.median(row.peak_mib)
        verdict = ""
        if row.budget is not None:
            verdict = f"{row.budget:g}x {'kept' if ratio <= row.budget else 'MISSED'}"
            row.fault = "" if ratio <= row.budget else f"{ratio:.2f}x, budget {row.budget:g}x"
        if row.memory_mib is not None:
            verdict += f", {row.memory_mib:.0f} MiB {'kept' if peak <= row.memory_mib else 'MISSED'}"
            row.fault = row.fault or ("" if peak <= row.memory_mib else f"{peak:.0f} MiB")
        times = f"{statistics.median(row.cpu):8.3f}{statistics.median(row.wall):8.3f}"
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        print(f"{row.name:<12}{times}{peak:10.0f}{ratio:8.2f}  {spread:<14}{verdict}")
    done = [row for row in rows if row.matrix and row.cpu]
    if len(done) > 1:
        print("largest difference in r from " + done[0].name)
        subprocess.run([sys.executable, script("agreement.py"), *(row.matrix for row in done)], check=True)
    for row in rows:
        if row.name == "niicorr" and row.cpu:
            imports(row, work)
    sys.stdout.flush()


def imports(row, work):
    """Say which heavy packages a run imported, and count a forbidden one as a fault."""
    command = [sys.executable, "-X", "importtime", *row.command[1:]]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    lines = [line.rpartition("|")[2] for line in said.splitlines() if line.startswith("import time:")]
    loaded = {line.strip() for line in lines}
    heavy = ["numpy", "scipy", "scipy.stats", "nibabel", "nilearn", "pandas", "matplotlib", "seaborn", "rich"]
    print("niicorr imports: " + (", ".join(name for name in heavy if name in loaded) or "none of the heavy ones"))
    faults = []
    if work == "help" and "numpy" in loaded:
        faults.append("imports numpy")
    if work == "S-figure":
        faults += ["imports nilearn"] if "nilearn" in loaded else []
        through = importers(lines, "scipy.stats")
        faults += [f"imports scipy.stats through {through[0]}"] if through and "seaborn" not in through else []
    for fault in faults:
        print(f"MISSED: {fault}")
    row.fault = "; ".join([*filter(None, [row.fault]), *faults])


def importers(lines, name):
    """Return what imported a module, innermost first, from the lines of ``-X importtime``."""
    # A line is indented by its depth and stands after everything it imported.
    depths = [len(line) - len(line.lstrip()) for line in lines]
    found = []
    at = next((i for i, line in enumerate(lines) if line.strip() == name), len(lines))
    for i in range(at + 1, len(lines)):
        if depths[i] < depths[at]:
            found.append(lines[i].strip())
            at = i
    return found


if __name__ == "__main__":
    main()
