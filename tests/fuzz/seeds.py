"""Sound files to start from: images of every kind, tables, saved results, a cache, libraries, kept work, shards."""

from __future__ import annotations

import bz2
import gzip
import os
import shutil
import struct
import warnings
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from unittest import mock

import nibabel as nib
import numpy as np
from nibabel.cifti2.cifti2 import Cifti2Image
from nibabel.cifti2.cifti2_axes import ParcelsAxis, SeriesAxis
from nibabel.nifti1 import Nifti1Pair
from nibabel.nifti2 import Nifti2Pair
from nibabel.spm2analyze import Spm2AnalyzeImage

import niicorr as nc
from niicorr.cluster.shards import write_shard
from niicorr.images.cache.store import open_cache
from niicorr.images.extract import extract
from niicorr.images.mapset import read_maps
from niicorr.images.sampling import Sampling, choose_sampling
from niicorr.images.survey import Survey, survey
from niicorr.matrix import Features
from niicorr.matrix_folder import write_matrix
from niicorr.resume.kept import KeptWork
from niicorr.resume.pieces import is_piece

SHAPE = (7, 6, 5)
AFFINE = np.array([[3.0, 0, 0, -9], [0, 3, 0, -8], [0, 0, 3.5, -7], [0, 0, 0, 1]])
NEIGHBOURS = ("good.nii", "good_too.nii.gz")
"""Sound maps that lie beside what is read."""

STEM = "maps-fuzz-1-0123456789abcdef"
ROWS = 12
"""Volumes of the run that confounds belong to."""


@dataclass(frozen=True)
class Seed:
    """Sound files, and which reader they are for.

    Attributes
    ----------
    name : str
        Of the seed.
    reader : str
        A key of `readers.READERS`.
    files : dict of str and bytes
        By their place below the folder of the reader; all of them may be damaged.
    """

    name: str
    reader: str
    files: dict[str, bytes]


def volume(seed: int, background: float = 0.0) -> np.ndarray:
    """Noise in a ball, shape `SHAPE`; no value is zero, and outside it is the background."""
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in SHAPE], indexing="ij"))
    values = np.random.default_rng(seed).uniform(1, 9, SHAPE)
    values[(at**2).sum(axis=0) > 1.1] = background
    return values


def all_seeds(folder: str) -> tuple[Seed, ...]:
    """Make every seed; neighbours and cache are about files that lie in the folder, and are written there."""
    for k, name in enumerate(NEIGHBOURS):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(_packed(_nifti(volume(90 + k), "<f4"), name))
    return (*_images(), *_atlases(), *_manifests(), *_confounds(), *_series(), *_saved(folder), *_caches(folder),
            *_matrices(folder), *_libraries(folder), *_kept(folder), *_shards(folder))


def _nifti(values: np.ndarray, dtype: str, version: int = 1, **fields: float) -> bytes:
    kind = nib.Nifti1Image if version == 1 else nib.Nifti2Image
    return b"".join(_parts(kind, values, dtype, **fields).values())


def _parts(kind: type, values: np.ndarray, dtype: str, **fields: float) -> dict[str, bytes]:
    """Header and voxels of an image, as they are on disk."""
    order = dtype[0] if dtype[0] in "<>" else "<"
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.dtype(dtype))
    image = kind(np.asarray(values, dtype=dtype), AFFINE, header)
    if hasattr(image, "set_qform"):
        image.set_qform(AFFINE, code=1)
        image.set_sform(AFFINE, code=2)
    for name, value in fields.items():
        image.header[name] = value
    stored = np.asarray(values, dtype=dtype).tobytes(order="F")
    if hasattr(image.header, "single_magic") and image.header.is_single:
        image.header["vox_offset"] = {348: 352, 540: 544}[image.header.sizeof_hdr]
        return {"": image.header.binaryblock + bytes(4) + stored}
    return {"hdr": image.header.binaryblock, "img": stored}


