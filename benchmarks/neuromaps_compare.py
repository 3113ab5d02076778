"""The neuromaps way: compare_images for every pair of images; zeros are left out, other backgrounds are not.

python neuromaps_compare.py X_DIR Y_DIR OUT.npy
"""

import os
import sys

import nibabel as nib
import numpy as np
from neuromaps.stats import compare_images


def main(x_dir, y_dir, out):
    """Correlate every file of one folder with every file of the other."""
    xs, ys = ([nib.load(os.path.join(d, f)) for f in sorted(os.listdir(d))] for d in (x_dir, y_dir))
    np.save(out, np.array([[compare_images(x, y) for x in xs] for y in ys]))


if __name__ == "__main__":
    main(*sys.argv[1:])
