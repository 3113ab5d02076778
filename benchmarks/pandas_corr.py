"""The pandas way: one column per map, rows without a missing value, DataFrame.corr().

python pandas_corr.py X_DIR Y_DIR X_BACKGROUND Y_BACKGROUND OUT.npy
"""

import os
import sys

import nibabel as nib
import numpy as np
import pandas as pd


def main(x_dir, y_dir, x_background, y_background, out):
    """Correlate every file of one folder with every file of the other."""
    columns = {}
    for folder, background in ((x_dir, float(x_background)), (y_dir, float(y_background))):
        for name in sorted(os.listdir(folder)):
            values = nib.load(os.path.join(folder, name)).get_fdata().ravel()
            values[values == background] = np.nan
            columns[folder, name] = values
    table = pd.DataFrame(columns).dropna()
    r = table.corr().loc[y_dir, x_dir]
    np.save(out, r.to_numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
