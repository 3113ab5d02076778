"""Tables of region names as they come: delimited or plain text, XML, JSON, or Python's own lists and frames.

Everything becomes one `LabelTable`, rows of text with or without a header; what its columns mean is decided in
`niicorr.images.region_names`, where the labels of the image are known.
"""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from xml.etree import ElementTree

from niicorr.disk import SAVE_IT, NotRegularError, read_regular
from niicorr.errors import NOWHERE, MapError, NoMapError
from niicorr.images.header import image_suffix
from niicorr.numerals import integer
from niicorr.spelling import advised
from niicorr.tables import brief, expanded, path_text, printable

LARGEST_TABLE = 16 * 2**20
"""Bytes of the largest table that is read."""

MOSTLY = 0.9
"""A column is of numbers, and a text separated by a character, where so many of its rows are."""

DEEPEST = 4
"""Levels of a JSON file that are searched for names."""

MOST_COLUMNS = 1000
"""No table of names has more; every row is brought to the longest."""

MOST_NEIGHBOURS, MOST_XML = 10_000, 50
"""So many entries of a folder are looked at for a table beside an atlas, and so many XML files are opened."""

ID_WORDS = ("index", "id", "label_id", "labelid", "roi_id", "roiid", "region_id", "regionid", "value", "key", "number",
            "no", "num", "nr", "code", "idx", "intensity", "label", "region", "roi", "component", "parcel")
NAME_WORDS = ("name", "names", "region_name", "regionname", "roi_name", "roiname", "label_name", "labelname", "label",
              "labels", "region", "regions", "roi", "rois", "structure", "area", "parcel", "full_name", "fullname",
              "long_name", "longname", "description", "anatomy", "abbreviation", "abbr", "acronym")
SIDE_WORDS = ("hemisphere", "hemi", "side", "laterality", "lr")
NETWORK_WORDS = ("network", "networks", "yeo", "lobe", "group", "system", "community", "module")
_WORDS = frozenset((*ID_WORDS, *NAME_WORDS, *SIDE_WORDS, *NETWORK_WORDS))

_SUFFIXES = (".tsv", ".csv", ".txt", ".xml", ".json", ".label", ".1d", ".lut", ".ctab", ".nii.txt", ".nii.gz.txt")
_ADVICE = "give a table with one region per line: its number and its name"
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(?:\.0*)?")
_ENTRY_TAGS = frozenset(("label", "region", "roi", "structure", "area", "parcel", "item", "entry"))
_BINARY = ((b"PK\3\4", "an Excel workbook or another zip archive", "save the sheet as CSV"),
           (b"\xd0\xcf\x11\xe0", "an Excel workbook", "save the sheet as CSV"),
           (b"\x1f\x8b", "compressed", "unpack it first"))

Rows: TypeAlias = list[list[str]]


@dataclass(frozen=True, eq=False)
class LabelTable:
    """A table of names, as text.

    Attributes
    ----------
    source : str
        What it is called in messages.
    rows : tuple of tuple of str
        All of one length.
    header : tuple of str
        Names of the columns, empty where they have none.
    from_zero : bool or None
        Whether its index is the label less 1 (FSL's probabilistic atlases); None where nothing says so.
    """

    source: str
    rows: tuple[tuple[str, ...], ...]
    header: tuple[str, ...]
    from_zero: bool | None = None

    def column(self, index: int) -> list[str]:
        """Return the cells of one column."""
        return [row[index] for row in self.rows]

    def title(self, index: int) -> str:
        """Name a column in a message."""
        return f"`{self.header[index]}`" if self.header[index] else f"number {index + 1}"


@dataclass(frozen=True)
class TableBeside:
    """A table that lies beside an atlas; ``certain`` where its name or content says that it belongs to it."""

    path: str
    certain: bool


def read_table(labels: Any) -> LabelTable:
    """Read names of regions.

    Parameters
    ----------
    labels : path, list of names, dict of number and name, DataFrame, or a list of these rows
        A path is CSV, TSV, plain text (also lookup tables of FreeSurfer, ITK-SNAP and workbench), XML (FSL's and
        AAL's forms) or JSON, told by content.

    Raises
    ------
    MapError
        Where it cannot be read or holds no rows.
    """
    if isinstance(labels, str | bytes | os.PathLike):
        path = expanded(labels)
        return _from_text(path_text(path), _text_of(path))
    return _from_values("labels", labels)


