"""The script most people have: load every map with nibabel, loop over pairs, mask each, np.corrcoef.

python nibabel_loop.py X_DIR Y_DIR X_BACKGROUND Y_BACKGROUND OUT.npy
"""

import os
import sys

import nibabel as nib
import numpy as np


def main(x_dir, y_dir, x_background, y_background, out):
    """Correlate every file of one folder with every file of the other."""
    xs, ys = ([nib.load(os.path.join(d, f)).get_fdata() for f in sorted(os.listdir(d))] for d in (x_dir, y_dir))
    r = np.empty((len(ys), len(xs)))
    for i, y in enumerate(ys):
        for j, x in enumerate(xs):
            inside = (x != float(x_background)) & (y != float(y_background))
            r[i, j] = np.corrcoef(x[inside], y[inside])[0, 1]
    np.save(out, r)


if __name__ == "__main__":
    main(*sys.argv[1:])
