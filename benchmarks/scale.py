"""How time and memory grow with the number of maps, what gaps cost, and what 10 000 × 10 000 maps would take.

    python benchmarks/scale.py growth                        # 125 to 4000 maps a side at 4 mm; slopes on a log plot
    python benchmarks/scale.py gaps --runs 5                 # missing data against the complete product and pandas
    python benchmarks/scale.py methods --maps 2000           # every similarity, complete and with gaps: peak memory
    python benchmarks/scale.py estimate --data /tmp/bench    # 10 000 × 10 000 at 2 mm, measured in parts

Every case is a process of its own. CPU and wall seconds and peak memory are those of the work alone, beyond Python, its
libraries and the maps themselves, which are noise with something in common. The status is 1 where a budget was missed.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VOXELS = {4: 29_000, 2: 235_375}
METHODS = ("pearson", "spearman", "cosine", "concordance", "bicor", "dice", "weighted", "partial")
GAPS = ("complete", "few", "many")
"""No gaps; four outlines, each of a quarter of the maps; gaps of its own in every map. A tenth is missing."""

MISSING_BUDGET, PANDAS_BUDGET, MEMORY_BUDGET_MIB, PER_SIDE = 7.0, 5.0, 1024, 10_000
TILE = 512


def main():
    """Run the work that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=["growth", "gaps", "methods", "estimate"])
    parser.add_argument("--maps", type=int, nargs="+", help="maps a side")
    parser.add_argument("--jobs", type=int, default=2, help="threads")
    parser.add_argument("--runs", type=int, default=3, help="rounds, of which the median counts")
    parser.add_argument("--data", help="folder for the generated files of estimate, kept; else a temporary one")
    options = parser.parse_args()
    done = {"growth": growth, "gaps": gaps, "methods": methods, "estimate": estimate}[options.work](options)
    sys.exit(0 if done else 1)


def growth(options):
    """Print time and memory against the number of maps."""
    counts = options.maps or [125, 250, 500, 1000, 2000, 4000]
    print("maps a side     pairs     CPU s    wall s  peak MiB   of it outcome   ns/pair")
    rows = []
    for count in counts:
        row = child(what="products", maps=count, jobs=options.jobs)
        rows.append(row)
        print(f"{count:11d} {count**2:9d} {row['cpu']:9.2f} {row['wall']:9.2f} {row['peak']:9.0f} "
              f"{19 * count**2 / 2**20:15.0f} {1e9 * row['cpu'] / count**2:9.0f}", flush=True)
    large = [(count, row) for count, row in zip(counts, rows, strict=True) if count >= 500]
    if len(large) > 1:
        for name in ("cpu", "peak"):
            print(f"slope of {name} from {large[0][0]} maps on: "
                  f"{slope([c for c, _ in large], [row[name] for _, row in large]):.2f} (2: in step with the pairs)")
    return True


def gaps(options):
    """Print what gaps cost as a ratio to the complete product, and what pandas takes."""
    count = (options.maps or [500])[0]
    cases = {gap: {"what": "products", "maps": count, "gaps": gap, "jobs": 1} for gap in GAPS}
    cases["weighted, many"] = {**cases["many"], "method": "weighted"}
    found = in_turn(cases, options.runs)
    print(f"{count} × {count} maps of {VOXELS[4]} voxels, one thread")
    for case, runs in found.items():
        ratio = statistics.median(a["cpu"] / b["cpu"] for a, b in zip(runs, found["complete"], strict=True))
        print(f"  {case:16s} {median(runs, 'cpu'):7.2f} s CPU   {ratio:5.2f} of the complete product")
    worst = statistics.median(a["cpu"] / b["cpu"] for a, b in zip(found["many"], found["complete"], strict=True))
    few = min(count, 300)
    against = in_turn({"niicorr": {"what": "products", "maps": few, "gaps": "many", "jobs": 1, "same": True},
                       "pandas": {"what": "pandas", "maps": few, "gaps": "many"}}, options.runs)
    faster = statistics.median(b["cpu"] / a["cpu"] for a, b in zip(against["niicorr"], against["pandas"], strict=True))
    print(f"{few} maps against themselves, gaps of their own: niicorr {median(against['niicorr'], 'cpu'):.2f} s, "
          f"DataFrame.corr {median(against['pandas'], 'cpu'):.2f} s, {faster:.1f} times as long")
    return worst <= MISSING_BUDGET and faster >= PANDAS_BUDGET