def whole(cell: str) -> int | None:
    """Return the whole number in a cell, None where there is none."""
    return int(cell.partition(".")[0]) if _WHOLE.fullmatch(cell) else None


def word(title: str) -> str:
    """Bring a column's title to one spelling."""
    return re.sub(r"[\s.\-]+", "_", title.strip().strip("#:").casefold().strip()).strip("_")


def tables_beside(path: str) -> Iterator[TableBeside]:
    """Yield the tables beside an atlas file, the likeliest first.

    A table of the same stem belongs to it, and an FSL XML file (there, or one folder up) that names the image. One
    whose stem is the same but for what tells grids and thresholds apart may be meant.
    """
    folder, name = os.path.split(path)
    stem = name[: len(name) - len(image_suffix(name))].casefold()
    here = _neighbours(folder or os.curdir)
    wanted = [stem + suffix for suffix in _SUFFIXES]
    same = sorted((entry for entry in here if entry.casefold() in wanted), key=lambda e: wanted.index(e.casefold()))
    yield from (TableBeside(os.path.join(folder, entry), True) for entry in same)
    above = os.path.join(folder, os.pardir)
    for where, entries in ((folder, here), (above, _neighbours(above))):
        files = [e for e in entries if e.casefold().endswith(".xml") and (where == above or e not in same)]
        for file in (os.path.join(where, e) for e in files[:MOST_XML]):
            if _names_image(file, stem):
                yield TableBeside(file, True)
    for entry in here:
        base = next((entry[: -len(s)] for s in _SUFFIXES if entry.casefold().endswith(s)), "")
        if base and entry not in same and _kin(base) == _kin(stem) != "":
            yield TableBeside(os.path.join(folder, entry), False)


