"""From what a user names to a list of maps: files, folders, patterns, manifests, images, arrays, tables.

A `MapSource` is a promise to read one volume; nothing is opened here but folders and manifests. Labels are
file names without their image suffix, shortened to what differs when all are BIDS-like, and made unique with
as much of the path as that takes.
"""

from __future__ import annotations

import csv
import errno
import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from niicorr.errors import InputError, MapError, NoMapError, ResourceError
from niicorr.images.foreign import has
from niicorr.images.header import image_suffix
from niicorr.numerals import listed
from niicorr.own_files import is_library, is_result, written_files
from niicorr.records import Decision
from niicorr.tables import brief, expanded, path_text, printable
from niicorr.words import IMAGE_SUFFIXES

MOST_NAMED = 10
"""So many columns of a table without paths are named."""

FEW_NAMED = 3
"""So many of niicorr's own files beside maps are named."""

DEEPEST = 100
"""Lists of lists of maps may lie so deep in each other."""

# The first bytes of other encodings, as they come out of UTF-8; of UTF-32 those of UTF-16 are the beginning.
_MARKS = (("\udcff\udcfe\0\0", "UTF-32"), ("\0\0\udcfe\udcff", "UTF-32"), ("\udcff\udcfe", "UTF-16"),
          ("\udcfe\udcff", "UTF-16"))

_TWICE = Decision("file", "is named more than once and used once")

_BIDS = re.compile(r"(?:[A-Za-z]+-[A-Za-z0-9+.]+_)+[A-Za-z0-9]+")


@dataclass(frozen=True, eq=False)
class MapSource:
    """One file (or image in memory) that was asked for.

    Attributes
    ----------
    path : str
        As named; for images in memory a made-up name such as ``image 2``.
    label : str
        Unique among the sources of its set.
    image : object or None
        A nibabel image, or a pair (array, affine).
    metadata : dict
        Further columns of a manifest.
    decisions : tuple of Decision
        Such as a file named twice.
    problem : MapError or None
        Why it cannot be read, where that is known already.
    """

    path: str
    label: str
    image: Any = None
    metadata: dict[str, str] = field(default_factory=dict)
    decisions: tuple[Decision, ...] = ()
    problem: MapError | None = None


def discover(inputs: Any) -> list[MapSource]:
    """List the maps of one set, in the order given; folders and patterns in the order of their names.

    Parameters
    ----------
    inputs : str, path, image, (array, affine), DataFrame with ``path``, or a list of these
        A folder stands for all images below it.

    Raises
    ------
    InputError
        Where nothing was named at all, or something that is no map.
    """
    sources = list(_expand(inputs))
    if not sources:
        raise InputError("no maps were named: give files, folders, patterns or a .tsv manifest")
    return _label(_merge(sources))


def _expand(item: Any, within: tuple[int, ...] = ()) -> Iterator[MapSource]:
    """List what one thing stands for; ``within`` has the identity of each list around it."""
    if isinstance(item, str | bytes | os.PathLike):
        yield from _from_path(os.fsdecode(item))
    elif hasattr(item, "columns") and hasattr(item, "to_dict"):
        yield from _from_frame(item)
    elif has(item, "affine") and has(item, "dataobj"):
        yield MapSource(file_of(item), "", image=item)
    elif isinstance(item, tuple) and len(item) == 2 and hasattr(item[0], "shape") and not hasattr(item[0], "affine"):
        yield MapSource("", "", image=item)
    elif isinstance(item, list | tuple) or (isinstance(item, Iterable) and _names_or_no_array(item)):
        for part, around in parts(item, within):
            yield from _expand(part, around)
    else:
        raise InputError(f"cannot read maps from {type(item).__name__}: give paths, nibabel images, "
                         "(array, affine) pairs, or a DataFrame with a column `path`")