def methods(options):
    """Print time and memory of every similarity."""
    count = (options.maps or [2000])[0]
    most = 0
    print(f"{count} × {count} maps of {VOXELS[4]} voxels, beyond the maps (the outcome takes "
          f"{19 * count**2 / 2**20:.0f} MiB)")
    for method in METHODS:
        for gap in GAPS:
            row = child(what="products", maps=count, method=method, gaps=gap, jobs=options.jobs)
            most = max(most, row["peak"])
            print(f"  {method:12s} {gap:9s} {row['cpu']:8.1f} s CPU {row['wall']:8.1f} s wall {row['peak']:7.0f} MiB",
                  flush=True)
    return count > 2000 or most <= MEMORY_BUDGET_MIB


def estimate(options):
    """Add up what 10 000 × 10 000 maps of 2 mm take, from what parts of it take."""
    with tempfile.TemporaryDirectory(prefix="niicorr-bench-") as temporary:
        folder = os.path.join(os.path.abspath(options.data or temporary), "M")
        subprocess.run([sys.executable, os.path.join(HERE, "make_data.py"), "M", folder], check=True)
        reading = child(what="reading", folder=folder, jobs=options.jobs)
    tiles, cells = (PER_SIDE / TILE) ** 2, PER_SIDE**2
    product = child(what="products", maps=TILE, voxels=VOXELS[2], jobs=options.jobs)
    missing = child(what="products", maps=TILE, voxels=VOXELS[2], jobs=options.jobs, gaps="many")
    analysis = child(what="analysis", maps=2000, voxels=50, jobs=options.jobs)
    tables = child(what="tables", maps=300, voxels=50, jobs=options.jobs)
    rows = [("reading, inflating, masking", reading, 2 * PER_SIDE / reading["units"]),
            ("products", product, tiles), ("analysis of cells", analysis, cells / analysis["units"]),
            ("tables", tables, cells / tables["units"])]
    print(f"{PER_SIDE} × {PER_SIDE} maps of {VOXELS[2]} voxels, {options.jobs} threads, no null model")
    for name, row, times in rows:
        print(f"  {name:28s} {row['cpu'] * times / 60:7.1f} min CPU {row['wall'] * times / 60:7.1f} min wall   "
              f"({row['cpu']:.2f} s, {times:.0f} times)")
    parts = rows[:3]
    print(f"  all but tables               {sum(r['cpu'] * t for _, r, t in parts) / 60:7.1f} min CPU "
          f"{sum(r['wall'] * t for _, r, t in parts) / 60:7.1f} min wall")
    print(f"  products where every map has gaps of its own: {missing['cpu'] * tiles / 60:.1f} min CPU")
    print(f"  maps {2 * PER_SIDE * VOXELS[2] * 4 / 2**30:.1f} GiB, outcome {19 * cells / 2**30:.1f} GiB, "
          f"products beyond both {product['peak'] - 19 * TILE**2 / 2**20:.0f} MiB, analysis of cells "
          f"{analysis['peak'] * 2**20 / analysis['units']:.0f} bytes each, outcome included")
    return True


def in_turn(cases, runs):
    """Measure cases in turn (A B C, A B C, …), after one round that does not count."""
    found = {case: [] for case in cases}
    for round_ in range(runs + 1):
        for case, spec in cases.items():
            row = child(**spec)
            if round_:
                found[case].append(row)
    return found