def _neighbours(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(e.name for _, e in zip(range(MOST_NEIGHBOURS), entries, strict=False) if e.is_file())
    except OSError:
        return []


def _kin(stem: str) -> str:
    """Drop from a name what tells apart files of one atlas: grid, space, threshold, and what kind of file it is."""
    kept = re.sub(r"[_-](?:space|res)-[a-z0-9]+|[_-]thr\d+|[_-]\d+mm|^(?:atlas|labels)[_-]", "", stem.casefold())
    return kept.strip("_-")


def _names_image(path: str, stem: str) -> bool:
    """Whether an FSL atlas file names an image of this stem, whatever its resolution and threshold."""
    try:
        found = re.findall(r"<(?:summary)?imagefile>([^<]*)<", _text_of(path))
    except MapError:
        return False
    return any(_kin(os.path.basename(image.strip())) == _kin(stem) for image in found)


def _text_of(path: str) -> str:
    shown = path_text(path)
    if not path:
        raise MapError("''", "the name is empty", "name the table of labels")
    try:
        data = read_regular(path, LARGEST_TABLE + 1)
    except FileNotFoundError:
        raise advised(NoMapError(shown, NOWHERE, "check the path")) from None
    except NotRegularError as error:
        raise MapError(shown, str(error), SAVE_IT) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL byte
        reason = getattr(error, "strerror", None) or str(error)
        raise MapError(shown, f"the table of labels cannot be read ({reason})", "check the path") from None
    if len(data) > LARGEST_TABLE:
        raise MapError(shown, f"larger than {LARGEST_TABLE >> 20} MiB: no table of region names", _ADVICE)
    for magic, what, advice in _BINARY:
        if data.startswith(magic):
            raise MapError(shown, f"the table of labels is {what}", advice)
    text = _decoded(data)
    if "\0" in text:
        raise MapError(shown, "this is no text: it holds NUL bytes", _ADVICE)
    return text


def _decoded(data: bytes) -> str:
    wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if wide else ("utf-8-sig",):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            pass
    return data.decode("latin-1")  # every byte is a letter there: what an old editor wrote


def _from_text(source: str, text: str) -> LabelTable:
    start = text.lstrip()[:1]
    if start == "<":
        return _from_xml(source, text)
    if start in ("{", "["):
        try:
            value = json.loads(text, object_pairs_hook=_object)
        except _TwoValuesError as error:
            raise MapError(source, f"{brief(error.key)!r} stands twice in one object of this JSON, with two values, of "
                           "which only one could count", "take one of them out") from None
        except (ValueError, RecursionError) as error:
            if source.casefold().endswith(".json"):
                why = "nested too deeply" if isinstance(error, RecursionError) else str(error)
                raise MapError(source, f"this JSON file cannot be read ({why})", "check it") from None
        else:
            return _from_values(source, value)
    rows, titles = _plain(source, text)
    return _table(source, rows, titles)


class _TwoValuesError(Exception):
    """A key of an object in JSON has several values, of which Python would take the last without a word."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            raise _TwoValuesError(key)
    return found


def _table(
    source: str, rows: Iterable[Sequence[str]], titles: Sequence[str] | None, from_zero: bool | None = None
) -> LabelTable:
    """Make a table of even rows, without what is empty; ``titles`` is None where the first row may be a header."""
    cells = [[cell.strip() for cell in row] for row in rows]
    width = max(map(len, cells), default=0)
    if width > MOST_COLUMNS:
        raise _too_wide(source, width)
    even = [row + [""] * (width - len(row)) for row in cells if any(row)]
    if titles is None and even and _is_header(even):
        titles, *even = even
    named = [titles[c].strip() if titles is not None and c < len(titles) else "" for c in range(width)]
    used = [c for c in range(width) if any(row[c] for row in even)]
    if not used:
        raise MapError(source, "the table of labels holds no names", _ADVICE)
    header = [printable(named[c]) for c in used]
    for at, title in enumerate(header):
        if title and title in header[:at]:
            header[at] = f"{title} {used[at] + 1}"
    return LabelTable(source, tuple(tuple(row[c] for c in used) for row in even), tuple(header), from_zero)


def _too_wide(source: str, width: int) -> MapError:
    return MapError(source, f"{integer(width)} columns are no table of region names (limit "
                    f"{integer(MOST_COLUMNS)})", _ADVICE)


def _is_header(rows: Rows) -> bool:
    first, rest = rows[0], rows[1:]
    known = sum(word(cell) in _WORDS for cell in first)
    numeric = [c for c in range(len(first)) if rest and mostly_whole([row[c] for row in rest])]
    if numeric:
        return any(first[c] for c in numeric) and not any(whole(first[c]) is not None for c in numeric)
    return known > 0 and (bool(rest) or known == sum(map(bool, first)) > 1)


def mostly_whole(cells: Iterable[str]) -> bool:
    """Whether nearly all filled cells are whole numbers."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and sum(whole(cell) is not None for cell in filled) >= MOSTLY * len(filled)


def _plain(source: str, text: str) -> tuple[Rows, Sequence[str] | None]:
    """Split text into cells; return a commented header, too, where one fits."""
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if lines and lines[0].startswith("#!ascii label"):
        raise MapError(source, "this is FreeSurfer's list of the vertices of one label, not a table of names", _ADVICE)
    if lines and re.fullmatch(r"sep=.", lines[0].strip()):
        lines = lines[1:]  # a note to Excel
    remarks = [line for line in lines if line.lstrip().startswith(("#", "%", "//"))]
    lines = [line for line in lines if not line.lstrip().startswith(("#", "%", "//"))]
    if alternating := _alternating(lines):
        return alternating, None
    split = _splitter(source, lines)
    rows = split(lines)
    width = max(map(len, rows), default=0)
    for remark in reversed(remarks):
        plain = remark.strip("#%/ \t")
        titles = plain.split() if split is _at_spaces else split([plain])[0] if plain else []
        if titles and len(titles) == width and any(word(title) in _WORDS for title in titles):
            return rows, titles
    return rows, None


def _alternating(lines: list[str]) -> Rows:
    """Read workbench's list: a line with the name, then one with number and colour; empty for anything else."""
    colours = [line.split() for line in lines[1::2]]
    fits = len(lines) >= 2 and len(lines) % 2 == 0 and all(
        len(row) == 5 and all(whole(cell) is not None for cell in row) for row in colours)
    if not fits or any(whole(line.split()[0]) is not None for line in lines[::2]):
        return []
    return [[row[0], line] for line, row in zip(lines[::2], colours, strict=True)]


def _splitter(source: str, lines: list[str]) -> Callable[[list[str]], Rows]:
    """Choose how to cut lines: at the character that cuts most alike, else at spaces."""
    best, most = "", 0.0
    for separator in ("\t", ";", ",", "|"):
        counts = [len(_cut(source, line, separator)) for line in lines[:1000]]
        if sum(count > 1 for count in counts) < MOSTLY * len(counts) or not counts:
            continue
        alike = Counter(counts).most_common(1)[0][1] / len(counts)
        if alike > most:
            best, most = separator, alike
    if not best:
        return _at_spaces
    width = Counter(len(_cut(source, line, best)) for line in lines).most_common(1)[0][0]
    spaced = f"{best} "
    return lambda some: [_fit(_cut(source, line, best), width, spaced if spaced in line else best) for line in some]


def _cut(source: str, line: str, separator: str) -> list[str]:
    # Line by line: a lone quote (5" strip) must not swallow the lines that follow.
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error as error:
        raise MapError(source, f"a line cannot be read ({error})", _ADVICE) from None


def _fit(cells: list[str], width: int, glue: str) -> list[str]:
    """Put together again a name that held the separator and was not quoted."""
    return cells if len(cells) <= width else [*cells[: width - 1], glue.join(cells[width - 1 :])]


def _at_spaces(lines: list[str]) -> Rows:
    """Cut at spaces, but not within names: numbers before, numbers after, what is between is a name."""
    tokens = [[_bare(t) for t in re.findall(r'"(?:[^"]|"")*"|\S+', line)] for line in lines]
    body = tokens[1:] if len(tokens) > 1 and not any(map(_NUMBER.fullmatch, tokens[0])) else tokens
    before = min((_leading(row) for row in body), default=0)
    after = min((_leading(row[::-1]) for row in body), default=0)
    same = len({len(row) for row in body}) == 1
    if before and 0 < after < 3 and not same:
        after = 0  # "12 Vermis 4": the number belongs to the name
    if before and after and before + after >= max(map(len, body)):
        return tokens  # numbers only
    between = [row[before : len(row) - after] for row in body]
    machine = same and any(sum("_" in row[c] for row in between) * 2 >= len(body) for c in range(len(between[0])))
    if same and 0 < after < 3 and len({*map(tuple, between)}) < len(between):
        if not before and after == 1:  # "Area 1": the number is part of the name, and the label
            return [*tokens[: len(tokens) - len(body)], *([" ".join(row), row[-1]] for row in body)]
        after = 0 if before else after
    if not machine:
        split = [[*row[:before], " ".join(row[before : len(row) - after]), *row[len(row) - after :]] for row in body]
    else:
        split = [list(row) for row in body]
    if body is tokens:
        return split
    header = tokens[0] if split and len(tokens[0]) == len(split[0]) else []
    if not header and split and len(split[0]) == 1:
        header = [" ".join(tokens[0])]  # the first of names alone
    return [header, *split] if header else split


def _leading(tokens: Sequence[str]) -> int:
    count = 0
    while count < len(tokens) and _NUMBER.fullmatch(tokens[count]):
        count += 1
    return count


def _bare(token: str) -> str:
    return token[1:-1].replace('""', '"') if len(token) > 1 and token[0] == token[-1] == '"' else token


def _from_xml(source: str, text: str) -> LabelTable:
    # Entities are how XML reads other files and grows without bound; no table of labels needs them.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise MapError(source, "this XML file declares a document type, which may read other files or grow without "
                       "bound", "remove its <!DOCTYPE …> part")
    try:
        root = ElementTree.fromstring(text.lstrip("\ufeff \t\r\n"))
    except (ElementTree.ParseError, ValueError) as error:
        raise MapError(source, f"this XML file cannot be read ({error})", "check it, or give names as CSV") from None
    entries, kind = [], ""
    for element in root.iter():
        tag = _tag(element)
        if tag == "type" and not kind:
            kind = (element.text or "").strip().casefold()
        if tag in _ENTRY_TAGS and (cells := _xml_cells(element)):
            entries.append(cells)
    if not entries and (inner := (root.text or "").strip()):  # AFNI puts a plain table between tags
        return _table(source, _at_spaces([line for line in inner.splitlines() if line.strip()]), None)
    return _records(source, entries, {"probabilistic": True, "probabalistic": True, "label": False}.get(kind))


