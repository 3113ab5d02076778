"""Builders of the files the promises are tested on: maps written byte by byte, right ones and broken ones."""

from __future__ import annotations

import gzip
import itertools
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.nifti1 import Nifti1PairHeader
from nibabel.nifti2 import Nifti2PairHeader
from scipy.ndimage import gaussian_filter

SHAPE = (16, 18, 14)
EDGE = 8.0


def centred(shape=SHAPE, edge=EDGE, shift=(0.0, 0.0, 0.0)):
    """RAS affine of a grid whose middle is the origin, moved by ``shift`` voxels."""
    affine = np.diag([edge, edge, edge, 1.0])
    affine[:3, 3] = edge * (np.asarray(shift) - (np.asarray(shape) - 1) / 2)
    return affine


AFFINE = centred()


def rotation(x=0.0, y=0.0, z=0.0):
    """4 × 4 rotation by angles in radians."""
    cx, cy, cz, sx, sy, sz = *np.cos([x, y, z]), *np.sin([x, y, z])
    turn = np.eye(4)
    turn[:3, :3] = (
        np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
        @ np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        @ np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    )
    return turn


def brain(shape=SHAPE, centre=(0.0, 0.0, 0.0), size=0.44):
    """Solid ellipsoid: 36 % of the volume, about half of its bounding box, no face touched."""
    axes = [(np.arange(n) - (n - 1) / 2 - c) / (size * n) for n, c in zip(shape, centre, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    return x**2 + y**2 + z**2 <= 1


BRAIN = brain()


def noise(seed, shape=SHAPE, smooth=0.0):
    """Gaussian noise of mean 0 and standard deviation 1, without exact zeros or ties."""
    field = np.random.default_rng(seed).standard_normal(shape)
    if smooth:
        field = gaussian_filter(field, smooth)
    return (field - field.mean()) / field.std()


def related(seed, to, share=0.5):
    """Noise that correlates with ``to`` at about ``share``."""
    return share * to + np.sqrt(1 - share**2) * noise(seed, to.shape)


def orientations(shape=SHAPE, affine=AFFINE):
    """All 48 (axis order, flips) of a grid: functions of an array, with the affine that goes with each."""
    for order in itertools.permutations(range(3)):
        for flips in itertools.product((False, True), repeat=3):
            yield order, flips


def reoriented(data, order, flips, affine=AFFINE):
    """Return the same picture stored in another axis order and direction, and its affine."""
    axes = np.zeros((4, 4))
    axes[3, 3] = 1
    for new, (old, flip) in enumerate(zip(order, flips, strict=True)):
        axes[old, new] = -1 if flip else 1
        axes[old, 3] = data.shape[old] - 1 if flip else 0
    moved = data.transpose(order)[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    return moved, affine @ axes


def pack(path, content: bytes):
    """Write bytes, compressed if the name ends in .gz."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, 6, mtime=0) if path.suffix == ".gz" else content)
    return path


def nifti_header(
    shape, affine=AFFINE, dtype="float64", *, order="<", version=1, pair=False, sform=2, qform=1,
    qaffine=None, units="mm", time="unknown", tr=None, fields=None,
):  # fmt: skip
    """Header of a NIfTI file; ``fields`` are set last, past every check."""
    kinds = {
        (1, False): nib.Nifti1Header,
        (1, True): Nifti1PairHeader,
        (2, False): nib.Nifti2Header,
        (2, True): Nifti2PairHeader,
    }
    header = kinds[version, pair](endianness=order)
    header.set_data_dtype(np.dtype(dtype))
    header.set_data_shape(shape)
    header.set_xyzt_units(units, time)
    header["vox_offset"] = 0 if pair else {1: 352, 2: 544}[version]
    header.set_qform(affine if qaffine is None else qaffine, code=1, strip_shears=True)
    header.set_sform(affine, code=1)
    header["qform_code"], header["sform_code"] = qform, sform
    if tr is not None:
        header["pixdim"][4] = tr
    for name, value in (fields or {}).items():
        header[name] = value
    return header


def nifti_bytes(data, affine=AFFINE, dtype=None, *, extension=b"", **header):
    """Return the whole content of a single NIfTI file."""
    data = np.asarray(data)
    dtype = np.dtype(dtype or data.dtype).newbyteorder(header.get("order", "<"))
    head = nifti_header(data.shape, affine, dtype.newbyteorder("="), **header).binaryblock
    return head + (b"\1\0\0\0" + extension if extension else bytes(4)) + data.astype(dtype).tobytes(order="F")


def write_nifti(path, data, affine=AFFINE, dtype=None, **header):
    """Write .nii, .nii.gz, or the .hdr and .img of a pair; return the path given."""
    path = Path(path)
    if path.suffix not in (".hdr", ".img"):
        return pack(path, nifti_bytes(data, affine, dtype, **header))
    data = np.asarray(data)
    dtype = np.dtype(dtype or data.dtype).newbyteorder(header.get("order", "<"))
    head = nifti_header(data.shape, affine, dtype.newbyteorder("="), pair=True, **header)
    pack(path.with_suffix(".hdr"), head.binaryblock + bytes(4))
    pack(path.with_suffix(".img"), data.astype(dtype).tobytes(order="F"))
    return path


def write_analyze(path, data, dtype="float32", order=">"):
    """Write an Analyze 7.5 pair, which knows no orientation."""
    header = nib.AnalyzeHeader(endianness=order)
    header.set_data_dtype(np.dtype(dtype))
    header.set_data_shape(data.shape)
    header.set_zooms((EDGE,) * data.ndim)
    pack(Path(path).with_suffix(".hdr"), header.binaryblock)
    pack(Path(path).with_suffix(".img"), data.astype(np.dtype(dtype).newbyteorder(order)).tobytes(order="F"))
    return Path(path)


def write_mgh(path, data, affine=AFFINE, dtype="float32"):
    """Write .mgh or .mgz (always big-endian)."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    nib.MGHImage(np.asarray(data, dtype=dtype), affine).to_filename(path)
    return Path(path)


def binary128(values):
    """IEEE quadruple precision, little-endian, of float64 values (normal numbers and zero)."""
    bits = np.ascontiguousarray(values, dtype="<f8").view("<u8")
    sign, exponent, fraction = bits >> 63, (bits >> 52) & 0x7FF, bits & ((1 << 52) - 1)
    wide = np.where(exponent == 0, 0, exponent + (16383 - 1023)).astype("<u8")
    high = (sign << 63) | (wide << 48) | (fraction >> 4)
    return np.stack([(fraction & 0xF) << 60, high], axis=-1).astype("<u8").tobytes()


def endless_gzip(start: bytes, megabytes: int) -> bytes:
    """Return a few MB of gzip whose stream goes on with ``megabytes`` of zeros after ``start``."""
    head = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = head.compress(start) + head.flush(zlib.Z_FULL_FLUSH)
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = body.compress(bytes(16 << 20)) + body.flush(zlib.Z_FULL_FLUSH)
    last = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    return first + block * (megabytes // 16) + last + bytes(8)


def flip_bit(path, at):
    """Flip one bit of a file, in place; a negative position counts from the end."""
    content = bytearray(Path(path).read_bytes())
    content[at] ^= 0x10
    Path(path).write_bytes(content)


def cut(path, keep):
    """Keep that share (float) or number (int, negative from the end) of a file's bytes."""
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[: int(len(content) * keep) if isinstance(keep, float) else keep])
