"""How often do p-values call unrelated maps related? Simulated fields in a brain mask, every null of niicorr.

    python calibration.py                                  # all conditions at 4 mm, eight blocks of 30 × 30 maps
    python calibration.py g20 amplitude --blocks 16        # some conditions, more exactly
    python calibration.py --mm 3 --power --coverage        # other voxels; power and intervals too
    python calibration.py --mask my_mask.nii.gz            # your own grid and mask
    python calibration.py --surrogates 199                 # the surrogate null as well (slow; fewer y maps)
    python calibration.py --method spearman skewed zeros   # another similarity that has a formula
    python calibration.py --real maps/ --mask mask.nii.gz  # real maps against independent fields and mirror images

One thread is as good as many here: set OPENBLAS_NUM_THREADS=1. Nulls of regions are in calibration_regions.py, on the
same fields; those of time series in calibration_temporal.py.

For each condition, blocks of independent x and y maps are made; every pair of a block is a true null, so the
share of p ≤ .05 should be .05. Pairs of one block share maps; the standard error is therefore that of the blocks'
means. The textbook p-value must fail here: that shows the test can fail.

Power: y shares the part ρ of each x. The oracle knows the true variance of r (from all null pairs of the
condition). Coverage: how often the 95 % interval holds the true correlation.

Real maps are the hardest case. Against independent fields every pair is a true null with real unevenness. Against
mirrored real maps (left and right, front and back) the null is only nearly true: brains are symmetric, so left
against right mirrors tells of anatomy as much as of chance.
"""

import argparse
import contextlib
import time
from dataclasses import dataclass

import nibabel as nib
import numpy as np
from scipy import fft, ndimage

from niicorr.compute.similarity import Similarity
from niicorr.draws import count_draws
from niicorr.inference import fisher_interval, pvalues
from niicorr.matrix import Features, MapMatrix
from niicorr.nulls.effective import effective_null
from niicorr.records import NullModel
from niicorr.space import Grid

LEVELS = (0.05, 0.01, 0.001)
NULLS = ("textbook", "gsm", "effective")
SURROGATE_MAPS = 8
"""So many y maps of a block are drawn at random: each costs as much as fitting a hundred."""

