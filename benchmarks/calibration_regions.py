"""How often do p-values call unrelated maps of regions related? Simulated fields in a brain mask, averaged by region.

    python calibration_regions.py                                    # 200 compact parcels of nearly equal size
    python calibration_regions.py --atlas schaefer.nii.gz aal.nii    # real atlases, from the same fields
    python calibration_regions.py g20 smoothness --blocks 16         # some conditions, more exactly
    python calibration_regions.py --surrogates 0                     # without moran and variogram, which take longest
    python calibration_regions.py --regions 30 --power               # fewer parcels; power too

One thread is as good as many here: set OPENBLAS_NUM_THREADS=1.

Conditions and columns are those of `calibration.py`. "no sizes" is the robust null that is not told how large regions
are. Of moran and variogram, some x maps of a block are randomised and compared with all y maps.
"""

import argparse
import time

import nibabel as nib
import numpy as np
from calibration import LEVELS, Fields, Tally, conditions, read_brain
from scipy.cluster.vq import kmeans2

from niicorr.inference import pvalues
from niicorr.matrix import MapMatrix
from niicorr.nulls.regional import regional_null
from niicorr.nulls.regional_draws import moran_surrogates, variogram_surrogates

NULLS = ("textbook", "gsm", "robust", "no sizes")
RANDOMISED = {"moran": moran_surrogates, "variogram": variogram_surrogates}
RANDOMISED_MAPS = 6
"""So many x maps of a block are randomised."""

LEAST_VOXELS = 3
CONDITIONS = ("g8", "g20", "g30", "pl2", "pl3", "anisotropic", "amplitude", "smoothness", "smoothness+amplitude",
              "skewed")


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
        return MapMatrix.from_array(values @ self.weights.T)


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


def p_by_draws(make, x, y, r, coords, options, block):
    """p of some x maps, randomised, with all y maps."""
    p = np.empty((len(y), RANDOMISED_MAPS))
    for i in range(RANDOMISED_MAPS):
        drawn = make(x.rows[i], coords, options.surrogates, options.seed * 1000 + block * 100 + i)
        drawn = drawn - drawn.mean(axis=1, keepdims=True)
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        found = np.abs(drawn @ y.rows.T) / np.sqrt(y.features.n)
        p[:, i] = (1 + np.count_nonzero(found >= np.abs(r[:, i]) - 1e-7, axis=0)) / (1 + options.surrogates)
    return p


def sizes(parcels, x, y):
    """n_effective under every null."""
    n = np.full((len(y), len(x)), x.features.n)
    null = regional_null(x, y, parcels.coords, volumes=parcels.volumes)
    found = null.size(null.describe(x), null.describe(y), n)
    null = regional_null(x, y, parcels.coords)
    points = null.size(null.describe(x), null.describe(y), n)
    gsm = np.minimum(1 + 1 / found.gsm_variance, n)
    return {"textbook": n.astype(float), "gsm": gsm, "robust": found.n_effective, "no sizes": points.n_effective}


def run(name, makes, cut, options):
    """Print the rows of one condition, for each way to cut the mask."""
    names = (*NULLS, *RANDOMISED) if options.surrogates else NULLS
    tallies = [Tally(names) for _ in cut]
    spent = dict.fromkeys(("fields", "effective", *RANDOMISED), 0.0)
    started = time.process_time()

    def clock(what):
        nonlocal started
        now = time.process_time()
        spent[what] += now - started
        started = now

    for block in range(options.blocks):
        values = [make(options.maps) for make in makes]
        clock("fields")
        for parcels, tally in zip(cut, tallies, strict=True):
            x, y = (parcels.of(v) for v in values)
            r = y.rows @ x.rows.T / x.features.n
            tally.squares.append(np.mean(r**2))
            for key, n_effective in sizes(parcels, x, y).items():
                tally.add(key, pvalues(r, n_effective), n_effective)
            clock("effective")
            for key in names[len(NULLS):]:
                tally.add(key, p_by_draws(RANDOMISED[key], x, y, r, parcels.coords, options, block), np.nan)
                clock(key)
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
            a, b = (parcels.of(make(options.maps)).rows for make in makes)
            x, y = MapMatrix.from_array(a), MapMatrix.from_array(rho * a + np.sqrt(1 - rho**2) * b)
            n_effective = sizes(parcels, x, y)
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
    parser.add_argument("--surrogates", type=int, default=999, metavar="N", help="draws of moran and variogram")
    parser.add_argument("--power", action="store_true")
    options = parser.parse_args()
    if options.blocks < 2 or options.maps < RANDOMISED_MAPS:
        parser.error(f"at least two blocks of {RANDOMISED_MAPS} maps are needed")
    brain = read_brain(options.mask, options.mm, False)
    known = conditions(Fields(brain, options.seed))
    unknown = set(options.conditions) - set(known)
    if unknown:
        parser.error(f"no condition {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    cut = [from_atlas(path, brain) for path in options.atlas] if options.atlas else [compact(options.regions, brain)]
    print(f"{options.blocks} blocks of {options.maps} × {options.maps} maps, voxels of {options.mm} mm, "
          f"{options.surrogates} surrogates of {RANDOMISED_MAPS} x maps, seed {options.seed}")
    print(f"{'condition':21s} {'null':9s} {'n_eff':>9s} {'true':>9s}   " + "  ".join(f"p ≤ {q:<11g}" for q in LEVELS))
    for name in options.conditions or CONDITIONS:
        run(name, known[name], cut, options)


if __name__ == "__main__":
    main()
