"""Other tools' calls on niicorr's example data: how far their r lies from niicorr's, and how many signs differ.

    python benchmarks/coming_from.py --python peers/bin/python --python older/bin/python

Each call runs in the first of the interpreters that has its package (this one is tried last), or is left out, which is
said. The calls are those of docs/coming-from.md, its numbers are this script's.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    """Make the example data, run every call on them, print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", default=[], help="an interpreter that has some of the packages")
    interpreters = [*map(os.path.abspath, parser.parse_args().python), sys.executable]
    with tempfile.TemporaryDirectory(prefix="niicorr-bench-") as folder:
        os.chdir(folder)
        print(f"{'data':<22}{'call':<46}{'pairs':>6}{'off by':>9}{'signs':>7}", flush=True)
        for name, ours, calls in works():
            expected = np.asarray(ours())
            for package, what, arguments in calls:
                text = called(package, [what, *arguments], interpreters, expected)
                print(f"{name:<22}{package + ': ' + what:<46}{text}", flush=True)


def works():
    """Yield the name of some data, niicorr's matrix as a function, and the calls of others."""
    import niicorr as nc
    from niicorr import datasets

    asked, mixed, cut, bold = (make(name) for make, name in (
        (datasets.question, "question"), (datasets.mixed_grids, "mixed"), (datasets.thresholded, "thresholded"),
        (datasets.bold, "bold")))

    def ours(x, y, **options):
        return lambda: nc.correlate(list(x), list(y), null="none", warn=False, **options).r

    result = nc.correlate(list(asked.x), list(asked.y), null="none", warn=False)
    result.save("out")
    mask, x, y = "out/mask.nii.gz", *(os.path.dirname(one[0]) for one in (asked.x, asked.y))
    yield "20 × 4, mask", ours(asked.x, asked.y), [
        ("nilearn", "masker", [x, y, mask]), ("nltools", "similarity", [x, y, mask]),
        ("wb_command", "cross-correlation", [x, y, mask])]
    everything = ones_like(asked.x[0])
    yield "20 × 4, as they are", ours(asked.x, asked.y), [
        ("numpy", "flattened", [x, y]), ("nilearn", "masker by itself", [x, y]),
        ("neuromaps", "compare_images", [x, y]), ("nltools", "similarity by itself", [x, y]),
        ("wb_command", "cross-correlation", [x, y, everything])]
    yield "4 × 4, −1 outside", ours(asked.y, asked.y), [
        ("numpy", "flattened", [y, y]), ("nilearn", "masker by itself", [y, y]),
        ("neuromaps", "compare_images", [y, y])]
    whole, parts = (os.path.dirname(one[0]) for one in (cut.y, cut.x))
    yield "thresholded, mask", ours(cut.x, cut.y, mask=mask), [
        ("nilearn", "masker", [parts, whole, mask]), ("neuromaps", "compare_images", [parts, whole])]
    several, others = (os.path.dirname(one[0]) for one in (mixed.x, mixed.y))
    yield "five storages of one", ours(mixed.x, mixed.y, grid="y"), [
        ("numpy", "flattened", [several, others]), ("nilearn", "masker", [several, others, mask]),
        ("neuromaps", "compare_images", [several, others]),
        ("wb_command", "cross-correlation", [several, others, mask])]
    yield "20 × 4, 40 regions", ours(asked.x, asked.y, atlas=bold.atlas, grid="x"), [
        ("nilearn", "labels masker", [x, y, bold.atlas])]
    yield "one run, 40 regions", lambda: nc.correlate_rois(bold.x[0], bold.atlas, null="none", warn=False).r, [
        ("nilearn", "connectivity", [bold.x[0], bold.atlas]),
        ("nilearn", "connectivity, not shrunk", [bold.x[0], bold.atlas, "not shrunk"])]


