"""Tables of region names in every form they come in, and which name goes to which label."""

from __future__ import annotations

import csv
import io
import json
import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from niicorr.errors import InputError, MapError
from niicorr.images.label_tables import read_table, tables_beside
from niicorr.images.region_names import name_regions, network_of, side_of

FSL = """<?xml version="1.0" encoding="ISO-8859-1"?>
<atlas version="1.0">
  <header><name>Some atlas</name><type>{type}</type>
  <images><imagefile>/Some/Some-cort-prob-1mm</imagefile>
  <summaryimagefile>/Some/Some-cort-maxprob-thr25-1mm</summaryimagefile></images></header>
  <data>{data}</data>
</atlas>"""


def fsl(*names, kind="Probabilistic"):
    lines = [f'<label index="{i}" x="{48 - i}" y="94" z="3{i}">{name}</label>' for i, name in enumerate(names)]
    return FSL.format(type=kind, data="\n".join(lines))


AAL_XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<atlas version="2.0"><header><name>AAL</name><type>Label</type></header><data>
<label><index>2001</index><name>Precentral_L</name></label>
<label><index>2002</index><name>Precentral_R</name></label>
<label><index>9170</index><name>Vermis_10</name></label>
</data></atlas>"""

FREESURFER = """#$Id: FreeSurferColorLUT.txt
#No. Label Name:                            R   G   B   A

0   Unknown                                 0   0   0   0
2   Left-Cerebral-White-Matter              245 245 245 0

17  Left-Hippocampus                        220 216 20  0
53  Right-Hippocampus                       220 216 20  0
1000 ctx-lh-unknown                         25  5   25  0
"""

SNAP = """################################################
# ITK-SnAP Label Description File
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
    0     0    0    0        0  0  0    "Clear Label"
    4   255    0    0        1  1  1    "left thalamus, ventral"
    7     0  255    0        1  1  1    "right thalamus, ventral"
"""

WORKBENCH = "Left Thalamus\n4 255 0 0 255\nRight Thalamus\n7 0 255 0 255\n"

AFNI = """<VALUE_LABEL_DTABLE
  ni_type="2*String"
  ni_dimen="2" >
  "4" "L-thalamus"
  "7" "R-thalamus"
