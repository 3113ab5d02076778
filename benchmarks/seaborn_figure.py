"""The plain script with a picture: nibabel, one common mask, np.corrcoef, seaborn's annotated heatmap.

python seaborn_figure.py X_DIR Y_DIR X_BACKGROUND Y_BACKGROUND OUT.npy FIGURE...
"""

import os
import sys

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
import seaborn as sns


def main(x_dir, y_dir, x_background, y_background, out, *figures):
    """Correlate every file of one folder with every file of the other and draw the matrix."""
    names = [sorted(os.listdir(d)) for d in (x_dir, y_dir)]
    X, Y = (
        np.array([nib.load(os.path.join(d, f)).get_fdata().ravel() for f in files])
        for d, files in zip((x_dir, y_dir), names, strict=True)
    )
    inside = np.all(float(x_background) != X, axis=0) & np.all(float(y_background) != Y, axis=0)
    r = np.corrcoef(Y[:, inside], X[:, inside])[: len(Y), len(Y) :]
    np.save(out, r)
    labels = [[name.split(".")[0] for name in files] for files in names]
    _, axes = plt.subplots(figsize=(14, 4))
    sns.heatmap(
        r,
        ax=axes,
        annot=True,
        fmt=".2f",
        center=0,
        cmap="RdBu_r",
        xticklabels=labels[0],
        yticklabels=labels[1],
    )
    plt.tight_layout()
    for figure in figures:
        plt.savefig(figure, dpi=150)


if __name__ == "__main__":
    main(*sys.argv[1:])
