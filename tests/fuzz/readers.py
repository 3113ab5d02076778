"""Every reader of ours behind one signature: read what is in a folder, and judge what was accepted.

A reader returns whether it took the files. What it may raise is `niicorr.errors.NiicorrError`, with the name of a file
in it; whatever else comes out, and every `WrongError`, is a finding.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

import niicorr as nc
from niicorr.cluster.gather import Gathered
from niicorr.errors import NiicorrError
from niicorr.hashes import record_hash
from niicorr.images.atlas import read_atlas
from niicorr.images.cache.store import open_cache
from niicorr.images.confounds import read_confounds
from niicorr.images.extract import extract
from niicorr.images.mapset import read_maps
from niicorr.images.sampling import choose_sampling
from niicorr.images.series import read_series
from niicorr.images.survey import survey
from niicorr.library.checksums import ARRAYS, CHECKSUMS, checksums
from niicorr.matrix_folder import open_matrix, read_array
from niicorr.plot.picture import prepare
from niicorr.record_fields import map_record
from niicorr.result.saved import write_result
from niicorr.resume.pieces import HASH
from niicorr.webpage.packing import json_text
from niicorr.webpage.payload import payload

from .by_definition import voxels_by_definition
from .sealing import seal_result
from .seeds import (
    AFFINE,
    NAIVE_STEP,
    NEIGHBOURS,
    ROWS,
    kept_run,
    neighbours,
    saved_results,
    volume,
    write_library,
)

LARGEST_EDGE, SMALLEST_EDGE, FARTHEST = 1000.0, 1e-4, 1e5
"""Millimetres: voxels and origins beyond are no brain's."""


class WrongError(AssertionError):
    """Something was accepted that cannot be."""


def read_image(folder: str, names: tuple[str, ...]) -> bool:
    """Read an image beside a sound one, as far as the rows of a matrix."""
    first, *rest = (os.path.join(folder, name) for name in names)
    maps = read_maps([first, os.path.join(folder, NEIGHBOURS[0])])
    read = survey(maps)
    for problem in read.problems:
        raise problem
    stored = voxels_by_definition(_content(first), _content(rest[0]) if rest else None)
    _demand_maps(maps, read, first, stored)
    _demand_rows(extract(read, choose_sampling(read)))
    return True


def read_an_atlas(folder: str, names: tuple[str, ...]) -> bool:
    """Read an atlas with a table of names."""
    image, table = sorted(names, key=lambda name: ".nii" not in name)
    atlas = read_atlas(os.path.join(folder, image), os.path.join(folder, table))
    _demand_affine(atlas.grid.affine)
    _demand(len(set(atlas.names)) == len(atlas) > 0, "regions without a name of their own")
    _demand(all(name and not hides_something(name) for name in atlas.names), "a name that cannot be shown")
    _demand(bool(np.isfinite(atlas.volumes).all() and (atlas.volumes >= 0).all()), "a region of no size")
    counted = np.array([region.n_voxels for region in atlas.regions])
    _demand(np.array_equal(atlas.held, counted), "counts of voxels that are not those of the image")
    if atlas.codes is not None:
        _demand(int(atlas.codes.min()) >= 0 and int(atlas.codes.max()) == len(atlas), "codes of no region")
    else:
        _demand(bool(np.isfinite(atlas.weights).all() and (atlas.weights >= 0).all()), "weights that are none")
    full = counted > 0
    centres = np.array([region.centroid for region in atlas.regions])
    _demand(bool(np.isfinite(centres[full]).all()), "a region with voxels and no place")
    return True


def read_manifest(folder: str, names: tuple[str, ...]) -> bool:
    """Read the maps that a manifest names."""
    maps = read_maps(os.path.join(folder, names[0]))
    _demand(len(maps) > 0 and len(set(maps.labels)) == len(maps), "labels that are not unique")
    read = survey(maps)
    for problem in read.problems:
        raise problem
    _demand_rows(extract(read, choose_sampling(read)))
    return True


def read_some_confounds(folder: str, names: tuple[str, ...]) -> bool:
    """Read confounds: all columns, some, and with scrubbing; what one way refuses another may take."""
    refused: NiicorrError | None = None
    for chosen in ((), ("white_matter", "cosine*"), ("wm_csf", "high_pass", "scrub")):
        try:
            found = read_confounds(os.path.join(folder, names[0]), ROWS, chosen)
        except NiicorrError as error:
            refused = error
            continue
        _demand(found.values.shape == (ROWS, len(found.names)), "values of another shape than the names")
        _demand(bool(np.isfinite(found.values).all()) and found.kept.shape == (ROWS,), "confounds that are no numbers")
    if refused is not None:
        raise refused
    return True