def parts(items: Iterable[Any], within: tuple[int, ...]) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Go through a list, each part with the identity of all lists around it; refuse lists in lists without end."""
    within = (*within, id(items))
    if len(within) > DEEPEST:
        raise InputError(f"lists of maps lie more than {DEEPEST} deep in each other: give one list")
    for part in items:
        if id(part) in within:
            raise InputError("a list of maps holds itself: give one list of maps")
        yield part, within


def file_of(image: Any) -> str:
    """Name the file that an image in memory is from, where it tells one."""
    try:
        return os.fsdecode(image.get_filename() or "")
    except Exception:  # of somebody else's class; it is an image without a name then
        return ""


def _names_or_no_array(item: Any) -> bool:
    """Tell a column of paths (of pandas or numpy) from voxels."""
    return not hasattr(item, "shape") or getattr(getattr(item, "dtype", None), "kind", "") not in "buifc"


def _from_path(path: str) -> Iterator[MapSource]:
    if not path or "\0" in path:
        reason = "its name holds a NUL byte" if path else "the name is empty"
        yield MapSource(brief(path) or "''", "", problem=MapError(brief(path) or "''", reason, "name a file"))
        return
    path = expanded(path)
    if os.path.isdir(path):
        yield from _from_folder(path)
    elif path.lower().endswith(".tsv") and os.path.isfile(path):
        yield from _from_manifest(path)
    elif os.path.lexists(path) or not glob.has_magic(path):
        yield MapSource(path, "")
    else:
        found = sorted(glob.glob(path, recursive=True))
        if not found:
            yield MapSource(path, "", problem=NoMapError(path, "no file matches this pattern",
                                                         "check it, and quote it if the shell changes it"))
        for name in found:
            yield from _from_folder(name) if os.path.isdir(name) else [MapSource(name, "")]


def _from_folder(folder: str) -> Iterator[MapSource]:
    """Every image below a folder; hidden files (``._*`` of some file systems among them) are none."""
    found: list[str] = []
    faults: list[OSError] = []
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True, onerror=faults.append):
        # A link may lead back to a folder above; an older result or a library below holds a mask, not maps.
        try:
            passed = (place := os.path.realpath(root)) in seen or (
                root != folder and (is_result(root) or is_library(root)))
        except ResourceError:  # who knows what it is
            faults.append(PermissionError(errno.EACCES, os.strerror(errno.EACCES), root))
            passed = True
        if passed:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [os.path.join(root, f) for f in files if not f.startswith(".") and image_suffix(f)]
    what, own = _of_niicorr(folder)
    held = set(found)
    left_out = [name for name in sorted(own) if os.path.join(folder, name) in held]
    for fault in faults:
        name = str(fault.filename or folder)
        yield MapSource(name, "", problem=MapError(name, f"this folder cannot be read ({fault.strerror})",
                                                   "ask its owner, or leave it out"))
    if not found and not faults:
        yield MapSource(folder, "", problem=NoMapError(folder, "no image in this folder",
                                                       f"looked for {', '.join(IMAGE_SUFFIXES)}"))
    if what and found and len(found) == len(left_out):
        yield MapSource(folder, "", problem=MapError(folder, f"{what}, not a set of maps",
                                                     "name the folder of your maps, or the file in it that you mean"))
        return
    said = []
    if left_out:
        are = "is niicorr's own and was" if len(left_out) == 1 else "are niicorr's own and were"
        said.append(Decision("file", f"{listed(left_out, FEW_NAMED)} in {path_text(folder)} {are} left out"))
    passed_over = {os.path.join(folder, name) for name in left_out}
    yield from (MapSource(path, "", decisions=tuple(said)) for path in sorted(found) if path not in passed_over)


def _of_niicorr(folder: str) -> tuple[str, set[str]]:
    """Say what niicorr made of a folder, and which files in it are its own; of another folder neither."""
    try:
        if is_result(folder):
            return "a result of niicorr", written_files(folder)
        return ("a library of niicorr index", {"mask.nii.gz"}) if is_library(folder) else ("", set())
    except ResourceError:  # who knows what it is; its maps may be read
        return "", set()


def _from_manifest(path: str) -> Iterator[MapSource]:
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            # No quoting: a lone quote (5" coil) must not swallow the lines that follow.
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restkey="", restval="")
            reader.fieldnames = [_unquoted(name) for name in reader.fieldnames or ()]
            rows, columns = list(reader), list(reader.fieldnames or ())
    except (OSError, csv.Error) as error:
        yield MapSource(path, "", problem=MapError(path, f"the manifest cannot be read ({error})"))
        return
    code = next((code for mark, code in _MARKS if columns and columns[0].startswith(mark)), None)
    if code is not None:
        yield MapSource(path, "", problem=MapError(path, f"the manifest is {code}", "save it as UTF-8"))
        return
    if len(set(columns)) < len(columns):
        yield MapSource(path, "", problem=MapError(path, "two columns of the manifest have one name",
                                                   "name each column once"))
        return
    if not rows or "path" not in rows[0]:
        names = brief(", ".join(path_text(str(n)) for n in (rows[0] if rows else ())), 200) or "none"
        yield MapSource(path, "", problem=MapError(
            path, f"a manifest needs a column `path` and at least one row (columns: {names})",
            "separate columns by tabs"))
        return
    folder = os.path.dirname(path)
    for number, row in enumerate(rows, start=2):
        named = _unquoted(row.get("path"))
        if not named:
            yield MapSource(path, "", problem=MapError(path, f"line {number} has no path"))
            continue
        beside = os.path.join(folder, named)
        rest = {path_text(k): path_text(_unquoted(v)) for k, v in row.items() if k not in ("path", "label", "")}
        # Beside the manifest first, as BIDS does; else as seen from here.
        if "\0" in named:
            fault = MapError(path, f"line {number}: the name {brief(path_text(named))} holds a NUL byte", "name a file")
            yield MapSource(path, "", problem=fault)
            continue
        target = beside if os.path.exists(beside) or not os.path.exists(named) else named
        yield MapSource(target, path_text(_unquoted(row.get("label"))), metadata=rest)


def _unquoted(cell: Any) -> str:
    """Return a cell without the quotes that some programs put around it."""
    text = str(cell or "").strip()
    quoted = len(text) >= 2 and text[0] == text[-1] == '"'
    return text[1:-1].replace('""', '"') if quoted else text


def _from_frame(frame: Any) -> Iterator[MapSource]:
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise InputError(f"the DataFrame has columns of {frame.columns.nlevels} levels: give it one row of names, "
                         "`path` among them")
    if len(set(frame.columns)) < len(frame.columns):
        raise InputError("two columns of the DataFrame have one name: name each column once")
    if "path" not in frame.columns:
        names = [brief(str(name)) for name in frame.columns[:MOST_NAMED]]
        others = len(frame.columns) - len(names)
        raise InputError(f"the DataFrame has no column `path` (columns: {', '.join(names)}"
                         f"{f' and {others} more' if others else ''})")
    for row in frame.to_dict("records"):
        label = row.get("label")
        named = label is not None and not isinstance(label, float)  # pandas' missing text is a float NaN
        rest = {printable(str(k)): printable(str(v)) for k, v in row.items() if k not in ("path", "label")}
        path = row["path"]
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"a row of the DataFrame has no path ({path!r})")
        yield MapSource(os.fspath(path), str(label) if named else "", metadata=rest)


def _merge(sources: list[MapSource]) -> list[MapSource]:
    """Use a file once, however often it is named, and a pair once whichever half is named."""
    seen: dict[str, int] = {}
    kept: list[MapSource] = []
    for source in sources:
        key = _identity(source) if source.image is None and source.problem is None else None
        if key is None or key not in seen:
            if key is not None:
                seen[key] = len(kept)
            kept.append(source)
            continue
        first = kept[seen[key]]
        if first.label != source.label:
            kept.append(source)  # a manifest may use one file under two labels on purpose
        elif image_suffix(first.path) == image_suffix(source.path) and _TWICE not in first.decisions:
            kept[seen[key]] = replace(first, decisions=(*first.decisions, _TWICE))
    return kept


def _identity(source: MapSource) -> str:
    try:
        path = os.path.abspath(source.path)
    except FileNotFoundError:  # the working folder is gone
        path = os.path.normpath(source.path)
    suffix = image_suffix(path)
    for halves in ((".hdr", ".img"), (".head", ".brik")):
        if suffix.removesuffix(".gz") in halves:
            return path[: -len(suffix)] + halves[0]
    return path


def _label(sources: list[MapSource]) -> list[MapSource]:
    named = [source if source.path else replace(source, path=f"image {k}") for k, source in enumerate(sources)]
    stems = [_stem(source) for source in named]
    paths = [i for i, source in enumerate(named) if not source.label]
    short = shorten([stems[i] for i in paths])
    labels = [source.label for source in named]
    for i, text in zip(paths, short, strict=True):
        labels[i] = text
    if len(set(labels)) < len(labels):
        for i in paths:
            labels[i] = stems[i]
    labels = [printable(label) for label in labels]
    unique = make_unique(labels, [path_text(source.path) for source in named])
    return [_labelled(source, label) for source, label in zip(named, unique, strict=True)]


def _labelled(source: MapSource, label: str) -> MapSource:
    """Give a map its label, and say so where the one that was asked for is that of several maps."""
    if not source.label or label == printable(source.label):
        return replace(source, label=label)
    shared = Decision("file", f"the label {brief(source.label)} is that of several maps: this one is called {label}")
    return replace(source, label=label, decisions=(*source.decisions, shared))


def _stem(source: MapSource) -> str:
    name = os.path.basename(source.path.rstrip("/")) or source.path
    suffix = image_suffix(name)
    return path_text(name[: len(name) - len(suffix)] or name)


def shorten(names: Sequence[str]) -> list[str]:
    """Reduce BIDS-like names to the entities in which they differ; leave any other names as they are."""
    if len(names) < 2 or not all(_BIDS.fullmatch(name) for name in names):
        return list(names)
    parts = [name.split("_") for name in names]
    counts = Counter(part for name in parts for part in set(name))
    short = ["_".join(part for part in name if counts[part] < len(names)) for name in parts]
    return short if all(short) and len(set(short)) == len(short) else list(names)


def make_unique(labels: Sequence[str], paths: Sequence[str]) -> list[str]:
    """Tell equal labels apart: by suffix within a folder, by parent folders, at last by number."""
    unique = list(labels)
    groups = _repeated(unique)
    for group in groups:
        parents = [path.split("/")[:-1] for path in (paths[i] for i in group)]
        names = [paths[i].split("/")[-1] for i in group]
        if len({tuple(p) for p in parents}) < len(group) and len(set(names)) == len(names):
            for i, name in zip(group, names, strict=True):
                unique[i] = name
            continue
        for depth in range(1, max(map(len, parents), default=0) + 1):
            tried = ["/".join([*p[-depth:], unique[i]]) for p, i in zip(parents, group, strict=True)]
            if len(set(tried)) == len(tried):
                for i, text in zip(group, tried, strict=True):
                    unique[i] = text
                break
    taken = set(unique)
    for group in _repeated(unique):
        for count, i in enumerate(group[1:], start=2):
            number = count
            while f"{unique[group[0]]}#{number}" in taken:
                number += 1
            unique[i] = f"{unique[group[0]]}#{number}"
            taken.add(unique[i])
    return unique


def _repeated(labels: Sequence[str]) -> list[list[int]]:
    where: dict[str, list[int]] = {}
    for i, label in enumerate(labels):
        where.setdefault(label, []).append(i)
    return [group for group in where.values() if len(group) > 1]
