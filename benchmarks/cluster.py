"""What workers cost against threads: the same maps by 2 threads, and by a local cluster of 2 workers.

    python benchmarks/make_data.py L bench/L
    python benchmarks/cluster.py bench/L --maps 300 --runs 3

Each folder holds x/ and y/, of which the first so many maps are taken. The cluster is started once, before the first
round; what that takes is told apart. Threads and workers take turns, after one round that does not count. Seconds are
wall seconds of `niicorr.correlate` without a cache, and processor seconds of all processes; a ratio above 1 says that
workers were faster, or cheaper. The status is 1 where the numbers are not the same to the last bit.
"""

import argparse
import glob
import os
import statistics
import sys
import tempfile
import time


def main():
    """Measure every folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", metavar="DIR", help="with x/ and y/, as make_data.py writes them")
    parser.add_argument("--maps", type=int, default=10**9, help="of both sets together (all)")
    parser.add_argument("--runs", type=int, default=3, help="rounds that count, after one that does not")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread, against as many threads (2)")
    parser.add_argument("--null", default="effective", help="how p-values are found (effective)")
    options = parser.parse_args()
    begun = time.perf_counter()
    from distributed import Client, LocalCluster

    with (LocalCluster(n_workers=options.workers, threads_per_worker=1, memory_limit=0, dashboard_address=None,
                       silence_logs=50) as cluster, Client(cluster, set_as_default=False) as client):
        client.run(warm)
        print(f"{options.workers} workers are ready after {time.perf_counter() - begun:.1f} s")
        same = [measure(folder, options, client) for folder in options.folders]
    sys.exit(0 if all(same) else 1)


def warm():
    """Import what tasks need."""
    import niicorr.cluster.work  # noqa: F401  (loading it is all that is wanted)


def measure(folder, options, client):
    """Print one table; return whether all results are the same."""
    import niicorr as nc

    x, y = (sorted(glob.glob(os.path.join(os.path.abspath(folder), name, "*")))[: options.maps // 2] for name in "xy")
    found, phases, tables = {"threads": [], "workers": []}, {}, set()
    with tempfile.TemporaryDirectory(prefix="niicorr-bench-") as scratch:
        os.chdir(scratch)
        for round_ in range(options.runs + 1):
            for row, rounds in found.items():
                how = {} if row == "threads" else {"scheduler": client.scheduler.addr}
                before, start = processor_seconds(client), time.perf_counter()
                result = nc.correlate(x, y, jobs=options.workers, null=options.null, warn=False, **how)
                wall = time.perf_counter() - start
                if round_:
                    rounds.append((wall, processor_seconds(client) - before))
                    phases.setdefault(row, []).append(result.provenance.timings)
                tables.add(result.r.to_numpy().tobytes() + (b"" if result.p is None else result.p.to_numpy().tobytes()))
        os.chdir("/")
    print(f"\n{os.path.basename(os.path.normpath(folder))}: {len(x)} × {len(y)} maps, null {options.null}; numbers "
          f"{'are the same to the last bit' if len(tables) == 1 else 'DIFFER'}")
    print(f"{'run':<10}{'wall s':>8}{'CPU s':>8}{'read':>8}{'extract':>9}{'correlate':>11}{'connect':>9}")
    for row, rounds in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
        parts = [statistics.median(t.get(name, 0) for t in phases[row])
                 for name in ("read", "extract", "correlate", "workers")]
        print(f"{row:<10}{wall:8.2f}{cpu:8.2f}{parts[0]:8.2f}{parts[1]:9.2f}{parts[2]:11.2f}{parts[3]:9.2f}")
    ratios = [statistics.median(a[k] / b[k] for a, b in zip(found["threads"], found["workers"], strict=True))
              for k in range(2)]
    print(f"threads over workers: wall {ratios[0]:.2f}, CPU {ratios[1]:.2f}")
    sys.stdout.flush()
    return len(tables) == 1


def processor_seconds(client):
    """Of this process and all workers."""
    return time.process_time() + sum(client.run(time.process_time).values())


if __name__ == "__main__":
    main()
