"""Compare the matrices that the rows of one benchmark found.

python agreement.py REFERENCE.npy OTHER...        (.npy, .txt, or niicorr's correlations.csv)
"""

import csv
import os
import sys

import numpy as np


def read(path):
    """Return a matrix, y by x, from either kind of file."""
    if path.endswith(".npy"):
        return np.load(path)
    if path.endswith(".txt"):
        return np.loadtxt(path)
    with open(path, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    if header != ["", *sorted(header[1:])] or [row[0] for row in rows] != sorted(row[0] for row in rows):
        sys.exit(f"{path}: maps are not in the order of their names")
    return np.array([[float(cell or "nan") for cell in row[1:]] for row in rows])


def main(reference, *others):
    """Print the largest difference of each matrix from the first."""
    expected = read(reference)
    for path in others:
        found = read(path)
        if found.shape != expected.shape:
            sys.exit(f"{path}: {found.shape}, expected {expected.shape}")
        print(f"{os.path.basename(os.path.dirname(path))}\t{abs(found - expected).max():.1e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