def _packed(content: bytes, name: str) -> bytes:
    if name.endswith((".gz", ".mgz")):
        return gzip.compress(content, 6, mtime=0)
    return bz2.compress(content) if name.endswith(".bz2") else content


def _images() -> list[Seed]:
    one, stack = volume(1), np.stack([volume(k, -1.0) for k in range(3)], axis=-1)
    sparse = np.where(volume(2) > 6, volume(2), np.nan)
    whole = np.rint(volume(3) * 20)
    plain = {
        "float32.nii": _nifti(one, "<f4"),
        "float32_big.nii": _nifti(one, ">f4"),
        "scaled.nii": _nifti(whole, "<i2", scl_slope=0.25, scl_inter=-3.0),
        "scaled_big.nii.gz": _nifti(whole, ">u2", scl_slope=1e-3, scl_inter=100.0),
        "bytes.nii.gz": _nifti(whole, "u1"),
        "long.nii.gz": _nifti(whole, "<i8"),
        "double.nii.gz": _nifti(sparse, "<f8"),
        "half.nii.bz2": _nifti(one, "<f4"),
        "stack.nii.gz": _nifti(stack, "<f4"),
        "stack_big.nii": _nifti(stack, ">i2"),
        "nifti2.nii.gz": _nifti(one, "<f4", 2),
        "nifti2_big.nii": _nifti(stack, ">f8", 2),
    }
    seeds = [Seed(f"image {name}", "image", {name: _packed(content, name)}) for name, content in plain.items()]
    halved = plain["float32.nii"]
    members = gzip.compress(halved[:500], mtime=0) + gzip.compress(halved[500:], mtime=0)
    seeds.append(Seed("image members.nii.gz", "image", {"members.nii.gz": members}))
    seeds.append(Seed("image stored.nii.gz", "image", {"stored.nii.gz": gzip.compress(halved, 0, mtime=0)}))
    pairs = {"pair": (Nifti1Pair, "<f4"), "pair2": (Nifti2Pair, ">i2"), "analyze": (Spm2AnalyzeImage, "<i2"),
             "analyze_big": (Spm2AnalyzeImage, ">f4")}
    for name, (kind, dtype) in pairs.items():
        parts = {f"{name}.{half}": content for half, content in _parts(kind, whole, dtype).items()}
        seeds.append(Seed(f"image {name}", "image", parts))
    mgh = nib.MGHImage(one.astype(">f4"), AFFINE).to_bytes()
    seeds.append(Seed("image freesurfer.mgz", "image", {"freesurfer.mgz": gzip.compress(mgh, mtime=0)}))
    return seeds


TABLES = {
    "atlas.tsv": "index\tname\themisphere\tnetwork\n1\tVisual left\tL\tVis\n2\tVisual right\tR\tVis\n"
                 "7\t\"Vermis, 4\"\t\tCereb\n",
    "atlas.csv": "label,name,volume\n1,Precentral_L,12.5\n2,Precentral_R,13\n7,Thalamus,4\n",
    "atlas.txt": "# a lookup table of FreeSurfer\n#No. Label Name: R G B A\n0 Unknown 0 0 0 0\n"
                 "1 Left-Cortex 205 62 78 0\n2 Right-Cortex 120 18 134 0\n7 Brain-Stem 196 58 250 0\n",
    "plain.txt": "Visual left\nVisual right\nVermis\n",
    "fsl.xml": '<?xml version="1.0" encoding="ISO-8859-1"?>\n<atlas version="1.0"><header><name>A</name>'
               "<type>Label</type></header><data>\n<label index=\"1\" x=\"1\" y=\"2\" z=\"3\">Visual left</label>\n"
               "<label index=\"2\" x=\"1\" y=\"2\" z=\"3\">Visual right</label>\n"
               "<label index=\"7\" x=\"1\" y=\"2\" z=\"3\">Vermis</label>\n</data></atlas>\n",
    "aal.xml": '<?xml version="1.0"?><atlas><data><label><index>1</index><name>Precentral_L</name></label>'
               "<label><index>2</index><name>Precentral_R</name></label>"
               "<label><index>7</index><name>Vermis</name></label></data></atlas>",
    "list.json": '["Visual left", "Visual right", "Vermis"]',
    "named.json": '{"1": {"name": "Visual left", "network": "Vis"}, "2": {"name": "Visual right", "network": "Vis"}, '
                  '"7": {"name": "Vermis"}}',
    "records.json": '[{"index": 1, "name": "Visual left"}, {"index": 2, "name": "Visual right"}, '
                    '{"index": 7, "name": "Vermis"}]',
    "columns.json": '{"atlas": {"index": [1, 2, 7], "name": ["Visual left", "Visual right", "Vermis"]}}',
}
"""Tables of region names in every form that is read."""


