"""How often do p-values call unrelated maps of regions related? Simulated fields in a brain mask, averaged by region.

    python calibration_regions.py                                    # 200 compact parcels of nearly equal size
    python calibration_regions.py --atlas schaefer.nii.gz aal.nii    # real atlases, from the same fields
    python calibration_regions.py g20 smoothness --blocks 16         # some conditions, more exactly
    python calibration_regions.py --surrogates 0                     # without nulls that draw, which take longest
    python calibration_regions.py --covariates 10                    # partial correlations, smooth covariates
    python calibration_regions.py --weights                          # weighted by the regions' sizes
    python calibration_regions.py --regions 30 --power               # fewer parcels; power too

One thread is as good as many here: set OPENBLAS_NUM_THREADS=1.

Conditions and columns are those of `calibration.py`. "no sizes" is the robust null that is not told how large regions
are. Nulls that draw are tried on some x and y maps of a block: variogram with x randomised ("variogram x"), with y
randomised, and by the larger of the two p, as `run` takes it; of moran both are one. Of partial correlations n_eff
counts the covariates in, the true one does not.
"""

import argparse
import contextlib
import time

import nibabel as nib
import numpy as np
from calibration import LEVELS, Fields, Tally, conditions, read_brain
from scipy.cluster.vq import kmeans2

from niicorr.compute.similarity import Similarity
from niicorr.draws import count_directions, count_draws
from niicorr.inference import pvalues
from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.regional import regional_null
from niicorr.records import NullModel

NULLS = ("textbook", "gsm", "robust", "no sizes")
DRAWN = ("moran", "variogram x", "variogram y", "variogram", "surrogate")
RANDOMISED_MAPS = 16
"""So many maps of x, and of y, are randomised in a block."""

LEAST_VOXELS = 3
CONDITIONS = ("g8", "g20", "g30", "pl2", "pl3", "anisotropic", "amplitude", "smoothness", "smoothness+amplitude",
              "skewed", "one uneven")


class Parcels:
    """Regions of a mask: how voxels are averaged, where the regions are, how large they are."""

    def __init__(self, name, labels, brain):
        found, counts = np.unique(labels[labels > 0], return_counts=True)
        found, self.name = found[counts >= LEAST_VOXELS], name
        inside = labels == found[:, None]
        self.weights = (inside / inside.sum(axis=1, keepdims=True)).astype(np.float64)
        self.coords = self.weights @ brain.features.coords
        self.volumes = inside.sum(axis=1) * float(np.prod(brain.edges))

    def of(self, values):
        """Average maps (maps × voxels)."""
        features = Features(len(self.coords), centroids=self.coords, volumes=self.volumes)
        return MapMatrix.from_array(values @ self.weights.T, features=features)


def from_atlas(path, brain):
    """Read labels at the mask's voxels, from the nearest voxel of the atlas."""
    image = nib.load(path)
    volume = np.rint(np.asarray(image.dataobj)).astype(int).reshape(image.shape[:3])
    steps = nib.affines.apply_affine(np.linalg.inv(image.affine), brain.features.coords)
    steps = np.rint(steps).astype(int)
    within = ((steps >= 0) & (steps < volume.shape)).all(axis=1)
    labels = np.zeros(len(steps), int)
    labels[within] = volume[tuple(steps[within].T)]
    return Parcels(path.rsplit("/", 1)[-1].split(".")[0], labels, brain)


def compact(count, brain):
    """Cut the mask into compact parcels of nearly equal size."""
    _, labels = kmeans2(brain.features.coords, count, seed=1, minit="++", iter=10)
    return Parcels(f"{count} parcels", labels + 1, brain)


def silent(_total, _what):
    """Tell nobody how far the draws have come."""
    return contextlib.nullcontext(lambda _done: None)


def p_by_draws(null, x, y, similarity, options, block):
    """p of some maps of x and y under a null that draws, by the name of the row; n_effective with it."""
    x, y = x.part(slice(0, RANDOMISED_MAPS)), y.part(slice(0, RANDOMISED_MAPS))
    found = similarity(x, y)
    how = {"similarity": similarity, "jobs": 1, "memory": 2**31, "progress": silent,
           "model": NullModel(null, n_surrogates=options.surrogates, seed=options.seed * 1000 + block)}
    if null == "surrogate":
        draws = count_draws(x, y, found, np.isfinite(found.r), **how)
        return {null: (draws.p, draws.n_effective)}
    draws = count_directions(x, y, found, np.isfinite(found.r), **how)
    sides = {f"{null} x": draws.x_random, f"{null} y": draws.y_random, null: draws.larger}
    return {key: (side.p, side.n_effective) for key, side in sides.items() if key in DRAWN}


def sizes(parcels, x, y, similarity):
    """n_effective under every null."""
    n = np.full((len(y), len(x)), x.features.n)
    beside = {"weights": similarity.weights, "covariates": similarity.covariates}
    null = regional_null(x, y, parcels.coords, volumes=parcels.volumes, **beside)
    found = null.size(null.describe(x), null.describe(y), n)
    null = regional_null(x, y, parcels.coords, **beside)
    points = null.size(null.describe(x), null.describe(y), n)
    w = np.ones(x.features.n) if similarity.weights is None else similarity.weights
    textbook = np.full(n.shape, w.sum() ** 2 / (w**2).sum())
    return {"textbook": textbook, "gsm": found.gsm_n_effective, "robust": found.n_effective,
            "no sizes": points.n_effective}


