"""Names of any characters at all: every table, record, terminal and figure says them, and nothing else happens.

The page has the same promises in ``tests/webpage/test_page_of_any_text.py``.
"""

import csv
import html
import io
import json
import unicodedata
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promised_files import AFFINE, noise, write_nifti

import niicorr as nc
from any_text import EVERYTHING, FRAGMENTS, any_text, chunks, distinct, guarded, hidden, seen, unguarded
from niicorr.cli.terminal import Terminal
from niicorr.plot.heatmap import save_heatmap
from niicorr.plot.labels import escape_missing
from niicorr.tables import cell_text, printable

FEW = settings(max_examples=15)
SHAPE = (5, 4, 3)


def values(n, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 40))


def named(x, y):
    """A result whose maps have these names."""
    sets = [nc.MapMatrix.from_array(values(len(names), k), tuple(names)) for k, names in enumerate((x, y))]
    return nc.correlate(*sets, null="none")


def told(names):
    """The names of maps that were called so: one without a name is called by its place."""
    return [seen(name) or f"map{k}" for k, name in enumerate(names)]


def visible(text):
    return bool(text.strip())


def csv_cells(path, delimiter):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter=delimiter, strict=True))


def must_be_told(folder, x, y):
    """Names that are seen stand in every file, and come back out of it, by csv and by pandas."""
    matrix = csv_cells(folder / "correlations.csv", ",")
    assert matrix[0] == ["", *map(guarded, x)]
    assert [row[0] for row in matrix[1:]] == [guarded(name) for name in y]
    assert {len(row) for row in matrix} == {len(x) + 1}
    # As text: to pandas a map called NA is no name, and one called 1e5 a number.
    as_text = {"dtype": str, "keep_default_na": False, "encoding": "utf-8"}
    frame = pd.read_csv(folder / "correlations.csv", **as_text)
    assert list(map(unguarded, frame.columns[1:])) == x
    assert list(map(unguarded, frame.iloc[:, 0])) == y
    for name in ("pairs.tsv", "maps.tsv"):
        header, *rows = csv_cells(folder / name, "\t")
        assert {len(row) for row in rows} == {len(header)}
        frame = pd.read_csv(folder / name, sep="\t", **as_text)
        assert frame.to_numpy().tolist() == rows
        if name == "pairs.tsv":
            assert [(unguarded(row[0]), unguarded(row[1])) for row in rows] == [(a, b) for b in y for a in x]
        else:
            assert [unguarded(row[header.index("label")]) for row in rows] == x + y
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    for side, names in (("x_maps", x), ("y_maps", y)):
        assert [one["label"] for one in record[side]] == names
    back = nc.load(folder)
    assert (list(back.x_labels), list(back.y_labels)) == (x, y)
    return back


def must_be_harmless(text):
    """What went to a terminal: lines, and in them nothing that acts."""
    acting = {char for line in text.split("\n") for char in line if hidden(char)}
    assert not acting, ascii(acting)


def terminal_text(result, encoding="utf-8", **how):
    class Stream(io.StringIO):
        pass

    Stream.encoding = encoding
    stream = Stream()
    Terminal.make(stream, color=False, **how).run_report(result, out="out", files=["run.json"], seconds=1.0)
    stream.getvalue().encode(encoding)
    return stream.getvalue()


def test_every_character_there_is(tmp_path):
    *x, last = chunks(4096)
    y = [last]
    result = named(x, y)
    result.save(tmp_path / "out")
    back = must_be_told(tmp_path / "out", told(x), told(y))
    must_be_harmless(terminal_text(back))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_a_terminal_of_any_encoding(encoding):
    must_be_harmless(terminal_text(named(distinct(FRAGMENTS), ["y"]), encoding, verbose=True))


def test_every_character_is_shown_as_one_or_as_an_escape():
    for text in chunks(4096):
        assert printable(text) == seen(text)


def test_every_character_at_the_start_of_a_cell():
    for code in EVERYTHING:
        cell = chr(code) + "1"
        assert cell_text(cell) == guarded(cell), hex(code)


@given(st.lists(any_text, min_size=1, max_size=8, unique=True))
def test_no_two_names_become_one_cell(names):
    cells = [cell_text(name) for name in names]
    assert len(set(cells)) == len(names)
    assert [unguarded(cell) for cell in cells] == names


@FEW
@given(st.lists(any_text, min_size=2, max_size=7), st.lists(any_text, min_size=1, max_size=3))
def test_names_of_arrays(tmp_path_factory, x, y):
    x, y = distinct(x), distinct(y)
    folder = tmp_path_factory.mktemp("any") / "out"
    named(x, y).save(folder)
    back = must_be_told(folder, told(x), told(y))
    must_be_harmless(terminal_text(back, verbose=True))
    must_be_harmless(back._repr_html_())


@pytest.mark.parametrize("pair", [("a", "a"), ("\x1b", "\\x1b"), ("map1", ""), (1, "1")])
def test_names_of_arrays_that_would_be_one(pair):
    with pytest.raises(nc.InputError, match="two maps are called"):
        nc.MapMatrix.from_array(values(2), pair)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    return [str(write_nifti(folder / f"{k}.nii", noise(k, SHAPE), AFFINE)) for k in range(4)]


