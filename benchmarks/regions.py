"""What regions cost: a run with an atlas against the voxel-wise run, and means against one masker per map.

    python benchmarks/regions.py --runs 5                       # 100 compact regions
    python benchmarks/regions.py --atlas aal.nii.gz --data /tmp/bench

The 30 × 30 maps of 2 mm are those of `speed.py M`. First whole processes in turn, CPU time as a ratio; then, within one
process and maps in memory already, the CPU time of nilearn's NiftiLabelsMasker made for each map (as scripts in loops
do) over that of niicorr's means of all maps at once, and the largest difference of the two.
"""

import argparse
import contextlib
import glob
import os
import statistics
import subprocess
import sys
import tempfile
import time

from speed import NUMBERS, Row, measure, script, show

SEEDS = 100


def main():
    """Measure both; the status is 1 where a budget was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--atlas", help="a label image; without it compact parcels of the mask")
    parser.add_argument("--runs", type=int, default=5, help="rounds that count, after one that does not")
    parser.add_argument("--data", help="folder for the generated maps, kept; else a temporary one")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        temporary, scratch = (stack.enter_context(tempfile.TemporaryDirectory(prefix="niicorr-bench-"))
                              for _ in range(2))
        data = os.path.abspath(options.data or temporary)
        folder = os.path.join(data, "M")
        subprocess.run([sys.executable, script("make_data.py"), "M", folder], check=True)
        atlas = options.atlas and os.path.abspath(options.atlas)
        if atlas is None:
            atlas = os.path.join(scratch, "parcels.nii.gz")
            subprocess.run([sys.executable, __file__, "--parcels", folder, atlas], check=True)
        x, y = os.path.join(folder, "x"), os.path.join(folder, "y")
        run = [sys.executable, "-m", "niicorr", "run", "-x", x, "-y", y, *NUMBERS]
        rows = [Row("voxels", [*run, "-o", os.path.join(scratch, "voxels")]),
                Row("regions", [*run, "-o", os.path.join(scratch, "regions"), "--atlas", atlas], budget=1.5)]
        measure(rows, options.runs, scratch)
        show("30 x 30 maps, regions against voxels", rows, options.runs)
        subprocess.run([sys.executable, __file__, "--means", folder, atlas, str(options.runs)], check=True)
        sys.exit(any(row.fault for row in rows))


def parcels(folder, path):
    """Cut the mask into compact parcels around random voxels."""
    import nibabel as nib
    import numpy as np
    from scipy.spatial import cKDTree

    image = nib.load(os.path.join(folder, "mask.nii.gz"))
    inside = np.argwhere(np.asarray(image.dataobj) > 0)
    seeds = inside[np.random.default_rng(0).choice(len(inside), SEEDS, replace=False)]
    labels = np.zeros(image.shape, dtype=np.int16)
    labels[tuple(inside.T)] = 1 + cKDTree(seeds).query(inside)[1]
    nib.save(nib.Nifti1Image(labels, image.affine), path)


def means(folder, atlas_path, runs):
    """Compare nilearn's masker, made for each map, with all maps at once; both on maps in memory."""
    import nibabel as nib
    import numpy as np
    from nilearn.maskers import NiftiLabelsMasker

    import niicorr as nc
    from niicorr.images.atlas import read_atlas
    from niicorr.images.atlas_sampling import sample_atlas
    from niicorr.images.regions import regional_means

    files = sorted(glob.glob(os.path.join(folder, "x", "*")))
    images = [nib.load(file) for file in files]
    for image in images:
        image.get_fdata()
    ratios, theirs, ours, once = [], [], [], []
    for _ in range(runs):
        start = time.process_time()
        found = [NiftiLabelsMasker(atlas_path, standardize=None).fit_transform(image).ravel() for image in images]
        theirs.append((time.process_time() - start) / len(files))
        survey = nc.survey(nc.read_maps(files), zeros="data", background="none")
        start = time.process_time()
        sampling, atlas = sample_atlas(survey, None, read_atlas(atlas_path))
        once.append(time.process_time() - start)
        start = time.process_time()
        values = regional_means(survey, sampling, atlas).values
        ours.append((time.process_time() - start) / len(files))
        ratios.append(theirs[-1] / ours[-1])
    print(f"\nmeans of {values.shape[1]} regions, {len(files)} maps in memory, CPU ms a map: nilearn's masker for each "
          f"{1e3 * statistics.median(theirs):.1f}, all at once {1e3 * statistics.median(ours):.2f} (and "
          f"{1e3 * statistics.median(once):.0f} once, for atlas and grid); ratio {statistics.median(ratios):.0f} "
          f"({min(ratios):.0f}-{max(ratios):.0f})")
    there = np.isfinite(values)
    if np.shape(found) == values.shape:
        print(f"largest difference {np.abs(np.array(found) - values)[there].max():.2g}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--parcels"]:
        parcels(*sys.argv[2:4])
    elif sys.argv[1:2] == ["--means"]:
        means(*sys.argv[2:4], int(sys.argv[4]))
    else:
        main()