def read_some_series(folder: str, names: tuple[str, ...]) -> bool:
    """Read ready-made series."""
    found = read_series(os.path.join(folder, names[0]))
    _demand(found.values.ndim == 2 and len(found.values) > 1 and found.values.dtype == np.float64, "no table of series")
    if found.names is not None:
        _demand(len(set(found.names)) == len(found.names) == found.values.shape[1], "names that are not unique")
    return True


def read_saved(folder: str, names: tuple[str, ...]) -> bool:
    """Load a saved result, and do with it what `niicorr report` and a notebook do, figures apart.

    Unless somebody made its hashes right, what is not refused says what was saved.
    """
    place = names[0].split("/")[0]
    if place == "result":
        seal_result(os.path.join(folder, place))
    result = nc.load(os.path.join(folder, place))
    if place != "result":
        saved = saved_results()[place.removeprefix("as-saved-")]
        _demand(_said_by(result) == _said_by(saved), "another result than was saved")
    estimate = result.estimate
    _demand(estimate.shape == (len(result.y_maps), len(result.x_maps)) == result.counts.shape, "a matrix without maps")
    if result.measure.bounded:
        _demand(not (np.abs(estimate) > 1 + 1e-6).any(), "correlations beyond 1")
    if result.grid is not None:
        _demand_affine(result.grid.affine)
        _demand(result.mask is None or result.mask.shape == result.grid.shape, "a mask of another grid")
    repr(result), result._repr_html_(), result.methods_text()
    frame = result.to_frame()
    for name in ("p", "p_fdr", "p_fwe"):
        _demand(not ((frame[name] < 0) | (frame[name] > 1)).any(), f"{name} is no probability")
    json_text(payload(result, result.pictures))
    prepare(result, "cluster", "RdBu_r", None)
    if result.pictures is not None:
        for pictures in (result.pictures.x, result.pictures.y):
            for k in range(len(pictures)):
                pictures.steps(k, result.pictures.n)
    work = os.path.join(folder, "written")
    os.makedirs(work, exist_ok=True)
    write_result(result, work)
    return True


def _said_by(result: nc.CorrelationResult) -> str:
    mask = None if result.mask is None else np.packbits(result.mask).tobytes()
    numbers = {name: values.tolist() for name, values in sorted(result.inferred.items())}
    return repr((result.estimate.tolist(), result.counts.tolist(), numbers, result.x_maps, result.y_maps, result.method,
                 result.null, dict(result.notes), mask, result.decisions, result.warnings, result.grid and (
                     result.grid.shape, result.grid.affine.tolist(), result.grid.mni)))


def read_cached(folder: str, names: tuple[str, ...]) -> bool:
    """Read the sound maps through a damaged cache: unless somebody sealed a lie, the rows are those without it."""
    paths = [os.path.join(folder, name) for name in NEIGHBOURS]
    place = names[0].split("/")[0]
    cache = open_cache(os.path.join(folder, place))
    maps = read_maps(paths, cache=cache)
    read = survey(maps, cache=cache)
    for problem in read.problems:
        raise problem
    for file in maps.files:
        _demand_affine(file.header.grid.affine)
    made = extract(read, choose_sampling(read))
    _demand_rows(made)
    if place == "cache":
        alone = survey(read_maps(paths))
        right = extract(alone, choose_sampling(alone))
        for name in ("rows", "center", "scale", "supports"):
            _demand(np.array_equal(getattr(made, name), getattr(right, name)), f"{name} that the files do not give")
        _demand(made.records == right.records, "records that the files do not give")
    return not any("was not used" in decision.text for decision in cache.decisions)


