"""What a careful person writes for data they know: the yardstick of the benchmarks.

Threads read, inflate (zlib-ng) and standardise; rows are float32, centred in float64 before the cast; one
matrix product in chunks of voxels, accumulated in float64. It knows what niicorr has to find out: that all
files are little-endian single-member NIfTI-1 without scaling, on one grid, with the outline of the first.

    python hand_script.py X_DIR Y_DIR X_BACKGROUND Y_BACKGROUND OUT.npy
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # two threads double the CPU time of a small product

import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from zlib_ng import zlib_ng

DTYPES = {16: np.dtype("<f4"), 64: np.dtype("<f8")}
CHUNK = 8192


def read(path):
    """Return the voxels of a file, flat, as they lie in it."""
    with open(path, "rb") as file:
        content = file.read()
    if path.endswith(".gz"):
        content = zlib_ng.decompress(content, 31, struct.unpack("<I", content[-4:])[0])
    ndim, *shape = struct.unpack_from("<8h", content, 40)
    code, offset = struct.unpack_from("<h", content, 70)[0], int(struct.unpack_from("<f", content, 108)[0])
    return np.frombuffer(content, DTYPES[code], int(np.prod(shape[:ndim])), offset)


def main(x_dir, y_dir, x_background, y_background, out):
    """Correlate every file of one folder with every file of the other."""
    xs, ys = ([os.path.join(d, name) for name in sorted(os.listdir(d))] for d in (x_dir, y_dir))
    mask = np.flatnonzero((read(xs[0]) != float(x_background)) & (read(ys[0]) != float(y_background)))
    rows = np.empty((len(xs) + len(ys), mask.size), dtype=np.float32)

    def fill(item):
        row, path = item
        values = read(path)[mask]
        mean = values.mean(dtype=np.float64)
        values = values - values.dtype.type(mean)
        norm = np.sqrt(np.einsum("i,i", values, values, dtype=np.float64))
        np.multiply(values, values.dtype.type(1 / norm), out=rows[row], casting="same_kind")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(fill, enumerate(xs + ys)))
    r = np.zeros((len(ys), len(xs)))
    for start in range(0, mask.size, CHUNK):
        r += rows[len(xs) :, start : start + CHUNK] @ rows[: len(xs), start : start + CHUNK].T
    np.save(out, r)
    print(f"{len(ys)} x {len(xs)}, {mask.size} voxels, checksum {r.sum():.6f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