def run(name, makes, cut, fields, options):
    """Print the rows of one condition, for each way to cut the mask."""
    wanted = [null for null in options.nulls if options.surrogates]
    names = (*NULLS, *(name for name in DRAWN if name.split()[0] in wanted))
    tallies = [Tally(names) for _ in cut]
    spent = dict.fromkeys(("fields", "formulas", *wanted), 0.0)
    started = time.process_time()

    def clock(what):
        nonlocal started
        now = time.process_time()
        spent[what] += now - started
        started = now

    for block in range(options.blocks):
        values = [make(options.maps) for make in makes]
        beside = fields.make(options.covariates, fields.gaussian(30)) if options.covariates else None
        clock("fields")
        for parcels, tally in zip(cut, tallies, strict=True):
            x, y = (parcels.of(v) for v in values)
            similarity = Similarity(weights=parcels.volumes / parcels.volumes.max() if options.weights else None,
                                    covariates=None if beside is None else parcels.of(beside).values)
            r = similarity(x, y).r
            tally.squares.append(np.mean(r**2))
            for key, n_effective in sizes(parcels, x, y, similarity).items():
                tally.add(key, pvalues(r, n_effective, n_covariates=similarity.n_covariates), n_effective)
            clock("formulas")
            for null in wanted:
                for key, outcome in p_by_draws(null, x, y, similarity, options, block).items():
                    tally.add(key, *outcome)
                clock(null)
    for parcels, tally in zip(cut, tallies, strict=True):
        print(f"{parcels.name} ({len(parcels.coords)} regions of {parcels.volumes.min() / 1000:.1f} to "
              f"{parcels.volumes.max() / 1000:.1f} cm³)")
        true = tally.show(name)
        if options.power:
            related(name, makes, parcels, true, options)
    seconds = ", ".join(f"{what} {s:.0f}" for what, s in spent.items())
    print(f"{'':21s} (seconds of processor time: {seconds})", flush=True)


def related(name, makes, parcels, true, options):
    """Print power where y shares a part of x."""
    for rho in (0.2, 0.4):
        hits = {}
        for _ in range(options.blocks):
            a, b = (parcels.of(make(options.maps)) for make in makes)
            mixed = rho * a.rows + np.sqrt(1 - rho**2) * b.rows
            x, y = a, MapMatrix.from_array(mixed, features=a.features)
            n_effective = sizes(parcels, x, y, Similarity())
            n_effective["oracle"] = np.full((len(y), len(x)), true)
            r = np.diag(y.rows @ x.rows.T / x.features.n)
            for key, n in n_effective.items():
                hits.setdefault(key, []).append(np.mean(pvalues(r, np.diag(n)) <= LEVELS[0]))
        print(f"{name:21s} ρ = {rho:.1f} p ≤ .05 " + "  ".join(f"{key} {np.mean(h):.3f}" for key, h in hits.items()))


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conditions", nargs="*", metavar="condition", help=f"all of {', '.join(CONDITIONS)} if none")
    parser.add_argument("--atlas", nargs="+", metavar="FILE", help="NIfTI labels (default: compact parcels)")
    parser.add_argument("--regions", type=int, default=200, help="number of compact parcels")
    parser.add_argument("--mask", help="NIfTI mask (default: nilearn's MNI152 brain mask)")
    parser.add_argument("--mm", type=int, default=4, help="voxel size of nilearn's mask")
    parser.add_argument("--maps", type=int, default=30, help="maps a side and block")
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--surrogates", type=int, default=199, metavar="N", help="draws of nulls that draw")
    parser.add_argument("--nulls", nargs="*", default=["moran", "variogram", "surrogate"],
                        choices=["moran", "variogram", "surrogate"], help="which of them")
    parser.add_argument("--covariates", type=int, default=0, metavar="N",
                        help="random maps of FWHM 30 mm regressed out")
    parser.add_argument("--weights", action="store_true", help="regions count as they are large")
    parser.add_argument("--power", action="store_true")
    options = parser.parse_args()
    if options.blocks < 2 or options.maps < RANDOMISED_MAPS:
        parser.error(f"at least two blocks of {RANDOMISED_MAPS} maps are needed")
    if options.power and (options.covariates or options.weights):
        parser.error("power is that of plain correlations")
    brain = read_brain(options.mask, options.mm, False)
    fields = Fields(brain, options.seed)
    known = conditions(fields)
    unknown = set(options.conditions) - set(known)
    if unknown:
        parser.error(f"no condition {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    cut = [from_atlas(path, brain) for path in options.atlas] if options.atlas else [compact(options.regions, brain)]
    print(f"{options.blocks} blocks of {options.maps} × {options.maps} maps, voxels of {options.mm} mm, "
          f"{options.surrogates} draws for {RANDOMISED_MAPS} × {RANDOMISED_MAPS} of them, seed {options.seed}")
    print(f"{'condition':21s} {'null':9s} {'n_eff':>9s} {'true':>9s}   " + "  ".join(f"p ≤ {q:<11g}" for q in LEVELS))
    for name in options.conditions or CONDITIONS:
        run(name, known[name], cut, fields, options)


if __name__ == "__main__":
    main()