def read_a_matrix(folder: str, names: tuple[str, ...]) -> bool:
    """Open a matrix of maps on the disk."""
    matrix = open_matrix(os.path.join(folder, "matrix"))
    features = matrix.features
    _demand(len(set(matrix.labels)) == len(matrix) == len(matrix.records) == len(matrix.rows), "maps without a name")
    _demand(matrix.rows.shape[1] == features.n == matrix.supports.shape[1], "rows of other features")
    _demand(np.isfinite(matrix.scale).all() and (matrix.scale >= 0).all(), "a deviation that is none")
    _demand(len(matrix) == 0 or 0 <= matrix.support_of.min() <= matrix.support_of.max() < len(matrix.supports),
            "a support that is not there")
    if features.grid is not None:
        _demand_affine(features.grid.affine)
    for record in matrix.records:
        _demand(0 <= record.coverage <= 1 and 0 <= record.background_share <= 1, "shares beyond 1")
    return True


def read_library(folder: str, names: tuple[str, ...]) -> bool:
    """Search a library: unless somebody sealed a lie, what is not refused is as it was."""
    kind = names[0].split("/")[0]
    place = os.path.join(folder, kind)
    if kind == "sealed":
        _seal_library(place)
    library = nc.open_library(place)
    _demand_affine(library.features.grid.affine)
    _demand(len(library.records) == len(library), "maps without a record")
    found = _searched(library)
    for hit in found:
        _demand(not (abs(hit.r) > 1 or hit.n < 0 or hit.n_effective < 0), f"r of {hit.r}, n of {hit.n}")
        _demand(not any(not 0 <= p <= 1 for p in (hit.p, hit.p_fdr) if p == p), "no probability")
    if kind == "library":
        told = [(hit.record.label, hit.r, hit.n, hit.n_effective, hit.p, hit.p_fdr, hit.note) for hit in found]
        _demand(repr(told) == _right_hits(), "hits that the maps do not give")
    library.verify()
    return True


def _searched(library: nc.Library) -> tuple[Any, ...]:
    return nc.search([(volume(90), AFFINE)], library, jobs=1).hits[0]


@cache
def _right_hits() -> str:
    with tempfile.TemporaryDirectory(prefix="niicorr-fuzz-") as folder:
        place = os.path.join(folder, "library")
        write_library(place)
        return repr([(hit.record.label, hit.r, hit.n, hit.n_effective, hit.p, hit.p_fdr, hit.note)
                     for hit in _searched(nc.open_library(place))])


def _seal_library(place: str) -> None:
    """Write down checksums and hashes of what is there now, as far as the records can be read."""
    _sum_up(os.path.join(place, "shard-000001"))
    for path in (os.path.join(place, "library.json"), os.path.join(place, "shard-000001", "shard.json")):
        try:
            fields = json.loads(_content(path))
            if "digests" in fields:
                fields["digests"] = {name: hashlib.blake2b(_content(os.path.join(os.path.dirname(path), name)),
                                                           digest_size=16).hexdigest() for name in fields["digests"]}
            else:
                fields["digest"] = record_hash(fields, "digest")
        except (ValueError, TypeError, OSError, RecursionError, AttributeError):
            continue
        with open(path, "w", encoding="ascii") as file:
            json.dump(fields, file)


def _sum_up(shard: str) -> None:
    try:
        told = json.loads(_content(os.path.join(shard, "maps", "maps.json")))
        arrays = {name: read_array(os.path.join(shard, "maps" if name == "rows" else "", f"{name}.npy"),
                                   ("<f4", "<f8", "|i1"), (None, None)) for name in ARRAYS}
        found = checksums([map_record(fields) for fields in told["records"]], arrays)
    except (ValueError, TypeError, OSError, LookupError, AttributeError, RecursionError):
        return
    np.save(os.path.join(shard, CHECKSUMS), found)


def read_kept(folder: str, names: tuple[str, ...]) -> bool:
    """Continue an interrupted run: unless somebody sealed a lie, its numbers are those of a run that was not."""
    place = names[0].split("/")[0]
    whether, kind = place.split("-")
    if whether == "sealed":
        for name in names:
            path = os.path.join(folder, name)
            body = _content(path)[:-HASH]
            with open(path, "wb") as file:
                file.write(body + hashlib.blake2b(body, digest_size=HASH).digest())
    result = kept_run(folder, kind, os.path.join(folder, place))
    numbers = _numbers(result)
    _demand(not (np.abs(result.estimate) > 1).any() and not (result.counts < 0).any(), "r beyond 1")
    for name, values in numbers.items():
        least, most = (0, 1) if name.startswith("p") else (0, np.inf) if name == "n_effective" else (-np.inf, np.inf)
        _demand(not ((values < least) | (values > most)).any(), f"{name} beyond its bounds")
    if whether == "kept":
        right = _right_numbers(folder, kind)
        _demand(all(np.array_equal(numbers[name], right[name], equal_nan=True) for name in right),
                "numbers that the files do not give")
    return not any("damaged" in each.text for each in result.provenance.decisions if each.topic == "resume")


