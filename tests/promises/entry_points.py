"""Every way into niicorr, called alike: two sets of maps and options in, numbers or a refusal out.

A new way in is a function here with the decorator; it then has to keep every promise of `test_every_entry`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from promised_files import AFFINE, write_nifti

import niicorr as nc


@dataclass(frozen=True)
class Map:
    """A map before it is a file or an image; ``damage`` is done to the file."""

    name: str
    data: Any
    affine: Any = field(default_factory=lambda: AFFINE)
    dtype: str | None = None
    header: dict = field(default_factory=dict)
    damage: Callable[[Path], None] | None = None

    def write(self, folder):
        path = write_nifti(folder / self.name, self.data, self.affine, self.dtype, **self.header)
        if self.damage is not None:
            self.damage(path)
        return str(path)

    def image(self):
        data = np.asarray(self.data)
        return nib.Nifti1Image(data.astype(self.dtype or data.dtype), self.affine)


@dataclass(frozen=True)
class Answer:
    """What came back: numbers (None where a way in gives none), names, what was said; or why not, and the exit code."""

    r: Any = None
    n: Any = None
    x_labels: tuple[str, ...] = ()
    y_labels: tuple[str, ...] = ()
    notes: dict[tuple[int, int], str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    refusal: str | None = None
    code: int | None = None


@dataclass(frozen=True)
class Entry:
    """A way in, and what may be asked of it."""

    call: Callable[..., Answer]
    files: bool
    numbers: bool
    pairs: bool
    decisions: bool
    constant: bool


ENTRIES: dict[str, Entry] = {}


def entry(*, files=True, numbers=True, pairs=True, decisions=True, constant=True):
    """Name a function as a way in.

    ``files``: it reads files, so that those may be damaged. ``numbers``: it tells r and n. ``pairs``: it compares maps
    in pairs, so that what happens to two of them matters.
    ``decisions``: it tells what was decided about each map. ``constant``: it keeps maps that correlate with nothing.
    """

    def named(call):
        ENTRIES[call.__name__] = Entry(call, files, numbers, pairs, decisions, constant)
        return call

    return named


def _flags(options):
    return [part for key, value in options.items() for part in ("--" + key.replace("_", "-"), str(value))]


def _written(study, x, y):
    return ([m.write(study.tmp / "x") for m in x], [m.write(study.tmp / "y") for m in y])


def _label(text):
    """A cell of a table as it was before it was kept from starting a formula."""
    return text[1:] if text.startswith("'") else text


def _of_outcome(outcome):
    if outcome.code:
        assert "Traceback" not in outcome.err + outcome.out, outcome
        assert not outcome.folder.exists() or not any(outcome.folder.iterdir()), outcome
        return Answer(refusal=outcome.err, code=outcome.code)
    shape = outcome.r.shape
    notes = {(i, j): outcome.pairs[i * shape[1] + j]["note"] for i in range(shape[0]) for j in range(shape[1])}
    said = {_label(row["label"]): row["decisions"] for row in outcome.maps}
    return Answer(outcome.r, outcome.n, tuple(map(_label, outcome.x_labels)), tuple(map(_label, outcome.y_labels)),
                  notes, said)


def _of_python(compare):
    try:
        result = compare()
    except nc.NiicorrError as error:
        return Answer(refusal=str(error), code=2 if isinstance(error, nc.UsageError) else 3)
    said = {m.label: "; ".join(f"{d.topic}: {d.text}" for d in m.decisions) for m in (*result.x_maps, *result.y_maps)}
    notes = dict.fromkeys(np.ndindex(result.r.shape), "") | dict(result.notes)
    return Answer(result.r.to_numpy(), result.n.to_numpy(), tuple(result.r.columns), tuple(result.r.index), notes, said)


def _correlate(x, y, options):
    return _of_python(lambda: nc.correlate(x, y, null="none", warn=False, **options))


@entry()
def run_files(study, x, y, **options):
    """``niicorr run -x FILES -y FILES``."""
    study.x_paths, study.y_paths = _written(study, x, y)
    return _of_outcome(study.run(*_flags(options)))


@entry()
def run_folders(study, x, y, **options):
    """``niicorr run -x FOLDER -y FOLDER``."""
    _written(study, x, y)
    study.x_paths, study.y_paths = [study.tmp / "x"], [study.tmp / "y"]
    return _of_outcome(study.run(*_flags(options)))


@entry()
def run_manifests(study, x, y, **options):
    """``niicorr run -x TABLE -y TABLE``."""
    tables = []
    for name, paths in zip("xy", _written(study, x, y), strict=True):
        tables.append(study.tmp / f"{name}.tsv")
        pd.DataFrame({"path": paths}).to_csv(tables[-1], sep="\t", index=False)
    study.x_paths, study.y_paths = tables[:1], tables[1:]
    return _of_outcome(study.run(*_flags(options)))


@entry()
def run_from_a_cache(study, x, y, **options):
    """``niicorr run --cache``, the second time."""
    study.x_paths, study.y_paths = _written(study, x, y)
    cache = study.tmp / "cache"
    first = study.run("--cache", cache, *_flags(options), out=study.work / "first")
    second = study.run("--cache", cache, *_flags(options))
    assert second.code == first.code
    return _of_outcome(second)


@entry(numbers=False)
def check_files(study, x, y, **options):
    """``niicorr check``."""
    study.x_paths, study.y_paths = _written(study, x, y)
    outcome = study.check(*_flags(options))
    assert not outcome.folder.exists()
    assert "Traceback" not in outcome.err + outcome.out, outcome
    return Answer(refusal=outcome.err + outcome.out if outcome.code else None, code=outcome.code)


@entry(numbers=False, pairs=False)
def rois_files(study, x, y, **options):
    """``niicorr rois``: each map becomes a run of volumes, with an atlas on its grid."""
    rng = np.random.default_rng(5)
    for folder, maps in (("x", x), ("y", y)):
        for m in maps:
            data = np.asarray(m.data)
            if data.ndim == 3:
                noise = rng.standard_normal((20,))
                data = np.where(np.isfinite(data), data, 0)[..., None] * (1 + 0.1 * noise)
            dtype = m.dtype or ("complex64" if data.dtype.kind == "c" else "float32")
            Map(m.name, data, m.affine, dtype, m.header, m.damage).write(study.tmp / folder)
    size = np.prod(np.shape(x[0].data)[:3])
    labels = 1 + (np.arange(size) * 4 // size).reshape(np.shape(x[0].data)[:3])
    atlas = write_nifti(study.tmp / "atlas.nii", labels.astype("int16"), x[0].affine)
    taken = {key: value for key, value in options.items() if key in ("max_map_size", "volumes")}
    paths = sorted(map(str, (study.tmp / "x").iterdir())) + sorted(map(str, (study.tmp / "y").iterdir()))
    outcome = study.call("rois", *paths, "--atlas", atlas, "-o", study.out, "--null", "none", "--no-figures",
                         "--no-report", *_flags(taken))
    return Answer(refusal=outcome.err, code=outcome.code) if outcome.code else Answer(code=0)


@entry(decisions=False, constant=False)
def search_files(study, x, y, **options):
    """``niicorr index`` of x, then ``niicorr search`` of y."""
    paths, queries = _written(study, x, y)
    library, table, nothing = study.work / "library", study.work / "hits.tsv", study.work / "none"
    reading = {key: value for key, value in options.items() if key in ("background", "zeros")}
    made = study.call("index", *paths, "-o", library, *_flags({**reading, "mask": options.get("mask", "auto")}),
                      folder=library)
    if made.code:
        assert not library.exists()
        alone = study.call("index", *queries, "-o", nothing, folder=nothing)
        return Answer(refusal=made.err + (alone.err if alone.code else ""), code=made.code)
    found = study.call("search", *queries, "--in", library, "--top", "all", "--null", "none", "-o", table,
                       *_flags(reading), folder=nothing)
    assert "Traceback" not in found.err + found.out, found
    if found.code:
        assert not table.exists()
        return Answer(refusal=found.err, code=found.code)
    rows = pd.read_csv(table, sep="\t", dtype={"path": str, "map": str, "note": str})
    rows["volume"] = rows["volume"].fillna(0).astype(int)
    rows["place"] = [paths.index(path) for path in rows["path"]]
    rows = rows.sort_values(["place", "volume"])
    labels = tuple(map(_label, dict.fromkeys(rows["query"])))
    r, n = (rows[name].to_numpy().reshape(1, -1) for name in ("r", "n"))
    return Answer(r, n, tuple(map(_label, rows["map"])), labels)


@entry()
def python_paths(study, x, y, **options):
    """``correlate`` of lists of paths."""
    return _correlate(*_written(study, x, y), options)


@entry()
def python_frames(study, x, y, **options):
    """``correlate`` of DataFrames with a column ``path``."""
    return _correlate(*(pd.DataFrame({"path": paths}) for paths in _written(study, x, y)), options)


@entry(files=False)
def python_images(study, x, y, **options):
    """``correlate`` of nibabel images."""
    return _correlate([m.image() for m in x], [m.image() for m in y], options)


@entry(files=False)
def python_arrays(study, x, y, **options):
    """``correlate`` of arrays with their affine."""
    return _correlate(*([(np.asanyarray(m.image().dataobj), m.affine) for m in maps] for maps in (x, y)), options)


@entry()
def python_steps(study, x, y, **options):
    """The steps of ``correlate`` one by one: read, survey, choose a sampling, extract, and compare matrices."""
    paths = _written(study, x, y)
    reading = {key: options[key] for key in ("background", "zeros") if key in options}
    choosing = {key: options[key] for key in ("mask", "grid", "interpolation") if key in options}

    def compare():
        sets = [nc.survey(nc.read_maps(part, on_error="skip"), **reading) for part in paths]
        bad = [problem for s in sets for problem in s.problems]
        if bad:
            raise nc.UnusableMapsError(bad, len(x) + len(y))
        sampling = nc.choose_sampling(*sets, **choosing)
        matrices = [nc.extract(s, sampling, n_maps=len(x) + len(y)) for s in sets]
        return nc.correlate(*matrices, null="none", warn=False)

    return _of_python(compare)
