"""What p-values cost: each stage of the null models, on voxels of 2, 3 and 4 mm, one thread.

    OPENBLAS_NUM_THREADS=1 python stages.py                # nilearn's MNI152 brain mask at 4, 3 and 2 mm
    OPENBLAS_NUM_THREADS=1 python stages.py --mm 2 --maps 100 --pairs 500

Seconds of processor time. Masks are studied once, maps once each; the pair stage is for all pairs of two sets of
--pairs maps and is compared with one float32 product of the same sets, which is what r itself costs.
"""

import argparse
import resource
import time

import numpy as np
from calibration import Fields, matrix, read_brain

from niicorr.compute.similarity import Similarity
from niicorr.nulls.effective import effective_null
from niicorr.nulls.surrogate import surrogates_of
from niicorr.ranks import average_ranks

NAMES = {"gsm": "gsm", "robust": "effective"}
"""As `--null` has them."""


def timed(work, repeats=1):
    """Outcome of the last call, and the median of processor seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        outcome = work()
        seconds.append(time.process_time() - start)
    return outcome, float(np.median(seconds))


def measure(mm, options):
    """Print the stages at one voxel size."""
    brain = read_brain(None, mm, False)
    fields = Fields(brain, 0)
    x = matrix(fields.make(options.maps, fields.gaussian(12)), brain.features)
    rows = [("voxels of the mask", f"{brain.features.n}")]
    nulls, described = {}, {}
    for model in ("gsm", "robust"):
        nulls[model], seconds = timed(lambda model=model: effective_null(x, x, model=model))
        rows.append((f"{NAMES[model]}: a mask", f"{seconds:.2f} s"))
        described[model], seconds = timed(lambda model=model: nulls[model].describe(x))
        rows.append((f"{NAMES[model]}: a map", f"{1000 * seconds / len(x):.1f} ms"))
    one = x.rows[0].astype(np.float32)
    rows.append(("ranks of a map (float32)", f"{1000 * timed(lambda: average_ranks(one), 15)[1]:.1f} ms"))
    from scipy.stats import rankdata

    rows.append(("scipy's rankdata", f"{1000 * timed(lambda: rankdata(one), 15)[1]:.1f} ms"))
    source = surrogates_of(x.part(slice(0, 1)), x.part(slice(0, 1)), described["gsm"].coefficients[:1], np.eye(1),
                           atoms=nulls["gsm"].stationary.atoms, lattice=nulls["gsm"].stationary.lattice, seed=0)
    _, seconds = timed(lambda: source.draw(0, np.arange(1)), 5)
    rows.append(("a surrogate of a map", f"{500 * seconds:.1f} ms"))

    many = x.part(np.arange(options.pairs) % len(x))
    _, product = timed(lambda: Similarity()(many, many), 3)
    rows.append((f"r of {options.pairs} × {options.pairs} pairs", f"{product:.2f} s"))
    n = np.full((options.pairs, options.pairs), brain.features.n)
    for model in ("gsm", "robust"):
        d = nulls[model].describe(many) if options.pairs <= len(x) else repeated(described[model], options.pairs)
        _, seconds = timed(lambda model=model, d=d: nulls[model].size(d, d, n), 3)
        rows.append((f"{NAMES[model]}: V of these pairs", f"{seconds:.2f} s, {seconds / product:.2f} products"))
    print(f"\n{mm} mm")
    for name, value in rows:
        print(f"  {name:32s} {value}", flush=True)


def repeated(described, count):
    """Descriptions of more maps, those there are taken again and again."""
    from dataclasses import replace

    at = np.arange(count) % len(described.of)
    traits = described.traits
    if traits is not None:
        traits = replace(traits, directions=traits.directions[at], windows=traits.windows[at],
                         squares=traits.squares[at],
                         pooled=replace(traits.pooled, lengths=traits.pooled.lengths[:, at],
                                        ranges=traits.pooled.ranges[:, at], deviation=traits.pooled.deviation[:, at]))
    return replace(described, of=described.of[at], coefficients=described.coefficients[at], traits=traits)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mm", type=int, nargs="+", default=[4, 3, 2])
    parser.add_argument("--maps", type=int, default=24, help="maps to fit")
    parser.add_argument("--pairs", type=int, default=500, help="maps a side of the pair stage")
    options = parser.parse_args()
    for mm in options.mm:
        measure(mm, options)
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


if __name__ == "__main__":
    main()