def _numbers(result: nc.CorrelationResult) -> dict[str, np.ndarray]:
    return {"estimate": result.estimate, "counts": result.counts, **result.inferred}


@cache
def _right_numbers(folder: str, kind: str) -> dict[str, np.ndarray]:
    return _numbers(kept_run(folder, kind))


def read_a_shard(folder: str, names: tuple[str, ...]) -> bool:
    """Read what a worker of a cluster handed over."""
    read, sampling = neighbours(folder)
    gathered = Gathered(read, sampling, NAIVE_STEP, len(read.readings), on_disk=False)
    gathered.take(0, os.path.join(folder, "shard"))
    matrix = gathered.matrix()
    _demand(np.isfinite(matrix.scale).all() and (matrix.scale >= 0).all(), "a deviation that is none")
    return True


READERS: Mapping[str, Callable[[str, tuple[str, ...]], bool]] = {
    "image": read_image, "atlas": read_an_atlas, "manifest": read_manifest, "confounds": read_some_confounds,
    "series": read_some_series, "saved": read_saved, "cache": read_cached, "matrix": read_a_matrix,
    "library": read_library, "kept": read_kept, "shard": read_a_shard,
}


def hides_something(text: str) -> bool:
    """Whether a text holds what a terminal obeys instead of showing it."""
    return any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or "\u202a" <= char <= "\u202e"
               or "\u2066" <= char <= "\u2069" for char in text)


def _demand(holds: Any, otherwise: str) -> None:
    if not holds:
        raise WrongError(otherwise)


def _demand_affine(affine: np.ndarray) -> None:
    _demand(affine.shape == (4, 4) and np.isfinite(affine).all(), "an affine that is no number")
    edges = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    _demand(edges.min() >= SMALLEST_EDGE and edges.max() <= LARGEST_EDGE, f"voxels of {edges} mm")
    _demand(np.linalg.matrix_rank(affine[:3, :3] / edges) == 3, "a singular affine")
    _demand(np.abs(affine[:3, 3]).max() <= FARTHEST, f"an origin at {affine[:3, 3]} mm")
    _demand(np.array_equal(affine[3], (0, 0, 0, 1)), "an affine with another last row")


def _demand_maps(maps: Any, read: Any, path: str, stored: np.ndarray | None) -> None:
    """See that the maps of the first file are what its bytes say, and that no value is called data that is none."""
    file = maps.files[0]
    size = int(np.prod(file.header.shape))
    _demand_affine(file.header.grid.affine)
    _demand(size > 0 and len(file.labels) == len(file.which), "an image without voxels")
    _demand(stored is None or stored.size == size * file.header.n_volumes, "more or fewer voxels than the file has")
    for k, (i, voxels) in enumerate(read.voxels(file)):
        _demand(np.isfinite(voxels.values).all() and (voxels.values != 0).all(), "data that are NaN, infinite or 0")
        _demand(int(np.bitwise_count(voxels.bits).sum()) == voxels.values.size, "as many data as places for them")
        share = read.readings[i].record.background_share
        _demand(np.isfinite(share) and 0 <= share <= 1, f"a background in {share} of the volume")
        if stored is not None:
            own = stored[size * file.which[k] :][:size]
            # Along the first axis, each line padded to whole bytes.
            held = np.unpackbits(voxels.bits, axis=-1, count=file.header.shape[0]).reshape(-1).astype(bool)
            with np.errstate(all="ignore"):
                near = np.abs(own[held] - voxels.values) <= 1e-6 * np.abs(own[held]).max(initial=0)
            _demand(near.all(), "values that are not those of the file")


def _demand_rows(made: Any) -> None:
    _demand(np.isfinite(made.rows).all(), "rows that are no numbers")
    held = made.supports[made.support_of].any(axis=1)
    _demand(np.isfinite(made.center[held]).all() and np.isfinite(made.scale).all(), "a mean that is no number")
    _demand(all(0 <= record.coverage <= 1 for record in made.records), "coverage beyond 1")


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
