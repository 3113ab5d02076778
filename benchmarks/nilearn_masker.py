"""The nilearn way: NiftiMasker with a mask that is known beforehand, then np.corrcoef.

python nilearn_masker.py X_DIR Y_DIR MASK OUT.npy
"""

import os
import sys

import numpy as np
from nilearn.maskers import NiftiMasker


def main(x_dir, y_dir, mask, out):
    """Correlate every file of one folder with every file of the other."""
    masker = NiftiMasker(mask_img=mask, standardize=None).fit()
    X, Y = (masker.transform([os.path.join(d, f) for f in sorted(os.listdir(d))]) for d in (x_dir, y_dir))
    np.save(out, np.corrcoef(Y, X)[: len(Y), len(Y) :])


if __name__ == "__main__":
    main(*sys.argv[1:])