FWHM_SD = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True)
class Brain:
    """A mask on its grid, with what the conditions need of anatomy."""

    mask: np.ndarray
    affine: np.ndarray
    grey: np.ndarray  # share of grey matter, (voxels,)
    depth: np.ndarray  # 0 at the rim to 1 in the middle, (voxels,)

    @property
    def features(self):
        """The mask's voxels."""
        indices = np.flatnonzero(self.mask.ravel(order="F"))
        return Features(len(indices), Grid(self.mask.shape, self.affine), indices)

    @property
    def edges(self):
        """Voxel edges in mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


def read_brain(path, mm, grey_only):
    """Take a mask from a file, or nilearn's; grey matter is nilearn's in any case."""
    from nilearn.datasets import load_mni152_brain_mask, load_mni152_gm_template
    from nilearn.image import resample_to_img

    image = nib.load(path) if path else load_mni152_brain_mask(resolution=mm)
    mask = np.asarray(image.dataobj) > 0
    template = resample_to_img(load_mni152_gm_template(resolution=2), image, force_resample=True, copy_header=True)
    grey = np.clip(template.get_fdata() / template.get_fdata().max(), 0, 1)
    if grey_only:
        mask &= grey > 0.4
    edges = np.linalg.norm(image.affine[:3, :3], axis=0)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=edges)[1:-1, 1:-1, 1:-1]
    order = [np.asarray(volume).ravel(order="F")[np.flatnonzero(mask.ravel(order="F"))] for volume in (grey, depth)]
    return Brain(mask, image.affine, order[0], order[1] / order[1].max())


class Fields:
    """Random fields on twice the box, so that opposite ends do not meet."""

    def __init__(self, brain, seed):
        self.brain, self.rng = brain, np.random.default_rng(seed)
        self.shape = tuple(fft.next_fast_len(2 * n) for n in brain.mask.shape)
        self.frequency = [fft.fftfreq(n, e) for n, e in zip(self.shape, brain.edges, strict=True)]
        self.inside = brain.features.indices

    def gaussian(self, *fwhm):
        """Amplitudes of a Gaussian kernel, FWHM in mm (one, or one for each axis)."""
        widths = np.broadcast_to(np.array(fwhm) / FWHM_SD, 3)
        f = np.meshgrid(*self.frequency, indexing="ij", sparse=True)
        return np.exp(-2 * np.pi**2 * sum((k * s) ** 2 for k, s in zip(f, widths, strict=True))).astype(np.float32)

    def power_law(self, exponent):
        """Amplitudes that fall with the frequency to a power, from one wave in the longest edge of the box on."""
        f = np.sqrt(sum(k**2 for k in np.meshgrid(*self.frequency, indexing="ij", sparse=True)))
        lowest = 1 / max(n * e for n, e in zip(self.brain.mask.shape, self.brain.edges, strict=True))
        return np.where(f < lowest, 0, np.maximum(f / lowest, 1) ** -float(exponent)).astype(np.float32)

    def make(self, count, *amplitudes):
        """Make maps (count × voxels); of several amplitudes, several versions from the same noise."""
        versions = [np.empty((count + 1, len(self.inside))) for _ in amplitudes]
        a, b, c = self.brain.mask.shape
        for i in range(0, count, 2):
            noise = self.rng.standard_normal((*self.shape, 2), np.float32).view(np.complex64)[..., 0]
            for rows, amplitude in zip(versions, amplitudes, strict=True):
                field = fft.ifftn(noise * amplitude)[:a, :b, :c].ravel(order="F")[self.inside]
                rows[i : i + 2] = field.real, field.imag
        versions = [rows[:count] / rows[:count].std() for rows in versions]
        return versions[0] if len(versions) == 1 else versions


def conditions(fields):
    """Name → a function that makes so many maps of x, and one for y."""
    brain = fields.brain
    g = {f: fields.gaussian(f) for f in (6, 8, 12, 20, 30)}
    contrast = 0.25 + 1.5 * brain.grey**2

    def plain(amplitude):
        return lambda n: fields.make(n, amplitude)

    def mixture(n):
        smooth, rough = fields.make(n, g[20], g[6])
        inner = np.clip(4 * (brain.depth - 0.3), 0, 1)
        return np.sqrt(inner) * smooth + np.sqrt(1 - inner) * rough

    both = {
        "g8": plain(g[8]),
        "g20": plain(g[20]),
        "g30": plain(g[30]),
        "pl2": plain(fields.power_law(2)),
        "pl3": plain(fields.power_law(3)),
        "anisotropic": plain(fields.gaussian(18, 6, 6)),
        "amplitude": lambda n: fields.make(n, g[8]) * contrast,
        "smoothness": mixture,
        "smoothness+amplitude": lambda n: mixture(n) * contrast,
        "skewed": lambda n: np.exp(fields.make(n, g[12])),
        "zeros": lambda n: np.maximum(fields.make(n, g[12]) - 1, 0),
        "band": plain(g[8] - fields.gaussian(24)),
    }
    named = {name: (make, make) for name, make in both.items()}
    named["mixed"] = (both["g8"], both["g30"])
    named["one uneven"] = (both["smoothness+amplitude"], plain(g[12]))
    return named


def matrix(values, features):
    """Maps as niicorr holds them."""
    return MapMatrix.from_array(values, features=features)


def sizes(null, x, y):
    """n_effective under every null."""
    n = np.full((len(y), len(x)), x.features.n)
    found = null.size(null.describe(x), null.describe(y), n)
    return {"textbook": n.astype(float), "gsm": found.gsm_n_effective, "effective": found.n_effective}


def silent(_total, _what):
    """Tell nobody how far the draws have come."""
    return contextlib.nullcontext(lambda _done: None)


def draw(x, y, similarity, count, seed):
    """p and n_effective under the surrogate null, for the first y maps."""
    y = y.part(slice(0, SURROGATE_MAPS))
    found = similarity(x, y)
    draws = count_draws(x, y, found, np.isfinite(found.r), similarity=similarity,
                        model=NullModel("surrogate", n_surrogates=count, seed=seed), jobs=1, memory=2**31,
                        progress=silent)
    return draws.p, draws.n_effective


class Tally:
    """Rates and sizes of the blocks of one condition."""

    def __init__(self, nulls):
        self.rates, self.median, self.squares = {n: [] for n in nulls}, {n: [] for n in nulls}, []

    def add(self, key, p, n_effective):
        """Count a block."""
        self.rates[key].append([np.mean(p <= level) for level in LEVELS])
        self.median[key].append(np.median(n_effective))

    def show(self, name):
        """Print a row for each null, and return the true n_effective."""
        true = 1 + 1 / np.mean(self.squares)
        for key, rates in self.rates.items():
            blocks = np.array(rates)
            error = blocks.std(axis=0, ddof=1) / np.sqrt(len(blocks))
            cells = "  ".join(f"{m:.4f} ±{e:.4f}" for m, e in zip(blocks.mean(axis=0), error, strict=True))
            print(f"{name:21s} {key:9s} {np.mean(self.median[key]):9.1f} {true:9.1f}   {cells}", flush=True)
        return true


def run(name, makes, fields, options):
    """Print the rows of one condition."""
    started, features, similarity = time.process_time(), fields.brain.features, Similarity(options.method)
    null, tally = None, Tally((*NULLS, *["surrogate"] * bool(options.surrogates)))
    for block in range(options.blocks):
        x, y = (matrix(make(options.maps), features) for make in makes)
        r = similarity(x, y).r
        base_x, base_y = similarity.base(x), similarity.base(y)
        null = null or effective_null(base_x, base_y)
        tally.squares.append(np.mean(r**2))
        for key, n_effective in sizes(null, base_x, base_y).items():
            tally.add(key, pvalues(r, n_effective), n_effective)
        if options.surrogates:
            tally.add("surrogate", *draw(x, y, similarity, options.surrogates, options.seed * 1000 + block))
    true = tally.show(name)
    for rho in ([0.1, 0.2] if options.power else []) + ([0.0, 0.3, 0.6] if options.coverage else []):
        related(name, rho, makes, null, true, fields, options)
    print(f"{'':21s} ({time.process_time() - started:.0f} s of processor time)", flush=True)


def related(name, rho, makes, null, true, fields, options):
    """Print power and coverage where y shares a part of x."""
    hits, covered = {n: [] for n in (*NULLS, "oracle")}, {n: [] for n in (*NULLS, "oracle")}
    for _ in range(options.blocks):
        a, b = (make(options.maps) for make in makes)
        a, b = ((v - v.mean(axis=1, keepdims=True)) / v.std(axis=1, keepdims=True) for v in (a, b))
        x, y = matrix(a, fields.brain.features), matrix(rho * a + np.sqrt(1 - rho**2) * b, fields.brain.features)
        n_effective = sizes(null, x, y)
        n_effective["oracle"] = np.full((len(y), len(x)), true)
        r = np.diag(Similarity()(x, y).r)
        for key, n in n_effective.items():
            low, high = fisher_interval(r, np.diag(n))
            covered[key].append(np.mean((low <= rho) & (rho <= high)))
            hits[key].append(np.mean(pvalues(r, np.diag(n)) <= LEVELS[0]))
    for what, found in (("p ≤ .05", hits), ("coverage", covered)):
        cells = "  ".join(f"{key} {np.mean(found[key]):.3f} ±{np.std(found[key], ddof=1) / len(found[key])**.5:.3f}"
                          for key in found)
        print(f"{name:21s} ρ = {rho:.1f} {what:9s} {cells}", flush=True)


def run_real(folder, fields, options):
    """Print rows for real maps against independent fields and mirrored real maps."""
    import niicorr as nc

    brain, features = fields.brain, fields.brain.features
    survey = nc.survey(nc.read_maps(folder, on_error="skip", volumes="all"))
    sampling = nc.choose_sampling(survey, mask=(brain.mask.astype("u1"), brain.affine))
    real = nc.extract(survey, sampling)
    usable = np.flatnonzero([record.error is None and record.coverage > 0.5 for record in real.records])
    real = real.part(usable)
    print(f"{len(real)} real maps of {len(survey.maps)} cover more than half of the mask", flush=True)
    null = effective_null(real, real)
    described = null.describe(real)
    g = {f: fields.gaussian(f) for f in (6, 12, 20, 30)}
    kinds = [lambda n, f=f: fields.make(n, g[f]) for f in g] + [lambda n: fields.make(n, fields.power_law(2))]
    similarity, tally, single = Similarity(), Tally(NULLS), []
    for _ in range(options.blocks):
        y = matrix(np.concatenate([make(options.maps // len(kinds)) for make in kinds]), features)
        n = (y.supports[y.support_of].astype(np.float32) @ real.supports[real.support_of].T.astype(np.float32)).round()
        both = effective_null(real, y)
        r, found = similarity(real, y).r, both.size(both.describe(real), both.describe(y), n.astype(int))
        tally.squares.append(np.mean(r**2))
        for key, n_effective in (("textbook", n), ("gsm", np.minimum(1 + 1 / found.gsm_variance, n)),
                                 ("effective", found.n_effective)):
            tally.add(key, pvalues(r, n_effective), n_effective)
        single.append(np.mean(pvalues(r, found.n_effective) <= LEVELS[0], axis=0))
    tally.show("real × independent")
    of_maps = np.mean(single, axis=0)
    print(f"{'':21s} effective, single real maps: {of_maps.min():.3f} to {of_maps.max():.3f}", flush=True)
    for axis, name in ((0, "real × left-right"), (1, "real × front-back")):
        places = np.stack(np.unravel_index(features.indices, brain.mask.shape, order="F"))
        places[axis] = places[axis].max() + places[axis].min() - places[axis]
        at = np.full(brain.mask.size, -1)
        at[features.indices] = np.arange(features.n)
        source = at[np.ravel_multi_index(tuple(places), brain.mask.shape, order="F")]
        values = np.where(source >= 0, real.values[:, source], np.nan)
        mirrored = MapMatrix.from_array(values, features=features)
        both = effective_null(real, mirrored)
        found = similarity(real, mirrored)
        size = both.size(described if both is null else both.describe(real), both.describe(mirrored), found.n)
        others = ~np.eye(len(real), dtype=bool)  # a map is like its own mirror image
        for key, n_effective in (("textbook", found.n), ("gsm", np.minimum(1 + 1 / size.gsm_variance, found.n)),
                                 ("effective", size.n_effective)):
            p = pvalues(found.r, n_effective)[others]
            rates = "  ".join(f"{np.mean(p <= level):.4f}        " for level in LEVELS)
            print(f"{name:21s} {key:9s} {np.median(n_effective[others]):9.1f} {'':9s}   {rates}", flush=True)


def main():
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("conditions", nargs="*", help="all of them, if none is named")
    parser.add_argument("--mask", help="NIfTI mask (default: nilearn's MNI152 brain mask)")
    parser.add_argument("--mm", type=int, default=4, help="voxel size of nilearn's mask")
    parser.add_argument("--grey", action="store_true", help="only the mask's grey matter")
    parser.add_argument("--maps", type=int, default=30, help="maps a side and block")
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--method", default="pearson", choices=["pearson", "spearman", "bicor"])
    parser.add_argument("--surrogates", type=int, default=0, metavar="N", help="draws of the surrogate null")
    parser.add_argument("--real", nargs="+", metavar="MAP", help="real maps, in place of the conditions")
    parser.add_argument("--power", action="store_true")
    parser.add_argument("--coverage", action="store_true")
    options = parser.parse_args()
    if options.blocks < 2:
        parser.error("standard errors need at least two blocks")
    fields = Fields(read_brain(options.mask, options.mm, options.grey), options.seed)
    known = conditions(fields)
    unknown = set(options.conditions) - set(known)
    if unknown:
        parser.error(f"no condition {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    edges = "×".join(f"{e:g}" for e in fields.brain.edges)
    print(f"{fields.brain.features.n} voxels of {edges} mm, {options.blocks} blocks of {options.maps} × {options.maps} "
          f"maps, seed {options.seed}")
    print(f"{'condition':21s} {'null':9s} {'n_eff':>9s} {'true':>9s}   " + "  ".join(f"p ≤ {q:<11g}" for q in LEVELS))
    if options.real:
        run_real(options.real, fields, options)
        return
    for name in options.conditions or known:
        run(name, known[name], fields, options)


if __name__ == "__main__":
    main()