@FEW
@given(labels=st.lists(any_text, min_size=3, max_size=3), column=any_text, cell=any_text)
def test_names_and_columns_of_a_table_of_maps(tmp_path_factory, files, labels, column, cell):
    column = f"c{column}"
    table = pd.DataFrame({"path": files[:3], "label": labels, column: [cell] * 3})
    result = nc.correlate(table, files[3], mask="none", background="none", zeros="data", null="none", warn=False)
    names = list(result.x_labels)
    assert len(set(names)) == 3
    # A map without a label is called by its file; what two would be called, neither is.
    shown = [seen(label) or str(k) for k, label in enumerate(labels)]
    for name, wanted in zip(names, shown, strict=True):
        assert name == wanted or shown.count(wanted) > 1
    assert all(record.metadata == {seen(column): seen(cell)} for record in result.x_maps)
    folder = tmp_path_factory.mktemp("any") / "out"
    result.save(folder)
    back = must_be_told(folder, names, ["3"])
    assert all(record.metadata == {seen(column): seen(cell)} for record in back.x_maps)
    must_be_harmless(terminal_text(back, verbose=True))


@FEW
@given(st.lists(any_text.filter(visible), min_size=4, max_size=4).filter(lambda names: len(distinct(names)) == 4))
def test_names_of_regions(tmp_path_factory, names):
    rng = np.random.default_rng(3)
    atlas = (np.arange(8 * 8 * 8) % 4 + 1).reshape(8, 8, 8).astype(np.int16)
    maps = [(rng.standard_normal((8, 8, 8)) + 9, AFFINE) for _ in range(3)]
    result = nc.correlate(maps[:2], maps[2], atlas=(atlas, AFFINE), labels=names, null="none", warn=False)
    found = [region.name for region in result.parcellation.regions]
    assert len(set(found)) == 4
    assert not any(hidden(char) for name in found for char in name)
    folder = tmp_path_factory.mktemp("any") / "out"
    result.save(folder)
    header, *rows = csv_cells(folder / "regions.tsv", "\t")
    column = next(k for k, name in enumerate(header) if name in ("name", "region"))
    assert [unguarded(row[column]) for row in rows] == found
    assert {len(row) for row in rows} == {len(header)}
    assert [region.name for region in nc.load(folder).parcellation.regions] == found
    must_be_harmless(terminal_text(result, verbose=True))


def svg_of(result, folder):
    save_heatmap(result, str(folder), formats=("svg",))
    tree = ET.parse(folder / "heatmap.svg", ET.XMLParser(target=ET.TreeBuilder(insert_comments=True)))
    elements = [one for one in tree.iter() if isinstance(one.tag, str)]
    comments = [html.unescape(one.text[1:-1]) for one in tree.iter() if one.tag is ET.Comment]
    return elements, comments


def test_a_figure_holds_drawings_alone_whatever_is_written_in_it(tmp_path):
    """Letters are outlines; what they spell stands in comments, which must not be left early."""
    x = distinct(text for text in FRAGMENTS if text.strip())
    y = ["<script>", "--><script>alert(1)</script><!--", "plain name", "--", "\ufffe\uffff", "]]>&amp;"]
    elements, comments = svg_of(named(x, y), tmp_path)
    kinds = {one.tag.rpartition("}")[2] for one in elements}
    assert kinds <= {"svg", "g", "path", "use", "defs", "style", "clipPath", "rect", "image", "metadata", "RDF", "Work",
                     "type", "date", "format", "creator", "title", "Agent", "linearGradient", "stop"}, kinds
    for one in elements:
        assert not [name for name in one.attrib if name.lower().startswith("on")]
        link = one.get("{http://www.w3.org/1999/xlink}href") or "#"
        assert link.startswith(("#", "data:image/png;base64,"))
    said = " ".join(comments)
    for name in ("plain name", "<script>", "]]>&amp;", "\\ufffe\\uffff", "__proto__", "&lt;", "\\x1b[2J", "$x^2$"):
        assert name in said, name


@settings(max_examples=6)
@given(st.lists(any_text.filter(visible), min_size=6, max_size=6))
def test_a_figure_of_any_names_is_well_formed(tmp_path_factory, names):
    names = distinct(names)
    _, comments = svg_of(named(names, ["y"]), tmp_path_factory.mktemp("svg"))
    # What no font has is an escape, and XML's own rule splits two hyphens: names of plain letters are told as they are.
    plain = [name for name in names if name.isascii() and name.isprintable() and "--" not in name]
    assert all(name in comments for name in plain), (plain, comments)


def test_no_character_in_a_figure_is_one_that_xml_forbids():
    for text in chunks(65536):
        drawn = escape_missing(printable(text), ["DejaVu Sans"])
        bad = {char for char in set(drawn) if hidden(char) or unicodedata.category(char) == "Cn"}
        assert not bad, ascii(bad)
