"""Maps of every kind that reading tells apart, and what two surveys must have in common."""

from __future__ import annotations

import gzip
from dataclasses import replace

import nibabel as nib
import numpy as np

from niicorr.images.cache.store import open_cache
from niicorr.images.extract import extract
from niicorr.images.mapset import read_maps
from niicorr.images.sampling import choose_sampling
from niicorr.images.survey import survey

SHAPE = (13, 9, 10)
AFFINE = np.diag([8.0, 8, 8, 1])
NAMES = ("a.nii.gz", "b.nii.gz", "c.nii", "d.nii.gz", "e.nii", "f.hdr", "g.nii.gz", "h.nii.gz", "i.mgz")


def ball(size=0.9):
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    return (at**2).sum(axis=0) <= size


def volume(seed, background=0.0):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(SHAPE) + 5
    values[rng.random(SHAPE) < 0.05] = np.nan
    values[~ball()] = background
    return values


def write_maps(folder):
    """Write files of every kind; return their paths."""
    def save(name, data, kind=nib.Nifti1Image, **fields):
        image = kind(data, AFFINE)
        for field, value in fields.items():
            image.header[field] = value
        nib.save(image, folder / name)

    stack = np.stack([volume(k, background) for k, background in enumerate((0.0, -1.0, np.nan))], axis=-1)
    save("a.nii.gz", stack)
    save("b.nii.gz", volume(3).astype(np.float32))
    zeros = np.where(ball(0.2), 0.0, volume(4, -1.0))  # zeros of their own, beside a background
    save("c.nii", zeros.astype(">f4"))
    save("d.nii.gz", np.random.default_rng(5).standard_normal(SHAPE) + 3)  # no background at all
    save("e.nii", np.nan_to_num(10 * volume(6)).astype(np.int16))
    save("f.hdr", volume(7).astype(np.float32), nib.Nifti1Pair)
    save("g.nii.gz", (np.random.default_rng(8).random(SHAPE) < 0.5).astype(np.uint8))  # two values
    save("h.nii.gz", np.zeros(SHAPE, np.float32))  # nothing
    save("i.mgz", volume(9).astype(np.float32), nib.MGHImage)
    whole = gzip.decompress((folder / "b.nii.gz").read_bytes())
    (folder / "b.nii.gz").write_bytes(gzip.compress(whole + b"more", mtime=0))  # after the last voxel
    return [str(folder / name) for name in NAMES]


def read(files, cache=None, *, volumes="all", on_error="stop", jobs=1, keep=float("inf"), **options):
    """Read headers and maps, through a cache that is a path or open already."""
    cache = open_cache(cache) if isinstance(cache, str) else cache
    maps = read_maps(files, volumes=volumes, on_error=on_error, cache=cache)
    return survey(maps, cache=cache, jobs=jobs, keep=keep, **options)


def matrix(read_, **options):
    """Rows and records of a survey."""
    made = extract(read_, choose_sampling(read_), **options)
    return made.rows.tobytes(), made.center.tobytes(), made.supports.tobytes(), repr(made.records), repr(made.zeros)


def told(read_):
    """What the readings say, in full."""
    return [(repr(replace(r, inside_bits=None, stored=None, grid=None)), r.grid.shape, r.grid.affine.tobytes(),
             r.grid.known, r.inside_bits.tobytes(), r.inside_bits.shape) for r in read_.readings]


def voxels(read_):
    """Everything that is known of the voxels of every map."""
    found = []
    for file in read_.maps.files:
        for i, v in read_.voxels(file):
            zero_bits = None if v.some_zero_bits is None else v.some_zero_bits.tobytes()
            found.append((i, v.shape, v.bits.tobytes(), zero_bits, v.rest_is_zero, v.values.dtype, v.values.tobytes(),
                          repr(v.background), v.zeros_are_data))
    return found


def sentences(cache):
    """What the cache says."""
    return "; ".join(decision.text for decision in cache.decisions)