def median(rows, name):
    """The middle one of some measurements."""
    return statistics.median(row[name] for row in rows)


def slope(x, y):
    """Slope of the straight line through the logarithms."""
    x, y = ([math.log(value) for value in values] for values in (x, y))
    mean_x, mean_y = statistics.mean(x), statistics.mean(y)
    return (sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
            / sum((a - mean_x) ** 2 for a in x))


def child(**spec):
    """Measure one case in a process of its own."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, __file__, "--child", json.dumps(spec)], env=environment, check=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def measured(work):
    """CPU and wall seconds of some work, and how far the memory rose above where it was, in MiB."""
    import gc

    gc.collect()
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # from here on the peak is counted anew
    before, cpu, wall = memory("VmRSS"), time.process_time(), time.perf_counter()
    work()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, "peak": memory("VmHWM") - before}


def memory(name):
    """A line of the kernel's account of this process, in MiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) / 1024


def some_maps(seed, maps, voxels, gap):
    """Noise with something in common, as standard scores in float32 whatever the size."""
    import numpy as np

    from niicorr.matrix import Features, MapMatrix, distinct_supports, standardise
    from niicorr.records import MapRecord

    rng = np.random.default_rng(seed)
    outlines = rng.random((4, voxels)) >= 0.1
    rows, valid = np.zeros((maps, voxels), np.float32), np.ones((maps, voxels), np.bool_)
    common = np.random.default_rng(0).standard_normal(voxels, dtype=np.float32)
    for k, row in enumerate(rows):
        if gap != "complete":
            valid[k] = outlines[k % 4] if gap == "few" else rng.random(voxels, dtype=np.float32) >= 0.1
        values = rng.standard_normal(voxels, dtype=np.float32) + 0.3 * common
        standardise(values[valid[k]], row, valid[k])
    labels = tuple(f"map{k}" for k in range(maps))
    supports, support_of = distinct_supports(valid)
    return MapMatrix(rows, np.zeros(maps), np.ones(maps), supports, support_of, labels, Features(voxels),
                     tuple(MapRecord(label, "", coverage=1.0) for label in labels))


def similarity_of(method, voxels):
    """The similarity of a name, with weights or covariates where it says so."""
    import numpy as np

    from niicorr.compute.similarity import Similarity

    rng = np.random.default_rng(5)
    if method == "weighted":
        return Similarity(weights=rng.random(voxels) + 0.1)
    if method == "partial":
        return Similarity(covariates=rng.standard_normal((2, voxels)))
    return Similarity(method, 0.5 if method == "dice" else 0.0)


def measure(what, maps=0, voxels=VOXELS[4], method="pearson", gaps="complete", jobs=1, same=False, folder=""):
    """Do what a child is for; return its row."""
    if what == "reading":
        import niicorr as nc

        sets = [nc.read_maps(os.path.join(folder, name)) for name in ("x", "y")]
        row = measured(lambda: [nc.extract(maps, jobs=jobs) for maps in sets])
        return {**row, "units": sum(map(len, sets))}
    x = some_maps(1, maps, voxels, gaps)
    if what == "pandas":
        import pandas as pd

        frame = pd.DataFrame(x.values.T)
        return measured(frame.corr)
    y = x if same else some_maps(2, maps, voxels, gaps)
    if what == "products":
        similarity = similarity_of(method, voxels)
        return measured(lambda: similarity(x, y, jobs=jobs))
    from niicorr.analysis import analyse

    if what == "analysis":
        return {**measured(lambda: analyse(x, y, jobs=jobs)), "units": maps**2}
    from niicorr.result.saved import write_result

    result = analyse(x, y, jobs=jobs)
    with tempfile.TemporaryDirectory(prefix="niicorr-bench-") as out:
        return {**measured(lambda: write_result(result, out, [])), "units": maps**2}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(measure(**json.loads(sys.argv[2]))))
    else:
        main()