def called(package, arguments, interpreters, expected):
    """Run one call where its package is; return what there is to say of it."""
    if package == "wb_command":
        if shutil.which("wb_command") is None:
            return "left out: not installed"
        python, words = sys.executable, [os.path.join(HERE, "wb_cross_correlation.py"), *arguments[1:], "theirs.txt"]
    else:
        ask = f"import {package}"
        python = next((p for p in interpreters
                       if subprocess.run([p, "-c", ask], capture_output=True, check=False).returncode == 0), None)
        if python is None:
            return "left out: no interpreter has it"
        words = [os.path.abspath(__file__), "--call", *arguments, "theirs.npy"]
    for name in ("theirs.txt", "theirs.npy"):
        if os.path.exists(name):
            os.remove(name)
    done = subprocess.run([python, "-W", "ignore", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"fails: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1][:100]}"
    theirs = np.loadtxt("theirs.txt") if package == "wb_command" else np.load("theirs.npy")
    pairs = np.isfinite(expected)
    np.fill_diagonal(pairs, val=pairs.shape[0] != pairs.shape[1])
    off, shown = abs(theirs - expected)[pairs], np.minimum(abs(theirs), abs(expected))[pairs] >= 0.005
    signs = int(((theirs * expected)[pairs][shown] < 0).sum())
    return f"{pairs.sum():6}{off.max():9.2g}{signs:7}"


def ones_like(path):
    """Write a mask of all voxels."""
    import nibabel as nib

    image = nib.load(path)
    nib.save(nib.Nifti1Image(np.ones(image.shape[:3], "uint8"), image.affine), "everything.nii.gz")
    return "everything.nii.gz"


def files(folder):
    """Name the files of a folder, in order."""
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def cross(x, y):
    """Correlate rows with rows."""
    return np.corrcoef(y, x)[: len(y), len(y) :]


def flattened(x, y):
    """What a script does."""
    import nibabel as nib

    return cross(*([nib.load(f).get_fdata().ravel() for f in files(folder)] for folder in (x, y)))


def masker(x, y, mask=None):
    """nilearn's masker: with a mask, or with the one that it finds."""
    from nilearn.maskers import NiftiMasker

    fitted = NiftiMasker(mask_img=mask, standardize=None).fit(None if mask else files(x) + files(y))
    return cross(*(np.vstack([fitted.transform(f) for f in files(folder)]) for folder in (x, y)))


def labels_masker(x, y, atlas):
    """nilearn's regional means."""
    from nilearn.maskers import NiftiLabelsMasker

    fitted = NiftiLabelsMasker(atlas, standardize=None).fit()
    return cross(*(np.vstack([fitted.transform(f) for f in files(folder)]) for folder in (x, y)))


def connectivity(bold, atlas, shrunk=""):
    """nilearn's regions with each other: shrunk by Ledoit and Wolf's rule unless told otherwise."""
    from nilearn.connectome import ConnectivityMeasure
    from nilearn.maskers import NiftiLabelsMasker
    from sklearn.covariance import EmpiricalCovariance

    series = NiftiLabelsMasker(atlas, standardize=None).fit_transform(bold)
    how = {"cov_estimator": EmpiricalCovariance()} if shrunk else {}
    return ConnectivityMeasure(kind="correlation", standardize=None, **how).fit_transform([series])[0]


def compare_images(x, y):
    """neuromaps: a pair at a time."""
    from neuromaps.stats import compare_images as compare

    return np.array([[compare(one, other) for one in files(x)] for other in files(y)])


def similarity(x, y, mask=None):
    """nltools: in a mask, or in its own of 2 mm."""
    from nltools.data import Brain_Data

    one, other = (Brain_Data(files(folder), mask=mask) for folder in (x, y))
    return np.array([one.similarity(row, method="correlation") for row in other])


CALLS = {"flattened": flattened, "masker": masker, "masker by itself": masker, "labels masker": labels_masker,
         "connectivity": connectivity, "connectivity, not shrunk": connectivity, "compare_images": compare_images,
         "similarity": similarity, "similarity by itself": similarity}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--call"]:
        np.save(sys.argv[-1], CALLS[sys.argv[2]](*sys.argv[3:-1]))
    else:
        main()