def _labels() -> np.ndarray:
    labels = np.where(volume(4) > 0, 1, 0)
    labels[4:] *= 2
    labels[:, :, 3] = np.where(labels[:, :, 3] > 0, 7, 0)
    return labels


def _atlases() -> list[Seed]:
    labels = _nifti(_labels(), "<i2")
    shares = np.stack([(_labels() == k) * volume(5) / 10 for k in (1, 2, 7)], axis=-1)
    images = {"atlas.nii": labels, "shares.nii": _nifti(shares, "<f4")}
    seeds = [Seed(f"atlas {name}", "atlas", {image: images[image], name: text.encode()})
             for name, text in TABLES.items() for image in images
             if not (image == "shares.nii" and name in ("atlas.txt", "aal.xml", "named.json"))]
    packed = {"atlas.nii.gz": gzip.compress(labels, mtime=0), "atlas.tsv": TABLES["atlas.tsv"].encode()}
    return [*seeds, Seed("atlas packed", "atlas", packed)]


def _manifests() -> list[Seed]:
    first, second = NEIGHBOURS
    texts = {
        "plain": f"path\tlabel\n{first}\tone\n{second}\ttwo\n",
        "columns": f"label\tgroup\tpath\tage\nA \"1\"\tpatients\t{first}\t41\nB=2\tcontrols\t{second}\tn/a\n",
        "quoted": f'"path"\t"label"\r\n"{first}"\t"a ""b"" c"\r\n{second}\t\r\n',
    }
    return [Seed(f"manifest {name}", "manifest", {"maps.tsv": text.encode()}) for name, text in texts.items()]


def _confounds() -> list[Seed]:
    rng = np.random.default_rng(6)
    names = ("trans_x", "trans_y", "white_matter", "csf", "cosine00", "framewise_displacement", "std_dvars",
             "non_steady_state_outlier00", "trans_x_derivative1")
    rows = [[f"{value:.4g}" for value in rng.uniform(0, 0.6, len(names))] for _ in range(ROWS)]
    rows[0][-1] = "n/a"
    return [Seed(f"confounds {name}", "confounds", {f"confounds.{name}": "".join(
        mark.join(row) + "\n" for row in (names, *rows)).encode()}) for name, mark in (("tsv", "\t"), ("csv", ","))]


def _series() -> list[Seed]:
    values = np.random.default_rng(7).standard_normal((ROWS, 3))
    rows = [[f"{value:.5g}" for value in row] for row in values]
    head = struct.pack("<6sBBH", b"\x93NUMPY", 1, 0, 118)
    text = "{'descr': '<f8', 'fortran_order': False, 'shape': (12, 3), }".ljust(117) + "\n"
    counted = [["", "A", "B", "C"], *([f"{k}", *row] for k, row in enumerate(rows))]
    kinds = {
        "csv": "".join(",".join(row) + "\n" for row in counted),
        "tsv": "".join("\t".join(row) + "\n" for row in (["left", "right", "x"], *rows)),
        "1D": "# volumes\n" + "".join(" ".join(row) + "\n" for row in rows),
    }
    files = {f"series.{kind}": text.encode() for kind, text in kinds.items()}
    files["series.npy"] = head + text.encode() + values.tobytes()
    voxels = [np.array([[k, 1, 1], [k, 1, 2]]) for k in range(3)]
    parcels = ParcelsAxis(["left", "right", "x"], voxels, [{}] * 3, AFFINE, SHAPE, {})
    files["series.ptseries.nii"] = Cifti2Image(values, (SeriesAxis(0, 0.7, ROWS), parcels)).to_bytes()
    return [Seed(f"series {name}", "series", {name: content}) for name, content in files.items()]