def _xml_cells(element: ElementTree.Element) -> dict[str, str]:
    cells = {_local(key): value for key, value in element.attrib.items()}
    children = [child for child in element if len(child) == 0 and (child.text or "").strip()]
    if len(element) and not children:
        return {}
    cells |= {_tag(child): child.text or "" for child in children}
    if own := (element.text or "").strip():
        cells.setdefault("name", own)
    return cells if len(cells) > 1 or "name" in cells else {}


def _tag(element: ElementTree.Element) -> str:
    return _local(element.tag) if isinstance(element.tag, str) else ""


def _local(name: str) -> str:
    return name.rpartition("}")[2].casefold()


def _from_values(source: str, labels: Any) -> LabelTable:
    """Read what Python or JSON holds."""
    if hasattr(labels, "columns") and hasattr(labels, "itertuples"):
        # An index with a name of its own is a column that was put aside.
        frame = labels.reset_index() if any(name is not None for name in labels.index.names) else labels
        return _table(source, [[_cell(v) for v in row] for row in frame.itertuples(index=False, name=None)],
                      [_cell(title) for title in frame.columns])
    if hasattr(labels, "index") and hasattr(labels, "items") and hasattr(labels, "dtype"):  # a column of pandas
        counted = list(labels.index) == list(range(len(labels)))
        labels = list(labels) if counted else dict(labels.items())
    if (names := getattr(getattr(labels, "dtype", None), "names", None)) is not None:
        return _table(source, [[_cell(v) for v in row] for row in labels.tolist()], list(names))
    if hasattr(labels, "tolist"):
        labels = labels.tolist()
    if isinstance(labels, Iterable) and not isinstance(labels, Mapping | Sequence):
        labels = list(labels)
    return _container(source, labels, 0)


