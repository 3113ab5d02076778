"""What a GPU makes of the products: seconds, memory of the device, and how far its numbers are from the processor's.

    python benchmarks/device.py                              # 500 and 2000 maps a side at 4 mm, 500 at 2 mm
    python benchmarks/device.py --maps 5000 --mm 2 --gaps complete many
    python benchmarks/device.py --surrogates 100 --maps 20   # surrogates of 8 maps against so many others
    python benchmarks/device.py --torch-on-cpu --maps 500    # the same code without a GPU: numbers, not speed

Wall seconds of `Similarity.__call__` with maps in memory, the middle one of the runs, after one that does not count (in
it a GPU loads its libraries). The status is 1 where a number is off by more than 1e-6, or there is no GPU.
"""

import argparse
import os
import statistics
import sys
import time
from contextlib import nullcontext

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scale import GAPS, VOXELS, similarity_of, some_maps

from niicorr.compute.device import Device, choose_device
from niicorr.errors import UsageError
from niicorr.machine import default_jobs

TOLERANCE = 1e-6


def main():
    """Compare device and processor on what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--maps", type=int, nargs="+", help="maps a side")
    parser.add_argument("--mm", type=int, choices=VOXELS, default=4, help="voxel size")
    parser.add_argument("--gaps", choices=GAPS, nargs="+", default=list(GAPS))
    parser.add_argument("--methods", nargs="+", default=["pearson"])
    parser.add_argument("--surrogates", type=int, default=0, help="draw so many in place of comparing maps")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--torch-on-cpu", action="store_true", help="try the code of the device without one")
    options = parser.parse_args()
    try:
        device = torch_on_cpu() if options.torch_on_cpu else choose_device("cuda", 0)[0]
    except UsageError as error:
        sys.exit(str(error))
    print(f"{device.name}, {device.free() / 2**30:.1f} GiB free; processor: {default_jobs()} threads")
    cases = [(count, options.mm) for count in options.maps] if options.maps else [(500, 4), (2000, 4), (500, 2)]
    if options.surrogates:
        sys.exit(max(draw(device, count, mm, options.surrogates) for count, mm in cases) > TOLERANCE)
    worst = max(compare(device, count, mm, gap, method, options.runs)
                for count, mm in cases for gap in options.gaps for method in options.methods)
    sys.exit(0 if worst <= TOLERANCE else 1)


def compare(device, count, mm, gap, method, runs):
    """Print one case; return the largest difference of a number."""
    x, y = (some_maps(seed, count, VOXELS[mm], gap) for seed in (1, 2))
    similarity = similarity_of(method, VOXELS[mm])
    seconds, found = {}, {}
    for name, where in (("device", device), ("processor", None)):
        taken = []
        for _ in range(runs + 1):
            start = time.perf_counter()
            found[name] = similarity(x, y, jobs=default_jobs(), device=where)
            taken.append(time.perf_counter() - start)
        seconds[name] = statistics.median(taken[1:])
    off = float(np.nanmax(np.abs(found["device"].r - found["processor"].r)))
    same = np.array_equal(found["device"].n, found["processor"].n)
    held = peak_of_device()
    print(f"{count:6d} a side, {mm} mm, {gap:8s} {method:11s} device {seconds['device']:8.3f} s, processor "
          f"{seconds['processor']:8.3f} s, {seconds['processor'] / seconds['device']:6.1f} times; off by {off:.1e}"
          f"{'' if same else ', n DIFFERS'}{held}", flush=True)
    for decision in found["device"].decisions:
        print(f"       {decision.text}")
    return off if same else np.inf


def draw(device, count, mm, surrogates):
    """Print what surrogates take on the device and on the processor; return the largest difference of a p."""
    from calibration import Fields, matrix, read_brain

    from niicorr.draws import count_draws
    from niicorr.records import NullModel

    brain = read_brain(None, mm, False)
    fields = Fields(brain, 0)
    maps = fields.make(count + 8, fields.gaussian(12))
    x, y = matrix(maps[8:], brain.features), matrix(maps[:8], brain.features)
    similarity, seconds, found = similarity_of("pearson", brain.features.n), {}, {}
    r = similarity(x, y)
    for name, where in (("device", device), ("processor", None)):
        # Few first, which do not count: a GPU loads its libraries.
        for count_of in (4, surrogates):
            start = time.perf_counter()
            found[name] = count_draws(x, y, r, np.isfinite(r.r), similarity=similarity, jobs=default_jobs(),
                                      model=NullModel("surrogate", n_surrogates=count_of), memory=2**33, device=where,
                                      progress=lambda _total, _what: nullcontext(lambda _done: None))
            seconds[name] = time.perf_counter() - start
    off = float(np.nanmax(np.abs(found["device"].p - found["processor"].p)))
    print(f"{surrogates} surrogates of 8 maps against {count}, {mm} mm: device {seconds['device']:.2f} s, processor "
          f"{seconds['processor']:.2f} s; p off by {off:.1e}{peak_of_device()}", flush=True)
    for decision in found["device"].decisions:
        print(f"       {decision.text}")
    return off


def peak_of_device():
    """Say how much of PyTorch's device was in use at most."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return ""
    peak = torch.cuda.max_memory_allocated() / 2**20
    torch.cuda.reset_peak_memory_stats()
    return f"; device memory {peak:.0f} MiB"


def torch_on_cpu():
    """PyTorch's processor, as if it were a device."""
    import array_api_compat.torch as xp
    import torch

    from niicorr.machine import memory_budget

    return Device(f"PyTorch {torch.__version__} on the processor", xp, "cpu", lambda: memory_budget(None))


if __name__ == "__main__":
    main()
