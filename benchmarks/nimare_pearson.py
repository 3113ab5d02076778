"""The NiMARE way, as far as there is one: the function its decoders correlate with, on maps that nilearn has masked.

The decoders themselves correlate an image with maps that they make from coordinates of studies.

python nimare_pearson.py X_DIR Y_DIR MASK OUT.npy
"""

import os
import sys

import numpy as np
from nimare.stats import pearson
from nimare.utils import get_masker


def main(x_dir, y_dir, mask, out):
    """Correlate every file of one folder with every file of the other."""
    masker = get_masker(mask)
    X, Y = (masker.transform([os.path.join(d, f) for f in sorted(os.listdir(d))]) for d in (x_dir, y_dir))
    np.save(out, np.array([pearson(y, X) for y in Y]))


if __name__ == "__main__":
    main(*sys.argv[1:])
