"""The nltools way: Brain_Data of all files in a mask that is known beforehand, similarity with one map at a time.

python nltools_similarity.py X_DIR Y_DIR MASK OUT.npy
"""

import os
import sys

import numpy as np
from nltools.data import Brain_Data


def main(x_dir, y_dir, mask, out):
    """Correlate every file of one folder with every file of the other."""
    x, y = (Brain_Data([os.path.join(d, f) for f in sorted(os.listdir(d))], mask=mask) for d in (x_dir, y_dir))
    np.save(out, np.array([x.similarity(one, method="correlation") for one in y]))


if __name__ == "__main__":
    main(*sys.argv[1:])