def _container(source: str, value: Any, depth: int) -> LabelTable:
    if isinstance(value, Mapping) and value:
        return _mapping(source, value, depth)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and value:
        if all(isinstance(item, Mapping) for item in value):
            return _records(source, [{_cell(k): _cell(v) for k, v in item.items()} for item in value])
        if all(isinstance(item, Sequence) and not isinstance(item, str | bytes) for item in value):
            return _table(source, [[_cell(v) for v in item] for item in value], None)
        return _table(source, [[_cell(item)] for item in value], ["name"])
    raise MapError(source, f"no names of regions in {'an empty ' if value in ({}, []) else ''}{type(value).__name__}",
                   "give a file, a list of names, a dict of number and name, or a DataFrame")


def _mapping(source: str, value: Mapping[Any, Any], depth: int) -> LabelTable:
    inner = list(value.values())
    titled = any(word(_cell(key)) in _WORDS for key in value)
    if all(isinstance(part, Mapping) for part in inner):
        shared = {frozenset(map(_cell, part)) for part in inner}
        if titled and len(shared) == 1:  # one dict per column, as pandas writes JSON
            keys = list(inner[0])
            return _table(source, [[_cell(part.get(key)) for part in inner] for key in keys], [_cell(k) for k in value])
        if len(inner) > 1 or all(whole(_cell(key)) is not None for key in value):
            return _records(source, [{"id": _cell(key)} | {_cell(k): _cell(v) for k, v in part.items()}
                                     for key, part in value.items()])
    lists = [isinstance(part, Sequence) and not isinstance(part, str | bytes) for part in inner]
    if all(lists) and titled and len({len(part) for part in inner}) == 1:  # one list per column
        return _table(source, [[_cell(v) for v in row] for row in zip(*inner, strict=True)], [_cell(k) for k in value])
    if all(lists) and all(whole(_cell(key)) is not None for key in value):
        return _table(source, [[_cell(key), *map(_cell, part)] for key, part in value.items()], None)
    held = [part for part in inner if isinstance(part, Mapping | list | tuple) and part]
    if not held:
        turned = not all(whole(_cell(key)) is not None for key in value)
        titles = ["name", ""] if turned else ["", "name"]
        return _table(source, [[_cell(key), _cell(part)] for key, part in value.items()], titles)
    if depth >= DEEPEST:
        raise MapError(source, f"no names in its first {DEEPEST} levels", _ADVICE)
    return _container(source, max(held, key=len), depth + 1)


def _records(source: str, entries: list[dict[str, str]], from_zero: bool | None = None) -> LabelTable:
    titles = list(dict.fromkeys(title for entry in entries for title in entry))
    if len(titles) > MOST_COLUMNS:
        raise _too_wide(source, len(titles))
    return _table(source, [[entry.get(title, "") for title in titles] for entry in entries], titles, from_zero)


def _cell(value: Any) -> str:
    missing = isinstance(value, float) and math.isnan(value)
    if value is None or missing or type(value).__name__ in ("NAType", "NaTType"):  # the latter are pandas'
        return ""
    if isinstance(value, bytes):
        return _decoded(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    try:
        return str(value)
    except (ValueError, RecursionError):  # a whole number of more digits than Python writes
        return ""