</VALUE_LABEL_DTABLE>"""


def write(folder, content, name="table.txt"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def named(labels, ids):
    return [region.name for region in name_regions(read_table(labels), ids).regions]


def said(naming):
    return " | ".join(d.text for d in naming.decisions)


@pytest.mark.parametrize(
    ("content", "ids", "names"),
    [
        ("index,name\n0,Background\n5,Precentral\n9,Insula\n", [5, 9], ["Precentral", "Insula"]),
        ("5,Precentral\n9,Insula\n", [5, 9], ["Precentral", "Insula"]),
        ("5\tPrecentral gyrus\n9\tInsula\n", [5, 9], ["Precentral gyrus", "Insula"]),
        ("ROIid;ROIabbr;ROIname\n5;lPre;Precentral\n9;lIns;Insula, long\n", [5, 9], ["Precentral", "Insula, long"]),
        ("5|Precentral\n9|Insula\n", [5, 9], ["Precentral", "Insula"]),
        ("sep=;\n5;Precentral\n9;Insula\n", [5, 9], ["Precentral", "Insula"]),
        ('"index","name"\r\n5,"Gyrus, ""pre""central"\r\n9,Insula\r\n', [5, 9], ['Gyrus, "pre"central', "Insula"]),
        ("5,Inferior gyrus, pars orbitalis\n9,Insula\n2,Cuneus\n", [2, 5, 9],
         ["Cuneus", "Inferior gyrus, pars orbitalis", "Insula"]),
        ('5,5" strip\n9,Insula\n', [5, 9], ['5" strip', "Insula"]),
        ('5,"open\n9,Insula\n', [5, 9], ["open", "Insula"]),
        ("0,null,,,\n5,Precentral,,,\n9,Insula,,,", [5, 9], ["Precentral", "Insula"]),
        ("5 Precentral\r9 Insula\r", [5, 9], ["Precentral", "Insula"]),
        ("5 Left precentral gyrus\n9 Insula\n", [5, 9], ["Left precentral gyrus", "Insula"]),
        ("5 Left Amygdala\n9 Right Hippocampus\n", [5, 9], ["Left Amygdala", "Right Hippocampus"]),
        ("1 Vermis 1\n2 Vermis 2\n", [1, 2], ["Vermis 1", "Vermis 2"]),
        ("5 Vermis 4\n9 Crus\n", [5, 9], ["Vermis 4", "Crus"]),
        ("5 Vermis 4\n9 Crus two 7\n", [5, 9], ["Vermis 4", "Crus two 7"]),
        ("Precentral_L 2001\nPrecentral_R 2002\n", [2001, 2002], ["Precentral_L", "Precentral_R"]),
        ("FAG\tPrecentral_L\t2001\nFAD\tPrecentral_R\t2002\n", [2001, 2002], ["Precentral_L", "Precentral_R"]),
        ("FAG Precentral_L 2001\nFAD Precentral_R 2002\n", [2001, 2002], ["Precentral_L", "Precentral_R"]),
        ("1 Precentral_L 2001\n2 Precentral_R 2002\n", [1, 2], ["Precentral_L", "Precentral_R"]),
        ("1 Precentral_L 2001\n2 Precentral_R 2002\n", [2001, 2002], ["Precentral_L", "Precentral_R"]),
        ("Precentral\nInsula\n", [1, 2], ["Precentral", "Insula"]),
        ("Left insula\nRight insula lobe\n", [1, 2], ["Left insula", "Right insula lobe"]),
        ("name\nPrecentral\nInsula\n", [1, 2], ["Precentral", "Insula"]),
        ("Background\nPrecentral\nInsula\n", [1, 2], ["Precentral", "Insula"]),
        ("Precentral\nInsula\n", [5, 9], ["Precentral", "Insula"]),
        ("Background\nA\nB\nC\nD\n", [1, 4], ["A", "D"]),
        ("A\nB\nC\nD\n", [1, 4], ["A", "D"]),
        ("# label name\n# made by hand\n5 Precentral\n9 Insula\n", [5, 9], ["Precentral", "Insula"]),
        ("label\tregion\n5\tPrecentral\n9\tInsula\n", [5, 9], ["Precentral", "Insula"]),
        ("name,index\nPrecentral,5\nInsula,9\n", [5, 9], ["Precentral", "Insula"]),
        ("id,name\n5.0,Precentral\n9.000,Insula\n", [5, 9], ["Precentral", "Insula"]),
        ("index,name\n5,17\n9,18\n", [5, 9], ["17", "18"]),
        ("2147483648,Precentral\n9,Insula\n", [9, 2**31], ["Insula", "Precentral"]),
        (FREESURFER, [2, 17, 53], ["Left-Cerebral-White-Matter", "Left-Hippocampus", "Right-Hippocampus"]),
        (SNAP, [4, 7], ["left thalamus, ventral", "right thalamus, ventral"]),
        (WORKBENCH, [4, 7], ["Left Thalamus", "Right Thalamus"]),
        (AFNI, [4, 7], ["L-thalamus", "R-thalamus"]),
        (AAL_XML, [2001, 2002, 9170], ["Precentral_L", "Precentral_R", "Vermis_10"]),
        (fsl("Frontal Pole", "Insula", "Heschl's Gyrus"), [1, 2, 3], ["Frontal Pole", "Insula", "Heschl's Gyrus"]),
        (fsl("Frontal Pole", "Insula", "Cuneus"), [1, 2], ["Frontal Pole", "Insula"]),
        (fsl("Frontal Pole", "Insula", kind="?"), [1, 2], ["Frontal Pole", "Insula"]),
        (fsl("Unclassified", "Pons", "Fornix", kind="Label"), [1, 2], ["Pons", "Fornix"]),
        (fsl("Unclassified", "Pons", "Fornix", kind="?"), [1, 2], ["Pons", "Fornix"]),
        ('{"5": "Precentral", "9": "Insula"}', [5, 9], ["Precentral", "Insula"]),
        ('{"Precentral": 5, "Insula": 9}', [5, 9], ["Precentral", "Insula"]),
        ('{"name": "An atlas", "labels": {"5": "Precentral", "9": "Insula"}}', [5, 9], ["Precentral", "Insula"]),
        ('["Precentral", "Insula"]', [5, 9], ["Precentral", "Insula"]),
        ('[[5, "Precentral"], [9, "Insula"]]', [5, 9], ["Precentral", "Insula"]),
        ('[{"index": 5, "name": "Precentral"}, {"name": "Insula", "index": 9}]', [5, 9], ["Precentral", "Insula"]),
        ('{"5": {"name": "Precentral"}, "9": {"name": "Insula"}}', [5, 9], ["Precentral", "Insula"]),
        ('{"5": ["Precentral", "#ff0000"], "9": ["Insula", "#00ff00"]}', [5, 9], ["Precentral", "Insula"]),
        ('{"index": [5, 9], "name": ["Precentral", "Insula"]}', [5, 9], ["Precentral", "Insula"]),
        ('{"index": {"0": 5, "1": 9}, "name": {"0": "Precentral", "1": "Insula"}}', [5, 9], ["Precentral", "Insula"]),
        ("\ufeffindex,name\n5,Précentral\n9,島\n", [5, 9], ["Précentral", "島"]),
        ("\ufeff5,Précentral\n9,島\n", [5, 9], ["Précentral", "島"]),
        ("index,name\n5,Précentral\n9,Insula\n".encode("latin-1"), [5, 9], ["Précentral", "Insula"]),
        ("index,name\n5,Précentral\n9,Insula\n".encode("utf-16"), [5, 9], ["Précentral", "Insula"]),
    ],
)
def test_tables_as_they_come(content, ids, names, tmp_path):
    assert named(write(tmp_path, content), ids) == names


@pytest.mark.parametrize(
    ("labels", "ids", "names"),
    [
        (["A", "B"], [3, 8], ["A", "B"]),
        (["Background", "A", "B"], [3, 8], ["A", "B"]),
        ([b"A", "B"], [3, 8], ["A", "B"]),
        (("A", "B"), [3, 8], ["A", "B"]),
        (np.array(["A", "B"]), [3, 8], ["A", "B"]),
        (np.array([(3, b"A"), (8, b"B")], dtype=[("index", int), ("name", "S5")]), [3, 8], ["A", "B"]),
        ([(8, "B"), (3, "A")], [3, 8], ["A", "B"]),
        ({8: "B", 3: "A"}, [3, 8], ["A", "B"]),
        ({np.int64(8): "B", 3.0: "A"}, [3, 8], ["A", "B"]),
        ({"B": 8, "A": 3}, [3, 8], ["A", "B"]),
        (pd.DataFrame({"name": ["B", "A"], "value": [8.0, 3.0]}), [3, 8], ["A", "B"]),
        (pd.DataFrame({"name": ["B", "A"]}, index=pd.Index([8, 3], name="id")), [3, 8], ["A", "B"]),
        (pd.DataFrame({"index": [8, 3, 4], "name": ["B", "A", None]}), [3, 8], ["A", "B"]),
        (pd.Series(["A", "B"]), [3, 8], ["A", "B"]),
        (pd.Series({8: "B", 3: "A"}), [3, 8], ["A", "B"]),
        ((name for name in "AB"), [3, 8], ["A", "B"]),
    ],
)
def test_names_given_in_python(labels, ids, names):
    assert named(labels, ids) == names


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no names"),
        ("# only a remark\n", "holds no names"),
        ("index,name\n", "holds no names"),
        ("1,2\n3,4\n", r"no column of the table holds names \(columns: 2 without titles; 2 rows\)"),
        ("A\nB\nC\n", r"3 names without numbers for 2 regions \(labels 5 to 9\): give a table with the number"),
        ("1,A\n2,B\n3,C\n", r"no number of the table \(1 to 3\) is a label of the image \(5 to 9\), and it has 3 "
                            "names for 2 regions: give the table of this atlas"),
        (b"PK\3\4 and so on", "an Excel workbook or another zip archive: save the sheet as CSV"),
        (b"\x1f\x8b and so on", "compressed: unpack it first"),
        (b"5,A\0\n", "holds NUL bytes"),
        ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><atlas><label index="5">&b;</label></atlas>',
         "declares a document type"),
        ("<atlas><label", "this XML file cannot be read"),
        ("<atlas></atlas>", "holds no names"),
        ("#!ascii label  , from subject fsaverage\n2\n1 0 0 0 0.0\n2 0 0 0 0.0\n", "vertices of one label"),
    ],
)
def test_tables_that_cannot_be_used(content, words, tmp_path):
    path = write(tmp_path, content)
    with pytest.raises(MapError, match=words) as caught:
        named(path, [5, 9])
    assert caught.value.path == path


@pytest.mark.parametrize("name", ["names.json", "names.txt"])
@pytest.mark.parametrize(("text", "key"), [
    ('{"1": "a", "1": "b"}', "1"), ('[{"index": 1, "name": "a", "name": "b"}]', "name"),
    ('{"labels": {"1": "a", "2": "b", "2": "c"}}', "2"),
])
def test_a_key_of_two_values_is_refused(tmp_path, name, text, key):
    with pytest.raises(MapError, match=f"'{key}' stands twice in one object of this JSON, with two values"):
        read_table(write(tmp_path, text, name))


def test_a_key_that_says_the_same_twice_says_it_once(tmp_path):
    assert read_table(write(tmp_path, '{"1": "a", "1": "a", "2": "b"}', "names.json")).rows == (("1", "a"), ("2", "b"))


def test_a_json_file_that_is_none_says_where(tmp_path):
    with pytest.raises(MapError, match=r"JSON file cannot be read \(Expecting value: line 1 column 7"):
        read_table(write(tmp_path, '{"5": nothing}', "names.json"))
    with pytest.raises(MapError, match="nested too deeply"):
        read_table(write(tmp_path, "[" * 200_000, "names.json"))
    with pytest.raises(MapError, match="no names of regions in an empty dict"):
        read_table(write(tmp_path, "{}", "names.json"))


def test_a_file_that_is_missing_or_too_large(tmp_path):
    with pytest.raises(MapError, match=r"none\.csv: no such file or folder: check the path"):
        read_table(tmp_path / "none.csv")
    with open(tmp_path / "large.csv", "wb") as file:
        file.truncate(16 * 2**20 + 1)
    with pytest.raises(MapError, match="larger than 16 MiB"):
        read_table(tmp_path / "large.csv")


@pytest.mark.parametrize("labels", [[], {}, 5, object()])
def test_python_values_that_are_no_names(labels):
    with pytest.raises(MapError, match="no names of regions in"):
        read_table(labels)


def test_entities_are_refused_in_any_encoding(tmp_path):
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><atlas/>'
    with pytest.raises(MapError, match="declares a document type"):
        read_table(write(tmp_path, text.encode("utf-16"), "a.xml"))


def test_the_column_of_numbers_is_the_one_the_image_holds():
    rows = [(k, 100 + k, f"area {k}") for k in range(1, 9)]
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    assert named(frame, [102, 105]) == ["area 2", "area 5"]
    assert named(frame, [2, 5]) == ["area 2", "area 5"]


def test_columns_that_hold_the_labels_by_chance(tmp_path):
    """Networks are few numbers again and again; a column titled as the index wins over a slightly better fit."""
    rows = "".join(f"{k},area {k},{1 + k % 3}\n" for k in range(2, 10))
    assert named(write(tmp_path, rows), [1, 2, 3]) == ["region 1", "area 2", "area 3"]
    frame = pd.DataFrame({"size": [5, 4, 3, 2, 1, 7], "name": list("ABCDEF"), "index": [1, 2, 3, 4, 9, 10]})
    assert named(frame, [1, 2, 3, 4, 5]) == ["A", "B", "C", "D", "region 5"]


def test_columns_become_hemisphere_network_and_metadata():
    frame = pd.DataFrame({"id": [1, 2, 3], "label": ["insula", "insula", "stem"], "hemisphere": ["L", "right", "B"],
                          "yeo_networks7": ["Vis", "Default", ""], "structure": ["cortex", "cortex", "brainstem"]})
    naming = name_regions(read_table(frame), [1, 2, 3])
    one, two, three = naming.regions
    assert [r.name for r in naming.regions] == ["insula_L", "insula_R", "stem"]
    assert [r.hemisphere for r in naming.regions] == ["L", "R", ""]
    assert [r.network for r in naming.regions] == ["Vis", "Default", ""]
    assert one.metadata == two.metadata == {"structure": "cortex"}
    assert three.metadata == {"structure": "brainstem"}
    assert "2 names not unique in labels, told apart: insula is insula_L, insula is insula_R" in said(naming)


def test_sides_in_a_column_without_title(tmp_path):
    path = write(tmp_path, "1,insula,L\n2,cuneus,R\n3,stem,B\n")
    assert [(r.name, r.hemisphere) for r in name_regions(read_table(path), [1, 2, 3]).regions] == [
        ("insula", "L"), ("cuneus", "R"), ("stem", "")]


def test_the_columns_of_colours_are_no_metadata(tmp_path):
    naming = name_regions(read_table(write(tmp_path, FREESURFER)), [17, 53])
    assert [r.metadata for r in naming.regions] == [{}, {}]
    assert [r.hemisphere for r in naming.regions] == ["L", "R"]


def test_equal_names_without_sides_are_numbered():
    naming = name_regions(read_table({1: "A", 2: "A", 3: "A#2", 4: "A"}), [1, 2, 3, 4])
    names = [r.name for r in naming.regions]
    assert len(set(names)) == 4
    assert names[0] == "A"
    assert "2 names not unique" in said(naming)


def test_a_name_that_stands_for_a_number_already():
    assert len({*named({5: "region 7"}, [5, 7])}) == 2


def test_what_only_one_side_has_is_said_by_name():
    naming = name_regions(read_table({k: f"area{k}" for k in range(1, 12)} | {0: "Background"}), [1, 2, 3, 4, 99])
    assert naming.named == 4
    assert naming.surplus == 7
    assert [r.name for r in naming.regions] == ["area1", "area2", "area3", "area4", "region 99"]
    assert "1 region of the image without a name in labels: region 99" in said(naming)
    assert "7 regions of labels without a voxel in the image: area5 (5), area6 (6)" in said(naming)
    assert "area9 (9), area10 (10), area11 (11)" in said(naming)
    assert "Background" not in said(naming)
    assert naming.warnings == ()


def test_a_table_of_another_atlas_is_questioned():
    few = name_regions(read_table({1: "A", 2: "B", 3: "C"}), [1, 7, 8])
    assert few.warnings == ("only 1 of the 3 regions has a name in labels: check that it is the table of this atlas",)
    long = name_regions(read_table({k: f"a{k}" for k in range(1, 6)}), [1, 2, 3])
    assert "names 5 regions, the image has 3: names may be of another version" in long.warnings[0]


def test_names_in_order_against_their_numbers_are_questioned():
    naming = name_regions(read_table({2001: "A", 2002: "B", 0: "Background"}), [1, 2])
    assert [r.name for r in naming.regions] == ["A", "B"]
    assert naming.ordered
    assert "no number of the table (0 to 2002) is a label of the image (1 to 2)" in naming.warnings[0]


def test_a_table_that_counts_from_0_is_noticed_and_said():
    naming = name_regions(read_table({0: "A", 1: "B", 2: "C"}), [1, 2, 3])
    assert [r.name for r in naming.regions] == ["A", "B", "C"]
    assert "counts from 0 where the image counts from 1" in said(naming)
    plain = name_regions(read_table({0: "Background", 1: "B", 2: "C"}), [1, 2, 3])
    assert [r.name for r in plain.regions] == ["B", "C", "region 3"]


def test_a_number_with_two_names_and_a_row_without_number(tmp_path):
    path = write(tmp_path, "index,name\n1,A\n1,B\n2,C\n,D\n3,E\n4,F\n5,G\n6,H\n7,I\n8,J\n9,K\n")
    naming = name_regions(read_table(path), list(range(1, 10)))
    assert [r.name for r in naming.regions][:2] == ["A", "C"]
    assert "1 number with several names in table.txt, the first of which counts: 1" in said(naming)
    assert "1 row without a number left out" in said(naming)


def test_without_a_table_regions_are_called_by_number():
    naming = name_regions(None, [4, 2**31])
    assert [r.name for r in naming.regions] == ["region 4", f"region {2**31}"]


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("Precentral_L", "L"), ("Precentral_R", "R"), ("L_V1_ROI", "L"), ("R-V1", "R"), ("G_Frontal_Sup-1-L", "L"),
        ("Left-Hippocampus", "L"), ("ctx-rh-insula", "R"), ("7Networks_LH_Vis_1", "L"), ("17networks_RH_A", "R"),
        ("lh.insula", "L"), ("Right Frontal Pole", "R"), ("GM Amygdala (laterobasal) R", "R"), ("putamen_l", "L"),
        ("leftHippocampus", "L"), ("RightThalamus", "R"), ("hippocampus (left)", "L"), ("LH Vis", "L"),
        ("Vermis_10", ""), ("Brain-Stem", ""), ("Lingual", ""), ("Rectus", ""), ("Layer r of x", ""), ("Cleft", ""),
        ("left and right insula", ""), ("R", "R"), ("l", ""), ("Corpus callosum", ""), ("", ""), ("Leftover", ""),
    ],
)
def test_sides_in_names(name, side):
    assert side_of(name) == side


def test_networks_in_names_of_schaefer():
    assert network_of("7Networks_LH_Vis_1") == "Vis"
    assert network_of("17Networks_RH_DefaultA_PFCd_2") == "DefaultA"
    assert network_of("Vis_1") == ""
    assert name_regions(read_table(["7Networks_LH_Cont_Par_1"]), [1]).regions[0].network == "Cont"


LETTERS = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cf"))
WORDS = st.text(LETTERS, min_size=1, max_size=30).map(str.strip)
NAMES = st.lists(WORDS.filter(bool), min_size=1, max_size=8, unique=True)


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@given(names=NAMES, ids=st.data())
def test_names_of_any_letters_come_back(delimiter, names, ids, tmp_path_factory):
    numbers = sorted(ids.draw(st.sets(st.integers(1, 2**31), min_size=len(names), max_size=len(names))))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(["index", "name"])
    writer.writerows(zip(numbers, names, strict=True))
    folder = tmp_path_factory.getbasetemp()
    assert named(write(folder, text.getvalue(), "round.csv"), numbers) == names


@given(names=NAMES)
def test_names_in_json_and_python_come_back(names, tmp_path_factory):
    numbers = list(range(3, 3 + 2 * len(names), 2))
    pairs = dict(zip(numbers, names, strict=True))
    folder = tmp_path_factory.getbasetemp()
    assert named(pairs, numbers) == names
    records = json.dumps([{"index": k, "name": n} for k, n in pairs.items()])
    assert named(write(folder, records, "r.json"), numbers) == names


def names_or_refusal(labels, ids):
    try:
        return named(labels, ids), ""
    except InputError as error:
        return None, str(error)


PIECES = st.lists(st.sampled_from(["\n", "\r", "\t", ",", ";", "|", " ", '"', "'", "#", "<", ">", "{", "}", "[", "]",
                                   ":", "0", "1", "2", "5", ".", "-", "index", "name", "label", "L", "é", "\ufeff",
                                   "\x85", "<label>", "</label>", "<atlas>", "</atlas>", "null", "e9", "9" * 30]),
                  max_size=40)


@example(text="index\n\n")
@example(text='{"1": {"1": {"1": {"1": {"1": {"1": 1}}}}}}')
@example(text="1 a\n2\n")
@example(text="[" * 5000)
@given(text=st.one_of(st.text(max_size=200), PIECES.map("".join)))
def test_any_text_is_read_or_refused_in_words(text, tmp_path_factory):
    path = write(tmp_path_factory.getbasetemp(), text.encode("utf-8", "surrogatepass"), "any.txt")
    for ids in ([1], [1, 2, 5], [2001]):
        names, refusal = names_or_refusal(path, ids)
        assert names is not None or refusal.startswith(path)
        if names is not None:
            assert len(names) == len(set(names)) == len(ids)
            assert all(names)
            assert not any(unicodedata.category(char) == "Cc" for name in names for char in name)


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_words(data, tmp_path_factory):
    path = write(tmp_path_factory.getbasetemp(), data, "any.xml")
    names, refusal = names_or_refusal(path, [1, 2, 3])
    assert names is not None or refusal.startswith(path)


KEYS = st.one_of(st.text(max_size=4), st.sampled_from(["1", "2", "name", "index"]))
JSON = st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
                    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
                    max_leaves=20)


@given(value=JSON)
def test_any_values_are_read_or_refused_in_words(value):
    if isinstance(value, str):
        return
    names, refusal = names_or_refusal(value, [1, 2])
    assert names is not None or refusal.startswith("labels")


def beside(folder, *names):
    for name in names:
        write(folder, "1,A\n", name)


def test_the_tables_beside_an_atlas_the_likeliest_first(tmp_path):
    beside(tmp_path, "aal.csv", "AAL.tsv", "aal.xml", "other.tsv", "aal.nii.txt", "aal.pdf")
    found = [(one.path.rpartition("/")[2], one.certain) for one in tables_beside(str(tmp_path / "aal.nii.gz"))]
    assert found == [("AAL.tsv", True), ("aal.csv", True), ("aal.xml", True), ("aal.nii.txt", True)]


def test_tables_for_other_grids_of_one_atlas_may_be_meant(tmp_path):
    beside(tmp_path, "AAL.csv", "labels_AAL.csv", "AAL2.csv")
    path = str(tmp_path / "AAL_space-MNI152_res-2x2x2.nii.gz")
    assert [(one.path.rpartition("/")[2], one.certain) for one in tables_beside(path)] == [
        ("AAL.csv", False), ("labels_AAL.csv", False)]


def test_an_fsl_table_names_its_images_from_the_folder_above(tmp_path):
    (tmp_path / "Some").mkdir()
    write(tmp_path, fsl("A", "B"), "Some-Cortical.xml")
    write(tmp_path, "<broken", "Broken.xml")
    for name, n in (("Some-cort-maxprob-thr50-2mm.nii.gz", 1), ("Some-cort-prob-1mm.nii.gz", 1), ("Else.nii.gz", 0)):
        found = list(tables_beside(str(tmp_path / "Some" / name)))
        assert [one.certain for one in found] == [True] * n


def test_no_table_beside_what_has_no_folder(tmp_path):
    assert list(tables_beside(str(tmp_path / "none" / "a.nii.gz"))) == []
