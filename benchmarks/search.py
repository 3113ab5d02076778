"""A library of maps: what it takes to make, to open and to search, in processor time and bytes.

    python benchmarks/make_data.py P5000 bench/P5000
    python benchmarks/search.py bench/P5000/x bench/P5000/y --mask bench/P5000/mask.nii.gz --runs 3

One map of the second folder is searched for in a process of its own, which has to open the library; then another one,
and ten (or as many as there are), in the same process.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time


def main():
    """Make a library in a temporary folder unless one is there, search it, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("maps", help="a folder that becomes the library")
    parser.add_argument("new", help="a folder of maps to be searched for")
    parser.add_argument("--mask", default="auto")
    parser.add_argument("--library", help="keep it there, or take one that is there")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="niicorr-bench-") as scratch:
        library = options.library or os.path.join(scratch, "library")
        if not os.path.exists(library):
            import niicorr as nc

            start = time.process_time()
            made = nc.index(options.maps, library, mask=options.mask, warn=False)
            size = sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(library) for name in names)
            print(f"{made.n_maps} maps indexed: {time.process_time() - start:.1f} s, "
                  f"{size / made.n_maps / 1e3:.0f} kB each")
        new = [os.path.join(options.new, name) for name in sorted(os.listdir(options.new))]
        rows = [measured(library, new) for _ in range(options.runs + 1)][1:]  # the first warms the disk's cache
    for name, values in zip(("open", "first search", "one more", f"{min(10, len(new))} maps"), zip(*rows, strict=True),
                            strict=True):
        print(f"{name:<14}{statistics.median(values):7.2f} s  ({min(values):.2f} to {max(values):.2f})")


def measured(library, new):
    """Return the processor time of each step, from a process of its own."""
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--steps", library, *new], capture_output=True,
                          text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def steps(library, *new):
    """Open, search for one map, for another one, and for ten; print the seconds of each."""
    import niicorr as nc

    def timed(do):
        start = time.process_time()
        value = do()
        print(time.process_time() - start)
        return value

    opened = timed(lambda: nc.open_library(library))
    for maps in (new[0], new[-1], list(new[:10])):
        timed(lambda maps=maps: nc.search(maps, opened, top=20))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--steps"]:
        steps(*sys.argv[2:])
    else:
        main()
