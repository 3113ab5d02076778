"""What a header says, and whether it can be believed.

nibabel knows where the fields are; what they may mean here is decided below: the kind of numbers, the shape,
the volumes, the scaling, the affine (sform before qform, units honoured), and whether the file can hold what
the header claims. Nothing is allocated on a header's word alone.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isfinite, prod
from typing import Any, Literal, TypeAlias

import numpy as np

from niicorr.errors import NOWHERE, MapError, NoMapError
from niicorr.images.stream import MAX_RATIO, ByteStream
from niicorr.numerals import integer, memory_text, plural, value_text
from niicorr.records import Decision
from niicorr.space import MNI, Grid, affine_fault, displacement, tolerance_mm
from niicorr.tables import path_text
from niicorr.typing import Float64Array
from niicorr.words import IMAGE_SUFFIXES

MAX_MAP_SIZE = 2**30
"""Default of ``--max-map-size``: bytes of one volume in memory."""

START = 540
"""Bytes at the beginning of a file that tell what it is: a header of NIfTI-2, the longest there is."""

BOMB_RATIO = 100
"""A compressed file larger than a map may be, once inflated, is refused where it shrank more than this."""

MAX_VOLUMES = 100_000
"""More volumes than this in one file are no stack of maps."""

FLOAT32_EXACT = ("bool", "uint8", "int8", "uint16", "int16", "float16", "float32")
"""Types whose every value float32 holds."""

TIME_SERIES_VOLUMES = 20
"""A 4-D file with a time unit, a positive TR and more volumes than this is a time series."""

_MAGIC = (b"n+1\0", b"ni1\0")
"""What tells a NIfTI-1 header from one of Analyze: one file, or a pair."""

_SURFACE_ADVICE = "niicorr compares volumes; surfaces are not read yet"
_FOREIGN = {
    ".gii": ("surface data (GIFTI)", _SURFACE_ADVICE),
    ".gii.gz": ("surface data (GIFTI)", _SURFACE_ADVICE),
    ".head": ("an AFNI dataset", "convert it with 3dAFNItoNIFTI"),
    ".brik": ("an AFNI dataset", "convert it with 3dAFNItoNIFTI"),
    ".brik.gz": ("an AFNI dataset", "convert it with 3dAFNItoNIFTI"),
    ".mnc": ("a MINC file", "convert it with mnc2nii"),
}
_REFUSED_TYPES = {
    1: "1-bit binary data", 32: "complex numbers (complex64)", 1792: "complex numbers (complex128)",
    2048: "complex numbers (complex256)", 128: "RGB colours", 2304: "RGBA colours", 0: "no data type at all",
}
_FLOAT128 = 1536
_UNIT_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_UNIT_NAMES = {1: "metre", 3: "micron"}
_SPACE_CODES = range(6)  # 5, another template, came to the standard later
_MEND = "mend the header (for instance from the image it was made from)"
_Doubt: TypeAlias = tuple[str, str]


@dataclass(frozen=True, eq=False)
class ImageHeader:
    """The believable part of a header.

    Attributes
    ----------
    path : str
        The file as the user named it.
    data_path : str
        Where the voxels are (the ``.img`` of a pair).
    dtype : numpy.dtype
        As stored, with byte order; ``V16`` for IEEE quadruple precision.
    shape : tuple of int
        Of one volume, three axes.
    n_volumes : int
        Volumes in the file.
    offset : int
        Bytes before the first voxel.
    slope, inter : float
        Stored value × slope + inter is the value.
    grid : Grid
        Where the voxels are, mm RAS+.
    decisions : tuple of Decision
        What was decided from the header.
    time_series : bool
        Whether this is a run of a scanner rather than a stack of maps.
    array : object or None
        Voxels in memory (an image or array given in Python): shape ``shape`` + (n_volumes,).
    big_endian : bool
        Byte order, for the one type whose dtype cannot carry it.
    trailer : {'none', 'tags'}
        What the format puts after the voxels.
    start : bytes
        Hash of the bytes that were judged, to be found again when voxels are read; empty where it is not known.
    doubts : tuple of (str, str)
        Contradictions, each with the reading that was taken, until the file's length has settled them.
    """

    path: str
    data_path: str
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    n_volumes: int
    offset: int
    slope: float
    inter: float
    grid: Grid
    decisions: tuple[Decision, ...] = ()
    time_series: bool = False
    array: Any = None
    big_endian: bool = False
    trailer: Literal["none", "tags"] = "none"
    start: bytes = b""
    doubts: tuple[_Doubt, ...] = ()

    @property
    def volume_bytes(self) -> int:
        """Bytes of one volume as stored."""
        return prod(self.shape) * self.dtype.itemsize


def read_header(path: str, *, max_map_size: int = MAX_MAP_SIZE) -> ImageHeader:
    """Read and judge the header of one image file.

    Parameters
    ----------
    path : str
        The file; of a pair, either half.
    max_map_size : int
        Bytes; a volume that would be larger in memory is refused.

    Raises
    ------
    MapError
        Where the file cannot be opened, is no image of one real number per voxel in space, or cannot hold what
        its header claims.
    """
    suffix = image_suffix(path)
    if suffix in _FOREIGN:
        if not os.path.exists(path):
            raise NoMapError(path, NOWHERE, "check the path")
        what, advice = _FOREIGN[suffix]
        raise MapError(path, f"this is {what}", advice)
    header_path, data_path = pair_halves(path)
    with ByteStream(header_path, chunk=4096) as stream:
        block, compression, file_size = stream.read(START), stream.compression, stream.file_size
    with np.errstate(all="ignore"):  # what comes of absurd numbers is judged, not warned about
        header = _parse(path, header_path, data_path, suffix, block)
    decisions = list(header.decisions)
    named_compressed = header_path.lower().endswith((".gz", ".bz2", ".mgz"))
    if compression and not named_compressed:
        decisions.append(Decision("file", f"is {compression}-compressed though its name does not say so"))
    elif not compression and named_compressed:
        decisions.append(Decision("file", "is not compressed though its name says so"))
    wide = header.slope != 1 or header.inter != 0 or header.dtype.name not in FLOAT32_EXACT
    in_memory = prod(header.shape) * (8 if wide else 4)
    if in_memory > max_map_size:
        raise MapError(path, f"one volume of {_shape(header.shape)} voxels would take {memory_text(in_memory)} of "
                       f"memory (limit {memory_text(max_map_size)})", "raise --max-map-size if this is meant")
    if data_path != header_path:
        with ByteStream(data_path, chunk=4) as stream:
            compression, file_size = stream.compression, stream.file_size
    _check_size(header, file_size, compression, max_map_size)
    decisions += _settled(header)
    judged = block if data_path != header_path else block[: header.offset]
    return replace(header, decisions=tuple(decisions), start=_start(judged), doubts=())


def demand_same(header: ImageHeader, block: bytes) -> None:
    """Raise where a file does not begin with the bytes that its header was judged by: it is another file now."""
    if header.start and _start(block) != header.start:
        raise MapError(header.path, "the file changed after its header had been read",
                       "run again when nothing writes to it")


def image_suffix(path: str) -> str:
    """Return the part of a file name that names its format, lower case; empty where none is known."""
    name = os.path.basename(path).lower()
    return next((s for s in (*IMAGE_SUFFIXES, *_FOREIGN) if name.endswith(s)), "")


def pair_halves(path: str) -> tuple[str, str]:
    """Header and data file of an image, whichever half was named; twice the same for single files."""
    suffix = image_suffix(path)
    if suffix.removesuffix(".gz") not in (".hdr", ".img"):
        return path, path
    stem, gz = path[: -len(suffix)], suffix[4:]
    own_case = path[len(stem) : len(stem) + 4]
    other = "img" if suffix.startswith(".hdr") else "hdr"
    other = other.upper() if own_case.isupper() else other
    candidates = [f"{stem}.{other}{gz}", f"{stem}.{other}{'' if gz else '.gz'}"]
    found = next((c for c in candidates if os.path.exists(c)), None)
    if found is None:
        if not os.path.exists(path):
            raise NoMapError(path, NOWHERE, "check the path")
        raise MapError(path, f"its other half {path_text(os.path.basename(candidates[0]))} is missing",
                       "an .hdr/.img pair needs both files")
    return (path, found) if suffix.startswith(".hdr") else (found, path)


def is_time_series(n_volumes: int, dims: list[int], units: int, tr: float) -> bool:
    """Whether a NIfTI header tells of a run of a scanner: a time unit, a positive TR, many volumes along time."""
    return (dims[0] >= 4 and n_volumes == dims[4] > TIME_SERIES_VOLUMES and (units & 0x38) in (8, 16, 24)
            and isfinite(tr) and tr > 0)


def choose_affine(
    path: str, sform: Float64Array | None, qform: Float64Array | None, scale: float, shape: tuple[int, int, int]
) -> tuple[Float64Array | None, list[Decision]]:
    """Take the sform where coded, else the qform, else none; in mm.

    Parameters
    ----------
    sform, qform : ndarray, shape (4, 4), or None
        None where the header's code says that there is none.
    scale : float
        Millimetres in the unit of the header.
    shape : tuple of int
        Of the volume: how far two affines differ is judged at its corners.
    """
    decisions = []
    scaled = [None if a is None else a * [[scale], [scale], [scale], [1.0]] for a in (sform, qform)]
    affine = next((a for a in scaled if a is not None), None)
    if affine is None:
        return None, [Decision("affine", "the header tells no orientation: matched with maps of the same shape only")]
    if fault := affine_fault(affine):
        raise MapError(path, fault, _MEND)
    if scaled[0] is not None and scaled[1] is not None:
        if affine_fault(scaled[1]):
            decisions.append(Decision("affine", "the qform is unusable; the sform is used"))
        else:
            a, b = Grid(shape, scaled[0]), Grid(shape, scaled[1])
            if (distance := displacement(a, b)) > tolerance_mm(a, b):
                decisions.append(Decision("affine", f"sform and qform differ by up to {distance:.3g} mm; "
                                          "the sform is used"))
    return affine, decisions


def _start(block: bytes) -> bytes:
    return hashlib.blake2b(block, digest_size=16).digest()


def _parse(path: str, header_path: str, data_path: str, suffix: str, block: bytes) -> ImageHeader:
    start = block.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<") and (b"<html" in start or b"<!doctype html" in start):
        raise MapError(path, "this is an HTML page, not a volume: likely one that asks for a login, or tells of an "
                       "error, and was saved in place of the file", "open it in a browser, and download the file again")
    if suffix in (".mgz", ".mgh", ".mgh.gz") or (len(block) >= 284 and block[:4] == b"\0\0\0\1"):
        return _parse_mgh(path, block)
    if start.startswith((b"<?xml", b"<gift", b"<!doc")):
        raise MapError(path, "this is XML, such as GIFTI surface data, not a volume", _SURFACE_ADVICE)
    if len(block) < 348:
        raise MapError(path, f"not an image: it holds {len(block)} bytes, and an image header alone has 348",
                       "check that it is the file you mean, and copy it again if it is")
    sizes = {int.from_bytes(block[:4], "little"): "<", int.from_bytes(block[:4], "big"): ">"}
    if 540 in sizes and len(block) >= 540:
        return _parse_nifti(path, header_path, data_path, block, sizes[540], version=2)
    # One letter may be damaged: read as Analyze, which has none, such a pair would lose its place and its scaling.
    if 348 in sizes and any(sum(a == b for a, b in zip(block[344:348], magic, strict=True)) >= 3 for magic in _MAGIC):
        return _parse_nifti(path, header_path, data_path, block[:348], sizes[348], version=1)
    if 348 in sizes and header_path != data_path:
        return _parse_analyze(path, data_path, block[:348], sizes[348])
    raise MapError(path, "not a NIfTI, Analyze or MGH image (no such header at its start)",
                   "check that it is the image, and copy it again if it is")


def _parse_nifti(
    path: str, header_path: str, data_path: str, block: bytes, order: str, version: int
) -> ImageHeader:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    kind: Any = Nifti1Header if version == 1 else Nifti2Header
    header = kind(block, endianness=order, check=False)
    magic = bytes(block[344:348] if version == 1 else block[4:8])
    single = magic[:2] == b"n+"
    if magic not in (_MAGIC if version == 1 else (b"n+2\0", b"ni2\0")):
        raise MapError(path, f"not a NIfTI-{version} image (magic {magic!r})", "copy the file again")
    if version == 2 and block[8:12] not in (b"\r\n\x1a\n", bytes(4)):
        raise MapError(path, f"bytes 8 to 11 are {block[8:12].hex(' ')}, not 0d 0a 1a 0a: line ends were changed on "
                       "the way", "copy the file again, not as text")
    if 3000 <= int(header["intent_code"]) < 3100 and version == 2:
        raise MapError(path, "this is surface data (CIFTI-2)", _SURFACE_ADVICE)
    if not single and header_path == data_path:
        raise MapError(path, "its header says the voxels are in a separate .img file",
                       "give the .hdr/.img pair under its own names")
    if single and header_path != data_path:
        raise MapError(path, "its header says that header and voxels are in one file, yet this is one of a pair",
                       "rename the file that holds both to .nii")
    dims = [int(d) for d in header["dim"]]
    shape, n_volumes = _shapes(path, dims)
    code = int(header["datatype"])
    dtype = _dtype(path, header, code, order)
    doubts = _doubts_of_bits(code, int(header["bitpix"]), dtype)
    offset = _offset(path, float(header["vox_offset"]), (352 if version == 1 else 544) if single else 0)
    if single and header["vox_offset"] == 0:
        doubts.append((f"vox_offset is 0, and no voxel of a single file lies before byte {offset}", f"byte {offset}"))
    decisions: list[Decision] = []
    slope, inter = _scaling(path, float(header["scl_slope"]), float(header["scl_inter"]), decisions)
    try:
        grid, placing = _geometry(kind, order, _geometric(block) if version == 1 else block, shape)
    except MapError as fault:
        raise MapError(path, fault.reason, fault.advice) from None
    is_series = is_time_series(n_volumes, dims, int(header["xyzt_units"]), float(header["pixdim"][4]))
    return ImageHeader(path, data_path, dtype, shape, n_volumes, offset, slope, inter, grid,
                       (*decisions, *placing), is_series, big_endian=order == ">", doubts=tuple(doubts))


def _geometric(block: bytes) -> bytes:
    """Return a NIfTI-1 header without what does not bear on its grid, such as descriptions."""
    bare = bytearray(len(block))
    for first, end in ((76, 108), (123, 124), (252, 328)):  # pixdim; xyzt_units; codes, quaternion and sform
        bare[first:end] = block[first:end]
    return bytes(bare)


@lru_cache(maxsize=64)
def _geometry(
    kind: Any, order: str, block: bytes, shape: tuple[int, int, int]
) -> tuple[Grid, tuple[Decision, ...]]:
    """Judge what a NIfTI header says of space: once for all maps that say the same; its errors know no path."""
    header = kind(block, endianness=order, check=False)
    decisions: list[Decision] = []
    units = int(header["xyzt_units"])
    scale = _UNIT_MM.get(units & 7, 1.0)
    if (name := _UNIT_NAMES.get(units & 7)) is not None:
        decisions.append(Decision("affine", f"lengths are in {name}s and were brought to mm"))
    elif (units & 7) not in _UNIT_MM:
        decisions.append(Decision("affine", f"the unit of length is unknown (code {units & 7}): mm assumed"))
    s_code, q_code = int(header["sform_code"]), int(header["qform_code"])
    for form, code in (("sform", s_code), ("qform", q_code)):
        if code not in _SPACE_CODES:
            what = f"counts all the same, though other readers leave the {form} out" if code > 0 else "counts as 0"
            decisions.append(Decision("affine", f"{form}_code is {value_text(code)}, which names no space: it {what}"))
    if q_code > 0 and header["pixdim"][0] == 0:
        header["pixdim"][0] = 1
        if s_code <= 0:
            decisions.append(Decision("affine", "pixdim[0], which tells left-handed voxels, is 0: 1 is taken, as the "
                                      "standard has it"))
    sform = np.asarray(header.get_sform(), dtype=np.float64) if s_code > 0 else None
    qform = _qform(header, required=sform is None) if q_code > 0 else None
    affine, chosen = choose_affine("", sform, qform, scale, shape)
    edges = [float(e) for e in header["pixdim"][1:4]]
    code_used = s_code if s_code > 0 else q_code
    if s_code > 0 and q_code > 0 and qform is None:
        chosen.append(Decision("affine", "the qform is unusable; the sform is used"))
    grid = _grid(shape, affine, [e * scale for e in edges], space_code=code_used if code_used in _SPACE_CODES else 0)
    grid.affine.setflags(write=False)  # it belongs to many maps
    return grid, (*decisions, *chosen)


def _parse_analyze(path: str, data_path: str, block: bytes, order: str) -> ImageHeader:
    from nibabel.spm2analyze import Spm2AnalyzeHeader

    header = Spm2AnalyzeHeader(block, endianness=order, check=False)
    shape, n_volumes = _shapes(path, [int(d) for d in header["dim"]])
    code = int(header["datatype"])
    dtype = _dtype(path, header, code, order)
    offset = _offset(path, abs(float(header["vox_offset"])), 0)
    slope, inter = header.get_slope_inter()
    decisions = [Decision("file", "Analyze format: left and right cannot be told from the file")]
    affine, chosen = choose_affine(path, None, None, 1.0, shape)
    grid = _grid(shape, affine, [abs(float(e)) for e in header["pixdim"][1:4]])
    return ImageHeader(path, data_path, dtype, shape, n_volumes, offset,
                       1.0 if slope is None else float(slope), 0.0 if inter is None else float(inter), grid,
                       (*decisions, *chosen), doubts=tuple(_doubts_of_bits(code, int(header["bitpix"]), dtype)))


def _parse_mgh(path: str, block: bytes) -> ImageHeader:
    from nibabel.freesurfer.mghformat import MGHHeader

    if len(block) < 284 or block[:4] != b"\0\0\0\1":
        raise MapError(path, "not an MGH image (no such header at its start)", "copy the file again")
    header = MGHHeader(block[:284], check=False)
    shape, n_volumes = _shapes(path, [4, *(int(d) for d in header["dims"])])
    try:
        dtype = np.dtype(header.get_data_dtype()).newbyteorder(">")
    except KeyError:
        raise MapError(path, f"data type code {int(header['type'])} is unknown", "convert it to NIfTI") from None
    # The flag as it was stored: where it says that nothing is known, nibabel sets it, and makes an orientation up.
    known = int.from_bytes(block[28:30], "big", signed=True) > 0
    affine = np.asarray(header.get_affine(), dtype=np.float64) if known else None
    affine, decisions = choose_affine(path, affine, None, 1.0, shape)
    grid = _grid(shape, affine, [float(e) for e in header["delta"]])
    return ImageHeader(path, path, dtype, shape, n_volumes, 284, 1.0, 0.0, grid, tuple(decisions), trailer="tags")


def _shapes(path: str, dims: list[int]) -> tuple[tuple[int, int, int], int]:
    """Spatial shape and number of volumes from ``dim``; trailing axes are flattened, first index fastest."""
    rank, sizes = dims[0], dims[1:]
    if not 1 <= rank <= len(sizes):
        raise MapError(path, f"the header claims {rank} dimensions", "it is damaged: copy the file again")
    sizes = sizes[:rank]
    if any(n <= 0 for n in sizes):
        raise MapError(path, f"zero-size image: its shape is {_shape(sizes)}", "it holds no voxels")
    if rank < 3:
        raise MapError(path, f"2-D image: its shape is {_shape(sizes)}" if rank == 2 else "1-D data",
                       "niicorr compares volumes")
    if sum(n == 1 for n in sizes[:3]) == 2 and max(sizes[:3]) > 1:
        raise MapError(path, f"surface data: a vector of {integer(max(sizes[:3]))} values, not a volume",
                       _SURFACE_ADVICE)
    return (sizes[0], sizes[1], sizes[2]), prod(sizes[3:])


def _dtype(path: str, header: Any, code: int, order: str) -> np.dtype[Any]:
    if code in _REFUSED_TYPES:
        raise MapError(path, f"holds {_REFUSED_TYPES[code]}", "niicorr needs one real number per voxel")
    if code == _FLOAT128:
        return np.dtype("V16")
    try:
        dtype: np.dtype[Any] = np.dtype(header.get_data_dtype()).newbyteorder(order)
    except KeyError:  # from nibabel's table of types
        raise MapError(path, f"data type code {code} is unknown", "it is damaged: copy the file again") from None
    if dtype.kind not in "buif":
        raise MapError(path, f"holds {dtype}", "niicorr needs one real number per voxel")
    return dtype


def _doubts_of_bits(code: int, bits: int, dtype: np.dtype[Any]) -> list[_Doubt]:
    """Compare bitpix with the type; some programs leave it 0, and some write that of another type."""
    own = 8 * dtype.itemsize
    if bits in (0, own):
        return []
    name = "float128" if code == _FLOAT128 else dtype.newbyteorder("=").name
    return [(f"bitpix is {value_text(bits)}, and a voxel of datatype {code} ({name}) has {own} bits", name)]


def _settled(header: ImageHeader) -> list[Decision]:
    """Say how contradictions were read where the file is as long as that asks for, to the byte; refuse them else."""
    if not header.doubts:
        return []
    needed = header.volume_bytes * header.n_volumes
    with ByteStream(header.data_path) as stream:
        stream.skip(header.offset)
        fits = stream.drain(needed) == needed
    if not fits:
        faults, taken = zip(*header.doubts, strict=True)
        raise MapError(header.path, f"the header contradicts itself: {'; '.join(faults)}. Nor is the file as long as "
                       f"{' and '.join(taken)} would make it ({_megabytes(header.offset + needed)})", _MEND)
    return [Decision("file", f"{fault}: {taken} is taken, as the file's length bears out")
            for fault, taken in header.doubts]


def _offset(path: str, value: float, least: int) -> int:
    if value == 0:
        return least
    if not isfinite(value) or value < least or value != int(value):
        raise MapError(path, f"the voxels are said to begin at byte {value:g} (at least {least} expected)",
                       "the header is damaged: copy the file again")
    return int(value)


def _scaling(path: str, slope: float, inter: float, decisions: list[Decision]) -> tuple[float, float]:
    if slope == 0 or not isfinite(slope):
        if not isfinite(slope):
            decisions.append(Decision("file", f"scl_slope is {slope}: stored values are taken unscaled"))
        return 1.0, 0.0
    if not isfinite(inter):
        raise MapError(path, f"scl_inter is {inter}", "the header is damaged: copy the file again")
    return slope, inter


def _qform(header: Any, *, required: bool) -> Float64Array | None:
    try:
        affine = np.asarray(header.get_qform(), dtype=np.float64)
    except Exception as error:  # a quaternion longer than 1, or voxel sizes that are no sizes
        if required:
            raise MapError("", f"the qform is unusable ({error})", "mend the header") from None
        return None
    return affine


def _grid(
    shape: tuple[int, int, int], affine: Float64Array | None, edges: list[float], space_code: int = 0
) -> Grid:
    if affine is not None:
        return Grid(shape, affine, mni=space_code == MNI, space_code=space_code)
    sizes = [abs(e) if isfinite(e) and 1e-4 < abs(e) < 1000 else 1.0 for e in edges]
    return Grid(shape, np.diag([*sizes, 1.0]), known=False)


def _check_size(header: ImageHeader, size: int, compression: str | None, max_map_size: int) -> None:
    """Refuse what cannot be: fewer bytes on disk than the voxels need, compression at its best allowed for."""
    needed = header.offset + header.volume_bytes * header.n_volumes
    if compression is None and size < needed:
        raise MapError(header.path, f"the file ends early ({_megabytes(size)} of {_megabytes(needed)})",
                       "copy the file again")
    if compression == "gzip" and size * MAX_RATIO + 4096 < needed:
        raise MapError(header.path, f"the header claims {_shape(header.shape)} voxels in "
                       f"{plural(header.n_volumes, 'volume')} ({_megabytes(needed)}), more than {_megabytes(size)} of "
                       "gzip can hold", "the header is damaged: copy the file again")
    if header.n_volumes > MAX_VOLUMES:
        raise MapError(header.path, f"the header claims {integer(header.n_volumes)} volumes (limit "
                       f"{integer(MAX_VOLUMES)})", "the header is damaged: copy the file again")
    if compression is not None and needed > max(max_map_size, BOMB_RATIO * size):
        raise MapError(header.path, f"{_megabytes(size)} on disk would inflate to {_megabytes(needed)} in "
                       f"{plural(header.n_volumes, 'volume')}: brain maps never compress so well",
                       "if this is meant, raise --max-map-size, or inflate the file first")


def _shape(sizes: Any) -> str:
    return "×".join(map(str, sizes))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else plural(size, "byte")
