"""The nilearn way: NiftiLabelsMasker for each run, ConnectivityMeasure, the mean of the runs as a table.

python rois_nilearn.py ATLAS OUT.csv clean|plain RUN...
"""

import sys

import numpy as np
from nilearn.connectome import ConnectivityMeasure
from nilearn.maskers import NiftiLabelsMasker
from sklearn.covariance import EmpiricalCovariance


def main(atlas, out, how, *runs):
    """Correlate the regions of an atlas with each other; ``clean`` detrends and filters as the other row does."""
    cleaning = {"detrend": True, "low_pass": 0.1, "high_pass": 0.01, "t_r": 2.0} if how == "clean" else {}
    masker = NiftiLabelsMasker(atlas, standardize=None, **cleaning)
    series = [masker.fit_transform(run) for run in runs]
    measure = ConnectivityMeasure(EmpiricalCovariance(), kind="correlation")
    r = measure.fit_transform(series)
    # niicorr weights each run and pair by its effective degrees of freedom; plain scripts do not.
    with np.errstate(divide="ignore"):
        mean = r[0] if len(r) == 1 else np.tanh(np.arctanh(r).mean(axis=0))
    np.savetxt(out, mean, delimiter=",")


if __name__ == "__main__":
    main(*sys.argv[1:])