@cache
def saved_results() -> dict[str, nc.CorrelationResult]:
    """Results of maps, of maps by region, and of regions with each other."""
    maps = [(volume(k), AFFINE) for k in range(10, 13)]
    atlas = (_labels().astype(np.int16), AFFINE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = {
            "maps": nc.correlate(maps[:2], maps[1:], null="effective", zeros="data"),
            "set": nc.correlate(maps, null="surrogate", n_surrogates=19, partial=[maps[0]]),
            "regions": nc.correlate(maps[:2], maps[2:], atlas=atlas, null="none"),
            "series": nc.correlate_rois([np.random.default_rng(k).standard_normal((30, 3)) for k in (1, 2)]),
            "covariance": nc.correlate_rois(np.random.default_rng(3).standard_normal((30, 4)), kind="covariance"),
        }
    # Times, and versions of what happens to be loaded, differ from run to run: no case could be run again.
    return {name: result.replace(provenance=replace(result.provenance, timings={"total": 1.5}, versions={"numpy": "2"}))
            for name, result in results.items()}


def _saved(folder: str) -> list[Seed]:
    """Results as `save` writes them; what becomes of those in the folder ``result`` is given the right hashes."""
    seeds, work = [], os.path.join(folder, "work")
    for name, result in saved_results().items():
        result.save(work)
        files = {file: _content(os.path.join(work, file)) for file in ("run.json", "report_data.npz", "mask.nii.gz")
                 if os.path.exists(os.path.join(work, file))}
        seeds += [Seed(f"saved {name}{told}", "saved", {f"{place}/{file}": data for file, data in files.items()})
                  for place, told in (("result", ""), (f"as-saved-{name}", " as it is"))]
        shutil.rmtree(work)
    return seeds


def _caches(folder: str) -> list[Seed]:
    """Make a cache of the neighbours; names that hold process and chance become the same everywhere.

    Of the one in the folder ``sealed``, lines may be changed and given a right checksum.
    """
    place = os.path.join(folder, "cache")
    paths = [os.path.join(folder, name) for name in NEIGHBOURS]
    # Times of files made a moment ago are not believed otherwise, and their lines would be missing.
    with mock.patch("niicorr.images.cache.files.RACY_NS", -1), mock.patch(
            "niicorr.images.cache.shards.new_stem", return_value=STEM):
        cache = open_cache(place)
        survey(read_maps(paths, cache=cache), cache=cache)
    files = {name: _content(os.path.join(place, name)) for name in sorted(os.listdir(place))}
    shutil.rmtree(place)
    return [Seed(f"cache {kind}", "cache", {f"{kind}/{name}": content for name, content in files.items()})
            for kind in ("cache", "sealed")]


NAIVE_STEP = 2
"""As a worker of a cluster gets it."""


@cache
def few_maps() -> tuple[Survey, Sampling]:
    """Read three maps whose supports differ."""
    held = [(volume(k) * (np.arange(SHAPE[2]) < SHAPE[2] - k % 3), AFFINE) for k in range(20, 23)]
    read = survey(read_maps(held))
    return read, choose_sampling(read)


@cache
def neighbours(folder: str) -> tuple[Survey, Sampling]:
    """Read the neighbours."""
    read = survey(read_maps([os.path.join(folder, name) for name in NEIGHBOURS]))
    return read, choose_sampling(read)


def _matrices(folder: str) -> list[Seed]:
    """Maps with places, as float32; and those of regions."""
    whole = extract(*few_maps())
    regions = Features(4, whole.features.grid, None, None, np.arange(12.0).reshape(4, 3), np.full(4, 31.5))
    matrices = {"voxels": replace(whole, rows=whole.rows.astype(np.float32)),
                "regions": replace(whole, rows=whole.rows[:, :4], supports=whole.supports[:, :4], features=regions,
                                   exact=None, zeros={})}
    seeds = []
    for name, matrix in matrices.items():
        place = os.path.join(folder, "matrix")
        write_matrix(place, matrix)
        seeds.append(Seed(f"matrix {name}", "matrix", _contents(place, "matrix")))
        shutil.rmtree(place)
    return seeds


def write_library(place: str) -> None:
    """Make a library whose rows are float32, with what rounding took from them."""
    with mock.patch("niicorr.library.adding.row_dtype", return_value=np.float32), mock.patch(
            "niicorr.library.adding.versions", return_value={"numpy": "2"}):
        nc.index([(volume(k), AFFINE) for k in range(10, 13)], place, mask="none", warn=False)


def _libraries(folder: str) -> list[Seed]:
    """A library; of the one in the folder ``sealed``, whatever is changed gets the hash that it should have."""
    place = os.path.join(folder, "library")
    write_library(place)
    files = _contents(place, "")
    shutil.rmtree(place)
    return [Seed(f"library {kind}", "library", {f"{kind}/{name}": content for name, content in files.items()})
            for kind in ("library", "sealed")]


KEPT_RUNS: dict[str, dict[str, Any]] = {
    "effective": {"null": "effective"}, "surrogate": {"null": "surrogate", "n_surrogates": 19, "method": "spearman"},
}
"""What the runs compute that somebody interrupted."""


def kept_run(folder: str, kind: str, resume: str | None = None) -> nc.CorrelationResult:
    """Correlate the neighbours, and take up what an interrupted run has left."""
    paths = [os.path.join(folder, name) for name in NEIGHBOURS]
    return nc.correlate(paths, jobs=1, warn=False, resume=resume, **KEPT_RUNS[kind])


def _kept(folder: str) -> list[Seed]:
    """What interrupted runs leave, its maps apart (they are a cache); again, ``sealed`` is given the right hashes."""
    seeds = []
    for kind in KEPT_RUNS:
        place = os.path.join(folder, "kept")
        with mock.patch.object(KeptWork, "remove"), mock.patch("niicorr.resume.draws.EVERY", 0.0), mock.patch(
                "niicorr.resume.draws.SHARE", 0):
            kept_run(folder, kind, place)
        files = {name: _content(os.path.join(place, name)) for name in sorted(os.listdir(place)) if is_piece(name)}
        shutil.rmtree(place)
        seeds += [Seed(f"kept {whether} {kind}", "kept", {f"{whether}-{kind}/{name}": content
                                                         for name, content in files.items()})
                  for whether in ("kept", "sealed")]
    return seeds


def _shards(folder: str) -> list[Seed]:
    """What a worker of a cluster hands over."""
    place = os.path.join(folder, "shard")
    write_shard(place, extract(*neighbours(folder), naive_step=NAIVE_STEP))
    files = _contents(place, "shard")
    shutil.rmtree(place)
    return [Seed("shard", "shard", files)]


def _contents(place: str, called: str) -> dict[str, bytes]:
    """Read all files below a folder, by their place in another."""
    found = {os.path.relpath(os.path.join(root, name), place).replace(os.sep, "/"): os.path.join(root, name)
             for root, _, names in os.walk(place) for name in names}
    return {f"{called}/{name}".lstrip("/"): _content(path) for name, path in sorted(found.items())}


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
